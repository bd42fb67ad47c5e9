/*
 * Gathering sends. Runs on workers, in callbacks, and on any thread that begins a send or ends a socket. See gather.h.
 */
#include "gather.h"

#include "engine.h"
#include "outcome.h"
#include "perform.h"
#include "readiness.h"

/* Of one direction: what the thread has put off. */
struct gathering {
    struct apm__channel *channel; /* whose; NULL if none. It holds nothing */
    size_t count;
};

static APM__THREAD_LOCAL struct gathering receives;
static APM__THREAD_LOCAL struct gathering sends;

static struct gathering *gathering_of(const struct apm__channel *channel, const struct apm__direction *direction)
{
    return direction == &channel->in ? &receives : &sends;
}

static bool is_deferred_locked(const struct apm__channel *channel)
{
    return channel->in.deferred || channel->out.deferred;
}

/* Performs what is put off, if it still is; the caller holds a reference to the slot. The lock is released. */
static void catch_up_and_unlock(struct apm__channel *channel)
{
    if (channel->out.deferred) {
        channel->out.deferred = false;
        apm__readiness_perform_and_unlock(channel, &channel->out);
        apm__os_mutex_lock(&channel->lock);
    }
    if (!channel->in.deferred) {
        apm__channel_unlock(channel);
        return;
    }
    channel->in.deferred = false;
    apm__readiness_perform_and_unlock(channel, &channel->in);
}

/* The call behind the callbacks. */
static void catch_up_behind(void *argument)
{
    struct apm__channel *channel = argument;
    if (sends.channel == channel)
        sends.channel = NULL;
    if (receives.channel == channel)
        receives.channel = NULL;
    apm__os_mutex_lock(&channel->lock);
    catch_up_and_unlock(channel);
    apm__channel_release(channel);
}

static void catch_up(struct gathering *gathering)
{
    struct apm__channel *channel = gathering->channel;
    gathering->channel = NULL;
    if (!channel)
        return;
    /* The slot may be another socket's by now, whose operations are performed a little earlier then. */
    apm__os_mutex_lock(&channel->lock);
    if (!is_deferred_locked(channel)) {
        apm__channel_unlock(channel);
        return;
    }
    apm__slot_retain(&channel->slot);
    catch_up_and_unlock(channel);
    apm__channel_release(channel);
}

void apm__readiness_catch_up(struct apm__poller *poller)
{
    (void)poller;
    catch_up(&sends);
    catch_up(&receives);
}

bool apm__engine_catch_up_locked(struct apm__channel *channel)
{
    if (!is_deferred_locked(channel))
        return false;
    apm__slot_retain(&channel->slot);
    catch_up_and_unlock(channel);
    apm__os_mutex_lock(&channel->lock);
    return true;
}

/* Whether the operation, begun on this thread just now, is to be gathered with others that are likely to follow. */
static bool shall_gather_locked(const struct apm__channel *channel, const struct gathering *gathering,
                                const struct apm__operation *operation)
{
    const struct apm__operation *current = apm__operation_current();
    if (!operation->callback)
        return false; /* somebody waits for it, perhaps right now */
    if (!current || !current->more_follow || channel->type != APM_SOCKET_TYPE_DGRAM || !channel->bound)
        return false;
    return apm__perform_may_batch(operation) && (!gathering->channel || gathering->channel == channel);
}

bool apm__gather_put_off_locked(struct apm__channel *channel, struct apm__direction *direction,
                                const struct apm__operation *operation)
{
    struct gathering *gathering = gathering_of(channel, direction);
    if (!shall_gather_locked(channel, gathering, operation) ||
        !apm__pool_call_behind(channel->pool, catch_up_behind, channel))
        return false;
    apm__slot_retain(&channel->slot);
    direction->deferred = true;
    *gathering = (struct gathering){.channel = channel, .count = 1};
    return true;
}

void apm__gather_join_and_unlock(struct apm__channel *channel, struct apm__direction *direction,
                                 const struct apm__operation *operation)
{
    struct gathering *gathering = gathering_of(channel, direction);
    if (shall_gather_locked(channel, gathering, operation) && gathering->count + 1 < APM__PERFORM_BATCH) {
        gathering->count++;
        apm__channel_unlock(channel);
        return;
    }
    if (gathering->channel == channel)
        gathering->channel = NULL;
    direction->deferred = false;
    apm__readiness_perform_and_unlock(channel, direction);
}
