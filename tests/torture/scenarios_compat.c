/*
 * The porting layers: notification sockets on a queue, Inet sockets, and code pages. Their errors are numbers of the
 * originals', so what is told is one of the library's errors that has that number.
 */
#include <stdio.h>
#include <string.h>

#include "apm/compat/async_socket.h"
#include "apm/compat/inet.h"
#include "apm/compat/text.h"
#include "inet_socket.h"
#include "torture.h"

/*
 * Whether a call succeeded whose error is the number: what the fault has given the port, where that has this number.
 * The number of a call is asked for behind it: the order of arguments is the compiler's.
 */
static bool told(const char *call, bool done, uint32_t number, uint32_t (*number_of)(apm_error))
{
    apm_error error = APM_ERROR_SUCCESS;
    if (done)
        return true;
    for (size_t i = 0; i < FAULTS_LIMIT && error == APM_ERROR_SUCCESS; i++) {
        apm_error outcome = (apm_error)faults_outcome(i);
        if (outcome != APM_ERROR_SUCCESS && number_of(outcome) == number)
            error = outcome;
    }
    for (int candidate = -1; candidate < 20000 && error == APM_ERROR_SUCCESS; candidate++)
        if (candidate != 0 && number_of((apm_error)candidate) == number)
            error = (apm_error)candidate;
    return torture_ok(__FILE__, __LINE__, call, error);
}

/* -- Notification sockets ------------------------------------------------------------------------------------------ */

/* A peer that has gone is told as on Windows: the program has shut nothing. */
static uint32_t wsa_number_of(apm_error error)
{
    return (uint32_t)apm_wsa_error(error == APM_ERROR_SHUTDOWN ? APM_ERROR_CONNECTION_ABORTED : error);
}

static bool wsa_told(const char *call, bool done)
{
    return told(call, done, (uint32_t)apm_wsa_get_last_error(), wsa_number_of);
}

#define WSA_OK(call) wsa_told(#call, (call))

static apm_async_socket listening, calling, answering;
static bool given_up;
static int ended;

/* What a notification says; false gives the scenario up. */
static bool heard(const char *event, int error)
{
    if (!told(event, error == 0, (uint32_t)error, wsa_number_of))
        given_up = true;
    return !given_up;
}

static void on_accept(apm_async_socket *socket, int error)
{
    if (heard("on_accept", error) && !WSA_OK(apm_async_socket_accept(socket, &answering, NULL)))
        given_up = true;
}

static void on_connect(apm_async_socket *socket, int error)
{
    if (heard("on_connect", error) && !WSA_OK(apm_async_socket_send(socket, "ping", 4, 0) == 4))
        given_up = true;
}

/* The one that answers sends back; the one that has called closes, and so ends the other. */
static void on_receive(apm_async_socket *socket, int error)
{
    char bytes[8];
    if (!heard("on_receive", error))
        return;
    if (!WSA_OK(apm_async_socket_receive(socket, bytes, sizeof bytes, 0) == 4)) {
        given_up = true;
    } else if (socket == &calling) {
        apm_async_socket_close(socket);
        ended++;
    } else if (!WSA_OK(apm_async_socket_send(socket, bytes, 4, 0) == 4)) {
        given_up = true;
    }
}

static void on_close(apm_async_socket *socket, int error)
{
    if (heard("on_close", error)) {
        apm_async_socket_close(socket);
        ended++;
    }
}

static const apm_async_socket_handlers handlers = {
    .on_receive = on_receive, .on_accept = on_accept, .on_connect = on_connect, .on_close = on_close};

static void converse(apm_event_queue queue)
{
    apm_endpoint local;
    if (!WSA_OK(apm_async_socket_create(&listening, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, "127.0.0.1")) ||
        !WSA_OK(apm_async_socket_listen(&listening, 5)) ||
        !WSA_OK(apm_async_socket_get_sock_name(&listening, &local)) ||
        !WSA_OK(apm_async_socket_create(&calling, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, "127.0.0.1")))
        return;
    CHECK(!apm_async_socket_connect_endpoint(&calling, local));
    if (apm_wsa_get_last_error() != APM_WSAEWOULDBLOCK && !WSA_OK(false))
        return;
    while (ended < 2 && !given_up)
        if (!OK(apm_event_queue_pump(queue, PATIENCE_MS, NULL)))
            return;
}

static void notify(void)
{
    apm_event_queue queue;
    if (!OK(apm_event_queue_create(0, &queue)))
        return;
    given_up = false;
    ended = 0;
    apm_async_socket_initialize(&listening, queue, &handlers, NULL);
    apm_async_socket_initialize(&calling, queue, &handlers, NULL);
    apm_async_socket_initialize(&answering, queue, &handlers, NULL);
    converse(queue);
    apm_async_socket_destroy(&answering);
    apm_async_socket_destroy(&calling);
    apm_async_socket_destroy(&listening);
    OK(apm_event_queue_close(queue));
}

TORTURE(notification_sockets_bear_every_failing_call, notify)
TORTURE(notification_sockets_on_the_poll_engine_bear_every_failing_call, notify, .engine = "poll")

/* -- Inet ---------------------------------------------------------------------------------------------------------- */

static uint32_t inet_number_of(apm_error error)
{
    uint32_t before = apm_inet_get_last_error();
    apm__inet_fail(error);
    uint32_t number = apm_inet_get_last_error();
    apm_inet_set_last_error(before);
    return number;
}

static bool inet_told(const char *call, bool done)
{
    return told(call, done, apm_inet_get_last_error(), inet_number_of);
}

#define INET_OK(call) inet_told(#call, (call))

enum { WAIT_S = PATIENCE_MS / 1000 };

/* Both read ahead: without this, nobody might ask how the last receive of each has ended. */
static void read_to_the_ends(apm_inet client, apm_inet server)
{
    char byte;
    if (INET_OK(apm_inet_shutdown(client) == 0) && INET_OK(apm_inet_read(server, &byte, 1) == 0) &&
        INET_OK(apm_inet_shutdown(server) == 0))
        INET_OK(apm_inet_read(client, &byte, 1) == 0);
}

static void exchange_lines(apm_inet client, apm_inet server)
{
    char line[16];
    int length = sizeof line;
    if (!INET_OK(apm_inet_write_line_a(client, "first", NULL)) || !INET_OK(apm_inet_read_line_a(server, line, &length)))
        return;
    CHECK(strcmp(line, "first") == 0);
    if (INET_OK(apm_inet_write(server, line, 5) == 5) && INET_OK(apm_inet_read(client, line, 5) > 0) &&
        INET_OK(apm_inet_is_connected(client)))
        read_to_the_ends(client, server);
}

static void blocking_inet(void)
{
    apm_inet_address address;
    unsigned port;
    if (!INET_OK(apm_inet_initialize_a(NULL, NULL)))
        return;
    apm_inet listener = apm_inet_listen_a("127.0.0.1", 0);
    if (INET_OK(listener != APM_INET_INVALID_SOCKET) &&
        INET_OK(apm_inet_get_local_address(listener, &address, &port) == 0)) {
        apm_inet client = apm_inet_connect_a("127.0.0.1", port, APM_INET_PROTOCOL_TCP, WAIT_S, APM_INET_OPTION_NONE,
                                             NULL);
        if (INET_OK(client != APM_INET_INVALID_SOCKET)) {
            apm_inet server = apm_inet_accept(listener, WAIT_S);
            if (INET_OK(server != APM_INET_INVALID_SOCKET))
                exchange_lines(client, server);
        }
    }
    apm_inet_uninitialize(); /* which closes all of them */
}

/*
 * A connection whose peer's address cannot be had is one all the same. And a listener accepts ahead: whether that fails
 * is told to the next accept, which there is not.
 */
TORTURE(inet_sockets_bear_every_failing_call, blocking_inet,
        .borne = "apm__os_socket_remote_endpoint apm__os_socket_accept")

/* -- Code pages ---------------------------------------------------------------------------------------------------- */

/* A system that does not have the page says so with or without a fault. */
static void convert(void)
{
    char bytes[8];
    size_t written;
    apm_error error = apm_text_utf8_to_code_page(APM_CODE_PAGE_JAPANESE, "\xe8\xa1\xa8", 3, bytes, sizeof bytes,
                                                 &written, NULL);
    if (error == APM_ERROR_NOT_SUPPORTED)
        return;
    if (OK(error))
        CHECK(written == 2 && memcmp(bytes, "\x95\x5c", 2) == 0);
}

TORTURE(code_pages_bear_every_failing_call, convert)
