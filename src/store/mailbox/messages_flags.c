/* store/mailbox/messages_flags.c - changing the flags of messages.
 *
 * A message whose flags change gets its row anew; where many of one block of UIDs change together,
 * the block gets one row of marks instead, made from the mailbox in memory, so that nothing is read
 * and little is written however many messages there are. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/messages.h"

#include "store/mailbox/view.h"

/* So many changes of one block are worth a row of marks: it may have to carry others along. */
enum { MARKS_WORTH = 16 };

/* A message of the block at hand whose flags become others. */
struct remark {
    uint32_t at; /* in the view */
    uint64_t flags;
};

struct storing {
    struct account_txn *a;
    uint32_t mailbox;
    struct mbox *m;
    const struct flags_change *change;
    uint32_t with_this_modseq;
    struct uidset *changed, *modified;

    struct remark *block; /* room for MARKS_BLOCK_UIDS */
    uint32_t block_count;
};

static uint64_t flags_asked(const struct flags_change *c, uint64_t before)
{
    switch (c->op) {
    case FLAGS_SET:
        return c->bits;
    case FLAGS_ADD:
        return before | c->bits;
    case FLAGS_REMOVE:
        return before & ~c->bits;
    }
    BUG("no such operation on flags");
}

static uint64_t flags_after(const struct flags_change *c, uint64_t before)
{
    return (before & c->not_these) | (flags_asked(c, before) & ~c->not_these);
}

/* The modseq for `count` more changes. */
static void take_modseq(struct storing *s, uint32_t count)
{
    if (s->with_this_modseq + count > MESSAGES_PER_MODSEQ) {
        s->a->modseq++;
        s->with_this_modseq = 0;
    }
    s->with_this_modseq += count;
    s->m->modseq = s->a->modseq;
}

static void note_change(struct storing *s, uint32_t uid, uint64_t before, uint64_t after)
{
    s->m->unseen += (after & FLAG_SEEN) == 0;
    s->m->unseen -= (before & FLAG_SEEN) == 0;
    s->m->deleted += (after & FLAG_DELETED) != 0;
    s->m->deleted -= (before & FLAG_DELETED) != 0;
    uidset_add(s->changed, uid);
}

static enum err store_one(void *ctx, uint32_t uid, const struct membership *ms)
{
    struct storing *s = ctx;
    struct membership after = *ms;
    struct key k;

    if (ms->modseq > s->change->unchanged_since) {
        uidset_add(s->modified, uid);
        return OK;
    }
    after.flags = flags_after(s->change, ms->flags);
    if (after.flags == ms->flags)
        return OK;
    take_modseq(s, 1);
    after.modseq = s->a->modseq;
    key_of_membership(&k, s->a->account, s->mailbox, uid);
    table_put_membership(s->a->t, &k, &after);
    note_change(s, uid, ms->flags, after.flags);
    return OK;
}

/* ---- many at once ---- */

static enum err store_few(struct storing *s)
{
    const struct view *view = s->change->view;
    struct uidset uids = { 0 };
    const struct messages_of which = { s->a->kv, s->a->account, s->mailbox, &uids };
    enum err e;

    for (uint32_t i = 0; i < s->block_count; i++)
        uidset_add(&uids, view->at[s->block[i].at].uid);
    e = messages_each(&which, store_one, s, s->a->why);
    uidset_deinit(&uids);
    return e;
}

/* The marks of a block after the change: of those that change, and of those that had one. */
static void make_marks(struct storing *s, const struct marks *old, struct marks *fresh)
{
    const struct view *view = s->change->view;
    uint32_t next = 0, gap = fresh->block << MARKS_BLOCK_BITS;

    for (uint32_t i = view_at_or_after(view, gap);
         i < view->count && marks_block_of(view->at[i].uid) == fresh->block; i++) {
        const struct view_row *row = &view->at[i];

        if (next < s->block_count && s->block[next].at == i)
            marks_add(fresh, gap, row->uid, s->block[next++].flags, s->a->modseq);
        else if (marks_find(old, row->uid) != NULL)
            marks_add(fresh, gap, row->uid, row->flags, row->modseq);
        gap = row->uid + 1;
    }
}

static void put_marks(struct storing *s, const struct marks *marks)
{
    struct buf octets = { 0 };
    struct key k;

    key_of_marks(&k, s->a->account, s->mailbox, marks->block);
    marks_encode(marks, &octets);
    txn_put(s->a->t, key_str(&k), buf_str(&octets));
    buf_deinit(&octets);
}

static enum err mark_block(struct storing *s, uint32_t block)
{
    SCRATCH(tmp, s->a->mem);
    struct marks old = { 0 }, fresh = { .at = ARENA_ARRAY(tmp, struct marks_run, MARKS_BLOCK_UIDS),
                                        .block = block };
    enum err e = marks_find_block(s->a->kv, s->a->account, s->mailbox, block, &old, s->a->why);

    if (e == OK) {
        take_modseq(s, s->block_count);
        make_marks(s, &old, &fresh);
        put_marks(s, &fresh);
    }
    free(old.at);
    return e;
}

static enum err store_block(struct storing *s)
{
    const struct view *view = s->change->view;
    enum err e;

    if (s->block_count < MARKS_WORTH)
        return store_few(s);
    e = mark_block(s, marks_block_of(view->at[s->block[0].at].uid));
    for (uint32_t i = 0; i < s->block_count && e == OK; i++) {
        const struct view_row *row = &view->at[s->block[i].at];

        note_change(s, row->uid, row->flags, s->block[i].flags);
    }
    return e;
}

static enum err end_block(struct storing *s)
{
    enum err e = s->block_count == 0 ? OK : store_block(s);

    s->block_count = 0;
    return e;
}

static enum err mark_one(struct storing *s, uint32_t at)
{
    const struct view *view = s->change->view;
    const struct view_row *row = &view->at[at];
    uint64_t after = flags_after(s->change, row->flags);
    enum err e;

    if (row->modseq > s->change->unchanged_since) {
        uidset_add(s->modified, row->uid);
        return OK;
    }
    if (after == row->flags)
        return OK;
    if (s->block_count > 0 &&
        marks_block_of(view->at[s->block[0].at].uid) != marks_block_of(row->uid) &&
        (e = end_block(s)) != OK)
        return e;
    s->block[s->block_count++] = (struct remark){ at, after };
    return OK;
}

static enum err store_by_blocks(struct storing *s, const struct uidset *uids)
{
    const struct view *view = s->change->view;
    enum err e = OK;

    s->block = ARENA_ARRAY(s->a->mem, struct remark, MARKS_BLOCK_UIDS);
    for (uint32_t r = 0; r < uids->len && e == OK; r++) {
        const struct uid_range *range = &uids->at[r];

        for (uint32_t i = view_at_or_after(view, range->first);
             i < view->count && view->at[i].uid <= range->last && e == OK; i++)
            e = mark_one(s, i);
    }
    return e == OK ? end_block(s) : e;
}

enum err messages_store(struct account_txn *a, uint32_t mailbox, struct mbox *m,
                        const struct uidset *uids, const struct flags_change *change,
                        struct uidset *ret_changed, struct uidset *ret_modified)
{
    struct storing s = { .a = a,
                         .mailbox = mailbox,
                         .m = m,
                         .change = change,
                         .changed = ret_changed,
                         .modified = ret_modified };
    const struct messages_of which = { a->kv, a->account, mailbox, uids };

    return change->view == NULL ? messages_each(&which, store_one, &s, a->why)
                                : store_by_blocks(&s, uids);
}
