/* courier/dns/mx_test.c - rows of DNS scripts and the addresses that follow from them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/dns/mx.h"

#include "courier/dns/dns_script.h"
#include "testing.h"

#define MX_ROW(domain, preference, host)                                                           \
    {                                                                                              \
        STR_INIT(domain), DNS_MX, DNS_FOUND, preference, STR_INIT(host)                            \
    }
#define A_ROW(host, text)                                                                          \
    {                                                                                              \
        STR_INIT(host), DNS_A, DNS_FOUND, 0, STR_INIT(text)                                        \
    }
#define AAAA_ROW(host, text)                                                                       \
    {                                                                                              \
        STR_INIT(host), DNS_AAAA, DNS_FOUND, 0, STR_INIT(text)                                     \
    }

static const struct dns_script_row script[] = {
    MX_ROW("hamburger.edu", 20, "b.hamburger.edu"),
    MX_ROW("hamburger.edu", 10, "a.hamburger.edu"),
    A_ROW("a.hamburger.edu", "192.0.2.1"),
    A_ROW("a.hamburger.edu", "192.0.2.2"),
    AAAA_ROW("a.hamburger.edu", "2001:db8::1"),
    A_ROW("b.hamburger.edu", "192.0.2.3"),
    A_ROW("bare.edu", "192.0.2.9"),
    MX_ROW("null.edu", 0, ""),
    MX_ROW("loop.edu", 10, "mx.crepes.fr"),
    MX_ROW("loop.edu", 10, "a.hamburger.edu"),
    MX_ROW("backup.edu", 5, "a.hamburger.edu"),
    MX_ROW("backup.edu", 10, "mx.crepes.fr"),
    MX_ROW("backup.edu", 20, "b.hamburger.edu"),
    { STR_INIT("later.edu"), DNS_MX, DNS_FAILED, 0, STR_INIT("") },
    { STR_INIT("forged.edu"), DNS_MX, DNS_BOGUS, 0, STR_INIT("") },
    MX_ROW("nohost.edu", 10, "gone.edu"),
    MX_ROW("halfdead.edu", 10, "unknown.edu"),
    { STR_INIT("unknown.edu"), DNS_A, DNS_FAILED, 0, STR_INIT("") },
    { STR_INIT("mailless.edu"), DNS_AAAA, DNS_NO_DATA, 0, STR_INIT("") },
    MX_ROW("xn--crpes-isa.fr", 1, "b.hamburger.edu"),
};

static const struct {
    const char *name;
    struct str domain;
    bool host_only;
    enum mx_status status;
    struct str want; /* addresses with blanks between */
} rows[] = {
    { "by preference, families in turn", STR_INIT("hamburger.edu"), false, MX_FOUND,
      STR_INIT("2001:db8::1 192.0.2.1 192.0.2.2 192.0.2.3") },
    { "case does not matter", STR_INIT("Hamburger.EDU"), false, MX_FOUND,
      STR_INIT("2001:db8::1 192.0.2.1 192.0.2.2 192.0.2.3") },
    { "no MX: the domain itself", STR_INIT("bare.edu"), false, MX_FOUND, STR_INIT("192.0.2.9") },
    { "null MX", STR_INIT("null.edu"), false, MX_NO_MAIL, STR_INIT("") },
    { "no such domain", STR_INIT("nowhere.edu"), false, MX_NO_DOMAIN, STR_INIT("") },
    { "we are among the best", STR_INIT("loop.edu"), false, MX_LOOP, STR_INIT("") },
    { "we are the backup", STR_INIT("backup.edu"), false, MX_FOUND,
      STR_INIT("2001:db8::1 192.0.2.1 192.0.2.2") },
    { "DNS fails", STR_INIT("later.edu"), false, MX_LATER, STR_INIT("") },
    { "forged", STR_INIT("forged.edu"), false, MX_LATER, STR_INIT("") },
    { "exchange without address", STR_INIT("nohost.edu"), false, MX_NO_HOST, STR_INIT("") },
    { "exchange about which nothing is known", STR_INIT("halfdead.edu"), false, MX_LATER,
      STR_INIT("") },
    { "a name with neither MX nor address", STR_INIT("mailless.edu"), false, MX_NO_DOMAIN,
      STR_INIT("") },
    { "beyond ASCII", STR_INIT("cr\xc3\xaapes.fr"), false, MX_FOUND, STR_INIT("192.0.2.3") },
    { "literal", STR_INIT("[192.0.2.77]"), false, MX_FOUND, STR_INIT("192.0.2.77") },
    { "IPv6 literal", STR_INIT("[IPv6:2001:db8::7]"), false, MX_FOUND, STR_INIT("2001:db8::7") },
    { "bad literal", STR_INIT("[nonsense]"), false, MX_NO_DOMAIN, STR_INIT("") },
    { "smarthost: no MX asked", STR_INIT("b.hamburger.edu"), true, MX_FOUND,
      STR_INIT("192.0.2.3") },
    { "smarthost by address", STR_INIT("192.0.2.50"), true, MX_FOUND, STR_INIT("192.0.2.50") },
    { "smarthost unknown", STR_INIT("nowhere.edu"), true, MX_NO_HOST, STR_INIT("") },
};

struct got {
    struct loop *loop;
    enum mx_status status;
    struct buf addresses;
};

static void note(void *ctx, const struct mx_result *result)
{
    struct got *got = ctx;

    got->status = result->status;
    for (size_t i = 0; i < result->count; i++) {
        if (i > 0)
            buf_add_char(&got->addresses, ' ');
        address_format(&result->targets[i].address, &got->addresses);
    }
    loop_stop(got->loop);
}

TEST(domains_lead_to_addresses)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct got got = { 0 };
        struct mx_query query = { rows[i].domain, rows[i].host_only, STR("mx.crepes.fr") };

        CHECK_OK(loop_new_real(&got.loop, NULL), "loop");
        struct dns *dns = dns_script_new(got.loop, script, ARRAY_LEN(script), 0);
        (void)mx_find(got.loop, dns, &query, note, &got);
        CHECK_OK(loop_run(got.loop, NULL), "run");
        CHECK_EQ(got.status, rows[i].status, "%s", rows[i].name);
        CHECK_STR(buf_str(&got.addresses), rows[i].want, "%s", rows[i].name);
        buf_deinit(&got.addresses);
        dns_free(dns);
        loop_free(got.loop);
    }
}

TEST(a_lookup_can_be_dropped_at_any_moment)
{
    struct got got = { 0 };
    struct mx_query query = { STR("hamburger.edu"), false, STR_EMPTY };
    struct mx_query literal = { STR("[192.0.2.1]"), false, STR_EMPTY };

    CHECK_OK(loop_new_real(&got.loop, NULL), "loop");
    struct dns *dns = dns_script_new(got.loop, script, ARRAY_LEN(script), 1000);
    struct mx_lookup *one = mx_find(got.loop, dns, &query, note, &got);
    struct mx_lookup *two = mx_find(got.loop, dns, &literal, note, &got);
    dns_free(dns);
    mx_free(one);
    mx_free(two);
    loop_free(got.loop);
}
