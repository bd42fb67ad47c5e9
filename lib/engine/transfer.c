/*
 * The attempts at lists of segments and at files. They run on whatever thread owns the operation: a worker, or the
 * caller of Begin.
 */
#include "transfer.h"

#include "apm/socket.h"

/*
 * A file that the socket takes as fast as it can be read would keep its thread for as long as that lasts, be it the
 * caller of Begin, or a worker that others wait for. After so many bytes the rest is left to the next free worker.
 */
static const uint64_t bytes_at_a_time = 4 << 20;

/* -- Segments -- */

/* How many segments the next call gets. */
static size_t part_of(const struct apm__segment_list *list, size_t first)
{
    size_t left = list->count - first;
    return left < APM__OS_SEGMENT_LIMIT ? left : APM__OS_SEGMENT_LIMIT;
}

static size_t size_of(const apm_array_segment *segments, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += segments[i].size;
    return size;
}

apm_error apm__transfer_receive_segments(struct apm__operation *operation, apm__os_socket descriptor)
{
    const struct apm__segment_list *list = operation->buffer;
    if (operation->size == 0 && !(operation->flags & APM_SOCKET_FLAGS_OUT_OF_BAND))
        return apm__os_socket_readable(descriptor);
    size_t received = 0;
    size_t wanted = 0;
    for (size_t first = 0; first < list->count && received == wanted;) {
        size_t available;
        if (first > 0) { /* only for data that is there: an error belongs to the next receive, which can report it */
            if (!list->is_stream || operation->flags != APM_SOCKET_FLAGS_NONE ||
                apm__os_socket_available(descriptor, &available) != APM_ERROR_SUCCESS || available == 0)
                break;
        }
        size_t count = part_of(list, first);
        wanted = size_of(&list->segments[first], count);
        apm_error error = apm__os_socket_receive_segments(descriptor, &list->segments[first], count, operation->flags,
                                                          &received);
        if (error != APM_ERROR_SUCCESS)
            return first > 0 ? APM_ERROR_SUCCESS : error;
        operation->transferred += received;
        first += count;
    }
    return APM_ERROR_SUCCESS;
}

/* Takes what has been sent off the list, and segments that are empty with it. */
static void advance(struct apm__segment_list *list, size_t sent)
{
    while (list->first < list->count && list->segments[list->first].size <= sent)
        sent -= list->segments[list->first++].size;
    if (sent > 0) {
        apm_array_segment *segment = &list->segments[list->first];
        segment->buffer = (unsigned char *)segment->buffer + sent;
        segment->size -= sent;
    }
}

apm_error apm__transfer_send_segments(struct apm__operation *operation, apm__os_socket descriptor)
{
    struct apm__segment_list *list = operation->buffer;
    do {
        size_t sent;
        apm_error error = apm__os_socket_send_segments(descriptor, &list->segments[list->first],
                                                       part_of(list, list->first), operation->flags, &sent);
        if (error != APM_ERROR_SUCCESS)
            return error;
        operation->transferred += sent;
        advance(list, sent);
    } while (list->first < list->count);
    return APM_ERROR_SUCCESS;
}

/* -- Files -- */

static apm_error send_buffer(struct apm__operation *operation, apm__os_socket descriptor, const unsigned char **buffer,
                             size_t *size)
{
    while (*size > 0) {
        size_t sent;
        apm_error error = apm__os_socket_send(descriptor, *buffer, *size, APM_SOCKET_FLAGS_NONE, &sent);
        if (error != APM_ERROR_SUCCESS)
            return error;
        operation->transferred += sent;
        *buffer += sent;
        *size -= sent;
    }
    return APM_ERROR_SUCCESS;
}

static apm_error send_file(struct apm__operation *operation, struct apm__file_transfer *transfer,
                           apm__os_socket descriptor)
{
    uint64_t budget = bytes_at_a_time;
    while (transfer->remaining > 0) {
        if (budget == 0) {
            transfer->paused = true;
            return APM_ERROR_WOULD_BLOCK;
        }
        size_t sent;
        size_t count = (size_t)(transfer->remaining < budget ? transfer->remaining : budget);
        apm_error error = apm__os_socket_send_file(descriptor, transfer->file, transfer->offset, count, &sent);
        if (error != APM_ERROR_SUCCESS)
            return error;
        operation->transferred += sent;
        transfer->offset += sent;
        transfer->remaining -= sent;
        budget -= sent;
        if (sent == 0)
            transfer->remaining = 0; /* the file has become shorter */
    }
    return APM_ERROR_SUCCESS;
}

apm_error apm__transfer_send_file(struct apm__operation *operation, apm__os_socket descriptor)
{
    struct apm__file_transfer *transfer = operation->buffer;
    transfer->paused = false;
    apm_error error = send_buffer(operation, descriptor, &transfer->head, &transfer->head_size);
    if (error == APM_ERROR_SUCCESS)
        error = send_file(operation, transfer, descriptor);
    if (error == APM_ERROR_SUCCESS)
        error = send_buffer(operation, descriptor, &transfer->tail, &transfer->tail_size);
    if (error == APM_ERROR_SUCCESS && transfer->disconnects && !transfer->disconnected) {
        error = apm__os_socket_shutdown(descriptor, APM_SOCKET_SHUTDOWN_BOTH);
        transfer->disconnected = error == APM_ERROR_SUCCESS;
    }
    return error;
}

bool apm__transfer_is_unfinished(const struct apm__operation *operation)
{
    const struct apm__file_transfer *transfer = apm__file_transfer_of(operation);
    return transfer && (transfer->head_size > 0 || transfer->remaining > 0 || transfer->tail_size > 0);
}

void apm__transfer_close(struct apm__operation *operation)
{
    struct apm__file_transfer *transfer = apm__file_transfer_of(operation);
    if (!transfer)
        return;
    apm__os_file_close(transfer->file);
    transfer->file = APM__OS_NO_FILE;
}
