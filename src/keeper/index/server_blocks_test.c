/* keeper/index/server_blocks_test.c - key blocks are there before anybody sorts, and right. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/index/server_blocks.h"

#include "keeper/index/server_index.h"
#include "keeper/server_test_world.h"

enum { ALICE = 1, SOME = 256, SETTLE_MS = 3000 };

/* Copies of few messages fill a mailbox quickly. */
struct scene {
    struct world w;
    uint32_t inbox, box;
};

static uint32_t open_box(struct world *w, struct str name)
{
    struct keep_select_rep rep;

    CHECK_OK(
        ask_select(w, w->gate,
                   &(struct keep_select_req){ .session = w->session, .name = name, .write = true },
                   &rep),
        "select");
    return rep.mailbox;
}

static void scene_open(struct scene *s)
{
    struct world *w = &s->w;

    world_open(w);
    indexer_free(w->keeper); /* which has nothing to do with it */
    for (int i = 0; i < SOME; i++)
        CHECK_OK(world_deliver(w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"),
                               arena_printf(w->mem, "Subject: pancake %d\r\n\r\nx\r\n", i)),
                 "message %d", i);
    s->inbox = open_box(w, STR("INBOX"));
    CHECK_OK(ask_mailbox_create(
                 w, w->gate,
                 &(struct keep_mailbox_create_req){ .session = w->session, .name = STR("box") },
                 NULL),
             "create");
    s->box = open_box(w, STR("box"));
}

static void copy(struct scene *s, int times)
{
    struct world *w = &s->w;

    for (int i = 0; i < times; i++)
        CHECK_OK(ask_copy(w, w->gate,
                          &(struct keep_copy_req){ .session = w->session,
                                                   .mailbox = s->inbox,
                                                   .uids = uids_of(w, "1:*"),
                                                   .target = STR("box") },
                          NULL),
                 "copy %d", i);
}

static void expunge(struct scene *s, const char *uids)
{
    struct world *w = &s->w;

    CHECK_OK(ask_expunge(w, w->gate,
                         &(struct keep_expunge_req){
                             .session = w->session, .mailbox = s->box, .uids = uids_of(w, uids) },
                         NULL),
             "expunge %s", uids);
}

/* Messages in the row of that block; 0: there is none. */
static uint32_t row(struct scene *s, uint32_t number)
{
    struct key_block *b;
    struct str value;
    struct key k;
    uint32_t count;
    bool found = false;

    key_of_key_block(&k, ALICE, s->box, number);
    CHECK_OK(kv_get(s->w.keeper->kv, NULL, s->w.mem, key_str(&k), &found, &value), "a row");
    if (!found)
        return 0;
    CHECK_OK(key_block_open(value, &b), "block %u", number);
    CHECK_EQ(key_block_number(b), number, "its number");
    count = b->count;
    key_block_free(b);
    return count;
}

TEST(keys_are_made_when_a_block_is_full_and_nobody_has_asked)
{
    struct scene s;

    scene_open(&s);
    copy(&s, 3);
    world_settle(&s.w, SETTLE_MS);
    CHECK_EQ(row(&s, 0), 0, "not full yet");
    copy(&s, 1);
    world_settle(&s.w, SETTLE_MS);
    CHECK_EQ(row(&s, 0), 1023, "UIDs 1 to 1023");
    CHECK_EQ(row(&s, 1), 0, "not full yet");
    expunge(&s, "1024");
    copy(&s, 4);
    world_settle(&s.w, SETTLE_MS);
    CHECK_EQ(row(&s, 1), 1024 - 1, "what is left of it");
    CHECK_EQ(blocks_written(s.w.keeper), 2, "each once");
    world_close(&s.w); /* its check compares all entries with the messages */
}

/* What was missed, by a crash or an older program, is made with the next block. */
TEST(blocks_that_are_missing_are_made_with_the_next_one)
{
    struct kv_batch *batch;
    struct kv_position at;
    struct errinfo why;
    struct scene s;
    struct key k;

    scene_open(&s);
    copy(&s, 4);
    world_settle(&s.w, SETTLE_MS);
    batch = kv_batch_new(s.w.keeper->kv);
    key_of_key_block(&k, ALICE, s.box, 0);
    kv_batch_delete(batch, key_str(&k));
    at = kv_position(s.w.keeper->kv);
    CHECK_OK(kv_apply(s.w.keeper->kv, batch, &at, &why), "apply");
    kv_batch_free(batch);
    copy(&s, 4);
    world_settle(&s.w, SETTLE_MS);
    CHECK_EQ(row(&s, 0), 1023, "the older one");
    CHECK_EQ(row(&s, 1), 1024, "the newer one");
    world_close(&s.w);
}

TEST(a_block_whose_messages_have_gone_is_not_written)
{
    struct key_block *made = NULL;
    struct errinfo why;
    struct scene s;
    uint32_t below;

    scene_open(&s);
    blocks_free(s.w.keeper);
    copy(&s, 4);
    CHECK_OK(mailbox_keys_make_block(s.w.keeper->kv, ALICE, s.box, 0, &made, &below, &why), "make");
    CHECK(made != NULL && made->count == 1023, "all of them");
    CHECK_EQ(below, 0, "none below");
    expunge(&s, "1:1023");
    CHECK_OK(mailbox_keys_apply_block(s.w.keeper->kv, ALICE, s.box, made, &why), "apply");
    CHECK_EQ(row(&s, 0), 0, "too late");
    key_block_free(made);
    world_close(&s.w);
}

/* Keeper may go while a block is made; a rebuild throws the rows away, and they come again. */
TEST(keys_come_back_after_a_rebuild)
{
    struct keep_rebuild_rep rep;
    struct scene s;

    scene_open(&s);
    copy(&s, 4);
    world_settle(&s.w, 301);
    CHECK_OK(ask_logout(&s.w, s.w.gate, &(struct keep_logout_req){ .session = s.w.session }, NULL),
             "logout");
    CHECK_OK(ask_rebuild(&s.w, s.w.control, &(struct keep_rebuild_req){}, &rep), "rebuild");
    indexer_free(s.w.keeper);
    s.w.session = world_login(&s.w, STR("alice"), STR("hungry"));
    s.inbox = open_box(&s.w, STR("INBOX"));
    s.box = open_box(&s.w, STR("box"));
    copy(&s, 4);
    world_settle(&s.w, SETTLE_MS);
    CHECK_EQ(row(&s, 0), 1023, "the first one, too");
    CHECK_EQ(row(&s, 1), 1024, "the newer one");
    world_close(&s.w);
}
