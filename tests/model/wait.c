/*
 * Setting an event against waiting for it (pool/wait.c): no wait sleeps on although it could be had, and each signal of
 * an auto-reset event ends one wait.
 *
 * The events are slots without a table. A wait for two events that a thread has set may end in any order; what must
 * hold is counted in the end: signals that were set and have not been used up are still there.
 */
#include "wait.h"
#include "model.h"
#include "parker.h"

static struct apm__parker parkers[MODEL_MAX_THREADS];
static struct {
    _Alignas(64) struct apm__slot slot; /* each on a line, so that each has a wait lock of its own */
} events[2];
static int ended;      /* waits that have succeeded */
static bool published; /* what the first event's setter did before; not atomic */

static struct apm__slot *event(int index)
{
    return &events[index].slot;
}

static bool is_set(int index)
{
    return (apm__atomic_load(&event(index)->control, APM__ACQUIRE) & APM__SLOT_SIGNALLED) != 0;
}

static void create_events(uint32_t first_flags, uint32_t second_flags)
{
    apm__slot_publish(event(0), 1, first_flags);
    apm__slot_publish(event(1), 1, second_flags);
    model_name(event(0), sizeof *event(0), "the first event's");
    model_name(event(1), sizeof *event(1), "the second event's");
    for (int i = 0; i < MODEL_MAX_THREADS; i++)
        model_name(&parkers[i], sizeof parkers[i], "a thread's own");
}

static void create_manual(void)
{
    create_events(0, 0);
}

static void create_auto(void)
{
    create_events(APM__SLOT_AUTO_RESET, APM__SLOT_AUTO_RESET);
}

static void create_auto_and_manual(void)
{
    create_events(APM__SLOT_AUTO_RESET, 0);
}

/* -- What threads do -- */

static void set_first(void)
{
    published = true;
    apm__wait_signal(event(0));
}

static void set_second(void)
{
    apm__wait_signal(event(1));
}

static void set_both(void)
{
    set_first();
    set_second();
}

static void reset_and_set_second(void)
{
    apm__wait_reset(event(1));
    set_second();
}

static void wait_for_first(void)
{
    apm__parker_use(&parkers[model_self()]);
    apm_error error = apm__wait_one(event(0), -1);
    MODEL_CHECK(error == APM_ERROR_SUCCESS && published);
    ended++;
}

static void wait_a_while_for_first(void)
{
    apm__parker_use(&parkers[model_self()]);
    ended += apm__wait_one(event(0), 1000) == APM_ERROR_SUCCESS;
}

static void wait_for_any(void)
{
    struct apm__slot *const both[2] = {event(0), event(1)};
    size_t index;
    apm__parker_use(&parkers[model_self()]);
    apm_error error = apm__wait_any(both, 2, -1, &index);
    MODEL_CHECK(error == APM_ERROR_SUCCESS && index < 2);
    ended++;
}

static void wait_for_all(void)
{
    struct apm__slot *const both[2] = {event(0), event(1)};
    apm__parker_use(&parkers[model_self()]);
    apm_error error = apm__wait_all(both, 2, -1);
    MODEL_CHECK(error == APM_ERROR_SUCCESS);
    ended++;
}

static void wait_a_while_for_all(void)
{
    struct apm__slot *const both[2] = {event(0), event(1)};
    apm__parker_use(&parkers[model_self()]);
    ended += apm__wait_all(both, 2, 1000) == APM_ERROR_SUCCESS;
}

/* Takes the second event's signal if it is there, and sets it again: a wait for all has to see that. */
static void borrow_second(void)
{
    apm__parker_use(&parkers[model_self()]);
    if (apm__wait_one(event(1), 0) == APM_ERROR_SUCCESS)
        apm__wait_signal(event(1));
}

/* -- What must hold in the end -- */

static void check_links(void)
{
    for (int i = 0; i < 2; i++) {
        MODEL_CHECK(event(i)->waiters == NULL);
        MODEL_CHECK((apm__atomic_load(&event(i)->control, APM__RELAXED) & APM__SLOT_HAS_WAITERS) == 0);
    }
}

static void check_one_ended_or_left(void)
{
    check_links();
    MODEL_CHECK(ended + is_set(0) == 1);
}

static void check_one_of_two_left(void)
{
    check_links();
    MODEL_CHECK(ended == 1 && is_set(0) + is_set(1) == 1);
}

static void check_two_ended_or_left(void)
{
    check_links();
    MODEL_CHECK(ended + is_set(0) + is_set(1) == 2);
}

static void check_none_left(void)
{
    check_links();
    MODEL_CHECK(!is_set(0) && !is_set(1));
}

static void check_all_or_none_left(void)
{
    check_links();
    MODEL_CHECK(is_set(0) == !ended && is_set(1) == !ended);
}

static void check_first_left(void)
{
    check_links();
    MODEL_CHECK(is_set(0));
}

static void check_first_taken_second_left(void)
{
    check_links();
    MODEL_CHECK(!is_set(0) && is_set(1));
}

static const struct model models[] = {
    {
        .name = "a_set_ends_the_wait_whichever_comes_first",
        .set_up = create_manual,
        .threads = {MODEL_THREAD(wait_for_first), MODEL_THREAD(set_first)},
        .check = check_first_left,
        .spurious = 1,
    },
    {
        .name = "a_set_of_a_manual_reset_event_ends_all_waits",
        .set_up = create_manual,
        .threads = {MODEL_THREAD(wait_for_first), MODEL_THREAD(wait_for_first), MODEL_THREAD(set_first)},
        .check = check_first_left,
    },
    {
        .name = "a_set_of_an_auto_reset_event_ends_one_wait",
        .set_up = create_auto,
        .threads = {MODEL_THREAD(wait_for_first), MODEL_THREAD(set_first)},
        .check = check_one_ended_or_left,
        .spurious = 1,
    },
    {
        .name = "a_set_beside_a_time_out_ends_the_wait_or_stays",
        .set_up = create_auto,
        .threads = {MODEL_THREAD(wait_a_while_for_first), MODEL_THREAD(set_first)},
        .check = check_one_ended_or_left,
        .spurious = 1,
    },
    {
        .name = "a_set_beside_two_waits_ends_exactly_one",
        .set_up = create_auto,
        .threads = {MODEL_THREAD(wait_a_while_for_first), MODEL_THREAD(wait_a_while_for_first),
                    MODEL_THREAD(set_first)},
        .check = check_one_ended_or_left,
    },
    {
        .name = "a_wait_for_any_uses_one_of_two_signals",
        .set_up = create_auto,
        .threads = {MODEL_THREAD(wait_for_any), MODEL_THREAD(set_first), MODEL_THREAD(set_second)},
        .check = check_one_of_two_left,
    },
    {
        .name = "a_signal_that_a_wait_for_any_does_not_use_ends_another_wait_or_stays",
        .set_up = create_auto,
        .threads = {MODEL_THREAD(wait_for_any), MODEL_THREAD(wait_a_while_for_first), MODEL_THREAD(set_both)},
        .check = check_two_ended_or_left,
    },
    {
        .name = "a_wait_for_all_ends_when_both_are_set",
        .set_up = create_auto,
        .threads = {MODEL_THREAD(wait_for_all), MODEL_THREAD(set_first), MODEL_THREAD(set_second)},
        .check = check_none_left,
    },
    {
        .name = "a_wait_for_all_uses_both_signals_or_none",
        .set_up = create_auto,
        .threads = {MODEL_THREAD(wait_a_while_for_all), MODEL_THREAD(set_both)},
        .check = check_all_or_none_left,
    },
    {
        .name = "a_wait_for_all_ends_beside_a_reset",
        .set_up = create_auto_and_manual,
        .threads = {MODEL_THREAD(wait_for_all), MODEL_THREAD(set_both), MODEL_THREAD(reset_and_set_second)},
        .check = check_first_taken_second_left,
    },
    {
        .name = "a_wait_for_all_ends_beside_a_wait_for_one_that_gives_back",
        .set_up = create_auto,
        .threads = {MODEL_THREAD(wait_for_all), MODEL_THREAD(set_both), MODEL_THREAD(borrow_second)},
        .check = check_none_left,
    },
};

MODEL_MAIN(models)
