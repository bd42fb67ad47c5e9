/*
 * Alarms. Any thread, under the lock of the alarm's owner.
 *
 * `placed` says that the heap has the deadline, or an expiry of it is on its way to the owner's lock; `due_ns`, which
 * is written under that lock only, says for when. An expiry that comes after the deadline has been set anew takes
 * `placed` back although the heap has it: then it is set once more, which moves it to where it belongs.
 */
#include "alarm.h"

#include "check.h"

apm_error apm__alarm_admit(struct apm__pool *pool, struct apm__deadline *deadline)
{
    if (!apm__pool_is_still_open(pool))
        return APM_ERROR_INVALID_OPERATION;
    return apm__deadline_reserve(&pool->deadlines, deadline);
}

void apm__alarm_dismiss(struct apm__pool *pool, struct apm__deadline *deadline)
{
    if (deadline->reserved)
        apm__deadline_unreserve(&pool->deadlines, deadline);
}

bool apm__alarm_place(struct apm__pool *pool, struct apm__deadline *deadline, uint64_t due_ns)
{
    if (deadline->placed && deadline->due_ns <= due_ns)
        return false;
    bool was_armed;
    apm_error error = apm__pool_set_deadline(pool, deadline, due_ns, &was_armed);
    APM__CHECK(error == APM_ERROR_SUCCESS); /* its place is reserved */
    deadline->placed = true;
    return !was_armed;
}

bool apm__alarm_withdraw(struct apm__pool *pool, struct apm__deadline *deadline)
{
    deadline->placed = false;
    return apm__pool_clear_deadline(pool, deadline);
}
