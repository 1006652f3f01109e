/* message/order/thread_tree.c - messages joined to threads.
 *
 * A node is a message or a dummy: an id that somebody refers to and no message has. First the links
 * of RFC 5256's step 1 are made between nodes. Then every message is hung directly below the
 * nearest message above it, which is what pruning the dummies comes to; only at the root a dummy
 * stays that holds several. All siblings are put in order by one sort of all nodes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/order/thread_tree.h"

#include "base/codec.h"

#define NONE UINT32_MAX

struct slot {
    uint64_t id;
    uint32_t node; /* NONE: free */
};

struct threads {
    const struct thread_message *messages;
    uint32_t count; /* of messages: nodes [0, count) */
    uint32_t nodes, cap;
    uint32_t *parent, *children; /* children: how many */
    uint32_t *joined;            /* union-find over nodes that were linked at some time */
    uint32_t *first_child, *next;
    uint32_t *key; /* of a node: the message whose date and number sort it; NONE: it is gone */
    struct slot *slots;
    uint32_t slot_mask;
    uint64_t seed, steps_left;
};

static void *new_array(size_t count, size_t size)
{
    void *at = calloc(count + 1, size);

    if (at == NULL)
        BUG("out of memory");
    return at;
}

static uint32_t *new_nones(uint32_t count)
{
    uint32_t *at = new_array(count, sizeof *at);

    memset(at, 0xff, (size_t)count * sizeof *at);
    return at;
}

/* ---- ids ---- */

/* Senders choose ids, and the hash of an id is no secret: the seed is, so that nobody can make all
 * of them fall into one place. */
static uint64_t mix(uint64_t v)
{
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ULL;
    v = (v ^ v >> 27) * 0x94d049bb133111ebULL;
    return v ^ v >> 31;
}

static struct slot *find_slot(struct threads *t, uint64_t id)
{
    uint64_t at = mix(mix(id ^ t->seed) + t->seed);

    while (t->slots[at & t->slot_mask].node != NONE && t->slots[at & t->slot_mask].id != id)
        at++;
    return &t->slots[at & t->slot_mask];
}

/* The node of an id: the first message that has it, or a dummy. */
static uint32_t node_of_id(struct threads *t, uint64_t id)
{
    struct slot *slot = find_slot(t, id);

    if (slot->node == NONE)
        *slot = (struct slot){ id, t->nodes++ };
    return slot->node;
}

/* ---- links ---- */

static uint32_t group_of(struct threads *t, uint32_t n)
{
    while (t->joined[n] != n) {
        t->joined[n] = t->joined[t->joined[n]];
        n = t->joined[n];
    }
    return n;
}

/* Is `child` an ancestor of `parent`, or itself? Mostly one of the two quick answers holds: nothing
 * is below the child, or the two were never in one tree. */
static bool closes_loop(struct threads *t, uint32_t parent, uint32_t child)
{
    if (parent == child)
        return true;
    if (t->children[child] == 0 || group_of(t, parent) != group_of(t, child))
        return false;
    for (uint32_t n = parent; n != NONE; n = t->parent[n]) {
        if (n == child || t->steps_left == 0)
            return true;
        t->steps_left--;
    }
    return false;
}

static void cut(struct threads *t, uint32_t child)
{
    if (t->parent[child] != NONE)
        t->children[t->parent[child]]--;
    t->parent[child] = NONE;
}

static void link_nodes(struct threads *t, uint32_t parent, uint32_t child)
{
    if (closes_loop(t, parent, child))
        return;
    t->parent[child] = parent;
    t->children[parent]++;
    t->joined[group_of(t, child)] = group_of(t, parent);
}

/* Step 1 for one message. */
static void link_message(struct threads *t, uint32_t m)
{
    const struct thread_message *message = &t->messages[m];
    uint32_t before = NONE;

    for (uint32_t i = 0; i < message->reference_count; i++) {
        uint32_t n = node_of_id(t, message->references[i]);

        if (before != NONE && t->parent[n] == NONE)
            link_nodes(t, before, n);
        before = n;
    }
    cut(t, m);
    if (before != NONE)
        link_nodes(t, before, m);
}

static void make_links(struct threads *t)
{
    for (uint32_t m = 0; m < t->count; m++) {
        struct slot *slot;

        if (t->messages[m].id == 0)
            continue;
        slot = find_slot(t, t->messages[m].id);
        if (slot->node == NONE)
            *slot = (struct slot){ t->messages[m].id, m };
    }
    t->nodes = t->count;
    for (uint32_t m = 0; m < t->count; m++)
        link_message(t, m);
}

/* ---- pruning ---- */

/* What is above a dummy once dummies are gone: a message, or the highest dummy itself. Every dummy
 * on the way remembers it in `above`. */
static uint32_t settle(struct threads *t, uint32_t dummy, uint32_t *above)
{
    uint32_t top = dummy, found;

    while (top >= t->count && above[top] == NONE && t->parent[top] != NONE)
        top = t->parent[top];
    found = top < t->count || above[top] == NONE ? top : above[top];
    for (uint32_t n = dummy; n >= t->count && above[n] == NONE; n = t->parent[n]) {
        above[n] = found;
        if (t->parent[n] == NONE)
            break;
    }
    return found;
}

/* Afterwards the parent of a message is a message, a dummy at the root that holds several, or none;
 * all other dummies have no children. */
static void prune(struct threads *t)
{
    uint32_t *above = new_nones(t->nodes);
    uint32_t *settled = new_nones(t->count);

    for (uint32_t m = 0; m < t->count; m++) {
        uint32_t p = t->parent[m];

        settled[m] = p == NONE || p < t->count ? p : settle(t, p, above);
    }
    memset(t->children, 0, t->nodes * sizeof *t->children);
    for (uint32_t m = 0; m < t->count; m++)
        if (settled[m] != NONE)
            t->children[settled[m]]++;
    for (uint32_t m = 0; m < t->count; m++) {
        uint32_t p = settled[m];
        bool promoted = p != NONE && p >= t->count && t->children[p] == 1;

        t->parent[m] = promoted ? NONE : p;
    }
    for (uint32_t n = t->count; n < t->nodes; n++) {
        t->parent[n] = NONE;
        if (t->children[n] == 1)
            t->children[n] = 0;
    }
    free(above);
    free(settled);
}

/* ---- order ---- */

static bool is_before(const struct threads *t, uint32_t a, uint32_t b)
{
    int64_t x = t->messages[a].sent_s, y = t->messages[b].sent_s;

    return x != y ? x < y : a < b;
}

/* A dummy is sorted by its first child. */
static void set_keys(struct threads *t)
{
    for (uint32_t n = 0; n < t->nodes; n++)
        t->key[n] = n < t->count ? n : NONE;
    for (uint32_t m = 0; m < t->count; m++) {
        uint32_t p = t->parent[m];

        if (p != NONE && p >= t->count && (t->key[p] == NONE || is_before(t, m, t->key[p])))
            t->key[p] = m;
    }
}

struct dated {
    int64_t date;
    uint32_t number, node;
};

static int by_date(const void *pa, const void *pb)
{
    const struct dated *a = pa, *b = pb;

    if (a->date != b->date)
        return a->date < b->date ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

/* The nodes that are there, in the order of siblings; at the root only with `roots`. */
static struct dated *sorted_nodes(const struct threads *t, bool roots, uint32_t *ret_count)
{
    struct dated *list = new_array(t->nodes, sizeof *list);
    uint32_t count = 0;

    for (uint32_t n = 0; n < t->nodes; n++)
        if (t->key[n] != NONE && (!roots || t->parent[n] == NONE))
            list[count++] = (struct dated){ t->messages[t->key[n]].sent_s, t->key[n], n };
    qsort(list, count, sizeof *list, by_date);
    *ret_count = count;
    return list;
}

/* ---- step 5: subjects ---- */

static bool is_dummy(const struct threads *t, uint32_t n)
{
    return n >= t->count;
}

static const struct thread_message *subject_of(const struct threads *t, uint32_t n)
{
    return &t->messages[t->key[n]];
}

static void fill_table(const struct threads *t, const struct dated *roots, uint32_t count,
                       uint32_t *table)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = roots[i].node;
        const struct thread_message *s = subject_of(t, n);
        uint32_t *there = &table[s->subject];

        if (s->subject_empty)
            continue;
        if (*there == NONE ||
            (!is_dummy(t, *there) &&
             (is_dummy(t, n) || (subject_of(t, *there)->is_reply && !s->is_reply))))
            *there = n;
    }
}

/* `moved`: dummies whose children another dummy has taken. */
static void merge_root(struct threads *t, uint32_t n, uint32_t *there, uint32_t *moved)
{
    const struct thread_message *s = subject_of(t, n);

    if (is_dummy(t, *there) && is_dummy(t, n)) {
        moved[n] = *there;
    } else if (is_dummy(t, *there) || (s->is_reply && !subject_of(t, *there)->is_reply)) {
        t->parent[n] = *there;
    } else {
        uint32_t dummy = t->nodes++;

        t->parent[dummy] = NONE;
        t->key[dummy] = t->key[*there];
        t->parent[n] = t->parent[*there] = dummy;
        *there = dummy;
    }
}

static void merge_subjects(struct threads *t)
{
    uint32_t count, ranks = 0, *table, *moved = new_nones(t->cap);
    struct dated *roots = sorted_nodes(t, true, &count);

    for (uint32_t m = 0; m < t->count; m++)
        ranks = MAX(ranks, t->messages[m].subject + 1);
    table = new_nones(ranks);
    fill_table(t, roots, count, table);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = roots[i].node;
        const struct thread_message *s = subject_of(t, n);

        if (!s->subject_empty && table[s->subject] != n)
            merge_root(t, n, &table[s->subject], moved);
    }
    for (uint32_t m = 0; m < t->count; m++)
        if (t->parent[m] != NONE && moved[t->parent[m]] != NONE)
            t->parent[m] = moved[t->parent[m]];
    free(table);
    free(moved);
    free(roots);
}

/* ---- the result ---- */

static void put_token(struct buf *out, uint64_t token)
{
    put_varint(out, token);
}

/* One thread. `stack` holds, for every open list of siblings, the next of them. */
static void put_thread(const struct threads *t, uint32_t root, uint32_t *stack, struct buf *out)
{
    uint32_t depth = 0, n = root;

    put_token(out, THREAD_OPEN);
    for (;;) {
        uint32_t child = t->first_child[n];

        if (!is_dummy(t, n))
            put_token(out, (uint64_t)t->messages[n].uid + 1);
        if (child != NONE && t->next[child] == NONE) {
            n = child;
            continue;
        }
        if (child != NONE) {
            stack[depth++] = t->next[child];
            put_token(out, THREAD_OPEN);
            n = child;
            continue;
        }
        put_token(out, THREAD_CLOSE);
        while (depth > 0 && stack[depth - 1] == NONE) {
            depth--;
            put_token(out, THREAD_CLOSE);
        }
        if (depth == 0)
            return;
        n = stack[depth - 1];
        stack[depth - 1] = t->next[n];
        put_token(out, THREAD_OPEN);
    }
}

/* From last to first, so that each list is built from its end. */
static void hang_up(struct threads *t, const struct dated *list, uint32_t count)
{
    memset(t->first_child, 0xff, t->nodes * sizeof *t->first_child);
    memset(t->next, 0xff, t->nodes * sizeof *t->next);
    for (uint32_t i = count; i > 0; i--) {
        uint32_t n = list[i - 1].node, p = t->parent[n];

        if (p == NONE)
            continue;
        t->next[n] = t->first_child[p];
        t->first_child[p] = n;
    }
}

/* The most recent date below each root, by its root's node. */
static void date_by_newest(struct threads *t, struct dated *roots, uint32_t count)
{
    uint32_t *root_of = new_nones(t->nodes);
    int64_t *newest = new_array(t->nodes, sizeof *newest);

    for (uint32_t n = 0; n < t->nodes; n++)
        newest[n] = INT64_MIN;
    for (uint32_t m = 0; m < t->count; m++) {
        uint32_t top = m, root;

        while (root_of[top] == NONE && t->parent[top] != NONE)
            top = t->parent[top];
        root = root_of[top] == NONE ? top : root_of[top];
        for (uint32_t n = m; root_of[n] == NONE; n = t->parent[n]) {
            root_of[n] = root;
            if (n == root)
                break;
        }
        newest[root] = MAX(newest[root], t->messages[m].sent_s);
    }
    for (uint32_t i = 0; i < count; i++)
        roots[i].date = newest[roots[i].node];
    qsort(roots, count, sizeof *roots, by_date);
    free(root_of);
    free(newest);
}

static void put_threads(struct threads *t, bool newest, struct buf *out)
{
    uint32_t count, *stack = new_array(t->nodes, sizeof *stack);
    struct dated *list;

    set_keys(t);
    list = sorted_nodes(t, false, &count);
    hang_up(t, list, count);
    free(list);
    list = sorted_nodes(t, true, &count);
    if (newest)
        date_by_newest(t, list, count);
    for (uint32_t i = 0; i < count; i++)
        put_thread(t, list[i].node, stack, out);
    free(list);
    free(stack);
}

/* ---- by references ---- */

static void threads_init(struct threads *t, const struct thread_message *messages, uint32_t count,
                         uint64_t seed)
{
    uint64_t ids = count;
    uint32_t slots = 16;

    for (uint32_t m = 0; m < count; m++)
        ids += messages[m].reference_count;
    BUG_ON(ids > UINT32_MAX / 4);
    while (slots < 2 * ids)
        slots *= 2;
    *t = (struct threads){ .messages = messages,
                           .count = count,
                           .cap = (uint32_t)ids + count, /* step 5 makes one dummy a thread */
                           .slot_mask = slots - 1,
                           .seed = seed,
                           .steps_left = (uint64_t)count * THREAD_STEPS_PER_MESSAGE };
    t->slots = new_array(slots, sizeof *t->slots);
    for (uint32_t i = 0; i < slots; i++)
        t->slots[i].node = NONE;
    t->parent = new_nones(t->cap);
    t->children = new_array(t->cap, sizeof *t->children);
    t->joined = new_array(t->cap, sizeof *t->joined);
    for (uint32_t i = 0; i < t->cap; i++)
        t->joined[i] = i;
    t->first_child = new_nones(t->cap);
    t->next = new_nones(t->cap);
    t->key = new_nones(t->cap);
}

static void threads_deinit(struct threads *t)
{
    free(t->slots);
    free(t->parent);
    free(t->children);
    free(t->joined);
    free(t->first_child);
    free(t->next);
    free(t->key);
}

static void by_references(const struct thread_message *messages, uint32_t count, uint64_t seed,
                          bool refs, struct buf *out)
{
    struct threads t;

    threads_init(&t, messages, count, seed);
    make_links(&t);
    prune(&t);
    if (!refs) {
        set_keys(&t);
        merge_subjects(&t);
    }
    put_threads(&t, refs, out);
    threads_deinit(&t);
}

/* ---- by subject ---- */

static int by_subject(const void *pa, const void *pb)
{
    const struct thread_message *a = *(const struct thread_message *const *)pa;
    const struct thread_message *b = *(const struct thread_message *const *)pb;

    if (a->subject != b->subject)
        return a->subject < b->subject ? -1 : 1;
    if (a->sent_s != b->sent_s)
        return a->sent_s < b->sent_s ? -1 : 1;
    return (a > b) - (a < b);
}

/* The first of each subject, in the order of dates; `node` is its place in `list`. */
static struct dated *subject_heads(const struct thread_message **list, uint32_t count,
                                   uint32_t *ret_count)
{
    struct dated *heads = new_array(count, sizeof *heads);
    uint32_t made = 0;

    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || list[i]->subject != list[i - 1]->subject)
            heads[made++] = (struct dated){ list[i]->sent_s, 0, i };
    for (uint32_t i = 0; i < made; i++)
        heads[i].number = list[heads[i].node]->uid;
    qsort(heads, made, sizeof *heads, by_date);
    *ret_count = made;
    return heads;
}

static void by_ordered_subject(const struct thread_message *messages, uint32_t count,
                               struct buf *out)
{
    const struct thread_message **list = new_array(count, sizeof(*list));
    struct dated *heads;
    uint32_t head_count;

    for (uint32_t i = 0; i < count; i++)
        list[i] = &messages[i];
    qsort(list, count, sizeof(*list), by_subject);
    heads = subject_heads(list, count, &head_count);
    for (uint32_t h = 0; h < head_count; h++) {
        uint32_t i = heads[h].node, end = i + 1;

        while (end < count && list[end]->subject == list[i]->subject)
            end++;
        put_token(out, THREAD_OPEN);
        put_token(out, (uint64_t)list[i]->uid + 1);
        for (uint32_t c = i + 1; c < end; c++) {
            if (end - i > 2)
                put_token(out, THREAD_OPEN);
            put_token(out, (uint64_t)list[c]->uid + 1);
            if (end - i > 2)
                put_token(out, THREAD_CLOSE);
        }
        put_token(out, THREAD_CLOSE);
    }
    free(heads);
    free(list);
}

void thread_messages(enum thread_algorithm algorithm, const struct thread_message *messages,
                     uint32_t count, uint64_t seed, struct buf *out)
{
    if (count == 0)
        return;
    if (algorithm == THREAD_ORDEREDSUBJECT)
        by_ordered_subject(messages, count, out);
    else
        by_references(messages, count, seed, algorithm == THREAD_REFS, out);
}
