/* proto/pop3/machine.h - what the files of the POP3 machine share; nobody else includes it.
 *
 *   COMMAND --PASS, AUTH--> WAITING --answer--> COMMAND
 *   COMMAND --AUTH--> AUTH_LINE --last response--> WAITING
 *   COMMAND --LIST, UIDL--> LISTING --end--> COMMAND
 *   COMMAND --RETR, TOP--> READING (asks for a page) <--> SENDING (a page goes out) --end-->
 * COMMAND COMMAND --STLS--> HANDSHAKE --tls_started--> COMMAND COMMAND --QUIT--> WAITING (UPDATE)
 * --answer--> CLOSING --> CLOSED
 *
 * RFC 1939's AUTHORIZATION and TRANSACTION states are the fact FACT_OPEN. Tests: pop3_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_POP3_MACHINE_H
#define POSTERN_PROTO_POP3_MACHINE_H

#include "proto/dot.h"
#include "proto/line.h"
#include "proto/pop3/pop3.h"

enum pop3_state {
    STATE_COMMAND,
    STATE_AUTH_LINE,
    STATE_WAITING, /* for pop3_answer; `awaited` says to what */
    STATE_LISTING,
    STATE_READING,
    STATE_SENDING,
    STATE_HANDSHAKE,
    STATE_CLOSING,
    STATE_CLOSED
};

enum pop3_fact {
    FACT_SECURE = 1 << 0,     /* under TLS                                      */
    FACT_PLAIN_AUTH = 1 << 1, /* passwords may come without TLS                 */
    FACT_OPEN = 1 << 2,       /* logged in; the mailbox is ours                 */
    FACT_USER = 1 << 3,       /* USER was said                                  */
    FACT_UTF8 = 1 << 4,       /* UTF8 was said (RFC 6856 2.1)                   */
    FACT_STOPPING = 1 << 5,   /* close when the outstanding answer has come     */
    FACT_UIDS = 1 << 6        /* the listing is UIDL's, not LIST's              */
};
#define FACTS_OF_CONNECTION (FACT_SECURE | FACT_PLAIN_AUTH)

struct pop3_message {
    uint64_t size_bytes : 63;
    uint64_t deleted : 1;
    uint32_t uid;
};

/* A UIDL that is not made from the UID: octets [at, at + len) of `uidl_text`. */
struct pop3_uidl {
    uint32_t message, at;
    uint8_t len;
};

/* One RETR or TOP on its way out. */
struct pop3_transfer {
    uint32_t uid, number;
    uint64_t offset;     /* octets handed in so far                              */
    uint64_t lines_left; /* of the body, for TOP                                 */
    bool whole;          /* RETR                                                 */
    bool in_body;        /* the blank line was seen                              */
    bool begun;          /* +OK was said                                         */
    bool line_empty;     /* nothing but perhaps CR since the last LF             */
    struct dot_writer dots;
};

struct pop3 {
    const struct pop3_options *options;
    struct line_reader in;
    struct buf out;
    struct sasl *sasl;
    struct arena *user; /* holds `login` between USER and the answer to PASS, else null */
    struct sasl_login login;
    struct pop3_message *messages; /* heap */
    uint32_t count, cap, uidvalidity;
    struct buf uidls, uidl_text; /* of struct pop3_uidl, in the order of the messages */
    uint32_t listed;             /* the next message of a listing */
    struct pop3_transfer transfer;
    uint64_t now_ms, active_ms;
    uint32_t facts;  /* FACT_* */
    uint32_t offers; /* bits of enum sasl_offer */
    uint32_t errors, auth_failures;
    uint8_t state;   /* enum pop3_state */
    uint8_t event;   /* enum pop3_event that waits for replies to go out first; WANT_BYTES: none */
    uint8_t awaited; /* enum pop3_event that pop3_answer answers */
    bool lent;       /* `out` was given to the session and is to be emptied */
};

/* pop3.c */
/* Takes back what the last pop3_next handed out: by now it has been used. */
void pop3_settle(struct pop3 *p);
void pop3_ok(struct pop3 *p, struct str text);
void pop3_err(struct pop3 *p, struct str text);
#define OK_REPLY(p, literal) pop3_ok((p), STR(literal))
#define ERR_REPLY(p, literal) pop3_err((p), STR(literal))
void pop3_raise(struct pop3 *p, enum pop3_event event);
void pop3_ask(struct pop3 *p, enum pop3_event event); /* raises and waits for the answer */

/* commands.c: one line, and the answer to a log-in. */
void pop3_command(struct pop3 *p, struct str line);
void pop3_auth_line(struct pop3 *p, struct str line);
void pop3_auth_reply(struct pop3 *p, struct str octets, bool last);
void pop3_login_answered(struct pop3 *p, bool ok, struct str text);
void pop3_forget_login(struct pop3 *p);

/* maildrop.c */
void pop3_do_stat(struct pop3 *p, struct str arg);
void pop3_do_list(struct pop3 *p, struct str arg);
void pop3_do_uidl(struct pop3 *p, struct str arg);
void pop3_do_retr(struct pop3 *p, struct str arg);
void pop3_do_top(struct pop3 *p, struct str arg);
void pop3_do_dele(struct pop3 *p, struct str arg);
void pop3_do_rset(struct pop3 *p, struct str arg);
void pop3_list_on(struct pop3 *p); /* some more lines of a listing */

#endif
