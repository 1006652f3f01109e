/* proto/imap/machine_append.c - the messages of APPEND and REPLACE, piece by piece. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/machine_private.h"

enum { BODY_PIECE_BYTES = 64 * 1024 };

static void begin_message(struct imap *m)
{
    const struct literal_header *h = &m->append->literal;

    m->append->literal_due = false;
    if (h->bytes > m->limits->append_bytes_max) {
        m->error = "[TOOBIG] Message too large";
        m->refused = true;
        machine_refuse_literal(m, h);
        return;
    }
    m->text.len = m->append->at = m->append->from;
    m->command->append.bytes = (uint32_t)h->bytes;
    m->left = h->bytes;
    m->sync = h->sync;
    m->state = APPEND_ASK;
    m->due = IMAP_APPEND_BEGIN;
}

void machine_append_open(struct imap *m, const struct imap_command *c, size_t rest)
{
    struct imap_command *own = machine_command(m);
    struct str tag = arena_copy(m->mem, c->tag);

    *own = *c;
    own->tag = tag;
    own->append = (struct imap_append_args){ 0 };
    m->append = ARENA_NEW(m->mem, struct append);
    m->append->at = m->append->from = m->text.len - rest;
}

static const char *append_over_limit(const struct imap *m, const struct imap_append_args *a)
{
    if (a->index >= m->limits->append_messages_max)
        return "[LIMIT] Too many messages in one APPEND";
    return a->part >= m->limits->append_parts_max ? "[LIMIT] Too many parts in one message" : NULL;
}

/* The unread text. Before another message begins, what the one before needed is given back. */
static struct str append_text(struct imap *m)
{
    struct append *a = m->append;
    struct str rest = str_skip(buf_str(&m->text), a->at);

    if (a->place == APPEND_NEXT && a->mark.arena != NULL && !str_eq(rest, STR("\r\n"))) {
        struct imap_append_args *args = &m->command->append;

        arena_restore(&a->mark);
        m->tail = NULL;
        *args = (struct imap_append_args){ .mailbox = args->mailbox, .index = args->index };
    }
    return rest;
}

static void take_piece(struct imap *m, enum append_piece piece)
{
    struct append *a = m->append;

    if (a->mark.arena == NULL && piece != APPEND_MORE)
        a->mark = arena_save(m->mem);
    switch (piece) {
    case APPEND_MORE:
        a->literal_due = false;
        machine_take_literal(m, &a->literal, false);
        break;
    case APPEND_LITERAL:
        begin_message(m);
        break;
    case APPEND_URL:
        m->state = APPEND_ASK;
        m->due = IMAP_APPEND_BEGIN;
        break;
    case APPEND_MESSAGE_END:
        m->accepted = true;
        m->state = APPEND_GO;
        m->due = IMAP_APPEND_END;
        break;
    default:
        m->state = BUSY;
        m->due = IMAP_COMMAND;
        break;
    }
}

void machine_append_go_on(struct imap *m)
{
    struct append *a = m->append;
    struct str text = append_text(m);
    struct scan s = machine_scan(m, text);
    enum append_piece piece = command_append(&s, m->command, &a->place, &m->command->append);
    const char *over = append_over_limit(m, &m->command->append);

    a->at += text.len - s.rest.len;
    m->state = COMMAND;
    if (over != NULL)
        scan_refuse(&s, over);
    if (scan_ok(&s)) {
        take_piece(m, piece);
        return;
    }
    machine_fail_scan(m, &s);
    if (a->literal_due)
        machine_refuse_literal(m, &a->literal);
    else
        machine_answer_error(m);
}

void machine_append_line(struct imap *m, const struct literal_header *h)
{
    m->append->literal_due = h != NULL;
    if (h != NULL)
        m->append->literal = *h;
    m->state = APPEND_GO;
}

/* ---- octets ---- */

void machine_append_octets_end(struct imap *m)
{
    m->accepted = m->error == NULL;
    m->state = COMMAND;
    m->line_at = (uint32_t)m->text.len;
    if (m->append->place == APPEND_NEXT)
        m->due = IMAP_APPEND_END;
}

/* A message may hold any octet but NUL (RFC 3501 9, CHAR8), a literal8 that, too (RFC 3516). */
size_t machine_append_octets(struct imap *m, struct str bytes)
{
    struct str part = str_take(bytes, (size_t)MIN(m->left, (uint64_t)BODY_PIECE_BYTES));

    if (!m->command->append.binary && str_find_char(part, '\0') != STR_NOT_FOUND)
        machine_fail(m, "NUL in a message");
    m->left -= part.len;
    if (m->error == NULL && part.len > 0) {
        buf_add(&m->body, part);
        m->due = IMAP_BODY;
    }
    return part.len;
}

/* ---- the caller's answers ---- */

void imap_append_take(struct imap *m)
{
    BUG_ON(m->state != APPEND_ASK);
    if (m->command->append.is_url) {
        m->state = APPEND_GO;
        return;
    }
    if (m->sync)
        BUF_ADD(&m->out, "+ Ready for the message\r\n");
    m->state = APPEND_BODY;
    if (m->left == 0)
        machine_append_octets_end(m);
}

/* A URL may have a literal behind it on its line, one that the client sends unasked or waits with.
 */
void imap_append_refuse(struct imap *m)
{
    bool url = m->command->append.is_url;
    bool comes = url ? m->append->literal_due && !m->append->literal.sync : !m->sync;

    BUG_ON(m->state != APPEND_ASK);
    m->answered = true;
    if (comes)
        machine_skip(m, url ? m->append->literal.bytes : m->left);
    else
        machine_reset(m);
}
