/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/segment.h"

enum { FILES_KEPT_OPEN = 128, NAME_BYTES = 64, HARDEN_PIECE_BYTES = 256 * 1024 };

static struct str name_of(char out[NAME_BYTES], uint64_t number)
{
    (void)snprintf(out, NAME_BYTES, JOURNAL_FOLDER "/seg-%016llx", (unsigned long long)number);
    return str_from_z(out);
}

/* The number in a file name like seg-000000000000001f. */
static bool parse_name(struct str name, uint64_t *ret)
{
    uint64_t n = 0;

    if (name.len != 20 || !str_starts(name, STR("seg-")))
        return false;
    for (size_t i = 4; i < name.len; i++) {
        char c = name.at[i];

        if (ascii_is_digit(c))
            n = n << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            n = n << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret = n;
    return true;
}

static struct segment *append(struct segments *s, uint64_t number)
{
    struct segment *g = calloc(1, sizeof(*g));

    if (s->count == s->cap) {
        s->cap = s->cap == 0 ? 16 : s->cap * 2;
        s->list = realloc(s->list, s->cap * sizeof(struct segment *));
    }
    if (g == NULL || s->list == NULL)
        BUG("out of memory");
    g->number = number;
    s->list[s->count++] = g;
    return g;
}

static void drop(struct segments *s, struct segment *g)
{
    size_t i = 0;

    while (s->list[i] != g)
        i++;
    memmove(&s->list[i], &s->list[i + 1], (s->count - i - 1) * sizeof(struct segment *));
    s->count--;
    if (g->file != NULL)
        s->open--;
    file_close(g->file);
    free(g);
}

static enum err read_head(struct segments *s, struct segment *g, bool *ret_good,
                          struct errinfo *why)
{
    char head[SEGMENT_HEAD_BYTES];
    enum err e;

    if ((e = segment_pin(s, g, why)) != OK)
        return e;
    *ret_good = false;
    e = file_size(g->file, &g->size, why);
    if (e == OK && g->size >= SEGMENT_HEAD_BYTES)
        e = file_pread(g->file, 0, head, sizeof(head), why);
    if (e == OK && g->size >= SEGMENT_HEAD_BYTES) {
        *ret_good = segment_head_decode(str_from(head, sizeof(head)), &g->head) &&
                    g->head.number == g->number;
        g->head_checksum = segment_head_checksum(head);
    }
    segment_unpin(s, g);
    return e;
}

static enum err open_one(struct segments *s, uint64_t number, bool last, struct errinfo *why)
{
    struct segment *g = append(s, number);
    bool good;
    enum err e = read_head(s, g, &good, why);

    if (e != OK || good)
        return e;
    /* The head is durable before the first record is written, so a file that is longer has lost
     * something, and one that is not can only be an unfinished beginning. */
    if (!last || g->size > SEGMENT_HEAD_BYTES)
        return err_set(why, ERR_CORRUPT, "segment %llx: bad head", (unsigned long long)number);

    char name[NAME_BYTES];
    drop(s, g);
    if ((e = fs_remove(s->fs, name_of(name, number), why)) != OK)
        return e;
    return fs_sync_folder(s->fs, STR(JOURNAL_FOLDER), why);
}

enum err segments_open(struct segments *s, struct fs *fs, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct str *names;
    size_t count;
    uint64_t number;
    enum err e;

    s->fs = fs;
    e = fs_make_folder(fs, STR(JOURNAL_FOLDER), why);
    if (e == OK)
        e = fs_sync_folder(fs, STR(""), why);
    else if (e == ERR_EXISTS)
        e = OK;
    if (e != OK || (e = fs_list(fs, STR(JOURNAL_FOLDER), tmp, &names, &count)) != OK)
        return e;

    /* The list is sorted, and the names sort like their numbers. */
    size_t last = count;
    for (size_t i = 0; i < count; i++)
        if (parse_name(names[i], &number))
            last = i;
    for (size_t i = 0; i < count; i++)
        if (parse_name(names[i], &number) && (e = open_one(s, number, i == last, why)) != OK)
            return e;
    return OK;
}

void segments_close(struct segments *s)
{
    for (size_t i = 0; i < s->count; i++) {
        file_close(s->list[i]->file);
        free(s->list[i]);
    }
    free(s->list);
    *s = (struct segments){ 0 };
}

struct segment *segments_find(const struct segments *s, uint64_t number)
{
    size_t low = 0, high = s->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (s->list[mid]->number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->count && s->list[low]->number == number ? s->list[low] : NULL;
}

enum err segments_add(struct segments *s, const struct segment_head *head, struct errinfo *why)
{
    char name[NAME_BYTES], octets[SEGMENT_HEAD_BYTES];
    struct file *f;
    struct errinfo ignored;
    enum err e;

    /* A file of that number can only be left from an attempt that failed before it held anything.
     */
    e = fs_open(s->fs, name_of(name, head->number), FILE_CREATE, &f, why);
    if (e != OK)
        return e;
    segment_head_encode(octets, head);
    if ((e = file_truncate(f, 0, why)) == OK &&
        (e = file_pwrite(f, 0, str_from(octets, sizeof(octets)), why)) == OK &&
        (e = file_sync(f, why)) == OK)
        e = fs_sync_folder(s->fs, STR(JOURNAL_FOLDER), why);
    if (e != OK) {
        file_close(f);
        (void)!fs_remove(s->fs, name_of(name, head->number), &ignored);
        return e;
    }
    /* Without room for the whole segment the writes themselves will say so, one by one. */
    (void)!file_reserve(f, SEGMENT_HEAD_BYTES, s->reserve_bytes, &ignored);

    struct segment *g = append(s, head->number);
    g->file = f;
    g->head = *head;
    g->size = SEGMENT_HEAD_BYTES;
    g->head_checksum = segment_head_checksum(octets);
    g->touched = true;
    s->open++;
    return OK;
}

/* Closes the unpinned file that was used longest ago. */
static void close_oldest(struct segments *s)
{
    struct segment *oldest = NULL;

    for (size_t i = 0; i < s->count; i++) {
        struct segment *g = s->list[i];

        if (g->file != NULL && g->pins == 0 && (oldest == NULL || g->last_use < oldest->last_use))
            oldest = g;
    }
    if (oldest == NULL)
        return;
    file_close(oldest->file);
    oldest->file = NULL;
    s->open--;
}

enum err segment_pin(struct segments *s, struct segment *g, struct errinfo *why)
{
    char name[NAME_BYTES];
    enum err e;

    if (g->file == NULL) {
        if (s->open >= FILES_KEPT_OPEN)
            close_oldest(s);
        if ((e = fs_open(s->fs, name_of(name, g->number), FILE_WRITE, &g->file, why)) != OK)
            return e;
        s->open++;
    }
    g->last_use = ++s->uses;
    g->pins++;
    return OK;
}

/* A removal counts only when it is durable: were the file to come back after a crash when graves
 * that guarded against its old rows are gone, a rebuild would revive those rows. So a segment whose
 * removal failed stays in the list, where compaction sees it; the next start tries again. */
static void remove_doomed(struct segments *s, struct segment *g)
{
    char name[NAME_BYTES];
    struct errinfo ignored;

    if (fs_remove(s->fs, name_of(name, g->number), &ignored) == OK &&
        fs_sync_folder(s->fs, STR(JOURNAL_FOLDER), &ignored) == OK)
        drop(s, g);
}

void segment_unpin(struct segments *s, struct segment *g)
{
    BUG_ON(g->pins == 0);
    g->pins--;
    if (g->pins == 0 && g->doomed)
        remove_doomed(s, g);
}

enum err segment_harden(struct segments *s, struct segment *g, uint64_t from, struct errinfo *why)
{
    enum err e = segment_pin(s, g, why);

    if (e != OK)
        return e;
    SCRATCH(tmp, NULL);
    char *piece = arena_alloc(tmp, HARDEN_PIECE_BYTES);
    for (uint64_t at = from; at < g->size && e == OK; at += HARDEN_PIECE_BYTES) {
        size_t len = (size_t)MIN(g->size - at, (uint64_t)HARDEN_PIECE_BYTES);

        if ((e = file_pread(g->file, at, piece, len, why)) == OK)
            e = file_pwrite(g->file, at, str_from(piece, len), why);
    }
    if (e == OK && (e = file_sync(g->file, why)) == OK)
        e = fs_sync_folder(s->fs, STR(JOURNAL_FOLDER), why);
    segment_unpin(s, g);
    return e;
}

void segment_doom(struct segments *s, struct segment *g)
{
    g->doomed = true;
    if (g->pins == 0)
        remove_doomed(s, g);
}

void segment_counters_encode(struct buf *out, const struct segment *g)
{
    put_varint(out, g->body_bytes);
    put_varint(out, g->live_bytes);
    put_varint(out, g->kv_bytes);
    put_varint(out, g->grave_bytes);
}

bool segment_counters_decode(struct str in, struct segment *g)
{
    struct reader r = reader_of(in);

    g->body_bytes = get_varint(&r);
    g->live_bytes = get_varint(&r);
    g->kv_bytes = get_varint(&r);
    g->grave_bytes = get_varint(&r);
    return reader_done(&r);
}

uint64_t segments_bytes(const struct segments *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->count; i++)
        sum += s->list[i]->size;
    return sum;
}
