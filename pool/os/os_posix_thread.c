/*
 * Threads, memory, clocks and reporting, by POSIX; locks, by the port's wait-on-address. Any thread.
 */
#include "os.h"

#ifdef __GLIBC__
#include <execinfo.h>
#endif
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static APM__THREAD_LOCAL int32_t native_error;

/* -- Failure -- */

_Noreturn void apm__os_fail(const char *file, int line, const char *fact)
{
    apm__os_log("apm: %s:%d: broken invariant: %s", file, line, fact);
    abort();
}

void apm__os_log(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    size_t used = (size_t)length < sizeof line - 1 ? (size_t)length : sizeof line - 2;
    line[used++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written; /* there is nowhere left to report it */
}

#ifdef __GLIBC__

size_t apm__os_callers(void **addresses, size_t capacity)
{
    enum { OWN = 2, LIMIT = 32 }; /* this function and its caller */
    void *stack[LIMIT];
    int wanted = capacity < LIMIT - OWN ? (int)capacity + OWN : LIMIT;
    int count = backtrace(stack, wanted);
    for (int i = OWN; i < count; i++)
        addresses[i - OWN] = stack[i];
    return count > OWN ? (size_t)count - OWN : 0;
}

void apm__os_describe_address(void *address, char *text, size_t size)
{
    char **names = backtrace_symbols(&address, 1);
    const char *folder = names ? strrchr(names[0], '/') : NULL;
    if (names)
        snprintf(text, size, "%s", folder ? folder + 1 : names[0]);
    else
        snprintf(text, size, "%p", address);
    free(names);
}

#else

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

#endif

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
    return calloc(1, size);
}

void *apm__os_allocate_aligned(size_t alignment, size_t size)
{
    void *memory = NULL;
    if (posix_memalign(&memory, alignment, size) != 0)
        return NULL;
    return memset(memory, 0, size);
}

void *apm__os_resize(void *memory, size_t size)
{
    return realloc(memory, size);
}

void apm__os_free(void *memory)
{
    free(memory);
}

/* -- Locks -- */

void apm__os_mutex_initialise(apm__os_mutex *mutex)
{
    apm__atomic_store(&mutex->state, 0, APM__RELAXED);
    apm__os_mutex_set_rank(mutex, APM__RANK_LEAF);
}

void apm__os_mutex_lock_contended(apm__os_mutex *mutex)
{
    enum { SPINS = 100 };
    for (int i = 0; i < SPINS; i++) { /* what is done under a lock is short */
        uint32_t free = 0;
        if (apm__atomic_load(&mutex->state, APM__RELAXED) == 0 &&
            apm__atomic_replace(&mutex->state, &free, 1, APM__ACQUIRE))
            return;
        apm__os_spin_pause();
    }
    /* From here on the lock is taken as 2: this thread cannot know whether others sleep, too. */
    while (apm__atomic_exchange(&mutex->state, 2, APM__ACQUIRE) != 0)
        apm__os_wait_on_address(&mutex->state, 2, -1);
}

void apm__os_mutex_wake(apm__os_mutex *mutex)
{
    apm__os_wake_by_address(&mutex->state);
}

/* -- Threads -- */

/* What a new thread needs; it frees this itself. */
struct start {
    char name[16];
    void (*body)(void *);
    void (*exited)(void *);
    void *argument;
};

static void *run_thread(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
#ifdef __linux__
    pthread_setname_np(pthread_self(), start.name);
#endif
    if (start.exited) {
        pthread_cleanup_push(start.exited, start.argument);
        start.body(start.argument);
        pthread_cleanup_pop(0);
    } else {
        start.body(start.argument);
    }
    return NULL;
}

apm_error apm__os_thread_create(apm__os_thread *thread, const char *name, void (*body)(void *), void (*exited)(void *),
                                void *argument)
{
    struct start *start = malloc(sizeof *start);
    if (!start)
        return APM_ERROR_OUT_OF_MEMORY;
    *start = (struct start){.body = body, .exited = exited, .argument = argument};
    snprintf(start->name, sizeof start->name, "%s", name);

    /* A thread inherits the mask; signals of faults stay, so that they are reported where they happen. */
    sigset_t blocked;
    sigset_t before;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGTRAP);
    sigdelset(&blocked, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int failed = pthread_create(&thread->thread, NULL, run_thread, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(start);
        native_error = failed;
        return APM_ERROR_OUT_OF_MEMORY;
    }
    return APM_ERROR_SUCCESS;
}

void apm__os_thread_join(apm__os_thread thread)
{
    pthread_join(thread.thread, NULL);
}

apm__os_thread apm__os_thread_current(void)
{
    return (apm__os_thread){pthread_self()};
}

uint64_t apm__os_thread_cpu_ns(apm__os_thread thread)
{
    clockid_t clock;
    struct timespec time;
    if (pthread_getcpuclockid(thread.thread, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

bool apm__os_at_fork_in_child(void (*hook)(void))
{
    return pthread_atfork(NULL, NULL, hook) == 0;
}

enum { EXIT_HOOKS = 4 };

static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static bool has_exit_key;
static APM__THREAD_LOCAL void (*exit_hooks[EXIT_HOOKS])(void);

static void run_exit_hooks(void *unused)
{
    (void)unused; /* the key's value only says that there is a hook */
    for (int i = 0; i < EXIT_HOOKS; i++) {
        void (*hook)(void) = exit_hooks[i];
        exit_hooks[i] = NULL; /* before the call, which may set it again */
        if (hook)
            hook();
    }
}

static void create_exit_key(void)
{
    has_exit_key = pthread_key_create(&exit_key, run_exit_hooks) == 0;
}

bool apm__os_at_thread_exit(void (*hook)(void))
{
    int place = 0;
    pthread_once(&exit_key_once, create_exit_key);
    while (place < EXIT_HOOKS && exit_hooks[place] && exit_hooks[place] != hook)
        place++;
    if (place == EXIT_HOOKS || !has_exit_key || pthread_setspecific(exit_key, &has_exit_key) != 0)
        return false;
    exit_hooks[place] = hook;
    return true;
}

/* -- Clock and environment -- */

static uint64_t read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t apm__os_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

APM__APART uint64_t apm__os_monotonic_coarse_ns(void)
{
#ifdef CLOCK_MONOTONIC_COARSE
    return read_clock(CLOCK_MONOTONIC_COARSE);
#else
    return read_clock(CLOCK_MONOTONIC);
#endif
}

const char *apm__os_environment(const char *name)
{
    return getenv(name);
}
