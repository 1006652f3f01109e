/* cli/move/mover.c - batches to keeper, and what the person at the terminal sees of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/move/mover.h"

#include <stdarg.h>

#include "message/record/record.h"
#include "os/machine.h"

enum { BAR_CELLS = 30, SHOW_EVERY_MS = 100, MARK_BYTES = 17 };

/* ---- asking and waiting ---- */

static void step_end(void *ctx, enum err e)
{
    struct mover *m = ctx;

    admin_end(&m->admin, e);
}

static enum err wait_batch(struct mover *m)
{
    return m->under_way ? admin_wait(&m->admin) : m->admin.result;
}

/* ---- progress ---- */

static void show_bar(struct mover *m, bool last)
{
    const struct mover_counts *n = &m->counts;
    uint64_t done = n->imported + n->known + n->skipped, now = loop_now_ms(m->admin.loop);
    uint64_t ms = now - m->begun_ms, cells;

    if (!m->terminal || (!last && now - m->shown_ms < SHOW_EVERY_MS))
        return;
    m->shown_ms = now;
    cells = m->expected > 0 ? MIN(done * BAR_CELLS / m->expected, (uint64_t)BAR_CELLS) : 0;
    (void)fprintf(stderr, "\r\033[K[%.*s%.*s] %llu/%llu %llu/s %.*s", (int)cells,
                  "##############################", (int)(BAR_CELLS - cells),
                  "..............................", (unsigned long long)done,
                  (unsigned long long)m->expected,
                  (unsigned long long)(ms > 0 ? n->imported * 1000 / ms : 0),
                  STR_ARG(str_take(m->mailbox, 40)));
    (void)fflush(stderr);
}

static void clear_bar(const struct mover *m)
{
    if (m->terminal)
        (void)fprintf(stderr, "\r\033[K");
}

void mover_skip(struct mover *m, struct str what, const char *why_fmt, ...)
{
    va_list args;

    clear_bar(m);
    (void)fprintf(stderr, "postern: passed over %.*s: ", STR_ARG(what));
    va_start(args, why_fmt);
    (void)vfprintf(stderr, why_fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    m->counts.skipped++;
    m->c->problems = MOVE_SKIPPED;
}

void mover_known(struct mover *m)
{
    m->counts.known++;
    show_bar(m, false);
}

/* The row of the mailbox that is finished. */
static void add_row(struct mover *m)
{
    struct output *o = &m->admin.out;
    const struct mover_counts *n = &m->counts;

    if (m->mailbox.len == 0)
        return;
    clear_bar(m);
    output_row(o);
    output_str(o, "mailbox", m->mailbox);
    output_num(o, "imported", n->imported);
    output_num(o, "known", n->known);
    output_num(o, "skipped", n->skipped);
    output_num(o, "octets", n->bytes);
    output_num(o, "uids_kept", n->kept);
    if (!m->terminal)
        (void)fprintf(stderr, "%.*s: %llu imported, %llu known, %llu passed over\n",
                      STR_ARG(m->mailbox), (unsigned long long)n->imported,
                      (unsigned long long)n->known, (unsigned long long)n->skipped);
}

/* ---- the account ---- */

static void add_name(struct mover *m, struct str name)
{
    if (m->name_count == m->name_cap) {
        size_t cap = m->name_cap == 0 ? 64 : 2 * m->name_cap;
        struct str *names = ARENA_ARRAY(m->mem, struct str, cap);

        if (m->name_count > 0)
            memcpy(names, m->names, m->name_count * sizeof *names);
        m->names = names;
        m->name_cap = cap;
    }
    m->names[m->name_count++] = arena_copy(m->mem, name);
}

static void listed(void *ctx, enum err e, const struct keep_mailbox_list_rep *rep,
                   struct file *file)
{
    struct mover *m = ctx;

    (void)file;
    for (size_t i = 0; e == OK && i < rep->mailboxes_count; i++)
        if (rep->mailboxes[i].exists)
            add_name(m, rep->mailboxes[i].name);
    if (e == OK && rep->next.len > 0)
        (void)keeper_mailbox_list(
            m->admin.client,
            &(struct keep_mailbox_list_req){ .session = m->session, .from = rep->next }, listed, m);
    else
        step_end(m, e);
}

static void got_marks(void *ctx, enum err e, const struct keep_import_marks_rep *rep,
                      struct file *file)
{
    struct mover *m = ctx;

    (void)file;
    for (size_t i = 0; e == OK && i < rep->marks_count; i++) {
        struct str key = rep->marks[i].key;

        if (key.len == MARK_BYTES)
            (void)seen_add(&m->seen,
                           (struct seen_id){ { load_u64(key.at + 1), load_u64(key.at + 9) } });
    }
    if (e == OK && rep->next.len > 0)
        (void)keeper_import_marks(m->admin.client,
                                  &(struct keep_import_marks_req){ .session = m->session,
                                                                   .prefix = str_from(&m->kind, 1),
                                                                   .from = rep->next },
                                  got_marks, m);
    else
        step_end(m, e);
}

static enum err find_account(struct mover *m)
{
    const struct str *address = option_find(m->c, "account");
    struct keeper_client *k = m->admin.client;
    enum err e;

    if (address == NULL)
        return err_set(&m->c->why, ERR_SYNTAX, "--account ADDRESS is missing");
    if ((e = admin_open_account(&m->admin, *address, &m->session)) != OK)
        return e;
    (void)keeper_mailbox_list(k, &(struct keep_mailbox_list_req){ .session = m->session }, listed,
                              m);
    if ((e = admin_wait(&m->admin)) != OK)
        return e;
    (void)keeper_import_marks(
        k,
        &(struct keep_import_marks_req){ .session = m->session, .prefix = str_from(&m->kind, 1) },
        got_marks, m);
    return admin_wait(&m->admin);
}

enum err mover_open(struct mover *m, struct context *c, char kind)
{
    enum err e = admin_open(&m->admin, c);

    if (e != OK)
        return e;
    m->c = c;
    m->kind = kind;
    m->mem = arena_new(0);
    m->batch = arena_new(0);
    m->terminal = machine_is_terminal(2);
    if ((e = find_account(m)) != OK)
        return mover_close(m, e);
    return OK;
}

/* ---- mailboxes ---- */

static void created(void *ctx, enum err e, const struct keep_mailbox_create_rep *rep,
                    struct file *file)
{
    (void)rep;
    (void)file;
    step_end(ctx, e);
}

static void subscribed(void *ctx, enum err e, const struct keep_mailbox_subscribe_rep *rep,
                       struct file *file)
{
    (void)rep;
    (void)file;
    step_end(ctx, e);
}

enum err mover_subscribe(struct mover *m, struct str name)
{
    (void)keeper_mailbox_subscribe(
        m->admin.client,
        &(struct keep_mailbox_subscribe_req){ .session = m->session, .name = name, .on = true },
        subscribed, m);
    return admin_wait(&m->admin);
}

static enum err make_mailbox(struct mover *m, struct str name)
{
    enum err e;

    for (size_t i = 0; i < m->name_count; i++)
        if (str_eq(m->names[i], name) ||
            (str_eq_nocase(name, STR("INBOX")) && str_eq(m->names[i], STR("INBOX"))))
            return OK;
    (void)keeper_mailbox_create(
        m->admin.client, &(struct keep_mailbox_create_req){ .session = m->session, .name = name },
        created, m);
    e = admin_wait(&m->admin);
    if (e != OK && e != ERR_EXISTS)
        return e;
    m->admin.result = OK;
    add_name(m, name);
    return mover_subscribe(m, name);
}

enum err mover_mailbox(struct mover *m, struct str name, uint64_t expected, uint32_t uidvalidity,
                       uint32_t uidnext)
{
    enum err e = mover_flush(m);

    if (e != OK)
        return e;
    add_row(m);
    m->counts = (struct mover_counts){ 0 };
    m->mailbox = STR_EMPTY;
    if ((e = make_mailbox(m, name)) != OK)
        return e;
    m->mailbox = arena_copy(m->mem, name);
    m->expected = expected;
    m->uidvalidity = uidvalidity;
    m->uidnext = uidnext;
    m->begun_ms = loop_now_ms(m->admin.loop);
    return OK;
}

/* ---- messages ---- */

static void imported(void *ctx, enum err e, const struct keep_import_rep *rep, struct file *file)
{
    struct mover *m = ctx;

    (void)file;
    m->under_way = false;
    if (e == OK)
        m->counts.kept += rep->kept;
    step_end(m, e);
}

/* One batch is under way while the next is made: so batches come in order, and the UIDs with them.
 */
static enum err send_batch(struct mover *m, uint32_t uidnext)
{
    struct keep_import_req req = { .session = m->session,
                                   .name = m->mailbox,
                                   .uidvalidity = m->uidvalidity,
                                   .uidnext = uidnext,
                                   .messages = m->messages,
                                   .messages_count = m->count,
                                   .spool = m->spool_id,
                                   .marks = m->marks,
                                   .marks_count = m->mark_count };
    enum err e = wait_batch(m);

    if (e != OK)
        return e;
    if (m->spool_id != 0)
        req.spool_bytes = m->batch_bytes;
    m->under_way = true;
    (void)keeper_import(m->admin.client, &req, imported, m);
    m->counts.imported += m->count;
    m->count = m->mark_count = m->batch_bytes = 0;
    m->spool_id = 0;
    arena_reset(m->batch);
    show_bar(m, false);
    return OK;
}

enum err mover_flush(struct mover *m)
{
    enum err e;

    if (m->mailbox.len == 0)
        return OK;
    if ((m->count > 0 || m->mark_count > 0 || m->uidnext > 0) &&
        (e = send_batch(m, m->uidnext)) != OK)
        return e;
    m->uidnext = 0;
    return wait_batch(m);
}

static void got_spool(void *ctx, enum err e, const struct keep_spool_rep *rep, struct file *file)
{
    struct mover *m = ctx;

    if (e == OK && file == NULL)
        e = ERR_UNAVAILABLE;
    if (e == OK) {
        m->spool_id = rep->spool;
        m->spool = file;
    }
    step_end(m, e);
}

/* A large message goes through a file that keeper has passed over, alone in its batch. */
static enum err spool_message(struct mover *m, const struct mover_message *message)
{
    enum err e;

    if (m->count > 0 && (e = send_batch(m, 0)) != OK)
        return e;
    if ((e = wait_batch(m)) != OK)
        return e;
    (void)keeper_spool(m->admin.client, &(struct keep_spool_req){ .size_hint = message->bytes.len },
                       got_spool, m);
    if ((e = admin_wait(&m->admin)) != OK)
        return e;
    e = file_pwrite(m->spool, 0, message->bytes, &m->c->why);
    file_close(m->spool);
    m->spool = NULL;
    return e;
}

static void mark_message(struct mover *m, struct seen_id id)
{
    char key[MARK_BYTES] = { m->kind };

    store_u64(key + 1, id.half[0]);
    store_u64(key + 9, id.half[1]);
    m->marks[m->mark_count++] =
        (struct keep_mark){ arena_copy(m->batch, str_from(key, sizeof key)), STR("+") };
    (void)seen_add(&m->seen, id);
}

static void put_message(struct mover *m, const struct mover_message *in, bool spooled)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct keep_incoming *out = &m->messages[m->count++];
    struct buf record = { 0 };

    record_build(in->bytes, &limits, &record);
    *out = (struct keep_incoming){ .uid = in->uid,
                                   .flags = in->flags,
                                   .internal_date = in->date,
                                   .internal_zone = in->zone,
                                   .uidl = arena_copy(m->batch, in->uidl),
                                   .record = arena_copy(m->batch, buf_str(&record)),
                                   .bytes = spooled ? STR_EMPTY : arena_copy(m->batch, in->bytes),
                                   .keywords_count = in->keyword_count };
    out->keywords = ARENA_ARRAY(m->batch, struct keep_text, in->keyword_count + 1);
    for (size_t i = 0; i < in->keyword_count; i++)
        out->keywords[i].text = arena_copy(m->batch, in->keywords[i]);
    m->batch_bytes += spooled ? in->bytes.len : in->bytes.len + record.len;
    buf_deinit(&record);
    mark_message(m, in->id);
}

enum err mover_add(struct mover *m, const struct mover_message *message)
{
    bool spooled = message->bytes.len > MOVE_ALONE_BYTES;
    enum err e;

    if (spooled && (e = spool_message(m, message)) != OK)
        return e;
    if (m->count > 0 && m->batch_bytes + message->bytes.len > MOVE_BATCH_BYTES &&
        (e = send_batch(m, 0)) != OK)
        return e;
    put_message(m, message, spooled);
    m->counts.bytes += message->bytes.len;
    if (spooled || m->count == MOVE_BATCH_MESSAGES || m->batch_bytes >= MOVE_BATCH_BYTES)
        return send_batch(m, 0);
    return OK;
}

/* ---- the end ---- */

enum err mover_close(struct mover *m, enum err e)
{
    enum err last = e == OK ? mover_flush(m) : OK;

    if (m->under_way && wait_batch(m) != OK && last == OK)
        last = m->admin.result;
    if (e == OK)
        e = last;
    if (e == OK)
        add_row(m);
    clear_bar(m);
    file_close(m->spool);
    seen_deinit(&m->seen);
    arena_free(m->batch);
    arena_free(m->mem);
    return admin_close(&m->admin, e);
}

void move_add_crlf(struct buf *out, struct str text)
{
    while (text.len > 0) {
        size_t end = str_find_char(text, '\n');
        struct str line = end == STR_NOT_FOUND ? text : str_take(text, end);

        buf_add(out, line);
        if (end == STR_NOT_FOUND)
            return;
        buf_add(out, line.len > 0 && line.at[line.len - 1] == '\r' ? STR("\n") : STR("\r\n"));
        text = str_skip(text, end + 1);
    }
}
