/* gate/imap/fake_keeper.c - keeper's side of the contract over arrays. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/fake_call.h"

#include "message/record/record.h"
#include "message/record/section.h"
#include "message/set/search.h"
#include "testing.h"

struct file *fake_file(void);

static struct reply *waiting[64];
static uint64_t last_ticket;

static void run_reply(void *ctx)
{
    struct reply *r = ctx;

    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        if (waiting[i] == r)
            waiting[i] = NULL;
    house_now->open_calls--;
    if (!r->forgotten)
        r->end(r);
    else
        file_close(r->file);
    arena_free(r->mem);
    free(r);
}

void keeper_forget(struct keeper_client *k, uint64_t ticket)
{
    (void)k;
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        if (waiting[i] != NULL && waiting[i]->ticket == ticket)
            waiting[i]->forgotten = true;
}

uint64_t fake_post(struct reply *r)
{
    size_t i = 0;

    while (i < ARRAY_LEN(waiting) && waiting[i] != NULL)
        i++;
    CHECK(i < ARRAY_LEN(waiting), "too many questions");
    waiting[i] = r;
    r->ticket = ++last_ticket;
    house_now->open_calls++;
    house_later(house_now, run_reply, r);
    return r->ticket;
}

/* ---- mailboxes ---- */

static struct fake_mailbox *find_box(struct fake_house *h, struct str name)
{
    for (uint32_t i = 0; i < h->box_count; i++)
        if (str_eq(str_from_z(h->boxes[i].name), name))
            return &h->boxes[i];
    return NULL;
}

static struct fake_mailbox *get_box(struct fake_house *h, struct str name)
{
    struct fake_mailbox *b = find_box(h, name);

    return b != NULL && b->exists ? b : NULL;
}

struct fake_mailbox *fake_box(struct fake_house *h, uint32_t id)
{
    for (uint32_t i = 0; i < h->box_count; i++)
        if (h->boxes[i].id == id && h->boxes[i].exists)
            return &h->boxes[i];
    return NULL;
}

static struct fake_mailbox *add_box(struct fake_house *h, struct str name, bool exists)
{
    struct fake_mailbox *b = find_box(h, name);

    if (b == NULL) {
        CHECK(h->box_count < ARRAY_LEN(h->boxes) && name.len < sizeof(b->name), "room");
        b = &h->boxes[h->box_count++];
        memcpy(b->name, name.at, name.len);
        b->id = h->box_count;
    }
    b->uidnext = MAX(b->uidnext, 1U);
    b->exists = b->exists || exists;
    return b;
}

static struct fake_message *add_message(struct fake_house *h, struct fake_mailbox *b,
                                        struct str bytes, uint32_t flags)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct fake_message *m;

    CHECK(b->count < ARRAY_LEN(b->messages), "room");
    m = &b->messages[b->count++];
    *m = (struct fake_message){ .uid = b->uidnext++,
                                .flags = flags,
                                .modseq = ++h->modseq,
                                .date = 1770000000,
                                .recent = true };
    buf_add(&m->bytes, bytes);
    record_build(bytes, &limits, &m->record);
    return m;
}

static void drop_message(struct fake_house *h, struct fake_mailbox *b, uint32_t i)
{
    CHECK(b->gone_count < ARRAY_LEN(b->gone), "room");
    b->gone[b->gone_count].uid = b->messages[i].uid;
    b->gone[b->gone_count++].modseq = ++h->modseq;
    buf_deinit(&b->messages[i].bytes);
    buf_deinit(&b->messages[i].record);
    b->count--;
    memmove(&b->messages[i], &b->messages[i + 1], (b->count - i) * sizeof(b->messages[0]));
}

void fake_keeper_init(struct fake_house *h)
{
    static const char hello[] = "From: Bob <bob@hamburger.edu>\r\nTo: alice@crepes.fr\r\n"
                                "Subject: hello\r\nDate: Mon, 2 Feb 2026 10:00:00 +0100\r\n"
                                "Message-ID: <1@hamburger.edu>\r\n\r\nHello Alice\r\n";
    static const char parts[] =
        "From: bob@hamburger.edu\r\nTo: alice@crepes.fr\r\nSubject: parts\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\none\r\n"
        "--b\r\nContent-Type: text/html\r\nContent-ID: <x>\r\n\r\n<p>two</p>\r\n--b--\r\n";
    struct fake_mailbox *inbox = add_box(h, STR("INBOX"), true);

    last_ticket = 0;
    fake_metadata_init();
    fake_sharing_init();
    fake_quota_init();
    inbox->subscribed = true;
    (void)add_message(h, inbox, str_from_z(hello), FLAG_SEEN);
    (void)add_message(h, inbox, str_from_z(parts), 0);
    (void)add_message(h, inbox, str_from_z(hello), FLAG_FLAGGED);
    inbox->messages[0].recent = inbox->messages[1].recent = false;
    add_box(h, STR("Sent"), true)->special_use = USE_SENT;
    (void)add_box(h, STR("work/2026"), true);
}

void fake_keeper_deinit(struct fake_house *h)
{
    CHECK_EQ(h->open_calls, 0, "every question was answered");
    for (uint32_t i = 0; i < h->box_count; i++) {
        for (uint32_t m = 0; m < h->boxes[i].count; m++) {
            buf_deinit(&h->boxes[i].messages[m].bytes);
            buf_deinit(&h->boxes[i].messages[m].record);
        }
        keyword_list_deinit(&h->boxes[i].keywords);
    }
}

CALL(login)
{
    bool token = req->kind == LOGIN_TOKEN && str_eq(req->password, STR("token"));
    bool certificate = req->kind == LOGIN_CERTIFICATE && req->identities_count == 1 &&
                       (req->name.len == 0 || str_eq(req->name, STR("alice")));

    if (!token && !certificate &&
        (!str_eq(req->name, STR("alice")) || !str_eq(req->password, STR("hungry"))))
        return ERR_AUTH;
    h->sessions++;
    *rep = (struct keep_login_rep){ 77, 5, STR("alice@crepes.fr") };
    return OK;
}

/* A mechanism of two messages: "hello" is answered with "who", "alice" comes in. */
CALL(sasl)
{
    if (req->exchange == 0 && str_eq(req->message, STR("hello"))) {
        rep->exchange = 9;
        rep->message = STR("who");
        return OK;
    }
    if (req->exchange != 9 || !str_eq(req->message, STR("alice")))
        return req->exchange == 0 ? ERR_SYNTAX : ERR_AUTH;
    h->sessions++;
    *rep = (struct keep_sasl_rep){ 0, STR("welcome"), 77, 5, STR("alice@crepes.fr") };
    return OK;
}

CALL(logout)
{
    h->sessions--;
    return OK;
}

static bool has_children(const struct fake_house *h, struct str name)
{
    for (uint32_t i = 0; i < h->box_count; i++) {
        struct str other = str_from_z(h->boxes[i].name);

        if (h->boxes[i].exists && other.len > name.len && str_starts(other, name) &&
            other.at[name.len] == '/')
            return true;
    }
    return false;
}

/* Two names a page, so that paging is always seen. */
CALL(mailbox_list)
{
    uint32_t from = req->from.len == 0 ? 0 : (uint32_t)(req->from.at[0] - 'a');

    rep->mailboxes = ARENA_ARRAY(mem, struct keep_mailbox, 2);
    for (; from < h->box_count && rep->mailboxes_count < 2; from++) {
        struct fake_mailbox *b = &h->boxes[from];

        if (!b->exists && !b->subscribed)
            continue;
        rep->mailboxes[rep->mailboxes_count++] =
            (struct keep_mailbox){ .id = b->id,
                                   .name = str_from_z(b->name),
                                   .uidvalidity = 9,
                                   .special_use = b->special_use,
                                   .subscribed = b->subscribed,
                                   .rights = b->exists ? RIGHTS_ALL : 0,
                                   .exists = b->exists,
                                   .has_children = has_children(h, str_from_z(b->name)) };
    }
    rep->next = from < h->box_count ? arena_printf(mem, "%c", 'a' + (int)from) : STR_EMPTY;
    return OK;
}

CALL(mailbox_create)
{
    struct fake_mailbox *b;

    if (get_box(h, req->name) != NULL)
        return ERR_EXISTS;
    b = add_box(h, req->name, true);
    b->special_use = req->special_use;
    rep->object = b->id;
    return OK;
}

CALL(mailbox_delete)
{
    struct fake_mailbox *b = get_box(h, req->name);

    if (b == NULL)
        return ERR_NOT_FOUND;
    b->exists = false;
    return OK;
}

CALL(mailbox_rename)
{
    struct fake_mailbox *b = get_box(h, req->from);

    if (b == NULL)
        return ERR_NOT_FOUND;
    if (find_box(h, req->to) != NULL)
        return ERR_EXISTS;
    memset(b->name, 0, sizeof(b->name));
    memcpy(b->name, req->to.at, MIN(req->to.len, sizeof(b->name) - 1));
    return OK;
}

CALL(mailbox_subscribe)
{
    if (find_box(h, req->name) == NULL && !req->on)
        return OK;
    add_box(h, req->name, false)->subscribed = req->on;
    return OK;
}

CALL(mailbox_status)
{
    struct fake_mailbox *b = get_box(h, req->name);

    if (b == NULL)
        return ERR_NOT_FOUND;
    *rep = (struct keep_mailbox_status_rep){ .id = b->id,
                                             .messages = b->count,
                                             .uidnext = b->uidnext,
                                             .uidvalidity = 9,
                                             .modseq = h->modseq,
                                             .object = b->id };
    for (uint32_t i = 0; i < b->count; i++) {
        rep->unseen += (b->messages[i].flags & FLAG_SEEN) == 0;
        rep->recent += b->messages[i].recent;
        rep->size += b->messages[i].bytes.len;
        if ((b->messages[i].flags & FLAG_DELETED) == 0)
            continue;
        rep->deleted++;
        rep->deleted_size += req->with_deleted_size ? b->messages[i].bytes.len : 0;
    }
    return OK;
}

/* ---- messages ---- */

static struct str encode(struct arena *mem, struct uidset *set)
{
    struct buf b = { 0 };
    struct str octets;

    uidset_encode(set, &b);
    octets = arena_copy(mem, buf_str(&b));
    buf_deinit(&b);
    uidset_deinit(set);
    return octets;
}

static struct uidset decode(struct str octets)
{
    struct uidset set = { 0 };
    struct reader r = reader_of(octets);

    if (octets.len > 0)
        CHECK_OK(uidset_decode(&r, 1000, &set), "a set");
    return set;
}

static void keywords(struct arena *mem, const struct fake_mailbox *b, struct keep_text **ret,
                     size_t *ret_count)
{
    *ret = ARENA_ARRAY(mem, struct keep_text, b->keywords.count);
    *ret_count = b->keywords.count;
    for (uint32_t i = 0; i < b->keywords.count; i++)
        (*ret)[i].text = b->keywords.names[i];
}

CALL(select)
{
    struct fake_mailbox *b = get_box(h, req->name);
    struct uidset uids = { 0 }, recent = { 0 };

    if (b == NULL)
        return ERR_NOT_FOUND;
    rep->mailbox = b->id;
    rep->uidvalidity = 9;
    rep->uidnext = b->uidnext;
    rep->exists = b->count;
    rep->modseq = h->modseq;
    rep->object = b->id;
    rep->special_use = b->special_use;
    rep->rights = RIGHTS_ALL;
    for (uint32_t i = 0; i < b->count; i++) {
        struct fake_message *m = &b->messages[i];

        uidset_add(&uids, m->uid);
        if (m->recent)
            uidset_add(&recent, m->uid);
        m->recent = m->recent && !req->write;
        if ((m->flags & FLAG_SEEN) == 0 && rep->first_unseen_uid == 0)
            rep->first_unseen_uid = m->uid;
    }
    rep->uids = encode(mem, &uids);
    rep->recent_uids = encode(mem, &recent);
    keywords(mem, b, &rep->keywords, &rep->keywords_count);
    return OK;
}

CALL(unselect)
{
    return OK;
}

static struct keep_row flags_row(const struct fake_message *m)
{
    return (struct keep_row){
        .uid = m->uid, .flags = m->flags, .keywords = m->keywords, .modseq = m->modseq
    };
}

CALL(sync)
{
    struct fake_mailbox *b = fake_box(h, req->mailbox);
    struct uidset arrived = { 0 }, gone = { 0 }, recent = { 0 };

    if (b == NULL)
        return ERR_NOT_FOUND;
    rep->changed = ARENA_ARRAY(mem, struct keep_row, b->count);
    rep->modseq = req->since;
    rep->rights = RIGHTS_ALL;
    for (uint32_t i = 0; i < b->count; i++) {
        struct fake_message *m = &b->messages[i];

        if (m->modseq <= req->since)
            continue;
        rep->modseq = MAX(rep->modseq, m->modseq);
        uidset_add(&arrived, m->uid);
        if (m->recent)
            uidset_add(&recent, m->uid);
        m->recent = m->recent && !req->write;
        rep->changed[rep->changed_count++] = flags_row(m);
    }
    for (uint32_t i = 0; i < b->gone_count; i++)
        if (b->gone[i].modseq > req->since) {
            rep->modseq = MAX(rep->modseq, b->gone[i].modseq);
            uidset_add(&gone, b->gone[i].uid);
        }
    rep->arrived = encode(mem, &arrived);
    rep->vanished = encode(mem, &gone);
    rep->recent_uids = encode(mem, &recent);
    keywords(mem, b, &rep->keywords, &rep->keywords_count);
    return OK;
}

static struct keep_part read_part(struct fake_house *h, const struct fake_message *m,
                                  const struct keep_want *want)
{
    struct keep_part part = { 0 };
    struct record record;
    struct section section;
    struct octet_range range;

    CHECK_OK(record_open(buf_str(&m->record), &record), "a record");
    CHECK_OK(section_parse(want->section, &section), "%.*s", STR_ARG(want->section));
    part.exists = section_find(&record, &section, &range);
    if (!part.exists)
        return part;

    struct str octets = str_sub(buf_str(&m->bytes), range.at, range.bytes);
    part.total = range.bytes;
    part.bytes = str_sub(octets, want->offset, want->length);
    if (h->page_bytes > 0)
        part.bytes = str_take(part.bytes, h->page_bytes);
    return part;
}

/* Are all wants of fields that the record has? */
static bool is_answered(const struct keep_fetch_req *req, const struct fake_message *m)
{
    struct record record;
    bool kept = (req->items & ITEM_FIELDS) != 0 && req->wants_count > 0;

    for (size_t w = 0; kept && w < req->wants_count; w++)
        kept = req->wants[w].kept;
    return kept && record_open(buf_str(&m->record), &record) == OK &&
           (record.facts & RECORD_HAS_FIELDS) != 0;
}

static bool is_cut(const struct keep_part *part, const struct keep_want *want)
{
    uint64_t behind = part->total > want->offset ? part->total - want->offset : 0;

    return part->exists && part->bytes.len < MIN(behind, want->length);
}

CALL(fetch)
{
    struct fake_mailbox *b = fake_box(h, req->mailbox);
    struct uidset uids = decode(req->uids);
    uint32_t max = h->page_rows > 0 ? h->page_rows : UINT32_MAX;

    rep->rows = ARENA_ARRAY(mem, struct keep_row, b->count);
    for (uint32_t i = 0; i < b->count && rep->next == 0; i++) {
        struct fake_message *m = &b->messages[i];
        struct keep_row *row = &rep->rows[rep->rows_count];
        bool cut = false;

        if (m->uid < req->from || !uidset_contains(&uids, m->uid) ||
            (req->changed_since > 0 && m->modseq <= req->changed_since))
            continue;
        if (rep->rows_count == max) {
            rep->next = m->uid;
            break;
        }
        if (req->mark_seen && (m->flags & FLAG_SEEN) == 0) {
            m->flags |= FLAG_SEEN;
            m->modseq = ++h->modseq;
        }
        *row = flags_row(m);
        row->internal_date = m->date;
        row->internal_zone = m->zone;
        row->size = m->bytes.len;
        row->email = 0xe0 + m->uid;
        row->thread = 0x70;
        row->record = buf_str(&m->record);
        row->parts = ARENA_ARRAY(mem, struct keep_part, req->wants_count);
        row->parts_count = req->wants_count;
        for (size_t w = 0; w < req->wants_count; w++) {
            row->parts[w] = is_answered(req, m) ? (struct keep_part){ .exists = true }
                                                : read_part(h, m, &req->wants[w]);
            cut = cut || is_cut(&row->parts[w], &req->wants[w]);
        }
        if (cut && rep->rows_count > 0) {
            rep->next = m->uid;
            break;
        }
        if (cut)
            rep->next = m->uid;
        rep->rows_count++;
    }
    uidset_deinit(&uids);
    keywords(mem, b, &rep->keywords, &rep->keywords_count);
    return OK;
}

static uint64_t keyword_bits(struct fake_mailbox *b, const struct keep_text *texts, size_t count)
{
    uint64_t bits = 0, bit;

    for (size_t i = 0; i < count; i++) {
        CHECK_OK(keyword_bit_add(&b->keywords, texts[i].text, &bit), "a keyword");
        bits |= bit >> KEYWORD_FIRST_BIT;
    }
    return bits;
}

static uint64_t changed_by(uint8_t op, uint64_t was, uint64_t bits)
{
    return op == STORE_SET ? bits : op == STORE_ADD ? was | bits : was & ~bits;
}

CALL(store)
{
    struct fake_mailbox *b = fake_box(h, req->mailbox);
    struct uidset uids = decode(req->uids), changed = { 0 }, modified = { 0 };
    uint64_t bits = keyword_bits(b, req->keywords, req->keywords_count);

    rep->before = h->modseq;
    for (uint32_t i = 0; i < b->count; i++) {
        struct fake_message *m = &b->messages[i];
        uint32_t flags = (uint32_t)changed_by(req->op, m->flags, req->flags);
        uint64_t words = changed_by(req->op, m->keywords, bits);

        if (!uidset_contains(&uids, m->uid))
            continue;
        if (m->modseq > req->unchanged_since) {
            uidset_add(&modified, m->uid);
        } else if (flags != m->flags || words != m->keywords) {
            m->flags = flags;
            m->keywords = words;
            h->modseq += uidset_empty(&changed);
            m->modseq = h->modseq;
            uidset_add(&changed, m->uid);
        }
    }
    rep->modseq = h->modseq;
    rep->changed = encode(mem, &changed);
    rep->modified = encode(mem, &modified);
    keywords(mem, b, &rep->keywords, &rep->keywords_count);
    uidset_deinit(&uids);
    return OK;
}

CALL(expunge)
{
    struct fake_mailbox *b = fake_box(h, req->mailbox);
    struct uidset uids = decode(req->uids), gone = { 0 };

    rep->before = h->modseq;
    for (uint32_t i = b->count; i > 0; i--)
        if (uidset_contains(&uids, b->messages[i - 1].uid) &&
            (!req->deleted_only || (b->messages[i - 1].flags & FLAG_DELETED) != 0)) {
            uidset_add(&gone, b->messages[i - 1].uid);
            drop_message(h, b, i - 1);
        }
    rep->expunged = encode(mem, &gone);
    rep->modseq = h->modseq;
    uidset_deinit(&uids);
    return OK;
}

CALL(copy)
{
    struct fake_mailbox *b = fake_box(h, req->mailbox), *to = get_box(h, req->target);
    struct uidset uids = decode(req->uids), source = { 0 }, target = { 0 };

    if (to == NULL) {
        uidset_deinit(&uids);
        return ERR_NOT_FOUND;
    }
    for (uint32_t i = 0, n = b->count; i < n; i++)
        if (uidset_contains(&uids, b->messages[i].uid)) {
            uidset_add(&source, b->messages[i].uid);
            uidset_add(
                &target,
                add_message(h, to, buf_str(&b->messages[i].bytes), b->messages[i].flags)->uid);
        }
    for (uint32_t i = b->count; i > 0 && req->move; i--)
        if (uidset_contains(&uids, b->messages[i - 1].uid))
            drop_message(h, b, i - 1);
    rep->uidvalidity = 9;
    rep->source = encode(mem, &source);
    rep->target = encode(mem, &target);
    rep->modseq = h->modseq;
    uidset_deinit(&uids);
    return OK;
}

static struct file *spooled; /* the fake file of the last spool call */

/* What is wrong with one message is known before any is added. */
CALL(append)
{
    struct fake_mailbox *b = get_box(h, req->name);
    struct buf whole = { 0 };
    struct keep_new_message from;
    size_t at = 0;

    if (b == NULL)
        return ERR_NOT_FOUND;
    buf_add(&whole, req->bytes);
    buf_add(&whole, req->manifest);
    if (req->spool != 0) {
        size_t all = (size_t)(req->spool_bytes + req->manifest_bytes);

        CHECK_OK(file_pread(spooled, 0, buf_reserve(&whole, all), all, NULL), "the spool file");
        whole.len += all;
    }
    if (req->replace_uid != 0) {
        struct fake_mailbox *old = fake_box(h, req->replace_mailbox);
        uint32_t i = 0;

        while (i < old->count && old->messages[i].uid != req->replace_uid)
            i++;
        if (i == old->count) {
            buf_deinit(&whole);
            return ERR_CONFLICT;
        }
        drop_message(h, old, i);
    }
    rep->uid = b->uidnext;
    rep->uidvalidity = 9;
    rep->mailbox = b->id;

    struct str octets = buf_str(&whole);
    struct reader r =
        reader_of(str_skip(octets, req->spool != 0 ? (size_t)req->spool_bytes : req->bytes.len));

    while (keep_manifest_next(mem, &r, &from)) {
        struct fake_message *m =
            add_message(h, b, str_sub(octets, at, (size_t)from.size), from.flags);

        CHECK_STR(buf_str(&m->record), from.record, "the record is that of the octets");
        m->keywords = keyword_bits(b, from.keywords, from.keywords_count);
        m->date = from.internal_date;
        m->zone = from.internal_zone;
        at += (size_t)from.size;
        rep->count++;
    }
    CHECK(!r.bad && rep->count > 0, "the manifest can be read");
    CHECK_EQ(at, req->spool != 0 ? (size_t)req->spool_bytes : req->bytes.len, "all octets");
    buf_deinit(&whole);
    return OK;
}

CALL(search)
{
    struct fake_mailbox *b = fake_box(h, req->mailbox);
    struct reader r = reader_of(req->program);
    struct search program;
    struct uidset found = { 0 }, recent = decode(req->recent_uids);

    char *scores = arena_alloc(mem, b->count + 1U);

    CHECK_OK(search_decode(mem, &r, &program), "a program");
    search_bind_keywords(&program, &b->keywords);
    for (uint32_t i = 0; i < b->count; i++) {
        struct fake_message *m = &b->messages[i];
        struct search_meta meta = { .size_bytes = m->bytes.len, .internal_date_s = m->date };
        struct search_facts facts = { .uid = m->uid,
                                      .flags = m->flags | m->keywords << KEYWORD_FIRST_BIT,
                                      .modseq = m->modseq,
                                      .now_s = 1770000000,
                                      .meta = &meta,
                                      .message = buf_str(&m->bytes) };

        CHECK_OK(record_open(buf_str(&m->record), &meta.record), "a record");
        if (uidset_contains(&recent, m->uid))
            facts.flags |= FLAG_RECENT;
        if (search_match(&program, &facts) != SEARCH_YES)
            continue;
        if (req->with_scores)
            scores[rep->scores.len++] = (char)search_score(&program, &facts);
        uidset_add(&found, m->uid);
        rep->modseq = MAX(rep->modseq, m->modseq);
    }
    rep->scores.at = scores;
    rep->uids = encode(mem, &found);
    uidset_deinit(&recent);
    return OK;
}

CALL(spool)
{
    rep->spool = 3;
    *file = spooled = fake_file();
    return OK;
}

CALL(spool_drop)
{
    return OK;
}

/* ---- somebody else ---- */

static void tell(struct fake_house *h, const struct fake_mailbox *b)
{
    struct keep_changed_note note = { 5, b->id, h->modseq };

    imap_service_changed(&h->service, &note);
    house_turns(h);
}

void house_deliver(struct fake_house *h, struct str mailbox, struct str message, uint32_t flags)
{
    struct fake_mailbox *b = get_box(h, mailbox);

    (void)add_message(h, b, message, flags);
    if (!h->unnoted)
        tell(h, b);
}

void house_flag(struct fake_house *h, struct str mailbox, uint32_t uid, uint32_t flags)
{
    struct fake_mailbox *b = get_box(h, mailbox);

    for (uint32_t i = 0; i < b->count; i++)
        if (b->messages[i].uid == uid) {
            b->messages[i].flags = flags;
            b->messages[i].modseq = ++h->modseq;
        }
    if (!h->unnoted)
        tell(h, b);
}

void house_remove(struct fake_house *h, struct str mailbox, uint32_t uid)
{
    struct fake_mailbox *b = get_box(h, mailbox);

    for (uint32_t i = b->count; i > 0; i--)
        if (b->messages[i - 1].uid == uid)
            drop_message(h, b, i - 1);
    if (!h->unnoted)
        tell(h, b);
}

void house_note(struct fake_house *h, struct str mailbox)
{
    tell(h, get_box(h, mailbox));
}
