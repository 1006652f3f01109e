/* policy/relay.c - who may send what to whom. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/relay.h"

/* A local part that an old mailer would take for a route to another host. */
static bool names_a_host(struct str local)
{
    return str_find_char(local, '%') != STR_NOT_FOUND ||
           str_find_char(local, '@') != STR_NOT_FOUND || str_find_char(local, '!') != STR_NOT_FOUND;
}

/* Rows are tried from the top: strangers first meet the wall, then everybody hears of the
 * mailbox. */
enum relay_verdict relay_decide(const struct relay_facts *facts)
{
    bool stranger = !facts->authenticated && !facts->trusted_network;

    if (stranger && facts->owner == RELAY_FOREIGN)
        return RELAY_DENIED;
    if (stranger && names_a_host(facts->rcpt->local))
        return RELAY_DENIED_ROUTING;
    switch (facts->owner) {
    case RELAY_OURS:
    case RELAY_FOREIGN:
        return RELAY_ACCEPT;
    case RELAY_UNKNOWN:
        return RELAY_NO_SUCH_MAILBOX;
    case RELAY_FULL:
        return RELAY_MAILBOX_FULL;
    case RELAY_DISABLED:
        return RELAY_MAILBOX_DISABLED;
    }
    return RELAY_DENIED; /* a number from nowhere opens nothing */
}

enum {
    MAPPED_BITS = 96
}; /* the prefix ::ffff:0:0/96 of IPv4-mapped addresses (RFC 4291 2.5.5.2) */

static bool is_mapped(const uint8_t ip[16])
{
    static const uint8_t prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };

    return memcmp(ip, prefix, sizeof(prefix)) == 0;
}

bool relay_network_holds(struct str network, const uint8_t ip[16])
{
    struct str length = network, address = str_split(&length, '/');
    bool has_length = address.len < network.len;
    uint8_t base[16];
    uint64_t bits = 128;
    unsigned offset;

    if (!ip_parse(address, base) || is_mapped(base) != is_mapped(ip))
        return false;
    offset = is_mapped(base) && str_find_char(address, ':') == STR_NOT_FOUND ? MAPPED_BITS : 0;
    if (has_length && !str_to_u64(length, 128 - offset, &bits))
        return false;
    if (has_length)
        bits += offset;
    for (uint64_t i = 0; i < bits; i++)
        if (((base[i / 8] ^ ip[i / 8]) & 0x80 >> i % 8) != 0)
            return false;
    return true;
}

enum sender_verdict sender_decide(const struct sender_facts *facts)
{
    if (!facts->authenticated)
        return facts->submission ? SENDER_LOGIN_FIRST : SENDER_ACCEPT;
    if (facts->null_sender || facts->keeper_allows)
        return SENDER_ACCEPT;
    return SENDER_NOT_YOURS;
}
