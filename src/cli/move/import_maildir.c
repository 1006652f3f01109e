/* cli/move/import_maildir.c - postern import maildir.
 *
 * The folders of a Maildir++ one after the other. In each the files of cur/ and new/ are taken in
 * the order of their UIDs, those without one last, by name. Whoever still uses the maildir may
 * rename a file between our look at the folder and at the file: the folder is then looked at once
 * more, and by its base name the file is found again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "cli/move/maildir.h"
#include "cli/move/mover.h"
#include "os/path.h"

enum { LOOKS_MAX = 3, LIST_BYTES_MAX = 256 * 1024 * 1024 };

struct entry {
    struct str name, base;
    uint32_t uid;
    struct str uidl;
    bool fresh; /* in new/ */
};

struct folder {
    struct mover *m;
    struct arena *mem;
    struct str path, target;
    struct maildir_uidlist uids;
    struct maildir_keywords keywords;
    struct entry *entries;
    size_t count;
    struct buf raw, text;
    bool moved; /* a file was not there any more */
};

/* ---- looking ---- */

static int by_uid(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->uid != y->uid)
        return x->uid == 0 || (y->uid != 0 && x->uid > y->uid) ? 1 : -1;
    return str_cmp(x->name, y->name);
}

/* A folder that is not there is empty: new/ may be missing. */
static enum err list_names(struct folder *f, struct str below, struct str **ret, size_t *ret_count)
{
    struct str path = arena_printf(f->mem, "%.*s/%.*s", STR_ARG(f->path), STR_ARG(below));
    struct errinfo *why = &f->m->c->why;
    struct path_look look;
    struct fs *fs;
    enum err e;

    *ret_count = 0;
    if (path_look(path, &look) != OK || look.kind != PATH_FOLDER)
        return OK;
    if ((e = fs_new_real(path, false, &fs, why)) != OK)
        return e;
    e = fs_list(fs, STR_EMPTY, f->mem, ret, ret_count);
    fs_free(fs);
    return e == OK ? OK : err_set(why, e, "cannot list '%.*s'", STR_ARG(path));
}

static void add_entries(struct folder *f, const struct str *names, size_t count, bool fresh)
{
    for (size_t i = 0; i < count; i++) {
        struct entry *n = &f->entries[f->count];
        const struct maildir_uid *row;

        if (names[i].len == 0 || names[i].at[0] == '.')
            continue;
        *n = (struct entry){ .name = names[i],
                             .base = maildir_file_parse(names[i]).base,
                             .uidl = STR_EMPTY,
                             .fresh = fresh };
        if ((row = maildir_uidlist_find(&f->uids, n->base)) != NULL) {
            n->uid = row->uid;
            n->uidl = row->uidl;
        }
        f->count++;
    }
}

static enum err look_at_files(struct folder *f)
{
    struct str *cur = NULL, *fresh = NULL;
    size_t cur_count, fresh_count;
    enum err e;

    if ((e = list_names(f, STR("cur"), &cur, &cur_count)) != OK ||
        (e = list_names(f, STR("new"), &fresh, &fresh_count)) != OK)
        return e;
    f->entries = ARENA_ARRAY(f->mem, struct entry, cur_count + fresh_count + 1);
    f->count = 0;
    add_entries(f, cur, cur_count, false);
    add_entries(f, fresh, fresh_count, true);
    qsort(f->entries, f->count, sizeof *f->entries, by_uid);
    return OK;
}

/* Lists that Dovecot may have left; that one is missing or damaged costs UIDs or words, no mail. */
static void read_lists(struct folder *f)
{
    struct str text;

    if (path_read(f->mem, arena_join(f->mem, f->path, STR("/dovecot-uidlist")), LIST_BYTES_MAX,
                  &text, NULL) == OK &&
        (!maildir_uidlist_parse(f->mem, text, &f->uids) || f->uids.damaged > 0))
        (void)fprintf(stderr, "postern: '%.*s/dovecot-uidlist' is damaged: some UIDs are lost\n",
                      STR_ARG(f->path));
    if (path_read(f->mem, arena_join(f->mem, f->path, STR("/dovecot-keywords")), LIST_BYTES_MAX,
                  &text, NULL) == OK)
        maildir_keywords_parse(text, &f->keywords);
}

/* ---- one file ---- */

static enum err read_file(struct folder *f, struct str path, struct path_look *ret_look)
{
    SCRATCH(tmp, NULL);
    struct errinfo why = { 0 };
    struct str text;
    enum err e = path_look(path, ret_look);

    if (e == ERR_NOT_FOUND) {
        f->moved = true;
        return e;
    }
    if (e == OK && ret_look->kind != PATH_FILE)
        e = err_set(&why, ERR_SYNTAX, "it is no file");
    else if (e == OK && ret_look->bytes == 0)
        e = err_set(&why, ERR_SYNTAX, "it is empty");
    else if (e == OK)
        e = path_read(tmp, path, (size_t)MOVE_MESSAGE_BYTES_MAX, &text, &why);
    if (e == ERR_NOT_FOUND) {
        f->moved = true;
        return e;
    }
    if (e != OK) {
        mover_skip(f->m, path, "%s", why.text[0] != '\0' ? why.text : err_text(e));
        return e;
    }
    buf_clear(&f->text);
    move_add_crlf(&f->text, text);
    return OK;
}

static size_t words_of(const struct folder *f, uint32_t letters, struct str *words)
{
    size_t count = 0;

    for (int i = 0; i < MAILDIR_KEYWORDS_MAX; i++)
        if ((letters >> i & 1) && f->keywords.names[i].len > 0)
            words[count++] = f->keywords.names[i];
    return count;
}

/* POP3 shows the INBOX alone. */
static struct str uidl_of(struct folder *f, struct arena *mem, const struct entry *n)
{
    if (n->uidl.len > 0 || n->uid == 0 || !str_eq(f->target, STR("INBOX")))
        return n->uidl;
    return maildir_uidl_dovecot(mem, n->uid, f->uids.uidvalidity);
}

static enum err import_file(struct folder *f, const struct entry *n)
{
    SCRATCH(tmp, NULL);
    struct maildir_file file = maildir_file_parse(n->name);
    struct str words[MAILDIR_KEYWORDS_MAX];
    struct path_look look;
    struct mover_message message = { .uid = n->uid,
                                     .flags = n->fresh ? 0 : file.flags,
                                     .keywords = words,
                                     .uidl = uidl_of(f, tmp, n),
                                     .id = seen_id_of(f->target, n->base) };

    if (seen_has(&f->m->seen, message.id))
        return ERR_EXISTS;
    if (read_file(f,
                  arena_printf(tmp, "%.*s/%s/%.*s", STR_ARG(f->path), n->fresh ? "new" : "cur",
                               STR_ARG(n->name)),
                  &look) != OK)
        return OK;
    message.keyword_count = words_of(f, file.keywords, words);
    message.date = look.modified_s;
    message.bytes = buf_str(&f->text);
    return mover_add(f->m, &message);
}

static enum err import_files(struct folder *f, bool first)
{
    enum err e = OK;

    for (size_t i = 0; i < f->count && e == OK; i++) {
        e = import_file(f, &f->entries[i]);
        if (e != ERR_EXISTS)
            continue;
        if (first)
            mover_known(f->m);
        e = OK;
    }
    return e;
}

static enum err import_folder(struct mover *m, struct str path, struct str target)
{
    struct folder f = { .m = m, .mem = arena_new(0), .path = path, .target = target };
    enum err e;

    read_lists(&f);
    if ((e = look_at_files(&f)) == OK)
        e = mover_mailbox(m, target, f.count, f.uids.uidvalidity, f.uids.uidnext);
    for (int look = 0; e == OK && look < LOOKS_MAX && (look == 0 || f.moved); look++) {
        f.moved = false;
        if ((look == 0 || (e = look_at_files(&f)) == OK))
            e = import_files(&f, look == 0);
    }
    buf_deinit(&f.text);
    arena_free(f.mem);
    return e;
}

/* ---- the tree ---- */

static struct str target_of(struct arena *mem, struct context *c, struct str name)
{
    const struct str *into = option_find(c, "into");

    if (into == NULL)
        return name.len > 0 ? name : STR("INBOX");
    return name.len > 0 ? arena_printf(mem, "%.*s/%.*s", STR_ARG(*into), STR_ARG(name)) : *into;
}

/* One name a line; the second version begins with a head and has tabs between the levels. */
static enum err import_subscriptions(struct mover *m, struct str root)
{
    SCRATCH(tmp, NULL);
    struct str text, name;
    enum err e = OK;

    if (path_read(tmp, arena_join(tmp, root, STR("/subscriptions")), LIST_BYTES_MAX, &text, NULL) !=
        OK)
        return OK;
    while (text.len > 0 && e == OK) {
        struct str line = str_trim_crlf(str_split(&text, '\n'));
        struct buf dotted = { 0 };

        if (line.len == 0 || str_starts(line, STR("V\t")))
            continue;
        for (size_t i = 0; i < line.len; i++)
            buf_add_char(&dotted, line.at[i] == '\t' || line.at[i] == '/' ? '.' : line.at[i]);
        if (maildir_folder_parse(tmp, buf_str(&dotted), &name))
            e = mover_subscribe(m, target_of(tmp, m->c, name));
        buf_deinit(&dotted);
        if (e == ERR_SYNTAX) /* a name that nobody can subscribe to here */
            e = m->admin.result = OK;
    }
    return e;
}

static bool is_folder(struct arena *mem, struct str root, const char *name)
{
    struct path_look look;

    return path_look(arena_printf(mem, "%.*s/%s", STR_ARG(root), name), &look) == OK &&
           look.kind == PATH_FOLDER;
}

/* What else Dovecot keeps mail in, of which only it knows how it is read. */
static enum err refuse_root(struct context *c, struct str root)
{
    if (is_folder(c->mem, root, "mailboxes") || is_folder(c->mem, root, "storage"))
        return err_set(
            &c->why, ERR_SYNTAX,
            "'%.*s' is an sdbox or mdbox of Dovecot: let it serve the mail and use import imap",
            STR_ARG(root));
    return err_set(&c->why, ERR_SYNTAX, "'%.*s' is no maildir: it has no folder cur",
                   STR_ARG(root));
}

static enum err import_below(struct mover *m, struct str root, const struct str *names,
                             size_t count)
{
    enum err e = OK;

    for (size_t i = 0; i < count && e == OK; i++) {
        struct str path = arena_printf(m->mem, "%.*s/%.*s", STR_ARG(root), STR_ARG(names[i]));
        struct str name;

        if (names[i].len < 2 || !is_folder(m->mem, path, "cur"))
            continue;
        if (names[i].at[0] != '.') {
            mover_skip(m, path,
                       "folders within folders (LAYOUT=fs) come by import imap, or one by one");
            continue;
        }
        if (!maildir_folder_parse(m->mem, names[i], &name)) {
            mover_skip(m, path, "its name cannot be that of a mailbox");
            continue;
        }
        e = import_folder(m, path, target_of(m->mem, m->c, name));
        if (e == ERR_SYNTAX || e == ERR_LIMIT) { /* of the name: the others still come */
            mover_skip(m, path, "%s", m->c->why.text);
            e = m->admin.result = OK;
        }
    }
    return e;
}

enum err cli_import_maildir(struct context *c)
{
    struct mover *m = ARENA_NEW(c->mem, struct mover);
    struct str root = c->words[0], *names;
    struct fs *fs;
    size_t count;
    enum err e;

    while (root.len > 1 && root.at[root.len - 1] == '/')
        root.len--;
    if (!is_folder(c->mem, root, "cur"))
        return refuse_root(c, root);
    if ((e = fs_new_real(root, false, &fs, &c->why)) != OK)
        return e;
    e = fs_list(fs, STR_EMPTY, c->mem, &names, &count);
    fs_free(fs);
    if (e != OK)
        return err_set(&c->why, e, "cannot list '%.*s'", STR_ARG(root));
    if ((e = mover_open(m, c, 'm')) != OK)
        return e;
    if ((e = import_folder(m, root, target_of(m->mem, c, STR_EMPTY))) == OK &&
        (e = import_below(m, root, names, count)) == OK && (e = mover_flush(m)) == OK)
        e = import_subscriptions(m, root);
    return mover_close(m, e);
}
