/* keeper/sharing/server_rights.c - the table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sharing/server_rights.h"

#define L RIGHT_LOOKUP
#define R RIGHT_READ
#define I RIGHT_INSERT
#define K RIGHT_CREATE
#define X RIGHT_REMOVE
#define A RIGHT_ADMIN
#define ANNOTATING (R | RIGHT_SEEN | RIGHT_WRITE | I | RIGHT_POST)
#define FLAGS (RIGHT_SEEN | RIGHT_WRITE | RIGHT_TRASH)

/* RFC 4314 4 does not ask for "r" of what works on the open mailbox, since SELECT did; we look at
 * every call, so that a right that is taken away is gone at once. RFC 6851 4.2: MOVE is COPY, STORE
 * and EXPUNGE. */
static const struct {
    enum keep_call call;
    enum place_part part;
    struct right_needs needs;
} rows[] = {
    { CALL_mailbox_create, PLACE_ABOVE, { K, 0, true } },
    { CALL_mailbox_delete, PLACE_ITSELF, { X, 0, true } },
    { CALL_mailbox_rename, PLACE_ITSELF, { X, 0, true } },
    { CALL_mailbox_rename, PLACE_ABOVE, { K, 0, true } },
    { CALL_mailbox_list, PLACE_ITSELF, { L, 0, true } },
    { CALL_mailbox_status, PLACE_ITSELF, { R, 0, true } },
    { CALL_quota, PLACE_ITSELF, { R, 0, true } }, /* RFC 9208 6 */
    { CALL_select, PLACE_ITSELF, { R, 0, true } },
    { CALL_sync, PLACE_ITSELF, { R, 0, true } },
    { CALL_fetch, PLACE_ITSELF, { R, 0, true } },
    { CALL_search, PLACE_ITSELF, { R, 0, true } },
    { CALL_sort, PLACE_ITSELF, { R, 0, true } },
    { CALL_store, PLACE_ITSELF, { R, FLAGS, true } },
    { CALL_expunge, PLACE_ITSELF, { R | RIGHT_EXPUNGE, 0, true } },
    { CALL_copy, PLACE_ITSELF, { R, 0, true } },
    { CALL_copy, PLACE_LEFT, { R | RIGHT_TRASH | RIGHT_EXPUNGE, 0, true } },
    { CALL_copy, PLACE_TARGET, { I, 0, true } },
    { CALL_append, PLACE_TARGET, { I, 0, true } },
    { CALL_append, PLACE_LEFT, { R | RIGHT_TRASH | RIGHT_EXPUNGE, 0, true } }, /* REPLACE */
    { CALL_metadata_read, PLACE_ITSELF, { L, ANNOTATING, true } },             /* RFC 5464 3.3 */
    { CALL_metadata_write, PLACE_ITSELF, { L, ANNOTATING, true } },
    { CALL_acl_list, PLACE_ITSELF, { A, 0, true } },
    { CALL_acl_set, PLACE_ITSELF, { A, 0, true } },
    { CALL_acl_grantable, PLACE_ITSELF, { A, 0, true } },
    { CALL_acl_mine, PLACE_ITSELF, { 0, RIGHTS_ANY, true } },
};

struct right_needs rights_needed(enum keep_call call, enum place_part part)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].call == call && rows[i].part == part)
            return rows[i].needs;
    return (struct right_needs){ 0 };
}

bool rights_suffice(struct right_needs needs, uint32_t rights)
{
    return needs.granted && (rights & needs.all) == needs.all &&
           (needs.any == 0 || (rights & needs.any) != 0);
}
