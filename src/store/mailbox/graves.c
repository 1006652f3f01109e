/* store/mailbox/graves.c - expunged messages that can still be brought back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/graves.h"

enum {
    GRAVE_KEY_BYTES = 1 + 4 + 4 + 8 + 4,
    GRAVE_AT_MAILBOX = 5,
    GRAVE_AT_TIME = 9,
    GRAVE_AT_UID = 17,
    PURGE_SEEKS_MAX = 500, /* mailboxes that one page looks at */
};

static void key_of_count(struct key *k, uint32_t account)
{
    key_of_account(k, TABLE_IMPORT, account);
    key_text(k, STR("k"));
}

enum err graves_count(struct kv *kv, struct arena *mem, uint32_t account, struct graves_kept *ret,
                      struct errinfo *why)
{
    struct key k;
    struct str value;
    bool found;
    enum err e;

    *ret = (struct graves_kept){ 0 };
    key_of_count(&k, account);
    if ((e = table_find_text(kv, mem, &k, &found, &value, why)) != OK || !found)
        return e;

    struct reader r = reader_of(value);
    bool known = get_u8(&r) == ROW_VERSION;

    ret->bytes = get_varint(&r);
    ret->messages = get_varint(&r);
    return known && reader_done(&r) ? OK : table_damaged(key_str(&k), why);
}

void graves_put_count(struct account_txn *a, const struct graves_kept *kept)
{
    struct key k;
    struct buf b = { 0 };

    key_of_count(&k, a->account);
    put_u8(&b, ROW_VERSION);
    put_varint(&b, kept->bytes);
    put_varint(&b, kept->messages);
    txn_put(a->t, key_str(&k), buf_str(&b));
    buf_deinit(&b);
}

/* Keywords by their names: the mailbox may be gone, or have others, when it comes back. */
static void name_keywords(struct arena *mem, const struct mbox *m, uint64_t flags, struct grave *g)
{
    g->keywords = ARENA_ARRAY(mem, struct str, m->keywords_count + 1u);
    for (uint32_t i = 0; i < m->keywords_count; i++)
        if (flags >> (KEYWORD_FIRST_BIT + i) & 1)
            g->keywords[g->keywords_count++] = m->keywords[i];
}

enum err grave_dig(struct account_txn *a, const struct grave_new *n, struct graves_kept *kept)
{
    const struct membership *ms = n->ms;
    const struct mbox *m = n->row;
    SCRATCH(tmp, a->mem);
    struct grave g = { .email = ms->email,
                       .thread = ms->thread,
                       .flags = ms->flags & FLAGS_KNOWN,
                       .internal_date = ms->internal_date,
                       .internal_zone = ms->internal_zone,
                       .save_date = ms->save_date,
                       .size = ms->size,
                       .name = m->name };
    bool found = false;
    struct key k;
    enum err e;

    if (n->uidls &&
        (e = uidl_find(a->kv, tmp, a->account, n->mailbox, n->uid, &found, &g.uidl, a->why)) != OK)
        return e;
    if (!found)
        g.uidl = arena_printf(tmp, "%u.%u", m->uidvalidity, n->uid);
    name_keywords(tmp, m, ms->flags, &g);
    key_of_mailbox(&k, TABLE_GRAVE, a->account, n->mailbox);
    key_u64(&k, (uint64_t)MAX(a->now_s, 0));
    key_u32(&k, n->uid);
    table_put_grave(a->t, &k, &g);
    kept->bytes += ms->size;
    kept->messages++;
    return OK;
}

/* ---- walking ---- */

static enum err read_found(struct arena *mem, struct kv_iter *it, struct grave_found *ret,
                           struct errinfo *why)
{
    struct str key = kv_iter_key(it);

    if (key.len != GRAVE_KEY_BYTES || grave_get(mem, kv_iter_value(it), &ret->row) != OK)
        return table_damaged(key, why);
    ret->key.len = key.len;
    memcpy(ret->key.at, key.at, key.len);
    ret->mailbox = load_u32(key.at + GRAVE_AT_MAILBOX);
    ret->gone_s = (int64_t)load_u64(key.at + GRAVE_AT_TIME);
    ret->uid = load_u32(key.at + GRAVE_AT_UID);
    return OK;
}

static bool is_wanted(const struct graves_wanted *want, const struct grave_found *g)
{
    return (want->name.len == 0 || str_eq(g->row.name, want->name) ||
            (want->mailbox != 0 && g->mailbox == want->mailbox)) &&
           g->gone_s >= want->since_s &&
           (want->uids == NULL || uidset_contains(want->uids, g->uid));
}

enum err graves_each(const struct graves_wanted *want, struct str from,
                     enum err (*visit)(void *ctx, const struct grave_found *g), void *ctx,
                     struct errinfo *why)
{
    struct grave_found *g = NULL;
    struct arena *mem = arena_new(0);
    struct key first, to;
    struct kv_iter *it;
    enum err e = OK;

    key_of_account(&first, TABLE_GRAVE, want->account);
    to = first;
    key_end(&to);
    it = kv_iter_new(want->kv, NULL, str_cmp(from, key_str(&first)) > 0 ? from : key_str(&first),
                     key_str(&to));
    for (bool on = kv_iter_first(it); on && e == OK; on = kv_iter_next(it)) {
        arena_reset(mem);
        g = ARENA_NEW(mem, struct grave_found);
        e = read_found(mem, it, g, why);
        if (e == OK && is_wanted(want, g))
            e = visit(ctx, g);
    }
    if (e == OK)
        e = kv_iter_error(it, why);
    kv_iter_free(it);
    arena_free(mem);
    return e;
}

/* ---- coming back ---- */

/* Keywords that the mailbox has no room for are left behind. */
static enum err flags_of(struct account_txn *a, const struct grave *g, struct mbox *m,
                         uint64_t *ret)
{
    struct keyword_list keywords = { 0 };
    uint64_t bits = g->flags & ~(uint64_t)FLAG_DELETED, bit;
    enum err e = mailbox_keywords(m, &keywords);

    for (uint32_t i = 0; i < g->keywords_count && e == OK; i++)
        if (keyword_bit_add(&keywords, g->keywords[i], &bit) == OK)
            bits |= bit;
    if (e == OK)
        mailbox_set_keywords(a->mem, m, &keywords);
    keyword_list_deinit(&keywords);
    *ret = bits;
    return e;
}

enum err grave_open(struct account_txn *a, const struct grave_found *g, uint32_t mailbox,
                    struct mbox *m, struct graves_kept *kept)
{
    struct membership ms = {
        .email = g->row.email,
        .thread = g->row.thread,
        .modseq = a->modseq,
        .created = a->modseq,
        .internal_date = g->row.internal_date,
        .internal_zone = g->row.internal_zone,
        .save_date = a->now_s,
        .size = g->row.size,
    };
    uint32_t uid;
    enum err e;

    if ((e = flags_of(a, &g->row, m, &ms.flags)) != OK ||
        (e = messages_place(a, mailbox, m, &ms, &uid)) != OK)
        return e;
    if (str_eq(m->name, STR("INBOX")) && str_eq(g->row.name, STR("INBOX")) &&
        uidl_valid(g->row.uidl))
        uidl_put(a, mailbox, uid, g->row.uidl);
    txn_delete(a->t, key_str(&g->key));
    kept->bytes -= MIN(kept->bytes, g->row.size);
    kept->messages -= kept->messages > 0;
    return OK;
}

/* ---- going for good ---- */

struct purging {
    struct txn *t;
    struct arena *mem;
    const struct graves_purge *what;
    struct account_txn a;
    struct graves_kept kept;
    bool begun; /* the account's count is at hand */
    int64_t now_s;
    struct errinfo *why;
};

static void purge_end_account(struct purging *p)
{
    if (p->begun)
        graves_put_count(&p->a, &p->kept);
    p->begun = false;
}

/* Neither modseq nor counters of the account change: nobody sees what is removed here. */
static enum err purge_begin_account(struct purging *p, uint32_t account)
{
    enum err e;

    if (p->begun && p->a.account == account)
        return OK;
    purge_end_account(p);
    if ((e = account_txn_begin(&p->a, p->t, p->mem, account, 0, p->why)) != OK ||
        (e = graves_count(p->a.kv, p->mem, account, &p->kept, p->why)) != OK)
        return e;
    p->begun = true;
    return OK;
}

static enum err purge_one(struct purging *p, const struct grave_found *g)
{
    enum err e = purge_begin_account(p, load_u32(g->key.at + 1));

    if (e != OK)
        return e;
    txn_delete(p->t, key_str(&g->key));
    p->kept.bytes -= MIN(p->kept.bytes, g->row.size);
    p->kept.messages -= p->kept.messages > 0;
    return messages_email_unref(&p->a, g->row.email);
}

/* Within a mailbox the oldest stand first: at the first that may stay the next mailbox follows. */
static enum err purge_rows(struct purging *p, struct kv_iter *it, struct key *cursor, bool *ret_on)
{
    uint32_t removed = 0, seeks = 0;
    bool on = kv_iter_seek(it, key_str(cursor));
    enum err e = OK;

    while (on && e == OK && removed < p->what->max && seeks < PURGE_SEEKS_MAX) {
        struct grave_found g;

        if ((e = read_found(p->mem, it, &g, p->why)) != OK)
            break;
        if (g.gone_s < p->what->before_s) {
            e = purge_one(p, &g);
            removed++;
            on = kv_iter_next(it);
        } else {
            key_of_mailbox(&g.key, TABLE_GRAVE, load_u32(kv_iter_key(it).at + 1), g.mailbox);
            key_end(&g.key);
            seeks++;
            on = kv_iter_seek(it, key_str(&g.key));
        }
    }
    if (on && e == OK) {
        cursor->len = kv_iter_key(it).len;
        memcpy(cursor->at, kv_iter_key(it).at, cursor->len);
    }
    *ret_on = on;
    return e == OK ? kv_iter_error(it, p->why) : e;
}

enum err graves_purge_page(struct txn *t, struct arena *mem, const struct graves_purge *what,
                           struct key *cursor, bool *ret_more, struct errinfo *why)
{
    struct purging p = { .t = t, .mem = mem, .what = what, .why = why };
    struct key from, to;
    struct kv_iter *it;
    enum err e;

    if (what->account != 0)
        key_of_account(&from, TABLE_GRAVE, what->account);
    else
        key_start(&from, TABLE_GRAVE);
    to = from;
    key_end(&to);
    if (str_cmp(key_str(cursor), key_str(&from)) < 0)
        *cursor = from;
    it = txn_iter(t, key_str(&from), key_str(&to));
    e = purge_rows(&p, it, cursor, ret_more);
    kv_iter_free(it);
    if (e == OK)
        purge_end_account(&p);
    return e;
}
