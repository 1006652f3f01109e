/* message/text/domain_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/domain.h"
#include "testing.h"

TEST(names_have_one_ascii_form)
{
    static const struct {
        struct str in, want;
        enum err e;
    } rows[] = {
        { STR_INIT("Crepes.FR"), STR_INIT("crepes.fr"), OK },
        { STR_INIT("cr\xC3\xAApes.fr"), STR_INIT("xn--crpes-isa.fr"), OK },
        { STR_INIT("CR\xC3\x8APES.fr"), STR_INIT("xn--crpes-isa.fr"), OK },
        { STR_INIT("stra\xC3\x9F"
                   "e.de"),
          STR_INIT("xn--strae-oqa.de"), OK },
        { STR_INIT("cr\xC3\xAApes\xE3\x80\x82"
                   "fr"),
          STR_INIT("xn--crpes-isa.fr"), OK },
        { STR_INIT("[192.0.2.1]"), STR_INIT("[192.0.2.1]"), OK },
        { STR_INIT("a..fr"), STR_INIT(""), ERR_SYNTAX },
        { STR_INIT(""), STR_INIT(""), ERR_SYNTAX },
        { STR_INIT("cr\xC3.fr"), STR_INIT(""), ERR_SYNTAX },
        { STR_INIT("\xC3\xAA b.fr"), STR_INIT(""), ERR_SYNTAX },
        { STR_INIT("a\xE2\x80\x8D\xC3\xAA.fr"), STR_INIT(""), ERR_SYNTAX },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *mem = arena_new(0);
        struct str got = STR_EMPTY;

        CHECK_EQ(domain_to_ascii(mem, rows[i].in, &got), rows[i].e, "row %zu", i);
        CHECK_STR(got, rows[i].want, "row %zu", i);
        arena_free(mem);
    }
}

TEST(people_see_unicode_where_it_is_well_formed)
{
    struct arena *mem = arena_new(0);

    CHECK_STR(domain_to_unicode(mem, STR("XN--crpes-isa.fr")), STR("cr\xC3\xAApes.fr"), "label");
    CHECK_STR(domain_to_unicode(mem, STR("xn--a-.fr")), STR("xn--a-.fr"), "malformed");
    CHECK_STR(domain_to_unicode(mem, STR("Crepes.fr")), STR("crepes.fr"), "ascii");
    arena_free(mem);
}
