/*
 * Good arguments of what is about TLS: see arguments.h. In a library without TLS there are none.
 */
#include "arguments.h"

#include <string.h>

#include "support_certificates.h"
#include "support_tls.h"

static void close_certificate(uint64_t bits)
{
    (void)apm_x509_certificate_close((apm_x509_certificate){bits});
}

static apm_x509_certificate identity(void)
{
    apm_x509_certificate certificate;
    apm_error error = apm_x509_certificate_create(server_certificate, strlen(server_certificate), server_key,
                                                  strlen(server_key), NULL, &certificate);

    if (error == APM_ERROR_NOT_SUPPORTED) {
        SKIP("the library was built without TLS");
    }
    CHECK_SUCCESS(error);
    arguments_keep(certificate.bits, close_certificate);
    return certificate;
}

const void *arguments_certificate(void)
{
    (void)identity();
    return server_certificate;
}

size_t arguments_certificate_size(void)
{
    return strlen(server_certificate);
}

const apm_ssl_client_authentication_options *arguments_client_options(void)
{
    static apm_ssl_client_authentication_options options;

    options.certificate_chain_policy.custom_trust_store = identity(); /* the system's is large */
    return &options;
}

const apm_ssl_server_authentication_options *arguments_server_options(void)
{
    static apm_ssl_server_authentication_options options;

    options.server_certificate = identity();
    return &options;
}

static void close_stream(uint64_t bits)
{
    (void)apm_stream_close((apm_stream){bits});
}

apm_stream arguments_ssl_stream(void)
{
    (void)identity(); /* or the test is skipped */
    struct tls_pair pair = tls_pair_open(TLS_IN_MEMORY);

    for (int i = 0; i < 2; i++) {
        arguments_keep(pair.inner[i].bits, close_stream);
    }
    arguments_keep(pair.client.bits, close_stream);
    arguments_keep(pair.server.bits, close_stream);
    return pair.client;
}
