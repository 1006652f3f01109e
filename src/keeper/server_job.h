/* keeper/server_job.h - inside keeper: peers, sessions, and requests under way.
 *
 * Only the server_*.c files include this. A request becomes a struct request with an arena of its
 * own, which holds the copied frame, the decoded request and the reply to be filled in. A handler
 * is one of three kinds: read (answers at once from tables and views), write (runs inside the
 * writer's build, so it sees every earlier write; the reply goes out when it is durable), start
 * (goes its own way through workers or several writes and calls request_end itself). A job outlives
 * its peer: then it is finished without a reply. Everything runs on the loop's thread except
 * functions named _worker. Tests: server_*_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_JOB_H
#define POSTERN_KEEPER_SERVER_JOB_H

#include "base/list.h"
#include "base/map.h"
#include "keeper/login/server_delay.h"
#include "keeper/login/server_proven.h"
#include "keeper/server.h"
#include "keeper/server_calls.h"
#include "os/workers.h"
#include "store/accounts/credentials.h"
#include "store/accounts/directory.h"
#include "store/accounts/password.h"
#include "store/journal/writer.h"
#include "store/mailbox/mailbox_keys.h"
#include "store/mailbox/view.h"
#include "store/queue.h"

enum {
    LOGINS_WAITING_MAX = 256, /* verifications that wait for a worker                    */
    SPOOLS_PER_PEER_MAX = 4096,
    SESSIONS_PER_PEER_MAX = 200000,
    EXCHANGES_PER_PEER_MAX = 10000, /* of SCRAM, between their two messages */
    EXCHANGE_MS_MAX = 60000,
    EXPUNGE_PER_COMMIT = 2000, /* rows that one commit removes                            */
    LIST_PER_PAGE = 500,
    REPLY_HEAD_BYTES_MAX = 16,
    REPLY_ROOM_WORTH_BYTES = 16 * 1024, /* less goes through the kernel as quickly            */
    NAMESPACE_BYTES_MAX = 100,
};

struct note_wanted {
    uint32_t account, mailbox; /* as the account's sessions number it */
    uint32_t owner;            /* whose changes are counted */
};

struct keeper {
    struct loop *loop;
    struct fs *fs;
    struct keeper_settings settings;
    struct directory_settings directory;
    struct password_settings password;
    struct kv *kv;
    struct writer *writer;
    struct bodies *bodies;
    struct workers *auth, *slow, *readers; /* passwords; searches and checks; pages of octets */
    struct workers *sorts;                 /* one thread: keys of mailboxes belong to it */
    struct views *views;
    struct indexer *index; /* null when there is none */
    struct blocks *blocks; /* keys made behind the commits (index/server_blocks.h) */
    struct buf languages;  /* for stems_new */
    struct key_cache *keys;
    struct keys_saving *keys_saving; /* under way, or null */
    uint64_t results;                /* of sorts that took more than a page: the last number */
    struct leases *leases;

    struct list peers, jobs;
    size_t request_count;
    struct map sessions;  /* by token   */
    struct map watched;   /* by account */
    struct map locks;     /* by account and mailbox: POP3's exclusive use */
    struct list watchers; /* of accounts with sessions that watch: events/server_events.h */
    struct map guests;    /* by owner and mailbox: who else has it open (server_guests.c) */
    char others_prefix[NAMESPACE_BYTES_MAX + 1], public_prefix[NAMESPACE_BYTES_MAX + 1];
    char public_owner[ADDRESS_BYTES_MAX + 1]; /* empty, like the prefix, when nothing is public */

    struct delays *delays; /* who logged in by POP3 a moment ago */
    struct proven *proven; /* passwords that were right a moment ago */
    struct guesses *guesses;
    uint8_t salt_secret[SHA_256_BYTES]; /* for the salts of nobody */

    struct note_wanted *notes; /* since the last turn */
    size_t note_count, note_cap;
    bool queue_changed;
    struct timer notes_due, queue_due, check_end, purge_due;

    struct list readings; /* server_ahead.c */
    unsigned ahead_pages;
    struct timer ahead_due, ahead_old;

    bool stopping, failed, sweeping;
    struct sweep *sweep;
    bool sweep_again;          /* something was marked while a sweep was under way */
    struct request *exclusive; /* a rebuild, which needs the store for itself */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    uint64_t calls[CALL_COUNT]; /* how often each was made */
};

struct peer {
    struct list link;
    struct keeper *k;
    struct channel *channel;
    enum keep_who who;
    struct list sessions, spools, jobs, exchanges;
    uint32_t session_count, spool_count, exchange_count;
    uint64_t number;
    bool broken;
    struct timer end;
};

struct session {
    struct list in_peer, in_account;
    struct peer *peer;
    uint64_t token;
    uint32_t account;
    uint32_t watches; /* kinds of events that it is told of */
    struct list locks;
    struct sorted *sorted;   /* its last sort, while pages are left; else null */
    struct reading *reading; /* pages made ahead; null mostly */
};

/* All sessions of one account. */
struct watched {
    uint32_t account; /* the key */
    struct list sessions;
    struct watcher *watcher; /* null while none of them watches */
    struct guest **guests;   /* mailboxes of others, by number (server_guests.c) */
    uint32_t guest_count, guest_cap;
};

struct spool {
    struct list in_peer;
    uint64_t number;
    struct file *file;
};

struct ahead;
struct reading;
struct request;
struct handler {
    enum err (*read)(struct request *j);
    enum err (*write)(struct request *j, struct txn *t);
    void (*start)(struct request *j);
};

struct request {
    struct list in_keeper, in_peer;
    struct keeper *k;
    struct peer *peer; /* null when it is gone */
    enum keep_who who;
    struct arena *mem;
    enum keep_call call;
    uint64_t tag;
    const void *req;
    void *rep;
    struct file *file;        /* goes out with the reply; not owned */
    size_t page_bytes;        /* octets of the reply that lie elsewhere than in `mem` */
    struct channel_room room; /* the reply, when it was written early; else none */
    struct str room_reply;    /* its fields there */
    struct errinfo why;

    /* Of the write under way. */
    enum err (*build)(struct request *j, struct txn *t);
    void (*written)(struct request *j, enum err e);
    struct ahead *ahead; /* this page is not asked for yet; null mostly */
    struct spool *spool; /* taken from the peer for this request; closed at the end */
    void *own;           /* of the handler */
    void (*cleanup)(struct request *j);
};

/* server_dispatch.c */
void request_from_frame(struct peer *p, struct str frame);
void request_end(struct request *j, enum err e); /* replies and frees */
void request_free(struct request *j);
/* A request that nobody has sent, with the fields of one that somebody has; its owner ends it. */
struct request *request_unasked(struct peer *p, enum keep_call call, struct str fields);
/* Writes the reply where its receiver will read it, before request_end(j, OK): octets whose `at` is
 * null may be filled in meanwhile. *ret: its fields. False: the reply is made at the end. */
MUST_USE bool request_reply_early(struct request *j, struct str *ret);
/* Runs build inside the writer, then written(j, e); null: request_end. */
void request_write(struct request *j, enum err (*build)(struct request *j, struct txn *t),
                   void (*written)(struct request *j, enum err e));

/* server_session.c */
struct session *session_new(struct peer *p, uint32_t account);
struct session *session_find(struct keeper *k, const struct peer *p, uint64_t token);
/* The session of a job, or ERR_DENIED with its reason. */
MUST_USE enum err request_session(struct request *j, uint64_t token, struct session **ret);
/* A session of the asking channel. */
MUST_USE enum err session_begin(struct request *j, uint32_t account, uint64_t *ret_token);
void session_forget(struct session *s);
void sessions_end_of_account(struct keeper *k, uint32_t account);
MUST_USE enum err session_lock(struct session *s, uint32_t mailbox);
void session_unlock(struct session *s, uint32_t mailbox);
bool mailbox_is_locked_by_other(struct keeper *k, uint32_t account, uint32_t mailbox,
                                const struct session *mine);
void spool_free(struct spool *s);
void session_drop_sorted(struct session *s); /* server_sort.c */
void keys_saving_free(struct keeper *k);     /* server_keys.c */

/* server_notes.c */
void notes_observe(void *ctx, const struct txn_op *ops, size_t count);
void notes_send(void *ctx);
void note_send(struct peer *p, enum keep_note number, const void *note,
               void (*put)(struct buf *out, const void *note));
void queue_due_send(void *ctx);
/* Tells couriers that the administrator wants what waits to be tried. */
void queue_tell_anew(struct keeper *k);
void queue_timer_set(struct keeper *k);

/* server.c */
void keeper_log(struct keeper *k, const char *fmt, ...) PRINTF_LIKE(2, 3);
void keeper_maybe_stopped(struct keeper *k);
/* server_sweep.c: removes what deleted mailboxes and accounts left behind, page by page. */
void sweep_start(struct keeper *k);
void purge_start(void *k);
void sweep_free(struct keeper *k);

/* server_words.c: between the store's words and those of the contract. */
struct str uids_octets(struct arena *mem, const struct uidset *uids);
/* Empty octets are the empty set. */
MUST_USE enum err request_uids(struct request *j, struct str octets, struct uidset *ret);
/* The mailbox in memory for changing the flags of `uids`, when that is worth it and nothing of this
 * batch has changed it before; else null. */
MUST_USE enum err request_view(struct request *j, const struct txn *t, uint32_t account,
                               uint32_t mailbox, const struct uidset *uids,
                               const struct view **ret);
void keyword_texts(struct arena *mem, const struct mbox *m, struct keep_text **ret,
                   size_t *ret_count);
static inline uint32_t row_flags(uint64_t word)
{
    return (uint32_t)(word & 0xffff);
}
static inline uint64_t row_keywords(uint64_t word)
{
    return word >> 16;
}
/* The mailbox of a session by number, or ERR_NOT_FOUND. */
MUST_USE enum err request_mailbox(struct request *j, struct kv *kv, uint32_t account, uint32_t id,
                                  struct mbox *ret);

#endif
