/* policy/schedule.c - when a queued recipient is tried again.
 *
 * The waits grow as the administrator's list says. A try that would fall behind the expiry is
 * moved to the expiry itself, so that every recipient gets its last chance just before it is given
 * up; the try that then fails finds the recipient expired. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/schedule.h"

#include "base/macros.h"

struct schedule_decision schedule_after_failure(const struct schedule_settings *s,
                                                const struct schedule_facts *f)
{
    int64_t age = f->now - f->arrived;
    int64_t gives_up = f->arrived + (int64_t)s->expire_s;

    BUG_ON(s->wait_count == 0 || f->attempts == 0);
    if (age >= (int64_t)s->expire_s)
        return (struct schedule_decision){ .expired = true };

    size_t row = MIN((size_t)f->attempts, s->wait_count) - 1;
    uint64_t wait = MAX(s->waits_s[row], 1U);
    uint64_t spread = wait * s->jitter_percent / 100;
    int64_t next = f->now + (int64_t)wait + (int64_t)(spread == 0 ? 0 : f->random % (spread + 1));

    return (struct schedule_decision){
        .report_delay = f->delay_wanted && !f->delay_reported && s->delay_report_s != 0 &&
                        age >= (int64_t)s->delay_report_s,
        .next_try = MIN(next, MAX(gives_up, f->now + 1)),
    };
}
