/* keeper/move/server_import_test.c - messages from elsewhere: UIDs, UIDLs, marks, quotas. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_test_world.h"
#include "message/record/record.h"

#define LETTER STR("Subject: one\r\nMessage-ID: <1@crepes.fr>\r\n\r\nHello\r\n")

static uint64_t open_alice(struct world *w)
{
    struct keep_account_open_req req = { .address = STR("alice@crepes.fr") };
    struct keep_account_open_rep rep;

    CHECK_OK(ask_account_open(w, w->control, &req, &rep), "open");
    return rep.session;
}

static struct str record_of(struct world *w, struct str message)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct buf b = { 0 };
    struct str s;

    record_build(message, &limits, &b);
    s = arena_copy(w->mem, buf_str(&b));
    buf_deinit(&b);
    return s;
}

static struct keep_incoming letter(struct world *w, uint32_t uid, const char *uidl)
{
    return (struct keep_incoming){ .uid = uid,
                                   .flags = FLAG_SEEN,
                                   .internal_date = 1000 + uid,
                                   .uidl = str_from_z(uidl),
                                   .record = record_of(w, LETTER),
                                   .bytes = LETTER };
}

static struct keep_select_rep look(struct world *w, uint64_t session)
{
    struct keep_select_req req = { .session = session, .name = STR("INBOX") };
    struct keep_select_rep rep;

    CHECK_OK(ask_select(w, w->control, &req, &rep), "select");
    return rep;
}

TEST(an_empty_mailbox_takes_over_uidvalidity_uids_and_uidls)
{
    struct world w;
    struct keep_text words[] = { { STR("work") }, { STR("bad word") } };
    struct keep_import_rep rep;
    struct keep_select_rep inbox;
    struct keep_fetch_rep rows;

    world_open(&w);
    uint64_t s = open_alice(&w);
    struct keep_incoming in[] = { letter(&w, 7, "0000000700000042"), letter(&w, 9, "") };
    in[0].keywords = words;
    in[0].keywords_count = 2;
    struct keep_import_req req = { .session = s,
                                   .name = STR("INBOX"),
                                   .uidvalidity = 42,
                                   .uidnext = 20,
                                   .messages = in,
                                   .messages_count = 2 };
    CHECK_OK(ask_import(&w, w.control, &req, &rep), "import");
    CHECK_EQ(rep.uidvalidity, 42, "uidvalidity");
    CHECK_EQ(rep.kept, 2, "kept");
    CHECK_STR(uids_text(&w, rep.uids), STR("7,9"), "uids");
    inbox = look(&w, s);
    CHECK_EQ(inbox.uidvalidity, 42, "uidvalidity");
    CHECK_EQ(inbox.uidnext, 20, "uidnext");
    CHECK_EQ(inbox.keywords_count, 1, "a keyword that is none is left out");
    struct keep_fetch_req fetch = { .session = s,
                                    .mailbox = inbox.mailbox,
                                    .uids = inbox.uids,
                                    .items = ITEM_UIDL | ITEM_FLAGS | ITEM_INTERNAL_DATE };
    CHECK_OK(ask_fetch(&w, w.control, &fetch, &rows), "fetch");
    CHECK_EQ(rows.rows_count, 2, "rows");
    CHECK_STR(rows.rows[0].uidl, STR("0000000700000042"), "uidl");
    CHECK_STR(rows.rows[1].uidl, STR(""), "no uidl");
    CHECK_EQ(rows.rows[0].internal_date, 1007, "date");
    CHECK_EQ(rows.rows[0].keywords, 1, "keyword");

    /* Once more: these UIDs are taken, the others go on behind UIDNEXT. */
    CHECK_OK(ask_import(&w, w.control, &req, &rep), "again");
    CHECK_EQ(rep.kept, 0, "taken");
    CHECK_STR(uids_text(&w, rep.uids), STR("20:21"), "next ones");
    req.uidvalidity = 43;
    in[0].uid = 90;
    CHECK_OK(ask_import(&w, w.control, &req, &rep), "another uidvalidity");
    CHECK_EQ(rep.uidvalidity, 42, "stays");
    CHECK_EQ(rep.kept, 0, "not kept");
    world_close(&w);
}

TEST(numbers_that_would_use_up_all_others_are_not_taken_over)
{
    struct world w;
    struct keep_import_rep rep;

    world_open(&w);
    struct keep_incoming in = letter(&w, UINT32_MAX, "");
    struct keep_import_req req = { .session = open_alice(&w),
                                   .name = STR("INBOX"),
                                   .uidvalidity = UINT32_MAX,
                                   .uidnext = UINT32_MAX,
                                   .messages = &in,
                                   .messages_count = 1 };
    CHECK_OK(ask_import(&w, w.control, &req, &rep), "import");
    CHECK(rep.uidvalidity != UINT32_MAX, "uidvalidity");
    CHECK_STR(uids_text(&w, rep.uids), STR("1"), "uid");
    req.uidvalidity = rep.uidvalidity;
    CHECK_OK(ask_import(&w, w.control, &req, &rep), "import");
    CHECK_STR(uids_text(&w, rep.uids), STR("2"), "uid");
    world_close(&w);
}

TEST(a_session_that_saw_the_old_uidvalidity_ends)
{
    struct world w;
    struct keep_import_rep rep;
    struct keep_select_rep selected;

    world_open(&w);
    uint64_t client = world_login(&w, STR("alice@crepes.fr"), STR("hungry"));
    struct keep_incoming in = letter(&w, 5, "");
    struct keep_import_req req = { .session = open_alice(&w),
                                   .name = STR("INBOX"),
                                   .uidvalidity = 42,
                                   .messages = &in,
                                   .messages_count = 1 };
    CHECK_OK(ask_import(&w, w.control, &req, &rep), "import");
    CHECK_EQ(ask_select(&w, w.gate,
                        &(struct keep_select_req){ .session = client, .name = STR("INBOX") },
                        &selected),
             ERR_DENIED, "the client's session");
    CHECK_EQ(look(&w, req.session).exists, 1, "the importer's goes on");
    world_close(&w);
}

TEST(marks_come_with_the_messages_and_survive_a_power_cut)
{
    struct world w;
    struct keep_import_rep rep;
    struct keep_import_marks_rep marks;
    struct keep_mark put[] = { { STR("a1"), STR("x") },
                               { STR("a2"), STR("y") },
                               { STR("b"), STR("z") } };

    world_open(&w);
    struct keep_incoming in = letter(&w, 0, "");
    struct keep_import_req req = { .session = open_alice(&w),
                                   .name = STR("INBOX"),
                                   .messages = &in,
                                   .messages_count = 1,
                                   .marks = put,
                                   .marks_count = 3 };
    CHECK_OK(ask_import(&w, w.control, &req, &rep), "import");
    world_restart(&w, true);
    struct keep_import_marks_req ask = { .session = open_alice(&w), .prefix = STR("a") };
    CHECK_OK(ask_import_marks(&w, w.control, &ask, &marks), "marks");
    CHECK_EQ(marks.marks_count, 2, "those with the prefix");
    CHECK_STR(marks.marks[1].key, STR("a2"), "key");
    CHECK_STR(marks.marks[1].value, STR("y"), "value");
    CHECK_EQ(look(&w, ask.session).exists, 1, "the message too");

    put[0].value = STR_EMPTY;
    req.session = ask.session;
    req.messages_count = 0;
    CHECK_OK(ask_import(&w, w.control, &req, &rep), "marks alone");
    ask.from = STR("a2");
    CHECK_OK(ask_import_marks(&w, w.control, &ask, &marks), "marks");
    CHECK_EQ(marks.marks_count, 1, "one is forgotten");
    world_close(&w);
}

TEST(what_cannot_be_imported_leaves_nothing_behind)
{
    struct world w;
    struct keep_import_rep rep;
    struct keep_account_quota_req quota = { .address = STR("alice@crepes.fr"), .quota_bytes = 60 };
    struct keep_account_quota_rep none;

    world_open(&w);
    struct keep_incoming in[] = { letter(&w, 0, ""), letter(&w, 0, "") };
    struct keep_import_req req = {
        .session = open_alice(&w), .name = STR("INBOX"), .messages = in, .messages_count = 2
    };
    CHECK_OK(ask_account_quota(&w, w.control, &quota, &none), "quota");
    CHECK_EQ(ask_import(&w, w.control, &req, &rep), ERR_QUOTA, "together too much");
    CHECK_EQ(look(&w, req.session).exists, 0, "none of them");
    req.name = STR("Nowhere");
    CHECK_EQ(ask_import(&w, w.control, &req, &rep), ERR_NOT_FOUND, "no such mailbox");
    req.name = STR("INBOX");
    in[1].bytes = STR_EMPTY;
    CHECK_EQ(ask_import(&w, w.control, &req, &rep), ERR_SYNTAX, "an empty message");
    req.spool = 1;
    CHECK_EQ(ask_import(&w, w.control, &req, &rep), ERR_LIMIT, "two in one spool file");
    CHECK_EQ(ask_account_open(&w, w.control,
                              &(struct keep_account_open_req){ .address = STR("x@crepes.fr") },
                              &(struct keep_account_open_rep){ 0 }),
             ERR_NOT_FOUND, "no such account");
    CHECK_EQ(ask_import(&w, w.gate, &req, &rep), ERR_DENIED, "not for a gate");
    world_close(&w);
}

TEST(a_uidl_goes_with_its_message)
{
    struct world w;
    struct keep_import_rep rep;
    struct keep_expunge_rep gone;

    world_open(&w);
    uint64_t client = world_login(&w, STR("alice@crepes.fr"), STR("hungry"));
    struct keep_incoming in[] = { letter(&w, 0, "one"), letter(&w, 0, "two"),
                                  letter(&w, 0, "bad uidl") };
    struct keep_import_req req = {
        .session = open_alice(&w), .name = STR("INBOX"), .messages = in, .messages_count = 3
    };
    CHECK_OK(ask_import(&w, w.control, &req, &rep), "import");
    struct keep_expunge_req expunge = { .session = client,
                                        .mailbox = rep.mailbox,
                                        .uids = uids_of(&w, "1") };
    CHECK_OK(ask_expunge(&w, w.gate, &expunge, &gone), "expunge");
    struct keep_copy_req move = { .session = client,
                                  .mailbox = rep.mailbox,
                                  .uids = uids_of(&w, "2"),
                                  .target = STR("Trash"),
                                  .move = true };
    struct keep_copy_rep moved;
    CHECK_OK(ask_copy(&w, w.gate, &move, &moved), "move");
    CHECK_EQ(look(&w, req.session).exists, 1, "one is left");
    world_close(&w); /* proves that no UIDL is left without its message */
}
