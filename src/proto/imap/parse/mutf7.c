/* proto/imap/parse/mutf7.c - modified UTF-7. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/parse/mutf7.h"

#include "base/utf8.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == ',' ? 63 : -1;
}

/* One UTF-16 unit of a shifted run. A high surrogate waits in *high for its low one; printable
 * US-ASCII may not be shifted at all. Returns the octets written, or -1. */
static int put_unit(char *out, uint32_t unit, uint32_t *high)
{
    if (*high != 0) {
        if (unit < 0xdc00 || unit > 0xdfff)
            return -1;

        uint32_t rune = 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00);
        *high = 0;
        return (int)utf8_put(rune, out);
    }
    if (unit >= 0xd800 && unit <= 0xdbff) {
        *high = unit;
        return 0;
    }
    if ((unit >= 0xdc00 && unit <= 0xdfff) || (unit >= 0x20 && unit <= 0x7e) || unit == 0)
        return -1;
    return (int)utf8_put(unit, out);
}

/* Decodes the run behind "&" up to its "-". Returns the octets of `wire` used, "-" included, or 0;
 * three digits make at least one unit of at most three octets, so `out` never overflows. */
static size_t decode_run(struct str wire, char *out, size_t *made)
{
    uint32_t bits = 0, high = 0;
    unsigned have = 0;
    size_t i = 0;
    int value, wrote;

    for (; i < wire.len && (value = digit_value(wire.at[i])) >= 0; i++) {
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have < 16)
            continue;
        have -= 16;
        if ((wrote = put_unit(out + *made, bits >> have & 0xffff, &high)) < 0)
            return 0;
        *made += (size_t)wrote;
        bits &= (1U << have) - 1;
    }
    if (i == wire.len || wire.at[i] != '-' || high != 0 || have >= 6 || bits != 0)
        return 0;
    return i + 1;
}

bool mutf7_decode(struct arena *mem, struct str wire, struct str *ret)
{
    /* Only "&" needs work; most names are copied nowhere. */
    bool shifted = false;

    for (size_t i = 0; i < wire.len; i++) {
        if (wire.at[i] < 0x20 || wire.at[i] > 0x7e)
            return false;
        shifted |= wire.at[i] == '&';
    }
    if (!shifted) {
        *ret = wire;
        return true;
    }

    char *out = arena_alloc(mem, wire.len * 2 + 4);
    size_t made = 0;
    bool after_run = false;

    for (size_t i = 0; i < wire.len;) {
        if (wire.at[i] != '&') {
            out[made++] = wire.at[i++];
            after_run = false;
        } else if (i + 1 < wire.len && wire.at[i + 1] == '-') {
            out[made++] = '&';
            i += 2;
            after_run = false;
        } else {
            size_t used = after_run ? 0 : decode_run(str_skip(wire, i + 1), out, &made);

            if (used == 0)
                return false;
            i += 1 + used;
            after_run = true;
        }
    }
    *ret = str_from(out, made);
    return true;
}

struct run {
    uint32_t bits;
    unsigned have;
};

static void put_bits(struct buf *out, struct run *run, uint32_t unit)
{
    run->bits = run->bits << 16 | unit;
    run->have += 16;
    while (run->have >= 6) {
        run->have -= 6;
        buf_add_char(out, digits[run->bits >> run->have & 0x3f]);
    }
    run->bits &= (1U << run->have) - 1;
}

static void end_run(struct buf *out, struct run *run)
{
    if (run->have > 0)
        buf_add_char(out, digits[run->bits << (6 - run->have) & 0x3f]);
    buf_add_char(out, '-');
    *run = (struct run){ 0 };
}

void mutf7_encode(struct buf *out, struct str name)
{
    struct run run = { 0 };
    bool in_run = false;

    while (name.len > 0) {
        uint32_t rune;

        (void)utf8_next(&name, &rune);
        bool plain = rune >= 0x20 && rune <= 0x7e;

        if (in_run && plain)
            end_run(out, &run);
        else if (!in_run && !plain)
            buf_add_char(out, '&');
        in_run = !plain;
        if (plain) {
            buf_add_char(out, (char)rune);
            if (rune == '&')
                buf_add_char(out, '-');
        } else if (rune >= 0x10000) {
            put_bits(out, &run, 0xd800 + ((rune - 0x10000) >> 10));
            put_bits(out, &run, 0xdc00 + ((rune - 0x10000) & 0x3ff));
        } else {
            put_bits(out, &run, rune);
        }
    }
    if (in_run)
        end_run(out, &run);
}
