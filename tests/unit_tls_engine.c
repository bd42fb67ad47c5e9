/*
 * The engine of TLS, without sockets: two of them, whose records are carried from one to the other in memory, cut into
 * pieces of any size.
 */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "support_certificates.h"
#include "tls_engine.h"

/* -- Two engines --------------------------------------------------------------------------------------------------- */

/* What an end has been asked about its peer. */
struct judge {
    unsigned asked;
    bool accepts_errors;
    apm_ssl_policy_errors errors;
    apm_x509_chain_status_flags status;
    bool had_certificate;
};

struct end {
    struct apm__tls_engine *engine;
    struct judge judge;
    uint8_t wire[1 << 18]; /* from the peer, not handed over yet */
    size_t from;
    size_t to;
    uint8_t piece[20000]; /* what has been handed over: the engine borrows it */
};

struct pair {
    struct end ends[2]; /* the client, the server */
    size_t cut;         /* the largest piece; 0: any, by chance */
    uint64_t random;
};

static struct apm__tls_bytes bytes_of(const char *text)
{
    return (struct apm__tls_bytes){text, strlen(text)};
}

static struct apm__tls_certificate *certificate_of(const char *certificate, const char *key)
{
    struct apm__tls_bytes none = {NULL, 0};
    struct apm__tls_certificate *created;
    apm_error error = apm__tls_certificate_create(bytes_of(certificate), key ? bytes_of(key) : none, NULL, &created);

    if (error == APM_ERROR_NOT_SUPPORTED) {
        SKIP("the library was built without TLS");
    }
    CHECK_SUCCESS(error);
    return created;
}

static bool judge(void *context, const struct apm__tls_verdict *verdict)
{
    struct judge *of = context;

    of->asked++;
    of->errors = verdict->errors;
    of->status = verdict->chain_status;
    of->had_certificate = verdict->certificate != NULL;
    return of->accepts_errors || verdict->errors == APM_SSL_POLICY_ERRORS_NONE;
}

static struct pair *pair_create(struct apm__tls_config *client, struct apm__tls_config *server, const char *host,
                                size_t cut)
{
    struct pair *pair = calloc(1, sizeof *pair);
    struct apm__tls_config *configs[2] = {client, server};

    CHECK(pair != NULL);
    pair->cut = cut;
    pair->random = harness_seed();
    for (int i = 0; i < 2; i++) {
        struct apm__tls_engine_origin origin = {configs[i], host, NULL, judge, &pair->ends[i].judge};

        CHECK_SUCCESS(apm__tls_engine_create(&origin, &pair->ends[i].engine));
    }
    return pair;
}

static void pair_destroy(struct pair *pair)
{
    apm__tls_engine_destroy(pair->ends[0].engine);
    apm__tls_engine_destroy(pair->ends[1].engine);
    free(pair);
}

/* Puts what an end has to send onto the wire of the other. */
static void collect(struct pair *pair, int sender)
{
    struct end *to = &pair->ends[!sender];
    const void *records;
    size_t size = apm__tls_engine_take_records(pair->ends[sender].engine, &records);

    CHECK(to->to + size <= sizeof to->wire);
    memcpy(to->wire + to->to, records, size);
    to->to += size;
}

/* Hands the next piece over, if the engine has read the one before; false if there is nothing on the wire. */
static bool deliver(struct pair *pair, int receiver)
{
    struct end *end = &pair->ends[receiver];
    size_t size = end->to - end->from;
    size_t most = pair->cut ? pair->cut : 1 + harness_random(&pair->random) % sizeof end->piece;

    if (apm__tls_engine_unread(end->engine) > 0) {
        return true;
    }
    if (size == 0) {
        return false;
    }
    if (size > most) {
        size = most;
    }
    memcpy(end->piece, end->wire + end->from, size);
    end->from += size;
    if (end->from == end->to) {
        end->from = end->to = 0;
    }
    apm__tls_engine_put_records(end->engine, end->piece, size);
    return true;
}

/* One end's part of the handshake as far as it goes. */
static enum apm__tls_progress handshake_step(struct pair *pair, int i)
{
    enum apm__tls_progress progress;

    do {
        progress = apm__tls_engine_handshake(pair->ends[i].engine);
        collect(pair, i);
    } while (progress == APM__TLS_NEEDS_ROOM || (progress == APM__TLS_NEEDS_INPUT && deliver(pair, i)));
    return progress;
}

/* Both ends until neither goes on. */
static void shake_hands(struct pair *pair, enum apm__tls_progress progress[2])
{
    for (int round = 0; round < 20; round++) {
        progress[0] = handshake_step(pair, 0);
        progress[1] = handshake_step(pair, 1);
    }
}

static void shake_hands_well(struct pair *pair)
{
    enum apm__tls_progress progress[2];
    const char *text;

    shake_hands(pair, progress);
    for (int i = 0; i < 2; i++) {
        if (progress[i] != APM__TLS_DONE) {
            apm_error error = apm__tls_engine_error(pair->ends[i].engine, &text);

            harness_fail(__FILE__, __LINE__, "end %d: %d, %d, %s", i, (int)progress[i], (int)error, text);
        }
    }
}

/* Reads exactly that much at one end. */
static void read_all(struct pair *pair, int receiver, uint8_t *buffer, size_t size)
{
    size_t done = 0;

    while (done < size) {
        size_t part;
        enum apm__tls_progress progress = apm__tls_engine_read(pair->ends[receiver].engine, buffer + done, size - done,
                                                               &part);

        done += part;
        if (progress == APM__TLS_NEEDS_INPUT) {
            CHECK(deliver(pair, receiver));
        } else {
            CHECK_EQ(progress, APM__TLS_DONE);
        }
    }
}

static void write_all(struct pair *pair, int sender, const uint8_t *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        size_t part;
        enum apm__tls_progress progress = apm__tls_engine_write(pair->ends[sender].engine, data + done, size - done,
                                                                &part);

        CHECK(progress == APM__TLS_DONE || progress == APM__TLS_NEEDS_ROOM);
        done += part;
        collect(pair, sender);
    }
}

/* -- Configurations ------------------------------------------------------------------------------------------------ */

struct world {
    struct apm__tls_certificate *authority;
    struct apm__tls_certificate *own;
    struct apm__tls_config *client;
    struct apm__tls_config *server;
    struct pair *pair;
};

static struct apm__tls_config *config_of(struct apm__tls_policy policy)
{
    struct apm__tls_config *config;

    CHECK_SUCCESS(apm__tls_config_create(&policy, &config));
    return config;
}

static struct world world_create_of(const char *certificate, const char *key, struct apm__tls_policy client,
                                    struct apm__tls_policy server, const char *host, size_t cut)
{
    struct world world = {.authority = certificate_of(authority_certificate, NULL),
                          .own = certificate_of(certificate, key)};

    client.roots = server.roots = world.authority;
    server.is_server = true;
    server.own = world.own;
    world.client = config_of(client);
    world.server = config_of(server);
    world.pair = pair_create(world.client, world.server, host, cut);
    return world;
}

static struct world world_create(size_t cut)
{
    struct apm__tls_policy none = {0};

    return world_create_of(server_certificate, server_key, none, none, "test.local", cut);
}

static void world_destroy(struct world *world)
{
    pair_destroy(world->pair);
    apm__tls_config_destroy(world->client);
    apm__tls_config_destroy(world->server);
    apm__tls_certificate_destroy(world->own);
    apm__tls_certificate_destroy(world->authority);
}

/* -- Tests --------------------------------------------------------------------------------------------------------- */

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
    world_destroy(&good);
    world_destroy(&world);
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

TEST(records_that_are_changed_on_their_way_fail_and_change_nothing_else)
{
    uint64_t random = harness_seed();

    for (int round = 0; round < 50; round++) {
        struct world world = world_create(20000);
        struct end *client = &world.pair->ends[0];
        uint8_t buffer[64];
        size_t size;
        const char *text;

        shake_hands_well(world.pair);
        write_all(world.pair, 1, (const uint8_t *)"something", 9);
        /* Behind the head of the last record, which says how long it is. */
        size_t end = client->to;
        client->wire[end - 1 - harness_random(&random) % 20] ^= (uint8_t)(1 + harness_random(&random) % 255);
        enum apm__tls_progress progress = APM__TLS_NEEDS_INPUT;
        while (progress == APM__TLS_NEEDS_INPUT && deliver(world.pair, 0)) {
            progress = apm__tls_engine_read(client->engine, buffer, sizeof buffer, &size);
        }
        CHECK_EQ(progress, APM__TLS_FAILED);
        CHECK_ERROR(apm__tls_engine_error(client->engine, &text), APM_ERROR_IO);
        CHECK_EQ(apm__tls_engine_write(client->engine, "x", 1, &size), APM__TLS_FAILED);
        world_destroy(&world);
    }
}

TEST(a_handshake_of_garbage_fails)
{
    uint64_t random = harness_seed();

    for (int round = 0; round < 200; round++) {
        struct world world = world_create(20000);
        enum apm__tls_progress progress[2];
        struct end *server = &world.pair->ends[1];

        (void)apm__tls_engine_handshake(world.pair->ends[0].engine);
        collect(world.pair, 0);
        for (unsigned changes = 1 + harness_random(&random) % 4; changes > 0; changes--) {
            server->wire[harness_random(&random) % server->to] = (uint8_t)harness_random(&random);
        }
        if (round % 4 == 0) {
            server->to = 1 + harness_random(&random) % server->to;
            apm__tls_engine_end_records(server->engine);
        }
        shake_hands(world.pair, progress);
        world_destroy(&world);
    }
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

TEST_MAIN()
