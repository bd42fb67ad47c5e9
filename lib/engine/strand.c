/*
 * The hand-over from one callback of a strand to the next. See strand.h for the invariants. Any thread completes;
 * callbacks return on workers.
 */
#include "strand.h"

#include "channel.h"
#include "check.h"
#include "serving.h"

void apm__strand_enter_locked(struct apm__strand *strand, struct apm__operation *operation)
{
    operation->previous = NULL;
    if (strand->tail)
        strand->tail->previous = operation;
    else
        strand->head = operation;
    strand->tail = operation;
}

/* Takes the operation whose turn it is, if there is one and nobody has it. */
static struct apm__operation *take_turn_locked(struct apm__strand *strand)
{
    struct apm__operation *first = strand->head;
    if (strand->busy || !first || !first->ready)
        return NULL;
    strand->head = first->previous;
    if (!strand->head)
        strand->tail = NULL;
    strand->busy = true;
    return first;
}

static void submit(struct apm__operation *operation)
{
    if (operation)
        apm__pool_submit(operation->pool, &operation->work);
}

void apm__strand_complete(struct apm__channel *channel, struct apm__operation *operation)
{
    apm__os_mutex_lock(&channel->lock);
    operation->ready = true;
    struct apm__operation *next = take_turn_locked(&channel->serving->strand);
    apm__os_mutex_unlock(&channel->lock);
    submit(next);
}

void apm__strand_return(struct apm__channel *channel)
{
    apm__os_mutex_lock(&channel->lock);
    APM__ASSERT(channel->serving->strand.busy);
    channel->serving->strand.busy = false;
    struct apm__operation *next = take_turn_locked(&channel->serving->strand);
    apm__os_mutex_unlock(&channel->lock);
    submit(next);
}
