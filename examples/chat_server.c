/*
 * A line-based chat server, in which the callbacks of many sockets share state: chat_server port
 *
 * Whoever connects (nc 127.0.0.1 port) is in the room. A line goes to everybody, its author included. Commands:
 * /nick name, /who, /quit. SIGINT and SIGTERM say goodbye to all, and end the program when all is delivered.
 *
 * One mutex guards the room and all clients. Begins are called with it held: that is safe, because a callback never
 * runs inside Begin. It also makes the order of lines the same for everybody.
 *
 * A client has two chains of operations: receives, one at a time from its arrival to its end, and sends, one at a time
 * while there is something to say. Each counts in `chains`; the one that ends last closes the socket and frees the
 * client. So what was queued is delivered first, also to a client that has ended its own stream.
 *
 * Nobody can make the server grow: who falls OUTPUT_LIMIT behind is dropped, and a send that takes SEND_TIMEOUT_MS is
 * cut short by its deadline.
 */
#define _POSIX_C_SOURCE 200809L

#include <apm/apm.h>

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "example.h"

enum {
    LINE_LIMIT = 1024,        /* bytes of a line; what is longer becomes several */
    NAME_SIZE = 24,           /* with the terminating zero */
    OUTPUT_LIMIT = 64 * 1024, /* bytes that wait for a client, beside those that are being sent */
    SEND_TIMEOUT_MS = 30000,
    ACCEPT_RETRY_S = 1,
    CLEANUP_TIMEOUT_MS = 5000
};

/* Guarded by `lock`, but for `input`, and for the bytes of `sending` while a send is under way. */
typedef struct client {
    apm_socket socket;
    struct client *next;
    struct client **link; /* what points to this client; NULL when it has left the room */
    int chains;           /* of receives, and of sends if `sending.size` is not 0; freed at 0 */
    bool is_dropped;      /* its socket is closed; nothing is said to it any more */
    char name[NAME_SIZE];
    text_buffer queued;       /* to be sent when `sending` has gone */
    text_buffer sending;      /* what the pending send sends; empty if there is none */
    apm_async_result receive; /* the pending receive, to be cancelled when the server closes */
    size_t input_size;
    char input[LINE_LIMIT]; /* the receive chain's own: the beginning of a line, then what a receive adds */
} client;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_gone = PTHREAD_COND_INITIALIZER;

/* Guarded by `lock`. */
static apm_socket listener;
static bool is_accepting;
static bool is_closing;
static client *room;    /* those present */
static unsigned alive;  /* clients not freed yet; it may be more than are present */
static unsigned guests; /* numbers given out */

static void on_accepted(apm_async_result result);
static void on_received(apm_async_result result);
static void on_sent(apm_async_result result);

/* -- Clients ----------------------------------------------------------------------------------------------------- */

/* Ends what a client has pending; its chains then end by themselves. */
static void drop_locked(client *c)
{
    c->is_dropped = true;
    c->queued.size = 0;
    apm_socket_close(c->socket);
}

/* One of the client's chains has ended. The last one has delivered everything, and frees the client. */
static void release_locked(client *c)
{
    if (--c->chains > 0) {
        return;
    }
    apm_socket_close(c->socket);
    text_buffer_free(&c->queued);
    text_buffer_free(&c->sending);
    free(c);
    if (--alive == 0) {
        pthread_cond_signal(&all_gone);
    }
}

/* Starts the chain of sends, or its next link. Needs `sending` empty. */
static void send_queued_locked(client *c)
{
    text_buffer empty = c->sending;
    apm_async_result result;

    c->sending = c->queued;
    c->queued = empty;
    if (apm_socket_begin_send(c->socket, c->sending.bytes, c->sending.size, APM_SOCKET_FLAGS_NONE, on_sent, c,
                              &result) != APM_ERROR_SUCCESS) {
        c->sending.size = 0;
        drop_locked(c);
        return;
    }
    c->chains++;
    /* The result cannot have been ended yet: on_sent does that with the lock held. */
    if (apm_async_result_cancel_after(result, SEND_TIMEOUT_MS) != APM_ERROR_SUCCESS) {
        drop_locked(c);
    }
}

static void say_text_locked(client *c, const char *text)
{
    size_t size = strlen(text);

    if (c->is_dropped) {
        return;
    }
    if (c->queued.size + size > OUTPUT_LIMIT || !text_buffer_append(&c->queued, text, size)) {
        drop_locked(c);
    } else if (c->sending.size == 0) {
        send_queued_locked(c);
    }
}

/* Says a line to one client, or with `only` NULL to everybody in the room. */
__attribute__((format(printf, 2, 3))) static void say_locked(client *only, const char *format, ...)
{
    char text[LINE_LIMIT + 2 * NAME_SIZE + 64];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (only != NULL) {
        say_text_locked(only, text);
        return;
    }
    for (client *c = room; c != NULL; c = c->next) {
        say_text_locked(c, text);
    }
}

/* -- The room ---------------------------------------------------------------------------------------------------- */

static bool is_taken_locked(const char *name)
{
    const client *c = room;

    while (c != NULL && strcmp(c->name, name) != 0) {
        c = c->next;
    }
    return c != NULL;
}

static void enter_room_locked(client *c)
{
    do {
        snprintf(c->name, sizeof c->name, "guest%u", ++guests);
    } while (is_taken_locked(c->name));

    c->next = room;
    c->link = &room;
    if (room != NULL) {
        room->link = &c->next;
    }
    room = c;
    say_locked(c, "* you are %s; /nick name, /who, /quit\n", c->name);
    say_locked(NULL, "* %s has come\n", c->name);
}

static void leave_room_locked(client *c)
{
    *c->link = c->next;
    if (c->next != NULL) {
        c->next->link = c->link;
    }
    c->link = NULL;
    if (!is_closing) {
        say_locked(NULL, "* %s has gone\n", c->name);
    }
}

/* -- Lines ------------------------------------------------------------------------------------------------------- */

static void change_name_locked(client *c, const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t size = strlen(name);

    if (size == 0 || size >= NAME_SIZE || strspn(name, allowed) != size) {
        say_locked(c, "* a name is 1 to %d letters, digits, _ and -\n", NAME_SIZE - 1);
    } else if (is_taken_locked(name)) {
        say_locked(c, "* %s is taken\n", name);
    } else {
        say_locked(NULL, "* %s is now %s\n", c->name, name);
        memcpy(c->name, name, size + 1);
    }
}

/* Does what a line asks for; false if that is to leave. The line is not terminated. */
static bool obey_locked(client *c, const char *line, size_t size)
{
    char text[LINE_LIMIT + 1];

    if (size > 0 && line[size - 1] == '\r') {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        /* Other people's terminals obey control characters. UTF-8 has none of these bytes. */
        text[i] = (unsigned char)line[i] < ' ' || line[i] == 127 ? '?' : line[i];
    }
    text[size] = '\0';

    if (strcmp(text, "/quit") == 0) {
        say_locked(c, "* goodbye\n");
        return false;
    }
    if (strncmp(text, "/nick ", 6) == 0) {
        change_name_locked(c, text + 6);
    } else if (strcmp(text, "/who") == 0) {
        for (const client *other = room; other != NULL; other = other->next) {
            say_locked(c, "* %s is here\n", other->name);
        }
    } else if (text[0] == '/') {
        say_locked(c, "* no such command\n");
    } else if (size > 0) {
        say_locked(NULL, "%s: %s\n", c->name, text);
    }
    return true;
}

/* Obeys the lines that `input` holds, and keeps the beginning of the next one; false if the client leaves. */
static bool obey_input_locked(client *c, bool is_end)
{
    size_t start = 0;
    bool stays = true;

    while (stays && start < c->input_size) {
        const char *line = c->input + start;
        const char *end = memchr(line, '\n', c->input_size - start);
        size_t size = end == NULL ? c->input_size - start : (size_t)(end - line);

        if (end == NULL && !is_end && size < LINE_LIMIT) {
            break;
        }
        stays = obey_locked(c, line, size);
        start += end == NULL ? size : size + 1;
    }
    c->input_size -= start;
    memmove(c->input, c->input + start, c->input_size);
    return stays;
}

/* -- Callbacks --------------------------------------------------------------------------------------------------- */

/* Starts the chain of receives, or its next link. */
static bool receive_locked(client *c)
{
    return apm_socket_begin_receive(c->socket, c->input + c->input_size, LINE_LIMIT - c->input_size,
                                    APM_SOCKET_FLAGS_NONE, on_received, c, &c->receive) == APM_ERROR_SUCCESS;
}

static void on_received(apm_async_result result)
{
    client *c = apm_async_result_async_state(result);
    size_t received;
    bool stays;

    pthread_mutex_lock(&lock);
    stays = apm_socket_end_receive(c->socket, result, &received) == APM_ERROR_SUCCESS && !is_closing;
    if (stays) {
        c->input_size += received;
        stays = obey_input_locked(c, received == 0) && received > 0;
    }
    if (!stays || !receive_locked(c)) {
        leave_room_locked(c);
        release_locked(c);
    }
    pthread_mutex_unlock(&lock);
}

static void on_sent(apm_async_result result)
{
    client *c = apm_async_result_async_state(result);
    apm_error error;

    pthread_mutex_lock(&lock);
    error = apm_socket_end_send(c->socket, result, NULL);
    c->sending.size = 0;
    if (error != APM_ERROR_SUCCESS) {
        drop_locked(c);
    } else if (c->queued.size > 0) {
        send_queued_locked(c);
    }
    release_locked(c);
    pthread_mutex_unlock(&lock);
}

static void welcome_locked(apm_socket socket)
{
    client *c = is_closing ? NULL : calloc(1, sizeof *c);

    if (c == NULL) {
        apm_socket_close(socket);
        return;
    }
    alive++;
    c->socket = socket;
    c->chains = 1;
    enter_room_locked(c);
    if (!receive_locked(c)) {
        leave_room_locked(c);
        release_locked(c);
    }
}

/* Begins an accept if none is pending. If that is not possible the main thread tries again later. */
static void accept_locked(void)
{
    if (!is_accepting && !is_closing) {
        is_accepting = apm_socket_begin_accept(listener, on_accepted, NULL, NULL) == APM_ERROR_SUCCESS;
    }
}

static void on_accepted(apm_async_result result)
{
    apm_socket socket;
    apm_error error = apm_socket_end_accept(apm_async_result_socket(result), result, &socket);

    pthread_mutex_lock(&lock);
    is_accepting = false;
    if (error == APM_ERROR_SUCCESS) {
        welcome_locked(socket);
        accept_locked();
    } else if (!is_closing) {
        /* Likely no descriptor is left. The next accept would fail as fast; the main thread begins it in a while. */
        fprintf(stderr, "chat_server: accept: %s\n", apm_error_message(error));
    }
    pthread_mutex_unlock(&lock);
}

/* -- The program ------------------------------------------------------------------------------------------------- */

static apm_error start_listening(int port)
{
    apm_endpoint local;
    apm_error error = apm_endpoint_create(apm_ip_address_loopback(), port, &local);

    if (error == APM_ERROR_SUCCESS) {
        error = apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                                  &listener);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = apm_socket_bind(listener, local);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = apm_socket_listen(listener, -1);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = apm_socket_local_endpoint(listener, &local);
    }
    if (error == APM_ERROR_SUCCESS) {
        printf("Listening on port %d\n", local.port);
    }
    return error;
}

/* Accepts until one of the signals comes, which all threads must have blocked. */
static void serve(const sigset_t *signals)
{
    const struct timespec retry = {.tv_sec = ACCEPT_RETRY_S};

    do {
        pthread_mutex_lock(&lock);
        accept_locked();
        pthread_mutex_unlock(&lock);
    } while (sigtimedwait(signals, NULL, &retry) < 0);
}

/* Says goodbye, ends the receives, and waits until every client has got what was queued for it, or was dropped. */
static void close_room(void)
{
    pthread_mutex_lock(&lock);
    is_closing = true;
    apm_socket_close(listener);
    say_locked(NULL, "* the server closes\n");
    for (client *c = room; c != NULL; c = c->next) {
        apm_async_result_cancel(c->receive);
    }
    while (alive > 0) {
        pthread_cond_wait(&all_gone, &lock);
    }
    pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv)
{
    sigset_t signals;
    long port;
    apm_error error;

    if (argc != 2 || !parse_number(argv[1], APM_ENDPOINT_MIN_PORT, APM_ENDPOINT_MAX_PORT, &port)) {
        fprintf(stderr, "usage: chat_server port\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);

    /* Blocked before any other thread exists, so that the signals stay pending until the main thread takes them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    error = start_listening((int)port);
    if (error == APM_ERROR_SUCCESS) {
        serve(&signals);
    }
    close_room();
    if (error == APM_ERROR_SUCCESS) {
        error = apm_cleanup(CLEANUP_TIMEOUT_MS);
    } else if (apm_cleanup(CLEANUP_TIMEOUT_MS) != APM_ERROR_SUCCESS) {
        fprintf(stderr, "chat_server: a callback is still running\n");
    }
    if (error != APM_ERROR_SUCCESS) {
        fprintf(stderr, "chat_server: %s\n", apm_error_message(error));
        return 1;
    }
    return 0;
}
