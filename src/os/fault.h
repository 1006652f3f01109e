/* os/fault.h - a file layer that fails on purpose at the n-th call, for tests of the store.
 *
 * Wraps another struct fs (which it then owns). Calls that change or sync are counted from 1.
 * Tests: file_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_FAULT_H
#define POSTERN_OS_FAULT_H

#include "os/file.h"

enum fault_kind {
    FAULT_NONE,
    FAULT_IO,          /* the call fails with ERR_IO and does nothing           */
    FAULT_NO_SPACE,    /* ERR_NO_SPACE; a write leaves a part of its octets     */
    FAULT_SHORT_WRITE, /* half of the octets are written, then ERR_IO           */
    FAULT_SYNC_LOST,   /* a sync fails and what it should have kept is lost     */
};

struct fs *fs_faulty(struct fs *inner);
/* From now on the n-th counted call fails so, and (when `lasting`) every one after it. */
void fs_faulty_set(struct fs *faulty, enum fault_kind kind, uint64_t nth, bool lasting);
uint64_t fs_faulty_calls(const struct fs *faulty);

#endif
