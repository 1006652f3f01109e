/* proto/imap/match.c - LIST patterns.
 *
 * The pattern is walked once; `reach[i]` says whether the pattern so far can have eaten exactly the
 * first i octets of the name. No recursion, no backtracking. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/match.h"

static size_t inbox_len(struct str name)
{
    struct str after = str_skip(name, 5);

    if (!str_starts_nocase(name, STR("INBOX")) || (after.len > 0 && after.at[0] != MATCH_DELIMITER))
        return 0;
    return 5;
}

static void step(bool *reach, struct str name, size_t inbox, char p)
{
    bool before = reach[0]; /* reach[i] as it was before this step */

    if (p == '*' || p == '%') {
        for (size_t i = 0; i < name.len; i++)
            if (reach[i] && (p == '*' || name.at[i] != MATCH_DELIMITER))
                reach[i + 1] = true;
        return;
    }
    reach[0] = false;
    for (size_t i = 0; i < name.len; i++) {
        bool same = i < inbox ? ascii_upper(p) == ascii_upper(name.at[i]) : p == name.at[i];
        bool next = before && same;

        before = reach[i + 1];
        reach[i + 1] = next;
    }
}

bool match_name(struct str pattern, struct str name)
{
    bool reach[MATCH_NAME_BYTES_MAX + 1];

    if (name.len > MATCH_NAME_BYTES_MAX || pattern.len > MATCH_NAME_BYTES_MAX)
        return false;
    memset(reach, 0, name.len + 1);
    reach[0] = true;
    size_t inbox = inbox_len(name);

    for (size_t i = 0; i < pattern.len; i++)
        step(reach, name, inbox, pattern.at[i]);
    return reach[name.len];
}

struct str match_pattern(struct arena *mem, struct str reference, struct str pattern)
{
    if (pattern.len > 0 && pattern.at[0] == MATCH_DELIMITER)
        return str_skip(pattern, 1);
    if (reference.len == 0)
        return pattern;
    return arena_join(mem, reference, pattern);
}
