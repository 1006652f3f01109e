/* warden/control_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "testing.h"
#include "warden/control.h"

static const struct control rows[] = {
    { .kind = CONTROL_CHANNEL, .peer = ROLE_KEEPER, .index = 0 },
    { .kind = CONTROL_CHANNEL, .peer = ROLE_ADMIN, .index = UINT32_MAX },
    { .kind = CONTROL_CONFIG, .text = STR_INIT("[smtp]\nsize_max = \"1MB\"\n") },
    { .kind = CONTROL_CERTIFICATE,
      .text = STR_INIT("chain"),
      .key = STR_INIT("key"),
      .clients = STR_INIT("authorities") },
    { .kind = CONTROL_STOP },
    { .kind = CONTROL_READY },
};

TEST(every_frame_comes_back_as_it_went_and_never_when_cut)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf frame = { 0 };
        struct control got;

        control_format(&rows[i], &frame);
        CHECK(control_parse(buf_str(&frame), &got), "row %zu", i);
        CHECK_EQ(got.kind, rows[i].kind, "row %zu", i);
        CHECK_EQ(got.peer, rows[i].peer, "row %zu", i);
        CHECK_EQ(got.index, rows[i].index, "row %zu", i);
        CHECK_STR(got.text, rows[i].text, "row %zu", i);
        CHECK_STR(got.key, rows[i].key, "row %zu", i);
        CHECK_STR(got.clients, rows[i].clients, "row %zu", i);
        for (size_t cut = 0; cut < frame.len; cut++)
            CHECK(!control_parse(str_take(buf_str(&frame), cut), &got), "row %zu cut at %zu", i,
                  cut);
        buf_add_char(&frame, 'x');
        CHECK(!control_parse(buf_str(&frame), &got), "row %zu with more behind it", i);
        buf_deinit(&frame);
    }
}

TEST(kinds_and_peers_that_are_none_are_refused)
{
    struct control got;

    CHECK(!control_parse(STR("\0\0\0\0\0\0"), &got), "kind 0");
    CHECK(!control_parse(STR("\6\0\0\0\0\0"), &got), "kind past the last");
    CHECK(!control_parse(STR("\1\6\0\0\0\0"), &got), "peer past the last");
}
