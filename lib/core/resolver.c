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
    apm_address_family family;
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

/* An entry of what has been found; NULL in *entry and an error if there is no memory. */
static apm_error make_entry(const char *name, const apm_ip_address *addresses, size_t count, apm_host_entry **entry)
{
    *entry = apm__host_entry_create(name, addresses, count);
    return *entry ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
}

/* An address is the answer itself, if it is of the family that is wanted; `name` NULL: its text is the name. */
static apm_error answer_itself(const struct lookup *lookup, apm_ip_address address, const char *name,
                               apm_host_entry **entry)
{
    char text[APM_IP_ADDRESS_TEXT_SIZE];
    bool wanted = lookup->family == APM_ADDRESS_FAMILY_UNSPECIFIED || lookup->family == address.family;
    if (!name) {
        apm_error error = apm_ip_address_format(address, text, sizeof text);
        APM__CHECK(error == APM_ERROR_SUCCESS); /* it has been read from text, and there is room */
        name = text;
    }
    return make_entry(name, &address, wanted ? 1 : 0, entry);
}

/* Asks for the addresses of a name, and for its canonical name unless only addresses are wanted. */
static apm_error ask(const struct lookup *lookup, const char *name, apm_host_entry **entry)
{
    char canonical[NAME_LIMIT] = "";
    bool by_address = lookup->query == APM__RESOLVER_ADDRESSES;
    apm_ip_address *addresses;
    size_t count;
    apm_error error = apm__os_resolve(name, lookup->family, by_address ? NULL : canonical, sizeof canonical, &addresses,
                                      &count);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = make_entry(by_address ? name : canonical, addresses, count, entry);
    apm__os_free(addresses);
    return error;
}

/* Looks an address up backwards, and then the name that this gives. */
static apm_error ask_backwards(const struct lookup *lookup, apm_ip_address address, apm_host_entry **entry)
{
    char name[NAME_LIMIT];
    apm_error error = apm__os_resolve_address(address, name, sizeof name);
    if (error != APM_ERROR_SUCCESS)
        return lookup->query == APM__RESOLVER_RESOLVE ? answer_itself(lookup, address, NULL, entry) : error;
    error = ask(lookup, name, entry);
    /* As in .NET a name is an answer also if nothing is known of it, or of it in this family. */
    return error == APM_ERROR_SUCCESS || error == APM_ERROR_OUT_OF_MEMORY ? error : make_entry(name, NULL, 0, entry);
}

static apm_error look_up(const struct lookup *lookup, apm_host_entry **entry)
{
    char own_name[NAME_LIMIT];
    const char *name = lookup->name;
    apm_ip_address address;
    if (name[0] == '\0') {
        apm_error error = apm__os_host_name(own_name, sizeof own_name);
        return error == APM_ERROR_SUCCESS ? ask(lookup, own_name, entry) : error;
    }
    if (apm_ip_address_parse(name, &address) != APM_ERROR_SUCCESS)
        return ask(lookup, name, entry);
    switch (lookup->query) {
    case APM__RESOLVER_ADDRESSES: return answer_itself(lookup, address, name, entry);
    case APM__RESOLVER_BY_NAME: return answer_itself(lookup, address, NULL, entry);
    case APM__RESOLVER_ENTRY:
    case APM__RESOLVER_RESOLVE: break;
    }
    return ask_backwards(lookup, address, entry);
}

static void perform(struct lookup *lookup)
{
    apm_host_entry *entry = NULL;
    apm__os_set_native_error(0);
    apm_error error = look_up(lookup, &entry);
    lookup->answer(lookup->context, error, entry);
    apm__os_free(lookup);
}

/* -- The threads -- */

/* Sleeps until there is work; false if there was none for long, or the resolver stops. The lock is held. */
static bool sleep_locked(struct lane_thread *self) APM__REQUIRES(lock)
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

apm_error apm__resolver_submit(const struct apm__resolver_question *question, apm__resolver_answer *answer,
                               void *context)
{
    size_t length = strlen(question->name);
    APM__CHECK(length <= APM_DNS_MAX_NAME_LENGTH);
    struct lookup *lookup = apm__os_allocate(sizeof *lookup);
    if (!lookup)
        return APM_ERROR_OUT_OF_MEMORY;
    lookup->query = question->query;
    lookup->family = question->family;
    lookup->answer = answer;
    lookup->context = context;
    memcpy(lookup->name, question->name, length + 1);

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
