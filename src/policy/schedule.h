/* policy/schedule.h - when a queued recipient is tried again, told about, given up.
 *
 * Pure: facts in, one decision out; the randomness that spreads retries is a fact, too. Times are
 * seconds since 1970. Spec: RFC 5321 4.5.4.1 (retry at least 30 minutes apart after the first
 * tries, give up after 4-5 days), RFC 3461 4.1 and 6.2.4 (NOTIFY, delay reports). Tests:
 * schedule_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_POLICY_SCHEDULE_H
#define POSTERN_POLICY_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct schedule_settings {
    const uint32_t *waits_s; /* after the 1st, 2nd, ... failed try; the last one repeats */
    size_t wait_count;       /* at least 1 */
    uint32_t expire_s;       /* age at which a recipient is given up */
    uint32_t delay_report_s; /* age at which the sender is told of the delay; 0: never */
    unsigned jitter_percent; /* a wait is made longer by at most so much */
};

struct schedule_facts {
    uint32_t attempts; /* failed ones so far, this one included: at least 1 */
    int64_t arrived, now;
    uint64_t random;     /* any number */
    bool delay_wanted;   /* NOTIFY allows a report of delay and there is a sender to tell */
    bool delay_reported; /* it was told already */
};

struct schedule_decision {
    bool expired;      /* give up now */
    bool report_delay; /* tell the sender, once */
    int64_t next_try;  /* when not expired: later than now, never past the expiry by more than
                        * the last try that it deserves */
};

struct schedule_decision schedule_after_failure(const struct schedule_settings *s,
                                                const struct schedule_facts *f);

#endif
