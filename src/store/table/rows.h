/* store/table/rows.h - what stands behind the keys: the structs of every table and their octets.
 *
 * Pure. Every row begins with one octet, the version of its format (ROW_VERSION, of accounts
 * ACCOUNT_VERSION, of memberships MEMBERSHIP_VERSION; version 1 of these is read, too). Numbers are
 * varints unless said otherwise, texts carry their length. Decoded texts point into the octets;
 * keyword lists and recipients are allocated in `mem`. Decoding is strict: a row with anything
 * missing or left over is ERR_CORRUPT.
 * Format: doc/formats/tables.md. Tests: rows_test.c. Fuzz: rows_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_ROWS_H
#define POSTERN_STORE_ROWS_H

#include "base/arena.h"
#include "base/err.h"
#include "store/table/keys.h"

#define ROW_VERSION 1
#define ACCOUNT_VERSION 2
#define MEMBERSHIP_VERSION 2

/* The field types are those of the list below: T(type, name). roles: bits of enum account_role.
 * Rows of version 1 lack quota_mailboxes and roles, which are then 0. */
#define ACCOUNT_FIELDS_1(T)                                                                        \
    T(str, address)                                                                                \
    T(str, password) /* argon2 encoded form; empty: nobody may log in */                           \
    T(flag, enabled) T(flag, removing) T(u64, quota_bytes) T(u64, quota_messages) T(i64, created)
#define ACCOUNT_FIELDS(T) ACCOUNT_FIELDS_1(T) T(u64, quota_mailboxes) T(u32, roles)

/* Quotas of 0 mean without limit. */
enum account_role { ACCOUNT_ADMINISTRATOR = 1 }; /* stored */

/* Everything of an account that changes with every message. */
#define COUNTERS_FIELDS(T)                                                                         \
    T(u64, modseq)       /* the last number given to a change              */                      \
    T(u32, mailbox_last) /* the last mailbox number given                  */                      \
    T(u64, email_last)   /* the last email number given                    */                      \
    T(u32, uidvalidity)  /* the last one given; they only grow             */                      \
    T(u64, bytes)        /* sum of the sizes of all memberships            */                      \
    T(u64, messages)     /* number of memberships                          */

/* recent_from: UIDs from here on were not yet \Recent to a writing session. */
#define MAILBOX_FIELDS(T)                                                                          \
    T(str, name)                                                                                   \
    T(flag, removing)                                                                              \
    T(u32, uidvalidity)                                                                            \
    T(u32, uidnext)                                                                                \
    T(u32, recent_from)                                                                            \
    T(u32, special_use)                                                                            \
    T(u64, object)                                                                                 \
    T(u64, modseq) T(u32, messages) T(u32, unseen) T(u32, deleted) T(u64, size) T(strs, keywords)

/* flags: the word of message/set/flags.h. created: the modseq with which it came. internal_zone:
 * minutes east of UTC in which the client gave the internal date; rows of version 1 lack it. */
#define MEMBERSHIP_FIELDS_1(T)                                                                     \
    T(u64, email)                                                                                  \
    T(u64, thread)                                                                                 \
    T(u64, flags)                                                                                  \
    T(u64, modseq) T(u64, created) T(i64, internal_date) T(i64, save_date) T(u64, size)
#define MEMBERSHIP_FIELDS(T) MEMBERSHIP_FIELDS_1(T) T(i64, internal_zone)

/* An expunged message that can be brought back. name: of its mailbox; keywords: by name; uidl: as
 * POP3 showed it. */
#define GRAVE_FIELDS(T)                                                                            \
    T(u64, email)                                                                                  \
    T(u64, thread)                                                                                 \
    T(u64, flags)                                                                                  \
    T(i64, internal_date)                                                                          \
    T(i64, internal_zone) T(i64, save_date) T(u64, size) T(str, name) T(strs, keywords) T(str, uidl)

/* refs: memberships, and graves, besides those that mailbox/refs.h counts. hash, root_hash: the
 * keys of its rows in the thread table, 0 when none. */
#define EMAIL_FIELDS(T)                                                                            \
    T(u64, body) T(u32, refs) T(u64, size) T(u64, thread) T(u64, hash) T(u64, root_hash)

/* Bits of message/set/rights.h: what is given, and what is taken away whoever else gives it. */
#define ACL_FIELDS(T) T(u32, rights) T(u32, negative)
/* An annotation; modseq: of the change that set it. */
#define METADATA_FIELDS(T) T(u64, modseq) T(str, value)
/* Beside a password whose argon2 form covers it prepared (RFC 4013): the keys of SCRAM (RFC 5802
 * 3). iterations 0: no keys were made, and all texts are empty. */
#define CREDENTIALS_FIELDS(T)                                                                      \
    T(u32, iterations)                                                                             \
    T(str, salt) T(str, stored_sha1) T(str, server_sha1) T(str, stored_sha256) T(str, server_sha256)

/* scope: bits of enum token_scope. expires: 0 never. */
#define TOKEN_FIELDS(T) T(u32, scope) T(i64, created) T(i64, expires) T(str, note)

#define QUEUE_RCPT_FIELDS(T)                                                                       \
    T(str, address)                                                                                \
    T(str, orcpt)                                                                                  \
    T(u32, notify)                                                                                 \
    T(u32, state)                                                                                  \
    T(u32, attempts) T(i64, next_try) T(flag, delay_reported) T(str, last_reply) T(str, last_host)

/* due: where it stands in the due index; 0 when it does not (held). */
#define QUEUE_ENTRY_FIELDS(T)                                                                      \
    T(u64, body)                                                                                   \
    T(str, reverse_path)                                                                           \
    T(str, envid)                                                                                  \
    T(u32, ret)                                                                                    \
    T(flag, smtputf8)                                                                              \
    T(u32, body_kind)                                                                              \
    T(u64, size) T(i64, arrived) T(flag, held) T(i64, due) T(str, message_id) T(rcpts, rcpts)

#define ROW_TYPE_str(name) struct str name;
#define ROW_TYPE_flag(name) bool name;
#define ROW_TYPE_u32(name) uint32_t name;
#define ROW_TYPE_u64(name) uint64_t name;
#define ROW_TYPE_i64(name) int64_t name;
#define ROW_TYPE_strs(name)                                                                        \
    struct str *name;                                                                              \
    uint32_t name##_count;
#define ROW_TYPE_rcpts(name)                                                                       \
    struct queue_rcpt *name;                                                                       \
    uint32_t name##_count;
#define ROW_STRUCT_FIELD(type, name) ROW_TYPE_##type(name)

#define ROWS_OF_VERSION_1(ROW)                                                                     \
    ROW(counters, COUNTERS_FIELDS)                                                                 \
    ROW(mbox, MAILBOX_FIELDS)                                                                      \
    ROW(grave, GRAVE_FIELDS)                                                                       \
    ROW(email, EMAIL_FIELDS)                                                                       \
    ROW(acl, ACL_FIELDS)                                                                           \
    ROW(metadata, METADATA_FIELDS)                                                                 \
    ROW(credentials, CREDENTIALS_FIELDS)                                                           \
    ROW(access_token, TOKEN_FIELDS)                                                                \
    ROW(queue_rcpt, QUEUE_RCPT_FIELDS)                                                             \
    ROW(queue_entry, QUEUE_ENTRY_FIELDS)

#define ROWS(ROW)                                                                                  \
    ROWS_OF_VERSION_1(ROW) ROW(account, ACCOUNT_FIELDS) ROW(membership, MEMBERSHIP_FIELDS)

#define ROW_DECLARE(row, FIELDS)                                                                   \
    struct row {                                                                                   \
        FIELDS(ROW_STRUCT_FIELD)                                                                   \
    };                                                                                             \
    void row##_put(struct buf *out, const struct row *v);                                          \
    MUST_USE enum err row##_get(struct arena *mem, struct str in, struct row *ret);
ROWS(ROW_DECLARE)

#endif
