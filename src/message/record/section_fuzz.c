/* message/record/section_fuzz.c - section texts, and header blocks cut down to some fields. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/section.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct str names[] = { STR_INIT("From"), STR_INIT("Subject") };
    struct str in = str_from(data, size);
    struct section s, again;
    struct buf out = { 0 }, rest = { 0 };

    if (section_parse(in, &s) == OK) {
        section_format(&s, &out);
        BUG_ON(section_parse(buf_str(&out), &again) != OK);
        BUG_ON(s.kind != again.kind || s.path_len != again.path_len);
        buf_clear(&out);
    }
    header_subset(in, names, ARRAY_LEN(names), false, &out);
    header_subset(in, names, ARRAY_LEN(names), true, &rest);
    BUG_ON(out.len > size || rest.len > size || out.len + rest.len < size);
    buf_deinit(&out);
    buf_deinit(&rest);
    return 0;
}
