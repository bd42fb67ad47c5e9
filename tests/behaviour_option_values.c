/*
 * Values of options and states that .NET's recorded cases opt-*, pol-* and uds-* have beside those that other tests of
 * the same cases check.
 */
#include <sys/socket.h>

#include "support.h"
#include "support_datagram.h"

static int raw_option_of(apm_socket socket, int name)
{
    int value = -1;
    size_t size = sizeof value;

    CHECK_SUCCESS(apm_socket_get_raw_socket_option(socket, SOL_SOCKET, name, &value, &size));
    return value;
}

TEST(connected_is_false_after_a_reset_that_an_operation_saw_and_true_after_would_block_opt_008)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    char byte;

    CHECK_SUCCESS(apm_socket_set_blocking(pair.socket, false));
    CHECK_ERROR(apm_socket_receive(pair.socket, &byte, 1, 0, NULL), APM_ERROR_WOULD_BLOCK);
    CHECK(apm_socket_connected(pair.socket));
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &byte, 1, 0, ON_CALLBACK(&receive)));
    raw_reset(pair.peer);
    CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_CONNECTION_RESET);
    CHECK(!apm_socket_connected(pair.socket));
    CHECK_SUCCESS(apm_socket_close(pair.socket));

    pair = peered_socket_create();
    CHECK_SUCCESS(apm_socket_disconnect(pair.socket, false));
    CHECK(!apm_socket_connected(pair.socket));
    peered_socket_close(pair);
}

TEST(nothing_is_available_after_an_end_or_a_reset_opt_011)
{
    for (int reset = 0; reset < 2; reset++) {
        peered_socket pair = peered_socket_create();
        size_t available = 99;
        bool ready;

        if (reset) {
            raw_reset(pair.peer);
        } else {
            raw_close(pair.peer);
        }
        CHECK_SUCCESS(apm_socket_poll(pair.socket, PATIENCE_MS * 1000LL, APM_SELECT_MODE_SELECT_READ, &ready));
        CHECK(ready);
        CHECK_SUCCESS(apm_socket_available(pair.socket, &available));
        CHECK_EQ(available, 0);
        CHECK_SUCCESS(apm_socket_close(pair.socket));
    }
}

TEST(no_delay_is_an_option_of_tcp_only_opt_013)
{
    apm_socket tcp = tcp_create();
    apm_socket udp = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    bool flag = true;

    CHECK_SUCCESS(apm_socket_no_delay(tcp, &flag));
    CHECK(!flag);
    CHECK_ERROR(apm_socket_no_delay(udp, &flag), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_set_no_delay(udp, true), APM_ERROR_PROTOCOL_OPTION);
    CHECK_SUCCESS(apm_socket_close(tcp));
    CHECK_SUCCESS(apm_socket_close(udp));
}

TEST(buffers_have_a_smallest_size_and_the_system_doubles_what_is_set_opt_014)
{
    apm_socket socket = tcp_create();
    int size = 0;

    CHECK_SUCCESS(apm_socket_set_receive_buffer_size(socket, 8192));
    CHECK_EQ(raw_option_of(socket, SO_RCVBUF), 16384);
    CHECK_SUCCESS(apm_socket_set_send_buffer_size(socket, 8192));
    CHECK_EQ(raw_option_of(socket, SO_SNDBUF), 16384);
    CHECK_SUCCESS(apm_socket_set_receive_buffer_size(socket, 1));
    CHECK_SUCCESS(apm_socket_receive_buffer_size(socket, &size));
    CHECK_EQ(size, 2304);
    CHECK_SUCCESS(apm_socket_set_send_buffer_size(socket, 0));
    CHECK_SUCCESS(apm_socket_send_buffer_size(socket, &size));
    CHECK_EQ(size, 4608);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(time_outs_are_0_at_first_and_options_by_number_too_opt_015)
{
    apm_socket socket = tcp_create();
    int timeout_ms = 99;

    CHECK_SUCCESS(apm_socket_receive_timeout(socket, &timeout_ms));
    CHECK_EQ(timeout_ms, 0);
    CHECK_SUCCESS(apm_socket_send_timeout(socket, &timeout_ms));
    CHECK_EQ(timeout_ms, 0);
    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, 1));
    CHECK_SUCCESS(apm_socket_receive_timeout(socket, &timeout_ms));
    CHECK_EQ(timeout_ms, 1);
    CHECK_SUCCESS(apm_socket_set_socket_option(socket, APM_SOCKET_OPTION_LEVEL_SOCKET,
                                               APM_SOCKET_OPTION_NAME_RECEIVE_TIMEOUT, 700));
    CHECK_SUCCESS(apm_socket_receive_timeout(socket, &timeout_ms));
    CHECK_EQ(timeout_ms, 700);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(datagrams_over_ipv4_and_both_can_forbid_fragments_opt_003_opt_017)
{
    apm_socket four = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    apm_socket dual;
    bool flag = false;

    CHECK_SUCCESS(apm_socket_set_dont_fragment(four, true));
    CHECK_SUCCESS(apm_socket_dont_fragment(four, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_socket_create_dual_mode(APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP, &dual));
    CHECK_SUCCESS(apm_socket_dont_fragment(dual, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_socket_set_dont_fragment(dual, true));
    CHECK_SUCCESS(apm_socket_dont_fragment(dual, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_socket_close(four));
    CHECK_SUCCESS(apm_socket_close(dual));
}

TEST(a_datagram_socket_does_not_share_its_port_by_itself_opt_030)
{
    apm_socket udp = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);

    for (int bound = 0; bound < 2; bound++) {
        CHECK_EQ(raw_option_of(udp, SO_REUSEADDR), 0);
        CHECK_EQ(raw_option_of(udp, SO_REUSEPORT), 0);
        if (!bound) {
            CHECK_SUCCESS(apm_socket_bind(udp, loopback_endpoint(0)));
        }
    }
    CHECK_SUCCESS(apm_socket_close(udp));
}

TEST(a_unix_socket_has_no_time_to_live_uds_009)
{
    socket_pair pair = unix_pair_create();
    int ttl;

    CHECK_ERROR(apm_socket_ttl(pair.client, &ttl), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_set_ttl(pair.client, 5), APM_ERROR_NOT_SUPPORTED);
    socket_pair_close(pair);
}

TEST(a_receive_from_does_not_wait_on_a_socket_that_does_not_block_pol_025)
{
    apm_endpoint local;
    apm_endpoint remote;
    apm_socket socket = udp_bind(&local);
    char byte;

    CHECK_SUCCESS(apm_socket_set_blocking(socket, false));
    CHECK_ERROR(apm_socket_receive_from(socket, &byte, 1, 0, &remote, NULL), APM_ERROR_WOULD_BLOCK);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(time_outs_of_a_millisecond_of_receive_from_and_of_streams_pol_023_pol_026)
{
    peered_socket pair = peered_socket_create();
    apm_endpoint local;
    apm_endpoint remote;
    apm_socket datagrams = udp_bind(&local);
    apm_stream stream;
    char byte;

    CHECK_SUCCESS(apm_socket_set_receive_timeout(datagrams, 1));
    CHECK_ERROR(apm_socket_receive_from(datagrams, &byte, 1, 0, &remote, NULL), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_socket_set_receive_timeout(pair.socket, 1));
    CHECK_ERROR(apm_socket_receive(pair.socket, &byte, 1, 0, NULL), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_network_stream_create(pair.socket, APM_FILE_ACCESS_READ_WRITE, false, &stream));
    CHECK_ERROR(apm_stream_read(stream, &byte, 1, NULL), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_SUCCESS(apm_socket_close(datagrams));
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
