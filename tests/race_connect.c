/*
 * Races of a connect to several addresses: cancel, deadline and close against the next attempt, and against the winner.
 */
#include <stdlib.h>

#include "support.h"

/* dual.example, of which ::1 gives no answer and 127.0.0.1 does, or neither. */
struct rivals {
    apm_socket socket;
    struct operation connect;
    uint32_t pause_us; /* how long the rival waits: about as long as the attempt delay */
    enum { CANCEL, CLOSE, DEADLINE, WAYS } way;
};

static void end_the_connect(void *argument)
{
    struct rivals *rivals = argument;
    int64_t until_us = harness_now_us() + rivals->pause_us;

    while (harness_now_us() < until_us) {}
    if (rivals->way == CANCEL) {
        (void)!apm_async_result_cancel(rivals->connect.result);
    } else if (rivals->way == CLOSE) {
        CHECK_SUCCESS(apm_socket_close(rivals->socket));
    } else {
        (void)!apm_async_result_cancel_after(rivals->connect.result, 0);
    }
}

static bool is_expected(apm_error error, bool answers)
{
    return error == APM_ERROR_OPERATION_ABORTED || error == APM_ERROR_TIMED_OUT ||
           (answers && error == APM_ERROR_SUCCESS);
}

static void run(bool answers)
{
    struct rivals rivals = {.way = CANCEL};
    struct race race;
    struct black_hole six;
    struct black_hole hole = {.listener = -1, .filler = -1};
    uint64_t random;
    uint16_t port = 0;
    size_t descriptors;
    int four = -1;

    enter_private_network_with_names();
    random = harness_seed();
    if (answers) {
        four = raw_listen_at("127.0.0.1", &port, 64);
    } else {
        hole = black_hole_create("127.0.0.1", &port);
    }
    six = black_hole_create("::1", &port);
    CHECK_SUCCESS(apm_socket_close(tcp_create())); /* the pool has its descriptors */
    descriptors = harness_open_descriptors();
    race_start(&race, end_the_connect, &rivals);
    while (race_goes_on(&race)) {
        apm_error error;

        CHECK_SUCCESS(apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &rivals.socket));
        CHECK_SUCCESS(apm_socket_set_connect_attempt_delay(rivals.socket, 10));
        CHECK_SUCCESS(apm_socket_begin_connect_host(rivals.socket, "dual.example", port, ON_CALLBACK(&rivals.connect)));
        rivals.pause_us = (uint32_t)(harness_random(&random) % 15000);
        rivals.way = harness_random(&random) % WAYS;
        race_clash(&race);
        race_settle(&race);
        error = finish_connect(rivals.socket, &rivals.connect);
        CHECK(is_expected(error, answers));
        CHECK_SUCCESS(apm_socket_close(rivals.socket));
        if (error == APM_ERROR_SUCCESS) {
            raw_close(raw_accept(four));
        }
        CHECK_EQ(connects_in_progress(), 0);
    }
    race_stop(&race);
    if (answers) {
        raw_close(four);
    } else {
        black_hole_close(&hole);
    }
    black_hole_close(&six);
    CHECK(harness_open_descriptors() <= descriptors);
}

TEST(a_connect_to_several_addresses_ends_once_and_leaves_nothing_when_one_answers)
{
    run(true);
}

TEST(a_connect_to_several_addresses_ends_once_and_leaves_nothing_when_none_answers)
{
    run(false);
}

LIBRARY_TEST_MAIN()
