/* warden/control.c - every frame has all fields, most of them empty: they are few and small. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "warden/control.h"

void control_format(const struct control *c, struct buf *out)
{
    put_u8(out, (uint8_t)c->kind);
    put_u8(out, (uint8_t)c->peer);
    put_varint(out, c->index);
    put_str(out, c->text);
    put_str(out, c->key);
    put_str(out, c->clients);
}

bool control_parse(struct str frame, struct control *ret)
{
    struct reader r = reader_of(frame);
    struct control c = { .kind = get_u8(&r), .peer = get_u8(&r) };

    c.index = get_varint32(&r);
    c.text = get_str(&r);
    c.key = get_str(&r);
    c.clients = get_str(&r);
    if (!reader_done(&r) || c.kind < CONTROL_CHANNEL || c.kind > CONTROL_READY ||
        c.peer >= ROLE_KINDS)
        return false;
    *ret = c;
    return true;
}
