/* keeper/contract.h - the structs of contract.def, and their octets.
 *
 * Pure. For every record there is struct keep_NAME; for every call struct keep_NAME_req and
 * struct keep_NAME_rep; a list field `xs` of `thing` is `struct keep_thing *xs; size_t xs_count`.
 * Encoding appends to a buf; decoding allocates lists in an arena, and str fields point into the
 * decoded octets. Decoding is strict: lengths, list counts and trailing octets are checked, and
 * every list element costs at least one octet, so a short frame cannot ask for much memory.
 * Frame: kind (u8: enum frame_kind), then for a request: call (u8), tag (varint), fields; for a
 * reply: tag, error (u8), then the fields when OK, else the detail (str); for a note: number (u8),
 * fields. Tests: contract_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_CONTRACT_H
#define POSTERN_KEEPER_CONTRACT_H

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"

#include "keeper/contract.def"

enum keep_index_action { INDEX_STATUS, INDEX_CHECK, INDEX_REBUILD, INDEX_ACTION_COUNT };

enum keep_who { BY_GATE = 1, BY_COURIER = 2, BY_CONTROL = 4 };

enum keep_route {
    ROUTE_UNKNOWN,  /* the domain is ours, the address is nobody's  */
    ROUTE_LOCAL,    /* a mailbox, an alias, a catch-all             */
    ROUTE_FOREIGN,  /* not a domain of ours                         */
    ROUTE_FULL,     /* over quota                                   */
    ROUTE_DISABLED, /* the account is switched off                  */
};

enum keep_login_kind { LOGIN_PASSWORD, LOGIN_TOKEN, LOGIN_CERTIFICATE };
enum keep_scope { KEEP_SCOPE_IMAP = 1, KEEP_SCOPE_POP = 2, KEEP_SCOPE_SMTP = 4 };

/* RFC 3461 4.1. */
enum keep_notify { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };
enum keep_ret { RET_UNSAID, RET_FULL, RET_HDRS };
enum keep_body { BODY_7BIT, BODY_8BITMIME, BODY_BINARYMIME };

/* RFC 6154. */
enum keep_special_use {
    USE_ALL = 1,
    USE_ARCHIVE = 2,
    USE_DRAFTS = 4,
    USE_FLAGGED = 8,
    USE_JUNK = 16,
    USE_SENT = 32,
    USE_TRASH = 64,
};

enum keep_item {
    ITEM_FLAGS = 1,
    ITEM_MODSEQ = 2,
    ITEM_INTERNAL_DATE = 4,
    ITEM_SAVE_DATE = 8,
    ITEM_SIZE = 16,
    ITEM_RECORD = 32, /* all of it; the four below: a record of these sections alone */
    ITEM_IDS = 64,    /* email and thread */
    ITEM_UIDL = 128,
    ITEM_ENVELOPE = 256,
    ITEM_STRUCTURE = 512,
    ITEM_PREVIEW = 1024,
    ITEM_FIELDS = 2048,    /* and the envelope, of which they are made */
    ITEM_WIRE_SIZE = 4096, /* with ITEM_SIZE: UINT64_MAX where a line ends otherwise than CRLF */
};

enum keep_acl_op { ACL_REPLACE, ACL_ADD, ACL_REMOVE };

/* OWN: the session's account; MAILBOX: where `name` is, or would be; ROOT: called `name`. */
enum keep_quota_of { QUOTA_OF_OWN, QUOTA_OF_MAILBOX, QUOTA_OF_ROOT };

enum keep_store_op { STORE_SET, STORE_ADD, STORE_REMOVE };
#define UNCHANGED_SINCE_UNSAID UINT64_MAX

enum keep_rcpt_state { RCPT_WAITING, RCPT_DELIVERED, RCPT_RELAYED, RCPT_FAILED, RCPT_EXPIRED };

enum keep_queue_action { QUEUE_RETRY, QUEUE_HOLD, QUEUE_RELEASE, QUEUE_DROP, QUEUE_FAIL };

enum keep_event_kind {
    EVENT_MESSAGES,     /* they came, went or changed                             */
    EVENT_NAME,         /* a mailbox was made, removed or renamed                 */
    EVENT_SUBSCRIPTION, /* a name was subscribed to, or no more                   */
    EVENT_METADATA,     /* annotations were set or removed                        */
    EVENT_OVERFLOW,     /* there was more to tell than is kept; nothing more will be told */
};
enum keep_event_what { WHAT_ARRIVED = 1, WHAT_GONE = 2, WHAT_FLAGS = 4 };

#define KEEP_PAGE_BYTES ((size_t)256 * 1024)
/* Of FETCH: with all that is around the octets it fits into a room of a channel. */
#define KEEP_FETCH_PAGE_BYTES ((size_t)448 * 1024)

#define KEEP_TYPE_u8(name, of) uint8_t name;
#define KEEP_TYPE_u32(name, of) uint32_t name;
#define KEEP_TYPE_u64(name, of) uint64_t name;
#define KEEP_TYPE_i64(name, of) int64_t name;
#define KEEP_TYPE_bool(name, of) bool name;
#define KEEP_TYPE_str(name, of) struct str name;
#define KEEP_TYPE_list(name, of)                                                                   \
    struct keep_##of *name;                                                                        \
    size_t name##_count;
#define KEEP_FIELD(type, name, of) KEEP_TYPE_##type(name, of)

#define KEEP_RECORD_STRUCT(name)                                                                   \
    struct keep_##name {                                                                           \
        FIELDS_##name(KEEP_FIELD)                                                                  \
    };
CONTRACT_RECORDS(KEEP_RECORD_STRUCT)

#define KEEP_CALL_STRUCTS(name, who)                                                               \
    struct keep_##name##_req {                                                                     \
        REQ_##name(KEEP_FIELD)                                                                     \
    };                                                                                             \
    struct keep_##name##_rep {                                                                     \
        REP_##name(KEEP_FIELD)                                                                     \
    };                                                                                             \
    void keep_##name##_req_put(struct buf *out, const struct keep_##name##_req *req);              \
    MUST_USE bool keep_##name##_req_get(struct arena *mem, struct str in,                          \
                                        struct keep_##name##_req *ret);                            \
    void keep_##name##_rep_put(struct buf *out, const struct keep_##name##_rep *rep);              \
    MUST_USE bool keep_##name##_rep_get(struct arena *mem, struct str in,                          \
                                        struct keep_##name##_rep *ret);
CONTRACT_CALLS(KEEP_CALL_STRUCTS)

#define KEEP_NOTE_STRUCT(name, who)                                                                \
    struct keep_##name##_note {                                                                    \
        NOTE_##name(KEEP_FIELD)                                                                    \
    };                                                                                             \
    void keep_##name##_note_put(struct buf *out, const struct keep_##name##_note *note);           \
    MUST_USE bool keep_##name##_note_get(struct arena *mem, struct str in,                         \
                                         struct keep_##name##_note *ret);
CONTRACT_NOTES(KEEP_NOTE_STRUCT)

/* The manifest of an append: its messages, one record after the other. keep_manifest_next reads the
 * next one; false at the end, and with r->bad set when the octets are damaged. */
#define KEEP_APPEND_MESSAGES_MAX 20000u
#define KEEP_MANIFEST_BYTES_MAX ((size_t)16 * 1024 * 1024)
void keep_manifest_add(struct buf *out, const struct keep_new_message *m);
MUST_USE bool keep_manifest_next(struct arena *mem, struct reader *r, struct keep_new_message *ret);

#define KEEP_CALL_NUMBER(name, who) CALL_##name,
enum keep_call { CONTRACT_CALLS(KEEP_CALL_NUMBER) CALL_COUNT };
#define KEEP_NOTE_NUMBER(name, who) NOTE_NUMBER_##name,
enum keep_note { CONTRACT_NOTES(KEEP_NOTE_NUMBER) NOTE_COUNT };

enum frame_kind { FRAME_REQUEST = 1, FRAME_REPLY = 2, FRAME_NOTE = 3 };

const char *keep_call_name(enum keep_call call);
unsigned keep_call_who(enum keep_call call); /* bits of enum keep_who */

#endif
