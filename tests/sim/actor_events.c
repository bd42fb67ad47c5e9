/*
 * An actor of what is waited for: what is set, released or signalled is taken exactly once, by one of the threads and
 * registered waits that wait for it, and none of them waits for ever.
 */
#include "workload.h"

enum { MOST_WAITERS = 4 };

struct play {
    apm_semaphore semaphore;
    apm_auto_reset_event turns[2];
    apm_manual_reset_event over;
    apm_registered_wait_handle registered;
    uint32_t released;
    uint32_t taken;  /* by threads */
    uint32_t called; /* of the registered wait, not for a time-out */
    uint32_t waiters;
    uint32_t rounds;
    int turn;
    int players; /* that have begun */
    int playing; /* that have not ended */
};

static apm_wait_handle handle_of(uint64_t bits)
{
    return (apm_wait_handle){bits};
}

/* Takes from the semaphore until the play is over. */
static void take(void *argument)
{
    struct play *play = argument;
    for (;;) {
        const apm_wait_handle both[] = {handle_of(play->over.bits), handle_of(play->semaphore.bits)};
        size_t index = 0;
        int timeout_ms = sim_one_in(3) ? (int)sim_random(5) : -1;
        apm_error error = apm_wait_handle_wait_any(both, 2, timeout_ms, &index);
        if (error == APM_ERROR_WAIT_TIMEOUT && timeout_ms >= 0)
            continue;
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        if (index == 0)
            break;
        play->taken++;
        sim_wake_all(play);
        if (sim_one_in(4))
            actor_pause(1000);
    }
    play->waiters--;
    sim_wake_all(play);
}

static void called(void *state, bool timed_out)
{
    struct play *play = state;
    SIM_POINT();
    if (!timed_out) {
        play->called++;
        sim_wake_all(play);
    }
}

/* One of two who answer each other. */
static void answer(void *argument)
{
    struct play *play = argument;
    int own = play->players++;
    for (uint32_t i = 0; i < play->rounds; i++) {
        apm_error error = apm_auto_reset_event_wait_one(play->turns[own], 60000);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        SIM_CHECK(play->turn == own);
        play->turn = !own;
        error = apm_auto_reset_event_set(play->turns[!own]);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
    }
    play->playing--;
    sim_wake_all(play);
}

static void create(struct play *play)
{
    apm_error error = apm_semaphore_create(0, 1000, &play->semaphore);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_manual_reset_event_create(false, &play->over);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    for (int i = 0; i < 2; i++) {
        error = apm_auto_reset_event_create(i == 0, &play->turns[i]);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
    }
    error = apm_thread_pool_register_wait_for_single_object(
        (apm_thread_pool){0}, handle_of(play->semaphore.bits), called, play,
        sim_one_in(2) ? -1 : (int64_t)sim_random(10) + 1, false, &play->registered);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
}

static void unregister(struct play *play)
{
    apm_manual_reset_event gone;
    apm_error error = apm_manual_reset_event_create(false, &gone);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_registered_wait_handle_unregister(play->registered, handle_of(gone.bits));
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_manual_reset_event_wait_one(gone, 60000);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    apm_manual_reset_event_close(gone);
}

void actor_events(void *unused)
{
    struct play *play = actor_allocate(sizeof *play);
    apm_error error;
    (void)unused;
    create(play);
    play->waiters = sim_random(MOST_WAITERS);
    for (uint32_t i = play->waiters; i > 0; i--)
        actor_start("taker", take, play);
    play->rounds = sim_random(20);
    play->playing = 2;
    actor_start("answers", answer, play);
    actor_start("answers", answer, play);
    for (uint32_t i = sim_random(20); i > 0; i--) {
        int count = 1 + (int)sim_random(3);
        play->released += (uint32_t)count;
        error = apm_semaphore_release(play->semaphore, count, NULL);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        if (sim_one_in(3))
            actor_pause(2000);
    }
    while (play->taken + play->called < play->released)
        actor_await(play, "what the semaphore has");
    SIM_CHECK(play->taken + play->called == play->released);
    error = apm_manual_reset_event_set(play->over);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    while (play->waiters > 0 || play->playing > 0)
        actor_await(play, "the end of those who wait");
    unregister(play);
    SIM_CHECK(play->taken + play->called == play->released);
    apm_semaphore_close(play->semaphore);
    apm_manual_reset_event_close(play->over);
    apm_auto_reset_event_close(play->turns[0]);
    apm_auto_reset_event_close(play->turns[1]);
}
