/* cli/move/import_imap.c - postern import imap: pulls an account from another server.
 *
 * The machine of proto/imap_client says what to do next; octets come through a stream of the same
 * loop that waits for keeper. What arrives while keeper is waited for is held, and past HOLD_MAX
 * the stream reads no more, so a fast server fills no memory. Mailboxes are examined, never
 * selected: nothing changes over there. For each the UIDs are asked for first; those that were
 * taken before are known by their marks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/move/mover.h"
#include "message/set/flags.h"
#include "message/set/uidset.h"
#include "message/text/date.h"
#include "os/machine.h"
#include "os/path.h"
#include "os/stream.h"
#include "os/tls.h"
#include "proto/imap/parse/mutf7.h"
#include "proto/imap_client/client.h"

enum {
    HOLD_MAX = 256 * 1024,
    CONNECT_MS_MAX = 30 * 1000,
    SILENCE_MS_MAX = 5 * 60 * 1000,
    UIDS_PER_COMMAND = 200,
    PASSWORD_FILE_MAX = 4096,
    MAILBOXES_MAX = 10000,
    PORT_PLAIN = 143,
    PORT_TLS = 993,
};

struct remote_mailbox {
    struct str wire, name; /* name: as it is called here */
};

struct puller {
    struct mover *m;
    struct context *c;
    struct str host, user;
    struct stream *stream;
    struct tls_client *tls;
    struct imap_client *client;
    struct imap_client_out out;
    struct timer silence;
    struct buf held;
    bool waiting, connected, closed, secured;
    enum err broken;
    struct errinfo why;
    struct remote_mailbox *mailboxes;
    size_t count;
    /* Of the mailbox at hand. */
    struct str target;
    uint32_t uidvalidity;
    struct uidset wanted, missing; /* missing: of the command under way */
    uint64_t known;
    struct buf raw, text;
    bool too_large;
};

/* ---- the connection ---- */

static void wake(struct puller *p)
{
    if (p->waiting)
        loop_stop(p->m->admin.loop);
}

static size_t on_bytes(void *ctx, struct str bytes)
{
    struct puller *p = ctx;
    struct str taken = str_take(bytes, HOLD_MAX - MIN(p->held.len, (size_t)HOLD_MAX));

    buf_add(&p->held, taken);
    if (taken.len > 0)
        wake(p);
    return taken.len;
}

static void on_connected(void *ctx)
{
    struct puller *p = ctx;

    p->connected = true;
    wake(p);
}

static void on_secured(void *ctx, enum err e, const struct errinfo *why)
{
    struct puller *p = ctx;

    p->secured = e == OK;
    if (e != OK) {
        p->broken = e;
        (void)err_set(&p->why, e, "TLS with %.*s failed: %s", STR_ARG(p->host),
                      why != NULL ? why->text : "");
    }
    wake(p);
}

static void on_closed(void *ctx, enum err why)
{
    struct puller *p = ctx;

    p->closed = true;
    if (p->broken == OK && why != OK)
        p->broken = err_set(&p->why, why, "the connection to %.*s ended: %s", STR_ARG(p->host),
                            err_text(why));
    wake(p);
}

static bool on_busy(void *ctx)
{
    struct puller *p = ctx;

    return p->held.len > 0;
}

static const struct stream_events events = { .bytes = on_bytes,
                                             .connected = on_connected,
                                             .secured = on_secured,
                                             .closed = on_closed,
                                             .busy = on_busy };

static void on_silence(void *ctx)
{
    struct puller *p = ctx;

    p->broken = err_set(&p->why, ERR_TIMEOUT, "%.*s says nothing any more", STR_ARG(p->host));
    wake(p);
}

/* Lets the loop turn until something has happened to the connection. */
static enum err wait_remote(struct puller *p)
{
    enum err e;

    if (p->broken != OK)
        return err_set(&p->c->why, p->broken, "%s", p->why.text);
    p->waiting = true;
    timer_set_in(&p->silence, SILENCE_MS_MAX);
    stream_resume(p->stream);
    e = loop_run(p->m->admin.loop, &p->c->why);
    p->waiting = false;
    timer_cancel(&p->silence);
    return e == OK ? p->m->admin.result : e;
}

static enum err start_tls(struct puller *p)
{
    enum err e = OK;

    p->secured = false;
    stream_start_tls_client(p->stream, p->tls, p->host);
    while (e == OK && !p->secured)
        e = wait_remote(p);
    return e;
}

/* Goes on until the machine has something for us to decide. */
static enum err next_event(struct puller *p, enum imap_client_event *ret)
{
    enum err e = OK;

    while (e == OK) {
        *ret = imap_client_next(p->client, &p->out);
        switch (*ret) {
        case IMAP_CLIENT_WANT_BYTES:
            if (p->held.len == 0) {
                e = wait_remote(p);
                break;
            }
            (void)imap_client_feed(p->client, buf_str(&p->held));
            buf_clear(&p->held);
            break;
        case IMAP_CLIENT_SEND:
            stream_write(p->stream, p->out.text);
            break;
        case IMAP_CLIENT_START_TLS:
            stream_drop_held(p->stream);
            buf_clear(&p->held);
            if ((e = start_tls(p)) == OK)
                imap_client_tls_started(p->client);
            break;
        case IMAP_CLIENT_CLOSE:
            return err_set(&p->c->why, ERR_REFUSED, "%.*s: %.*s", STR_ARG(p->host),
                           STR_ARG(str_take(p->out.text, 300)));
        case IMAP_CLIENT_READY:
        case IMAP_CLIENT_REFUSED:
        case IMAP_CLIENT_MAILBOX:
        case IMAP_CLIENT_BODY:
        case IMAP_CLIENT_MESSAGE:
            return OK;
        }
    }
    return e;
}

/* ---- the names ---- */

/* A mailbox with a special use is ours with that use, whatever the two are called. */
static struct str name_here(struct puller *p, const struct imap_client_mailbox *m)
{
    static const struct {
        struct str use, name;
    } uses[] = { { STR_INIT("\\Archive"), STR_INIT("Archive") },
                 { STR_INIT("\\Drafts"), STR_INIT("Drafts") },
                 { STR_INIT("\\Junk"), STR_INIT("Junk") },
                 { STR_INIT("\\Sent"), STR_INIT("Sent") },
                 { STR_INIT("\\Trash"), STR_INIT("Trash") } };
    const struct str *into = option_find(p->c, "into");
    struct str words;
    struct buf b = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if (into == NULL && str_eq(m->use, uses[i].use))
            return uses[i].name;
    if (!mutf7_decode(p->m->mem, arena_copy(p->m->mem, m->name), &words))
        return STR_EMPTY;
    for (size_t i = 0; i < words.len; i++)
        buf_add_char(&b, m->delimiter != '\0' && words.at[i] == m->delimiter ? '/'
                         : words.at[i] == '/'                                ? '_'
                                                                             : words.at[i]);
    words = arena_copy(p->m->mem, buf_str(&b));
    buf_deinit(&b);
    if (into == NULL)
        return words;
    if (str_eq_nocase(words, STR("INBOX")))
        return *into;
    return arena_printf(p->m->mem, "%.*s/%.*s", STR_ARG(*into), STR_ARG(words));
}

static void note_mailbox(struct puller *p)
{
    const struct imap_client_mailbox *m = &p->out.mailbox;
    struct str name;

    /* Flagged mail stands in its own mailbox as well. */
    if (!m->selectable || str_eq(m->use, STR("\\Flagged")))
        return;
    name = name_here(p, m);
    if (name.len == 0 || p->count == MAILBOXES_MAX) {
        mover_skip(p->m, arena_copy(p->m->mem, m->name), "its name cannot be that of a mailbox");
        return;
    }
    p->mailboxes[p->count++] =
        (struct remote_mailbox){ arena_copy(p->m->mem, m->name), arena_copy(p->m->mem, name) };
}

/* Gives the events of a command to `take` until it has ended; ERR_STATE: it was refused. */
static enum err run_command(struct puller *p,
                            enum err (*take)(struct puller *p, enum imap_client_event event))
{
    enum imap_client_event event;
    enum err e;

    while ((e = next_event(p, &event)) == OK) {
        if (event == IMAP_CLIENT_READY)
            return OK;
        if (event == IMAP_CLIENT_REFUSED)
            return err_set(&p->c->why, ERR_STATE, "%.*s", STR_ARG(str_take(p->out.text, 300)));
        if (take != NULL && (e = take(p, event)) != OK)
            return e;
    }
    return e;
}

static enum err take_mailbox(struct puller *p, enum imap_client_event event)
{
    if (event == IMAP_CLIENT_MAILBOX)
        note_mailbox(p);
    return OK;
}

/* ---- the messages ---- */

static struct seen_id id_of(const struct puller *p, uint32_t uid)
{
    SCRATCH(tmp, NULL);

    return seen_id_of(
        arena_printf(tmp, "%.*s %.*s %.*s", STR_ARG(p->host), STR_ARG(p->user), STR_ARG(p->target)),
        arena_printf(tmp, "%u %u", p->uidvalidity, uid));
}

static enum err take_uid(struct puller *p, enum imap_client_event event)
{
    uint32_t uid = p->out.message.uid;

    if (event != IMAP_CLIENT_MESSAGE)
        return OK;
    if (seen_has(&p->m->seen, id_of(p, uid)))
        p->known++;
    else
        uidset_add(&p->wanted, uid);
    return OK;
}

static size_t take_flags(const struct imap_client_message *in, uint32_t *ret_bits,
                         struct str *words)
{
    size_t count = 0;

    *ret_bits = 0;
    for (size_t i = 0; i < in->flag_count; i++) {
        uint64_t bit = flag_bit_find(in->flags[i]);

        *ret_bits |= (uint32_t)bit;
        if (bit == 0 && in->flags[i].at[0] != '\\' && count < MOVE_KEYWORDS_MAX)
            words[count++] = in->flags[i];
    }
    return count;
}

static enum err import_message(struct puller *p)
{
    const struct imap_client_message *in = &p->out.message;
    struct str words[MOVE_KEYWORDS_MAX];
    struct mail_date date = { 0 };
    struct mover_message message = {
        .uid = in->uid, .keywords = words, .uidl = STR_EMPTY, .id = id_of(p, in->uid)
    };
    enum err e = OK;

    if (!in->has_body || seen_has(&p->m->seen, message.id)) {
        buf_clear(&p->raw);
        return OK;
    }
    uidset_remove(&p->missing, in->uid);
    message.keyword_count = take_flags(in, &message.flags, words);
    if (date_imap_parse(in->date, &date)) {
        message.date = date.epoch_s;
        message.zone = date.zone_min;
    }
    buf_clear(&p->text);
    move_add_crlf(&p->text, in->quoted.len > 0 ? in->quoted : buf_str(&p->raw));
    message.bytes = buf_str(&p->text);
    if (p->too_large)
        mover_skip(p->m, p->target, "message %u is larger than %llu octets", in->uid,
                   (unsigned long long)MOVE_MESSAGE_BYTES_MAX);
    else if (message.bytes.len == 0)
        mover_skip(p->m, p->target, "message %u is empty", in->uid);
    else
        e = mover_add(p->m, &message);
    p->too_large = false;
    buf_clear(&p->raw);
    buf_shrink(&p->raw, HOLD_MAX);
    return e;
}

static enum err take_message(struct puller *p, enum imap_client_event event)
{
    if (event == IMAP_CLIENT_MESSAGE)
        return import_message(p);
    if (event != IMAP_CLIENT_BODY)
        return OK;
    p->too_large |= p->raw.len + p->out.text.len > MOVE_MESSAGE_BYTES_MAX;
    if (!p->too_large)
        buf_add(&p->raw, p->out.text);
    return OK;
}

static enum err fetch_wanted(struct puller *p)
{
    enum err e = OK;

    while (e == OK && !uidset_empty(&p->wanted)) {
        uint32_t last = uidset_nth(&p->wanted, UIDS_PER_COMMAND - 1);
        struct uidset now = { 0 };
        struct buf text = { 0 };

        uidset_copy(&now, &p->wanted);
        if (last != 0 && last != UINT32_MAX)
            uidset_remove_range(&now, last + 1, UINT32_MAX);
        uidset_subtract(&p->wanted, &now);
        uidset_format(&now, &text);
        uidset_swap(&p->missing, &now);
        imap_client_fetch(p->client, buf_str(&text));
        e = run_command(p, take_message);
        if (e == OK && !uidset_empty(&p->missing)) {
            buf_clear(&text);
            uidset_format(&p->missing, &text);
            mover_skip(p->m, p->target, "the server gave nothing of %.*s",
                       STR_ARG(str_take(buf_str(&text), 200)));
        }
        uidset_deinit(&now);
        buf_deinit(&text);
    }
    return e;
}

static enum err pull_mailbox(struct puller *p, const struct remote_mailbox *mailbox)
{
    struct imap_client_examined there;
    enum err e;

    p->target = mailbox->name;
    p->known = 0;
    uidset_clear(&p->wanted);
    imap_client_examine(p->client, mailbox->wire);
    if ((e = run_command(p, NULL)) != OK)
        return e;
    there = *imap_client_examined(p->client);
    p->uidvalidity = there.uidvalidity;
    if (there.exists > 0) {
        imap_client_fetch_uids(p->client);
        if ((e = run_command(p, take_uid)) != OK)
            return e;
    }
    e = mover_mailbox(p->m, p->target, there.exists, there.uidvalidity, there.uidnext);
    for (uint64_t i = 0; i < p->known && e == OK; i++)
        mover_known(p->m);
    return e == OK ? fetch_wanted(p) : e;
}

static enum err pull(struct puller *p)
{
    enum imap_client_event event;
    enum err e;

    if ((e = next_event(p, &event)) != OK)
        return e;
    p->mailboxes = ARENA_ARRAY(p->m->mem, struct remote_mailbox, MAILBOXES_MAX);
    imap_client_list(p->client);
    if ((e = run_command(p, take_mailbox)) != OK)
        return e;
    for (size_t i = 0; i < p->count && e == OK; i++) {
        e = pull_mailbox(p, &p->mailboxes[i]);
        /* What concerns one mailbox alone does not keep the others back. */
        if (e == ERR_STATE || e == ERR_SYNTAX) {
            mover_skip(p->m, p->mailboxes[i].name, "%s", p->c->why.text);
            e = p->m->admin.result = OK;
        }
    }
    if (e == OK)
        imap_client_logout(p->client);
    if (e == OK && imap_client_next(p->client, &p->out) == IMAP_CLIENT_SEND)
        stream_write(p->stream, p->out.text);
    return e;
}

/* ---- the command ---- */

static enum err read_password(struct context *c, struct str *ret)
{
    const struct str *file = option_find(c, "password-file");
    struct str text;
    enum err e;

    if (file == NULL)
        return machine_read_secret(
            c->mem, option_find(c, "password-stdin") != NULL ? STR("") : STR("Password there: "),
            ret, &c->why);
    if ((e = path_read(c->mem, *file, PASSWORD_FILE_MAX, &text, &c->why)) == OK)
        *ret = str_trim_crlf(str_split(&text, '\n'));
    return e;
}

static enum err open_connection(struct puller *p, bool tls)
{
    const struct str *port_text = option_find(p->c, "port");
    uint32_t port = tls ? PORT_TLS : PORT_PLAIN;
    struct address at;
    enum err e;

    if (port_text != NULL && (!str_to_u32(*port_text, &port) || port == 0 || port > UINT16_MAX))
        return err_set(&p->c->why, ERR_SYNTAX, "'%.*s' is no port", STR_ARG(*port_text));
    if ((e = machine_find_address(p->host, (uint16_t)port, &at, &p->c->why)) != OK)
        return e;
    p->stream = stream_connect(p->m->admin.loop, &at, NULL, CONNECT_MS_MAX);
    stream_set_events(p->stream, &events, p);
    while (e == OK && !p->connected)
        e = wait_remote(p);
    return e == OK && tls ? start_tls(p) : e;
}

static enum err run_pull(struct puller *p, const struct imap_client_options *options)
{
    bool verify = option_find(p->c, "no-verify") == NULL;
    enum err e = OK;

    timer_init(&p->silence, p->m->admin.loop, on_silence, p);
    if (options->secure || options->starttls)
        e = tls_client_new(verify, STR_EMPTY, &p->tls, &p->c->why);
    if (e == OK && (e = open_connection(p, options->secure)) == OK) {
        p->client = imap_client_new(p->m->mem, options);
        e = pull(p);
        imap_client_deinit(p->client);
    }
    timer_cancel(&p->silence);
    if (p->stream != NULL)
        stream_free(p->stream);
    if (p->tls != NULL)
        tls_client_free(p->tls);
    buf_deinit(&p->held);
    buf_deinit(&p->raw);
    buf_deinit(&p->text);
    uidset_deinit(&p->wanted);
    uidset_deinit(&p->missing);
    return e;
}

enum err cli_import_imap(struct context *c)
{
    const struct str *host = option_find(c, "host"), *user = option_find(c, "user");
    struct imap_client_options options = { .starttls = option_find(c, "starttls") != NULL,
                                           .plain_is_fine = option_find(c, "plain") != NULL };
    struct puller *p = ARENA_NEW(c->mem, struct puller);
    enum err e;

    if (host == NULL || user == NULL)
        return err_set(&c->why, ERR_SYNTAX, "--host NAME and --user NAME say what to pull");
    if ((option_find(c, "tls") != NULL) + options.starttls + options.plain_is_fine > 1)
        return err_set(&c->why, ERR_SYNTAX, "one of --tls, --starttls and --plain");
    options.secure = !options.starttls && !options.plain_is_fine;
    options.user = *user;
    if ((e = read_password(c, &options.password)) != OK)
        return e;
    p->c = c;
    p->host = *host;
    p->user = *user;
    p->m = ARENA_NEW(c->mem, struct mover);
    if ((e = mover_open(p->m, c, 'i')) != OK)
        return e;
    e = run_pull(p, &options);
    return mover_close(p->m, e);
}
