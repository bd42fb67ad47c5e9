/*
 * Channels: making, finding and letting go. Any thread. See channel.h.
 */
#include "channel.h"

#include "check.h"
#include "process.h"
#include "serving.h"
#include "wait.h"

static void prepare(struct apm__slot *slot)
{
    apm__os_mutex_initialise(&((struct apm__channel *)slot)->lock);
    apm__os_mutex_set_rank(&((struct apm__channel *)slot)->lock, APM__RANK_OBJECT);
}

struct apm__slot_table apm__channels = APM__SLOT_TABLE(APM__KIND_SOCKET, struct apm__channel, prepare);

static void clear_locked(struct apm__direction *direction)
{
    apm__atomic_store(&direction->head, NULL, APM__RELAXED);
    direction->tail = NULL;
    direction->edges = 0;
    direction->running = false;
    direction->deferred = false;
    direction->drained = false;
}

struct apm__channel *apm__channel_create(struct apm__pool *pool, apm_address_family family, apm_socket_type type,
                                         apm_protocol_type protocol)
{
    struct apm__slot *slot = apm__slot_allocate(&apm__channels);
    if (!slot)
        return NULL;
    struct apm__channel *channel = (struct apm__channel *)slot;
    /* Under the lock, since a call with a stale handle may be looking at the slot. */
    apm__os_mutex_lock(&channel->lock);
    channel->pool = pool;
    channel->family = family;
    channel->type = type;
    channel->protocol = protocol;
    channel->descriptor = APM__OS_NO_SOCKET;
    channel->selects = NULL;
    channel->file = NULL;
    channel->non_blocking = false;
    channel->connect_error = APM_ERROR_SUCCESS;
    channel->users = 0;
    channel->watched = 0;
    clear_locked(&channel->in);
    clear_locked(&channel->out);
    channel->key = 0;
    channel->receive_timeout_ms = 0;
    channel->send_timeout_ms = 0;
    channel->connect_attempt_delay_ms = APM_CONNECT_ATTEMPT_DELAY_MS;
    channel->close_waiters = 0;
    channel->unread_error = APM_ERROR_SUCCESS;
    channel->closed = false;
    channel->wants_packets = false;
    channel->is_udp_client = false;
    channel->joins = false;
    channel->asked_to_cut = false;
    channel->cuts = false;
    channel->renewing = false;
    channel->bound = false;
    channel->listening = false;
    channel->connecting = false;
    channel->connected = false;
    channel->has_peer = false;
    channel->dual_mode = false;
    channel->must_try = false;
    channel->send_ended = false;
    channel->receive_ended = false;
    channel->cut_short = false;
    channel->lingers = false;
    channel->reuse_address = false;
    channel->receive_buffer_set = false;
    channel->send_buffer_set = false;
    channel->serialised = false;
    channel->draining = false;
    channel->drain_untold = false;
    channel->serving = NULL;
    channel->group = NULL;
    apm__os_mutex_unlock(&channel->lock);
    return channel;
}

void apm__channel_discard(struct apm__channel *channel)
{
    apm__serving_free(channel);
    apm__slot_free(&apm__channels, &channel->slot);
}

void apm__channel_open_locked(struct apm__channel *channel, apm__os_socket descriptor)
{
    channel->descriptor = descriptor;
    apm__slot_publish(&channel->slot, 1, 0);
    channel->key = apm__slot_handle(&channel->slot);
}

void apm__channel_open(struct apm__channel *channel, apm__os_socket descriptor)
{
    apm__os_mutex_lock(&channel->lock);
    apm__channel_open_locked(channel, descriptor);
    apm__os_mutex_unlock(&channel->lock);
}

struct apm__inheritance apm__channel_bequeath_locked(struct apm__channel *listener)
{
    struct apm__inheritance inheritance = {.group = listener->serving ? listener->serving->group : NULL,
                                           .lingers = listener->lingers,
                                           .dual_mode = listener->dual_mode,
                                           .reuse_address = listener->reuse_address,
                                           .non_blocking = listener->non_blocking};
    if (inheritance.group)
        apm__group_join_locked(inheritance.group);
    return inheritance;
}

void apm__channel_inherit_locked(struct apm__channel *connection, const struct apm__inheritance *inheritance)
{
    connection->connected = true;
    connection->has_peer = true;
    connection->bound = true;
    connection->group = inheritance->group;
    connection->lingers = inheritance->lingers;
    connection->dual_mode = inheritance->dual_mode;
    connection->reuse_address = inheritance->reuse_address;
    connection->non_blocking = inheritance->non_blocking;
}

/* What a handle is that names no open channel. */
APM__COLD static apm_error refuse(uint64_t bits)
{
    apm_error error = apm__slot_check(&apm__channels, bits);
    return error == APM_ERROR_SUCCESS ? APM_ERROR_OBJECT_DISPOSED : error;
}

APM__HOT apm_error apm__channel_lock(uint64_t bits, struct apm__channel **channel)
{
    *channel = NULL;
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    struct apm__channel *found = (struct apm__channel *)apm__slot_find(&apm__channels, bits);
    if (!found)
        return refuse(bits);
    apm__os_mutex_lock(&found->lock);
    if (found->key == bits) {
        *channel = found;
        return APM_ERROR_SUCCESS;
    }
    apm__os_mutex_unlock(&found->lock);
    return refuse(bits);
}

/* -- Letting go -- */

/* Whether only those who wait for this hold the closed channel of that generation. */
static bool only_waiters_left_locked(struct apm__channel *channel, uint32_t generation)
{
    uint64_t control = apm__atomic_load(&channel->slot.control, APM__ACQUIRE);
    return apm__slot_generation(control) == generation && channel->close_waiters > 0 &&
           (control & APM__SLOT_REFERENCES) == channel->close_waiters;
}

/* A reference to a closed channel has been given back, of which the control word was `before`. */
APM__COLD static void released_closed(struct apm__channel *channel, uint64_t before)
{
    if ((before & APM__SLOT_REFERENCES) == 1) {
        apm__channel_discard(channel);
        return;
    }
    /* The slot may be another socket's by now; its memory and its lock stay, and the generation tells. */
    apm__os_mutex_lock(&channel->lock);
    if (only_waiters_left_locked(channel, apm__slot_generation(before)))
        apm__wait_signal(&channel->slot);
    apm__os_mutex_unlock(&channel->lock);
}

void apm__channel_release(struct apm__channel *channel)
{
    uint64_t before = apm__atomic_subtract(&channel->slot.control, 1, APM__ACQ_REL);
    APM__ASSERT((before & APM__SLOT_REFERENCES) > 1 || (before & APM__SLOT_CLOSED));
    if (before & APM__SLOT_CLOSED) /* an open one has the socket's reference */
        released_closed(channel, before);
}

apm_error apm__channel_wait(struct apm__channel *channel, int timeout_ms)
{
    uint32_t generation = apm__slot_generation(apm__atomic_load(&channel->slot.control, APM__RELAXED));
    apm__os_mutex_lock(&channel->lock);
    channel->close_waiters++;
    bool gone = only_waiters_left_locked(channel, generation);
    apm__os_mutex_unlock(&channel->lock);

    apm_error error = APM_ERROR_SUCCESS;
    if (!gone)
        error = apm__wait_one(&channel->slot, timeout_ms < 0 ? -1 : (int64_t)timeout_ms * 1000000);

    apm__os_mutex_lock(&channel->lock);
    channel->close_waiters--;
    bool last = apm__slot_release(&channel->slot);
    apm__os_mutex_unlock(&channel->lock);
    if (last)
        apm__channel_discard(channel);
    return error;
}
