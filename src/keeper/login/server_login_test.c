/* keeper/login/server_login_test.c - SCRAM, tokens, certificates, and what a failure costs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "keeper/server_test_world.h"
#include "store/accounts/scram.h"

#define PEER STR("192.0.2.1")

/* ---- a client of SCRAM ---- */

static struct str attribute(struct str message, char name)
{
    while (message.len > 0) {
        struct str each = str_split(&message, ',');

        if (each.len > 1 && each.at[0] == name && each.at[1] == '=')
            return str_skip(each, 2);
    }
    return STR_EMPTY;
}

struct dialogue {
    struct str mechanism, name, authzid, password, flag, bound_to; /* flag: empty for "n" */
    struct keep_sasl_req first;                                    /* its bindings */
    struct keep_sasl_rep challenge, done;
    struct str server_signature;
};

static enum err ask_first(struct world *w, struct dialogue *d)
{
    d->first.mechanism = d->mechanism;
    d->first.service = STR("imap");
    d->first.peer = PEER;
    d->first.message = arena_printf(
        w->mem, "%.*s,%s%.*s,n=%.*s,r=clientnonce", STR_ARG(d->flag.len > 0 ? d->flag : STR("n")),
        d->authzid.len > 0 ? "a=" : "", STR_ARG(d->authzid), STR_ARG(d->name));
    return ask_sasl(w, w->gate, &d->first, &d->challenge);
}

static enum err ask_last(struct world *w, struct dialogue *d)
{
    enum digest_kind hash;
    bool plus;
    struct str salt, gs2, bare, without, text, server = d->challenge.message;
    uint32_t iterations = 0;
    uint8_t salted[32], client[32], stored[32], mask[32], key[32];
    struct keep_sasl_req req = { .exchange = d->challenge.exchange,
                                 .service = STR("imap"),
                                 .peer = PEER };

    CHECK(scram_mechanism(d->mechanism, &hash, &plus), "mechanism");
    CHECK_OK(base64_decode(w->mem, attribute(server, 's'), &salt), "salt");
    CHECK(str_to_u32(attribute(server, 'i'), &iterations), "iterations");
    bare = str_skip(d->first.message, str_find(d->first.message, STR("n=")));
    gs2 = str_take(d->first.message, d->first.message.len - bare.len);
    without = arena_printf(w->mem, "c=%.*s,r=%.*s",
                           STR_ARG(base64_encode(w->mem, arena_join(w->mem, gs2, d->bound_to))),
                           STR_ARG(attribute(server, 'r')));
    text = arena_printf(w->mem, "%.*s,%.*s,%.*s", STR_ARG(bare), STR_ARG(server), STR_ARG(without));
    digest_pbkdf2(hash, d->password, salt, iterations, salted);
    digest_hmac(hash, salted, STR("Client Key"), client);
    digest_of(hash, str_from(client, digest_bytes(hash)), stored);
    digest_hmac(hash, stored, text, mask);
    for (size_t i = 0; i < digest_bytes(hash); i++)
        mask[i] ^= client[i];
    digest_hmac(hash, salted, STR("Server Key"), key);
    digest_hmac(hash, key, text, stored);
    d->server_signature =
        arena_join(w->mem, STR("v="), base64_encode(w->mem, str_from(stored, digest_bytes(hash))));
    req.message = arena_printf(w->mem, "%.*s,p=%.*s", STR_ARG(without),
                               STR_ARG(base64_encode(w->mem, str_from(mask, digest_bytes(hash)))));
    return ask_sasl(w, w->gate, &req, &d->done);
}

static enum err converse(struct world *w, struct dialogue *d)
{
    enum err e = ask_first(w, d);

    return e != OK ? e : ask_last(w, d);
}

static const struct {
    const char *what;
    struct dialogue d;
    enum err e;
} dialogues[] = {
    { "SHA-256",
      { STR_INIT("SCRAM-SHA-256"), STR_INIT("alice"), .password = STR_INIT("hungry") },
      OK },
    { "SHA-1, by address",
      { STR_INIT("SCRAM-SHA-1"), STR_INIT("Alice@crepes.fr"), .password = STR_INIT("hungry") },
      OK },
    { "as oneself",
      { STR_INIT("SCRAM-SHA-1"), STR_INIT("alice"), STR_INIT("alice@crepes.fr"),
        STR_INIT("hungry") },
      OK },
    { "as somebody else",
      { STR_INIT("SCRAM-SHA-1"), STR_INIT("alice"), STR_INIT("bob@hamburger.edu"),
        STR_INIT("hungry") },
      ERR_AUTH },
    { "as nobody",
      { STR_INIT("SCRAM-SHA-1"), STR_INIT("alice"), STR_INIT("carol"), STR_INIT("hungry") },
      ERR_AUTH },
    { "wrong password",
      { STR_INIT("SCRAM-SHA-256"), STR_INIT("alice"), .password = STR_INIT("full") },
      ERR_AUTH },
    { "unknown name",
      { STR_INIT("SCRAM-SHA-256"), STR_INIT("carol"), .password = STR_INIT("hungry") },
      ERR_AUTH },
    { "bound",
      { STR_INIT("SCRAM-SHA-256-PLUS"), STR_INIT("alice"), .password = STR_INIT("hungry"),
        .flag = STR_INIT("p=tls-exporter"), .bound_to = STR_INIT("here"),
        .first = { .tls_exporter = STR_INIT("here") } },
      OK },
    { "bound to another connection",
      { STR_INIT("SCRAM-SHA-256-PLUS"), STR_INIT("alice"), .password = STR_INIT("hungry"),
        .flag = STR_INIT("p=tls-exporter"), .bound_to = STR_INIT("there"),
        .first = { .tls_exporter = STR_INIT("here") } },
      ERR_AUTH },
    { "somebody took PLUS away",
      { STR_INIT("SCRAM-SHA-256"), STR_INIT("alice"), .password = STR_INIT("hungry"),
        .flag = STR_INIT("y"), .first = { .tls_exporter = STR_INIT("here") } },
      ERR_AUTH },
    { "an unknown mechanism",
      { STR_INIT("SCRAM-MD5"), STR_INIT("alice"), .password = STR_INIT("hungry") },
      ERR_UNSUPPORTED },
};

TEST(scram_lets_in_who_knows_the_password)
{
    struct world w;

    world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(dialogues); i++) {
        struct dialogue d = dialogues[i].d;

        CHECK_EQ(converse(&w, &d), dialogues[i].e, "%s", dialogues[i].what);
        if (dialogues[i].e != OK)
            continue;
        CHECK_STR(d.done.message, d.server_signature, "%s", dialogues[i].what);
        CHECK_STR(d.done.address, STR("alice@crepes.fr"), "%s", dialogues[i].what);
        CHECK_OK(ask_quota(&w, w.gate, &(struct keep_quota_req){ .session = d.done.session }, NULL),
                 "a session");
    }
    world_close(&w);
}

TEST(an_exchange_is_used_once_and_not_for_ever)
{
    struct dialogue d = dialogues[0].d, late = dialogues[0].d;
    struct world w;

    world_open(&w);
    CHECK_OK(converse(&w, &d), "once");
    CHECK_EQ(ask_last(&w, &d), ERR_AUTH, "twice");
    CHECK_OK(ask_first(&w, &late), "another");
    world_settle(&w, 61000);
    CHECK_EQ(ask_last(&w, &late), ERR_AUTH, "too late");
    world_close(&w);
}

/* What is asked twice must not differ, between names that somebody has and others, but in octets
 * that nobody can tell from random ones; and it must be the same after a restart. */
TEST(names_that_nobody_has_look_like_names_that_somebody_has)
{
    static const struct str names[] = { STR_INIT("alice@crepes.fr"), STR_INIT("carol@crepes.fr"),
                                        STR_INIT("CAROL@crepes.fr"), STR_INIT("dave@crepes.fr"),
                                        STR_INIT("carol"),           STR_INIT("carol") };
    struct str salts[ARRAY_LEN(names)];
    struct world w;

    world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct dialogue d = { STR_INIT("SCRAM-SHA-256"), names[i] };

        CHECK_OK(ask_first(&w, &d), "%zu", i);
        salts[i] = attribute(d.challenge.message, 's');
        CHECK_EQ(salts[i].len, salts[0].len, "%zu", i);
        CHECK_STR(attribute(d.challenge.message, 'i'), STR("100"), "%zu", i);
    }
    CHECK_STR(salts[1], salts[2], "case");
    CHECK(!str_eq(salts[1], salts[3]), "two names");
    CHECK_STR(salts[4], salts[5], "without a domain");
    world_restart(&w, false);
    for (size_t i = 0; i < 2; i++) {
        struct dialogue d = { STR_INIT("SCRAM-SHA-256"), names[i] };

        CHECK_OK(ask_first(&w, &d), "again");
        CHECK_STR(attribute(d.challenge.message, 's'), salts[i], "after a restart");
    }
    world_close(&w);
}

TEST(a_changed_password_ends_exchanges_and_is_proven_anew)
{
    struct dialogue d = dialogues[0].d, old = dialogues[0].d, fresh = dialogues[0].d;
    struct world w;

    world_open(&w);
    CHECK_OK(ask_first(&w, &d), "begun");
    CHECK_OK(ask_account_password(&w, w.control,
                                  &(struct keep_account_password_req){
                                      .address = STR("alice@crepes.fr"), .password = STR("full") },
                                  NULL),
             "password");
    CHECK_EQ(ask_last(&w, &d), ERR_AUTH, "the old one, begun before");
    CHECK_EQ(converse(&w, &old), ERR_AUTH, "the old one");
    fresh.password = STR("full");
    CHECK_OK(converse(&w, &fresh), "the new one");
    CHECK_OK(ask_account_enable(&w, w.control,
                                &(struct keep_account_enable_req){
                                    .address = STR("alice@crepes.fr"), .on = false },
                                NULL),
             "off");
    CHECK_EQ(converse(&w, &fresh), ERR_DENIED, "switched off");
    world_close(&w);
}

TEST(passwords_are_prepared)
{
    static const struct str forms[] = { STR_INIT("cr\xC3\xA8pe"), STR_INIT("cre\xCC\x80pe"),
                                        STR_INIT("cr\xC2\xAD\xC3\xA8pe") };
    struct world w;

    world_open(&w);
    CHECK_OK(ask_account_password(&w, w.control,
                                  &(struct keep_account_password_req){
                                      .address = STR("alice@crepes.fr"), .password = forms[1] },
                                  NULL),
             "password");
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        CHECK(world_login(&w, STR("alice"), forms[i]) != 0, "form %zu", i);
    struct dialogue d = { STR_INIT("SCRAM-SHA-256"), STR("alice"), .password = forms[0] };

    CHECK_OK(converse(&w, &d), "scram");
    world_close(&w);
}

/* ---- tokens ---- */

static enum err login_as(struct world *w, enum keep_login_kind kind, struct str name,
                         struct str secret, struct str service)
{
    const struct keep_login_req req = {
        .name = name, .password = secret, .service = service, .peer = PEER, .kind = (uint8_t)kind
    };
    struct keep_login_rep rep;

    return ask_login(w, w->gate, &req, &rep);
}

TEST(a_token_opens_its_services_until_it_is_revoked)
{
    struct keep_token_add_req add = { .address = STR("alice@crepes.fr"),
                                      .scope = KEEP_SCOPE_IMAP | KEEP_SCOPE_SMTP,
                                      .note = STR("phone") };
    struct keep_token_list_rep list;
    struct keep_token_add_rep token;
    struct world w;
    char id[32];

    world_open(&w);
    CHECK_OK(ask_token_add(&w, w.control, &add, &token), "add");
    CHECK_OK(login_as(&w, LOGIN_TOKEN, STR_EMPTY, token.token, STR("imap")), "no name");
    CHECK_OK(login_as(&w, LOGIN_TOKEN, STR("alice"), token.token, STR("smtp")), "her name");
    CHECK_EQ(login_as(&w, LOGIN_TOKEN, STR("bob"), token.token, STR("imap")), ERR_AUTH, "his name");
    CHECK_EQ(login_as(&w, LOGIN_TOKEN, STR("alice"), token.token, STR("pop3")), ERR_AUTH, "scope");
    CHECK_EQ(login_as(&w, LOGIN_PASSWORD, STR("alice"), token.token, STR("imap")), ERR_AUTH,
             "it is no password");
    CHECK_EQ(login_as(&w, LOGIN_TOKEN, STR("alice"), STR("hungry"), STR("imap")), ERR_AUTH,
             "a password is none");
    CHECK_EQ(login_as(&w, LOGIN_TOKEN, STR_EMPTY, str_take(token.token, token.token.len - 1),
                      STR("imap")),
             ERR_AUTH, "one octet less");
    CHECK_OK(ask_token_list(&w, w.control,
                            &(struct keep_token_list_req){ .address = STR("alice@crepes.fr") },
                            &list),
             "list");
    CHECK_EQ(list.tokens_count, 1, "one");
    CHECK_STR(list.tokens[0].note, STR("phone"), "note");
    CHECK_STR(list.tokens[0].id, token.id, "id");
    snprintf(id, sizeof id, "%.*s", STR_ARG(token.id));
    CHECK_EQ(ask_token_revoke(&w, w.control,
                              &(struct keep_token_revoke_req){ .address = STR("bob@hamburger.edu"),
                                                               .id = str_from_z(id) },
                              NULL),
             ERR_NOT_FOUND, "bob has no such token");
    CHECK_OK(ask_token_revoke(&w, w.control,
                              &(struct keep_token_revoke_req){ .address = STR("alice@crepes.fr"),
                                                               .id = str_from_z(id) },
                              NULL),
             "revoke");
    CHECK_EQ(login_as(&w, LOGIN_TOKEN, STR_EMPTY, token.token, STR("imap")), ERR_AUTH, "revoked");
    world_close(&w);
}

TEST(tokens_expire_and_go_with_their_account)
{
    struct keep_token_add_req add = { .address = STR("alice@crepes.fr"), .scope = KEEP_SCOPE_IMAP };
    struct keep_token_add_rep token;
    struct world w;

    world_open(&w);
    CHECK_EQ(ask_token_add(&w, w.control,
                           &(struct keep_token_add_req){ .address = STR("alice@crepes.fr") },
                           &token),
             ERR_SYNTAX, "for nothing");
    add.life_s = 60;
    CHECK_OK(ask_token_add(&w, w.control, &add, &token), "add");
    CHECK_OK(login_as(&w, LOGIN_TOKEN, STR_EMPTY, token.token, STR("imap")), "in time");
    world_settle(&w, 61000);
    CHECK_EQ(login_as(&w, LOGIN_TOKEN, STR_EMPTY, token.token, STR("imap")), ERR_AUTH, "late");
    CHECK_OK(ask_account_remove(
                 &w, w.control,
                 &(struct keep_account_remove_req){ .address = STR("alice@crepes.fr") }, NULL),
             "remove");
    world_close(&w); /* which checks that no row of hers is left */
}

/* ---- certificates ---- */

TEST(a_certificate_is_who_its_addresses_say)
{
    struct keep_text ids[] = { { STR("alice@crepes.fr") },
                               { STR("bob@hamburger.edu") },
                               { STR("carol@example.org") } };
    static const struct {
        const char *what;
        size_t from, count;
        struct str name;
        enum err e;
    } rows[] = {
        { "one address", 0, 1, STR_INIT(""), OK },
        { "hers", 0, 1, STR_INIT("alice"), OK },
        { "not hers", 0, 1, STR_INIT("bob"), ERR_AUTH },
        { "two accounts", 0, 2, STR_INIT(""), ERR_AUTH },
        { "two accounts and a choice", 0, 2, STR_INIT("bob@hamburger.edu"), OK },
        { "one of ours, one foreign", 1, 2, STR_INIT(""), OK },
        { "foreign", 2, 1, STR_INIT(""), ERR_AUTH },
        { "none", 0, 0, STR_INIT("alice"), ERR_AUTH },
    };
    struct world w;

    world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct keep_login_req req = { .name = rows[i].name,
                                            .service = STR("imap"),
                                            .peer = STR("127.0.0.1"),
                                            .kind = LOGIN_CERTIFICATE,
                                            .identities = ids + rows[i].from,
                                            .identities_count = rows[i].count };
        struct keep_login_rep rep;

        CHECK_EQ(ask_login(&w, w.gate, &req, &rep), rows[i].e, "%s", rows[i].what);
    }
    world_close(&w);
}

/* ---- POP3's delay ---- */

TEST(pop3_may_be_made_to_wait_between_two_log_ins)
{
    const struct keeper_settings slow = { .pop3_delay_s = 60, .certificates = true }, quick = { 0 };
    struct str alice = STR("alice"), right = STR("hungry"), pop3 = STR("pop3");
    struct world w;

    world_open(&w);
    CHECK_OK(login_as(&w, LOGIN_PASSWORD, alice, right, pop3), "first");
    CHECK_OK(login_as(&w, LOGIN_PASSWORD, alice, right, pop3), "no delay is set");
    keeper_reload(w.keeper, &slow);
    CHECK_OK(login_as(&w, LOGIN_PASSWORD, alice, right, pop3), "the first that counts");
    CHECK_EQ(login_as(&w, LOGIN_PASSWORD, alice, right, pop3), ERR_REFUSED, "too soon");
    CHECK_EQ(login_as(&w, LOGIN_PASSWORD, alice, STR("wrong"), pop3), ERR_AUTH, "says nothing");
    CHECK_OK(login_as(&w, LOGIN_PASSWORD, STR("bob"), right, pop3), "somebody else");
    CHECK_OK(login_as(&w, LOGIN_PASSWORD, alice, right, STR("imap")), "another protocol");
    world_settle(&w, 59000);
    CHECK_EQ(login_as(&w, LOGIN_PASSWORD, alice, right, pop3), ERR_REFUSED, "still too soon");
    world_settle(&w, 2000);
    CHECK_OK(login_as(&w, LOGIN_PASSWORD, alice, right, pop3), "refusals do not count");
    keeper_reload(w.keeper, &quick);
    CHECK_OK(login_as(&w, LOGIN_PASSWORD, alice, right, pop3), "taken back");
    world_close(&w);
}

/* ---- what a failure costs ---- */

static uint64_t timed_login(struct world *w, struct str name, struct str password, enum err want)
{
    uint64_t before = sim_now_ms(w->sim);

    CHECK_EQ(login_as(w, LOGIN_PASSWORD, name, password, STR("imap")), want, "%.*s", STR_ARG(name));
    return sim_now_ms(w->sim) - before;
}

TEST(wrong_passwords_slow_down_known_and_unknown_names_alike)
{
    struct world w;

    world_open(&w);
    for (int i = 0; i < 9; i++) {
        uint64_t known = timed_login(&w, STR("alice"), STR("wrong"), ERR_AUTH);
        uint64_t unknown = timed_login(&w, STR("carol"), STR("wrong"), ERR_AUTH);

        CHECK((known >= 500) == (i >= 5), "attempt %d took %llu ms", i, (unsigned long long)known);
        CHECK(unknown + 20 >= known && known + 20 >= unknown, "%llu and %llu ms",
              (unsigned long long)known, (unsigned long long)unknown);
    }
    CHECK(world_login(&w, STR("alice"), STR("hungry")) != 0, "she comes from elsewhere");
    world_close(&w);
}
