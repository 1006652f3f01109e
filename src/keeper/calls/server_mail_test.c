/* keeper/calls/server_mail_test.c - mail arrives, is read, marked, copied, searched, removed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_job.h"
#include "keeper/server_test_world.h"
#include "message/record/fields.h"
#include "message/set/search.h"

#define HELLO                                                                                      \
    STR("From: bob@hamburger.edu\r\nTo: alice@crepes.fr\r\nSubject: Hello\r\n"                     \
        "Message-ID: <1@hamburger.edu>\r\n\r\nDo you like ketchup?\r\n")

static void deliver_some(struct world *w, int count)
{
    for (int i = 0; i < count; i++)
        CHECK_OK(world_deliver(w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"), HELLO),
                 "message %d", i);
}

static struct keep_select_rep select_box(struct world *w, struct str name, bool write)
{
    struct keep_select_rep rep;

    CHECK_OK(
        ask_select(w, w->gate,
                   &(struct keep_select_req){ .session = w->session, .name = name, .write = write },
                   &rep),
        "select");
    return rep;
}

static struct keep_fetch_rep fetch(struct world *w, uint32_t mailbox, const char *uids,
                                   uint32_t items)
{
    struct keep_fetch_rep rep;

    CHECK_OK(ask_fetch(w, w->gate,
                       &(struct keep_fetch_req){ .session = w->session,
                                                 .mailbox = mailbox,
                                                 .uids = uids_of(w, uids),
                                                 .items = items },
                       &rep),
             "fetch");
    return rep;
}

static struct keep_store_rep store(struct world *w, uint32_t mailbox, const char *uids,
                                   enum keep_store_op op, uint32_t flags)
{
    struct keep_store_rep rep;

    CHECK_OK(ask_store(w, w->gate,
                       &(struct keep_store_req){ .session = w->session,
                                                 .mailbox = mailbox,
                                                 .uids = uids_of(w, uids),
                                                 .op = (uint8_t)op,
                                                 .flags = flags,
                                                 .unchanged_since = UNCHANGED_SINCE_UNSAID },
                       &rep),
             "store");
    return rep;
}

TEST(delivered_mail_can_be_read_and_survives_a_power_cut)
{
    struct world w;
    struct keep_want want = { .section = STR("TEXT"), .length = 100 };

    world_open(&w);
    deliver_some(&w, 3);
    world_restart(&w, true);
    w.session = world_login(&w, STR("alice"), STR("hungry"));

    struct keep_select_rep box = select_box(&w, STR("inbox"), false);
    struct keep_fetch_rep rows;

    CHECK_EQ(box.exists, 3, "exists");
    CHECK_EQ(box.unseen, 3, "unseen");
    CHECK_EQ(box.uidnext, 4, "uidnext");
    CHECK_STR(uids_text(&w, box.uids), STR("1:3"), "uids");
    CHECK_OK(ask_fetch(
                 &w, w.gate,
                 &(struct keep_fetch_req){ .session = w.session,
                                           .mailbox = box.mailbox,
                                           .uids = uids_of(&w, "2:9"),
                                           .items = ITEM_FLAGS | ITEM_SIZE | ITEM_RECORD | ITEM_IDS,
                                           .wants = &want,
                                           .wants_count = 1,
                                           .mark_seen = true },
                 &rows),
             "fetch");
    CHECK_EQ(rows.rows_count, 2, "rows");
    CHECK_EQ(rows.rows[0].uid, 2, "uid");
    CHECK_EQ(rows.rows[0].flags, FLAG_SEEN, "marked");
    CHECK_EQ(rows.rows[0].size, HELLO.len, "size");
    CHECK_STR(rows.rows[1].parts[0].bytes, STR("Do you like ketchup?\r\n"), "text");
    CHECK(rows.rows[0].thread == rows.rows[1].thread, "one thread");

    struct record r;

    CHECK_OK(record_open(rows.rows[0].record, &r), "record");
    CHECK_STR(envelope_text(r.envelope, ENVELOPE_SUBJECT), STR("Hello"), "subject");
    CHECK_EQ(select_box(&w, STR("INBOX"), false).unseen, 1, "unseen afterwards");
    world_close(&w);
}

/* POP3 counts octets as they are sent (RFC 1939 11); the view knows those that are stored. */
TEST(the_size_on_the_wire_is_left_open_where_lines_end_otherwise)
{
    static const struct {
        struct str text;
        bool open;
    } rows[] = { { STR_INIT("A: b\r\n\r\nhi\r\n"), false },
                 { STR_INIT("A: b\n\nhi\n"), true },
                 { STR_INIT("A: b\r\n\r\nhi\nho\r\n"), true } };
    struct world w;
    struct keep_select_rep box;

    world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_OK(world_deliver(&w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"), rows[i].text),
                 "row %zu", i);
    w.session = world_login(&w, STR("alice"), STR("hungry"));
    box = select_box(&w, STR("INBOX"), false);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str uid = arena_printf(w.mem, "%zu", i + 1);
        struct keep_fetch_req req = { .session = w.session,
                                      .mailbox = box.mailbox,
                                      .uids = uids_of(&w, uid.at),
                                      .items = ITEM_SIZE | ITEM_WIRE_SIZE };
        struct keep_fetch_rep rep;

        CHECK_OK(ask_fetch(&w, w.gate, &req, &rep), "row %zu", i);
        CHECK_EQ(rep.rows_count, 1, "row %zu", i);
        CHECK_EQ(rep.rows[0].size, rows[i].open ? UINT64_MAX : rows[i].text.len, "row %zu", i);
    }
    world_close(&w);
}

TEST(one_message_to_an_alias_is_stored_once_for_each_and_queued_for_strangers)
{
    struct world w;
    struct keep_text targets[] = { { STR("alice@crepes.fr") },
                                   { STR("bob@hamburger.edu") },
                                   { STR("carol@example.org") } };
    struct keep_rcpt rcpts[] = { { .address = STR("team@crepes.fr"), .orcpt = STR("") },
                                 { .address = STR("alice+x@crepes.fr"), .orcpt = STR("") },
                                 { .address = STR("nobody@crepes.fr"), .orcpt = STR("") } };
    struct keep_queue_list_rep queue;

    world_open(&w);
    CHECK_OK(ask_alias_add(&w, w.control,
                           &(struct keep_alias_add_req){ .address = STR("team@crepes.fr"),
                                                         .targets = targets,
                                                         .targets_count = 3 },
                           NULL),
             "alias");
    CHECK_OK(ask_deliver(&w, w.gate,
                         &(struct keep_deliver_req){ .reverse_path = STR("dave@example.org"),
                                                     .rcpts = rcpts,
                                                     .rcpts_count = 3,
                                                     .bytes = HELLO },
                         NULL),
             "deliver");
    CHECK_EQ(select_box(&w, STR("INBOX"), false).exists, 1, "alice has it once");
    CHECK_OK(ask_queue_list(&w, w.control, &(struct keep_queue_list_req){ 0 }, &queue), "queue");
    CHECK_EQ(queue.entries_count, 1, "one entry");
    CHECK_EQ(queue.entries[0].rcpts_count, 2, "the stranger, and who is nobody here");
    world_close(&w);
}

TEST(what_goes_on_is_queued_without_the_return_path)
{
    struct world w;
    struct str top = STR("Return-Path: <dave@example.org>\r\n");
    struct keep_rcpt rcpts[] = { { .address = STR("alice@crepes.fr"), .orcpt = STR("") },
                                 { .address = STR("carol@example.org"), .orcpt = STR("") } };
    struct keep_queue_list_rep queue;
    struct keep_queue_show_rep shown;
    struct keep_deliver_req req = { .reverse_path = STR("dave@example.org"),
                                    .rcpts = rcpts,
                                    .rcpts_count = 2,
                                    .return_path_bytes = (uint32_t)top.len };

    world_open(&w);
    req.bytes = arena_join(w.mem, top, HELLO);
    CHECK_OK(ask_deliver(&w, w.gate, &req, NULL), "deliver");
    CHECK_EQ(select_box(&w, STR("INBOX"), false).size, req.bytes.len, "alice sees it");
    CHECK_OK(ask_queue_list(&w, w.control, &(struct keep_queue_list_req){ 0 }, &queue), "queue");
    CHECK_EQ(queue.entries[0].size, HELLO.len, "the size that courier is told");
    CHECK_OK(
        ask_queue_show(&w, w.control,
                       &(struct keep_queue_show_req){ .id = queue.entries[0].id, .length = 10000 },
                       &shown),
        "show");
    CHECK_STR(shown.bytes, HELLO, "what goes on");
    req.return_path_bytes = (uint32_t)req.bytes.len + 1;
    CHECK_EQ(ask_deliver(&w, w.gate, &req, NULL), ERR_SYNTAX, "more than there is");
    world_close(&w);
}

TEST(a_spool_file_is_used_once_and_by_its_channel)
{
    struct world w;
    struct keep_spool_rep spool;
    struct keep_rcpt rcpt = { .address = STR("alice@crepes.fr"), .orcpt = STR("") };
    struct keep_deliver_req req = { .reverse_path = STR(""), .rcpts = &rcpt, .rcpts_count = 1 };
    struct errinfo why;

    world_open(&w);
    CHECK_OK(ask_spool(&w, w.gate, &(struct keep_spool_req){ .size_hint = 100 }, &spool), "spool");
    CHECK(w.spool_file != NULL, "a file came along");
    CHECK_OK(file_pwrite(w.spool_file, 0, HELLO, &why), "write");
    req.spool = spool.spool;
    req.spool_bytes = HELLO.len + 1;
    req.bytes = STR("Return-Path: <>\r\n");
    CHECK_EQ(ask_deliver(&w, w.gate, &req, NULL), ERR_STATE, "more than is there");
    CHECK_OK(ask_spool(&w, w.gate, &(struct keep_spool_req){ .size_hint = 100 }, &spool), "spool");
    CHECK_OK(file_pwrite(w.spool_file, 0, HELLO, &why), "write");
    req.spool = spool.spool;
    req.spool_bytes = HELLO.len;
    CHECK_OK(ask_deliver(&w, w.gate, &req, NULL), "deliver");
    CHECK_EQ(ask_deliver(&w, w.gate, &req, NULL), ERR_NOT_FOUND, "twice");
    CHECK_EQ(select_box(&w, STR("INBOX"), false).size, HELLO.len + 17, "size");
    world_close(&w);
}

/* Nobody on a list is left out, and a list that leads too far is refused rather than cut. */
TEST(an_alias_reaches_all_of_its_targets)
{
    struct keep_text targets[1000];
    const struct keep_alias_add_req req = { .address = STR("all@crepes.fr"),
                                            .targets = targets,
                                            .targets_count = ARRAY_LEN(targets) };
    struct keep_lease_rep lease;
    size_t queued = 0;
    struct world w;

    world_open(&w);
    for (int i = 0; i < 1000; i++)
        targets[i].text = arena_printf(w.mem, "p%d@example.net", i);
    CHECK_OK(ask_alias_add(&w, w.control, &req, NULL), "alias");
    CHECK_OK(world_deliver(&w, STR("bob@hamburger.edu"), STR("all@crepes.fr"), STR("x\r\n")),
             "deliver");
    CHECK_OK(
        ask_lease(&w, w.courier, &(struct keep_lease_req){ .max = 100, .lease_s = 60 }, &lease),
        "lease");
    for (size_t i = 0; i < lease.entries_count; i++)
        queued += lease.entries[i].rcpts_count;
    CHECK_EQ(queued, 1000, "everybody");

    for (int list = 0; list < 3; list++) {
        struct keep_alias_add_req inner = req;

        inner.address = arena_printf(w.mem, "l%d@crepes.fr", list);
        for (int i = 0; i < 1000; i++)
            targets[i].text = arena_printf(w.mem, "p%d@l%d.example.net", i, list);
        CHECK_OK(ask_alias_add(&w, w.control, &inner, NULL), "list %d", list);
    }
    for (int list = 0; list < 3; list++)
        targets[list].text = arena_printf(w.mem, "l%d@crepes.fr", list);
    CHECK_OK(ask_alias_add(&w, w.control,
                           &(struct keep_alias_add_req){ .address = STR("all@crepes.fr"),
                                                         .targets = targets,
                                                         .targets_count = 3 },
                           NULL),
             "a list of lists");
    CHECK_EQ(world_deliver(&w, STR("bob@hamburger.edu"), STR("all@crepes.fr"), STR("x\r\n")),
             ERR_LIMIT, "too many");
    world_close(&w);
}

TEST(quotas_are_kept)
{
    struct world w;
    struct keep_route_rep route;

    world_open(&w);
    CHECK_OK(ask_account_quota(&w, w.control,
                               &(struct keep_account_quota_req){ .address = STR("alice@crepes.fr"),
                                                                 .quota_messages = 2 },
                               NULL),
             "quota");
    deliver_some(&w, 3);
    CHECK_EQ(select_box(&w, STR("INBOX"), false).exists, 2, "the third waits in the queue");
    CHECK_OK(ask_route(&w, w.gate, &(struct keep_route_req){ .address = STR("alice@crepes.fr") },
                       &route),
             "route");
    CHECK_EQ(route.kind, ROUTE_FULL, "route");
    world_close(&w);
}

TEST(recent_belongs_to_the_first_session_that_writes)
{
    struct world w;

    world_open(&w);
    deliver_some(&w, 2);
    CHECK_STR(uids_text(&w, select_box(&w, STR("INBOX"), false).recent_uids), STR("1:2"), "look");
    CHECK_STR(uids_text(&w, select_box(&w, STR("INBOX"), true).recent_uids), STR("1:2"), "first");
    CHECK_STR(uids_text(&w, select_box(&w, STR("INBOX"), true).recent_uids), STR(""), "second");
    deliver_some(&w, 1);
    CHECK_STR(uids_text(&w, select_box(&w, STR("INBOX"), true).recent_uids), STR("3"), "new");
    world_close(&w);
}

TEST(flags_change_and_conditions_hold)
{
    struct world w;
    struct keep_text keyword = { STR("work") };
    struct keep_store_rep rep;

    world_open(&w);
    deliver_some(&w, 3);

    struct keep_select_rep box = select_box(&w, STR("INBOX"), false);
    struct keep_store_rep first = store(&w, box.mailbox, "1:2", STORE_ADD, FLAG_FLAGGED);

    CHECK_STR(uids_text(&w, first.changed), STR("1:2"), "changed");
    CHECK_STR(uids_text(&w, store(&w, box.mailbox, "1:3", STORE_ADD, FLAG_FLAGGED).changed),
              STR("3"), "only what differs");
    CHECK_OK(ask_store(&w, w.gate,
                       &(struct keep_store_req){ .session = w.session,
                                                 .mailbox = box.mailbox,
                                                 .uids = uids_of(&w, "1:3"),
                                                 .op = STORE_ADD,
                                                 .keywords = &keyword,
                                                 .keywords_count = 1,
                                                 .unchanged_since = first.modseq },
                       &rep),
             "conditional");
    CHECK_STR(uids_text(&w, rep.changed), STR("1:2"), "unchanged since");
    CHECK_STR(uids_text(&w, rep.modified), STR("3"), "modified since");
    CHECK_EQ(rep.keywords_count, 1, "keywords");

    struct keep_fetch_rep rows = fetch(&w, box.mailbox, "1", ITEM_FLAGS | ITEM_MODSEQ);

    CHECK_EQ(rows.rows[0].flags, FLAG_FLAGGED, "flags");
    CHECK_EQ(rows.rows[0].keywords, 1, "keyword");
    CHECK_EQ(rows.rows[0].modseq, rep.modseq, "modseq");
    (void)store(&w, box.mailbox, "1", STORE_SET, 0);
    rows = fetch(&w, box.mailbox, "1", ITEM_FLAGS);
    CHECK_EQ(rows.rows[0].flags + rows.rows[0].keywords, 0, "set to nothing");
    world_close(&w);
}

/* UIDs say nothing about the age of the emails behind them. */
TEST(a_mailbox_may_hold_its_emails_in_any_order)
{
    static const char *const moved[] = { "5", "3", "4", "1", "6", "2" };
    struct world w;

    world_open(&w);
    deliver_some(&w, 6);

    struct keep_select_rep box = select_box(&w, STR("INBOX"), false);
    for (size_t i = 0; i < ARRAY_LEN(moved); i++)
        CHECK_OK(ask_copy(&w, w.gate,
                          &(struct keep_copy_req){ .session = w.session,
                                                   .mailbox = box.mailbox,
                                                   .uids = uids_of(&w, moved[i]),
                                                   .target = STR("Archive"),
                                                   .move = true },
                          NULL),
                 "move %zu", i);
    box = select_box(&w, STR("Archive"), false);

    struct keep_fetch_rep rep = fetch(&w, box.mailbox, "1:100", ITEM_RECORD | ITEM_IDS);
    CHECK_EQ(rep.rows_count, 6, "all");
    for (size_t i = 0; i < rep.rows_count; i++) {
        CHECK_EQ(rep.rows[i].email, (uint64_t)(moved[i][0] - '0'), "row %zu", i);
        CHECK(rep.rows[i].record.len > 0, "row %zu", i);
    }
    world_close(&w);
}

/* Delivers HELLO with a record as it was made before there were fields in it. */
static void deliver_with_old_record(struct world *w)
{
    enum { FRAME = 68, FACTS = 1, HAS_FIELDS = 0x80 };
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct keep_rcpt rcpt = { .address = STR("alice@crepes.fr"), .orcpt = STR_EMPTY };
    struct buf now = { 0 }, old = { 0 };
    struct record r;

    record_build(HELLO, &limits, &now);
    CHECK_OK(record_open(buf_str(&now), &r), "record");
    buf_add(&old, str_take(buf_str(&now), FRAME));
    buf_add(&old, str_sub(buf_str(&now), RECORD_FRAME_BYTES,
                          now.len - RECORD_FRAME_BYTES - r.fields.len));
    old.at[0] = 1;
    old.at[FACTS] = (char)((uint8_t)old.at[FACTS] & ~HAS_FIELDS);
    CHECK_OK(ask_deliver(w, w->gate,
                         &(struct keep_deliver_req){ .reverse_path = STR("bob@hamburger.edu"),
                                                     .rcpts = &rcpt,
                                                     .rcpts_count = 1,
                                                     .bytes = HELLO,
                                                     .record = buf_str(&old) },
                         NULL),
             "deliver");
    buf_deinit(&now);
    buf_deinit(&old);
}

static struct keep_fetch_rep fetch_wants(struct world *w, uint32_t mailbox, uint32_t items,
                                         struct keep_want *wants, size_t count)
{
    struct keep_fetch_rep rep;

    CHECK_OK(ask_fetch(w, w->gate,
                       &(struct keep_fetch_req){ .session = w->session,
                                                 .mailbox = mailbox,
                                                 .uids = uids_of(w, "1:2"),
                                                 .items = items,
                                                 .wants = wants,
                                                 .wants_count = count },
                       &rep),
             "fetch");
    CHECK_EQ(rep.rows_count, 2, "rows");
    return rep;
}

TEST(header_fields_come_out_of_the_record_when_it_has_them)
{
    struct world w;
    struct keep_want wants[] = { { .section = STR("HEADER"), .length = 1000, .kept = true },
                                 { .section = STR("TEXT"), .length = 1000 } };
    struct str text = STR("Do you like ketchup?\r\n"), head;
    struct keep_fetch_rep rep;
    struct buf out = { 0 };
    struct record r;
    uint32_t box;

    world_open(&w);
    deliver_some(&w, 1);
    deliver_with_old_record(&w);
    box = select_box(&w, STR("INBOX"), false).mailbox;
    head = str_take(HELLO, HELLO.len - text.len);

    rep = fetch_wants(&w, box, ITEM_FIELDS, wants, 1);
    CHECK(rep.rows[0].parts[0].exists && rep.rows[0].parts[0].total == 0, "no octets");
    CHECK_OK(record_open(rep.rows[0].record, &r), "but a record");
    CHECK(record_fields(&r, &STR("Subject"), 1, &out), "with fields");
    CHECK_STR(buf_str(&out), STR("Subject: Hello\r\n\r\n"), "fields");
    CHECK_EQ(r.parts.len + r.preview.len, 0, "and nothing else");
    CHECK_STR(rep.rows[1].parts[0].bytes, head, "an old record has none");

    rep = fetch_wants(&w, box, ITEM_FIELDS, wants, 2);
    CHECK_STR(rep.rows[0].parts[0].bytes, head, "the message is read anyway");
    CHECK_STR(rep.rows[0].parts[1].bytes, text, "for its text");
    rep = fetch_wants(&w, box, ITEM_STRUCTURE, wants, 1);
    CHECK_STR(rep.rows[0].parts[0].bytes, head, "fields were not asked for");
    CHECK_OK(record_open(rep.rows[0].record, &r), "record");
    CHECK(r.parts.len > 0 && r.envelope.len == 0, "parts alone");
    buf_deinit(&out);
    world_close(&w);
}

TEST(copies_and_moves_share_the_octets)
{
    struct world w;
    struct keep_copy_rep copy;
    struct keep_expunge_rep gone;

    world_open(&w);
    deliver_some(&w, 3);

    struct keep_select_rep box = select_box(&w, STR("INBOX"), false);
    struct keep_copy_req req = { .session = w.session,
                                 .mailbox = box.mailbox,
                                 .uids = uids_of(&w, "1,3"),
                                 .target = STR("Archive") };

    CHECK_OK(ask_copy(&w, w.gate, &req, &copy), "copy");
    CHECK_STR(uids_text(&w, copy.source), STR("1,3"), "source");
    CHECK_STR(uids_text(&w, copy.target), STR("1:2"), "target");
    req.move = true;
    req.uids = uids_of(&w, "2");
    CHECK_OK(ask_copy(&w, w.gate, &req, &copy), "move");
    CHECK_STR(uids_text(&w, copy.target), STR("3"), "target");
    req.target = STR("Nowhere");
    CHECK_EQ(ask_copy(&w, w.gate, &req, &copy), ERR_NOT_FOUND, "no target");
    CHECK_EQ(select_box(&w, STR("INBOX"), false).exists, 2, "inbox");
    CHECK_EQ(select_box(&w, STR("Archive"), false).exists, 3, "archive");
    (void)store(&w, box.mailbox, "1", STORE_ADD, FLAG_DELETED);
    CHECK_OK(ask_expunge(&w, w.gate,
                         &(struct keep_expunge_req){ .session = w.session,
                                                     .mailbox = box.mailbox,
                                                     .uids = uids_of(&w, "1:9"),
                                                     .deleted_only = true },
                         &gone),
             "expunge");
    CHECK_STR(uids_text(&w, gone.expunged), STR("1"), "expunged");

    struct keep_sync_rep sync;

    CHECK_OK(ask_sync(&w, w.gate,
                      &(struct keep_sync_req){
                          .session = w.session, .mailbox = box.mailbox, .since = box.modseq },
                      &sync),
             "sync");
    CHECK_STR(uids_text(&w, sync.vanished), STR("1:2"), "vanished");
    CHECK_STR(uids_text(&w, sync.arrived), STR(""), "arrived");
    CHECK_EQ(sync.modseq, gone.modseq, "modseq");
    world_close(&w);
}

TEST(pop3_has_the_mailbox_for_itself)
{
    struct world w;
    struct keep_select_req lock = { .name = STR("INBOX"), .lock = true };
    uint64_t other;

    world_open(&w);
    other = world_login(&w, STR("alice"), STR("hungry"));
    deliver_some(&w, 1);
    lock.session = w.session;

    struct keep_select_rep box;

    CHECK_OK(ask_select(&w, w.gate, &lock, &box), "first");
    lock.session = other;
    CHECK_EQ(ask_select(&w, w.gate, &lock, NULL), ERR_IN_USE, "second");
    CHECK_EQ(ask_expunge(&w, w.gate,
                         &(struct keep_expunge_req){
                             .session = other, .mailbox = box.mailbox, .uids = uids_of(&w, "1") },
                         NULL),
             ERR_IN_USE, "expunge of another");
    CHECK_OK(ask_logout(&w, w.gate, &(struct keep_logout_req){ .session = w.session }, NULL),
             "logout");
    CHECK_OK(ask_select(&w, w.gate, &lock, NULL), "free again");
    world_close(&w);
}

/* ---- search ---- */

static struct str search_for(struct world *w, uint32_t mailbox, enum search_key key,
                             struct str text, uint64_t number)
{
    struct search_builder b;
    struct search s;
    struct buf program = { 0 };
    struct keep_search_rep rep;

    search_begin(&b, w->mem);
    if (text.len > 0)
        search_add_text(&b, key, text);
    else
        search_add_number(&b, key, number);
    CHECK_OK(search_finish(&b, &s), "program");
    search_encode(&s, &program);
    CHECK_OK(ask_search(w, w->gate,
                        &(struct keep_search_req){ .session = w->session,
                                                   .mailbox = mailbox,
                                                   .program = buf_str(&program) },
                        &rep),
             "search");
    buf_deinit(&program);
    return uids_text(w, rep.uids);
}

TEST(searching_finds_flags_headers_and_words)
{
    struct world w;

    world_open(&w);
    deliver_some(&w, 2);
    CHECK_OK(world_deliver(&w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"),
                           STR("Subject: Pickles\r\n\r\nHow about pickles?\r\n")),
             "third");

    struct keep_select_rep box = select_box(&w, STR("INBOX"), false);

    (void)store(&w, box.mailbox, "2", STORE_ADD, FLAG_SEEN);
    CHECK_STR(search_for(&w, box.mailbox, SEARCH_FLAG, STR(""), FLAG_SEEN), STR("2"), "flag");
    CHECK_STR(search_for(&w, box.mailbox, SEARCH_SUBJECT, STR("pickle"), 0), STR("3"), "subject");
    CHECK_STR(search_for(&w, box.mailbox, SEARCH_BODY, STR("KETCHUP"), 0), STR("1:2"), "body");
    CHECK_STR(search_for(&w, box.mailbox, SEARCH_TEXT, STR("hamburger.edu"), 0), STR("1:2"),
              "text");
    CHECK_STR(search_for(&w, box.mailbox, SEARCH_BODY, STR("mustard"), 0), STR(""), "nothing");
    world_close(&w);
}

static void not_asked_for(void *ctx, enum err e, const struct keep_search_rep *rep,
                          struct file *file)
{
    (void)ctx, (void)e, (void)rep, (void)file;
}

TEST(keeper_may_go_at_any_moment_of_a_search)
{
    struct search_builder b;
    struct search s;
    struct world w;

    world_open(&w);
    deliver_some(&w, 3);
    sim_set_faults(w.sim, &(struct sim_faults){ .latency_ms_max = 2, .work_ms_max = 8 });
    for (uint64_t ms = 0; ms < 20; ms++) {
        struct keep_select_rep box = select_box(&w, STR("INBOX"), false);
        struct buf program = { 0 };

        search_begin(&b, w.mem);
        search_add_text(&b, SEARCH_BODY, STR("mustard"));
        CHECK_OK(search_finish(&b, &s), "program");
        search_encode(&s, &program);
        struct keep_search_req req = { .session = w.session,
                                       .mailbox = box.mailbox,
                                       .program = buf_str(&program) };

        (void)keeper_search(w.gate, &req, not_asked_for, NULL);
        (void)sim_run(w.sim, sim_now_ms(w.sim) + ms);
        buf_deinit(&program);
        world_restart(&w, false);
        w.session = world_login(&w, STR("alice"), STR("hungry"));
    }
    world_close(&w);
}

/* ---- long pages ---- */

TEST(a_long_message_comes_in_pieces_and_many_rows_in_pages)
{
    struct world w;
    struct buf text = { 0 };
    struct keep_fetch_rep rows;
    uint64_t got = 0;

    world_open(&w);
    BUF_ADD(&text, "Subject: long\r\n\r\n");
    for (int i = 0; i < 700000 / 64; i++)
        buf_printf(&text, "%062d\r\n", i);
    CHECK_OK(world_deliver(&w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"), buf_str(&text)),
             "long");
    deliver_some(&w, 2);

    struct keep_select_rep box = select_box(&w, STR("INBOX"), false);
    struct keep_want want = { .section = STR("") };
    uint32_t from = 1, pages = 0;

    while (from == 1) {
        want.offset = got;
        want.length = text.len - got;
        CHECK_OK(ask_fetch(&w, w.gate,
                           &(struct keep_fetch_req){ .session = w.session,
                                                     .mailbox = box.mailbox,
                                                     .uids = uids_of(&w, "1:3"),
                                                     .from = from,
                                                     .wants = &want,
                                                     .wants_count = 1 },
                           &rows),
                 "page");
        CHECK_EQ(rows.rows[0].uid, 1, "the long one");
        CHECK_EQ(rows.rows[0].parts[0].total, text.len, "total");
        CHECK_STR(rows.rows[0].parts[0].bytes,
                  str_sub(buf_str(&text), got, rows.rows[0].parts[0].bytes.len), "at %llu",
                  (unsigned long long)got);
        got += rows.rows[0].parts[0].bytes.len;
        from = rows.next;
        CHECK(++pages < 10, "it ends");
    }
    CHECK_EQ(got, text.len, "all of it");
    buf_deinit(&text);
    world_close(&w);
}

/* ---- every mutating call, with every file call failing in turn ---- */

static uint32_t count_of(struct world *w, struct str name)
{
    struct keep_mailbox_status_rep rep;

    CHECK_OK(ask_mailbox_status(
                 w, w->gate,
                 &(struct keep_mailbox_status_req){ .session = w->session, .name = name }, &rep),
             "status");
    return rep.messages;
}

TEST(a_delivery_that_fails_leaves_the_old_state_and_one_that_is_answered_stays)
{
    static const enum fault_kind kinds[] = { FAULT_IO, FAULT_NO_SPACE, FAULT_SHORT_WRITE,
                                             FAULT_SYNC_LOST };

    for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++)
        for (uint64_t nth = 1; nth < 4; nth++) {
            struct world w;
            enum err e;

            world_open(&w);
            deliver_some(&w, 1);
            fs_faulty_set(w.fs, kinds[kind], nth, false);
            e = world_deliver(&w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"), HELLO);
            world_restart(&w, true);
            w.session = world_login(&w, STR("alice"), STR("hungry"));
            /* ERR_CLOSED: nobody knows (doc/decisions/0003). */
            if (e != ERR_CLOSED)
                CHECK_EQ(count_of(&w, STR("INBOX")), e == OK ? 2 : 1, "kind %zu, call %d", kind,
                         (int)nth);
            world_close(&w);
        }
}

/* A lock or a file whose return was refused would be held until the channel ends. */
TEST(what_is_given_back_is_taken_however_busy_keeper_is)
{
    struct keep_select_req lock = { .name = STR("INBOX"), .lock = true };
    struct keep_spool_rep spool;
    struct keep_select_rep box;
    struct world w;

    world_open(&w);
    lock.session = w.session;
    CHECK_OK(ask_select(&w, w.gate, &lock, &box), "lock");
    CHECK_OK(ask_spool(&w, w.gate, &(struct keep_spool_req){ 0 }, &spool), "spool");

    uint32_t usual = w.keeper->settings.requests_max;

    w.keeper->settings.requests_max = 0;
    CHECK_EQ(ask_select(&w, w.gate, &lock, &box), ERR_UNAVAILABLE, "busy");
    CHECK_OK(
        ask_spool_drop(&w, w.gate, &(struct keep_spool_drop_req){ .spool = spool.spool }, NULL),
        "spool_drop");
    CHECK_OK(ask_logout(&w, w.gate, &(struct keep_logout_req){ .session = w.session }, NULL),
             "logout");
    w.keeper->settings.requests_max = usual;
    lock.session = world_login(&w, STR("alice"), STR("hungry"));
    CHECK_OK(ask_select(&w, w.gate, &lock, &box), "lock again");
    world_close(&w);
}
