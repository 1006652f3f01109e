/* gate/session_log.c - lines of the log. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/session_log.h"

static void begin(struct log *g, enum log_level level, const char *event, const struct stream *s)
{
    struct address peer = stream_peer(s);

    log_begin(g, level, event);
    log_address(g, "peer", &peer);
}

/* Only for who looks closely: every log-in and every end has its line anyway. */
void session_log_begin(struct log *g, const char *event, const struct stream *s)
{
    if (g == NULL || !log_is_on(g, LOG_DEBUG))
        return;
    begin(g, LOG_DEBUG, event, s);
    log_end(g);
}

void session_log_login(struct log *g, const char *event, const struct stream *s,
                       const struct login_result *r)
{
    if (g == NULL)
        return;
    begin(g, LOG_INFO, event, s);
    log_str(g, "mechanism", r->mechanism);
    if (stream_is_secure(s))
        log_str(g, "tls", stream_tls_version(s));
    if (r->e == OK) {
        log_str(g, "account", r->address);
        log_num(g, "number", r->account);
    } else {
        log_err(g, r->e, NULL);
    }
    log_end(g);
}

void session_log_end(struct log *g, const char *event, const struct stream *s,
                     const struct session_tally *t, uint64_t now_ms)
{
    if (g == NULL)
        return;
    begin(g, LOG_INFO, event, s);
    if (t->account != 0)
        log_num(g, "number", t->account);
    log_num(g, "in", (int64_t)t->octets_in);
    log_num(g, "out", (int64_t)t->octets_out);
    log_num(g, "seconds", (int64_t)(now_ms / 1000 - t->begun_s));
    log_end(g);
}
