/* sim/town.c - keeper, gates and courier on simulated loops.
 *
 * A role that dies is cleared away at once (its loop killed, its memory freed; a dead keeper's file
 * layer refuses every change first, as a dead process can not write) and started again after a
 * short while by an event of the outside loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/town.h"

#include "courier/courier.h"
#include "gate/gate.h"
#include "keeper/server.h"
#include "os/fault.h"

enum { RESTART_MS = 50, DISK_FULL_MS = 3000 };

struct role {
    struct town *town;
    const struct role_ops *ops; /* null: keeper */
    uint32_t index;
    struct loop *loop; /* null: dead */
    void *role;
    struct role_listener listener;
    struct timer restart;
};

struct town {
    struct sim *sim;
    struct ledger *ledger;
    const struct town_events *events;
    void *ctx;
    bool indexed;
    struct arena *mem;
    struct config *config;
    struct loop *outside;
    struct sim_disk *disk;
    struct tls_server *tls;

    struct role keeper, gates[TOWN_GATES], courier;
    struct fs *fs;
    struct keeper *store;
    struct keeper_client *reader, *admin;

    struct timer misfortune, disk_freed;
    bool calm;
    uint32_t deaths;
};

static void note(struct town *t, const char *what, const struct role *r)
{
    SCRATCH(tmp, NULL);
    const char *name = r->ops == NULL ? "keeper" : r->ops->name.at;

    sim_note(t->sim, arena_printf(tmp, "%s %s %u", what, name, r->index));
}

/* ---- keeper ---- */

static void kill_keeper_soon(void *ctx, struct str why)
{
    struct town *t = ctx;

    sim_note(t->sim, why);
    timer_set_in(&t->keeper.restart, 0); /* it still runs: the restart clears it away first */
}

static void connect_client(struct town *t, struct role *r, struct keeper_client **client,
                           enum keep_who who)
{
    struct channel *near, *far;
    struct loop *l = r != NULL ? r->loop : t->outside;

    if (l == NULL || t->store == NULL)
        return;
    if (channel_pair(l, t->keeper.loop, &near, &far, NULL) != OK)
        BUG("no channel");
    keeper_add_channel(t->store, far, who);
    if (r != NULL)
        r->ops->channel(r->role, ROLE_KEEPER, 0, near);
    else if (*client == NULL)
        *client = keeper_client_new(t->outside, near, NULL, NULL);
    else
        keeper_client_reconnect(*client, near);
}

static void start_keeper(struct town *t)
{
    struct keeper_settings settings = {
        .tables_in_memory = true,
        .argon2_kib = 8,
        .argon2_passes = 1,
        .segment_bytes = 4 * 1024 * 1024,
        .no_training = true,
        .no_index = !t->indexed,
        .failed = kill_keeper_soon,
        .ctx = t,
    };
    struct errinfo why = { 0 };

    t->keeper.loop = sim_loop(t->sim, STR("keeper"));
    t->fs = fs_faulty(sim_fs(t->disk));
    enum err e = keeper_start(t->keeper.loop, t->fs, &settings, &t->store, &why);
    if (e != OK) {
        sim_note(t->sim, str_from_z(why.text)); /* the disk again; the warden tries again, too */
        if (e == ERR_CORRUPT)
            ledger_complain(t->ledger, "keeper does not start: %s", why.text);
        fs_free(t->fs);
        loop_free(t->keeper.loop);
        t->keeper.loop = NULL;
        t->fs = NULL;
        t->store = NULL;
        timer_set_in(&t->keeper.restart, 1000);
        return;
    }
    for (size_t i = 0; i < TOWN_GATES; i++)
        connect_client(t, &t->gates[i], NULL, BY_GATE);
    connect_client(t, &t->courier, NULL, BY_COURIER);
    connect_client(t, NULL, &t->reader, BY_GATE);
    connect_client(t, NULL, &t->admin, BY_CONTROL);
    t->events->keeper_up(t->ctx);
}

static void clear_keeper(struct town *t)
{
    fs_faulty_set(t->fs, FAULT_IO, 1, true);
    sim_kill_loop(t->keeper.loop);
    keeper_free(t->store);
    fs_free(t->fs);
    loop_free(t->keeper.loop);
    t->store = NULL;
    t->fs = NULL;
    t->keeper.loop = NULL;
}

/* ---- gates and courier ---- */

static void start_role(struct town *t, struct role *r)
{
    struct role_start start = { .config = t->config, .index = r->index };
    enum err e;

    r->loop = start.loop = sim_loop(t->sim, r->ops->name);
    if (r->ops == &gate_role) {
        start.listeners = &r->listener;
        start.listener_count = 1;
        start.tls = t->tls;
        e = r->ops->start(&start, &r->role, NULL);
    } else {
        e = courier_start_with(&start, t->events->dns(t->ctx, r->loop), &r->role, NULL);
    }
    if (e != OK)
        BUG("a role does not start");
    connect_client(t, r, NULL, r->ops == &gate_role ? BY_GATE : BY_COURIER);
}

static void clear_role(struct role *r)
{
    sim_kill_loop(r->loop);
    r->ops->free(r->role);
    loop_free(r->loop);
    r->loop = NULL;
    r->role = NULL;
}

static void kill(struct town *t, struct role *r)
{
    if (r->loop == NULL)
        return;
    note(t, "dies", r);
    t->deaths++;
    if (r->ops == NULL)
        clear_keeper(t);
    else
        clear_role(r);
    timer_set_in(&r->restart, RESTART_MS);
}

static void restart_came(void *ctx)
{
    struct role *r = ctx;
    struct town *t = r->town;

    if (r->loop != NULL) { /* keeper, after its disk failed */
        kill(t, r);
        return;
    }
    note(t, "starts", r);
    if (r->ops == NULL)
        start_keeper(t);
    else
        start_role(t, r);
}

/* ---- misfortune ---- */

static void power_cut(struct town *t)
{
    sim_note(t->sim, STR("power cut"));
    if (t->fs != NULL)
        fs_faulty_set(t->fs, FAULT_IO, 1, true);
    kill(t, &t->keeper);
    for (size_t i = 0; i < TOWN_GATES; i++)
        kill(t, &t->gates[i]);
    kill(t, &t->courier);
    sim_disk_lose_unsynced(t->disk);
}

static void disk_freed(void *ctx)
{
    struct town *t = ctx;

    sim_note(t->sim, STR("disk has room again"));
    sim_disk_set_free(t->disk, UINT64_MAX);
}

static void misfortune_came(void *ctx)
{
    struct town *t = ctx;

    switch (sim_random(t->sim, 8)) {
    case 0:
    case 1:
        kill(t, &t->keeper);
        break;
    case 2:
    case 3:
        kill(t, &t->gates[sim_random(t->sim, TOWN_GATES)]);
        break;
    case 4:
    case 5:
        kill(t, &t->courier);
        break;
    case 6:
        power_cut(t);
        break;
    case 7:
        sim_note(t->sim, STR("disk is full"));
        sim_disk_set_free(t->disk, sim_random(t->sim, 30000));
        timer_set_in(&t->disk_freed, DISK_FULL_MS);
        break;
    default:
        break;
    }
    timer_set_in(&t->misfortune, 200 + sim_random(t->sim, 4000));
}

void town_begin_misfortune(struct town *t)
{
    timer_set_in(&t->misfortune, 500);
}

void town_calm(struct town *t)
{
    timer_cancel(&t->misfortune);
    timer_cancel(&t->disk_freed);
    sim_disk_set_free(t->disk, UINT64_MAX);
}

/* ---- life ---- */

static struct config *make_config(struct arena *mem)
{
    static const struct {
        struct str name, value;
    } rows[] = {
        { STR_INIT("server.host_name"), STR_INIT("mx.crepes.fr") },
        { STR_INIT("smtp.trusted_networks"), STR_INIT("[\"10.0.0.0/8\"]") },
        { STR_INIT("queue.retry_after"), STR_INIT("[\"5s\", \"20s\", \"1m\", \"5m\"]") },
        { STR_INIT("queue.expire_after"), STR_INIT("1h") },
        { STR_INIT("queue.delay_warning_after"), STR_INIT("0s") },
        { STR_INIT("log.level"), STR_INIT("warning") },
    };
    struct config *c = config_new(mem);
    struct errinfo why = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (config_set(mem, c, rows[i].name, rows[i].value, &why) != OK)
            BUG("a setting of the simulation is not one");
    return c;
}

static void make_role(struct town *t, struct role *r, const struct role_ops *ops, uint32_t index)
{
    r->town = t;
    r->ops = ops;
    r->index = index;
    timer_init(&r->restart, t->outside, restart_came, r);
    if (ops == &gate_role)
        r->listener = (struct role_listener){ .service = STR("smtp"),
                                              .at = town_gate_address(t, index),
                                              .fd = -1 };
}

struct town *town_new(struct sim *s, struct ledger *ledger, const struct town_events *events,
                      void *ctx, bool indexed)
{
    struct town *t = calloc(1, sizeof(*t));

    if (t == NULL)
        BUG("out of memory");
    t->sim = s;
    t->ledger = ledger;
    t->events = events;
    t->ctx = ctx;
    t->indexed = indexed;
    t->mem = arena_new(0);
    t->config = make_config(t->mem);
    t->outside = sim_loop(s, STR("outside"));
    t->disk = sim_disk_new(s);
    t->tls = tls_server_simulated();
    timer_init(&t->misfortune, t->outside, misfortune_came, t);
    timer_init(&t->disk_freed, t->outside, disk_freed, t);
    make_role(t, &t->keeper, NULL, 0);
    make_role(t, &t->courier, &courier_role, 0);
    for (uint32_t i = 0; i < TOWN_GATES; i++)
        make_role(t, &t->gates[i], &gate_role, i);
    start_keeper(t);
    for (size_t i = 0; i < TOWN_GATES; i++)
        start_role(t, &t->gates[i]);
    start_role(t, &t->courier);
    return t;
}

void town_free(struct town *t)
{
    if (t->keeper.loop != NULL)
        clear_keeper(t);
    for (size_t i = 0; i < TOWN_GATES; i++)
        if (t->gates[i].loop != NULL)
            clear_role(&t->gates[i]);
    if (t->courier.loop != NULL)
        clear_role(&t->courier);
    keeper_client_free(t->reader);
    keeper_client_free(t->admin);
    loop_free(t->outside);
    sim_disk_free(t->disk);
    tls_server_free(t->tls);
    arena_free(t->mem);
    free(t);
}

struct loop *town_outside(struct town *t)
{
    return t->outside;
}

struct address town_gate_address(const struct town *t, size_t gate)
{
    struct address a = { .family = ADDRESS_IP4, .port = TOWN_PORT };

    (void)t;
    a.ip[0] = 10;
    a.ip[3] = (uint8_t)(gate + 1);
    return a;
}

struct keeper_client *town_reader(struct town *t)
{
    return t->reader;
}

struct keeper_client *town_admin(struct town *t)
{
    return t->admin;
}

uint32_t town_deaths(const struct town *t)
{
    return t->deaths;
}
