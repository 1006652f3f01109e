/* store/index/query_test.c - no message that holds a string is ever left out.
 *
 * Random messages of words, odd words, markup and scripts without blanks are indexed and merged in
 * random pieces; then random needles, taken out of the messages or made up, are asked for. The
 * plain search through the texts decides: what holds the needle must be among `maybe`, and what is
 * in `sure` must hold it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "message/coding/charset.h"
#include "message/words/fuzzy.h"
#include "store/index/gather.h"
#include "store/index/query.h"
#include "testing.h"

enum { ACCOUNT = 3, MESSAGES = 120, NEEDLES = 100 };

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
static uint64_t seed;

static uint32_t any(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % below;
}

static const char *const vocabulary[] = {
    "the",
    "invoice",
    "Meeting",
    "cr\303\252pe",
    "STRASSE",
    "stra\303\237e",
    "a",
    "of",
    "2026",
    "x1",
    "tomorrow",
    "caf\303\251",
    "na\303\257ve",
    "\320\232\320\275\320\270\320\263\320\260",
    "\346\235\261\344\272\254\351\203\275",
    "\346\227\245\346\234\254",
    "\343\201\223\343\202\223\343\201\253\343\201\241\343\201\257",
    "\340\270\252\340\270\247\340\270\261\340\270\252\340\270\224\340\270\265",
    "alice@crepes.fr",
    "http://hamburger.edu/q?id=7f3a9c21bb04de55aa10",
    "Donaudampfschifffahrtsgesellschaftskapitaen",
    "e\314\201",
    "I\314\207",
    "\357\254\201n",
};

static void add_word(struct buf *out)
{
    static const char digits[] = "0123456789abcdefABCDEF+/";

    if (any(6) != 0) {
        buf_add(out, str_from_z(vocabulary[any(ARRAY_LEN(vocabulary))]));
        return;
    }
    for (uint32_t len = 1 + any(40); len > 0; len--)
        buf_add_char(out, digits[any(sizeof digits - 1)]);
}

static void add_words(struct buf *out, uint32_t count, bool markup)
{
    static const char *const between[] = { " ", " ", " ", ", ", "-", "\r\n", "" };
    static const char *const tags[] = { "<b>",  "</b>",  "<p class=\"x\">",
                                        "<td>", "&amp;", "<a href=z>" };

    while (count-- > 0) {
        add_word(out);
        buf_add(out, str_from_z(between[any(ARRAY_LEN(between))]));
        if (markup && any(4) == 0)
            buf_add(out, str_from_z(tags[any(ARRAY_LEN(tags))]));
    }
}

struct sample {
    struct buf message, record;
    struct record r;
};

static void sample_make(struct sample *s)
{
    bool html = any(3) == 0;
    struct buf words = { 0 };

    *s = (struct sample){ 0 };
    add_words(&words, 4, false);
    BUF_ADD(&s->message, "From: Alice <alice@crepes.fr>\r\nSubject: ");
    for (size_t i = 0; i < words.len; i++)
        buf_add_char(&s->message, words.at[i] == '\r' || words.at[i] == '\n' ? ' ' : words.at[i]);
    BUF_ADD(&s->message, "\r\nMessage-ID: <");
    buf_printf(&s->message, "%08x%08x.x@hamburger.edu>\r\n", any(UINT32_MAX), any(UINT32_MAX));
    buf_printf(&s->message, "Content-Type: text/%s; charset=utf-8\r\n\r\n",
               html ? "html" : "plain");
    add_words(&s->message, any(60), html);
    record_build(buf_str(&s->message), &limits, &s->record);
    CHECK_EQ(record_open(buf_str(&s->record), &s->r), OK, "%s", "its own record");
    buf_deinit(&words);
}

struct looking {
    struct str needle;
    const struct str *field;
};

static bool holds(void *ctx, const struct text_found *t)
{
    const struct looking *l = ctx;
    SCRATCH(tmp, NULL);

    if (l->field != NULL && !str_eq_nocase(t->name, *l->field))
        return false;
    return str_find(text_fold_case(tmp, l->field == NULL ? t->text : text_value(t)), l->needle) !=
           STR_NOT_FOUND;
}

static void take_term(void *ctx, struct str term)
{
    gather_term(ctx, term);
}

/* Emails are numbered by twos, so that numbers and places differ. */
static uint32_t email_of(uint32_t i)
{
    return 2 * i + 1;
}

static void index_some(struct kv *kv, struct manifest *m, struct sample *samples, uint32_t from,
                       uint32_t to)
{
    struct gather *g = gather_new((struct siphash_key){ { 1, 2 } });
    struct kv_batch *batch = kv_batch_new(kv);
    struct manifest_segment s = { m->next++, to - from, email_of(from), email_of(to - 1), 0 };
    struct errinfo why;

    for (uint32_t i = from; i < to; i++) {
        gather_email(g, email_of(i));
        if (i == 17 || !words_of_message(&samples[i].r, buf_str(&samples[i].message), take_term, g))
            gather_odd(g);
    }
    gather_write(g, batch, ACCOUNT, s.number, &s.bytes);
    manifest_add(m, &s);
    m->indexed = s.last;
    manifest_put(batch, m);
    CHECK_EQ(index_apply(kv, batch, &why), OK, "%s", "apply");
    kv_batch_free(batch);
    gather_free(g);
}

static struct str needle_of(struct arena *mem, const struct sample *samples)
{
    const struct sample *s = &samples[any(MESSAGES)];
    struct str text = text_fold_case(mem, buf_str(&s->message));
    size_t at = any((uint32_t)text.len), len = 1 + any(any(3) == 0 ? 30 : 8);

    if (any(10) == 0)
        return STR("nowhere to be found");
    while (at > 0 && (text.at[at] & 0xC0) == 0x80)
        at--;
    return text_fold_case(mem, utf8_cut(str_skip(text, at), MAX(len, (size_t)4)));
}

static void check_needle(const struct index_reader *r, struct sample *samples, struct str needle,
                         unsigned classes, const struct str *field)
{
    struct index_substring q = { .classes = classes, .needle = needle, .field = field };
    struct looking l = { needle, field };

    CHECK_EQ(index_find_substring(r, &q), OK, "%.*s", STR_ARG(needle));
    for (uint32_t i = 0; i < MESSAGES; i++) {
        bool there = texts_each(&samples[i].r, buf_str(&samples[i].message), classes, holds, &l);

        CHECK(!there || roaring_bitmap_contains(q.maybe, email_of(i)),
              "message %u holds '%.*s' in %x and is left out", i, STR_ARG(needle), classes);
        CHECK(there || !roaring_bitmap_contains(q.sure, email_of(i)),
              "message %u does not hold '%.*s' in %x", i, STR_ARG(needle), classes);
        CHECK(!roaring_bitmap_contains(q.sure, email_of(i)) ||
                  roaring_bitmap_contains(q.maybe, email_of(i)),
              "message %u is sure and not possible", i);
    }
    roaring_bitmap_free(q.sure);
    roaring_bitmap_free(q.maybe);
}

static void with_index(void (*run)(const struct index_reader *r, struct sample *samples))
{
    static struct sample samples[MESSAGES];
    static struct manifest_segment room[MESSAGES + 1];
    struct kv *kv = kv_new_mem();
    struct arena *mem = arena_new(0);
    struct manifest m = { .account = ACCOUNT, .next = 1, .at = room };
    struct index_reader r;
    struct errinfo why;

    for (uint32_t i = 0; i < MESSAGES; i++)
        sample_make(&samples[i]);
    for (uint32_t i = 0, to; i < MESSAGES; i = to) {
        to = MIN(i + 1 + any(50), (uint32_t)MESSAGES);
        index_some(kv, &m, samples, i, to);
    }
    CHECK_EQ(index_open(kv, NULL, mem, ACCOUNT, &r, &why), OK, "%s", "open");
    run(&r, samples);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        buf_deinit(&samples[i].message);
        buf_deinit(&samples[i].record);
    }
    arena_free(mem);
    kv_close(kv);
}

static void ask_needles(const struct index_reader *r, struct sample *samples)
{
    static const unsigned classes[] = { TEXTS_IN_MESSAGE, TEXTS_IN_BODY, TEXT_BIT(SUBJECT),
                                        TEXT_BIT(FROM) };
    static const struct str fields[] = { STR_INIT("Message-ID"), STR_INIT("subject"),
                                         STR_INIT("X-None") };

    for (unsigned i = 0; i < NEEDLES; i++) {
        struct arena *mem = arena_new(0);
        struct str needle = needle_of(mem, samples);

        check_needle(r, samples, needle, classes[any(ARRAY_LEN(classes))], NULL);
        check_needle(r, samples, any(4) == 0 ? STR_EMPTY : needle, TEXT_BIT(HEADER),
                     &fields[any(ARRAY_LEN(fields))]);
        arena_free(mem);
    }
}

TEST(no_message_that_holds_a_string_is_left_out)
{
    for (uint64_t round = 1; round <= 3; round++) {
        seed = 88172645463325252u * round;
        with_index(ask_needles);
    }
}

static uint64_t count_of(const struct index_reader *r, struct str needle)
{
    struct index_substring q = { .classes = TEXTS_IN_BODY, .needle = needle };
    uint64_t count;

    CHECK_EQ(index_find_substring(r, &q), OK, "%.*s", STR_ARG(needle));
    count = roaring_bitmap_get_cardinality(q.maybe);
    roaring_bitmap_free(q.sure);
    roaring_bitmap_free(q.maybe);
    return count;
}

static void ask_absent(const struct index_reader *r, struct sample *samples)
{
    (void)samples;
    /* The odd email is the one that is always possible. */
    CHECK(count_of(r, STR("absentword")) <= 2, "%" PRIu64, count_of(r, STR("absentword")));
    CHECK(count_of(r, STR("invoice absentword")) <= 2, "%s", "two words");
    CHECK(count_of(r, STR("invoice")) > 20, "%s", "a word that many have");
}

/* What the index says of `needle` against the truth: how many must be looked at in vain, and how
 * many are known without. */
static void count_kinds(const struct index_reader *r, struct sample *samples,
                        struct index_substring *q, uint32_t *ret_there, uint32_t *ret_vain,
                        uint32_t *ret_sure)
{
    struct looking l = { q->needle, q->field };

    *ret_there = *ret_vain = 0;
    CHECK_EQ(index_find_substring(r, q), OK, "%.*s", STR_ARG(q->needle));
    for (uint32_t i = 0; i < MESSAGES; i++) {
        bool there = texts_each(&samples[i].r, buf_str(&samples[i].message), q->classes, holds, &l);

        *ret_there += there ? 1 : 0;
        *ret_vain += !there && roaring_bitmap_contains(q->maybe, email_of(i)) ? 1 : 0;
    }
    *ret_sure = (uint32_t)roaring_bitmap_get_cardinality(q->sure);
    roaring_bitmap_free(q->sure);
    roaring_bitmap_free(q->maybe);
}

static void ask_phrases(const struct index_reader *r, struct sample *samples)
{
    static const struct str needles[] = { STR_INIT("invoice meeting tomorrow"),
                                          STR_INIT("meeting invoice tomorrow"),
                                          STR_INIT("tomorrow invoice"), STR_INIT("the invoice") };
    uint32_t there, vain, sure, all_vain = 0, words_vain = 0;

    for (size_t i = 0; i < ARRAY_LEN(needles); i++) {
        struct index_substring q = { .classes = TEXTS_IN_BODY, .needle = needles[i] };
        struct index_substring first = q;

        count_kinds(r, samples, &q, &there, &vain, &sure);
        all_vain += vain;
        first.needle = str_take(needles[i], str_find_char(needles[i], ' '));
        count_kinds(r, samples, &first, &there, &vain, &sure);
        words_vain += there;
    }
    CHECK(4 * all_vain < words_vain, "%u looked at in vain, %u have the word", all_vain,
          words_vain);
}

TEST(words_in_a_row_are_looked_for_in_few_messages)
{
    seed = 88172645463325252u;
    with_index(ask_phrases);
}

static void ask_fields(const struct index_reader *r, struct sample *samples)
{
    static const struct str from = STR_INIT("from"), subject = STR_INIT("Subject");
    struct index_substring alice = { .classes = TEXT_BIT(HEADER),
                                     .needle = STR("alice"),
                                     .field = &from };
    struct index_substring invoice = { .classes = TEXT_BIT(HEADER),
                                       .needle = STR("invoice"),
                                       .field = &from };
    struct index_substring any_subject = { .classes = TEXT_BIT(HEADER),
                                           .needle = STR_EMPTY,
                                           .field = &subject };
    uint32_t there, vain, sure;

    /* All but the odd one. */
    count_kinds(r, samples, &alice, &there, &vain, &sure);
    CHECK_EQ(there, MESSAGES, "%s", "from alice");
    CHECK_EQ(sure, MESSAGES - 1, "%s", "and that is sure");
    count_kinds(r, samples, &any_subject, &there, &vain, &sure);
    CHECK_EQ(there, MESSAGES, "%s", "there is a subject");
    CHECK_EQ(sure, MESSAGES - 1, "%s", "and that is sure");
    count_kinds(r, samples, &invoice, &there, &vain, &sure);
    CHECK_EQ(there + sure, 0, "%s", "invoices in other fields");
    CHECK(vain <= MESSAGES / 4, "%u looked at in vain", vain);
}

TEST(words_of_a_field_are_known_by_the_field)
{
    seed = 88172645463325252u;
    with_index(ask_fields);
}

TEST(what_is_nowhere_is_hardly_looked_for)
{
    seed = 88172645463325252u;
    with_index(ask_absent);
}

/* The index scores as the message itself does, to the step. */
static void ask_words(const struct index_reader *r, struct sample *samples)
{
    static const char *const asked[] = { "invoices", "meet",
                                         "crepe",    "caf\303\251 invoice",
                                         "strasse",  "\346\235\261\344\272\254",
                                         "nothing",  "alice" };
    struct stems *stems;
    struct errinfo why;

    CHECK_EQ(stems_new(STR("english"), &stems, &why), OK, "%s", "english");
    for (size_t a = 0; a < ARRAY_LEN(asked); a++) {
        struct index_words q = { .classes = TEXTS_IN_MESSAGE,
                                 .text = str_from_z(asked[a]),
                                 .stems = stems };

        CHECK_EQ(index_find_words(r, &q), OK, "%s", asked[a]);
        for (uint32_t i = 0; i < MESSAGES; i++) {
            unsigned score = fuzzy_score(&samples[i].r, buf_str(&samples[i].message),
                                         TEXTS_IN_MESSAGE, stems, q.text);

            if (i == 17)
                continue; /* which is odd */
            for (unsigned n = 0; n < INDEX_SCORES; n++)
                CHECK(roaring_bitmap_contains(q.scores[n], email_of(i)) ==
                          (score / (FUZZY_FULL / INDEX_SCORES) >= n + 1),
                      "'%s' message %u scores %u, step %u", asked[a], i, score, n);
        }
        index_words_free(&q);
    }
    stems_free(stems);
}

TEST(words_are_found_with_the_scores_of_their_messages)
{
    seed = 88172645463325252u;
    with_index(ask_words);
}
