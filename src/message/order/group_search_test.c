/* message/order/group_search_test.c - column by column the answers are those of one by one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/order/group_search.h"

#include "testing.h"

enum { COUNT = 70, NOW_S = 1770000000 };

struct fixture {
    struct arena *mem;
    struct search_facts facts[COUNT];
    struct search_meta meta[COUNT];
    uint32_t uids[COUNT];
    uint64_t flags[COUNT], modseqs[COUNT];
    struct key_block *keys;
    struct search_group group;
};

static struct str message_of(struct arena *mem, uint32_t i)
{
    static const char *const names[] = { "Alice", "bob", "=?utf-8?q?Z=C3=A9?=", "" };
    static const char *const subjects[] = { "ham", "Re: Ham and eggs",
                                            "=?utf-8?q?Cr=C3=AApes?=", "aab", "b" };

    return arena_printf(mem,
                        "From: %s <cook%u@crepes.fr>\r\n%s"
                        "To: a@hamburger.edu, b%u@hamburger.edu\r\nSubject: %s\r\n"
                        "Date: %u Feb 2026 23:%02u:00 %s\r\n\r\nbody %u\r\n",
                        names[i % 4], i % 7, i % 3 == 0 ? "Cc: carol@crepes.fr\r\n" : "", i % 11,
                        subjects[i % 5], 1 + i % 20, i % 60, i % 2 ? "-0700" : "+0000", i);
}

static void set_up(struct fixture *f)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct key_entry entries[COUNT];

    memset(f, 0, sizeof *f);
    f->mem = arena_new(0);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct str message = message_of(f->mem, i);
        struct search_meta *m = &f->meta[i];
        struct buf octets = { 0 };

        *m = (struct search_meta){ .size_bytes = 100 + i,
                                   .internal_date_s = NOW_S - (int64_t)i * 40000,
                                   .internal_zone_min = (int16_t)(i % 5 * 120 - 240),
                                   .save_date_s = NOW_S - (int64_t)i * 30000,
                                   .email_id = arena_printf(f->mem, "E%x", 0x10 + i),
                                   .thread_id = arena_printf(f->mem, "T%x", i / 2) };
        record_build(message, &limits, &octets);
        CHECK_OK(record_open(arena_copy(f->mem, buf_str(&octets)), &m->record), "record");
        buf_deinit(&octets);
        f->uids[i] = 3 * i + 2;
        f->flags[i] = i % 3 == 0 ? FLAG_SEEN : i % 4 == 0 ? FLAG_SEEN | FLAG_FLAGGED : 0;
        f->modseqs[i] = 1000 - i;
        f->facts[i] =
            (struct search_facts){ f->uids[i], f->flags[i], f->modseqs[i], NOW_S, m, message };
        entries[i] = (struct key_entry){ .uid = f->uids[i],
                                         .email = 0x10 + i,
                                         .thread = i / 2,
                                         .size = 100 + i,
                                         .arrived_s = m->internal_date_s,
                                         .arrived_zone_min = m->internal_zone_min,
                                         .saved_s = m->save_date_s };
        key_entry_describe(f->mem, &m->record, &entries[i]);
    }
    f->keys = key_block_new(entries, COUNT);
    f->group = (struct search_group){ .count = COUNT,
                                      .now_s = NOW_S,
                                      .uids = f->uids,
                                      .flags = f->flags,
                                      .modseqs = f->modseqs,
                                      .emails = f->keys->email,
                                      .sizes = f->keys->size,
                                      .arrived_s = f->keys->arrived_s,
                                      .arrived_zones_min = f->keys->arrived_zone_min,
                                      .keys = f->keys };
}

static void tear_down(struct fixture *f)
{
    key_block_free(f->keys);
    arena_free(f->mem);
}

/* Yes and no must be right; what is "maybe" must be allowed to be. */
static void compare(struct fixture *f, const struct search *s, bool exact, const char *name)
{
    struct group_verdict v;

    search_group_match(s, &f->group, &v);
    for (uint32_t i = 0; i < COUNT; i++) {
        bool want = search_match(s, &f->facts[i]) == SEARCH_YES;

        CHECK(!(group_bit(&v.yes, i) && group_bit(&v.maybe, i)), "%s: %u is both", name, i);
        if (group_bit(&v.maybe, i))
            CHECK(!exact, "%s: %u could be told", name, i);
        else
            CHECK_EQ(group_bit(&v.yes, i), want, "%s: %u", name, i);
    }
    for (uint32_t i = COUNT; i < KEY_BLOCK_MAX; i++)
        CHECK(!group_bit(&v.yes, i) && !group_bit(&v.maybe, i), "%s: nobody is at %u", name, i);
}

static const struct {
    enum search_key key;
    uint64_t number; /* or the day */
    struct str text;
    bool inexact;
} rows[] = {
    { SEARCH_FLAG, FLAG_SEEN, STR_INIT(""), false },
    { SEARCH_FLAG, FLAG_SEEN | FLAG_FLAGGED, STR_INIT(""), false },
    { SEARCH_KEYWORD, 0, STR_INIT("nobody"), false },
    { SEARCH_MODSEQ, 950, STR_INIT(""), false },
    { SEARCH_LARGER, 120, STR_INIT(""), false },
    { SEARCH_SMALLER, 120, STR_INIT(""), false },
    { SEARCH_BEFORE, 20480, STR_INIT(""), false },
    { SEARCH_ON, 20480, STR_INIT(""), false },
    { SEARCH_SINCE, 20480, STR_INIT(""), false },
    { SEARCH_SAVED_BEFORE, 20480, STR_INIT(""), false },
    { SEARCH_SAVED_ON, 20480, STR_INIT(""), false },
    { SEARCH_SAVED_SINCE, 20480, STR_INIT(""), false },
    { SEARCH_SENT_BEFORE, 20493, STR_INIT(""), false },
    { SEARCH_SENT_ON, 20493, STR_INIT(""), false },
    { SEARCH_SENT_SINCE, 20493, STR_INIT(""), false },
    { SEARCH_OLDER, 400000, STR_INIT(""), false },
    { SEARCH_YOUNGER, 400000, STR_INIT(""), false },
    { SEARCH_EMAIL_ID, 0, STR_INIT("E15"), false },
    { SEARCH_EMAIL_ID, 0, STR_INIT("e15"), false },
    { SEARCH_THREAD_ID, 0, STR_INIT("T3"), false },
    { SEARCH_FROM, 0, STR_INIT("ALICE"), false },
    { SEARCH_FROM, 0, STR_INIT("z\xC3\x89 <cook"), false },
    { SEARCH_FROM, 0, STR_INIT("bob <cook1@crepes.fr>"), false },
    { SEARCH_FROM, 0, STR_INIT(""), true },
    { SEARCH_FROM, 0, STR_INIT("a\nb"), true },
    { SEARCH_TO, 0, STR_INIT("b7@"), false },
    { SEARCH_TO, 0, STR_INIT("edu> <b"), false },
    { SEARCH_CC, 0, STR_INIT("carol"), false },
    { SEARCH_BCC, 0, STR_INIT("carol"), false },
    { SEARCH_SUBJECT, 0, STR_INIT("HAM"), false },
    { SEARCH_SUBJECT, 0, STR_INIT("cr\xC3\xAApes"), false },
    { SEARCH_SUBJECT, 0, STR_INIT("ab"), false },
    { SEARCH_SUBJECT, 0, STR_INIT("ba"), false }, /* only over the end of one */
    { SEARCH_SUBJECT, 0, STR_INIT("nothing"), false },
    { SEARCH_BODY, 0, STR_INIT("body 7"), true },
    { SEARCH_TEXT, 0, STR_INIT("alice"), true },
};

static void add_row(struct search_builder *b, size_t i)
{
    switch (search_operand_of(rows[i].key)) {
    case SEARCH_WITH_NUMBER:
        search_add_number(b, rows[i].key, rows[i].number);
        break;
    case SEARCH_WITH_DAY:
        search_add_day(b, rows[i].key, (int64_t)rows[i].number);
        break;
    default:
        search_add_text(b, rows[i].key, rows[i].text);
        break;
    }
}

TEST(every_key_is_answered_as_one_by_one)
{
    struct fixture f;

    set_up(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct search_builder b;
        struct search s;
        char name[40];

        (void)snprintf(name, sizeof name, "row %zu", i);
        search_begin(&b, f.mem);
        add_row(&b, i);
        CHECK_OK(search_finish(&b, &s), "%s", name);
        compare(&f, &s, !rows[i].inexact, name);
        search_begin(&b, f.mem);
        search_open(&b, SEARCH_NOT);
        add_row(&b, i);
        search_close(&b);
        CHECK_OK(search_finish(&b, &s), "%s", name);
        compare(&f, &s, !rows[i].inexact, name);
    }
    tear_down(&f);
}

TEST(sets_of_uids_are_walked)
{
    static const char *const sets[] = { "1:4294967295", "2", "1", "3:7,11:100,209", "500" };
    struct fixture f;

    set_up(&f);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        struct search_builder b;
        struct uidset uids = { 0 };
        struct search s;

        CHECK_OK(uidset_parse(str_from_z(sets[i]), 1, 100, &uids), "%s", sets[i]);
        search_begin(&b, f.mem);
        search_add_uids(&b, &uids);
        CHECK_OK(search_finish(&b, &s), "%s", sets[i]);
        compare(&f, &s, true, sets[i]);
        uidset_deinit(&uids);
    }
    tear_down(&f);
}

/* Trees of all keys, from a seed: a number generator that repeats. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void add_tree(struct search_builder *b, uint32_t *random, uint32_t depth)
{
    static const enum search_key joints[] = { SEARCH_AND, SEARCH_OR, SEARCH_NOT };
    enum search_key joint = joints[next_random(random) % 3];
    uint32_t children = joint == SEARCH_NOT ? 1 : next_random(random) % 4;

    if (depth == 0 || next_random(random) % 3 == 0) {
        add_row(b, next_random(random) % ARRAY_LEN(rows));
        return;
    }
    search_open(b, joint);
    for (uint32_t i = 0; i < children; i++)
        add_tree(b, random, depth - 1);
    search_close(b);
}

TEST(trees_are_answered_as_one_by_one)
{
    struct fixture f;
    uint32_t random = 5;

    set_up(&f);
    for (int round = 0; round < 500; round++) {
        struct search_builder b;
        struct search s;
        char name[40];

        (void)snprintf(name, sizeof name, "tree %d", round);
        search_begin(&b, f.mem);
        add_tree(&b, &random, 5);
        CHECK_OK(search_finish(&b, &s), "%s", name);
        compare(&f, &s, false, name);
    }
    tear_down(&f);
}

TEST(without_keys_only_the_view_answers)
{
    struct fixture f;
    struct search_builder b;
    struct search s;

    set_up(&f);
    f.group.keys = NULL;
    search_begin(&b, f.mem);
    search_add_number(&b, SEARCH_FLAG, FLAG_SEEN);
    search_add_text(&b, SEARCH_SUBJECT, STR("ham"));
    CHECK_OK(search_finish(&b, &s), "a search");
    compare(&f, &s, false, "view");
    tear_down(&f);
}

static bool odd_ones(void *ctx, const struct search_node *n, const struct search_group *g,
                     struct group_verdict *ret)
{
    (void)n;
    *(int *)ctx += 1;
    for (uint32_t i = 1; i < g->count; i += 2)
        group_set(i == 3 ? &ret->yes : &ret->maybe, i);
    return true;
}

TEST(an_index_narrows_what_has_to_be_read)
{
    struct fixture f;
    struct search_builder b;
    struct search s;
    struct group_verdict v;
    int asked = 0;

    set_up(&f);
    f.group.candidates = odd_ones;
    f.group.ctx = &asked;
    search_begin(&b, f.mem);
    search_add_text(&b, SEARCH_BODY, STR("body"));
    CHECK_OK(search_finish(&b, &s), "a search");
    search_group_match(&s, &f.group, &v);
    CHECK_EQ(asked, 1, "asked once");
    CHECK(!group_bit(&v.maybe, 0) && group_bit(&v.maybe, 1) && !group_bit(&v.yes, 1), "narrowed");
    CHECK(f.group.count < 4 || (group_bit(&v.yes, 3) && !group_bit(&v.maybe, 3)), "sure");
    tear_down(&f);
}
