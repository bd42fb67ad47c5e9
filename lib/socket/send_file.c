/*
 * Sending files. Any thread.
 *
 * The file is opened, which may wait for the disk, while no lock is held; the socket is looked at before, since .NET
 * says what is wrong with the socket first, and admission checks after that whether it is still open. The operation
 * owns the file from then on until it has completed.
 */
#include <limits.h>

#include "apm/socket_send_file.h"
#include "begin.h"
#include "serving.h"
#include "transfer.h"

/* What is to be sent. Borrowed from the caller. */
struct request {
    const char *name;
    bool name_is_needed;
    bool is_synchronous;
    int descriptor; /* if `by_descriptor` */
    bool by_descriptor;
    apm_file_range range;
    const void *head;
    size_t head_size;
    const void *tail;
    size_t tail_size;
    apm_transmit_file_options options;
};

static const apm_file_range whole = {0, APM_FILE_RANGE_TO_END};

static apm_error check_state_locked(const struct apm__channel *channel)
{
    bool is_stream = channel->type == APM_SOCKET_TYPE_STREAM;
    return is_stream && channel->connected && !channel->send_ended ? APM_ERROR_SUCCESS : APM_ERROR_NOT_SUPPORTED;
}

static apm_error open_file(const struct request *request, apm__os_file *file)
{
    *file = APM__OS_NO_FILE;
    if (request->by_descriptor)
        return apm__os_file_duplicate_to_send(request->descriptor, file);
    if (!request->name)
        return request->name_is_needed ? APM_ERROR_ARGUMENT_NULL : APM_ERROR_SUCCESS;
    return request->name[0] == '\0' ? APM_ERROR_ARGUMENT : apm__os_file_open_to_send(request->name, file);
}

/* Makes the operation's block of it. */
static apm_error prepare(const struct request *request, struct apm__file_transfer **prepared)
{
    *prepared = NULL;
    if (request->is_synchronous && request->options != APM_TRANSMIT_FILE_OPTIONS_USE_DEFAULT_WORKER_THREAD)
        return APM_ERROR_NOT_SUPPORTED; /* as .NET's SendFile */
    if ((!request->head && request->head_size > 0) || (!request->tail && request->tail_size > 0))
        return APM_ERROR_ARGUMENT_NULL;
    if (request->head_size > INT_MAX || request->tail_size > INT_MAX)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    struct apm__file_transfer *transfer = apm__os_allocate(sizeof *transfer);
    if (!transfer)
        return APM_ERROR_OUT_OF_MEMORY;
    int64_t length = 0;
    apm_error error = open_file(request, &transfer->file);
    if (error == APM_ERROR_SUCCESS && transfer->file != APM__OS_NO_FILE)
        error = apm__os_file_length(transfer->file, &length);
    if (error != APM_ERROR_SUCCESS) {
        apm__os_file_close(transfer->file);
        apm__os_free(transfer);
        return error;
    }
    uint64_t size = length > 0 ? (uint64_t)length : 0;
    uint64_t left = size > request->range.offset ? size - request->range.offset : 0;
    transfer->offset = request->range.offset;
    transfer->remaining = request->range.count < left ? request->range.count : left;
    transfer->head = request->head;
    transfer->head_size = request->head_size;
    transfer->tail = request->tail;
    transfer->tail_size = request->tail_size;
    transfer->disconnects = (int)request->options &
                            (APM_TRANSMIT_FILE_OPTIONS_DISCONNECT | APM_TRANSMIT_FILE_OPTIONS_REUSE_SOCKET);
    *prepared = transfer;
    return APM_ERROR_SUCCESS;
}

/* What the send is about, in all: what the water marks count. */
static size_t size_of(const struct apm__file_transfer *transfer)
{
    return transfer->head_size + (size_t)transfer->remaining + transfer->tail_size;
}

/* Whether a send that its caller does not wait for is refused, because too much is pending. */
static bool is_refused_locked(const struct apm__channel *channel, const struct request *request)
{
    return !request->is_synchronous && channel->serving && !apm__serving_admits_send_locked(channel);
}

static apm_error begin(apm_socket socket, const struct request *request, apm_async_callback *callback, void *state,
                       apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_SEND_FILE, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = check_state_locked(channel);
    if (error != APM_ERROR_SUCCESS)
        return apm__begin_discard_and_unlock(channel, operation, result, error);
    apm__channel_unlock(channel);

    struct apm__file_transfer *transfer;
    error = prepare(request, &transfer);
    if (error != APM_ERROR_SUCCESS) {
        apm__operation_discard(operation, result);
        return error;
    }
    error = apm__channel_lock(socket.bits, &channel);
    if (error == APM_ERROR_SUCCESS && is_refused_locked(channel, request)) {
        apm__channel_unlock(channel);
        error = APM_ERROR_WOULD_BLOCK;
    }
    if (error != APM_ERROR_SUCCESS) {
        apm__os_file_close(transfer->file);
        apm__os_free(transfer);
        apm__operation_discard(operation, result);
        return error;
    }
    operation->form = APM__FORM_FILE;
    operation->buffer = transfer;
    operation->size = size_of(transfer);
    operation->flags = APM_SOCKET_FLAGS_NONE;
    operation->reuse_socket = (int)request->options & APM_TRANSMIT_FILE_OPTIONS_REUSE_SOCKET;
    apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

/* -- The forms -- */

apm_error apm_socket_begin_send_file(apm_socket socket, const char *file_name, apm_async_callback *callback,
                                     void *state, apm_async_result *result)
{
    const struct request request = {.name = file_name, .range = whole};
    return begin(socket, &request, callback, state, result);
}

apm_error apm_socket_begin_send_file_with_buffers(apm_socket socket, const char *file_name, const void *pre_buffer,
                                                  size_t pre_size, const void *post_buffer, size_t post_size,
                                                  apm_transmit_file_options options, apm_async_callback *callback,
                                                  void *state, apm_async_result *result)
{
    const struct request request = {.name = file_name,
                                    .range = whole,
                                    .head = pre_buffer,
                                    .head_size = pre_size,
                                    .tail = post_buffer,
                                    .tail_size = post_size,
                                    .options = options};
    return begin(socket, &request, callback, state, result);
}

apm_error apm_socket_begin_send_file_range(apm_socket socket, const char *file_name, apm_file_range range,
                                           apm_async_callback *callback, void *state, apm_async_result *result)
{
    const struct request request = {.name = file_name, .name_is_needed = true, .range = range};
    return begin(socket, &request, callback, state, result);
}

apm_error apm_socket_begin_send_file_descriptor(apm_socket socket, int descriptor, apm_file_range range,
                                                apm_async_callback *callback, void *state, apm_async_result *result)
{
    const struct request request = {.descriptor = descriptor, .by_descriptor = true, .range = range};
    return begin(socket, &request, callback, state, result);
}

/* -- Ends and twins -- */

/* Ends it, for a synchronous call no later than `timeout_ms` (0: no limit); `closed` replaces OPERATION_ABORTED. */
static apm_error end(apm_socket socket, apm_async_result result, int timeout_ms, apm_error closed, uint64_t *sent)
{
    size_t transferred;
    apm_error error = apm__end_transfer(socket, result, APM__OPERATION_SEND_FILE, timeout_ms, closed, &transferred);
    if (sent)
        *sent = transferred;
    return error;
}

apm_error apm_socket_end_send_file(apm_socket socket, apm_async_result result, uint64_t *sent)
{
    return end(socket, result, 0, APM_ERROR_OPERATION_ABORTED, sent);
}

static apm_error send_and_wait(apm_socket socket, const struct request *request, uint64_t *sent)
{
    apm_async_result result;
    int timeout_ms;
    if (sent)
        *sent = 0;
    apm_error error = apm__begin_synchronous(socket, APM__WAY_OUT, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = begin(socket, request, NULL, NULL, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return end(socket, result, timeout_ms, APM_ERROR_CONNECTION_ABORTED, sent);
}

apm_error apm_socket_send_file(apm_socket socket, const char *file_name, uint64_t *sent)
{
    const struct request request = {.name = file_name, .range = whole, .is_synchronous = true};
    return send_and_wait(socket, &request, sent);
}

apm_error apm_socket_send_file_with_buffers(apm_socket socket, const char *file_name, const void *pre_buffer,
                                            size_t pre_size, const void *post_buffer, size_t post_size,
                                            apm_transmit_file_options options, uint64_t *sent)
{
    const struct request request = {.name = file_name,
                                    .range = whole,
                                    .head = pre_buffer,
                                    .head_size = pre_size,
                                    .tail = post_buffer,
                                    .tail_size = post_size,
                                    .options = options,
                                    .is_synchronous = true};
    return send_and_wait(socket, &request, sent);
}

apm_error apm_socket_send_file_range(apm_socket socket, const char *file_name, apm_file_range range, uint64_t *sent)
{
    const struct request request = {.name = file_name, .name_is_needed = true, .range = range, .is_synchronous = true};
    return send_and_wait(socket, &request, sent);
}

apm_error apm_socket_send_file_descriptor(apm_socket socket, int descriptor, apm_file_range range, uint64_t *sent)
{
    const struct request request = {
        .descriptor = descriptor, .by_descriptor = true, .range = range, .is_synchronous = true};
    return send_and_wait(socket, &request, sent);
}
