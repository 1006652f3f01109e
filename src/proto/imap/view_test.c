/* proto/imap/view_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/view.h"

#include "testing.h"

static struct uidset set_of(const char *text)
{
    struct uidset set = { 0 };

    if (text[0] == '\0')
        return set;
    CHECK_OK(uidset_parse(str_from_z(text), 0, 1000, &set), "%s", text);
    return set;
}

static struct view view_of(const char *uids)
{
    return (struct view){ .uids = set_of(uids) };
}

static void vanish(struct view *v, const char *uids)
{
    struct uidset set = set_of(uids);

    view_vanish(v, &set);
    uidset_deinit(&set);
}

static void arrive(struct view *v, const char *uids, const char *recent)
{
    struct uidset set = set_of(uids), fresh = set_of(recent);

    view_arrive(v, &set, &fresh);
    uidset_deinit(&set);
    uidset_deinit(&fresh);
}

static void check_report(struct view *v, bool may_expunge, bool form, const char *want)
{
    struct buf out = { 0 };

    view_report(v, may_expunge, form, &out);
    CHECK_STR(buf_str(&out), str_from_z(want), "%s", want);
    buf_deinit(&out);
}

TEST(expunges_wait_until_they_may_be_told)
{
    struct view v = view_of("10:14,20");

    vanish(&v, "11,13:14,99");
    check_report(&v, false, false, "");
    CHECK_EQ(view_exists(&v), 6, "still there");
    CHECK_EQ(view_seq(&v, 20), 6, "number unchanged");
    check_report(&v, true, false, "* 5 EXPUNGE\r\n* 4 EXPUNGE\r\n* 2 EXPUNGE\r\n");
    CHECK_EQ(view_exists(&v), 3, "gone");
    CHECK_EQ(view_seq(&v, 20), 3, "moved up");
    CHECK_EQ(view_seq(&v, 11), 0, "gone");
    check_report(&v, true, false, "");
    view_deinit(&v);
}

TEST(arrivals_are_told_at_once_even_before_expunges)
{
    struct view v = view_of("1:3");

    vanish(&v, "2");
    arrive(&v, "7:8", "8");
    CHECK_EQ(view_seq(&v, 7), 0, "not told yet");
    check_report(&v, false, false, "* 5 EXISTS\r\n* 1 RECENT\r\n");
    CHECK_EQ(view_seq(&v, 7), 4, "told");
    arrive(&v, "9", "");
    check_report(&v, true, false, "* 2 EXPUNGE\r\n* 5 EXISTS\r\n");
    view_deinit(&v);
}

TEST(a_message_that_came_and_went_is_never_told)
{
    struct view v = view_of("1:3");

    arrive(&v, "7", "");
    vanish(&v, "7");
    check_report(&v, true, false, "");
    view_deinit(&v);
}

TEST(vanished_names_uids)
{
    struct view v = view_of("405,407:500");

    vanish(&v, "405,407,410:425");
    check_report(&v, true, true, "* VANISHED 405,407,410:425\r\n");
    view_deinit(&v);
}

TEST(sets_become_uids)
{
    static const struct {
        struct set_range ranges[3];
        uint32_t count;
        bool uid, ok;
        const char *want;
    } rows[] = {
        { { { 1, 3 } }, 1, false, true, "10:12" },
        { { { SET_STAR, SET_STAR } }, 1, false, true, "20" },
        { { { SET_STAR, 5 } }, 1, false, true, "14,20" },
        { { { 6, 6 }, { 1, 1 }, { 2, 2 } }, 3, false, true, "10:11,20" },
        { { { 7, 7 } }, 1, false, false, "" },
        { { { 5, 7 } }, 1, false, false, "" },
        { { { 12, 15 }, { 1, 2 } }, 2, true, true, "12:14" },
        { { { 30, SET_STAR } }, 1, true, true, "20" },
        { { { 30, 40 } }, 1, true, true, "" },
        { { { 15, 1 } }, 1, true, true, "10:14" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct view v = view_of("10:14,20");
        struct set_range ranges[3];
        struct imap_set set = { ranges, rows[i].count, false };
        struct uidset got = { 0 };
        struct buf text = { 0 };

        memcpy(ranges, rows[i].ranges, sizeof(ranges));
        CHECK_EQ(view_resolve(&v, &set, rows[i].uid, &got), rows[i].ok, "row %zu", i);
        uidset_format(&got, &text);
        CHECK_STR(buf_str(&text), str_from_z(rows[i].want), "row %zu", i);
        buf_deinit(&text);
        uidset_deinit(&got);
        view_deinit(&v);
    }
}

TEST(a_star_in_an_empty_mailbox_is_nothing)
{
    struct view v = { 0 };
    struct set_range range = { 1, SET_STAR };
    struct imap_set set = { &range, 1, false };
    struct uidset got = { 0 };

    CHECK(view_resolve(&v, &set, false, &got), "1:*");
    CHECK(uidset_empty(&got), "nothing");
    range.last = 1;
    CHECK(!view_resolve(&v, &set, false, &got), "1 does not exist");
    uidset_deinit(&got);
}

/* What comes and goes before the client hears of it leaves nothing behind. */
TEST(what_was_never_told_is_not_recent)
{
    struct view v = view_of("10:12");
    struct uidset came = { 0 }, gone = { 0 };
    struct buf out = { 0 };

    uidset_add_range(&came, 13, 14);
    uidset_add(&gone, 13);
    view_arrive(&v, &came, &came);
    view_vanish(&v, &gone);
    view_report(&v, true, false, &out);
    CHECK_STR(buf_str(&out), STR("* 4 EXISTS\r\n* 1 RECENT\r\n"), "one of two");
    uidset_deinit(&came);
    uidset_deinit(&gone);
    buf_deinit(&out);
    view_deinit(&v);
}
