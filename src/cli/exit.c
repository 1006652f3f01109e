/* cli/exit.c - one row for each error. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/exit.h"

#include <sysexits.h>

int exit_code(enum err e)
{
    static const int codes[ERR_COUNT] = {
        [OK] = EX_OK,
        [ERR_SYNTAX] = EX_DATAERR,
        [ERR_LIMIT] = EX_DATAERR,
        [ERR_NOT_FOUND] = EX_NOUSER,
        [ERR_EXISTS] = EX_CANTCREAT,
        [ERR_DENIED] = EX_NOPERM,
        [ERR_AUTH] = EX_NOPERM,
        [ERR_STATE] = EX_UNAVAILABLE,
        [ERR_IN_USE] = EX_TEMPFAIL,
        [ERR_QUOTA] = EX_CANTCREAT,
        [ERR_UNSUPPORTED] = EX_UNAVAILABLE,
        [ERR_IO] = EX_IOERR,
        [ERR_NO_SPACE] = EX_IOERR,
        [ERR_CORRUPT] = EX_DATAERR,
        [ERR_TIMEOUT] = EX_TEMPFAIL,
        [ERR_CLOSED] = EX_NOINPUT,
        [ERR_REFUSED] = EX_UNAVAILABLE,
        [ERR_TLS] = EX_PROTOCOL,
        [ERR_UNAVAILABLE] = EX_TEMPFAIL,
        [ERR_CONFLICT] = EX_TEMPFAIL,
    };

    return e < ERR_COUNT ? codes[e] : EX_SOFTWARE;
}
