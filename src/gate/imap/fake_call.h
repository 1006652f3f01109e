/* gate/imap/fake_call.h - how the fake keeper answers: CALL(name) defines keeper_name.
 *
 * For tests, inside the fake_*.c files. A call fails when fake_house.h says so, and is answered on
 * the next turn, unless it has been forgotten by then. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_IMAP_FAKE_CALL_H
#define POSTERN_GATE_IMAP_FAKE_CALL_H

#include "gate/imap/fake_house.h"
#include "testing.h"

/* One reply on its way. `end` calls the right kind of done and frees the rest. */
struct reply {
    uint64_t ticket;
    void (*end)(struct reply *r);
    void (*done)(void);
    void *ctx;
    enum err e;
    struct arena *mem;
    void *rep;
    struct file *file;
    bool forgotten;
};

struct fake_mailbox *fake_box(struct fake_house *h, uint32_t id);

/* The ticket; the reply is sent on the next turn. */
uint64_t fake_post(struct reply *r);

/* CALL(name) { work on h, req, rep, mem; set e }: defines keeper_name. */
#define CALL(name)                                                                                 \
    static enum err do_##name(struct fake_house *h, struct arena *mem,                             \
                              const struct keep_##name##_req *req, struct keep_##name##_rep *rep,  \
                              struct file **file);                                                 \
    static void end_##name(struct reply *r)                                                        \
    {                                                                                              \
        ((keeper_##name##_done)r->done)(r->ctx, r->e, r->e == OK ? r->rep : NULL, r->file);        \
    }                                                                                              \
    uint64_t keeper_##name(struct keeper_client *k, const struct keep_##name##_req *req,           \
                           keeper_##name##_done done, void *ctx)                                   \
    {                                                                                              \
        struct reply *r = calloc(1, sizeof(*r));                                                   \
        struct keep_##name##_rep *rep;                                                             \
                                                                                                   \
        (void)k;                                                                                   \
        CHECK(r != NULL, "memory");                                                                \
        r->mem = arena_new(0);                                                                     \
        rep = ARENA_NEW(r->mem, struct keep_##name##_rep);                                         \
        *r = (struct reply){                                                                       \
            .end = end_##name, .done = (void (*)(void))done, .ctx = ctx, .mem = r->mem, .rep = rep \
        };                                                                                         \
        r->e = house_now->fail_next;                                                               \
        house_now->fail_next = OK;                                                                 \
        if (r->e == OK)                                                                            \
            r->e = do_##name(house_now, r->mem, req, rep, &r->file);                               \
        return fake_post(r);                                                                       \
    }                                                                                              \
    static enum err do_##name(UNUSED struct fake_house *h, UNUSED struct arena *mem,               \
                              UNUSED const struct keep_##name##_req *req,                          \
                              UNUSED struct keep_##name##_rep *rep, UNUSED struct file **file)

#endif
