/* test/unit/testing.h - tests whose names are sentences, on cmocka.
 *
 * TEST(name) defines and registers a test; every room links its *_test.c files with
 * testing_main.c into one program. A failing CHECK prints the values and the row's own words
 * (a printf format and arguments, never left out) and ends the test. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_TEST_TESTING_H
#define POSTERN_TEST_TESTING_H

#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "base/str.h"

typedef void (*test_fn)(void);
void testing_register(const char *file, const char *name, test_fn run);
NORETURN void testing_fail(const char *file, int line);
/* Prints `s` quoted, with control octets escaped, cut after 400 octets. */
void testing_print_str(const char *label, struct str s);

#define TEST(name)                                                                                 \
    static void name(void);                                                                        \
    __attribute__((constructor)) static void register_##name(void)                                 \
    {                                                                                              \
        testing_register(__FILE__, #name, name);                                                   \
    }                                                                                              \
    static void name(void)

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "not so: %s\n  row: ", #condition);                              \
            (void)fprintf(stderr, __VA_ARGS__);                                                    \
            testing_fail(__FILE__, __LINE__);                                                      \
        }                                                                                          \
    } while (0)

#define CHECK_EQ(got, want, ...)                                                                   \
    do {                                                                                           \
        intmax_t got_ = (intmax_t)(got), want_ = (intmax_t)(want);                                 \
        if (got_ != want_) {                                                                       \
            (void)fprintf(stderr, "%s: got %" PRIdMAX ", want %" PRIdMAX "\n  row: ", #got, got_,  \
                          want_);                                                                  \
            (void)fprintf(stderr, __VA_ARGS__);                                                    \
            testing_fail(__FILE__, __LINE__);                                                      \
        }                                                                                          \
    } while (0)

#define CHECK_STR(got, want, ...)                                                                  \
    do {                                                                                           \
        struct str got_ = (got), want_ = (want);                                                   \
        if (!str_eq(got_, want_)) {                                                                \
            (void)fprintf(stderr, "%s differs\n", #got);                                           \
            testing_print_str("   got", got_);                                                     \
            testing_print_str("  want", want_);                                                    \
            (void)fprintf(stderr, "  row: ");                                                      \
            (void)fprintf(stderr, __VA_ARGS__);                                                    \
            testing_fail(__FILE__, __LINE__);                                                      \
        }                                                                                          \
    } while (0)

#define CHECK_OK(got, ...)                                                                         \
    do {                                                                                           \
        enum err got_ = (got);                                                                     \
        if (got_ != OK) {                                                                          \
            (void)fprintf(stderr, "%s: %s\n  row: ", #got, err_text(got_));                        \
            (void)fprintf(stderr, __VA_ARGS__);                                                    \
            testing_fail(__FILE__, __LINE__);                                                      \
        }                                                                                          \
    } while (0)

#endif
