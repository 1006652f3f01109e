/* message/set/search_test.c - keys, trees and their octets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/search.h"

#include "testing.h"

#define MESSAGE                                                                                    \
    "From: =?utf-8?q?Al=C3=AFce?= Crepe <alice@crepes.fr>\r\n"                                     \
    "To: cooks: Bob <bob@hamburger.edu>, carol@crepes.fr;\r\n"                                     \
    "Cc: dave@hamburger.edu\r\nBcc: bob@crepes.fr\r\n"                                             \
    "Subject: Do you like\r\n =?iso-8859-1?q?Cr=EApes?=?\r\n"                                      \
    "Date: Wed, 17 Jul 1996 23:30:00 -0700\r\nX-Empty:\r\nX-Sauce: Ketchup\r\n"                    \
    "Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"                                \
    "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"                                      \
    "Content-Transfer-Encoding: quoted-printable\r\n\r\nHow ab=\r\nout cr=EApes?\r\n"              \
    "--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"                  \
    "UGlja2xlcyBhbmQgPGI+aGFtPC9iPg==\r\n"                                                         \
    "--b\r\nContent-Type: application/octet-stream; name=onion.bin\r\n\r\nmustard\r\n"             \
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: lettuce\r\n\r\ntomato\r\n--b--\r\n"

enum { ARRIVED_S = 837672600, DAY_17_JUL_1996 = 9694, UID = 7, MODSEQ = 40 };

struct fixture {
    struct arena *mem;
    struct buf octets;
    struct search_meta meta;
    struct search_facts facts;
};

static void set_up(struct fixture *f)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

    *f = (struct fixture){ .mem = arena_new(0) };
    record_build(STR(MESSAGE), &limits, &f->octets);
    f->meta = (struct search_meta){ .size_bytes = 1000,
                                    .internal_date_s = ARRIVED_S,
                                    .internal_zone_min = -420,
                                    .save_date_s = ARRIVED_S + 86400,
                                    .email_id = STR("E1"),
                                    .thread_id = STR("T1") };
    CHECK_OK(record_open(buf_str(&f->octets), &f->meta.record), "record");
    f->facts = (struct search_facts){ .uid = UID,
                                      .flags = FLAG_SEEN | FLAG_RECENT | FLAG_JUNK,
                                      .modseq = MODSEQ,
                                      .now_s = ARRIVED_S + 100,
                                      .meta = &f->meta,
                                      .message = STR(MESSAGE) };
}

static void tear_down(struct fixture *f)
{
    buf_deinit(&f->octets);
    arena_free(f->mem);
}

static const struct row {
    enum search_key key;
    uint64_t number; /* or the day */
    struct str text, field;
    enum search_verdict want;
} rows[] = {
    { SEARCH_ALL, .want = SEARCH_YES },
    { SEARCH_FLAG, FLAG_SEEN, .want = SEARCH_YES },
    { SEARCH_FLAG, FLAG_SEEN | FLAG_DRAFT, .want = SEARCH_NO },
    { SEARCH_FLAG, FLAG_RECENT, .want = SEARCH_YES },
    { SEARCH_KEYWORD, .text = STR_INIT("$JUNK"), .want = SEARCH_YES },
    { SEARCH_KEYWORD, .text = STR_INIT("work"), .want = SEARCH_NO },
    { SEARCH_KEYWORD, .text = STR_INIT("unheard"), .want = SEARCH_NO },
    { SEARCH_MODSEQ, MODSEQ, .want = SEARCH_YES },
    { SEARCH_MODSEQ, MODSEQ + 1, .want = SEARCH_NO },
    { SEARCH_LARGER, 999, .want = SEARCH_YES },
    { SEARCH_LARGER, 1000, .want = SEARCH_NO },
    { SEARCH_SMALLER, 1001, .want = SEARCH_YES },
    { SEARCH_SMALLER, 1000, .want = SEARCH_NO },
    { SEARCH_BEFORE, DAY_17_JUL_1996 + 1, .want = SEARCH_YES },
    { SEARCH_BEFORE, DAY_17_JUL_1996, .want = SEARCH_NO },
    { SEARCH_ON, DAY_17_JUL_1996, .want = SEARCH_YES },
    { SEARCH_ON, DAY_17_JUL_1996 + 1, .want = SEARCH_NO },
    { SEARCH_SINCE, DAY_17_JUL_1996, .want = SEARCH_YES },
    { SEARCH_SINCE, DAY_17_JUL_1996 + 1, .want = SEARCH_NO },
    { SEARCH_SENT_BEFORE, DAY_17_JUL_1996, .want = SEARCH_NO },
    { SEARCH_SENT_ON, DAY_17_JUL_1996, .want = SEARCH_YES },
    { SEARCH_SENT_SINCE, DAY_17_JUL_1996 + 1, .want = SEARCH_NO },
    { SEARCH_SAVED_BEFORE, DAY_17_JUL_1996 + 2, .want = SEARCH_NO },
    { SEARCH_SAVED_ON, DAY_17_JUL_1996 + 2, .want = SEARCH_YES },
    { SEARCH_SAVED_SINCE, DAY_17_JUL_1996 + 3, .want = SEARCH_NO },
    { SEARCH_OLDER, 100, .want = SEARCH_YES },
    { SEARCH_OLDER, 101, .want = SEARCH_NO },
    { SEARCH_YOUNGER, 100, .want = SEARCH_YES },
    { SEARCH_YOUNGER, 99, .want = SEARCH_NO },
    { SEARCH_EMAIL_ID, .text = STR_INIT("E1"), .want = SEARCH_YES },
    { SEARCH_EMAIL_ID, .text = STR_INIT("e1"), .want = SEARCH_NO },
    { SEARCH_THREAD_ID, .text = STR_INIT("T1"), .want = SEARCH_YES },
    { SEARCH_FROM, .text = STR_INIT("AL\303\217CE cr"), .want = SEARCH_YES },
    { SEARCH_FROM, .text = STR_INIT("<alice@CREPES.fr>"), .want = SEARCH_YES },
    { SEARCH_FROM, .text = STR_INIT("bob"), .want = SEARCH_NO },
    { SEARCH_TO, .text = STR_INIT("COOKS"), .want = SEARCH_YES },
    { SEARCH_TO, .text = STR_INIT("carol@crepes"), .want = SEARCH_YES },
    { SEARCH_TO, .text = STR_INIT(""), .want = SEARCH_YES },
    { SEARCH_CC, .text = STR_INIT("dave"), .want = SEARCH_YES },
    { SEARCH_BCC, .text = STR_INIT("bob@crepes"), .want = SEARCH_YES },
    { SEARCH_SUBJECT, .text = STR_INIT("like cr\303\212pes?"), .want = SEARCH_YES },
    { SEARCH_SUBJECT, .text = STR_INIT("ham"), .want = SEARCH_NO },
    { SEARCH_HEADER, .field = STR_INIT("x-sauce"), .text = STR_INIT("kETCH"), .want = SEARCH_YES },
    { SEARCH_HEADER, .field = STR_INIT("X-Sauce"), .text = STR_INIT("ham"), .want = SEARCH_NO },
    { SEARCH_HEADER, .field = STR_INIT("X-Empty"), .text = STR_INIT(""), .want = SEARCH_YES },
    { SEARCH_HEADER, .field = STR_INIT("X-Other"), .text = STR_INIT(""), .want = SEARCH_NO },
    { SEARCH_HEADER, .field = STR_INIT("subject"), .text = STR_INIT("\303\252"),
      .want = SEARCH_YES },
    { SEARCH_BODY, .text = STR_INIT("About CR\303\212PES"), .want = SEARCH_YES },
    { SEARCH_BODY, .text = STR_INIT("pickles"), .want = SEARCH_YES },
    { SEARCH_BODY, .text = STR_INIT("UGlja2"), .want = SEARCH_NO },
    { SEARCH_BODY, .text = STR_INIT("mustard"), .want = SEARCH_NO },
    { SEARCH_BODY, .text = STR_INIT("onion.bin"), .want = SEARCH_YES },
    { SEARCH_BODY, .text = STR_INIT("tomato"), .want = SEARCH_YES },
    { SEARCH_BODY, .text = STR_INIT("lettuce"), .want = SEARCH_YES },
    { SEARCH_BODY, .text = STR_INIT("ketchup"), .want = SEARCH_NO },
    { SEARCH_BODY, .text = STR_INIT(""), .want = SEARCH_YES },
    { SEARCH_TEXT, .text = STR_INIT("ketchup"), .want = SEARCH_YES },
    { SEARCH_TEXT, .text = STR_INIT("x-sauce: ket"), .want = SEARCH_YES },
    { SEARCH_TEXT, .text = STR_INIT("tomato"), .want = SEARCH_YES },
    { SEARCH_TEXT, .text = STR_INIT("cucumber"), .want = SEARCH_NO },
};

static void add_row(struct search_builder *b, const struct row *row)
{
    switch (search_operand_of(row->key)) {
    case SEARCH_WITH_NUMBER:
        search_add_number(b, row->key, row->number);
        break;
    case SEARCH_WITH_DAY:
        search_add_day(b, row->key, (int64_t)row->number);
        break;
    case SEARCH_WITH_FIELD:
        search_add_header(b, row->field, row->text);
        break;
    case SEARCH_WITH_NOTHING:
        search_add(b, row->key);
        break;
    default:
        search_add_text(b, row->key, row->text);
        break;
    }
}

/* Through octets and back, and bound to a mailbox that knows the keyword "work". */
static struct search travel(struct arena *mem, struct search_builder *b)
{
    struct search s, got;
    struct buf out = { 0 };
    struct keyword_list keywords = { 0 };
    uint64_t bit;

    CHECK_OK(search_finish(b, &s), "finish");
    search_encode(&s, &out);

    struct reader r = reader_of(arena_copy(mem, buf_str(&out)));
    CHECK_OK(search_decode(mem, &r, &got), "decode");
    CHECK(reader_done(&r), "all read");
    CHECK_OK(keyword_bit_add(&keywords, STR("work"), &bit), "work");
    search_bind_keywords(&got, &keywords);
    keyword_list_deinit(&keywords);
    buf_deinit(&out);
    return got;
}

TEST(every_key_matches_as_its_row_says)
{
    struct fixture f;

    set_up(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct search_builder b;

        search_begin(&b, f.mem);
        add_row(&b, &rows[i]);

        struct search s = travel(f.mem, &b);

        CHECK_EQ(search_match(&s, &f.facts), rows[i].want, "row %zu: %.*s", i,
                 STR_ARG(rows[i].text));
    }
    tear_down(&f);
}

/* The same keys with FUZZY. */
static const struct {
    const char *name;
    enum search_key key;
    struct str text;
    enum search_verdict want;
} fuzzy_rows[] = {
    { "another form", SEARCH_SUBJECT, STR_INIT("liked"), SEARCH_YES },
    { "without accents", SEARCH_SUBJECT, STR_INIT("crepe"), SEARCH_YES },
    { "words in any order", SEARCH_SUBJECT, STR_INIT("crepes you"), SEARCH_YES },
    { "the middle of a word", SEARCH_SUBJECT, STR_INIT("repe"), SEARCH_NO },
    { "an address", SEARCH_FROM, STR_INIT("alice"), SEARCH_YES },
    { "the body", SEARCH_BODY, STR_INIT("pickle"), SEARCH_YES },
    { "fields of parts are no text", SEARCH_BODY, STR_INIT("charset"), SEARCH_NO },
    { "the name of a file", SEARCH_TEXT, STR_INIT("onion"), SEARCH_YES },
    { "subject and body together", SEARCH_TEXT, STR_INIT("crepe pickle"), SEARCH_YES },
    { "no words at all: exact", SEARCH_SUBJECT, STR_INIT("!"), SEARCH_NO },
    { "no words at all: exact", SEARCH_BODY, STR_INIT("?"), SEARCH_YES },
};

TEST(words_asked_for_with_fuzzy_match_in_any_form)
{
    struct fixture f;
    struct stems *stems;
    struct errinfo why;

    set_up(&f);
    CHECK_OK(stems_new(STR("english"), &stems, &why), "english");
    f.facts.stems = stems;
    for (size_t i = 0; i < ARRAY_LEN(fuzzy_rows); i++) {
        struct search_builder b;
        struct search s, again;
        struct buf out = { 0 };
        struct reader r;

        search_begin(&b, f.mem);
        b.fuzzy = true;
        search_add_text(&b, fuzzy_rows[i].key, fuzzy_rows[i].text);
        CHECK_OK(search_finish(&b, &s), "%s", fuzzy_rows[i].name);
        search_encode(&s, &out);
        r = reader_of(buf_str(&out));
        CHECK_OK(search_decode(f.mem, &r, &again), "%s", fuzzy_rows[i].name);
        CHECK_EQ(search_match(&again, &f.facts), fuzzy_rows[i].want, "%s", fuzzy_rows[i].name);
        buf_deinit(&out);
    }
    stems_free(stems);
    tear_down(&f);
}

TEST(a_key_asks_for_what_it_lacks_and_no_more)
{
    struct fixture f;

    set_up(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct search_builder b;
        struct search_facts less = f.facts;

        search_begin(&b, f.mem);
        add_row(&b, &rows[i]);

        struct search s = travel(f.mem, &b);
        less.message.at = NULL;
        CHECK_EQ(search_match(&s, &less),
                 rows[i].key >= SEARCH_HEADER ? SEARCH_NEEDS_MESSAGE : rows[i].want, "row %zu", i);
        less.meta = NULL;
        CHECK_EQ(search_match(&s, &less),
                 rows[i].key >= SEARCH_LARGER ? SEARCH_NEEDS_META : rows[i].want, "row %zu", i);
        CHECK_EQ(search_needs_messages(&s), rows[i].key >= SEARCH_HEADER, "row %zu", i);
    }
    tear_down(&f);
}

TEST(a_certain_answer_settles_what_others_lack)
{
    struct fixture f;
    struct search_builder b;
    struct search s;

    set_up(&f);
    f.facts.meta = NULL;
    search_begin(&b, f.mem);
    search_add_text(&b, SEARCH_BODY, STR("tomato"));
    search_add_number(&b, SEARCH_FLAG, FLAG_DRAFT);
    s = travel(f.mem, &b);
    CHECK_EQ(search_match(&s, &f.facts), SEARCH_NO, "no draft: the body does not matter");

    search_begin(&b, f.mem);
    search_open(&b, SEARCH_NOT);
    search_open(&b, SEARCH_OR);
    search_add_text(&b, SEARCH_BODY, STR("tomato"));
    search_add_number(&b, SEARCH_FLAG, FLAG_SEEN);
    search_close(&b);
    search_close(&b);
    s = travel(f.mem, &b);
    CHECK_EQ(search_match(&s, &f.facts), SEARCH_NO, "not (body or seen)");
    f.facts.flags = 0;
    CHECK_EQ(search_match(&s, &f.facts), SEARCH_NEEDS_META, "now the body matters");
    f.facts.meta = &f.meta;
    CHECK_EQ(search_match(&s, &f.facts), SEARCH_NO, "tomato is there");
    tear_down(&f);
}

TEST(uid_sets_match)
{
    struct fixture f;
    struct search_builder b;
    struct uidset uids = { 0 };

    set_up(&f);
    for (uint32_t first = 1; first <= UID; first += UID - 1) {
        uidset_clear(&uids);
        uidset_add_range(&uids, first, first + 2);
        search_begin(&b, f.mem);
        search_add_uids(&b, &uids);

        struct search s = travel(f.mem, &b);
        CHECK_EQ(search_match(&s, &f.facts), first == UID ? SEARCH_YES : SEARCH_NO, "%u", first);
    }
    uidset_deinit(&uids);
    tear_down(&f);
}

TEST(days_before_1970_are_days)
{
    struct fixture f;
    struct search_builder b;
    struct search s;

    set_up(&f);
    f.meta.internal_date_s = -1;
    f.meta.internal_zone_min = 0;
    search_begin(&b, f.mem);
    search_add_day(&b, SEARCH_ON, -1);
    s = travel(f.mem, &b);
    CHECK_EQ(search_match(&s, &f.facts), SEARCH_YES, "the last second of 1969");
    tear_down(&f);
}

TEST(incomplete_and_oversized_programs_are_refused)
{
    struct arena *mem = arena_new(0);
    struct search_builder b;
    struct search s;
    static const char text[SEARCH_TEXT_BYTES_MAX + 1] = "x";

    search_begin(&b, mem);
    search_open(&b, SEARCH_OR);
    CHECK_EQ(search_finish(&b, &s), ERR_STATE, "open");
    search_begin(&b, mem);
    search_close(&b);
    search_close(&b);
    CHECK_EQ(search_finish(&b, &s), ERR_STATE, "closed too often");
    for (int children = 0; children <= 2; children += 2) {
        search_begin(&b, mem);
        search_open(&b, SEARCH_NOT);
        for (int i = 0; i < children; i++)
            search_add(&b, SEARCH_ALL);
        search_close(&b);
        CHECK_EQ(search_finish(&b, &s), ERR_STATE, "NOT of %d", children);
    }
    search_begin(&b, mem);
    search_add_text(&b, SEARCH_BODY, str_from(text, sizeof(text)));
    CHECK_EQ(search_finish(&b, &s), ERR_LIMIT, "long text");
    search_begin(&b, mem);
    for (int i = 0; i < SEARCH_KEYS_MAX; i++)
        search_add(&b, SEARCH_ALL);
    CHECK_EQ(search_finish(&b, &s), ERR_LIMIT, "many keys");
    search_begin(&b, mem);
    for (int i = 0; i < SEARCH_DEPTH_MAX; i++)
        search_open(&b, SEARCH_NOT);
    CHECK_EQ(search_finish(&b, &s), ERR_LIMIT, "deep");
    arena_free(mem);
}

TEST(every_cut_and_every_flip_of_a_program_is_safe)
{
    struct fixture f;
    struct search_builder b;
    struct search s;
    struct buf out = { 0 };
    struct uidset uids = { 0 };

    set_up(&f);
    uidset_add_range(&uids, 3, 9);
    search_begin(&b, f.mem);
    search_open(&b, SEARCH_OR);
    search_open(&b, SEARCH_NOT);
    search_add_uids(&b, &uids);
    search_close(&b);
    search_add_header(&b, STR("X-Sauce"), STR("ham"));
    search_close(&b);
    search_add_day(&b, SEARCH_SINCE, -3);
    CHECK_OK(search_finish(&b, &s), "finish");
    search_encode(&s, &out);
    for (size_t len = 0; len < out.len; len++) {
        struct reader r = reader_of(str_take(buf_str(&out), len));

        CHECK_EQ(search_decode(f.mem, &r, &s), ERR_CORRUPT, "cut at %zu", len);
    }
    for (size_t at = 0; at < out.len; at++)
        for (unsigned value = 0; value < 256; value++) {
            SCRATCH(tmp, NULL);
            char was = out.at[at];
            struct reader r;

            out.at[at] = (char)value;
            r = reader_of(buf_str(&out));
            if (search_decode(tmp, &r, &s) == OK)
                CHECK(search_match(&s, &f.facts) <= SEARCH_YES, "octet %zu as %u", at, value);
            out.at[at] = was;
        }
    uidset_deinit(&uids);
    buf_deinit(&out);
    tear_down(&f);
}
