/* message/text/domain.c - ICU's UTS 46, opened once a call.
 *
 * Opening it costs little beside the DNS query that follows, and keeping it would be a global. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/domain.h"

#include <unicode/uidna.h>

#include "base/utf8.h"
#include "message/text/mailbox.h"

enum { NAME_BYTES_MAX = 1024 }; /* of a name in UTF-8, before or after */

/* CONTEXTJ and BIDI are the rules of RFC 5892 A.1 and RFC 5893; STD3 keeps to letters, digits, "-".
 */
static UIDNA *open_idna(void)
{
    UErrorCode status = U_ZERO_ERROR;
    UIDNA *idna =
        uidna_openUTS46(UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                            UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE,
                        &status);

    return U_SUCCESS(status) ? idna : NULL;
}

typedef int32_t (*idna_fn)(const UIDNA *, const char *, int32_t, char *, int32_t, UIDNAInfo *,
                           UErrorCode *);

/* Runs one of ICU's two conversions; false when it finds anything wrong with the name. */
static bool convert(struct arena *mem, idna_fn fn, struct str domain, struct str *ret)
{
    char name[NAME_BYTES_MAX];
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode status = U_ZERO_ERROR;

    if (domain.len > NAME_BYTES_MAX)
        return false;
    UIDNA *idna = open_idna();
    if (idna == NULL)
        return false;
    int32_t len =
        fn(idna, domain.at, (int32_t)domain.len, name, (int32_t)sizeof(name), &info, &status);
    uidna_close(idna);
    if (U_FAILURE(status) || info.errors != 0 || len < 0 || (size_t)len > sizeof(name))
        return false;
    *ret = arena_copy(mem, str_from(name, (size_t)len));
    return true;
}

static struct str lower(struct arena *mem, struct str s)
{
    size_t i = 0;

    while (i < s.len && !(s.at[i] >= 'A' && s.at[i] <= 'Z'))
        i++;
    if (i == s.len)
        return s;

    char *out = arena_alloc(mem, s.len);
    for (i = 0; i < s.len; i++)
        out[i] = ascii_lower(s.at[i]);
    return str_from(out, s.len);
}

enum err domain_to_ascii(struct arena *mem, struct str domain, struct str *ret)
{
    struct str made;

    if (domain.len > 0 && domain.at[0] == '[') {
        *ret = domain;
        return OK;
    }
    if (utf8_is_ascii(domain))
        made = lower(mem, domain);
    else if (!utf8_valid(domain) || !convert(mem, uidna_nameToASCII_UTF8, domain, &made))
        return ERR_SYNTAX;
    if (!domain_is_valid(made, false))
        return ERR_SYNTAX;
    *ret = made;
    return OK;
}

struct str domain_to_unicode(struct arena *mem, struct str domain)
{
    struct str made;

    if (str_find_nocase(domain, STR("xn--")) == STR_NOT_FOUND ||
        !convert(mem, uidna_nameToUnicodeUTF8, domain, &made))
        return lower(mem, domain);
    return made;
}
