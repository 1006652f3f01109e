/* gate/imap/fetch_row.h - one row of keeper as one FETCH response.
 *
 * Formatting only: no question is asked here. Spec: RFC 3501 7.4.2, RFC 7162 7, RFC 8474 6,
 * RFC 8514 4.3, RFC 8970 3, RFC 3516 4. Tests: imap_session_test.c, test/session/imap_binary.txt.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_IMAP_FETCH_ROW_H
#define POSTERN_GATE_IMAP_FETCH_ROW_H

#include "gate/imap/session.h"
#include "proto/imap/reply.h"

#define FETCH_LENGTH_ALL (1ULL << 40) /* more than any section has */

struct fetch_task {
    const struct imap_fetch_args *args;
    struct str uids; /* encoded */
    struct str final;
    uint32_t from;  /* the next page; or the row that is written in pieces */
    uint32_t items; /* enum keep_item */
    struct keep_want *wants;
    uint32_t *want_items; /* which item each want answers */
    struct str *labels;   /* of wants that are sections */
    uint32_t want_count;
    bool mark_seen, tells_flags; /* tells_flags: FLAGS are told though not asked for */

    /* FLAGS, perhaps with UID and MODSEQ: what clients ask of every message of a mailbox. */
    bool flags_only, with_uid, with_modseq;

    /* The last flags written, by their place in session->out: most rows have the same. */
    uint64_t flags_bits;
    size_t flags_at, flags_len;

    /* A row in pieces. */
    struct fetch_line line;
    uint32_t section; /* index in wants */
    uint64_t got, goal;

    /* BINARY (fetch_binary.c), by want; null when there is none. */
    enum encoding *codings;
    bool unknown_coding; /* of a row that could not be shown */
    struct decoder decoder;
    uint64_t decoded, decoded_size;
    bool measured, has_nul;
};

bool fetch_is_octets(enum imap_fetch_kind kind); /* answered by a want */
bool fetch_is_fields(const struct imap_fetch_item *item);

/* Are all octets of the row there? */
bool fetch_is_whole(const struct fetch_task *t, const struct keep_row *row);
/* Octets that the answer to `want` will have altogether. */
uint64_t fetch_part_bytes(const struct keep_want *want, const struct keep_part *part);

/* A whole row. One that the client does not know (yet) is left out. */
void fetch_row(struct imap_session *s, struct fetch_task *t, const struct keep_row *row);
/* The beginning of a row in pieces: all that is not octets. */
struct fetch_line fetch_begin(struct imap_session *s, struct fetch_task *t,
                              const struct keep_row *row);

/* ---- BINARY (fetch_binary.c) ---- */

bool fetch_is_binary(const struct imap_fetch_item *item);
/* Finds out how the parts are coded that the row's wants name. False when one is coded in a way
 * that nobody knows: the row cannot be shown (RFC 3516 4.3). */
MUST_USE bool fetch_binary_begin(struct fetch_task *t, const struct keep_row *row);
/* The whole part is there. */
void fetch_put_binary(struct fetch_line *line, const struct imap_fetch_item *item,
                      enum encoding coding, const struct keep_part *part);
/* Some octets of a part that comes in pieces, twice: first it is measured, then written. */
enum fetch_binary_state { BINARY_GO_ON, BINARY_DONE, BINARY_BROKEN };
MUST_USE enum fetch_binary_state fetch_binary_piece(struct imap_session *s, struct fetch_task *t,
                                                    const struct keep_part *part);

/* ---- octets ---- */

void fetch_put_label(struct fetch_line *line, const struct imap_fetch_item *item);
void fetch_put_octets(struct buf *out, struct str octets);
void fetch_put_part(struct fetch_line *line, const struct imap_fetch_item *item,
                    const struct keep_part *part);
void fetch_put_fields(struct fetch_line *line, const struct imap_fetch_item *item,
                      struct str header);

#endif
