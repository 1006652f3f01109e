/* message/set/search_fuzz.c - octets of search programs, matched against one message. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/search.h"

#define MESSAGE "From: alice@crepes.fr\r\nSubject: ham\r\n\r\nDo you like ketchup?\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    SCRATCH(mem, NULL);
    struct reader r = reader_of(str_from(data, size));
    struct search s, again;
    struct buf octets = { 0 }, out = { 0 };
    struct search_meta meta = { .size_bytes = sizeof(MESSAGE) - 1 };
    struct search_facts facts = { .uid = 1, .meta = &meta, .message = STR(MESSAGE) };

    if (search_decode(mem, &r, &s) != OK)
        return 0;
    record_build(STR(MESSAGE), &limits, &octets);
    BUG_ON(record_open(buf_str(&octets), &meta.record) != OK);

    enum search_verdict verdict = search_match(&s, &facts);
    BUG_ON(verdict > SEARCH_YES);
    search_encode(&s, &out);
    r = reader_of(buf_str(&out));
    BUG_ON(search_decode(mem, &r, &again) != OK || search_match(&again, &facts) != verdict);
    facts.message.at = NULL;
    BUG_ON(search_match(&s, &facts) == SEARCH_NEEDS_META);
    buf_deinit(&octets);
    buf_deinit(&out);
    return 0;
}
