/*
 * Trains of datagrams: no boundary gets lost, whoever cuts and joins them, and nothing else is received meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "support_datagram.h"

enum { SIZE = 1200, LAST = 345, ROOM = APM_DATAGRAM_TRAIN_SIZE, BULK = 50 * SIZE, SMALL = 64, LINUX_NO_CHECK = 11 };

static uint8_t train[BULK];

static void make_train(void)
{
    pattern_fill(train, sizeof train, 0);
}

static apm_error send_train(apm_socket socket, size_t size, size_t datagram_size, apm_endpoint remote, size_t *sent)
{
    struct operation send;

    CHECK_SUCCESS(apm_socket_begin_send_train_to(socket, train, size, datagram_size, remote, ON_COMPLETION(&send)));
    AWAIT(&send);
    return apm_socket_end_send_train_to(socket, send.result, sent);
}

static void send_whole_train(apm_socket socket, size_t size, size_t datagram_size, apm_endpoint remote)
{
    size_t sent = 99;

    CHECK_SUCCESS(send_train(socket, size, datagram_size, remote, &sent));
    CHECK_EQ(sent, size);
}

static apm_error finish_receive_train(apm_socket socket, struct operation *receive, apm_endpoint *remote,
                                      size_t *datagram_size, size_t *received)
{
    AWAIT(receive);
    return apm_socket_end_receive_train_from(socket, receive->result, remote, datagram_size, received);
}

/* Receives datagrams one at a time until the train is complete, each of which has to be the next part of it. */
static void expect_datagrams(apm_socket socket, size_t size, size_t datagram_size)
{
    static uint8_t buffer[ROOM];
    size_t received;

    for (size_t at = 0; at < size; at += received) {
        CHECK_SUCCESS(receive_from_at_once(socket, buffer, sizeof buffer, NULL, &received));
        CHECK_EQ(received, size - at < datagram_size ? size - at : datagram_size);
        pattern_check(buffer, received, at);
    }
    expect_nothing(socket);
}

/* The same by receives of trains; says how many it took. */
static size_t expect_trains(apm_socket socket, size_t size, size_t datagram_size, apm_endpoint sender)
{
    static uint8_t buffer[ROOM];
    size_t count = 0;
    size_t received;

    for (size_t at = 0; at < size; at += received, count++) {
        struct operation receive;
        apm_endpoint remote;
        size_t each;

        CHECK_SUCCESS(apm_socket_begin_receive_train_from(socket, buffer, sizeof buffer, ON_COMPLETION(&receive)));
        CHECK_SUCCESS(finish_receive_train(socket, &receive, &remote, &each, &received));
        CHECK(apm_endpoint_equals(remote, sender));
        CHECK(received > 0 && received <= size - at);
        CHECK(each <= received);
        CHECK_EQ(each, size - at < datagram_size ? size - at : datagram_size);
        CHECK(received % datagram_size == 0 || at + received == size); /* nothing ends within a datagram */
        pattern_check(buffer, received, at);
    }
    return count;
}

/* Two sockets, of which the second has room for what the tests send it. */
struct ends {
    apm_socket sender;
    apm_socket receiver;
    apm_endpoint sender_local;
    apm_endpoint receiver_local;
};

static struct ends ends_create(void)
{
    struct ends ends;

    make_train();
    ends.sender = udp_bind(&ends.sender_local);
    ends.receiver = udp_bind(&ends.receiver_local);
    CHECK_SUCCESS(apm_socket_set_receive_buffer_size(ends.receiver, 1 << 20));
    return ends;
}

static void ends_close(struct ends ends)
{
    CHECK_SUCCESS(apm_socket_close(ends.sender));
    CHECK_SUCCESS(apm_socket_close(ends.receiver));
}

/* Has the receiver receive trains, before any is sent. */
static void begin_trains(apm_socket socket, struct operation *receive, void *buffer)
{
    CHECK_SUCCESS(apm_socket_begin_receive_train_from(socket, buffer, ROOM, ON_COMPLETION(receive)));
}

static void take_one(struct ends ends, struct operation *receive)
{
    size_t each;
    size_t received;

    send_text_to(ends.receiver_local, "ready");
    CHECK_SUCCESS(finish_receive_train(ends.receiver, receive, NULL, &each, &received));
    CHECK_EQ(each, 5);
    CHECK_EQ(received, 5);
}

/* -- Sending ------------------------------------------------------------------------------------------------------ */

CONTRACT_TEST(a_train_arrives_as_the_datagrams_that_it_consists_of)
{
    struct ends ends = ends_create();

    send_whole_train(ends.sender, 10 * SIZE + LAST, SIZE, ends.receiver_local);
    expect_datagrams(ends.receiver, 10 * SIZE + LAST, SIZE);
    send_whole_train(ends.sender, 3 * SIZE, SIZE, ends.receiver_local);
    expect_datagrams(ends.receiver, 3 * SIZE, SIZE);
    ends_close(ends);
}

TEST(a_train_that_is_one_datagram_arrives_as_that)
{
    struct ends ends = ends_create();

    send_whole_train(ends.sender, LAST, SIZE, ends.receiver_local);
    expect_datagrams(ends.receiver, LAST, SIZE);
    send_whole_train(ends.sender, SIZE, SIZE, ends.receiver_local);
    expect_datagrams(ends.receiver, SIZE, SIZE);
    send_whole_train(ends.sender, LAST, SIZE_MAX, ends.receiver_local);
    expect_datagrams(ends.receiver, LAST, LAST);
    ends_close(ends);
}

TEST(a_train_of_nothing_is_an_empty_datagram)
{
    struct ends ends = ends_create();
    char byte;
    size_t received = 99;

    send_whole_train(ends.sender, 0, SIZE, ends.receiver_local);
    CHECK_SUCCESS(receive_from_at_once(ends.receiver, &byte, 1, NULL, &received));
    CHECK_EQ(received, 0);
    expect_nothing(ends.receiver);
    ends_close(ends);
}

/* The system cuts a part of it at a time. */
CONTRACT_TEST(a_train_of_more_datagrams_than_one_call_takes_arrives_in_order)
{
    struct ends ends = ends_create();

    send_whole_train(ends.sender, 150 * SMALL + 1, SMALL, ends.receiver_local);
    expect_datagrams(ends.receiver, 150 * SMALL + 1, SMALL);
    ends_close(ends);
}

/* Linux refuses to cut where the socket computes no checksums. */
CONTRACT_TEST(a_train_that_the_system_does_not_cut_arrives_as_its_datagrams)
{
    struct ends ends = ends_create();
    int on = 1;

    CHECK_SUCCESS(apm_socket_set_raw_socket_option(ends.sender, 1, LINUX_NO_CHECK, &on, sizeof on));
    send_whole_train(ends.sender, 10 * SIZE + LAST, SIZE, ends.receiver_local);
    expect_datagrams(ends.receiver, 10 * SIZE + LAST, SIZE);
    send_whole_train(ends.sender, 150 * SMALL + 1, SMALL, ends.receiver_local);
    expect_datagrams(ends.receiver, 150 * SMALL + 1, SMALL);
    ends_close(ends);
}

TEST(a_train_of_datagrams_that_are_too_large_fails_and_the_next_one_is_sent)
{
    struct ends ends = ends_create();
    uint8_t *large = calloc(2, 65508);
    struct operation send;
    size_t sent = 99;

    CHECK(large != NULL);
    CHECK_SUCCESS(apm_socket_begin_send_train_to(ends.sender, large, (size_t)2 * 65508, 65508, ends.receiver_local,
                                                 ON_COMPLETION(&send)));
    AWAIT(&send);
    CHECK_ERROR(apm_socket_end_send_train_to(ends.sender, send.result, &sent), APM_ERROR_MESSAGE_SIZE);
    CHECK_EQ(sent, 0);
    send_whole_train(ends.sender, 2 * SIZE, SIZE, ends.receiver_local);
    expect_datagrams(ends.receiver, 2 * SIZE, SIZE);
    ends_close(ends);
    free(large);
}

TEST(the_synchronous_twins_send_and_receive_trains)
{
    static uint8_t buffer[ROOM];
    struct ends ends = ends_create();
    apm_endpoint remote;
    size_t sent = 99;
    size_t each = 99;
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_send_train_to(ends.sender, train, SIZE, SIZE, ends.receiver_local, &sent));
    CHECK_EQ(sent, SIZE);
    CHECK_SUCCESS(apm_socket_receive_train_from(ends.receiver, buffer, sizeof buffer, &remote, &each, &received));
    CHECK_EQ(received, SIZE);
    CHECK_EQ(each, SIZE);
    CHECK(apm_endpoint_equals(remote, ends.sender_local));
    CHECK_SUCCESS(apm_socket_set_receive_timeout(ends.receiver, SHORT_WHILE_MS));
    CHECK_ERROR(apm_socket_receive_train_from(ends.receiver, buffer, sizeof buffer, &remote, &each, &received),
                APM_ERROR_TIMED_OUT);
    CHECK(apm_endpoint_is_null(remote));
    CHECK_EQ(each, 0);
    CHECK_EQ(received, 0);
    ends_close(ends);
}

/* -- Receiving ---------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_train_is_received_with_the_size_of_its_datagrams)
{
    static uint8_t buffer[ROOM];
    struct ends ends = ends_create();
    struct operation receive;

    begin_trains(ends.receiver, &receive, buffer);
    take_one(ends, &receive);
    send_whole_train(ends.sender, BULK, SIZE, ends.receiver_local);
    expect_trains(ends.receiver, BULK, SIZE, ends.sender_local);
    send_whole_train(ends.sender, 7 * SIZE + LAST, SIZE, ends.receiver_local);
    expect_trains(ends.receiver, 7 * SIZE + LAST, SIZE, ends.sender_local);
    ends_close(ends);
}

/* What makes it worth while; on the loopback device nothing takes a train apart that its receiver wants whole. */
TEST(a_train_that_nothing_takes_apart_is_received_at_once)
{
    static uint8_t buffer[ROOM];
    struct ends ends = ends_create();
    struct operation receive;
    int joins = 0;
    size_t size = sizeof joins;

    begin_trains(ends.receiver, &receive, buffer);
    take_one(ends, &receive);
    if (apm_socket_get_raw_socket_option(ends.receiver, 17, 104, &joins, &size) != APM_ERROR_SUCCESS || joins != 1) {
        SKIP("the system joins no datagrams");
    }
    send_whole_train(ends.sender, BULK, SIZE, ends.receiver_local);
    CHECK_EQ(expect_trains(ends.receiver, BULK, SIZE, ends.sender_local), 1);
    ends_close(ends);
}

CONTRACT_TEST(datagrams_of_any_sizes_keep_their_boundaries_where_trains_are_received)
{
    static const size_t sizes[] = {5, 0, SIZE, SIZE, LAST, 1, SIZE};
    static uint8_t buffer[ROOM];
    struct ends ends = ends_create();
    struct operation receive;

    begin_trains(ends.receiver, &receive, buffer);
    take_one(ends, &receive);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t sent;

        CHECK_SUCCESS(send_to_at_once(ends.sender, train, sizes[i], ends.receiver_local, &sent));
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0];) {
        apm_endpoint remote;
        size_t each;
        size_t received;

        begin_trains(ends.receiver, &receive, buffer);
        CHECK_SUCCESS(finish_receive_train(ends.receiver, &receive, &remote, &each, &received));
        CHECK_EQ(each, sizes[i]);
        for (size_t at = 0; at < received || at == 0; at += each, i++) {
            CHECK_EQ(received - at < each ? received - at : each, sizes[i]);
            pattern_check(buffer + at, sizes[i], 0);
            if (each == 0) {
                i++;
                break;
            }
        }
    }
    ends_close(ends);
}

/* As many as one system call serves, and more. */
CONTRACT_TEST(trains_go_to_pending_receives_in_the_order_begun)
{
    enum { PENDING = 6 };
    struct ends ends = ends_create();
    struct operation receives[PENDING];
    uint8_t *buffers = calloc(PENDING, ROOM);

    CHECK(buffers != NULL);
    for (size_t i = 0; i < PENDING; i++) {
        begin_trains(ends.receiver, &receives[i], buffers + i * ROOM);
    }
    for (size_t i = 0; i < PENDING; i++) {
        send_whole_train(ends.sender, SIZE, 100 + i, ends.receiver_local);
    }
    for (size_t i = 0, at = 0; i < PENDING; i++) {
        apm_endpoint remote;
        size_t each;
        size_t received;
        size_t whole;

        CHECK_SUCCESS(finish_receive_train(ends.receiver, &receives[i], &remote, &each, &received));
        whole = 100 + i;
        if (received < SIZE) { /* the system has joined nothing: one datagram after another of the first trains */
            whole = SIZE - at < 100 ? SIZE - at : 100;
        }
        CHECK_EQ(each, whole);
        pattern_check(buffers + i * ROOM, received, at);
        at = received < SIZE ? at + received : 0;
    }
    ends_close(ends);
    free(buffers);
}

CONTRACT_TEST(a_pending_receive_of_a_train_ends_with_its_socket_and_its_cancel)
{
    static uint8_t buffers[2][ROOM];
    struct ends ends = ends_create();
    struct operation receives[2];
    apm_endpoint remote;
    size_t each = 99;
    size_t received = 99;

    begin_trains(ends.receiver, &receives[0], buffers[0]);
    begin_trains(ends.receiver, &receives[1], buffers[1]);
    CHECK_SUCCESS(apm_async_result_cancel(receives[0].result));
    CHECK_ERROR(finish_receive_train(ends.receiver, &receives[0], &remote, &each, &received),
                APM_ERROR_OPERATION_ABORTED);
    CHECK(apm_endpoint_is_null(remote));
    CHECK_EQ(each, 0);
    CHECK_EQ(received, 0);
    ends_close(ends);
    CHECK_ERROR(finish_receive_train(ends.receiver, &receives[1], &remote, &each, &received),
                APM_ERROR_OPERATION_ABORTED);
}

/* -- Which receives a socket takes -------------------------------------------------------------------------------- */

static void check_only_trains(apm_socket socket)
{
    char buffer[8];
    apm_array_segment segment = {.buffer = buffer, .size = sizeof buffer};
    struct operation receive;

    CHECK_ERROR(apm_socket_begin_receive(socket, buffer, sizeof buffer, 0, ON_COMPLETION(&receive)),
                APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_begin_receive_from(socket, buffer, sizeof buffer, 0, ON_COMPLETION(&receive)),
                APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_begin_receive_message_from(socket, buffer, sizeof buffer, 0, ON_COMPLETION(&receive)),
                APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_begin_receive_buffers(socket, &segment, 1, 0, ON_COMPLETION(&receive)),
                APM_ERROR_INVALID_OPERATION);
}

TEST(a_socket_that_receives_trains_receives_nothing_else)
{
    static uint8_t buffer[ROOM];
    struct ends ends = ends_create();
    struct operation receive;
    intptr_t descriptor;
    apm_socket other;

    begin_trains(ends.receiver, &receive, buffer);
    check_only_trains(ends.receiver);
    take_one(ends, &receive);
    check_only_trains(ends.receiver);
    CHECK_SUCCESS(apm_socket_duplicate_handle(ends.receiver, &descriptor));
    CHECK_SUCCESS(apm_socket_create_from_handle(descriptor, &other));
    check_only_trains(other);
    CHECK_SUCCESS(apm_socket_close(other));
    ends_close(ends);
}

TEST(receives_of_trains_wait_for_no_others_but_are_refused)
{
    static uint8_t buffer[ROOM];
    struct ends ends = ends_create();
    struct operation plain;
    struct operation receive;
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive_from(ends.receiver, buffer, 8, 0, ON_COMPLETION(&plain)));
    CHECK_ERROR(apm_socket_begin_receive_train_from(ends.receiver, buffer, ROOM, ON_COMPLETION(&receive)),
                APM_ERROR_INVALID_OPERATION);
    send_text_to(ends.receiver_local, "plain");
    CHECK_SUCCESS(finish_receive_from(ends.receiver, &plain, NULL, &received));
    CHECK_EQ(received, 5);
    begin_trains(ends.receiver, &receive, buffer);
    take_one(ends, &receive);
    ends_close(ends);
}

TEST(trains_are_refused_by_sockets_that_are_not_of_datagrams_and_in_buffers_that_are_too_small)
{
    static uint8_t buffer[ROOM];
    struct ends ends = ends_create();
    struct operation receive;
    apm_socket stream;

    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &stream));
    CHECK_ERROR(apm_socket_begin_receive_train_from(stream, buffer, ROOM, ON_COMPLETION(&receive)),
                APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_begin_send_train_to(stream, buffer, 10, 5, ends.receiver_local, ON_COMPLETION(&receive)),
                APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_begin_receive_train_from(ends.receiver, buffer, ROOM - 1, ON_COMPLETION(&receive)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(
        apm_socket_begin_send_train_to(ends.sender, buffer, 10, 0, ends.receiver_local, ON_COMPLETION(&receive)),
        APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_socket_close(stream));
    ends_close(ends);
}

TEST(trains_pass_over_ipv6_and_from_dual_mode_sockets_to_ipv4)
{
    static uint8_t buffer[ROOM];
    struct ends ends = ends_create();
    struct operation receive;
    apm_endpoint any = {.address = apm_ip_address_ipv6_loopback()};
    apm_endpoint v6_local;
    apm_endpoint dual_local;
    apm_socket v6 = udp_bind_to(any, &v6_local);
    apm_socket dual = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6);

    begin_trains(v6, &receive, buffer);
    send_text_to(v6_local, "ready");
    CHECK_SUCCESS(finish_receive_train(v6, &receive, NULL, NULL, NULL));
    send_whole_train(v6, 10 * SIZE + LAST, SIZE, v6_local);
    expect_trains(v6, 10 * SIZE + LAST, SIZE, v6_local);
    any.address = apm_ip_address_ipv6_any();
    CHECK_SUCCESS(apm_socket_set_dual_mode(dual, true));
    CHECK_SUCCESS(apm_socket_bind(dual, any));
    CHECK_SUCCESS(apm_socket_local_endpoint(dual, &dual_local));
    send_whole_train(dual, 10 * SIZE + LAST, SIZE, ends.receiver_local);
    expect_datagrams(ends.receiver, 10 * SIZE + LAST, SIZE);
    CHECK_SUCCESS(apm_socket_close(v6));
    CHECK_SUCCESS(apm_socket_close(dual));
    ends_close(ends);
}

LIBRARY_TEST_MAIN()
