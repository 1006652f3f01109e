/* message/order/thread_tree_test.c - threads of few messages by hand, of many by limits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/order/thread_tree.h"

#include "base/codec.h"
#include "testing.h"

enum { MANY = 100000 };

/* The response as IMAP writes it. */
static void write_threads(struct str tokens, struct buf *out)
{
    struct reader r = reader_of(tokens);
    uint64_t before = THREAD_OPEN;

    while (r.rest.len > 0) {
        uint64_t token = get_varint(&r);

        if (before >= THREAD_UID && token != THREAD_CLOSE)
            BUF_ADD(out, " ");
        if (token >= THREAD_UID)
            buf_add_u64(out, token - 1);
        else
            buf_add(out, token == THREAD_OPEN ? STR("(") : STR(")"));
        before = token;
    }
    CHECK(!r.bad, "tokens");
}

struct row {
    uint64_t id, refs[4]; /* refs end with 0 */
    uint32_t subject;     /* 0: empty */
    bool is_reply;
    int64_t sent_s;
};

static const struct {
    const char *name;
    struct row messages[8]; /* end with sent_s 0 */
    struct str subject, references, refs;
} cases[] = {
    { "one", { { 1, { 0 }, 1, false, 10 } }, STR_INIT("(1)"), STR_INIT("(1)"), STR_INIT("(1)") },
    { "a chain, told backwards",
      { { 3, { 1, 2 }, 1, true, 30 }, { 2, { 1 }, 1, true, 20 }, { 1, { 0 }, 1, false, 10 } },
      STR_INIT("(3 (2)(1))"),
      STR_INIT("(3 2 1)"),
      STR_INIT("(3 2 1)") },
    { "two answers to one, one of them answered",
      { { 1, { 0 }, 1, false, 10 },
        { 2, { 1 }, 1, true, 30 },
        { 3, { 1 }, 1, true, 20 },
        { 4, { 1, 3 }, 1, true, 40 } },
      STR_INIT("(1 (3)(2)(4))"),
      STR_INIT("(1 (3 4)(2))"),
      STR_INIT("(1 (3 4)(2))") },
    { "answers to something that is not here",
      { { 2, { 1 }, 1, true, 30 }, { 3, { 1 }, 1, true, 20 } },
      STR_INIT("(2 1)"),
      STR_INIT("((2)(1))"),
      STR_INIT("((2)(1))") },
    { "an only answer takes its place",
      { { 2, { 1 }, 2, true, 30 }, { 3, { 0 }, 3, true, 20 } },
      STR_INIT("(2)(1)"),
      STR_INIT("(2)(1)"),
      STR_INIT("(2)(1)") },
    { "a dummy between goes away",
      { { 1, { 0 }, 1, false, 10 }, { 3, { 1, 2 }, 1, true, 30 }, { 4, { 1, 2 }, 1, true, 20 } },
      STR_INIT("(1 (3)(2))"),
      STR_INIT("(1 (3)(2))"),
      STR_INIT("(1 (3)(2))") },
    { "two messages that name each other",
      { { 1, { 2 }, 1, false, 10 }, { 2, { 1 }, 1, false, 20 } },
      STR_INIT("(1 2)"),
      STR_INIT("(2 1)"),
      STR_INIT("(2 1)") },
    { "a message that names itself",
      { { 1, { 1 }, 1, false, 10 } },
      STR_INIT("(1)"),
      STR_INIT("(1)"),
      STR_INIT("(1)") },
    { "one id for two messages",
      { { 1, { 0 }, 1, false, 10 }, { 1, { 0 }, 2, false, 20 }, { 2, { 1 }, 3, true, 30 } },
      STR_INIT("(1)(2)(3)"),
      STR_INIT("(1 3)(2)"),
      STR_INIT("(2)(1 3)") },
    { "no ids: a reply goes below what it answers by its subject",
      { { 0, { 0 }, 1, true, 10 },
        { 0, { 0 }, 1, false, 20 },
        { 0, { 0 }, 0, false, 5 },
        { 0, { 0 }, 0, false, 6 } },
      STR_INIT("(3 4)(1 2)"),
      STR_INIT("(3)(4)(2 1)"),
      STR_INIT("(3)(4)(1)(2)") },
    { "two that say the same, and neither a reply",
      { { 0, { 0 }, 1, false, 10 }, { 0, { 0 }, 1, false, 20 }, { 0, { 0 }, 1, false, 15 } },
      STR_INIT("(1 (3)(2))"),
      STR_INIT("((1)(3)(2))"),
      STR_INIT("(1)(3)(2)") },
    { "dummies with one subject become one",
      { { 1, { 10 }, 1, true, 10 },
        { 2, { 10 }, 1, true, 20 },
        { 3, { 11 }, 1, true, 5 },
        { 4, { 11 }, 1, true, 30 },
        { 0, { 0 }, 1, false, 7 } },
      STR_INIT("(3 (5)(1)(2)(4))"),
      STR_INIT("((3)(5)(1)(2)(4))"),
      STR_INIT("(5)((1)(2))((3)(4))") },
    { "the true parent takes a message from the one that others named",
      { { 3, { 1, 2 }, 1, true, 30 },
        { 2, { 4 }, 2, false, 20 },
        { 4, { 0 }, 3, false, 1 },
        { 1, { 0 }, 4, false, 10 } },
      STR_INIT("(3)(4)(2)(1)"),
      STR_INIT("(3 2 1)(4)"),
      STR_INIT("(4)(3 2 1)") },
};

static uint32_t read_case(size_t i, struct thread_message *messages)
{
    uint32_t count = 0;

    for (const struct row *r = cases[i].messages; r < cases[i].messages + 8 && r->sent_s != 0;
         r++) {
        struct thread_message *m = &messages[count++];

        *m = (struct thread_message){ .uid = count,
                                      .subject = r->subject,
                                      .subject_empty = r->subject == 0,
                                      .is_reply = r->is_reply,
                                      .sent_s = r->sent_s,
                                      .id = r->id,
                                      .references = r->refs };
        while (m->reference_count < 4 && r->refs[m->reference_count] != 0)
            m->reference_count++;
    }
    return count;
}

TEST(small_threads)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct str want[] = { cases[i].subject, cases[i].references, cases[i].refs };
        struct thread_message messages[8];
        uint32_t count = read_case(i, messages);

        for (int a = 0; a < THREAD_ALGORITHM_COUNT; a++) {
            struct buf tokens = { 0 }, text = { 0 };

            thread_messages((enum thread_algorithm)a, messages, count, 42, &tokens);
            write_threads(buf_str(&tokens), &text);
            CHECK_STR(buf_str(&text), want[a], "%s, algorithm %d", cases[i].name, a);
            buf_deinit(&tokens);
            buf_deinit(&text);
        }
    }
}

TEST(no_messages_are_no_threads)
{
    struct buf out = { 0 };

    thread_messages(THREAD_REFERENCES, NULL, 0, 1, &out);
    CHECK_EQ(out.len, 0, "nothing");
    buf_deinit(&out);
}

/* Every message once and every parenthesis closed, whatever the references say. */
static void check_tokens(struct str tokens, uint32_t count, const char *name)
{
    struct reader r = reader_of(tokens);
    uint32_t seen = 0, depth = 0;

    while (r.rest.len > 0) {
        uint64_t token = get_varint(&r);

        seen += token >= THREAD_UID;
        depth += token == THREAD_OPEN;
        CHECK(token != THREAD_CLOSE || depth > 0, "%s: closed too often", name);
        depth -= token == THREAD_CLOSE;
    }
    CHECK(!r.bad && depth == 0, "%s: ended", name);
    CHECK_EQ(seen, count, "%s: messages", name);
}

static void run_many(struct thread_message *messages, const char *name)
{
    for (int a = 0; a < THREAD_ALGORITHM_COUNT; a++) {
        struct buf out = { 0 };

        thread_messages((enum thread_algorithm)a, messages, MANY, 42, &out);
        check_tokens(buf_str(&out), MANY, name);
        buf_deinit(&out);
    }
}

TEST(deep_chains_and_hostile_references_end)
{
    struct thread_message *messages = calloc(MANY, sizeof *messages);
    uint64_t *refs = calloc(MANY, 3 * sizeof *refs);
    uint32_t random = 3;

    for (uint32_t i = 0; i < MANY; i++)
        messages[i] = (struct thread_message){ .uid = i + 1,
                                               .subject = i % 7,
                                               .sent_s = i,
                                               .id = i + 1,
                                               .references = refs + 3 * (size_t)i,
                                               .reference_count = i > 0 };
    for (uint32_t i = 0; i < MANY; i++)
        refs[3 * i] = i;
    run_many(messages, "a chain");
    for (uint32_t i = 0; i < MANY; i++)
        refs[3 * i] = i + 2;
    run_many(messages, "a chain backwards");
    for (uint32_t i = 0; i < MANY; i++)
        refs[3 * i] = (i + 1) % MANY + 1;
    run_many(messages, "a ring");
    for (uint32_t i = 0; i < MANY; i++) {
        messages[i].reference_count = 3;
        messages[i].is_reply = i % 2;
        for (uint32_t r = 0; r < 3; r++) {
            random = random * 1664525u + 1013904223u;
            refs[3 * i + r] = (random >> 8) % (MANY + 10) + 1;
        }
    }
    run_many(messages, "noise");
    free(refs);
    free(messages);
}
