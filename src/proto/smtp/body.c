/* proto/smtp/body.c - DATA and BDAT: the octets of a message.
 *
 * Both hand out SMTP_BODY pieces that lie in the reader's own memory; DATA is unstuffed in place.
 * A message that is refused on its way (too large, no room) is read to its end and thrown away, for
 * only there may the peer be answered. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/machine.h"

static void begin_body(struct smtp *s)
{
    s->active_ms = s->now_ms;
    if (s->mail->body_since_ms == 0)
        s->mail->body_since_ms = s->now_ms;
}

void smtp_refuse_body(struct smtp *s, int code, struct str text)
{
    struct smtp_transaction *t = s->mail;

    BUG_ON(t == NULL);
    if (t->refusal != 0)
        return;
    t->refusal = code;
    t->refusal_text = arena_copy(t->mem, text);
}

/* Gives a piece to the session unless the message is refused already. */
static void pass_on(struct smtp *s, struct str piece)
{
    struct smtp_transaction *t = s->mail;

    /* RFC 2045 2.7, 2.8. Programs that drop NUL may see a line with a lone dot where we saw none.
     */
    if (t->mail.body != SMTP_BINARYMIME && str_find_char(piece, '\0') != STR_NOT_FOUND)
        smtp_refuse_body(s, 550, STR("5.6.0 A message has no NUL, unless with BODY=BINARYMIME"));
    t->body_bytes += piece.len;
    if (t->body_bytes > s->options->limits.size_max)
        smtp_refuse_body(s, 552, STR("5.3.4 Larger than the largest message taken here"));
    if (t->refusal != 0 || piece.len == 0)
        return;
    s->body = piece;
    smtp_raise(s, SMTP_BODY);
}

/* The last octet is here and everything before it was handed out. */
static void end_body(struct smtp *s)
{
    struct smtp_transaction *t = s->mail;

    if (t->refusal == 0) {
        smtp_ask(s, SMTP_COMMIT);
        return;
    }
    s->state = STATE_COMMAND;
    smtp_reply(s, t->refusal, t->refusal_text);
    smtp_end_mail(s, true);
}

void smtp_do_data(struct smtp *s, struct str arg)
{
    if (arg.len > 0) {
        REPLY(s, 501, "5.5.4 DATA stands alone");
        return;
    }
    if (s->mail->mail.body == SMTP_BINARYMIME) {
        REPLY(s, 503, "5.5.1 BODY=BINARYMIME is sent with BDAT"); /* RFC 3030 3 */
        return;
    }
    REPLY(s, 354, "Send the message, then a dot on a line of its own");
    s->dot = (struct dot_reader){ 0 };
    s->state = STATE_DATA;
    begin_body(s);
}

/* The end is found together with the octets before it. So that these go out first, the end is then
 * noted in `ended` and acted upon in the next step. */
void smtp_take_data(struct smtp *s)
{
    struct str pending = line_pending(&s->in);
    char *at = (char *)(uintptr_t)pending.at; /* the reader's own buffer */
    size_t used, made;

    if (s->mail->ended) {
        end_body(s);
        return;
    }

    enum dot_status status = dot_feed(&s->dot, pending, at, &used, &made);
    line_take(&s->in, used);
    switch (status) {
    case DOT_BARE_NEWLINE:
        /* Nothing behind this point can be trusted to be what it seems, so there is no next
         * command: the session ends (doc/decisions/0007-bare-lf.md). */
        s->state = STATE_CLOSING;
        smtp_reply(s, 550, STR("5.6.0 Lines end with CR LF, both together; not taken"));
        smtp_end_mail(s, true);
        break;
    case DOT_END:
        s->mail->ended = true;
        pass_on(s, str_from(at, made));
        break;
    case DOT_MORE:
        pass_on(s, str_from(at, made));
        break;
    }
}

/* Octets of a chunk that nobody wants are still octets, not commands (RFC 3030 2). */
static void refuse_chunk(struct smtp *s, struct str text)
{
    if (s->mail == NULL)
        s->chunk_refusal = text;
    else
        smtp_refuse_body(s, 503, text);
}

/* bdat-cmd = "BDAT" SP chunk-size [SP "LAST"]. Without a size nobody knows where the next command
 * begins, so such a session is over. */
void smtp_do_bdat(struct smtp *s, struct str arg)
{
    struct str size = str_split(&arg, ' ');
    bool last = str_eq_nocase(str_trim(arg), STR("LAST"));

    if (!str_to_u64(size, UINT64_MAX, &s->chunk_left) || (!last && arg.len > 0)) {
        smtp_end_mail(s, true);
        smtp_reply_and_close(s, 501, STR("5.5.4 Say BDAT size [LAST]"));
        return;
    }
    s->chunk_size = s->chunk_left;
    s->chunk_refusal = STR_EMPTY;
    if ((s->facts & FACT_HAS_RCPT) == 0)
        refuse_chunk(s, STR("5.5.1 Need MAIL and an accepted RCPT first"));
    else if (s->chunk_left > s->options->limits.size_max)
        smtp_refuse_body(s, 552, STR("5.3.4 Larger than the largest message taken here"));
    s->facts |= FACT_CHUNKS | (last ? FACT_LAST_CHUNK : 0u);
    s->state = STATE_CHUNK;
    if (s->mail != NULL)
        begin_body(s);
    else
        s->active_ms = s->now_ms;
}

static void end_chunk(struct smtp *s)
{
    SCRATCH(tmp, NULL);

    s->state = STATE_COMMAND;
    if (s->mail == NULL) {
        s->facts &= ~(uint32_t)FACTS_OF_MAIL;
        smtp_reply(s, 503, s->chunk_refusal);
    } else if ((s->facts & FACT_LAST_CHUNK) != 0 || s->mail->refusal != 0) {
        end_body(s);
    } else {
        smtp_reply(s, 250,
                   arena_printf(tmp, "2.0.0 %llu octets", (unsigned long long)s->chunk_size));
    }
}

void smtp_take_chunk(struct smtp *s)
{
    struct str piece = line_pending(&s->in);

    if (piece.len > s->chunk_left)
        piece.len = (size_t)s->chunk_left;
    if (s->chunk_left == 0) {
        end_chunk(s);
        return;
    }
    line_take(&s->in, piece.len);
    s->chunk_left -= piece.len;
    if (s->mail != NULL)
        pass_on(s, piece);
}
