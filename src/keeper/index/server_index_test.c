/* keeper/index/server_index_test.c - the index follows the mail, through crashes and removals. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/index/server_index.h"

#include "keeper/server_test_world.h"
#include "store/index/query.h"

enum { SETTLE_MS = 3000 };

static void deliver(struct world *w, const char *word, int count)
{
    for (int i = 0; i < count; i++) {
        struct str text = arena_printf(w->mem,
                                       "From: bob@hamburger.edu\r\nTo: alice@crepes.fr\r\n"
                                       "Subject: %s\r\n\r\nabout %s%d\r\n",
                                       word, word, i);

        CHECK_OK(world_deliver(w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"), text), "%s %d",
                 word, i);
    }
}

static uint32_t alice_of(struct world *w)
{
    uint32_t account = 0, count;
    struct errinfo why;

    /* The first account of the world. */
    CHECK_OK(index_accounts(w->keeper->kv, 0, 1, &account, &count, &why), "accounts");
    CHECK_EQ(count, 1, "accounts");
    return account;
}

static struct manifest manifest_of(struct world *w, uint32_t account)
{
    struct manifest m;
    struct errinfo why;

    CHECK_OK(manifest_load(w->keeper->kv, NULL, w->mem, account, &m, &why), "manifest");
    return m;
}

static uint64_t count_of(struct world *w, uint32_t account, struct str needle)
{
    struct index_substring q = { .classes = TEXTS_IN_MESSAGE, .needle = needle };
    struct index_reader r;
    struct errinfo why;
    uint64_t count;

    CHECK_OK(index_open(w->keeper->kv, NULL, w->mem, account, &r, &why), "open");
    CHECK_OK(index_find_substring(&r, &q), "find");
    count = roaring_bitmap_get_cardinality(q.maybe);
    roaring_bitmap_free(q.sure);
    roaring_bitmap_free(q.maybe);
    return count;
}

static uint32_t rows_of(struct world *w, enum table table)
{
    struct key from, to;
    struct kv_iter *it;
    uint32_t count = 0;

    key_start(&from, table);
    to = from;
    key_end(&to);
    it = kv_iter_new(w->keeper->kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on; on = kv_iter_next(it))
        count++;
    kv_iter_free(it);
    return count;
}

TEST(what_is_delivered_is_in_the_index_a_moment_later)
{
    struct world w;
    uint32_t alice;

    world_open(&w);
    deliver(&w, "pancake", 20);
    world_settle(&w, SETTLE_MS);
    alice = alice_of(&w);
    CHECK_EQ(manifest_of(&w, alice).indexed, 20, "indexed");
    CHECK_EQ(count_of(&w, alice, STR("ancake")), 20, "a piece of a word");
    CHECK_EQ(count_of(&w, alice, STR("pancake7")), 1, "a word");
    CHECK(!indexer_is_busy(w.keeper), "at rest");
    deliver(&w, "ketchup", 3);
    world_settle(&w, SETTLE_MS);
    CHECK_EQ(count_of(&w, alice, STR("ketchup")), 3, "new ones");
    CHECK_EQ(count_of(&w, alice, STR("pancake")), 20, "old ones");
    world_close(&w);
}

TEST(many_small_deliveries_stay_few_segments)
{
    struct world w;
    struct manifest m;
    uint32_t alice;

    world_open(&w);
    for (int i = 0; i < 40; i++) {
        deliver(&w, "drip", 1);
        world_settle(&w, SETTLE_MS);
    }
    alice = alice_of(&w);
    m = manifest_of(&w, alice);
    CHECK_EQ(manifest_emails(&m), 40, "emails");
    CHECK(m.count <= 14, "%u segments", m.count);
    CHECK_EQ(count_of(&w, alice, STR("drip")), 40, "all of them");
    /* A head, a chunk and its postings each, and nothing of those merged. */
    CHECK_EQ(rows_of(&w, TABLE_TERMS), 2 * m.count, "rows of terms");
    CHECK_EQ(rows_of(&w, TABLE_POSTINGS), m.count, "rows of postings");
    world_close(&w);
}

TEST(the_index_comes_back_after_a_power_cut_and_a_rebuild)
{
    struct world w;
    struct keep_rebuild_rep rep;

    world_open(&w);
    deliver(&w, "pancake", 10);
    world_restart(&w, true);
    world_settle(&w, SETTLE_MS);
    CHECK_EQ(count_of(&w, alice_of(&w), STR("pancake")), 10, "after the power cut");
    CHECK_OK(ask_rebuild(&w, w.control, &(struct keep_rebuild_req){}, &rep), "rebuild");
    CHECK_EQ(count_of(&w, alice_of(&w), STR("pancake")), 0, "just rebuilt");
    world_settle(&w, SETTLE_MS);
    CHECK_EQ(count_of(&w, alice_of(&w), STR("pancake")), 10, "a moment later");
    world_close(&w);
}

TEST(an_account_that_goes_takes_its_index_along)
{
    struct world w;
    struct keep_account_remove_rep rep;

    world_open(&w);
    deliver(&w, "pancake", 10);
    world_settle(&w, SETTLE_MS);
    CHECK(rows_of(&w, TABLE_TERMS) > 0, "it is there");
    CHECK_OK(ask_account_remove(
                 &w, w.control,
                 &(struct keep_account_remove_req){ .address = STR("alice@crepes.fr") }, &rep),
             "remove");
    world_settle(&w, SETTLE_MS);
    CHECK_EQ(rows_of(&w, TABLE_TERMS), 0, "terms");
    CHECK_EQ(rows_of(&w, TABLE_POSTINGS), 0, "postings");
    CHECK_EQ(rows_of(&w, TABLE_INDEX), 0, "manifest");
    world_close(&w);
}

TEST(what_was_expunged_leaves_the_index_with_a_merge)
{
    struct world w;
    struct keep_select_rep box;
    struct keep_expunge_rep rep;
    struct manifest m;

    world_open(&w);
    deliver(&w, "pancake", 20);
    world_settle(&w, SETTLE_MS);
    w.session = world_login(&w, STR("alice"), STR("hungry"));
    CHECK_OK(ask_select(&w, w.gate,
                        &(struct keep_select_req){
                            .session = w.session, .name = STR("INBOX"), .write = true },
                        &box),
             "select");
    CHECK_OK(ask_expunge(&w, w.gate,
                         &(struct keep_expunge_req){ .session = w.session,
                                                     .mailbox = box.mailbox,
                                                     .uids = uids_of(&w, "1:19") },
                         &rep),
             "expunge");
    for (int i = 0; i < 8; i++) {
        deliver(&w, "ketchup", 1);
        world_settle(&w, SETTLE_MS);
    }
    m = manifest_of(&w, alice_of(&w));
    CHECK_EQ(count_of(&w, alice_of(&w), STR("ketchup")), 8, "new ones");
    CHECK(manifest_emails(&m) <= 28, "%u emails", (unsigned)manifest_emails(&m));
    world_close(&w);
}

/* ---- the administrator's call ---- */

static struct keep_index_rep ask(struct world *w, enum keep_index_action action)
{
    struct keep_index_rep rep;

    CHECK_OK(ask_index(w, w->control, &(struct keep_index_req){ .action = (uint8_t)action }, &rep),
             "action %d", action);
    return rep;
}

static uint64_t counter_of(const struct keep_index_rep *rep, const char *name)
{
    for (size_t i = 0; i < rep->counters_count; i++)
        if (str_eq(rep->counters[i].name, str_from_z(name)))
            return rep->counters[i].value;
    CHECK(false, "no counter %s", name);
    return 0;
}

TEST(the_index_is_counted_checked_and_made_anew)
{
    struct world w;
    struct keep_index_rep rep;

    world_open(&w);
    deliver(&w, "pancake", 10);
    rep = ask(&w, INDEX_STATUS);
    CHECK_EQ(counter_of(&rep, "emails_waiting") + counter_of(&rep, "emails_indexed"), 10,
             "at once");
    world_settle(&w, SETTLE_MS);
    rep = ask(&w, INDEX_STATUS);
    CHECK_EQ(counter_of(&rep, "emails_indexed"), 10, "a moment later");
    rep = ask(&w, INDEX_CHECK);
    CHECK_EQ(rep.problems_count, 0, "problems");
    CHECK_EQ(counter_of(&rep, "emails_compared"), 10, "compared");
    rep = ask(&w, INDEX_REBUILD);
    CHECK_EQ(counter_of(&rep, "emails_waiting"), 10, "made anew");
    world_settle(&w, SETTLE_MS);
    rep = ask(&w, INDEX_CHECK);
    CHECK_EQ(rep.problems_count, 0, "problems of the new one");
    CHECK_EQ(counter_of(&rep, "emails_indexed"), 10, "in the new one");
    world_close(&w);
}

static void change_rows(struct world *w, enum table table, bool copy)
{
    struct kv_batch *batch = kv_batch_new(w->keeper->kv);
    struct errinfo why;
    struct key from, to;
    struct kv_iter *it;

    key_start(&from, table);
    to = from;
    key_end(&to);
    it = kv_iter_new(w->keeper->kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on; on = kv_iter_next(it)) {
        struct str key = kv_iter_key(it), copied = arena_copy(w->mem, key);

        if (!copy) {
            kv_batch_delete(batch, key);
            continue;
        }
        ((char *)(uintptr_t)copied.at)[5] = 9; /* the segment's number */
        kv_batch_put(batch, copied, kv_iter_value(it));
    }
    kv_iter_free(it);
    CHECK_OK(index_apply(w->keeper->kv, batch, &why), "apply");
    kv_batch_free(batch);
}

static void age_manifest(struct world *w, uint32_t account)
{
    struct kv_batch *batch = kv_batch_new(w->keeper->kv);
    struct errinfo why;
    struct str value;
    struct key k;
    bool found;

    key_of_account(&k, TABLE_INDEX, account);
    CHECK_OK(kv_get(w->keeper->kv, NULL, w->mem, key_str(&k), &found, &value), "manifest");
    CHECK(found, "manifest");
    value = arena_copy(w->mem, value);
    ((char *)(uintptr_t)value.at)[0] = INDEX_VERSION - 1;
    kv_batch_put(batch, key_str(&k), value);
    CHECK_OK(index_apply(w->keeper->kv, batch, &why), "apply");
    kv_batch_free(batch);
}

TEST(an_index_of_an_older_version_is_made_anew)
{
    struct world w;
    struct keep_index_rep rep;
    uint32_t alice;

    world_open(&w);
    deliver(&w, "pancake", 10);
    world_settle(&w, SETTLE_MS);
    alice = alice_of(&w);
    age_manifest(&w, alice);
    CHECK_EQ(manifest_of(&w, alice).indexed, 0, "it counts as none");
    deliver(&w, "ketchup", 1);
    world_settle(&w, SETTLE_MS);
    CHECK_EQ(manifest_of(&w, alice).indexed, 11, "all of them");
    CHECK_EQ(count_of(&w, alice, STR("pancake")), 10, "once each");
    rep = ask(&w, INDEX_CHECK);
    CHECK_EQ(rep.problems_count, 0, "problems, rows left over included");
    world_close(&w);
}

TEST(what_is_wrong_with_the_index_is_named)
{
    static const struct {
        enum table table;
        bool copy;
        const char *says;
    } rows[] = {
        { TABLE_TERMS, false, "is damaged" },
        { TABLE_POSTINGS, false, "is damaged" },
        { TABLE_TERMS, true, "no manifest names" },
        { TABLE_INDEX, false, "no manifest names" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct keep_index_rep rep;

        world_open(&w);
        deliver(&w, "pancake", 3);
        world_settle(&w, SETTLE_MS);
        change_rows(&w, rows[i].table, rows[i].copy);
        rep = ask(&w, INDEX_CHECK);
        CHECK(rep.problems_count > 0, "row %zu", i);
        CHECK(str_find(rep.problems[0].text, str_from_z(rows[i].says)) != STR_NOT_FOUND,
              "row %zu: %.*s", i, STR_ARG(rep.problems[0].text));
        CHECK(world_check(&w, false) > 0, "row %zu, the whole check", i);
        (void)ask(&w, INDEX_REBUILD);
        world_settle(&w, SETTLE_MS);
        world_close(&w);
    }
}
