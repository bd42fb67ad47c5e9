/*
 * The watcher by epoll: one edge-triggered epoll descriptor a pool, and a bell in it for wakes. A channel is registered
 * when an attempt first has to wait, for the direction that waits, and stays until it is closed. Readiness that an
 * event reports is the kernel's; which channel it is for is told by the handle's bits, so that a late event is
 * recognised.
 *
 * epoll needs no lock of this file: registration is under the channel's, and waiting is one thread at a time.
 */
#include "os.h"
#include "watcher.h"

enum { BATCH = 256 };

static const uint64_t bell_key = 0; /* no handle */

struct epoll_watcher {
    struct apm__watcher watcher;
    int epoll; /* immutable */
    int bell;  /* immutable */
};

static struct epoll_watcher *from_poller(struct apm__poller *poller)
{
    return (struct epoll_watcher *)(void *)poller;
}

static size_t wait(struct apm__poller *poller, uint64_t *events, size_t capacity, int64_t timeout_ns)
{
    struct epoll_watcher *self = from_poller(poller);
    apm__os_ready ready[BATCH];
    size_t count = apm__os_epoll_wait(self->epoll, ready, capacity < BATCH ? capacity : BATCH, timeout_ns);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (ready[i].key == bell_key)
            apm__os_bell_clear(self->bell);
        else
            events[kept++] = apm__watcher_event(ready[i].key, ready[i].ready);
    }
    return kept;
}

static void wake(struct apm__poller *poller)
{
    apm__os_bell_ring(from_poller(poller)->bell);
}

static void destroy(struct apm__poller *poller)
{
    struct epoll_watcher *self = from_poller(poller);
    apm__os_epoll_destroy(self->epoll);
    apm__os_bell_destroy(self->bell);
    apm__os_free(self);
}

static apm_error watch_locked(struct apm__watcher *watcher, struct apm__channel *channel, uint32_t interest)
{
    struct epoll_watcher *self = from_poller(&watcher->poller);
    uint32_t all = channel->watched | interest;
    return channel->watched ? apm__os_epoll_modify(self->epoll, channel->descriptor, all, channel->key)
                            : apm__os_epoll_add(self->epoll, channel->descriptor, all, channel->key);
}

/*
 * Closing alone is not enough: a thread in epoll_wait may hold the file just then, and would close it only when it
 * returns; and a copy of the descriptor in a forked child would keep the registration.
 */
static void unwatch_locked(struct apm__watcher *watcher, struct apm__channel *channel)
{
    apm__os_epoll_remove(from_poller(&watcher->poller)->epoll, channel->descriptor);
}

static apm_error watch_attempt_locked(struct apm__watcher *watcher, struct apm__channel *channel,
                                      struct apm__connect_attempt *attempt)
{
    if (attempt->watched)
        return APM_ERROR_SUCCESS;
    int epoll = from_poller(&watcher->poller)->epoll;
    apm_error error = apm__os_epoll_add(epoll, attempt->descriptor, APM__OS_READY_OUT, channel->key);
    attempt->watched = error == APM_ERROR_SUCCESS;
    return error;
}

static void unwatch_attempt_locked(struct apm__watcher *watcher, struct apm__connect_attempt *attempt)
{
    apm__os_epoll_remove(from_poller(&watcher->poller)->epoll, attempt->descriptor);
}

apm_error apm__epoll_create(struct apm__poller **poller)
{
    struct epoll_watcher *self = apm__os_allocate(sizeof *self);
    if (!self)
        return APM_ERROR_OUT_OF_MEMORY;
    apm_error error = apm__os_epoll_create(&self->epoll);
    if (error != APM_ERROR_SUCCESS)
        goto free_self;
    error = apm__os_bell_create(&self->bell);
    if (error != APM_ERROR_SUCCESS)
        goto destroy_epoll;
    error = apm__os_epoll_add(self->epoll, self->bell, APM__OS_READY_IN, bell_key);
    if (error != APM_ERROR_SUCCESS)
        goto destroy_bell;
    self->watcher = (struct apm__watcher){.poller = {.wait = wait,
                                                     .wake = wake,
                                                     .expect = apm__readiness_expect,
                                                     .dispatch = apm__readiness_dispatch,
                                                     .catch_up = apm__readiness_catch_up,
                                                     .destroy = destroy},
                                          .watch_locked = watch_locked,
                                          .unwatch_locked = unwatch_locked,
                                          .watch_attempt_locked = watch_attempt_locked,
                                          .unwatch_attempt_locked = unwatch_attempt_locked,
                                          .keeps_watching = true};
    *poller = &self->watcher.poller;
    return APM_ERROR_SUCCESS;

destroy_bell:
    apm__os_bell_destroy(self->bell);
destroy_epoll:
    apm__os_epoll_destroy(self->epoll);
free_self:
    apm__os_free(self);
    return error;
}
