/* keeper/sharing/server_acl_test.c - mailboxes that are shared: who may do what, and who sees
 * nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_test_world.h"
#include "keeper/sharing/server_place.h"

#define ALICES "Other Users/alice@crepes.fr/"

/* alice's mailbox Work with three messages, and bob, who may do with it what the test says. */
struct shared {
    struct world w;
    uint64_t bob;
    uint32_t number; /* of Work, for bob */
};

static enum err set_acl(struct world *w, uint64_t session, const char *name, const char *who,
                        const char *rights)
{
    struct rights_change change;

    CHECK_OK(rights_change_parse(str_from_z(rights), &change), "%s", rights);
    return ask_acl_set(w, w->gate,
                       &(struct keep_acl_set_req){ .session = session,
                                                   .name = str_from_z(name),
                                                   .identifier = str_from_z(who),
                                                   .op = (uint8_t)change.op,
                                                   .rights = change.rights },
                       NULL);
}

static enum err create(struct world *w, uint64_t session, const char *name)
{
    return ask_mailbox_create(
        w, w->gate,
        &(struct keep_mailbox_create_req){ .session = session, .name = str_from_z(name) }, NULL);
}

static enum err append(struct world *w, uint64_t session, const char *name, uint32_t flags)
{
    static const struct str text = STR_INIT("Subject: x\r\n\r\nx\r\n");
    const struct keep_new_message m = { .size = text.len, .flags = flags };
    struct keep_append_req req = { .session = session, .name = str_from_z(name), .bytes = text };
    struct buf manifest = { 0 };
    enum err e;

    keep_manifest_add(&manifest, &m);
    req.manifest = buf_str(&manifest);
    e = ask_append(w, w->gate, &req, NULL);
    buf_deinit(&manifest);
    return e;
}

static enum err open_box(struct world *w, uint64_t session, const char *name,
                         struct keep_select_rep *ret)
{
    return ask_select(
        w, w->gate,
        &(struct keep_select_req){ .session = session, .name = str_from_z(name), .write = true },
        ret);
}

static void shared_open(struct shared *x)
{
    world_open(&x->w);
    CHECK_OK(create(&x->w, x->w.session, "Work"), "Work");
    for (int i = 0; i < 3; i++)
        CHECK_OK(append(&x->w, x->w.session, "Work", 0), "message");
    x->bob = world_login(&x->w, STR("bob@hamburger.edu"), STR("hungry"));
}

static struct str flags_of(struct world *w, uint64_t session, uint32_t mailbox, const char *uids)
{
    struct keep_fetch_rep rep;
    struct buf b = { 0 };
    struct str text;

    CHECK_OK(ask_fetch(w, w->gate,
                       &(struct keep_fetch_req){ .session = session,
                                                 .mailbox = mailbox,
                                                 .uids = uids_of(w, uids),
                                                 .items = ITEM_FLAGS },
                       &rep),
             "flags");
    for (size_t i = 0; i < rep.rows_count; i++)
        flags_format(rep.rows[i].flags, NULL, &b);
    text = arena_copy(w->mem, buf_str(&b));
    buf_deinit(&b);
    return text;
}

/* ---- what each right allows ---- */

static enum err do_status(struct shared *x)
{
    return ask_mailbox_status(
        &x->w, x->w.gate, &(struct keep_mailbox_status_req){ x->bob, STR(ALICES "Work") }, NULL);
}

static enum err do_select(struct shared *x)
{
    return open_box(&x->w, x->bob, ALICES "Work", NULL);
}

static enum err store(struct shared *x, uint32_t flags)
{
    return ask_store(&x->w, x->w.gate,
                     &(struct keep_store_req){ .session = x->bob,
                                               .mailbox = x->number,
                                               .uids = uids_of(&x->w, "1"),
                                               .op = STORE_ADD,
                                               .flags = flags,
                                               .unchanged_since = UINT64_MAX },
                     NULL);
}

static enum err do_store_seen(struct shared *x)
{
    return store(x, FLAG_SEEN);
}

static enum err do_store_flagged(struct shared *x)
{
    return store(x, FLAG_FLAGGED);
}

static enum err do_store_deleted(struct shared *x)
{
    return store(x, FLAG_DELETED);
}

static enum err do_expunge(struct shared *x)
{
    return ask_expunge(&x->w, x->w.gate,
                       &(struct keep_expunge_req){
                           .session = x->bob, .mailbox = x->number, .uids = uids_of(&x->w, "3") },
                       NULL);
}

static enum err copy_out(struct shared *x, bool move)
{
    return ask_copy(&x->w, x->w.gate,
                    &(struct keep_copy_req){ .session = x->bob,
                                             .mailbox = x->number,
                                             .uids = uids_of(&x->w, "2"),
                                             .target = STR("Archive"),
                                             .move = move },
                    NULL);
}

static enum err do_copy_out(struct shared *x)
{
    return copy_out(x, false);
}

static enum err do_move_out(struct shared *x)
{
    return copy_out(x, true);
}

static enum err do_create(struct shared *x)
{
    return create(&x->w, x->bob, ALICES "Work/below");
}

static enum err do_delete(struct shared *x)
{
    return ask_mailbox_delete(
        &x->w, x->w.gate, &(struct keep_mailbox_delete_req){ x->bob, STR(ALICES "Work") }, NULL);
}

static enum err do_acl_list(struct shared *x)
{
    return ask_acl_list(&x->w, x->w.gate, &(struct keep_acl_list_req){ x->bob, STR(ALICES "Work") },
                        NULL);
}

static enum err do_acl_set(struct shared *x)
{
    return set_acl(&x->w, x->bob, ALICES "Work", "carol@crepes.fr", "lr");
}

static enum err do_acl_mine(struct shared *x)
{
    return ask_acl_mine(&x->w, x->w.gate, &(struct keep_acl_mine_req){ x->bob, STR(ALICES "Work") },
                        NULL);
}

static const struct {
    const char *name;
    enum err (*run)(struct shared *x);
    const char *with, *without; /* rights with which it works; of the open mailbox, without which */
} actions[] = {
    { "status", do_status, "r", "swipkxtea" },
    { "select", do_select, "r", "swipkxtea" },
    { "store seen", do_store_seen, "rs", "rwipkxtea" },
    { "store flagged", do_store_flagged, "rw", "rsipkxtea" },
    { "store deleted", do_store_deleted, "rt", "rswipkxea" },
    { "expunge", do_expunge, "re", "rswipkxta" },
    { "copy out", do_copy_out, "r", NULL },
    { "move out", do_move_out, "rte", "rswipkxta" },
    { "create below", do_create, "k", "rswipxtea" },
    { "delete", do_delete, "x", "rswipktea" },
    { "read the list", do_acl_list, "a", "rswipkxte" },
    { "change the list", do_acl_set, "a", "rswipkxte" },
    { "my rights", do_acl_mine, "l", "swpte" },
};

/* With a right it works, without it is denied to who may see the mailbox, and to others the mailbox
 * does not exist. */
TEST(every_action_needs_its_right)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        struct shared x;
        struct keep_select_rep rep;
        const char *without = actions[i].without;

        shared_open(&x);
        CHECK_OK(ask_account_add(&x.w, x.w.control,
                                 &(struct keep_account_add_req){ .address = STR("carol@crepes.fr"),
                                                                 .password = STR("hungry") },
                                 NULL),
                 "carol");
        CHECK_OK(set_acl(&x.w, x.w.session, "Work", "bob@hamburger.edu", "lrswipkxtea"), "all");
        CHECK_OK(open_box(&x.w, x.bob, ALICES "Work", &rep), "select");
        x.number = rep.mailbox;
        CHECK(x.number >= PLACE_GUEST, "a number of its own");
        if (without != NULL && actions[i].run != do_acl_mine) {
            CHECK_OK(set_acl(&x.w, x.w.session, "Work", "bob@hamburger.edu", without), "rights");
            CHECK_OK(set_acl(&x.w, x.w.session, "Work", "bob@hamburger.edu", "+l"), "and l");
            CHECK_EQ(actions[i].run(&x), ERR_DENIED, "%s with l%s", actions[i].name, without);
        }
        CHECK_OK(set_acl(&x.w, x.w.session, "Work", "bob@hamburger.edu", "s"), "invisible");
        CHECK_EQ(actions[i].run(&x), actions[i].run == do_create ? ERR_DENIED : ERR_NOT_FOUND,
                 "%s when invisible", actions[i].name);
        CHECK_OK(set_acl(&x.w, x.w.session, "Work", "bob@hamburger.edu", actions[i].with), "with");
        CHECK_OK(actions[i].run(&x), "%s with %s", actions[i].name, actions[i].with);
        world_close(&x.w);
    }
}

/* ---- what is hidden is not there ---- */

TEST(what_may_not_be_looked_up_is_as_if_it_did_not_exist)
{
    static const char *const names[] = {
        ALICES "Work",
        ALICES "nothing",
        ALICES "INBOX",
        "Other Users/alice@crepes.fr",
        "Other Users/nobody@crepes.fr/Work",
        "Other Users/nobody@nowhere.example/Work",
        "Other Users/alice/Work",
        "Other Users/@crepes.fr/Work",
        "Other Users//Work",
        "Other Users/",
        "Other Users",
    };
    struct shared x;

    shared_open(&x);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str name = str_from_z(names[i]);
        struct world *w = &x.w;

        CHECK_EQ(open_box(w, x.bob, names[i], NULL), ERR_NOT_FOUND, "select %s", names[i]);
        CHECK_EQ(
            ask_mailbox_status(w, w->gate, &(struct keep_mailbox_status_req){ x.bob, name }, NULL),
            ERR_NOT_FOUND, "status %s", names[i]);
        CHECK_EQ(
            ask_mailbox_delete(w, w->gate, &(struct keep_mailbox_delete_req){ x.bob, name }, NULL),
            ERR_NOT_FOUND, "delete %s", names[i]);
        CHECK_EQ(ask_mailbox_rename(w, w->gate,
                                    &(struct keep_mailbox_rename_req){ x.bob, name, STR("mine") },
                                    NULL),
                 ERR_NOT_FOUND, "rename %s", names[i]);
        CHECK_EQ(ask_acl_list(w, w->gate, &(struct keep_acl_list_req){ x.bob, name }, NULL),
                 ERR_NOT_FOUND, "list of rights of %s", names[i]);
        CHECK_EQ(ask_acl_mine(w, w->gate, &(struct keep_acl_mine_req){ x.bob, name }, NULL),
                 ERR_NOT_FOUND, "my rights to %s", names[i]);
        CHECK_EQ(set_acl(w, x.bob, names[i], "bob@hamburger.edu", "lr"), ERR_NOT_FOUND,
                 "rights to %s", names[i]);
        CHECK_EQ(create(w, x.bob, names[i]), ERR_DENIED, "create %s", names[i]);
        CHECK_EQ(append(w, x.bob, names[i], 0), ERR_NOT_FOUND, "append to %s", names[i]);
    }
    world_close(&x.w);
}

TEST(no_number_opens_what_was_not_granted)
{
    struct shared x;
    struct keep_select_rep alices, bobs;
    struct keep_fetch_req fetch = { .items = ITEM_FLAGS };

    shared_open(&x);
    fetch.uids = uids_of(&x.w, "1:*");
    CHECK_OK(set_acl(&x.w, x.w.session, "Work", "bob@hamburger.edu", "lr"), "rights");
    CHECK_OK(open_box(&x.w, x.bob, ALICES "Work", &bobs), "bob's");
    CHECK_OK(open_box(&x.w, x.w.session, "Work", &alices), "alice's");
    CHECK(bobs.mailbox != alices.mailbox, "numbers differ");
    CHECK_EQ(bobs.object, alices.object, "it is the same mailbox");
    fetch.session = x.bob;
    fetch.mailbox = alices.mailbox; /* bob has no mailbox of that number, or another one */
    CHECK_EQ(ask_fetch(&x.w, x.w.gate, &fetch, NULL), ERR_NOT_FOUND, "alice's number");
    for (uint32_t i = 1; i < 10; i++) {
        fetch.mailbox = PLACE_GUEST + i;
        CHECK_EQ(ask_fetch(&x.w, x.w.gate, &fetch, NULL), ERR_NOT_FOUND, "guessed %u", i);
    }
    fetch.session = x.w.session;
    fetch.mailbox = bobs.mailbox;
    CHECK_EQ(ask_fetch(&x.w, x.w.gate, &fetch, NULL), ERR_NOT_FOUND, "bob's number is not alice's");
    fetch.session = x.bob;
    CHECK_OK(ask_fetch(&x.w, x.w.gate, &fetch, NULL), "bob's number");
    CHECK_EQ(ask_fetch(&x.w, x.w.courier, &fetch, NULL), ERR_DENIED, "on another channel");
    world_close(&x.w);
}

/* ---- names ---- */

static struct str names(struct world *w, uint64_t session)
{
    struct keep_mailbox_list_rep rep;
    struct buf b = { 0 };
    struct str text;

    CHECK_OK(
        ask_mailbox_list(w, w->gate, &(struct keep_mailbox_list_req){ .session = session }, &rep),
        "list");
    for (size_t i = 0; i < rep.mailboxes_count; i++)
        if (str_starts(rep.mailboxes[i].name, STR("O")) ||
            str_starts(rep.mailboxes[i].name, STR("Sh")) ||
            str_starts(rep.mailboxes[i].name, STR("Public"))) {
            buf_printf(&b, "%s%.*s%s", b.len > 0 ? ", " : "", STR_ARG(rep.mailboxes[i].name),
                       rep.mailboxes[i].exists ? "=" : "");
            rights_format(rep.mailboxes[i].rights, &b);
        }
    text = arena_copy(w->mem, buf_str(&b));
    buf_deinit(&b);
    return text;
}

TEST(shared_mailboxes_are_listed_with_the_rights_to_them)
{
    struct shared x;

    shared_open(&x);
    CHECK_STR(names(&x.w, x.bob), STR(""), "nothing yet");
    CHECK_OK(create(&x.w, x.w.session, "Work/a/b"), "below");
    CHECK_OK(set_acl(&x.w, x.w.session, "Work/a/b", "bob@hamburger.edu", "lr"), "rights");
    CHECK_OK(set_acl(&x.w, x.w.session, "INBOX", "bob@hamburger.edu", "ri"), "without l");
    CHECK_STR(names(&x.w, x.bob),
              STR("Other Users, Other Users/alice@crepes.fr, Other Users/alice@crepes.fr/Work, "
                  "Other Users/alice@crepes.fr/Work/a, Other Users/alice@crepes.fr/Work/a/b=lr"),
              "levels above do not exist");
    CHECK_STR(names(&x.w, x.w.session), STR(""), "alice sees her own names only");
    CHECK_OK(append(&x.w, x.bob, ALICES "INBOX", 0), "a drop box");
    CHECK_OK(set_acl(&x.w, x.w.session, "Work/a/b", "bob@hamburger.edu", ""), "taken away");
    CHECK_STR(names(&x.w, x.bob), STR(""), "nothing any more");
    world_close(&x.w);
}

static struct str acl(struct world *w, uint64_t session, const char *name)
{
    struct keep_acl_list_rep rep;
    struct buf b = { 0 };
    struct str text;

    CHECK_OK(
        ask_acl_list(w, w->gate, &(struct keep_acl_list_req){ session, str_from_z(name) }, &rep),
        "%s", name);
    for (size_t i = 0; i < rep.entries_count; i++) {
        buf_printf(&b, "%s%.*s=", i > 0 ? " " : "", STR_ARG(rep.entries[i].identifier));
        rights_format(rep.entries[i].rights, &b);
    }
    text = arena_copy(w->mem, buf_str(&b));
    buf_deinit(&b);
    return text;
}

#define OWNER "alice@crepes.fr=lrswipkxteacd"

TEST(lists_are_changed_inherited_kept_and_dropped)
{
    struct shared x;
    struct world *w = &x.w;
    uint64_t alice;

    shared_open(&x);
    alice = w->session;
    CHECK_STR(acl(w, alice, "Work"), STR(OWNER), "the owner has all");
    CHECK_OK(set_acl(w, alice, "Work", "BOB@hamburger.edu", "lr"), "in any case");
    CHECK_OK(set_acl(w, alice, "Work", "bob@hamburger.edu", "+sk"), "more");
    CHECK_OK(set_acl(w, alice, "Work", "bob@hamburger.edu", "-r"), "less");
    CHECK_OK(set_acl(w, alice, "Work", "-bob@hamburger.edu", "k"), "negative");
    CHECK_STR(acl(w, alice, "Work"), STR(OWNER " bob@hamburger.edu=lskc -bob@hamburger.edu=kc"),
              "all of it");
    CHECK_EQ(create(w, x.bob, ALICES "Work/x"), ERR_DENIED, "what is taken away counts");
    CHECK_OK(create(w, alice, "Work/new"), "below");
    CHECK_STR(acl(w, alice, "Work/new"), acl(w, alice, "Work"), "inherited");
    CHECK_OK(ask_mailbox_rename(
                 w, w->gate,
                 &(struct keep_mailbox_rename_req){ alice, STR("Work/new"), STR("Elsewhere") },
                 NULL),
             "rename");
    CHECK_STR(acl(w, alice, "Elsewhere"), acl(w, alice, "Work"), "kept by the mailbox");
    CHECK_OK(ask_mailbox_delete(w, w->gate, &(struct keep_mailbox_delete_req){ alice, STR("Work") },
                                NULL),
             "delete");
    CHECK_OK(create(w, alice, "Work"), "again");
    CHECK_STR(acl(w, alice, "Work"), STR(OWNER), "the old list is gone");
    CHECK_EQ(set_acl(w, alice, "Work", "nobody@crepes.fr", "lr"), ERR_UNSUPPORTED, "nobody");
    CHECK_EQ(set_acl(w, alice, "Work", "$team", "lr"), ERR_UNSUPPORTED, "groups");
    CHECK_EQ(set_acl(w, alice, "Work", "", "lr"), ERR_SYNTAX, "empty");
    CHECK_EQ(set_acl(w, alice, "Work", "-", "lr"), ERR_SYNTAX, "only a dash");
    CHECK_EQ(set_acl(w, alice, "Work", "alice@crepes.fr", "lr"), ERR_UNSUPPORTED, "the owner");
    CHECK_EQ(set_acl(w, alice, "Work", "anyone", "lr"), ERR_DENIED, "anyone");
    CHECK_OK(ask_account_remove(w, w->control,
                                &(struct keep_account_remove_req){ STR("bob@hamburger.edu") },
                                NULL),
             "bob goes");
    world_settle(w, 1000);
    CHECK_STR(acl(w, alice, "Elsewhere"), STR(OWNER), "and with him his rights");
    world_restart(w, true);
    w->session = world_login(w, STR("alice"), STR("hungry"));
    CHECK_STR(acl(w, w->session, "Elsewhere"), STR(OWNER), "after a restart, too");
    world_close(w);
}

TEST(an_administrator_gives_rights_to_anyone)
{
    struct shared x;
    struct keep_account_open_rep admin;
    struct keep_acl_set_req req = { .name = STR("Work"),
                                    .identifier = STR("anyone"),
                                    .op = ACL_REPLACE };

    shared_open(&x);
    CHECK_OK(ask_account_open(&x.w, x.w.control,
                              &(struct keep_account_open_req){ STR("alice@crepes.fr") }, &admin),
             "administrator");
    req.session = admin.session;
    req.rights = RIGHT_LOOKUP | RIGHT_READ;
    CHECK_OK(ask_acl_set(&x.w, x.w.control, &req, NULL), "anyone");
    CHECK_STR(names(&x.w, x.bob),
              STR("Other Users, Other Users/alice@crepes.fr, Other Users/alice@crepes.fr/Work=lr"),
              "bob is anyone");
    CHECK_OK(open_box(&x.w, x.bob, ALICES "Work", NULL), "and may read");
    CHECK_OK(set_acl(&x.w, x.w.session, "Work", "-bob@hamburger.edu", "lr"), "but bob");
    CHECK_EQ(open_box(&x.w, x.bob, ALICES "Work", NULL), ERR_NOT_FOUND, "bob no longer");
    CHECK_OK(set_acl(&x.w, x.w.session, "Work", "anyone", ""), "an owner may take it away");
    world_close(&x.w);
}

/* The public mailboxes: News, which anyone may read, News/Old below it, and Hidden. */
static void public_open(struct shared *x, uint64_t *ret_admin)
{
    static const char *const made[] = { "News", "News/Old", "Hidden" };
    struct keep_account_open_rep admin;
    struct keep_acl_set_req req = { .name = STR("News"),
                                    .identifier = STR("anyone"),
                                    .rights = RIGHT_LOOKUP | RIGHT_READ };
    struct world *w = &x->w;

    shared_open(x);
    CHECK_OK(ask_account_add(w, w->control,
                             &(struct keep_account_add_req){ .address = STR("public@crepes.fr"),
                                                             .password = STR("x") },
                             NULL),
             "the owner");
    CHECK_OK(ask_account_open(w, w->control,
                              &(struct keep_account_open_req){ STR("public@crepes.fr") }, &admin),
             "administrator");
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        CHECK_OK(ask_mailbox_create(w, w->control,
                                    &(struct keep_mailbox_create_req){
                                        .session = admin.session, .name = str_from_z(made[i]) },
                                    NULL),
                 "%s", made[i]);
        req.session = admin.session;
        if (i == 0)
            CHECK_OK(ask_acl_set(w, w->control, &req, NULL), "anyone");
    }
    *ret_admin = admin.session;
}

TEST(public_mailboxes_are_those_of_their_owner_that_were_granted)
{
    struct keep_namespaces_rep spaces;
    struct keep_select_rep news;
    struct keep_quota_rep quota;
    struct shared x;
    struct world *w = &x.w;
    uint64_t admin;

    public_open(&x, &admin);
    CHECK_OK(ask_namespaces(w, w->gate, &(struct keep_namespaces_req){ x.bob }, &spaces), "ask");
    CHECK_STR(spaces.shared, STR("Public"), "namespace");
    CHECK_STR(names(w, x.bob), STR("Public, Public/News=lr, Public/News/Old=lr"), "bob's list");
    CHECK_OK(open_box(w, x.bob, "Public/News", &news), "open");
    CHECK_EQ(open_box(w, x.bob, "Public/Hidden", NULL), ERR_NOT_FOUND, "not granted");
    CHECK_EQ(open_box(w, x.bob, "Public/INBOX", NULL), ERR_NOT_FOUND, "not granted either");
    CHECK_EQ(open_box(w, x.bob, "Other Users/public@crepes.fr/News", NULL), ERR_NOT_FOUND,
             "one name is enough");
    CHECK_EQ(append(w, x.bob, "Public/News", 0), ERR_DENIED, "reading is not writing");
    CHECK_EQ(create(w, x.bob, "Public/Mine"), ERR_DENIED, "at the top");
    CHECK_EQ(create(w, x.bob, "Public/News/Mine"), ERR_DENIED, "without the right");
    CHECK_OK(ask_acl_set(w, w->control,
                         &(struct keep_acl_set_req){ .session = admin,
                                                     .name = STR("News"),
                                                     .identifier = STR("bob@hamburger.edu"),
                                                     .rights = RIGHT_CREATE | RIGHT_INSERT },
                         NULL),
             "more for bob");
    CHECK_OK(create(w, x.bob, "Public/News/Mine"), "below News");
    CHECK_OK(append(w, x.bob, "Public/News", FLAG_SEEN), "written");
    CHECK_OK(ask_quota(w, w->gate,
                       &(struct keep_quota_req){ x.bob, QUOTA_OF_MAILBOX, STR("Public/News") },
                       &quota),
             "whose quota");
    CHECK_STR(quota.root, STR("#user/public@crepes.fr"), "the owner's");
    CHECK_EQ(quota.messages, 1, "counts there");
    CHECK_OK(ask_mailbox_subscribe(
                 w, w->gate,
                 &(struct keep_mailbox_subscribe_req){ x.bob, STR("Public/News"), true }, NULL),
             "subscribe");
    world_restart(w, true);
    x.bob = world_login(w, STR("bob@hamburger.edu"), STR("hungry"));
    CHECK_OK(open_box(w, x.bob, "Public/News", &news), "as it was");
    CHECK_EQ(news.exists, 1, "its message");
    world_close(w);
}

/* ---- sessions on one mailbox ---- */

TEST(changes_reach_guests_and_a_right_taken_away_is_gone_at_once)
{
    struct shared x;
    struct world *w = &x.w;
    struct keep_select_rep rep;
    struct keep_sync_rep sync;
    struct keep_sync_req req = { 0 };
    uint32_t before;

    shared_open(&x);
    CHECK_OK(set_acl(w, w->session, "Work", "bob@hamburger.edu", "lrs"), "rights");
    CHECK_OK(open_box(w, x.bob, ALICES "Work", &rep), "open");
    CHECK_EQ(rep.rights, RIGHT_LOOKUP | RIGHT_READ | RIGHT_SEEN, "rights");
    world_settle(w, 100);
    before = w->changed_notes;
    CHECK_OK(append(w, w->session, "Work", FLAG_SEEN), "a message of alice's");
    world_settle(w, 100);
    CHECK(w->changed_notes >= before + 2, "both are told");
    req = (struct keep_sync_req){ x.bob, rep.mailbox, rep.modseq, true };
    CHECK_OK(ask_sync(w, w->gate, &req, &sync), "sync");
    CHECK_STR(uids_text(w, sync.arrived), STR("4"), "arrived");
    req.since = sync.modseq;
    before = w->changed_notes;
    CHECK_OK(set_acl(w, w->session, "Work", "bob@hamburger.edu", "lr"), "less");
    world_settle(w, 100);
    CHECK(w->changed_notes > before, "told of other rights");
    CHECK_OK(ask_sync(w, w->gate, &req, &sync), "sync");
    CHECK_EQ(sync.rights, RIGHT_LOOKUP | RIGHT_READ, "rights");
    CHECK_OK(set_acl(w, w->session, "Work", "bob@hamburger.edu", "l"), "no longer to be read");
    CHECK_EQ(ask_sync(w, w->gate, &req, &sync), ERR_NOT_FOUND, "sync");
    CHECK_OK(set_acl(w, w->session, "Work", "bob@hamburger.edu", "lrt"), "again");
    CHECK_OK(ask_sync(w, w->gate, &req, &sync), "sync");
    CHECK_OK(ask_account_remove(w, w->control,
                                &(struct keep_account_remove_req){ STR("alice@crepes.fr") }, NULL),
             "alice goes");
    world_settle(w, 1000);
    CHECK_EQ(ask_sync(w, w->gate, &req, &sync), ERR_NOT_FOUND, "with all she had");
    CHECK_STR(names(w, x.bob), STR(""), "names, too");
    world_close(w);
}

/* RFC 4314 4: of the flags those without a right are dropped, one by one. */
TEST(flags_without_a_right_are_left_out_or_alone)
{
    struct shared x;
    struct world *w = &x.w;
    struct keep_select_rep work, mine;
    struct keep_copy_req copy = { .target = STR(ALICES "Work") };
    const uint32_t all = FLAG_SEEN | FLAG_DELETED | FLAG_FLAGGED;

    shared_open(&x);
    CHECK_OK(append(w, x.bob, "Archive", all), "bob's own");
    CHECK_OK(set_acl(w, w->session, "Work", "bob@hamburger.edu", "rwis"), "no t");
    CHECK_OK(open_box(w, x.bob, "Archive", &mine), "bob's");
    copy.session = x.bob;
    copy.mailbox = mine.mailbox;
    copy.uids = uids_of(w, "1");
    CHECK_OK(ask_copy(w, w->gate, &copy, NULL), "copy");
    CHECK_OK(open_box(w, x.bob, ALICES "Work", &work), "open");
    CHECK_STR(flags_of(w, x.bob, work.mailbox, "4"), STR("(\\Seen \\Flagged)"), "without w");
    CHECK_OK(set_acl(w, w->session, "Work", "bob@hamburger.edu", "rsti"), "no w");
    CHECK_OK(append(w, x.bob, ALICES "Work", all), "append");
    CHECK_STR(flags_of(w, x.bob, work.mailbox, "5"), STR("(\\Seen \\Deleted)"), "append");
    x.number = work.mailbox;
    CHECK_OK(store(&x, all), "some of them");
    CHECK_STR(flags_of(w, x.bob, work.mailbox, "1"), STR("(\\Seen \\Deleted)"), "store");
    CHECK_EQ(store(&x, FLAG_FLAGGED), ERR_DENIED, "none of them");
    CHECK_OK(ask_store(w, w->gate,
                       &(struct keep_store_req){ .session = x.bob,
                                                 .mailbox = work.mailbox,
                                                 .uids = uids_of(w, "4"),
                                                 .op = STORE_SET,
                                                 .flags = FLAG_DELETED,
                                                 .unchanged_since = UINT64_MAX },
                       NULL),
             "set");
    CHECK_STR(flags_of(w, x.bob, work.mailbox, "4"), STR("(\\Flagged \\Deleted)"), "w's stay");
    world_close(w);
}

TEST(messages_go_from_one_account_to_another)
{
    struct shared x;
    struct world *w = &x.w;
    struct keep_select_rep work;
    struct keep_copy_rep rep;
    struct keep_mailbox_status_rep status;
    struct keep_quota_rep quota;
    struct keep_copy_req req = { .target = STR("Archive"), .move = true };

    shared_open(&x);
    CHECK_OK(set_acl(w, w->session, "Work", "bob@hamburger.edu", "lrte"), "rights");
    CHECK_OK(open_box(w, x.bob, ALICES "Work", &work), "open");
    req.session = x.bob;
    req.mailbox = work.mailbox;
    req.uids = uids_of(w, "1:2");
    CHECK_OK(ask_copy(w, w->gate, &req, &rep), "move");
    CHECK_STR(uids_text(w, rep.source), STR("1:2"), "from");
    CHECK_STR(uids_text(w, rep.target), STR("1:2"), "to");
    CHECK_OK(ask_mailbox_status(
                 w, w->gate, &(struct keep_mailbox_status_req){ x.bob, STR("Archive") }, &status),
             "status");
    CHECK_EQ(status.messages, 2, "came");
    CHECK_OK(ask_quota(w, w->gate, &(struct keep_quota_req){ x.bob }, &quota), "bob's");
    CHECK_EQ(quota.messages, 2, "bob's quota");
    CHECK_OK(ask_quota(w, w->gate, &(struct keep_quota_req){ w->session }, &quota), "alice's");
    CHECK_EQ(quota.messages, 1, "alice's quota");
    CHECK_OK(ask_account_quota(w, w->control,
                               &(struct keep_account_quota_req){ STR("bob@hamburger.edu"), 0, 2 },
                               NULL),
             "a quota");
    req.uids = uids_of(w, "3");
    CHECK_EQ(ask_copy(w, w->gate, &req, &rep), ERR_QUOTA, "the target's quota counts");
    world_restart(w, true);
    world_close(w);
}
