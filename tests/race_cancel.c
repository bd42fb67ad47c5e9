/*
 * Races of cancel and deadline against completion, End and close.
 */
#include <stdlib.h>

#include "support.h"

struct rivals {
    peered_socket pair;
    struct operation receive;
    apm_error rival_error;
};

/* Checks that the operation ended in one of two ways, and that no byte is lost or doubled. */
static void check_outcome(apm_error error, size_t received, apm_error other)
{
    CHECK(error == APM_ERROR_SUCCESS || error == other);
    CHECK_EQ(received, error == APM_ERROR_SUCCESS ? 4 : 0);
}

/* The four bytes that a cancelled receive left in the socket. */
static void take_the_bytes_left(apm_socket socket)
{
    uint8_t buffer[4];

    receive_exactly(socket, buffer, 4);
}

static void cancel_the_receive(void *argument)
{
    struct rivals *rivals = argument;

    rivals->rival_error = apm_async_result_cancel(rivals->receive.result);
}

TEST(cancel_and_completion_end_the_operation_once_and_lose_no_byte)
{
    struct rivals rivals = {.pair = peered_socket_create()};
    struct race race;

    race_start(&race, cancel_the_receive, &rivals);
    while (race_goes_on(&race)) {
        uint8_t buffer[4];
        size_t received;
        apm_error error;

        CHECK_SUCCESS(apm_socket_begin_receive(rivals.pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE,
                                               ON_CALLBACK(&rivals.receive)));
        race_clash(&race);
        raw_write(rivals.pair.peer, "abcd", 4);
        race_settle(&race);
        CHECK_SUCCESS(rivals.rival_error);
        error = finish_receive(rivals.pair.socket, &rivals.receive, &received);
        check_outcome(error, received, APM_ERROR_OPERATION_ABORTED);
        if (error != APM_ERROR_SUCCESS) {
            take_the_bytes_left(rivals.pair.socket);
        }
    }
    race_stop(&race);
    peered_socket_close(rivals.pair);
}

TEST(cancel_and_end_at_the_same_time_are_both_answered)
{
    struct rivals rivals = {.pair = peered_socket_create()};
    struct race race;

    race_start(&race, cancel_the_receive, &rivals);
    while (race_goes_on(&race)) {
        uint8_t buffer[4];
        size_t received;
        apm_error error;

        CHECK_SUCCESS(apm_socket_begin_receive(rivals.pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL, NULL,
                                               &rivals.receive.result));
        raw_write(rivals.pair.peer, "abcd", 4);
        race_clash(&race);
        error = apm_socket_end_receive(rivals.pair.socket, rivals.receive.result, &received);
        race_settle(&race);
        check_outcome(error, received, APM_ERROR_OPERATION_ABORTED);
        CHECK(rivals.rival_error == APM_ERROR_SUCCESS || rivals.rival_error == APM_ERROR_INVALID_OPERATION);
        if (error != APM_ERROR_SUCCESS) {
            take_the_bytes_left(rivals.pair.socket);
        }
    }
    race_stop(&race);
    peered_socket_close(rivals.pair);
}

static void write_four_bytes(void *argument)
{
    raw_write(((struct rivals *)argument)->pair.peer, "abcd", 4);
}

TEST(a_deadline_and_completion_end_the_operation_once_and_lose_no_byte)
{
    struct rivals rivals = {.pair = peered_socket_create()};
    struct race race;

    race_start(&race, write_four_bytes, &rivals);
    while (race_goes_on(&race)) {
        uint8_t buffer[4];
        size_t received;
        apm_error error;

        CHECK_SUCCESS(apm_socket_begin_receive(rivals.pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE,
                                               ON_CALLBACK(&rivals.receive)));
        CHECK_SUCCESS(apm_async_result_cancel_after(rivals.receive.result, (int)(race.rounds % 3)));
        race_clash(&race);
        error = apm_socket_end_receive(rivals.pair.socket, rivals.receive.result, &received);
        race_settle(&race);
        check_outcome(error, received, APM_ERROR_TIMED_OUT);
        LATCH_AWAIT(&rivals.receive.called, 1);
        if (error != APM_ERROR_SUCCESS) {
            take_the_bytes_left(rivals.pair.socket);
        }
    }
    race_stop(&race);
    peered_socket_close(rivals.pair);
}

static void rearm_the_deadline(void *argument)
{
    struct rivals *rivals = argument;

    for (int i = 0; i < 20; i++) {
        apm_error error = apm_async_result_cancel_after(rivals->receive.result, i % 4 == 3 ? -1 : i % 4);

        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_INVALID_OPERATION);
    }
}

TEST(a_deadline_that_is_set_and_taken_away_races_with_itself_and_with_completion)
{
    struct rivals rivals = {.pair = peered_socket_create()};
    struct race race;

    race_start(&race, rearm_the_deadline, &rivals);
    while (race_goes_on(&race)) {
        uint8_t buffer[4];
        size_t received;
        apm_error error;

        CHECK_SUCCESS(apm_socket_begin_receive(rivals.pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE,
                                               ON_CALLBACK(&rivals.receive)));
        race_clash(&race);
        rearm_the_deadline(&rivals);
        raw_write(rivals.pair.peer, "abcd", 4);
        error = apm_socket_end_receive(rivals.pair.socket, rivals.receive.result, &received);
        race_settle(&race);
        check_outcome(error, received, APM_ERROR_TIMED_OUT);
        LATCH_AWAIT(&rivals.receive.called, 1);
        if (error != APM_ERROR_SUCCESS) {
            take_the_bytes_left(rivals.pair.socket);
        }
    }
    race_stop(&race);
    peered_socket_close(rivals.pair);
}

static void close_the_socket(void *argument)
{
    struct rivals *rivals = argument;

    rivals->rival_error = apm_socket_close(rivals->pair.socket);
}

TEST(cancel_deadline_and_close_at_the_same_time_end_the_operation_once)
{
    struct rivals rivals;
    struct race race;

    race_start(&race, close_the_socket, &rivals);
    while (race_goes_on(&race)) {
        uint8_t buffer[4];
        apm_error error;

        rivals.pair = peered_socket_create();
        CHECK_SUCCESS(apm_socket_begin_receive(rivals.pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE,
                                               ON_CALLBACK(&rivals.receive)));
        CHECK_SUCCESS(apm_async_result_cancel_after(rivals.receive.result, 0));
        race_clash(&race);
        CHECK_SUCCESS(apm_async_result_cancel(rivals.receive.result));
        race_settle(&race);
        error = finish_receive(rivals.pair.socket, &rivals.receive, NULL);
        CHECK(error == APM_ERROR_TIMED_OUT || error == APM_ERROR_OPERATION_ABORTED);
        CHECK_SUCCESS(rivals.rival_error);
        raw_close(rivals.pair.peer);
    }
    race_stop(&race);
}

/* -- Sends ------------------------------------------------------------------------------------------------------- */

enum { SEND_SIZE = 1 << 20 };

struct send_rivals {
    peered_socket pair;
    apm_async_result result;
    stream_end end;
};

static void read_everything(void *argument)
{
    struct send_rivals *rivals = argument;

    rivals->end = raw_read_to_end(rivals->pair.peer);
}

TEST(cancel_of_a_send_while_the_peer_reads_tells_exactly_what_went)
{
    struct send_rivals rivals;
    struct race race;
    uint8_t *data = calloc(1, SEND_SIZE);

    CHECK(data != NULL);
    race_start(&race, read_everything, &rivals);
    while (race_goes_on(&race)) {
        size_t sent;
        apm_error error;

        rivals.pair = peered_socket_create();
        CHECK_SUCCESS(apm_socket_set_send_buffer_size(rivals.pair.socket, 16384));
        CHECK_SUCCESS(apm_socket_begin_send(rivals.pair.socket, data, SEND_SIZE, APM_SOCKET_FLAGS_NONE, NULL, NULL,
                                            &rivals.result));
        race_clash(&race);
        CHECK_SUCCESS(apm_async_result_cancel(rivals.result));
        error = apm_socket_end_send(rivals.pair.socket, rivals.result, &sent);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED);
        CHECK_SUCCESS(apm_socket_close(rivals.pair.socket));
        race_settle(&race);
        if (error == APM_ERROR_SUCCESS) {
            CHECK_EQ(sent, SEND_SIZE);
            CHECK(!rivals.end.reset);
            CHECK_EQ(rivals.end.bytes, SEND_SIZE);
        } else {
            CHECK(sent < SEND_SIZE);
            CHECK_EQ(rivals.end.reset, sent > 0);
            CHECK(rivals.end.bytes <= sent);
        }
        raw_close(rivals.pair.peer);
    }
    race_stop(&race);
    free(data);
}

LIBRARY_TEST_MAIN()
