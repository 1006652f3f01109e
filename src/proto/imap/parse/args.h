/* proto/imap/parse/args.h - the arguments of the IMAP commands, parsed.
 *
 * Pure data. Everything points into the command's text or its arena and lives until imap_done().
 * Mailbox names are UTF-8 with "/" between levels and INBOX in capitals; numbers of sequence sets
 * are as written (see struct imap_set). The readers are in parse_*.c.
 * Spec: RFC 3501 6 and the RFCs named at the fields. Tests: parse_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_ARGS_H
#define POSTERN_PROTO_IMAP_ARGS_H

#include "message/order/order.h"
#include "message/order/thread_tree.h"
#include "message/record/section.h"
#include "message/set/entry_name.h"
#include "message/set/flags.h"
#include "message/set/rights.h"
#include "message/set/search.h"
#include "proto/imap/parse/scan.h"

struct imap_login_args {
    struct str user, password;
};

/* `initial` is the client's first response, still base64; "=" (an empty one) comes as empty. */
struct imap_authenticate_args {
    struct str mechanism, initial;
    bool has_initial;
};

/* Name and value alternate; a NIL value is empty. */
struct imap_id_args {
    struct str_list pairs;
};

/* written: as the client wrote the name, in UTF-8; OLDNAME tells it when it differs (RFC 9051
 * 6.3.9.7). */
struct imap_select_args {
    struct str mailbox, written;
    bool condstore, qresync; /* RFC 7162 3.1.8, 3.2.5 */
    uint32_t uidvalidity;    /* the four QRESYNC arguments */
    uint64_t modseq;
    struct imap_set known_uids; /* count 0: all */
    struct imap_set match_seqs, match_uids;
};

struct imap_create_args {
    struct str mailbox, written;
    struct str_list uses; /* RFC 6154: "\Sent" ... as written */
};

struct imap_acl_args {
    struct str mailbox, identifier;
    struct rights_change change;
};

/* RFC 9208: which of the resources below a SETQUOTA limits (bits 1 << enum), and to what. */
enum imap_quota_resource { QUOTA_STORAGE, QUOTA_MESSAGE, QUOTA_MAILBOX, QUOTA_RESOURCES };
struct imap_quota_args {
    struct str root;
    uint32_t limited;
    uint64_t limits[QUOTA_RESOURCES]; /* STORAGE in units of 1024 octets */
};

struct imap_rename_args {
    struct str from, to;
    struct str from_written, to_written;
};

enum imap_status_item {
    STATUS_MESSAGES = 1 << 0,
    STATUS_RECENT = 1 << 1,
    STATUS_UIDNEXT = 1 << 2,
    STATUS_UIDVALIDITY = 1 << 3,
    STATUS_UNSEEN = 1 << 4,
    STATUS_HIGHESTMODSEQ = 1 << 5,    /* RFC 7162 */
    STATUS_SIZE = 1 << 6,             /* RFC 8438 */
    STATUS_MAILBOXID = 1 << 7,        /* RFC 8474 */
    STATUS_APPENDLIMIT = 1 << 8,      /* RFC 7889 */
    STATUS_DELETED = 1 << 9,          /* RFC 9051 */
    STATUS_DELETED_STORAGE = 1 << 10, /* RFC 9208 */
};

/* RFC 5258: selection options, then return options. */
enum imap_list_option {
    LIST_SUBSCRIBED = 1 << 0,
    LIST_REMOTE = 1 << 1,
    LIST_RECURSIVEMATCH = 1 << 2,
    LIST_SPECIAL_USE = 1 << 3, /* RFC 6154 */
    LIST_RETURN_SUBSCRIBED = 1 << 4,
    LIST_RETURN_CHILDREN = 1 << 5,
    LIST_RETURN_SPECIAL_USE = 1 << 6,
    LIST_RETURN_STATUS = 1 << 7,   /* RFC 5819; items in `status` */
    LIST_RETURN_MYRIGHTS = 1 << 8, /* RFC 8440 */
};

struct imap_list_args {
    struct str reference;
    struct str_list patterns;
    uint32_t options; /* enum imap_list_option */
    uint32_t status;  /* enum imap_status_item */
    bool extended;    /* RFC 5258 form: options or a list of patterns were given */
};

struct imap_status_args {
    struct str mailbox;
    uint32_t items;
};

/* One message of an APPEND or REPLACE, and the part of it that comes next: the only one, or one of
 * a CATENATE (RFC 4469), whose parts are octets or URLs. */
struct imap_append_args {
    struct str mailbox;
    bool replaces;     /* REPLACE (RFC 8508) of the message with this number: */
    uint32_t replaced; /* a sequence number or UID, or SET_STAR */
    struct flag_names flags;
    bool has_date;
    int64_t date_s;
    int date_zone_min;
    uint32_t index; /* 0 for the first message of the command (RFC 3502) */
    bool catenate;
    uint32_t part;  /* 0 for the first part of the message */
    bool is_url;    /* the part is what `url` names; else `bytes` octets that follow */
    bool binary;    /* octets in a literal8 (RFC 3516): NUL is allowed */
    struct str url; /* as written */
    uint32_t bytes;
};

/* RFC 4731 3.1. */
enum imap_search_return {
    RETURN_MIN = 1 << 0,
    RETURN_MAX = 1 << 1,
    RETURN_ALL = 1 << 2,
    RETURN_COUNT = 1 << 3,
    RETURN_SAVE = 1 << 4,      /* RFC 5182: "$" is to mean what is found */
    RETURN_ESEARCH = 1 << 5,   /* RETURN was written: answer with ESEARCH */
    RETURN_PARTIAL = 1 << 6,   /* RFC 9394 */
    RETURN_CONTEXT = 1 << 7,   /* RFC 5267 4.2: a hint */
    RETURN_UPDATE = 1 << 8,    /* RFC 5267 4.3: tell how the result changes */
    RETURN_RELEVANCY = 1 << 9, /* RFC 6203 4: how well each fits the FUZZY keys */
    /* What is told at once; without any of it there is no ESEARCH response. */
    RETURN_DATA =
        RETURN_MIN | RETURN_MAX | RETURN_ALL | RETURN_COUNT | RETURN_PARTIAL | RETURN_RELEVANCY,
};

/* The results first to last, in the order in which they were written: counted from the first one,
 * or, with from_end, from the last. */
struct imap_partial {
    uint32_t first, last;
    bool from_end;
};

/* A set inside a program: node `node` is to match the messages that `set` names, by UID or by
 * sequence number. Only the session knows which UIDs those are. */
struct imap_search_set {
    uint32_t node;
    bool uid;
    struct imap_set set;
};

struct imap_notify_group;

struct imap_search_args {
    uint32_t returns; /* enum imap_search_return */
    bool modseq;      /* the MODSEQ key is used (RFC 7162 3.1.5) */
    struct imap_partial partial;
    struct sort_criteria criteria;     /* SORT */
    enum thread_algorithm algorithm;   /* THREAD */
    struct imap_notify_group *sources; /* ESEARCH: which mailboxes; none: the selected one */
    uint32_t source_count;
    bool fuzzy; /* the FUZZY key is (RFC 6203) */
    struct search program;
    struct imap_search_set *sets;
    uint32_t set_count;
};

enum imap_fetch_kind {
    FETCH_FLAGS,
    FETCH_UID,
    FETCH_INTERNALDATE,
    FETCH_RFC822_SIZE,
    FETCH_ENVELOPE,
    FETCH_BODY_STRUCTURE,          /* BODY: without extension data */
    FETCH_BODY_STRUCTURE_EXTENDED, /* BODYSTRUCTURE */
    FETCH_SECTION,                 /* BODY[...] and BODY.PEEK[...] */
    FETCH_RFC822,
    FETCH_RFC822_HEADER,
    FETCH_RFC822_TEXT,
    FETCH_MODSEQ,   /* RFC 7162 */
    FETCH_EMAILID,  /* RFC 8474 */
    FETCH_THREADID, /* RFC 8474 */
    FETCH_SAVEDATE, /* RFC 8514 */
    FETCH_PREVIEW,  /* RFC 8970 */
    FETCH_BINARY,   /* BINARY[...] and BINARY.PEEK[...], RFC 3516 */
    FETCH_BINARY_SIZE,
};

struct imap_fetch_item {
    enum imap_fetch_kind kind;
    bool sets_seen; /* BODY[...], RFC822 and RFC822.TEXT do, RFC 3501 6.4.5 */
    bool has_partial;
    const struct section *section; /* FETCH_SECTION, FETCH_BINARY and its size: which octets */
    struct str_list fields;        /* of HEADER.FIELDS and HEADER.FIELDS.NOT, as written */
    uint64_t partial_from, partial_count;
};

struct imap_fetch_args {
    struct imap_set set;
    struct imap_fetch_item *items;
    uint32_t item_count;
    bool changed_since; /* RFC 7162 3.1.4.1 */
    bool vanished;      /* RFC 7162 3.2.6 */
    bool has_partial;   /* RFC 9394 3.3 */
    struct imap_partial partial;
    uint64_t modseq;
};

enum imap_store_mode { FLAGS_REPLACE, FLAGS_ADD, FLAGS_REMOVE };

struct imap_store_args {
    struct imap_set set;
    enum imap_store_mode mode;
    bool silent;
    bool unchanged_since; /* RFC 7162 3.1.3 */
    uint64_t modseq;
    struct flag_names flags;
};

/* RFC 5465. */
enum imap_notify_event {
    NOTIFY_MESSAGE_NEW = 1 << 0,
    NOTIFY_MESSAGE_EXPUNGE = 1 << 1,
    NOTIFY_FLAG_CHANGE = 1 << 2,
    NOTIFY_MAILBOX_NAME = 1 << 3,
    NOTIFY_SUBSCRIPTION = 1 << 4,
    NOTIFY_MAILBOX_METADATA = 1 << 5,
    NOTIFY_SERVER_METADATA = 1 << 6,
    NOTIFY_MESSAGE_EVENTS = NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE | NOTIFY_FLAG_CHANGE,
};
enum imap_notify_where {
    NOTIFY_SELECTED,
    NOTIFY_SELECTED_DELAYED,
    NOTIFY_INBOXES,
    NOTIFY_PERSONAL,
    NOTIFY_SUBSCRIBED,
    NOTIFY_SUBTREE,
    NOTIFY_MAILBOXES,
    NOTIFY_SUBTREE_ONE, /* RFC 7377 2.2: ESEARCH alone */
};
enum { NOTIFY_GROUPS_MAX = 32 };
struct imap_notify_group {
    enum imap_notify_where where;
    struct str_list names; /* of SUBTREE and MAILBOXES */
    uint32_t events;       /* enum imap_notify_event; 0: NONE */
    struct str fetch;      /* "(UID FLAGS)": what to fetch of new messages; empty: nothing */
};
struct imap_notify_args {
    bool status;
    struct imap_notify_group *groups;
    uint32_t count; /* 0: NOTIFY NONE */
};

/* RFC 5464 4.2. Entry names are in lower case. */
struct imap_metadata_read_args {
    struct str mailbox; /* empty: the server */
    struct str_list entries;
    uint32_t depth;    /* ENTRY_DEPTH_ALL: infinity */
    uint64_t max_size; /* UINT64_MAX: any */
};

/* RFC 5464 4.3. */
struct imap_annotation {
    struct str entry, value;
    bool exists; /* false: NIL, the annotation is to go */
};
struct imap_metadata_write_args {
    struct str mailbox;
    struct imap_annotation *at;
    uint32_t count;
};

struct imap_copy_args {
    struct imap_set set;
    struct str mailbox;
};

#endif
