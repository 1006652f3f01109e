/* os/stream.c - the common face of real and simulated streams and listeners. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/dispatch.h"
#include "os/tls.h"

struct stream *stream_connect(struct loop *l, const struct address *to, const struct address *from,
                              uint64_t timeout_ms)
{
    return l->ops->stream_connect(l, to, from, timeout_ms);
}

void stream_set_events(struct stream *s, const struct stream_events *events, void *ctx)
{
    s->events = events;
    s->ctx = ctx;
    s->ops->set_events(s);
}

void stream_free(struct stream *s)
{
    if (s != NULL)
        s->ops->free(s);
}

void stream_write(struct stream *s, struct str bytes)
{
    if (bytes.len != 0)
        s->ops->write(s, bytes);
}

size_t stream_queued(const struct stream *s)
{
    return s->ops->queued(s);
}

void stream_pause(struct stream *s)
{
    s->ops->pause(s);
}

void stream_resume(struct stream *s)
{
    s->ops->resume(s);
}

void stream_finish(struct stream *s, uint64_t within_ms)
{
    s->ops->finish(s, within_ms);
}

void stream_drop_held(struct stream *s)
{
    s->ops->drop_held(s);
}

void stream_start_tls_server(struct stream *s, struct tls_server *context)
{
    s->ops->start_tls_server(s, context);
}

void stream_start_tls_client(struct stream *s, struct tls_client *context, struct str server_name)
{
    s->ops->start_tls_client(s, context, server_name);
}

bool stream_is_secure(const struct stream *s)
{
    return s->ops->is_secure(s);
}

struct str stream_tls_version(const struct stream *s)
{
    return s->ops->tls_version(s);
}

struct str stream_tls_cipher(const struct stream *s)
{
    return s->ops->tls_cipher(s);
}

struct address stream_peer(const struct stream *s)
{
    return s->ops->peer(s);
}

struct address stream_local(const struct stream *s)
{
    return s->ops->local(s);
}

void stream_tls_bindings(const struct stream *s, struct arena *mem, struct stream_bindings *ret)
{
    *ret = (struct stream_bindings){ 0 };
    if (stream_is_secure(s))
        s->ops->tls_bindings(s, mem, ret);
}

size_t stream_tls_identities(const struct stream *s, struct arena *mem, const struct str **ret)
{
    struct str *names;
    size_t count;

    if (!stream_is_secure(s))
        return 0;
    names = ARENA_ARRAY(mem, struct str, TLS_IDENTITIES_MAX);
    count = s->ops->tls_identities(s, mem, names);
    *ret = names;
    return count;
}

void listener_pause(struct listener *l)
{
    l->ops->pause(l);
}

void listener_resume(struct listener *l)
{
    l->ops->resume(l);
}

void listener_free(struct listener *l)
{
    if (l != NULL)
        l->ops->free(l);
}
