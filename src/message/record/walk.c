/* message/record/walk.c - the line walker.
 *
 * A stack holds what is open around the current octet: multiparts with their boundaries, messages,
 * and on top the part whose body is being read. Each line is looked at once. A line that is a
 * delimiter of an open multipart, innermost first, closes everything above it; so a missing inner
 * terminator costs nothing but the inner multipart's epilogue. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/walk.h"

struct line {
    size_t at, end, next; /* [at, end) is the text, [end, next) its line end */
};

struct level {
    uint32_t part;
    struct str boundary; /* empty: not a multipart, or its close-delimiter has been seen */
};

struct walker {
    struct arena *mem;
    const struct message_limits *limits;
    struct str msg;
    size_t pos;
    uint64_t newlines; /* line ends before pos */
    struct walk_part *parts;
    uint32_t count, cap;
    struct level stack[RECORD_DEPTH_MAX + 1];
    uint32_t height, height_max;
    struct walk_value *last[WALK_FIELD_COUNT]; /* of the header being read; null: none yet */
    bool full;                                 /* parts_max reached: the rest is one body */
    uint8_t facts;
};

static const struct str field_names[] = {
#define FIELD_NAME(name, text) STR_INIT(text),
    WALK_FIELD_ROWS(FIELD_NAME)
#undef FIELD_NAME
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The line at pos; false at the end of the message. The last line may lack its end. */
static bool peek_line(const struct walker *w, struct line *ret)
{
    if (w->pos == w->msg.len)
        return false;

    const char *at = w->msg.at + w->pos;
    const char *newline = memchr(at, '\n', w->msg.len - w->pos);

    ret->at = w->pos;
    if (newline == NULL) {
        ret->end = ret->next = w->msg.len;
        return true;
    }
    ret->next = (size_t)(newline - w->msg.at) + 1;
    ret->end = ret->next - 1;
    if (newline > at && newline[-1] == '\r')
        ret->end--;
    return true;
}

static void consume(struct walker *w, const struct line *l)
{
    size_t end_octets = l->next - l->end;

    w->pos = l->next;
    if (end_octets != 0)
        w->newlines++;
    if (end_octets == 1)
        w->facts |= RECORD_BARE_NEWLINE;
}

static struct str line_text(const struct walker *w, const struct line *l)
{
    return str_from(w->msg.at + l->at, l->end - l->at);
}

static bool all_blank(struct str s)
{
    while (s.len != 0 && is_blank(s.at[s.len - 1]))
        s.len--;
    return s.len == 0;
}

/* delimiter       := "--" boundary *LWSP-char
 * close-delimiter := "--" boundary "--" *LWSP-char   (RFC 2046 5.1.1)
 * The whole line is compared, not only its beginning: boundaries of real mail are often prefixes of
 * each other. Returns the level that the line delimits, or the stack's height for none. */
static uint32_t find_delimiter(const struct walker *w, struct str line, bool *closes)
{
    if (w->full || !str_starts(line, STR("--")))
        return w->height;

    struct str rest = str_skip(line, 2);

    for (uint32_t i = w->height; i-- > 0;) {
        struct str boundary = w->stack[i].boundary;

        if (boundary.len == 0 || !str_starts(rest, boundary))
            continue;

        struct str tail = str_skip(rest, boundary.len);
        bool close = str_starts(tail, STR("--"));

        if (all_blank(close ? str_skip(tail, 2) : tail)) {
            *closes = close;
            return i;
        }
    }
    return w->height;
}

/* The length of a field's name when the line begins a field, else 0. Blanks before the colon are
 * obsolete syntax (RFC 5322 4.5) and not part of the name. */
static size_t field_name_len(struct str line, size_t *colon)
{
    const char *at = line.len == 0 ? NULL : memchr(line.at, ':', line.len);
    size_t len;

    if (at == NULL)
        return 0;
    *colon = len = (size_t)(at - line.at);
    while (len != 0 && is_blank(line.at[len - 1]))
        len--;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line.at[i] <= ' ' || line.at[i] == 0x7f)
            return 0;
    return len;
}

static enum walk_field find_field(struct str name)
{
    char first = ascii_lower(name.at[0]);

    for (size_t i = 0; i < ARRAY_LEN(field_names); i++)
        if (field_names[i].len == name.len && ascii_lower(field_names[i].at[0]) == first &&
            str_eq_nocase(field_names[i], name))
            return (enum walk_field)i;
    return WALK_FIELD_COUNT;
}

static void add_value(struct walker *w, struct walk_header *h, enum walk_field f, struct str value)
{
    struct walk_value *to = &h->fields[f], *last = w->last[f];

    if (value.len > w->limits->field_bytes_max) {
        w->facts |= RECORD_OPAQUE;
        return;
    }
    if (last != NULL)
        to = last->next = ARENA_NEW(w->mem, struct walk_value);
    to->value = value;
    w->last[f] = to;
}

/* True for the "From " line that mbox tools leave at the top of a message. */
static bool is_mbox_line(struct str line)
{
    return str_starts(line, STR("From ")) || str_starts(line, STR(">From "));
}

/* One field with its folded lines, of which `l` is the first; pos is behind it afterwards. */
static void take_field(struct walker *w, struct walk_header *h, const struct line *l, size_t colon,
                       size_t name_len)
{
    enum walk_field f = find_field(str_from(w->msg.at + l->at, name_len));
    size_t from = l->at + colon + 1, to = l->end;
    struct line more;

    consume(w, l);
    while (peek_line(w, &more) && more.end > more.at && is_blank(w->msg.at[more.at])) {
        to = more.end;
        consume(w, &more);
    }
    if (f == WALK_FIELD_COUNT)
        return;
    if (w->pos - h->at > w->limits->header_bytes_max)
        w->facts |= RECORD_OPAQUE;
    else
        add_value(w, h, f, str_from(w->msg.at + from, to - from));
}

/* Reads the header at pos. It ends behind its blank line, or before a delimiter, or before a line
 * that is no field (the sender forgot the blank line; what follows is text). */
static struct walk_header *take_header(struct walker *w)
{
    struct walk_header *h = ARENA_NEW(w->mem, struct walk_header);
    struct line l;
    uint32_t fields = 0;
    size_t colon = 0;
    bool closes;

    h->at = w->pos;
    memset(w->last, 0, sizeof(w->last));
    while (peek_line(w, &l)) {
        struct str text = line_text(w, &l);

        if (text.len == 0) {
            consume(w, &l);
            break;
        }
        if (find_delimiter(w, text, &closes) != w->height)
            break;

        size_t name_len = field_name_len(text, &colon);
        if (name_len != 0 && fields++ < w->limits->fields_max)
            take_field(w, h, &l, colon, name_len);
        else if (name_len != 0 || (l.at == h->at && is_mbox_line(text)) ||
                 (fields > w->limits->fields_max && is_blank(text.at[0])))
            consume(w, &l);
        else
            break;
    }
    if (fields > w->limits->fields_max)
        w->facts |= RECORD_OPAQUE;
    h->bytes = w->pos - h->at;
    return h;
}

static bool is_type(const struct walk_part *p, struct str type)
{
    return str_eq_nocase(p->type, type);
}

static void set_text_plain(struct walk_part *p)
{
    p->kind = PART_LEAF;
    p->type = STR("text");
    p->subtype = STR("plain");
    p->params = NULL;
    p->param_count = 0;
}

static struct str find_boundary(const struct walk_part *p)
{
    for (size_t i = 0; i < p->param_count; i++)
        if (str_eq_nocase(p->params[i].name, STR("boundary")))
            return p->params[i].value;
    return STR_EMPTY;
}

/* Sets type and parameters from the Content-Type field; without a usable one the default holds:
 * message/rfc822 inside multipart/digest (RFC 2046 5.1.5), else text/plain (RFC 2045 5.2). */
static void set_type(struct walker *w, struct walk_part *p)
{
    struct str value = walk_value(p->header, WALK_CONTENT_TYPE);
    struct content_type type;

    if (value.at != NULL && content_type_parse(w->mem, w->limits, value, &type) == OK) {
        p->type = type.type;
        p->subtype = type.subtype;
        p->params = type.params.at;
        p->param_count = type.params.count;
        return;
    }
    set_text_plain(p);
    if (p->depth != 0 && w->parts[p->parent].kind == PART_MULTIPART &&
        str_eq_nocase(w->parts[p->parent].subtype, STR("digest"))) {
        p->type = STR("message");
        p->subtype = STR("rfc822");
    }
}

/* Decides what kind of part this is and makes it opaque when a limit or a missing boundary forbids
 * to look inside. */
static void set_kind(struct walker *w, struct walk_part *p, struct str *boundary)
{
    bool message = is_type(p, STR("message")) && (str_eq_nocase(p->subtype, STR("rfc822")) ||
                                                  str_eq_nocase(p->subtype, STR("global")));

    *boundary = STR_EMPTY;
    if (!message && !is_type(p, STR("multipart")))
        return;
    if (w->height >= w->height_max || (message && w->count >= w->limits->parts_max)) {
        w->facts |= RECORD_OPAQUE;
        set_text_plain(p);
        return;
    }
    if (message) {
        p->kind = PART_MESSAGE;
        return;
    }
    *boundary = find_boundary(p);
    if (boundary->len == 0 || boundary->len > w->limits->boundary_bytes_max) {
        if (boundary->len != 0)
            w->facts |= RECORD_OPAQUE;
        *boundary = STR_EMPTY;
        set_text_plain(p);
        return;
    }
    p->kind = PART_MULTIPART;
}

static struct walk_part *add_part(struct walker *w)
{
    if (w->count == w->cap) {
        uint32_t cap = w->cap == 0 ? 8 : w->cap * 2;
        struct walk_part *grown = ARENA_ARRAY(w->mem, struct walk_part, cap);

        if (w->count != 0)
            memcpy(grown, w->parts, w->count * sizeof(*grown));
        w->parts = grown;
        w->cap = cap;
    }
    return &w->parts[w->count++];
}

/* Opens the part whose header is `header`, read already. Returns its kind. */
static enum part_kind open_part(struct walker *w, struct walk_header *header)
{
    struct walk_part *p = add_part(w);
    struct str boundary;

    *p = (struct walk_part){ .header = header, .depth = w->height, .body_at = w->pos };
    p->parent = w->height == 0 ? 0 : w->stack[w->height - 1].part;
    p->lines = w->newlines; /* until it is closed: line ends before the body */
    set_type(w, p);
    set_kind(w, p, &boundary);
    w->stack[w->height++] = (struct level){ w->count - 1, boundary };
    return p->kind;
}

/* Opens the part at pos, and when it is a message, the root of that message, and so on. */
static void open_entity(struct walker *w)
{
    struct walk_header *header = take_header(w);

    while (open_part(w, header) == PART_MESSAGE) {
        uint32_t outer = w->count - 1;

        header = take_header(w);
        w->parts[outer].inner = header;
    }
}

/* Ends a part before the delimiter line at `end`, or at the end of the message. The line end before
 * a delimiter belongs to the delimiter (RFC 2046 5.1.1). A last line without an end counts. */
static void close_part(struct walker *w, struct walk_part *p, size_t end, bool at_delimiter)
{
    uint64_t newlines = w->newlines - p->lines;

    if (at_delimiter && end > p->body_at) {
        end--;
        newlines--;
        if (end > p->body_at && w->msg.at[end - 1] == '\r')
            end--;
    }
    p->body_end = MAX(end, p->body_at);
    p->lines = newlines + (end > p->body_at && w->msg.at[end - 1] != '\n' ? 1 : 0);
    if (p->kind == PART_MULTIPART && w->parts + w->count == p + 1)
        set_text_plain(p);
}

/* A message that ends within its own header gave its last line end to the delimiter; then nothing
 * inside may reach past that. `p` was closed just now, so its parts are the last ones. */
static void clamp_inside(struct walker *w, const struct walk_part *p)
{
    size_t end = p->body_end;

    if (p->inner->at + p->inner->bytes <= end)
        return;
    for (struct walk_part *q = w->parts + (p - w->parts) + 1; q < w->parts + w->count; q++) {
        q->header->at = MIN(q->header->at, end);
        q->header->bytes = MIN(q->header->bytes, end - q->header->at);
        q->body_at = MIN(q->body_at, end);
        q->body_end = MIN(q->body_end, end);
    }
}

static void close_down_to(struct walker *w, uint32_t height, size_t end, bool at_delimiter)
{
    while (w->height > height) {
        struct walk_part *p = &w->parts[w->stack[--w->height].part];

        close_part(w, p, end, at_delimiter);
        if (p->kind == PART_MESSAGE)
            clamp_inside(w, p);
    }
}

/* Reads body lines until the end. */
static void take_bodies(struct walker *w)
{
    struct line l;
    bool closes = false;

    while (peek_line(w, &l)) {
        bool dashes = l.end - l.at > 2 && w->msg.at[l.at] == '-' && w->msg.at[l.at + 1] == '-';
        uint32_t level = dashes ? find_delimiter(w, line_text(w, &l), &closes) : w->height;

        if (level == w->height) {
            consume(w, &l);
            continue;
        }
        if (!closes && w->count >= w->limits->parts_max) {
            w->full = true;
            w->facts |= RECORD_OPAQUE;
            continue;
        }
        close_down_to(w, level + 1, l.at, true);
        consume(w, &l);
        if (closes)
            w->stack[level].boundary = STR_EMPTY;
        else
            open_entity(w);
    }
    close_down_to(w, 0, w->msg.len, false);
}

static void count_descendants(struct walk_part *parts, uint32_t count)
{
    for (uint32_t i = count; i-- > 1;)
        parts[parts[i].parent].descendants += parts[i].descendants + 1;
}

static bool has_high_bit(struct str s)
{
    uint64_t all = 0, word;

    for (; s.len >= sizeof(word); s = str_skip(s, sizeof(word))) {
        memcpy(&word, s.at, sizeof(word));
        all |= word;
    }
    for (size_t i = 0; i < s.len; i++)
        all |= (uint64_t)(s.at[i] & 0x80);
    return (all & 0x8080808080808080u) != 0;
}

void walk_message(struct arena *mem, const struct message_limits *limits, struct str message,
                  struct walk *ret)
{
    struct walker w = { .mem = mem, .limits = limits, .msg = message };
    uint32_t depth_max = MIN(limits->depth_max, RECORD_DEPTH_MAX);

    w.height_max = depth_max;
    open_entity(&w);
    take_bodies(&w);
    count_descendants(w.parts, w.count);
    if (has_high_bit(str_take(message, w.parts[0].header->bytes)))
        w.facts |= RECORD_HEADER_8BIT;
    *ret = (struct walk){ w.parts, w.count, w.facts };
}
