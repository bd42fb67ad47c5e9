/*
 * Connecting to an endpoint, or to the first of several that accepts. Any thread.
 *
 * Every form is one operation with a plan, the list of endpoints to try. Endpoints that the program gives are tried one
 * after another, as .NET does; for those of a name see connect_host.c.
 */
#include "connect.h"

#include "begin.h"

static bool fits(const struct apm__channel *channel, apm_address_family family)
{
    return family == channel->family || (channel->dual_mode && family == APM_ADDRESS_FAMILY_INTER_NETWORK);
}

bool apm__connect_is_port(int port)
{
    return port >= APM_ENDPOINT_MIN_PORT && port <= APM_ENDPOINT_MAX_PORT;
}

apm_error apm__connect_check_state_locked(const struct apm__channel *channel)
{
    if (channel->listening)
        return APM_ERROR_INVALID_OPERATION;
    /* A peer that is only recorded may be replaced. */
    return channel->connected && channel->type == APM_SOCKET_TYPE_STREAM ? APM_ERROR_IS_CONNECTED : APM_ERROR_SUCCESS;
}

void apm__connect_start_and_unlock(struct apm__channel *channel, struct apm__operation *operation)
{
    if (channel->connecting) {
        apm__engine_refuse_and_unlock(channel, operation, APM_ERROR_ALREADY_IN_PROGRESS);
        return;
    }
    channel->connecting = true;
    apm__engine_start_and_unlock(channel, operation);
}

/* -- To endpoints -- */

apm_error apm__connect_make_plan_locked(const struct apm__channel *channel, const struct apm__connect_targets *targets,
                                        struct apm__connect_plan **plan)
{
    *plan = NULL;
    struct apm__connect_plan *made = apm__connect_plan_create(targets->count, targets->may_race);
    if (!made)
        return APM_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; i < targets->count; i++) {
        apm_endpoint endpoint = {0};
        if (targets->endpoints) {
            endpoint = targets->endpoints[i];
        } else {
            endpoint.address = targets->addresses[i];
            endpoint.port = (uint16_t)targets->port;
        }
        if (fits(channel, endpoint.address.family))
            made->endpoints[made->count++] = endpoint;
    }
    if (made->count == 0) {
        apm__os_free(made);
        return targets->misfit;
    }
    *plan = made;
    return APM_ERROR_SUCCESS;
}

static apm_error begin_connect(apm_socket socket, const struct apm__connect_targets *targets,
                               apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_CONNECT, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!targets->endpoints && !targets->addresses)
        error = APM_ERROR_ARGUMENT_NULL;
    else if (targets->addresses && !apm__connect_is_port(targets->port))
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else
        error = apm__connect_check_state_locked(channel);
    if (error == APM_ERROR_SUCCESS)
        error = apm__connect_make_plan_locked(channel, targets, &operation->plan);
    if (error != APM_ERROR_SUCCESS)
        return apm__begin_discard_and_unlock(channel, operation, result, error);
    if (targets->unattended) {
        channel->connect_error = APM_ERROR_SUCCESS;
        operation->plan->unattended = true;
        apm__slot_retain(&operation->slot);
        *targets->unattended = operation;
    }
    apm__connect_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_begin_connect(apm_socket socket, apm_endpoint remote, apm_async_callback *callback, void *state,
                                   apm_async_result *result)
{
    struct apm__connect_targets targets = {
        .endpoints = apm_endpoint_is_null(remote) ? NULL : &remote, .count = 1, .misfit = APM_ERROR_NOT_SUPPORTED};
    return begin_connect(socket, &targets, callback, state, result);
}

apm_error apm_socket_begin_connect_endpoints(apm_socket socket, const apm_endpoint *endpoints, size_t count,
                                             apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct apm__connect_targets targets = {.endpoints = endpoints, .count = count, .misfit = APM_ERROR_ARGUMENT};
    return begin_connect(socket, &targets, callback, state, result);
}

apm_error apm_socket_begin_connect_addresses(apm_socket socket, const apm_ip_address *addresses, size_t count, int port,
                                             apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct apm__connect_targets targets = {
        .addresses = addresses, .count = count, .port = port, .misfit = APM_ERROR_ARGUMENT};
    return begin_connect(socket, &targets, callback, state, result);
}

/* -- Ends and twins -- */

apm_error apm_socket_end_connect(apm_socket socket, apm_async_result result)
{
    return apm__end(socket, result, APM__OPERATION_CONNECT);
}

/* Ends the connect that a synchronous call has begun with this outcome. */
static apm_error finish(apm_socket socket, apm_error begun, apm_async_result result, int timeout_ms)
{
    if (begun == APM_ERROR_NOT_SUPPORTED)
        return APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED; /* as .NET's Connect */
    if (begun != APM_ERROR_SUCCESS)
        return begun;
    return apm__end_within(socket, result, APM__OPERATION_CONNECT, timeout_ms, APM_ERROR_NOT_SOCKET);
}

static void end_unattended(apm_async_result result)
{
    apm_error ignored = apm_socket_end_connect(apm_async_result_socket(result), result);
    (void)ignored; /* the socket has been told */
}

/* Connects without waiting: what has not ended by now ends itself. */
static apm_error connect_unattended(apm_socket socket, apm_endpoint remote)
{
    struct apm__operation *operation = NULL;
    struct apm__connect_targets targets = {.endpoints = apm_endpoint_is_null(remote) ? NULL : &remote,
                                           .count = 1,
                                           .misfit = APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED,
                                           .unattended = &operation};
    apm_error error = begin_connect(socket, &targets, end_unattended, NULL, NULL);
    if (error != APM_ERROR_SUCCESS)
        return error;
    APM__CHECK(operation); /* begin_connect has given it */
    error = APM_ERROR_WOULD_BLOCK;
    /* Acquire pairs with the release of the completion: the outcome is written. */
    bool ended = apm__atomic_load(&operation->slot.control, APM__ACQUIRE) & APM__SLOT_SIGNALLED;
    if (ended) {
        error = operation->error;
        apm__os_set_native_error(operation->native_error);
    }
    apm__operation_release(operation);
    struct apm__channel *channel;
    if (ended && apm__channel_lock(socket.bits, &channel) == APM_ERROR_SUCCESS) {
        channel->connect_error = APM_ERROR_SUCCESS; /* the caller has it now */
        apm__channel_unlock(channel);
    }
    return error;
}

apm_error apm_socket_connect(apm_socket socket, apm_endpoint remote)
{
    apm_async_result result = APM_NULL_HANDLE;
    int timeout_ms;
    apm_error error = apm__begin_synchronous(socket, APM__WAY_OUT, &timeout_ms);
    if (error == APM_ERROR_SUCCESS && timeout_ms < 0)
        return connect_unattended(socket, remote);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_connect(socket, remote, NULL, NULL, &result);
    return finish(socket, error, result, timeout_ms);
}

apm_error apm_socket_connect_addresses(apm_socket socket, const apm_ip_address *addresses, size_t count, int port)
{
    apm_async_result result = APM_NULL_HANDLE;
    int timeout_ms;
    apm_error error = apm_socket_send_timeout(socket, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_connect_addresses(socket, addresses, count, port, NULL, NULL, &result);
    return finish(socket, error, result, timeout_ms);
}
