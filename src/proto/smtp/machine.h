/* proto/smtp/machine.h - what the files of the SMTP machine share; nobody else includes it.
 *
 * One struct per session. Its life (edges are labelled with what causes them):
 *
 *   GREETING --greet--> COMMAND --AUTH--> AUTH_LINE --last response--+
 *                        ^ | |  ^                                    |
 *          tls_started   | | |  +--------------- answer ------ WAITING
 *                        | | +--MAIL, RCPT, end of message ------^
 *        HANDSHAKE <-----|-+ STARTTLS
 *                        |
 *                        +-- end --- DATA or CHUNK <-- DATA, BDAT
 *
 * and from anywhere to CLOSING (a last reply is still to be sent), then CLOSED.
 * Tests: smtp_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_SMTP_MACHINE_H
#define POSTERN_PROTO_SMTP_MACHINE_H

#include "proto/dot.h"
#include "proto/line.h"
#include "proto/smtp/smtp.h"

enum smtp_state {
    STATE_GREETING,
    STATE_COMMAND,
    STATE_AUTH_LINE,
    STATE_WAITING, /* for smtp_answer; `awaited` says to what */
    STATE_DATA,
    STATE_CHUNK,
    STATE_HANDSHAKE,
    STATE_CLOSING,
    STATE_CLOSED
};

/* What is known of the session; commands need and forbid these. */
enum smtp_fact {
    FACT_GREETED = 1 << 0,    /* HELO or EHLO was said                                 */
    FACT_EXTENDED = 1 << 1,   /* it was EHLO                                           */
    FACT_SECURE = 1 << 2,     /* under TLS                                             */
    FACT_PLAIN_AUTH = 1 << 3, /* passwords may come without TLS                        */
    FACT_AUTHED = 1 << 4,     /* logged in                                             */
    FACT_IN_MAIL = 1 << 5,    /* MAIL was accepted                                     */
    FACT_HAS_RCPT = 1 << 6,   /* and a RCPT                                            */
    FACT_CHUNKS = 1 << 7,     /* and a BDAT                                            */
    FACT_LAST_CHUNK = 1 << 8, /* the present chunk is the last                         */
    FACT_EARLY = 1 << 9,      /* the peer spoke ahead of the greeting                  */
    FACT_STOPPING = 1 << 10   /* close when the outstanding answer has come            */
};
#define FACTS_OF_MAIL (FACT_IN_MAIL | FACT_HAS_RCPT | FACT_CHUNKS | FACT_LAST_CHUNK)
#define FACTS_OF_CONNECTION (FACT_SECURE | FACT_PLAIN_AUTH)

/* The transaction's memory and what is not for the session to see. */
struct smtp_transaction {
    struct arena *mem;
    struct smtp_mail mail;
    struct smtp_rcpt **rcpt_end;
    struct smtp_rcpt *candidate; /* waits for its answer */
    struct arena_mark candidate_mark;
    uint64_t body_bytes;
    uint64_t body_since_ms;
    bool ended;  /* the last octet of DATA has come */
    int refusal; /* reply instead of COMMIT; 0 while there is none */
    struct str refusal_text;
};

struct smtp {
    const struct smtp_options *options;
    struct line_reader in;
    struct buf out;
    struct str helo; /* heap */
    struct sasl *sasl;
    struct smtp_transaction *mail; /* from MAIL to its end, else null */
    uint64_t now_ms, active_ms;
    uint64_t chunk_left, chunk_size; /* octets of the present BDAT: still to come, and all */
    struct str chunk_refusal;        /* static; of a BDAT outside any transaction */
    struct str body;                 /* of a pending SMTP_BODY */
    uint32_t facts;                  /* FACT_* */
    uint32_t offers;                 /* bits of enum sasl_offer */
    uint32_t mails, errors, empty;
    uint16_t auth_failures;
    struct dot_reader dot;
    uint8_t state;   /* enum smtp_state */
    uint8_t event;   /* enum smtp_event that waits for replies to go out first; WANT_BYTES: none */
    uint8_t awaited; /* enum smtp_event that smtp_answer answers */
    bool lent;       /* `out` was given to the session and is to be emptied */
};

/* replies (smtp.c). Enhanced codes are dropped for peers that said HELO. */
void smtp_reply(struct smtp *s, int code, struct str text);
#define REPLY(s, code, literal) smtp_reply((s), (code), STR(literal))
void smtp_reply_and_close(struct smtp *s, int code, struct str text);
/* Has an event wait until replies are sent. */
void smtp_raise(struct smtp *s, enum smtp_event event);
/* Raises a question and waits for its answer. */
void smtp_ask(struct smtp *s, enum smtp_event event);

/* commands.c: one command line without its CRLF. */
void smtp_command(struct smtp *s, struct str line);

/* envelope.c */
void smtp_do_mail(struct smtp *s, struct str arg);
void smtp_do_rcpt(struct smtp *s, struct str arg);
void smtp_answer_mail(struct smtp *s, bool accepted);
void smtp_answer_rcpt(struct smtp *s, bool accepted);
/* Ends the transaction; with `abandon` the session is told to forget it. */
void smtp_end_mail(struct smtp *s, bool abandon);

/* body.c */
void smtp_do_data(struct smtp *s, struct str arg);
void smtp_do_bdat(struct smtp *s, struct str arg);
void smtp_take_data(struct smtp *s);
void smtp_take_chunk(struct smtp *s);

/* secure.c */
void smtp_do_starttls(struct smtp *s, struct str arg);
void smtp_do_auth(struct smtp *s, struct str arg);
void smtp_auth_line(struct smtp *s, struct str line);
void smtp_auth_reply(struct smtp *s, struct str octets, bool last);
void smtp_answer_auth(struct smtp *s, int code);

#endif
