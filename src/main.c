/* main.c - joins the rooms: the command line, the warden with its roles, a keeper for commands. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>

#include "cli/cli.h"
#include "courier/courier.h"
#include "gate/gate.h"
#include "keeper/server.h"
#include "keeper/server_role.h"
#include "warden/warden.h"

#ifndef POSTERN_VERSION
#error "the build names the version"
#endif

static enum err serve(struct config *c, const struct cli_serve *how, struct errinfo *why)
{
    struct warden_plan plan = { .ops = { [ROLE_GATE] = &gate_role,
                                         [ROLE_KEEPER] = &keeper_role,
                                         [ROLE_COURIER] = &courier_role },
                                .config = c,
                                .reload = how->reload,
                                .ready = how->ready,
                                .ctx = how->ctx };

    return warden_run(&plan, why);
}

/* A keeper that lives as long as one command. */
struct own_keeper {
    struct keeper *keeper;
    struct fs *data;
};

static enum err keeper_open(struct loop *l, const struct config *c, void **ret_keeper,
                            struct channel **ret_channel, struct errinfo *why)
{
    struct keeper_settings settings = keeper_settings_of(c);
    struct own_keeper *own = calloc(1, sizeof(*own));
    struct channel *theirs;
    enum err e;

    BUG_ON(own == NULL);
    if ((e = fs_new_real(c->server.data_dir, false, &own->data, why)) == OK &&
        (e = keeper_start(l, own->data, &settings, &own->keeper, why)) == OK &&
        (e = channel_pair(l, l, ret_channel, &theirs, why)) == OK) {
        keeper_add_channel(own->keeper, theirs, BY_CONTROL);
        *ret_keeper = own;
        return OK;
    }
    if (own->keeper != NULL)
        keeper_free(own->keeper);
    if (own->data != NULL)
        fs_free(own->data);
    free(own);
    return e;
}

static void stop_loop(void *ctx)
{
    loop_stop(ctx);
}

static void keeper_close(struct loop *l, void *keeper)
{
    struct own_keeper *own = keeper;
    struct errinfo why = { 0 };

    keeper_stop(own->keeper, stop_loop, l);
    if (loop_run(l, &why) != OK)
        BUG(why.text);
    keeper_free(own->keeper);
    fs_free(own->data);
    free(own);
}

/* The C library would raise both limits by itself and then keep what one log-in needed (argon2
 * takes 19 MiB) for the life of the process. */
enum { MAPPED_FROM_BYTES = 4 * 1024 * 1024, KEPT_BYTES_MAX = 8 * 1024 * 1024 };

static void bound_heap(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES_MAX);
}

int main(int argc, char **argv)
{
    static const struct cli_host host = { .version = POSTERN_VERSION,
                                          .serve = serve,
                                          .keeper_open = keeper_open,
                                          .keeper_close = keeper_close };

    bound_heap();
    return cli_run(&host, argc, argv);
}
