/* store/index/merge.c - walking segments abreast, term by term. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index/merge.h"

#define GONE UINT32_MAX

struct input {
    struct segment segment;
    struct segment_walk walk;
    uint32_t *renumbered; /* by number in the segment: that in the new one, or GONE */
    bool on;              /* walk stands on a term */
};

struct merge {
    struct input *inputs;
    uint32_t count;
    struct segment_writer writer;
    uint32_t *emails, *odd, email_count, odd_count;
    uint32_t *numbers, *read; /* of the term at hand; of one input */
    bool begun, ended;
};

static void *room(size_t count, size_t size)
{
    void *at = calloc(count + 1, size);

    if (at == NULL)
        BUG("out of memory");
    return at;
}

/* Which emails stay, and their new numbers. */
static void renumber(struct merge *m, struct input *in, bool (*live)(void *ctx, uint32_t email),
                     void *ctx)
{
    const struct segment *s = &in->segment;
    uint32_t odd = 0;

    in->renumbered = room(s->count, sizeof *in->renumbered);
    for (uint32_t i = 0; i < s->count; i++) {
        bool is_odd = odd < s->odd_count && s->odd[odd] == i;

        odd += is_odd ? 1 : 0;
        in->renumbered[i] = GONE;
        if (!live(ctx, s->emails[i]))
            continue;
        if (is_odd)
            m->odd[m->odd_count++] = m->email_count;
        in->renumbered[i] = m->email_count;
        m->emails[m->email_count++] = s->emails[i];
    }
}

struct merge *merge_new(const struct segment *from, uint32_t count, uint32_t number,
                        bool (*live)(void *ctx, uint32_t email), void *ctx)
{
    struct merge *m = room(1, sizeof *m);
    size_t emails = 0, most = 0;

    m->inputs = room(count, sizeof *m->inputs);
    m->count = count;
    for (uint32_t i = 0; i < count; i++) {
        emails += from[i].count;
        most = MAX(most, from[i].count);
    }
    m->emails = room(emails, sizeof *m->emails);
    m->odd = room(emails, sizeof *m->odd);
    m->numbers = room(emails, sizeof *m->numbers);
    m->read = room(most, sizeof *m->read);
    for (uint32_t i = 0; i < count; i++) {
        m->inputs[i].segment = from[i];
        renumber(m, &m->inputs[i], live, ctx);
    }
    if (count > 0)
        segment_write_begin(&m->writer, NULL, from[0].account, number, m->email_count);
    return m;
}

void merge_free(struct merge *m)
{
    if (m == NULL)
        return;
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->begun)
            segment_walk_end(&m->inputs[i].walk);
        free(m->inputs[i].renumbered);
    }
    segment_write_abort(&m->writer);
    free(m->inputs);
    free(m->emails);
    free(m->odd);
    free(m->numbers);
    free(m->read);
    free(m);
}

static enum err advance(struct input *in)
{
    in->on = segment_walk_next(&in->walk);
    return in->walk.e;
}

static enum err begin(struct merge *m)
{
    enum err e = OK;

    m->begun = true;
    for (uint32_t i = 0; i < m->count; i++)
        segment_walk_begin(&m->inputs[i].walk, &m->inputs[i].segment, STR("\001"));
    for (uint32_t i = 0; i < m->count && e == OK; i++)
        e = advance(&m->inputs[i]);
    return e;
}

static bool least_term(const struct merge *m, struct str *ret)
{
    bool any = false;

    for (uint32_t i = 0; i < m->count; i++) {
        const struct input *in = &m->inputs[i];

        if (in->on && (!any || str_cmp(in->walk.term, *ret) < 0)) {
            *ret = in->walk.term;
            any = true;
        }
    }
    return any;
}

static enum err add_numbers(struct merge *m, struct input *in, uint32_t *count)
{
    uint32_t read;
    enum err e = segment_walk_numbers(&in->walk, m->read, &read);

    for (uint32_t i = 0; e == OK && i < read; i++) {
        uint32_t number = in->renumbered[m->read[i]];

        if (number != GONE)
            m->numbers[(*count)++] = number;
    }
    return e;
}

/* The inputs are in the order of their emails, so the numbers come in order. All that have the term
 * are looked at before any of them moves on, because the term lies in one of them. */
static enum err merge_term(struct merge *m, struct str term)
{
    bool has[MERGE_SEGMENTS_MAX];
    uint32_t count = 0;
    enum err e = OK;

    for (uint32_t i = 0; i < m->count && e == OK; i++) {
        struct input *in = &m->inputs[i];

        has[i] = in->on && str_eq(in->walk.term, term);
        if (has[i])
            e = add_numbers(m, in, &count);
    }
    if (e == OK && count > 0)
        segment_write_term(&m->writer, term, m->numbers, count);
    for (uint32_t i = 0; i < m->count && e == OK; i++)
        if (has[i])
            e = advance(&m->inputs[i]);
    return e;
}

enum err merge_run(struct merge *m, struct kv_batch *batch, size_t slice_bytes, bool *ret_done)
{
    struct str term;
    enum err e = OK;

    BUG_ON(m->count > MERGE_SEGMENTS_MAX);
    m->writer.batch = batch;
    m->writer.batch_bytes = 0;
    *ret_done = m->email_count == 0 || m->ended;
    if (*ret_done)
        return OK;
    if (!m->begun && (e = begin(m)) != OK)
        return e;
    while (e == OK && m->writer.batch_bytes < slice_bytes) {
        if (!least_term(m, &term)) {
            segment_write_end(&m->writer, m->emails, m->odd, m->odd_count);
            *ret_done = m->ended = true;
            return OK;
        }
        e = merge_term(m, term);
    }
    return e;
}

struct merged merge_result(const struct merge *m)
{
    struct merged r = { .emails = m->email_count, .bytes = m->writer.bytes };

    if (m->email_count > 0) {
        r.first = m->emails[0];
        r.last = m->emails[m->email_count - 1];
    }
    return r;
}
