/*
 * The engine of TLS: the certificates that the ends show each other, and the forms in which keys are read.
 */
#include <stdlib.h>
#include <string.h>

#include "support_certificates.h"
#include "support_chains.h"
#include "support_tls_engine.h"

/* How the client finds a server's certificate; true: the handshake has failed at both ends. */
static bool is_refused(const char *certificate, const char *key, const char *host, struct apm__tls_policy client,
                       struct judge *judged, char *text, size_t size)
{
    struct apm__tls_policy none = {0};
    struct world world = world_create_of(certificate, key, client, none, host, 20000);
    enum apm__tls_progress progress[2];
    const char *said;

    shake_hands(world.pair, progress);
    *judged = world.pair->ends[0].judge;
    text[0] = '\0';
    if (progress[0] == APM__TLS_FAILED) {
        CHECK_ERROR(apm__tls_engine_error(world.pair->ends[0].engine, &said), APM_ERROR_AUTHENTICATION);
        strncpy(text, said, size - 1);
        CHECK_EQ(progress[1], APM__TLS_FAILED);
        CHECK_ERROR(apm__tls_engine_error(world.pair->ends[1].engine, &said), APM_ERROR_AUTHENTICATION);
        CHECK(said[0] != 0);
    }
    world_destroy(&world);
    return progress[0] == APM__TLS_FAILED;
}

TEST(a_certificate_that_is_not_right_is_refused_with_the_reason_and_the_server_learns_it)
{
    struct apm__tls_policy none = {0};
    struct apm__tls_policy strict = {.revocations = bytes_of(revocation_list), .check_revocation = true};
    struct apm__tls_policy unknown = {.check_revocation = true};
    struct judge judged;
    char text[256];

    CHECK(!is_refused(server_certificate, server_key, "TEST.local.", none, &judged, text, sizeof text));
    CHECK(!is_refused(server_certificate, server_key, "127.0.0.1", none, &judged, text, sizeof text));
    CHECK(!is_refused(server_certificate, server_key, "::1", none, &judged, text, sizeof text));
    CHECK(!is_refused(server_certificate, server_key, "a.wild.local", none, &judged, text, sizeof text));
    CHECK(!is_refused(rsa_certificate, rsa_key, "test.local", none, &judged, text, sizeof text));

    CHECK(is_refused(server_certificate, server_key, "a.b.wild.local", none, &judged, text, sizeof text));
    CHECK(is_refused(server_certificate, server_key, "127.0.0.2", none, &judged, text, sizeof text));
    CHECK(is_refused(server_certificate, server_key, "", none, &judged, text, sizeof text));
    CHECK(is_refused(other_certificate, other_key, "test.local", none, &judged, text, sizeof text));
    CHECK_EQ(judged.errors, APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NAME_MISMATCH);
    CHECK(strstr(text, "RemoteCertificateNameMismatch") != NULL);
    CHECK(is_refused(self_signed_certificate, self_signed_key, "test.local", none, &judged, text, sizeof text));
    CHECK_EQ(judged.errors, APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_CHAIN_ERRORS);
    CHECK_EQ(judged.status, APM_X509_CHAIN_STATUS_FLAGS_UNTRUSTED_ROOT);
    CHECK(strstr(text, "UntrustedRoot") != NULL);
    CHECK(is_refused(expired_certificate, expired_key, "test.local", none, &judged, text, sizeof text));
    CHECK_EQ(judged.status, APM_X509_CHAIN_STATUS_FLAGS_NOT_TIME_VALID);
    CHECK(strstr(text, "NotTimeValid") != NULL);

    CHECK(!is_refused(server_certificate, server_key, "test.local", strict, &judged, text, sizeof text));
    CHECK(is_refused(revoked_certificate, revoked_key, "test.local", strict, &judged, text, sizeof text));
    CHECK_EQ(judged.status, APM_X509_CHAIN_STATUS_FLAGS_REVOKED);
    CHECK(is_refused(server_certificate, server_key, "test.local", unknown, &judged, text, sizeof text));
    CHECK_STR(text, "The peer's certificate is not accepted: RevocationStatusUnknown, OfflineRevocation");
}

TEST(a_client_shows_its_certificate_where_it_is_asked_for_it)
{
    struct apm__tls_certificate *own = certificate_of(client_certificate, client_key);
    struct apm__tls_policy client = {.own = own};
    struct apm__tls_policy server = {.asks_for_certificate = true, .resumes = true};

    for (int asks = 0; asks < 2; asks++) {
        server.asks_for_certificate = asks;
        struct world world = world_create_of(server_certificate, server_key, client, server, "test.local", 20000);
        struct apm__tls_agreement agreement;
        char name[64];

        shake_hands_well(world.pair);
        apm__tls_engine_agreement(world.pair->ends[0].engine, &agreement);
        CHECK_EQ(agreement.used_own_certificate, asks);
        CHECK_EQ(world.pair->ends[1].judge.asked, asks);
        apm__tls_engine_agreement(world.pair->ends[1].engine, &agreement);
        CHECK_EQ(agreement.verdict.certificate != NULL, asks);
        if (asks) {
            CHECK(apm__tls_certificate_name(agreement.verdict.certificate, 0, false, name, sizeof name));
            CHECK_STR(name, "CN=client one");
        }
        world_destroy(&world);
    }
    apm__tls_certificate_destroy(own);
}

TEST(a_client_without_the_certificate_that_is_asked_for_is_judged)
{
    struct apm__tls_policy none = {0};
    struct apm__tls_policy server = {.asks_for_certificate = true};
    struct world world = world_create_of(server_certificate, server_key, none, server, "test.local", 20000);
    enum apm__tls_progress progress[2];
    const char *text;

    shake_hands(world.pair, progress);
    CHECK_EQ(progress[1], APM__TLS_FAILED);
    CHECK_EQ(world.pair->ends[1].judge.errors, APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NOT_AVAILABLE);
    CHECK_ERROR(apm__tls_engine_error(world.pair->ends[1].engine, &text), APM_ERROR_AUTHENTICATION);
    CHECK(strstr(text, "RemoteCertificateNotAvailable") != NULL);
    world_destroy(&world);
}

TEST(keys_are_read_in_each_form_and_wrong_ones_are_refused)
{
    struct apm__tls_certificate *created;
    struct apm__tls_bytes none = {NULL, 0};
    size_t size;
    char both[8192];

    apm__tls_certificate_destroy(certificate_of(server_certificate, server_key));
    CHECK_SUCCESS(
        apm__tls_certificate_create(bytes_of(rsa_certificate), bytes_of(rsa_key_encrypted), "secret", &created));
    CHECK(apm__tls_certificate_has_key(created));
    apm__tls_certificate_destroy(created);
    CHECK_ERROR(apm__tls_certificate_create(bytes_of(rsa_certificate), bytes_of(rsa_key_encrypted), "wrong", &created),
                APM_ERROR_CRYPTOGRAPHIC);
    CHECK_ERROR(apm__tls_certificate_create(bytes_of(rsa_certificate), bytes_of(rsa_key_encrypted), NULL, &created),
                APM_ERROR_CRYPTOGRAPHIC);
    CHECK_ERROR(apm__tls_certificate_create(bytes_of(server_certificate), bytes_of(rsa_key), NULL, &created),
                APM_ERROR_CRYPTOGRAPHIC);
    CHECK_ERROR(apm__tls_certificate_create(bytes_of("nothing"), none, NULL, &created), APM_ERROR_CRYPTOGRAPHIC);

    strncpy(both, server_key, sizeof both - 1);
    both[sizeof both - 1] = 0;
    strncat(both, server_certificate, sizeof both - strlen(both) - 1);
    strncat(both, authority_certificate, sizeof both - strlen(both) - 1);
    CHECK_SUCCESS(apm__tls_certificate_create(bytes_of(both), none, NULL, &created));
    CHECK(apm__tls_certificate_has_key(created));
    CHECK_EQ(apm__tls_certificate_count(created), 2);
    const void *der = apm__tls_certificate_der(created, 1, &size);
    struct apm__tls_certificate *second;
    CHECK_SUCCESS(apm__tls_certificate_create((struct apm__tls_bytes){der, size}, none, NULL, &second));
    CHECK(!apm__tls_certificate_has_key(second));
    apm__tls_certificate_destroy(second);
    apm__tls_certificate_destroy(created);
}

/* -- Chains -------------------------------------------------------------------------------------------------------- */

TEST(a_chain_that_is_wrong_in_any_way_is_refused_by_dotnets_flag_for_it)
{
    static const struct {
        const char *chain;
        const char *key;
        const char *host;
        uint32_t errors;
        uint32_t status;
    } cases[] = {
        {chain_good, chain_key, "test.local", 0, 0},
        {chain_good, chain_key, "other.local", APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NAME_MISMATCH, 0},
        {chain_early, chain_key, "test.local", 0, APM_X509_CHAIN_STATUS_FLAGS_NOT_TIME_VALID},
        {chain_old, chain_key, "test.local", 0, APM_X509_CHAIN_STATUS_FLAGS_NOT_TIME_VALID},
        {chain_sha1, chain_key, "test.local", 0, APM_X509_CHAIN_STATUS_FLAGS_HAS_WEAK_SIGNATURE},
        {chain_weak, chain_weak_key, "test.local", 0, APM_X509_CHAIN_STATUS_FLAGS_HAS_WEAK_SIGNATURE},
        {chain_strange, chain_key, "test.local", 0, APM_X509_CHAIN_STATUS_FLAGS_UNTRUSTED_ROOT},
        {chain_gap, chain_key, "test.local", 0, APM_X509_CHAIN_STATUS_FLAGS_PARTIAL_CHAIN},
        {chain_plain, chain_key, "test.local", 0, APM_X509_CHAIN_STATUS_FLAGS_PARTIAL_CHAIN},
        {chain_deep, chain_key, "test.local", 0, APM_X509_CHAIN_STATUS_FLAGS_PARTIAL_CHAIN},
        {chain_forged, chain_key, "test.local", 0, APM_X509_CHAIN_STATUS_FLAGS_PARTIAL_CHAIN},
        {chain_revoked, chain_key, "test.local", 0, APM_X509_CHAIN_STATUS_FLAGS_REVOKED},
    };
    struct apm__tls_certificate *root = certificate_of(chain_root, NULL);
    struct apm__tls_policy policy = {.roots = root, .revocations = bytes_of(chain_lists), .check_revocation = false};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t errors = cases[i].status ? APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_CHAIN_ERRORS : cases[i].errors;
        struct judge judged;
        char text[256] = "";

        bool refused = is_refused(cases[i].chain, cases[i].key, cases[i].host, policy, &judged, text, sizeof text);
        if (refused != (errors != 0) || judged.asked != 1 || judged.errors != errors ||
            judged.status != cases[i].status) {
            harness_fail(__FILE__, __LINE__, "case %zu: %d, errors %d, status %x: %s", i, refused, (int)judged.errors,
                         (unsigned)judged.status, text);
        }
    }

    policy.check_revocation = true; /* and with lists for all of the chain it is known, too */
    struct judge judged;
    char text[256];
    CHECK(!is_refused(chain_good, chain_key, "test.local", policy, &judged, text, sizeof text));
    CHECK(is_refused(chain_revoked, chain_key, "test.local", policy, &judged, text, sizeof text));
    CHECK_EQ(judged.status, APM_X509_CHAIN_STATUS_FLAGS_REVOKED);
    apm__tls_certificate_destroy(root);
}

/* A server of mbedTLS does not show what is for clients; so it is tried the other way round here. */
TEST(a_certificate_of_a_server_is_none_of_a_client)
{
    struct apm__tls_certificate *own = certificate_of(server_certificate, server_key);
    struct apm__tls_policy client = {.own = own};
    struct apm__tls_policy server = {.asks_for_certificate = true};
    struct world world = world_create_of(server_certificate, server_key, client, server, "test.local", 20000);
    enum apm__tls_progress progress[2];
    const char *text;

    shake_hands(world.pair, progress);
    CHECK_EQ(progress[1], APM__TLS_FAILED);
    CHECK_EQ(world.pair->ends[1].judge.errors, APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_CHAIN_ERRORS);
    CHECK_EQ(world.pair->ends[1].judge.status, APM_X509_CHAIN_STATUS_FLAGS_NOT_VALID_FOR_USAGE);
    CHECK_ERROR(apm__tls_engine_error(world.pair->ends[1].engine, &text), APM_ERROR_AUTHENTICATION);
    CHECK(strstr(text, "NotValidForUsage") != NULL);
    world_destroy(&world);
    apm__tls_certificate_destroy(own);
}

TEST_MAIN()
