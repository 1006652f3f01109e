/* proto/imap/machine.c - framing: lines, literals, and who waits for whom.
 *
 * A command is collected in `text` with its literals in place, exactly as it came, and parsed once,
 * when its last line is complete. Literals are recognised by the end of a line alone, so unknown
 * commands are skipped in step with their literals. Before a literal is asked for or taken, the
 * verb is looked up and the session's facts are checked: a stranger cannot make us keep octets.
 * The first framing error is remembered; the command is still followed to its end (or to a literal
 * that the client will not send without "+") and answered once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/machine_private.h"

enum {
    TAIL_BYTES = 32,         /* enough for "{18446744073709551615+}" CRLF */
    ARENA_FIRST_BYTES = 512, /* a command and its arguments, mostly */
    IDLE_LINE_BYTES_MAX = 64,
};

const struct imap_limits imap_limits_default = {
    .command_bytes_max = 64 * 1024,
    .command_bytes_before_max = 8 * 1024,
    .literal_bytes_max = 16 * 1024,
    .auth_line_bytes_max = 12 * 1024,
    .append_bytes_max = 64ULL << 20,
    .append_messages_max = 20000,
    .append_parts_max = 1000,
    .skip_bytes_max = 128ULL << 20,
    .errors_max = 50,
    .scan = { .set_ranges_max = 16 * 1024,
              .flags_max = 128,
              .list_max = 256,
              .search_keys_max = 1000,
              .search_depth_max = 50,
              .name_bytes_max = 1000 },
};

struct imap *imap_new(const struct imap_limits *limits, uint32_t facts)
{
    struct imap *m = calloc(1, sizeof(*m));

    if (m == NULL)
        BUG("out of memory");
    m->limits = limits;
    m->facts = facts;
    return m;
}

void machine_reset(struct imap *m)
{
    buf_deinit(&m->text);
    buf_deinit(&m->body);
    arena_free(m->mem);
    m->mem = NULL;
    m->tail = NULL;
    m->command = NULL;
    m->append = NULL;
    free(m->idle_tag);
    m->idle_tag = NULL;
    m->line_at = 0;
    m->left = m->skipped = 0;
    m->sync = m->dropping = m->answered = m->refused = false;
    m->error = NULL;
    if (m->state != CLOSING)
        m->state = COMMAND;
}

void imap_free(struct imap *m)
{
    if (m == NULL)
        return;
    machine_reset(m);
    buf_deinit(&m->out);
    free(m);
}

uint32_t imap_facts(const struct imap *m)
{
    return m->facts;
}

void imap_set_facts(struct imap *m, uint32_t add, uint32_t remove)
{
    m->facts = (m->facts & ~remove) | add;
}

void machine_fail(struct imap *m, const char *error)
{
    if (m->error == NULL)
        m->error = error;
}

static void bye(struct imap *m, struct str why)
{
    BUF_ADD(&m->out, "* BYE ");
    buf_add(&m->out, why);
    BUF_ADD(&m->out, "\r\n");
    machine_reset(m);
    m->state = CLOSING;
}

struct arena *machine_mem(struct imap *m)
{
    if (m->mem == NULL)
        m->mem = arena_new(ARENA_FIRST_BYTES);
    return m->mem;
}

struct imap_command *machine_command(struct imap *m)
{
    if (m->command == NULL)
        m->command = ARENA_NEW(machine_mem(m), struct imap_command);
    return m->command;
}

struct scan machine_scan(struct imap *m, struct str text)
{
    return (struct scan){ .mem = machine_mem(m),
                          .limits = &m->limits->scan,
                          .rest = text,
                          .uid_only = (m->facts & IMAP_UIDONLY) != 0,
                          .utf8 = (m->facts & IMAP_UTF8) != 0 };
}

void machine_fail_scan(struct imap *m, const struct scan *s)
{
    if (m->error == NULL) {
        m->error = s->error;
        m->refused = s->refused;
    }
}

/* Answers a command that never reached the caller. Without a usable tag the answer is untagged. */
void machine_answer_error(struct imap *m)
{
    struct scan s = machine_scan(m, buf_str(&m->text));
    struct str tag = scan_tag(&s);

    if (!m->answered) {
        buf_add(&m->out, scan_peek(&s, ' ') ? tag : STR("*"));
        buf_add(&m->out, m->refused ? STR(" NO ") : STR(" BAD "));
        buf_add(&m->out, str_from_z(m->error));
        BUF_ADD(&m->out, "\r\n");
        m->errors += !m->refused;
    }
    machine_reset(m);
    if (m->errors > m->limits->errors_max)
        bye(m, STR("Too many errors"));
}

/* ---- literals ---- */

/* "{" number ["+"] "}" CRLF at the end of a line. A number too large for us is as large as can be.
 */
static bool literal_at_end(struct str line, struct literal_header *ret)
{
    if (!str_ends(line, STR("}\r\n")))
        return false;
    line.len -= 3;

    bool sync = !str_ends(line, STR("+"));
    if (!sync)
        line.len--;
    size_t digits = 0;
    while (digits < line.len && ascii_is_digit(line.at[line.len - 1 - digits]))
        digits++;
    if (digits == 0 || digits == line.len || line.at[line.len - 1 - digits] != '{')
        return false;

    struct str before = str_take(line, line.len - 1 - digits);
    ret->sync = sync;
    ret->binary = str_ends(before, STR("~"));
    if (!str_to_u64(str_skip(line, line.len - digits), UINT64_MAX, &ret->bytes))
        ret->bytes = UINT64_MAX;
    return true;
}

static size_t room_for_line(const struct imap *m)
{
    size_t max = m->limits->command_bytes_before_max;

    if (m->state == SASL)
        max = m->line_at + m->limits->auth_line_bytes_max;
    else if (m->state == IDLING)
        max = m->line_at + IDLE_LINE_BYTES_MAX;
    else if ((m->facts & IMAP_AUTHED) != 0)
        max = m->limits->command_bytes_max;
    return max > m->text.len ? max - m->text.len : 0;
}

/* Unwanted octets that come without being asked for are read past, within reason. */
void machine_skip(struct imap *m, uint64_t bytes)
{
    uint64_t max = m->limits->skip_bytes_max;

    if (bytes > max || m->skipped > max - bytes) {
        bye(m, STR("[TOOBIG] Literal too long"));
        return;
    }
    m->skipped += bytes;
    m->left = bytes;
    m->state = bytes == 0 ? COMMAND : SKIPPING;
}

/* A client that waits for "+" gets the answer instead and sends nothing more of the command. */
void machine_refuse_literal(struct imap *m, const struct literal_header *h)
{
    if (h->sync)
        machine_answer_error(m);
    else
        machine_skip(m, h->bytes);
}

/* RFC 5464 4.3: a value over the limit has an answer of its own. */
static void fail_value(struct imap *m)
{
    if (m->error == NULL) {
        m->error = IMAP_VALUE_TOO_LARGE;
        m->refused = true;
    }
}

void machine_take_literal(struct imap *m, const struct literal_header *h, bool is_value)
{
    if (h->binary && !is_value)
        machine_fail(m, "Binary literals are for messages only");
    else if (is_value && h->bytes > ENTRY_VALUE_BYTES_MAX)
        fail_value(m);
    else if (h->bytes > m->limits->literal_bytes_max || h->bytes > room_for_line(m))
        machine_fail(m, "[TOOBIG] Literal too long");
    if (m->error != NULL) {
        machine_refuse_literal(m, h);
        return;
    }
    if (h->sync)
        BUF_ADD(&m->out, "+ Ready for the literal\r\n");
    m->left = h->bytes;
    m->state = h->bytes == 0 ? COMMAND : LITERAL;
}

static void begin_literal(struct imap *m, const struct literal_header *h)
{
    struct scan s = machine_scan(m, buf_str(&m->text));
    struct imap_command c = { 0 };

    if (m->error != NULL || m->answered) {
        machine_refuse_literal(m, h);
        return;
    }
    if (m->append != NULL) {
        machine_append_line(m, h);
        return;
    }
    c.tag = scan_tag(&s);
    scan_space(&s);
    if (!command_begin(&s, m->facts, &c)) {
        machine_fail_scan(m, &s);
    } else if (command_appends(&c)) {
        machine_append_open(m, &c, s.rest.len);
        machine_append_line(m, h);
        return;
    }
    machine_take_literal(m, h, c.verb == IMAP_CMD_SETMETADATA);
}

/* ---- the ends of lines ---- */

/* True when the command is one with messages: it goes on piece by piece. */
static bool begin_at_end(struct imap *m)
{
    struct str text = buf_str(&m->text);
    struct scan s = machine_scan(m, str_take(text, text.len - MIN(text.len, (size_t)2)));
    struct imap_command *c = machine_command(m);

    c->tag = arena_copy(m->mem, scan_tag(&s));
    scan_space(&s);
    if (command_begin(&s, m->facts, c)) {
        if (command_appends(c)) {
            struct imap_command copy = *c;

            machine_append_open(m, &copy, s.rest.len + 2);
            return true;
        }
        command_args(&s, c);
    }
    if (!scan_ok(&s))
        machine_fail_scan(m, &s);
    return false;
}

static void finish_command(struct imap *m)
{
    bool appends = m->append != NULL;

    if (m->error == NULL && !m->answered && !appends)
        appends = begin_at_end(m);
    if (m->error != NULL || m->answered) {
        machine_answer_error(m);
    } else if (appends) {
        machine_append_line(m, NULL);
    } else {
        m->state = BUSY;
        m->due = IMAP_COMMAND;
    }
}

/* What may not stand in a line, whatever it says. */
static void check_line(struct imap *m, struct str line)
{
    if (!str_ends(line, STR("\r\n")))
        machine_fail(m, "Lines end with CR LF, not LF alone");
    else if (str_find_char(line, '\r') != line.len - 2)
        machine_fail(m, "CR without LF");
    if (str_find_char(line, '\0') != STR_NOT_FOUND)
        machine_fail(m, "NUL in a command");
}

static void finish_side_line(struct imap *m, struct str line)
{
    struct str text = str_trim_crlf(line);

    check_line(m, line);
    m->accepted = m->error == NULL && !m->dropping;
    if (m->state == IDLING) {
        m->accepted = m->accepted && str_eq_nocase(text, STR("DONE"));
        *machine_command(m) =
            (struct imap_command){ .verb = IMAP_CMD_IDLE, .tag = str_from_z(m->idle_tag) };
    }
    m->due = m->state == IDLING ? IMAP_IDLE_DONE : IMAP_AUTH_LINE;
    m->state = BUSY;
    m->error = NULL;
    m->dropping = false;
}

static void finish_line(struct imap *m)
{
    struct str line = str_skip(buf_str(&m->text), m->line_at);
    struct literal_header h;

    if (m->state != COMMAND) {
        finish_side_line(m, line);
        return;
    }
    if (m->dropping)
        line = str_from(m->tail, TAIL_BYTES);
    else
        check_line(m, line);

    /* With a bare LF a literal that comes unasked cannot be told from commands: end it here. */
    if (str_ends(line, STR("+}\n"))) {
        bye(m, STR("Lines end with CR LF, not LF alone"));
        return;
    }
    if (literal_at_end(line, &h)) {
        m->dropping = false;
        m->line_at = (uint32_t)m->text.len;
        begin_literal(m, &h);
    } else {
        finish_command(m);
    }
}

/* ---- taking octets ---- */

static void keep_tail(struct imap *m, struct str bytes)
{
    struct str last = str_skip(bytes, bytes.len - MIN(bytes.len, (size_t)TAIL_BYTES));

    memmove(m->tail, m->tail + last.len, TAIL_BYTES - last.len);
    memcpy(m->tail + TAIL_BYTES - last.len, last.at, last.len);
}

/* Keeps what fits under the limit; of the rest only the end, where a literal could be announced. */
static void keep_line(struct imap *m, struct str bytes)
{
    if (!m->dropping) {
        struct str fits = str_take(bytes, room_for_line(m));

        buf_add(&m->text, fits);
        bytes = str_skip(bytes, fits.len);
        if (bytes.len == 0)
            return;
        m->dropping = true;
        if (m->tail == NULL)
            m->tail = arena_alloc(machine_mem(m), TAIL_BYTES);
        memset(m->tail, 0, TAIL_BYTES);
        keep_tail(m, buf_str(&m->text));
        machine_fail(m, "[TOOBIG] Command too long");
    }
    keep_tail(m, bytes);
    m->skipped += bytes.len;
    if (m->skipped > m->limits->skip_bytes_max)
        bye(m, STR("[TOOBIG] Command too long"));
}

static size_t feed_line(struct imap *m, struct str bytes)
{
    size_t lf = str_find_char(bytes, '\n');
    size_t used = lf == STR_NOT_FOUND ? bytes.len : lf + 1;

    keep_line(m, str_take(bytes, used));
    if (lf != STR_NOT_FOUND && m->state != CLOSING)
        finish_line(m);
    return used;
}

static size_t feed_literal(struct imap *m, struct str bytes)
{
    struct str part = str_take(bytes, (size_t)MIN((uint64_t)bytes.len, m->left));

    if (m->state == LITERAL)
        buf_add(&m->text, part);
    m->left -= part.len;
    if (m->left == 0) {
        m->state = COMMAND;
        m->line_at = (uint32_t)m->text.len;
    }
    return part.len;
}

static bool takes_bytes(const struct imap *m)
{
    return m->due == IMAP_WANT_BYTES && m->out.len == 0 &&
           (m->state == COMMAND || m->state == LITERAL || m->state == SKIPPING ||
            m->state == APPEND_BODY || m->state == SASL || m->state == IDLING);
}

static void take_back_loans(struct imap *m)
{
    if (m->sending) {
        buf_deinit(&m->out);
        m->sending = false;
    }
    if (m->body.len > 0 && m->due != IMAP_BODY)
        buf_clear(&m->body);
}

size_t imap_feed(struct imap *m, struct str bytes)
{
    size_t used = 0;

    take_back_loans(m);
    while (used < bytes.len && takes_bytes(m)) {
        struct str rest = str_skip(bytes, used);

        if (m->state == APPEND_BODY)
            used += machine_append_octets(m, rest);
        else if (m->state == LITERAL || m->state == SKIPPING)
            used += feed_literal(m, rest);
        else
            used += feed_line(m, rest);
        if (m->state == APPEND_BODY && m->left == 0 && m->due == IMAP_WANT_BYTES)
            machine_append_octets_end(m);
    }
    return used;
}

static enum imap_event no_event(const struct imap *m)
{
    if (m->state == CLOSING)
        return IMAP_CLOSE;
    return m->state == BUSY || m->state == APPEND_ASK ? IMAP_WAIT : IMAP_WANT_BYTES;
}

enum imap_event imap_next(struct imap *m, struct imap_out *out)
{
    enum imap_event due;

    take_back_loans(m);
    while (m->state == APPEND_GO && m->due == IMAP_WANT_BYTES && m->out.len == 0)
        machine_append_go_on(m);
    due = m->due;
    *out = (struct imap_out){ .command = m->command, .accepted = m->accepted };
    if (m->out.len > 0) {
        out->text = buf_str(&m->out);
        m->sending = true;
        return IMAP_SEND;
    }
    m->due = IMAP_WANT_BYTES;
    if (due == IMAP_BODY) {
        out->text = buf_str(&m->body);
        if (m->left == 0)
            machine_append_octets_end(m);
    } else if (due == IMAP_AUTH_LINE) {
        out->text = str_trim_crlf(str_skip(buf_str(&m->text), m->line_at));
    }
    return due != IMAP_WANT_BYTES ? due : no_event(m);
}

/* ---- the caller's answers ---- */

void imap_done(struct imap *m)
{
    BUG_ON(m->state != BUSY);
    machine_reset(m);
}

/* The command is still in `text`; its place stays the same. */
const char *imap_use_filters(struct imap *m, const struct scan_filter *filters, uint32_t count)
{
    struct str text = buf_str(&m->text);
    struct imap_command c = { .tag = m->command->tag };
    struct scan s;

    BUG_ON(m->state != BUSY);
    text.len -= MIN(text.len, (size_t)2);
    s = machine_scan(m, text);
    s.filters = filters;
    s.filter_count = count;
    (void)scan_tag(&s);
    scan_space(&s);
    if (command_begin(&s, m->facts, &c))
        command_args(&s, &c);
    if (!scan_ok(&s))
        return arena_printf(m->mem, "%s %s", s.refused ? "NO" : "BAD", s.error).at;
    *m->command = c;
    return NULL;
}

/* A line that answers is collected alone; the command has been parsed. */
static void await_line(struct imap *m, enum state state)
{
    BUG_ON(m->state != BUSY);
    buf_deinit(&m->text);
    m->line_at = 0;
    m->state = state;
}

void imap_challenge(struct imap *m, struct str text)
{
    await_line(m, SASL);
    BUF_ADD(&m->out, "+ ");
    buf_add(&m->out, text);
    BUF_ADD(&m->out, "\r\n");
}

/* An idle connection may stay so for half an hour: of its command only the tag is kept. */
void imap_idle(struct imap *m)
{
    struct str tag = m->command->tag;

    await_line(m, IDLING);
    m->idle_tag = calloc(1, tag.len + 1);
    if (m->idle_tag == NULL)
        BUG("out of memory");
    memcpy(m->idle_tag, tag.at, tag.len);
    arena_free(m->mem);
    m->mem = NULL;
    m->tail = NULL;
    m->command = NULL;
    BUF_ADD(&m->out, "+ idling\r\n");
}

void imap_tls_started(struct imap *m)
{
    machine_reset(m);
    buf_deinit(&m->out);
    m->sending = false;
    m->due = IMAP_WANT_BYTES;
}
