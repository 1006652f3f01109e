/* courier/courier.c - the role that carries mail out: settings in, agent run, stop and reload. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/courier.h"

#include "config/config.h"
#include "courier/agent.h"
#include "os/machine.h"
#include "os/path.h"

enum {
    JITTER_PERCENT = 10,
    DOWN_MS = 60 * 1000,
    HOSTS_MS = 5 * 60 * 1000,
    PORT_SUBMISSION = 587,
    PASSWORD_BYTES_MAX = 1000
};

struct courier {
    struct loop *loop;
    struct log *log;
    struct arena *mem; /* of the settings in force */
    struct keeper_client *keeper;
    struct tls_client *tls, *tls_verified;
    struct arena *fixed; /* what the role keeps as long as it lives */
    struct str host, user, password;
    struct agent *agent;
};

void courier_split_smarthost(struct str text, struct str *ret_host, uint16_t *ret_port)
{
    size_t colon = str_find_char_last(text, ':');
    bool bare_ip6 =
        colon != STR_NOT_FOUND && colon != str_find_char(text, ':') && !str_starts(text, STR("["));
    uint32_t port;

    *ret_host = text;
    *ret_port = PORT_SUBMISSION;
    if (colon != STR_NOT_FOUND && !bare_ip6 && str_to_u32(str_skip(text, colon + 1), &port) &&
        port > 0 && port <= UINT16_MAX) {
        *ret_host = str_take(text, colon);
        *ret_port = (uint16_t)port;
    }
}

/* One of each family; what is no address was refused at start and is left out on reload. */
static void read_sources(const struct config_texts *texts, struct road *road)
{
    for (size_t i = 0; i < texts->count; i++) {
        struct address a;

        if (address_parse(texts->at[i], 0, &a))
            *(a.family == ADDRESS_IP4 ? &road->source_ip4 : &road->source_ip6) = a;
    }
}

static struct agent_settings read_settings(struct courier *c, const struct config *config,
                                           struct arena *mem)
{
    size_t waits = config->queue.retry_after.count;
    uint32_t *waits_s = ARENA_ARRAY(mem, uint32_t, waits);
    struct agent_settings s = {
        .in_hand_max = MAX(config->courier.deliveries_max * 2, 100U),
        .rcpts_max = MIN(config->courier.recipients_per_message_max, (uint32_t)PARCEL_RCPTS_MAX),
    };

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
        .tls_verified = c->tls_verified,
        .host = c->host,
        .smarthost_user = c->user,
        .smarthost_password = c->password,
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
    courier_split_smarthost(arena_copy(mem, config->courier.smarthost), &s.road.smarthost,
                            &s.road.smarthost_port);
    read_sources(&config->courier.source_addresses, &s.road);
    return s;
}

static void free_role(void *role)
{
    struct courier *c = role;

    if (c->agent != NULL)
        agent_free(c->agent);
    if (c->keeper != NULL)
        keeper_client_free(c->keeper);
    if (c->tls != NULL)
        tls_client_free(c->tls);
    if (c->tls_verified != NULL)
        tls_client_free(c->tls_verified);
    log_free(c->log);
    arena_free(c->mem);
    arena_free(c->fixed);
    free(c);
}

static enum err read_password(struct courier *c, struct str path, struct errinfo *why)
{
    struct str text;
    enum err e;

    if (path.len == 0)
        return OK;
    e = path_read(c->fixed, path, PASSWORD_BYTES_MAX, &text, why);
    if (e == OK)
        c->password = str_trim(str_split(&text, '\n'));
    return e;
}

/* Everything that is read from disk, or needs to be right from the start. */
static enum err read_fixed(struct courier *c, const struct config *config, struct errinfo *why)
{
    const struct config_texts *sources = &config->courier.source_addresses;
    struct address a;
    enum err e;

    c->host = config->server.host_name.len > 0 ? arena_copy(c->fixed, config->server.host_name)
                                               : machine_name(c->fixed);
    c->user = arena_copy(c->fixed, config->courier.smarthost_user);
    for (size_t i = 0; i < sources->count; i++)
        if (!address_parse(sources->at[i], 0, &a))
            return err_set(why, ERR_SYNTAX, "courier.source_addresses: '%.*s' is no address",
                           STR_ARG(sources->at[i]));
    if ((e = tls_client_new(false, STR_EMPTY, &c->tls, why)) != OK || c->user.len == 0)
        return e;
    if ((e = read_password(c, config->courier.smarthost_password_file, why)) != OK)
        return e;
    return tls_client_new(true, STR_EMPTY, &c->tls_verified, why);
}

enum err courier_start_with(const struct role_start *start, struct dns *dns, void **ret_role,
                            struct errinfo *why)
{
    struct courier *c = calloc(1, sizeof(*c));
    enum err e;

    if (c == NULL)
        BUG("out of memory");
    c->loop = start->loop;
    c->fixed = arena_new(0);
    c->mem = arena_new(1024);
    c->log = log_new(start->loop, STR("courier"), 2, (enum log_level)start->config->log.level);
    if ((e = read_fixed(c, start->config, why)) != OK) {
        dns_free(dns);
        free_role(c);
        return e;
    }

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

    agent_wake(c->agent, note->anew);
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

const struct role_ops courier_role = {
    .name = STR_INIT("courier"),
    .start = start_role,
    .channel = take_channel,
    .reload = reload,
    .stop = stop,
    .free = free_role,
};
