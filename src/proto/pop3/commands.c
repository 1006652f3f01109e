/* proto/pop3/commands.c - the table of commands, and those of the AUTHORIZATION state.
 *
 * The table is the dispatcher; CAPA's list is written from it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pop3/commands.h"

#include "base/utf8.h"
#include "proto/pop3/machine.h"

static bool may_log_in(const struct pop3 *p)
{
    return (p->facts & (FACT_SECURE | FACT_PLAIN_AUTH)) != 0;
}

void pop3_forget_login(struct pop3 *p)
{
    sasl_free(p->sasl);
    p->sasl = NULL;
    if (p->login.password.len > 0)
        explicit_bzero((char *)(uintptr_t)p->login.password.at, p->login.password.len);
    p->login = (struct sasl_login){ 0 };
    arena_free(p->user);
    p->user = NULL;
    p->facts &= ~(uint32_t)FACT_USER;
}

/* The name is kept until PASS; whether it exists is not told (RFC 1939 7). */
static void do_user(struct pop3 *p, struct str arg)
{
    pop3_forget_login(p);
    if (!may_log_in(p)) {
        ERR_REPLY(p, "Only under TLS: say STLS first");
        return;
    }
    arg = str_trim(arg);
    if (arg.len == 0 || arg.len > SASL_NAME_MAX) {
        ERR_REPLY(p, "USER whom?");
        return;
    }
    p->user = arena_new(512);
    p->login.mechanism = STR("USER");
    p->login.authcid = arena_copy(p->user, arg);
    p->facts |= FACT_USER;
    OK_REPLY(p, "Now the password");
}

/* The password is all that follows the blank, blanks included (RFC 1939 7). */
static void do_pass(struct pop3 *p, struct str arg)
{
    if (arg.len == 0 || arg.len > SASL_PASSWORD_MAX) {
        pop3_forget_login(p);
        ERR_REPLY(p, "That is no password; begin again with USER");
        return;
    }
    p->login.password = arena_copy(p->user, arg);
    pop3_ask(p, POP3_CHECK_LOGIN);
}

static void go_on(struct pop3 *p, enum sasl_status status)
{
    p->state = STATE_COMMAND;
    switch (status) {
    case SASL_CHALLENGE:
        buf_printf(&p->out, "+ %.*s\r\n", STR_ARG(sasl_challenge(p->sasl)));
        p->state = STATE_AUTH_LINE;
        break;
    case SASL_LOGIN:
        pop3_ask(p, POP3_CHECK_LOGIN);
        break;
    case SASL_MALFORMED:
        pop3_forget_login(p);
        ERR_REPLY(p, "That was not the expected response");
        break;
    case SASL_CANCELLED:
        pop3_forget_login(p);
        ERR_REPLY(p, "Cancelled");
        break;
    }
}

void pop3_auth_line(struct pop3 *p, struct str line)
{
    go_on(p, sasl_feed(p->sasl, line));
}

void pop3_auth_reply(struct pop3 *p, struct str octets, bool last)
{
    go_on(p, sasl_reply(p->sasl, octets, last));
}

/* RFC 5034 4; without a mechanism old clients want a list. */
static void do_auth(struct pop3 *p, struct str arg)
{
    struct str mechanism = str_split(&arg, ' ');

    pop3_forget_login(p);
    if (!may_log_in(p)) {
        ERR_REPLY(p, "Only under TLS: say STLS first");
    } else if (mechanism.len == 0) {
        BUF_ADD(&p->out, "+OK Ways to log in:");
        sasl_add_mechanisms(&p->out, p->offers, STR("\r\n"));
        BUF_ADD(&p->out, "\r\n.\r\n");
    } else if ((p->sasl = sasl_new(mechanism, p->offers)) == NULL) {
        ERR_REPLY(p, "That way of logging in is not known here");
    } else {
        go_on(p, sasl_start(p->sasl, str_trim(arg)));
    }
}

void pop3_login_answered(struct pop3 *p, bool ok, struct str text)
{
    pop3_forget_login(p);
    if (ok) {
        p->facts |= FACT_OPEN;
        pop3_ok(p, text);
        return;
    }
    p->count = 0;
    pop3_err(p, text);
    if (str_starts(text, STR("[AUTH]")) && ++p->auth_failures >= p->options->limits.auth_tries_max)
        p->state = STATE_CLOSING;
}

/* What was pipelined behind the command is dropped, now and until the handshake is over, since it
 * came in the clear. Not after UTF8 (RFC 6856 2.1). */
static void do_stls(struct pop3 *p, struct str arg)
{
    (void)arg;
    if (!p->options->tls_offered) {
        ERR_REPLY(p, "TLS is not offered here");
        return;
    }
    OK_REPLY(p, "Begin TLS");
    pop3_forget_login(p);
    (void)line_drop(&p->in);
    p->state = STATE_HANDSHAKE;
    pop3_raise(p, POP3_START_TLS);
}

static void do_utf8(struct pop3 *p, struct str arg)
{
    (void)arg;
    p->facts |= FACT_UTF8;
    OK_REPLY(p, "UTF-8 it is");
}

/* RFC 6856 3: our replies exist in one language. */
static void do_lang(struct pop3 *p, struct str arg)
{
    arg = str_trim(arg);
    if (arg.len == 0)
        OK_REPLY(p, "Languages:\r\nen English\r\n.");
    else if (str_eq(arg, STR("*")) || str_eq_nocase(arg, STR("en")))
        OK_REPLY(p, "en English");
    else
        ERR_REPLY(p, "Only English is spoken here; LANG en");
}

static void do_noop(struct pop3 *p, struct str arg)
{
    (void)arg;
    OK_REPLY(p, "Here");
}

/* In the TRANSACTION state QUIT is what removes the marked messages and gives the maildrop back
 * (RFC 1939 6). */
static void do_quit(struct pop3 *p, struct str arg)
{
    (void)arg;
    if ((p->facts & FACT_OPEN) != 0) {
        pop3_ask(p, POP3_UPDATE);
        return;
    }
    OK_REPLY(p, "Goodbye");
    p->state = STATE_CLOSING;
}

static void do_capa(struct pop3 *p, struct str arg);

static const struct pop3_command_row rows[] = {
    { "CAPA", do_capa, 0, 0, "", NULL },
    { "USER", do_user, 0, FACT_OPEN, "You are logged in", "USER" },
    { "PASS", do_pass, FACT_USER, FACT_OPEN, "Say USER first, then PASS, once", NULL },
    { "AUTH", do_auth, 0, FACT_OPEN, "You are logged in", "SASL" },
    { "STLS", do_stls, 0, FACT_OPEN | FACT_SECURE | FACT_UTF8, "Too late for STLS", "STLS" },
    { "UTF8", do_utf8, 0, FACT_OPEN, "Say UTF8 before logging in", "UTF8 USER" },
    { "LANG", do_lang, 0, 0, "", "LANG" },
    { "STAT", pop3_do_stat, FACT_OPEN, 0, "Log in first", NULL },
    { "LIST", pop3_do_list, FACT_OPEN, 0, "Log in first", NULL },
    { "UIDL", pop3_do_uidl, FACT_OPEN, 0, "Log in first", "UIDL" },
    { "RETR", pop3_do_retr, FACT_OPEN, 0, "Log in first", NULL },
    { "TOP", pop3_do_top, FACT_OPEN, 0, "Log in first", "TOP" },
    { "DELE", pop3_do_dele, FACT_OPEN, 0, "Log in first", NULL },
    { "RSET", pop3_do_rset, FACT_OPEN, 0, "Log in first", NULL },
    { "NOOP", do_noop, FACT_OPEN, 0, "Log in first", NULL },
    { "QUIT", do_quit, 0, 0, "", NULL },
};

const struct pop3_command_row *pop3_command_rows(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(rows);
    return rows;
}

/* USER and SASL are only told where they would be accepted, so that nobody sends a password in the
 * clear because we asked for it (RFC 2595 2.2). */
static bool is_offered(const struct pop3 *p, const struct pop3_command_row *row)
{
    if (row->capability == NULL)
        return false;
    if (row->run == do_user || row->run == do_auth)
        return may_log_in(p);
    if (row->run == do_stls)
        return p->options->tls_offered && (p->facts & row->forbid) == 0;
    return true;
}

/* RFC 2449 5 and 6. EXPIRE NEVER: nothing is removed that nobody asked to remove. Who logs in, and
 * whether it was too soon, is keeper's to know. */
static void do_capa(struct pop3 *p, struct str arg)
{
    (void)arg;
    OK_REPLY(p, "I can do:");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!is_offered(p, &rows[i]))
            continue;
        buf_add(&p->out, str_from_z(rows[i].capability));
        if (rows[i].run == do_auth)
            sasl_add_mechanisms(&p->out, p->offers, STR(" "));
        BUF_ADD(&p->out, "\r\n");
    }
    BUF_ADD(&p->out, "PIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\n");
    buf_printf(&p->out, "LOGIN-DELAY %u\r\nIMPLEMENTATION Postern\r\n.\r\n",
               p->options->login_delay_s);
}

static void run_row(struct pop3 *p, const struct pop3_command_row *row, struct str arg)
{
    if ((p->facts & row->need) != row->need || (p->facts & row->forbid) != 0)
        pop3_err(p, str_from_z(row->refusal));
    else
        row->run(p, arg);
}

void pop3_command(struct pop3 *p, struct str line)
{
    struct str arg = line, verb;

    if (line.len > p->options->limits.line_max && !str_starts_nocase(line, STR("AUTH "))) {
        ERR_REPLY(p, "Line too long");
        return;
    }
    if (str_find_char(line, '\0') != STR_NOT_FOUND || !utf8_valid(line)) {
        ERR_REPLY(p, "Commands are text");
        return;
    }
    verb = str_split(&arg, ' ');
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq_nocase(verb, str_from_z(rows[i].verb))) {
            run_row(p, &rows[i], arg);
            return;
        }
    ERR_REPLY(p, "Unknown command; CAPA lists what there is");
}
