/* keeper/server_auth_test.c - who may come in and what belongs to whom. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_test_world.h"

TEST(only_the_right_password_opens_a_session)
{
    static const struct {
        const char *name;
        struct str login, password;
        bool in;
    } rows[] = {
        { "address", STR_INIT("alice@crepes.fr"), STR_INIT("hungry"), true },
        { "again, from the cache", STR_INIT("alice@crepes.fr"), STR_INIT("hungry"), true },
        { "case does not matter", STR_INIT("ALICE@Crepes.FR"), STR_INIT("hungry"), true },
        { "local part alone", STR_INIT("alice"), STR_INIT("hungry"), true },
        { "wrong", STR_INIT("alice"), STR_INIT("Hungry"), false },
        { "empty", STR_INIT("alice"), STR_INIT(""), false },
        { "unknown", STR_INIT("carol"), STR_INIT("hungry"), false },
        { "unknown domain", STR_INIT("alice@example.org"), STR_INIT("hungry"), false },
        { "nothing", STR_INIT(""), STR_INIT("hungry"), false },
        { "sub-address", STR_INIT("alice+x@crepes.fr"), STR_INIT("hungry"), false },
    };
    struct world w;

    world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_EQ(world_login(&w, rows[i].login, rows[i].password) != 0, rows[i].in, "%s",
                 rows[i].name);
    world_close(&w);
}

TEST(a_local_part_of_two_accounts_is_no_name)
{
    struct world w;

    world_open(&w);
    CHECK_OK(ask_account_add(&w, w.control,
                             &(struct keep_account_add_req){ .address = STR("alice@hamburger.edu"),
                                                             .password = STR("hungry") },
                             NULL),
             "second alice");
    CHECK(world_login(&w, STR("alice"), STR("hungry")) == 0, "ambiguous");
    CHECK(world_login(&w, STR("alice@hamburger.edu"), STR("hungry")) != 0, "by address");
    world_close(&w);
}

TEST(a_changed_password_and_a_closed_account_count_at_once)
{
    struct world w;

    world_open(&w);
    CHECK_OK(ask_account_password(&w, w.control,
                                  &(struct keep_account_password_req){
                                      .address = STR("alice@crepes.fr"), .password = STR("full") },
                                  NULL),
             "password");
    CHECK(world_login(&w, STR("alice"), STR("hungry")) == 0, "the old one, once cached");
    CHECK(world_login(&w, STR("alice"), STR("full")) != 0, "the new one");
    CHECK_OK(ask_account_enable(&w, w.control,
                                &(struct keep_account_enable_req){
                                    .address = STR("alice@crepes.fr"), .on = false },
                                NULL),
             "off");
    CHECK(world_login(&w, STR("alice"), STR("full")) == 0, "switched off");
    CHECK_EQ(ask_quota(&w, w.gate, &(struct keep_quota_req){ .session = w.session }, NULL),
             ERR_DENIED, "her session ended");
    world_close(&w);
}

static void login_came(void *ctx, enum err e, const struct keep_login_rep *rep, struct file *file)
{
    (void)file;
    *(uint64_t *)ctx = e == OK ? rep->session : UINT64_MAX;
}

/* Whichever comes first, nobody is logged in to an account that is gone. */
TEST(an_account_removed_while_a_password_is_checked_stays_closed)
{
    struct keep_login_req req = { .name = STR("bob@hamburger.edu"),
                                  .password = STR("hungry"),
                                  .service = STR("imap"),
                                  .peer = STR("::1") };
    uint64_t session = 0;
    struct world w;

    world_open(&w);
    (void)keeper_login(w.gate, &req, login_came, &session);
    CHECK_OK(ask_account_remove(
                 &w, w.control,
                 &(struct keep_account_remove_req){ .address = STR("bob@hamburger.edu") }, NULL),
             "remove");
    world_settle(&w, 10000);
    CHECK(session != 0, "answered");
    CHECK_EQ(ask_quota(&w, w.gate, &(struct keep_quota_req){ .session = session }, NULL),
             ERR_DENIED, "no session");
    world_close(&w);
}

TEST(a_session_belongs_to_its_channel_and_calls_to_their_roles)
{
    struct world w;

    world_open(&w);
    CHECK_EQ(ask_quota(&w, w.gate, &(struct keep_quota_req){ .session = w.session + 1 }, NULL),
             ERR_DENIED, "a guessed session");
    CHECK_EQ(ask_quota(&w, w.courier, &(struct keep_quota_req){ .session = w.session }, NULL),
             ERR_DENIED, "courier");
    CHECK_EQ(
        ask_domain_add(&w, w.gate, &(struct keep_domain_add_req){ .name = STR("x.org") }, NULL),
        ERR_DENIED, "a gate adding a domain");
    CHECK_EQ(ask_lease(&w, w.gate, &(struct keep_lease_req){ .max = 1 }, NULL), ERR_DENIED,
             "a gate taking a lease");
    CHECK_OK(ask_logout(&w, w.gate, &(struct keep_logout_req){ .session = w.session }, NULL),
             "logout");
    CHECK_EQ(ask_quota(&w, w.gate, &(struct keep_quota_req){ .session = w.session }, NULL),
             ERR_DENIED, "after logout");
    world_close(&w);
}

static void add_alias(struct world *w, struct str address, struct str a, struct str b)
{
    struct keep_text targets[] = { { a }, { b } };

    CHECK_OK(ask_alias_add(w, w->control,
                           &(struct keep_alias_add_req){ .address = address,
                                                         .targets = targets,
                                                         .targets_count = b.len > 0 ? 2 : 1 },
                           NULL),
             "alias");
}

static void add_aliases(struct world *w)
{
    add_alias(w, STR("team@crepes.fr"), STR("alice@crepes.fr"), STR("bob@hamburger.edu"));
    add_alias(w, STR("me@crepes.fr"), STR("alice@crepes.fr"), STR(""));
    add_alias(w, STR("out@crepes.fr"), STR("carol@example.org"), STR(""));
    add_alias(w, STR("ring@crepes.fr"), STR("gnir@crepes.fr"), STR(""));
    add_alias(w, STR("gnir@crepes.fr"), STR("ring@crepes.fr"), STR(""));
    add_alias(w, STR("bob@hamburger.edu"), STR("bob@hamburger.edu"), STR("bob@example.org"));
}

TEST(an_address_leads_where_it_should)
{
    static const struct {
        struct str address;
        enum keep_route kind;
    } rows[] = {
        { STR_INIT("alice@crepes.fr"), ROUTE_LOCAL },
        { STR_INIT("Alice@CREPES.fr"), ROUTE_LOCAL },
        { STR_INIT("\"alice\"@crepes.fr"), ROUTE_LOCAL },
        { STR_INIT("alice+news@crepes.fr"), ROUTE_LOCAL },
        { STR_INIT("alice+@crepes.fr"), ROUTE_LOCAL },
        { STR_INIT("+alice@crepes.fr"), ROUTE_UNKNOWN },
        { STR_INIT("carol@crepes.fr"), ROUTE_UNKNOWN },
        { STR_INIT("alice@example.org"), ROUTE_FOREIGN },
        { STR_INIT("alice@sub.crepes.fr"), ROUTE_FOREIGN },
        { STR_INIT("team@crepes.fr"), ROUTE_LOCAL },
        { STR_INIT("team+x@crepes.fr"), ROUTE_LOCAL },
        { STR_INIT("out@crepes.fr"), ROUTE_LOCAL },
        { STR_INIT("ring@crepes.fr"), ROUTE_UNKNOWN },
        { STR_INIT("bob@hamburger.edu"), ROUTE_LOCAL },
    };
    struct world w;

    world_open(&w);
    add_aliases(&w);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct keep_route_rep rep;

        CHECK_OK(
            ask_route(&w, w.gate, &(struct keep_route_req){ .address = rows[i].address }, &rep),
            "row %zu", i);
        CHECK_EQ(rep.kind, rows[i].kind, "%.*s", STR_ARG(rows[i].address));
    }
    add_alias(&w, STR("@crepes.fr"), STR("alice@crepes.fr"), STR(""));

    struct keep_route_rep rep;

    CHECK_OK(
        ask_route(&w, w.gate, &(struct keep_route_req){ .address = STR("any@crepes.fr") }, &rep),
        "catch-all");
    CHECK_EQ(rep.kind, ROUTE_LOCAL, "catch-all");
    world_close(&w);
}

/* RFC 5321 4.5.1. */
TEST(postmaster_is_somebody_with_or_without_a_domain)
{
    static const struct {
        struct str address;
        enum keep_route kind;
    } rows[] = {
        { STR_INIT("postmaster@hamburger.edu"), ROUTE_LOCAL },
        { STR_INIT("Postmaster@Crepes.fr"), ROUTE_LOCAL },
        { STR_INIT("postmaster"), ROUTE_LOCAL },
        { STR_INIT("POSTMASTER"), ROUTE_LOCAL },
        { STR_INIT("postmaster@example.org"), ROUTE_FOREIGN },
        { STR_INIT("postmasters@crepes.fr"), ROUTE_UNKNOWN },
    };
    struct world w;
    struct keep_route_rep rep;

    world_open(&w);
    CHECK_OK(ask_route(&w, w.gate, &(struct keep_route_req){ .address = STR("postmaster") }, &rep),
             "route");
    CHECK_EQ(rep.kind, ROUTE_UNKNOWN, "nobody yet");
    add_alias(&w, STR("postmaster@hamburger.edu"), STR("bob@hamburger.edu"), STR(""));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_OK(
            ask_route(&w, w.gate, &(struct keep_route_req){ .address = rows[i].address }, &rep),
            "row %zu", i);
        CHECK_EQ(rep.kind, rows[i].kind, "%.*s", STR_ARG(rows[i].address));
    }
    CHECK_OK(world_deliver(&w, STR("alice@crepes.fr"), STR("postmaster"), STR("hello")), "deliver");
    world_close(&w);
}

static void add_bob_at(struct world *w, struct str domain)
{
    struct str address = arena_join(w->mem, STR("bob@"), domain);

    CHECK_OK(ask_domain_add(w, w->control, &(struct keep_domain_add_req){ .name = domain }, NULL),
             "domain");
    CHECK_OK(ask_account_add(
                 w, w->control,
                 &(struct keep_account_add_req){ .address = address, .password = STR("hungry") },
                 NULL),
             "account");
}

/* U-labels and A-labels are one name (RFC 5890 2.3.2.1), and sharp s is not "ss" (RFC 5891). */
TEST(an_international_domain_is_ours_in_every_form)
{
    static const struct {
        struct str address;
        enum keep_route kind;
    } rows[] = {
        { STR_INIT("bob@cr\xC3\xAApes.fr"), ROUTE_LOCAL },
        { STR_INIT("bob@CR\xC3\x8APES.FR"), ROUTE_LOCAL },
        { STR_INIT("bob@cre\xCC\x82pes.fr"), ROUTE_LOCAL },
        { STR_INIT("bob@xn--crpes-isa.fr"), ROUTE_LOCAL },
        { STR_INIT("bob@XN--CRPES-ISA.Fr"), ROUTE_LOCAL },
        { STR_INIT("dave@xn--crpes-isa.fr"), ROUTE_UNKNOWN },
        { STR_INIT("bob@strasse.fr"), ROUTE_LOCAL },
        { STR_INIT("bob@stra\xC3\x9F"
                   "e.fr"),
          ROUTE_FOREIGN },
    };
    struct world w;

    world_open(&w);
    add_bob_at(&w, STR("cr\xC3\xAApes.fr"));
    add_bob_at(&w, STR("strasse.fr"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct keep_route_rep rep;

        CHECK_OK(
            ask_route(&w, w.gate, &(struct keep_route_req){ .address = rows[i].address }, &rep),
            "row %zu", i);
        CHECK_EQ(rep.kind, rows[i].kind, "%.*s", STR_ARG(rows[i].address));
    }
    CHECK(world_login(&w, STR("bob@xn--crpes-isa.fr"), STR("hungry")) != 0, "log-in");
    CHECK_EQ(ask_domain_add(&w, w.control,
                            &(struct keep_domain_add_req){ .name = STR("xn--crpes-isa.fr") }, NULL),
             ERR_EXISTS, "the same");
    world_close(&w);
}

TEST(mail_is_sent_under_ones_own_names_only)
{
    static const struct {
        struct str address;
        bool may;
    } rows[] = {
        { STR_INIT("alice@crepes.fr"), true },
        { STR_INIT("alice+x@crepes.fr"), true },
        { STR_INIT("me@crepes.fr"), true },
        { STR_INIT("team@crepes.fr"), false },
        { STR_INIT("bob@hamburger.edu"), false },
        { STR_INIT("alice@example.org"), false },
        { STR_INIT("alice"), false },
        { STR_INIT(""), false },
    };
    struct world w;

    world_open(&w);
    add_aliases(&w);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct keep_may_send_as_rep rep;

        CHECK_OK(ask_may_send_as(&w, w.gate,
                                 &(struct keep_may_send_as_req){ .session = w.session,
                                                                 .address = rows[i].address },
                                 &rep),
                 "row %zu", i);
        CHECK_EQ(rep.allowed, rows[i].may, "%.*s", STR_ARG(rows[i].address));
    }
    world_close(&w);
}

TEST(the_directory_refuses_what_makes_no_sense)
{
    struct world w;
    struct keep_domain_list_rep domains;
    struct keep_account_list_rep accounts;
    struct keep_alias_list_rep aliases;

    world_open(&w);
    add_aliases(&w);
    CHECK_EQ(ask_domain_add(&w, w.control,
                            &(struct keep_domain_add_req){ .name = STR("Crepes.fr") }, NULL),
             ERR_EXISTS, "domain twice");
    CHECK_EQ(
        ask_domain_add(&w, w.control, &(struct keep_domain_add_req){ .name = STR("a b") }, NULL),
        ERR_SYNTAX, "no domain");
    CHECK_EQ(ask_domain_remove(&w, w.control,
                               &(struct keep_domain_remove_req){ .name = STR("crepes.fr") }, NULL),
             ERR_STATE, "domain in use");
    CHECK_EQ(ask_account_add(&w, w.control,
                             &(struct keep_account_add_req){ .address = STR("x@example.org"),
                                                             .password = STR("p") },
                             NULL),
             ERR_NOT_FOUND, "account of a foreign domain");
    CHECK_EQ(ask_account_add(&w, w.control,
                             &(struct keep_account_add_req){ .address = STR("alice@crepes.fr"),
                                                             .password = STR("p") },
                             NULL),
             ERR_EXISTS, "account twice");
    CHECK_EQ(ask_account_add(&w, w.control,
                             &(struct keep_account_add_req){ .address = STR("x@crepes.fr"),
                                                             .password = STR("") },
                             NULL),
             ERR_LIMIT, "no password");
    CHECK_EQ(ask_alias_remove(&w, w.control,
                              &(struct keep_alias_remove_req){ .address = STR("no@crepes.fr") },
                              NULL),
             ERR_NOT_FOUND, "no alias");
    CHECK_OK(
        ask_domain_list(&w, w.control, &(struct keep_domain_list_req){ .from = STR("") }, &domains),
        "domains");
    CHECK_EQ(domains.domains_count, 2, "domains");
    CHECK_EQ(domains.domains[0].accounts, 1, "accounts of crepes.fr");
    CHECK_OK(ask_account_list(&w, w.control, &(struct keep_account_list_req){ .from = STR("") },
                              &accounts),
             "accounts");
    CHECK_EQ(accounts.accounts_count, 2, "accounts");
    CHECK_OK(
        ask_alias_list(&w, w.control, &(struct keep_alias_list_req){ .from = STR("") }, &aliases),
        "aliases");
    CHECK_EQ(aliases.aliases_count, 6, "aliases");
    world_close(&w);
}

TEST(a_removed_account_leaves_nothing_behind)
{
    struct world w;

    world_open(&w);
    for (int i = 0; i < 5; i++)
        CHECK_OK(world_deliver(&w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"),
                               STR("Subject: x\r\n\r\nx\r\n")),
                 "deliver");
    CHECK_OK(ask_account_remove(
                 &w, w.control,
                 &(struct keep_account_remove_req){ .address = STR("alice@crepes.fr") }, NULL),
             "remove");
    world_settle(&w, 1000);

    struct keep_check_rep rep;

    CHECK_OK(ask_check(&w, w.control, &(struct keep_check_req){}, &rep), "check");
    for (size_t i = 0; i < rep.counters_count; i++)
        if (str_eq(rep.counters[i].name, STR("emails")) ||
            str_eq(rep.counters[i].name, STR("messages")))
            CHECK_EQ(rep.counters[i].value, 0, "%.*s", STR_ARG(rep.counters[i].name));
    world_close(&w);
}
