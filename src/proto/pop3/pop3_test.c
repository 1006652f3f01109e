/* proto/pop3/pop3_test.c - the server machine: transcripts with a mailbox of two messages. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pop3/commands.h"
#include "proto/pop3/machine.h"

#include "testing.h"
#include "transcript.h"

struct driver {
    struct arena *mem;
    struct pop3_options options;
    struct pop3 *pop3;
    struct buf *sent, *notes;
    unsigned begin;
    uint32_t many; /* that many more messages */
    size_t page;   /* octets a page */
    bool closed, in_use, read_fails, update_fails;
};

static const struct str messages[] = {
    STR_INIT("From: alice@crepes.fr\r\nSubject: ketchup\r\n\r\nDo you like ketchup?\r\n"
             ".\r\nHow about pickles?\r\n"),
    STR_INIT("From: alice@crepes.fr\r\n\r\nno end\n.bare"),
};

static void *driver_open(struct buf *sent, struct buf *notes)
{
    struct driver *d = calloc(1, sizeof(*d));

    BUG_ON(d == NULL);
    *d = (struct driver){ .mem = arena_new(0), .sent = sent, .notes = notes, .page = 7 };
    d->options = (struct pop3_options){ .host = STR("hamburger.edu"),
                                        .limits = POP3_LIMITS_DEFAULT,
                                        .tls_offered = true };
    return d;
}

static void answer_login(struct driver *d, const struct sasl_login *login)
{
    buf_printf(d->notes, "log-in %.*s\n", STR_ARG(login->authcid));
    if (!str_eq(login->authcid, STR("bob")) || !str_eq(login->password, STR("hungry"))) {
        pop3_answer(d->pop3, false, STR("[AUTH] Wrong name or password"));
        return;
    }
    if (d->in_use) {
        pop3_answer(d->pop3, false, STR("[IN-USE] Another session has this mailbox"));
        return;
    }
    pop3_set_uidvalidity(d->pop3, 7);
    for (uint32_t i = 0; i < ARRAY_LEN(messages); i++)
        pop3_add_message(d->pop3, i + 3, messages[i].len);
    for (uint32_t i = 0; i < d->many; i++) {
        pop3_add_message(d->pop3, i + 10, 1000);
        if (i % 10 == 5)
            pop3_set_uidl(d->pop3, STR("0000000f0000002a"));
    }
    pop3_answer(d->pop3, true, STR("Welcome"));
}

static void answer_read(struct driver *d, struct pop3_read read)
{
    struct str page = str_sub(messages[read.uid - 3], read.offset, d->page);

    if (read.offset == 0)
        buf_printf(d->notes, "read %u%s\n", read.uid, read.whole ? "" : " in part");
    if (d->read_fails && read.offset > 0)
        pop3_answer(d->pop3, false, STR("[SYS/TEMP] Could not be read"));
    else
        pop3_page(d->pop3, page, read.offset + page.len == messages[read.uid - 3].len);
}

static void answer_update(struct driver *d)
{
    size_t at = 0;
    uint32_t uid;

    while (pop3_next_deleted(d->pop3, &at, &uid))
        buf_printf(d->notes, "removed %u\n", uid);
    pop3_answer(d->pop3, !d->update_fails,
                d->update_fails ? STR("[SYS/TEMP] Some could not be removed") : STR("Goodbye"));
}

static void pump(struct driver *d)
{
    struct pop3_out out;

    for (;;)
        switch (pop3_next(d->pop3, &out)) {
        case POP3_WANT_BYTES:
            return;
        case POP3_SEND:
            CHECK(out.text.len < 8192, "%zu octets at once", out.text.len);
            buf_add(d->sent, out.text);
            break;
        case POP3_CHECK_LOGIN:
            answer_login(d, out.login);
            break;
        case POP3_READ:
            answer_read(d, out.read);
            break;
        case POP3_UPDATE:
            answer_update(d);
            break;
        case POP3_START_TLS:
            BUF_ADD(d->notes, "start tls\n");
            return;
        case POP3_CLOSE:
            d->closed = true;
            return;
        }
}

static void begin(struct driver *d)
{
    if (d->pop3 != NULL)
        return;
    d->pop3 = pop3_new(d->mem, &d->options, d->begin, 0);
    pump(d);
}

static void driver_feed(void *session, struct str bytes)
{
    struct driver *d = session;

    begin(d);
    while (bytes.len > 0 && !d->closed) {
        size_t taken = pop3_feed(d->pop3, bytes);

        BUG_ON(taken == 0);
        bytes = str_skip(bytes, taken);
        pump(d);
    }
}

static void driver_tick(void *session, uint64_t now_ms)
{
    struct driver *d = session;

    begin(d);
    pop3_tick(d->pop3, now_ms);
    pump(d);
}

static bool driver_instruct(void *session, struct str word, struct str arg)
{
    struct driver *d = session;
    uint32_t number = 0;

    if (str_eq(word, STR("from-tls")))
        d->begin |= POP3_FROM_TLS;
    else if (str_eq(word, STR("plain-auth")))
        d->begin |= POP3_PLAIN_AUTH;
    else if (str_eq(word, STR("tls")))
        pop3_tls_started(d->pop3);
    else if (str_eq(word, STR("in-use")))
        d->in_use = true;
    else if (str_eq(word, STR("free")))
        d->in_use = false;
    else if (str_eq(word, STR("read-fails")))
        d->read_fails = true;
    else if (str_eq(word, STR("update-fails")))
        d->update_fails = true;
    else if (str_eq(word, STR("stop")))
        pop3_stop(d->pop3, STR("[SYS/TEMP] Going down"));
    else if (str_eq(word, STR("many")) && str_to_u32(arg, &number))
        d->many = number;
    else
        return false;
    if (d->pop3 != NULL)
        pump(d);
    return true;
}

static bool driver_is_closed(void *session)
{
    return ((struct driver *)session)->closed;
}

static void driver_close(void *session)
{
    struct driver *d = session;

    begin(d);
    pop3_deinit(d->pop3);
    arena_free(d->mem);
    free(d);
}

static const struct transcript_driver driver = {
    "pop3", driver_open, driver_feed, driver_tick, driver_instruct, driver_is_closed, driver_close,
};

TEST(transcripts_run_the_same_in_every_split)
{
    transcript_run_all(&driver);
}

TEST(a_cut_session_removes_nothing)
{
    struct str in = STR("USER bob\r\nPASS hungry\r\nDELE 1\r\nDELE 2\r\nQUIT\r\n");

    for (size_t len = 0; len <= in.len; len++) {
        struct buf sent = { 0 }, notes = { 0 };
        struct driver *d = driver_open(&sent, &notes);
        bool removed;

        d->begin = POP3_FROM_TLS;
        driver_feed(d, str_take(in, len));
        removed = str_find(buf_str(&notes), STR("removed")) != STR_NOT_FOUND;
        CHECK_EQ(removed, len >= in.len, "cut at %zu", len);
        driver_close(d);
        buf_deinit(&sent);
        buf_deinit(&notes);
    }
}

TEST(a_long_listing_comes_in_pieces)
{
    struct buf sent = { 0 }, notes = { 0 };
    struct driver *d = driver_open(&sent, &notes);

    d->begin = POP3_FROM_TLS;
    d->many = 100000;
    driver_feed(d, STR("USER bob\r\nPASS hungry\r\nUIDL\r\nNOOP\r\n"));
    CHECK(str_ends(buf_str(&sent), STR("100002 7.100009\r\n.\r\n+OK Here\r\n")), "end of UIDL");
    CHECK(str_find(buf_str(&sent), STR("7 7.14\r\n8 0000000f0000002a\r\n9 7.16\r\n")) !=
              STR_NOT_FOUND,
          "a UIDL from elsewhere");
    driver_close(d);
    buf_deinit(&sent);
    buf_deinit(&notes);
}

TEST(an_idle_session_costs_little)
{
    struct buf sent = { 0 }, notes = { 0 };
    struct driver *d = driver_open(&sent, &notes);

    driver_feed(d, STR("CAPA\r\n"));
    CHECK(sizeof(struct pop3) <= 480, "struct pop3 has %zu octets", sizeof(struct pop3));
    CHECK(d->pop3->in.in.at == NULL && d->pop3->out.at == NULL, "buffers are given back");
    driver_close(d);
    buf_deinit(&sent);
    buf_deinit(&notes);
}

TEST(every_command_has_its_row_once_and_a_refusal_where_one_can_happen)
{
    size_t count;
    const struct pop3_command_row *rows = pop3_command_rows(&count);

    for (size_t i = 0; i < count; i++) {
        CHECK(dictionary_has("pop3", rows[i].verb), "fuzz/dict/pop3.dict lacks %s", rows[i].verb);
        CHECK((rows[i].need | rows[i].forbid) == 0 || rows[i].refusal[0] != '\0', "%s",
              rows[i].verb);
        for (size_t k = i + 1; k < count; k++)
            CHECK(strcmp(rows[i].verb, rows[k].verb) != 0, "%s", rows[i].verb);
    }
}
