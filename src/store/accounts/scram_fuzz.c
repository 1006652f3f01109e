/* store/accounts/scram_fuzz.c - a first message, a line end, a last message. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct scram_bindings bindings = { .tls_exporter = STR_INIT("exported") };
    static const struct str mechanisms[] = { STR_INIT("SCRAM-SHA-1"),
                                             STR_INIT("SCRAM-SHA-256-PLUS") };
    struct arena *mem = arena_new(0);
    struct scram_keys keys = { 0 };
    struct str last = str_from(data, size), first = str_split(&last, '\n'), out;
    struct scram s;

    if (scram_first(mem, mechanisms[size % 2], first, &bindings, &s) == OK) {
        (void)scram_challenge(mem, &s, STR("server"), STR("salt"), 4096);
        BUG_ON(scram_last(mem, &s, last, &keys, &out) == OK);
    }
    arena_free(mem);
    return 0;
}
