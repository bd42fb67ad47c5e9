/*
 * The port of os.h to the simulated machine: reporting, memory, threads, locks, clock and environment. See machine.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "memory.h"
#include "network.h"
#include "os.h"
#include "shortage.h"
#include "workload.h"

static APM__THREAD_LOCAL int32_t native_error;

/* -- Failure -- */

_Noreturn void apm__os_fail(const char *file, int line, const char *fact)
{
    sim_fail("%s:%d: broken invariant: %s", file, line, fact);
}

/* What the library says is part of the trace; sim_heard looks at it. */
void apm__os_log(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    sim_trace("the library says: %s", line);
    sim_heard(line);
}

size_t apm__os_callers(void **addresses, size_t capacity)
{
    (void)addresses;
    (void)capacity;
    return 0;
}

void apm__os_describe_address(void *address, char *text, size_t size)
{
    snprintf(text, size, "%p", address);
}

int32_t apm__os_native_error(void)
{
    return native_error;
}

void apm__os_set_native_error(int32_t code)
{
    native_error = code;
}

/* -- Memory -- */

void *apm__os_allocate(size_t size)
{
    return sim_runs_out(SIM_MEMORY) ? NULL : sim_memory_allocate(sizeof(uint64_t), size);
}

void *apm__os_allocate_aligned(size_t alignment, size_t size)
{
    return sim_runs_out(SIM_MEMORY) ? NULL : sim_memory_allocate(alignment, size);
}

void *apm__os_resize(void *memory, size_t size)
{
    void *resized = apm__os_allocate(size);
    if (resized && memory) {
        size_t before = sim_memory_size(memory);
        memcpy(resized, memory, before < size ? before : size);
        sim_memory_free(memory);
    }
    return resized;
}

void apm__os_free(void *memory)
{
    if (memory)
        sim_memory_free(memory);
}

/* -- Locks: as in the port for POSIX, but for the number of spins -- */

void apm__os_mutex_initialise(apm__os_mutex *mutex)
{
    apm__atomic_store(&mutex->state, 0, APM__RELAXED);
    apm__os_mutex_set_rank(mutex, APM__RANK_LEAF);
}

void apm__os_mutex_lock_contended(apm__os_mutex *mutex)
{
    for (uint32_t spins = sim_random(4); spins > 0; spins--) {
        uint32_t free = 0;
        if (apm__atomic_load(&mutex->state, APM__RELAXED) == 0 &&
            apm__atomic_replace(&mutex->state, &free, 1, APM__ACQUIRE))
            return;
        apm__os_spin_pause();
    }
    while (apm__atomic_exchange(&mutex->state, 2, APM__ACQUIRE) != 0)
        apm__os_wait_on_address(&mutex->state, 2, -1);
}

void apm__os_mutex_wake(apm__os_mutex *mutex)
{
    apm__os_wake_by_address(&mutex->state);
}

bool apm__os_wait_on_address(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    bool is_held_up = sim_setting_monitor_sleeps() && strcmp(sim_thread_name(), "apm monitor") == 0;
    uint64_t until_ns = is_held_up ? SIM_NEVER : sim_until(timeout_ns);
    sim_point(word, sim_function, sim_line); /* whoever looks where it sleeps wants to see the caller */
    if (atomic_load_explicit(word, memory_order_relaxed) != expected || sim_one_in(64)) /* or for no reason */
        return true;
    return sim_sleep(word, until_ns, "on an address");
}

void apm__os_wake_by_address(_Atomic uint32_t *word)
{
    SIM_POINT(); /* the word need not be there any more */
    sim_wake_one(word);
}

void apm__os_spin_pause(void)
{
    sim_spin();
}

/* -- Threads; a pthread_t is the number of one -- */

apm_error apm__os_thread_create(apm__os_thread *thread, const char *name, void (*body)(void *), void (*exited)(void *),
                                void *argument)
{
    (void)exited; /* simulated threads do not call pthread_exit */
    SIM_POINT();
    int number = sim_runs_out(SIM_THREADS) ? SIM_NO_THREAD : sim_thread_start(name, body, argument);
    thread->thread = (pthread_t)number;
    if (number == SIM_NO_THREAD)
        return APM_ERROR_OUT_OF_MEMORY;
    return APM_ERROR_SUCCESS;
}

void apm__os_thread_join(apm__os_thread thread)
{
    SIM_POINT();
    sim_thread_join((int)thread.thread);
}

bool apm__os_thread_try_join(apm__os_thread thread)
{
    SIM_POINT();
    if (!sim_thread_has_ended((int)thread.thread))
        return false;
    sim_thread_retire((int)thread.thread);
    return true;
}

apm__os_thread apm__os_thread_current(void)
{
    return (apm__os_thread){(pthread_t)sim_thread_current()};
}

uint64_t apm__os_thread_cpu_ns(apm__os_thread thread)
{
    SIM_POINT();
    return sim_thread_cpu_ns((int)thread.thread);
}

uint32_t apm__os_thread_number(void)
{
    return (uint32_t)sim_thread_current() + 1;
}

bool apm__os_thread_is_ready(uint32_t number)
{
    SIM_POINT();
    return sim_thread_can_run((int)number - 1);
}

int apm__os_processor_count(void)
{
    return sim_setting_processors();
}

bool apm__os_at_fork_in_child(void (*hook)(void))
{
    (void)hook; /* nothing forks */
    return true;
}

bool apm__os_at_thread_exit(void (*hook)(void))
{
    return sim_thread_at_exit(hook);
}

/* -- Clock and environment -- */

uint64_t apm__os_monotonic_ns(void)
{
    SIM_POINT();
    return sim_now_ns();
}

uint64_t apm__os_monotonic_coarse_ns(void)
{
    const uint64_t tick_ns = 4 * SIM_MS;
    return sim_now_ns() / tick_ns * tick_ns;
}

uint64_t apm__os_process_id(void)
{
    return 1;
}

const char *apm__os_environment(const char *name)
{
    return strcmp(name, "APM_ENGINE") == 0 ? sim_setting_engine() : NULL;
}
