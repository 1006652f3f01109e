/* message/words/texts.c - walking the texts of a message. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/texts.h"

#include "message/coding/charset.h"
#include "message/text/header.h"
#include "message/text/word.h"
#include "message/words/html_text.h"

#define TEXT_CLASS_LETTER(name, letter) [TEXT_##name] = letter,
static const char letters[] = { TEXT_CLASSES(TEXT_CLASS_LETTER) };
#undef TEXT_CLASS_LETTER

struct walk_texts {
    const struct record *record;
    struct str message;
    unsigned classes;
    bool (*visit)(void *ctx, const struct text_found *t);
    void *ctx;
};

char text_class_letter(enum text_class c)
{
    return letters[c];
}

static bool wanted(const struct walk_texts *w, enum text_class c)
{
    return (w->classes & (1u << c)) != 0;
}

static bool give(const struct walk_texts *w, enum text_class c, struct str name, struct str text)
{
    struct text_found t = { c, name, text };

    return w->visit(w->ctx, &t);
}

/* ---- of the record ---- */

static bool give_subject(const struct walk_texts *w)
{
    SCRATCH(tmp, NULL);
    struct str subject = envelope_text(w->record->envelope, ENVELOPE_SUBJECT);

    return subject.at != NULL && give(w, TEXT_SUBJECT, STR_EMPTY, word_decode(tmp, subject));
}

/* "Name <local@domain>" as people read and type it. */
static bool give_address(const struct walk_texts *w, enum text_class c,
                         const struct mail_address *a)
{
    SCRATCH(tmp, NULL);
    struct str name = a->name.at == NULL ? STR_EMPTY : word_decode(tmp, a->name);

    if (a->kind == ADDRESS_MAILBOX)
        name = arena_printf(tmp, "%.*s <%.*s@%.*s>", STR_ARG(name), STR_ARG(a->local),
                            STR_ARG(a->domain));
    return give(w, c, STR_EMPTY, name);
}

static bool give_addresses(const struct walk_texts *w, enum text_class c, enum envelope_field field)
{
    struct envelope_addresses list = envelope_addresses(w->record->envelope, field);
    struct mail_address a;

    while (envelope_next(&list, &a))
        if (give_address(w, c, &a))
            return true;
    return false;
}

static const struct {
    enum text_class class;
    enum envelope_field field;
} address_classes[] = {
    { TEXT_FROM, ENVELOPE_FROM },
    { TEXT_TO, ENVELOPE_TO },
    { TEXT_CC, ENVELOPE_CC },
    { TEXT_BCC, ENVELOPE_BCC },
};

/* ---- of the octets ---- */

static bool give_fields(const struct walk_texts *w, enum text_class c, struct str header)
{
    struct header_reader r = header_reader_of(NULL, header);
    struct header_field f;

    while (header_next(&r, &f)) {
        SCRATCH(tmp, NULL);
        struct str name = arena_join(tmp, f.name, STR(": "));

        if (give(w, c, f.name, arena_join(tmp, name, word_decode(tmp, f.value))))
            return true;
    }
    return false;
}

static bool give_filename(const struct walk_texts *w, const struct part *p)
{
    SCRATCH(tmp, NULL);
    struct str name = string_list_param_text(tmp, p->disposition_params, STR("filename"));

    if (name.at == NULL)
        name = string_list_param_text(tmp, p->params, STR("name"));
    return name.at != NULL && give(w, TEXT_FILENAME, STR_EMPTY, name);
}

/* What a part says, in UTF-8; in `mem`, in `decoded` or in the message. */
static struct str part_text(struct arena *mem, const struct walk_texts *w, const struct part *p,
                            struct buf *decoded)
{
    struct str octets = str_sub(w->message, (size_t)p->body_at, (size_t)p->body_bytes);
    struct str charset = string_list_param(p->params, STR("charset")), text;

    octets = str_take(octets, TEXTS_PART_BYTES_MAX);
    if (p->encoding == ENCODING_QP || p->encoding == ENCODING_BASE64) {
        (void)encoding_decode(p->encoding, octets, decoded);
        octets = buf_str(decoded);
    }
    if (charset_to_utf8(mem, charset.at == NULL ? STR_EMPTY : charset, octets, &text) != OK)
        text = octets; /* folding repairs what is not UTF-8 */
    return text;
}

static bool give_text_part(const struct walk_texts *w, const struct part *p)
{
    SCRATCH(tmp, NULL);
    bool html = str_eq_nocase(p->subtype, STR("html")), stop = false;
    struct buf decoded = { 0 }, seen = { 0 };
    struct str text = part_text(tmp, w, p, &decoded);

    if (html && wanted(w, TEXT_MARKUP))
        stop = give(w, TEXT_MARKUP, STR_EMPTY, text);
    if (!stop && wanted(w, TEXT_BODY)) {
        if (html)
            html_text(text, &seen);
        stop = give(w, TEXT_BODY, STR_EMPTY, html ? buf_str(&seen) : text);
    }
    buf_deinit(&decoded);
    buf_deinit(&seen);
    return stop;
}

/* The root's header is the message's own and not among them. */
static bool give_parts(const struct walk_texts *w)
{
    struct part_iter it = record_parts(w->record);
    struct part p;

    while (part_next(&it, &p)) {
        if (p.index != 0 && wanted(w, TEXT_MIME) &&
            give_fields(w, TEXT_MIME,
                        str_sub(w->message, (size_t)p.header_at, (size_t)p.header_bytes)))
            return true;
        if (wanted(w, TEXT_FILENAME) && give_filename(w, &p))
            return true;
        if ((w->classes & (TEXT_BIT(BODY) | TEXT_BIT(MARKUP))) != 0 && p.kind == PART_LEAF &&
            str_eq_nocase(p.type, STR("text")) && give_text_part(w, &p))
            return true;
    }
    return false;
}

bool texts_each(const struct record *r, struct str message, unsigned classes,
                bool (*visit)(void *ctx, const struct text_found *t), void *ctx)
{
    struct walk_texts w = { r, message, classes, visit, ctx };

    if (wanted(&w, TEXT_SUBJECT) && give_subject(&w))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(address_classes); i++)
        if (wanted(&w, address_classes[i].class) &&
            give_addresses(&w, address_classes[i].class, address_classes[i].field))
            return true;
    if (wanted(&w, TEXT_HEADER) &&
        give_fields(&w, TEXT_HEADER, str_take(message, (size_t)r->header_bytes)))
        return true;
    return (classes & TEXTS_IN_BODY) != 0 && give_parts(&w);
}
