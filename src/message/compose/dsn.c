/* message/compose/dsn.c - the three parts of a report, one function each. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/compose/dsn.h"

#include "base/hex.h"
#include "base/utf8.h"
#include "message/text/field.h"
#include "message/text/header.h"
#include "message/text/msgid.h"

enum { TEXT_LINE_BYTES = 76 };

/* What each action is called, in the fields, the subject, and to the sender. */
static const struct {
    struct str name, subject, text;
} actions[] = {
    [DSN_DELIVERED] = { STR_INIT("delivered"), STR_INIT("Delivered"),
                        STR_INIT("Your message was delivered to:\r\n") },
    [DSN_RELAYED] = { STR_INIT("relayed"), STR_INIT("Relayed"),
                      STR_INIT("Your message was passed on to a server that does not report\r\n"
                               "deliveries. You may hear no more of it. It was sent on for:\r\n") },
    [DSN_EXPANDED] = { STR_INIT("expanded"), STR_INIT("Delivered to a list"),
                       STR_INIT("Your message was delivered to several addresses, which are not\r\n"
                                "reported one by one, by way of:\r\n") },
    [DSN_DELAYED] = { STR_INIT("delayed"), STR_INIT("Delayed"),
                      STR_INIT("Your message could not be delivered yet. You need not do anything;"
                               "\r\nit will be tried again. It waits for:\r\n") },
    [DSN_FAILED] = { STR_INIT("failed"), STR_INIT("Not delivered"),
                     STR_INIT(
                         "Your message could not be delivered, and will not be tried again, to:"
                         "\r\n") },
};

static bool has_high(struct str s)
{
    return !utf8_is_ascii(s);
}

/* Text that is safe for this report: UTF-8 where it may be, "?" for what may not stand here. */
static void add_safe(struct buf *out, const struct dsn *d, struct str s)
{
    bool keep_high = d->utf8 && utf8_valid(s);

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];

        if (c < ' ' || c == 0x7F)
            buf_add_char(out, ' ');
        else
            buf_add_char(out, c < 0x80 || keep_high ? s.at[i] : '?');
    }
}

/* RFC 6533 3 utf-8-addr-xtext: "\x{HEXPOINT}" for what is not QCHAR. */
static void add_addr_xtext(struct buf *out, struct str address)
{
    uint32_t c;

    while (address.len > 0) {
        (void)utf8_next(&address, &c);
        if (c > ' ' && c < 0x7F && c != '+' && c != '=' && c != '\\')
            buf_add_char(out, (char)c);
        else
            buf_printf(out, "\\x{%02X}", (unsigned)c);
    }
}

/* address-type ";" address, as this report can carry it. */
static void add_typed_address(struct buf *out, const struct dsn *d, struct str address)
{
    if (!has_high(address)) {
        BUF_ADD(out, "rfc822; ");
        add_safe(out, d, address);
    } else if (d->utf8) {
        BUF_ADD(out, "utf-8; ");
        add_safe(out, d, address);
    } else {
        BUF_ADD(out, "utf-8; ");
        add_addr_xtext(out, address);
    }
}

/* A field of the machine part: an optional type, then the value. */
static void add_status_field(struct buf *out, const struct dsn *d, struct str name, struct str type,
                             struct str value)
{
    struct buf made = { .at = NULL };

    if (value.len > 0) {
        buf_add(&made, type);
        add_safe(&made, d, value);
        field_add_raw(out, name, buf_str(&made));
    }
    buf_deinit(&made);
}

static void add_address_field(struct buf *out, const struct dsn *d, const struct mailbox *m)
{
    struct buf address = { .at = NULL }, made = { .at = NULL };

    mailbox_format(&address, m);
    add_typed_address(&made, d, buf_str(&address));
    field_add_raw(out, STR("Final-Recipient"), buf_str(&made));
    buf_deinit(&address);
    buf_deinit(&made);
}

/* The character of a "\\x{HEXPOINT}" at the front of *s, which moves behind it; false when there is
 * none. */
static bool take_embedded(struct str *s, uint32_t *ret)
{
    size_t close = str_find_char(str_take(*s, sizeof("\\x{10FFFF}") - 1), '}');
    char utf8[UTF8_BYTES_MAX];
    uint32_t c = 0;

    if (close == STR_NOT_FOUND || close < 4 || !str_starts(*s, STR("\\x{")))
        return false;
    for (size_t i = 3; i < close; i++) {
        int digit = hex_digit(s->at[i]);

        if (digit < 0)
            return false;
        c = c * 16 + (uint32_t)digit;
    }
    if (utf8_put(c, utf8) == 0)
        return false;
    *ret = c;
    *s = str_skip(*s, close + 1);
    return true;
}

/* RFC 6533 3: a report in UTF-8 shows the address itself, not its encoded form. */
static void add_decoded_address(struct buf *out, struct str address)
{
    uint32_t c;

    while (address.len > 0) {
        if (take_embedded(&address, &c)) {
            utf8_add(out, c);
            continue;
        }
        buf_add_char(out, address.at[0]);
        address = str_skip(address, 1);
    }
}

/* RFC 3464 2.3.1: the sender's own words; an address beyond ASCII needs the type of RFC 6533. */
static void add_original_recipient(struct buf *out, const struct dsn *d,
                                   const struct dsn_recipient *r)
{
    struct buf made = { .at = NULL };
    struct str address = r->original, type = str_split(&address, ';');

    address = str_trim(address);
    if (address.len > 0 && d->utf8 && str_eq_nocase(type, STR("utf-8"))) {
        BUF_ADD(&made, "utf-8; ");
        add_decoded_address(&made, address);
    } else if (address.len > 0 && has_high(address)) {
        add_typed_address(&made, d, address);
    } else if (address.len > 0) {
        buf_printf(&made, "%.*s; %.*s", STR_ARG(type), STR_ARG(address));
    }
    add_status_field(out, d, STR("Original-Recipient"), STR_EMPTY, buf_str(&made));
    buf_deinit(&made);
}

/* RFC 3464 2.3: the group of fields of one recipient, behind an empty line. */
static void add_recipient_fields(struct buf *out, const struct dsn *d,
                                 const struct dsn_recipient *r)
{
    BUF_ADD(out, "\r\n");
    add_original_recipient(out, d, r);
    add_address_field(out, d, &r->address);
    field_add_raw(out, STR("Action"), actions[r->action].name);
    add_status_field(out, d, STR("Status"), STR_EMPTY, r->status);
    add_status_field(out, d, STR("Remote-MTA"), STR("dns; "), r->remote_mta);
    add_status_field(out, d, STR("Diagnostic-Code"), STR("smtp; "), r->diagnostic);
    if (r->last_attempt_s != 0)
        field_add_date(out, STR("Last-Attempt-Date"), r->last_attempt_s, d->zone_min);
    if (r->action == DSN_DELAYED && r->retry_until_s != 0)
        field_add_date(out, STR("Will-Retry-Until"), r->retry_until_s, d->zone_min);
}

/* RFC 3464 2.2: the fields of the message, then those of every recipient. */
static void add_status_part(struct buf *out, const struct dsn *d)
{
    field_add_raw(out, STR("Content-Type"),
                  d->utf8 ? STR("message/global-delivery-status") : STR("message/delivery-status"));
    if (d->utf8)
        BUF_ADD(out, "Content-Transfer-Encoding: 8bit\r\n");
    BUF_ADD(out, "\r\n");
    add_status_field(out, d, STR("Original-Envelope-Id"), STR_EMPTY, d->envid);
    add_status_field(out, d, STR("Reporting-MTA"), STR("dns; "), d->reporting_mta);
    if (d->arrival_s != 0)
        field_add_date(out, STR("Arrival-Date"), d->arrival_s, d->zone_min);
    for (size_t i = 0; i < d->recipient_count; i++)
        add_recipient_fields(out, d, &d->recipients[i]);
}

/* Adds `text` in lines that begin with four blanks, broken at blanks. */
static void add_wrapped(struct buf *out, struct str text)
{
    size_t column = TEXT_LINE_BYTES;

    while (text.len > 0) {
        struct str word = str_split(&text, ' ');

        if (word.len == 0)
            continue;
        if (column + 1 + word.len > TEXT_LINE_BYTES) {
            if (column != TEXT_LINE_BYTES)
                BUF_ADD(out, "\r\n");
            BUF_ADD(out, "   ");
            column = 3;
        }
        buf_add_char(out, ' ');
        buf_add(out, word);
        column += 1 + word.len;
    }
    BUF_ADD(out, "\r\n");
}

static void add_text_recipient(struct buf *out, const struct dsn *d, const struct dsn_recipient *r)
{
    struct buf address = { .at = NULL }, said = { .at = NULL };

    mailbox_format(&address, &r->address);
    BUF_ADD(out, "\r\n  <");
    add_safe(out, d, buf_str(&address));
    BUF_ADD(out, ">\r\n");
    if (r->diagnostic.len > 0) {
        if (r->remote_mta.len > 0) {
            BUF_ADD(&said, "The server ");
            add_safe(&said, d, r->remote_mta);
            BUF_ADD(&said, " said: ");
        }
        add_safe(&said, d, r->diagnostic);
        add_wrapped(out, buf_str(&said));
    }
    if (r->action == DSN_DELAYED && r->retry_until_s != 0) {
        BUF_ADD(out, "    It will be tried until ");
        struct buf when = { .at = NULL };
        field_add_date(&when, STR("Until"), r->retry_until_s, d->zone_min);
        buf_add(out, str_sub(buf_str(&when), 7, when.len - 9));
        BUF_ADD(out, ".\r\n");
        buf_deinit(&when);
    }
    buf_deinit(&address);
    buf_deinit(&said);
}

static void add_text_part(struct buf *out, const struct dsn *d)
{
    BUF_ADD(out, "Content-Type: text/plain; charset=");
    buf_add(out, d->utf8 ? STR("utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
                         : STR("us-ascii\r\n\r\n"));
    BUF_ADD(out, "This is the mail system at ");
    add_safe(out, d, d->reporting_mta);
    BUF_ADD(out, ".\r\n");
    for (int action = DSN_FAILED; action >= 0; action--) {
        bool told = false;

        for (size_t i = 0; i < d->recipient_count; i++) {
            if ((int)d->recipients[i].action != action)
                continue;
            if (!told) {
                BUF_ADD(out, "\r\n");
                buf_add(out, actions[action].text);
            }
            told = true;
            add_text_recipient(out, d, &d->recipients[i]);
        }
    }
}

static enum dsn_action weightiest(const struct dsn *d)
{
    enum dsn_action most = DSN_DELIVERED;

    for (size_t i = 0; i < d->recipient_count; i++)
        most = MAX(most, d->recipients[i].action);
    return most;
}

static bool returns_full(const struct dsn *d)
{
    return d->return_full && weightiest(d) == DSN_FAILED;
}

/* What is given back: the message, or its header without the empty line. */
static struct str returned(const struct dsn *d)
{
    return returns_full(d) ? d->original : str_take(d->original, header_length(d->original));
}

static void add_returned_part(struct buf *out, const struct dsn *d)
{
    struct str type = returns_full(d) ? (d->utf8 ? STR("message/global") : STR("message/rfc822"))
                      : d->utf8       ? STR("message/global-headers")
                                      : STR("text/rfc822-headers");
    struct str back = returned(d);

    field_add_raw(out, STR("Content-Type"), type);
    if (has_high(back))
        BUF_ADD(out, "Content-Transfer-Encoding: 8bit\r\n");
    BUF_ADD(out, "\r\n");
    buf_add(out, back);
    if (!str_ends(back, STR("\n")))
        BUF_ADD(out, "\r\n");
}

static void add_mailbox_field(struct buf *out, struct str field, struct str name,
                              const struct mailbox *m, bool utf8)
{
    struct mail_address a = { .name = name, .local = m->local, .domain = m->domain };
    struct address_list one = { &a, 1 };

    field_add_addresses(out, field, &one, utf8);
}

/* The notification answers the original, so that mail programs show the two together. */
static void add_thread_fields(struct buf *out, const struct dsn *d)
{
    SCRATCH(tmp, NULL);
    struct header_field f;
    struct str id;

    if (!header_find(d->original, STR("Message-ID"), &f) || !msgid_parse(tmp, f.value, &id) ||
        (has_high(id) && !d->utf8))
        return;
    field_add_ids(out, STR("In-Reply-To"), &id, 1);
    field_add_ids(out, STR("References"), &id, 1);
}

static void add_boundary(struct buf *out, const struct dsn *d, struct str tail)
{
    BUF_ADD(out, "\r\n--=_");
    buf_add(out, d->boundary);
    buf_add(out, tail);
}

static void add_header(struct buf *out, const struct dsn *d)
{
    struct buf subject = { .at = NULL };

    field_add_date(out, STR("Date"), d->now_s, d->zone_min);
    add_mailbox_field(out, STR("From"), STR("Mail Delivery System"), &d->from, d->utf8);
    add_mailbox_field(out, STR("To"), STR_EMPTY, &d->to, d->utf8);
    buf_add(&subject, actions[weightiest(d)].subject);
    BUF_ADD(&subject, " (delivery status notification)");
    field_add_text(out, STR("Subject"), buf_str(&subject), d->utf8);
    buf_deinit(&subject);
    field_add_ids(out, STR("Message-ID"), &d->message_id, 1);
    add_thread_fields(out, d);
    BUF_ADD(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
                 "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"=_");
    buf_add(out, d->boundary);
    BUF_ADD(out, "\"\r\n");
    if (dsn_needs_8bit(d))
        BUF_ADD(out, "Content-Transfer-Encoding: 8bit\r\n");
}

bool dsn_needs_8bit(const struct dsn *d)
{
    return d->utf8 || has_high(returned(d));
}

void dsn_format(struct buf *out, const struct dsn *d)
{
    add_header(out, d);
    add_boundary(out, d, STR("\r\n"));
    add_text_part(out, d);
    add_boundary(out, d, STR("\r\n"));
    add_status_part(out, d);
    add_boundary(out, d, STR("\r\n"));
    add_returned_part(out, d);
    add_boundary(out, d, STR("--\r\n"));
}
