/* keeper/events/server_metadata_test.c - annotations: kept, moved along, removed, limited, checked.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_test_world.h"
#include "store/mailbox/metadata.h"

static enum err set(struct world *w, struct str name, struct str entry, struct str value)
{
    struct keep_annotation a = { .entry = entry, .exists = true, .value = value };

    return ask_metadata_write(
        w, w->gate,
        &(struct keep_metadata_write_req){
            .session = w->session, .name = name, .annotations = &a, .annotations_count = 1 },
        NULL);
}

static enum err clear(struct world *w, struct str name, struct str entry)
{
    struct keep_annotation a = { .entry = entry };

    return ask_metadata_write(
        w, w->gate,
        &(struct keep_metadata_write_req){
            .session = w->session, .name = name, .annotations = &a, .annotations_count = 1 },
        NULL);
}

/* "entry=value entry=value ..." of everything within `from`, page after page. */
static struct str get(struct world *w, struct str name, const char *from, uint32_t depth)
{
    struct keep_text entry = { .text = str_from_z(from) };
    struct keep_metadata_read_req req = { .session = w->session,
                                          .name = name,
                                          .entries = &entry,
                                          .entries_count = 1,
                                          .depth = depth,
                                          .max_size = UINT64_MAX };
    struct keep_metadata_read_rep rep;
    struct buf b = { 0 };
    struct str text;

    do {
        CHECK_OK(ask_metadata_read(w, w->gate, &req, &rep), "read");
        for (size_t i = 0; i < rep.annotations_count; i++)
            buf_printf(&b, "%s%.*s=%.*s", b.len > 0 ? " " : "", STR_ARG(rep.annotations[i].entry),
                       STR_ARG(rep.annotations[i].value));
        req.from = rep.next;
    } while (rep.next.len > 0);
    text = arena_copy(w->mem, buf_str(&b));
    buf_deinit(&b);
    return text;
}

TEST(annotations_are_set_replaced_and_removed)
{
    struct world w;
    struct str inbox = STR("inbox");

    world_open(&w);
    CHECK_OK(set(&w, inbox, STR("/private/Comment"), STR("mine")), "private");
    CHECK_OK(set(&w, inbox, STR("/shared/comment"), STR("ours")), "shared");
    CHECK_OK(set(&w, inbox, STR("/private/a/b/c"), STR("deep")), "deep");
    CHECK_OK(set(&w, STR(""), STR("/private/x"), STR("server")), "server");
    CHECK_STR(get(&w, inbox, "/shared", ENTRY_DEPTH_ALL), STR("/shared/comment=ours"), "shared");
    CHECK_STR(get(&w, inbox, "/private", ENTRY_DEPTH_ALL),
              STR("/private/a/b/c=deep /private/comment=mine"), "private");
    CHECK_STR(get(&w, inbox, "/private/a", 1), STR(""), "two below");
    CHECK_STR(get(&w, inbox, "/private/a/b", 1), STR("/private/a/b/c=deep"), "one below");
    CHECK_STR(get(&w, STR(""), "/private/x", 0), STR("/private/x=server"), "server");
    CHECK_OK(set(&w, inbox, STR("/private/comment"), STR("")), "empty is a value");
    CHECK_STR(get(&w, inbox, "/private/comment", 0), STR("/private/comment="), "empty");
    CHECK_OK(clear(&w, inbox, STR("/private/comment")), "clear");
    CHECK_OK(clear(&w, inbox, STR("/private/comment")), "again");
    CHECK_STR(get(&w, inbox, "/private/comment", 0), STR(""), "gone");
    CHECK_EQ(set(&w, inbox, STR("/other/x"), STR("v")), ERR_SYNTAX, "scope");
    CHECK_EQ(set(&w, STR("none"), STR("/private/x"), STR("v")), ERR_NOT_FOUND, "no mailbox");
    world_restart(&w, true);
    w.session = world_login(&w, STR("alice@crepes.fr"), STR("hungry"));
    CHECK_STR(get(&w, inbox, "/private", ENTRY_DEPTH_ALL), STR("/private/a/b/c=deep"), "durable");
    world_close(&w);
}

TEST(annotations_follow_their_mailbox)
{
    struct world w;

    world_open(&w);
    CHECK_OK(ask_mailbox_create(
                 &w, w.gate,
                 &(struct keep_mailbox_create_req){ .session = w.session, .name = STR("a/b") },
                 NULL),
             "create");
    CHECK_OK(set(&w, STR("a/b"), STR("/private/comment"), STR("v")), "set");
    CHECK_OK(set(&w, STR("INBOX"), STR("/shared/comment"), STR("in")), "set");
    CHECK_OK(ask_mailbox_rename(&w, w.gate,
                                &(struct keep_mailbox_rename_req){
                                    .session = w.session, .from = STR("a"), .to = STR("z") },
                                NULL),
             "rename");
    CHECK_STR(get(&w, STR("z/b"), "/private", ENTRY_DEPTH_ALL), STR("/private/comment=v"), "moved");
    CHECK_OK(ask_mailbox_rename(&w, w.gate,
                                &(struct keep_mailbox_rename_req){
                                    .session = w.session, .from = STR("INBOX"), .to = STR("old") },
                                NULL),
             "rename INBOX");
    CHECK_STR(get(&w, STR("INBOX"), "/shared", 1), STR("/shared/comment=in"), "INBOX keeps them");
    CHECK_STR(get(&w, STR("old"), "/shared", 1), STR("/shared/comment=in"), "and gives a copy");
    CHECK_OK(ask_mailbox_delete(
                 &w, w.gate,
                 &(struct keep_mailbox_delete_req){ .session = w.session, .name = STR("z/b") },
                 NULL),
             "delete");
    CHECK_OK(ask_mailbox_create(
                 &w, w.gate,
                 &(struct keep_mailbox_create_req){ .session = w.session, .name = STR("z/b") },
                 NULL),
             "again");
    CHECK_STR(get(&w, STR("z/b"), "/private", ENTRY_DEPTH_ALL), STR(""), "not inherited");
    world_settle(&w, 1000);
    CHECK_EQ(world_check(&w, true), 0, "swept");
    world_close(&w);
}

TEST(a_change_of_annotations_is_whole_or_not_at_all)
{
    struct world w;
    struct keep_annotation two[] = {
        { .entry = STR("/private/one"), .exists = true, .value = STR("1") },
        { .entry = STR("/private/bad/"), .exists = true, .value = STR("2") },
    };
    struct keep_metadata_write_req req = { .name = STR("INBOX"),
                                           .annotations = two,
                                           .annotations_count = 2 };

    world_open(&w);
    req.session = w.session;
    CHECK_EQ(ask_metadata_write(&w, w.gate, &req, NULL), ERR_SYNTAX, "the second");
    CHECK_STR(get(&w, STR("INBOX"), "/private", ENTRY_DEPTH_ALL), STR(""), "not the first alone");
    world_close(&w);
}

TEST(annotations_are_limited_in_number_and_size)
{
    struct world w;
    struct buf big = { 0 };
    struct str all;

    world_open(&w);
    memset(buf_reserve(&big, ENTRY_VALUE_BYTES_MAX + 1), 'x', ENTRY_VALUE_BYTES_MAX + 1);
    big.len = ENTRY_VALUE_BYTES_MAX + 1;
    CHECK_EQ(set(&w, STR("INBOX"), STR("/private/big"), buf_str(&big)), ERR_LIMIT, "too large");
    for (int i = 0; i < METADATA_ENTRIES_MAX; i++)
        CHECK_OK(set(&w, STR("INBOX"), arena_printf(w.mem, "/private/n%03d", i),
                     str_take(buf_str(&big), ENTRY_VALUE_BYTES_MAX)),
                 "entry %d", i);
    CHECK_EQ(set(&w, STR("INBOX"), STR("/private/more"), STR("")), ERR_LIMIT, "too many");
    CHECK_OK(set(&w, STR("INBOX"), STR("/private/n000"), STR("new")), "replacing");
    CHECK_OK(set(&w, STR("INBOX"), STR("/shared/more"), STR("")), "shared ones count apart");
    all = get(&w, STR("INBOX"), "/private", ENTRY_DEPTH_ALL);
    CHECK(all.len > ENTRY_VALUE_BYTES_MAX * (METADATA_ENTRIES_MAX - 1) &&
              str_find(all, STR("/private/n199=")) != STR_NOT_FOUND,
          "pages bring them all: %zu octets", all.len);
    buf_deinit(&big);
    world_close(&w);
}

static uint32_t uses_of(struct world *w, struct str name)
{
    struct keep_metadata_read_rep rep;

    CHECK_OK(ask_metadata_read(
                 w, w->gate,
                 &(struct keep_metadata_read_req){ .session = w->session, .name = name }, &rep),
             "read");
    return rep.special_uses;
}

static enum err set_uses(struct world *w, struct str name, uint32_t uses)
{
    return ask_metadata_write(
        w, w->gate,
        &(struct keep_metadata_write_req){
            .session = w->session, .name = name, .set_uses = true, .special_uses = uses },
        NULL);
}

/* RFC 6154 5.4. */
TEST(a_special_use_moves_from_one_mailbox_to_another)
{
    struct world w;

    world_open(&w);
    CHECK_EQ(uses_of(&w, STR("Drafts")), USE_DRAFTS, "before");
    CHECK_OK(set_uses(&w, STR("Archive"), USE_DRAFTS), "moved");
    CHECK_EQ(uses_of(&w, STR("Drafts")), 0, "not here");
    CHECK_EQ(uses_of(&w, STR("Archive")), USE_DRAFTS, "here");
    CHECK_OK(set_uses(&w, STR("Archive"), 0), "taken away");
    CHECK_EQ(uses_of(&w, STR("Archive")), 0, "none");
    CHECK_EQ(set_uses(&w, STR("Archive"), USE_ALL), ERR_UNSUPPORTED, "virtual");
    CHECK_EQ(set_uses(&w, STR("INBOX"), USE_SENT), ERR_UNSUPPORTED, "INBOX");
    CHECK_EQ(set_uses(&w, STR(""), USE_SENT), ERR_UNSUPPORTED, "the server");
    world_close(&w);
}
