/* store/index/index_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index/gather.h"
#include "store/index/index.h"
#include "testing.h"

enum { ACCOUNT = 7 };

static void put_segment(struct kv *kv, uint32_t account, uint32_t number)
{
    struct gather *g = gather_new((struct siphash_key){ { 1, 2 } });
    struct kv_batch *batch = kv_batch_new(kv);
    struct errinfo why;
    uint64_t bytes;

    gather_email(g, number);
    gather_term(g, STR("Xword"));
    gather_write(g, batch, account, number, &bytes);
    CHECK_EQ(index_apply(kv, batch, &why), OK, "segment %u", number);
    kv_batch_free(batch);
    gather_free(g);
}

static void manifest_write(struct kv *kv, const struct manifest *m)
{
    struct kv_batch *batch = kv_batch_new(kv);
    struct errinfo why;

    manifest_put(batch, m);
    CHECK_EQ(index_apply(kv, batch, &why), OK, "%s", "apply");
    kv_batch_free(batch);
}

TEST(a_manifest_comes_back)
{
    struct kv *kv = kv_new_mem();
    struct arena *mem = arena_new(0);
    struct manifest m;
    struct errinfo why;

    CHECK_EQ(manifest_load(kv, NULL, mem, ACCOUNT, &m, &why), OK, "%s", "none");
    CHECK(m.indexed == 0 && m.next == 1 && m.count == 0, "%s", "empty");
    manifest_add(&m, &(struct manifest_segment){ 3, 20, 100, 400000, 12345 });
    m.indexed = 400001;
    m.next = 4;
    manifest_write(kv, &m);
    CHECK_EQ(manifest_load(kv, NULL, mem, ACCOUNT, &m, &why), OK, "%s", "some");
    CHECK(m.indexed == 400001 && m.next == 4 && m.count == 1, "%s", "numbers");
    CHECK(m.at[0].number == 3 && m.at[0].emails == 20 && m.at[0].first == 100 &&
              m.at[0].last == 400000 && m.at[0].bytes == 12345,
          "%s", "segment");
    arena_free(mem);
    kv_close(kv);
}

/* Adds emails by ones and merges as told; the number of segments stays small and in order. */
TEST(segments_stay_few)
{
    static struct manifest_segment room[INDEX_SEGMENTS_MAX + 1];
    struct manifest m = { .account = ACCOUNT, .next = 1, .at = room };
    uint64_t written = 0;
    uint32_t most = 0;

    for (uint32_t e = 1; e <= 50000; e++) {
        uint32_t from, count;

        manifest_add(&m, &(struct manifest_segment){ m.next++, 1, e, e, 10 });
        while (manifest_wants_merge(&m, e, &from, &count)) {
            struct manifest_segment by = { .number = m.next++, .first = m.at[from].first };

            for (uint32_t i = from; i < from + count; i++) {
                by.emails += m.at[i].emails;
                by.last = m.at[i].last;
            }
            written += by.emails;
            manifest_replace(&m, from, count, &by);
        }
        most = MAX(most, m.count);
        CHECK_EQ(manifest_emails(&m), (uint64_t)e, "email %u", e);
    }
    CHECK(most <= 7 * 7, "%u segments", most);
    CHECK(written < 7 * 50000, "%" PRIu64 " emails written again", written);
    for (uint32_t i = 1; i < m.count; i++)
        CHECK(m.at[i].first == m.at[i - 1].last + 1, "segment %u", i);
}

TEST(segments_of_what_is_gone_are_written_anew)
{
    struct manifest_segment room[3] = { { 1, 100000, 1, 100000, 1 }, { 2, 10, 100001, 100010, 1 } };
    struct manifest m = { .account = ACCOUNT, .next = 3, .at = room, .count = 2 };
    uint32_t from, count;

    CHECK(!manifest_wants_merge(&m, 60000, &from, &count), "%s", "half is there");
    CHECK(manifest_wants_merge(&m, 100, &from, &count), "%s", "nearly nothing is");
    CHECK(from == 0 && count == 2, "%s", "all of them");
    manifest_replace(&m, 0, 2, &(struct manifest_segment){ .number = 3 });
    CHECK_EQ(m.count, 0u, "%s", "an empty one is none");
}

static uint32_t rows_of(struct kv *kv)
{
    struct kv_iter *it = kv_iter_new(kv, NULL, STR_EMPTY, STR_EMPTY);
    uint32_t count = 0;

    for (bool on = kv_iter_first(it); on; on = kv_iter_next(it))
        count++;
    kv_iter_free(it);
    return count;
}

TEST(what_no_manifest_names_is_removed)
{
    struct kv *kv = kv_new_mem();
    struct arena *mem = arena_new(0);
    struct kv_batch *batch = kv_batch_new(kv);
    struct manifest m;
    struct errinfo why;
    bool more = true;

    for (uint32_t n = 1; n <= 5; n++)
        put_segment(kv, ACCOUNT, n);
    put_segment(kv, ACCOUNT + 1, 1);
    CHECK_EQ(rows_of(kv), 18u, "%s", "three rows each");
    CHECK_EQ(manifest_load(kv, NULL, mem, ACCOUNT, &m, &why), OK, "%s", "none");
    manifest_add(&m, &(struct manifest_segment){ 2, 1, 2, 2, 1 });
    while (more) {
        CHECK_EQ(index_leftovers(kv, &m, 2, batch, &more, &why), OK, "%s", "walk");
        CHECK_EQ(index_apply(kv, batch, &why), OK, "%s", "apply");
    }
    CHECK_EQ(rows_of(kv), 6u, "%s", "one of this account, one of the other");
    kv_batch_free(batch);
    arena_free(mem);
    kv_close(kv);
}

TEST(accounts_and_emails_are_listed)
{
    struct kv *kv = kv_new_mem();
    struct kv_batch *batch = kv_batch_new(kv);
    struct errinfo why;
    uint32_t got[4], count;
    struct key k;

    put_segment(kv, 9, 1);
    for (uint64_t email = 5; email < 8; email++) {
        key_of_email(&k, TABLE_EMAIL, 3, email);
        kv_batch_put(batch, key_str(&k), STR("x"));
    }
    key_of_email(&k, TABLE_EMAIL, 3, (uint64_t)UINT32_MAX + 5);
    kv_batch_put(batch, key_str(&k), STR("x"));
    key_of_account(&k, TABLE_COUNTERS, 3);
    kv_batch_put(batch, key_str(&k), STR("x"));
    CHECK_EQ(index_apply(kv, batch, &why), OK, "%s", "apply");
    CHECK_EQ(index_accounts(kv, 0, 4, got, &count, &why), OK, "%s", "accounts");
    CHECK(count == 2 && got[0] == 3 && got[1] == 9, "%u accounts", count);
    CHECK_EQ(index_emails_after(kv, 3, 5, 4, got, &count, &why), OK, "%s", "emails");
    CHECK(count == 2 && got[0] == 6 && got[1] == 7, "%u emails", count);
    kv_batch_free(batch);
    kv_close(kv);
}
