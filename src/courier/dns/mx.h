/* courier/dns/mx.h - from a domain to the addresses that take its mail, in the order to be tried.
 *
 * Uses a struct dns and a loop's randomness; no other I/O. One question at a time a lookup; done()
 * is called once, on a later turn. The result lives for that call. Rules: MX by preference, equal
 * ones shuffled; no MX: the domain's own addresses; "MX 0 ." means no mail (RFC 7505); exchanges
 * that are ourselves cut the list there (RFC 5321 5.1), and if nothing is left before, mail would
 * loop. IPv6 and IPv4 addresses of a host alternate, so that a broken family costs one try.
 * Domains outside ASCII are asked for by their A-labels (libidn2). An address literal needs no DNS.
 * Spec: RFC 5321 5.1, RFC 7505. Tests: mx_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_COURIER_MX_H
#define POSTERN_COURIER_MX_H

#include "base/arena.h"
#include "courier/dns/dns.h"

enum mx_status {
    MX_FOUND,     /* targets is not empty                          */
    MX_LATER,     /* the DNS did not say: try again (4.4.3)        */
    MX_NO_DOMAIN, /* there is no such domain (5.1.2)               */
    MX_NO_HOST,   /* nothing there has an address (5.4.4)          */
    MX_NO_MAIL,   /* the domain takes no mail (5.1.10)             */
    MX_LOOP       /* the best exchange is ourselves (5.4.6)        */
};

enum { MX_HOSTS_MAX = 10, MX_TARGETS_MAX = 16 };

struct mx_target {
    struct str host;        /* the exchange's name, or the literal */
    struct address address; /* port not set */
};

struct mx_result {
    enum mx_status status;
    const struct mx_target *targets;
    size_t count;
};

typedef void (*mx_done)(void *ctx, const struct mx_result *result);

struct mx_query {
    struct str domain;   /* "example.org" or "[192.0.2.1]" */
    bool host_only;      /* a smarthost: its addresses, no MX */
    struct str own_name; /* our host name, to find loops; empty: do not look */
};

struct mx_lookup;
struct mx_lookup *mx_find(struct loop *l, struct dns *dns, const struct mx_query *query,
                          mx_done done, void *ctx);
/* Frees a lookup that is under way, without calling done(); only once its dns has been freed, as
 * questions can not be called back. Null is allowed. */
void mx_free(struct mx_lookup *lookup);

/* What a status means for a recipient: RFC 3463 code and words, static. */
struct str mx_status_code(enum mx_status status);
struct str mx_status_text(enum mx_status status);

#endif
