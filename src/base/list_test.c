/* base/list_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"
#include "testing.h"

struct item {
    int number;
    struct list link;
};

static int digits(struct list *head)
{
    int all = 0;

    LIST_EACH(it, head)
    all = all * 10 + LIST_ITEM(it, struct item, link)->number;
    return all;
}

TEST(members_stand_in_the_order_of_their_adding)
{
    struct item items[4] = { { .number = 1 }, { .number = 2 }, { .number = 3 }, { .number = 4 } };
    struct list head;

    list_init(&head);
    CHECK(list_empty(&head) && list_first(&head) == NULL, "empty");
    list_add_last(&head, &items[1].link);
    list_add_last(&head, &items[2].link);
    list_add_first(&head, &items[0].link);
    list_add_after(&items[0].link, &items[3].link);
    CHECK_EQ(digits(&head), 1423, "order");
    CHECK(list_first(&head) == &items[0].link, "first");

    list_remove(&items[3].link);
    list_remove(&items[3].link);
    CHECK_EQ(digits(&head), 123, "removed once, though asked twice");
}

TEST(all_members_may_be_removed_on_the_way)
{
    struct item items[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
    struct list head;

    list_init(&head);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        list_add_last(&head, &items[i].link);
    LIST_EACH_SAFE(it, &head)
    list_remove(it);
    CHECK(list_empty(&head), "none left");
}
