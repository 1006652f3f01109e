/* SPDX-License-Identifier: Apache-2.0 */
#include "os/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/codec.h"
#include "os/os_test.h"
#include "os/process.h"
#include "os/sim.h"

enum { FRAMES = 3000 };

struct end {
    struct channel *c;
    uint64_t frames, octets;
    struct file *file;
    bool echo, closed, drained, free_on_frame, in_order;
    enum err why;
};

static void on_frame(void *ctx, struct str frame, struct file *file)
{
    struct end *e = ctx;

    if (frame.len >= 8 && load_u64(frame.at) != e->frames)
        e->in_order = false;
    e->frames++;
    e->octets += frame.len;
    if (e->free_on_frame) {
        channel_free(e->c);
        e->c = NULL;
    } else if (e->echo) {
        channel_send(e->c, frame, file);
    }
    if (file != NULL && e->file == NULL && !e->echo)
        e->file = file;
    else
        file_close(file);
}

static void on_drained(void *ctx)
{
    ((struct end *)ctx)->drained = true;
}

static void on_closed(void *ctx, enum err why)
{
    ((struct end *)ctx)->closed = true;
    ((struct end *)ctx)->why = why;
}

static const struct channel_events events = { on_frame, on_drained, on_closed };

struct pair {
    struct bench w;
    struct end a, b;
};

static void pair_open(struct pair *p, enum side side)
{
    *p = (struct pair){ .a = { .in_order = true }, .b = { .in_order = true } };
    bench_open(&p->w, side);
    CHECK_OK(channel_pair(p->w.a, p->w.b, &p->a.c, &p->b.c, NULL), "%s", side_name(side));
    channel_set_events(p->a.c, &events, &p->a);
    channel_set_events(p->b.c, &events, &p->b);
}

static void pair_close(struct pair *p)
{
    file_close(p->a.file);
    file_close(p->b.file);
    channel_free(p->a.c);
    channel_free(p->b.c);
    bench_close(&p->w);
}

static void send_numbered(struct end *e, uint64_t number, size_t len)
{
    char *frame = calloc(1, len + 8);

    store_u64(frame, number);
    channel_send(e->c, str_from(frame, len + 8), NULL);
    free(frame);
}

static bool all_echoed(void *ctx)
{
    struct pair *p = ctx;

    return p->a.frames == FRAMES;
}

TEST(frames_arrive_whole_and_in_order)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct pair p;

        pair_open(&p, side);
        p.b.echo = true;
        for (uint64_t i = 0; i < FRAMES; i++)
            send_numbered(&p.a, i, (size_t)(i * i * 7919 % 9000));
        CHECK(channel_queued(p.a.c) > 0, "%s: sending queues", side_name(side));
        CHECK(bench_run(&p.w, all_echoed, &p), "%s: %d came", side_name(side), (int)p.a.frames);
        CHECK(p.a.in_order && p.b.in_order, "%s", side_name(side));
        CHECK(p.a.drained && channel_queued(p.a.c) == 0, "%s", side_name(side));
        pair_close(&p);
    }
}

static bool three_came(void *ctx)
{
    return ((struct pair *)ctx)->b.frames == 3;
}

TEST(the_largest_and_the_smallest_frame_pass)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct pair p;

        pair_open(&p, side);
        send_numbered(&p.a, 0, CHANNEL_FRAME_MAX - 8);
        channel_send(p.a.c, STR_EMPTY, NULL);
        send_numbered(&p.a, 2, CHANNEL_FRAME_MAX - 8);
        CHECK(bench_run(&p.w, three_came, &p), "%s", side_name(side));
        CHECK_EQ(p.b.octets, 2 * CHANNEL_FRAME_MAX, "%s", side_name(side));
        CHECK(p.b.in_order, "%s", side_name(side));
        pair_close(&p);
    }
}

static struct fs *test_fs(struct pair *p, char path[64], struct sim_disk **disk)
{
    struct fs *fs;

    if (p->w.side == SIDE_SIMULATED) {
        *disk = sim_disk_new(p->w.sim);
        return sim_fs(*disk);
    }
    CHECK_OK(fs_new_real(folder_new(path), false, &fs, NULL), "folder");
    return fs;
}

static void send_file(struct pair *p, struct fs *fs, struct str content)
{
    struct file *f;

    CHECK_OK(fs_open_unnamed(fs, &f, NULL), "file");
    CHECK_OK(file_pwrite(f, 0, content, NULL), "content");
    channel_send(p->a.c, STR("here"), f);
    file_close(f);
}

TEST(a_file_comes_along_with_its_frame)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct sim_disk *disk = NULL;
        struct pair p;
        char path[64], got[4];

        pair_open(&p, side);
        struct fs *fs = test_fs(&p, path, &disk);
        channel_send(p.a.c, STR("before"), NULL);
        send_file(&p, fs, STR("mail"));
        send_file(&p, fs, STR("more")); /* the receiver closes this one */
        CHECK(bench_run(&p.w, three_came, &p), "%s", side_name(side));
        CHECK(p.b.file != NULL, "%s", side_name(side));
        CHECK_OK(file_pread(p.b.file, 0, got, 4, NULL), "%s", side_name(side));
        CHECK_STR(str_from(got, 4), STR("mail"), "%s", side_name(side));
        file_close(p.b.file);
        p.b.file = NULL;
        fs_free(fs);
        if (side == SIDE_SIMULATED)
            sim_disk_free(disk);
        else
            folder_remove(str_from_z(path));
        pair_close(&p);
    }
}

static bool b_closed(void *ctx)
{
    return ((struct pair *)ctx)->b.closed;
}

TEST(the_other_side_hears_of_the_end)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct pair p;

        pair_open(&p, side);
        channel_send(p.a.c, STR("last"), NULL);
        channel_free(p.a.c);
        p.a.c = NULL;
        CHECK(bench_run(&p.w, b_closed, &p), "%s", side_name(side));
        CHECK_EQ(p.b.frames, 1, "%s: what was queued still comes", side_name(side));
        CHECK_EQ(p.b.why, ERR_CLOSED, "%s", side_name(side));
        channel_send(p.b.c, STR("into the void"), NULL);
        bench_pass(&p.w, 10);
        pair_close(&p);
    }
}

static bool a_closed(void *ctx)
{
    return ((struct pair *)ctx)->a.closed;
}

TEST(a_channel_may_be_freed_inside_its_event)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct pair p;

        pair_open(&p, side);
        p.b.free_on_frame = true;
        for (uint64_t i = 0; i < 10; i++)
            send_numbered(&p.a, i, 20000);
        CHECK(bench_run(&p.w, a_closed, &p), "%s", side_name(side));
        CHECK_EQ(p.b.frames, 1, "%s: nothing comes after that", side_name(side));
        pair_close(&p);
    }
}

static void send_with_descriptor(int to, struct str bytes, int fd)
{
    struct iovec part = { (void *)(uintptr_t)bytes.at, bytes.len };
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { .room = { 0 } };
    struct msghdr m = { .msg_iov = &part,
                        .msg_iovlen = 1,
                        .msg_control = control.room,
                        .msg_controllen = sizeof control.room };
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    CHECK_EQ(sendmsg(to, &m, 0), bytes.len, "sent whole");
}

TEST(nonsense_on_the_wire_ends_a_channel)
{
    static const struct str rows[] = {
        STR_INIT("\x00\x10\x00\x01"),  /* one octet over the limit */
        STR_INIT("\xFF\xFF\xFF\xFF"),  /* everything */
        STR_INIT("\x80\x00\x00\x01x"), /* a file is announced, none came */
        STR_INIT("\x20\x00\x00\x00"),  /* a room comes back that was not given */
        STR_INIT("\x60\x00\x00\x0C"),  /* gives and takes at once */
        STR_INIT("\x40\x00\x00\x07"),  /* a place of another length */
        STR_INIT("\x40\x00\x00\x0C\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"), /* not allowed
                                                                                         here */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pair p = { .a = { .in_order = true } };
        int fd[2];

        bench_open(&p.w, SIDE_REAL);
        CHECK_OK(process_socket_pair(fd, NULL), "row %zu", i);
        p.b.c = channel_from_fd(p.w.b, fd[1]);
        channel_set_events(p.b.c, &events, &p.b);
        CHECK_EQ(write(fd[0], rows[i].at, rows[i].len), rows[i].len, "row %zu", i);
        CHECK(bench_run(&p.w, b_closed, &p), "row %zu", i);
        CHECK_EQ(p.b.why, ERR_CORRUPT, "row %zu", i);
        process_close(fd[0]);
        pair_close(&p);
    }
}

/* Two frames, the first with a file, cut at every octet of the wire. */
TEST(frames_cut_anywhere_are_put_together)
{
    static const char wire[] = "\x80\x00\x00\x05hello\x00\x00\x00\x00\x00\x00\x00\x03you";
    const size_t len = sizeof wire - 1;

    for (size_t cut = 1; cut < len; cut++) {
        struct pair p = { .a = { .in_order = true } };
        int fd[2], file[2];

        bench_open(&p.w, SIDE_REAL);
        CHECK_OK(process_socket_pair(fd, NULL), "cut %zu", cut);
        CHECK_OK(process_socket_pair(file, NULL), "cut %zu", cut);
        p.b.c = channel_from_fd(p.w.b, fd[1]);
        channel_set_events(p.b.c, &events, &p.b);
        send_with_descriptor(fd[0], str_from(wire, cut), file[0]);
        bench_pass(&p.w, 3);
        CHECK_EQ(write(fd[0], wire + cut, len - cut), len - cut, "cut %zu", cut);
        CHECK(bench_run(&p.w, three_came, &p), "cut %zu: %d came", cut, (int)p.b.frames);
        CHECK_EQ(p.b.octets, 8, "cut %zu", cut);
        CHECK(p.b.file != NULL, "cut %zu", cut);
        process_close(fd[0]);
        process_close(file[0]);
        process_close(file[1]);
        pair_close(&p);
    }
}

TEST(a_descriptor_that_no_frame_asked_for_ends_a_channel)
{
    struct pair p = { .a = { .in_order = true } };
    int fd[2];

    bench_open(&p.w, SIDE_REAL);
    CHECK_OK(process_socket_pair(fd, NULL), "pair");
    p.b.c = channel_from_fd(p.w.b, fd[1]);
    channel_set_events(p.b.c, &events, &p.b);
    send_with_descriptor(fd[0], STR("\x80\x00\x00\x05he"), fd[0]);
    send_with_descriptor(fd[0], STR("l"), fd[0]);
    CHECK(bench_run(&p.w, b_closed, &p), "told");
    CHECK_EQ(p.b.why, ERR_CORRUPT, "as such");
    process_close(fd[0]);
    pair_close(&p);
}

/* ---- rooms ---- */

/* Every third frame in a room, when there is one; the others between them as usual. */
static bool send_mixed(struct end *e, uint64_t number)
{
    struct channel_room room;

    if (number % 3 != 0 || !channel_room_take(e->c, &room)) {
        send_numbered(e, number, 50);
        return false;
    }
    memset(room.at, 'x', CHANNEL_ROOM_BYTES);
    store_u64(room.at, number);
    store_u64(room.at + 8, number);
    channel_room_send(e->c, &room,
                      number % 2 == 0 ? str_from(room.at, CHANNEL_ROOM_BYTES)
                                      : str_from(room.at + 8, 8));
    return true;
}

static bool hundred_came(void *ctx)
{
    return ((struct pair *)ctx)->b.frames >= 100 && ((struct pair *)ctx)->b.frames % 100 == 0;
}

TEST(frames_in_rooms_keep_their_order_among_the_others)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct pair p;
        uint64_t in_rooms = 0;

        pair_open(&p, side);
        channel_allow_rooms(p.b.c);
        for (uint64_t round = 0; round < 5; round++) {
            p.b.frames = 0;
            p.b.in_order = true;
            for (uint64_t i = 0; i < 100; i++)
                in_rooms += send_mixed(&p.a, i);
            CHECK(bench_run(&p.w, hundred_came, &p), "%s: %d came", side_name(side),
                  (int)p.b.frames);
            CHECK(p.b.in_order, "%s", side_name(side));
            bench_pass(&p.w, round == 3 ? 5000 : 20); /* long enough for the memory to go */
        }
        CHECK(in_rooms >= 5 * 10, "%s: they come back, %d", side_name(side), (int)in_rooms);
        pair_close(&p);
    }
}

static bool b_closed_or_came(void *ctx)
{
    return ((struct pair *)ctx)->b.closed || ((struct pair *)ctx)->b.frames > 0;
}

TEST(rooms_are_for_those_who_allow_them)
{
    struct pair p;

    pair_open(&p, SIDE_REAL);
    CHECK(send_mixed(&p.a, 0), "a room");
    CHECK(bench_run(&p.w, b_closed_or_came, &p), "something");
    CHECK_EQ(p.b.why, ERR_CORRUPT, "refused");
    CHECK_EQ(p.b.frames, 0, "unread");
    pair_close(&p);
}

/* Whoever fills a room may take longer than the channel lives. */
TEST(a_room_outlives_its_channel)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct channel_room rooms[100];
        unsigned taken = 0;
        struct pair p;

        pair_open(&p, side);
        while (taken < 40 && channel_room_take(p.a.c, &rooms[taken]))
            taken++;
        CHECK(taken >= 4, "%s: %u at a time", side_name(side), taken);
        channel_room_drop(&rooms[0]);
        CHECK(channel_room_take(p.a.c, &rooms[0]), "%s: dropped, and there again", side_name(side));
        channel_free(p.a.c);
        p.a.c = NULL;
        bench_pass(&p.w, 10);
        for (unsigned i = 0; i < taken; i++) {
            memset(rooms[i].at, 'x', CHANNEL_ROOM_BYTES);
            channel_room_drop(&rooms[i]);
            channel_room_drop(&rooms[i]);
        }
        pair_close(&p);
    }
}

TEST(a_channel_may_be_freed_for_a_frame_in_a_room)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct pair p;

        pair_open(&p, side);
        channel_allow_rooms(p.b.c);
        p.b.free_on_frame = true;
        (void)send_mixed(&p.a, 0);
        (void)send_mixed(&p.a, 3);
        CHECK(bench_run(&p.w, a_closed, &p), "%s", side_name(side));
        CHECK_EQ(p.b.frames, 1, "%s: nothing comes after that", side_name(side));
        pair_close(&p);
    }
}

static void on_accept(void *ctx, struct channel *c)
{
    struct end *e = ctx;

    if (e->c != NULL) /* the one before only looked whether the door is alive */
        channel_free(e->c);
    e->c = c;
    e->echo = true;
    channel_set_events(c, &events, e);
}

static bool one_echo(void *ctx)
{
    return ((struct pair *)ctx)->a.frames == 1;
}

TEST(the_administration_has_a_door_with_a_name)
{
    struct pair p = { .a = { .in_order = true } };
    struct channel_listener *l, *second;
    char path[64], name[80];

    bench_open(&p.w, SIDE_REAL);
    (void)snprintf(name, sizeof name, "%s/door", folder_new(path).at);
    CHECK_EQ(channel_connect(p.w.a, str_from_z(name), &p.a.c, NULL), ERR_NOT_FOUND, "no door");
    CHECK_OK(channel_listen(p.w.b, str_from_z(name), on_accept, &p.b, &l), "listen");
    CHECK_EQ(channel_listen(p.w.b, str_from_z(name), on_accept, &p.b, &second), ERR_IN_USE,
             "a living one is not replaced");
    CHECK_OK(channel_connect(p.w.a, str_from_z(name), &p.a.c, NULL), "connect");
    channel_set_events(p.a.c, &events, &p.a);
    channel_send(p.a.c, STR("hello"), NULL);
    CHECK(bench_run(&p.w, one_echo, &p), "echo");
    channel_listener_free(l);
    folder_remove(str_from_z(path));
    pair_close(&p);
}
