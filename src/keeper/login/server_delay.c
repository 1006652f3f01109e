/* keeper/login/server_delay.c - a slot an account, by its number. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/login/server_delay.h"

struct slot {
    uint64_t at_ms; /* 0 with account 0: empty */
    uint32_t account;
};

struct delays {
    struct slot *slots;
};

struct delays *delays_new(void)
{
    struct delays *d = calloc(1, sizeof *d);

    if (d == NULL)
        BUG("out of memory");
    return d;
}

void delays_free(struct delays *d)
{
    if (d == NULL)
        return;
    free(d->slots);
    free(d);
}

bool delay_over(struct delays *d, uint32_t account, uint64_t now_ms, uint64_t delay_ms)
{
    struct slot *s;

    if (d->slots == NULL && (d->slots = calloc(DELAY_SLOTS, sizeof *d->slots)) == NULL)
        BUG("out of memory");
    s = &d->slots[account % DELAY_SLOTS];
    if (s->account == account && s->at_ms != 0 && now_ms < s->at_ms + delay_ms)
        return false;
    *s = (struct slot){ .at_ms = now_ms, .account = account };
    return true;
}
