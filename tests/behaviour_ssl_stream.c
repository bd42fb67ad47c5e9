/*
 * Streams of TLS as .NET's SslStream: the cases ssl-* of its recorded behaviour.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support_certificates.h"
#include "support_tls.h"

/* What a validation callback is to say, and what it was asked. */
struct judge {
    bool accepts;
    unsigned asked;
    bool had_certificate;
    apm_ssl_policy_errors errors;
    apm_x509_chain_status_flags status;
};

static bool validate(apm_stream sender, apm_x509_certificate certificate, apm_x509_chain_status_flags chain_status,
                     apm_ssl_policy_errors errors, void *state)
{
    struct judge *judge = state;

    (void)sender;
    judge->asked++;
    judge->had_certificate = !apm_x509_certificate_is_null(certificate);
    judge->errors = errors;
    judge->status = chain_status;
    return judge->accepts;
}

static apm_ssl_context server_of(const char *certificate, const char *key)
{
    apm_x509_certificate own = tls_certificate(certificate, key);
    apm_ssl_server_authentication_options options = {.server_certificate = own};
    apm_ssl_context server = tls_server(options);

    CHECK_SUCCESS(apm_x509_certificate_close(own));
    return server;
}

/* A pair whose client has refused the server's certificate, or accepted it: *errors are those of both. */
static struct tls_pair shake_hands(const char *certificate, const char *key, const char *host, struct judge *judge,
                                   apm_error errors[2])
{
    apm_ssl_client_authentication_options options = {.remote_certificate_validation_callback = judge ? validate : NULL,
                                                     .remote_certificate_validation_state = judge};
    apm_ssl_context client = tls_client(options);
    apm_ssl_context server = server_of(certificate, key);
    struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);

    tls_pair_shake_hands(pair, client, host, server, errors);
    return pair;
}

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

TEST(a_name_mismatch_fails_the_client_and_the_server_learns_it_ssl_003_ssl_011)
{
    apm_error errors[2];
    struct tls_pair pair = shake_hands(other_certificate, other_key, "test.local", NULL, errors);
    apm_ssl_context client = tls_plain_client();
    apm_ssl_policy_errors found;
    apm_async_result result;
    char buffer[4];

    CHECK_ERROR(errors[0], APM_ERROR_AUTHENTICATION);
    CHECK_STR(tls_text(apm_ssl_stream_error_text, pair.client),
              "The peer's certificate is not accepted: RemoteCertificateNameMismatch");
    CHECK_SUCCESS(apm_ssl_stream_policy_errors(pair.client, &found, NULL));
    CHECK_EQ(found, APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NAME_MISMATCH);
    CHECK(!apm_ssl_stream_is_authenticated(pair.client));
    CHECK_ERROR(apm_stream_begin_read(pair.client, buffer, 4, NULL, NULL, &result), APM_ERROR_AUTHENTICATION);
    CHECK_ERROR(apm_ssl_stream_begin_authenticate_as_client(pair.client, client, "test.local", NULL, NULL, &result),
                APM_ERROR_AUTHENTICATION);
    if (errors[1] == APM_ERROR_SUCCESS) { /* a server may have come further; its next read says it */
        CHECK(apm_stream_read(pair.server, buffer, 4, NULL) != APM_ERROR_SUCCESS);
    } else {
        CHECK_ERROR(errors[1], APM_ERROR_AUTHENTICATION);
    }
    CHECK_SUCCESS(apm_ssl_context_close(client));
    tls_pair_close(pair);
}

TEST(a_certificate_that_nobody_has_signed_is_refused_ssl_004)
{
    apm_error errors[2];
    struct tls_pair pair = shake_hands(self_signed_certificate, self_signed_key, "test.local", NULL, errors);

    CHECK_ERROR(errors[0], APM_ERROR_AUTHENTICATION);
    CHECK_STR(tls_text(apm_ssl_stream_error_text, pair.client),
              "The peer's certificate is not accepted: UntrustedRoot");
    tls_pair_close(pair);
}

TEST(the_validation_callback_is_told_what_is_wrong_and_may_accept_it_ssl_005)
{
    static const struct {
        const char *certificate;
        const char *key;
        const char *host;
        uint32_t errors;
        uint32_t status;
    } cases[] = {
        {server_certificate, server_key, "test.local", 0, 0},
        {server_certificate, server_key, "mismatch.local", APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NAME_MISMATCH, 0},
        {self_signed_certificate, self_signed_key, "test.local", APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_CHAIN_ERRORS,
         APM_X509_CHAIN_STATUS_FLAGS_UNTRUSTED_ROOT},
        {expired_certificate, expired_key, "test.local", APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_CHAIN_ERRORS,
         APM_X509_CHAIN_STATUS_FLAGS_NOT_TIME_VALID},
        {self_signed_certificate, self_signed_key, "mismatch.local",
         APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NAME_MISMATCH | APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_CHAIN_ERRORS,
         APM_X509_CHAIN_STATUS_FLAGS_UNTRUSTED_ROOT},
        {server_certificate, server_key, "127.0.0.1", 0, 0},
        {server_certificate, server_key, "TEST.LOCAL", 0, 0},
        {server_certificate, server_key, "test.local.", 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct judge judge = {.accepts = true};
        apm_error errors[2];
        struct tls_pair pair = shake_hands(cases[i].certificate, cases[i].key, cases[i].host, &judge, errors);

        CHECK_SUCCESS(errors[0]);
        CHECK_SUCCESS(errors[1]);
        CHECK_EQ(judge.asked, 1);
        CHECK_EQ(judge.errors, cases[i].errors);
        CHECK_EQ(judge.status, cases[i].status);
        tls_pair_close(pair);
    }
}

TEST(the_validation_callback_may_refuse_a_good_certificate_ssl_006)
{
    struct judge judge = {.accepts = false};
    apm_error errors[2];
    struct tls_pair pair = shake_hands(server_certificate, server_key, "test.local", &judge, errors);

    CHECK_ERROR(errors[0], APM_ERROR_AUTHENTICATION);
    CHECK_STR(tls_text(apm_ssl_stream_error_text, pair.client),
              "The validation callback has rejected the peer's certificate");
    tls_pair_close(pair);
}

TEST(a_client_without_the_certificate_that_is_required_is_refused_unless_a_callback_accepts_it_ssl_007)
{
    for (int accepted = 0; accepted < 2; accepted++) {
        struct judge judge = {.accepts = true};
        apm_ssl_server_authentication_options options = {.client_certificate_required = true};
        apm_ssl_context client = tls_plain_client();
        struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);
        apm_error errors[2];
        char buffer[4];

        options.remote_certificate_validation_callback = accepted ? validate : NULL;
        options.remote_certificate_validation_state = &judge;
        tls_pair_shake_hands(pair, client, "test.local", tls_server(options), errors);
        CHECK_ERROR(errors[1], accepted ? APM_ERROR_SUCCESS : APM_ERROR_AUTHENTICATION);
        CHECK_EQ(judge.asked, accepted);
        CHECK(!apm_ssl_stream_is_mutually_authenticated(pair.server));
        if (accepted) {
            CHECK_SUCCESS(errors[0]);
            CHECK(!judge.had_certificate);
            CHECK_EQ(judge.errors, APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NOT_AVAILABLE);
        } else {
            CHECK(strstr(tls_text(apm_ssl_stream_error_text, pair.server), "RemoteCertificateNotAvailable") != NULL);
            /* The client is told: .NET's waits. */
            CHECK(errors[0] != APM_ERROR_SUCCESS || apm_stream_read(pair.client, buffer, 4, NULL) != APM_ERROR_SUCCESS);
        }
        tls_pair_close(pair);
    }
}

TEST(a_client_with_a_certificate_makes_the_authentication_mutual_ssl_008)
{
    apm_x509_certificate own = tls_certificate(client_certificate, client_key);
    apm_ssl_client_authentication_options client = {.client_certificate = own};
    apm_ssl_server_authentication_options server = {.client_certificate_required = true};
    struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);
    apm_x509_certificate certificate;
    apm_error errors[2];

    tls_pair_shake_hands(pair, tls_client(client), "test.local", tls_server(server), errors);
    CHECK_SUCCESS(errors[0]);
    CHECK_SUCCESS(errors[1]);
    CHECK(apm_ssl_stream_is_mutually_authenticated(pair.client));
    CHECK(apm_ssl_stream_is_mutually_authenticated(pair.server));
    CHECK_SUCCESS(apm_ssl_stream_remote_certificate(pair.server, &certificate));
    CHECK_STR(tls_subject(certificate), "CN=client one");
    CHECK_SUCCESS(apm_ssl_stream_local_certificate(pair.client, &certificate));
    CHECK_STR(tls_subject(certificate), "CN=client one");
    CHECK_SUCCESS(apm_x509_certificate_close(own));
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

TEST(ends_without_a_common_protocol_fail_both_ssl_022)
{
    apm_ssl_server_authentication_options options = {.enabled_ssl_protocols = APM_SSL_PROTOCOLS_TLS13};
    apm_ssl_client_authentication_options client = {.enabled_ssl_protocols = APM_SSL_PROTOCOLS_TLS12};
    apm_x509_certificate own = tls_certificate(server_certificate, server_key);
    apm_ssl_context server;
    apm_error errors[2];

    options.server_certificate = own;
    apm_error error = apm_ssl_context_create_server(&options, &server);
    CHECK_SUCCESS(apm_x509_certificate_close(own));
    if (error == APM_ERROR_NOT_SUPPORTED) {
        SKIP("the TLS library has no TLS 1.3");
    }
    CHECK_SUCCESS(error);
    struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);
    tls_pair_shake_hands(pair, tls_client(client), "test.local", server, errors);
    CHECK_ERROR(errors[0], APM_ERROR_AUTHENTICATION);
    CHECK_ERROR(errors[1], APM_ERROR_AUTHENTICATION);
    tls_pair_close(pair);
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

static apm_error take_nothing(void *context, const void *buffer, size_t size)
{
    (void)context;
    (void)buffer;
    (void)size;
    return APM_ERROR_SUCCESS;
}

TEST(wrong_arguments_are_refused_ssl_025)
{
    apm_stream none = APM_NULL_HANDLE;
    apm_stream stream;
    apm_stream_methods write_only = {.write = take_nothing};
    apm_ssl_server_authentication_options options = {0};
    apm_x509_certificate keyless = tls_certificate(server_certificate, NULL);
    apm_ssl_context context;
    apm_ssl_context client = tls_plain_client();
    apm_async_result result = APM_NULL_HANDLE;

    CHECK_ERROR(apm_ssl_context_create_server(&options, &context), APM_ERROR_NOT_SUPPORTED);
    options.server_certificate = keyless;
    CHECK_ERROR(apm_ssl_context_create_server(&options, &context), APM_ERROR_AUTHENTICATION);
    CHECK_ERROR(apm_ssl_stream_create(none, false, &stream), APM_ERROR_ARGUMENT_NULL);
    apm_stream inner;
    static const apm_thread_pool pool = APM_NULL_HANDLE;
    CHECK_SUCCESS(apm_stream_create(pool, &write_only, NULL, &inner));
    CHECK_ERROR(apm_ssl_stream_create(inner, false, &stream), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_stream_close(inner));

    /* Without a name the handshake begins, and waits for the peer. */
    struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);
    struct operation handshake;
    CHECK_ERROR(apm_ssl_stream_end_authenticate_as_client(pair.client, result), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_client(pair.client, client, NULL, ON_COMPLETION(&handshake)));
    CHECK_PENDING(&handshake);
    CHECK_SUCCESS(apm_async_result_cancel(handshake.result));
    AWAIT(&handshake);
    CHECK_ERROR(apm_ssl_stream_end_authenticate_as_client(pair.client, handshake.result), APM_ERROR_OPERATION_ABORTED);
    tls_pair_close(pair);
    CHECK_SUCCESS(apm_x509_certificate_close(keyless));
    CHECK_SUCCESS(apm_ssl_context_close(client));
}

TEST(each_protocol_can_be_asked_for_and_old_ones_cannot_ssl_026)
{
    static const apm_ssl_protocols asked[] = {APM_SSL_PROTOCOLS_TLS12, APM_SSL_PROTOCOLS_TLS13, APM_SSL_PROTOCOLS_NONE};
    apm_ssl_context context;

    tls_pair_close(tls_pair_open(TLS_OVER_TCP)); /* skips the test without TLS */
    for (size_t i = 0; i < 3; i++) {
        apm_ssl_client_authentication_options options = {.enabled_ssl_protocols = asked[i]};
        apm_ssl_protocols protocol;
        apm_error errors[2];
        apm_error error = apm_ssl_context_create_client(&options, &context);

        if (error == APM_ERROR_NOT_SUPPORTED) {
            CHECK_EQ(asked[i], APM_SSL_PROTOCOLS_TLS13); /* the TLS library has none */
            continue;
        }
        CHECK_SUCCESS(apm_ssl_context_close(context));
        struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);
        tls_pair_shake_hands(pair, tls_client(options), "test.local", tls_plain_server(), errors);
        CHECK_SUCCESS(errors[0]);
        CHECK_SUCCESS(apm_ssl_stream_ssl_protocol(pair.server, &protocol));
        if (asked[i] != APM_SSL_PROTOCOLS_NONE) {
            CHECK_EQ(protocol, asked[i]);
        }
        tls_pair_close(pair);
    }
    apm_ssl_client_authentication_options old = {.enabled_ssl_protocols = (apm_ssl_protocols)0x300};
    CHECK_ERROR(apm_ssl_context_create_client(&old, &context), APM_ERROR_ARGUMENT);
}

struct selection {
    apm_x509_certificate certificate;
    char asked[64];
};

static apm_x509_certificate select_certificate(apm_stream sender, const char *host_name, void *state)
{
    struct selection *selection = state;

    (void)sender;
    strncpy(selection->asked, host_name, sizeof selection->asked - 1);
    return selection->certificate;
}

TEST(a_server_selects_its_certificate_by_the_name_that_the_client_asks_for_ssl_027)
{
    static const struct {
        const char *host;
        const char *asked;
        bool gives;
    } cases[] = {{"test.local", "test.local", true},
                 {"127.0.0.1", "", true},
                 {"", "", true},
                 {"test.local", "test.local", false}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct selection selection = {.asked = "?"};
        struct judge judge = {.accepts = true};
        apm_ssl_server_authentication_options server = {.server_certificate_selection_callback = select_certificate,
                                                        .server_certificate_selection_state = &selection};
        apm_ssl_client_authentication_options client = {.remote_certificate_validation_callback = validate,
                                                        .remote_certificate_validation_state = &judge};
        struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);
        apm_ssl_context contexts[2] = {tls_client(client), tls_server(server)};
        struct operation as_client;

        if (cases[i].gives) {
            selection.certificate = tls_certificate(rsa_certificate, rsa_key);
        }
        CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_client(pair.client, contexts[0], cases[i].host,
                                                                  ON_COMPLETION(&as_client)));
        CHECK_ERROR(apm_ssl_stream_authenticate_as_server(pair.server, contexts[1]),
                    cases[i].gives ? APM_ERROR_SUCCESS : APM_ERROR_AUTHENTICATION);
        CHECK_STR(selection.asked, cases[i].asked);
        CHECK_SUCCESS(apm_stream_close(pair.server));
        AWAIT(&as_client);
        apm_error error = apm_ssl_stream_end_authenticate_as_client(pair.client, as_client.result);
        CHECK_EQ(error == APM_ERROR_SUCCESS, cases[i].gives);
        CHECK_SUCCESS(apm_stream_close(pair.client));
        CHECK_SUCCESS(apm_ssl_context_close(contexts[0]));
        CHECK_SUCCESS(apm_ssl_context_close(contexts[1]));
        if (cases[i].gives) {
            CHECK_SUCCESS(apm_x509_certificate_close(selection.certificate));
        }
    }
}

TEST(an_application_protocol_is_negotiated_or_the_handshake_fails_ssl_028)
{
    static const char *const both[] = {"h2", "http/1.1"};
    static const struct {
        const char *servers[1];
        const char *chosen; /* NULL: both fail */
    } cases[] = {{{"http/1.1"}, "http/1.1"}, {{"other"}, NULL}, {{NULL}, ""}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        apm_ssl_client_authentication_options client = {.application_protocols = both,
                                                        .application_protocols_count = 2};
        apm_ssl_server_authentication_options server = {.application_protocols = cases[i].servers,
                                                        .application_protocols_count = cases[i].servers[0] != NULL};
        struct tls_pair pair = tls_pair_create(TLS_OVER_TCP);
        apm_error errors[2];

        tls_pair_shake_hands(pair, tls_client(client), "test.local", tls_server(server), errors);
        for (int end = 0; end < 2; end++) {
            CHECK_ERROR(errors[end], cases[i].chosen ? APM_ERROR_SUCCESS : APM_ERROR_AUTHENTICATION);
        }
        if (cases[i].chosen) {
            CHECK_STR(tls_text(apm_ssl_stream_negotiated_application_protocol, pair.client), cases[i].chosen);
            CHECK_STR(tls_text(apm_ssl_stream_negotiated_application_protocol, pair.server), cases[i].chosen);
        }
        tls_pair_close(pair);
    }
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

TEST(an_expired_certificate_and_one_whose_revocation_is_unknown_are_refused_ssl_033)
{
    apm_error errors[2];
    struct tls_pair pair = shake_hands(expired_certificate, expired_key, "test.local", NULL, errors);
    apm_ssl_client_authentication_options options = {.certificate_chain_policy = {.check_revocation = true}};

    CHECK_ERROR(errors[0], APM_ERROR_AUTHENTICATION);
    CHECK_STR(tls_text(apm_ssl_stream_error_text, pair.client), "The peer's certificate is not accepted: NotTimeValid");
    tls_pair_close(pair);

    pair = tls_pair_create(TLS_OVER_TCP);
    tls_pair_shake_hands(pair, tls_client(options), "test.local", tls_plain_server(), errors);
    CHECK_ERROR(errors[0], APM_ERROR_AUTHENTICATION);
    CHECK_STR(tls_text(apm_ssl_stream_error_text, pair.client),
              "The peer's certificate is not accepted: RevocationStatusUnknown, OfflineRevocation");
    tls_pair_close(pair);
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
