/* keeper/calls/server_queue_test.c - leases, outcomes, reports, and the hands of the administrator.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_test_world.h"

#define TEXT STR("Subject: x\r\nMessage-ID: <7@crepes.fr>\r\n\r\nx\r\n")

static void send_out(struct world *w)
{
    CHECK_OK(world_deliver(w, STR("alice@crepes.fr"), STR("carol@example.org"), TEXT), "send");
}

static struct keep_lease_rep lease(struct world *w)
{
    struct keep_lease_rep rep;

    CHECK_OK(ask_lease(w, w->courier, &(struct keep_lease_req){ .max = 10, .lease_s = 60 }, &rep),
             "lease");
    return rep;
}

static size_t queued(struct world *w)
{
    struct keep_queue_list_rep rep;

    CHECK_OK(ask_queue_list(w, w->control, &(struct keep_queue_list_req){ 0 }, &rep), "list");
    return rep.entries_count;
}

static uint32_t inbox(struct world *w)
{
    struct keep_mailbox_status_rep rep;

    CHECK_OK(ask_mailbox_status(
                 w, w->gate,
                 &(struct keep_mailbox_status_req){ .session = w->session, .name = STR("INBOX") },
                 &rep),
             "status");
    return rep.messages;
}

TEST(a_message_is_leased_once_read_and_done)
{
    struct world w;
    struct keep_lease_read_rep bytes;

    world_open(&w);
    send_out(&w);
    world_settle(&w, 100);
    CHECK(w.due_notes > 0, "courier was told");

    struct keep_lease_rep first = lease(&w);

    CHECK_EQ(first.entries_count, 1, "due");
    CHECK_STR(first.entries[0].rcpts[0].address, STR("carol@example.org"), "recipient");
    CHECK_STR(first.entries[0].reverse_path, STR("alice@crepes.fr"), "sender");
    CHECK_EQ(lease(&w).entries_count, 0, "taken");
    CHECK_OK(ask_lease_read(
                 &w, w.courier,
                 &(struct keep_lease_read_req){ .lease = first.entries[0].lease, .length = 1000 },
                 &bytes),
             "read");
    CHECK_STR(bytes.bytes, TEXT, "octets");

    struct keep_outcome outcome = { .state = RCPT_RELAYED, .reply = STR("250"), .host = STR("mx") };
    struct keep_lease_end_req end = { .lease = first.entries[0].lease,
                                      .outcomes = &outcome,
                                      .outcomes_count = 1 };

    CHECK_OK(ask_lease_end(&w, w.courier, &end, NULL), "end");
    CHECK_EQ(ask_lease_end(&w, w.courier, &end, NULL), ERR_CONFLICT, "twice");
    CHECK_EQ(queued(&w), 0, "done");
    world_close(&w);
}

TEST(a_lease_that_runs_out_is_free_again_and_so_after_a_power_cut)
{
    struct world w;

    world_open(&w);
    send_out(&w);

    struct keep_lease_rep first = lease(&w);

    w.due_notes = 0;
    world_settle(&w, 61000);
    CHECK(w.due_notes > 0, "courier was told again");
    CHECK_EQ(ask_lease_renew(
                 &w, w.courier,
                 &(struct keep_lease_renew_req){ .lease = first.entries[0].lease, .lease_s = 60 },
                 NULL),
             ERR_CONFLICT, "too late");
    CHECK_EQ(lease(&w).entries_count, 1, "again");
    world_restart(&w, true);
    w.session = world_login(&w, STR("alice"), STR("hungry"));
    CHECK_EQ(lease(&w).entries_count, 1, "after the cut");
    world_close(&w);
}

TEST(a_failure_is_reported_to_the_sender_in_the_same_commit)
{
    struct world w;

    world_open(&w);
    send_out(&w);

    struct keep_lease_rep first = lease(&w);
    struct keep_outcome outcome = { .state = RCPT_FAILED,
                                    .reply = STR("550 no"),
                                    .host = STR("mx") };

    CHECK_OK(ask_lease_end(&w, w.courier,
                           &(struct keep_lease_end_req){ .lease = first.entries[0].lease,
                                                         .outcomes = &outcome,
                                                         .outcomes_count = 1,
                                                         .report = STR("Subject: no\r\n\r\nno") },
                           NULL),
             "end");
    CHECK_EQ(queued(&w), 0, "done");
    CHECK_EQ(inbox(&w), 1, "the report");
    world_close(&w);
}

TEST(a_deferred_recipient_waits_and_is_due_again_in_time)
{
    struct world w;

    world_open(&w);
    send_out(&w);

    struct keep_lease_rep first = lease(&w);
    struct keep_outcome outcome = { .state = RCPT_WAITING,
                                    .next_try = first.entries[0].arrived + 600,
                                    .reply = STR("450 later"),
                                    .host = STR("mx") };

    CHECK_OK(ask_lease_end(&w, w.courier,
                           &(struct keep_lease_end_req){ .lease = first.entries[0].lease,
                                                         .outcomes = &outcome,
                                                         .outcomes_count = 1 },
                           NULL),
             "end");

    struct keep_lease_rep none = lease(&w);

    CHECK_EQ(none.entries_count, 0, "not yet");
    CHECK_EQ(none.next_due, outcome.next_try, "when");
    w.due_notes = 0;
    world_settle(&w, 601000);
    CHECK(w.due_notes > 0, "told in time");

    struct keep_lease_rep again = lease(&w);

    CHECK_EQ(again.entries_count, 1, "due");
    CHECK_EQ(again.entries[0].rcpts[0].attempts, 1, "attempts");
    CHECK_STR(again.entries[0].rcpts[0].last_reply, STR("450 later"), "last reply");
    world_close(&w);
}

/* ERR_IN_USE also when entries were passed over. */
static enum err act(struct world *w, uint64_t id, enum keep_queue_action action, uint64_t *changed)
{
    struct keep_queue_act_rep rep = { 0 };
    enum err e = ask_queue_act(
        w, w->control, &(struct keep_queue_act_req){ .id = id, .action = (uint8_t)action }, &rep);

    *changed = rep.changed;
    return e == OK && rep.busy != 0 ? ERR_IN_USE : e;
}

TEST(the_administrator_holds_releases_gives_up_and_drops)
{
    struct world w;
    uint64_t changed;

    world_open(&w);
    send_out(&w);
    send_out(&w);
    CHECK_OK(act(&w, 1, QUEUE_HOLD, &changed), "hold");
    CHECK_EQ(changed, 1, "hold");

    struct keep_lease_rep first = lease(&w);

    CHECK_EQ(first.entries_count, 1, "the other one alone");
    CHECK_EQ(act(&w, first.entries[0].id, QUEUE_DROP, &changed), ERR_IN_USE, "while it is sent");
    CHECK_EQ(act(&w, 0, QUEUE_HOLD, &changed), ERR_IN_USE, "all: one is being sent");
    CHECK_EQ(changed, 1, "all: the other one");
    CHECK_OK(act(&w, 1, QUEUE_RELEASE, &changed), "release");
    CHECK_EQ(w.anew_notes, 0, "nothing that courier would not try by itself");
    CHECK_OK(act(&w, 1, QUEUE_RETRY, &changed), "retry");
    CHECK_EQ(w.anew_notes, 1, "courier is to try anew");
    CHECK_OK(act(&w, 1, QUEUE_FAIL, &changed), "give up");

    struct keep_lease_rep given_up = lease(&w);

    CHECK_EQ(given_up.entries_count, 1, "to be reported");
    CHECK_EQ(given_up.entries[0].rcpts[0].state, RCPT_FAILED, "state");
    CHECK_OK(ask_lease_end(&w, w.courier,
                           &(struct keep_lease_end_req){ .lease = given_up.entries[0].lease },
                           NULL),
             "end");
    CHECK_EQ(act(&w, 1, QUEUE_RETRY, &changed), ERR_NOT_FOUND, "gone");
    CHECK_EQ(queued(&w), 1, "the leased one");
    world_close(&w);
}

TEST(who_asked_for_notice_of_success_gets_an_entry_that_says_so)
{
    struct world w;
    struct keep_rcpt rcpt = { .address = STR("bob@hamburger.edu"),
                              .orcpt = STR("rfc822;b@x"),
                              .notify = NOTIFY_SUCCESS };

    world_open(&w);
    CHECK_OK(ask_deliver(&w, w.gate,
                         &(struct keep_deliver_req){ .reverse_path = STR("alice@crepes.fr"),
                                                     .rcpts = &rcpt,
                                                     .rcpts_count = 1,
                                                     .bytes = TEXT },
                         NULL),
             "deliver");

    struct keep_lease_rep notice = lease(&w);

    CHECK_EQ(notice.entries_count, 1, "the notice");
    CHECK_EQ(notice.entries[0].rcpts[0].state, RCPT_DELIVERED, "state");
    CHECK_OK(ask_lease_end(&w, w.courier,
                           &(struct keep_lease_end_req){ .lease = notice.entries[0].lease,
                                                         .report = STR("Subject: ok\r\n\r\nok") },
                           NULL),
             "end");
    CHECK_EQ(queued(&w), 0, "done");
    CHECK_EQ(inbox(&w), 1, "alice has the report");
    world_close(&w);
}
