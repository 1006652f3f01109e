/* gate/imap/cmd/cmd_fetch.c - FETCH: pages of rows from keeper become lines.
 *
 * One question to keeper asks for everything that the items need; its answer is a page of rows, and
 * the next page is asked for when the peer has taken most of what was written. A row whose octets
 * exceed a page is written piece by piece: first all that is not octets, then one section after the
 * other, each asked for from where the last piece ended. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/fetch_row.h"

#include "message/record/fields.h"
#include "proto/imap/reply.h"
#include "proto/imap/reply_search.h"

/* ---- what to ask ---- */

static uint32_t item_bits(const struct imap_fetch_args *a)
{
    static const uint32_t bits[] = {
        [FETCH_FLAGS] = ITEM_FLAGS,
        [FETCH_INTERNALDATE] = ITEM_INTERNAL_DATE,
        [FETCH_RFC822_SIZE] = ITEM_SIZE,
        [FETCH_ENVELOPE] = ITEM_ENVELOPE,
        [FETCH_BODY_STRUCTURE] = ITEM_STRUCTURE,
        [FETCH_BODY_STRUCTURE_EXTENDED] = ITEM_STRUCTURE,
        [FETCH_MODSEQ] = ITEM_MODSEQ,
        [FETCH_EMAILID] = ITEM_IDS,
        [FETCH_THREADID] = ITEM_IDS,
        [FETCH_SAVEDATE] = ITEM_SAVE_DATE,
        [FETCH_PREVIEW] = ITEM_PREVIEW,
        [FETCH_BINARY] = ITEM_STRUCTURE,
        [FETCH_BINARY_SIZE] = ITEM_STRUCTURE,
    };
    uint32_t all = 0;

    for (uint32_t i = 0; i < a->item_count; i++)
        all |= bits[a->items[i].kind] | (a->items[i].sets_seen ? ITEM_FLAGS | ITEM_MODSEQ : 0U);
    return all;
}

/* The section that answers an item: lists of fields are cut out of the whole header here. */
static struct str section_text(struct imap_session *s, const struct imap_fetch_item *item)
{
    struct buf text = { 0 };
    struct section section;
    struct str copy;

    if (item->kind == FETCH_RFC822)
        return STR_EMPTY;
    if (item->kind == FETCH_RFC822_HEADER)
        return STR("HEADER");
    if (item->kind == FETCH_RFC822_TEXT)
        return STR("TEXT");
    section = *item->section;
    if (fetch_is_fields(item))
        section.kind = SECTION_HEADER;
    section_format(&section, &text);
    copy = arena_copy(s->mem, buf_str(&text));
    buf_deinit(&text);
    return copy;
}

/* Are all fields that the item names in records? */
static bool is_kept(const struct imap_fetch_item *item)
{
    bool kept = fetch_is_fields(item) && item->section->kind == SECTION_HEADER_FIELDS &&
                item->section->path_len == 0;

    for (size_t i = 0; kept && i < item->fields.count; i++)
        kept = record_keeps_field(item->fields.at[i]);
    return kept;
}

static struct str label_text(struct imap_session *s, const struct imap_fetch_item *item)
{
    struct buf label = { 0 };
    struct str copy;

    reply_section_label(&label, item);
    copy = arena_copy(s->mem, buf_str(&label));
    buf_deinit(&label);
    return copy;
}

static void look_for_flags_only(struct fetch_task *t)
{
    uint32_t flags = 0, others = 0;

    for (uint32_t i = 0; i < t->args->item_count; i++) {
        enum imap_fetch_kind kind = t->args->items[i].kind;

        flags += kind == FETCH_FLAGS;
        t->with_uid = t->with_uid || kind == FETCH_UID;
        t->with_modseq = t->with_modseq || kind == FETCH_MODSEQ;
        others += kind != FETCH_FLAGS && kind != FETCH_UID && kind != FETCH_MODSEQ;
    }
    t->flags_only = flags > 0 && others == 0;
}

static void plan(struct imap_session *s, struct fetch_task *t)
{
    const struct imap_fetch_args *a = t->args;

    look_for_flags_only(t);
    t->items = item_bits(a);
    t->wants = ARENA_ARRAY(s->mem, struct keep_want, a->item_count);
    t->want_items = ARENA_ARRAY(s->mem, uint32_t, a->item_count);
    t->labels = ARENA_ARRAY(s->mem, struct str, a->item_count);
    for (uint32_t i = 0; i < a->item_count; i++) {
        const struct imap_fetch_item *item = &a->items[i];
        struct keep_want *want = &t->wants[t->want_count];

        t->mark_seen = t->mark_seen || (item->sets_seen && !s->box->read_only);
        if (!fetch_is_octets(item->kind))
            continue;
        want->section = section_text(s, item);
        want->length = FETCH_LENGTH_ALL;
        if ((want->kept = is_kept(item)))
            t->items |= ITEM_FIELDS;
        if (fetch_is_binary(item) && t->codings == NULL)
            t->codings = ARENA_ARRAY(s->mem, enum encoding, a->item_count);
        if (item->has_partial && !fetch_is_fields(item) && !fetch_is_binary(item)) {
            want->offset = item->partial_from;
            want->length = item->partial_count;
        }
        if (item->kind == FETCH_SECTION)
            t->labels[t->want_count] = label_text(s, item);
        t->want_items[t->want_count++] = i;
    }
    t->tells_flags = t->mark_seen;
    for (uint32_t i = 0; i < a->item_count; i++)
        t->tells_flags = t->tells_flags && a->items[i].kind != FETCH_FLAGS;
}

/* ---- a row that comes in pieces ---- */

static void ask_piece(struct imap_session *s);
static void ask_page(struct imap_session *s);

/* A literal was announced and cannot be completed: only the end of the connection is honest. */
static void break_off(struct imap_session *s)
{
    imap_session_forget_command(s);
    stream_finish(s->stream, 0);
    s->closing = true;
}

/* A part whose coding nobody knows fails the command (RFC 3516 4.3). */
static void end_fetch(struct imap_session *s, const struct fetch_task *t)
{
    buf_deinit(&s->hold);
    imap_session_end(s, t->unknown_coding
                            ? STR("NO [UNKNOWN-CTE] A part is coded in a way that is not known")
                            : t->final);
}

static void next_section(struct imap_session *s, struct fetch_task *t)
{
    t->got = 0;
    if (++t->section < t->want_count) {
        imap_session_when_drained(s, ask_piece);
        return;
    }
    reply_fetch_end(&t->line);
    if (t->from == UINT32_MAX) {
        end_fetch(s, t);
        return;
    }
    t->from++;
    imap_session_when_drained(s, ask_page);
}

/* HEADER.FIELDS needs the whole header before a word of it can be written. */
static void keep_fields(struct imap_session *s, struct fetch_task *t, const struct keep_part *part)
{
    const struct imap_fetch_item *item = &t->args->items[t->want_items[t->section]];

    buf_add(&s->hold, part->bytes);
    if (s->hold.len < part->total && part->bytes.len > 0) {
        imap_session_when_drained(s, ask_piece);
        return;
    }
    fetch_put_fields(&t->line, item, buf_str(&s->hold));
    buf_deinit(&s->hold);
    next_section(s, t);
}

static void binary_piece(struct imap_session *s, struct fetch_task *t, const struct keep_part *part)
{
    switch (fetch_binary_piece(s, t, part)) {
    case BINARY_GO_ON:
        imap_session_when_drained(s, ask_piece);
        break;
    case BINARY_DONE:
        next_section(s, t);
        break;
    case BINARY_BROKEN:
        break_off(s);
        break;
    }
}

static void piece(struct imap_session *s, struct fetch_task *t, const struct keep_part *part)
{
    const struct imap_fetch_item *item = &t->args->items[t->want_items[t->section]];
    const struct keep_want *want = &t->wants[t->section];

    if (fetch_is_binary(item)) {
        binary_piece(s, t, part);
        return;
    }
    if (!part->exists && t->got == 0) {
        fetch_put_part(&t->line, item, part);
        next_section(s, t);
        return;
    }
    if (fetch_is_fields(item)) {
        keep_fields(s, t, part);
        return;
    }
    if (t->got == 0) {
        t->goal = fetch_part_bytes(want, part);
        fetch_put_label(&t->line, item);
        buf_printf(&s->out, "{%llu}\r\n", (unsigned long long)t->goal);
    }
    if (!part->exists || part->bytes.len > t->goal - t->got ||
        (part->bytes.len == 0 && t->got < t->goal)) {
        break_off(s);
        return;
    }
    fetch_put_octets(&s->out, part->bytes);
    t->got += part->bytes.len;
    if (t->got < t->goal)
        imap_session_when_drained(s, ask_piece);
    else
        next_section(s, t);
}

static void piece_known(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;

    (void)file;
    s->ticket = 0;
    if (e != OK || rep->rows_count != 1 || rep->rows[0].parts_count != 1)
        break_off(s);
    else
        piece(s, s->task, &rep->rows[0].parts[0]);
}

static void ask_piece(struct imap_session *s)
{
    struct fetch_task *t = s->task;
    struct keep_want want = t->wants[t->section];
    uint64_t got =
        fetch_is_fields(&t->args->items[t->want_items[t->section]]) ? s->hold.len : t->got;
    struct uidset one = { 0 };
    struct buf uids = { 0 };

    want.offset += got;
    want.length -= got;
    uidset_add(&one, t->from);
    uidset_encode(&one, &uids);
    struct keep_fetch_req req = { .session = s->keeper_session,
                                  .mailbox = s->box->mailbox,
                                  .uids = buf_str(&uids),
                                  .from = t->from,
                                  .wants = &want,
                                  .wants_count = 1 };
    s->ticket = keeper_fetch(s->service->keeper, &req, piece_known, s);
    buf_deinit(&uids);
    uidset_deinit(&one);
}

/* ---- pages ---- */

static void begin_large(struct imap_session *s, struct fetch_task *t, const struct keep_row *row)
{
    t->line = fetch_begin(s, t, row);
    t->from = row->uid;
    t->section = 0;
    t->got = 0;
    ask_piece(s);
}

/* Where the next page begins, 0 at the end. A row that keeper would continue but that is whole, or
 * that the client does not know, is done with: pages always go forward. */
static uint32_t next_from(const struct keep_fetch_rep *rep)
{
    uint32_t last = rep->rows_count == 0 ? 0 : rep->rows[rep->rows_count - 1].uid;

    if (rep->next == 0 || rep->next > last)
        return rep->next;
    return last == UINT32_MAX ? 0 : last + 1;
}

/* The question leaves before what was just written, so that keeper does not wait for the socket. */
static void ask_on(struct imap_session *s)
{
    if (imap_session_is_slow(s)) {
        imap_session_when_drained(s, ask_page);
        return;
    }
    ask_page(s);
    imap_session_flush(s);
}

static void page_known(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct fetch_task *t = s->task;

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        imap_session_fail(s, e == ERR_NOT_FOUND ? ERR_UNAVAILABLE : e);
        return;
    }
    selected_keywords(s, rep->keywords, rep->keywords_count);
    t->flags_len = 0;
    for (size_t i = 0; i < rep->rows_count; i++) {
        if (!fetch_is_whole(t, &rep->rows[i]) && view_seq(&s->box->view, rep->rows[i].uid) != 0 &&
            fetch_binary_begin(t, &rep->rows[i])) {
            begin_large(s, t, &rep->rows[i]);
            return;
        }
        fetch_row(s, t, &rep->rows[i]);
    }
    t->from = next_from(rep);
    if (t->from == 0)
        end_fetch(s, t);
    else
        ask_on(s);
}

static void ask_page(struct imap_session *s)
{
    struct fetch_task *t = s->task;
    struct keep_fetch_req req = { .session = s->keeper_session,
                                  .mailbox = s->box->mailbox,
                                  .uids = t->uids,
                                  .from = t->from,
                                  .items = t->items,
                                  .wants = t->wants,
                                  .wants_count = t->want_count,
                                  .changed_since = t->args->changed_since ? t->args->modseq : 0,
                                  .mark_seen = t->mark_seen };

    s->ticket = keeper_fetch(s->service->keeper, &req, page_known, s);
}

void fetch_rows(struct imap_session *s, const struct imap_fetch_args *args, struct str uids,
                struct str final)
{
    struct fetch_task *t = ARENA_NEW(s->mem, struct fetch_task);

    t->args = args;
    t->uids = uids;
    t->final = final;
    s->task = t;
    plan(s, t);
    ask_page(s);
}

/* The messages of the set, or those results of it that PARTIAL names (RFC 9394 3.3). */
static bool fetch_uids(struct imap_session *s, struct str *ret)
{
    const struct imap_fetch_args *a = &s->command->fetch;
    struct uidset uids = { 0 }, partial = { 0 };
    bool ok;

    if (!a->has_partial)
        return imap_session_uids(s, &a->set, ret);
    ok = selected_resolve(s->box, &a->set, true, &uids); /* numbers that are UIDs always resolve */
    reply_partial_set(&a->partial, &uids, &partial);
    *ret = imap_session_encode_uids(s, &partial);
    uidset_deinit(&uids);
    uidset_deinit(&partial);
    return ok;
}

static void fetch_changed(struct imap_session *s)
{
    struct str uids;

    if (fetch_uids(s, &uids))
        fetch_rows(s, &s->command->fetch, uids, STR("OK UID FETCH completed"));
}

void imap_cmd_fetch(struct imap_session *s, const struct imap_command *c)
{
    struct str uids;

    if (c->fetch.vanished && (imap_facts(s->machine) & IMAP_QRESYNC) == 0) {
        imap_session_end(s, STR("BAD QRESYNC is not enabled"));
        return;
    }
    for (uint32_t i = 0; i < c->fetch.item_count; i++)
        if (c->fetch.items[i].kind == FETCH_MODSEQ)
            imap_set_facts(s->machine, IMAP_CONDSTORE, 0);
    if (c->fetch.vanished && !c->fetch.set.saved)
        vanished_since(s, c->fetch.modseq, &c->fetch.set, fetch_changed);
    else if (fetch_uids(s, &uids))
        fetch_rows(s, &c->fetch, uids,
                   c->uid ? STR("OK UID FETCH completed") : STR("OK FETCH completed"));
}
