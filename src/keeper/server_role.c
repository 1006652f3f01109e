/* keeper/server_role.c - keeper as a role of the system. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_role.h"

#include "config/config.h"
#include "keeper/server.h"
#include "os/log.h"

enum { EXIT_STORE_FAILED = 74 };

struct keeper_role {
    struct keeper *keeper;
    struct fs *data;
    struct log *log;
    bool simulated;
};

static void write_log(void *ctx, struct str line)
{
    struct keeper_role *r = ctx;

    log_begin(r->log, LOG_INFO, "keeper");
    log_str(r->log, "what", line);
    log_end(r->log);
}

/* The next start finds out from the journal what is true; this process knows it no longer. In a
 * simulated world it goes on refusing everything until its world ends it. */
static void store_failed(void *ctx, struct str why)
{
    struct keeper_role *r = ctx;

    log_begin(r->log, LOG_ERROR, "keeper.store_failed");
    log_str(r->log, "why", why);
    log_end(r->log);
    if (!r->simulated)
        exit(EXIT_STORE_FAILED);
}

/* A slash at the end is the one that is put there anyway. */
static struct str prefix_of(struct str setting)
{
    return str_ends(setting, STR("/")) ? str_take(setting, setting.len - 1) : setting;
}

struct keeper_settings keeper_settings_of(const struct config *c)
{
    struct str separator = c->server.sub_address_separator;

    return (struct keeper_settings){
        .tables_in_memory = c->store.engine == STORE_ENGINE_MEMORY,
        .separator = separator.len == 0 ? '\1' : separator.at[0],
        .auth_cache_s = (uint32_t)(c->auth.proven_for_ms / 1000),
        .certificates = c->tls.client_ca_file.len > 0,
        .pop3_delay_s = (uint32_t)(c->pop3.login_delay_ms / 1000),
        .no_scram = !c->auth.scram,
        .scram_iterations = (uint32_t)c->auth.scram_iterations,
        .auth_threads = (unsigned)c->store.workers,
        .view_bytes_max = c->store.views_size_bytes,
        .key_bytes_max = c->store.keys_size_bytes,
        .segment_bytes = c->store.segment_size_bytes,
        .cache_bytes = c->store.cache_size_bytes,
        .compact_below = (uint32_t)c->store.compact_below,
        .no_compaction = c->store.compact_below == 0,
        .no_sync = !c->store.sync,
        .no_index = !c->store.index,
        .languages = c->store.index_languages,
        .undelete_s = c->store.undelete_days * 86400,
        .undelete_bytes = c->store.undelete_size_bytes,
        .others_prefix = prefix_of(c->imap.others_prefix),
        .public_prefix = prefix_of(c->imap.public_prefix),
        .public_owner = c->imap.public_owner,
        .share_with_anyone = c->imap.share_with_anyone,
    };
}

static enum err start_role(const struct role_start *start, void **ret_role, struct errinfo *why)
{
    const struct config *c = start->config;
    struct keeper_role *r = calloc(1, sizeof *r);
    enum err e;

    if (r == NULL)
        BUG("out of memory");
    r->data = start->data;
    r->simulated = fs_path(start->data).len == 0;
    r->log = log_new(start->loop, STR("keeper"), 2, (enum log_level)c->log.level);

    struct keeper_settings settings = keeper_settings_of(c);

    settings.no_training = r->simulated;
    settings.log = write_log;
    settings.failed = store_failed;
    settings.ctx = r;
    if ((e = keeper_start(start->loop, start->data, &settings, &r->keeper, why)) != OK) {
        log_free(r->log);
        fs_free(r->data);
        free(r);
        return e;
    }
    *ret_role = r;
    return OK;
}

static void take_channel(void *role, enum role_kind peer, uint32_t peer_index,
                         struct channel *channel)
{
    struct keeper_role *r = role;

    (void)peer_index;
    switch (peer) {
    case ROLE_GATE:
        keeper_add_channel(r->keeper, channel, BY_GATE);
        break;
    case ROLE_COURIER:
        keeper_add_channel(r->keeper, channel, BY_COURIER);
        break;
    case ROLE_ADMIN:
        keeper_add_channel(r->keeper, channel, BY_CONTROL);
        break;
    case ROLE_WARDEN:
    case ROLE_KEEPER:
    case ROLE_KINDS:
        channel_free(channel);
        break;
    }
}

static void reload(void *role, const struct config *config)
{
    struct keeper_role *r = role;
    struct keeper_settings settings = keeper_settings_of(config);

    log_set_level(r->log, (enum log_level)config->log.level);
    keeper_reload(r->keeper, &settings);
}

static void stop(void *role, void (*done)(void *ctx), void *ctx)
{
    struct keeper_role *r = role;

    keeper_stop(r->keeper, done, ctx);
}

static void free_role(void *role)
{
    struct keeper_role *r = role;

    keeper_free(r->keeper);
    fs_free(r->data);
    log_free(r->log);
    free(r);
}

const struct role_ops keeper_role = {
    .name = STR_INIT("keeper"),
    .start = start_role,
    .channel = take_channel,
    .reload = reload,
    .stop = stop,
    .free = free_role,
};
