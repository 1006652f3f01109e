/* message/words/fuzzy_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/fuzzy.h"
#include "testing.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

static const char example[] =
    "From: Alice <alice@crepes.fr>\r\n"
    "Subject: The studies are done\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "\r\n"
    "Invoices for cr\303\252pes. \346\235\261\344\272\254\351\203\275\r\n";

static const struct {
    const char *name;
    unsigned classes;
    struct str text;
    unsigned score;
} rows[] = {
    { "the word itself", TEXT_BIT(SUBJECT), STR_INIT("Studies"), 100 },
    { "another form", TEXT_BIT(SUBJECT), STR_INIT("study"), 80 },
    { "a beginning", TEXT_BIT(SUBJECT), STR_INIT("do"), 60 },
    { "another text", TEXT_BIT(SUBJECT), STR_INIT("invoices"), 0 },
    { "in the body", TEXTS_IN_BODY, STR_INIT("invoices"), 75 },
    { "another form in the body", TEXTS_IN_BODY, STR_INIT("invoice"), 60 },
    { "without accents", TEXTS_IN_BODY, STR_INIT("crepes"), 75 },
    { "with an accent too many", TEXT_BIT(FROM), STR_INIT("cr\303\252pes"), 100 },
    { "several words score as the worst", TEXTS_IN_MESSAGE, STR_INIT("alice invoices do"), 60 },
    { "a word that is not there", TEXTS_IN_MESSAGE, STR_INIT("alice bob"), 0 },
    { "the middle of a word", TEXTS_IN_MESSAGE, STR_INIT("voice"), 0 },
    { "a run", TEXTS_IN_MESSAGE, STR_INIT("\344\272\254\351\203\275"), 75 },
    { "a run that is not there", TEXTS_IN_MESSAGE, STR_INIT("\346\235\261\351\203\275"), 0 },
    { "no words at all", TEXTS_IN_MESSAGE, STR_INIT(" - "), 0 },
};

TEST(messages_score_by_how_well_words_fit)
{
    struct buf record = { 0 };
    struct str message = str_from(example, sizeof example - 1);
    struct stems *stems;
    struct errinfo why;
    struct record r;

    record_build(message, &limits, &record);
    CHECK_EQ(record_open(buf_str(&record), &r), OK, "%s", "its own record");
    CHECK_EQ(stems_new(STR("english french"), &stems, &why), OK, "%s", "languages");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_EQ(fuzzy_score(&r, message, rows[i].classes, stems, rows[i].text), rows[i].score,
                 "%s", rows[i].name);
    stems_free(stems);
    buf_deinit(&record);
}
