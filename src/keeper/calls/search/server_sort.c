/* keeper/calls/search/server_sort.c - SORT and THREAD: a search, then the order of what it found.
 *
 * The search has the keys of the mailbox in memory when it ends. Sorting and threading then run on
 * the worker thread that the keys belong to, in one piece: sorting reads no message, and its price
 * is bounded by KEYS_MAILBOX_BYTES_MAX. A result of more than a page stays with the session until
 * its last page was fetched, or until another one takes its place. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/calls/search/server_search.h"
#include "message/order/thread_tree.h"

struct sorting {
    struct searching search; /* first: cleanup finds it */
    struct sort_criteria criteria;
    bool threads;
    enum thread_algorithm algorithm;
    uint64_t seed;
    struct uidset among;
    struct buf tokens;
    uint32_t rows;
};

/* ---- beside the loop ---- */

/* The rows of the UIDs that were found; both ascend. */
static uint32_t *rows_found(const struct key_rows *all, const struct uidset *found,
                            uint32_t *ret_count)
{
    uint32_t *rows = malloc((uidset_count(found) + 1U) * sizeof *rows), count = 0, range = 0;

    if (rows == NULL)
        BUG("out of memory");
    for (uint32_t b = 0; b < all->block_count; b++) {
        const struct key_block *block = all->blocks[b];

        for (uint32_t i = 0; i < block->count; i++) {
            while (range < found->len && found->at[range].last < block->uid[i])
                range++;
            if (range < found->len && found->at[range].first <= block->uid[i])
                rows[count++] = all->first[b] + i;
        }
    }
    *ret_count = count;
    return rows;
}

static void sort_rows(struct sorting *s, const struct key_rows *all, uint32_t *rows)
{
    const struct order *orders[SORT_CRITERIA_MAX];

    for (uint32_t i = 0; i < s->criteria.count; i++)
        orders[i] = mailbox_keys_order_worker(s->search.keys, s->criteria.at[i].key);
    order_sort(&s->criteria, orders, rows, s->rows);
    (void)buf_reserve(&s->tokens, 3 * (size_t)s->rows);
    for (uint32_t i = 0; i < s->rows; i++) {
        uint32_t at;
        const struct key_block *b = key_rows_find(all, rows[i], &at);

        put_varint(&s->tokens, b->uid[at]);
    }
}

static void thread_rows(struct sorting *s, const struct key_rows *all, const uint32_t *rows)
{
    const struct order *subjects = mailbox_keys_order_worker(s->search.keys, SORT_SUBJECT);
    struct thread_message *list = calloc(s->rows + 1U, sizeof *list);

    if (list == NULL)
        BUG("out of memory");
    for (uint32_t i = 0; i < s->rows; i++) {
        uint32_t at;
        const struct key_block *b = key_rows_find(all, rows[i], &at);

        list[i] = (struct thread_message){
            .uid = b->uid[at],
            .subject = subjects->rank[rows[i]],
            .subject_empty = key_block_text(b, KEY_BASE_SUBJECT, at).len == 0,
            .is_reply = (b->facts[at] & KEY_IS_REPLY) != 0,
            .sent_s = b->sent_s[at],
            .id = b->message_id_hash[at],
            .references = b->references + b->reference_at[at],
            .reference_count = b->reference_at[at + 1] - b->reference_at[at],
        };
    }
    thread_messages(s->algorithm, list, s->rows, s->seed, &s->tokens);
    free(list);
}

static void sort_worker(void *ctx)
{
    struct sorting *s = ctx;
    struct key_rows all = mailbox_keys_rows_worker(s->search.keys);
    uint32_t *rows = rows_found(&all, &s->search.found, &s->rows);

    if (s->threads)
        thread_rows(s, &all, rows);
    else
        sort_rows(s, &all, rows);
    free(rows);
    s->search.keys_bytes = mailbox_keys_bytes_worker(s->search.keys);
}

/* ---- pages ---- */

/* The first octets of `tokens` that make a page of whole numbers. */
static struct str page_of(const struct keeper *k, struct str tokens)
{
    struct str page = str_take(tokens, (size_t)k->settings.sort_page_bytes);

    while (page.len < tokens.len && page.len > 0 && ((uint8_t)page.at[page.len - 1] & 0x80) != 0)
        page.len--;
    return page;
}

struct sorted {
    uint64_t number;
    struct buf tokens;
};

void session_drop_sorted(struct session *s)
{
    if (s->sorted == NULL)
        return;
    buf_deinit(&s->sorted->tokens);
    free(s->sorted);
    s->sorted = NULL;
}

static void keep_sorted(struct session *s, uint64_t number, struct buf *tokens)
{
    s->sorted = malloc(sizeof(*s->sorted));
    if (s->sorted == NULL)
        BUG("out of memory");
    *s->sorted = (struct sorted){ number, *tokens };
    *tokens = (struct buf){ 0 };
}

static void sorted(void *ctx)
{
    struct sorting *s = ctx;
    struct request *j = s->search.j;
    const struct keep_sort_req *req = j->req;
    struct keep_sort_rep *rep = j->rep;
    struct session *session;
    enum err e = request_session(j, req->session, &session);

    if (e == OK) {
        session_drop_sorted(session);
        rep->count = s->rows;
        rep->modseq = s->search.modseq;
        rep->tokens = page_of(j->k, buf_str(&s->tokens));
        if (rep->tokens.len < s->tokens.len) {
            rep->tokens = arena_copy(j->mem, rep->tokens);
            rep->result = ++j->k->results;
            keep_sorted(session, rep->result, &s->tokens);
        }
    }
    request_end(j, e);
}

enum err read_sort_more(struct request *j)
{
    const struct keep_sort_more_req *req = j->req;
    struct keep_sort_more_rep *rep = j->rep;
    struct session *s;
    enum err e = request_session(j, req->session, &s);

    if (e != OK)
        return e;
    if (s->sorted == NULL || req->result != s->sorted->number || req->from > s->sorted->tokens.len)
        return err_set(&j->why, ERR_NOT_FOUND, "the result is gone");
    rep->tokens = page_of(j->k, str_skip(buf_str(&s->sorted->tokens), (size_t)req->from));
    rep->more = req->from + rep->tokens.len < s->sorted->tokens.len;
    if (!rep->more) {
        rep->tokens = arena_copy(j->mem, rep->tokens);
        session_drop_sorted(s);
    }
    return OK;
}

/* ---- the call ---- */

static void cleanup_sort(struct request *j)
{
    struct sorting *s = j->own;

    search_cleanup(&s->search);
    uidset_deinit(&s->among);
    buf_deinit(&s->tokens);
}

static void found(struct searching *search)
{
    struct sorting *s = (struct sorting *)search;

    if (search->e != OK)
        request_end(search->j, search->e);
    else
        workers_run(search->j->k->sorts, sort_worker, sorted, s);
}

static enum err read_request(struct request *j, struct sorting *s)
{
    const struct keep_sort_req *req = j->req;

    s->threads = req->thread != 0;
    if (s->threads && req->thread > THREAD_ALGORITHM_COUNT)
        return err_set(&j->why, ERR_SYNTAX, "no such way to make threads");
    if (s->threads)
        s->algorithm = (enum thread_algorithm)(req->thread - 1);
    else if (sort_criteria_decode(req->criteria, &s->criteria) != OK)
        return err_set(&j->why, ERR_SYNTAX, "the sort criteria cannot be read");
    return request_uids(j, req->uids, &s->among);
}

void start_sort(struct request *j)
{
    const struct keep_sort_req *req = j->req;
    struct sorting *s = ARENA_NEW(j->mem, struct sorting);
    const struct search_wanted wanted = {
        .session = req->session,
        .mailbox = req->mailbox,
        .program = req->program,
        .recent_uids = req->recent_uids,
        .among = &s->among,
        .with_keys = true,
    };
    enum err e;

    s->search.j = j;
    j->own = s;
    j->cleanup = cleanup_sort;
    loop_random(j->k->loop, &s->seed, sizeof s->seed);
    if ((e = read_request(j, s)) == OK)
        search_start(&s->search, j, &wanted, found);
    else
        request_end(j, e);
}
