/* gate/imap/fetch_row.c - one row of keeper as one FETCH response. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/fetch_row.h"

#include "message/record/fields.h"
#include "message/record/imap_text.h"
#include "proto/imap/parse/imap_date.h"

bool fetch_is_octets(enum imap_fetch_kind kind)
{
    return kind == FETCH_SECTION || kind == FETCH_RFC822 || kind == FETCH_RFC822_HEADER ||
           kind == FETCH_RFC822_TEXT || kind == FETCH_BINARY || kind == FETCH_BINARY_SIZE;
}

bool fetch_is_fields(const struct imap_fetch_item *item)
{
    return item->kind == FETCH_SECTION && (item->section->kind == SECTION_HEADER_FIELDS ||
                                           item->section->kind == SECTION_HEADER_FIELDS_NOT);
}

uint64_t fetch_part_bytes(const struct keep_want *want, const struct keep_part *part)
{
    uint64_t behind = part->total > want->offset ? part->total - want->offset : 0;

    return MIN(want->length, behind);
}

bool fetch_is_whole(const struct fetch_task *t, const struct keep_row *row)
{
    for (uint32_t i = 0; i < t->want_count; i++) {
        if (i >= row->parts_count)
            return false;
        if (row->parts[i].exists &&
            row->parts[i].bytes.len < fetch_part_bytes(&t->wants[i], &row->parts[i]))
            return false;
    }
    return true;
}

/* ---- octets ---- */

void fetch_put_label(struct fetch_line *line, const struct imap_fetch_item *item)
{
    struct buf label = { 0 };

    switch (item->kind) {
    case FETCH_RFC822:
        reply_fetch_item(line, STR("RFC822"));
        break;
    case FETCH_RFC822_HEADER:
        reply_fetch_item(line, STR("RFC822.HEADER"));
        break;
    case FETCH_RFC822_TEXT:
        reply_fetch_item(line, STR("RFC822.TEXT"));
        break;
    default:
        reply_section_label(&label, item);
        reply_fetch_item(line, buf_str(&label));
        buf_deinit(&label);
        break;
    }
}

/* A literal cannot carry NUL (RFC 3501 4.3.1); a message that has some is shown with another octet
 * in each place, so that sizes stay true. */
void fetch_put_octets(struct buf *out, struct str octets)
{
    size_t at = out->len;

    buf_add(out, octets);
    if (octets.len == 0 || memchr(octets.at, '\0', octets.len) == NULL)
        return;
    for (; at < out->len; at++)
        if (out->at[at] == '\0')
            out->at[at] = (char)0x80;
}

static void put_literal(struct buf *out, struct str octets)
{
    BUF_ADD(out, "{");
    buf_add_u64(out, octets.len);
    BUF_ADD(out, "}\r\n");
    fetch_put_octets(out, octets);
}

void fetch_put_part(struct fetch_line *line, const struct imap_fetch_item *item,
                    const struct keep_part *part)
{
    fetch_put_label(line, item);
    if (part->exists)
        put_literal(line->out, part->bytes);
    else
        BUF_ADD(line->out, "NIL");
}

void fetch_put_fields(struct fetch_line *line, const struct imap_fetch_item *item,
                      struct str header)
{
    struct buf fields = { 0 };
    struct str chosen;

    header_subset(header, item->fields.at, item->fields.count,
                  item->section->kind == SECTION_HEADER_FIELDS_NOT, &fields);
    chosen = buf_str(&fields);
    if (item->has_partial)
        chosen = str_sub(chosen, item->partial_from, item->partial_count);
    fetch_put_label(line, item);
    put_literal(line->out, chosen);
    buf_deinit(&fields);
}

/* ---- the other items ---- */

static void put_flags(struct imap_session *s, const struct keep_row *row, struct fetch_line *line)
{
    reply_fetch_item(line, STR("FLAGS"));
    flags_format(selected_flag_bits(s->box, row), s->box->keywords, line->out);
}

static void put_number(struct fetch_line *line, struct str name, uint64_t value)
{
    reply_fetch_item(line, name);
    buf_add_u64(line->out, value);
}

static void put_id(struct fetch_line *line, struct str name, char kind, uint64_t id)
{
    reply_fetch_item(line, name);
    buf_printf(line->out, "(%c%llx)", kind, (unsigned long long)id);
}

static void put_record_item(struct imap_session *s, enum imap_fetch_kind kind,
                            const struct record *r, struct fetch_line *line)
{
    bool utf8 = (imap_facts(s->machine) & IMAP_UTF8) != 0;

    if (kind == FETCH_ENVELOPE) {
        reply_fetch_item(line, STR("ENVELOPE"));
        imap_format_envelope(r, line->out);
    } else if (kind == FETCH_PREVIEW) {
        reply_fetch_item(line, STR("PREVIEW"));
        reply_string(line->out, r->preview, utf8);
    } else {
        bool extended = kind == FETCH_BODY_STRUCTURE_EXTENDED;

        reply_fetch_item(line, extended ? STR("BODYSTRUCTURE") : STR("BODY"));
        imap_format_body(r, extended, line->out);
    }
}

static void put_item(struct imap_session *s, enum imap_fetch_kind kind, const struct keep_row *row,
                     struct fetch_line *line)
{
    switch (kind) {
    case FETCH_FLAGS:
        put_flags(s, row, line);
        break;
    case FETCH_UID:
        put_number(line, STR("UID"), row->uid);
        break;
    case FETCH_RFC822_SIZE:
        put_number(line, STR("RFC822.SIZE"), row->size);
        break;
    case FETCH_INTERNALDATE:
        reply_fetch_item(line, STR("INTERNALDATE"));
        imap_date_format(line->out, row->internal_date, (int)row->internal_zone);
        break;
    case FETCH_SAVEDATE:
        reply_fetch_item(line, STR("SAVEDATE"));
        if (row->save_date != 0)
            imap_date_format(line->out, row->save_date, 0);
        else
            BUF_ADD(line->out, "NIL");
        break;
    case FETCH_MODSEQ:
        reply_fetch_item(line, STR("MODSEQ"));
        buf_printf(line->out, "(%llu)", (unsigned long long)row->modseq);
        break;
    case FETCH_EMAILID:
        put_id(line, STR("EMAILID"), 'E', row->email);
        break;
    case FETCH_THREADID:
        put_id(line, STR("THREADID"), 'T', row->thread);
        break;
    default:
        break;
    }
}

#define RECORD_ITEMS (ITEM_RECORD | ITEM_ENVELOPE | ITEM_STRUCTURE | ITEM_PREVIEW)

static bool is_record_item(enum imap_fetch_kind kind)
{
    return kind == FETCH_ENVELOPE || kind == FETCH_BODY_STRUCTURE ||
           kind == FETCH_BODY_STRUCTURE_EXTENDED || kind == FETCH_PREVIEW;
}

/* A record that cannot be read is shown as that of an empty message: the message itself can still
 * be fetched. */
static void open_record(struct str octets, struct buf *made, struct record *ret)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

    if (record_open(octets, ret) == OK)
        return;
    record_build(STR_EMPTY, &limits, made);
    if (record_open(buf_str(made), ret) != OK)
        BUG("the record of an empty message cannot be read");
}

/* The octets of an item of a whole row that is a list of fields. They come out of the record when
 * keeper has not sent the header for it. */
static void put_fields_of_row(struct imap_session *s, struct fetch_task *t,
                              const struct keep_row *row, uint32_t want, struct fetch_line *line)
{
    const struct imap_fetch_item *item = &t->args->items[t->want_items[want]];
    const struct keep_part *part = &row->parts[want];
    bool unlisted = item->section->kind == SECTION_HEADER_FIELDS_NOT;
    struct str chosen;
    struct record r;

    buf_clear(&s->hold);
    if (!t->wants[want].kept || part->total > 0 || record_open(row->record, &r) != OK ||
        !record_fields(&r, item->fields.at, item->fields.count, &s->hold))
        header_subset(part->bytes, item->fields.at, item->fields.count, unlisted, &s->hold);
    chosen = buf_str(&s->hold);
    if (item->has_partial)
        chosen = str_sub(chosen, item->partial_from, item->partial_count);
    reply_fetch_item(line, t->labels[want]);
    put_literal(line->out, chosen);
    buf_clear(&s->hold); /* its memory is for the next row */
}

/* \Seen was set on the way: the change is told here, not once more at the end. */
static void note_seen(struct imap_session *s, const struct keep_row *row)
{
    struct uidset one = { 0 };

    uidset_add(&one, row->uid);
    selected_told(s->box, &one, row->modseq);
    uidset_deinit(&one);
}

struct fetch_line fetch_begin(struct imap_session *s, struct fetch_task *t,
                              const struct keep_row *row)
{
    struct fetch_line line = reply_fetch_begin(&s->out, selected_number(s, row->uid));
    struct buf made = { 0 };
    struct record record;

    if (t->mark_seen)
        note_seen(s, row);
    if ((t->items & RECORD_ITEMS) != 0)
        open_record(row->record, &made, &record);
    for (uint32_t i = 0; i < t->args->item_count; i++) {
        enum imap_fetch_kind kind = t->args->items[i].kind;

        if (is_record_item(kind))
            put_record_item(s, kind, &record, &line);
        else
            put_item(s, kind, row, &line);
    }
    if (t->tells_flags)
        put_flags(s, row, &line);
    if (t->mark_seen && imap_session_has(s, IMAP_CONDSTORE)) { /* RFC 7162 3.2.4 */
        if (!t->with_uid && !imap_session_has(s, IMAP_UIDONLY))
            put_item(s, FETCH_UID, row, &line);
        if (!t->with_modseq)
            put_item(s, FETCH_MODSEQ, row, &line);
    }
    buf_deinit(&made);
    return line;
}

/* Most rows of a page have the same flags as the row before, whose text lies in `out` still. Room
 * for the line is made before it is pointed at, so it stays where it is. */
static void flags_row(struct imap_session *s, struct fetch_task *t, const struct keep_row *row)
{
    enum { LINE_BYTES = 200 };
    struct fetch_number number = selected_number(s, row->uid);
    uint64_t bits = selected_flag_bits(s->box, row);
    size_t before = s->out.len;
    uint32_t uid = t->with_uid ? row->uid : 0;
    uint64_t modseq = t->with_modseq ? row->modseq : 0;
    struct buf fresh = { 0 };

    if (t->flags_len > 0 && t->flags_bits == bits) {
        (void)buf_reserve(&s->out, t->flags_len + LINE_BYTES);
        reply_flags_line(&s->out, number, str_from(s->out.at + t->flags_at, t->flags_len), uid,
                         modseq);
        return;
    }
    flags_format(bits, s->box->keywords, &fresh);
    reply_flags_line(&s->out, number, buf_str(&fresh), uid, modseq);

    struct str line = str_skip(buf_str(&s->out), before);
    t->flags_bits = bits;
    t->flags_len = fresh.len;
    t->flags_at = before + str_find(line, STR("FLAGS (")) + sizeof("FLAGS ") - 1;
    buf_deinit(&fresh);
}

void fetch_row(struct imap_session *s, struct fetch_task *t, const struct keep_row *row)
{
    uint32_t seq = view_seq(&s->box->view, row->uid);

    if (seq == 0 || !fetch_binary_begin(t, row))
        return;
    if (t->flags_only) {
        flags_row(s, t, row);
        return;
    }

    struct fetch_line line = fetch_begin(s, t, row);
    for (uint32_t i = 0; i < t->want_count; i++) {
        const struct imap_fetch_item *item = &t->args->items[t->want_items[i]];

        if (fetch_is_binary(item))
            fetch_put_binary(&line, item, t->codings[i], &row->parts[i]);
        else if (fetch_is_fields(item) && row->parts[i].exists)
            put_fields_of_row(s, t, row, i, &line);
        else
            fetch_put_part(&line, item, &row->parts[i]);
    }
    reply_fetch_end(&line);
}
