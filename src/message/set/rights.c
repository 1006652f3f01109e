/* message/set/rights.c - letters and bits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/rights.h"

#include "message/set/flags.h"

static const struct {
    char letter;
    uint32_t bits;
} rows[] = {
#define RIGHT_ROW(name, bit, letter) { letter, 1u << (bit) },
    RIGHT_ROWS(RIGHT_ROW)
#undef RIGHT_ROW
    /* The virtual ones (RFC 4314 2.1.1), whose members are not tied together. */
    { 'c', RIGHT_CREATE | RIGHT_REMOVE },
    { 'd', RIGHT_TRASH | RIGHT_EXPUNGE },
};

enum err rights_parse(struct str text, uint32_t *ret)
{
    uint32_t rights = 0;

    for (size_t i = 0; i < text.len; i++) {
        size_t at = 0;

        while (at < ARRAY_LEN(rows) && rows[at].letter != text.at[i])
            at++;
        if (at == ARRAY_LEN(rows))
            return ERR_SYNTAX;
        rights |= rows[at].bits;
    }
    *ret = rights;
    return OK;
}

enum err rights_change_parse(struct str text, struct rights_change *ret)
{
    struct rights_change change = { .op = RIGHTS_SET };
    enum err e;

    if (str_starts(text, STR("+")))
        change.op = RIGHTS_ADD;
    else if (str_starts(text, STR("-")))
        change.op = RIGHTS_REMOVE;
    e = rights_parse(str_skip(text, change.op == RIGHTS_SET ? 0 : 1), &change.rights);
    if (e == OK)
        *ret = change;
    return e;
}

uint32_t rights_changed(uint32_t before, struct rights_change change)
{
    switch (change.op) {
    case RIGHTS_SET:
        return change.rights;
    case RIGHTS_ADD:
        return before | change.rights;
    case RIGHTS_REMOVE:
        return before & ~change.rights;
    }
    BUG("no such operation on rights");
}

void rights_format(uint32_t rights, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if ((rights & rows[i].bits) != 0)
            buf_add_char(out, rows[i].letter);
}

uint64_t rights_flags(uint32_t rights)
{
    const uint64_t others = (uint64_t)FLAG_SEEN | FLAG_DELETED | FLAG_RECENT;

    return ((rights & RIGHT_SEEN) != 0 ? (uint64_t)FLAG_SEEN : 0) |
           ((rights & RIGHT_TRASH) != 0 ? (uint64_t)FLAG_DELETED : 0) |
           ((rights & RIGHT_WRITE) != 0 ? ~others : 0);
}
