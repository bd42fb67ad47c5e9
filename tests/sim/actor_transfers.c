/*
 * The ways to send and to receive of actor_tcp: one buffer, a list of them, a part of a file. What is sent is the same
 * in each: byte `n` of a flow is byte `n` of the file "book.test".
 */
#include "actor_transfers.h"

#include "apm/socket_buffers.h"
#include "apm/socket_send_file.h"
#include "network.h"

enum { MOST_SEGMENTS = 20 };

static apm_error end_send(struct actor_operation *operation)
{
    return apm_socket_end_send(operation->socket, operation->result, &operation->transferred);
}

static apm_error end_send_file(struct actor_operation *operation)
{
    uint64_t sent;
    apm_error error = apm_socket_end_send_file(operation->socket, operation->result, &sent);
    operation->transferred = (size_t)sent;
    return error;
}

static apm_error end_receive(struct actor_operation *operation)
{
    return apm_socket_end_receive(operation->socket, operation->result, &operation->transferred);
}

struct actor_operation *transfer_send_operation(apm_socket socket, size_t size)
{
    return actor_operation(end_send, socket, size);
}

struct actor_operation *transfer_receive_operation(apm_socket socket, size_t size)
{
    return actor_operation(end_receive, socket, size);
}

/* Cuts the buffer into pieces, some of which are empty. */
static size_t cut(unsigned char *buffer, size_t size, apm_array_segment *segments)
{
    size_t wanted = 1 + sim_random(sim_one_in(3) ? MOST_SEGMENTS : 3);
    size_t count = 0;
    for (; count + 1 < wanted && size > 0; count++) {
        size_t part = sim_random((uint32_t)size + 1);
        segments[count] = (apm_array_segment){.buffer = buffer, .size = part};
        buffer += part;
        size -= part;
    }
    segments[count++] = (apm_array_segment){.buffer = buffer, .size = size};
    return count;
}

/* -- Sending ------------------------------------------------------------------------------------------------------- */

void transfer_fill(unsigned char *bytes, size_t size, uint32_t place)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = sim_file_byte(place + i);
}

static apm_error begin_send_file(struct actor_operation *operation, uint32_t place, apm_async_callback *callback)
{
    operation->end = end_send_file;
    if (sim_one_in(2))
        return apm_socket_begin_send_file_range(operation->socket, "book.test",
                                                (apm_file_range){.offset = place, .count = operation->size}, callback,
                                                operation, &operation->result);
    size_t head = sim_random((uint32_t)operation->size + 1);
    return apm_socket_begin_send_file_with_buffers(
        operation->socket, NULL, operation->buffer, head, operation->buffer + head, operation->size - head,
        APM_TRANSMIT_FILE_OPTIONS_USE_DEFAULT_WORKER_THREAD, callback, operation, &operation->result);
}

apm_error transfer_begin_send(struct actor_operation *operation, uint32_t place)
{
    apm_array_segment segments[MOST_SEGMENTS];
    apm_async_callback *callback = actor_callback(operation);
    operation->end = end_send; /* it may have been refused in another form before */
    transfer_fill(operation->buffer, operation->size, place);
    switch (sim_random(6)) {
    case 0:
        return apm_socket_begin_send_buffers(operation->socket, segments,
                                             cut(operation->buffer, operation->size, segments), APM_SOCKET_FLAGS_NONE,
                                             callback, operation, &operation->result);
    case 1: return begin_send_file(operation, place, callback);
    default:
        return apm_socket_begin_send(operation->socket, operation->buffer, operation->size, APM_SOCKET_FLAGS_NONE,
                                     callback, operation, &operation->result);
    }
}

apm_error transfer_send(apm_socket socket, unsigned char *bytes, size_t size, uint32_t place, size_t *sent)
{
    apm_array_segment segments[MOST_SEGMENTS];
    uint64_t count;
    apm_error error;
    transfer_fill(bytes, size, place);
    switch (sim_random(4)) {
    case 0: return apm_socket_send_buffers(socket, segments, cut(bytes, size, segments), APM_SOCKET_FLAGS_NONE, sent);
    case 1:
        error = apm_socket_send_file_range(socket, "book.test", (apm_file_range){.offset = place, .count = size},
                                           &count);
        *sent = (size_t)count;
        return error;
    default: return apm_socket_send(socket, bytes, size, APM_SOCKET_FLAGS_NONE, sent);
    }
}

/* -- Receiving ----------------------------------------------------------------------------------------------------- */

apm_error transfer_begin_receive(struct actor_operation *operation)
{
    apm_array_segment segments[MOST_SEGMENTS];
    apm_async_callback *callback = actor_callback(operation);
    if (sim_one_in(4))
        return apm_socket_begin_receive_buffers(operation->socket, segments,
                                                cut(operation->buffer, operation->size, segments),
                                                APM_SOCKET_FLAGS_NONE, callback, operation, &operation->result);
    return apm_socket_begin_receive(operation->socket, operation->buffer, operation->size, APM_SOCKET_FLAGS_NONE,
                                    callback, operation, &operation->result);
}

apm_error transfer_receive(apm_socket socket, unsigned char *bytes, size_t size, size_t *received)
{
    apm_array_segment segments[MOST_SEGMENTS];
    if (sim_one_in(3))
        return apm_socket_receive_buffers(socket, segments, cut(bytes, size, segments), APM_SOCKET_FLAGS_NONE,
                                          received);
    return apm_socket_receive(socket, bytes, size, APM_SOCKET_FLAGS_NONE, received);
}
