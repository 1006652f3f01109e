/* gate/imap/fake_quota.c - the quota of the one account, which may set it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/fake_call.h"

static const struct str root = STR_INIT("#user/alice@crepes.fr");
static struct {
    uint64_t bytes, messages, mailboxes;
} limits;

void fake_quota_init(void)
{
    limits.bytes = 111 * 1024;
    limits.messages = 1000;
    limits.mailboxes = 0;
}

/* Octets, messages and mailboxes that are there. */
static void count(const struct fake_house *h, uint64_t ret[3])
{
    for (uint32_t i = 0; i < h->box_count; i++) {
        ret[2] += h->boxes[i].exists;
        ret[1] += h->boxes[i].count;
        for (uint32_t k = 0; k < h->boxes[i].count; k++)
            ret[0] += h->boxes[i].messages[k].bytes.len;
    }
}

CALL(quota)
{
    uint64_t used[3] = { 0 };

    if (req->of == QUOTA_OF_ROOT && !str_eq_nocase(req->name, root))
        return ERR_NOT_FOUND;
    if (req->of == QUOTA_OF_MAILBOX && str_starts(req->name, STR("Other Users/")))
        return ERR_NOT_FOUND;
    count(h, used);
    *rep = (struct keep_quota_rep){ .root = root,
                                    .bytes = used[0],
                                    .messages = used[1],
                                    .mailboxes = used[2],
                                    .quota_bytes = limits.bytes,
                                    .quota_messages = limits.messages,
                                    .quota_mailboxes = limits.mailboxes };
    return OK;
}

CALL(quota_set)
{
    uint64_t used[3] = { 0 };

    if (str_eq(req->root, STR("!partition/sda4")))
        return ERR_DENIED;
    if (!str_eq_nocase(req->root, root))
        return ERR_NOT_FOUND;
    count(h, used);
    limits.bytes = req->quota_bytes;
    limits.messages = req->quota_messages;
    limits.mailboxes = req->quota_mailboxes;
    *rep = (struct keep_quota_set_rep){
        .root = root, .bytes = used[0], .messages = used[1], .mailboxes = used[2]
    };
    return OK;
}
