/*
 * An asynchronous client in the manner of .NET's guide to asynchronous sockets; its server is async_server.
 *
 *     async_client port [message | #bytes]          "#5000" sends 5000 bytes; "<EOF>" is appended
 *     async_client port --file path output_path     sends a file as it is, and writes the echo to another
 *
 * The main thread begins each step and waits on its event: connect_done, send_done, receive_done. The callbacks end the
 * operations, note what failed, and set the event. Receiving goes on from callback to callback until end of data.
 */
#include <apm/apm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "example.h"

/* What receiving needs from callback to callback: the `state` of its operations. */
typedef struct receive_state {
    apm_socket server;
    char buffer[256];
    text_buffer response;
} receive_state;

/*
 * `failure` is written by a callback before it sets its event, and read after the wait for that event: setting and
 * waiting order the two, so that it needs neither a lock nor to be atomic.
 */
static apm_manual_reset_event connect_done;
static apm_manual_reset_event send_done;
static apm_manual_reset_event receive_done;
static apm_error failure = APM_ERROR_SUCCESS;

static void on_connect(apm_async_result result)
{
    apm_socket client = apm_async_result_socket(result);
    apm_endpoint remote;
    char text[APM_ENDPOINT_TEXT_SIZE];
    apm_error error = apm_socket_end_connect(client, result);

    if (error == APM_ERROR_SUCCESS) {
        error = apm_socket_remote_endpoint(client, &remote);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = apm_endpoint_format(remote, text, sizeof text);
    }
    if (error == APM_ERROR_SUCCESS) {
        printf("Socket connected to %s\n", text);
    }
    failure = error;
    apm_manual_reset_event_set(connect_done);
}

static void on_send(apm_async_result result)
{
    size_t sent;

    failure = apm_socket_end_send(apm_async_result_socket(result), result, &sent);
    if (failure == APM_ERROR_SUCCESS) {
        printf("Sent %zu bytes to server.\n", sent);
    }
    apm_manual_reset_event_set(send_done);
}

static void on_receive(apm_async_result result)
{
    receive_state *state = apm_async_result_async_state(result);
    size_t received;
    apm_error error = apm_socket_end_receive(state->server, result, &received);

    if (error == APM_ERROR_SUCCESS && !text_buffer_append(&state->response, state->buffer, received)) {
        error = APM_ERROR_OUT_OF_MEMORY;
    }
    if (error == APM_ERROR_SUCCESS && received > 0) {
        error = apm_socket_begin_receive(state->server, state->buffer, sizeof state->buffer, APM_SOCKET_FLAGS_NONE,
                                         on_receive, state, NULL);
        if (error == APM_ERROR_SUCCESS) {
            /* The state is the next callback's by now. */
            return;
        }
    }
    /* An error, or 0 bytes: the server has ended the stream, and the response is complete. */
    failure = error;
    apm_manual_reset_event_set(receive_done);
}

/* Waits for a step to be done, and gives how it ended. `begun` is what its Begin returned. */
static apm_error wait_for(apm_error begun, apm_manual_reset_event done)
{
    apm_error error = begun;

    if (error == APM_ERROR_SUCCESS) {
        error = apm_manual_reset_event_wait_one(done, APM_TIMEOUT_INFINITE);
    }
    return error == APM_ERROR_SUCCESS ? failure : error;
}

/* Sends the message and receives the response. With `end_stream` the server is told that way where the message ends. */
static apm_error exchange(apm_socket client, int port, const text_buffer *message, bool end_stream,
                          receive_state *state)
{
    apm_endpoint remote;
    apm_error error = apm_endpoint_create(apm_ip_address_loopback(), port, &remote);

    if (error == APM_ERROR_SUCCESS) {
        error = wait_for(apm_socket_begin_connect(client, remote, on_connect, NULL, NULL), connect_done);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = wait_for(apm_socket_begin_send(client, message->size > 0 ? message->bytes : "", message->size,
                                               APM_SOCKET_FLAGS_NONE, on_send, NULL, NULL),
                         send_done);
    }
    if (error == APM_ERROR_SUCCESS && end_stream) {
        error = apm_socket_shutdown(client, APM_SOCKET_SHUTDOWN_SEND);
    }
    if (error == APM_ERROR_SUCCESS) {
        state->server = client;
        error = wait_for(apm_socket_begin_receive(client, state->buffer, sizeof state->buffer, APM_SOCKET_FLAGS_NONE,
                                                  on_receive, state, NULL),
                         receive_done);
    }
    return error;
}

/* -- The message ------------------------------------------------------------------------------------------------- */

static bool read_file(const char *path, text_buffer *message)
{
    FILE *file = fopen(path, "rb");
    char block[4096];
    size_t size;
    bool done = file != NULL;

    while (done && (size = fread(block, 1, sizeof block, file)) > 0) {
        done = text_buffer_append(message, block, size);
    }
    done = done && !ferror(file);
    if (!done) {
        perror(path);
    }
    if (file != NULL) {
        fclose(file);
    }
    return done;
}

static bool write_file(const char *path, const text_buffer *response)
{
    FILE *file = fopen(path, "wb");
    bool done = file != NULL;

    if (done && response->size > 0) {
        done = fwrite(response->bytes, 1, response->size, file) == response->size;
    }
    /* What was written may fail to reach the disk as late as here. */
    if (file != NULL && fclose(file) != 0) {
        done = false;
    }
    if (!done) {
        perror(path);
    }
    return done;
}

/* Makes the message of the command line: the text as it is, or for "#5000" 5000 times 'x'; then the marker. */
static bool make_message(const char *text, text_buffer *message)
{
    long count = 0;
    bool done = true;

    if (text[0] == '#' && parse_number(text + 1, 0, 1000000000, &count)) {
        while (done && count-- > 0) {
            done = text_buffer_append(message, "x", 1);
        }
    } else {
        done = text_buffer_append(message, text, strlen(text));
    }
    return done && text_buffer_append(message, "<EOF>", 5);
}

/* -- The program ------------------------------------------------------------------------------------------------- */

/* Prints an error as the guide's client does: the name of .NET's exception, with the code of those that have one. */
static void print_error(apm_error error)
{
    if ((int)error >= (int)APM_ERROR_ARGUMENT) {
        printf("%sException\n", apm_error_name(error));
    } else {
        printf("SocketException %s (%d)\n", apm_error_name(error), (int)error);
    }
}

static apm_error run(int port, const text_buffer *message, bool end_stream, receive_state *state)
{
    apm_socket client = APM_NULL_HANDLE;
    apm_error error = apm_manual_reset_event_create(false, &connect_done);

    if (error == APM_ERROR_SUCCESS) {
        error = apm_manual_reset_event_create(false, &send_done);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = apm_manual_reset_event_create(false, &receive_done);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                                  &client);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = exchange(client, port, message, end_stream, state);
    }
    if (error == APM_ERROR_SUCCESS) {
        /* The server has closed already; it may even have reset what we would end. */
        error = apm_socket_shutdown(client, APM_SOCKET_SHUTDOWN_BOTH);
        error = error == APM_ERROR_NOT_CONNECTED ? APM_ERROR_SUCCESS : error;
    }

    apm_socket_close(client);
    apm_manual_reset_event_close(connect_done);
    apm_manual_reset_event_close(send_done);
    apm_manual_reset_event_close(receive_done);
    return error;
}

int main(int argc, char **argv)
{
    static receive_state state;
    text_buffer message = {0};
    char preview[TEXT_PREVIEW_SIZE];
    bool with_file = argc == 5 && strcmp(argv[2], "--file") == 0;
    bool done;
    long port;
    apm_error error;
    apm_error cleanup_error;

    if ((argc != 2 && argc != 3 && !with_file) || !parse_number(argv[1], 1, APM_ENDPOINT_MAX_PORT, &port)) {
        fprintf(stderr, "usage: async_client port [message | #bytes]\n"
                        "       async_client port --file path output_path\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);

    done = with_file ? read_file(argv[3], &message) : make_message(argc > 2 ? argv[2] : "This is a test", &message);
    if (done) {
        error = run((int)port, &message, with_file, &state);
        cleanup_error = apm_cleanup(5000);
        if (cleanup_error != APM_ERROR_SUCCESS) {
            /* A callback is still running: what it uses must not be freed. */
            print_error(cleanup_error);
            return 1;
        }
        if (error == APM_ERROR_SUCCESS) {
            printf("Response received : %s\n", text_buffer_preview(&state.response, preview));
            printf("Response length : %zu\n", state.response.size);
            done = !with_file || write_file(argv[4], &state.response);
        } else {
            print_error(error);
            done = false;
        }
    }

    text_buffer_free(&message);
    text_buffer_free(&state.response);
    return done ? 0 : 1;
}
