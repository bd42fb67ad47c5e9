/*
 * Deadlines (pool/deadline.c): one that is armed expires once or is cleared, whoever is quicker; and the earliest time
 * that a thread reads before it sleeps is never later than what is armed.
 */
#include "deadline.h"
#include "model.h"

enum { COUNT = 2, NOW = 10, LATER = 20 };

static struct apm__deadline_heap heap;
static struct apm__deadline deadlines[COUNT];
static int expired[COUNT];
static int cleared[COUNT];

static void expire(struct apm__deadline *deadline)
{
    expired[deadline - deadlines]++;
}

static void arm(int index, uint64_t due_ns)
{
    bool was_armed;
    bool is_first;
    deadlines[index].expire = expire;
    apm_error error = apm__deadline_set(&heap, &deadlines[index], due_ns, &was_armed, &is_first);
    MODEL_CHECK(error == APM_ERROR_SUCCESS);
}

static void arm_both(void)
{
    apm__deadline_heap_initialise(&heap);
    arm(0, NOW);
    arm(1, NOW - 1);
}

static void expire_now(void)
{
    apm__deadline_expire(&heap, NOW, COUNT);
}

static void clear_first(void)
{
    cleared[0] += apm__deadline_clear(&heap, &deadlines[0]);
}

static void clear_second(void)
{
    cleared[1] += apm__deadline_clear(&heap, &deadlines[1]);
}

/* Puts the first deadline off. If it has expired already, it is armed once more. */
static void put_off_first(void)
{
    bool was_armed;
    bool is_first;
    apm_error error = apm__deadline_set(&heap, &deadlines[0], LATER, &was_armed, &is_first);
    MODEL_CHECK(error == APM_ERROR_SUCCESS);
    cleared[0] += was_armed; /* the time before is gone without having come */
}

static void check_next(void)
{
    uint64_t earliest_ns = APM__DEADLINE_NEVER;
    for (int i = 0; i < COUNT; i++)
        if (deadlines[i].position != 0 && deadlines[i].due_ns < earliest_ns)
            earliest_ns = deadlines[i].due_ns;
    MODEL_CHECK(apm__deadline_next(&heap) == earliest_ns);
}

static void check_each_gone_once(void)
{
    for (int i = 0; i < COUNT; i++)
        MODEL_CHECK(expired[i] + cleared[i] == 1 && deadlines[i].position == 0);
    check_next();
}

static void check_put_off(void)
{
    MODEL_CHECK(expired[0] + cleared[0] == 1 && deadlines[0].position == 1 && heap.count == 1);
    MODEL_CHECK(expired[1] == 1);
    check_next();
}

static const struct model models[] = {
    {
        .name = "a_deadline_expires_or_is_cleared",
        .set_up = arm_both,
        .threads = {MODEL_THREAD(expire_now), MODEL_THREAD(clear_first), MODEL_THREAD(clear_second)},
        .check = check_each_gone_once,
    },
    {
        .name = "of_two_that_expire_one_has_each_deadline",
        .set_up = arm_both,
        .threads = {MODEL_THREAD(expire_now), MODEL_THREAD(expire_now), MODEL_THREAD(clear_first)},
        .check = check_each_gone_once,
    },
    {
        .name = "a_deadline_that_is_put_off_expires_before_or_stays",
        .set_up = arm_both,
        .threads = {MODEL_THREAD(expire_now), MODEL_THREAD(put_off_first), MODEL_THREAD(expire_now)},
        .check = check_put_off,
    },
};

MODEL_MAIN(models)
