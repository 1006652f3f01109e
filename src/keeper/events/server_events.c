/* keeper/events/server_events.c - what happened, for the sessions that watch.
 *
 * The observer sees rows, not calls: a membership row says whether it came, went or changed, an
 * annotation's key is its name. Names are different, because a rename is one name less and another
 * one more; so the names of a watched account are kept as they were told last and compared with
 * what they are, once in a turn in which any of them changed.
 *
 * Names of what others share are among them, so that a watcher hears of these mailboxes too, and
 * only while it has the rights (RFC 5465 5): a change of an access control list is a change of the
 * names. Their changes are another account's, whose modseqs say nothing to the watcher's sessions,
 * so these are told whoever made them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/events/server_events.h"
#include "keeper/sharing/server_place.h"
#include "store/mailbox/acl.h"
#include "store/mailbox/metadata.h"

enum { EVENTS_SCAN_MAX = 16 };

struct pending {
    enum keep_event_kind kind; /* EVENT_MESSAGES or EVENT_METADATA */
    uint32_t owner;            /* 0: the watcher's own account */
    uint32_t mailbox;          /* as its owner numbers it */
    uint8_t what;
    uint64_t modseq;
    bool several;
    struct str entry; /* of an annotation */
};

struct watcher {
    struct list in_keeper;
    struct watched *account;
    uint32_t kinds; /* of all its sessions */

    struct arena *mem; /* of what is pending */
    struct pending *pending;
    size_t count;
    bool overflowed, names_changed, names_several;
    uint64_t names_modseq;

    struct arena *names_mem; /* the names as they were told last, in order */
    struct mailbox_listed *names;
    size_t name_count;
    struct mailbox_listed *others; /* those that others share, by owner and number */
    size_t other_count;
};

/* ---- who watches ---- */

static struct watcher *watcher_of(struct keeper *k, uint32_t account)
{
    struct watched *w = map_find(&k->watched, str_from(&account, sizeof account));

    return w == NULL ? NULL : w->watcher;
}

static void forget_pending(struct watcher *w)
{
    arena_free(w->mem);
    w->mem = NULL;
    w->pending = NULL;
    w->count = 0;
    w->overflowed = w->names_changed = w->names_several = false;
}

static void watcher_free(struct watcher *w)
{
    forget_pending(w);
    arena_free(w->names_mem);
    list_remove(&w->in_keeper);
    w->account->watcher = NULL;
    free(w);
}

static void count_kinds(struct watcher *w)
{
    w->kinds = 0;
    LIST_EACH(it, &w->account->sessions)
    {
        w->kinds |= LIST_ITEM(it, struct session, in_account)->watches;
    }
    if (w->kinds == 0)
        watcher_free(w);
}

void events_forget(struct session *s)
{
    struct watcher *w = watcher_of(s->peer->k, s->account);

    s->watches = 0;
    if (w != NULL)
        count_kinds(w);
}

static enum err learn_names(struct keeper *k, struct watcher *w, struct arena *mem,
                            struct errinfo *why)
{
    struct mailbox_listed *others, *names;
    struct mailboxes_also also = { 0 };
    size_t count;
    enum err e = places_shared_with(k, mem, w->account->account, &others, &also.count, why);

    also.at = others;
    if (e == OK)
        e = mailbox_list_also(k->kv, mem, w->account->account, also, &names, &count, why);
    if (e != OK)
        return e;
    arena_free(w->names_mem);
    w->names_mem = mem;
    w->names = names;
    w->name_count = count;
    w->others = others;
    w->other_count = also.count;
    return OK;
}

static enum err watcher_new(struct keeper *k, struct watched *account, struct errinfo *why)
{
    struct arena *mem = arena_new(0);
    struct watcher *w = calloc(1, sizeof *w);
    enum err e;

    if (w == NULL)
        BUG("out of memory");
    w->account = account;
    account->watcher = w;
    list_add_last(&k->watchers, &w->in_keeper);
    if ((e = learn_names(k, w, mem, why)) != OK) {
        arena_free(mem);
        watcher_free(w);
    }
    return e;
}

enum err read_watch(struct request *j)
{
    const struct keep_watch_req *req = j->req;
    struct watched *account;
    struct session *s;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK)
        return e;
    account = map_find(&j->k->watched, str_from(&s->account, sizeof s->account));
    if (account->watcher == NULL && req->kinds != 0 &&
        (e = watcher_new(j->k, account, &j->why)) != OK)
        return e;
    s->watches = req->kinds;
    if (account->watcher != NULL)
        count_kinds(account->watcher);
    return OK;
}

/* ---- what happened ---- */

static struct pending *find_pending(struct watcher *w, const struct pending *like)
{
    size_t from = w->count > EVENTS_SCAN_MAX ? w->count - EVENTS_SCAN_MAX : 0;

    for (size_t i = from; i < w->count; i++)
        if (w->pending[i].kind == like->kind && w->pending[i].owner == like->owner &&
            w->pending[i].mailbox == like->mailbox && str_eq(w->pending[i].entry, like->entry))
            return &w->pending[i];
    return NULL;
}

static void add_pending(struct keeper *k, struct watcher *w, const struct pending *one)
{
    struct pending *p;

    if (!timer_is_set(&k->notes_due))
        timer_set_in(&k->notes_due, 0);
    if (w->overflowed)
        return;
    if (w->mem == NULL) {
        w->mem = arena_new(0);
        w->pending = ARENA_ARRAY(w->mem, struct pending, EVENTS_PENDING_MAX);
    }
    if ((p = find_pending(w, one)) != NULL) {
        p->what |= one->what;
        p->several = p->several || p->modseq != one->modseq;
        p->modseq = one->modseq;
        return;
    }
    if (w->count == EVENTS_PENDING_MAX) {
        w->overflowed = true;
        return;
    }
    w->pending[w->count] = *one;
    w->pending[w->count++].entry = arena_copy(w->mem, one->entry);
}

static void names_change(struct keeper *k, struct watcher *w, uint64_t modseq)
{
    if (!timer_is_set(&k->notes_due))
        timer_set_in(&k->notes_due, 0);
    w->names_several = w->names_changed && (w->names_several || w->names_modseq != modseq);
    w->names_changed = true;
    w->names_modseq = modseq;
}

/* With the modseq of its own creation a message has come; any later one is a change of flags. */
static uint8_t what_of(const struct txn_op *op)
{
    SCRATCH(tmp, NULL);
    struct membership ms;

    if (op->key.at[0] == TABLE_MARKS)
        return op->kind == TXN_PUT ? WHAT_FLAGS : 0;
    if (op->kind == TXN_DELETE)
        return WHAT_GONE;
    if (membership_get(tmp, op->value, &ms) != OK)
        return 0;
    return ms.created == ms.modseq ? WHAT_ARRIVED : WHAT_FLAGS;
}

static void observe_annotation(struct keeper *k, struct watcher *w, const struct txn_op *op,
                               uint32_t owner, uint64_t modseq)
{
    uint32_t user = load_u32(op->key.at + 9);

    if (user == 0 || user == w->account->account)
        add_pending(k, w,
                    &(struct pending){ .kind = EVENT_METADATA,
                                       .owner = owner,
                                       .mailbox = load_u32(op->key.at + 5),
                                       .modseq = modseq,
                                       .entry = str_skip(op->key, 13) });
}

static void observe_messages(struct keeper *k, struct watcher *w, const struct txn_op *op,
                             uint32_t owner, uint64_t modseq)
{
    add_pending(k, w,
                &(struct pending){ .kind = EVENT_MESSAGES,
                                   .owner = owner,
                                   .mailbox = load_u32(op->key.at + 5),
                                   .what = what_of(op),
                                   .modseq = modseq });
}

static void observe_op(struct keeper *k, const struct txn_op *op, uint64_t modseq)
{
    struct watcher *w = watcher_of(k, load_u32(op->key.at + 1));

    if (w == NULL)
        return;
    switch (op->key.at[0]) {
    case TABLE_MEMBERSHIP:
    case TABLE_MARKS:
        if ((w->kinds & 1u << EVENT_MESSAGES) != 0)
            observe_messages(k, w, op, 0, modseq);
        break;
    case TABLE_NAME:
    case TABLE_SUBSCRIBED:
        names_change(k, w, modseq);
        break;
    case TABLE_METADATA:
        if ((w->kinds & 1u << EVENT_METADATA) != 0)
            observe_annotation(k, w, op, 0, modseq);
        break;
    default:
        break;
    }
}

/* ---- what happened to what others share ---- */

/* The first of the places from (owner, mailbox) on; null when there are none. */
static const struct mailbox_listed *place_from(const struct watcher *w, uint32_t owner,
                                               uint32_t mailbox)
{
    size_t low = 0, high = w->other_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct mailbox_listed *m = &w->others[mid];

        if (m->owner < owner || (m->owner == owner && m->owners_id < mailbox))
            low = mid + 1;
        else
            high = mid;
    }
    return low < w->other_count ? &w->others[low] : NULL;
}

static bool has_place(const struct watcher *w, uint32_t owner, uint32_t mailbox)
{
    const struct mailbox_listed *m = place_from(w, owner, mailbox);

    return m != NULL && m->owner == owner && m->owners_id == mailbox;
}

static bool has_owner(const struct watcher *w, uint32_t owner)
{
    const struct mailbox_listed *m = place_from(w, owner, 0);

    return m != NULL && m->owner == owner;
}

static void observe_for(struct keeper *k, struct watcher *w, const struct txn_op *op,
                        uint64_t modseq)
{
    uint32_t owner = load_u32(op->key.at + 1);

    if (owner == w->account->account)
        return;
    switch (op->key.at[0]) {
    case TABLE_MEMBERSHIP:
        if ((w->kinds & 1u << EVENT_MESSAGES) != 0 && has_place(w, owner, load_u32(op->key.at + 5)))
            observe_messages(k, w, op, owner, modseq);
        break;
    case TABLE_METADATA:
        if ((w->kinds & 1u << EVENT_METADATA) != 0 && has_place(w, owner, load_u32(op->key.at + 5)))
            observe_annotation(k, w, op, owner, modseq);
        break;
    case TABLE_NAME:
        if (has_owner(w, owner))
            names_change(k, w, modseq);
        break;
    case TABLE_ACL:
        if (load_u32(op->key.at + 9) == ACL_ANYONE ||
            load_u32(op->key.at + 9) == w->account->account)
            names_change(k, w, modseq);
        break;
    default:
        break;
    }
}

/* One transaction changes one account, whose counters say with which modseq. */
static uint64_t modseq_of(const struct txn_op *ops, size_t count)
{
    SCRATCH(tmp, NULL);
    struct counters c;

    for (size_t i = count; i > 0; i--)
        if (ops[i - 1].key.at[0] == TABLE_COUNTERS && ops[i - 1].kind == TXN_PUT &&
            counters_get(tmp, ops[i - 1].value, &c) == OK)
            return c.modseq;
    return 0;
}

void events_observe(struct keeper *k, const struct txn_op *ops, size_t count)
{
    uint64_t modseq;

    if (list_empty(&k->watchers))
        return;
    modseq = modseq_of(ops, count);
    for (size_t i = 0; i < count; i++)
        if (ops[i].key.len >= 5)
            observe_op(k, &ops[i], modseq);
    LIST_EACH(it, &k->watchers)
    {
        struct watcher *w = LIST_ITEM(it, struct watcher, in_keeper);

        for (size_t i = 0; i < count; i++)
            if (ops[i].key.len >= 5)
                observe_for(k, w, &ops[i], modseq);
    }
}

/* ---- telling it ---- */

static void put_event(struct buf *out, const void *note)
{
    keep_event_note_put(out, note);
}

/* What cannot be told to a gate is not told to its sessions any more. */
static void overflow_peer(struct watcher *w, struct peer *p)
{
    struct keep_event_note note = { .account = w->account->account, .kind = EVENT_OVERFLOW };

    note_send(p, NOTE_NUMBER_event, &note, put_event);
    LIST_EACH(it, &w->account->sessions)
    {
        struct session *s = LIST_ITEM(it, struct session, in_account);

        if (s->peer == p)
            s->watches = 0;
    }
}

static void tell_peers(struct keeper *k, struct watcher *w, const struct keep_event_note *note)
{
    LIST_EACH(pit, &k->peers)
    {
        struct peer *p = LIST_ITEM(pit, struct peer, link);
        uint32_t kinds = 0;

        LIST_EACH(it, &w->account->sessions)
        {
            struct session *s = LIST_ITEM(it, struct session, in_account);

            if (s->peer == p)
                kinds |= s->watches;
        }
        if (kinds == 0)
            continue;
        if (note->kind == EVENT_OVERFLOW || channel_queued(p->channel) > EVENT_QUEUE_BYTES_MAX)
            overflow_peer(w, p);
        else if ((kinds & 1u << note->kind) != 0)
            note_send(p, NOTE_NUMBER_event, note, put_event);
    }
}

/* Whichever account it belongs to, as its owner numbers it. */
static uint32_t number_of(const struct mailbox_listed *m)
{
    return m->owner == 0 ? m->id : m->owners_id;
}

static const struct mailbox_listed *name_of(const struct watcher *w, const struct pending *p)
{
    for (size_t i = 0; i < w->name_count; i++)
        if (w->names[i].exists && w->names[i].owner == p->owner &&
            number_of(&w->names[i]) == p->mailbox)
            return &w->names[i];
    return NULL;
}

/* What the watcher's sessions call a mailbox; of one of others that none of them has opened, a
 * number that means nothing to them. */
static uint32_t number_for(const struct watcher *w, const struct mailbox_listed *m)
{
    struct place p = { .account = m->owner, .mailbox = m->owners_id };
    uint32_t known;

    if (m->owner == 0)
        return m->id;
    p.session = LIST_ITEM(w->account->sessions.next, struct session, in_account);
    known = place_number_known(&p);
    return known != 0 ? known : UINT32_MAX;
}

static struct keep_event_note note_of(const struct watcher *w, enum keep_event_kind kind,
                                      const struct mailbox_listed *m)
{
    return (struct keep_event_note){ .account = w->account->account,
                                     .kind = (uint8_t)kind,
                                     .mailbox = number_for(w, m),
                                     .name = m->name,
                                     .exists = m->exists,
                                     .subscribed = m->subscribed,
                                     .has_children = m->has_children,
                                     .special_use = m->mailbox.special_use,
                                     .of_others = m->owner != 0 };
}

/* The numbers are those of now: what happened since is told again, which does no harm. Of what
 * others share, figures are for those who may read it. */
static void tell_messages(struct keeper *k, struct watcher *w, const struct pending *p)
{
    SCRATCH(tmp, NULL);
    const struct mailbox_listed *m = name_of(w, p);
    uint32_t owner = p->owner != 0 ? p->owner : w->account->account;
    struct keep_event_note note;
    struct errinfo why;
    struct mbox row;
    bool found;

    if (m == NULL || (p->owner != 0 && (m->rights & RIGHT_READ) == 0) ||
        mailbox_get_by_id(k->kv, tmp, owner, p->mailbox, &found, &row, &why) != OK || !found)
        return;
    note = note_of(w, EVENT_MESSAGES, m);
    note.what = p->what;
    note.modseq = p->modseq;
    note.several = p->several || p->owner != 0;
    note.messages = row.messages;
    note.uidnext = row.uidnext;
    note.uidvalidity = row.uidvalidity;
    note.unseen = row.unseen;
    note.highest = row.modseq;
    tell_peers(k, w, &note);
}

static void tell_annotation(struct keeper *k, struct watcher *w, const struct pending *p)
{
    static const struct mailbox_listed server;
    const struct mailbox_listed *m = p->mailbox == 0 ? &server : name_of(w, p);
    struct keep_text entry = { .text = p->entry };
    struct keep_event_note note;

    if (m == NULL) /* it went with its mailbox */
        return;
    note = note_of(w, EVENT_METADATA, m);
    note.modseq = p->modseq;
    note.several = p->several || p->owner != 0;
    note.entries = &entry;
    note.entries_count = 1;
    tell_peers(k, w, &note);
}

/* ---- names ---- */

struct renaming {
    struct watcher *w;
    struct mailbox_listed *before, *now; /* by name */
    size_t before_count, now_count;
    uint64_t modseq;
    bool several;
};

static struct str parent_of(struct str name)
{
    size_t cut = str_find_char_last(name, '/');

    return cut == STR_NOT_FOUND ? STR_EMPTY : str_take(name, cut);
}

static const struct mailbox_listed *find_name(const struct mailbox_listed *at, size_t count,
                                              struct str name)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = str_cmp(at[mid].name, name);

        if (order == 0)
            return &at[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static int place_order(const struct mailbox_listed *x, const struct mailbox_listed *y)
{
    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    return number_of(x) < number_of(y) ? -1 : number_of(x) > number_of(y);
}

static int by_id(const void *a, const void *b)
{
    const struct mailbox_listed *x = *(const struct mailbox_listed *const *)a,
                                *y = *(const struct mailbox_listed *const *)b;

    return place_order(x, y);
}

/* Those that exist, by number. */
static const struct mailbox_listed **numbered(struct arena *mem, const struct mailbox_listed *at,
                                              size_t count, size_t *ret_count)
{
    const struct mailbox_listed **all = ARENA_ARRAY(mem, const struct mailbox_listed *, count + 1);

    *ret_count = 0;
    for (size_t i = 0; i < count; i++)
        if (at[i].exists)
            all[(*ret_count)++] = &at[i];
    if (*ret_count > 0)
        qsort(all, *ret_count, sizeof *all, by_id);
    return all;
}

static void tell_name(struct keeper *k, const struct renaming *r, enum keep_event_kind kind,
                      const struct mailbox_listed *m, struct str old_name)
{
    struct keep_event_note note = note_of(r->w, kind, m);

    note.old_name = old_name;
    note.modseq = r->modseq;
    note.several = r->several || note.of_others;
    tell_peers(k, r->w, &note);
}

/* RFC 5465 5.4: no word of children that are renamed along with their parent. */
static bool moved_along(const struct renaming *r, const struct mailbox_listed *before,
                        const struct mailbox_listed *now)
{
    const struct mailbox_listed *old_parent =
        find_name(r->before, r->before_count, parent_of(before->name));
    const struct mailbox_listed *new_parent = find_name(r->now, r->now_count, parent_of(now->name));

    return old_parent != NULL && new_parent != NULL && old_parent->exists && new_parent->exists &&
           place_order(old_parent, new_parent) == 0 && !str_eq(old_parent->name, new_parent->name);
}

/* RFC 5465 5.4: making and removing a mailbox affects its direct parent, too. */
static void tell_parent(struct keeper *k, const struct renaming *r, struct str name)
{
    struct str parent = parent_of(name);
    const struct mailbox_listed *before = find_name(r->before, r->before_count, parent);
    const struct mailbox_listed *now = find_name(r->now, r->now_count, parent);

    if (before != NULL && now != NULL && before->has_children != now->has_children)
        tell_name(k, r, EVENT_NAME, now, STR_EMPTY);
}

static void tell_gone(struct keeper *k, const struct renaming *r, const struct mailbox_listed *m)
{
    const struct mailbox_listed *left = find_name(r->now, r->now_count, m->name);
    struct mailbox_listed gone = { .name = m->name, .owner = m->owner };

    if (left != NULL && left->exists) /* made again under the same name */
        return;
    gone.subscribed = left != NULL && left->subscribed;
    gone.has_children = left != NULL && left->has_children;
    tell_name(k, r, EVENT_NAME, &gone, STR_EMPTY);
    tell_parent(k, r, m->name);
}

static void compare_names(struct keeper *k, struct arena *mem, const struct renaming *r)
{
    size_t old_count, new_count, o = 0, n = 0;
    const struct mailbox_listed **old = numbered(mem, r->before, r->before_count, &old_count);
    const struct mailbox_listed **new = numbered(mem, r->now, r->now_count, &new_count);

    while (o < old_count || n < new_count) {
        int order = n == new_count ? -1 : o == old_count ? 1 : place_order(old[o], new[n]);

        if (order < 0) {
            tell_gone(k, r, old[o++]);
        } else if (order > 0) {
            tell_name(k, r, EVENT_NAME, new[n], STR_EMPTY);
            tell_parent(k, r, new[n++]->name);
        } else {
            if (!str_eq(old[o]->name, new[n]->name) && !moved_along(r, old[o], new[n]))
                tell_name(k, r, EVENT_NAME, new[n], old[o]->name);
            o++, n++;
        }
    }
}

static void compare_subscriptions(struct keeper *k, const struct renaming *r)
{
    size_t o = 0, n = 0;

    while (o < r->before_count || n < r->now_count) {
        int order = o == r->before_count ? 1
                    : n == r->now_count  ? -1
                                         : str_cmp(r->before[o].name, r->now[n].name);
        bool was = order <= 0 && r->before[o].subscribed;
        bool is = order >= 0 && r->now[n].subscribed;
        struct mailbox_listed gone = { .name = order < 0 ? r->before[o].name : STR_EMPTY };

        if (was != is)
            tell_name(k, r, EVENT_SUBSCRIPTION, order < 0 ? &gone : &r->now[n], STR_EMPTY);
        o += order <= 0;
        n += order >= 0;
    }
}

static void tell_names(struct keeper *k, struct watcher *w)
{
    struct renaming r = { .w = w,
                          .before = w->names,
                          .before_count = w->name_count,
                          .modseq = w->names_modseq,
                          .several = w->names_several };
    struct arena *before_mem = w->names_mem, *mem = arena_new(0);
    struct errinfo why = { 0 };

    w->names_mem = NULL;
    if (learn_names(k, w, mem, &why) != OK) { /* told with the next change */
        keeper_log(k, "event=names_not_read error=\"%s\"", why.text);
        w->names_mem = before_mem;
        arena_free(mem);
        return;
    }
    r.now = w->names;
    r.now_count = w->name_count;
    compare_names(k, before_mem, &r);
    compare_subscriptions(k, &r);
    arena_free(before_mem);
}

static void tell(struct keeper *k, struct watcher *w)
{
    if (w->overflowed)
        tell_peers(
            k, w,
            &(struct keep_event_note){ .account = w->account->account, .kind = EVENT_OVERFLOW });
    if (w->names_changed)
        tell_names(k, w);
    for (size_t i = 0; i < w->count && !w->overflowed; i++)
        if (w->pending[i].kind == EVENT_MESSAGES)
            tell_messages(k, w, &w->pending[i]);
        else
            tell_annotation(k, w, &w->pending[i]);
    forget_pending(w);
}

void events_send(struct keeper *k)
{
    LIST_EACH_SAFE(it, &k->watchers)
    {
        struct watcher *w = LIST_ITEM(it, struct watcher, in_keeper);

        tell(k, w);
        count_kinds(w);
    }
}
