/* courier/world/keeper.c - the keeper of the test world. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/world/world.h"

static void reply(struct world *w, uint64_t tag, enum err e, struct buf *fields, struct file *file)
{
    struct buf out = { 0 };

    put_u8(&out, FRAME_REPLY);
    put_varint(&out, tag);
    put_u8(&out, (uint8_t)e);
    if (e == OK)
        buf_add(&out, buf_str(fields));
    else
        put_str(&out, STR_EMPTY);
    channel_send(w->keeper, buf_str(&out), file);
    buf_deinit(&out);
    buf_deinit(fields);
}

static struct entry *find_lease(struct world *w, uint64_t lease)
{
    for (size_t i = 0; i < w->entry_count; i++)
        if (lease != 0 && w->entries[i].lease == lease)
            return &w->entries[i];
    return NULL;
}

static bool is_waiting(const struct row_rcpt *r)
{
    return !r->gone && r->r.state == RCPT_WAITING;
}

/* As the real one: recipients that wait and are due, or, when none waits, those to be reported. */
static size_t due_rcpts(struct world *w, const struct entry *e, struct keep_queued_rcpt *ret)
{
    size_t count = 0;
    bool waiting = false;

    for (size_t i = 0; i < e->rcpt_count; i++)
        waiting |= is_waiting(&e->rcpts[i]);
    for (size_t i = 0; i < e->rcpt_count; i++) {
        bool due = is_waiting(&e->rcpts[i]) && e->rcpts[i].r.next_try <= loop_wall_s(w->loop);

        if (!e->rcpts[i].gone && (due || !waiting))
            ret[count++] = e->rcpts[i].r;
    }
    return count;
}

static enum err on_lease(struct world *w, struct arena *mem, const struct keep_lease_req *req,
                         struct keep_lease_rep *rep)
{
    w->lease_calls++;
    rep->entries = ARENA_ARRAY(mem, struct keep_queued, ENTRIES_MAX);
    for (size_t i = 0; i < w->entry_count && rep->entries_count < req->max; i++) {
        struct entry *e = &w->entries[i];
        struct keep_queued q = e->q;

        if (e->lease != 0)
            continue;
        q.rcpts = ARENA_ARRAY(mem, struct keep_queued_rcpt, RCPTS_OF_ENTRY_MAX);
        q.rcpts_count = due_rcpts(w, e, q.rcpts);
        if (q.rcpts_count == 0)
            continue;
        q.lease = e->lease = ++w->last_lease;
        rep->entries[rep->entries_count++] = q;
    }
    return OK;
}

static void apply(struct entry *e, const struct keep_lease_end_req *req)
{
    for (size_t i = 0; i < req->outcomes_count; i++) {
        const struct keep_outcome *o = &req->outcomes[i];
        struct row_rcpt *r = &e->rcpts[o->index];

        BUG_ON(o->index >= e->rcpt_count || r->gone);
        r->r.state = o->state;
        r->r.attempts++;
        r->r.next_try = o->next_try;
        r->r.delay_reported = o->delay_reported;
        r->gone = o->state != RCPT_WAITING;
    }
}

static void carry_out(struct world *w, struct entry *e, const struct keep_lease_end_req *req)
{
    apply(e, req);
    e->lease = 0;
    e->ends++;
    if (req->report.len > 0) {
        w->report_count++;
        buf_add(&w->reports, req->report);
    }
}

static enum err on_lease_end(struct world *w, const struct keep_lease_end_req *req)
{
    struct entry *e = find_lease(w, req->lease);

    if (e == NULL) {
        w->conflicts++;
        return ERR_CONFLICT;
    }
    carry_out(w, e, req);
    return OK;
}

static enum err on_lease_read(struct world *w, const struct keep_lease_read_req *req,
                              struct keep_lease_read_rep *rep)
{
    struct entry *e = find_lease(w, req->lease);

    if (e == NULL)
        return ERR_CONFLICT;
    if (w->read_fails)
        return ERR_IO;
    rep->bytes = str_take(str_skip(e->message, req->offset), req->length);
    return OK;
}

static enum err on_route(const struct keep_route_req *req, struct keep_route_rep *rep)
{
    static const struct {
        struct str start;
        enum keep_route kind;
    } rows[] = {
        { STR_INIT("alice@crepes.fr"), ROUTE_LOCAL },
        { STR_INIT("full@crepes.fr"), ROUTE_FULL },
        { STR_INIT("off@crepes.fr"), ROUTE_DISABLED },
        { STR_INIT("big@crepes.fr"), ROUTE_LOCAL },
    };

    rep->kind = str_ends(req->address, STR("@crepes.fr")) ? ROUTE_UNKNOWN : ROUTE_FOREIGN;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(req->address, rows[i].start))
            rep->kind = (uint8_t)rows[i].kind;
    return OK;
}

static enum err on_spool(struct world *w, struct keep_spool_rep *rep)
{
    if (w->spool_fails)
        return ERR_NO_SPACE;
    file_close(w->spool);
    w->spools_open++;
    rep->spool = 1;
    return fs_open_unnamed(w->fs, &w->spool, NULL);
}

static void read_spool(struct world *w, uint64_t bytes)
{
    char *at = buf_reserve(&w->delivered, bytes);

    CHECK_OK(file_pread(w->spool, 0, at, bytes, NULL), "spool");
    w->delivered.len += bytes;
}

static enum err on_deliver(struct world *w, const struct keep_deliver_req *req,
                           struct keep_deliver_rep *rep)
{
    if (req->spool != 0)
        w->spools_open--;
    if (w->deliver_fails)
        return ERR_QUOTA;
    w->deliveries++;
    w->local_rcpts += (uint32_t)req->rcpts_count;
    buf_clear(&w->delivered);
    buf_add(&w->delivered, req->bytes);
    if (req->spool != 0)
        read_spool(w, req->spool_bytes);
    rep->delivery = w->deliveries;
    return OK;
}

#define ANSWER(name, act)                                                                          \
    case CALL_##name: {                                                                            \
        struct keep_##name##_req req;                                                              \
        struct keep_##name##_rep rep;                                                              \
        memset(&rep, 0, sizeof(rep));                                                              \
        BUG_ON(!keep_##name##_req_get(mem, r.rest, &req));                                         \
        e = (act);                                                                                 \
        if (e == OK)                                                                               \
            keep_##name##_rep_put(&fields, &rep);                                                  \
        break;                                                                                     \
    }

/* Keeper dies with the outcomes of a lease in its hands. */
static void lose_it(struct world *w, struct str fields)
{
    SCRATCH(tmp, NULL);
    struct keep_lease_end_req req;

    BUG_ON(!keep_lease_end_req_get(tmp, fields, &req));
    w->lose_lease_end = false;
    if (w->carry_out_first)
        carry_out(w, find_lease(w, req.lease), &req);
    world_restart_keeper(w);
}

static void on_frame(void *ctx, struct str frame, struct file *file)
{
    struct world *w = ctx;
    struct arena *mem = arena_new(0);
    struct reader r = reader_of(frame);
    struct buf fields = { 0 };
    enum err e = ERR_UNSUPPORTED;

    BUG_ON(file != NULL || get_u8(&r) != FRAME_REQUEST);
    uint8_t call = get_u8(&r);
    uint64_t tag = get_varint(&r);

    if (call == CALL_lease_end && w->lose_lease_end) {
        lose_it(w, r.rest);
        arena_free(mem);
        return;
    }
    switch (call) {
        ANSWER(lease, on_lease(w, mem, &req, &rep))
        ANSWER(lease_renew, (w->renewals++, find_lease(w, req.lease) != NULL ? OK : ERR_CONFLICT))
        ANSWER(lease_read, on_lease_read(w, &req, &rep))
        ANSWER(lease_end, on_lease_end(w, &req))
        ANSWER(route, on_route(&req, &rep))
        ANSWER(deliver, on_deliver(w, &req, &rep))
        ANSWER(spool, on_spool(w, &rep))
        ANSWER(spool_drop, (w->spools_open--, OK))
    default:
        break;
    }
    if (!(call == CALL_lease_read && w->mute_reads))
        reply(w, tag, e, &fields, call == CALL_spool && e == OK ? w->spool : NULL);
    buf_deinit(&fields);
    arena_free(mem);
}

static void on_closed(void *ctx, enum err why)
{
    (void)ctx;
    (void)why;
}

static const struct channel_events events = { .frame = on_frame, .closed = on_closed };

static void queue_due(void *ctx, const struct keep_queue_due_note *note)
{
    struct world *w = ctx;

    agent_wake(w->agent, note->anew);
}

static void connect_keeper(struct world *w)
{
    static const struct keeper_notes notes = { .queue_due = queue_due };
    struct channel *theirs;

    CHECK_OK(channel_pair(w->loop, w->loop, &w->keeper, &theirs, NULL), "channel");
    channel_set_events(w->keeper, &events, w);
    if (w->client == NULL)
        w->client = keeper_client_new(w->loop, theirs, &notes, w);
    else
        keeper_client_reconnect(w->client, theirs);
    agent_connect(w->agent, w->client);
}

void world_restart_keeper(struct world *w)
{
    channel_free(w->keeper);
    w->keeper = NULL;
    for (size_t i = 0; i < w->entry_count; i++)
        w->entries[i].lease = 0;
    timer_set_in(&w->hello, 100);
}

static void say_hello(void *ctx)
{
    connect_keeper(ctx);
}

static void send_due(struct world *w, bool anew)
{
    struct buf out = { 0 };

    put_u8(&out, FRAME_NOTE);
    put_u8(&out, NOTE_NUMBER_queue_due);
    keep_queue_due_note_put(&out, &(struct keep_queue_due_note){ .anew = anew });
    channel_send(w->keeper, buf_str(&out), NULL);
    buf_deinit(&out);
}

void world_due(struct world *w)
{
    send_due(w, false);
}

void world_retry(struct world *w)
{
    send_due(w, true);
}

struct entry *world_add(struct world *w, const char *from, const char *rcpts, struct str message)
{
    struct entry *e = &w->entries[w->entry_count];
    struct str rest = str_from_z(rcpts);

    BUG_ON(w->entry_count == ENTRIES_MAX);
    e->message = message;
    e->q = (struct keep_queued){ .id = ++w->entry_count,
                                 .reverse_path = str_from_z(from),
                                 .size = message.len,
                                 .arrived = loop_wall_s(w->loop),
                                 .message_id = STR("<1@crepes.fr>") };
    while (rest.len > 0) {
        BUG_ON(e->rcpt_count == RCPTS_OF_ENTRY_MAX);
        e->rcpts[e->rcpt_count].r = (struct keep_queued_rcpt){ .index = (uint32_t)e->rcpt_count,
                                                               .address = str_split(&rest, ' ') };
        e->rcpt_count++;
    }
    return e;
}

int entry_state(const struct entry *e, const char *address)
{
    for (size_t i = 0; i < e->rcpt_count; i++)
        if (str_eq(e->rcpts[i].r.address, str_from_z(address)))
            return e->rcpts[i].r.state;
    return -1;
}

/* ---- the world ---- */

static const struct dns_script_row script[] = {
    { STR_INIT("hamburger.edu"), DNS_MX, DNS_FOUND, 10, STR_INIT("a.hamburger.edu") },
    { STR_INIT("hamburger.edu"), DNS_MX, DNS_FOUND, 20, STR_INIT("b.hamburger.edu") },
    { STR_INIT("a.hamburger.edu"), DNS_A, DNS_FOUND, 0, STR_INIT("192.0.2.1") },
    { STR_INIT("b.hamburger.edu"), DNS_A, DNS_FOUND, 0, STR_INIT("192.0.2.2") },
    { STR_INIT("other.edu"), DNS_A, DNS_FOUND, 0, STR_INIT("192.0.2.3") },
    { STR_INIT("third.edu"), DNS_A, DNS_FOUND, 0, STR_INIT("192.0.2.4") },
    { STR_INIT("null.edu"), DNS_MX, DNS_FOUND, 0, STR_INIT("") },
    { STR_INIT("later.edu"), DNS_MX, DNS_FAILED, 0, STR_INIT("") },
    { STR_INIT("relay.crepes.fr"), DNS_A, DNS_FOUND, 0, STR_INIT("192.0.2.9") },
};

void world_init(struct world *w, struct other *others, size_t count)
{
    static const struct sim_faults calm = { .latency_ms_max = 3 };
    static const uint32_t waits_s[] = { 60, 600, 3600 };

    *w = (struct world){ .others = others, .other_count = count };
    w->sim = sim_new(7, &calm);
    w->loop = sim_loop(w->sim, STR("courier"));
    w->mem = arena_new(0);
    w->disk = sim_disk_new(w->sim);
    w->fs = sim_fs(w->disk);
    w->log = log_new(w->loop, STR("courier"), 2, LOG_ERROR);
    w->settings = (struct agent_settings){
        .in_hand_max = 100,
        .rcpts_max = PARCEL_RCPTS_MAX,
        .schedule = { .waits_s = waits_s,
                      .wait_count = ARRAY_LEN(waits_s),
                      .expire_s = 7200,
                      .delay_report_s = 600 },
        .road = { .loop = w->loop,
                  .log = w->log,
                  .dns = dns_script_new(w->loop, script, ARRAY_LEN(script), 5),
                  .tls = tls_client_simulated(),
                  .tls_verified = tls_client_simulated(),
                  .host = STR("mx.crepes.fr"),
                  .port = 25,
                  .all_connections_max = 20,
                  .connections_max = 10,
                  .messages_max = 100,
                  .connect_ms = 1000,
                  .greeting_ms = 2000,
                  .reply_ms = 2000,
                  .data_ms = 3000,
                  .idle_ms = 500,
                  .down_ms = 30000,
                  .mx_ms = 300000 },
    };
    timer_init(&w->hello, w->loop, say_hello, w);
    for (size_t i = 0; i < count; i++)
        other_start(&others[i], w);
}

static void start_agent(struct world *w)
{
    w->agent = agent_new(&w->settings);
    connect_keeper(w);
}

void world_run(struct world *w, uint64_t ms)
{
    if (w->agent == NULL)
        start_agent(w);
    (void)sim_run(w->sim, sim_now_ms(w->sim) + ms);
}

void world_free(struct world *w)
{
    agent_free(w->agent);
    keeper_client_free(w->client);
    timer_cancel(&w->hello);
    if (w->keeper != NULL)
        channel_free(w->keeper);
    for (size_t i = 0; i < w->other_count; i++)
        other_end(&w->others[i]);
    tls_client_free(w->settings.road.tls);
    tls_client_free(w->settings.road.tls_verified);
    log_free(w->log);
    buf_deinit(&w->reports);
    buf_deinit(&w->delivered);
    arena_free(w->mem);
    file_close(w->spool);
    fs_free(w->fs);
    loop_free(w->loop);
    sim_disk_free(w->disk);
    sim_free(w->sim);
}
