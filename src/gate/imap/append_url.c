/* gate/imap/append_url.c - the part of a CATENATE that a URL names, read into the message.
 *
 * The mailbox is looked up by name, then the section is measured (a question for no octets), room
 * is made for it, and its octets come in pages. Nothing is marked \Seen (RFC 4469 3). What cannot
 * be found ends the command with BADURL; so does a mailbox whose UIDVALIDITY is another one by now.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/appending.h"

#include "gate/error_map.h"
#include "proto/imap/url.h"

enum { HEADER_BYTES_MAX = 1024 * 1024, SHOWN_BYTES_MAX = 500 };

struct append_url {
    struct str text;
    struct imap_url url;
    struct str section;
    uint32_t mailbox;
    uint64_t at, left; /* of the section: the next octet, and how many are wanted */
    bool subset;       /* fields are to be cut out of the header, which is read whole */
    append_url_done done;
};

static void end(struct imap_session *s, struct str refusal)
{
    s->appending->from_url->done(s, refusal);
}

/* Any TEXT-CHAR but "]" may stand in the code, and not without end. */
static void bad_url(struct imap_session *s)
{
    struct str url = str_take(s->appending->from_url->text, SHOWN_BYTES_MAX);
    struct str shown = arena_copy(s->mem, url);

    for (size_t i = 0; i < url.len; i++)
        if (url.at[i] == ']' || url.at[i] == '"' || url.at[i] < ' ' || url.at[i] > '~')
            ((char *)(uintptr_t)shown.at)[i] = '?';
    end(s, arena_printf(s->mem, "NO [BADURL \"%.*s\"] That URL names no message or part here",
                        STR_ARG(shown)));
}

static void failed(struct imap_session *s, enum err e)
{
    if (e == ERR_NOT_FOUND)
        bad_url(s);
    else
        end(s, imap_session_error_text(s, e));
}

/* ---- octets ---- */

static void ask(struct imap_session *s, uint64_t length, keeper_fetch_done done)
{
    struct append_url *u = s->appending->from_url;
    struct keep_want want = { .section = u->section, .offset = u->at, .length = length };
    struct uidset one = { 0 };

    uidset_add(&one, u->url.uid);
    struct keep_fetch_req req = { .session = s->keeper_session,
                                  .mailbox = u->mailbox,
                                  .uids = imap_session_encode_uids(s, &one),
                                  .from = u->url.uid,
                                  .wants = &want,
                                  .wants_count = 1 };
    s->ticket = keeper_fetch(s->service->keeper, &req, done, s);
    uidset_deinit(&one);
}

static void add_subset(struct imap_session *s, struct append_url *u)
{
    struct appending *a = s->appending;
    struct buf fields = { 0 };
    struct str chosen;

    header_subset(buf_str(&a->header), u->url.fields.at, u->url.fields.count,
                  u->url.section.kind == SECTION_HEADER_FIELDS_NOT, &fields);
    chosen = str_skip(buf_str(&fields), (size_t)MIN(u->url.from, (uint64_t)fields.len));
    appending_add(s, str_take(chosen, (size_t)MIN(u->url.count, (uint64_t)chosen.len)));
    buf_deinit(&fields);
    buf_deinit(&a->header);
}

static void page_known(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct append_url *u = s->appending->from_url;
    struct str bytes;

    (void)file;
    s->ticket = 0;
    if (e == OK && (rep->rows_count != 1 || rep->rows[0].parts_count != 1))
        e = ERR_NOT_FOUND;
    if (e != OK) {
        failed(s, e);
        return;
    }
    bytes = rep->rows[0].parts[0].bytes;
    if (bytes.len == 0 || bytes.len > u->left) {
        failed(s, ERR_UNAVAILABLE);
        return;
    }
    if (u->subset)
        buf_add(&s->appending->header, bytes);
    else
        appending_add(s, bytes);
    u->at += bytes.len;
    u->left -= bytes.len;
    if (u->left > 0) {
        ask(s, u->left, page_known);
        return;
    }
    if (u->subset)
        add_subset(s, u);
    end(s, STR_EMPTY);
}

/* ---- how much it is ---- */

static void room_made(struct imap_session *s, enum err e)
{
    struct append_url *u = s->appending->from_url;

    if (e != OK)
        end(s, imap_session_error_text(s, e));
    else if (u->left == 0)
        end(s, STR_EMPTY);
    else
        ask(s, u->left, page_known);
}

static void measured(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct append_url *u = s->appending->from_url;
    const struct keep_part *part;

    (void)file;
    s->ticket = 0;
    if (e == OK &&
        (rep->rows_count != 1 || rep->rows[0].parts_count != 1 || !rep->rows[0].parts[0].exists))
        e = ERR_NOT_FOUND;
    if (e != OK) {
        failed(s, e);
        return;
    }
    part = &rep->rows[0].parts[0];
    u->at = u->subset ? 0 : MIN(u->url.from, part->total);
    u->left = u->subset ? part->total : MIN(u->url.count, part->total - u->at);
    if (u->subset && u->left > HEADER_BYTES_MAX)
        end(s, STR("NO [LIMIT] The header is too long"));
    else if (appending_message_bytes(s->appending) + u->left >
             s->service->settings.limits.append_bytes_max)
        end(s, STR("NO [TOOBIG] Message too large"));
    else
        appending_make_room(s, u->left, room_made);
}

/* ---- where it is ---- */

static void ask_size(struct imap_session *s)
{
    struct append_url *u = s->appending->from_url;
    struct section section = u->url.section;
    struct buf text = { 0 };

    u->subset = section.kind == SECTION_HEADER_FIELDS || section.kind == SECTION_HEADER_FIELDS_NOT;
    if (u->subset)
        section.kind = SECTION_HEADER;
    section_format(&section, &text);
    u->section = arena_copy(s->mem, buf_str(&text));
    buf_deinit(&text);
    ask(s, 0, measured);
}

static void mailbox_known(void *ctx, enum err e, const struct keep_mailbox_status_rep *rep,
                          struct file *file)
{
    struct imap_session *s = ctx;
    struct append_url *u = s->appending->from_url;

    (void)file;
    s->ticket = 0;
    if (e == OK && u->url.uidvalidity != 0 && u->url.uidvalidity != rep->uidvalidity)
        e = ERR_NOT_FOUND;
    if (e != OK) {
        failed(s, e);
        return;
    }
    u->mailbox = rep->id;
    ask_size(s);
}

void append_url(struct imap_session *s, struct str text, append_url_done done)
{
    struct append_url *u = ARENA_NEW(s->mem, struct append_url);

    u->text = arena_copy(s->mem, text);
    u->done = done;
    s->appending->from_url = u;
    if (imap_url_parse(s->mem, &s->service->settings.limits.scan, u->text, &u->url) != OK ||
        (u->url.here && s->box == NULL) ||
        (u->url.here && u->url.uidvalidity != 0 && u->url.uidvalidity != s->box->uidvalidity)) {
        bad_url(s);
    } else if (u->url.here) {
        u->mailbox = s->box->mailbox;
        ask_size(s);
    } else {
        struct keep_mailbox_status_req req = {
            .session = s->keeper_session,
            .name = u->url.mailbox,
        };

        s->ticket = keeper_mailbox_status(s->service->keeper, &req, mailbox_known, s);
    }
}
