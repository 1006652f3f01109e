/* os/log_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "os/os_test.h"

struct place {
    struct loop *loop;
    struct log *log;
    int ends[2];
    char text[8192];
};

static void open_place(struct place *p, enum log_level level)
{
    CHECK_OK(loop_new_real(&p->loop, NULL), "loop");
    CHECK_EQ(pipe2(p->ends, O_NONBLOCK | O_CLOEXEC), 0, "pipe");
    p->log = log_new(p->loop, STR("gate"), p->ends[1], level);
}

/* What was written since, without the time of the first line. */
static struct str taken(struct place *p)
{
    ssize_t got = read(p->ends[0], p->text, sizeof(p->text));

    return got < 25 ? STR_EMPTY : str_from(p->text + 25, (size_t)got - 25);
}

static void close_place(struct place *p)
{
    log_free(p->log);
    loop_free(p->loop);
    (void)close(p->ends[0]);
    (void)close(p->ends[1]);
}

static void stop(void *ctx)
{
    loop_stop(ctx);
}

TEST(a_line_has_time_level_role_event_and_fields)
{
    struct place p;
    struct address at;
    struct errinfo why = { "the disk is gone" };

    open_place(&p, LOG_INFO);
    CHECK(address_parse(STR("::1"), 25, &at), "address");
    log_begin(p.log, LOG_ERROR, "smtp.refused");
    log_str(p.log, "session", STR("a1"));
    log_num(p.log, "size", -512);
    log_address(p.log, "peer", &at);
    log_err(p.log, ERR_IO, &why);
    log_end(p.log);
    CHECK_STR(taken(&p),
              STR("error gate smtp.refused session=a1 size=-512 peer=[::1]:25 "
                  "error=\"input/output error\" why=\"the disk is gone\"\n"),
              "at once");
    close_place(&p);
}

TEST(no_value_can_forge_a_line_or_a_field)
{
    static const struct {
        struct str value, want;
    } rows[] = {
        { STR_INIT("plain@crepes.fr"), STR_INIT("plain@crepes.fr") },
        { STR_INIT(""), STR_INIT("\"\"") },
        { STR_INIT("a b"), STR_INIT("\"a b\"") },
        { STR_INIT("a=b"), STR_INIT("\"a=b\"") },
        { STR_INIT("x\nerror gate y"), STR_INIT("\"x\\x0aerror gate y\"") },
        { STR_INIT("\"q\\"), STR_INIT("\"\\\"q\\\\\"") },
        { STR_INIT("cr\xC3\xAApe"), STR_INIT("\"cr\xC3\xAApe\"") },
        { STR_INIT("\xFF\x1b[2J"), STR_INIT("\"\\xff\\x1b[2J\"") },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCRATCH(mem, NULL);
        struct place p;

        open_place(&p, LOG_INFO);
        log_begin(p.log, LOG_ERROR, "e");
        log_str(p.log, "v", rows[i].value);
        log_end(p.log);
        CHECK_STR(taken(&p), arena_printf(mem, "error gate e v=%.*s\n", STR_ARG(rows[i].want)),
                  "row %zu", i);
        close_place(&p);
    }
}

TEST(lines_wait_for_the_end_of_the_turn_and_those_above_the_level_are_not_written)
{
    struct place p;

    open_place(&p, LOG_INFO);
    log_begin(p.log, LOG_DEBUG, "quiet");
    log_str(p.log, "v", STR("x"));
    log_end(p.log);
    log_begin(p.log, LOG_INFO, "loud");
    log_end(p.log);
    CHECK_STR(taken(&p), STR(""), "not yet");
    loop_post(p.loop, stop, p.loop);
    CHECK_OK(loop_run(p.loop, NULL), "one turn");
    CHECK_STR(taken(&p), STR("info gate loud\n"), "now");
    close_place(&p);
}

TEST(what_a_slow_reader_cannot_take_is_counted)
{
    struct place p;
    struct str text;

    open_place(&p, LOG_INFO);
    (void)fcntl(p.ends[1], F_SETPIPE_SZ, 4096);
    for (int i = 0; i < 100; i++) {
        log_begin(p.log, LOG_ERROR, "again");
        log_num(p.log, "number", i);
        log_end(p.log);
    }
    CHECK(taken(&p).len > 0, "the first ones");
    log_begin(p.log, LOG_ERROR, "last");
    log_end(p.log);
    text = taken(&p);
    CHECK(str_find(text, STR("log.dropped lines=")) != STR_NOT_FOUND &&
              str_ends(text, STR("error gate last\n")),
          "%.*s", STR_ARG(text));
    close_place(&p);
}

TEST(a_long_value_is_cut_and_says_so)
{
    struct place p;
    char value[2000];

    memset(value, 'x', sizeof(value));
    open_place(&p, LOG_INFO);
    log_begin(p.log, LOG_ERROR, "e");
    log_str(p.log, "v", str_from(value, sizeof(value)));
    log_end(p.log);
    CHECK_STR(str_skip(taken(&p), 15 + LOG_VALUE_BYTES_MAX - 6), STR("xxx...\n"), "its end");
    close_place(&p);
}
