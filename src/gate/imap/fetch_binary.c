/* gate/imap/fetch_binary.c - BINARY[...]: the octets of a part with their transfer encoding undone.
 *
 * Keeper gives the octets as they are stored; they are decoded here, where hostile input may do no
 * harm. Of a part that is longer than a page the decoded length must be announced before the first
 * octet goes out, and nobody keeps it: so its pages are asked for twice, first to be measured, then
 * to be written. That costs time only for large parts, and never memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/fetch_row.h"

bool fetch_is_binary(const struct imap_fetch_item *item)
{
    return item->kind == FETCH_BINARY || item->kind == FETCH_BINARY_SIZE;
}

/* A whole message, a multipart and a message inside are not coded (RFC 2045 6.4). */
static enum encoding coding_of(const struct record *r, const struct section *s)
{
    struct part part;

    if (s->path_len == 0 || !record_find_part(r, s->path, s->path_len, &part) ||
        part.kind != PART_LEAF)
        return ENCODING_BINARY;
    return part.encoding;
}

bool fetch_binary_begin(struct fetch_task *t, const struct keep_row *row)
{
    struct record record;
    bool opened;

    if (t->codings == NULL)
        return true;
    opened = record_open(row->record, &record) == OK;
    for (uint32_t i = 0; i < t->want_count; i++) {
        const struct imap_fetch_item *item = &t->args->items[t->want_items[i]];

        if (!fetch_is_binary(item))
            continue;
        t->codings[i] = opened ? coding_of(&record, item->section) : ENCODING_BINARY;
        if (t->codings[i] == ENCODING_UNKNOWN) {
            t->unknown_coding = true;
            return false;
        }
    }
    t->measured = false;
    return true;
}

/* How many of `size` decoded octets are asked for, and from where. */
static uint64_t window(const struct imap_fetch_item *item, uint64_t size, uint64_t *ret_from)
{
    *ret_from = item->has_partial ? MIN(item->partial_from, size) : 0;
    return item->has_partial ? MIN(item->partial_count, size - *ret_from) : size;
}

/* A plain literal tells the client that there is no NUL in it (RFC 3516 4.3). */
static void put_header(struct buf *out, uint64_t length, bool has_nul)
{
    buf_printf(out, "%s{%llu}\r\n", has_nul ? "~" : "", (unsigned long long)length);
}

static bool has_nul(struct str octets)
{
    return octets.len > 0 && memchr(octets.at, '\0', octets.len) != NULL;
}

static void put_missing(struct fetch_line *line, const struct imap_fetch_item *item)
{
    fetch_put_label(line, item);
    buf_add(line->out, item->kind == FETCH_BINARY ? STR("NIL") : STR("0"));
}

void fetch_put_binary(struct fetch_line *line, const struct imap_fetch_item *item,
                      enum encoding coding, const struct keep_part *part)
{
    struct buf decoded = { 0 };
    uint64_t from, length;
    struct str chosen;

    if (!part->exists) {
        put_missing(line, item);
        return;
    }
    (void)encoding_decode(coding, part->bytes, &decoded);
    fetch_put_label(line, item);
    if (item->kind == FETCH_BINARY_SIZE) {
        buf_add_u64(line->out, decoded.len);
    } else {
        length = window(item, decoded.len, &from);
        chosen = str_sub(buf_str(&decoded), (size_t)from, (size_t)length);
        put_header(line->out, length, has_nul(chosen));
        buf_add(line->out, chosen);
    }
    buf_deinit(&decoded);
}

/* ---- in pieces ---- */

/* Of the octets behind `decoded`, those inside the window. */
static void put_window(struct imap_session *s, const struct fetch_task *t,
                       const struct imap_fetch_item *item, struct str octets)
{
    uint64_t from, length = window(item, t->decoded_size, &from), end = from + length;
    uint64_t begin = MAX(from, t->decoded);

    if (begin < MIN(end, t->decoded + octets.len))
        buf_add(&s->out, str_sub(octets, (size_t)(begin - t->decoded),
                                 (size_t)(MIN(end, t->decoded + octets.len) - begin)));
}

/* The whole part has been seen once. */
static enum fetch_binary_state end_measuring(struct fetch_task *t,
                                             const struct imap_fetch_item *item)
{
    uint64_t from, length;

    t->decoded_size = t->decoded;
    fetch_put_label(&t->line, item);
    if (item->kind == FETCH_BINARY_SIZE) {
        buf_add_u64(t->line.out, t->decoded_size);
        return BINARY_DONE;
    }
    length = window(item, t->decoded_size, &from);
    put_header(t->line.out, length, t->has_nul);
    t->measured = length > 0;
    t->got = 0;
    return length == 0 ? BINARY_DONE : BINARY_GO_ON;
}

enum fetch_binary_state fetch_binary_piece(struct imap_session *s, struct fetch_task *t,
                                           const struct keep_part *part)
{
    const struct imap_fetch_item *item = &t->args->items[t->want_items[t->section]];
    struct buf decoded = { 0 };
    bool last;

    if (!part->exists) {
        if (t->got > 0 || t->measured)
            return BINARY_BROKEN;
        put_missing(&t->line, item);
        return BINARY_DONE;
    }
    if (t->got == 0) {
        t->decoder = decoder_of(t->codings[t->section]);
        t->decoded = 0;
        t->has_nul = t->has_nul && t->measured;
    }
    t->got += part->bytes.len;
    last = t->got >= part->total;
    if (part->bytes.len == 0 && !last)
        return BINARY_BROKEN;
    decoder_feed(&t->decoder, part->bytes, &decoded);
    if (last)
        decoder_end(&t->decoder, &decoded);
    if (t->measured)
        put_window(s, t, item, buf_str(&decoded));
    else
        t->has_nul = t->has_nul || has_nul(buf_str(&decoded));
    t->decoded += decoded.len;
    buf_deinit(&decoded);
    if (!last)
        return BINARY_GO_ON;
    if (!t->measured)
        return end_measuring(t, item);
    t->measured = false;
    return t->decoded == t->decoded_size ? BINARY_DONE : BINARY_BROKEN;
}
