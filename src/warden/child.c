/* warden/child.c - from fork to a locked-in, running role, and its end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "warden/child.h"

#include <signal.h>
#include <sysexits.h>

#include "os/handover.h"
#include "os/log.h"
#include "warden/control.h"
#include "warden/roles.h"

struct child {
    const struct child_plan *plan;
    struct loop *loop;
    struct log *log;
    struct channel *control;
    struct tls_server *tls;
    const struct config *config;
    struct arena *config_mem; /* of the settings that came with a reload; null before */
    void *role;
    bool stopping;
};

static void stopped(void *ctx)
{
    struct child *c = ctx;

    loop_stop(c->loop);
}

static void stop(struct child *c)
{
    if (c->stopping)
        return;
    c->stopping = true;
    c->plan->ops->stop(c->role, stopped, c);
}

static void on_signal(void *ctx, int signal)
{
    struct child *c = ctx;

    /* Ctrl-C reaches the whole group; the warden then says what is to be done, in order. */
    if (signal == SIGTERM)
        stop(c);
}

static void take_channel(struct child *c, const struct control *what, struct file *file)
{
    int fd = handover_take(file);

    if (fd >= 0)
        c->plan->ops->channel(c->role, what->peer, what->index, channel_from_fd(c->loop, fd));
}

/* The former settings may be in use until reload has returned. */
static void take_config(struct child *c, struct str text)
{
    struct arena *mem = arena_new(0);
    struct errinfo why = { 0 };
    struct config *fresh;
    enum err e = config_parse(mem, text, &fresh, &why);

    if (e != OK) {
        log_begin(c->log, LOG_ERROR, "role.reload_failed");
        log_err(c->log, e, &why);
        log_end(c->log);
        arena_free(mem);
        return;
    }
    log_set_level(c->log, (enum log_level)fresh->log.level);
    c->plan->ops->reload(c->role, fresh);
    arena_free(c->config_mem);
    c->config_mem = mem;
    c->config = fresh;
}

enum err gate_tls_new(struct str certificate, struct str key, struct str clients,
                      const struct config *config, struct tls_server **ret, struct errinfo *why)
{
    struct tls_server *fresh;
    enum err e = tls_server_new(certificate, key, &fresh, why);

    if (e != OK)
        return e;
    if (clients.len > 0)
        e = tls_server_ask_clients(fresh, clients, (enum tls_identity)config->tls.client_identity,
                                   why);
    if (e != OK)
        tls_server_free(fresh);
    else
        *ret = fresh;
    return e;
}

static void take_certificate(struct child *c, const struct control *what)
{
    struct errinfo why = { 0 };
    struct tls_server *fresh;
    enum err e = gate_tls_new(what->text, what->key, what->clients, c->config, &fresh, &why);

    if (e != OK) {
        log_begin(c->log, LOG_ERROR, "role.certificate_refused");
        log_err(c->log, e, &why);
        log_end(c->log);
        return;
    }
    if (c->plan->ops->certificate != NULL)
        c->plan->ops->certificate(c->role, fresh);
    tls_server_free(c->tls); /* streams that use it hold it alive */
    c->tls = fresh;
}

static void on_frame(void *ctx, struct str frame, struct file *file)
{
    struct child *c = ctx;
    struct control what;

    if (!control_parse(frame, &what))
        BUG("the warden sent a frame that cannot be read");
    switch (what.kind) {
    case CONTROL_CHANNEL:
        take_channel(c, &what, file);
        return;
    case CONTROL_CONFIG:
        take_config(c, what.text);
        return;
    case CONTROL_CERTIFICATE:
        take_certificate(c, &what);
        return;
    case CONTROL_STOP:
        stop(c);
        return;
    case CONTROL_READY:
        BUG("the warden sent what only roles send");
    }
}

static void on_warden_gone(void *ctx, enum err why)
{
    struct child *c = ctx;

    (void)why;
    stop(c);
}

static const struct channel_events control_events = { .frame = on_frame, .closed = on_warden_gone };

static enum err lock_in(struct child *c, struct errinfo *why)
{
    struct sandbox_report report = { 0 };
    enum err e = role_lock_in(c->plan->kind, c->config, &report, why);

    if (e != OK)
        return e;
    log_begin(c->log, report.files_locked ? LOG_DEBUG : LOG_WARN, "role.locked_in");
    log_num(c->log, "calls", report.calls_locked);
    log_num(c->log, "files", report.files_locked);
    log_end(c->log);
    return OK;
}

/* Gates alone need the key; from the memory of the others it is wiped, copy on write. */
static enum err make_tls(struct child *c, struct errinfo *why)
{
    const struct child_plan *plan = c->plan;
    enum err e = OK;

    if (plan->kind == ROLE_GATE && plan->certificate.len > 0)
        e = gate_tls_new(plan->certificate, plan->key, plan->clients, c->config, &c->tls, why);
    if (plan->key.len > 0 && plan->key.at != NULL)
        explicit_bzero((char *)(uintptr_t)plan->key.at, plan->key.len);
    return e;
}

static enum err start_role(struct child *c, struct errinfo *why)
{
    const struct child_plan *plan = c->plan;
    struct role_start start = { .loop = c->loop,
                                .config = c->config,
                                .index = plan->index,
                                .listeners = plan->listeners,
                                .listener_count = plan->listener_count,
                                .tls = c->tls };
    bool early = role_row(plan->kind)->locked_before_start;
    enum err e;

    if ((e = role_change_user(plan->kind, c->config, why)) != OK ||
        (early && (e = lock_in(c, why)) != OK))
        return e;
    if (plan->kind == ROLE_KEEPER &&
        (e = fs_new_real(c->config->server.data_dir, true, &start.data, why)) != OK)
        return e;
    if ((e = plan->ops->start(&start, &c->role, why)) != OK)
        return e;
    return early ? OK : lock_in(c, why);
}

static enum err start(struct child *c, struct errinfo *why)
{
    struct control ready = { .kind = CONTROL_READY };
    struct buf frame = { 0 };
    enum err e;

    if ((e = loop_on_signal(c->loop, SIGINT, on_signal, c, why)) != OK ||
        (e = loop_on_signal(c->loop, SIGHUP, on_signal, c, why)) != OK ||
        (e = loop_on_signal(c->loop, SIGTERM, on_signal, c, why)) != OK ||
        (e = make_tls(c, why)) != OK || (e = start_role(c, why)) != OK)
        return e;
    c->control = channel_from_fd(c->loop, c->plan->control_fd);
    channel_set_events(c->control, &control_events, c);
    control_format(&ready, &frame);
    channel_send(c->control, buf_str(&frame), NULL);
    buf_deinit(&frame);
    return OK;
}

static void end(struct child *c)
{
    if (c->role != NULL)
        c->plan->ops->free(c->role);
    if (c->control != NULL)
        channel_free(c->control);
    tls_server_free(c->tls);
    log_free(c->log);
    loop_free(c->loop);
    arena_free(c->config_mem);
}

int child_main(void *ctx)
{
    struct child c = { .plan = ctx, .config = ((const struct child_plan *)ctx)->config };
    struct errinfo why = { 0 };
    enum err e = loop_new_real(&c.loop, &why);

    if (e != OK) {
        (void)fprintf(stderr, "postern: %s\n", why.text);
        return EX_OSERR;
    }
    c.log = log_new(c.loop, c.plan->ops->name, 2, (enum log_level)c.config->log.level);
    if ((e = start(&c, &why)) == OK)
        e = loop_run(c.loop, &why);
    if (e != OK) {
        log_begin(c.log, LOG_ERROR, "role.failed");
        log_err(c.log, e, &why);
        log_end(c.log);
    }
    end(&c);
    return e == OK ? EX_OK : e == ERR_DENIED ? EX_NOPERM : EX_SOFTWARE;
}
