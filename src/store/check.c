/* store/check.c - proves that the tables do not contradict themselves. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/check.h"

#include <stdarg.h>

#include "base/map.h"
#include "message/set/flags.h"
#include "store/accounts/credentials.h"
#include "store/accounts/directory.h"
#include "store/accounts/token.h"
#include "store/mailbox/graves.h"
#include "store/mailbox/mailbox_keys.h"
#include "store/mailbox/messages.h"
#include "store/mailbox/metadata.h"
#include "store/mailbox/refs.h"
#include "store/queue.h"

struct checking {
    struct kv *kv;
    struct bodies *bodies;
    struct arena *mem;
    void (*found)(void *ctx, struct str sentence);
    void *ctx;
    struct check_counts counts;
    struct errinfo *why;

    struct map domains; /* of all addresses: how many accounts each has */
    uint32_t *accounts; /* those that exist, in order */
    size_t account_count, account_cap;

    /* Of the account being looked at. */
    uint32_t account;
    struct counters counters, sum;
    struct graves_kept graves;
    uint64_t *emails; /* of every membership and grave */
    size_t email_count, email_cap;

    /* Of the mailbox being looked at. */
    uint32_t mailbox;
    struct mbox row, seen;
    uint64_t created_last;
};

static void tell(struct checking *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void tell(struct checking *c, const char *fmt, ...)
{
    char text[300];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->found(c->ctx, str_from_z(text));
}

/* Walks all rows that begin with `prefix`. */
static enum err each(struct checking *c, const struct key *prefix,
                     enum err (*visit)(struct checking *c, struct str key, struct str value))
{
    struct key to = *prefix;
    struct kv_iter *it;
    enum err e = OK;

    key_end(&to);
    it = kv_iter_new(c->kv, NULL, key_str(prefix), key_str(&to));
    for (bool on = kv_iter_first(it); on && e == OK; on = kv_iter_next(it)) {
        struct arena_mark mark = arena_save(c->mem);

        e = visit(c, kv_iter_key(it), kv_iter_value(it));
        arena_restore(&mark);
    }
    if (e == OK)
        e = kv_iter_error(it, c->why);
    kv_iter_free(it);
    return e;
}

static enum err each_of_table(struct checking *c, enum table table,
                              enum err (*visit)(struct checking *, struct str, struct str))
{
    struct key k;

    key_start(&k, table);
    return each(c, &k, visit);
}

static enum err each_of_account(struct checking *c, enum table table,
                                enum err (*visit)(struct checking *, struct str, struct str))
{
    struct key k;

    key_of_account(&k, table, c->account);
    return each(c, &k, visit);
}

/* ---- messages ---- */

static void note_email(struct checking *c, uint64_t email)
{
    if (c->email_count == c->email_cap) {
        c->email_cap = c->email_cap == 0 ? 1024 : 2 * c->email_cap;
        c->emails = realloc(c->emails, c->email_cap * sizeof *c->emails);
        if (c->emails == NULL)
            BUG("out of memory");
    }
    c->emails[c->email_count++] = email;
}

static enum err count_one(void *ctx, uint32_t uid, const struct membership *ms)
{
    (void)uid, (void)ms;
    ++*(uint32_t *)ctx;
    return OK;
}

static enum err visit_membership(void *ctx, uint32_t uid, const struct membership *ms)
{
    struct checking *c = ctx;
    struct mbox *s = &c->seen;

    if (uid >= c->row.uidnext)
        tell(c, "account %u mailbox %u: UID %u is not below UIDNEXT %u", c->account, c->mailbox,
             uid, c->row.uidnext);
    if (ms->modseq > c->row.modseq || ms->created > ms->modseq)
        tell(c, "account %u mailbox %u UID %u: its modseq is out of order", c->account, c->mailbox,
             uid);
    if (ms->created < c->created_last)
        tell(c, "account %u mailbox %u UID %u: came before the one in front of it", c->account,
             c->mailbox, uid);
    if (ms->flags & ~(uint64_t)FLAGS_KNOWN &
        ~((((uint64_t)1 << c->row.keywords_count) - 1) << KEYWORD_FIRST_BIT))
        tell(c, "account %u mailbox %u UID %u: a flag without a name", c->account, c->mailbox, uid);
    c->created_last = ms->created;
    s->messages++;
    s->unseen += (ms->flags & FLAG_SEEN) == 0;
    s->deleted += (ms->flags & FLAG_DELETED) != 0;
    s->size += ms->size;
    note_email(c, ms->email);
    return OK;
}

static enum err visit_mailbox(struct checking *c, struct str key, struct str value)
{
    struct mbox *m = &c->row, *s = &c->seen;
    struct key k;
    uint64_t id;
    bool found;
    enum err e;

    if (mbox_get(c->mem, value, m) != OK) {
        tell(c, "account %u: the row of a mailbox cannot be read", c->account);
        return OK;
    }
    c->counts.mailboxes++;
    c->mailbox = load_u32(key.at + 5);
    c->created_last = 0;
    *s = (struct mbox){ 0 };
    if ((e = messages_each(&(struct messages_of){ c->kv, c->account, c->mailbox, NULL },
                           visit_membership, c, c->why)) != OK)
        return e;
    if (s->messages != m->messages || s->unseen != m->unseen || s->deleted != m->deleted ||
        s->size != m->size)
        tell(c, "account %u mailbox %u: its counts are not those of its messages", c->account,
             c->mailbox);
    if (m->modseq > c->counters.modseq)
        tell(c, "account %u mailbox %u: its modseq is above the account's", c->account, c->mailbox);
    if (c->mailbox > c->counters.mailbox_last || m->uidvalidity > c->counters.uidvalidity)
        tell(c, "account %u mailbox %u: its numbers are above the account's", c->account,
             c->mailbox);
    key_of_name(&k, TABLE_NAME, c->account, m->name);
    if ((e = table_find_number(c->kv, &k, &found, &id, c->why)) != OK)
        return e;
    if (!m->removing && (!found || id != c->mailbox))
        tell(c, "account %u mailbox %u: its name leads elsewhere", c->account, c->mailbox);
    c->counts.messages += s->messages;
    c->counts.bytes += s->size;
    c->sum.messages += s->messages;
    c->sum.bytes += s->size;
    return OK;
}

static enum err visit_name(struct checking *c, struct str key, struct str value)
{
    struct mbox m;
    uint32_t id;
    bool found;
    struct reader r = reader_of(value);
    enum err e;

    (void)get_u8(&r);
    id = (uint32_t)get_varint(&r);
    if ((e = mailbox_get_by_id(c->kv, c->mem, c->account, id, &found, &m, c->why)) != OK)
        return e;
    if (!found || !str_eq(m.name, str_skip(key, 5)))
        tell(c, "account %u: the name of mailbox %u leads nowhere", c->account, id);
    return OK;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* How often the sorted list has a number; they are taken out by setting them to 0. */
static uint32_t take_refs(struct checking *c, uint64_t email)
{
    size_t low = 0, high = c->email_count;
    uint32_t count = 0;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (c->emails[mid] < email)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < c->email_count && c->emails[low] == email; low++)
        count++;
    return count;
}

static enum err visit_email(struct checking *c, struct str key, struct str value)
{
    uint64_t email = load_u64(key.at + 5), size, extra;
    struct email row;
    struct key k;
    struct str record;
    bool found;
    enum err e;

    if (email_get(c->mem, value, &row) != OK) {
        tell(c, "account %u: the row of an email cannot be read", c->account);
        return OK;
    }
    c->counts.emails++;
    c->sum.email_last++;
    if (email > c->counters.email_last)
        tell(c, "account %u email %llu: its number is above the account's", c->account,
             (unsigned long long)email);
    if ((e = refs_extra(c->kv, c->account, email, &extra, c->why)) != OK)
        return e;
    if (take_refs(c, email) != row.refs + extra)
        tell(c, "account %u email %llu: %llu places were counted, %u are there", c->account,
             (unsigned long long)email, (unsigned long long)(row.refs + extra),
             take_refs(c, email));
    e = bodies_size(c->bodies, NULL, row.body, &size, c->why);
    if (e == ERR_NOT_FOUND || (e == OK && size != row.size))
        tell(c, "account %u email %llu: its body is missing or of another size", c->account,
             (unsigned long long)email);
    else if (e != OK)
        return e;
    key_of_email(&k, TABLE_RECORD, c->account, email);
    if ((e = table_find_text(c->kv, c->mem, &k, &found, &record, c->why)) != OK)
        return e;
    if (!found)
        tell(c, "account %u email %llu: it has no structure record", c->account,
             (unsigned long long)email);
    return OK;
}

/* A block of numbers of places has only emails that are there. */
static enum err visit_refs(struct checking *c, struct str key, struct str value)
{
    struct marks m = { .at = ARENA_ARRAY(c->mem, struct marks_run, MARKS_BLOCK_UIDS) };
    struct email row;
    struct key k;
    bool found = true;
    enum err e;

    if (key.len != 13 || refs_decode(value, &m) != OK) {
        tell(c, "account %u: the places of a block of emails cannot be read", c->account);
        return OK;
    }
    for (uint32_t i = 0; i < m.count; i++)
        for (uint32_t uid = m.at[i].first; uid <= m.at[i].last && found; uid++) {
            struct arena_mark mark = arena_save(c->mem);

            key_of_email(&k, TABLE_EMAIL, c->account, refs_email_of(load_u64(key.at + 5), uid));
            e = table_find_email(c->kv, c->mem, &k, &found, &row, c->why);
            arena_restore(&mark);
            if (e != OK)
                return e;
        }
    if (!found)
        tell(c, "account %u: places of an email that is not there", c->account);
    return OK;
}

static enum err visit_record(struct checking *c, struct str key, struct str value)
{
    struct key k;
    struct email row;
    bool found;
    enum err e;

    (void)value;
    key_of_email(&k, TABLE_EMAIL, c->account, load_u64(key.at + 5));
    if ((e = table_find_email(c->kv, c->mem, &k, &found, &row, c->why)) != OK)
        return e;
    if (!found)
        tell(c, "account %u: a structure record without an email", c->account);
    return OK;
}

/* One message of a block of sort keys: is it what would be made of its rows now? */
static enum err check_key_entry(struct checking *c, uint32_t mailbox, const struct key_entry *e,
                                bool *ret_found)
{
    struct membership ms;
    struct key_entry now;
    struct key k;
    enum err bad;

    key_of_membership(&k, c->account, mailbox, e->uid);
    bad = table_find_membership(c->kv, c->mem, &k, ret_found, &ms, c->why);
    if (bad != OK || !*ret_found)
        return bad;
    bad = mailbox_keys_entry(c->kv, c->mem, &ms, c->account, e->uid, &now, c->why);
    if (bad == OK && !key_entry_equal(e, &now))
        tell(c, "account %u mailbox %u UID %u: its sort keys are not those of its message",
             c->account, mailbox, e->uid);
    return bad;
}

/* A block may hold messages that are gone, but not only such; and none that it should have may be
 * missing, which the count of the memberships tells. A row of another machine is made anew when it
 * is next needed. */
static enum err visit_keys(struct checking *c, struct str key, struct str value)
{
    uint32_t mailbox = load_u32(key.at + 5), number = load_u32(key.at + 9), found = 0;
    struct uidset range = { 0 };
    struct messages_of which = { c->kv, c->account, mailbox, &range };
    struct key_block *b;
    uint32_t there = 0;
    enum err e = key_block_open(value, &b);

    if (e == ERR_UNSUPPORTED)
        return OK;
    if (e != OK || key_block_number(b) != number) {
        tell(c, "account %u mailbox %u: sort keys that cannot be read", c->account, mailbox);
        if (e == OK)
            key_block_free(b);
        return OK;
    }
    for (uint32_t i = 0; i < b->count && e == OK; i++) {
        struct arena_mark mark = arena_save(c->mem);
        struct key_entry entry = key_block_entry(b, i);
        bool here;

        e = check_key_entry(c, mailbox, &entry, &here);
        found += e == OK && here;
        arena_restore(&mark);
    }
    uidset_add_range(&range, MAX(1U, number << KEY_BLOCK_BITS),
                     number << KEY_BLOCK_BITS | (KEY_BLOCK_MAX - 1));
    if (e == OK && (e = messages_each(&which, count_one, &there, c->why)) == OK &&
        (there != found || there == 0))
        tell(c, "account %u mailbox %u: sort keys of %u messages, where there are %u", c->account,
             mailbox, found, there);
    uidset_deinit(&range);
    key_block_free(b);
    return e;
}

/* A block of flags has a message to say them of, and none from the future. */
static enum err visit_marks(struct checking *c, struct str key, struct str value)
{
    struct marks m = { .at = ARENA_ARRAY(c->mem, struct marks_run, MARKS_BLOCK_UIDS) };
    uint32_t mailbox = load_u32(key.at + 5), there = 0;
    struct uidset range = { 0 };
    const struct messages_of which = { c->kv, c->account, mailbox, &range };
    struct mbox row;
    bool found;
    enum err e;

    m.block = load_u32(key.at + 9);
    if (key.len != 13 || m.block > marks_block_of(UINT32_MAX) || marks_decode(value, &m) != OK) {
        tell(c, "account %u mailbox %u: flags of a block that cannot be read", c->account, mailbox);
        return OK;
    }
    if ((e = mailbox_get_by_id(c->kv, c->mem, c->account, mailbox, &found, &row, c->why)) != OK)
        return e;
    for (uint32_t i = 0; found && i < m.count; i++)
        if (m.at[i].modseq > row.modseq)
            tell(c, "account %u mailbox %u UID %u: its modseq is out of order", c->account, mailbox,
                 m.at[i].first);
    uidset_add_range(&range, MAX(1U, m.block << MARKS_BLOCK_BITS),
                     m.block << MARKS_BLOCK_BITS | (MARKS_BLOCK_UIDS - 1));
    if ((e = messages_each(&which, count_one, &there, c->why)) == OK && there == 0)
        tell(c, "account %u mailbox %u: flags of a block without messages", c->account, mailbox);
    uidset_deinit(&range);
    return e;
}

static enum err visit_thread(struct checking *c, struct str key, struct str value)
{
    struct key k;
    struct email row;
    bool found;
    enum err e;

    (void)value;
    key_of_email(&k, TABLE_EMAIL, c->account, load_u64(key.at + 13));
    if ((e = table_find_email(c->kv, c->mem, &k, &found, &row, c->why)) != OK)
        return e;
    if (!found)
        tell(c, "account %u: a message id without an email", c->account);
    return OK;
}

/* What can be brought back holds its email, as a membership does. */
static enum err visit_grave(void *ctx, const struct grave_found *g)
{
    struct checking *c = ctx;

    if (g->mailbox > c->counters.mailbox_last || g->row.flags & ~(uint64_t)FLAGS_KNOWN)
        tell(c, "account %u: an expunged message of mailbox %u cannot be brought back", c->account,
             g->mailbox);
    c->graves.bytes += g->row.size;
    c->graves.messages++;
    note_email(c, g->row.email);
    return OK;
}

static enum err check_graves(struct checking *c)
{
    const struct graves_wanted all = { .kv = c->kv, .account = c->account };
    struct graves_kept kept;
    enum err e;

    c->graves = (struct graves_kept){ 0 };
    if ((e = graves_each(&all, STR_EMPTY, visit_grave, c, c->why)) != OK ||
        (e = graves_count(c->kv, c->mem, c->account, &kept, c->why)) != OK)
        return e;
    if (kept.bytes != c->graves.bytes || kept.messages != c->graves.messages)
        tell(c, "account %u: %llu expunged messages were counted, %llu are there", c->account,
             (unsigned long long)kept.messages, (unsigned long long)c->graves.messages);
    return OK;
}

/* A UIDL has its message; a mark speaks for itself, and so does the count of graves. */
static enum err visit_import(struct checking *c, struct str key, struct str value)
{
    struct reader r = reader_of(value);
    bool known = get_u8(&r) == ROW_VERSION, found;
    struct membership ms;
    struct key k;
    enum err e;

    if (key.len == 6 && key.at[5] == 'k')
        return OK;
    (void)get_str(&r);
    if (!known || !reader_done(&r) || key.len < 6 || (key.at[5] == 'p' && key.len != 14)) {
        tell(c, "account %u: what an import left behind cannot be read", c->account);
        return OK;
    }
    if (key.at[5] != 'p')
        return OK;
    key_of_membership(&k, c->account, load_u32(key.at + 6), load_u32(key.at + 10));
    if ((e = table_find_membership(c->kv, c->mem, &k, &found, &ms, c->why)) != OK)
        return e;
    if (!found)
        tell(c, "account %u mailbox %u: UID %u has a UIDL, but no message", c->account,
             load_u32(key.at + 6), load_u32(key.at + 10));
    return OK;
}

/* Of the server (mailbox 0) or of a mailbox that is there, if only to be swept away. */
static enum err visit_metadata(struct checking *c, struct str key, struct str value)
{
    uint32_t mailbox = load_u32(key.at + 5), user = load_u32(key.at + 9);
    struct str entry = str_skip(key, 13), normal;
    struct metadata row;
    struct mbox m;
    struct key k;
    bool found = true;
    enum err e;

    if (metadata_get(c->mem, value, &row) != OK ||
        !entry_name_normalise(c->mem, entry, false, &normal) || !str_eq(normal, entry)) {
        tell(c, "account %u mailbox %u: an annotation cannot be read", c->account, mailbox);
        return OK;
    }
    c->counts.annotations++;
    key_of_mailbox(&k, TABLE_MAILBOX, c->account, mailbox);
    if (mailbox != 0 && (e = table_find_mbox(c->kv, c->mem, &k, &found, &m, c->why)) != OK)
        return e;
    if (!found)
        tell(c, "account %u: an annotation of mailbox %u, which is not there", c->account, mailbox);
    if (row.value.len > ENTRY_VALUE_BYTES_MAX || row.modseq > c->counters.modseq ||
        (user == 0) == entry_is_private(entry))
        tell(c, "account %u mailbox %u: annotation '%.*s' is out of bounds", c->account, mailbox,
             STR_ARG(entry));
    return OK;
}

/* ---- what proves who somebody is ---- */

static enum err visit_proof(struct checking *c, struct str key, struct str value)
{
    struct credentials row;

    if (key.len != 5 || credentials_get(c->mem, value, &row) != OK || !credentials_valid(&row))
        tell(c, "account %u: its SCRAM keys cannot be read", c->account);
    return OK;
}

static enum err visit_token(struct checking *c, struct str key, struct str value)
{
    struct access_token row;

    if (key.len != 5 + SHA_256_BYTES || access_token_get(c->mem, value, &row) != OK ||
        (row.scope & ~(uint32_t)TOKEN_SCOPES) != 0)
        tell(c, "account %u: one of its tokens cannot be read", c->account);
    return OK;
}

/* ---- accounts ---- */

static enum err check_account_names(struct checking *c, const struct account *row)
{
    struct str unused;
    struct key k;
    uint64_t id;
    bool found;
    enum err e;

    key_of_text(&k, TABLE_ADDRESS, row->address);
    if ((e = table_find_number(c->kv, &k, &found, &id, c->why)) != OK)
        return e;
    if (row->removing)
        return OK;
    if (!found || id != c->account)
        tell(c, "account %u: its address leads elsewhere", c->account);
    key_of_text(&k, TABLE_LOGIN, directory_local_of(row->address));
    key_text(&k, STR("\0"));
    key_u32(&k, c->account);
    if ((e = table_find_text(c->kv, c->mem, &k, &found, &unused, c->why)) != OK)
        return e;
    if (!found)
        tell(c, "account %u: its log-in name is missing", c->account);
    return OK;
}

/* ---- domains ---- */

struct domain_seen {
    uint64_t accounts;
    size_t len;
    char name[];
};

static enum err visit_address(struct checking *c, struct str key, struct str value)
{
    struct str domain = directory_domain_of(str_skip(key, 1));
    struct domain_seen *d = map_find(&c->domains, domain);

    (void)value;
    if (d == NULL) {
        d = calloc(1, sizeof *d + domain.len);
        if (d == NULL)
            BUG("out of memory");
        d->len = domain.len;
        memcpy(d->name, domain.at, domain.len);
        (void)map_put(&c->domains, str_from(d->name, d->len), d);
    }
    d->accounts++;
    return OK;
}

/* What is left in the map at the end are domains of accounts that are not ours. */
static enum err visit_domain(struct checking *c, struct str key, struct str value)
{
    struct reader r = reader_of(value);
    struct str name = str_skip(key, 1);
    struct domain_seen *d = map_remove(&c->domains, name);
    uint64_t seen = d == NULL ? 0 : d->accounts, counted;

    free(d);
    (void)get_u8(&r);
    counted = get_varint(&r);
    if (r.bad || counted != seen)
        tell(c, "domain '%.*s' counts %llu accounts, there are %llu", STR_ARG(name),
             (unsigned long long)counted, (unsigned long long)seen);
    return OK;
}

static enum err check_domains(struct checking *c)
{
    struct domain_seen *d;
    size_t at = 0;
    enum err e;

    if ((e = each_of_table(c, TABLE_ADDRESS, visit_address)) == OK)
        e = each_of_table(c, TABLE_DOMAIN, visit_domain);
    while ((d = map_next(&c->domains, &at, NULL)) != NULL) {
        if (e == OK)
            tell(c, "domain '%.*s' has accounts, but is not there", (int)d->len, d->name);
        free(d);
    }
    map_deinit(&c->domains);
    return e;
}

/* ---- one account ---- */

static enum err visit_account(struct checking *c, struct str key, struct str value)
{
    struct account row;
    struct key k;
    enum err e;

    c->account = load_u32(key.at + 1);
    if (account_get(c->mem, value, &row) != OK) {
        tell(c, "the row of account %u cannot be read", c->account);
        return OK;
    }
    if (c->account_count == c->account_cap) {
        c->account_cap = c->account_cap == 0 ? 64 : 2 * c->account_cap;
        c->accounts = realloc(c->accounts, c->account_cap * sizeof *c->accounts);
        if (c->accounts == NULL)
            BUG("out of memory");
    }
    c->accounts[c->account_count++] = c->account;
    c->counts.accounts++;
    c->sum = (struct counters){ 0 };
    c->email_count = 0;
    key_of_account(&k, TABLE_COUNTERS, c->account);
    if ((e = table_get_counters(c->kv, c->mem, &k, &c->counters, c->why)) != OK)
        return e;
    if ((e = check_account_names(c, &row)) != OK ||
        (e = each_of_account(c, TABLE_MAILBOX, visit_mailbox)) != OK ||
        (e = each_of_account(c, TABLE_NAME, visit_name)) != OK ||
        (e = each_of_account(c, TABLE_PROOF, visit_proof)) != OK ||
        (e = each_of_account(c, TABLE_TOKEN, visit_token)) != OK || (e = check_graves(c)) != OK)
        return e;
    if (c->email_count > 0)
        qsort(c->emails, c->email_count, sizeof *c->emails, by_number);
    if ((e = each_of_account(c, TABLE_EMAIL, visit_email)) != OK ||
        (e = each_of_account(c, TABLE_REFS, visit_refs)) != OK ||
        (e = each_of_account(c, TABLE_RECORD, visit_record)) != OK ||
        (e = each_of_account(c, TABLE_THREAD, visit_thread)) != OK ||
        (e = each_of_account(c, TABLE_IMPORT, visit_import)) != OK ||
        (e = each_of_account(c, TABLE_METADATA, visit_metadata)) != OK ||
        (e = each_of_account(c, TABLE_KEYS, visit_keys)) != OK ||
        (e = each_of_account(c, TABLE_MARKS, visit_marks)) != OK)
        return e;
    if (c->sum.messages != c->counters.messages || c->sum.bytes != c->counters.bytes)
        tell(c, "account %u: its quota counts %llu octets in %llu messages, there are %llu in %llu",
             c->account, (unsigned long long)c->counters.bytes,
             (unsigned long long)c->counters.messages, (unsigned long long)c->sum.bytes,
             (unsigned long long)c->sum.messages);
    return OK;
}

/* Emails that a membership names and that are not there, and rows of accounts that are not. */
static enum err check_strays(struct checking *c)
{
    static const enum table tables[] = { TABLE_COUNTERS,   TABLE_MAILBOX,    TABLE_NAME,
                                         TABLE_SUBSCRIBED, TABLE_MEMBERSHIP, TABLE_EMAIL,
                                         TABLE_RECORD,     TABLE_THREAD,     TABLE_VANISHED,
                                         TABLE_IMPORT,     TABLE_GRAVE,      TABLE_METADATA,
                                         TABLE_KEYS,       TABLE_MARKS,      TABLE_PROOF,
                                         TABLE_TOKEN,      TABLE_REFS };

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct key from, to;
        struct kv_iter *it;
        enum err e;

        key_start(&from, tables[i]);
        to = from;
        key_end(&to);
        it = kv_iter_new(c->kv, NULL, key_str(&from), key_str(&to));
        for (bool on = kv_iter_first(it); on;) {
            uint32_t account = load_u32(kv_iter_key(it).at + 1);
            size_t at = 0;

            while (at < c->account_count && c->accounts[at] < account)
                at++;
            if (at == c->account_count || c->accounts[at] != account)
                tell(c, "table '%c' has rows of account %u, which is not there", (char)tables[i],
                     account);
            key_of_account(&from, tables[i], account);
            key_end(&from);
            on = kv_iter_seek(it, key_str(&from));
        }
        e = kv_iter_error(it, c->why);
        kv_iter_free(it);
        if (e != OK)
            return e;
    }
    return OK;
}

/* ---- the queue ---- */

static enum err visit_entry(struct checking *c, struct str key, struct str value)
{
    uint64_t id = load_u64(key.at + 1), size;
    struct queue_entry entry;
    struct str unused;
    struct key k;
    bool found;
    enum err e;

    if (queue_entry_get(c->mem, value, &entry) != OK) {
        tell(c, "queue entry %llu cannot be read", (unsigned long long)id);
        return OK;
    }
    c->counts.queued++;
    e = bodies_size(c->bodies, NULL, entry.body, &size, c->why);
    if (e == ERR_NOT_FOUND || (e == OK && size != entry.size))
        tell(c, "queue entry %llu: its body is missing or of another size", (unsigned long long)id);
    else if (e != OK)
        return e;
    if (entry.due == 0) {
        if (!entry.held)
            tell(c, "queue entry %llu is neither due nor held", (unsigned long long)id);
        return OK;
    }
    key_of_due(&k, entry.due, id);
    if ((e = table_find_text(c->kv, c->mem, &k, &found, &unused, c->why)) != OK)
        return e;
    if (!found)
        tell(c, "queue entry %llu is missing from the index", (unsigned long long)id);
    return OK;
}

static enum err visit_due(struct checking *c, struct str key, struct str value)
{
    struct reader r = key_reader(key);
    int64_t at = key_get_i64(&r);
    uint64_t id = get_u64(&r);
    struct queue_entry entry;
    bool found;
    enum err e;

    (void)value;
    if ((e = queue_get(c->kv, c->mem, id, &found, &entry, c->why)) != OK)
        return e;
    if (!found || entry.due != at)
        tell(c, "the index has queue entry %llu at a wrong time", (unsigned long long)id);
    return OK;
}

enum err check_tables(struct kv *kv, struct bodies *bodies,
                      void (*found)(void *ctx, struct str sentence), void *ctx,
                      struct check_counts *ret, struct errinfo *why)
{
    struct checking c = {
        .kv = kv, .bodies = bodies, .mem = arena_new(0), .found = found, .ctx = ctx, .why = why
    };
    enum err e;

    if ((e = each_of_table(&c, TABLE_ACCOUNT, visit_account)) == OK &&
        (e = check_domains(&c)) == OK && (e = check_strays(&c)) == OK &&
        (e = check_acl(kv, c.mem, found, ctx, why)) == OK &&
        (e = each_of_table(&c, TABLE_QUEUE, visit_entry)) == OK)
        e = each_of_table(&c, TABLE_QUEUE_DUE, visit_due);
    *ret = c.counts;
    arena_free(c.mem);
    free(c.accounts);
    free(c.emails);
    return e;
}
