/* proto/pop3/pop3.h - the server's side of a POP3 session, as a machine.
 *
 * Pure (memory only): octets, answers and time go in, events come out. A whole session in one
 * buffer and the same session octet by octet give the same events. The machine knows a mailbox as
 * a list of UIDs and sizes, given to it when the log-in is answered (16 octets a message), and
 * never holds more of a message than one page. Messages marked by DELE leave the mailbox at QUIT
 * and in no other way: not by a broken connection, not by a time-out.
 * Lines may end with LF alone, for nothing stands behind us that could be deceived by that.
 * Time is in milliseconds of one monotonic clock.
 * Spec: RFC 1939; RFC 2449 (CAPA), 2595 (STLS), 3206 (AUTH and SYS codes; its text was not at
 * hand), 5034 (AUTH), 6856 (UTF8, LANG). Tests: pop3_test.c, test/session/pop3_*.txt.
 * Fuzz: pop3_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_POP3_POP3_H
#define POSTERN_PROTO_POP3_POP3_H

#include "base/arena.h"
#include "proto/sasl.h"

enum pop3_event {
    POP3_WANT_BYTES,  /* feed more; everything buffered has been used                         */
    POP3_SEND,        /* text: octets for the peer; come back when the socket has drained     */
    POP3_CHECK_LOGIN, /* login: give messages by pop3_add_message, then answer                */
    POP3_READ,        /* read: hand in a page by pop3_page, or answer with a refusal          */
    POP3_UPDATE,      /* remove what pop3_next_deleted lists, unlock, then answer             */
    POP3_START_TLS,   /* hand over to TLS, then call pop3_tls_started                         */
    POP3_CLOSE        /* flush, then close                                                    */
};

struct pop3_limits {
    uint32_t line_max;       /* octets of a command without its line end (RFC 2449 4) */
    uint32_t errors_max;     /* replies -ERR                                          */
    uint32_t auth_tries_max; /* failed log-ins                                        */
    uint32_t login_ms_max;   /* for logging in, whatever is said meanwhile            */
    uint32_t idle_ms_max;    /* between two commands; RFC 1939 3 asks for 10 minutes  */
};

#define POP3_LIMITS_DEFAULT                                                                        \
    {                                                                                              \
        .line_max = 512, .errors_max = 20, .auth_tries_max = 3, .login_ms_max = 600000,            \
        .idle_ms_max = 600000                                                                      \
    }

/* One listener's way of speaking; shared by its sessions and alive as long as they are. */
struct pop3_options {
    struct str host;
    struct pop3_limits limits;
    bool tls_offered;       /* STLS */
    uint32_t login_delay_s; /* between two log-ins of one user, as CAPA tells it */
};

/* What a connection begins with. */
enum {
    POP3_FROM_TLS = 1 << 0,  /* the socket spoke TLS from the start (port 995)         */
    POP3_PLAIN_AUTH = 1 << 1 /* passwords may come without TLS: loopback and a setting */
};

/* The octets of one message that the peer waits for. */
struct pop3_read {
    uint32_t uid;
    uint32_t number; /* as the peer counts messages */
    uint64_t offset;
    bool whole; /* RETR; false for TOP, which must not count as reading */
};

/* Borrowed; valid until the next pop3_* call. */
struct pop3_out {
    struct str text;
    const struct sasl_login *login;
    struct pop3_read read;
};

struct pop3;

/* The struct is taken from `mem`; pop3_deinit gives back everything else. The greeting is the first
 * thing sent. */
struct pop3 *pop3_new(struct arena *mem, const struct pop3_options *options, unsigned begin,
                      uint64_t now_ms);
void pop3_deinit(struct pop3 *p);

size_t pop3_feed(struct pop3 *p, struct str bytes); /* octets taken; may be partial */
MUST_USE enum pop3_event pop3_next(struct pop3 *p, struct pop3_out *out);

/* While a log-in is being answered: the mailbox, in UID order. */
void pop3_set_uidvalidity(struct pop3 *p, uint32_t uidvalidity);
void pop3_add_message(struct pop3 *p, uint32_t uid, uint64_t size_bytes);
/* The octets that RETR will send of it, when they are known only later. */
void pop3_set_size(struct pop3 *p, uint32_t uid, uint64_t size_bytes);
/* The message added last is shown under this UIDL (1 to 70 octets), not under one made from its
 * UID: it has been seen so before it was imported or restored. */
void pop3_set_uidl(struct pop3 *p, struct str uidl);

/* Answers CHECK_LOGIN and UPDATE, and refuses READ. `text` may begin with a response code, such as
 * "[IN-USE] Another session has this mailbox". */
void pop3_answer(struct pop3 *p, bool ok, struct str text);
/* Answers CHECK_LOGIN with words for the peer instead; the next CHECK_LOGIN follows its response.
 * last: it is decided, and the peer only has to acknowledge (proto/sasl.h). */
void pop3_challenge(struct pop3 *p, struct str octets, bool last);
/* Which ways of logging in there are: bits of enum sasl_offer; at the beginning, passwords. */
void pop3_offer(struct pop3 *p, unsigned offers);
/* Answers READ: the octets from read.offset on; `last` when the message ends with them. A page that
 * is not the last has at least one octet. */
void pop3_page(struct pop3 *p, struct str bytes, bool last);

/* A message as the peer has it listed. */
struct pop3_listed {
    uint32_t uid;
    uint64_t size_bytes;
};
/* The first message with a number >= *number that is not marked; *number becomes the next one's.
 * False at the end. */
bool pop3_next_unmarked(const struct pop3 *p, uint32_t *number, struct pop3_listed *ret);

/* Walks the messages to remove: start with *at = 0; false at the end. During UPDATE only. */
bool pop3_next_deleted(const struct pop3 *p, size_t *at, uint32_t *ret_uid);

void pop3_tls_started(struct pop3 *p);
void pop3_tick(struct pop3 *p, uint64_t now_ms);
/* When pop3_tick should be called next; UINT64_MAX while nothing is awaited from the peer. */
uint64_t pop3_deadline_ms(const struct pop3 *p);
/* Says why and closes, as soon as nothing is outstanding. Marked messages stay. An answer that
 * comes later is ignored. */
void pop3_stop(struct pop3 *p, struct str text);

#endif
