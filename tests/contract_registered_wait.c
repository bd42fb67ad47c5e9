/*
 * Registered waits: who gets a signal, what becomes of callbacks that have not begun, and that nobody starves.
 */
#include <string.h>

#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;
static const apm_wait_handle no_event = APM_NULL_HANDLE;

/* What the callbacks of a registered wait do: count, and wait for the gate if there is one. */
struct watch {
    apm_registered_wait_handle registered;
    struct latch calls;
    struct latch returned;
    struct latch *gate;
    _Atomic size_t time_outs;
};

static void on_wait(void *state, bool timed_out)
{
    struct watch *watch = state;

    if (timed_out) {
        atomic_fetch_add(&watch->time_outs, 1);
    }
    latch_add(&watch->calls, 1);
    if (watch->gate) {
        LATCH_AWAIT(watch->gate, 1);
    }
    latch_add(&watch->returned, 1);
}

static void watch_init(struct watch *watch)
{
    memset(watch, 0, sizeof *watch);
    latch_init(&watch->calls);
    latch_init(&watch->returned);
}

static void watch_start(struct watch *watch, uint64_t handle, int64_t timeout_ms, bool once)
{
    apm_wait_handle wait_handle = {handle};

    CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(default_pool, wait_handle, on_wait, watch, timeout_ms,
                                                                  once, &watch->registered));
}

static apm_manual_reset_event manual_create(void)
{
    apm_manual_reset_event event;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &event));
    return event;
}

static apm_auto_reset_event auto_create(void)
{
    apm_auto_reset_event event;

    CHECK_SUCCESS(apm_auto_reset_event_create(false, &event));
    return event;
}

static void watch_stop(struct watch *watch)
{
    apm_manual_reset_event done = manual_create();

    CHECK_SUCCESS(
        apm_registered_wait_handle_unregister(watch->registered, apm_manual_reset_event_to_wait_handle(done)));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(done, PATIENCE_MS));
    CHECK_SUCCESS(apm_manual_reset_event_close(done));
    CHECK_EQ(latch_count(&watch->returned), latch_count(&watch->calls));
}

static struct watch watch;
static struct watch other;

/* -- Callbacks that have not begun ------------------------------------------------------------------------------- */

static struct latch gate = LATCH_INITIALIZER;
static struct watch blocker;

/* Has the pool's only worker in a callback until the gate opens. */
static void block_the_pool(void)
{
    apm_manual_reset_event event = manual_create();

    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 1));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, 1));
    watch_init(&blocker);
    blocker.gate = &gate;
    watch_start(&blocker, event.bits, 0, true);
    LATCH_AWAIT(&blocker.calls, 1);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

static void free_the_pool(void)
{
    latch_add(&gate, 1);
    watch_stop(&blocker);
}

TEST(each_signal_of_an_auto_reset_event_is_taken_and_called_also_while_no_worker_is_free)
{
    apm_auto_reset_event event = auto_create();

    block_the_pool();
    watch_init(&watch);
    watch_start(&watch, event.bits, APM_TIMEOUT_INFINITE, false);
    for (int i = 0; i < 5; i++) {
        CHECK_SUCCESS(apm_auto_reset_event_set(event));
    }
    CHECK_ERROR(apm_auto_reset_event_wait_one(event, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_EQ(latch_count(&watch.calls), 0);
    free_the_pool();
    LATCH_AWAIT(&watch.calls, 5);
    CHECK(!latch_wait(&watch.calls, 6, SHORT_WHILE_MS));
    watch_stop(&watch);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
}

TEST(a_signal_that_was_taken_brings_its_callback_although_the_wait_is_unregistered)
{
    apm_auto_reset_event event = auto_create();
    apm_manual_reset_event done = manual_create();

    block_the_pool();
    watch_init(&watch);
    watch_start(&watch, event.bits, APM_TIMEOUT_INFINITE, false);
    CHECK_SUCCESS(apm_auto_reset_event_set(event));
    CHECK_SUCCESS(apm_registered_wait_handle_unregister(watch.registered, apm_manual_reset_event_to_wait_handle(done)));
    CHECK_ERROR(apm_manual_reset_event_wait_one(done, SHORT_WHILE_MS), APM_ERROR_WAIT_TIMEOUT);
    free_the_pool();
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(done, PATIENCE_MS));
    CHECK_EQ(latch_count(&watch.returned), 1);
    CHECK_SUCCESS(apm_manual_reset_event_close(done));
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
}

TEST(time_outs_do_not_pile_up_while_no_worker_is_free)
{
    apm_manual_reset_event event = manual_create();

    block_the_pool();
    watch_init(&watch);
    watch_start(&watch, event.bits, 1, false);
    CHECK(!latch_wait(&watch.calls, 1, 2 * SHORT_WHILE_MS));
    CHECK_SUCCESS(apm_registered_wait_handle_unregister(watch.registered, no_event));
    free_the_pool();
    LATCH_AWAIT(&watch.calls, 1);
    CHECK(!latch_wait(&watch.calls, 2, SHORT_WHILE_MS));
    CHECK_EQ(atomic_load(&watch.time_outs), 1);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

/* -- Who gets a signal ------------------------------------------------------------------------------------------- */

TEST(each_signal_goes_to_one_of_several_waits_in_turn)
{
    apm_auto_reset_event event = auto_create();

    watch_init(&watch);
    watch_init(&other);
    watch_start(&watch, event.bits, APM_TIMEOUT_INFINITE, false);
    watch_start(&other, event.bits, APM_TIMEOUT_INFINITE, false);
    for (size_t i = 1; i <= 10; i++) {
        CHECK_SUCCESS(apm_auto_reset_event_set(event));
        LATCH_AWAIT(i % 2 ? &watch.calls : &other.calls, (i + 1) / 2);
    }
    CHECK_EQ(latch_count(&watch.calls), 5);
    CHECK_EQ(latch_count(&other.calls), 5);
    watch_stop(&watch);
    watch_stop(&other);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
}

struct sleeper {
    apm_auto_reset_event event;
    struct latch woken;
};

static void wait_for_event(void *argument)
{
    struct sleeper *sleeper = argument;

    CHECK_SUCCESS(apm_auto_reset_event_wait_one(sleeper->event, PATIENCE_MS));
    latch_add(&sleeper->woken, 1);
}

TEST(a_repeating_wait_does_not_keep_signals_from_threads)
{
    struct sleeper sleeper = {.event = auto_create(), .woken = LATCH_INITIALIZER};
    struct thread thread;

    watch_init(&watch);
    watch_start(&watch, sleeper.event.bits, APM_TIMEOUT_INFINITE, false);
    thread_start(&thread, wait_for_event, &sleeper);
    for (size_t sets = 1; latch_count(&sleeper.woken) == 0; sets++) { /* as soon as it waits, it is next but one */
        CHECK_SUCCESS(apm_auto_reset_event_set(sleeper.event));
        while (latch_count(&watch.calls) + latch_count(&sleeper.woken) < sets) {
            (void)latch_wait(&watch.calls, sets, 1);
        }
    }
    thread_join(&thread);
    watch_stop(&watch);
    CHECK_SUCCESS(apm_auto_reset_event_close(sleeper.event));
}

TEST(all_waits_for_a_manual_reset_event_are_released_by_one_set_and_one_reset)
{
    enum { WAITS = 50 };
    static struct watch watches[WAITS];
    apm_manual_reset_event event = manual_create();

    for (int i = 0; i < WAITS; i++) {
        watch_init(&watches[i]);
        watch_start(&watches[i], event.bits, APM_TIMEOUT_INFINITE, i % 2 == 0);
    }
    CHECK_SUCCESS(apm_manual_reset_event_set(event));
    CHECK_SUCCESS(apm_manual_reset_event_reset(event));
    for (int i = 0; i < WAITS; i++) {
        LATCH_AWAIT(&watches[i].calls, 1);
        watch_stop(&watches[i]);
    }
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

/* -- Time-outs --------------------------------------------------------------------------------------------------- */

TEST(the_time_starts_anew_with_each_signal)
{
    apm_auto_reset_event event = auto_create();
    int64_t since_ms = harness_now_ms();
    bool slow = false;

    watch_init(&watch);
    watch_start(&watch, event.bits, 1000, false);
    for (size_t i = 1; harness_now_ms() - since_ms < 1500; i++) {
        int64_t before_ms = harness_now_ms();

        CHECK_SUCCESS(apm_auto_reset_event_set(event));
        LATCH_AWAIT(&watch.calls, i);
        CHECK(!latch_wait(&watch.calls, i + 1, 20) || atomic_load(&watch.time_outs) > 0);
        slow = slow || harness_now_ms() - before_ms > 900;
    }
    CHECK(slow || atomic_load(&watch.time_outs) == 0);
    watch_stop(&watch);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
}

/* -- Storms ------------------------------------------------------------------------------------------------------ */

static void expect_everything_else_to_go_on(void)
{
    peered_socket pair = peered_socket_create();
    apm_auto_reset_event event = auto_create();
    uint8_t buffer[4];

    watch_init(&other);
    watch_start(&other, event.bits, 1, false);
    for (size_t i = 1; i <= 20; i++) {
        struct operation receive;
        size_t received;

        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        raw_write(pair.peer, "data", 4);
        LATCH_AWAIT(&receive.called, 1);
        CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive.result, &received));
        CHECK_SUCCESS(apm_auto_reset_event_set(event));
        LATCH_AWAIT(&other.calls, i);
    }
    while (atomic_load(&other.time_outs) == 0) {
        LATCH_AWAIT(&other.calls, latch_count(&other.calls) + 1);
    }
    watch_stop(&other);
    peered_socket_close(pair);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
}

TEST(a_manual_reset_event_left_set_starves_nobody)
{
    apm_manual_reset_event event = manual_create();

    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 1));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, 1));
    CHECK_SUCCESS(apm_manual_reset_event_set(event));
    watch_init(&watch);
    watch_start(&watch, event.bits, APM_TIMEOUT_INFINITE, false);
    expect_everything_else_to_go_on();
    CHECK(latch_count(&watch.calls) > 20);
    watch_stop(&watch);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

TEST(a_repeating_time_out_of_0_starves_nobody)
{
    apm_manual_reset_event event = manual_create();

    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 1));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, 1));
    watch_init(&watch);
    watch_start(&watch, event.bits, 0, false);
    expect_everything_else_to_go_on();
    CHECK(atomic_load(&watch.time_outs) > 20);
    CHECK_SUCCESS(apm_manual_reset_event_set(event));
    watch_stop(&watch);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

/* -- Handles and ends -------------------------------------------------------------------------------------------- */

TEST(a_closed_event_can_be_set_as_long_as_somebody_is_registered)
{
    apm_manual_reset_event event = manual_create();

    watch_init(&watch);
    watch_start(&watch, event.bits, APM_TIMEOUT_INFINITE, true);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
    CHECK_SUCCESS(apm_manual_reset_event_set(event));
    LATCH_AWAIT(&watch.calls, 1);
    watch_stop(&watch);
}

TEST(what_is_no_event_cannot_be_signalled_and_leaves_the_wait_as_it_is)
{
    apm_auto_reset_event event = auto_create();
    apm_manual_reset_event closed = manual_create();
    apm_registered_wait_handle none = APM_NULL_HANDLE;
    apm_registered_wait_handle invented = {UINT64_C(0x7123456789abcdef)};
    apm_wait_handle wrong;

    CHECK_SUCCESS(apm_manual_reset_event_close(closed));
    watch_init(&watch);
    watch_start(&watch, event.bits, APM_TIMEOUT_INFINITE, false);
    wrong.bits = watch.registered.bits;
    CHECK_ERROR(apm_registered_wait_handle_unregister(watch.registered, wrong), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_registered_wait_handle_unregister(watch.registered, apm_manual_reset_event_to_wait_handle(closed)),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_registered_wait_handle_unregister(none, no_event), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_registered_wait_handle_unregister(invented, no_event), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_auto_reset_event_set(event));
    LATCH_AWAIT(&watch.calls, 1);
    watch_stop(&watch);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
}

static void leave_the_thread(void *state, bool timed_out)
{
    (void)timed_out;
    latch_add(state, 1);
    pthread_exit(NULL);
}

TEST(a_callback_that_ends_its_thread_counts_as_returned)
{
    apm_manual_reset_event event = manual_create();
    apm_manual_reset_event done = manual_create();
    apm_registered_wait_handle registered;
    struct latch called = LATCH_INITIALIZER;

    CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(
        default_pool, apm_manual_reset_event_to_wait_handle(event), leave_the_thread, &called, 1, false, &registered));
    LATCH_AWAIT(&called, 3);
    CHECK_SUCCESS(apm_registered_wait_handle_unregister(registered, apm_manual_reset_event_to_wait_handle(done)));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(done, PATIENCE_MS));
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
    CHECK_SUCCESS(apm_manual_reset_event_close(done));
}

TEST(cleanup_ends_registered_waits_and_waits_for_their_callbacks)
{
    apm_manual_reset_event set = manual_create();
    apm_auto_reset_event unset = auto_create();
    peered_socket pair = peered_socket_create();
    struct latch own_gate = LATCH_INITIALIZER;
    static struct watch of_result;
    struct operation receive;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    watch_init(&of_result);
    watch_start(&of_result, receive.result.bits, 100000, true);
    watch_init(&other);
    watch_start(&other, unset.bits, 100000, false);
    watch_init(&watch);
    watch.gate = &own_gate;
    CHECK_SUCCESS(apm_manual_reset_event_set(set));
    watch_start(&watch, set.bits, APM_TIMEOUT_INFINITE, true);
    LATCH_AWAIT(&watch.calls, 1);
    CHECK_ERROR(apm_cleanup(SHORT_WHILE_MS), APM_ERROR_TIMED_OUT);
    latch_add(&own_gate, 1);
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK_EQ(latch_count(&watch.returned), 1);
    CHECK_EQ(latch_count(&other.calls), 0);
    CHECK_ERROR(apm_registered_wait_handle_unregister(watch.registered, no_event), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_registered_wait_handle_unregister(other.registered, no_event), APM_ERROR_OBJECT_DISPOSED);
    raw_close(pair.peer);
}

TEST(a_pool_of_the_programs_ends_its_registered_waits_and_lets_go_of_what_they_wait_for)
{
    apm_manual_reset_event event = manual_create();
    apm_thread_pool pool;

    CHECK_SUCCESS(apm_thread_pool_create(1, 1, &pool));
    watch_init(&watch);
    CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(pool, apm_manual_reset_event_to_wait_handle(event),
                                                                  on_wait, &watch, 1, false, &watch.registered));
    LATCH_AWAIT(&watch.calls, 3);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
    CHECK_SUCCESS(apm_manual_reset_event_set(event)); /* it is held; and this is a storm */
    CHECK_SUCCESS(apm_thread_pool_destroy(pool, PATIENCE_MS));
    CHECK_EQ(latch_count(&watch.returned), latch_count(&watch.calls));
    CHECK_ERROR(apm_manual_reset_event_set(event), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_registered_wait_handle_unregister(watch.registered, no_event), APM_ERROR_OBJECT_DISPOSED);
}

LIBRARY_TEST_MAIN()
