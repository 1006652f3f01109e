/* store/mailbox/mailboxes.c - an account being changed, and its mailboxes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/mailboxes.h"

#include "base/utf8.h"
#include "message/coding/charset.h"
#include "store/mailbox/acl.h"

/* ---- the account ---- */

enum err account_txn_begin(struct account_txn *a, struct txn *t, struct arena *mem,
                           uint32_t account, int64_t now_s, struct errinfo *why)
{
    struct key k;
    enum err e;

    *a = (struct account_txn){
        .t = t, .kv = txn_kv(t), .mem = mem, .account = account, .now_s = now_s, .why = why
    };
    key_of_account(&k, TABLE_COUNTERS, account);
    if ((e = table_get_counters(a->kv, mem, &k, &a->counters, why)) != OK)
        return e;
    a->modseq = a->counters.modseq + 1;
    return OK;
}

void account_txn_end(struct account_txn *a)
{
    struct key k;

    a->counters.modseq = a->modseq;
    key_of_account(&k, TABLE_COUNTERS, a->account);
    table_put_counters(a->t, &k, &a->counters);
}

/* ---- names ---- */

enum err mailbox_name_normalise(struct arena *mem, struct str name, struct str *ret)
{
    unsigned depth = 1;

    if (name.len == 0 || name.len > MAILBOX_NAME_BYTES_MAX || !utf8_valid(name))
        return ERR_SYNTAX;
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.at[i] < 0x20 || name.at[i] == 0x7f)
            return ERR_SYNTAX;
        if (name.at[i] != '/')
            continue;
        if (i == 0 || i + 1 == name.len || name.at[i + 1] == '/' || ++depth > MAILBOX_DEPTH_MAX)
            return ERR_SYNTAX;
    }
    name = text_nfc(mem, name);
    if (str_starts_nocase(name, STR("INBOX")) && (name.len == 5 || name.at[5] == '/'))
        name = arena_join(mem, STR("INBOX"), str_skip(name, 5));
    if (name.len > MAILBOX_NAME_BYTES_MAX)
        return ERR_SYNTAX;
    *ret = name;
    return OK;
}

static struct str parent_of(struct str name)
{
    size_t cut = str_find_char_last(name, '/');

    return cut == STR_NOT_FOUND ? STR_EMPTY : str_take(name, cut);
}

static bool is_below(struct str name, struct str parent)
{
    return name.len > parent.len && str_starts(name, parent) && name.at[parent.len] == '/';
}

/* ---- reading ---- */

enum err mailbox_get_by_id(struct kv *kv, struct arena *mem, uint32_t account, uint32_t id,
                           bool *ret_found, struct mbox *ret, struct errinfo *why)
{
    struct key k;
    enum err e;

    key_of_mailbox(&k, TABLE_MAILBOX, account, id);
    e = table_find_mbox(kv, mem, &k, ret_found, ret, why);
    if (e == OK && *ret_found && ret->removing)
        *ret_found = false;
    return e;
}

enum err mailbox_find(struct kv *kv, struct arena *mem, uint32_t account, struct str name,
                      bool *ret_found, uint32_t *ret_id, struct mbox *ret, struct errinfo *why)
{
    struct key k;
    uint64_t id;
    enum err e;

    *ret_found = false;
    if (mailbox_name_normalise(mem, name, &name) != OK)
        return OK;
    key_of_name(&k, TABLE_NAME, account, name);
    if ((e = table_find_number(kv, &k, ret_found, &id, why)) != OK || !*ret_found)
        return e;
    *ret_id = (uint32_t)id;
    key_of_mailbox(&k, TABLE_MAILBOX, account, (uint32_t)id);
    return table_get_mbox(kv, mem, &k, ret, why);
}

struct listing {
    struct mailbox_listed *at;
    size_t count, cap;
};

static struct mailbox_listed *listing_add(struct listing *l, struct arena *mem, struct str name)
{
    if (l->count == l->cap) {
        size_t cap = l->cap == 0 ? 32 : 2 * l->cap;
        struct mailbox_listed *at = ARENA_ARRAY(mem, struct mailbox_listed, cap);

        if (l->count > 0)
            memcpy(at, l->at, l->count * sizeof *at);
        l->at = at;
        l->cap = cap;
    }
    l->at[l->count] = (struct mailbox_listed){ .name = arena_copy(mem, name) };
    return &l->at[l->count++];
}

static int by_name(const void *a, const void *b)
{
    const struct mailbox_listed *x = a, *y = b;
    int order = str_cmp(x->name, y->name);

    return order != 0 ? order : (int)y->exists - (int)x->exists;
}

/* All names of one table (those that exist, or those subscribed to). */
static enum err list_table(struct kv *kv, struct arena *mem, uint32_t account, enum table table,
                           struct listing *l, struct errinfo *why)
{
    struct key from, to;
    struct kv_iter *it;
    enum err e = OK;

    key_of_account(&from, table, account);
    to = from;
    key_end(&to);
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && e == OK; on = kv_iter_next(it)) {
        struct mailbox_listed *m = listing_add(l, mem, str_skip(kv_iter_key(it), from.len));

        m->subscribed = table == TABLE_SUBSCRIBED;
        m->exists = table == TABLE_NAME;
        if (m->exists) {
            bool found;

            e = mailbox_find(kv, mem, account, m->name, &found, &m->id, &m->mailbox, why);
        }
    }
    if (e == OK)
        e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

/* Entries of one name become one: that of the mailbox comes first and learns the rest. */
static void merge_same_names(struct listing *l)
{
    size_t kept = 0;

    qsort(l->at, l->count, sizeof *l->at, by_name);
    for (size_t i = 0; i < l->count; i++) {
        if (kept > 0 && str_eq(l->at[kept - 1].name, l->at[i].name)) {
            l->at[kept - 1].subscribed |= l->at[i].subscribed;
            l->at[kept - 1].has_children |= l->at[i].has_children;
        } else {
            l->at[kept++] = l->at[i];
        }
    }
    l->count = kept;
}

enum err mailbox_list(struct kv *kv, struct arena *mem, uint32_t account,
                      struct mailbox_listed **ret, size_t *ret_count, struct errinfo *why)
{
    return mailbox_list_also(kv, mem, account, (struct mailboxes_also){ 0 }, ret, ret_count, why);
}

enum err mailbox_list_also(struct kv *kv, struct arena *mem, uint32_t account,
                           struct mailboxes_also also, struct mailbox_listed **ret,
                           size_t *ret_count, struct errinfo *why)
{
    struct listing l = { 0 };
    size_t real;
    enum err e;

    if ((e = list_table(kv, mem, account, TABLE_NAME, &l, why)) != OK)
        return e;
    for (size_t i = 0; i < also.count; i++)
        *listing_add(&l, mem, also.at[i].name) = also.at[i];
    /* Every level above a mailbox is listed as having children; where it is missing, that entry
     * is all there is of it. */
    real = l.count;
    for (size_t i = 0; i < real; i++)
        for (struct str p = parent_of(l.at[i].name); p.len > 0; p = parent_of(p))
            listing_add(&l, mem, p)->has_children = true;
    if ((e = list_table(kv, mem, account, TABLE_SUBSCRIBED, &l, why)) != OK)
        return e;
    if (l.count > 0)
        merge_same_names(&l);
    *ret = l.at;
    *ret_count = l.count;
    return OK;
}

enum err mailboxes_count(struct kv *kv, uint32_t account, uint64_t max, uint64_t *ret,
                         struct errinfo *why)
{
    struct key from, to;
    struct kv_iter *it;
    enum err e;

    key_of_account(&from, TABLE_NAME, account);
    to = from;
    key_end(&to);
    *ret = 0;
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && *ret < max; on = kv_iter_next(it))
        ++*ret;
    e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

/* ---- changing ---- */

void mailbox_put_row(struct account_txn *a, uint32_t id, const struct mbox *m)
{
    struct key k;

    key_of_mailbox(&k, TABLE_MAILBOX, a->account, id);
    table_put_mbox(a->t, &k, m);
}

/* RFC 4314 4: a new mailbox has the access control list of the nearest one above it. */
static enum err inherit(struct account_txn *a, struct str name, uint32_t id)
{
    for (struct str above = parent_of(name); above.len > 0; above = parent_of(above)) {
        struct key k;
        uint64_t parent;
        bool found;
        enum err e;

        key_of_name(&k, TABLE_NAME, a->account, above);
        if ((e = table_find_number(a->kv, &k, &found, &parent, a->why)) != OK)
            return e;
        if (found)
            return acl_inherit(a->t, a->account, (uint32_t)parent, id, a->why);
    }
    return OK;
}

static enum err create_one(struct account_txn *a, struct str name, uint32_t special_use,
                           uint32_t *ret_id, struct mbox *ret)
{
    uint32_t floor = a->now_s > 0 && a->now_s < UINT32_MAX ? (uint32_t)a->now_s : 1;
    struct counters *c = &a->counters;
    struct key k;

    if (c->mailbox_last == UINT32_MAX || c->uidvalidity == UINT32_MAX)
        return err_set(a->why, ERR_LIMIT, "mailbox numbers have run out");
    /* The clock makes UIDVALIDITYs differ from those of a store that was lost; the counter makes
     * them grow whatever the clock says. */
    c->uidvalidity = MAX(c->uidvalidity + 1, floor);
    *ret_id = ++c->mailbox_last;
    *ret = (struct mbox){
        .name = name,
        .uidvalidity = c->uidvalidity,
        .uidnext = 1,
        .recent_from = 1,
        .special_use = special_use,
        .object = (uint64_t)a->account << 32 | *ret_id,
        .modseq = a->modseq,
    };
    mailbox_put_row(a, *ret_id, ret);
    key_of_name(&k, TABLE_NAME, a->account, name);
    table_put_number(a->t, &k, *ret_id);
    return inherit(a, name, *ret_id);
}

static enum err name_exists(struct account_txn *a, struct str name, bool *ret)
{
    struct key k;
    uint64_t id;

    key_of_name(&k, TABLE_NAME, a->account, name);
    return table_find_number(a->kv, &k, ret, &id, a->why);
}

static enum err create_parents(struct account_txn *a, struct str name)
{
    struct mbox made;
    uint32_t id;
    enum err e;

    for (size_t i = 0; i < name.len; i++) {
        bool found;

        if (name.at[i] != '/')
            continue;
        if ((e = name_exists(a, str_take(name, i), &found)) != OK)
            return e;
        if (!found && (e = create_one(a, str_take(name, i), 0, &id, &made)) != OK)
            return e;
    }
    return OK;
}

/* Is there room for the levels of `name` that are missing, itself included? A store whose numbers
 * have not come that far cannot be full, so mostly nothing is counted. */
static enum err check_room(struct account_txn *a, struct str name)
{
    SCRATCH(tmp, a->mem);
    struct account row;
    struct key k;
    uint64_t max, count, missing = 0;
    enum err e;

    key_of_account(&k, TABLE_ACCOUNT, a->account);
    if ((e = table_get_account(a->kv, tmp, &k, &row, a->why)) != OK)
        return e;
    max = row.quota_mailboxes == 0 ? MAILBOXES_MAX : MIN(row.quota_mailboxes, MAILBOXES_MAX);
    if (a->counters.mailbox_last + (uint64_t)MAILBOX_DEPTH_MAX < max)
        return OK;
    for (struct str level = name; level.len > 0; level = parent_of(level)) {
        bool found;

        if ((e = name_exists(a, level, &found)) != OK)
            return e;
        missing += !found;
    }
    if ((e = mailboxes_count(a->kv, a->account, max, &count, a->why)) != OK)
        return e;
    if (missing == 0 || count + missing <= max)
        return OK;
    return row.quota_mailboxes != 0 && row.quota_mailboxes <= MAILBOXES_MAX
               ? err_set(a->why, ERR_QUOTA, "'%.*s' may have %llu mailboxes", STR_ARG(row.address),
                         (unsigned long long)row.quota_mailboxes)
               : err_set(a->why, ERR_LIMIT, "an account has at most %d mailboxes", MAILBOXES_MAX);
}

static enum err create(struct account_txn *a, struct str name, uint32_t special_use, bool first,
                       uint32_t *ret_id, struct mbox *ret)
{
    bool found;
    enum err e;

    /* A last separator only says that names below it will come (RFC 3501 6.3.3). */
    if (name.len > 1 && name.at[name.len - 1] == '/')
        name = str_take(name, name.len - 1);
    if (mailbox_name_normalise(a->mem, name, &name) != OK)
        return err_set(a->why, ERR_SYNTAX, "not a mailbox name");
    if ((e = name_exists(a, name, &found)) != OK)
        return e;
    if (found)
        return err_set(a->why, ERR_EXISTS, "mailbox '%.*s' exists already", STR_ARG(name));
    if (special_use & (MAILBOX_ALL | MAILBOX_FLAGGED))
        return err_set(a->why, ERR_UNSUPPORTED, "no mailbox of that special use can be made");
    if (!first && (e = check_room(a, name)) != OK)
        return e;
    if ((e = create_parents(a, name)) != OK)
        return e;
    return create_one(a, name, special_use, ret_id, ret);
}

enum err mailbox_create(struct account_txn *a, struct str name, uint32_t special_use,
                        uint32_t *ret_id, struct mbox *ret)
{
    return create(a, name, special_use, false, ret_id, ret);
}

enum err mailbox_create_first_ones(struct account_txn *a)
{
    static const struct {
        struct str name;
        uint32_t use;
    } first[] = {
        { STR_INIT("INBOX"), 0 },
        { STR_INIT("Archive"), MAILBOX_ARCHIVE },
        { STR_INIT("Drafts"), MAILBOX_DRAFTS },
        { STR_INIT("Junk"), MAILBOX_JUNK },
        { STR_INIT("Sent"), MAILBOX_SENT },
        { STR_INIT("Trash"), MAILBOX_TRASH },
    };
    enum err e;

    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        struct mbox m;
        uint32_t id;

        if ((e = create(a, first[i].name, first[i].use, true, &id, &m)) != OK ||
            (e = mailbox_subscribe(a, first[i].name, true)) != OK)
            return e;
    }
    return OK;
}

enum err mailbox_delete(struct account_txn *a, struct str name)
{
    struct mbox m;
    struct key k;
    uint32_t id;
    bool found;
    enum err e;

    if ((e = mailbox_find(a->kv, a->mem, a->account, name, &found, &id, &m, a->why)) != OK)
        return e;
    if (!found)
        return err_set(a->why, ERR_NOT_FOUND, "there is no such mailbox");
    if (str_eq(m.name, STR("INBOX")))
        return err_set(a->why, ERR_DENIED, "INBOX cannot be deleted");
    key_of_name(&k, TABLE_NAME, a->account, m.name);
    txn_delete(a->t, key_str(&k));
    m.removing = true;
    mailbox_put_row(a, id, &m);
    return acl_drop_mailbox(a->t, a->account, id, a->why);
}

/* Gives one mailbox another name. */
static void move_name(struct account_txn *a, uint32_t id, struct mbox *m, struct str to)
{
    struct key k;

    key_of_name(&k, TABLE_NAME, a->account, m->name);
    txn_delete(a->t, key_str(&k));
    m->name = to;
    mailbox_put_row(a, id, m);
    key_of_name(&k, TABLE_NAME, a->account, to);
    table_put_number(a->t, &k, id);
}

enum err mailbox_rename(struct account_txn *a, struct str from, struct str to)
{
    struct mailbox_listed *all;
    struct mbox m;
    size_t count;
    uint32_t id;
    bool found;
    enum err e;

    if (to.len > 1 && to.at[to.len - 1] == '/')
        to = str_take(to, to.len - 1);
    if (mailbox_name_normalise(a->mem, to, &to) != OK)
        return err_set(a->why, ERR_SYNTAX, "not a mailbox name");
    if ((e = mailbox_find(a->kv, a->mem, a->account, from, &found, &id, &m, a->why)) != OK)
        return e;
    if (!found)
        return err_set(a->why, ERR_NOT_FOUND, "there is no such mailbox");
    if (str_eq(m.name, STR("INBOX")))
        return err_set(a->why, ERR_DENIED, "INBOX cannot be moved");
    from = arena_copy(a->mem, m.name);
    if (is_below(to, from))
        return err_set(a->why, ERR_SYNTAX, "a mailbox cannot be put below itself");
    if ((e = name_exists(a, to, &found)) != OK)
        return e;
    if (found)
        return err_set(a->why, ERR_EXISTS, "mailbox '%.*s' exists already", STR_ARG(to));
    if ((e = mailbox_list(a->kv, a->mem, a->account, &all, &count, a->why)) != OK ||
        (e = check_room(a, parent_of(to))) != OK || (e = create_parents(a, to)) != OK)
        return e;
    for (size_t i = 0; i < count; i++) {
        struct str name = all[i].name, moved;

        if (!all[i].exists || (!str_eq(name, from) && !is_below(name, from)))
            continue;
        moved = arena_join(a->mem, to, str_skip(name, from.len));
        if (mailbox_name_normalise(a->mem, moved, &moved) != OK)
            return err_set(a->why, ERR_LIMIT, "a name below it would become too long or too deep");
        if ((e = name_exists(a, moved, &found)) != OK)
            return e;
        if (found)
            return err_set(a->why, ERR_EXISTS, "mailbox '%.*s' exists already", STR_ARG(moved));
        move_name(a, all[i].id, &all[i].mailbox, moved);
    }
    return OK;
}

/* Names that are subscribed to need not exist, so they are counted by themselves. */
static enum err check_subscriptions(struct account_txn *a)
{
    struct key from, to;
    struct kv_iter *it;
    uint32_t count = 0;
    enum err e;

    key_of_account(&from, TABLE_SUBSCRIBED, a->account);
    to = from;
    key_end(&to);
    it = kv_iter_new(a->kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && count < MAILBOXES_MAX; on = kv_iter_next(it))
        count++;
    e = kv_iter_error(it, a->why);
    kv_iter_free(it);
    if (e == OK && count >= MAILBOXES_MAX)
        e = err_set(a->why, ERR_LIMIT, "an account has at most %d subscriptions", MAILBOXES_MAX);
    return e;
}

enum err mailbox_subscribe(struct account_txn *a, struct str name, bool on)
{
    struct key k;
    enum err e;

    if (mailbox_name_normalise(a->mem, name, &name) != OK)
        return err_set(a->why, ERR_SYNTAX, "not a mailbox name");
    if (on && (e = check_subscriptions(a)) != OK)
        return e;
    key_of_name(&k, TABLE_SUBSCRIBED, a->account, name);
    if (on)
        txn_put(a->t, key_str(&k), STR_EMPTY);
    else
        txn_delete(a->t, key_str(&k));
    return OK;
}

/* ---- keywords ---- */

enum err mailbox_keywords(const struct mbox *m, struct keyword_list *k)
{
    uint64_t bit;

    for (uint32_t i = 0; i < m->keywords_count; i++)
        if (keyword_bit_add(k, m->keywords[i], &bit) != OK)
            return ERR_CORRUPT;
    return OK;
}

void mailbox_set_keywords(struct arena *mem, struct mbox *m, const struct keyword_list *k)
{
    m->keywords = ARENA_ARRAY(mem, struct str, k->count + 1u);
    m->keywords_count = k->count;
    for (uint32_t i = 0; i < k->count; i++)
        m->keywords[i] = arena_copy(mem, k->names[i]);
}
