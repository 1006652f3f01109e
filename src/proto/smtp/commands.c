/* proto/smtp/commands.c - the table of commands, and those that need no file of their own.
 *
 * The table is the dispatcher; EHLO's list and HELP are written from it. A peer that sends 8-bit
 * octets, NUL or control characters in a command is refused before the table is looked at, except
 * that the commands marked `utf8` may carry UTF-8 (RFC 6531 3.3). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/commands.h"
#include "base/utf8.h"
#include "proto/smtp/machine.h"

enum { HELO_BYTES_MAX = 255 };

static void do_hello(struct smtp *s, struct str arg, bool extended);

static void do_helo(struct smtp *s, struct str arg)
{
    do_hello(s, arg, false);
}

static void do_ehlo(struct smtp *s, struct str arg)
{
    do_hello(s, arg, true);
}

static void do_rset(struct smtp *s, struct str arg)
{
    (void)arg;
    smtp_end_mail(s, true);
    REPLY(s, 250, "2.0.0 Forgotten");
}

static void do_noop(struct smtp *s, struct str arg)
{
    (void)arg;
    REPLY(s, 250, "2.0.0 OK");
}

static void do_quit(struct smtp *s, struct str arg)
{
    (void)arg;
    smtp_end_mail(s, true);
    smtp_reply_and_close(s, 221, STR("2.0.0 Goodbye"));
}

/* RFC 5321 3.5.3: 252 says neither yes nor no. */
static void do_vrfy(struct smtp *s, struct str arg)
{
    if (arg.len == 0)
        REPLY(s, 501, "5.5.4 VRFY whom?");
    else
        REPLY(s, 252, "2.5.2 Not looked up here; send your mail and it will be tried");
}

static void do_expn(struct smtp *s, struct str arg)
{
    (void)arg;
    REPLY(s, 502, "5.7.0 Lists are not shown");
}

/* A browser made to speak to us (a cross-protocol attack): hang up at its first word. */
static void do_foreign(struct smtp *s, struct str arg)
{
    (void)arg;
    smtp_reply_and_close(s, 554, STR("5.5.1 This is SMTP"));
}

static void do_help(struct smtp *s, struct str arg);

static const struct smtp_command_row rows[] = {
    { "HELO", do_helo, 0, 0, "", "HELO host", NULL, ROW_EMPTY },
    { "EHLO", do_ehlo, 0, 0, "", "EHLO host", NULL, ROW_EMPTY },
    { "STARTTLS", smtp_do_starttls, 0, FACT_SECURE, "TLS is already active", "STARTTLS", "STARTTLS",
      0 },
    { "AUTH", smtp_do_auth, FACT_EXTENDED, FACT_AUTHED | FACT_IN_MAIL,
      "Say EHLO first; log in once, and not inside a mail", "AUTH mechanism [response]", "AUTH",
      0 },
    { "MAIL", smtp_do_mail, FACT_GREETED, FACT_IN_MAIL, "Say HELO first; one mail at a time",
      "MAIL FROM:<address> [parameters]", NULL, ROW_UTF8 },
    { "RCPT", smtp_do_rcpt, FACT_IN_MAIL, FACT_CHUNKS, "Need MAIL first, and no BDAT yet",
      "RCPT TO:<address> [parameters]", NULL, ROW_UTF8 },
    { "DATA", smtp_do_data, FACT_IN_MAIL | FACT_HAS_RCPT, FACT_CHUNKS,
      "Need MAIL and an accepted RCPT first, and no BDAT", "DATA", NULL, 0 },
    /* What BDAT needs it checks itself: its octets come whether it is refused or not. */
    { "BDAT", smtp_do_bdat, 0, 0, "", "BDAT size [LAST]", "CHUNKING\nBINARYMIME", 0 },
    { "RSET", do_rset, 0, 0, "", "RSET", NULL, ROW_EMPTY },
    { "NOOP", do_noop, 0, 0, "", "NOOP", NULL, ROW_EMPTY },
    { "VRFY", do_vrfy, 0, 0, "", "VRFY word", NULL, ROW_EMPTY | ROW_UTF8 },
    { "EXPN", do_expn, 0, 0, "", NULL, NULL, ROW_EMPTY | ROW_UTF8 },
    { "HELP", do_help, 0, 0, "", "HELP", "HELP", ROW_EMPTY },
    { "QUIT", do_quit, 0, 0, "", "QUIT", NULL, 0 },
    { "GET", do_foreign, 0, 0, "", NULL, NULL, 0 },
    { "POST", do_foreign, 0, 0, "", NULL, NULL, 0 },
    { "CONNECT", do_foreign, 0, 0, "", NULL, NULL, 0 },
};

const struct smtp_command_row *smtp_command_rows(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(rows);
    return rows;
}

/* Lines of one multi-line reply are collected first, since the last one looks different. */
struct reply_lines {
    struct arena *mem;
    struct str text;
};

static void add_line(struct reply_lines *lines, struct str line)
{
    lines->text = arena_join(lines->mem, lines->text, STR("\n"));
    lines->text = arena_join(lines->mem, lines->text, line);
}

static void do_help(struct smtp *s, struct str arg)
{
    SCRATCH(tmp, NULL);
    struct reply_lines lines = { tmp, STR("2.0.0 You may say:") };

    (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].usage != NULL)
            add_line(&lines, str_from_z(rows[i].usage));
    smtp_reply(s, 214, lines.text);
}

/* STARTTLS and AUTH are offered only where they would be accepted, so that nobody sends a password
 * in the clear because we asked for it (RFC 4954 4). */
static bool is_offered(const struct smtp *s, const struct smtp_command_row *row)
{
    if ((s->facts & row->forbid) != 0)
        return false;
    if (row->run == smtp_do_starttls)
        return s->options->tls_offered;
    if (row->run == smtp_do_auth)
        return s->options->auth_offered && (s->facts & (FACT_SECURE | FACT_PLAIN_AUTH)) != 0;
    return true;
}

/* RFC 1870 3, RFC 9422 (whose text was not at hand). */
static void add_sizes(const struct smtp *s, struct reply_lines *lines)
{
    add_line(lines, arena_printf(lines->mem, "SIZE %llu",
                                 (unsigned long long)s->options->limits.size_max));
    add_line(lines, arena_printf(lines->mem, "LIMITS RCPTMAX=%u MAILMAX=%u",
                                 s->options->limits.rcpt_max, s->options->limits.mails_max));
}

static void add_capabilities(struct smtp *s, struct reply_lines *lines)
{
    static const struct str always[] = { STR_INIT("PIPELINING"), STR_INIT("ENHANCEDSTATUSCODES"),
                                         STR_INIT("8BITMIME"), STR_INIT("SMTPUTF8"),
                                         STR_INIT("DSN") };

    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        add_line(lines, always[i]);
    add_sizes(s, lines);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].capability == NULL || !is_offered(s, &rows[i]))
            continue;
        add_line(lines, str_from_z(rows[i].capability));
        if (rows[i].run == smtp_do_auth) {
            struct buf list = { 0 };

            sasl_add_mechanisms(&list, s->offers, STR(" "));
            lines->text = arena_join(lines->mem, lines->text, buf_str(&list));
            buf_deinit(&list);
        }
    }
}

/* The name is only kept and shown, so any word will do (RFC 5321 4.1.4: a server may check it but
 * must not refuse mail for it). */
static bool helo_ok(struct str name)
{
    return name.len > 0 && name.len <= HELO_BYTES_MAX && str_find_char(name, ' ') == STR_NOT_FOUND;
}

static void remember_helo(struct smtp *s, struct str name)
{
    char *copy = malloc(name.len);

    BUG_ON(copy == NULL);
    memcpy(copy, name.at, name.len);
    free((char *)(uintptr_t)s->helo.at);
    s->helo = str_from(copy, name.len);
}

/* A greeting also ends an open transaction, as RSET would (RFC 5321 4.1.4). */
static void do_hello(struct smtp *s, struct str arg, bool extended)
{
    SCRATCH(tmp, NULL);
    struct reply_lines lines = { tmp, s->options->host };

    if (!helo_ok(arg)) {
        REPLY(s, 501, "5.5.4 Say your host name behind it");
        return;
    }
    remember_helo(s, arg);
    smtp_end_mail(s, true);
    s->facts &= ~(uint32_t)FACT_EXTENDED;
    s->facts |= FACT_GREETED;
    if (extended)
        add_capabilities(s, &lines);
    smtp_reply(s, 250, lines.text); /* without a code: RFC 2034 4 */
    if (extended)
        s->facts |= FACT_EXTENDED;
}

static bool has_control(struct str line)
{
    for (size_t i = 0; i < line.len; i++)
        if ((unsigned char)line.at[i] < ' ' || line.at[i] == 0x7F)
            return true;
    return false;
}

static void run_row(struct smtp *s, const struct smtp_command_row *row, struct str line,
                    struct str arg)
{
    SCRATCH(tmp, NULL);

    if (line.len > s->options->limits.line_max && row->run != smtp_do_auth)
        REPLY(s, 500, "5.5.6 Line too long");
    else if (!utf8_is_ascii(line) && (row->flags & ROW_UTF8) == 0)
        REPLY(s, 500, "5.5.2 Only ASCII is possible here");
    else if ((s->facts & row->need) != row->need || (s->facts & row->forbid) != 0)
        smtp_reply(s, 503, arena_printf(tmp, "5.5.1 %s", row->refusal));
    else
        row->run(s, arg);
    if ((row->flags & ROW_EMPTY) != 0)
        s->empty++;
}

/* Blanks at the end are forgiven (RFC 5321 4.1.1), upper and lower case are the same. */
void smtp_command(struct smtp *s, struct str line)
{
    struct str arg = str_trim(line);
    struct str verb = str_split(&arg, ' ');

    arg = str_trim(arg);
    if (has_control(str_trim(line)) || !utf8_valid(line)) {
        REPLY(s, 500, "5.5.2 Commands are printable text");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq_nocase(verb, str_from_z(rows[i].verb))) {
            run_row(s, &rows[i], line, arg);
            return;
        }
    REPLY(s, 500, "5.5.1 Unknown command; HELP lists them");
}
