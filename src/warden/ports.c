/* warden/ports.c - services by addresses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "warden/ports.h"

#include "os/process.h"

static const struct service {
    struct str name;
    size_t port_offset; /* of the setting, in struct config */
    bool tls_at_once;
} services[] = {
    { STR_INIT("smtp"), offsetof(struct config, listen.smtp), false },
    { STR_INIT("submission"), offsetof(struct config, listen.submission), false },
    { STR_INIT("submissions"), offsetof(struct config, listen.submissions), true },
    { STR_INIT("pop3"), offsetof(struct config, listen.pop3), false },
    { STR_INIT("pop3s"), offsetof(struct config, listen.pop3s), true },
    { STR_INIT("imap"), offsetof(struct config, listen.imap), false },
    { STR_INIT("imaps"), offsetof(struct config, listen.imaps), true },
};

static enum err plan_one(const struct config *c, const struct service *s, struct str address,
                         struct role_listener *ret, struct errinfo *why)
{
    uint32_t port =
        *(const uint32_t *)(const void *)((const char *)c + s->port_offset) + c->listen.port_offset;

    *ret = (struct role_listener){ .service = s->name, .tls_at_once = s->tls_at_once, .fd = -1 };
    if (port > UINT16_MAX)
        return err_set(why, ERR_SYNTAX, "listen.%.*s plus listen.port_offset is %u, past 65535",
                       STR_ARG(s->name), port);
    if (!address_parse(address, (uint16_t)port, &ret->at))
        return err_set(why, ERR_SYNTAX, "listen.addresses: '%.*s' is no address", STR_ARG(address));
    return OK;
}

enum err ports_plan(struct arena *mem, const struct config *c, struct ports *ret,
                    struct errinfo *why)
{
    struct ports p = { .gates = 1 };
    enum err e;

    p.listeners =
        ARENA_ARRAY(mem, struct role_listener, ARRAY_LEN(services) * c->listen.addresses.count);
    for (size_t s = 0; s < ARRAY_LEN(services); s++) {
        uint32_t port =
            *(const uint32_t *)(const void *)((const char *)c + services[s].port_offset);

        if (port == 0 || (services[s].tls_at_once && c->tls.certificate_file.len == 0))
            continue;
        for (size_t a = 0; a < c->listen.addresses.count; a++)
            if ((e = plan_one(c, &services[s], c->listen.addresses.at[a], &p.listeners[p.each++],
                              why)) != OK)
                return e;
    }
    *ret = p;
    return OK;
}

static enum err say(const struct role_listener *l, enum err e, const struct errinfo *detail,
                    struct errinfo *why)
{
    struct buf at = { 0 };

    address_format_with_port(&l->at, &at);
    (void)err_set(why, e, "cannot listen for %.*s on %.*s: %s", STR_ARG(l->service),
                  STR_ARG(buf_str(&at)), detail->text);
    buf_deinit(&at);
    return e;
}

/* A first socket that does not share finds out whether somebody else has the port: sockets that
 * share would all succeed, with another server of the same user too. */
static enum err probe(const struct role_listener *l, struct errinfo *why)
{
    struct errinfo detail = { 0 };
    int fd;
    enum err e = process_listen(&l->at, false, &fd, &detail);

    if (e != OK)
        return say(l, e, &detail, why);
    process_close(fd);
    return OK;
}

/* One socket for each gate, in column `at` of its row. */
static enum err open_for_gates(const struct role_listener *planned, struct ports *p, size_t at,
                               struct errinfo *why)
{
    struct errinfo detail = { 0 };
    enum err e;

    for (size_t g = 0; g < p->gates; g++) {
        struct role_listener *l = &p->listeners[g * p->each + at];

        *l = *planned;
        if ((e = process_listen(&planned->at, true, &l->fd, &detail)) != OK) {
            l->fd = -1;
            return say(planned, e, &detail, why);
        }
    }
    return OK;
}

enum err ports_open(struct arena *mem, const struct config *c, size_t gates, struct ports *ret,
                    struct errinfo *why)
{
    SCRATCH(tmp, mem);
    struct ports plan, p = { .gates = gates };
    enum err e;

    if ((e = ports_plan(tmp, c, &plan, why)) != OK)
        return e;
    for (size_t i = 0; i < plan.each; i++) {
        e = probe(&plan.listeners[i], why);
        if (e == OK)
            plan.listeners[p.each++] = plan.listeners[i];
        else if (e != ERR_UNAVAILABLE || plan.listeners[i].at.family != ADDRESS_IP6)
            return e;
    }

    p.listeners = ARENA_ARRAY(mem, struct role_listener, p.each * gates);
    for (size_t i = 0; i < p.each * gates; i++)
        p.listeners[i].fd = -1;
    for (size_t i = 0; i < p.each; i++)
        if ((e = open_for_gates(&plan.listeners[i], &p, i, why)) != OK) {
            ports_close(&p);
            return e;
        }
    *ret = p;
    return OK;
}

void ports_close(struct ports *p)
{
    for (size_t i = 0; i < p->each * p->gates; i++)
        if (p->listeners[i].fd >= 0)
            process_close(p->listeners[i].fd);
    *p = (struct ports){ 0 };
}
