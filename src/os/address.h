/* os/address.h - IP addresses with a port, as values.
 *
 * Pure. An IPv4 address is kept as such; an IPv4-mapped IPv6 address is turned into IPv4 when it is
 * parsed or accepted, so no rule can be passed by writing it the other way. Tests: address_test.c.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_ADDRESS_H
#define POSTERN_OS_ADDRESS_H

#include "base/buf.h"

enum address_family { ADDRESS_NONE, ADDRESS_IP4, ADDRESS_IP6, ADDRESS_LOCAL /* unix socket */ };

struct address {
    uint8_t family; /* enum address_family */
    uint8_t ip[16]; /* network order; IPv4 in the first four */
    uint16_t port;  /* host order */
};

#define ADDRESS_TEXT_MAX 56 /* "[ffff:...]:65535" and a NUL */

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]"; the port is set to `port`. */
MUST_USE bool address_parse(struct str text, uint16_t port, struct address *ret);
/* "192.0.2.1:25", "[::1]:25". */
MUST_USE bool address_parse_with_port(struct str text, struct address *ret);
/* Appends the address without (with) its port. */
void address_format(const struct address *a, struct buf *out);
void address_format_with_port(const struct address *a, struct buf *out);
bool address_is_loopback(const struct address *a);
bool address_eq(const struct address *a, const struct address *b); /* port included */
/* "10.0.0.0/8", "::1/128", or a bare address: does `a` lie in it? false for a bad network too. */
bool address_in_network(const struct address *a, struct str network);

#endif
