/*
 * Races of streams of TLS: close and cancel against handshakes, reads and writes; contexts that are closed meanwhile;
 * many handshakes at once with one context.
 */
#include <string.h>

#include "support_tls.h"

static bool is_end(apm_error error)
{
    return error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED || error == APM_ERROR_OPERATION_ABORTED;
}

/* -- Close against reads and writes -------------------------------------------------------------------------------- */

struct rival {
    apm_stream stream;
    struct operation read;
    struct operation write;
    apm_error begun[2];
    uint8_t buffer[16];
};

static void use_stream(void *argument)
{
    struct rival *rival = argument;

    rival->begun[0] = apm_stream_begin_read(rival->stream, rival->buffer, 16, ON_CALLBACK(&rival->read));
    rival->begun[1] = apm_stream_begin_write(rival->stream, "abc", 3, ON_CALLBACK(&rival->write));
}

TEST(close_against_a_read_and_a_write_leaves_nothing_pending)
{
    struct rival rival;
    struct race race;
    struct tls_pair pair = tls_pair_open(TLS_IN_MEMORY);

    tls_pair_close(pair);
    race_start(&race, use_stream, &rival);
    while (race_goes_on(&race)) {
        uint8_t buffer[4];
        size_t count;
        apm_error error;

        pair = tls_pair_open(TLS_IN_MEMORY);
        rival.stream = pair.client;
        race_clash(&race);
        CHECK_SUCCESS(apm_stream_close(pair.client));
        race_settle(&race);
        for (int i = 0; i < 2; i++) {
            if (rival.begun[i] != APM_ERROR_SUCCESS) {
                CHECK_ERROR(rival.begun[i], APM_ERROR_OBJECT_DISPOSED);
            } else {
                CHECK(is_end(i == 0 ? finish_read(rival.stream, &rival.read, NULL)
                                    : finish_write(rival.stream, &rival.write)));
            }
        }
        /* Either all of it has come, and the end; or nothing but the end. */
        error = apm_stream_read(pair.server, buffer, 3, &count);
        CHECK_SUCCESS(error);
        CHECK(count == 3 || count == 0);
        CHECK_SUCCESS(apm_stream_close(pair.server));
    }
    race_stop(&race);
}

/* -- Cancel and close against handshakes --------------------------------------------------------------------------- */

struct handshake_rival {
    apm_async_result result;
    apm_stream stream;
    apm_ssl_context context;
    unsigned way;
};

static void break_handshake(void *argument)
{
    struct handshake_rival *rival = argument;
    apm_error error = APM_ERROR_SUCCESS;

    if (rival->way == 0) {
        error = apm_async_result_cancel(rival->result);
    } else if (rival->way == 1) {
        error = apm_stream_close(rival->stream);
    } else {
        error = apm_ssl_context_close(rival->context);
    }
    (void)error;
}

TEST(a_handshake_against_cancel_close_and_the_end_of_its_context_completes_once)
{
    struct handshake_rival rival;
    struct race race;
    unsigned round = 0;
    apm_ssl_context server = tls_plain_server();

    race_start(&race, break_handshake, &rival);
    while (race_goes_on(&race)) {
        struct tls_pair pair = tls_pair_create(TLS_IN_MEMORY);
        struct operation as_client;
        struct operation as_server;

        rival.way = round++ % 3;
        rival.context = tls_plain_client();
        rival.stream = pair.client;
        CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_client(pair.client, rival.context, "test.local",
                                                                  ON_CALLBACK(&as_client)));
        rival.result = as_client.result;
        race_clash(&race);
        CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_server(pair.server, server, ON_CALLBACK(&as_server)));
        race_settle(&race);
        AWAIT(&as_client);
        apm_error error = apm_ssl_stream_end_authenticate_as_client(pair.client, as_client.result);
        CHECK(rival.way == 2 ? error == APM_ERROR_SUCCESS : is_end(error));
        CHECK_SUCCESS(apm_stream_close(pair.client));
        AWAIT(&as_server);
        error = apm_ssl_stream_end_authenticate_as_server(pair.server, as_server.result);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_IO || error == APM_ERROR_AUTHENTICATION);
        CHECK_SUCCESS(apm_stream_close(pair.server));
        CHECK_SUCCESS(apm_ssl_context_close(rival.context));
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_ssl_context_close(server));
}

/* -- Many at once -------------------------------------------------------------------------------------------------- */

enum { TALKERS = 4 };

struct talker {
    struct thread thread;
    apm_ssl_context client;
    apm_ssl_context server;
    int64_t deadline_ms;
};

static void talk(void *argument)
{
    struct talker *talker = argument;

    do {
        struct tls_pair pair = tls_pair_create(TLS_IN_MEMORY);
        apm_async_result result;
        char buffer[8];

        CHECK_SUCCESS(apm_ssl_stream_begin_authenticate_as_client(pair.client, talker->client, "test.local", NULL, NULL,
                                                                  &result));
        CHECK_SUCCESS(apm_ssl_stream_authenticate_as_server(pair.server, talker->server));
        CHECK_SUCCESS(apm_ssl_stream_end_authenticate_as_client(pair.client, result));
        CHECK_SUCCESS(apm_stream_write(pair.client, "question", 8));
        CHECK_SUCCESS(apm_stream_read_exactly(pair.server, buffer, 8));
        CHECK_SUCCESS(apm_stream_write(pair.server, buffer, 8));
        CHECK_SUCCESS(apm_stream_read_exactly(pair.client, buffer, 8));
        CHECK(memcmp(buffer, "question", 8) == 0);
        tls_pair_close(pair);
    } while (harness_now_ms() < talker->deadline_ms);
}

TEST(many_connections_share_contexts_and_their_sessions)
{
    struct talker talkers[TALKERS];
    apm_ssl_context client = tls_plain_client();
    apm_ssl_context server = tls_plain_server();
    int64_t deadline_ms = race_deadline_ms();

    for (int i = 0; i < TALKERS; i++) {
        talkers[i].client = client;
        talkers[i].server = server;
        talkers[i].deadline_ms = deadline_ms;
        thread_start(&talkers[i].thread, talk, &talkers[i]);
    }
    for (int i = 0; i < TALKERS; i++) {
        thread_join(&talkers[i].thread);
    }
    CHECK_SUCCESS(apm_ssl_context_close(client));
    CHECK_SUCCESS(apm_ssl_context_close(server));
}

/* Both directions of both ends from several threads, with reads that are cancelled all the time. */
struct canceller {
    apm_async_result result;
};

static void cancel_read(void *argument)
{
    struct canceller *canceller = argument;
    apm_error error = apm_async_result_cancel(canceller->result);

    (void)error;
}

TEST(cancelling_reads_loses_no_data)
{
    struct tls_pair pair = tls_pair_open(TLS_OVER_TCP);
    struct canceller canceller;
    struct race race;
    uint64_t sent = 0;
    uint64_t received = 0;
    uint8_t buffer[16];

    race_start(&race, cancel_read, &canceller);
    while (race_goes_on(&race)) {
        struct operation read;
        size_t count = 0;

        CHECK_SUCCESS(apm_stream_begin_read(pair.client, buffer, 16, ON_CALLBACK(&read)));
        canceller.result = read.result;
        race_clash(&race);
        uint8_t block[5];
        pattern_fill(block, sizeof block, sent);
        CHECK_SUCCESS(apm_stream_write(pair.server, block, sizeof block));
        sent += sizeof block;
        race_settle(&race);
        apm_error error = finish_read(pair.client, &read, &count);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED);
        pattern_check(buffer, count, received);
        received += count;
    }
    race_stop(&race);
    while (received < sent) {
        size_t count;

        CHECK_SUCCESS(apm_stream_read(pair.client, buffer, 16, &count));
        CHECK(count > 0);
        pattern_check(buffer, count, received);
        received += count;
    }
    CHECK_EQ(received, sent);
    tls_pair_close(pair);
}

LIBRARY_TEST_MAIN()
