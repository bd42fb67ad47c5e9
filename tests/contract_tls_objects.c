/*
 * Contexts and certificates of TLS: the context that a client has without one, what files may hold, what is refused,
 * and what cleanup finds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support_certificates.h"
#include "support_tls.h"

/* -- Files in memory, which have a path and leave nothing behind --------------------------------------------------- */

struct memory_file {
    int descriptor;
    char path[64];
};

static struct memory_file memory_file_create(const char *text)
{
    struct memory_file file = {.descriptor = memfd_create("apm-test", MFD_CLOEXEC)};

    CHECK(file.descriptor >= 0);
    CHECK_EQ(write(file.descriptor, text, strlen(text)), (ssize_t)strlen(text));
    snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.descriptor);
    return file;
}

static void memory_file_close(struct memory_file file)
{
    CHECK_EQ(close(file.descriptor), 0);
}

/* -- The default context ------------------------------------------------------------------------------------------- */

static void shake_hands_by_default(apm_error errors[2], bool *resumed)
{
    struct tls_pair pair = tls_pair_create(TLS_IN_MEMORY);
    apm_ssl_context server = tls_plain_server();
    char byte;

    tls_pair_shake_hands(pair, (apm_ssl_context)APM_NULL_HANDLE, "test.local", server, errors);
    *resumed = apm_ssl_stream_is_resumed(pair.client);
    if (errors[0] == APM_ERROR_SUCCESS && errors[1] == APM_ERROR_SUCCESS) {
        CHECK_SUCCESS(apm_stream_write(pair.server, "x", 1));
        tls_read_exactly(pair.client, &byte, 1);
    }
    tls_pair_close(pair);
}

CONTRACT_TEST(a_client_without_a_context_trusts_the_roots_of_the_system)
{
    struct memory_file roots = memory_file_create(authority_certificate);
    apm_error errors[2];
    bool resumed;

    CHECK_EQ(setenv("SSL_CERT_FILE", roots.path, 1), 0);
    for (int round = 0; round < 3; round++) {
        shake_hands_by_default(errors, &resumed);
        CHECK_SUCCESS(errors[0]);
        CHECK_SUCCESS(errors[1]);
        CHECK(!resumed); /* the server's context is another one each time */
    }
    memory_file_close(roots);
}

CONTRACT_TEST(a_client_without_a_context_does_not_trust_other_roots)
{
    struct memory_file roots = memory_file_create(self_signed_certificate);
    apm_error errors[2];
    bool resumed;

    CHECK_EQ(setenv("SSL_CERT_FILE", roots.path, 1), 0);
    shake_hands_by_default(errors, &resumed);
    CHECK_ERROR(errors[0], APM_ERROR_AUTHENTICATION);
    CHECK(errors[1] != APM_ERROR_SUCCESS);
    memory_file_close(roots);
}

CONTRACT_TEST(roots_that_cannot_be_read_fail_the_handshake_and_are_looked_for_again)
{
    struct memory_file roots = memory_file_create(authority_certificate);
    apm_ssl_context server = tls_plain_server();
    struct tls_pair pair = tls_pair_create(TLS_IN_MEMORY);
    apm_error errors[2];
    bool resumed;

    CHECK_EQ(setenv("SSL_CERT_FILE", "/proc/self/no-such-file", 1), 0);
    CHECK_ERROR(apm_ssl_stream_authenticate_as_client(pair.client, (apm_ssl_context)APM_NULL_HANDLE, "test.local"),
                APM_ERROR_FILE_NOT_FOUND);
    CHECK(!apm_ssl_stream_is_authenticated(pair.client));
    tls_pair_close(pair);
    CHECK_SUCCESS(apm_ssl_context_close(server));
    CHECK_EQ(setenv("SSL_CERT_FILE", roots.path, 1), 0);
    shake_hands_by_default(errors, &resumed);
    CHECK_SUCCESS(errors[0]);
    CHECK_SUCCESS(errors[1]);
    memory_file_close(roots);
}

/* -- Files --------------------------------------------------------------------------------------------------------- */

TEST(a_certificate_and_its_key_are_read_from_files)
{
    struct memory_file certificate = memory_file_create(server_certificate);
    struct memory_file key = memory_file_create(server_key);
    apm_x509_certificate made = tls_certificate(authority_certificate, NULL); /* skips where there is no TLS */

    CHECK_SUCCESS(apm_x509_certificate_close(made));
    CHECK_SUCCESS(apm_x509_certificate_create_file(certificate.path, key.path, NULL, &made));
    CHECK(apm_x509_certificate_has_private_key(made));
    CHECK_STR(tls_subject(made), "CN=test.local");
    memory_file_close(certificate);
    memory_file_close(key);
}

TEST(files_that_are_no_certificates_are_refused_by_what_is_wrong_with_them)
{
    struct memory_file certificate = memory_file_create(server_certificate);
    struct memory_file other_files_key = memory_file_create(other_key);
    struct memory_file huge = memory_file_create("");
    apm_x509_certificate made = tls_certificate(authority_certificate, NULL);

    CHECK_SUCCESS(apm_x509_certificate_close(made));
    CHECK_EQ(ftruncate(huge.descriptor, 17 << 20), 0);
    CHECK_ERROR(apm_x509_certificate_create_file(huge.path, NULL, NULL, &made), APM_ERROR_IO);
    CHECK(apm_x509_certificate_is_null(made));
    CHECK_ERROR(apm_x509_certificate_create_file("/proc/self/no-such-file", NULL, NULL, &made),
                APM_ERROR_FILE_NOT_FOUND);
    CHECK_ERROR(apm_x509_certificate_create_file(certificate.path, "/proc/self/no-such-file", NULL, &made),
                APM_ERROR_FILE_NOT_FOUND);
    CHECK_ERROR(apm_x509_certificate_create_file(certificate.path, other_files_key.path, NULL, &made),
                APM_ERROR_CRYPTOGRAPHIC);
    CHECK(apm_x509_certificate_is_null(made));
    CHECK_ERROR(apm_x509_certificate_create_file("", NULL, NULL, &made), APM_ERROR_ARGUMENT);
    memory_file_close(certificate);
    memory_file_close(other_files_key);
    memory_file_close(huge);
}

/* -- What is refused ----------------------------------------------------------------------------------------------- */

static void check_refused(apm_ssl_client_authentication_options options, apm_error expected)
{
    apm_ssl_context context;

    CHECK_ERROR(apm_ssl_context_create_client(&options, &context), expected);
    CHECK(apm_ssl_context_is_null(context));
}

TEST(options_that_contradict_themselves_make_no_context)
{
    const char *const empty_name[] = {"h2", ""};
    const char *const no_name[] = {NULL};
    char long_name[300];
    const char *const too_long_name[] = {long_name};
    apm_x509_certificate closed = tls_certificate(authority_certificate, NULL);

    memset(long_name, 'a', sizeof long_name);
    long_name[256] = '\0';
    CHECK_SUCCESS(apm_x509_certificate_close(closed));
    check_refused((apm_ssl_client_authentication_options){.application_protocols_count = 1}, APM_ERROR_ARGUMENT_NULL);
    check_refused((apm_ssl_client_authentication_options){.cipher_suites_policy_count = 1}, APM_ERROR_ARGUMENT_NULL);
    check_refused((apm_ssl_client_authentication_options){.certificate_chain_policy.revocation_lists_size = 1},
                  APM_ERROR_ARGUMENT_NULL);
    check_refused((apm_ssl_client_authentication_options){.enabled_ssl_protocols = (apm_ssl_protocols)1},
                  APM_ERROR_ARGUMENT);
    check_refused(
        (apm_ssl_client_authentication_options){.application_protocols = empty_name, .application_protocols_count = 2},
        APM_ERROR_ARGUMENT);
    check_refused(
        (apm_ssl_client_authentication_options){.application_protocols = no_name, .application_protocols_count = 1},
        APM_ERROR_ARGUMENT);
    check_refused((apm_ssl_client_authentication_options){.application_protocols = too_long_name,
                                                          .application_protocols_count = 1},
                  APM_ERROR_ARGUMENT);
    check_refused((apm_ssl_client_authentication_options){.certificate_chain_policy.custom_trust_store = closed},
                  APM_ERROR_OBJECT_DISPOSED);
    check_refused((apm_ssl_client_authentication_options){.client_certificate = closed}, APM_ERROR_OBJECT_DISPOSED);
}

/* -- Cleanup ------------------------------------------------------------------------------------------------------- */

TEST(cleanup_closes_certificates_and_contexts_that_were_left_and_their_handles_are_stale)
{
    apm_x509_certificate left = tls_certificate(server_certificate, server_key);
    apm_ssl_context context = tls_plain_client();

    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK(!apm_x509_certificate_has_private_key(left));
    CHECK_SUCCESS(apm_x509_certificate_close(left));
    CHECK_SUCCESS(apm_ssl_context_close(context));
    left = tls_certificate(server_certificate, server_key);
    CHECK(apm_x509_certificate_has_private_key(left));
    CHECK_SUCCESS(apm_x509_certificate_close(left));
}

LIBRARY_TEST_MAIN()
