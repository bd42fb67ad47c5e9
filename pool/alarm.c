/*
 * Alarms. Any thread, under the lock of the alarm's owner.
 *
 * `placed` says that the heap has the deadline, or an expiry of it is on its way to the owner's lock; `due_ns`, which
 * is written under that lock only, says for when. An expiry that comes after the deadline has been set anew takes
 * `placed` back although the heap has it: then it is set once more, which moves it to where it belongs.
 *
 * Lock: `admission`, before the heap's. It is held between the look at the pool's phase and the publishing.
 */
#include "alarm.h"

#include "check.h"

static apm__os_mutex admission = APM__OS_MUTEX_INITIALIZER;

apm_error apm__alarm_admit(struct apm__pool *pool, struct apm__deadline *deadline, struct apm__slot *slot,
                           uint32_t references)
{
    apm_error error = APM_ERROR_INVALID_OPERATION;
    deadline->placed = false;
    apm__os_mutex_lock(&admission);
    if (apm__pool_is_open(pool))
        error = apm__deadline_reserve(&pool->deadlines, deadline);
    if (error == APM_ERROR_SUCCESS)
        apm__slot_publish(slot, references, 0);
    apm__os_mutex_unlock(&admission);
    return error;
}

void apm__alarm_dismiss(struct apm__pool *pool, struct apm__deadline *deadline)
{
    apm__deadline_unreserve(&pool->deadlines, deadline);
}

void apm__alarm_finish_admissions(void)
{
    apm__os_mutex_lock(&admission);
    apm__os_mutex_unlock(&admission);
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
