/* base/err_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "testing.h"

TEST(every_error_has_words_and_no_other_number_has)
{
    for (unsigned e = OK; e < ERR_COUNT; e++)
        CHECK(strlen(err_text((enum err)e)) > 0, "error %u", e);
    CHECK_STR(str_from_z(err_text(ERR_COUNT)), STR("unknown error"), "past the last");
}

TEST(detail_that_does_not_fit_is_cut_between_characters)
{
    char text[2 * ERRINFO_BYTES_MAX];

    for (size_t ahead = 0; ahead < 4; ahead++) {
        struct errinfo why = { 0 };

        memset(text, 'x', ahead);
        for (size_t i = ahead; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4); /* the euro sign */
        CHECK_EQ(err_set(&why, ERR_IO, "%s", text), ERR_IO, "the error comes back");

        size_t len = strlen(why.text);
        CHECK(len <= ERRINFO_BYTES_MAX - 1 && len + 3 >= ERRINFO_BYTES_MAX - 1, "%zu kept", len);
        CHECK_EQ((len - ahead) % 3, 0, "whole characters behind %zu octets", ahead);
    }
    CHECK_EQ(err_set(NULL, ERR_QUOTA, "nobody wants it"), ERR_QUOTA, "without detail");
}
