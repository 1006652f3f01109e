/* store/accounts/token.h - access tokens: passwords that a program holds instead of its user's.
 *
 * A token is text with the number of its account and 256 random bits; the store keeps its SHA-256
 * alone. It opens the services in its scope until it expires or is revoked. Being as random as a
 * key, it needs no slow hash. Results live in `mem`. Errors: those of table.h.
 * Format: doc/formats/tables.md, table `T`. Spec: RFC 6750 2.1 (its alphabet), RFC 7628.
 * Tests: token_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_TOKEN_H
#define POSTERN_STORE_TOKEN_H

#include "store/accounts/digest.h"
#include "store/table/table.h"

enum token_scope {
    TOKEN_IMAP = 1,
    TOKEN_POP = 2,
    TOKEN_SMTP = 4,
    TOKEN_SCOPES = TOKEN_IMAP | TOKEN_POP | TOKEN_SMTP
};

enum {
    TOKEN_RANDOM_BYTES = 32,
    TOKEN_ID_BYTES = 8, /* of the hash: by what a token is called */
    TOKENS_PER_ACCOUNT_MAX = 1000,
    TOKEN_NOTE_BYTES_MAX = 200
};

/* "pt1.ACCOUNT.RANDOM" */
struct str token_text(struct arena *mem, uint32_t account,
                      const uint8_t random[TOKEN_RANDOM_BYTES]);

/* Whether a token of this text exists; who has it is told also when none does, as long as the text
 * says it. Neither its scope nor its end is looked at. */
MUST_USE enum err token_find(struct kv *kv, struct arena *mem, struct str text, bool *ret_found,
                             uint32_t *ret_account, struct access_token *ret, struct errinfo *why);
/* True when it opens `scope` (one bit) at this time. */
bool token_opens(const struct access_token *t, uint32_t scope, int64_t now_s);

/* ERR_LIMIT when the account has too many. */
MUST_USE enum err token_store(struct txn *t, uint32_t account, struct str text,
                              const struct access_token *row, struct errinfo *why);
/* By its id in hexadecimal. ERR_NOT_FOUND. */
MUST_USE enum err token_remove(struct txn *t, uint32_t account, struct str id, struct errinfo *why);

/* All of one account, in the order of their ids. */
struct token_listed {
    struct str id; /* hexadecimal */
    struct access_token row;
};
MUST_USE enum err token_list(struct kv *kv, struct arena *mem, uint32_t account,
                             struct token_listed **ret, size_t *ret_count, struct errinfo *why);

#endif
