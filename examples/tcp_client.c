/*
 * The client to tcp_server, of TcpClient and NetworkStream: tcp_client port message...
 *
 * It connects to the host by name, sends each message and prints what comes back.
 */
#include <apm/apm.h>
#include <stdio.h>
#include <string.h>

#include "example.h"

enum { MESSAGE_LIMIT = 4096 };

/* Sends a message, and waits until as much has come back. */
static apm_error exchange(apm_stream stream, const char *message)
{
    char answer[MESSAGE_LIMIT];
    size_t size = strlen(message);
    apm_async_result write;
    apm_async_result read;
    apm_error error;
    apm_error ended;

    if (size > sizeof answer) {
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    }
    error = apm_stream_begin_read_exactly(stream, answer, size, NULL, NULL, &read);
    if (error) {
        return error;
    }
    error = apm_stream_begin_write(stream, message, size, NULL, NULL, &write);
    if (!error) {
        error = apm_stream_end_write(stream, write);
    }
    if (error) {
        apm_async_result_cancel(read); /* `answer` is the library's until the read has ended */
    }
    ended = apm_stream_end_read_exactly(stream, read, NULL);
    if (!error) {
        error = ended;
    }
    if (!error) {
        printf("Received: %.*s\n", (int)size, answer);
    }
    return error;
}

int main(int argc, char **argv)
{
    long port;
    apm_tcp_client client;
    apm_stream stream;
    apm_async_result connect;
    apm_error error;

    if (argc < 3 || !parse_number(argv[1], 1, 65535, &port)) {
        fprintf(stderr, "usage: tcp_client port message...\n");
        return 2;
    }
    error = apm_tcp_client_create(&client);
    if (error) {
        fprintf(stderr, "tcp_client: %s\n", apm_error_message(error));
        return 1;
    }
    error = apm_tcp_client_begin_connect(client, "localhost", (int)port, NULL, NULL, &connect);
    if (!error) {
        error = apm_tcp_client_end_connect(client, connect);
    }
    if (!error) {
        error = apm_tcp_client_get_stream(client, &stream);
    }
    for (int i = 2; i < argc && !error; i++) {
        error = exchange(stream, argv[i]);
    }
    apm_tcp_client_close(client);
    if (error) {
        printf("%s (%d)\n", apm_error_name(error), (int)error);
    }
    return apm_cleanup(5000) || error;
}
