/*
 * A server of lines that ends well: line_server port limit_ms
 *
 * Each line is answered by its number in the connection and itself: "1: hello". On SIGINT or SIGTERM the server takes
 * no further connections and drains those it has: a line that has begun is still read and answered, and a connection
 * between two lines is closed. After `limit_ms` milliseconds the rest is closed.
 *
 * Sockets are serialised, so a session needs no lock, although it has a receive and sends pending at once.
 */
#include <apm/apm.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "example.h"

enum { BUFFER_SIZE = 1024, LINE_LIMIT = 65536, CLEANUP_TIMEOUT_MS = 5000 };

/* Touched by the callbacks of its socket only, of which one runs at a time. */
typedef struct session {
    apm_socket socket;
    char buffer[BUFFER_SIZE];
    text_buffer line; /* what has come of the next line */
    unsigned lines;
    unsigned answers; /* that are being sent */
    bool is_ending;   /* no receive is pending, and none will be begun */
} session;

typedef struct answer {
    session *session;
    text_buffer text;
} answer;

static void on_received(apm_async_result result);

static void end_if_done(session *s)
{
    if (s->is_ending && s->answers == 0) {
        apm_socket_close(s->socket);
        text_buffer_free(&s->line);
        free(s);
    }
}

static void on_sent(apm_async_result result)
{
    answer *a = apm_async_result_async_state(result);
    session *s = a->session;

    if (apm_socket_end_send(s->socket, result, NULL) != APM_ERROR_SUCCESS) {
        apm_socket_close(s->socket); /* the other callbacks come, with errors */
    }
    text_buffer_free(&a->text);
    free(a);
    s->answers--;
    end_if_done(s);
}

/* Answers the line; false if it cannot. */
static bool send_answer(session *s)
{
    char number[16];
    answer *a = calloc(1, sizeof *a);

    if (a == NULL) {
        return false;
    }
    a->session = s;
    snprintf(number, sizeof number, "%u: ", ++s->lines);
    if (!text_buffer_append(&a->text, number, strlen(number)) ||
        !text_buffer_append(&a->text, s->line.bytes, s->line.size) ||
        apm_socket_begin_send(s->socket, a->text.bytes, a->text.size, APM_SOCKET_FLAGS_NONE, on_sent, a, NULL) !=
            APM_ERROR_SUCCESS) {
        text_buffer_free(&a->text);
        free(a);
        return false;
    }
    s->answers++;
    s->line.size = 0;
    return true;
}

/* Takes in what was received, and answers the lines that are whole. */
static bool take(session *s, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (s->line.size == LINE_LIMIT || !text_buffer_append(&s->line, &bytes[i], 1) ||
            (bytes[i] == '\n' && !send_answer(s))) {
            return false;
        }
    }
    return true;
}

static void receive_more(session *s)
{
    s->is_ending = apm_socket_begin_receive(s->socket, s->buffer, BUFFER_SIZE, APM_SOCKET_FLAGS_NONE, on_received, s,
                                            NULL) != APM_ERROR_SUCCESS;
    end_if_done(s);
}

static void on_received(apm_async_result result)
{
    session *s = apm_async_result_async_state(result);
    size_t size;
    apm_error error = apm_socket_end_receive(s->socket, result, &size);
    bool goes_on = error == APM_ERROR_SUCCESS ? size > 0 && take(s, s->buffer, size) : error == APM_ERROR_DISCONNECTING;

    /* While the server drains, the end of a line is the end of the connection. */
    if (goes_on && (s->line.size > 0 || !apm_socket_is_draining(s->socket))) {
        receive_more(s);
        return;
    }
    s->is_ending = true;
    end_if_done(s);
}

/* Also takes what is in the backlog when a drain begins, and ends when that is empty. */
static void on_accepted(apm_async_result result)
{
    apm_socket listener = apm_async_result_socket(result);
    session *s = calloc(1, sizeof *s);
    apm_socket accepted;
    apm_error error = apm_socket_end_accept(listener, result, &accepted);

    if (error == APM_ERROR_SUCCESS && s != NULL) {
        s->socket = accepted;
        receive_more(s);
    } else {
        if (error == APM_ERROR_SUCCESS) {
            apm_socket_close(accepted);
        }
        free(s);
    }
    if (error != APM_ERROR_OPERATION_ABORTED) {
        error = apm_socket_begin_accept(listener, on_accepted, NULL, NULL);
        if (error != APM_ERROR_SUCCESS && !apm_socket_is_draining(listener)) {
            fprintf(stderr, "line_server: accept: %s\n", apm_error_message(error));
        }
    }
}

static apm_error start(int port, apm_socket *listener)
{
    apm_endpoint local;
    apm_error error;

    if ((error = apm_endpoint_create(apm_ip_address_loopback(), port, &local)) ||
        (error = apm_socket_create(local.address.family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, listener)) ||
        (error = apm_socket_set_serialised(*listener, true)) || /* and so what it accepts */
        (error = apm_socket_bind(*listener, local)) || (error = apm_socket_listen(*listener, -1)) ||
        (error = apm_socket_local_endpoint(*listener, &local)) ||
        (error = apm_socket_begin_accept(*listener, on_accepted, NULL, NULL))) {
        return error;
    }
    printf("Listening on port %d\n", local.port);
    return APM_ERROR_SUCCESS;
}

int main(int argc, char **argv)
{
    apm_socket listener = APM_NULL_HANDLE;
    sigset_t signals;
    long port;
    long limit_ms;
    size_t closed;
    int number;
    apm_error error;

    if (argc != 3 || !parse_number(argv[1], APM_ENDPOINT_MIN_PORT, APM_ENDPOINT_MAX_PORT, &port) ||
        !parse_number(argv[2], 0, 1000000, &limit_ms)) {
        fprintf(stderr, "usage: line_server port limit_ms\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* Blocked before any other thread exists, so that they stay pending until the main thread takes them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    error = start((int)port, &listener);
    if (error == APM_ERROR_SUCCESS) {
        sigwait(&signals, &number);
        printf("Draining\n");
        error = apm_socket_drain(listener, (int)limit_ms, &closed);
        printf("Closed %zu connections\n", closed);
        if (error == APM_ERROR_TIMED_OUT) {
            error = APM_ERROR_SUCCESS; /* said already */
        }
    }
    apm_socket_close(listener);
    if (error != APM_ERROR_SUCCESS) {
        fprintf(stderr, "line_server: %s\n", apm_error_message(error));
    }
    return apm_cleanup(CLEANUP_TIMEOUT_MS) || error;
}
