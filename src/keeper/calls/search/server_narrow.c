/* keeper/calls/search/server_narrow.c - the keys of a search program, looked up in the index. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/calls/search/server_narrow.h"

#include "store/index/query.h"

/* A key that was looked up. Exact: sure and maybe. FUZZY: scores, the first of which is sure. */
struct narrow_key {
    const struct search_node *node;
    struct index_substring exact;
    struct index_words words;
    roaring_bitmap_t *odd; /* FUZZY: may hold anything */
};

struct narrowing {
    struct keeper *k;
    uint32_t account;
    const struct search *program;
    struct kv_snapshot *snap;
    struct narrow_key keys[NARROW_KEYS_MAX];
    uint32_t count, indexed;
    bool known;
    void (*done)(void *ctx);
    void *ctx;
    enum err e;
    struct errinfo why;
};

static bool has_text(const struct search_node *n)
{
    return search_texts_of(n->key) != 0 && (n->text.len > 0 || n->key == SEARCH_HEADER);
}

struct narrowing *narrow_new(struct keeper *k, uint32_t account, const struct search *program)
{
    struct narrowing *n;
    bool any = false;

    for (uint32_t i = 0; i < program->count && !any; i++)
        any = has_text(&program->nodes[i]);
    if (!any || k->index == NULL)
        return NULL;
    n = calloc(1, sizeof *n);
    if (n == NULL)
        BUG("out of memory");
    n->k = k;
    n->account = account;
    n->program = program;
    return n;
}

static void key_free(struct narrow_key *key)
{
    if (key->exact.sure != NULL) {
        roaring_bitmap_free(key->exact.sure);
        roaring_bitmap_free(key->exact.maybe);
    }
    if (key->odd != NULL)
        roaring_bitmap_free(key->odd);
    index_words_free(&key->words);
}

void narrow_free(struct narrowing *n)
{
    if (n == NULL)
        return;
    kv_snapshot_free(n->k->kv, n->snap);
    for (uint32_t i = 0; i < n->count; i++)
        key_free(&n->keys[i]);
    free(n);
}

/* ---- in the worker ---- */

static enum err look_up_words(struct narrowing *n, const struct index_reader *r,
                              struct narrow_key *key)
{
    struct stems *stems;
    enum err e = stems_new(n->k->settings.languages, &stems, &n->why);

    if (e != OK)
        return e;
    key->words = (struct index_words){ .classes = search_texts_of(key->node->key),
                                       .text = key->node->text,
                                       .stems = stems };
    e = index_find_words(r, &key->words);
    key->words.stems = NULL;
    stems_free(stems);
    if (e != OK)
        return e;
    key->odd = roaring_bitmap_create();
    index_add_odd(r, key->odd);
    return OK;
}

static enum err look_up(struct narrowing *n, const struct index_reader *r,
                        const struct search_node *node)
{
    struct narrow_key *key = &n->keys[n->count];
    enum err e;

    key->node = node;
    if (search_is_fuzzy(node)) {
        e = look_up_words(n, r, key);
    } else {
        key->exact =
            (struct index_substring){ .classes = search_texts_of(node->key), .needle = node->text };
        if (node->key == SEARCH_HEADER)
            key->exact.field = &node->field;
        e = index_find_substring(r, &key->exact);
    }
    if (e == OK)
        n->count++;
    return e;
}

static void look_up_worker(void *ctx)
{
    struct narrowing *n = ctx;
    struct arena *mem = arena_new(0);
    struct index_reader r;

    n->e = index_open(n->k->kv, n->snap, mem, n->account, &r, &n->why);
    for (uint32_t i = 0; i < n->program->count && n->e == OK && n->count < NARROW_KEYS_MAX; i++)
        if (has_text(&n->program->nodes[i]))
            n->e = look_up(n, &r, &n->program->nodes[i]);
    n->known = n->e == OK;
    if (n->known)
        n->indexed = r.indexed;
    arena_free(mem);
}

/* ---- on the loop ---- */

static void looked_up(void *ctx)
{
    struct narrowing *n = ctx;

    kv_snapshot_free(n->k->kv, n->snap);
    n->snap = NULL;
    if (n->e != OK)
        keeper_log(n->k, "event=index_unreadable account=%u error=\"%s\" detail=\"%s\"", n->account,
                   err_text(n->e), n->why.text);
    n->done(n->ctx);
}

void narrow_run(struct narrowing *n, void (*done)(void *ctx), void *ctx)
{
    n->done = done;
    n->ctx = ctx;
    n->snap = kv_snapshot_new(n->k->kv);
    workers_run(n->k->slow, look_up_worker, looked_up, n);
}

static const struct narrow_key *key_of(const struct narrowing *n, const struct search_node *node)
{
    for (uint32_t i = 0; i < n->count; i++)
        if (n->keys[i].node == node)
            return &n->keys[i];
    return NULL;
}

/* Emails of a mailbox mostly ascend, which the contexts make use of. */
bool narrow_candidates(void *ctx, const struct search_node *node, const struct search_group *g,
                       struct group_verdict *ret)
{
    const struct narrowing *n = ctx;
    const struct narrow_key *key = n == NULL || !n->known ? NULL : key_of(n, node);
    const roaring_bitmap_t *sure, *maybe;

    if (key == NULL)
        return false;
    sure = search_is_fuzzy(node) ? key->words.scores[0] : key->exact.sure;
    maybe = search_is_fuzzy(node) ? key->odd : key->exact.maybe;
    for (uint32_t i = 0; i < g->count; i++) {
        uint64_t email = g->emails[i];

        if (email > n->indexed)
            group_set(&ret->maybe, i);
        else if (roaring_bitmap_contains(sure, (uint32_t)email))
            group_set(&ret->yes, i);
        else if (roaring_bitmap_contains(maybe, (uint32_t)email))
            group_set(&ret->maybe, i);
    }
    return true;
}

unsigned narrow_score(const struct narrowing *n, uint64_t email)
{
    unsigned best = 0;

    if (n == NULL || !n->known || email > n->indexed)
        return 0;
    for (uint32_t i = 0; i < n->count; i++)
        for (unsigned step = INDEX_SCORES; step > 0 && search_is_fuzzy(n->keys[i].node); step--)
            if (roaring_bitmap_contains(n->keys[i].words.scores[step - 1], (uint32_t)email)) {
                best = MAX(best, step * (unsigned)FUZZY_STEP);
                break;
            }
    return best;
}
