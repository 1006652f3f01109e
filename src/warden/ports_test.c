/* warden/ports_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/process.h"
#include "testing.h"
#include "warden/ports.h"

static struct config *settings(struct arena *mem, const char *text)
{
    struct errinfo why = { 0 };
    struct config *c = NULL;

    CHECK_OK(config_parse(mem, str_from_z(text), &c, &why), "%s", why.text);
    return c;
}

TEST(every_service_listens_on_every_address_with_its_offset)
{
    SCRATCH(mem, NULL);
    const struct config *c = settings(mem, "[listen]\naddresses=['127.0.0.1','::1']\n"
                                           "port_offset=2000\n[tls]\ncertificate_file='x'");
    struct ports p;
    struct errinfo why = { 0 };

    CHECK_OK(ports_plan(mem, c, &p, &why), "%s", why.text);
    CHECK_EQ(p.each, 14, "seven services on two addresses");
    CHECK_STR(p.listeners[0].service, STR("smtp"), "first");
    CHECK_EQ(p.listeners[0].at.port, 2025, "its port");
    CHECK_EQ(p.listeners[0].at.family, ADDRESS_IP4, "its address");
    CHECK_EQ(p.listeners[13].at.port, 2993, "last");
    CHECK(p.listeners[13].tls_at_once && !p.listeners[0].tls_at_once, "TLS");
}

TEST(without_a_certificate_or_with_port_zero_a_service_is_left_out)
{
    SCRATCH(mem, NULL);
    const struct config *c = settings(mem, "[listen]\naddresses=['::1']\nimap=0");
    struct ports p;

    CHECK_OK(ports_plan(mem, c, &p, NULL), "plan");
    CHECK_EQ(p.each, 3, "smtp, submission, pop3");
    CHECK_STR(p.listeners[2].service, STR("pop3"), "last");
}

TEST(bad_addresses_and_ports_are_named)
{
    SCRATCH(mem, NULL);
    struct ports p;
    struct errinfo why = { 0 };

    CHECK_EQ(ports_plan(mem, settings(mem, "[listen]\naddresses=['here']"), &p, &why), ERR_SYNTAX,
             "address");
    CHECK(str_find(str_from_z(why.text), STR("'here'")) != STR_NOT_FOUND, "%s", why.text);
    CHECK_EQ(ports_plan(mem, settings(mem, "[listen]\nport_offset=60000\nsmtp=6000"), &p, &why),
             ERR_SYNTAX, "port");
    CHECK(str_find(str_from_z(why.text), STR("listen.smtp")) != STR_NOT_FOUND, "%s", why.text);
}

/* A port that was free a moment ago, so that no test depends on a number. */
static uint16_t free_port(void)
{
    struct address at;
    int fd;

    CHECK(address_parse(STR("127.0.0.1"), 0, &at), "address");
    CHECK_OK(process_listen(&at, false, &fd, NULL), "listen");
    uint16_t port = process_bound_to(fd).port;
    process_close(fd);
    return port;
}

TEST(each_gate_gets_sockets_of_its_own_and_a_second_server_none)
{
    SCRATCH(mem, NULL);
    struct str text = arena_printf(mem,
                                   "[listen]\naddresses=['127.0.0.1']\nsmtp=%u\nsubmission=0\n"
                                   "submissions=0\npop3=0\npop3s=0\nimap=0\nimaps=0\n",
                                   free_port());
    const struct config *c = settings(mem, arena_copy_z(mem, text));
    struct ports p, second;
    struct errinfo why = { 0 };

    CHECK_OK(ports_open(mem, c, 3, &p, &why), "%s", why.text);
    CHECK_EQ(p.each, 1, "one service, one address");
    CHECK(p.listeners[0].fd >= 0 && p.listeners[1].fd > p.listeners[0].fd &&
              p.listeners[2].fd > p.listeners[1].fd,
          "three sockets");
    CHECK_EQ(ports_open(mem, c, 1, &second, &why), ERR_IN_USE, "the port is taken");
    CHECK(str_starts(str_from_z(why.text), STR("cannot listen for smtp on 127.0.0.1:")), "%s",
          why.text);
    ports_close(&p);
    CHECK_OK(ports_open(mem, c, 1, &second, &why), "free again: %s", why.text);
    ports_close(&second);
}
