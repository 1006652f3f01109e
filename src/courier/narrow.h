/* courier/narrow.h - a message of 8 bits on its way to a server that takes 7.
 *
 * A connection whose peer has no 8BITMIME (or, for binary mail, no BINARYMIME) reads such a message
 * whole, up to NARROW_BYTES_MAX, and makes it 7-bit (message/compose/downgrade.h). What can not be
 * made 7-bit is given to the SMTP client as it is, which refuses it with 5.6.3. Tests:
 * courier_test.c.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_COURIER_NARROW_H
#define POSTERN_COURIER_NARROW_H

#include "base/buf.h"
#include "keeper/client.h"
#include "proto/smtp_client/client.h"

#define NARROW_BYTES_MAX ((uint64_t)32 * 1024 * 1024)

/* has: bits of smtp_client_has. */
bool narrow_is_needed(unsigned has, const struct smtp_client_message *m);

/* A message being read whole and made 7-bit; zero-initialise. */
struct narrow {
    struct keeper_client *keeper;
    const struct keep_queued *entry;
    uint64_t ticket;
    struct buf whole, message; /* as it was, until it has been made; as it is then */
    bool is_reading;
    void (*done)(void *ctx, enum err e);
    void *ctx;
};

/* done() is called once, on a later turn: OK when n->message holds the message, ERR_UNSUPPORTED
 * when it can not be made 7-bit, else why it could not be read. The entry lives until then; its
 * lease may be replaced. */
void narrow_start(struct narrow *n, struct keeper_client *keeper, const struct keep_queued *entry,
                  void (*done)(void *ctx, enum err e), void *ctx);
/* Drops everything, at any time; it can be used again. */
void narrow_deinit(struct narrow *n);

#endif
