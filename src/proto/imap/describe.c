/* proto/imap/describe.c - a parsed command as one line of text, for tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/describe.h"

static void put_set(struct buf *out, struct imap_set set)
{
    if (set.saved)
        BUF_ADD(out, "$");
    for (uint32_t i = 0; i < set.count; i++) {
        if (i > 0)
            BUF_ADD(out, ",");
        buf_add_u64(out, set.at[i].first);
        if (set.at[i].last != set.at[i].first) {
            BUF_ADD(out, ":");
            buf_add_u64(out, set.at[i].last);
        }
    }
}

static void put_list(struct buf *out, struct str_list list)
{
    BUF_ADD(out, "(");
    for (uint32_t i = 0; i < list.count; i++) {
        if (i > 0)
            BUF_ADD(out, "|");
        buf_add(out, list.at[i]);
    }
    BUF_ADD(out, ")");
}

static void put_flags(struct buf *out, struct flag_names f)
{
    buf_printf(out, "flags=%llx", (unsigned long long)f.bits);
    put_list(out, (struct str_list){ (struct str *)(uintptr_t)f.keywords, f.count });
}

static void put_section(struct buf *out, const struct imap_fetch_item *it)
{
    static const char *const kinds[] = { "",     "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT",
                                         "TEXT", "MIME" };
    const struct section *s = it->section;

    BUF_ADD(out, "[");
    for (uint32_t i = 0; i < s->path_len; i++)
        buf_printf(out, i > 0 ? ".%u" : "%u", s->path[i]);
    if (s->path_len > 0 && s->kind != SECTION_ALL)
        BUF_ADD(out, ".");
    buf_add(out, str_from_z(kinds[s->kind]));
    if (it->fields.count > 0)
        put_list(out, it->fields);
    BUF_ADD(out, "]");
    if (it->has_partial)
        buf_printf(out, "<%llu.%llu>", (unsigned long long)it->partial_from,
                   (unsigned long long)it->partial_count);
}

static void put_fetch(struct buf *out, const struct imap_fetch_args *a)
{
    static const char *const names[] = {
        "FLAGS",         "UID",      "DATE",     "SIZE",          "ENVELOPE",    "BODY",
        "BODYSTRUCTURE", "SECTION",  "RFC822",   "RFC822.HEADER", "RFC822.TEXT", "MODSEQ",
        "EMAILID",       "THREADID", "SAVEDATE", "PREVIEW",       "BINARY",      "BINARY.SIZE",
    };

    put_set(out, a->set);
    for (uint32_t i = 0; i < a->item_count; i++) {
        buf_printf(out, " %s", names[a->items[i].kind]);
        if (a->items[i].section != NULL)
            put_section(out, &a->items[i]);
        if (a->items[i].sets_seen)
            BUF_ADD(out, "!");
    }
    if (a->changed_since)
        buf_printf(out, " since=%llu%s", (unsigned long long)a->modseq,
                   a->vanished ? " vanished" : "");
}

static void put_store(struct buf *out, const struct imap_store_args *a)
{
    static const char modes[] = "=+-";

    put_set(out, a->set);
    buf_printf(out, " %c%s ", modes[a->mode], a->silent ? "silent" : "");
    if (a->unchanged_since)
        buf_printf(out, "unchanged=%llu ", (unsigned long long)a->modseq);
    put_flags(out, a->flags);
}

static void put_select(struct buf *out, const struct imap_select_args *a)
{
    buf_printf(out, "<%.*s>%s", STR_ARG(a->mailbox), a->condstore ? " condstore" : "");
    if (!a->qresync)
        return;
    buf_printf(out, " qresync %u %llu ", a->uidvalidity, (unsigned long long)a->modseq);
    put_set(out, a->known_uids);
    BUF_ADD(out, "/");
    put_set(out, a->match_seqs);
    BUF_ADD(out, "/");
    put_set(out, a->match_uids);
}

static void put_append(struct buf *out, const struct imap_append_args *a)
{
    if (a->replaces)
        buf_printf(out, "%u ", a->replaced);
    buf_printf(out, "<%.*s> #%u", STR_ARG(a->mailbox), a->index);
    if (a->catenate)
        buf_printf(out, " part %u", a->part);
    if (a->is_url)
        buf_printf(out, " <%.*s> ", STR_ARG(a->url));
    else
        buf_printf(out, " %u bytes%s ", a->bytes, a->binary ? " binary" : "");
    put_flags(out, a->flags);
    if (a->has_date)
        buf_printf(out, " %lld%+d", (long long)a->date_s, a->date_zone_min);
}

static void put_search(struct buf *out, const struct imap_search_args *a)
{
    for (uint32_t i = 0; i < a->criteria.count; i++)
        buf_printf(out, "%s%d ", a->criteria.at[i].reverse ? "-" : "", (int)a->criteria.at[i].key);
    if (a->algorithm != THREAD_ORDEREDSUBJECT)
        buf_printf(out, "threads%d ", (int)a->algorithm);
    if ((a->returns & RETURN_PARTIAL) != 0)
        buf_printf(out, "%s%u:%u ", a->partial.from_end ? "-" : "", a->partial.first,
                   a->partial.last);
    for (uint32_t i = 0; i < a->source_count; i++) {
        buf_printf(out, "in%d", (int)a->sources[i].where);
        put_list(out, a->sources[i].names);
        BUF_ADD(out, " ");
    }
    buf_printf(out, "%x n%u%s sets", a->returns, a->program.count, a->modseq ? " modseq" : "");
    for (uint32_t i = 0; i < a->set_count; i++) {
        if (a->program.nodes[a->sets[i].node].key != SEARCH_UIDS)
            BUF_ADD(out, " not a set!");
        buf_add(out, a->sets[i].uid ? STR(" U") : STR(" "));
        put_set(out, a->sets[i].set);
    }
}

static void put_metadata_read(struct buf *out, const struct imap_metadata_read_args *a)
{
    buf_printf(out, "<%.*s>", STR_ARG(a->mailbox));
    put_list(out, a->entries);
    if (a->depth > 0)
        buf_printf(out, " depth=%d", (int)a->depth);
    if (a->max_size != UINT64_MAX)
        buf_printf(out, " max=%llu", (unsigned long long)a->max_size);
}

static void put_metadata_write(struct buf *out, const struct imap_metadata_write_args *a)
{
    buf_printf(out, "<%.*s>", STR_ARG(a->mailbox));
    for (uint32_t i = 0; i < a->count; i++) {
        buf_printf(out, " %.*s%s", STR_ARG(a->at[i].entry), a->at[i].exists ? "=" : "-");
        buf_add(out, a->at[i].value);
    }
}

static void put_notify(struct buf *out, const struct imap_notify_args *a)
{
    buf_printf(out, "%s", a->count == 0 ? "none" : a->status ? "status" : "set");
    for (uint32_t i = 0; i < a->count; i++) {
        buf_printf(out, " %d:%x", (int)a->groups[i].where, a->groups[i].events);
        if (a->groups[i].names.count > 0)
            put_list(out, a->groups[i].names);
        buf_add(out, a->groups[i].fetch);
    }
}

static void put_acl(struct buf *out, const struct imap_acl_args *a)
{
    static const char ops[] = "=+-";

    buf_printf(out, "<%.*s><%.*s>%c", STR_ARG(a->mailbox), STR_ARG(a->identifier),
               ops[a->change.op]);
    rights_format(a->change.rights, out);
}

static void put_quota(struct buf *out, const struct imap_quota_args *a)
{
    buf_printf(out, "<%.*s>", STR_ARG(a->root));
    for (uint32_t i = 0; i < QUOTA_RESOURCES; i++)
        if ((a->limited & 1U << i) != 0)
            buf_printf(out, " %u=%llu", i, (unsigned long long)a->limits[i]);
}

/* Commands that others than RFC 3501 brought. */
static void put_extension(struct buf *out, const struct imap_command *c)
{
    if (c->verb == IMAP_CMD_GETMETADATA)
        put_metadata_read(out, &c->metadata_read);
    else if (c->verb == IMAP_CMD_SETMETADATA)
        put_metadata_write(out, &c->metadata_write);
    else if (c->verb == IMAP_CMD_NOTIFY)
        put_notify(out, &c->notify);
    else if (c->verb == IMAP_CMD_GETQUOTA || c->verb == IMAP_CMD_SETQUOTA)
        put_quota(out, &c->quota);
    else if (c->verb == IMAP_CMD_GETACL || c->verb == IMAP_CMD_MYRIGHTS ||
             c->verb == IMAP_CMD_GETQUOTAROOT)
        buf_printf(out, "<%.*s>", STR_ARG(c->mailbox));
    else if (c->verb == IMAP_CMD_SETACL || c->verb == IMAP_CMD_DELETEACL ||
             c->verb == IMAP_CMD_LISTRIGHTS)
        put_acl(out, &c->acl);
}

/* Commands that search. */
static bool put_searching(struct buf *out, const struct imap_command *c)
{
    if (c->verb == IMAP_CMD_CANCELUPDATE)
        put_list(out, c->cancel);
    else if (c->verb == IMAP_CMD_ESEARCH || c->verb == IMAP_CMD_SEARCH ||
             c->verb == IMAP_CMD_SORT || c->verb == IMAP_CMD_THREAD)
        put_search(out, &c->search);
    else
        return false;
    return true;
}

static void put_args(struct buf *out, const struct imap_command *c)
{
    if (put_searching(out, c))
        return;
    switch (c->verb) {
    case IMAP_CMD_LOGIN:
        buf_printf(out, "<%.*s><%.*s>", STR_ARG(c->login.user), STR_ARG(c->login.password));
        break;
    case IMAP_CMD_AUTHENTICATE:
        buf_printf(out, "%.*s%s%.*s", STR_ARG(c->authenticate.mechanism),
                   c->authenticate.has_initial ? " initial=" : "",
                   STR_ARG(c->authenticate.initial));
        break;
    case IMAP_CMD_ID:
        put_list(out, c->id.pairs);
        break;
    case IMAP_CMD_ENABLE:
        put_list(out, c->enable);
        break;
    case IMAP_CMD_SELECT:
    case IMAP_CMD_EXAMINE:
        put_select(out, &c->select);
        break;
    case IMAP_CMD_CREATE:
        buf_printf(out, "<%.*s>", STR_ARG(c->create.mailbox));
        put_list(out, c->create.uses);
        break;
    case IMAP_CMD_DELETE:
    case IMAP_CMD_SUBSCRIBE:
    case IMAP_CMD_UNSUBSCRIBE:
        buf_printf(out, "<%.*s>", STR_ARG(c->mailbox));
        break;
    case IMAP_CMD_RENAME:
        buf_printf(out, "<%.*s><%.*s>", STR_ARG(c->rename.from), STR_ARG(c->rename.to));
        break;
    case IMAP_CMD_LIST:
    case IMAP_CMD_LSUB:
        buf_printf(out, "<%.*s>", STR_ARG(c->list.reference));
        put_list(out, c->list.patterns);
        buf_printf(out, " %x/%x%s", c->list.options, c->list.status,
                   c->list.extended ? " extended" : "");
        break;
    case IMAP_CMD_STATUS:
        buf_printf(out, "<%.*s> %x", STR_ARG(c->status.mailbox), c->status.items);
        break;
    case IMAP_CMD_APPEND:
    case IMAP_CMD_REPLACE:
        put_append(out, &c->append);
        break;
    case IMAP_CMD_FETCH:
        put_fetch(out, &c->fetch);
        break;
    case IMAP_CMD_STORE:
        put_store(out, &c->store);
        break;
    case IMAP_CMD_COPY:
    case IMAP_CMD_MOVE:
        put_set(out, c->copy.set);
        buf_printf(out, " <%.*s>", STR_ARG(c->copy.mailbox));
        break;
    case IMAP_CMD_EXPUNGE:
        put_set(out, c->expunge);
        break;
    default:
        put_extension(out, c);
        break;
    }
}

void imap_describe(struct buf *out, const struct imap_command *c)
{
    size_t before;

    buf_printf(out, "%.*s %s%.*s ", STR_ARG(c->tag), c->uid ? "UID " : "",
               STR_ARG(command_row(c->verb)->verb));
    before = out->len;
    put_args(out, c);
    if (c->filters.count > 0) {
        BUF_ADD(out, " filters");
        put_list(out, c->filters);
    }
    if (out->len == before)
        out->len--;
}
