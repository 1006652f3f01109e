/* store/index/segment.c - chunks of terms and of postings. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index/segment.h"

#include "message/words/words.h"
#include "store/index/posting.h"

static void segment_key(struct key *k, enum table table, uint32_t account, uint32_t number,
                        struct str term)
{
    key_of_account(k, table, account);
    key_u32(k, number);
    key_text(k, term);
}

void segment_bounds(enum table table, uint32_t account, uint32_t number, struct key *from,
                    struct key *to)
{
    segment_key(from, table, account, number, STR_EMPTY);
    *to = *from;
    key_end(to);
}

/* ---- writing ---- */

void segment_write_begin(struct segment_writer *w, struct kv_batch *batch, uint32_t account,
                         uint32_t number, uint32_t emails)
{
    *w = (struct segment_writer){
        .batch = batch, .account = account, .number = number, .emails = emails
    };
}

static void put_row(struct segment_writer *w, const struct key *k, const struct buf *value)
{
    kv_batch_put(w->batch, key_str(k), buf_str(value));
    w->batch_bytes += k->len + value->len;
    w->bytes += k->len + value->len;
}

/* Terms stand one after the other, each with a NUL behind it, so that a piece of a word is found
 * among them by one search through the octets. */
static void end_chunk(struct segment_writer *w)
{
    struct buf value = { 0 };
    struct key k;

    if (w->count == 0)
        return;
    put_u8(&value, INDEX_VERSION);
    put_varint(&value, w->count);
    put_str(&value, buf_str(&w->terms));
    buf_add(&value, buf_str(&w->lengths));
    segment_key(&k, TABLE_TERMS, w->account, w->number, buf_str(&w->first));
    put_row(w, &k, &value);
    k.at[0] = TABLE_POSTINGS;
    put_row(w, &k, &w->postings);
    buf_deinit(&value);
    buf_clear(&w->first);
    buf_clear(&w->terms);
    buf_clear(&w->lengths);
    buf_clear(&w->postings);
    w->count = 0;
}

void segment_write_term(struct segment_writer *w, struct str term, const uint32_t *numbers,
                        uint32_t count)
{
    size_t before;

    if (w->terms.len + term.len > CHUNK_TERM_BYTES || w->postings.len > CHUNK_POSTING_BYTES)
        end_chunk(w);
    if (w->count == 0)
        buf_add(&w->first, term);
    before = w->postings.len;
    posting_encode(numbers, count, w->emails, &w->postings);
    put_varint(&w->lengths, w->postings.len - before);
    buf_add(&w->terms, term);
    buf_add_char(&w->terms, '\0');
    w->count++;
    w->term_count++;
}

/* The head: how many emails, the first and the last of them, and which of those between. */
void segment_write_end(struct segment_writer *w, const uint32_t *emails, const uint32_t *odd,
                       uint32_t odd_count)
{
    uint32_t first = w->emails == 0 ? 0 : emails[0];
    uint32_t last = w->emails == 0 ? 0 : emails[w->emails - 1];
    uint32_t *offsets = malloc(((size_t)w->emails + 1) * sizeof *offsets);
    struct buf value = { 0 }, set = { 0 };
    struct key k;

    if (offsets == NULL)
        BUG("out of memory");
    end_chunk(w);
    for (uint32_t i = 0; i < w->emails; i++)
        offsets[i] = emails[i] - first;
    put_u8(&value, INDEX_VERSION);
    put_varint(&value, w->emails);
    put_varint(&value, first);
    put_varint(&value, last);
    posting_encode(offsets, w->emails, last - first + 1, &set);
    put_str(&value, buf_str(&set));
    buf_clear(&set);
    posting_encode(odd, odd_count, w->emails, &set);
    put_str(&value, buf_str(&set));
    segment_key(&k, TABLE_TERMS, w->account, w->number, STR_EMPTY);
    put_row(w, &k, &value);
    free(offsets);
    buf_deinit(&value);
    buf_deinit(&set);
    segment_write_abort(w);
}

void segment_write_abort(struct segment_writer *w)
{
    buf_deinit(&w->first);
    buf_deinit(&w->terms);
    buf_deinit(&w->lengths);
    buf_deinit(&w->postings);
}

/* ---- reading ---- */

static enum err damaged(const struct segment *s, struct errinfo *why)
{
    return err_set(why, ERR_CORRUPT, "segment %u of the index of account %u is damaged", s->number,
                   s->account);
}

static enum err read_head(struct segment *s, struct arena *mem, struct str value)
{
    struct reader r = reader_of(value);
    uint8_t version = get_u8(&r);
    uint32_t first, last, *emails, *odd, count;
    struct str set, odd_set;

    s->count = get_varint32(&r);
    first = get_varint32(&r);
    last = get_varint32(&r);
    set = get_str(&r);
    odd_set = get_str(&r);
    if (!reader_done(&r) || version != INDEX_VERSION || s->count > SEGMENT_EMAILS_MAX ||
        last < first || last - first == UINT32_MAX || last - first >= SEGMENT_EMAILS_MAX)
        return ERR_CORRUPT;
    emails = ARENA_ARRAY(mem, uint32_t, (size_t)(last - first) + 1);
    odd = ARENA_ARRAY(mem, uint32_t, (size_t)s->count + 1);
    if (posting_decode(set, last - first + 1, emails, &count) != OK || count != s->count ||
        posting_decode(odd_set, s->count, odd, &s->odd_count) != OK)
        return ERR_CORRUPT;
    for (uint32_t i = 0; i < count; i++)
        emails[i] += first;
    s->emails = emails;
    s->odd = odd;
    return OK;
}

enum err segment_open(struct kv *kv, const struct kv_snapshot *snap, struct arena *mem,
                      uint32_t account, uint32_t number, struct segment *ret, struct errinfo *why)
{
    struct segment s = { .kv = kv, .snap = snap, .account = account, .number = number };
    struct str value;
    struct key k;
    bool found;
    enum err e;

    segment_key(&k, TABLE_TERMS, account, number, STR_EMPTY);
    if ((e = kv_get(kv, snap, mem, key_str(&k), &found, &value)) != OK)
        return err_set(why, e, "the index cannot be read");
    if (!found || read_head(&s, mem, value) != OK)
        return damaged(&s, why);
    *ret = s;
    return OK;
}

/* ---- walking ---- */

enum { SEGMENT_KEY_BYTES = 9 }; /* letter, account, segment */

/* Reads the chunk that the iterator stands on. */
static bool walk_chunk(struct segment_walk *w)
{
    struct reader r = reader_of(kv_iter_value(w->it));
    uint8_t version = get_u8(&r);
    uint32_t count = get_varint32(&r);

    w->terms = get_str(&r);
    w->lengths = r;
    w->posting_at = w->posting_len = 0;
    w->have_postings = false;
    if (r.bad || version != INDEX_VERSION || count == 0 || w->terms.len == 0 ||
        w->terms.at[w->terms.len - 1] != '\0') {
        w->e = ERR_CORRUPT;
        return false;
    }
    return true;
}

void segment_walk_begin(struct segment_walk *w, const struct segment *s, struct str from)
{
    struct key first, end, k;
    bool on;

    *w = (struct segment_walk){ .segment = s, .mem = arena_new(CHUNK_POSTING_BYTES) };
    segment_key(&first, TABLE_TERMS, s->account, s->number, STR("\001")); /* behind the head */
    segment_bounds(TABLE_TERMS, s->account, s->number, &k, &end);
    w->it = kv_iter_new(s->kv, s->snap, key_str(&first), key_str(&end));
    /* The chunk that begins with the term or before it, else the first. */
    segment_key(&k, TABLE_TERMS, s->account, s->number, from);
    key_text(&k, STR("\001"));
    on = kv_iter_seek_before(w->it, key_str(&k)) || kv_iter_first(w->it);
    if (!on)
        w->e = kv_iter_error(w->it, NULL);
    if (!on || !walk_chunk(w))
        return;
    while (w->terms.len > 0) {
        struct str next = str_take(w->terms, str_find_char(w->terms, '\0'));

        if (str_cmp(next, from) >= 0)
            return;
        w->posting_at += (size_t)get_varint(&w->lengths);
        w->terms = str_skip(w->terms, next.len + 1);
    }
}

bool segment_walk_next(struct segment_walk *w)
{
    if (w->e != OK)
        return false;
    if (w->terms.len == 0) {
        if (!kv_iter_next(w->it)) {
            w->e = kv_iter_error(w->it, NULL);
            return false;
        }
        if (!walk_chunk(w))
            return false;
    }
    w->posting_at += w->posting_len;
    w->term = str_take(w->terms, str_find_char(w->terms, '\0'));
    w->terms = str_skip(w->terms, w->term.len + 1);
    w->posting_len = (size_t)get_varint(&w->lengths);
    if (w->lengths.bad)
        w->e = ERR_CORRUPT;
    return w->e == OK;
}

static enum err load_postings(struct segment_walk *w)
{
    struct key k;
    struct str chunk = kv_iter_key(w->it);
    bool found;
    enum err e;

    arena_reset(w->mem);
    segment_key(&k, TABLE_POSTINGS, w->segment->account, w->segment->number,
                str_skip(chunk, SEGMENT_KEY_BYTES));
    e = kv_get(w->segment->kv, w->segment->snap, w->mem, key_str(&k), &found, &w->postings);
    if (e == OK && !found)
        e = ERR_CORRUPT;
    w->have_postings = e == OK;
    return e;
}

enum err segment_walk_numbers(struct segment_walk *w, uint32_t *ret, uint32_t *ret_count)
{
    enum err e;

    if (!w->have_postings && (e = load_postings(w)) != OK)
        return e;
    if (w->posting_at > w->postings.len || w->posting_len > w->postings.len - w->posting_at)
        return ERR_CORRUPT;
    return posting_decode(str_sub(w->postings, w->posting_at, w->posting_len), w->segment->count,
                          ret, ret_count);
}

void segment_walk_end(struct segment_walk *w)
{
    kv_iter_free(w->it);
    arena_free(w->mem);
}

/* ---- finding ---- */

struct finding {
    const struct term_pattern *pattern;
    struct segment_walk walk;
    uint32_t *numbers;
    void (*found)(void *ctx, struct str term, const uint32_t *numbers, uint32_t count);
    void *ctx;
};

static enum err give(struct finding *f)
{
    uint32_t count;
    enum err e = segment_walk_numbers(&f->walk, f->numbers, &count);

    if (e == OK)
        f->found(f->ctx, f->walk.term, f->numbers, count);
    return e;
}

/* The word of a term, and the code of the field that it stands in. */
static struct str word_of(struct str term, struct str *field)
{
    struct str rest = str_skip(term, 1),
               word = str_take(rest, str_find_char(rest, WORD_FIELD_MARK));

    *field = str_skip(rest, word.len + 1);
    return word;
}

static bool fits(const struct term_pattern *p, struct str term)
{
    struct str field, word = word_of(term, &field);

    if (p->field.at != NULL && !str_eq(field, p->field))
        return false;
    if (!p->open_left)
        return true; /* it begins with the text, which is all that find_beginning gives */
    return p->open_right ? str_find(word, p->text) != STR_NOT_FOUND : str_ends(word, p->text);
}

/* Terms that begin with it stand together, and those of whole words and their fields first. */
static enum err find_beginning(struct finding *f)
{
    char first[CHUNK_TERM_BYTES];
    const struct term_pattern *p = f->pattern;
    struct str from = { first, p->text.len + 1 };
    enum err e = OK;

    first[0] = p->letter;
    memcpy(first + 1, p->text.at, p->text.len);
    segment_walk_begin(&f->walk, f->walk.segment, from);
    while (e == OK && segment_walk_next(&f->walk)) {
        struct str rest = str_skip(f->walk.term, from.len);

        if (!str_starts(f->walk.term, from) ||
            (!p->open_right && rest.len > 0 && rest.at[0] != WORD_FIELD_MARK))
            break;
        if (fits(p, f->walk.term))
            e = give(f);
    }
    return e == OK ? f->walk.e : e;
}

/* Goes through the octets of all terms of the letter. Where none of those that are left in a chunk
 * holds the text, the chunk is passed over as a whole. */
static enum err find_anywhere(struct finding *f)
{
    const struct term_pattern *p = f->pattern;
    struct segment_walk *w = &f->walk;
    enum err e = OK;

    segment_walk_begin(w, w->segment, str_from(&p->letter, 1));
    while (e == OK && w->e == OK) {
        size_t at = str_find(w->terms, p->text);

        if (at == STR_NOT_FOUND) {
            if (w->terms.len > 0 && w->terms.at[0] > p->letter)
                break;
            w->terms = STR_EMPTY;
            if (!segment_walk_next(w))
                break;
        } else {
            const char *hit = w->terms.at + at;

            do {
                if (!segment_walk_next(w))
                    break;
            } while (w->term.at + w->term.len < hit);
        }
        if (w->e != OK || w->term.at[0] > p->letter)
            break;
        if (w->term.at[0] == p->letter && fits(p, w->term))
            e = give(f);
    }
    return e == OK ? w->e : e;
}

enum err segment_find(const struct segment *s, const struct term_pattern *p,
                      void (*found)(void *ctx, struct str term, const uint32_t *numbers,
                                    uint32_t count),
                      void *ctx)
{
    struct finding f = { .pattern = p, .walk = { .segment = s }, .found = found, .ctx = ctx };
    enum err e;

    if (p->text.len >= CHUNK_TERM_BYTES)
        return OK;
    f.numbers = malloc(((size_t)s->count + 1) * sizeof *f.numbers);
    if (f.numbers == NULL)
        BUG("out of memory");
    e = p->open_left && p->text.len > 0 ? find_anywhere(&f) : find_beginning(&f);
    segment_walk_end(&f.walk);
    free(f.numbers);
    return e;
}
