/* message/text/address.c - a tolerant reader of address lists.
 *
 * Each list item is first measured: where it ends, where its "<", ">" and last "@" stand, with
 * quoted strings, comments and domain literals skipped over. Then the slices between those marks
 * are cleaned, in place when nothing needs cleaning. Constructs that are opened and never closed
 * are noticed once, remembered in the parser, and from then on their opening character is ordinary
 * text; that keeps the whole run linear whatever the input. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/address.h"

/* What one item is made of; positions in the text, or NONE. */
struct item {
    size_t start, end;           /* without the delimiter */
    size_t open, close;          /* of the angle brackets */
    size_t at;                   /* last "@" outside of them */
    size_t comment, comment_end; /* last comment */
    char stop;                   /* ',', ';', ':' or 0 at the end of the text */
};

enum clean_mode { CLEAN_PHRASE, CLEAN_LOCAL, CLEAN_DOMAIN, CLEAN_COMMENT };

static const size_t NONE = (size_t)-1;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 5322 3.2.3 atext, with the octets of RFC 6532 UTF-8. */
static bool is_atext(char c)
{
    return (unsigned char)c >= 0x80 || ascii_is_alpha(c) || ascii_is_digit(c) ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Past the closing quote of the quoted string at `i`, or NONE when there is none before `end`. */
static size_t quoted_end(const char *text, size_t i, size_t end)
{
    for (i++; i < end; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '"')
            return i + 1;
    }
    return NONE;
}

static size_t comment_close(const char *text, size_t i, size_t end)
{
    size_t depth = 0;

    for (; i < end; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '(')
            depth++;
        else if (text[i] == ')' && --depth == 0)
            return i + 1;
    }
    return NONE;
}

static size_t char_end(const char *text, size_t i, size_t end, char close)
{
    const char *found = memchr(text + i, close, end - i);

    return found == NULL ? NONE : (size_t)(found - text) + 1;
}

/* Where the token that starts at `i` ends when it is a quoted string, a comment, a literal or a
 * quoted pair; i + 1 for any other octet and for openers that are never closed. `broken` remembers
 * those, so that the text behind them is searched for the closing octet only once. */
static size_t skip_token(struct str s, size_t i, struct address_broken *broken)
{
    size_t to = NONE;

    switch (s.at[i]) {
    case '"':
        to = broken->quotes ? NONE : quoted_end(s.at, i, s.len);
        broken->quotes |= to == NONE;
        break;
    case '(':
        to = broken->comments ? NONE : comment_close(s.at, i, s.len);
        broken->comments |= to == NONE;
        break;
    case '[':
        to = broken->literals ? NONE : char_end(s.at, i, s.len, ']');
        broken->literals |= to == NONE;
        break;
    case '\\':
        return MIN(i + 2, s.len);
    default:
        break;
    }
    return to == NONE ? i + 1 : to;
}

/* The position of the ">" that closes the "<" at `i`, quoted strings skipped; NONE without one. */
static size_t angle_close(struct address_parser *p, size_t i)
{
    if (p->broken.angles)
        return NONE;
    for (i++; i < p->text.len;) {
        if (p->text.at[i] == '>')
            return i;
        i = skip_token(p->text, i, &p->broken);
    }
    p->broken.angles = true;
    return NONE;
}

static bool ends_item(const struct address_parser *p, const struct item *it, char c)
{
    return c == ',' || c == ';' || (c == ':' && !p->in_group && it->open == NONE && it->at == NONE);
}

/* Measures the item at p->pos and moves behind its delimiter. */
static struct item take_item(struct address_parser *p)
{
    struct item it = { .start = p->pos, .open = NONE, .close = NONE, .at = NONE, .comment = NONE };
    size_t i = p->pos;

    while (i < p->text.len && !ends_item(p, &it, p->text.at[i])) {
        char c = p->text.at[i];
        size_t next = skip_token(p->text, i, &p->broken);

        if (c == '(' && next > i + 1) {
            it.comment = i + 1;
            it.comment_end = next - 1;
        } else if (c == '@' && it.open == NONE) {
            it.at = i;
        } else if (c == '<' && it.open == NONE) {
            it.open = i;
            it.close = angle_close(p, i);
            next = it.close == NONE ? i + 1 : it.close + 1;
        }
        i = next;
    }
    it.end = i;
    if (it.open != NONE && it.close == NONE)
        it.close = it.end;
    it.stop = i < p->text.len ? p->text.at[i] : '\0';
    p->pos = i < p->text.len ? i + 1 : i;
    return it;
}

static struct str slice(const struct address_parser *p, size_t from, size_t to)
{
    return str_trim_crlf(str_from(p->text.at + from, to - from));
}

/* Octets that no result holds, so that it can go into any protocol's string. */
static bool is_dropped(char c)
{
    return c == '\r' || c == '\n' || c == '\0';
}

/* True when `s` can be used as it stands: no quoting, comments or folding, single blanks. */
static bool is_clean(struct str s, enum clean_mode mode)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];

        if (c == '"' || c == '\\' || c == '(' || c == '\t' || is_dropped(c))
            return false;
        if (c == ' ' && (mode != CLEAN_PHRASE || s.at[i + 1] == ' '))
            return false;
    }
    return true;
}

struct cleaner {
    char *out;
    size_t made;
    enum clean_mode mode;
    bool blank; /* white space or a comment stood before the next octet */
};

/* Adds one octet, with the blank that stood before it where the mode keeps blanks. False when the
 * domain ended before it: what follows a blank without a dot is not part of the domain. */
static bool clean_add(struct cleaner *c, char octet)
{
    char last = c->made > 0 ? c->out[c->made - 1] : '\0';
    bool around_dot =
        c->mode != CLEAN_PHRASE && c->mode != CLEAN_COMMENT &&
        (last == '.' || octet == '.' || last == ',' || octet == ',' || last == '@' || octet == '@');

    if (c->blank && c->made > 0 && !around_dot) {
        if (c->mode == CLEAN_DOMAIN)
            return false;
        c->out[c->made++] = ' ';
    }
    c->blank = false;
    c->out[c->made++] = octet;
    return true;
}

/* The inside of a quoted string: quoted pairs resolved, line ends of folding dropped. */
static void clean_quoted(struct cleaner *c, struct str inside)
{
    bool first = true;

    for (size_t i = 0; i < inside.len; i++) {
        if (inside.at[i] == '\\' && i + 1 < inside.len)
            i++;
        if (is_dropped(inside.at[i]))
            continue;
        if (first)
            (void)clean_add(c, inside.at[i]);
        else
            c->out[c->made++] = inside.at[i];
        first = false;
    }
}

/* Cleans `s` into `mem`, or returns it as it is. */
static struct str clean(struct arena *mem, struct str s, enum clean_mode mode)
{
    struct address_broken broken = { false, false, true, false }; /* literals are text here */

    if (is_clean(s, mode))
        return s;

    struct cleaner c = { .out = arena_alloc(mem, s.len + 1), .mode = mode };
    broken.quotes = broken.comments = mode == CLEAN_COMMENT;
    for (size_t i = 0, end; i < s.len; i = end) {
        end = skip_token(s, i, &broken);
        if (s.at[i] == '"' && end > i + 1) {
            clean_quoted(&c, str_sub(s, i + 1, end - i - 2));
        } else if (is_blank(s.at[i]) || (s.at[i] == '(' && end > i + 1)) {
            c.blank = true;
        } else if (!is_dropped(s.at[end - 1]) && !clean_add(&c, s.at[end - 1])) {
            /* A quoted pair adds its second octet; the domain ended before this one. */
            break;
        }
    }
    return str_from(c.out, c.made);
}

/* Splits at the last "@" outside quoted strings and comments. False without one. */
static bool split_addr_spec(struct str spec, struct str *ret_local, struct str *ret_domain)
{
    struct address_broken broken = { false, false, true, false };
    size_t at = NONE;

    for (size_t i = 0; i < spec.len; i = skip_token(spec, i, &broken))
        if (spec.at[i] == '@')
            at = i;
    if (at == NONE)
        return false;
    *ret_local = str_trim_crlf(str_take(spec, at));
    *ret_domain = str_trim_crlf(str_skip(spec, at + 1));
    return true;
}

static void set_addr_spec(struct arena *mem, struct str spec, struct mail_address *ret)
{
    struct str local = spec, domain = STR_EMPTY;

    (void)split_addr_spec(spec, &local, &domain);
    ret->local = clean(mem, local, CLEAN_LOCAL);
    ret->domain = clean(mem, domain, CLEAN_DOMAIN);
}

/* What stands between the angle brackets: an optional obs-route, then the addr-spec. */
static void set_angle(struct arena *mem, struct str inside, struct mail_address *ret)
{
    if (inside.len > 0 && inside.at[0] == '@') {
        size_t colon = str_find_char(inside, ':');

        if (colon != STR_NOT_FOUND) {
            ret->route = clean(mem, str_trim_crlf(str_take(inside, colon)), CLEAN_DOMAIN);
            inside = str_trim_crlf(str_skip(inside, colon + 1));
        }
    }
    set_addr_spec(mem, inside, ret);
}

/* The name of a mailbox is its phrase; without one, its last comment (the form of RFC 822). */
static void set_name(struct arena *mem, const struct address_parser *p, const struct item *it,
                     struct str phrase, struct mail_address *ret)
{
    struct str name = clean(mem, phrase, CLEAN_PHRASE);

    if (name.len == 0 && it->comment != NONE)
        name = clean(mem, slice(p, it->comment, it->comment_end), CLEAN_COMMENT);
    if (name.len > 0)
        ret->name = name;
}

/* Turns an item into an address; false when it is empty or only a comment. */
static bool item_to_address(struct arena *mem, const struct address_parser *p,
                            const struct item *it, struct mail_address *ret)
{
    *ret = (struct mail_address){ .kind = ADDRESS_MAILBOX };
    if (it->open != NONE) {
        set_name(mem, p, it, slice(p, it->start, it->open), ret);
        set_angle(mem, slice(p, it->open + 1, it->close), ret);
        return true;
    }
    if (it->at != NONE) {
        set_name(mem, p, it, STR_EMPTY, ret);
        ret->local = clean(mem, slice(p, it->start, it->at), CLEAN_LOCAL);
        ret->domain = clean(mem, slice(p, it->at + 1, it->end), CLEAN_DOMAIN);
        return true;
    }
    ret->local = clean(mem, slice(p, it->start, it->end), CLEAN_LOCAL);
    ret->domain = STR_EMPTY;
    if (ret->local.len > 0)
        set_name(mem, p, it, STR_EMPTY, ret);
    return ret->local.len > 0;
}

bool address_next(struct arena *mem, struct address_parser *p, struct mail_address *ret)
{
    while (p->pos < p->text.len) {
        /* A ";" that ends a group is left in place by the item before it, and seen here. */
        if (p->in_group && p->text.at[p->pos] == ';') {
            p->pos++;
            p->in_group = false;
            *ret = (struct mail_address){ .kind = ADDRESS_GROUP_END };
            return true;
        }
        struct item it = take_item(p);

        if (it.stop == ':') {
            p->in_group = true;
            *ret = (struct mail_address){ .kind = ADDRESS_GROUP_START };
            ret->name = clean(mem, slice(p, it.start, it.end), CLEAN_PHRASE);
            return true;
        }
        if (it.stop == ';' && p->in_group)
            p->pos--;
        if (item_to_address(mem, p, &it, ret))
            return true;
    }
    if (!p->in_group)
        return false;
    p->in_group = false;
    *ret = (struct mail_address){ .kind = ADDRESS_GROUP_END };
    return true;
}

enum err address_list_parse(struct arena *mem, const struct message_limits *limits,
                            struct str value, struct address_list *ret)
{
    struct address_parser p = address_parser_of(value);
    struct address_list list = { .at = NULL };
    struct mail_address next;
    size_t room = 0;

    while (address_next(mem, &p, &next)) {
        if (list.count == limits->addresses_max)
            return ERR_LIMIT;
        if (list.count == room) {
            struct mail_address *grown =
                ARENA_ARRAY(mem, struct mail_address, room == 0 ? 4 : room * 2);

            if (room > 0)
                memcpy(grown, list.at, room * sizeof(*grown));
            list.at = grown;
            room = room == 0 ? 4 : room * 2;
        }
        list.at[list.count++] = next;
    }
    *ret = list;
    return OK;
}

static void add_quoted(struct buf *out, struct str s)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\r' || s.at[i] == '\n' || s.at[i] == '\0')
            continue;
        if (s.at[i] == '"' || s.at[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, s.at[i]);
    }
    buf_add_char(out, '"');
}

void address_format_phrase(struct buf *out, struct str name)
{
    bool plain = name.len > 0 && name.at[0] != ' ' && name.at[name.len - 1] != ' ';

    for (size_t i = 0; i < name.len && plain; i++)
        plain = is_atext(name.at[i]) || (name.at[i] == ' ' && name.at[i + 1] != ' ');
    if (plain)
        buf_add(out, name);
    else
        add_quoted(out, name);
}

void address_format_local(struct buf *out, struct str local)
{
    bool plain = local.len > 0 && local.at[0] != '.' && local.at[local.len - 1] != '.';

    for (size_t i = 0; i < local.len && plain; i++)
        plain = is_atext(local.at[i]) || (local.at[i] == '.' && local.at[i + 1] != '.');
    if (plain)
        buf_add(out, local);
    else
        add_quoted(out, local);
}

static void format_addr_spec(struct buf *out, const struct mail_address *a)
{
    address_format_local(out, a->local);
    if (a->domain.len == 0)
        return;
    buf_add_char(out, '@');
    for (size_t i = 0; i < a->domain.len; i++)
        if ((unsigned char)a->domain.at[i] > ' ' && a->domain.at[i] != '>')
            buf_add_char(out, a->domain.at[i]);
}

void mail_address_format(struct buf *out, const struct mail_address *a)
{
    if (a->kind == ADDRESS_GROUP_END) {
        buf_add_char(out, ';');
        return;
    }
    if (a->kind == ADDRESS_GROUP_START) {
        address_format_phrase(out, a->name);
        buf_add_char(out, ':');
        return;
    }
    if (a->name.len == 0) {
        format_addr_spec(out, a);
        return;
    }
    address_format_phrase(out, a->name);
    BUF_ADD(out, " <");
    format_addr_spec(out, a);
    buf_add_char(out, '>');
}
