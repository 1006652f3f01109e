/* keeper/fetch/server_ahead_test.c - pages that are made before they are asked for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/index/server_index.h"
#include "keeper/server_job.h"
#include "keeper/server_test_world.h"

enum { MESSAGES = 40, BODY_BYTES = 50000, PAGE_ROWS = 9 };

/* alice's INBOX with messages of which nine fill a page, and her second session. */
struct scene {
    struct world w;
    uint32_t mailbox;
    uint64_t other;
    uint32_t next;
    uint32_t seen_rows;
    bool mark_seen;
};

static void scene_open(struct scene *s)
{
    struct buf text = { 0 };
    struct keep_select_rep box;

    memset(s, 0, sizeof *s);
    world_open(&s->w);
    indexer_free(s->w.keeper); /* two megabytes of words that nobody asks for */
    BUF_ADD(&text, "Subject: long\r\n\r\n");
    while (text.len < BODY_BYTES)
        BUF_ADD(&text, "a line like all the others\r\n");
    for (int i = 0; i < MESSAGES; i++)
        CHECK_OK(
            world_deliver(&s->w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"), buf_str(&text)),
            "message %d", i);
    buf_deinit(&text);
    s->other = world_login(&s->w, STR("alice"), STR("hungry"));
    CHECK_OK(ask_select(&s->w, s->w.gate,
                        &(struct keep_select_req){ .session = s->w.session, .name = STR("INBOX") },
                        &box),
             "select");
    s->mailbox = box.mailbox;
    s->next = 1;
}

static struct keep_fetch_req request_of(struct scene *s, const struct keep_want *want)
{
    return (struct keep_fetch_req){ .session = s->w.session,
                                    .mailbox = s->mailbox,
                                    .uids = uids_of(&s->w, "1:40"),
                                    .from = s->next,
                                    .items = ITEM_FLAGS,
                                    .wants = (struct keep_want *)(uintptr_t)want,
                                    .wants_count = 1,
                                    .mark_seen = s->mark_seen };
}

static const struct keep_want everything = { .section = STR_INIT(""), .length = UINT64_MAX };

static struct keep_fetch_rep page(struct scene *s)
{
    struct keep_fetch_req req = request_of(s, &everything);
    struct keep_fetch_rep rep;

    CHECK_OK(ask_fetch(&s->w, s->w.gate, &req, &rep), "page from %u", s->next);
    for (size_t i = 0; i < rep.rows_count; i++) {
        CHECK(rep.rows[i].parts[0].bytes.len >= BODY_BYTES, "whole");
        CHECK_EQ(rep.rows[i].parts[0].bytes.len, rep.rows[i].parts[0].total, "whole");
        CHECK_STR(str_take(rep.rows[i].parts[0].bytes, 8), STR("Subject:"), "the beginning");
        s->seen_rows += (rep.rows[i].flags & FLAG_SEEN) != 0;
    }
    s->next = rep.next;
    return rep;
}

static size_t all_rows(struct scene *s)
{
    size_t rows = 0;

    while (s->next != 0)
        rows += page(s).rows_count;
    return rows;
}

static void change(struct scene *s, const char *uids, enum keep_store_op op, uint32_t flags)
{
    CHECK_OK(ask_store(&s->w, s->w.gate,
                       &(struct keep_store_req){ .session = s->other,
                                                 .mailbox = s->mailbox,
                                                 .uids = uids_of(&s->w, uids),
                                                 .op = (uint8_t)op,
                                                 .flags = flags,
                                                 .unchanged_since = UINT64_MAX },
                       NULL),
             "store");
}

static bool has_row(const struct keep_fetch_rep *rep, uint32_t uid)
{
    for (size_t i = 0; i < rep->rows_count; i++)
        if (rep->rows[i].uid == uid)
            return true;
    return false;
}

static void nothing_came(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    (void)ctx, (void)e, (void)rep, (void)file;
}

TEST(pages_are_made_ahead_and_each_is_given_once)
{
    struct scene s;
    uint32_t pages = 0;

    scene_open(&s);
    while (s.next != 0) {
        uint32_t from = s.next;
        struct keep_fetch_rep rep = page(&s);

        CHECK_EQ(rep.rows[0].uid, from, "no row twice, none left out");
        CHECK(s.next == 0 || s.w.keeper->ahead_pages > 0, "page %u: more is under way", pages);
        pages++;
    }
    CHECK(pages >= 4, "%u pages", pages);
    CHECK_EQ(s.w.keeper->ahead_pages, 0, "none is left behind the last");
    world_close(&s.w);
}

TEST(a_message_that_another_session_expunges_is_in_no_later_page)
{
    struct scene s;
    struct keep_fetch_rep rep;

    scene_open(&s);
    (void)page(&s);
    world_settle(&s.w, 1000);
    CHECK(s.w.keeper->ahead_pages > 0, "the next pages wait");
    change(&s, "12", STORE_ADD, FLAG_DELETED);
    CHECK_OK(ask_expunge(&s.w, s.w.gate,
                         &(struct keep_expunge_req){ .session = s.other,
                                                     .mailbox = s.mailbox,
                                                     .uids = uids_of(&s.w, "12") },
                         NULL),
             "expunge");
    rep = page(&s);
    CHECK(!has_row(&rep, 12) && has_row(&rep, 11) && has_row(&rep, 13), "it is gone");
    world_close(&s.w);
}

TEST(flags_are_those_of_the_moment_of_asking)
{
    struct scene s;

    scene_open(&s);
    (void)page(&s);
    world_settle(&s.w, 1000);
    change(&s, "1:40", STORE_ADD, FLAG_SEEN);
    CHECK_EQ(all_rows(&s), MESSAGES - PAGE_ROWS, "the rest");
    CHECK_EQ(s.seen_rows, MESSAGES - PAGE_ROWS, "all of it shows the change");
    world_close(&s.w);
}

/* \Seen is set before the first octet is read, and set again when somebody took it away between. */
TEST(pages_that_mark_show_the_mark)
{
    struct scene s;

    scene_open(&s);
    s.mark_seen = true;
    (void)page(&s);
    world_settle(&s.w, 1000);
    CHECK(s.w.keeper->ahead_pages > 0, "they may be made ahead, too");
    change(&s, "20:30", STORE_REMOVE, FLAG_SEEN);
    (void)all_rows(&s);
    CHECK_EQ(s.seen_rows, MESSAGES, "every one");
    world_close(&s.w);
}

TEST(what_nobody_comes_for_is_dropped)
{
    struct scene s;
    uint32_t then;

    scene_open(&s);
    (void)page(&s);
    world_settle(&s.w, 1000);
    CHECK(s.w.keeper->ahead_pages > 0, "they wait");
    world_settle(&s.w, 10000);
    CHECK_EQ(s.w.keeper->ahead_pages, 0, "not for ever");
    then = s.next;
    CHECK_EQ(page(&s).rows[0].uid, then, "and it goes on");
    s.next = 1;
    CHECK_EQ(page(&s).rows[0].uid, 1, "something else is asked for");
    CHECK_EQ(all_rows(&s), MESSAGES - PAGE_ROWS, "all of it");
    world_close(&s.w);
}

/* At each moment of the making of the pages the session ends, or the gate goes. */
TEST(a_session_may_end_while_its_pages_are_made)
{
    for (uint64_t ms = 0; ms < 30; ms += 3) {
        struct scene s;
        struct keep_fetch_req req;

        scene_open(&s);
        req = request_of(&s, &everything);
        (void)keeper_fetch(s.w.gate, &req, nothing_came, NULL);
        world_settle(&s.w, ms);
        if (ms % 2 == 0) {
            CHECK_OK(ask_logout(&s.w, s.w.gate, &(struct keep_logout_req){ .session = s.w.session },
                                NULL),
                     "logout");
        } else {
            keeper_client_free(s.w.gate);
            s.w.gate = NULL;
        }
        world_settle(&s.w, 1000);
        CHECK_EQ(s.w.keeper->ahead_pages, 0, "after %d ms", (int)ms);
        CHECK_EQ(s.w.keeper->request_count, 0, "after %d ms", (int)ms);
        world_close(&s.w);
    }
}

static void stopped(void *ctx)
{
    *(bool *)ctx = true;
}

TEST(pages_that_wait_do_not_keep_keeper_from_stopping)
{
    struct scene s;
    bool done = false;

    scene_open(&s);
    (void)page(&s);
    world_settle(&s.w, 1000);
    CHECK(s.w.keeper->ahead_pages > 0, "they wait");
    keeper_stop(s.w.keeper, stopped, &done);
    world_settle(&s.w, 1000);
    CHECK(done, "it stopped");
    world_close_unchecked(&s.w);
}
