/* message/text/received.c - one field, built line by line. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/received.h"

#include "message/text/date.h"
#include "message/text/header.h"

/* Adds text from a peer or a setting; "?" stands for what has a meaning in the field. */
static void add_safe(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];

        buf_add_char(out, c < ' ' || c == 0x7F || strchr("()\\;", c) != NULL ? '?' : s.at[i]);
    }
}

/* Domain and TCP-info: the greeting, then name and address in a comment (RFC 5321 4.4). */
static void add_from(struct buf *out, const struct received *r)
{
    if (r->helo.len == 0 && r->client_ip.len == 0)
        return;
    BUF_ADD(out, "from ");
    for (size_t i = 0; i < r->helo.len; i++)
        add_safe(out, r->helo.at[i] == ' ' ? STR("?") : str_sub(r->helo, i, 1));
    if (r->helo.len == 0)
        BUF_ADD(out, "unknown");
    if (r->client_ip.len > 0) {
        BUF_ADD(out, " (");
        add_safe(out, r->client_name.len > 0 ? r->client_name : STR("unknown"));
        BUF_ADD(out, " [");
        if (str_find_char(r->client_ip, ':') != STR_NOT_FOUND)
            BUF_ADD(out, "IPv6:");
        add_safe(out, r->client_ip);
        BUF_ADD(out, "])");
    }
    BUF_ADD(out, "\r\n ");
    if (r->account.len > 0) {
        BUF_ADD(out, "(authenticated as ");
        add_safe(out, r->account);
        BUF_ADD(out, ")\r\n ");
    }
}

static void add_clause(struct buf *out, struct str keyword, struct str value)
{
    if (value.len == 0)
        return;
    buf_add(out, keyword);
    add_safe(out, value);
}

void received_format(struct buf *out, const struct received *r)
{
    BUF_ADD(out, "Received: ");
    add_from(out, r);
    add_clause(out, STR("by "), r->by);
    add_clause(out, STR(" with "), r->with);
    if (r->tls.len > 0) {
        BUF_ADD(out, "\r\n (");
        add_safe(out, r->tls);
        BUF_ADD(out, ")");
    }
    add_clause(out, STR("\r\n id "), r->id);
    if (r->recipient.len > 0) {
        BUF_ADD(out, "\r\n for <");
        add_safe(out, r->recipient);
        BUF_ADD(out, ">");
    }
    BUF_ADD(out, ";\r\n ");
    date_format(out, r->epoch_s, r->zone_min);
    BUF_ADD(out, "\r\n");
}

struct str received_protocol(bool esmtp, bool tls, bool authenticated, bool utf8)
{
    /* RFC 3848 2, RFC 6531 4.3: bit 0 TLS, bit 1 authentication, bit 2 SMTPUTF8. */
    static const struct str names[8] = {
        STR_INIT("ESMTP"),    STR_INIT("ESMTPS"),    STR_INIT("ESMTPA"),    STR_INIT("ESMTPSA"),
        STR_INIT("UTF8SMTP"), STR_INIT("UTF8SMTPS"), STR_INIT("UTF8SMTPA"), STR_INIT("UTF8SMTPSA"),
    };

    return esmtp ? names[tls + authenticated * 2 + utf8 * 4] : STR("SMTP");
}

uint32_t received_count(struct str message)
{
    return header_count(message, STR("Received"));
}
