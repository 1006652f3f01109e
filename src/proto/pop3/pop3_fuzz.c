/* proto/pop3/pop3_fuzz.c - the first octet chooses options and splitting; the rest is the peer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pop3/pop3.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer_login(struct pop3 *p, unsigned turn)
{
    pop3_set_uidvalidity(p, 7);
    for (uint32_t i = 0; i < turn % 70; i++)
        pop3_add_message(p, i + 1, 100);
    pop3_answer(p, turn % 4 != 0, STR("[AUTH] Perhaps"));
}

static void answer_read(struct pop3 *p, unsigned turn, struct pop3_read read)
{
    if (turn % 8 == 0)
        pop3_answer(p, false, STR("[SYS/TEMP] No"));
    else
        pop3_page(p, STR("A: b\r\n\r\n.x\n"), read.offset > 50);
}

/* False when the session is over. */
static bool pump(struct pop3 *p, unsigned *turn)
{
    struct pop3_out out;

    for (;;)
        switch (pop3_next(p, &out)) {
        case POP3_WANT_BYTES:
            return true;
        case POP3_CLOSE:
            return false;
        case POP3_SEND:
            BUG_ON(out.text.len == 0);
            break;
        case POP3_CHECK_LOGIN:
            answer_login(p, ++*turn);
            break;
        case POP3_READ:
            answer_read(p, ++*turn, out.read);
            break;
        case POP3_UPDATE:
            pop3_answer(p, ++*turn % 2 == 0, STR("Perhaps"));
            break;
        case POP3_START_TLS:
            pop3_tls_started(p);
            break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop3_options options = { .host = STR("hamburger.edu"),
                                    .limits = POP3_LIMITS_DEFAULT,
                                    .tls_offered = true };
    struct str in = str_from(data, size);
    unsigned flags = size > 0 ? data[0] : 0, turn = flags >> 5;
    size_t step = (flags & 7) == 0 ? size : (flags & 7) * (flags & 7);
    struct arena *mem = arena_new(0);
    struct pop3 *p = pop3_new(mem, &options, (flags & 16) != 0 ? POP3_PLAIN_AUTH : 0, 0);
    bool open = pump(p, &turn);

    in = str_skip(in, 1);
    while (open && in.len > 0) {
        in = str_skip(in, pop3_feed(p, str_take(in, step)));
        open = pump(p, &turn);
    }
    pop3_deinit(p);
    arena_free(mem);
    return 0;
}
