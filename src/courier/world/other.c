/* courier/world/other.c - the SMTP servers of the test world.
 *
 * Commands are taken line by line, so pipelined ones are answered one after the other. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/world/world.h"

struct guest {
    struct list link;
    struct other *at;
    struct stream *stream;
    uint32_t rcpts;
    bool in_data, mid_said, secure, hung;
    struct buf in, message;
};

static void guest_leave(struct guest *g)
{
    list_remove(&g->link);
    g->at->open--;
    stream_free(g->stream);
    buf_deinit(&g->in);
    buf_deinit(&g->message);
    free(g);
}

/* False when the guest is gone. */
static bool say(struct guest *g, enum phase phase, const char *good)
{
    const char *words = g->at->say[phase] != NULL ? g->at->say[phase] : good;

    if (str_eq(str_from_z(words), STR(SAY_CLOSE))) {
        guest_leave(g);
        return false;
    }
    if (str_eq(str_from_z(words), STR(SAY_HANG))) {
        g->hung = true;
        return true;
    }
    stream_write(g->stream, str_from_z(words));
    stream_write(g->stream, STR("\r\n"));
    return true;
}

static bool say_ehlo(struct guest *g)
{
    if (g->at->say[P_EHLO] == NULL) {
        stream_write(g->stream, STR("250-hello\r\n"));
        if (g->at->extensions != NULL)
            stream_write(g->stream, str_from_z(g->at->extensions));
    }
    return say(g, P_EHLO, "250 ENHANCEDSTATUSCODES");
}

static bool is_good(const struct guest *g, enum phase phase)
{
    return g->at->say[phase] == NULL || g->at->say[phase][0] == '2' || g->at->say[phase][0] == '3';
}

static struct tls_server *no_keys;

static bool start_tls(struct guest *g)
{
    if (!say(g, P_STARTTLS, "220 go"))
        return false;
    if (!is_good(g, P_STARTTLS))
        return true;
    if (g->at->say[P_SHAKE] == NULL) {
        stream_start_tls_server(g->stream, no_keys);
        g->secure = true;
        return true;
    }
    g->hung = true;
    if (str_eq(str_from_z(g->at->say[P_SHAKE]), STR(SAY_CLOSE))) { /* but 220 is heard */
        stream_finish(g->stream, 1000);
        return true;
    }
    return say(g, P_SHAKE, "");
}

static bool say_rcpt(struct guest *g)
{
    if (g->at->rcpts_max != 0 && g->rcpts >= g->at->rcpts_max) {
        stream_write(g->stream, STR("452 4.5.3 too many\r\n"));
        return true;
    }
    g->rcpts += is_good(g, P_RCPT) ? 1 : 0;
    return say(g, P_RCPT, "250 2.1.5 ok");
}

static bool command(struct guest *g, struct str line)
{
    buf_add(&g->at->commands, line);
    BUF_ADD(&g->at->commands, "\n");
    if (str_starts_nocase(line, STR("EHLO")))
        return say_ehlo(g);
    if (str_starts_nocase(line, STR("HELO")))
        return say(g, P_RSET, "250 hello");
    if (str_starts_nocase(line, STR("STARTTLS")))
        return start_tls(g);
    if (str_starts_nocase(line, STR("AUTH")))
        return say(g, P_AUTH, "235 2.7.0 welcome");
    if (str_starts_nocase(line, STR("MAIL")))
        return say(g, P_MAIL, "250 2.1.0 ok");
    if (str_starts_nocase(line, STR("RCPT")))
        return say_rcpt(g);
    if (str_starts_nocase(line, STR("DATA"))) {
        g->in_data = is_good(g, P_DATA);
        return say(g, P_DATA, g->rcpts > 0 ? "354 go ahead" : "554 5.5.1 no recipients");
    }
    g->rcpts = 0;
    if (str_starts_nocase(line, STR("RSET")))
        return say(g, P_RSET, "250 2.0.0 ok");
    if (!say(g, P_QUIT, "221 2.0.0 bye"))
        return false;
    stream_finish(g->stream, 1000);
    return true;
}

static void message_came(struct guest *g)
{
    g->in_data = false;
    g->mid_said = false;
    if (is_good(g, P_END)) {
        g->at->messages++;
        g->at->secure_messages += g->secure ? 1 : 0;
        g->at->rcpts += g->rcpts;
        buf_clear(&g->at->last_message);
        buf_add(&g->at->last_message, buf_str(&g->message));
    }
    g->rcpts = 0;
    buf_clear(&g->message);
}

static bool data_line(struct guest *g, struct str line)
{
    if (str_eq(line, STR("."))) {
        message_came(g);
        return say(g, P_END, "250 2.0.0 taken");
    }
    buf_add(&g->message, line);
    BUF_ADD(&g->message, "\r\n");
    if (g->at->say[P_MID] != NULL && !g->mid_said) {
        g->mid_said = true;
        return say(g, P_MID, "");
    }
    return true;
}

static size_t bytes_came(void *ctx, struct str bytes)
{
    struct guest *g = ctx;
    SCRATCH(tmp, NULL);

    buf_add(&g->in, bytes);
    struct str rest = arena_copy(tmp, buf_str(&g->in));
    buf_clear(&g->in);
    while (!g->hung) {
        size_t end = str_find(rest, STR("\r\n"));
        bool was_secure = g->secure;

        if (end == STR_NOT_FOUND)
            break;
        struct str line = str_take(rest, end);
        rest = str_skip(rest, end + 2);
        if (!(g->in_data ? data_line(g, line) : command(g, line)))
            return bytes.len; /* gone */
        if (g->secure != was_secure)
            return bytes.len; /* what follows is the handshake's */
    }
    buf_add(&g->in, rest);
    return bytes.len;
}

static void secured(void *ctx, enum err e, const struct errinfo *why)
{
    struct guest *g = ctx;

    (void)why;
    if (e != OK)
        guest_leave(g);
    else if (g->at->tls_at_once)
        (void)say(g, P_BANNER, "220 ready");
}

static void closed(void *ctx, enum err why)
{
    (void)why;
    guest_leave(ctx);
}

static void guest_came(void *ctx, struct stream *s)
{
    static const struct stream_events events = { .bytes = bytes_came,
                                                 .secured = secured,
                                                 .closed = closed };
    struct other *o = ctx;
    struct guest *g = calloc(1, sizeof(*g));

    BUG_ON(g == NULL);
    *g = (struct guest){ .at = o, .stream = s };
    list_add_last(&o->guests, &g->link);
    stream_set_events(s, &events, g);
    o->connections++;
    o->open++;
    o->open_most = MAX(o->open_most, o->open);
    if (o->tls_at_once) {
        stream_start_tls_server(s, no_keys);
        g->secure = true;
        return;
    }
    (void)say(g, P_BANNER, "220 ready");
}

void other_start(struct other *o, struct world *w)
{
    struct address at;

    if (no_keys == NULL)
        no_keys = tls_server_simulated();
    BUG_ON(!address_parse(o->address, o->port == 0 ? 25 : o->port, &at));
    o->world = w;
    list_init(&o->guests);
    o->listener = listener_simulated(w->loop, &at, guest_came, o);
}

void other_stop_listening(struct other *o)
{
    listener_free(o->listener);
    o->listener = NULL;
}

void other_drop_guests(struct other *o)
{
    while (!list_empty(&o->guests))
        guest_leave(LIST_ITEM(list_first(&o->guests), struct guest, link));
}

void other_end(struct other *o)
{
    other_drop_guests(o);
    listener_free(o->listener);
    buf_deinit(&o->last_message);
    buf_deinit(&o->commands);
    tls_server_free(no_keys);
    no_keys = NULL;
}
