/* gate/smtp_questions.c - the machine's questions, asked of keeper and policy, and their answers.
 *
 * Every answer ends in smtp_answer (or smtp_refuse_body) and, when it came from keeper, in another
 * turn of the pump. Whether a recipient is taken is policy/relay.h's word alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/error_map.h"
#include "gate/smtp_session_private.h"
#include "message/record/record.h"
#include "policy/relay.h"

static void answer_error(struct smtp_session *s, enum err e)
{
    const struct error_words *words = error_words(e);

    smtp_answer(s->machine, words->smtp_code, words->smtp);
}

/* Begins a line with what every line has; null when nothing is logged. */
static struct log *begin_log(const struct smtp_session *s, enum log_level level, const char *event)
{
    struct log *g = s->service->settings.log;
    struct address peer = stream_peer(s->conn.stream);

    if (g == NULL)
        return NULL;
    log_begin(g, level, event);
    log_address(g, "peer", &peer);
    if (s->machine != NULL)
        log_str(g, "helo", smtp_helo(s->machine));
    return g;
}

static void log_refusal(const struct smtp_session *s, const char *event, enum err e)
{
    struct log *g = begin_log(s, LOG_INFO, event);

    if (g == NULL)
        return;
    log_err(g, e, NULL);
    log_end(g);
}

static void log_recipient(const struct smtp_session *s, struct str reply)
{
    struct log *g = begin_log(s, LOG_INFO, "smtp.recipient_refused");
    struct buf address = { 0 };

    if (g == NULL)
        return;
    mailbox_format(&address, &s->rcpt->address);
    log_str(g, "rcpt", buf_str(&address));
    log_str(g, "reply", reply);
    log_end(g);
    buf_deinit(&address);
}

static void log_delivery(const struct smtp_session *s, enum err e,
                         const struct keep_deliver_rep *rep)
{
    struct log *g =
        begin_log(s, e == OK ? LOG_INFO : LOG_WARN, e == OK ? "smtp.accepted" : "smtp.failed");

    if (g == NULL)
        return;
    if (e == OK)
        log_num(g, "delivery", (int64_t)rep->delivery);
    else
        log_err(g, e, NULL);
    log_end(g);
}

/* ---- who ---- */

/* A failure of ours, as against one of the credentials, is 454 (RFC 4954 6). */
void smtp_login_refused(void *session, enum err e)
{
    struct smtp_session *s = session;
    const struct error_words *words = error_words(e == ERR_DENIED ? ERR_AUTH : e);

    log_refusal(s, "smtp.login_refused", e);
    if (words->smtp_code < 500)
        smtp_answer(s->machine, 454, STR("4.7.0 Logging in is not possible now; try again later"));
    else
        smtp_answer(s->machine, words->smtp_code, words->smtp);
    conn_pump(&s->conn);
}

void smtp_logged_in(void *session, const struct login_result *r)
{
    struct smtp_session *s = session;

    (void)r;
    smtp_answer(s->machine, 235, STR("2.7.0 Welcome"));
    conn_pump(&s->conn);
}

void smtp_login_challenge(void *session, struct str words, bool last)
{
    struct smtp_session *s = session;

    smtp_challenge(s->machine, words, last);
    conn_pump(&s->conn);
}

void smtp_ask_login(struct smtp_session *s, const struct sasl_login *login)
{
    s->conn.login_delay_ms = s->service->settings.login_delay_ms;
    conn_ask_login(&s->conn, login, STR("smtp"));
}

static void answer_sender(struct smtp_session *s, bool null_sender, bool keeper_allows)
{
    struct sender_facts facts = { .submission = s->door == SMTP_DOOR_USERS,
                                  .authenticated = smtp_authenticated(s->machine),
                                  .null_sender = null_sender,
                                  .keeper_allows = keeper_allows };

    switch (sender_decide(&facts)) {
    case SENDER_ACCEPT:
        smtp_answer(s->machine, 250, STR("2.1.0 Sender ok"));
        break;
    case SENDER_LOGIN_FIRST:
        smtp_answer(s->machine, 530, STR("5.7.0 Log in first"));
        break;
    case SENDER_NOT_YOURS:
        smtp_answer(s->machine, 553, STR("5.7.1 That sender address is not yours"));
        break;
    }
}

static void got_sender(void *ctx, enum err e, const struct keep_may_send_as_rep *rep,
                       struct file *file)
{
    struct smtp_session *s = ctx;

    (void)file;
    s->conn.ticket = 0;
    if (e != OK)
        answer_error(s, e);
    else
        answer_sender(s, false, rep->allowed);
    conn_pump(&s->conn);
}

void smtp_ask_sender(struct smtp_session *s, const struct smtp_mail *mail)
{
    struct keep_may_send_as_req req = { .session = s->conn.keeper_session };
    struct buf address = { 0 };

    smtp_session_forget_message(s);
    if (!smtp_authenticated(s->machine) || mailbox_is_null(&mail->sender)) {
        answer_sender(s, mailbox_is_null(&mail->sender), false);
        return;
    }
    mailbox_format(&address, &mail->sender);
    req.address = buf_str(&address);
    s->conn.ticket = keeper_may_send_as(s->service->keeper, &req, got_sender, s);
    buf_deinit(&address);
}

/* ---- to whom ---- */

static const enum relay_owner owners[] = { [ROUTE_UNKNOWN] = RELAY_UNKNOWN,
                                           [ROUTE_LOCAL] = RELAY_OURS,
                                           [ROUTE_FOREIGN] = RELAY_FOREIGN,
                                           [ROUTE_FULL] = RELAY_FULL,
                                           [ROUTE_DISABLED] = RELAY_DISABLED };

static const struct {
    int code;
    struct str text;
} rcpt_replies[] = {
    [RELAY_ACCEPT] = { 250, STR_INIT("2.1.5 Recipient ok") },
    [RELAY_DENIED] = { 550, STR_INIT("5.7.1 Relaying denied") },
    [RELAY_DENIED_ROUTING] = { 550, STR_INIT("5.7.1 Relaying denied; no routes in addresses") },
    [RELAY_NO_SUCH_MAILBOX] = { 550, STR_INIT("5.1.1 No such mailbox") },
    [RELAY_MAILBOX_FULL] = { 452, STR_INIT("4.2.2 Mailbox full") },
    [RELAY_MAILBOX_DISABLED] = { 550, STR_INIT("5.2.1 Mailbox disabled") },
};

static void answer_rcpt(struct smtp_session *s, enum relay_owner owner)
{
    struct relay_facts facts = { .authenticated = smtp_authenticated(s->machine),
                                 .trusted_network = s->trusted,
                                 .rcpt = &s->rcpt->address,
                                 .owner = owner };
    enum relay_verdict verdict = relay_decide(&facts);

    if (verdict != RELAY_ACCEPT)
        log_recipient(s, rcpt_replies[verdict].text);
    if (verdict == RELAY_ACCEPT && owner == RELAY_FOREIGN)
        s->foreign++;
    smtp_answer(s->machine, rcpt_replies[verdict].code, rcpt_replies[verdict].text);
}

static void got_route(void *ctx, enum err e, const struct keep_route_rep *rep, struct file *file)
{
    struct smtp_session *s = ctx;

    (void)file;
    s->conn.ticket = 0;
    if (e == OK && rep->kind < ARRAY_LEN(owners))
        answer_rcpt(s, owners[rep->kind]);
    else
        answer_error(s, e == OK ? ERR_UNAVAILABLE : e);
    conn_pump(&s->conn);
}

void smtp_ask_route(struct smtp_session *s, const struct smtp_mail *mail, struct smtp_rcpt *rcpt)
{
    struct keep_route_req req = { .size = mail->size };
    struct buf address = { 0 };

    s->rcpt = rcpt;
    mailbox_format(&address, &rcpt->address);
    req.address = buf_str(&address);
    s->conn.ticket = keeper_route(s->service->keeper, &req, got_route, s);
    buf_deinit(&address);
}

/* ---- what ---- */

static void refuse_body(struct smtp_session *s, enum err e)
{
    const struct error_words *words = error_words(e);

    smtp_refuse_body(s->machine, words->smtp_code, words->smtp);
    smtp_session_forget_message(s);
}

static void got_spool(void *ctx, enum err e, const struct keep_spool_rep *rep, struct file *file)
{
    struct smtp_session *s = ctx;

    s->conn.ticket = 0;
    if (e == OK)
        s->message->spool_id = rep->spool;
    if (e == OK && file == NULL)
        e = ERR_UNAVAILABLE; /* no descriptor was left for it */
    if (e == OK)
        e = smtp_message_spool(s->message, file);
    if (e != OK)
        refuse_body(s, e);
    conn_pump(&s->conn);
}

/* Where the way of all copies ends here, and where mail begins its way, there is no Return-Path but
 * ours; mail that only passes is not looked into (RFC 5321 4.4). */
static void need_message(struct smtp_session *s)
{
    if (s->message != NULL)
        return;
    s->message = calloc(1, sizeof(*s->message));
    BUG_ON(s->message == NULL);
    s->message->drop_return_path = s->foreign == 0 || smtp_authenticated(s->machine);
}

void smtp_take_body(struct smtp_session *s, struct str text)
{
    struct keep_spool_req req = { 0 };
    enum err e;

    need_message(s);
    if ((e = smtp_message_add(s->message, text)) != OK) {
        refuse_body(s, e);
        return;
    }
    if (smtp_message_wants_spool(s->message))
        s->conn.ticket = keeper_spool(s->service->keeper, &req, got_spool, s);
}

static void got_delivery(void *ctx, enum err e, const struct keep_deliver_rep *rep,
                         struct file *file)
{
    struct smtp_session *s = ctx;
    SCRATCH(tmp, NULL);

    (void)file;
    s->conn.ticket = 0;
    /* A call that failed may not have come as far as the file: then it must be given back. */
    if (s->message != NULL && e == OK)
        s->message->spool_id = 0;
    smtp_session_forget_message(s);
    log_delivery(s, e, rep);
    if (e == ERR_CLOSED) {
        /* Nobody knows whether the message was kept: a 4xx would promise that it was not. The peer
         * hears nothing and sends it again, as RFC 5321 4.5.4.1 wants. */
        smtp_session_drop(s);
        return;
    }
    if (e != OK)
        answer_error(s, e == ERR_SYNTAX ? ERR_UNAVAILABLE : e);
    else
        smtp_answer(s->machine, 250,
                    arena_printf(tmp, "2.0.0 Taken as %llx", (unsigned long long)rep->delivery));
    conn_pump(&s->conn);
}

/* The trace that this server leaves (RFC 5321 4.4). The recipient is only named when there is one,
 * so that blind copies stay blind. */
static enum err seal(struct smtp_session *s, const struct smtp_mail *mail, struct arena *tmp,
                     struct smtp_sealed *ret)
{
    struct loop *l = s->service->loop;
    struct address peer = stream_peer(s->conn.stream);
    struct buf ip = { 0 }, rcpt = { 0 }, sender = { 0 };
    struct smtp_trace trace = { .complete = smtp_authenticated(s->machine),
                                .domain = s->service->settings.host };
    struct received received = { .helo = smtp_helo(s->machine),
                                 .by = s->service->settings.host,
                                 .with = smtp_with(s->machine),
                                 .epoch_s = loop_wall_s(l) };

    if (peer.family != ADDRESS_LOCAL)
        address_format(&peer, &ip);
    if (mail->rcpt_count == 1)
        mailbox_format(&rcpt, &mail->rcpts->address);
    mailbox_format(&sender, &mail->sender);
    received.client_ip = buf_str(&ip);
    received.recipient = buf_str(&rcpt);
    received.id = arena_printf(tmp, "%016llx", (unsigned long long)loop_random_u64(l));
    if (stream_is_secure(s->conn.stream))
        received.tls = arena_printf(tmp, "%.*s %.*s", STR_ARG(stream_tls_version(s->conn.stream)),
                                    STR_ARG(stream_tls_cipher(s->conn.stream)));
    trace.received = &received;
    trace.return_path = buf_str(&sender);
    loop_random(l, trace.random, sizeof(trace.random));

    enum err e = smtp_message_seal(s->message, &trace, ret);
    buf_deinit(&ip);
    buf_deinit(&rcpt);
    buf_deinit(&sender);
    return e;
}

static struct keep_rcpt *list_rcpts(const struct smtp_mail *mail, struct arena *tmp)
{
    struct keep_rcpt *list = ARENA_ARRAY(tmp, struct keep_rcpt, mail->rcpt_count);
    size_t i = 0;

    for (const struct smtp_rcpt *r = mail->rcpts; r != NULL; r = r->next) {
        struct buf address = { 0 };

        mailbox_format(&address, &r->address);
        list[i++] = (struct keep_rcpt){ .address = arena_copy(tmp, buf_str(&address)),
                                        .orcpt = r->orcpt,
                                        .notify = r->notify };
        buf_deinit(&address);
    }
    return list;
}

static void ask_deliver(struct smtp_session *s, const struct smtp_mail *mail, struct arena *tmp,
                        const struct smtp_sealed *sealed)
{
    struct address peer = stream_peer(s->conn.stream);
    struct buf sender = { 0 }, ip = { 0 };
    struct keep_deliver_req req = { .session = s->conn.keeper_session,
                                    .envid = mail->envid,
                                    .ret = (uint8_t)mail->ret,
                                    .smtputf8 = mail->utf8,
                                    .body = (uint8_t)mail->body,
                                    .rcpts = list_rcpts(mail, tmp),
                                    .rcpts_count = mail->rcpt_count,
                                    .record = buf_str(&sealed->record),
                                    .bytes = buf_str(&sealed->front),
                                    .spool = s->message->spool_id,
                                    .spool_bytes = s->message->spooled,
                                    .return_path_bytes = sealed->return_path_bytes };

    mailbox_format(&sender, &mail->sender);
    address_format(&peer, &ip);
    req.reverse_path = buf_str(&sender);
    req.peer = buf_str(&ip);
    s->conn.ticket = keeper_deliver(s->service->keeper, &req, got_delivery, s);
    buf_deinit(&sender);
    buf_deinit(&ip);
}

/* ---- whose name stands on it ---- */

/* A sealed message whose authors keeper is asked about, one after the other (RFC 6409 6.1 and 8.1;
 * RFC 5322 3.6.2). */
struct smtp_authors {
    struct arena *mem;
    struct smtp_sealed sealed;
    const struct smtp_mail *mail;
    struct str *addresses;
    size_t count, next;
};

enum { AUTHORS_MAX = 20 };

void smtp_forget_authors(struct smtp_session *s)
{
    struct smtp_authors *a = s->authors;

    if (a == NULL)
        return;
    s->authors = NULL;
    smtp_sealed_deinit(&a->sealed);
    arena_free(a->mem);
}

static void add_authors(struct smtp_authors *a, struct str envelope, enum envelope_field field)
{
    struct envelope_addresses list = envelope_addresses(envelope, field);
    struct mail_address address;

    while (a->count <= AUTHORS_MAX && envelope_next(&list, &address)) {
        struct str text;

        if (address.kind != ADDRESS_MAILBOX)
            continue;
        text = arena_printf(a->mem, "%.*s@%.*s", STR_ARG(address.local), STR_ARG(address.domain));
        if (a->count == 0 || !str_eq(text, a->addresses[a->count - 1]))
            a->addresses[a->count++] = text;
    }
}

static void refuse_authors(struct smtp_session *s, int code, struct str text)
{
    struct log *g = begin_log(s, LOG_INFO, "smtp.author_refused");

    if (g != NULL) {
        log_str(g, "reply", text);
        log_end(g);
    }
    smtp_session_forget_message(s);
    smtp_answer(s->machine, code, text);
}

static void ask_author(struct smtp_session *s);

static void got_author(void *ctx, enum err e, const struct keep_may_send_as_rep *rep,
                       struct file *file)
{
    struct smtp_session *s = ctx;

    (void)file;
    s->conn.ticket = 0;
    if (e != OK) {
        smtp_session_forget_message(s);
        answer_error(s, e);
    } else if (!rep->allowed) {
        refuse_authors(s, 550, STR("5.7.1 The From or Sender of this mail is not yours"));
    } else {
        s->authors->next++;
        ask_author(s);
    }
    conn_pump(&s->conn);
}

static void ask_author(struct smtp_session *s)
{
    struct smtp_authors *a = s->authors;
    struct keep_may_send_as_req req = { .session = s->conn.keeper_session };

    if (a->next == a->count) {
        ask_deliver(s, a->mail, a->mem, &a->sealed);
        smtp_forget_authors(s);
        return;
    }
    req.address = a->addresses[a->next];
    s->conn.ticket = keeper_may_send_as(s->service->keeper, &req, got_author, s);
}

/* Without a From there is nobody to ask about; such mail goes on as the account's. Which of several
 * From fields would be shown is up to the reader, so one that is the user's says nothing about the
 * others: users' programs may not send that (RFC 5322 3.6). From other servers it is taken. */
static void check_authors(struct smtp_session *s)
{
    struct smtp_authors *a = s->authors;
    struct record record;

    a->addresses = ARENA_ARRAY(a->mem, struct str, AUTHORS_MAX + 1);
    if (a->sealed.ambiguous && smtp_authenticated(s->machine)) {
        refuse_authors(s, 554, STR("5.6.0 A mail has one From field, and at most one Sender"));
        return;
    }
    if (s->service->settings.authors_checked && smtp_authenticated(s->machine)) {
        if (record_open(buf_str(&a->sealed.record), &record) != OK) {
            smtp_session_forget_message(s);
            answer_error(s, ERR_UNAVAILABLE);
            return;
        }
        add_authors(a, record.envelope, ENVELOPE_FROM);
        add_authors(a, record.envelope, ENVELOPE_SENDER);
    }
    if (a->count > AUTHORS_MAX)
        refuse_authors(s, 550, STR("5.7.1 This mail has too many authors"));
    else
        ask_author(s);
}

void smtp_ask_deliver(struct smtp_session *s, const struct smtp_mail *mail)
{
    struct arena *mem = arena_new(0);
    struct smtp_authors *a = ARENA_NEW(mem, struct smtp_authors);
    enum err e;

    need_message(s); /* there is none after DATA with nothing but the dot */
    *a = (struct smtp_authors){ .mem = mem, .mail = mail };
    s->authors = a;
    e = seal(s, mail, mem, &a->sealed);
    if (e != OK) {
        smtp_session_forget_message(s);
        answer_error(s, e);
    } else if (a->sealed.hops >= s->service->settings.received_max) {
        smtp_session_forget_message(s);
        smtp_answer(s->machine, 554, STR("5.4.6 This mail runs in a circle"));
    } else {
        check_authors(s);
    }
}
