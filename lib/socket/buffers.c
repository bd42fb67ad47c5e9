/*
 * Receives and sends of lists of buffers. Any thread.
 *
 * They are receives and sends like those of one buffer, but for what `buffer` of the operation points to: a copy of the
 * list, one block with the operation's own notes.
 */
#include <limits.h>

#include "apm/socket_buffers.h"
#include "begin.h"
#include "serving.h"
#include "transfer.h"

/* Copies the list, without the segments that are empty; `size` is that of all. */
static apm_error copy_list(const apm_array_segment *buffers, size_t count, struct apm__segment_list **list,
                           size_t *size)
{
    *list = NULL;
    *size = 0;
    if (!buffers)
        return APM_ERROR_ARGUMENT_NULL;
    if (count == 0)
        return APM_ERROR_ARGUMENT;
    if (count > (SIZE_MAX - sizeof(struct apm__segment_list)) / sizeof(apm_array_segment))
        return APM_ERROR_OUT_OF_MEMORY;
    struct apm__segment_list *copy = apm__os_allocate(sizeof *copy + count * sizeof(apm_array_segment));
    if (!copy)
        return APM_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; i++) {
        apm_error error = !buffers[i].buffer                  ? APM_ERROR_ARGUMENT_NULL
                          : buffers[i].size > INT_MAX - *size ? APM_ERROR_ARGUMENT_OUT_OF_RANGE
                                                              : APM_ERROR_SUCCESS;
        if (error != APM_ERROR_SUCCESS) {
            apm__os_free(copy);
            return error;
        }
        *size += buffers[i].size;
        if (buffers[i].size > 0)
            copy->segments[copy->count++] = buffers[i];
    }
    *list = copy;
    return APM_ERROR_SUCCESS;
}

/* `waits`: the caller's thread waits for it, and so a send is let past the high mark. */
static apm_error begin(apm_socket socket, enum apm__operation_kind kind, const apm_array_segment *buffers, size_t count,
                       apm_socket_flags flags, apm_async_callback *callback, void *state, bool waits,
                       apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, kind, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct apm__segment_list *list;
    size_t size;
    error = copy_list(buffers, count, &list, &size);
    if (error != APM_ERROR_SUCCESS)
        return apm__begin_discard_and_unlock(channel, operation, result, error);
    if (kind == APM__OPERATION_SEND && !waits && channel->serving && !apm__serving_admits_send_locked(channel)) {
        apm__os_free(list);
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_WOULD_BLOCK);
    }
    list->is_stream = channel->type == APM_SOCKET_TYPE_STREAM;
    operation->form = APM__FORM_SEGMENTS;
    operation->buffer = list;
    operation->size = size;
    operation->flags = (int32_t)flags;
    if (!list->is_stream && kind == APM__OPERATION_SEND && list->count > APM__OS_SEGMENT_LIMIT)
        apm__engine_refuse_and_unlock(channel, operation, APM_ERROR_MESSAGE_SIZE); /* it would be two datagrams */
    else
        apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_begin_receive_buffers(apm_socket socket, const apm_array_segment *buffers, size_t count,
                                           apm_socket_flags flags, apm_async_callback *callback, void *state,
                                           apm_async_result *result)
{
    return begin(socket, APM__OPERATION_RECEIVE, buffers, count, flags, callback, state, false, result);
}

apm_error apm_socket_begin_send_buffers(apm_socket socket, const apm_array_segment *buffers, size_t count,
                                        apm_socket_flags flags, apm_async_callback *callback, void *state,
                                        apm_async_result *result)
{
    return begin(socket, APM__OPERATION_SEND, buffers, count, flags, callback, state, false, result);
}

apm_error apm_socket_receive_buffers(apm_socket socket, const apm_array_segment *buffers, size_t count,
                                     apm_socket_flags flags, size_t *received)
{
    apm_async_result result;
    int timeout_ms;
    if (received)
        *received = 0;
    apm_error error = apm__begin_synchronous(socket, APM__WAY_IN, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_receive_buffers(socket, buffers, count, flags, NULL, NULL, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__end_transfer(socket, result, APM__OPERATION_RECEIVE, timeout_ms, APM_ERROR_CONNECTION_ABORTED,
                             received);
}

apm_error apm_socket_send_buffers(apm_socket socket, const apm_array_segment *buffers, size_t count,
                                  apm_socket_flags flags, size_t *sent)
{
    apm_async_result result;
    int timeout_ms;
    if (sent)
        *sent = 0;
    apm_error error = apm__begin_synchronous(socket, APM__WAY_OUT, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = begin(socket, APM__OPERATION_SEND, buffers, count, flags, NULL, NULL, true, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__end_transfer(socket, result, APM__OPERATION_SEND, timeout_ms, APM_ERROR_CONNECTION_ABORTED, sent);
}
