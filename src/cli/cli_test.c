/* cli/cli_test.c - commands run whole, against a keeper that answers from a script. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <sysexits.h>
#include <unistd.h>

#include "base/codec.h"
#include "cli/command.h"
#include "cli/exit.h"
#include "keeper/contract.h"
#include "os/path.h"
#include "testing.h"

enum { OUTPUT_MAX = 65536, WORDS_MAX = 20 };

/* ---- a keeper that notes the calls it gets and answers each with the next row ---- */

struct answer {
    enum keep_call call;
    enum err e;
    struct str text; /* of a failure */
    void (*put)(struct buf *out);
};

static struct {
    const struct answer *answers;
    size_t count, next;
    bool opened, closed, wrong;
    struct buf asked; /* the requests' fields, one behind the other */
} script;

static struct channel *keeper_end;

static void on_frame(void *ctx, struct str frame, struct file *file)
{
    struct reader r = reader_of(frame);
    uint8_t kind = get_u8(&r), call = get_u8(&r);
    uint64_t tag = get_varint(&r);
    struct buf out = { 0 };

    (void)ctx;
    (void)file;
    if (kind != FRAME_REQUEST || script.next == script.count ||
        script.answers[script.next].call != (enum keep_call)call) {
        script.wrong = true;
        script.next = 0;
    }
    const struct answer *a = &script.answers[script.next++];
    buf_add(&script.asked, r.rest);
    put_u8(&out, FRAME_REPLY);
    put_varint(&out, tag);
    put_u8(&out, (uint8_t)a->e);
    if (a->e != OK)
        put_str(&out, a->text);
    else if (a->put != NULL)
        a->put(&out);
    channel_send(keeper_end, buf_str(&out), NULL);
    buf_deinit(&out);
}

static void on_closed(void *ctx, enum err why)
{
    (void)ctx;
    (void)why;
}

static const struct channel_events keeper_events = { .frame = on_frame, .closed = on_closed };

static enum err keeper_open(struct loop *l, const struct config *c, void **ret_keeper,
                            struct channel **ret_channel, struct errinfo *why)
{
    enum err e = channel_pair(l, l, ret_channel, &keeper_end, why);

    (void)c;
    if (e != OK)
        return e;
    channel_set_events(keeper_end, &keeper_events, NULL);
    *ret_keeper = &script;
    script.opened = true;
    return OK;
}

static void keeper_close(struct loop *l, void *keeper)
{
    (void)l;
    (void)keeper;
    channel_free(keeper_end);
    script.closed = true;
}

static enum err serve(struct config *c, const struct cli_serve *how, struct errinfo *why)
{
    (void)how;
    return err_set(why, ERR_IN_USE, "served %.*s", STR_ARG(c->server.data_dir));
}

static const struct cli_host host = {
    .version = "1.2.3", .serve = serve, .keeper_open = keeper_open, .keeper_close = keeper_close
};

/* ---- running a command line ---- */

struct result {
    int code;
    char text[OUTPUT_MAX]; /* both outputs */
};

/* `line` is split at blanks; "%" stands for a folder that does not exist. */
static void run(struct result *r, const char *line, const struct answer *answers, size_t count)
{
    SCRATCH(mem, NULL);
    struct str rest = str_from_z(line);
    char *argv[WORDS_MAX] = { (char *)(uintptr_t) "postern" };
    int argc = 1, before[2] = { dup(1), dup(2) }, pipe_ends[2];
    ssize_t got;
    size_t len = 0;

    buf_clear(&script.asked);
    script.answers = answers;
    script.count = count;
    script.next = 0;
    script.opened = script.closed = script.wrong = false;
    while (rest.len > 0)
        argv[argc++] = arena_copy_z(mem, str_split(&rest, ' '));
    FILE *capture = tmpfile();
    CHECK(capture != NULL, "a temporary file");
    pipe_ends[0] = fileno(capture);
    (void)fflush(stdout);
    (void)dup2(pipe_ends[0], 1);
    (void)dup2(pipe_ends[0], 2);
    r->code = cli_run(&host, argc, argv);
    (void)fflush(stdout);
    (void)fflush(stderr);
    (void)dup2(before[0], 1);
    (void)dup2(before[1], 2);
    (void)close(before[0]);
    (void)close(before[1]);
    (void)lseek(pipe_ends[0], 0, SEEK_SET);
    while ((got = read(pipe_ends[0], r->text + len, sizeof(r->text) - 1 - len)) > 0)
        len += (size_t)got;
    r->text[len] = '\0';
    (void)fclose(capture);
}

#define SETTINGS " --dir /nowhere --set server.keeper_user="

TEST(words_that_make_no_command_are_a_usage_error_that_says_what_would)
{
    static const struct {
        const char *line, *want;
    } rows[] = {
        { "", "usage: postern COMMAND" },
        { "fly", "postern: there is no command 'fly'" },
        { "queue", "postern: usage: postern queue list|show|retry|hold|release|drop" },
        { "queue fly", "postern: usage: postern queue list|" },
        { "domain add", "postern: usage: postern domain add NAME" },
        { "domain add a b", "postern: usage: postern domain add NAME" },
        { "domain add a --quota 5", "postern: postern domain add has no option --quota" },
        { "domain list --json=yes", "postern: --json takes no value" },
        { "domain list --dir", "postern: --dir needs a value: DIR" },
        { "version --json", "postern: postern version has no option --json" },
    };
    struct result r;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        run(&r, rows[i].line, NULL, 0);
        CHECK_EQ(r.code, EX_USAGE, "%s: %s", rows[i].line, r.text);
        CHECK(str_starts(str_from_z(r.text), str_from_z(rows[i].want)), "%s: %s", rows[i].line,
              r.text);
    }
}

TEST(help_names_every_command_and_its_options)
{
    struct result r;

    run(&r, "help", NULL, 0);
    CHECK_EQ(r.code, 0, "%s", r.text);
    for (size_t i = 0; i < command_count; i++)
        CHECK(strstr(r.text, command_rows[i].words) != NULL, "%s", command_rows[i].words);
    run(&r, "queue list --help", NULL, 0);
    CHECK_EQ(r.code, 0, "%s", r.text);
    CHECK(strstr(r.text, "--json") != NULL, "%s", r.text);
    run(&r, "help queue", NULL, 0);
    CHECK(strstr(r.text, "postern queue drop ID...|all") != NULL, "%s", r.text);
    run(&r, "--version", NULL, 0);
    CHECK_STR(str_from_z(r.text), STR("postern 1.2.3\n"), "version");
}

TEST(every_option_that_a_command_names_exists)
{
    for (size_t i = 0; i < command_count; i++) {
        struct str names = str_from_z(command_rows[i].options);

        while (names.len > 0) {
            struct str name = str_split(&names, ' ');
            bool found = false;

            for (size_t o = 0; o < option_count; o++)
                found |= str_eq(name, str_from_z(option_rows[o].name));
            CHECK(found, "%s: --%.*s", command_rows[i].words, STR_ARG(name));
        }
    }
}

TEST(every_error_has_an_exit_code)
{
    CHECK_EQ(exit_code(OK), 0, "ok");
    for (enum err e = OK + 1; e < ERR_COUNT; e++)
        CHECK(exit_code(e) >= EX__BASE, "%s", err_text(e));
}

TEST(settings_are_written_checked_and_shown)
{
    struct result r;

    run(&r, "config default", NULL, 0);
    CHECK(r.code == 0 && strstr(r.text, "#size_max = \"50MB\"") != NULL, "%s", r.text);
    run(&r, "config manual", NULL, 0);
    CHECK(r.code == 0 && strstr(r.text, ".TH POSTERN.CONF 5") != NULL, "%s", r.text);
    run(&r, "config show --set smtp.size_max=1MB --dir /x", NULL, 0);
    CHECK(r.code == 0 && strstr(r.text, "\nsize_max = \"1MB\"") != NULL &&
              strstr(r.text, "\ndata_dir = \"/x\"") != NULL,
          "%s", r.text);
    run(&r, "config check --set listen.addresses=['::1']", NULL, 0);
    CHECK_EQ(r.code, 0, "%s", r.text);
    run(&r, "config check /nowhere/postern.conf", NULL, 0);
    CHECK_EQ(r.code, EX_NOUSER, "%s", r.text);
    CHECK(strstr(r.text, "/nowhere/postern.conf") != NULL, "%s", r.text);
}

TEST(settings_that_cannot_work_are_refused_before_anything_starts)
{
    static const struct {
        const char *line, *want;
    } rows[] = {
        { "config check --set listen.addresses=['here']", "'here' is no address" },
        { "config check --set courier.dns_server=53", "'53' is no address with a port" },
        { "config check --set tls.key_file=x", "both or not at all" },
        { "serve --set smtp.size_mx=5", "did you mean smtp.size_max?" },
        { "serve --set smtp.idle_max=5", "must be a time" },
        { "demo --offset x", "listen.port_offset" },
        { "demo --dir=", "--dir needs a folder" },
    };
    struct result r;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        run(&r, rows[i].line, NULL, 0);
        CHECK(r.code != 0, "%s", rows[i].line);
        CHECK(strstr(r.text, rows[i].want) != NULL, "%s: %s", rows[i].line, r.text);
    }
}

TEST(serve_gets_the_settings_and_its_error_is_shown)
{
    struct result r;

    run(&r, "serve --dir /somewhere", NULL, 0);
    CHECK_EQ(r.code, EX_TEMPFAIL, "%s", r.text);
    CHECK_STR(str_from_z(r.text), STR("postern: served /somewhere\n"), "message");
}

TEST(a_command_without_a_server_gets_a_keeper_of_its_own)
{
    static const struct answer good[] = { { .call = CALL_domain_add, .e = OK } };
    static const struct answer bad[] = { { CALL_domain_add, ERR_EXISTS,
                                           STR_INIT("crepes.fr is a domain already"), NULL } };
    struct result r;

    run(&r, "domain add crepes.fr" SETTINGS, good, 1);
    CHECK(r.code == 0 && r.text[0] == '\0', "%d %s", r.code, r.text);
    CHECK(script.opened && script.closed && !script.wrong, "its keeper");
    CHECK_STR(buf_str(&script.asked),
              STR("\x09"
                  "crepes.fr"),
              "the request");
    run(&r, "domain add crepes.fr" SETTINGS, bad, 1);
    CHECK_EQ(r.code, EX_CANTCREAT, "%s", r.text);
    CHECK_STR(str_from_z(r.text), STR("postern: crepes.fr is a domain already\n"), "words");
    CHECK(script.closed, "closed after a failure, too");
}

static void put_first_page(struct buf *out)
{
    struct keep_domain domains[] = { { STR_INIT("crepes.fr"), 2 } };
    struct keep_domain_list_rep rep = { domains, 1, STR_INIT("h") };

    keep_domain_list_rep_put(out, &rep);
}

static void put_last_page(struct buf *out)
{
    struct keep_domain domains[] = { { STR_INIT("hamburger.edu"), 1 } };
    struct keep_domain_list_rep rep = { domains, 1, STR_INIT("") };

    keep_domain_list_rep_put(out, &rep);
}

TEST(a_list_is_asked_for_page_by_page)
{
    static const struct answer pages[] = {
        { .call = CALL_domain_list, .e = OK, .put = put_first_page },
        { .call = CALL_domain_list, .e = OK, .put = put_last_page },
    };
    static const struct answer breaks[] = {
        { .call = CALL_domain_list, .e = OK, .put = put_first_page },
        { CALL_domain_list, ERR_IO, STR_INIT("the disk is gone"), NULL },
    };
    struct result r;

    run(&r, "domain list" SETTINGS, pages, 2);
    CHECK_STR(str_from_z(r.text),
              STR("domain         accounts\ncrepes.fr      2\nhamburger.edu  1\n"), "table");
    run(&r, "domain list --json" SETTINGS, pages, 2);
    CHECK_STR(str_from_z(r.text),
              STR("[\n {\"domain\": \"crepes.fr\", \"accounts\": 2},\n"
                  " {\"domain\": \"hamburger.edu\", \"accounts\": 1}\n]\n"),
              "json");
    run(&r, "domain list" SETTINGS, breaks, 2);
    CHECK_EQ(r.code, EX_IOERR, "%s", r.text);
    CHECK_STR(str_from_z(r.text), STR("postern: the disk is gone\n"), "no half list");
}

static void put_problems(struct buf *out)
{
    struct keep_text problems[] = { { STR_INIT("segment 3: record 7 is damaged") } };
    struct keep_check_rep rep = { problems, 1, NULL, 0 };

    keep_check_rep_put(out, &rep);
}

TEST(check_ends_with_one_when_it_finds_a_problem)
{
    static const struct answer found[] = { { .call = CALL_check, .e = OK, .put = put_problems } };
    struct result r;

    run(&r, "check" SETTINGS, found, 1);
    CHECK_EQ(r.code, EXIT_PROBLEMS, "%s", r.text);
    CHECK(strstr(r.text, "record 7 is damaged") != NULL, "%s", r.text);
}

static void put_index_problems(struct buf *out)
{
    struct keep_text problems[] = { { STR_INIT("email 7 is in no segment") } };
    struct keep_index_rep rep = { problems, 1, NULL, 0 };

    keep_index_rep_put(out, &rep);
}

static void put_index_counters(struct buf *out)
{
    struct keep_counter counters[] = { { STR_INIT("emails_waiting"), 12 } };
    struct keep_index_rep rep = { NULL, 0, counters, 1 };

    keep_index_rep_put(out, &rep);
}

TEST(the_index_is_asked_about)
{
    static const struct answer found[] = {
        { .call = CALL_index, .e = OK, .put = put_index_problems }
    };
    static const struct answer counted[] = {
        { .call = CALL_index, .e = OK, .put = put_index_counters }
    };
    struct result r;

    run(&r, "index check" SETTINGS, found, 1);
    CHECK_EQ(r.code, EXIT_PROBLEMS, "%s", r.text);
    CHECK(strstr(r.text, "email 7 is in no segment") != NULL, "%s", r.text);
    run(&r, "index status --json" SETTINGS, counted, 1);
    CHECK_EQ(r.code, 0, "%s", r.text);
    CHECK(strstr(r.text, "emails_waiting") != NULL && strstr(r.text, "12") != NULL, "%s", r.text);
    run(&r, "index rebuild" SETTINGS, counted, 1);
    CHECK_EQ(r.code, 0, "%s", r.text);
}

static void put_changed(struct buf *out)
{
    keep_queue_act_rep_put(out, &(struct keep_queue_act_rep){ .changed = 1 });
}

TEST(queue_actions_name_the_entry_that_is_not_there)
{
    static const struct answer answers[] = {
        { .call = CALL_queue_act, .e = OK, .put = put_changed },
        { .call = CALL_queue_act, .e = ERR_NOT_FOUND },
    };
    struct result r;

    run(&r, "queue hold 7 8 9" SETTINGS, answers, 2);
    CHECK_EQ(r.code, EX_NOUSER, "%s", r.text);
    CHECK_STR(str_from_z(r.text), STR("postern: there is no entry 8\n"), "message");
    run(&r, "queue retry all" SETTINGS, answers, 1);
    CHECK_STR(str_from_z(r.text), STR("1 changed\n"), "all");
    run(&r, "queue drop x" SETTINGS, NULL, 0);
    CHECK_EQ(r.code, EX_DATAERR, "%s", r.text);
    CHECK(!script.opened, "nothing was asked");
}

static void put_token(struct buf *out)
{
    const struct keep_token_add_rep rep = { STR("pt1.1.secret"), STR("0011223344556677") };

    keep_token_add_rep_put(out, &rep);
}

TEST(a_token_is_asked_for_with_its_scope_and_life)
{
    static const struct answer add[] = { { .call = CALL_token_add, .put = put_token } };
    static const struct answer revoke[] = { { .call = CALL_token_revoke, .e = ERR_NOT_FOUND } };
    struct result r;

    run(&r, "token add alice@crepes.fr --scope=imap,smtp --expires=90d --note=phone" SETTINGS, add,
        1);
    CHECK_EQ(r.code, 0, "%s", r.text);
    CHECK(str_find(buf_str(&script.asked), STR("phone")) != STR_NOT_FOUND, "note");
    CHECK(strstr(r.text, "pt1.1.secret") != NULL, "%s", r.text);
    run(&r, "token add alice@crepes.fr --scope=imap,ftp" SETTINGS, NULL, 0);
    CHECK(strstr(r.text, "'ftp' is none of imap, pop and smtp") != NULL, "%s", r.text);
    run(&r, "token add alice@crepes.fr --expires=soon" SETTINGS, NULL, 0);
    CHECK(strstr(r.text, "'soon' is no duration") != NULL, "%s", r.text);
    run(&r, "token revoke alice@crepes.fr 0011223344556677" SETTINGS, revoke, 1);
    CHECK(r.code != 0, "%s", r.text);
}

TEST(passwords_quotas_and_targets_reach_keeper)
{
    static const struct answer add[] = { { .call = CALL_alias_add, .e = OK } };
    struct result r;

    run(&r, "alias add all@crepes.fr alice@crepes.fr bob@hamburger.edu" SETTINGS, add, 1);
    CHECK_EQ(r.code, 0, "%s", r.text);
    CHECK(str_find(buf_str(&script.asked), STR("bob@hamburger.edu")) != STR_NOT_FOUND, "targets");
    run(&r, "account add alice@crepes.fr --password= " SETTINGS, NULL, 0);
    CHECK(strstr(r.text, "usage") != NULL, "%s", r.text);
    run(&r, "account add alice@crepes.fr --password=" SETTINGS, NULL, 0);
    CHECK(strstr(r.text, "an empty password is none") != NULL, "%s", r.text);
    run(&r, "account add alice@crepes.fr --password=x --quota=much" SETTINGS, NULL, 0);
    CHECK(strstr(r.text, "'much' is no size") != NULL, "%s", r.text);
}
