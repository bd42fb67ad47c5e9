/*
 * Races of close, cancel and completion on streams, their clients and their listeners.
 */
#include "support_stream.h"

/* -- Close against reads and writes ------------------------------------------------------------------------------ */

struct stream_rival {
    apm_stream stream;
    struct operation reads[2];
    struct operation write;
    apm_error begun[3];
    apm_error flushed;
    uint8_t buffer[4];
};

static void use_stream(void *argument)
{
    struct stream_rival *rival = argument;

    rival->begun[0] = apm_stream_begin_read(rival->stream, &rival->buffer[0], 1, ON_CALLBACK(&rival->reads[0]));
    rival->begun[1] = apm_stream_begin_write(rival->stream, "ab", 2, ON_CALLBACK(&rival->write));
    rival->begun[2] = apm_stream_begin_read(rival->stream, &rival->buffer[1], 1, ON_CALLBACK(&rival->reads[1]));
    rival->flushed = apm_stream_flush(rival->stream);
}

static bool is_end(apm_error error)
{
    return error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED;
}

/* Ends what was begun: each operation has completed, as what it was or cut off by the close. */
static void settle_rival(struct stream_rival *rival)
{
    CHECK(is_end(rival->flushed));
    for (size_t i = 0; i < 3; i++) {
        struct operation *operation = i == 1 ? &rival->write : &rival->reads[i / 2];

        if (rival->begun[i] != APM_ERROR_SUCCESS) {
            CHECK_ERROR(rival->begun[i], APM_ERROR_OBJECT_DISPOSED);
            CHECK(apm_async_result_is_null(operation->result));
        } else if (i == 1) {
            CHECK(is_end(finish_write(rival->stream, operation)));
        } else {
            CHECK(is_end(finish_read(rival->stream, operation, NULL)));
        }
    }
}

TEST(close_of_a_network_stream_against_reads_and_writes_leaves_nothing_pending)
{
    struct stream_rival rival;
    struct race race;

    race_start(&race, use_stream, &rival);
    while (race_goes_on(&race)) {
        struct peered_stream pair = peered_stream_create();

        rival.stream = pair.stream;
        race_clash(&race);
        CHECK_SUCCESS(apm_stream_close(pair.stream));
        race_settle(&race);
        settle_rival(&rival);
        CHECK(raw_read_to_end(pair.peer).bytes <= 2);
        raw_close(pair.peer);
    }
    race_stop(&race);
}

static void race_pipe(bool begins)
{
    struct stream_rival rival;
    struct race race;

    race_start(&race, use_stream, &rival);
    while (race_goes_on(&race)) {
        struct pipe pipe;

        pipe_init(&pipe);
        rival.stream = pipe_stream(&pipe, begins, true);
        race_clash(&race);
        CHECK_SUCCESS(apm_stream_close(rival.stream));
        race_settle(&race);
        settle_rival(&rival);
        LATCH_AWAIT(&pipe.closed, 1);
        CHECK_EQ(latch_count(&pipe.closed), 1);
    }
    race_stop(&race);
}

TEST(close_of_a_stream_of_methods_that_wait_closes_its_context_once_after_all_of_them)
{
    race_pipe(false);
}

TEST(close_of_a_stream_of_methods_that_begin_closes_its_context_once_after_all_of_them)
{
    race_pipe(true);
}

/* -- Cancel against completion ----------------------------------------------------------------------------------- */

struct cancel_rival {
    apm_async_result result;
};

static void cancel_result(void *argument)
{
    struct cancel_rival *rival = argument;

    CHECK_SUCCESS(apm_async_result_cancel(rival->result));
}

static void race_cancel_of_pipe(bool begins)
{
    struct cancel_rival rival;
    struct race race;
    struct pipe pipe;
    apm_stream stream;

    pipe_init(&pipe);
    stream = pipe_stream(&pipe, begins, true);
    race_start(&race, cancel_result, &rival);
    while (race_goes_on(&race)) {
        struct operation read;
        apm_error error;
        uint8_t byte;
        size_t count;

        CHECK_SUCCESS(apm_stream_begin_read(stream, &byte, 1, ON_CALLBACK(&read)));
        rival.result = read.result;
        race_clash(&race);
        pipe_put(&pipe, "x", 1);
        race_settle(&race);
        error = finish_read(stream, &read, &count);
        CHECK(error == APM_ERROR_OPERATION_ABORTED || (error == APM_ERROR_SUCCESS && count == 1));
        if (error == APM_ERROR_OPERATION_ABORTED) { /* no byte is lost: the next read has it */
            CHECK_SUCCESS(apm_stream_begin_read(stream, &byte, 1, ON_CALLBACK(&read)));
            CHECK_SUCCESS(finish_read(stream, &read, &count));
            CHECK_EQ(count, 1);
        }
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_stream_close(stream));
    LATCH_AWAIT(&pipe.closed, 1);
}

TEST(cancel_against_a_method_that_returns_loses_no_byte)
{
    race_cancel_of_pipe(false);
}

TEST(cancel_against_a_method_that_completes_later_loses_no_byte)
{
    race_cancel_of_pipe(true);
}

TEST(cancel_of_reading_exactly_against_its_steps_ends_it_once)
{
    struct peered_stream pair = peered_stream_create();
    struct cancel_rival rival;
    struct race race;

    race_start(&race, cancel_result, &rival);
    while (race_goes_on(&race)) {
        struct operation read;
        uint8_t buffer[3];
        apm_error error;
        size_t count;
        size_t left;

        raw_write(pair.peer, "a", 1);
        CHECK_SUCCESS(apm_stream_begin_read_exactly(pair.stream, buffer, 3, ON_CALLBACK(&read)));
        rival.result = read.result;
        race_clash(&race);
        raw_write(pair.peer, "bc", 2);
        race_settle(&race);
        AWAIT(&read);
        error = apm_stream_end_read_exactly(pair.stream, read.result, &count);
        CHECK(error == APM_ERROR_OPERATION_ABORTED || (error == APM_ERROR_SUCCESS && count == 3));
        left = 3 - count;
        CHECK(left == 0 || error == APM_ERROR_OPERATION_ABORTED);
        CHECK_SUCCESS(apm_stream_read_exactly(pair.stream, buffer, left));
    }
    race_stop(&race);
    peered_stream_close(pair);
}

/* -- Clients and listeners --------------------------------------------------------------------------------------- */

static void get_stream(void *argument)
{
    const apm_tcp_client *client = argument;
    apm_stream stream;
    apm_error error = apm_tcp_client_get_stream(*client, &stream);

    CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED || error == APM_ERROR_INVALID_OPERATION);
    if (error == APM_ERROR_SUCCESS) {
        (void)apm_stream_can_read(stream);
    }
}

TEST(close_of_a_client_against_get_stream_leaves_no_stream_open)
{
    apm_endpoint local;
    int listener = raw_listen(16, &local);
    apm_tcp_client client = APM_NULL_HANDLE;
    struct race race;

    race_start(&race, get_stream, &client);
    while (race_goes_on(&race)) {
        int peer;

        CHECK_SUCCESS(apm_tcp_client_create_host("127.0.0.1", local.port, &client));
        peer = raw_accept(listener);
        race_clash(&race);
        CHECK_SUCCESS(apm_tcp_client_close(client));
        race_settle(&race);
        CHECK_ORDERLY_END(peer, 0);
        raw_close(peer);
    }
    race_stop(&race);
    raw_close(listener);
}

struct accept_rival {
    apm_tcp_listener listener;
    struct operation accept;
    apm_error begun;
};

static void begin_accept(void *argument)
{
    struct accept_rival *rival = argument;

    rival->begun = apm_tcp_listener_begin_accept_tcp_client(rival->listener, ON_CALLBACK(&rival->accept));
}

TEST(stop_of_a_listener_against_begin_accept_ends_or_refuses_it)
{
    struct accept_rival rival;
    struct race race;

    CHECK_SUCCESS(apm_tcp_listener_create_endpoint(loopback_endpoint(0), &rival.listener));
    race_start(&race, begin_accept, &rival);
    while (race_goes_on(&race)) {
        apm_tcp_client client;

        CHECK_SUCCESS(apm_tcp_listener_start(rival.listener));
        race_clash(&race);
        CHECK_SUCCESS(apm_tcp_listener_stop(rival.listener));
        race_settle(&race);
        if (rival.begun == APM_ERROR_SUCCESS) {
            AWAIT(&rival.accept);
            CHECK_ERROR(apm_tcp_listener_end_accept_tcp_client(rival.listener, rival.accept.result, &client),
                        APM_ERROR_OBJECT_DISPOSED);
        } else {
            CHECK(rival.begun == APM_ERROR_INVALID_OPERATION || rival.begun == APM_ERROR_OBJECT_DISPOSED);
        }
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_tcp_listener_close(rival.listener));
}

LIBRARY_TEST_MAIN()
