/* keeper/server_notes.c - telling gates what changed, and courier that something is due.
 *
 * The writer's observer sees every durable change before the replies go out. Views follow it at
 * once; what changed for whom is collected and sent on the next turn of the loop, so a session gets
 * the reply to its own command first, and many changes of one mailbox become one note. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/events/server_events.h"
#include "keeper/index/server_blocks.h"
#include "keeper/index/server_index.h"
#include "keeper/sharing/server_place.h"

enum { NOTES_SCAN_MAX = 64 };

static void note_add(struct keeper *k, uint32_t account, uint32_t mailbox, uint32_t owner)
{
    /* Changes come in runs, so the last few are enough to look at. */
    size_t from = k->note_count > NOTES_SCAN_MAX ? k->note_count - NOTES_SCAN_MAX : 0;

    for (size_t i = from; i < k->note_count; i++)
        if (k->notes[i].account == account && k->notes[i].mailbox == mailbox)
            return;
    if (k->note_count == k->note_cap) {
        k->note_cap = k->note_cap == 0 ? 64 : 2 * k->note_cap;
        k->notes = realloc(k->notes, k->note_cap * sizeof *k->notes);
        if (k->notes == NULL)
            BUG("out of memory");
    }
    k->notes[k->note_count++] = (struct note_wanted){ account, mailbox, owner };
    if (!timer_is_set(&k->notes_due))
        timer_set_in(&k->notes_due, 0);
}

/* The owner's sessions are told, and those of others that have the mailbox open. */
static void note_want(struct keeper *k, uint32_t owner, uint32_t mailbox)
{
    if (map_find(&k->watched, str_from(&owner, sizeof owner)) != NULL)
        note_add(k, owner, mailbox, owner);
    guests_each(k, owner, mailbox, note_add);
}

void notes_observe(void *ctx, const struct txn_op *ops, size_t count)
{
    struct keeper *k = ctx;

    views_apply(k->views, ops, count);
    events_observe(k, ops, count);
    for (size_t i = 0; i < count; i++) {
        const char *key = ops[i].key.at;

        switch (key[0]) {
        case TABLE_MEMBERSHIP:
        case TABLE_MARKS:
            note_want(k, load_u32(key + 1), load_u32(key + 5));
            if (ops[i].kind == TXN_PUT)
                blocks_came(k, load_u32(key + 1), load_u32(key + 5), load_u32(key + 9));
            break;
        case TABLE_EMAIL:
        case TABLE_COUNTERS:
            /* Counters change with everything; when they go, the account does. */
            if (key[0] == TABLE_EMAIL || ops[i].kind == TXN_DELETE)
                indexer_mark(k, load_u32(key + 1));
            break;
        case TABLE_ACL:
            note_want(k, load_u32(key + 1), load_u32(key + 5));
            note_want(k, load_u32(key + 9), 0);
            break;
        case TABLE_NAME:
        case TABLE_SUBSCRIBED:
            note_want(k, load_u32(key + 1), 0);
            break;
        case TABLE_QUEUE_DUE:
            k->queue_changed = true;
            if (ops[i].kind == TXN_PUT)
                leases_due_came(k->leases, ops[i].key);
            break;
        default:
            break;
        }
    }
    if (k->queue_changed && !timer_is_set(&k->notes_due))
        timer_set_in(&k->notes_due, 0);
}

void note_send(struct peer *p, enum keep_note number, const void *note,
               void (*put)(struct buf *out, const void *note))
{
    struct buf out = { 0 };

    if (p->broken)
        return;
    put_u8(&out, FRAME_NOTE);
    put_u8(&out, (uint8_t)number);
    put(&out, note);
    channel_send(p->channel, buf_str(&out), NULL);
    buf_deinit(&out);
}

static void put_changed(struct buf *out, const void *note)
{
    keep_changed_note_put(out, note);
}

static void put_queue_due(struct buf *out, const void *note)
{
    keep_queue_due_note_put(out, note);
}

static void send_changed(struct keeper *k, const struct note_wanted *n)
{
    SCRATCH(tmp, NULL);
    struct keep_changed_note note = { .account = n->account, .mailbox = n->mailbox };
    struct watched *w = map_find(&k->watched, str_from(&n->account, sizeof n->account));
    struct counters counters;
    struct key key;
    struct errinfo why;
    bool found;

    if (w == NULL)
        return;
    key_of_account(&key, TABLE_COUNTERS, n->owner);
    if (table_find_counters(k->kv, tmp, &key, &found, &counters, &why) == OK && found)
        note.modseq = counters.modseq;
    /* One note a channel, however many of its sessions are on the account. */
    LIST_EACH(pit, &k->peers)
    {
        struct peer *p = LIST_ITEM(pit, struct peer, link);

        LIST_EACH(sit, &w->sessions)
        {
            if (LIST_ITEM(sit, struct session, in_account)->peer != p)
                continue;
            note_send(p, NOTE_NUMBER_changed, &note, put_changed);
            break;
        }
    }
}

void notes_send(void *ctx)
{
    struct keeper *k = ctx;

    for (size_t i = 0; i < k->note_count; i++)
        send_changed(k, &k->notes[i]);
    k->note_count = 0;
    events_send(k);
    if (k->queue_changed) {
        k->queue_changed = false;
        queue_timer_set(k);
    }
}

/* ---- the queue ---- */

static void tell_couriers(struct keeper *k, bool anew)
{
    struct keep_queue_due_note note = { .anew = anew };

    LIST_EACH(it, &k->peers)
    {
        struct peer *p = LIST_ITEM(it, struct peer, link);

        if (p->who == BY_COURIER)
            note_send(p, NOTE_NUMBER_queue_due, &note, put_queue_due);
    }
}

void queue_tell_anew(struct keeper *k)
{
    tell_couriers(k, true);
}

void queue_timer_set(struct keeper *k)
{
    int64_t now = loop_wall_s(k->loop), at;
    uint64_t lease_end;

    (void)leases_drop_old(k->leases, loop_now_ms(k->loop), &lease_end);
    at = leases_next_due(k->leases, k->kv, now);
    if (at <= now) {
        timer_set_in(&k->queue_due, 0);
        return;
    }
    if (at != INT64_MAX)
        lease_end = MIN(lease_end, loop_now_ms(k->loop) + (uint64_t)(at - now) * 1000);
    if (lease_end == UINT64_MAX)
        timer_cancel(&k->queue_due);
    else
        timer_set(&k->queue_due, lease_end);
}

/* Tells couriers when something is due now; they ask, and asking sets the timer for what is left.
 * Until they do, the note is not repeated. */
void queue_due_send(void *ctx)
{
    struct keeper *k = ctx;
    int64_t now_s = loop_wall_s(k->loop);
    uint64_t lease_end;

    (void)leases_drop_old(k->leases, loop_now_ms(k->loop), &lease_end);
    if (leases_next_due(k->leases, k->kv, now_s) <= now_s)
        tell_couriers(k, false);
    else
        queue_timer_set(k);
}
