/*
 * Options by number, and the properties that stand for options, as in .NET: cases opt-* of its recorded behaviour, and
 * what its GetSocketOption gave for each name.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "support.h"

#define OF_SOCKET(name) APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_##name
#define OF_TCP(name) APM_SOCKET_OPTION_LEVEL_TCP, APM_SOCKET_OPTION_NAME_##name

static apm_socket create(apm_address_family family)
{
    apm_socket socket;
    apm_protocol_type protocol = family == APM_ADDRESS_FAMILY_UNIX ? APM_PROTOCOL_TYPE_UNSPECIFIED
                                                                   : APM_PROTOCOL_TYPE_TCP;

    CHECK_SUCCESS(apm_socket_create(family, APM_SOCKET_TYPE_STREAM, protocol, &socket));
    return socket;
}

static int option_of(apm_socket socket, apm_socket_option_level level, apm_socket_option_name name)
{
    int value = -7;

    CHECK_SUCCESS(apm_socket_get_socket_option(socket, level, name, &value));
    return value;
}

static int raw_option_of(apm_socket socket, int level, int name)
{
    int value = -7;
    size_t size = sizeof value;

    CHECK_SUCCESS(apm_socket_get_raw_socket_option(socket, level, name, &value, &size));
    CHECK_EQ(size, sizeof value);
    return value;
}

/* -- Properties -------------------------------------------------------------------------------------------------- */

TEST(a_unix_domain_socket_has_the_properties_that_net_gives_it_opt_004)
{
    apm_socket socket = unix_create();
    apm_protocol_type protocol;
    apm_endpoint endpoint;
    apm_linger_option linger;
    size_t available;
    bool flag;
    int number;

    CHECK_SUCCESS(apm_socket_protocol_type(socket, &protocol));
    CHECK_EQ(protocol, APM_PROTOCOL_TYPE_UNSPECIFIED);
    CHECK_SUCCESS(apm_socket_available(socket, &available));
    CHECK_EQ(available, 0);
    CHECK_SUCCESS(apm_socket_blocking(socket, &flag));
    CHECK(flag);
    CHECK(!apm_socket_connected(socket) && !apm_socket_is_bound(socket));
    CHECK_ERROR(apm_socket_dont_fragment(socket, &flag), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_set_dont_fragment(socket, true), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_dual_mode(socket, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_socket_enable_broadcast(socket, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_socket_exclusive_address_use(socket, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_socket_linger_state(socket, &linger));
    CHECK(!linger.enabled && linger.linger_time == 0);
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &endpoint));
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &endpoint));
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_ERROR(apm_socket_multicast_loopback(socket, &flag), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_set_multicast_loopback(socket, true), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_no_delay(socket, &flag), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_ttl(socket, &number), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_set_ttl(socket, 7), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_set_ttl(socket, 300), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_socket_receive_buffer_size(socket, &number));
    CHECK(number > 0);
    CHECK_ERROR(apm_socket_set_exclusive_address_use(socket, false), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_close(socket));
}

static void check_ttl(apm_socket socket, int set, apm_error expected, int expected_ttl)
{
    int ttl = -7;

    CHECK_ERROR(apm_socket_set_ttl(socket, set), expected);
    CHECK_SUCCESS(apm_socket_ttl(socket, &ttl));
    CHECK_EQ(ttl, expected_ttl);
}

TEST(ttl_is_from_1_to_255_and_is_the_hop_limit_of_ipv6_opt_016)
{
    apm_socket four = create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    apm_socket six = create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
    int ttl;

    CHECK_SUCCESS(apm_socket_ttl(four, &ttl));
    CHECK_EQ(ttl, 64);
    check_ttl(four, 1, APM_ERROR_SUCCESS, 1);
    check_ttl(four, 255, APM_ERROR_SUCCESS, 255);
    check_ttl(four, 256, APM_ERROR_ARGUMENT_OUT_OF_RANGE, 255);
    check_ttl(four, 0, APM_ERROR_INVALID_ARGUMENT, 255);
    check_ttl(four, -1, APM_ERROR_ARGUMENT_OUT_OF_RANGE, 255);
    CHECK_SUCCESS(apm_socket_ttl(six, &ttl));
    CHECK_EQ(ttl, 64);
    check_ttl(six, 7, APM_ERROR_SUCCESS, 7);
    check_ttl(six, 0, APM_ERROR_SUCCESS, 0);
    CHECK_ERROR(apm_socket_ttl(four, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(four));
    CHECK_SUCCESS(apm_socket_close(six));
    CHECK_ERROR(apm_socket_ttl(four, &ttl), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(ttl, 0);
}

TEST(switches_are_set_and_read_and_refused_by_the_wrong_kind_of_socket_opt_017)
{
    apm_socket four = create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    apm_socket six = create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
    bool flag = true;

    CHECK_SUCCESS(apm_socket_dont_fragment(four, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_socket_set_dont_fragment(four, true));
    CHECK_SUCCESS(apm_socket_dont_fragment(four, &flag));
    CHECK(flag);
    CHECK_EQ(option_of(four, APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_DONT_FRAGMENT), 1);
    CHECK_EQ(raw_option_of(four, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DO);
    CHECK_SUCCESS(apm_socket_set_dont_fragment(four, false));
    CHECK_EQ(raw_option_of(four, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DONT);
    CHECK_ERROR(apm_socket_dont_fragment(six, &flag), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_set_dont_fragment(six, true), APM_ERROR_NOT_SUPPORTED);

    CHECK_SUCCESS(apm_socket_set_enable_broadcast(four, true));
    CHECK_SUCCESS(apm_socket_enable_broadcast(four, &flag));
    CHECK(!flag); /* a stream has nothing to broadcast */

    for (int i = 0; i < 2; i++) {
        apm_socket socket = i == 0 ? four : six;
        CHECK_SUCCESS(apm_socket_multicast_loopback(socket, &flag));
        CHECK(flag);
        CHECK_SUCCESS(apm_socket_set_multicast_loopback(socket, false));
        CHECK_SUCCESS(apm_socket_multicast_loopback(socket, &flag));
        CHECK(!flag);
        CHECK_SUCCESS(apm_socket_close(socket));
    }
}

TEST(exclusive_address_use_is_the_opposite_of_reuse_address_and_set_before_bind_opt_019)
{
    apm_socket first = create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    apm_socket second = create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    apm_endpoint local;
    bool flag = false;

    CHECK_SUCCESS(apm_socket_exclusive_address_use(first, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_socket_set_exclusive_address_use(first, false));
    CHECK_SUCCESS(apm_socket_exclusive_address_use(first, &flag));
    CHECK(!flag);
    CHECK_EQ(option_of(first, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_REUSE_ADDRESS), 1);
    CHECK_EQ(raw_option_of(first, SOL_SOCKET, SO_REUSEPORT), 1);
    CHECK_SUCCESS(apm_socket_set_socket_option(second, APM_SOCKET_OPTION_LEVEL_SOCKET,
                                               APM_SOCKET_OPTION_NAME_EXCLUSIVE_ADDRESS_USE, 0));
    CHECK_SUCCESS(apm_socket_bind(first, loopback_endpoint(0)));
    CHECK_SUCCESS(apm_socket_local_endpoint(first, &local));
    CHECK_SUCCESS(apm_socket_bind(second, local));
    CHECK_SUCCESS(apm_socket_listen(first, 4));
    CHECK_SUCCESS(apm_socket_listen(second, 4));
    CHECK_ERROR(apm_socket_set_exclusive_address_use(first, true), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_socket_close(first));
    CHECK_SUCCESS(apm_socket_close(second));
}

TEST(bind_sets_half_of_what_reuse_address_stands_for_opt_030)
{
    apm_socket socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK);

    CHECK_EQ(raw_option_of(socket, SOL_SOCKET, SO_REUSEADDR), 0);
    CHECK_SUCCESS(apm_socket_bind(socket, loopback_endpoint(0)));
    CHECK_EQ(raw_option_of(socket, SOL_SOCKET, SO_REUSEADDR), 1);
    CHECK_EQ(raw_option_of(socket, SOL_SOCKET, SO_REUSEPORT), 0);
    CHECK_EQ(option_of(socket, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_REUSE_ADDRESS), 0);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(the_system_supports_all_three_families)
{
    CHECK(apm_socket_os_supports_ipv4());
    CHECK(apm_socket_os_supports_ipv6());
    CHECK(apm_socket_os_supports_unix_domain_sockets());
}

/* -- Control codes, the descriptor --------------------------------------------------------------------------------- */

static apm_error control(apm_socket socket, apm_io_control_code code, int *answer)
{
    size_t written = 99;
    apm_error error = apm_socket_io_control(socket, code, NULL, 0, answer, sizeof *answer, &written);

    CHECK_EQ(written, error == APM_ERROR_SUCCESS ? sizeof *answer : 0);
    return error;
}

TEST(control_codes_ask_for_data_and_the_mark_and_others_are_not_supported_opt_034)
{
    peered_socket pair = peered_socket_create();
    const uint32_t keep_alive[3] = {1, 20000, 1500};
    int answer = 99;

    CHECK_SUCCESS(control(pair.socket, APM_IO_CONTROL_CODE_OOB_DATA_READ, &answer));
    CHECK_EQ(answer, 0);
    raw_write(pair.peer, "0123456789", 10);
    await_available(pair.socket, 10);
    CHECK_SUCCESS(control(pair.socket, APM_IO_CONTROL_CODE_DATA_TO_READ, &answer));
    CHECK_EQ(answer, 10);
    CHECK_ERROR(control(pair.socket, APM_IO_CONTROL_CODE_NON_BLOCKING_IO, &answer), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(control(pair.socket, (apm_io_control_code)0x5421, &answer), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(control(pair.socket, (apm_io_control_code)0x541b, &answer), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_io_control(pair.socket, APM_IO_CONTROL_CODE_DATA_TO_READ, NULL, 0, &answer, 2, NULL),
                APM_ERROR_FAULT);
    CHECK_ERROR(apm_socket_io_control(pair.socket, APM_IO_CONTROL_CODE_DATA_TO_READ, NULL, 0, NULL, 4, NULL),
                APM_ERROR_FAULT);
    CHECK_SUCCESS(apm_socket_io_control(pair.socket, APM_IO_CONTROL_CODE_KEEP_ALIVE_VALUES, keep_alive,
                                        sizeof keep_alive, NULL, 0, NULL));
    CHECK_EQ(option_of(pair.socket, OF_SOCKET(KEEP_ALIVE)), 1);
    CHECK_EQ(option_of(pair.socket, OF_TCP(TCP_KEEP_ALIVE_TIME)), 20);
    CHECK_EQ(option_of(pair.socket, OF_TCP(TCP_KEEP_ALIVE_INTERVAL)), 2);
    peered_socket_close(pair);
}

TEST(the_mark_of_urgent_data_is_seen)
{
    peered_socket pair = peered_socket_create();
    int answer = 0;

    CHECK_EQ(send(pair.peer, "!", 1, MSG_OOB), 1);
    for (bool ready = false; !ready;)
        CHECK_SUCCESS(apm_socket_poll(pair.socket, 1000000, APM_SELECT_MODE_SELECT_ERROR, &ready));
    CHECK_SUCCESS(control(pair.socket, APM_IO_CONTROL_CODE_OOB_DATA_READ, &answer));
    CHECK_EQ(answer, 1);
    peered_socket_close(pair);
}

TEST(the_descriptor_is_close_on_exec_and_what_the_socket_is_opt_031)
{
    apm_socket six = create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
    apm_socket dual;
    intptr_t handle = -1;
    int value;
    socklen_t size = sizeof value;

    CHECK_SUCCESS(apm_socket_handle(six, &handle));
    CHECK(handle >= 0);
    CHECK_EQ(getsockopt((int)handle, IPPROTO_IPV6, IPV6_V6ONLY, &value, &size), 0);
    CHECK_EQ(value, 1);
    CHECK_SUCCESS(apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &dual));
    CHECK_EQ(raw_option_of(dual, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    CHECK_SUCCESS(apm_socket_close(dual));
    CHECK_SUCCESS(apm_socket_close(six));
    CHECK_ERROR(apm_socket_handle(six, &handle), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(handle, -1);
}

static void check_descriptor(apm_socket socket)
{
    intptr_t handle;

    CHECK_SUCCESS(apm_socket_handle(socket, &handle));
    CHECK(fcntl((int)handle, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl((int)handle, F_GETFL) & O_NONBLOCK); /* .NET's do not block from the first operation on */
}

TEST(descriptors_are_close_on_exec_and_sigpipe_is_the_programs_own_opt_031)
{
    socket_pair pair = socket_pair_create();
    struct sigaction action;

    check_descriptor(pair.client);
    check_descriptor(pair.server);
    CHECK_EQ(sigaction(SIGPIPE, NULL, &action), 0);
    CHECK(action.sa_handler == SIG_DFL);
    socket_pair_close(pair);
}

LIBRARY_TEST_MAIN()
