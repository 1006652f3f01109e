/* message/text/msgid.c - what stands between "<" and ">". */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/msgid.h"

/* The position of the ">" that closes what begins behind `from`, or STR_NOT_FOUND; a "<" before it
 * means that the first was never closed. Quoted strings may hold both. */
static size_t find_close(struct str s, size_t from, size_t *ret_restart)
{
    bool quoted = false;

    for (size_t i = from; i < s.len; i++) {
        if (s.at[i] == '\\' && quoted)
            i++;
        else if (s.at[i] == '"' && memchr(s.at + i + 1, '"', MIN(s.len - i - 1, (size_t)250)))
            quoted = !quoted;
        else if (s.at[i] == '"')
            quoted = false;
        else if (!quoted && s.at[i] == '>')
            return i;
        else if (!quoted && s.at[i] == '<') {
            *ret_restart = i;
            return STR_NOT_FOUND;
        }
    }
    *ret_restart = s.len;
    return STR_NOT_FOUND;
}

static bool is_dropped(char c)
{
    return (unsigned char)c <= ' ' || c == '"' || c == '\\' || c == 0x7F;
}

/* Without quotes, quoted pairs' backslashes, blanks and line ends. */
static struct str normalise(struct arena *mem, struct str s)
{
    size_t i = 0, made = 0;

    while (i < s.len && !is_dropped(s.at[i]))
        i++;
    if (i == s.len)
        return s;

    char *out = arena_alloc(mem, s.len);
    for (i = 0; i < s.len; i++) {
        if (s.at[i] == '\\' && i + 1 < s.len && (unsigned char)s.at[i + 1] > ' ')
            out[made++] = s.at[++i];
        else if (!is_dropped(s.at[i]))
            out[made++] = s.at[i];
    }
    return str_from(out, made);
}

bool msgid_next(struct arena *mem, struct str *rest, struct str *ret)
{
    size_t open;

    while ((open = str_find_char(*rest, '<')) != STR_NOT_FOUND) {
        size_t restart = 0, close = find_close(*rest, open + 1, &restart);

        if (close == STR_NOT_FOUND) {
            *rest = str_skip(*rest, restart);
            continue;
        }
        struct str id = normalise(mem, str_sub(*rest, open + 1, close - open - 1));
        *rest = str_skip(*rest, close + 1);
        if (id.len > 0) {
            *ret = id;
            return true;
        }
    }
    *rest = str_skip(*rest, rest->len);
    return false;
}

bool msgid_parse(struct arena *mem, struct str value, struct str *ret)
{
    struct str rest = value, trimmed = str_trim_crlf(value);

    if (msgid_next(mem, &rest, ret))
        return true;
    if (str_find_char(trimmed, '@') == STR_NOT_FOUND ||
        str_find_char(trimmed, '<') != STR_NOT_FOUND)
        return false;
    *ret = normalise(mem, trimmed);
    return true;
}

static bool holds(const struct msgid_list *list, struct str id)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->at[i], id))
            return true;
    return false;
}

struct msgid_list msgid_list_parse(struct arena *mem, const struct message_limits *limits,
                                   struct str value)
{
    struct msgid_list list = { .at = NULL };
    struct str id;
    size_t room = 0;

    while (limits->references_max > 1 && msgid_next(mem, &value, &id)) {
        if (holds(&list, id))
            continue;
        if (list.count == limits->references_max) {
            memmove(list.at + 1, list.at + 2, (list.count - 2) * sizeof(*list.at));
            list.count--;
        }
        if (list.count == room) {
            size_t larger = room == 0 ? 4 : room * 2;
            struct str *grown = ARENA_ARRAY(mem, struct str, larger);

            if (room > 0)
                memcpy(grown, list.at, room * sizeof(*grown));
            list.at = grown;
            room = larger;
        }
        list.at[list.count++] = id;
    }
    return list;
}

void msgid_make(struct buf *out, int64_t epoch_s, const uint8_t random[16], struct str domain)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuv";
    uint64_t time = (uint64_t)epoch_s;
    uint32_t bits = 0;
    unsigned count = 0;

    for (int shift = 35; shift >= 0; shift -= 5)
        buf_add_char(out, letters[time >> shift & 31]);
    buf_add_char(out, '.');
    for (size_t i = 0; i < 16; i++) {
        bits = bits << 8 | random[i];
        for (count += 8; count >= 5; count -= 5)
            buf_add_char(out, letters[bits >> (count - 5) & 31]);
    }
    buf_add_char(out, letters[bits << (5 - count) & 31]);
    buf_add_char(out, '@');
    buf_add(out, domain);
}
