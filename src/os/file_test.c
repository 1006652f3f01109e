/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "os/fault.h"
#include "os/os_test.h"
#include "os/sim.h"

enum layer { LAYER_REAL, LAYER_FAULTY, LAYER_SIMULATED, LAYER_COUNT };

struct disk {
    char path[64];
    struct str folder;
    struct sim *sim;
    struct sim_disk *sim_disk;
    struct fs *fs;
    struct arena *mem;
};

static const char *const layer_names[] = { "real", "faulty", "simulated" };

static void disk_open(struct disk *d, enum layer layer)
{
    static const struct sim_faults none;

    *d = (struct disk){ .mem = arena_new(0) };
    if (layer == LAYER_SIMULATED) {
        d->sim = sim_new(3, &none);
        d->sim_disk = sim_disk_new(d->sim);
        d->fs = sim_fs(d->sim_disk);
        return;
    }
    d->folder = folder_new(d->path);
    CHECK_OK(fs_new_real(d->folder, true, &d->fs, NULL), "open");
    if (layer == LAYER_FAULTY)
        d->fs = fs_faulty(d->fs);
}

static void disk_close(struct disk *d)
{
    fs_free(d->fs);
    if (d->sim != NULL) {
        sim_disk_free(d->sim_disk);
        sim_free(d->sim);
    } else {
        folder_remove(d->folder);
    }
    arena_free(d->mem);
}

static void on_each_layer(void (*body)(struct disk *d, const char *row))
{
    for (enum layer layer = 0; layer < LAYER_COUNT; layer++) {
        struct disk d;

        disk_open(&d, layer);
        body(&d, layer_names[layer]);
        disk_close(&d);
    }
}

static struct file *must_open(struct disk *d, struct str name, enum file_mode mode)
{
    struct file *f = NULL;

    CHECK_OK(fs_open(d->fs, name, mode, &f, NULL), "%.*s", STR_ARG(name));
    return f;
}

static void written_is_read(struct disk *d, const char *row)
{
    struct file *f = must_open(d, STR("mail"), FILE_CREATE_NEW);
    struct errinfo why;
    char got[5];
    uint64_t size = 0;

    CHECK_OK(file_pwrite(f, 0, STR("hello"), &why), "%s", row);
    CHECK_OK(file_pwrite(f, 10, STR("world"), &why), "%s", row);
    CHECK_OK(file_sync(f, &why), "%s", row);
    CHECK_OK(file_size(f, &size, &why), "%s", row);
    CHECK_EQ(size, 15, "%s", row);
    CHECK_OK(file_pread(f, 10, got, 5, &why), "%s", row);
    CHECK_STR(str_from(got, 5), STR("world"), "%s", row);
    CHECK_OK(file_pread(f, 5, got, 5, &why), "%s", row);
    CHECK_STR(str_from(got, 5), STR("\0\0\0\0\0"), "%s: the hole", row);
    CHECK_EQ(file_pread(f, 11, got, 5, &why), ERR_CORRUPT, "%s: past the end", row);
    CHECK_OK(file_truncate(f, 3, &why), "%s", row);
    CHECK_OK(file_reserve(f, 3, 4096, &why), "%s", row);
    CHECK_OK(file_size(f, &size, &why), "%s", row);
    CHECK_EQ(size, 3, "%s: reserving does not change the size", row);
    file_close(f);
}

TEST(what_is_written_is_read)
{
    on_each_layer(written_is_read);
}

static void modes_differ(struct disk *d, const char *row)
{
    struct file *f;
    struct errinfo why;

    CHECK_EQ(fs_open(d->fs, STR("a"), FILE_READ, &f, &why), ERR_NOT_FOUND, "%s", row);
    CHECK_EQ(fs_open(d->fs, STR("a"), FILE_WRITE, &f, &why), ERR_NOT_FOUND, "%s", row);
    file_close(must_open(d, STR("a"), FILE_CREATE));
    file_close(must_open(d, STR("a"), FILE_CREATE));
    CHECK_EQ(fs_open(d->fs, STR("a"), FILE_CREATE_NEW, &f, &why), ERR_EXISTS, "%s", row);
    f = must_open(d, STR("a"), FILE_READ);
    CHECK(file_pwrite(f, 0, STR("x"), &why) != OK, "%s: opened to be read", row);
    file_close(f);
    CHECK_EQ(fs_open(d->fs, STR("none/a"), FILE_CREATE, &f, &why), ERR_NOT_FOUND, "%s", row);
}

TEST(modes_of_opening_differ)
{
    on_each_layer(modes_differ);
}

static void names_are_kept_below(struct disk *d, const char *row)
{
    static const struct str bad[] = {
        STR_INIT(""),         STR_INIT("/etc/passwd"), STR_INIT("../x"), STR_INIT("a/../../x"),
        STR_INIT("a/./b"),    STR_INIT("a//b"),        STR_INIT("a/"),   STR_INIT("."),
        STR_INIT("nul\0nul"), STR_INIT(".."),
    };
    struct file *f;
    struct errinfo why;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK_EQ(fs_open(d->fs, bad[i], FILE_CREATE, &f, &why), ERR_SYNTAX, "%s row %zu", row, i);
        CHECK_EQ(fs_remove(d->fs, bad[i], &why), ERR_SYNTAX, "%s row %zu", row, i);
        CHECK_EQ(fs_rename(d->fs, STR("a"), bad[i], &why), ERR_SYNTAX, "%s row %zu", row, i);
    }
}

TEST(no_name_leads_out_of_the_folder)
{
    on_each_layer(names_are_kept_below);
}

TEST(a_symbolic_link_is_not_followed)
{
    struct disk d;
    struct file *f;

    disk_open(&d, LAYER_REAL);
    SCRATCH(tmp, NULL);
    CHECK_EQ(symlink("/etc/passwd", arena_printf(tmp, "%s/link", d.path).at), 0, "the link");
    CHECK(fs_open(d.fs, STR("link"), FILE_READ, &f, NULL) != OK, "a planted link");
    disk_close(&d);
}

static void folders_list(struct disk *d, const char *row)
{
    struct errinfo why;
    struct str *names;
    size_t count = 0;

    CHECK_OK(fs_make_folder(d->fs, STR("sub"), &why), "%s", row);
    CHECK_EQ(fs_make_folder(d->fs, STR("sub"), &why), ERR_EXISTS, "%s", row);
    file_close(must_open(d, STR("sub/c"), FILE_CREATE));
    file_close(must_open(d, STR("sub/a"), FILE_CREATE));
    file_close(must_open(d, STR("b"), FILE_CREATE));
    CHECK_OK(fs_rename(d->fs, STR("b"), STR("sub/b"), &why), "%s", row);
    CHECK_OK(fs_sync_folder(d->fs, STR("sub"), &why), "%s", row);
    CHECK_OK(fs_sync_folder(d->fs, STR_EMPTY, &why), "%s", row);
    CHECK_OK(fs_list(d->fs, STR("sub"), d->mem, &names, &count), "%s", row);
    CHECK_EQ(count, 3, "%s", row);
    CHECK_STR(names[0], STR("a"), "%s", row);
    CHECK_STR(names[2], STR("c"), "%s", row);
    CHECK_OK(fs_remove(d->fs, STR("sub/a"), &why), "%s", row);
    CHECK_EQ(fs_remove(d->fs, STR("sub/a"), &why), ERR_NOT_FOUND, "%s", row);
    CHECK_EQ(fs_rename(d->fs, STR("sub/a"), STR("x"), &why), ERR_NOT_FOUND, "%s", row);
    CHECK_OK(fs_list(d->fs, STR_EMPTY, d->mem, &names, &count), "%s", row);
    CHECK_EQ(count, 1, "%s", row);
    CHECK_STR(names[0], STR("sub"), "%s", row);
    CHECK_EQ(fs_list(d->fs, STR("none"), d->mem, &names, &count), ERR_NOT_FOUND, "%s", row);
}

TEST(folders_list_their_names_in_order)
{
    on_each_layer(folders_list);
}

static void unnamed(struct disk *d, const char *row)
{
    struct file *f;
    struct errinfo why;
    struct str *names;
    size_t count = 9;
    uint64_t free_bytes = 0;
    char got[3];

    CHECK_OK(fs_open_unnamed(d->fs, &f, &why), "%s", row);
    CHECK_OK(file_pwrite(f, 0, STR("abc"), &why), "%s", row);
    CHECK_OK(file_pread(f, 0, got, 3, &why), "%s", row);
    CHECK_OK(fs_list(d->fs, STR_EMPTY, d->mem, &names, &count), "%s", row);
    CHECK_EQ(count, 0, "%s: it has no name", row);
    CHECK_OK(fs_free_bytes(d->fs, &free_bytes, &why), "%s", row);
    CHECK(free_bytes > 0, "%s", row);
    file_close(f);
}

TEST(an_unnamed_file_is_not_listed)
{
    on_each_layer(unnamed);
}

static void whole_files(struct disk *d, const char *row)
{
    struct errinfo why;
    struct str got;

    CHECK_OK(fs_write_atomic(d->fs, STR("conf"), STR("first"), &why), "%s", row);
    CHECK_OK(fs_write_atomic(d->fs, STR("conf"), STR("2nd"), &why), "%s", row);
    CHECK_OK(fs_read_all(d->fs, STR("conf"), 100, d->mem, &got), "%s", row);
    CHECK_STR(got, STR("2nd"), "%s", row);
    CHECK_EQ(fs_read_all(d->fs, STR("conf"), 2, d->mem, &got), ERR_LIMIT, "%s", row);
    CHECK_EQ(fs_read_all(d->fs, STR("none"), 2, d->mem, &got), ERR_NOT_FOUND, "%s", row);
    CHECK_EQ(fs_open(d->fs, STR("conf.new"), FILE_READ, &(struct file *){ NULL }, &why),
             ERR_NOT_FOUND, "%s: the draft is gone", row);
}

TEST(whole_files_are_replaced_at_once)
{
    on_each_layer(whole_files);
}

TEST(the_nth_call_fails_as_told)
{
    static const struct {
        const char *name;
        enum fault_kind kind;
        enum err write_result;
        uint64_t size_after;
    } rows[] = {
        { "error", FAULT_IO, ERR_IO, 0 },
        { "full disk", FAULT_NO_SPACE, ERR_NO_SPACE, 2 },
        { "short write", FAULT_SHORT_WRITE, ERR_IO, 2 },
        { "lost sync is a matter of syncs", FAULT_SYNC_LOST, OK, 4 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct disk d;
        uint64_t size = 99;

        disk_open(&d, LAYER_FAULTY);
        struct file *f = must_open(&d, STR("x"), FILE_CREATE);
        fs_faulty_set(d.fs, rows[i].kind, 1, false);
        CHECK_EQ(file_pwrite(f, 0, STR("abcd"), NULL), rows[i].write_result, "%s", rows[i].name);
        CHECK_OK(file_size(f, &size, NULL), "%s", rows[i].name);
        CHECK_EQ(size, rows[i].size_after, "%s", rows[i].name);
        CHECK_OK(file_pwrite(f, 0, STR("efgh"), NULL), "%s: the next one", rows[i].name);
        CHECK_EQ(fs_faulty_calls(d.fs), 2, "%s", rows[i].name);
        file_close(f);
        disk_close(&d);
    }
}

TEST(a_lost_sync_takes_back_what_was_not_synced)
{
    struct disk d;
    struct str got;

    disk_open(&d, LAYER_FAULTY);
    struct file *f = must_open(&d, STR("x"), FILE_CREATE);
    fs_faulty_set(d.fs, FAULT_SYNC_LOST, 6, true);
    CHECK_OK(file_pwrite(f, 0, STR("kept"), NULL), "1");
    CHECK_OK(file_sync(f, NULL), "2");
    CHECK_OK(file_pwrite(f, 2, STR("lost"), NULL), "3");
    CHECK_OK(file_truncate(f, 1, NULL), "4");
    CHECK_OK(file_pwrite(f, 3, STR("gone"), NULL), "5");
    CHECK_EQ(file_sync(f, NULL), ERR_IO, "6");
    CHECK_EQ(file_sync(f, NULL), ERR_IO, "lasting");
    CHECK_OK(fs_read_all(d.fs, STR("x"), 100, d.mem, &got), "read");
    CHECK_STR(got, STR("kept"), "as after a restart");
    file_close(f);
    disk_close(&d);
}

TEST(every_failing_call_leaves_the_old_file)
{
    for (uint64_t nth = 1; nth <= 6; nth++) {
        struct disk d;
        struct str got;

        disk_open(&d, LAYER_FAULTY);
        CHECK_OK(fs_write_atomic(d.fs, STR("conf"), STR("old"), NULL), "first");
        fs_faulty_set(d.fs, FAULT_IO, nth, false);
        enum err e = fs_write_atomic(d.fs, STR("conf"), STR("new"), NULL);
        CHECK_EQ(e == OK, nth > 6, "call %d", (int)nth);
        CHECK_OK(fs_read_all(d.fs, STR("conf"), 9, d.mem, &got), "call %d", (int)nth);
        CHECK_STR(got, nth == 6 ? STR("new") : STR("old"), "call %d", (int)nth);
        disk_close(&d);
    }
}
