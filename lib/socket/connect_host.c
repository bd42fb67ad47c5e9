/*
 * Connecting to a host by name. Any thread; the answer of the look-up comes on the resolver's.
 *
 * The operation is queued at once, with a plan that says it is unresolved, so that sends begun meanwhile wait behind
 * it, and cancel and close find it. The answer gives it the plan: the addresses of the socket's family, which are tried
 * as a race where the socket can (connect_race.h), and otherwise one after another.
 *
 * The look-up holds a reference to the operation, and finds it QUEUED under the channel's lock, or else has nothing
 * more to do with it: it has been cancelled or closed, and the channel may be another socket's.
 */
#include <string.h>

#include "begin.h"
#include "connect.h"
#include "ip_address_text.h"
#include "resolver.h"

/* A host and what is wanted of it; borrowed from the caller. */
struct destination {
    const char *host;
    int port;
    apm_address_family family; /* of which addresses are looked up; UNSPECIFIED: of all */
    bool by_endpoint;          /* an address as text is looked at by the look-up, as for .NET's DnsEndPoint */
};

/* The look-up has answered: the operation gets its plan, unless it has been cancelled or closed meanwhile. */
static void resolved(void *context, apm_error error, apm_host_entry *entry)
{
    struct apm__operation *operation = context;
    struct apm__channel *channel = operation->place_owner;
    apm__os_mutex_lock(&channel->lock);
    if (operation->place == APM__PLACE_QUEUED) {
        struct apm__connect_plan *plan = NULL;
        if (error == APM_ERROR_SUCCESS) {
            struct apm__connect_targets targets = {.addresses = entry->address_list,
                                                   .count = entry->address_count,
                                                   .port = (int)operation->size,
                                                   .may_race = true,
                                                   .misfit = APM_ERROR_NO_DATA};
            error = apm__connect_make_plan_locked(channel, &targets, &plan);
        }
        apm__engine_resolved_and_unlock(channel, operation, plan, error);
    } else {
        apm__channel_unlock(channel);
    }
    apm_host_entry_free(entry);
    apm__operation_release(operation);
}

static apm_error check(const struct apm__channel *channel, const struct destination *to)
{
    if (!to->host)
        return APM_ERROR_ARGUMENT_NULL;
    if (to->host[0] == '\0')
        return APM_ERROR_ARGUMENT;
    if (!apm__connect_is_port(to->port) || strlen(to->host) > APM_DNS_MAX_NAME_LENGTH)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    bool fits = to->family == APM_ADDRESS_FAMILY_UNSPECIFIED || to->family == channel->family ||
                (to->family == APM_ADDRESS_FAMILY_INTER_NETWORK && channel->dual_mode);
    return fits ? apm__connect_check_state_locked(channel) : APM_ERROR_NOT_SUPPORTED;
}

static bool is_unspecified(const char *host)
{
    apm_ip_address address;
    return apm_ip_address_parse(host, &address) == APM_ERROR_SUCCESS && apm__ip_address_is_unspecified(address);
}

static apm_error begin_connect(apm_socket socket, const struct destination *to, apm_async_callback *callback,
                               void *state, apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_CONNECT, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = check(channel, to);
    if (error == APM_ERROR_SUCCESS) {
        operation->plan = apm__connect_plan_create(0, false);
        error = operation->plan ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
    }
    if (error != APM_ERROR_SUCCESS)
        return apm__begin_discard_and_unlock(channel, operation, result, error);
    if (to->by_endpoint && is_unspecified(to->host)) {
        apm__engine_refuse_and_unlock(channel, operation, APM_ERROR_ARGUMENT);
        return APM_ERROR_SUCCESS;
    }
    operation->plan->unresolved = true;
    operation->size = (size_t)to->port;
    bool refused = channel->connecting;
    apm__slot_retain(&operation->slot); /* the look-up's */
    apm__connect_start_and_unlock(channel, operation);
    if (refused) {
        apm__operation_release(operation);
        return APM_ERROR_SUCCESS;
    }
    /* Queued before the look-up is begun, so that there is something for its answer to find. */
    struct apm__resolver_question question = {.name = to->host, .query = APM__RESOLVER_ADDRESSES, .family = to->family};
    error = apm__resolver_submit(&question, resolved, operation);
    if (error != APM_ERROR_SUCCESS)
        resolved(operation, error, NULL);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_begin_connect_host(apm_socket socket, const char *host, int port, apm_async_callback *callback,
                                        void *state, apm_async_result *result)
{
    apm_ip_address address;
    if (host && apm_ip_address_parse(host, &address) == APM_ERROR_SUCCESS && apm__connect_is_port(port)) {
        apm_endpoint remote = {.address = address, .port = (uint16_t)port};
        return apm_socket_begin_connect(socket, remote, callback, state, result);
    }
    struct destination to = {.host = host, .port = port};
    return begin_connect(socket, &to, callback, state, result);
}

apm_error apm_socket_begin_connect_dns_endpoint(apm_socket socket, apm_dns_endpoint remote,
                                                apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct destination to = {
        .host = remote.host, .port = remote.port, .family = remote.address_family, .by_endpoint = true};
    return begin_connect(socket, &to, callback, state, result);
}

/* -- Twins -- */

/* Ends the connect that a synchronous call has begun with this outcome; the errors are those of .NET's Connect. */
static apm_error finish(apm_socket socket, apm_error error, apm_async_result result, int timeout_ms)
{
    if (error == APM_ERROR_NOT_SUPPORTED)
        return APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED;
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__end_within(socket, result, APM__OPERATION_CONNECT, timeout_ms, APM_ERROR_NOT_SOCKET);
    return error == APM_ERROR_NO_DATA ? APM_ERROR_ARGUMENT : error;
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

apm_error apm_socket_connect_dns_endpoint(apm_socket socket, apm_dns_endpoint remote)
{
    apm_async_result result = APM_NULL_HANDLE;
    int timeout_ms;
    apm_error error = apm_socket_send_timeout(socket, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_connect_dns_endpoint(socket, remote, NULL, NULL, &result);
    return finish(socket, error, result, timeout_ms);
}

/* -- The pace of a race -- */

apm_error apm_socket_connect_attempt_delay(apm_socket socket, int *delay_ms)
{
    if (!delay_ms)
        return APM_ERROR_ARGUMENT_NULL;
    *delay_ms = 0;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *delay_ms = channel->connect_attempt_delay_ms;
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_set_connect_attempt_delay(apm_socket socket, int delay_ms)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (delay_ms == -1 || delay_ms >= APM_CONNECT_ATTEMPT_DELAY_MIN_MS)
        channel->connect_attempt_delay_ms = delay_ms;
    else
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    apm__channel_unlock(channel);
    return error;
}
