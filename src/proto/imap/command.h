/* proto/imap/command.h - the IMAP commands: one table, and what each one looks like once parsed.
 *
 * Pure. The table below is the dispatcher: its rows say how a verb is spelled, which function reads
 * its arguments, which session facts it needs or excludes, and what is answered when they do not
 * hold. gate/imap builds its own function table from the same rows, so no verb can be missing.
 * A struct imap_command points into the command's text and into its arena: it lives until
 * imap_done(). Mailbox names are UTF-8 with "/" between levels and INBOX in capitals.
 * Spec: RFC 3501 6 and the RFCs named at the rows. Tests: machine_test.c, parse_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_COMMAND_H
#define POSTERN_PROTO_IMAP_COMMAND_H

#include "proto/imap/parse/args.h"

/* What is true of a session; rows and capabilities ask for these bits. */
enum imap_fact {
    IMAP_SECURE = 1 << 0,    /* TLS, or a peer that needs none */
    IMAP_TLS_READY = 1 << 1, /* STARTTLS could be done */
    IMAP_LOGIN_OK = 1 << 2,  /* passwords may be sent on this connection */
    IMAP_AUTHED = 1 << 3,
    IMAP_SELECTED = 1 << 4,
    IMAP_READ_ONLY = 1 << 5, /* EXAMINE */
    IMAP_UTF8 = 1 << 6,      /* ENABLE UTF8=ACCEPT */
    IMAP_CONDSTORE = 1 << 7, /* RFC 7162 3.1: the client has shown that it knows MODSEQ */
    IMAP_QRESYNC = 1 << 8,
    IMAP_REV2 = 1 << 10,    /* ENABLE IMAP4rev2 (RFC 9051): its answers, and names in UTF-8 */
    IMAP_UIDONLY = 1 << 11, /* RFC 9586: no message numbers, neither way */
    IMAP_METADATA = 1 << 9, /* ENABLE METADATA: annotations that others change are told */
};

#define IMAP_UID_REQUIRED "[UIDREQUIRED] UIDONLY is enabled: name messages by UID"
#define IMAP_VALUE_TOO_LARGE "[METADATA MAXSIZE 8192] The value is too large"
#define IMAP_COMPRESSED (1U << 23) /* RFC 4978 */
/* Among the facts stand the ways to log in that the connection offers: bits of enum sasl_offer. */
#define IMAP_OFFERS_SHIFT 24
#define IMAP_OFFERS_MASK (0x1fU << IMAP_OFFERS_SHIFT)

/* When a command may be given: facts needed and the answer without them, facts forbidden and the
 * answer with them. */
#define IMAP_WHEN_ANY 0, "", 0, ""
#define IMAP_WHEN_TLS                                                                              \
    IMAP_TLS_READY, "BAD TLS is not available", IMAP_AUTHED | IMAP_SECURE | IMAP_COMPRESSED,       \
        "BAD Too late"
#define IMAP_WHEN_PASS                                                                             \
    IMAP_LOGIN_OK, "NO [PRIVACYREQUIRED] Start TLS before you log in", IMAP_AUTHED,                \
        "BAD Already logged in"
#define IMAP_WHEN_IN IMAP_AUTHED, "BAD Log in first", 0, ""
#define IMAP_WHEN_OPEN IMAP_AUTHED | IMAP_SELECTED, "BAD No mailbox is selected", 0, ""
#define IMAP_WHEN_WRITE                                                                            \
    IMAP_AUTHED | IMAP_SELECTED, "BAD No mailbox is selected", IMAP_READ_ONLY,                     \
        "NO [READ-ONLY] The mailbox is open read-only"

/* ROW(VERB, function, spelling, arguments, has a UID form, when) */
#define IMAP_COMMANDS(ROW)                                                                         \
    ROW(CAPABILITY, capability, "CAPABILITY", none, false, IMAP_WHEN_ANY)                          \
    ROW(NOOP, noop, "NOOP", none, false, IMAP_WHEN_ANY)                                            \
    ROW(LOGOUT, logout, "LOGOUT", none, false, IMAP_WHEN_ANY)                                      \
    ROW(ID, id, "ID", id, false, IMAP_WHEN_ANY)                                                    \
    ROW(STARTTLS, starttls, "STARTTLS", none, false, IMAP_WHEN_TLS)                                \
    ROW(AUTHENTICATE, authenticate, "AUTHENTICATE", authenticate, false, IMAP_WHEN_PASS)           \
    ROW(LOGIN, login, "LOGIN", login, false, IMAP_WHEN_PASS)                                       \
    ROW(COMPRESS, compress, "COMPRESS", compress, false, IMAP_WHEN_IN)                             \
    ROW(ENABLE, enable, "ENABLE", enable, false, IMAP_WHEN_IN)                                     \
    ROW(SELECT, select, "SELECT", select, false, IMAP_WHEN_IN)                                     \
    ROW(EXAMINE, examine, "EXAMINE", select, false, IMAP_WHEN_IN)                                  \
    ROW(CREATE, create, "CREATE", create, false, IMAP_WHEN_IN)                                     \
    ROW(DELETE, delete, "DELETE", mailbox, false, IMAP_WHEN_IN)                                    \
    ROW(RENAME, rename, "RENAME", rename, false, IMAP_WHEN_IN)                                     \
    ROW(SUBSCRIBE, subscribe, "SUBSCRIBE", mailbox, false, IMAP_WHEN_IN)                           \
    ROW(UNSUBSCRIBE, unsubscribe, "UNSUBSCRIBE", mailbox, false, IMAP_WHEN_IN)                     \
    ROW(LIST, list, "LIST", list, false, IMAP_WHEN_IN)                                             \
    ROW(LSUB, lsub, "LSUB", lsub, false, IMAP_WHEN_IN)                                             \
    ROW(STATUS, status, "STATUS", status, false, IMAP_WHEN_IN)                                     \
    ROW(NOTIFY, notify, "NOTIFY", notify, false, IMAP_WHEN_IN)                                     \
    ROW(GETMETADATA, metadata_read, "GETMETADATA", metadata_read, false, IMAP_WHEN_IN)             \
    ROW(SETMETADATA, metadata_write, "SETMETADATA", metadata_write, false, IMAP_WHEN_IN)           \
    ROW(APPEND, append, "APPEND", append, false, IMAP_WHEN_IN)                                     \
    ROW(REPLACE, replace, "REPLACE", append, true, IMAP_WHEN_WRITE)                                \
    ROW(SETACL, acl_set, "SETACL", acl_set, false, IMAP_WHEN_IN)                                   \
    ROW(DELETEACL, acl_delete, "DELETEACL", acl_identifier, false, IMAP_WHEN_IN)                   \
    ROW(GETACL, acl_list, "GETACL", mailbox, false, IMAP_WHEN_IN)                                  \
    ROW(LISTRIGHTS, acl_grantable, "LISTRIGHTS", acl_identifier, false, IMAP_WHEN_IN)              \
    ROW(MYRIGHTS, acl_mine, "MYRIGHTS", mailbox, false, IMAP_WHEN_IN)                              \
    ROW(NAMESPACE, namespace, "NAMESPACE", none, false, IMAP_WHEN_IN)                              \
    ROW(GETQUOTA, quota_read, "GETQUOTA", quota_root, false, IMAP_WHEN_IN)                         \
    ROW(GETQUOTAROOT, quota_of, "GETQUOTAROOT", mailbox, false, IMAP_WHEN_IN)                      \
    ROW(SETQUOTA, quota_set, "SETQUOTA", quota_set, false, IMAP_WHEN_IN)                           \
    ROW(IDLE, idle, "IDLE", none, false, IMAP_WHEN_IN)                                             \
    ROW(UNAUTHENTICATE, unauthenticate, "UNAUTHENTICATE", none, false, IMAP_WHEN_IN)               \
    ROW(CHECK, check, "CHECK", none, false, IMAP_WHEN_OPEN)                                        \
    ROW(CLOSE, close, "CLOSE", none, false, IMAP_WHEN_OPEN)                                        \
    ROW(UNSELECT, unselect, "UNSELECT", none, false, IMAP_WHEN_OPEN)                               \
    ROW(EXPUNGE, expunge, "EXPUNGE", expunge, true, IMAP_WHEN_WRITE)                               \
    ROW(SEARCH, search, "SEARCH", search, true, IMAP_WHEN_OPEN)                                    \
    ROW(SORT, sort, "SORT", sort, true, IMAP_WHEN_OPEN)                                            \
    ROW(THREAD, thread, "THREAD", thread, true, IMAP_WHEN_OPEN)                                    \
    ROW(ESEARCH, esearch, "ESEARCH", esearch, false, IMAP_WHEN_IN)                                 \
    ROW(CANCELUPDATE, cancelupdate, "CANCELUPDATE", cancelupdate, false, IMAP_WHEN_OPEN)           \
    ROW(FETCH, fetch, "FETCH", fetch, true, IMAP_WHEN_OPEN)                                        \
    ROW(STORE, store, "STORE", store, true, IMAP_WHEN_WRITE)                                       \
    ROW(COPY, copy, "COPY", copy, true, IMAP_WHEN_OPEN)                                            \
    ROW(MOVE, move, "MOVE", copy, true, IMAP_WHEN_WRITE)

#define IMAP_VERB_ENUM(VERB, ...) IMAP_CMD_##VERB,
enum imap_verb { IMAP_COMMANDS(IMAP_VERB_ENUM) IMAP_CMD_COUNT };
#undef IMAP_VERB_ENUM

struct imap_command {
    struct str tag;
    enum imap_verb verb;
    bool uid;                /* the UID form: numbers in sets are UIDs */
    struct str_list filters; /* searches by name whose keys are to be had first: imap_use_filters */
    union {
        struct imap_login_args login;
        struct imap_authenticate_args authenticate;
        struct imap_id_args id;
        struct str_list enable;
        struct imap_select_args select;
        struct imap_create_args create;
        struct str mailbox; /* DELETE, SUBSCRIBE, UNSUBSCRIBE, GETACL, MYRIGHTS */
        struct imap_acl_args acl;
        struct imap_rename_args rename;
        struct imap_list_args list; /* LSUB, too */
        struct imap_status_args status;
        struct imap_notify_args notify;
        struct imap_metadata_read_args metadata_read;
        struct imap_metadata_write_args metadata_write;
        struct imap_quota_args quota;
        struct imap_append_args append;
        struct imap_search_args search; /* SORT and THREAD, too */
        struct str_list cancel;         /* CANCELUPDATE: tags */
        struct imap_fetch_args fetch;
        struct imap_store_args store;
        struct imap_copy_args copy;
        struct imap_set expunge; /* count 0: all; only UID EXPUNGE has a set */
    };
};

/* Does the command bring messages? They come as events of their own. */
static inline bool command_appends(const struct imap_command *c)
{
    return c->verb == IMAP_CMD_APPEND || c->verb == IMAP_CMD_REPLACE;
}

struct imap_row {
    struct str verb;
    void (*args)(struct scan *, struct imap_command *);
    bool has_uid;
    uint32_t need;
    const char *without; /* answer when a needed fact is missing: "BAD ..." or "NO ..." */
    uint32_t forbid;
    const char *with;
};

const struct imap_row *command_row(enum imap_verb verb);

/* Reads the verb behind "tag SP", "UID" included, and checks the facts. On failure s->error is set
 * and the result is false. The arguments are still unread. */
MUST_USE bool command_begin(struct scan *s, uint32_t facts, struct imap_command *ret);

/* Reads the arguments to the end of the text. */
void command_args(struct scan *s, struct imap_command *c);

/* fetch-att / "(" fetch-att *(SP fetch-att) ")", into `items` alone. */
void scan_fetch_items(struct scan *s, struct imap_fetch_args *ret);

/* Is it what may stand behind SEARCH? Names of filters are taken to be those of searches. */
MUST_USE bool command_is_search(struct arena *mem, const struct scan_limits *limits,
                                struct str text);

/* APPEND and REPLACE are read piece by piece, as their literals come:
 *
 *   MAILBOX --> MESSAGE --literal--------------------> NEXT --CRLF--> done
 *                  |  ^--------------------------------'
 *                  |--"UTF8 (" literal8--> UTF8 --")"--^
 *                  '--"CATENATE ("--> PART --> PART_NEXT --")"--^   (" " leads back to PART)
 *
 * command_append reads the next piece of the text. The text begins where the piece before ended and
 * ends with a line: either with the header of a literal whose octets are still to come, or with the
 * end of the command. s->rest is afterwards where the next piece begins. *ret points into the arena
 * alone. */
enum append_place {
    APPEND_MAILBOX,
    APPEND_MESSAGE,
    APPEND_PART,
    APPEND_PART_NEXT,
    APPEND_UTF8,
    APPEND_NEXT
};
enum append_piece {
    APPEND_BAD,         /* s->error says why */
    APPEND_MORE,        /* the literal at the end is a string of the command: its octets, please */
    APPEND_LITERAL,     /* it is octets of the message */
    APPEND_URL,         /* a part in *ret */
    APPEND_MESSAGE_END, /* the parts of a CATENATE are complete */
    APPEND_DONE
};
MUST_USE enum append_piece command_append(struct scan *s, const struct imap_command *c,
                                          enum append_place *place, struct imap_append_args *ret);

/* section-spec (RFC 3501 9): what stands between brackets, or at the end of a URL; may be empty. */
void scan_section(struct scan *s, struct section *ret, struct str_list *ret_fields);

/* The argument readers, one for each name in the table. */
#define IMAP_ARGS_FN(name) void args_##name(struct scan *s, struct imap_command *c)
IMAP_ARGS_FN(none);
IMAP_ARGS_FN(id);
IMAP_ARGS_FN(authenticate);
IMAP_ARGS_FN(login);
IMAP_ARGS_FN(compress);
IMAP_ARGS_FN(enable);
IMAP_ARGS_FN(select);
IMAP_ARGS_FN(create);
IMAP_ARGS_FN(mailbox);
IMAP_ARGS_FN(acl_identifier);
IMAP_ARGS_FN(acl_set);
IMAP_ARGS_FN(quota_root);
IMAP_ARGS_FN(quota_set);
IMAP_ARGS_FN(rename);
IMAP_ARGS_FN(list);
IMAP_ARGS_FN(lsub);
IMAP_ARGS_FN(status);
IMAP_ARGS_FN(notify);
IMAP_ARGS_FN(metadata_read);
IMAP_ARGS_FN(metadata_write);
IMAP_ARGS_FN(append);
IMAP_ARGS_FN(expunge);
IMAP_ARGS_FN(search);
IMAP_ARGS_FN(sort);
IMAP_ARGS_FN(thread);
IMAP_ARGS_FN(esearch);
IMAP_ARGS_FN(cancelupdate);
IMAP_ARGS_FN(fetch);
IMAP_ARGS_FN(store);
IMAP_ARGS_FN(copy);

#endif
