/* message/words/texts.h - the texts of a message that people search in, by what they are.
 *
 * Pure. The one place that says what a search looks at: SEARCH compares with these texts, and the
 * index takes its words from them, so that the two never differ. A text is UTF-8, decoded (encoded
 * words, transfer encodings, charsets, RFC 2231) and not yet folded; it lives until visit returns.
 * What cannot be decoded is given as it is. text/html is given twice: as its reader sees it
 * (html_text.h) and, as MARKUP, as it is written; every other text part once. A record that could
 * not be opened has no texts.
 * A part is decoded in memory; part bodies past TEXTS_PART_BYTES_MAX are cut there, for all alike.
 * Spec: RFC 3501 6.4.4, RFC 2045-2047, RFC 2183 2.3. Tests: texts_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_TEXTS_H
#define POSTERN_MESSAGE_TEXTS_H

#include "message/record/record.h"

#define TEXTS_PART_BYTES_MAX ((size_t)256 * 1024 * 1024)

/* class, its letter in the index. The first five are read off the record alone. HEADER has all
 * fields of the message, those of the five before it too, as they are written. */
#define TEXT_CLASSES(ROW)                                                                          \
    ROW(SUBJECT, 'S') /* the subject */                                                            \
    ROW(FROM, 'F')    /* each address as "name <local@domain>" */                                  \
    ROW(TO, 'T')                                                                                   \
    ROW(CC, 'C')                                                                                   \
    ROW(BCC, 'B')                                                                                  \
    ROW(HEADER, 'H')   /* each field of the message's header */                                    \
    ROW(MIME, 'M')     /* each field of the headers of parts and messages inside */                \
    ROW(FILENAME, 'N') /* the name of an attachment */                                             \
    ROW(BODY, 'X')     /* each text part */                                                        \
    ROW(MARKUP, 'R')   /* each HTML part with its tags */

#define TEXT_CLASS_ENUM(name, letter) TEXT_##name,
enum text_class { TEXT_CLASSES(TEXT_CLASS_ENUM) TEXT_CLASS_COUNT };
#undef TEXT_CLASS_ENUM

char text_class_letter(enum text_class c);

/* Sets of classes, as bits. */
#define TEXT_BIT(name) (1u << TEXT_##name)
#define TEXTS_IN_BODY                                                                              \
    (TEXT_BIT(MIME) | TEXT_BIT(FILENAME) | TEXT_BIT(BODY) | TEXT_BIT(MARKUP)) /* IMAP's BODY */
#define TEXTS_IN_MESSAGE (TEXT_BIT(HEADER) | TEXTS_IN_BODY)                   /* IMAP's TEXT */
#define TEXTS_OF_RECORD                                                                            \
    (TEXT_BIT(SUBJECT) | TEXT_BIT(FROM) | TEXT_BIT(TO) | TEXT_BIT(CC) | TEXT_BIT(BCC))
#define TEXTS_ALL (TEXTS_OF_RECORD | TEXTS_IN_MESSAGE)

struct text_found {
    enum text_class class;
    struct str name; /* HEADER, MIME: the field's name, which `text` begins with, then ": " */
    struct str text;
};

/* Gives every text of the classes asked for until visit returns true; true when it did. `message`
 * may be empty when only classes of the record are asked for. */
bool texts_each(const struct record *r, struct str message, unsigned classes,
                bool (*visit)(void *ctx, const struct text_found *t), void *ctx);

/* What follows "name: " in a text of HEADER or MIME. */
static inline struct str text_value(const struct text_found *t)
{
    return t->name.len == 0 ? t->text : str_skip(t->text, t->name.len + 2);
}

#endif
