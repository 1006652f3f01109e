/* keeper/fetch/server_ahead.c - the next pages of a download.
 *
 * A reading is the series of calls of one session that differ in their cursor alone. Its pages are
 * planned one after the other, because only a plan tells where the next begins; unpacking them
 * runs beside the loop, two at a time. They are planned from a timer, so that the reply that made
 * them worthwhile leaves first. A page that was made at another modseq of the mailbox is not given
 * out, so nobody learns of a message's state later than by asking. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/fetch/server_ahead.h"
#include "keeper/sharing/server_place.h"

enum {
    AHEAD_PER_SESSION = 2,
    AHEAD_PAGES_MAX = 10, /* fewer than a channel has rooms (os/channel.h) */
    AHEAD_KEPT_MS = 2000,
};

/* One series of pages; session->reading. */
struct reading {
    struct list in_keeper;
    struct session *session;
    struct arena *mem;
    struct str like; /* the call, its cursor 0 */
    struct list pages;
    unsigned count;
    uint32_t next; /* where the next page to be made begins; 0: nowhere */
    uint64_t used_ms;
};

/* One page that nobody has asked for; request->ahead. */
struct ahead {
    struct list in_reading;
    struct request *j;
    struct reading *reading; /* null: dropped */
    uint32_t from;
    uint64_t modseq;
    bool finished;
};

static struct str call_without_cursor(struct arena *mem, const struct keep_fetch_req *req)
{
    struct keep_fetch_req like = *req;
    struct buf b = { 0 };
    struct str copy;

    like.from = 0;
    keep_fetch_req_put(&b, &like);
    copy = arena_copy(mem, buf_str(&b));
    buf_deinit(&b);
    return copy;
}

static void page_free(struct request *j)
{
    j->k->ahead_pages--;
    request_free(j);
}

void ahead_drop(struct session *s)
{
    struct reading *r = s->reading;

    if (r == NULL)
        return;
    LIST_EACH_SAFE(it, &r->pages)
    {
        struct ahead *a = LIST_ITEM(it, struct ahead, in_reading);

        list_remove(&a->in_reading);
        a->reading = NULL;
        if (a->finished)
            page_free(a->j);
    }
    list_remove(&r->in_keeper);
    s->reading = NULL;
    arena_free(r->mem);
}

void ahead_drop_all(struct keeper *k)
{
    while (!list_empty(&k->readings))
        ahead_drop(LIST_ITEM(list_first(&k->readings), struct reading, in_keeper)->session);
}

/* The mailbox, if it is there and the session may still read it. */
static enum err place_of(struct request *j, struct place *ret)
{
    const struct keep_fetch_req *req = j->req;

    return request_place(j, j->k->kv, req->session, req->mailbox, PLACE_ITSELF, ret);
}

/* ---- making pages ---- */

/* A page that would have to set \Seen first is left to the call itself. */
static bool can_be_made(struct request *j, uint64_t *ret_modseq)
{
    const struct keep_fetch_req *req = j->req;
    struct place p;

    if (place_of(j, &p) != OK || (req->mark_seen && p.row.unseen > 0))
        return false;
    *ret_modseq = p.row.modseq;
    return true;
}

static void make_page(struct reading *r)
{
    struct peer *peer = r->session->peer;
    struct keeper *k = peer->k;
    struct request *j = request_unasked(peer, CALL_fetch, r->like);
    struct ahead *a = ARENA_NEW(j->mem, struct ahead);

    *a = (struct ahead){ .j = j, .reading = r, .from = r->next };
    ((struct keep_fetch_req *)(uintptr_t)j->req)->from = r->next;
    j->ahead = a;
    list_add_last(&r->pages, &a->in_reading);
    r->count++;
    r->next = 0;
    k->ahead_pages++;
    if (can_be_made(j, &a->modseq))
        fetch_page(j); /* which comes back with ahead_planned and ahead_end */
    else
        ahead_end(j, ERR_NOT_FOUND);
}

void ahead_run(void *ctx)
{
    struct keeper *k = ctx;

    LIST_EACH_SAFE(it, &k->readings)
    {
        struct reading *r = LIST_ITEM(it, struct reading, in_keeper);

        while (r->count < AHEAD_PER_SESSION && r->next != 0 && k->ahead_pages < AHEAD_PAGES_MAX &&
               !k->stopping && !k->failed)
            make_page(r);
    }
}

/* Whoever stopped reading keeps nobody's memory. */
void ahead_look(void *ctx)
{
    struct keeper *k = ctx;
    uint64_t now = loop_now_ms(k->loop);

    LIST_EACH_SAFE(it, &k->readings)
    {
        struct reading *r = LIST_ITEM(it, struct reading, in_keeper);

        if (now - r->used_ms >= AHEAD_KEPT_MS)
            ahead_drop(r->session);
    }
    if (!list_empty(&k->readings))
        timer_set_in(&k->ahead_old, AHEAD_KEPT_MS);
}

static struct reading *reading_begin(struct request *j, struct session *s)
{
    struct arena *mem = arena_new(0);
    struct reading *r = ARENA_NEW(mem, struct reading);

    *r = (struct reading){ .session = s, .mem = mem, .like = call_without_cursor(mem, j->req) };
    list_init(&r->pages);
    list_add_last(&j->k->readings, &r->in_keeper);
    s->reading = r;
    if (!timer_is_set(&j->k->ahead_old))
        timer_set_in(&j->k->ahead_old, AHEAD_KEPT_MS);
    return r;
}

void ahead_planned(struct request *j, struct session *s, uint32_t next)
{
    struct reading *r = s->reading;

    if (j->ahead != NULL) {
        r->next = next;
        return;
    }
    if (next == 0 || j->peer == NULL)
        return;
    if (r == NULL)
        r = reading_begin(j, s);
    r->next = next;
    r->used_ms = loop_now_ms(j->k->loop);
    timer_set_in(&j->k->ahead_due, 0);
}

/* ---- giving them out ---- */

void ahead_end(struct request *j, enum err e)
{
    struct ahead *a = j->ahead;
    struct keeper *k = j->k;

    if (a == NULL) {
        request_end(j, e);
    } else if (a->reading == NULL || e != OK) {
        /* Dropped meanwhile; or it failed, which is told to who asks, if it fails again. */
        if (a->reading != NULL) {
            list_remove(&a->in_reading);
            a->reading->count--;
            a->reading->next = 0;
        }
        page_free(j);
        keeper_maybe_stopped(k);
    } else {
        a->finished = true;
    }
}

/* The first page, when it is the one that is asked for now. */
static struct ahead *page_for(struct request *j, const struct session *s)
{
    const struct keep_fetch_req *req = j->req;
    struct reading *r = s->reading;
    struct ahead *a;
    struct place p;
    SCRATCH(tmp, j->mem);

    if (r == NULL || list_empty(&r->pages))
        return NULL;
    a = LIST_ITEM(list_first(&r->pages), struct ahead, in_reading);
    if (a->from != req->from || !str_eq(r->like, call_without_cursor(tmp, req)) ||
        place_of(j, &p) != OK || p.row.modseq != a->modseq)
        return NULL;
    return a;
}

bool ahead_take(struct request *j, struct session *s)
{
    struct ahead *a = page_for(j, s);
    struct keeper *k = j->k;
    struct request *page;

    if (a == NULL) {
        ahead_drop(s);
        return false;
    }
    page = a->j;
    list_remove(&a->in_reading);
    a->reading->count--;
    a->reading->used_ms = loop_now_ms(k->loop);
    k->ahead_pages--;
    page->ahead = NULL;
    page->tag = j->tag;
    request_free(j);
    if (a->finished)
        request_end(page, OK);
    timer_set_in(&k->ahead_due, 0);
    return true;
}
