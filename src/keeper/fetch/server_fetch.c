/* keeper/fetch/server_fetch.c - rows of a mailbox, a page at a time.
 *
 * Flags, modseqs, sizes and dates come from the view. What else is asked for comes from iterators
 * that walk memberships, emails and structure records in step with the UIDs (emails are numbered in
 * the order in which they came, so both mostly move to their next row); octets come from the body
 * by range, unpacked last and beside the loop (server_octets.h). A page is closed before the row
 * that would make it too long. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/fetch/server_ahead.h"
#include "keeper/fetch/server_octets.h"
#include "keeper/sharing/server_place.h"
#include "message/record/fields.h"
#include "message/record/section.h"
#include "store/mailbox/imports.h"

enum {
    FETCH_WANTS_MAX = 200,
    ROW_OCTETS = 24,      /* about what a row without texts takes */
    ROW_MORE_OCTETS = 48, /* and with dates and numbers           */
    PART_OCTETS = 16,
    FEW_ROWS = 4, /* for so few a look-up costs less than an iterator */
};

struct walker { /* one table of the account */
    struct kv_iter *it;
};

struct fetching {
    struct request *j;
    const struct keep_fetch_req *req;
    struct keep_fetch_rep *rep;
    uint32_t account, mailbox;
    uint64_t ids; /* place_ids */
    struct view *view;
    struct uidset uids;
    struct section *sections;
    bool whole;    /* every section is the whole message: no record is needed to find it */
    bool kept;     /* every want is of fields that records keep, which are told instead */
    unsigned told; /* enum record_section: of the record */
    struct octets *octets;
    struct walker memberships, records, emails;
    bool few;
    bool uidls; /* are asked for, and some message has one */
    size_t row_cap, used;
    bool full; /* nothing more fits */
    uint32_t next;
};

/* ---- reading rows in step ---- */

static enum err walker_get(struct fetching *f, struct walker *w, const struct key *k,
                           bool *ret_found, struct str *ret)
{
    struct kv *kv = f->j->k->kv;

    if (f->few)
        return kv_get(kv, NULL, f->j->mem, key_str(k), ret_found, ret);
    if (w->it == NULL) {
        struct key from, to;

        key_of_account(&from, (enum table)k->at[0], f->account);
        to = from;
        key_end(&to);
        w->it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
        *ret_found = false;
    } else {
        *ret_found = kv_iter_next(w->it);
    }
    /* Copies and moves put emails into any order, so the way may also lead back. */
    if (!*ret_found || !str_eq(kv_iter_key(w->it), key_str(k)))
        *ret_found = kv_iter_seek(w->it, key_str(k)) && str_eq(kv_iter_key(w->it), key_str(k));
    if (*ret_found)
        *ret = kv_iter_value(w->it);
    return kv_iter_error(w->it, &f->j->why);
}

static enum err read_membership(struct fetching *f, uint32_t uid, struct membership *ret)
{
    struct key k;
    struct str value;
    bool found;
    enum err e;

    key_of_membership(&k, f->account, f->mailbox, uid);
    if ((e = walker_get(f, &f->memberships, &k, &found, &value)) != OK)
        return e;
    if (!found || membership_get(NULL, value, ret) != OK)
        return table_damaged(key_str(&k), &f->j->why);
    return OK;
}

static enum err read_record(struct fetching *f, uint64_t email, struct str *ret)
{
    struct key k;
    bool found;
    enum err e;

    key_of_email(&k, TABLE_RECORD, f->account, email);
    if ((e = walker_get(f, &f->records, &k, &found, ret)) != OK)
        return e;
    return found ? OK : table_damaged(key_str(&k), &f->j->why);
}

static enum err read_email(struct fetching *f, uint64_t email, struct email *ret)
{
    struct key k;
    struct str value;
    bool found;
    enum err e;

    key_of_email(&k, TABLE_EMAIL, f->account, email);
    if ((e = walker_get(f, &f->emails, &k, &found, &value)) != OK)
        return e;
    if (!found || email_get(NULL, value, ret) != OK)
        return table_damaged(key_str(&k), &f->j->why);
    return OK;
}

/* ---- octets ---- */

static bool is_whole(const struct section *s)
{
    return s->kind == SECTION_ALL && s->path_len == 0;
}

/* Which octets of the message a want means; false when there is no such part. */
static bool range_of(const struct section *s, struct str record, uint64_t body_bytes,
                     struct octet_range *ret)
{
    struct record r;

    if (is_whole(s)) {
        *ret = (struct octet_range){ 0, body_bytes };
        return true;
    }
    return record_open(record, &r) == OK && section_find(&r, s, ret) && ret->at <= body_bytes &&
           ret->bytes <= body_bytes - ret->at;
}

/* Finds all parts of a row and what they would take. */
static uint64_t measure_parts(struct fetching *f, struct keep_row *row, struct octet_range *ranges,
                              struct str record, uint64_t body_bytes)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < f->req->wants_count; i++) {
        const struct keep_want *w = &f->req->wants[i];
        struct keep_part *part = &row->parts[i];
        uint64_t length;

        part->bytes = STR_EMPTY;
        part->exists = range_of(&f->sections[i], record, body_bytes, &ranges[i]);
        if (!part->exists)
            continue;
        part->total = ranges[i].bytes;
        length = w->offset >= part->total ? 0 : MIN(w->length, part->total - w->offset);
        ranges[i].at += MIN(w->offset, part->total);
        ranges[i].bytes = length;
        sum += length;
    }
    return sum;
}

static void want_parts(struct fetching *f, struct keep_row *row, struct body *body,
                       const struct octet_range *ranges, size_t room)
{
    for (size_t i = 0; i < f->req->wants_count; i++) {
        size_t length = (size_t)MIN(ranges[i].bytes, (uint64_t)room);

        if (!row->parts[i].exists)
            continue;
        octets_add(f->octets, body, ranges[i].at, length, &row->parts[i].bytes);
        room -= length;
    }
}

/* What the record answers: no octets are read. */
static bool is_answered(const struct fetching *f, struct str record)
{
    struct record r;

    return f->kept && record_open(record, &r) == OK && (r.facts & RECORD_HAS_FIELDS) != 0;
}

static void close_page(struct fetching *f, const struct keep_row *row, size_t cost)
{
    if (f->used + cost > KEEP_FETCH_PAGE_BYTES && f->rep->rows_count > 0) {
        f->full = true;
        f->next = row->uid;
    }
    f->used += cost;
}

static void add_answered_parts(struct fetching *f, struct keep_row *row, size_t cost)
{
    row->parts_count = f->req->wants_count;
    row->parts = ARENA_ARRAY(f->j->mem, struct keep_part, row->parts_count);
    for (size_t i = 0; i < row->parts_count; i++)
        row->parts[i] = (struct keep_part){ .exists = true, .bytes = STR_EMPTY };
    close_page(f, row, cost + row->parts_count * PART_OCTETS);
}

/* Adds the octets to a row. When they do not fit the row waits for the next page, unless it is the
 * first of this one: then it comes with as many as fit. */
static enum err add_parts(struct fetching *f, struct keep_row *row, uint64_t email,
                          struct str record, size_t cost)
{
    struct request *j = f->j;
    struct octet_range *ranges = ARENA_ARRAY(j->mem, struct octet_range, f->req->wants_count);
    struct email e_row;
    struct body *body;
    uint64_t need;
    enum err e;

    if ((e = read_email(f, email, &e_row)) != OK ||
        (e = octets_open(f->octets, e_row.body, !f->few, &body)) != OK)
        return e;
    row->parts_count = f->req->wants_count;
    row->parts = ARENA_ARRAY(j->mem, struct keep_part, row->parts_count);
    need = cost + row->parts_count * PART_OCTETS +
           measure_parts(f, row, ranges, record, body_len(body));
    if (f->used + need > KEEP_FETCH_PAGE_BYTES) {
        f->full = true;
        f->next = row->uid;
    }
    if (!f->full || f->rep->rows_count == 0)
        want_parts(f, row, body, ranges,
                   f->full ? KEEP_FETCH_PAGE_BYTES - MIN(KEEP_FETCH_PAGE_BYTES / 2, cost)
                           : KEEP_FETCH_PAGE_BYTES);
    f->used += (size_t)MIN(need, (uint64_t)KEEP_FETCH_PAGE_BYTES);
    return OK;
}

/* ---- rows ---- */

static struct keep_row *row_place(struct fetching *f)
{
    if (f->rep->rows_count == f->row_cap) {
        size_t cap = f->row_cap == 0 ? 16 : 4 * f->row_cap;
        struct keep_row *rows = ARENA_ARRAY(f->j->mem, struct keep_row, cap);

        if (f->row_cap > 0)
            memcpy(rows, f->rep->rows, f->row_cap * sizeof *rows);
        f->rep->rows = rows;
        f->row_cap = cap;
    }
    return &f->rep->rows[f->rep->rows_count];
}

static void row_from_view(const struct view_row *v, uint32_t items, struct keep_row *row)
{
    memset(row, 0, sizeof *row);
    row->record = row->uidl = STR_EMPTY;
    row->uid = v->uid;
    if (items & ITEM_FLAGS) {
        row->flags = row_flags(v->flags);
        row->keywords = row_keywords(v->flags);
    }
    if (items & ITEM_MODSEQ)
        row->modseq = v->modseq;
    if (items & ITEM_SIZE)
        row->size = v->size;
    if (items & ITEM_INTERNAL_DATE) {
        row->internal_date = view_internal_date(v);
        row->internal_zone = view_internal_zone(v);
    }
}

/* POP3 sends every line with CRLF; of what has other line ends somebody must count the octets. */
static enum err measure_wire(struct fetching *f, uint64_t email, struct keep_row *row)
{
    struct str octets;
    struct record r;
    enum err e = read_record(f, email, &octets);

    if (e == OK && record_open(octets, &r) == OK && (r.facts & RECORD_BARE_NEWLINE) != 0)
        row->size = UINT64_MAX;
    return e;
}

/* What the view does not have. */
static enum err row_from_tables(struct fetching *f, const struct view_row *v, struct keep_row *row)
{
    uint32_t items = f->req->items;
    struct str record = STR_EMPTY;
    struct membership ms;
    size_t cost = ROW_MORE_OCTETS;
    enum err e;

    if (items & (ITEM_SAVE_DATE | ITEM_IDS)) {
        if ((e = read_membership(f, row->uid, &ms)) != OK)
            return e;
        row->save_date = items & ITEM_SAVE_DATE ? ms.save_date : 0;
        row->email = items & ITEM_IDS ? f->ids | ms.email : 0;
        row->thread = items & ITEM_IDS ? f->ids | ms.thread : 0;
    }
    if (f->uidls) {
        bool found;

        if ((e = uidl_find(f->j->k->kv, f->j->mem, f->account, f->mailbox, row->uid, &found,
                           &row->uidl, &f->j->why)) != OK)
            return e;
        cost += row->uidl.len;
    }
    if ((items & ITEM_WIRE_SIZE) && (e = measure_wire(f, v->email, row)) != OK)
        return e;
    if ((f->told != 0 || !f->whole) && (e = read_record(f, v->email, &record)) != OK)
        return e;
    if (f->told != 0) {
        row->record = record_trim(f->j->mem, record, f->told);
        cost += row->record.len;
    }
    if (f->req->wants_count > 0 && is_answered(f, record))
        add_answered_parts(f, row, cost);
    else if (f->req->wants_count > 0)
        return add_parts(f, row, v->email, record, cost);
    else
        close_page(f, row, cost);
    return OK;
}

static enum err add_row(struct fetching *f, const struct view_row *v)
{
    const uint32_t in_view = ITEM_FLAGS | ITEM_MODSEQ | ITEM_SIZE | ITEM_INTERNAL_DATE |
                             (f->uidls ? 0 : (uint32_t)ITEM_UIDL);
    struct keep_row *row = row_place(f);
    enum err e = OK;

    row_from_view(v, f->req->items, row);
    if ((f->req->items & ~in_view) != 0 || f->req->wants_count > 0) {
        e = row_from_tables(f, v, row);
    } else if (f->used + ROW_OCTETS > KEEP_PAGE_BYTES) { /* they take more while they are made */
        f->full = true;
        f->next = v->uid;
    } else {
        f->used += ROW_OCTETS;
    }
    /* The first row of a page is taken even when it is too long. */
    if (e == OK && (!f->full || f->rep->rows_count == 0))
        f->rep->rows_count++;
    return e;
}

static enum err add_rows(struct fetching *f)
{
    enum err e = OK;

    for (uint32_t r = 0; r < f->uids.len && !f->full && e == OK; r++) {
        const struct uid_range *range = &f->uids.at[r];

        if (range->last < f->req->from)
            continue;
        for (uint32_t i = view_at_or_after(f->view, MAX(range->first, f->req->from));
             i < f->view->count && f->view->at[i].uid <= range->last && !f->full && e == OK; i++)
            if (f->view->at[i].modseq > f->req->changed_since)
                e = add_row(f, &f->view->at[i]);
    }
    return e;
}

/* ---- the call ---- */

/* Which sections of the record are told. */
static unsigned sections_told(uint32_t items)
{
    static const struct {
        enum keep_item item;
        unsigned sections;
    } told[] = {
        { ITEM_RECORD, ~0u },
        { ITEM_ENVELOPE, RECORD_ENVELOPE },
        { ITEM_STRUCTURE, RECORD_PARTS },
        { ITEM_PREVIEW, RECORD_PREVIEW },
        { ITEM_FIELDS, RECORD_ENVELOPE | RECORD_FIELDS },
    };
    unsigned all = 0;

    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        all |= (items & told[i].item) != 0 ? told[i].sections : 0;
    return all;
}

static enum err parse_sections(struct fetching *f)
{
    const struct keep_fetch_req *req = f->req;

    if (req->wants_count > FETCH_WANTS_MAX)
        return err_set(&f->j->why, ERR_LIMIT, "too many sections at once");
    f->whole = true;
    f->kept = (f->told & RECORD_FIELDS) != 0;
    f->sections = ARENA_ARRAY(f->j->mem, struct section, req->wants_count + 1);
    for (size_t i = 0; i < req->wants_count; i++) {
        enum err e = section_parse(req->wants[i].section, &f->sections[i]);

        if (e != OK)
            return err_set(&f->j->why, e, "not a section");
        f->whole = f->whole && is_whole(&f->sections[i]);
        f->kept = f->kept && req->wants[i].kept;
    }
    return OK;
}

static void walker_end(struct walker *w)
{
    if (w->it != NULL)
        kv_iter_free(w->it);
}

/* The next call will differ in its cursor alone, unless the last message is too long for a page. */
static bool goes_on(const struct keep_fetch_rep *rep)
{
    return rep->rows_count > 0 && rep->next > rep->rows[rep->rows_count - 1].uid;
}

/* Everything but the octets themselves. */
static enum err look_up(struct fetching *f)
{
    struct request *j = f->j;
    struct place p;
    enum err e;

    f->told = sections_told(f->req->items);
    e = request_place(j, j->k->kv, f->req->session, f->req->mailbox, PLACE_ITSELF, &p);
    if (e != OK || (e = parse_sections(f)) != OK ||
        (e = views_get(j->k->views, p.account, p.mailbox, &f->view, &j->why)) != OK)
        return e;
    f->account = p.account;
    f->mailbox = p.mailbox;
    f->ids = place_ids(&p);
    if ((f->req->items & ITEM_UIDL) &&
        (e = uidl_any(j->k->kv, f->account, f->mailbox, &f->uidls, &j->why)) != OK)
        return e;
    if ((e = request_uids(j, f->req->uids, &f->uids)) == OK) {
        f->few = f->uids.len == 1 && f->uids.at[0].last - f->uids.at[0].first < FEW_ROWS;
        e = add_rows(f);
    }
    walker_end(&f->memberships);
    walker_end(&f->records);
    walker_end(&f->emails);
    uidset_deinit(&f->uids);
    f->rep->next = f->next;
    keyword_texts(j->mem, &p.row, &f->rep->keywords, &f->rep->keywords_count);
    if (e == OK && goes_on(f->rep))
        ahead_planned(j, p.session, f->rep->next);
    return e;
}

void fetch_page(struct request *j)
{
    struct fetching f = { .j = j, .req = j->req, .rep = j->rep, .octets = octets_new(j) };
    enum err e = look_up(&f);

    if (e != OK)
        ahead_end(j, e);
    else
        octets_read(f.octets, ahead_end);
}

/* \Seen for those of the rest that lack it: one commit, before the first octet is read. */
static enum err build_seen(struct request *j, struct txn *t)
{
    const struct keep_fetch_req *req = j->req;
    struct flags_change seen = { .op = FLAGS_ADD,
                                 .bits = FLAG_SEEN,
                                 .unchanged_since = UINT64_MAX };
    struct uidset uids = { 0 }, changed = { 0 }, modified = { 0 };
    struct account_txn a;
    struct place p;
    enum err e;

    e = request_place(j, txn_kv(t), req->session, req->mailbox, PLACE_ITSELF, &p);
    if (e != OK || (p.rights & RIGHT_SEEN) == 0)
        return e;
    e = account_txn_begin(&a, t, j->mem, p.account, loop_wall_s(j->k->loop), &j->why);
    if (e != OK)
        return e;
    if ((e = request_uids(j, req->uids, &uids)) == OK &&
        (e = request_view(j, t, p.account, p.mailbox, &uids, &seen.view)) == OK)
        e = messages_store(&a, p.mailbox, &p.row, &uids, &seen, &changed, &modified);
    if (e == OK && !uidset_empty(&changed)) {
        mailbox_put_row(&a, p.mailbox, &p.row);
        account_txn_end(&a);
    }
    uidset_deinit(&uids);
    uidset_deinit(&changed);
    uidset_deinit(&modified);
    return e;
}

/* On a full disk a message can still be read; the row then shows that it is not \Seen. */
static void seen_written(struct request *j, enum err e)
{
    if (e == OK || e == ERR_NO_SPACE)
        fetch_page(j);
    else
        request_end(j, e);
}

static enum err any_unseen(struct request *j, bool *ret)
{
    const struct keep_fetch_req *req = j->req;
    struct uidset uids = { 0 };
    struct view *view = NULL;
    struct place p;
    enum err e;

    e = request_place(j, j->k->kv, req->session, req->mailbox, PLACE_ITSELF, &p);
    if (e != OK || (p.rights & RIGHT_SEEN) == 0) /* RFC 4314 4: then it is not set */
        return e;
    if ((e = views_get(j->k->views, p.account, p.mailbox, &view, &j->why)) != OK ||
        (e = request_uids(j, req->uids, &uids)) != OK)
        return e;
    for (uint32_t r = 0; r < uids.len && !*ret && p.row.unseen > 0; r++)
        for (uint32_t i = view_at_or_after(view, uids.at[r].first);
             i < view->count && view->at[i].uid <= uids.at[r].last && !*ret; i++)
            *ret = (view->at[i].flags & FLAG_SEEN) == 0;
    uidset_deinit(&uids);
    return OK;
}

void start_fetch(struct request *j)
{
    const struct keep_fetch_req *req = j->req;
    struct session *s;
    bool unseen = false;
    enum err e = request_session(j, req->session, &s);

    if (e == OK && ahead_take(j, s))
        return;
    if (e == OK && req->mark_seen)
        e = any_unseen(j, &unseen);
    if (e == OK && unseen)
        request_write(j, build_seen, seen_written);
    else if (e == OK)
        fetch_page(j);
    else
        request_end(j, e);
}
