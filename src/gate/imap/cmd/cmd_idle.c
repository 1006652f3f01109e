/* gate/imap/cmd/cmd_idle.c - IDLE (RFC 2177): changes are told when keeper speaks of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/search/contexts.h"
#include "gate/imap/session.h"

static void end_idle(struct imap_session *s)
{
    s->idle_over = false;
    if (s->idle_ok)
        imap_session_end(s, STR("OK IDLE terminated"));
    else
        imap_session_end(s, STR("BAD Expected DONE"));
}

static void go_on(struct imap_session *s)
{
    if (s->idle_over)
        end_idle(s);
    else
        idle_changed(s);
}

/* While idle every kind of news may be told (RFC 2177 3), to a client that reads it. */
static void told(struct imap_session *s)
{
    if (s->command == NULL) /* results kept up to date took some memory */
        imap_session_forget_command(s);
    imap_session_when_drained(s, go_on);
}

static void tell(struct imap_session *s)
{
    selected_report(s, true);
    if (contexts_are_stale(s))
        contexts_refresh(s, told);
    else
        told(s);
}

void idle_changed(struct imap_session *s)
{
    if (s->notify != NULL) /* RFC 5465 4: exactly the same events */
        notify_push(s);
    if (notify_is_active(s))
        return;
    if (s->idling && !s->pushing && s->ticket == 0 && s->resume == NULL &&
        s->box->noted > s->box->modseq)
        imap_session_sync(s, tell);
}

/* Nothing of the command is kept while it lasts; it comes again with its end. */
void imap_cmd_idle(struct imap_session *s, const struct imap_command *c)
{
    (void)c;
    imap_session_forget_command(s);
    s->idling = true;
    imap_idle(s->machine);
    if (s->box != NULL)
        idle_changed(s);
}

void idle_done(struct imap_session *s, const struct imap_command *c, bool whole)
{
    s->command = c;
    if (s->mem == NULL)
        s->mem = arena_new(0);
    s->idling = false;
    s->idle_ok = whole;
    s->idle_over = s->ticket != 0 || s->resume != NULL;
    if (!s->idle_over)
        end_idle(s);
}
