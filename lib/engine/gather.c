/*
 * Gathering sends. Runs on workers, in callbacks, and on any thread that begins a send or ends a socket. See gather.h.
 */
#include "gather.h"

#include "engine.h"
#include "outcome.h"
#include "perform.h"
#include "readiness.h"

static APM__THREAD_LOCAL struct apm__channel *gathering; /* whose sends the thread has put off; holds nothing */
static APM__THREAD_LOCAL size_t gathered;                /* how many */

/* Performs what is put off, if it still is; the lock is held, and released. */
static void catch_up_and_unlock(struct apm__channel *channel)
{
    if (!channel->out.deferred) {
        apm__channel_unlock(channel);
        return;
    }
    channel->out.deferred = false;
    apm__readiness_perform_and_unlock(channel, &channel->out);
}

/* The call behind the callbacks. */
static void catch_up_behind(void *argument)
{
    struct apm__channel *channel = argument;
    if (gathering == channel)
        gathering = NULL;
    apm__os_mutex_lock(&channel->lock);
    catch_up_and_unlock(channel);
    apm__channel_release(channel);
}

void apm__readiness_catch_up(struct apm__poller *poller)
{
    (void)poller;
    struct apm__channel *channel = gathering;
    if (!channel)
        return;
    gathering = NULL;
    /* The slot may be another socket's by now, whose sends go out a little earlier then. */
    apm__os_mutex_lock(&channel->lock);
    bool deferred = channel->out.deferred;
    if (deferred)
        apm__slot_retain(&channel->slot);
    catch_up_and_unlock(channel);
    if (deferred)
        apm__channel_release(channel);
}

bool apm__engine_catch_up_locked(struct apm__channel *channel)
{
    if (!channel->out.deferred)
        return false;
    apm__slot_retain(&channel->slot);
    catch_up_and_unlock(channel);
    apm__os_mutex_lock(&channel->lock);
    return true;
}

/* Whether the send, begun on this thread just now, is to be gathered with others that are likely to follow. */
static bool shall_gather_locked(const struct apm__channel *channel, const struct apm__operation *operation)
{
    const struct apm__operation *current = apm__operation_current();
    if (!operation->callback)
        return false; /* somebody waits for it, perhaps right now */
    if (!current || !current->more_follow || channel->type != APM_SOCKET_TYPE_DGRAM || !channel->bound)
        return false;
    return apm__is_send(operation) && apm__perform_may_batch(operation) && (!gathering || gathering == channel);
}

bool apm__gather_put_off_locked(struct apm__channel *channel, const struct apm__operation *operation)
{
    if (!shall_gather_locked(channel, operation) || !apm__pool_call_behind(channel->pool, catch_up_behind, channel))
        return false;
    apm__slot_retain(&channel->slot);
    channel->out.deferred = true;
    gathering = channel;
    gathered = 1;
    return true;
}

void apm__gather_join_and_unlock(struct apm__channel *channel, const struct apm__operation *operation)
{
    if (shall_gather_locked(channel, operation) && gathered + 1 < APM__PERFORM_BATCH) {
        gathered++;
        apm__channel_unlock(channel);
        return;
    }
    if (gathering == channel)
        gathering = NULL;
    catch_up_and_unlock(channel);
}
