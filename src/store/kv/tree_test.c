/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kv/tree.h"

#include "testing.h"

enum { KEYS = 200, STEPS = 20000, OLD_STATES = 8 };

struct model {
    int value[KEYS]; /* 0: absent */
};

static unsigned random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

static struct str key_of(char *buf, unsigned n)
{
    (void)snprintf(buf, 16, "k%03u", n);
    return str_from_z(buf);
}

static void check_equal(const struct tree *t, const struct model *m, int step)
{
    const struct tree_entry *e = tree_ge(t, STR_EMPTY);
    char key[16];
    uint64_t value;

    for (unsigned i = 0; i < KEYS; i++) {
        if (m->value[i] == 0)
            continue;
        CHECK(e != NULL, "step %d key %u missing", step, i);
        CHECK_STR(e->key, key_of(key, i), "step %d", step);
        CHECK(str_to_u64(e->value, STEPS, &value), "step %d key %u", step, i);
        CHECK_EQ(value, m->value[i], "step %d key %u", step, i);
        e = tree_gt(t, e->key);
    }
    CHECK(e == NULL, "step %d: a key too many", step);
}

TEST(old_states_of_a_tree_never_change)
{
    struct tree now = { 0 }, old[OLD_STATES] = { { 0 } };
    struct model model = { 0 }, old_models[OLD_STATES] = { { { 0 } } };
    uint64_t seed = 7;

    for (int step = 1; step <= STEPS; step++) {
        unsigned k = random_next(&seed) % KEYS, what = random_next(&seed) % 100;
        char key[16], value[16];

        if (what < 60) {
            (void)snprintf(value, sizeof(value), "%d", step);
            tree_put(&now, key_of(key, k), str_from_z(value), false);
            model.value[k] = step;
        } else if (what < 98) {
            tree_remove(&now, key_of(key, k));
            model.value[k] = 0;
        } else {
            unsigned slot = random_next(&seed) % OLD_STATES;

            check_equal(&old[slot], &old_models[slot], step);
            tree_release(&old[slot]);
            old[slot] = tree_share(&now);
            old_models[slot] = model;
            check_equal(&now, &model, step);
        }
    }
    for (int i = 0; i < OLD_STATES; i++) {
        check_equal(&old[i], &old_models[i], STEPS);
        tree_release(&old[i]);
    }
    tree_release(&now);
}

TEST(neighbours_are_found_on_both_sides)
{
    struct tree t = { 0 };
    static const struct {
        struct str key;
        const char *ge, *gt, *lt;
    } rows[] = {
        { STR_INIT("a"), "b", "b", NULL }, { STR_INIT("b"), "b", "d", NULL },
        { STR_INIT("c"), "d", "d", "b" },  { STR_INIT("d"), "d", "f", "b" },
        { STR_INIT("f"), "f", NULL, "d" }, { STR_INIT("g"), NULL, NULL, "f" },
        { STR_INIT(""), "b", "b", NULL },  { STR_INIT("b\0"), "d", "d", "b" },
    };

    CHECK(tree_last(&t) == NULL && tree_ge(&t, STR("a")) == NULL, "empty");
    tree_put(&t, STR("d"), STR("4"), false);
    tree_put(&t, STR("b"), STR("2"), true);
    tree_put(&t, STR("f"), STR(""), false);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct tree_entry *got[3] = { tree_ge(&t, rows[i].key), tree_gt(&t, rows[i].key),
                                            tree_lt(&t, rows[i].key) };
        const char *want[3] = { rows[i].ge, rows[i].gt, rows[i].lt };

        for (int j = 0; j < 3; j++) {
            CHECK((got[j] == NULL) == (want[j] == NULL), "row %zu.%d", i, j);
            if (want[j] != NULL)
                CHECK_STR(got[j]->key, str_from_z(want[j]), "row %zu.%d", i, j);
        }
    }
    CHECK(tree_get(&t, STR("b"))->gone, "the mark is kept");
    CHECK_STR(tree_last(&t)->key, STR("f"), "last");
    tree_release(&t);
}
