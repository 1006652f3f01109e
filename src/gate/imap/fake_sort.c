/* gate/imap/fake_sort.c - the fake keeper's side of SORT and THREAD. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/fake_call.h"

#include "message/order/order.h"
#include "message/order/thread_tree.h"
#include "message/set/search.h"

static struct buf result; /* what is left for other pages */

static bool matches(const struct search *program, const struct fake_message *m, bool recent)
{
    struct search_meta meta = { .size_bytes = m->bytes.len, .internal_date_s = m->date };
    struct search_facts facts = { .uid = m->uid,
                                  .flags = m->flags | m->keywords << KEYWORD_FIRST_BIT |
                                           (recent ? FLAG_RECENT : 0),
                                  .modseq = m->modseq,
                                  .now_s = 1770000000,
                                  .meta = &meta,
                                  .message = buf_str(&m->bytes) };

    CHECK_OK(record_open(buf_str(&m->record), &meta.record), "a record");
    return search_match(program, &facts) == SEARCH_YES;
}

/* The entries of the messages that match and that the client knows. */
static uint32_t collect(struct arena *mem, struct fake_mailbox *b, const struct keep_sort_req *req,
                        struct key_entry *entries, uint64_t *modseq)
{
    struct reader r = reader_of(req->program), u = reader_of(req->uids);
    struct reader n = reader_of(req->recent_uids);
    struct uidset uids = { 0 }, recent = { 0 };
    struct search program;
    uint32_t count = 0;

    CHECK_OK(search_decode(mem, &r, &program), "a program");
    CHECK_OK(uidset_decode(&u, 1000, &uids), "UIDs");
    CHECK_OK(uidset_decode(&n, 1000, &recent), "UIDs");
    search_bind_keywords(&program, &b->keywords);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct fake_message *m = &b->messages[i];
        struct record record;

        if (!uidset_contains(&uids, m->uid) ||
            !matches(&program, m, uidset_contains(&recent, m->uid)))
            continue;
        CHECK_OK(record_open(buf_str(&m->record), &record), "a record");
        entries[count] =
            (struct key_entry){ .uid = m->uid, .size = m->bytes.len, .arrived_s = m->date };
        key_entry_describe(mem, &record, &entries[count++]);
        *modseq = MAX(*modseq, m->modseq);
    }
    uidset_deinit(&uids);
    uidset_deinit(&recent);
    return count;
}

static void put_sorted(const struct keep_sort_req *req, const struct key_rows *rows)
{
    struct order orders[SORT_CRITERIA_MAX] = { 0 };
    const struct order *by[SORT_CRITERIA_MAX];
    struct sort_criteria c;
    uint32_t list[KEY_BLOCK_MAX];

    CHECK_OK(sort_criteria_decode(req->criteria, &c), "criteria");
    for (uint32_t i = 0; i < c.count; i++) {
        order_grow(&orders[i], c.at[i].key, rows);
        by[i] = &orders[i];
    }
    for (uint32_t i = 0; i < rows->count; i++)
        list[i] = i;
    order_sort(&c, by, list, rows->count);
    for (uint32_t i = 0; i < rows->count; i++)
        put_varint(&result, rows->blocks[0]->uid[list[i]]);
    for (uint32_t i = 0; i < c.count; i++)
        order_deinit(&orders[i]);
}

static void put_threads(const struct keep_sort_req *req, const struct key_rows *rows,
                        const struct key_entry *entries)
{
    struct thread_message list[KEY_BLOCK_MAX];
    struct order subjects = { 0 };

    order_grow(&subjects, SORT_SUBJECT, rows);
    for (uint32_t i = 0; i < rows->count; i++)
        list[i] = (struct thread_message){
            .uid = entries[i].uid,
            .subject = subjects.rank[i],
            .subject_empty = entries[i].texts[KEY_BASE_SUBJECT].len == 0,
            .is_reply = (entries[i].facts & KEY_IS_REPLY) != 0,
            .sent_s = entries[i].sent_s,
            .id = entries[i].message_id_hash,
            .references = entries[i].references,
            .reference_count = entries[i].reference_count,
        };
    thread_messages((enum thread_algorithm)(req->thread - 1), list, rows->count, 7, &result);
    order_deinit(&subjects);
}

/* A page is one number with page_rows set, so that every place is the end of one. */
static struct str page(const struct fake_house *h, struct arena *mem, size_t from, bool *more)
{
    struct str rest = str_skip(buf_str(&result), from);
    size_t len = h->page_rows > 0 ? MIN(rest.len, 1U) : rest.len;

    while (len > 0 && len < rest.len && ((uint8_t)rest.at[len - 1] & 0x80) != 0)
        len++;
    *more = len < rest.len;
    rest = arena_copy(mem, str_take(rest, len));
    if (!*more)
        buf_deinit(&result);
    return rest;
}

CALL(sort)
{
    struct fake_mailbox *b = fake_box(h, req->mailbox);
    struct key_entry *entries = ARENA_ARRAY(mem, struct key_entry, b->count + 1U);
    uint32_t count = collect(mem, b, req, entries, &rep->modseq), first = 0;
    bool more = false;

    buf_deinit(&result);
    if (count > 0) {
        struct key_block *block = key_block_new(entries, count);
        struct key_rows rows = { &block, &first, 1, count };

        if (req->thread != 0)
            put_threads(req, &rows, entries);
        else
            put_sorted(req, &rows);
        key_block_free(block);
    }
    rep->count = count;
    rep->tokens = page(h, mem, 0, &more);
    rep->result = more ? 3 : 0;
    return OK;
}

CALL(sort_more)
{
    CHECK_EQ(req->result, 3, "the result");
    rep->tokens = page(h, mem, (size_t)req->from, &rep->more);
    return OK;
}
