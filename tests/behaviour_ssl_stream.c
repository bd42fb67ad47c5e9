/*
 * Streams of TLS as .NET's SslStream: reads, writes, ends, and what is refused. Of the cases ssl-* of its recorded
 * behaviour these; those of the handshake are in behaviour_ssl_handshake.c.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support_tls.h"

TEST(both_ends_know_what_was_agreed_on_ssl_001)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    apm_ssl_protocols protocol;
    apm_x509_certificate certificate;
    uint16_t suite;
    uint16_t suite_of_server;

    CHECK_SUCCESS(apm_ssl_stream_ssl_protocol(pair.client, &protocol));
    CHECK(protocol == APM_SSL_PROTOCOLS_TLS12 || protocol == APM_SSL_PROTOCOLS_TLS13);
    CHECK_SUCCESS(apm_ssl_stream_negotiated_cipher_suite(pair.client, &suite));
    CHECK_SUCCESS(apm_ssl_stream_negotiated_cipher_suite(pair.server, &suite_of_server));
    CHECK(suite != 0 && suite == suite_of_server);
    CHECK(tls_text(apm_ssl_stream_negotiated_cipher_suite_name, pair.client)[0] != 0);
    CHECK(apm_ssl_stream_is_authenticated(pair.client) && apm_ssl_stream_is_authenticated(pair.server));
    CHECK(!apm_ssl_stream_is_server(pair.client) && apm_ssl_stream_is_server(pair.server));
    CHECK(!apm_ssl_stream_is_mutually_authenticated(pair.client));
    CHECK(!apm_ssl_stream_is_mutually_authenticated(pair.server));
    CHECK_SUCCESS(apm_ssl_stream_remote_certificate(pair.client, &certificate));
    CHECK_STR(tls_subject(certificate), "CN=test.local");
    CHECK_SUCCESS(apm_ssl_stream_local_certificate(pair.client, &certificate));
    CHECK(apm_x509_certificate_is_null(certificate));
    CHECK_SUCCESS(apm_ssl_stream_remote_certificate(pair.server, &certificate));
    CHECK(apm_x509_certificate_is_null(certificate));
    CHECK_SUCCESS(apm_ssl_stream_local_certificate(pair.server, &certificate));
    CHECK_STR(tls_subject(certificate), "CN=test.local");
    CHECK_STR(tls_text(apm_ssl_stream_target_host_name, pair.client), "test.local");
    CHECK_STR(tls_text(apm_ssl_stream_target_host_name, pair.server), "test.local");
    CHECK_STR(tls_text(apm_ssl_stream_negotiated_application_protocol, pair.client), "");
    CHECK(apm_stream_can_read(pair.client) && apm_stream_can_write(pair.client));
    CHECK(!apm_stream_can_seek(pair.client) && apm_stream_can_timeout(pair.client));
    tls_pair_close(pair);
}

TEST(before_the_handshake_nothing_can_be_read_or_written_ssl_009)
{
    struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);
    apm_async_result result;
    char buffer[4];

    CHECK_ERROR(apm_stream_begin_read(pair.client, buffer, 4, NULL, NULL, &result), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_stream_begin_write(pair.client, "x", 1, NULL, NULL, &result), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_stream_read(pair.client, buffer, 4, NULL), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_stream_write(pair.client, "x", 1), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_stream_flush(pair.client));
    tls_pair_close(pair);
}

TEST(a_second_handshake_does_nothing_and_one_beside_another_is_refused_ssl_010)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    apm_ssl_context client = tls_plain_client();
    apm_ssl_context server = tls_plain_server();
    apm_async_result first;

    CHECK_SUCCESS(apm_ssl_stream_authenticate_as_client(pair.client, client, "test.local"));
    CHECK_SUCCESS(apm_ssl_stream_authenticate_as_server(pair.client, server));
    CHECK(!apm_ssl_stream_is_server(pair.client));
    tls_pair_close(pair);

    pair = tls_pair_create(TLS_OVER_TCP);
    CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_client(pair.client, client, "test.local", NULL, NULL, &first));
    CHECK_ERROR(apm_ssl_stream_authenticate_as_client(pair.client, client, "test.local"), APM_ERROR_INVALID_OPERATION);
    CHECK(!apm_async_result_is_completed(first));
    CHECK_SUCCESS(apm_async_result_cancel(first));
    CHECK_ERROR(apm_ssl_stream_end_authenticate_as_client(pair.client, first), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_ssl_context_close(client));
    CHECK_SUCCESS(apm_ssl_context_close(server));
    tls_pair_close(pair);
}

TEST(one_read_and_one_write_may_be_pending_and_a_second_of_a_kind_is_refused_ssl_012)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    uint8_t *block = big_block_create();
    apm_async_result read;
    apm_async_result write;
    apm_async_result second;
    char buffer[8];
    size_t count;

    CHECK_SUCCESS(apm_stream_begin_read(pair.client, buffer, 8, NULL, NULL, &read));
    CHECK_SUCCESS(apm_stream_begin_read(pair.client, buffer + 4, 4, NULL, NULL, &second));
    CHECK_ERROR(apm_stream_end_read(pair.client, second, &count), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_stream_begin_write(pair.client, block, BIG_BLOCK_SIZE, NULL, NULL, &write));
    CHECK(!apm_async_result_is_completed(write));
    CHECK_SUCCESS(apm_stream_begin_write(pair.client, "x", 1, NULL, NULL, &second));
    CHECK_ERROR(apm_stream_end_write(pair.client, second), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_stream_write(pair.server, "four", 4));
    CHECK_SUCCESS(apm_stream_end_read(pair.client, read, &count));
    CHECK_EQ(count, 4);
    CHECK_SUCCESS(apm_async_result_cancel(write));
    CHECK_ERROR(apm_stream_end_write(pair.client, write), APM_ERROR_OPERATION_ABORTED);
    tls_pair_close(pair);
    free(block);
}

TEST(a_read_of_no_bytes_waits_for_data_and_leaves_it_there_ssl_014)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    struct operation read;
    char buffer[4];
    size_t count;

    CHECK_SUCCESS(apm_stream_begin_read(pair.client, buffer, 0, ON_COMPLETION(&read)));
    CHECK_PENDING(&read);
    CHECK_SUCCESS(apm_stream_write(pair.server, "data", 4));
    CHECK_SUCCESS(finish_read(pair.client, &read, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_stream_read(pair.client, buffer, 4, &count));
    CHECK_EQ(count, 4);
    tls_pair_close(pair);
}

TEST(shutdown_is_the_end_of_the_peers_reads_and_of_ones_own_writes_ssl_015)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    apm_async_result result;
    char buffer[32];
    size_t count;

    CHECK_SUCCESS(apm_ssl_stream_shutdown(pair.server));
    CHECK_SUCCESS(apm_stream_read(pair.client, buffer, 4, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_stream_read(pair.client, buffer, 4, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_stream_write(pair.client, "after the end...", 16));
    CHECK_SUCCESS(apm_stream_read(pair.server, buffer, sizeof buffer, &count));
    CHECK_EQ(count, 16);
    CHECK_SUCCESS(apm_stream_begin_write(pair.server, "x", 1, NULL, NULL, &result));
    CHECK_ERROR(apm_stream_end_write(pair.server, result), APM_ERROR_INVALID_OPERATION);
    tls_pair_close(pair);
}

/* A client of the library over a raw connection to a relay's one end, and a server behind the other one. */
struct relayed {
    apm_stream client;
    apm_stream server;
    int to_client;
    int to_server;
};

static apm_stream stream_of_peered(int *peer)
{
    struct peered_stream pair = peered_stream_create();
    apm_stream stream;

    *peer = pair.peer;
    CHECK_SUCCESS(apm_ssl_stream_create(pair.stream, false, &stream));
    return stream;
}

/* Carries what there is from one connection to the other. */
static bool carry(int from, int to)
{
    uint8_t bytes[4096];
    if (!raw_readable(from, 1)) {
        return false;
    }
    ssize_t size = read(from, bytes, sizeof bytes);
    if (size <= 0) {
        return false;
    }
    raw_write(to, bytes, (size_t)size);
    return true;
}

static struct relayed relayed_open(void)
{
    apm_ssl_context client =
        tls_client((apm_ssl_client_authentication_options){.enabled_ssl_protocols = APM_SSL_PROTOCOLS_TLS12});
    apm_ssl_context server = tls_plain_server();
    struct relayed relayed;
    apm_async_result as_client;
    apm_async_result as_server;

    relayed.client = stream_of_peered(&relayed.to_client);
    relayed.server = stream_of_peered(&relayed.to_server);
    CHECK_SUCCESS(
        apm_ssl_stream_begin_authenticate_as_client(relayed.client, client, "test.local", NULL, NULL, &as_client));
    CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_server(relayed.server, server, NULL, NULL, &as_server));
    int64_t deadline = harness_now_ms() + PATIENCE_MS;
    while (!apm_async_result_is_completed(as_client) || !apm_async_result_is_completed(as_server)) {
        CHECK(harness_now_ms() < deadline);
        carry(relayed.to_client, relayed.to_server);
        carry(relayed.to_server, relayed.to_client);
    }
    CHECK_SUCCESS(apm_ssl_stream_end_authenticate_as_client(relayed.client, as_client));
    CHECK_SUCCESS(apm_ssl_stream_end_authenticate_as_server(relayed.server, as_server));
    while (carry(relayed.to_client, relayed.to_server) || carry(relayed.to_server, relayed.to_client)) {}
    CHECK_SUCCESS(apm_ssl_context_close(client));
    CHECK_SUCCESS(apm_ssl_context_close(server));
    return relayed;
}

TEST(dispose_tells_the_peer_with_and_without_shutdown_before_ssl_016)
{
    for (int shuts_down = 0; shuts_down < 2; shuts_down++) {
        struct relayed relayed = relayed_open();
        uint8_t record[31];

        if (shuts_down) {
            CHECK_SUCCESS(apm_ssl_stream_shutdown(relayed.server));
        }
        CHECK_SUCCESS(apm_stream_close(relayed.server));
        raw_read_exactly(relayed.to_server, record, sizeof record);
        CHECK_EQ(record[0], 21); /* an alert: close_notify */
        CHECK_ORDERLY_END(relayed.to_server, 0);
        raw_write(relayed.to_client, record, sizeof record);
        char buffer[4];
        size_t count;
        CHECK_SUCCESS(apm_stream_read(relayed.client, buffer, 4, &count));
        CHECK_EQ(count, 0);
        CHECK_SUCCESS(apm_stream_close(relayed.client));
        raw_close(relayed.to_client);
        raw_close(relayed.to_server);
    }
}

TEST(a_stream_that_ends_without_close_notify_was_cut_off_ssl_017)
{
    struct relayed relayed = relayed_open();
    char buffer[4];

    raw_close(relayed.to_client);
    CHECK_ERROR(apm_stream_read(relayed.client, buffer, 4, NULL), APM_ERROR_IO);
    CHECK_ERROR(apm_stream_read(relayed.client, buffer, 4, NULL), APM_ERROR_IO);
    CHECK(strstr(tls_text(apm_ssl_stream_error_text, relayed.client), "cut off") != NULL);
    CHECK_SUCCESS(apm_stream_close(relayed.client));
    CHECK_SUCCESS(apm_stream_close(relayed.server));
    raw_close(relayed.to_server);
}

TEST(a_record_that_is_cut_fails_the_read_and_the_next_one_ssl_018)
{
    struct relayed relayed = relayed_open();
    uint8_t block[1000] = {0};
    uint8_t part[20];
    char buffer[4];

    CHECK_SUCCESS(apm_stream_write(relayed.server, block, sizeof block));
    raw_read_exactly(relayed.to_server, part, sizeof part);
    raw_write(relayed.to_client, part, sizeof part);
    raw_close(relayed.to_client);
    CHECK_ERROR(apm_stream_read(relayed.client, buffer, 4, NULL), APM_ERROR_IO);
    CHECK_ERROR(apm_stream_read(relayed.client, buffer, 4, NULL), APM_ERROR_IO);
    CHECK_SUCCESS(apm_stream_close(relayed.client));
    CHECK_SUCCESS(apm_stream_close(relayed.server));
    raw_close(relayed.to_server);
}

TEST(a_reset_is_an_error_of_the_read_and_of_the_next_write_ssl_019)
{
    struct relayed relayed = relayed_open();
    apm_async_result read;
    char buffer[4];

    CHECK_SUCCESS(apm_stream_begin_read(relayed.client, buffer, 4, NULL, NULL, &read));
    raw_reset(relayed.to_client);
    CHECK_ERROR(apm_stream_end_read(relayed.client, read, NULL), APM_ERROR_CONNECTION_RESET);
    CHECK_ERROR(apm_stream_write(relayed.client, "x", 1), APM_ERROR_SHUTDOWN);
    CHECK_SUCCESS(apm_stream_close(relayed.client));
    CHECK_SUCCESS(apm_stream_close(relayed.server));
    raw_close(relayed.to_server);
}

TEST(dispose_ends_a_pending_read_and_refuses_what_follows_ssl_020)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    apm_async_result read;
    apm_async_result second;
    char buffer[4];

    CHECK_SUCCESS(apm_stream_begin_read(pair.client, buffer, 4, NULL, NULL, &read));
    CHECK_SUCCESS(apm_stream_close(pair.client));
    CHECK_ERROR(apm_stream_end_read(pair.client, read, NULL), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_stream_begin_read(pair.client, buffer, 4, NULL, NULL, &second), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_stream_begin_write(pair.client, "x", 1, NULL, NULL, &second), APM_ERROR_OBJECT_DISPOSED);
    CHECK(!apm_ssl_stream_is_authenticated(pair.client));
    CHECK_SUCCESS(apm_stream_close(pair.client));
    /* The inner stream is closed when the peer has closed, too, or after two seconds. */
    CHECK_SUCCESS(apm_stream_close(pair.server));
    int64_t deadline = harness_now_ms() + PATIENCE_MS;
    while (apm_stream_can_read(pair.inner[0])) {
        CHECK(harness_now_ms() < deadline);
    }
}

TEST(an_inner_stream_that_is_left_open_is_usable_after_dispose_ssl_021)
{
    struct peered_stream pair = peered_stream_create();
    apm_stream stream;
    char byte;

    CHECK_SUCCESS(apm_ssl_stream_create(pair.stream, true, &stream));
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_SUCCESS(apm_stream_write(pair.stream, "x", 1));
    raw_read_exactly(pair.peer, &byte, 1);
    CHECK_EQ(byte, 'x');
    peered_stream_close(pair);
}

TEST(an_end_or_a_reset_during_the_handshake_fails_it_ssl_024)
{
    apm_ssl_context client = tls_plain_client();
    apm_ssl_context server = tls_plain_server();

    for (int i = 0; i < 3; i++) {
        int peer;
        apm_stream stream = stream_of_peered(&peer);
        apm_async_result result;
        uint8_t hello[5];

        if (i < 2) {
            CHECK_SUCCESS(
                apm_ssl_stream_begin_authenticate_as_client(stream, client, "test.local", NULL, NULL, &result));
            raw_read_exactly(peer, hello, sizeof hello);
        } else {
            CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_server(stream, server, NULL, NULL, &result));
        }
        if (i == 0) {
            uint8_t rest[4096];
            CHECK(read(peer, rest, sizeof rest) > 0); /* so that the end is an orderly one */
        }
        if (i == 1) {
            raw_reset(peer);
        } else {
            raw_close(peer);
        }
        if (i < 2) {
            CHECK_ERROR(apm_ssl_stream_end_authenticate_as_client(stream, result),
                        i == 0 ? APM_ERROR_IO : APM_ERROR_CONNECTION_RESET);
        } else {
            CHECK_ERROR(apm_ssl_stream_end_authenticate_as_server(stream, result), APM_ERROR_IO);
        }
        CHECK_SUCCESS(apm_stream_close(stream));
    }
    CHECK_SUCCESS(apm_ssl_context_close(client));
    CHECK_SUCCESS(apm_ssl_context_close(server));
}

static struct latch called = LATCH_INITIALIZER;

static void note_thread(apm_async_result result)
{
    pthread_t *thread = apm_async_result_async_state(result);

    *thread = pthread_self();
    latch_add(&called, 1);
}

TEST(callbacks_run_on_pool_threads_ssl_030)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    pthread_t threads[2] = {pthread_self(), pthread_self()};
    apm_async_result results[2];
    char buffer[4];

    CHECK_SUCCESS(apm_stream_begin_read(pair.client, buffer, 4, note_thread, &threads[0], &results[0]));
    CHECK_SUCCESS(apm_stream_begin_write(pair.server, "x", 1, note_thread, &threads[1], &results[1]));
    LATCH_AWAIT(&called, 2);
    CHECK(!pthread_equal(threads[0], pthread_self()) && !pthread_equal(threads[1], pthread_self()));
    CHECK_SUCCESS(apm_stream_end_read(pair.client, results[0], NULL));
    CHECK_SUCCESS(apm_stream_end_write(pair.server, results[1]));
    tls_pair_close(pair);
}

TEST(the_read_time_out_ends_a_synchronous_read_and_the_next_one_works_ssl_031)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    char buffer[4];
    size_t count;
    int timeout_ms;

    CHECK_SUCCESS(apm_stream_set_read_timeout(pair.client, 20));
    CHECK_SUCCESS(apm_stream_read_timeout(pair.client, &timeout_ms));
    CHECK_EQ(timeout_ms, 20);
    CHECK_ERROR(apm_stream_read(pair.client, buffer, 4, NULL), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_stream_write(pair.server, "ab", 2));
    CHECK_SUCCESS(apm_stream_set_read_timeout(pair.client, -1));
    CHECK_SUCCESS(apm_stream_read(pair.client, buffer, 4, &count));
    CHECK_EQ(count, 2);
    tls_pair_close(pair);
}

TEST(close_of_the_socket_or_of_the_stream_aborts_the_handshake_ssl_032)
{
    apm_ssl_context client = tls_plain_client();

    for (int of_stream = 0; of_stream < 2; of_stream++) {
        struct peered_stream pair = peered_stream_create();
        apm_stream stream;
        apm_async_result result;
        uint8_t hello[5];

        CHECK_SUCCESS(apm_ssl_stream_create(pair.stream, false, &stream));
        CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_client(stream, client, "test.local", NULL, NULL, &result));
        raw_read_exactly(pair.peer, hello, sizeof hello);
        CHECK_SUCCESS(of_stream ? apm_stream_close(stream) : apm_socket_close(pair.socket));
        CHECK_ERROR(apm_ssl_stream_end_authenticate_as_client(stream, result), APM_ERROR_OPERATION_ABORTED);
        CHECK_SUCCESS(apm_stream_close(stream));
        raw_close(pair.peer);
    }
    CHECK_SUCCESS(apm_ssl_context_close(client));
}

TEST(nothing_is_lost_or_mixed_ssl_034)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    uint8_t block[1000];
    uint8_t *received = malloc(100000);
    apm_async_result result;

    CHECK(received != NULL);
    CHECK_SUCCESS(apm_stream_begin_read_exactly(pair.server, received, 100000, NULL, NULL, &result));
    for (size_t i = 0; i < 100; i++) {
        pattern_fill(block, sizeof block, i * sizeof block);
        CHECK_SUCCESS(apm_stream_write(pair.client, block, sizeof block));
    }
    CHECK_SUCCESS(apm_stream_end_read_exactly(pair.server, result, NULL));
    pattern_check(received, 100000, 0);
    tls_pair_close(pair);
    free(received);
}

LIBRARY_TEST_MAIN()
