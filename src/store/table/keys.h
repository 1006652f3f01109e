/* store/table/keys.h - the keys of every table, in one ordered key space.
 *
 * Pure. A key is one letter for its table, then fixed-width big-endian numbers and at most one text
 * at the end, so rows sort by number and then by octets. The letters B, R and S belong to the
 * journal (store/journal/txn.h). A struct key lives on the caller's stack; key_str points into it.
 * Texts longer than KEY_TEXT_BYTES_MAX are a BUG: callers check names and addresses first.
 * Format: doc/formats/tables.md. Tests: rows_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_KEYS_H
#define POSTERN_STORE_KEYS_H

#include "base/codec.h"

enum table {
    TABLE_ACCOUNT = 'a',    /* account                    -> struct account                   */
    TABLE_COUNTERS = 'k',   /* account                    -> struct counters                  */
    TABLE_ADDRESS = 'n',    /* address                    -> account number                   */
    TABLE_LOGIN = 'u',      /* local-part NUL, account    -> nothing                          */
    TABLE_DOMAIN = 'd',     /* domain                     -> number of accounts               */
    TABLE_ALIAS = 'l',      /* address                    -> targets                          */
    TABLE_MAILBOX = 'm',    /* account mailbox            -> struct mbox                   */
    TABLE_NAME = 'i',       /* account name               -> mailbox number                   */
    TABLE_SUBSCRIBED = 's', /* account name               -> nothing                          */
    TABLE_MEMBERSHIP = 'r', /* account mailbox uid        -> struct membership                */
    TABLE_MARKS = 'f',      /* account mailbox uid/1024   -> struct marks                     */
    TABLE_EMAIL = 'e',      /* account email              -> struct email                     */
    TABLE_REFS = 'F',       /* account email/1024         -> struct marks, see mailbox/refs.h */
    TABLE_RECORD = 'E',     /* account email              -> structure record                 */
    TABLE_THREAD = 't',     /* account message-id-hash email -> thread number                 */
    TABLE_VANISHED = 'v',   /* account mailbox modseq     -> UID set                          */
    TABLE_ACL = 'c',        /* account mailbox grantee    -> struct acl                       */
    TABLE_GRANTED = 'C',    /* grantee account mailbox    -> nothing                          */
    TABLE_KEYS = 'o',       /* account mailbox uid/1024   -> key block                        */
    TABLE_QUEUE = 'q',      /* entry                      -> struct queue_entry               */
    TABLE_QUEUE_DUE = 'Q',  /* time entry                 -> nothing                          */
    TABLE_GRAVE = 'G',      /* account mailbox time uid   -> struct grave                     */
    TABLE_IMPORT = 'g',     /* account kind ...           -> see mailbox/imports.h            */
    TABLE_METADATA = 'y',   /* account mailbox user entry -> struct metadata                  */
    TABLE_TERMS = 'w',      /* account segment term       -> terms from there on (index/)     */
    TABLE_POSTINGS = 'W',   /* account segment term       -> their postings                   */
    TABLE_INDEX = 'z',      /* account                    -> struct manifest (index/)         */
    TABLE_NUMBER = 'x',     /* name                       -> number                           */
    TABLE_PROOF = 'p',      /* account                    -> struct credentials               */
    TABLE_TOKEN = 'T', /* account hash               -> struct access_token                     */
};

#define KEY_TEXT_BYTES_MAX ((size_t)1200)

struct key {
    size_t len;
    char at[KEY_TEXT_BYTES_MAX + 32];
};

void key_start(struct key *k, enum table table);
void key_u32(struct key *k, uint32_t v);
void key_u64(struct key *k, uint64_t v);
void key_i64(struct key *k, int64_t v); /* sorts negative numbers first */
void key_text(struct key *k, struct str text);

static inline struct str key_str(const struct key *k)
{
    return (struct str){ k->at, k->len };
}

/* Turns a key into the first one behind all keys that begin with it. */
void key_end(struct key *k);

/* The keys in the shapes above. */
void key_of_account(struct key *k, enum table table, uint32_t account);
void key_of_name(struct key *k, enum table table, uint32_t account, struct str name);
void key_of_text(struct key *k, enum table table, struct str text);
void key_of_mailbox(struct key *k, enum table table, uint32_t account, uint32_t mailbox);
void key_of_membership(struct key *k, uint32_t account, uint32_t mailbox, uint32_t uid);
/* block: marks_block_of(uid) */
void key_of_marks(struct key *k, uint32_t account, uint32_t mailbox, uint32_t block);
void key_of_email(struct key *k, enum table table, uint32_t account, uint64_t email);
void key_of_vanished(struct key *k, uint32_t account, uint32_t mailbox, uint64_t modseq);
void key_of_thread(struct key *k, uint32_t account, uint64_t hash, uint64_t email);
void key_of_acl(struct key *k, uint32_t account, uint32_t mailbox, uint32_t grantee);
void key_of_granted(struct key *k, uint32_t grantee, uint32_t account, uint32_t mailbox);
/* mailbox 0: of the server; user 0: shared by all, else whose own it is. */
void key_of_metadata(struct key *k, uint32_t account, uint32_t mailbox, uint32_t user,
                     struct str entry);
void key_of_queue(struct key *k, uint64_t entry);
void key_of_due(struct key *k, int64_t at_s, uint64_t entry);

/* A key taken apart again: skips the letter. */
struct reader key_reader(struct str key);
int64_t key_get_i64(struct reader *r);

#endif
