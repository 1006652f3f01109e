/* keeper/events/server_events_test.c - what a session that watches is told, and who is not. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/events/server_events.h"
#include "keeper/server_test_world.h"
#include "message/set/rights.h"

enum {
    ALL_KINDS =
        1 << EVENT_MESSAGES | 1 << EVENT_NAME | 1 << EVENT_SUBSCRIPTION | 1 << EVENT_METADATA
};

static void watch(struct world *w, uint32_t kinds)
{
    CHECK_OK(ask_watch(w, w->gate, &(struct keep_watch_req){ w->session, kinds }, NULL), "watch");
}

static void check_events(struct world *w, const char *want, int line)
{
    world_settle(w, 100);
    CHECK_STR(buf_str(&w->events), str_from_z(want), "line %d", line);
    buf_clear(&w->events);
}
#define CHECK_EVENTS(w, want) check_events(w, want, __LINE__)

static void create(struct world *w, const char *name)
{
    CHECK_OK(ask_mailbox_create(w, w->gate,
                                &(struct keep_mailbox_create_req){ .session = w->session,
                                                                   .name = str_from_z(name) },
                                NULL),
             "%s", name);
}

static void deliver(struct world *w)
{
    CHECK_OK(world_deliver(w, STR(""), STR("alice@crepes.fr"), STR("\r\nx")), "deliver");
}

TEST(what_happens_to_messages_is_told_with_the_numbers)
{
    struct world w;
    struct keep_select_rep box;
    struct keep_store_req store = { .op = STORE_SET,
                                    .flags = FLAG_SEEN | FLAG_DELETED,
                                    .unchanged_since = UNCHANGED_SINCE_UNSAID };

    world_open(&w);
    deliver(&w);
    world_settle(&w, 100);
    CHECK_EVENTS(&w, "");
    watch(&w, ALL_KINDS);
    deliver(&w);
    CHECK_EVENTS(&w, "messages INBOX+ 1 messages=2 next=3 unseen=2\n");
    CHECK_OK(ask_select(&w, w.gate,
                        &(struct keep_select_req){ .session = w.session, .name = STR("INBOX") },
                        &box),
             "select");
    store.session = w.session;
    store.mailbox = box.mailbox;
    store.uids = uids_of(&w, "1");
    CHECK_OK(ask_store(&w, w.gate, &store, NULL), "store");
    CHECK_EVENTS(&w, "messages INBOX+ 4 messages=2 next=3 unseen=1\n");
    CHECK_OK(ask_expunge(&w, w.gate,
                         &(struct keep_expunge_req){ .session = w.session,
                                                     .mailbox = box.mailbox,
                                                     .uids = uids_of(&w, "1:*"),
                                                     .deleted_only = true },
                         NULL),
             "expunge");
    CHECK_EVENTS(&w, "messages INBOX+ 2 messages=1 next=3 unseen=1\n");
    CHECK_OK(ask_copy(&w, w.gate,
                      &(struct keep_copy_req){ .session = w.session,
                                               .mailbox = box.mailbox,
                                               .uids = uids_of(&w, "2"),
                                               .target = STR("Sent"),
                                               .move = true },
                      NULL),
             "move");
    world_settle(&w, 100);
    CHECK(str_find(buf_str(&w.events), STR("messages INBOX+ 2 messages=0")) != STR_NOT_FOUND &&
              str_find(buf_str(&w.events), STR("messages Sent+ 1 messages=1")) != STR_NOT_FOUND,
          "both mailboxes of a move");
    buf_clear(&w.events);
    watch(&w, 0);
    deliver(&w);
    CHECK_EVENTS(&w, "");
    watch(&w, 1 << EVENT_NAME);
    deliver(&w);
    CHECK_EVENTS(&w, "");
    world_close(&w);
}

TEST(what_happens_to_names_is_told)
{
    struct world w;

    world_open(&w);
    create(&w, "p");
    watch(&w, ALL_KINDS);
    create(&w, "a/b");
    CHECK_EVENTS(&w, "name a\nname a/b\n");
    create(&w, "p/q");
    CHECK_EVENTS(&w, "name p/q\nname p\n");
    CHECK_OK(ask_mailbox_rename(&w, w.gate,
                                &(struct keep_mailbox_rename_req){
                                    .session = w.session, .from = STR("a"), .to = STR("z") },
                                NULL),
             "rename");
    CHECK_EVENTS(&w, "name z<a\n");
    CHECK_OK(ask_mailbox_subscribe(&w, w.gate,
                                   &(struct keep_mailbox_subscribe_req){
                                       .session = w.session, .name = STR("z/b"), .on = true },
                                   NULL),
             "subscribe");
    CHECK_EVENTS(&w, "subscription z/b+\n");
    CHECK_OK(ask_mailbox_delete(
                 &w, w.gate,
                 &(struct keep_mailbox_delete_req){ .session = w.session, .name = STR("p/q") },
                 NULL),
             "delete");
    CHECK_EVENTS(&w, "name p/q!\nname p\n");
    CHECK_OK(ask_mailbox_subscribe(&w, w.gate,
                                   &(struct keep_mailbox_subscribe_req){
                                       .session = w.session, .name = STR("z/b"), .on = false },
                                   NULL),
             "unsubscribe");
    CHECK_EVENTS(&w, "subscription z/b\n");
    world_close(&w);
}

TEST(what_happens_to_annotations_is_told_to_those_whom_it_concerns)
{
    struct world w;
    struct keep_annotation two[] = {
        { .entry = STR("/private/comment"), .exists = true, .value = STR("1") },
        { .entry = STR("/shared/comment"), .exists = false },
    };
    struct keep_metadata_write_req req = { .name = STR("INBOX"),
                                           .annotations = two,
                                           .annotations_count = 2 };

    world_open(&w);
    watch(&w, ALL_KINDS);
    req.session = w.session;
    CHECK_OK(ask_metadata_write(&w, w.gate, &req, NULL), "write");
    CHECK_EVENTS(&w, "metadata INBOX+ /private/comment\nmetadata INBOX+ /shared/comment\n");
    req.name = STR("");
    CHECK_OK(ask_metadata_write(&w, w.gate, &req, NULL), "write");
    CHECK_EVENTS(&w, "metadata  /private/comment\nmetadata  /shared/comment\n");
    world_close(&w);
}

static void written(void *ctx, enum err e, const struct keep_metadata_write_rep *rep,
                    struct file *file)
{
    (void)ctx, (void)rep, (void)file;
    CHECK_OK(e, "write");
}

/* Everything of one turn: more kinds of it than are kept. */
TEST(too_much_to_tell_is_one_word_and_the_end)
{
    struct world w;
    struct keep_annotation many[150];
    struct keep_metadata_write_req req = { .annotations = many,
                                           .annotations_count = ARRAY_LEN(many) };

    world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct keep_annotation){ .entry = arena_printf(w.mem, "/private/n%zu", i),
                                            .exists = true };
    req.session = w.session;
    watch(&w, ALL_KINDS);
    for (int i = 0; i < 20; i++) {
        req.name = arena_printf(w.mem, "box%d", i);
        create(&w, req.name.at);
    }
    world_settle(&w, 100);
    buf_clear(&w.events);
    for (int i = 0; i < 20; i++) {
        req.name = arena_printf(w.mem, "box%d", i);
        (void)keeper_metadata_write(w.gate, &req, written, NULL);
    }
    world_settle(&w, 1000);
    CHECK(str_ends(buf_str(&w.events), STR("overflow \n")), "told: ...%.*s",
          STR_ARG(str_skip(buf_str(&w.events), w.events.len - MIN(w.events.len, (size_t)100))));
    buf_clear(&w.events);
    deliver(&w);
    CHECK_EVENTS(&w, "");
    watch(&w, ALL_KINDS);
    deliver(&w);
    CHECK_EVENTS(&w, "messages INBOX+ 1 messages=2 next=3 unseen=2\n");
    world_close(&w);
}

static void share(struct world *w, const char *who, uint32_t rights)
{
    CHECK_OK(ask_acl_set(w, w->gate,
                         &(struct keep_acl_set_req){ .session = w->session,
                                                     .name = STR("INBOX"),
                                                     .identifier = str_from_z(who),
                                                     .rights = rights },
                         NULL),
             "rights of %s", who);
}

TEST(what_others_share_is_told_of_while_it_is_shared)
{
    static const char bob[] = "bob@hamburger.edu";
    struct world w;
    uint64_t bobs;

    world_open(&w);
    bobs = world_login(&w, str_from_z(bob), STR("hungry"));
    CHECK_OK(ask_watch(&w, w.gate, &(struct keep_watch_req){ bobs, ALL_KINDS }, NULL), "watch");
    deliver(&w);
    CHECK_EVENTS(&w, "");
    share(&w, bob, RIGHT_LOOKUP);
    CHECK_EVENTS(&w, "name Other Users/alice@crepes.fr/INBOX\n");
    deliver(&w);
    CHECK_EVENTS(&w, ""); /* without "r" there are no figures */
    share(&w, bob, RIGHT_LOOKUP | RIGHT_READ);
    CHECK_EVENTS(&w, "");
    deliver(&w);
    CHECK_EVENTS(&w, "messages Other Users/alice@crepes.fr/INBOX 1 messages=3 next=4 unseen=3\n");
    create(&w, "INBOX/Work"); /* has the list of the one above it */
    CHECK_EVENTS(&w, "name Other Users/alice@crepes.fr/INBOX/Work\n"
                     "name Other Users/alice@crepes.fr/INBOX\n");
    CHECK_OK(ask_mailbox_rename(&w, w.gate,
                                &(struct keep_mailbox_rename_req){ w.session, STR("INBOX/Work"),
                                                                   STR("INBOX/Play") },
                                NULL),
             "rename");
    CHECK_EVENTS(&w, "name Other Users/alice@crepes.fr/INBOX/Play<Other "
                     "Users/alice@crepes.fr/INBOX/Work\n");
    share(&w, bob, 0);
    CHECK_EVENTS(&w, "name Other Users/alice@crepes.fr/INBOX!\n");
    deliver(&w);
    CHECK_EVENTS(&w, "");
    world_close(&w);
}
