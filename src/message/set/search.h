/* message/set/search.h - what a SEARCH asks, as a program that travels from gate to keeper.
 *
 * Pure. A program is a tree of keys in prefix order, built key by key (IMAP's parser, JMAP, Sieve),
 * encoded into a request, decoded by the other side, and matched against one message after the
 * other. Matching asks for no more than it needs: without the meta data or the octets of a message
 * search_match answers what is missing, unless the cheap keys have settled the matter; the caller
 * fetches that and calls again. So a search for flags never touches a table and one for dates never
 * a body.
 * A program and its strings live in the arena it was built in or decoded into. Texts are UTF-8;
 * they match as substrings without case (full Unicode folding) in decoded text: encoded words,
 * transfer encodings and charsets undone.
 * A fuzzy text is words instead: all of them must be there, in any form (message/words/fuzzy.h).
 * One without words, and HEADER, are exact all the same. Sequence numbers are turned into UIDs
 * before. Errors: ERR_LIMIT past the limits below, ERR_STATE for a tree that is not complete,
 * ERR_CORRUPT for bad octets. Spec: RFC 3501 6.4.4; RFC 5032 (OLDER, YOUNGER); RFC 7162 3.1.5
 * (MODSEQ); RFC 8474 5.3 (EMAILID, THREADID); RFC 8514 4.2 (SAVED*); RFC 6203 (FUZZY). Tests:
 * search_test.c. Fuzz: search_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_SEARCH_H
#define POSTERN_MESSAGE_SEARCH_H

#include "message/record/record.h"
#include "message/set/flags.h"
#include "message/set/uidset.h"
#include "message/words/fuzzy.h"

enum {
    SEARCH_KEYS_MAX = 2000,       /* keys of one program, all levels together */
    SEARCH_DEPTH_MAX = 50,        /* AND, OR and NOT inside each other */
    SEARCH_TEXT_BYTES_MAX = 8192, /* one string */
    SEARCH_RANGES_MAX = 100000    /* ranges of one UID set */
};

enum search_operand {
    SEARCH_WITH_NOTHING,
    SEARCH_WITH_KEYS,   /* AND and OR: any number; NOT: one */
    SEARCH_WITH_NUMBER, /* octets, seconds, a modseq, flag bits */
    SEARCH_WITH_DAY,    /* days since 1970-01-01, may be negative */
    SEARCH_WITH_WORD,   /* a keyword, an object id: compared as a whole */
    SEARCH_WITH_TEXT,   /* a substring */
    SEARCH_WITH_FIELD,  /* a field's name and a substring */
    SEARCH_WITH_UIDS
};

/* key, operand. Rows stand in the order of what answering them costs: from HEADER on the octets are
 * read, from LARGER on the meta data. The numbers travel between roles of one build only. What IMAP
 * has beyond these is written with them: UNSEEN is NOT(FLAG seen), NEW is AND(FLAG recent, NOT(FLAG
 * seen)), OLD is NOT(FLAG recent), SAVEDATESUPPORTED is ALL. FLAG matches when all its bits are
 * set; MODSEQ and SINCE are ">=", LARGER is ">", SMALLER and BEFORE are "<", as in the RFCs. */
#define SEARCH_ROWS(ROW)                                                                           \
    ROW(ALL, NOTHING)                                                                              \
    ROW(AND, KEYS)                                                                                 \
    ROW(OR, KEYS)                                                                                  \
    ROW(NOT, KEYS)                                                                                 \
    ROW(FLAG, NUMBER)                                                                              \
    ROW(KEYWORD, WORD)                                                                             \
    ROW(UIDS, UIDS)                                                                                \
    ROW(MODSEQ, NUMBER)                                                                            \
    ROW(LARGER, NUMBER)                                                                            \
    ROW(SMALLER, NUMBER)                                                                           \
    ROW(BEFORE, DAY)                                                                               \
    ROW(ON, DAY)                                                                                   \
    ROW(SINCE, DAY)                                                                                \
    ROW(OLDER, NUMBER)                                                                             \
    ROW(YOUNGER, NUMBER)                                                                           \
    ROW(SAVED_BEFORE, DAY)                                                                         \
    ROW(SAVED_ON, DAY)                                                                             \
    ROW(SAVED_SINCE, DAY)                                                                          \
    ROW(EMAIL_ID, WORD)                                                                            \
    ROW(THREAD_ID, WORD)                                                                           \
    ROW(SENT_BEFORE, DAY)                                                                          \
    ROW(SENT_ON, DAY)                                                                              \
    ROW(SENT_SINCE, DAY)                                                                           \
    ROW(FROM, TEXT)                                                                                \
    ROW(TO, TEXT)                                                                                  \
    ROW(CC, TEXT)                                                                                  \
    ROW(BCC, TEXT)                                                                                 \
    ROW(SUBJECT, TEXT)                                                                             \
    ROW(HEADER, FIELD)                                                                             \
    ROW(BODY, TEXT)                                                                                \
    ROW(TEXT, TEXT)

#define SEARCH_ENUM(name, operand) SEARCH_##name,
enum search_key { SEARCH_ROWS(SEARCH_ENUM) SEARCH_KEY_COUNT };
#undef SEARCH_ENUM

enum search_operand search_operand_of(enum search_key key);

struct search_node {
    enum search_key key;
    uint32_t span; /* nodes of this subtree, itself included */
    uint64_t number;
    int64_t day;
    bool fuzzy;         /* words to be found as people mean them (RFC 6203), not a substring */
    struct str text;    /* folded when it is a substring */
    struct str field;   /* SEARCH_HEADER: the field's name */
    struct uidset uids; /* in the arena: never uidset_deinit it */
};

struct search {
    struct search_node *nodes;
    uint32_t count;
};

/* Builds in prefix order. The first error is kept and the rest is ignored; search_finish tells it.
 * Keys at the top level are joined by AND. */
struct search_builder {
    struct arena *mem;
    struct search_node *nodes;
    uint32_t count, cap;
    uint32_t open[SEARCH_DEPTH_MAX + 1];
    uint32_t height;
    bool fuzzy; /* texts that are added now are; set and cleared by the caller */
    enum err bad;
};

void search_begin(struct search_builder *b, struct arena *mem);
void search_open(struct search_builder *b, enum search_key key); /* AND, OR, NOT */
void search_close(struct search_builder *b);
void search_add(struct search_builder *b, enum search_key key); /* ALL */
void search_add_number(struct search_builder *b, enum search_key key, uint64_t number);
void search_add_day(struct search_builder *b, enum search_key key, int64_t day);
/* A keyword, an id, or a substring; copied into the arena. */
void search_add_text(struct search_builder *b, enum search_key key, struct str text);
void search_add_header(struct search_builder *b, struct str field, struct str text);
void search_add_uids(struct search_builder *b, const struct uidset *uids);
MUST_USE enum err search_finish(struct search_builder *b, struct search *ret);

void search_encode(const struct search *s, struct buf *out);
/* Takes one program off the reader. */
MUST_USE enum err search_decode(struct arena *mem, struct reader *r, struct search *ret);

/* Turns KEYWORD keys into FLAG keys for a mailbox whose keywords these are. Call it before matching
 * there; a keyword that the mailbox lacks matches nothing. */
void search_bind_keywords(struct search *s, const struct keyword_list *keywords);

struct search_meta {
    uint64_t size_bytes;
    int64_t internal_date_s;
    int16_t internal_zone_min; /* the day of BEFORE, ON, SINCE is counted in this zone */
    int64_t save_date_s;
    struct str email_id, thread_id;
    struct record record;
};

struct search_facts {
    uint32_t uid;
    uint64_t flags; /* message/set/flags.h, FLAG_RECENT included */
    uint64_t modseq;
    int64_t now_s;
    const struct search_meta *meta; /* null: not at hand */
    struct str message;             /* all octets; null `at`: not at hand */
    struct stems *stems;            /* for fuzzy keys (message/words/stems.h); null: none */
};

enum search_verdict {
    SEARCH_NO,
    SEARCH_YES,
    SEARCH_NEEDS_META,   /* call again with meta */
    SEARCH_NEEDS_MESSAGE /* call again with meta and message */
};

/* Temporaries die before it returns. With everything at hand the answer is YES or NO. */
MUST_USE enum search_verdict search_match(const struct search *s, const struct search_facts *facts);

/* 1 to 100: how well a message that matches fits the best of the fuzzy keys; 0: there is none, or
 * what it needs is not at hand. */
unsigned search_score(const struct search *s, const struct search_facts *facts);

/* True for a key whose words are compared as people mean them. */
bool search_is_fuzzy(const struct search_node *n);

/* The texts (message/words/texts.h, as bits of classes) that a key with a substring looks into. */
unsigned search_texts_of(enum search_key key);

/* True when some key may need the octets of messages (HEADER, BODY, TEXT): worth an index. */
bool search_needs_messages(const struct search *s);

#endif
