/* sim/ledger.h - what was promised about every message, and what was found.
 *
 * Pure (memory only). Messages are numbers from 0; each has one recipient. A promise is made when a
 * sender sees 250; a message refused with 4xx or 5xx must not be found; one whose answer was lost
 * may be found, at most once. Foreign mail must have reached its server or been reported to its
 * sender; twice at a server is allowed only where a 250 could have been lost. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_SIM_LEDGER_H
#define POSTERN_SIM_LEDGER_H

#include "base/buf.h"

enum promise { PROMISE_NONE, PROMISE_KEPT, PROMISE_REFUSED, PROMISE_UNKNOWN };

struct entry {
    enum promise promise;
    bool foreign;
    uint32_t stored;    /* times in a mailbox */
    uint32_t delivered; /* times at the other server */
    uint32_t reported;  /* failure reports about it */
};

struct ledger {
    struct entry *entries;
    uint32_t count;
    struct buf complaints; /* one line each; empty when all is well */
};

struct ledger *ledger_new(uint32_t count);
void ledger_free(struct ledger *l);
void ledger_complain(struct ledger *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Compares promises with what was found. */
void ledger_close(struct ledger *l);
/* "700 kept, 250 refused, 50 unknown; 3 sent twice" */
void ledger_summary(const struct ledger *l, struct buf *out);
/* "m123@..." or "... m123" -> 123; false when it is not one of ours. */
MUST_USE bool ledger_number(const struct ledger *l, struct str text, uint32_t *ret);

#endif
