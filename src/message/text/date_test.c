/* message/text/date_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/date.h"
#include "testing.h"

/* 837596665 is 1996-07-17T09:44:25Z. */
static const struct {
    struct str in;
    bool ok;
    int64_t epoch_s;
    int16_t zone_min;
    bool zone_known;
} rows[] = {
    { STR_INIT("Wed, 17 Jul 1996 02:44:25 -0700"), true, 837596665, -420, true },
    { STR_INIT("17 Jul 1996 02:44:25 -0700 (PDT)"), true, 837596665, -420, true },
    { STR_INIT("Wed , 17\r\n Jul (a (nested) comment) 1996 02:44:25\r\n -0700"), true, 837596665,
      -420, true },
    { STR_INIT("Wed, 17 Jul 96 02:44:25 PDT"), true, 837596665, -420, true },
    { STR_INIT("Wed, 17 Jul 096 09:44:25 GMT"), true, 837596665, 0, true },
    { STR_INIT("Wed, 17 Jul 1996 05:44:25 EDT"), true, 837596665, -240, true },
    { STR_INIT("Wed, 17 Jul 1996 04:44:25 EST"), true, 837596665, -300, true },
    { STR_INIT("Wed, 17 Jul 1996 03:44:25 CST"), true, 837596665, -360, true },
    { STR_INIT("Wed, 17 Jul 1996 03:44:25 MDT"), true, 837596665, -360, true },
    { STR_INIT("Wed, 17 Jul 1996 01:44:25 PST"), true, 837596665, -480, true },
    { STR_INIT("Wed, 17 Jul 1996 09:44:25 UT"), true, 837596665, 0, true },
    { STR_INIT("Wed, 17 Jul 1996 09:44:25 -0000"), true, 837596665, 0, false },
    { STR_INIT("Wed, 17 Jul 1996 09:44:25 A"), true, 837596665, 0, false },
    { STR_INIT("Wed, 17 Jul 1996 09:44:25 XYZ"), true, 837596665, 0, false },
    { STR_INIT("Wed, 17 Jul 1996 09:44:25"), true, 837596665, 0, false },
    { STR_INIT("Wednesday, 17 July 1996 09:44:25 Z"), true, 837596665, 0, true },
    { STR_INIT("Wed Jul 17 09:44:25 1996"), true, 837596665, 0, false },
    { STR_INIT("Wed Jul 17 09:44:25 GMT 1996"), true, 837596665, 0, true },
    { STR_INIT("Wed, 17-Jul-1996 11:44:25 +0200"), true, 837596665, 120, true },
    { STR_INIT("Wed, 17 Jul 1996 11:44:25 +02:00"), true, 837596665, 120, true },
    { STR_INIT("Wed, 17 Jul 1996 11:44:25 GMT+2"), true, 837596665, 120, true },
    { STR_INIT("Wed, 17 Jul 1996 15:14:25 +0530"), true, 837596665, 330, true },
    { STR_INIT("Wed, 17 Jul 1996 9:44 GMT"), true, 837596640, 0, true },
    { STR_INIT("1 Jan 49 00:00:00 GMT"), true, 2493072000, 0, true },
    { STR_INIT("1 Jan 50 00:00:00 GMT"), true, -631152000, 0, true },
    { STR_INIT("31 Dec 1998 23:59:60 GMT"), true, 915148800, 0, true },
    { STR_INIT("29 Feb 1999 00:00:00 GMT"), false, 0, 0, false },
    { STR_INIT("29 Feb 2000 00:00:00 GMT"), true, 951782400, 0, true },
    { STR_INIT("32 Jan 2000 00:00:00 GMT"), false, 0, 0, false },
    { STR_INIT("1 Jan 2000 24:00:00 GMT"), false, 0, 0, false },
    { STR_INIT("1 Foo 2000 00:00:00 GMT"), false, 0, 0, false },
    { STR_INIT("yesterday"), false, 0, 0, false },
    { STR_INIT("17 Jul 1996"), false, 0, 0, false },
    { STR_INIT("(17 Jul 1996 02:44:25 -0700"), false, 0, 0, false },
    { STR_INIT("99999999999 Jul 1996 02:44:25"), false, 0, 0, false },
    { STR_INIT(""), false, 0, 0, false },
};

TEST(every_form_of_date_is_read)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mail_date d = { .epoch_s = 0 };

        CHECK_EQ(date_parse(rows[i].in, &d), rows[i].ok, "%.*s", STR_ARG(rows[i].in));
        CHECK_EQ(d.epoch_s, rows[i].epoch_s, "%.*s", STR_ARG(rows[i].in));
        CHECK_EQ(d.zone_min, rows[i].zone_min, "%.*s", STR_ARG(rows[i].in));
        CHECK_EQ(d.zone_known, rows[i].zone_known, "%.*s", STR_ARG(rows[i].in));
    }
}

TEST(a_date_cut_anywhere_is_read_without_harm)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t cut = 0; cut <= rows[i].in.len; cut++) {
            struct mail_date d = { .zone_min = 0 };
            char *exact = malloc(cut + 1);

            memcpy(exact + 1, rows[i].in.at, cut);
            if (date_parse(str_from(exact + 1, cut), &d))
                CHECK(d.zone_min > -6000 && d.zone_min < 6000, "row %zu cut %zu", i, cut);
            free(exact);
        }
}

TEST(dates_are_written_as_they_are_read)
{
    struct buf out = { .at = NULL };
    struct mail_date d;

    date_format(&out, 837596665, -420);
    CHECK_STR(buf_str(&out), STR("Wed, 17 Jul 1996 02:44:25 -0700"), "header");
    buf_clear(&out);
    date_format(&out, 0, 330);
    CHECK_STR(buf_str(&out), STR("Thu, 1 Jan 1970 05:30:00 +0530"), "epoch");
    buf_clear(&out);
    date_imap_format(&out, 837596665, -420);
    CHECK_STR(buf_str(&out), STR("17-Jul-1996 02:44:25 -0700"), "imap");
    buf_clear(&out);
    date_imap_format(&out, 0, 0);
    CHECK_STR(buf_str(&out), STR(" 1-Jan-1970 00:00:00 +0000"), "imap, one digit");
    CHECK(date_imap_parse(buf_str(&out), &d), "back");
    CHECK_EQ(d.epoch_s, 0, "back");
    buf_deinit(&out);
}

TEST(imap_dates_are_strict)
{
    static const struct {
        struct str in;
        bool ok;
        int64_t epoch_s;
    } imap_rows[] = {
        { STR_INIT("17-Jul-1996 02:44:25 -0700"), true, 837596665 },
        { STR_INIT(" 1-JAN-1970 00:00:01 +0000"), true, 1 },
        { STR_INIT("1-Jan-1970 00:00:01 +0000"), false, 0 },
        { STR_INIT("01-Jan-1970 00:00:01 +0000"), true, 1 },
        { STR_INIT("32-Jan-1970 00:00:01 +0000"), false, 0 },
        { STR_INIT("01-Jan-1970 00:00:01 00000"), false, 0 },
        { STR_INIT("01-Jan-1970 00:00:01 +00:0"), false, 0 },
        { STR_INIT("01-Jan-1970 00:0:001 +0000"), false, 0 },
        { STR_INIT("01-Jan-1970 00:00:01 +0060"), false, 0 },
        { STR_INIT(""), false, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(imap_rows); i++) {
        struct mail_date d = { .epoch_s = 0 };

        CHECK_EQ(date_imap_parse(imap_rows[i].in, &d), imap_rows[i].ok, "%.*s",
                 STR_ARG(imap_rows[i].in));
        CHECK_EQ(d.epoch_s, imap_rows[i].epoch_s, "%.*s", STR_ARG(imap_rows[i].in));
    }
}

TEST(imap_days)
{
    int64_t days = -1;

    CHECK(date_imap_day_parse(STR("2-Jan-1970"), &days), "one digit");
    CHECK_EQ(days, 1, "one digit");
    CHECK(date_imap_day_parse(STR("01-Feb-1970"), &days), "two digits");
    CHECK_EQ(days, 31, "two digits");
    CHECK(!date_imap_day_parse(STR("30-Feb-1970"), &days), "no such day");
    CHECK(!date_imap_day_parse(STR("1-Feb-70"), &days), "short year");
    CHECK(!date_imap_day_parse(STR("1-February-1970"), &days), "long month");
    CHECK(!date_imap_day_parse(STR("-Feb-1970"), &days), "no day");
}
