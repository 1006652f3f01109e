/* cli/move/move_test.c - names and lists of maildirs, messages of mbox files, what was seen. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/move/maildir.h"
#include "cli/move/mbox.h"
#include "cli/move/mover.h"
#include "cli/move/seen.h"
#include "testing.h"

TEST(a_set_of_hashes_knows_what_it_was_given)
{
    struct seen s = { 0 };
    SCRATCH(mem, NULL);

    for (int i = 0; i < 5000; i++) {
        struct seen_id id = seen_id_of(STR("INBOX"), arena_printf(mem, "%d", i));

        CHECK(!seen_has(&s, id), "%d", i);
        CHECK(seen_add(&s, id), "%d", i);
        CHECK(!seen_add(&s, id), "%d again", i);
    }
    CHECK_EQ(s.count, 5000, "all");
    CHECK(seen_has(&s, seen_id_of(STR("INBOX"), STR("4999"))), "the last");
    CHECK(!seen_has(&s, seen_id_of(STR("INBO"), STR("X4999"))), "another border");
    seen_deinit(&s);
}

TEST(line_ends_become_crlf)
{
    struct buf b = { 0 };

    move_add_crlf(&b, STR("a\nb\r\nc\rd\n\n\r\ne"));
    CHECK_STR(buf_str(&b), STR("a\r\nb\r\nc\rd\r\n\r\n\r\ne"), "mixed");
    buf_deinit(&b);
}

/* ---- maildir ---- */

TEST(file_names_have_a_base_and_letters)
{
    static const struct {
        struct str name, base;
        uint32_t flags, keywords;
    } rows[] = {
        { STR_INIT("123.a:2,RS"), STR_INIT("123.a"), FLAG_SEEN | FLAG_ANSWERED, 0 },
        { STR_INIT("123.a,S=5,W=6:2,DFPTac"), STR_INIT("123.a,S=5,W=6"),
          FLAG_DRAFT | FLAG_FLAGGED | FLAG_FORWARDED | FLAG_DELETED, 5 },
        { STR_INIT("123.a"), STR_INIT("123.a"), 0, 0 },
        { STR_INIT("123.a:2,"), STR_INIT("123.a"), 0, 0 },
        { STR_INIT("123.a;2,S"), STR_INIT("123.a"), FLAG_SEEN, 0 },
        { STR_INIT("123.a:1,x"), STR_INIT("123.a"), 0, 0 },
        { STR_INIT(":2,S"), STR_INIT(""), FLAG_SEEN, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct maildir_file f = maildir_file_parse(rows[i].name);
        struct buf b = { 0 };

        CHECK_STR(f.base, rows[i].base, "row %zu", i);
        CHECK_EQ(f.flags, rows[i].flags, "row %zu", i);
        CHECK_EQ(f.keywords, rows[i].keywords, "row %zu", i);
        maildir_suffix(&b, f.flags, f.keywords);
        CHECK_EQ(maildir_file_parse(buf_str(&b)).flags, f.flags, "row %zu", i);
        buf_deinit(&b);
    }
}

TEST(folders_of_a_maildir_are_mailboxes)
{
    static const struct {
        struct str wire, name; /* empty: is none */
    } rows[] = {
        { STR_INIT(".Sent"), STR_INIT("Sent") },
        { STR_INIT(".A.B"), STR_INIT("A/B") },
        { STR_INIT(".Entw&APw-rfe.&AOk-t&AOk-"), STR_INIT("Entwürfe/été") },
        { STR_INIT(".Entwürfe"), STR_INIT("Entwürfe") },
        { STR_INIT(".v1\\2e2"), STR_INIT("v1.2") },
        { STR_INIT("."), STR_INIT("") },
        { STR_INIT(".."), STR_INIT("") },
        { STR_INIT(".a..b"), STR_INIT("") },
        { STR_INIT(".a."), STR_INIT("") },
        { STR_INIT(".\xff"), STR_INIT("") },
    };
    SCRATCH(mem, NULL);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str got = STR_EMPTY;
        struct buf b = { 0 };

        CHECK_EQ(maildir_folder_parse(mem, rows[i].wire, &got), rows[i].name.len > 0, "row %zu", i);
        CHECK_STR(got, rows[i].name, "row %zu", i);
        if (got.len > 0) {
            maildir_folder_format(&b, got);
            CHECK(maildir_folder_parse(mem, buf_str(&b), &got), "row %zu", i);
            CHECK_STR(got, rows[i].name, "row %zu there and back", i);
        }
        buf_deinit(&b);
    }
}

#define UIDLIST                                                                                    \
    STR("3 V1275660208 N25022 G3a3f\n"                                                             \
        "25006 :1276528487.M364837P9451.kurkku,S=1355,W=1394\n"                                    \
        "25017 W2481 Pold.uidl :1276533073.M242911P3632.kurkku:2,F\n"                              \
        "x :bad\n"                                                                                 \
        "25018 1276533074.M1P1.kurkku\n")

TEST(lists_of_uids_are_read_also_in_part)
{
    struct arena *mem = arena_new(0);
    struct maildir_uidlist l;
    const struct maildir_uid *row;

    CHECK(maildir_uidlist_parse(mem, UIDLIST, &l), "version 3");
    CHECK_EQ(l.uidvalidity, 1275660208, "V");
    CHECK_EQ(l.uidnext, 25022, "N");
    CHECK_EQ(l.count, 3, "rows");
    CHECK_EQ(l.damaged, 1, "damaged");
    row = maildir_uidlist_find(&l, STR("1276533073.M242911P3632.kurkku"));
    CHECK(row != NULL, "found");
    CHECK_EQ(row->uid, 25017, "uid");
    CHECK_STR(row->uidl, STR("old.uidl"), "uidl");
    row = maildir_uidlist_find(&l, STR("1276533074.M1P1.kurkku"));
    CHECK(row != NULL && row->uid == 25018, "without a colon");
    CHECK(maildir_uidlist_find(&l, STR("nobody")) == NULL, "not there");
    CHECK(maildir_uidlist_parse(mem, STR("1 42 9\n8 base:2,S\n"), &l), "version 1");
    CHECK(l.uidvalidity == 42 && l.uidnext == 9 && l.count == 1, "version 1");
    CHECK_STR(l.rows[0].base, STR("base"), "version 1");
    CHECK(!maildir_uidlist_parse(mem, STR("7 V1\n"), &l), "another version");
    CHECK(!maildir_uidlist_parse(mem, STR(""), &l), "empty");
    for (size_t cut = 0; cut < UIDLIST.len; cut++)
        if (maildir_uidlist_parse(mem, str_take(UIDLIST, cut), &l))
            CHECK(l.count <= 3, "cut at %zu", cut);
    CHECK_STR(maildir_uidl_dovecot(mem, 0x1f, 0x4c08f0f0), STR("0000001f4c08f0f0"), "uidl");
    arena_free(mem);
}

TEST(letters_of_keywords_have_names)
{
    struct maildir_keywords k;

    maildir_keywords_parse(STR("0 $Junk\n25 zed\r\n26 no\nx y\n1\n"), &k);
    CHECK_STR(k.names[0], STR("$Junk"), "a");
    CHECK_STR(k.names[25], STR("zed"), "z");
    CHECK_EQ(k.names[1].len, 0, "no name");
}

/* ---- mbox ---- */

#define MBOX_TEXT                                                                                  \
    "From alice@crepes.fr Thu Jan  1 00:00:05 1970\n"                                              \
    "Subject: one\nStatus: RO\nX-Status: AF\nX-IMAPbase: 42 0000000009 work\nX-UID: 7\n"           \
    "X-Keywords: work  play\n\nHello\n>From here\n>>From there\nFrom nobody\n\n"                   \
    "From \"bob bob\"@hamburger.edu Thu Jan  1 00:00:06 1970\n"                                    \
    "Content-Length: 51\nSubject: two\n\n"                                                         \
    "one\n\nFrom alice@crepes.fr Thu Jan  1 00:00:05 1970\n"                                       \
    "\nFrom carol@crepes.fr Thu Jan  1 00:00:07 1970\r\nSubject: three\r\n\r\nlast"

static void walk(struct buf *out, struct str text, size_t step, enum mbox_quoting quoting)
{
    struct buf have = { 0 };
    size_t at = 0, from = 0, len;
    enum mbox_found found;

    while ((found = mbox_next(buf_str(&have), at == text.len, quoting, &from, &len)) != MBOX_END) {
        SCRATCH(mem, NULL);
        struct mbox_message m;

        if (found == MBOX_MORE) {
            size_t more = MIN(step, text.len - at);

            buf_add(&have, str_sub(text, at, more));
            at += more;
            continue;
        }
        if (found == MBOX_MESSAGE) {
            buf_printf(out, "[");
            mbox_open(mem, str_take(buf_str(&have), len), quoting, &m, out);
            buf_printf(out, "](%lld %u %u %u %zu)", (long long)m.date, m.flags, m.uid,
                       m.uidvalidity, m.keyword_count);
        } else {
            buf_printf(out, "{%.*s}", (int)len, have.at);
        }
        buf_consume(&have, len);
        from = 0;
    }
    buf_deinit(&have);
}

TEST(messages_of_an_mbox_are_found_in_every_split)
{
    static const struct str want = STR_INIT(
        "[Subject: one\r\n\r\nHello\r\nFrom here\r\n>From there\r\nFrom nobody\r\n]"
        "(5 7 7 42 2)"
        "[Subject: two\r\n\r\none\r\n\r\nFrom alice@crepes.fr Thu Jan  1 00:00:05 1970\r\n]"
        "(6 0 0 0 0)"
        "[Subject: three\r\n\r\nlast](7 0 0 0 0)");
    struct str text = STR(MBOX_TEXT);

    for (size_t step = 1; step <= text.len; step++) {
        struct buf out = { 0 };

        walk(&out, text, step, MBOX_RD);
        CHECK_STR(buf_str(&out), want, "step %zu", step);
        buf_deinit(&out);
    }
    for (size_t cut = 0; cut < text.len; cut++) {
        struct buf out = { 0 };

        walk(&out, str_take(text, cut), cut + 1, MBOX_RD);
        buf_deinit(&out);
    }
}

TEST(quoting_is_undone_as_it_was_done)
{
    static const struct {
        enum mbox_quoting quoting;
        struct str want;
    } rows[] = {
        { MBOX_RD, STR_INIT("From a\r\n>From b\r\n") },
        { MBOX_O, STR_INIT("From a\r\n>>From b\r\n") },
        { MBOX_CL2, STR_INIT(">From a\r\n>>From b\r\n") },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = { 0 };
        SCRATCH(mem, NULL);
        struct mbox_message m;

        mbox_open(mem, STR("From x Thu Jan  1 00:00:05 1970\n\n>From a\n>>From b\n"),
                  rows[i].quoting, &m, &out);
        CHECK_STR(str_skip(buf_str(&out), 2), rows[i].want, "row %zu", i);
        buf_deinit(&out);
    }
}

TEST(what_is_written_is_read_back)
{
    static const struct str body = STR_INIT("From a\r\n>From b\r\n\r\nFrom c Thu Jan 1\r\nend\r\n");
    struct buf out = { 0 }, back = { 0 };

    mbox_add_from(&out, STR("a b\r\nFrom x"), 86399);
    mbox_add_quoted(&out, STR("Subject: x\r\n\r\n"));
    mbox_add_quoted(&out, body);
    BUF_ADD(&out, "\n");
    CHECK(str_starts(buf_str(&out), STR("From abFromx Thu Jan  1 23:59:59 1970\n")), "From line");
    walk(&back, buf_str(&out), out.len, MBOX_RD);
    CHECK(str_starts(buf_str(&back), STR("[Subject: x\r\n\r\nFrom a\r\n>From b\r\n\r\nFrom c")),
          "%.*s", STR_ARG(buf_str(&back)));
    CHECK(str_ends(buf_str(&back), STR("end\r\n](86399 0 0 0 0)")), "one message");
    buf_deinit(&out);
    buf_deinit(&back);
}

TEST(octets_that_belong_to_no_message_are_shown)
{
    struct buf out = { 0 };

    walk(&out, STR("junk\nFrom here to there\nFrom a Thu Jan  1 00:00:05 1970\nA: b\n\nx\n"), 1000,
         MBOX_RD);
    CHECK_STR(buf_str(&out), STR("{junk\nFrom here to there\n}[A: b\r\n\r\nx\r\n](5 0 0 0 0)"),
              "junk");
    buf_deinit(&out);
}
