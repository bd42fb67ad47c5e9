/*
 * The queue of the program's items (pool/calls.h): those who put and those who take have a lock each, and meet in a
 * count. Each call is taken once, those of one thread in their order, and no segment is freed under a writer's hands.
 *
 * The queue begins just before the end of a segment, so that both ends cross it.
 */
#include "calls.h"
#include "model.h"

enum { PUT_BEFORE = APM__CALLS_SEGMENT - 1, CALLS = APM__CALLS_SEGMENT + 4 };

static apm__os_mutex taking;
static struct apm__calls calls;
static int put_calls;
static int times_taken[CALLS];
static uint64_t last_of_first; /* what has been taken last, of what each thread puts */
static uint64_t last_of_second;

static void function(void *argument)
{
    (void)argument;
}

static void put(uint64_t number)
{
    apm_error error = apm__calls_put(&calls, function, (void *)(uintptr_t)number);
    MODEL_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_INVALID_OPERATION);
    put_calls += error == APM_ERROR_SUCCESS;
}

static uint32_t take(uint32_t limit)
{
    struct apm__entry entries[CALLS];
    apm__os_mutex_lock(&taking);
    uint32_t count = apm__calls_take_locked(&calls, entries, limit);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = entries[i].second;
        uint64_t *last = number % 2 ? &last_of_first : &last_of_second;
        MODEL_CHECK(entries[i].first == (uintptr_t)function && number < CALLS);
        MODEL_CHECK(++times_taken[number] == 1 && *last < number);
        *last = number;
    }
    apm__os_mutex_unlock(&taking);
    return count;
}

static void fill(void)
{
    struct apm__entry entry;
    for (int i = 0; i < PUT_BEFORE; i++)
        (void)apm__calls_put(&calls, function, NULL);
    for (int i = 0; i < PUT_BEFORE; i++)
        MODEL_CHECK(apm__calls_take_locked(&calls, &entry, 1) == 1);
}

static void put_odd(void)
{
    put(1);
    put(3);
}

static void put_even(void)
{
    put(2);
}

static void take_some(void)
{
    take(1);
    take(2);
}

static void close(void)
{
    apm__calls_open(&calls, false);
    /* What is to come is refused: what has come is all that there is. */
    int before = put_calls;
    take(CALLS);
    MODEL_CHECK(put_calls == before);
}

static void check(void)
{
    while (take(1) > 0)
        continue;
    int taken = 0;
    for (int i = 0; i < CALLS; i++)
        taken += times_taken[i];
    MODEL_CHECK(taken == put_calls && apm__calls_count(&calls) == 0);
    apm__calls_open(&calls, false);
    apm__calls_finish(&calls);
}

static const struct model models[] = {
    {
        .name = "each_call_is_taken_once_and_in_order",
        .set_up = fill,
        .threads = {MODEL_THREAD(put_odd), MODEL_THREAD(put_even), MODEL_THREAD(take_some)},
        .check = check,
    },
    {
        .name = "a_closed_queue_takes_no_call",
        .set_up = fill,
        .threads = {MODEL_THREAD(put_odd), MODEL_THREAD(take_some), MODEL_THREAD(close)},
        .check = check,
    },
};

MODEL_MAIN(models)
