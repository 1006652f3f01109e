/* gate/crowd_test.c - rows of addresses that come and go. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/crowd.h"

#include "testing.h"

static const struct {
    const char *name;
    struct str address;
    uint32_t size; /* once it is in */
} rows[] = {
    { "first", STR_INIT("192.0.2.1"), 1 },
    { "another", STR_INIT("192.0.2.2"), 1 },
    { "again", STR_INIT("192.0.2.1"), 2 },
    { "IPv6", STR_INIT("2001:db8:0:1::1"), 1 },
    { "a neighbour", STR_INIT("2001:db8:0:1:ffff::2"), 2 },
    { "the next network", STR_INIT("2001:db8:0:2::1"), 1 },
    { "loopback", STR_INIT("127.0.0.1"), 0 },
    { "IPv6 loopback", STR_INIT("::1"), 0 },
};

TEST(addresses_are_counted_until_they_leave)
{
    struct crowd_place *places[ARRAY_LEN(rows)];
    struct errinfo why;
    struct crowd c;
    struct loop *l;

    CHECK_OK(loop_new_real(&l, &why), "loop");
    crowd_init(&c, l);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct address a;

            CHECK(address_parse(rows[i].address, 0, &a), "%s", rows[i].name);
            places[i] = crowd_enter(&c, &a);
            CHECK_EQ(crowd_size(places[i]), rows[i].size, "%s", rows[i].name);
        }
        crowd_leave(&c, places[0]);
        CHECK_EQ(crowd_size(places[2]), 1, "one has left");
        for (size_t i = 1; i < ARRAY_LEN(rows); i++)
            crowd_leave(&c, places[i]);
        CHECK_EQ(c.places.count, 0, "all have left");
    }
    crowd_deinit(&c);
    loop_free(l);
}
