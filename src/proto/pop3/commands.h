/* proto/pop3/commands.h - one row per command of the server.
 *
 * Pure. The rows are the dispatcher; CAPA's list, metrics and the fuzz dictionary come from them,
 * too. Tests: pop3_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_POP3_COMMANDS_H
#define POSTERN_PROTO_POP3_COMMANDS_H

#include "base/str.h"

struct pop3;

struct pop3_command_row {
    const char *verb;
    void (*run)(struct pop3 *p, struct str arg);
    unsigned need, forbid;  /* FACT_* that must and must not hold */
    const char *refusal;    /* text of the -ERR when they do not  */
    const char *capability; /* line of CAPA, or null              */
};

const struct pop3_command_row *pop3_command_rows(size_t *ret_count);

#endif
