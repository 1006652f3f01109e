/* gate/fake_keeper.c - canned answers; see fake_keeper.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/fake_keeper.h"

#include "message/set/flags.h"
#include "message/set/uidset.h"
#include "os/os_test.h"
#include "testing.h"

enum { FAKE_SESSION = 77, FAKE_SPOOL = 5, FAKE_UIDVALIDITY = 9, RANGES_MAX = 100 };

struct question {
    struct fake_keeper *keeper;
    struct arena *mem;
    struct str fields;
    enum err e;
    struct file *file; /* goes along with the reply */
};

#define GET(name)                                                                                  \
    struct keep_##name##_req req;                                                                  \
    CHECK(keep_##name##_req_get(q->mem, q->fields, &req), #name)

static void on_login(struct question *q, struct buf *out)
{
    struct keep_login_rep rep = { FAKE_SESSION, 1, STR("bob@hamburger.edu") };
    GET(login);
    bool token = req.kind == LOGIN_TOKEN && str_eq(req.password, STR("token"));

    CHECK(req.peer.len > 0, "peer");
    if (!token && (!str_eq(req.name, STR("bob")) || !str_eq(req.password, STR("hungry"))))
        q->e = ERR_AUTH;
    else
        keep_login_rep_put(out, &rep);
}

/* A mechanism of two messages: "hello" is answered with "who", "bob" comes in. */
static void on_sasl(struct question *q, struct buf *out)
{
    struct keep_sasl_rep rep = { 0 };
    GET(sasl);

    CHECK(req.peer.len > 0 && req.service.len > 0, "peer and service");
    if (req.exchange == 0 && str_eq(req.message, STR("hello"))) {
        rep.exchange = 9;
        rep.message = STR("who");
    } else if (req.exchange == 9 && str_eq(req.message, STR("bob"))) {
        rep =
            (struct keep_sasl_rep){ 0, STR("welcome"), FAKE_SESSION, 1, STR("bob@hamburger.edu") };
    } else {
        q->e = req.exchange == 0 ? ERR_SYNTAX : ERR_AUTH;
        return;
    }
    keep_sasl_rep_put(out, &rep);
}

static void on_may_send_as(struct question *q, struct buf *out)
{
    struct keep_may_send_as_rep rep;
    GET(may_send_as);

    CHECK_EQ(req.session, FAKE_SESSION, "session");
    rep.allowed = str_eq(req.address, STR("bob@hamburger.edu"));
    keep_may_send_as_rep_put(out, &rep);
}

static void on_route(struct question *q, struct buf *out)
{
    struct keep_route_rep rep = { .kind = ROUTE_FOREIGN };
    GET(route);

    if (str_ends(req.address, STR("@hamburger.edu")))
        rep.kind = ROUTE_UNKNOWN;
    if (str_eq(req.address, STR("bob@hamburger.edu")) ||
        str_eq_nocase(req.address, STR("postmaster")))
        rep.kind = ROUTE_LOCAL;
    if (str_eq(req.address, STR("full@hamburger.edu")))
        rep.kind = ROUTE_FULL;
    if (str_eq(req.address, STR("off@hamburger.edu")))
        rep.kind = ROUTE_DISABLED;
    keep_route_rep_put(out, &rep);
}

static void on_spool(struct question *q, struct buf *out)
{
    struct keep_spool_rep rep = { FAKE_SPOOL };

    CHECK_OK(fs_open_unnamed(q->keeper->fs, &q->keeper->spool, NULL), "spool");
    q->file = q->keeper->lose_files ? NULL : q->keeper->spool;
    keep_spool_rep_put(out, &rep);
}

static void on_spool_drop(struct question *q, struct buf *out)
{
    struct keep_spool_drop_rep rep;
    GET(spool_drop);

    CHECK_EQ(req.spool, FAKE_SPOOL, "spool");
    q->keeper->spools_dropped++;
    keep_spool_drop_rep_put(out, &rep);
}

static void add_spooled(struct fake_keeper *k, uint64_t len)
{
    char *at = malloc(len + 1);

    CHECK(at != NULL && k->spool != NULL, "spool");
    CHECK_OK(file_pread(k->spool, 0, at, len, NULL), "spool");
    buf_add(&k->delivered, str_from(at, len));
    free(at);
}

static void on_deliver(struct question *q, struct buf *out)
{
    struct fake_keeper *k = q->keeper;
    struct keep_deliver_rep rep = { .delivery = 0xAB };
    GET(deliver);

    k->deliveries++;
    k->return_path_bytes = req.return_path_bytes;
    buf_clear(&k->delivered);
    buf_clear(&k->record);
    buf_clear(&k->envelope);
    buf_add(&k->delivered, req.bytes);
    buf_add(&k->record, req.record);
    if (req.spool != 0)
        add_spooled(k, req.spool_bytes);
    buf_printf(&k->envelope, "from <%.*s> to", STR_ARG(req.reverse_path));
    for (size_t i = 0; i < req.rcpts_count; i++)
        buf_printf(&k->envelope, " <%.*s>/%u%.*s", STR_ARG(req.rcpts[i].address),
                   req.rcpts[i].notify, STR_ARG(req.rcpts[i].orcpt));
    buf_printf(&k->envelope, " ret %u envid %.*s session %u body %u utf8 %d", req.ret,
               STR_ARG(req.envid), (unsigned)req.session, req.body, req.smtputf8);
    keep_deliver_rep_put(out, &rep);
}

static void on_select(struct question *q, struct buf *out)
{
    struct fake_keeper *k = q->keeper;
    struct keep_select_rep rep = { .mailbox = 3, .uidvalidity = FAKE_UIDVALIDITY };
    struct uidset uids = { 0 };
    struct buf encoded = { 0 };
    GET(select);

    CHECK(str_eq(req.name, STR("INBOX")) && req.lock && req.write, "select");
    for (uint32_t i = 0; i < k->inbox_count; i++)
        if (!k->inbox[i].gone) {
            uidset_add(&uids, k->inbox[i].uid);
            rep.exists++;
        }
    uidset_encode(&uids, &encoded);
    rep.uids = buf_str(&encoded);
    keep_select_rep_put(out, &rep);
    buf_deinit(&encoded);
    uidset_deinit(&uids);
}

/* As the keeper knows it from a message's record. */
static bool has_bare_lf(struct str octets)
{
    for (size_t i = 0; i < octets.len; i++)
        if (octets.at[i] == '\n' && (i == 0 || octets.at[i - 1] != '\r'))
            return true;
    return false;
}

static struct keep_part *cut(struct question *q, struct str octets, const struct keep_want *want)
{
    struct keep_part *part = ARENA_NEW(q->mem, struct keep_part);

    CHECK(want->section.len == 0, "the whole message");
    *part = (struct keep_part){ true, octets.len, str_sub(octets, want->offset, want->length) };
    if (q->keeper->octets_at_once != 0)
        part->bytes = str_take(part->bytes, q->keeper->octets_at_once);
    return part;
}

static void on_fetch(struct question *q, struct buf *out)
{
    struct fake_keeper *k = q->keeper;
    struct keep_fetch_rep rep = { .rows = ARENA_ARRAY(q->mem, struct keep_row, FAKE_MESSAGES_MAX) };
    struct uidset uids = { 0 };
    GET(fetch);
    struct reader r = reader_of(req.uids);

    CHECK_OK(uidset_decode(&r, RANGES_MAX, &uids), "uids");
    for (uint32_t i = 0; i < k->inbox_count; i++) {
        struct fake_message *m = &k->inbox[i];

        if (m->gone || m->uid < req.from || !uidset_contains(&uids, m->uid))
            continue;
        if (k->rows_at_once != 0 && rep.rows_count == k->rows_at_once) {
            rep.next = m->uid;
            break;
        }
        m->seen = m->seen || req.mark_seen;
        rep.rows[rep.rows_count] = (struct keep_row){ .uid = m->uid, .size = m->octets.len };
        if (req.items & ITEM_FLAGS)
            rep.rows[rep.rows_count].flags = m->seen ? FLAG_SEEN : 0;
        if ((req.items & ITEM_WIRE_SIZE) != 0 && has_bare_lf(m->octets))
            rep.rows[rep.rows_count].size = UINT64_MAX;
        if (req.wants_count == 1) {
            rep.rows[rep.rows_count].parts = cut(q, m->octets, &req.wants[0]);
            rep.rows[rep.rows_count].parts_count = 1;
        }
        rep.rows_count++;
    }
    keep_fetch_rep_put(out, &rep);
    uidset_deinit(&uids);
}

static void on_store(struct question *q, struct buf *out)
{
    struct fake_keeper *k = q->keeper;
    struct keep_store_rep rep = { .changed = STR_EMPTY };
    struct uidset uids = { 0 };
    GET(store);
    struct reader r = reader_of(req.uids);

    CHECK_EQ(req.session, FAKE_SESSION, "session");
    CHECK(req.op == STORE_ADD && req.flags == FLAG_SEEN, "all that POP3 marks");
    CHECK_OK(uidset_decode(&r, RANGES_MAX, &uids), "uids");
    for (uint32_t i = 0; i < k->inbox_count; i++)
        k->inbox[i].seen = k->inbox[i].seen || uidset_contains(&uids, k->inbox[i].uid);
    keep_store_rep_put(out, &rep);
    uidset_deinit(&uids);
}

static void on_expunge(struct question *q, struct buf *out)
{
    struct fake_keeper *k = q->keeper;
    struct keep_expunge_rep rep = { .expunged = STR_EMPTY };
    struct uidset uids = { 0 };
    GET(expunge);
    struct reader r = reader_of(req.uids);

    CHECK(!req.deleted_only, "POP3 does not know flags");
    CHECK_OK(uidset_decode(&r, RANGES_MAX, &uids), "uids");
    for (uint32_t i = 0; i < k->inbox_count; i++)
        k->inbox[i].gone = k->inbox[i].gone || uidset_contains(&uids, k->inbox[i].uid);
    keep_expunge_rep_put(out, &rep);
    uidset_deinit(&uids);
}

static void on_unselect(struct question *q, struct buf *out)
{
    struct keep_unselect_rep rep;
    GET(unselect);

    CHECK_EQ(req.session, FAKE_SESSION, "session");
    keep_unselect_rep_put(out, &rep);
}

static void on_logout(struct question *q, struct buf *out)
{
    struct keep_logout_rep rep;
    GET(logout);

    CHECK_EQ(req.session, FAKE_SESSION, "session");
    keep_logout_rep_put(out, &rep);
}

static void (*const answers[CALL_COUNT])(struct question *q, struct buf *out) = {
    [CALL_login] = on_login,           [CALL_sasl] = on_sasl,
    [CALL_logout] = on_logout,         [CALL_may_send_as] = on_may_send_as,
    [CALL_route] = on_route,           [CALL_spool] = on_spool,
    [CALL_spool_drop] = on_spool_drop, [CALL_deliver] = on_deliver,
    [CALL_select] = on_select,         [CALL_fetch] = on_fetch,
    [CALL_store] = on_store,           [CALL_expunge] = on_expunge,
    [CALL_unselect] = on_unselect,
};

static void on_frame(void *ctx, struct str frame, struct file *file)
{
    struct fake_keeper *k = ctx;
    struct reader r = reader_of(frame);
    uint8_t kind = get_u8(&r), call = get_u8(&r);
    uint64_t tag = get_varint(&r);
    struct buf fields = { 0 }, out = { 0 };
    struct question q = { .keeper = k, .mem = arena_new(0), .fields = r.rest };

    CHECK(kind == FRAME_REQUEST && call < CALL_COUNT && !r.bad && file == NULL, "frame");
    CHECK(answers[call] != NULL, "%s is not expected", keep_call_name((enum keep_call)call));
    k->asked[call]++;
    q.e = k->error_of[call];
    if (q.e == OK)
        answers[call](&q, &fields);
    put_u8(&out, FRAME_REPLY);
    put_varint(&out, tag);
    put_u8(&out, (uint8_t)q.e);
    if (q.e == OK)
        buf_add(&out, buf_str(&fields));
    else
        put_str(&out, STR_EMPTY);
    channel_send(k->channel, buf_str(&out), q.file);
    buf_deinit(&out);
    buf_deinit(&fields);
    arena_free(q.mem);
}

static void on_closed(void *ctx, enum err why)
{
    (void)ctx;
    (void)why;
}

static const struct channel_events events = { .frame = on_frame, .closed = on_closed };

void fake_keeper_open(struct fake_keeper *k, struct channel *c)
{
    *k = (struct fake_keeper){ .channel = c };
    CHECK_OK(fs_new_real(folder_new(k->folder), true, &k->fs, NULL), "folder");
    channel_set_events(c, &events, k);
}

void fake_keeper_use(struct fake_keeper *k, struct fs *fs)
{
    fs_free(k->fs);
    k->fs = fs;
}

void fake_keeper_close(struct fake_keeper *k)
{
    if (k->channel != NULL)
        channel_free(k->channel);
    file_close(k->spool);
    fs_free(k->fs);
    folder_remove(str_from_z(k->folder));
    buf_deinit(&k->delivered);
    buf_deinit(&k->record);
    buf_deinit(&k->envelope);
}
