/* store/journal/absorb_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/absorb.h"
#include "testing.h"

enum { SEGMENT = 7, STORED = 100 };

struct scene {
    struct kv *kv;
    struct segment segment, *list[1];
    struct segments segments;
    struct absorb absorb;
};

static void open_scene(struct scene *s)
{
    *s = (struct scene){ .kv = kv_new_mem(), .segment.number = SEGMENT };
    s->list[0] = &s->segment;
    s->segments = (struct segments){ .list = s->list, .count = 1 };
    absorb_init(&s->absorb, s->kv, &s->segments);
}

static void close_scene(struct scene *s)
{
    absorb_deinit(&s->absorb);
    kv_close(s->kv);
}

static void commit(struct scene *s)
{
    CHECK_OK(absorb_commit(&s->absorb, &(struct kv_position){ .segment = SEGMENT }, NULL),
             "commit");
}

static void add_body(struct scene *s, uint64_t id)
{
    struct body_place place = { SEGMENT, id * STORED, STORED, STORED };

    CHECK_OK(absorb_body(&s->absorb, id, &place), "body");
    CHECK_OK(absorb_ops(&s->absorb, SEGMENT, STR_EMPTY, id + 1), "record");
}

/* `times`: a grave may be carried on by a compaction, so the same end comes again. */
static void end_body(struct scene *s, uint64_t id, unsigned times)
{
    char key[JOURNAL_KEY_BYTES];
    struct buf ops = { 0 };

    for (unsigned i = 0; i < times; i++)
        record_op_put(&ops, &(struct record_op){ .kind = i == 0 ? OP_DELETE : OP_GRAVE,
                                                 .key = journal_key(key, 'B', id) });
    CHECK_OK(absorb_ops(&s->absorb, SEGMENT, buf_str(&ops), 0), "record");
    buf_deinit(&ops);
}

TEST(a_body_that_ends_twice_in_one_batch_is_counted_once)
{
    struct scene s;

    open_scene(&s);
    add_body(&s, 1);
    add_body(&s, 2);
    commit(&s);
    CHECK_EQ(s.segment.live_bytes, 2 * STORED, "two bodies");
    end_body(&s, 1, 2);
    commit(&s);
    CHECK_EQ(s.segment.live_bytes, STORED, "one is left");
    end_body(&s, 1, 1);
    commit(&s);
    CHECK_EQ(s.segment.live_bytes, STORED, "and stays");
    close_scene(&s);
}

TEST(a_body_that_comes_and_ends_in_one_batch_leaves_nothing)
{
    struct scene s;

    open_scene(&s);
    add_body(&s, 1);
    end_body(&s, 1, 2);
    commit(&s);
    CHECK_EQ(s.segment.live_bytes, 0, "nothing");
    close_scene(&s);
}
