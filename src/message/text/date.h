/* message/text/date.h - the dates of mail: Date fields, trace lines, IMAP.
 *
 * Pure: no clock, no time zone of the machine. One pass, no allocation. date_parse is tolerant: all
 * forms of RFC 5322 and RFC 822 with every obsolete zone, comments anywhere, two- and three-digit
 * years, and what is common and wrong (no day name, names in full, asctime order, dashes, no
 * zone, zones like +02:00 or GMT+2). date_imap_* are strict. A second 60 is the next minute.
 * Spec: RFC 5322 3.3, 4.3; RFC 822 5; RFC 9051 9 (date-time, date). Tests: date_test.c.
 * Fuzz: date_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_DATE_H
#define POSTERN_MESSAGE_DATE_H

#include "base/buf.h"
#include "base/str.h"

struct mail_date {
    int64_t epoch_s;  /* seconds since 1970 UTC */
    int16_t zone_min; /* minutes east of UTC that the text named; 0 when it named none */
    bool zone_known;  /* false for "-0000", unknown letters and a missing zone */
};

/* False when there is no date to be found; *ret is then untouched. */
MUST_USE bool date_parse(struct str value, struct mail_date *ret);

/* "Wed, 17 Jul 1996 02:44:25 -0700" */
void date_format(struct buf *out, int64_t epoch_s, int16_t zone_min);

/* IMAP date-time without its quotes, "17-Jul-1996 02:44:25 -0700"; the day has two digits or a
 * blank and one. */
MUST_USE bool date_imap_parse(struct str text, struct mail_date *ret);
void date_imap_format(struct buf *out, int64_t epoch_s, int16_t zone_min);

/* IMAP date without quotes, "17-Jul-1996" or "7-Jul-1996", as days since 1970-01-01. */
MUST_USE bool date_imap_day_parse(struct str text, int64_t *ret_days);

#endif
