/* proto/smtp_client/client_fuzz.c - a hostile server: every recipient is decided exactly once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp_client/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct smtp_client_rcpt rcpts[] = {
        { .address = STR_INIT("bob@hamburger.edu") },
        { .address = STR_INIT("carol@hamburger.edu"), .notify = 1 },
    };
    struct smtp_client_options options = smtp_client_defaults(STR("crepes.fr"));
    struct smtp_client_message m = { .size = 3, .rcpts = rcpts, .rcpt_count = 2 };
    struct arena *mem = arena_new(0);
    struct smtp_client_result r;
    struct str text, in = str_from(data, size);
    size_t step = 1, results = 0, given = 0;

    if (size > 0) {
        step = data[0] % 16U + 1;
        m.body = (enum smtp_client_body)(data[0] / 16 % 3);
        in = str_skip(in, 1);
    }

    struct smtp_client *c = smtp_client_new(mem, &options, 0);
    for (bool open = true; open;)
        switch (smtp_client_next(c, &text, &r)) {
        case SMTP_CLIENT_SEND:
            BUG_ON(text.len == 0);
            break;
        case SMTP_CLIENT_START_TLS:
            smtp_client_tls(c, step % 2 == 0, STR("no"));
            break;
        case SMTP_CLIENT_READY:
            if (given < 3) {
                given++;
                smtp_client_send(c, &m);
            } else {
                smtp_client_quit(c);
            }
            break;
        case SMTP_CLIENT_WANT_BODY:
            smtp_client_body(c, STR("Hi\n"), true);
            break;
        case SMTP_CLIENT_RESULT:
            BUG_ON(r.index >= 2);
            results++;
            break;
        case SMTP_CLIENT_CLOSE:
            open = false;
            break;
        case SMTP_CLIENT_WANT_BYTES:
            if (in.len == 0)
                smtp_client_lost(c, STR("gone"));
            else
                in = str_skip(in, smtp_client_feed(c, str_take(in, step)));
            break;
        }
    BUG_ON(results != given * 2);
    smtp_client_deinit(c);
    arena_free(mem);
    return 0;
}
