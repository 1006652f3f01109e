/* gate/gate.c - the role that speaks with clients and other servers.
 *
 * Before keeper has given its channel nothing can be answered, so listeners open with the first
 * one. When keeper dies the services end what can not go on; a new channel makes them whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/gate.h"

#include "config/config.h"
#include "gate/imap/service.h"
#include "gate/pop3_session.h"
#include "gate/smtp_session.h"
#include "os/log.h"

enum { SERVICE_KINDS = 3 };

enum door { DOOR_SMTP, DOOR_SUBMISSION, DOOR_POP3, DOOR_IMAP };

static const struct {
    struct str service;
    enum door door;
} doors[] = {
    { STR_INIT("smtp"), DOOR_SMTP },
    { STR_INIT("submission"), DOOR_SUBMISSION },
    { STR_INIT("submissions"), DOOR_SUBMISSION },
    { STR_INIT("pop3"), DOOR_POP3 },
    { STR_INIT("pop3s"), DOOR_POP3 },
    { STR_INIT("imap"), DOOR_IMAP },
    { STR_INIT("imaps"), DOOR_IMAP },
};

struct gate;

struct entrance { /* one listener */
    struct gate *gate;
    enum door door;
    bool tls_at_once;
    struct listener *listener;
};

struct gate {
    struct role_start start;
    struct log *log;
    struct arena *mem; /* of the settings in force */
    struct keeper_client *keeper;
    struct smtp_service smtp;
    struct pop3_service pop3;
    struct imap_service imap;
    struct entrance *entrances;
    bool open; /* services stand, listeners listen */

    unsigned stopping; /* services that have not ended yet */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* ---- settings ---- */

static struct str *copy_texts(struct arena *mem, const struct config_texts *texts)
{
    struct str *copy = ARENA_ARRAY(mem, struct str, MAX(texts->count, 1U));

    for (size_t i = 0; i < texts->count; i++)
        copy[i] = arena_copy(mem, texts->at[i]);
    return copy;
}

/* Ways to log in, as far as the settings say it; what a connection allows comes on top. */
static unsigned offers_of(const struct config *c)
{
    return (unsigned)SASL_OFFER_PASSWORDS |
           (c->auth.scram ? (unsigned)(SASL_OFFER_SCRAM | SASL_OFFER_PLUS) : 0U) |
           (c->auth.tokens ? (unsigned)SASL_OFFER_TOKENS : 0U) |
           (c->tls.client_ca_file.len > 0 ? (unsigned)SASL_OFFER_CERTIFICATE : 0U);
}

static struct smtp_settings smtp_settings_of(struct arena *mem, const struct config *c,
                                             struct log *log)
{
    struct smtp_limits limits = SMTP_LIMITS_DEFAULT;

    limits.line_max = (uint32_t)c->smtp.line_max_bytes;
    limits.rcpt_max = c->smtp.recipients_max;
    limits.errors_max = c->smtp.errors_max;
    limits.auth_tries_max = c->auth.failures_max;
    limits.idle_ms_max = (uint32_t)c->smtp.idle_max_ms;
    limits.size_max = c->smtp.size_max_bytes;
    return (struct smtp_settings){
        .host = arena_copy(mem, c->server.host_name),
        .limits = limits,
        .received_max = c->smtp.received_max,
        .sessions_max = c->smtp.sessions_max,
        .sessions_per_address_max = c->smtp.sessions_per_address_max,
        .login_delay_ms = c->auth.failure_delay_ms,
        .plain_on_loopback = c->auth.plaintext_on_loopback,
        .offers = offers_of(c),
        .authors_checked = c->smtp.authors_checked,
        .trusted_networks = copy_texts(mem, &c->smtp.trusted_networks),
        .trusted_count = c->smtp.trusted_networks.count,
        .log = log,
    };
}

static struct pop3_settings pop3_settings_of(struct arena *mem, const struct config *c,
                                             struct log *log)
{
    struct pop3_limits limits = POP3_LIMITS_DEFAULT;

    limits.line_max = (uint32_t)c->pop3.line_max_bytes;
    limits.errors_max = c->pop3.errors_max;
    limits.auth_tries_max = c->auth.failures_max;
    limits.login_ms_max = (uint32_t)c->pop3.login_max_ms;
    limits.idle_ms_max = (uint32_t)c->pop3.idle_max_ms;
    return (struct pop3_settings){
        .host = arena_copy(mem, c->server.host_name),
        .limits = limits,
        .sessions_max = c->pop3.sessions_max,
        .sessions_per_address_max = c->pop3.sessions_per_address_max,
        .log = log,
        .login_delay_ms = c->auth.failure_delay_ms,
        .plain_on_loopback = c->auth.plaintext_on_loopback,
        .offers = offers_of(c),
        .between_logins_s = (uint32_t)(c->pop3.login_delay_ms / 1000),
    };
}

static struct imap_settings imap_settings_of(const struct config *c, struct log *log)
{
    struct imap_settings s = imap_settings_default;

    s.limits = imap_limits_default;
    s.limits.command_bytes_max = (uint32_t)c->imap.line_max_bytes;
    s.limits.append_bytes_max = c->imap.append_size_max_bytes;
    s.limits.errors_max = c->imap.errors_max;
    s.version = STR(POSTERN_VERSION);
    s.comment = c->imap.comment;
    s.admin = c->imap.admin;
    s.undelete_days = c->store.undelete_days;
    s.idle_ms_max = c->imap.idle_max_ms;
    s.login_ms_max = c->imap.login_max_ms;
    s.sessions_max = c->imap.sessions_max;
    s.login_tries = c->auth.failures_max;
    s.login_delay_ms = c->auth.failure_delay_ms;
    s.plain_on_loopback = c->auth.plaintext_on_loopback;
    s.offers = offers_of(c);
    s.sessions_per_address_max = c->imap.sessions_per_address_max;
    s.log = log;
    return s;
}

/* ---- connections ---- */

static void accepted(void *ctx, struct stream *s)
{
    struct entrance *e = ctx;
    struct gate *g = e->gate;

    switch (e->door) {
    case DOOR_SMTP:
        smtp_service_accept(&g->smtp, s, SMTP_DOOR_SERVERS, e->tls_at_once);
        break;
    case DOOR_SUBMISSION:
        smtp_service_accept(&g->smtp, s, SMTP_DOOR_USERS, e->tls_at_once);
        break;
    case DOOR_POP3:
        pop3_service_accept(&g->pop3, s, e->tls_at_once);
        break;
    case DOOR_IMAP:
        imap_service_accept(&g->imap, s, e->tls_at_once);
        break;
    }
}

static enum door door_of(struct str service)
{
    for (size_t i = 0; i < ARRAY_LEN(doors); i++)
        if (str_eq(doors[i].service, service))
            return doors[i].door;
    BUG("a listener for a service that gate does not have");
}

static void open_doors(struct gate *g)
{
    const struct config *c = g->start.config;
    struct smtp_settings smtp = smtp_settings_of(g->mem, c, g->log);
    struct pop3_settings pop3 = pop3_settings_of(g->mem, c, g->log);
    struct imap_settings imap = imap_settings_of(c, g->log);

    smtp_service_init(&g->smtp, g->start.loop, g->keeper, g->start.tls, &smtp);
    pop3_service_init(&g->pop3, g->start.loop, g->keeper, g->start.tls, &pop3);
    imap_service_init(&g->imap, g->start.loop, g->keeper, g->start.tls, &imap);
    g->entrances = calloc(MAX(g->start.listener_count, 1U), sizeof(*g->entrances));
    if (g->entrances == NULL)
        BUG("out of memory");
    for (size_t i = 0; i < g->start.listener_count; i++) {
        const struct role_listener *from = &g->start.listeners[i];
        struct entrance *e = &g->entrances[i];

        *e = (struct entrance){ g, door_of(from->service), from->tls_at_once, NULL };
        e->listener = role_listen(g->start.loop, from, accepted, e);
    }
    g->open = true;
}

static void close_doors(struct gate *g)
{
    for (size_t i = 0; g->open && i < g->start.listener_count; i++) {
        if (g->entrances[i].listener != NULL)
            listener_free(g->entrances[i].listener);
        g->entrances[i].listener = NULL;
    }
}

/* ---- keeper ---- */

static void mailbox_changed(void *ctx, const struct keep_changed_note *note)
{
    struct gate *g = ctx;

    imap_service_changed(&g->imap, note);
}

static void account_event(void *ctx, const struct keep_event_note *note)
{
    struct gate *g = ctx;

    imap_service_event(&g->imap, note);
}

static void keeper_lost(void *ctx)
{
    struct gate *g = ctx;

    if (!g->open)
        return;
    smtp_service_lost(&g->smtp);
    pop3_service_lost(&g->pop3);
    imap_service_lost(&g->imap);
}

static void take_channel(void *role, enum role_kind peer, uint32_t peer_index,
                         struct channel *channel)
{
    static const struct keeper_notes notes = { .changed = mailbox_changed,
                                               .lost = keeper_lost,
                                               .event = account_event };
    struct gate *g = role;

    (void)peer_index;
    if (peer != ROLE_KEEPER) { /* courier answers DNS questions of policies; none is asked yet */
        channel_free(channel);
        return;
    }
    if (g->keeper != NULL) {
        keeper_client_reconnect(g->keeper, channel);
        return;
    }
    g->keeper = keeper_client_new(g->start.loop, channel, &notes, g);
    open_doors(g);
}

/* ---- life ---- */

static enum err start_role(const struct role_start *start, void **ret_role, struct errinfo *why)
{
    struct gate *g = calloc(1, sizeof(*g));

    (void)why;
    if (g == NULL)
        BUG("out of memory");
    g->start = *start;
    g->mem = arena_new(4096);
    g->log = log_new(start->loop, STR("gate"), 2, (enum log_level)start->config->log.level);
    *ret_role = g;
    return OK;
}

/* Settings and certificate, as they are now, for the services. */
static void renew_services(struct gate *g)
{
    struct arena *fresh = arena_new(1024);
    struct smtp_settings smtp = smtp_settings_of(fresh, g->start.config, g->log);
    struct pop3_settings pop3 = pop3_settings_of(fresh, g->start.config, g->log);

    smtp_service_reload(&g->smtp, g->start.tls, &smtp);
    pop3_service_reload(&g->pop3, g->start.tls, &pop3);
    g->imap.settings = imap_settings_of(g->start.config, g->log);
    g->imap.tls = g->start.tls;
    arena_free(g->mem);
    g->mem = fresh;
}

static void reload(void *role, const struct config *config)
{
    struct gate *g = role;

    g->start.config = config;
    log_set_level(g->log, (enum log_level)config->log.level);
    if (g->open)
        renew_services(g);
}

static void certificate(void *role, struct tls_server *tls)
{
    struct gate *g = role;

    g->start.tls = tls;
    if (g->open)
        renew_services(g);
}

static void service_stopped(void *ctx)
{
    struct gate *g = ctx;

    if (--g->stopping == 0)
        g->stopped(g->stopped_ctx);
}

static void stop(void *role, void (*done)(void *ctx), void *ctx)
{
    struct gate *g = role;

    if (!g->open) {
        done(ctx);
        return;
    }
    close_doors(g);
    g->stopped = done;
    g->stopped_ctx = ctx;
    g->stopping = SERVICE_KINDS;
    smtp_service_stop(&g->smtp, service_stopped, g);
    pop3_service_stop(&g->pop3, service_stopped, g);
    imap_service_stop(&g->imap, service_stopped, g);
}

static void free_role(void *role)
{
    struct gate *g = role;

    close_doors(g);
    if (g->open) {
        smtp_service_deinit(&g->smtp);
        pop3_service_deinit(&g->pop3);
        imap_service_deinit(&g->imap);
    }
    if (g->keeper != NULL)
        keeper_client_free(g->keeper);
    log_free(g->log);
    arena_free(g->mem);
    free(g->entrances);
    free(g);
}

const struct role_ops gate_role = {
    .name = STR_INIT("gate"),
    .start = start_role,
    .channel = take_channel,
    .reload = reload,
    .certificate = certificate,
    .stop = stop,
    .free = free_role,
};
