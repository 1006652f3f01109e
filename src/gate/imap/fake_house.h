/* gate/imap/fake_house.h - an IMAP session in memory: a stream, a clock and a keeper made of
 * arrays.
 *
 * For tests. It stands in for os/ and for the keeper client, whose functions it defines, so nothing
 * here makes a system call and every reply comes on a later turn, as it does in the real house. The
 * keeper has one account, alice@crepes.fr with the password hungry. Times are milliseconds of a
 * clock that moves when told. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_IMAP_FAKE_HOUSE_H
#define POSTERN_GATE_IMAP_FAKE_HOUSE_H

#include "gate/imap/service.h"

struct fake_message {
    uint32_t uid;
    uint32_t flags;
    uint64_t keywords;
    uint64_t modseq;
    int64_t date, zone;
    struct buf bytes, record;
    bool recent;
};

struct fake_mailbox {
    uint32_t id, uidnext, special_use;
    char name[64];
    bool exists, subscribed;
    struct fake_message messages[200];
    uint32_t count;
    struct {
        uint32_t uid;
        uint64_t modseq;
    } gone[200];
    uint32_t gone_count;
    struct keyword_list keywords;
};

struct fake_house {
    struct imap_service service;
    struct fake_mailbox boxes[16];
    uint32_t box_count;
    uint64_t modseq;
    uint32_t page_rows;  /* rows of a page; 0: all */
    size_t page_bytes;   /* octets of a section in one page; 0: all */
    enum err fail_next;  /* the next call fails with this */
    uint32_t open_calls; /* asked and not answered */
    uint32_t sessions;   /* logged in */
    uint32_t watches;    /* kinds of events that the session wants to hear of */
    size_t most_unsent;  /* octets that waited for the peer */
    bool certificate;    /* under TLS the client has shown alice's */
    bool unnoted;        /* what others change is not noted; keeper's word comes late */
    bool silent;         /* keeper answers nothing until this is taken back */
    bool slow;           /* the peer takes what was written only between turns */
};

struct fake_house *house_new(struct buf *sent, bool loopback);
void house_free(struct fake_house *h);
/* What the client sends; then turns until nothing moves. */
void house_feed(struct fake_house *h, struct str bytes);
void house_turns(struct fake_house *h);
void house_clock(struct fake_house *h, uint64_t now_ms);
bool house_is_closed(const struct fake_house *h);
/* The client goes away. */
void house_hang_up(struct fake_house *h);

/* Somebody else changes a mailbox; the session is told. */
void house_deliver(struct fake_house *h, struct str mailbox, struct str message, uint32_t flags);
void house_flag(struct fake_house *h, struct str mailbox, uint32_t uid, uint32_t flags);
void house_remove(struct fake_house *h, struct str mailbox, uint32_t uid);

/* Keeper tells of an event, written as in fake_metadata.c. */
void house_event(struct fake_house *h, struct str text);
/* Somebody else removes a mailbox. */
void house_delete(struct fake_house *h, struct str name);

/* Keeper mentions a mailbox. */
void house_note(struct fake_house *h, struct str mailbox);

/* ---- between fake_keeper.c and fake_os.c ---- */

/* Runs `run(ctx)` on the next turn. */
void house_later(struct fake_house *h, void (*run)(void *ctx), void *ctx);
extern struct fake_house *house_now; /* the one under test */
void fake_metadata_init(void);
void fake_sharing_init(void);
void fake_quota_init(void);
void fake_keeper_init(struct fake_house *h);
void fake_keeper_deinit(struct fake_house *h);

#endif
