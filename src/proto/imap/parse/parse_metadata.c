/* proto/imap/parse/parse_metadata.c - arguments of GETMETADATA and SETMETADATA. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/command.h"

_Static_assert(ENTRY_VALUE_BYTES_MAX == 8192, "IMAP_VALUE_TOO_LARGE names the limit");

/* RFC 5464 3.2: what is not a name of an annotation is BAD in any command. */
static struct str entry(struct scan *s, bool asking)
{
    struct str name = scan_astring(s);

    if (scan_ok(s) && !entry_name_normalise(s->mem, name, asking, &name))
        scan_fail(s, "That is not the name of an annotation");
    return name;
}

/* scope-opt = "DEPTH" SP ("0" / "1" / "infinity") */
static uint32_t depth(struct scan *s)
{
    scan_space(s);
    if (scan_word(s, STR("0")))
        return 0;
    if (scan_word(s, STR("1")))
        return 1;
    if (!scan_word(s, STR("INFINITY")))
        scan_fail(s, "DEPTH is 0, 1 or infinity");
    return ENTRY_DEPTH_ALL;
}

/* getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")" */
static void options(struct scan *s, struct imap_metadata_read_args *a)
{
    scan_char(s, '(');
    do {
        if (scan_word(s, STR("DEPTH"))) {
            a->depth = depth(s);
        } else if (scan_word(s, STR("MAXSIZE"))) {
            scan_space(s);
            a->max_size = scan_number(s);
        } else {
            scan_fail(s, "Unknown GETMETADATA option");
        }
    } while (scan_try(s, ' '));
    scan_char(s, ')');
}

/* Names of options begin with a letter, entries with "/", a quote or a literal. */
static bool starts_options(const struct scan *s)
{
    return scan_ok(s) && s->rest.len > 1 && s->rest.at[0] == '(' && ascii_is_alpha(s->rest.at[1]);
}

/* entries = entry / "(" entry *(SP entry) ")"; several without parentheses, as in the examples of
 * RFC 5464 4.4.1, cannot mean anything else. */
static void entries(struct scan *s, struct str_list *list)
{
    bool many = scan_try(s, '(');

    list->at = ARENA_ARRAY(s->mem, struct str, s->limits->list_max);
    do {
        if (list->count == s->limits->list_max) {
            scan_refuse(s, "[LIMIT] Too many entries");
            return;
        }
        list->at[list->count++] = entry(s, true);
    } while (scan_try(s, ' '));
    if (many)
        scan_char(s, ')');
}

/* The grammar of RFC 5464 5 has the options before the mailbox, its examples behind: both are
 * taken. */
IMAP_ARGS_FN(metadata_read)
{
    struct imap_metadata_read_args *a = &c->metadata_read;

    a->max_size = UINT64_MAX;
    scan_space(s);
    if (starts_options(s)) {
        options(s, a);
        scan_space(s);
    }
    a->mailbox = scan_mailbox(s);
    scan_space(s);
    if (starts_options(s)) {
        options(s, a);
        scan_space(s);
    }
    entries(s, &a->entries);
}

/* entry-values = "(" entry-value *(SP entry-value) ")"; value = nstring / literal8 */
IMAP_ARGS_FN(metadata_write)
{
    struct imap_metadata_write_args *a = &c->metadata_write;

    scan_space(s);
    a->mailbox = scan_mailbox(s);
    scan_space(s);
    scan_char(s, '(');
    a->at = ARENA_ARRAY(s->mem, struct imap_annotation, s->limits->list_max);
    do {
        struct imap_annotation *one = &a->at[a->count];
        bool nil = false;

        if (a->count == s->limits->list_max) {
            scan_refuse(s, "[LIMIT] Too many entries");
            return;
        }
        one->entry = entry(s, false);
        scan_space(s);
        one->value = scan_nstring8(s, &nil);
        one->exists = !nil;
        if (one->value.len > ENTRY_VALUE_BYTES_MAX)
            scan_refuse(s, IMAP_VALUE_TOO_LARGE);
        a->count++;
    } while (scan_try(s, ' '));
    scan_char(s, ')');
}
