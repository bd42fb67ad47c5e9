/*
 * Batches. They run on whatever thread performs the direction. See batch.h.
 */
#include "batch.h"

#include "perform.h"
#include "readiness.h"

bool apm__batch_may_locked(const struct apm__channel *channel, const struct apm__direction *direction)
{
    return channel->type == APM_SOCKET_TYPE_DGRAM && direction->head->next && apm__perform_may_batch(direction->head) &&
           apm__perform_may_batch(direction->head->next);
}

/* What an attempt at several has brought: `done` of them have succeeded, or else the first has failed. */
static void settle_batch_locked(struct apm__channel *channel, struct apm__operation *const *batch, size_t count,
                                size_t done, apm_error error, struct apm__settled *settled)
{
    bool failed = done == 0 && error != APM_ERROR_WOULD_BLOCK;
    for (size_t i = 0; i < count; i++) {
        struct apm__operation *operation = batch[i];
        if (i < done || (i == 0 && failed)) {
            operation->more_follow = i + 1 < done;
            apm__outcome_settle_locked(channel, operation, failed ? error : APM_ERROR_SUCCESS, false);
            apm__settled_add(settled, operation);
        } else if (operation->wish != APM_ERROR_SUCCESS) { /* it has not been served, so the wish is its outcome */
            apm__outcome_settle_locked(channel, operation, operation->wish, true);
            apm__settled_add(settled, operation);
        } else {
            operation->place = APM__PLACE_QUEUED;
        }
    }
}

/* How many datagrams a call has brought; there may be several in a train. */
static uint32_t arrivals(struct apm__operation *const *batch, size_t done)
{
    size_t count = 0;
    for (size_t i = 0; i < done; i++) {
        const struct apm__datagram_train *train = &batch[i]->datagram.train;
        bool is_train = apm__kind_of(batch[i]) == APM__OPERATION_RECEIVE_TRAIN && train->datagram_size > 0;
        count += is_train ? batch[i]->transferred / train->datagram_size : 1;
    }
    return (uint32_t)count;
}

bool apm__batch_attempt_locked(struct apm__channel *channel, struct apm__direction *direction,
                               struct apm__settled *settled)
{
    struct apm__operation *batch[APM__PERFORM_BATCH];
    size_t count = 0;
    for (struct apm__operation *operation = direction->head;
         operation && count < APM__PERFORM_BATCH && apm__perform_may_batch(operation); operation = operation->next) {
        operation->place = APM__PLACE_RUNNING;
        batch[count++] = operation;
    }
    apm__os_socket descriptor = channel->descriptor;
    uint32_t edges = direction->edges;
    size_t done;
    apm__channel_unlock(channel);
    apm_error error = apm__perform_batch(batch, count, descriptor, &done);
    if (direction == &channel->in && done > 0)
        apm__pool_note_arrivals(channel->pool, arrivals(batch, done));
    apm__os_mutex_lock(&channel->lock);
    settle_batch_locked(channel, batch, count, done, error, settled);
    bool emptied = done > 0 && done < count && direction == &channel->in && !channel->must_try;
    if (error != APM_ERROR_WOULD_BLOCK && !emptied)
        return true;
    if (direction->edges != edges)
        return true; /* it became ready during the attempt */
    direction->drained = true;
    if (!direction->head)
        return true;
    error = apm__readiness_watch_locked(channel, direction);
    if (error == APM_ERROR_SUCCESS)
        return false;
    struct apm__operation *head = direction->head;
    apm__outcome_settle_locked(channel, head, error, false);
    apm__settled_add(settled, head);
    return true;
}
