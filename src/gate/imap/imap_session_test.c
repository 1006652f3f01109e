/* gate/imap/imap_session_test.c - whole sessions: dialogues, other people's changes, faults. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/fake_house.h"

#include "message/set/flags.h"
#include "proto/deflate.h"
#include "testing.h"
#include "transcript.h"

struct play {
    struct fake_house *house;
    struct buf *sent;
};

static void *open_session(struct buf *sent, struct buf *notes)
{
    struct play *p = calloc(1, sizeof(*p));

    (void)notes;
    CHECK(p != NULL, "memory");
    p->sent = sent;
    p->house = house_new(sent, true);
    return p;
}

static void feed(void *session, struct str bytes)
{
    house_feed(((struct play *)session)->house, bytes);
}

static void tick(void *session, uint64_t now_ms)
{
    house_clock(((struct play *)session)->house, now_ms);
}

static bool is_closed(void *session)
{
    return house_is_closed(((struct play *)session)->house);
}

static void close_session(void *session)
{
    struct play *p = session;

    house_free(p->house);
    free(p);
}

static uint32_t number(struct str text)
{
    uint32_t value = 0;

    CHECK(str_to_u32(text, &value), "a number: %.*s", STR_ARG(text));
    return value;
}

/* Words that transcripts use: see the cases. */
static bool instruct(void *session, struct str word, struct str arg)
{
    struct play *p = session;

    if (str_eq(word, STR("remote"))) { /* the session anew, from another machine */
        house_free(p->house);
        buf_clear(p->sent);
        p->house = house_new(p->sent, false);
    } else if (str_eq(word, STR("offer"))) { /* every way to log in, from the next TLS on */
        p->house->service.settings.offers = ~0u;
    } else if (str_eq(word, STR("certificate"))) {
        p->house->certificate = true;
    } else if (str_eq(word, STR("deliver"))) {
        house_deliver(p->house, arg, STR("Subject: news\r\n\r\nnews\r\n"), 0);
    } else if (str_eq(word, STR("flag"))) {
        house_flag(p->house, STR("INBOX"), number(arg), FLAG_ANSWERED);
    } else if (str_eq(word, STR("remove"))) {
        house_remove(p->house, STR("INBOX"), number(arg));
    } else if (str_eq(word, STR("rows"))) {
        p->house->page_rows = number(arg);
    } else if (str_eq(word, STR("octets"))) {
        p->house->page_bytes = number(arg);
    } else if (str_eq(word, STR("unnoted"))) {
        p->house->unnoted = true;
    } else if (str_eq(word, STR("event"))) {
        house_event(p->house, arg);
    } else if (str_eq(word, STR("delete"))) {
        house_delete(p->house, arg);
    } else if (str_eq(word, STR("note"))) {
        house_note(p->house, arg);
    } else if (str_eq(word, STR("slow"))) {
        p->house->slow = true;
    } else if (str_eq(word, STR("fail"))) {
        p->house->fail_next = str_eq(arg, STR("quota")) ? ERR_QUOTA : ERR_UNAVAILABLE;
    } else if (str_eq(word, STR("lost"))) {
        imap_service_lost(&p->house->service);
        house_turns(p->house);
    } else {
        return str_eq(word, STR("step")); /* what follows is not sent at once */
    }
    return true;
}

TEST(dialogues_go_as_written)
{
    static const struct transcript_driver driver = { .protocol = "imap",
                                                     .open = open_session,
                                                     .feed = feed,
                                                     .tick = tick,
                                                     .instruct = instruct,
                                                     .is_closed = is_closed,
                                                     .close = close_session };

    transcript_run_all(&driver);
}

static const char all_of_it[] =
    "a LOGIN alice hungry\r\nb SELECT INBOX\r\nc FETCH 1:* (FLAGS BODY[])\r\n"
    "d STORE 1 +FLAGS (\\Deleted)\r\ne SEARCH ALL\r\nf COPY 2 Sent\r\ng EXPUNGE\r\n"
    "h APPEND INBOX {5+}\r\nHello (\\Seen) {2+}\r\nHi\r\ni LIST \"\" *\r\nj STATUS Sent "
    "(MESSAGES)\r\nk CLOSE\r\n";

/* Every question to keeper fails once, and the session goes on or ends with a word. */
TEST(a_failure_of_keeper_anywhere_is_told)
{
    for (size_t cut = 0; cut < sizeof(all_of_it); cut++) {
        struct buf sent = { 0 };
        struct fake_house *h = house_new(&sent, true);

        house_feed(h, str_take(str_from_z(all_of_it), cut));
        h->fail_next = ERR_IO;
        house_feed(h, str_skip(str_from_z(all_of_it), cut));
        h->fail_next = OK;
        house_feed(h, STR("z NOOP\r\n"));
        CHECK(str_find(buf_str(&sent), STR("z OK NOOP completed")) != STR_NOT_FOUND, "cut at %zu",
              cut);
        house_free(h);
        buf_deinit(&sent);
    }
}

/* Answers do not pile up before a client that asks and does not read. */
TEST(commands_wait_for_a_client_that_does_not_read)
{
    static const char *const floods[] = { "a CAPABILITY\r\n", "a LIST \"\" *\r\n",
                                          "a FETCH 1:* (BODYSTRUCTURE BODY.PEEK[])\r\n" };

    for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
        struct buf sent = { 0 }, text = { 0 };
        struct fake_house *h = house_new(&sent, true);
        size_t answers = 0;

        house_feed(h, STR("a LOGIN alice hungry\r\nb SELECT INBOX\r\n"));
        h->slow = true;
        h->most_unsent = 0;
        for (int n = 0; n < 100; n++)
            buf_add(&text, str_from_z(floods[i]));
        buf_clear(&sent);
        house_feed(h, buf_str(&text));
        for (struct str rest = buf_str(&sent); rest.len > 0;)
            answers += str_starts(str_split(&rest, '\n'), STR("a OK "));
        CHECK_EQ(answers, 100, "flood %zu: all are answered", i);
        CHECK(h->most_unsent < 4000, "flood %zu: %zu octets waited", i, h->most_unsent);
        house_free(h);
        buf_deinit(&sent);
        buf_deinit(&text);
    }
}

TEST(a_client_may_vanish_anywhere)
{
    for (size_t cut = 0; cut < sizeof(all_of_it); cut++) {
        struct buf sent = { 0 };
        struct fake_house *h = house_new(&sent, true);

        house_feed(h, str_take(str_from_z(all_of_it), cut));
        house_hang_up(h);
        CHECK_EQ(h->service.count, 0, "cut at %zu", cut);
        house_free(h);
        buf_deinit(&sent);
    }
}

/* RFC 9585: a word every ten seconds, none when the command is done, and no timer is left behind.
 */
TEST(a_long_command_says_that_it_is_still_at_work)
{
    struct buf sent = { 0 };
    struct fake_house *h = house_new(&sent, true);

    house_feed(h, STR("a LOGIN alice hungry\r\nb SELECT INBOX\r\n"));
    h->silent = true;
    buf_clear(&sent);
    house_feed(h, STR("c SEARCH TEXT x\r\n"));
    house_clock(h, 9000);
    CHECK_STR(buf_str(&sent), STR(""), "not yet");
    for (uint64_t ms = 10000; ms <= 40000; ms += 1000)
        house_clock(h, ms);
    CHECK_STR(str_take(buf_str(&sent), 50),
              STR("* OK [INPROGRESS (\"c\" NIL NIL)] Still at work\r\n* O"), "the word");
    size_t words = 0;
    for (struct str rest = buf_str(&sent); rest.len > 0; words++)
        CHECK(str_starts(str_split(&rest, '\n'), STR("* OK [INPROGRESS")), "nothing else");
    CHECK(words == 3 || words == 4, "%zu words in 40 s", words);
    h->silent = false;
    buf_clear(&sent);
    house_turns(h);
    CHECK_STR(buf_str(&sent), STR("* SEARCH 2\r\nc OK SEARCH completed\r\n"), "the answer");
    house_clock(h, 60000);
    house_clock(h, 90000);
    CHECK(!timer_is_set(&h->service.progress), "nothing is under way");
    h->silent = true;
    buf_clear(&sent);
    house_feed(h, STR("d]x SEARCH TEXT x\r\n"));
    house_clock(h, 110000);
    CHECK(str_starts(buf_str(&sent), STR("* OK [INPROGRESS (NIL NIL NIL)] ")), "a tag with ]");
    h->silent = false;
    house_turns(h);
    house_free(h);
    buf_deinit(&sent);
}

/* RFC 5465 3: events come between the responses of a command, never inside them, and in bounds. */
TEST(events_wait_for_the_command_under_way)
{
    struct buf sent = { 0 };
    struct fake_house *h = house_new(&sent, true);

    house_feed(h, STR("a LOGIN alice hungry\r\nb SELECT INBOX\r\n"
                      "c NOTIFY SET (PERSONAL (MessageNew MessageExpunge))\r\n"));
    h->silent = true;
    buf_clear(&sent);
    house_feed(h, STR("d SEARCH ALL\r\n"));
    house_event(h, STR("messages Sent 1"));
    CHECK_STR(buf_str(&sent), STR(""), "it waits");
    h->silent = false;
    house_turns(h);
    CHECK_STR(buf_str(&sent),
              STR("* SEARCH 1 2 3\r\n* STATUS Sent (MESSAGES 0 UIDNEXT 1)\r\n"
                  "d OK SEARCH completed\r\n"),
              "told with the answer");
    h->silent = true;
    house_feed(h, STR("e SEARCH ALL\r\n"));
    for (int i = 0; i < 3000; i++)
        house_event(h, STR("messages Sent 1"));
    buf_clear(&sent);
    h->silent = false;
    house_turns(h);
    CHECK(sent.len < 70000 &&
              str_find(buf_str(&sent), STR("[NOTIFICATIONOVERFLOW]")) != STR_NOT_FOUND,
          "%zu octets", sent.len);
    buf_clear(&sent);
    house_event(h, STR("messages Sent 1"));
    CHECK_STR(buf_str(&sent), STR(""), "and then nothing more");
    house_free(h);
    buf_deinit(&sent);
}

TEST(the_service_stops_with_a_word_to_everybody)
{
    struct buf sent = { 0 };
    struct fake_house *h = house_new(&sent, true);

    imap_service_lost(&h->service);
    CHECK_EQ(h->service.count, 1, "who is not logged in stays");
    house_feed(h, STR("a LOGIN alice hungry\r\n"));
    imap_service_lost(&h->service);
    house_turns(h);
    CHECK(str_ends(buf_str(&sent), STR("* BYE [UNAVAILABLE] Please log in again\r\n")), "told");
    CHECK_EQ(h->service.count, 0, "gone");
    house_free(h);
    buf_deinit(&sent);
}

/* A message past the size that is kept in memory goes through a file and comes back whole. */
TEST(a_large_message_is_spooled)
{
    enum { BYTES = 700000 };
    struct buf sent = { 0 }, text = { 0 };
    struct fake_house *h = house_new(&sent, true);

    buf_printf(&text, "a LOGIN alice hungry\r\nb APPEND INBOX {%d+}\r\n", BYTES);
    BUF_ADD(&text, "Subject: large\r\n\r\n");
    size_t head = sizeof("Subject: large\r\n\r\n") - 1;
    memset(buf_reserve(&text, BYTES), 'x', BYTES - head);
    text.len += BYTES - head;
    BUF_ADD(&text, "\r\nc SELECT INBOX\r\nd FETCH 4 (RFC822.SIZE BODY.PEEK[HEADER])\r\n");
    for (struct str rest = buf_str(&text); rest.len > 0; rest = str_skip(rest, 50000))
        house_feed(h, str_take(rest, 50000));
    CHECK(str_find(buf_str(&sent), STR("b OK [APPENDUID 9 4] APPEND completed")) != STR_NOT_FOUND,
          "taken");
    CHECK(str_find(buf_str(&sent), STR("* 4 FETCH (RFC822.SIZE 700000 BODY[HEADER] {18}\r\n"
                                       "Subject: large\r\n\r\n)\r\n")) != STR_NOT_FOUND,
          "there");
    house_free(h);
    buf_deinit(&sent);
    buf_deinit(&text);
}

/* Small ones and large ones, more together than memory takes: one file, and each comes back whole.
 */
TEST(many_messages_of_one_append_are_spooled_together)
{
    static const size_t sizes[] = { 10, 200000, 100000, 3, 700000, 1, 150000, 150000, 262144, 7 };
    struct buf sent = { 0 }, text = { 0 }, want = { 0 };
    struct fake_house *h = house_new(&sent, true);

    BUF_ADD(&text, "a LOGIN alice hungry\r\nb APPEND Sent");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        buf_printf(&text, " {%zu+}\r\n", sizes[i]);
        memset(buf_reserve(&text, sizes[i]), (int)('a' + i), sizes[i]);
        text.len += sizes[i];
        buf_printf(&want, "* %zu FETCH (RFC822.SIZE %zu BODY[]<0> {1}\r\n%c)\r\n", i + 1, sizes[i],
                   (char)('a' + i));
    }
    BUF_ADD(&text, "\r\nc SELECT Sent\r\nd FETCH 1:* (RFC822.SIZE BODY.PEEK[]<0.1>)\r\n");
    for (struct str rest = buf_str(&text); rest.len > 0; rest = str_skip(rest, 30000))
        house_feed(h, str_take(rest, 30000));
    CHECK(str_find(buf_str(&sent), STR("b OK [APPENDUID 9 1:10] APPEND completed")) !=
              STR_NOT_FOUND,
          "taken");
    CHECK(str_find(buf_str(&sent), buf_str(&want)) != STR_NOT_FOUND, "all are there, in order");
    house_free(h);
    buf_deinit(&sent);
    buf_deinit(&text);
    buf_deinit(&want);
}

/* ---- COMPRESS: a client with a link of its own ---- */

static void open_answers(struct deflate_link *l, struct str in, struct buf *plain)
{
    struct str piece = STR("x");

    while (in.len > 0 || piece.len > 0) {
        size_t used = 0;

        CHECK_OK(deflate_open(l, in, &used, &piece), "what the server says is DEFLATE");
        buf_add(plain, piece);
        in = str_skip(in, used);
    }
}

#define COMPRESS_OK STR("b OK DEFLATE active\r\n")
static const char compressed[] = "c NOOP\r\nd SELECT INBOX\r\ne FETCH 1:* (FLAGS BODY[])\r\n"
                                 "f COMPRESS DEFLATE\r\ng APPEND INBOX {5+}\r\nHello\r\nh NOOP\r\n";

/* The whole session behind COMPRESS in pieces of `step` octets; the answers in `plain`. */
static void talk_compressed(size_t step, bool rests, struct buf *plain)
{
    struct buf sent = { 0 }, wire = { 0 };
    struct fake_house *h = house_new(&sent, true);
    struct deflate_link *client = deflate_new();
    size_t at;

    house_feed(h, STR("a LOGIN alice hungry\r\nb COMPRESS DEFLATE\r\n"));
    at = str_find(buf_str(&sent), COMPRESS_OK);
    CHECK(at != STR_NOT_FOUND, "compression begins");
    CHECK_EQ(at + COMPRESS_OK.len, sent.len, "nothing behind the OK");
    at = sent.len;
    deflate_add(client, str_from_z(compressed), &wire);
    for (struct str rest = buf_str(&wire); rest.len > 0; rest = str_skip(rest, step)) {
        house_feed(h, str_take(rest, step));
        if (rests)
            house_clock(h, (wire.len - rest.len + 1) * 20000);
    }
    open_answers(client, str_skip(buf_str(&sent), at), plain);
    deflate_free(client);
    house_free(h);
    buf_deinit(&wire);
    buf_deinit(&sent);
}

TEST(compressed_sessions_say_the_same_in_every_split)
{
    struct buf whole = { 0 };

    talk_compressed(SIZE_MAX, false, &whole);
    CHECK(str_starts(buf_str(&whole), STR("c OK NOOP completed\r\n")), "NOOP");
    CHECK(str_find(buf_str(&whole), STR("f NO [COMPRESSIONACTIVE]")) != STR_NOT_FOUND, "twice");
    CHECK(str_ends(buf_str(&whole), STR("h OK NOOP completed\r\n")), "the end");
    for (size_t step = 1; step < 30; step++)
        for (int rests = 0; rests < 2; rests++) {
            struct buf plain = { 0 };

            talk_compressed(step, rests != 0, &plain);
            CHECK_STR(buf_str(&plain), buf_str(&whole), "pieces of %zu", step);
            buf_deinit(&plain);
        }
    buf_deinit(&whole);
}

TEST(what_is_not_compressed_after_compress_ends_the_session)
{
    struct buf sent = { 0 };
    struct fake_house *h = house_new(&sent, true);

    house_feed(h, STR("a LOGIN alice hungry\r\nb COMPRESS DEFLATE\r\n"));
    house_feed(h, STR("c NOOP\r\n"));
    house_feed(h, STR("\xff\xff\xff\xff"));
    CHECK(house_is_closed(h), "closed");
    house_free(h);
    buf_deinit(&sent);
}

/* Commands that unpack to megabytes are bounded like others. */
TEST(a_bomb_behind_compress_is_too_long_a_command)
{
    static char blanks[1 << 20];
    struct buf sent = { 0 }, wire = { 0 }, plain = { 0 };
    struct fake_house *h = house_new(&sent, true);
    struct deflate_link *client = deflate_new();
    size_t at;

    memset(blanks, 'x', sizeof blanks);
    house_feed(h, STR("a LOGIN alice hungry\r\nb COMPRESS DEFLATE\r\n"));
    at = sent.len;
    deflate_add(client, str_from(blanks, sizeof blanks), &wire);
    deflate_add(client, STR("\r\nc NOOP\r\n"), &wire);
    house_feed(h, buf_str(&wire));
    open_answers(client, str_skip(buf_str(&sent), at), &plain);
    CHECK(str_find(buf_str(&plain), STR("BAD [TOOBIG]")) != STR_NOT_FOUND, "%.*s",
          STR_ARG(str_take(buf_str(&plain), 200)));
    CHECK(str_ends(buf_str(&plain), STR("c OK NOOP completed\r\n")), "and goes on");
    deflate_free(client);
    house_free(h);
    buf_deinit(&wire);
    buf_deinit(&plain);
    buf_deinit(&sent);
}
