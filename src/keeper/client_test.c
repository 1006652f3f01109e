/* keeper/client_test.c - the client against a keeper that answers as the test wants. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/client.h"
#include "os/sim.h"
#include "testing.h"

struct scene {
    struct sim *sim;
    struct loop *here, *there;
    struct channel *server;
    struct keeper_client *client;
    uint64_t tags[8];
    uint8_t calls[8];
    unsigned requests, answers, lost, notes;
    enum err last;
    uint64_t last_value;
    bool server_closed;
};

static void server_frame(void *ctx, struct str frame, struct file *file)
{
    struct scene *s = ctx;
    struct reader r = reader_of(frame);

    file_close(file);
    CHECK_EQ(get_u8(&r), FRAME_REQUEST, "kind");
    CHECK(s->requests < ARRAY_LEN(s->tags), "too many");
    s->calls[s->requests] = get_u8(&r);
    s->tags[s->requests++] = get_varint(&r);
}

static void server_closed(void *ctx, enum err why)
{
    struct scene *s = ctx;

    (void)why;
    s->server_closed = true;
    channel_free(s->server);
    s->server = NULL;
}

static void on_changed(void *ctx, const struct keep_changed_note *note)
{
    struct scene *s = ctx;

    s->notes += note->account == 7;
}

static void on_lost(void *ctx)
{
    struct scene *s = ctx;

    s->lost++;
}

static void settle(struct scene *s)
{
    (void)sim_run(s->sim, sim_now_ms(s->sim) + 50);
}

static void connect_scene(struct scene *s)
{
    static const struct channel_events events = { .frame = server_frame, .closed = server_closed };
    static const struct keeper_notes notes = { .changed = on_changed, .lost = on_lost };
    struct channel *ours;
    struct errinfo why;

    CHECK_OK(channel_pair(s->here, s->there, &ours, &s->server, &why), "pair");
    channel_set_events(s->server, &events, s);
    if (s->client == NULL)
        s->client = keeper_client_new(s->here, ours, &notes, s);
    else
        keeper_client_reconnect(s->client, ours);
}

static void open_scene(struct scene *s)
{
    static const struct sim_faults none;

    memset(s, 0, sizeof *s);
    s->sim = sim_new(3, &none);
    s->here = sim_loop(s->sim, STR("here"));
    s->there = sim_loop(s->sim, STR("there"));
    connect_scene(s);
}

static void close_scene(struct scene *s)
{
    keeper_client_free(s->client);
    if (s->server != NULL)
        channel_free(s->server);
    loop_free(s->here);
    loop_free(s->there);
    sim_free(s->sim);
}

static void login_came(void *ctx, enum err e, const struct keep_login_rep *rep, struct file *file)
{
    struct scene *s = ctx;

    CHECK(file == NULL, "no file");
    s->answers++;
    s->last = e;
    s->last_value = e == OK ? rep->session : 0;
}

static uint64_t ask(struct scene *s, size_t password_len)
{
    static const char big[CHANNEL_FRAME_MAX];

    return keeper_login(
        s->client,
        &(struct keep_login_req){ .name = STR("alice"), .password = str_from(big, password_len) },
        login_came, s);
}

static void answer(struct scene *s, unsigned i, enum err e, uint64_t session)
{
    struct buf b = { 0 };

    put_u8(&b, FRAME_REPLY);
    put_varint(&b, s->tags[i]);
    put_u8(&b, (uint8_t)e);
    if (e == OK)
        keep_login_rep_put(&b, &(struct keep_login_rep){ .session = session });
    else
        put_str(&b, STR("why"));
    channel_send(s->server, buf_str(&b), NULL);
    buf_deinit(&b);
}

TEST(answers_find_their_questions_in_any_order)
{
    struct scene s;

    open_scene(&s);
    (void)ask(&s, 1);
    (void)ask(&s, 1);
    CHECK_EQ(s.answers, 0, "never inside the call");
    settle(&s);
    CHECK_EQ(s.requests, 2, "asked");
    answer(&s, 1, OK, 22);
    settle(&s);
    CHECK_EQ(s.last_value, 22, "second");
    answer(&s, 0, ERR_AUTH, 0);
    settle(&s);
    CHECK_EQ(s.last, ERR_AUTH, "first");
    CHECK_EQ(s.answers, 2, "both");
    close_scene(&s);
}

TEST(what_was_forgotten_is_handed_back)
{
    struct scene s;

    open_scene(&s);
    keeper_forget(s.client, ask(&s, 1));
    settle(&s);
    answer(&s, 0, OK, 99);
    settle(&s);
    CHECK_EQ(s.answers, 0, "nobody was told");
    CHECK_EQ(s.requests, 2, "one more");
    CHECK_EQ(s.calls[1], CALL_logout, "a logout");
    close_scene(&s);
}

TEST(a_broken_channel_ends_every_question_once)
{
    struct scene s;

    open_scene(&s);
    (void)ask(&s, 1);
    (void)ask(&s, 1);
    settle(&s);
    channel_free(s.server);
    s.server = NULL;
    settle(&s);
    CHECK_EQ(s.answers, 2, "both");
    CHECK_EQ(s.last, ERR_CLOSED, "nobody knows");
    CHECK_EQ(s.lost, 1, "lost");
    CHECK(!keeper_client_is_up(s.client), "down");
    (void)ask(&s, 1);
    CHECK_EQ(s.answers, 2, "not inside the call");
    settle(&s);
    CHECK_EQ(s.answers, 3, "refused at once");
    s.requests = 0;
    connect_scene(&s);
    (void)ask(&s, 1);
    settle(&s);
    answer(&s, 0, OK, 5);
    settle(&s);
    CHECK_EQ(s.last_value, 5, "up again");
    close_scene(&s);
}

TEST(a_request_past_the_frame_is_refused_and_later_ones_are_not)
{
    struct scene s;

    open_scene(&s);
    (void)ask(&s, CHANNEL_FRAME_MAX);
    settle(&s);
    CHECK_EQ(s.last, ERR_LIMIT, "too long");
    CHECK_EQ(s.requests, 0, "not sent");
    (void)ask(&s, 1);
    settle(&s);
    CHECK_EQ(s.requests, 1, "sent");
    close_scene(&s);
}

TEST(nonsense_from_keeper_ends_the_channel)
{
    static const struct str rows[] = {
        STR_INIT(""),                  /* nothing at all       */
        STR_INIT("\x09"),              /* no such kind         */
        STR_INIT("\x01\x00\x01"),      /* a request            */
        STR_INIT("\x02\x7f\x00"),      /* a tag never given    */
        STR_INIT("\x02\x01\x00\x80"),  /* fields cut short     */
        STR_INIT("\x02\x01\x63\x00"),  /* no such error        */
        STR_INIT("\x02\x01\x01\x05X"), /* detail cut short     */
        STR_INIT("\x03\x09"),          /* no such note         */
        STR_INIT("\x03\x00\x07\x01"),  /* a note cut short     */
        STR_INIT("\x03\x01\x00\x00"),  /* a note with a tail   */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s;

        open_scene(&s);
        (void)ask(&s, 1);
        settle(&s);
        channel_send(s.server, rows[i], NULL);
        settle(&s);
        CHECK_EQ(s.answers, 1, "row %zu: answered once", i);
        CHECK_EQ(s.lost, 1, "row %zu: lost", i);
        CHECK(s.server_closed, "row %zu: closed", i);
        close_scene(&s);
    }
}

TEST(notes_reach_their_callback)
{
    struct scene s;

    open_scene(&s);
    channel_send(s.server, STR("\x03\x00\x07\x01\x02"), NULL);
    settle(&s);
    CHECK_EQ(s.notes, 1, "changed");
    CHECK_EQ(s.lost, 0, "still up");
    close_scene(&s);
}
