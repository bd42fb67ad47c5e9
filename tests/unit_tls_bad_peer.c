/*
 * The engine of TLS, and peers that send what nobody should: records that are changed, cut, too long, out of order,
 * repeated, or of other kinds.
 */
#include <stdlib.h>
#include <string.h>

#include "support_tls_engine.h"

enum { HEAD_SIZE = 5, APPLICATION_DATA = 23, HANDSHAKE = 22, RECORD_MAX = 16384 };

/* Where the records on the wire to an end begin; how many there are. */
static size_t find_records(const struct end *end, size_t starts[], size_t most)
{
    size_t count = 0;

    for (size_t at = end->from; at + HEAD_SIZE <= end->to && count < most; count++) {
        starts[count] = at;
        at += HEAD_SIZE + (size_t)(end->wire[at + 3] << 8 | end->wire[at + 4]);
    }
    return count;
}

/*
 * Puts a record of that kind onto the wire to an end: its head says `said`, and so many bytes follow as `size` says. If
 * it is a message of the handshake, that is whole: mbedTLS 3.6 would wait for the rest of it.
 */
static void put_record(struct end *end, uint8_t kind, size_t said, size_t size)
{
    const uint8_t head[HEAD_SIZE] = {kind, 3, 3, (uint8_t)(said >> 8), (uint8_t)said};

    CHECK(end->to + HEAD_SIZE + size <= sizeof end->wire);
    memcpy(end->wire + end->to, head, HEAD_SIZE);
    memset(end->wire + end->to + HEAD_SIZE, 'x', size);
    if (kind == HANDSHAKE) {
        const uint8_t length[3] = {0, (uint8_t)((size - 4) >> 8), (uint8_t)(size - 4)};

        CHECK(size >= 4);
        memcpy(end->wire + end->to + HEAD_SIZE + 1, length, sizeof length);
    }
    end->to += HEAD_SIZE + size;
}

/* What reading comes to in the end; what is read meanwhile is put into `got`, of `size` bytes. */
static enum apm__tls_progress read_on(struct pair *pair, int receiver, uint8_t *got, size_t size, size_t *done)
{
    enum apm__tls_progress progress;

    *done = 0;
    do {
        size_t part;

        progress = apm__tls_engine_read(pair->ends[receiver].engine, got + *done, size - *done, &part);
        *done += part;
    } while ((progress == APM__TLS_DONE && *done < size) ||
             (progress == APM__TLS_NEEDS_INPUT && deliver(pair, receiver)));
    return progress;
}

/* It has failed with IO, in words, for good, and so has writing. */
static void check_broken(struct pair *pair, int receiver)
{
    struct apm__tls_engine *engine = pair->ends[receiver].engine;
    const char *text;
    uint8_t byte;
    size_t size;

    CHECK_ERROR(apm__tls_engine_error(engine, &text), APM_ERROR_IO);
    CHECK(text[0] != '\0');
    CHECK_EQ(apm__tls_engine_read(engine, &byte, 1, &size), APM__TLS_FAILED);
    CHECK_EQ(apm__tls_engine_write(engine, "x", 1, &size), APM__TLS_FAILED);
}

/* Two records for an end, "first" and "second", behind a third that it has read: so that tickets are out of the way. */
static struct world two_records_to(int receiver, size_t starts[2])
{
    struct world world = world_create(20000);
    uint8_t buffer[8];

    shake_hands_well(world.pair);
    write_all(world.pair, !receiver, (const uint8_t *)"zero", 4);
    read_all(world.pair, receiver, buffer, 4);
    write_all(world.pair, !receiver, (const uint8_t *)"first!", 6);
    write_all(world.pair, !receiver, (const uint8_t *)"second", 6);
    CHECK_EQ(find_records(&world.pair->ends[receiver], starts, 2), 2);
    return world;
}

TEST(records_that_change_places_fail)
{
    for (int receiver = 0; receiver < 2; receiver++) {
        size_t starts[2] = {0};
        struct world world = two_records_to(receiver, starts);
        struct end *end = &world.pair->ends[receiver];
        size_t size = starts[1] - starts[0];
        uint8_t first[128];
        uint8_t got[64];
        size_t done;

        CHECK(size <= sizeof first && end->to - starts[1] == size);
        memcpy(first, end->wire + starts[0], size);
        memcpy(end->wire + starts[0], end->wire + starts[1], size);
        memcpy(end->wire + starts[1], first, size);
        CHECK_EQ(read_on(world.pair, receiver, got, sizeof got, &done), APM__TLS_FAILED);
        CHECK_EQ(done, 0);
        check_broken(world.pair, receiver);
        world_destroy(&world);
    }
}

TEST(a_record_that_is_repeated_or_left_out_fails_and_what_came_before_is_read)
{
    for (int left_out = 0; left_out < 2; left_out++) {
        size_t starts[2] = {0};
        struct world world = two_records_to(1, starts);
        struct end *end = &world.pair->ends[1];
        size_t size = starts[1] - starts[0];
        uint8_t got[64];
        size_t done;

        if (left_out) {
            end->from = starts[1];
        } else {
            memcpy(end->wire + starts[1], end->wire + starts[0], size);
        }
        CHECK_EQ(read_on(world.pair, 1, got, sizeof got, &done), APM__TLS_FAILED);
        CHECK_EQ(done, left_out ? 0 : 6);
        CHECK(left_out || memcmp(got, "first!", 6) == 0);
        check_broken(world.pair, 1);
        world_destroy(&world);
    }
}

TEST(a_stream_that_ends_within_a_record_was_cut_off_wherever_that_is)
{
    for (size_t cut = 1; cut < 30; cut++) {
        size_t starts[2] = {0};
        struct world world = two_records_to(0, starts);
        struct end *end = &world.pair->ends[0];
        uint8_t got[64];
        size_t done;

        if (cut >= end->to - starts[1]) {
            world_destroy(&world);
            break;
        }
        end->to -= cut;
        CHECK_EQ(read_on(world.pair, 0, got, sizeof got, &done), APM__TLS_NEEDS_INPUT);
        CHECK_EQ(done, 6);
        apm__tls_engine_end_records(end->engine);
        CHECK_EQ(read_on(world.pair, 0, got, sizeof got, &done), APM__TLS_FAILED);
        check_broken(world.pair, 0);
        world_destroy(&world);
    }
}

TEST(a_record_that_is_too_long_or_of_no_kind_or_not_encrypted_fails)
{
    static const struct {
        uint8_t kind;
        size_t said;
        size_t size;
    } cases[] = {
        {APPLICATION_DATA, RECORD_MAX + 2048 + 1, 100}, /* of which nobody waits for the end */
        {APPLICATION_DATA, 65535, 100},
        {APPLICATION_DATA, RECORD_MAX, RECORD_MAX}, /* as long as it may be, and of no key */
        {APPLICATION_DATA, 4, 4},
        {99, 10, 10},
        {HANDSHAKE, 4, 4},
    };

    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        int receiver = (int)(i % 2);
        struct world world = world_create(20000);
        uint8_t got[64];
        size_t done;

        shake_hands_well(world.pair);
        put_record(&world.pair->ends[receiver], cases[i / 2].kind, cases[i / 2].said, cases[i / 2].size);
        if (read_on(world.pair, receiver, got, sizeof got, &done) != APM__TLS_FAILED) {
            harness_fail(__FILE__, __LINE__, "case %zu", i / 2);
        }
        CHECK_EQ(done, 0);
        check_broken(world.pair, receiver);
        world_destroy(&world);
    }
}

TEST(what_is_no_handshake_fails_one_with_words_and_without_waiting_for_more)
{
    static const struct {
        uint8_t kind;
        size_t said;
        size_t size;
    } cases[] = {
        {APPLICATION_DATA, 10, 10}, /* before anything was agreed on */
        {HANDSHAKE, 65535, 100},
        {HANDSHAKE, 100, 100}, /* whole, and no message of TLS */
        {'G', 8239, 100},      /* "GET / HTTP" */
        {99, 10, 10},
    };

    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        int receiver = (int)(i % 2);
        struct world world = world_create(20000);
        struct end *end = &world.pair->ends[receiver];
        enum apm__tls_progress progress;
        const char *text;

        if (receiver == 0) {
            CHECK_EQ(apm__tls_engine_handshake(end->engine), APM__TLS_NEEDS_INPUT);
        }
        put_record(end, cases[i / 2].kind, cases[i / 2].said, cases[i / 2].size);
        do {
            progress = apm__tls_engine_handshake(end->engine);
        } while (progress == APM__TLS_NEEDS_INPUT && deliver(world.pair, receiver));
        if (progress != APM__TLS_FAILED) {
            harness_fail(__FILE__, __LINE__, "case %zu, end %d: %d", i / 2, receiver, (int)progress);
        }
        CHECK_ERROR(apm__tls_engine_error(end->engine, &text), APM_ERROR_AUTHENTICATION);
        CHECK(text[0] != '\0');
        world_destroy(&world);
    }
}

TEST(an_end_within_the_handshake_fails_it_wherever_that_is)
{
    /* So many bytes of what the server has to say: up to more than that is. */
    for (size_t given = 0, all = 1; given < all; given += 7) {
        struct world world = world_create(20000);
        struct end *client = &world.pair->ends[0];
        enum apm__tls_progress progress;
        const char *text;

        CHECK_EQ(apm__tls_engine_handshake(client->engine), APM__TLS_NEEDS_INPUT);
        collect(world.pair, 0);
        while (deliver(world.pair, 1)) {
            CHECK_EQ(apm__tls_engine_handshake(world.pair->ends[1].engine), APM__TLS_NEEDS_INPUT);
            collect(world.pair, 1);
        }
        all = client->to - client->from;
        client->to = client->from + (given < all ? given : all - 1);
        do {
            progress = apm__tls_engine_handshake(client->engine);
        } while (progress == APM__TLS_NEEDS_INPUT && deliver(world.pair, 0));
        if (progress == APM__TLS_NEEDS_INPUT) {
            apm__tls_engine_end_records(client->engine);
            progress = apm__tls_engine_handshake(client->engine);
        }
        CHECK_EQ(progress, APM__TLS_FAILED);
        CHECK_ERROR(apm__tls_engine_error(client->engine, &text), APM_ERROR_IO);
        world_destroy(&world);
    }
}

TEST(records_that_are_changed_on_their_way_fail_and_change_nothing_else)
{
    uint64_t random = harness_seed();
    size_t rounds = harness_scaled(50);

    for (size_t round = 0; round < rounds; round++) {
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
    size_t rounds = harness_scaled(200);

    for (size_t round = 0; round < rounds; round++) {
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

TEST_MAIN()
