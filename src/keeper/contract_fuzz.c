/* keeper/contract_fuzz.c - any octets for any decoder: refused, or written again the same. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/contract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was decoded is encoded and decoded again; the second octets must equal the first ones
 * written (the input itself may hold numbers with needless octets). */
#define AGAIN(whole)                                                                               \
    static void again_##whole(struct arena *mem, struct str in)                                    \
    {                                                                                              \
        struct keep_##whole value;                                                                 \
        struct buf first = { 0 }, second = { 0 };                                                  \
                                                                                                   \
        if (!keep_##whole##_get(mem, in, &value))                                                  \
            return;                                                                                \
        keep_##whole##_put(&first, &value);                                                        \
        BUG_ON(!keep_##whole##_get(mem, buf_str(&first), &value));                                 \
        keep_##whole##_put(&second, &value);                                                       \
        BUG_ON(!str_eq(buf_str(&first), buf_str(&second)));                                        \
        buf_deinit(&first);                                                                        \
        buf_deinit(&second);                                                                       \
    }
#define AGAIN_CALL(name, who)                                                                      \
    AGAIN(name##_req)                                                                              \
    AGAIN(name##_rep)
CONTRACT_CALLS(AGAIN_CALL)
#define AGAIN_NOTE(name, who) AGAIN(name##_note)
CONTRACT_NOTES(AGAIN_NOTE)

typedef void (*again_fn)(struct arena *mem, struct str in);

static const again_fn decoders[] = {
#define CALL_DECODERS(name, who) again_##name##_req, again_##name##_rep,
    CONTRACT_CALLS(CALL_DECODERS)
#define NOTE_DECODER(name, who) again_##name##_note,
        CONTRACT_NOTES(NOTE_DECODER)
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;

    struct arena *mem = arena_new(0);

    decoders[data[0] % ARRAY_LEN(decoders)](mem, str_from(data + 1, size - 1));
    arena_free(mem);
    return 0;
}
