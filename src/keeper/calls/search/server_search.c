/* keeper/calls/search/server_search.c - SEARCH, and searches as a part of SORT and THREAD.
 *
 * First the index is asked about texts. Then the view is matched on the loop, 1,024 messages at a
 * time, where flags, UIDs, modseqs, sizes and internal dates settle most searches. What is
 * undecided goes to the workers, phase by phase. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/calls/search/server_search.h"

enum {
    RECORDS_PER_SLICE = 5000,
    FEW_CANDIDATES = 64 /* for so few, making the keys of a mailbox costs more than it saves */
};

/* ---- the view alone: on the loop ---- */

static void add_candidate(struct searching *s, uint32_t uid, uint64_t flags, uint64_t modseq)
{
    if (s->count == s->cap) {
        s->cap = s->cap == 0 ? 256 : 2 * s->cap;
        s->candidates = realloc(s->candidates, s->cap * sizeof *s->candidates);
        if (s->candidates == NULL)
            BUG("out of memory");
    }
    s->candidates[s->count++] = (struct candidate){ uid, flags, modseq, false, NULL };
}

struct view_page {
    uint32_t count, uids[KEY_BLOCK_MAX];
    uint64_t flags[KEY_BLOCK_MAX], modseqs[KEY_BLOCK_MAX], emails[KEY_BLOCK_MAX];
    uint64_t sizes[KEY_BLOCK_MAX];
    int64_t arrived_s[KEY_BLOCK_MAX];
    int16_t arrived_zones_min[KEY_BLOCK_MAX];
};

static void match_page(struct searching *s, const struct view_page *p)
{
    struct search_group g = { .count = p->count,
                              .now_s = s->now_s,
                              .uids = p->uids,
                              .flags = p->flags,
                              .modseqs = p->modseqs,
                              .emails = p->emails,
                              .sizes = p->sizes,
                              .arrived_s = p->arrived_s,
                              .arrived_zones_min = p->arrived_zones_min,
                              .candidates = narrow_candidates,
                              .ctx = s->narrowing };
    struct group_verdict v;

    search_group_match(&s->program, &g, &v);
    for (uint32_t i = 0; i < p->count; i++)
        if (group_bit(&v.yes, i))
            search_hit(s, p->uids[i], p->modseqs[i]);
        else if (group_bit(&v.maybe, i))
            add_candidate(s, p->uids[i], p->flags[i], p->modseqs[i]);
}

/* Is `uid` in the set? The UIDs that are asked for ascend. */
struct walk {
    const struct uidset *set;
    uint32_t range;
};

static bool walk_has(struct walk *w, uint32_t uid)
{
    while (w->range < w->set->len && w->set->at[w->range].last < uid)
        w->range++;
    return w->range < w->set->len && w->set->at[w->range].first <= uid;
}

static void search_view(struct searching *s, const struct view *view, const struct uidset *recent,
                        const struct uidset *among)
{
    struct walk is_recent = { recent, 0 }, is_among = { among, 0 };
    struct view_page p;

    p.count = 0;
    for (uint32_t i = 0; i < view->count; i++) {
        const struct view_row *row = &view->at[i];

        if (among != NULL && !walk_has(&is_among, row->uid))
            continue;
        p.uids[p.count] = row->uid;
        p.flags[p.count] = row->flags | (walk_has(&is_recent, row->uid) ? FLAG_RECENT : 0);
        p.modseqs[p.count] = row->modseq;
        p.emails[p.count] = row->email;
        p.sizes[p.count] = row->size;
        p.arrived_s[p.count] = view_internal_date(row);
        p.arrived_zones_min[p.count] = (int16_t)view_internal_zone(row);
        if (++p.count == KEY_BLOCK_MAX) {
            match_page(s, &p);
            p.count = 0;
        }
    }
    if (p.count > 0)
        match_page(s, &p);
}

/* ---- phases ---- */

/* Keys that the columns of a block can answer, and the view cannot. */
static bool has_meta_keys(const struct search *program)
{
    for (uint32_t i = 0; i < program->count; i++)
        if (program->nodes[i].key >= SEARCH_SAVED_BEFORE && program->nodes[i].key < SEARCH_HEADER)
            return true;
    return false;
}

static void pin_keys(struct searching *s, const struct view *view)
{
    s->keys = key_cache_pin(s->j->k->keys, s->account, s->mailbox);
    s->keys_bytes = s->keys->counted;
    s->uid_count = view->count;
    s->uids = malloc((view->count + 1U) * sizeof *s->uids);
    if (s->uids == NULL)
        BUG("out of memory");
    for (uint32_t i = 0; i < view->count; i++)
        s->uids[i] = view->at[i].uid;
}

static void end_phase(struct searching *s, enum search_phase next)
{
    uidset_union(&s->found, &s->fresh);
    uidset_clear(&s->fresh);
    s->phase = next;
    s->at = s->end = 0;
}

/* True when the phase has nothing left to do. */
static bool phase_is_over(const struct searching *s)
{
    return s->phase == SEARCH_LOADS_KEYS ? !s->more_keys : s->at == s->count;
}

static void next_phase(struct searching *s)
{
    if (s->phase == SEARCH_IN_KEYS)
        s->count = s->kept;
    end_phase(s, (enum search_phase)(s->phase + 1));
}

static void next_slice(struct searching *s);

/* A mailbox too large for keys in memory is searched by its records; it cannot be sorted. */
static void slice_done(void *ctx)
{
    struct searching *s = ctx;

    search_close_bodies(s);
    s->at = s->end;
    if (s->phase == SEARCH_LOADS_KEYS && s->e == ERR_LIMIT && !s->must_have_keys) {
        s->e = OK;
        end_phase(s, SEARCH_IN_RECORDS);
    }
    next_slice(s);
}

static void finish(struct searching *s)
{
    if (s->e == OK)
        uidset_union(&s->found, &s->fresh);
    if (s->keys != NULL && s->e == OK)
        keys_save(s->j->k, s->keys, s->uidnext);
    s->done(s);
}

static void next_slice(struct searching *s)
{
    struct keeper *k = s->j->k;

    if (s->j->peer == NULL && s->e == OK)
        s->e = ERR_CLOSED; /* nobody waits for the answer any more */
    while (s->e == OK && s->phase < SEARCH_IN_BODIES && phase_is_over(s))
        next_phase(s);
    if (s->e != OK || phase_is_over(s)) {
        finish(s);
        return;
    }
    kv_snapshot_free(k->kv, s->snap);
    s->snap = NULL;
    if (s->phase == SEARCH_LOADS_KEYS) {
        workers_run(k->sorts, search_load_keys_worker, slice_done, s);
        return;
    }
    if (s->phase == SEARCH_IN_KEYS) {
        workers_run(k->sorts, search_match_keys_worker, slice_done, s);
        return;
    }
    if (s->phase == SEARCH_IN_BODIES)
        search_open_bodies(s);
    else
        s->end = MIN(s->at + RECORDS_PER_SLICE, s->count);
    s->snap = kv_snapshot_new(k->kv);
    workers_run(k->slow, search_match_each_worker, slice_done, s);
}

void search_cleanup(struct searching *s)
{
    search_close_bodies(s);
    kv_snapshot_free(s->j->k->kv, s->snap);
    if (s->keys != NULL)
        key_cache_release(s->j->k->keys, s->keys, s->keys_bytes);
    uidset_deinit(&s->found);
    uidset_deinit(&s->fresh);
    narrow_free(s->narrowing);
    stems_free(s->stems);
    free(s->candidates);
    free(s->uids);
    free(s->scored);
}

/* ---- beginning ---- */

static enum err read_program(struct request *j, struct str octets, const struct mbox *m,
                             struct search *ret)
{
    struct reader r = reader_of(octets);
    struct keyword_list keywords = { 0 };
    enum err e;

    if ((e = search_decode(j->mem, &r, ret)) != OK)
        return e;
    if (!reader_done(&r))
        return err_set(&j->why, ERR_SYNTAX, "the search program cannot be read");
    if ((e = mailbox_keywords(m, &keywords)) == OK)
        search_bind_keywords(ret, &keywords);
    keyword_list_deinit(&keywords);
    return e;
}

static bool has_fuzzy_keys(const struct search *program)
{
    for (uint32_t i = 0; i < program->count; i++)
        if (search_is_fuzzy(&program->nodes[i]))
            return true;
    return false;
}

static enum err prepare(struct searching *s)
{
    const struct search_wanted *wanted = &s->wanted;
    struct request *j = s->j;
    struct place p;
    enum err e;

    e = request_place(j, j->k->kv, wanted->session, wanted->mailbox, PLACE_ITSELF, &p);
    if (e != OK || (e = read_program(j, wanted->program, &p.row, &s->program)) != OK)
        return e;
    s->account = p.account;
    s->mailbox = p.mailbox;
    s->ids = place_ids(&p);
    return has_fuzzy_keys(&s->program) ? stems_new(j->k->settings.languages, &s->stems, &j->why)
                                       : OK;
}

/* Looks at the mailbox as it is now: what came while the index was asked is not in it, and so is
 * possible. */
static enum err look(struct searching *s)
{
    struct request *j = s->j;
    struct uidset recent = { 0 };
    struct view *view = NULL;
    struct mbox m;
    enum err e;

    if ((e = request_mailbox(j, j->k->kv, s->account, s->mailbox, &m)) != OK ||
        (e = request_uids(j, s->wanted.recent_uids, &recent)) != OK)
        return e;
    e = views_get(j->k->views, s->account, s->mailbox, &view, &j->why);
    if (e == OK) {
        s->uidnext = m.uidnext;
        search_view(s, view, &recent, s->wanted.among);
        if (s->wanted.with_keys || (s->count > FEW_CANDIDATES && has_meta_keys(&s->program)))
            pin_keys(s, view);
    }
    uidset_deinit(&recent);
    return e;
}

static void begin(void *ctx)
{
    struct searching *s = ctx;

    if (s->e == OK)
        s->e = look(s);
    s->more_keys = s->keys != NULL;
    if (s->e == OK)
        end_phase(s, s->keys != NULL ? SEARCH_LOADS_KEYS : SEARCH_IN_RECORDS);
    next_slice(s);
}

void search_start(struct searching *s, struct request *j, const struct search_wanted *wanted,
                  void (*done)(struct searching *s))
{
    s->j = j;
    s->done = done;
    s->wanted = *wanted;
    s->must_have_keys = wanted->with_keys;
    s->now_s = loop_wall_s(j->k->loop);
    s->e = prepare(s);
    if (s->e == OK)
        s->narrowing = narrow_new(j->k, s->account, &s->program);
    if (s->narrowing != NULL)
        narrow_run(s->narrowing, begin, s);
    else
        begin(s);
}

/* ---- scores ---- */

static unsigned score_of(const struct searching *s, const struct view *view, uint32_t uid)
{
    const struct view_row *row = view_find(view, uid);
    unsigned score = row == NULL ? 0 : narrow_score(s->narrowing, row->email);

    for (uint32_t i = 0; i < s->scored_count && score == 0; i++)
        if (s->scored[i].uid == uid)
            score = s->scored[i].score;
    return MAX(score, 1U); /* RFC 6203 4: 1 to 100 */
}

struct str search_scores(struct searching *s)
{
    struct uidset_iter it = uidset_iterate(&s->found);
    char *scores = arena_alloc(s->j->mem, uidset_count(&s->found) + 1U);
    struct errinfo unused;
    struct view *view;
    uint32_t uid, count = 0;

    if (views_get(s->j->k->views, s->account, s->mailbox, &view, &unused) != OK)
        return STR_EMPTY;
    while (uidset_next(&it, &uid))
        scores[count++] = (char)score_of(s, view, uid);
    return str_from(scores, count);
}

/* ---- the call ---- */

static void cleanup_search(struct request *j)
{
    search_cleanup(j->own);
}

static void searched(struct searching *s)
{
    struct keep_search_rep *rep = s->j->rep;

    rep->uids = uids_octets(s->j->mem, &s->found);
    rep->modseq = s->modseq;
    if (s->e == OK && s->wanted.with_scores)
        rep->scores = search_scores(s);
    request_end(s->j, s->e);
}

void start_search(struct request *j)
{
    const struct keep_search_req *req = j->req;
    const struct search_wanted wanted = {
        .session = req->session,
        .mailbox = req->mailbox,
        .program = req->program,
        .recent_uids = req->recent_uids,
        .with_scores = req->with_scores,
    };

    j->own = ARENA_NEW(j->mem, struct searching);
    j->cleanup = cleanup_search;
    search_start(j->own, j, &wanted, searched);
}
