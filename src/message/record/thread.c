/* message/record/thread.c - base subjects. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/thread.h"

#include "base/utf8.h"

static bool is_wsp(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Tabs and line ends become blanks, several blanks one (RFC 5256 2.1 step 1). */
static struct str normalise_blanks(struct arena *mem, struct str s)
{
    char *to = arena_alloc(mem, s.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = is_wsp(s.at[i]) ? ' ' : s.at[i];

        if (c != ' ' || len == 0 || to[len - 1] != ' ')
            to[len++] = c;
    }
    return str_from(to, len);
}

static struct str cut_trailers(struct str s, bool *is_reply)
{
    for (;;) {
        if (str_ends(s, STR(" "))) {
            s.len--;
        } else if (str_ends_nocase(s, STR("(fwd)"))) {
            s.len -= 5;
            *is_reply = true;
        } else {
            return s;
        }
    }
}

static struct str skip_blanks(struct str s)
{
    while (s.len != 0 && s.at[0] == ' ')
        s = str_skip(s, 1);
    return s;
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP; BLOBCHAR is anything but brackets. Returns what follows, or
 * `s` itself when it does not begin with one. */
static struct str skip_blob(struct str s)
{
    if (s.len == 0 || s.at[0] != '[')
        return s;
    for (size_t i = 1; i < s.len; i++) {
        if (s.at[i] == ']')
            return skip_blanks(str_skip(s, i + 1));
        if (s.at[i] == '[')
            return s;
    }
    return s;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static bool skip_refwd(struct str *s)
{
    struct str rest = *s;

    if (str_starts_nocase(rest, STR("re")) || str_starts_nocase(rest, STR("fw")))
        rest = str_skip(rest, 2);
    else
        return false;
    if (str_starts_nocase(*s, STR("fwd")))
        rest = str_skip(rest, 1);
    rest = skip_blob(skip_blanks(rest));
    if (!str_starts(rest, STR(":")))
        return false;
    *s = str_skip(rest, 1);
    return true;
}

/* Steps 3 to 5. Blobs before a refwd go with it; blobs before anything else go as long as something
 * is left. All blobs in a row are looked at once, so a subject of nothing but brackets costs no
 * more than its length. */
static struct str cut_leaders(struct str s, bool *is_reply)
{
    for (;;) {
        struct str before = skip_blanks(s), rest = before, last = before, next;

        s = before;
        while ((next = skip_blob(rest)).len != rest.len) {
            last = rest;
            rest = next;
        }
        if (skip_refwd(&rest)) {
            *is_reply = true;
            s = rest;
            continue;
        }
        return rest.len != 0 ? rest : last;
    }
}

struct str thread_base_subject(struct arena *mem, struct str subject, bool *is_reply)
{
    struct str s = normalise_blanks(mem, subject);

    *is_reply = false;
    for (;;) {
        s = cut_leaders(cut_trailers(s, is_reply), is_reply);
        if (!str_starts_nocase(s, STR("[fwd:")) || !str_ends(s, STR("]")))
            return utf8_cut(s, THREAD_SUBJECT_BYTES_MAX);
        s = str_sub(s, 5, s.len - 6);
        *is_reply = true;
    }
}
