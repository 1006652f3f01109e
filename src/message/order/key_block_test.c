/* message/order/key_block_test.c - the keys of a message, and their row cut and damaged anywhere.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/order/key_block.h"

#include "testing.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

static struct key_entry describe(struct arena *mem, struct str message, uint32_t uid)
{
    struct key_entry e = { .uid = uid,
                           .email = uid + 7,
                           .thread = 3,
                           .size = message.len,
                           .arrived_s = 100,
                           .saved_s = 200 };
    struct buf octets = { 0 };
    struct record r;

    record_build(message, &limits, &octets);
    CHECK_OK(record_open(arena_copy(mem, buf_str(&octets)), &r), "a record");
    buf_deinit(&octets);
    key_entry_describe(mem, &r, &e);
    return e;
}

#define MESSAGE                                                                                    \
    "From: =?utf-8?q?Al=C3=AFce?= Crepe <alice@crepes.fr>\r\n"                                     \
    "To: cooks: Bob <bob@hamburger.edu>, carol@crepes.fr;\r\n"                                     \
    "Cc: dave@hamburger.edu\r\nMessage-Id: <1@crepes.fr>\r\n"                                      \
    "References: <a@crepes.fr> <b@crepes.fr>\r\n"                                                  \
    "Subject: Re: [ham] Do you like\r\n =?iso-8859-1?q?Cr=EApes?=\r\n"                             \
    "Date: Wed, 17 Jul 1996 23:30:00 -0700\r\n\r\nx\r\n"

TEST(texts_are_decoded_and_folded)
{
    static const struct str want[KEY_TEXT_COUNT] = {
        [KEY_SUBJECT] = STR_INIT("re: [ham] do you like cr\xC3\xAApes"),
        [KEY_FROM] = STR_INIT("al\xC3\xAF"
                              "ce crepe <alice@crepes.fr>"),
        [KEY_TO] = STR_INIT("\nbob <bob@hamburger.edu>\n <carol@crepes.fr>\n"),
        [KEY_CC] = STR_INIT(" <dave@hamburger.edu>"),
        [KEY_BCC] = STR_INIT(""),
        [KEY_BASE_SUBJECT] = STR_INIT("DO YOU LIKE CRE\xCC\x82PES"),
        [KEY_SORT_FROM] = STR_INIT("ALICE"),
        [KEY_SORT_TO] = STR_INIT("COOKS"),
        [KEY_SORT_CC] = STR_INIT("DAVE"),
        [KEY_SHOWN_FROM] = STR_INIT("ALI\xCC\x88"
                                    "CE CREPE"),
        [KEY_SHOWN_TO] = STR_INIT("COOKS"),
    };
    struct arena *mem = arena_new(0);
    struct key_entry e = describe(mem, STR(MESSAGE), 5);

    for (size_t t = 0; t < KEY_TEXT_COUNT; t++)
        if (t != KEY_TO)
            CHECK_STR(e.texts[t], want[t], "text %zu", t);
    CHECK(str_find(e.texts[KEY_TO], STR("bob <bob@hamburger.edu>\n <carol@crepes.fr>")) !=
              STR_NOT_FOUND,
          "addresses are parted");
    CHECK_EQ(e.facts, KEY_IS_REPLY, "a reply");
    CHECK_EQ(e.sent_s, 837671400, "Date");
    CHECK_EQ(e.sent_zone_min, -420, "its zone");
    CHECK_EQ(e.reference_count, 2, "references");
    CHECK_EQ(e.references[1], record_hash_message_id(STR("b@crepes.fr")), "the last one");
    CHECK_EQ(e.message_id_hash, record_hash_message_id(STR("1@crepes.fr")), "its id");
    arena_free(mem);
}

TEST(what_a_header_lacks_is_empty_and_long_texts_are_left_out)
{
    struct arena *mem = arena_new(0);
    struct buf message = { 0 };
    struct key_entry e = describe(mem, STR("X-Nothing: here\r\n\r\n"), 5);

    for (size_t t = 0; t < KEY_TEXT_COUNT; t++)
        CHECK_STR(e.texts[t], STR(""), "text %zu", t);
    CHECK_EQ(e.sent_s, 100, "the internal date");
    CHECK_EQ(e.message_id_hash + e.reference_count + e.facts, 0, "no id");

    BUF_ADD(&message, "To: ");
    for (int i = 0; i < 100; i++)
        buf_printf(&message, "%scook%d@crepes.fr", i > 0 ? ",\r\n " : "", i);
    BUF_ADD(&message, "\r\n\r\n");
    e = describe(mem, buf_str(&message), 5);
    CHECK_EQ(e.facts, 1u << KEY_TO, "marked");
    CHECK_STR(e.texts[KEY_TO], STR(""), "left out");
    CHECK_STR(e.texts[KEY_SORT_TO], STR("COOK0"), "the sort key is there");
    buf_deinit(&message);
    arena_free(mem);
}

static struct key_block *two(struct arena *mem, struct key_entry *entries)
{
    entries[0] = describe(mem, STR(MESSAGE), 1025);
    entries[1] = describe(mem, STR("Subject: ham\r\n\r\n"), 2047);
    return key_block_new(entries, 2);
}

TEST(a_block_gives_back_what_it_was_made_of)
{
    struct arena *mem = arena_new(0);
    struct key_entry entries[2], got;
    struct key_block *b = two(mem, entries), *again = NULL;

    CHECK_OK(key_block_open(str_from(b->octets, b->octet_count), &again), "its row");
    for (uint32_t i = 0; i < 2; i++) {
        got = key_block_entry(again, i);
        CHECK(key_entry_equal(&got, &entries[i]), "entry %u", i);
    }
    got.texts[KEY_SHOWN_TO] = STR("X");
    CHECK(!key_entry_equal(&got, &entries[1]), "a difference is seen");
    CHECK_EQ(key_block_at_or_after(b, 1), 0, "before");
    CHECK_EQ(key_block_at_or_after(b, 1026), 1, "between");
    CHECK_EQ(key_block_at_or_after(b, 2048), 2, "behind");
    CHECK(b->text[KEY_BCC].at == NULL, "an empty column costs nothing");
    key_block_free(again);
    key_block_free(b);
    arena_free(mem);
}

TEST(a_row_is_opened_whole_or_not_at_all)
{
    struct arena *mem = arena_new(0);
    struct key_entry entries[2];
    struct key_block *b = two(mem, entries), *got;
    struct str row = str_from(b->octets, b->octet_count);

    for (size_t len = 0; len < row.len; len++)
        CHECK_EQ(key_block_open(str_take(row, len), &got), ERR_CORRUPT, "cut at %zu", len);
    for (size_t i = 0; i < row.len; i++) {
        struct str damaged = arena_copy(mem, row);

        ((char *)(uintptr_t)damaged.at)[i] ^= 0x55;
        if (key_block_open(damaged, &got) == OK) /* numbers and texts mean what they say */
            key_block_free(got);
    }
    ((char *)(uintptr_t)row.at)[0] = 9;
    CHECK_EQ(key_block_open(row, &got), ERR_UNSUPPORTED, "a later version");
    key_block_free(b);
    arena_free(mem);
}
