/* courier/dns/dns_unbound_test.c - libunbound against a real name server, in a process that is
 * locked in as courier is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "courier/dns/dns.h"
#include "courier/dns/mx.h"
#include "os/sandbox.h"
#include "testing.h"

enum { NSD_MISSING = 77, PATH_BYTES = 100, QUESTION_MS = 1500 };

static char folder[PATH_BYTES];
static pid_t nsd;
static struct address server;

/* A UDP socket on a port of its own. */
static int bind_anywhere(uint16_t *ret_port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 &&
              getsockname(fd, (struct sockaddr *)&at, &len) == 0,
          "a port");
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static void write_file(const char *name, const char *text)
{
    char path[PATH_BYTES + 20];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0, "%s", path);
}

static const char zone[] = "$ORIGIN crepes.fr.\n$TTL 60\n"
                           "@ SOA ns hostmaster 1 60 60 60 5\n@ NS ns\nns A 127.0.0.1\n"
                           "@ MX 20 b\n@ MX 10 a\n"
                           "a A 192.0.2.1\na A 192.0.2.2\na AAAA 2001:db8::1\nb A 192.0.2.3\n"
                           "alias CNAME a\nlost CNAME nowhere\nnull MX 0 .\n"
                           "deep.er TXT \"here\"\n";

/* The second zone has no file, which nsd answers with SERVFAIL. */
static void write_config(uint16_t port)
{
    char text[2000];

    (void)snprintf(text, sizeof(text),
                   "server:\n  ip-address: 127.0.0.1@%u\n  port: %u\n  username: \"\"\n"
                   "  chroot: \"\"\n  zonesdir: \"%s\"\n  database: \"\"\n"
                   "  pidfile: \"%s/nsd.pid\"\n  xfrdfile: \"%s/xfrd.state\"\n  xfrdir: \"%s\"\n"
                   "  zonelistfile: \"%s/zone.list\"\n  server-count: 1\n  verbosity: 0\n"
                   "remote-control:\n  control-enable: no\n"
                   "zone:\n  name: \"crepes.fr\"\n  zonefile: \"crepes.fr.zone\"\n"
                   "zone:\n  name: \"hamburger.edu\"\n  zonefile: \"missing.zone\"\n",
                   port, port, folder, folder, folder, folder, folder);
    write_file("nsd.conf", text);
    write_file("crepes.fr.zone", zone);
}

/* False when nsd is not installed. */
static bool start_nsd(void)
{
    static const char program[] = "/usr/sbin/nsd";
    uint16_t port;

    if (access(program, X_OK) != 0) {
        (void)fprintf(stderr, "dns_unbound_test: nsd is not installed, skipped\n");
        return false;
    }
    (void)snprintf(folder, sizeof(folder), "/tmp/postern-nsd-XXXXXX");
    CHECK(mkdtemp(folder) != NULL, "folder");
    (void)close(bind_anywhere(&port));
    write_config(port);
    nsd = fork();
    if (nsd == 0) {
        char config[PATH_BYTES + 20];

        (void)snprintf(config, sizeof(config), "%s/nsd.conf", folder);
        (void)freopen("/dev/null", "w", stderr);
        execl(program, program, "-d", "-c", config, (char *)NULL);
        _exit(NSD_MISSING);
    }
    CHECK(address_parse(STR("127.0.0.1"), port, &server), "address");
    return true;
}

static void stop_nsd(void)
{
    static const char *const names[] = { "nsd.conf", "crepes.fr.zone", "nsd.pid", "xfrd.state",
                                         "zone.list" };
    char path[PATH_BYTES + 20];

    (void)kill(nsd, SIGTERM);
    (void)waitpid(nsd, NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

/* ---- questions ---- */

static const struct {
    const char *name;
    struct str ask;
    enum dns_type type;
    enum dns_status status;
    struct str want; /* records, sorted by nobody: in any order */
    size_t count;
} rows[] = {
    { "A", STR_INIT("b.crepes.fr"), DNS_A, DNS_FOUND, STR_INIT("192.0.2.3"), 1 },
    { "several", STR_INIT("a.crepes.fr"), DNS_A, DNS_FOUND, STR_INIT("192.0.2.2"), 2 },
    { "case", STR_INIT("A.Crepes.FR"), DNS_A, DNS_FOUND, STR_INIT("192.0.2.1"), 2 },
    { "AAAA", STR_INIT("a.crepes.fr"), DNS_AAAA, DNS_FOUND, STR_INIT("2001:db8::1"), 1 },
    { "MX", STR_INIT("crepes.fr"), DNS_MX, DNS_FOUND, STR_INIT("10 a.crepes.fr"), 2 },
    { "null MX", STR_INIT("null.crepes.fr"), DNS_MX, DNS_FOUND, STR_INIT("0 "), 1 },
    { "CNAME", STR_INIT("alias.crepes.fr"), DNS_A, DNS_FOUND, STR_INIT("192.0.2.1"), 2 },
    { "CNAME to nothing", STR_INIT("lost.crepes.fr"), DNS_A, DNS_NO_NAME, STR_INIT(""), 0 },
    { "no such name", STR_INIT("nowhere.crepes.fr"), DNS_MX, DNS_NO_NAME, STR_INIT(""), 0 },
    { "no such record", STR_INIT("b.crepes.fr"), DNS_MX, DNS_NO_DATA, STR_INIT(""), 0 },
    { "a name between", STR_INIT("er.crepes.fr"), DNS_A, DNS_NO_DATA, STR_INIT(""), 0 },
    { "SERVFAIL", STR_INIT("hamburger.edu"), DNS_MX, DNS_FAILED, STR_INIT(""), 0 },
    { "no name at all", STR_INIT(""), DNS_A, DNS_FAILED, STR_INIT(""), 0 },
    { "no name of the DNS", STR_INIT("a..b"), DNS_A, DNS_FAILED, STR_INIT(""), 0 },
};

struct asking {
    struct loop *loop;
    struct dns *dns;
    size_t open;
    struct buf got[ARRAY_LEN(rows)];
    enum dns_status status[ARRAY_LEN(rows)];
    size_t count[ARRAY_LEN(rows)];
    struct slot {
        struct asking *all;
        size_t row;
    } slots[ARRAY_LEN(rows)];
};

static void note(void *ctx, const struct dns_answer *a)
{
    struct slot *s = ctx;
    struct asking *all = s->all;

    all->status[s->row] = a->status;
    all->count[s->row] = a->count;
    for (size_t i = 0; i < a->count; i++) {
        if (rows[s->row].type == DNS_MX)
            buf_printf(&all->got[s->row], "%u %.*s\n", a->records[i].preference,
                       STR_ARG(a->records[i].name));
        else
            address_format(&a->records[i].address, &all->got[s->row]);
        buf_add_char(&all->got[s->row], '\n');
    }
    if (--all->open == 0)
        loop_stop(all->loop);
}

static void ask_all(struct asking *all)
{
    all->open = ARRAY_LEN(rows);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        all->slots[i] = (struct slot){ all, i };
        dns_ask(all->dns, rows[i].ask, rows[i].type, note, &all->slots[i]);
    }
    CHECK_OK(loop_run(all->loop, NULL), "run");
}

/* As the row of courier in warden/roles.c. */
static void lock_in(void)
{
    static const struct sandbox row = { .name = STR_INIT("courier"),
                                        .calls = SANDBOX_BASE | SANDBOX_THREADS | SANDBOX_CONNECT,
                                        .answer = SANDBOX_REFUSE };
    struct sandbox_report report;
    struct errinfo why = { 0 };

    CHECK_EQ(sandbox_enter(&row, &report, &why), OK, "%s", why.text);
}

static void open_dns(struct asking *all, const struct address *at, bool locked)
{
    struct buf text = { 0 };
    struct errinfo why = { 0 };

    *all = (struct asking){ .open = 0 };
    CHECK_OK(loop_new_real(&all->loop, NULL), "loop");
    address_format_with_port(at, &text);
    CHECK_EQ(dns_unbound_new(all->loop, buf_str(&text), QUESTION_MS, &all->dns, &why), OK, "%s",
             why.text);
    buf_deinit(&text);
    if (locked)
        lock_in();
}

static void close_dns(struct asking *all)
{
    dns_free(all->dns);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        buf_deinit(&all->got[i]);
    loop_free(all->loop);
}

/* nsd needs a moment to start; until then it refuses. */
static void wait_for_nsd(void)
{
    struct asking all;

    for (int i = 0; i < 50; i++) {
        open_dns(&all, &server, false);
        ask_all(&all);
        bool there = all.status[0] == DNS_FOUND;
        close_dns(&all);
        if (there)
            return;
        (void)usleep(100 * 1000);
    }
    CHECK(false, "nsd does not answer");
}

static void check_rows(const struct asking *all)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(all->status[i], rows[i].status, "%s", rows[i].name);
        CHECK_EQ(all->count[i], rows[i].count, "%s", rows[i].name);
        CHECK(rows[i].want.len == 0 ||
                  str_find(buf_str(&all->got[i]), rows[i].want) != STR_NOT_FOUND,
              "%s: %.*s", rows[i].name, (int)all->got[i].len, all->got[i].at);
    }
}

/* The checks run in a child, so that the lock ends with it. */
static void run_locked_in(void (*run)(void))
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        run();
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child, "child");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child ended with %d", status);
}

static void ask_locked_in(void)
{
    struct asking all;

    open_dns(&all, &server, true);
    ask_all(&all);
    check_rows(&all);
    close_dns(&all);
}

TEST(a_real_name_server_is_understood_from_inside_the_sandbox)
{
    if (!start_nsd())
        return;
    wait_for_nsd();
    struct asking all;
    open_dns(&all, &server, false);
    ask_all(&all);
    check_rows(&all);
    close_dns(&all);
    run_locked_in(ask_locked_in);
    stop_nsd();
}

TEST(a_server_that_says_nothing_costs_a_bounded_time)
{
    struct asking all;
    struct address silent;
    uint16_t port;
    int fd = bind_anywhere(&port);

    CHECK(address_parse(STR("127.0.0.1"), port, &silent), "address");
    open_dns(&all, &silent, false);
    uint64_t before = loop_now_ms(all.loop);
    ask_all(&all);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_EQ(all.status[i], DNS_FAILED, "%s", rows[i].name);
    CHECK(loop_now_ms(all.loop) - before < 3 * QUESTION_MS, "took too long");
    close_dns(&all);
    (void)close(fd);
}

TEST(questions_under_way_can_be_dropped)
{
    struct asking all;
    struct address silent;
    uint16_t port;
    int fd = bind_anywhere(&port);

    CHECK(address_parse(STR("127.0.0.1"), port, &silent), "address");
    open_dns(&all, &silent, false);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        dns_ask(all.dns, rows[i].ask, rows[i].type, note, &all.slots[i]);
    close_dns(&all);
    (void)close(fd);
}
