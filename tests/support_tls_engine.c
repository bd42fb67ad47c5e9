/*
 * Two engines of TLS: see support_tls_engine.h.
 */
#include "support_tls_engine.h"

#include <stdlib.h>
#include <string.h>

#include "support_certificates.h"

struct apm__tls_bytes bytes_of(const char *text)
{
    return (struct apm__tls_bytes){text, strlen(text)};
}

struct apm__tls_certificate *certificate_of(const char *certificate, const char *key)
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
    if (of->meanwhile) {
        of->meanwhile();
    }
    return of->accepts_errors || verdict->errors == APM_SSL_POLICY_ERRORS_NONE;
}

struct pair *pair_create(struct apm__tls_config *client, struct apm__tls_config *server, const char *host, size_t cut)
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

void pair_destroy(struct pair *pair)
{
    apm__tls_engine_destroy(pair->ends[0].engine);
    apm__tls_engine_destroy(pair->ends[1].engine);
    free(pair);
}

void collect(struct pair *pair, int sender)
{
    struct end *to = &pair->ends[!sender];
    const void *records;
    size_t size = apm__tls_engine_take_records(pair->ends[sender].engine, &records);

    CHECK(to->to + size <= sizeof to->wire);
    if (size > 0) {
        memcpy(to->wire + to->to, records, size);
    }
    to->to += size;
}

bool deliver(struct pair *pair, int receiver)
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

void shake_hands(struct pair *pair, enum apm__tls_progress progress[2])
{
    for (int round = 0; round < 20; round++) {
        progress[0] = handshake_step(pair, 0);
        progress[1] = handshake_step(pair, 1);
    }
}

void shake_hands_well(struct pair *pair)
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

void read_all(struct pair *pair, int receiver, uint8_t *buffer, size_t size)
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

void write_all(struct pair *pair, int sender, const uint8_t *data, size_t size)
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

struct apm__tls_config *config_of(struct apm__tls_policy policy)
{
    struct apm__tls_config *config;

    CHECK_SUCCESS(apm__tls_config_create(&policy, &config));
    return config;
}

struct world world_create_of(const char *certificate, const char *key, struct apm__tls_policy client,
                             struct apm__tls_policy server, const char *host, size_t cut)
{
    struct world world = {.authority = certificate_of(authority_certificate, NULL),
                          .own = certificate_of(certificate, key)};

    client.roots = client.roots ? client.roots : world.authority;
    server.roots = server.roots ? server.roots : world.authority;
    server.is_server = true;
    server.own = world.own;
    world.client = config_of(client);
    world.server = config_of(server);
    world.pair = pair_create(world.client, world.server, host, cut);
    return world;
}

struct world world_create(size_t cut)
{
    struct apm__tls_policy none = {0};

    return world_create_of(server_certificate, server_key, none, none, "test.local", cut);
}

void world_destroy(struct world *world)
{
    pair_destroy(world->pair);
    apm__tls_config_destroy(world->client);
    apm__tls_config_destroy(world->server);
    apm__tls_certificate_destroy(world->own);
    apm__tls_certificate_destroy(world->authority);
}
