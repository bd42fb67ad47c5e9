/*
 * Inet sockets: connecting. A chain of operations - look-up, connect, handshake - each of which the callback of the one
 * before begins; the first one is begun by the program's thread, which waits for the end of the chain if it is to. One
 * reference on the socket goes through the whole chain.
 */
#include <string.h>

#include "apm/dns.h"
#include "apm/network_stream.h"
#include "apm/socket_options.h"
#include "apm/ssl_stream.h"
#include "inet_socket.h"

enum { FIRST_RESERVED_PORT = 512, LAST_RESERVED_PORT = 1023 };

int apm__inet_left_ms(const struct apm__inet *inet)
{
    uint64_t now = apm__os_monotonic_ns();
    uint64_t left_ms = now < inet->deadline_ns ? (inet->deadline_ns - now) / 1000000u : 0;
    return left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

/*
 * Gives the chain's present operation what is left of the time. One that cannot be limited could go on for ever, so it
 * ends at once, for that reason. The caller has a reference of its own: the chain's may have gone with its end by now.
 */
static void limit(struct apm__inet *inet, apm_async_result result)
{
    apm_error error = apm_async_result_cancel_after(result, apm__inet_left_ms(inet));
    if (error != APM_ERROR_OUT_OF_MEMORY)
        return; /* or it has completed already */
    apm__os_mutex_lock(&inet->lock);
    inet->limit_error = error;
    apm__os_mutex_unlock(&inet->lock);
    apm_error ignored = apm_async_result_cancel(result);
    (void)ignored; /* it has completed meanwhile */
}

/* -- The end of the chain ------------------------------------------------------------------------------------------ */

void apm__inet_settle(struct apm__inet *inet, apm_error error)
{
    apm_stream stream = APM_NULL_HANDLE;
    apm_socket socket = APM_NULL_HANDLE;
    apm__os_mutex_lock(&inet->lock);
    if (inet->closed && error == APM_ERROR_SUCCESS)
        error = APM_ERROR_OPERATION_ABORTED;
    else if (error == APM_ERROR_OPERATION_ABORTED && !inet->closed && inet->limit_error != APM_ERROR_SUCCESS)
        error = inet->limit_error;
    inet->error = error;
    inet->stage = error == APM_ERROR_SUCCESS ? APM__INET_OPEN : APM__INET_FAILED;
    uint32_t which = error == APM_ERROR_SUCCESS ? 1u << APM_INET_EVENT_WRITE : 0;
    /* What was accepted without a handshake has been connected all along. */
    if (!inet->serves || inet->context.bits != 0)
        which |= 1u << APM_INET_EVENT_CONNECT;
    if (error != APM_ERROR_SUCCESS) {
        stream = inet->stream;
        socket = inet->socket;
        inet->stream = (apm_stream)APM_NULL_HANDLE;
        inet->socket = (apm_socket)APM_NULL_HANDLE;
    }
    struct apm__inet_notice notice = apm__inet_notice_locked(inet, which);
    apm__os_mutex_unlock(&inet->lock);
    if (stream.bits != 0)
        apm_stream_close(stream);
    else if (socket.bits != 0)
        apm_socket_close(socket);
    apm__inet_wake(inet);
    apm__inet_post(&notice);
    apm__inet_read_ahead(inet); /* does nothing where there is no connection */
    apm__inet_release(inet);
}

apm_inet apm__inet_await(struct apm__inet *inet, apm_inet handle)
{
    apm__os_mutex_lock(&inet->lock);
    bool blocks = inet->blocks;
    apm__os_mutex_unlock(&inet->lock);
    apm_error error = APM_ERROR_SUCCESS;
    if (blocks) {
        error = apm__inet_wait(inet, apm__inet_is_settled, -1); /* the chain has its deadline */
        apm__os_mutex_lock(&inet->lock);
        if (error == APM_ERROR_SUCCESS)
            error = inet->error;
        apm__os_mutex_unlock(&inet->lock);
    }
    apm__inet_release(inet);
    if (error == APM_ERROR_SUCCESS)
        return handle;
    apm_error ignored = apm__inet_close(handle);
    (void)ignored; /* it may have been closed meanwhile */
    return apm__inet_fail_socket(error);
}

/* -- The handshake ------------------------------------------------------------------------------------------------- */

static void on_authenticated(apm_async_result result)
{
    struct apm__inet *inet = apm_async_result_async_state(result);
    apm_stream stream = apm_async_result_stream(result);
    apm__inet_settle(inet, inet->serves ? apm_ssl_stream_end_authenticate_as_server(stream, result)
                                        : apm_ssl_stream_end_authenticate_as_client(stream, result));
}

static apm_error shake_hands(struct apm__inet *inet, apm_stream stream)
{
    apm_async_result result;
    apm__inet_retain(inet); /* for limit */
    apm_error error = inet->serves ? apm_ssl_stream_begin_authenticate_as_server(stream, inet->context,
                                                                                 on_authenticated, inet, &result)
                                   : apm_ssl_stream_begin_authenticate_as_client(stream, inet->context, inet->name,
                                                                                 on_authenticated, inet, &result);
    if (error == APM_ERROR_SUCCESS)
        limit(inet, result);
    apm__inet_release(inet);
    return error;
}

void apm__inet_secure(struct apm__inet *inet)
{
    apm_stream stream;
    apm_error error = apm_network_stream_create(inet->socket, APM_FILE_ACCESS_READ_WRITE, true, &stream);
    if (error == APM_ERROR_SUCCESS && inet->context.bits != 0) {
        apm_stream inner = stream;
        error = apm_ssl_stream_create(inner, false, &stream);
        if (error != APM_ERROR_SUCCESS)
            apm_stream_close(inner);
    }
    bool closed = false;
    if (error == APM_ERROR_SUCCESS) {
        apm__os_mutex_lock(&inet->lock);
        closed = inet->closed;
        if (!closed)
            inet->stream = stream;
        apm__os_mutex_unlock(&inet->lock);
        if (closed) {
            apm_stream_close(stream);
            error = APM_ERROR_OPERATION_ABORTED;
        }
    }
    if (error == APM_ERROR_SUCCESS && inet->context.bits != 0) {
        error = shake_hands(inet, stream);
        if (error == APM_ERROR_SUCCESS)
            return;
    }
    apm__inet_settle(inet, error);
}

/* -- The connect --------------------------------------------------------------------------------------------------- */

static void on_connected(apm_async_result result)
{
    struct apm__inet *inet = apm_async_result_async_state(result);
    apm_error error = apm_socket_end_connect(apm_async_result_socket(result), result);
    if (error == APM_ERROR_SUCCESS)
        apm__inet_secure(inet);
    else
        apm__inet_settle(inet, error);
}

static apm_error set_flag(apm_socket socket, apm_socket_option_name name)
{
    return apm_socket_set_socket_option(socket, APM_SOCKET_OPTION_LEVEL_SOCKET, name, 1);
}

apm_error apm__inet_apply_options(apm_socket socket, uint32_t options)
{
    apm_socket_type type;
    apm_error error = apm_socket_socket_type(socket, &type);
    if (error == APM_ERROR_SUCCESS && (options & APM_INET_OPTION_BROADCAST))
        error = apm_socket_set_enable_broadcast(socket, true);
    if (error == APM_ERROR_SUCCESS && (options & APM_INET_OPTION_DONTROUTE))
        error = set_flag(socket, APM_SOCKET_OPTION_NAME_DONT_ROUTE);
    if (error == APM_ERROR_SUCCESS && (options & APM_INET_OPTION_KEEPALIVE))
        error = set_flag(socket, APM_SOCKET_OPTION_NAME_KEEP_ALIVE);
    if (error == APM_ERROR_SUCCESS && (options & APM_INET_OPTION_REUSEADDRESS))
        error = apm_socket_set_reuse_address(socket, true);
    if (error == APM_ERROR_SUCCESS && (options & APM_INET_OPTION_INLINE))
        error = set_flag(socket, APM_SOCKET_OPTION_NAME_OUT_OF_BAND_INLINE);
    if (error == APM_ERROR_SUCCESS && (options & APM_INET_OPTION_NODELAY) && type == APM_SOCKET_TYPE_STREAM)
        error = apm_socket_set_no_delay(socket, true);
    return error;
}

/* Binds where the program or RESERVEDPORT asks for it, and datagrams in any case: they read without having written. */
static apm_error bind_locally(struct apm__inet *inet, apm_socket socket, apm_address_family family)
{
    bool reserved = inet->options & APM_INET_OPTION_RESERVEDPORT;
    if (inet->local[0] == '\0' && inet->local_port == 0 && !reserved && inet->kind != APM__INET_DATAGRAM)
        return APM_ERROR_SUCCESS;
    apm_ip_address address = family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6 ? apm_ip_address_ipv6_any()
                                                                           : apm_ip_address_any();
    if (inet->local[0] != '\0' && !apm_ip_address_try_parse(inet->local, &address))
        return APM_ERROR_ARGUMENT;
    if (address.family != family)
        return APM_ERROR_ADDRESS_NOT_AVAILABLE;
    unsigned port = reserved ? LAST_RESERVED_PORT : inet->local_port;
    apm_error error;
    do {
        apm_endpoint local;
        error = apm_endpoint_create(address, (int)port, &local);
        if (error == APM_ERROR_SUCCESS)
            error = apm_socket_bind(socket, local);
    } while (reserved && error == APM_ERROR_ADDRESS_ALREADY_IN_USE && port-- > FIRST_RESERVED_PORT);
    return error;
}

/* Makes the system's socket, and hands it to the inet, unless that is closed. */
static apm_error make_socket(struct apm__inet *inet, apm_address_family family)
{
    apm_socket socket;
    bool datagrams = inet->kind == APM__INET_DATAGRAM;
    apm_error error = apm_socket_create(family, datagrams ? APM_SOCKET_TYPE_DGRAM : APM_SOCKET_TYPE_STREAM,
                                        datagrams ? APM_PROTOCOL_TYPE_UDP : APM_PROTOCOL_TYPE_TCP, &socket);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__inet_apply_options(socket, inet->options);
    if (error == APM_ERROR_SUCCESS)
        error = bind_locally(inet, socket, family);
    apm__os_mutex_lock(&inet->lock);
    if (error == APM_ERROR_SUCCESS && inet->closed)
        error = APM_ERROR_OPERATION_ABORTED;
    if (error == APM_ERROR_SUCCESS)
        inet->socket = socket;
    apm__os_mutex_unlock(&inet->lock);
    if (error != APM_ERROR_SUCCESS)
        apm_socket_close(socket);
    return error;
}

/* The family that is connected to: that of the local address, or the preferred one if the host has it. */
static apm_address_family choose(const struct apm__inet *inet, const apm_ip_address *addresses, size_t count)
{
    apm_ip_address local;
    apm_address_family preferred = inet->options & APM_INET_OPTION_PREFER_IPV6 ? APM_ADDRESS_FAMILY_INTER_NETWORK_V6
                                                                               : APM_ADDRESS_FAMILY_INTER_NETWORK;
    if (inet->local[0] != '\0' && apm_ip_address_try_parse(inet->local, &local))
        preferred = local.family;
    for (size_t i = 0; i < count; i++)
        if (addresses[i].family == preferred)
            return preferred;
    return count > 0 ? addresses[0].family : preferred;
}

static void connect_to(struct apm__inet *inet, const apm_ip_address *addresses, size_t count)
{
    apm_address_family family = choose(inet, addresses, count);
    apm_error error = make_socket(inet, family);
    if (error == APM_ERROR_SUCCESS && inet->kind == APM__INET_STREAM) {
        apm_async_result result;
        apm__inet_retain(inet); /* for limit */
        error = apm_socket_begin_connect_addresses(inet->socket, addresses, count, (int)inet->port, on_connected, inet,
                                                   &result);
        if (error == APM_ERROR_SUCCESS)
            limit(inet, result);
        apm__inet_release(inet);
        if (error == APM_ERROR_SUCCESS)
            return;
    }
    apm_endpoint peer = {.port = 0};
    for (size_t i = 0; error == APM_ERROR_SUCCESS && i < count; i++) {
        if (addresses[i].family == family) {
            error = apm_endpoint_create(addresses[i], (int)inet->port, &peer);
            break;
        }
    }
    apm__os_mutex_lock(&inet->lock); /* the program may ask for it already */
    inet->peer = peer;
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_settle(inet, error);
}

static void on_resolved(apm_async_result result)
{
    struct apm__inet *inet = apm_async_result_async_state(result);
    apm_host_entry *entry;
    apm_error error = apm_dns_end_get_host_addresses(result, &entry);
    if (error != APM_ERROR_SUCCESS) {
        apm__inet_settle(inet, error);
        return;
    }
    if (entry->address_count > 0)
        connect_to(inet, entry->address_list, entry->address_count);
    else
        apm__inet_settle(inet, APM_ERROR_NO_DATA);
    apm_host_entry_free(entry);
}

/* Begins the chain, with a reference for it. The caller has its own. */
static void begin(struct apm__inet *inet)
{
    apm_ip_address address;
    apm__inet_retain(inet);
    if (inet->host[0] == '\0') {
        connect_to(inet, NULL, 0);
    } else if (apm_ip_address_try_parse(inet->host, &address)) {
        connect_to(inet, &address, 1);
    } else {
        apm_async_result result;
        apm_error error = apm_dns_begin_get_host_addresses(inet->host, on_resolved, inet, &result);
        if (error == APM_ERROR_SUCCESS)
            limit(inet, result);
        else
            apm__inet_settle(inet, error);
    }
}

/* -- The program's calls ------------------------------------------------------------------------------------------- */

/* Options that the protocol does not have. */
static bool are_wrong(uint32_t options, unsigned protocol, unsigned local_port)
{
    uint32_t wrong = protocol == APM_INET_PROTOCOL_UDP
                         ? APM_INET_OPTION_KEEPALIVE | APM_INET_OPTION_SECURE | APM_INET_OPTION_INLINE
                         : APM_INET_OPTION_BROADCAST;
    uint32_t known = APM_INET_OPTION_BROADCAST | APM_INET_OPTION_DONTROUTE | APM_INET_OPTION_KEEPALIVE |
                     APM_INET_OPTION_REUSEADDRESS | APM_INET_OPTION_NODELAY | APM_INET_OPTION_INLINE |
                     APM_INET_OPTION_RESERVEDPORT | APM_INET_OPTION_NOINHERIT | APM_INET_OPTION_TRUSTEDSITE |
                     APM_INET_OPTION_SECURE | APM_INET_OPTION_SECURE_FALLBACK | APM_INET_OPTION_PREFER_IPV6 |
                     APM_INET_OPTION_FREETHREAD;
    return (options & wrong) || (options & ~known) || ((options & APM_INET_OPTION_RESERVEDPORT) && local_port != 0);
}

static bool copy_text(char *copy, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length >= APM__INET_HOST_SIZE)
        return false;
    memcpy(copy, text ? text : "", length + 1);
    return true;
}

/* Where a connect goes and what it asks for; `message` is 0 for one that blocks. */
struct request {
    const char *host;
    unsigned port;
    unsigned protocol;
    unsigned timeout_s;
    uint32_t options;
    const char *local_address;
    unsigned local_port;
    const apm_inet_credentials_a *credentials;
    apm_event_target target;
    unsigned message;
    bool async;
};

/* What is wrong with the arguments; 0 for nothing. */
static uint32_t refuse(const struct request *request)
{
    apm_ip_address address;
    bool named = request->host && request->host[0] != '\0';
    bool local = request->local_address && request->local_address[0] != '\0';
    if (request->protocol != APM_INET_PROTOCOL_TCP && request->protocol != APM_INET_PROTOCOL_UDP)
        return APM_INET_E_INVALID_PROTOCOL;
    if (are_wrong(request->options, request->protocol, request->local_port))
        return APM_INET_E_INVALID_OPTION;
    if ((!named && request->protocol == APM_INET_PROTOCOL_TCP) || (named && request->port == 0))
        return APM_INET_E_INVALID_PARAMETER;
    if (request->port > APM_ENDPOINT_MAX_PORT || request->local_port > APM_ENDPOINT_MAX_PORT)
        return APM_INET_E_INVALID_PARAMETER;
    return local && !apm_ip_address_try_parse(request->local_address, &address) ? APM_INET_E_INVALID_PARAMETER : 0;
}

static uint32_t fill(struct apm__inet *inet, const struct request *request)
{
    const apm_inet_credentials_a *credentials = request->credentials;
    bool secure = request->options & APM_INET_OPTION_SECURE;
    inet->port = request->port;
    inet->local_port = request->local_port;
    if (!copy_text(inet->host, request->host) || !copy_text(inet->local, request->local_address))
        return APM_INET_E_INVALID_PARAMETER;
    if (!secure)
        return 0;
    uint32_t error = apm__inet_context(credentials, request->options, false, &inet->context);
    if (error != 0)
        return error;
    bool other = credentials && credentials->lpszHostName && credentials->lpszHostName[0] != '\0';
    return copy_text(inet->name, other ? credentials->lpszHostName : request->host) ? 0 : APM_INET_E_INVALID_PARAMETER;
}

static apm_inet connect_as(const struct request *request)
{
    if (!apm__inet_is_initialized())
        return APM_INET_INVALID_SOCKET;
    uint32_t refused = refuse(request);
    if (refused != 0) {
        apm__inet_fail_as(refused);
        return APM_INET_INVALID_SOCKET;
    }
    enum apm__inet_kind kind = request->protocol == APM_INET_PROTOCOL_UDP ? APM__INET_DATAGRAM : APM__INET_STREAM;
    struct apm__inet *inet = apm__inet_create(kind, request->options, request->timeout_s);
    if (!inet)
        return apm__inet_fail_socket(APM_ERROR_OUT_OF_MEMORY);
    refused = fill(inet, request);
    if (refused != 0) {
        apm__inet_discard(inet);
        apm__inet_fail_as(refused);
        return APM_INET_INVALID_SOCKET;
    }
    apm_inet handle = apm__inet_publish(inet);
    apm_error error = request->async ? apm__inet_subscribe(inet, request->target, request->message) : APM_ERROR_SUCCESS;
    if (error != APM_ERROR_SUCCESS) {
        apm_error ignored = apm__inet_close(handle);
        (void)ignored; /* it may have been closed by apm_inet_uninitialize */
        apm__inet_release(inet);
        return apm__inet_fail_socket(error);
    }
    begin(inet);
    return apm__inet_await(inet, handle);
}

apm_inet apm_inet_connect_ex_a(const char *host, unsigned port, unsigned protocol, unsigned timeout_s, uint32_t options,
                               const char *local_address, unsigned local_port,
                               const apm_inet_credentials_a *credentials)
{
    return connect_as(&(struct request){.host = host,
                                        .port = port,
                                        .protocol = protocol,
                                        .timeout_s = timeout_s,
                                        .options = options,
                                        .local_address = local_address,
                                        .local_port = local_port,
                                        .credentials = credentials});
}

apm_inet apm_inet_connect_a(const char *host, unsigned port, unsigned protocol, unsigned timeout_s, uint32_t options,
                            const apm_inet_credentials_a *credentials)
{
    return apm_inet_connect_ex_a(host, port, protocol, timeout_s, options, NULL, 0, credentials);
}

apm_inet apm_inet_async_connect_ex_a(const char *host, unsigned port, unsigned protocol, unsigned timeout_s,
                                     uint32_t options, const char *local_address, unsigned local_port,
                                     const apm_inet_credentials_a *credentials, apm_event_target target,
                                     unsigned message)
{
    return connect_as(&(struct request){.host = host,
                                        .port = port,
                                        .protocol = protocol,
                                        .timeout_s = timeout_s,
                                        .options = options,
                                        .local_address = local_address,
                                        .local_port = local_port,
                                        .credentials = credentials,
                                        .target = target,
                                        .message = message,
                                        .async = true});
}

apm_inet apm_inet_async_connect_a(const char *host, unsigned port, unsigned protocol, unsigned timeout_s,
                                  uint32_t options, const apm_inet_credentials_a *credentials, apm_event_target target,
                                  unsigned message)
{
    return apm_inet_async_connect_ex_a(host, port, protocol, timeout_s, options, NULL, 0, credentials, target, message);
}
