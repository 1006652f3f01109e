/* proto/imap/reply_search.c - responses of searching commands as octets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/reply_search.h"

#include "proto/imap/reply.h"

void reply_search_line(struct buf *out, const struct uidset *numbers, uint64_t modseq)
{
    struct uidset_iter it = uidset_iterate(numbers);
    uint32_t number;

    BUF_ADD(out, "* SEARCH");
    while (uidset_next(&it, &number)) {
        BUF_ADD(out, " ");
        buf_add_u64(out, number);
    }
    if (modseq != 0 && !uidset_empty(numbers)) {
        BUF_ADD(out, " (MODSEQ ");
        buf_add_u64(out, modseq);
        BUF_ADD(out, ")");
    }
    BUF_ADD(out, "\r\n");
}

/* ---- PARTIAL ---- */

uint32_t reply_partial_range(const struct imap_partial *p, uint32_t count, uint32_t *ret_count)
{
    uint32_t low = MIN(p->first, p->last), high = MAX(p->first, p->last);

    *ret_count = 0;
    if (low > count)
        return 0;
    high = MIN(high, count);
    *ret_count = high - low + 1;
    return p->from_end ? count - high : low - 1;
}

void reply_partial_set(const struct imap_partial *p, const struct uidset *numbers,
                       struct uidset *ret)
{
    struct uidset range = { 0 };
    uint32_t count, from = reply_partial_range(p, uidset_count(numbers), &count);

    uidset_clear(ret);
    if (count == 0)
        return;
    uidset_add_range(&range, uidset_nth(numbers, from), uidset_nth(numbers, from + count - 1));
    uidset_copy(ret, numbers);
    uidset_intersect(ret, &range);
    uidset_deinit(&range);
}

static void begin_partial(struct buf *out, const struct imap_partial *p)
{
    const char *sign = p->from_end ? "-" : "";

    buf_printf(out, " PARTIAL (%s%u:%s%u ", sign, p->first, sign, p->last);
}

/* ---- ESEARCH ---- */

static void begin_line(struct buf *out, const struct esearch_line *line)
{
    BUF_ADD(out, "* ESEARCH (TAG ");
    reply_string(out, line->tag, false);
    if (line->mailbox.at != NULL) {
        BUF_ADD(out, " MAILBOX ");
        reply_mailbox(out, line->mailbox, line->utf8);
        buf_printf(out, " UIDVALIDITY %u", line->uidvalidity);
    }
    buf_add(out, line->uid ? STR(") UID") : STR(")"));
}

/* "RELEVANCY" SP "(" [score *(SP score)] ")" */
static void add_scores(struct buf *out, struct str scores)
{
    BUF_ADD(out, " RELEVANCY (");
    for (size_t i = 0; i < scores.len; i++)
        buf_printf(out, "%s%u", i == 0 ? "" : " ", (unsigned)(unsigned char)scores.at[i]);
    BUF_ADD(out, ")");
}

static void end_line(struct buf *out, const struct esearch_line *line, uint32_t count)
{
    if ((line->returns & RETURN_COUNT) != 0)
        buf_printf(out, " COUNT %u", count);
    if (line->modseq != 0 && count > 0)
        buf_printf(out, " MODSEQ %llu", (unsigned long long)line->modseq);
    BUF_ADD(out, "\r\n");
}

void reply_esearch_line(struct buf *out, const struct esearch_line *line,
                        const struct uidset *numbers, const struct uidset *partial)
{
    bool any = !uidset_empty(numbers);

    begin_line(out, line);
    if ((line->returns & RETURN_MIN) != 0 && any)
        buf_printf(out, " MIN %u", uidset_first(numbers));
    if ((line->returns & RETURN_MAX) != 0 && any)
        buf_printf(out, " MAX %u", uidset_last(numbers));
    if ((line->returns & RETURN_ALL) != 0 && any) {
        BUF_ADD(out, " ALL ");
        uidset_format(numbers, out);
    }
    if ((line->returns & RETURN_PARTIAL) != 0) {
        begin_partial(out, &line->partial);
        if (uidset_empty(partial))
            BUF_ADD(out, "NIL");
        uidset_format(partial, out);
        BUF_ADD(out, ")");
    }
    if ((line->returns & RETURN_RELEVANCY) != 0)
        add_scores(out, line->scores);
    end_line(out, line, uidset_count(numbers));
}

void reply_ordered_set(struct buf *out, const uint32_t *numbers, uint32_t count)
{
    for (uint32_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && numbers[end] == numbers[end - 1] + 1; end++)
            ;
        if (i > 0)
            BUF_ADD(out, ",");
        buf_add_u64(out, numbers[i]);
        if (end - i > 1) {
            BUF_ADD(out, ":");
            buf_add_u64(out, numbers[end - 1]);
        }
    }
}

void reply_esort_line(struct buf *out, const struct esearch_line *line, const uint32_t *numbers,
                      uint32_t count)
{
    begin_line(out, line);
    if ((line->returns & RETURN_MIN) != 0 && count > 0)
        buf_printf(out, " MIN %u", numbers[0]);
    if ((line->returns & RETURN_MAX) != 0 && count > 0)
        buf_printf(out, " MAX %u", numbers[count - 1]);
    if ((line->returns & RETURN_ALL) != 0 && count > 0) {
        BUF_ADD(out, " ALL ");
        reply_ordered_set(out, numbers, count);
    }
    if ((line->returns & RETURN_PARTIAL) != 0) {
        uint32_t part, from = reply_partial_range(&line->partial, count, &part);

        begin_partial(out, &line->partial);
        if (part == 0)
            BUF_ADD(out, "NIL");
        reply_ordered_set(out, numbers + from, part);
        BUF_ADD(out, ")");
    }
    end_line(out, line, count);
}
