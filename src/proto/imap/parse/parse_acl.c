/* proto/imap/parse/parse_acl.c - arguments of the commands about access control lists (RFC 4314 7)
 * and quotas (RFC 9208 7). */
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

/* ---- quotas ---- */

static const struct str resources[QUOTA_RESOURCES] = {
    [QUOTA_STORAGE] = STR_INIT("STORAGE"),
    [QUOTA_MESSAGE] = STR_INIT("MESSAGE"),
    [QUOTA_MAILBOX] = STR_INIT("MAILBOX"),
};

/* GETQUOTA: SP quota-root-name. */
IMAP_ARGS_FN(quota_root)
{
    scan_space(s);
    c->quota.root = scan_astring(s);
}

/* setquota-resource = resource-name SP resource-limit */
static void setquota_resource(struct scan *s, struct imap_quota_args *a)
{
    struct str name = scan_atom(s);
    uint64_t limit;
    uint32_t i = 0;

    scan_space(s);
    limit = scan_number64(s);
    if (!scan_ok(s))
        return;
    while (i < QUOTA_RESOURCES && !str_eq_nocase(name, resources[i]))
        i++;
    if (i == QUOTA_RESOURCES) {
        scan_refuse(s, "[CANNOT] That resource has no limit here");
        return;
    }
    if ((a->limited & 1U << i) != 0)
        scan_fail(s, "A resource is named twice");
    a->limited |= 1U << i;
    a->limits[i] = limit;
}

/* setquota = "SETQUOTA" SP quota-root-name SP
 *            "(" [setquota-resource *(SP setquota-resource)] ")" */
IMAP_ARGS_FN(quota_set)
{
    args_quota_root(s, c);
    scan_space(s);
    scan_char(s, '(');
    if (scan_try(s, ')'))
        return;
    do
        setquota_resource(s, &c->quota);
    while (scan_try(s, ' '));
    scan_char(s, ')');
}
