/*
 * Inet sockets with TLS: verified unless the handle trusts the site, credentials of both sides, events.
 */
#include <stdlib.h>
#include <unistd.h>

#include "support_certificates.h"
#include "support_inet.h"
#include "support_tls.h"

/* A file with a text in it, in the folder for such; its name is to be freed. */
static char *file_of(const char *text)
{
    char *name = strdup("/tmp/apm-inet-XXXXXX");
    int fd = mkstemp(name);

    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    CHECK_EQ(close(fd), 0);
    return name;
}

struct secure {
    char *certificate;
    char *key;
    SECURITYCREDENTIALSA credentials;
    SOCKET listener;
    apm_event_queue queue;
    struct inet_window window;
};

/* A listener, and a server's credentials; the system trusts the test's authority if `trusted`. */
static void open_secure(struct secure *secure, bool trusted)
{
    apm_x509_certificate probe = tls_certificate(authority_certificate, NULL); /* skips without TLS */

    CHECK_SUCCESS(apm_x509_certificate_close(probe));
    if (trusted) {
        char *authority = file_of(authority_certificate);

        CHECK_EQ(setenv("SSL_CERT_FILE", authority, 1), 0);
        free(authority);
    }
    memset(secure, 0, sizeof *secure);
    inet_open_window(&secure->window);
    secure->certificate = file_of(server_certificate);
    secure->key = file_of(server_key);
    secure->credentials.dwSize = sizeof secure->credentials;
    secure->credentials.lpszCertStore = secure->certificate;
    secure->credentials.lpszCertName = "test.local";
    secure->credentials.lpszKeyFile = secure->key;
    secure->listener = inet_listener();
}

static void close_secure(struct secure *secure)
{
    const char *authority = getenv("SSL_CERT_FILE");

    unlink(secure->certificate);
    unlink(secure->key);
    if (authority && strncmp(authority, "/tmp/apm-inet-", 14) == 0) {
        unlink(authority);
    }
    free(secure->certificate);
    free(secure->key);
    inet_close_window(&secure->window);
}

/* Starts a client with events, accepts it, and waits until the client's connect has ended; its error's low word. */
static int connect_secure(struct secure *secure, const char *host, DWORD options, LPSECURITYCREDENTIALSA credentials,
                          SOCKET *client, SOCKET *server)
{
    secure->window.counts[INET_EVENT_CONNECT] = 0;
    *client = InetAsyncConnectA(host, inet_port(secure->listener), INET_PROTOCOL_TCP, INET_PATIENCE_S,
                                INET_OPTION_SECURE | options, credentials, secure->window.window, INET_MESSAGE);
    CHECK_MADE(*client);
    *server = InetAcceptExA(secure->listener, INET_PATIENCE_S, INET_OPTION_SECURE, &secure->credentials);
    PUMP_UNTIL(secure->window.queue, secure->window.counts[INET_EVENT_CONNECT] == 1);
    return secure->window.errors[INET_EVENT_CONNECT];
}

static void talk(SOCKET client, SOCKET server, struct inet_window *window)
{
    BYTE buffer[16];

    window->counts[INET_EVENT_READ] = 0;
    CHECK_EQ(InetWrite(client, "secret", 6), 6);
    CHECK_EQ(InetRead(server, buffer, sizeof buffer), 6);
    CHECK(memcmp(buffer, "secret", 6) == 0);
    CHECK_EQ(InetWrite(server, "yes", 3), 3);
    PUMP_UNTIL(window->queue, window->counts[INET_EVENT_READ] == 1);
    CHECK_EQ(InetPeek(client, buffer, sizeof buffer), 3);
    CHECK_EQ(InetRead(client, buffer, sizeof buffer), 3);
    CHECK_INET_ERROR(InetRead(client, buffer, sizeof buffer), ST_ERROR_OPERATION_WOULD_BLOCK);
}

INET_TEST(a_secure_connection_to_a_trusted_server_carries_data_and_its_end)
{
    struct secure secure;
    SOCKET client, server;

    open_secure(&secure, true);
    CHECK_EQ(connect_secure(&secure, "localhost", 0, NULL, &client, &server), 0);
    CHECK_MADE(server);
    talk(client, server, &secure.window);
    CHECK_EQ(InetDisconnect(server), 0);
    PUMP_UNTIL(secure.window.queue, secure.window.counts[INET_EVENT_DISCONNECT] == 1);
    CHECK_EQ(secure.window.errors[INET_EVENT_DISCONNECT], 0);
    close_secure(&secure);
}

INET_TEST(a_server_that_is_not_trusted_is_refused_by_default)
{
    struct secure secure;
    SOCKET client, server;

    open_secure(&secure, false);
    CHECK_EQ(connect_secure(&secure, "localhost", 0, NULL, &client, &server), LOWORD(ST_ERROR_INVALID_CERTIFICATE));
    CHECK(!InetIsConnected(client));
    close_secure(&secure);
}

INET_TEST(a_certificate_for_another_name_is_refused_by_default)
{
    struct secure secure;
    SOCKET client, server;
    SECURITYCREDENTIALSA other = {.dwSize = sizeof other, .lpszHostName = "other.local"};

    open_secure(&secure, true);
    CHECK_EQ(connect_secure(&secure, "localhost", 0, &other, &client, &server), LOWORD(ST_ERROR_INVALID_CERTIFICATE));
    other.lpszHostName = "test.local";
    CHECK_EQ(connect_secure(&secure, "localhost", 0, &other, &client, &server), 0);
    close_secure(&secure);
}

INET_TEST(a_trusted_site_is_not_verified_and_the_next_handle_is_again)
{
    struct secure secure;
    SOCKET client, server;

    open_secure(&secure, false);
    CHECK_EQ(connect_secure(&secure, "localhost", INET_OPTION_TRUSTEDSITE, NULL, &client, &server), 0);
    CHECK_MADE(server);
    talk(client, server, &secure.window);
    CHECK_EQ(connect_secure(&secure, "localhost", 0, NULL, &client, &server), LOWORD(ST_ERROR_INVALID_CERTIFICATE));
    close_secure(&secure);
}

INET_TEST(protocols_and_fallback_are_as_asked_for)
{
    struct secure secure;
    SOCKET client, server;
    SECURITYCREDENTIALSA credentials = {.dwSize = sizeof credentials, .dwProtocol = SECURITY_PROTOCOL_TLS12};

    open_secure(&secure, true);
    CHECK_EQ(connect_secure(&secure, "localhost", 0, &credentials, &client, &server), 0);
    CHECK_EQ(connect_secure(&secure, "localhost", INET_OPTION_SECURE_FALLBACK, &credentials, &client, &server), 0);
    talk(client, server, &secure.window);
    credentials.dwProtocol = 0x4; /* TLS 1.0 */
    CHECK_INET_SOCKET(InetConnectA("127.0.0.1", 1, INET_PROTOCOL_TCP, 5, INET_OPTION_SECURE, &credentials),
                      ST_ERROR_OPERATION_NOT_SUPPORTED);
    close_secure(&secure);
}

INET_TEST(credentials_that_are_wrong_are_refused_at_once)
{
    struct secure secure;
    SECURITYCREDENTIALSA credentials;

    open_secure(&secure, true);
    CHECK_INET_SOCKET(InetAcceptExA(secure.listener, 5, INET_OPTION_SECURE, NULL), ST_ERROR_INVALID_CREDENTIALS);
    credentials = secure.credentials;
    credentials.dwSize = 4;
    CHECK_INET_SOCKET(InetConnectA("127.0.0.1", 1, INET_PROTOCOL_TCP, 5, INET_OPTION_SECURE, &credentials),
                      ST_ERROR_INVALID_PARAMETER);
    credentials = secure.credentials;
    credentials.lpszCertStore = "/nonexistent/certificate";
    CHECK_INET_SOCKET(InetConnectA("127.0.0.1", 1, INET_PROTOCOL_TCP, 5, INET_OPTION_SECURE, &credentials),
                      ST_ERROR_FILE_NOT_FOUND);
    credentials = secure.credentials;
    credentials.lpszCertName = "somebody else";
    CHECK_INET_SOCKET(InetConnectA("127.0.0.1", 1, INET_PROTOCOL_TCP, 5, INET_OPTION_SECURE, &credentials),
                      ST_ERROR_INVALID_CREDENTIALS);
    credentials = secure.credentials;
    credentials.lpszKeyFile = NULL;
    CHECK_INET_SOCKET(InetConnectA("127.0.0.1", 1, INET_PROTOCOL_TCP, 5, INET_OPTION_SECURE, &credentials),
                      ST_ERROR_INVALID_CREDENTIALS);
    close_secure(&secure);
}

INET_TEST(a_client_that_has_a_certificate_connects_with_it)
{
    struct secure secure;
    SOCKET client, server;

    open_secure(&secure, true);
    CHECK_EQ(connect_secure(&secure, "localhost", 0, &secure.credentials, &client, &server), 0);
    close_secure(&secure);
}

/* A server of the library's streams, which requires a certificate of its client. */
struct strict_server {
    apm_socket listener;
    int port;
    struct thread thread;
    apm_error outcome;
    bool mutual;
    char subject[128];
};

static void serve_strictly(void *argument)
{
    struct strict_server *server = argument;
    apm_ssl_context context = tls_server((apm_ssl_server_authentication_options){.client_certificate_required = true});
    apm_socket accepted;
    apm_stream inner, stream;
    apm_async_result result;
    apm_x509_certificate certificate;
    uint8_t byte;
    size_t size = 0;

    CHECK_SUCCESS(apm_socket_accept(server->listener, &accepted));
    CHECK_SUCCESS(apm_network_stream_create(accepted, APM_FILE_ACCESS_READ_WRITE, true, &inner));
    CHECK_SUCCESS(apm_ssl_stream_create(inner, false, &stream));
    CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_server(stream, context, NULL, NULL, &result));
    server->outcome = apm_ssl_stream_end_authenticate_as_server(stream, result);
    server->mutual = apm_ssl_stream_is_mutually_authenticated(stream);
    if (server->mutual) {
        CHECK_SUCCESS(apm_ssl_stream_remote_certificate(stream, &certificate));
        CHECK_SUCCESS(apm_x509_certificate_subject(certificate, 0, server->subject, sizeof server->subject, &size));
        CHECK_SUCCESS(apm_x509_certificate_close(certificate));
        CHECK_SUCCESS(apm_stream_read(stream, &byte, 1, &size));
    }
    apm_stream_close(stream);
    apm_ssl_context_close(context);
}

static void start_strict(struct strict_server *server)
{
    apm_endpoint local;

    memset(server, 0, sizeof *server);
    CHECK_SUCCESS(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                                    &server->listener));
    CHECK_SUCCESS(apm_endpoint_create(apm_ip_address_loopback(), 0, &local));
    CHECK_SUCCESS(apm_socket_bind(server->listener, local));
    CHECK_SUCCESS(apm_socket_listen(server->listener, 5));
    CHECK_SUCCESS(apm_socket_local_endpoint(server->listener, &local));
    server->port = local.port;
    thread_start(&server->thread, serve_strictly, server);
}

static void finish_strict(struct strict_server *server)
{
    thread_join(&server->thread);
    CHECK_SUCCESS(apm_socket_close(server->listener));
}

static wchar_t *widen(const char *text)
{
    size_t length = strlen(text);
    wchar_t *wide = calloc(length + 1, sizeof *wide);

    CHECK(wide);
    for (size_t i = 0; i < length; i++) {
        wide[i] = (wchar_t)text[i];
    }
    return wide;
}

INET_TEST(a_server_that_requires_a_certificate_gets_the_one_of_the_credentials_narrow_and_wide)
{
    struct secure secure;
    struct strict_server server;
    char *certificate = file_of(client_certificate), *key = file_of(client_key);
    wchar_t *wide_certificate = widen(certificate), *wide_key = widen(key);
    SECURITYCREDENTIALSA narrow = {.dwSize = sizeof narrow, .lpszCertStore = certificate, .lpszKeyFile = key};
    SECURITYCREDENTIALSW wide = {.dwSize = sizeof wide, .lpszCertStore = wide_certificate, .lpszKeyFile = wide_key};
    SOCKET client;

    open_secure(&secure, true);
    for (int i = 0; i < 2; i++) {
        start_strict(&server);
        client = i == 0 ? InetConnectA("localhost", (UINT)server.port, INET_PROTOCOL_TCP, INET_PATIENCE_S,
                                       INET_OPTION_SECURE, &narrow)
                        : InetConnectW(L"localhost", (UINT)server.port, INET_PROTOCOL_TCP, INET_PATIENCE_S,
                                       INET_OPTION_SECURE, &wide);
        CHECK_MADE(client);
        CHECK_EQ(InetWrite(client, "x", 1), 1);
        finish_strict(&server);
        CHECK_SUCCESS(server.outcome);
        CHECK(server.mutual);
        CHECK(strlen(server.subject) > 0);
        CHECK_EQ(InetDisconnect(client), 0);
    }
    close_secure(&secure);
    unlink(certificate);
    unlink(key);
    free(certificate);
    free(key);
    free(wide_certificate);
    free(wide_key);
}

INET_TEST(a_server_that_requires_a_certificate_refuses_a_client_without_one)
{
    struct secure secure;
    struct strict_server server;
    SECURITYCREDENTIALSA credentials = {.dwSize = sizeof credentials, .dwProtocol = SECURITY_PROTOCOL_TLS12};
    SOCKET client;
    BYTE byte;

    open_secure(&secure, true);
    start_strict(&server);
    client = InetConnectA("localhost", (UINT)server.port, INET_PROTOCOL_TCP, INET_PATIENCE_S, INET_OPTION_SECURE,
                          &credentials);
    /* The server decides when the handshake has come to its end on this side: the connection breaks, or was none. */
    if (client != INVALID_SOCKET) {
        CHECK(InetRead(client, &byte, 1) <= 0);
    }
    finish_strict(&server);
    CHECK_ERROR(server.outcome, APM_ERROR_AUTHENTICATION);
    CHECK(!server.mutual);
    close_secure(&secure);
}

INET_TEST(shutdown_of_a_secure_handle_ends_one_direction_with_events_and_without)
{
    struct secure secure;
    SOCKET client, server;
    BYTE buffer[16];

    open_secure(&secure, true);
    CHECK_EQ(connect_secure(&secure, "localhost", 0, NULL, &client, &server), 0);
    CHECK_MADE(server);
    CHECK_EQ(InetShutdown(client, INET_SHUTDOWN_WRITE), 0); /* with events: it does not wait */
    CHECK_EQ(InetRead(server, buffer, sizeof buffer), 0);
    CHECK_EQ(InetWrite(server, "answer", 6), 6);
    PUMP_UNTIL(secure.window.queue, secure.window.counts[INET_EVENT_READ] == 1);
    CHECK_EQ(InetRead(client, buffer, sizeof buffer), 6);
    CHECK_EQ(InetShutdown(server, INET_SHUTDOWN_WRITE), 0);
    PUMP_UNTIL(secure.window.queue, secure.window.counts[INET_EVENT_DISCONNECT] == 1);
    CHECK_INET_ERROR(InetShutdown(client, 2), ST_ERROR_OPERATION_NOT_SUPPORTED);
    close_secure(&secure);
}

INET_TEST(a_handshake_that_does_not_come_times_out)
{
    struct secure secure;
    SOCKET client;

    open_secure(&secure, true);
    client = InetConnectA("127.0.0.1", inet_port(secure.listener), INET_PROTOCOL_TCP, 1, INET_OPTION_SECURE, NULL);
    CHECK(client == INVALID_SOCKET);
    CHECK_EQ(InetGetLastError(), ST_ERROR_OPERATION_TIMEOUT);
    close_secure(&secure);
}

LIBRARY_TEST_MAIN()
