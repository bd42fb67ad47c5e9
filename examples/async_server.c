/*
 * An asynchronous echo server in the manner of .NET's guide to asynchronous sockets.
 *
 *     async_server [connections]     serves that many connections; 0 or nothing: until it is killed
 *
 * A message ends with "<EOF>" or with the end of the stream. It is sent back byte for byte, and the connection is
 * closed. The main thread begins an accept and waits on the event `all_done`; everything else happens in callbacks:
 *
 *     on_accept -> on_read -> on_read ... -> on_sent
 *
 * A connection's state belongs to the callback that runs for it. It has one operation under way at a time, so the next
 * callback takes it over the moment the next Begin is called, and nobody needs a lock.
 */
#include <apm/apm.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "example.h"

#define MARKER "<EOF>"
#define MARKER_SIZE (sizeof MARKER - 1)

/* What one connection needs from callback to callback: the `state` of its operations. */
typedef struct connection_state {
    apm_socket peer;
    char buffer[1024];
    text_buffer text;
} connection_state;

/* The main thread may begin the next accept. */
static apm_manual_reset_event all_done;
static _Atomic apm_error accept_error;

/* .NET's CountdownEvent: set when `unfinished` comes to 0. Without a limit it never does. */
static apm_manual_reset_event finished;
static atomic_long unfinished;

static void on_accept(apm_async_result result);
static void on_read(apm_async_result result);
static void on_sent(apm_async_result result);

static void report(const char *what, apm_error error)
{
    printf("%s failed: %s (%d)\n", what, apm_error_name(error), (int)error);
}

static void count_as_finished(void)
{
    if (atomic_fetch_sub(&unfinished, 1) == 1) {
        apm_manual_reset_event_set(finished);
    }
}

/* Closes the connection and frees its state, which no operation uses any more. */
static void finish(connection_state *state)
{
    apm_socket_close(state->peer);
    text_buffer_free(&state->text);
    free(state);
    count_as_finished();
}

/*
 * Waits for more of the message. On success the state is the callback's, which may be running already on another
 * thread and may have freed it: nothing may follow that touches it.
 */
static void receive_more(connection_state *state)
{
    apm_error error = apm_socket_begin_receive(state->peer, state->buffer, sizeof state->buffer, APM_SOCKET_FLAGS_NONE,
                                               on_read, state, NULL);

    if (error != APM_ERROR_SUCCESS) {
        report("Receive", error);
        finish(state);
    }
}

static void on_accept(apm_async_result result)
{
    apm_socket peer;
    apm_error error = apm_socket_end_accept(apm_async_result_socket(result), result, &peer);
    connection_state *state;

    atomic_store(&accept_error, error);
    apm_manual_reset_event_set(all_done);
    if (error != APM_ERROR_SUCCESS) {
        report("Accept", error);
        return;
    }

    state = calloc(1, sizeof *state);
    if (state == NULL) {
        /* Without its state the connection cannot be served, but the others go on. */
        report("Accept", APM_ERROR_OUT_OF_MEMORY);
        apm_socket_close(peer);
        count_as_finished();
        return;
    }
    state->peer = peer;
    receive_more(state);
}

/* Whether the marker is in the text from `start` on. */
static bool contains_marker(const text_buffer *text, size_t start)
{
    const char *at = text->bytes + start;
    size_t left = text->size - start;

    while (left >= MARKER_SIZE) {
        const char *found = memchr(at, MARKER[0], left - MARKER_SIZE + 1);

        if (found == NULL) {
            return false;
        }
        if (memcmp(found, MARKER, MARKER_SIZE) == 0) {
            return true;
        }
        left -= (size_t)(found + 1 - at);
        at = found + 1;
    }
    return false;
}

static void on_read(apm_async_result result)
{
    connection_state *state = apm_async_result_async_state(result);
    size_t before = state->text.size;
    size_t received;
    char preview[TEXT_PREVIEW_SIZE];
    apm_error error = apm_socket_end_receive(state->peer, result, &received);

    if (error == APM_ERROR_SUCCESS && !text_buffer_append(&state->text, state->buffer, received)) {
        error = APM_ERROR_OUT_OF_MEMORY;
    }
    if (error != APM_ERROR_SUCCESS) {
        report("Receive", error);
        finish(state);
        return;
    }

    /*
     * Only what is new is searched, and the last bytes before it, where the marker may have begun: a search of the
     * whole text each time would make a message of some megabytes cost hours.
     */
    if (received > 0 && !contains_marker(&state->text, before < MARKER_SIZE ? 0 : before - (MARKER_SIZE - 1))) {
        receive_more(state);
        return;
    }

    /* One call for both lines, so that those of another thread do not come between. */
    printf("Read %zu bytes from socket.\nData : %s\n", state->text.size, text_buffer_preview(&state->text, preview));
    error = apm_socket_begin_send(state->peer, state->text.size > 0 ? state->text.bytes : state->buffer,
                                  state->text.size, APM_SOCKET_FLAGS_NONE, on_sent, state, NULL);
    if (error != APM_ERROR_SUCCESS) {
        report("Send", error);
        finish(state);
    }
}

static void on_sent(apm_async_result result)
{
    connection_state *state = apm_async_result_async_state(result);
    size_t sent;
    apm_error error = apm_socket_end_send(state->peer, result, &sent);

    if (error == APM_ERROR_SUCCESS) {
        printf("Sent %zu bytes to client.\n", sent);
        error = apm_socket_shutdown(state->peer, APM_SOCKET_SHUTDOWN_BOTH);
    }
    /* A client that has gone already is no concern of ours after its echo. */
    if (error != APM_ERROR_SUCCESS && error != APM_ERROR_NOT_CONNECTED) {
        report("Send", error);
    }
    finish(state);
}

/* Creates the listener on a port of 127.0.0.1 that the system chooses. */
static apm_error start_listening(apm_socket *listener, int *port)
{
    apm_endpoint local;
    apm_error error = apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                                        listener);

    if (error == APM_ERROR_SUCCESS) {
        error = apm_endpoint_create(apm_ip_address_loopback(), 0, &local);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = apm_socket_bind(*listener, local);
    }
    if (error == APM_ERROR_SUCCESS) {
        /* The system's longest queue: a thousand clients may come at once, and are accepted one after another. */
        error = apm_socket_listen(*listener, -1);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = apm_socket_local_endpoint(*listener, &local);
        *port = local.port;
    }
    return error;
}

/* Accepts `limit` connections, or for ever if that is 0. */
static apm_error accept_connections(apm_socket listener, long limit)
{
    apm_error error = APM_ERROR_SUCCESS;
    long accepted = 0;

    while (error == APM_ERROR_SUCCESS && (limit == 0 || accepted < limit)) {
        apm_manual_reset_event_reset(all_done);
        printf("Waiting for a connection...\n");
        error = apm_socket_begin_accept(listener, on_accept, NULL, NULL);
        if (error == APM_ERROR_SUCCESS) {
            error = apm_manual_reset_event_wait_one(all_done, APM_TIMEOUT_INFINITE);
        }
        if (error == APM_ERROR_SUCCESS && atomic_load(&accept_error) == APM_ERROR_SUCCESS) {
            accepted++;
        } else if (error == APM_ERROR_SUCCESS) {
            /* No descriptor is left, most likely. Others will be closed: pause, and do not fill the log meanwhile. */
            error = apm_manual_reset_event_wait_one(finished, 100);
            error = error == APM_ERROR_WAIT_TIMEOUT ? APM_ERROR_SUCCESS : error;
        }
    }
    return error;
}

int main(int argc, char **argv)
{
    apm_socket listener = APM_NULL_HANDLE;
    long limit = 0;
    int port = 0;
    apm_error error;
    apm_error cleanup_error;

    if (argc > 2 || (argc == 2 && !parse_number(argv[1], 0, 1000000000, &limit))) {
        fprintf(stderr, "usage: async_server [connections]\n");
        return 2;
    }
    /* Whoever reads the port from a pipe must not wait until a buffer is full. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    atomic_store(&unfinished, limit);

    error = apm_manual_reset_event_create(false, &all_done);
    if (error == APM_ERROR_SUCCESS) {
        error = apm_manual_reset_event_create(false, &finished);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = start_listening(&listener, &port);
    }
    if (error == APM_ERROR_SUCCESS) {
        printf("Listening on port %d\n", port);
        error = accept_connections(listener, limit);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = apm_manual_reset_event_wait_one(finished, APM_TIMEOUT_INFINITE);
    }

    apm_socket_close(listener);
    apm_manual_reset_event_close(all_done);
    apm_manual_reset_event_close(finished);
    cleanup_error = apm_cleanup(5000);
    error = error == APM_ERROR_SUCCESS ? cleanup_error : error;
    if (error != APM_ERROR_SUCCESS) {
        report("Server", error);
        return 1;
    }
    printf("Server done.\n");
    return 0;
}
