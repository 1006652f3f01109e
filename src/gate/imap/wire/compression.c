/* gate/imap/wire/compression.c - a layer between stream and machine, and the command for it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/wire/compression.h"

#include <malloc.h>

#include "proto/deflate.h"
#include "proto/imap/reply.h"

/* Where so many links have let go of their memory, the kernel gets it back: among the small things
 * that stay, the C library would keep it for ever. */
enum { RESTED_LINKS_TO_TRIM = 32 };

struct compression {
    struct list awake; /* in the service, while memory is held; else alone */
    struct imap_session *session;
    struct deflate_link *link;
    struct str piece; /* opened, and not yet taken by the machine */
    bool more;        /* the last piece was full, so there may be another behind it */
    bool owed;        /* an octet was left with the stream that is opened already */
};

static void wake(struct compression *c)
{
    struct imap_service *v = c->session->service;

    if (!list_empty(&c->awake))
        return;
    list_add_last(&v->awake, &c->awake);
    if (!timer_is_set(&v->rest))
        timer_set_in(&v->rest, COMPRESSION_REST_MS);
}

void compression_look(void *service)
{
    struct imap_service *v = service;
    uint64_t now = loop_now_ms(v->loop);

    LIST_EACH_SAFE(it, &v->awake)
    {
        struct compression *c = LIST_ITEM(it, struct compression, awake);

        if (now < c->session->active_ms + COMPRESSION_REST_MS || c->piece.len > 0)
            continue;
        deflate_rest(c->link);
        list_remove(&c->awake);
        list_init(&c->awake);
        v->rested++;
    }
    if (v->rested >= RESTED_LINKS_TO_TRIM) {
        (void)malloc_trim(0);
        v->rested = 0;
    }
    if (!list_empty(&v->awake))
        timer_set_in(&v->rest, COMPRESSION_REST_MS);
}

void compression_free(struct imap_session *s)
{
    struct compression *c = s->compression;

    if (c == NULL)
        return;
    list_remove(&c->awake);
    deflate_free(c->link);
    free(c);
    s->compression = NULL;
}

/* The OK is the last thing in the clear, and what the client sends behind its command is
 * compressed already; so the command ends here and not with the news of the mailbox. */
void imap_cmd_compress(struct imap_session *s, const struct imap_command *c)
{
    struct compression *made;

    if (s->compression != NULL) {
        imap_session_end(s, STR("NO [COMPRESSIONACTIVE] DEFLATE is active"));
        return;
    }
    made = calloc(1, sizeof *made);
    if (made == NULL)
        BUG("out of memory");
    made->session = s;
    made->link = deflate_new();
    list_init(&made->awake);
    reply_tagged_line(&s->out, c->tag, STR("OK DEFLATE active"));
    imap_session_forget_command(s);
    imap_done(s->machine);
    imap_session_flush(s);
    s->compression = made;
    imap_set_facts(s->machine, IMAP_COMPRESSED, 0);
    stream_resume(s->stream);
}

/* One piece opened, or some of it taken; false when nothing moves. */
static bool step(struct imap_session *s, struct str bytes, size_t *used)
{
    struct compression *c = s->compression;
    size_t opened = 0, taken;

    if (s->closing || s->handshake || s->pushing || imap_session_is_full(s))
        return false;
    if (c->piece.len == 0) {
        if (deflate_open(c->link, str_skip(bytes, *used), &opened, &c->piece) != OK) {
            imap_session_bye(s, STR("That is not compressed as it should be"));
            return false;
        }
        *used += opened;
        c->more = c->piece.len == DEFLATE_PIECE_BYTES;
    }
    taken = imap_feed(s->machine, c->piece);
    c->piece = str_skip(c->piece, taken);
    s->tally.octets_in += taken;
    imap_session_pump(s);
    return opened > 0 || taken > 0;
}

size_t compression_feed(struct imap_session *s, struct str bytes)
{
    struct compression *c = s->compression;
    size_t used = c->owed ? MIN(bytes.len, (size_t)1) : 0;

    c->owed = false;
    wake(c);
    while (step(s, bytes, &used))
        ;
    if (s->closing)
        return bytes.len;
    if ((c->piece.len > 0 || c->more) && used == bytes.len && used > 0) {
        c->owed = true;
        used--;
    }
    return used;
}

void compression_write(struct imap_session *s, struct str plain)
{
    struct buf out = { 0 };

    wake(s->compression);
    deflate_add(s->compression->link, plain, &out);
    stream_write(s->stream, buf_str(&out));
    buf_deinit(&out);
}
