/* message/set/flags.h - what a reader has marked on a message: system flags and keywords.
 *
 * Pure (memory only). All flags of a message in a mailbox are one 64-bit word: bits 0..4 are the
 * system flags of RFC 3501 2.3.2, bit 5 is \Recent (a fact of a session, never stored), bits 8..15
 * are the registered keywords that servers and clients use among themselves (RFC 5788 registry),
 * and from bit 16 on stand the keywords of the mailbox, in the order of its keyword list. Names are
 * compared without case and kept as first written.
 * A keyword list owns heap memory; zero-initialise and end it with keyword_list_deinit.
 * Errors: ERR_SYNTAX (not a flag), ERR_UNSUPPORTED (a backslash flag nobody knows, \Recent, which
 * only the server sets), ERR_LIMIT. Spec: RFC 3501 2.3.2, 9 (flag), RFC 5788.
 * Tests: flags_test.c. Fuzz: flags_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_FLAGS_H
#define POSTERN_MESSAGE_FLAGS_H

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"

/* name, bit, text. The bits are stored: never renumber. */
#define FLAG_ROWS(ROW)                                                                             \
    ROW(SEEN, 0, "\\Seen")                                                                         \
    ROW(ANSWERED, 1, "\\Answered")                                                                 \
    ROW(FLAGGED, 2, "\\Flagged")                                                                   \
    ROW(DELETED, 3, "\\Deleted")                                                                   \
    ROW(DRAFT, 4, "\\Draft")                                                                       \
    ROW(RECENT, 5, "\\Recent")                                                                     \
    ROW(FORWARDED, 8, "$Forwarded")                                                                \
    ROW(MDN_SENT, 9, "$MDNSent")                                                                   \
    ROW(JUNK, 10, "$Junk")                                                                         \
    ROW(NOT_JUNK, 11, "$NotJunk")                                                                  \
    ROW(PHISHING, 12, "$Phishing")                                                                 \
    ROW(IMPORTANT, 13, "$Important")                                                               \
    ROW(SUBMIT_PENDING, 14, "$SubmitPending")                                                      \
    ROW(SUBMITTED, 15, "$Submitted")

#define FLAG_ENUM(name, bit, text) FLAG_##name = 1u << (bit),
enum flag { FLAG_ROWS(FLAG_ENUM) };
#undef FLAG_ENUM

#define FLAGS_SYSTEM 0x1fu  /* what STORE may change and PERMANENTFLAGS lists, \Recent aside */
#define FLAGS_KNOWN 0xff1fu /* all fixed bits that may be stored */
#define KEYWORD_FIRST_BIT 16u
#define KEYWORDS_MAX 48u       /* keywords of its own in one mailbox */
#define KEYWORD_BYTES_MAX 128u /* octets of a keyword's name */
#define FLAG_NAMES_MAX 128u    /* flags in one list of one command */

/* Flags as a client names them, before the mailbox's list gives its keywords their bits. */
struct flag_names {
    uint64_t bits; /* fixed bits alone */
    const struct str *keywords;
    uint32_t count;
};

/* True for 1..KEYWORD_BYTES_MAX octets of ATOM-CHAR. */
bool flag_keyword_valid(struct str name);

/* The fixed bit of a name like "\Seen" or "$Junk", \Recent too; 0 when it has none. */
uint64_t flag_bit_find(struct str name);

/* Reads "(\Seen $Junk work)", or the same without the parentheses; "()" and "" are the empty list.
 * Duplicates are folded. The keyword names point into `text`; their array is in `mem`. */
MUST_USE enum err flag_names_parse(struct arena *mem, struct str text, struct flag_names *ret);

/* Octets: varint bits, varint count, strings. Decoded names point into the reader's octets. */
void flag_names_encode(const struct flag_names *f, struct buf *out);
MUST_USE enum err flag_names_decode(struct arena *mem, struct reader *r, struct flag_names *ret);

/* The keywords of one mailbox. Indexes are stable: a name is never removed or moved. */
struct keyword_list {
    struct str names[KEYWORDS_MAX];
    uint32_t count;
};

void keyword_list_deinit(struct keyword_list *k);

/* The bit of a keyword, fixed or of this mailbox; 0 when the mailbox does not know it. */
uint64_t keyword_bit_find(const struct keyword_list *k, struct str name);
/* The same, adding the name when it is new. ERR_SYNTAX, ERR_LIMIT (the list is full). */
MUST_USE enum err keyword_bit_add(struct keyword_list *k, struct str name, uint64_t *ret);

/* Turns names into bits. `flags_resolve` leaves out keywords that the list lacks (for removing and
 * searching); `flags_resolve_add` adds them, all or none. */
uint64_t flags_resolve(const struct keyword_list *k, const struct flag_names *names);
MUST_USE enum err flags_resolve_add(struct keyword_list *k, const struct flag_names *names,
                                    uint64_t *ret);

/* Appends "(\Seen $Junk work)". A bit without a name is left out. `k` may be null. */
void flags_format(uint64_t bits, const struct keyword_list *k, struct buf *out);
/* The name of one bit, "" when it has none. Lives as long as the list. */
struct str flag_name(uint64_t bit, const struct keyword_list *k);

/* Octets: varint count, strings. Decoding replaces *ret on success only, with copies. */
void keyword_list_encode(const struct keyword_list *k, struct buf *out);
MUST_USE enum err keyword_list_decode(struct reader *r, struct keyword_list *ret);

#endif
