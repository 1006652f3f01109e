/* proto/imap/parse/parse_session.c - arguments of the commands about the session and about
 * mailboxes as a whole. Every reader starts behind the verb. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/command.h"

IMAP_ARGS_FN(none)
{
    (void)c;
    (void)s; /* command_args refuses whatever stands behind the verb */
}

/* id_params_list = "(" [string SP nstring *(SP string SP nstring)] ")" / nil (RFC 2971 3.3). */
IMAP_ARGS_FN(id)
{
    uint32_t max = s->limits->list_max;
    bool nil;

    scan_space(s);
    if (scan_word(s, STR("NIL")))
        return;
    scan_char(s, '(');
    if (scan_try(s, ')'))
        return;
    c->id.pairs.at = ARENA_ARRAY(s->mem, struct str, max * 2U);
    do {
        if (c->id.pairs.count == max * 2U) {
            scan_fail(s, "Too many ID fields");
            return;
        }
        c->id.pairs.at[c->id.pairs.count++] = scan_string(s);
        scan_space(s);
        c->id.pairs.at[c->id.pairs.count++] = scan_nstring(s, &nil);
    } while (scan_try(s, ' '));
    scan_char(s, ')');
}

/* authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")] (RFC 4959 4). */
IMAP_ARGS_FN(authenticate)
{
    scan_space(s);
    c->authenticate.mechanism = scan_atom(s);
    c->authenticate.has_initial = scan_try(s, ' ');
    if (!c->authenticate.has_initial)
        return;
    c->authenticate.initial = scan_atom(s);
    if (str_eq(c->authenticate.initial, STR("=")))
        c->authenticate.initial = STR_EMPTY;
}

IMAP_ARGS_FN(login)
{
    scan_space(s);
    c->login.user = scan_astring(s);
    scan_space(s);
    c->login.password = scan_astring(s);
}

/* compress = "COMPRESS" SP algorithm (RFC 4978 5); "DEFLATE" is the only one. */
IMAP_ARGS_FN(compress)
{
    (void)c;
    scan_space(s);
    if (!str_eq_nocase(scan_atom(s), STR("DEFLATE")))
        scan_fail(s, "Only DEFLATE is known");
}

/* enable = "ENABLE" 1*(SP capability) (RFC 5161 4). */
IMAP_ARGS_FN(enable)
{
    uint32_t max = s->limits->list_max;

    c->enable.at = ARENA_ARRAY(s->mem, struct str, max);
    do {
        if (c->enable.count == max) {
            scan_fail(s, "Too many capabilities");
            return;
        }
        scan_space(s);
        c->enable.at[c->enable.count++] = scan_atom(s);
    } while (scan_peek(s, ' '));
}

/* "(" uidvalidity SP mod-sequence [SP known-uids] [SP "(" seqs SP uids ")"] ")" (RFC 7162 7). */
static void qresync(struct scan *s, struct imap_select_args *a)
{
    scan_space(s);
    scan_char(s, '(');
    a->qresync = true;
    a->uidvalidity = scan_nz_number(s);
    scan_space(s);
    a->modseq = scan_number64(s);
    if (scan_ok(s) && str_starts(s->rest, STR(" ")) && !str_starts(s->rest, STR(" ("))) {
        scan_space(s);
        a->known_uids = scan_sequence_set(s);
    }
    if (scan_try(s, ' ')) {
        scan_char(s, '(');
        a->match_seqs = scan_sequence_set(s);
        if (s->uid_only)
            scan_fail(s, IMAP_UID_REQUIRED);
        scan_space(s);
        a->match_uids = scan_sequence_set(s);
        scan_char(s, ')');
    }
    scan_char(s, ')');
}

/* select-params = SP "(" select-param *(SP select-param) ")" (RFC 4466 2.1). */
IMAP_ARGS_FN(select)
{
    scan_space(s);
    c->select.mailbox = scan_mailbox_written(s, &c->select.written);
    if (!scan_try(s, ' '))
        return;
    scan_char(s, '(');
    do {
        if (scan_word(s, STR("CONDSTORE")))
            c->select.condstore = true;
        else if (scan_word(s, STR("QRESYNC")) && !c->select.qresync)
            qresync(s, &c->select);
        else
            scan_fail(s, "Unknown SELECT parameter");
    } while (scan_try(s, ' '));
    scan_char(s, ')');
}

/* A trailing delimiter only announces that names will be created below (RFC 3501 6.3.3). */
static struct str without_delimiter(struct str name)
{
    if (name.len > 1 && name.at[name.len - 1] == '/')
        name.len--;
    return name;
}

/* create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")" (RFC 6154 6). */
IMAP_ARGS_FN(create)
{
    scan_space(s);
    c->create.mailbox = without_delimiter(scan_mailbox_written(s, &c->create.written));
    c->create.written = without_delimiter(c->create.written);
    if (!scan_try(s, ' '))
        return;
    scan_char(s, '(');
    if (!scan_word(s, STR("USE")))
        scan_fail(s, "Unknown CREATE parameter");
    scan_space(s);
    c->create.uses = scan_flag_list(s);
    scan_char(s, ')');
}

IMAP_ARGS_FN(mailbox)
{
    scan_space(s);
    c->mailbox = scan_mailbox(s);
}

IMAP_ARGS_FN(rename)
{
    scan_space(s);
    c->rename.from = scan_mailbox_written(s, &c->rename.from_written);
    scan_space(s);
    c->rename.to = without_delimiter(scan_mailbox_written(s, &c->rename.to_written));
    c->rename.to_written = without_delimiter(c->rename.to_written);
}
