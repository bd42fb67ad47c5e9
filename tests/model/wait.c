/*
 * Setting an event against waiting for it (pool/wait.c, pool/wait_list.c): no wait sleeps on although it could be had,
 * and each signal of an auto-reset event ends one wait.
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

static void create_event(int index, enum apm__slot_kind kind, const char *name)
{
    event(index)->name = (uint32_t)kind;
    apm__slot_publish(event(index), 1, 0);
    model_name(event(index), sizeof *event(index), name);
}

static void create_events(enum apm__slot_kind first, enum apm__slot_kind second)
{
    create_event(0, first, "the first event's");
    create_event(1, second, "the second event's");
    for (int i = 0; i < MODEL_MAX_THREADS; i++)
        model_name(&parkers[i], sizeof parkers[i], "a thread's own");
}

static void create_manual(void)
{
    create_events(APM__KIND_MANUAL_RESET_EVENT, APM__KIND_MANUAL_RESET_EVENT);
}

static void create_auto(void)
{
    create_events(APM__KIND_AUTO_RESET_EVENT, APM__KIND_AUTO_RESET_EVENT);
}

static void create_auto_and_manual(void)
{
    create_events(APM__KIND_AUTO_RESET_EVENT, APM__KIND_MANUAL_RESET_EVENT);
}

/* What the public functions do once they have found the object; resetting is as plain as it looks. */
static void set(int index)
{
    apm__wait_step *step;
    apm_error error = apm__wait_auto_reset.begin_signal(event(index), &step);
    MODEL_CHECK(error == APM_ERROR_SUCCESS && apm__wait_change(event(index), step, 1) == APM_ERROR_SUCCESS);
}

static apm_error reset_step(uint64_t word, uint64_t unused, uint64_t *changed)
{
    (void)unused;
    *changed = word & ~(uint64_t)APM__SLOT_SIGNALLED;
    return APM_ERROR_SUCCESS;
}

/* -- What threads do -- */

static void set_first(void)
{
    published = true;
    set(0);
}

static void set_second(void)
{
    set(1);
}

static void set_both(void)
{
    set_first();
    set_second();
}

static void reset_and_set_second(void)
{
    MODEL_CHECK(apm__wait_change(event(1), reset_step, 0) == APM_ERROR_SUCCESS);
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

/* Gives a signal that it gets to the next one. */
static void wait_a_while_and_pass_on(void)
{
    apm__parker_use(&parkers[model_self()]);
    if (apm__wait_one(event(0), 1000) == APM_ERROR_SUCCESS)
        set(0);
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
        set(1);
}

/* -- Who watches without a thread: registered waits do -- */

static struct apm__watcher watcher;
static int released;
static int withdrawn;

static void on_released(struct apm__watcher *who)
{
    MODEL_CHECK(who == &watcher);
    released++;
}

static void watch(void)
{
    watcher.released = on_released;
    released += apm__wait_watch(event(0), &watcher) == APM__WATCH_TAKEN;
}

static void watch_auto(void)
{
    create_auto();
    watch();
}

static void withdraw(void)
{
    withdrawn += apm__wait_withdraw(event(0), &watcher);
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

static void check_released_or_withdrawn(void)
{
    check_links();
    MODEL_CHECK(released + withdrawn == 1 && released + is_set(0) == 1);
}

static void check_watcher_or_wait_released(void)
{
    if (!watcher.link.linked)
        check_links();
    MODEL_CHECK(released + ended + is_set(0) == 1 && released + watcher.link.linked == 1);
    MODEL_CHECK(!watcher.link.linked || !is_set(0));
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
        .name = "a_wait_that_gives_up_harms_no_other",
        .set_up = create_auto,
        .threads = {MODEL_THREAD(wait_a_while_and_pass_on), MODEL_THREAD(wait_for_first), MODEL_THREAD(set_first)},
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
    {
        .name = "a_watcher_is_released_or_withdrawn",
        .set_up = watch_auto,
        .threads = {MODEL_THREAD(set_first), MODEL_THREAD(withdraw)},
        .check = check_released_or_withdrawn,
    },
    {
        .name = "a_watcher_that_comes_as_the_event_is_set_is_released",
        .set_up = create_auto,
        .threads = {MODEL_THREAD(watch), MODEL_THREAD(set_first), MODEL_THREAD(wait_a_while_for_first)},
        .check = check_watcher_or_wait_released,
    },
};

MODEL_MAIN(models)
