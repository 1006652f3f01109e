/* message/compose/reply_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/compose/reply.h"
#include "testing.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

static struct address_list parse(struct arena *mem, struct str text)
{
    struct address_list list;

    CHECK_OK(address_list_parse(mem, &limits, text, &list), "%.*s", STR_ARG(text));
    return list;
}

static void check_list(const struct address_list *list, struct str want, size_t row)
{
    struct buf out = { .at = NULL };

    for (size_t i = 0; i < list->count; i++) {
        buf_add(&out, list->at[i].local);
        buf_add_char(&out, ' ');
    }
    CHECK_STR(buf_str(&out), want, "row %zu", row);
    buf_deinit(&out);
}

TEST(an_answer_goes_where_it_should)
{
    static const struct {
        struct str from, reply_to, to, cc;
        bool all;
        struct str want_to, want_cc;
    } rows[] = {
        { STR_INIT("alice@crepes.fr"), STR_INIT(""), STR_INIT("bob@hamburger.edu"), STR_INIT(""),
          false, STR_INIT("alice "), STR_INIT("") },
        { STR_INIT("alice@crepes.fr"), STR_INIT("carol@crepes.fr"), STR_INIT("bob@hamburger.edu"),
          STR_INIT(""), false, STR_INIT("carol "), STR_INIT("") },
        { STR_INIT("alice@crepes.fr"), STR_INIT(""),
          STR_INIT("BOB@hamburger.edu, dave@crepes.fr, alice@crepes.fr"),
          STR_INIT("Cooks: carol@crepes.fr, dave@crepes.fr;"), true, STR_INIT("alice "),
          STR_INIT("dave carol ") },
        { STR_INIT("bob@hamburger.edu"), STR_INIT(""), STR_INIT("alice@crepes.fr"), STR_INIT(""),
          false, STR_INIT("alice "), STR_INIT("") },
        { STR_INIT("bob@hamburger.edu"), STR_INIT(""), STR_INIT("bob@hamburger.edu"), STR_INIT(""),
          true, STR_INIT("bob "), STR_INIT("") },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *mem = arena_new(0);
        struct address_list self = parse(mem, STR("Bob <bob@hamburger.edu>"));
        struct reply_original o = { .from = parse(mem, rows[i].from),
                                    .reply_to = parse(mem, rows[i].reply_to),
                                    .to = parse(mem, rows[i].to),
                                    .cc = parse(mem, rows[i].cc) };
        struct compose c = reply_compose(mem, &limits, &o, &self, rows[i].all);

        check_list(&c.to, rows[i].want_to, i);
        check_list(&c.cc, rows[i].want_cc, i);
        arena_free(mem);
    }
}

TEST(subject_thread_and_quotation)
{
    struct arena *mem = arena_new(0);
    static const struct str refs[] = { STR_INIT("r1@x"), STR_INIT("r2@x"), STR_INIT("r3@x") };
    struct message_limits three = limits;
    struct address_list self = { NULL, 0 };
    struct reply_original o = { .from = parse(mem, STR("Alice <alice@crepes.fr>")),
                                .subject = STR("RE: re:  Lunch"),
                                .message_id = STR("m@crepes.fr"),
                                .references = refs,
                                .reference_count = 3,
                                .date_s = 837596665,
                                .text = STR("one\n\n> two\r\nthree") };

    three.references_max = 3;
    struct compose c = reply_compose(mem, &three, &o, &self, false);
    CHECK_STR(c.subject, STR("Re: Lunch"), "subject");
    CHECK_STR(c.in_reply_to, STR("m@crepes.fr"), "in-reply-to");
    CHECK_EQ(c.reference_count, 3, "references");
    CHECK_STR(c.references[0], STR("r1@x"), "root");
    CHECK_STR(c.references[1], STR("r3@x"), "nearest");
    CHECK_STR(c.references[2], STR("m@crepes.fr"), "parent");
    CHECK_STR(c.text,
              STR("On Wed, 17 Jul 1996 09:44:25 +0000, Alice wrote:\r\n> one\r\n>\r\n>> two\r\n"
                  "> three\r\n"),
              "quotation");
    arena_free(mem);
}

TEST(forwarding_inline_and_attached)
{
    struct arena *mem = arena_new(0);
    struct reply_original o = { .from = parse(mem, STR("Alice <alice@crepes.fr>")),
                                .to = parse(mem, STR("bob@hamburger.edu, carol@crepes.fr")),
                                .subject = STR("Fw: Lunch"),
                                .message_id = STR("m@crepes.fr"),
                                .date_s = 837596665,
                                .text = STR("noon\r\n"),
                                .raw = STR("Subject: Lunch\r\n\r\nnoon\r\n") };
    struct compose c = forward_compose(mem, &o, FORWARD_INLINE);

    CHECK_STR(c.subject, STR("Fwd: Lunch"), "subject");
    CHECK_STR(c.text,
              STR("\r\n-------- Forwarded message --------\r\nFrom: Alice <alice@crepes.fr>\r\n"
                  "Date: Wed, 17 Jul 1996 09:44:25 +0000\r\nSubject: Fw: Lunch\r\n"
                  "To: bob@hamburger.edu, carol@crepes.fr\r\n\r\nnoon\r\n"),
              "text");
    CHECK_EQ(c.attachment_count, 0, "inline");
    c = forward_compose(mem, &o, FORWARD_ATTACHED);
    CHECK_EQ(c.attachment_count, 1, "attached");
    CHECK_STR(c.attachments[0].body, o.raw, "attached");
    CHECK_STR(c.attachments[0].type, STR("message/rfc822"), "attached");
    arena_free(mem);
}
