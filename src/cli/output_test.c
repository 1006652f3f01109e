/* cli/output_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"
#include "testing.h"

static void add_rows(struct output *o)
{
    static const struct str targets[] = { STR_INIT("bob@hamburger.edu"),
                                          STR_INIT("carol@crepes.fr") };

    output_row(o);
    output_str(o, "name", STR("cr\xC3\xAApes"));
    output_num(o, "size", 12345);
    output_flag(o, "on", true);
    output_time(o, "at", 1234567890);
    output_texts(o, "to", targets, 2);
    output_row(o);
    output_str(o, "name", STR("\x1b[2Jx\xFF\"\\"));
    output_num(o, "size", 0);
    output_flag(o, "on", false);
    output_time(o, "at", 0);
    output_texts(o, "to", targets, 0);
}

TEST(columns_are_aligned_and_no_text_reaches_the_terminal_raw)
{
    SCRATCH(mem, NULL);
    struct output o;

    output_begin(&o, false);
    add_rows(&o);
    CHECK_STR(output_end(mem, &o),
              STR("name         size   on   at                    to\n"
                  "cr\xC3\xAApes       12345  yes  2009-02-13T23:31:30Z  "
                  "bob@hamburger.edu, carol@crepes.fr\n"
                  "\\x1b[2Jx\xEF\xBF\xBD\"\\  0      no   -                     \n"),
              "table");
}

TEST(json_is_an_array_of_objects)
{
    SCRATCH(mem, NULL);
    struct output o;

    output_begin(&o, true);
    add_rows(&o);
    CHECK_STR(output_end(mem, &o),
              STR("[\n {\"name\": \"cr\xC3\xAApes\", \"size\": 12345, \"on\": true, "
                  "\"at\": \"2009-02-13T23:31:30Z\", "
                  "\"to\": [\"bob@hamburger.edu\", \"carol@crepes.fr\"]},\n"
                  " {\"name\": \"\\u001b[2Jx\xEF\xBF\xBD\\\"\\\\\", \"size\": 0, \"on\": false, "
                  "\"at\": null, \"to\": []}\n]\n"),
              "json");
}

TEST(no_rows_are_an_empty_table_and_an_empty_array)
{
    SCRATCH(mem, NULL);
    struct output o;

    output_begin(&o, false);
    CHECK_STR(output_end(mem, &o), STR(""), "table");
    output_begin(&o, true);
    CHECK_STR(output_end(mem, &o), STR("[]\n"), "json");
}
