/*
 * Groups. See group.h for the rules. Any thread.
 */
#include "group.h"

#include "channel.h"
#include "outcome.h"
#include "serving.h"

struct apm__group *apm__group_create(struct apm__channel *listener, uint64_t listener_key)
{
    struct apm__group *group = apm__os_allocate(sizeof *group);
    if (!group)
        return NULL;
    group->listener = listener;
    group->listener_key = listener_key;
    apm__atomic_store(&group->references, 1, APM__RELAXED);
    return group;
}

void apm__group_join_locked(struct apm__group *group)
{
    apm__atomic_add(&group->references, 1, APM__RELAXED); /* the listener's own keeps it */
    apm__atomic_add(&group->members, 1, APM__SEQ_CST);
}

void apm__group_release(struct apm__group *group)
{
    /* Release pairs with the acquire of whoever drops the last one: nobody uses the group any more. */
    if (apm__atomic_subtract(&group->references, 1, APM__ACQ_REL) == 1)
        apm__os_free(group);
}

void apm__group_leave(struct apm__group *group)
{
    struct apm__operation *drain = NULL;
    if (apm__atomic_subtract(&group->members, 1, APM__SEQ_CST) == 1 && apm__group_drain(group) != APM__GROUP_SERVES) {
        struct apm__channel *listener = group->listener;
        apm__os_mutex_lock(&listener->lock);
        if (listener->key == group->listener_key)
            drain = apm__serving_finish_drain_locked(listener);
        apm__channel_unlock(listener);
    }
    if (drain)
        apm__outcome_complete(drain);
    apm__group_release(group);
}
