/* gate/imap/fake_metadata.c - annotations, as many as a test needs, of all mailboxes in one array.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/fake_call.h"

#include "message/set/entry_name.h"

enum { TEXT_MAX = 3000 };

static struct fake_annotation {
    uint32_t mailbox; /* 0: the server */
    char entry[64], value[TEXT_MAX];
    size_t entry_len, value_len;
} all[20];
static size_t count;

void fake_metadata_init(void)
{
    count = 0;
}

static bool find_mailbox(struct fake_house *h, struct str name, struct fake_mailbox **ret)
{
    *ret = NULL;
    for (uint32_t i = 0; i < h->box_count; i++)
        if (h->boxes[i].exists && str_eq(str_from_z(h->boxes[i].name), name))
            *ret = &h->boxes[i];
    return name.len == 0 || *ret != NULL;
}

static struct str entry_of(const struct fake_annotation *a)
{
    return str_from(a->entry, a->entry_len);
}

/* One annotation a page, so that paging is always seen. */
CALL(metadata_read)
{
    struct fake_mailbox *b;
    uint32_t from = 0;

    if (!find_mailbox(h, req->name, &b))
        return ERR_NOT_FOUND;
    rep->special_uses = b == NULL ? 0 : b->special_use;
    rep->annotations = ARENA_NEW(mem, struct keep_annotation);
    CHECK(req->from.len == 0 || str_to_u32(req->from, &from), "from");
    for (; from < count; from++) {
        const struct fake_annotation *a = &all[from];
        bool wanted = false;

        for (size_t i = 0; i < req->entries_count; i++)
            wanted = wanted || entry_is_within(entry_of(a), req->entries[i].text, req->depth);
        if (!wanted || a->mailbox != (b == NULL ? 0 : b->id))
            continue;
        if (rep->annotations_count == 1) {
            rep->next = arena_printf(mem, "%u", from);
            break;
        }
        rep->annotations[rep->annotations_count++] = (struct keep_annotation){
            .entry = entry_of(a),
            .exists = true,
            .value = a->value_len > req->max_size ? STR_EMPTY : str_from(a->value, a->value_len),
            .size = a->value_len,
        };
    }
    return OK;
}

static enum err put(uint32_t mailbox, const struct keep_annotation *n)
{
    size_t at = 0;

    while (at < count && (all[at].mailbox != mailbox || !str_eq(entry_of(&all[at]), n->entry)))
        at++;
    if (!n->exists && at < count)
        all[at] = all[--count];
    if (!n->exists)
        return OK;
    if (at == ARRAY_LEN(all))
        return ERR_LIMIT;
    count = MAX(count, at + 1);
    all[at].mailbox = mailbox;
    memcpy(all[at].entry, n->entry.at, all[at].entry_len = n->entry.len);
    memcpy(all[at].value, n->value.at, all[at].value_len = n->value.len);
    return OK;
}

CALL(metadata_write)
{
    struct fake_mailbox *b;
    enum err e = OK;

    if (!find_mailbox(h, req->name, &b))
        return ERR_NOT_FOUND;
    if (req->set_uses && (b == NULL || req->special_uses == USE_ALL))
        return ERR_UNSUPPORTED;
    for (uint32_t i = 0; req->set_uses && i < h->box_count; i++)
        h->boxes[i].special_use &= ~req->special_uses;
    if (req->set_uses)
        b->special_use = req->special_uses;
    for (size_t i = 0; i < req->annotations_count && e == OK; i++)
        e = put(b == NULL ? 0 : b->id, &req->annotations[i]);
    rep->modseq = ++h->modseq;
    return e;
}

/* ---- being told ---- */

CALL(watch)
{
    h->watches = req->kinds;
    return OK;
}

static struct str next_word(struct str *rest)
{
    return str_split(rest, ' ');
}

/* "messages NAME WHAT", "name NAME", "renamed NEW OLD", "gone NAME", "subscribed NAME", "metadata
 * NAME ENTRY" with "-" for the server, "overflow". Nobody watches: nothing is told. */
void house_event(struct fake_house *h, struct str text)
{
    struct str kind = next_word(&text), name = next_word(&text);
    struct keep_text entry = { .text = text };
    struct keep_event_note note = { .account = 5, .name = name, .exists = true, .modseq = 1000 };
    struct fake_mailbox *b;
    uint32_t what = 0;

    if (find_mailbox(h, name, &b) && b != NULL) {
        note.mailbox = b->id;
        note.messages = b->count;
        note.uidnext = b->uidnext;
        note.uidvalidity = 9;
        note.unseen = 1;
        note.highest = h->modseq;
        note.subscribed = b->subscribed;
    }
    if (str_eq(kind, STR("messages"))) {
        CHECK(str_to_u32(text, &what), "what");
        note.what = (uint8_t)what;
    } else if (str_eq(kind, STR("metadata"))) {
        note.kind = EVENT_METADATA;
        note.name = str_eq(name, STR("-")) ? STR_EMPTY : name;
        note.entries = &entry;
        note.entries_count = 1;
    } else if (str_eq(kind, STR("subscribed"))) {
        note.kind = EVENT_SUBSCRIPTION;
        note.subscribed = true;
    } else if (str_eq(kind, STR("overflow"))) {
        note.kind = EVENT_OVERFLOW;
    } else {
        note.kind = EVENT_NAME;
        note.exists = !str_eq(kind, STR("gone"));
        note.old_name = text;
    }
    if (note.kind == EVENT_OVERFLOW || (h->watches & 1U << note.kind) != 0)
        imap_service_event(&h->service, &note);
    house_turns(h);
}

void house_delete(struct fake_house *h, struct str name)
{
    struct keep_changed_note note = { 5, 0, ++h->modseq };
    struct fake_mailbox *b;

    CHECK(find_mailbox(h, name, &b) && b != NULL, "a mailbox");
    b->exists = false;
    imap_service_changed(&h->service, &note);
    house_turns(h);
}
