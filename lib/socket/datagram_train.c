/*
 * Trains of datagrams. Any thread.
 *
 * A boundary between datagrams is lost where a train is received by something that does not ask for its datagrams'
 * size. So a channel that `joins` has no receives but those of trains: it begins to with no other receive queued, under
 * the lock, and from then on apm__begin refuses others.
 */
#include "apm/datagram_train.h"

#include <limits.h>

#include "datagram.h"
#include "serving.h"

static bool carries_trains(const struct apm__channel *channel)
{
    return channel->type == APM_SOCKET_TYPE_DGRAM && channel->family != APM_ADDRESS_FAMILY_UNIX;
}

/* -- Sending -- */

static apm_error check_send(struct apm__channel *channel, const void *buffer, size_t size, size_t datagram_size,
                            const apm_endpoint *remote, bool waits)
{
    if (!buffer || apm_endpoint_is_null(*remote))
        return APM_ERROR_ARGUMENT_NULL;
    if (size > INT_MAX || datagram_size == 0)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (!carries_trains(channel))
        return APM_ERROR_OPERATION_NOT_SUPPORTED;
    if (channel->serving && !waits && !apm__serving_admits_send_locked(channel))
        return APM_ERROR_WOULD_BLOCK;
    return APM_ERROR_SUCCESS;
}

/* `waits` as of apm__begin_send_to. */
static apm_error begin_send(apm_socket socket, const void *buffer, size_t size, size_t datagram_size,
                            const apm_endpoint *remote, apm_async_callback *callback, void *state, bool waits,
                            apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_SEND_TRAIN, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = check_send(channel, buffer, size, datagram_size, remote, waits);
    if (error != APM_ERROR_SUCCESS)
        return apm__begin_discard_and_unlock(channel, operation, result, error);
    operation->buffer = (void *)(uintptr_t)buffer; /* a send only reads it */
    operation->size = size;
    if (remote->address.family == APM_ADDRESS_FAMILY_UNIX) {
        apm__engine_refuse_and_unlock(channel, operation, APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED);
        return APM_ERROR_SUCCESS;
    }
    if (!channel->asked_to_cut) {
        channel->asked_to_cut = true;
        channel->cuts = apm__os_socket_cuts(channel->descriptor);
    }
    operation->datagram.address = apm__os_address_of(remote, channel->family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
    operation->datagram.train = (struct apm__datagram_train){
        .datagram_size = datagram_size < INT_MAX ? (uint32_t)datagram_size : INT_MAX, .cuts = channel->cuts};
    apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_begin_send_train_to(apm_socket socket, const void *buffer, size_t size, size_t datagram_size,
                                         apm_endpoint remote, apm_async_callback *callback, void *state,
                                         apm_async_result *result)
{
    return begin_send(socket, buffer, size, datagram_size, &remote, callback, state, false, result);
}

apm_error apm_socket_end_send_train_to(apm_socket socket, apm_async_result result, size_t *sent)
{
    return apm__end_transfer(socket, result, APM__OPERATION_SEND_TRAIN, 0, APM_ERROR_OPERATION_ABORTED, sent);
}

apm_error apm_socket_send_train_to(apm_socket socket, const void *buffer, size_t size, size_t datagram_size,
                                   apm_endpoint remote, size_t *sent)
{
    apm_async_result result;
    int timeout_ms;
    if (sent)
        *sent = 0;
    apm_error error = apm__begin_synchronous(socket, APM__WAY_OUT, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = begin_send(socket, buffer, size, datagram_size, &remote, NULL, NULL, true, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__end_transfer(socket, result, APM__OPERATION_SEND_TRAIN, timeout_ms, APM_ERROR_CONNECTION_ABORTED, sent);
}

/* -- Receiving -- */

/* Has the channel receive trains from now on. */
static apm_error join_locked(struct apm__channel *channel)
{
    if (channel->joins)
        return APM_ERROR_SUCCESS;
    if (channel->in.head)
        return APM_ERROR_INVALID_OPERATION;
    apm_error error = apm__os_socket_join(channel->descriptor);
    channel->joins = error == APM_ERROR_SUCCESS;
    return error;
}

apm_error apm_socket_begin_receive_train_from(apm_socket socket, void *buffer, size_t size,
                                              apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_RECEIVE_TRAIN, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!buffer)
        error = APM_ERROR_ARGUMENT_NULL;
    else if (size < APM_DATAGRAM_TRAIN_SIZE || size > INT_MAX)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else if (!carries_trains(channel))
        error = APM_ERROR_OPERATION_NOT_SUPPORTED;
    else if (!channel->bound && !channel->out.head)
        error = APM_ERROR_INVALID_OPERATION;
    else
        error = join_locked(channel);
    if (error != APM_ERROR_SUCCESS)
        return apm__begin_discard_and_unlock(channel, operation, result, error);
    operation->buffer = buffer;
    operation->size = size;
    operation->datagram.address = apm__os_address_any(channel->family); /* stays, where the system names no sender */
    apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_end_receive_train_from(apm_socket socket, apm_async_result result, apm_endpoint *remote,
                                            size_t *datagram_size, size_t *received)
{
    struct apm__datagram_outcome outcome = {.remote = remote, .datagram_size = datagram_size, .received = received};
    return apm__end_datagram(socket, result, APM__OPERATION_RECEIVE_TRAIN, 0, APM_ERROR_OPERATION_ABORTED, &outcome);
}

apm_error apm_socket_receive_train_from(apm_socket socket, void *buffer, size_t size, apm_endpoint *remote,
                                        size_t *datagram_size, size_t *received)
{
    struct apm__datagram_outcome outcome = {.remote = remote, .datagram_size = datagram_size, .received = received};
    apm_async_result result;
    int timeout_ms;
    apm__datagram_outcome_clear(&outcome);
    apm_error error = apm__begin_synchronous(socket, APM__WAY_IN, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_receive_train_from(socket, buffer, size, NULL, NULL, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__end_datagram(socket, result, APM__OPERATION_RECEIVE_TRAIN, timeout_ms, APM_ERROR_CONNECTION_ABORTED,
                             &outcome);
}
