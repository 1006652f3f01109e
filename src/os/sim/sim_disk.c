/* os/sim/sim_disk.c - a disk that forgets what was not synced.
 *
 * An inode has its octets as programs see them and as they would be found after a power cut. What
 * was written since the last sync is a list of ranges; a sync copies them over; a power cut copies
 * some of their 4 KiB pieces, each chosen by the seed. Names are a table twice over: creations,
 * removals and renames wait in order until their folder is synced, and a power cut carries out some
 * of them. A failed sync forgets its ranges, as the kernel does: they are visible until the power
 * cut and are not synced by the next sync either. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sim/world.h"

enum { PIECE_BYTES = 4096 };

static const uint64_t free_at_start = 1ULL << 40;

struct image {
    char *at;
    size_t len, cap;
};

struct range {
    uint64_t offset, len; /* written; or, when `cut`, the file ended at `offset` from then on */
    bool cut;
};

struct inode {
    unsigned refs; /* handles, names, waiting changes */
    bool folder;
    struct image now, durable;
    struct range *ranges;
    size_t range_count;
};

struct name {
    struct str path;
    struct inode *inode;
};

struct names {
    struct name *at; /* sorted by path */
    size_t count;
};

/* A change of names that is not durable: `inode` left `from`, or appeared at `to`, or both. */
struct change {
    struct str from, to; /* empty: none */
    struct inode *inode;
};

struct sim_disk {
    struct sim *sim;
    struct names now, durable;
    struct change *changes;
    size_t change_count;
    uint64_t free;
};

struct sim_fs {
    struct fs base;
    struct sim_disk *disk;
};

struct sim_file {
    struct file base;
    struct sim_disk *disk;
    struct inode *inode;
    bool writable;
};

static const struct fs_ops sim_fs_ops;
static const struct file_ops sim_file_ops;

/* ---- inodes ---- */

static struct inode *inode_new(bool folder)
{
    struct inode *i = os_new(sizeof *i);

    i->folder = folder;
    return i;
}

static struct inode *inode_ref(struct inode *i)
{
    i->refs++;
    return i;
}

static void inode_unref(struct inode *i)
{
    if (--i->refs > 0)
        return;
    free(i->now.at);
    free(i->durable.at);
    free(i->ranges);
    free(i);
}

/* Octets that come into being are zero. */
static void image_set_len(struct image *m, size_t len)
{
    if (len > m->cap) {
        m->cap = MAX(len, m->cap * 2);
        m->at = os_grow(m->at, m->cap, 1);
    }
    if (len > m->len)
        memset(m->at + m->len, 0, len - m->len);
    m->len = len;
}

static void add_range(struct inode *i, struct range r)
{
    struct range *last = i->range_count == 0 ? NULL : &i->ranges[i->range_count - 1];

    if (last != NULL && !r.cut && !last->cut && last->offset + last->len == r.offset &&
        last->len < PIECE_BYTES) {
        last->len += r.len;
        return;
    }
    i->ranges = os_grow(i->ranges, i->range_count + 1, sizeof r);
    i->ranges[i->range_count++] = r;
}

/* Copies octets [from, to) of what programs see to what is durable, as far as they still exist. */
static void make_durable(struct inode *i, uint64_t from, uint64_t to)
{
    to = MIN(to, (uint64_t)i->now.len);
    if (from >= to)
        return;
    if (i->durable.len < to)
        image_set_len(&i->durable, (size_t)to);
    memcpy(i->durable.at + from, i->now.at + from, (size_t)(to - from));
}

static void sync_inode(struct inode *i)
{
    for (size_t k = 0; k < i->range_count; k++) {
        struct range r = i->ranges[k];

        if (!r.cut)
            make_durable(i, r.offset, r.offset + r.len);
        else if (r.offset < i->durable.len)
            i->durable.len = (size_t)r.offset;
        else
            image_set_len(&i->durable, (size_t)r.offset);
    }
    i->range_count = 0;
}

/* Each piece of each write reaches the disk or not; then what is durable is what there is. */
static void lose_some(struct sim *s, struct inode *i)
{
    for (size_t k = 0; k < i->range_count; k++) {
        struct range r = i->ranges[k];
        uint64_t end = r.offset + r.len, next;

        if (r.cut && sim_random(s, 2) == 0)
            image_set_len(&i->durable, (size_t)r.offset);
        for (uint64_t at = r.offset; !r.cut && at < end; at = next) {
            next = MIN((at / PIECE_BYTES + 1) * PIECE_BYTES, end);
            if (sim_random(s, 2) == 0)
                make_durable(i, at, next);
        }
    }
    i->range_count = 0;
    image_set_len(&i->now, 0);
    image_set_len(&i->now, i->durable.len);
    if (i->durable.len > 0)
        memcpy(i->now.at, i->durable.at, i->durable.len);
}

/* ---- names ---- */

static struct str copy_path(struct str path)
{
    char *at = os_grow(NULL, path.len + 1, 1);

    if (path.len > 0)
        memcpy(at, path.at, path.len);
    return str_from(at, path.len);
}

static void free_path(struct str path)
{
    free((void *)(uintptr_t)path.at);
}

/* Where `path` is, or belongs. */
static size_t names_place(const struct names *n, struct str path, bool *ret_there)
{
    size_t low = 0, high = n->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_cmp(n->at[middle].path, path);

        if (order == 0) {
            *ret_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_there = false;
    return low;
}

static struct inode *names_find(const struct names *n, struct str path)
{
    bool there;
    size_t at = names_place(n, path, &there);

    return there ? n->at[at].inode : NULL;
}

static void names_remove(struct names *n, struct str path)
{
    bool there;
    size_t at = names_place(n, path, &there);

    if (!there)
        return;
    free_path(n->at[at].path);
    inode_unref(n->at[at].inode);
    n->count--;
    memmove(n->at + at, n->at + at + 1, (n->count - at) * sizeof *n->at);
}

static void names_put(struct names *n, struct str path, struct inode *i)
{
    bool there;

    (void)inode_ref(i);
    names_remove(n, path);
    size_t at = names_place(n, path, &there);
    n->at = os_grow(n->at, n->count + 1, sizeof *n->at);
    memmove(n->at + at + 1, n->at + at, (n->count - at) * sizeof *n->at);
    n->at[at] = (struct name){ copy_path(path), i };
    n->count++;
}

static void names_clear(struct names *n)
{
    for (size_t i = 0; i < n->count; i++) {
        free_path(n->at[i].path);
        inode_unref(n->at[i].inode);
    }
    free(n->at);
    *n = (struct names){ NULL, 0 };
}

static struct str folder_of(struct str path)
{
    size_t slash = str_find_char_last(path, '/');

    return slash == STR_NOT_FOUND ? STR_EMPTY : str_take(path, slash);
}

static bool folder_exists(const struct names *n, struct str folder)
{
    struct inode *i = folder.len == 0 ? NULL : names_find(n, folder);

    return folder.len == 0 || (i != NULL && i->folder);
}

/* ---- changes of names that wait for a sync ---- */

static void add_change(struct sim_disk *d, struct str from, struct str to, struct inode *i)
{
    d->changes = os_grow(d->changes, d->change_count + 1, sizeof *d->changes);
    d->changes[d->change_count++] = (struct change){ copy_path(from), copy_path(to), inode_ref(i) };
}

static void apply_change(struct sim_disk *d, const struct change *c)
{
    if (c->from.len > 0 && names_find(&d->durable, c->from) == c->inode)
        names_remove(&d->durable, c->from);
    if (c->to.len > 0)
        names_put(&d->durable, c->to, c->inode);
}

static void drop_change(struct change *c)
{
    free_path(c->from);
    free_path(c->to);
    inode_unref(c->inode);
}

/* A rename is durable when the folder of its new name is synced, a removal with the old one. */
static bool belongs_to(const struct change *c, struct str folder)
{
    return str_eq(folder_of(c->to.len > 0 ? c->to : c->from), folder);
}

static void sync_names(struct sim_disk *d, struct str folder)
{
    size_t kept = 0;

    for (size_t i = 0; i < d->change_count; i++) {
        if (!belongs_to(&d->changes[i], folder)) {
            d->changes[kept++] = d->changes[i];
            continue;
        }
        apply_change(d, &d->changes[i]);
        drop_change(&d->changes[i]);
    }
    d->change_count = kept;
}

/* Names whose folder did not survive are out of reach. */
static void drop_orphans(struct names *n)
{
    for (size_t i = 0; i < n->count;)
        if (folder_exists(n, folder_of(n->at[i].path)))
            i++;
        else
            names_remove(n, n->at[i].path);
}

void sim_disk_lose_unsynced(struct sim_disk *d)
{
    for (size_t i = 0; i < d->change_count; i++) {
        if (sim_random(d->sim, 2) == 0)
            apply_change(d, &d->changes[i]);
        drop_change(&d->changes[i]);
    }
    d->change_count = 0;
    drop_orphans(&d->durable);
    names_clear(&d->now);
    for (size_t i = 0; i < d->durable.count; i++) {
        struct name *n = &d->durable.at[i];

        lose_some(d->sim, n->inode);
        names_put(&d->now, n->path, n->inode);
    }
}

/* ---- the disk ---- */

struct sim_disk *sim_disk_new(struct sim *s)
{
    struct sim_disk *d = os_new(sizeof *d);

    d->sim = s;
    d->free = free_at_start;
    return d;
}

void sim_disk_free(struct sim_disk *d)
{
    for (size_t i = 0; i < d->change_count; i++)
        drop_change(&d->changes[i]);
    free(d->changes);
    names_clear(&d->now);
    names_clear(&d->durable);
    free(d);
}

void sim_disk_set_free(struct sim_disk *d, uint64_t bytes)
{
    d->free = bytes;
}

struct fs *sim_fs(struct sim_disk *d)
{
    struct sim_fs *f = os_new(sizeof *f);

    *f = (struct sim_fs){ { &sim_fs_ops }, d };
    return &f->base;
}

static struct sim_disk *disk_of(struct fs *fs)
{
    return CONTAINER_OF(fs, struct sim_fs, base)->disk;
}

static void sim_fs_free(struct fs *fs)
{
    free(CONTAINER_OF(fs, struct sim_fs, base));
}

static struct str sim_path(const struct fs *fs)
{
    (void)fs;
    return STR_EMPTY;
}

static enum err not_found(struct str name, struct errinfo *why)
{
    return err_set(why, ERR_NOT_FOUND, "'%.*s' does not exist", STR_ARG(name));
}

static struct file *open_inode(struct sim_disk *d, struct inode *i, bool writable)
{
    struct sim_file *f = os_new(sizeof *f);

    *f = (struct sim_file){ { &sim_file_ops }, d, inode_ref(i), writable };
    return &f->base;
}

static enum err create(struct sim_disk *d, struct str name, bool folder, struct inode **ret,
                       struct errinfo *why)
{
    if (!folder_exists(&d->now, folder_of(name)))
        return not_found(folder_of(name), why);
    *ret = inode_new(folder);
    names_put(&d->now, name, *ret);
    add_change(d, STR_EMPTY, name, *ret);
    return OK;
}

static enum err sim_open(struct fs *fs, struct str name, enum file_mode mode, struct file **ret,
                         struct errinfo *why)
{
    struct sim_disk *d = disk_of(fs);
    struct inode *i = names_find(&d->now, name);
    enum err e;

    if (i != NULL && i->folder)
        return err_set(why, ERR_IO, "'%.*s' is a folder", STR_ARG(name));
    if (i != NULL && mode == FILE_CREATE_NEW)
        return err_set(why, ERR_EXISTS, "'%.*s' exists", STR_ARG(name));
    if (i == NULL && mode < FILE_CREATE)
        return not_found(name, why);
    if (i == NULL && (e = create(d, name, false, &i, why)) != OK)
        return e;
    *ret = open_inode(d, i, mode != FILE_READ);
    return OK;
}

static enum err sim_open_unnamed(struct fs *fs, struct file **ret, struct errinfo *why)
{
    (void)why;
    *ret = open_inode(disk_of(fs), inode_new(false), true);
    return OK;
}

/* Whatever lies below a folder that is renamed goes with it. */
static void rename_below(struct sim_disk *d, struct str from, struct str to)
{
    SCRATCH(tmp, NULL);
    struct str prefix = arena_join(tmp, from, STR("/"));
    bool there;

    for (;;) {
        size_t at = names_place(&d->now, prefix, &there);

        if (at == d->now.count || !str_starts(d->now.at[at].path, prefix))
            return;
        struct str old = arena_copy(tmp, d->now.at[at].path);
        struct inode *i = inode_ref(d->now.at[at].inode);
        names_remove(&d->now, old);
        names_put(&d->now, arena_join(tmp, to, str_skip(old, from.len)), i);
        inode_unref(i);
    }
}

static enum err sim_rename(struct fs *fs, struct str from, struct str to, struct errinfo *why)
{
    struct sim_disk *d = disk_of(fs);
    struct inode *i = names_find(&d->now, from), *replaced = names_find(&d->now, to);

    if (i == NULL)
        return not_found(from, why);
    if (!folder_exists(&d->now, folder_of(to)))
        return not_found(folder_of(to), why);
    if (replaced != NULL && replaced->folder != i->folder)
        return err_set(why, ERR_EXISTS, "'%.*s' is of another kind", STR_ARG(to));
    if (replaced != NULL && replaced != i)
        d->free += replaced->now.len;
    (void)inode_ref(i);
    names_remove(&d->now, from);
    names_put(&d->now, to, i);
    add_change(d, from, to, i);
    if (i->folder) { /* the new path of a folder and all below it is durable at once */
        rename_below(d, from, to);
        sync_names(d, folder_of(to));
        for (size_t k = 0; k < d->now.count; k++)
            if (str_starts(d->now.at[k].path, to))
                names_put(&d->durable, d->now.at[k].path, d->now.at[k].inode);
    }
    inode_unref(i);
    return OK;
}

static bool has_names_below(const struct sim_disk *d, struct str folder)
{
    for (size_t i = 0; i < d->now.count; i++)
        if (str_eq(folder_of(d->now.at[i].path), folder))
            return true;
    return false;
}

static enum err sim_remove(struct fs *fs, struct str name, struct errinfo *why)
{
    struct sim_disk *d = disk_of(fs);
    struct inode *i = names_find(&d->now, name);

    if (i == NULL)
        return not_found(name, why);
    if (i->folder && has_names_below(d, name))
        return err_set(why, ERR_EXISTS, "'%.*s' is not empty", STR_ARG(name));
    d->free += i->now.len;
    add_change(d, name, STR_EMPTY, i);
    names_remove(&d->now, name);
    return OK;
}

static enum err sim_make_folder(struct fs *fs, struct str name, struct errinfo *why)
{
    struct inode *i;

    if (names_find(&disk_of(fs)->now, name) != NULL)
        return err_set(why, ERR_EXISTS, "'%.*s' exists", STR_ARG(name));
    return create(disk_of(fs), name, true, &i, why);
}

static enum err sim_sync_folder(struct fs *fs, struct str folder, struct errinfo *why)
{
    struct sim_disk *d = disk_of(fs);

    if (!folder_exists(&d->now, folder))
        return not_found(folder, why);
    if (sim_chance(d->sim, d->sim->faults.sync_failed))
        return err_set(why, ERR_IO, "the folder was not synced (simulated)");
    sync_names(d, folder);
    return OK;
}

static enum err sim_list(struct fs *fs, struct str folder, struct arena *mem, struct str **ret,
                         size_t *ret_count)
{
    struct sim_disk *d = disk_of(fs);
    size_t count = 0;

    if (!folder_exists(&d->now, folder))
        return ERR_NOT_FOUND;
    struct str *names = ARENA_ARRAY(mem, struct str, d->now.count + 1);
    for (size_t i = 0; i < d->now.count; i++) {
        struct str path = d->now.at[i].path;

        if (str_eq(folder_of(path), folder))
            names[count++] = arena_copy(mem, str_skip(path, folder.len == 0 ? 0 : folder.len + 1));
    }
    *ret = names;
    *ret_count = count;
    return OK;
}

static enum err sim_free_bytes(struct fs *fs, uint64_t *ret, struct errinfo *why)
{
    (void)why;
    *ret = disk_of(fs)->free;
    return OK;
}

static const struct fs_ops sim_fs_ops = {
    .free = sim_fs_free,
    .path = sim_path,
    .open = sim_open,
    .open_unnamed = sim_open_unnamed,
    .rename = sim_rename,
    .remove = sim_remove,
    .make_folder = sim_make_folder,
    .sync_folder = sim_sync_folder,
    .list = sim_list,
    .free_bytes = sim_free_bytes,
};

/* ---- one file ---- */

static struct sim_file *file_of(struct file *f)
{
    return CONTAINER_OF(f, struct sim_file, base);
}

static enum err sim_pread(struct file *base, uint64_t offset, void *ret, size_t len,
                          struct errinfo *why)
{
    const struct image *m = &file_of(base)->inode->now;

    if (len == 0)
        return OK;
    if (offset >= m->len || len > m->len - offset)
        return err_set(why, ERR_CORRUPT, "a file ends at octet %zu, it was read up to %llu", m->len,
                       (unsigned long long)(offset + len));
    memcpy(ret, m->at + offset, len);
    return OK;
}

/* Takes room on the disk for a file that ends at `end`; false when there is none. */
static bool take_room(struct sim_file *f, uint64_t end)
{
    uint64_t grows = end > f->inode->now.len ? end - f->inode->now.len : 0;

    if (grows > f->disk->free)
        return false;
    f->disk->free -= grows;
    return true;
}

static bool write_part(struct sim_file *f, uint64_t offset, struct str bytes)
{
    uint64_t end = offset + bytes.len;
    struct inode *i = f->inode;

    if (!take_room(f, end))
        return false;
    if (bytes.len == 0)
        return true;
    if (end > i->now.len)
        image_set_len(&i->now, (size_t)end);
    memcpy(i->now.at + offset, bytes.at, bytes.len);
    add_range(i, (struct range){ offset, bytes.len, false });
    return true;
}

static enum err sim_pwrite(struct file *base, uint64_t offset, struct str bytes,
                           struct errinfo *why)
{
    struct sim_file *f = file_of(base);
    struct sim *s = f->disk->sim;
    bool half_only = false, full = false;

    if (!f->writable)
        return err_set(why, ERR_IO, "the file was opened to be read");
    if (sim_chance(s, s->faults.write_short))
        half_only = true;
    else if (sim_chance(s, s->faults.write_full))
        full = true;
    if (!half_only && !full && write_part(f, offset, bytes))
        return OK;
    (void)write_part(f, offset, str_take(bytes, bytes.len / 2));
    return half_only ? err_set(why, ERR_IO, "a write was cut short (simulated)")
                     : err_set(why, ERR_NO_SPACE, "the disk is full (simulated)");
}

static enum err sim_sync(struct file *base, struct errinfo *why)
{
    struct sim_file *f = file_of(base);

    if (sim_chance(f->disk->sim, f->disk->sim->faults.sync_failed)) {
        f->inode->range_count = 0;
        return err_set(why, ERR_IO, "a sync failed (simulated)");
    }
    sync_inode(f->inode);
    return OK;
}

static enum err sim_size(struct file *base, uint64_t *ret, struct errinfo *why)
{
    (void)why;
    *ret = file_of(base)->inode->now.len;
    return OK;
}

static enum err sim_truncate(struct file *base, uint64_t size, struct errinfo *why)
{
    struct sim_file *f = file_of(base);
    struct inode *i = f->inode;

    if (!f->writable)
        return err_set(why, ERR_IO, "the file was opened to be read");
    if (!take_room(f, size))
        return err_set(why, ERR_NO_SPACE, "the disk is full (simulated)");
    if (size < i->now.len)
        f->disk->free += i->now.len - size;
    image_set_len(&i->now, (size_t)size);
    add_range(i, (struct range){ size, 0, true });
    return OK;
}

static enum err sim_reserve(struct file *base, uint64_t offset, uint64_t len, struct errinfo *why)
{
    struct sim_file *f = file_of(base);
    uint64_t end = offset + len;

    if (end > f->inode->now.len && end - f->inode->now.len > f->disk->free)
        return err_set(why, ERR_NO_SPACE, "the disk is full (simulated)");
    return OK;
}

static void sim_close(struct file *base)
{
    inode_unref(file_of(base)->inode);
    free(file_of(base));
}

static struct file *sim_share(struct file *base)
{
    return open_inode(file_of(base)->disk, file_of(base)->inode, file_of(base)->writable);
}

static int sim_fd(const struct file *f)
{
    (void)f;
    return -1;
}

static const struct file_ops sim_file_ops = {
    .pread = sim_pread,
    .pwrite = sim_pwrite,
    .sync = sim_sync,
    .size = sim_size,
    .truncate = sim_truncate,
    .reserve = sim_reserve,
    .close = sim_close,
    .share = sim_share,
    .fd = sim_fd,
};
