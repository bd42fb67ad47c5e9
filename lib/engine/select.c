/*
 * The list of those who wait for a channel's readiness. Any thread; see select.h.
 */
#include "select.h"

#include "check.h"
#include "waitable.h"

struct apm__slot *apm__select_event_create(void)
{
    struct apm__slot *event = apm__slot_allocate(&apm__auto_reset_events);
    if (event)
        apm__slot_publish(event, 1, APM__SLOT_BY_IO);
    return event;
}

void apm__select_event_destroy(struct apm__slot *event)
{
    apm__waitable_release(event);
}

bool apm__select_event_wait(struct apm__slot *event, int64_t timeout_ns)
{
    return apm__wait_one(event, timeout_ns) == APM_ERROR_SUCCESS;
}

void apm__select_link_locked(struct apm__channel *channel, struct apm__select_link *link)
{
    link->previous = NULL;
    link->next = channel->selects;
    if (link->next)
        link->next->previous = link;
    channel->selects = link;
}

void apm__select_unlink_locked(struct apm__channel *channel, struct apm__select_link *link)
{
    if (link->previous)
        link->previous->next = link->next;
    else
        channel->selects = link->next;
    if (link->next)
        link->next->previous = link->previous;
}

static apm_error set_step(uint64_t word, uint64_t unused, uint64_t *changed)
{
    (void)unused;
    *changed = word | APM__SLOT_SIGNALLED;
    return APM_ERROR_SUCCESS;
}

void apm__select_signal_locked(struct apm__channel *channel)
{
    for (struct apm__select_link *link = channel->selects; link; link = link->next) {
        apm_error error = apm__wait_change(link->event, set_step, 0);
        APM__CHECK(error == APM_ERROR_SUCCESS);
    }
}
