/* gate/smtp_message.c - collecting a message, putting the trace in front, sealing it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/smtp_message.h"

#include "message/record/record.h"
#include "message/text/field.h"
#include "message/text/header.h"
#include "message/text/msgid.h"

void smtp_message_deinit(struct smtp_message *m)
{
    buf_deinit(&m->bytes);
    file_close(m->spool);
    *m = (struct smtp_message){ 0 };
}

bool smtp_message_wants_spool(const struct smtp_message *m)
{
    return m->spool == NULL && m->bytes.len > MESSAGE_MEMORY_BYTES;
}

enum err smtp_message_add(struct smtp_message *m, struct str bytes)
{
    enum err e;

    if (m->spool == NULL) {
        buf_add(&m->bytes, bytes);
        return OK;
    }
    if ((e = file_pwrite(m->spool, m->spooled, bytes, NULL)) == OK)
        m->spooled += bytes.len;
    return e;
}

/* A field that is cut off by the end of what is here may go on behind it and is left alone. */
static void drop_return_paths(struct smtp_message *m)
{
    struct buf kept = { 0 };
    struct str text = buf_str(&m->bytes);
    struct header_reader r = header_reader_of(NULL, text);
    struct header_field f;
    size_t from = 0;

    if (!m->drop_return_path)
        return;
    while (header_next(&r, &f)) {
        size_t begin = (size_t)(f.whole.at - text.at);

        if (!str_eq_nocase(f.name, STR("Return-Path")) || begin + f.whole.len == text.len)
            continue;
        buf_add(&kept, str_sub(text, from, begin - from));
        from = begin + f.whole.len;
    }
    if (from == 0)
        return;
    buf_add(&kept, str_skip(text, from));
    buf_deinit(&m->bytes);
    m->bytes = kept;
}

enum err smtp_message_spool(struct smtp_message *m, struct file *spool)
{
    enum err e;

    m->spool = spool;
    drop_return_paths(m);
    e = smtp_message_add(m, buf_str(&m->bytes));
    buf_deinit(&m->bytes);
    return e;
}

/* RFC 6409 8.2, 8.3: what a user's program forgot. */
static void add_missing(struct buf *out, const struct smtp_trace *trace, struct str message)
{
    struct header_field field;

    if (!header_find(message, STR("Date"), &field))
        field_add_date(out, STR("Date"), trace->received->epoch_s, trace->received->zone_min);
    if (!header_find(message, STR("Message-ID"), &field)) {
        struct buf id = { 0 };
        struct str text;

        msgid_make(&id, trace->received->epoch_s, trace->random, trace->domain);
        text = buf_str(&id);
        field_add_ids(out, STR("Message-ID"), &text, 1);
        buf_deinit(&id);
    }
}

/* Return-Path stands on top (RFC 5321 4.4); keeper takes it away from what goes on. */
static void add_front(struct smtp_sealed *ret, const struct smtp_trace *trace, struct str message)
{
    struct buf *out = &ret->front;

    buf_printf(out, "Return-Path: <%.*s>\r\n", STR_ARG(trace->return_path));
    ret->return_path_bytes = (uint32_t)out->len;
    received_format(out, trace->received);
    if (trace->complete)
        add_missing(out, trace, message);
}

/* What readers and the record would each take another one of names its author twice. */
static void look_at(struct smtp_sealed *ret, struct str message)
{
    ret->hops = received_count(message);
    ret->ambiguous =
        header_count(message, STR("From")) > 1 || header_count(message, STR("Sender")) > 1;
}

static enum err seal_spooled(struct smtp_message *m, const struct smtp_trace *trace,
                             struct smtp_sealed *ret)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    char *body = malloc(m->spooled + 1);
    struct buf whole = { 0 };
    enum err e;

    if (body == NULL)
        return ERR_UNAVAILABLE;
    if ((e = file_pread(m->spool, 0, body, m->spooled, NULL)) == OK) {
        struct str message = str_from(body, m->spooled);

        look_at(ret, message);
        add_front(ret, trace, message);
        buf_add(&whole, buf_str(&ret->front));
        buf_add(&whole, message);
        record_build(buf_str(&whole), &limits, &ret->record);
    }
    buf_deinit(&whole);
    free(body);
    return e;
}

enum err smtp_message_seal(struct smtp_message *m, const struct smtp_trace *trace,
                           struct smtp_sealed *ret)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct str message;

    *ret = (struct smtp_sealed){ 0 };
    if (m->spool != NULL)
        return seal_spooled(m, trace, ret);
    drop_return_paths(m);
    message = buf_str(&m->bytes);
    look_at(ret, message);
    add_front(ret, trace, message);
    buf_add(&ret->front, message);
    record_build(buf_str(&ret->front), &limits, &ret->record);
    return OK;
}

void smtp_sealed_deinit(struct smtp_sealed *s)
{
    buf_deinit(&s->front);
    buf_deinit(&s->record);
}
