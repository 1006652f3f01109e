/* keeper/server_words.c - between the store's words and those of the contract. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_job.h"
#include "store/mailbox/mailboxes.h"
#include "store/mailbox/messages.h"

struct str uids_octets(struct arena *mem, const struct uidset *uids)
{
    struct buf b = { 0 };
    struct str s;

    uidset_encode(uids, &b);
    s = arena_copy(mem, buf_str(&b));
    buf_deinit(&b);
    return s;
}

enum err request_uids(struct request *j, struct str octets, struct uidset *ret)
{
    struct reader r = reader_of(octets);

    if (octets.len == 0)
        return OK;
    if (uidset_decode(&r, UIDSET_RANGES_MAX, ret) != OK || !reader_done(&r))
        return err_set(&j->why, ERR_SYNTAX, "the UID set cannot be read");
    return OK;
}

static bool is_touched(const struct txn *t, enum table table, uint32_t account, uint32_t mailbox)
{
    struct key from, to;

    key_of_mailbox(&from, table, account, mailbox);
    to = from;
    key_end(&to);
    return txn_touched(t, key_str(&from), key_str(&to));
}

enum err request_view(struct request *j, const struct txn *t, uint32_t account, uint32_t mailbox,
                      const struct uidset *uids, const struct view **ret)
{
    enum { WORTH = 16 }; /* fewer messages are read as quickly one by one */
    struct view *view;
    enum err e;

    *ret = NULL;
    if (uidset_count(uids) < WORTH || is_touched(t, TABLE_MEMBERSHIP, account, mailbox) ||
        is_touched(t, TABLE_MARKS, account, mailbox))
        return OK;
    if ((e = views_get(j->k->views, account, mailbox, &view, &j->why)) == OK)
        *ret = view;
    return e;
}

void keyword_texts(struct arena *mem, const struct mbox *m, struct keep_text **ret,
                   size_t *ret_count)
{
    *ret = ARENA_ARRAY(mem, struct keep_text, m->keywords_count + 1u);
    *ret_count = m->keywords_count;
    for (uint32_t i = 0; i < m->keywords_count; i++)
        (*ret)[i].text = m->keywords[i];
}

enum err request_mailbox(struct request *j, struct kv *kv, uint32_t account, uint32_t id,
                         struct mbox *ret)
{
    bool found;
    enum err e = mailbox_get_by_id(kv, j->mem, account, id, &found, ret, &j->why);

    if (e == OK && !found)
        e = err_set(&j->why, ERR_NOT_FOUND, "the mailbox is gone");
    return e;
}
