/* message/coding/charset.c - the fast paths, and ICU behind them.
 *
 * Nearly all text that passes here is ASCII or UTF-8 already, so that is looked at first and costs
 * one scan. Everything else goes through one ICU converter into UTF-16 in small steps and from
 * there to UTF-8 by hand, so that no buffer is sized by guessing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/coding/charset.h"

#include <unicode/uchar.h>
#include <unicode/ucnv.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/utf8.h"

enum { WIDE_STEP = 512 };

struct charset_stream {
    UConverter *converter;
    UChar high; /* first half of a surrogate pair that the last chunk ended with, or 0 */
};

/* Opens ICU's converter for a name that comes from a peer. */
static UConverter *open_converter(struct str charset)
{
    char name[CHARSET_NAME_BYTES_MAX + 1];
    UErrorCode status = U_ZERO_ERROR;

    if (charset.len == 0 || charset.len > CHARSET_NAME_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < charset.len; i++) {
        /* ICU gives "," and a space meanings of its own (options, locale). */
        if (charset.at[i] <= ' ' || charset.at[i] == ',' || (unsigned char)charset.at[i] >= 0x7F)
            return NULL;
        name[i] = charset.at[i];
    }
    name[charset.len] = '\0';

    UConverter *converter = ucnv_open(name, &status);
    return U_SUCCESS(status) ? converter : NULL;
}

static bool is_high(UChar c)
{
    return (c & 0xFC00) == 0xD800;
}

static bool is_low(UChar c)
{
    return (c & 0xFC00) == 0xDC00;
}

/* Adds UTF-16 to `out`; a pair may be split between calls, then its first half waits in *high. */
static void add_wide(struct buf *out, UChar *high, const UChar *wide, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        UChar c = wide[i];

        if (*high != 0 && is_low(c)) {
            utf8_add(out, 0x10000u + (((uint32_t)*high - 0xD800u) << 10) + (c - 0xDC00u));
            *high = 0;
            continue;
        }
        if (*high != 0)
            utf8_add(out, UTF8_REPLACEMENT);
        *high = 0;
        if (is_high(c))
            *high = c;
        else if (is_low(c))
            utf8_add(out, UTF8_REPLACEMENT);
        else
            utf8_add(out, c);
    }
}

enum err charset_stream_new(struct str charset, struct charset_stream **ret)
{
    struct str name = charset.len == 0 || str_eq_nocase(charset, STR("us-ascii")) ||
                              str_eq_nocase(charset, STR("iso-8859-1"))
                          ? STR("windows-1252")
                          : charset;
    UConverter *converter = open_converter(name);

    if (converter == NULL)
        return ERR_UNSUPPORTED;

    struct charset_stream *s = calloc(1, sizeof(*s));
    if (s == NULL)
        BUG("out of memory");
    s->converter = converter;
    *ret = s;
    return OK;
}

void charset_stream_feed(struct charset_stream *s, struct str chunk, bool last, struct buf *out)
{
    const char *from = chunk.at, *end = chunk.at + chunk.len;
    UErrorCode status;

    /* ICU substitutes U+FFFD for what it cannot read, so the only error is a full `wide`. */
    do {
        UChar wide[WIDE_STEP], *to = wide;

        status = U_ZERO_ERROR;
        ucnv_toUnicode(s->converter, &to, wide + WIDE_STEP, &from, end, NULL, last, &status);
        add_wide(out, &s->high, wide, (size_t)(to - wide));
    } while (status == U_BUFFER_OVERFLOW_ERROR);
    if (last && s->high != 0) {
        utf8_add(out, UTF8_REPLACEMENT);
        s->high = 0;
    }
}

void charset_stream_free(struct charset_stream *s)
{
    if (s == NULL)
        return;
    ucnv_close(s->converter);
    free(s);
}

static enum err convert(struct arena *mem, struct str charset, struct str text, struct str *ret)
{
    struct charset_stream *s;
    struct buf out = { .at = NULL };
    enum err e = charset_stream_new(charset, &s);

    if (e != OK)
        return e;
    charset_stream_feed(s, text, true, &out);
    charset_stream_free(s);
    *ret = arena_copy(mem, buf_str(&out));
    buf_deinit(&out);
    return OK;
}

static bool is_ascii_family(struct str charset)
{
    static const struct str names[] = {
        STR_INIT("us-ascii"),   STR_INIT("utf-8"),        STR_INIT("utf8"),
        STR_INIT("iso-8859-1"), STR_INIT("windows-1252"), STR_INIT("ascii"),
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(charset, names[i]))
            return true;
    return charset.len == 0;
}

enum err charset_to_utf8(struct arena *mem, struct str charset, struct str text, struct str *ret)
{
    bool family = is_ascii_family(charset);

    if (family && utf8_is_ascii(text)) {
        *ret = text;
        return OK;
    }
    if (str_eq_nocase(charset, STR("utf-8")) || str_eq_nocase(charset, STR("utf8"))) {
        *ret = utf8_repair(mem, text);
        return OK;
    }
    if ((charset.len == 0 || str_eq_nocase(charset, STR("us-ascii")) ||
         str_eq_nocase(charset, STR("ascii"))) &&
        utf8_valid(text)) {
        *ret = text;
        return OK;
    }
    return convert(mem, str_eq_nocase(charset, STR("ascii")) ? STR_EMPTY : charset, text, ret);
}

bool charset_is_known(struct str charset)
{
    if (is_ascii_family(charset))
        return true;

    UConverter *converter = open_converter(charset);
    if (converter == NULL)
        return false;
    ucnv_close(converter);
    return true;
}

/* UTF-8 to UTF-16 in `mem`; `s` is well-formed, and UTF-16 never has more units than UTF-8 octets.
 * False when it is too long for ICU's 32-bit lengths with room for growth by folding. */
static bool widen(struct arena *mem, struct str s, UChar **ret, int32_t *ret_len)
{
    UErrorCode status = U_ZERO_ERROR;

    if (s.len > INT32_MAX / 8)
        return false;
    *ret = ARENA_ARRAY(mem, UChar, s.len + 1);
    u_strFromUTF8(*ret, (int32_t)s.len + 1, ret_len, s.at, (int32_t)s.len, &status);
    return U_SUCCESS(status);
}

static struct str narrow(struct arena *mem, const UChar *wide, int32_t len)
{
    struct buf out = { .at = NULL };
    UChar high = 0;

    add_wide(&out, &high, wide, (size_t)len);
    struct str made = arena_copy(mem, buf_str(&out));
    buf_deinit(&out);
    return made;
}

/* NFC of `wide` into `mem`. One unit of text becomes at most three in NFC (UAX 15 14). */
static bool compose(struct arena *mem, const UChar *wide, int32_t len, UChar **ret,
                    int32_t *ret_len)
{
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);

    if (U_FAILURE(status))
        return false;
    *ret = ARENA_ARRAY(mem, UChar, (size_t)len * 3 + 1);
    *ret_len = unorm2_normalize(nfc, wide, len, *ret, len * 3 + 1, &status);
    return U_SUCCESS(status);
}

struct str text_nfc(struct arena *mem, struct str s)
{
    UChar *wide, *made;
    int32_t len, made_len;

    if (utf8_is_ascii(s))
        return s;

    SCRATCH(tmp, mem);
    struct str clean = utf8_repair(mem, s);
    if (!widen(tmp, clean, &wide, &len) || !compose(tmp, wide, len, &made, &made_len))
        return clean;
    return narrow(mem, made, made_len);
}

static struct str fold_ascii(struct arena *mem, struct str s)
{
    size_t i = 0;

    while (i < s.len && !(s.at[i] >= 'A' && s.at[i] <= 'Z'))
        i++;
    if (i == s.len)
        return s;

    char *out = arena_alloc(mem, s.len);
    for (i = 0; i < s.len; i++)
        out[i] = ascii_lower(s.at[i]);
    return str_from(out, s.len);
}

struct str text_fold_case(struct arena *mem, struct str s)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar *wide, *folded, *made;
    int32_t len, made_len;

    if (utf8_is_ascii(s))
        return fold_ascii(mem, s);

    SCRATCH(tmp, mem);
    struct str clean = utf8_repair(mem, s);
    if (!widen(tmp, clean, &wide, &len))
        return clean;
    /* Full folding turns one unit into at most three (U+0390). */
    folded = ARENA_ARRAY(tmp, UChar, (size_t)len * 3 + 1);
    len = u_strFoldCase(folded, len * 3 + 1, wide, len, U_FOLD_CASE_DEFAULT, &status);
    if (U_FAILURE(status) || len > INT32_MAX / 4 || !compose(tmp, folded, len, &made, &made_len))
        return clean;
    return narrow(mem, made, made_len);
}

static struct str upper_ascii(struct arena *mem, struct str s)
{
    size_t i = 0;

    while (i < s.len && !(s.at[i] >= 'a' && s.at[i] <= 'z'))
        i++;
    if (i == s.len)
        return s;

    char *out = arena_alloc(mem, s.len);
    for (i = 0; i < s.len; i++)
        out[i] = s.at[i] >= 'a' && s.at[i] <= 'z' ? (char)(s.at[i] - 'a' + 'A') : s.at[i];
    return str_from(out, s.len);
}

/* The simple mapping of one character to one, as RFC 5051 2 asks, into UTF-16. */
static int32_t to_title(struct str s, UChar *out)
{
    int32_t made = 0;
    uint32_t c;

    while (s.len > 0) {
        (void)utf8_next(&s, &c);
        c = (uint32_t)u_totitle((UChar32)c);
        if (c >= 0x10000u) {
            out[made++] = (UChar)(0xD7C0u + (c >> 10));
            c = 0xDC00u | (c & 0x3FFu);
        }
        out[made++] = (UChar)c;
    }
    return made;
}

struct str text_casemap(struct arena *mem, struct str s)
{
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *nfkd;
    UChar *title, *made;
    int32_t len, cap;

    if (utf8_is_ascii(s))
        return upper_ascii(mem, s);

    SCRATCH(tmp, mem);
    struct str clean = utf8_repair(mem, s);
    nfkd = unorm2_getNFKDInstance(&status);
    if (U_FAILURE(status) || clean.len > INT32_MAX / 8)
        return clean;
    title = ARENA_ARRAY(tmp, UChar, clean.len + 1);
    len = to_title(clean, title);
    cap = unorm2_normalize(nfkd, title, len, NULL, 0, &status);
    if (status != U_BUFFER_OVERFLOW_ERROR && U_FAILURE(status))
        return clean;
    status = U_ZERO_ERROR;
    made = ARENA_ARRAY(tmp, UChar, (size_t)cap + 1);
    len = unorm2_normalize(nfkd, title, len, made, cap + 1, &status);
    return U_FAILURE(status) ? clean : narrow(mem, made, len);
}
