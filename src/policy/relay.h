/* policy/relay.h - whether mail is taken: the only place where relaying is decided.
 *
 * Pure functions over facts; nothing else in the house may say yes to a recipient. The facts come
 * from the session (who speaks, from where) and from keeper (whose domain it is). Without a log-in
 * or a trusted network only mail for our own addresses is taken, however the address is dressed
 * up: a source route has been dropped by the parser before (message/text/mailbox.h), and a local
 * part that names another host ("bob%crepes.fr@...", "crepes.fr!bob@...", "\"bob@crepes.fr\"@...")
 * is refused from strangers, so that no later program can be made to follow it. Spec: RFC
 * 5321 3.6, 7.9; RFC 6409 6.1 (identity). Tests: relay_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_POLICY_RELAY_H
#define POSTERN_POLICY_RELAY_H

#include "message/text/mailbox.h"

/* What keeper knows of the recipient. */
enum relay_owner {
    RELAY_OURS,     /* delivered here                                     */
    RELAY_UNKNOWN,  /* our domain, nobody's address                       */
    RELAY_FULL,     /* ours, no room                                      */
    RELAY_DISABLED, /* ours, switched off                                 */
    RELAY_FOREIGN   /* somebody else's domain, and every address literal  */
};

struct relay_facts {
    bool authenticated;
    bool trusted_network; /* relay_network_holds() of one of the settings */
    const struct mailbox *rcpt;
    enum relay_owner owner;
};

enum relay_verdict {
    RELAY_ACCEPT,
    RELAY_DENIED,         /* not ours, and no right to send there */
    RELAY_DENIED_ROUTING, /* the local part names another host    */
    RELAY_NO_SUCH_MAILBOX,
    RELAY_MAILBOX_FULL, /* may have room later                  */
    RELAY_MAILBOX_DISABLED
};

enum relay_verdict relay_decide(const struct relay_facts *facts);

/* Whether `ip` (IPv4 in its mapped form ::ffff:a.b.c.d) lies in "192.0.2.0/24", "2001:db8::/32" or
 * a single address. A network that can not be read holds nobody. An IPv4 network never holds an
 * IPv6 address, nor "::/0" an IPv4 one. */
bool relay_network_holds(struct str network, const uint8_t ip[16]);

/* May a client send with this reverse-path? */
struct sender_facts {
    bool submission; /* the listener is for users                      */
    bool authenticated;
    bool null_sender;   /* <>: notifications, which users may send, too   */
    bool keeper_allows; /* the address is the account's (may_send_as)     */
};

enum sender_verdict { SENDER_ACCEPT, SENDER_LOGIN_FIRST, SENDER_NOT_YOURS };

enum sender_verdict sender_decide(const struct sender_facts *facts);

#endif
