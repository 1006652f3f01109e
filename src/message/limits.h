/* message/limits.h - how much of a message the parsers look at.
 *
 * Pure (a struct of numbers). Past a limit a message is still stored and delivered, as opaque text;
 * a limit only stops analysis, so no parser grows memory with a hostile message. Sizes are octets,
 * the rest are counts. The values come from the settings; MESSAGE_LIMITS_DEFAULT is what tests and
 * command line tools use. Each parser says in its header which fields it obeys. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_LIMITS_H
#define POSTERN_MESSAGE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct message_limits {
    size_t header_bytes_max;   /* one header block, of the message or of a part */
    size_t field_bytes_max;    /* one field, folded lines together */
    size_t line_bytes_max;     /* one line without its end; RFC 5322 2.1.1 asks for 998 */
    size_t boundary_bytes_max; /* RFC 2046 5.1.1 asks for 70 */
    uint32_t fields_max;       /* fields of one header block */
    uint32_t addresses_max;    /* mailboxes and group marks of one field */
    uint32_t params_max;       /* parameters of one Content-Type or Content-Disposition */
    uint32_t parts_max;        /* body parts of one message, all levels together */
    uint32_t depth_max;        /* multiparts and messages inside each other */
    uint32_t references_max;   /* message ids kept of References */
};

#define MESSAGE_LIMITS_DEFAULT                                                                     \
    {                                                                                              \
        .header_bytes_max = 1u << 20, .field_bytes_max = 256u << 10, .line_bytes_max = 64u << 10,  \
        .boundary_bytes_max = 250, .fields_max = 2000, .addresses_max = 10000, .params_max = 200,  \
        .parts_max = 2000, .depth_max = 50, .references_max = 200                                  \
    }

#endif
