/* store/index/segment_test.c - segments written, read, searched and merged against a plain model.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index/gather.h"
#include "store/index/index.h"
#include "testing.h"

enum { ACCOUNT = 7, EMAILS = 300, TERMS = 4000 };

static uint64_t seed;

static uint32_t any(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % below;
}

/* has[e][t]: email e + 1 has the term "X<t>". Terms are rarer the higher their number. */
static bool has[EMAILS][TERMS];
static bool gone[EMAILS];

static struct str term_text(char *at, uint32_t term)
{
    int len = snprintf(at, 16, "X%u", term);

    return str_from(at, (size_t)len);
}

static void make_model(void)
{
    seed = 88172645463325252u;
    memset(gone, 0, sizeof gone);
    for (uint32_t e = 0; e < EMAILS; e++)
        for (uint32_t t = 0; t < TERMS; t++)
            has[e][t] = any(t / 8 + 1) == 0;
}

static void write_segment(struct kv *kv, uint32_t number, uint32_t from, uint32_t to)
{
    struct gather *g = gather_new((struct siphash_key){ { 1, 2 } });
    struct kv_batch *batch = kv_batch_new(kv);
    struct errinfo why;
    uint64_t bytes;
    char text[16];

    for (uint32_t e = from; e < to; e++) {
        gather_email(g, e + 1);
        for (uint32_t t = TERMS; t-- > 0;)
            if (has[e][t]) {
                gather_term(g, term_text(text, t));
                gather_term(g, term_text(text, t));
            }
        if (e % 50 == 3)
            gather_odd(g);
    }
    gather_write(g, batch, ACCOUNT, number, &bytes);
    CHECK(bytes > 0, "segment %u", number);
    CHECK_EQ(index_apply(kv, batch, &why), OK, "segment %u", number);
    kv_batch_free(batch);
    gather_free(g);
}

static void check_segment(struct kv *kv, uint32_t number, uint32_t from, uint32_t to)
{
    static uint32_t numbers[EMAILS];
    struct arena *mem = arena_new(0);
    struct segment_walk w;
    struct segment s;
    struct errinfo why;
    uint32_t count, seen = 0, wanted = 0;

    CHECK_EQ(segment_open(kv, NULL, mem, ACCOUNT, number, &s, &why), OK, "segment %u", number);
    for (uint32_t e = from; e < to; e++)
        wanted += gone[e] ? 0 : 1;
    CHECK_EQ(s.count, wanted, "emails of segment %u", number);
    segment_walk_begin(&w, &s, STR_EMPTY);
    while (segment_walk_next(&w)) {
        uint32_t term = 0, at = 0;

        CHECK(str_to_u32(str_skip(w.term, 1), &term), "%.*s", STR_ARG(w.term));
        CHECK_EQ(segment_walk_numbers(&w, numbers, &count), OK, "term %u", term);
        for (uint32_t i = 0; i < s.count; i++) {
            uint32_t e = s.emails[i] - 1;
            bool in = at < count && numbers[at] == i;

            at += in ? 1 : 0;
            CHECK(in == (has[e][term] && e % 50 != 3), "term %u email %u", term, e);
        }
        seen++;
    }
    CHECK_EQ(w.e, OK, "segment %u", number);
    CHECK(seen > TERMS / 2, "%u terms in segment %u", seen, number);
    segment_walk_end(&w);
    arena_free(mem);
}

TEST(a_segment_is_read_as_it_was_written)
{
    struct kv *kv = kv_new_mem();

    make_model();
    write_segment(kv, 1, 0, EMAILS);
    check_segment(kv, 1, 0, EMAILS);
    kv_close(kv);
}

static bool is_live(void *ctx, uint32_t email)
{
    (void)ctx;
    return !gone[email - 1];
}

TEST(segments_become_one_without_what_is_gone)
{
    struct kv *kv = kv_new_mem();
    struct arena *mem = arena_new(0);
    struct kv_batch *batch = kv_batch_new(kv);
    struct segment from[3];
    struct merge *m;
    struct errinfo why;
    bool done = false;
    unsigned slices = 0;

    make_model();
    write_segment(kv, 1, 0, 100);
    write_segment(kv, 2, 100, 101);
    write_segment(kv, 3, 101, EMAILS);
    for (uint32_t e = 0; e < EMAILS; e++)
        gone[e] = any(3) == 0;
    for (uint32_t i = 0; i < 3; i++)
        CHECK_EQ(segment_open(kv, NULL, mem, ACCOUNT, i + 1, &from[i], &why), OK, "%u", i);
    m = merge_new(from, 3, 4, is_live, NULL);
    for (; !done; slices++) {
        CHECK_EQ(merge_run(m, batch, 4096, &done), OK, "slice %u", slices);
        CHECK_EQ(index_apply(kv, batch, &why), OK, "slice %u", slices);
    }
    CHECK(slices > 1, "%u slices", slices);
    check_segment(kv, 4, 0, EMAILS);
    merge_free(m);
    kv_batch_free(batch);
    arena_free(mem);
    kv_close(kv);
}

static void count_found(void *ctx, struct str term, const uint32_t *numbers, uint32_t count)
{
    (void)term, (void)numbers, (void)count;
    ++*(uint32_t *)ctx;
}

TEST(terms_are_found_by_pieces)
{
    static const struct {
        const char *text;
        bool left, right;
    } rows[] = {
        { "1", false, false }, { "1", false, true },     { "1", true, false },
        { "1", true, true },   { "399", false, true },   { "399", true, true },
        { "99", true, false }, { "3999", true, true },   { "9999", true, true },
        { "", false, true },   { "0", true, false },     { "12", true, true },
        { "x", true, true },   { "3999", false, false },
    };
    struct kv *kv = kv_new_mem();
    struct arena *mem = arena_new(0);
    struct segment s;
    struct errinfo why;

    make_model();
    for (uint32_t t = 0; t < TERMS; t++)
        has[0][t] = true;
    write_segment(kv, 1, 0, 20);
    CHECK_EQ(segment_open(kv, NULL, mem, ACCOUNT, 1, &s, &why), OK, "%s", "open");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct term_pattern p = { 'X', str_from_z(rows[i].text), rows[i].left, rows[i].right };
        uint32_t found = 0, want = 0;

        for (uint32_t t = 0; t < TERMS; t++) {
            char text[16];
            struct str word = str_skip(term_text(text, t), 1);

            want += rows[i].left && rows[i].right ? str_find(word, p.text) != STR_NOT_FOUND
                    : rows[i].left                ? str_ends(word, p.text)
                    : rows[i].right               ? str_starts(word, p.text)
                                                  : str_eq(word, p.text);
        }
        CHECK_EQ(segment_find(&s, &p, count_found, &found), OK, "%s", rows[i].text);
        CHECK_EQ(found, want, "%s open %d %d", rows[i].text, rows[i].left, rows[i].right);
        p.letter = 'S';
        found = 0;
        CHECK_EQ(segment_find(&s, &p, count_found, &found), OK, "%s", rows[i].text);
        CHECK_EQ(found, 0u, "%s in another class", rows[i].text);
    }
    arena_free(mem);
    kv_close(kv);
}

TEST(a_damaged_segment_is_told)
{
    struct kv *kv = kv_new_mem();
    struct arena *mem = arena_new(0);
    struct kv_batch *batch = kv_batch_new(kv);
    struct key from, to;
    struct segment s;
    struct errinfo why;
    uint32_t found = 0;
    struct kv_iter *it;

    make_model();
    write_segment(kv, 1, 0, 20);
    CHECK_EQ(segment_open(kv, NULL, mem, ACCOUNT, 2, &s, &why), ERR_CORRUPT, "%s", "no such one");
    segment_bounds(TABLE_POSTINGS, ACCOUNT, 1, &from, &to);
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on; on = kv_iter_next(it))
        kv_batch_delete(batch, kv_iter_key(it));
    kv_iter_free(it);
    CHECK_EQ(index_apply(kv, batch, &why), OK, "%s", "apply");
    CHECK_EQ(segment_open(kv, NULL, mem, ACCOUNT, 1, &s, &why), OK, "%s", "the head is there");
    CHECK_EQ(
        segment_find(&s, &(struct term_pattern){ 'X', STR("1"), false, true }, count_found, &found),
        ERR_CORRUPT, "%s", "postings are missing");
    kv_batch_free(batch);
    arena_free(mem);
    kv_close(kv);
}

TEST(an_email_with_too_many_terms_is_odd)
{
    struct kv *kv = kv_new_mem();
    struct arena *mem = arena_new(0);
    struct gather *g = gather_new((struct siphash_key){ { 1, 2 } });
    struct kv_batch *batch = kv_batch_new(kv);
    struct segment s;
    struct errinfo why;
    uint64_t bytes;
    char text[16];

    gather_email(g, 5);
    gather_term(g, STR("Xa"));
    gather_email(g, 9);
    for (uint32_t i = 0; i <= GATHER_TERMS_PER_EMAIL; i++)
        gather_term(g, term_text(text, i));
    gather_term(g, STR("Xa"));
    gather_write(g, batch, ACCOUNT, 1, &bytes);
    CHECK_EQ(index_apply(kv, batch, &why), OK, "%s", "apply");
    CHECK_EQ(segment_open(kv, NULL, mem, ACCOUNT, 1, &s, &why), OK, "%s", "open");
    CHECK(s.count == 2 && s.emails[0] == 5 && s.emails[1] == 9, "%u emails", s.count);
    CHECK(s.odd_count == 1 && s.odd[0] == 1, "%u are odd", s.odd_count);
    kv_batch_free(batch);
    gather_free(g);
    arena_free(mem);
    kv_close(kv);
}
