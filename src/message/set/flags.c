/* message/set/flags.c - flags between names and bits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/flags.h"

static const struct {
    uint64_t bit;
    struct str name;
} fixed[] = {
#define FLAG_NAME(name, bit, text) { 1u << (bit), STR_INIT(text) },
    FLAG_ROWS(FLAG_NAME)
#undef FLAG_NAME
};

/* ATOM-CHAR = any CHAR except "(" ")" "{" SP CTL "%" "*" DQUOTE "\" "]"   (RFC 3501 9) */
static bool is_atom_char(char c)
{
    return c > ' ' && c < 0x7f && strchr("(){%*\"\\]", c) == NULL; /* '}' is one */
}

bool flag_keyword_valid(struct str name)
{
    if (name.len == 0 || name.len > KEYWORD_BYTES_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_atom_char(name.at[i]))
            return false;
    return true;
}

uint64_t flag_bit_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (str_eq_nocase(name, fixed[i].name))
            return fixed[i].bit;
    return 0;
}

static bool listed(const struct str *names, uint32_t count, struct str name)
{
    for (uint32_t i = 0; i < count; i++)
        if (str_eq_nocase(names[i], name))
            return true;
    return false;
}

/* Adds one name to the list under construction. */
static enum err add_name(struct str name, struct str *keywords, struct flag_names *to)
{
    uint64_t bit = flag_bit_find(name);

    if (bit == FLAG_RECENT)
        return ERR_UNSUPPORTED;
    if (bit != 0) {
        to->bits |= bit;
        return OK;
    }
    if (name.len > 1 && name.at[0] == '\\' && flag_keyword_valid(str_skip(name, 1)))
        return ERR_UNSUPPORTED;
    if (!flag_keyword_valid(name))
        return name.len > KEYWORD_BYTES_MAX ? ERR_LIMIT : ERR_SYNTAX;
    if (!listed(keywords, to->count, name))
        keywords[to->count++] = name;
    return OK;
}

/* flag-list = "(" [flag *(SP flag)] ")"   (RFC 3501 9); STORE also takes it without parentheses. */
enum err flag_names_parse(struct arena *mem, struct str text, struct flag_names *ret)
{
    struct flag_names got = { 0 };
    struct str *keywords = ARENA_ARRAY(mem, struct str, FLAG_NAMES_MAX);
    enum err e;

    if (str_starts(text, STR("("))) {
        if (text.len < 2 || !str_ends(text, STR(")")))
            return ERR_SYNTAX;
        text = str_sub(text, 1, text.len - 2);
    }
    for (uint32_t seen = 1; text.len != 0; seen++) {
        size_t space = str_find_char(text, ' ');

        if (seen > FLAG_NAMES_MAX)
            return ERR_LIMIT;
        if ((e = add_name(str_take(text, space), keywords, &got)) != OK)
            return e;
        if (space != STR_NOT_FOUND && space + 1 == text.len)
            return ERR_SYNTAX;
        text = space == STR_NOT_FOUND ? STR_EMPTY : str_skip(text, space + 1);
    }
    got.keywords = keywords;
    *ret = got;
    return OK;
}

void flag_names_encode(const struct flag_names *f, struct buf *out)
{
    put_varint(out, f->bits);
    put_varint(out, f->count);
    for (uint32_t i = 0; i < f->count; i++)
        put_str(out, f->keywords[i]);
}

enum err flag_names_decode(struct arena *mem, struct reader *r, struct flag_names *ret)
{
    struct flag_names got = { .bits = get_varint(r) };
    uint32_t count = get_varint32(r);

    if (count > FLAG_NAMES_MAX || (got.bits & ~(uint64_t)FLAGS_KNOWN) != 0)
        r->bad = true;
    if (r->bad)
        return ERR_CORRUPT;

    struct str *keywords = ARENA_ARRAY(mem, struct str, count);

    for (got.count = 0; got.count < count; got.count++) {
        keywords[got.count] = get_str(r);
        if (r->bad || !flag_keyword_valid(keywords[got.count])) {
            r->bad = true;
            return ERR_CORRUPT;
        }
    }
    got.keywords = keywords;
    *ret = got;
    return OK;
}

void keyword_list_deinit(struct keyword_list *k)
{
    for (uint32_t i = 0; i < k->count; i++)
        free((char *)(uintptr_t)k->names[i].at);
    *k = (struct keyword_list){ 0 };
}

uint64_t keyword_bit_find(const struct keyword_list *k, struct str name)
{
    uint64_t bit = flag_bit_find(name);

    for (uint32_t i = 0; bit == 0 && i < k->count; i++)
        if (str_eq_nocase(k->names[i], name))
            bit = (uint64_t)1 << (KEYWORD_FIRST_BIT + i);
    return bit;
}

enum err keyword_bit_add(struct keyword_list *k, struct str name, uint64_t *ret)
{
    uint64_t bit = keyword_bit_find(k, name);

    if (bit == 0) {
        if (!flag_keyword_valid(name))
            return ERR_SYNTAX;
        if (k->count == KEYWORDS_MAX)
            return ERR_LIMIT;

        char *copy = malloc(name.len);
        if (copy == NULL)
            BUG("out of memory");
        memcpy(copy, name.at, name.len);
        bit = (uint64_t)1 << (KEYWORD_FIRST_BIT + k->count);
        k->names[k->count++] = str_from(copy, name.len);
    }
    *ret = bit;
    return OK;
}

uint64_t flags_resolve(const struct keyword_list *k, const struct flag_names *names)
{
    uint64_t bits = names->bits;

    for (uint32_t i = 0; i < names->count; i++)
        bits |= keyword_bit_find(k, names->keywords[i]);
    return bits;
}

enum err flags_resolve_add(struct keyword_list *k, const struct flag_names *names, uint64_t *ret)
{
    uint64_t bits = names->bits, bit;
    uint32_t missing = 0;
    enum err e;

    /* Counted first, so that a list which cannot take all takes none. */
    for (uint32_t i = 0; i < names->count; i++)
        if (keyword_bit_find(k, names->keywords[i]) == 0)
            missing++;
    if (missing > KEYWORDS_MAX - k->count)
        return ERR_LIMIT;
    for (uint32_t i = 0; i < names->count; i++) {
        if ((e = keyword_bit_add(k, names->keywords[i], &bit)) != OK)
            return e;
        bits |= bit;
    }
    *ret = bits;
    return OK;
}

struct str flag_name(uint64_t bit, const struct keyword_list *k)
{
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (fixed[i].bit == bit)
            return fixed[i].name;
    for (uint32_t i = 0; k != NULL && i < k->count; i++)
        if ((uint64_t)1 << (KEYWORD_FIRST_BIT + i) == bit)
            return k->names[i];
    return STR_EMPTY;
}

void flags_format(uint64_t bits, const struct keyword_list *k, struct buf *out)
{
    bool first = true;

    buf_add_char(out, '(');
    for (; bits != 0; bits &= bits - 1) {
        struct str name = flag_name(bits & -bits, k);

        if (str_empty(name))
            continue;
        if (!first)
            buf_add_char(out, ' ');
        buf_add(out, name);
        first = false;
    }
    buf_add_char(out, ')');
}

void keyword_list_encode(const struct keyword_list *k, struct buf *out)
{
    put_varint(out, k->count);
    for (uint32_t i = 0; i < k->count; i++)
        put_str(out, k->names[i]);
}

enum err keyword_list_decode(struct reader *r, struct keyword_list *ret)
{
    struct keyword_list got = { 0 };
    uint32_t count = get_varint32(r);
    uint64_t bit;

    if (count > KEYWORDS_MAX)
        r->bad = true;
    for (uint32_t i = 0; i < count && !r->bad; i++) {
        struct str name = get_str(r);

        /* A name twice, or one with a fixed bit, would give two names one meaning. */
        if (r->bad || keyword_bit_find(&got, name) != 0 || keyword_bit_add(&got, name, &bit) != OK)
            r->bad = true;
    }
    if (r->bad) {
        keyword_list_deinit(&got);
        return ERR_CORRUPT;
    }
    keyword_list_deinit(ret);
    *ret = got;
    return OK;
}
