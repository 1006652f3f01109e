/* proto/imap/reply.h - IMAP responses as octets.
 *
 * Pure. Everything is appended to a struct buf. Strings become quoted strings when they can and
 * literals otherwise; mailbox names are given in UTF-8 and written in modified UTF-7 unless the
 * client has enabled UTF8=ACCEPT. A response ends with CRLF where its name says `line`.
 * Spec: RFC 3501 7, 9; RFC 4315 3; RFC 4731 3; RFC 7162 7. Tests: reply_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_REPLY_H
#define POSTERN_PROTO_IMAP_REPLY_H

#include "message/set/uidset.h"
#include "proto/imap/parse/args.h"

/* "tag OK text": `text` begins with OK, NO or BAD and may hold a response code. */
void reply_tagged_line(struct buf *out, struct str tag, struct str text);
/* "* text" */
void reply_line(struct buf *out, struct str text);
/* "* 12 EXISTS" */
void reply_number_line(struct buf *out, uint32_t number, struct str what);

/* Quoted when it can be, else a literal; octets above 127 are quoted only with `utf8`. */
void reply_string(struct buf *out, struct str s, bool utf8);
/* An atom when it can be, else reply_string. */
void reply_astring(struct buf *out, struct str s, bool utf8);
void reply_mailbox(struct buf *out, struct str name, bool utf8);
/* "{n}" CRLF and the octets. */
void reply_literal(struct buf *out, struct str octets);

/* "* LIST (attributes) "/" name" without its end: extended data may follow. An empty name is the
 * root, asked for by LIST "" "". */
void reply_list_begin(struct buf *out, struct str response, struct str attributes, struct str name,
                      bool utf8);

/* "BODY[1.HEADER.FIELDS (DATE)]<0>" as it labels data in a FETCH response. */
void reply_section_label(struct buf *out, const struct imap_fetch_item *item);

/* "* n FETCH (" and, between items, a space. */
struct fetch_line {
    struct buf *out;
    bool any;
};
/* Which message a FETCH response is of: its sequence number, or after ENABLE UIDONLY its UID, and
 * then the response is called UIDFETCH (RFC 9586). */
struct fetch_number {
    uint32_t number;
    bool is_uid;
};
struct fetch_line reply_fetch_begin(struct buf *out, struct fetch_number number);
/* The name of the next item and the space behind it. */
void reply_fetch_item(struct fetch_line *line, struct str name);
void reply_fetch_end(struct fetch_line *line);

/* "* n FETCH (FLAGS (...) UID u MODSEQ (m))" in one piece; uid or modseq 0 are left out. */
void reply_flags_line(struct buf *out, struct fetch_number number, struct str flags, uint32_t uid,
                      uint64_t modseq);

/* "[COPYUID 38505 304,319:320 3956:3958]" (RFC 4315 3). */
void reply_copyuid(struct buf *out, uint32_t uidvalidity, const struct uidset *source,
                   const struct uidset *target);

#endif
