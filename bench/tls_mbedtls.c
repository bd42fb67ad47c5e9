/*
 * The limit that the library's TLS is measured against: a loop that blocks, on raw mbedTLS, whose functions read and
 * write the socket themselves. See tls_server.h.
 */
#include "tls_server.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/version.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <psa/crypto.h>
#endif
#include <stdio.h>
#include <stdlib.h>

enum { TICKET_LIFETIME_S = 43200 };

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context generator;
static mbedtls_x509_crt certificate;
static mbedtls_pk_context key;
static mbedtls_ssl_config config;
static mbedtls_ssl_cache_context cache;
static mbedtls_ssl_ticket_context tickets;

static void check(int code, const char *what)
{
    if (code == 0)
        return;
    fprintf(stderr, "tls_mbedtls: %s: -0x%04x\n", what, (unsigned)-code);
    exit(EXIT_FAILURE);
}

static int parse_key(const char *file)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    return mbedtls_pk_parse_keyfile(&key, file, NULL, mbedtls_ctr_drbg_random, &generator);
#else
    return mbedtls_pk_parse_keyfile(&key, file, NULL);
#endif
}

static int set_version(void)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    mbedtls_ssl_conf_max_tls_version(&config, MBEDTLS_SSL_VERSION_TLS1_2);
    return psa_crypto_init() == PSA_SUCCESS ? 0 : -1;
#else
    return 0; /* there is none above */
#endif
}

void tls_peer_start(const struct tls_arguments *arguments)
{
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&generator);
    mbedtls_x509_crt_init(&certificate);
    mbedtls_pk_init(&key);
    mbedtls_ssl_config_init(&config);
    mbedtls_ssl_cache_init(&cache);
    mbedtls_ssl_ticket_init(&tickets);
    check(mbedtls_ctr_drbg_seed(&generator, mbedtls_entropy_func, &entropy, NULL, 0), "seed");
    check(mbedtls_x509_crt_parse_file(&certificate, arguments->certificate), "certificate");
    check(parse_key(arguments->key), "key");
    check(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                      MBEDTLS_SSL_PRESET_DEFAULT),
          "defaults");
    check(set_version(), "version");
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &generator);
    mbedtls_ssl_conf_session_cache(&config, &cache, mbedtls_ssl_cache_get, mbedtls_ssl_cache_set);
    check(mbedtls_ssl_ticket_setup(&tickets, mbedtls_ctr_drbg_random, &generator, MBEDTLS_CIPHER_AES_256_GCM,
                                   TICKET_LIFETIME_S),
          "tickets");
    mbedtls_ssl_conf_session_tickets_cb(&config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse, &tickets);
    check(mbedtls_ssl_conf_own_cert(&config, &certificate, &key), "own certificate");
}

static int write_all(mbedtls_ssl_context *ssl, const unsigned char *bytes, int size)
{
    while (size > 0) {
        int written = mbedtls_ssl_write(ssl, bytes, (size_t)size);
        if (written <= 0)
            return -1;
        bytes += written;
        size -= written;
    }
    return 0;
}

void tls_peer_serve(int descriptor, unsigned char *buffer)
{
    mbedtls_net_context net = {descriptor};
    mbedtls_ssl_context ssl;
    mbedtls_ssl_init(&ssl);
    if (mbedtls_ssl_setup(&ssl, &config) == 0) {
        mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
        if (mbedtls_ssl_handshake(&ssl) == 0) {
            int size;
            do
                size = mbedtls_ssl_read(&ssl, buffer, TLS_BUFFER_BYTES);
            while (size > 0 && write_all(&ssl, buffer, size) == 0);
            mbedtls_ssl_close_notify(&ssl);
        }
    }
    mbedtls_ssl_free(&ssl);
}
