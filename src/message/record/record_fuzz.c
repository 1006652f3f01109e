/* message/record/record_fuzz.c - any octets as a message, and any octets as a record. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/imap_text.h"
#include "message/record/section.h"
#include "message/text/header.h"

/* Small, so that the fuzzer meets them. */
static const struct message_limits limits = { .header_bytes_max = 2000,
                                              .field_bytes_max = 500,
                                              .line_bytes_max = 500,
                                              .boundary_bytes_max = 70,
                                              .fields_max = 30,
                                              .addresses_max = 10,
                                              .params_max = 10,
                                              .parts_max = 20,
                                              .depth_max = 6,
                                              .references_max = 4 };

/* Reads all that a record tells. */
static void read_all(const struct record *r)
{
    struct buf out = { 0 };
    struct part_iter it = record_parts(r);
    struct part p;
    struct envelope_addresses list = envelope_addresses(r->envelope, ENVELOPE_REPLY_TO);
    struct mail_address a;

    imap_format_envelope(r, &out);
    imap_format_body(r, true, &out);
    imap_format_body(r, false, &out);
    while (envelope_next(&list, &a))
        continue;
    while (part_next(&it, &p))
        continue;
    for (uint32_t i = 0; i < r->reference_count; i++)
        (void)record_reference(r, i);
    buf_deinit(&out);
}

/* What the writer promises about its ranges. */
static void check_ranges(const struct record *r, size_t size)
{
    struct part_iter it = record_parts(r);
    struct part p;
    uint32_t count = 0;

    BUG_ON(r->size_bytes != size || r->header_bytes > size);
    for (; part_next(&it, &p); count++) {
        BUG_ON(p.index != count || p.depth > limits.depth_max);
        BUG_ON(p.body_at + p.body_bytes > size || p.lines > p.body_bytes);
        BUG_ON(p.kind == PART_MULTIPART && p.descendants == 0);
        BUG_ON(p.kind == PART_MESSAGE && p.inner_header_bytes > p.body_bytes);
    }
    BUG_ON(count != r->part_count || count > limits.parts_max);
}

static void find_sections(const struct record *r, size_t size)
{
    static const struct str texts[] = { STR_INIT("1"), STR_INIT("1.1.TEXT"), STR_INIT("2.MIME"),
                                        STR_INIT("1.2.1.HEADER"), STR_INIT("TEXT") };
    struct octet_range range;
    struct section s;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        BUG_ON(section_parse(texts[i], &s) != OK);
        if (section_find(r, &s, &range))
            BUG_ON(range.at + range.bytes > size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf octets = { 0 };
    struct record r;

    record_build(str_from(data, size), &limits, &octets);
    BUG_ON(record_open(buf_str(&octets), &r) != OK);
    BUG_ON(r.header_bytes != header_length(str_from(data, size)));
    check_ranges(&r, size);
    find_sections(&r, size);
    read_all(&r);
    /* The message's octets as damage to its own record. */
    for (size_t i = 0; i < size && i < octets.len; i += 1 + size / 8)
        octets.at[i + (octets.len - i) / 2] = (char)data[i];
    if (record_open(buf_str(&octets), &r) == OK)
        read_all(&r);
    if (record_open(str_from(data, size), &r) == OK)
        read_all(&r);
    buf_deinit(&octets);
    return 0;
}
