/* courier/dns/mx.c - from a domain to addresses.
 *
 * A lookup first asks for MX, then for A and AAAA of every exchange at once, and counts the answers
 * down. What needs no DNS is answered by a timer, so that done() never comes from inside mx_find.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/dns/mx.h"

#include <idn2.h>

enum { FAMILIES = 2, ADDRESSES_OF_HOST_MAX = 4 };

struct host {
    struct mx_lookup *lookup;
    struct str name;
    uint32_t preference;
    uint64_t shuffle;
    bool failed; /* a question about it got no answer */
    struct address addresses[FAMILIES][ADDRESSES_OF_HOST_MAX]; /* IPv6, IPv4 */
    size_t counts[FAMILIES];
};

struct mx_lookup {
    struct arena *mem;
    struct loop *loop;
    struct dns *dns;
    struct timer timer;
    mx_done done;
    void *ctx;
    struct str domain, own_name;
    struct host *hosts;
    size_t host_count, open; /* answers still to come */
    bool implicit;           /* the only host is the domain itself */
};

static void finish(struct mx_lookup *m, enum mx_status status, const struct mx_target *targets,
                   size_t count)
{
    struct mx_result result = { status, targets, count };

    m->done(m->ctx, &result);
    arena_free(m->mem);
}

void mx_free(struct mx_lookup *lookup)
{
    if (lookup == NULL)
        return;
    timer_cancel(&lookup->timer);
    arena_free(lookup->mem);
}

/* Takes turns between the families, each in the order of the answer. */
static size_t add_targets(const struct host *h, struct mx_target *targets, size_t count)
{
    for (size_t i = 0; i < ADDRESSES_OF_HOST_MAX; i++)
        for (size_t f = 0; f < FAMILIES; f++)
            if (i < h->counts[f] && count < MX_TARGETS_MAX)
                targets[count++] = (struct mx_target){ h->name, h->addresses[f][i] };
    return count;
}

static void all_answered(struct mx_lookup *m)
{
    struct mx_target *targets = ARENA_ARRAY(m->mem, struct mx_target, MX_TARGETS_MAX);
    size_t count = 0;
    bool failed = false;

    for (size_t i = 0; i < m->host_count; i++) {
        count = add_targets(&m->hosts[i], targets, count);
        failed |= m->hosts[i].failed;
    }
    if (count > 0)
        finish(m, MX_FOUND, targets, count);
    else
        finish(m, failed ? MX_LATER : m->implicit ? MX_NO_DOMAIN : MX_NO_HOST, NULL, 0);
}

static void address_answer(struct host *h, const struct dns_answer *a, size_t family)
{
    if (a->status == DNS_FAILED || a->status == DNS_BOGUS)
        h->failed = true;
    for (size_t i = 0; i < a->count && h->counts[family] < ADDRESSES_OF_HOST_MAX; i++)
        h->addresses[family][h->counts[family]++] = a->records[i].address;
    if (--h->lookup->open == 0)
        all_answered(h->lookup);
}

static void got_aaaa(void *ctx, const struct dns_answer *a)
{
    address_answer(ctx, a, 0);
}

static void got_a(void *ctx, const struct dns_answer *a)
{
    address_answer(ctx, a, 1);
}

static void ask_addresses(struct mx_lookup *m)
{
    m->open = m->host_count * FAMILIES;
    for (size_t i = 0; i < m->host_count; i++) {
        dns_ask(m->dns, m->hosts[i].name, DNS_AAAA, got_aaaa, &m->hosts[i]);
        dns_ask(m->dns, m->hosts[i].name, DNS_A, got_a, &m->hosts[i]);
    }
}

static void only_host(struct mx_lookup *m)
{
    m->hosts = ARENA_NEW(m->mem, struct host);
    m->hosts[0] = (struct host){ .lookup = m, .name = m->domain };
    m->host_count = 1;
    ask_addresses(m);
}

static int by_preference(const void *a, const void *b)
{
    const struct host *x = a, *y = b;

    if (x->preference != y->preference)
        return x->preference < y->preference ? -1 : 1;
    return (x->shuffle > y->shuffle) - (x->shuffle < y->shuffle);
}

/* RFC 5321 5.1: if we are in the list ourselves, only better exchanges than us may be tried. */
static bool cut_at_ourselves(struct mx_lookup *m)
{
    for (size_t i = 0; i < m->host_count && m->own_name.len > 0; i++) {
        if (!str_eq_nocase(m->hosts[i].name, m->own_name))
            continue;

        uint32_t ours = m->hosts[i].preference;
        size_t keep = 0;
        while (m->hosts[keep].preference < ours)
            keep++;
        m->host_count = keep;
        return keep > 0;
    }
    return true;
}

static void use_exchanges(struct mx_lookup *m, const struct dns_answer *a)
{
    m->hosts = ARENA_ARRAY(m->mem, struct host, a->count);
    for (size_t i = 0; i < a->count; i++)
        if (a->records[i].name.len > 0)
            m->hosts[m->host_count++] =
                (struct host){ .lookup = m,
                               .name = arena_copy(m->mem, a->records[i].name),
                               .preference = a->records[i].preference,
                               .shuffle = loop_random_u64(m->loop) };
    if (m->host_count == 0) { /* RFC 7505: "MX 0 ." */
        finish(m, MX_NO_MAIL, NULL, 0);
        return;
    }
    qsort(m->hosts, m->host_count, sizeof(m->hosts[0]), by_preference);
    if (!cut_at_ourselves(m)) {
        finish(m, MX_LOOP, NULL, 0);
        return;
    }
    m->host_count = MIN(m->host_count, (size_t)MX_HOSTS_MAX);
    ask_addresses(m);
}

static void got_mx(void *ctx, const struct dns_answer *a)
{
    struct mx_lookup *m = ctx;

    switch (a->status) {
    case DNS_FOUND:
        use_exchanges(m, a);
        break;
    case DNS_NO_DATA: /* RFC 5321 5.1: the domain itself is its implicit exchange */
        m->implicit = true;
        only_host(m);
        break;
    case DNS_NO_NAME:
        finish(m, MX_NO_DOMAIN, NULL, 0);
        break;
    case DNS_FAILED:
    case DNS_BOGUS:
        finish(m, MX_LATER, NULL, 0);
        break;
    }
}

/* RFC 5321 4.1.3: "[192.0.2.1]", "[IPv6:2001:db8::1]". */
static bool parse_literal(struct str domain, struct address *ret)
{
    if (domain.len < 3 || domain.at[0] != '[' || domain.at[domain.len - 1] != ']')
        return false;

    struct str inner = str_sub(domain, 1, domain.len - 2);
    if (str_starts_nocase(inner, STR("IPv6:")))
        inner = str_skip(inner, 5);
    return address_parse(inner, 0, ret);
}

static void answer_literal(void *ctx)
{
    struct mx_lookup *m = ctx;
    struct mx_target *target = ARENA_NEW(m->mem, struct mx_target);

    target->host = m->domain;
    if (parse_literal(m->domain, &target->address))
        finish(m, MX_FOUND, target, 1);
    else
        finish(m, MX_NO_DOMAIN, NULL, 0);
}

/* RFC 5891: the name that the DNS knows; empty when there is none. */
static struct str to_a_labels(struct arena *mem, struct str domain)
{
    char *ascii = NULL;
    SCRATCH(tmp, mem);

    if (idn2_to_ascii_8z(arena_copy_z(tmp, domain), &ascii,
                         IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
        return STR_EMPTY;

    struct str copy = arena_copy(mem, str_from_z(ascii));
    idn2_free(ascii);
    return copy;
}

struct mx_lookup *mx_find(struct loop *l, struct dns *dns, const struct mx_query *query,
                          mx_done done, void *ctx)
{
    struct arena *mem = arena_new(1024);
    struct mx_lookup *m = ARENA_NEW(mem, struct mx_lookup);

    *m = (struct mx_lookup){ .mem = mem, .loop = l, .dns = dns, .done = done, .ctx = ctx };
    m->own_name = arena_copy(mem, query->own_name);
    timer_init(&m->timer, l, answer_literal, m);

    struct address literal;
    bool bare_literal = query->host_only && address_parse(query->domain, 0, &literal);
    if (bare_literal)
        m->domain = arena_printf(mem, "[%.*s]", STR_ARG(query->domain));
    else if (str_starts(query->domain, STR("[")))
        m->domain = arena_copy(mem, query->domain);
    else
        m->domain = to_a_labels(mem, query->domain);

    if (m->domain.len == 0 || m->domain.at[0] == '[')
        timer_set_in(&m->timer, 0);
    else if (query->host_only)
        only_host(m);
    else
        dns_ask(dns, m->domain, DNS_MX, got_mx, m);
    return m;
}

static const struct {
    struct str code, text;
} meanings[] = {
    [MX_FOUND] = { STR_INIT("2.0.0"), STR_INIT("the domain takes mail") },
    [MX_LATER] = { STR_INIT("4.4.3"), STR_INIT("the DNS gave no answer about the domain") },
    [MX_NO_DOMAIN] = { STR_INIT("5.1.2"), STR_INIT("there is no such domain, or no host in it") },
    [MX_NO_HOST] = { STR_INIT("5.4.4"), STR_INIT("no mail exchange of the domain has an address") },
    [MX_NO_MAIL] = { STR_INIT("5.1.10"), STR_INIT("the domain takes no mail (null MX)") },
    [MX_LOOP] = { STR_INIT("5.4.6"), STR_INIT("mail for the domain would come back to us") },
};

struct str mx_status_code(enum mx_status status)
{
    return meanings[status].code;
}

struct str mx_status_text(enum mx_status status)
{
    return meanings[status].text;
}
