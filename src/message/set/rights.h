/* message/set/rights.h - what somebody may do with a mailbox: the rights of an access control list.
 *
 * Pure. A set of rights is a word of bits, which is stored: never renumber. The letters of RFC 4314
 * are read and written here, the obsolete "c" and "d" included: read they mean "kx" and "te",
 * written they stand behind a set that has any of these. Which right which command needs is said in
 * keeper/sharing/server_rights.h. Errors: ERR_SYNTAX (a letter that is no right). Spec: RFC
 * 4314 2.1. Tests: rights_test.c. Fuzz: rights_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_RIGHTS_H
#define POSTERN_MESSAGE_RIGHTS_H

#include "base/buf.h"
#include "base/err.h"

/* name, bit, letter; in the order in which they are written. */
#define RIGHT_ROWS(ROW)                                                                            \
    ROW(LOOKUP, 0, 'l') /* see the name */                                                         \
    ROW(READ, 1, 'r')   /* open, read, count */                                                    \
    ROW(SEEN, 2, 's')   /* change \Seen */                                                         \
    ROW(WRITE, 3, 'w')  /* change other flags */                                                   \
    ROW(INSERT, 4, 'i') /* append, copy into */                                                    \
    ROW(POST, 5, 'p')   /* send mail to it */                                                      \
    ROW(CREATE, 6, 'k') /* make mailboxes below */                                                 \
    ROW(REMOVE, 7, 'x') /* delete or rename it */                                                  \
    ROW(TRASH, 8, 't')  /* change \Deleted */                                                      \
    ROW(EXPUNGE, 9, 'e')                                                                           \
    ROW(ADMIN, 10, 'a') /* change the list */

#define RIGHT_ENUM(name, bit, letter) RIGHT_##name = 1u << (bit),
enum right { RIGHT_ROWS(RIGHT_ENUM) };
#undef RIGHT_ENUM

#define RIGHTS_ALL 0x7ffu
/* With none of these a mailbox opens read-only (RFC 4314 5.2). */
#define RIGHTS_WRITING (RIGHT_INSERT | RIGHT_EXPUNGE | RIGHT_SEEN | RIGHT_WRITE | RIGHT_TRASH)
/* With any of these MYRIGHTS answers (RFC 4314 4). */
#define RIGHTS_ANY                                                                                 \
    (RIGHT_LOOKUP | RIGHT_READ | RIGHT_INSERT | RIGHT_CREATE | RIGHT_REMOVE | RIGHT_ADMIN)

/* "lrs", "" for none. Capitals and digits are no rights of ours. */
MUST_USE enum err rights_parse(struct str text, uint32_t *ret);

/* How SETACL changes a set: "lrs" puts another in its place, "+lrs" adds, "-lrs" takes away. */
enum rights_op { RIGHTS_SET, RIGHTS_ADD, RIGHTS_REMOVE };
struct rights_change {
    enum rights_op op;
    uint32_t rights;
};
MUST_USE enum err rights_change_parse(struct str text, struct rights_change *ret);
uint32_t rights_changed(uint32_t before, struct rights_change change);

/* Appends the letters, with "c" and "d" where RFC 4314 2.1.1 wants them; nothing for none. */
void rights_format(uint32_t rights, struct buf *out);

/* The flags of message/set/flags.h, keywords too, that may be changed with these rights. */
uint64_t rights_flags(uint32_t rights);

#endif
