/* message/set/rights_test.c - letters and bits of rights. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/rights.h"

#include "message/set/flags.h"
#include "testing.h"

static const struct {
    struct str in;
    enum err e;
    struct str want;
} sets[] = {
    { STR_INIT(""), OK, STR_INIT("") },
    { STR_INIT("lrs"), OK, STR_INIT("lrs") },
    { STR_INIT("srlsrl"), OK, STR_INIT("lrs") },
    { STR_INIT("lrswipkxtea"), OK, STR_INIT("lrswipkxteacd") },
    { STR_INIT("lrswida"), OK, STR_INIT("lrswitead") },    /* RFC 4314 2.1.1: d is te */
    { STR_INIT("lrswikda"), OK, STR_INIT("lrswikteacd") }, /* and k alone shows c, too */
    { STR_INIT("c"), OK, STR_INIT("kxc") },
    { STR_INIT("x"), OK, STR_INIT("xc") },
    { STR_INIT("t"), OK, STR_INIT("td") },
    { STR_INIT("lrQswicda"), ERR_SYNTAX, STR_INIT("") },
    { STR_INIT("lrqswicda"), ERR_SYNTAX, STR_INIT("") },
    { STR_INIT("0"), ERR_SYNTAX, STR_INIT("") },
    { STR_INIT("l r"), ERR_SYNTAX, STR_INIT("") },
    { STR_INIT("+l"), ERR_SYNTAX, STR_INIT("") },
    { STR_INIT("l\0"), ERR_SYNTAX, STR_INIT("") },
    { STR_INIT("\xc3\xa4"), ERR_SYNTAX, STR_INIT("") },
};

TEST(letters_become_bits_and_bits_letters)
{
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        uint32_t rights = 0;
        struct buf b = { 0 };

        CHECK_EQ(rights_parse(sets[i].in, &rights), sets[i].e, "%zu", i);
        rights_format(rights, &b);
        CHECK_STR(buf_str(&b), sets[i].want, "%zu", i);
        buf_deinit(&b);
    }
}

static const struct {
    struct str before, change;
    enum err e;
    struct str after;
} changes[] = {
    { STR_INIT("lrswi"), STR_INIT("+cda"), OK, STR_INIT("lrswikxteacd") }, /* RFC 4314 3.1 */
    { STR_INIT("lrs"), STR_INIT("l"), OK, STR_INIT("l") },
    { STR_INIT("lrs"), STR_INIT(""), OK, STR_INIT("") },
    { STR_INIT("lrs"), STR_INIT("-s"), OK, STR_INIT("lr") },
    { STR_INIT("lrs"), STR_INIT("-"), OK, STR_INIT("lrs") },
    { STR_INIT("lrs"), STR_INIT("+"), OK, STR_INIT("lrs") },
    { STR_INIT("l"), STR_INIT("-lrswipkxtea"), OK, STR_INIT("") },
    { STR_INIT("l"), STR_INIT("++r"), ERR_SYNTAX, STR_INIT("") },
    { STR_INIT("l"), STR_INIT("+R"), ERR_SYNTAX, STR_INIT("") },
    { STR_INIT("l"), STR_INIT("*"), ERR_SYNTAX, STR_INIT("") },
};

TEST(a_change_sets_adds_or_takes_away)
{
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct rights_change change;
        struct buf b = { 0 };
        uint32_t before;

        CHECK_OK(rights_parse(changes[i].before, &before), "%zu", i);
        CHECK_EQ(rights_change_parse(changes[i].change, &change), changes[i].e, "%zu", i);
        if (changes[i].e != OK)
            continue;
        rights_format(rights_changed(before, change), &b);
        CHECK_STR(buf_str(&b), changes[i].after, "%zu", i);
        buf_deinit(&b);
    }
}

TEST(each_flag_has_its_right)
{
    CHECK_EQ(rights_flags(0), 0, "none");
    CHECK_EQ(rights_flags(RIGHT_SEEN), FLAG_SEEN, "s");
    CHECK_EQ(rights_flags(RIGHT_TRASH | RIGHT_EXPUNGE), FLAG_DELETED, "t");
    CHECK(rights_flags(RIGHT_WRITE) & FLAG_FLAGGED, "w: a system flag");
    CHECK(rights_flags(RIGHT_WRITE) & ((uint64_t)1 << KEYWORD_FIRST_BIT), "w: a keyword");
    CHECK_EQ(rights_flags(RIGHT_WRITE) & (FLAG_SEEN | FLAG_DELETED | FLAG_RECENT), 0,
             "w: not these");
    CHECK_EQ(rights_flags(RIGHTS_ALL), ~(uint64_t)FLAG_RECENT, "all but what is never stored");
}
