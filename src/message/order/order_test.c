/* message/order/order_test.c - orders made at once, grown message by message, and searched. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/order/order.h"

#include "testing.h"

enum { BLOCKS = 5, PER_BLOCK = 60 };

struct fixture {
    struct key_block *blocks[BLOCKS];
    uint32_t first[BLOCKS];
    struct key_rows rows;
    struct arena *mem;
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void set_up(struct fixture *f)
{
    static const char *const words[] = { "", "A", "B", "ABCDEFGH", "ABCDEFGHI", "ABCDEFGHJ", "Z" };
    uint32_t random = 7;

    *f = (struct fixture){ .mem = arena_new(0) };
    for (uint32_t b = 0; b < BLOCKS; b++) {
        struct key_entry entries[PER_BLOCK];

        for (uint32_t i = 0; i < PER_BLOCK; i++) {
            entries[i] =
                (struct key_entry){ .uid = b * KEY_BLOCK_MAX + i + 1,
                                    .size = next_random(&random) % 50,
                                    .arrived_s = (int64_t)(next_random(&random) % 100) - 50,
                                    .sent_s = (int64_t)(next_random(&random) % 3) << 40 };
            for (size_t t = 0; t < KEY_TEXT_COUNT; t++)
                entries[i].texts[t] = str_from_z(words[next_random(&random) % ARRAY_LEN(words)]);
        }
        f->blocks[b] = key_block_new(entries, PER_BLOCK);
        f->first[b] = b * PER_BLOCK;
    }
    f->rows = (struct key_rows){ f->blocks, f->first, BLOCKS, BLOCKS * PER_BLOCK };
}

static void tear_down(struct fixture *f)
{
    for (uint32_t b = 0; b < BLOCKS; b++)
        key_block_free(f->blocks[b]);
    arena_free(f->mem);
}

static int compare_rows(const struct fixture *f, enum sort_key key, uint32_t a, uint32_t b)
{
    static const enum key_text texts[SORT_KEY_COUNT] = {
        [SORT_CC] = KEY_SORT_CC,
        [SORT_FROM] = KEY_SORT_FROM,
        [SORT_SUBJECT] = KEY_BASE_SUBJECT,
        [SORT_TO] = KEY_SORT_TO,
        [SORT_DISPLAYFROM] = KEY_SHOWN_FROM,
        [SORT_DISPLAYTO] = KEY_SHOWN_TO,
    };
    uint32_t i, j;
    const struct key_block *x = key_rows_find(&f->rows, a, &i), *y = key_rows_find(&f->rows, b, &j);

    switch (key) {
    case SORT_ARRIVAL:
        return (x->arrived_s[i] > y->arrived_s[j]) - (x->arrived_s[i] < y->arrived_s[j]);
    case SORT_DATE:
        return (x->sent_s[i] > y->sent_s[j]) - (x->sent_s[i] < y->sent_s[j]);
    case SORT_SIZE:
        return (x->size[i] > y->size[j]) - (x->size[i] < y->size[j]);
    default:
        return str_cmp(key_block_text(x, texts[key], i), key_block_text(y, texts[key], j));
    }
}

static void check_order(const struct fixture *f, enum sort_key key, const struct order *o)
{
    CHECK_EQ(o->count, f->rows.count, "all rows");
    for (uint32_t i = 1; i < o->count; i++) {
        uint32_t a = o->rows[i - 1], b = o->rows[i];
        int way = compare_rows(f, key, a, b);

        CHECK(way < 0 || (way == 0 && a < b), "key %d: %u before %u", key, a, b);
        CHECK_EQ(o->rank[b] - o->rank[a], way < 0 ? 1 : 0, "key %d: rank at %u", key, i);
    }
    CHECK_EQ(o->rank[o->rows[o->count - 1]] + 1, o->ranks, "ranks");
}

TEST(an_order_made_at_once_and_one_that_grew_are_the_same)
{
    struct fixture f;

    set_up(&f);
    for (int key = 0; key < SORT_KEY_COUNT; key++) {
        struct order whole = { 0 }, grown = { 0 };

        order_grow(&whole, (enum sort_key)key, &f.rows);
        check_order(&f, (enum sort_key)key, &whole);
        for (uint32_t b = 1; b <= BLOCKS; b++) {
            struct key_rows some = { f.blocks, f.first, b, b * PER_BLOCK };

            order_grow(&grown, (enum sort_key)key, &some);
            order_grow(&grown, (enum sort_key)key, &some);
        }
        CHECK_EQ(memcmp(whole.rows, grown.rows, whole.count * sizeof(uint32_t)), 0, "key %d", key);
        CHECK_EQ(memcmp(whole.rank, grown.rank, whole.count * sizeof(uint32_t)), 0, "key %d", key);
        order_deinit(&whole);
        order_deinit(&grown);
    }
    tear_down(&f);
}

static void sort_and_check(const struct fixture *f, const struct order *orders,
                           const struct sort_criteria *c, uint32_t step)
{
    const struct order *by[SORT_CRITERIA_MAX];
    uint32_t rows[BLOCKS * PER_BLOCK], count = 0;

    for (uint32_t row = 0; row < f->rows.count; row += step)
        rows[count++] = row;
    for (uint32_t i = 0; i < c->count; i++)
        by[i] = &orders[c->at[i].key];
    order_sort(c, by, rows, count);
    for (uint32_t i = 1; i < count; i++) {
        int way = 0;

        for (uint32_t k = 0; k < c->count && way == 0; k++) {
            way = compare_rows(f, c->at[k].key, rows[i - 1], rows[i]);
            way = c->at[k].reverse ? -way : way;
        }
        CHECK(way < 0 || (way == 0 && rows[i - 1] < rows[i]), "step %u, place %u", step, i);
    }
}

TEST(any_criteria_sort_many_and_few)
{
    static const struct sort_criteria rows[] = {
        { { { SORT_SIZE, false } }, 1 },
        { { { SORT_SUBJECT, true } }, 1 },
        { { { SORT_SUBJECT, false }, { SORT_DATE, true }, { SORT_SIZE, false } }, 3 },
        { { { SORT_DATE, true }, { SORT_FROM, true } }, 2 },
        { { { SORT_TO, false }, { SORT_CC, false }, { SORT_ARRIVAL, false } }, 3 },
        { { { SORT_DISPLAYFROM, false }, { SORT_DISPLAYTO, true } }, 2 },
    };
    struct order orders[SORT_KEY_COUNT] = { 0 };
    struct fixture f;

    set_up(&f);
    for (int key = 0; key < SORT_KEY_COUNT; key++)
        order_grow(&orders[key], (enum sort_key)key, &f.rows);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (uint32_t step = 1; step < 400; step = step * 3 + 1)
            sort_and_check(&f, orders, &rows[i], step);
    for (int key = 0; key < SORT_KEY_COUNT; key++)
        order_deinit(&orders[key]);
    tear_down(&f);
}

TEST(criteria_travel_as_octets)
{
    struct sort_criteria c = { { { SORT_DATE, true }, { SORT_DISPLAYTO, false } }, 2 }, got;
    struct buf out = { 0 };
    char octets[SORT_CRITERIA_MAX + 1] = { 0 };

    sort_criteria_encode(&c, &out);
    CHECK_OK(sort_criteria_decode(buf_str(&out), &got), "what was written");
    CHECK(got.count == 2 && got.at[0].reverse && got.at[0].key == SORT_DATE &&
              got.at[1].key == SORT_DISPLAYTO && !got.at[1].reverse,
          "the same");
    CHECK_EQ(sort_criteria_decode(STR(""), &got), ERR_SYNTAX, "none");
    CHECK_EQ(sort_criteria_decode(STR("\x09"), &got), ERR_SYNTAX, "unknown");
    CHECK_EQ(sort_criteria_decode(str_from(octets, sizeof octets), &got), ERR_SYNTAX, "too many");
    buf_deinit(&out);
}
