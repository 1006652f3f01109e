/* message/record/fields_fuzz.c - fields out of a record are those of the message, whatever it is.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/fields.h"

#include "message/record/section.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

static void compare(struct str message, const struct record *r)
{
    static const struct str names[][5] = {
        { STR_INIT("From"), STR_INIT("To"), STR_INIT("Subject"), STR_INIT("Date"),
          STR_INIT("Message-ID") },
        { STR_INIT("Cc"), STR_INIT("reply-to"), STR_INIT("SENDER"), STR_INIT("References"),
          STR_INIT("In-Reply-To") },
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct buf out = { 0 }, want = { 0 };

        header_subset(str_take(message, r->header_bytes), names[i], ARRAY_LEN(names[i]), false,
                      &want);
        if (record_fields(r, names[i], ARRAY_LEN(names[i]), &out))
            BUG_ON(!str_eq(buf_str(&out), buf_str(&want)));
        buf_deinit(&out);
        buf_deinit(&want);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct str from = STR_INIT("From");
    struct str message = str_from(data, size);
    struct buf octets = { 0 }, out = { 0 };
    struct record r;

    record_build(message, &limits, &octets);
    BUG_ON(record_open(buf_str(&octets), &r) != OK);
    compare(message, &r);
    /* And as damage to its own section. */
    for (size_t i = 0; i < size && i < r.fields.len; i++)
        ((char *)(uintptr_t)r.fields.at)[i] ^= (char)data[i];
    if (!record_fields(&r, &from, 1, &out))
        BUG_ON(out.len > 0);
    buf_deinit(&octets);
    buf_deinit(&out);
    return 0;
}
