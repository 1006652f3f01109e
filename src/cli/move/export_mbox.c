/* cli/move/export_mbox.c - postern export mbox: a file for each mailbox, below one folder.
 *
 * "A/B" becomes A/B.mbox, its parts in modified UTF-7. Beside each file stands FILE.state with its
 * UIDVALIDITY, the last UID and the length that belong together: a later run, or one after a cut,
 * shortens the file to that length and goes on behind that UID. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/calendar.h"
#include "cli/move/mbox.h"
#include "cli/move/reader.h"
#include "message/text/header.h"
#include "os/path.h"
#include "proto/imap/parse/mutf7.h"

enum { STATE_EVERY = 1000, STATE_BYTES_MAX = 200, WRITE_BYTES = 1024 * 1024 };

struct mbox_export {
    struct account_reader *r;
    struct fs *fs;
    struct str name; /* of the file */
    struct str state_name;
    struct file *file;
    struct buf text; /* not yet written */
    uint64_t length;
    uint32_t last_uid;
    uint64_t written, unsaved;
};

/* ---- state ---- */

static enum err save(struct mbox_export *x)
{
    struct errinfo *why = &x->r->c->why;
    struct buf b = { 0 };
    enum err e;

    if ((e = file_pwrite(x->file, x->length, buf_str(&x->text), why)) != OK ||
        (e = file_sync(x->file, why)) != OK)
        return e;
    x->length += x->text.len;
    buf_clear(&x->text);
    buf_printf(&b, "%u %u %llu\n", x->r->uidvalidity, x->last_uid, (unsigned long long)x->length);
    e = fs_write_atomic(x->fs, x->state_name, buf_str(&b), why);
    buf_deinit(&b);
    x->unsaved = 0;
    return e;
}

/* A file that is there without its state, or of another UIDVALIDITY, is not ours to change. */
static enum err take_up(struct mbox_export *x)
{
    SCRATCH(tmp, NULL);
    struct errinfo *why = &x->r->c->why;
    uint32_t uidvalidity = 0;
    uint64_t size, length = 0;
    struct str text;
    enum err e;

    x->last_uid = 0;
    x->length = 0;
    if ((e = file_size(x->file, &size, why)) != OK || size == 0)
        return e;
    if (fs_read_all(x->fs, x->state_name, STATE_BYTES_MAX, tmp, &text) == OK) {
        text = str_trim_crlf(text);
        if (!str_to_u32(str_split(&text, ' '), &uidvalidity) ||
            !str_to_u32(str_split(&text, ' '), &x->last_uid) ||
            !str_to_u64(str_split(&text, ' '), size, &length))
            uidvalidity = 0;
    }
    if (uidvalidity != x->r->uidvalidity)
        return err_set(why, ERR_EXISTS, "'%.*s' is there already and not of an earlier export",
                       STR_ARG(x->name));
    x->length = length;
    return file_truncate(x->file, length, why);
}

/* ---- messages ---- */

/* The fields that other programs keep state in (mbox.h reads them back). */
static void add_status(struct mbox_export *x, const struct reader_message *m)
{
    static const struct {
        uint32_t flag;
        char letter;
    } rows[] = {
        { FLAG_ANSWERED, 'A' }, { FLAG_FLAGGED, 'F' }, { FLAG_DRAFT, 'T' }, { FLAG_DELETED, 'D' }
    };
    uint64_t all = m->flags | m->keywords << KEYWORD_FIRST_BIT;
    struct buf *b = &x->text;

    if (x->length == 0 && b->len > 0 && x->written == 0)
        buf_printf(b, "X-IMAPbase: %u %010u\n", x->r->uidvalidity, x->r->uidnext - 1);
    buf_printf(b, "X-UID: %u\nStatus: %sO\n", m->uid, m->flags & FLAG_SEEN ? "R" : "");
    BUF_ADD(b, "X-Status: ");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (m->flags & rows[i].flag)
            buf_add_char(b, rows[i].letter);
    BUF_ADD(b, "\nX-Keywords:");
    for (unsigned bit = 8; bit < KEYWORD_FIRST_BIT; bit++)
        if (all >> bit & 1)
            buf_printf(b, " %.*s", STR_ARG(flag_name((uint64_t)1 << bit, NULL)));
    for (size_t i = 0; i < x->r->keyword_count; i++)
        if (all >> (KEYWORD_FIRST_BIT + i) & 1)
            buf_printf(b, " %.*s", STR_ARG(x->r->keywords[i]));
    BUF_ADD(b, "\n");
}

static enum err export_message(void *ctx, const struct reader_message *m)
{
    struct mbox_export *x = ctx;
    size_t body = header_length(m->bytes), fields = body;
    struct header_field path = { .value = STR_EMPTY };

    /* The fields end before the empty line. */
    if (str_ends(str_take(m->bytes, body), STR("\n\r\n")) || body == 2)
        fields -= 2;
    (void)header_find(str_take(m->bytes, body), STR("Return-Path"), &path);
    mbox_add_from(
        &x->text,
        str_trim(path.value.len > 2 ? str_sub(path.value, 1, path.value.len - 2) : STR_EMPTY),
        m->date);
    mbox_add_quoted(&x->text, str_take(m->bytes, fields));
    if (fields > 0 && m->bytes.at[fields - 1] != '\n')
        BUF_ADD(&x->text, "\n");
    add_status(x, m);
    BUF_ADD(&x->text, "\n");
    mbox_add_quoted(&x->text, str_skip(m->bytes, body));
    BUF_ADD(&x->text, "\n");
    x->last_uid = m->uid;
    x->written++;
    if (++x->unsaved >= STATE_EVERY || x->text.len > WRITE_BYTES)
        return save(x);
    return OK;
}

/* ---- mailboxes ---- */

/* The names of a file and of the folders above it, which are made. */
static enum err name_file(struct mbox_export *x, struct str mailbox)
{
    struct buf b = { 0 };
    enum err e = OK;

    while (mailbox.len > 0 && e == OK) {
        bool last = str_find_char(mailbox, '/') == STR_NOT_FOUND;
        struct str part = str_split(&mailbox, '/');

        if (part.len > 0 && part.at[0] == '.') {
            BUF_ADD(&b, "\\2e");
            part = str_skip(part, 1);
        }
        mutf7_encode(&b, part);
        if (!last) {
            e = fs_make_folder(x->fs, buf_str(&b), &x->r->c->why);
            e = e == ERR_EXISTS ? OK : e;
            BUF_ADD(&b, "/");
        }
    }
    BUF_ADD(&b, ".mbox");
    x->name = arena_copy(x->r->mem, buf_str(&b));
    x->state_name = arena_join(x->r->mem, x->name, STR(".state"));
    buf_deinit(&b);
    return e;
}

static enum err export_mailbox(struct mbox_export *x, struct str mailbox)
{
    struct output *o = &x->r->admin.out;
    enum err e;

    x->written = x->unsaved = 0;
    buf_clear(&x->text);
    if ((e = name_file(x, mailbox)) != OK || (e = reader_select(x->r, mailbox)) != OK ||
        (e = fs_open(x->fs, x->name, FILE_CREATE, &x->file, &x->r->c->why)) != OK)
        return e;
    if ((e = take_up(x)) == OK && x->last_uid < UINT32_MAX &&
        (e = reader_each(x->r, x->last_uid + 1, export_message, x)) == OK)
        e = save(x);
    file_close(x->file);
    if (e == OK) {
        output_row(o);
        output_str(o, "mailbox", mailbox);
        output_num(o, "exported", x->written);
        output_num(o, "octets", x->length);
    }
    return e;
}

enum err cli_export_mbox(struct context *c)
{
    struct account_reader *r = ARENA_NEW(c->mem, struct account_reader);
    struct mbox_export x = { .r = r };
    enum err e;

    if ((e = reader_open(r, c)) != OK)
        return e;
    if ((e = fs_new_real(c->words[0], true, &x.fs, &c->why)) == OK) {
        for (size_t i = 0; i < r->count && e == OK; i++)
            if (r->mailboxes[i].exists)
                e = export_mailbox(&x, r->mailboxes[i].name);
        fs_free(x.fs);
    }
    buf_deinit(&x.text);
    return reader_close(r, e);
}
