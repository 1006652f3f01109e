/* keeper/calls/server_quota_test.c - quotas: who sees them, who sets them, and that they hold. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_test_world.h"
#include "message/set/rights.h"

#define ALICE "alice@crepes.fr"
#define BOB "bob@hamburger.edu"

static enum err ask_root(struct world *w, uint64_t session, const char *root,
                         struct keep_quota_rep *ret)
{
    return ask_quota(w, w->gate,
                     &(struct keep_quota_req){ session, QUOTA_OF_ROOT, str_from_z(root) }, ret);
}

static enum err ask_of_mailbox(struct world *w, uint64_t session, const char *name,
                               struct keep_quota_rep *ret)
{
    return ask_quota(w, w->gate,
                     &(struct keep_quota_req){ session, QUOTA_OF_MAILBOX, str_from_z(name) }, ret);
}

static enum err set_root(struct world *w, uint64_t session, const char *root, uint64_t mailboxes)
{
    return ask_quota_set(w, w->gate,
                         &(struct keep_quota_set_req){ .session = session,
                                                       .root = str_from_z(root),
                                                       .quota_bytes = 4096,
                                                       .quota_messages = 7,
                                                       .quota_mailboxes = mailboxes },
                         NULL);
}

static void limit(struct world *w, uint64_t messages, uint64_t mailboxes)
{
    CHECK_OK(ask_account_quota(w, w->control,
                               &(struct keep_account_quota_req){ .address = STR(ALICE),
                                                                 .quota_messages = messages,
                                                                 .quota_mailboxes = mailboxes },
                               NULL),
             "limits");
}

static void share(struct world *w, const char *with, uint32_t rights)
{
    CHECK_OK(ask_acl_set(w, w->gate,
                         &(struct keep_acl_set_req){ .session = w->session,
                                                     .name = STR("Archive"),
                                                     .identifier = str_from_z(with),
                                                     .rights = rights },
                         NULL),
             "rights");
}

static enum err create(struct world *w, const char *name)
{
    return ask_mailbox_create(
        w, w->gate,
        &(struct keep_mailbox_create_req){ .session = w->session, .name = str_from_z(name) }, NULL);
}

TEST(a_root_shows_what_is_used_and_its_limits)
{
    struct keep_quota_rep q;
    struct world w;

    world_open(&w);
    limit(&w, 10, 8);
    CHECK_OK(world_deliver(&w, STR(BOB), STR(ALICE), STR("Subject: a\r\n\r\nb\r\n")), "mail");
    CHECK_OK(create(&w, "a/b"), "two mailboxes");
    CHECK_OK(ask_of_mailbox(&w, w.session, "INBOX", &q), "of INBOX");
    CHECK_STR(q.root, STR("#user/" ALICE), "its name");
    CHECK_OK(ask_root(&w, w.session, "#USER/Alice@CREPES.fr", &q), "by name");
    CHECK(q.messages == 1 && q.bytes > 0 && q.mailboxes == 8, "used");
    CHECK(q.quota_messages == 10 && q.quota_bytes == 0 && q.quota_mailboxes == 8, "limits");
    CHECK_OK(ask_of_mailbox(&w, w.session, "not/there/yet", &q), "of what could be made");
    world_close(&w);
}

TEST(a_root_of_others_is_there_for_those_who_may_read_in_it)
{
    struct keep_quota_rep q;
    struct world w;
    uint64_t bob;

    world_open(&w);
    bob = world_login(&w, STR(BOB), STR("hungry"));
    CHECK_EQ(ask_root(&w, bob, "#user/" ALICE, NULL), ERR_NOT_FOUND, "hidden");
    CHECK_EQ(ask_root(&w, bob, "#user/nobody@crepes.fr", NULL), ERR_NOT_FOUND, "nobody");
    CHECK_EQ(ask_root(&w, bob, "#user/", NULL), ERR_NOT_FOUND, "nobody at all");
    CHECK_EQ(ask_root(&w, bob, "", NULL), ERR_NOT_FOUND, "no root");
    share(&w, BOB, RIGHT_LOOKUP);
    CHECK_EQ(ask_root(&w, bob, "#user/" ALICE, NULL), ERR_NOT_FOUND, "a name says no figures");
    CHECK_EQ(ask_of_mailbox(&w, bob, "Other Users/" ALICE "/Archive", NULL), ERR_DENIED,
             "nor here");
    share(&w, BOB, RIGHT_LOOKUP | RIGHT_READ);
    CHECK_OK(ask_root(&w, bob, "#user/" ALICE, &q), "readable");
    CHECK_OK(ask_of_mailbox(&w, bob, "Other Users/" ALICE "/Archive", &q), "by mailbox");
    CHECK_STR(q.root, STR("#user/" ALICE), "the owner's");
    CHECK_EQ(ask_of_mailbox(&w, bob, "Other Users/" ALICE "/Sent", NULL), ERR_NOT_FOUND, "hidden");
    share(&w, "-" BOB, RIGHT_READ);
    CHECK_EQ(ask_root(&w, bob, "#user/" ALICE, NULL), ERR_NOT_FOUND, "taken away");
    world_close(&w);
}

TEST(only_administrators_set_quotas)
{
    const struct keep_account_administrator_req on = { STR(BOB), true }, off = { STR(BOB), false };
    struct keep_quota_rep q;
    struct world w;
    uint64_t bob;

    world_open(&w);
    bob = world_login(&w, STR(BOB), STR("hungry"));
    CHECK_EQ(set_root(&w, w.session, "#user/" ALICE, 0), ERR_DENIED, "not one's own");
    CHECK_EQ(set_root(&w, bob, "#user/" ALICE, 0), ERR_DENIED, "nor others'");
    CHECK_EQ(set_root(&w, bob, "#user/nobody@crepes.fr", 0), ERR_DENIED, "nor tried out");
    CHECK_OK(ask_account_administrator(&w, w.control, &on, NULL), "promoted");
    CHECK_OK(set_root(&w, bob, "#user/" ALICE, 12), "now");
    CHECK_EQ(set_root(&w, bob, "#user/nobody@crepes.fr", 0), ERR_NOT_FOUND, "nobody");
    CHECK_EQ(set_root(&w, bob, "!partition/sda4", 0), ERR_NOT_FOUND, "no root");
    world_restart(&w, true);
    bob = world_login(&w, STR(BOB), STR("hungry"));
    CHECK_OK(ask_root(&w, bob, "#user/" ALICE, &q), "an administrator sees all");
    CHECK(q.quota_bytes == 4096 && q.quota_messages == 7 && q.quota_mailboxes == 12, "durable");
    CHECK_OK(ask_account_administrator(&w, w.control, &off, NULL), "and back");
    CHECK_EQ(set_root(&w, bob, "#user/" ALICE, 0), ERR_DENIED, "at once");
    CHECK_EQ(ask_account_administrator(
                 &w, w.control, &(struct keep_account_administrator_req){ STR("x@y"), true }, NULL),
             ERR_NOT_FOUND, "nobody");
    world_close(&w);
}

TEST(mailboxes_and_the_levels_above_them_count)
{
    struct world w;

    world_open(&w);
    limit(&w, 0, 8);
    CHECK_EQ(create(&w, "a/b/c"), ERR_QUOTA, "three of two");
    CHECK_EQ(create(&w, "a"), OK, "nothing of them was made");
    CHECK_OK(create(&w, "a/b"), "the last");
    CHECK_EQ(create(&w, "a/b/c"), ERR_QUOTA, "full");
    CHECK_EQ(create(&w, "a/b"), ERR_EXISTS, "there already");
    CHECK_EQ(ask_mailbox_rename(
                 &w, w.gate,
                 &(struct keep_mailbox_rename_req){ w.session, STR("a/b"), STR("new/b") }, NULL),
             ERR_QUOTA, "a level above it");
    CHECK_OK(ask_mailbox_rename(
                 &w, w.gate, &(struct keep_mailbox_rename_req){ w.session, STR("a/b"), STR("a/c") },
                 NULL),
             "a new name");
    CHECK_OK(ask_mailbox_delete(&w, w.gate,
                                &(struct keep_mailbox_delete_req){ w.session, STR("a/c") }, NULL),
             "one less");
    CHECK_OK(create(&w, "b"), "room again");
    limit(&w, 0, 3);
    CHECK_EQ(create(&w, "c"), ERR_QUOTA, "lower than what is there");
    limit(&w, 0, 0);
    CHECK_OK(create(&w, "c/d/e"), "no limit");
    CHECK_OK(ask_account_add(&w, w.control,
                             &(struct keep_account_add_req){ .address = STR("carol@crepes.fr"),
                                                             .password = STR("x"),
                                                             .quota_mailboxes = 2 },
                             NULL),
             "an account's first mailboxes are always made");
    world_close(&w);
}

TEST(what_is_deleted_is_counted_in_octets)
{
    struct keep_mailbox_status_req req = { .name = STR("INBOX"), .with_deleted_size = true };
    struct keep_mailbox_status_rep status;
    struct keep_select_rep inbox;
    struct world w;

    world_open(&w);
    req.session = w.session;
    for (int i = 0; i < 3; i++)
        CHECK_OK(world_deliver(&w, STR(BOB), STR(ALICE), STR("a: b\r\n\r\n12345\r\n")), "mail");
    CHECK_OK(ask_select(&w, w.gate, &(struct keep_select_req){ w.session, STR("INBOX") }, &inbox),
             "open");
    CHECK_OK(ask_mailbox_status(&w, w.gate, &req, &status), "status");
    CHECK_EQ(status.deleted_size, 0, "nothing yet");
    CHECK_OK(ask_store(&w, w.gate,
                       &(struct keep_store_req){ .session = w.session,
                                                 .mailbox = inbox.mailbox,
                                                 .uids = uids_of(&w, "1,3"),
                                                 .op = STORE_ADD,
                                                 .flags = FLAG_DELETED,
                                                 .unchanged_since = UNCHANGED_SINCE_UNSAID },
                       NULL),
             "two");
    CHECK_OK(ask_mailbox_status(&w, w.gate, &req, &status), "status");
    CHECK_EQ(status.deleted, 2, "deleted");
    CHECK_EQ(status.deleted_size, 2 * (status.size / 3), "two thirds");
    world_close(&w);
}
