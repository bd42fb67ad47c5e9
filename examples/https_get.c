/*
 * Fetches a page by HTTPS and prints the answer: https_get host port path [file with trusted roots]
 *
 * The server's certificate is verified against the system's trust store, or the roots of the file, and has to be for
 * the host. It reads like .NET's TcpClient and SslStream.
 */
#include <apm/apm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, apm_error error, apm_stream stream)
{
    char text[256];
    size_t size = 0;

    if (apm_ssl_stream_error_text(stream, text, sizeof text, &size)) {
        size = 0;
    }
    fprintf(stderr, "https_get: %s: %s. %.*s\n", what, apm_error_message(error), (int)size, text);
    return 1;
}

static int fetch(apm_stream stream, apm_ssl_context context, const char *host, const char *path)
{
    char buffer[16384];
    size_t size;
    apm_error error = apm_ssl_stream_authenticate_as_client(stream, context, host);

    if (error) {
        return fail("handshake", error, stream);
    }
    int length = snprintf(buffer, sizeof buffer, "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n", path,
                          host);
    if (length < 0 || (size_t)length >= sizeof buffer) {
        return fail("request", APM_ERROR_ARGUMENT, stream);
    }
    if ((error = apm_stream_write(stream, buffer, (size_t)length))) {
        return fail("request", error, stream);
    }
    do {
        if ((error = apm_stream_read(stream, buffer, sizeof buffer, &size))) {
            return fail("answer", error, stream); /* also if it is cut off */
        }
        fwrite(buffer, 1, size, stdout);
    } while (size > 0);
    return 0;
}

int main(int argc, char **argv)
{
    apm_ssl_client_authentication_options options = {0};
    apm_ssl_context context = APM_NULL_HANDLE; /* the system's trust store */
    apm_tcp_client client;
    apm_stream inner;
    apm_stream stream = APM_NULL_HANDLE;
    apm_error error = APM_ERROR_SUCCESS;
    int status = 1;

    if (argc < 4 || argc > 5) {
        fprintf(stderr, "https_get host port path [file with trusted roots]\n");
        return 2;
    }
    if (argc == 5) {
        apm_x509_certificate *roots = &options.certificate_chain_policy.custom_trust_store;

        error = apm_x509_certificate_create_file(argv[4], NULL, NULL, roots);
        if (!error) {
            error = apm_ssl_context_create_client(&options, &context);
            apm_x509_certificate_close(*roots);
        }
    }
    if (error || (error = apm_tcp_client_create_host(argv[1], (int)strtol(argv[2], NULL, 10), &client))) {
        return fail("connect", error, stream);
    }
    if ((error = apm_tcp_client_get_stream(client, &inner)) || (error = apm_ssl_stream_create(inner, false, &stream))) {
        status = fail("stream", error, stream);
    } else {
        status = fetch(stream, context, argv[1], argv[3]);
    }
    apm_stream_close(stream);
    apm_tcp_client_close(client);
    if (argc == 5) {
        apm_ssl_context_close(context);
    }
    return apm_cleanup(5000) || status;
}
