/* cli/move/import_mbox.c - postern import mbox: one file, or a folder of them.
 *
 * A file is read in pieces; as much of it is held as the message takes that is being looked for.
 * What was taken is known by the hash of its "From " line and its octets without the fields that
 * mail programs change; of messages that are alike to the octet the n-th is the n-th. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/move/mbox.h"
#include "cli/move/mover.h"
#include "os/path.h"
#include "proto/imap/parse/mutf7.h"

enum { PIECE_BYTES = 1024 * 1024, DEPTH_MAX = 20 };

struct mbox_import {
    struct mover *m;
    enum mbox_quoting quoting;
    struct str path, target;
    struct file *file;
    uint64_t at, size; /* read so far; of the file */
    struct buf octets, text;
    struct seen here; /* of this file, to tell copies apart */
    uint32_t uidvalidity;
    uint64_t number;
    bool begun;
};

static enum err quoting_of(struct context *c, enum mbox_quoting *ret)
{
    static const struct str names[] = { [MBOX_RD] = STR_INIT("mboxrd"),
                                        [MBOX_O] = STR_INIT("mboxo"),
                                        [MBOX_CL] = STR_INIT("mboxcl"),
                                        [MBOX_CL2] = STR_INIT("mboxcl2") };
    const struct str *given = option_find(c, "quoting");

    *ret = MBOX_RD;
    if (given == NULL)
        return OK;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(*given, names[i])) {
            *ret = (enum mbox_quoting)i;
            return OK;
        }
    return err_set(&c->why, ERR_SYNTAX, "--quoting is one of mboxrd, mboxo, mboxcl, mboxcl2");
}

/* The n-th of messages that are alike. */
static struct seen_id identify(struct mbox_import *x, struct str identity)
{
    SCRATCH(tmp, NULL);
    struct seen_id id = seen_id_of(x->target, identity);

    for (uint32_t n = 2; !seen_add(&x->here, id); n++)
        id = seen_id_of(arena_printf(tmp, "%.*s %u", STR_ARG(x->target), n), identity);
    return id;
}

static enum err begin_mailbox(struct mbox_import *x, const struct mbox_message *first)
{
    x->begun = true;
    x->uidvalidity = first->uidvalidity;
    /* How many will come is guessed from the first ones' size: the bar is for the eye alone. */
    return mover_mailbox(x->m, x->target, x->size / MAX((uint64_t)x->octets.len / 16, 1),
                         first->uidvalidity, first->uidnext);
}

static enum err import_message(struct mbox_import *x, struct str octets)
{
    struct arena *mem = arena_new(0);
    struct mbox_message found;
    enum err e = OK;

    buf_clear(&x->text);
    mbox_open(mem, octets, x->quoting, &found, &x->text);
    x->number++;
    if (!x->begun)
        e = begin_mailbox(x, &found);
    struct mover_message message = { .uid = x->uidvalidity != 0 ? found.uid : 0,
                                     .flags = found.flags,
                                     .keywords = found.keywords,
                                     .keyword_count = found.keyword_count,
                                     .date = found.date,
                                     .uidl = STR_EMPTY,
                                     .bytes = buf_str(&x->text) };

    if (e == OK && !found.internal) {
        message.id = identify(x, found.identity);
        if (seen_has(&x->m->seen, message.id))
            mover_known(x->m);
        else if (message.bytes.len == 0)
            mover_skip(x->m, x->path, "message %llu is empty", (unsigned long long)x->number);
        else
            e = mover_add(x->m, &message);
    }
    arena_free(mem);
    return e;
}

static enum err read_more(struct mbox_import *x)
{
    size_t want = (size_t)MIN((uint64_t)PIECE_BYTES, x->size - x->at);
    char *to = buf_reserve(&x->octets, want);
    enum err e = file_pread(x->file, x->at, to, want, &x->m->c->why);

    if (e != OK)
        return e;
    x->octets.len += want;
    x->at += want;
    return OK;
}

static void say_junk(struct mbox_import *x, uint64_t offset, size_t len)
{
    struct str octets = str_trim_crlf(str_take(buf_str(&x->octets), len));

    if (octets.len > 0)
        mover_skip(x->m, x->path, "%zu octets at %llu belong to no message", len,
                   (unsigned long long)offset);
}

/* Takes messages off the front of the buffer until it has to be filled. */
static enum err import_octets(struct mbox_import *x)
{
    size_t done = 0, from = 0, len;
    bool skipping = false;
    enum err e = OK;

    while (e == OK) {
        struct str rest = str_skip(buf_str(&x->octets), done);
        enum mbox_found found = mbox_next(rest, x->at == x->size, x->quoting, &from, &len);

        if (found == MBOX_END)
            break;
        if (found == MBOX_MORE && rest.len > MOVE_MESSAGE_BYTES_MAX) {
            /* Its end is still looked for, but it is not kept. */
            if (!skipping)
                mover_skip(x->m, x->path, "message %llu is larger than %llu octets",
                           (unsigned long long)++x->number,
                           (unsigned long long)MOVE_MESSAGE_BYTES_MAX);
            skipping = true;
            buf_consume(&x->octets, x->octets.len - 2);
            done = from = 0;
        } else if (found == MBOX_MORE) {
            buf_consume(&x->octets, done);
            done = 0;
            e = read_more(x);
        } else {
            if (found == MBOX_MESSAGE)
                e = import_message(x, str_take(rest, len));
            else if (!skipping)
                say_junk(x, x->at - rest.len, len);
            skipping = skipping && found == MBOX_JUNK;
            done += len;
            from = 0;
        }
    }
    return e;
}

static enum err import_one(struct mover *m, enum mbox_quoting quoting, struct str path,
                           struct str target)
{
    struct mbox_import x = { .m = m, .quoting = quoting, .path = path, .target = target };
    size_t slash = str_find_char_last(path, '/');
    struct str folder = slash == STR_NOT_FOUND ? STR(".") : str_take(path, MAX(slash, (size_t)1));
    struct errinfo *why = &m->c->why;
    struct fs *fs;
    enum err e;

    if ((e = fs_new_real(folder, false, &fs, why)) != OK)
        return e;
    if ((e = fs_open(fs, slash == STR_NOT_FOUND ? path : str_skip(path, slash + 1), FILE_READ,
                     &x.file, why)) == OK &&
        (e = file_size(x.file, &x.size, why)) == OK)
        e = import_octets(&x);
    if (e == OK && !x.begun)
        e = mover_mailbox(m, target, 0, 0, 0);
    if (e == OK)
        e = mover_flush(m);
    file_close(x.file);
    fs_free(fs);
    buf_deinit(&x.octets);
    buf_deinit(&x.text);
    seen_deinit(&x.here);
    return e;
}

/* ---- a folder of files ---- */

/* "Lists.mbox" and "Lists" are the mailbox Lists, in modified UTF-7 or UTF-8; "\2e" is a dot. */
static struct str mailbox_of(struct arena *mem, struct str above, struct str name)
{
    struct buf b = { 0 };
    struct str words;

    if (str_ends_nocase(name, STR(".mbox")))
        name = str_take(name, name.len - 5);
    else if (str_ends_nocase(name, STR(".sbd")))
        name = str_take(name, name.len - 4);
    for (size_t i = 0; i < name.len; i++) {
        bool dot = str_starts(str_skip(name, i), STR("\\2e"));

        buf_add_char(&b, dot ? '.' : name.at[i]);
        i += dot ? 2 : 0;
    }
    name = arena_copy(mem, buf_str(&b));
    buf_deinit(&b);
    if (!mutf7_decode(mem, name, &words))
        words = name;
    return above.len > 0 ? arena_printf(mem, "%.*s/%.*s", STR_ARG(above), STR_ARG(words)) : words;
}

static bool begins_like_mbox(struct str path)
{
    SCRATCH(tmp, NULL);
    struct str folder = path, name;
    size_t slash = str_find_char_last(path, '/');
    char first[5];
    struct file *f;
    struct fs *fs;
    bool is;

    (void)tmp;
    name = str_skip(path, slash + 1);
    folder = str_take(path, slash);
    if (fs_new_real(folder, false, &fs, NULL) != OK)
        return false;
    is = fs_open(fs, name, FILE_READ, &f, NULL) == OK;
    if (is) {
        is = file_pread(f, 0, first, sizeof first, NULL) == OK &&
             memcmp(first, "From ", sizeof first) == 0;
        file_close(f);
    }
    fs_free(fs);
    return is;
}

static enum err import_folder(struct mover *m, enum mbox_quoting quoting, struct str path,
                              struct str above, int depth)
{
    struct str *names;
    struct fs *fs;
    size_t count;
    enum err e;

    if (depth > DEPTH_MAX)
        return err_set(&m->c->why, ERR_LIMIT, "'%.*s' is too deep", STR_ARG(path));
    if ((e = fs_new_real(path, false, &fs, &m->c->why)) != OK)
        return e;
    e = fs_list(fs, STR_EMPTY, m->mem, &names, &count);
    fs_free(fs);
    for (size_t i = 0; i < count && e == OK; i++) {
        struct str below = arena_printf(m->mem, "%.*s/%.*s", STR_ARG(path), STR_ARG(names[i]));
        struct str mailbox = mailbox_of(m->mem, above, names[i]);
        struct path_look look;

        if (names[i].at[0] == '.' || path_look(below, &look) != OK)
            continue;
        if (look.kind == PATH_FOLDER)
            e = import_folder(m, quoting, below, mailbox, depth + 1);
        else if (look.kind == PATH_FILE && begins_like_mbox(below))
            e = import_one(m, quoting, below, mailbox);
        else if (look.kind == PATH_FILE && look.bytes > 0 &&
                 str_ends_nocase(names[i], STR(".mbox")))
            mover_skip(m, below, "it does not begin like an mbox file");
        if (e == ERR_SYNTAX) {
            mover_skip(m, below, "%s", m->c->why.text);
            e = m->admin.result = OK;
        }
    }
    return e;
}

enum err cli_import_mbox(struct context *c)
{
    struct mover *m = ARENA_NEW(c->mem, struct mover);
    const struct str *into = option_find(c, "into");
    struct str path = c->words[0];
    enum mbox_quoting quoting;
    struct path_look look;
    enum err e;

    while (path.len > 1 && path.at[path.len - 1] == '/')
        path.len--;
    if ((e = quoting_of(c, &quoting)) != OK)
        return e;
    if (path_look(path, &look) != OK || look.kind == PATH_OTHER)
        return err_set(&c->why, ERR_NOT_FOUND, "there is no file '%.*s'", STR_ARG(path));
    if ((e = mover_open(m, c, 'b')) != OK)
        return e;
    e = look.kind == PATH_FOLDER
            ? import_folder(m, quoting, path, into != NULL ? *into : STR_EMPTY, 0)
            : import_one(m, quoting, path, into != NULL ? *into : STR("INBOX"));
    return mover_close(m, e);
}
