/*
 * Park against unpark (pool/parker.c): no unpark is lost, whether the thread sleeps on its word or in the poller.
 *
 * Each thread is told of something by a flag that is set before it is unparked. It parks until it has seen the flag; if
 * an unpark were lost it would sleep for ever.
 */
#include "model.h"
#include "parker.h"
#include "simulated_poller.h"

static struct apm__parker parker;
static _Atomic uint32_t told[2];

static bool is_told(int index)
{
    return apm__atomic_load(&told[index], APM__RELAXED) != 0;
}

static void tell(int index)
{
    apm__atomic_store(&told[index], 1, APM__RELAXED);
    apm__parker_unpark(&parker);
}

static void first_waker(void)
{
    tell(0);
}

static void second_waker(void)
{
    tell(1);
}

static void sleeper(void)
{
    while (!is_told(0))
        apm__parker_park(&parker, -1);
}

static void sleeper_for_two(void)
{
    while (!is_told(0) || !is_told(1))
        apm__parker_park(&parker, -1);
}

/* A park whose time is up may take a notification with it, but not one that comes later. */
static void impatient_sleeper(void)
{
    if (!is_told(0))
        apm__parker_park(&parker, 1000);
    while (!is_told(0) || !is_told(1))
        apm__parker_park(&parker, -1);
}

static void poll_once(void)
{
    uint64_t event;
    if (!apm__parker_begin_polling(&parker, model_poller()))
        return;
    model_poller()->wait(model_poller(), &event, 1, -1);
    apm__parker_end_polling(&parker);
}

static void polling_sleeper(void)
{
    while (!is_told(0))
        poll_once();
}

/* The poller may report that it was woken after the thread has gone on to park, and the other way round. */
static void polling_and_parking_sleeper(void)
{
    while (!is_told(0))
        poll_once();
    while (!is_told(1))
        apm__parker_park(&parker, -1);
}

static void name_all(void)
{
    model_name(&parker, sizeof parker, "the sleeper's");
}

static const struct model models[] = {
    {
        .name = "an_unpark_before_or_during_a_park_ends_it",
        .set_up = name_all,
        .threads = {MODEL_THREAD(sleeper), MODEL_THREAD(first_waker)},
        .spurious = 2,
    },
    {
        .name = "of_two_unparks_none_is_lost",
        .set_up = name_all,
        .threads = {MODEL_THREAD(sleeper_for_two), MODEL_THREAD(first_waker), MODEL_THREAD(second_waker)},
        .spurious = 1,
    },
    {
        .name = "an_unpark_beside_a_time_out_is_not_lost",
        .set_up = name_all,
        .threads = {MODEL_THREAD(impatient_sleeper), MODEL_THREAD(first_waker), MODEL_THREAD(second_waker)},
    },
    {
        .name = "a_thread_that_polls_is_woken_through_the_poller",
        .set_up = name_all,
        .threads = {MODEL_THREAD(polling_sleeper), MODEL_THREAD(first_waker)},
        .spurious = 1,
    },
    {
        .name = "a_thread_that_polls_and_then_parks_is_woken_from_both",
        .set_up = name_all,
        .threads = {MODEL_THREAD(polling_and_parking_sleeper), MODEL_THREAD(first_waker), MODEL_THREAD(second_waker)},
    },
};

MODEL_MAIN(models)
