/*
 * Connecting: to an endpoint, to the first of several that accepts, to a host by name. Any thread; the answer of a name
 * look-up comes on the resolver's.
 *
 * Every form is one operation with a plan, the list of endpoints to try. By name the operation is queued at once,
 * with a plan that says it is unresolved, so that sends begun meanwhile wait behind it, and cancel and close find it.
 */
#include <string.h>

#include "begin.h"
#include "resolver.h"

static bool fits(const struct apm__channel *channel, apm_address_family family)
{
    return family == channel->family || (channel->dual_mode && family == APM_ADDRESS_FAMILY_INTER_NETWORK);
}

static struct apm__connect_plan *create_plan(size_t capacity)
{
    return apm__os_allocate(sizeof(struct apm__connect_plan) + capacity * sizeof(apm_endpoint));
}

static bool is_port(int port)
{
    return port >= APM_ENDPOINT_MIN_PORT && port <= APM_ENDPOINT_MAX_PORT;
}

/* What forbids a connect in the channel's present state; success if nothing does. */
static apm_error check_state_locked(const struct apm__channel *channel)
{
    if (channel->listening)
        return APM_ERROR_INVALID_OPERATION;
    /* A peer that is only recorded may be replaced. */
    return channel->connected && channel->type == APM_SOCKET_TYPE_STREAM ? APM_ERROR_IS_CONNECTED : APM_ERROR_SUCCESS;
}

/* Starts the connect, or completes it if another one is pending; the lock is released. */
static apm_error start_and_unlock(struct apm__channel *channel, struct apm__operation *operation)
{
    if (channel->connecting) {
        apm__engine_refuse_and_unlock(channel, operation, APM_ERROR_ALREADY_IN_PROGRESS);
        return APM_ERROR_SUCCESS;
    }
    channel->connecting = true;
    apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

/* -- To endpoints -- */

/* What is to be connected to: `count` endpoints, or `count` addresses with one port. Borrowed from the caller. */
struct targets {
    const apm_endpoint *endpoints;
    const apm_ip_address *addresses;
    size_t count;
    int port;         /* for addresses */
    apm_error misfit; /* what it is if none is of the socket's family */
};

/* The plan of those targets that fit the socket. */
static apm_error make_plan_locked(const struct apm__channel *channel, const struct targets *targets,
                                  struct apm__connect_plan **plan)
{
    *plan = NULL;
    struct apm__connect_plan *made = create_plan(targets->count);
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

static apm_error begin_connect(apm_socket socket, const struct targets *targets, apm_async_callback *callback,
                               void *state, apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_CONNECT, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!targets->endpoints && !targets->addresses)
        error = APM_ERROR_ARGUMENT_NULL;
    else if (targets->addresses && !is_port(targets->port))
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else
        error = check_state_locked(channel);
    if (error == APM_ERROR_SUCCESS)
        error = make_plan_locked(channel, targets, &operation->plan);
    if (error != APM_ERROR_SUCCESS)
        return apm__begin_discard_and_unlock(channel, operation, result, error);
    return start_and_unlock(channel, operation);
}

apm_error apm_socket_begin_connect(apm_socket socket, apm_endpoint remote, apm_async_callback *callback, void *state,
                                   apm_async_result *result)
{
    struct targets targets = {
        .endpoints = apm_endpoint_is_null(remote) ? NULL : &remote, .count = 1, .misfit = APM_ERROR_NOT_SUPPORTED};
    return begin_connect(socket, &targets, callback, state, result);
}

apm_error apm_socket_begin_connect_endpoints(apm_socket socket, const apm_endpoint *endpoints, size_t count,
                                             apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct targets targets = {.endpoints = endpoints, .count = count, .misfit = APM_ERROR_ARGUMENT};
    return begin_connect(socket, &targets, callback, state, result);
}

apm_error apm_socket_begin_connect_addresses(apm_socket socket, const apm_ip_address *addresses, size_t count, int port,
                                             apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct targets targets = {.addresses = addresses, .count = count, .port = port, .misfit = APM_ERROR_ARGUMENT};
    return begin_connect(socket, &targets, callback, state, result);
}

/* -- To a host -- */

/* The look-up has answered: the operation gets its plan, unless it has been cancelled or closed meanwhile. */
static void resolved(void *context, apm_error error, apm_host_entry *entry)
{
    struct apm__operation *operation = context;
    struct apm__channel *channel = operation->place_owner;
    apm__os_mutex_lock(&channel->lock);
    if (operation->place == APM__PLACE_QUEUED) {
        struct apm__connect_plan *plan = NULL;
        if (error == APM_ERROR_SUCCESS) {
            struct targets targets = {.addresses = entry->address_list,
                                      .count = entry->address_count,
                                      .port = (int)operation->size,
                                      .misfit = APM_ERROR_HOST_NOT_FOUND};
            error = make_plan_locked(channel, &targets, &plan);
        }
        apm__engine_resolved_and_unlock(channel, operation, plan, error);
    } else { /* cancelled or closed meanwhile; the channel may be another socket's */
        apm__channel_unlock(channel);
    }
    apm_host_entry_free(entry);
    apm__operation_release(operation);
}

static apm_error check_host(const char *host, int port)
{
    if (!host)
        return APM_ERROR_ARGUMENT_NULL;
    if (host[0] == '\0')
        return APM_ERROR_ARGUMENT;
    if (!is_port(port) || strlen(host) > APM_DNS_MAX_NAME_LENGTH)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_begin_connect_host(apm_socket socket, const char *host, int port, apm_async_callback *callback,
                                        void *state, apm_async_result *result)
{
    apm_ip_address address;
    if (host && apm_ip_address_parse(host, &address) == APM_ERROR_SUCCESS && is_port(port)) {
        apm_endpoint remote = {.address = address, .port = (uint16_t)port};
        return apm_socket_begin_connect(socket, remote, callback, state, result);
    }
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_CONNECT, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = check_host(host, port);
    if (error == APM_ERROR_SUCCESS)
        error = check_state_locked(channel);
    if (error == APM_ERROR_SUCCESS) {
        operation->plan = create_plan(0);
        error = operation->plan ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
    }
    if (error != APM_ERROR_SUCCESS)
        return apm__begin_discard_and_unlock(channel, operation, result, error);

    operation->plan->unresolved = true;
    operation->size = (size_t)port;
    bool refused = channel->connecting;
    apm__slot_retain(&operation->slot); /* the look-up's */
    start_and_unlock(channel, operation);
    if (refused) {
        apm__operation_release(operation);
        return APM_ERROR_SUCCESS;
    }
    /* Queued before the look-up is begun, so that there is something for its answer to find. */
    error = apm__resolver_submit(host, APM__RESOLVER_ADDRESSES, resolved, operation);
    if (error != APM_ERROR_SUCCESS)
        resolved(operation, error, NULL);
    return APM_ERROR_SUCCESS;
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

apm_error apm_socket_connect(apm_socket socket, apm_endpoint remote)
{
    apm_async_result result = APM_NULL_HANDLE;
    int timeout_ms;
    apm_error error = apm_socket_send_timeout(socket, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_connect(socket, remote, NULL, NULL, &result);
    return finish(socket, error, result, timeout_ms);
}

apm_error apm_socket_connect_host(apm_socket socket, const char *host, int port)
{
    apm_async_result result = APM_NULL_HANDLE;
    int timeout_ms;
    apm_error error = apm_socket_send_timeout(socket, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_connect_host(socket, host, port, NULL, NULL, &result);
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
