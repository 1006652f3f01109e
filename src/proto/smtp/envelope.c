/* proto/smtp/envelope.c - MAIL and RCPT: paths, parameters, and the life of a transaction.
 *
 * Parameters are rows, too. A row's function looks at one value and returns the reply that refuses
 * it, or null. The transaction's arena comes with MAIL and goes with the transaction; a candidate
 * recipient becomes one of `rcpts` when the session accepts it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/machine.h"
#include "proto/smtp/param.h"

enum { ENVID_BYTES_MAX = 100, ORCPT_BYTES_MAX = 500 /* RFC 3461 4.4, 4.2 */ };

/* A refusal; code 0 means none. */
struct refusal {
    int code;
    const char *text;
};
#define ACCEPTED ((struct refusal){ 0, NULL })

struct parameter {
    const char *keyword;
    bool has_value;
    struct refusal (*take)(struct smtp *s, struct smtp_transaction *t, struct str value);
};

static struct refusal bad_value(void)
{
    return (struct refusal){ 501, "5.5.4 This parameter's value makes no sense" };
}

/* RFC 1870 5. Sizes of more digits than fit are too large as well. */
static struct refusal take_size(struct smtp *s, struct smtp_transaction *t, struct str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!ascii_is_digit(value.at[i]))
            return bad_value();
    if (!str_to_u64(value, s->options->limits.size_max, &t->mail.size))
        return (struct refusal){ 552, "5.3.4 Larger than the largest message taken here" };
    return ACCEPTED;
}

/* RFC 6152 2, RFC 3030 3. */
static struct refusal take_body(struct smtp *s, struct smtp_transaction *t, struct str value)
{
    static const struct str words[] = { [SMTP_7BIT] = STR_INIT("7BIT"),
                                        [SMTP_8BITMIME] = STR_INIT("8BITMIME"),
                                        [SMTP_BINARYMIME] = STR_INIT("BINARYMIME") };

    (void)s;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(value, words[i])) {
            t->mail.body = (enum smtp_body)i;
            return ACCEPTED;
        }
    return bad_value();
}

static struct refusal take_utf8(struct smtp *s, struct smtp_transaction *t, struct str value)
{
    (void)s;
    (void)value;
    t->mail.utf8 = true;
    return ACCEPTED;
}

/* RFC 4954 5: whom an earlier server had authenticated. It is checked and not believed, which that
 * section allows. */
static struct refusal take_auth(struct smtp *s, struct smtp_transaction *t, struct str value)
{
    (void)t;
    if (!s->options->auth_offered)
        return (struct refusal){ 555, "5.5.4 AUTH= is not known here" };
    return str_eq(value, STR("<>")) || xtext_valid(value) ? ACCEPTED : bad_value();
}

static struct refusal take_ret(struct smtp *s, struct smtp_transaction *t, struct str value)
{
    (void)s;
    if (str_eq_nocase(value, STR("FULL")))
        t->mail.ret = SMTP_RET_FULL;
    else if (str_eq_nocase(value, STR("HDRS")))
        t->mail.ret = SMTP_RET_HDRS;
    else
        return bad_value();
    return ACCEPTED;
}

static struct refusal take_envid(struct smtp *s, struct smtp_transaction *t, struct str value)
{
    (void)s;
    if (value.len > ENVID_BYTES_MAX || !xtext_valid(value))
        return bad_value();
    t->mail.envid = arena_copy(t->mem, value);
    return ACCEPTED;
}

/* RFC 3461 4.1: NEVER alone, or a list of the others. */
static struct refusal take_notify(struct smtp *s, struct smtp_transaction *t, struct str value)
{
    static const struct {
        struct str word;
        uint8_t bit;
    } words[] = { { STR_INIT("NEVER"), SMTP_NOTIFY_NEVER },
                  { STR_INIT("SUCCESS"), SMTP_NOTIFY_SUCCESS },
                  { STR_INIT("FAILURE"), SMTP_NOTIFY_FAILURE },
                  { STR_INIT("DELAY"), SMTP_NOTIFY_DELAY } };
    uint8_t notify = 0;

    (void)s;
    if (str_ends(value, STR(",")))
        return bad_value();
    while (value.len > 0) {
        struct str word = str_split(&value, ',');
        size_t i = 0;

        while (i < ARRAY_LEN(words) && !str_eq_nocase(word, words[i].word))
            i++;
        if (i == ARRAY_LEN(words))
            return bad_value();
        notify |= words[i].bit;
    }
    if ((notify & SMTP_NOTIFY_NEVER) != 0 && notify != SMTP_NOTIFY_NEVER)
        return bad_value();
    t->candidate->notify = notify;
    return ACCEPTED;
}

/* RFC 3461 4.2: addr-type ";" xtext. */
static struct refusal take_orcpt(struct smtp *s, struct smtp_transaction *t, struct str value)
{
    struct str address = value, type = str_split(&address, ';');

    (void)s;
    if (value.len > ORCPT_BYTES_MAX || type.len == 0 || !xtext_valid(address))
        return bad_value();
    for (size_t i = 0; i < type.len; i++)
        if (!ascii_is_alpha(type.at[i]) && !ascii_is_digit(type.at[i]) && type.at[i] != '-')
            return bad_value();
    t->candidate->orcpt = arena_copy(t->mem, value);
    return ACCEPTED;
}

static const struct parameter mail_parameters[] = {
    { "SIZE", true, take_size }, { "BODY", true, take_body }, { "SMTPUTF8", false, take_utf8 },
    { "AUTH", true, take_auth }, { "RET", true, take_ret },   { "ENVID", true, take_envid },
};

static const struct parameter rcpt_parameters[] = {
    { "NOTIFY", true, take_notify },
    { "ORCPT", true, take_orcpt },
};

/* All parameters of one command. A parameter that is given twice is refused (RFC 3461 4.5), and
 * none is possible after HELO. */
static struct refusal take_parameters(struct smtp *s, struct smtp_transaction *t, struct str rest,
                                      const struct parameter *rows, size_t count)
{
    unsigned seen = 0;
    struct esmtp_param p;
    bool end;

    for (;;) {
        size_t i = 0;

        if (esmtp_param_next(&rest, &p, &end) != OK)
            return (struct refusal){ 501, "5.5.4 Parameters look like KEYWORD=value" };
        if (end)
            return ACCEPTED;
        while (i < count && !str_eq_nocase(p.keyword, str_from_z(rows[i].keyword)))
            i++;
        if (i == count || (s->facts & FACT_EXTENDED) == 0)
            return (struct refusal){ 555, "5.5.4 Parameter not known here" };
        if ((seen & 1u << i) != 0 || p.has_value != rows[i].has_value)
            return bad_value();
        seen |= 1u << i;

        struct refusal refused = rows[i].take(s, t, p.value);
        if (refused.code != 0)
            return refused;
    }
}

static void refuse(struct smtp *s, struct refusal refused)
{
    smtp_reply(s, refused.code, str_from_z(refused.text));
}

/* "FROM:" or "TO:", and the blanks people type behind it although RFC 5321 3.3 has none. */
static bool take_word(struct str *arg, struct str word)
{
    if (!str_starts_nocase(*arg, word))
        return false;
    *arg = str_trim(str_skip(*arg, word.len));
    return true;
}

static struct smtp_transaction *new_transaction(void)
{
    struct arena *mem = arena_new(1024);
    struct smtp_transaction *t = ARENA_NEW(mem, struct smtp_transaction);

    *t = (struct smtp_transaction){ .mem = mem };
    t->rcpt_end = &t->mail.rcpts;
    return t;
}

void smtp_end_mail(struct smtp *s, bool abandon)
{
    if (s->mail == NULL)
        return;
    arena_free(s->mail->mem);
    s->mail = NULL;
    if (abandon && (s->facts & FACT_IN_MAIL) != 0)
        smtp_raise(s, SMTP_ABANDON);
    s->facts &= ~(uint32_t)FACTS_OF_MAIL;
}

static struct refusal parse_mail(struct smtp *s, struct smtp_transaction *t, struct str arg)
{
    unsigned allow = PATH_NULL | PATH_BARE | MAILBOX_UTF8;

    if (!take_word(&arg, STR("FROM:")))
        return (struct refusal){ 501, "5.5.4 Say MAIL FROM:<address>" };
    if (path_parse(t->mem, &arg, allow, &t->mail.sender) != OK || (arg.len > 0 && arg.at[0] != ' '))
        return (struct refusal){ 501, "5.1.7 That is no address; say MAIL FROM:<address>" };

    struct refusal refused =
        take_parameters(s, t, arg, mail_parameters, ARRAY_LEN(mail_parameters));
    if (refused.code == 0 && t->mail.sender.utf8 && !t->mail.utf8)
        return (struct refusal){ 553, "5.6.7 This address needs the parameter SMTPUTF8" };
    return refused;
}

void smtp_do_mail(struct smtp *s, struct str arg)
{
    if (s->options->auth_required && (s->facts & FACT_AUTHED) == 0) {
        REPLY(s, 530, "5.7.0 Log in first");
        return;
    }
    if (s->mails >= s->options->limits.mails_max) {
        smtp_reply_and_close(s, 421, STR("4.7.0 Enough for one session; connect again"));
        return;
    }
    s->mail = new_transaction();

    struct refusal refused = parse_mail(s, s->mail, arg);
    if (refused.code != 0) {
        smtp_end_mail(s, false);
        refuse(s, refused);
        return;
    }
    smtp_ask(s, SMTP_CHECK_MAIL);
}

void smtp_answer_mail(struct smtp *s, bool accepted)
{
    if (accepted)
        s->facts |= FACT_IN_MAIL;
    else
        smtp_end_mail(s, false);
}

static struct refusal parse_rcpt(struct smtp *s, struct smtp_transaction *t, struct str arg)
{
    unsigned allow = PATH_POSTMASTER | PATH_BARE | MAILBOX_UTF8;

    if (!take_word(&arg, STR("TO:")))
        return (struct refusal){ 501, "5.5.4 Say RCPT TO:<address>" };
    if (path_parse(t->mem, &arg, allow, &t->candidate->address) != OK ||
        (arg.len > 0 && arg.at[0] != ' '))
        return (struct refusal){ 501, "5.1.3 That is no address; say RCPT TO:<address>" };
    if (t->candidate->address.utf8 && !t->mail.utf8)
        return (struct refusal){ 553, "5.6.7 This address needs SMTPUTF8 in MAIL" };
    return take_parameters(s, t, arg, rcpt_parameters, ARRAY_LEN(rcpt_parameters));
}

/* What a refused recipient took of the arena is given back, so that a thousand guesses cost no
 * more memory than one. */
void smtp_do_rcpt(struct smtp *s, struct str arg)
{
    struct smtp_transaction *t = s->mail;
    struct arena_mark mark = arena_save(t->mem);

    if (t->mail.rcpt_count >= s->options->limits.rcpt_max) {
        REPLY(s, 452, "4.5.3 Too many recipients; send the rest in another mail");
        return;
    }
    t->candidate = ARENA_NEW(t->mem, struct smtp_rcpt);

    struct refusal refused = parse_rcpt(s, t, arg);
    if (refused.code != 0) {
        t->candidate = NULL;
        arena_restore(&mark);
        refuse(s, refused);
        return;
    }
    t->candidate_mark = mark;
    smtp_ask(s, SMTP_CHECK_RCPT);
}

void smtp_answer_rcpt(struct smtp *s, bool accepted)
{
    struct smtp_transaction *t = s->mail;
    struct smtp_rcpt *rcpt = t->candidate;

    t->candidate = NULL;
    if (!accepted) {
        arena_restore(&t->candidate_mark);
        return;
    }
    *t->rcpt_end = rcpt;
    t->rcpt_end = &rcpt->next;
    t->mail.rcpt_count++;
    s->facts |= FACT_HAS_RCPT;
}
