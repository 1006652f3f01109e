/* os/address.c - IP addresses as values. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/address.h"

#include <arpa/inet.h>

enum { IP4_OCTETS = 4, IP6_OCTETS = 16 };

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };

static void unmap(struct address *a)
{
    if (a->family != ADDRESS_IP6 || memcmp(a->ip, mapped_prefix, sizeof mapped_prefix) != 0)
        return;
    a->family = ADDRESS_IP4;
    memmove(a->ip, a->ip + sizeof mapped_prefix, IP4_OCTETS);
    memset(a->ip + IP4_OCTETS, 0, IP6_OCTETS - IP4_OCTETS);
}

bool address_parse(struct str text, uint16_t port, struct address *ret)
{
    struct address a = { .port = port };
    char z[ADDRESS_TEXT_MAX];

    if (text.len >= 2 && text.at[0] == '[' && text.at[text.len - 1] == ']') {
        text = str_sub(text, 1, text.len - 2);
        if (str_find_char(text, ':') == STR_NOT_FOUND)
            return false;
    }
    if (text.len == 0 || text.len >= sizeof z || str_find_char(text, '\0') != STR_NOT_FOUND)
        return false;
    memcpy(z, text.at, text.len);
    z[text.len] = '\0';
    if (inet_pton(AF_INET, z, a.ip) == 1)
        a.family = ADDRESS_IP4;
    else if (inet_pton(AF_INET6, z, a.ip) == 1)
        a.family = ADDRESS_IP6;
    else
        return false;
    unmap(&a);
    *ret = a;
    return true;
}

/* An IPv6 address with a port must be in brackets, else its last group could be the port. */
bool address_parse_with_port(struct str text, struct address *ret)
{
    size_t colon = str_find_char_last(text, ':');
    uint64_t port;

    if (colon == STR_NOT_FOUND || !str_to_u64(str_skip(text, colon + 1), UINT16_MAX, &port))
        return false;

    struct str host = str_take(text, colon);
    if (host.len == 0 || (host.at[0] != '[' && str_find_char(host, ':') != STR_NOT_FOUND))
        return false;
    return address_parse(host, (uint16_t)port, ret);
}

void address_format(const struct address *a, struct buf *out)
{
    char z[INET6_ADDRSTRLEN];

    switch (a->family) {
    case ADDRESS_IP4:
    case ADDRESS_IP6:
        (void)inet_ntop(a->family == ADDRESS_IP4 ? AF_INET : AF_INET6, a->ip, z, sizeof z);
        buf_add(out, str_from_z(z));
        return;
    case ADDRESS_LOCAL:
        BUF_ADD(out, "local");
        return;
    default:
        BUF_ADD(out, "unknown");
        return;
    }
}

void address_format_with_port(const struct address *a, struct buf *out)
{
    bool brackets = a->family == ADDRESS_IP6;

    if (brackets)
        buf_add_char(out, '[');
    address_format(a, out);
    if (brackets)
        buf_add_char(out, ']');
    if (a->family == ADDRESS_IP4 || a->family == ADDRESS_IP6) {
        buf_add_char(out, ':');
        buf_add_u64(out, a->port);
    }
}

bool address_is_loopback(const struct address *a)
{
    static const uint8_t one[IP6_OCTETS] = { [IP6_OCTETS - 1] = 1 };

    switch (a->family) {
    case ADDRESS_IP4:
        return a->ip[0] == 127;
    case ADDRESS_IP6:
        return memcmp(a->ip, one, sizeof one) == 0;
    default:
        return a->family == ADDRESS_LOCAL;
    }
}

static size_t ip_octets(const struct address *a)
{
    return a->family == ADDRESS_IP4 ? IP4_OCTETS : IP6_OCTETS;
}

bool address_eq(const struct address *a, const struct address *b)
{
    if (a->family != b->family || a->port != b->port)
        return false;
    if (a->family != ADDRESS_IP4 && a->family != ADDRESS_IP6)
        return true;
    return memcmp(a->ip, b->ip, ip_octets(a)) == 0;
}

/* "::ffff:10.0.0.0/104" is turned into "10.0.0.0/8", as its addresses are. */
static bool parse_network(struct str text, struct address *ret, unsigned *ret_bits)
{
    struct str rest = text;
    struct str host = str_split(&rest, '/');
    bool slash = host.len != text.len, mapped;
    uint64_t bits;

    if (!address_parse(host, 0, ret))
        return false;
    mapped = ret->family == ADDRESS_IP4 && str_find_char(host, ':') != STR_NOT_FOUND;
    unsigned all = (unsigned)ip_octets(ret) * 8;
    if (!slash) {
        *ret_bits = all;
        return true;
    }
    if (!str_to_u64(rest, mapped ? IP6_OCTETS * 8 : all, &bits))
        return false;
    if (mapped && bits < sizeof mapped_prefix * 8)
        return false;
    *ret_bits = (unsigned)bits - (mapped ? (unsigned)sizeof mapped_prefix * 8 : 0);
    return true;
}

bool address_in_network(const struct address *a, struct str network)
{
    struct address n;
    unsigned bits;

    if (!parse_network(network, &n, &bits) || n.family != a->family)
        return false;

    size_t whole = bits / 8;
    if (memcmp(a->ip, n.ip, whole) != 0)
        return false;
    if (bits % 8 == 0)
        return true;
    return ((a->ip[whole] ^ n.ip[whole]) >> (8 - bits % 8)) == 0;
}
