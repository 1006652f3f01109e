/* proto/imap/parse/parse_acl.c - arguments of the commands about access control lists
 * (RFC 4314 7). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/command.h"

/* DELETEACL and LISTRIGHTS: SP mailbox SP identifier. The change that is left empty takes all
 * rights away. */
IMAP_ARGS_FN(acl_identifier)
{
    scan_space(s);
    c->acl.mailbox = scan_mailbox(s);
    scan_space(s);
    c->acl.identifier = scan_astring(s);
    if (scan_ok(s) && c->acl.identifier.len == 0)
        scan_fail(s, "An identifier is not empty");
}

/* setacl = "SETACL" SP mailbox SP identifier SP mod-rights; a right that is not known is an error
 * (RFC 4314 3.1). */
IMAP_ARGS_FN(acl_set)
{
    struct str rights;

    args_acl_identifier(s, c);
    scan_space(s);
    rights = scan_astring(s);
    if (scan_ok(s) && rights_change_parse(rights, &c->acl.change) != OK)
        scan_fail(s, "Rights are of the letters lrswipkxteacd");
}
