/* os/role.h - what a role (gate, keeper, courier) is given, and what it offers in return.
 *
 * A role is a set of callbacks on one loop. The warden starts it in a process of its own, all roles
 * together on one loop (--one-process), and the simulator likewise: the role cannot tell. Its room
 * exports one `const struct role_ops`: gate_role (gate/gate.h), keeper_role (keeper/server_role.h),
 * courier_role (courier/courier.h).
 *
 * Order: start, then channel for each peer, then events from the loop; channel again whenever a
 * peer was restarted; reload at any time; stop once; free last. Gate and courier are locked in
 * after start and before the loop's first turn, so start reads all that it needs from disk (trust
 * roots, embedded data) and starts no thread. Keeper is locked in before start, so it may start
 * threads there; it sees the data folder alone. Everything in struct role_start lives until free
 * has returned, except that `config` is replaced by reload. Errors of start end the process with
 * `why` on the log. Tests: warden/warden_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_ROLE_H
#define POSTERN_OS_ROLE_H

#include "os/channel.h"
#include "os/stream.h"
#include "os/tls.h"

struct config; /* config/config.h */

enum role_kind {
    ROLE_WARDEN,
    ROLE_GATE,
    ROLE_KEEPER,
    ROLE_COURIER,
    ROLE_ADMIN, /* not a process of ours: a `postern` command on the control socket; peer of keeper
                 */
    ROLE_KINDS
};

/* A bound, listening socket. role_listen() below makes the loop's object from it. */
struct role_listener {
    struct str service; /* "smtp", "submission", "submissions", "pop3", "pop3s", "imap", "imaps" */
    bool tls_at_once;   /* the handshake comes before the greeting */
    struct address at;
    int fd; /* -1: simulated */
};

struct role_start {
    struct loop *loop;
    const struct config *config;
    uint32_t index; /* gates: 0, 1, ...; others 0 */

    const struct role_listener *listeners; /* gates only */
    size_t listener_count;
    struct tls_server
        *tls; /* gates; null when no certificate is set: then STARTTLS is not offered */

    struct fs *data; /* keeper only: the data folder; the role's to free, also when start fails */
};

struct role_ops {
    struct str name; /* "gate", for the log */
    MUST_USE enum err (*start)(const struct role_start *start, void **ret_role,
                               struct errinfo *why);
    /* A channel to a peer: keeper gets one from each gate, from courier and from each ROLE_ADMIN;
     * a gate gets one to keeper and one to courier; courier one to keeper and one from each gate.
     * The role owns it and must set its events at once. One that takes the place of an earlier one
     * (same kind and index) may come before or after the earlier one's closed(). */
    void (*channel)(void *role, enum role_kind peer, uint32_t peer_index, struct channel *c);
    /* The settings changed; only the rows marked reloadable can differ. */
    void (*reload)(void *role, const struct config *config);
    /* The certificate was replaced (gates; null for others): new handshakes use it. */
    void (*certificate)(void *role, struct tls_server *tls);
    /* Stop taking new work, finish or hand back what is in hand, then call done(ctx) once (also
     * from inside stop). Whoever takes longer than ROLE_STOP_MS_MAX is ended. */
    void (*stop)(void *role, void (*done)(void *ctx), void *ctx);
    /* Frees everything, whatever state it is in; no callback afterwards. */
    void (*free)(void *role);
};

enum { ROLE_STOP_MS_MAX = 5000 };

static inline struct listener *role_listen(struct loop *l, const struct role_listener *from,
                                           void (*accept)(void *ctx, struct stream *s), void *ctx)
{
    return from->fd >= 0 ? listener_from_fd(l, from->fd, accept, ctx)
                         : listener_simulated(l, &from->at, accept, ctx);
}

#endif
