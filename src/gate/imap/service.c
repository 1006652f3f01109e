/* gate/imap/service.c - what the IMAP sessions of a gate share. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/service.h"

#include "gate/imap/wire/compression.h"
#include "proto/sasl.h"

const struct imap_settings imap_settings_default = {
    .idle_ms_max = 30ULL * 60 * 1000,
    .login_ms_max = 60ULL * 1000,
    .sessions_max = 20000,
    .sessions_per_address_max = 1000,
    .login_tries = 5,
    .login_delay_ms = 1000,
    .offers = SASL_OFFER_PASSWORDS,
};

void imap_service_init(struct imap_service *v, struct loop *l, struct keeper_client *keeper,
                       struct tls_server *tls, const struct imap_settings *settings)
{
    struct siphash_key key;

    *v = (struct imap_service){ .loop = l, .keeper = keeper, .tls = tls, .settings = *settings };
    if (v->settings.limits.command_bytes_max == 0)
        v->settings.limits = imap_limits_default;
    list_init(&v->sessions);
    progress_init(v);
    crowd_init(&v->crowd, l);
    list_init(&v->awake);
    timer_init(&v->rest, l, compression_look, v);
    loop_random(l, &key, sizeof(key));
    map_init(&v->by_account, key);
}

void imap_service_deinit(struct imap_service *v)
{
    v->stopped = NULL;
    while (!list_empty(&v->sessions))
        imap_session_free(LIST_ITEM(v->sessions.next, struct imap_session, link));
    timer_cancel(&v->rest);
    crowd_deinit(&v->crowd);
    map_deinit(&v->by_account);
    timer_cancel(&v->progress);
}

void imap_service_accept(struct imap_service *v, struct stream *stream, bool tls_at_once)
{
    struct imap_session *s = imap_session_new(v, stream);

    if (v->count > v->settings.sessions_max ||
        crowd_size(s->place) > v->settings.sessions_per_address_max)
        imap_session_bye(s, STR("[LIMIT] Too many connections"));
    else if (v->stopped != NULL)
        imap_session_bye(s, STR("[UNAVAILABLE] Server shutting down"));
    else if (tls_at_once && v->tls == NULL)
        imap_session_free(s);
    else if (tls_at_once)
        stream_start_tls_server(stream, v->tls);
    else
        imap_session_greet(s);
}

/* Calls tell(s, note) for the sessions of an account. */
static void each_of_account(struct imap_service *v, uint32_t account,
                            void (*tell)(struct imap_session *s, const void *note),
                            const void *note)
{
    struct imap_session *first = map_find(&v->by_account, str_from(&account, sizeof(account)));
    struct imap_session *s = first;

    if (first == NULL)
        return;
    do {
        struct imap_session *next =
            LIST_ITEM(s->same_account.next, struct imap_session, same_account);

        tell(s, note);
        s = next;
    } while (s != first);
}

/* When names changed, the open mailbox may be gone: the question for changes will show. */
static void tell_changed(struct imap_session *s, const void *of)
{
    const struct keep_changed_note *note = of;

    if (s->box != NULL && (s->box->mailbox == note->mailbox || note->mailbox == 0)) {
        s->box->noted = MAX(s->box->noted, note->modseq);
        idle_changed(s);
    }
}

void imap_service_changed(struct imap_service *v, const struct keep_changed_note *note)
{
    each_of_account(v, note->account, tell_changed, note);
}

static void tell_event(struct imap_session *s, const void *note)
{
    notify_event(s, note);
}

void imap_service_event(struct imap_service *v, const struct keep_event_note *note)
{
    each_of_account(v, note->account, tell_event, note);
}

void imap_service_lost(struct imap_service *v)
{
    LIST_EACH_SAFE(it, &v->sessions)
    {
        struct imap_session *s = LIST_ITEM(it, struct imap_session, link);

        if (s->keeper_session != 0)
            imap_session_bye(s, STR("[UNAVAILABLE] Please log in again"));
    }
}

void imap_service_stop(struct imap_service *v, void (*stopped)(void *ctx), void *ctx)
{
    v->stopped = stopped;
    v->ctx = ctx;
    LIST_EACH_SAFE(it, &v->sessions)
    imap_session_bye(LIST_ITEM(it, struct imap_session, link), STR("Server shutting down"));
    if (v->count == 0) {
        v->stopped = NULL;
        stopped(ctx);
    }
}
