/*
 * Inet sockets: listening and accepting. A listener reads connections ahead as others read data: see inet_socket.h.
 */
#include "apm/socket_options.h"
#include "inet_socket.h"

static const apm_event_target no_target = APM_NULL_HANDLE;

/* Gives a new handle up, with the caller's reference. */
static apm_inet give_up(struct apm__inet *inet, apm_error error)
{
    apm_error ignored = apm__inet_close(apm__inet_handle(inet));
    (void)ignored; /* it may have been closed by apm_inet_uninitialize */
    apm__inet_release(inet);
    return apm__inet_fail_socket(error);
}

/* -- Listening ----------------------------------------------------------------------------------------------------- */

static apm_error open_listener(const char *local_address, unsigned local_port, unsigned backlog, uint32_t options,
                               apm_socket *listener)
{
    apm_ip_address address = apm_ip_address_any();
    apm_endpoint local;
    *listener = (apm_socket)APM_NULL_HANDLE;
    if (local_address && local_address[0] != '\0' && !apm_ip_address_try_parse(local_address, &address))
        return APM_ERROR_ARGUMENT;
    if (local_port > APM_ENDPOINT_MAX_PORT)
        return APM_ERROR_ARGUMENT;
    apm_error error = apm_endpoint_create(address, (int)local_port, &local);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_create(address.family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, listener);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (apm_ip_address_equals(address, apm_ip_address_ipv6_any()))
        error = apm_socket_set_dual_mode(*listener, true); /* as the original does: it takes clients of IPv4, too */
    if (error == APM_ERROR_SUCCESS)
        error = apm__inet_apply_options(*listener, options);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_bind(*listener, local);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_listen(*listener, backlog == 0 || backlog > INT32_MAX ? -1 : (int)backlog);
    if (error != APM_ERROR_SUCCESS)
        apm_socket_close(*listener);
    return error;
}

static apm_inet listen_on(const char *local_address, unsigned local_port, unsigned backlog, uint32_t options,
                          apm_event_target target, unsigned message, bool async)
{
    static const uint32_t known = APM_INET_OPTION_REUSEADDRESS | APM_INET_OPTION_NODELAY | APM_INET_OPTION_KEEPALIVE |
                                  APM_INET_OPTION_INLINE | APM_INET_OPTION_NOINHERIT | APM_INET_OPTION_FREETHREAD;
    if (!apm__inet_is_initialized())
        return APM_INET_INVALID_SOCKET;
    if (options & ~known) {
        apm__inet_fail_as(APM_INET_E_INVALID_OPTION);
        return APM_INET_INVALID_SOCKET;
    }
    struct apm__inet *inet = apm__inet_create(APM__INET_LISTENER, options, 0);
    if (!inet)
        return apm__inet_fail_socket(APM_ERROR_OUT_OF_MEMORY);
    apm_socket listener;
    apm_error error = open_listener(local_address, local_port, backlog, options, &listener);
    if (error != APM_ERROR_SUCCESS) {
        apm__inet_discard(inet);
        return apm__inet_fail_socket(error);
    }
    inet->socket = listener;
    inet->stage = APM__INET_OPEN;
    apm_inet handle = apm__inet_publish(inet);
    if (async)
        error = apm__inet_subscribe(inet, target, message);
    if (error != APM_ERROR_SUCCESS)
        return give_up(inet, error);
    apm__inet_read_ahead(inet);
    apm__inet_release(inet);
    return handle;
}

apm_inet apm_inet_listen_ex_a(const char *local_address, unsigned local_port, unsigned backlog, uint32_t options)
{
    return listen_on(local_address, local_port, backlog, options, no_target, 0, false);
}

apm_inet apm_inet_listen_a(const char *local_address, unsigned local_port)
{
    return listen_on(local_address, local_port, 0, APM_INET_OPTION_NONE, no_target, 0, false);
}

apm_inet apm_inet_async_listen_ex_a(const char *local_address, unsigned local_port, unsigned backlog, uint32_t options,
                                    apm_event_target target, unsigned message)
{
    return listen_on(local_address, local_port, backlog, options, target, message, true);
}

apm_inet apm_inet_async_listen_a(const char *local_address, unsigned local_port, apm_event_target target,
                                 unsigned message)
{
    return listen_on(local_address, local_port, 0, APM_INET_OPTION_NONE, target, message, true);
}

/* -- Accepting ----------------------------------------------------------------------------------------------------- */

static bool has_arrived(const struct apm__inet *inet)
{
    return inet->full;
}

/* Takes the connection that has been read ahead. WOULD_BLOCK: there is none. */
static apm_error take(struct apm__inet *listener, apm_socket *arrived)
{
    apm__os_mutex_lock(&listener->lock);
    apm_error error = listener->full ? listener->in_error : APM_ERROR_WOULD_BLOCK;
    *arrived = listener->arrived;
    listener->arrived = (apm_socket)APM_NULL_HANDLE;
    listener->full = listener->told = false;
    apm__os_mutex_unlock(&listener->lock);
    apm__inet_read_ahead(listener);
    return error;
}

static apm_error accept_from(struct apm__inet *listener, unsigned timeout_s, apm_socket *arrived)
{
    *arrived = (apm_socket)APM_NULL_HANDLE;
    if (listener->kind != APM__INET_LISTENER)
        return APM_ERROR_NOT_SUPPORTED;
    apm_error error = take(listener, arrived);
    apm__os_mutex_lock(&listener->lock);
    bool blocks = listener->blocks;
    apm__os_mutex_unlock(&listener->lock);
    if (error != APM_ERROR_WOULD_BLOCK || !blocks)
        return error;
    error = apm__inet_wait(listener, has_arrived, (int64_t)(timeout_s ? timeout_s : APM_INET_TIMEOUT) * 1000);
    return error == APM_ERROR_SUCCESS ? take(listener, arrived) : error;
}

int apm_inet_reject(apm_inet socket)
{
    apm_socket arrived = APM_NULL_HANDLE;
    struct apm__inet *listener = apm__inet_enter(socket);
    if (!listener)
        return APM_INET_ERROR;
    apm_error error = listener->kind == APM__INET_LISTENER ? take(listener, &arrived) : APM_ERROR_NOT_SUPPORTED;
    apm__inet_release(listener);
    if (error != APM_ERROR_SUCCESS)
        return apm__inet_fail(error);
    /* A linger time of none has the system reset the connection. */
    error = apm_socket_set_socket_option_linger(arrived, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_LINGER,
                                                (apm_linger_option){.enabled = true, .linger_time = 0});
    apm_socket_close(arrived);
    return error == APM_ERROR_SUCCESS ? 0 : apm__inet_fail(error);
}

/* How a connection is accepted. */
struct request {
    unsigned timeout_s;
    uint32_t options;
    const apm_inet_credentials_a *credentials;
    apm_event_target target;
    unsigned message;
    bool async;
};

/* Makes the connection a handle, and goes on to the handshake if it is secure. */
static apm_inet adopt(apm_socket arrived, const struct request *request, apm_ssl_context context)
{
    struct apm__inet *inet = apm__inet_create(APM__INET_STREAM, request->options, request->timeout_s);
    if (!inet) {
        apm_socket_close(arrived);
        if (context.bits != 0)
            apm_ssl_context_close(context);
        return apm__inet_fail_socket(APM_ERROR_OUT_OF_MEMORY);
    }
    inet->context = context;
    inet->serves = true;
    inet->socket = arrived;
    apm_inet handle = apm__inet_publish(inet);
    apm_error error = apm__inet_apply_options(arrived, request->options);
    if (error == APM_ERROR_SUCCESS && request->async)
        error = apm__inet_subscribe(inet, request->target, request->message);
    if (error != APM_ERROR_SUCCESS)
        return give_up(inet, error);
    apm__inet_retain(inet);
    apm__inet_secure(inet);
    return apm__inet_await(inet, handle);
}

static apm_inet accept_as(apm_inet socket, const struct request *request)
{
    static const uint32_t refused = APM_INET_OPTION_BROADCAST | APM_INET_OPTION_RESERVEDPORT;
    apm_ssl_context context = APM_NULL_HANDLE;
    struct apm__inet *listener = apm__inet_enter(socket);
    if (!listener)
        return APM_INET_INVALID_SOCKET;
    uint32_t wrong = request->options & refused ? APM_INET_E_INVALID_OPTION : 0;
    if (wrong == 0 && (request->options & APM_INET_OPTION_SECURE))
        wrong = apm__inet_context(request->credentials, request->options, true, &context);
    if (wrong != 0) {
        apm__inet_release(listener);
        apm__inet_fail_as(wrong);
        return APM_INET_INVALID_SOCKET;
    }
    apm_socket arrived;
    apm_error error = accept_from(listener, request->timeout_s, &arrived);
    apm__inet_release(listener);
    if (error == APM_ERROR_SUCCESS)
        return adopt(arrived, request, context);
    if (context.bits != 0)
        apm_ssl_context_close(context);
    return apm__inet_fail_socket(error);
}

apm_inet apm_inet_accept_ex_a(apm_inet listener, unsigned timeout_s, uint32_t options,
                              const apm_inet_credentials_a *credentials)
{
    return accept_as(listener,
                     &(struct request){.timeout_s = timeout_s, .options = options, .credentials = credentials});
}

apm_inet apm_inet_accept(apm_inet listener, unsigned timeout_s)
{
    return apm_inet_accept_ex_a(listener, timeout_s, APM_INET_OPTION_NONE, NULL);
}

apm_inet apm_inet_async_accept_ex_a(apm_inet listener, unsigned timeout_s, uint32_t options,
                                    const apm_inet_credentials_a *credentials, apm_event_target target,
                                    unsigned message)
{
    return accept_as(listener, &(struct request){.timeout_s = timeout_s,
                                                 .options = options,
                                                 .credentials = credentials,
                                                 .target = target,
                                                 .message = message,
                                                 .async = true});
}

apm_inet apm_inet_async_accept(apm_inet listener, apm_event_target target, unsigned message)
{
    return apm_inet_async_accept_ex_a(listener, 0, APM_INET_OPTION_NONE, NULL, target, message);
}
