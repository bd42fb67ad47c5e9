/*
 * The resolver's threads and their queue.
 *
 * Lock: `lock`, a leaf. Threads are started when a look-up finds none idle, up to THREAD_LIMIT, and end after a time
 * without work. A thread that has ended is joined by the next one to start in its place, or by stop.
 */
#include "resolver.h"

#include <string.h>

#include "apm/ip_address.h"
#include "check.h"
#include "os.h"
#include "parker.h"

enum {
    THREAD_LIMIT = 8,
    NAME_LIMIT = 1025 /* NI_MAXHOST */
};

static const int64_t idle_timeout_ns = 10000000000;

struct lookup {
    struct lookup *next;
    enum apm__resolver_query query;
    apm__resolver_answer *answer;
    void *context;
    char name[APM_DNS_MAX_NAME_LENGTH + 1];
};

struct lane_thread {
    apm__os_thread thread;
    bool running;  /* it takes look-ups */
    bool joinable; /* it has been started, and not been joined */
    bool idle;     /* it sleeps on `wake` */
    _Atomic uint32_t wake;
};

/* All guarded by lock, but for `wake`. */
static apm__os_mutex lock = APM__OS_MUTEX_INITIALIZER;
static struct lookup *head;
static struct lookup *tail;
static struct lane_thread threads[THREAD_LIMIT];
static bool stopping;

/* -- Looking up -- */

/* Looks a host's entry up; an address as text is turned into a name first. */
static apm_error resolve_entry(const char *name, apm_host_entry **entry)
{
    char canonical[NAME_LIMIT] = "";
    char reverse[NAME_LIMIT];
    apm_ip_address address;
    if (apm_ip_address_parse(name, &address) == APM_ERROR_SUCCESS) {
        apm_error error = apm__os_resolve_address(address, reverse, sizeof reverse);
        if (error != APM_ERROR_SUCCESS)
            return error;
        name = reverse;
    }
    apm_ip_address *addresses;
    size_t count;
    apm_error error = apm__os_resolve(name, canonical, sizeof canonical, &addresses, &count);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *entry = apm__host_entry_create(canonical, addresses, count);
    apm__os_free(addresses);
    return *entry ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
}

static apm_error resolve_addresses(const char *name, apm_host_entry **entry)
{
    apm_ip_address *addresses;
    size_t count;
    apm_error error = apm__os_resolve(name, NULL, 0, &addresses, &count);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *entry = apm__host_entry_create(name, addresses, count);
    apm__os_free(addresses);
    return *entry ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
}

static void perform(struct lookup *lookup)
{
    char own_name[NAME_LIMIT];
    const char *name = lookup->name;
    apm_host_entry *entry = NULL;
    apm_error error = APM_ERROR_SUCCESS;
    apm__os_set_native_error(0);
    if (name[0] == '\0') {
        error = apm__os_host_name(own_name, sizeof own_name);
        name = own_name;
    }
    if (error == APM_ERROR_SUCCESS)
        error = lookup->query == APM__RESOLVER_ENTRY ? resolve_entry(name, &entry) : resolve_addresses(name, &entry);
    lookup->answer(lookup->context, error, entry);
    apm__os_free(lookup);
}

/* -- The threads -- */

/* Sleeps until there is work; false if there was none for long, or the resolver stops. The lock is held. */
static bool sleep_locked(struct lane_thread *self)
{
    uint64_t since_ns = apm__os_monotonic_ns();
    while (!head && !stopping) {
        uint64_t asleep_ns = apm__os_monotonic_ns() - since_ns;
        if (asleep_ns >= (uint64_t)idle_timeout_ns)
            return false;
        self->idle = true;
        apm__atomic_store(&self->wake, 0, APM__RELAXED);
        apm__os_mutex_unlock(&lock);
        apm__os_wait_on_address(&self->wake, 0, idle_timeout_ns - (int64_t)asleep_ns);
        apm__os_mutex_lock(&lock);
        self->idle = false;
    }
    return head != NULL;
}

static void thread_main(void *argument)
{
    struct lane_thread *self = argument;
    apm__os_mutex_lock(&lock);
    while (sleep_locked(self)) {
        struct lookup *lookup = head;
        head = lookup->next;
        if (!head)
            tail = NULL;
        apm__os_mutex_unlock(&lock);
        perform(lookup);
        apm__os_mutex_lock(&lock);
    }
    self->running = false;
    apm__os_mutex_unlock(&lock);
}

static void wake_locked(struct lane_thread *thread)
{
    thread->idle = false; /* so that the next look-up wakes another one */
    apm__atomic_store(&thread->wake, 1, APM__RELAXED);
    apm__os_wake_by_address(&thread->wake);
}

/* Finds a thread for the look-up that has been queued; false if there is none at all. */
static bool find_thread_locked(void)
{
    struct lane_thread *place = NULL;
    bool any = false;
    for (size_t i = 0; i < THREAD_LIMIT; i++) {
        if (threads[i].idle) {
            wake_locked(&threads[i]);
            return true;
        }
        any = any || threads[i].running;
        if (!threads[i].running && !place)
            place = &threads[i];
    }
    if (!place)
        return true;
    if (place->joinable)
        apm__os_thread_join(place->thread); /* it has left the lock for the last time: this takes no time */
    place->joinable = false;
    if (apm__os_thread_create(&place->thread, "apm resolver", thread_main, NULL, place) != APM_ERROR_SUCCESS)
        return any;
    place->joinable = true;
    place->running = true;
    return true;
}

apm_error apm__resolver_submit(const char *name, enum apm__resolver_query query, apm__resolver_answer *answer,
                               void *context)
{
    size_t length = strlen(name);
    APM__CHECK(length <= APM_DNS_MAX_NAME_LENGTH);
    struct lookup *lookup = apm__os_allocate(sizeof *lookup);
    if (!lookup)
        return APM_ERROR_OUT_OF_MEMORY;
    lookup->query = query;
    lookup->answer = answer;
    lookup->context = context;
    memcpy(lookup->name, name, length + 1);

    apm__os_mutex_lock(&lock);
    struct lookup *before = tail;
    if (before)
        before->next = lookup;
    else
        head = lookup;
    tail = lookup;
    bool found = find_thread_locked();
    if (!found) { /* no thread runs, so nothing was queued before */
        head = NULL;
        tail = NULL;
    }
    apm__os_mutex_unlock(&lock);
    if (!found)
        apm__os_free(lookup);
    return found ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
}

bool apm__resolver_stop(uint64_t end_ns)
{
    bool running = true;
    apm__os_mutex_lock(&lock);
    stopping = true;
    for (size_t i = 0; i < THREAD_LIMIT; i++)
        if (threads[i].idle)
            wake_locked(&threads[i]);
    while (running) {
        running = false;
        for (size_t i = 0; i < THREAD_LIMIT; i++)
            running = running || threads[i].running;
        if (!running || apm__os_monotonic_ns() >= end_ns)
            break;
        apm__os_mutex_unlock(&lock);
        apm__parker_park(apm__parker_current(), 1000000); /* a look-up ends when it ends: there is nothing to wake us */
        apm__os_mutex_lock(&lock);
    }
    for (size_t i = 0; i < THREAD_LIMIT; i++) {
        if (!threads[i].joinable || threads[i].running)
            continue;
        apm__os_thread_join(threads[i].thread);
        threads[i].joinable = false;
    }
    stopping = false;
    apm__os_mutex_unlock(&lock);
    return !running;
}

size_t apm__resolver_busy(void)
{
    size_t busy = 0;
    apm__os_mutex_lock(&lock);
    for (size_t i = 0; i < THREAD_LIMIT; i++)
        busy += threads[i].running && !threads[i].idle;
    apm__os_mutex_unlock(&lock);
    return busy;
}
