/* proto/smtp/commands.h - one row per command of the server.
 *
 * Pure. The rows are the dispatcher; EHLO's capability list, HELP, metrics and the fuzz dictionary
 * come from them, too. Tests: smtp_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_SMTP_COMMANDS_H
#define POSTERN_PROTO_SMTP_COMMANDS_H

#include "base/str.h"

struct smtp;

enum {
    ROW_EMPTY = 1 << 0, /* brings no mail nearer; counted against empty_max */
    ROW_UTF8 = 1 << 1   /* may carry octets above 127                       */
};

struct smtp_command_row {
    const char *verb;
    void (*run)(struct smtp *s, struct str arg);
    unsigned need, forbid;  /* FACT_* that must and must not hold          */
    const char *refusal;    /* text of the 503 when they do not            */
    const char *usage;      /* for HELP; null for what is not worth saying */
    const char *capability; /* EHLO keywords, one a line; or null          */
    unsigned flags;         /* ROW_*                                       */
};

const struct smtp_command_row *smtp_command_rows(size_t *ret_count);

#endif
