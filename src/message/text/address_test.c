/* message/text/address_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/address.h"
#include "testing.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

/* `want` lists one address per line: name|route|local|domain, "-" for one that is not there;
 * "group name{" and "}" for the marks of a group. */
static const struct {
    struct str in, want;
} rows[] = {
    { STR_INIT("alice@crepes.fr"), STR_INIT("-|-|alice|crepes.fr\n") },
    { STR_INIT(" <bob@hamburger.edu> "), STR_INIT("-|-|bob|hamburger.edu\n") },
    { STR_INIT("Alice <alice@crepes.fr>, Bob B. Burger <bob@hamburger.edu>"),
      STR_INIT("Alice|-|alice|crepes.fr\nBob B. Burger|-|bob|hamburger.edu\n") },
    { STR_INIT("\"Burger, Bob \\\"B\\\"\" <bob@hamburger.edu>"),
      STR_INIT("Burger, Bob \"B\"|-|bob|hamburger.edu\n") },
    { STR_INIT("alice@crepes.fr (Alice (the cook))"),
      STR_INIT("Alice (the cook)|-|alice|crepes.fr\n") },
    { STR_INIT("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>"),
      STR_INIT("Pete|-|pete|silly.test\n") },
    { STR_INIT("A Group(Some people)\r\n :Chris <c@a.test>,\r\n joe@b.test,John <j@c.test>;"),
      STR_INIT("A Group{\nChris|-|c|a.test\n-|-|joe|b.test\nJohn|-|j|c.test\n}\n") },
    { STR_INIT("Undisclosed recipients:;"), STR_INIT("Undisclosed recipients{\n}\n") },
    { STR_INIT("A: a@b;, c@d"), STR_INIT("A{\n-|-|a|b\n}\n-|-|c|d\n") },
    { STR_INIT("A: a@b"), STR_INIT("A{\n-|-|a|b\n}\n") },
    { STR_INIT("<@a.test,@b.test:joe@c.test>"), STR_INIT("-|@a.test,@b.test|joe|c.test\n") },
    { STR_INIT("Mary Smith <@node.test:mary@example.test>, , jdoe@test   . example"),
      STR_INIT("Mary Smith|@node.test|mary|example.test\n-|-|jdoe|test.example\n") },
    { STR_INIT("\"alice smith\"@crepes.fr"), STR_INIT("-|-|alice smith|crepes.fr\n") },
    { STR_INIT("a . \"b c\" . d@crepes.fr"), STR_INIT("-|-|a.b c.d|crepes.fr\n") },
    { STR_INIT("bob@[IPv6:2001:db8::1]"), STR_INIT("-|-|bob|[IPv6:2001:db8::1]\n") },
    { STR_INIT("=?utf-8?Q?Al=C3=ADce?=\r\n =?utf-8?Q?_B?= <alice@crepes.fr>"),
      STR_INIT("=?utf-8?Q?Al=C3=ADce?= =?utf-8?Q?_B?=|-|alice|crepes.fr\n") },
    { STR_INIT("Al\xC3\xAD"
               "ce <al\xC3\xAD@cr\xC3\xAApes.fr>"),
      STR_INIT("Al\xC3\xAD"
               "ce|-|al\xC3\xAD|cr\xC3\xAApes.fr\n") },
    { STR_INIT("alice@crepes.fr <alice@crepes.fr>"),
      STR_INIT("alice@crepes.fr|-|alice|crepes.fr\n") },
    { STR_INIT("root"), STR_INIT("-|-|root|\n") },
    { STR_INIT("Bob <bob>"), STR_INIT("Bob|-|bob|\n") },
    { STR_INIT("<>"), STR_INIT("-|-||\n") },
    { STR_INIT("a@b; c@d"), STR_INIT("-|-|a|b\n-|-|c|d\n") },
    { STR_INIT("\"unclosed <alice@crepes.fr>"), STR_INIT("\"unclosed|-|alice|crepes.fr\n") },
    { STR_INIT("Al (unclosed <alice@crepes.fr>"), STR_INIT("Al (unclosed|-|alice|crepes.fr\n") },
    { STR_INIT("Alice <alice@crepes.fr, bob@hamburger.edu"),
      STR_INIT("Alice|-|alice|crepes.fr\n-|-|bob|hamburger.edu\n") },
    { STR_INIT("[list] Alice <alice@crepes.fr>"), STR_INIT("[list] Alice|-|alice|crepes.fr\n") },
    { STR_INIT("alice@crepes.fr and more"), STR_INIT("-|-|alice|crepes.fr\n") },
    { STR_INIT("a@b@crepes.fr"), STR_INIT("-|-|a@b|crepes.fr\n") },
    { STR_INIT("(only a comment)"), STR_INIT("") },
    { STR_INIT(""), STR_INIT("") },
    { STR_INIT(" , ,\r\n ,"), STR_INIT("") },
    { STR_INIT("\"a\\\r\n b\" <x@y>"), STR_INIT("a b|-|x|y\n") },
};

static void show(struct buf *out, struct str s)
{
    buf_add(out, s.at == NULL ? STR("-") : s);
}

static struct str render(struct arena *mem, struct str in, struct buf *out)
{
    struct address_list list = { .at = NULL };

    CHECK_OK(address_list_parse(mem, &limits, in, &list), "%.*s", STR_ARG(in));
    for (size_t i = 0; i < list.count; i++) {
        const struct mail_address *a = &list.at[i];

        if (a->kind == ADDRESS_GROUP_END) {
            BUF_ADD(out, "}\n");
            continue;
        }
        show(out, a->name);
        if (a->kind == ADDRESS_GROUP_START) {
            BUF_ADD(out, "{\n");
            continue;
        }
        BUF_ADD(out, "|");
        show(out, a->route);
        BUF_ADD(out, "|");
        show(out, a->local);
        BUF_ADD(out, "|");
        show(out, a->domain);
        BUF_ADD(out, "\n");
    }
    return buf_str(out);
}

TEST(every_form_of_address_is_read)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *mem = arena_new(0);
        struct buf out = { .at = NULL };

        CHECK_STR(render(mem, rows[i].in, &out), rows[i].want, "%.*s", STR_ARG(rows[i].in));
        buf_deinit(&out);
        arena_free(mem);
    }
}

TEST(an_address_field_cut_anywhere_is_read_without_harm)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t cut = 0; cut <= rows[i].in.len; cut++) {
            struct arena *mem = arena_new(0);
            struct buf out = { .at = NULL };
            char *exact = malloc(cut + 1); /* its own block, so that reading past it is seen */

            memcpy(exact + 1, rows[i].in.at, cut);
            (void)render(mem, str_from(exact + 1, cut), &out);
            CHECK(out.len <= 3 * cut + 16, "row %zu cut at %zu", i, cut);
            free(exact);
            buf_deinit(&out);
            arena_free(mem);
        }
}

TEST(hostile_fields_are_linear)
{
    static const char openers[] = "\"([<\\@:;,(";
    enum { SIZE = 200000 };

    for (size_t i = 0; openers[i] != '\0'; i++) {
        struct arena *mem = arena_new(0);
        struct address_list list = { .at = NULL };
        char *text = malloc(SIZE);

        memset(text, openers[i], SIZE);
        if (i == 9)
            for (size_t k = 1; k < SIZE; k += 2)
                text[k] = '@';
        enum err e = address_list_parse(mem, &limits, str_from(text, SIZE), &list);
        CHECK(e == OK || e == ERR_LIMIT, "opener %c", openers[i]);
        CHECK(list.count <= limits.addresses_max, "opener %c", openers[i]);
        free(text);
        arena_free(mem);
    }
}

TEST(more_addresses_than_the_limit_are_an_error)
{
    struct arena *mem = arena_new(0);
    struct message_limits three = limits;
    struct address_list list = { .at = NULL };

    three.addresses_max = 3;
    CHECK_OK(address_list_parse(mem, &three, STR("a@b,c@d,e@f"), &list), "three");
    CHECK_EQ(list.count, 3, "three");
    CHECK_EQ(address_list_parse(mem, &three, STR("a@b,c@d,e@f,g@h"), &list), ERR_LIMIT, "four");
    arena_free(mem);
}

TEST(addresses_are_written_with_the_least_quoting)
{
    static const struct {
        struct mail_address a;
        struct str want;
    } out_rows[] = {
        { { ADDRESS_MAILBOX,
            STR_INIT("Bob Burger"),
            { NULL, 0 },
            STR_INIT("bob"),
            STR_INIT("hamburger.edu") },
          STR_INIT("Bob Burger <bob@hamburger.edu>") },
        { { ADDRESS_MAILBOX,
            STR_INIT("Burger, B."),
            { NULL, 0 },
            STR_INIT("bob b"),
            STR_INIT("hamburger.edu") },
          STR_INIT("\"Burger, B.\" <\"bob b\"@hamburger.edu>") },
        { { ADDRESS_MAILBOX, { NULL, 0 }, { NULL, 0 }, STR_INIT("a\"b"), STR_INIT("crepes.fr") },
          STR_INIT("\"a\\\"b\"@crepes.fr") },
        { { ADDRESS_MAILBOX,
            STR_INIT("x\r\nBcc: y"),
            { NULL, 0 },
            STR_INIT("a..b"),
            STR_INIT("crepes.fr\r\nX: y") },
          STR_INIT("\"xBcc: y\" <\"a..b\"@crepes.frX:y>") },
        { { ADDRESS_GROUP_START, STR_INIT("Cooks"), { NULL, 0 }, { NULL, 0 }, { NULL, 0 } },
          STR_INIT("Cooks:") },
        { { .kind = ADDRESS_GROUP_END }, STR_INIT(";") },
    };

    for (size_t i = 0; i < ARRAY_LEN(out_rows); i++) {
        struct buf out = { .at = NULL };

        mail_address_format(&out, &out_rows[i].a);
        CHECK_STR(buf_str(&out), out_rows[i].want, "row %zu", i);
        buf_deinit(&out);
    }
}
