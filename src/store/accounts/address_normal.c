/* store/accounts/address_normal.c - the one form in which addresses are kept and compared. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "message/coding/charset.h"
#include "message/text/domain.h"
#include "store/accounts/directory.h"

struct str directory_domain_of(struct str address)
{
    size_t at = str_find_char_last(address, '@');

    return at == STR_NOT_FOUND ? STR_EMPTY : str_skip(address, at + 1);
}

struct str directory_local_of(struct str address)
{
    size_t at = str_find_char_last(address, '@');

    return at == STR_NOT_FOUND ? address : str_take(address, at);
}

/* "bob" in quotes is bob (RFC 5321 4.1.2: both forms are equivalent). */
static struct str without_quotes(struct arena *mem, struct str local)
{
    char *out;
    size_t len = 0;

    if (local.len < 2 || local.at[0] != '"' || local.at[local.len - 1] != '"')
        return local;
    out = arena_alloc(mem, local.len);
    for (size_t i = 1; i + 1 < local.len; i++) {
        if (local.at[i] == '\\' && i + 2 < local.len)
            i++;
        out[len++] = local.at[i];
    }
    return str_from(out, len);
}

/* Full case folding covers ASCII and everything else; it needs NFC again behind it. */
static struct str folded(struct arena *mem, struct str s)
{
    char *out;

    if (!utf8_is_ascii(s))
        return text_nfc(mem, text_fold_case(mem, s));
    out = arena_alloc(mem, s.len + 1);
    for (size_t i = 0; i < s.len; i++)
        out[i] = ascii_lower(s.at[i]);
    return str_from(out, s.len);
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
            return true;
    return false;
}

/* Letters, digits, hyphens, dots and anything beyond ASCII; an address literal in brackets. */
static bool domain_valid(struct str d)
{
    if (d.len == 0 || d.len > 255 || d.at[0] == '.' || d.at[d.len - 1] == '.')
        return false;
    if (d.at[0] == '[')
        return d.at[d.len - 1] == ']';
    for (size_t i = 0; i < d.len; i++) {
        char c = d.at[i];

        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' && c != '.' && c != '_' &&
            (unsigned char)c < 0x80)
            return false;
        if (c == '.' && d.at[i + 1] == '.')
            return false;
    }
    return true;
}

/* Domains are kept in the form that DNS knows; which characters are the same is IDNA's word, not
 * that of case folding. */
static enum err normal_domain(struct arena *mem, struct str domain, struct str *ret)
{
    if (!utf8_is_ascii(domain))
        return domain_to_ascii(mem, domain, ret);
    *ret = folded(mem, domain);
    return OK;
}

enum err directory_normalise(struct arena *mem, struct str address, bool catch_all, struct str *ret)
{
    size_t at = str_find_char_last(address, '@');

    if (at == STR_NOT_FOUND || address.len > ADDRESS_BYTES_MAX || !utf8_valid(address))
        return ERR_SYNTAX;

    struct str local = folded(mem, without_quotes(mem, str_take(address, at)));
    struct str domain;

    if (normal_domain(mem, str_skip(address, at + 1), &domain) != OK ||
        (local.len == 0 && !catch_all) || has_control(local) || !domain_valid(domain))
        return ERR_SYNTAX;
    *ret = arena_printf(mem, "%.*s@%.*s", STR_ARG(local), STR_ARG(domain));
    return ret->len > ADDRESS_BYTES_MAX ? ERR_SYNTAX : OK;
}
