/* message/text/date_fuzz.c - a date that was read, written again, is the same moment. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mail_date d, again;

    if (date_parse(str_from(data, size), &d)) {
        struct buf out = { .at = NULL };

        date_format(&out, d.epoch_s, d.zone_min);
        if (d.epoch_s > -30000000000 && d.epoch_s < 250000000000)
            BUG_ON(!date_parse(buf_str(&out), &again) || again.epoch_s != d.epoch_s);
        buf_deinit(&out);
    }
    if (date_imap_parse(str_from(data, size), &d))
        BUG_ON(d.zone_min < -6000 || d.zone_min > 6000);
    return 0;
}
