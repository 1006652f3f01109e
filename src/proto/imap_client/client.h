/* proto/imap_client/client.h - the client side of IMAP: one server, read and left unchanged.
 *
 * Pure: octets and commands go in; events come out, the same however the input was split. The
 * machine takes the greeting, asks for TLS when it is to, logs in (AUTHENTICATE PLAIN where it is
 * offered, else LOGIN), and is then READY for one command at a time: list, examine, fetch, logout.
 * A command ends with READY, or with REFUSED and the server's words. Owners call imap_client_next
 * until it returns WANT_BYTES, after every command, feed and handshake.
 * Of a message's octets nothing is held: each BODY piece is given on as it came, and the MESSAGE
 * that they belong to follows. Everything else of one response is at most
 * IMAP_CLIENT_RESPONSE_BYTES_MAX octets and one feed; a server that says more is left (CLOSE).
 * Texts in events are valid until the next imap_client_* call.
 * Spec: RFC 3501 6.1-6.5, 7, 9; RFC 2595 3 (STARTTLS), RFC 4616 (PLAIN), RFC 6154 2 (special use).
 * Tests: client_test.c. Fuzz: client_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_CLIENT_CLIENT_H
#define POSTERN_PROTO_IMAP_CLIENT_CLIENT_H

#include "base/arena.h"
#include "base/buf.h"

#define IMAP_CLIENT_RESPONSE_BYTES_MAX ((size_t)256 * 1024)
enum { IMAP_CLIENT_FLAGS_MAX = 128 };

enum imap_client_event {
    IMAP_CLIENT_WANT_BYTES,
    IMAP_CLIENT_SEND,      /* text: octets for the server                                   */
    IMAP_CLIENT_START_TLS, /* drop what is held, shake hands, then imap_client_tls_started  */
    IMAP_CLIENT_READY,     /* logged in, or the command has ended well                      */
    IMAP_CLIENT_REFUSED,   /* text: why the command failed; another may be given            */
    IMAP_CLIENT_MAILBOX,   /* mailbox: one line of LIST                                     */
    IMAP_CLIENT_BODY,      /* text: octets of the message that is named next                */
    IMAP_CLIENT_MESSAGE,   /* message: one FETCH response with a UID                        */
    IMAP_CLIENT_CLOSE      /* text: why, empty after logout; close, free                    */
};

struct imap_client_mailbox {
    struct str name; /* as on the wire: modified UTF-7 */
    char delimiter;  /* '\0': none */
    bool selectable;
    struct str use; /* "\Sent" and so on; empty: none */
};

struct imap_client_message {
    uint32_t uid;
    bool has_body;
    struct str flags[IMAP_CLIENT_FLAGS_MAX];
    size_t flag_count;
    struct str quoted; /* a body that came as a quoted string: then there was no BODY event */
    struct str date;   /* INTERNALDATE, without quotes; empty: not given */
};

/* Of the mailbox that was examined last. */
struct imap_client_examined {
    uint32_t exists, uidvalidity, uidnext;
};

struct imap_client_out {
    struct str text;
    struct imap_client_mailbox mailbox;
    struct imap_client_message message;
};

struct imap_client_options {
    bool starttls, secure; /* secure: TLS stands from the start */
    bool plain_is_fine;    /* the password may go out without TLS */
    struct str user, password;
};

struct imap_client;

/* Allocated in `mem`; buffers are on the heap until imap_client_deinit. Options are copied. */
struct imap_client *imap_client_new(struct arena *mem, const struct imap_client_options *options);
void imap_client_deinit(struct imap_client *c);

size_t imap_client_feed(struct imap_client *c, struct str bytes); /* octets taken */
MUST_USE enum imap_client_event imap_client_next(struct imap_client *c,
                                                 struct imap_client_out *out);
void imap_client_tls_started(struct imap_client *c);

/* Commands; only when READY or REFUSED came last. Names as on the wire, uids as IMAP writes sets.
 */
void imap_client_list(struct imap_client *c);
void imap_client_examine(struct imap_client *c, struct str name);
void imap_client_fetch_uids(struct imap_client *c);
void imap_client_fetch(struct imap_client *c, struct str uids);
void imap_client_logout(struct imap_client *c);

const struct imap_client_examined *imap_client_examined(const struct imap_client *c);

#endif
