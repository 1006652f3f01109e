/* base/err.c - error names and detail. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>

const char *err_text(enum err e)
{
#define ERR_TEXT(name, text) [name] = text,
    static const char *const texts[ERR_COUNT] = { ERR_ROWS(ERR_TEXT) };
#undef ERR_TEXT

    if ((unsigned)e >= ERR_COUNT)
        return "unknown error";
    return texts[e];
}

enum err err_set(struct errinfo *why, enum err e, const char *fmt, ...)
{
    va_list args;

    if (why == NULL)
        return e;
    va_start(args, fmt);
    (void)vsnprintf(why->text, sizeof(why->text), fmt, args);
    va_end(args);

    /* A cut in the middle of a UTF-8 sequence would make the log line invalid: step back over
     * the continuation octets and the lead octet that belongs to them. */
    size_t end = strlen(why->text);
    if (end == sizeof(why->text) - 1) {
        while (end > 0 && ((unsigned char)why->text[end - 1] & 0xC0) == 0x80)
            end--;
        if (end > 0 && (unsigned char)why->text[end - 1] >= 0xC0)
            end--;
        why->text[end] = '\0';
    }
    return e;
}
