/* message/order/key_block.c - sort and search keys of up to 1,024 messages in columns.
 *
 * The columns of the widest numbers come first, so that all of them are aligned; then the places of
 * the texts, the narrow numbers, and the octets of the texts column by column. A column of texts
 * that are all empty (Bcc, mostly) has neither places nor octets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/order/key_block.h"

#include "base/utf8.h"
#include "message/coding/charset.h"
#include "message/text/word.h"
#include "message/words/texts.h"

/* Tells rows of a machine with another order of octets. */
#define ORDER_MARK 0x01020304u

struct block_head {
    uint8_t version, unused[3];
    uint32_t mark, count, references;
    uint32_t text_octets[KEY_TEXT_COUNT]; /* 0: the column is empty */
    uint32_t unused_too;
};
_Static_assert(sizeof(struct block_head) == 64, "the columns behind it are aligned");

/* ---- the words of one message ---- */

static void set_search_text(struct arena *mem, struct key_entry *e, enum key_text t,
                            struct str folded)
{
    if (folded.len > KEY_BLOCK_TEXT_MAX)
        e->facts |= (uint16_t)(1u << t);
    else
        e->texts[t] = arena_copy(mem, folded);
}

/* The texts of one kind as they come: the subject once, addresses one after the other. Each is
 * folded by itself, because composing must not join the end of one to the next. */
struct gathering {
    struct buf joined[KEY_BCC + 1];
    bool any[KEY_BCC + 1];
};

_Static_assert((int)TEXT_SUBJECT == (int)KEY_SUBJECT && (int)TEXT_BCC == (int)KEY_BCC,
               "search texts are numbered as message/words/texts.h does");

static bool gather(void *ctx, const struct text_found *t)
{
    SCRATCH(tmp, NULL);
    struct gathering *g = ctx;
    struct buf *joined = &g->joined[t->class];

    if (g->any[t->class])
        BUF_ADD(joined, "\n");
    g->any[t->class] = true;
    if (joined->len <= KEY_BLOCK_TEXT_MAX)
        buf_add(joined, text_fold_case(tmp, t->text));
    return false;
}

static void set_search_texts(struct arena *mem, struct key_entry *e, const struct record *r)
{
    struct gathering g = { 0 };

    (void)texts_each(r, STR_EMPTY, TEXTS_OF_RECORD, gather, &g);
    for (size_t t = KEY_SUBJECT; t <= KEY_BCC; t++) {
        set_search_text(mem, e, (enum key_text)t, buf_str(&g.joined[t]));
        buf_deinit(&g.joined[t]);
    }
}

static struct str collation_key(struct arena *mem, struct str text)
{
    SCRATCH(tmp, mem);

    return arena_copy(mem, utf8_cut(text_casemap(tmp, text), KEY_BLOCK_TEXT_MAX));
}

/* RFC 5957 3. */
static struct str shown(struct arena *mem, const struct mail_address *a)
{
    SCRATCH(tmp, mem);
    struct str name = a->name.at == NULL ? STR_EMPTY : word_decode(tmp, a->name);
    struct buf text = { 0 };
    struct str key;

    if (name.len > 0)
        return collation_key(mem, name);
    if (a->kind != ADDRESS_MAILBOX)
        return STR_EMPTY;
    buf_add(&text, a->local);
    if (a->domain.len > 0) {
        BUF_ADD(&text, "@");
        buf_add(&text, a->domain);
    }
    key = collation_key(mem, buf_str(&text));
    buf_deinit(&text);
    return key;
}

/* Of a group, which IMAP's ENVELOPE begins with the group's name as addr-mailbox, that name is the
 * key (RFC 3501 7.4.2, RFC 5256 3). */
static void set_sort_address(struct arena *mem, struct key_entry *e, const struct record *r,
                             enum envelope_field field, enum key_text t)
{
    struct envelope_addresses list = envelope_addresses(r->envelope, field);
    struct mail_address a;

    if (!envelope_next(&list, &a) || a.kind == ADDRESS_GROUP_END)
        return;
    e->texts[t] = collation_key(mem, a.kind == ADDRESS_MAILBOX ? a.local : a.name);
    if (t == KEY_SORT_FROM)
        e->texts[KEY_SHOWN_FROM] = shown(mem, &a);
    if (t == KEY_SORT_TO)
        e->texts[KEY_SHOWN_TO] = shown(mem, &a);
}

static void set_references(struct arena *mem, struct key_entry *e, const struct record *r)
{
    uint32_t count = MIN(r->reference_count, KEY_REFERENCES_MAX);
    uint64_t *hashes = ARENA_ARRAY(mem, uint64_t, count + 1);

    for (uint32_t i = 0; i < count; i++)
        hashes[i] = record_reference(r, r->reference_count - count + i);
    e->references = hashes;
    e->reference_count = count;
}

void key_entry_describe(struct arena *mem, const struct record *r, struct key_entry *e)
{
    for (size_t i = 0; i < KEY_TEXT_COUNT; i++)
        e->texts[i] = STR_EMPTY;
    e->facts = 0;
    set_search_texts(mem, e, r);
    e->texts[KEY_BASE_SUBJECT] = collation_key(mem, r->base_subject);
    set_sort_address(mem, e, r, ENVELOPE_FROM, KEY_SORT_FROM);
    set_sort_address(mem, e, r, ENVELOPE_TO, KEY_SORT_TO);
    set_sort_address(mem, e, r, ENVELOPE_CC, KEY_SORT_CC);
    set_references(mem, e, r);
    if (r->facts & RECORD_IS_REPLY)
        e->facts |= KEY_IS_REPLY;
    e->message_id_hash = r->facts & RECORD_HAS_MESSAGE_ID ? r->message_id_hash : 0;
    e->sent_s = r->facts & RECORD_HAS_DATE ? r->date_s : e->arrived_s;
    e->sent_zone_min = r->facts & RECORD_HAS_DATE ? r->date_zone_min : e->arrived_zone_min;
}

bool key_entry_equal(const struct key_entry *a, const struct key_entry *b)
{
    if (a->uid != b->uid || a->facts != b->facts || a->sent_zone_min != b->sent_zone_min ||
        a->arrived_zone_min != b->arrived_zone_min || a->email != b->email ||
        a->thread != b->thread || a->size != b->size || a->arrived_s != b->arrived_s ||
        a->saved_s != b->saved_s || a->sent_s != b->sent_s ||
        a->message_id_hash != b->message_id_hash || a->reference_count != b->reference_count)
        return false;
    for (uint32_t i = 0; i < a->reference_count; i++)
        if (a->references[i] != b->references[i])
            return false;
    for (size_t t = 0; t < KEY_TEXT_COUNT; t++)
        if (!str_eq(a->texts[t], b->texts[t]))
            return false;
    return true;
}

/* ---- where the columns stand ---- */

/* Takes the next `octets` of the row; null and `bad` past its end. */
struct layout {
    char *at;
    size_t left;
    bool bad;
};

static void *take(struct layout *l, size_t octets)
{
    char *here = l->at;

    if (octets > l->left) {
        l->bad = true;
        return NULL;
    }
    l->at += octets;
    l->left -= octets;
    return here;
}

/* Nothing is checked here but the lengths. The pointers are to const; the maker of a block writes
 * through the same places. */
static bool lay_out(struct key_block *b)
{
    struct layout l = { b->octets, b->octet_count, false };
    const struct block_head *head = take(&l, sizeof *head);
    size_t n;

    if (head == NULL)
        return false;
    n = b->count = head->count;
    b->email = take(&l, 8 * n);
    b->thread = take(&l, 8 * n);
    b->size = take(&l, 8 * n);
    b->arrived_s = take(&l, 8 * n);
    b->saved_s = take(&l, 8 * n);
    b->sent_s = take(&l, 8 * n);
    b->message_id_hash = take(&l, 8 * n);
    b->references = take(&l, 8 * (size_t)head->references);
    b->uid = take(&l, 4 * n);
    b->reference_at = take(&l, 4 * (n + 1));
    for (size_t t = 0; t < KEY_TEXT_COUNT; t++)
        b->text[t].at = head->text_octets[t] == 0 ? NULL : take(&l, 4 * (n + 1));
    b->facts = take(&l, 2 * n);
    b->sent_zone_min = take(&l, 2 * n);
    b->arrived_zone_min = take(&l, 2 * n);
    for (size_t t = 0; t < KEY_TEXT_COUNT; t++)
        b->text[t].octets = take(&l, head->text_octets[t]);
    return !l.bad && l.left == 0;
}

/* ---- opening ---- */

static bool places_ascend(const uint32_t *at, uint32_t count, uint32_t end)
{
    if (at[0] != 0 || at[count] != end)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (at[i] > at[i + 1])
            return false;
    return true;
}

static bool is_sound(const struct key_block *b, const struct block_head *head)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (b->uid[i] == 0 || (i > 0 && b->uid[i] <= b->uid[i - 1]))
            return false;
    if (b->uid[0] >> KEY_BLOCK_BITS != b->uid[b->count - 1] >> KEY_BLOCK_BITS ||
        !places_ascend(b->reference_at, b->count, head->references))
        return false;
    for (size_t t = 0; t < KEY_TEXT_COUNT; t++)
        if (b->text[t].at != NULL && !places_ascend(b->text[t].at, b->count, head->text_octets[t]))
            return false;
    return true;
}

static struct key_block *block_alloc(size_t octets)
{
    struct key_block *b = calloc(1, sizeof *b);

    if (b == NULL || (b->octets = malloc(octets)) == NULL)
        BUG("out of memory");
    b->octet_count = octets;
    return b;
}

enum err key_block_open(struct str octets, struct key_block **ret)
{
    struct block_head head;
    struct key_block *b;

    if (octets.len < sizeof head)
        return ERR_CORRUPT;
    memcpy(&head, octets.at, sizeof head);
    if (head.version != KEY_BLOCK_VERSION || head.mark != ORDER_MARK)
        return ERR_UNSUPPORTED;
    if (head.count == 0 || head.count > KEY_BLOCK_MAX)
        return ERR_CORRUPT;
    b = block_alloc(octets.len);
    memcpy(b->octets, octets.at, octets.len);
    if (!lay_out(b) || !is_sound(b, &head)) {
        key_block_free(b);
        return ERR_CORRUPT;
    }
    *ret = b;
    return OK;
}

void key_block_free(struct key_block *b)
{
    if (b == NULL)
        return;
    free(b->octets);
    free(b);
}

/* ---- making ---- */

static size_t measure(const struct key_entry *entries, uint32_t count, struct block_head *head)
{
    size_t octets = sizeof *head + (size_t)count * (7 * 8 + 4 + 3 * 2) + 4 * ((size_t)count + 1);

    for (uint32_t i = 0; i < count; i++) {
        head->references += entries[i].reference_count;
        for (size_t t = 0; t < KEY_TEXT_COUNT; t++)
            head->text_octets[t] += (uint32_t)entries[i].texts[t].len;
    }
    octets += 8 * (size_t)head->references;
    for (size_t t = 0; t < KEY_TEXT_COUNT; t++)
        if (head->text_octets[t] > 0)
            octets += head->text_octets[t] + 4 * ((size_t)count + 1);
    return octets;
}

/* The columns are const to everybody but the maker. */
#define COLUMN(type, column) ((type *)(uintptr_t)(column))

static void fill_numbers(struct key_block *b, uint32_t i, const struct key_entry *e,
                         uint32_t *references)
{
    COLUMN(uint64_t, b->email)[i] = e->email;
    COLUMN(uint64_t, b->thread)[i] = e->thread;
    COLUMN(uint64_t, b->size)[i] = e->size;
    COLUMN(int64_t, b->arrived_s)[i] = e->arrived_s;
    COLUMN(int64_t, b->saved_s)[i] = e->saved_s;
    COLUMN(int64_t, b->sent_s)[i] = e->sent_s;
    COLUMN(uint64_t, b->message_id_hash)[i] = e->message_id_hash;
    COLUMN(uint32_t, b->uid)[i] = e->uid;
    COLUMN(uint16_t, b->facts)[i] = e->facts;
    COLUMN(int16_t, b->sent_zone_min)[i] = e->sent_zone_min;
    COLUMN(int16_t, b->arrived_zone_min)[i] = e->arrived_zone_min;
    for (uint32_t r = 0; r < e->reference_count; r++)
        COLUMN(uint64_t, b->references)[*references + r] = e->references[r];
    *references += e->reference_count;
    COLUMN(uint32_t, b->reference_at)[i + 1] = *references;
}

static void fill_text(struct key_block *b, enum key_text t, const struct key_entry *entries)
{
    uint32_t *at = COLUMN(uint32_t, b->text[t].at), place = 0;

    if (at == NULL)
        return;
    for (uint32_t i = 0; i < b->count; i++) {
        struct str text = entries[i].texts[t];

        at[i] = place;
        if (text.len > 0)
            memcpy(COLUMN(char, b->text[t].octets) + place, text.at, text.len);
        place += (uint32_t)text.len;
    }
    at[b->count] = place;
}

struct key_block *key_block_new(const struct key_entry *entries, uint32_t count)
{
    struct block_head head = { .version = KEY_BLOCK_VERSION, .mark = ORDER_MARK, .count = count };
    struct key_block *b = block_alloc(measure(entries, count, &head));
    uint32_t references = 0;

    BUG_ON(count == 0 || count > KEY_BLOCK_MAX);
    memcpy(b->octets, &head, sizeof head);
    BUG_ON(!lay_out(b));
    COLUMN(uint32_t, b->reference_at)[0] = 0;
    for (uint32_t i = 0; i < count; i++)
        fill_numbers(b, i, &entries[i], &references);
    for (size_t t = 0; t < KEY_TEXT_COUNT; t++)
        fill_text(b, (enum key_text)t, entries);
    return b;
}

/* ---- reading ---- */

struct key_entry key_block_entry(const struct key_block *b, uint32_t i)
{
    struct key_entry e = {
        .uid = b->uid[i],
        .facts = b->facts[i],
        .sent_zone_min = b->sent_zone_min[i],
        .arrived_zone_min = b->arrived_zone_min[i],
        .email = b->email[i],
        .thread = b->thread[i],
        .size = b->size[i],
        .arrived_s = b->arrived_s[i],
        .saved_s = b->saved_s[i],
        .sent_s = b->sent_s[i],
        .message_id_hash = b->message_id_hash[i],
        .references = b->references + b->reference_at[i],
        .reference_count = b->reference_at[i + 1] - b->reference_at[i],
    };

    for (size_t t = 0; t < KEY_TEXT_COUNT; t++)
        e.texts[t] = key_block_text(b, (enum key_text)t, i);
    return e;
}

uint32_t key_block_at_or_after(const struct key_block *b, uint32_t uid)
{
    uint32_t low = 0, high = b->count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (b->uid[mid] < uid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}
