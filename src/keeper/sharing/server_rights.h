/* keeper/sharing/server_rights.h - which rights a call needs in which mailbox: the one table of it.
 *
 * Pure. A call may touch a mailbox in one of a few parts; the table says what somebody who is not
 * its owner must be granted for that. What has no row is for owners alone, so a new call is closed
 * until it gets one. Owners have every right. Rights that only decide which flags are kept are not
 * here (message/set/rights.h, rights_flags). Spec: RFC 4314 4, RFC 6851 4.2, RFC 9208 4.1.
 * Tests: server_rights_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_RIGHTS_H
#define POSTERN_KEEPER_SERVER_RIGHTS_H

#include "keeper/contract.h"
#include "message/set/rights.h"

enum place_part {
    PLACE_ITSELF, /* the mailbox that the call names, or that is open */
    PLACE_LEFT,   /* messages are moved out of it */
    PLACE_TARGET, /* messages come into it */
    PLACE_ABOVE,  /* the nearest mailbox above a new name */
    PLACE_PARTS
};

struct right_needs {
    uint32_t all; /* every one of these */
    uint32_t any; /* and one of these; 0: nothing more */
    bool granted; /* false: owners alone */
};

struct right_needs rights_needed(enum keep_call call, enum place_part part);
bool rights_suffice(struct right_needs needs, uint32_t rights);

#endif
