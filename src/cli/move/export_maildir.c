/* cli/move/export_maildir.c - postern export maildir.
 *
 * A Maildir++ as Dovecot reads it: cur, new and tmp of INBOX at the top, ".A.B" for the others,
 * with dovecot-uidlist, dovecot-keywords and subscriptions. A file's base name is made from what
 * never changes, so a run that was cut off goes on, and a later one adds what is new and renames
 * where flags have changed. Files are written below tmp/ and moved. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "cli/move/maildir.h"
#include "cli/move/reader.h"
#include "os/path.h"

struct maildir_export {
    struct account_reader *r;
    struct fs *fs;
    struct str root;
    struct arena *mem;                      /* of the mailbox */
    struct str folder;                      /* "" or ".A.B/" */
    struct map present;                     /* base -> name in cur/ */
    uint64_t letters[MAILDIR_KEYWORDS_MAX]; /* flag or keyword bit of each; 0: none */
    struct buf uidlist, text;
    uint64_t written, known;
};

/* ---- keywords ---- */

/* Those that every mailbox knows come first, so that the letters stay. */
static enum err write_keywords(struct maildir_export *x)
{
    struct buf b = { 0 };
    int count = 0;
    enum err e;

    memset(x->letters, 0, sizeof x->letters);
    for (unsigned bit = 8; bit < KEYWORD_FIRST_BIT; bit++)
        if ((1u << bit) != FLAG_FORWARDED) {
            buf_printf(&b, "%d %.*s\n", count, STR_ARG(flag_name((uint64_t)1 << bit, NULL)));
            x->letters[count++] = (uint64_t)1 << bit;
        }
    for (size_t i = 0; i < x->r->keyword_count && count < MAILDIR_KEYWORDS_MAX; i++) {
        buf_printf(&b, "%d %.*s\n", count, STR_ARG(x->r->keywords[i]));
        x->letters[count++] = (uint64_t)1 << (KEYWORD_FIRST_BIT + i);
    }
    if (x->r->keyword_count > (size_t)MAILDIR_KEYWORDS_MAX - 7)
        (void)fprintf(stderr,
                      "postern: a maildir has letters for %d keywords; the others are lost\n",
                      MAILDIR_KEYWORDS_MAX);
    e = fs_write_atomic(x->fs, arena_join(x->mem, x->folder, STR("dovecot-keywords")), buf_str(&b),
                        &x->r->c->why);
    buf_deinit(&b);
    return e;
}

static uint32_t letters_of(const struct maildir_export *x, const struct reader_message *m)
{
    uint64_t all = m->flags | m->keywords << KEYWORD_FIRST_BIT;
    uint32_t letters = 0;

    for (int i = 0; i < MAILDIR_KEYWORDS_MAX; i++)
        letters |= (x->letters[i] & all) != 0 ? 1u << i : 0;
    return letters;
}

/* ---- messages ---- */

static struct str in_folder(struct maildir_export *x, struct arena *mem, const char *below,
                            struct str name)
{
    return arena_printf(mem, "%.*s%s/%.*s", STR_ARG(x->folder), below, STR_ARG(name));
}

static void add_lf(struct buf *out, struct str text)
{
    while (text.len > 0) {
        size_t end = str_find(text, STR("\r\n"));

        if (end == STR_NOT_FOUND) {
            buf_add(out, text);
            return;
        }
        buf_add(out, str_take(text, end));
        buf_add_char(out, '\n');
        text = str_skip(text, end + 2);
    }
}

static enum err write_message(struct maildir_export *x, const struct reader_message *m,
                              struct str base, struct str name)
{
    SCRATCH(tmp, NULL);
    struct str draft = in_folder(x, tmp, "tmp", base), final = in_folder(x, tmp, "cur", name);
    struct errinfo *why = &x->r->c->why;
    struct file *f;
    enum err e;

    buf_clear(&x->text);
    add_lf(&x->text, m->bytes);
    if ((e = fs_open(x->fs, draft, FILE_CREATE, &f, why)) != OK)
        return e;
    if ((e = file_truncate(f, 0, why)) == OK)
        e = file_pwrite(f, 0, buf_str(&x->text), why);
    file_close(f);
    if (e != OK ||
        (e = path_set_modified(arena_printf(tmp, "%.*s/%.*s", STR_ARG(x->root), STR_ARG(draft)),
                               m->date, why)) != OK)
        return e;
    x->written++;
    return fs_rename(x->fs, draft, final, why);
}

static enum err export_message(void *ctx, const struct reader_message *m)
{
    SCRATCH(tmp, NULL);
    struct maildir_export *x = ctx;
    struct str base = arena_printf(tmp, "%lld.U%uV%u.postern,W=%zu", (long long)m->date, m->uid,
                                   x->r->uidvalidity, m->bytes.len);
    struct buf name = { 0 };
    const struct str *there = map_find(&x->present, base);
    enum err e = OK;

    buf_add(&name, base);
    maildir_suffix(&name, m->flags, letters_of(x, m));
    buf_printf(&x->uidlist, "%u ", m->uid);
    /* What POP3 shows of it here is to be shown there, too. */
    if (m->uidl.len > 0)
        buf_printf(&x->uidlist, "P%.*s ", STR_ARG(m->uidl));
    else if (x->folder.len == 0)
        buf_printf(&x->uidlist, "P%u.%u ", x->r->uidvalidity, m->uid);
    buf_printf(&x->uidlist, ":%.*s\n", STR_ARG(base));
    if (there == NULL) {
        e = write_message(x, m, base, buf_str(&name));
    } else {
        x->known++;
        if (!str_eq(*there, buf_str(&name)))
            e = fs_rename(x->fs, in_folder(x, tmp, "cur", *there),
                          in_folder(x, tmp, "cur", buf_str(&name)), &x->r->c->why);
    }
    buf_deinit(&name);
    return e;
}

/* ---- mailboxes ---- */

static enum err make_folder(struct maildir_export *x, struct str name)
{
    enum err e = fs_make_folder(x->fs, name, &x->r->c->why);

    return e == ERR_EXISTS ? OK : e;
}

static enum err make_folders(struct maildir_export *x, struct str name)
{
    static const char *const below[] = { "cur", "new", "tmp" };
    struct buf b = { 0 };
    enum err e = OK;

    x->folder = STR_EMPTY;
    if (!str_eq(name, STR("INBOX"))) {
        BUF_ADD(&b, ".");
        maildir_folder_format(&b, name);
        e = make_folder(x, buf_str(&b));
        BUF_ADD(&b, "/");
        x->folder = arena_copy(x->mem, buf_str(&b));
    }
    for (size_t i = 0; i < ARRAY_LEN(below) && e == OK; i++)
        e = make_folder(x, arena_join(x->mem, x->folder, str_from_z(below[i])));
    buf_deinit(&b);
    return e;
}

static enum err look_at_present(struct maildir_export *x)
{
    struct str *names;
    size_t count;
    enum err e = fs_list(x->fs, arena_join(x->mem, x->folder, STR("cur")), x->mem, &names, &count);

    if (e != OK)
        return err_set(&x->r->c->why, e, "cannot list the folder cur");
    map_init(&x->present, (struct siphash_key){ { 1, 2 } });
    for (size_t i = 0; i < count; i++)
        (void)map_put(&x->present, maildir_file_parse(names[i]).base, &names[i]);
    return OK;
}

static enum err export_mailbox(struct maildir_export *x, struct str name)
{
    struct output *o = &x->r->admin.out;
    enum err e;

    x->written = x->known = 0;
    x->mem = arena_new(0);
    buf_clear(&x->uidlist);
    if ((e = make_folders(x, name)) == OK && (e = reader_select(x->r, name)) == OK &&
        (e = look_at_present(x)) == OK && (e = write_keywords(x)) == OK) {
        buf_printf(&x->uidlist, "3 V%u N%u\n", x->r->uidvalidity, x->r->uidnext);
        if ((e = reader_each(x->r, 1, export_message, x)) == OK)
            e = fs_write_atomic(x->fs, arena_join(x->mem, x->folder, STR("dovecot-uidlist")),
                                buf_str(&x->uidlist), &x->r->c->why);
    }
    map_deinit(&x->present);
    arena_free(x->mem);
    if (e == OK) {
        output_row(o);
        output_str(o, "mailbox", name);
        output_num(o, "exported", x->written);
        output_num(o, "known", x->known);
    }
    return e;
}

static enum err write_subscriptions(struct maildir_export *x)
{
    struct buf b = { 0 };
    enum err e;

    for (size_t i = 0; i < x->r->count; i++)
        if (x->r->mailboxes[i].subscribed) {
            maildir_folder_format(&b, x->r->mailboxes[i].name);
            BUF_ADD(&b, "\n");
        }
    e = fs_write_atomic(x->fs, STR("subscriptions"), buf_str(&b), &x->r->c->why);
    buf_deinit(&b);
    return e;
}

enum err cli_export_maildir(struct context *c)
{
    struct account_reader *r = ARENA_NEW(c->mem, struct account_reader);
    struct maildir_export x = { .r = r, .root = c->words[0] };
    enum err e;

    if ((e = reader_open(r, c)) != OK)
        return e;
    if ((e = fs_new_real(x.root, true, &x.fs, &c->why)) == OK) {
        for (size_t i = 0; i < r->count && e == OK; i++)
            if (r->mailboxes[i].exists)
                e = export_mailbox(&x, r->mailboxes[i].name);
        if (e == OK)
            e = write_subscriptions(&x);
        fs_free(x.fs);
    }
    buf_deinit(&x.uidlist);
    buf_deinit(&x.text);
    return reader_close(r, e);
}
