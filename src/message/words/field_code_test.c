/* message/words/field_code_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/field_code.h"
#include "testing.h"

/* Codes stand on disk: these octets must stay. */
static const struct {
    struct str name, want;
} rows[] = {
    { STR_INIT("Received"), STR_INIT("\200") },        { STR_INIT("SUBJECT"), STR_INIT("\203") },
    { STR_INIT("references"), STR_INIT("\207") },      { STR_INIT("List-Id"), STR_INIT("\232") },
    { STR_INIT("X-GitHub-Reason"), STR_INIT("\273") },
};

TEST(usual_fields_have_codes_of_their_own)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char code[FIELD_CODE_BYTES_MAX];
        size_t len = field_code(rows[i].name, code);

        CHECK_STR(str_from(code, len), rows[i].want, "%.*s", STR_ARG(rows[i].name));
    }
}

TEST(other_fields_are_hashed_without_regard_to_case)
{
    char one[FIELD_CODE_BYTES_MAX], two[FIELD_CODE_BYTES_MAX];

    CHECK_EQ(field_code(STR("X-Sauce"), one), 2, "%s", "length");
    CHECK_EQ(field_code(STR("x-SAUCE"), two), 2, "%s", "length");
    CHECK_STR(str_from(one, 2), str_from(two, 2), "%s", "case");
    CHECK_EQ(field_code(STR("X-Saucf"), two), 2, "%s", "length");
    CHECK(!str_eq(str_from(one, 2), str_from(two, 2)), "%s", "another name");
    CHECK((one[0] & 0x80) != 0 && (one[1] & 0x80) != 0, "%s", "high bits");
    CHECK_EQ(field_code(STR_EMPTY, one), 2, "%s", "no name at all");
}
