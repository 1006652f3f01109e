/* keeper/calls/server_check_test.c - a check finds what is planted, each thing by itself. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_job.h"
#include "keeper/server_test_world.h"
#include "store/mailbox/acl.h"
#include "store/mailbox/mailboxes.h"

enum { ALICE = 1, BOB = 2, NOBODY = 99 };

/* What a plant finds: alice's INBOX with two messages, and an entry in the queue. */
struct bed {
    struct txn *t;
    struct arena *mem;
    uint32_t inbox;
    struct mbox inbox_row;
    struct key key;
    struct errinfo why;
};

static void keys_of_nobody(struct bed *b)
{
    struct key_entry e = { .uid = 900, .email = 7 };
    struct key_block *keys = key_block_new(&e, 1);

    key_of_key_block(&b->key, ALICE, b->inbox, 0);
    txn_put(b->t, key_str(&b->key), str_from(keys->octets, keys->octet_count));
    key_block_free(keys);
}

static void keys_of_another_message(struct bed *b)
{
    struct key_entry entries[] = { { .uid = 1, .email = 7 }, { .uid = 2, .email = 8 } };
    struct key_block *keys = key_block_new(entries, 2);

    key_of_key_block(&b->key, ALICE, b->inbox, 0);
    txn_put(b->t, key_str(&b->key), str_from(keys->octets, keys->octet_count));
    key_block_free(keys);
}

static void keys_that_are_none(struct bed *b)
{
    key_of_key_block(&b->key, ALICE, b->inbox, 0);
    txn_put(b->t, key_str(&b->key), STR("?"));
}

static void membership_goes(struct bed *b)
{
    key_of_membership(&b->key, ALICE, b->inbox, 1);
    txn_delete(b->t, key_str(&b->key));
}

static void uid_above_uidnext(struct bed *b)
{
    b->inbox_row.uidnext = 2;
    key_of_mailbox(&b->key, TABLE_MAILBOX, ALICE, b->inbox);
    table_put_mbox(b->t, &b->key, &b->inbox_row);
}

static void wrong_count(struct bed *b)
{
    b->inbox_row.unseen++;
    key_of_mailbox(&b->key, TABLE_MAILBOX, ALICE, b->inbox);
    table_put_mbox(b->t, &b->key, &b->inbox_row);
}

static void modseq_from_the_future(struct bed *b)
{
    b->inbox_row.modseq += 1000;
    key_of_mailbox(&b->key, TABLE_MAILBOX, ALICE, b->inbox);
    table_put_mbox(b->t, &b->key, &b->inbox_row);
}

static void uidvalidity_from_the_future(struct bed *b)
{
    b->inbox_row.uidvalidity += 1000;
    key_of_mailbox(&b->key, TABLE_MAILBOX, ALICE, b->inbox);
    table_put_mbox(b->t, &b->key, &b->inbox_row);
}

static void mailbox_without_name(struct bed *b)
{
    key_of_name(&b->key, TABLE_NAME, ALICE, STR("Sent"));
    txn_delete(b->t, key_str(&b->key));
}

static void name_without_mailbox(struct bed *b)
{
    key_of_name(&b->key, TABLE_NAME, ALICE, STR("nowhere"));
    table_put_number(b->t, &b->key, NOBODY);
}

static void quota_off_by_one(struct bed *b)
{
    struct counters c;

    key_of_account(&b->key, TABLE_COUNTERS, ALICE);
    CHECK_OK(table_get_counters(txn_kv(b->t), b->mem, &b->key, &c, &b->why), "counters");
    c.bytes++;
    table_put_counters(b->t, &b->key, &c);
}

static void email_counted_twice(struct bed *b)
{
    struct email row;

    key_of_email(&b->key, TABLE_EMAIL, ALICE, 1);
    CHECK_OK(table_get_email(txn_kv(b->t), b->mem, &b->key, &row, &b->why), "email");
    row.refs++;
    table_put_email(b->t, &b->key, &row);
}

static void email_with_another_body(struct bed *b)
{
    struct email row;

    key_of_email(&b->key, TABLE_EMAIL, ALICE, 1);
    CHECK_OK(table_get_email(txn_kv(b->t), b->mem, &b->key, &row, &b->why), "email");
    row.body = 12345;
    table_put_email(b->t, &b->key, &row);
}

static void email_goes(struct bed *b)
{
    key_of_email(&b->key, TABLE_EMAIL, ALICE, 2);
    txn_delete(b->t, key_str(&b->key));
}

static void record_goes(struct bed *b)
{
    key_of_email(&b->key, TABLE_RECORD, ALICE, 1);
    txn_delete(b->t, key_str(&b->key));
}

static void record_without_email(struct bed *b)
{
    key_of_email(&b->key, TABLE_RECORD, ALICE, 77);
    txn_put(b->t, key_str(&b->key), STR("x"));
}

static void thread_without_email(struct bed *b)
{
    key_of_thread(&b->key, ALICE, 5, 77);
    table_put_number(b->t, &b->key, 77);
}

static void address_goes(struct bed *b)
{
    key_of_text(&b->key, TABLE_ADDRESS, STR("alice@crepes.fr"));
    txn_delete(b->t, key_str(&b->key));
}

static void rows_of_nobody(struct bed *b)
{
    key_of_name(&b->key, TABLE_SUBSCRIBED, NOBODY, STR("INBOX"));
    txn_put(b->t, key_str(&b->key), STR_EMPTY);
}

static void login_name_goes(struct bed *b)
{
    key_of_text(&b->key, TABLE_LOGIN, STR("alice"));
    key_text(&b->key, STR("\0"));
    key_u32(&b->key, ALICE);
    txn_delete(b->t, key_str(&b->key));
}

static void domain_with_another_count(struct bed *b)
{
    key_of_text(&b->key, TABLE_DOMAIN, STR("crepes.fr"));
    table_put_number(b->t, &b->key, 7);
}

static void due_without_entry(struct bed *b)
{
    key_of_due(&b->key, 1000, NOBODY);
    txn_put(b->t, key_str(&b->key), STR_EMPTY);
}

static void entry_without_due(struct bed *b)
{
    struct queue_entry entry;

    key_of_queue(&b->key, 1);
    CHECK_OK(table_get_queue_entry(txn_kv(b->t), b->mem, &b->key, &entry, &b->why), "entry");
    key_of_due(&b->key, entry.due, 1);
    txn_delete(b->t, key_str(&b->key));
}

static void give(struct bed *b, uint32_t mailbox, uint32_t grantee)
{
    const struct acl_entry entry = { grantee, { .rights = RIGHT_LOOKUP } };

    CHECK_OK(acl_set(b->t, ALICE, mailbox, &entry, &b->why), "rights");
}

static void rights_for_nobody(struct bed *b)
{
    give(b, b->inbox, NOBODY);
}

static void rights_without_mailbox(struct bed *b)
{
    give(b, NOBODY, ACL_ANYONE);
}

static void rights_without_index(struct bed *b)
{
    give(b, b->inbox, BOB);
    key_of_granted(&b->key, BOB, ALICE, b->inbox);
    txn_delete(b->t, key_str(&b->key));
}

static void index_without_rights(struct bed *b)
{
    key_of_granted(&b->key, BOB, ALICE, b->inbox);
    txn_put(b->t, key_str(&b->key), STR_EMPTY);
}

static void rights_that_are_none(struct bed *b)
{
    const struct acl row = { .rights = 0x10000 };

    give(b, b->inbox, BOB);
    key_of_acl(&b->key, ALICE, b->inbox, BOB);
    table_put_acl(b->t, &b->key, &row);
}

static const struct {
    const char *name;
    void (*plant)(struct bed *b);
} plants[] = {
    { "a membership goes", membership_goes },
    { "a UID above UIDNEXT", uid_above_uidnext },
    { "a wrong count", wrong_count },
    { "a modseq from the future", modseq_from_the_future },
    { "a UIDVALIDITY from the future", uidvalidity_from_the_future },
    { "a mailbox without its name", mailbox_without_name },
    { "a name without a mailbox", name_without_mailbox },
    { "sort keys of nobody", keys_of_nobody },
    { "sort keys of another message", keys_of_another_message },
    { "sort keys that are none", keys_that_are_none },
    { "quota off by one", quota_off_by_one },
    { "an email counted twice", email_counted_twice },
    { "an email with another body", email_with_another_body },
    { "an email goes", email_goes },
    { "a record goes", record_goes },
    { "a record without an email", record_without_email },
    { "a thread without an email", thread_without_email },
    { "an address goes", address_goes },
    { "rows of nobody", rows_of_nobody },
    { "a log-in name goes", login_name_goes },
    { "a domain with another count", domain_with_another_count },
    { "due without an entry", due_without_entry },
    { "an entry that is never due", entry_without_due },
    { "rights for nobody", rights_for_nobody },
    { "rights without a mailbox", rights_without_mailbox },
    { "rights without an index", rights_without_index },
    { "an index without rights", index_without_rights },
    { "rights that are none", rights_that_are_none },
};

struct planting {
    struct world *w;
    size_t which;
    bool done;
};

static enum err build_plant(void *ctx, struct txn *t)
{
    struct planting *p = ctx;
    struct bed b = { .t = t, .mem = p->w->mem };
    bool found;

    CHECK_OK(
        mailbox_find(txn_kv(t), b.mem, ALICE, STR("INBOX"), &found, &b.inbox, &b.inbox_row, &b.why),
        "INBOX");
    CHECK(found, "INBOX");
    plants[p->which].plant(&b);
    return OK;
}

static void planted(void *ctx, enum err e)
{
    CHECK_OK(e, "planted");
    ((struct planting *)ctx)->done = true;
}

TEST(a_check_finds_whatever_is_planted)
{
    static const struct str to[] = { STR_INIT("alice@crepes.fr"), STR_INIT("alice@crepes.fr"),
                                     STR_INIT("x@example.net") };

    for (size_t i = 0; i < ARRAY_LEN(plants); i++) {
        struct world w;
        struct planting p = { &w, i, false };

        world_open(&w);
        for (size_t m = 0; m < ARRAY_LEN(to); m++)
            CHECK_OK(world_deliver(&w, STR("bob@hamburger.edu"), to[m],
                                   arena_printf(w.mem, "Message-ID: <%zu@x>\r\n\r\nx\r\n", m)),
                     "message %zu", m);
        CHECK_EQ(world_check(&w, true), 0, "before");
        writer_submit(w.keeper->writer, build_plant, planted, &p);
        world_settle(&w, 1000);
        CHECK(p.done, "planted");
        CHECK(world_check(&w, false) > 0, "%s is not found", plants[i].name);
        world_close_unchecked(&w);
    }
}

/* Mail that keeps coming: each answer sends the next message. */
struct stream {
    struct world *w;
    struct keep_rcpt rcpt;
    struct keep_deliver_req req;
    uint32_t delivered;
    bool over;
};

static void stream_next(struct stream *s);

static void stream_delivered(void *ctx, enum err e, const struct keep_deliver_rep *rep,
                             struct file *file)
{
    struct stream *s = ctx;

    (void)rep, (void)file;
    CHECK_OK(e, "deliver");
    s->delivered++;
    if (!s->over)
        stream_next(s);
}

static void stream_next(struct stream *s)
{
    (void)keeper_deliver(s->w->gate, &s->req, stream_delivered, s);
}

TEST(a_check_is_answered_while_mail_keeps_coming)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct str text = STR("Subject: one of many\r\n\r\nx\r\n");
    struct buf record = { 0 };
    struct keep_check_rep rep;
    struct world w;

    world_open(&w);
    record_build(text, &limits, &record);
    struct stream s = { .w = &w,
                        .rcpt = { .address = STR("alice@crepes.fr"), .orcpt = STR_EMPTY },
                        .req = { .reverse_path = STR("bob@hamburger.edu"),
                                 .rcpts_count = 1,
                                 .record = buf_str(&record),
                                 .bytes = text } };
    s.req.rcpts = &s.rcpt;
    for (int i = 0; i < 3; i++)
        stream_next(&s);
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t before = s.delivered;

        CHECK_OK(ask_check(&w, w.control, &(struct keep_check_req){}, &rep), "check %u", i);
        CHECK_EQ(rep.problems_count, 0, "problems");
        world_settle(&w, 20);
        CHECK(s.delivered > before, "mail went on");
    }
    s.over = true;
    world_settle(&w, 1000);
    buf_deinit(&record);
    world_close(&w);
}

static enum err write_nothing(void *ctx, struct txn *t)
{
    (void)ctx, (void)t;
    return OK;
}

static void written_or_not(void *ctx, enum err e)
{
    enum err *ret = ctx;

    *ret = e;
}

TEST(a_rebuild_lets_what_keeper_has_begun_by_itself_come_to_its_end)
{
    struct keep_rebuild_rep rep;
    enum err written = ERR_CLOSED, flushed = ERR_CLOSED;
    struct world w;

    world_open(&w);
    CHECK_OK(world_deliver(&w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"), STR("x\r\n")),
             "deliver");
    world_restart(&w, false); /* nobody is logged in */
    writer_submit(w.keeper->writer, write_nothing, written_or_not, &written);
    writer_flush(w.keeper->writer, written_or_not, &flushed);
    CHECK_OK(ask_rebuild(&w, w.control, &(struct keep_rebuild_req){}, &rep), "rebuild");
    CHECK_OK(written, "the write came first");
    CHECK_OK(flushed, "and the flush");
    CHECK_EQ(world_check(&w, true), 0, "problems");
    world_close_unchecked(&w);
}
