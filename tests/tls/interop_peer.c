/*
 * One end of a connection for tests/tls_interop_test.py, whose other end is a program of another TLS library.
 *
 *     tls_interop_peer client PORT HOST [option...]    connects to this machine and does what the options say
 *     tls_interop_peer server [option...]              says its port, and echoes what comes, one
 *                                                     connection after another
 *
 *     -a FILE   the authorities that are trusted           -v 12|13  that version only
 *     -c FILE   one's own certificate                      -p NAME   a protocol for ALPN; may be repeated
 *     -k FILE   its key                                    -m        a server: clients have to show a certificate
 *     -n COUNT  a client: that many connections, one after another, with one context
 *     -h PATH   a client: asks for it by HTTP first, or with -w puts it there; does not count the head of the answer
 *     -w BYTES  a client: writes so many of the pattern    -r BYTES  a client: and at the same time reads as many
 *     -e BYTES  a server: ends a connection in order after so many
 *
 * For each handshake it prints a line, `ok ...` with what was agreed on or `error ...`; and a client that has read the
 * right bytes, and written its own, `done`. The pattern: byte i of it is i * 7 + i / 251.
 */
#include <apm/apm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_PROTOCOLS = 4, BLOCK_SIZE = 65536 };

static struct {
    const char *authority;
    const char *certificate;
    const char *key;
    const char *path;
    const char *protocols[MOST_PROTOCOLS];
    size_t protocols_count;
    apm_ssl_protocols version;
    bool is_mutual;
    long count;
    size_t to_write;
    size_t to_read;
    size_t to_echo;
} wanted = {.count = 1, .to_echo = SIZE_MAX};

static char *pattern; /* as long as what is written and read */

static void check(const char *what, apm_error error)
{
    if (error != APM_ERROR_SUCCESS) {
        printf("error %s: %s\n", what, apm_error_name(error));
        exit(1);
    }
}

/* -- What the options say ------------------------------------------------------------------------------------------ */

static bool read_option(int option)
{
    switch (option) {
    case 'a': wanted.authority = optarg; break;
    case 'c': wanted.certificate = optarg; break;
    case 'k': wanted.key = optarg; break;
    case 'h': wanted.path = optarg; break;
    case 'm': wanted.is_mutual = true; break;
    case 'n': wanted.count = strtol(optarg, NULL, 10); break;
    case 'w': wanted.to_write = strtoul(optarg, NULL, 10); break;
    case 'r': wanted.to_read = strtoul(optarg, NULL, 10); break;
    case 'e': wanted.to_echo = strtoul(optarg, NULL, 10); break;
    case 'v': wanted.version = strcmp(optarg, "13") == 0 ? APM_SSL_PROTOCOLS_TLS13 : APM_SSL_PROTOCOLS_TLS12; break;
    case 'p':
        if (wanted.protocols_count == MOST_PROTOCOLS) {
            return false;
        }
        wanted.protocols[wanted.protocols_count++] = optarg;
        break;
    default: return false;
    }
    return true;
}

static void make_pattern(void)
{
    size_t size = wanted.to_write > wanted.to_read ? wanted.to_write : wanted.to_read;

    pattern = malloc(size + 1);
    check("memory", pattern ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY);
    for (size_t i = 0; i < size; i++) {
        pattern[i] = (char)(i * 7 + i / 251);
    }
}

static apm_x509_certificate certificate_of(const char *certificate, const char *key)
{
    apm_x509_certificate created = APM_NULL_HANDLE;

    if (certificate) {
        check("certificate", apm_x509_certificate_create_file(certificate, key, NULL, &created));
    }
    return created;
}

static apm_ssl_context make_context(bool is_server)
{
    apm_x509_certificate own = certificate_of(wanted.certificate, wanted.key);
    apm_x509_chain_policy chain = {.custom_trust_store = certificate_of(wanted.authority, NULL)};
    apm_ssl_client_authentication_options client = {.enabled_ssl_protocols = wanted.version,
                                                    .client_certificate = own,
                                                    .certificate_chain_policy = chain,
                                                    .application_protocols = wanted.protocols,
                                                    .application_protocols_count = wanted.protocols_count};
    apm_ssl_server_authentication_options server = {.enabled_ssl_protocols = wanted.version,
                                                    .server_certificate = own,
                                                    .client_certificate_required = wanted.is_mutual,
                                                    .certificate_chain_policy = chain,
                                                    .application_protocols = wanted.protocols,
                                                    .application_protocols_count = wanted.protocols_count};
    apm_ssl_context context;

    check("context", is_server ? apm_ssl_context_create_server(&server, &context)
                               : apm_ssl_context_create_client(&client, &context));
    apm_x509_certificate_close(own);
    apm_x509_certificate_close(chain.custom_trust_store);
    return context;
}

/* -- What is said of a connection ---------------------------------------------------------------------------------- */

static const char *text_of(apm_error (*property)(apm_stream stream, char *text, size_t capacity, size_t *size),
                           apm_stream stream, char text[256])
{
    size_t size = 0;

    if (property(stream, text, 255, &size) != APM_ERROR_SUCCESS) {
        size = 0;
    }
    text[size] = '\0';
    return text;
}

static void say_error(const char *what, apm_error error, apm_stream stream)
{
    char text[256];

    printf("error %s: %s: %s\n", what, apm_error_name(error), text_of(apm_ssl_stream_error_text, stream, text));
}

static void say_agreement(apm_stream stream)
{
    char suite[256];
    char protocol[256];
    char host[256];
    char subject[256] = "";
    size_t size = 0;
    apm_ssl_protocols version;
    apm_x509_certificate peer;

    check("version", apm_ssl_stream_ssl_protocol(stream, &version));
    check("peer", apm_ssl_stream_remote_certificate(stream, &peer));
    if (!apm_x509_certificate_is_null(peer)) {
        check("subject", apm_x509_certificate_subject(peer, 0, subject, sizeof subject - 1, &size));
        subject[size] = '\0';
        apm_x509_certificate_close(peer);
    }
    printf("ok version=%s suite=%s alpn=%s host=%s mutual=%d resumed=%d peer=%s\n",
           version == APM_SSL_PROTOCOLS_TLS13 ? "13" : "12",
           text_of(apm_ssl_stream_negotiated_cipher_suite_name, stream, suite),
           text_of(apm_ssl_stream_negotiated_application_protocol, stream, protocol),
           text_of(apm_ssl_stream_target_host_name, stream, host), apm_ssl_stream_is_mutually_authenticated(stream),
           apm_ssl_stream_is_resumed(stream), subject);
}

/* -- A client ------------------------------------------------------------------------------------------------------ */

/* Reads the head of an answer, which is not looked at, up to and with its empty line. */
static apm_error skip_head(apm_stream stream)
{
    static const char mark[] = "\r\n\r\n";
    apm_error error = APM_ERROR_SUCCESS;

    for (size_t matched = 0; matched < 4 && error == APM_ERROR_SUCCESS;) {
        char byte = 0;
        size_t size;

        error = apm_stream_read(stream, &byte, 1, &size);
        if (error == APM_ERROR_SUCCESS && size == 0) {
            error = APM_ERROR_IO;
        }
        matched = byte == mark[matched] ? matched + 1 : byte == '\r';
    }
    return error;
}

/* Reads what is to come, and the end behind it if the peer says that it has no more. */
static apm_error read_pattern(apm_stream stream)
{
    static char block[BLOCK_SIZE];
    apm_error error = wanted.path ? skip_head(stream) : APM_ERROR_SUCCESS;

    for (size_t done = 0; done < wanted.to_read && error == APM_ERROR_SUCCESS;) {
        size_t most = wanted.to_read - done < BLOCK_SIZE ? wanted.to_read - done : BLOCK_SIZE;
        size_t size;

        error = apm_stream_read(stream, block, most, &size);
        if (error == APM_ERROR_SUCCESS && (size == 0 || memcmp(block, pattern + done, size) != 0)) {
            printf("error after %zu bytes: %s\n", done, size == 0 ? "the end" : "other bytes");
            exit(1);
        }
        done += size;
    }
    return error;
}

static apm_error exchange(apm_stream stream)
{
    apm_async_result write;
    char request[512];
    apm_error error = APM_ERROR_SUCCESS;

    if (wanted.path) {
        int size = snprintf(request, sizeof request, "%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n",
                            wanted.to_write > 0 ? "PUT" : "GET", wanted.path, wanted.to_write);

        error = apm_stream_write(stream, request, (size_t)size);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = apm_stream_begin_write(stream, pattern, wanted.to_write, NULL, NULL, &write);
    }
    if (error == APM_ERROR_SUCCESS) {
        apm_error read = read_pattern(stream);

        error = apm_stream_end_write(stream, write);
        error = read == APM_ERROR_SUCCESS ? error : read;
    }
    return error;
}

static int be_client(int port, const char *host, apm_ssl_context context)
{
    for (long i = 0; i < wanted.count; i++) {
        apm_tcp_client client;
        apm_stream inner;
        apm_stream stream;

        check("connect", apm_tcp_client_create_host("127.0.0.1", port, &client));
        check("stream", apm_tcp_client_get_stream(client, &inner));
        check("stream", apm_ssl_stream_create(inner, false, &stream));
        apm_error error = apm_ssl_stream_authenticate_as_client(stream, context, host);
        if (error != APM_ERROR_SUCCESS) {
            say_error("handshake", error, stream);
            return 1;
        }
        say_agreement(stream);
        error = exchange(stream);
        if (error != APM_ERROR_SUCCESS) {
            say_error("exchange", error, stream);
            return 1;
        }
        printf("done\n");
        apm_stream_close(stream);
        apm_tcp_client_close(client);
    }
    return 0;
}

/* -- A server ------------------------------------------------------------------------------------------------------ */

static void echo(apm_stream stream)
{
    static char block[BLOCK_SIZE];
    size_t done = 0;
    size_t size = 1;
    apm_error error = APM_ERROR_SUCCESS;

    while (error == APM_ERROR_SUCCESS && size > 0 && done < wanted.to_echo) {
        error = apm_stream_read(stream, block, sizeof block, &size);
        if (error == APM_ERROR_SUCCESS) {
            error = apm_stream_write(stream, block, size);
        }
        done += size;
    }
    if (error != APM_ERROR_SUCCESS) {
        say_error("echo", error, stream);
    }
}

static int be_server(apm_ssl_context context)
{
    apm_tcp_listener listener;
    apm_endpoint local;
    apm_socket socket;

    check("address", apm_endpoint_create(apm_ip_address_loopback(), 0, &local));
    check("listener", apm_tcp_listener_create_endpoint(local, &listener));
    check("listen", apm_tcp_listener_start(listener));
    check("port", apm_tcp_listener_local_endpoint(listener, &local));
    printf("Listening on port %d\n", local.port);
    while (apm_tcp_listener_accept_socket(listener, &socket) == APM_ERROR_SUCCESS) {
        apm_stream inner;
        apm_stream stream;

        check("stream", apm_network_stream_create(socket, APM_FILE_ACCESS_READ_WRITE, true, &inner));
        check("stream", apm_ssl_stream_create(inner, false, &stream));
        apm_error error = apm_ssl_stream_authenticate_as_server(stream, context);
        if (error != APM_ERROR_SUCCESS) {
            say_error("handshake", error, stream);
        } else {
            say_agreement(stream);
            echo(stream);
        }
        apm_stream_close(stream);
    }
    return 1;
}

int main(int argc, char **argv)
{
    bool is_server = argc > 1 && strcmp(argv[1], "server") == 0;
    int option;
    int status;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!is_server && (argc < 4 || strcmp(argv[1], "client") != 0)) {
        fprintf(stderr, "usage: tls_interop_peer client PORT HOST | server [option...]\n");
        return 2;
    }
    optind = is_server ? 2 : 4;
    while ((option = getopt(argc, argv, "a:c:k:v:p:n:h:w:r:e:m")) != -1) {
        if (!read_option(option)) {
            return 2;
        }
    }
    make_pattern();
    apm_ssl_context context = make_context(is_server);
    status = is_server ? be_server(context) : be_client((int)strtol(argv[2], NULL, 10), argv[3], context);
    apm_ssl_context_close(context);
    free(pattern);
    return apm_cleanup(5000) || status;
}
