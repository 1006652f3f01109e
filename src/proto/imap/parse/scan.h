/* proto/imap/parse/scan.h - the tokens of IMAP, read from one complete command.
 *
 * Pure. A struct scan is a cursor over the octets of a command, literals included. It remembers its
 * first error: after it every read returns zero or empty and moves nothing, so a grammar function
 * reads its production straight through and the caller looks at `error` once, at the end.
 * Results point into the command or, where they had to be rewritten (escapes, mailbox names), into
 * `mem`; both live until the command is done.
 * `error` is a sentence for the tagged reply; `refused` says that it is a NO (with its response
 * code in the sentence), not a BAD.
 * Spec: RFC 3501 9, RFC 7888 (literals), RFC 6855 3 (UTF-8 in quoted strings).
 * Tests: parse_test.c. Fuzz: machine_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_SCAN_H
#define POSTERN_PROTO_IMAP_SCAN_H

#include "base/arena.h"

struct scan_limits {
    uint32_t set_ranges_max;   /* ranges of one sequence-set */
    uint32_t flags_max;        /* flags of one list */
    uint32_t list_max;         /* strings of any other list: header names, ID pairs, patterns */
    uint32_t search_keys_max;  /* keys of one SEARCH, all depths together */
    uint32_t search_depth_max; /* parentheses, NOT and OR in each other */
    uint32_t name_bytes_max;   /* one mailbox name in UTF-8 */
};

struct str_list {
    struct str *at;
    uint32_t count;
};

/* A search by its name (RFC 5466), as far as the caller knows. */
struct scan_filter {
    struct str name, value; /* value: search keys */
    bool exists;
};
enum {
    FILTERS_MAX = 32,       /* different names in one command, those in other filters included */
    FILTER_NESTING_MAX = 5, /* filters in filters (RFC 5466 3.1 asks for 3); ends loops, too */
};

struct scan {
    struct arena *mem;
    const struct scan_limits *limits;
    struct str rest;   /* unread */
    const char *error; /* the first one; null while all is well */
    bool refused;
    bool uid_only; /* message numbers are not allowed (RFC 9586) */
    bool utf8;     /* UTF-8 is allowed in quoted strings and plain in mailbox names */

    const struct scan_filter *filters; /* those that are known; see imap_use_filters */
    uint32_t filter_count;
    struct str_list unknown; /* names of FILTER keys that are not among them */
    uint32_t nesting;        /* in how many filters `rest` is */
};

/* "*" is written as SET_STAR; RFC 3501 lets it stand at either end of a range. */
#define SET_STAR 0U
struct set_range {
    uint32_t first, last;
};
struct imap_set {
    struct set_range *at;
    uint32_t count;
    bool saved; /* "$": the saved search result (RFC 5182), no ranges then */
};

/* Records the first error; later ones are ignored. */
void scan_fail(struct scan *s, const char *error);
void scan_refuse(struct scan *s, const char *error);
static inline bool scan_ok(const struct scan *s)
{
    return s->error == NULL;
}

bool scan_at_end(const struct scan *s);
/* Anything left is an error. */
void scan_end(struct scan *s);
bool scan_peek(const struct scan *s, char c);
/* Takes `c` when it is next. */
bool scan_try(struct scan *s, char c);
/* Takes `c` or fails. */
void scan_char(struct scan *s, char c);
static inline void scan_space(struct scan *s)
{
    scan_char(s, ' ');
}
/* Takes the keyword when it is next, in any case, and is not the beginning of a longer atom. */
bool scan_word(struct scan *s, struct str word);

struct str scan_tag(struct scan *s);
struct str scan_atom(struct scan *s);
struct str scan_astring(struct scan *s);
struct str scan_string(struct scan *s); /* quoted or literal */
struct str scan_nstring(struct scan *s, bool *ret_nil);
struct str scan_nstring8(struct scan *s, bool *ret_nil); /* nstring / literal8 (RFC 4466 6) */
struct str scan_mailbox(struct scan *s);                 /* decoded to UTF-8, INBOX in capitals */
struct str scan_canonical_name(struct arena *mem, struct str name); /* INBOX in capitals */
/* The same as scan_mailbox, and the name without that. */
struct str scan_mailbox_written(struct scan *s, struct str *ret_written);
struct str scan_list_mailbox(struct scan *s); /* a pattern, decoded to UTF-8 */
uint32_t scan_number(struct scan *s);         /* 0 .. 2^32-1 */
uint32_t scan_nz_number(struct scan *s);      /* 1 .. 2^32-1 */
uint64_t scan_number64(struct scan *s);       /* 0 .. 2^63-1 */
struct imap_set scan_sequence_set(struct scan *s);
struct str scan_flag(struct scan *s);              /* "\Seen" or a keyword, as written */
struct str_list scan_flag_list(struct scan *s);    /* "(" [flag *(SP flag)] ")" */
struct str_list scan_flags_bare(struct scan *s);   /* flag *(SP flag) */
struct str_list scan_astring_list(struct scan *s); /* "(" astring *(SP astring) ")" */
int64_t scan_date(struct scan *s);                 /* days since 1970-01-01 */
/* Seconds since 1970 in UTC, and the zone in minutes east. */
int64_t scan_date_time(struct scan *s, int *ret_zone_min);

/* For a formatter: may `s` stand as an atom (an astring atom), or must it be quoted? */
bool scan_is_astring_atom(struct str s);

#endif
