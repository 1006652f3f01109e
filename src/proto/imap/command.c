/* proto/imap/command.c - the table of commands and its dispatcher. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/command.h"

#define COMMAND_ROW(VERB, function, spelling, args, has_uid, ...)                                  \
    [IMAP_CMD_##VERB] = { STR_INIT(spelling), args_##args, has_uid, __VA_ARGS__ },
static const struct imap_row rows[] = { IMAP_COMMANDS(COMMAND_ROW) };
#undef COMMAND_ROW

const struct imap_row *command_row(enum imap_verb verb)
{
    BUG_ON(verb >= ARRAY_LEN(rows));
    return &rows[verb];
}

/* The table's answers begin with "NO " or "BAD ". */
static void refuse(struct scan *s, const char *answer)
{
    if (answer[0] == 'N')
        scan_refuse(s, answer + 3);
    else
        scan_fail(s, answer + 4);
}

static bool find_verb(struct str verb, enum imap_verb *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq_nocase(verb, rows[i].verb)) {
            *ret = (enum imap_verb)i;
            return true;
        }
    return false;
}

bool command_begin(struct scan *s, uint32_t facts, struct imap_command *ret)
{
    struct str verb = scan_atom(s);

    ret->uid = str_eq_nocase(verb, STR("UID"));
    if (ret->uid) {
        scan_space(s);
        verb = scan_atom(s);
    }
    if (!scan_ok(s))
        return false;
    if (!find_verb(verb, &ret->verb) || (ret->uid && !rows[ret->verb].has_uid)) {
        scan_fail(s, "Unknown command");
        return false;
    }

    const struct imap_row *row = &rows[ret->verb];
    if ((facts & IMAP_UIDONLY) != 0 && row->has_uid && !ret->uid && ret->verb != IMAP_CMD_EXPUNGE)
        scan_fail(s, IMAP_UID_REQUIRED);
    else if ((facts & row->need) != row->need)
        refuse(s, row->without);
    else if ((facts & row->forbid) != 0)
        refuse(s, row->with);
    return scan_ok(s);
}

void command_args(struct scan *s, struct imap_command *c)
{
    rows[c->verb].args(s, c);
    scan_end(s);
    c->filters = s->unknown;
}
