/* base/hex_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"
#include "testing.h"

TEST(hex_goes_out_in_lower_case_and_comes_back_from_either)
{
    SCRATCH(mem, NULL);
    struct str got;

    CHECK_STR(hex_encode(mem, STR("\x00\x9f\xff ")), STR("009fff20"), "lower case");
    CHECK(hex_decode(mem, STR("009Fff20"), &got), "either case");
    CHECK_STR(got, STR("\x00\x9f\xff "), "octets");
    CHECK(hex_decode(mem, STR(""), &got) && got.len == 0, "nothing is nothing");
}

TEST(what_is_no_hex_is_refused)
{
    static const char *const bad[] = { "0", "0g", "g0", " 0", "0x00", "00 " };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        SCRATCH(mem, NULL);
        struct str got;

        CHECK(!hex_decode(mem, str_from_z(bad[i]), &got), "%s", bad[i]);
    }
}
