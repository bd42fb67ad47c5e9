/*
 * Streams of TLS in every flavour, over both engines and in memory: the handshake, data, ends, cancel, deadline, close.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "support_certificates.h"
#include "support_tls.h"

static const enum tls_medium media[] = {TLS_OVER_TCP, TLS_IN_MEMORY};

CONTRACT_TEST(two_ends_shake_hands_and_exchange_data)
{
    for (int i = 0; i < 2; i++) {
        struct tls_pair pair = tls_pair_open(media[i]);
        struct operation write;
        char buffer[8];

        CHECK(apm_ssl_stream_is_authenticated(pair.client) && apm_ssl_stream_is_authenticated(pair.server));
        CHECK_SUCCESS(apm_stream_begin_write(pair.client, "request", 7, ON_COMPLETION(&write)));
        CHECK_SUCCESS(finish_write(pair.client, &write));
        tls_read_exactly(pair.server, buffer, 7);
        CHECK(memcmp(buffer, "request", 7) == 0);
        CHECK_SUCCESS(apm_stream_begin_write(pair.server, "answer", 6, ON_COMPLETION(&write)));
        CHECK_SUCCESS(finish_write(pair.server, &write));
        tls_read_exactly(pair.client, buffer, 6);
        CHECK(memcmp(buffer, "answer", 6) == 0);
        tls_pair_close(pair);
    }
}

CONTRACT_TEST(much_data_goes_both_ways_at_the_same_time)
{
    enum { SIZE = 1 << 20 };
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    uint8_t *sent = malloc(SIZE);
    uint8_t *received = malloc(SIZE);
    struct operation writes[2];

    CHECK(sent != NULL && received != NULL);
    pattern_fill(sent, SIZE, 0);
    CHECK_SUCCESS(apm_stream_begin_write(pair.client, sent, SIZE, ON_COMPLETION(&writes[0])));
    CHECK_SUCCESS(apm_stream_begin_write(pair.server, sent, SIZE, ON_COMPLETION(&writes[1])));
    tls_read_exactly(pair.client, received, SIZE);
    pattern_check(received, SIZE, 0);
    tls_read_exactly(pair.server, received, SIZE);
    pattern_check(received, SIZE, 0);
    CHECK_SUCCESS(finish_write(pair.client, &writes[0]));
    CHECK_SUCCESS(finish_write(pair.server, &writes[1]));
    tls_pair_close(pair);
    free(sent);
    free(received);
}

CONTRACT_TEST(a_read_can_be_cancelled_or_have_a_deadline_and_the_next_one_gets_the_data)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    struct operation read;
    char buffer[4];
    size_t count;

    CHECK_SUCCESS(apm_stream_begin_read(pair.client, buffer, 4, ON_COMPLETION(&read)));
    CHECK_PENDING(&read);
    CHECK_SUCCESS(apm_async_result_cancel(read.result));
    CHECK_ERROR(finish_read(pair.client, &read, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_stream_begin_read(pair.client, buffer, 4, ON_COMPLETION(&read)));
    CHECK_SUCCESS(apm_async_result_cancel_after(read.result, 5));
    CHECK_ERROR(finish_read(pair.client, &read, NULL), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_stream_write(pair.server, "ab", 2));
    CHECK_SUCCESS(apm_stream_begin_read(pair.client, buffer, 4, ON_COMPLETION(&read)));
    CHECK_SUCCESS(finish_read(pair.client, &read, &count));
    CHECK_EQ(count, 2);
    tls_pair_close(pair);
}

CONTRACT_TEST(a_handshake_with_a_peer_that_says_nothing_ends_by_its_deadline_and_fails_for_good)
{
    struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);
    apm_ssl_context context = tls_plain_server();
    struct operation handshake;
    char buffer[4];

    CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_server(pair.server, context, ON_COMPLETION(&handshake)));
    CHECK_SUCCESS(apm_async_result_cancel_after(handshake.result, 10));
    AWAIT(&handshake);
    CHECK_ERROR(apm_ssl_stream_end_authenticate_as_server(pair.server, handshake.result), APM_ERROR_TIMED_OUT);
    CHECK(!apm_ssl_stream_is_authenticated(pair.server));
    CHECK_ERROR(apm_stream_read(pair.server, buffer, 4, NULL), APM_ERROR_TIMED_OUT);
    CHECK_ERROR(apm_ssl_stream_authenticate_as_server(pair.server, context), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_ssl_context_close(context));
    tls_pair_close(pair);
}

CONTRACT_TEST(a_handshake_that_comes_one_byte_at_a_time_ends_by_its_deadline)
{
    /* The head of a record and of a message that is long, and bytes that say nothing. */
    static const uint8_t head[] = {22, 3, 1, 0x20, 0, 1, 0, 0x1F, 0xFC, 3, 3};
    struct peered_stream pair = peered_stream_create();
    apm_ssl_context context = tls_plain_server();
    struct operation handshake;
    apm_stream stream;

    CHECK_SUCCESS(apm_ssl_stream_create(pair.stream, false, &stream));
    CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_server(stream, context, ON_COMPLETION(&handshake)));
    CHECK_SUCCESS(apm_async_result_cancel_after(handshake.result, 50));
    for (size_t i = 0; i < 4000 && !apm_async_result_is_completed(handshake.result); i++) {
        raw_write(pair.peer, i < sizeof head ? &head[i] : (const uint8_t *)"", 1); /* which does not put it off */
        sched_yield();
    }
    AWAIT(&handshake);
    CHECK_ERROR(apm_ssl_stream_end_authenticate_as_server(stream, handshake.result), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_stream_close(stream));
    raw_close(pair.peer);
    CHECK_SUCCESS(apm_ssl_context_close(context));
}

CONTRACT_TEST(a_write_that_is_cut_short_lets_nothing_follow_and_the_peer_sees_no_orderly_end)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    uint8_t *block = big_block_create();
    struct operation write;
    apm_error error;

    CHECK_SUCCESS(apm_stream_begin_write(pair.client, block, BIG_BLOCK_SIZE, ON_COMPLETION(&write)));
    CHECK_PENDING(&write);
    CHECK_SUCCESS(apm_async_result_cancel(write.result));
    CHECK_ERROR(finish_write(pair.client, &write), APM_ERROR_OPERATION_ABORTED);
    CHECK_ERROR(apm_stream_write(pair.client, "x", 1), APM_ERROR_SHUTDOWN);
    CHECK_ERROR(apm_ssl_stream_shutdown(pair.client), APM_ERROR_SHUTDOWN);
    CHECK_SUCCESS(apm_stream_close(pair.client));
    do {
        size_t count;

        error = apm_stream_read(pair.server, block, BIG_BLOCK_SIZE, &count);
        CHECK(error != APM_ERROR_SUCCESS || count > 0);
    } while (error == APM_ERROR_SUCCESS);
    CHECK(error == APM_ERROR_IO || error == APM_ERROR_CONNECTION_RESET);
    CHECK_SUCCESS(apm_stream_close(pair.server));
    free(block);
}

CONTRACT_TEST(shutdown_follows_the_write_that_is_pending_and_ends_the_peers_reads_in_order)
{
    enum { SIZE = 300000 };
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    uint8_t *block = malloc(SIZE);
    struct operation write;
    struct operation shutdown;
    size_t count;

    CHECK(block != NULL);
    pattern_fill(block, SIZE, 0);
    CHECK_SUCCESS(apm_stream_begin_write(pair.client, block, SIZE, ON_COMPLETION(&write)));
    CHECK_SUCCESS(apm_ssl_stream_begin_shutdown(pair.client, ON_COMPLETION(&shutdown)));
    uint8_t *received = malloc(SIZE);
    CHECK(received != NULL);
    tls_read_exactly(pair.server, received, SIZE);
    pattern_check(received, SIZE, 0);
    CHECK_SUCCESS(apm_stream_read(pair.server, received, SIZE, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(finish_write(pair.client, &write));
    AWAIT(&shutdown);
    CHECK_SUCCESS(apm_ssl_stream_end_shutdown(pair.client, shutdown.result));
    CHECK_SUCCESS(apm_ssl_stream_shutdown(pair.client));
    CHECK_SUCCESS(apm_stream_write(pair.server, "still", 5));
    tls_read_exactly(pair.client, received, 5);
    tls_pair_close(pair);
    free(block);
    free(received);
}

CONTRACT_TEST(close_tells_the_peer_and_what_was_written_last_arrives_although_data_was_left_unread)
{
    for (int i = 0; i < 2; i++) {
        struct tls_pair pair = tls_pair_open(media[i]);
        uint8_t *block = calloc(1, 100000);
        char buffer[8];
        size_t count;

        CHECK(block != NULL);
        CHECK_SUCCESS(apm_stream_write(pair.client, block, 100000)); /* which the server never reads */
        CHECK_SUCCESS(apm_stream_write(pair.server, "last", 4));
        CHECK_SUCCESS(apm_stream_close(pair.server));
        tls_read_exactly(pair.client, buffer, 4);
        CHECK_SUCCESS(apm_stream_read(pair.client, buffer, 8, &count));
        CHECK_EQ(count, 0);
        CHECK_SUCCESS(apm_stream_close(pair.client));
        free(block);
    }
}

CONTRACT_TEST(close_with_a_read_and_a_write_pending_completes_both)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    uint8_t *block = big_block_create();
    struct operation read;
    struct operation write;
    char buffer[4];

    CHECK_SUCCESS(apm_stream_begin_read(pair.client, buffer, 4, ON_COMPLETION(&read)));
    CHECK_SUCCESS(apm_stream_begin_write(pair.client, block, BIG_BLOCK_SIZE, ON_COMPLETION(&write)));
    CHECK_PENDING(&write);
    CHECK_SUCCESS(apm_stream_close(pair.client));
    CHECK_ERROR(finish_read(pair.client, &read, NULL), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(finish_write(pair.client, &write), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_stream_close(pair.server));
    free(block);
}

CONTRACT_TEST(an_inner_stream_that_is_left_open_can_be_used_afterwards)
{
    apm_stream inner[2];
    struct tls_pair pair;
    apm_error errors[2];
    apm_ssl_context client = tls_plain_client();
    apm_ssl_context server = tls_plain_server();
    char buffer[4];
    size_t count;

    tls_connect(TLS_OVER_TCP, inner);
    CHECK_SUCCESS(apm_ssl_stream_create(inner[0], true, &pair.client));
    CHECK_SUCCESS(apm_ssl_stream_create(inner[1], true, &pair.server));
    tls_pair_shake_hands(pair, client, "test.local", server, errors);
    CHECK_SUCCESS(errors[0]);
    CHECK_SUCCESS(errors[1]);
    CHECK_SUCCESS(apm_ssl_stream_shutdown(pair.client));
    CHECK_SUCCESS(apm_stream_read(pair.server, buffer, 4, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_stream_close(pair.client));
    CHECK_SUCCESS(apm_stream_write(inner[0], "raw", 3));
    CHECK_SUCCESS(apm_stream_close(pair.server));
    CHECK_SUCCESS(apm_stream_read_exactly(inner[1], buffer, 3));
    CHECK(memcmp(buffer, "raw", 3) == 0);
    CHECK_SUCCESS(apm_stream_close(inner[0]));
    CHECK_SUCCESS(apm_stream_close(inner[1]));
}

CONTRACT_TEST(streams_over_streams_of_tls_work)
{
    struct tls_pair outer = tls_pair_open(TLS_IN_MEMORY);
    apm_ssl_context client = tls_plain_client();
    apm_ssl_context server = tls_plain_server();
    struct tls_pair pair;
    apm_error errors[2];
    char buffer[4];

    CHECK_SUCCESS(apm_ssl_stream_create(outer.client, false, &pair.client));
    CHECK_SUCCESS(apm_ssl_stream_create(outer.server, false, &pair.server));
    tls_pair_shake_hands(pair, client, "localhost", server, errors);
    CHECK_SUCCESS(errors[0]);
    CHECK_SUCCESS(errors[1]);
    CHECK_SUCCESS(apm_stream_write(pair.client, "deep", 4));
    tls_read_exactly(pair.server, buffer, 4);
    CHECK(memcmp(buffer, "deep", 4) == 0);
    tls_pair_close(pair);
}

/* -- Callbacks of the program -------------------------------------------------------------------------------------- */

static bool close_and_refuse(apm_stream sender, apm_x509_certificate certificate,
                             apm_x509_chain_status_flags chain_status, apm_ssl_policy_errors errors, void *state)
{
    (void)certificate;
    (void)chain_status;
    (void)errors;
    (void)state;
    CHECK_SUCCESS(apm_stream_close(sender));
    return false;
}

CONTRACT_TEST(a_validation_callback_may_close_the_stream)
{
    apm_ssl_client_authentication_options options = {.remote_certificate_validation_callback = close_and_refuse};
    apm_ssl_context client = tls_client(options);
    apm_ssl_context server = tls_plain_server();
    struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);
    apm_error errors[2];

    tls_pair_shake_hands(pair, client, "test.local", server, errors);
    CHECK_ERROR(errors[0], APM_ERROR_OPERATION_ABORTED);
    CHECK(errors[1] != APM_ERROR_SUCCESS);
    tls_pair_close(pair);
}

static bool end_thread(apm_stream sender, apm_x509_certificate certificate, apm_x509_chain_status_flags chain_status,
                       apm_ssl_policy_errors errors, void *state)
{
    (void)sender;
    (void)chain_status;
    (void)errors;
    (void)state;
    CHECK_SUCCESS(apm_x509_certificate_close(certificate));
    pthread_exit(NULL);
}

CONTRACT_TEST(a_validation_callback_that_ends_its_thread_fails_the_handshake)
{
#ifdef __SANITIZE_ADDRESS__
    SKIP("what mbedTLS keeps on the stack of a thread is lost with the thread");
#endif
    apm_ssl_client_authentication_options options = {.remote_certificate_validation_callback = end_thread};
    apm_ssl_context client = tls_client(options);
    struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);
    apm_ssl_context server = tls_plain_server();
    struct operation as_client;
    struct operation as_server;

    CHECK_SUCCESS(
        apm_ssl_stream_begin_authenticate_as_client(pair.client, client, "test.local", ON_COMPLETION(&as_client)));
    CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_server(pair.server, server, ON_COMPLETION(&as_server)));
    AWAIT(&as_client);
    CHECK_ERROR(apm_ssl_stream_end_authenticate_as_client(pair.client, as_client.result), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_stream_close(pair.client));
    AWAIT(&as_server);
    CHECK(apm_ssl_stream_end_authenticate_as_server(pair.server, as_server.result) != APM_ERROR_SUCCESS);
    CHECK_SUCCESS(apm_stream_close(pair.server));
    CHECK_SUCCESS(apm_ssl_context_close(client));
    CHECK_SUCCESS(apm_ssl_context_close(server));
}

/* -- Sessions, contexts, certificates ------------------------------------------------------------------------------ */

TEST(a_second_connection_with_the_same_contexts_resumes_the_session_unless_that_is_forbidden)
{
    for (int forbidden = 0; forbidden < 2; forbidden++) {
        apm_ssl_client_authentication_options options = {.forbid_tls_resume = forbidden};
        apm_ssl_context client = tls_client(options);
        apm_ssl_context server = tls_plain_server();

        for (int round = 0; round < 3; round++) {
            struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);
            apm_async_result result;
            apm_x509_certificate peer;
            char buffer[4];

            CHECK_SUCCESS(
                apm_ssl_stream_begin_authenticate_as_client(pair.client, client, "test.local", NULL, NULL, &result));
            CHECK_SUCCESS(apm_ssl_stream_authenticate_as_server(pair.server, server));
            CHECK_SUCCESS(apm_ssl_stream_end_authenticate_as_client(pair.client, result));
            CHECK_SUCCESS(apm_stream_write(pair.server, "abc", 3));
            tls_read_exactly(pair.client, buffer, 3);
            CHECK_EQ(apm_ssl_stream_is_resumed(pair.client), round > 0 && !forbidden);
            CHECK_EQ(apm_ssl_stream_is_resumed(pair.server), round > 0 && !forbidden);
            CHECK_SUCCESS(apm_ssl_stream_remote_certificate(pair.client, &peer));
            CHECK_STR(tls_subject(peer), "CN=test.local");
            tls_pair_close(pair);
        }
        CHECK_SUCCESS(apm_ssl_context_close(client));
        CHECK_SUCCESS(apm_ssl_context_close(server));
    }
}

TEST(a_context_that_is_closed_serves_the_connections_that_have_it_and_no_others)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP); /* which has closed both */
    apm_ssl_context server = tls_plain_server();
    char buffer[4];

    CHECK_SUCCESS(apm_stream_write(pair.client, "abc", 3));
    tls_read_exactly(pair.server, buffer, 3);
    tls_pair_close(pair);
    CHECK_SUCCESS(apm_ssl_context_close(server));
    pair = tls_pair_create(TLS_OVER_TCP);
    CHECK_ERROR(apm_ssl_stream_authenticate_as_server(pair.server, server), APM_ERROR_OBJECT_DISPOSED);
    tls_pair_close(pair);
}

TEST(cleanup_closes_what_is_left_of_streams_contexts_and_certificates)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    apm_ssl_context context = tls_plain_server();
    char buffer[4];

    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK_ERROR(apm_stream_read(pair.client, buffer, 4, NULL), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_stream_read(pair.server, buffer, 4, NULL), APM_ERROR_OBJECT_DISPOSED);
    apm_stream stream;
    CHECK_ERROR(apm_ssl_stream_create(pair.inner[0], false, &stream), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_ssl_context_close(context));
}

CONTRACT_TEST(a_server_of_several_names_shows_the_certificate_that_is_for_the_one_that_is_asked_for)
{
    static const struct {
        const char *host;
        const char *subject;
    } cases[] = {{"test.local", "CN=test.local"},
                 {"OTHER.local", "CN=other.local"},
                 {"a.wild.local", "CN=test.local"},
                 {"127.0.0.1", "CN=test.local"},
                 {"unknown.local", "CN=test.local"}};
    apm_x509_certificate own = tls_certificate(server_certificate, server_key);
    apm_x509_certificate further = tls_certificate(other_certificate, other_key);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool is_known = strcmp(cases[i].host, "unknown.local") != 0;
        apm_ssl_server_authentication_options server = {
            .server_certificate = own, .further_certificates = &further, .further_certificates_count = 1};
        apm_x509_certificate shown;
        apm_error errors[2];
        struct tls_pair pair = tls_pair_create(TLS_IN_MEMORY);

        tls_pair_shake_hands(pair, tls_client((apm_ssl_client_authentication_options){0}), cases[i].host,
                             tls_server(server), errors);
        CHECK_ERROR(errors[0], is_known ? APM_ERROR_SUCCESS : APM_ERROR_AUTHENTICATION);
        if (is_known) {
            CHECK_SUCCESS(apm_ssl_stream_remote_certificate(pair.client, &shown));
            CHECK_STR(tls_subject(shown), cases[i].subject);
            CHECK_SUCCESS(apm_ssl_stream_local_certificate(pair.server, &shown));
            CHECK_STR(tls_subject(shown), cases[i].subject);
        }
        tls_pair_close(pair);
    }
    CHECK_SUCCESS(apm_x509_certificate_close(own));
    CHECK_SUCCESS(apm_x509_certificate_close(further));
}

CONTRACT_TEST(further_certificates_of_a_server_are_checked)
{
    apm_ssl_context context;
    apm_x509_certificate list[2] = {tls_certificate(other_certificate, other_key), APM_NULL_HANDLE};
    apm_ssl_server_authentication_options server = {
        .server_certificate = tls_certificate(server_certificate, server_key), .further_certificates_count = 2};

    CHECK_ERROR(apm_ssl_context_create_server(&server, &context), APM_ERROR_ARGUMENT_NULL);
    server.further_certificates = list;
    CHECK_ERROR(apm_ssl_context_create_server(&server, &context), APM_ERROR_ARGUMENT_NULL);
    list[1] = tls_certificate(client_certificate, NULL);
    CHECK_ERROR(apm_ssl_context_create_server(&server, &context), APM_ERROR_AUTHENTICATION);
    CHECK(apm_ssl_context_is_null(context));
    CHECK_SUCCESS(apm_x509_certificate_close(list[1]));
    CHECK_ERROR(apm_ssl_context_create_server(&server, &context), APM_ERROR_OBJECT_DISPOSED);
    server.further_certificates_count = SIZE_MAX;
    CHECK_ERROR(apm_ssl_context_create_server(&server, &context), APM_ERROR_OUT_OF_MEMORY);
    CHECK_SUCCESS(apm_x509_certificate_close(list[0]));
    CHECK_SUCCESS(apm_x509_certificate_close(server.server_certificate));
}

LIBRARY_TEST_MAIN()
