/*
 * The attempts at datagrams: one, or several of a direction in one system call. They run on whatever thread owns the
 * operations: a worker, or the caller of Begin.
 */
#include "apm/socket.h"
#include "check.h"
#include "perform.h"

static enum apm__operation_kind kind_of(const struct apm__operation *operation)
{
    return (enum apm__operation_kind)apm__atomic_load(&operation->kind, APM__RELAXED);
}

static bool is_send(const struct apm__operation *operation)
{
    return kind_of(operation) == APM__OPERATION_SEND_TO || kind_of(operation) == APM__OPERATION_SEND;
}

static apm__os_datagram describe(struct apm__operation *operation)
{
    bool with_address = apm__operation_is_of_datagrams(operation);
    bool with_packet = kind_of(operation) == APM__OPERATION_RECEIVE_MESSAGE_FROM;
    bool is_train = kind_of(operation) == APM__OPERATION_RECEIVE_TRAIN;
    return (apm__os_datagram){.buffer = operation->buffer,
                              .size = operation->size,
                              .address = with_address ? &operation->datagram.address : NULL,
                              .packet = with_packet ? &operation->datagram.packet : NULL,
                              .datagram_size = is_train ? &operation->datagram.train.datagram_size : NULL};
}

static void take_outcome(struct apm__operation *operation, const apm__os_datagram *datagram)
{
    operation->transferred = datagram->transferred;
    if (kind_of(operation) == APM__OPERATION_RECEIVE_MESSAGE_FROM)
        operation->flags = datagram->flags;
    if (datagram->datagram_size && *datagram->datagram_size == 0)
        *datagram->datagram_size = (uint32_t)datagram->transferred; /* a train of one */
}

/* A datagram goes as a whole, or not at all; of a stream the system may take a part. */
static apm_error perform_send_to(struct apm__operation *operation, apm__os_socket descriptor)
{
    if (operation->datagram.path)
        return apm__os_socket_send_to_path(descriptor, operation->buffer, operation->size, operation->flags,
                                           operation->datagram.path, &operation->transferred);
    do {
        apm__os_datagram datagram = describe(operation);
        size_t done;
        datagram.buffer = (unsigned char *)operation->buffer + operation->transferred;
        datagram.size = operation->size - operation->transferred;
        apm_error error = apm__os_socket_send_datagrams(descriptor, &datagram, 1, operation->flags, &done);
        if (error != APM_ERROR_SUCCESS)
            return error;
        operation->transferred += datagram.transferred;
    } while (operation->transferred < operation->size);
    return APM_ERROR_SUCCESS;
}

/* As much of the train as the system takes without waiting; the rest is sent by the next attempt. */
static apm_error perform_send_train(struct apm__operation *operation, apm__os_socket descriptor)
{
    struct apm__datagram_train *train = &operation->datagram.train;
    do {
        apm__os_datagram rest = {.buffer = (unsigned char *)operation->buffer + operation->transferred,
                                 .size = operation->size - operation->transferred,
                                 .address = &operation->datagram.address};
        size_t sent;
        apm_error error = apm__os_socket_send_train(descriptor, &rest, train->datagram_size, &train->cuts, &sent);
        if (error != APM_ERROR_SUCCESS)
            return error;
        operation->transferred += sent;
    } while (operation->transferred < operation->size);
    return APM_ERROR_SUCCESS;
}

apm_error apm__perform_datagram(struct apm__operation *operation, apm__os_socket descriptor)
{
    if (kind_of(operation) == APM__OPERATION_SEND_TRAIN)
        return perform_send_train(operation, descriptor);
    if (is_send(operation))
        return perform_send_to(operation, descriptor);
    apm__os_datagram datagram = describe(operation);
    size_t done;
    int flags = operation->flags;
    /* As a receive of nothing: it waits for a datagram, names its sender, and leaves it where it is. */
    if (operation->size == 0 && kind_of(operation) == APM__OPERATION_RECEIVE_FROM)
        flags |= APM_SOCKET_FLAGS_PEEK;
    apm_error error =
        operation->datagram.path
            ? apm__os_socket_receive_from_path(descriptor, &datagram, flags, operation->datagram.path)
            : apm__os_socket_receive_datagrams(descriptor, &datagram, 1, flags, &done);
    if (error == APM_ERROR_SUCCESS)
        take_outcome(operation, &datagram);
    return error;
}

bool apm__perform_may_batch(const struct apm__operation *operation)
{
    if (operation->form == APM__FORM_SEGMENTS)
        return false;
    if (apm__operation_is_of_datagrams(operation) && operation->datagram.path)
        return false; /* batches have addresses of IP only */
    switch (kind_of(operation)) {
    case APM__OPERATION_SEND:
    case APM__OPERATION_SEND_TO: return operation->flags == APM_SOCKET_FLAGS_NONE;
    case APM__OPERATION_RECEIVE:
    case APM__OPERATION_RECEIVE_FROM:
    case APM__OPERATION_RECEIVE_MESSAGE_FROM:
    case APM__OPERATION_RECEIVE_TRAIN:
    case APM__OPERATION_RECEIVE_DATAGRAM: return operation->flags == APM_SOCKET_FLAGS_NONE && operation->size > 0;
    default: return false;
    }
}

apm_error apm__perform_batch(struct apm__operation *const *operations, size_t count, apm__os_socket descriptor,
                             size_t *done)
{
    apm__os_datagram datagrams[APM__PERFORM_BATCH];
    APM__ASSERT(count > 1 && count <= APM__PERFORM_BATCH);
    for (size_t i = 0; i < count; i++)
        datagrams[i] = describe(operations[i]);
    apm_error error = is_send(operations[0])
                          ? apm__os_socket_send_datagrams(descriptor, datagrams, count, APM_SOCKET_FLAGS_NONE, done)
                          : apm__os_socket_receive_datagrams(descriptor, datagrams, count, APM_SOCKET_FLAGS_NONE, done);
    for (size_t i = 0; i < *done; i++)
        take_outcome(operations[i], &datagrams[i]);
    return error;
}
