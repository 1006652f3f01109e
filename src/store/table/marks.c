/* store/table/marks.c - flags of many messages in one row. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/marks.h"

void marks_add(struct marks *m, uint32_t gap, uint32_t uid, uint64_t flags, uint64_t modseq)
{
    struct marks_run *last = m->count == 0 ? NULL : &m->at[m->count - 1];

    BUG_ON(marks_block_of(uid) != m->block || (last != NULL && last->last >= uid));
    if (last != NULL && last->last + 1 >= gap && last->flags == flags && last->modseq == modseq) {
        last->last = uid;
        return;
    }
    BUG_ON(m->count == MARKS_BLOCK_UIDS);
    m->at[m->count++] = (struct marks_run){ flags, modseq, uid, uid };
}

const struct marks_run *marks_find(const struct marks *m, uint32_t uid)
{
    uint32_t low = 0, high = m->count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (m->at[mid].last < uid)
            low = mid + 1;
        else
            high = mid;
    }
    return low < m->count && m->at[low].first <= uid ? &m->at[low] : NULL;
}

void marks_encode(const struct marks *m, struct buf *out)
{
    uint32_t end = m->block << MARKS_BLOCK_BITS; /* behind the run before */

    put_u8(out, MARKS_VERSION);
    put_varint(out, m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        const struct marks_run *k = &m->at[i];

        put_varint(out, k->first - end);
        put_varint(out, k->last - k->first);
        put_varint(out, k->flags);
        put_varint(out, k->modseq);
        end = k->last + 1;
    }
}

/* Two runs that touch and say the same are one. */
static bool is_one_with(const struct marks_run *before, const struct marks_run *k)
{
    return before->last + 1 == k->first && before->flags == k->flags && before->modseq == k->modseq;
}

enum err marks_decode(struct str in, struct marks *ret)
{
    struct reader r = reader_of(in);
    uint32_t used = 0; /* UIDs of the block, from its first on */
    bool known = get_u8(&r) == MARKS_VERSION;
    uint64_t count = get_varint(&r);

    if (!known || count == 0 || count > MARKS_BLOCK_UIDS)
        return ERR_CORRUPT;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t gap = get_varint(&r), more = get_varint(&r);
        struct marks_run *k = &ret->at[i];

        if (r.bad || gap >= MARKS_BLOCK_UIDS - used || more >= MARKS_BLOCK_UIDS - used - gap)
            return ERR_CORRUPT;
        k->first = (ret->block << MARKS_BLOCK_BITS) + used + (uint32_t)gap;
        k->last = k->first + (uint32_t)more;
        k->flags = get_varint(&r);
        k->modseq = get_varint(&r);
        used += (uint32_t)(gap + more) + 1;
        if (k->first == 0 || k->modseq == 0 || (i > 0 && is_one_with(k - 1, k)))
            return ERR_CORRUPT;
    }
    ret->count = (uint32_t)count;
    return reader_done(&r) ? OK : ERR_CORRUPT;
}
