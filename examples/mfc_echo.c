/*
 * A CAsyncSocket program in C: a server that echoes, and a client that says one thing to it, on one thread's queue.
 */
#include <apm/apm.h>
#include <apm/compat/async_socket.h>

#include <stdio.h>
#include <string.h>

static apm_event_queue queue;
static apm_async_socket listener, server, client;

static int fail(const char *what)
{
    fprintf(stderr, "%s: error %d\n", what, apm_async_socket_get_last_error());
    return 1;
}

/* class CEchoSocket : public CAsyncSocket { void OnReceive(int) override; void OnClose(int) override; }; */
static void on_server_receive(apm_async_socket *socket, int error)
{
    char buffer[256];
    int received = apm_async_socket_receive(socket, buffer, sizeof buffer, 0);

    if (error == 0 && received > 0)
        apm_async_socket_send(socket, buffer, received, 0);
}

static void on_server_close(apm_async_socket *socket, int error)
{
    printf("Server: the client has gone, error %d\n", error);
    apm_async_socket_close(socket);
    apm_event_queue_post_quit(queue, 0); /* PostQuitMessage(0) */
}

static const apm_async_socket_handlers server_handlers = {.on_receive = on_server_receive, .on_close = on_server_close};

static void on_accept(apm_async_socket *socket, int error)
{
    /* An empty object, for which create is not called. */
    apm_async_socket_initialize(&server, queue, &server_handlers, NULL);
    if (error != 0 || !apm_async_socket_accept(socket, &server, NULL))
        apm_event_queue_post_quit(queue, fail("Accept"));
}

static const apm_async_socket_handlers listener_handlers = {.on_accept = on_accept};

static void on_client_connect(apm_async_socket *socket, int error)
{
    static const char text[] = "Hello, server";

    if (error != 0 || apm_async_socket_send(socket, text, (int)strlen(text), 0) < 0)
        apm_event_queue_post_quit(queue, fail("Connect"));
}

static void on_client_receive(apm_async_socket *socket, int error)
{
    char buffer[256];
    int received = apm_async_socket_receive(socket, buffer, sizeof buffer, 0);

    if (error == 0 && received > 0)
        printf("Client: %.*s\n", received, buffer);
    apm_async_socket_close(socket);
}

static const apm_async_socket_handlers client_handlers = {.on_connect = on_client_connect,
                                                          .on_receive = on_client_receive};

int main(void)
{
    apm_endpoint local;
    int code = 1;

    if (apm_event_queue_create(0, &queue) != APM_ERROR_SUCCESS)
        return 1;
    apm_async_socket_initialize(&listener, queue, &listener_handlers, NULL);
    apm_async_socket_initialize(&client, queue, &client_handlers, NULL);
    if (!apm_async_socket_create(&listener, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, "127.0.0.1") ||
        !apm_async_socket_listen(&listener, 5) || !apm_async_socket_get_sock_name(&listener, &local))
        return fail("Listen");
    if (!apm_async_socket_create(&client, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, NULL))
        return fail("Create");
    if (!apm_async_socket_connect(&client, "127.0.0.1", local.port) &&
        apm_async_socket_get_last_error() != APM_WSAEWOULDBLOCK)
        return fail("Connect");

    if (apm_event_queue_run(queue, &code) != APM_ERROR_SUCCESS) /* the message loop */
        return 1;
    apm_async_socket_destroy(&server);
    apm_async_socket_destroy(&client);
    apm_async_socket_destroy(&listener);
    apm_event_queue_close(queue);
    return code;
}
