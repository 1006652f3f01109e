/* proto/sasl_fuzz.c - one mechanism and the peer's lines, separated by LF. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_from(data, size);
    struct sasl *s = sasl_new(str_split(&rest, '\n'), ~0u);

    if (s == NULL)
        return 0;

    enum sasl_status status = sasl_start(s, str_split(&rest, '\n'));
    while ((status == SASL_CHALLENGE || status == SASL_LOGIN) && rest.len > 0) {
        if (status == SASL_LOGIN)
            status = sasl_reply(s, STR("r=x"), rest.len % 3 == 0);
        status = sasl_feed(s, str_split(&rest, '\n'));
    }
    BUG_ON(status == SASL_LOGIN && sasl_login(s)->kind == SASL_PASSWORD &&
           sasl_login(s)->authcid.len == 0);
    sasl_free(s);
    return 0;
}
