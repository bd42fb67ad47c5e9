/*
 * Streams of TLS as .NET's SslStream: whom it accepts, and what two ends come to terms on. Of the cases ssl-* of its
 * recorded behaviour these; the others are in behaviour_ssl_stream.c.
 */
#include <string.h>

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

LIBRARY_TEST_MAIN()
