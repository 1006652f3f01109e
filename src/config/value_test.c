/* config/value_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"
#include "testing.h"

static const struct {
    struct str in;
    uint64_t want;
    struct str again;
} durations[] = {
    { STR_INIT("30s"), 30000, STR_INIT("30s") },
    { STR_INIT("1h30m"), 5400000, STR_INIT("90m") },
    { STR_INIT("5d"), 432000000, STR_INIT("5d") },
    { STR_INIT("1500ms"), 1500, STR_INIT("1500ms") },
    { STR_INIT("2w1d"), 1296000000, STR_INIT("15d") },
    { STR_INIT("0s"), 0, STR_INIT("0s") },
};

static const struct {
    struct str in;
    uint64_t want;
    struct str again;
} sizes[] = {
    { STR_INIT("50MB"), 52428800, STR_INIT("50MB") },
    { STR_INIT("64 kb"), 65536, STR_INIT("64KB") },
    { STR_INIT("1GiB"), 1073741824, STR_INIT("1GB") },
    { STR_INIT("1000"), 1000, STR_INIT("1000B") },
    { STR_INIT("0"), 0, STR_INIT("0") },
};

TEST(durations_and_sizes_are_read_and_written)
{
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        struct buf out = { 0 };
        uint64_t got = 1;

        CHECK(duration_parse(durations[i].in, &got), "duration %zu", i);
        CHECK_EQ(got, durations[i].want, "duration %zu", i);
        duration_format(got, &out);
        CHECK_STR(buf_str(&out), durations[i].again, "duration %zu", i);
        buf_deinit(&out);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf out = { 0 };
        uint64_t got = 1;

        CHECK(size_parse(sizes[i].in, &got), "size %zu", i);
        CHECK_EQ(got, sizes[i].want, "size %zu", i);
        size_format(got, &out);
        CHECK_STR(buf_str(&out), sizes[i].again, "size %zu", i);
        buf_deinit(&out);
    }
}

TEST(what_is_no_duration_or_size_is_refused)
{
    static const struct str bad_times[] = {
        STR_INIT(""),
        STR_INIT("30"),
        STR_INIT("s"),
        STR_INIT("-5s"),
        STR_INIT("5 s"),
        STR_INIT("1.5h"),
        STR_INIT("1m1h"),
        STR_INIT("1m1m"),
        STR_INIT("5S"),
        STR_INIT("5y"),
        STR_INIT("1h30"),
        STR_INIT("99999999999999999999s"),
        STR_INIT("9223372036854775807w"),
    };
    static const struct str bad_sizes[] = {
        STR_INIT(""),
        STR_INIT("MB"),
        STR_INIT("-1"),
        STR_INIT("1.5MB"),
        STR_INIT("5XB"),
        STR_INIT("1 2"),
        STR_INIT("9223372036854775807TB"),
    };
    uint64_t got;

    for (size_t i = 0; i < ARRAY_LEN(bad_times); i++)
        CHECK(!duration_parse(bad_times[i], &got), "time %zu", i);
    for (size_t i = 0; i < ARRAY_LEN(bad_sizes); i++)
        CHECK(!size_parse(bad_sizes[i], &got), "size %zu", i);
}
