/* courier/report.h - the delivery status notification about one job.
 *
 * Pure but for the clock and randomness of the job's loop. The report is addressed to the
 * reverse-path of the original and comes from a null reverse-path (keeper does that). How much of
 * the original is returned follows RET (RFC 3461 4.3): the whole message with a failure when FULL
 * was asked and it is short enough, else its header. Spec: RFC 3461 6, RFC 3464, RFC 6522,
 * RFC 6533. Tests: report_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_COURIER_REPORT_H
#define POSTERN_COURIER_REPORT_H

#include "courier/job.h"

enum report_action {
    REPORT_NOTHING,
    REPORT_FAILED,
    REPORT_DELAYED,
    REPORT_DELIVERED,
    REPORT_RELAYED
};

/* The first octets of an original that are read for its report. */
#define REPORT_ORIGINAL_BYTES_MAX (64 * 1024)

/* Appends the message, and the structure record of all that `ret_message` then holds. `actions` has
 * one entry for each recipient of the job; `original` is the beginning of the message, or empty
 * when it could not be had. */
void report_build(const struct job *j, const enum report_action *actions, struct str original,
                  struct buf *ret_message, struct buf *ret_record);

#endif
