/*
 * The watcher by poll: portable, and slower with each socket. The table lists the channels that are watched; interest
 * ends with each report, because poll reports a level, and is renewed when an operation has to wait again.
 *
 * Lock: `lock`, taken under a channel's lock, and a leaf. The thread that waits copies the table first. What changes
 * meanwhile rings the bell; a descriptor that is closed meanwhile may be reported for a channel that is gone, which the
 * key in the event shows.
 *
 * There is always memory to poll the bell and some channels, since it is taken when the watcher is created. If there is
 * none for a copy of the whole table, a part of it is polled at a time, and never for long: so each has its turn.
 */
#include "os.h"
#include "watcher.h"

enum { FIRST_CAPACITY = 64 };

static const int64_t part_timeout_ns = 10000000; /* how long a part of the table is polled */

struct entry {
    uint64_t key;
    uint32_t *place; /* the poller_place of what is watched: this entry's number plus one */
    apm__os_socket descriptor;
    uint32_t interest;
};

struct poll_watcher {
    struct apm__watcher watcher;
    int bell; /* immutable */
    apm__os_mutex lock;

    /* guarded by lock */
    struct entry *entries;
    size_t count;
    size_t capacity;
    bool waiting; /* a thread polls a copy, and must be told of changes */

    /* owned by the thread that waits */
    apm__os_poll_entry *polled;
    uint64_t *keys;
    size_t polled_capacity;
    size_t first; /* where the next report starts, so that a small capacity starves nobody */
};

static struct poll_watcher *from_poller(struct apm__poller *poller)
{
    return (struct poll_watcher *)(void *)poller;
}

static void wake(struct apm__poller *poller)
{
    apm__os_bell_ring(from_poller(poller)->bell);
}

/* -- Watching -- */

static apm_error reserve_locked(struct poll_watcher *self)
{
    if (self->count < self->capacity)
        return APM_ERROR_SUCCESS;
    size_t capacity = self->capacity ? self->capacity * 2 : FIRST_CAPACITY;
    struct entry *entries = apm__os_resize(self->entries, capacity * sizeof *entries);
    if (!entries)
        return APM_ERROR_OUT_OF_MEMORY;
    self->entries = entries;
    self->capacity = capacity;
    return APM_ERROR_SUCCESS;
}

/* Adds to the interest of the entry at *place, which is made if it is `new`. */
static apm_error watch(struct poll_watcher *self, const struct entry *wanted, bool new)
{
    apm_error error = APM_ERROR_SUCCESS;
    bool tell = false;
    apm__os_mutex_lock(&self->lock);
    if (new) {
        error = reserve_locked(self);
        if (error != APM_ERROR_SUCCESS)
            goto unlock;
        self->entries[self->count] = *wanted;
        self->entries[self->count++].interest = 0;
        *wanted->place = (uint32_t)self->count;
    }
    struct entry *entry = &self->entries[*wanted->place - 1];
    tell = self->waiting && (entry->interest | wanted->interest) != entry->interest;
    entry->interest |= wanted->interest;
unlock:
    apm__os_mutex_unlock(&self->lock);
    if (tell)
        wake(&self->watcher.poller);
    return error;
}

static void unwatch(struct poll_watcher *self, const uint32_t *place)
{
    apm__os_mutex_lock(&self->lock);
    size_t index = *place - 1;
    self->count--;
    if (index < self->count) {
        self->entries[index] = self->entries[self->count];
        *self->entries[index].place = (uint32_t)index + 1;
    }
    bool tell = self->waiting; /* lest a closed descriptor be polled for long */
    apm__os_mutex_unlock(&self->lock);
    if (tell)
        wake(&self->watcher.poller);
}

static apm_error watch_locked(struct apm__watcher *watcher, struct apm__channel *channel, uint32_t interest)
{
    struct entry wanted = {
        .key = channel->key, .place = &channel->poller_place, .descriptor = channel->descriptor, .interest = interest};
    return watch(from_poller(&watcher->poller), &wanted, !channel->watched);
}

static void unwatch_locked(struct apm__watcher *watcher, struct apm__channel *channel)
{
    unwatch(from_poller(&watcher->poller), &channel->poller_place);
}

static apm_error watch_attempt_locked(struct apm__watcher *watcher, struct apm__channel *channel,
                                      struct apm__connect_attempt *attempt)
{
    struct entry wanted = {.key = channel->key,
                           .place = &attempt->poller_place,
                           .descriptor = attempt->descriptor,
                           .interest = APM__OS_READY_OUT};
    apm_error error = watch(from_poller(&watcher->poller), &wanted, !attempt->watched);
    attempt->watched = attempt->watched || error == APM_ERROR_SUCCESS;
    return error;
}

static void unwatch_attempt_locked(struct apm__watcher *watcher, struct apm__connect_attempt *attempt)
{
    unwatch(from_poller(&watcher->poller), &attempt->poller_place);
}

/* -- Waiting -- */

/* Takes memory for a copy of the whole table, if there is some. */
static void reserve_copy_locked(struct poll_watcher *self)
{
    if (self->count + 1 <= self->polled_capacity)
        return;
    size_t capacity = self->capacity + 1;
    apm__os_poll_entry *polled = apm__os_resize(self->polled, capacity * sizeof *polled);
    if (polled)
        self->polled = polled;
    uint64_t *keys = apm__os_resize(self->keys, capacity * sizeof *keys);
    if (keys)
        self->keys = keys;
    if (polled && keys)
        self->polled_capacity = capacity;
}

/* Copies what is to be polled, with the bell as the first, as far as there is memory; the number of entries. */
static size_t copy_table(struct poll_watcher *self, bool *whole)
{
    apm__os_mutex_lock(&self->lock);
    self->waiting = true;
    reserve_copy_locked(self);
    size_t used = 0;
    size_t seen = 0;
    self->polled[used] = (apm__os_poll_entry){.socket = self->bell, .interest = APM__OS_READY_IN};
    self->keys[used++] = 0;
    for (; seen < self->count && used < self->polled_capacity; seen++) {
        const struct entry *entry = &self->entries[(self->first + seen) % self->count];
        if (entry->interest == 0)
            continue;
        uint32_t urgent = entry->interest & APM__OS_READY_IN ? APM__OS_READY_URGENT : 0u;
        self->polled[used] = (apm__os_poll_entry){.socket = entry->descriptor, .interest = entry->interest | urgent};
        self->keys[used++] = entry->key;
    }
    *whole = seen == self->count;
    self->first += *whole ? 1 : seen;
    apm__os_mutex_unlock(&self->lock);
    return used;
}

/* The entry of what was polled, or NULL if it is no longer watched. Entries may have moved since the copy. */
static struct entry *find_entry_locked(struct poll_watcher *self, uint64_t key, apm__os_socket descriptor)
{
    const struct apm__channel *channel = (struct apm__channel *)apm__slot_find(&apm__channels, key);
    APM__ASSERT(channel); /* slots stay, whatever has become of what the key named */
    size_t index = channel->poller_place - 1;
    if (index < self->count && self->entries[index].key == key && self->entries[index].descriptor == descriptor)
        return &self->entries[index];
    for (index = 0; index < self->count; index++) /* a channel that has several, or none any more: they are few */
        if (self->entries[index].key == key && self->entries[index].descriptor == descriptor)
            return &self->entries[index];
    return NULL;
}

/* Ends the interest of what is reported. */
static void end_interest_locked(struct poll_watcher *self, uint64_t key, const apm__os_poll_entry *polled)
{
    struct entry *entry = find_entry_locked(self, key, polled->socket);
    if (!entry)
        return;
    if (polled->ready & ~(uint32_t)(APM__OS_READY_IN | APM__OS_READY_OUT))
        entry->interest = 0;
    else
        entry->interest &= ~polled->ready;
}

static size_t wait(struct apm__poller *poller, uint64_t *events, size_t capacity, int64_t timeout_ns)
{
    struct poll_watcher *self = from_poller(poller);
    bool whole;
    size_t used = copy_table(self, &whole);
    if (!whole && (timeout_ns < 0 || timeout_ns > part_timeout_ns))
        timeout_ns = part_timeout_ns;
    size_t ready = apm__os_poll(self->polled, used, timeout_ns);
    size_t kept = 0;
    apm__os_mutex_lock(&self->lock);
    self->waiting = false;
    for (size_t i = 0; ready > 0 && i < used; i++) {
        if (!self->polled[i].ready)
            continue;
        ready--;
        if (self->keys[i] == 0) {
            apm__os_bell_clear(self->bell);
        } else if (kept < capacity) {
            end_interest_locked(self, self->keys[i], &self->polled[i]);
            events[kept++] = apm__watcher_event(self->keys[i], self->polled[i].ready);
        }
    }
    apm__os_mutex_unlock(&self->lock);
    return kept;
}

static void destroy(struct apm__poller *poller)
{
    struct poll_watcher *self = from_poller(poller);
    apm__os_bell_destroy(self->bell);
    apm__os_free(self->entries);
    apm__os_free(self->polled);
    apm__os_free(self->keys);
    apm__os_free(self);
}

apm_error apm__poll_create(struct apm__poller **poller)
{
    struct poll_watcher *self = apm__os_allocate(sizeof *self);
    if (!self)
        return APM_ERROR_OUT_OF_MEMORY;
    self->polled_capacity = FIRST_CAPACITY + 1;
    self->polled = apm__os_allocate(self->polled_capacity * sizeof *self->polled);
    self->keys = apm__os_allocate(self->polled_capacity * sizeof *self->keys);
    apm_error error = self->polled && self->keys ? apm__os_bell_create(&self->bell) : APM_ERROR_OUT_OF_MEMORY;
    if (error != APM_ERROR_SUCCESS) {
        apm__os_free(self->polled);
        apm__os_free(self->keys);
        apm__os_free(self);
        return error;
    }
    apm__os_mutex_initialise(&self->lock);
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
                                          .keeps_watching = false};
    *poller = &self->watcher.poller;
    return APM_ERROR_SUCCESS;
}
