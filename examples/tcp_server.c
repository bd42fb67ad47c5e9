/*
 * An echo server of TcpListener and NetworkStream, as .NET's documentation has it in the Begin/End style:
 * tcp_server clients
 *
 * It serves that many clients, one callback after another on the worker pool, and ends. Each client's stream is read
 * and written until the client ends it.
 */
#include <apm/apm.h>
#include <stdio.h>
#include <stdlib.h>

#include "example.h"

typedef struct session {
    apm_tcp_client client;
    apm_stream stream;
    char buffer[256];
    size_t total;
} session;

static apm_countdown_event sessions; /* one for each client that is still to be served */

static void finish(session *s)
{
    printf("Client done: %zu bytes.\n", s->total);
    fflush(stdout);
    apm_tcp_client_close(s->client); /* and with it the stream and the socket */
    free(s);
    apm_countdown_event_signal(sessions, 1, NULL); /* zero: more clients than asked for */
}

static void on_written(apm_async_result result);

static void on_read(apm_async_result result)
{
    session *s = apm_async_result_async_state(result);
    size_t size;

    if (apm_stream_end_read(s->stream, result, &size) || size == 0) {
        finish(s);
        return;
    }
    s->total += size;
    if (apm_stream_begin_write(s->stream, s->buffer, size, on_written, s, NULL)) {
        finish(s);
    }
}

static void on_written(apm_async_result result)
{
    session *s = apm_async_result_async_state(result);

    if (apm_stream_end_write(s->stream, result) ||
        apm_stream_begin_read(s->stream, s->buffer, sizeof s->buffer, on_read, s, NULL)) {
        finish(s);
    }
}

static void on_accepted(apm_async_result result)
{
    apm_tcp_listener listener = apm_async_result_tcp_listener(result);
    apm_tcp_client client;
    session *s;

    if (apm_tcp_listener_end_accept_tcp_client(listener, result, &client)) {
        return; /* the listener has been stopped */
    }
    /* An error says that the listener has been stopped in between: nobody is left to be waited for. */
    if (apm_tcp_listener_begin_accept_tcp_client(listener, on_accepted, NULL, NULL) == APM_ERROR_OUT_OF_MEMORY) {
        fprintf(stderr, "tcp_server: no further client can be accepted\n");
    }
    s = calloc(1, sizeof *s);
    if (s == NULL) {
        apm_tcp_client_close(client);
        return;
    }
    s->client = client;
    if (apm_tcp_client_get_stream(client, &s->stream) ||
        apm_stream_begin_read(s->stream, s->buffer, sizeof s->buffer, on_read, s, NULL)) {
        finish(s);
    }
}

int main(int argc, char **argv)
{
    long clients;
    apm_tcp_listener listener = APM_NULL_HANDLE;
    apm_endpoint local;
    apm_error error;

    if (argc != 2 || !parse_number(argv[1], 1, 1000, &clients)) {
        fprintf(stderr, "usage: tcp_server clients\n");
        return 2;
    }
    if ((error = apm_countdown_event_create((int)clients, &sessions)) ||
        (error = apm_tcp_listener_create_address(apm_ip_address_loopback(), 0, &listener)) ||
        (error = apm_tcp_listener_start(listener)) || (error = apm_tcp_listener_local_endpoint(listener, &local)) ||
        (error = apm_tcp_listener_begin_accept_tcp_client(listener, on_accepted, NULL, NULL))) {
        fprintf(stderr, "tcp_server: %s\n", apm_error_message(error));
        return 1;
    }
    printf("Listening on port %d\n", local.port);
    fflush(stdout);
    error = apm_countdown_event_wait(sessions, APM_TIMEOUT_INFINITE);
    apm_tcp_listener_close(listener);
    apm_countdown_event_close(sessions);
    if (!error) {
        error = apm_cleanup(5000);
    }
    puts("Server done.");
    return error != APM_ERROR_SUCCESS;
}
