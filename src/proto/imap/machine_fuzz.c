/* proto/imap/machine_fuzz.c - any octets, in pieces whose size comes from the input. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The searches that a command names are one that names itself and one that is the name itself. */
static void use_filters(struct imap *m, const struct imap_command *c)
{
    struct scan_filter known[2] = {
        { .name = c->filters.at[0], .value = STR("OR SEEN FILTER a"), .exists = true },
        { .name = STR("a"), .value = c->filters.at[0], .exists = true },
    };

    const char *error = imap_use_filters(m, known, ARRAY_LEN(known));

    BUG_ON(error != NULL && error[0] != 'N' && error[0] != 'B');
}

/* Plays the part of the session: logs in, selects, answers challenges. */
static void carry_out(struct imap *m, const struct imap_command *c, unsigned turn)
{
    if (c->verb == IMAP_CMD_LOGIN)
        imap_set_facts(m, IMAP_AUTHED, 0);
    if (c->verb == IMAP_CMD_SELECT)
        imap_set_facts(m, IMAP_SELECTED, 0);
    if (c->verb == IMAP_CMD_ENABLE)
        imap_set_facts(m, turn % 2 == 0 ? IMAP_UTF8 : IMAP_UIDONLY, 0);
    if (c->filters.count > 0)
        use_filters(m, c);
    if (c->verb == IMAP_CMD_IDLE)
        imap_idle(m);
    else if (c->verb == IMAP_CMD_AUTHENTICATE && turn % 2 == 0)
        imap_challenge(m, STR("Zm9v"));
    else
        imap_done(m);
}

/* False when the connection has ended. */
static bool drain(struct imap *m, unsigned *turn)
{
    struct imap_out out;

    for (;; (*turn)++)
        switch (imap_next(m, &out)) {
        case IMAP_COMMAND:
            carry_out(m, out.command, *turn);
            break;
        case IMAP_APPEND_BEGIN:
            if (*turn % 3 == 0)
                imap_append_refuse(m);
            else
                imap_append_take(m);
            break;
        case IMAP_AUTH_LINE:
        case IMAP_IDLE_DONE:
            imap_done(m);
            break;
        case IMAP_CLOSE:
            return false;
        case IMAP_WANT_BYTES:
        case IMAP_WAIT:
            return true;
        default:
            break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct imap_limits limits = imap_limits_default;
    size_t piece = size > 0 ? 1 + data[0] % 64 : 1;
    struct str in = str_skip(str_from(data, size), 1);
    unsigned turn = size > 1 ? data[1] : 0;

    limits.command_bytes_max = 4096;
    limits.skip_bytes_max = 4096;
    limits.append_messages_max = 3;
    struct imap *m = imap_new(&limits, IMAP_LOGIN_OK);
    while (in.len > 0 && drain(m, &turn))
        in = str_skip(in, imap_feed(m, str_take(in, piece)));
    imap_free(m);
    return 0;
}
