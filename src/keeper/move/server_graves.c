/* keeper/move/server_graves.c - expunged messages: listed, and brought back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/move/server_move.h"
#include "message/record/record.h"
#include "store/mailbox/graves.h"

enum { GRAVES_PER_PAGE = 500, RESTORED_PER_COMMIT = 500 };

uint64_t keeper_keeps_bytes(const struct keeper *k)
{
    if (k->settings.undelete_s == 0)
        return 0;
    return k->settings.undelete_bytes == 0 ? UINT64_MAX : k->settings.undelete_bytes;
}

static enum err find_wanted(struct request *j, struct kv *kv, uint32_t account, struct str name,
                            struct graves_wanted *ret)
{
    struct mbox m;
    bool found = false;
    uint32_t id = 0;
    enum err e = OK;

    ret->kv = kv;
    ret->account = account;
    if (name.len > 0) {
        if (mailbox_name_normalise(j->mem, name, &ret->name) != OK)
            return err_set(&j->why, ERR_SYNTAX, "not a mailbox name");
        e = mailbox_find(kv, j->mem, account, ret->name, &found, &id, &m, &j->why);
    }
    ret->mailbox = found ? id : 0;
    return e;
}

/* ---- listing ---- */

struct listing_graves {
    struct request *j;
    struct keep_graves_rep *rep;
};

static struct str subject_of(struct request *j, uint32_t account, uint64_t email)
{
    struct errinfo unused = { 0 };
    struct record r;
    struct str octets;
    struct key k;
    bool found;

    key_of_email(&k, TABLE_RECORD, account, email);
    if (table_find_text(j->k->kv, j->mem, &k, &found, &octets, &unused) != OK || !found ||
        record_open(octets, &r) != OK)
        return STR_EMPTY;
    return arena_copy(j->mem, r.base_subject);
}

/* ERR_LIMIT only ends the walk: the page is full. */
static enum err add_grave(void *ctx, const struct grave_found *g)
{
    struct listing_graves *l = ctx;
    struct request *j = l->j;
    struct keep_graves_rep *rep = l->rep;

    if (rep->graves_count == GRAVES_PER_PAGE || arena_used(j->mem) > KEEP_PAGE_BYTES) {
        rep->next = arena_copy(j->mem, key_str(&g->key));
        return ERR_LIMIT;
    }
    rep->graves[rep->graves_count++] = (struct keep_grave){
        .mailbox = g->mailbox,
        .uid = g->uid,
        .name = arena_copy(j->mem, g->row.name),
        .gone = g->gone_s,
        .internal_date = g->row.internal_date,
        .size = g->row.size,
        .flags = (uint32_t)g->row.flags,
        .subject = subject_of(j, load_u32(g->key.at + 1), g->row.email),
    };
    return OK;
}

enum err read_graves(struct request *j)
{
    const struct keep_graves_req *req = j->req;
    struct uidset uids = { 0 };
    struct graves_wanted want = { .since_s = req->since, .uids = req->uids.len > 0 ? &uids : NULL };
    struct listing_graves l = { j, j->rep };
    struct session *s;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK ||
        (e = find_wanted(j, j->k->kv, s->account, req->name, &want)) != OK ||
        (e = request_uids(j, req->uids, &uids)) != OK)
        return e;
    l.rep->graves = ARENA_ARRAY(j->mem, struct keep_grave, GRAVES_PER_PAGE);
    l.rep->next = STR_EMPTY;
    e = graves_each(&want, req->from, add_grave, &l, &j->why);
    uidset_deinit(&uids);
    return e == ERR_LIMIT && l.rep->next.len > 0 ? OK : e;
}

/* ---- bringing back: page by page, each durable before the next ---- */

struct undeleting {
    struct uidset uids;
    uint32_t account, restored;
    bool more;
    struct key from;
    /* Of the page under way. */
    struct account_txn a;
    struct account row;
    struct graves_kept kept;
    struct str name; /* where to; empty: where it was */
    struct str into; /* of the mailbox at hand */
    uint32_t id, count;
    struct mbox m;
};

static void undelete_cleanup(struct request *j)
{
    struct undeleting *u = j->own;

    uidset_deinit(&u->uids);
}

static void put_mailbox(struct undeleting *u)
{
    if (u->id != 0)
        mailbox_put_row(&u->a, u->id, &u->m);
    u->id = 0;
}

/* The mailbox that it goes to is made when it is gone. */
static enum err open_mailbox(struct request *j, struct undeleting *u, struct str name)
{
    bool found;
    enum err e;

    if (u->id != 0 && str_eq(u->into, name))
        return OK;
    put_mailbox(u);
    name = arena_copy(j->mem, name);
    e = mailbox_find(u->a.kv, j->mem, u->account, name, &found, &u->id, &u->m, &j->why);
    if (e == OK && !found)
        e = mailbox_create(&u->a, name, 0, &u->id, &u->m);
    u->into = name;
    return e;
}

static enum err restore_one(void *ctx, const struct grave_found *g)
{
    struct request *j = ctx;
    struct undeleting *u = j->own;
    enum err e;

    if (u->count == RESTORED_PER_COMMIT) {
        u->from = g->key;
        u->more = true;
        return ERR_LIMIT;
    }
    if ((e = messages_check_quota(&u->a, &u->row, g->row.size, 1)) != OK ||
        (e = open_mailbox(j, u, u->name.len > 0 ? u->name : g->row.name)) != OK ||
        (e = grave_open(&u->a, g, u->id, &u->m, &u->kept)) != OK)
        return e;
    u->count++;
    return OK;
}

static enum err build_undelete(struct request *j, struct txn *t)
{
    const struct keep_undelete_req *req = j->req;
    struct undeleting *u = j->own;
    struct graves_wanted want = { .since_s = req->since,
                                  .uids = req->uids.len > 0 ? &u->uids : NULL };
    bool found;
    enum err e;

    u->count = 0;
    u->id = 0;
    u->more = false;
    if ((e = account_txn_begin(&u->a, t, j->mem, u->account, loop_wall_s(j->k->loop), &j->why)) !=
            OK ||
        (e = directory_account_get(u->a.kv, j->mem, u->account, &found, &u->row, &j->why)) != OK)
        return e;
    if (!found)
        return err_set(&j->why, ERR_DENIED, "the account is gone");
    if ((e = graves_count(u->a.kv, j->mem, u->account, &u->kept, &j->why)) != OK ||
        (e = find_wanted(j, u->a.kv, u->account, req->name, &want)) != OK)
        return e;
    u->name = req->into.len > 0 ? req->into : want.mailbox != 0 ? want.name : STR_EMPTY;
    e = graves_each(&want, key_str(&u->from), restore_one, j, &j->why);
    if (e != OK && !(e == ERR_LIMIT && u->more))
        return e;
    if (u->count > 0) {
        put_mailbox(u);
        graves_put_count(&u->a, &u->kept);
        account_txn_end(&u->a);
    }
    return OK;
}

static void undelete_written(struct request *j, enum err e)
{
    struct undeleting *u = j->own;
    struct keep_undelete_rep *rep = j->rep;

    if (e == OK)
        u->restored += u->count;
    if (e == OK && u->more) {
        request_write(j, build_undelete, undelete_written);
        return;
    }
    if (e != OK && u->restored > 0 && j->why.text[0] != '\0') {
        struct errinfo detail = j->why;

        (void)err_set(&j->why, e, "%s (%u messages are back)", detail.text, u->restored);
    }
    rep->restored = u->restored;
    request_end(j, e);
}

void start_undelete(struct request *j)
{
    const struct keep_undelete_req *req = j->req;
    struct undeleting *u = ARENA_NEW(j->mem, struct undeleting);
    struct session *s;
    enum err e;

    j->own = u;
    j->cleanup = undelete_cleanup;
    if ((e = request_session(j, req->session, &s)) == OK &&
        (e = request_uids(j, req->uids, &u->uids)) == OK) {
        u->account = s->account;
        request_write(j, build_undelete, undelete_written);
    } else {
        request_end(j, e);
    }
}
