/* keeper/server_faults_test.c - the disk fails at every call of every change: old or new, never
 * between.
 *
 * Each change is made once without a fault, to see how many calls of the file layer it takes and
 * what the store shows afterwards. Then it is made again in fresh worlds, each of which fails at
 * another call and loses what was not synced. After the restart the store shows what it should
 * afterwards when the change was answered, what it did before when it was refused, and one of the
 * two when nobody knows (ERR_CLOSED, doc/decisions/0003); check finds nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_job.h"
#include "keeper/server_test_world.h"
#include "message/record/record.h"

#define HELLO STR("From: bob@hamburger.edu\r\nSubject: Hello\r\n\r\nKetchup?\r\n")

/* ---- what the store shows ---- */

static void show_flags(struct world *w, struct buf *b, struct str name)
{
    struct keep_select_rep box;
    struct keep_fetch_rep rows;

    CHECK_OK(ask_select(w, w->gate,
                        &(struct keep_select_req){ .session = w->session, .name = name }, &box),
             "select");
    CHECK_OK(ask_fetch(w, w->gate,
                       &(struct keep_fetch_req){ .session = w->session,
                                                 .mailbox = box.mailbox,
                                                 .uids = uids_of(w, "1:*"),
                                                 .items = ITEM_FLAGS | ITEM_SIZE },
                       &rows),
             "fetch");
    for (size_t i = 0; i < rows.rows_count; i++)
        buf_printf(b, " %u:%x/%llx/%llu", rows.rows[i].uid, rows.rows[i].flags,
                   (unsigned long long)rows.rows[i].keywords,
                   (unsigned long long)rows.rows[i].size);
}

static void show_annotations(struct world *w, struct buf *b)
{
    struct keep_text all[] = { { STR("/private") }, { STR("/shared") } };
    struct keep_metadata_read_rep rep;

    CHECK_OK(ask_metadata_read(w, w->gate,
                               &(struct keep_metadata_read_req){ .session = w->session,
                                                                 .name = STR("INBOX"),
                                                                 .entries = all,
                                                                 .entries_count = 2,
                                                                 .depth = UINT32_MAX,
                                                                 .max_size = UINT64_MAX },
                               &rep),
             "annotations");
    for (size_t i = 0; i < rep.annotations_count; i++)
        buf_printf(b, " %.*s=%.*s", STR_ARG(rep.annotations[i].entry),
                   STR_ARG(rep.annotations[i].value));
}

static void show_people(struct world *w, struct buf *b)
{
    struct keep_account_list_rep people;
    struct keep_domain_list_rep domains;
    struct keep_alias_list_rep aliases;

    CHECK_OK(ask_account_list(w, w->control, &(struct keep_account_list_req){ 0 }, &people), "a");
    CHECK_OK(ask_domain_list(w, w->control, &(struct keep_domain_list_req){ 0 }, &domains), "d");
    CHECK_OK(ask_alias_list(w, w->control, &(struct keep_alias_list_req){ 0 }, &aliases), "l");
    for (size_t i = 0; i < people.accounts_count; i++)
        buf_printf(b, " %.*s/%d/%llu", STR_ARG(people.accounts[i].address),
                   people.accounts[i].enabled, (unsigned long long)people.accounts[i].quota_bytes);
    for (size_t i = 0; i < domains.domains_count; i++)
        buf_printf(b, " @%.*s", STR_ARG(domains.domains[i].name));
    for (size_t i = 0; i < aliases.aliases_count; i++)
        buf_printf(b, " >%.*s", STR_ARG(aliases.aliases[i].address));
}

/* Everything but times and modseqs, as text. */
static struct str show(struct world *w)
{
    struct keep_mailbox_list_rep boxes;
    struct buf b = { 0 };
    struct str text;

    CHECK_OK(ask_mailbox_list(w, w->gate, &(struct keep_mailbox_list_req){ .session = w->session },
                              &boxes),
             "list");
    for (size_t i = 0; i < boxes.mailboxes_count; i++) {
        const struct keep_mailbox *m = &boxes.mailboxes[i];

        buf_printf(&b, "%.*s%s%s", STR_ARG(m->name), m->subscribed ? "+" : "",
                   m->exists ? "" : "!");
        if (m->exists)
            show_flags(w, &b, m->name);
        BUF_ADD(&b, "\n");
    }
    show_annotations(w, &b);
    show_people(w, &b);
    text = arena_copy(w->mem, buf_str(&b));
    buf_deinit(&b);
    return text;
}

/* ---- the changes ---- */

static uint32_t inbox(struct world *w)
{
    struct keep_select_rep box;

    CHECK_OK(ask_select(w, w->gate,
                        &(struct keep_select_req){ .session = w->session, .name = STR("INBOX") },
                        &box),
             "select");
    return box.mailbox;
}

static enum err do_deliver(struct world *w)
{
    return world_deliver(w, STR("bob@hamburger.edu"), STR("alice@crepes.fr"), HELLO);
}

static enum err do_append(struct world *w)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct keep_new_message m = { .size = HELLO.len, .flags = FLAG_DRAFT };
    struct buf record = { 0 }, manifest = { 0 }, octets = { 0 };
    enum err e;

    record_build(HELLO, &limits, &record);
    m.record = buf_str(&record);
    for (int i = 0; i < 2; i++) {
        keep_manifest_add(&manifest, &m);
        buf_add(&octets, HELLO);
    }
    e = ask_append(w, w->gate,
                   &(struct keep_append_req){ .session = w->session,
                                              .name = STR("Drafts"),
                                              .manifest = buf_str(&manifest),
                                              .bytes = buf_str(&octets) },
                   NULL);
    buf_deinit(&record);
    buf_deinit(&manifest);
    buf_deinit(&octets);
    return e;
}

static enum err do_store(struct world *w)
{
    struct keep_text work = { STR("work") };

    return ask_store(w, w->gate,
                     &(struct keep_store_req){ .session = w->session,
                                               .mailbox = inbox(w),
                                               .uids = uids_of(w, "1:2"),
                                               .op = STORE_ADD,
                                               .flags = FLAG_SEEN,
                                               .keywords = &work,
                                               .keywords_count = 1,
                                               .unchanged_since = UNCHANGED_SINCE_UNSAID },
                     NULL);
}

static enum err do_expunge(struct world *w)
{
    return ask_expunge(w, w->gate,
                       &(struct keep_expunge_req){
                           .session = w->session, .mailbox = inbox(w), .uids = uids_of(w, "1:2") },
                       NULL);
}

static enum err copy_or_move(struct world *w, bool move)
{
    return ask_copy(w, w->gate,
                    &(struct keep_copy_req){ .session = w->session,
                                             .mailbox = inbox(w),
                                             .uids = uids_of(w, "2:3"),
                                             .target = STR("Archive"),
                                             .move = move },
                    NULL);
}

static enum err do_copy(struct world *w)
{
    return copy_or_move(w, false);
}

static enum err do_move(struct world *w)
{
    return copy_or_move(w, true);
}

static enum err do_mark_seen(struct world *w)
{
    struct keep_want want = { .section = STR("TEXT"), .length = 10 };

    return ask_fetch(w, w->gate,
                     &(struct keep_fetch_req){ .session = w->session,
                                               .mailbox = inbox(w),
                                               .uids = uids_of(w, "1:3"),
                                               .items = ITEM_FLAGS,
                                               .wants = &want,
                                               .wants_count = 1,
                                               .mark_seen = true },
                     NULL);
}

static enum err do_create(struct world *w)
{
    return ask_mailbox_create(
        w, w->gate,
        &(struct keep_mailbox_create_req){ .session = w->session, .name = STR("a/b/c") }, NULL);
}

static enum err do_delete(struct world *w)
{
    return ask_mailbox_delete(
        w, w->gate, &(struct keep_mailbox_delete_req){ .session = w->session, .name = STR("Junk") },
        NULL);
}

static enum err rename_to(struct world *w, struct str from, struct str to)
{
    return ask_mailbox_rename(
        w, w->gate,
        &(struct keep_mailbox_rename_req){ .session = w->session, .from = from, .to = to }, NULL);
}

static enum err do_rename(struct world *w)
{
    return rename_to(w, STR("Sent"), STR("gone/Sent"));
}

static enum err do_rename_inbox(struct world *w)
{
    return rename_to(w, STR("INBOX"), STR("old"));
}

static enum err do_subscribe(struct world *w)
{
    return ask_mailbox_subscribe(w, w->gate,
                                 &(struct keep_mailbox_subscribe_req){
                                     .session = w->session, .name = STR("new"), .on = true },
                                 NULL);
}

static enum err do_annotate(struct world *w)
{
    struct keep_annotation two[] = {
        { .entry = STR("/private/comment"), .exists = true, .value = STR("1") },
        { .entry = STR("/shared/comment"), .exists = true, .value = STR("2") },
    };

    return ask_metadata_write(w, w->gate,
                              &(struct keep_metadata_write_req){ .session = w->session,
                                                                 .name = STR("INBOX"),
                                                                 .annotations = two,
                                                                 .annotations_count = 2 },
                              NULL);
}

static enum err do_account_add(struct world *w)
{
    return ask_account_add(w, w->control,
                           &(struct keep_account_add_req){ .address = STR("carol@crepes.fr"),
                                                           .password = STR("hungry") },
                           NULL);
}

static enum err do_account_remove(struct world *w)
{
    return ask_account_remove(
        w, w->control, &(struct keep_account_remove_req){ .address = STR("bob@hamburger.edu") },
        NULL);
}

static enum err do_account_quota(struct world *w)
{
    return ask_account_quota(w, w->control,
                             &(struct keep_account_quota_req){ .address = STR("bob@hamburger.edu"),
                                                               .quota_bytes = 5000 },
                             NULL);
}

static enum err do_account_disable(struct world *w)
{
    return ask_account_enable(
        w, w->control, &(struct keep_account_enable_req){ .address = STR("bob@hamburger.edu") },
        NULL);
}

static enum err do_domain_add(struct world *w)
{
    return ask_domain_add(w, w->control, &(struct keep_domain_add_req){ .name = STR("x.example") },
                          NULL);
}

static enum err do_alias_add(struct world *w)
{
    struct keep_text target = { STR("alice@crepes.fr") };

    return ask_alias_add(w, w->control,
                         &(struct keep_alias_add_req){ .address = STR("info@crepes.fr"),
                                                       .targets = &target,
                                                       .targets_count = 1 },
                         NULL);
}

static const struct {
    const char *name;
    enum err (*change)(struct world *w);
    bool reads; /* it is answered on a full disk, too, without its change */
} changes[] = {
    { "deliver", do_deliver },
    { "append", do_append },
    { "store", do_store },
    { "expunge", do_expunge },
    { "copy", do_copy },
    { "move", do_move },
    { "mark seen", do_mark_seen, true },
    { "create", do_create },
    { "delete", do_delete },
    { "rename", do_rename },
    { "rename INBOX", do_rename_inbox },
    { "subscribe", do_subscribe },
    { "annotate", do_annotate },
    { "account add", do_account_add },
    { "account remove", do_account_remove },
    { "account quota", do_account_quota },
    { "account disable", do_account_disable },
    { "domain add", do_domain_add },
    { "alias add", do_alias_add },
};

/* ---- the sweep ---- */

enum { CALLS_MAX = 12 };

static void open_with_mail(struct world *w)
{
    world_open(w);
    for (int i = 0; i < 3; i++)
        CHECK_OK(do_deliver(w), "deliver");
    (void)inbox(w);
    world_settle(w, 1000);
}

static uint64_t without_fault(size_t i, char **ret_before, char **ret_after)
{
    struct world w;
    uint64_t calls;
    struct str text;

    open_with_mail(&w);
    text = show(&w);
    *ret_before = strndup(text.at, text.len);
    calls = fs_faulty_calls(w.fs);
    CHECK_OK(changes[i].change(&w), "%s", changes[i].name);
    calls = fs_faulty_calls(w.fs) - calls;
    world_settle(&w, 1000);
    text = show(&w);
    *ret_after = strndup(text.at, text.len);
    CHECK(*ret_before != NULL && *ret_after != NULL, "memory");
    world_close(&w);
    return calls;
}

/* True when the change was refused. */
static bool with_fault(size_t i, enum fault_kind kind, uint64_t nth, const char *before,
                       const char *after)
{
    struct world w;
    struct str text;
    enum err e;

    open_with_mail(&w);
    fs_faulty_set(w.fs, kind, nth, false);
    e = changes[i].change(&w);
    world_restart(&w, true);
    w.session = world_login(&w, STR("alice"), STR("hungry"));
    CHECK(w.session != 0, "%s, kind %d, call %d: log in", changes[i].name, kind, (int)nth);
    world_settle(&w, 1000);
    text = show(&w);
    if (e == OK && !(changes[i].reads && kind == FAULT_NO_SPACE))
        CHECK_STR(text, str_from_z(after), "%s, kind %d, call %d", changes[i].name, kind, (int)nth);
    else if (e != OK && e != ERR_CLOSED)
        CHECK_STR(text, str_from_z(before), "%s, kind %d, call %d", changes[i].name, kind,
                  (int)nth);
    else
        CHECK(str_eq(text, str_from_z(before)) || str_eq(text, str_from_z(after)),
              "%s, kind %d, call %d: %.*s", changes[i].name, kind, (int)nth, STR_ARG(text));
    world_close(&w);
    return e != OK;
}

TEST(a_change_that_fails_at_any_call_is_there_whole_or_not_at_all)
{
    static const enum fault_kind kinds[] = { FAULT_IO, FAULT_NO_SPACE, FAULT_SHORT_WRITE,
                                             FAULT_SYNC_LOST };

    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        char *before, *after;
        uint64_t calls = without_fault(i, &before, &after);
        uint32_t refused = 0;

        CHECK(calls > 0 && !str_eq(str_from_z(before), str_from_z(after)), "%s changes something",
              changes[i].name);
        for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++)
            for (uint64_t nth = 1; nth <= MIN(calls, (uint64_t)CALLS_MAX); nth++)
                refused += with_fault(i, kinds[kind], nth, before, after);
        CHECK(refused > 0, "%s: no fault was noticed", changes[i].name);
        free(before);
        free(after);
    }
}
