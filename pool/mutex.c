/*
 * Mutexes with an owner, who may take them again, and who abandons them when it ends. Any thread.
 *
 * The word is the address of the owner's struct apm__thread, 0 for none, with the guard in bit 0. The thread is
 * compared with and never looked into: it may belong to anybody.
 *
 * A mutex that is owned is in its owner's list, with a reference, so that it is still there for the owner to release or
 * to abandon when its handle has been closed. What the owner has (recursion, the list, `abandoned`) is touched by the
 * owner alone: whoever releases a waiter makes it the owner by the word only, and the waiter does the rest itself when
 * its wait is over (taken). It cannot end before. Giving a mutex up goes the other way round: first what the owner has,
 * then the word.
 */
#include "apm/mutex.h"

#include "check.h"
#include "process.h"
#include "waitable.h"

struct apm__mutex {
    struct apm__waitable waitable;

    /* owned by the owner; the step of the word from owner to owner orders them */
    struct apm__mutex *next; /* in its list */
    struct apm__mutex *previous;
    uint64_t recursion; /* how often it has been taken and not released; 0 until `taken` */
    bool abandoned;     /* the owner before has ended */
};

struct apm__slot_table apm__mutexes = APM__SLOT_TABLE(APM__KIND_MUTEX, struct apm__mutex, NULL);

/* -- The word -- */

static uint64_t owner_of(uint64_t word)
{
    return word & ~(uint64_t)APM__WAITABLE_GUARD;
}

static uint64_t name_of(const struct apm__thread *thread)
{
    return (uint64_t)(uintptr_t)thread;
}

static bool is_available(uint64_t word, const struct apm__thread *thread)
{
    return owner_of(word) == 0 || owner_of(word) == name_of(thread);
}

static uint64_t take(uint64_t word, const struct apm__thread *thread)
{
    return word | name_of(thread);
}

static apm_error let_go_step(uint64_t word, uint64_t unused, uint64_t *changed)
{
    (void)unused;
    *changed = word & APM__WAITABLE_GUARD;
    return APM_ERROR_SUCCESS;
}

static apm_error keep_step(uint64_t word, uint64_t unused, uint64_t *changed)
{
    (void)unused;
    *changed = word;
    return APM_ERROR_SUCCESS;
}

static bool is_mine(const struct apm__mutex *mutex)
{
    /* Relaxed: if it is the calling thread, that thread has seen to it. */
    return owner_of(apm__atomic_load(&mutex->waitable.word, APM__RELAXED)) == name_of(apm__thread_current());
}

bool apm__mutex_is_owned(const struct apm__slot *slot)
{
    return owner_of(apm__atomic_load(&((const struct apm__mutex *)slot)->waitable.word, APM__RELAXED)) != 0;
}

/* -- The owner -- */

static apm_error taken(struct apm__slot *slot)
{
    struct apm__thread *thread = apm__thread_current();
    struct apm__mutex *mutex = (struct apm__mutex *)slot;
    if (mutex->recursion++ > 0)
        return APM_ERROR_SUCCESS;
    apm__slot_retain(slot);
    mutex->previous = NULL;
    mutex->next = thread->owned;
    if (thread->owned)
        thread->owned->previous = mutex;
    thread->owned = mutex;
    bool abandoned = mutex->abandoned;
    mutex->abandoned = false;
    return abandoned ? APM_ERROR_ABANDONED_MUTEX : APM_ERROR_SUCCESS;
}

/* Takes the mutex out of the owner's list, whose reference is the caller's now. */
static void disown(struct apm__mutex *mutex)
{
    if (mutex->previous)
        mutex->previous->next = mutex->next;
    else
        apm__thread_current()->owned = mutex->next;
    if (mutex->next)
        mutex->next->previous = mutex->previous;
    mutex->recursion = 0;
}

/* The caller holds a reference of its own. */
static apm_error begin_release(struct apm__slot *slot, apm__wait_step **step)
{
    struct apm__mutex *mutex = (struct apm__mutex *)slot;
    if (!is_mine(mutex))
        return APM_ERROR_APPLICATION;
    *step = keep_step;
    if (mutex->recursion > 1) {
        mutex->recursion--;
        return APM_ERROR_SUCCESS;
    }
    *step = let_go_step;
    disown(mutex);
    apm__waitable_release(slot);
    return APM_ERROR_SUCCESS;
}

const struct apm__wait_kind apm__wait_mutex = {
    .word = offsetof(struct apm__waitable, word),
    .guard = APM__WAITABLE_GUARD,
    .is_available = is_available,
    .take = take,
    .taken = taken,
    .begin_signal = begin_release,
};

/*
 * Called when a thread ends that has owned a mutex. A worker that has ended may be joined under its pool's lock, so
 * nothing here takes that: releasing a waiter unparks it and no more.
 */
static void abandon_all(void)
{
    struct apm__thread *thread = apm__thread_current();
    thread->will_abandon = false;
    while (thread->owned && !apm__process_is_forked_child()) {
        struct apm__mutex *mutex = thread->owned;
        disown(mutex);
        mutex->abandoned = true;
        apm_error error = apm__wait_change(&mutex->waitable.slot, let_go_step, 0);
        APM__CHECK(error == APM_ERROR_SUCCESS);
        apm__waitable_release(&mutex->waitable.slot);
    }
}

/* Before a thread may come to own a mutex: its end must abandon it. */
static apm_error prepare_thread(void)
{
    struct apm__thread *thread = apm__thread_current();
    if (!thread->will_abandon)
        thread->will_abandon = apm__os_at_thread_exit(abandon_all);
    return thread->will_abandon ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
}

/* -- Holding: a mutex that is closed, and for which nobody waits, is no more, also while somebody owns it -- */

static bool is_disposed(struct apm__slot *slot)
{
    return (apm__atomic_load(&slot->control, APM__RELAXED) & APM__SLOT_CLOSED) && !apm__wait_is_guarded(slot);
}

apm_error apm__mutex_hold(uint64_t bits, struct apm__slot **slot)
{
    apm_error error = apm__slot_acquire(&apm__mutexes, bits, 0, slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = is_disposed(*slot) ? APM_ERROR_OBJECT_DISPOSED : prepare_thread();
    if (error != APM_ERROR_SUCCESS) {
        apm__waitable_release(*slot);
        *slot = NULL;
    }
    return error;
}

/* -- The public functions -- */

apm_error apm_mutex_create(bool initially_owned, apm_mutex *mutex)
{
    struct apm__slot *slot;
    apm_error error = apm__waitable_allocate(&apm__mutexes, mutex ? &mutex->bits : NULL, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (initially_owned)
        error = prepare_thread();
    if (error != APM_ERROR_SUCCESS) {
        apm__slot_free(&apm__mutexes, slot);
        return error;
    }
    struct apm__mutex *created = (struct apm__mutex *)slot;
    created->recursion = 0;
    created->abandoned = false;
    apm__atomic_store(&created->waitable.word, initially_owned ? name_of(apm__thread_current()) : 0, APM__RELAXED);
    apm__waitable_publish(slot, 0, &mutex->bits);
    return initially_owned ? taken(slot) : APM_ERROR_SUCCESS;
}

apm_error apm_mutex_release_mutex(apm_mutex mutex)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&apm__mutexes, mutex.bits, 0, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    bool disposed = is_disposed(slot);
    apm__wait_step *step;
    error = begin_release(slot, &step);
    if (error == APM_ERROR_SUCCESS)
        error = apm__wait_change(slot, step, 0);
    apm__waitable_release(slot);
    return disposed ? APM_ERROR_OBJECT_DISPOSED : error; /* it has been released all the same */
}

apm_error apm_mutex_close(apm_mutex mutex)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&apm__mutexes, mutex.bits, 0, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    error = apm__waitable_close(&apm__mutexes, mutex.bits);
    struct apm__mutex *closed = (struct apm__mutex *)slot;
    if (is_mine(closed) && is_disposed(slot)) { /* nobody else can want it: it need not wait for the thread's end */
        apm__wait_step *step;
        closed->recursion = 1;
        apm_error released = begin_release(slot, &step);
        APM__CHECK(released == APM_ERROR_SUCCESS && apm__wait_change(slot, step, 0) == APM_ERROR_SUCCESS);
    }
    apm__waitable_release(slot);
    return error;
}
