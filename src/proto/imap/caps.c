/* proto/imap/caps.c - the capabilities. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/caps.h"

#include "proto/imap/command.h"
#include "proto/sasl.h"

/* In the order in which they are listed. A name before log-in is one that a client can use then. */
static const struct {
    const char *name;
    uint32_t need, forbid;
} caps[] = {
    { "IMAP4rev1", 0, 0 },
    { "IMAP4rev2", 0, 0 },
    { "LITERAL+", 0, 0 }, /* more than LITERAL-, and never both (RFC 7888 5) */
    { "SASL-IR", 0, IMAP_AUTHED },
    { "STARTTLS", IMAP_TLS_READY, IMAP_SECURE | IMAP_AUTHED },
    { "LOGINDISABLED", 0, IMAP_LOGIN_OK | IMAP_AUTHED },
    { "AUTH=", IMAP_LOGIN_OK, IMAP_AUTHED }, /* one for each mechanism that is offered */
    { "ID", 0, 0 },
    { "ENABLE", 0, 0 },
    { "IDLE", 0, 0 },
    { "NAMESPACE", IMAP_AUTHED, 0 },
    { "ACL", IMAP_AUTHED, 0 },
    { "RIGHTS=kxte", IMAP_AUTHED, 0 },
    { "LIST-MYRIGHTS", IMAP_AUTHED, 0 },
    { "QUOTA", IMAP_AUTHED, 0 },
    { "QUOTASET", IMAP_AUTHED, 0 },
    { "QUOTA=RES-STORAGE", IMAP_AUTHED, 0 },
    { "QUOTA=RES-MESSAGE", IMAP_AUTHED, 0 },
    { "QUOTA=RES-MAILBOX", IMAP_AUTHED, 0 },
    { "UIDPLUS", IMAP_AUTHED, 0 },
    { "MULTIAPPEND", IMAP_AUTHED, 0 },
    { "CATENATE", IMAP_AUTHED, 0 },
    { "URL-PARTIAL", IMAP_AUTHED, 0 },
    { "REPLACE", IMAP_AUTHED, 0 },
    { "MOVE", IMAP_AUTHED, 0 },
    { "UNSELECT", IMAP_AUTHED, 0 },
    { "CHILDREN", IMAP_AUTHED, 0 },
    { "SPECIAL-USE", IMAP_AUTHED, 0 },
    { "CREATE-SPECIAL-USE", IMAP_AUTHED, 0 },
    { "LIST-EXTENDED", IMAP_AUTHED, 0 },
    { "LIST-STATUS", IMAP_AUTHED, 0 },
    { "STATUS=SIZE", IMAP_AUTHED, 0 },
    { "ESEARCH", IMAP_AUTHED, 0 },
    { "SEARCHRES", IMAP_AUTHED, 0 },
    { "WITHIN", IMAP_AUTHED, 0 },
    { "SEARCH=FUZZY", IMAP_AUTHED, 0 },
    { "SORT", IMAP_AUTHED, 0 },
    { "SORT=DISPLAY", IMAP_AUTHED, 0 },
    { "ESORT", IMAP_AUTHED, 0 },
    { "THREAD=ORDEREDSUBJECT", IMAP_AUTHED, 0 },
    { "THREAD=REFERENCES", IMAP_AUTHED, 0 },
    { "THREAD=REFS", IMAP_AUTHED, 0 },
    { "PARTIAL", IMAP_AUTHED, 0 },
    { "MULTISEARCH", IMAP_AUTHED, 0 },
    { "CONTEXT=SEARCH", IMAP_AUTHED, 0 },
    { "CONTEXT=SORT", IMAP_AUTHED, 0 },
    { "METADATA", IMAP_AUTHED, 0 },
    { "NOTIFY", IMAP_AUTHED, 0 },
    { "FILTERS", IMAP_AUTHED, 0 },
    { "CONDSTORE", IMAP_AUTHED, 0 },
    { "QRESYNC", IMAP_AUTHED, 0 },
    { "BINARY", IMAP_AUTHED, 0 },
    { "OBJECTID", IMAP_AUTHED, 0 },
    { "SAVEDATE", IMAP_AUTHED, 0 },
    { "PREVIEW", IMAP_AUTHED, 0 },
    { "COMPRESS=DEFLATE", IMAP_AUTHED, IMAP_COMPRESSED },
    { "UNAUTHENTICATE", IMAP_AUTHED, 0 },
    { "UIDONLY", IMAP_AUTHED, 0 },
    { "INPROGRESS", IMAP_AUTHED, 0 },
    { "UTF8=ACCEPT", IMAP_AUTHED, 0 },
};

static const struct {
    struct str name;
    uint32_t fact;
} enables[] = {
    { STR_INIT("UTF8=ACCEPT"), IMAP_UTF8 },
    { STR_INIT("IMAP4rev2"), IMAP_REV2 | IMAP_UTF8 }, /* RFC 9051 5.1: names in UTF-8, too */
    { STR_INIT("CONDSTORE"), IMAP_CONDSTORE },
    { STR_INIT("UIDONLY"), IMAP_UIDONLY },
    { STR_INIT("METADATA"), IMAP_METADATA },
    { STR_INIT("METADATA-SERVER"), IMAP_METADATA },
    { STR_INIT("QRESYNC"), IMAP_QRESYNC | IMAP_CONDSTORE }, /* RFC 7162 3.2.3 */
};

void caps_format(struct buf *out, uint32_t facts, uint64_t append_bytes_max)
{
    const char *between = "";

    for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
        if ((facts & caps[i].need) != caps[i].need || (facts & caps[i].forbid) != 0)
            continue;
        if (str_ends(str_from_z(caps[i].name), STR("="))) {
            sasl_add_mechanisms(out, facts >> IMAP_OFFERS_SHIFT, STR(" AUTH="));
            continue;
        }
        buf_add(out, str_from_z(between));
        buf_add(out, str_from_z(caps[i].name));
        between = " ";
    }
    if (append_bytes_max > 0 && (facts & IMAP_AUTHED) != 0) {
        BUF_ADD(out, " APPENDLIMIT=");
        buf_add_u64(out, append_bytes_max);
    }
}

uint32_t caps_enable_fact(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(enables); i++)
        if (str_eq_nocase(name, enables[i].name))
            return enables[i].fact;
    return 0;
}
