/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/pack.h"

#include <pthread.h>
#include <zdict.h>
#include <zstd.h>

#include "store/journal/segment.h"

enum { DICTIONARIES_MAX = 64, IDLE_READERS_MAX = 4, NAME_BYTES = 64, HURRIED_LEVEL = 1 };

struct pack_dictionary {
    uint32_t id;
    ZSTD_CDict *write[2]; /* usual, hurried; made when first used, on the commit thread */
    ZSTD_DDict *read;
    char *octets;
    size_t len;
};

struct pack {
    struct fs *fs;
    int level;
    ZSTD_CCtx *writer, *helper; /* helper: made when first used */
    struct pack_dictionary *list[DICTIONARIES_MAX];
    size_t count;
    pthread_mutex_t lock; /* the idle readers and the list */
    ZSTD_DCtx *idle[IDLE_READERS_MAX];
    size_t idle_count;
};

static struct str name_of(char out[NAME_BYTES], uint32_t id)
{
    (void)snprintf(out, NAME_BYTES, JOURNAL_FOLDER "/dict-%08x", (unsigned)id);
    return str_from_z(out);
}

static void add(struct pack *p, uint32_t id, struct str octets)
{
    struct pack_dictionary *d = calloc(1, sizeof(*d));

    if (d == NULL || (d->octets = malloc(octets.len + 1)) == NULL)
        BUG("out of memory");
    memcpy(d->octets, octets.at, octets.len);
    d->len = octets.len;
    d->id = id;
    d->read = ZSTD_createDDict(d->octets, d->len);
    (void)pthread_mutex_lock(&p->lock);
    p->list[p->count++] = d;
    (void)pthread_mutex_unlock(&p->lock);
}

/* Ids count up from 1 without gaps, so the first missing file ends the list. */
static enum err load_all(struct pack *p, struct errinfo *why)
{
    for (uint32_t id = 1; id <= DICTIONARIES_MAX; id++) {
        SCRATCH(tmp, NULL);
        char name[NAME_BYTES];
        struct str octets;
        enum err e = fs_read_all(p->fs, name_of(name, id), DICTIONARY_BYTES_MAX * 2, tmp, &octets);

        if (e == ERR_NOT_FOUND)
            return OK;
        if (e != OK)
            return err_set(why, e, "dictionary %u cannot be read: %s", (unsigned)id, err_text(e));
        add(p, id, octets);
    }
    return OK;
}

enum err pack_open(struct fs *fs, int level, struct pack **ret, struct errinfo *why)
{
    struct pack *p = calloc(1, sizeof(*p));
    enum err e;

    if (p == NULL || (p->writer = ZSTD_createCCtx()) == NULL)
        BUG("out of memory");
    p->fs = fs;
    p->level = level;
    (void)pthread_mutex_init(&p->lock, NULL);
    if ((e = load_all(p, why)) != OK) {
        pack_close(p);
        return e;
    }
    *ret = p;
    return OK;
}

void pack_close(struct pack *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++) {
        struct pack_dictionary *d = p->list[i];

        (void)ZSTD_freeCDict(d->write[0]);
        (void)ZSTD_freeCDict(d->write[1]);
        (void)ZSTD_freeDDict(d->read);
        free(d->octets);
        free(d);
    }
    while (p->idle_count > 0)
        (void)ZSTD_freeDCtx(p->idle[--p->idle_count]);
    (void)ZSTD_freeCCtx(p->writer);
    (void)ZSTD_freeCCtx(p->helper);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

const struct pack_dictionary *pack_newest(const struct pack *p)
{
    return p->count == 0 ? NULL : p->list[p->count - 1];
}

uint32_t pack_dictionary_id(const struct pack_dictionary *d)
{
    return d == NULL ? 0 : d->id;
}

static const ZSTD_CDict *writing_form(struct pack *p, const struct pack_dictionary *d, bool hurried)
{
    struct pack_dictionary *own = p->list[d->id - 1];

    if (own->write[hurried] == NULL)
        own->write[hurried] =
            ZSTD_createCDict(own->octets, own->len, hurried ? HURRIED_LEVEL : p->level);
    return own->write[hurried];
}

/* `form` is null without a dictionary. */
static size_t pack_with(ZSTD_CCtx *c, const ZSTD_CDict *form, int level, struct str raw, char *out)
{
    size_t got;

    if (raw.len == 0)
        return 0;
    if (form != NULL)
        got = ZSTD_compress_usingCDict(c, out, raw.len - 1, raw.at, raw.len, form);
    else
        got = ZSTD_compressCCtx(c, out, raw.len - 1, raw.at, raw.len, level);
    return ZSTD_isError(got) != 0 ? 0 : got;
}

size_t pack_chunk(struct pack *p, const struct pack_dictionary *d, bool hurried, struct str raw,
                  char *out)
{
    return pack_with(p->writer, d == NULL ? NULL : writing_form(p, d, hurried),
                     hurried ? HURRIED_LEVEL : p->level, raw, out);
}

/* ---- many chunks on two threads ---- */

struct share {
    ZSTD_CCtx *context;
    const ZSTD_CDict *form;
    int level;
    struct pack_item *items;
    size_t count;
};

static void *pack_share(void *ctx)
{
    struct share *s = ctx;

    for (size_t i = 0; i < s->count; i++)
        s->items[i].packed_len =
            pack_with(s->context, s->form, s->level, s->items[i].raw, s->items[i].out);
    return NULL;
}

/* What comes out does not depend on which thread packs what; without a second one this thread does
 * all of it. */
void pack_chunks(struct pack *p, const struct pack_dictionary *d, bool hurried,
                 struct pack_item *items, size_t count)
{
    struct share mine = { .context = p->writer,
                          .form = d == NULL ? NULL : writing_form(p, d, hurried),
                          .level = hurried ? HURRIED_LEVEL : p->level,
                          .items = items,
                          .count = count / 2 };
    struct share other = mine;
    pthread_t thread;

    other.items = items + mine.count;
    other.count = count - mine.count;
    if (p->helper == NULL)
        p->helper = ZSTD_createCCtx();
    other.context = p->helper;

    bool beside = p->helper != NULL && pthread_create(&thread, NULL, pack_share, &other) == 0;

    (void)pack_share(&mine);
    if (beside) {
        (void)pthread_join(thread, NULL);
        return;
    }
    other.context = p->writer;
    (void)pack_share(&other);
}

static ZSTD_DCtx *reader_take(struct pack *p)
{
    ZSTD_DCtx *d = NULL;

    (void)pthread_mutex_lock(&p->lock);
    if (p->idle_count > 0)
        d = p->idle[--p->idle_count];
    (void)pthread_mutex_unlock(&p->lock);
    if (d == NULL && (d = ZSTD_createDCtx()) == NULL)
        BUG("out of memory");
    return d;
}

static void reader_give(struct pack *p, ZSTD_DCtx *d)
{
    (void)pthread_mutex_lock(&p->lock);
    if (p->idle_count < IDLE_READERS_MAX) {
        p->idle[p->idle_count++] = d;
        d = NULL;
    }
    (void)pthread_mutex_unlock(&p->lock);
    (void)ZSTD_freeDCtx(d);
}

static const ZSTD_DDict *reading_form(struct pack *p, uint32_t id)
{
    const ZSTD_DDict *d = NULL;

    (void)pthread_mutex_lock(&p->lock);
    if (id <= p->count)
        d = p->list[id - 1]->read;
    (void)pthread_mutex_unlock(&p->lock);
    return d;
}

enum err unpack_chunk(struct pack *p, uint32_t dictionary, struct str stored, char *out,
                      size_t raw_len)
{
    const ZSTD_DDict *dict = NULL;
    ZSTD_DCtx *d;
    size_t got;

    if (dictionary != 0 && (dict = reading_form(p, dictionary)) == NULL)
        return ERR_CORRUPT;
    d = reader_take(p);
    if (dict != NULL)
        got = ZSTD_decompress_usingDDict(d, out, raw_len, stored.at, stored.len, dict);
    else
        got = ZSTD_decompressDCtx(d, out, raw_len, stored.at, stored.len);
    reader_give(p, d);
    return ZSTD_isError(got) != 0 || got != raw_len ? ERR_CORRUPT : OK;
}

bool pack_train(const char *samples, const size_t *lens, unsigned count, struct buf *ret)
{
    char *at = buf_reserve(ret, DICTIONARY_BYTES_MAX);
    size_t got = ZDICT_trainFromBuffer(at, DICTIONARY_BYTES_MAX, samples, lens, count);

    if (ZDICT_isError(got) != 0)
        return false;
    ret->len += got;
    return true;
}

enum err pack_add(struct pack *p, struct str dictionary, struct errinfo *why)
{
    uint32_t id = (uint32_t)p->count + 1;
    char name[NAME_BYTES];
    enum err e;

    if (p->count == DICTIONARIES_MAX)
        return err_set(why, ERR_LIMIT, "there are %d dictionaries already", DICTIONARIES_MAX);
    if ((e = fs_write_atomic(p->fs, name_of(name, id), dictionary, why)) != OK)
        return e;
    add(p, id, dictionary);
    return OK;
}
