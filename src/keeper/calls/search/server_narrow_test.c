/* keeper/calls/search/server_narrow_test.c - searches find the same with the index, behind it and
 * without it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/calls/search/server_narrow.h"

#include "keeper/index/server_index.h"
#include "keeper/server_test_world.h"
#include "message/set/search.h"

enum { SETTLE_MS = 3000 };

static const char *const messages[] = {
    "From: bob@hamburger.edu\r\nSubject: Pancakes tomorrow\r\n\r\nBring the syrup, and be "
    "early.\r\n",
    "From: bob@hamburger.edu\r\nSubject: Invoice 2026-17\r\nX-Ref: 4f3a9c21bb04de55aa10ff\r\n\r\n"
    "The invoice for the syrup.\r\n",
    "From: carol@crepes.fr\r\nSubject: =?utf-8?q?Cr=C3=AApes?=\r\n"
    "Content-Type: text/html; charset=utf-8\r\n\r\n<p>La <b>re</b>cette des cr&ecirc;pes</p>\r\n",
    "From: carol@crepes.fr\r\nSubject: =?utf-8?b?5p2x5Lqs6YO9?=\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n\r\n\346\227\245\346\234\254\350\252\236\r\n",
    "From: bob@hamburger.edu\r\nSubject: invoices\r\n\r\npancake, pancakes, pan\r\n",
};

static const struct {
    enum search_key key;
    bool fuzzy, not ;
    const char *text, *field, *want;
} rows[] = {
    { SEARCH_SUBJECT, false, false, "pancake", NULL, "1" },
    { SEARCH_SUBJECT, false, false, "ncakes tom", NULL, "1" },
    { SEARCH_SUBJECT, false, false, "invoice", NULL, "2,5" },
    { SEARCH_SUBJECT, false, true, "invoice", NULL, "1,3:4" },
    { SEARCH_SUBJECT, false, false, "17", NULL, "2" },
    { SEARCH_SUBJECT, false, false, "cr\303\212PE", NULL, "3" },
    { SEARCH_SUBJECT, false, false, "\344\272\254\351\203\275", NULL, "4" },
    { SEARCH_SUBJECT, false, false, "nowhere", NULL, "" },
    { SEARCH_FROM, false, false, "carol@crepes", NULL, "3:4" },
    { SEARCH_BODY, false, false, "syrup", NULL, "1:2" },
    { SEARCH_BODY, false, false, "yru", NULL, "1:2" },
    { SEARCH_BODY, false, false, "syrup, and", NULL, "1" },
    { SEARCH_BODY, false, false, "recette", NULL, "3" },
    { SEARCH_BODY, false, false, "<b>", NULL, "3" },
    { SEARCH_BODY, false, false, "\346\227\245\346\234\254\350\252\236", NULL, "4" },
    { SEARCH_TEXT, false, false, "9c21bb04", NULL, "2" },
    { SEARCH_TEXT, false, false, "pancakes", NULL, "1,5" },
    { SEARCH_TEXT, false, false, ".", NULL, "1:5" },
    { SEARCH_HEADER, false, false, "21bb04de", "x-ref", "2" },
    { SEARCH_HEADER, false, false, "", "X-Ref", "2" },
    { SEARCH_HEADER, false, false, "invoice", "X-Ref", "" },
    { SEARCH_SUBJECT, true, false, "pancaked", NULL, "1" },
    { SEARCH_SUBJECT, true, false, "crepe", NULL, "3" },
    { SEARCH_BODY, true, false, "pancake", NULL, "5" },
    { SEARCH_TEXT, true, false, "bob syrup", NULL, "1:2" },
    { SEARCH_TEXT, true, false, "yru", NULL, "" },
    { SEARCH_TEXT, true, true, "syrup", NULL, "3:5" },
};

static void deliver_all(struct world *w)
{
    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        CHECK_OK(world_deliver(w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"),
                               str_from_z(messages[i])),
                 "message %zu", i);
}

static struct str program_of(struct world *w, size_t i)
{
    struct search_builder b;
    struct search s;
    struct buf out = { 0 };
    struct str octets;

    search_begin(&b, w->mem);
    b.fuzzy = rows[i].fuzzy;
    if (rows[i].not )
        search_open(&b, SEARCH_NOT);
    if (rows[i].field != NULL)
        search_add_header(&b, str_from_z(rows[i].field), str_from_z(rows[i].text));
    else
        search_add_text(&b, rows[i].key, str_from_z(rows[i].text));
    if (rows[i].not )
        search_close(&b);
    CHECK_OK(search_finish(&b, &s), "row %zu", i);
    search_encode(&s, &out);
    octets = arena_copy(w->mem, buf_str(&out));
    buf_deinit(&out);
    return octets;
}

static uint32_t select_inbox(struct world *w)
{
    struct keep_select_rep box;

    w->session = world_login(w, STR("alice"), STR("hungry"));
    CHECK_OK(ask_select(w, w->gate,
                        &(struct keep_select_req){ .session = w->session, .name = STR("INBOX") },
                        &box),
             "select");
    return box.mailbox;
}

static struct keep_search_rep search(struct world *w, uint32_t mailbox, size_t row)
{
    struct keep_search_rep rep;

    CHECK_OK(ask_search(w, w->gate,
                        &(struct keep_search_req){ .session = w->session,
                                                   .mailbox = mailbox,
                                                   .program = program_of(w, row),
                                                   .with_scores = rows[row].fuzzy },
                        &rep),
             "row %zu", row);
    return rep;
}

static void search_all(struct world *w, const char *when)
{
    uint32_t mailbox = select_inbox(w);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct keep_search_rep rep = search(w, mailbox, i);

        CHECK_STR(uids_text(w, rep.uids), str_from_z(rows[i].want), "%s: '%s' (row %zu)", when,
                  rows[i].text, i);
    }
}

TEST(searches_find_the_same_with_an_index_behind_it_and_without_one)
{
    struct world w;

    world_open(&w);
    deliver_all(&w);
    search_all(&w, "not indexed yet");
    world_settle(&w, SETTLE_MS);
    CHECK(!indexer_is_busy(w.keeper), "indexed");
    search_all(&w, "indexed");
    indexer_free(w.keeper);
    search_all(&w, "no index");
    world_close(&w);
}

TEST(what_fuzzy_keys_find_has_scores)
{
    static const unsigned char want[] = { 70, 70 };
    struct world w;
    uint32_t mailbox;

    world_open(&w);
    deliver_all(&w);
    mailbox = select_inbox(&w);
    for (int round = 0; round < 2; round++) {
        /* "bob syrup": 100 for the address, 75 for the word in the text, told in tens. */
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            if (rows[i].fuzzy && str_eq(str_from_z(rows[i].text), STR("bob syrup"))) {
                struct keep_search_rep rep = search(&w, mailbox, i);

                CHECK_STR(rep.scores, str_from(want, sizeof want), "round %d", round);
            }
        world_settle(&w, SETTLE_MS); /* then from the index */
    }
    world_close(&w);
}

TEST(a_damaged_index_hides_nothing)
{
    struct world w;
    struct kv_batch *batch;
    struct errinfo why;
    struct key from, to;
    struct kv_iter *it;

    world_open(&w);
    deliver_all(&w);
    world_settle(&w, SETTLE_MS);
    batch = kv_batch_new(w.keeper->kv);
    key_start(&from, TABLE_POSTINGS);
    to = from;
    key_end(&to);
    it = kv_iter_new(w.keeper->kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on; on = kv_iter_next(it))
        kv_batch_delete(batch, kv_iter_key(it));
    kv_iter_free(it);
    CHECK_OK(index_apply(w.keeper->kv, batch, &why), "apply");
    kv_batch_free(batch);
    search_all(&w, "damaged");
    world_close_unchecked(&w); /* which would name the damage */
}
