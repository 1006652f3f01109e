/* policy/relay_test.c - relaying as a table: every dress an address can wear, every peer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/relay.h"

#include "testing.h"

enum who { STRANGER, USER, TRUSTED };

static const struct {
    const char *name;
    struct str path; /* as in RCPT TO: */
    enum who who;
    enum relay_owner owner; /* what keeper says of the address that the path comes to */
    enum relay_verdict want;
} cases[] = {
    { "to us", STR_INIT("<bob@hamburger.edu>"), STRANGER, RELAY_OURS, RELAY_ACCEPT },
    { "to us, sub-address", STR_INIT("<bob+news@hamburger.edu>"), STRANGER, RELAY_OURS,
      RELAY_ACCEPT },
    { "to us, VERP", STR_INIT("<bob=crepes.fr@hamburger.edu>"), STRANGER, RELAY_OURS,
      RELAY_ACCEPT },
    { "postmaster", STR_INIT("<postmaster>"), STRANGER, RELAY_OURS, RELAY_ACCEPT },
    { "nobody of ours", STR_INIT("<eve@hamburger.edu>"), STRANGER, RELAY_UNKNOWN,
      RELAY_NO_SUCH_MAILBOX },
    { "full", STR_INIT("<bob@hamburger.edu>"), STRANGER, RELAY_FULL, RELAY_MAILBOX_FULL },
    { "switched off", STR_INIT("<bob@hamburger.edu>"), STRANGER, RELAY_DISABLED,
      RELAY_MAILBOX_DISABLED },
    { "elsewhere", STR_INIT("<alice@crepes.fr>"), STRANGER, RELAY_FOREIGN, RELAY_DENIED },
    { "sub-domain", STR_INIT("<bob@mail.hamburger.edu>"), STRANGER, RELAY_FOREIGN, RELAY_DENIED },
    { "our name inside", STR_INIT("<bob@hamburger.edu.crepes.fr>"), STRANGER, RELAY_FOREIGN,
      RELAY_DENIED },
    { "address literal", STR_INIT("<bob@[192.0.2.1]>"), STRANGER, RELAY_FOREIGN, RELAY_DENIED },
    { "IPv6 literal", STR_INIT("<bob@[IPv6:2001:db8::1]>"), STRANGER, RELAY_FOREIGN, RELAY_DENIED },
    { "source route by us", STR_INIT("<@hamburger.edu:alice@crepes.fr>"), STRANGER, RELAY_FOREIGN,
      RELAY_DENIED },
    { "source route to us", STR_INIT("<@crepes.fr:bob@hamburger.edu>"), STRANGER, RELAY_OURS,
      RELAY_ACCEPT },
    { "percent hack", STR_INIT("<alice%crepes.fr@hamburger.edu>"), STRANGER, RELAY_OURS,
      RELAY_DENIED_ROUTING },
    { "percent hack, unknown", STR_INIT("<alice%crepes.fr@hamburger.edu>"), STRANGER, RELAY_UNKNOWN,
      RELAY_DENIED_ROUTING },
    { "bang path", STR_INIT("<crepes.fr!alice@hamburger.edu>"), STRANGER, RELAY_OURS,
      RELAY_DENIED_ROUTING },
    { "quoted address", STR_INIT("<\"alice@crepes.fr\"@hamburger.edu>"), STRANGER, RELAY_OURS,
      RELAY_DENIED_ROUTING },
    { "quoted percent", STR_INIT("<\"alice%crepes.fr\"@hamburger.edu>"), STRANGER, RELAY_OURS,
      RELAY_DENIED_ROUTING },
    { "quoted pair", STR_INIT("<\"alice\\@crepes.fr\"@hamburger.edu>"), STRANGER, RELAY_OURS,
      RELAY_DENIED_ROUTING },
    { "percent hack elsewhere", STR_INIT("<alice%crepes.fr@crepes.fr>"), STRANGER, RELAY_FOREIGN,
      RELAY_DENIED },
    { "a user, elsewhere", STR_INIT("<alice@crepes.fr>"), USER, RELAY_FOREIGN, RELAY_ACCEPT },
    { "a user, literal", STR_INIT("<alice@[192.0.2.1]>"), USER, RELAY_FOREIGN, RELAY_ACCEPT },
    { "a user, odd local part", STR_INIT("<a%b@hamburger.edu>"), USER, RELAY_OURS, RELAY_ACCEPT },
    { "a user, nobody", STR_INIT("<eve@hamburger.edu>"), USER, RELAY_UNKNOWN,
      RELAY_NO_SUCH_MAILBOX },
    { "trusted, elsewhere", STR_INIT("<alice@crepes.fr>"), TRUSTED, RELAY_FOREIGN, RELAY_ACCEPT },
    { "trusted, full", STR_INIT("<bob@hamburger.edu>"), TRUSTED, RELAY_FULL, RELAY_MAILBOX_FULL },
};

TEST(relaying_is_decided_as_the_table_says)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCRATCH(tmp, NULL);
        struct mailbox rcpt;
        struct str rest = cases[i].path;

        CHECK_OK(path_parse(tmp, &rest, PATH_POSTMASTER, &rcpt), "%s", cases[i].name);

        struct relay_facts facts = { .authenticated = cases[i].who == USER,
                                     .trusted_network = cases[i].who == TRUSTED,
                                     .rcpt = &rcpt,
                                     .owner = cases[i].owner };
        CHECK_EQ(relay_decide(&facts), cases[i].want, "%s", cases[i].name);
    }
}

TEST(no_stranger_ever_reaches_a_foreign_address)
{
    static const struct str locals[] = { STR_INIT("a"), STR_INIT("a%b"), STR_INIT(""),
                                         STR_INIT("a@b"), STR_INIT("postmaster") };

    for (size_t i = 0; i < ARRAY_LEN(locals); i++)
        for (int owner = -1; owner < 9; owner++) {
            struct mailbox rcpt = { .local = locals[i], .domain = STR("crepes.fr") };
            struct relay_facts facts = { .rcpt = &rcpt, .owner = (enum relay_owner)owner };

            CHECK(relay_decide(&facts) != RELAY_ACCEPT || owner == RELAY_OURS, "owner %d", owner);
        }
}

static const struct {
    struct str network, ip;
    bool want;
} networks[] = {
    { STR_INIT("192.0.2.0/24"), STR_INIT("192.0.2.77"), true },
    { STR_INIT("192.0.2.0/24"), STR_INIT("192.0.3.77"), false },
    { STR_INIT("192.0.2.0/24"), STR_INIT("::ffff:192.0.2.77"), true },
    { STR_INIT("192.0.2.1"), STR_INIT("192.0.2.1"), true },
    { STR_INIT("192.0.2.1"), STR_INIT("192.0.2.2"), false },
    { STR_INIT("192.0.2.128/25"), STR_INIT("192.0.2.127"), false },
    { STR_INIT("0.0.0.0/0"), STR_INIT("192.0.2.1"), true },
    { STR_INIT("0.0.0.0/0"), STR_INIT("2001:db8::1"), false },
    { STR_INIT("::/0"), STR_INIT("192.0.2.1"), false },
    { STR_INIT("::/0"), STR_INIT("2001:db8::1"), true },
    { STR_INIT("2001:db8::/32"), STR_INIT("2001:db8:1::1"), true },
    { STR_INIT("2001:db8::/32"), STR_INIT("2001:db9::1"), false },
    { STR_INIT("192.0.2.0/33"), STR_INIT("192.0.2.0"), false },
    { STR_INIT("192.0.2.0/"), STR_INIT("192.0.2.0"), false },
    { STR_INIT("192.0.2.0/x"), STR_INIT("192.0.2.0"), false },
    { STR_INIT("hamburger.edu"), STR_INIT("192.0.2.0"), false },
    { STR_INIT(""), STR_INIT("192.0.2.0"), false },
};

TEST(networks_hold_what_they_should)
{
    for (size_t i = 0; i < ARRAY_LEN(networks); i++) {
        uint8_t ip[16];

        CHECK(ip_parse(networks[i].ip, ip), "row %zu", i);
        CHECK_EQ(relay_network_holds(networks[i].network, ip), networks[i].want, "row %zu", i);
    }
}

static const struct {
    const char *name;
    struct sender_facts facts;
    enum sender_verdict want;
} senders[] = {
    { "another server", { .submission = false }, SENDER_ACCEPT },
    { "another server, <>", { .null_sender = true }, SENDER_ACCEPT },
    { "submission without log-in", { .submission = true }, SENDER_LOGIN_FIRST },
    { "submission without log-in, <>",
      { .submission = true, .null_sender = true },
      SENDER_LOGIN_FIRST },
    { "own address",
      { .submission = true, .authenticated = true, .keeper_allows = true },
      SENDER_ACCEPT },
    { "somebody else's", { .submission = true, .authenticated = true }, SENDER_NOT_YOURS },
    { "somebody else's on port 25", { .authenticated = true }, SENDER_NOT_YOURS },
    { "a user's notification",
      { .submission = true, .authenticated = true, .null_sender = true },
      SENDER_ACCEPT },
    { "not logged in, keeper nods",
      { .submission = true, .keeper_allows = true },
      SENDER_LOGIN_FIRST },
};

TEST(senders_are_decided_as_the_table_says)
{
    for (size_t i = 0; i < ARRAY_LEN(senders); i++)
        CHECK_EQ(sender_decide(&senders[i].facts), senders[i].want, "%s", senders[i].name);
}
