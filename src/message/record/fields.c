/* message/record/fields.c - common header fields, rebuilt or kept.
 *
 * The section is a row of items. When it is made, each field is first written anew from the
 * envelope in the forms that mail programs use; when one of them is the field, octet by octet, its
 * number is the item. So reading it needs no more than writing it once more, and nothing can come
 * out that was not in the message. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/fields.h"

#include "message/record/record_codec.h"
#include "message/record/section.h"

/* What clients that are at hand ask for when they list messages, without what is long in most
 * messages and shown in none (Received, signatures). */
static const struct str kept[] = {
    STR_INIT("Date"),
    STR_INIT("Subject"),
    STR_INIT("From"),
    STR_INIT("Sender"),
    STR_INIT("Reply-To"),
    STR_INIT("To"),
    STR_INIT("Cc"),
    STR_INIT("Bcc"),
    STR_INIT("In-Reply-To"),
    STR_INIT("Message-ID"),
    STR_INIT("References"),
    STR_INIT("Content-Type"),
    STR_INIT("Content-Transfer-Encoding"),
    STR_INIT("Content-Description"),
    STR_INIT("Content-Language"),
    STR_INIT("MIME-Version"),
    STR_INIT("Newsgroups"),
    STR_INIT("Followup-To"),
    STR_INIT("Mail-Followup-To"),
    STR_INIT("Mail-Reply-To"),
    STR_INIT("Priority"),
    STR_INIT("X-Priority"),
    STR_INIT("X-MSMail-Priority"),
    STR_INIT("Importance"),
    STR_INIT("Sensitivity"),
    STR_INIT("Precedence"),
    STR_INIT("Auto-Submitted"),
    STR_INIT("Disposition-Notification-To"),
    STR_INIT("Return-Receipt-To"),
    STR_INIT("List-Id"),
    STR_INIT("List-Post"),
    STR_INIT("List-Archive"),
    STR_INIT("List-Subscribe"),
    STR_INIT("List-Unsubscribe"),
    STR_INIT("List-Unsubscribe-Post"),
    STR_INIT("Lines"),
    STR_INIT("Keywords"),
    STR_INIT("X-Label"),
    STR_INIT("X-Keywords"),
    STR_INIT("X-Spam-Flag"),
    STR_INIT("X-Spam-Status"),
    STR_INIT("X-Original-To"),
    STR_INIT("X-TUID"),
};

bool record_keeps_field(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (str_eq_nocase(name, kept[i]))
            return true;
    return false;
}

/* ---- fields as they are mostly written ---- */

/* The number of a form, its index + 1, is written into records: new ones come last. */
static const struct {
    enum envelope_field field;
    struct str name;
    bool quoted; /* names of people stand in quotes */
} forms[] = {
    { ENVELOPE_DATE, STR_INIT("Date"), false },
    { ENVELOPE_SUBJECT, STR_INIT("Subject"), false },
    { ENVELOPE_FROM, STR_INIT("From"), false },
    { ENVELOPE_FROM, STR_INIT("From"), true },
    { ENVELOPE_SENDER, STR_INIT("Sender"), false },
    { ENVELOPE_SENDER, STR_INIT("Sender"), true },
    { ENVELOPE_REPLY_TO, STR_INIT("Reply-To"), false },
    { ENVELOPE_REPLY_TO, STR_INIT("Reply-To"), true },
    { ENVELOPE_TO, STR_INIT("To"), false },
    { ENVELOPE_TO, STR_INIT("To"), true },
    { ENVELOPE_CC, STR_INIT("Cc"), false },
    { ENVELOPE_CC, STR_INIT("Cc"), true },
    { ENVELOPE_IN_REPLY_TO, STR_INIT("In-Reply-To"), false },
    { ENVELOPE_MESSAGE_ID, STR_INIT("Message-ID"), false },
    { ENVELOPE_MESSAGE_ID, STR_INIT("Message-Id"), false },
};

enum { ITEM_LITERAL = 0, ITEM_BLANK_LINE = 0x7f };

/* Where each field of an envelope begins. */
struct places {
    struct reader at[ENVELOPE_FIELD_COUNT];
};

static void find_places(struct str envelope, struct places *ret)
{
    struct reader r = reader_of(envelope);
    enum text_class class;

    for (int f = ENVELOPE_DATE; f < ENVELOPE_FIELD_COUNT; f++) {
        ret->at[f] = r;
        if (f < ENVELOPE_FROM || f > ENVELOPE_BCC) {
            (void)get_text(&r, &class);
            continue;
        }
        while (get_u8(&r) == ADDRESS_FOLLOWS)
            for (int i = 0; i < ADDRESS_TEXTS; i++)
                (void)get_text(&r, &class);
    }
}

/* name <local@domain>, or the address alone. False for what is written otherwise: groups, routes.
 */
static bool add_address(struct reader *r, bool quoted, struct buf *out)
{
    struct str texts[ADDRESS_TEXTS];
    enum text_class class;

    for (int i = 0; i < ADDRESS_TEXTS; i++)
        texts[i] = get_text(r, &class);
    if (r->bad || texts[1].at != NULL || texts[2].at == NULL || texts[3].at == NULL)
        return false;
    if (texts[0].at != NULL) {
        if (quoted)
            buf_add_char(out, '"');
        buf_add(out, texts[0]);
        buf_add(out, quoted ? STR("\" <") : STR(" <"));
    }
    buf_add(out, texts[2]);
    buf_add_char(out, '@');
    buf_add(out, texts[3]);
    if (texts[0].at != NULL)
        buf_add_char(out, '>');
    return true;
}

/* Writes a field in one form; false when the envelope has nothing for it, or more than `max` octets
 * (then it stops soon: a list that came in a thousand fields is looked at for each of them). What
 * it has written is then of no use. */
static bool add_form(const struct places *places, size_t form, size_t max, struct buf *out)
{
    enum envelope_field field = forms[form].field;
    struct reader r = places->at[field];
    size_t begin = out->len;
    bool some = false;

    buf_add(out, forms[form].name);
    BUF_ADD(out, ": ");
    if (field < ENVELOPE_FROM || field > ENVELOPE_BCC) {
        enum text_class class;
        struct str text = get_text(&r, &class);

        some = text.at != NULL;
        buf_add(out, text);
    } else {
        while (get_u8(&r) == ADDRESS_FOLLOWS) {
            if (some)
                BUF_ADD(out, ", ");
            if (!add_address(&r, forms[form].quoted, out) || out->len - begin > max)
                return false;
            some = true;
        }
    }
    BUF_ADD(out, "\r\n");
    return some;
}

/* ---- making the section ---- */

/* The form that gives `field` exactly; false when none does. `made` is a place to write it. */
static bool find_form(const struct places *places, struct str name, struct str field,
                      struct buf *made, size_t *ret)
{
    bool found = false;

    for (size_t i = 0; i < ARRAY_LEN(forms) && !found; i++) {
        if (!str_eq(name, forms[i].name))
            continue;
        buf_clear(made);
        found = add_form(places, i, field.len, made) && str_eq(buf_str(made), field);
        *ret = i;
    }
    return found;
}

static void put_literal(struct buf *out, struct str octets)
{
    put_u8(out, ITEM_LITERAL);
    put_str(out, octets);
}

/* A line and the folded ones behind it. */
static struct str take_field(struct str *header)
{
    size_t end = 0;

    do {
        size_t newline = str_find_char(str_skip(*header, end), '\n');

        end = newline == STR_NOT_FOUND ? header->len : end + newline + 1;
    } while (end < header->len && (header->at[end] == ' ' || header->at[end] == '\t'));

    struct str field = str_take(*header, end);

    *header = str_skip(*header, end);
    return field;
}

bool record_fields_build(struct str header, struct str envelope, struct buf *out)
{
    size_t begin = out->len, form;
    struct buf made = { 0 };
    struct places places;

    find_places(envelope, &places);
    while (header.len > 0 && out->len - begin <= RECORD_FIELDS_BYTES_MAX) {
        struct str field = take_field(&header), name = header_field_name(field);

        if (str_eq(field, STR("\r\n")))
            put_u8(out, ITEM_BLANK_LINE);
        else if (str_eq(field, STR("\n")))
            put_literal(out, field);
        else if (!record_keeps_field(name))
            continue;
        else if (find_form(&places, name, field, &made, &form))
            put_u8(out, (uint8_t)(form + 1));
        else if (field.len <= RECORD_FIELDS_BYTES_MAX)
            put_literal(out, field);
        else
            break;
    }
    buf_deinit(&made);
    if (header.len == 0 && out->len - begin <= RECORD_FIELDS_BYTES_MAX && !out->overflowed)
        return true;
    out->len = begin;
    return false;
}

/* ---- reading it ---- */

static bool is_listed(struct str name, const struct str *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(name, names[i]))
            return true;
    return false;
}

bool record_fields(const struct record *r, const struct str *names, size_t count, struct buf *out)
{
    struct reader items = reader_of(r->fields);
    struct places places;

    if ((r->facts & RECORD_HAS_FIELDS) == 0)
        return false;
    find_places(r->envelope, &places);
    while (items.rest.len > 0 && !items.bad) {
        uint8_t item = get_u8(&items);
        struct str octets;

        if (item == ITEM_BLANK_LINE) {
            BUF_ADD(out, "\r\n");
        } else if (item == ITEM_LITERAL) {
            octets = get_str(&items);
            if (str_eq(octets, STR("\n")) || is_listed(header_field_name(octets), names, count))
                buf_add(out, octets);
        } else if (item <= ARRAY_LEN(forms)) {
            if (is_listed(forms[item - 1].name, names, count))
                (void)add_form(&places, item - 1, SIZE_MAX, out);
        } else {
            break;
        }
    }
    return true;
}
