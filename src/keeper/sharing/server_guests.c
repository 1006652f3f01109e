/* keeper/sharing/server_guests.c - mailboxes of other accounts that sessions have open, by number.
 *
 * The numbers belong to an account that is logged in, so one note serves all its sessions. They
 * stay until its last session ends; the same mailbox gets the same one again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sharing/server_place.h"

/* All that have one mailbox open. */
struct guests {
    uint32_t owner, mailbox; /* the key: eight octets from `owner` */
    struct list all;
};

struct guest {
    struct list in_mailbox;
    struct guests *of;
    struct watched *watched;
    uint32_t number;
};

static struct guests *guests_find(struct keeper *k, uint32_t owner, uint32_t mailbox)
{
    const uint32_t key[2] = { owner, mailbox };

    return map_find(&k->guests, str_from(key, sizeof key));
}

static struct guests *guests_get(struct keeper *k, uint32_t owner, uint32_t mailbox)
{
    struct guests *g = guests_find(k, owner, mailbox);

    if (g != NULL)
        return g;
    g = calloc(1, sizeof *g);
    if (g == NULL)
        BUG("out of memory");
    g->owner = owner;
    g->mailbox = mailbox;
    list_init(&g->all);
    (void)map_put(&k->guests, str_from(&g->owner, 2 * sizeof g->owner), g);
    return g;
}

static struct guest *guest_of(const struct guests *g, const struct watched *w)
{
    LIST_EACH(it, &g->all)
    {
        struct guest *guest = LIST_ITEM(it, struct guest, in_mailbox);

        if (guest->watched == w)
            return guest;
    }
    return NULL;
}

static struct watched *watched_of(struct keeper *k, uint32_t account)
{
    return map_find(&k->watched, str_from(&account, sizeof account));
}

bool guest_find(struct keeper *k, uint32_t account, uint32_t number, uint32_t *ret_owner,
                uint32_t *ret_mailbox)
{
    struct watched *w = watched_of(k, account);
    uint32_t at = number - PLACE_GUEST;

    if (w == NULL || at >= w->guest_count)
        return false;
    *ret_owner = w->guests[at]->of->owner;
    *ret_mailbox = w->guests[at]->of->mailbox;
    return true;
}

uint32_t place_number_known(const struct place *p)
{
    struct keeper *k = p->session->peer->k;
    struct guests *g;
    struct guest *guest;

    if (p->account == p->session->account)
        return p->mailbox;
    g = guests_find(k, p->account, p->mailbox);
    guest = g == NULL ? NULL : guest_of(g, watched_of(k, p->session->account));
    return guest == NULL ? 0 : guest->number;
}

uint32_t place_number(const struct place *p)
{
    struct keeper *k = p->session->peer->k;
    struct watched *w = watched_of(k, p->session->account);
    uint32_t known = place_number_known(p);
    struct guest *guest;

    if (known != 0 || w->guest_count >= GUESTS_MAX)
        return known;
    if (w->guest_count == w->guest_cap) {
        w->guest_cap = w->guest_cap == 0 ? 4 : 2 * w->guest_cap;
        w->guests = realloc(w->guests, w->guest_cap * sizeof(struct guest *));
        if (w->guests == NULL)
            BUG("out of memory");
    }
    guest = calloc(1, sizeof *guest);
    if (guest == NULL)
        BUG("out of memory");
    guest->watched = w;
    guest->number = PLACE_GUEST + w->guest_count;
    guest->of = guests_get(k, p->account, p->mailbox);
    list_add_last(&guest->of->all, &guest->in_mailbox);
    w->guests[w->guest_count++] = guest;
    return guest->number;
}

void guests_each(struct keeper *k, uint32_t owner, uint32_t mailbox,
                 void (*visit)(struct keeper *k, uint32_t account, uint32_t number, uint32_t owner))
{
    struct guests *g = guests_find(k, owner, mailbox);

    if (g == NULL)
        return;
    LIST_EACH(it, &g->all)
    {
        struct guest *guest = LIST_ITEM(it, struct guest, in_mailbox);

        visit(k, guest->watched->account, guest->number, owner);
    }
}

void guests_forget(struct keeper *k, struct watched *w)
{
    for (uint32_t i = 0; i < w->guest_count; i++) {
        struct guests *g = w->guests[i]->of;

        list_remove(&w->guests[i]->in_mailbox);
        free(w->guests[i]);
        if (!list_empty(&g->all))
            continue;
        (void)map_remove(&k->guests, str_from(&g->owner, 2 * sizeof g->owner));
        free(g);
    }
    free(w->guests);
}
