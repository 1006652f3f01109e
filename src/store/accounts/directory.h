/* store/accounts/directory.h - domains, accounts and aliases: who is at an address.
 *
 * Reading takes a struct kv (committed tables, or a transaction's); changing takes a txn. Addresses
 * are kept and compared in one normal form (directory_normalise): quotes taken off where they are
 * not needed, case folded, Unicode NFC. An address is looked up as alias, then as account, then
 * both again without its sub-address ("bob+news" is bob), then as the domain's catch-all. Targets
 * of an alias are looked up alike, at most DIRECTORY_DEPTH_MAX deep and DIRECTORY_TARGETS_MAX wide;
 * an alias that leads back to itself means the account of that name, or nothing.
 * Results live in `mem`. Errors: ERR_SYNTAX (not an address), ERR_NOT_FOUND, ERR_EXISTS, ERR_STATE,
 * ERR_LIMIT and those of kv.h. Source: RFC 5321 2.4, 3.9; RFC 5233 (sub-addresses).
 * Tests: keeper/server_auth_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_DIRECTORY_H
#define POSTERN_STORE_DIRECTORY_H

#include "store/table/table.h"

#define ADDRESS_BYTES_MAX ((size_t)640) /* in UTF-8; RFC 5321 4.5.3.1 has 64 + 1 + 255 octets */
enum { DIRECTORY_DEPTH_MAX = 10, DIRECTORY_TARGETS_MAX = 2000, ALIAS_TARGETS_MAX = 1000 };

struct directory_settings {
    char separator; /* of sub-addresses; 0: there are none */
};

/* The normal form of local-part@domain. "@domain" is accepted when `catch_all` is. */
MUST_USE enum err directory_normalise(struct arena *mem, struct str address, bool catch_all,
                                      struct str *ret);
struct str directory_domain_of(struct str address); /* behind the last '@' */
struct str directory_local_of(struct str address);

struct target {
    bool local;
    uint32_t account;   /* when local   */
    struct str address; /* when foreign */
};

struct expansion {
    bool ours; /* the domain is one of ours; without targets the address is nobody's */
    struct target *targets;
    uint32_t count; /* no account and no foreign address twice */
};

/* "postmaster" may come without a domain. */
MUST_USE enum err directory_expand(struct kv *kv, const struct directory_settings *settings,
                                   struct arena *mem, struct str address, struct expansion *ret,
                                   struct errinfo *why);

/* Who logs in with this name: an address, or a local part that only one account has. */
MUST_USE enum err directory_find_login(struct kv *kv, struct arena *mem, struct str name,
                                       bool *ret_found, uint32_t *ret_id, struct account *ret,
                                       struct errinfo *why);

/* Its own address, a sub-address of it, an alias that leads to it alone. */
MUST_USE enum err directory_may_send_as(struct kv *kv, const struct directory_settings *settings,
                                        uint32_t account, struct str address, bool *ret,
                                        struct errinfo *why);

MUST_USE enum err directory_domain_add(struct txn *t, struct str name, struct errinfo *why);
/* ERR_STATE while it has accounts or aliases. */
MUST_USE enum err directory_domain_remove(struct txn *t, struct str name, struct errinfo *why);

MUST_USE enum err directory_account_find(struct kv *kv, struct arena *mem, struct str address,
                                         uint32_t *ret_id, struct account *ret,
                                         struct errinfo *why); /* ERR_NOT_FOUND */
MUST_USE enum err directory_account_get(struct kv *kv, struct arena *mem, uint32_t id,
                                        bool *ret_found, struct account *ret, struct errinfo *why);
/* `address` of *account is normalised on the way. */
MUST_USE enum err directory_account_add(struct txn *t, const struct account *account,
                                        uint32_t *ret_id, struct errinfo *why);
void directory_account_put(struct txn *t, uint32_t id, const struct account *account);
/* Takes its names away and marks it as being removed; its mail is swept later (store/sweep.h). */
MUST_USE enum err directory_account_remove(struct txn *t, struct str address, uint32_t *ret_id,
                                           struct errinfo *why);

MUST_USE enum err directory_alias_put(struct txn *t, struct str address, const struct str *targets,
                                      size_t count, struct errinfo *why);
MUST_USE enum err directory_alias_remove(struct txn *t, struct str address, struct errinfo *why);
/* Targets of the alias row `value`. */
MUST_USE enum err directory_alias_decode(struct arena *mem, struct str value, struct str **ret,
                                         uint32_t *ret_count);

#endif
