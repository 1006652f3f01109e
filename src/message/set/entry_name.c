/* message/set/entry_name.c - names of annotations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/entry_name.h"

static const struct str private_scope = STR_INIT("/private");
static const struct str shared_scope = STR_INIT("/shared");

/* RFC 5464 3.2 forbids octets 0x00 to 0x19; the rest of the control characters have no business in
 * a name either, and a name with a space could not be told from two. */
static bool is_entry_char(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != '*' && c != '%';
}

static uint32_t components(struct str name)
{
    uint32_t count = 0;

    for (size_t i = 0; i < name.len; i++)
        count += name.at[i] == '/';
    return count;
}

static bool is_below(struct str name, struct str parent)
{
    return name.len > parent.len && str_starts(name, parent) && name.at[parent.len] == '/';
}

static bool is_well_formed(struct str name)
{
    if (name.len < 2 || name.len > ENTRY_NAME_BYTES_MAX || name.at[0] != '/' ||
        name.at[name.len - 1] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_entry_char((unsigned char)name.at[i]) ||
            (i > 0 && name.at[i] == '/' && name.at[i - 1] == '/'))
            return false;
    return true;
}

bool entry_is_private(struct str name)
{
    return is_below(name, private_scope) || str_eq(name, private_scope);
}

/* Every name has two components, a vendor's four (RFC 5464 3.2). What only leads towards a name may
 * be asked about. */
static uint32_t components_needed(struct str name)
{
    bool vendor = str_eq(name, STR("/private/vendor")) || str_eq(name, STR("/shared/vendor")) ||
                  is_below(name, STR("/private/vendor")) || is_below(name, STR("/shared/vendor"));

    return vendor ? 4 : 2;
}

bool entry_name_normalise(struct arena *mem, struct str name, bool asking, struct str *ret)
{
    struct str lower;
    char *at;

    if (!is_well_formed(name))
        return false;
    at = arena_alloc(mem, name.len);
    for (size_t i = 0; i < name.len; i++)
        at[i] = ascii_lower(name.at[i]);
    lower = str_from(at, name.len);
    if (!entry_is_private(lower) && !str_eq(lower, shared_scope) && !is_below(lower, shared_scope))
        return false;
    if (!asking && components(lower) < components_needed(lower))
        return false;
    *ret = lower;
    return true;
}

bool entry_is_within(struct str name, struct str from, uint32_t depth)
{
    if (str_eq(name, from))
        return true;
    return depth > 0 && is_below(name, from) &&
           (depth == ENTRY_DEPTH_ALL || components(str_skip(name, from.len)) <= depth);
}
