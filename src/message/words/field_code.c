/* message/words/field_code.c - a list of names, and a hash for the others. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/field_code.h"

#define FNV_START UINT64_C(0xCBF29CE484222325)
#define FNV_PRIME UINT64_C(0x100000001B3)

/* The place in this list is stored. */
static const struct str names[] = {
    STR_INIT("received"),
    STR_INIT("from"),
    STR_INIT("to"),
    STR_INIT("subject"),
    STR_INIT("date"),
    STR_INIT("message-id"),
    STR_INIT("in-reply-to"),
    STR_INIT("references"),
    STR_INIT("cc"),
    STR_INIT("bcc"),
    STR_INIT("sender"),
    STR_INIT("reply-to"),
    STR_INIT("return-path"),
    STR_INIT("delivered-to"),
    STR_INIT("mime-version"),
    STR_INIT("content-type"),
    STR_INIT("content-transfer-encoding"),
    STR_INIT("content-disposition"),
    STR_INIT("content-language"),
    STR_INIT("content-id"),
    STR_INIT("dkim-signature"),
    STR_INIT("authentication-results"),
    STR_INIT("arc-seal"),
    STR_INIT("arc-message-signature"),
    STR_INIT("arc-authentication-results"),
    STR_INIT("received-spf"),
    STR_INIT("list-id"),
    STR_INIT("list-unsubscribe"),
    STR_INIT("list-unsubscribe-post"),
    STR_INIT("list-post"),
    STR_INIT("list-help"),
    STR_INIT("list-subscribe"),
    STR_INIT("list-archive"),
    STR_INIT("list-owner"),
    STR_INIT("precedence"),
    STR_INIT("auto-submitted"),
    STR_INIT("user-agent"),
    STR_INIT("x-mailer"),
    STR_INIT("x-priority"),
    STR_INIT("importance"),
    STR_INIT("x-spam-status"),
    STR_INIT("x-spam-flag"),
    STR_INIT("x-spam-score"),
    STR_INIT("x-spam-level"),
    STR_INIT("x-original-to"),
    STR_INIT("x-received"),
    STR_INIT("x-mailing-list"),
    STR_INIT("errors-to"),
    STR_INIT("feedback-id"),
    STR_INIT("thread-topic"),
    STR_INIT("thread-index"),
    STR_INIT("organization"),
    STR_INIT("comments"),
    STR_INIT("keywords"),
    STR_INIT("disposition-notification-to"),
    STR_INIT("resent-from"),
    STR_INIT("resent-to"),
    STR_INIT("resent-date"),
    STR_INIT("resent-message-id"),
    STR_INIT("x-github-reason"),
};

/* First by their lengths, which tell most names apart. */
static bool same_name(struct str name, struct str listed)
{
    return name.len == listed.len && ascii_lower(name.at[0]) == listed.at[0] &&
           str_eq_nocase(name, listed);
}

size_t field_code(struct str name, char ret[FIELD_CODE_BYTES_MAX])
{
    uint64_t hash = FNV_START;

    for (size_t i = 0; i < ARRAY_LEN(names) && name.len > 0; i++)
        if (same_name(name, names[i])) {
            ret[0] = (char)(0x80 | i);
            return 1;
        }
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint8_t)ascii_lower(name.at[i])) * FNV_PRIME;
    hash ^= hash >> 32;
    ret[0] = (char)(0x80 | (hash >> 7 & 0x7F));
    ret[1] = (char)(0x80 | (hash & 0x7F));
    return 2;
}
