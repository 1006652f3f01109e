/* sim/peers.c - the mail servers of other domains, and the DNS.
 *
 * A server is a few lines of SMTP over struct line_reader and struct dot_reader: it speaks for the
 * peer only, so nothing of it is shared with the machine that is being tested. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/peers.h"

#include "base/list.h"
#include "courier/dns/dns_script.h"
#include "os/stream.h"
#include "proto/dot.h"
#include "proto/line.h"

enum { LINE_OCTETS_MAX = 2000, DNS_DELAY_MS = 20, MOOD_ONE_IN = 6, LIE_ONE_IN = 3 };

enum mood { GOOD, MOODY, FIRM };

struct peers {
    struct sim *sim;
    struct loop *loop;
    struct ledger *ledger;
    struct listener *listeners[3];
    struct listener_ctx {
        struct peers *peers;
        enum mood mood;
    } doors[3];
    struct list guests;
    bool calm;
};

struct guest { /* one connection */
    struct list link;
    struct peers *peers;
    enum mood mood;
    struct stream *stream;
    struct line_reader in;
    struct dot_reader dots;
    bool in_data, gone;
    uint32_t number;
    bool has_number;
};

static const struct dns_script_row truth[] = {
    { STR_INIT("good.example"), DNS_MX, DNS_FOUND, 10, STR_INIT("mx.good.example") },
    { STR_INIT("mx.good.example"), DNS_A, DNS_FOUND, 0, STR_INIT("10.2.0.1") },
    { STR_INIT("moody.example"), DNS_MX, DNS_FOUND, 10, STR_INIT("mx.moody.example") },
    { STR_INIT("mx.moody.example"), DNS_A, DNS_FOUND, 0, STR_INIT("10.2.0.2") },
    { STR_INIT("firm.example"), DNS_A, DNS_FOUND, 0, STR_INIT("10.2.0.3") },
    { STR_INIT("dead.example"), DNS_MX, DNS_FOUND, 10, STR_INIT("mx.dead.example") },
    { STR_INIT("mx.dead.example"), DNS_A, DNS_FOUND, 0, STR_INIT("10.2.0.9") },
    { STR_INIT("lying.example"), DNS_MX, DNS_FOUND, 10, STR_INIT("mx.dead.example") },
    { STR_INIT("lying.example"), DNS_MX, DNS_FOUND, 20, STR_INIT("mx.good.example") },
};

/* ---- the lying DNS: the script, with some answers lost or wrong ---- */

struct liar {
    struct dns dns;
    struct dns *honest;
    struct peers *peers;
};

static void liar_ask(struct dns *d, struct str name, enum dns_type type, dns_done done, void *ctx)
{
    struct liar *l = CONTAINER_OF(d, struct liar, dns);
    bool lie = !l->peers->calm && str_ends(name, STR("lying.example")) &&
               sim_random(l->peers->sim, LIE_ONE_IN) == 0;

    dns_ask(l->honest, lie ? STR("unknown.invalid") : name, lie ? DNS_A : type, done, ctx);
}

static void liar_free(struct dns *d)
{
    struct liar *l = CONTAINER_OF(d, struct liar, dns);

    dns_free(l->honest);
    free(l);
}

struct dns *peers_dns(struct peers *p, struct loop *loop)
{
    static const struct dns_ops ops = { liar_ask, liar_free };
    struct liar *l = calloc(1, sizeof(*l));

    if (l == NULL)
        BUG("out of memory");
    *l = (struct liar){ .dns.ops = &ops, .peers = p };
    l->honest = dns_script_new(loop, truth, ARRAY_LEN(truth), DNS_DELAY_MS);
    return &l->dns;
}

/* ---- servers ---- */

static void free_guest(struct guest *g)
{
    list_remove(&g->link);
    stream_free(g->stream);
    line_deinit(&g->in);
    free(g);
}

static bool in_a_mood(const struct guest *g)
{
    return g->mood == MOODY && !g->peers->calm && sim_random(g->peers->sim, MOOD_ONE_IN) == 0;
}

static void say(struct guest *g, const char *reply)
{
    if (in_a_mood(g))
        g->gone = true; /* hangs up instead of answering */
    else
        stream_write(g->stream, str_from_z(reply));
}

static void rcpt_command(struct guest *g, struct str line)
{
    size_t from = str_find_char(line, '<');

    g->has_number = from != STR_NOT_FOUND &&
                    ledger_number(g->peers->ledger, str_skip(line, from + 1), &g->number);
    if (g->mood == FIRM)
        say(g, "550 5.1.1 nobody of that name\r\n");
    else if (in_a_mood(g))
        say(g, "451 4.2.0 not now\r\n");
    else
        say(g, "250 ok\r\n");
}

static void command(struct guest *g, struct str line)
{
    if (str_starts_nocase(line, STR("EHLO"))) {
        say(g, "250-peer\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
    } else if (str_starts_nocase(line, STR("RCPT"))) {
        rcpt_command(g, line);
    } else if (str_starts_nocase(line, STR("DATA"))) {
        if (g->mood == FIRM || !g->has_number) {
            say(g, "554 5.5.1 for whom?\r\n");
        } else {
            g->in_data = true;
            g->dots = (struct dot_reader){ 0 };
            say(g, "354 go\r\n");
        }
    } else if (str_starts_nocase(line, STR("QUIT"))) {
        say(g, "221 bye\r\n");
        g->gone = true;
    } else {
        say(g, "250 ok\r\n");
    }
}

/* Takes message octets; true when the end was seen. */
static bool read_data(struct guest *g)
{
    struct str pending = line_pending(&g->in);
    char out[LINE_PENDING_MAX];
    size_t used, made;
    enum dot_status status = dot_feed(&g->dots, pending, out, &used, &made);

    line_take(&g->in, used);
    if (status == DOT_BARE_NEWLINE)
        ledger_complain(g->peers->ledger, "message %u: sent with a bare newline", g->number);
    if (status != DOT_END)
        return false;
    g->in_data = false;
    if (in_a_mood(g)) {
        stream_write(g->stream, STR("451 4.3.0 changed my mind\r\n"));
        return true;
    }
    g->peers->ledger->entries[g->number].delivered++;
    say(g, "250 2.0.0 taken\r\n");
    return true;
}

static size_t bytes_came(void *ctx, struct str bytes)
{
    struct guest *g = ctx;
    size_t taken = line_feed(&g->in, bytes);
    struct str line;

    while (!g->gone) {
        if (g->in_data) {
            if (!read_data(g))
                break;
            continue;
        }
        if (line_next(&g->in, LINE_OCTETS_MAX, &line) != LINE_DONE)
            break;
        command(g, line);
    }
    if (g->gone)
        stream_finish(g->stream, 1000);
    return taken;
}

static void closed(void *ctx, enum err why)
{
    (void)why;
    free_guest(ctx);
}

static void accepted(void *ctx, struct stream *stream)
{
    static const struct stream_events events = { .bytes = bytes_came, .closed = closed };
    struct listener_ctx *door = ctx;
    struct guest *g = calloc(1, sizeof(*g));

    if (g == NULL)
        BUG("out of memory");
    g->peers = door->peers;
    g->mood = door->mood;
    g->stream = stream;
    list_add_last(&door->peers->guests, &g->link);
    stream_set_events(stream, &events, g);
    stream_write(stream, STR("220 peer\r\n"));
}

struct peers *peers_new(struct sim *s, struct loop *outside, struct ledger *l)
{
    static const enum mood moods[] = { GOOD, MOODY, FIRM };
    struct peers *p = calloc(1, sizeof(*p));

    if (p == NULL)
        BUG("out of memory");
    p->sim = s;
    p->loop = outside;
    p->ledger = l;
    list_init(&p->guests);
    for (uint8_t i = 0; i < ARRAY_LEN(moods); i++) {
        struct address at = { .family = ADDRESS_IP4,
                              .ip = { 10, 2, 0, (uint8_t)(i + 1) },
                              .port = TOWN_PORT };

        p->doors[i] = (struct listener_ctx){ p, moods[i] };
        p->listeners[i] = listener_simulated(outside, &at, accepted, &p->doors[i]);
    }
    return p;
}

struct loop *peers_free(struct peers *p)
{
    struct loop *l = p->loop;

    LIST_EACH_SAFE(it, &p->guests)
    free_guest(LIST_ITEM(it, struct guest, link));
    for (size_t i = 0; i < ARRAY_LEN(p->listeners); i++)
        listener_free(p->listeners[i]);
    free(p);
    return l;
}

void peers_calm(struct peers *p)
{
    p->calm = true;
}
