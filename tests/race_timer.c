/*
 * Races of timers: change and close against fire, and against each other.
 */
#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

/* What a callback uses, which is gone once the timer's event is set. */
struct target {
    apm_timer timer;
    apm_manual_reset_event done;
    _Atomic bool gone;
    _Atomic size_t begun;
    _Atomic size_t returned;
    _Atomic int64_t last_begun_us;
};

static void tick(void *state)
{
    struct target *target = state;
    int64_t now_us = harness_now_us();
    int64_t last_us = atomic_load(&target->last_begun_us);

    CHECK(!atomic_load(&target->gone));
    while (now_us > last_us && !atomic_compare_exchange_weak(&target->last_begun_us, &last_us, now_us)) {
        continue;
    }
    atomic_fetch_add(&target->begun, 1);
    CHECK(!atomic_load(&target->gone));
    atomic_fetch_add(&target->returned, 1);
}

static void target_create(struct target *target, int64_t due_time_ms, int64_t period_ms)
{
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &target->done));
    atomic_store(&target->gone, false);
    atomic_store(&target->begun, 0);
    atomic_store(&target->returned, 0);
    atomic_store(&target->last_begun_us, 0);
    CHECK_SUCCESS(apm_timer_create(default_pool, tick, target, due_time_ms, period_ms, &target->timer));
}

static apm_error close_and_signal(struct target *target)
{
    return apm_timer_close_and_signal(target->timer, apm_manual_reset_event_to_wait_handle(target->done));
}

/* The event is set, after the last callback and before nothing. */
static void target_end(struct target *target)
{
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(target->done, PATIENCE_MS));
    atomic_store(&target->gone, true);
    CHECK_EQ(atomic_load(&target->begun), atomic_load(&target->returned));
    CHECK_SUCCESS(apm_manual_reset_event_close(target->done));
}

static void do_nothing(void *argument)
{
    (void)argument;
}

TEST(close_against_fire_sets_the_event_after_the_last_callback)
{
    static struct target targets[64];
    struct race race;

    race_start(&race, do_nothing, NULL);
    while (race_goes_on(&race)) {
        struct target *target = &targets[race.rounds % 64];

        /* A slot is used again only rounds later, so a callback that comes too late finds that its target is gone. */
        target_create(target, (int64_t)(race.rounds % 2), (int64_t)(race.rounds % 3));
        for (uint64_t spins = harness_random(&race.random) % 20000; spins > 0; spins--) {
            atomic_load(&target->begun);
        }
        CHECK_SUCCESS(close_and_signal(target));
        target_end(target);
        race_clash(&race);
        race_settle(&race);
    }
    race_stop(&race);
}

static void disarm(void *argument)
{
    struct target *target = argument;

    CHECK_SUCCESS(apm_timer_change(target->timer, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE));
}

TEST(change_to_infinite_against_fire_leaves_one_callback_or_none)
{
    struct target target;
    struct race race;

    race_start(&race, disarm, &target);
    while (race_goes_on(&race)) {
        size_t begun;

        target_create(&target, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE);
        race_clash(&race);
        CHECK_SUCCESS(apm_timer_change(target.timer, (int64_t)(race.rounds % 2), APM_TIMEOUT_INFINITE));
        race_settle(&race);
        CHECK_SUCCESS(apm_timer_change(target.timer, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE));
        CHECK_SUCCESS(close_and_signal(&target));
        target_end(&target);
        begun = atomic_load(&target.begun);
        CHECK(begun <= 1);
    }
    race_stop(&race);
}

static void arm_at_once(void *argument)
{
    struct target *target = argument;

    CHECK_SUCCESS(apm_timer_change(target->timer, 0, APM_TIMEOUT_INFINITE));
}

TEST(two_changes_at_once_leave_the_timer_armed_by_one_of_them)
{
    struct target target;
    struct race race;

    race_start(&race, arm_at_once, &target);
    while (race_goes_on(&race)) {
        target_create(&target, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE);
        race_clash(&race);
        CHECK_SUCCESS(apm_timer_change(target.timer, 0, APM_TIMEOUT_INFINITE));
        race_settle(&race);
        for (int64_t end_ms = harness_now_ms() + PATIENCE_MS; atomic_load(&target.begun) == 0;) {
            CHECK(harness_now_ms() < end_ms); /* no change is lost */
        }
        CHECK_SUCCESS(close_and_signal(&target));
        target_end(&target);
        CHECK(atomic_load(&target.begun) <= 2);
    }
    race_stop(&race);
}

TEST(a_timer_that_is_put_off_while_it_expires_fires_at_its_new_time)
{
    struct target target;
    struct race race;

    race_start(&race, do_nothing, NULL);
    while (race_goes_on(&race)) {
        int64_t end_ms = harness_now_ms() + PATIENCE_MS;
        int64_t put_off_us;

        target_create(&target, 1, APM_TIMEOUT_INFINITE);
        for (uint64_t spins = harness_random(&race.random) % 100000; spins > 0; spins--) {
            atomic_load(&target.begun);
        }
        put_off_us = harness_now_us();
        CHECK_SUCCESS(apm_timer_change(target.timer, 3, APM_TIMEOUT_INFINITE));
        while (apm_timer_active_count() > 0) {
            CHECK(harness_now_ms() < end_ms);
        }
        CHECK_SUCCESS(close_and_signal(&target));
        target_end(&target);
        /* It may have fired before the change, too. */
        CHECK(atomic_load(&target.begun) >= 1 && atomic_load(&target.begun) <= 2);
        CHECK(atomic_load(&target.last_begun_us) - put_off_us >= 3000);
        race_clash(&race);
        race_settle(&race);
    }
    race_stop(&race);
}

struct closers {
    struct target target;
    apm_manual_reset_event other;
    _Atomic apm_error rival;
};

static void close_with_other(void *argument)
{
    struct closers *closers = argument;

    atomic_store(&closers->rival, apm_timer_close_and_signal(closers->target.timer,
                                                             apm_manual_reset_event_to_wait_handle(closers->other)));
}

TEST(of_two_that_close_a_timer_at_once_one_succeeds_and_its_event_is_set)
{
    struct closers closers;
    struct race race;

    race_start(&race, close_with_other, &closers);
    while (race_goes_on(&race)) {
        apm_error mine;
        apm_error rival;

        target_create(&closers.target, 0, 1);
        CHECK_SUCCESS(apm_manual_reset_event_create(false, &closers.other));
        race_clash(&race);
        mine = close_and_signal(&closers.target);
        race_settle(&race);
        rival = atomic_load(&closers.rival);
        CHECK((mine == APM_ERROR_SUCCESS) != (rival == APM_ERROR_SUCCESS));
        CHECK_ERROR(mine == APM_ERROR_SUCCESS ? rival : mine, APM_ERROR_OBJECT_DISPOSED);
        CHECK_SUCCESS(apm_manual_reset_event_wait_one(mine == APM_ERROR_SUCCESS ? closers.target.done : closers.other,
                                                      PATIENCE_MS));
        CHECK_ERROR(apm_manual_reset_event_wait_one(mine == APM_ERROR_SUCCESS ? closers.other : closers.target.done, 0),
                    APM_ERROR_WAIT_TIMEOUT);
        CHECK_EQ(atomic_load(&closers.target.begun), atomic_load(&closers.target.returned));
        CHECK_SUCCESS(apm_manual_reset_event_close(closers.target.done));
        CHECK_SUCCESS(apm_manual_reset_event_close(closers.other));
    }
    race_stop(&race);
}

/* -- Everything at once ------------------------------------------------------------------------------------------ */

enum { SHARED = 16, HAMMERS = 4 };

struct hammer {
    struct thread thread;
    uint64_t random;
};

static struct {
    _Atomic uint64_t handles[SHARED]; /* of timers, open or closed */
    _Atomic size_t fires;
} shared;

static void count_fire(void *state)
{
    atomic_fetch_add((_Atomic size_t *)state, 1);
}

static void hammer_timers(void *argument)
{
    struct hammer *hammer = argument;

    for (int64_t end_ms = race_deadline_ms(); harness_now_ms() < end_ms;) {
        uint64_t random = harness_random(&hammer->random);
        _Atomic uint64_t *place = &shared.handles[random % SHARED];
        apm_timer timer = {atomic_load(place)};
        apm_error error = APM_ERROR_OBJECT_DISPOSED;

        if (timer.bits != 0) {
            error = random >> 8 & 15 ? apm_timer_change(timer, (int64_t)(random >> 16 & 3) - 1, random >> 24 & 1)
                                     : apm_timer_close(timer);
        }
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED);
        if (error == APM_ERROR_OBJECT_DISPOSED || (random >> 8 & 15) == 0) {
            CHECK_SUCCESS(apm_timer_create(default_pool, count_fire, &shared.fires, 1, 1, &timer));
            timer.bits = atomic_exchange(place, timer.bits);
            if (timer.bits != 0) {
                CHECK_SUCCESS(apm_timer_close(timer));
            }
        }
    }
}

TEST(timers_that_many_threads_change_and_close_come_to_an_end)
{
    struct hammer hammers[HAMMERS];
    uint64_t random = harness_seed();

    for (size_t i = 0; i < HAMMERS; i++) {
        hammers[i].random = harness_random(&random);
        thread_start(&hammers[i].thread, hammer_timers, &hammers[i]);
    }
    for (size_t i = 0; i < HAMMERS; i++) {
        thread_join(&hammers[i].thread);
    }
    CHECK(atomic_load(&shared.fires) > 0);
    for (size_t i = 0; i < SHARED; i++) {
        apm_timer timer = {atomic_load(&shared.handles[i])};

        if (timer.bits != 0) {
            CHECK_SUCCESS(apm_timer_close(timer));
        }
    }
    CHECK_EQ(apm_timer_active_count(), 0);
}

LIBRARY_TEST_MAIN()
