/* proto/imap/parse/parse_fetch.c - arguments of FETCH. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/command.h"
#include "proto/imap/parse/search_grammar.h"

/* Items that are one word. BODY.PEEK and BODY[ are read by hand. */
static const struct {
    struct str word;
    enum imap_fetch_kind kind;
    bool sets_seen;
} words[] = {
    { STR_INIT("FLAGS"), FETCH_FLAGS, false },
    { STR_INIT("UID"), FETCH_UID, false },
    { STR_INIT("INTERNALDATE"), FETCH_INTERNALDATE, false },
    { STR_INIT("RFC822.SIZE"), FETCH_RFC822_SIZE, false },
    { STR_INIT("RFC822.HEADER"), FETCH_RFC822_HEADER, false },
    { STR_INIT("RFC822.TEXT"), FETCH_RFC822_TEXT, true },
    { STR_INIT("RFC822"), FETCH_RFC822, true },
    { STR_INIT("ENVELOPE"), FETCH_ENVELOPE, false },
    { STR_INIT("BODYSTRUCTURE"), FETCH_BODY_STRUCTURE_EXTENDED, false },
    { STR_INIT("MODSEQ"), FETCH_MODSEQ, false },
    { STR_INIT("EMAILID"), FETCH_EMAILID, false },
    { STR_INIT("THREADID"), FETCH_THREADID, false },
    { STR_INIT("SAVEDATE"), FETCH_SAVEDATE, false },
    { STR_INIT("PREVIEW"), FETCH_PREVIEW, false },
};

/* RFC 3501 6.4.5: macros stand alone, never in a list. */
static const struct {
    struct str word;
    uint32_t count;
    enum imap_fetch_kind kinds[5];
} macros[] = {
    { STR_INIT("ALL"), 4, { FETCH_FLAGS, FETCH_INTERNALDATE, FETCH_RFC822_SIZE, FETCH_ENVELOPE } },
    { STR_INIT("FAST"), 3, { FETCH_FLAGS, FETCH_INTERNALDATE, FETCH_RFC822_SIZE } },
    { STR_INIT("FULL"),
      5,
      { FETCH_FLAGS, FETCH_INTERNALDATE, FETCH_RFC822_SIZE, FETCH_ENVELOPE,
        FETCH_BODY_STRUCTURE } },
};

static const struct {
    struct str word;
    enum section_kind kind;
} section_texts[] = {
    { STR_INIT("HEADER.FIELDS.NOT"), SECTION_HEADER_FIELDS_NOT },
    { STR_INIT("HEADER.FIELDS"), SECTION_HEADER_FIELDS },
    { STR_INIT("HEADER"), SECTION_HEADER },
    { STR_INIT("TEXT"), SECTION_TEXT },
    { STR_INIT("MIME"), SECTION_MIME },
};

/* section-text; MIME needs a part that it is the header of. */
static void section_text(struct scan *s, struct section *section, struct str_list *fields)
{
    for (size_t i = 0; i < ARRAY_LEN(section_texts); i++) {
        if (!scan_word(s, section_texts[i].word))
            continue;
        section->kind = section_texts[i].kind;
        if (section->kind == SECTION_MIME && section->path_len == 0)
            scan_fail(s, "MIME needs a part number");
        if (section->kind == SECTION_HEADER_FIELDS || section->kind == SECTION_HEADER_FIELDS_NOT) {
            scan_space(s);
            *fields = scan_astring_list(s);
        }
        return;
    }
    scan_fail(s, "Unknown section");
}

/* section-part = nz-number *("." nz-number), then perhaps "." section-text. */
static void section_part(struct scan *s, struct section *section, struct str_list *fields)
{
    for (;;) {
        if (section->path_len == ARRAY_LEN(section->path)) {
            scan_fail(s, "Section too deep");
            return;
        }
        section->path[section->path_len++] = scan_nz_number(s);
        if (!scan_try(s, '.'))
            return;
        if (scan_at_end(s) || !ascii_is_digit(s->rest.at[0])) {
            section_text(s, section, fields);
            return;
        }
    }
}

void scan_section(struct scan *s, struct section *ret, struct str_list *ret_fields)
{
    if (scan_at_end(s) || scan_peek(s, ']'))
        return;
    if (ascii_is_digit(s->rest.at[0]))
        section_part(s, ret, ret_fields);
    else
        section_text(s, ret, ret_fields);
}

/* section = "[" [section-spec] "]", then ["<" number64 "." nz-number64 ">"] (RFC 9051 9). */
static void section(struct scan *s, struct imap_fetch_item *item)
{
    struct section *spec = ARENA_NEW(s->mem, struct section);

    item->section = spec;
    scan_char(s, '[');
    scan_section(s, spec, &item->fields);
    scan_char(s, ']');
    if (!scan_try(s, '<'))
        return;
    item->has_partial = true;
    item->partial_from = scan_number64(s);
    scan_char(s, '.');
    item->partial_count = scan_number64(s);
    if (scan_ok(s) && item->partial_count == 0)
        scan_fail(s, "Zero is not allowed here");
    scan_char(s, '>');
}

/* "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary (RFC 3516 7). */
static bool binary(struct scan *s, struct imap_fetch_item *item)
{
    bool peek = scan_word(s, STR("BINARY.PEEK")), size = scan_word(s, STR("BINARY.SIZE"));

    if (!peek && !size && !scan_word(s, STR("BINARY")))
        return false;
    item->kind = size ? FETCH_BINARY_SIZE : FETCH_BINARY;
    item->sets_seen = !peek && !size;
    section(s, item);
    if (scan_ok(s) && item->section->kind != SECTION_ALL)
        scan_fail(s, "BINARY takes a part number, or nothing");
    if (scan_ok(s) && size && item->has_partial)
        scan_fail(s, "BINARY.SIZE is that of the whole part");
    return true;
}

/* "PREVIEW" [SP "(" "LAZY" ")"]: previews are stored, so a lazy one costs the same (RFC 8970 3.2).
 */
static void preview_modifiers(struct scan *s)
{
    if (!scan_ok(s) || !str_starts_nocase(s->rest, STR(" (LAZY)")))
        return;
    s->rest = str_skip(s->rest, 7);
}

static void fetch_att(struct scan *s, struct imap_fetch_item *item)
{
    bool peek = scan_word(s, STR("BODY.PEEK"));

    if (peek || scan_word(s, STR("BODY"))) {
        item->kind = peek || scan_peek(s, '[') ? FETCH_SECTION : FETCH_BODY_STRUCTURE;
        item->sets_seen = item->kind == FETCH_SECTION && !peek;
        if (item->kind == FETCH_SECTION)
            section(s, item);
        return;
    }
    if (binary(s, item))
        return;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (scan_word(s, words[i].word)) {
            item->kind = words[i].kind;
            item->sets_seen = words[i].sets_seen;
            if (item->kind == FETCH_PREVIEW)
                preview_modifiers(s);
            return;
        }
    scan_fail(s, "Unknown FETCH item");
}

static bool macro(struct scan *s, struct imap_fetch_args *a)
{
    for (size_t i = 0; i < ARRAY_LEN(macros); i++) {
        if (!scan_word(s, macros[i].word))
            continue;
        for (uint32_t k = 0; k < macros[i].count; k++)
            a->items[a->item_count++].kind = macros[i].kinds[k];
        return true;
    }
    return false;
}

static void fetch_att_list(struct scan *s, struct imap_fetch_args *a)
{
    bool many = scan_try(s, '(');

    do {
        if (a->item_count == s->limits->list_max) {
            scan_refuse(s, "[LIMIT] Too many FETCH items");
            return;
        }
        fetch_att(s, &a->items[a->item_count++]);
    } while (many && scan_try(s, ' '));
    if (many)
        scan_char(s, ')');
}

void scan_fetch_items(struct scan *s, struct imap_fetch_args *a)
{
    a->items = ARENA_ARRAY(s->mem, struct imap_fetch_item, s->limits->list_max);
    fetch_att_list(s, a);
}

/* fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")" (RFC 4466 2.4). */
static void fetch_modifiers(struct scan *s, struct imap_fetch_args *a, bool uid)
{
    scan_char(s, '(');
    do {
        if (scan_word(s, STR("CHANGEDSINCE"))) {
            scan_space(s);
            a->changed_since = true;
            a->modseq = scan_number64(s);
        } else if (scan_word(s, STR("VANISHED"))) {
            a->vanished = true;
        } else if (uid && scan_word(s, STR("PARTIAL"))) {
            scan_space(s);
            a->has_partial = true;
            a->partial = scan_partial_range(s);
        } else {
            scan_fail(s, "Unknown FETCH modifier");
        }
    } while (scan_try(s, ' '));
    scan_char(s, ')');
    if (a->vanished && (!a->changed_since || !uid))
        scan_fail(s, "VANISHED needs UID FETCH and CHANGEDSINCE");
}

static bool has_kind(const struct imap_fetch_args *a, enum imap_fetch_kind kind)
{
    for (uint32_t i = 0; i < a->item_count; i++)
        if (a->items[i].kind == kind)
            return true;
    return false;
}

IMAP_ARGS_FN(fetch)
{
    enum { ROOM_IMPLIED = 8 }; /* a macro's five items, UID and MODSEQ */
    struct imap_fetch_args *a = &c->fetch;

    scan_space(s);
    a->set = scan_sequence_set(s);
    scan_space(s);
    a->items = ARENA_ARRAY(s->mem, struct imap_fetch_item, s->limits->list_max + ROOM_IMPLIED);
    if (!macro(s, a))
        fetch_att_list(s, a);
    if (scan_try(s, ' '))
        fetch_modifiers(s, a, c->uid);

    /* UID FETCH always answers with UID (RFC 3501 6.4.8), with UIDONLY in front; CHANGEDSINCE with
     * MODSEQ (RFC 7162). */
    if (c->uid && !s->uid_only && !has_kind(a, FETCH_UID))
        a->items[a->item_count++].kind = FETCH_UID;
    if (a->changed_since && !has_kind(a, FETCH_MODSEQ))
        a->items[a->item_count++].kind = FETCH_MODSEQ;
}
