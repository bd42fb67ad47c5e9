#include "support_compat.h"

static struct counted *of(apm_async_socket *socket)
{
    return (struct counted *)(void *)socket;
}

static void on_receive(apm_async_socket *socket, int error)
{
    struct counted *counted = of(socket);
    static uint8_t buffer[65536];
    int got;

    (void)error;
    counted->receive++;
    if (counted->reads) {
        got = apm_async_socket_receive(socket, buffer, counted->buffer_size, 0);
        if (got > 0) {
            counted->received += (size_t)got;
        }
    }
}

static void on_send(apm_async_socket *socket, int error)
{
    (void)error;
    of(socket)->send++;
}

static void on_urgent(apm_async_socket *socket, int error)
{
    (void)error;
    of(socket)->urgent++;
}

static void on_accept(apm_async_socket *socket, int error)
{
    CHECK_EQ(error, 0);
    of(socket)->accept++;
}

static void on_connect(apm_async_socket *socket, int error)
{
    of(socket)->connect++;
    of(socket)->connect_error = error;
}

static void on_close(apm_async_socket *socket, int error)
{
    of(socket)->close++;
    of(socket)->close_error = error;
    of(socket)->received_at_close = of(socket)->received;
}

const apm_async_socket_handlers counted_handlers = {
    .on_receive = on_receive,
    .on_send = on_send,
    .on_out_of_band_data = on_urgent,
    .on_accept = on_accept,
    .on_connect = on_connect,
    .on_close = on_close,
};

void counted_initialize(struct counted *counted, apm_event_queue queue)
{
    memset(counted, 0, sizeof *counted);
    apm_async_socket_initialize(&counted->socket, queue, &counted_handlers, counted);
    counted->buffer_size = 4096;
}

apm_endpoint counted_listen(struct counted *listener)
{
    apm_endpoint local;

    CHECK(apm_async_socket_create(&listener->socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, "127.0.0.1"));
    CHECK(apm_async_socket_listen(&listener->socket, 5));
    CHECK(apm_async_socket_get_sock_name(&listener->socket, &local));
    return local;
}

void counted_pair(struct counted *client, struct counted *server, apm_event_queue queue)
{
    struct counted listener;
    apm_endpoint local;

    counted_initialize(&listener, queue);
    counted_initialize(client, queue);
    counted_initialize(server, queue);
    local = counted_listen(&listener);
    CHECK(apm_async_socket_create(&client->socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, NULL));
    CHECK_WSA(apm_async_socket_connect(&client->socket, "127.0.0.1", local.port), APM_WSAEWOULDBLOCK);
    PUMP_UNTIL(queue, listener.accept == 1 && client->connect == 1);
    CHECK_EQ(client->connect_error, 0);
    CHECK(apm_async_socket_accept(&listener.socket, &server->socket, NULL));
    apm_async_socket_destroy(&listener.socket);
    PUMP_UNTIL(queue, client->send == 1 && server->send == 1);
}
