/* keeper/move/server_graves_test.c - expunged messages come back, for as long as they are kept. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_test_world.h"

enum { DAY_MS = 86400 * 1000 };

static const struct str ALICE = STR_INIT("alice@crepes.fr");

struct place {
    uint64_t session;
    uint32_t mailbox, uidvalidity, exists;
    struct str uids;
};

static struct place look(struct world *w, uint64_t session, struct str name)
{
    struct keep_select_rep rep;
    struct keep_select_req req = { .session = session, .name = name };

    CHECK_OK(ask_select(w, w->gate, &req, &rep), "select %.*s", STR_ARG(name));
    return (struct place){ session, rep.mailbox, rep.uidvalidity, rep.exists,
                           uids_text(w, rep.uids) };
}

static void deliver(struct world *w, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        CHECK_OK(world_deliver(w, STR("bob@hamburger.edu"), ALICE,
                               arena_printf(w->mem, "Subject: letter %u", i)),
                 "deliver");
}

static void expunge(struct world *w, const struct place *p, const char *uids)
{
    struct keep_store_req flag = { .session = p->session,
                                   .mailbox = p->mailbox,
                                   .uids = uids_of(w, uids),
                                   .op = STORE_ADD,
                                   .flags = FLAG_DELETED | FLAG_FLAGGED,
                                   .keywords = (struct keep_text[]){ { STR("work") } },
                                   .keywords_count = 1,
                                   .unchanged_since = UNCHANGED_SINCE_UNSAID };
    struct keep_expunge_req req = { .session = p->session,
                                    .mailbox = p->mailbox,
                                    .uids = uids_of(w, uids) };
    struct keep_store_rep stored;
    struct keep_expunge_rep rep;

    CHECK_OK(ask_store(w, w->gate, &flag, &stored), "store");
    CHECK_OK(ask_expunge(w, w->gate, &req, &rep), "expunge");
}

static uint64_t admin(struct world *w)
{
    struct keep_account_open_rep rep;

    CHECK_OK(ask_account_open(w, w->control, &(struct keep_account_open_req){ ALICE }, &rep),
             "open");
    return rep.session;
}

static size_t listed(struct world *w, struct keep_graves_req req, struct keep_graves_rep *ret)
{
    req.session = admin(w);
    CHECK_OK(ask_graves(w, w->control, &req, ret), "list");
    return ret->graves_count;
}

static uint32_t undelete(struct world *w, struct keep_undelete_req req)
{
    struct keep_undelete_rep rep;

    req.session = admin(w);
    CHECK_OK(ask_undelete(w, w->control, &req, &rep), "undelete");
    return rep.restored;
}

TEST(expunged_messages_come_back_with_flags_dates_and_uidl)
{
    struct world w;
    struct keep_graves_rep list;
    struct keep_fetch_rep before, after;

    world_open(&w);
    uint64_t s = world_login(&w, ALICE, STR("hungry"));
    deliver(&w, 5);
    struct place p = look(&w, s, STR("INBOX"));
    struct keep_fetch_req fetch = { .session = s,
                                    .mailbox = p.mailbox,
                                    .uids = uids_of(&w, "1:9"),
                                    .items = ITEM_FLAGS | ITEM_INTERNAL_DATE | ITEM_UIDL |
                                             ITEM_SIZE | ITEM_IDS };
    CHECK_OK(ask_fetch(&w, w.gate, &fetch, &before), "fetch");
    expunge(&w, &p, "2:3");
    CHECK_EQ(listed(&w, (struct keep_graves_req){ .name = STR("inbox") }, &list), 2, "both");
    CHECK_EQ(list.graves[0].uid, 2, "uid");
    CHECK_STR(list.graves[0].subject, STR("letter 1"), "subject");
    CHECK_STR(list.graves[0].name, STR("INBOX"), "name");
    CHECK_EQ(list.graves[0].flags, FLAG_DELETED | FLAG_FLAGGED, "flags");
    CHECK_EQ(listed(&w, (struct keep_graves_req){ .uids = uids_of(&w, "3") }, &list), 1, "by UID");
    CHECK_EQ(listed(&w, (struct keep_graves_req){ .name = STR("Sent") }, &list), 0, "elsewhere");

    CHECK_EQ(undelete(&w, (struct keep_undelete_req){ .name = STR("INBOX") }), 2, "both");
    CHECK_EQ(undelete(&w, (struct keep_undelete_req){ .name = STR("INBOX") }), 0, "none are left");
    p = look(&w, s, STR("INBOX"));
    CHECK_STR(p.uids, STR("1,4:7"), "new UIDs");
    CHECK_OK(ask_fetch(&w, w.gate, &fetch, &after), "fetch");
    CHECK_EQ(after.rows[3].flags, FLAG_FLAGGED, "without \\Deleted");
    CHECK_EQ(after.rows[3].keywords, 1, "with its keyword");
    CHECK_EQ(after.rows[3].internal_date, before.rows[1].internal_date, "date");
    CHECK_EQ(after.rows[3].email, before.rows[1].email, "the same email");
    CHECK_STR(after.rows[3].uidl, arena_printf(w.mem, "%u.2", p.uidvalidity), "UIDL as before");
    CHECK_STR(after.rows[0].uidl, STR(""), "the others' is made from the UID");
    expunge(&w, &p, "6");
    CHECK_EQ(undelete(&w, (struct keep_undelete_req){ .uids = uids_of(&w, "6") }), 1, "again");
    CHECK_OK(ask_fetch(&w, w.gate, &fetch, &after), "fetch");
    CHECK_STR(after.rows[4].uidl, arena_printf(w.mem, "%u.2", p.uidvalidity), "UIDL still");
    world_close(&w);
}

TEST(a_deleted_mailbox_comes_back_by_its_name)
{
    struct world w;
    struct keep_graves_rep list;
    struct keep_copy_rep copied;
    struct keep_mailbox_create_rep made;
    struct keep_mailbox_delete_rep gone;

    world_open(&w);
    uint64_t s = world_login(&w, ALICE, STR("hungry"));
    deliver(&w, 3);
    struct place p = look(&w, s, STR("INBOX"));
    CHECK_OK(ask_mailbox_create(&w, w.gate,
                                &(struct keep_mailbox_create_req){ s, STR("Work/Old"), 0 }, &made),
             "create");
    CHECK_OK(ask_copy(&w, w.gate,
                      &(struct keep_copy_req){ .session = s,
                                               .mailbox = p.mailbox,
                                               .uids = uids_of(&w, "1:2"),
                                               .target = STR("Work/Old") },
                      &copied),
             "copy");
    CHECK_OK(ask_mailbox_delete(&w, w.gate, &(struct keep_mailbox_delete_req){ s, STR("Work/Old") },
                                &gone),
             "delete");
    world_settle(&w, 1000);
    CHECK_EQ(listed(&w, (struct keep_graves_req){ .name = STR("Work/Old") }, &list), 2, "both");
    expunge(&w, &p, "1");
    world_restart(&w, true);
    s = world_login(&w, ALICE, STR("hungry"));
    CHECK_EQ(undelete(&w, (struct keep_undelete_req){ .name = STR("Work/Old") }), 2, "both");
    CHECK_EQ(look(&w, s, STR("Work/Old")).exists, 2, "made anew");
    CHECK_EQ(undelete(&w, (struct keep_undelete_req){ .name = STR("INBOX"), .into = STR("Found") }),
             1, "elsewhere");
    CHECK_EQ(look(&w, s, STR("Found")).exists, 1, "there");
    world_close(&w);
}

TEST(after_some_days_they_are_gone)
{
    struct world w;
    struct keep_graves_rep list;
    struct keep_compact_rep counters;

    world_open(&w);
    uint64_t s = world_login(&w, ALICE, STR("hungry"));
    deliver(&w, 4);
    struct place p = look(&w, s, STR("INBOX"));
    expunge(&w, &p, "1");
    world_settle(&w, (uint64_t)4 * DAY_MS);
    expunge(&w, &p, "2");
    CHECK_EQ(listed(&w, (struct keep_graves_req){ 0 }, &list), 2, "both");
    int64_t first = list.graves[0].gone;
    CHECK_EQ(listed(&w, (struct keep_graves_req){ .since = first + 1 }, &list), 1, "since");
    world_settle(&w, (uint64_t)4 * DAY_MS);
    CHECK_EQ(listed(&w, (struct keep_graves_req){ 0 }, &list), 1, "the older one is gone");
    CHECK_EQ(list.graves[0].uid, 2, "uid");
    CHECK_OK(ask_compact(&w, w.control, &(struct keep_compact_req){}, &counters), "compact");
    world_settle(&w, 60000);
    CHECK_EQ(undelete(&w, (struct keep_undelete_req){ .name = STR("INBOX") }), 1,
             "the other survives compaction");
    world_settle(&w, (uint64_t)9 * DAY_MS);
    CHECK_EQ(look(&w, s, STR("INBOX")).exists, 3, "what is back stays");
    world_close(&w);
}

TEST(what_is_kept_is_bounded_and_outside_the_quota)
{
    struct world w;
    struct keep_graves_rep list;
    struct keep_quota_rep quota;
    struct keep_undelete_rep undeleted;
    char body[40000];

    memset(body, 'x', sizeof body);
    world_open(&w);
    uint64_t s = world_login(&w, ALICE, STR("hungry"));
    CHECK_OK(ask_account_quota(
                 &w, w.control,
                 &(struct keep_account_quota_req){ .address = ALICE, .quota_bytes = 50000 },
                 &(struct keep_account_quota_rep){}),
             "quota");
    for (uint32_t i = 1; i <= 4; i++) {
        CHECK_OK(world_deliver(&w, STR("bob@hamburger.edu"), ALICE,
                               arena_printf(w.mem, "X: %.*s", 39000, body)),
                 "deliver");
        struct place p = look(&w, s, STR("INBOX"));
        CHECK_EQ(p.exists, 1, "it fits, for what was expunged does not count");
        expunge(&w, &p, "1:9");
    }
    CHECK_EQ(listed(&w, (struct keep_graves_req){ 0 }, &list), 2, "two fit into 100,000 octets");
    CHECK_OK(ask_quota(&w, w.gate, &(struct keep_quota_req){ s }, &quota), "quota");
    CHECK_EQ(quota.bytes, 0, "nothing counts");
    CHECK_EQ(ask_undelete(&w, w.control,
                          &(struct keep_undelete_req){ .session = admin(&w), .name = STR("INBOX") },
                          &undeleted),
             ERR_QUOTA, "both are too much");
    CHECK_EQ(undelete(&w, (struct keep_undelete_req){ .uids = uids_of(&w, "1") }), 1, "one fits");
    world_close(&w);
}

TEST(many_come_back_in_pages)
{
    struct world w;
    struct keep_graves_rep list;
    struct place p;

    world_open(&w);
    uint64_t s = world_login(&w, ALICE, STR("hungry"));
    deliver(&w, 1);
    p = look(&w, s, STR("INBOX"));
    for (int i = 0; i < 10; i++) /* 1, 2, 4 ... 1024 */
        CHECK_OK(ask_copy(&w, w.gate,
                          &(struct keep_copy_req){ .session = s,
                                                   .mailbox = p.mailbox,
                                                   .uids = uids_of(&w, "1:600"),
                                                   .target = STR("INBOX") },
                          &(struct keep_copy_rep){ 0 }),
                 "copy");
    p = look(&w, s, STR("INBOX"));
    uint32_t all = p.exists;
    CHECK(all > 600 && all < 2000, "%u", all);
    expunge(&w, &p, "1:4000");
    CHECK_EQ(look(&w, s, STR("INBOX")).exists, 0, "gone");
    CHECK_EQ(listed(&w, (struct keep_graves_req){ 0 }, &list), 500, "a page");
    CHECK(list.next.len > 0, "more");
    CHECK_EQ(listed(&w, (struct keep_graves_req){ .from = list.next }, &list), 500, "the next");
    uint32_t kept = undelete(&w, (struct keep_undelete_req){ .name = STR("INBOX") });
    CHECK(kept > 500, "%u", kept);
    CHECK_EQ(look(&w, s, STR("INBOX")).exists, kept, "back");
    world_close(&w);
}

TEST(an_account_takes_what_it_kept_along)
{
    struct world w;
    struct place p;

    world_open(&w);
    uint64_t s = world_login(&w, ALICE, STR("hungry"));
    deliver(&w, 3);
    p = look(&w, s, STR("INBOX"));
    expunge(&w, &p, "1:2");
    CHECK_OK(ask_account_remove(&w, w.control, &(struct keep_account_remove_req){ ALICE },
                                &(struct keep_account_remove_rep){}),
             "remove");
    world_settle(&w, 5000);
    CHECK_EQ(world_check(&w, true), 0, "nothing is left");
    world_close(&w);
}
