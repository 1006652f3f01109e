/* keeper/login/server_proven.c - a set-associative table of HMACs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/login/server_proven.h"

#include "base/codec.h"
#include "os/secret.h"

enum { WAYS = 4, SETS = PROVEN_SLOTS / WAYS };

struct slot {
    uint64_t until_ms; /* 0: empty */
    struct proof proof;
};

struct proven {
    struct loop *loop;
    uint8_t *key; /* SHA_256_BYTES of locked memory */
    struct slot slots[SETS][WAYS];
};

struct proven *proven_new(struct loop *l)
{
    struct proven *p = calloc(1, sizeof *p);

    if (p == NULL)
        BUG("out of memory");
    p->loop = l;
    p->key = secret_new(SHA_256_BYTES);
    loop_random(l, p->key, SHA_256_BYTES);
    return p;
}

void proven_free(struct proven *p)
{
    if (p == NULL)
        return;
    secret_free(p->key, SHA_256_BYTES);
    free(p);
}

void proven_make(const struct proven *p, uint32_t account, struct str stored, struct str password,
                 struct proof *ret)
{
    struct buf b = { 0 };

    put_u32(&b, account);
    put_str(&b, stored);
    put_str(&b, password);
    ret->account = account;
    digest_hmac(DIGEST_SHA_256, p->key, buf_str(&b), ret->mac);
    explicit_bzero(b.at, b.len);
    buf_deinit(&b);
}

static size_t set_of(const struct proof *proof)
{
    uint64_t number;

    memcpy(&number, proof->mac, sizeof number);
    return number % SETS;
}

bool proven_has(const struct proven *p, const struct proof *proof)
{
    const struct slot *set = p->slots[set_of(proof)];
    uint64_t now = loop_now_ms(p->loop);
    bool has = false;

    for (size_t i = 0; i < WAYS; i++)
        has |= set[i].until_ms > now && set[i].proof.account == proof->account &&
               digest_eq(set[i].proof.mac, proof->mac, sizeof proof->mac);
    return has;
}

void proven_add(struct proven *p, const struct proof *proof, uint64_t life_ms)
{
    struct slot *set = p->slots[set_of(proof)], *place = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (digest_eq(set[i].proof.mac, proof->mac, sizeof proof->mac)) {
            place = &set[i];
            break;
        }
        if (set[i].until_ms < place->until_ms)
            place = &set[i];
    }
    *place = (struct slot){ .until_ms = loop_now_ms(p->loop) + life_ms, .proof = *proof };
}

void proven_forget(struct proven *p, uint32_t account)
{
    for (size_t s = 0; s < SETS; s++)
        for (size_t i = 0; i < WAYS; i++)
            if (p->slots[s][i].proof.account == account)
                p->slots[s][i] = (struct slot){ 0 };
}
