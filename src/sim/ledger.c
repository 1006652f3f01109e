/* sim/ledger.c - what was promised about every message, and what was found. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/ledger.h"

#include <stdarg.h>

struct ledger *ledger_new(uint32_t count)
{
    struct ledger *l = calloc(1, sizeof(*l));

    if (l == NULL || (l->entries = calloc(count, sizeof(*l->entries))) == NULL)
        BUG("out of memory");
    l->count = count;
    return l;
}

void ledger_free(struct ledger *l)
{
    buf_deinit(&l->complaints);
    free(l->entries);
    free(l);
}

void ledger_complain(struct ledger *l, const char *fmt, ...)
{
    char line[500];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    buf_printf(&l->complaints, "%s\n", line);
}

static void close_local(struct ledger *l, uint32_t n, const struct entry *e)
{
    if (e->promise == PROMISE_KEPT && e->stored != 1)
        ledger_complain(l, "message %u: acknowledged, stored %u times", n, e->stored);
    if (e->promise == PROMISE_UNKNOWN && e->stored > 1)
        ledger_complain(l, "message %u: answer lost, stored %u times", n, e->stored);
    if (e->promise == PROMISE_REFUSED && e->stored != 0)
        ledger_complain(l, "message %u: refused, yet stored", n);
}

static void close_foreign(struct ledger *l, uint32_t n, const struct entry *e)
{
    if (e->promise == PROMISE_KEPT && e->delivered == 0 && e->reported != 1)
        ledger_complain(l, "message %u: acknowledged, neither sent nor reported once (%u)", n,
                        e->reported);
    if (e->reported > 1)
        ledger_complain(l, "message %u: reported %u times", n, e->reported);
    if (e->promise == PROMISE_REFUSED && e->delivered + e->reported != 0)
        ledger_complain(l, "message %u: refused, yet sent or reported", n);
}

void ledger_close(struct ledger *l)
{
    for (uint32_t n = 0; n < l->count; n++)
        if (l->entries[n].foreign)
            close_foreign(l, n, &l->entries[n]);
        else
            close_local(l, n, &l->entries[n]);
}

void ledger_summary(const struct ledger *l, struct buf *out)
{
    uint32_t promises[PROMISE_UNKNOWN + 1] = { 0 }, twice = 0;

    for (uint32_t n = 0; n < l->count; n++) {
        promises[l->entries[n].promise]++;
        twice += l->entries[n].delivered > 1;
    }
    buf_printf(out, "%u kept, %u refused, %u unknown; %u sent twice", promises[PROMISE_KEPT],
               promises[PROMISE_REFUSED], promises[PROMISE_UNKNOWN], twice);
}

bool ledger_number(const struct ledger *l, struct str text, uint32_t *ret)
{
    size_t digits = 1;
    uint32_t n;

    if (text.len < 2 || text.at[0] != 'm')
        return false;
    while (digits < text.len && ascii_is_digit(text.at[digits]))
        digits++;
    if (!str_to_u32(str_sub(text, 1, digits - 1), &n) || n >= l->count)
        return false;
    *ret = n;
    return true;
}
