/* config/config_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "config/describe.h"
#include "config/settings.h"
#include "testing.h"

TEST(every_row_has_a_default_that_it_accepts_and_a_help)
{
    SCRATCH(mem, NULL);
    const struct config *c = config_new(mem); /* a refused default is a BUG there */

    CHECK_EQ(c->smtp.size_max_bytes, 50 * 1024 * 1024, "a size");
    CHECK_EQ(c->queue.expire_after_ms, 5 * 86400000, "a duration");
    CHECK_EQ(c->queue.retry_after.count, 7, "a list of durations");
    CHECK_EQ(c->queue.retry_after.at[6], 4 * 3600000, "its last");
    CHECK_EQ(c->log.level, CONFIG_LOG_INFO, "a choice");
    CHECK_EQ(c->courier.tls, COURIER_TLS_OPPORTUNISTIC, "another");
    CHECK_EQ(c->store.engine, STORE_ENGINE_ROCKSDB, "and another");
    CHECK_STR(c->server.data_dir, STR("/var/lib/postern"), "a text");
    CHECK_EQ(c->listen.addresses.count, 2, "texts");
    CHECK(!c->auth.plaintext_on_loopback, "a flag");
    for (size_t i = 0; i < setting_count; i++) {
        CHECK(strlen(setting_rows[i].help) > 3, "%s", setting_rows[i].name);
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(setting_rows[i].table, setting_rows[j].table) != 0 ||
                      strcmp(setting_rows[i].name, setting_rows[j].name) != 0,
                  "%s.%s twice", setting_rows[i].table, setting_rows[i].name);
    }
}

TEST(a_file_changes_what_it_names_and_nothing_else)
{
    SCRATCH(mem, NULL);
    struct config *c;
    struct errinfo why = { 0 };

    CHECK_OK(config_parse(mem,
                          STR("[server]\nhost_name = \"mail.crepes.fr\"\n[smtp]\nsize_max = "
                              "\"1MB\"\ntrusted_networks = ['10.0.0.0/8']\n[log]\nlevel='debug'\n"
                              "[auth]\nplaintext_on_loopback = true\n[queue]\n"
                              "retry_after = ['1m', '2m']\n"),
                          &c, &why),
             "%s", why.text);
    CHECK_STR(c->server.host_name, STR("mail.crepes.fr"), "text");
    CHECK_EQ(c->smtp.size_max_bytes, 1048576, "size");
    CHECK_STR(c->smtp.trusted_networks.at[0], STR("10.0.0.0/8"), "texts");
    CHECK_EQ(c->log.level, CONFIG_LOG_DEBUG, "choice");
    CHECK(c->auth.plaintext_on_loopback, "flag");
    CHECK_EQ(c->queue.retry_after.at[1], 120000, "durations");
    CHECK_EQ(c->pop3.idle_max_ms, 600000, "untouched");
}

static const struct {
    const char *in, *want;
} bad[] = {
    { "[smtp]\nsize_mx = 1", "line 2, column 1: there is no setting smtp.size_mx; did you mean "
                             "smtp.size_max?" },
    { "[imap]\nsize_max = 1", "line 2, column 1: there is no setting imap.size_max; did you mean "
                              "smtp.size_max?" },
    { "[smpt]", "line 1, column 1: there is no table [smpt]" },
    { "x = 1", "line 1, column 1: there is no setting .x" },
    { "[smtp]\nrecipients_max = 5", "line 2, column 1: smtp.recipients_max must be from 100 to "
                                    "100000" },
    { "[smtp]\nrecipients_max = -5", "line 2, column 1: smtp.recipients_max must be from" },
    { "[smtp]\nrecipients_max = '5'", "line 2, column 1: smtp.recipients_max must be a number" },
    { "[smtp]\nsize_max = '5 apples'", "line 2, column 1: smtp.size_max must be a size" },
    { "[smtp]\nsize_max = true", "line 2, column 1: smtp.size_max must be a size" },
    { "[smtp]\nsize_max = -1", "line 2, column 1: smtp.size_max must be a size" },
    { "[smtp]\nsize_max = '1KB'", "line 2, column 1: smtp.size_max must be from 64KB to 1GB" },
    { "[smtp]\nidle_max = 300", "line 2, column 1: smtp.idle_max must be a time" },
    { "[smtp]\nidle_max = '1ms'", "line 2, column 1: smtp.idle_max must be from 1s to 1h" },
    { "[log]\nlevel = 'loud'", "line 2, column 1: log.level must be one of \"error|warning" },
    { "[log]\nlevel = 3", "line 2, column 1: log.level must be one of" },
    { "[store]\nsync = 1", "line 2, column 1: store.sync must be true or false" },
    { "[server]\ndata_dir = ''", "line 2, column 1: server.data_dir must not be empty" },
    { "[server]\ndata_dir = 5", "line 2, column 1: server.data_dir must be a text" },
    { "[server]\ndata_dir = \"a\\u0000\"", "line 2, column 1: server.data_dir holds a NUL" },
    { "[server]\nsub_address_separator = '++'", "line 2, column 1: server.sub_address_separator is "
                                                "too long" },
    { "[listen]\naddresses = []", "line 2, column 1: listen.addresses must have at least one" },
    { "[listen]\naddresses = '::1'", "line 2, column 1: listen.addresses must be a list" },
    { "[queue]\nretry_after = ['0s']", "line 2, column 1: queue.retry_after must list times" },
    { "[smtp]\nerrors_max = 5\nerrors_max = 5", "line 3, column 1: smtp.errors_max stands here a "
                                                "second time" },
};

TEST(every_bad_file_is_refused_with_a_place_and_a_reason)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        SCRATCH(mem, NULL);
        struct config *c = NULL;
        struct errinfo why = { 0 };

        CHECK(config_parse(mem, str_from_z(bad[i].in), &c, &why) != OK && c == NULL, "%s",
              bad[i].in);
        CHECK(str_starts(str_from_z(why.text), str_from_z(bad[i].want)), "%s\n  %s", bad[i].in,
              why.text);
    }
}

TEST(the_file_that_is_written_says_the_defaults_also_when_its_comments_are_taken_off)
{
    SCRATCH(mem, NULL);
    struct buf file = { 0 }, again = { 0 }, open = { 0 };
    struct config *c;
    struct errinfo why = { 0 };

    describe_file(&file);
    CHECK_OK(config_parse(mem, buf_str(&file), &c, &why), "%s", why.text);
    describe_file_of(c, &again);
    CHECK_STR(buf_str(&again), buf_str(&file), "as it is");

    struct str rest = buf_str(&file);
    while (rest.len > 0) {
        struct str line = str_split(&rest, '\n');

        buf_add(&open, str_skip(line, str_starts(line, STR("#")) && !str_starts(line, STR("# "))));
        buf_add_char(&open, '\n');
    }
    CHECK_OK(config_parse(mem, buf_str(&open), &c, &why), "%s", why.text);
    buf_clear(&again);
    describe_file_of(c, &again);
    CHECK_STR(buf_str(&again), buf_str(&file), "every value given");
    buf_deinit(&file);
    buf_deinit(&again);
    buf_deinit(&open);
}

TEST(a_changed_setting_is_written_without_its_comment_sign)
{
    SCRATCH(mem, NULL);
    struct config *c = config_new(mem);
    struct buf file = { 0 };

    CHECK_OK(config_set(mem, c, STR("server.host_name"), STR("a\"b"), NULL), "set");
    describe_file_of(c, &file);
    CHECK(str_find(buf_str(&file), STR("\nhost_name = \"a\\\"b\"\n")) != STR_NOT_FOUND, "quoted");
    buf_deinit(&file);
}

TEST(one_setting_can_be_set_by_words_of_a_command_line)
{
    static const struct {
        const char *name, *value;
        bool good;
    } rows[] = {
        { "smtp.size_max", "2MB", true },
        { "smtp.size_max", "\"2MB\"", true },
        { "smtp.idle_max", "1h30m", false },
        { "smtp.idle_max", "30m", true },
        { "listen.port_offset", "2000", true },
        { "listen.port_offset", "x", false },
        { "listen.addresses", "['::1']", true },
        { "listen.addresses", "::1", false },
        { "store.sync", "false", true },
        { "log.level", "debug", true },
        { "nothing", "1", false },
        { "server.host_name", "'unfinished", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCRATCH(mem, NULL);
        struct config *c = config_new(mem);
        struct errinfo why = { 0 };

        CHECK_EQ(config_set(mem, c, str_from_z(rows[i].name), str_from_z(rows[i].value), &why) ==
                     OK,
                 rows[i].good, "%s=%s %s", rows[i].name, rows[i].value, why.text);
        CHECK_EQ(why.text[0] == '\0', rows[i].good, "%s=%s", rows[i].name, rows[i].value);
    }
}

TEST(a_reload_keeps_what_needs_a_restart_and_names_it)
{
    SCRATCH(mem, NULL);
    struct config *running = config_new(mem), *fresh = config_new(mem);
    struct buf names = { 0 };

    CHECK_OK(config_set(mem, fresh, STR("server.data_dir"), STR("/elsewhere"), NULL), "fixed");
    CHECK_OK(config_set(mem, fresh, STR("listen.smtp"), STR("26"), NULL), "fixed");
    CHECK_OK(config_set(mem, fresh, STR("listen.addresses"), STR("['::1']"), NULL), "fixed");
    CHECK_OK(config_set(mem, fresh, STR("smtp.size_max"), STR("1MB"), NULL), "reloads");
    config_keep_fixed(fresh, running, &names);
    CHECK_STR(buf_str(&names), STR("server.data_dir, listen.addresses, listen.smtp"), "named");
    CHECK_STR(fresh->server.data_dir, STR("/var/lib/postern"), "kept");
    CHECK_EQ(fresh->listen.smtp, 25, "kept");
    CHECK_EQ(fresh->smtp.size_max_bytes, 1048576, "changed");
    buf_deinit(&names);
}

TEST(a_copy_lives_longer_than_what_it_was_made_of)
{
    SCRATCH(mem, NULL);
    struct arena *former = arena_new(0);
    struct config *c = config_new(former), *copy;
    struct buf want = { 0 }, got = { 0 };

    CHECK_OK(config_set(former, c, STR("server.host_name"), STR("mail.crepes.fr"), NULL), "set");
    describe_file_of(c, &want);
    copy = config_copy(mem, c);
    arena_free(former);
    describe_file_of(copy, &got);
    CHECK_STR(buf_str(&got), buf_str(&want), "the same settings");
    buf_deinit(&want);
    buf_deinit(&got);
}

TEST(the_manual_page_names_every_setting)
{
    struct buf page = { 0 };

    describe_manual(&page);
    for (size_t i = 0; i < setting_count; i++) {
        SCRATCH(mem, NULL);

        CHECK(str_find(buf_str(&page), arena_printf(mem, ".BR %s ", setting_rows[i].name)) !=
                  STR_NOT_FOUND,
              "%s", setting_rows[i].name);
    }
    buf_deinit(&page);
}
