/* warden/single.c - all roles on the warden's own loop, for debugging (server.one_process). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "warden/child.h"
#include "warden/roles.h"
#include "warden/state.h"

/* In the order of their start; they are stopped and freed the other way round, keeper last. */
static const enum role_kind kinds[] = { ROLE_KEEPER, ROLE_COURIER, ROLE_GATE };

struct single {
    struct tls_server *tls;
    void *role[ROLE_KINDS];
    size_t running; /* told to stop and not yet done, of those before keeper */
    bool told, keeper_told;
};

static enum err start_one(struct warden *w, enum role_kind kind, struct errinfo *why)
{
    struct single *s = w->side_state;
    struct role_start start = { .loop = w->loop, .config = w->config };
    enum err e;

    if (kind == ROLE_GATE) {
        start.listeners = w->ports.listeners;
        start.listener_count = w->ports.each;
        start.tls = s->tls;
    }
    if (kind == ROLE_KEEPER &&
        (e = fs_new_real(w->config->server.data_dir, true, &start.data, why)) != OK)
        return e;
    return w->plan->ops[kind]->start(&start, &s->role[kind], why);
}

static enum err link_roles(struct warden *w, enum role_kind a, enum role_kind b,
                           struct errinfo *why)
{
    struct single *s = w->side_state;
    struct channel *end_a, *end_b;
    enum err e = channel_pair(w->loop, w->loop, &end_a, &end_b, why);

    if (e != OK)
        return e;
    w->plan->ops[a]->channel(s->role[a], b, 0, end_a);
    w->plan->ops[b]->channel(s->role[b], a, 0, end_b);
    return OK;
}

static void say_ready(void *ctx)
{
    warden_is_ready(ctx);
}

static enum err single_start(struct warden *w, struct errinfo *why)
{
    struct single *s = ARENA_NEW(w->mem, struct single);
    enum err e;

    w->side_state = s;
    if (w->certificate.len > 0 &&
        (e = gate_tls_new(w->certificate, w->key, w->clients, w->config, &s->tls, why)) != OK)
        return e;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if ((e = start_one(w, kinds[i], why)) != OK)
            return e;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (size_t j = 0; j < i; j++)
            if (roles_are_linked(kinds[i], kinds[j]) &&
                (e = link_roles(w, kinds[i], kinds[j], why)) != OK)
                return e;
    loop_post(w->loop, say_ready, w);
    return OK;
}

static void single_admin(struct warden *w, uint32_t index, int fd)
{
    struct single *s = w->side_state;

    w->plan->ops[ROLE_KEEPER]->channel(s->role[ROLE_KEEPER], ROLE_ADMIN, index,
                                       channel_from_fd(w->loop, fd));
}

static void single_reload(struct warden *w)
{
    struct single *s = w->side_state;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        w->plan->ops[kinds[i]]->reload(s->role[kinds[i]], w->config);
}

static void single_certificate(struct warden *w)
{
    struct single *s = w->side_state;
    struct errinfo why = { 0 };
    struct tls_server *fresh;
    enum err e = gate_tls_new(w->certificate, w->key, w->clients, w->config, &fresh, &why);

    if (e != OK) {
        log_begin(w->log, LOG_ERROR, "warden.certificate_refused");
        log_err(w->log, e, &why);
        log_end(w->log);
        return;
    }
    if (w->plan->ops[ROLE_GATE]->certificate != NULL)
        w->plan->ops[ROLE_GATE]->certificate(s->role[ROLE_GATE], fresh);
    tls_server_free(s->tls);
    s->tls = fresh;
}

static void one_stopped(void *ctx)
{
    struct warden *w = ctx;
    struct single *s = w->side_state;

    s->running--;
    if (s->running > 0)
        return;
    if (s->keeper_told) {
        loop_stop(w->loop);
        return;
    }
    s->keeper_told = true;
    s->running = 1;
    w->plan->ops[ROLE_KEEPER]->stop(s->role[ROLE_KEEPER], one_stopped, w);
}

static void single_stop(struct warden *w)
{
    struct single *s = w->side_state;

    if (s->told) {
        loop_stop(w->loop);
        return;
    }
    s->told = true;
    s->running = ARRAY_LEN(kinds) - 1;
    for (size_t i = ARRAY_LEN(kinds) - 1; i > 0; i--)
        w->plan->ops[kinds[i]]->stop(s->role[kinds[i]], one_stopped, w);
}

static void single_free(struct warden *w)
{
    struct single *s = w->side_state;

    if (s == NULL)
        return;
    for (size_t i = ARRAY_LEN(kinds); i-- > 0;)
        if (s->role[kinds[i]] != NULL)
            w->plan->ops[kinds[i]]->free(s->role[kinds[i]]);
    tls_server_free(s->tls);
}

const struct warden_side warden_single = { .start = single_start,
                                           .admin = single_admin,
                                           .reload = single_reload,
                                           .certificate = single_certificate,
                                           .stop = single_stop,
                                           .free = single_free };
