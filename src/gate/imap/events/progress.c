/* gate/imap/events/progress.c - a word during commands that take long (RFC 9585).
 *
 * One timer for the whole service looks every PROGRESS_MS at the sessions with a command that waits
 * for keeper; it runs only while there are commands. FETCH is left out: it writes as it goes, and a
 * word might fall into the middle of a literal. How far keeper has come is not known here, so
 * progress and goal are NIL. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"

enum { PROGRESS_MS = 10000 };

static bool takes_long(const struct imap_session *s, uint64_t now_ms)
{
    return s->command != NULL && s->ticket != 0 && !s->pushing && !s->closing &&
           s->command->verb != IMAP_CMD_FETCH && now_ms >= s->active_ms + PROGRESS_MS;
}

/* A tag with "]" would end the response code (RFC 9585 4). */
static void put_word(struct imap_session *s)
{
    struct str tag = s->command->tag;

    BUF_ADD(&s->out, "* OK [INPROGRESS (");
    if (str_find_char(tag, ']') == STR_NOT_FOUND)
        buf_printf(&s->out, "\"%.*s\"", STR_ARG(tag));
    else
        BUF_ADD(&s->out, "NIL");
    BUF_ADD(&s->out, " NIL NIL)] Still at work\r\n");
    imap_session_flush(s);
}

static void on_progress(void *ctx)
{
    struct imap_service *v = ctx;
    uint64_t now_ms = loop_now_ms(v->loop);
    bool any = false;

    LIST_EACH(it, &v->sessions)
    {
        struct imap_session *s = LIST_ITEM(it, struct imap_session, link);

        any = any || s->command != NULL;
        if (takes_long(s, now_ms) && !imap_session_is_full(s))
            put_word(s);
    }
    if (any)
        timer_set_in(&v->progress, PROGRESS_MS);
}

void progress_init(struct imap_service *v)
{
    timer_init(&v->progress, v->loop, on_progress, v);
}

void progress_begin(struct imap_service *v)
{
    if (!timer_is_set(&v->progress))
        timer_set_in(&v->progress, PROGRESS_MS);
}
