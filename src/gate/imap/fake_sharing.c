/* gate/imap/fake_sharing.c - access control lists, as many entries as a test needs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/fake_call.h"

#include "message/set/rights.h"

static struct fake_entry {
    char mailbox[64], identifier[64];
    uint32_t rights;
} entries[10];
static size_t count;

void fake_sharing_init(void)
{
    memset(entries, 0, sizeof entries);
    count = 0;
}

static bool has_mailbox(const struct fake_house *h, struct str name)
{
    for (uint32_t i = 0; i < h->box_count; i++)
        if (h->boxes[i].exists && str_eq(str_from_z(h->boxes[i].name), name))
            return true;
    return false;
}

static struct fake_entry *find_entry(struct str mailbox, struct str identifier)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(str_from_z(entries[i].mailbox), mailbox) &&
            str_eq(str_from_z(entries[i].identifier), identifier))
            return &entries[i];
    return NULL;
}

CALL(namespaces)
{
    rep->others = STR("Other Users");
    rep->shared = STR("Public");
    return OK;
}

CALL(acl_list)
{
    if (!has_mailbox(h, req->name))
        return ERR_NOT_FOUND;
    rep->entries = ARENA_ARRAY(mem, struct keep_access, count + 1);
    rep->entries[rep->entries_count++] = (struct keep_access){ STR("alice@crepes.fr"), RIGHTS_ALL };
    for (size_t i = 0; i < count; i++)
        if (str_eq(str_from_z(entries[i].mailbox), req->name) && entries[i].rights != 0)
            rep->entries[rep->entries_count++] =
                (struct keep_access){ str_from_z(entries[i].identifier), entries[i].rights };
    return OK;
}

CALL(acl_set)
{
    const struct rights_change change = { (enum rights_op)req->op, req->rights };
    struct fake_entry *entry;

    if (!has_mailbox(h, req->name))
        return ERR_NOT_FOUND;
    if (str_eq(req->identifier, STR("anyone")))
        return ERR_DENIED;
    if (str_find_char(req->identifier, '@') == STR_NOT_FOUND)
        return ERR_UNSUPPORTED;
    entry = find_entry(req->name, req->identifier);
    if (entry == NULL) {
        CHECK(count < ARRAY_LEN(entries) && req->identifier.len < sizeof entry->identifier &&
                  req->name.len < sizeof entry->mailbox,
              "room");
        entry = &entries[count++];
        memcpy(entry->mailbox, req->name.at, req->name.len);
        memcpy(entry->identifier, req->identifier.at, req->identifier.len);
    }
    entry->rights = rights_changed(entry->rights, change);
    return OK;
}

CALL(acl_mine)
{
    if (!has_mailbox(h, req->name))
        return ERR_NOT_FOUND;
    rep->rights = RIGHTS_ALL;
    return OK;
}

CALL(acl_grantable)
{
    if (!has_mailbox(h, req->name))
        return ERR_NOT_FOUND;
    rep->always = str_eq(req->identifier, STR("alice@crepes.fr")) ? RIGHTS_ALL : 0;
    rep->grantable = RIGHTS_ALL & ~rep->always;
    return OK;
}
