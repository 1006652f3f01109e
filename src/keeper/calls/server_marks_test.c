/* keeper/calls/server_marks_test.c - flags of many messages at once, which take a row a block,
 * beside a plain array of what they should be: through power cuts, expunges, changes of single
 * messages. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_job.h"
#include "keeper/server_test_world.h"
#include "store/mailbox/messages.h"

enum { MESSAGES = 2100 }; /* in three blocks */

/* What every message should be. */
struct model {
    uint32_t mailbox, seed;
    uint64_t modseq;
    uint32_t flags[MESSAGES + 1];
    uint64_t modseqs[MESSAGES + 1]; /* 0: not there */
};

static uint32_t chance(struct model *m, uint32_t below)
{
    m->seed = m->seed * 1664525 + 1013904223;
    return (m->seed >> 8) % below;
}

static void fill_inbox(struct world *w, struct model *m)
{
    struct buf octets = { 0 }, manifest = { 0 };
    const struct keep_new_message one = { .size = 3 };
    struct keep_append_rep rep;
    struct keep_select_rep box;

    for (uint32_t i = 0; i < MESSAGES; i++) {
        keep_manifest_add(&manifest, &one);
        BUF_ADD(&octets, "x\r\n");
    }
    const struct keep_append_req req = { .session = w->session,
                                         .name = STR("INBOX"),
                                         .manifest = buf_str(&manifest),
                                         .bytes = buf_str(&octets) };
    CHECK_OK(ask_append(w, w->gate, &req, &rep), "append");
    CHECK_OK(ask_select(w, w->gate,
                        &(struct keep_select_req){ .session = w->session, .name = STR("INBOX") },
                        &box),
             "select");
    m->mailbox = box.mailbox;
    m->modseq = box.modseq;
    for (uint32_t uid = 1; uid <= MESSAGES; uid++)
        m->modseqs[uid] = box.modseq;
    buf_deinit(&octets);
    buf_deinit(&manifest);
}

static struct str range_octets(struct world *w, uint32_t first, uint32_t last)
{
    struct uidset uids = { 0 };
    struct str octets;

    uidset_add_range(&uids, first, last);
    octets = uids_octets(w->mem, &uids);
    uidset_deinit(&uids);
    return octets;
}

struct storing {
    uint32_t first, last;
    uint8_t op;
    uint32_t flags;
    uint64_t unchanged_since; /* 0: whatever the modseq */
};

static void store(struct world *w, struct model *m, const struct storing *what)
{
    uint32_t first = what->first, last = what->last, flags = what->flags;
    uint64_t until = what->unchanged_since == 0 ? UNCHANGED_SINCE_UNSAID : what->unchanged_since;
    struct keep_store_rep rep;
    struct uidset changed = { 0 }, want = { 0 };
    struct reader r;

    CHECK_OK(ask_store(w, w->gate,
                       &(struct keep_store_req){ .session = w->session,
                                                 .mailbox = m->mailbox,
                                                 .uids = range_octets(w, first, last),
                                                 .op = what->op,
                                                 .flags = flags,
                                                 .unchanged_since = until },
                       &rep),
             "store");
    CHECK_EQ(rep.before, m->modseq, "the modseq before");
    for (uint32_t uid = first; uid <= last; uid++) {
        uint32_t was = m->flags[uid];
        uint32_t now = what->op == STORE_SET   ? flags
                       : what->op == STORE_ADD ? was | flags
                                               : was & ~flags;

        if (m->modseqs[uid] == 0 || m->modseqs[uid] > until || now == was)
            continue;
        m->flags[uid] = now;
        m->modseqs[uid] = m->modseq + 1;
        uidset_add(&want, uid);
    }
    m->modseq = rep.modseq;
    r = reader_of(rep.changed);
    CHECK_OK(uidset_decode(&r, UINT32_MAX, &changed), "set");
    CHECK(uidset_equal(&changed, &want), "the UIDs that changed of %u:%u", first, last);
    uidset_deinit(&changed);
    uidset_deinit(&want);
}

static void expunge(struct world *w, struct model *m, uint32_t first, uint32_t last)
{
    struct keep_expunge_rep rep;

    CHECK_OK(ask_expunge(w, w->gate,
                         &(struct keep_expunge_req){ .session = w->session,
                                                     .mailbox = m->mailbox,
                                                     .uids = range_octets(w, first, last) },
                         &rep),
             "expunge");
    for (uint32_t uid = first; uid <= last; uid++)
        m->flags[uid] = (uint32_t)(m->modseqs[uid] = 0);
    m->modseq = rep.modseq;
}

/* Every row that keeper shows is the model's, and none is missing. */
static void compare(struct world *w, const struct model *m)
{
    uint32_t next = 1, uid = 1;

    while (next != 0) {
        struct keep_fetch_rep rep;

        CHECK_OK(ask_fetch(w, w->gate,
                           &(struct keep_fetch_req){ .session = w->session,
                                                     .mailbox = m->mailbox,
                                                     .uids = range_octets(w, 1, MESSAGES),
                                                     .from = next,
                                                     .items = ITEM_FLAGS | ITEM_MODSEQ },
                           &rep),
                 "fetch");
        for (size_t i = 0; i < rep.rows_count; i++, uid++) {
            while (uid <= MESSAGES && m->modseqs[uid] == 0)
                uid++;
            CHECK_EQ(rep.rows[i].uid, uid, "UID");
            CHECK_EQ(rep.rows[i].flags, m->flags[uid], "flags of %u", uid);
            CHECK_EQ(rep.rows[i].modseq, m->modseqs[uid], "modseq of %u", uid);
        }
        next = rep.next;
    }
    while (uid <= MESSAGES && m->modseqs[uid] == 0)
        uid++;
    CHECK_EQ(uid, MESSAGES + 1, "all are shown");
}

static void restart(struct world *w)
{
    world_restart(w, true);
    w->session = world_login(w, STR("alice"), STR("hungry"));
}

static void do_something(struct world *w, struct model *m)
{
    static const uint32_t spans[] = { 1, 15, 16, 17, 40, 1023, 1025, MESSAGES };
    static const uint32_t flags[] = { FLAG_SEEN, FLAG_FLAGGED, FLAG_DELETED, FLAG_SEEN | FLAG_DRAFT,
                                      0 };
    uint32_t first = 1 + chance(m, MESSAGES);
    uint32_t last = first + spans[chance(m, ARRAY_LEN(spans))] - 1;

    last = MIN(last, (uint32_t)MESSAGES);
    switch (chance(m, 16)) {
    case 0:
        expunge(w, m, first, last);
        break;
    case 1:
        restart(w);
        break;
    case 2: /* RFC 7162 3.1.3 */
        store(w, m, &(struct storing){ first, last, STORE_ADD, FLAG_ANSWERED, m->modseqs[first] });
        break;
    default:
        store(w, m,
              &(struct storing){ first, last, (uint8_t)chance(m, 3),
                                 flags[chance(m, ARRAY_LEN(flags))], 0 });
    }
}

TEST(flags_in_blocks_are_those_of_a_plain_array)
{
    static struct model m;
    struct world w;

    world_open(&w);
    m.seed = 5;
    fill_inbox(&w, &m);
    for (uint32_t round = 0; round < 40; round++) {
        do_something(&w, &m);
        if (round % 10 == 9) {
            compare(&w, &m);
            CHECK_EQ(world_check(&w, true), 0, "the tables after round %u", round);
        }
    }
    restart(&w);
    compare(&w, &m);
    world_close(&w);
}

/* Two changes that come into one batch: the second finds what the first has done. */
struct both {
    unsigned answered;
    struct keep_store_rep last;
};

static void both_stored(void *ctx, enum err e, const struct keep_store_rep *rep, struct file *file)
{
    struct both *b = ctx;

    (void)file;
    CHECK_OK(e, "store %u", b->answered);
    b->answered++;
    b->last.modseq = rep->modseq;
    b->last.before = rep->before;
}

TEST(changes_of_one_batch_see_each_other)
{
    static struct model m;
    struct world w;
    struct both b = { 0 };
    struct keep_store_req req = { .op = STORE_ADD,
                                  .flags = FLAG_FLAGGED,
                                  .unchanged_since = UNCHANGED_SINCE_UNSAID };
    uint64_t before;

    world_open(&w);
    memset(&m, 0, sizeof m);
    fill_inbox(&w, &m);
    before = m.modseq;
    req.session = w.session;
    req.mailbox = m.mailbox;
    req.uids = range_octets(&w, 1, MESSAGES);
    (void)keeper_store(w.gate, &req, both_stored, &b);
    req.flags = FLAG_SEEN;
    (void)keeper_store(w.gate, &req, both_stored, &b);
    world_settle(&w, 100);
    CHECK_EQ(b.answered, 2, "both");
    CHECK_EQ(b.last.before, before + 1, "the second follows the first");
    m.modseq = b.last.modseq;
    for (uint32_t uid = 1; uid <= MESSAGES; uid++) {
        m.flags[uid] = FLAG_FLAGGED | FLAG_SEEN;
        m.modseqs[uid] = b.last.modseq;
    }
    compare(&w, &m);
    restart(&w);
    compare(&w, &m);
    world_close(&w);
}

/* A later change of one message wins over the block that it is in, also when both are read anew. */
TEST(a_single_change_wins_over_its_block)
{
    static struct model m;
    struct world w;

    world_open(&w);
    memset(&m, 0, sizeof m);
    fill_inbox(&w, &m);
    store(&w, &m, &(struct storing){ 1, MESSAGES, STORE_ADD, FLAG_SEEN, 0 });
    store(&w, &m, &(struct storing){ 7, 7, STORE_REMOVE, FLAG_SEEN, 0 });
    restart(&w);
    compare(&w, &m);
    store(&w, &m, &(struct storing){ 20, 60, STORE_ADD, FLAG_DRAFT, 0 });
    store(&w, &m, &(struct storing){ 30, 30, STORE_SET, FLAG_DELETED, 0 });
    restart(&w);
    compare(&w, &m);
    expunge(&w, &m, 1, MESSAGES);
    CHECK_EQ(world_check(&w, true), 0, "no block stays behind");
    world_close(&w);
}

/* ---- places of emails ---- */

static uint32_t copy_all(struct world *w, const struct model *m, struct str target)
{
    struct keep_copy_rep rep;
    struct uidset made = { 0 };
    struct reader r;
    uint32_t count;

    CHECK_OK(ask_copy(w, w->gate,
                      &(struct keep_copy_req){ .session = w->session,
                                               .mailbox = m->mailbox,
                                               .uids = range_octets(w, 1, MESSAGES),
                                               .target = target },
                      &rep),
             "copy");
    r = reader_of(rep.target);
    CHECK_OK(uidset_decode(&r, UINT32_MAX, &made), "set");
    count = uidset_count(&made);
    uidset_deinit(&made);
    return count;
}

static void expunge_of(struct world *w, uint32_t mailbox, uint32_t first, uint32_t last)
{
    struct keep_expunge_rep rep;

    CHECK_OK(ask_expunge(w, w->gate,
                         &(struct keep_expunge_req){ .session = w->session,
                                                     .mailbox = mailbox,
                                                     .uids = range_octets(w, first, last) },
                         &rep),
             "expunge");
}

/* The check of the store counts the places of every email; the last one takes its body along. */
TEST(copies_of_whole_mailboxes_count_their_places)
{
    static struct model m;
    struct world w;

    world_open(&w);
    memset(&m, 0, sizeof m);
    fill_inbox(&w, &m);
    CHECK_EQ(copy_all(&w, &m, STR("INBOX")), MESSAGES, "into itself");
    CHECK_EQ(world_check(&w, true), 0, "a second place");
    expunge_of(&w, m.mailbox, 3, 3);
    expunge_of(&w, m.mailbox, 1000, 1100);
    CHECK_EQ(world_check(&w, true), 0, "some are gone");
    restart(&w);
    CHECK_EQ(copy_all(&w, &m, STR("INBOX")), MESSAGES - 102, "once more, with others behind");
    CHECK_EQ(world_check(&w, true), 0, "a third place");
    expunge_of(&w, m.mailbox, 1, 2 * MESSAGES);
    CHECK_EQ(world_check(&w, true), 0, "down to one");
    expunge_of(&w, m.mailbox, 2 * MESSAGES, 4 * MESSAGES);
    restart(&w);
    CHECK_EQ(world_check(&w, true), 0, "none");
    world_close(&w);
}
