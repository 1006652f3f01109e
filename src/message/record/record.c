/* message/record/record.c - reading structure records.
 *
 * The frame holds the numbers that most questions need; the sections are decoded on the way, so
 * that a FETCH of FLAGS or RFC822.SIZE never looks at an address. A reader that meets a damaged
 * octet says "end" and "not there" from then on. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/record.h"

#include "message/record/record_codec.h"
#include "message/text/param.h"

enum { REFERENCE_BYTES = 8 };

static uint16_t load_u16(const char *at)
{
    return (uint16_t)((uint8_t)at[0] << 8 | (uint8_t)at[1]);
}

static struct str take(struct str *rest, uint64_t len)
{
    struct str s = str_take(*rest, (size_t)len);

    *rest = str_skip(*rest, (size_t)len);
    return s;
}

/* 0: of a version that is not known. */
static size_t frame_bytes_of(struct str octets)
{
    uint8_t version = (uint8_t)octets.at[FRAME_VERSION];

    return version == RECORD_VERSION ? RECORD_FRAME_BYTES : version == 1 ? FRAME_BYTES_OF_1 : 0;
}

enum err record_open(struct str octets, struct record *ret)
{
    const char *at = octets.at;
    size_t frame;

    if (octets.len < FRAME_BYTES_OF_1)
        return ERR_CORRUPT;
    if ((frame = frame_bytes_of(octets)) == 0)
        return ERR_UNSUPPORTED;
    if (octets.len < frame)
        return ERR_CORRUPT;

    uint64_t fields = frame == RECORD_FRAME_BYTES ? load_u32(at + FRAME_FIELDS_LEN) : 0;
    uint64_t envelope = load_u32(at + FRAME_ENVELOPE_LEN), parts = load_u32(at + FRAME_PARTS_LEN);
    uint64_t references = load_u32(at + FRAME_REFERENCE_COUNT);
    uint64_t subject = load_u32(at + FRAME_SUBJECT_LEN), preview = load_u32(at + FRAME_PREVIEW_LEN);
    struct str rest = str_skip(octets, frame);

    if (envelope + parts + references * REFERENCE_BYTES + subject + preview + fields != rest.len ||
        load_u32(at + FRAME_PART_COUNT) == 0)
        return ERR_CORRUPT;
    *ret = (struct record){
        .size_bytes = load_u64(at + FRAME_SIZE),
        .header_bytes = load_u64(at + FRAME_HEADER_BYTES),
        .lines = load_u64(at + FRAME_LINES),
        .date_s = (int64_t)load_u64(at + FRAME_DATE),
        .date_zone_min = (int16_t)load_u16(at + FRAME_DATE_ZONE),
        .facts = (uint8_t)at[FRAME_FACTS],
        .part_count = load_u32(at + FRAME_PART_COUNT),
        .message_id_hash = load_u64(at + FRAME_MESSAGE_ID_HASH),
        .reference_count = (uint32_t)references,
    };
    ret->envelope = take(&rest, envelope);
    ret->parts = take(&rest, parts);
    ret->references = take(&rest, references * REFERENCE_BYTES);
    ret->base_subject = take(&rest, subject);
    ret->preview = take(&rest, preview);
    ret->fields = rest;
    return OK;
}

struct str record_trim(struct arena *mem, struct str octets, unsigned sections)
{
    static const uint8_t lengths[] = { FRAME_ENVELOPE_LEN, FRAME_PARTS_LEN,   FRAME_REFERENCE_COUNT,
                                       FRAME_SUBJECT_LEN,  FRAME_PREVIEW_LEN, FRAME_FIELDS_LEN };
    size_t frame = octets.len < FRAME_BYTES_OF_1 ? 0 : frame_bytes_of(octets);
    struct record r;

    if (frame == 0 || record_open(octets, &r) != OK)
        return arena_copy(mem, octets);

    const struct str all[] = { r.envelope,     r.parts,   r.references,
                               r.base_subject, r.preview, r.fields };
    size_t len = frame;
    char *made, *to;

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        len += (sections >> i & 1) != 0 ? all[i].len : 0;
    to = made = arena_alloc(mem, len);
    memcpy(to, octets.at, frame);
    to += frame;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if ((sections >> i & 1) == 0) {
            if (lengths[i] < frame)
                store_u32(made + lengths[i], 0);
        } else if (all[i].len > 0) {
            memcpy(to, all[i].at, all[i].len);
            to += all[i].len;
        }
    if ((sections & RECORD_FIELDS) == 0)
        made[FRAME_FACTS] = (char)((uint8_t)made[FRAME_FACTS] & ~RECORD_HAS_FIELDS);
    return str_from(made, len);
}

uint64_t record_reference(const struct record *r, uint32_t i)
{
    BUG_ON(i >= r->reference_count);
    return load_u64(r->references.at + (size_t)i * REFERENCE_BYTES);
}

static bool is_address_field(enum envelope_field field)
{
    return field >= ENVELOPE_FROM && field <= ENVELOPE_BCC;
}

static void skip_addresses(struct reader *r)
{
    enum text_class class;

    while (get_u8(r) == ADDRESS_FOLLOWS)
        for (int i = 0; i < ADDRESS_TEXTS; i++)
            (void)get_text(r, &class);
}

/* A reader that stands at the beginning of `field`. */
static struct reader seek_field(struct str envelope, enum envelope_field field)
{
    struct reader r = reader_of(envelope);
    enum text_class class;

    for (enum envelope_field f = ENVELOPE_DATE; f < field; f++)
        if (is_address_field(f))
            skip_addresses(&r);
        else
            (void)get_text(&r, &class);
    return r;
}

struct str envelope_text(struct str envelope, enum envelope_field field)
{
    struct reader r = seek_field(envelope, field);
    enum text_class class;

    BUG_ON(is_address_field(field));
    return get_text(&r, &class);
}

struct envelope_addresses envelope_addresses(struct str envelope, enum envelope_field field)
{
    struct reader r = seek_field(envelope, field);

    BUG_ON(!is_address_field(field));
    if ((field == ENVELOPE_SENDER || field == ENVELOPE_REPLY_TO) && r.rest.len != 0 &&
        r.rest.at[0] == ADDRESS_LIST_END)
        r = seek_field(envelope, ENVELOPE_FROM);
    return (struct envelope_addresses){ r };
}

bool envelope_next(struct envelope_addresses *list, struct mail_address *ret)
{
    struct str text[ADDRESS_TEXTS];
    enum text_class class;

    if (get_u8(&list->rest) != ADDRESS_FOLLOWS)
        return false;
    for (int i = 0; i < ADDRESS_TEXTS; i++)
        text[i] = get_text(&list->rest, &class);
    if (list->rest.bad)
        return false;
    /* RFC 3501 7.4.2: a group's marks have no host; its end has no mailbox either. */
    if (text[3].at != NULL)
        *ret = (struct mail_address){ ADDRESS_MAILBOX, text[0], text[1], text[2], text[3] };
    else if (text[2].at != NULL)
        *ret = (struct mail_address){ .kind = ADDRESS_GROUP_START, .name = text[2] };
    else
        *ret = (struct mail_address){ .kind = ADDRESS_GROUP_END };
    return true;
}

bool string_list_next(struct string_list *list, struct str *ret)
{
    enum text_class class;

    if (list->left == 0)
        return false;

    struct str s = get_text(&list->rest, &class);

    list->left--;
    if (list->rest.bad) {
        list->left = 0;
        return false;
    }
    *ret = s;
    return true;
}

struct str string_list_param(struct string_list params, struct str name)
{
    struct str key, value;

    while (string_list_next(&params, &key) && string_list_next(&params, &value))
        if (str_eq_nocase(key, name))
            return value;
    return (struct str){ NULL, 0 };
}

struct str string_list_param_text(struct arena *mem, struct string_list params, struct str name)
{
    struct param_list list = { ARENA_ARRAY(mem, struct param, params.left / 2), 0 };
    struct str key, value;

    while (string_list_next(&params, &key) && string_list_next(&params, &value))
        list.at[list.count++] = (struct param){ key, value };
    return param_text(mem, &list, name, &value) ? value : (struct str){ NULL, 0 };
}

/* Takes a counted list off the reader: `texts_each` texts for every count. */
static struct string_list get_list(struct reader *r, uint32_t texts_each)
{
    uint64_t texts = (uint64_t)get_varint32(r) * texts_each;
    struct string_list list = { *r, 0 };
    enum text_class class;

    /* A text is an octet at least. */
    if (r->bad || texts > r->rest.len) {
        r->bad = true;
        return list;
    }
    list.left = (uint32_t)texts;
    for (uint64_t i = 0; i < texts; i++)
        (void)get_text(r, &class);
    return list;
}

static struct str get_if(struct reader *r, unsigned items, enum part_item item)
{
    enum text_class class;

    return (items & item) != 0 ? get_text(r, &class) : (struct str){ NULL, 0 };
}

/* Reads one part's entry; the frame and depth are the caller's. */
static bool get_part(struct reader *r, struct part *p)
{
    unsigned head = get_u8(r), items = get_u8(r);
    enum text_class class;

    p->kind = (enum part_kind)(head & 3);
    p->encoding = (enum encoding)(head >> 2);
    p->descendants = get_varint32(r);
    p->header_at = get_varint(r);
    p->header_bytes = get_varint(r);
    p->body_at = p->header_at + p->header_bytes;
    p->body_bytes = get_varint(r);
    p->lines = get_varint(r);
    p->type = get_text(r, &class);
    p->subtype = get_text(r, &class);
    p->encoding_name = get_if(r, items, PART_HAS_ENCODING);
    if ((items & PART_HAS_PARAMS) != 0)
        p->params = get_list(r, 2);
    p->id = get_if(r, items, PART_HAS_ID);
    p->description = get_if(r, items, PART_HAS_DESCRIPTION);
    p->md5 = get_if(r, items, PART_HAS_MD5);
    p->location = get_if(r, items, PART_HAS_LOCATION);
    p->disposition = get_if(r, items, PART_HAS_DISPOSITION);
    if ((items & PART_HAS_DISPOSITION) != 0)
        p->disposition_params = get_list(r, 2);
    if ((items & PART_HAS_LANGUAGES) != 0)
        p->languages = get_list(r, 1);
    if (p->kind == PART_MESSAGE) {
        p->inner_header_bytes = get_varint(r);
        p->envelope = get_str(r);
    }
    return reader_done(r) && p->kind <= PART_MESSAGE && p->encoding <= ENCODING_UNKNOWN &&
           p->type.at != NULL && p->subtype.at != NULL;
}

bool record_root(const struct record *r, struct part *ret)
{
    struct reader parts = reader_of(r->parts), entry = reader_of(get_str(&parts));
    struct part p = { 0 };

    if (parts.bad || !get_part(&entry, &p) || p.descendants >= r->part_count)
        return false;
    *ret = p;
    return true;
}

struct part_iter record_parts(const struct record *r)
{
    struct part_iter it = { .rest = reader_of(r->parts) };

    it.open[0] = r->part_count;
    return it;
}

/* Every part lies within the one above it: a part without descendants ends the levels that end
 * with it, and one with descendants opens a level. */
bool part_next(struct part_iter *it, struct part *ret)
{
    struct part p = { .index = it->index };

    while (it->depth > 0 && it->index == it->open[it->depth])
        it->depth--;
    if (it->index >= it->open[0])
        return false;

    struct reader entry = reader_of(get_str(&it->rest));

    if (it->rest.bad || !get_part(&entry, &p))
        return false;
    p.depth = it->depth;
    if (p.descendants >= it->open[it->depth] - it->index)
        return false;
    it->index++;
    if (p.descendants != 0) {
        if (it->depth == RECORD_DEPTH_MAX || p.kind == PART_LEAF)
            return false;
        it->open[++it->depth] = it->index + p.descendants;
    }
    *ret = p;
    return true;
}

/* Skips what is below `p`, which part_next gave just now. */
static void skip_descendants(struct part_iter *it, const struct part *p)
{
    for (uint32_t i = 0; i < p->descendants; i++)
        (void)get_str(&it->rest);
    it->index += p->descendants;
}

/* Goes from the parent, which part_next gave just now, to its n-th child, from 1. */
static bool find_child(struct part_iter *it, const struct part *parent, uint32_t n,
                       struct part *ret)
{
    uint32_t end = parent->index + parent->descendants;
    struct part child;

    for (uint32_t i = 1; it->index <= end && part_next(it, &child); i++) {
        if (i == n) {
            *ret = child;
            return true;
        }
        skip_descendants(it, &child);
    }
    return false;
}

/* Numbers count the children of a multipart; in a message that is not multipart 1 is its body
 * (RFC 3501 6.4.5). So from a message part the way leads through its root without a number of its
 * own when the root is multipart, and with the number 1 when it is not. */
bool record_find_part(const struct record *r, const uint32_t *path, uint32_t path_len,
                      struct part *ret)
{
    struct part_iter it = record_parts(r);
    struct part p;

    if (!part_next(&it, &p))
        return false;
    for (uint32_t i = 0; i < path_len; i++) {
        bool at_root = i == 0;

        if (i != 0 && p.kind == PART_MESSAGE) {
            if (!part_next(&it, &p))
                return false;
            at_root = true;
        }
        if (p.kind == PART_MULTIPART) {
            if (!find_child(&it, &p, path[i], &p))
                return false;
        } else if (!at_root || path[i] != 1) {
            return false;
        }
    }
    *ret = p;
    return true;
}

bool record_get_part(const struct record *r, uint32_t index, struct part *ret)
{
    struct part_iter it = record_parts(r);
    struct part p;

    while (part_next(&it, &p))
        if (p.index == index) {
            *ret = p;
            return true;
        }
    return false;
}
