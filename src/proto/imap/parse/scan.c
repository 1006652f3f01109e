/* proto/imap/parse/scan.c - the tokens of IMAP. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/parse/scan.h"

#include "base/utf8.h"
#include "proto/imap/parse/mutf7.h"

enum {
    ATOM = 1,  /* ATOM-CHAR */
    CLOSE = 2, /* resp-specials: "]" */
    WILD = 4,  /* list-wildcards */
    PLUS = 8,  /* "+", which a tag may not hold */
};

/* RFC 3501 9: ATOM-CHAR is any CHAR except "(" ")" "{" SP CTL "%" "*" DQUOTE "\" "]". */
static unsigned class_of(char ch)
{
    unsigned char c = (unsigned char)ch;

    if (c <= 0x20 || c >= 0x7f)
        return 0;
    switch (c) {
    case '(':
    case ')':
    case '{':
    case '"':
    case '\\':
        return 0;
    case '%':
    case '*':
        return WILD;
    case ']':
        return CLOSE;
    case '+':
        return ATOM | PLUS;
    default:
        return ATOM;
    }
}

void scan_fail(struct scan *s, const char *error)
{
    if (s->error == NULL)
        s->error = error;
}

void scan_refuse(struct scan *s, const char *error)
{
    if (s->error == NULL) {
        s->error = error;
        s->refused = true;
    }
}

bool scan_at_end(const struct scan *s)
{
    return s->error != NULL || s->rest.len == 0;
}

void scan_end(struct scan *s)
{
    if (s->rest.len != 0)
        scan_fail(s, "Unexpected characters after the command's arguments");
}

bool scan_peek(const struct scan *s, char c)
{
    return s->error == NULL && s->rest.len > 0 && s->rest.at[0] == c;
}

bool scan_try(struct scan *s, char c)
{
    if (!scan_peek(s, c))
        return false;
    s->rest = str_skip(s->rest, 1);
    return true;
}

void scan_char(struct scan *s, char c)
{
    if (scan_try(s, c))
        return;
    switch (c) {
    case ' ':
        scan_fail(s, scan_at_end(s) ? "Missing argument" : "Expected a space");
        break;
    case '(':
        scan_fail(s, "Expected an opening parenthesis");
        break;
    case ')':
        scan_fail(s, "Expected a closing parenthesis");
        break;
    default:
        scan_fail(s, "Syntax error");
        break;
    }
}

/* Takes the longest run of octets whose class meets `mask`, without those meeting `except`. */
static struct str take_run(struct scan *s, unsigned mask, unsigned except)
{
    size_t n = 0;

    if (s->error != NULL)
        return STR_EMPTY;
    while (n < s->rest.len) {
        unsigned class = class_of(s->rest.at[n]);

        if ((class & mask) == 0 || (class & except) != 0)
            break;
        n++;
    }

    struct str run = str_take(s->rest, n);
    s->rest = str_skip(s->rest, n);
    return run;
}

bool scan_word(struct scan *s, struct str word)
{
    if (s->error != NULL || !str_starts_nocase(s->rest, word))
        return false;

    struct str after = str_skip(s->rest, word.len);
    /* "BODY[" and "BODY.PEEK[" end at the bracket, which is an ATOM-CHAR. */
    if (after.len > 0 && after.at[0] != '[' && (class_of(after.at[0]) & ATOM) != 0)
        return false;
    s->rest = after;
    return true;
}

struct str scan_tag(struct scan *s)
{
    struct str tag = take_run(s, ATOM | CLOSE, PLUS);

    if (tag.len == 0)
        scan_fail(s, "Missing tag");
    return tag;
}

struct str scan_atom(struct scan *s)
{
    struct str atom = take_run(s, ATOM, 0);

    if (atom.len == 0)
        scan_fail(s, "Expected an atom");
    return atom;
}

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE; a backslash may stand before DQUOTE and "\" only. */
static struct str quoted(struct scan *s)
{
    struct str in = str_skip(s->rest, 1);
    size_t n = 0, escapes = 0;
    bool high = false;

    for (; n < in.len && in.at[n] != '"'; n++) {
        if (in.at[n] == '\\') {
            if (++n == in.len || (in.at[n] != '"' && in.at[n] != '\\')) {
                scan_fail(s, "Bad escape in a quoted string");
                return STR_EMPTY;
            }
            escapes++;
        } else if (in.at[n] == '\r' || in.at[n] == '\n' || in.at[n] == '\0') {
            break;
        }
        high |= (unsigned char)in.at[n] >= 0x80;
    }
    if (n == in.len || in.at[n] != '"') {
        scan_fail(s, "Quoted string without its end");
        return STR_EMPTY;
    }

    struct str raw = str_take(in, n);
    if (high && (!s->utf8 || !utf8_valid(raw))) {
        scan_fail(s, "8-bit characters in a quoted string");
        return STR_EMPTY;
    }
    s->rest = str_skip(in, n + 1);
    if (escapes == 0)
        return raw;

    char *out = arena_alloc(s->mem, n - escapes);
    size_t made = 0;
    for (size_t i = 0; i < n; i++) {
        i += raw.at[i] == '\\';
        out[made++] = raw.at[i];
    }
    return str_from(out, made);
}

/* literal = "{" number ["+"] "}" CRLF *CHAR8. The machine has put the octets behind the line.
 * With `any_octet` it may hold NUL, too. */
static struct str literal_of(struct scan *s, bool any_octet)
{
    struct str in = str_skip(s->rest, 1);
    size_t end = str_find_char(in, '}');
    uint32_t len;

    if (end == STR_NOT_FOUND) {
        scan_fail(s, "Bad literal");
        return STR_EMPTY;
    }

    struct str number = str_take(in, end);
    if (number.len > 0 && number.at[number.len - 1] == '+')
        number.len--;
    struct str after = str_skip(in, end + 1);
    if (!str_to_u32(number, &len) || !str_starts(after, STR("\r\n")) || after.len - 2 < len) {
        scan_fail(s, "Bad literal");
        return STR_EMPTY;
    }

    struct str octets = str_sub(after, 2, len);
    if (!any_octet && str_find_char(octets, '\0') != STR_NOT_FOUND) {
        scan_fail(s, "NUL in a literal");
        return STR_EMPTY;
    }
    s->rest = str_skip(after, 2 + (size_t)len);
    return octets;
}

struct str scan_string(struct scan *s)
{
    if (scan_peek(s, '"'))
        return quoted(s);
    if (scan_peek(s, '{'))
        return literal_of(s, false);
    scan_fail(s, "Expected a string");
    return STR_EMPTY;
}

struct str scan_astring(struct scan *s)
{
    if (scan_peek(s, '"') || scan_peek(s, '{'))
        return scan_string(s);

    struct str atom = take_run(s, ATOM | CLOSE, 0);
    if (atom.len == 0)
        scan_fail(s, scan_at_end(s) ? "Missing argument" : "Expected a string");
    return atom;
}

struct str scan_nstring(struct scan *s, bool *ret_nil)
{
    *ret_nil = scan_word(s, STR("NIL"));
    return *ret_nil ? STR_EMPTY : scan_string(s);
}

struct str scan_nstring8(struct scan *s, bool *ret_nil)
{
    if (!str_starts(s->rest, STR("~{")))
        return scan_nstring(s, ret_nil);
    *ret_nil = false;
    s->rest = str_skip(s->rest, 1);
    return literal_of(s, true);
}

/* Names travel in modified UTF-7; after ENABLE UTF8=ACCEPT they travel in UTF-8. A name that is
 * neither was never created here, so it is refused rather than called bad syntax. */
static struct str decode_name(struct scan *s, struct str wire)
{
    struct str name = wire;

    if (s->error != NULL)
        return STR_EMPTY;
    if (wire.len > (size_t)s->limits->name_bytes_max * 3) {
        scan_refuse(s, "[CANNOT] Mailbox name too long");
        return STR_EMPTY;
    }
    if (s->utf8 ? !utf8_valid(wire) : !mutf7_decode(s->mem, wire, &name)) {
        scan_refuse(s, "[CANNOT] Mailbox name is not valid modified UTF-7");
        return STR_EMPTY;
    }
    if (name.len > s->limits->name_bytes_max) {
        scan_refuse(s, "[CANNOT] Mailbox name too long");
        return STR_EMPTY;
    }
    return name;
}

/* RFC 3501 5.1: INBOX means the same in any case; so do the first letters of a name below it. */
struct str scan_canonical_name(struct arena *mem, struct str name)
{
    struct str after = str_skip(name, 5);

    if (!str_starts_nocase(name, STR("INBOX")) || (after.len > 0 && after.at[0] != '/'))
        return name;
    return arena_join(mem, STR("INBOX"), after);
}

struct str scan_mailbox_written(struct scan *s, struct str *ret_written)
{
    *ret_written = decode_name(s, scan_astring(s));
    return scan_canonical_name(s->mem, *ret_written);
}

struct str scan_mailbox(struct scan *s)
{
    struct str written;

    return scan_mailbox_written(s, &written);
}

struct str scan_list_mailbox(struct scan *s)
{
    if (scan_peek(s, '"') || scan_peek(s, '{'))
        return decode_name(s, scan_string(s));

    struct str pattern = take_run(s, ATOM | CLOSE | WILD, 0);
    if (pattern.len == 0)
        scan_fail(s, scan_at_end(s) ? "Missing argument" : "Expected a mailbox pattern");
    return decode_name(s, pattern);
}

uint64_t scan_number64(struct scan *s)
{
    size_t n = 0;
    uint64_t value = 0;

    if (s->error != NULL)
        return 0;
    while (n < s->rest.len && ascii_is_digit(s->rest.at[n]))
        n++;
    if (!str_to_u64(str_take(s->rest, n), INT64_MAX, &value)) {
        scan_fail(s, n == 0 ? "Expected a number" : "Number too large");
        return 0;
    }
    s->rest = str_skip(s->rest, n);
    return value;
}

uint32_t scan_number(struct scan *s)
{
    uint64_t value = scan_number64(s);

    if (value > UINT32_MAX) {
        scan_fail(s, "Number too large");
        return 0;
    }
    return (uint32_t)value;
}

uint32_t scan_nz_number(struct scan *s)
{
    uint32_t value = scan_number(s);

    if (value == 0)
        scan_fail(s, "Zero is not allowed here");
    return value;
}

static uint32_t seq_number(struct scan *s)
{
    return scan_try(s, '*') ? SET_STAR : scan_nz_number(s);
}

/* Commas of the run that can be a sequence-set, to size its array in one piece. */
static uint32_t count_ranges(struct str s)
{
    uint32_t count = 1;

    for (size_t i = 0; i < s.len && (ascii_is_digit(s.at[i]) ||
                                     str_find_char(STR(",:*"), s.at[i]) != STR_NOT_FOUND);
         i++)
        count += s.at[i] == ',';
    return count;
}

struct imap_set scan_sequence_set(struct scan *s)
{
    struct imap_set set = { 0 };

    if (s->error != NULL)
        return set;
    if (scan_try(s, '$')) {
        set.saved = true;
        return set;
    }

    uint32_t count = count_ranges(s->rest);
    if (count > s->limits->set_ranges_max) {
        scan_refuse(s, "[LIMIT] Too many ranges in the sequence set");
        return set;
    }
    set.at = ARENA_ARRAY(s->mem, struct set_range, count);
    do {
        struct set_range *r = &set.at[set.count++];

        r->first = seq_number(s);
        r->last = scan_try(s, ':') ? seq_number(s) : r->first;
    } while (scan_try(s, ','));
    return set;
}

struct str scan_flag(struct scan *s)
{
    struct str from = s->rest;
    bool system = scan_try(s, '\\');
    struct str atom = scan_atom(s);

    if (s->error != NULL)
        return STR_EMPTY;
    return system ? str_take(from, atom.len + 1) : atom;
}

/* Items separated by single spaces up to `end` (0: the end of the text), read by `one`. */
static struct str_list read_list(struct scan *s, uint32_t max, struct str (*one)(struct scan *))
{
    enum { ROOM_FIRST = 8 };
    struct str_list list = { ARENA_ARRAY(s->mem, struct str, ROOM_FIRST), 0 };
    uint32_t room = ROOM_FIRST;

    do {
        if (list.count == max) {
            scan_refuse(s, "[LIMIT] Too many items in a list");
            break;
        }
        if (list.count == room) {
            struct str *grown = ARENA_ARRAY(s->mem, struct str, room * 2U);

            memcpy(grown, list.at, room * sizeof(*grown));
            list.at = grown;
            room *= 2;
        }
        list.at[list.count++] = one(s);
    } while (scan_try(s, ' '));
    return scan_ok(s) ? list : (struct str_list){ 0 };
}

struct str_list scan_flags_bare(struct scan *s)
{
    return read_list(s, s->limits->flags_max, scan_flag);
}

struct str_list scan_flag_list(struct scan *s)
{
    struct str_list list = { 0 };

    scan_char(s, '(');
    if (!scan_peek(s, ')'))
        list = scan_flags_bare(s);
    scan_char(s, ')');
    return list;
}

struct str_list scan_astring_list(struct scan *s)
{
    scan_char(s, '(');

    struct str_list list = read_list(s, s->limits->list_max, scan_astring);
    scan_char(s, ')');
    return list;
}

bool scan_is_astring_atom(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((class_of(s.at[i]) & (ATOM | CLOSE)) == 0)
            return false;
    return s.len > 0 && !str_eq_nocase(s, STR("NIL"));
}
