/* proto/imap/machine_private.h - the inside of the machine, for the files that it is made of.
 *
 * Included by machine.c (lines, literals, who waits for whom) and machine_append.c (the messages of
 * APPEND and REPLACE) alone. Pure, as machine.h says. Whatever a command needs is in `mem`, which
 * lives until machine_reset. Tests: machine_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_MACHINE_PRIVATE_H
#define POSTERN_PROTO_IMAP_MACHINE_PRIVATE_H

#include "proto/imap/machine.h"

enum state {
    COMMAND,     /* collecting a line of a command */
    LITERAL,     /* collecting a literal of a command */
    SKIPPING,    /* reading past a refused literal */
    APPEND_ASK,  /* the caller decides about a message, or a part of one */
    APPEND_GO,   /* more of an APPEND's line is to be read */
    APPEND_BODY, /* octets of a message */
    BUSY,        /* the caller carries out the command */
    SASL,        /* collecting an answer to a challenge */
    IDLING,
    CLOSING
};

struct literal_header {
    uint64_t bytes;
    bool sync, binary;
};

/* An APPEND under way: how far it has been read. What a message needed of the arena and of the text
 * is given back behind it, so one command may bring many. */
struct append {
    enum append_place place;
    size_t from, at;               /* in `text`: behind the verb, and what is unread */
    bool literal_due;              /* the line ends with this header: */
    struct literal_header literal; /* its octets come when the line has been read so far */
    struct arena_mark mark;        /* behind the first message's arguments */
};

/* There is one for each of many thousand idle connections, so what a command needs is in `mem`. */
struct imap {
    const struct imap_limits *limits;
    uint32_t facts;
    uint32_t errors;
    enum state state : 8;
    enum imap_event due : 8; /* the next event; IMAP_WANT_BYTES when none is due */
    bool accepted : 1;       /* goes with IMAP_IDLE_DONE, IMAP_AUTH_LINE, IMAP_APPEND_END */
    bool sending : 1;        /* `out` has been lent to the caller */
    bool sync : 1;           /* the literal of APPEND_ASK waits for "+" */
    bool dropping : 1;       /* the line went over its limit */
    bool answered : 1;       /* the caller has answered a refused APPEND */
    bool refused : 1;        /* `error` is answered with NO */
    uint32_t line_at;        /* in `text`: where the current line began */

    struct buf text;   /* the command so far */
    uint64_t left;     /* octets still to come of a literal */
    uint64_t skipped;  /* unwanted octets of this command */
    const char *error; /* the first one in this command */
    char *idle_tag;    /* heap; all that is kept of an IDLE under way */

    struct arena *mem;            /* null between commands and while IDLING */
    char *tail;                   /* in mem: the last TAIL_BYTES of a line that is dropped */
    struct imap_command *command; /* in mem */
    struct append *append;        /* in mem; null unless an APPEND is under way */
    struct buf out, body;
};

/* ---- machine.c ---- */

/* Back to waiting for a command, without a buffer. */
void machine_reset(struct imap *m);
struct arena *machine_mem(struct imap *m);
struct imap_command *machine_command(struct imap *m);
struct scan machine_scan(struct imap *m, struct str text);
/* Remembers the first thing that is wrong with the command. */
void machine_fail(struct imap *m, const char *error);
/* Takes over what a scan found wrong. */
void machine_fail_scan(struct imap *m, const struct scan *s);
/* Answers a command that never reached the caller. */
void machine_answer_error(struct imap *m);
/* Unwanted octets that come without being asked for are read past, within reason. */
void machine_skip(struct imap *m, uint64_t bytes);
/* A client that waits for "+" gets the answer instead and sends nothing more of the command. */
void machine_refuse_literal(struct imap *m, const struct literal_header *h);
/* A literal that is a string of the command. */
void machine_take_literal(struct imap *m, const struct literal_header *h, bool is_value);

/* ---- machine_append.c ---- */

/* A command with messages has come to its first literal, or to its end; `rest` octets of the text
 * are behind the verb. */
void machine_append_open(struct imap *m, const struct imap_command *c, size_t rest);
/* One more line of it is there, with the header of a literal at its end, or (null) the last. */
void machine_append_line(struct imap *m, const struct literal_header *h);
/* Reads its next piece. */
void machine_append_go_on(struct imap *m);
/* Octets of a message: how many were taken. */
size_t machine_append_octets(struct imap *m, struct str bytes);
/* The octets that were announced are there: those of the whole message, or of a part of it. */
void machine_append_octets_end(struct imap *m);

#endif
