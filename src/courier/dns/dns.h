/* courier/dns/dns.h - asking the DNS, whoever answers.
 *
 * A struct dns is libunbound (dns_unbound_new) or a script (courier/dns/dns_script.h: tests and the
 * simulator). dns_ask never answers from inside the call; done() is called once, on a later turn,
 * and the answer lives for that call only. dns_free drops what is open without calling done.
 * Names are ASCII (A-labels), without a final dot. CNAMEs are followed by the resolver.
 * Spec: RFC 1035, RFC 5321 5.1. Tests: mx_test.c, dns_unbound_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_COURIER_DNS_H
#define POSTERN_COURIER_DNS_H

#include "base/err.h"
#include "os/address.h"
#include "os/loop.h"

enum dns_type { DNS_A = 1, DNS_MX = 15, DNS_AAAA = 28 };

enum dns_status {
    DNS_FOUND,   /* at least one record */
    DNS_NO_DATA, /* the name exists, not with this type */
    DNS_NO_NAME, /* NXDOMAIN */
    DNS_FAILED,  /* no answer, SERVFAIL, or nonsense: try again later */
    DNS_BOGUS    /* DNSSEC says it was forged: do not use, try again later */
};

struct dns_record {
    uint16_t preference;    /* MX */
    struct str name;        /* MX: exchange, "" for the null MX (RFC 7505) */
    struct address address; /* A, AAAA; port 0 */
};

struct dns_answer {
    enum dns_status status;
    bool secure; /* DNSSEC-validated */
    const struct dns_record *records;
    size_t count;
};

typedef void (*dns_done)(void *ctx, const struct dns_answer *answer);

struct dns;
struct dns_ops {
    void (*ask)(struct dns *d, struct str name, enum dns_type type, dns_done done, void *ctx);
    void (*free)(struct dns *d);
};

struct dns { /* first member of every implementation */
    const struct dns_ops *ops;
};

static inline void dns_ask(struct dns *d, struct str name, enum dns_type type, dns_done done,
                           void *ctx)
{
    d->ops->ask(d, name, type, done, ctx);
}

static inline void dns_free(struct dns *d)
{
    if (d != NULL)
        d->ops->free(d);
}

enum { DNS_QUESTION_MS_MAX = 20 * 1000 };

/* server: "ADDR:PORT" of a resolver that gets every question; empty: the system's resolvers. Their
 * addresses and /etc/hosts are read now; the thread starts with the first question, so a role may
 * lock itself in between. A question without an answer after question_ms_max has failed. Real loops
 * only. */
MUST_USE enum err dns_unbound_new(struct loop *l, struct str server, uint32_t question_ms_max,
                                  struct dns **ret, struct errinfo *why);

#endif
