/*
 * An actor of connections that come and go: accepts, connects and receives are cancelled, expire, and are cut off by
 * the close of the listener, of a connection, or of a socket that still connects. Every operation ends, in a way that
 * can be; what the listener has accepted is a connection, or was one.
 */
#include "workload.h"

#include <string.h>

enum { MOST_CLIENTS = 4, MOST_ACCEPTS = 4 };

struct inn {
    apm_socket listener;
    apm_endpoint local;
    bool closed; /* the listener, or it is about to be */
    int busy;    /* threads that have not ended */
    const char *host;
    uint32_t guests; /* connections that have been accepted */
    uint32_t met;    /* connects that have succeeded */
};

static bool is_end_of_connection(apm_error error)
{
    return error == APM_ERROR_CONNECTION_RESET || error == APM_ERROR_CONNECTION_ABORTED ||
           error == APM_ERROR_SHUTDOWN || error == APM_ERROR_NOT_CONNECTED;
}

static apm_error end_accept(struct actor_operation *operation)
{
    return apm_socket_end_accept(operation->socket, operation->result, &operation->accepted);
}

static apm_error end_accept_receive(struct actor_operation *operation)
{
    return apm_socket_end_accept_receive(operation->socket, operation->result, &operation->accepted,
                                         &operation->transferred);
}

static apm_error end_connect(struct actor_operation *operation)
{
    return apm_socket_end_connect(operation->socket, operation->result);
}

static apm_error end_receive(struct actor_operation *operation)
{
    return apm_socket_end_receive(operation->socket, operation->result, &operation->transferred);
}

static apm_error end_disconnect(struct actor_operation *operation)
{
    return apm_socket_end_disconnect(operation->socket, operation->result);
}

static void close_socket(apm_socket socket)
{
    apm_error error = APM_ERROR_SUCCESS;
    if (sim_one_in(2))
        apm_socket_close(socket);
    else
        error = apm_socket_close_and_wait(socket, 60000);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
}

/* -- The listener's side ------------------------------------------------------------------------------------------- */

/* One byte comes, and goes back; the connection may break at any time. */
static void serve(apm_socket socket)
{
    struct actor_operation *receive = actor_operation(end_receive, socket, 4);
    apm_async_callback *callback = actor_callback(receive);
    size_t sent;
    apm_error error = apm_socket_begin_receive(socket, receive->buffer, 1, APM_SOCKET_FLAGS_NONE, callback, receive,
                                               &receive->result);
    if (error == APM_ERROR_SUCCESS) {
        drawer_put(receive);
        actor_finish(receive);
        error = receive->error;
    }
    SIM_CHECK(error == APM_ERROR_SUCCESS || is_end_of_connection(error) ||
              (receive->disturbed && actor_is_disturbance(error)));
    SIM_CHECK(receive->transferred == 0 || receive->buffer[0] == 'g');
    if (receive->transferred > 0) {
        error = apm_socket_send(socket, receive->buffer, 1, APM_SOCKET_FLAGS_NONE, &sent);
        SIM_CHECK(error == APM_ERROR_SUCCESS || is_end_of_connection(error));
    }
    close_socket(socket);
}

static apm_error begin_accept(struct inn *inn, struct actor_operation *operation)
{
    apm_async_callback *callback = actor_callback(operation);
    if (operation->end == end_accept)
        return apm_socket_begin_accept(inn->listener, callback, operation, &operation->result);
    return apm_socket_begin_accept_receive(inn->listener, operation->buffer, operation->size, callback, operation,
                                           &operation->result);
}

static void welcome(struct inn *inn, const struct actor_operation *accept)
{
    SIM_CHECK(accept->error == APM_ERROR_SUCCESS || actor_is_disturbance(accept->error));
    SIM_CHECK(accept->error == APM_ERROR_SUCCESS || accept->disturbed || inn->closed);
    SIM_CHECK((accept->error == APM_ERROR_SUCCESS) == !apm_socket_is_null(accept->accepted));
    if (accept->error != APM_ERROR_SUCCESS)
        return;
    inn->guests++;
    if (accept->end == end_accept)
        serve(accept->accepted);
    else
        close_socket(accept->accepted);
}

static void accept_all(void *argument)
{
    struct inn *inn = argument;
    struct actor_operation *pending[MOST_ACCEPTS];
    bool goes_on = true;
    while (goes_on) {
        uint32_t begun = 0;
        for (uint32_t count = 1 + sim_random(MOST_ACCEPTS); begun < count && goes_on;) {
            bool receives = sim_one_in(4);
            struct actor_operation *operation = actor_operation(receives ? end_accept_receive : end_accept,
                                                                inn->listener, receives ? 1 : 0);
            apm_error error = begin_accept(inn, operation);
            if (error == APM_ERROR_SUCCESS) {
                drawer_put(operation);
                pending[begun++] = operation;
            } else {
                SIM_CHECK(error == APM_ERROR_OBJECT_DISPOSED && inn->closed);
                goes_on = false;
            }
        }
        for (uint32_t i = 0; i < begun; i++) { /* one after another: the guests wait */
            actor_finish(pending[i]);
            welcome(inn, pending[i]);
        }
    }
    inn->busy--;
    sim_wake_all(inn);
}

/* -- Clients ------------------------------------------------------------------------------------------------------- */

/* Says good day, and waits for the answer. */
static void talk(apm_socket socket)
{
    char bytes[4] = "g";
    size_t size;
    apm_error error = apm_socket_send(socket, bytes, 1, APM_SOCKET_FLAGS_NONE, &size);
    SIM_CHECK(error == APM_ERROR_SUCCESS || is_end_of_connection(error));
    if (sim_one_in(3))
        return;
    error = apm_socket_receive(socket, bytes, sizeof bytes, APM_SOCKET_FLAGS_NONE, &size);
    SIM_CHECK(error == APM_ERROR_SUCCESS || is_end_of_connection(error));
    SIM_CHECK(size == 0 || (size == 1 && bytes[0] == 'g'));
    if (error == APM_ERROR_SUCCESS && sim_one_in(3)) {
        struct actor_operation *operation = actor_operation(end_disconnect, socket, 0);
        apm_async_callback *callback = actor_callback(operation);
        error = apm_socket_begin_disconnect(socket, sim_one_in(2), callback, operation, &operation->result);
        if (error == APM_ERROR_SUCCESS)
            actor_finish(operation);
    }
}

static apm_error begin_connect(const struct inn *inn, struct actor_operation *operation)
{
    apm_async_callback *callback = actor_callback(operation);
    if (inn->host)
        return apm_socket_begin_connect_host(operation->socket, inn->host, inn->local.port, callback, operation,
                                             &operation->result);
    return apm_socket_begin_connect(operation->socket, inn->local, callback, operation, &operation->result);
}

static void check_connect(const struct inn *inn, const struct actor_operation *connect, bool gives_up)
{
    switch (connect->error) {
    case APM_ERROR_SUCCESS: return;
    case APM_ERROR_OPERATION_ABORTED:
    case APM_ERROR_TIMED_OUT: SIM_CHECK(connect->disturbed || gives_up || inn->host); return;
    case APM_ERROR_CONNECTION_REFUSED: SIM_CHECK(inn->closed); return;
    case APM_ERROR_CONNECTION_RESET: return; /* accepted and closed by now */
    default: sim_fail("a connect does not end with %s", apm_error_name(connect->error));
    }
}

static void visit(void *argument)
{
    struct inn *inn = argument;
    for (uint32_t visits = 1 + sim_random(4); visits > 0; visits--) {
        apm_socket socket;
        bool gives_up = sim_one_in(6);
        apm_error error = inn->host
                              ? apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket)
                              : apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM,
                                                  APM_PROTOCOL_TYPE_TCP, &socket);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        struct actor_operation *connect = actor_operation(end_connect, socket, 0);
        error = begin_connect(inn, connect);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        drawer_put(connect);
        if (gives_up) { /* the socket is closed while it connects */
            actor_pause(2000);
            close_socket(socket);
        }
        actor_finish(connect);
        check_connect(inn, connect, gives_up);
        if (connect->error == APM_ERROR_SUCCESS) {
            inn->met++;
            if (!gives_up)
                talk(socket);
        }
        close_socket(socket);
        actor_pause(3000);
    }
    inn->busy--;
    sim_wake_all(inn);
}

/* -- Both ---------------------------------------------------------------------------------------------------------- */

void actor_listener(void *unused)
{
    static const char *const hosts[] = {"one.test", "six.test", "both.test", "far.test"};
    struct inn *inn = actor_allocate(sizeof *inn);
    uint32_t clients = 1 + sim_random(MOST_CLIENTS);
    (void)unused;
    inn->host = sim_one_in(3) ? hosts[sim_random(4)] : NULL;
    apm_error error = inn->host
                          ? apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &inn->listener)
                          : apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM,
                                              APM_PROTOCOL_TYPE_TCP, &inn->listener);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_socket_bind(
        inn->listener, (apm_endpoint){.address = inn->host ? apm_ip_address_ipv6_any() : apm_ip_address_loopback()});
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_socket_listen(inn->listener, (int)sim_random(6));
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_socket_local_endpoint(inn->listener, &inn->local);
    SIM_CHECK(error == APM_ERROR_SUCCESS);

    inn->busy = 1 + (int)clients;
    actor_start("acceptor", accept_all, inn);
    for (uint32_t i = 0; i < clients; i++)
        actor_start("visitor", visit, inn);
    if (sim_one_in(2))
        actor_pause(50000);
    else
        while (inn->busy > 1)
            actor_await(inn, "the visitors' end");
    inn->closed = true;
    close_socket(inn->listener);
    while (inn->busy > 0)
        actor_await(inn, "the end of accepts and visits");
    SIM_CHECK(inn->guests <= clients * 4);
}
