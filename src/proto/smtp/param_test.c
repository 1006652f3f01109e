/* proto/smtp/param_test.c - parameters and xtext as rows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/param.h"

#include "base/buf.h"

#include "testing.h"

/* `want` repeats the parameters as "keyword(value)", or "keyword" without a value. */
static const struct {
    struct str in, want;
    enum err err;
} params[] = {
    { STR_INIT(""), STR_INIT(""), OK },
    { STR_INIT("  "), STR_INIT(""), OK },
    { STR_INIT(" SIZE=10  SMTPUTF8 "), STR_INIT("SIZE(10)SMTPUTF8"), OK },
    { STR_INIT(" BODY="), STR_INIT(""), ERR_SYNTAX },
    { STR_INIT(" =x"), STR_INIT(""), ERR_SYNTAX },
    { STR_INIT(" -A=x"), STR_INIT(""), ERR_SYNTAX },
    { STR_INIT(" A_B=x"), STR_INIT(""), ERR_SYNTAX },
    { STR_INIT(" ENVID=a=b"), STR_INIT(""), ERR_SYNTAX },
};

TEST(parameters_are_split_by_the_grammar)
{
    for (size_t i = 0; i < ARRAY_LEN(params); i++) {
        struct str rest = params[i].in;
        struct buf got = { 0 };
        struct esmtp_param p;
        bool end = false;
        enum err e = OK;

        while ((e = esmtp_param_next(&rest, &p, &end)) == OK && !end) {
            buf_add(&got, p.keyword);
            if (p.has_value)
                buf_printf(&got, "(%.*s)", STR_ARG(p.value));
        }
        CHECK_EQ(e, params[i].err, "row %zu", i);
        CHECK_STR(buf_str(&got), params[i].want, "row %zu", i);
        buf_deinit(&got);
    }
}

static const struct {
    struct str xtext, octets;
    bool valid;
} xtexts[] = {
    { STR_INIT("QQ314159"), STR_INIT("QQ314159"), true },
    { STR_INIT("a+2Bb+3Dc+20d"), STR_INIT("a+b=c d"), true },
    { STR_INIT("+2b"), STR_INIT(""), false },
    { STR_INIT("a+"), STR_INIT(""), false },
    { STR_INIT("a+2"), STR_INIT(""), false },
    { STR_INIT("a+0Ab"), STR_INIT(""), false },
    { STR_INIT("a=b"), STR_INIT(""), false },
    { STR_INIT("a b"), STR_INIT(""), false },
    { STR_INIT("a\xffz"), STR_INIT(""), false },
    { STR_INIT(""), STR_INIT(""), false },
};

TEST(xtext_goes_both_ways)
{
    SCRATCH(tmp, NULL);

    for (size_t i = 0; i < ARRAY_LEN(xtexts); i++) {
        CHECK_EQ(xtext_valid(xtexts[i].xtext), xtexts[i].valid, "row %zu", i);
        if (!xtexts[i].valid)
            continue;
        CHECK_STR(xtext_decode(tmp, xtexts[i].xtext), xtexts[i].octets, "row %zu", i);
        CHECK_STR(xtext_encode(tmp, xtexts[i].octets), xtexts[i].xtext, "row %zu", i);
    }
}
