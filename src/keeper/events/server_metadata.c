/* keeper/events/server_metadata.c - annotations of mailboxes and of the server (RFC 5464).
 *
 * One function, find_place, says whose annotations a name means and whether the session may reach
 * them; reading and writing go through it. Values are small, so a page of them is collected from
 * the rows in order and cut when it is full. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sharing/server_place.h"
#include "store/mailbox/metadata.h"

/* What a name stands for; `m` is set when it is a mailbox. */
struct annotated {
    struct metadata_place place;
    bool is_mailbox;
    struct mbox m;
};

/* An account may read and write whatever is its own, and annotations of what others share as far as
 * RFC 5464 3.3 has it. */
static enum err find_place(struct request *j, struct kv *kv, const struct session *s,
                           struct str name, struct annotated *ret)
{
    struct place p;
    enum err e;

    *ret = (struct annotated){ .place = { .account = s->account, .user = s->account } };
    if (name.len == 0)
        return OK;
    if ((e = request_place_named(j, kv, s->token, name, PLACE_ITSELF, &p)) != OK)
        return e;
    ret->place.account = p.account;
    ret->place.mailbox = p.mailbox;
    ret->m = p.row;
    ret->is_mailbox = true;
    if (p.account != s->account)
        ret->m.special_use = 0; /* that is the owner's own affair */
    return OK;
}

/* ---- reading ---- */

enum { ANNOTATIONS_PER_PAGE = 2 * METADATA_ENTRIES_MAX + 1 };

struct collecting {
    struct request *j;
    size_t bytes;
};

static bool is_wanted(const struct keep_metadata_read_req *req, struct str entry)
{
    for (size_t i = 0; i < req->entries_count; i++)
        if (entry_is_within(entry, req->entries[i].text, req->depth))
            return true;
    return false;
}

/* The order of the rows: shared ones first. */
static bool comes_before(struct str entry, struct str from)
{
    if (from.len > 0 && entry_is_private(entry) != entry_is_private(from))
        return entry_is_private(from);
    return str_cmp(entry, from) < 0;
}

static enum err collect(void *ctx, struct str entry, struct str value)
{
    struct collecting *c = ctx;
    struct arena *mem = c->j->mem;
    const struct keep_metadata_read_req *req = c->j->req;
    struct keep_metadata_read_rep *rep = c->j->rep;
    struct keep_annotation *a;

    if (comes_before(entry, req->from) || rep->next.len > 0 || !is_wanted(req, entry))
        return OK;
    if (c->bytes + value.len > KEEP_PAGE_BYTES - 2 * ENTRY_VALUE_BYTES_MAX ||
        rep->annotations_count == ANNOTATIONS_PER_PAGE) {
        rep->next = arena_copy(mem, entry);
        return OK;
    }
    a = &rep->annotations[rep->annotations_count++];
    *a = (struct keep_annotation){ .entry = arena_copy(mem, entry),
                                   .exists = true,
                                   .size = value.len };
    if (value.len <= req->max_size)
        a->value = arena_copy(mem, value);
    c->bytes += entry.len + a->value.len;
    return OK;
}

enum err read_metadata_read(struct request *j)
{
    const struct keep_metadata_read_req *req = j->req;
    struct keep_metadata_read_rep *rep = j->rep;
    struct collecting c = { .j = j };
    struct annotated what;
    struct session *s;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK ||
        (e = find_place(j, j->k->kv, s, req->name, &what)) != OK)
        return e;
    rep->annotations = ARENA_ARRAY(j->mem, struct keep_annotation, ANNOTATIONS_PER_PAGE);
    rep->special_uses = what.m.special_use;
    return metadata_each(j->k->kv, &what.place, collect, &c, &j->why);
}

/* ---- writing ---- */

/* A use that moves is taken from the mailbox that had it (RFC 6154 5.4). */
static enum err take_uses(struct account_txn *a, uint32_t keep, uint32_t uses)
{
    struct mailbox_listed *all;
    size_t count;
    enum err e = mailbox_list(a->kv, a->mem, a->account, &all, &count, a->why);

    for (size_t i = 0; e == OK && i < count; i++) {
        struct mbox *m = &all[i].mailbox;

        if (!all[i].exists || all[i].id == keep || (m->special_use & uses) == 0)
            continue;
        m->special_use &= ~uses;
        mailbox_put_row(a, all[i].id, m);
    }
    return e;
}

static enum err set_uses(struct account_txn *a, struct annotated *what, uint32_t uses)
{
    if (!what->is_mailbox || a->account != what->place.user || (uses & (uses - 1)) != 0 ||
        (uses & (MAILBOX_ALL | MAILBOX_FLAGGED)) != 0 || str_eq(what->m.name, STR("INBOX")))
        return err_set(a->why, ERR_UNSUPPORTED, "no mailbox can have that special use");
    what->m.special_use = uses;
    mailbox_put_row(a, what->place.mailbox, &what->m);
    return uses == 0 ? OK : take_uses(a, what->place.mailbox, uses);
}

static enum err write_all(struct account_txn *a, const struct metadata_place *place,
                          const struct keep_metadata_write_req *req)
{
    bool any_set = false;
    enum err e = OK;

    for (size_t i = 0; e == OK && i < req->annotations_count; i++) {
        const struct keep_annotation *n = &req->annotations[i];

        any_set = any_set || n->exists;
        e = n->exists ? metadata_set(a, place, n->entry, n->value)
                      : metadata_remove(a, place, n->entry);
    }
    return e == OK && any_set ? metadata_check_limits(a, place) : e;
}

enum err write_metadata_write(struct request *j, struct txn *t)
{
    const struct keep_metadata_write_req *req = j->req;
    struct keep_metadata_write_rep *rep = j->rep;
    struct annotated what;
    struct account_txn a;
    struct session *s;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK ||
        (e = find_place(j, txn_kv(t), s, req->name, &what)) != OK ||
        (e = account_txn_begin(&a, t, j->mem, what.place.account, loop_wall_s(j->k->loop),
                               &j->why)) != OK ||
        (e = write_all(&a, &what.place, req)) != OK)
        return e;
    if (req->set_uses && (e = set_uses(&a, &what, req->special_uses)) != OK)
        return e;
    account_txn_end(&a);
    rep->modseq = a.modseq;
    return OK;
}
