/* cli/move/mbox.h - the messages of an mbox file: where they begin and end, and what stands in them
 * that is not theirs.
 *
 * Pure (memory only). mbox_next takes the octets from a message's "From " line on, as many as are
 * there, and finds its end: the next line after an empty one that is a "From " line with a date. A
 * Content-Length is believed when behind so many octets a "From " line or the end of the file
 * stands (mboxcl, mboxcl2); then a line "From " inside is the message's own. Quoting is undone as
 * asked for: mboxrd takes one '>' from every line of '>' and "From ", mboxo from ">From " alone,
 * mboxcl2 from none.
 * mbox_open takes a message apart: the fields that mail programs keep there (Status, X-Status,
 * X-Keywords, X-UID, X-IMAP, X-IMAPbase, Content-Length) go out of it and become flags, words and
 * numbers; line ends become CRLF.
 * Spec: RFC 4155; the variants as https://en.wikipedia.org/wiki/Mbox lists them.
 * Tests: move_test.c. Fuzz: mbox_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CLI_MOVE_MBOX_H
#define POSTERN_CLI_MOVE_MBOX_H

#include "base/arena.h"
#include "base/buf.h"
#include "message/set/flags.h"

enum mbox_quoting { MBOX_RD, MBOX_O, MBOX_CL, MBOX_CL2 };
enum mbox_found {
    MBOX_MESSAGE, /* octets [0, *ret_len) are one, its "From " line first */
    MBOX_MORE,    /* the end is not in sight                              */
    MBOX_JUNK,    /* [0, *ret_len) belongs to no message                  */
    MBOX_END,     /* nothing is left                                      */
};
/* last: no octets follow these. *from: where a search for the end goes on (0 at first); the caller
 * keeps it while it adds octets, and sets it back to 0 behind a message. */
MUST_USE enum mbox_found mbox_next(struct str octets, bool last, enum mbox_quoting quoting,
                                   size_t *from, size_t *ret_len);

enum { MBOX_KEYWORDS_MAX = 48 };
struct mbox_message {
    int64_t date; /* of the "From " line; 0: it has none */
    uint32_t flags, uid;
    uint32_t uidvalidity, uidnext; /* of the file: X-IMAPbase, in its first message; else 0 */
    struct str keywords[MBOX_KEYWORDS_MAX];
    size_t keyword_count;
    bool internal;       /* not a message: a mail program's own notes */
    struct str identity; /* the octets as they came, without the fields above: in `mem` */
};
/* Appends the message to `out`. Texts of *ret live in `mem`. */
void mbox_open(struct arena *mem, struct str octets, enum mbox_quoting quoting,
               struct mbox_message *ret, struct buf *out);

/* "From sender date" with LF, and a message of CRLF lines with LF lines, quoted as mboxrd does. */
void mbox_add_from(struct buf *out, struct str sender, int64_t date);
void mbox_add_quoted(struct buf *out, struct str text);

#endif
