/* gate/imap/selected.c - the open mailbox: what changed in it, and the sets that name its messages.
 *
 * Keeper is asked for changes since `modseq`, at the end of commands and when it has said that
 * there are some. Flag changes are told at once by their present sequence numbers; arrivals and
 * losses go into the view, which tells them when RFC 3501 allows it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/search/contexts.h"
#include "gate/imap/session.h"

#include "proto/imap/reply.h"

void selected_close(struct imap_session *s)
{
    struct selected *box = s->box;

    if (box == NULL)
        return;
    view_deinit(&box->view);
    uidset_deinit(&box->told);
    uidset_deinit(&box->saved);
    contexts_free(box);
    if (box->keywords != NULL)
        keyword_list_deinit(box->keywords);
    free(box->keywords);
    free(box);
    s->box = NULL;
    imap_set_facts(s->machine, 0, IMAP_SELECTED | IMAP_READ_ONLY);
}

uint64_t selected_flag_bits(const struct selected *box, const struct keep_row *row)
{
    uint64_t bits = row->flags | row->keywords << KEYWORD_FIRST_BIT;

    return uidset_contains(&box->view.recent, row->uid) ? bits | FLAG_RECENT : bits;
}

struct fetch_number selected_number(const struct imap_session *s, uint32_t uid)
{
    uint32_t seq = view_seq(&s->box->view, uid);
    bool by_uid = imap_session_has(s, IMAP_UIDONLY);

    return (struct fetch_number){ by_uid && seq != 0 ? uid : seq, by_uid };
}

/* A change that follows directly on what the session knows is now known, too. Otherwise somebody
 * else has changed the mailbox in between, which is asked for before the command ends. */
void selected_made(struct selected *box, uint64_t before, uint64_t modseq)
{
    if (before <= box->modseq)
        box->modseq = MAX(box->modseq, modseq);
}

/* Only what was told as of one modseq is remembered: a message told as of an older one may have
 * been changed by somebody else since. To be told the same twice does no harm. */
void selected_told(struct selected *box, const struct uidset *uids, uint64_t modseq)
{
    if (modseq <= box->modseq || modseq < box->told_modseq)
        return;
    if (modseq > box->told_modseq)
        uidset_deinit(&box->told);
    uidset_union(&box->told, uids);
    box->told_modseq = modseq;
}

/* RFC 4314 5.1.1: those that the session has a right to change. */
static void put_permanent(struct imap_session *s, uint64_t may_change)
{
    const struct keyword_list *k = s->box->keywords;
    bool keywords = (s->box->rights & RIGHT_WRITE) != 0 && (k == NULL || k->count < KEYWORDS_MAX);

    flags_format(may_change, k, &s->out);
    if (!keywords)
        return;
    s->out.len--;
    buf_add(&s->out, may_change != 0 ? STR(" \\*)") : STR("\\*)"));
}

void selected_rights(struct imap_session *s, uint32_t rights)
{
    if (s->box->rights == rights)
        return;
    s->box->rights = rights;
    if (s->box->described)
        selected_announce(s);
}

/* RFC 3501 7.2.6: FLAGS says which flags there are, PERMANENTFLAGS which of them a client may
 * change; "\*" says that it may make new keywords, for which there is room. */
void selected_announce(struct imap_session *s)
{
    uint64_t all = FLAGS_KNOWN;
    const struct keyword_list *k = s->box->keywords;

    if (k != NULL)
        all |= ((1ULL << k->count) - 1) << KEYWORD_FIRST_BIT;
    BUF_ADD(&s->out, "* FLAGS ");
    flags_format(all, k, &s->out);
    BUF_ADD(&s->out, "\r\n* OK [PERMANENTFLAGS ");
    if (s->box->read_only) {
        BUF_ADD(&s->out, "()");
    } else {
        put_permanent(s, all & rights_flags(s->box->rights));
    }
    BUF_ADD(&s->out, "] Flags that are kept\r\n");
}

void selected_keywords(struct imap_session *s, const struct keep_text *texts, size_t count)
{
    struct selected *box = s->box;
    uint32_t known = box->keywords == NULL ? 0 : box->keywords->count;
    uint64_t bit;

    if (count > known && box->keywords == NULL) {
        box->keywords = calloc(1, sizeof(*box->keywords));
        if (box->keywords == NULL)
            BUG("out of memory");
    }
    for (size_t i = known; i < count; i++)
        if (keyword_bit_add(box->keywords, texts[i].text, &bit) != OK)
            break;
    if (count > known && box->described)
        selected_announce(s);
}

/* ---- changes ---- */

/* What a command of this session removes is told even where NOTIFY wants no word of the mailbox. */
void selected_report(struct imap_session *s, bool may_expunge)
{
    bool own = s->command != NULL &&
               (s->command->verb == IMAP_CMD_EXPUNGE || s->command->verb == IMAP_CMD_MOVE);

    if ((notify_selected(s) & NOTIFY_MESSAGE_NEW) == 0 && !own)
        return;
    notify_arrived(s);
    if (may_expunge)
        contexts_tell_vanished(s);
    view_report(&s->box->view, may_expunge, imap_session_has(s, IMAP_QRESYNC | IMAP_UIDONLY),
                &s->out);
}

/* Flags of messages that the client knows. It does not yet know those that have just arrived, and
 * it has been told already what its own command did. */
static void tell_changed(struct imap_session *s, const struct keep_row *row)
{
    struct selected *box = s->box;
    struct fetch_number number = selected_number(s, row->uid);
    bool condstore = imap_session_has(s, IMAP_CONDSTORE);
    bool uid = condstore || imap_session_has(s, IMAP_REV2) || /* RFC 7162 3.2.4, RFC 9051 7.5.2 */
               (s->command != NULL && s->command->uid);
    uint32_t wanted = notify_selected(s);
    struct buf flags = { 0 };

    uid = (uid || s->pushing) && !number.is_uid; /* RFC 5465 5.1 */
    if (number.number == 0 || (wanted & NOTIFY_FLAG_CHANGE) == 0 ||
        (row->modseq == box->told_modseq && uidset_contains(&box->told, row->uid)))
        return;
    flags_format(selected_flag_bits(box, row), box->keywords, &flags);
    reply_flags_line(&s->out, number, buf_str(&flags), uid ? row->uid : 0,
                     condstore ? row->modseq : 0);
    buf_deinit(&flags);
}

enum err imap_session_decode_uids(struct str octets, struct uidset *ret)
{
    struct reader r = reader_of(octets);

    return octets.len == 0 || uidset_decode(&r, UINT32_MAX, ret) == OK ? OK : ERR_CORRUPT;
}

static enum err apply(struct imap_session *s, const struct keep_sync_rep *rep)
{
    struct uidset arrived = { 0 }, vanished = { 0 }, recent = { 0 };
    enum err e = OK;

    if ((e = imap_session_decode_uids(rep->arrived, &arrived)) == OK &&
        (e = imap_session_decode_uids(rep->vanished, &vanished)) == OK &&
        (e = imap_session_decode_uids(imap_session_has(s, IMAP_REV2) ? STR_EMPTY : rep->recent_uids,
                                      &recent)) == OK) {
        selected_keywords(s, rep->keywords, rep->keywords_count);
        selected_rights(s, rep->rights);
        for (size_t i = 0; i < rep->changed_count; i++)
            tell_changed(s, &rep->changed[i]);
        view_arrive(&s->box->view, &arrived, &recent);
        view_vanish(&s->box->view, &vanished);
        s->box->modseq = MAX(s->box->modseq, rep->modseq);
        s->box->noted = MAX(s->box->noted, s->box->modseq);
    }
    uidset_deinit(&arrived);
    uidset_deinit(&vanished);
    uidset_deinit(&recent);
    return e;
}

static void ask(struct imap_session *s);

static void synced(void *ctx, enum err e, const struct keep_sync_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;

    (void)file;
    s->ticket = 0;
    if (e == ERR_NOT_FOUND && s->command != NULL && s->command->verb == IMAP_CMD_DELETE) {
        reply_line(&s->out, STR("OK [CLOSED] The open mailbox was deleted"));
        selected_close(s);
        s->synced(s);
        return;
    }
    if (e == ERR_NOT_FOUND) {
        imap_session_bye(s, STR("The open mailbox is gone"));
        return;
    }
    if (e == OK)
        e = apply(s, rep);
    if (e == OK && rep->more) {
        imap_session_when_drained(s, ask);
        return;
    }
    /* A note counts the changes of the whole account, so what it mentioned may have been elsewhere.
     * News that cannot be had now come with a later note or NOOP. */
    if (e != OK || s->box->noted == s->box->asked)
        s->box->noted = s->box->modseq;
    s->synced(s);
}

static void ask(struct imap_session *s)
{
    struct keep_sync_req req = { .session = s->keeper_session,
                                 .mailbox = s->box->mailbox,
                                 .since = s->box->modseq,
                                 .write = !s->box->read_only };

    s->box->asked = s->box->noted;
    s->ticket = keeper_sync(s->service->keeper, &req, synced, s);
}

void imap_session_sync(struct imap_session *s, void (*next)(struct imap_session *s))
{
    s->synced = next;
    ask(s);
}

/* ---- sets ---- */

struct str imap_session_encode_uids(struct imap_session *s, const struct uidset *uids)
{
    struct buf octets = { 0 };
    struct str copy;

    uidset_encode(uids, &octets);
    copy = arena_copy(s->mem, buf_str(&octets));
    buf_deinit(&octets);
    return copy;
}

struct str imap_session_all_uids(struct imap_session *s)
{
    return imap_session_encode_uids(s, &s->box->view.uids);
}

bool selected_resolve(const struct selected *box, const struct imap_set *set, bool uid,
                      struct uidset *ret)
{
    if (!set->saved)
        return view_resolve(&box->view, set, uid, ret);
    uidset_copy(ret, &box->saved);
    uidset_intersect(ret, &box->view.uids);
    return true;
}

bool imap_session_uids(struct imap_session *s, const struct imap_set *set, struct str *ret)
{
    struct uidset uids = { 0 };

    if (!selected_resolve(s->box, set, s->command->uid, &uids)) {
        imap_session_end(s, STR("BAD No message has that number"));
        return false;
    }
    *ret = imap_session_encode_uids(s, &uids);
    uidset_deinit(&uids);
    return true;
}

uint32_t imap_session_flag_names(struct imap_session *s, const struct flag_names *names,
                                 struct keep_text **ret, size_t *ret_count)
{
    struct keep_text *texts = ARENA_ARRAY(s->mem, struct keep_text, names->count);

    for (uint32_t i = 0; i < names->count; i++)
        texts[i].text = names->keywords[i];
    *ret = texts;
    *ret_count = names->count;
    return (uint32_t)names->bits;
}
