/* proto/pop3/maildrop.c - the commands of the TRANSACTION state.
 *
 * Messages are numbered from 1 in the order in which they were given. A listing is written a few
 * lines at a time, a message a page at a time, so neither is ever in memory whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pop3/machine.h"

enum { LINES_AT_ONCE = 64 };

void pop3_set_uidvalidity(struct pop3 *p, uint32_t uidvalidity)
{
    p->uidvalidity = uidvalidity;
}

void pop3_add_message(struct pop3 *p, uint32_t uid, uint64_t size_bytes)
{
    if (p->count == p->cap) {
        uint32_t cap = MAX(p->cap * 2, 16u);
        struct pop3_message *grown = realloc(p->messages, cap * sizeof(*grown));

        BUG_ON(grown == NULL);
        p->messages = grown;
        p->cap = cap;
    }
    p->messages[p->count++] =
        (struct pop3_message){ .uid = uid, .size_bytes = size_bytes & (UINT64_MAX >> 1) };
}

void pop3_set_size(struct pop3 *p, uint32_t uid, uint64_t size_bytes)
{
    uint32_t low = 0, high = p->count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (p->messages[mid].uid < uid)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < p->count && p->messages[low].uid == uid)
        p->messages[low].size_bytes = size_bytes & (UINT64_MAX >> 1);
}

void pop3_set_uidl(struct pop3 *p, struct str uidl)
{
    struct pop3_uidl row = { .message = p->count - 1,
                             .at = (uint32_t)p->uidl_text.len,
                             .len = (uint8_t)uidl.len };

    BUG_ON(p->count == 0 || uidl.len == 0 || uidl.len > UINT8_MAX);
    buf_add(&p->uidl_text, uidl);
    buf_add(&p->uidls, str_from(&row, sizeof row));
}

/* Few mailboxes have any, and those are in the order of the messages. */
static struct str find_uidl(const struct pop3 *p, uint32_t message)
{
    size_t low = 0, high = p->uidls.len / sizeof(struct pop3_uidl);
    struct pop3_uidl row;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        memcpy(&row, p->uidls.at + mid * sizeof row, sizeof row);
        if (row.message == message)
            return str_sub(buf_str(&p->uidl_text), row.at, row.len);
        if (row.message < message)
            low = mid + 1;
        else
            high = mid;
    }
    return STR_EMPTY;
}

bool pop3_next_deleted(const struct pop3 *p, size_t *at, uint32_t *ret_uid)
{
    while (*at < p->count) {
        const struct pop3_message *m = &p->messages[(*at)++];

        if (m->deleted) {
            *ret_uid = m->uid;
            return true;
        }
    }
    return false;
}

bool pop3_next_unmarked(const struct pop3 *p, uint32_t *number, struct pop3_listed *ret)
{
    for (uint32_t i = MAX(*number, 1U) - 1; i < p->count; i++)
        if (!p->messages[i].deleted) {
            *number = i + 2;
            *ret = (struct pop3_listed){ p->messages[i].uid, p->messages[i].size_bytes };
            return true;
        }
    return false;
}

/* Number and size of what is not marked. */
static void totals(const struct pop3 *p, uint32_t *ret_count, uint64_t *ret_bytes)
{
    *ret_count = 0;
    *ret_bytes = 0;
    for (uint32_t i = 0; i < p->count; i++)
        if (!p->messages[i].deleted) {
            ++*ret_count;
            *ret_bytes += p->messages[i].size_bytes;
        }
}

void pop3_do_stat(struct pop3 *p, struct str arg)
{
    uint32_t count;
    uint64_t bytes;

    (void)arg;
    totals(p, &count, &bytes);
    buf_printf(&p->out, "+OK %u %llu\r\n", count, (unsigned long long)bytes);
}

/* The message that a number names; null when the refusal was sent. */
static struct pop3_message *find_message(struct pop3 *p, struct str word)
{
    uint32_t number;

    if (!str_to_u32(word, &number) || number == 0 || number > p->count) {
        ERR_REPLY(p, "No such message");
        return NULL;
    }
    if (p->messages[number - 1].deleted) {
        ERR_REPLY(p, "That message is marked as deleted; RSET brings it back");
        return NULL;
    }
    return &p->messages[number - 1];
}

/* The UIDL of a message never changes, and never returns (RFC 1939 7): UIDs of one UIDVALIDITY are
 * given out once. One that came from elsewhere brings its own. */
static void add_entry(struct pop3 *p, const struct pop3_message *m)
{
    uint32_t index = (uint32_t)(m - p->messages);
    bool uids = (p->facts & FACT_UIDS) != 0;
    struct str uidl = uids ? find_uidl(p, index) : STR_EMPTY;

    buf_printf(&p->out, "%u ", index + 1);
    if (uidl.len > 0)
        buf_printf(&p->out, "%.*s\r\n", STR_ARG(uidl));
    else if (uids)
        buf_printf(&p->out, "%u.%u\r\n", p->uidvalidity, m->uid);
    else
        buf_printf(&p->out, "%llu\r\n", (unsigned long long)m->size_bytes);
}

void pop3_list_on(struct pop3 *p)
{
    for (unsigned lines = 0; lines < LINES_AT_ONCE && p->listed < p->count; p->listed++)
        if (!p->messages[p->listed].deleted) {
            add_entry(p, &p->messages[p->listed]);
            lines++;
        }
    if (p->listed < p->count)
        return;
    BUF_ADD(&p->out, ".\r\n");
    p->state = STATE_COMMAND;
}

static void list(struct pop3 *p, struct str arg)
{
    uint32_t count;
    uint64_t bytes;

    arg = str_trim(arg);
    if (arg.len > 0) {
        const struct pop3_message *m = find_message(p, arg);

        if (m != NULL) {
            BUF_ADD(&p->out, "+OK ");
            add_entry(p, m);
        }
        return;
    }
    totals(p, &count, &bytes);
    buf_printf(&p->out, "+OK %u messages (%llu octets)\r\n", count, (unsigned long long)bytes);
    p->listed = 0;
    p->state = STATE_LISTING;
}

void pop3_do_list(struct pop3 *p, struct str arg)
{
    p->facts &= ~(uint32_t)FACT_UIDS;
    list(p, arg);
}

void pop3_do_uidl(struct pop3 *p, struct str arg)
{
    p->facts |= FACT_UIDS;
    list(p, arg);
}

static void begin_transfer(struct pop3 *p, const struct pop3_message *m, bool whole, uint64_t lines)
{
    p->transfer = (struct pop3_transfer){
        .uid = m->uid,
        .number = (uint32_t)(m - p->messages) + 1,
        .whole = whole,
        .lines_left = lines,
        .line_empty = true,
    };
    pop3_raise(p, POP3_READ);
    p->state = STATE_READING;
}

void pop3_do_retr(struct pop3 *p, struct str arg)
{
    const struct pop3_message *m = find_message(p, str_trim(arg));

    if (m != NULL)
        begin_transfer(p, m, true, 0);
}

void pop3_do_top(struct pop3 *p, struct str arg)
{
    struct str lines = str_trim(arg), number = str_split(&lines, ' ');
    const struct pop3_message *m;
    uint64_t count;

    if (!str_to_u64(str_trim(lines), UINT32_MAX, &count)) {
        ERR_REPLY(p, "Say TOP message lines");
        return;
    }
    m = find_message(p, number);
    if (m != NULL)
        begin_transfer(p, m, false, count);
}

/* The part of a page that TOP still wants: the header, the blank line and so many lines. *ret_done
 * is set when it is the last. */
static struct str cut_for_top(struct pop3_transfer *t, struct str page, bool *ret_done)
{
    for (size_t i = 0; i < page.len; i++) {
        if (page.at[i] != '\n') {
            t->line_empty = t->line_empty && page.at[i] == '\r';
            continue;
        }
        if (t->in_body)
            t->lines_left--;
        else
            t->in_body = t->line_empty;
        t->line_empty = true;
        if (t->in_body && t->lines_left == 0) {
            *ret_done = true;
            return str_take(page, i + 1);
        }
    }
    return page;
}

void pop3_page(struct pop3 *p, struct str bytes, bool last)
{
    struct pop3_transfer *t = &p->transfer;

    if (p->state >= STATE_CLOSING) /* ended while the page was on its way */
        return;
    BUG_ON(p->state != STATE_READING || p->event != POP3_WANT_BYTES);
    BUG_ON(bytes.len == 0 && !last);
    pop3_settle(p);
    if (!t->begun)
        OK_REPLY(p, "It follows");
    t->begun = true;
    t->offset += bytes.len;
    if (!t->whole)
        bytes = cut_for_top(t, bytes, &last);
    dot_write(&t->dots, bytes, &p->out);
    p->state = STATE_SENDING;
    if (last) {
        dot_finish(&t->dots, &p->out);
        p->active_ms = p->now_ms;
        p->state = STATE_COMMAND;
    }
}

void pop3_do_dele(struct pop3 *p, struct str arg)
{
    struct pop3_message *m = find_message(p, str_trim(arg));

    if (m == NULL)
        return;
    m->deleted = 1;
    OK_REPLY(p, "Marked; QUIT removes it");
}

void pop3_do_rset(struct pop3 *p, struct str arg)
{
    (void)arg;
    for (uint32_t i = 0; i < p->count; i++)
        p->messages[i].deleted = 0;
    OK_REPLY(p, "Nothing is marked");
}
