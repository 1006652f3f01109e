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

/* ---- APPEND and REPLACE ---- */

/* True when what is left is the header of a literal and nothing more. */
static bool at_literal_header(const struct scan *s)
{
    return scan_ok(s) && (str_starts(s->rest, STR("{")) || str_starts(s->rest, STR("~{"))) &&
           str_find(s->rest, STR("}\r\n")) + 3 == s->rest.len;
}

static bool at_line_end(const struct scan *s)
{
    return scan_ok(s) && str_eq(s->rest, STR("\r\n"));
}

static enum append_piece bad_piece(struct scan *s, const char *error)
{
    scan_fail(s, error);
    return APPEND_BAD;
}

/* The octets of the message, or of a part of it, come next. */
static enum append_piece octets_next(struct scan *s, enum append_place then,
                                     enum append_place *place, struct imap_append_args *ret)
{
    if (!at_literal_header(s))
        return bad_piece(s, "Expected the message as a literal");
    ret->binary = scan_peek(s, '~');
    ret->is_url = false;
    *place = then;
    s->rest = str_skip(s->rest, s->rest.len);
    return APPEND_LITERAL;
}

/* The text of an APPEND goes as its messages come; what is read of it is copied. */
static struct flag_names flags_kept(struct scan *s, struct flag_names names)
{
    struct str *keywords = ARENA_ARRAY(s->mem, struct str, names.count);

    for (uint32_t i = 0; i < names.count; i++)
        keywords[i] = arena_copy(s->mem, names.keywords[i]);
    names.keywords = keywords;
    return names;
}

/* append = "APPEND" SP mailbox 1*append-message; replace = "REPLACE" SP seq-number SP mailbox
 * append-message (RFC 8508 5). */
static enum append_piece append_mailbox(struct scan *s, const struct imap_command *c,
                                        enum append_place *place, struct imap_append_args *ret)
{
    struct str before = s->rest;

    scan_space(s);
    if (c->verb == IMAP_CMD_REPLACE) {
        ret->replaces = true;
        ret->replaced = scan_try(s, '*') ? SET_STAR : scan_nz_number(s);
        scan_space(s);
    }
    if (at_literal_header(s)) {
        s->rest = before;
        return APPEND_MORE;
    }
    ret->mailbox = arena_copy(s->mem, scan_mailbox(s));
    *place = APPEND_MESSAGE;
    return scan_ok(s) ? APPEND_DONE : APPEND_BAD;
}

/* append-message = [SP flag-list] [SP date-time] SP append-data (RFC 3501 6.3.11, RFC 3502, RFC
 * 4466 2.5): a literal, or "CATENATE" (RFC 4469 5), or "UTF8" (RFC 6855 4). */
static enum append_piece append_message(struct scan *s, enum append_place *place,
                                        struct imap_append_args *ret)
{
    if (at_line_end(s))
        return bad_piece(s, "APPEND needs a message as a literal");
    scan_space(s);
    if (scan_peek(s, '(')) {
        ret->flags = flags_kept(s, settable_flags(s, scan_flag_list(s)));
        scan_space(s);
    }
    if (scan_peek(s, '"')) {
        ret->date_s = scan_date_time(s, &ret->date_zone_min);
        ret->has_date = true;
        scan_space(s);
    }
    if (!scan_ok(s))
        return APPEND_BAD;
    if (scan_word(s, STR("CATENATE"))) {
        scan_space(s);
        scan_char(s, '(');
        ret->catenate = true;
        *place = APPEND_PART;
        return scan_ok(s) ? APPEND_DONE : APPEND_BAD;
    }
    if (scan_word(s, STR("UTF8"))) {
        scan_space(s);
        scan_char(s, '(');
        if (!s->utf8 || !scan_peek(s, '~'))
            return bad_piece(s, "UTF8 needs a literal8, and ENABLE UTF8=ACCEPT before it");
        return octets_next(s, APPEND_UTF8, place, ret);
    }
    return octets_next(s, APPEND_NEXT, place, ret);
}

/* cat-part = "TEXT" SP literal / "URL" SP astring (RFC 4469 5). */
static enum append_piece append_part(struct scan *s, enum append_place *place,
                                     struct imap_append_args *ret)
{
    struct str before = s->rest;

    if (scan_word(s, STR("TEXT"))) {
        scan_space(s);
        return octets_next(s, APPEND_PART_NEXT, place, ret);
    }
    if (!scan_word(s, STR("URL")))
        return bad_piece(s, "Expected TEXT or URL");
    scan_space(s);
    if (at_literal_header(s)) {
        s->rest = before;
        return APPEND_MORE;
    }
    ret->url = arena_copy(s->mem, scan_astring(s));
    ret->is_url = true;
    *place = APPEND_PART_NEXT;
    return scan_ok(s) ? APPEND_URL : APPEND_BAD;
}

/* Behind a part: another, or the end of the message. */
static enum append_piece append_part_next(struct scan *s, enum append_place *place,
                                          struct imap_append_args *ret)
{
    if (*place == APPEND_PART_NEXT && scan_try(s, ' ')) {
        ret->part++;
        *place = APPEND_PART;
        return APPEND_DONE;
    }
    scan_char(s, ')');
    *place = APPEND_NEXT;
    return scan_ok(s) ? APPEND_MESSAGE_END : APPEND_BAD;
}

/* Behind a message: another, or the end of the command. */
static enum append_piece append_next(struct scan *s, const struct imap_command *c,
                                     enum append_place *place, struct imap_append_args *ret)
{
    if (at_line_end(s)) {
        s->rest = str_skip(s->rest, 2);
        return APPEND_DONE;
    }
    if (c->verb != IMAP_CMD_APPEND || !scan_peek(s, ' '))
        return bad_piece(s, "Unexpected characters after the message");
    *ret = (struct imap_append_args){ .mailbox = ret->mailbox, .index = ret->index + 1 };
    *place = APPEND_MESSAGE;
    return APPEND_DONE;
}

enum append_piece command_append(struct scan *s, const struct imap_command *c,
                                 enum append_place *place, struct imap_append_args *ret)
{
    enum append_piece piece;

    /* What ends with APPEND_DONE is a step within the line, but for the end of the line itself. */
    do {
        switch (*place) {
        case APPEND_MAILBOX:
            piece = append_mailbox(s, c, place, ret);
            break;
        case APPEND_MESSAGE:
            piece = append_message(s, place, ret);
            break;
        case APPEND_PART:
            piece = append_part(s, place, ret);
            break;
        case APPEND_PART_NEXT:
        case APPEND_UTF8:
            piece = append_part_next(s, place, ret);
            break;
        default:
            piece = append_next(s, c, place, ret);
            break;
        }
    } while (piece == APPEND_DONE && *place != APPEND_NEXT);
    return scan_ok(s) ? piece : APPEND_BAD;
}

/* The machine takes these commands apart with command_append as their literals come. */
IMAP_ARGS_FN(append)
{
    enum append_place place = APPEND_MAILBOX;

    if (command_append(s, c, &place, &c->append) != APPEND_DONE)
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
