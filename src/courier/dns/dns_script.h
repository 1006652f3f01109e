/* courier/dns/dns_script.h - the DNS as a script says it is: for tests and the simulator.
 *
 * Answers come on a later turn of the loop, after `delay_ms`. A name that the script does not know
 * does not exist; one it knows with another type has no data. Rows are borrowed.
 * Tests: mx_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_COURIER_DNS_SCRIPT_H
#define POSTERN_COURIER_DNS_SCRIPT_H

#include "courier/dns/dns.h"

struct dns_script_row {
    struct str name;
    enum dns_type type;
    enum dns_status status; /* FOUND: this record; else what a question for name and type gets */
    uint16_t preference;
    struct str value; /* MX: exchange; A, AAAA: address text */
};

struct dns *dns_script_new(struct loop *l, const struct dns_script_row *rows, size_t count,
                           uint32_t delay_ms);

#endif
