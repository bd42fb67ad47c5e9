/*
 * TCP clients: a socket, and the stream over it once somebody has asked for that. Any thread.
 *
 * The slot's references: one for the open client, which close drops, and one for each call that has resolved the
 * handle. The flag CLOSED refuses the handle; who sets it closes the socket, once. A connect is a task (task.h) of one
 * step, the socket's connect, so that its result is the client's; it holds nothing of the client.
 *
 * Lock: a client's, before a channel's. It guards which socket and stream the client has. Sockets and streams are
 * closed outside it.
 */
#include "tcp_client.h"

#include "apm/dns.h"
#include "apm/network_stream.h"
#include "begin.h"
#include "inventory.h"
#include "network_stream.h"
#include "task.h"

struct client {
    struct apm__slot slot; /* first: the table's view */
    apm__os_mutex lock;    /* initialised once for the slot */

    /* guarded by lock */
    apm_socket socket;
    apm_stream stream; /* the null handle until somebody asks for it */
    bool active;
};

static void prepare(struct apm__slot *slot)
{
    apm__os_mutex_initialise(&((struct client *)slot)->lock);
    apm__os_mutex_set_rank(&((struct client *)slot)->lock, APM__RANK_HELPER);
}

static struct apm__slot_table clients = APM__SLOT_TABLE(APM__KIND_TCP_CLIENT, struct client, prepare);

static void release(struct client *client)
{
    if (apm__slot_release(&client->slot))
        apm__slot_free(&clients, &client->slot);
}

static apm_error hold(apm_tcp_client handle, struct client **client)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&clients, handle.bits, APM__SLOT_CLOSED, &slot);
    *client = (struct client *)slot;
    return error;
}

/* -- Creating and closing ------------------------------------------------------------------------------------------ */

/* Makes a client of a socket, or closes that. */
static apm_error make(apm_socket socket, bool active, apm_tcp_client *handle)
{
    struct client *client = (struct client *)apm__slot_allocate(&clients);
    if (!client) {
        apm_socket_close(socket);
        return APM_ERROR_OUT_OF_MEMORY;
    }
    client->socket = socket;
    client->stream = (apm_stream)APM_NULL_HANDLE;
    client->active = active;
    apm__slot_publish(&client->slot, 1, 0);
    handle->bits = apm__slot_handle(&client->slot);
    if (apm__pool_is_still_open(apm__pool_default()))
        return APM_ERROR_SUCCESS;
    apm_tcp_client_close(*handle); /* the end of everything may have missed it */
    *handle = (apm_tcp_client)APM_NULL_HANDLE;
    return APM_ERROR_INVALID_OPERATION;
}

apm_error apm__tcp_client_adopt(apm_socket socket, apm_tcp_client *client)
{
    return make(socket, true, client);
}

apm_error apm_tcp_client_create(apm_tcp_client *client)
{
    apm_socket socket;
    if (!client)
        return APM_ERROR_ARGUMENT_NULL;
    *client = (apm_tcp_client)APM_NULL_HANDLE;
    apm_error error = apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket);
    if (error == APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED) /* there is no IPv6 here */
        return apm_tcp_client_create_family(APM_ADDRESS_FAMILY_INTER_NETWORK, client);
    return error == APM_ERROR_SUCCESS ? make(socket, false, client) : error;
}

apm_error apm_tcp_client_create_family(apm_address_family family, apm_tcp_client *client)
{
    apm_socket socket;
    if (!client)
        return APM_ERROR_ARGUMENT_NULL;
    *client = (apm_tcp_client)APM_NULL_HANDLE;
    if (family != APM_ADDRESS_FAMILY_INTER_NETWORK && family != APM_ADDRESS_FAMILY_INTER_NETWORK_V6)
        return APM_ERROR_ARGUMENT;
    apm_error error = apm_socket_create(family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket);
    return error == APM_ERROR_SUCCESS ? make(socket, false, client) : error;
}

apm_error apm_tcp_client_create_endpoint(apm_endpoint local, apm_tcp_client *client)
{
    apm_socket socket;
    if (!client)
        return APM_ERROR_ARGUMENT_NULL;
    *client = (apm_tcp_client)APM_NULL_HANDLE;
    if (apm_endpoint_is_null(local))
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = apm_socket_create(local.address.family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm_socket_bind(socket, local);
    if (error == APM_ERROR_SUCCESS)
        return make(socket, false, client);
    apm_socket_close(socket);
    return error;
}

static apm_error connect_new(apm_endpoint remote, apm_socket *socket)
{
    apm_error error = apm_socket_create(remote.address.family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, socket);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm_socket_connect(*socket, remote);
    if (error != APM_ERROR_SUCCESS)
        apm_socket_close(*socket);
    return error;
}

apm_error apm_tcp_client_create_host(const char *host, int port, apm_tcp_client *client)
{
    apm_host_entry *entry;
    apm_socket socket = APM_NULL_HANDLE;
    if (!client)
        return APM_ERROR_ARGUMENT_NULL;
    *client = (apm_tcp_client)APM_NULL_HANDLE;
    if (!host)
        return APM_ERROR_ARGUMENT_NULL;
    if (port < APM_ENDPOINT_MIN_PORT || port > APM_ENDPOINT_MAX_PORT)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    apm_error error = apm_dns_get_host_addresses(host, &entry);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = APM_ERROR_HOST_NOT_FOUND;
    for (size_t i = 0; i < entry->address_count && error != APM_ERROR_SUCCESS; i++) {
        apm_endpoint remote = {.address = entry->address_list[i], .port = (uint16_t)port};
        error = connect_new(remote, &socket);
    }
    apm_host_entry_free(entry);
    return error == APM_ERROR_SUCCESS ? make(socket, true, client) : error;
}

static bool fits_any(const struct apm__slot *slot, const void *context)
{
    (void)slot;
    (void)context;
    return true;
}

apm_error apm_tcp_client_close(apm_tcp_client handle)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_mark(&clients, handle.bits, APM__SLOT_CLOSED, fits_any, NULL, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    struct client *client = (struct client *)slot;
    apm__os_mutex_lock(&client->lock);
    apm_socket socket = client->socket;
    apm_stream stream = client->stream;
    apm__os_mutex_unlock(&client->lock);
    if (!apm_stream_is_null(stream))
        apm_stream_close(stream);
    apm__network_close_socket(socket);
    release(client); /* that of the open client */
    return APM_ERROR_SUCCESS;
}

void apm__tcp_client_close_all(bool report)
{
    uint64_t bits;
    for (uint32_t place = 0; (bits = apm__inventory_next_handle(&clients, &place));) {
        struct client *client;
        if (hold((apm_tcp_client){bits}, &client) != APM_ERROR_SUCCESS)
            continue;
        release(client);
        if (report)
            apm__os_log("apm: cleanup: TCP client %016llx was not closed", (unsigned long long)bits);
        apm_tcp_client_close((apm_tcp_client){bits});
    }
}

/* -- Connecting ---------------------------------------------------------------------------------------------------- */

/* What is to be connected to: a host, an endpoint, or addresses. Borrowed until the connect has been begun. */
struct target {
    const char *host;
    const apm_endpoint *endpoint;
    const apm_ip_address *addresses; /* if there is neither */
    size_t count;
    int port; /* of a host or addresses */
};

struct connecting {
    struct apm__task task; /* first */
    apm_tcp_client client;
    apm_socket socket;
    const struct target *target;
};

static apm_error begin_step(struct apm__task *task, apm_async_result *step, bool *done)
{
    struct connecting *connecting = (struct connecting *)task;
    const struct target *target = connecting->target;
    apm_socket socket = connecting->socket;
    (void)done;
    if (target->host)
        return apm_socket_begin_connect_host(socket, target->host, target->port, apm__task_step, task, step);
    if (target->endpoint)
        return apm_socket_begin_connect(socket, *target->endpoint, apm__task_step, task, step);
    return apm_socket_begin_connect_addresses(socket, target->addresses, target->count, target->port, apm__task_step,
                                              task, step);
}

static void set_active(apm_tcp_client handle)
{
    struct client *client;
    if (hold(handle, &client) != APM_ERROR_SUCCESS)
        return;
    apm__os_mutex_lock(&client->lock);
    client->active = true;
    apm__os_mutex_unlock(&client->lock);
    release(client);
}

static apm_error end_step(struct apm__task *task, apm_async_result step, bool *done)
{
    struct connecting *connecting = (struct connecting *)task;
    apm_error error = apm_socket_end_connect(connecting->socket, step);
    *done = true;
    if (error == APM_ERROR_SUCCESS)
        set_active(connecting->client);
    return error;
}

static apm_error begin_connect(apm_tcp_client handle, const struct target *target, apm_async_callback *callback,
                               void *state, apm_async_result *result)
{
    apm_socket socket;
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = apm_tcp_client_client(handle, &socket);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!target->host && !target->endpoint && !target->addresses)
        return APM_ERROR_ARGUMENT_NULL;
    struct connecting *connecting = apm__os_allocate(sizeof *connecting);
    if (!connecting)
        return APM_ERROR_OUT_OF_MEMORY;
    connecting->task.begin_step = begin_step;
    connecting->task.end_step = end_step;
    connecting->client = handle;
    connecting->socket = socket;
    connecting->target = target;
    struct apm__operation_origin origin = {
        .kind = APM__OPERATION_CONNECT, .owner = handle.bits, .pool = apm__pool_default()};
    return apm__task_begin(&connecting->task, origin, callback, state, result);
}

apm_error apm_tcp_client_begin_connect(apm_tcp_client client, const char *host, int port, apm_async_callback *callback,
                                       void *state, apm_async_result *result)
{
    return begin_connect(client, &(struct target){.host = host, .port = port}, callback, state, result);
}

apm_error apm_tcp_client_begin_connect_address(apm_tcp_client client, apm_ip_address address, int port,
                                               apm_async_callback *callback, void *state, apm_async_result *result)
{
    apm_endpoint remote;
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = apm_endpoint_create(address, port, &remote);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return begin_connect(client, &(struct target){.endpoint = &remote}, callback, state, result);
}

apm_error apm_tcp_client_begin_connect_addresses(apm_tcp_client client, const apm_ip_address *addresses, size_t count,
                                                 int port, apm_async_callback *callback, void *state,
                                                 apm_async_result *result)
{
    return begin_connect(client, &(struct target){.addresses = addresses, .count = count, .port = port}, callback,
                         state, result);
}

apm_error apm_tcp_client_end_connect(apm_tcp_client client, apm_async_result result)
{
    struct apm__operation *operation;
    apm_error error = apm__operation_end(result, APM__OPERATION_CONNECT, client.bits, &operation);
    if (error != APM_ERROR_SUCCESS)
        return apm__end_refusal(client.bits, error);
    error = operation->error;
    if (error != APM_ERROR_SUCCESS)
        apm__os_set_native_error(operation->native_error);
    apm__operation_release(operation);
    return error;
}

/* What a synchronous connect has come to. */
static apm_error connected(apm_tcp_client client, apm_error error)
{
    if (error == APM_ERROR_SUCCESS)
        set_active(client);
    return error;
}

apm_error apm_tcp_client_connect(apm_tcp_client client, const char *host, int port)
{
    apm_socket socket;
    apm_error error = apm_tcp_client_client(client, &socket);
    return error == APM_ERROR_SUCCESS ? connected(client, apm_socket_connect_host(socket, host, port)) : error;
}

apm_error apm_tcp_client_connect_endpoint(apm_tcp_client client, apm_endpoint remote)
{
    apm_socket socket;
    apm_error error = apm_tcp_client_client(client, &socket);
    return error == APM_ERROR_SUCCESS ? connected(client, apm_socket_connect(socket, remote)) : error;
}

apm_error apm_tcp_client_connect_address(apm_tcp_client client, apm_ip_address address, int port)
{
    apm_endpoint remote;
    apm_error error = apm_endpoint_create(address, port, &remote);
    return error == APM_ERROR_SUCCESS ? apm_tcp_client_connect_endpoint(client, remote) : error;
}

apm_error apm_tcp_client_connect_addresses(apm_tcp_client client, const apm_ip_address *addresses, size_t count,
                                           int port)
{
    apm_socket socket;
    apm_error error = apm_tcp_client_client(client, &socket);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return connected(client, apm_socket_connect_addresses(socket, addresses, count, port));
}

/* -- Socket and stream --------------------------------------------------------------------------------------------- */

apm_error apm_tcp_client_client(apm_tcp_client handle, apm_socket *socket)
{
    struct client *client;
    if (!socket)
        return APM_ERROR_ARGUMENT_NULL;
    *socket = (apm_socket)APM_NULL_HANDLE;
    apm_error error = hold(handle, &client);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&client->lock);
    *socket = client->socket;
    apm__os_mutex_unlock(&client->lock);
    release(client);
    return APM_ERROR_SUCCESS;
}

apm_error apm_tcp_client_set_client(apm_tcp_client handle, apm_socket socket)
{
    struct client *client;
    apm_socket_type type;
    apm_error error = hold(handle, &client);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm_socket_socket_type(socket, &type); /* that it is an open one */
    if (error == APM_ERROR_SUCCESS) {
        bool active = apm_socket_connected(socket);
        apm__os_mutex_lock(&client->lock);
        if (apm_stream_is_null(client->stream)) {
            client->socket = socket;
            client->active = active;
        } else {
            error = APM_ERROR_INVALID_OPERATION;
        }
        apm__os_mutex_unlock(&client->lock);
    }
    release(client);
    return error;
}

apm_error apm_tcp_client_get_stream(apm_tcp_client handle, apm_stream *stream)
{
    struct client *client;
    if (!stream)
        return APM_ERROR_ARGUMENT_NULL;
    *stream = (apm_stream)APM_NULL_HANDLE;
    apm_error error = hold(handle, &client);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&client->lock);
    if (!apm_socket_connected(client->socket))
        error = APM_ERROR_INVALID_OPERATION;
    else if (apm_stream_is_null(client->stream))
        error = apm_network_stream_create(client->socket, APM_FILE_ACCESS_READ_WRITE, true, &client->stream);
    if (error == APM_ERROR_SUCCESS)
        *stream = client->stream;
    bool connected = apm_socket_connected(client->socket);
    apm__os_mutex_unlock(&client->lock);
    /* A close that has come meanwhile may not have seen the stream. */
    if (error == APM_ERROR_SUCCESS && (apm__atomic_load(&client->slot.control, APM__ACQUIRE) & APM__SLOT_CLOSED)) {
        apm_stream_close(*stream);
        *stream = (apm_stream)APM_NULL_HANDLE;
        error = APM_ERROR_OBJECT_DISPOSED;
    }
    release(client);
    if (error == APM_ERROR_IO && !connected) /* it has been disconnected since it was asked */
        error = APM_ERROR_INVALID_OPERATION;
    return error;
}

bool apm_tcp_client_active(apm_tcp_client handle)
{
    struct client *client;
    if (hold(handle, &client) != APM_ERROR_SUCCESS)
        return false;
    apm__os_mutex_lock(&client->lock);
    bool active = client->active;
    apm__os_mutex_unlock(&client->lock);
    release(client);
    return active;
}
