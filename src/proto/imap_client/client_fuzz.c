/* proto/imap_client/client_fuzz.c - a server that says anything. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap_client/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first octet says how much is fed at once. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *mem = arena_new(0);
    const struct imap_client_options options = { .plain_is_fine = true,
                                                 .user = STR("alice"),
                                                 .password = STR("hungry") };
    struct imap_client *c = imap_client_new(mem, &options);
    struct imap_client_out out;
    struct str rest = str_from(data, size);
    size_t step = size > 0 ? (size_t)data[0] + 1 : 1, commands = 0;
    bool closed = false;

    while (!closed) {
        switch (imap_client_next(c, &out)) {
        case IMAP_CLIENT_WANT_BYTES:
            closed = rest.len == 0;
            (void)imap_client_feed(c, str_take(rest, step));
            rest = str_skip(rest, step);
            break;
        case IMAP_CLIENT_START_TLS:
            imap_client_tls_started(c);
            break;
        case IMAP_CLIENT_READY:
        case IMAP_CLIENT_REFUSED:
            switch (commands++ % 4) {
            case 0:
                imap_client_list(c);
                break;
            case 1:
                imap_client_examine(c, STR("INBOX"));
                break;
            case 2:
                imap_client_fetch_uids(c);
                break;
            default:
                imap_client_fetch(c, STR("1:9"));
            }
            break;
        case IMAP_CLIENT_CLOSE:
            closed = true;
            break;
        case IMAP_CLIENT_SEND:
        case IMAP_CLIENT_MAILBOX:
        case IMAP_CLIENT_BODY:
        case IMAP_CLIENT_MESSAGE:
            break;
        }
    }
    imap_client_deinit(c);
    arena_free(mem);
    return 0;
}
