/* message/words/field_code.h - the name of a header field in one or two octets.
 *
 * Pure. A term of a header field ends in its code, so that a search of one field finds its words
 * and no others. Names that nearly all mail has are numbered: their code is theirs alone. Other
 * names are hashed to 14 bits, so two of them may share a code. All octets of codes have their high
 * bit set. Upper and lower case are alike. Codes are stored: names are added at the end of the list
 * only, together with a new INDEX_VERSION. Spec: RFC 5322 2.2. Tests: field_code_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_FIELD_CODE_H
#define POSTERN_MESSAGE_FIELD_CODE_H

#include "base/str.h"

enum { FIELD_CODE_BYTES_MAX = 2 };

/* Returns the length of the code; 1: no other name has it. */
size_t field_code(struct str name, char ret[FIELD_CODE_BYTES_MAX]);

#endif
