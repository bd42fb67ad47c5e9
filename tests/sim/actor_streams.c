/*
 * An actor of TCP clients, a TCP listener and their streams: what one side writes the other reads, exactly, and then
 * the end; and of polls for readiness beside the reads.
 */
#include "workload.h"

#include <string.h>

enum { MOST_CLIENTS = 3, MOST_BYTES = 2000 };

struct house {
    apm_tcp_listener listener;
    apm_endpoint local;
    int busy;
};

struct actor_stream {
    apm_stream stream;
    apm_tcp_client client;
};

static unsigned char byte_at(size_t place)
{
    return (unsigned char)((place * 2654435761u) >> 11);
}

static apm_error end_write(struct actor_operation *operation)
{
    const struct actor_stream *stream = operation->owner;
    return apm_stream_end_write(stream->stream, operation->result);
}

static apm_error end_read(struct actor_operation *operation)
{
    const struct actor_stream *stream = operation->owner;
    return apm_stream_end_read(stream->stream, operation->result, &operation->transferred);
}

static apm_error end_read_exactly(struct actor_operation *operation)
{
    const struct actor_stream *stream = operation->owner;
    return apm_stream_end_read_exactly(stream->stream, operation->result, &operation->transferred);
}

/* Writes so many bytes, in one piece or several. */
static void write_bytes(struct actor_stream *stream, size_t count)
{
    for (size_t place = 0; place < count;) {
        size_t left = count - place;
        size_t size = 1 + sim_random((uint32_t)left);
        struct actor_operation *operation = actor_operation(end_write, (apm_socket){0}, size);
        apm_async_callback *callback = actor_callback(operation);
        operation->owner = stream;
        for (size_t i = 0; i < size; i++)
            operation->buffer[i] = byte_at(place + i);
        apm_error error = apm_stream_begin_write(stream->stream, operation->buffer, size, callback, operation,
                                                 &operation->result);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        actor_finish(operation);
        SIM_CHECK(operation->error == APM_ERROR_SUCCESS);
        place += size;
    }
}

static void poll_sometimes(const struct actor_stream *stream)
{
    apm_socket socket;
    bool ready;
    if (!sim_one_in(4))
        return;
    apm_error error = apm_tcp_client_client(stream->client, &socket);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_socket_poll(socket, sim_one_in(2) ? -1 : (int64_t)sim_random(3000), APM_SELECT_MODE_SELECT_READ,
                            &ready);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
}

static void read_bytes(struct actor_stream *stream, size_t count)
{
    for (size_t place = 0; place < count;) {
        size_t size = 1 + sim_random((uint32_t)(count - place));
        bool exactly = sim_one_in(2);
        struct actor_operation *operation = actor_operation(exactly ? end_read_exactly : end_read, (apm_socket){0},
                                                            size);
        apm_async_callback *callback = actor_callback(operation);
        operation->owner = stream;
        poll_sometimes(stream);
        apm_error error = exactly ? apm_stream_begin_read_exactly(stream->stream, operation->buffer, size, callback,
                                                                  operation, &operation->result)
                                  : apm_stream_begin_read(stream->stream, operation->buffer, size, callback, operation,
                                                          &operation->result);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        actor_finish(operation);
        SIM_CHECK(operation->error == APM_ERROR_SUCCESS && operation->transferred > 0);
        SIM_CHECK(!exactly || operation->transferred == size);
        for (size_t i = 0; i < operation->transferred; i++)
            SIM_CHECK(operation->buffer[i] == byte_at(place + i));
        place += operation->transferred;
    }
}

static void open_stream(struct actor_stream *stream)
{
    apm_error error = apm_tcp_client_get_stream(stream->client, &stream->stream);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
}

static void serve(void *argument)
{
    struct house *house = argument;
    struct actor_stream stream;
    apm_error error = apm_tcp_listener_accept_tcp_client(house->listener, &stream.client);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    open_stream(&stream);
    uint32_t count;
    size_t size;
    error = apm_stream_read(stream.stream, &count, 1, &size); /* in units of 8 */
    SIM_CHECK(error == APM_ERROR_SUCCESS && size == 1);
    count = *(unsigned char *)&count * 8u;
    read_bytes(&stream, count);
    write_bytes(&stream, count);
    error = apm_stream_read(stream.stream, &count, 1, &size);
    SIM_CHECK(error == APM_ERROR_SUCCESS && size == 0); /* the client has closed */
    apm_tcp_client_close(stream.client);
    house->busy--;
    sim_wake_all(house);
}

static void visit(void *argument)
{
    struct house *house = argument;
    struct actor_stream stream;
    unsigned char units = (unsigned char)sim_random(MOST_BYTES / 8);
    apm_error error = apm_tcp_client_create(&stream.client);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    if (sim_one_in(2))
        error = apm_tcp_client_connect(stream.client, sim_one_in(2) ? "both.test" : "one.test", house->local.port);
    else
        error = apm_tcp_client_connect_address(stream.client, apm_ip_address_loopback(), house->local.port);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    open_stream(&stream);
    error = apm_stream_write(stream.stream, &units, 1);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    write_bytes(&stream, units * 8u);
    read_bytes(&stream, units * 8u);
    apm_tcp_client_close(stream.client);
    house->busy--;
    sim_wake_all(house);
}

void actor_streams(void *unused)
{
    struct house *house = actor_allocate(sizeof *house);
    int clients = 1 + (int)sim_random(MOST_CLIENTS);
    (void)unused;
    apm_error error = apm_tcp_listener_create_address(apm_ip_address_loopback(), 0, &house->listener);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_tcp_listener_start(house->listener);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_tcp_listener_local_endpoint(house->listener, &house->local);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    house->busy = 2 * clients;
    for (int i = 0; i < clients; i++) {
        actor_start("server", serve, house);
        actor_start("client", visit, house);
    }
    while (house->busy > 0)
        actor_await(house, "the end of the streams");
    error = apm_tcp_listener_stop(house->listener);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    apm_tcp_listener_close(house->listener);
}
