/* keeper/login/server_guess.c - one set-associative table of counts for pairs, addresses and
 * accounts.
 *
 * A slot is found by a keyed hash, so nobody can aim at somebody else's. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/login/server_guess.h"

#include "base/buf.h"

enum { WAYS = 8, SETS = GUESS_SLOTS / WAYS, IP6_NETWORK_GROUPS = 4, DOUBLINGS_MAX = 30 };

const struct guess_limits guess_limits[GUESS_KINDS] = {
    [GUESS_PAIR] = { .free = 5, .first_ms = 500, .ms_max = 30000, .waiting_max = 4 },
    [GUESS_PEER] = { .free = 20, .first_ms = 250, .ms_max = 30000, .waiting_max = 16 },
    [GUESS_ACCOUNT] = { .free = 50, .first_ms = 250, .ms_max = 4000, .waiting_max = 0 },
};

struct slot {
    uint64_t key;      /* 0: empty */
    uint64_t since_ms; /* when the count was last halved */
    uint64_t good_until_ms;
    uint32_t failures, waiting;
};

struct guesses {
    struct siphash_key key;
    struct slot slots[SETS][WAYS];
};

struct guesses *guesses_new(struct siphash_key key)
{
    struct guesses *g = calloc(1, sizeof *g);

    if (g == NULL)
        BUG("out of memory");
    g->key = key;
    return g;
}

void guesses_free(struct guesses *g)
{
    free(g);
}

/* ---- keys ---- */

static bool is_loopback(struct str peer)
{
    return str_starts(peer, STR("127.")) || str_eq(peer, STR("::1"));
}

/* The first four groups of an IPv6 address: with "::" among them, what stands before it. */
static struct str network_of(struct str peer)
{
    size_t at = 0;
    int groups = 0;

    if (str_find_char(peer, ':') == STR_NOT_FOUND)
        return peer;
    for (; at < peer.len; at++) {
        if (peer.at[at] != ':')
            continue;
        if (++groups == IP6_NETWORK_GROUPS || (at + 1 < peer.len && peer.at[at + 1] == ':'))
            break;
    }
    return str_take(peer, at);
}

static uint64_t key_of(const struct guesses *g, enum guess_of of, struct str a, struct str b)
{
    struct buf text = { 0 };
    uint64_t key;

    buf_add_char(&text, (char)of);
    buf_add(&text, a);
    buf_add_char(&text, '\0');
    buf_add(&text, b);
    key = siphash(g->key, buf_str(&text));
    buf_deinit(&text);
    return key == 0 ? 1 : key;
}

struct guess guess_of_attempt(const struct guesses *g, struct str peer, struct str account)
{
    struct str from = network_of(peer);

    return (struct guess){
        .keys = { [GUESS_PAIR] = key_of(g, GUESS_PAIR, from, account),
                  [GUESS_PEER] = is_loopback(peer) ? 0 : key_of(g, GUESS_PEER, from, STR_EMPTY),
                  [GUESS_ACCOUNT] = key_of(g, GUESS_ACCOUNT, STR_EMPTY, account) }
    };
}

/* ---- slots ---- */

static struct slot *slot_find(struct guesses *g, uint64_t key)
{
    struct slot *set = g->slots[key % SETS];

    for (size_t i = 0; key != 0 && i < WAYS; i++)
        if (set[i].key == key)
            return &set[i];
    return NULL;
}

static void age(struct slot *s, uint64_t now_ms)
{
    while (s->failures > 0 && now_ms - s->since_ms >= GUESS_HALVE_MS) {
        s->failures /= 2;
        s->since_ms += GUESS_HALVE_MS;
    }
    if (s->failures == 0)
        s->since_ms = now_ms;
}

/* Who is least worth remembering: never somebody who has an attempt under way. */
static uint64_t worth(const struct slot *s, uint64_t now_ms)
{
    return s->key == 0 ? 0
                       : 1 + (uint64_t)s->failures * 2 + (s->good_until_ms > now_ms ? 1 : 0) +
                             ((uint64_t)s->waiting << 40);
}

static struct slot *slot_get(struct guesses *g, uint64_t key, uint64_t now_ms)
{
    struct slot *set = g->slots[key % SETS], *place = slot_find(g, key);

    if (place == NULL) {
        place = set;
        for (size_t i = 1; i < WAYS; i++)
            if (worth(&set[i], now_ms) < worth(place, now_ms))
                place = &set[i];
        *place = (struct slot){ .key = key, .since_ms = now_ms };
    }
    age(place, now_ms);
    return place;
}

/* ---- attempts ---- */

static uint64_t delay_of(const struct guess_limits *l, uint32_t failures)
{
    uint32_t over = failures < l->free ? 0 : failures - l->free + 1;

    if (over == 0)
        return 0;
    return MIN((uint64_t)l->first_ms << MIN(over - 1, DOUBLINGS_MAX), l->ms_max);
}

/* An address that came in lately is not slowed down by what others do to the account. */
static bool counts_for(const struct slot *pair, enum guess_of of, uint64_t now_ms)
{
    return of != GUESS_ACCOUNT || pair->good_until_ms <= now_ms;
}

bool guess_begin(struct guesses *g, struct guess *who, uint64_t now_ms, uint64_t *ret_ms)
{
    struct slot *slots[GUESS_KINDS] = { 0 };
    uint64_t ms = 0;

    for (int i = 0; i < GUESS_KINDS; i++) {
        const struct guess_limits *l = &guess_limits[i];
        uint64_t wants;

        if (who->keys[i] == 0)
            continue;
        slots[i] = slot_get(g, who->keys[i], now_ms);
        wants = counts_for(slots[GUESS_PAIR], (enum guess_of)i, now_ms)
                    ? delay_of(l, slots[i]->failures)
                    : 0;
        if (wants > 0 && l->waiting_max > 0 && slots[i]->waiting >= l->waiting_max)
            return false;
        ms = MAX(ms, wants);
    }
    who->waiting = ms > 0;
    for (int i = 0; i < GUESS_KINDS; i++)
        if (slots[i] != NULL) {
            slots[i]->failures++;
            slots[i]->waiting += who->waiting;
        }
    *ret_ms = ms;
    return true;
}

void guess_end(struct guesses *g, struct guess *who, bool right, uint64_t now_ms)
{
    for (int i = 0; i < GUESS_KINDS; i++) {
        struct slot *s = slot_find(g, who->keys[i]);

        if (s == NULL)
            continue;
        if (who->waiting && s->waiting > 0)
            s->waiting--;
        if (!right)
            continue;
        if (i == GUESS_PAIR) {
            s->failures = 0;
            s->good_until_ms = now_ms + GUESS_GOOD_MS;
        } else if (s->failures > 0) {
            s->failures--;
        }
    }
    who->waiting = false;
}
