/* keeper/calls/server_append_test.c - messages put into mailboxes by clients: all, or none. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_job.h"
#include "keeper/server_test_world.h"
#include "message/record/record.h"

#define HELLO                                                                                      \
    STR("From: bob@hamburger.edu\r\nTo: alice@crepes.fr\r\nSubject: Hello\r\n\r\nKetchup?\r\n")

static void add(struct buf *octets, struct buf *manifest, struct str message, uint32_t flags)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct keep_text work = { STR("Work") };
    struct buf record = { 0 };
    struct keep_new_message m = { .size = message.len,
                                  .flags = flags,
                                  .internal_date = 760686745,
                                  .internal_zone = -480,
                                  .keywords = &work,
                                  .keywords_count = 1 };

    record_build(message, &limits, &record);
    m.record = buf_str(&record);
    keep_manifest_add(manifest, &m);
    buf_add(octets, message);
    buf_deinit(&record);
}

struct some { /* three messages */
    struct buf octets, manifest;
    struct keep_append_req req;
};

static void some_init(struct world *w, struct some *s, struct str mailbox)
{
    *s = (struct some){ 0 };
    add(&s->octets, &s->manifest, HELLO, FLAG_SEEN);
    add(&s->octets, &s->manifest, STR("Subject: two\r\n\r\n2\r\n"), 0);
    add(&s->octets, &s->manifest, STR("3"), FLAG_DRAFT);
    s->req = (struct keep_append_req){ .session = w->session,
                                       .name = mailbox,
                                       .manifest = buf_str(&s->manifest),
                                       .bytes = buf_str(&s->octets) };
}

static void some_deinit(struct some *s)
{
    buf_deinit(&s->octets);
    buf_deinit(&s->manifest);
}

static struct keep_select_rep box_of(struct world *w, struct str name)
{
    struct keep_select_rep rep;

    CHECK_OK(ask_select(w, w->gate,
                        &(struct keep_select_req){ .session = w->session, .name = name }, &rep),
             "select");
    return rep;
}

static struct keep_fetch_rep rows_of(struct world *w, uint32_t mailbox)
{
    struct keep_want all = { .section = STR(""), .length = 1000 };
    struct keep_fetch_rep rep;

    CHECK_OK(ask_fetch(w, w->gate,
                       &(struct keep_fetch_req){ .session = w->session,
                                                 .mailbox = mailbox,
                                                 .uids = uids_of(w, "1:99"),
                                                 .items = ITEM_FLAGS | ITEM_INTERNAL_DATE,
                                                 .wants = &all,
                                                 .wants_count = 1 },
                       &rep),
             "fetch");
    return rep;
}

static void check_some(struct world *w, struct str name)
{
    struct keep_fetch_rep rep = rows_of(w, box_of(w, name).mailbox);

    CHECK_EQ(rep.rows_count, 3, "all three");
    CHECK_STR(rep.rows[0].parts[0].bytes, HELLO, "the first");
    CHECK_STR(rep.rows[1].parts[0].bytes, STR("Subject: two\r\n\r\n2\r\n"), "the second");
    CHECK_STR(rep.rows[2].parts[0].bytes, STR("3"), "the third");
    CHECK_EQ(rep.rows[0].flags, FLAG_SEEN, "flags");
    CHECK_EQ(rep.rows[2].flags, FLAG_DRAFT, "flags of the third");
    CHECK_EQ(rep.rows[1].keywords, 1, "keyword");
    CHECK_EQ(rep.rows[1].internal_date, 760686745, "date");
    CHECK_EQ(rep.rows[1].internal_zone, -480, "zone");
}

TEST(several_messages_come_in_one_commit)
{
    struct keep_append_rep rep;
    struct some s;
    struct world w;

    world_open(&w);
    some_init(&w, &s, STR("Sent"));
    CHECK_OK(ask_append(&w, w.gate, &s.req, &rep), "append");
    CHECK_EQ(rep.uid, 1, "first UID");
    CHECK_EQ(rep.count, 3, "count");
    check_some(&w, STR("Sent"));
    world_restart(&w, true);
    w.session = world_login(&w, STR("alice"), STR("hungry"));
    check_some(&w, STR("Sent"));
    some_deinit(&s);
    world_close(&w);
}

TEST(what_the_client_said_of_the_zone_is_copied)
{
    struct keep_select_rep box;
    struct keep_copy_rep copied;
    struct some s;
    struct world w;

    world_open(&w);
    some_init(&w, &s, STR("INBOX"));
    CHECK_OK(ask_append(&w, w.gate, &s.req, NULL), "append");
    box = box_of(&w, STR("INBOX"));
    CHECK_OK(ask_copy(&w, w.gate,
                      &(struct keep_copy_req){ .session = w.session,
                                               .mailbox = box.mailbox,
                                               .uids = uids_of(&w, "1:3"),
                                               .target = STR("Sent") },
                      &copied),
             "copy");
    check_some(&w, STR("Sent"));
    some_deinit(&s);
    world_close(&w);
}

TEST(messages_and_their_manifest_may_come_in_a_spool_file)
{
    struct keep_spool_rep spool;
    struct some s;
    struct world w;

    world_open(&w);
    some_init(&w, &s, STR("Sent"));
    CHECK_OK(ask_spool(&w, w.gate, &(struct keep_spool_req){ .size_hint = 100 }, &spool), "spool");
    CHECK_OK(file_pwrite(w.spool_file, 0, buf_str(&s.octets), NULL), "octets");
    CHECK_OK(file_pwrite(w.spool_file, s.octets.len, buf_str(&s.manifest), NULL), "manifest");
    s.req.spool = spool.spool;
    s.req.spool_bytes = s.octets.len;
    s.req.manifest_bytes = s.manifest.len;
    s.req.manifest = s.req.bytes = STR_EMPTY;
    CHECK_OK(ask_append(&w, w.gate, &s.req, NULL), "append");
    check_some(&w, STR("Sent"));
    CHECK_EQ(ask_append(&w, w.gate, &s.req, NULL), ERR_NOT_FOUND, "the file is used up");
    some_deinit(&s);
    world_close(&w);
}

TEST(a_manifest_that_does_not_fit_its_messages_is_refused)
{
    struct some s;
    struct world w;

    world_open(&w);
    some_init(&w, &s, STR("Sent"));
    for (size_t cut = 0; cut < s.manifest.len; cut++) {
        s.req.manifest = str_take(buf_str(&s.manifest), cut);
        CHECK_EQ(ask_append(&w, w.gate, &s.req, NULL), ERR_SYNTAX, "cut at %zu", cut);
    }
    s.req.manifest = buf_str(&s.manifest);
    s.req.bytes = str_take(s.req.bytes, 5);
    CHECK_EQ(ask_append(&w, w.gate, &s.req, NULL), ERR_SYNTAX, "octets are missing");
    CHECK_EQ(box_of(&w, STR("Sent")).exists, 0, "nothing came in");
    some_deinit(&s);
    world_close(&w);
}

TEST(a_quota_that_one_message_exceeds_keeps_all_of_them_out)
{
    struct some s;
    struct world w;

    world_open(&w);
    some_init(&w, &s, STR("Sent"));
    CHECK_OK(ask_account_quota(&w, w.control,
                               &(struct keep_account_quota_req){ .address = STR("alice@crepes.fr"),
                                                                 .quota_messages = 2 },
                               NULL),
             "quota");
    CHECK_EQ(ask_append(&w, w.gate, &s.req, NULL), ERR_QUOTA, "one too many");
    CHECK_EQ(box_of(&w, STR("Sent")).exists, 0, "none");
    s.req.name = STR("nowhere");
    CHECK_EQ(ask_append(&w, w.gate, &s.req, NULL), ERR_NOT_FOUND, "no such mailbox");
    some_deinit(&s);
    world_close(&w);
}

/* The n-th call of the disk fails and the power goes: all messages are there, or none, and what was
 * answered with OK is. */
TEST(an_append_that_fails_anywhere_leaves_all_or_none)
{
    static const enum fault_kind kinds[] = { FAULT_IO, FAULT_NO_SPACE, FAULT_SHORT_WRITE,
                                             FAULT_SYNC_LOST };

    for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++)
        for (uint64_t nth = 1; nth < 6; nth++) {
            struct some s;
            struct world w;
            uint32_t there;
            enum err e;

            world_open(&w);
            some_init(&w, &s, STR("Sent"));
            fs_faulty_set(w.fs, kinds[kind], nth, false);
            e = ask_append(&w, w.gate, &s.req, NULL);
            world_restart(&w, true);
            w.session = world_login(&w, STR("alice"), STR("hungry"));
            there = box_of(&w, STR("Sent")).exists;
            CHECK(there == 3 || (there == 0 && e != OK), "kind %zu, call %d: %u are there", kind,
                  (int)nth, there);
            some_deinit(&s);
            world_close(&w);
        }
}

static struct keep_append_req replacing(const struct some *s, uint32_t mailbox, uint32_t uid)
{
    struct keep_append_req req = s->req;

    req.replace_mailbox = mailbox;
    req.replace_uid = uid;
    return req;
}

TEST(a_replaced_message_goes_in_the_same_commit)
{
    struct keep_append_rep rep;
    struct keep_append_req req;
    struct keep_select_rep drafts;
    struct some s;
    struct world w;

    world_open(&w);
    some_init(&w, &s, STR("INBOX"));
    CHECK_OK(ask_append(&w, w.gate, &s.req, NULL), "append");
    drafts = box_of(&w, STR("INBOX"));
    CHECK_OK(ask_account_quota(&w, w.control,
                               &(struct keep_account_quota_req){ .address = STR("alice@crepes.fr"),
                                                                 .quota_messages = 5 },
                               NULL),
             "only the difference counts");

    req = replacing(&s, drafts.mailbox, 2);
    CHECK_OK(ask_append(&w, w.gate, &req, &rep), "replace in the same mailbox");
    CHECK_EQ(rep.uid, 4, "UID");
    CHECK_STR(uids_text(&w, box_of(&w, STR("INBOX")).uids), STR("1,3:6"), "2 is gone");
    CHECK_EQ(ask_append(&w, w.gate, &req, &rep), ERR_CONFLICT, "gone already");

    CHECK_OK(ask_account_quota(
                 &w, w.control,
                 &(struct keep_account_quota_req){ .address = STR("alice@crepes.fr") }, NULL),
             "no quota");
    req = replacing(&s, drafts.mailbox, 1);
    req.name = STR("Sent");
    CHECK_OK(ask_append(&w, w.gate, &req, &rep), "replace in another mailbox");
    CHECK_STR(uids_text(&w, box_of(&w, STR("INBOX")).uids), STR("3:6"), "1 is gone");
    check_some(&w, STR("Sent"));
    req = replacing(&s, 999, 1);
    CHECK_EQ(ask_append(&w, w.gate, &req, &rep), ERR_NOT_FOUND, "no such mailbox");
    some_deinit(&s);
    world_close(&w);
}

/* So many that they are packed on two threads; of every kind of length, the empty line's and that
 * of more than one chunk among them. */
TEST(hundreds_of_messages_in_one_commit_keep_their_octets)
{
    enum { COUNT = 700 };
    struct keep_spool_rep spool;
    struct some s = { 0 };
    struct buf text = { 0 };
    struct world w;

    world_open(&w);
    for (unsigned i = 0; i < COUNT; i++) {
        size_t lines = i == 300 ? 9000 : i % 37;

        buf_clear(&text);
        buf_printf(&text, "%u\r\n", i);
        for (size_t n = 0; n < lines; n++)
            buf_printf(&text, "line %zu of message %u is not quite like others\r\n", n, i);
        add(&s.octets, &s.manifest, buf_str(&text), 0);
    }
    CHECK_OK(ask_spool(&w, w.gate, &(struct keep_spool_req){ .size_hint = 100 }, &spool), "spool");
    CHECK_OK(file_pwrite(w.spool_file, 0, buf_str(&s.octets), NULL), "octets");
    CHECK_OK(file_pwrite(w.spool_file, s.octets.len, buf_str(&s.manifest), NULL), "manifest");
    s.req = (struct keep_append_req){ .session = w.session,
                                      .name = STR("Sent"),
                                      .spool = spool.spool,
                                      .spool_bytes = s.octets.len,
                                      .manifest_bytes = s.manifest.len };
    CHECK_OK(ask_append(&w, w.gate, &s.req, NULL), "append");
    world_restart(&w, true);
    w.session = world_login(&w, STR("alice"), STR("hungry"));

    uint32_t mailbox = box_of(&w, STR("Sent")).mailbox;
    struct keep_want all = { .section = STR(""), .length = 1000000 };
    size_t at = 0;

    for (uint32_t uid = 1; uid <= COUNT; uid++) {
        char one[16];
        struct keep_fetch_rep rep;

        (void)snprintf(one, sizeof one, "%u", uid);
        CHECK_OK(ask_fetch(&w, w.gate,
                           &(struct keep_fetch_req){ .session = w.session,
                                                     .mailbox = mailbox,
                                                     .uids = uids_of(&w, one),
                                                     .wants = &all,
                                                     .wants_count = 1 },
                           &rep),
                 "fetch");
        CHECK_EQ(rep.rows_count, 1, "message %u", uid);

        struct keep_part *part = &rep.rows[0].parts[0];

        CHECK_STR(part->bytes, str_sub(buf_str(&s.octets), at, part->bytes.len), "message %u", uid);
        CHECK(part->bytes.len == part->total || uid == 301, "whole: %u", uid);
        at += (size_t)part->total;
    }
    CHECK_EQ(at, s.octets.len, "nothing more");
    buf_deinit(&text);
    some_deinit(&s);
    world_close(&w);
}
