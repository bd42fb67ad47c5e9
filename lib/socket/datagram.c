/*
 * Datagrams: sending to, receiving from, receiving with packet information. Any thread.
 *
 * The operation keeps the address in the system's form, so that the system call reads and writes it in place; End makes
 * an endpoint of it.
 */
#include "datagram.h"

#include <limits.h>
#include <string.h>

#include "serving.h"

/*
 * Where the operation sends to; NULL for a receive, whose sender is the family's empty address where the system names
 * none.
 */
static apm_error set_address(struct apm__operation *operation, apm_address_family family, const apm_endpoint *endpoint)
{
    static const apm_endpoint no_path = {.address.family = APM_ADDRESS_FAMILY_UNIX};
    if (family != APM_ADDRESS_FAMILY_UNIX) {
        operation->datagram.address = endpoint
                                          ? apm__os_address_of(endpoint, family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6)
                                          : apm__os_address_any(family);
        return APM_ERROR_SUCCESS;
    }
    operation->datagram.path = apm__os_allocate(sizeof *endpoint);
    if (!operation->datagram.path)
        return APM_ERROR_OUT_OF_MEMORY;
    *operation->datagram.path = endpoint ? *endpoint : no_path;
    return APM_ERROR_SUCCESS;
}

/* -- Sending -- */

apm_error apm__begin_send_to(apm_socket socket, const void *buffer, size_t size, apm_socket_flags flags,
                             const apm_endpoint *remote, apm_async_callback *callback, void *state, bool waits,
                             apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_SEND_TO, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!buffer || (remote && apm_endpoint_is_null(*remote)))
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_ARGUMENT_NULL);
    if (size > INT_MAX)
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    if (channel->serving && !waits && !apm__serving_admits_send_locked(channel))
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_WOULD_BLOCK);
    operation->buffer = (void *)(uintptr_t)buffer; /* a send only reads it */
    operation->size = size;
    operation->flags = (int32_t)flags;
    if (remote) {
        bool is_path = remote->address.family == APM_ADDRESS_FAMILY_UNIX;
        if (is_path != (channel->family == APM_ADDRESS_FAMILY_UNIX)) { /* what the system says of it */
            apm__engine_refuse_and_unlock(
                channel, operation, is_path ? APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED : APM_ERROR_INVALID_ARGUMENT);
            return APM_ERROR_SUCCESS;
        }
        error = set_address(operation, channel->family, remote);
        if (error != APM_ERROR_SUCCESS)
            return apm__begin_discard_and_unlock(channel, operation, result, error);
    }
    apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_begin_send_to(apm_socket socket, const void *buffer, size_t size, apm_socket_flags flags,
                                   apm_endpoint remote, apm_async_callback *callback, void *state,
                                   apm_async_result *result)
{
    return apm__begin_send_to(socket, buffer, size, flags, &remote, callback, state, false, result);
}

apm_error apm_socket_end_send_to(apm_socket socket, apm_async_result result, size_t *sent)
{
    return apm__end_transfer(socket, result, APM__OPERATION_SEND_TO, 0, APM_ERROR_OPERATION_ABORTED, sent);
}

apm_error apm_socket_send_to(apm_socket socket, const void *buffer, size_t size, apm_socket_flags flags,
                             apm_endpoint remote, size_t *sent)
{
    apm_async_result result;
    int timeout_ms;
    if (sent)
        *sent = 0;
    apm_error error = apm__begin_synchronous(socket, APM__WAY_OUT, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm__begin_send_to(socket, buffer, size, flags, &remote, NULL, NULL, true, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__end_transfer(socket, result, APM__OPERATION_SEND_TO, timeout_ms, APM_ERROR_CONNECTION_ABORTED, sent);
}

/* -- Receiving -- */

apm_error apm__begin_receive_datagram(apm_socket socket, enum apm__operation_kind kind, void *buffer, size_t size,
                                      apm_socket_flags flags, apm_async_callback *callback, void *state,
                                      apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, kind, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!buffer)
        error = APM_ERROR_ARGUMENT_NULL;
    else if (size > INT_MAX)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else if (kind == APM__OPERATION_RECEIVE_DATAGRAM && !channel->is_udp_client)
        error = APM_ERROR_ARGUMENT;
    else if (!channel->bound && !channel->out.head) /* what is being sent or connected binds it */
        error = APM_ERROR_INVALID_OPERATION;
    else if (kind == APM__OPERATION_RECEIVE_MESSAGE_FROM && !channel->wants_packets &&
             channel->family != APM_ADDRESS_FAMILY_UNIX)
        error = apm__os_socket_want_packets(channel->descriptor, channel->family);
    if (error == APM_ERROR_SUCCESS)
        error = set_address(operation, channel->family, NULL);
    if (error != APM_ERROR_SUCCESS)
        return apm__begin_discard_and_unlock(channel, operation, result, error);
    channel->wants_packets = channel->wants_packets || kind == APM__OPERATION_RECEIVE_MESSAGE_FROM;
    if (kind == APM__OPERATION_RECEIVE_DATAGRAM)
        operation->form = APM__FORM_OWN;
    operation->buffer = buffer;
    operation->size = size;
    operation->flags = (int32_t)flags;
    apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

void apm__datagram_outcome_clear(const struct apm__datagram_outcome *outcome)
{
    if (outcome->flags)
        *outcome->flags = APM_SOCKET_FLAGS_NONE;
    if (outcome->remote)
        *outcome->remote = (apm_endpoint){0};
    if (outcome->packet_information)
        *outcome->packet_information = (apm_ip_packet_information){0};
    if (outcome->datagram_size)
        *outcome->datagram_size = 0;
    if (outcome->memory)
        *outcome->memory = NULL;
    if (outcome->received)
        *outcome->received = 0;
}

static apm_ip_packet_information packet_of(const struct apm__operation *operation, apm_address_family family)
{
    const apm__os_packet *packet = &operation->datagram.packet;
    apm_ip_packet_information information = {.interface_index = (int)packet->interface};
    static const uint8_t none[sizeof packet->address];
    if (memcmp(packet->address, none, sizeof none) == 0 && packet->interface == 0)
        return information;
    information.address.family = family;
    memcpy(information.address.bytes, packet->address, family == APM_ADDRESS_FAMILY_INTER_NETWORK ? 4 : 16);
    return information;
}

static void give(struct apm__operation *operation, const struct apm__datagram_outcome *outcome)
{
    const struct apm__datagram_request *datagram = &operation->datagram;
    apm_endpoint remote;
    if (outcome->flags)
        *outcome->flags = (apm_socket_flags)operation->flags;
    if (datagram->path)
        remote = *datagram->path;
    else
        apm__os_address_endpoint(&datagram->address, &remote);
    if (outcome->remote)
        *outcome->remote = remote;
    if (outcome->packet_information)
        *outcome->packet_information = packet_of(operation, remote.address.family);
    if (outcome->datagram_size)
        *outcome->datagram_size = operation->datagram.train.datagram_size;
    if (outcome->memory) {
        *outcome->memory = operation->buffer;
        operation->buffer = NULL;
    }
    if (outcome->received)
        *outcome->received = operation->transferred;
}

apm_error apm__end_datagram(apm_socket socket, apm_async_result result, enum apm__operation_kind kind, int timeout_ms,
                            apm_error closed, const struct apm__datagram_outcome *outcome)
{
    struct apm__operation *operation;
    apm_error error = apm__operation_end_within(result, kind, socket.bits, timeout_ms, &operation);
    if (error != APM_ERROR_SUCCESS) {
        apm__datagram_outcome_clear(outcome);
        return apm__end_refusal(socket.bits, error);
    }
    error = operation->error;
    if (error == APM_ERROR_SUCCESS) {
        give(operation, outcome);
    } else {
        apm__datagram_outcome_clear(outcome);
        apm__os_set_native_error(operation->native_error);
    }
    apm__operation_release(operation);
    return error == APM_ERROR_OPERATION_ABORTED ? closed : error;
}

apm_error apm_socket_begin_receive_from(apm_socket socket, void *buffer, size_t size, apm_socket_flags flags,
                                        apm_async_callback *callback, void *state, apm_async_result *result)
{
    return apm__begin_receive_datagram(socket, APM__OPERATION_RECEIVE_FROM, buffer, size, flags, callback, state,
                                       result);
}

apm_error apm_socket_end_receive_from(apm_socket socket, apm_async_result result, apm_endpoint *remote,
                                      size_t *received)
{
    struct apm__datagram_outcome outcome = {.remote = remote, .received = received};
    return apm__end_datagram(socket, result, APM__OPERATION_RECEIVE_FROM, 0, APM_ERROR_OPERATION_ABORTED, &outcome);
}

apm_error apm_socket_receive_from(apm_socket socket, void *buffer, size_t size, apm_socket_flags flags,
                                  apm_endpoint *remote, size_t *received)
{
    struct apm__datagram_outcome outcome = {.remote = remote, .received = received};
    apm_async_result result;
    int timeout_ms;
    apm__datagram_outcome_clear(&outcome);
    apm_error error = apm__begin_synchronous(socket, APM__WAY_IN, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_receive_from(socket, buffer, size, flags, NULL, NULL, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__end_datagram(socket, result, APM__OPERATION_RECEIVE_FROM, timeout_ms, APM_ERROR_CONNECTION_ABORTED,
                             &outcome);
}

/* -- With packet information -- */

apm_error apm_socket_begin_receive_message_from(apm_socket socket, void *buffer, size_t size, apm_socket_flags flags,
                                                apm_async_callback *callback, void *state, apm_async_result *result)
{
    return apm__begin_receive_datagram(socket, APM__OPERATION_RECEIVE_MESSAGE_FROM, buffer, size, flags, callback,
                                       state, result);
}

apm_error apm_socket_end_receive_message_from(apm_socket socket, apm_async_result result, apm_socket_flags *flags,
                                              apm_endpoint *remote, apm_ip_packet_information *packet_information,
                                              size_t *received)
{
    struct apm__datagram_outcome outcome = {
        .flags = flags, .remote = remote, .packet_information = packet_information, .received = received};
    return apm__end_datagram(socket, result, APM__OPERATION_RECEIVE_MESSAGE_FROM, 0, APM_ERROR_OPERATION_ABORTED,
                             &outcome);
}

apm_error apm_socket_receive_message_from(apm_socket socket, void *buffer, size_t size, apm_socket_flags *flags,
                                          apm_endpoint *remote, apm_ip_packet_information *packet_information,
                                          size_t *received)
{
    struct apm__datagram_outcome outcome = {
        .flags = flags, .remote = remote, .packet_information = packet_information, .received = received};
    apm_socket_flags asked = flags ? *flags : APM_SOCKET_FLAGS_NONE;
    apm_async_result result;
    int timeout_ms;
    apm__datagram_outcome_clear(&outcome);
    apm_error error = apm__begin_synchronous(socket, APM__WAY_IN, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_receive_message_from(socket, buffer, size, asked, NULL, NULL, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__end_datagram(socket, result, APM__OPERATION_RECEIVE_MESSAGE_FROM, timeout_ms,
                             APM_ERROR_CONNECTION_ABORTED, &outcome);
}

bool apm_ip_packet_information_equals(apm_ip_packet_information left, apm_ip_packet_information right)
{
    return left.interface_index == right.interface_index && apm_ip_address_equals(left.address, right.address);
}
