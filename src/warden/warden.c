/* warden/warden.c - the common part: signals, settings, certificate, ports, the command socket. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "warden/warden.h"

#include <signal.h>

#include "os/handover.h"
#include "os/machine.h"
#include "os/path.h"
#include "os/process.h"
#include "warden/roles.h"
#include "warden/state.h"

enum { PEM_BYTES_MAX = 1024 * 1024, GATES_MAX = 256, DESCRIPTORS_WANTED = 262144 };

void warden_is_ready(struct warden *w)
{
    if (w->ready)
        return;
    w->ready = true;
    log_begin(w->log, LOG_INFO, "warden.ready");
    log_num(w->log, "gates", (int64_t)w->ports.gates);
    log_end(w->log);
    if (w->plan->ready != NULL)
        w->plan->ready(w->plan->ctx, w->loop);
}

void warden_fail(struct warden *w, enum err e, const struct errinfo *why)
{
    if (w->failed == OK) {
        w->failed = e;
        w->why = *why;
    }
    w->stopping = true;
    w->side->stop(w);
}

/* The files, into an arena of their own, so that the former key can be wiped and freed. */
static enum err read_certificate(struct warden *w, struct errinfo *why)
{
    struct str files[] = { w->config->tls.certificate_file, w->config->tls.key_file,
                           w->config->tls.client_ca_file };
    struct str pem[ARRAY_LEN(files)] = { STR_EMPTY };
    struct arena *mem;
    enum err e;

    if (files[0].len == 0)
        return OK;
    mem = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (files[i].len > 0 && (e = path_read(mem, files[i], PEM_BYTES_MAX, &pem[i], why)) != OK) {
            arena_free(mem);
            return e;
        }
    if (w->key.len > 0)
        explicit_bzero((char *)(uintptr_t)w->key.at, w->key.len);
    arena_free(w->key_mem);
    w->key_mem = mem;
    w->certificate = pem[0];
    w->key = pem[1];
    w->clients = pem[2];
    return OK;
}

static void log_failure(struct warden *w, const char *event, enum err e, const struct errinfo *why)
{
    log_begin(w->log, LOG_ERROR, event);
    log_err(w->log, e, why);
    log_end(w->log);
}

/* A bad file changes nothing: the server goes on with the settings that it has. */
static void reload_config(struct warden *w)
{
    struct arena *mem = arena_new(0);
    struct buf fixed = { 0 };
    struct errinfo why = { 0 };
    struct config *fresh;
    enum err e = w->plan->reload(w->plan->ctx, mem, &fresh, &why);

    if (e != OK) {
        log_failure(w, "warden.reload_failed", e, &why);
        arena_free(mem);
        return;
    }
    /* The text of what is kept still lives in the former arena: hence the copy. */
    config_keep_fixed(fresh, w->config, &fixed);
    fresh = config_copy(mem, fresh);
    arena_free(w->config_mem);
    w->config_mem = mem;
    w->config = fresh;
    log_set_level(w->log, (enum log_level)fresh->log.level);
    log_begin(w->log, LOG_INFO, "warden.reloaded");
    log_str(w->log, "needs_restart", buf_str(&fixed));
    log_end(w->log);
    buf_deinit(&fixed);
    w->side->reload(w);
}

static void on_hangup(struct warden *w)
{
    struct errinfo why = { 0 };
    enum err e;

    if (w->plan->reload != NULL)
        reload_config(w);
    if ((e = read_certificate(w, &why)) != OK)
        log_failure(w, "warden.certificate_failed", e, &why);
    else if (w->certificate.len > 0)
        w->side->certificate(w);
}

static void on_signal(void *ctx, int signal)
{
    struct warden *w = ctx;

    if (signal == SIGHUP) {
        if (!w->stopping)
            on_hangup(w);
        return;
    }
    log_begin(w->log, LOG_INFO, "warden.stopping");
    log_num(w->log, "signal", signal);
    log_end(w->log);
    w->stopping = true;
    w->side->stop(w);
}

static void on_command(void *ctx, bool readable, bool writable)
{
    struct warden *w = ctx;
    int fd;

    (void)readable;
    (void)writable;
    while ((fd = handover_accept(w->control_fd)) >= 0)
        w->side->admin(w, w->admins++, fd);
}

/* Keeper's user must own the folder; one that is missing is made so. The settings that name a user
 * count only for root. */
static enum err prepare_data_dir(struct warden *w, struct errinfo *why)
{
    struct str path = w->config->server.data_dir;
    struct process_user user;
    struct fs *fs;
    enum err e = fs_new_real(path, false, &fs, NULL);

    if (e != ERR_NOT_FOUND) {
        if (e == OK)
            fs_free(fs);
        return OK; /* whatever is wrong with it, keeper says it best */
    }
    if ((e = fs_new_real(path, true, &fs, why)) != OK)
        return e;
    fs_free(fs);
    if (!process_is_root() || w->config->server.keeper_user.len == 0 ||
        w->config->server.one_process)
        return OK;
    if ((e = process_find_user(w->config->server.keeper_user, &user, why)) != OK)
        return e;
    return machine_give(path, &user, why);
}

static enum err open_command_socket(struct warden *w, struct errinfo *why)
{
    enum err e;

    w->control_path =
        arena_printf(w->mem, "%.*s/" WARDEN_CONTROL_NAME, STR_ARG(w->config->server.data_dir));
    if ((e = handover_listen(w->control_path, &w->control_fd, why)) != OK)
        return e;
    return watch_new(w->loop, w->control_fd, WATCH_READABLE, on_command, w, &w->control_watch, why);
}

static enum err open_ports(struct warden *w, struct errinfo *why)
{
    size_t gates = w->config->server.gates;

    if (w->config->server.one_process)
        gates = 1;
    else if (gates == 0)
        gates = MIN(machine_cores(), (unsigned)GATES_MAX);
    return ports_open(w->mem, w->config, gates, &w->ports, why);
}

/* The warden's own row: it runs no program, and so nobody below it does. In one process there is
 * nothing to lock: all roles share its rights. */
static enum err lock_in(struct warden *w, struct errinfo *why)
{
    struct sandbox_report report;

    if (w->config->server.one_process)
        return OK;
    return role_lock_in(ROLE_WARDEN, w->config, &report, why);
}

static enum err start(struct warden *w, struct errinfo *why)
{
    static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
    uint64_t descriptors;
    enum err e;

    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        if ((e = loop_on_signal(w->loop, signals[i], on_signal, w, why)) != OK)
            return e;
    if ((e = process_raise_descriptors(DESCRIPTORS_WANTED, &descriptors, why)) != OK ||
        (e = read_certificate(w, why)) != OK || (e = prepare_data_dir(w, why)) != OK ||
        (e = open_command_socket(w, why)) != OK || (e = open_ports(w, why)) != OK ||
        (e = lock_in(w, why)) != OK)
        return e;
    return w->side->start(w, why);
}

static void end(struct warden *w)
{
    w->side->free(w);
    if (w->control_watch != NULL)
        watch_free(w->control_watch);
    if (w->control_fd >= 0) {
        process_close(w->control_fd);
        handover_remove(w->control_path);
    }
    ports_close(&w->ports);
    if (w->key.len > 0)
        explicit_bzero((char *)(uintptr_t)w->key.at, w->key.len);
    arena_free(w->key_mem);
    log_free(w->log);
    loop_free(w->loop);
    arena_free(w->config_mem);
    arena_free(w->mem);
}

enum err warden_run(const struct warden_plan *plan, struct errinfo *why)
{
    struct warden w = { .plan = plan,
                        .config = plan->config,
                        .control_fd = -1,
                        .side =
                            plan->config->server.one_process ? &warden_single : &warden_members };
    enum err e = loop_new_real(&w.loop, why);

    if (e != OK)
        return e;
    w.mem = arena_new(0);
    w.log = log_new(w.loop, STR("warden"), 2, (enum log_level)plan->config->log.level);
    if ((e = start(&w, why)) == OK)
        e = loop_run(w.loop, why);
    if (e == OK && w.failed != OK)
        e = err_set(why, w.failed, "%s", w.why.text);
    end(&w);
    return e;
}
