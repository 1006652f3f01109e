/* message/record/record_codec.c - texts of a structure record. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/record_codec.h"

enum { LOOK_ESCAPE = 1, LOOK_HIGH = 2, LOOK_DROP = 4 };

/* What one octet means to a text. */
static const uint8_t look[256] = {
    ['\0'] = LOOK_DROP,  ['\r'] = LOOK_DROP,   ['\n'] = LOOK_DROP,
    ['"'] = LOOK_ESCAPE, ['\\'] = LOOK_ESCAPE, [0x80 ... 0xff] = LOOK_HIGH,
};

static uint8_t look_at(struct str s)
{
    uint8_t seen = 0;

    for (size_t i = 0; i < s.len; i++)
        seen |= look[(uint8_t)s.at[i]];
    return seen;
}

static struct str trim(struct str s)
{
    while (s.len != 0 &&
           (s.at[0] == ' ' || s.at[0] == '\t' || (look[(uint8_t)s.at[0]] & LOOK_DROP)))
        s = str_skip(s, 1);
    while (s.len != 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t' ||
                          (look[(uint8_t)s.at[s.len - 1]] & LOOK_DROP)))
        s.len--;
    return s;
}

/* Only text that is folded, or has NULs, comes here. */
static void add_kept(struct buf *b, struct str s)
{
    char *to = buf_reserve(b, s.len);

    if (to == NULL)
        return;
    for (size_t i = 0; i < s.len; i++)
        if ((look[(uint8_t)s.at[i]] & LOOK_DROP) == 0) {
            *to++ = s.at[i];
            b->len++;
        }
}

static size_t count_kept(struct str s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s.len; i++)
        kept += (look[(uint8_t)s.at[i]] & LOOK_DROP) == 0;
    return kept;
}

void put_text(struct buf *b, struct str s)
{
    if (s.at == NULL) {
        put_u8(b, TEXT_NIL);
        return;
    }
    s = trim(s);

    uint8_t seen = look_at(s);
    bool drop = (seen & LOOK_DROP) != 0;
    enum text_class class = (seen & LOOK_HIGH) != 0     ? TEXT_LITERAL
                            : (seen & LOOK_ESCAPE) != 0 ? TEXT_ESCAPE
                                                        : TEXT_PLAIN;

    put_varint(b, (uint64_t)(drop ? count_kept(s) : s.len) << 2 | class);
    if (drop)
        add_kept(b, s);
    else
        buf_add(b, s);
}

struct str get_text(struct reader *r, enum text_class *ret_class)
{
    uint64_t head;

    /* Most texts are short: one octet of head. */
    if (!r->bad && r->rest.len != 0 && (r->rest.at[0] & 0x80) == 0) {
        head = (uint8_t)r->rest.at[0];
        r->rest.at++;
        r->rest.len--;
    } else {
        head = get_varint(r);
    }
    *ret_class = (enum text_class)(head & 3);
    if (*ret_class == TEXT_NIL && head != 0)
        r->bad = true;
    if (*ret_class == TEXT_NIL || r->bad || head >> 2 > r->rest.len) {
        r->bad = r->bad || *ret_class != TEXT_NIL;
        *ret_class = TEXT_NIL;
        return (struct str){ NULL, 0 };
    }

    struct str s = { r->rest.at, (size_t)(head >> 2) };

    r->rest.at += s.len;
    r->rest.len -= s.len;
    return s;
}
