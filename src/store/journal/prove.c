/* store/journal/prove.c - the proof that the tables are what the journal says. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "store/journal/batch.h"
#include "store/journal/bodies.h"
#include "store/journal/scan.h"
#include "store/journal/writer.h"

typedef void (*check_found)(void *ctx, struct str sentence);

static void PRINTF_LIKE(3, 4) report(check_found found, void *ctx, const char *fmt, ...)
{
    char text[2 * ERRINFO_BYTES_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    found(ctx, str_from_z(text));
}

/* Keys are mostly printable; what is not is shown as a dot. */
static void report_key(check_found found, void *ctx, const char *what, struct str key)
{
    char shown[80];
    size_t len = MIN(key.len, sizeof(shown) - 1);

    for (size_t i = 0; i < len; i++)
        shown[i] = (char)(key.at[i] >= ' ' && key.at[i] <= '~' ? key.at[i] : '.');
    shown[len] = '\0';
    report(found, ctx, "row '%s' (%zu octets): %s", shown, key.len, what);
}

/* Counters of segments are estimates; the search index (w, W, z) and blocks of sort keys (o) are no
 * part of the journal. */
static bool is_apart(struct str key)
{
    return str_find_char(STR("SwWzo"), key.at[0]) != STR_NOT_FOUND;
}

/* Walks both tables side by side. */
static enum err compare(struct kv *have, struct kv *want, check_found found, void *ctx,
                        struct errinfo *why)
{
    struct kv_iter *h = kv_iter_new(have, NULL, STR_EMPTY, STR_EMPTY);
    struct kv_iter *w = kv_iter_new(want, NULL, STR_EMPTY, STR_EMPTY);
    bool more_h = kv_iter_first(h), more_w = kv_iter_first(w);

    while (more_h || more_w) {
        int order = !more_h ? 1 : !more_w ? -1 : str_cmp(kv_iter_key(h), kv_iter_key(w));
        struct str key = order <= 0 ? kv_iter_key(h) : kv_iter_key(w);

        if (order < 0 && !is_apart(key))
            report_key(found, ctx, "in the tables, not in the journal", key);
        else if (order > 0 && !is_apart(key))
            report_key(found, ctx, "in the journal, not in the tables", key);
        else if (order == 0 && !is_apart(key) && !str_eq(kv_iter_value(h), kv_iter_value(w)))
            report_key(found, ctx, "the tables and the journal differ", key);
        if (order <= 0)
            more_h = kv_iter_next(h);
        if (order >= 0)
            more_w = kv_iter_next(w);
    }
    enum err e = kv_iter_error(h, why);
    kv_iter_free(h);
    kv_iter_free(w);
    return e;
}

static void check_body(struct writer *w, uint64_t id, check_found found, void *ctx)
{
    struct errinfo why = { "" };
    struct buf octets = { 0 };
    struct body *body;
    enum err e = body_open(w->bodies, id, &body, &why);

    if (e == OK) {
        for (uint64_t at = 0; at < body_len(body) && e == OK; at += BODY_CHUNK_BYTES) {
            buf_clear(&octets);
            e = body_read(body, at, BODY_CHUNK_BYTES, &octets, &why);
        }
        body_close(body);
    }
    if (e != OK)
        report(found, ctx, "%s", why.text);
    buf_deinit(&octets);
}

static enum err check_bodies(struct writer *w, check_found found, void *ctx, struct errinfo *why)
{
    struct kv_iter *it = kv_iter_new(w->kv, NULL, STR("B"), STR("C"));

    for (bool more = kv_iter_first(it); more; more = kv_iter_next(it))
        if (journal_key_is(kv_iter_key(it), 'B'))
            check_body(w, journal_key_number(kv_iter_key(it)), found, ctx);
    enum err e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

enum err writer_check(struct writer *w, check_found found, void *ctx, struct errinfo *why)
{
    struct kv *fresh;
    struct absorb absorb;
    struct errinfo damage = { "" };
    struct replay r = { .segments = &w->segments, .absorb = &absorb };
    enum err e;

    BUG_ON(w->busy);
    fresh = kv_new_mem();
    absorb_init(&absorb, fresh, NULL);
    e = replay_run(&r, &(struct kv_position){ 0 }, &w->tail, &damage);
    if (e != OK)
        report(found, ctx, "%s", damage.text);
    else
        e = compare(w->kv, fresh, found, ctx, why);
    absorb_deinit(&absorb);
    kv_close(fresh);
    return e == OK || e == ERR_CORRUPT ? check_bodies(w, found, ctx, why) : e;
}
