/* keeper/fetch/server_octets.c - the octets of one page.
 *
 * Unpacking is most of what a download costs, and it is the one part of it that needs nothing of
 * the loop: the pieces and the page do not change while a worker is at them. One worker does the
 * whole page; the others have those that are made ahead (server_ahead.h).
 *
 * The reply is written before the octets are there, where the gate will read it, with holes of
 * their lengths; so what is unpacked is at once where it must be, and is not copied again. Only
 * when there is no room for that it goes through memory of the page's own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/fetch/server_octets.h"

enum {
    AT_ONCE_BYTES = 24 * 1024, /* unpacked sooner than a worker is awake */
    PIECES_FIRST = 64,
};

struct piece {
    struct body *body;
    uint64_t at;
    size_t len, before; /* octets of the pieces before it */
    char *to;
    struct str *ret;
};

struct octets {
    struct request *j;
    struct body_walk *walk;
    struct piece *pieces;
    struct body **bodies;
    size_t count, cap, body_count, body_cap, bytes;
    char *page;
    enum err e; /* of the worker */
    struct errinfo why;
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

static void read_worker(void *ctx)
{
    struct octets *o = ctx;
    struct buf scratch = { 0 };

    for (size_t i = 0; i < o->count && o->e == OK; i++) {
        const struct piece *p = &o->pieces[i];

        o->e = body_read_to(p->body, p->at, p->len, p->to, &scratch, &o->why);
    }
    buf_deinit(&scratch);
}

static void read_done(void *ctx)
{
    struct octets *o = ctx;

    if (o->e != OK)
        o->j->why = o->why;
    o->done(o->j, o->e);
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
    o->done = done;
    body_walk_free(o->walk);
    o->walk = NULL;
    if (o->count == 0) {
        done(o->j, OK);
        return;
    }
    if (!places_in_room(o))
        places_in_page(o);
    if (o->bytes > AT_ONCE_BYTES) {
        workers_run(o->j->k->readers, read_worker, read_done, o);
    } else {
        read_worker(o);
        read_done(o);
    }
}
