/* sim/senders.c - the people and servers that bring mail to the gates. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/senders.h"

#include "os/stream.h"
#include "os/tls.h"
#include "proto/smtp_client/client.h"

enum {
    SENDERS = 12,
    MESSAGES_PER_CONNECTION_MAX = 8,
    BODY_OCTETS_MAX = 6000,
    LARGE_BODY_OCTETS = 300 * 1024, /* past the memory that a gate gives to one message */
    LARGE_ONE_IN = 150,
    PAUSE_MS_MAX = 400,
    PATIENCE_MS = 60 * 1000
};

struct sender {
    struct senders *all;
    struct timer timer; /* when idle: the next message; when busy: patience */
    struct arena *mem;  /* of the connection; null: none */
    struct stream *stream;
    struct smtp_client *machine;
    struct smtp_client_rcpt rcpt;
    struct smtp_client_message message;
    struct buf text;
    uint32_t number;
    bool busy, dotted; /* a message is under way; its last octets were given */
    uint32_t carried;
};

struct senders {
    struct sim *sim;
    struct town *town;
    struct ledger *ledger;
    struct sender each[SENDERS];
    uint32_t next, settled;
    struct tls_client *tls;
};

/* The first names are accounts; the domains of the second list are those of sim/peers.c. */
static const char *const local[] = { "alice@crepes.fr", "bob@hamburger.edu", "carol@crepes.fr" };
static const char *const foreign[] = { "good.example", "moody.example",  "firm.example",
                                       "dead.example", "absent.example", "lying.example" };

static void pump(struct sender *s);

static void settle(struct sender *s, enum promise promise)
{
    struct entry *e = &s->all->ledger->entries[s->number];

    BUG_ON(e->promise != PROMISE_NONE);
    e->promise = promise;
    s->busy = false;
    s->all->settled++;
}

static void drop_connection(struct sender *s)
{
    if (s->mem == NULL)
        return;
    stream_free(s->stream);
    smtp_client_deinit(s->machine);
    arena_free(s->mem);
    s->mem = NULL;
}

static void rest(struct sender *s)
{
    timer_set_in(&s->timer, sim_random(s->all->sim, PAUSE_MS_MAX));
}

/* ---- the message ---- */

static void write_message(struct sender *s)
{
    struct sim *sim = s->all->sim;
    size_t size =
        sim_random(sim, LARGE_ONE_IN) == 0 ? LARGE_BODY_OCTETS : sim_random(sim, BODY_OCTETS_MAX);

    buf_clear(&s->text);
    buf_printf(&s->text,
               "From: alice@crepes.fr\r\nSubject: m%u end\r\nMessage-ID: <m%u@crepes.fr>\r\n\r\n",
               s->number, s->number);
    while (s->text.len < size)
        buf_printf(&s->text, "%s line of message %u, %llu\r\n",
                   sim_random(sim, 9) == 0 ? ".." : "A", s->number,
                   (unsigned long long)sim_random(sim, 1000000));
}

static struct str choose_recipient(struct sender *s)
{
    struct sim *sim = s->all->sim;
    struct entry *e = &s->all->ledger->entries[s->number];

    e->foreign = s->number % 2 == 1;
    if (!e->foreign)
        return str_from_z(local[sim_random(sim, ARRAY_LEN(local))]);
    return arena_printf(s->mem, "m%u@%s", s->number, foreign[sim_random(sim, ARRAY_LEN(foreign))]);
}

static void send_message(struct sender *s)
{
    s->carried++;
    s->dotted = false;
    write_message(s);
    s->rcpt = (struct smtp_client_rcpt){ .address = choose_recipient(s) };
    s->message = (struct smtp_client_message){ .reverse_path = STR("alice@crepes.fr"),
                                               .size = s->text.len,
                                               .rcpts = &s->rcpt,
                                               .rcpt_count = 1 };
    smtp_client_send(s->machine, &s->message);
}

static void note_result(struct sender *s, const struct smtp_client_result *r)
{
    if (r->verdict == SMTP_CLIENT_DELIVERED)
        settle(s, PROMISE_KEPT);
    else if (r->code >= 400 || !s->dotted)
        settle(s, PROMISE_REFUSED);
    else
        settle(s, PROMISE_UNKNOWN);
}

/* ---- the connection ---- */

static size_t bytes_came(void *ctx, struct str bytes)
{
    struct sender *s = ctx;
    size_t taken = smtp_client_feed(s->machine, bytes);

    pump(s);
    return taken;
}

static void secured(void *ctx, enum err e, const struct errinfo *why)
{
    struct sender *s = ctx;

    (void)why;
    smtp_client_tls(s->machine, e == OK, STR("no TLS"));
    pump(s);
}

static void closed(void *ctx, enum err why)
{
    struct sender *s = ctx;

    smtp_client_lost(s->machine, str_from_z(err_text(why)));
    pump(s);
}

static const struct stream_events stream_events = { .bytes = bytes_came,
                                                    .secured = secured,
                                                    .closed = closed };

static void connect_to_gate(struct sender *s)
{
    struct senders *all = s->all;
    struct smtp_client_options options = smtp_client_defaults(STR("crepes.fr"));
    struct address to = town_gate_address(all->town, sim_random(all->sim, TOWN_GATES));
    struct address from = { .family = ADDRESS_IP4, .ip = { 10, 1, 0, 1 } };

    s->mem = arena_new(1024);
    s->carried = 0;
    s->machine = smtp_client_new(s->mem, &options, loop_now_ms(town_outside(all->town)));
    s->stream = stream_connect(town_outside(all->town), &to, &from, 5000);
    stream_set_events(s->stream, &stream_events, s);
}

static bool step(struct sender *s)
{
    struct smtp_client_result r;
    struct str text;

    switch (smtp_client_next(s->machine, &text, &r)) {
    case SMTP_CLIENT_SEND:
        stream_write(s->stream, text);
        return true;
    case SMTP_CLIENT_START_TLS:
        stream_drop_held(s->stream);
        stream_start_tls_client(s->stream, s->all->tls, STR("mx.crepes.fr"));
        return true;
    case SMTP_CLIENT_READY:
        if (s->busy && s->carried < MESSAGES_PER_CONNECTION_MAX)
            send_message(s);
        else if (s->carried >= MESSAGES_PER_CONNECTION_MAX)
            smtp_client_quit(s->machine);
        return true;
    case SMTP_CLIENT_WANT_BODY:
        s->dotted = true;
        smtp_client_body(s->machine, buf_str(&s->text), true);
        return true;
    case SMTP_CLIENT_RESULT:
        note_result(s, &r);
        return true;
    case SMTP_CLIENT_CLOSE:
    case SMTP_CLIENT_WANT_BYTES:
        break;
    }
    return false;
}

static void pump(struct sender *s)
{
    bool was_busy = s->busy;

    /* A session that ended before it could take the message leaves it to the timer. */
    while (step(s))
        ;
    if (was_busy && !s->busy)
        rest(s);
}

static void timer_came(void *ctx)
{
    struct sender *s = ctx;
    struct senders *all = s->all;

    if (s->busy) { /* out of patience: whatever was going on is over */
        drop_connection(s);
        if (s->message.rcpts != NULL && s->dotted)
            settle(s, PROMISE_UNKNOWN);
        else
            settle(s, PROMISE_REFUSED);
        rest(s);
        return;
    }
    if (all->next == all->ledger->count) {
        drop_connection(s);
        return;
    }
    s->number = all->next++;
    s->busy = true;
    s->dotted = false;
    s->message.rcpts = NULL;
    drop_connection(s);
    connect_to_gate(s);
    timer_set_in(&s->timer, PATIENCE_MS);
}

struct senders *senders_new(struct sim *sim, struct town *t, struct ledger *l)
{
    struct senders *s = calloc(1, sizeof(*s));

    if (s == NULL)
        BUG("out of memory");
    s->sim = sim;
    s->town = t;
    s->ledger = l;
    s->tls = tls_client_simulated();
    for (size_t i = 0; i < SENDERS; i++) {
        s->each[i].all = s;
        timer_init(&s->each[i].timer, town_outside(t), timer_came, &s->each[i]);
        rest(&s->each[i]);
    }
    return s;
}

void senders_free(struct senders *s)
{
    for (size_t i = 0; i < SENDERS; i++) {
        timer_cancel(&s->each[i].timer);
        drop_connection(&s->each[i]);
        buf_deinit(&s->each[i].text);
    }
    tls_client_free(s->tls);
    free(s);
}

bool senders_done(const struct senders *s)
{
    return s->settled == s->ledger->count;
}
