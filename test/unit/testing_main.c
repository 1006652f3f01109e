/* test/unit/testing_main.c - runs every registered test under cmocka.
 *
 * An argument limits the run to tests whose name contains it. The closing line counts them in a
 * form that the project's test summary adds up. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "testing.h"

enum { TESTS_MAX = 2000, PRINTED_OCTETS_MAX = 400 };

static struct CMUnitTest tests[TESTS_MAX];
static size_t test_count;
static test_fn runs[TESTS_MAX];

static void run_one(void **state)
{
    (*(test_fn *)*state)();
}

void testing_register(const char *file, const char *name, test_fn run)
{
    (void)file;
    if (test_count == TESTS_MAX)
        BUG("too many tests in one program");
    runs[test_count] = run;
    tests[test_count] = (struct CMUnitTest){ .name = name,
                                             .test_func = run_one,
                                             .initial_state = &runs[test_count] };
    test_count++;
}

void testing_fail(const char *file, int line)
{
    (void)fprintf(stderr, "\n");
    _fail(file, line);
    abort();
}

void testing_print_str(const char *label, struct str s)
{
    (void)fprintf(stderr, "%s (%zu): \"", label, s.len);
    for (size_t i = 0; i < s.len && i < PRINTED_OCTETS_MAX; i++) {
        unsigned char c = (unsigned char)s.at[i];

        if (c == '\r')
            (void)fprintf(stderr, "\\r");
        else if (c == '\n')
            (void)fprintf(stderr, "\\n");
        else if (c < 0x20 || c == 0x7F || c == '"' || c == '\\')
            (void)fprintf(stderr, "\\x%02x", c);
        else
            (void)fputc(c, stderr);
    }
    (void)fprintf(stderr, "\"\n");
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        size_t kept = 0;

        for (size_t i = 0; i < test_count; i++)
            if (strstr(tests[i].name, argv[1]) != NULL)
                tests[kept++] = tests[i];
        test_count = kept;
    }
    if (test_count == 0) {
        (void)fprintf(stderr, "no test of that name\n");
        return 1;
    }
    int failed = _cmocka_run_group_tests("tests", tests, test_count, NULL, NULL);
    (void)printf("%zu passed, %d failed\n", test_count - (size_t)failed, failed);
    return failed == 0 ? 0 : 1;
}
