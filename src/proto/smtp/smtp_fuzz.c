/* proto/smtp/smtp_fuzz.c - the first octet chooses options and splitting; the rest is the peer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For the sanitizer to see that these octets are alive. */
static void touch(struct str s)
{
    volatile char sum = 0;

    for (size_t i = 0; i < s.len; i++)
        sum ^= s.at[i];
}

/* Answers every question, by turns kindly and not. False when the session is over. `slowly`: only
 * one event, so that octets are fed while others wait. */
static bool pump(struct smtp *s, unsigned *turn, bool slowly)
{
    struct smtp_out out;

    do {
        enum smtp_event event = smtp_next(s, &out);

        switch (event) {
        case SMTP_WANT_BYTES:
            return true;
        case SMTP_CLOSE:
            return false;
        case SMTP_START_TLS:
            smtp_tls_started(s);
            break;
        case SMTP_CHECK_AUTH:
            smtp_answer(s, ++*turn % 2 == 0 ? 535 : 235, STR("5.7.8 Perhaps"));
            break;
        case SMTP_CHECK_MAIL:
        case SMTP_CHECK_RCPT:
        case SMTP_COMMIT:
            BUG_ON(event == SMTP_COMMIT && out.mail->rcpt_count == 0);
            smtp_answer(s, ++*turn % 4 == 0 ? 550 : 250, STR("2.0.0 Perhaps"));
            break;
        case SMTP_BODY:
            BUG_ON(out.text.len == 0);
            touch(out.text);
            if (++*turn % 32 == 0)
                smtp_refuse_body(s, 452, STR("4.3.1 No room"));
            break;
        case SMTP_SEND:
            BUG_ON(!str_ends(out.text, STR("\r\n")));
            break;
        case SMTP_ABANDON:
            break;
        }
    } while (!slowly);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smtp_options options = { .host = STR("hamburger.edu"),
                                    .limits = SMTP_LIMITS_DEFAULT,
                                    .tls_offered = true,
                                    .auth_offered = true };
    struct str in = str_from(data, size);
    unsigned turn = 0, flags = size > 0 ? data[0] : 0;
    size_t step = (flags & 7) == 0 ? size : (flags & 7) * (flags & 7);
    struct arena *mem = arena_new(0);
    struct smtp *s;
    bool open, slowly = (flags & 32) != 0;

    options.limits.size_max = 1000;
    options.auth_required = (flags & 8) != 0;
    s = smtp_new(mem, &options, (flags & 16) != 0 ? SMTP_PLAIN_AUTH : 0, 0);
    smtp_greet(s, 220, STR_EMPTY);
    open = pump(s, &turn, slowly);
    in = str_skip(in, 1);
    while (open && in.len > 0) {
        in = str_skip(in, smtp_feed(s, str_take(in, step)));
        open = pump(s, &turn, slowly);
    }
    smtp_deinit(s);
    arena_free(mem);
    return 0;
}
