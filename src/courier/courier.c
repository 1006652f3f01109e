/* courier/courier.c - the role that carries mail out: settings in, agent run, stop and reload. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/courier.h"

#include "config/config.h"
#include "courier/agent.h"

enum { JITTER_PERCENT = 10, DOWN_MS = 60 * 1000, HOSTS_MS = 5 * 60 * 1000, SMARTHOST_PORT = 587 };

struct courier {
    struct loop *loop;
    struct log *log;
    struct arena *mem; /* of the settings in force */
    struct keeper_client *keeper;
    struct tls_client *tls;
    struct agent *agent;
};

/* "relay.example.org:587", "[192.0.2.1]:587", "relay.example.org". */
static void split_smarthost(struct str text, struct road *road)
{
    size_t colon = str_find_char_last(text, ':');
    uint32_t port;

    road->smarthost = text;
    road->smarthost_port = SMARTHOST_PORT;
    if (colon != STR_NOT_FOUND && str_to_u32(str_skip(text, colon + 1), &port) && port > 0 &&
        port <= UINT16_MAX) {
        road->smarthost = str_take(text, colon);
        road->smarthost_port = (uint16_t)port;
    }
}

static struct agent_settings read_settings(struct courier *c, const struct config *config,
                                           struct arena *mem)
{
    size_t waits = config->queue.retry_after.count;
    uint32_t *waits_s = ARENA_ARRAY(mem, uint32_t, waits);
    struct agent_settings s = { .in_hand_max = MAX(config->courier.deliveries_max * 2, 100U) };

    for (size_t i = 0; i < waits; i++)
        waits_s[i] = (uint32_t)(config->queue.retry_after.at[i] / 1000);
    s.schedule = (struct schedule_settings){
        .waits_s = waits_s,
        .wait_count = waits,
        .expire_s = (uint32_t)(config->queue.expire_after_ms / 1000),
        .delay_report_s = (uint32_t)(config->queue.delay_warning_after_ms / 1000),
        .jitter_percent = JITTER_PERCENT,
    };
    s.road = (struct road){
        .loop = c->loop,
        .log = c->log,
        .tls = config->courier.tls == COURIER_TLS_OFF ? NULL : c->tls,
        .tls_must = config->courier.tls == COURIER_TLS_REQUIRED,
        .host = arena_copy(mem, config->server.host_name),
        .port = (uint16_t)config->courier.port,
        .all_connections_max = config->courier.deliveries_max,
        .connections_max = config->courier.deliveries_per_destination_max,
        .messages_max = config->courier.messages_per_connection_max,
        .connect_ms = (uint32_t)config->courier.connect_max_ms,
        .greeting_ms = (uint32_t)config->courier.greeting_max_ms,
        .reply_ms = (uint32_t)config->courier.command_max_ms,
        .data_ms = (uint32_t)config->courier.data_max_ms,
        .idle_ms = (uint32_t)config->courier.reuse_max_ms,
        .down_ms = DOWN_MS,
        .mx_ms = HOSTS_MS,
    };
    split_smarthost(arena_copy(mem, config->courier.smarthost), &s.road);
    return s;
}

enum err courier_start_with(const struct role_start *start, struct dns *dns, void **ret_role,
                            struct errinfo *why)
{
    struct courier *c = calloc(1, sizeof(*c));
    enum err e;

    if (c == NULL)
        BUG("out of memory");
    c->loop = start->loop;
    if ((e = tls_client_new(false, STR_EMPTY, &c->tls, why)) != OK) {
        dns_free(dns);
        free(c);
        return e;
    }
    c->log = log_new(start->loop, STR("courier"), 2, (enum log_level)start->config->log.level);
    c->mem = arena_new(1024);

    struct agent_settings settings = read_settings(c, start->config, c->mem);
    settings.road.dns = dns;
    c->agent = agent_new(&settings);
    *ret_role = c;
    return OK;
}

static enum err start_role(const struct role_start *start, void **ret_role, struct errinfo *why)
{
    struct dns *dns;
    enum err e = dns_unbound_new(start->loop, start->config->courier.dns_server,
                                 DNS_QUESTION_MS_MAX, &dns, why);

    return e != OK ? e : courier_start_with(start, dns, ret_role, why);
}

static void queue_due(void *ctx, const struct keep_queue_due_note *note)
{
    struct courier *c = ctx;

    (void)note;
    agent_wake(c->agent);
}

static void take_channel(void *role, enum role_kind peer, uint32_t peer_index,
                         struct channel *channel)
{
    static const struct keeper_notes notes = { .queue_due = queue_due };
    struct courier *c = role;

    (void)peer_index;
    if (peer != ROLE_KEEPER) { /* gates have nothing to ask yet: DNS questions of policies will */
        channel_free(channel);
        return;
    }
    if (c->keeper == NULL)
        c->keeper = keeper_client_new(c->loop, channel, &notes, c);
    else
        keeper_client_reconnect(c->keeper, channel);
    agent_connect(c->agent, c->keeper);
}

static void reload(void *role, const struct config *config)
{
    struct courier *c = role;
    struct arena *fresh = arena_new(1024);
    struct agent_settings settings = read_settings(c, config, fresh);

    log_set_level(c->log, (enum log_level)config->log.level);
    agent_set(c->agent, &settings);
    arena_free(c->mem);
    c->mem = fresh;
}

static void stop(void *role, void (*done)(void *ctx), void *ctx)
{
    struct courier *c = role;

    agent_stop(c->agent, done, ctx);
}

static void free_role(void *role)
{
    struct courier *c = role;

    agent_free(c->agent);
    if (c->keeper != NULL)
        keeper_client_free(c->keeper);
    tls_client_free(c->tls);
    log_free(c->log);
    arena_free(c->mem);
    free(c);
}

const struct role_ops courier_role = {
    .name = STR_INIT("courier"),
    .start = start_role,
    .channel = take_channel,
    .reload = reload,
    .stop = stop,
    .free = free_role,
};
