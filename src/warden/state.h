/* warden/state.h - what the two ways of running the roles have in common. Inside warden/ only.
 *
 * warden.c owns struct warden and does what is the same for both; members.c (one process a role)
 * and single.c (all on one loop) fill in a table of what differs. Owned and freed by warden_run.
 * Tests: warden_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_WARDEN_STATE_H
#define POSTERN_WARDEN_STATE_H

#include "os/log.h"
#include "warden/ports.h"
#include "warden/warden.h"

struct warden;

struct warden_side {
    MUST_USE enum err (*start)(struct warden *w, struct errinfo *why);
    void (*admin)(struct warden *w, uint32_t index, int fd); /* a command has connected; owns fd */
    void (*reload)(struct warden *w);                        /* w->config is new */
    void (*certificate)(struct warden *w);                   /* w->certificate and key are new */
    /* End all roles, then loop_stop. Called again (a second signal): at once. */
    void (*stop)(struct warden *w);
    void (*free)(struct warden *w); /* after the loop's last turn, started or not */
};

extern const struct warden_side warden_members, warden_single;

struct warden {
    const struct warden_plan *plan;
    const struct warden_side *side;
    void *side_state;
    struct loop *loop;
    struct log *log;
    struct arena *mem;

    struct config *config;
    struct arena *config_mem; /* null while the settings are the plan's */
    struct arena *key_mem;
    struct str certificate, key; /* PEM; empty: none */
    struct str clients;          /* authorities of clients' certificates, likewise */

    struct ports ports;
    struct str control_path;
    int control_fd;
    struct watch *control_watch;
    uint32_t admins;

    bool ready, stopping;
    enum err failed; /* why the start failed */
    struct errinfo why;
};

/* For the sides. */
void warden_is_ready(struct warden *w);
void warden_fail(struct warden *w, enum err e, const struct errinfo *why);

#endif
