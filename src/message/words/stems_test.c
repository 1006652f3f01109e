/* message/words/stems_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/stems.h"
#include "testing.h"

static const struct {
    struct str asked, word;
    unsigned fit;
} rows[] = {
    { STR_INIT("run"), STR_INIT("run"), STEMS_SAME },
    { STR_INIT("running"), STR_INIT("runs"), STEMS_STEM },
    { STR_INIT("study"), STR_INIT("studies"), STEMS_STEM },
    { STR_INIT("studies"), STR_INIT("study"), STEMS_STEM },
    { STR_INIT("invo"), STR_INIT("invoice"), STEMS_BEGINS },
    { STR_INIT("invoice"), STR_INIT("invo"), 0 },
    { STR_INIT("invoice"), STR_INIT("voice"), 0 },
    { STR_INIT("hauser"), STR_INIT("haus"), STEMS_STEM },
    { STR_INIT("factures"), STR_INIT("facture"), STEMS_STEM },
    { STR_INIT("2026"), STR_INIT("2026"), STEMS_SAME },
    { STR_INIT("\320\272\320\275\320\270\320\263\320\260"),
      STR_INIT("\320\272\320\275\320\270\320\263\320\270"), STEMS_STEM },
    { STR_INIT("a"), STR_INIT("about"), STEMS_BEGINS },
    { STR_INIT(""), STR_INIT("x"), STEMS_BEGINS },
};

TEST(words_fit_by_their_stems_and_beginnings)
{
    struct stems *s;
    struct errinfo why;

    CHECK_EQ(stems_new(STR("english french, german russian"), &s, &why), OK, "%s", "languages");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        stems_ask(s, rows[i].asked);
        CHECK_EQ(stems_fit(s, rows[i].word), rows[i].fit, "%.*s for %.*s", STR_ARG(rows[i].word),
                 STR_ARG(rows[i].asked));
        if (rows[i].fit != 0)
            CHECK(str_starts(rows[i].word, stems_beginning(s)), "%.*s for %.*s",
                  STR_ARG(rows[i].word), STR_ARG(rows[i].asked));
    }
    stems_free(s);
}

TEST(without_languages_there_are_no_stems)
{
    struct stems *s;
    struct errinfo why;

    CHECK_EQ(stems_new(STR_EMPTY, &s, &why), OK, "%s", "none");
    stems_ask(s, STR("running"));
    CHECK_EQ(stems_fit(s, STR("runs")), 0u, "%s", "no stem");
    CHECK_EQ(stems_fit(s, STR("runnings")), STEMS_BEGINS, "%s", "a beginning");
    stems_free(s);
}

TEST(a_language_that_is_not_known_is_named)
{
    struct stems *s = NULL;
    struct errinfo why = { 0 };

    CHECK_EQ(stems_new(STR("english klingon"), &s, &why), ERR_SYNTAX, "%s", "klingon");
    CHECK(strstr(why.text, "klingon") != NULL, "%s", why.text);
}

TEST(long_words_are_compared_as_they_are)
{
    char word[200];
    struct stems *s;
    struct errinfo why;

    memset(word, 'a', sizeof word);
    CHECK_EQ(stems_new(STR("english"), &s, &why), OK, "%s", "english");
    stems_ask(s, str_from(word, sizeof word));
    CHECK_EQ(stems_fit(s, str_from(word, sizeof word)), STEMS_BEGINS, "%s", "cut, so a beginning");
    stems_free(s);
}
