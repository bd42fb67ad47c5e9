/*
 * An actor of mutexes, barriers and countdown events: one thread at a time has the mutex, also after one has ended
 * with it; nobody passes a barrier before all have come; a count that is down lets all go.
 */
#include "workload.h"

enum { MOST_MEMBERS = 4 };

struct club {
    apm_mutex mutex;
    apm_barrier barrier;
    apm_countdown_event leaving;
    int members;
    int phases;
    int inside;    /* members that have the mutex */
    int came;      /* to the barrier's present phase, or one behind it */
    int abandoned; /* members that have ended with the mutex */
    int noticed;   /* and have been reported */
    int busy;
};

static void take_mutex(struct club *club)
{
    int timeout_ms = sim_one_in(3) ? (int)sim_random(4) : -1;
    apm_error error = apm_mutex_wait_one(club->mutex, timeout_ms);
    if (error == APM_ERROR_WAIT_TIMEOUT && timeout_ms >= 0)
        return;
    SIM_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_ABANDONED_MUTEX);
    club->noticed += error == APM_ERROR_ABANDONED_MUTEX;
    SIM_CHECK(club->noticed <= club->abandoned);
    SIM_CHECK(club->inside++ == 0);
    SIM_POINT();
    if (sim_one_in(4))
        actor_pause(500);
    bool again = sim_one_in(4);
    if (again) {
        error = apm_mutex_wait_one(club->mutex, 0);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        error = apm_mutex_release_mutex(club->mutex);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
    }
    club->inside--;
    error = apm_mutex_release_mutex(club->mutex);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
}

static void pass_barrier(struct club *club, int phase)
{
    club->came++;
    SIM_CHECK(club->came > phase * club->members);
    apm_error error = apm_barrier_signal_and_wait(club->barrier, 60000);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    SIM_CHECK(club->came >= (phase + 1) * club->members);
}

static void be_member(void *argument)
{
    struct club *club = argument;
    bool is_set;
    for (int phase = 0; phase < club->phases; phase++) {
        for (uint32_t i = sim_random(4); i > 0; i--)
            take_mutex(club);
        pass_barrier(club, phase);
    }
    if (sim_one_in(4)) {
        apm_error error = apm_mutex_wait_one(club->mutex, -1);
        SIM_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_ABANDONED_MUTEX);
        club->noticed += error == APM_ERROR_ABANDONED_MUTEX;
        club->abandoned++; /* by the end of this thread */
    }
    apm_error error = apm_countdown_event_signal(club->leaving, 1, &is_set);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    club->busy--;
    sim_wake_all(club);
}

void actor_objects(void *unused)
{
    struct club *club = actor_allocate(sizeof *club);
    (void)unused;
    club->members = club->busy = 1 + (int)sim_random(MOST_MEMBERS);
    club->phases = (int)sim_random(6);
    apm_error error = apm_mutex_create(false, &club->mutex);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_barrier_create(club->members, NULL, NULL, &club->barrier);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_countdown_event_create(club->members, &club->leaving);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    int threads[MOST_MEMBERS];
    for (int i = 0; i < club->members; i++)
        threads[i] = sim_thread_start("member", be_member, club);
    error = apm_countdown_event_wait(club->leaving, 60000);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    for (int i = 0; i < club->members; i++)
        sim_thread_join(threads[i]);
    /* Who has ended with the mutex has left it to whoever comes next. */
    error = apm_mutex_wait_one(club->mutex, 60000);
    club->noticed += error == APM_ERROR_ABANDONED_MUTEX;
    SIM_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_ABANDONED_MUTEX);
    SIM_CHECK(club->noticed == club->abandoned && club->inside == 0 && club->busy == 0);
    error = apm_mutex_release_mutex(club->mutex);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    apm_mutex_close(club->mutex);
    apm_barrier_close(club->barrier);
    apm_countdown_event_close(club->leaving);
}
