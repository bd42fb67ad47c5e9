/*
 * The engine of TLS, without sockets: the handshake, data, ends, sessions, application protocols. See
 * unit_tls_certificates.c and unit_tls_bad_peer.c for the rest.
 */
#include <stdlib.h>
#include <string.h>

#include "support_certificates.h"
#include "support_tls_engine.h"

static void talk(size_t cut, size_t size)
{
    struct world world = world_create(cut);
    uint8_t *sent = malloc(size);
    uint8_t *received = malloc(size);
    uint64_t random = harness_seed();

    CHECK(sent != NULL && received != NULL);
    for (size_t i = 0; i < size; i++) {
        sent[i] = (uint8_t)harness_random(&random);
    }
    shake_hands_well(world.pair);
    for (int sender = 0; sender < 2; sender++) {
        write_all(world.pair, sender, sent, size);
        memset(received, 0, size);
        read_all(world.pair, !sender, received, size);
        CHECK(memcmp(sent, received, size) == 0);
    }
    world_destroy(&world);
    free(sent);
    free(received);
}

TEST(two_engines_talk_to_each_other_by_single_bytes)
{
    talk(1, 2000);
}

TEST(two_engines_talk_to_each_other_by_pieces_of_any_size)
{
    talk(0, 100000);
}

TEST(two_engines_talk_to_each_other_by_large_pieces)
{
    talk(20000, 150000);
}

TEST(what_was_agreed_on_is_strong_and_names_the_peer)
{
    struct world world = world_create(20000);
    struct apm__tls_agreement agreement;

    shake_hands_well(world.pair);
    apm__tls_engine_agreement(world.pair->ends[0].engine, &agreement);
    CHECK(agreement.protocol == APM_SSL_PROTOCOLS_TLS12 || agreement.protocol == APM_SSL_PROTOCOLS_TLS13);
    CHECK(agreement.suite == 0xC02B || agreement.suite == 0x1301);
    CHECK_STR(agreement.application_protocol, "");
    CHECK(!agreement.resumed);
    CHECK_EQ(world.pair->ends[0].judge.asked, 1);
    CHECK_EQ(world.pair->ends[0].judge.errors, APM_SSL_POLICY_ERRORS_NONE);
    CHECK(world.pair->ends[0].judge.had_certificate);
    CHECK_EQ(world.pair->ends[1].judge.asked, 0);
    world_destroy(&world);
}

static void shake_other_hands(void)
{
    struct world other = world_create(20000);

    shake_hands_well(other.pair);
    world_destroy(&other);
}

TEST(others_work_while_an_engine_asks_about_its_peer)
{
    struct world world = world_create(20000);

    world.pair->ends[0].judge.meanwhile = shake_other_hands;
    shake_hands_well(world.pair);
    CHECK_EQ(world.pair->ends[0].judge.asked, 1);
    world_destroy(&world);
}

TEST(close_notify_ends_the_stream_and_its_absence_cuts_it_off)
{
    for (int orderly = 0; orderly < 2; orderly++) {
        struct world world = world_create(20000);
        struct end *client = &world.pair->ends[0];
        uint8_t buffer[8];
        size_t size;
        const char *text;

        shake_hands_well(world.pair);
        write_all(world.pair, 1, (const uint8_t *)"last", 4);
        if (orderly) {
            CHECK_EQ(apm__tls_engine_close_notify(world.pair->ends[1].engine), APM__TLS_DONE);
            collect(world.pair, 1);
        }
        read_all(world.pair, 0, buffer, 4);
        while (deliver(world.pair, 0) &&
               apm__tls_engine_read(client->engine, buffer, 8, &size) == APM__TLS_NEEDS_INPUT) {}
        apm__tls_engine_end_records(client->engine);
        CHECK_EQ(apm__tls_engine_read(client->engine, buffer, 8, &size), orderly ? APM__TLS_ENDED : APM__TLS_FAILED);
        if (!orderly) {
            CHECK_ERROR(apm__tls_engine_error(client->engine, &text), APM_ERROR_IO);
        }
        world_destroy(&world);
    }
}

TEST(a_session_is_resumed_with_the_verdict_on_the_first_certificate)
{
    struct apm__tls_policy resumes = {.resumes = true};
    struct world world = world_create_of(server_certificate, server_key, resumes, resumes, "test.local", 0);

    for (int round = 0; round < 4; round++) {
        struct apm__tls_agreement agreement;
        uint8_t buffer[4];

        shake_hands_well(world.pair);
        /* With TLS 1.3 the ticket comes behind the handshake. */
        write_all(world.pair, 1, (const uint8_t *)"abc", 3);
        read_all(world.pair, 0, buffer, 3);
        for (int i = 0; i < 2; i++) {
            apm__tls_engine_agreement(world.pair->ends[i].engine, &agreement);
            CHECK_EQ(agreement.resumed, round > 0);
        }
        apm__tls_engine_agreement(world.pair->ends[0].engine, &agreement);
        CHECK(agreement.verdict.certificate != NULL);
        CHECK_EQ(world.pair->ends[0].judge.asked, 1);
        CHECK(world.pair->ends[0].judge.had_certificate);
        pair_destroy(world.pair);
        world.pair = pair_create(world.client, world.server, "test.local", 0);
    }
    world_destroy(&world);
}

TEST(what_was_found_of_a_session_that_is_not_resumed_does_not_count)
{
    struct apm__tls_policy resumes = {.resumes = true};
    struct world world =
        world_create_of(self_signed_certificate, self_signed_key, resumes, resumes, "test.local", 20000);
    struct world good = world_create_of(server_certificate, server_key, resumes, resumes, "test.local", 20000);
    uint8_t buffer[4];

    world.pair->ends[0].judge.accepts_errors = true;
    shake_hands_well(world.pair);
    CHECK_EQ(world.pair->ends[0].judge.status, APM_X509_CHAIN_STATUS_FLAGS_UNTRUSTED_ROOT);
    write_all(world.pair, 1, (const uint8_t *)"abc", 3);
    read_all(world.pair, 0, buffer, 3);
    pair_destroy(world.pair);

    /* The session is offered to a server that does not know it, and has another certificate. */
    world.pair = pair_create(world.client, good.server, "test.local", 20000);
    shake_hands_well(world.pair);
    CHECK_EQ(world.pair->ends[0].judge.asked, 1);
    CHECK_EQ(world.pair->ends[0].judge.status, APM_X509_CHAIN_STATUS_FLAGS_NO_ERROR);
    CHECK_EQ(world.pair->ends[0].judge.errors, APM_SSL_POLICY_ERRORS_NONE);
    world_destroy(&world); /* whose pair needs the other's server */
    world_destroy(&good);
}

TEST(an_application_protocol_is_chosen_or_the_handshake_fails)
{
    static const char *const both[] = {"h2", "http/1.1"};
    static const char *const second[] = {"http/1.1"};
    static const char *const neither[] = {"other"};
    struct apm__tls_policy client = {.application_protocols = both, .application_protocols_count = 2};
    struct apm__tls_policy server = {.application_protocols = second, .application_protocols_count = 1};
    struct world world = world_create_of(server_certificate, server_key, client, server, "test.local", 20000);
    struct apm__tls_agreement agreement;
    enum apm__tls_progress progress[2];

    shake_hands_well(world.pair);
    apm__tls_engine_agreement(world.pair->ends[1].engine, &agreement);
    CHECK_STR(agreement.application_protocol, "http/1.1");
    world_destroy(&world);

    server.application_protocols = neither;
    world = world_create_of(server_certificate, server_key, client, server, "test.local", 20000);
    shake_hands(world.pair, progress);
    CHECK(progress[0] == APM__TLS_FAILED && progress[1] == APM__TLS_FAILED);
    world_destroy(&world);
}

TEST_MAIN()
