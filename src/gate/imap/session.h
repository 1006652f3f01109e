/* gate/imap/session.h - one IMAP connection: machine, stream and keeper joined.
 *
 * Used by the files of this folder. A command is a function imap_cmd_NAME in one of cmd_*.c. It
 * asks keeper at most one question at a time (session->ticket), writes untagged responses to
 * session->out and ends with imap_session_end (or imap_session_fail), after which it must not touch
 * the command any more. `mem` lives as long as the command, `task` is the command's own. An idle
 * session holds this struct, the machine, and the ranges of its view; nothing else. Spec: RFC 3501.
 * Tests: imap_session_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_IMAP_SESSION_H
#define POSTERN_GATE_IMAP_SESSION_H

#include "gate/imap/service.h"
#include "gate/login.h"
#include "gate/session_log.h"
#include "proto/imap/reply.h"
#include "proto/imap/view.h"

/* The mailbox that is open. */
struct selected {
    struct view view;
    uint32_t mailbox, uidvalidity;
    uint64_t modseq;               /* the session knows every change up to here */
    uint64_t noted;                /* the newest change that keeper has mentioned */
    uint64_t asked;                /* `noted` when keeper was asked for changes */
    struct keyword_list *keywords; /* heap, null while there are none */
    struct uidset saved;           /* "$" (RFC 5182); what is gone may still be in it */
    struct contexts *contexts;     /* of search/contexts.h, or null */
    struct uidset told;            /* changes that a command has reported already */
    uint64_t told_modseq;          /* as of here */
    uint32_t rights;               /* message/set/rights.h */
    bool read_only, described;     /* described: the client has had FLAGS */
};

struct imap_session {
    struct list link;         /* in the service */
    struct list same_account; /* ring of the sessions of one account */
    struct imap_service *service;
    struct stream *stream;
    struct imap *machine;
    struct timer timer;
    uint64_t active_ms;
    uint64_t keeper_session; /* 0: not logged in */
    uint32_t account;        /* the key of the service's map */
    uint32_t wrong_logins;

    struct selected *box;
    struct notify *notify;              /* null: NOTIFY and ENABLE METADATA have not been used */
    const struct imap_command *command; /* under way, or null; null during IDLE, too */
    struct arena *mem;                  /* of the command */
    void *task;
    struct str final; /* the tagged answer, while the last changes are fetched */
    uint64_t ticket;  /* of the open question to keeper, 0 when none */
    void (*resume)(struct imap_session *s); /* when the stream's queue is empty again */
    void (*later)(struct imap_session *s);  /* when the timer fires; null: check idleness */
    void (*synced)(struct imap_session *s); /* after imap_session_sync */
    struct buf out, hold;
    struct sasl *sasl;
    struct appending *appending; /* the messages of an APPEND under way, appending.h; or null */
    struct crowd_place *place;
    struct session_tally tally;
    struct compression *compression; /* wire/compression.h; null until COMPRESS */
    struct login *login;             /* under way, or null */
    bool greeted, handshake, idling, idle_over, idle_ok, closing, pumping;
    bool pushing; /* changes are told between commands; none is read meanwhile */
};

#define SESSION_OF(ctx) ((struct imap_session *)(ctx))

/* ---- the life of a session (session.c) ---- */

struct imap_session *imap_session_new(struct imap_service *v, struct stream *stream);
void imap_session_free(struct imap_session *s);
void imap_session_greet(struct imap_session *s);
/* "* BYE text", then the end of the connection. */
void imap_session_bye(struct imap_session *s, struct str text);
/* The end of the connection, once everything is written. */
void imap_session_finish(struct imap_session *s);
void imap_session_flush(struct imap_session *s);
static inline bool imap_session_has(const struct imap_session *s, uint32_t fact)
{
    return (imap_facts(s->machine) & fact) != 0;
}
/* Goes on with what the machine has; after every callback from outside. */
void imap_session_pump(struct imap_session *s);
bool imap_session_is_full(const struct imap_session *s);
/* Whether the peer is behind with what was written, `out` included. */
bool imap_session_is_slow(const struct imap_session *s);
/* Calls `next` once the peer has taken most of what was written. */
void imap_session_when_drained(struct imap_session *s, void (*next)(struct imap_session *s));
/* Joins and leaves the ring of its account. */
void imap_session_set_account(struct imap_session *s, uint64_t keeper_session, uint32_t account);
void imap_session_leave_account(struct imap_session *s);

/* ---- the end of a command ---- */

/* Drops whatever belongs to the command under way, its question to keeper included. */
void imap_session_forget_command(struct imap_session *s);

/* `text` is copied: "OK ...", "NO ..." or "BAD ...". Changes of the mailbox are told first. */
void imap_session_end(struct imap_session *s, struct str text);
/* "OK NAME completed" */
void imap_session_ok(struct imap_session *s);
/* The answer that fits the error. */
void imap_session_fail(struct imap_session *s, enum err e);
struct str imap_session_error_text(struct imap_session *s,
                                   enum err e); /* in the command's memory */

/* Asks keeper for the searches that the command under way names (RFC 5466), reads the command once
 * more with them, and calls next, or ends the command (events/filters.c). */
void imap_session_filters(struct imap_session *s, void (*next)(struct imap_session *s));

/* ---- being told between commands (events/notify.c) ---- */

void notify_free(struct imap_session *s);
/* This session has made the change `modseq` itself, and need not be told of it. */
void notify_own(struct imap_session *s, uint64_t modseq);
void notify_event(struct imap_session *s, const struct keep_event_note *note);
/* Writes what has waited behind the responses of a command. */
void notify_flush(struct imap_session *s);
/* The message events of the open mailbox that may be told. */
uint32_t notify_selected(const struct imap_session *s);
/* NOTIFY was used: it says what may be told while idle. */
bool notify_is_active(const struct imap_session *s);
/* New messages of the view are about to be told. */
void notify_arrived(struct imap_session *s);
/* Tells what there is to tell, when no command is under way. */
void notify_push(struct imap_session *s);
/* Ends ENABLE when keeper knows that annotations are wanted. */
void notify_enable(struct imap_session *s);

/* ---- the open mailbox (selected.c) ---- */

void selected_close(struct imap_session *s);
/* Fetches what changed since the last time into the view and `out`, then calls next. */
void imap_session_sync(struct imap_session *s, void (*next)(struct imap_session *s));
/* Tells of losses, if that is allowed now, and arrivals. */
void selected_report(struct imap_session *s, bool may_expunge);
/* "* FLAGS" and "* OK [PERMANENTFLAGS". */
void selected_announce(struct imap_session *s);
/* The rights to it have changed. */
void selected_rights(struct imap_session *s, uint32_t rights);
/* "* MYRIGHTS" (RFC 4314 3.8). */
void imap_session_my_rights(struct imap_session *s, struct str mailbox, uint32_t rights);
/* Takes over a keyword list that keeper sent; new keywords are announced. */
void selected_keywords(struct imap_session *s, const struct keep_text *texts, size_t count);
/* The message with this UID as FETCH responses name it; number 0: the client does not know it. */
struct fetch_number selected_number(const struct imap_session *s, uint32_t uid);
/* Flags as one word of message/set/flags.h, \Recent included. */
uint64_t selected_flag_bits(const struct selected *box, const struct keep_row *row);
/* This session's own command has made the changes from behind `before`, the mailbox's modseq until
 * then, up to `modseq`. Not for a modseq that was only seen: it may be that of somebody else's
 * change, all of which the client has yet to learn. */
void selected_made(struct selected *box, uint64_t before, uint64_t modseq);
/* The client has been told how the messages `uids` are as of `modseq`; they are not told again by
 * the end of the command. */
void selected_told(struct selected *box, const struct uidset *uids, uint64_t modseq);
/* The UIDs of a command's set, encoded for keeper in the command's memory; the command has been
 * ended with BAD when false. */
MUST_USE bool imap_session_uids(struct imap_session *s, const struct imap_set *set,
                                struct str *ret);
/* The UIDs that a set of a command names, "$" included. False when a number does not exist. */
MUST_USE bool selected_resolve(const struct selected *box, const struct imap_set *set, bool uid,
                               struct uidset *ret);
/* The same of the whole mailbox. */
struct str imap_session_all_uids(struct imap_session *s);
struct str imap_session_encode_uids(struct imap_session *s, const struct uidset *uids);
/* The other way; no octets are the empty set. *ret is empty before, and on failure (ERR_CORRUPT).
 */
MUST_USE enum err imap_session_decode_uids(struct str octets, struct uidset *ret);

/* FETCH as a part of other commands: rows for `uids`, then the command ends with `final`. */
void fetch_rows(struct imap_session *s, const struct imap_fetch_args *args, struct str uids,
                struct str final);

/* "* VANISHED (EARLIER)" for those of `known` (count 0: all) that went after `modseq`; then next.
 * The command fails when keeper cannot say. Uses `task`; `known` stays the caller's until then. */
void vanished_since(struct imap_session *s, uint64_t modseq, const struct imap_set *known,
                    void (*next)(struct imap_session *s));

/* The flags of a command for keeper: fixed bits, and names for the others. */
uint32_t imap_session_flag_names(struct imap_session *s, const struct flag_names *names,
                                 struct keep_text **ret, size_t *ret_count);

/* ---- the commands, one function a row of proto/imap/command.h ---- */

typedef void (*imap_cmd_fn)(struct imap_session *s, const struct imap_command *c);
#define CMD_PROTOTYPE(VERB, function, ...)                                                         \
    void imap_cmd_##function(struct imap_session *s, const struct imap_command *c);
IMAP_COMMANDS(CMD_PROTOTYPE)
#undef CMD_PROTOTYPE

/* Events that belong to a command under way. */
void auth_line(struct imap_session *s, struct str line, bool whole);
void append_begin(struct imap_session *s, const struct imap_command *c);
void append_body(struct imap_session *s, struct str octets);
void append_end(struct imap_session *s, bool whole);
void appending_free(struct imap_session *s); /* appending.h: gives up what was collected */
void idle_changed(struct imap_session *s);
void idle_done(struct imap_session *s, const struct imap_command *c, bool whole);

#endif
