/* proto/deflate.c - zlib's streams, made when there is something to do. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/deflate.h"

#include <zlib.h>

enum {
    OPEN_WINDOW_BITS = 15, /* the peer may refer that far back */
    WINDOW_BYTES = 1 << OPEN_WINDOW_BITS,
    ADD_WINDOW_BITS = 13, /* ours: 8 KiB hold the words of IMAP */
    ADD_MEMORY_LEVEL = 6,
    ADD_LEVEL = 5,
    ADD_ROOM_BYTES = 4096,
    AFTER_BLOCK = 128, /* bits of z_stream.data_type after inflate() */
    LAST_BLOCK = 64,
    BITS_LEFT = 63,
};

struct deflate_link {
    z_stream *in, *out; /* null while they rest */
    uint8_t *window;    /* of `in` while it rests */
    uint32_t window_len;
    bool ended, between; /* between: what came ends with a block, and with an octet */
    size_t held;
    char *piece; /* null between pieces */
};

/* zlib's memory is counted, so that tests can say what a link costs. */
static void *take(void *ctx, unsigned count, unsigned size)
{
    struct deflate_link *l = ctx;
    size_t *at = calloc(1, (size_t)count * size + sizeof(max_align_t));

    if (at == NULL)
        return NULL;
    *at = (size_t)count * size;
    l->held += *at;
    return (char *)at + sizeof(max_align_t);
}

static void give(void *ctx, void *memory)
{
    struct deflate_link *l = ctx;
    size_t *at = (size_t *)(void *)((char *)memory - sizeof(max_align_t));

    l->held -= *at;
    free(at);
}

static z_stream *stream_new(struct deflate_link *l)
{
    z_stream *z = calloc(1, sizeof *z);

    if (z == NULL)
        BUG("out of memory");
    z->zalloc = take;
    z->zfree = give;
    z->opaque = l;
    return z;
}

struct deflate_link *deflate_new(void)
{
    struct deflate_link *l = calloc(1, sizeof *l);

    if (l == NULL)
        BUG("out of memory");
    return l;
}

static void end_in(struct deflate_link *l)
{
    if (l->in != NULL)
        (void)inflateEnd(l->in);
    free(l->in);
    l->in = NULL;
}

static void end_out(struct deflate_link *l)
{
    if (l->out != NULL)
        (void)deflateEnd(l->out);
    free(l->out);
    l->out = NULL;
}

void deflate_free(struct deflate_link *l)
{
    if (l == NULL)
        return;
    end_in(l);
    end_out(l);
    free(l->window);
    free(l->piece);
    free(l);
}

size_t deflate_held(const struct deflate_link *l)
{
    return sizeof *l + l->held + (l->in != NULL ? sizeof *l->in : 0) +
           (l->out != NULL ? sizeof *l->out : 0) + l->window_len +
           (l->piece != NULL ? DEFLATE_PIECE_BYTES : 0);
}

/* ---- what comes ---- */

static void wake_in(struct deflate_link *l)
{
    if (l->in != NULL)
        return;
    l->in = stream_new(l);
    if (inflateInit2(l->in, -OPEN_WINDOW_BITS) != Z_OK ||
        (l->window_len > 0 && inflateSetDictionary(l->in, l->window, l->window_len) != Z_OK))
        BUG("zlib cannot begin");
    free(l->window);
    l->window = NULL;
    l->window_len = 0;
}

enum err deflate_open(struct deflate_link *l, struct str in, size_t *ret_used, struct str *ret)
{
    size_t len = MIN(in.len, (size_t)UINT32_MAX);
    int status;

    if (l->ended)
        return ERR_CORRUPT;
    wake_in(l);
    if (l->piece == NULL)
        l->piece = malloc(DEFLATE_PIECE_BYTES);
    if (l->piece == NULL)
        BUG("out of memory");
    l->in->next_in = (Bytef *)(uintptr_t)in.at;
    l->in->avail_in = (uInt)len;
    l->in->next_out = (Bytef *)l->piece;
    l->in->avail_out = DEFLATE_PIECE_BYTES;
    status = inflate(l->in, Z_SYNC_FLUSH);
    *ret_used = len - l->in->avail_in;
    *ret = str_from(l->piece, DEFLATE_PIECE_BYTES - l->in->avail_out);
    /* A call that moved nothing says nothing of where we are. */
    if (*ret_used > 0 || ret->len > 0)
        l->between = (l->in->data_type & AFTER_BLOCK) != 0 &&
                     (l->in->data_type & (LAST_BLOCK | BITS_LEFT)) == 0;
    /* A peer that ends its stream has nothing more to say. */
    if (status == Z_STREAM_END)
        l->ended = true;
    if (status == Z_STREAM_END ? *ret_used < in.len && ret->len == 0
                               : status != Z_OK && status != Z_BUF_ERROR)
        return ERR_CORRUPT;
    if (ret->len == 0) {
        free(l->piece);
        l->piece = NULL;
    }
    return OK;
}

/* Between two blocks, with no bit of the last octet unread, nothing but the window matters. */
static void rest_in(struct deflate_link *l)
{
    uint8_t window[WINDOW_BYTES];
    uInt len = sizeof window;

    if (l->in == NULL || !l->between || inflateGetDictionary(l->in, window, &len) != Z_OK)
        return;
    end_in(l);
    l->window_len = len;
    l->window = len > 0 ? malloc(len) : NULL;
    if (len > 0 && l->window == NULL)
        BUG("out of memory");
    if (len > 0)
        memcpy(l->window, window, len);
}

/* ---- what goes ---- */

void deflate_add(struct deflate_link *l, struct str plain, struct buf *out)
{
    if (plain.len == 0)
        return;
    if (l->out == NULL) {
        l->out = stream_new(l);
        if (deflateInit2(l->out, ADD_LEVEL, Z_DEFLATED, -ADD_WINDOW_BITS, ADD_MEMORY_LEVEL,
                         Z_DEFAULT_STRATEGY) != Z_OK)
            BUG("zlib cannot begin");
    }
    BUG_ON(plain.len > UINT32_MAX);
    l->out->next_in = (Bytef *)(uintptr_t)plain.at;
    l->out->avail_in = (uInt)plain.len;
    do {
        char *room = buf_reserve(out, ADD_ROOM_BYTES);

        if (room == NULL)
            BUG("out of memory");
        l->out->next_out = (Bytef *)room;
        l->out->avail_out = ADD_ROOM_BYTES;
        if (deflate(l->out, Z_SYNC_FLUSH) == Z_STREAM_ERROR)
            BUG("zlib cannot go on");
        out->len += ADD_ROOM_BYTES - l->out->avail_out;
    } while (l->out->avail_out == 0);
}

void deflate_rest(struct deflate_link *l)
{
    end_out(l);
    rest_in(l);
    free(l->piece);
    l->piece = NULL;
}
