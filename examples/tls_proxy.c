/*
 * A proxy that ends TLS: tls_proxy [--proxy-protocol] port certificate-file key-file backend_port
 *
 * The files are in PEM. Each connection to `port` shakes hands and is then connected to `backend_port` of this machine,
 * where plain bytes go on. Two copies carry the two directions, each through one buffer: a side that reads slowly stops
 * the other one, and nothing else is held. The end of one direction is passed on while the other goes on: close_notify
 * of the client becomes the end of what the backend reads, and the other way round. A side that is cut off cuts the
 * other one off, by a reset, so that nobody takes a part for the whole.
 *
 * With --proxy-protocol the backend is first told who the client is, by a header of the PROXY protocol, version 2: both
 * addresses, the name that the client asked for, the protocol that ALPN has chosen, and what was agreed on for TLS.
 *
 * On SIGINT or SIGTERM the proxy stops listening, gives the connections that are open five seconds, and says what it
 * has counted.
 */
#define _POSIX_C_SOURCE 200809L

#include <apm/apm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "example.h"

enum {
    BUFFER_SIZE = 16384, /* of a direction */
    HEADER_SIZE = 1024,
    TEXT_SIZE = 256,
    BEGINNING_MS = 10000, /* for the handshake, and for reaching the backend */
    ENDING_MS = 5000,
    ACCEPT_RETRY_NS = 100000000,
    CLEANUP_TIMEOUT_MS = 5000
};

/* Before the copies it is the callback's that runs for it; then that of the two, of which the last one frees it. */
typedef struct connection {
    apm_stream client; /* TLS */
    apm_stream backend;
    apm_socket client_socket;
    apm_socket backend_socket;
    atomic_uint left;     /* directions that go on */
    atomic_bool answered; /* all that the backend has said was written; the client may go as it likes */
    atomic_bool is_cut_off;
    unsigned char header[HEADER_SIZE];
    size_t header_size;
} connection;

static int backend_port;
static bool says_who;
static apm_ssl_context context;
static apm_socket listener;
static apm_manual_reset_event all_gone;
static atomic_bool is_accepting;
static atomic_bool is_ending;

static atomic_size_t open_connections;
static atomic_size_t accepted;
static atomic_size_t handshakes_failed;
static atomic_size_t backend_failed;
static atomic_size_t cut_off_count;

/* -- Ends ---------------------------------------------------------------------------------------------------------- */

static void finish(connection *c)
{
    if (c != NULL) {
        apm_stream_close(c->client); /* says so by close_notify, if the socket under it is still there */
        apm_stream_close(c->backend);
        apm_socket_close(c->backend_socket); /* if it had no stream yet */
    }
    free(c);
    if (atomic_fetch_sub(&open_connections, 1) == 1 && atomic_load(&is_ending)) {
        apm_manual_reset_event_set(all_gone);
    }
}

/* A connection, or what would have been one, has failed before the copies. */
static void give_up(connection *c, atomic_size_t *counter)
{
    atomic_fetch_add(counter, 1);
    finish(c);
}

static void reset(apm_socket socket)
{
    const apm_linger_option at_once = {.enabled = true, .linger_time = 0};

    apm_error error = apm_socket_set_linger_state(socket, at_once);

    (void)error; /* if it is broken already, there is nobody to be told */
    apm_socket_close(socket);
}

/* A direction has failed: both sides see a reset, and the other direction ends, too. */
static void cut_off(connection *c)
{
    if (atomic_exchange(&c->is_cut_off, true)) {
        return;
    }
    atomic_fetch_add(&cut_off_count, 1);
    reset(c->client_socket);
    reset(c->backend_socket);
}

static void leave(connection *c)
{
    if (atomic_fetch_sub(&c->left, 1) == 1) {
        finish(c);
    }
}

/* -- The two directions -------------------------------------------------------------------------------------------- */

static void on_request_copied(apm_async_result result)
{
    connection *c = apm_async_result_async_state(result);
    size_t size;
    apm_error error = apm_stream_end_copy_to(c->client, result, &size);

    if (error == APM_ERROR_SUCCESS) {
        error = apm_socket_shutdown(c->backend_socket, APM_SOCKET_SHUTDOWN_SEND);
    }
    /* Many a client ends without close_notify when it has its answer; then there is nothing that could be lost. */
    if (error != APM_ERROR_SUCCESS && !atomic_load(&c->answered)) {
        cut_off(c);
    }
    leave(c);
}

static void on_told(apm_async_result result)
{
    connection *c = apm_async_result_async_state(result);

    if (apm_ssl_stream_end_shutdown(c->client, result) != APM_ERROR_SUCCESS) {
        cut_off(c);
    }
    leave(c);
}

static void on_answer_copied(apm_async_result result)
{
    connection *c = apm_async_result_async_state(result);
    size_t size;
    apm_error error = apm_stream_end_copy_to(c->backend, result, &size);

    if (error == APM_ERROR_SUCCESS) {
        atomic_store(&c->answered, true);
        error = apm_ssl_stream_begin_shutdown(c->client, on_told, c, NULL);
    }
    if (error != APM_ERROR_SUCCESS) {
        cut_off(c);
        leave(c);
    }
}

static void begin_copies(connection *c)
{
    atomic_store(&c->left, 2);
    if (apm_stream_begin_copy_to(c->client, c->backend, BUFFER_SIZE, on_request_copied, c, NULL) != APM_ERROR_SUCCESS) {
        cut_off(c);
        leave(c);
    }
    if (apm_stream_begin_copy_to(c->backend, c->client, BUFFER_SIZE, on_answer_copied, c, NULL) != APM_ERROR_SUCCESS) {
        cut_off(c);
        leave(c);
    }
}

/* -- The header of the PROXY protocol ------------------------------------------------------------------------------ */

enum {
    PROXY_COMMAND = 0x21, /* version 2, a connection on behalf of somebody */
    PROXY_TCP4 = 0x11,
    PROXY_TCP6 = 0x21,
    PROXY_ALPN = 0x01,
    PROXY_AUTHORITY = 0x02,
    PROXY_SSL = 0x20,
    PROXY_SSL_VERSION = 0x21,
    PROXY_SSL_CIPHER = 0x23,
    PROXY_CLIENT_SSL = 0x01,
    PROXY_LENGTH_AT = 14 /* behind the signature, the command and the family */
};

static void put(connection *c, const void *bytes, size_t size)
{
    memcpy(c->header + c->header_size, bytes, size);
    c->header_size += size;
}

static void put_number(connection *c, size_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        c->header[c->header_size++] = (unsigned char)(number >> 8 * i);
    }
}

/* Writes what the header is long behind `at`, where two bytes are kept for it. */
static void put_length(connection *c, size_t at)
{
    size_t length = c->header_size - at - 2;

    c->header[at] = (unsigned char)(length >> 8);
    c->header[at + 1] = (unsigned char)length;
}

/* A text of the stream, at most TEXT_SIZE bytes, if it is not empty. */
static void put_text(connection *c, int type,
                     apm_error (*property)(apm_stream stream, char *text, size_t capacity, size_t *size))
{
    char text[TEXT_SIZE];
    size_t size;

    if (property(c->client, text, sizeof text, &size) == APM_ERROR_SUCCESS && size > 0 && size <= sizeof text) {
        put_number(c, (size_t)type, 1);
        put_number(c, size, 2);
        put(c, text, size);
    }
}

static void put_tls(connection *c)
{
    apm_ssl_protocols protocol = APM_SSL_PROTOCOLS_NONE;
    size_t at;

    put_text(c, PROXY_ALPN, apm_ssl_stream_negotiated_application_protocol);
    put_text(c, PROXY_AUTHORITY, apm_ssl_stream_target_host_name);
    put_number(c, PROXY_SSL, 1);
    at = c->header_size;
    put_number(c, 0, 2);
    put_number(c, PROXY_CLIENT_SSL, 1);
    put_number(c, 1, 4); /* not 0: no certificate of the client was verified */
    if (apm_ssl_stream_ssl_protocol(c->client, &protocol) == APM_ERROR_SUCCESS) {
        put_number(c, PROXY_SSL_VERSION, 1);
        put_number(c, 7, 2);
        put(c, protocol == APM_SSL_PROTOCOLS_TLS13 ? "TLSv1.3" : "TLSv1.2", 7);
    }
    put_text(c, PROXY_SSL_CIPHER, apm_ssl_stream_negotiated_cipher_suite_name);
    put_length(c, at);
}

static apm_error make_header(connection *c)
{
    static const unsigned char signature[] = "\r\n\r\n\0\r\nQUIT\n";
    apm_endpoint ends[2];
    apm_error error = apm_socket_remote_endpoint(c->client_socket, &ends[0]);

    if (error == APM_ERROR_SUCCESS) {
        error = apm_socket_local_endpoint(c->client_socket, &ends[1]);
    }
    if (error == APM_ERROR_SUCCESS) {
        bool is_four = ends[0].address.family == APM_ADDRESS_FAMILY_INTER_NETWORK;

        put(c, signature, sizeof signature - 1);
        put_number(c, PROXY_COMMAND, 1);
        put_number(c, is_four ? PROXY_TCP4 : PROXY_TCP6, 1);
        put_number(c, 0, 2);
        put(c, ends[0].address.bytes, is_four ? 4 : 16);
        put(c, ends[1].address.bytes, is_four ? 4 : 16);
        put_number(c, (size_t)ends[0].port, 2);
        put_number(c, (size_t)ends[1].port, 2);
        put_tls(c);
        put_length(c, PROXY_LENGTH_AT);
    }
    return error;
}

/* -- Beginning ----------------------------------------------------------------------------------------------------- */

/* Has an operation end in time. It may have ended, and the connection be gone; the handle is then refused. */
static void limit(apm_async_result result)
{
    if (apm_async_result_cancel_after(result, BEGINNING_MS) == APM_ERROR_OUT_OF_MEMORY) {
        apm_async_result_cancel(result);
    }
}

static void on_header_written(apm_async_result result)
{
    connection *c = apm_async_result_async_state(result);

    if (apm_stream_end_write(c->backend, result) == APM_ERROR_SUCCESS) {
        begin_copies(c);
    } else {
        give_up(c, &backend_failed);
    }
}

static void on_connected(apm_async_result result)
{
    connection *c = apm_async_result_async_state(result);
    apm_error error = apm_socket_end_connect(c->backend_socket, result);

    if (error == APM_ERROR_SUCCESS) {
        error = apm_network_stream_create(c->backend_socket, APM_FILE_ACCESS_READ_WRITE, true, &c->backend);
    }
    if (error == APM_ERROR_SUCCESS && !says_who) {
        begin_copies(c);
        return;
    }
    if (error == APM_ERROR_SUCCESS) {
        error = make_header(c);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = apm_stream_begin_write(c->backend, c->header, c->header_size, on_header_written, c, NULL);
    }
    if (error != APM_ERROR_SUCCESS) {
        give_up(c, &backend_failed);
    }
}

static void on_authenticated(apm_async_result result)
{
    connection *c = apm_async_result_async_state(result);
    apm_async_result connect;
    apm_endpoint backend;

    if (apm_ssl_stream_end_authenticate_as_server(c->client, result) != APM_ERROR_SUCCESS) {
        give_up(c, &handshakes_failed);
        return;
    }
    if (apm_endpoint_create(apm_ip_address_loopback(), backend_port, &backend) ||
        apm_socket_create(backend.address.family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &c->backend_socket) ||
        apm_socket_begin_connect(c->backend_socket, backend, on_connected, c, &connect)) {
        give_up(c, &backend_failed);
        return;
    }
    limit(connect);
}

static void serve(apm_socket socket)
{
    connection *c = calloc(1, sizeof *c);
    apm_async_result handshake;
    apm_stream inner;

    atomic_fetch_add(&accepted, 1);
    atomic_fetch_add(&open_connections, 1);
    /* A client that has gone already fails here. */
    if (c == NULL || apm_socket_set_no_delay(socket, true) ||
        apm_network_stream_create(socket, APM_FILE_ACCESS_READ_WRITE, true, &inner)) {
        apm_socket_close(socket);
        give_up(c, &handshakes_failed);
        return;
    }
    if (apm_ssl_stream_create(inner, false, &c->client)) {
        apm_stream_close(inner);
        give_up(c, &handshakes_failed);
        return;
    }
    c->client_socket = socket;
    if (apm_ssl_stream_begin_authenticate_as_server(c->client, context, on_authenticated, c, &handshake)) {
        give_up(c, &handshakes_failed);
        return;
    }
    limit(handshake);
}

static void on_accepted(apm_async_result result);

static void accept_next(void)
{
    atomic_store(&is_accepting, true);
    if (apm_socket_begin_accept(listener, on_accepted, NULL, NULL) != APM_ERROR_SUCCESS) {
        atomic_store(&is_accepting, false);
    }
}

/* If no descriptor is left, the next accept would fail as fast: the main thread begins it in a while. */
static void on_accepted(apm_async_result result)
{
    apm_socket socket;

    if (apm_socket_end_accept(apm_async_result_socket(result), result, &socket) != APM_ERROR_SUCCESS) {
        atomic_store(&is_accepting, false);
        return;
    }
    accept_next();
    serve(socket);
}

/* -- The program --------------------------------------------------------------------------------------------------- */

static apm_error start(int port, const char *certificate, const char *key)
{
    apm_ssl_server_authentication_options options = {0};
    apm_endpoint local;
    apm_error error = apm_x509_certificate_create_file(certificate, key, NULL, &options.server_certificate);

    if (error == APM_ERROR_SUCCESS) {
        error = apm_ssl_context_create_server(&options, &context);
        apm_x509_certificate_close(options.server_certificate); /* the context has it */
    }
    if (error || (error = apm_manual_reset_event_create(false, &all_gone)) ||
        (error = apm_endpoint_create(apm_ip_address_loopback(), port, &local)) ||
        (error = apm_socket_create(local.address.family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &listener)) ||
        (error = apm_socket_bind(listener, local)) || (error = apm_socket_listen(listener, -1)) ||
        (error = apm_socket_local_endpoint(listener, &local))) {
        return error;
    }
    printf("Listening on port %d\n", local.port);
    return APM_ERROR_SUCCESS;
}

/* Accepts until one of the signals comes, then waits for those who are being served. */
static void run(const sigset_t *signals)
{
    const struct timespec retry = {.tv_nsec = ACCEPT_RETRY_NS};

    do {
        if (!atomic_load(&is_accepting)) {
            accept_next();
        }
    } while (sigtimedwait(signals, NULL, &retry) < 0);
    apm_socket_close(listener);
    atomic_store(&is_ending, true);
    if (atomic_load(&open_connections) > 0 &&
        apm_manual_reset_event_wait_one(all_gone, ENDING_MS) == APM_ERROR_WAIT_TIMEOUT) {
        printf("Closed %zu connections\n", atomic_load(&open_connections));
    }
}

int main(int argc, char **argv)
{
    sigset_t signals;
    long port;
    long backend;
    apm_error error;

    says_who = argc > 1 && strcmp(argv[1], "--proxy-protocol") == 0;
    argc -= says_who;
    argv += says_who;
    if (argc != 5 || !parse_number(argv[1], APM_ENDPOINT_MIN_PORT, APM_ENDPOINT_MAX_PORT, &port) ||
        !parse_number(argv[4], 1, APM_ENDPOINT_MAX_PORT, &backend)) {
        fprintf(stderr, "usage: tls_proxy [--proxy-protocol] port certificate-file key-file backend_port\n");
        return 2;
    }
    backend_port = (int)backend;
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* Blocked before any other thread exists, so that they stay pending until the main thread takes them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    error = start((int)port, argv[2], argv[3]);
    if (error == APM_ERROR_SUCCESS) {
        run(&signals);
    } else {
        fprintf(stderr, "tls_proxy: %s\n", apm_error_message(error));
    }
    apm_socket_close(listener);
    apm_ssl_context_close(context);
    apm_manual_reset_event_close(all_gone);
    if (apm_cleanup(CLEANUP_TIMEOUT_MS) != APM_ERROR_SUCCESS) {
        fprintf(stderr, "tls_proxy: a callback is still running\n");
        return 1;
    }
    if (error == APM_ERROR_SUCCESS) {
        printf("Served %zu connections: %zu handshakes failed, %zu found no backend, %zu were cut off\n",
               atomic_load(&accepted), atomic_load(&handshakes_failed), atomic_load(&backend_failed),
               atomic_load(&cut_off_count));
    }
    return error != APM_ERROR_SUCCESS;
}
