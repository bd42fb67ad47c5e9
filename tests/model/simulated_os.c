/*
 * The port of os.h to the machine that models run on: what the pool needs of an operating system, without sockets. See
 * machine.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "memory.h"
#include "os.h"

static APM__THREAD_LOCAL int32_t native_error;

/* -- Failure -- */

_Noreturn void apm__os_fail(const char *file, int line, const char *fact)
{
    machine_fail(file, line, fact);
}

void apm__os_log(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
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
    return apm__os_allocate_aligned(sizeof(uint64_t), size);
}

void *apm__os_allocate_aligned(size_t alignment, size_t size)
{
    return memory_allocate(model_self(), alignment, size);
}

void *apm__os_resize(void *memory, size_t size)
{
    void *resized = apm__os_allocate(size);
    if (memory) {
        size_t before = memory_size(memory);
        memcpy(resized, memory, before < size ? before : size);
        machine_free(memory);
    }
    return resized;
}

void apm__os_free(void *memory)
{
    if (memory)
        machine_free(memory);
}

/* -- Locks: the fast halves are steps that wait until the mutex is free, so nobody ever comes to the slow ones -- */

void apm__os_mutex_initialise(apm__os_mutex *mutex)
{
    apm__atomic_store(&mutex->state, 0, APM__RELAXED);
}

void apm__os_mutex_lock_contended(apm__os_mutex *mutex)
{
    (void)mutex;
    apm__os_fail(__FILE__, __LINE__, "a mutex is not locked by the thread that has it, or in set_up while it is held");
}

void apm__os_mutex_wake(apm__os_mutex *mutex)
{
    (void)mutex;
    apm__os_fail(__FILE__, __LINE__, "nobody sleeps on a mutex");
}

bool apm__os_wait_on_address(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    if (!machine_is_running())
        apm__os_fail(__FILE__, __LINE__, "nothing waits in set_up or check");
    return machine_wait(word, expected, timeout_ns);
}

void apm__os_wake_by_address(_Atomic uint32_t *word)
{
    if (machine_is_running())
        machine_wake(word);
}

void apm__os_spin_pause(void)
{
    if (machine_is_running())
        machine_spin();
}

/* -- Threads; a pthread_t is the number of one -- */

apm_error apm__os_thread_create(apm__os_thread *thread, const char *name, void (*body)(void *), void (*exited)(void *),
                                void *argument)
{
    (void)exited; /* simulated threads do not call pthread_exit */
    int number = machine_start(name, body, argument);
    thread->thread = (pthread_t)number;
    return number < 0 ? APM_ERROR_OUT_OF_MEMORY : APM_ERROR_SUCCESS;
}

void apm__os_thread_join(apm__os_thread thread)
{
    machine_join((int)thread.thread);
}

bool apm__os_thread_try_join(apm__os_thread thread)
{
    return machine_try_join((int)thread.thread);
}

uint32_t apm__os_thread_number(void)
{
    return (uint32_t)model_self() + 1;
}

bool apm__os_thread_is_ready(uint32_t number)
{
    (void)number;
    return false;
}

apm__os_thread apm__os_thread_current(void)
{
    return (apm__os_thread){(pthread_t)model_self()};
}

uint64_t apm__os_thread_cpu_ns(apm__os_thread thread)
{
    (void)thread;
    return 0;
}

int apm__os_processor_count(void)
{
    return 2;
}

bool apm__os_at_fork_in_child(void (*hook)(void))
{
    (void)hook;
    return true;
}

bool apm__os_at_thread_exit(void (*hook)(void))
{
    return machine_at_thread_exit(hook);
}

/* -- Clock and environment -- */

uint64_t apm__os_monotonic_ns(void)
{
    return machine_clock_ns();
}

uint64_t apm__os_monotonic_coarse_ns(void)
{
    return machine_clock_ns();
}

const char *apm__os_environment(const char *name)
{
    (void)name;
    return NULL;
}
