/*
 * Forms of connect and close that say the same as others in other words.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

CONTRACT_TEST(an_address_and_a_port_are_connected_to)
{
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    apm_ip_address no_address = {0};
    apm_socket socket = tcp_create();
    struct operation connect;

    CHECK_ERROR(apm_socket_begin_connect_address(socket, local.address, 65536, ON_COMPLETION(&connect)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK(apm_async_result_is_null(connect.result));
    CHECK_ERROR(apm_socket_begin_connect_address(socket, local.address, -1, ON_COMPLETION(&connect)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_connect_address(socket, no_address, 0, ON_COMPLETION(&connect)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_connect_address(socket, address_of("::1"), 1, ON_COMPLETION(&connect)),
                APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_connect_address(socket, address_of("::1"), 1), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_begin_connect_address(socket, local.address, local.port, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(finish_connect(socket, &connect));
    CHECK(apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(apm_socket_connect_address(socket, local.address, local.port), APM_ERROR_OBJECT_DISPOSED);

    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_connect_address(socket, local.address, local.port));
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

CONTRACT_TEST(the_first_endpoint_of_a_list_that_accepts_is_connected_to_synchronously)
{
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    apm_endpoint list[2] = {closed_endpoint(), local};
    apm_socket socket = tcp_create();
    apm_endpoint remote;

    CHECK_ERROR(apm_socket_connect_endpoints(socket, NULL, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_connect_endpoints(socket, list, 0), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_socket_connect_endpoints(socket, list, 2));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK_EQ(remote.port, local.port);
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

CONTRACT_TEST(a_close_with_the_time_out_0_resets_and_any_other_delivers)
{
    const int timeouts[] = {0, -1, 1, 5000};

    for (size_t i = 0; i < 4; i++) {
        peered_socket pair = peered_socket_create();

        send_all(pair.socket, "abc", 3);
        CHECK_ERROR(apm_socket_close_timeout(pair.socket, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
        CHECK(apm_socket_connected(pair.socket));
        CHECK_SUCCESS(apm_socket_close_timeout(pair.socket, timeouts[i]));
        CHECK_SUCCESS(apm_socket_close_timeout(pair.socket, timeouts[i]));
        stream_end end = raw_read_to_end(pair.peer);
        CHECK_EQ(end.reset, timeouts[i] == 0);
        CHECK(end.reset || end.bytes == 3);
        raw_close(pair.peer);
    }
    CHECK_ERROR(apm_socket_close_timeout((apm_socket)APM_NULL_HANDLE, 0), APM_ERROR_ARGUMENT_NULL);
}

TEST(on_a_socket_that_does_not_block_lists_and_files_take_what_there_is_room_for)
{
    enum { SIZE = 16 << 20 };
    uint8_t *block = calloc(1, SIZE);
    const apm_array_segment list[] = {{block, SIZE / 2}, {block + SIZE / 2, SIZE / 2}};
    peered_socket pair = peered_socket_create();
    char name[] = "/tmp/apm-forms-XXXXXX";
    int descriptor = mkstemp(name);
    size_t sent = 0;
    uint64_t sent_of_file = 0;
    size_t received = 99;

    CHECK(block != NULL && descriptor >= 0);
    CHECK_EQ(ftruncate(descriptor, SIZE), 0);
    CHECK_SUCCESS(apm_socket_set_blocking(pair.socket, false));
    CHECK_ERROR(apm_socket_receive_buffers(pair.socket, list, 2, APM_SOCKET_FLAGS_NONE, &received),
                APM_ERROR_WOULD_BLOCK);
    CHECK_EQ(received, 0);
    CHECK_SUCCESS(apm_socket_send_buffers(pair.socket, list, 2, APM_SOCKET_FLAGS_NONE, &sent));
    CHECK(sent > 0 && sent < SIZE);
    CHECK_ERROR(apm_socket_send_file(pair.socket, name, &sent_of_file), APM_ERROR_WOULD_BLOCK);
    CHECK_EQ(sent_of_file, 0);
    raw_read_zeros(pair.peer, sent);
    CHECK_SUCCESS(apm_socket_send_file(pair.socket, name, &sent_of_file));
    CHECK(sent_of_file > 0 && sent_of_file < SIZE);
    raw_read_zeros(pair.peer, sent_of_file);
    CHECK_SUCCESS(apm_socket_send(pair.socket, "", 1, APM_SOCKET_FLAGS_NONE, NULL)); /* nothing was cut short */
    raw_read_zeros(pair.peer, 1);
    CHECK_EQ(unlink(name), 0);
    CHECK_EQ(close(descriptor), 0);
    peered_socket_close(pair);
    free(block);
}

CONTRACT_TEST(a_connect_to_an_address_on_a_socket_that_does_not_block_goes_on_by_itself)
{
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();
    bool ready = false;

    CHECK_SUCCESS(apm_socket_set_blocking(socket, false));
    apm_error error = apm_socket_connect_address(socket, local.address, local.port);
    CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_WOULD_BLOCK);
    CHECK_SUCCESS(apm_socket_poll(socket, -1, APM_SELECT_MODE_SELECT_WRITE, &ready));
    CHECK(ready && apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

TEST(an_accepted_socket_does_not_block_if_its_listener_does_not)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket into = tcp_create();
    const apm_socket none = APM_NULL_HANDLE;
    struct operation accept;
    apm_socket accepted;
    bool blocking = true;

    CHECK_SUCCESS(apm_socket_set_blocking(listener, false));
    for (int i = 0; i < 2; i++) {
        CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, i == 0 ? none : into, NULL, 0, ON_CALLBACK(&accept)));
        int peer = raw_connect(local);
        AWAIT(&accept);
        CHECK_SUCCESS(apm_socket_end_accept_receive(listener, accept.result, &accepted, NULL));
        CHECK_SUCCESS(apm_socket_blocking(accepted, &blocking));
        CHECK(!blocking);
        CHECK_SUCCESS(apm_socket_close(accepted));
        raw_close(peer);
    }
    CHECK_SUCCESS(apm_socket_close(listener));
}

LIBRARY_TEST_MAIN()
