/* keeper/calls/search/server_search_slices.c - what a search does beside the loop.
 *
 * Keys are matched a block at a time, all candidates in it at once. What they leave open is matched
 * message by message: with the structure record first, then with the octets. A message that is
 * removed meanwhile is left out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/calls/search/server_search.h"
#include "store/journal/bodies.h"

enum {
    BLOCKS_MADE_PER_SLICE = 4,
    KEYS_PER_SLICE = 64, /* blocks times keys of the program */
    BODIES_PER_SLICE = 32,
    SLICE_BODY_BYTES = 16 * 1024 * 1024
};

void search_hit(struct searching *s, uint32_t uid, uint64_t modseq)
{
    uidset_add(&s->fresh, uid);
    s->modseq = MAX(s->modseq, modseq);
}

/* ---- by keys ---- */

void search_load_keys_worker(void *ctx)
{
    struct searching *s = ctx;

    s->e = mailbox_keys_extend_worker(s->keys, s->j->k->kv, s->uids, s->uid_count,
                                      BLOCKS_MADE_PER_SLICE, &s->more_keys, &s->j->why);
    s->keys_bytes = mailbox_keys_bytes_worker(s->keys);
}

/* The candidates [from, to) have their UIDs in the range of this block. */
static void match_block(struct searching *s, const struct key_block *b, uint32_t from, uint32_t to)
{
    static const struct candidate nobody;
    uint64_t flags[KEY_BLOCK_MAX], modseqs[KEY_BLOCK_MAX];
    uint32_t of_entry[KEY_BLOCK_MAX], c = from;
    struct search_group g = { .count = b->count,
                              .now_s = s->now_s,
                              .uids = b->uid,
                              .flags = flags,
                              .modseqs = modseqs,
                              .emails = b->email,
                              .sizes = b->size,
                              .arrived_s = b->arrived_s,
                              .arrived_zones_min = b->arrived_zone_min,
                              .keys = b };
    struct group_verdict v;

    for (uint32_t i = 0; i < b->count; i++) {
        const struct candidate *who = &nobody;

        while (c < to && s->candidates[c].uid < b->uid[i])
            c++;
        of_entry[i] = to;
        if (c < to && s->candidates[c].uid == b->uid[i]) {
            of_entry[i] = c;
            who = &s->candidates[c];
        }
        flags[i] = who->flags;
        modseqs[i] = who->modseq;
    }
    search_group_match(&s->program, &g, &v);
    for (uint32_t i = 0; i < b->count; i++) {
        c = of_entry[i];
        if (c == to)
            continue;
        if (group_bit(&v.yes, i))
            search_hit(s, s->candidates[c].uid, s->candidates[c].modseq);
        else if (group_bit(&v.maybe, i))
            s->candidates[s->kept++] = s->candidates[c];
    }
}

void search_match_keys_worker(void *ctx)
{
    struct searching *s = ctx;
    struct key_rows rows = mailbox_keys_rows_worker(s->keys);
    uint32_t blocks = MAX(1U, KEYS_PER_SLICE / s->program.count), at = 0;

    s->end = s->at;
    while (s->end < s->count && blocks > 0 && at < rows.block_count) {
        uint32_t number = s->candidates[s->end].uid >> KEY_BLOCK_BITS, from = s->end;

        while (at < rows.block_count && key_block_number(rows.blocks[at]) < number)
            at++;
        while (s->end < s->count && s->candidates[s->end].uid >> KEY_BLOCK_BITS == number)
            s->end++;
        if (at < rows.block_count && key_block_number(rows.blocks[at]) == number) {
            match_block(s, rows.blocks[at], from, s->end);
            blocks--;
        }
    }
    if (at == rows.block_count)
        s->end = s->count;
}

/* ---- one by one ---- */

static enum err meta_of(struct searching *s, struct arena *mem, uint32_t uid, bool *ret_found,
                        struct search_meta *ret)
{
    struct kv *kv = s->j->k->kv;
    struct membership ms;
    struct str value;
    struct key k;
    enum err e;

    key_of_membership(&k, s->account, s->mailbox, uid);
    if ((e = kv_get(kv, s->snap, mem, key_str(&k), ret_found, &value)) != OK || !*ret_found)
        return e;
    if (membership_get(mem, value, &ms) != OK)
        return ERR_CORRUPT;
    key_of_email(&k, TABLE_RECORD, s->account, ms.email);
    if ((e = kv_get(kv, s->snap, mem, key_str(&k), ret_found, &value)) != OK || !*ret_found)
        return e;
    *ret = (struct search_meta){
        .size_bytes = ms.size,
        .internal_date_s = ms.internal_date,
        .internal_zone_min = (int16_t)ms.internal_zone,
        .save_date_s = ms.save_date,
        .email_id = arena_printf(mem, "E%llx", (unsigned long long)(s->ids | ms.email)),
        .thread_id = arena_printf(mem, "T%llx", (unsigned long long)(s->ids | ms.thread)),
    };
    /* A message whose record cannot be read (it was appended without one) has no header to find
     * anything in; its octets are searched all the same. */
    if (record_open(value, &ret->record) != OK)
        memset(&ret->record, 0, sizeof ret->record);
    return OK;
}

static void keep_score(struct searching *s, uint32_t uid, unsigned score)
{
    if (s->scored_count == s->scored_cap) {
        s->scored_cap = s->scored_cap == 0 ? 64 : 2 * s->scored_cap;
        s->scored = realloc(s->scored, s->scored_cap * sizeof *s->scored);
        if (s->scored == NULL)
            BUG("out of memory");
    }
    s->scored[s->scored_count++] = (struct search_scored){ uid, score };
}

static enum err match_one(struct searching *s, struct candidate *c)
{
    SCRATCH(tmp, NULL);
    struct search_facts facts = {
        .uid = c->uid,
        .flags = c->flags,
        .modseq = c->modseq,
        .now_s = s->now_s,
        .stems = s->stems,
    };
    struct search_meta meta;
    struct buf octets = { 0 };
    struct errinfo why;
    bool found;
    enum err e;

    if ((e = meta_of(s, tmp, c->uid, &found, &meta)) != OK || !found)
        return e;
    facts.meta = &meta;
    if (c->body != NULL) {
        if ((e = body_read(c->body, 0, (size_t)body_len(c->body), &octets, &why)) != OK) {
            buf_deinit(&octets);
            return e;
        }
        facts.message = buf_str(&octets);
    }
    switch (search_match(&s->program, &facts)) {
    case SEARCH_YES:
        search_hit(s, c->uid, c->modseq);
        if (s->wanted.with_scores)
            keep_score(s, c->uid, search_score(&s->program, &facts) / FUZZY_STEP * FUZZY_STEP);
        break;
    case SEARCH_NEEDS_META:
    case SEARCH_NEEDS_MESSAGE:
        c->needs_message = true;
        break;
    case SEARCH_NO:
        break;
    }
    buf_deinit(&octets);
    return OK;
}

void search_match_each_worker(void *ctx)
{
    struct searching *s = ctx;

    for (uint32_t i = s->at; i < s->end && s->e == OK; i++)
        if (s->phase != SEARCH_IN_BODIES || s->candidates[i].body != NULL)
            s->e = match_one(s, &s->candidates[i]);
}

/* ---- bodies ---- */

void search_close_bodies(struct searching *s)
{
    for (uint32_t i = s->at; i < s->end && s->phase == SEARCH_IN_BODIES; i++) {
        body_close(s->candidates[i].body);
        s->candidates[i].body = NULL;
    }
}

static enum err open_body(struct searching *s, struct candidate *c)
{
    SCRATCH(tmp, NULL);
    struct keeper *k = s->j->k;
    struct membership ms;
    struct email row;
    struct key key;
    bool found;
    enum err e;

    key_of_membership(&key, s->account, s->mailbox, c->uid);
    e = table_find_membership(k->kv, tmp, &key, &found, &ms, &s->j->why);
    if (e != OK || !found)
        return e;
    key_of_email(&key, TABLE_EMAIL, s->account, ms.email);
    e = table_find_email(k->kv, tmp, &key, &found, &row, &s->j->why);
    if (e != OK || !found)
        return e;
    e = body_open(k->bodies, row.body, &c->body, &s->j->why);
    if (e != OK)
        c->body = NULL;
    return e;
}

/* Those that are gone are passed over. */
void search_open_bodies(struct searching *s)
{
    uint64_t bytes = 0;
    uint32_t open = 0;

    while (s->end < s->count && open < BODIES_PER_SLICE && bytes < SLICE_BODY_BYTES && s->e == OK) {
        struct candidate *c = &s->candidates[s->end++];

        if (!c->needs_message)
            continue;
        s->e = open_body(s, c);
        if (c->body != NULL)
            bytes += body_len(c->body);
        open++;
    }
}
