/* gate/imap/search/searching.c - what SEARCH, SORT and THREAD share. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/search/searching.h"

#include "gate/imap/search/contexts.h"

/* The nodes of the program borrow heap memory until the program is encoded. */
static bool resolve_sets(struct imap_session *s, const struct imap_search_args *a)
{
    for (uint32_t i = 0; i < a->set_count; i++) {
        struct uidset *uids = &a->program.nodes[a->sets[i].node].uids;

        *uids = (struct uidset){ 0 };
        if (!selected_resolve(s->box, &a->sets[i].set, a->sets[i].uid, uids))
            return false;
    }
    return true;
}

bool searching_program(struct imap_session *s, struct str *ret)
{
    const struct imap_search_args *a = &s->command->search;
    bool ok = resolve_sets(s, a);
    struct buf octets = { 0 };

    if (ok)
        search_encode(&a->program, &octets);
    for (uint32_t i = 0; i < a->set_count; i++)
        uidset_deinit(&a->program.nodes[a->sets[i].node].uids);
    *ret = arena_copy(s->mem, buf_str(&octets));
    buf_deinit(&octets);
    if (!ok)
        imap_session_end(s, STR("BAD No message has that number"));
    return ok;
}

void searching_fail(struct imap_session *s, enum err e)
{
    if ((s->command->search.returns & RETURN_SAVE) != 0)
        uidset_deinit(&s->box->saved);
    contexts_give_up(s);
    if (e == ERR_UNSUPPORTED)
        imap_session_end(s, STR("NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset"));
    else
        imap_session_end(s, imap_session_error_text(s, e));
}

/* With COUNT or ALL everything that was found; else what MIN, MAX and PARTIAL have told, and
 * everything when none of these was asked for (RFC 5182 2.4, RFC 9394 3.2). */
void searching_save(struct selected *box, uint32_t returns, const struct uidset *uids,
                    const struct uidset *partial)
{
    uint32_t some = returns & (RETURN_MIN | RETURN_MAX | RETURN_PARTIAL);

    uidset_deinit(&box->saved);
    if (some == 0 || (returns & (RETURN_ALL | RETURN_COUNT)) != 0) {
        uidset_copy(&box->saved, uids);
        return;
    }
    if ((some & RETURN_PARTIAL) != 0)
        uidset_copy(&box->saved, partial);
    if ((some & RETURN_MIN) != 0 && !uidset_empty(uids))
        uidset_add(&box->saved, uidset_first(uids));
    if ((some & RETURN_MAX) != 0 && !uidset_empty(uids))
        uidset_add(&box->saved, uidset_last(uids));
}
