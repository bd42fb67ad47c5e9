/*
 * Races of registered waits: set and time-out against each other and against unregister, and unregister against the
 * callback.
 */
#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

/* A registered wait for an auto-reset event; what its callback uses is gone once the completion event is set. */
struct target {
    apm_auto_reset_event event;
    apm_registered_wait_handle registered;
    apm_manual_reset_event done;
    struct latch called;
    _Atomic bool gone;
    _Atomic size_t signals;
    _Atomic size_t time_outs;
    _Atomic size_t returned;
};

static void on_wait(void *state, bool timed_out)
{
    struct target *target = state;

    CHECK(!atomic_load(&target->gone));
    atomic_fetch_add(timed_out ? &target->time_outs : &target->signals, 1);
    latch_add(&target->called, 1);
    CHECK(!atomic_load(&target->gone));
    atomic_fetch_add(&target->returned, 1);
}

static void target_register(struct target *target, int64_t timeout_ms, bool once)
{
    CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(
        default_pool, apm_auto_reset_event_to_wait_handle(target->event), on_wait, target, timeout_ms, once,
        &target->registered));
}

static void target_create(struct target *target)
{
    CHECK_SUCCESS(apm_auto_reset_event_create(false, &target->event));
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &target->done));
    latch_init(&target->called);
    atomic_store(&target->gone, false);
    atomic_store(&target->signals, 0);
    atomic_store(&target->time_outs, 0);
    atomic_store(&target->returned, 0);
}

static void target_unregister(struct target *target)
{
    CHECK_SUCCESS(
        apm_registered_wait_handle_unregister(target->registered, apm_manual_reset_event_to_wait_handle(target->done)));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(target->done, PATIENCE_MS));
    atomic_store(&target->gone, true);
    CHECK_EQ(atomic_load(&target->returned), atomic_load(&target->signals) + atomic_load(&target->time_outs));
}

/* The signals that nobody has taken. */
static size_t target_close(struct target *target)
{
    size_t left = apm_auto_reset_event_wait_one(target->event, 0) == APM_ERROR_SUCCESS;

    CHECK_SUCCESS(apm_auto_reset_event_close(target->event));
    CHECK_SUCCESS(apm_manual_reset_event_close(target->done));
    return left;
}

static void set_event(void *argument)
{
    CHECK_SUCCESS(apm_auto_reset_event_set(((struct target *)argument)->event));
}

TEST(set_against_unregister_brings_a_callback_or_leaves_the_event_set)
{
    struct target target;
    struct race race;

    race_start(&race, set_event, &target);
    while (race_goes_on(&race)) {
        target_create(&target);
        target_register(&target, race.rounds % 3 ? -1 : 1000, race.rounds % 2);
        race_clash(&race);
        target_unregister(&target);
        race_settle(&race);
        CHECK_EQ(target_close(&target) + atomic_load(&target.signals), 1);
        CHECK_EQ(atomic_load(&target.time_outs), 0);
    }
    race_stop(&race);
}

TEST(set_against_register_is_not_lost)
{
    struct target target;
    struct race race;

    race_start(&race, set_event, &target);
    while (race_goes_on(&race)) {
        target_create(&target);
        race_clash(&race);
        target_register(&target, -1, race.rounds % 2);
        race_settle(&race);
        LATCH_AWAIT(&target.called, 1);
        target_unregister(&target);
        CHECK_EQ(target_close(&target), 0);
        CHECK_EQ(atomic_load(&target.signals), 1);
    }
    race_stop(&race);
}

TEST(a_time_out_against_a_set_brings_one_callback_which_has_the_signal_or_leaves_it)
{
    struct target target;
    struct race race;

    race_start(&race, set_event, &target);
    while (race_goes_on(&race)) {
        size_t left;

        target_create(&target);
        race_clash(&race);
        target_register(&target, (int64_t)(race.rounds % 2), true);
        race_settle(&race);
        LATCH_AWAIT(&target.called, 1);
        target_unregister(&target);
        left = target_close(&target);
        CHECK_EQ(atomic_load(&target.signals) + atomic_load(&target.time_outs), 1);
        CHECK_EQ(left, atomic_load(&target.time_outs));
    }
    race_stop(&race);
}

TEST(a_repeating_wait_has_a_callback_for_each_set_while_its_time_runs_out)
{
    struct target target;
    struct race race;

    target_create(&target);
    target_register(&target, 1, false);
    race_start(&race, set_event, &target);
    while (race_goes_on(&race)) {
        size_t signals = atomic_load(&target.signals);
        int64_t end_ms = harness_now_ms() + PATIENCE_MS;

        race_clash(&race);
        race_settle(&race);
        while (atomic_load(&target.signals) == signals) {
            CHECK(harness_now_ms() < end_ms);
        }
        CHECK_EQ(atomic_load(&target.signals), signals + 1);
    }
    race_stop(&race);
    target_unregister(&target);
    CHECK_EQ(target_close(&target), 0);
}

/* -- A storm ----------------------------------------------------------------------------------------------------- */

TEST(unregister_against_callbacks_of_an_event_left_set_ends_them)
{
    static struct target targets[16];
    struct race race;

    race_start(&race, set_event, &targets[0]);
    target_create(&targets[0]);
    for (size_t round = 0; race_goes_on(&race); round++) {
        struct target *target = &targets[1 + round % 15];
        apm_manual_reset_event storm;

        target_create(target);
        CHECK_SUCCESS(apm_manual_reset_event_create(true, &storm));
        CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(default_pool,
                                                                      apm_manual_reset_event_to_wait_handle(storm),
                                                                      on_wait, target, -1, false, &target->registered));
        LATCH_AWAIT(&target->called, 1 + round % 4);
        target_unregister(target);
        CHECK_SUCCESS(apm_manual_reset_event_close(storm));
        target_close(target);
        race_clash(&race);
        race_settle(&race);
    }
    race_stop(&race);
    target_close(&targets[0]);
}

struct pulse {
    apm_manual_reset_event event;
    struct latch called;
};

static void count_pulse(void *state, bool timed_out)
{
    CHECK(!timed_out);
    latch_add(&((struct pulse *)state)->called, 1);
}

static void pulse_event(void *argument)
{
    struct pulse *pulse = argument;

    CHECK_SUCCESS(apm_manual_reset_event_set(pulse->event));
    CHECK_SUCCESS(apm_manual_reset_event_reset(pulse->event));
}

TEST(a_pulse_of_a_manual_reset_event_is_not_missed_once_the_last_callback_has_begun)
{
    struct pulse pulse = {.called = LATCH_INITIALIZER};
    apm_registered_wait_handle registered;
    apm_manual_reset_event done;
    struct race race;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &pulse.event));
    CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(
        default_pool, apm_manual_reset_event_to_wait_handle(pulse.event), count_pulse, &pulse, -1, false, &registered));
    race_start(&race, pulse_event, &pulse);
    while (race_goes_on(&race)) {
        size_t before = latch_count(&pulse.called);

        race_clash(&race);
        race_settle(&race);
        LATCH_AWAIT(&pulse.called, before + 1);
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &done));
    CHECK_SUCCESS(apm_registered_wait_handle_unregister(registered, apm_manual_reset_event_to_wait_handle(done)));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(done, PATIENCE_MS));
    CHECK_SUCCESS(apm_manual_reset_event_close(done));
    CHECK_SUCCESS(apm_manual_reset_event_close(pulse.event));
}

LIBRARY_TEST_MAIN()
