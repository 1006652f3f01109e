/* message/text/msgid_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/msgid.h"
#include "testing.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

static const struct {
    struct str in, want; /* identifiers with ";" behind each */
} rows[] = {
    { STR_INIT("<a@crepes.fr>"), STR_INIT("a@crepes.fr;") },
    { STR_INIT("<a@crepes.fr>\r\n <b@hamburger.edu>"), STR_INIT("a@crepes.fr;b@hamburger.edu;") },
    { STR_INIT("<a@x><b@y>"), STR_INIT("a@x;b@y;") },
    { STR_INIT("<\"01KF8JCEOCBS0045PS\"@xxx.test>"), STR_INIT("01KF8JCEOCBS0045PS@xxx.test;") },
    { STR_INIT("<\"a>\\\"b\"@x>"), STR_INIT("a>\"b@x;") },
    { STR_INIT("Your message of \"Monday\" <a@x> (b)"), STR_INIT("a@x;") },
    { STR_INIT("<a\r\n @x>"), STR_INIT("a@x;") },
    { STR_INIT("<a@x> <open <b@y>"), STR_INIT("a@x;b@y;") },
    { STR_INIT("<a@x> <a@x>"), STR_INIT("a@x;") },
    { STR_INIT("<> < > <a>"), STR_INIT("a;") },
    { STR_INIT("<a\"b@x>"), STR_INIT("ab@x;") },
    { STR_INIT("no ids"), STR_INIT("") },
    { STR_INIT(""), STR_INIT("") },
};

TEST(identifiers_are_found_and_made_comparable)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t cut = 0; cut <= rows[i].in.len; cut++) {
            struct arena *mem = arena_new(0);
            char *exact = malloc(cut + 1);
            struct buf out = { .at = NULL };

            memcpy(exact + 1, rows[i].in.at, cut);
            struct msgid_list list = msgid_list_parse(mem, &limits, str_from(exact + 1, cut));
            for (size_t k = 0; k < list.count; k++) {
                buf_add(&out, list.at[k]);
                buf_add_char(&out, ';');
            }
            CHECK(out.len <= cut, "row %zu cut %zu", i, cut);
            if (cut == rows[i].in.len)
                CHECK_STR(buf_str(&out), rows[i].want, "row %zu", i);
            buf_deinit(&out);
            free(exact);
            arena_free(mem);
        }
}

TEST(past_the_limit_the_root_and_the_nearest_stay)
{
    struct arena *mem = arena_new(0);
    struct message_limits three = limits;

    three.references_max = 3;
    struct msgid_list list = msgid_list_parse(mem, &three, STR("<1><2><3><4><5>"));
    CHECK_EQ(list.count, 3, "count");
    CHECK_STR(list.at[0], STR("1"), "root");
    CHECK_STR(list.at[1], STR("4"), "grandparent");
    CHECK_STR(list.at[2], STR("5"), "parent");
    arena_free(mem);
}

TEST(a_new_identifier_is_unique_and_readable)
{
    static const uint8_t random[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255 };
    struct arena *mem = arena_new(0);
    struct buf out = { .at = NULL };
    struct str id;

    BUF_ADD(&out, "<");
    msgid_make(&out, 837596665, random, STR("crepes.fr"));
    BUF_ADD(&out, ">");
    CHECK_EQ(out.len, 1 + 8 + 1 + 26 + 1 + 9 + 1, "length");
    CHECK(msgid_parse(mem, buf_str(&out), &id), "readable");
    CHECK_STR(id, str_sub(buf_str(&out), 1, out.len - 2), "same");
    CHECK(msgid_parse(mem, STR(" a@x "), &id), "no brackets");
    CHECK_STR(id, STR("a@x"), "no brackets");
    CHECK(!msgid_parse(mem, STR("nothing"), &id), "no at");
    CHECK(!msgid_parse(mem, STR("<a@x"), &id), "open");
    buf_deinit(&out);
    arena_free(mem);
}
