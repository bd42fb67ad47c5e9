/*
 * A loop that blocks, on OpenSSL, with its defaults. See tls_server.h.
 */
#include "tls_server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static SSL_CTX *context;

static void check(bool fine, const char *what)
{
    if (fine)
        return;
    fprintf(stderr, "tls_openssl: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

void tls_peer_start(const struct tls_arguments *arguments)
{
    context = SSL_CTX_new(TLS_server_method());
    check(context != NULL, "context");
    check(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1, "version");
    check(SSL_CTX_use_certificate_chain_file(context, arguments->certificate) == 1, "certificate");
    check(SSL_CTX_use_PrivateKey_file(context, arguments->key, SSL_FILETYPE_PEM) == 1, "key");
    check(SSL_CTX_set_session_id_context(context, (const unsigned char *)"bench", 5) == 1, "session context");
}

void tls_peer_serve(int descriptor, unsigned char *buffer)
{
    SSL *ssl = SSL_new(context);
    if (ssl != NULL && SSL_set_fd(ssl, descriptor) == 1 && SSL_accept(ssl) == 1) {
        int size;
        do
            size = SSL_read(ssl, buffer, TLS_BUFFER_BYTES);
        while (size > 0 && SSL_write(ssl, buffer, size) == size);
        SSL_shutdown(ssl);
    }
    ERR_clear_error();
    SSL_free(ssl);
}
