/* message/set/rights_fuzz.c - any octets as a change of rights: refused, or the same again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/rights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rights_change change;
    struct buf b = { 0 };
    uint32_t again;

    if (rights_change_parse(str_from(data, size), &change) != OK)
        return 0;
    BUG_ON((change.rights & ~RIGHTS_ALL) != 0);
    BUG_ON((rights_changed(RIGHTS_ALL, change) & ~RIGHTS_ALL) != 0);
    rights_format(
        change.rights & ~(uint32_t)(RIGHT_CREATE | RIGHT_REMOVE | RIGHT_TRASH | RIGHT_EXPUNGE), &b);
    BUG_ON(rights_parse(buf_str(&b), &again) != OK || (again & ~change.rights) != 0);
    buf_deinit(&b);
    return 0;
}
