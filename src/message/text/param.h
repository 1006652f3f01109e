/* message/text/param.h - Content-Type, Content-Disposition and the parameters of both.
 *
 * Pure and tolerant: missing semicolons, blanks in unquoted values, stray comments and empty
 * parameters are read as their senders meant them. Raw values are unquoted and otherwise as sent,
 * for IMAP's BODYSTRUCTURE; param_text gives the meaning: RFC 2231 continuations joined, charset
 * converted, encoded words (which do not belong there, but come) decoded. Results point into the
 * field value or live in `mem`. The value may be folded.
 * Obeys params_max. Spec: RFC 2045 5.1, RFC 2183, RFC 2231. Tests: param_test.c. Fuzz:
 * param_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_PARAM_H
#define POSTERN_MESSAGE_PARAM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "message/limits.h"

struct param {
    struct str name;  /* as written, with any "*0*" of RFC 2231 */
    struct str value; /* unquoted */
};

struct param_list {
    struct param *at;
    size_t count;
};

struct content_type {
    struct str type, subtype; /* as written; compared without case */
    struct param_list params;
};

struct content_disposition {
    struct str type; /* "inline", "attachment", ... as written */
    struct param_list params;
};

/* Parameters from the first ";" on; ERR_LIMIT when there are more than params_max. */
MUST_USE enum err param_list_parse(struct arena *mem, const struct message_limits *limits,
                                   struct str text, struct param_list *ret);

/* The raw value of the first parameter of that name; false when there is none. */
bool param_find(const struct param_list *list, struct str name, struct str *ret);

/* The text of a parameter in UTF-8, RFC 2231 forms before the plain one; false when there is
 * none. Text in an unknown charset is taken for what its octets look like. */
bool param_text(struct arena *mem, const struct param_list *list, struct str name, struct str *ret);

/* ERR_SYNTAX when there is no type "/" subtype; the caller then knows its default (RFC 2045 5.2,
 * RFC 2046 5.1.5). ERR_LIMIT as above. */
MUST_USE enum err content_type_parse(struct arena *mem, const struct message_limits *limits,
                                     struct str value, struct content_type *ret);

/* True for that type; an empty `subtype` stands for any. */
bool content_type_is(const struct content_type *ct, struct str type, struct str subtype);

MUST_USE enum err content_disposition_parse(struct arena *mem, const struct message_limits *limits,
                                            struct str value, struct content_disposition *ret);

/* The first token of a value such as Content-Transfer-Encoding, comments skipped; may be empty. */
struct str param_token(struct str value);

/* Appends `;\r\n name=value`, a parameter on a line of its own: as token or quoted string when it
 * is ASCII and fits one line, else by RFC 2231 as UTF-8 in as many segments as it needs. Control
 * octets are written as blanks. */
void param_format(struct buf *out, struct str name, struct str value);

#endif
