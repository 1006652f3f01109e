/* warden/control.h - the frames between the warden and a role.
 *
 * Pure encoding over base/codec.h; descriptors travel beside the frame (os/handover.h). The warden
 * is trusted by its roles; what a role sends is checked, because the role may be broken.
 * Decoded text points into the frame. Tests: control_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_WARDEN_CONTROL_H
#define POSTERN_WARDEN_CONTROL_H

#include "base/codec.h"
#include "os/role.h"

enum control_kind {
    CONTROL_CHANNEL = 1, /* to the role: a channel to `peer` number `index` comes along        */
    CONTROL_CONFIG,      /* to the role: the settings as a file would have them, in `text`     */
    CONTROL_CERTIFICATE, /* to a gate: certificate chain in `text`, its key in `key`, authorities of
                            clients in `clients`, all PEM */
    CONTROL_STOP,        /* to the role                                                        */
    CONTROL_READY,       /* to the warden: started and locked in                               */
};

struct control {
    enum control_kind kind;
    enum role_kind peer;
    uint32_t index;
    struct str text, key, clients;
};

void control_format(const struct control *c, struct buf *out);
MUST_USE bool control_parse(struct str frame, struct control *ret);

#endif
