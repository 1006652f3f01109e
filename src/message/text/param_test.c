/* message/text/param_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/param.h"
#include "testing.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

/* `want` is type/subtype and the raw parameters, "|name=value" each. */
static const struct {
    struct str in;
    enum err e;
    struct str want;
} rows[] = {
    { STR_INIT("text/plain"), OK, STR_INIT("text/plain") },
    { STR_INIT("Text/HTML; charset=\"utf-8\""), OK, STR_INIT("Text/HTML|charset=utf-8") },
    { STR_INIT(" text / plain (really) ;\r\n\tcharset=us-ascii (Plain text)"), OK,
      STR_INIT("text/plain|charset=us-ascii") },
    { STR_INIT("multipart/mixed; boundary=\"a \\\"b\\\\c\""), OK,
      STR_INIT("multipart/mixed|boundary=a \"b\\c") },
    { STR_INIT("multipart/mixed; boundary==_x/y=;;; ; charset = utf-8;"), OK,
      STR_INIT("multipart/mixed|boundary==_x/y=|charset=utf-8") },
    { STR_INIT("text/plain; charset=utf-8 format=flowed"), OK,
      STR_INIT("text/plain|charset=utf-8|format=flowed") },
    { STR_INIT("image/png; name=my nice (1).png; x=y"), OK,
      STR_INIT("image/png|name=my nice (1).png|x=y") },
    { STR_INIT("image/png; name=a(1).png"), OK, STR_INIT("image/png|name=a(1).png") },
    { STR_INIT("a/b; name=\"C:\\dir\\file\""), OK, STR_INIT("a/b|name=C:\\dir\\file") },
    { STR_INIT("a/b; name=\"x\r\n y\""), OK, STR_INIT("a/b|name=x y") },
    { STR_INIT("a/b; name=\"open"), OK, STR_INIT("a/b|name=open") },
    { STR_INIT("a/b; =x; y; z=1"), OK, STR_INIT("a/b|z=1") },
    { STR_INIT("a/b charset=x"), OK, STR_INIT("a/b|charset=x") },
    { STR_INIT("a/b; c="), OK, STR_INIT("a/b|c=") },
    { STR_INIT("a/b; c=\"\""), OK, STR_INIT("a/b|c=") },
    { STR_INIT("text"), ERR_SYNTAX, STR_INIT("") },
    { STR_INIT("text/"), ERR_SYNTAX, STR_INIT("") },
    { STR_INIT("/plain"), ERR_SYNTAX, STR_INIT("") },
    { STR_INIT(""), ERR_SYNTAX, STR_INIT("") },
    { STR_INIT("(unclosed text/plain"), ERR_SYNTAX, STR_INIT("") },
};

TEST(content_types_are_read_as_they_were_meant)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *mem = arena_new(0);
        struct content_type ct = { .type = STR_EMPTY };
        struct buf out = { .at = NULL };

        CHECK_EQ(content_type_parse(mem, &limits, rows[i].in, &ct), rows[i].e, "%.*s",
                 STR_ARG(rows[i].in));
        if (rows[i].e == OK) {
            buf_printf(&out, "%.*s/%.*s", STR_ARG(ct.type), STR_ARG(ct.subtype));
            for (size_t k = 0; k < ct.params.count; k++)
                buf_printf(&out, "|%.*s=%.*s", STR_ARG(ct.params.at[k].name),
                           STR_ARG(ct.params.at[k].value));
        }
        CHECK_STR(buf_str(&out), rows[i].want, "%.*s", STR_ARG(rows[i].in));
        buf_deinit(&out);
        arena_free(mem);
    }
}

TEST(a_content_type_cut_anywhere_is_read_without_harm)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t cut = 0; cut <= rows[i].in.len; cut++) {
            struct arena *mem = arena_new(0);
            struct content_type ct = { .params = { .at = NULL } };
            char *exact = malloc(cut + 1);

            memcpy(exact + 1, rows[i].in.at, cut);
            enum err e = content_type_parse(mem, &limits, str_from(exact + 1, cut), &ct);
            CHECK(e == OK || e == ERR_SYNTAX, "row %zu cut %zu", i, cut);
            CHECK(ct.params.count <= cut, "row %zu cut %zu", i, cut);
            free(exact);
            arena_free(mem);
        }
}

TEST(parameters_beyond_ascii_become_text)
{
    static const struct {
        struct str in, want;
        bool found;
    } texts[] = {
        { STR_INIT("; name=plain.txt"), STR_INIT("plain.txt"), true },
        { STR_INIT("; name*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"),
          STR_INIT("This is ***fun***"), true },
        { STR_INIT("; name*0=\"ftp://\"; name*1=\"cs.test/\""), STR_INIT("ftp://cs.test/"), true },
        { STR_INIT("; name*1*=%2a%2a; name*0*=us-ascii'en'This%20is%20; name*2=\"isn't it!\""),
          STR_INIT("This is **isn't it!"), true },
        { STR_INIT("; name*0*=utf-8''cr%C3; name*1*=%AApe; name=fallback"),
          STR_INIT("cr\xC3\xAApe"), true },
        { STR_INIT("; name*=iso-8859-1''cr%EApe"), STR_INIT("cr\xC3\xAApe"), true },
        { STR_INIT("; name*=x-none''cr%C3%AApe"), STR_INIT("cr\xC3\xAApe"), true },
        { STR_INIT("; name*=nocharset%zz%4"), STR_INIT("nocharset%zz%4"), true },
        { STR_INIT("; name=\"=?utf-8?Q?cr=C3=AApe?=\""), STR_INIT("cr\xC3\xAApe"), true },
        { STR_INIT("; name=cr\xC3\xAApe"), STR_INIT("cr\xC3\xAApe"), true },
        { STR_INIT("; name*1=b"), STR_INIT(""), false },
        { STR_INIT("; names=b"), STR_INIT(""), false },
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena *mem = arena_new(0);
        struct param_list list;
        struct str got = STR_EMPTY;

        CHECK_OK(param_list_parse(mem, &limits, texts[i].in, &list), "row %zu", i);
        CHECK_EQ(param_text(mem, &list, STR("Name"), &got), texts[i].found, "row %zu", i);
        CHECK_STR(got, texts[i].want, "row %zu", i);
        arena_free(mem);
    }
}

TEST(parameters_written_read_the_same)
{
    static const struct str texts[] = {
        STR_INIT("report.pdf"),
        STR_INIT("my \"nice\" \\ report.pdf"),
        STR_INIT(""),
        STR_INIT("cr\xC3\xAApe.txt"),
        STR_INIT("a name that is so long that it has to be cut into several segments, because no "
                 "line of a header may pass seventy-eight octets; cr\xC3\xAApe.txt"),
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena *mem = arena_new(0);
        struct param_list list;
        struct buf out = { .at = NULL };
        struct str got = STR_EMPTY;
        size_t line = 0;

        param_format(&out, STR("filename"), texts[i]);
        for (size_t k = 0; k < out.len; k++) {
            line = out.at[k] == '\n' ? 0 : line + 1;
            CHECK(line <= 78, "row %zu", i);
        }
        CHECK_OK(param_list_parse(mem, &limits, buf_str(&out), &list), "row %zu", i);
        CHECK(param_text(mem, &list, STR("filename"), &got), "row %zu", i);
        CHECK_STR(got, texts[i], "row %zu", i);
        buf_deinit(&out);
        arena_free(mem);
    }
}

TEST(dispositions_tokens_and_the_limit)
{
    struct arena *mem = arena_new(0);
    struct message_limits two = limits;
    struct content_disposition cd;
    struct param_list list;
    struct str value;

    two.params_max = 2;
    CHECK_OK(content_disposition_parse(mem, &limits, STR("Attachment; filename=x.txt"), &cd), "ok");
    CHECK_STR(cd.type, STR("Attachment"), "type");
    CHECK(param_find(&cd.params, STR("FILENAME"), &value), "find");
    CHECK_STR(value, STR("x.txt"), "value");
    CHECK_EQ(content_disposition_parse(mem, &limits, STR(";x=y"), &cd), ERR_SYNTAX, "no type");
    CHECK_OK(param_list_parse(mem, &two, STR(";a=1;b=2"), &list), "two");
    CHECK_EQ(param_list_parse(mem, &two, STR(";a=1;b=2;c=3"), &list), ERR_LIMIT, "three");
    CHECK_STR(param_token(STR(" (c) base64 ; x")), STR("base64"), "token");
    arena_free(mem);
}

TEST(many_open_comments_take_linear_time)
{
    enum { SIZE = 100000 };
    struct arena *mem = arena_new(0);
    char *text = malloc(SIZE);
    struct param_list list;

    for (size_t i = 0; i < SIZE; i++)
        text[i] = i % 2 == 0 ? '(' : ';';
    CHECK_OK(param_list_parse(mem, &limits, str_from(text, SIZE), &list), "comments");
    CHECK_EQ(list.count, 0, "comments");
    free(text);
    arena_free(mem);
}
