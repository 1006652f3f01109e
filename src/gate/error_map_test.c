/* gate/error_map_test.c - every error has words, of the right shape for each protocol. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/error_map.h"

#include "testing.h"

TEST(every_error_has_words_for_every_protocol)
{
    for (int e = 0; e < ERR_COUNT; e++) {
        const struct error_words *w = error_words((enum err)e);
        const char *name = err_text((enum err)e);

        CHECK(e == OK || w != error_words(OK), "%s has no row", name);
        CHECK(w->smtp_code >= 400 && w->smtp_code <= 599, "%s", name);
        CHECK_EQ(w->smtp.at[0] - '0', w->smtp_code / 100, "%s", name);
        CHECK(w->smtp.at[1] == '.' && w->smtp.at[3] == '.', "%s", name);
        CHECK(w->pop3.len > 0, "%s", name);
        CHECK(w->imap.len > 0 && w->imap.at[0] == '[', "%s", name);
    }
}

TEST(our_own_trouble_is_never_the_end_of_a_message)
{
    static const enum err ours[] = { ERR_IO,      ERR_NO_SPACE, ERR_CORRUPT,     ERR_TIMEOUT,
                                     ERR_CLOSED,  ERR_STATE,    ERR_UNAVAILABLE, ERR_CONFLICT,
                                     ERR_REFUSED, ERR_EXISTS };

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        CHECK_EQ(error_words(ours[i])->smtp_code / 100, 4, "%s", err_text(ours[i]));
}

TEST(a_number_from_nowhere_means_try_again)
{
    CHECK_EQ(error_words((enum err)999)->smtp_code, 451, "999");
    CHECK_EQ(error_words((enum err) - 1)->smtp_code, 451, "-1");
}
