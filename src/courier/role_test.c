/* courier/role_test.c - the role itself: started from settings, reloaded, stopped, freed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "courier/courier.h"
#include "courier/dns/dns_script.h"
#include "os/path.h"
#include "os/sim.h"
#include "testing.h"

static const struct {
    struct str text, host;
    uint16_t port;
} smarthosts[] = {
    { STR_INIT("relay.crepes.fr:465"), STR_INIT("relay.crepes.fr"), 465 },
    { STR_INIT("relay.crepes.fr"), STR_INIT("relay.crepes.fr"), 587 },
    { STR_INIT("relay.crepes.fr:0"), STR_INIT("relay.crepes.fr:0"), 587 },
    { STR_INIT("relay.crepes.fr:70000"), STR_INIT("relay.crepes.fr:70000"), 587 },
    { STR_INIT("192.0.2.1:25"), STR_INIT("192.0.2.1"), 25 },
    { STR_INIT("[2001:db8::1]:25"), STR_INIT("[2001:db8::1]"), 25 },
    { STR_INIT("[2001:db8::1]"), STR_INIT("[2001:db8::1]"), 587 },
    { STR_INIT("2001:db8::1"), STR_INIT("2001:db8::1"), 587 },
    { STR_INIT(""), STR_INIT(""), 587 },
};

TEST(a_smarthost_is_a_name_or_address_with_or_without_port)
{
    for (size_t i = 0; i < ARRAY_LEN(smarthosts); i++) {
        struct str host;
        uint16_t port;

        courier_split_smarthost(smarthosts[i].text, &host, &port);
        CHECK_STR(host, smarthosts[i].host, "row %zu", i);
        CHECK_EQ(port, smarthosts[i].port, "row %zu", i);
    }
}

static const char password_path[] = "courier-role-test-password";

static const struct {
    const char *name, *config;
    enum err e;
    const char *why;
} starts[] = {
    { "defaults", "", OK, "" },
    { "smarthost", "[courier]\nsmarthost = \"relay.crepes.fr\"\n", OK, "" },
    { "login",
      "[courier]\nsmarthost = \"relay.crepes.fr\"\nsmarthost_user = \"alice\"\n"
      "smarthost_password_file = \"courier-role-test-password\"\n",
      OK, "" },
    { "no password file",
      "[courier]\nsmarthost_user = \"alice\"\nsmarthost_password_file = \"missing-file\"\n",
      ERR_NOT_FOUND, "missing-file" },
    { "sources", "[courier]\nsource_addresses = [\"192.0.2.1\", \"2001:db8::1\"]\n", OK, "" },
    { "bad source", "[courier]\nsource_addresses = [\"here\"]\n", ERR_SYNTAX, "source_addresses" },
};

static void stopped(void *ctx)
{
    *(bool *)ctx = true;
}

static void live(struct loop *l, struct sim *s, const struct config *config, size_t row)
{
    struct role_start start = { .loop = l, .config = config };
    struct errinfo why = { 0 };
    bool done = false;
    void *role;
    enum err e = courier_start_with(&start, dns_script_new(l, NULL, 0, 1), &role, &why);

    CHECK_EQ(e, starts[row].e, "%s: %s", starts[row].name, why.text);
    CHECK(strstr(why.text, starts[row].why) != NULL, "%s: %s", starts[row].name, why.text);
    if (e != OK)
        return;
    (void)sim_run(s, 5000);
    courier_role.reload(role, config);
    courier_role.stop(role, stopped, &done);
    CHECK(done, "%s: nothing was in hand", starts[row].name);
    courier_role.free(role);
}

TEST(the_role_starts_reloads_and_stops)
{
    static const struct sim_faults calm = { .latency_ms_max = 1 };

    CHECK_OK(path_write(str_from_z(password_path), STR("secret\n"), NULL), "password");
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        struct sim *s = sim_new(1, &calm);
        struct loop *l = sim_loop(s, STR("courier"));
        struct arena *mem = arena_new(0);
        struct config *config;
        struct errinfo why = { 0 };

        CHECK_EQ(config_parse(mem, str_from_z(starts[i].config), &config, &why), OK, "%s: %s",
                 starts[i].name, why.text);
        live(l, s, config, i);
        loop_free(l);
        sim_free(s);
        arena_free(mem);
    }
    (void)unlink(password_path);
}
