/* message/compose/reply.c - addresses, subject, thread and quotation of an answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/compose/reply.h"

#include "message/text/date.h"

static bool same_mailbox(const struct mail_address *a, const struct mail_address *b)
{
    return str_eq_nocase(a->domain, b->domain) && str_eq_nocase(a->local, b->local);
}

static bool contains(const struct address_list *list, const struct mail_address *a)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->at[i].kind == ADDRESS_MAILBOX && same_mailbox(&list->at[i], a))
            return true;
    return false;
}

/* Adds the mailboxes of `from` that are not among `self`, `to` or `seen`. Groups lose their marks.
 * `to` has room. */
static void add_others(struct address_list *to, const struct address_list *from,
                       const struct address_list *self, const struct address_list *seen)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct mail_address *a = &from->at[i];

        if (a->kind == ADDRESS_MAILBOX && a->domain.len > 0 && !contains(self, a) &&
            !contains(to, a) && !contains(seen, a))
            to->at[to->count++] = *a;
    }
}

static struct str without_prefix(struct str subject, const struct str *prefixes, size_t count)
{
    bool found = true;

    while (found) {
        found = false;
        subject = str_trim(subject);
        for (size_t i = 0; i < count; i++)
            if (str_starts_nocase(subject, prefixes[i])) {
                subject = str_skip(subject, prefixes[i].len);
                found = true;
            }
    }
    return subject;
}

/* RFC 5322 3.6.5: one "Re: ", however many there were. */
static struct str reply_subject(struct arena *mem, struct str subject)
{
    static const struct str prefixes[] = { STR_INIT("Re:") };

    return arena_join(mem, STR("Re: "), without_prefix(subject, prefixes, ARRAY_LEN(prefixes)));
}

static struct str forward_subject(struct arena *mem, struct str subject)
{
    static const struct str prefixes[] = { STR_INIT("Fwd:"), STR_INIT("Fw:") };

    return arena_join(mem, STR("Fwd: "), without_prefix(subject, prefixes, ARRAY_LEN(prefixes)));
}

/* RFC 5322 3.6.4: the parent's References and then the parent. */
static void set_thread(struct arena *mem, const struct message_limits *limits,
                       const struct reply_original *o, struct compose *c)
{
    /* In a very long thread the root and the nearest ancestors matter. */
    size_t keep = MIN(o->reference_count, (size_t)MAX(limits->references_max, 2u) - 1);
    size_t dropped = o->reference_count - keep;
    struct str *ids = ARENA_ARRAY(mem, struct str, keep + 1);
    size_t count = 0;

    if (o->message_id.len == 0)
        return;
    for (size_t i = 0; i < keep; i++)
        ids[count++] = o->references[i == 0 ? 0 : i + dropped];
    ids[count++] = o->message_id;
    c->in_reply_to = o->message_id;
    c->references = ids;
    c->reference_count = count;
}

static void add_first_name(struct buf *out, const struct address_list *list)
{
    if (list->count == 0)
        BUF_ADD(out, "somebody");
    else if (list->at[0].name.len > 0)
        buf_add(out, list->at[0].name);
    else
        mail_address_format(out, &list->at[0]);
}

/* RFC 3676 4.5: ">" before a line that is quoted already, "> " before any other. */
static void add_quoted(struct buf *out, struct str text)
{
    while (text.len > 0) {
        struct str line = str_split(&text, '\n');

        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line = str_take(line, line.len - 1);
        buf_add(out, line.len > 0 && line.at[0] == '>' ? STR(">")
                     : line.len > 0                    ? STR("> ")
                                                       : STR(">"));
        buf_add(out, line);
        BUF_ADD(out, "\r\n");
    }
}

static struct str take_buf(struct arena *mem, struct buf *b)
{
    struct str made = arena_copy(mem, buf_str(b));

    buf_deinit(b);
    return made;
}

static struct str quotation(struct arena *mem, const struct reply_original *o)
{
    struct buf out = { .at = NULL };

    BUF_ADD(&out, "On ");
    date_format(&out, o->date_s, o->zone_min);
    BUF_ADD(&out, ", ");
    add_first_name(&out, &o->from);
    BUF_ADD(&out, " wrote:\r\n");
    add_quoted(&out, o->text);
    return take_buf(mem, &out);
}

struct compose reply_compose(struct arena *mem, const struct message_limits *limits,
                             const struct reply_original *original, const struct address_list *self,
                             bool to_all)
{
    const struct reply_original *o = original;
    const struct address_list none = { NULL, 0 };
    const struct address_list *author = o->reply_to.count > 0 ? &o->reply_to : &o->from;
    struct compose c = { .subject = reply_subject(mem, o->subject), .text = quotation(mem, o) };

    c.to.at = ARENA_ARRAY(mem, struct mail_address, author->count + o->to.count + 1);
    c.cc.at = ARENA_ARRAY(mem, struct mail_address, o->to.count + o->cc.count + 1);
    add_others(&c.to, author, self, &none);
    if (to_all) {
        add_others(&c.cc, &o->to, self, &c.to);
        add_others(&c.cc, &o->cc, self, &c.to);
    }
    /* An answer to one's own message goes to those who got it, or back to oneself. */
    if (c.to.count == 0)
        add_others(&c.to, &o->to, self, &c.cc);
    if (c.to.count == 0 && c.cc.count == 0)
        add_others(&c.to, author, &none, &none);
    set_thread(mem, limits, o, &c);
    return c;
}

static void add_header_line(struct buf *out, struct str name, const struct address_list *list)
{
    if (list->count == 0)
        return;
    buf_add(out, name);
    for (size_t i = 0; i < list->count; i++) {
        bool comma = i > 0 && list->at[i].kind != ADDRESS_GROUP_END &&
                     list->at[i - 1].kind != ADDRESS_GROUP_START;

        buf_add(out, i == 0 ? STR_EMPTY : comma ? STR(", ") : STR(" "));
        mail_address_format(out, &list->at[i]);
    }
    BUF_ADD(out, "\r\n");
}

static struct str forwarded_text(struct arena *mem, const struct reply_original *o)
{
    struct buf out = { .at = NULL };

    BUF_ADD(&out, "\r\n-------- Forwarded message --------\r\n");
    add_header_line(&out, STR("From: "), &o->from);
    BUF_ADD(&out, "Date: ");
    date_format(&out, o->date_s, o->zone_min);
    BUF_ADD(&out, "\r\nSubject: ");
    buf_add(&out, o->subject);
    BUF_ADD(&out, "\r\n");
    add_header_line(&out, STR("To: "), &o->to);
    add_header_line(&out, STR("Cc: "), &o->cc);
    BUF_ADD(&out, "\r\n");
    buf_add(&out, o->text);
    return take_buf(mem, &out);
}

struct compose forward_compose(struct arena *mem, const struct reply_original *original,
                               enum forward_kind kind)
{
    struct compose c = { .subject = forward_subject(mem, original->subject) };

    /* A forwarded message starts a thread of its own, but is known to come from the old one. */
    if (original->message_id.len > 0) {
        struct str *id = ARENA_NEW(mem, struct str);

        *id = original->message_id;
        c.references = id;
        c.reference_count = 1;
    }
    if (kind == FORWARD_INLINE) {
        c.text = forwarded_text(mem, original);
        return c;
    }
    struct builder_file *file = ARENA_NEW(mem, struct builder_file);
    *file = (struct builder_file){ .type = STR("message/rfc822"), .body = original->raw };
    c.attachments = file;
    c.attachment_count = 1;
    return c;
}
