/* message/text/domain.h - internationalised domain names, to and from the form that DNS knows.
 *
 * Pure (ICU computes). Names are compared, looked up and used as keys in their ASCII form
 * (A-labels, "xn--..."), and shown in Unicode. Results are lower case and live in `mem`, or are the
 * name itself when nothing had to change. Address literals pass as they are.
 * Spec: RFC 5890, RFC 5891, UTS 46 (non-transitional), RFC 6531 3.7.1. Tests: domain_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_DOMAIN_H
#define POSTERN_MESSAGE_DOMAIN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* ERR_SYNTAX when the name has no ASCII form, or that form has a label over 63 octets or is over
 * 255 octets. A name in ASCII is only lower-cased. */
MUST_USE enum err domain_to_ascii(struct arena *mem, struct str domain, struct str *ret);

/* For people: A-labels as Unicode where they are well-formed, else as they are. */
struct str domain_to_unicode(struct arena *mem, struct str domain);

#endif
