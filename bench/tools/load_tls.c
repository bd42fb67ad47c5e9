/*
 * Owns the context of apm-load's connections over TLS, their handshakes, and the queue of what each of them writes.
 *
 * The context is immutable after tls_init. Nothing here takes the lock of a connection; `lock` below is a leaf.
 */
#include "load_tls.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "load_figures.h"
#include "tls_files.h"

/* What a record holds at most: gathering more would save nothing. */
#define RECORD_BYTES 16384u

#define TEXT_BYTES 256

static apm_ssl_context context;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static char agreement[TEXT_BYTES];                       /* written once */
static bool has_complained;

/* -- The context -------------------------------------------------------------------------------------------------- */

static bool accept_any(apm_stream sender, apm_x509_certificate certificate, apm_x509_chain_status_flags chain_status,
                       apm_ssl_policy_errors errors, void *state)
{
    (void)sender, (void)certificate, (void)chain_status, (void)errors, (void)state;
    return true;
}

void tls_init(void)
{
    static const char *const http[] = {"http/1.1"};
    const struct load_options *options = &load.options;
    apm_ssl_client_authentication_options client = {.forbid_tls_resume = options->no_resumption};

    if (options->is_insecure)
        client.remote_certificate_validation_callback = accept_any;
    if (options->kind == LOAD_HTTP) {
        client.application_protocols = http;
        client.application_protocols_count = 1;
    }
    if (options->ca_file != NULL)
        client.certificate_chain_policy.custom_trust_store = tls_read_certificate(options->ca_file);
    tls_check(apm_ssl_context_create_client(&client, &context), "TLS");
    if (options->ca_file != NULL)
        apm_x509_certificate_close(client.certificate_chain_policy.custom_trust_store);
}

struct tls *tls_create(void)
{
    struct tls *tls = load_allocate(1, sizeof *tls);

    tls->record = load_allocate(1, RECORD_BYTES);
    return tls;
}

/* -- Handshakes --------------------------------------------------------------------------------------------------- */

void tls_start(struct tls *tls)
{
    tls->stream = (apm_stream)APM_NULL_HANDLE;
    tls->is_handshaking = false;
    tls->writing = tls->first = tls->count = 0;
}

apm_error tls_begin_handshake(struct tls *tls, apm_socket socket, apm_async_callback *callback, void *state)
{
    apm_stream inner;
    apm_error error = apm_network_stream_create(socket, APM_FILE_ACCESS_READ_WRITE, true, &inner);

    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm_ssl_stream_create(inner, false, &tls->stream);
    if (error != APM_ERROR_SUCCESS) {
        apm_stream_close(inner);
        return error;
    }
    error = apm_ssl_stream_begin_authenticate_as_client(tls->stream, context, load.options.server_name, callback, state,
                                                        NULL);
    tls->is_handshaking = error == APM_ERROR_SUCCESS;
    return error;
}

static void note_agreement(apm_stream stream)
{
    char suite[TEXT_BYTES - 16];
    size_t size;
    apm_ssl_protocols protocol;

    if (apm_ssl_stream_ssl_protocol(stream, &protocol) != APM_ERROR_SUCCESS ||
        apm_ssl_stream_negotiated_cipher_suite_name(stream, suite, sizeof suite, &size) != APM_ERROR_SUCCESS)
        return;
    size = size < sizeof suite ? size : sizeof suite;
    pthread_mutex_lock(&lock);
    if (agreement[0] == '\0')
        snprintf(agreement, sizeof agreement, "TLS %s, %.*s", protocol == APM_SSL_PROTOCOLS_TLS13 ? "1.3" : "1.2",
                 (int)size, suite);
    pthread_mutex_unlock(&lock);
}

/* It was written before the run began, since at least one connection was open then. */
const char *tls_agreement(void)
{
    return agreement;
}

/* What is wrong with the certificate, by .NET's name; NULL if it is not that. */
static const char *certificate_error(apm_stream stream)
{
    static const struct {
        apm_x509_chain_status_flags flag;
        const char *name;
    } names[] = {
        {APM_X509_CHAIN_STATUS_FLAGS_REVOKED, "Revoked"},
        {APM_X509_CHAIN_STATUS_FLAGS_NOT_TIME_VALID, "NotTimeValid"},
        {APM_X509_CHAIN_STATUS_FLAGS_NOT_SIGNATURE_VALID, "NotSignatureValid"},
        {APM_X509_CHAIN_STATUS_FLAGS_NOT_VALID_FOR_USAGE, "NotValidForUsage"},
        {APM_X509_CHAIN_STATUS_FLAGS_HAS_WEAK_SIGNATURE, "HasWeakSignature"},
        {APM_X509_CHAIN_STATUS_FLAGS_UNTRUSTED_ROOT, "UntrustedRoot"},
        {APM_X509_CHAIN_STATUS_FLAGS_PARTIAL_CHAIN, "PartialChain"},
    };
    apm_ssl_policy_errors errors;
    apm_x509_chain_status_flags status;

    if (load.options.is_insecure || apm_ssl_stream_policy_errors(stream, &errors, &status) != APM_ERROR_SUCCESS)
        return NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((status & names[i].flag) != 0)
            return names[i].name;
    if ((errors & APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NAME_MISMATCH) != 0)
        return "RemoteCertificateNameMismatch";
    return errors != APM_SSL_POLICY_ERRORS_NONE ? "RemoteCertificateChainErrors" : NULL;
}

static const char *advice(const char *name)
{
    if (strcmp(name, "UntrustedRoot") == 0 || strcmp(name, "PartialChain") == 0)
        return "; --ca FILE names whom to trust, --insecure trusts anybody";
    if (strcmp(name, "RemoteCertificateNameMismatch") == 0)
        return "; --server-name NAME says whom it should be of";
    return "";
}

/* Says in words what the first handshake failed with; the others are only counted. */
static void complain(apm_stream stream, const char *name, uint32_t connection)
{
    char text[TEXT_BYTES];
    size_t size;
    bool is_first;

    if (apm_ssl_stream_error_text(stream, text, sizeof text, &size) != APM_ERROR_SUCCESS || size == 0)
        return;
    pthread_mutex_lock(&lock);
    is_first = !has_complained;
    has_complained = true;
    pthread_mutex_unlock(&lock);
    if (is_first)
        fprintf(stderr, "apm-load: connection %u: TLS: %.*s%s\n", connection,
                (int)(size < sizeof text ? size : sizeof text), text, advice(name));
}

const char *tls_finish_handshake(struct tls *tls, apm_error error, uint32_t connection)
{
    const char *name;

    tls->is_handshaking = false;
    if (error == APM_ERROR_SUCCESS) {
        figures_add_handshake(apm_ssl_stream_is_resumed(tls->stream));
        if (!atomic_load_explicit(&load.is_running, memory_order_relaxed))
            note_agreement(tls->stream);
        return NULL;
    }
    name = error == APM_ERROR_AUTHENTICATION ? certificate_error(tls->stream) : NULL;
    if (name == NULL)
        name = apm_error_name(error);
    complain(tls->stream, name, connection);
    return name;
}

/* -- Writing ------------------------------------------------------------------------------------------------------ */

void tls_queue(struct tls *tls, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    if (tls->first + tls->count == tls->capacity) {
        if (tls->first > tls->count) {
            memcpy(tls->queue, tls->queue + tls->first, tls->count * sizeof *tls->queue);
        } else {
            size_t capacity = tls->capacity < 8 ? 8 : 2 * tls->capacity;
            apm_array_segment *larger = load_allocate(capacity, sizeof *larger);
            if (tls->count > 0)
                memcpy(larger, tls->queue + tls->first, tls->count * sizeof *larger);
            free(tls->queue);
            tls->queue = larger;
            tls->capacity = capacity;
        }
        tls->first = 0;
    }
    /* A segment is of a buffer that may also be received into, so it does not say const. */
    tls->queue[tls->first + tls->count++] = (apm_array_segment){.buffer = (void *)(uintptr_t)bytes, .size = size};
}

/* Takes the next bytes to write out of the queue: one large piece, or several small ones. */
static size_t take(struct tls *tls, const void **bytes)
{
    size_t gathered = 0;

    if (tls->count == 1 || tls->queue[tls->first].size >= RECORD_BYTES) {
        *bytes = tls->queue[tls->first].buffer;
        tls->count--;
        return tls->queue[tls->first++].size;
    }
    while (tls->count > 0 && gathered < RECORD_BYTES) {
        apm_array_segment *piece = &tls->queue[tls->first];
        size_t part = piece->size < RECORD_BYTES - gathered ? piece->size : RECORD_BYTES - gathered;
        memcpy(tls->record + gathered, piece->buffer, part);
        gathered += part;
        piece->buffer = (char *)piece->buffer + part;
        piece->size -= part;
        if (piece->size == 0) {
            tls->first++;
            tls->count--;
        }
    }
    *bytes = tls->record;
    return gathered;
}

apm_error tls_begin_write(struct tls *tls, apm_async_callback *callback, void *state, bool *has_begun)
{
    const void *bytes;
    apm_error error;

    *has_begun = false;
    if (tls->writing > 0 || tls->count == 0)
        return APM_ERROR_SUCCESS;
    tls->writing = take(tls, &bytes);
    if (tls->count == 0)
        tls->first = 0;
    error = apm_stream_begin_write(tls->stream, bytes, tls->writing, callback, state, NULL);
    *has_begun = error == APM_ERROR_SUCCESS;
    return error;
}

/* -- The end ------------------------------------------------------------------------------------------------------ */

bool tls_close(struct tls *tls)
{
    if (apm_stream_is_null(tls->stream))
        return false;
    apm_stream_close(tls->stream);
    return true;
}
