/*
 * Lists of buffers, files, and accepts with a receive size or a socket, as .NET does: the cases of its recorded
 * behaviour about these.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

/* -- Lists of buffers -------------------------------------------------------------------------------------------- */

TEST(lists_that_are_null_or_empty_or_have_a_null_buffer_are_refused_io_020)
{
    peered_socket pair = peered_socket_create();
    uint8_t byte;
    const apm_array_segment one = {&byte, 1};
    const apm_array_segment missing = {NULL, 0};
    struct operation operation;

    CHECK_ERROR(apm_socket_begin_receive_buffers(pair.socket, NULL, 1, 0, ON_CALLBACK(&operation)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_receive_buffers(pair.socket, &one, 0, 0, ON_CALLBACK(&operation)), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_begin_receive_buffers(pair.socket, &missing, 1, 0, ON_CALLBACK(&operation)),
                APM_ERROR_ARGUMENT_NULL);
    peered_socket_close(pair);
}

TEST(three_buffers_of_3_bytes_are_filled_by_7_io_023)
{
    peered_socket pair = peered_socket_create();
    uint8_t bytes[3][3] = {{0}};
    const apm_array_segment list[3] = {{bytes[0], 3}, {bytes[1], 3}, {bytes[2], 3}};
    const uint8_t expected[3][3] = {{1, 2, 3}, {4, 5, 6}, {7, 0, 0}};
    struct operation receive;
    size_t received;

    raw_write(pair.peer, "\1\2\3\4\5\6\7", 7);
    await_available(pair.socket, 7);
    CHECK_SUCCESS(apm_socket_begin_receive_buffers(pair.socket, list, 3, 0, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 7);
    CHECK_EQ(memcmp(bytes, expected, sizeof bytes), 0);
    peered_socket_close(pair);
}

TEST(buffers_of_2_and_0_and_3_bytes_are_sent_as_5_io_024)
{
    peered_socket pair = peered_socket_create();
    uint8_t bytes[5] = {1, 2, 3, 4, 5};
    const apm_array_segment list[3] = {{bytes, 2}, {bytes, 0}, {bytes + 2, 3}};
    uint8_t seen[5];
    struct operation send;
    size_t sent;

    CHECK_SUCCESS(apm_socket_begin_send_buffers(pair.socket, list, 3, 0, ON_CALLBACK(&send)));
    CHECK_SUCCESS(finish_send(pair.socket, &send, &sent));
    CHECK_EQ(sent, 5);
    raw_read_exactly(pair.peer, seen, 5);
    CHECK_EQ(memcmp(seen, bytes, 5), 0);
    peered_socket_close(pair);
}

/* -- Files ------------------------------------------------------------------------------------------------------- */

/* The name of a new file with these bytes, to be removed. */
static const char *create_file(const void *bytes, size_t size)
{
    static char name[40];
    static const char template[] = "/tmp/apm-behaviour-XXXXXX";

    memcpy(name, template, sizeof template);
    int descriptor = mkstemp(name);
    CHECK(descriptor >= 0);
    CHECK_EQ(write(descriptor, bytes, size), (ssize_t)size);
    CHECK_EQ(close(descriptor), 0);
    return name;
}

static apm_error finish_file(apm_socket socket, struct operation *operation)
{
    AWAIT(operation);
    return apm_socket_end_send_file(socket, operation->result, NULL);
}

TEST(a_file_is_sent_with_the_buffers_around_it_io_042)
{
    peered_socket pair = peered_socket_create();
    const char *name = create_file("\5\6", 2);
    struct operation send;
    uint8_t seen[6];

    CHECK_SUCCESS(
        apm_socket_begin_send_file_with_buffers(pair.socket, name, "\1\2", 2, "\10\11", 2, 0, ON_CALLBACK(&send)));
    CHECK_SUCCESS(finish_file(pair.socket, &send));
    raw_read_exactly(pair.peer, seen, 6);
    CHECK_EQ(memcmp(seen, "\1\2\5\6\10\11", 6), 0);

    CHECK_SUCCESS(apm_socket_begin_send_file(pair.socket, NULL, ON_CALLBACK(&send)));
    CHECK_SUCCESS(finish_file(pair.socket, &send));
    CHECK_ERROR(apm_socket_begin_send_file(pair.socket, "/tmp/apm-no-such-file", ON_CALLBACK(&send)),
                APM_ERROR_FILE_NOT_FOUND);
    CHECK_ERROR(apm_socket_send_file_with_buffers(pair.socket, name, NULL, 0, NULL, 0,
                                                  APM_TRANSMIT_FILE_OPTIONS_DISCONNECT, NULL),
                APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_begin_send_file_with_buffers(pair.socket, name, NULL, 0, NULL, 0,
                                                          APM_TRANSMIT_FILE_OPTIONS_DISCONNECT, ON_CALLBACK(&send)));
    CHECK_SUCCESS(finish_file(pair.socket, &send));
    CHECK(!apm_socket_connected(pair.socket));
    CHECK_ERROR(apm_socket_begin_send_file_with_buffers(pair.socket, name, NULL, 0, NULL, 0,
                                                        APM_TRANSMIT_FILE_OPTIONS_REUSE_SOCKET, ON_CALLBACK(&send)),
                APM_ERROR_NOT_SUPPORTED);
    CHECK_EQ(unlink(name), 0);
    peered_socket_close(pair);
}

TEST(files_need_an_open_and_connected_socket_io_042)
{
    const char *name = create_file("\5\6", 2);
    apm_socket socket = tcp_create();
    struct operation send;

    CHECK_ERROR(apm_socket_begin_send_file(socket, name, ON_CALLBACK(&send)), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_send_file(socket, name, NULL), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(apm_socket_begin_send_file(socket, name, ON_CALLBACK(&send)), APM_ERROR_OBJECT_DISPOSED);

    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP, &socket));
    CHECK_ERROR(apm_socket_begin_send_file(socket, name, ON_CALLBACK(&send)), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_connect(socket, loopback_endpoint(9)));
    CHECK_ERROR(apm_socket_begin_send_file(socket, name, ON_CALLBACK(&send)), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_EQ(unlink(name), 0);
}

TEST(a_small_file_completes_at_once_with_its_callback_on_a_pool_thread_iar_025)
{
    enum { SIZE = 1000 };
    static const uint8_t bytes[SIZE];
    peered_socket pair = peered_socket_create();
    const char *name = create_file(bytes, SIZE);
    struct operation send;

    CHECK_SUCCESS(apm_socket_begin_send_file(pair.socket, name, ON_CALLBACK(&send)));
    CHECK(!apm_async_result_completed_synchronously(send.result));
    CHECK_SUCCESS(finish_file(pair.socket, &send));
    raw_read_zeros(pair.peer, SIZE);
    CHECK_EQ(unlink(name), 0);
    peered_socket_close(pair);
}

/* -- Accept with a receive size ---------------------------------------------------------------------------------- */

static apm_error finish(apm_socket listener, struct operation *operation, apm_socket *accepted, size_t *transferred)
{
    AWAIT(operation);
    return apm_socket_end_accept_receive(listener, operation->result, accepted, transferred);
}

TEST(an_accept_with_a_receive_size_waits_for_data_acc_007)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation accept;
    apm_socket accepted;
    uint8_t buffer[10];

    CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, buffer, sizeof buffer, ON_CALLBACK(&accept)));
    int peer = raw_connect(local);
    CHECK_PENDING(&accept);
    raw_write(peer, "x", 1);
    CHECK_SUCCESS(finish(listener, &accept, &accepted, NULL));
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

TEST(a_client_that_ends_or_resets_without_data_is_accepted_with_0_bytes_acc_008)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation accept;
    apm_socket accepted;
    uint8_t buffer[10];

    for (int reset = 0; reset < 2; reset++) {
        size_t transferred = 99;

        CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, buffer, sizeof buffer, ON_CALLBACK(&accept)));
        int peer = raw_connect(local);
        if (reset)
            raw_reset(peer);
        else
            raw_close(peer);
        CHECK_SUCCESS(finish(listener, &accept, &accepted, &transferred));
        CHECK_EQ(transferred, 0);
        CHECK_SUCCESS(apm_socket_close(accepted));
    }
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(a_receive_size_of_0_does_not_wait_and_the_forms_of_end_are_told_apart_acc_009)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation accept;
    struct operation plain;
    apm_socket accepted;
    uint8_t buffer[10];
    size_t transferred = 99;

    CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, NULL, 0, ON_CALLBACK(&accept)));
    int peer = raw_connect(local);
    CHECK_SUCCESS(finish(listener, &accept, &accepted, &transferred));
    CHECK_EQ(transferred, 0);
    CHECK_SUCCESS(apm_socket_close(accepted));
    raw_close(peer);

    CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, buffer, sizeof buffer, ON_CALLBACK(&accept)));
    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&plain)));
    CHECK_ERROR(apm_socket_end_accept(listener, accept.result, &accepted), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_accept_receive(listener, plain.result, &accepted, NULL), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_ERROR(finish(listener, &accept, &accepted, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_ERROR(finish_accept(listener, &plain, &accepted), APM_ERROR_OPERATION_ABORTED);
}

TEST(closing_the_listener_aborts_the_accept_and_ends_the_wait_for_data_cls_007)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation receiving;
    struct operation accepting;
    apm_socket accepted;
    uint8_t buffer[2];

    CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, &buffer[0], 1, ON_CALLBACK(&receiving)));
    int peer = raw_connect(local);
    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&accepting)));
    int next = raw_connect(local);
    CHECK_SUCCESS(finish_accept(listener, &accepting, &accepted)); /* so the first has its connection */
    CHECK_SUCCESS(apm_socket_close(accepted));
    raw_close(next);
    CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, &buffer[1], 1, ON_CALLBACK(&accepting)));
    CHECK_PENDING(&receiving);
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_ERROR(finish(listener, &accepting, &accepted, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(finish(listener, &receiving, &accepted, NULL));
    CHECK_SUCCESS(apm_socket_close(accepted));
    raw_close(peer);
}

/* -- Accept into a socket ---------------------------------------------------------------------------------------- */

TEST(an_own_socket_is_accepted_into_and_given_back_acc_010)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket own = tcp_create();
    apm_socket accepted;
    struct operation accept;
    uint8_t byte = 0;

    CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, own, NULL, 0, ON_CALLBACK(&accept)));
    CHECK_ERROR(apm_socket_end_accept(listener, accept.result, &accepted), APM_ERROR_ARGUMENT);
    int peer = raw_connect(local);
    CHECK_SUCCESS(finish(listener, &accept, &accepted, NULL));
    CHECK(apm_socket_equals(accepted, own));
    CHECK(apm_socket_connected(own));
    raw_write(peer, "\1", 1);
    receive_exactly(own, &byte, 1);
    CHECK_EQ(byte, 1);
    CHECK_SUCCESS(apm_socket_close(own));
    raw_close(peer);

    const apm_socket none = APM_NULL_HANDLE;
    CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, none, NULL, 0, ON_CALLBACK(&accept)));
    peer = raw_connect(local);
    CHECK_SUCCESS(finish(listener, &accept, &accepted, NULL));
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

TEST(a_socket_that_is_bound_or_connected_or_closed_is_not_accepted_into_acc_011)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket bound = tcp_create();
    socket_pair pair = socket_pair_create();
    apm_socket accepted;
    struct operation accept;

    CHECK_SUCCESS(apm_socket_bind(bound, loopback_endpoint(0)));
    CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, bound, NULL, 0, ON_CALLBACK(&accept)));
    CHECK_ERROR(finish(listener, &accept, &accepted, NULL), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, pair.client, NULL, 0, ON_CALLBACK(&accept)));
    CHECK_ERROR(finish(listener, &accept, &accepted, NULL), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_socket_close(bound));
    CHECK_ERROR(apm_socket_begin_accept_socket(listener, bound, NULL, 0, ON_CALLBACK(&accept)),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK(apm_socket_connected(pair.client));
    socket_pair_close(pair);
    CHECK_SUCCESS(apm_socket_close(listener));
}

LIBRARY_TEST_MAIN()
