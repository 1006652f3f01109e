/* message/text/saslprep.h - names and passwords in the one form in which they are compared.
 *
 * Pure. Two keyboards may write the same password with different code points; SASLprep makes them
 * one. Characters that Unicode 3.2 did not know are let through as they are, which is how clients
 * prepare what they send (RFC 3454 7, queries), so what is stored agrees with it. The result lies
 * in `mem`, or is `in` itself when nothing changes; it may be empty.
 * ERR_SYNTAX: not UTF-8, a character that is prohibited, or letters of two directions mixed.
 * Spec: RFC 4013. Tests: saslprep_test.c. Fuzz: saslprep_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_SASLPREP_H
#define POSTERN_MESSAGE_SASLPREP_H

#include "base/arena.h"
#include "base/err.h"

enum { SASLPREP_BYTES_MAX = 4096 }; /* of `in`; longer is ERR_LIMIT */

MUST_USE enum err saslprep(struct arena *mem, struct str in, struct str *ret);

#endif
