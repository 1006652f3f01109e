/* message/text/msgid_fuzz.c - identifiers that are found are whole, and the same when read again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/msgid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct arena *mem = arena_new(0);
    struct msgid_list list = msgid_list_parse(mem, &limits, str_from(data, size));

    BUG_ON(list.count > limits.references_max || list.count > size / 3);
    for (size_t i = 0; i < list.count; i++) {
        BUG_ON(list.at[i].len == 0);
        for (size_t k = 0; k < list.at[i].len; k++)
            BUG_ON((unsigned char)list.at[i].at[k] <= ' ');
    }
    arena_free(mem);
    return 0;
}
