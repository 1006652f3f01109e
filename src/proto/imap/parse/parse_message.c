/* proto/imap/parse/parse_message.c - arguments of APPEND, STORE, COPY, MOVE and EXPUNGE. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/command.h"

/* Flags as a client may set them: \Recent belongs to the server (RFC 3501 2.3.2), and a backslash
 * flag that nobody has defined cannot be kept. */
static struct flag_names settable_flags(struct scan *s, struct str_list list)
{
    struct flag_names names = { 0 };
    struct str *keywords = ARENA_ARRAY(s->mem, struct str, list.count);

    names.keywords = keywords;
    for (uint32_t i = 0; i < list.count; i++) {
        uint64_t bit = flag_bit_find(list.at[i]);

        if (bit == FLAG_RECENT)
            scan_fail(s, "Only the server sets \\Recent");
        else if (bit != 0)
            names.bits |= bit;
        else if (list.at[i].at[0] == '\\')
            scan_refuse(s, "[CANNOT] Unknown system flag");
        else if (!flag_keyword_valid(list.at[i]))
            scan_refuse(s, "[LIMIT] Keyword too long");
        else
            keywords[names.count++] = list.at[i];
    }
    return names;
}

/* True when what is left is the header of a literal and nothing more. */
static bool at_literal_header(const struct scan *s)
{
    return scan_ok(s) && (str_starts(s->rest, STR("{")) || str_starts(s->rest, STR("~{"))) &&
           str_find(s->rest, STR("}\r\n")) + 3 == s->rest.len;
}

/* append-message = [SP flag-list] [SP date-time] SP literal (RFC 3501 6.3.11, RFC 3502 6.3.11). */
bool command_append_message(struct scan *s, struct imap_append_args *ret)
{
    scan_space(s);
    if (ret->index == 0) {
        if (at_literal_header(s))
            return false;
        ret->mailbox = scan_mailbox(s);
        scan_space(s);
    }
    if (scan_peek(s, '(')) {
        ret->flags = settable_flags(s, scan_flag_list(s));
        scan_space(s);
    }
    if (scan_peek(s, '"')) {
        ret->date_s = scan_date_time(s, &ret->date_zone_min);
        ret->has_date = true;
        scan_space(s);
    }
    if (scan_ok(s) && !at_literal_header(s))
        scan_fail(s, "Expected the message as a literal");
    return scan_ok(s);
}

/* The machine takes APPEND apart as its literals come; a command that reaches this reader has
 * ended without a message. */
IMAP_ARGS_FN(append_end)
{
    (void)c;
    scan_fail(s, "APPEND needs a message as a literal");
}

/* store = "STORE" SP sequence-set [SP store-modifiers] SP store-att-flags; the flags may stand
 * without parentheses (RFC 3501 9, RFC 7162 7). */
IMAP_ARGS_FN(store)
{
    struct imap_store_args *a = &c->store;

    scan_space(s);
    a->set = scan_sequence_set(s);
    scan_space(s);
    if (scan_try(s, '(')) {
        if (!scan_word(s, STR("UNCHANGEDSINCE")))
            scan_fail(s, "Unknown STORE modifier");
        scan_space(s);
        a->unchanged_since = true;
        a->modseq = scan_number64(s);
        scan_char(s, ')');
        scan_space(s);
    }
    if (scan_try(s, '+'))
        a->mode = FLAGS_ADD;
    else if (scan_try(s, '-'))
        a->mode = FLAGS_REMOVE;
    a->silent = scan_word(s, STR("FLAGS.SILENT"));
    if (!a->silent && !scan_word(s, STR("FLAGS")))
        scan_fail(s, "STORE changes FLAGS only");
    scan_space(s);

    struct str_list list = scan_peek(s, '(') ? scan_flag_list(s) : scan_flags_bare(s);
    a->flags = settable_flags(s, list);
}

IMAP_ARGS_FN(copy)
{
    scan_space(s);
    c->copy.set = scan_sequence_set(s);
    scan_space(s);
    c->copy.mailbox = scan_mailbox(s);
}

/* Only UID EXPUNGE has an argument (RFC 4315 2.1). */
IMAP_ARGS_FN(expunge)
{
    if (!c->uid)
        return;
    scan_space(s);
    c->expunge = scan_sequence_set(s);
}
