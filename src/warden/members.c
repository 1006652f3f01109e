/* warden/members.c - one process for each role, each restarted when it ends. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/describe.h"
#include "os/handover.h"
#include "os/process.h"
#include "warden/child.h"
#include "warden/control.h"
#include "warden/roles.h"
#include "warden/state.h"

#include <signal.h>

/* A role that lived this long starts again at once; one that keeps ending sooner waits, twice as
 * long each time. */
enum { LIVED_MS = 10000, WAIT_FIRST_MS = 50, WAIT_MS_MAX = 10000, KILL_GRACE_MS = 500 };

struct member {
    struct warden *w;
    enum role_kind kind;
    uint32_t index;
    struct process *process;
    struct channel *control;
    struct child_plan plan;
    struct timer again;
    uint64_t started_ms, wait_ms;
    bool ready, told_to_stop;
};

struct members {
    struct member *at;
    size_t count;
    struct timer deadline;
    bool last_told; /* keeper, too, was told to stop */
};

static void start_again(void *ctx);
static void advance_stop(struct warden *w);

static void send(struct member *m, const struct control *what, int fd)
{
    struct buf frame = { 0 };

    control_format(what, &frame);
    if (fd >= 0)
        handover_send(m->control, buf_str(&frame), fd);
    else
        channel_send(m->control, buf_str(&frame), NULL);
    buf_deinit(&frame);
}

static void link_members(struct member *a, struct member *b)
{
    struct errinfo why = { 0 };
    int ends[2];

    if (process_socket_pair(ends, &why) != OK) {
        log_begin(a->w->log, LOG_ERROR, "warden.no_channel");
        log_err(a->w->log, ERR_IO, &why);
        log_end(a->w->log);
        return;
    }
    send(a, &(struct control){ .kind = CONTROL_CHANNEL, .peer = b->kind, .index = b->index },
         ends[0]);
    send(b, &(struct control){ .kind = CONTROL_CHANNEL, .peer = a->kind, .index = a->index },
         ends[1]);
}

static bool all_ready(const struct members *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (!all->at[i].ready)
            return false;
    return true;
}

static void on_frame(void *ctx, struct str frame, struct file *file)
{
    struct member *m = ctx;
    struct control what;

    if (file != NULL)
        file_close(file);
    if (!control_parse(frame, &what) || what.kind != CONTROL_READY)
        return; /* a broken role ends by itself; nothing that it says can do harm here */
    m->ready = true;
    if (all_ready(m->w->side_state))
        warden_is_ready(m->w);
}

/* The process ends too, and that is where things are set right. */
static void on_closed(void *ctx, enum err why)
{
    (void)ctx;
    (void)why;
}

static const struct channel_events control_events = { .frame = on_frame, .closed = on_closed };

static void log_end_of(struct member *m, const struct process_end *end)
{
    log_begin(m->w->log, m->told_to_stop ? LOG_INFO : LOG_ERROR, "warden.role_ended");
    log_str(m->w->log, "role", role_row(m->kind)->name);
    log_num(m->w->log, "index", m->index);
    log_num(m->w->log, end->by_signal ? "signal" : "status", end->code);
    log_end(m->w->log);
}

static void restart_later(struct member *m)
{
    bool lived = loop_now_ms(m->w->loop) - m->started_ms >= LIVED_MS;

    m->wait_ms = lived ? 0 : m->wait_ms;
    timer_set_in(&m->again, m->wait_ms);
    m->wait_ms = m->wait_ms == 0 ? WAIT_FIRST_MS : MIN(m->wait_ms * 2, (uint64_t)WAIT_MS_MAX);
}

static void on_ended(void *ctx, const struct process_end *end)
{
    struct member *m = ctx;
    struct warden *w = m->w;
    struct errinfo why = { 0 };

    log_end_of(m, end);
    process_free(m->process);
    m->process = NULL;
    channel_free(m->control);
    m->control = NULL;
    m->ready = false;
    if (w->stopping)
        advance_stop(w);
    else if (w->ready)
        restart_later(m);
    else
        warden_fail(w,
                    err_set(&why, ERR_STATE, "%.*s could not start; the lines above say why",
                            STR_ARG(role_row(m->kind)->name)),
                    &why);
}

/* The child keeps its end of the control channel and, for a gate, its listening sockets. */
static enum err start_member(struct member *m, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct warden *w = m->w;
    size_t listeners = m->kind == ROLE_GATE ? w->ports.each : 0;
    int *keep = ARENA_ARRAY(tmp, int, listeners + 1), ends[2];
    enum err e;

    if ((e = process_socket_pair(ends, why)) != OK)
        return e;
    m->plan = (struct child_plan){ .kind = m->kind,
                                   .index = m->index,
                                   .ops = w->plan->ops[m->kind],
                                   .config = w->config,
                                   .certificate = w->certificate,
                                   .key = w->key,
                                   .clients = w->clients,
                                   .listeners = w->ports.listeners + m->index * w->ports.each,
                                   .listener_count = listeners,
                                   .control_fd = ends[1] };
    for (size_t i = 0; i < listeners; i++)
        keep[i] = m->plan.listeners[i].fd;
    keep[listeners] = ends[1];
    struct process_plan plan = { .name = arena_printf(tmp, "postern-%.*s",
                                                      STR_ARG(role_row(m->kind)->name)),
                                 .main = child_main,
                                 .ctx = &m->plan,
                                 .keep = keep,
                                 .keep_count = listeners + 1 };
    e = process_start(w->loop, &plan, on_ended, m, &m->process, why);
    process_close(ends[1]);
    if (e != OK) {
        process_close(ends[0]);
        return e;
    }
    m->started_ms = loop_now_ms(w->loop);
    m->told_to_stop = false;
    m->control = channel_from_fd(w->loop, ends[0]);
    channel_set_events(m->control, &control_events, m);
    return OK;
}

static void link_to_all(struct member *m)
{
    struct members *all = m->w->side_state;

    for (size_t i = 0; i < all->count; i++)
        if (all->at[i].control != NULL && roles_are_linked(m->kind, all->at[i].kind))
            link_members(m, &all->at[i]);
}

static void start_again(void *ctx)
{
    struct member *m = ctx;
    struct errinfo why = { 0 };
    enum err e = start_member(m, &why);

    if (e == OK) {
        link_to_all(m);
        return;
    }
    log_begin(m->w->log, LOG_ERROR, "warden.cannot_start");
    log_err(m->w->log, e, &why);
    log_end(m->w->log);
    restart_later(m);
}

static void kill_rest(void *ctx)
{
    struct warden *w = ctx;
    struct members *all = w->side_state;

    for (size_t i = 0; i < all->count; i++)
        if (all->at[i].process != NULL && all->at[i].told_to_stop)
            process_signal(all->at[i].process, SIGKILL);
}

static void tell_to_stop(struct member *m)
{
    timer_cancel(&m->again);
    if (m->process == NULL || m->told_to_stop)
        return;
    m->told_to_stop = true;
    send(m, &(struct control){ .kind = CONTROL_STOP }, -1);
}

/* First those that need keeper, then keeper. Each step has its own deadline. */
static void advance_stop(struct warden *w)
{
    struct members *all = w->side_state;
    size_t others = 0, lasting = 0;

    for (size_t i = 0; i < all->count; i++)
        if (all->at[i].process != NULL)
            *(role_row(all->at[i].kind)->lasts ? &lasting : &others) += 1;
    if (others > 0)
        return;
    if (lasting == 0) {
        timer_cancel(&all->deadline);
        loop_stop(w->loop);
        return;
    }
    if (all->last_told)
        return;
    all->last_told = true;
    for (size_t i = 0; i < all->count; i++)
        tell_to_stop(&all->at[i]);
    timer_set_in(&all->deadline, ROLE_STOP_MS_MAX + KILL_GRACE_MS);
}

static void members_stop(struct warden *w)
{
    struct members *all = w->side_state;
    bool again = timer_is_set(&all->deadline);

    for (size_t i = 0; i < all->count; i++)
        if (again || !role_row(all->at[i].kind)->lasts)
            tell_to_stop(&all->at[i]);
    if (again)
        kill_rest(w);
    timer_set_in(&all->deadline, ROLE_STOP_MS_MAX + KILL_GRACE_MS);
    advance_stop(w);
}

static void add_member(struct warden *w, enum role_kind kind, uint32_t index)
{
    struct members *all = w->side_state;
    struct member *m = &all->at[all->count++];

    *m = (struct member){ .w = w, .kind = kind, .index = index };
    timer_init(&m->again, w->loop, start_again, m);
}

/* Keeper first: it has most to do before it can answer. */
static enum err members_start(struct warden *w, struct errinfo *why)
{
    struct members *all = ARENA_NEW(w->mem, struct members);
    enum err e;

    w->side_state = all;
    all->at = ARENA_ARRAY(w->mem, struct member, w->ports.gates + 2);
    timer_init(&all->deadline, w->loop, kill_rest, w);
    add_member(w, ROLE_KEEPER, 0);
    add_member(w, ROLE_COURIER, 0);
    for (uint32_t g = 0; g < w->ports.gates; g++)
        add_member(w, ROLE_GATE, g);
    for (size_t i = 0; i < all->count; i++) {
        if ((e = start_member(&all->at[i], why)) != OK)
            return e;
        link_to_all(&all->at[i]);
    }
    return OK;
}

static void members_admin(struct warden *w, uint32_t index, int fd)
{
    struct members *all = w->side_state;

    for (size_t i = 0; i < all->count; i++)
        if (all->at[i].kind == ROLE_KEEPER && all->at[i].control != NULL) {
            send(&all->at[i],
                 &(struct control){ .kind = CONTROL_CHANNEL, .peer = ROLE_ADMIN, .index = index },
                 fd);
            return;
        }
    process_close(fd); /* keeper is between two lives: the command says so and can be repeated */
}

static void tell_all(struct warden *w, const struct control *what, bool gates_only)
{
    struct members *all = w->side_state;

    for (size_t i = 0; i < all->count; i++)
        if (all->at[i].control != NULL && (!gates_only || all->at[i].kind == ROLE_GATE))
            send(&all->at[i], what, -1);
}

static void members_reload(struct warden *w)
{
    struct buf text = { 0 };

    describe_file_of(w->config, &text);
    tell_all(w, &(struct control){ .kind = CONTROL_CONFIG, .text = buf_str(&text) }, false);
    buf_deinit(&text);
}

static void members_certificate(struct warden *w)
{
    const struct control what = {
        .kind = CONTROL_CERTIFICATE, .text = w->certificate, .key = w->key, .clients = w->clients
    };

    tell_all(w, &what, true);
}

static void members_free(struct warden *w)
{
    struct members *all = w->side_state;

    for (size_t i = 0; all != NULL && i < all->count; i++) {
        timer_cancel(&all->at[i].again);
        process_free(all->at[i].process);
        if (all->at[i].control != NULL)
            channel_free(all->at[i].control);
    }
    if (all != NULL)
        timer_cancel(&all->deadline);
}

const struct warden_side warden_members = { .start = members_start,
                                            .admin = members_admin,
                                            .reload = members_reload,
                                            .certificate = members_certificate,
                                            .stop = members_stop,
                                            .free = members_free };
