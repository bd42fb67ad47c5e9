/*
 * Tests of TLS: see support_tls.h.
 */
#include "support_tls.h"

#include <stdlib.h>
#include <string.h>

#include "support_certificates.h"

/* -- Certificates and contexts ------------------------------------------------------------------------------------ */

apm_x509_certificate tls_certificate(const char *certificate, const char *key)
{
    apm_x509_certificate created;
    apm_error error = apm_x509_certificate_create(certificate, strlen(certificate), key, key ? strlen(key) : 0, NULL,
                                                  &created);

    if (error == APM_ERROR_NOT_SUPPORTED) {
        SKIP("the library was built without TLS");
    }
    CHECK_SUCCESS(error);
    return created;
}

apm_ssl_context tls_client(apm_ssl_client_authentication_options options)
{
    apm_x509_certificate authority = tls_certificate(authority_certificate, NULL);
    apm_ssl_context context;

    options.certificate_chain_policy.custom_trust_store = authority;
    CHECK_SUCCESS(apm_ssl_context_create_client(&options, &context));
    CHECK_SUCCESS(apm_x509_certificate_close(authority));
    return context;
}

apm_ssl_context tls_server(apm_ssl_server_authentication_options options)
{
    apm_x509_certificate authority = tls_certificate(authority_certificate, NULL);
    apm_x509_certificate own = tls_certificate(server_certificate, server_key);
    apm_ssl_context context;

    options.certificate_chain_policy.custom_trust_store = authority;
    if (apm_x509_certificate_is_null(options.server_certificate)) {
        options.server_certificate = own;
    }
    CHECK_SUCCESS(apm_ssl_context_create_server(&options, &context));
    CHECK_SUCCESS(apm_x509_certificate_close(own));
    CHECK_SUCCESS(apm_x509_certificate_close(authority));
    return context;
}

apm_ssl_context tls_plain_client(void)
{
    return tls_client((apm_ssl_client_authentication_options){0});
}

apm_ssl_context tls_plain_server(void)
{
    return tls_server((apm_ssl_server_authentication_options){0});
}

/* -- In memory ----------------------------------------------------------------------------------------------------- */

/* Two queues of bytes; each end reads from one and writes to the other. */
struct duplex {
    pthread_mutex_t mutex;

    /* guarded by mutex */
    struct {
        uint8_t *bytes; /* those that end has to read */
        size_t count;
        bool ended;
        apm_async_result read; /* pending at that end */
        uint8_t *buffer;
        size_t size;
    } ends[2];
    int open;
};

struct duplex_end {
    struct duplex *duplex;
    int index;
};

/* Completes the read that is pending at an end, if it has something. The mutex is held, and released. */
static void serve_and_unlock(struct duplex *duplex, int index)
{
    apm_async_result read = duplex->ends[index].read;
    size_t size = duplex->ends[index].size;

    if (size > duplex->ends[index].count) {
        size = duplex->ends[index].count;
    }
    if (apm_async_result_is_null(read) || (size == 0 && !duplex->ends[index].ended)) {
        pthread_mutex_unlock(&duplex->mutex);
        return;
    }
    if (size > 0) {
        memcpy(duplex->ends[index].buffer, duplex->ends[index].bytes, size);
        memmove(duplex->ends[index].bytes, duplex->ends[index].bytes + size, duplex->ends[index].count - size);
        duplex->ends[index].count -= size;
    }
    duplex->ends[index].read = (apm_async_result)APM_NULL_HANDLE;
    pthread_mutex_unlock(&duplex->mutex);
    CHECK_SUCCESS(apm_stream_complete(read, APM_ERROR_SUCCESS, size));
}

static apm_error begin_read(void *context, void *buffer, size_t size, apm_async_result operation)
{
    struct duplex_end *end = context;

    pthread_mutex_lock(&end->duplex->mutex);
    end->duplex->ends[end->index].read = operation;
    end->duplex->ends[end->index].buffer = buffer;
    end->duplex->ends[end->index].size = size;
    serve_and_unlock(end->duplex, end->index);
    return APM_ERROR_SUCCESS;
}

static apm_error write_bytes(void *context, const void *buffer, size_t size)
{
    struct duplex_end *end = context;
    int peer = !end->index;

    pthread_mutex_lock(&end->duplex->mutex);
    uint8_t *bytes = realloc(end->duplex->ends[peer].bytes, end->duplex->ends[peer].count + size + 1);
    CHECK(bytes != NULL);
    memcpy(bytes + end->duplex->ends[peer].count, buffer, size);
    end->duplex->ends[peer].bytes = bytes;
    end->duplex->ends[peer].count += size;
    serve_and_unlock(end->duplex, peer);
    return APM_ERROR_SUCCESS;
}

static void cancel_read(void *context, apm_async_result operation)
{
    struct duplex_end *end = context;

    pthread_mutex_lock(&end->duplex->mutex);
    bool pending = apm_async_result_equals(end->duplex->ends[end->index].read, operation);
    if (pending) {
        end->duplex->ends[end->index].read = (apm_async_result)APM_NULL_HANDLE;
    }
    pthread_mutex_unlock(&end->duplex->mutex);
    if (pending) {
        CHECK_SUCCESS(apm_stream_complete(operation, APM_ERROR_OPERATION_ABORTED, 0));
    }
}

static void close_end(void *context)
{
    struct duplex_end *end = context;
    struct duplex *duplex = end->duplex;
    int peer = !end->index;

    free(end);
    pthread_mutex_lock(&duplex->mutex);
    bool last = --duplex->open == 0;
    duplex->ends[peer].ended = true;
    serve_and_unlock(duplex, peer);
    if (last) {
        free(duplex->ends[0].bytes);
        free(duplex->ends[1].bytes);
        pthread_mutex_destroy(&duplex->mutex);
        free(duplex);
    }
}

static void connect_in_memory(apm_stream inner[2])
{
    static const apm_stream_methods methods = {
        .begin_read = begin_read, .write = write_bytes, .cancel = cancel_read, .close = close_end};
    static const apm_thread_pool pool = APM_NULL_HANDLE;
    struct duplex *duplex = calloc(1, sizeof *duplex);

    CHECK(duplex != NULL);
    CHECK_EQ(pthread_mutex_init(&duplex->mutex, NULL), 0);
    duplex->open = 2;
    for (int i = 0; i < 2; i++) {
        struct duplex_end *end = calloc(1, sizeof *end);

        CHECK(end != NULL);
        *end = (struct duplex_end){duplex, i};
        CHECK_SUCCESS(apm_stream_create(pool, &methods, end, &inner[i]));
    }
}

/* -- Pairs --------------------------------------------------------------------------------------------------------- */

void tls_connect(enum tls_medium medium, apm_stream inner[2])
{
    if (medium == TLS_IN_MEMORY) {
        connect_in_memory(inner);
        return;
    }
    socket_pair sockets = socket_pair_create();
    CHECK_SUCCESS(apm_network_stream_create(sockets.client, APM_FILE_ACCESS_READ_WRITE, true, &inner[0]));
    CHECK_SUCCESS(apm_network_stream_create(sockets.server, APM_FILE_ACCESS_READ_WRITE, true, &inner[1]));
}

struct tls_pair tls_pair_create(enum tls_medium medium)
{
    struct tls_pair pair;

    tls_connect(medium, pair.inner);
    CHECK_SUCCESS(apm_ssl_stream_create(pair.inner[0], false, &pair.client));
    CHECK_SUCCESS(apm_ssl_stream_create(pair.inner[1], false, &pair.server));
    return pair;
}

void tls_pair_close(struct tls_pair pair)
{
    CHECK_SUCCESS(apm_stream_close(pair.client));
    CHECK_SUCCESS(apm_stream_close(pair.server));
}

void tls_pair_shake_hands(struct tls_pair pair, apm_ssl_context client, const char *host, apm_ssl_context server,
                          apm_error errors[2])
{
    struct operation as_client;
    struct operation as_server;

    CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_client(pair.client, client, host, ON_COMPLETION(&as_client)));
    CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_server(pair.server, server, ON_COMPLETION(&as_server)));
    AWAIT(&as_client);
    AWAIT(&as_server);
    errors[0] = apm_ssl_stream_end_authenticate_as_client(pair.client, as_client.result);
    errors[1] = apm_ssl_stream_end_authenticate_as_server(pair.server, as_server.result);
    if (!apm_ssl_context_is_null(client)) {
        CHECK_SUCCESS(apm_ssl_context_close(client));
    }
    CHECK_SUCCESS(apm_ssl_context_close(server));
}

struct tls_pair tls_pair_open(enum tls_medium medium)
{
    apm_ssl_context client = tls_plain_client();
    apm_ssl_context server = tls_plain_server();
    struct tls_pair pair = tls_pair_create(medium);
    apm_error errors[2];

    tls_pair_shake_hands(pair, client, "test.local", server, errors);
    CHECK_SUCCESS(errors[0]);
    CHECK_SUCCESS(errors[1]);
    return pair;
}

void tls_read_exactly(apm_stream stream, void *buffer, size_t size)
{
    struct operation read;
    size_t done = 0;

    while (done < size) {
        size_t part;

        CHECK_SUCCESS(apm_stream_begin_read(stream, (uint8_t *)buffer + done, size - done, ON_COMPLETION(&read)));
        CHECK_SUCCESS(finish_read(stream, &read, &part));
        CHECK(part > 0);
        done += part;
    }
}

const char *tls_text(apm_error (*property)(apm_stream stream, char *text, size_t capacity, size_t *size),
                     apm_stream stream)
{
    static char text[512];
    size_t size;

    CHECK_SUCCESS(property(stream, text, sizeof text - 1, &size));
    CHECK(size < sizeof text);
    text[size] = '\0';
    return text;
}

const char *tls_subject(apm_x509_certificate certificate)
{
    static char text[512];
    size_t size;

    if (apm_x509_certificate_is_null(certificate)) {
        return "";
    }
    CHECK_SUCCESS(apm_x509_certificate_subject(certificate, 0, text, sizeof text - 1, &size));
    text[size] = '\0';
    CHECK_SUCCESS(apm_x509_certificate_close(certificate));
    return text;
}
