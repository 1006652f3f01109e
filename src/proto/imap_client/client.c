/* proto/imap_client/client.c - responses of an IMAP server, and the few commands that fetch mail.
 *
 *   GREETING -> CAPABILITY -> STARTTLS -> (tls) -> CAPABILITY -> LOGIN -> IDLE <-> COMMAND
 *                    \____________________________________/          \-> LOGOUT -> CLOSED
 *
 * A response is collected in `line` until its last line end. Literals in it are kept as they are,
 * but for the octets of BODY[]: those are given on, and an empty string stands in their place. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap_client/client.h"

#include "base/base64.h"

enum state { GREETING, CAPABILITY, STARTTLS, HANDSHAKE, LOGIN, IDLE, COMMAND, LOGOUT, CLOSED };

struct imap_client {
    struct imap_client_options options;
    enum state state;
    bool secure, auth_plain, login_disabled, has_starttls;
    struct buf out, in, line, text; /* text: of the event given out last */
    size_t used;                    /* of `in` */
    uint64_t literal;               /* octets of a literal that are still to come */
    bool literal_is_body, had_body;
    bool event_ready; /* READY waits to be given out */
    bool refused, close_told, tls_told;
    bool out_lent;  /* `out` was given to the owner and is to be emptied */
    bool line_done; /* the response in `line` was given out */
    uint32_t tag;
    struct imap_client_examined examined;
};

/* ---- sending ---- */

static void begin_command(struct imap_client *c, enum state state)
{
    c->state = state;
    buf_printf(&c->out, "p%u ", ++c->tag);
}

static void end_command(struct imap_client *c)
{
    BUF_ADD(&c->out, "\r\n");
}

/* A quoted string; RFC 3501 4.3 allows no CR, LF or NUL in it, which the caller has seen to. */
static void add_quoted(struct buf *out, struct str s)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"' || s.at[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, s.at[i]);
    }
    buf_add_char(out, '"');
}

static void close_with(struct imap_client *c, struct str why)
{
    if (c->state == CLOSED)
        return;
    c->state = CLOSED;
    buf_clear(&c->text);
    buf_add(&c->text, why);
}

static void ask_capability(struct imap_client *c)
{
    c->auth_plain = c->login_disabled = c->has_starttls = false;
    begin_command(c, CAPABILITY);
    BUF_ADD(&c->out, "CAPABILITY");
    end_command(c);
}

/* Also for names of mailboxes: what is not ASCII would have to be a literal. */
static bool quotable(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] == '\r' || s.at[i] == '\n' || s.at[i] == '\0' || (s.at[i] & 0x80) != 0)
            return false;
    return true;
}

/* RFC 4616: nothing, NUL, name, NUL, password. */
static void add_plain(struct imap_client *c)
{
    SCRATCH(tmp, NULL);
    struct buf b = { 0 };

    buf_add_char(&b, '\0');
    buf_add(&b, c->options.user);
    buf_add_char(&b, '\0');
    buf_add(&b, c->options.password);
    buf_add(&c->out, base64_encode(tmp, buf_str(&b)));
    BUF_ADD(&c->out, "\r\n");
    explicit_bzero(b.at, b.len);
    buf_deinit(&b);
}

static void log_in(struct imap_client *c)
{
    if (!c->secure && !c->options.plain_is_fine) {
        close_with(c, STR("the password would go out without TLS"));
    } else if (c->auth_plain) {
        begin_command(c, LOGIN);
        BUF_ADD(&c->out, "AUTHENTICATE PLAIN");
        end_command(c);
    } else if (c->login_disabled || !quotable(c->options.user) || !quotable(c->options.password)) {
        close_with(c, STR("the server offers no way to log in that we know"));
    } else {
        begin_command(c, LOGIN);
        BUF_ADD(&c->out, "LOGIN ");
        add_quoted(&c->out, c->options.user);
        BUF_ADD(&c->out, " ");
        add_quoted(&c->out, c->options.password);
        end_command(c);
    }
}

static void after_capability(struct imap_client *c)
{
    if (!c->options.starttls || c->secure) {
        log_in(c);
    } else if (!c->has_starttls) {
        close_with(c, STR("the server offers no STARTTLS"));
    } else {
        begin_command(c, STARTTLS);
        BUF_ADD(&c->out, "STARTTLS");
        end_command(c);
    }
}

/* ---- reading values ---- */

/* Takes one value off the front: an atom, a quoted string, a literal, or a list with its
 * parentheses. *ret of a string has no quotes, but its backslashes. False at the end. */
static bool take_value(struct str *rest, struct str *ret)
{
    struct str s = *rest;
    size_t at = 0;
    unsigned depth = 0;

    while (s.len > 0 && s.at[0] == ' ')
        s = str_skip(s, 1);
    if (s.len == 0)
        return false;
    for (at = 0; at < s.len; at++) {
        char ch = s.at[at];

        if (ch == '"') {
            for (at++; at < s.len && s.at[at] != '"'; at++)
                at += s.at[at] == '\\';
            if (at >= s.len)
                return false;
        } else if (ch == '{') {
            struct str digits = str_skip(s, at + 1);
            size_t end = str_find(digits, STR("}\r\n"));
            uint64_t len;

            if (end == STR_NOT_FOUND || !str_to_u64(str_take(digits, end), digits.len, &len) ||
                len > digits.len - end - 3)
                return false;
            if (at == 0 && depth == 0) {
                *ret = str_sub(digits, end + 3, (size_t)len);
                *rest = str_skip(digits, end + 3 + (size_t)len);
                return true;
            }
            at += 1 + end + 2 + (size_t)len;
        } else if (ch == '(') {
            depth++;
        } else if (ch == ')') {
            if (depth == 0)
                break;
            if (--depth == 0) {
                at++;
                break;
            }
        } else if (ch == ' ' && depth == 0) {
            break;
        }
    }
    if (depth > 0 || at == 0)
        return false;
    at = MIN(at, s.len);
    *ret =
        s.at[0] == '"' && s.at[at - 1] == '"' && at >= 2 ? str_sub(s, 1, at - 2) : str_take(s, at);
    *rest = str_skip(s, at);
    return true;
}

static struct str list_inside(struct str list)
{
    return list.len >= 2 && list.at[0] == '(' ? str_sub(list, 1, list.len - 2) : STR_EMPTY;
}

/* ---- responses ---- */

static void read_capabilities(struct imap_client *c, struct str words)
{
    while (words.len > 0) {
        struct str word = str_split(&words, ' ');

        c->auth_plain |= str_eq_nocase(word, STR("AUTH=PLAIN"));
        c->login_disabled |= str_eq_nocase(word, STR("LOGINDISABLED"));
        c->has_starttls |= str_eq_nocase(word, STR("STARTTLS"));
    }
}

/* "[UIDVALIDITY 42] ..." */
static void read_code(struct imap_client *c, struct str text)
{
    size_t end = str_find_char(text, ']');
    struct str inside, name;
    uint32_t number;

    if (!str_starts(text, STR("[")) || end == STR_NOT_FOUND)
        return;
    inside = str_sub(text, 1, end - 1);
    name = str_split(&inside, ' ');
    if (!str_to_u32(inside, &number))
        return;
    if (str_eq_nocase(name, STR("UIDVALIDITY")))
        c->examined.uidvalidity = number;
    else if (str_eq_nocase(name, STR("UIDNEXT")))
        c->examined.uidnext = number;
}

static struct str unescape(struct imap_client *c, struct str name)
{
    buf_clear(&c->text);
    for (size_t i = 0; i < name.len; i++) {
        i += name.at[i] == '\\' && i + 1 < name.len;
        buf_add_char(&c->text, name.at[i]);
    }
    return buf_str(&c->text);
}

/* (\HasNoChildren \Sent) "/" "Sent Messages" */
static bool read_list(struct imap_client *c, struct str rest, struct imap_client_out *out)
{
    static const struct str uses[] = { STR_INIT("\\All"),    STR_INIT("\\Archive"),
                                       STR_INIT("\\Drafts"), STR_INIT("\\Flagged"),
                                       STR_INIT("\\Junk"),   STR_INIT("\\Sent"),
                                       STR_INIT("\\Trash") };
    struct imap_client_mailbox m = { .selectable = true, .use = STR_EMPTY };
    struct str attributes, delimiter, name;
    bool literal;

    if (!take_value(&rest, &attributes) || !take_value(&rest, &delimiter))
        return false;
    literal = str_starts(str_trim(rest), STR("{"));
    if (!take_value(&rest, &name))
        return false;
    attributes = list_inside(attributes);
    while (attributes.len > 0) {
        struct str a = str_split(&attributes, ' ');

        if (str_eq_nocase(a, STR("\\Noselect")) || str_eq_nocase(a, STR("\\NonExistent")))
            m.selectable = false;
        for (size_t i = 0; i < ARRAY_LEN(uses); i++)
            if (str_eq_nocase(a, uses[i]))
                m.use = uses[i];
    }
    if (!str_eq_nocase(delimiter, STR("NIL")) && delimiter.len > 0)
        m.delimiter = delimiter.at[delimiter.len - 1];
    m.name = literal ? name : unescape(c, name);
    out->mailbox = m;
    return true;
}

static void read_flags(struct str list, struct imap_client_message *m)
{
    list = list_inside(list);
    while (list.len > 0 && m->flag_count < IMAP_CLIENT_FLAGS_MAX) {
        struct str flag = str_split(&list, ' ');

        if (flag.len > 0)
            m->flags[m->flag_count++] = flag;
    }
}

/* (UID 7 FLAGS (\Seen) INTERNALDATE "..." BODY[] "") */
static bool read_fetch(struct imap_client *c, struct str rest, struct imap_client_out *out)
{
    struct imap_client_message *m = &out->message;
    struct str items, name, value;

    m->uid = 0;
    m->flag_count = 0;
    m->has_body = c->had_body;
    m->date = m->quoted = STR_EMPTY;
    if (!take_value(&rest, &items))
        return false;
    items = list_inside(items);
    while (take_value(&items, &name) && take_value(&items, &value)) {
        if (str_eq_nocase(name, STR("UID")) && !str_to_u32(value, &m->uid))
            return false;
        if (str_eq_nocase(name, STR("FLAGS")))
            read_flags(value, m);
        else if (str_eq_nocase(name, STR("INTERNALDATE")))
            m->date = value;
        else if (str_eq_nocase(name, STR("BODY[]")) && !c->had_body &&
                 !str_eq_nocase(value, STR("NIL"))) {
            m->has_body = true;
            m->quoted = unescape(c, value);
        }
    }
    return m->uid != 0;
}

static enum imap_client_event untagged(struct imap_client *c, struct str rest,
                                       struct imap_client_out *out)
{
    struct str first = str_split(&rest, ' '), second;
    uint32_t number;

    if (str_eq_nocase(first, STR("CAPABILITY"))) {
        read_capabilities(c, rest);
    } else if (str_eq_nocase(first, STR("OK")) || str_eq_nocase(first, STR("PREAUTH"))) {
        read_code(c, rest);
        if (c->state == GREETING && str_eq_nocase(first, STR("PREAUTH"))) {
            c->state = IDLE;
            c->event_ready = true;
        } else if (c->state == GREETING) {
            ask_capability(c);
        }
    } else if (str_eq_nocase(first, STR("BYE"))) {
        if (c->state != LOGOUT)
            close_with(c, rest);
    } else if (str_eq_nocase(first, STR("LIST"))) {
        if (read_list(c, rest, out))
            return IMAP_CLIENT_MAILBOX;
    } else if (str_to_u32(first, &number)) {
        second = str_split(&rest, ' ');
        if (str_eq_nocase(second, STR("EXISTS")))
            c->examined.exists = number;
        else if (str_eq_nocase(second, STR("FETCH")) && read_fetch(c, rest, out))
            return IMAP_CLIENT_MESSAGE;
    } else if (c->state == GREETING) {
        close_with(c, STR("this is no IMAP server"));
    }
    return IMAP_CLIENT_WANT_BYTES;
}

static void tagged(struct imap_client *c, struct str rest)
{
    bool ok = str_eq_nocase(str_split(&rest, ' '), STR("OK"));

    switch (c->state) {
    case CAPABILITY:
        if (ok)
            after_capability(c);
        else
            close_with(c, rest);
        return;
    case STARTTLS:
        if (ok)
            c->state = HANDSHAKE;
        else
            close_with(c, rest);
        return;
    case LOGIN:
        if (!ok) {
            close_with(c, rest);
            return;
        }
        c->state = IDLE;
        c->event_ready = true;
        return;
    case COMMAND:
        c->state = IDLE;
        if (ok) {
            c->event_ready = true;
        } else {
            c->refused = true;
            buf_clear(&c->text);
            buf_add(&c->text, rest);
        }
        return;
    case LOGOUT:
        close_with(c, STR_EMPTY);
        return;
    case GREETING:
    case HANDSHAKE:
    case IDLE:
    case CLOSED:
        close_with(c, STR("the server answers what it was not asked"));
    }
}

static enum imap_client_event respond(struct imap_client *c, struct imap_client_out *out)
{
    SCRATCH(tmp, NULL);
    struct str line = str_trim_crlf(buf_str(&c->line));
    struct str tag = arena_printf(tmp, "p%u ", c->tag);

    if (str_starts(line, STR("* ")))
        return untagged(c, str_skip(line, 2), out);
    if (str_starts(line, STR("+"))) {
        if (c->state == LOGIN && c->auth_plain)
            add_plain(c);
        else
            close_with(c, STR("the server asks for what it was not offered"));
    } else if (c->tag > 0 && str_starts(line, tag)) {
        tagged(c, str_skip(line, tag.len));
    } else {
        close_with(c, STR("the server does not speak IMAP"));
    }
    return IMAP_CLIENT_WANT_BYTES;
}

/* ---- octets ---- */

/* "...{123}" at the end of a line: so many octets follow. */
static bool announces_literal(struct str line, uint64_t *ret)
{
    size_t brace = str_find_char_last(line, '{');
    struct str digits = str_skip(line, brace + 1);

    if (brace == STR_NOT_FOUND || digits.len < 2 || digits.at[digits.len - 1] != '}')
        return false;
    return str_to_u64(str_take(digits, digits.len - 1), UINT32_MAX, ret);
}

static bool is_body(struct str line)
{
    size_t brace = str_find_char_last(line, '{');

    return str_starts(line, STR("* ")) && str_ends_nocase(str_take(line, brace), STR("BODY[] ")) &&
           str_find_nocase(line, STR(" FETCH (")) != STR_NOT_FOUND;
}

/* One more line of the response is in c->line; true when it was the last. */
static bool line_ended(struct imap_client *c)
{
    struct str whole = buf_str(&c->line), text = str_trim_crlf(whole);

    /* Only what stands behind the last literal is looked at: its octets may end like one. */
    if (!str_ends(whole, STR("\n")) || !announces_literal(text, &c->literal))
        return true;
    c->literal_is_body = is_body(text);
    if (c->literal_is_body) {
        c->line.len = str_find_char_last(whole, '{');
        BUF_ADD(&c->line, "\"\"");
        c->had_body = true;
    }
    return false;
}

static void compact_in(struct imap_client *c)
{
    buf_consume(&c->in, c->used);
    c->used = 0;
}

/* Goes on with the octets at hand; true when `out` has an event. */
static bool step(struct imap_client *c, struct imap_client_out *out, enum imap_client_event *ret)
{
    struct str rest = str_skip(buf_str(&c->in), c->used), piece;
    size_t end;

    if (c->literal > 0) {
        piece = str_take(rest, (size_t)MIN(c->literal, (uint64_t)rest.len));
        c->literal -= piece.len;
        c->used += piece.len;
        if (c->literal_is_body) {
            out->text = piece;
            *ret = IMAP_CLIENT_BODY;
            return piece.len > 0;
        }
        buf_add(&c->line, piece);
        return false;
    }
    end = str_find_char(rest, '\n');
    piece = end == STR_NOT_FOUND ? rest : str_take(rest, end + 1);
    buf_add(&c->line, piece);
    c->used += piece.len;
    if (end == STR_NOT_FOUND || !line_ended(c))
        return false;
    *ret = respond(c, out);
    c->line_done = true;
    c->had_body = false;
    return *ret != IMAP_CLIENT_WANT_BYTES;
}

enum imap_client_event imap_client_next(struct imap_client *c, struct imap_client_out *out)
{
    enum imap_client_event event;

    for (;;) {
        if (c->out_lent) {
            explicit_bzero(c->out.at, c->out.len);
            buf_clear(&c->out);
            c->out_lent = false;
        }
        if (c->out.len > 0 && c->state != CLOSED) {
            out->text = buf_str(&c->out);
            c->out_lent = true;
            return IMAP_CLIENT_SEND;
        }
        if (c->state == CLOSED) {
            out->text = buf_str(&c->text);
            if (c->close_told)
                return IMAP_CLIENT_WANT_BYTES;
            c->close_told = true;
            return IMAP_CLIENT_CLOSE;
        }
        if (c->state == HANDSHAKE) {
            /* What was sent before the handshake is nobody's (RFC 2595 3). */
            c->used = c->in.len;
            compact_in(c);
            if (c->tls_told)
                return IMAP_CLIENT_WANT_BYTES;
            c->tls_told = true;
            return IMAP_CLIENT_START_TLS;
        }
        if (c->refused || c->event_ready) {
            event = c->refused ? IMAP_CLIENT_REFUSED : IMAP_CLIENT_READY;
            out->text = c->refused ? buf_str(&c->text) : STR_EMPTY;
            c->refused = c->event_ready = false;
            return event;
        }
        if (c->line.len > IMAP_CLIENT_RESPONSE_BYTES_MAX) {
            close_with(c, STR("a response of the server is too long"));
            continue;
        }
        if (c->used == c->in.len) {
            compact_in(c);
            return IMAP_CLIENT_WANT_BYTES;
        }
        if (c->line_done) {
            buf_clear(&c->line);
            c->line_done = false;
        }
        if (step(c, out, &event))
            return event;
    }
}

/* ---- the owner's side ---- */

struct imap_client *imap_client_new(struct arena *mem, const struct imap_client_options *options)
{
    struct imap_client *c = ARENA_NEW(mem, struct imap_client);

    c->options = *options;
    c->options.user = arena_copy(mem, options->user);
    c->options.password = arena_copy(mem, options->password);
    c->secure = options->secure;
    return c;
}

void imap_client_deinit(struct imap_client *c)
{
    buf_deinit(&c->out);
    buf_deinit(&c->in);
    buf_deinit(&c->line);
    buf_deinit(&c->text);
}

size_t imap_client_feed(struct imap_client *c, struct str bytes)
{
    if (c->state == HANDSHAKE || c->state == CLOSED)
        return bytes.len;
    buf_add(&c->in, bytes);
    return bytes.len;
}

void imap_client_tls_started(struct imap_client *c)
{
    BUG_ON(c->state != HANDSHAKE);
    c->secure = true;
    ask_capability(c);
}

static void begin(struct imap_client *c)
{
    BUG_ON(c->state != IDLE);
    begin_command(c, COMMAND);
}

void imap_client_list(struct imap_client *c)
{
    begin(c);
    BUF_ADD(&c->out, "LIST \"\" \"*\"");
    end_command(c);
}

/* Names came from the server, perhaps as literals: those that cannot be quoted are not asked for
 * by the owner (RFC 3501 5.1 has them in modified UTF-7). */
void imap_client_examine(struct imap_client *c, struct str name)
{
    c->examined = (struct imap_client_examined){ 0 };
    begin(c);
    BUF_ADD(&c->out, "EXAMINE ");
    add_quoted(&c->out, name);
    end_command(c);
}

void imap_client_fetch_uids(struct imap_client *c)
{
    begin(c);
    BUF_ADD(&c->out, "UID FETCH 1:* (UID)");
    end_command(c);
}

void imap_client_fetch(struct imap_client *c, struct str uids)
{
    begin(c);
    buf_printf(&c->out, "UID FETCH %.*s (UID FLAGS INTERNALDATE BODY.PEEK[])", STR_ARG(uids));
    end_command(c);
}

void imap_client_logout(struct imap_client *c)
{
    if (c->state == CLOSED)
        return;
    begin_command(c, LOGOUT);
    BUF_ADD(&c->out, "LOGOUT");
    end_command(c);
}

const struct imap_client_examined *imap_client_examined(const struct imap_client *c)
{
    return &c->examined;
}
