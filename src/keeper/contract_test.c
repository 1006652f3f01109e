/* keeper/contract_test.c - every call there and back, cut at every octet, and damaged. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/contract_random.h"
#include "testing.h"

enum { ROUNDS = 40 };

/* There and back gives the same value; every shorter and every longer frame is refused. An empty
 * frame of a struct without fields is whole, which is why cutting starts from its length. */
#define CHECK_WHOLE(whole)                                                                         \
    static void check_##whole(struct arena *mem, struct dice *d)                                   \
    {                                                                                              \
        struct keep_##whole in, out;                                                               \
        struct buf b = { 0 };                                                                      \
                                                                                                   \
        memset(&in, 0, sizeof in);                                                                 \
        fill_##whole(mem, d, &in);                                                                 \
        keep_##whole##_put(&b, &in);                                                               \
        CHECK(keep_##whole##_get(mem, buf_str(&b), &out), #whole);                                 \
        CHECK(same_##whole(&in, &out), #whole);                                                    \
        for (size_t cut = 0; cut < b.len; cut++)                                                   \
            CHECK(!keep_##whole##_get(mem, str_take(buf_str(&b), cut), &out), #whole " cut %zu",   \
                  cut);                                                                            \
        put_u8(&b, 0);                                                                             \
        CHECK(!keep_##whole##_get(mem, buf_str(&b), &out), #whole " with one octet more");         \
        buf_deinit(&b);                                                                            \
    }
#define CHECK_CALL(name, who)                                                                      \
    CHECK_WHOLE(name##_req)                                                                        \
    CHECK_WHOLE(name##_rep)
CONTRACT_CALLS(CHECK_CALL)
#define CHECK_NOTE(name, who) CHECK_WHOLE(name##_note)
CONTRACT_NOTES(CHECK_NOTE)

TEST(every_call_and_note_survives_the_way_there_and_back)
{
    struct dice d = { 0x5eed };

    for (int round = 0; round < ROUNDS; round++) {
        struct arena *mem = arena_new(0);

#define RUN_CALL(name, who)                                                                        \
    check_##name##_req(mem, &d);                                                                   \
    check_##name##_rep(mem, &d);
#define RUN_NOTE(name, who) check_##name##_note(mem, &d);
        CONTRACT_CALLS(RUN_CALL)
        CONTRACT_NOTES(RUN_NOTE)
        arena_free(mem);
    }
}

TEST(a_list_cannot_promise_more_than_the_frame_holds)
{
    struct arena *mem = arena_new(0);
    struct keep_fetch_rep rep;
    struct buf b = { 0 };

    put_varint(&b, UINT64_MAX);
    put_u32(&b, 0);
    CHECK(!keep_fetch_rep_get(mem, buf_str(&b), &rep), "endless list");
    CHECK(arena_used(mem) == 0, "memory was taken for it");
    buf_deinit(&b);
    arena_free(mem);
}

TEST(truth_is_zero_or_one)
{
    struct arena *mem = arena_new(0);
    struct keep_may_send_as_rep rep;

    CHECK(keep_may_send_as_rep_get(mem, STR("\1"), &rep) && rep.allowed, "one");
    CHECK(keep_may_send_as_rep_get(mem, STR("\0"), &rep) && !rep.allowed, "zero");
    CHECK(!keep_may_send_as_rep_get(mem, STR("\2"), &rep), "two");
    arena_free(mem);
}

TEST(every_call_has_a_name_and_somebody_who_may_make_it)
{
    for (unsigned i = 0; i < CALL_COUNT; i++) {
        CHECK(keep_call_who((enum keep_call)i) != 0, "call %u", i);
        CHECK(keep_call_name((enum keep_call)i)[0] != '\0', "call %u", i);
    }
    CHECK_EQ(keep_call_who(CALL_COUNT), 0, "past the end");
    CHECK_STR(str_from_z(keep_call_name(CALL_COUNT)), STR("unknown"), "past the end");
    CHECK_STR(str_from_z(keep_call_name(CALL_login)), STR("login"), "first");
}
