/* keeper/login/server_token.c - access tokens, for the control channel. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"
#include "keeper/login/server_attempt.h"
#include "store/accounts/token.h"

#define LIFE_S_MAX ((uint64_t)100 * 365 * 86400)

static enum err find_account(struct request *j, struct kv *kv, struct str address, uint32_t *ret)
{
    struct account row;

    return directory_account_find(kv, j->mem, address, ret, &row, &j->why);
}

enum err write_token_add(struct request *j, struct txn *t)
{
    const struct keep_token_add_req *req = j->req;
    struct keep_token_add_rep *rep = j->rep;
    int64_t now = loop_wall_s(j->k->loop);
    const struct access_token row = { .scope = req->scope,
                                      .created = now,
                                      .expires = req->life_s == 0
                                                     ? 0
                                                     : now + (int64_t)MIN(req->life_s, LIFE_S_MAX),
                                      .note = req->note };
    uint8_t random[TOKEN_RANDOM_BYTES], hash[SHA_256_BYTES];
    uint32_t account;
    enum err e;

    if (req->scope == 0 || (req->scope & ~(uint32_t)TOKEN_SCOPES) != 0)
        return err_set(&j->why, ERR_SYNTAX, "a token is for imap, pop or smtp");
    if (req->note.len > TOKEN_NOTE_BYTES_MAX)
        return err_set(&j->why, ERR_LIMIT, "a note has at most %d octets", TOKEN_NOTE_BYTES_MAX);
    if ((e = find_account(j, txn_kv(t), req->address, &account)) != OK)
        return e;
    loop_random(j->k->loop, random, sizeof random);
    rep->token = token_text(j->mem, account, random);
    digest_of(DIGEST_SHA_256, rep->token, hash);
    rep->id = hex_encode(j->mem, str_from(hash, TOKEN_ID_BYTES));
    return token_store(t, account, rep->token, &row, &j->why);
}

enum err read_token_list(struct request *j)
{
    const struct keep_token_list_req *req = j->req;
    struct keep_token_list_rep *rep = j->rep;
    struct token_listed *list;
    uint32_t account;
    enum err e;

    if ((e = find_account(j, j->k->kv, req->address, &account)) != OK ||
        (e = token_list(j->k->kv, j->mem, account, &list, &rep->tokens_count, &j->why)) != OK)
        return e;
    rep->tokens = ARENA_ARRAY(j->mem, struct keep_token, rep->tokens_count + 1);
    for (size_t i = 0; i < rep->tokens_count; i++)
        rep->tokens[i] = (struct keep_token){ .id = list[i].id,
                                              .scope = list[i].row.scope,
                                              .created = list[i].row.created,
                                              .expires = list[i].row.expires,
                                              .note = list[i].row.note };
    return OK;
}

enum err write_token_revoke(struct request *j, struct txn *t)
{
    const struct keep_token_revoke_req *req = j->req;
    uint32_t account;
    enum err e = find_account(j, txn_kv(t), req->address, &account);

    return e != OK ? e : token_remove(t, account, req->id, &j->why);
}
