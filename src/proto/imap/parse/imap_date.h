/* proto/imap/parse/imap_date.h - the two dates of IMAP: a day, and a moment with its zone.
 *
 * Pure. scan_date and scan_date_time (declared in scan.h) are defined beside the formatter so that
 * one file knows the calendar. Seconds count from 1970 in UTC, zones in minutes east of UTC.
 * Spec: RFC 3501 9 (date, date-time). Tests: parse_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_IMAP_DATE_H
#define POSTERN_PROTO_IMAP_IMAP_DATE_H

#include "base/buf.h"
#include "proto/imap/parse/scan.h"

#define DATE_TIME_BYTES 28

/* Appends "17-Jul-1996 02:44:25 -0700" with its quotes. */
void imap_date_format(struct buf *out, int64_t unix_s, int zone_min);

#endif
