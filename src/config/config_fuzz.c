/* config/config_fuzz.c - any text parses or is refused with a place, never anything else. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "config/describe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCRATCH(mem, NULL);
    struct errinfo why = { 0 };
    struct config *c, *again;

    if (config_parse(mem, str_from(data, size), &c, &why) != OK) {
        BUG_ON(why.text[0] == '\0');
        return 0;
    }
    struct buf first = { 0 }, second = { 0 };
    describe_file_of(c, &first);
    BUG_ON(config_parse(mem, buf_str(&first), &again, &why) != OK);
    describe_file_of(again, &second);
    BUG_ON(!str_eq(buf_str(&first), buf_str(&second)));
    buf_deinit(&first);
    buf_deinit(&second);
    return 0;
}
