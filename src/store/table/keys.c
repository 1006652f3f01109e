/* store/table/keys.c - the keys of every table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/keys.h"

void key_start(struct key *k, enum table table)
{
    k->at[0] = (char)table;
    k->len = 1;
}

void key_u32(struct key *k, uint32_t v)
{
    store_u32(k->at + k->len, v);
    k->len += 4;
}

void key_u64(struct key *k, uint64_t v)
{
    store_u64(k->at + k->len, v);
    k->len += 8;
}

/* With the sign bit turned over, two's complement sorts as octets. */
void key_i64(struct key *k, int64_t v)
{
    key_u64(k, (uint64_t)v ^ ((uint64_t)1 << 63));
}

void key_text(struct key *k, struct str text)
{
    BUG_ON(text.len > KEY_TEXT_BYTES_MAX);
    memcpy(k->at + k->len, text.at, text.len);
    k->len += text.len;
}

void key_end(struct key *k)
{
    /* No key of ours is all 0xFF, since letters are ASCII. */
    while (k->at[k->len - 1] == '\xff')
        k->len--;
    k->at[k->len - 1] = (char)(k->at[k->len - 1] + 1);
}

void key_of_account(struct key *k, enum table table, uint32_t account)
{
    key_start(k, table);
    key_u32(k, account);
}

void key_of_name(struct key *k, enum table table, uint32_t account, struct str name)
{
    key_of_account(k, table, account);
    key_text(k, name);
}

void key_of_text(struct key *k, enum table table, struct str text)
{
    key_start(k, table);
    key_text(k, text);
}

void key_of_mailbox(struct key *k, enum table table, uint32_t account, uint32_t mailbox)
{
    key_of_account(k, table, account);
    key_u32(k, mailbox);
}

void key_of_membership(struct key *k, uint32_t account, uint32_t mailbox, uint32_t uid)
{
    key_of_mailbox(k, TABLE_MEMBERSHIP, account, mailbox);
    key_u32(k, uid);
}

void key_of_marks(struct key *k, uint32_t account, uint32_t mailbox, uint32_t block)
{
    key_of_mailbox(k, TABLE_MARKS, account, mailbox);
    key_u32(k, block);
}

void key_of_email(struct key *k, enum table table, uint32_t account, uint64_t email)
{
    key_of_account(k, table, account);
    key_u64(k, email);
}

void key_of_vanished(struct key *k, uint32_t account, uint32_t mailbox, uint64_t modseq)
{
    key_of_mailbox(k, TABLE_VANISHED, account, mailbox);
    key_u64(k, modseq);
}

void key_of_thread(struct key *k, uint32_t account, uint64_t hash, uint64_t email)
{
    key_of_account(k, TABLE_THREAD, account);
    key_u64(k, hash);
    key_u64(k, email);
}

void key_of_acl(struct key *k, uint32_t account, uint32_t mailbox, uint32_t grantee)
{
    key_of_mailbox(k, TABLE_ACL, account, mailbox);
    key_u32(k, grantee);
}

void key_of_granted(struct key *k, uint32_t grantee, uint32_t account, uint32_t mailbox)
{
    key_of_account(k, TABLE_GRANTED, grantee);
    key_u32(k, account);
    key_u32(k, mailbox);
}

void key_of_metadata(struct key *k, uint32_t account, uint32_t mailbox, uint32_t user,
                     struct str entry)
{
    key_of_mailbox(k, TABLE_METADATA, account, mailbox);
    key_u32(k, user);
    key_text(k, entry);
}

void key_of_queue(struct key *k, uint64_t entry)
{
    key_start(k, TABLE_QUEUE);
    key_u64(k, entry);
}

void key_of_due(struct key *k, int64_t at_s, uint64_t entry)
{
    key_start(k, TABLE_QUEUE_DUE);
    key_i64(k, at_s);
    key_u64(k, entry);
}

struct reader key_reader(struct str key)
{
    return reader_of(str_skip(key, 1));
}

int64_t key_get_i64(struct reader *r)
{
    return (int64_t)(get_u64(r) ^ ((uint64_t)1 << 63));
}
