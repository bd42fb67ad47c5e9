/*
 * Streams of TLS over a stream of the program's own that holds its writes back: what has to wait for the inner stream
 * does, and gets its errors.
 */
#include <stdlib.h>
#include <string.h>

#include "support_tls.h"

/* -- A stream that passes everything on, and ends its writes when the test says so --------------------------------- */

struct held_stream {
    apm_stream inner;
    struct latch held_writes; /* writes that have been passed on and wait for the test */
    struct latch closed;
    pthread_mutex_t mutex;

    /* guarded by mutex */
    bool holds;             /* writes that begin from now on wait */
    apm_async_result write; /* the one that waits; null for none */
    apm_async_result read;  /* the one in progress, and the inner stream's that it waits for */
    apm_async_result inner_read;
};

static void on_inner_read(apm_async_result result)
{
    struct held_stream *held = apm_async_result_async_state(result);
    size_t size;
    apm_error error = apm_stream_end_read(held->inner, result, &size);

    pthread_mutex_lock(&held->mutex);
    apm_async_result read = held->read;
    pthread_mutex_unlock(&held->mutex);
    CHECK_SUCCESS(apm_stream_complete(read, error, size));
}

static apm_error begin_read_held(void *context, void *buffer, size_t size, apm_async_result operation)
{
    struct held_stream *held = context;

    pthread_mutex_lock(&held->mutex);
    held->read = operation;
    apm_error error = apm_stream_begin_read(held->inner, buffer, size, on_inner_read, held, &held->inner_read);
    pthread_mutex_unlock(&held->mutex);
    return error;
}

static apm_error begin_write_held(void *context, const void *buffer, size_t size, apm_async_result operation)
{
    struct held_stream *held = context;
    apm_error error = apm_stream_write(held->inner, buffer, size);

    pthread_mutex_lock(&held->mutex);
    bool holds = held->holds && error == APM_ERROR_SUCCESS;
    if (holds) {
        held->write = operation;
    }
    pthread_mutex_unlock(&held->mutex);
    if (!holds) {
        return apm_stream_complete(operation, error, 0);
    }
    latch_add(&held->held_writes, 1);
    return APM_ERROR_SUCCESS;
}

/* Ends the write that waits, if it is that one, or any if `which` is null. */
static bool end_held_write(struct held_stream *held, apm_async_result which, apm_error error)
{
    pthread_mutex_lock(&held->mutex);
    apm_async_result write = held->write;
    bool ends = !apm_async_result_is_null(write) &&
                (apm_async_result_is_null(which) || apm_async_result_equals(write, which));
    if (ends) {
        held->write = (apm_async_result)APM_NULL_HANDLE;
    }
    pthread_mutex_unlock(&held->mutex);
    if (ends) {
        CHECK_SUCCESS(apm_stream_complete(write, error, 0));
    }
    return ends;
}

static void cancel_held(void *context, apm_async_result operation)
{
    struct held_stream *held = context;

    if (end_held_write(held, operation, APM_ERROR_OPERATION_ABORTED)) {
        return;
    }
    pthread_mutex_lock(&held->mutex);
    bool reads = apm_async_result_equals(held->read, operation);
    apm_async_result inner_read = held->inner_read;
    pthread_mutex_unlock(&held->mutex);
    if (reads) {
        apm_error error = apm_async_result_cancel(inner_read);
        (void)error; /* it has completed */
    }
}

static void close_held(void *context)
{
    struct held_stream *held = context;

    CHECK_SUCCESS(apm_stream_close(held->inner));
    latch_add(&held->closed, 1);
}

static void set_holds(struct held_stream *held, bool holds)
{
    pthread_mutex_lock(&held->mutex);
    held->holds = holds;
    pthread_mutex_unlock(&held->mutex);
}

/* Lets the write end that waits, and those that follow. */
static void let_go(struct held_stream *held)
{
    set_holds(held, false);
    CHECK(end_held_write(held, (apm_async_result)APM_NULL_HANDLE, APM_ERROR_SUCCESS));
}

/* A pair that has shaken hands; from now on the client's inner stream holds its writes. */
static struct tls_pair held_pair_open(struct held_stream *held)
{
    static const apm_stream_methods methods = {
        .begin_read = begin_read_held, .begin_write = begin_write_held, .cancel = cancel_held, .close = close_held};
    static const apm_thread_pool pool = APM_NULL_HANDLE;
    apm_ssl_context client = tls_plain_client();
    apm_ssl_context server = tls_plain_server();
    struct tls_pair pair;
    apm_error errors[2];

    memset(held, 0, sizeof *held);
    CHECK_EQ(pthread_mutex_init(&held->mutex, NULL), 0);
    latch_init(&held->held_writes);
    latch_init(&held->closed);
    tls_connect(TLS_IN_MEMORY, pair.inner);
    held->inner = pair.inner[0];
    CHECK_SUCCESS(apm_stream_create(pool, &methods, held, &pair.inner[0]));
    CHECK_SUCCESS(apm_ssl_stream_create(pair.inner[0], false, &pair.client));
    CHECK_SUCCESS(apm_ssl_stream_create(pair.inner[1], false, &pair.server));
    tls_pair_shake_hands(pair, client, "test.local", server, errors);
    CHECK_SUCCESS(errors[0]);
    CHECK_SUCCESS(errors[1]);
    set_holds(held, true);
    return pair;
}

static void held_pair_close(struct tls_pair pair, struct held_stream *held)
{
    tls_pair_close(pair);
    LATCH_AWAIT(&held->closed, 1);
}

/* -- Writes -------------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_write_ends_when_the_inner_stream_has_ended_its_own_although_the_peer_has_the_bytes)
{
    struct held_stream held;
    struct tls_pair pair = held_pair_open(&held);
    struct operation write;
    char buffer[4];

    CHECK_SUCCESS(apm_stream_begin_write(pair.client, "abcd", 4, ON_COMPLETION(&write)));
    LATCH_AWAIT(&held.held_writes, 1);
    tls_read_exactly(pair.server, buffer, 4);
    CHECK(memcmp(buffer, "abcd", 4) == 0);
    CHECK_PENDING(&write);
    let_go(&held);
    CHECK_SUCCESS(finish_write(pair.client, &write));
    held_pair_close(pair, &held);
}

CONTRACT_TEST(a_write_of_many_records_ends_with_the_last_of_them)
{
    enum { SIZE = 100000 };
    struct held_stream held;
    struct tls_pair pair = held_pair_open(&held);
    uint8_t *sent = malloc(SIZE);
    uint8_t *received = malloc(SIZE);
    struct operation write;

    CHECK(sent != NULL && received != NULL);
    pattern_fill(sent, SIZE, 0);
    CHECK_SUCCESS(apm_stream_begin_write(pair.client, sent, SIZE, ON_COMPLETION(&write)));
    for (size_t written = 1; written <= 3; written++) {
        LATCH_AWAIT(&held.held_writes, written);
        CHECK(!apm_async_result_is_completed(write.result));
        if (written < 3) {
            CHECK(end_held_write(&held, (apm_async_result)APM_NULL_HANDLE, APM_ERROR_SUCCESS));
        }
    }
    let_go(&held);
    tls_read_exactly(pair.server, received, SIZE);
    pattern_check(received, SIZE, 0);
    CHECK_SUCCESS(finish_write(pair.client, &write));
    held_pair_close(pair, &held);
    free(sent);
    free(received);
}

CONTRACT_TEST(a_write_gets_the_error_of_the_inner_stream_and_so_do_those_that_follow)
{
    struct held_stream held;
    struct tls_pair pair = held_pair_open(&held);
    struct operation writes[2];

    CHECK_SUCCESS(apm_stream_begin_write(pair.client, "abcd", 4, ON_COMPLETION(&writes[0])));
    LATCH_AWAIT(&held.held_writes, 1);
    CHECK(end_held_write(&held, (apm_async_result)APM_NULL_HANDLE, APM_ERROR_CONNECTION_RESET));
    CHECK_ERROR(finish_write(pair.client, &writes[0]), APM_ERROR_CONNECTION_RESET);
    CHECK_SUCCESS(apm_stream_begin_write(pair.client, "efgh", 4, ON_COMPLETION(&writes[1])));
    CHECK_ERROR(finish_write(pair.client, &writes[1]), APM_ERROR_CONNECTION_RESET);
    CHECK_ERROR(apm_ssl_stream_shutdown(pair.client), APM_ERROR_CONNECTION_RESET);
    held_pair_close(pair, &held);
}

CONTRACT_TEST(a_write_that_is_cancelled_while_the_inner_stream_has_all_of_it_ends_and_others_may_follow)
{
    struct held_stream held;
    struct tls_pair pair = held_pair_open(&held);
    struct operation writes[2];
    char buffer[8];

    CHECK_SUCCESS(apm_stream_begin_write(pair.client, "abcd", 4, ON_COMPLETION(&writes[0])));
    LATCH_AWAIT(&held.held_writes, 1);
    CHECK_SUCCESS(apm_async_result_cancel(writes[0].result));
    CHECK_ERROR(finish_write(pair.client, &writes[0]), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_stream_begin_write(pair.client, "efgh", 4, ON_COMPLETION(&writes[1])));
    CHECK_PENDING(&writes[1]);
    CHECK_EQ(latch_count(&held.held_writes), 1);
    let_go(&held);
    CHECK_SUCCESS(finish_write(pair.client, &writes[1]));
    tls_read_exactly(pair.server, buffer, 8);
    CHECK(memcmp(buffer, "abcdefgh", 8) == 0);
    held_pair_close(pair, &held);
}

/* -- Handshakes ---------------------------------------------------------------------------------------------------- */

static apm_error read_nothing(void *context, void *buffer, size_t size, size_t *read)
{
    (void)buffer;
    (void)size;
    *read = 0;
    return *(const apm_error *)context;
}

static apm_error write_nothing(void *context, const void *buffer, size_t size)
{
    (void)buffer;
    (void)size;
    return *(const apm_error *)context;
}

/* A stream of TLS over one whose reads and writes end at once, with `*outcome`, also after the stream is closed. */
static apm_stream stream_over_nothing(const apm_error *outcome)
{
    static const apm_stream_methods methods = {.read = read_nothing, .write = write_nothing};
    static const apm_thread_pool pool = APM_NULL_HANDLE;
    apm_stream inner;
    apm_stream stream;

    CHECK_SUCCESS(apm_stream_create(pool, &methods, (void *)(uintptr_t)outcome, &inner));
    CHECK_SUCCESS(apm_ssl_stream_create(inner, false, &stream));
    return stream;
}

CONTRACT_TEST(a_handshake_gets_the_error_of_the_inner_stream_or_that_it_has_ended)
{
    static const apm_error outcomes[] = {APM_ERROR_CONNECTION_RESET, APM_ERROR_SUCCESS};
    apm_ssl_context client = tls_plain_client();
    apm_ssl_context server = tls_plain_server();

    for (int i = 0; i < 2; i++) {
        apm_error expected = i == 0 ? APM_ERROR_CONNECTION_RESET : APM_ERROR_IO;
        apm_stream stream = stream_over_nothing(&outcomes[i]);

        CHECK_ERROR(apm_ssl_stream_authenticate_as_client(stream, client, "test.local"), expected);
        CHECK(!apm_ssl_stream_is_authenticated(stream));
        CHECK_SUCCESS(apm_stream_close(stream));
        stream = stream_over_nothing(&outcomes[i]);
        CHECK_ERROR(apm_ssl_stream_authenticate_as_server(stream, server), expected);
        CHECK_ERROR(apm_stream_write(stream, "x", 1), expected);
        CHECK_SUCCESS(apm_stream_close(stream));
    }
    CHECK_SUCCESS(apm_ssl_context_close(client));
    CHECK_SUCCESS(apm_ssl_context_close(server));
}

/* -- Shutdown and reads -------------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_shutdown_ends_when_the_inner_stream_has_taken_the_alert)
{
    struct held_stream held;
    struct tls_pair pair = held_pair_open(&held);
    struct operation shutdown;
    char byte;
    size_t count;

    CHECK_SUCCESS(apm_ssl_stream_begin_shutdown(pair.client, ON_COMPLETION(&shutdown)));
    LATCH_AWAIT(&held.held_writes, 1);
    CHECK_SUCCESS(apm_stream_read(pair.server, &byte, 1, &count));
    CHECK_EQ(count, 0);
    CHECK_PENDING(&shutdown);
    let_go(&held);
    AWAIT(&shutdown);
    CHECK_SUCCESS(apm_ssl_stream_end_shutdown(pair.client, shutdown.result));
    held_pair_close(pair, &held);
}

CONTRACT_TEST(what_has_been_handed_over_ends_well_though_the_peer_is_cut_off_meanwhile)
{
    for (int writes = 0; writes < 2; writes++) {
        struct held_stream held;
        struct tls_pair pair = held_pair_open(&held);
        struct operation sent;
        struct operation read;
        char byte;

        CHECK_SUCCESS(apm_stream_begin_read(pair.client, &byte, 1, ON_COMPLETION(&read)));
        CHECK_SUCCESS(writes ? apm_stream_begin_write(pair.client, "abcd", 4, ON_COMPLETION(&sent))
                             : apm_ssl_stream_begin_shutdown(pair.client, ON_COMPLETION(&sent)));
        LATCH_AWAIT(&held.held_writes, 1);
        CHECK_SUCCESS(apm_stream_close(pair.inner[1])); /* without close_notify */
        CHECK_ERROR(finish_read(pair.client, &read, NULL), APM_ERROR_IO);
        CHECK_PENDING(&sent);
        let_go(&held);
        AWAIT(&sent);
        CHECK_SUCCESS(writes ? apm_stream_end_write(pair.client, sent.result)
                             : apm_ssl_stream_end_shutdown(pair.client, sent.result));
        held_pair_close(pair, &held);
    }
}

CONTRACT_TEST(reads_go_on_while_the_inner_stream_holds_a_write)
{
    struct held_stream held;
    struct tls_pair pair = held_pair_open(&held);
    struct operation write;
    char buffer[4];

    CHECK_SUCCESS(apm_stream_begin_write(pair.client, "abcd", 4, ON_COMPLETION(&write)));
    LATCH_AWAIT(&held.held_writes, 1);
    CHECK_SUCCESS(apm_stream_write(pair.server, "efgh", 4));
    tls_read_exactly(pair.client, buffer, 4);
    CHECK(memcmp(buffer, "efgh", 4) == 0);
    CHECK(!apm_async_result_is_completed(write.result));
    let_go(&held);
    CHECK_SUCCESS(finish_write(pair.client, &write));
    held_pair_close(pair, &held);
}

LIBRARY_TEST_MAIN()
