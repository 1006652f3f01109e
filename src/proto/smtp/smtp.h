/* proto/smtp/smtp.h - the server's side of an SMTP session, as a machine.
 *
 * Pure (memory only): octets, answers and time go in, events come out; see pump() in
 * gate/smtp_session.c for the loop around it. A whole session in one buffer and the same session
 * octet by octet give the same events. The machine owns its buffers, which exist only while they
 * hold something; an idle one costs its struct, its peer's name and nothing else. The envelope of
 * the mail being received belongs to the machine and lives until the transaction has ended.
 * Every bound is a field of struct smtp_limits. Time is in milliseconds of one monotonic clock.
 * Replies carry enhanced status codes once the peer has said EHLO.
 * Spec: RFC 5321; RFC 1870 (SIZE), 2034 (codes), 2920 (PIPELINING), 3030 (CHUNKING, BINARYMIME),
 * 3207 (STARTTLS), 3461 (DSN), 4954 (AUTH), 6152 (8BITMIME), 6531 (SMTPUTF8), 9422 (LIMITS).
 * Tests: smtp_test.c, test/session/smtp_*.txt. Fuzz: smtp_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_SMTP_SMTP_H
#define POSTERN_PROTO_SMTP_SMTP_H

#include "base/arena.h"
#include "message/text/mailbox.h"
#include "proto/sasl.h"

enum smtp_event {
    SMTP_WANT_BYTES, /* feed more; everything buffered has been used                      */
    SMTP_SEND,       /* text: octets for the peer                                         */
    SMTP_CHECK_AUTH, /* login: answer 235, 535 or 454                                     */
    SMTP_CHECK_MAIL, /* mail: the sender; answer before anything else happens             */
    SMTP_CHECK_RCPT, /* rcpt: one recipient; answer before anything else happens          */
    SMTP_BODY,       /* text: unstuffed message octets                                    */
    SMTP_COMMIT,     /* mail: the message is complete; answer once it is safely on disk   */
    SMTP_ABANDON,    /* the transaction ended without a message; forget it                */
    SMTP_START_TLS,  /* hand over to TLS, then call smtp_tls_started                      */
    SMTP_CLOSE       /* flush, then close; an open transaction is to be forgotten         */
};

/* Counts are per session unless said otherwise; 0 is not "without limit". */
struct smtp_limits {
    uint32_t line_max;       /* octets of a command without its CRLF (RFC 5321 4.5.3.1.4)  */
    uint32_t rcpt_max;       /* recipients of one message                                  */
    uint32_t mails_max;      /* messages                                                   */
    uint32_t errors_max;     /* replies 5xx                                                */
    uint32_t empty_max;      /* commands that bring no mail, since the last message        */
    uint32_t auth_tries_max; /* failed log-ins                                             */
    uint32_t idle_ms_max;    /* between two commands, and between two pieces of a message  */
    uint32_t body_ms_max;    /* for one whole message                                      */
    uint64_t size_max;       /* octets of one message                                      */
};

#define SMTP_LIMITS_DEFAULT                                                                        \
    {                                                                                              \
        .line_max = 2048, .rcpt_max = 1000, .mails_max = 10000, .errors_max = 20,                  \
        .empty_max = 100, .auth_tries_max = 3, .idle_ms_max = 300000, .body_ms_max = 3600000,      \
        .size_max = 50u << 20                                                                      \
    }

/* One listener's way of speaking; shared by its sessions and alive as long as they are. */
struct smtp_options {
    struct str host; /* our name in greeting and replies */
    struct smtp_limits limits;
    bool tls_offered;          /* STARTTLS                                                   */
    bool auth_offered;         /* AUTH, once it is safe                                      */
    bool auth_required;        /* no MAIL without it (submission, RFC 6409 4.3)              */
    bool early_talker_refused; /* octets ahead of the greeting end the session               */
};

/* What a connection begins with. */
enum {
    SMTP_FROM_TLS = 1 << 0,  /* the socket spoke TLS from the start (port 465)              */
    SMTP_PLAIN_AUTH = 1 << 1 /* passwords may come without TLS: loopback, and a setting     */
};

enum smtp_body { SMTP_7BIT, SMTP_8BITMIME, SMTP_BINARYMIME };
enum smtp_return { SMTP_RET_UNSET, SMTP_RET_FULL, SMTP_RET_HDRS };
enum {
    SMTP_NOTIFY_NEVER = 1,
    SMTP_NOTIFY_SUCCESS = 2,
    SMTP_NOTIFY_FAILURE = 4,
    SMTP_NOTIFY_DELAY = 8
};

struct smtp_rcpt {
    struct smtp_rcpt *next;
    struct mailbox address; /* without a domain for a bare <Postmaster>             */
    struct str orcpt;       /* "type;xtext" as it came, or empty                    */
    uint8_t notify;         /* SMTP_NOTIFY_*, 0 when not said                       */
};

/* One transaction. `rcpts` are those that were answered 2xx, in order. */
struct smtp_mail {
    struct mailbox sender; /* mailbox_is_null for <>         */
    uint64_t size;         /* as declared; 0 when not said   */
    enum smtp_body body;
    enum smtp_return ret;
    bool utf8;
    struct str envid; /* xtext as it came, or empty */
    struct smtp_rcpt *rcpts;
    uint32_t rcpt_count;
};

/* Borrowed; valid until the next smtp_* call (mail and rcpt: until the transaction ends). */
struct smtp_out {
    struct str text;
    const struct smtp_mail *mail;
    struct smtp_rcpt *rcpt;
    const struct sasl_login *login;
};

struct smtp;

/* The struct is taken from `mem`; smtp_deinit gives back everything else. Nothing is sent before
 * smtp_greet. */
struct smtp *smtp_new(struct arena *mem, const struct smtp_options *options, unsigned begin,
                      uint64_t now_ms);
void smtp_deinit(struct smtp *s);

/* Opens the session with 220, or refuses it with 554 or 421 and closes; `text` (it begins with an
 * enhanced code) matters for a refusal only. */
void smtp_greet(struct smtp *s, int code, struct str text);

size_t smtp_feed(struct smtp *s, struct str bytes); /* octets taken; may be partial, or none */
MUST_USE enum smtp_event smtp_next(struct smtp *s, struct smtp_out *out);

/* The reply to CHECK_* or COMMIT: an enhanced code and words, such as "5.1.1 No such mailbox";
 * LF separates lines. 2xx lets the session go on; 421 also closes it. */
void smtp_answer(struct smtp *s, int code, struct str text);

/* Answers CHECK_AUTH with words for the peer instead; the next CHECK_AUTH follows its response.
 * last: it is decided, and the peer only has to acknowledge (proto/sasl.h). */
void smtp_challenge(struct smtp *s, struct str octets, bool last);
/* Which ways of logging in there are: bits of enum sasl_offer; at the beginning, passwords. */
void smtp_offer(struct smtp *s, unsigned offers);

/* In the middle of a message: take no more of it and give this reply where it ends, instead of
 * SMTP_COMMIT. The first refusal counts. */
void smtp_refuse_body(struct smtp *s, int code, struct str text);

void smtp_tls_started(struct smtp *s); /* the peer starts again from EHLO (RFC 3207 4.2) */

void smtp_tick(struct smtp *s, uint64_t now_ms); /* time is an input, too */
/* When smtp_tick should be called next; UINT64_MAX while nothing is awaited from the peer. */
uint64_t smtp_deadline_ms(const struct smtp *s);

/* 421 and close, as soon as no answer is outstanding (shutdown, connection limits). */
void smtp_stop(struct smtp *s, struct str text);

/* For Received and logs: the name the peer gave, and the RFC 3848 word for how it spoke. */
struct str smtp_helo(const struct smtp *s);
struct str smtp_with(const struct smtp *s);
bool smtp_authenticated(const struct smtp *s);
/* State and facts in words, for logs and failing tests. */
void smtp_print(const struct smtp *s, struct buf *out);

#endif
