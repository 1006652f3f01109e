/* proto/smtp/param.c - esmtp-param and xtext. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/param.h"

/* esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-") */
static bool keyword_ok(struct str s)
{
    if (s.len == 0 || s.at[0] == '-')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alpha(s.at[i]) && !ascii_is_digit(s.at[i]) && s.at[i] != '-')
            return false;
    return true;
}

/* esmtp-value = 1*(%d33-60 / %d62-126), and UTF-8 by RFC 6531 3.3. "=" is refused in the value, for
 * a second one shows that the first was misunderstood. */
static bool value_ok(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] <= ' ' || s.at[i] == '=' || s.at[i] == 0x7F)
            return false;
    return s.len > 0;
}

enum err esmtp_param_next(struct str *rest, struct esmtp_param *ret, bool *ret_end)
{
    struct str word;
    size_t equals;

    *rest = str_trim(*rest);
    *ret_end = rest->len == 0;
    if (*ret_end)
        return OK;

    word = str_split(rest, ' ');
    equals = str_find_char(word, '=');
    *ret = (struct esmtp_param){ .keyword = str_take(word, equals),
                                 .has_value = equals != STR_NOT_FOUND,
                                 .value = STR_EMPTY };
    if (ret->has_value) {
        ret->value = str_skip(word, equals + 1);
        if (!value_ok(ret->value))
            return ERR_SYNTAX;
    }
    return keyword_ok(ret->keyword) ? OK : ERR_SYNTAX;
}

static int hex_digit(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool xtext_valid(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '!' || s.at[i] > '~' || s.at[i] == '=')
            return false;
        if (s.at[i] != '+')
            continue;
        if (i + 2 >= s.len || hex_digit(s.at[i + 1]) < 0 || hex_digit(s.at[i + 2]) < 0)
            return false;

        int octet = hex_digit(s.at[i + 1]) * 16 + hex_digit(s.at[i + 2]);
        if (octet < ' ' || octet > '~')
            return false;
        i += 2;
    }
    return s.len > 0;
}

struct str xtext_decode(struct arena *mem, struct str s)
{
    char *to = arena_alloc(mem, s.len);
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '+' && i + 2 < s.len) {
            to[len++] = (char)(hex_digit(s.at[i + 1]) * 16 + hex_digit(s.at[i + 2]));
            i += 2;
        } else {
            to[len++] = s.at[i];
        }
    }
    return str_from(to, len);
}

struct str xtext_encode(struct arena *mem, struct str octets)
{
    static const char digits[] = "0123456789ABCDEF";
    char *to = arena_alloc_array(mem, octets.len, 3);
    size_t len = 0;

    for (size_t i = 0; i < octets.len; i++) {
        unsigned char c = (unsigned char)octets.at[i];

        if (c >= '!' && c <= '~' && c != '+' && c != '=') {
            to[len++] = (char)c;
            continue;
        }
        to[len++] = '+';
        to[len++] = digits[c >> 4];
        to[len++] = digits[c & 15];
    }
    return str_from(to, len);
}
