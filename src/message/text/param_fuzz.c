/* message/text/param_fuzz.c - any Content-Type; a name that is found, written again, reads the
 * same. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "message/text/param.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct arena *mem = arena_new(0);
    struct content_type ct;
    struct param_list list;
    struct str text, again;

    if (content_type_parse(mem, &limits, str_from(data, size), &ct) == OK &&
        param_text(mem, &ct.params, STR("name"), &text)) {
        struct buf out = { .at = NULL };

        BUG_ON(!utf8_valid(text));
        param_format(&out, STR("filename"), text);
        /* Longer names take more segments than params_max. */
        if (text.len < 3000) {
            BUG_ON(param_list_parse(mem, &limits, buf_str(&out), &list) != OK);
            BUG_ON(!param_text(mem, &list, STR("filename"), &again));
        }
        buf_deinit(&out);
    }
    arena_free(mem);
    return 0;
}
