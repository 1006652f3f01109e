/* message/text/saslprep.c - ICU's profile of RFC 4013, with UTF-8 on both sides. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/saslprep.h"

#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include "base/utf8.h"

/* NFKC makes of one UTF-16 unit 18 at most. */
enum { GROWTH_MAX = 18, UTF8_PER_UNIT = 3 };

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < 0x20 || (unsigned char)s.at[i] >= 0x7f)
            return false;
    return true;
}

enum err saslprep(struct arena *mem, struct str in, struct str *ret)
{
    SCRATCH(tmp, mem);
    UErrorCode code = U_ZERO_ERROR;
    UStringPrepProfile *profile;
    UParseError where;
    UChar *wide, *made;
    int32_t wide_len, made_len, out_len;
    char *out;

    if (in.len > SASLPREP_BYTES_MAX)
        return ERR_LIMIT;
    if (is_plain(in)) {
        *ret = in;
        return OK;
    }
    if (!utf8_valid(in))
        return ERR_SYNTAX;
    wide = ARENA_ARRAY(tmp, UChar, in.len + 1);
    u_strFromUTF8(wide, (int32_t)in.len + 1, &wide_len, in.at, (int32_t)in.len, &code);
    made_len = wide_len * GROWTH_MAX;
    made = ARENA_ARRAY(tmp, UChar, (size_t)made_len + 1);
    profile = usprep_openByType(USPREP_RFC4013_SASLPREP, &code); /* ICU keeps it for next time */
    if (U_FAILURE(code))
        BUG("ICU has no SASLprep");
    made_len = usprep_prepare(profile, wide, wide_len, made, made_len + 1, USPREP_ALLOW_UNASSIGNED,
                              &where, &code);
    usprep_close(profile);
    if (U_FAILURE(code))
        return ERR_SYNTAX;
    out = arena_alloc(mem, (size_t)made_len * UTF8_PER_UNIT + 1);
    u_strToUTF8(out, made_len * UTF8_PER_UNIT + 1, &out_len, made, made_len, &code);
    if (U_FAILURE(code))
        return ERR_SYNTAX;
    explicit_bzero(wide, (size_t)wide_len * sizeof *wide);
    explicit_bzero(made, (size_t)made_len * sizeof *made);
    *ret = str_from(out, (size_t)out_len);
    return OK;
}
