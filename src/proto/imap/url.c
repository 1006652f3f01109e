/* proto/imap/url.c - IMAP URLs: split at what may not stand in a value, then decoded. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/url.h"

#include "base/utf8.h"
#include "proto/imap/command.h"

static int hex(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* bchar = achar / ":" / "@" / "/" (RFC 5092 11): what stands for itself, and "%" with two digits.
 * Blanks, quotes, brackets and 8-bit octets must be written with "%". */
static bool is_plain(char c)
{
    return ascii_is_digit(c) || ascii_is_alpha(c) ||
           (c != '\0' && strchr("-._~!$'()*+,&=:@/", c) != NULL);
}

static enum err decode(struct arena *mem, struct str text, struct str *ret)
{
    char *at = arena_alloc(mem, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '%') {
            if (!is_plain(text.at[i]))
                return ERR_SYNTAX;
            at[len++] = text.at[i];
            continue;
        }
        int high = i + 2 < text.len ? hex(text.at[i + 1]) : -1;
        int low = i + 2 < text.len ? hex(text.at[i + 2]) : -1;

        if (high < 0 || low < 0 || high + low == 0)
            return ERR_SYNTAX;
        at[len++] = (char)(high * 16 + low);
        i += 2;
    }
    *ret = str_from(at, len);
    return OK;
}

/* ---- parameters ---- */

/* Takes ";NAME=value" or "/;NAME=value" off the front; the value ends before the next one. */
static bool take_param(struct str *rest, struct str name, struct str *ret)
{
    struct str r = str_starts(*rest, STR("/;")) ? str_skip(*rest, 1) : *rest;
    size_t end;

    if (!str_starts(r, STR(";")) || !str_starts_nocase(str_skip(r, 1), name) ||
        !str_starts(str_skip(r, 1 + name.len), STR("=")))
        return false;
    r = str_skip(r, name.len + 2);
    end = str_find_char(r, ';');
    end = end == STR_NOT_FOUND ? r.len : end;
    *rest = str_skip(r, end);
    r = str_take(r, end);
    if (rest->len > 0 && str_ends(r, STR("/"))) {
        *rest = (struct str){ rest->at - 1, rest->len + 1 };
        r.len--;
    }
    *ret = r;
    return true;
}

static enum err nz_number(struct str text, uint32_t *ret)
{
    return str_to_u32(text, ret) && *ret > 0 ? OK : ERR_SYNTAX;
}

static enum err parse_section(struct arena *mem, const struct scan_limits *limits, struct str text,
                              struct imap_url *u)
{
    struct scan s = { .mem = mem, .limits = limits };
    enum err e = decode(mem, text, &s.rest);

    if (e != OK)
        return e;
    scan_section(&s, &u->section, &u->fields);
    scan_end(&s);
    return scan_ok(&s) ? OK : ERR_SYNTAX;
}

/* partial-range = number ["." nz-number] */
static enum err parse_partial(struct str text, struct imap_url *u)
{
    size_t dot = str_find_char(text, '.');
    uint64_t max = (uint64_t)INT64_MAX;

    if (!str_to_u64(str_take(text, dot == STR_NOT_FOUND ? text.len : dot), max, &u->from))
        return ERR_SYNTAX;
    if (dot == STR_NOT_FOUND)
        return OK;
    return str_to_u64(str_skip(text, dot + 1), max, &u->count) && u->count > 0 ? OK : ERR_SYNTAX;
}

/* ---- the mailbox ---- */

static enum err parse_mailbox(struct arena *mem, const struct scan_limits *limits, struct str text,
                              struct imap_url *u)
{
    bool absolute = str_starts(text, STR("/"));
    enum err e;

    u->here = text.len == 0;
    if (u->here)
        return OK;
    text = str_skip(text, absolute ? 1 : 0);
    if (text.len == 0 || str_starts(text, STR("/")))
        return ERR_SYNTAX; /* "//server/..." is another place */
    if (!absolute && str_find_char(str_take(text, str_find_char(text, '/')), ':') != STR_NOT_FOUND)
        return ERR_SYNTAX; /* a scheme */
    if ((e = decode(mem, text, &u->mailbox)) != OK)
        return e;
    if (!utf8_valid(u->mailbox))
        return ERR_SYNTAX;
    if (u->mailbox.len > limits->name_bytes_max)
        return ERR_LIMIT;
    u->mailbox = scan_canonical_name(mem, u->mailbox);
    return OK;
}

enum err imap_url_parse(struct arena *mem, const struct scan_limits *limits, struct str text,
                        struct imap_url *ret)
{
    struct imap_url u = { .count = UINT64_MAX };
    size_t semicolon = str_find_char(text, ';');
    struct str name, rest, value;
    enum err e;

    if (semicolon == STR_NOT_FOUND)
        return ERR_SYNTAX; /* no message is named */
    name = str_take(text, semicolon);
    rest = str_skip(text, semicolon);
    if (str_ends(name, STR("/"))) {
        if (name.len == 1)
            return ERR_SYNTAX;
        name.len--;
    }
    if ((e = parse_mailbox(mem, limits, name, &u)) != OK)
        return e;
    if (take_param(&rest, STR("UIDVALIDITY"), &value) &&
        (e = nz_number(value, &u.uidvalidity)) != OK)
        return e;
    if (!take_param(&rest, STR("UID"), &value))
        return ERR_SYNTAX;
    if ((e = nz_number(value, &u.uid)) != OK)
        return e;
    if (take_param(&rest, STR("SECTION"), &value) &&
        (e = parse_section(mem, limits, value, &u)) != OK)
        return e;
    if (take_param(&rest, STR("PARTIAL"), &value) && (e = parse_partial(value, &u)) != OK)
        return e;
    if (rest.len > 0)
        return ERR_SYNTAX;
    *ret = u;
    return OK;
}
