/* keeper/login/server_guess.h - how failed log-ins slow down those who come from there.
 *
 * Failures are counted for three: an address (IPv6: a /64 network) that tries an account, an
 * address whatever it tries, an account whoever tries it. From so many on, each attempt waits
 * before its password is looked at, twice as long each time, and only so many wait at once: what
 * comes beyond is refused unseen. So the rate of guesses is bounded, also over many connections.
 * An account as a whole only slows down, and not for addresses that lately came in to it: nobody
 * can lock somebody out from elsewhere. Counts halve with time. An attempt counts as failed from
 * its beginning until it proves right, so that many at once are not free. Loopback has no count of
 * its own: a webmail there brings everybody's mistakes.
 * Memory: one table of GUESS_SLOTS for all; when it is full, who failed least is forgotten. Names
 * that nobody has count like others. Times in milliseconds of the loop.
 * Tests: server_guess_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_GUESS_H
#define POSTERN_KEEPER_SERVER_GUESS_H

#include "base/macros.h"
#include "base/siphash.h"

enum guess_of { GUESS_PAIR, GUESS_PEER, GUESS_ACCOUNT, GUESS_KINDS };

enum { GUESS_SLOTS = 16384, GUESS_HALVE_MS = 10 * 60 * 1000 /* a count halves in this time */ };
#define GUESS_GOOD_MS                                                                              \
    (30 * 24 * 60 * 60 * 1000ULL) /* how long an address that came in is known                     \
                                   */

/* free: failures without delay; first_ms: the delay of the next, then doubled; waiting_max: at once
 * (0: no end). */
struct guess_limits {
    uint32_t free, first_ms, ms_max, waiting_max;
};
extern const struct guess_limits guess_limits[GUESS_KINDS];

/* Who tries; made by guess_of_attempt, kept until guess_end. */
struct guess {
    uint64_t keys[GUESS_KINDS]; /* 0: not counted */
    bool waiting;
};

struct guesses;

struct guesses *guesses_new(struct siphash_key key);
void guesses_free(struct guesses *g); /* null is allowed */

/* `peer` is an address in text, `account` any octets that mean one account or one unknown name. */
struct guess guess_of_attempt(const struct guesses *g, struct str peer, struct str account);

/* Begins an attempt: *ret_ms is how long it must wait first. False: refused, nothing was counted;
 * else guess_end must follow. */
MUST_USE bool guess_begin(struct guesses *g, struct guess *who, uint64_t now_ms, uint64_t *ret_ms);
void guess_end(struct guesses *g, struct guess *who, bool right, uint64_t now_ms);

#endif
