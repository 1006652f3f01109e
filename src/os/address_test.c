/* SPDX-License-Identifier: Apache-2.0 */
#include "os/address.h"

#include "testing.h"

TEST(addresses_are_parsed_and_written)
{
    static const struct {
        struct str in, want; /* want empty: refused */
    } rows[] = {
        { STR_INIT("192.0.2.1"), STR_INIT("192.0.2.1:25") },
        { STR_INIT("2001:DB8::0:1"), STR_INIT("[2001:db8::1]:25") },
        { STR_INIT("[::1]"), STR_INIT("[::1]:25") },
        { STR_INIT("::ffff:10.1.2.3"), STR_INIT("10.1.2.3:25") },
        { STR_INIT("[192.0.2.1]"), STR_INIT("") },
        { STR_INIT("192.0.2.256"), STR_INIT("") },
        { STR_INIT("192.0.2"), STR_INIT("") },
        { STR_INIT(" 192.0.2.1"), STR_INIT("") },
        { STR_INIT("192.0.2.1\0"), STR_INIT("") },
        { STR_INIT("fe80::1%eth0"), STR_INIT("") },
        { STR_INIT("[]"), STR_INIT("") },
        { STR_INIT(""), STR_INIT("") },
        { STR_INIT("1:2:3:4:5:6:7:8:9"), STR_INIT("") },
        { STR_INIT("00000000000000000000000000000000000000000000000000000000000::1"),
          STR_INIT("") },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = { .max = 0 };
        struct address a;

        if (address_parse(rows[i].in, 25, &a))
            address_format_with_port(&a, &out);
        CHECK_STR(buf_str(&out), rows[i].want, "row %zu", i);
        buf_deinit(&out);
    }
}

TEST(a_port_needs_brackets_behind_ipv6)
{
    static const struct {
        struct str in;
        bool ok;
        unsigned port;
    } rows[] = {
        { STR_INIT("192.0.2.1:25"), true, 25 }, { STR_INIT("[::1]:65535"), true, 65535 },
        { STR_INIT("[::1]:65536"), false, 0 },  { STR_INIT("::1:25"), false, 0 },
        { STR_INIT("192.0.2.1"), false, 0 },    { STR_INIT("192.0.2.1:"), false, 0 },
        { STR_INIT(":25"), false, 0 },          { STR_INIT("192.0.2.1:+25"), false, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address a = { .port = 0 };

        CHECK_EQ(address_parse_with_port(rows[i].in, &a), rows[i].ok, "row %zu", i);
        CHECK_EQ(a.port, rows[i].port, "row %zu", i);
    }
}

TEST(networks_hold_their_addresses)
{
    static const struct {
        struct str address, network;
        bool in;
    } rows[] = {
        { STR_INIT("10.1.2.3"), STR_INIT("10.0.0.0/8"), true },
        { STR_INIT("11.1.2.3"), STR_INIT("10.0.0.0/8"), false },
        { STR_INIT("10.1.2.3"), STR_INIT("10.1.2.2/31"), true },
        { STR_INIT("10.1.2.4"), STR_INIT("10.1.2.2/31"), false },
        { STR_INIT("10.1.2.3"), STR_INIT("10.1.2.3"), true },
        { STR_INIT("10.1.2.3"), STR_INIT("0.0.0.0/0"), true },
        { STR_INIT("10.1.2.3"), STR_INIT("::/0"), false },
        { STR_INIT("::ffff:10.1.2.3"), STR_INIT("10.0.0.0/8"), true },
        { STR_INIT("10.1.2.3"), STR_INIT("::ffff:10.0.0.0/104"), true },
        { STR_INIT("10.1.2.3"), STR_INIT("::ffff:10.0.0.0/95"), false },
        { STR_INIT("2001:db8::7"), STR_INIT("2001:db8::/32"), true },
        { STR_INIT("2001:db9::7"), STR_INIT("2001:db8::/31"), true },
        { STR_INIT("2001:dba::7"), STR_INIT("2001:db8::/31"), false },
        { STR_INIT("10.1.2.3"), STR_INIT("10.0.0.0/33"), false },
        { STR_INIT("10.1.2.3"), STR_INIT("10.0.0.0/"), false },
        { STR_INIT("10.1.2.3"), STR_INIT("ten/8"), false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address a;

        CHECK(address_parse(rows[i].address, 0, &a), "row %zu", i);
        CHECK_EQ(address_in_network(&a, rows[i].network), rows[i].in, "row %zu", i);
    }
}

TEST(loopback_is_known_in_every_family)
{
    static const struct {
        struct str in;
        bool loopback;
    } rows[] = {
        { STR_INIT("127.0.0.1"), true },  { STR_INIT("127.9.9.9"), true },
        { STR_INIT("::1"), true },        { STR_INIT("::ffff:127.0.0.1"), true },
        { STR_INIT("128.0.0.1"), false }, { STR_INIT("::2"), false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address a, b;

        CHECK(address_parse(rows[i].in, 1, &a) && address_parse(rows[i].in, 1, &b), "row %zu", i);
        CHECK_EQ(address_is_loopback(&a), rows[i].loopback, "row %zu", i);
        CHECK(address_eq(&a, &b), "row %zu", i);
        b.port = 2;
        CHECK(!address_eq(&a, &b), "row %zu: the port counts", i);
    }
}
