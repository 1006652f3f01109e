/* keeper/calls/server_octets.c - the octets of one page.
 *
 * Unpacking is most of what a download costs, and it is the one part of it that needs nothing of
 * the loop: the pieces and the page do not change while the workers are at them. A body belongs to
 * one share, because only one thread at a time may read it.
 *
 * The reply is written before the octets are there, where the gate will read it, with holes of
 * their lengths; so what is unpacked is at once where it must be, and is not copied again. Only
 * when there is no room for that it goes through memory of the page's own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/calls/server_octets.h"

enum {
    AT_ONCE_BYTES = 24 * 1024, /* unpacked sooner than a worker is awake */
    SHARES = 2,
    PIECES_FIRST = 64,
};

struct piece {
    struct body *body;
    uint64_t at;
    size_t len, before; /* octets of the pieces before it */
    char *to;
    struct str *ret;
};

struct share {
    struct octets *o;
    size_t from, until; /* pieces */
    enum err e;
    struct errinfo why;
};

struct octets {
    struct request *j;
    struct body_walk *walk;
    struct piece *pieces;
    struct body **bodies;
    size_t count, cap, body_count, body_cap, bytes;
    char *page;
    struct share shares[SHARES];
    unsigned under_way;
    void (*done)(struct request *j, enum err e);
};

static void cleanup(struct request *j)
{
    struct octets *o = j->own;

    body_walk_free(o->walk);
    for (size_t i = 0; i < o->body_count; i++)
        body_close(o->bodies[i]);
    free(o->page);
}

struct octets *octets_new(struct request *j)
{
    struct octets *o = ARENA_NEW(j->mem, struct octets);

    o->j = j;
    j->own = o;
    j->cleanup = cleanup;
    return o;
}

/* ---- what is wanted ---- */

/* Room for one more in an array of the request. */
static void *more_room(struct arena *mem, void *old, size_t count, size_t *cap, size_t size)
{
    void *grown;

    if (count < *cap)
        return old;
    grown = arena_alloc_array(mem, MAX(2 * *cap, (size_t)PIECES_FIRST), size);
    if (count > 0)
        memcpy(grown, old, count * size);
    *cap = MAX(2 * *cap, (size_t)PIECES_FIRST);
    return grown;
}

enum err octets_open(struct octets *o, uint64_t id, bool many, struct body **ret)
{
    struct request *j = o->j;
    struct body *body;
    enum err e;

    if (many && o->walk == NULL)
        o->walk = body_walk_new(j->k->bodies);
    e = many ? body_walk_open(o->walk, id, &body, &j->why)
             : body_open(j->k->bodies, id, &body, &j->why);
    if (e != OK)
        return e;
    o->bodies = more_room(j->mem, o->bodies, o->body_count, &o->body_cap, sizeof(*o->bodies));
    o->bodies[o->body_count++] = body;
    *ret = body;
    return OK;
}

void octets_add(struct octets *o, struct body *body, uint64_t at, size_t len, struct str *ret)
{
    if (len == 0)
        return;
    o->pieces = more_room(o->j->mem, o->pieces, o->count, &o->cap, sizeof(*o->pieces));
    o->pieces[o->count++] = (struct piece){ body, at, len, o->bytes, NULL, ret };
    *ret = (struct str){ NULL, len };
    o->bytes += len;
}

/* ---- reading ---- */

static void read_share_worker(void *ctx)
{
    struct share *s = ctx;
    struct octets *o = s->o;
    struct buf scratch = { 0 };

    for (size_t i = s->from; i < s->until && s->e == OK; i++) {
        const struct piece *p = &o->pieces[i];

        s->e = body_read_to(p->body, p->at, p->len, p->to, &scratch, &s->why);
    }
    buf_deinit(&scratch);
}

static void share_done(void *ctx)
{
    struct share *s = ctx;
    struct octets *o = s->o;
    enum err e = OK;

    if (--o->under_way > 0)
        return;
    for (size_t i = 0; i < SHARES && e == OK; i++)
        if ((e = o->shares[i].e) != OK)
            o->j->why = o->shares[i].why;
    o->done(o->j, e);
}

/* The first piece past half of the octets that begins another body. */
static size_t middle(const struct octets *o)
{
    size_t i = 0;

    while (i < o->count && (o->pieces[i].before < o->bytes / SHARES ||
                            (i > 0 && o->pieces[i].body == o->pieces[i - 1].body)))
        i++;
    return i;
}

/* Finds the holes of a reply that is written: they are in the order of the pieces. */
static bool places_in_room(struct octets *o)
{
    struct keep_fetch_rep rep;
    struct str fields;
    size_t next = 0;

    if (o->bytes < REPLY_ROOM_WORTH_BYTES || !request_reply_early(o->j, &fields))
        return false;
    if (!keep_fetch_rep_get(o->j->mem, fields, &rep))
        BUG("a reply that was written here cannot be read");
    for (size_t r = 0; r < rep.rows_count; r++)
        for (size_t p = 0; p < rep.rows[r].parts_count; p++)
            if (rep.rows[r].parts[p].bytes.len > 0)
                o->pieces[next++].to = (char *)(uintptr_t)rep.rows[r].parts[p].bytes.at;
    BUG_ON(next != o->count);
    return true;
}

static void places_in_page(struct octets *o)
{
    if ((o->page = malloc(o->bytes)) == NULL)
        BUG("out of memory");
    o->j->page_bytes = o->bytes;
    for (size_t i = 0; i < o->count; i++) {
        struct piece *p = &o->pieces[i];

        p->to = o->page + p->before;
        *p->ret = str_from(p->to, p->len);
    }
}

void octets_read(struct octets *o, void (*done)(struct request *j, enum err e))
{
    struct keeper *k = o->j->k;
    size_t half;

    o->done = done;
    body_walk_free(o->walk);
    o->walk = NULL;
    if (o->count == 0) {
        done(o->j, OK);
        return;
    }
    if (!places_in_room(o))
        places_in_page(o);
    if (o->bytes <= AT_ONCE_BYTES) {
        o->shares[0] = (struct share){ .o = o, .until = o->count };
        o->under_way = 1;
        read_share_worker(&o->shares[0]);
        share_done(&o->shares[0]);
        return;
    }
    half = middle(o);
    o->shares[0] = (struct share){ .o = o, .until = half };
    o->shares[1] = (struct share){ .o = o, .from = half, .until = o->count };
    o->under_way = SHARES;
    for (size_t i = 0; i < SHARES; i++)
        workers_run(k->readers, read_share_worker, share_done, &o->shares[i]);
}
