/* cli/move/reader.c - pages of messages out of keeper. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/move/reader.h"

#include "message/set/uidset.h"

enum { UID_RANGES_MAX = 1000000 };

static void add_mailbox(struct account_reader *r, const struct keep_mailbox *m)
{
    if (r->count == r->cap) {
        size_t cap = r->cap == 0 ? 64 : 2 * r->cap;
        struct reader_mailbox *grown = ARENA_ARRAY(r->mem, struct reader_mailbox, cap);

        if (r->count > 0)
            memcpy(grown, r->mailboxes, r->count * sizeof *grown);
        r->mailboxes = grown;
        r->cap = cap;
    }
    r->mailboxes[r->count++] =
        (struct reader_mailbox){ arena_copy(r->mem, m->name), m->exists, m->subscribed };
}

static void listed(void *ctx, enum err e, const struct keep_mailbox_list_rep *rep,
                   struct file *file)
{
    struct account_reader *r = ctx;

    (void)file;
    for (size_t i = 0; e == OK && i < rep->mailboxes_count; i++)
        add_mailbox(r, &rep->mailboxes[i]);
    if (e == OK && rep->next.len > 0)
        (void)keeper_mailbox_list(
            r->admin.client,
            &(struct keep_mailbox_list_req){ .session = r->session, .from = rep->next }, listed, r);
    else
        admin_end(&r->admin, e);
}

enum err reader_open(struct account_reader *r, struct context *c)
{
    const struct str *address = option_find(c, "account");
    enum err e;

    if (address == NULL)
        return err_set(&c->why, ERR_SYNTAX, "--account ADDRESS is missing");
    if ((e = admin_open(&r->admin, c)) != OK)
        return e;
    r->c = c;
    r->mem = arena_new(0);
    r->page = arena_new(0);
    if ((e = admin_open_account(&r->admin, *address, &r->session)) == OK) {
        (void)keeper_mailbox_list(
            r->admin.client, &(struct keep_mailbox_list_req){ .session = r->session }, listed, r);
        e = admin_wait(&r->admin);
    }
    return e == OK ? OK : reader_close(r, e);
}

enum err reader_close(struct account_reader *r, enum err e)
{
    arena_free(r->mem);
    arena_free(r->page);
    buf_deinit(&r->whole);
    return admin_close(&r->admin, e);
}

/* ---- a mailbox ---- */

static void selected(void *ctx, enum err e, const struct keep_select_rep *rep, struct file *file)
{
    struct account_reader *r = ctx;

    (void)file;
    if (e == OK) {
        r->mailbox = rep->mailbox;
        r->uidvalidity = rep->uidvalidity;
        r->uidnext = rep->uidnext;
        r->exists = rep->exists;
        r->uids = arena_copy(r->mem, rep->uids);
        r->keyword_count = MIN(rep->keywords_count, ARRAY_LEN(r->keywords));
        for (size_t i = 0; i < r->keyword_count; i++)
            r->keywords[i] = arena_copy(r->mem, rep->keywords[i].text);
    }
    admin_end(&r->admin, e);
}

enum err reader_select(struct account_reader *r, struct str name)
{
    (void)keeper_select(r->admin.client,
                        &(struct keep_select_req){ .session = r->session, .name = name }, selected,
                        r);
    return admin_wait(&r->admin);
}

/* The page is copied: what the reply points to goes with the call. */
static void got_page(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    struct account_reader *r = ctx;

    (void)file;
    if (e == OK) {
        arena_reset(r->page);
        r->rows = ARENA_ARRAY(r->page, struct keep_row, rep->rows_count + 1);
        r->row_count = rep->rows_count;
        r->next = rep->next;
        for (size_t i = 0; i < rep->rows_count; i++) {
            const struct keep_row *in = &rep->rows[i];
            struct keep_row *out = &r->rows[i];

            *out = *in;
            out->uidl = arena_copy(r->page, in->uidl);
            out->parts = ARENA_NEW(r->page, struct keep_part);
            if (in->parts_count == 1)
                *out->parts = in->parts[0];
            out->parts->bytes =
                in->parts_count == 1 ? arena_copy(r->page, in->parts[0].bytes) : STR_EMPTY;
        }
    }
    admin_end(&r->admin, e);
}

static enum err ask_page(struct account_reader *r, struct str uids, uint32_t from, uint64_t offset)
{
    struct keep_want want = { .section = STR_EMPTY, .offset = offset, .length = UINT32_MAX };
    struct keep_fetch_req req = { .session = r->session,
                                  .mailbox = r->mailbox,
                                  .uids = uids,
                                  .from = from,
                                  .items = ITEM_FLAGS | ITEM_INTERNAL_DATE | ITEM_UIDL,
                                  .wants = &want,
                                  .wants_count = 1 };

    (void)keeper_fetch(r->admin.client, &req, got_page, r);
    return admin_wait(&r->admin);
}

/* The rest of a message of which the page held the beginning alone. */
static enum err read_rest(struct account_reader *r, struct keep_row *row)
{
    struct keep_row head = *row;
    uint64_t total = row->parts->total;
    struct uidset one = { 0 };
    struct buf uids = { 0 };
    enum err e = OK;

    head.uidl = arena_copy(r->mem, row->uidl);
    buf_clear(&r->whole);
    buf_add(&r->whole, row->parts->bytes);
    uidset_add(&one, row->uid);
    uidset_encode(&one, &uids);
    while (e == OK && r->whole.len < total) {
        e = ask_page(r, buf_str(&uids), head.uid, r->whole.len);
        if (e == OK && (r->row_count != 1 || r->rows[0].parts->bytes.len == 0))
            e = ERR_NOT_FOUND; /* it was expunged meanwhile */
        if (e == OK)
            buf_add(&r->whole, r->rows[0].parts->bytes);
    }
    uidset_deinit(&one);
    buf_deinit(&uids);
    r->rows = ARENA_NEW(r->page, struct keep_row);
    *r->rows = head;
    r->rows->parts = ARENA_NEW(r->page, struct keep_part);
    r->rows->parts->bytes = buf_str(&r->whole);
    r->row_count = 1;
    r->next = head.uid == UINT32_MAX ? 0 : head.uid + 1;
    return e;
}

static enum err visit_rows(struct account_reader *r,
                           enum err (*visit)(void *ctx, const struct reader_message *m), void *ctx)
{
    enum err e = OK;

    for (size_t i = 0; i < r->row_count && e == OK; i++) {
        const struct keep_row *row = &r->rows[i];
        const struct reader_message m = { .uid = row->uid,
                                          .flags = row->flags,
                                          .keywords = row->keywords,
                                          .date = row->internal_date,
                                          .uidl = row->uidl,
                                          .bytes = row->parts->bytes };

        e = visit(ctx, &m);
    }
    return e;
}

enum err reader_each(struct account_reader *r, uint32_t from_uid,
                     enum err (*visit)(void *ctx, const struct reader_message *m), void *ctx)
{
    uint32_t from = from_uid;
    enum err e;

    if (r->exists == 0)
        return OK;
    do {
        if ((e = ask_page(r, r->uids, from, 0)) != OK)
            return e;
        if (r->row_count == 1 && r->rows[0].parts->bytes.len < r->rows[0].parts->total)
            e = read_rest(r, &r->rows[0]);
        if (e == ERR_NOT_FOUND) {
            from = r->next;
            r->admin.result = e = OK;
            continue;
        }
        if (e != OK || (e = visit_rows(r, visit, ctx)) != OK)
            return e;
        from = r->next;
    } while (from != 0);
    return OK;
}
