/* courier/report.c - the delivery status notification about one job. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/report.h"

#include "base/hex.h"
#include "message/compose/dsn.h"
#include "message/limits.h"
#include "message/record/record.h"
#include "message/text/msgid.h"
#include "proto/smtp/param.h"

enum { RANDOM_OCTETS = 16 };

/* The original whole when we have all of it and it is wanted, else its header; of a header longer
 * than what was read, its whole lines. */
static struct str returned_part(const struct job *j, struct str original, bool full)
{
    size_t end = str_find(original, STR("\r\n\r\n"));

    if (full && original.len == j->entry.size)
        return original;
    if (end != STR_NOT_FOUND)
        return str_take(original, end + 2);
    end = str_find_char_last(original, '\n');
    return str_take(original, end == STR_NOT_FOUND ? 0 : end + 1);
}

/* An address of an envelope was checked when it came in; should it be damaged all the same, it is
 * shown as it is. */
static struct mailbox to_mailbox(struct arena *mem, struct str address)
{
    struct mailbox m;

    if (mailbox_parse(mem, address, MAILBOX_UTF8, &m) != OK)
        m = (struct mailbox){ .local = address, .domain = STR("invalid") };
    return m;
}

static struct str decode_orcpt(struct arena *mem, struct str orcpt)
{
    size_t type = str_find_char(orcpt, ';');

    if (type == STR_NOT_FOUND || !xtext_valid(str_skip(orcpt, type + 1)))
        return STR_EMPTY;
    return arena_join(mem, str_take(orcpt, type + 1), xtext_decode(mem, str_skip(orcpt, type + 1)));
}

static const enum dsn_action actions_of_dsn[] = {
    [REPORT_FAILED] = DSN_FAILED,
    [REPORT_DELAYED] = DSN_DELAYED,
    [REPORT_DELIVERED] = DSN_DELIVERED,
    [REPORT_RELAYED] = DSN_RELAYED,
};

static struct dsn_recipient about(struct arena *mem, const struct job *j, size_t place,
                                  enum report_action action, int64_t now)
{
    const struct keep_queued_rcpt *rcpt = &j->entry.rcpts[place];
    const struct job_outcome *o = &j->outcomes[place];
    struct str status = o->status;

    /* RFC 3464 2.3.4: the class says what became of it in the end, not what the last reply was. */
    if (action == REPORT_FAILED && status.len > 0 && status.at[0] == '4')
        status = STR("4.4.7"); /* RFC 3463 3.5: delivery time expired */
    return (struct dsn_recipient){
        .action = actions_of_dsn[action],
        .address = to_mailbox(mem, rcpt->address),
        .original = decode_orcpt(mem, rcpt->orcpt),
        .status = status,
        .diagnostic = o->reply,
        .remote_mta = o->host,
        .last_attempt_s = now,
        .retry_until_s =
            action == REPORT_DELAYED ? j->entry.arrived + (int64_t)j->shop->schedule.expire_s : 0,
    };
}

void report_build(const struct job *j, const enum report_action *actions, struct str original,
                  struct buf *ret_message, struct buf *ret_record)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    SCRATCH(tmp, j->mem);
    size_t count = 0;
    struct dsn_recipient *recipients =
        ARENA_ARRAY(tmp, struct dsn_recipient, MAX(j->entry.rcpts_count, 1U));
    int64_t now = loop_wall_s(j->shop->loop);
    bool failed = false, full = j->entry.ret == RET_FULL;
    uint8_t random[RANDOM_OCTETS];
    struct buf id = { 0 };

    for (size_t i = 0; i < j->entry.rcpts_count; i++)
        if (actions[i] != REPORT_NOTHING) {
            recipients[count++] = about(tmp, j, i, actions[i], now);
            failed |= actions[i] == REPORT_FAILED;
        }

    loop_random(j->shop->loop, random, sizeof(random));
    msgid_make(&id, now, random, j->shop->host);
    loop_random(j->shop->loop, random, sizeof(random));

    struct str envid = xtext_valid(j->entry.envid) ? xtext_decode(tmp, j->entry.envid) : STR_EMPTY;
    struct dsn d = {
        .reporting_mta = j->shop->host,
        .from = { .local = STR("MAILER-DAEMON"), .domain = j->shop->host },
        .to = to_mailbox(tmp, j->entry.reverse_path),
        .envid = envid,
        .message_id = buf_str(&id),
        .boundary = hex_encode(tmp, str_from(random, sizeof(random))),
        .now_s = now,
        .arrival_s = j->entry.arrived,
        .recipients = recipients,
        .recipient_count = count,
        .original = returned_part(j, original, full && failed),
        .return_full = full && failed && original.len == j->entry.size,
        .utf8 = j->entry.smtputf8,
    };
    dsn_format(ret_message, &d);
    record_build(buf_str(ret_message), &limits, ret_record);
    buf_deinit(&id);
}
