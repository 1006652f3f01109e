/* store/journal/scan.h - reads a segment record by record, checking every octet.
 *
 * Used by replay, check and compaction; any thread, on a pinned segment's file. Memory is bounded
 * by the window and the changes of one record, however long its bodies are. Results live until the
 * next scan_next. Tests: writer_test.c, model_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_JOURNAL_SCAN_H
#define POSTERN_STORE_JOURNAL_SCAN_H

#include "os/file.h"
#include "store/journal/record.h"

enum scan_status {
    SCAN_RECORD,
    SCAN_END,    /* exactly at the end                         */
    SCAN_BAD,    /* no whole, undamaged record begins at `at`  */
    SCAN_FAILED, /* the file could not be read: `error`     */
};

struct scan_body {
    struct body_head head;
    struct body_place place;
};

struct scan {
    struct file *file;
    uint64_t segment, at, end; /* at: where the next record begins */
    uint32_t previous;         /* checksum that it must follow */
    bool skip_bodies;          /* do not sum up nor list bodies (the record's sum is not checked) */
    struct buf window, ops_copy;
    uint64_t window_at;
    struct scan_body *list;
    size_t list_cap;
    /* the record */
    uint64_t start;
    struct record_head head;
    struct str ops;
    struct scan_body *bodies;
    enum err error;
    const char *reason; /* of SCAN_BAD */
    bool torn;          /* SCAN_BAD may come from a write that did not end */
    struct errinfo why;
};

MUST_USE enum scan_status scan_next(struct scan *s);
void scan_deinit(struct scan *s);

#endif
