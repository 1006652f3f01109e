/* store/mailbox/messages_across.c - messages copied from one account to another.
 *
 * Emails belong to an account, bodies to the store: the copy is a new email there with one more
 * reference to the same body, and joins the threads of its new account. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/messages.h"

struct carrying {
    struct account_txn *from, *to;
    const struct copy_what *what;
    struct keyword_list keywords; /* of the target */
    struct uidset *source, *target;
    uint64_t bytes, messages;
};

static enum err count_one(void *ctx, uint32_t uid, const struct membership *ms)
{
    struct carrying *c = ctx;

    (void)uid;
    c->bytes += ms->size;
    c->messages++;
    return OK;
}

static enum err carry_one(void *ctx, uint32_t uid, const struct membership *ms)
{
    SCRATCH(tmp, NULL);
    struct carrying *c = ctx;
    struct account_txn *a = c->from;
    struct message_new copy = { .internal_date = ms->internal_date,
                                .internal_zone = ms->internal_zone };
    struct email email;
    struct str record;
    struct key k;
    uint32_t new_uid;
    bool found;
    enum err e;

    key_of_email(&k, TABLE_EMAIL, a->account, ms->email);
    if ((e = table_get_email(a->kv, tmp, &k, &email, a->why)) != OK)
        return e;
    key_of_email(&k, TABLE_RECORD, a->account, ms->email);
    if ((e = table_find_text(a->kv, tmp, &k, &found, &record, a->why)) != OK)
        return e;
    message_new_from_record(&copy, found ? record : STR_EMPTY);
    copy.body = email.body;
    copy.size = email.size;
    copy.flags = flags_in_copy(ms->flags, c->what, &c->keywords);
    if (txn_body_ref(a->t, email.body) != OK)
        return err_set(a->why, ERR_CORRUPT, "an email has no body");
    if ((e = messages_add(c->to, c->what->to, c->what->to_row, &copy, &new_uid)) != OK)
        return e;
    uidset_add(c->source, uid);
    uidset_add(c->target, new_uid);
    return OK;
}

static enum err carry_all(struct carrying *c, const struct messages_of *which)
{
    enum err e = mailbox_keywords(c->what->to_row, &c->keywords);

    if (e == OK)
        e = messages_each(which, carry_one, c, c->from->why);
    if (e == OK)
        mailbox_set_keywords(c->to->mem, c->what->to_row, &c->keywords);
    keyword_list_deinit(&c->keywords);
    return e;
}

/* The target is written while the source is walked: they are different rows of different accounts.
 */
enum err messages_copy_across(struct account_txn *from, struct account_txn *to,
                              const struct copy_what *what, struct uidset *ret_source,
                              struct uidset *ret_target)
{
    const struct messages_of which = { from->kv, from->account, what->from, what->uids };
    struct expunge_what moved = { .uids = ret_source, .max = UINT32_MAX };
    struct carrying c = {
        .from = from, .to = to, .what = what, .source = ret_source, .target = ret_target
    };
    struct uidset gone = { 0 };
    bool more;
    enum err e;

    if ((e = messages_each(&which, count_one, &c, from->why)) != OK ||
        (e = messages_check_quota(to, what->account, c.bytes, c.messages)) != OK ||
        (e = carry_all(&c, &which)) != OK)
        return e;
    if (what->move && !uidset_empty(ret_source)) {
        e = messages_expunge(from, what->from, what->from_row, &moved, &gone, &more);
        uidset_deinit(&gone);
    }
    return e;
}
