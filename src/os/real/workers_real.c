/* os/real/workers_real.c - a pool of threads with one queue.
 *
 * Finished jobs are collected on a list; an eventfd wakes the loop, once for however many are on
 * it. Threads block every signal, so that signals stay with the loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "os/real/loop_real.h"

enum { THREADS_MAX = 64, WAY_GIVEN = 10 /* as in nice(1) */ };

struct job {
    struct job *next;
    void (*run)(void *ctx);
    void (*done)(void *ctx);
    void *ctx;
};

struct job_list {
    struct job *first, **last;
};

struct real_workers {
    struct workers base;
    struct loop *loop;
    struct watcher wake;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct job_list todo, finished; /* under the lock */
    bool ending;                    /* under the lock */
    bool gives_way;                 /* under the lock */
    size_t waiting;                 /* the loop's thread only */
    pthread_t threads[THREADS_MAX];
    unsigned thread_count;
};

static const struct workers_ops real_workers_ops;

static struct real_workers *workers_of(struct workers *w)
{
    return CONTAINER_OF(w, struct real_workers, base);
}

static void list_clear(struct job_list *l)
{
    *l = (struct job_list){ NULL, &l->first };
}

static void list_add(struct job_list *l, struct job *j)
{
    j->next = NULL;
    *l->last = j;
    l->last = &j->next;
}

static struct job *list_take(struct job_list *l)
{
    struct job *j = l->first;

    if (j != NULL && (l->first = j->next) == NULL)
        l->last = &l->first;
    return j;
}

static void list_drop(struct job_list *l)
{
    for (struct job *j; (j = list_take(l)) != NULL;)
        free(j);
}

/* On Linux "this process" means this thread. Where it is refused, work goes on as before. */
static void step_back(void)
{
    (void)setpriority(PRIO_PROCESS, 0, WAY_GIVEN);
}

static void *work(void *arg)
{
    struct real_workers *w = arg;
    uint64_t one = 1;
    bool stepped_back = false;

    (void)pthread_mutex_lock(&w->lock);
    for (;;) {
        struct job *j = w->ending ? NULL : list_take(&w->todo);

        if (j == NULL && w->ending)
            break;
        if (j == NULL) {
            (void)pthread_cond_wait(&w->work, &w->lock);
            continue;
        }
        bool must_step_back = w->gives_way && !stepped_back;

        (void)pthread_mutex_unlock(&w->lock);
        if (must_step_back) {
            step_back();
            stepped_back = true;
        }
        j->run(j->ctx);
        (void)pthread_mutex_lock(&w->lock);
        bool first = w->finished.first == NULL;
        list_add(&w->finished, j);
        if (first && write(w->wake.fd, &one, sizeof one) < 0 && errno != EAGAIN)
            BUG("cannot wake the loop");
    }
    (void)pthread_mutex_unlock(&w->lock);
    scratch_free();
    return NULL;
}

/* done() may free the pool; the list is then dropped by workers_free and the loop below ends. */
static void wake_ready(struct watcher *watcher, uint32_t events)
{
    struct real_workers *w = CONTAINER_OF(watcher, struct real_workers, wake);
    uint64_t count;
    struct job *j;

    (void)events;
    if (read(watcher->fd, &count, sizeof count) < 0)
        return;
    for (;;) {
        (void)pthread_mutex_lock(&w->lock);
        j = list_take(&w->finished);
        (void)pthread_mutex_unlock(&w->lock);
        if (j == NULL)
            return;

        struct job copy = *j;
        free(j);
        w->waiting--;
        if (copy.done != NULL)
            copy.done(copy.ctx);
    }
}

static void real_workers_run(struct workers *base, void (*run)(void *ctx), void (*done)(void *ctx),
                             void *ctx)
{
    struct real_workers *w = workers_of(base);
    struct job *j = os_new(sizeof *j);

    *j = (struct job){ NULL, run, done, ctx };
    w->waiting++;
    (void)pthread_mutex_lock(&w->lock);
    list_add(&w->todo, j);
    (void)pthread_cond_signal(&w->work);
    (void)pthread_mutex_unlock(&w->lock);
}

static size_t real_workers_waiting(const struct workers *base)
{
    return CONTAINER_OF(base, const struct real_workers, base)->waiting;
}

static void real_workers_give_way(struct workers *base)
{
    struct real_workers *w = workers_of(base);

    (void)pthread_mutex_lock(&w->lock);
    w->gives_way = true;
    (void)pthread_mutex_unlock(&w->lock);
}

static void bury_workers(void *memory)
{
    struct real_workers *w = memory;

    (void)pthread_mutex_destroy(&w->lock);
    (void)pthread_cond_destroy(&w->work);
    free(w);
}

static void real_workers_free(struct workers *base)
{
    struct real_workers *w = workers_of(base);

    (void)pthread_mutex_lock(&w->lock);
    w->ending = true;
    (void)pthread_cond_broadcast(&w->work);
    (void)pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->thread_count; i++)
        (void)pthread_join(w->threads[i], NULL);
    list_drop(&w->todo);
    list_drop(&w->finished);
    watcher_close(w->loop, &w->wake);
    loop_bury(w->loop, bury_workers, w);
}

static bool start_threads(struct real_workers *w, unsigned threads)
{
    sigset_t all, old;
    int failed = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    while (w->thread_count < threads && failed == 0)
        if ((failed = pthread_create(&w->threads[w->thread_count], NULL, work, w)) == 0)
            w->thread_count++;
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = failed;
    return failed == 0;
}

enum err real_workers_new(struct loop *l, unsigned threads, struct workers **ret,
                          struct errinfo *why)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return err_set(why, err_from_errno(errno), "cannot make workers: %s", strerror(errno));

    struct real_workers *w = os_new(sizeof *w);
    w->base.ops = &real_workers_ops;
    w->loop = l;
    w->wake = (struct watcher){ wake_ready, fd, 0 };
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->work, NULL);
    list_clear(&w->todo);
    list_clear(&w->finished);
    threads = threads == 0 ? 1 : MIN(threads, (unsigned)THREADS_MAX);
    if (!watcher_set(l, &w->wake, EPOLLIN) || !start_threads(w, threads)) {
        int number = errno;

        real_workers_free(&w->base);
        return err_set(why, ERR_LIMIT, "cannot start a worker: %s", strerror(number));
    }
    *ret = &w->base;
    return OK;
}

static const struct workers_ops real_workers_ops = {
    .free = real_workers_free,
    .run = real_workers_run,
    .waiting = real_workers_waiting,
    .give_way = real_workers_give_way,
};
