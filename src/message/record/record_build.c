/* message/record/record_build.c - writing structure records.
 *
 * The frame is reserved first and filled in last, when the lengths of the sections are known. Parts
 * are length-prefixed, so each is put together in a small buffer that is used again for the next.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/fields.h"
#include "message/record/preview.h"
#include "message/record/record.h"
#include "message/record/record_codec.h"
#include "message/record/thread.h"
#include "message/record/walk.h"
#include "message/text/date.h"
#include "message/text/msgid.h"
#include "message/text/word.h"

static const struct str nil = { NULL, 0 };

struct builder {
    struct arena *mem;
    const struct message_limits *limits;
    struct str message;
    struct walk walk;
    struct buf *out;
    struct buf entry, inner; /* one part; the envelope within it */
    uint8_t facts;
};

/* A text that must be there, if only as "". */
static struct str present(struct str s)
{
    return s.at == NULL ? STR_EMPTY : s;
}

static void put_address(struct buf *out, const struct mail_address *a)
{
    bool mailbox = a->kind == ADDRESS_MAILBOX;

    put_u8(out, ADDRESS_FOLLOWS);
    put_text(out, mailbox ? a->name : nil);
    put_text(out, mailbox ? a->route : nil);
    put_text(out, mailbox                          ? present(a->local)
                  : a->kind == ADDRESS_GROUP_START ? present(a->name)
                                                   : nil);
    put_text(out, mailbox ? present(a->domain) : nil);
}

/* A field that comes twice, as obsolete syntax allows (RFC 5322 4.5.3), is one list. */
static void put_addresses(struct builder *b, const struct walk_value *values, struct buf *out)
{
    uint32_t count = 0;
    struct mail_address a;

    for (; values != NULL && values->value.at != NULL; values = values->next) {
        struct address_parser p = address_parser_of(values->value);

        while (address_next(b->mem, &p, &a)) {
            if (count++ == b->limits->addresses_max) {
                b->facts |= RECORD_OPAQUE;
                break;
            }
            put_address(out, &a);
        }
        if (count > b->limits->addresses_max)
            break;
    }
    put_u8(out, ADDRESS_LIST_END);
}

static void put_envelope(struct builder *b, const struct walk_header *h, struct buf *out)
{
    for (int f = ENVELOPE_DATE; f < ENVELOPE_FIELD_COUNT; f++)
        if (f >= ENVELOPE_FROM && f <= ENVELOPE_BCC)
            put_addresses(b, &h->fields[f], out);
        else
            put_text(out, h->fields[f].value);
}

static void put_params(struct buf *out, const struct param *params, size_t count)
{
    put_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        put_text(out, params[i].name);
        put_text(out, present(params[i].value));
    }
}

/* Content-Language = 1#language-tag (RFC 3282 2); comments are passed over by param_token. */
static void put_languages(struct buf *out, struct str value)
{
    struct str rest = value;
    uint32_t count = 0;

    while (rest.len != 0)
        count += param_token(str_split(&rest, ',')).len != 0;
    put_varint(out, count);
    for (rest = value; rest.len != 0;) {
        struct str tag = param_token(str_split(&rest, ','));

        if (tag.len != 0)
            put_text(out, tag);
    }
}

static bool names_file(const struct param *params, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_starts_nocase(params[i].name, name) &&
            (params[i].name.len == name.len || params[i].name.at[name.len] == '*'))
            return true;
    return false;
}

/* What people call an attachment: declared as one, or a file that is not meant to be shown inline.
 */
static bool is_attachment(const struct walk_part *p, const struct content_disposition *d)
{
    if (str_eq_nocase(d->type, STR("attachment")))
        return true;
    if (p->kind == PART_MULTIPART || str_eq_nocase(d->type, STR("inline")))
        return false;
    return names_file(d->params.at, d->params.count, STR("filename")) ||
           names_file(p->params, p->param_count, STR("name"));
}

static void put_optional(struct builder *b, const struct walk_part *p, unsigned items,
                         const struct content_disposition *d)
{
    const struct walk_header *h = p->header;

    if ((items & PART_HAS_ENCODING) != 0)
        put_text(&b->entry, param_token(walk_value(h, WALK_CONTENT_ENCODING)));
    if ((items & PART_HAS_PARAMS) != 0)
        put_params(&b->entry, p->params, p->param_count);
    if ((items & PART_HAS_ID) != 0)
        put_text(&b->entry, walk_value(h, WALK_CONTENT_ID));
    if ((items & PART_HAS_DESCRIPTION) != 0)
        put_text(&b->entry, walk_value(h, WALK_CONTENT_DESCRIPTION));
    if ((items & PART_HAS_MD5) != 0)
        put_text(&b->entry, walk_value(h, WALK_CONTENT_MD5));
    if ((items & PART_HAS_LOCATION) != 0)
        put_text(&b->entry, walk_value(h, WALK_CONTENT_LOCATION));
    if ((items & PART_HAS_DISPOSITION) != 0) {
        put_text(&b->entry, present(d->type));
        put_params(&b->entry, d->params.at, d->params.count);
    }
    if ((items & PART_HAS_LANGUAGES) != 0)
        put_languages(&b->entry, walk_value(h, WALK_CONTENT_LANGUAGE));
}

static const struct {
    enum part_item item;
    enum walk_field field;
} item_fields[] = {
    { PART_HAS_ENCODING, WALK_CONTENT_ENCODING },
    { PART_HAS_ID, WALK_CONTENT_ID },
    { PART_HAS_DESCRIPTION, WALK_CONTENT_DESCRIPTION },
    { PART_HAS_MD5, WALK_CONTENT_MD5 },
    { PART_HAS_LOCATION, WALK_CONTENT_LOCATION },
    { PART_HAS_LANGUAGES, WALK_CONTENT_LANGUAGE },
};

static unsigned find_items(const struct walk_part *p, bool disposition)
{
    unsigned items =
        (p->param_count != 0 ? PART_HAS_PARAMS : 0u) | (disposition ? PART_HAS_DISPOSITION : 0u);

    for (size_t i = 0; i < ARRAY_LEN(item_fields); i++)
        if (walk_value(p->header, item_fields[i].field).at != NULL)
            items |= item_fields[i].item;
    return items;
}

static void put_part(struct builder *b, const struct walk_part *p)
{
    struct str disposition_field = walk_value(p->header, WALK_CONTENT_DISPOSITION);
    struct content_disposition d = { 0 };
    bool disposition = disposition_field.at != NULL &&
                       content_disposition_parse(b->mem, b->limits, disposition_field, &d) == OK;
    unsigned items = find_items(p, disposition);
    struct str encoding = walk_value(p->header, WALK_CONTENT_ENCODING);

    buf_clear(&b->entry);
    put_u8(&b->entry, (uint8_t)((unsigned)p->kind |
                                (unsigned)encoding_from_name(param_token(present(encoding))) << 2));
    put_u8(&b->entry, (uint8_t)items);
    put_varint(&b->entry, p->descendants);
    put_varint(&b->entry, p->header->at);
    put_varint(&b->entry, p->header->bytes);
    put_varint(&b->entry, p->body_end - p->body_at);
    put_varint(&b->entry, p->lines);
    put_text(&b->entry, p->type);
    put_text(&b->entry, p->subtype);
    put_optional(b, p, items, &d);
    if (p->kind == PART_MESSAGE) {
        buf_clear(&b->inner);
        put_envelope(b, p->inner, &b->inner);
        put_varint(&b->entry, p->inner->bytes);
        put_str(&b->entry, buf_str(&b->inner));
    }
    put_str(b->out, buf_str(&b->entry));
    if (is_attachment(p, &d))
        b->facts |= RECORD_HAS_ATTACHMENT;
}

uint64_t record_hash_message_id(struct str id)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (uint8_t)id.at[i]) * 1099511628211u;
    return hash;
}

static uint32_t put_references(struct builder *b, const struct walk_header *h)
{
    struct msgid_list list =
        msgid_list_parse(b->mem, b->limits, present(walk_value(h, WALK_REFERENCES)));
    struct str id;

    for (size_t i = 0; i < list.count; i++)
        put_u64(b->out, record_hash_message_id(list.at[i]));
    if (list.count != 0 || !msgid_parse(b->mem, present(walk_value(h, WALK_IN_REPLY_TO)), &id))
        return (uint32_t)list.count;
    put_u64(b->out, record_hash_message_id(id));
    return 1;
}

static void put_subject(struct builder *b, const struct walk_header *h)
{
    struct str subject = walk_value(h, WALK_SUBJECT);
    bool is_reply;

    if (subject.at == NULL)
        return;
    buf_add(b->out, thread_base_subject(b->mem, word_decode(b->mem, subject), &is_reply));
    if (is_reply)
        b->facts |= RECORD_IS_REPLY;
}

struct frame {
    size_t at, section; /* where the record and its current section begin in `out` */
    char octets[RECORD_FRAME_BYTES];
};

/* Notes the length of the section that ends here. */
static void end_section(const struct builder *b, struct frame *f, enum record_frame where)
{
    size_t len = b->out->len - f->section;

    BUG_ON(len > UINT32_MAX);
    store_u32(f->octets + where, (uint32_t)len);
    f->section = b->out->len;
}

static void set_date(struct builder *b, struct frame *f)
{
    struct str value = walk_value(b->walk.parts[0].header, WALK_DATE);
    struct mail_date date;

    if (value.at == NULL || !date_parse(value, &date))
        return;
    b->facts |= RECORD_HAS_DATE;
    store_u64(f->octets + FRAME_DATE, (uint64_t)date.epoch_s);
    f->octets[FRAME_DATE_ZONE] = (char)((uint16_t)date.zone_min >> 8);
    f->octets[FRAME_DATE_ZONE + 1] = (char)date.zone_min;
}

static void set_message_id(struct builder *b, struct frame *f)
{
    struct str value = present(walk_value(b->walk.parts[0].header, WALK_MESSAGE_ID)), id;

    if (!msgid_parse(b->mem, value, &id))
        return;
    b->facts |= RECORD_HAS_MESSAGE_ID;
    store_u64(f->octets + FRAME_MESSAGE_ID_HASH, record_hash_message_id(id));
}

/* The envelope is copied, because `out` may move while it is read. */
static void put_fields(struct builder *b, size_t envelope_at, size_t envelope_len)
{
    const struct walk_header *header = b->walk.parts[0].header;

    if (header->bytes > b->limits->header_bytes_max || b->out->overflowed)
        return;
    buf_clear(&b->inner);
    buf_add(&b->inner, str_from(b->out->at + envelope_at, envelope_len));
    if (record_fields_build(str_take(b->message, header->bytes), buf_str(&b->inner), b->out))
        b->facts |= RECORD_HAS_FIELDS;
}

static void put_sections(struct builder *b, struct frame *f)
{
    const struct walk_header *header = b->walk.parts[0].header;
    size_t envelope_at = b->out->len, envelope_len;

    f->section = envelope_at;
    put_envelope(b, header, b->out);
    envelope_len = b->out->len - envelope_at;
    end_section(b, f, FRAME_ENVELOPE_LEN);
    for (uint32_t i = 0; i < b->walk.count; i++)
        put_part(b, &b->walk.parts[i]);
    end_section(b, f, FRAME_PARTS_LEN);
    store_u32(f->octets + FRAME_REFERENCE_COUNT, put_references(b, header));
    f->section = b->out->len;
    put_subject(b, header);
    end_section(b, f, FRAME_SUBJECT_LEN);
    preview_build(&b->walk, b->message, b->out);
    end_section(b, f, FRAME_PREVIEW_LEN);
    put_fields(b, envelope_at, envelope_len);
    end_section(b, f, FRAME_FIELDS_LEN);
}

void record_build(struct str message, const struct message_limits *limits, struct buf *out)
{
    SCRATCH(tmp, NULL);
    struct builder b = { .mem = tmp, .limits = limits, .message = message, .out = out };
    struct frame f = { .at = out->len };
    const struct walk_part *root;

    walk_message(tmp, limits, message, &b.walk);
    root = &b.walk.parts[0];
    buf_add(out, str_from(f.octets, sizeof(f.octets)));
    put_sections(&b, &f);
    set_date(&b, &f);
    set_message_id(&b, &f);
    f.octets[FRAME_VERSION] = RECORD_VERSION;
    f.octets[FRAME_FACTS] = (char)(b.facts | b.walk.facts);
    store_u32(f.octets + FRAME_PART_COUNT, b.walk.count);
    store_u64(f.octets + FRAME_SIZE, message.len);
    store_u64(f.octets + FRAME_HEADER_BYTES, root->header->bytes);
    store_u64(f.octets + FRAME_LINES, root->lines);
    if (!out->overflowed)
        memcpy(out->at + f.at, f.octets, sizeof(f.octets));
    buf_deinit(&b.entry);
    buf_deinit(&b.inner);
}
