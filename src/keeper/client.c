/* keeper/client.c - questions on their way, and whom to tell the answer.
 *
 * A question is a struct asked, found by its ticket (which is also the tag on the wire) in a map
 * and kept in order in a list, so that a broken channel ends them in the order they were asked. A
 * question that fails before it is sent waits in a second list until a timer calls it on the next
 * turn, because no done() runs inside the call that asked.
 *
 * A forgotten question stays until its reply comes: a log-in or a spool file that nobody waits for
 * any more must be given back, or keeper would hold it until the channel ends. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/client.h"

#include "base/list.h"
#include "base/map.h"

typedef void (*any_done)(void);

struct asked {
    struct list link;
    uint64_t ticket; /* also the key in the map */
    enum keep_call call;
    enum err failed; /* why it could not be sent; OK when it was */
    any_done done;   /* null when forgotten */
    void *ctx;
};

struct keeper_client {
    struct loop *loop;
    struct channel *channel; /* null while down */
    struct keeper_notes notes;
    void *ctx;
    struct map by_ticket;
    struct list sent, refused;
    struct timer soon; /* ends what is in `refused`, and the channel when it is broken */
    bool broken;       /* keeper wrote what cannot be read */
    uint64_t last_ticket;
    struct str why;
    struct buf frame; /* of the request being written */
};

/* ---- the answer, by call ---- */

typedef void (*finish_fn)(struct keeper_client *k, const struct asked *a, enum err e,
                          struct str fields, struct file *file);

/* A reply whose fields cannot be read counts as none, and the channel is given up after it. */
#define FINISH(name, who)                                                                          \
    static void finish_##name(struct keeper_client *k, const struct asked *a, enum err e,          \
                              struct str fields, struct file *file)                                \
    {                                                                                              \
        keeper_##name##_done done = (keeper_##name##_done)a->done;                                 \
        struct arena *mem = arena_new(0);                                                          \
        struct keep_##name##_rep rep;                                                              \
                                                                                                   \
        if (e == OK && !keep_##name##_rep_get(mem, fields, &rep)) {                                \
            k->broken = true;                                                                      \
            e = ERR_UNAVAILABLE;                                                                   \
        }                                                                                          \
        if (e != OK && file != NULL) {                                                             \
            file_close(file);                                                                      \
            file = NULL;                                                                           \
        }                                                                                          \
        done(a->ctx, e, e == OK ? &rep : NULL, file);                                              \
        arena_free(mem);                                                                           \
    }
CONTRACT_CALLS(FINISH)

static const finish_fn finishers[CALL_COUNT] = {
#define FINISHER(name, who) [CALL_##name] = finish_##name,
    CONTRACT_CALLS(FINISHER)
};

/* What a forgotten question brought is handed back. */
static void ignore_login(void *ctx, enum err e, const struct keep_logout_rep *rep,
                         struct file *file)
{
    (void)ctx, (void)e, (void)rep;
    file_close(file);
}

static void ignore_spool(void *ctx, enum err e, const struct keep_spool_drop_rep *rep,
                         struct file *file)
{
    (void)ctx, (void)e, (void)rep;
    file_close(file);
}

static void give_back(struct keeper_client *k, enum keep_call call, struct str fields)
{
    SCRATCH(tmp, NULL);

    if (call == CALL_login) {
        struct keep_login_rep login;

        if (keep_login_rep_get(tmp, fields, &login))
            (void)keeper_logout(k, &(struct keep_logout_req){ .session = login.session },
                                ignore_login, NULL);
    } else if (call == CALL_spool) {
        struct keep_spool_rep spool;

        if (keep_spool_rep_get(tmp, fields, &spool))
            (void)keeper_spool_drop(k, &(struct keep_spool_drop_req){ .spool = spool.spool },
                                    ignore_spool, NULL);
    }
}

static struct str ticket_key(const struct asked *a)
{
    return str_from(&a->ticket, sizeof a->ticket);
}

/* Takes the question out before its owner is called, who may then ask or forget anything. */
static void end_asked(struct keeper_client *k, struct asked *a, enum err e, struct str text,
                      struct file *file)
{
    (void)map_remove(&k->by_ticket, ticket_key(a));
    list_remove(&a->link);
    if (a->done != NULL) {
        k->why = e == OK ? STR_EMPTY : text;
        finishers[a->call](k, a, e, text, file);
        k->why = STR_EMPTY;
    } else {
        file_close(file);
        if (e == OK)
            give_back(k, a->call, text);
    }
    free(a);
}

/* ---- what comes in ---- */

static void end_all(struct keeper_client *k, struct list *head)
{
    /* Questions asked by the callbacks join the list of refused ones and end on the next turn. */
    struct list now;

    if (list_empty(head))
        return;
    list_add_after(head, &now);
    list_remove(head);
    while (!list_empty(&now)) {
        struct asked *a = LIST_ITEM(list_first(&now), struct asked, link);

        end_asked(k, a, a->failed != OK ? a->failed : ERR_CLOSED, STR_EMPTY, NULL);
    }
}

static void channel_gone(struct keeper_client *k)
{
    if (k->channel == NULL)
        return;
    channel_free(k->channel);
    k->channel = NULL;
    k->broken = false;
    end_all(k, &k->sent);
    if (k->notes.lost != NULL)
        k->notes.lost(k->ctx);
}

/* Runs on the next turn: the channel must not be freed inside its own event. */
static void run_soon(void *ctx)
{
    struct keeper_client *k = ctx;

    end_all(k, &k->refused);
    if (k->broken)
        channel_gone(k);
}

static void reply_came(struct keeper_client *k, struct reader *r, struct file *file)
{
    uint64_t ticket = get_varint(r);
    uint8_t error = get_u8(r);
    struct asked *a = map_find(&k->by_ticket, str_from(&ticket, sizeof ticket));

    if (r->bad || error >= ERR_COUNT || a == NULL) {
        file_close(file);
        k->broken = true;
        return;
    }

    struct str text = error == OK ? r->rest : get_str(r);

    if (error != OK && (r->bad || r->rest.len > 0))
        k->broken = true;
    end_asked(k, a, (enum err)error, text, file);
}

static void note_came(struct keeper_client *k, struct reader *r)
{
    uint8_t number = get_u8(r);

    if (number == NOTE_NUMBER_changed) {
        struct keep_changed_note note;

        if (!keep_changed_note_get(NULL, r->rest, &note))
            k->broken = true;
        else if (k->notes.changed != NULL)
            k->notes.changed(k->ctx, &note);
    } else if (number == NOTE_NUMBER_queue_due) {
        struct keep_queue_due_note note;

        if (!keep_queue_due_note_get(NULL, r->rest, &note))
            k->broken = true;
        else if (k->notes.queue_due != NULL)
            k->notes.queue_due(k->ctx, &note);
    } else if (number == NOTE_NUMBER_event) {
        SCRATCH(tmp, NULL);
        struct keep_event_note note;

        if (!keep_event_note_get(tmp, r->rest, &note))
            k->broken = true;
        else if (k->notes.event != NULL)
            k->notes.event(k->ctx, &note);
    } else {
        k->broken = true;
    }
}

static void on_frame(void *ctx, struct str frame, struct file *file)
{
    struct keeper_client *k = ctx;
    struct reader r = reader_of(frame);
    uint8_t kind = get_u8(&r);

    if (k->broken) {
        file_close(file);
        return;
    }
    if (kind == FRAME_REPLY) {
        reply_came(k, &r, file);
    } else {
        file_close(file);
        if (kind == FRAME_NOTE)
            note_came(k, &r);
        else
            k->broken = true;
    }
    if (k->broken)
        timer_set_in(&k->soon, 0);
}

static void on_closed(void *ctx, enum err why)
{
    (void)why;
    channel_gone(ctx);
}

static const struct channel_events client_events = { .frame = on_frame, .closed = on_closed };

/* ---- asking ---- */

static uint64_t refuse(struct keeper_client *k, struct asked *a, enum err e)
{
    a->failed = e;
    list_add_last(&k->refused, &a->link);
    if (!timer_is_set(&k->soon))
        timer_set_in(&k->soon, 0);
    return a->ticket;
}

/* The frame with kind, call and tag stands in k->frame; the caller adds the fields. */
static struct asked *ask_begin(struct keeper_client *k, enum keep_call call, any_done done,
                               void *ctx)
{
    struct asked *a = calloc(1, sizeof *a);

    if (a == NULL)
        BUG("out of memory");
    a->ticket = ++k->last_ticket;
    a->call = call;
    a->done = done;
    a->ctx = ctx;
    (void)map_put(&k->by_ticket, ticket_key(a), a);

    buf_clear(&k->frame);
    put_u8(&k->frame, FRAME_REQUEST);
    put_u8(&k->frame, (uint8_t)call);
    put_varint(&k->frame, a->ticket);
    return a;
}

static uint64_t ask_end(struct keeper_client *k, struct asked *a)
{
    if (k->frame.overflowed)
        return refuse(k, a, ERR_LIMIT);
    if (k->channel == NULL || k->broken)
        return refuse(k, a, ERR_UNAVAILABLE);

    channel_send(k->channel, buf_str(&k->frame), NULL);
    list_add_last(&k->sent, &a->link);
    buf_clear(&k->frame);
    buf_shrink(&k->frame, KEEP_PAGE_BYTES);
    return a->ticket;
}

#define ASK(name, who)                                                                             \
    uint64_t keeper_##name(struct keeper_client *k, const struct keep_##name##_req *req,           \
                           keeper_##name##_done done, void *ctx)                                   \
    {                                                                                              \
        struct asked *a = ask_begin(k, CALL_##name, (any_done)done, ctx);                          \
                                                                                                   \
        keep_##name##_req_put(&k->frame, req);                                                     \
        return ask_end(k, a);                                                                      \
    }
CONTRACT_CALLS(ASK)

void keeper_forget(struct keeper_client *k, uint64_t ticket)
{
    struct asked *a = map_find(&k->by_ticket, str_from(&ticket, sizeof ticket));

    if (a != NULL)
        a->done = NULL;
}

/* ---- the client itself ---- */

struct keeper_client *keeper_client_new(struct loop *l, struct channel *c,
                                        const struct keeper_notes *notes, void *ctx)
{
    struct keeper_client *k = calloc(1, sizeof *k);
    uint8_t key[16];

    if (k == NULL)
        BUG("out of memory");
    k->loop = l;
    if (notes != NULL)
        k->notes = *notes;
    k->ctx = ctx;
    k->frame.max = CHANNEL_FRAME_MAX;
    k->why = STR_EMPTY;
    loop_random(l, key, sizeof key);
    map_init(&k->by_ticket, siphash_key_of(key));
    list_init(&k->sent);
    list_init(&k->refused);
    timer_init(&k->soon, l, run_soon, k);
    if (c != NULL)
        keeper_client_reconnect(k, c);
    return k;
}

static void drop_all(struct list *head)
{
    while (!list_empty(head)) {
        struct asked *a = LIST_ITEM(list_first(head), struct asked, link);

        list_remove(&a->link);
        free(a);
    }
}

void keeper_client_free(struct keeper_client *k)
{
    if (k == NULL)
        return;
    timer_cancel(&k->soon);
    if (k->channel != NULL)
        channel_free(k->channel);
    drop_all(&k->sent);
    drop_all(&k->refused);
    map_deinit(&k->by_ticket);
    buf_deinit(&k->frame);
    free(k);
}

void keeper_client_reconnect(struct keeper_client *k, struct channel *c)
{
    channel_gone(k); /* a new channel may come before the old one's closed() */
    k->channel = c;
    channel_set_events(c, &client_events, k);
    channel_allow_rooms(c); /* keeper does not change what it has said */
}

bool keeper_client_is_up(const struct keeper_client *k)
{
    return k->channel != NULL && !k->broken;
}

size_t keeper_client_queued(const struct keeper_client *k)
{
    return k->channel == NULL ? 0 : channel_queued(k->channel);
}

struct str keeper_client_why(const struct keeper_client *k)
{
    return k->why;
}
