/* message/order/order.c - messages sorted by one key, and by several.
 *
 * Keys are compared by their first eight octets as a number, which a radix sort puts in order in a
 * few passes without comparing anything; what is still equal (long common beginnings) is sorted by
 * the rest. Numbers are made unsigned and are such prefixes themselves. Several criteria are sorted
 * the other way round, the last one first, each pass stable: counting ranks needs no comparison. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/order/order.h"

enum { RADIX_BITS = 11, RADIX = 1 << RADIX_BITS, REVERSE_BIT = 0x80 };

/* ---- criteria as octets ---- */

void sort_criteria_encode(const struct sort_criteria *c, struct buf *out)
{
    for (uint32_t i = 0; i < c->count; i++)
        put_u8(out, (uint8_t)(c->at[i].key | (c->at[i].reverse ? REVERSE_BIT : 0)));
}

enum err sort_criteria_decode(struct str octets, struct sort_criteria *ret)
{
    struct sort_criteria c = { .count = 0 };

    if (octets.len == 0 || octets.len > SORT_CRITERIA_MAX)
        return ERR_SYNTAX;
    for (size_t i = 0; i < octets.len; i++) {
        uint8_t octet = (uint8_t)octets.at[i], key = octet & (REVERSE_BIT - 1);

        if (key >= SORT_KEY_COUNT)
            return ERR_SYNTAX;
        c.at[c.count++] = (struct sort_criterion){ (enum sort_key)key, octet >= REVERSE_BIT };
    }
    *ret = c;
    return OK;
}

/* ---- keys ---- */

const struct key_block *key_rows_find(const struct key_rows *rows, uint32_t row, uint32_t *ret_at)
{
    uint32_t low = 0, high = rows->block_count - 1;

    while (low < high) {
        uint32_t mid = low + (high - low + 1) / 2;

        if (rows->first[mid] <= row)
            low = mid;
        else
            high = mid - 1;
    }
    *ret_at = row - rows->first[low];
    return rows->blocks[low];
}

struct item {
    uint64_t prefix;
    uint32_t row, len; /* len: octets behind the prefix */
    const char *rest;
};

static uint64_t prefix_of(struct str text)
{
    char octets[8] = { 0 };

    memcpy(octets, text.at, MIN(text.len, sizeof octets));
    return load_u64(octets);
}

static void item_of_text(struct item *it, struct str text)
{
    it->prefix = prefix_of(text);
    it->len = text.len > 8 ? (uint32_t)text.len - 8 : 0;
    it->rest = text.at + MIN(text.len, 8U);
}

static void item_of_number(struct item *it, uint64_t number)
{
    it->prefix = number;
    it->len = 0;
    it->rest = "";
}

static uint64_t unsigned_of(int64_t v)
{
    return (uint64_t)v ^ 1ULL << 63;
}

static void set_item(struct item *it, enum sort_key key, const struct key_block *b, uint32_t i)
{
    static const uint8_t texts[SORT_KEY_COUNT] = {
        [SORT_CC] = KEY_SORT_CC,
        [SORT_FROM] = KEY_SORT_FROM,
        [SORT_SUBJECT] = KEY_BASE_SUBJECT,
        [SORT_TO] = KEY_SORT_TO,
        [SORT_DISPLAYFROM] = KEY_SHOWN_FROM,
        [SORT_DISPLAYTO] = KEY_SHOWN_TO,
    };

    if (key == SORT_ARRIVAL)
        item_of_number(it, unsigned_of(b->arrived_s[i]));
    else if (key == SORT_DATE)
        item_of_number(it, unsigned_of(b->sent_s[i]));
    else if (key == SORT_SIZE)
        item_of_number(it, b->size[i]);
    else
        item_of_text(it, key_block_text(b, (enum key_text)texts[key], i));
}

/* A prefix that is filled up with zeros belongs to a short text: nobody writes NUL into a header,
 * and who does so inside an encoded word is sorted as if it ended there. */
static int compare_keys(const struct item *a, const struct item *b)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    return str_cmp(str_from(a->rest, a->len), str_from(b->rest, b->len));
}

static int by_key_and_row(const void *pa, const void *pb)
{
    const struct item *a = pa, *b = pb;
    int way = compare_keys(a, b);

    return way != 0 ? way : (a->row > b->row) - (a->row < b->row);
}

/* ---- sorting items ---- */

static void *new_array(size_t count, size_t size)
{
    void *at = calloc(count + 1, size);

    if (at == NULL)
        BUG("out of memory");
    return at;
}

/* One stable pass by the digit at `shift`; false when all have the same digit there. */
static bool radix_pass(const struct item *from, struct item *to, uint32_t count, unsigned shift)
{
    uint32_t *places = new_array(RADIX, sizeof *places), sum = 0;
    bool moved = true;

    for (uint32_t i = 0; i < count; i++)
        places[from[i].prefix >> shift & (RADIX - 1)]++;
    for (uint32_t d = 0; d < RADIX; d++) {
        uint32_t here = places[d];

        moved = moved && here != count;
        places[d] = sum;
        sum += here;
    }
    for (uint32_t i = 0; i < count && moved; i++)
        to[places[from[i].prefix >> shift & (RADIX - 1)]++] = from[i];
    free(places);
    return moved;
}

static void sort_items(struct item *items, uint32_t count)
{
    struct item *other = new_array(count, sizeof *other), *from = items, *to = other;

    for (unsigned shift = 0; shift < 64; shift += RADIX_BITS)
        if (radix_pass(from, to, count, shift)) {
            struct item *t = from;

            from = to;
            to = t;
        }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
    free(other);
    for (uint32_t i = 0, end; i < count; i = end) {
        bool longer = items[i].len > 0;

        for (end = i + 1; end < count && items[end].prefix == items[i].prefix; end++)
            longer = longer || items[end].len > 0;
        if (longer && end - i > 1)
            qsort(items + i, end - i, sizeof *items, by_key_and_row);
    }
}

/* ---- orders ---- */

static struct item item_of_row(enum sort_key key, const struct key_rows *rows, uint32_t row)
{
    struct item it = { .row = row };
    uint32_t at;
    const struct key_block *b = key_rows_find(rows, row, &at);

    set_item(&it, key, b, at);
    return it;
}

static struct item *new_items(enum sort_key key, const struct key_rows *rows, uint32_t from)
{
    struct item *items = new_array(rows->count - from, sizeof *items);
    uint32_t at = 0, row = from;
    const struct key_block *b = key_rows_find(rows, from, &at);
    uint32_t block = 0;

    while (rows->blocks[block] != b)
        block++;
    for (; row < rows->count; row++, at++) {
        while (at == rows->blocks[block]->count) {
            block++;
            at = 0;
        }
        items[row - from].row = row;
        set_item(&items[row - from], key, rows->blocks[block], at);
    }
    return items;
}

/* Both are sorted and every new row is above every old one, so among equals the old ones go first.
 * Old rows are looked at only where a new one might go: binary search for each. */
static uint32_t place_among(const struct order *o, enum sort_key key, const struct key_rows *rows,
                            uint32_t low, const struct item *it)
{
    uint32_t high = o->count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        struct item old = item_of_row(key, rows, o->rows[mid]);

        if (compare_keys(&old, it) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* All rows are new: their keys stand side by side. */
static void first_order(struct order *o, const struct item *items, uint32_t count)
{
    o->rows = new_array(count, sizeof *o->rows);
    o->rank = new_array(count, sizeof *o->rank);
    o->count = count;
    o->ranks = 1;
    for (uint32_t i = 0; i < count; i++) {
        o->ranks += i > 0 && compare_keys(&items[i - 1], &items[i]) != 0;
        o->rows[i] = items[i].row;
        o->rank[items[i].row] = o->ranks - 1;
    }
}

/* Ranks: counts up wherever a row's key differs from the one before. Of old neighbours the old
 * ranks tell; only at new rows keys are compared. */
static void set_ranks(struct order *o, enum sort_key key, const struct key_rows *rows,
                      const uint32_t *sorted, uint32_t count)
{
    uint32_t *rank = new_array(count, sizeof *rank), at = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            uint32_t a = sorted[i - 1], b = sorted[i];

            if (a < o->count && b < o->count) {
                at += o->rank[a] != o->rank[b];
            } else {
                struct item x = item_of_row(key, rows, a), y = item_of_row(key, rows, b);

                at += compare_keys(&x, &y) != 0;
            }
        }
        rank[sorted[i]] = at;
    }
    free(o->rank);
    o->rank = rank;
    o->ranks = count == 0 ? 0 : at + 1;
}

void order_grow(struct order *o, enum sort_key key, const struct key_rows *rows)
{
    uint32_t fresh = rows->count - o->count, old = 0, made = 0;
    uint32_t *sorted;
    struct item *items;

    if (fresh == 0)
        return;
    items = new_items(key, rows, o->count);
    sort_items(items, fresh);
    if (o->count == 0) {
        first_order(o, items, fresh);
        free(items);
        return;
    }
    sorted = new_array(rows->count, sizeof *sorted);
    for (uint32_t i = 0; i < fresh; i++) {
        uint32_t place = place_among(o, key, rows, old, &items[i]);

        while (old < place)
            sorted[made++] = o->rows[old++];
        sorted[made++] = items[i].row;
    }
    while (old < o->count)
        sorted[made++] = o->rows[old++];
    free(items);
    set_ranks(o, key, rows, sorted, rows->count);
    free(o->rows);
    o->rows = sorted;
    o->count = rows->count;
}

void order_deinit(struct order *o)
{
    free(o->rows);
    free(o->rank);
    *o = (struct order){ 0 };
}

/* ---- sorting a selection ---- */

/* One stable pass by rank. Reverse turns the ranks round, so equals keep their order. */
static void sort_by_rank(const struct order *o, bool reverse, const uint32_t *from, uint32_t *to,
                         uint32_t count)
{
    uint32_t *places = new_array(o->ranks, sizeof *places), sum = 0, last = o->ranks - 1;

    for (uint32_t i = 0; i < count; i++)
        places[reverse ? last - o->rank[from[i]] : o->rank[from[i]]]++;
    for (uint32_t r = 0; r < o->ranks; r++) {
        uint32_t here = places[r];

        places[r] = sum;
        sum += here;
    }
    for (uint32_t i = 0; i < count; i++)
        to[places[reverse ? last - o->rank[from[i]] : o->rank[from[i]]]++] = from[i];
    free(places);
}

/* A few rows of a large mailbox: what they cost must not depend on its size. */
struct few {
    uint32_t row, place;
};

static int by_place(const void *pa, const void *pb)
{
    const struct few *a = pa, *b = pb;

    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* Gives each row its rank after `place` ranks of the criteria behind; twice 32 bits in one sort. */
static void sort_few(const struct order *o, bool reverse, uint32_t *rows, uint32_t count,
                     struct few *few)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t rank = o->rank[rows[i]];

        few[i] = (struct few){ .row = i, .place = reverse ? o->ranks - 1 - rank : rank };
    }
    qsort(few, count, sizeof *few, by_place);
    for (uint32_t i = 0; i < count; i++)
        few[i].place = rows[few[i].row];
    for (uint32_t i = 0; i < count; i++)
        rows[i] = few[i].place;
}

void order_sort(const struct sort_criteria *c, const struct order *const *orders, uint32_t *rows,
                uint32_t count)
{
    void *room = new_array(count, MAX(sizeof(uint32_t), sizeof(struct few)));

    if (count == 0) {
        free(room);
        return;
    }
    for (uint32_t i = c->count; i > 0; i--) {
        const struct order *o = orders[i - 1];
        bool reverse = c->at[i - 1].reverse;

        if (count < o->ranks / 16) {
            sort_few(o, reverse, rows, count, room);
        } else {
            sort_by_rank(o, reverse, rows, room, count);
            memcpy(rows, room, count * sizeof *rows);
        }
    }
    free(room);
}
