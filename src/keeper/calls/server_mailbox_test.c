/* keeper/calls/server_mailbox_test.c - names of mailboxes, and following their changes against a
 * model.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/contract_random.h"
#include "keeper/server_test_world.h"

static enum err create(struct world *w, struct str name, struct keep_mailbox_create_rep *rep)
{
    return ask_mailbox_create(
        w, w->gate, &(struct keep_mailbox_create_req){ .session = w->session, .name = name }, rep);
}

static enum err delete (struct world *w, struct str name) {
    return ask_mailbox_delete(w, w->gate,
                              &(struct keep_mailbox_delete_req){ .session = w->session,
                                                                 .name = name },
                              NULL);
}

static enum err rename_box(struct world *w, struct str from, struct str to)
{
    return ask_mailbox_rename(
        w, w->gate,
        &(struct keep_mailbox_rename_req){ .session = w->session, .from = from, .to = to }, NULL);
}

/* All names with a mark for what they are: '.' for one that does not exist. */
static struct str names(struct world *w)
{
    struct keep_mailbox_list_rep rep;
    struct buf b = { 0 };
    struct str text;

    CHECK_OK(ask_mailbox_list(w, w->gate, &(struct keep_mailbox_list_req){ .session = w->session },
                              &rep),
             "list");
    for (size_t i = 0; i < rep.mailboxes_count; i++)
        buf_printf(&b, "%s%.*s%s", i > 0 ? " " : "", STR_ARG(rep.mailboxes[i].name),
                   rep.mailboxes[i].exists ? "" : ".");
    text = arena_copy(w->mem, buf_str(&b));
    buf_deinit(&b);
    return text;
}

TEST(a_new_account_has_its_mailboxes_with_their_uses)
{
    struct world w;
    struct keep_mailbox_list_rep rep;

    world_open(&w);
    CHECK_STR(names(&w), STR("Archive Drafts INBOX Junk Sent Trash"), "names");
    CHECK_OK(
        ask_mailbox_list(&w, w.gate, &(struct keep_mailbox_list_req){ .session = w.session }, &rep),
        "list");
    CHECK_EQ(rep.mailboxes[0].special_use, USE_ARCHIVE, "archive");
    CHECK_EQ(rep.mailboxes[3].special_use, USE_JUNK, "junk");
    CHECK(rep.mailboxes[2].subscribed, "subscribed");
    world_close(&w);
}

TEST(mailboxes_are_made_renamed_and_deleted)
{
    struct world w;
    struct keep_mailbox_create_rep first, second;

    world_open(&w);
    CHECK_OK(create(&w, STR("a/b/c"), &first), "with parents");
    CHECK_EQ(create(&w, STR("a/b"), NULL), ERR_EXISTS, "a parent");
    CHECK_EQ(create(&w, STR("inbox"), NULL), ERR_EXISTS, "INBOX in any case");
    CHECK_EQ(create(&w, STR(""), NULL), ERR_SYNTAX, "empty");
    CHECK_EQ(create(&w, STR("a//b"), NULL), ERR_SYNTAX, "empty level");
    CHECK_EQ(create(&w, STR("\xff"), NULL), ERR_SYNTAX, "not UTF-8");
    CHECK_EQ(create(&w, STR("x\r\ny"), NULL), ERR_SYNTAX, "control");
    CHECK_OK(create(&w, STR("later/"), NULL), "with a separator behind");
    CHECK_STR(names(&w), STR("Archive Drafts INBOX Junk Sent Trash a a/b a/b/c later"), "names");
    CHECK_OK(rename_box(&w, STR("a"), STR("z/y")), "with children");
    CHECK_STR(names(&w), STR("Archive Drafts INBOX Junk Sent Trash later z z/y z/y/b z/y/b/c"),
              "renamed");
    CHECK_EQ(rename_box(&w, STR("z"), STR("z/y/x")), ERR_SYNTAX, "below itself");
    CHECK_EQ(rename_box(&w, STR("z"), STR("Sent")), ERR_EXISTS, "onto another");
    CHECK_EQ(rename_box(&w, STR("no"), STR("yes")), ERR_NOT_FOUND, "nothing");
    CHECK_EQ(delete (&w, STR("INBOX")), ERR_DENIED, "INBOX");
    CHECK_OK(delete (&w, STR("z/y")), "a parent");
    CHECK_STR(names(&w), STR("Archive Drafts INBOX Junk Sent Trash later z z/y. z/y/b z/y/b/c"),
              "its children stay");
    CHECK_OK(delete (&w, STR("later")), "delete");
    CHECK_OK(create(&w, STR("later"), &second), "again");
    CHECK(second.object != first.object && second.id != first.id, "a new one");
    world_settle(&w, 100);
    world_close(&w);
}

/* A name deeper than can be asked for would be a mailbox that nobody can open. */
TEST(renaming_does_not_put_a_mailbox_out_of_reach)
{
    struct world w;
    struct buf deep = { 0 };
    struct keep_mailbox_list_rep rep;

    world_open(&w);
    BUF_ADD(&deep, "a");
    for (int i = 1; i < 30; i++)
        BUF_ADD(&deep, "/b");
    CHECK_OK(create(&w, buf_str(&deep), NULL), "as deep as may be");
    CHECK_EQ(rename_box(&w, STR("a"), STR("x/y")), ERR_LIMIT, "deeper");
    CHECK_OK(rename_box(&w, STR("a"), STR("x")), "as deep");
    CHECK_OK(
        ask_mailbox_list(&w, w.gate, &(struct keep_mailbox_list_req){ .session = w.session }, &rep),
        "list");
    for (size_t i = 0; i < rep.mailboxes_count; i++)
        CHECK_OK(ask_mailbox_status(&w, w.gate,
                                    &(struct keep_mailbox_status_req){
                                        .session = w.session, .name = rep.mailboxes[i].name },
                                    NULL),
                 "%.*s", STR_ARG(rep.mailboxes[i].name));
    buf_deinit(&deep);
    world_close(&w);
}

TEST(a_mailbox_made_again_has_another_uidvalidity)
{
    struct world w;
    struct keep_mailbox_status_rep before, after;
    struct keep_mailbox_status_req req = { .name = STR("x") };

    world_open(&w);
    req.session = w.session;
    CHECK_OK(create(&w, STR("x"), NULL), "create");
    CHECK_OK(ask_mailbox_status(&w, w.gate, &req, &before), "status");
    CHECK_OK(delete (&w, STR("x")), "delete");
    CHECK_EQ(ask_mailbox_status(&w, w.gate, &req, NULL), ERR_NOT_FOUND, "gone");
    CHECK_OK(create(&w, STR("x"), NULL), "again");
    CHECK_OK(ask_mailbox_status(&w, w.gate, &req, &after), "status");
    CHECK(after.uidvalidity > before.uidvalidity, "it grew");
    world_close(&w);
}

TEST(renaming_inbox_gives_its_messages_away)
{
    struct world w;
    struct keep_mailbox_status_req req = { .name = STR("INBOX") };
    struct keep_mailbox_status_rep rep;

    world_open(&w);
    req.session = w.session;
    CHECK_OK(world_deliver(&w, STR(""), STR("alice@crepes.fr"), STR("\r\nx")), "deliver");
    CHECK_OK(rename_box(&w, STR("INBOX"), STR("old")), "rename");
    CHECK_OK(ask_mailbox_status(&w, w.gate, &req, &rep), "status");
    CHECK_EQ(rep.messages, 0, "empty");
    CHECK_EQ(rep.uidnext, 2, "UIDs are not used again");
    req.name = STR("old");
    CHECK_OK(ask_mailbox_status(&w, w.gate, &req, &rep), "status");
    CHECK_EQ(rep.messages, 1, "there");
    world_close(&w);
}

TEST(a_gate_with_the_account_is_told_of_changes_once_a_turn)
{
    struct world w;

    world_open(&w);
    world_settle(&w, 100);
    w.changed_notes = 0;
    CHECK_OK(world_deliver(&w, STR(""), STR("alice@crepes.fr"), STR("\r\nx")), "deliver");
    world_settle(&w, 100);
    CHECK_EQ(w.changed_notes, 1, "told");
    CHECK_OK(world_deliver(&w, STR(""), STR("bob@hamburger.edu"), STR("\r\nx")), "deliver");
    world_settle(&w, 100);
    CHECK_EQ(w.changed_notes, 1, "bob is not here");
    world_close(&w);
}

/* ---- following changes, against a model ---- */

enum { MODEL_MAX = 400, MODEL_STEPS = 160 };

/* What the mailbox holds, and what a session believes that it holds. */
struct model {
    uint32_t next;
    bool here[MODEL_MAX], known[MODEL_MAX];
    uint32_t flags[MODEL_MAX], seen[MODEL_MAX];
    uint64_t modseq;
};

static struct str some_uids(struct world *w, struct dice *d, const struct model *m,
                            struct uidset *ret)
{
    struct buf b = { 0 };
    struct str octets;

    for (uint32_t uid = 1; uid < m->next; uid++)
        if (dice_next(d) % 4 == 0)
            uidset_add(ret, uid);
    uidset_encode(ret, &b);
    octets = arena_copy(w->mem, buf_str(&b));
    buf_deinit(&b);
    return octets;
}

static void change_something(struct world *w, struct dice *d, struct model *m, uint32_t mailbox)
{
    struct uidset uids = { 0 };
    struct str octets = some_uids(w, d, m, &uids);
    uint32_t flags = 1u << (dice_next(d) % 5);

    switch (dice_next(d) % 4) {
    case 0:
        CHECK_OK(world_deliver(w, STR(""), STR("alice@crepes.fr"), STR("\r\nx")), "deliver");
        m->flags[m->next] = 0;
        m->here[m->next++] = true;
        break;
    case 1:
    case 2:
        CHECK_OK(ask_store(w, w->gate,
                           &(struct keep_store_req){ .session = w->session,
                                                     .mailbox = mailbox,
                                                     .uids = octets,
                                                     .op = STORE_SET,
                                                     .flags = flags,
                                                     .unchanged_since = UNCHANGED_SINCE_UNSAID },
                           NULL),
                 "store");
        for (uint32_t uid = 1; uid < m->next; uid++)
            if (uidset_contains(&uids, uid))
                m->flags[uid] = flags;
        break;
    default:
        CHECK_OK(ask_expunge(w, w->gate,
                             &(struct keep_expunge_req){ .session = w->session,
                                                         .mailbox = mailbox,
                                                         .uids = octets,
                                                         .deleted_only = true },
                             NULL),
                 "expunge");
        for (uint32_t uid = 1; uid < m->next; uid++)
            if (uidset_contains(&uids, uid) && (m->flags[uid] & FLAG_DELETED))
                m->here[uid] = false;
    }
    uidset_deinit(&uids);
}

static void apply_set(struct model *m, struct str octets, bool here)
{
    struct reader r = reader_of(octets);
    struct uidset s = { 0 };

    CHECK_OK(uidset_decode(&r, 1000, &s), "set");
    for (uint32_t uid = 1; uid < MODEL_MAX; uid++)
        if (uidset_contains(&s, uid)) {
            m->known[uid] = here;
            m->seen[uid] = UINT32_MAX; /* flags are asked for with the new messages */
        }
    uidset_deinit(&s);
}

static void follow(struct world *w, struct model *m, uint32_t mailbox)
{
    struct keep_sync_rep rep;
    struct keep_fetch_rep rows;

    do {
        CHECK_OK(ask_sync(w, w->gate,
                          &(struct keep_sync_req){
                              .session = w->session, .mailbox = mailbox, .since = m->modseq },
                          &rep),
                 "sync");
        CHECK(rep.modseq >= m->modseq, "it never goes back");
        apply_set(m, rep.arrived, true);
        apply_set(m, rep.vanished, false);
        for (size_t i = 0; i < rep.changed_count; i++)
            m->seen[rep.changed[i].uid] = rep.changed[i].flags;
        m->modseq = rep.modseq;
    } while (rep.more);
    CHECK_OK(ask_fetch(w, w->gate,
                       &(struct keep_fetch_req){ .session = w->session,
                                                 .mailbox = mailbox,
                                                 .uids = uids_of(w, "1:*"),
                                                 .items = ITEM_FLAGS },
                       &rows),
             "fetch");
    for (size_t i = 0; i < rows.rows_count; i++)
        if (m->seen[rows.rows[i].uid] == UINT32_MAX)
            m->seen[rows.rows[i].uid] = rows.rows[i].flags;
    for (uint32_t uid = 1; uid < m->next; uid++) {
        CHECK_EQ(m->known[uid], m->here[uid], "UID %u", uid);
        if (m->here[uid])
            CHECK_EQ(m->seen[uid], m->flags[uid], "flags of UID %u", uid);
    }
}

TEST(whoever_follows_the_changes_knows_the_mailbox)
{
    for (uint64_t seed = 1; seed < 4; seed++) {
        struct world w;
        struct dice d = { seed };
        struct model m = { .next = 1 };
        struct keep_select_rep box;

        world_open(&w);
        CHECK_OK(ask_select(&w, w.gate,
                            &(struct keep_select_req){ .session = w.session, .name = STR("INBOX") },
                            &box),
                 "select");
        m.modseq = box.modseq;
        for (int i = 0; i < MODEL_STEPS; i++) {
            change_something(&w, &d, &m, box.mailbox);
            if (dice_next(&d) % 3 == 0)
                follow(&w, &m, box.mailbox);
        }
        world_close(&w);
    }
}
