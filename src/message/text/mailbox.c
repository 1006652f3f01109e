/* message/text/mailbox.c - the grammar of RFC 5321 4.1.2, one function a production.
 *
 * The parts are built in fixed buffers of the size of their limits and copied into the arena only
 * when the whole mailbox is good, so a refused command leaves nothing behind. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/mailbox.h"

#include "base/utf8.h"
#include "message/coding/charset.h"
#include "message/text/address.h"

struct draft {
    char local[MAILBOX_LOCAL_BYTES_MAX];
    char domain[MAILBOX_DOMAIN_BYTES_MAX];
    size_t local_len, domain_len;
};

enum { ROUTE_HOSTS_MAX = 100 };

static bool is_high(char c)
{
    return (unsigned char)c >= 0x80;
}

static bool is_atext(char c)
{
    return is_high(c) || ascii_is_alpha(c) || ascii_is_digit(c) ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool next_is(struct str s, char c)
{
    return s.len > 0 && s.at[0] == c;
}

static enum err add_local(struct draft *d, char c)
{
    if (d->local_len == sizeof(d->local))
        return ERR_LIMIT;
    d->local[d->local_len++] = c;
    return OK;
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE; octets above 127 by RFC 6531 3.3. */
static enum err parse_quoted_string(struct str *rest, struct draft *d)
{
    struct str s = str_skip(*rest, 1);

    for (; s.len > 0 && s.at[0] != '"'; s = str_skip(s, 1)) {
        enum err e;

        if (s.at[0] == '\\') {
            s = str_skip(s, 1);
            if (s.len == 0 || is_high(s.at[0]))
                return ERR_SYNTAX;
        }
        if ((unsigned char)s.at[0] < ' ' || s.at[0] == 0x7F)
            return ERR_SYNTAX;
        if ((e = add_local(d, s.at[0])) != OK)
            return e;
    }
    if (s.len == 0)
        return ERR_SYNTAX;
    *rest = str_skip(s, 1);
    return OK;
}

/* Dot-string = Atom *("." Atom) */
static enum err parse_dot_string(struct str *rest, struct draft *d)
{
    struct str s = *rest;
    bool after_atom = false;

    for (; s.len > 0 && (is_atext(s.at[0]) || s.at[0] == '.'); s = str_skip(s, 1)) {
        enum err e;

        if (s.at[0] == '.' && !after_atom)
            return ERR_SYNTAX;
        after_atom = s.at[0] != '.';
        if ((e = add_local(d, s.at[0])) != OK)
            return e;
    }
    if (!after_atom)
        return ERR_SYNTAX;
    *rest = s;
    return OK;
}

/* Local-part = Dot-string / Quoted-string */
static enum err parse_local_part(struct str *rest, struct draft *d)
{
    return next_is(*rest, '"') ? parse_quoted_string(rest, d) : parse_dot_string(rest, d);
}

static bool is_let_dig(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || is_high(c);
}

/* Length of the sub-domain (Let-dig [Ldh-str]) at the front of `s`; 0 when there is none. */
static size_t label_length(struct str s)
{
    size_t len = 0, ascii = 0;

    while (len < s.len && (is_let_dig(s.at[len]) || s.at[len] == '-'))
        ascii += !is_high(s.at[len++]);
    if (len == 0 || s.at[0] == '-' || s.at[len - 1] == '-')
        return 0;
    /* A label in UTF-8 is measured by the resolver, in its ASCII form. */
    return ascii == len && len > MAILBOX_LABEL_BYTES_MAX ? 0 : len;
}

/* Domain = sub-domain *("." sub-domain). Returns its length, 0 when there is none. */
static size_t domain_length(struct str s)
{
    size_t len = label_length(s);

    if (len == 0)
        return 0;
    while (len < s.len && s.at[len] == '.') {
        size_t label = label_length(str_skip(s, len + 1));

        if (label == 0)
            return 0;
        len += 1 + label;
    }
    return len;
}

bool domain_is_valid(struct str domain, bool utf8)
{
    if (domain.len == 0 || domain.len > MAILBOX_DOMAIN_BYTES_MAX ||
        domain_length(domain) != domain.len)
        return false;
    return utf8 ? utf8_valid(domain) : utf8_is_ascii(domain);
}

/* IPv4-address-literal = Snum 3("." Snum), into four octets. */
static bool parse_ipv4(struct str s, uint8_t ret_ip[4])
{
    for (int i = 0; i < 4; i++) {
        struct str part = i < 3 ? str_split(&s, '.') : s;
        uint64_t value;

        if (part.len > 3 || !str_to_u64(part, 255, &value))
            return false;
        ret_ip[i] = (uint8_t)value;
    }
    return true;
}

/* IPv6-hex = 1*4HEXDIG at the front of *s. */
static bool take_hex(struct str *s, unsigned *ret)
{
    unsigned value = 0;
    size_t i = 0;

    for (; i < s->len && i < 5; i++) {
        char c = ascii_lower(s->at[i]);

        if (ascii_is_digit(c))
            value = value * 16 + (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + (unsigned)(c - 'a' + 10);
        else
            break;
    }
    if (i == 0 || i > 4)
        return false;
    *s = str_skip(*s, i);
    *ret = value;
    return true;
}

/* The groups of an IPv6 address up to its end or "::"; IPv4 may stand at the end. Returns how many
 * octets were written, or -1. */
static int take_groups(struct str *s, uint8_t *out, int room)
{
    int made = 0;

    while (s->len > 0 && s->at[0] != ':') {
        unsigned group;

        if (str_find_char(*s, ':') == STR_NOT_FOUND && str_find_char(*s, '.') != STR_NOT_FOUND) {
            if (room - made < 4 || !parse_ipv4(*s, out + made))
                return -1;
            *s = STR_EMPTY;
            return made + 4;
        }
        if (room - made < 2 || !take_hex(s, &group))
            return -1;
        out[made++] = (uint8_t)(group >> 8);
        out[made++] = (uint8_t)group;
        if (s->len == 0)
            break;
        if (s->at[0] != ':' || s->len == 1)
            return -1;
        if (s->at[1] == ':')
            break;
        *s = str_skip(*s, 1);
    }
    return made;
}

static bool parse_ipv6(struct str s, uint8_t ret_ip[16])
{
    uint8_t front[16], back[16];
    int front_len, back_len;

    front_len = take_groups(&s, front, 16);
    if (front_len < 0)
        return false;
    if (s.len == 0 && front_len == 16) {
        memcpy(ret_ip, front, 16);
        return true;
    }
    if (!str_starts(s, STR("::")))
        return false;
    s = str_skip(s, 2);
    back_len = take_groups(&s, back, 16 - front_len);
    if (back_len < 0 || s.len > 0 || front_len + back_len > 14)
        return false;
    memset(ret_ip, 0, 16);
    memcpy(ret_ip, front, (size_t)front_len);
    memcpy(ret_ip + 16 - back_len, back, (size_t)back_len);
    return true;
}

bool ip_parse(struct str text, uint8_t ret_ip[16])
{
    uint8_t v4[4];

    if (!parse_ipv4(text, v4))
        return parse_ipv6(text, ret_ip);
    memset(ret_ip, 0, 10);
    ret_ip[10] = ret_ip[11] = 0xFF;
    memcpy(ret_ip + 12, v4, 4);
    return true;
}

bool address_literal_ip(struct str literal, uint8_t ret_ip[16])
{
    uint8_t v4[4];

    if (literal.len < 2 || literal.at[0] != '[' || literal.at[literal.len - 1] != ']')
        return false;
    struct str inside = str_sub(literal, 1, literal.len - 2);
    if (str_starts_nocase(inside, STR("IPv6:")))
        return parse_ipv6(str_skip(inside, 5), ret_ip);
    return parse_ipv4(inside, v4) && ip_parse(inside, ret_ip);
}

/* General-address-literal = Standardized-tag ":" 1*dcontent, without the brackets. */
static bool is_general_literal(struct str inside)
{
    size_t colon = str_find_char(inside, ':');

    if (colon == STR_NOT_FOUND || colon + 1 == inside.len || label_length(inside) != colon ||
        !utf8_is_ascii(inside))
        return false;
    for (size_t i = colon + 1; i < inside.len; i++)
        if (inside.at[i] < 33 || inside.at[i] > 126 || strchr("[\\]", inside.at[i]) != NULL)
            return false;
    return true;
}

/* Length of the address-literal at the front of `s`, with its brackets; 0 when there is none. */
static size_t literal_length(struct str s)
{
    size_t close = str_find_char(s, ']');
    uint8_t ip[16];

    if (close == STR_NOT_FOUND)
        return 0;

    struct str literal = str_take(s, close + 1), inside = str_sub(s, 1, close - 1);
    bool is_v6 = str_starts_nocase(inside, STR("IPv6:"));
    if (address_literal_ip(literal, ip) || (!is_v6 && is_general_literal(inside)))
        return literal.len;
    return 0;
}

static enum err parse_domain(struct str *rest, struct draft *d)
{
    size_t len = next_is(*rest, '[') ? literal_length(*rest) : domain_length(*rest);

    if (len == 0)
        return ERR_SYNTAX;
    if (len > MAILBOX_DOMAIN_BYTES_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < len; i++)
        d->domain[i] = rest->at[i];
    d->domain_len = len;
    *rest = str_skip(*rest, len);
    return OK;
}

static enum err finish(struct arena *mem, const struct draft *d, unsigned allow,
                       struct mailbox *ret)
{
    struct str local = str_from(d->local, d->local_len);
    struct str domain = str_from(d->domain, d->domain_len);
    bool utf8 = !utf8_is_ascii(local) || !utf8_is_ascii(domain);

    if (utf8 && (allow & MAILBOX_UTF8) == 0)
        return ERR_UNSUPPORTED;
    if (utf8 && (!utf8_valid(local) || !utf8_valid(domain)))
        return ERR_SYNTAX;

    domain = utf8 ? text_nfc(mem, domain) : domain;
    if (domain.len > MAILBOX_DOMAIN_BYTES_MAX)
        return ERR_LIMIT;

    char *lower = arena_alloc(mem, domain.len);
    /* NFC turns some characters into ASCII letters and even into ";", so look again. */
    for (size_t i = 0; i < domain.len; i++)
        lower[i] = ascii_lower(domain.at[i]);
    domain.at = lower;
    if (utf8 && domain.len > 0 && domain.at[0] != '[' && domain_length(domain) != domain.len)
        return ERR_SYNTAX;
    utf8 = !utf8_is_ascii(local) || !utf8_is_ascii(domain);
    *ret = (struct mailbox){ arena_copy(mem, local), domain, utf8 };
    return OK;
}

/* Mailbox = Local-part "@" ( Domain / address-literal ) */
static enum err take_mailbox(struct arena *mem, struct str *rest, unsigned allow,
                             struct mailbox *ret)
{
    struct draft d = { .local_len = 0 };
    struct str s = *rest;
    enum err e = parse_local_part(&s, &d);

    if (e != OK)
        return e;
    if (!next_is(s, '@')) {
        if ((allow & PATH_POSTMASTER) == 0 ||
            !str_eq_nocase(str_from(d.local, d.local_len), STR("postmaster")))
            return ERR_SYNTAX;
    } else {
        s = str_skip(s, 1);
        if ((e = parse_domain(&s, &d)) != OK)
            return e;
    }
    if ((e = finish(mem, &d, allow, ret)) == OK)
        *rest = s;
    return e;
}

/* A-d-l ":" - the source route, checked and dropped (RFC 5321 appendix C). */
static enum err skip_route(struct str *rest)
{
    struct str s = *rest;

    for (int hosts = 0; hosts < ROUTE_HOSTS_MAX && next_is(s, '@'); hosts++) {
        size_t len = domain_length(str_skip(s, 1));

        if (len == 0)
            return ERR_SYNTAX;
        s = str_skip(s, 1 + len);
        if (next_is(s, ':')) {
            *rest = str_skip(s, 1);
            return OK;
        }
        if (!next_is(s, ','))
            return ERR_SYNTAX;
        s = str_skip(s, 1);
    }
    return ERR_SYNTAX;
}

enum err mailbox_parse(struct arena *mem, struct str text, unsigned allow, struct mailbox *ret)
{
    struct mailbox m;
    enum err e = take_mailbox(mem, &text, allow & MAILBOX_UTF8, &m);

    if (e != OK)
        return e;
    if (text.len > 0)
        return ERR_SYNTAX;
    *ret = m;
    return OK;
}

enum err path_parse(struct arena *mem, struct str *rest, unsigned allow, struct mailbox *ret)
{
    struct str s = *rest;
    struct mailbox m;
    bool bare = !next_is(s, '<');
    enum err e;

    if (bare && (allow & PATH_BARE) == 0)
        return ERR_SYNTAX;
    s = str_skip(s, bare ? 0 : 1);
    if (!bare && (allow & PATH_NULL) != 0 && next_is(s, '>')) {
        *ret = (struct mailbox){ STR_EMPTY, STR_EMPTY, false };
        *rest = str_skip(s, 1);
        return OK;
    }
    if (next_is(s, '@') && (e = skip_route(&s)) != OK)
        return e;
    if ((e = take_mailbox(mem, &s, allow, &m)) != OK)
        return e;
    if (bare ? s.len > 0 && s.at[0] != ' ' : !next_is(s, '>'))
        return ERR_SYNTAX;
    *rest = str_skip(s, bare ? 0 : 1);
    *ret = m;
    return OK;
}

bool mailbox_eq(const struct mailbox *a, const struct mailbox *b)
{
    return str_eq(a->local, b->local) && str_eq(a->domain, b->domain);
}

void mailbox_format(struct buf *out, const struct mailbox *m)
{
    if (mailbox_is_null(m))
        return;
    address_format_local(out, m->local);
    if (m->domain.len > 0) {
        buf_add_char(out, '@');
        buf_add(out, m->domain);
    }
}

bool mailbox_split_detail(struct str local, char separator, struct str *ret_user,
                          struct str *ret_detail)
{
    size_t at = str_find_char(local, separator);

    if (at == STR_NOT_FOUND || at == 0)
        return false;
    *ret_user = str_take(local, at);
    *ret_detail = str_skip(local, at + 1);
    return true;
}
