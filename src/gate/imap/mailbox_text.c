/* gate/imap/mailbox_text.c - mailboxes in IMAP's words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/mailbox_text.h"

#include "proto/imap/reply.h"

static const struct {
    struct str attribute;
    uint32_t use;
} uses[] = {
    { STR_INIT("\\All"), USE_ALL },       { STR_INIT("\\Archive"), USE_ARCHIVE },
    { STR_INIT("\\Drafts"), USE_DRAFTS }, { STR_INIT("\\Flagged"), USE_FLAGGED },
    { STR_INIT("\\Junk"), USE_JUNK },     { STR_INIT("\\Sent"), USE_SENT },
    { STR_INIT("\\Trash"), USE_TRASH },
};

uint32_t mailbox_use_find(struct str attribute)
{
    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if (str_eq_nocase(uses[i].attribute, attribute))
            return uses[i].use;
    return 0;
}

void mailbox_use_format(uint32_t bits, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if ((bits & uses[i].use) != 0) {
            BUF_ADD(out, " ");
            buf_add(out, uses[i].attribute);
        }
}

static void item(struct buf *out, const char **between, const char *name, uint64_t value)
{
    buf_printf(out, "%s%s %llu", *between, name, (unsigned long long)value);
    *between = " ";
}

void mailbox_list_line(struct imap_session *s, uint32_t special_use, struct str name,
                       struct str written)
{
    bool utf8 = imap_session_has(s, IMAP_UTF8);
    struct buf words = { 0 };

    mailbox_use_format(special_use, &words);
    reply_list_begin(&s->out, STR("LIST"), str_skip(buf_str(&words), 1), name, utf8);
    if (!str_eq(name, written)) {
        BUF_ADD(&s->out, " (\"OLDNAME\" (");
        reply_mailbox(&s->out, written, utf8);
        BUF_ADD(&s->out, "))");
    }
    BUF_ADD(&s->out, "\r\n");
    buf_deinit(&words);
}

void mailbox_status_line(struct imap_session *s, struct str name, uint32_t items,
                         const struct keep_mailbox_status_rep *rep)
{
    const struct {
        uint32_t bit;
        const char *name;
        uint64_t value;
    } numbers[] = {
        { STATUS_MESSAGES, "MESSAGES", rep->messages },
        { STATUS_RECENT, "RECENT", rep->recent },
        { STATUS_UIDNEXT, "UIDNEXT", rep->uidnext },
        { STATUS_UIDVALIDITY, "UIDVALIDITY", rep->uidvalidity },
        { STATUS_UNSEEN, "UNSEEN", rep->unseen },
        { STATUS_HIGHESTMODSEQ, "HIGHESTMODSEQ", rep->modseq },
        { STATUS_SIZE, "SIZE", rep->size },
        { STATUS_APPENDLIMIT, "APPENDLIMIT", s->service->settings.limits.append_bytes_max },
        { STATUS_DELETED, "DELETED", rep->deleted },
        { STATUS_DELETED_STORAGE, "DELETED-STORAGE", rep->deleted_size },
    };
    const char *between = "";

    BUF_ADD(&s->out, "* STATUS ");
    reply_mailbox(&s->out, name, (imap_facts(s->machine) & IMAP_UTF8) != 0);
    BUF_ADD(&s->out, " (");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if ((items & numbers[i].bit) != 0)
            item(&s->out, &between, numbers[i].name, numbers[i].value);
    if ((items & STATUS_MAILBOXID) != 0)
        buf_printf(&s->out, "%sMAILBOXID (M%llx)", between, (unsigned long long)rep->object);
    BUF_ADD(&s->out, ")\r\n");
}
