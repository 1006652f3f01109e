/* proto/smtp_client/client.h - the client side of SMTP: one connection, message after message.
 *
 * Pure: octets, answers and time go in; events come out. The machine speaks EHLO (HELO to servers
 * that know no better), STARTTLS, AUTH PLAIN, then for each message MAIL, RCPT, DATA or BDAT,
 * pipelined where the server allows it, and decides for every recipient what its answers mean:
 * every recipient of every message gets exactly one SMTP_CLIENT_RESULT, whatever the peer does,
 * and a message that was not taken whole never counts as delivered.
 *
 * Owners call smtp_client_next until it returns WANT_BYTES, after every feed, body, tick, TLS
 * handshake or close. The message given is borrowed until its last RESULT. Texts in events are
 * valid until the next smtp_client_* call. Times are milliseconds of one clock.
 * Spec: RFC 5321 3, 4.5.3.2 (timeouts), RFC 2920 (pipelining), RFC 1870, 3030, 3207, 3461, 4954,
 * 6152 and 6531 (BODY, SMTPUTF8). Tests: client_test.c. Fuzz: client_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_SMTP_CLIENT_CLIENT_H
#define POSTERN_PROTO_SMTP_CLIENT_CLIENT_H

#include "base/arena.h"
#include "base/buf.h"

enum smtp_client_event {
    SMTP_CLIENT_WANT_BYTES, /* nothing to do until the peer speaks or time passes            */
    SMTP_CLIENT_SEND,       /* text: octets for the peer                                     */
    SMTP_CLIENT_START_TLS,  /* drop what is held, shake hands, then smtp_client_tls          */
    SMTP_CLIENT_READY,      /* a message may be given (smtp_client_send) or smtp_client_quit */
    SMTP_CLIENT_WANT_BODY,  /* more message octets, please: smtp_client_body                 */
    SMTP_CLIENT_RESULT,     /* result: one recipient is decided                              */
    SMTP_CLIENT_CLOSE       /* result: why (DELIVERED when all was well); close, free        */
};

enum smtp_client_verdict {
    SMTP_CLIENT_DELIVERED, /* 2xx after the whole message                                     */
    SMTP_CLIENT_DEFERRED,  /* 4xx, or the peer went away, hung or spoke nonsense: try again   */
    SMTP_CLIENT_FAILED     /* 5xx: report it                                                  */
};

struct smtp_client_result {
    uint32_t index; /* of the recipient in the message; 0 in CLOSE */
    enum smtp_client_verdict verdict;
    int code;          /* the peer's reply code, 0 when the peer did not speak */
    struct str status; /* RFC 3463, from the reply when it carried one, else ours */
    struct str text;   /* one line: the peer's words, or ours about the peer */
};

enum smtp_client_tls { SMTP_CLIENT_TLS_NEVER, SMTP_CLIENT_TLS_MAY, SMTP_CLIENT_TLS_MUST };

struct smtp_client_options {
    struct str host; /* our name for EHLO; lives as long as the machine */
    enum smtp_client_tls tls;
    bool secure;                    /* TLS already stands (implicit TLS) */
    struct str user, password;      /* AUTH PLAIN, only once secure; empty: none */
    uint32_t reply_line_max;        /* octets; RFC 5321 4.5.3.1.5 says 512, be generous */
    uint32_t reply_lines_max;       /* lines of one reply */
    uint32_t greeting_ms, reply_ms; /* RFC 5321 4.5.3.2: 5 minutes each */
    uint32_t data_ms, end_ms;       /* DATA: 2 minutes; after the dot: 10 minutes */
};

/* RFC 5321 4.5.3.2 and generous line limits, TLS_MAY. */
struct smtp_client_options smtp_client_defaults(struct str host);

struct smtp_client_rcpt {
    struct str address, orcpt; /* orcpt: "rfc822;..." in xtext, empty: none */
    uint8_t notify;            /* RFC 3461: bits NEVER 1, SUCCESS 2, FAILURE 4, DELAY 8; 0 unsaid */
};

enum smtp_client_body { SMTP_CLIENT_7BIT, SMTP_CLIENT_8BIT, SMTP_CLIENT_BINARY };

struct smtp_client_message {
    struct str reverse_path; /* empty: null reverse-path */
    struct str envid;        /* xtext, empty: none */
    uint8_t ret;             /* 0 unsaid, 1 FULL, 2 HDRS */
    bool smtputf8;
    enum smtp_client_body body;
    uint64_t size; /* octets that smtp_client_body will be given */
    const struct smtp_client_rcpt *rcpts;
    uint32_t rcpt_count;
};

struct smtp_client;

/* Allocated in `mem`; its buffers are on the heap until smtp_client_deinit. */
struct smtp_client *smtp_client_new(struct arena *mem, const struct smtp_client_options *options,
                                    uint64_t now_ms);
void smtp_client_deinit(struct smtp_client *c);

size_t smtp_client_feed(struct smtp_client *c, struct str bytes); /* octets taken */
MUST_USE enum smtp_client_event smtp_client_next(struct smtp_client *c, struct str *ret_text,
                                                 struct smtp_client_result *ret_result);
void smtp_client_tick(struct smtp_client *c, uint64_t now_ms);
/* When smtp_client_tick should be called at the latest. */
uint64_t smtp_client_deadline_ms(const struct smtp_client *c);
void smtp_client_tls(struct smtp_client *c, bool ok, struct str why);
/* The connection is gone; the machine settles what is open. */
void smtp_client_lost(struct smtp_client *c, struct str why);

/* After READY only. */
void smtp_client_send(struct smtp_client *c, const struct smtp_client_message *m);
void smtp_client_quit(struct smtp_client *c);
/* After WANT_BODY only; `last` with the final octets (which may be none). */
void smtp_client_body(struct smtp_client *c, struct str bytes, bool last);
/* The octets cannot be had: ends the connection without the final dot, so that the peer drops the
 * message; recipients are deferred. */
void smtp_client_body_failed(struct smtp_client *c);

/* What the peer said in EHLO, as smtp_client_has bits; for logs and for choosing. */
enum {
    SMTP_CLIENT_HAS_PIPELINING = 1,
    SMTP_CLIENT_HAS_SIZE = 2,
    SMTP_CLIENT_HAS_8BITMIME = 4,
    SMTP_CLIENT_HAS_SMTPUTF8 = 8,
    SMTP_CLIENT_HAS_STARTTLS = 16,
    SMTP_CLIENT_HAS_CHUNKING = 32,
    SMTP_CLIENT_HAS_BINARYMIME = 64,
    SMTP_CLIENT_HAS_DSN = 128,
    SMTP_CLIENT_HAS_AUTH_PLAIN = 256,
    SMTP_CLIENT_HAS_REQUIRETLS = 512,
};
unsigned smtp_client_has(const struct smtp_client *c);

#endif
