/* message/record/thread_test.c - base subjects. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/thread.h"

#include "testing.h"

static const struct {
    const char *name;
    struct str in, want;
    bool reply;
} subjects[] = {
    { "plain", STR_INIT("Crepes for lunch"), STR_INIT("Crepes for lunch"), false },
    { "reply", STR_INIT("Re: Crepes"), STR_INIT("Crepes"), true },
    { "many", STR_INIT("RE: re : Fwd: FW: Crepes"), STR_INIT("Crepes"), true },
    { "list tag", STR_INIT("[kitchen] Crepes"), STR_INIT("Crepes"), false },
    { "list tags", STR_INIT("[a] [b][c]  Crepes"), STR_INIT("Crepes"), false },
    { "tag and reply", STR_INIT("[kitchen] Re: [kitchen] Re[2]: Crepes"), STR_INIT("Crepes"),
      true },
    { "reply with a number", STR_INIT("Re [3]: Crepes"), STR_INIT("Crepes"), true },
    { "trailer", STR_INIT("Crepes (fwd) (FWD) "), STR_INIT("Crepes"), true },
    { "forward in brackets", STR_INIT("[Fwd: Re: Crepes (fwd)]"), STR_INIT("Crepes"), true },
    { "nothing but a tag", STR_INIT("[kitchen]"), STR_INIT("[kitchen]"), false },
    { "nothing but tags", STR_INIT("[a][b]"), STR_INIT("[b]"), false },
    { "reply to nothing", STR_INIT("Re:"), STR_INIT(""), true },
    { "blanks and tabs", STR_INIT("  Crepes \t and\r\n  ham"), STR_INIT("Crepes and ham"), false },
    { "word beginning like a reply", STR_INIT("Regarding: ham"), STR_INIT("Regarding: ham"),
      false },
    { "reply inside", STR_INIT("ham re: cheese"), STR_INIT("ham re: cheese"), false },
    { "open bracket", STR_INIT("[kitchen Re: ham"), STR_INIT("[kitchen Re: ham"), false },
    { "nested brackets", STR_INIT("[a[b]] ham"), STR_INIT("[a[b]] ham"), false },
    { "empty", STR_INIT(""), STR_INIT(""), false },
};

TEST(base_subjects_follow_the_rules)
{
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
        struct arena *mem = arena_new(0);
        bool reply;

        CHECK_STR(thread_base_subject(mem, subjects[i].in, &reply), subjects[i].want, "%s",
                  subjects[i].name);
        CHECK_EQ(reply, subjects[i].reply, "%s", subjects[i].name);
        for (size_t len = 0; len < subjects[i].in.len; len++)
            (void)thread_base_subject(mem, str_take(subjects[i].in, len), &reply);
        arena_free(mem);
    }
}

TEST(a_subject_of_brackets_costs_no_more_than_its_length)
{
    struct arena *mem = arena_new(0);
    size_t len = 400000;
    char *at = arena_alloc(mem, len);
    bool reply;

    for (size_t i = 0; i < len; i++)
        at[i] = i % 2 == 0 ? '[' : ']';
    CHECK_STR(thread_base_subject(mem, str_from(at, len), &reply), STR("[]"), "brackets");
    memset(at, '[', len);
    CHECK_EQ(thread_base_subject(mem, str_from(at, len), &reply).len, THREAD_SUBJECT_BYTES_MAX,
             "open brackets");
    arena_free(mem);
}

TEST(a_long_subject_is_cut_between_characters)
{
    struct arena *mem = arena_new(0);
    char at[1 + 2 * THREAD_SUBJECT_BYTES_MAX] = "x";
    bool reply;

    for (size_t i = 1; i + 1 < sizeof(at); i += 2)
        memcpy(at + i, "\303\251", 2);
    CHECK_EQ(thread_base_subject(mem, str_from(at, sizeof(at)), &reply).len,
             THREAD_SUBJECT_BYTES_MAX - 1, "the first half of a character is not kept");
    arena_free(mem);
}
