/* keeper/calls/server_search.c - SEARCH: cheap keys at once, the rest in slices beside the loop.
 *
 * First every row of the view is matched on the loop, where flags, UIDs and modseqs settle most
 * searches. What is undecided goes to a worker: first with dates, sizes and structure records from
 * a snapshot, then, for those that need octets, with their bodies. Slices are short, so that
 * searches of several sessions take turns. A message that is removed meanwhile is left out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_job.h"
#include "message/set/search.h"
#include "store/journal/bodies.h"
#include "store/mailbox/mailboxes.h"

enum { META_PER_SLICE = 5000, BODIES_PER_SLICE = 32, SLICE_BODY_BYTES = 16 * 1024 * 1024 };

struct candidate {
    uint32_t uid;
    uint64_t flags, modseq;
    bool needs_message;
    struct body *body; /* open during its slice */
};

struct searching {
    struct request *j;
    struct search program;
    uint32_t account, mailbox;
    int64_t now_s;
    struct candidate *todo;
    uint32_t count, cap;
    uint32_t at, end; /* the slice */
    bool with_bodies; /* the second round */
    struct kv_snapshot *snap;
    struct uidset found;
    uint64_t modseq;
    enum err e;
};

static void search_next_slice(struct searching *s);

static void hit(struct searching *s, uint32_t uid, uint64_t modseq)
{
    uidset_add(&s->found, uid);
    s->modseq = MAX(s->modseq, modseq);
}

static void add_candidate(struct searching *s, const struct view_row *row, uint64_t flags)
{
    if (s->count == s->cap) {
        s->cap = s->cap == 0 ? 256 : 2 * s->cap;
        s->todo = realloc(s->todo, s->cap * sizeof *s->todo);
        if (s->todo == NULL)
            BUG("out of memory");
    }
    s->todo[s->count++] = (struct candidate){ row->uid, flags, row->modseq, false, NULL };
}

/* The view alone: on the loop. */
static void search_view(struct searching *s, const struct view *view, const struct uidset *recent)
{
    struct uidset_iter it = uidset_iterate(recent);
    uint32_t recent_uid;
    bool more = uidset_next(&it, &recent_uid);

    for (uint32_t i = 0; i < view->count; i++) {
        const struct view_row *row = &view->at[i];
        struct search_facts facts = {
            .uid = row->uid, .flags = row->flags, .modseq = row->modseq, .now_s = s->now_s
        };

        while (more && recent_uid < row->uid)
            more = uidset_next(&it, &recent_uid);
        if (more && recent_uid == row->uid)
            facts.flags |= FLAG_RECENT;
        switch (search_match(&s->program, &facts)) {
        case SEARCH_NO:
            break;
        case SEARCH_YES:
            hit(s, row->uid, row->modseq);
            break;
        case SEARCH_NEEDS_META:
        case SEARCH_NEEDS_MESSAGE:
            add_candidate(s, row, facts.flags);
            break;
        }
    }
}

/* ---- beside the loop ---- */

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
        .email_id = arena_printf(mem, "E%llx", (unsigned long long)ms.email),
        .thread_id = arena_printf(mem, "T%llx", (unsigned long long)ms.thread),
    };
    /* A message whose record cannot be read (it was appended without one) has no header to find
     * anything in; its octets are searched all the same. */
    if (record_open(value, &ret->record) != OK)
        memset(&ret->record, 0, sizeof ret->record);
    return OK;
}

static enum err match_one_worker(struct searching *s, struct candidate *c)
{
    SCRATCH(tmp, NULL);
    struct search_facts facts = {
        .uid = c->uid, .flags = c->flags, .modseq = c->modseq, .now_s = s->now_s
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
        hit(s, c->uid, c->modseq);
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

static void slice_worker(void *ctx)
{
    struct searching *s = ctx;

    for (uint32_t i = s->at; i < s->end && s->e == OK; i++)
        if (!s->with_bodies || s->todo[i].body != NULL)
            s->e = match_one_worker(s, &s->todo[i]);
}

/* ---- slices ---- */

static void close_bodies(struct searching *s)
{
    for (uint32_t i = s->at; i < s->end; i++) {
        body_close(s->todo[i].body);
        s->todo[i].body = NULL;
    }
}

static void slice_done(void *ctx)
{
    struct searching *s = ctx;

    close_bodies(s);
    s->at = s->end;
    search_next_slice(s);
}

/* Opens the bodies of the next few that need them; those that are gone are passed over. */
static void open_bodies(struct searching *s)
{
    struct keeper *k = s->j->k;
    uint64_t bytes = 0;
    uint32_t open = 0;

    while (s->end < s->count && open < BODIES_PER_SLICE && bytes < SLICE_BODY_BYTES && s->e == OK) {
        SCRATCH(tmp, NULL);
        struct candidate *c = &s->todo[s->end++];
        struct membership ms;
        struct email row;
        struct key key;
        bool found;

        if (!c->needs_message)
            continue;
        key_of_membership(&key, s->account, s->mailbox, c->uid);
        s->e = table_find_membership(k->kv, tmp, &key, &found, &ms, &s->j->why);
        if (s->e != OK || !found)
            continue;
        key_of_email(&key, TABLE_EMAIL, s->account, ms.email);
        s->e = table_find_email(k->kv, tmp, &key, &found, &row, &s->j->why);
        if (s->e != OK || !found)
            continue;
        s->e = body_open(k->bodies, row.body, &c->body, &s->j->why);
        if (s->e != OK)
            c->body = NULL;
        else
            bytes += body_len(c->body);
        open++;
    }
}

static void search_finish_request(struct searching *s)
{
    struct keep_search_rep *rep = s->j->rep;

    rep->uids = uids_octets(s->j->mem, &s->found);
    rep->modseq = s->modseq;
    request_end(s->j, s->e);
}

static void search_next_slice(struct searching *s)
{
    struct keeper *k = s->j->k;

    if (s->j->peer == NULL && s->e == OK)
        s->e = ERR_CLOSED; /* nobody waits for the answer any more */
    if (s->at == s->count && !s->with_bodies && s->e == OK) {
        s->with_bodies = true;
        s->at = s->end = 0;
    }
    if (s->e != OK || s->at == s->count) {
        search_finish_request(s);
        return;
    }
    if (s->with_bodies)
        open_bodies(s);
    else
        s->end = MIN(s->at + META_PER_SLICE, s->count);
    kv_snapshot_free(k->kv, s->snap);
    s->snap = kv_snapshot_new(k->kv);
    workers_run(k->slow, slice_worker, slice_done, s);
}

static void search_cleanup(struct request *j)
{
    struct searching *s = j->own;

    close_bodies(s);
    kv_snapshot_free(j->k->kv, s->snap);
    uidset_deinit(&s->found);
    free(s->todo);
}

/* ---- the call ---- */

static enum err search_prepare(struct request *j, struct searching *s)
{
    const struct keep_search_req *req = j->req;
    struct reader r = reader_of(req->program);
    struct keyword_list keywords = { 0 };
    struct uidset recent = { 0 };
    struct session *session;
    struct view *view = NULL;
    struct mbox m;
    enum err e;

    if ((e = request_session(j, req->session, &session)) != OK ||
        (e = request_mailbox(j, j->k->kv, session->account, req->mailbox, &m)) != OK ||
        (e = search_decode(j->mem, &r, &s->program)) != OK)
        return e;
    if (!reader_done(&r))
        return err_set(&j->why, ERR_SYNTAX, "the search program cannot be read");
    if ((e = mailbox_keywords(&m, &keywords)) == OK)
        search_bind_keywords(&s->program, &keywords);
    keyword_list_deinit(&keywords);
    if (e != OK || (e = request_uids(j, req->recent_uids, &recent)) != OK)
        return e;
    e = views_get(j->k->views, session->account, req->mailbox, &view, &j->why);
    if (e == OK) {
        s->account = session->account;
        s->mailbox = req->mailbox;
        search_view(s, view, &recent);
    }
    uidset_deinit(&recent);
    return e;
}

void start_search(struct request *j)
{
    struct searching *s = ARENA_NEW(j->mem, struct searching);

    s->j = j;
    s->now_s = loop_wall_s(j->k->loop);
    j->own = s;
    j->cleanup = search_cleanup;
    s->e = search_prepare(j, s);
    if (s->e == OK && s->count > 0)
        search_next_slice(s);
    else
        search_finish_request(s);
}
