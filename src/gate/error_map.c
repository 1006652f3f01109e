/* gate/error_map.c - the table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/error_map.h"

#define ROW(e, code, smtp_text, pop3_text, imap_text)                                              \
    [e] = { code, STR_INIT(smtp_text), STR_INIT(pop3_text), STR_INIT(imap_text) }

static const struct error_words rows[ERR_COUNT] = {
    ROW(OK, 451, "4.3.0 Try again later", "[SYS/TEMP] Try again later",
        "[UNAVAILABLE] Try again later"),
    ROW(ERR_SYNTAX, 501, "5.5.4 That makes no sense", "That makes no sense",
        "[CANNOT] That makes no sense"),
    ROW(ERR_LIMIT, 552, "5.3.4 Larger than what is taken here",
        "[SYS/PERM] Larger than what is possible here",
        "[LIMIT] Larger than what is possible here"),
    ROW(ERR_NOT_FOUND, 550, "5.1.1 No such mailbox", "No such message",
        "[NONEXISTENT] There is no such thing"),
    ROW(ERR_EXISTS, 451, "4.3.0 Try again later", "That exists already",
        "[ALREADYEXISTS] That exists already"),
    ROW(ERR_DENIED, 550, "5.7.1 Not allowed", "[AUTH] Not allowed", "[NOPERM] Not allowed"),
    ROW(ERR_AUTH, 535, "5.7.8 Wrong name or password", "[AUTH] Wrong name or password",
        "[AUTHENTICATIONFAILED] Wrong name or password"),
    ROW(ERR_STATE, 451, "4.3.0 Not possible now; try again later",
        "[SYS/TEMP] Not possible now; try again later", "[UNAVAILABLE] Not possible now"),
    ROW(ERR_IN_USE, 450, "4.2.1 In use; try again later",
        "[IN-USE] Another session has this mailbox", "[INUSE] In use by another session"),
    ROW(ERR_QUOTA, 452, "4.2.2 Mailbox full", "[SYS/TEMP] Mailbox full",
        "[OVERQUOTA] Mailbox full"),
    ROW(ERR_UNSUPPORTED, 504, "5.5.4 Not supported", "[SYS/PERM] Not supported",
        "[CANNOT] Not supported"),
    ROW(ERR_IO, 451, "4.3.0 Storage trouble; try again later",
        "[SYS/TEMP] Storage trouble; try again later", "[SERVERBUG] Storage trouble"),
    ROW(ERR_NO_SPACE, 452, "4.3.1 No room; try again later", "[SYS/TEMP] No room; try again later",
        "[UNAVAILABLE] No room; try again later"),
    ROW(ERR_CORRUPT, 451, "4.3.0 Storage trouble; try again later",
        "[SYS/PERM] This can not be read", "[CORRUPTION] This can not be read"),
    ROW(ERR_TIMEOUT, 451, "4.4.2 That took too long; try again later",
        "[SYS/TEMP] That took too long; try again later", "[UNAVAILABLE] That took too long"),
    ROW(ERR_CLOSED, 451, "4.3.2 Closing; try again later", "[SYS/TEMP] Closing; try again later",
        "[UNAVAILABLE] Closing; try again later"),
    ROW(ERR_REFUSED, 451, "4.4.1 Try again later", "[SYS/TEMP] Try again later",
        "[UNAVAILABLE] Try again later"),
    ROW(ERR_TLS, 454, "4.7.0 TLS trouble; try again later", "[SYS/TEMP] TLS trouble",
        "[UNAVAILABLE] TLS trouble"),
    ROW(ERR_UNAVAILABLE, 451, "4.3.2 Not available now; try again later",
        "[SYS/TEMP] Not available now; try again later",
        "[UNAVAILABLE] Not available now; try again later"),
    ROW(ERR_CONFLICT, 451, "4.3.0 Changed meanwhile; try again",
        "[SYS/TEMP] Changed meanwhile; try again", "[INUSE] Changed meanwhile; try again"),
};

const struct error_words *error_words(enum err e)
{
    if ((unsigned)e >= ERR_COUNT || rows[e].smtp_code == 0)
        return &rows[OK];
    return &rows[e];
}
