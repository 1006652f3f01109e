/* message/text/field_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/field.h"
#include "message/text/header.h"
#include "message/text/word.h"
#include "testing.h"

static void check_lines(struct str text, size_t limit)
{
    size_t line = 0;

    for (size_t i = 0; i < text.len; i++) {
        line = text.at[i] == '\n' ? 0 : line + (text.at[i] != '\r');
        CHECK(line <= limit, "%.*s", STR_ARG(text));
        if (text.at[i] == '\n')
            CHECK(i > 0 && text.at[i - 1] == '\r', "bare LF in %.*s", STR_ARG(text));
    }
}

TEST(text_is_folded_and_reads_the_same)
{
    static const struct {
        struct str text;
        bool utf8;
    } rows[] = {
        { STR_INIT("short"), false },
        { STR_INIT("a long line of plain words that goes on and on until it has to be folded, and "
                   "then still goes on for another line so that there are two folds in it"),
          false },
        { STR_INIT("Cr\xC3\xAApes and more plain words, then \xC3\xA9t\xC3\xA9 \xC3\xA0 la plage "
                   "and once more plain words to the end of it all"),
          false },
        { STR_INIT("Cr\xC3\xAApes and more plain words, then \xC3\xA9t\xC3\xA9 \xC3\xA0 la plage "
                   "and once more plain words to the end of it all"),
          true },
        { STR_INIT("not a =?word?= but looks like one"), false },
        { STR_INIT(""), false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *mem = arena_new(0);
        struct buf out = { .at = NULL };
        struct header_field f;

        field_add_text(&out, STR("Subject"), rows[i].text, rows[i].utf8);
        check_lines(buf_str(&out), FIELD_LINE_BYTES);
        CHECK(header_find(buf_str(&out), STR("Subject"), &f), "row %zu", i);
        CHECK_EQ(f.whole.len, out.len, "one field, row %zu", i);
        CHECK_STR(word_decode(mem, f.value), rows[i].text, "row %zu", i);
        buf_deinit(&out);
        arena_free(mem);
    }
}

TEST(no_text_can_end_the_field)
{
    struct buf out = { .at = NULL };

    field_add_text(&out, STR("Subject"), STR("x\r\nBcc: dave@crepes.fr\r\n\r\nbody"), true);
    field_add_raw(&out, STR("X-Raw"), STR("x\r\nBcc: y"));
    CHECK_EQ(header_count(buf_str(&out), STR("Bcc")), 0, "%.*s", STR_ARG(buf_str(&out)));
    CHECK_EQ(header_length(buf_str(&out)), out.len, "%.*s", STR_ARG(buf_str(&out)));
    buf_deinit(&out);
}

TEST(addresses_are_folded_between_and_encoded_within)
{
    struct arena *mem = arena_new(0);
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct address_list list, again;
    struct header_field f;
    struct buf out = { .at = NULL };

    CHECK_OK(address_list_parse(mem, &limits,
                                STR("Al\xC3\xAD"
                                    "ce <alice@crepes.fr>, \"Burger, Bob\" "
                                    "<bob@hamburger.edu>, Cooks: carol@crepes.fr, "
                                    "dave@hamburger.edu;, carol@hamburger.edu"),
                                &list),
             "parse");
    field_add_addresses(&out, STR("To"), &list, false);
    check_lines(buf_str(&out), FIELD_LINE_BYTES);
    CHECK_STR(buf_str(&out),
              STR("To: =?utf-8?B?QWzDrWNl?= <alice@crepes.fr>, \"Burger, Bob\" "
                  "<bob@hamburger.edu>,\r\n Cooks: carol@crepes.fr, dave@hamburger.edu;, "
                  "carol@hamburger.edu\r\n"),
              "field");
    CHECK(header_find(buf_str(&out), STR("To"), &f), "find");
    CHECK_OK(address_list_parse(mem, &limits, f.value, &again), "again");
    CHECK_EQ(again.count, list.count, "same addresses");
    buf_deinit(&out);
    arena_free(mem);
}

TEST(ids_and_dates)
{
    static const struct str ids[] = { STR_INIT("a@crepes.fr"), STR_INIT("b>\r\n@x") };
    struct buf out = { .at = NULL };

    field_add_ids(&out, STR("References"), ids, 2);
    field_add_ids(&out, STR("In-Reply-To"), ids, 0);
    field_add_date(&out, STR("Date"), 0, 60);
    CHECK_STR(buf_str(&out),
              STR("References: <a@crepes.fr> <b@x>\r\nDate: Thu, 1 Jan 1970 01:00:00 +0100\r\n"),
              "fields");
    buf_deinit(&out);
}
