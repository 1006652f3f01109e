/* base/base64.c - base64 and base64url. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static const char standard_letters[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_letters[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum { NOT_A_LETTER = 255 };

/* Writes the letters of `octets` to `out` and returns how many; `out` has room for all. */
static size_t encode(const char *letters, bool pad, struct str octets, char *out)
{
    const unsigned char *in = (const unsigned char *)octets.at;
    size_t made = 0, at = 0;

    for (; octets.len - at >= 3; at += 3) {
        unsigned group = (unsigned)in[at] << 16 | (unsigned)in[at + 1] << 8 | in[at + 2];

        out[made++] = letters[group >> 18];
        out[made++] = letters[group >> 12 & 63];
        out[made++] = letters[group >> 6 & 63];
        out[made++] = letters[group & 63];
    }
    size_t left = octets.len - at;
    if (left == 0)
        return made;

    unsigned group = (unsigned)in[at] << 16 | (left == 2 ? (unsigned)in[at + 1] << 8 : 0);
    out[made++] = letters[group >> 18];
    out[made++] = letters[group >> 12 & 63];
    if (left == 2)
        out[made++] = letters[group >> 6 & 63];
    for (; pad && left < 3; left++)
        out[made++] = '=';
    return made;
}

static size_t encoded_bytes_max(size_t len)
{
    BUG_ON(len > SIZE_MAX / 2);
    return (len + 2) / 3 * 4;
}

static struct str encode_in(struct arena *mem, const char *letters, bool pad, struct str octets)
{
    char *out = arena_alloc(mem, encoded_bytes_max(octets.len) + 1);

    return str_from(out, encode(letters, pad, octets, out));
}

struct str base64_encode(struct arena *mem, struct str octets)
{
    return encode_in(mem, standard_letters, true, octets);
}

struct str base64url_encode(struct arena *mem, struct str octets)
{
    return encode_in(mem, url_letters, false, octets);
}

void base64_add(struct buf *b, struct str octets)
{
    char *out = buf_reserve(b, encoded_bytes_max(octets.len));

    if (out != NULL)
        b->len += encode(standard_letters, true, octets, out);
}

/* The two alphabets differ in the last two letters only. */
static uint8_t letter_value(char c, const char *letters)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    if (c == letters[62])
        return 62;
    return c == letters[63] ? 63 : NOT_A_LETTER;
}

/* Decodes unpadded letters. A last group of one letter carries no whole octet, and bits left over
 * in a last group must be zero (RFC 4648 3.5), or two texts would mean the same octets. */
static enum err decode(struct arena *mem, const char *letters, struct str text, struct str *ret)
{
    if (text.len % 4 == 1)
        return ERR_SYNTAX;

    char *out = arena_alloc(mem, text.len / 4 * 3 + 3);
    size_t made = 0;
    unsigned bits = 0, group = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t value = letter_value(text.at[i], letters);

        if (value == NOT_A_LETTER)
            return ERR_SYNTAX;
        group = (group << 6 | value) & 0xFFFF;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[made++] = (char)(group >> bits & 0xFF);
        }
    }
    if ((group & ((1U << bits) - 1)) != 0)
        return ERR_SYNTAX;

    *ret = str_from(out, made);
    return OK;
}

enum err base64_decode(struct arena *mem, struct str text, struct str *ret)
{
    if (text.len % 4 != 0)
        return ERR_SYNTAX;
    for (int pads = 0; pads < 2 && str_ends(text, STR("=")); pads++)
        text.len--;
    return decode(mem, standard_letters, text, ret);
}

enum err base64url_decode(struct arena *mem, struct str text, struct str *ret)
{
    return decode(mem, url_letters, text, ret);
}
