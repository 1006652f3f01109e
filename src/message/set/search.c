/* message/set/search.c - building search programs and carrying them as octets.
 *
 * Nodes stand in prefix order with the size of their subtree, so a program is one array: the first
 * child of node i is i + 1, and the sibling of a child c is c + c's span. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/search.h"

#include "message/coding/charset.h"

enum { CAP_FIRST = 8 };

static const uint8_t operands[SEARCH_KEY_COUNT] = {
#define SEARCH_OPERAND(name, operand) [SEARCH_##name] = SEARCH_WITH_##operand,
    SEARCH_ROWS(SEARCH_OPERAND)
#undef SEARCH_OPERAND
};

enum search_operand search_operand_of(enum search_key key)
{
    BUG_ON(key >= SEARCH_KEY_COUNT);
    return (enum search_operand)operands[key];
}

/* A new node, or null once something has gone wrong. */
static struct search_node *add_node(struct search_builder *b, enum search_key key,
                                    enum search_operand operand)
{
    BUG_ON(search_operand_of(key) != operand);
    if (b->bad == OK && b->count == SEARCH_KEYS_MAX)
        b->bad = ERR_LIMIT;
    if (b->bad != OK)
        return NULL;
    if (b->count == b->cap) {
        uint32_t cap = b->cap == 0 ? CAP_FIRST : b->cap * 2;
        struct search_node *grown = ARENA_ARRAY(b->mem, struct search_node, cap);

        if (b->count != 0)
            memcpy(grown, b->nodes, b->count * sizeof(*grown));
        b->nodes = grown;
        b->cap = cap;
    }
    b->nodes[b->count] = (struct search_node){ .key = key, .span = 1 };
    return &b->nodes[b->count++];
}

void search_begin(struct search_builder *b, struct arena *mem)
{
    *b = (struct search_builder){ .mem = mem };
    search_open(b, SEARCH_AND);
}

void search_open(struct search_builder *b, enum search_key key)
{
    if (b->bad == OK && b->height == SEARCH_DEPTH_MAX)
        b->bad = ERR_LIMIT;
    if (add_node(b, key, SEARCH_WITH_KEYS) != NULL)
        b->open[b->height++] = b->count - 1;
}

/* NOT has one child, and it fills the whole of the subtree. */
static bool is_complete(const struct search_node *n)
{
    return n->key != SEARCH_NOT || (n->span > 1 && n[1].span + 1 == n->span);
}

void search_close(struct search_builder *b)
{
    if (b->bad == OK && b->height == 0)
        b->bad = ERR_STATE;
    if (b->bad != OK)
        return;

    struct search_node *n = &b->nodes[b->open[--b->height]];

    n->span = b->count - b->open[b->height];
    if (!is_complete(n))
        b->bad = ERR_STATE;
}

void search_add(struct search_builder *b, enum search_key key)
{
    (void)add_node(b, key, SEARCH_WITH_NOTHING);
}

void search_add_number(struct search_builder *b, enum search_key key, uint64_t number)
{
    struct search_node *n = add_node(b, key, SEARCH_WITH_NUMBER);

    if (n != NULL)
        n->number = number;
}

void search_add_day(struct search_builder *b, enum search_key key, int64_t day)
{
    struct search_node *n = add_node(b, key, SEARCH_WITH_DAY);

    if (n != NULL)
        n->day = day;
}

/* Substrings are folded once, here, and not for every message. */
static struct str fold(struct arena *mem, struct str text)
{
    return arena_copy(mem, text_fold_case(mem, text));
}

static bool text_fits(struct search_builder *b, struct str text)
{
    if (text.len > SEARCH_TEXT_BYTES_MAX && b->bad == OK)
        b->bad = ERR_LIMIT;
    return b->bad == OK;
}

void search_add_text(struct search_builder *b, enum search_key key, struct str text)
{
    bool word = search_operand_of(key) == SEARCH_WITH_WORD;
    struct search_node *n = add_node(b, key, word ? SEARCH_WITH_WORD : SEARCH_WITH_TEXT);

    if (n != NULL)
        n->fuzzy = b->fuzzy && !word;
    if (n != NULL && text_fits(b, text))
        n->text = word ? arena_copy(b->mem, text) : fold(b->mem, text);
}

void search_add_header(struct search_builder *b, struct str field, struct str text)
{
    struct search_node *n = add_node(b, SEARCH_HEADER, SEARCH_WITH_FIELD);

    if (n == NULL || !text_fits(b, text) || !text_fits(b, field))
        return;
    n->field = arena_copy(b->mem, field);
    n->text = fold(b->mem, text);
}

/* The ranges in the arena: a set that is only read needs no capacity. */
static struct uidset keep_uids(struct arena *mem, const struct uidset *uids)
{
    struct uidset kept = { ARENA_ARRAY(mem, struct uid_range, uids->len), uids->len, 0 };

    if (uids->len != 0)
        memcpy(kept.at, uids->at, uids->len * sizeof(*kept.at));
    return kept;
}

void search_add_uids(struct search_builder *b, const struct uidset *uids)
{
    struct search_node *n = add_node(b, SEARCH_UIDS, SEARCH_WITH_UIDS);

    if (n == NULL)
        return;
    if (uids->len > SEARCH_RANGES_MAX)
        b->bad = ERR_LIMIT;
    else
        n->uids = keep_uids(b->mem, uids);
}

enum err search_finish(struct search_builder *b, struct search *ret)
{
    if (b->bad == OK && b->height != 1)
        b->bad = ERR_STATE;
    search_close(b);
    if (b->bad == OK)
        *ret = (struct search){ b->nodes, b->count };
    return b->bad;
}

bool search_is_fuzzy(const struct search_node *n)
{
    struct token_reader r = token_reader_of(n->text);
    struct token word;

    return n->fuzzy && search_operand_of(n->key) == SEARCH_WITH_TEXT && token_next(&r, &word);
}

/* A bit beside the key. */
enum { KEY_IS_FUZZY = 0x80 };

/* Signed numbers as varints, small ones short: 0, -1, 1, -2 ... are 0, 1, 2, 3 ... */
static uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1 ^ ((v & 1) != 0 ? UINT64_MAX : 0));
}

static void put_operand(const struct search_node *n, struct buf *out)
{
    switch (search_operand_of(n->key)) {
    case SEARCH_WITH_NOTHING:
        break;
    case SEARCH_WITH_KEYS:
        put_varint(out, n->span - 1);
        break;
    case SEARCH_WITH_NUMBER:
        put_varint(out, n->number);
        break;
    case SEARCH_WITH_DAY:
        put_varint(out, zigzag(n->day));
        break;
    case SEARCH_WITH_FIELD:
        put_str(out, n->field);
        put_str(out, n->text);
        break;
    case SEARCH_WITH_WORD:
    case SEARCH_WITH_TEXT:
        put_str(out, n->text);
        break;
    case SEARCH_WITH_UIDS:
        uidset_encode(&n->uids, out);
        break;
    }
}

void search_encode(const struct search *s, struct buf *out)
{
    put_varint(out, s->count);
    for (uint32_t i = 0; i < s->count; i++) {
        put_u8(out, (uint8_t)(s->nodes[i].key | (s->nodes[i].fuzzy ? KEY_IS_FUZZY : 0)));
        put_operand(&s->nodes[i], out);
    }
}

static struct str get_text_operand(struct reader *r)
{
    struct str s = get_str(r);

    if (s.len > SEARCH_TEXT_BYTES_MAX)
        r->bad = true;
    return s;
}

static void get_operand(struct arena *mem, struct reader *r, struct search_node *n)
{
    struct uidset uids = { 0 };
    uint32_t below;

    switch (search_operand_of(n->key)) {
    case SEARCH_WITH_NOTHING:
        break;
    case SEARCH_WITH_KEYS:
        below = get_varint32(r);
        n->span = MIN(below, (uint32_t)SEARCH_KEYS_MAX) + 1;
        break;
    case SEARCH_WITH_NUMBER:
        n->number = get_varint(r);
        break;
    case SEARCH_WITH_DAY:
        n->day = unzigzag(get_varint(r));
        break;
    case SEARCH_WITH_FIELD:
        n->field = arena_copy(mem, get_text_operand(r));
        n->text = fold(mem, get_text_operand(r));
        break;
    case SEARCH_WITH_WORD:
        n->text = arena_copy(mem, get_text_operand(r));
        break;
    case SEARCH_WITH_TEXT:
        n->text = fold(mem, get_text_operand(r));
        break;
    case SEARCH_WITH_UIDS:
        if (uidset_decode(r, SEARCH_RANGES_MAX, &uids) == OK)
            n->uids = keep_uids(mem, &uids);
        else
            r->bad = true;
        uidset_deinit(&uids);
        break;
    }
}

/* Subtrees must lie within each other and not too deep: match() goes down one call a level. */
static bool is_tree(const struct search_node *nodes, uint32_t count)
{
    uint32_t end[SEARCH_DEPTH_MAX + 1] = { count };
    uint32_t height = 0;

    if (count == 0 || nodes[0].span != count || search_operand_of(nodes[0].key) != SEARCH_WITH_KEYS)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        while (height > 0 && end[height] == i)
            height--;
        if (nodes[i].span > end[height] - i || !is_complete(&nodes[i]))
            return false;
        if (search_operand_of(nodes[i].key) != SEARCH_WITH_KEYS)
            continue;
        if (height == SEARCH_DEPTH_MAX)
            return false;
        end[++height] = i + nodes[i].span;
    }
    return true;
}

enum err search_decode(struct arena *mem, struct reader *r, struct search *ret)
{
    uint32_t count = get_varint32(r);

    if (r->bad || count > SEARCH_KEYS_MAX || count > r->rest.len) {
        r->bad = true;
        return ERR_CORRUPT;
    }

    struct search_node *nodes = ARENA_ARRAY(mem, struct search_node, count);

    for (uint32_t i = 0; i < count && !r->bad; i++) {
        uint8_t key = get_u8(r);

        bool fuzzy = (key & KEY_IS_FUZZY) != 0;

        key &= (uint8_t)~KEY_IS_FUZZY;
        if (r->bad || key >= SEARCH_KEY_COUNT) {
            r->bad = true;
            break;
        }
        nodes[i] = (struct search_node){ .key = (enum search_key)key, .span = 1, .fuzzy = fuzzy };
        get_operand(mem, r, &nodes[i]);
    }
    if (r->bad || !is_tree(nodes, count)) {
        r->bad = true;
        return ERR_CORRUPT;
    }
    *ret = (struct search){ nodes, count };
    return OK;
}

void search_bind_keywords(struct search *s, const struct keyword_list *keywords)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct search_node *n = &s->nodes[i];

        if (n->key != SEARCH_KEYWORD)
            continue;

        uint64_t bit = keyword_bit_find(keywords, n->text);

        if (bit == 0)
            continue; /* an unbound KEYWORD matches nothing */
        n->key = SEARCH_FLAG;
        n->number = bit;
    }
}

bool search_needs_messages(const struct search *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->nodes[i].key >= SEARCH_HEADER)
            return true;
    return false;
}
