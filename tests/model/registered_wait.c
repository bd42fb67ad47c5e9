/*
 * Unregistering a wait against its callbacks, beside signals and time-outs (lib/core/registered_wait.c, the watchers of
 * pool/wait_list.c, and pool/alarm.c): no signal is lost or brings two callbacks, a wait that executes once does, and
 * nothing of a wait runs when the event of its end is set.
 *
 * The object is a semaphore, since its tokens can be counted: each that was released has brought a callback, or is
 * still there. The pool is a simulated one (simulated_pool.h): its deadlines are real, and each callback has a thread
 * of its own. Results are no objects here: what lib/core/wait_handle.c does is cut down to the objects of the pool.
 */
#include "registered_wait.h"
#include "apm/registered_wait.h"
#include "apm/semaphore.h"
#include "model.h"
#include "simulated_pool.h"
#include "wait_handle.h"
#include "waitable.h"

enum { NEVER = -1, SOON_MS = 1, LONG_MS = 20, ONE_TOKEN = 2 };

static apm_registered_wait_handle registered;
static apm_semaphore semaphore;
static struct apm__slot *semaphore_slot;
static apm_manual_reset_event event;
static struct apm__slot *event_slot;
static int64_t timeout_ms;
static bool once;
static bool unregisters_itself;    /* the first callback does */
static uint32_t given;             /* tokens; set by set_up */
static _Atomic uint32_t signalled; /* callbacks that have begun, because of a token */
static _Atomic uint32_t timed_out; /* and because of the time */
static _Atomic uint32_t over;      /* 1: the event of the wait's end has been seen */
static bool signals;               /* the event will be set; written by who unregisters */

apm_error apm__wait_object_hold(apm_wait_handle handle, struct apm__slot **slot)
{
    return apm__waitable_hold(handle.bits, slot);
}

void apm__wait_object_release(struct apm__slot *slot)
{
    apm__waitable_release(slot);
}

static void unregister_and_signal(void)
{
    apm_error error = apm_registered_wait_handle_unregister(registered, apm_manual_reset_event_to_wait_handle(event));
    MODEL_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED);
    signals = signals || error == APM_ERROR_SUCCESS;
}

static void callback(void *state, bool by_time)
{
    MODEL_CHECK(state == &registered);
    uint32_t before = apm__atomic_add(by_time ? &timed_out : &signalled, 1, APM__SEQ_CST);
    if (unregisters_itself && before == 0)
        unregister_and_signal();
    MODEL_CHECK(apm__atomic_load(&over, APM__SEQ_CST) == 0);
}

static void register_wait(void)
{
    apm_error error = apm_thread_pool_register_wait_for_single_object((apm_thread_pool)APM_NULL_HANDLE,
                                                                      apm_semaphore_to_wait_handle(semaphore), callback,
                                                                      &registered, timeout_ms, once, &registered);
    MODEL_CHECK(error == APM_ERROR_SUCCESS);
}

static void create(uint32_t tokens, int64_t limit_ms, bool executes_once)
{
    given = tokens;
    timeout_ms = limit_ms;
    once = executes_once;
    model_pool_create();
    MODEL_CHECK(apm_semaphore_create(0, 2, &semaphore) == APM_ERROR_SUCCESS);
    MODEL_CHECK(apm__waitable_hold(semaphore.bits, &semaphore_slot) == APM_ERROR_SUCCESS);
    MODEL_CHECK(apm_manual_reset_event_create(false, &event) == APM_ERROR_SUCCESS);
    MODEL_CHECK(apm__waitable_hold(event.bits, &event_slot) == APM_ERROR_SUCCESS); /* until the program ends, both */
    model_name(semaphore_slot, sizeof(struct apm__waitable), "the semaphore's");
    model_name(event_slot, sizeof *event_slot, "the event's");
}

static void one_token(void)
{
    create(1, NEVER, true);
}

static void once_without_limit(void)
{
    create(1, NEVER, true);
    register_wait();
}

static void once_with_limit(void)
{
    create(1, SOON_MS, true);
    register_wait();
}

static void repeating_without_limit(void)
{
    create(2, NEVER, false);
    register_wait();
}

static void repeating_that_unregisters_itself(void)
{
    repeating_without_limit();
    unregisters_itself = true;
}

static void repeating_with_limit(void)
{
    create(0, SOON_MS, false);
    register_wait();
}

static void repeating_with_limit_and_token(void)
{
    create(1, SOON_MS, false);
    register_wait();
}

/* -- What threads do -- */

static void give_one(void)
{
    MODEL_CHECK(apm_semaphore_release(semaphore, 1, NULL) == APM_ERROR_SUCCESS);
}

static void give_two(void)
{
    give_one();
    give_one();
}

static void soon_comes(void)
{
    model_pool_pass_ms(SOON_MS);
}

static void unregister(void)
{
    apm_error error = apm_registered_wait_handle_unregister(registered, (apm_wait_handle)APM_NULL_HANDLE);
    MODEL_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED);
}

/* Nothing of the wait runs when the event is set. */
static void wait_for_end(void)
{
    while (!(apm__atomic_load(&event_slot->control, APM__ACQUIRE) & APM__SLOT_SIGNALLED))
        apm__os_spin_pause();
    apm__atomic_store(&over, 1, APM__SEQ_CST);
}

static void unregister_and_wait(void)
{
    unregister_and_signal();
    if (signals)
        wait_for_end();
}

/* -- What must hold in the end -- */

static uint32_t references(struct apm__slot *slot)
{
    return (uint32_t)apm__atomic_load(&slot->control, APM__RELAXED) & APM__SLOT_REFERENCES;
}

/* Each token has brought one callback, or is there. */
static void check_tokens(void)
{
    uint64_t word = apm__atomic_load(&((struct apm__waitable *)semaphore_slot)->word, APM__RELAXED);
    uint32_t left = (uint32_t)(word & UINT32_MAX) / ONE_TOKEN;
    uint32_t by_token = apm__atomic_load(&signalled, APM__RELAXED);
    MODEL_CHECK(by_token + left == given);
    MODEL_CHECK(!once || by_token + apm__atomic_load(&timed_out, APM__RELAXED) <= 1);
}

static void check_gone(void)
{
    struct apm__registered_wait_view found;
    uint32_t place = 0;
    bool is_set = (apm__atomic_load(&event_slot->control, APM__RELAXED) & APM__SLOT_SIGNALLED) != 0;
    MODEL_CHECK(!apm__registered_wait_view_next(&place, &found) && model_pool_has_no_deadlines());
    MODEL_CHECK(references(semaphore_slot) == 2 && references(event_slot) == 2); /* the creator's, the model's own */
    MODEL_CHECK(semaphore_slot->waiters == NULL && is_set == signals);
    check_tokens();
}

/* All that has come has brought its callback, and a wait that executes once is over. */
static void check_executed(void)
{
    uint32_t count = apm__atomic_load(&signalled, APM__RELAXED) + apm__atomic_load(&timed_out, APM__RELAXED);
    check_tokens();
    MODEL_CHECK(once ? count == 1 : count >= given);
    model_pool_pass_ms(LONG_MS);
    give_one();
    given++;
    check_tokens();
    unregister();
    check_gone();
}

static const struct model models[] = {
    {
        .name = "a_wait_that_is_registered_beside_a_signal_executes",
        .set_up = one_token,
        .threads = {MODEL_THREAD(register_wait), MODEL_THREAD(give_one)},
        .check = check_executed,
    },
    {
        .name = "a_wait_with_a_signal_beside_a_time_out_executes_once",
        .set_up = once_with_limit,
        .threads = {MODEL_THREAD(give_one), MODEL_THREAD(soon_comes)},
        .check = check_executed,
    },
    {
        .name = "each_signal_of_a_repeating_wait_brings_a_callback",
        .set_up = repeating_without_limit,
        .threads = {MODEL_THREAD(give_one), MODEL_THREAD(give_one)},
        .check = check_executed,
        .preemptions = 3,
    },
    {
        .name = "nothing_of_a_wait_runs_when_its_end_is_signalled_beside_a_signal",
        .set_up = once_without_limit,
        .threads = {MODEL_THREAD(give_one), MODEL_THREAD(unregister_and_wait)},
        .check = check_gone,
    },
    {
        .name = "nothing_of_a_wait_runs_when_its_end_is_signalled_beside_a_time_out",
        .set_up = repeating_with_limit,
        .threads = {MODEL_THREAD(soon_comes), MODEL_THREAD(unregister_and_wait)},
        .check = check_gone,
    },
    {
        .name = "nothing_of_a_wait_runs_when_its_end_is_signalled_beside_a_signal_and_a_time_out",
        .set_up = once_with_limit,
        .threads = {MODEL_THREAD(give_one), MODEL_THREAD(soon_comes), MODEL_THREAD(unregister_and_wait)},
        .check = check_gone,
    },
    {
        .name = "nothing_of_a_repeating_wait_runs_when_its_end_is_signalled",
        .set_up = repeating_without_limit,
        .threads = {MODEL_THREAD(give_two), MODEL_THREAD(unregister_and_wait)},
        .check = check_gone,
        .preemptions = 2,
    },
    {
        .name = "nothing_of_a_repeating_wait_runs_when_its_end_is_signalled_beside_a_signal_and_a_time_out",
        .set_up = repeating_with_limit_and_token,
        .threads = {MODEL_THREAD(give_one), MODEL_THREAD(soon_comes), MODEL_THREAD(unregister_and_wait)},
        .check = check_gone,
        .preemptions = 2,
    },
    {
        .name = "a_callback_unregisters_its_own_wait_beside_a_signal",
        .set_up = repeating_that_unregisters_itself,
        .threads = {MODEL_THREAD(give_two), MODEL_THREAD(wait_for_end)},
        .check = check_gone,
        .preemptions = 2,
    },
    {
        .name = "of_two_that_unregister_a_wait_beside_a_signal_one_does",
        .set_up = once_without_limit,
        .threads = {MODEL_THREAD(give_one), MODEL_THREAD(unregister), MODEL_THREAD(unregister_and_wait)},
        .check = check_gone,
        .preemptions = 2,
    },
};

MODEL_MAIN(models)
