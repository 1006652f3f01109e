/* cli/move/maildir.h - the names and lists of a maildir: files, folders, UIDs, keywords.
 *
 * Pure (memory only). A message's file is BASE or BASE:2,LETTERS; the base never changes. Folders
 * of Maildir++ are ".A.B", their parts in modified UTF-7 (or UTF-8, as Dovecot may be told to),
 * with
 * "\2e" for a dot within a part. dovecot-uidlist (version 3 and 1) gives UIDs and UIDLs,
 * dovecot-keywords the words behind the letters a to z. Texts point into what was given unless
 * `mem` is asked for. Lines that cannot be read are counted, not guessed at. Spec:
 * https://cr.yp.to/proto/maildir.html (file names), RFC 3501 5.1.3 (names), 2.3.2 (flags). Tests:
 * move_test.c. Fuzz: maildir_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CLI_MOVE_MAILDIR_H
#define POSTERN_CLI_MOVE_MAILDIR_H

#include "base/arena.h"
#include "base/buf.h"
#include "message/set/flags.h"

enum { MAILDIR_KEYWORDS_MAX = 26 };

struct maildir_file {
    struct str base;
    uint32_t flags;    /* of message/set/flags.h */
    uint32_t keywords; /* bit 0: letter a */
};
struct maildir_file maildir_file_parse(struct str name);
/* ":2," and letters; keywords as above. */
void maildir_suffix(struct buf *out, uint32_t flags, uint32_t keywords);

/* ".A.B" to "A/B"; false when that is no name. */
MUST_USE bool maildir_folder_parse(struct arena *mem, struct str wire, struct str *ret);
/* "A/B" to "A.B": the name of a subscription, and with a dot before it that of the folder. */
void maildir_folder_format(struct buf *out, struct str name);

struct maildir_keywords {
    struct str names[MAILDIR_KEYWORDS_MAX]; /* empty: no such letter */
};
void maildir_keywords_parse(struct str text, struct maildir_keywords *ret);

struct maildir_uid {
    struct str base;
    uint32_t uid;
    struct str uidl;
};
struct maildir_uidlist {
    uint32_t uidvalidity, uidnext; /* 0: there is no list */
    struct maildir_uid *rows;      /* sorted by base */
    size_t count, damaged;         /* lines that could not be read */
};
/* False when the first line is not that of a list. */
MUST_USE bool maildir_uidlist_parse(struct arena *mem, struct str text,
                                    struct maildir_uidlist *ret);
const struct maildir_uid *maildir_uidlist_find(const struct maildir_uidlist *l, struct str base);

/* The UIDL that Dovecot makes when it was told nothing else (%08Xu%08Xv). */
struct str maildir_uidl_dovecot(struct arena *mem, uint32_t uid, uint32_t uidvalidity);

#endif
