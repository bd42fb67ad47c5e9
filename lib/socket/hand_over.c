/*
 * Handing sockets to other processes, and taking them over. Any thread.
 *
 * The descriptor goes beside one byte of the unix domain socket's stream. The calls go around the queues of operations,
 * as users of the descriptor, and wait by apm_socket_poll; no lock is held meanwhile, and never two channels'.
 */
#include "apm/socket_handle.h"
#include "apm/socket_select.h"
#include "begin.h"
#include "handle.h"
#include "outcome.h"

/* Becomes a user of the descriptor of `over`, with a reference to the channel. */
static apm_error use(apm_socket over, struct apm__channel **channel)
{
    apm_error error = apm__channel_lock(over.bits, channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if ((*channel)->family == APM_ADDRESS_FAMILY_UNIX && (*channel)->type == APM_SOCKET_TYPE_STREAM) {
        apm__slot_retain(&(*channel)->slot);
        (*channel)->users++;
    } else {
        error = APM_ERROR_NOT_SUPPORTED;
    }
    apm__channel_unlock(*channel);
    return error;
}

static void stop_using(struct apm__channel *channel)
{
    apm__os_mutex_lock(&channel->lock);
    channel->users--;
    apm__os_socket descriptor = apm__outcome_take_descriptor_locked(channel);
    apm__channel_unlock(channel);
    apm__outcome_close_taken(descriptor);
    apm__channel_release(channel);
}

/* Waits until it is worth while to try again; `timeout_ms` as apm__begin_synchronous gives it. */
static apm_error await(apm_socket over, apm_select_mode mode, uint64_t begun_ns, int timeout_ms)
{
    int64_t left_us = -1;
    bool ready;
    if (timeout_ms < 0)
        return APM_ERROR_WOULD_BLOCK;
    if (timeout_ms > 0) {
        uint64_t spent_us = (apm__os_monotonic_ns() - begun_ns) / 1000;
        uint64_t allowed_us = (uint64_t)timeout_ms * 1000;
        if (spent_us >= allowed_us)
            return APM_ERROR_TIMED_OUT;
        left_us = (int64_t)(allowed_us - spent_us);
    }
    return apm_socket_poll(over, left_us, mode, &ready);
}

static apm_error send_descriptor(apm_socket over, apm__os_socket descriptor)
{
    struct apm__channel *channel;
    int timeout_ms;
    apm_error error = apm__begin_synchronous(over, APM__WAY_OUT, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = use(over, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    uint64_t begun_ns = apm__os_monotonic_ns();
    do {
        error = apm__os_socket_send_descriptor(channel->descriptor, descriptor);
        if (error != APM_ERROR_WOULD_BLOCK)
            break;
        error = await(over, APM_SELECT_MODE_SELECT_WRITE, begun_ns, timeout_ms);
    } while (error == APM_ERROR_SUCCESS);
    stop_using(channel);
    return error;
}

apm_error apm_socket_hand_over(apm_socket socket, apm_socket over)
{
    struct apm__channel *channel;
    intptr_t duplicate;
    if (socket.bits != 0 && socket.bits == over.bits)
        return APM_ERROR_ARGUMENT;
    apm_error error = apm_socket_duplicate_handle(socket, &duplicate);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = send_descriptor(over, (apm__os_socket)duplicate);
    if (error == APM_ERROR_SUCCESS && apm__channel_lock(socket.bits, &channel) == APM_ERROR_SUCCESS)
        apm__handle_give_up_and_unlock(channel);
    apm__os_socket_close((apm__os_socket)duplicate);
    return error;
}

static apm_error receive_descriptor(apm_socket over, struct apm__channel *channel, int timeout_ms,
                                    apm__os_socket *descriptor)
{
    uint64_t begun_ns = apm__os_monotonic_ns();
    for (;;) {
        bool ended;
        apm_error error = apm__os_socket_receive_descriptor(channel->descriptor, descriptor, &ended);
        if (error == APM_ERROR_WOULD_BLOCK)
            error = await(over, APM_SELECT_MODE_SELECT_READ, begun_ns, timeout_ms);
        else if (error == APM_ERROR_SUCCESS)
            return ended                              ? APM_ERROR_NOT_CONNECTED
                   : *descriptor == APM__OS_NO_SOCKET ? APM_ERROR_NO_DATA
                                                      : APM_ERROR_SUCCESS;
        else if (error == APM_ERROR_INVALID_ARGUMENT)
            return APM_ERROR_NOT_CONNECTED; /* what Linux calls a receive on such a socket */
        if (error != APM_ERROR_SUCCESS)
            return error;
    }
}

apm_error apm_socket_take_over(apm_socket over, apm_socket *socket)
{
    struct apm__channel *channel;
    apm__os_socket descriptor;
    int timeout_ms;
    if (!socket)
        return APM_ERROR_ARGUMENT_NULL;
    *socket = (apm_socket)APM_NULL_HANDLE;
    apm_error error = apm__begin_synchronous(over, APM__WAY_IN, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = use(over, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = receive_descriptor(over, channel, timeout_ms, &descriptor);
    if (error == APM_ERROR_SUCCESS) {
        error = apm__handle_adopt(channel->pool, descriptor, socket);
        if (error != APM_ERROR_SUCCESS)
            apm__os_socket_close(descriptor);
    }
    bool pool_ended = error == APM_ERROR_SUCCESS && !apm__pool_is_still_open(channel->pool);
    stop_using(channel);
    if (!pool_ended)
        return error;
    apm_socket_close(*socket);
    *socket = (apm_socket)APM_NULL_HANDLE;
    return APM_ERROR_OPERATION_ABORTED;
}
