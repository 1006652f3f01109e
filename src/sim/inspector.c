/* sim/inspector.c - reads the mailboxes all the while.
 *
 * A visit is login, select, fetch of what is new, a search, sometimes a flag, logout; each step is
 * one call and the next one is made in its done(). When keeper dies in between, the visit is given
 * up. The last visits count: they read every message of every account. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/inspector.h"

#include "message/set/flags.h"
#include "message/set/search.h"
#include "message/set/uidset.h"

enum { VISIT_EVERY_MS = 700, HEAD_OCTETS = 4000, UIDS_MAX = 20000, FLAG_ONE_IN = 3 };

static const char *const domains[] = { "crepes.fr", "hamburger.edu" };
static const char *const accounts[] = { "alice@crepes.fr", "bob@hamburger.edu", "carol@crepes.fr" };
#define PASSWORD "hungry"

struct known { /* one account's INBOX, as last seen */
    uint32_t uidvalidity, uidnext;
    uint64_t modseq;
    uint64_t fingerprints[UIDS_MAX]; /* by UID: of the message's first octets; 0: not seen */
    bool flagged[UIDS_MAX];          /* we set \Flagged and were told OK */
    uint32_t numbers[UIDS_MAX];      /* of our message, from 1; 0: none, or not seen */
    bool has_lines[UIDS_MAX];        /* its text says the number, too */
};

struct inspector {
    struct sim *sim;
    struct town *town;
    struct ledger *ledger;
    struct timer timer;
    struct known known[ARRAY_LEN(accounts)];
    size_t made;    /* domains and accounts that stand */
    size_t account; /* of the visit */
    size_t counted_accounts;
    uint64_t session;
    uint32_t mailbox, from, flagging, searched;
    bool searches;
    bool busy, count_wanted, counting, counted, checked;
    uint32_t queued;
};

static void complain(struct inspector *i, const char *what)
{
    ledger_complain(i->ledger, "%s: %s", accounts[i->account], what);
    sim_note(i->sim, str_from_z(what));
}

static void end_visit(struct inspector *i)
{
    i->busy = false;
    timer_set_in(&i->timer, VISIT_EVERY_MS);
}

static void logged_out(void *ctx, enum err e, const struct keep_logout_rep *rep, struct file *file)
{
    (void)e;
    (void)rep;
    (void)file;
    end_visit(ctx);
}

static void leave(struct inspector *i)
{
    struct keep_logout_req req = { .session = i->session };

    (void)keeper_logout(town_reader(i->town), &req, logged_out, i);
}

/* ---- flags ---- */

static void flagged(void *ctx, enum err e, const struct keep_store_rep *rep, struct file *file)
{
    struct inspector *i = ctx;

    (void)rep;
    (void)file;
    if (e != OK) {
        end_visit(i);
        return;
    }
    i->known[i->account].flagged[i->flagging] = true;
    leave(i);
}

static void put_uid(struct buf *out, uint32_t first, uint32_t last)
{
    struct uidset set = { 0 };

    uidset_add_range(&set, first, last);
    uidset_encode(&set, out);
    uidset_deinit(&set);
}

static void maybe_flag(struct inspector *i)
{
    struct known *k = &i->known[i->account];
    struct buf uids = { 0 };

    if (k->uidnext < 2 || sim_random(i->sim, FLAG_ONE_IN) != 0) {
        leave(i);
        return;
    }
    i->flagging = (uint32_t)sim_random(i->sim, MIN(k->uidnext, (uint32_t)UIDS_MAX) - 1) + 1;
    put_uid(&uids, i->flagging, i->flagging);
    struct keep_store_req req = { .session = i->session,
                                  .mailbox = i->mailbox,
                                  .uids = buf_str(&uids),
                                  .op = STORE_ADD,
                                  .flags = FLAG_FLAGGED,
                                  .unchanged_since = UNCHANGED_SINCE_UNSAID };
    (void)keeper_store(town_reader(i->town), &req, flagged, i);
    buf_deinit(&uids);
}

/* ---- searches ---- */

static void found(void *ctx, enum err e, const struct keep_search_rep *rep, struct file *file)
{
    struct inspector *i = ctx;
    struct buf want = { 0 };

    (void)file;
    if (e != OK) {
        end_visit(i);
        return;
    }
    put_uid(&want, i->searched, i->searched);
    if (!str_eq(rep->uids, buf_str(&want)))
        complain(i, "a search does not find its message, or not that one alone");
    buf_deinit(&want);
    maybe_flag(i);
}

/* What only this message has: its subject, its Message-ID, each line of its text. */
static void search_for(struct inspector *i, uint32_t n, bool has_lines, struct search_builder *b)
{
    switch (sim_random(i->sim, has_lines ? 3 : 2)) {
    case 0:
        search_add_text(b, SEARCH_TEXT, arena_printf(b->mem, "m%u end", n));
        break;
    case 1:
        search_add_header(b, STR("Message-ID"), arena_printf(b->mem, "<m%u@crepes.fr>", n));
        break;
    default:
        search_add_text(b, SEARCH_BODY, arena_printf(b->mem, "line of message %u,", n));
        break;
    }
}

/* Of messages in local mailboxes there are no reports, which would say the same. */
static void maybe_search(struct inspector *i)
{
    struct known *k = &i->known[i->account];
    struct arena *mem;
    struct search_builder b;
    struct search program;
    struct buf octets = { 0 };

    i->searched = k->uidnext < 2 || !i->searches
                      ? 0
                      : (uint32_t)sim_random(i->sim, MIN(k->uidnext, (uint32_t)UIDS_MAX) - 1) + 1;
    if (k->numbers[i->searched] == 0) {
        maybe_flag(i);
        return;
    }
    mem = arena_new(0);
    search_begin(&b, mem);
    search_for(i, k->numbers[i->searched] - 1, k->has_lines[i->searched], &b);
    BUG_ON(search_finish(&b, &program) != OK);
    search_encode(&program, &octets);
    struct keep_search_req req = { .session = i->session,
                                   .mailbox = i->mailbox,
                                   .program = buf_str(&octets) };
    (void)keeper_search(town_reader(i->town), &req, found, i);
    buf_deinit(&octets);
    arena_free(mem);
}

/* ---- messages ---- */

/* Our message's number, from 1, by its Subject. */
static uint32_t number_in(const struct inspector *i, struct str octets)
{
    struct str head = str_take(octets, str_find(octets, STR("\r\n\r\n")));
    size_t subject = str_find(head, STR("Subject: m"));
    uint32_t n;

    return subject != STR_NOT_FOUND && ledger_number(i->ledger, str_skip(head, subject + 9), &n)
               ? n + 1
               : 0;
}

/* Counts a message into the ledger: one of ours by its Subject, a report by the recipients it is
 * about. */
static void count_message(struct inspector *i, struct str octets)
{
    uint32_t n = number_in(i, octets);

    if (n > 0) {
        i->ledger->entries[n - 1].stored++;
        return;
    }
    for (size_t at; (at = str_find(octets, STR("Final-Recipient:"))) != STR_NOT_FOUND;) {
        octets = str_skip(octets, at + 16);
        struct str line = str_take(octets, str_find_char(octets, '\r'));
        struct str address = str_trim(str_skip(line, str_find_char(line, ';') + 1));

        if (ledger_number(i->ledger, address, &n))
            i->ledger->entries[n].reported++;
        else
            complain(i, "a report about nobody");
    }
}

static uint64_t fingerprint(struct str octets)
{
    uint64_t h = 1469598103934665603ULL; /* FNV-1a */

    for (size_t i = 0; i < octets.len; i++)
        h = (h ^ (unsigned char)octets.at[i]) * 1099511628211ULL;
    return h | 1;
}

static void look_at(struct inspector *i, const struct keep_row *row)
{
    struct known *k = &i->known[i->account];
    struct str head = row->parts_count > 0 ? row->parts[0].bytes : STR_EMPTY;

    if (row->uid >= UIDS_MAX)
        return;
    if (head.len == 0)
        complain(i, "a message without octets");
    if (k->fingerprints[row->uid] != 0 && k->fingerprints[row->uid] != fingerprint(head))
        complain(i, "another message behind a UID");
    k->fingerprints[row->uid] = fingerprint(head);
    k->numbers[row->uid] = number_in(i, head);
    k->has_lines[row->uid] = str_find(head, STR(" line of message ")) != STR_NOT_FOUND;
    if (k->flagged[row->uid] && (row->flags & FLAG_FLAGGED) == 0)
        complain(i, "a flag was lost");
    if (i->counting)
        count_message(i, head);
}

static void fetch_on(struct inspector *i);

static void fetched(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    struct inspector *i = ctx;

    (void)file;
    if (e != OK) {
        if (i->counting)
            complain(i, err_text(e));
        end_visit(i);
        return;
    }
    for (size_t r = 0; r < rep->rows_count; r++)
        look_at(i, &rep->rows[r]);
    i->from = rep->next;
    if (rep->next != 0)
        fetch_on(i);
    else
        maybe_search(i);
}

static void fetch_on(struct inspector *i)
{
    struct keep_want want = { .section = STR(""), .length = HEAD_OCTETS };
    struct buf uids = { 0 };

    put_uid(&uids, i->from, UINT32_MAX);
    struct keep_fetch_req req = { .session = i->session,
                                  .mailbox = i->mailbox,
                                  .uids = buf_str(&uids),
                                  .from = i->from,
                                  .items = ITEM_FLAGS,
                                  .wants = &want,
                                  .wants_count = 1 };
    (void)keeper_fetch(town_reader(i->town), &req, fetched, i);
    buf_deinit(&uids);
}

static void selected(void *ctx, enum err e, const struct keep_select_rep *rep, struct file *file)
{
    struct inspector *i = ctx;
    struct known *k = &i->known[i->account];

    (void)file;
    if (e != OK) {
        end_visit(i);
        return;
    }
    if (k->uidvalidity != 0 && k->uidvalidity != rep->uidvalidity)
        complain(i, "UIDVALIDITY changed");
    if (rep->uidnext < k->uidnext)
        complain(i, "UIDNEXT went back");
    if (rep->modseq < k->modseq)
        complain(i, "the change counter went back");
    /* Look again at the last ones that are known, and at what is new. */
    i->from = i->counting || k->uidnext < 4 ? 1 : k->uidnext - 3;
    k->uidvalidity = rep->uidvalidity;
    k->uidnext = rep->uidnext;
    k->modseq = rep->modseq;
    i->mailbox = rep->mailbox;
    fetch_on(i);
}

static void logged_in(void *ctx, enum err e, const struct keep_login_rep *rep, struct file *file)
{
    struct inspector *i = ctx;
    struct keep_select_req req = { .name = STR("INBOX") };

    (void)file;
    if (e != OK) {
        if (e == ERR_AUTH || i->counting)
            complain(i, err_text(e));
        end_visit(i);
        return;
    }
    req.session = i->session = rep->session;
    (void)keeper_select(town_reader(i->town), &req, selected, i);
}

/* ---- keeper's own check, the queue ---- */

static void checked(void *ctx, enum err e, const struct keep_check_rep *rep, struct file *file)
{
    struct inspector *i = ctx;

    (void)file;
    if (e != OK)
        ledger_complain(i->ledger, "check: %s", err_text(e));
    for (size_t p = 0; e == OK && p < rep->problems_count; p++)
        ledger_complain(i->ledger, "check: %.*s", STR_ARG(rep->problems[p].text));
    i->counted = true;
}

static void queue_came(void *ctx, enum err e, const struct keep_queue_list_rep *rep,
                       struct file *file)
{
    struct inspector *i = ctx;

    (void)file;
    if (e == OK)
        i->queued = (uint32_t)rep->entries_count;
}

void inspector_ask_queue(struct inspector *i)
{
    struct keep_queue_list_req req = { 0 };

    i->queued = UINT32_MAX;
    if (keeper_client_is_up(town_admin(i->town)))
        (void)keeper_queue_list(town_admin(i->town), &req, queue_came, i);
}

uint32_t inspector_queue(const struct inspector *i)
{
    return i->queued;
}

/* ---- the round ---- */

static void visit(struct inspector *i)
{
    struct keep_login_req req = { .name = str_from_z(accounts[i->account]),
                                  .password = STR(PASSWORD),
                                  .service = STR("imap") };

    if (!keeper_client_is_up(town_reader(i->town))) {
        timer_set_in(&i->timer, VISIT_EVERY_MS);
        return;
    }
    i->busy = true;
    (void)keeper_login(town_reader(i->town), &req, logged_in, i);
}

static void next_visit(struct inspector *i)
{
    if (i->busy || i->counted)
        return;
    i->counting = i->count_wanted;
    if (!i->counting) {
        i->account = sim_random(i->sim, ARRAY_LEN(accounts));
        visit(i);
    } else if (i->counted_accounts < ARRAY_LEN(accounts)) {
        i->account = i->counted_accounts++;
        visit(i);
    } else if (!i->checked) {
        struct keep_check_req req;

        i->checked = true;
        (void)keeper_check(town_admin(i->town), &req, checked, i);
    }
}

static void make_next(struct inspector *i);

static void made_domain(void *ctx, enum err e, const struct keep_domain_add_rep *rep,
                        struct file *file)
{
    struct inspector *i = ctx;

    (void)rep;
    (void)file;
    if (e != OK && e != ERR_EXISTS)
        ledger_complain(i->ledger, "domain_add: %s", err_text(e));
    i->made++;
    make_next(i);
}

static void made_account(void *ctx, enum err e, const struct keep_account_add_rep *rep,
                         struct file *file)
{
    struct inspector *i = ctx;

    (void)rep;
    (void)file;
    if (e != OK && e != ERR_EXISTS)
        ledger_complain(i->ledger, "account_add: %s", err_text(e));
    i->made++;
    make_next(i);
}

static void make_next(struct inspector *i)
{
    if (i->made < ARRAY_LEN(domains)) {
        struct keep_domain_add_req req = { .name = str_from_z(domains[i->made]) };

        (void)keeper_domain_add(town_admin(i->town), &req, made_domain, i);
    } else if (i->made < ARRAY_LEN(domains) + ARRAY_LEN(accounts)) {
        struct keep_account_add_req req = {
            .address = str_from_z(accounts[i->made - ARRAY_LEN(domains)]),
            .password = STR(PASSWORD),
        };

        (void)keeper_account_add(town_admin(i->town), &req, made_account, i);
    } else {
        end_visit(i);
    }
}

bool inspector_ready(const struct inspector *i)
{
    return i->made == ARRAY_LEN(domains) + ARRAY_LEN(accounts);
}

static void timer_came(void *ctx)
{
    struct inspector *i = ctx;

    if (inspector_ready(i))
        next_visit(i);
    else
        make_next(i);
}

void inspector_keeper_up(struct inspector *i)
{
    i->busy = false;
    timer_set_in(&i->timer, VISIT_EVERY_MS);
}

void inspector_count(struct inspector *i)
{
    i->count_wanted = true; /* the visit under way ends first */
}

bool inspector_counted(const struct inspector *i)
{
    return i->counted;
}

struct inspector *inspector_new(struct sim *s, struct town *t, struct ledger *l, bool searches)
{
    struct inspector *i = calloc(1, sizeof(*i));

    if (i == NULL)
        BUG("out of memory");
    i->sim = s;
    i->town = t;
    i->ledger = l;
    i->searches = searches;
    timer_init(&i->timer, town_outside(t), timer_came, i);
    timer_set_in(&i->timer, 1);
    return i;
}

void inspector_free(struct inspector *i)
{
    timer_cancel(&i->timer);
    free(i);
}
