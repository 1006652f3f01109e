/* gate/error_map.h - what a peer is told when something failed inside: one row per enum err.
 *
 * Pure. The detail of an error is for the administrator and never leaves the house; a peer gets the
 * words of this table. A failure to store is always temporary for SMTP unless trying again can not
 * help, so that no mail is lost by our trouble.
 * Spec: RFC 5321 4.2, RFC 3463 (enhanced codes), RFC 2449 8 and RFC 3206 (POP3), RFC 5530 (IMAP).
 * Tests: error_map_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_ERROR_MAP_H
#define POSTERN_GATE_ERROR_MAP_H

#include "base/err.h"
#include "base/str.h"

struct error_words {
    int smtp_code;
    struct str smtp; /* begins with an enhanced code                                  */
    struct str pop3; /* behind "-ERR ", with a response code where there is one       */
    struct str imap; /* behind "NO ", with a response code where there is one         */
};

/* Never null; an error without a row of its own, and OK, get the row of "try again". */
const struct error_words *error_words(enum err e);

#endif
