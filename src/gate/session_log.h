/* gate/session_log.h - what the log says of a session for reading mail: its beginning, its log-in,
 * its end.
 *
 * One line each, as of SMTP: peer, then what is known. A null log writes nothing. Octets are those
 * of the protocol, without what TLS and compression add or take. Tests: pop3_session_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_SESSION_LOG_H
#define POSTERN_GATE_SESSION_LOG_H

#include "gate/login.h"
#include "os/log.h"

/* Part of a session. */
struct session_tally {
    uint64_t octets_in, octets_out;
    uint32_t begun_s; /* of the loop's clock */
    uint32_t account; /* 0: never logged in */
};

void session_log_begin(struct log *g, const char *event, const struct stream *s);
void session_log_login(struct log *g, const char *event, const struct stream *s,
                       const struct login_result *r);
void session_log_end(struct log *g, const char *event, const struct stream *s,
                     const struct session_tally *t, uint64_t now_ms);

#endif
