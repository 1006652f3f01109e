/* keeper/calls/search/server_sort_test.c - sorting and threading, and the keys that they are made
 * from: made, grown, written, read again, forgotten. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/index/server_index.h"
#include "keeper/server_job.h"
#include "keeper/server_test_world.h"
#include "message/order/thread_tree.h"
#include "message/set/search.h"

enum { ALICE = 1, MANY = 1100 };

static void deliver(struct world *w, const char *from, const char *subject, const char *more)
{
    struct str text =
        arena_printf(w->mem, "From: %s\r\nTo: alice@crepes.fr\r\nSubject: %s\r\n%s\r\nx\r\n", from,
                     subject, more);

    CHECK_OK(world_deliver(w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"), text), "%s",
             subject);
}

static uint32_t select_inbox(struct world *w)
{
    struct keep_select_rep rep;

    CHECK_OK(ask_select(w, w->gate,
                        &(struct keep_select_req){ .session = w->session, .name = STR("INBOX") },
                        &rep),
             "select");
    return rep.mailbox;
}

static struct str program_of(struct world *w, enum search_key key, struct str text)
{
    struct search_builder b;
    struct search s;
    struct buf octets = { 0 };
    struct str copy;

    search_begin(&b, w->mem);
    if (text.len > 0)
        search_add_text(&b, key, text);
    else
        search_add(&b, SEARCH_ALL);
    CHECK_OK(search_finish(&b, &s), "program");
    search_encode(&s, &octets);
    copy = arena_copy(w->mem, buf_str(&octets));
    buf_deinit(&octets);
    return copy;
}

/* All pages of an answer. */
static struct str all_tokens(struct world *w, const struct keep_sort_rep *first,
                             uint32_t *ret_pages)
{
    struct buf all = { 0 };
    bool more = first->result != 0;
    struct str copy;

    *ret_pages = 1;
    buf_add(&all, first->tokens);
    while (more) {
        struct keep_sort_more_rep rep;

        CHECK_OK(ask_sort_more(w, w->gate,
                               &(struct keep_sort_more_req){ .session = w->session,
                                                             .result = first->result,
                                                             .from = all.len },
                               &rep),
                 "a page");
        buf_add(&all, rep.tokens);
        more = rep.more;
        ++*ret_pages;
    }
    copy = arena_copy(w->mem, buf_str(&all));
    buf_deinit(&all);
    return copy;
}

static struct str sort_by(struct world *w, uint32_t mailbox, const char *among,
                          const struct sort_criteria *c, uint32_t *ret_pages)
{
    struct buf octets = { 0 }, text = { 0 };
    struct keep_sort_rep rep;
    struct reader r;
    struct str copy;

    sort_criteria_encode(c, &octets);
    CHECK_OK(ask_sort(w, w->gate,
                      &(struct keep_sort_req){ .session = w->session,
                                               .mailbox = mailbox,
                                               .program = program_of(w, SEARCH_ALL, STR("")),
                                               .uids = uids_of(w, among),
                                               .criteria = buf_str(&octets) },
                      &rep),
             "sort");
    r = reader_of(all_tokens(w, &rep, ret_pages));
    while (r.rest.len > 0)
        buf_printf(&text, "%s%llu", text.len > 0 ? " " : "", (unsigned long long)get_varint(&r));
    copy = arena_copy(w->mem, buf_str(&text));
    buf_deinit(&octets);
    buf_deinit(&text);
    return copy;
}

static const struct sort_criteria by_subject = { { { SORT_SUBJECT, false } }, 1 };
static const struct sort_criteria by_date = { { { SORT_DATE, true } }, 1 };
static const struct sort_criteria by_from = { { { SORT_FROM, false }, { SORT_SUBJECT, true } }, 2 };

static void deliver_five(struct world *w)
{
    deliver(w, "bob@hamburger.edu", "pickles", "Date: 1 Feb 2026 10:00:00 +0000\r\n");
    deliver(w, "Carol <carol@crepes.fr>", "Re: Ham", "Date: 3 Feb 2026 10:00:00 +0000\r\n");
    deliver(w, "bob@hamburger.edu", "eggs", "Date: 3 Feb 2026 11:00:00 +0200\r\n");
    deliver(w, "ALICE@crepes.fr", "ham", "Date: 2 Feb 2026 10:00:00 +0000\r\n");
    deliver(w, "dave@crepes.fr", "", "Date: 2 Feb 2026 10:00:00 +0000\r\n");
}

TEST(messages_are_sorted_by_what_was_asked)
{
    struct world w;
    uint32_t inbox, pages;

    world_open(&w);
    deliver_five(&w);
    inbox = select_inbox(&w);
    CHECK_STR(sort_by(&w, inbox, "1:5", &by_subject, &pages), STR("5 3 2 4 1"), "subject");
    CHECK_STR(sort_by(&w, inbox, "1:5", &by_date, &pages), STR("2 3 4 5 1"), "date");
    CHECK_STR(sort_by(&w, inbox, "1:5", &by_from, &pages), STR("4 1 3 2 5"), "from");
    CHECK_STR(sort_by(&w, inbox, "2,4:9", &by_subject, &pages), STR("5 2 4"), "some of them");
    CHECK_STR(sort_by(&w, inbox, "9", &by_subject, &pages), STR(""), "none of them");
    deliver(&w, "bob@hamburger.edu", "Ham", "");
    CHECK_STR(sort_by(&w, inbox, "1:9", &by_subject, &pages), STR("5 3 2 4 6 1"), "one more");
    world_close(&w);
}

TEST(a_long_answer_comes_in_pages)
{
    struct world w;
    uint32_t inbox, pages;
    struct keep_sort_more_rep rep;

    world_open(&w);
    deliver_five(&w);
    inbox = select_inbox(&w);
    w.keeper->settings.sort_page_bytes = 2;
    CHECK_STR(sort_by(&w, inbox, "1:5", &by_subject, &pages), STR("5 3 2 4 1"), "the same");
    CHECK_EQ(pages, 3, "pages");
    CHECK_EQ(ask_sort_more(&w, w.gate,
                           &(struct keep_sort_more_req){ .session = w.session, .result = 1 }, &rep),
             ERR_NOT_FOUND, "what was fetched is gone");
    world_close(&w);
}

static struct str threads(struct world *w, uint32_t mailbox, enum thread_algorithm a)
{
    struct keep_sort_rep rep;
    struct buf text = { 0 };
    struct reader r;
    struct str copy;

    CHECK_OK(ask_sort(w, w->gate,
                      &(struct keep_sort_req){ .session = w->session,
                                               .mailbox = mailbox,
                                               .program = program_of(w, SEARCH_ALL, STR("")),
                                               .uids = uids_of(w, "1:99"),
                                               .thread = (uint8_t)(a + 1) },
                      &rep),
             "threads");
    r = reader_of(rep.tokens);
    while (r.rest.len > 0) {
        uint64_t token = get_varint(&r);

        if (token >= THREAD_UID)
            buf_printf(&text, " %llu", (unsigned long long)token - 1);
        else
            buf_add_char(&text, token == THREAD_OPEN ? '(' : ')');
    }
    copy = arena_copy(w->mem, buf_str(&text));
    buf_deinit(&text);
    return copy;
}

TEST(messages_are_joined_to_threads)
{
    struct world w;
    uint32_t inbox;

    world_open(&w);
    deliver(&w, "bob@hamburger.edu", "ham",
            "Message-ID: <1@x>\r\nDate: 1 Feb 2026 10:00:00 +0000\r\n");
    deliver(&w, "bob@hamburger.edu", "Re: ham",
            "Message-ID: <2@x>\r\nReferences: <1@x>\r\nDate: 2 Feb 2026 10:00:00 +0000\r\n");
    deliver(&w, "bob@hamburger.edu", "Re: eggs",
            "Message-ID: <3@x>\r\nReferences: <1@x>\r\nDate: 3 Feb 2026 10:00:00 +0000\r\n");
    deliver(&w, "bob@hamburger.edu", "Re: ham", "Date: 1 Jan 2026 10:00:00 +0000\r\n");
    inbox = select_inbox(&w);
    CHECK_STR(threads(&w, inbox, THREAD_REFERENCES), STR("( 1( 4)( 2)( 3))"), "references");
    CHECK_STR(threads(&w, inbox, THREAD_REFS), STR("( 4)( 1( 2)( 3))"), "refs");
    CHECK_STR(threads(&w, inbox, THREAD_ORDEREDSUBJECT), STR("( 4( 1)( 2))( 3)"), "subject");
    world_close(&w);
}

TEST(what_nobody_asks_is_refused)
{
    struct world w;
    struct keep_sort_rep rep;
    struct keep_sort_req req = { .criteria = STR("\x01"), .uids = STR("") };

    world_open(&w);
    req.mailbox = select_inbox(&w);
    req.program = program_of(&w, SEARCH_ALL, STR(""));
    CHECK_EQ(ask_sort(&w, w.gate, &req, &rep), ERR_DENIED, "no session");
    req.session = w.session;
    req.criteria = STR("");
    CHECK_EQ(ask_sort(&w, w.gate, &req, &rep), ERR_SYNTAX, "no criteria");
    req.thread = 9;
    CHECK_EQ(ask_sort(&w, w.gate, &req, &rep), ERR_SYNTAX, "no such threads");
    req.thread = 1;
    req.program = STR("\x01");
    CHECK_EQ(ask_sort(&w, w.gate, &req, &rep), ERR_CORRUPT, "no program");
    req.program = program_of(&w, SEARCH_ALL, STR(""));
    req.mailbox = 99;
    CHECK_EQ(ask_sort(&w, w.gate, &req, &rep), ERR_NOT_FOUND, "no mailbox");
    world_close(&w);
}

/* ---- many messages ---- */

static struct str search_subject(struct world *w, uint32_t mailbox, struct str text)
{
    struct keep_search_rep rep;

    CHECK_OK(ask_search(w, w->gate,
                        &(struct keep_search_req){ .session = w->session,
                                                   .mailbox = mailbox,
                                                   .program = program_of(w, SEARCH_SUBJECT, text) },
                        &rep),
             "search");
    return uids_text(w, rep.uids);
}

static bool has_row(struct world *w, uint32_t mailbox, uint32_t number)
{
    struct str value;
    struct key k;
    bool found = false;

    key_of_key_block(&k, ALICE, mailbox, number);
    CHECK_OK(kv_get(w->keeper->kv, NULL, w->mem, key_str(&k), &found, &value), "a row");
    return found;
}

static void expunge(struct world *w, uint32_t mailbox, const char *uids)
{
    struct keep_expunge_rep rep;

    CHECK_OK(ask_expunge(w, w->gate,
                         &(struct keep_expunge_req){
                             .session = w->session, .mailbox = mailbox, .uids = uids_of(w, uids) },
                         &rep),
             "expunge");
}

TEST(keys_are_made_once_written_and_read_again)
{
    struct world w;
    uint32_t inbox, pages;
    struct str sorted;

    world_open(&w);
    indexer_free(w.keeper); /* it would know without keys */
    for (int i = 0; i < MANY; i++)
        deliver(&w, "bob@hamburger.edu",
                i == 700 ? "Re: Cr\xC3\xAApes"
                : i % 2  ? "ham"
                         : "eggs",
                "");
    inbox = select_inbox(&w);
    CHECK_STR(search_subject(&w, inbox, STR("CR\xC3\x8APES")), STR("701"), "by keys");
    world_settle(&w, 1000);
    CHECK(has_row(&w, inbox, 0), "the full block is written");
    CHECK(!has_row(&w, inbox, 1), "the other one is not");
    sorted = sort_by(&w, inbox, "1:4000", &by_subject, &pages);

    world_restart(&w, false);
    w.session = world_login(&w, STR("alice"), STR("hungry"));
    CHECK_STR(search_subject(&w, inbox, STR("cr\xC3\xAApes")), STR("701"),
              "by keys that were read");
    CHECK_STR(sort_by(&w, inbox, "1:4000", &by_subject, &pages), sorted, "the same order");

    expunge(&w, inbox, "2:700,702:900");
    CHECK(has_row(&w, inbox, 0), "messages are left");
    CHECK_STR(search_subject(&w, inbox, STR("cr\xC3\xAApes")), STR("701"), "still there");
    CHECK_STR(sort_by(&w, inbox, "1:902", &by_subject, &pages), STR("701 1 901 902"),
              "what is left");
    CHECK_EQ(world_check(&w, true), 0, "keys of messages that are gone do no harm");
    expunge(&w, inbox, "1:1024");
    CHECK(!has_row(&w, inbox, 0), "nothing is left");
    CHECK_STR(search_subject(&w, inbox, STR("cr\xC3\xAApes")), STR(""), "gone");
    world_close(&w);
}

TEST(keys_of_a_mailbox_that_is_deleted_go_with_it)
{
    struct world w;
    struct keep_mailbox_rename_rep renamed;
    struct keep_mailbox_delete_rep deleted;
    uint32_t inbox, pages;

    world_open(&w);
    for (int i = 0; i < MANY; i++)
        deliver(&w, "bob@hamburger.edu", "ham", "");
    inbox = select_inbox(&w);
    (void)sort_by(&w, inbox, "1:4000", &by_date, &pages);
    world_settle(&w, 1000);
    CHECK(has_row(&w, inbox, 0), "written");
    CHECK_OK(ask_mailbox_rename(&w, w.gate,
                                &(struct keep_mailbox_rename_req){
                                    .session = w.session, .from = STR("INBOX"), .to = STR("old") },
                                &renamed),
             "INBOX gives its messages away");
    world_settle(&w, 1000);
    CHECK(!has_row(&w, inbox, 0), "it has none any more");
    CHECK_OK(ask_mailbox_delete(
                 &w, w.gate,
                 &(struct keep_mailbox_delete_req){ .session = w.session, .name = STR("old") },
                 &deleted),
             "delete");
    world_settle(&w, 1000);
    world_close(&w);
}

TEST(keys_beyond_the_budget_go)
{
    struct world w;
    struct mailbox_keys *a, *b;
    struct key_cache *c;

    world_open(&w);
    c = key_cache_new(1000, (struct siphash_key){ { 0 } });
    a = key_cache_pin(c, ALICE, 1);
    b = key_cache_pin(c, ALICE, 2);
    key_cache_release(c, a, 900);
    CHECK_EQ(key_cache_bytes(c), 900, "one");
    key_cache_release(c, b, 800);
    CHECK_EQ(key_cache_bytes(c), 800, "the older one went");
    CHECK(key_cache_pin(c, ALICE, 2) == b, "the newer one is there");
    a = key_cache_pin(c, ALICE, 1);
    key_cache_release(c, a, 5000);
    CHECK_EQ(key_cache_bytes(c), 5800, "what is used stays");
    key_cache_release(c, b, 800);
    CHECK_EQ(key_cache_bytes(c), 5000, "and the one that was used last");
    key_cache_free(c);
    world_close(&w);
}

/* ---- faults ---- */

static void not_asked_for(void *ctx, enum err e, const struct keep_sort_rep *rep, struct file *file)
{
    (void)ctx, (void)e, (void)rep, (void)file;
}

TEST(keeper_may_go_at_any_moment_of_a_sort)
{
    struct world w;

    world_open(&w);
    deliver_five(&w);
    sim_set_faults(w.sim, &(struct sim_faults){ .latency_ms_max = 2, .work_ms_max = 8 });
    for (uint64_t ms = 0; ms < 20; ms++) {
        struct keep_sort_req req = { .session = w.session,
                                     .mailbox = select_inbox(&w),
                                     .program = program_of(&w, SEARCH_ALL, STR("")),
                                     .uids = uids_of(&w, "1:5"),
                                     .thread = 1 };

        (void)keeper_sort(w.gate, &req, not_asked_for, NULL);
        (void)sim_run(w.sim, sim_now_ms(w.sim) + ms);
        world_restart(&w, false);
        w.session = world_login(&w, STR("alice"), STR("hungry"));
    }
    world_close(&w);
}
