/*
 * Options of sockets by level and name, and those of the system's numbers, as in .NET: opt-018, opt-033, and what it
 * was recorded to give for each name.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "support.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

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

TEST(keep_alive_and_its_timers_are_set_and_read_opt_018)
{
    static const struct {
        apm_socket_option_name name;
        int at_first;
        int set;
    } timers[] = {{APM_SOCKET_OPTION_NAME_TCP_KEEP_ALIVE_TIME, 7200, 20},
                  {APM_SOCKET_OPTION_NAME_TCP_KEEP_ALIVE_INTERVAL, 75, 5},
                  {APM_SOCKET_OPTION_NAME_TCP_KEEP_ALIVE_RETRY_COUNT, 9, 4}};
    apm_socket socket;

    enter_private_network(); /* where the defaults are the kernel's own */
    socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    CHECK_EQ(option_of(socket, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_KEEP_ALIVE), 0);
    CHECK_SUCCESS(
        apm_socket_set_socket_option(socket, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_KEEP_ALIVE, 1));
    CHECK_EQ(option_of(socket, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_KEEP_ALIVE), 1);
    for (size_t i = 0; i < COUNT_OF(timers); i++) {
        CHECK_EQ(option_of(socket, APM_SOCKET_OPTION_LEVEL_TCP, timers[i].name), timers[i].at_first);
        CHECK_SUCCESS(apm_socket_set_socket_option(socket, APM_SOCKET_OPTION_LEVEL_TCP, timers[i].name, timers[i].set));
        CHECK_EQ(option_of(socket, APM_SOCKET_OPTION_LEVEL_TCP, timers[i].name), timers[i].set);
        CHECK_ERROR(apm_socket_set_socket_option(socket, APM_SOCKET_OPTION_LEVEL_TCP, timers[i].name, 0),
                    APM_ERROR_INVALID_ARGUMENT);
    }
    CHECK_SUCCESS(apm_socket_close(socket));
}

/* What .NET's GetSocketOption gave for a fresh stream socket, and SetSocketOption for the same value. */
struct recorded {
    apm_socket_option_level level;
    apm_socket_option_name name;
    apm_error get;
    int value; /* -1: not compared */
    apm_error set;
};

static void check_recorded(apm_socket socket, const struct recorded *recorded)
{
    int value = -7;

    CHECK_ERROR(apm_socket_get_socket_option(socket, recorded->level, recorded->name, &value), recorded->get);
    if (recorded->get != APM_ERROR_SUCCESS) {
        CHECK_EQ(value, 0);
        return;
    }
    if (recorded->value >= 0) {
        CHECK_EQ(value, recorded->value);
    }
    CHECK_ERROR(apm_socket_set_socket_option(socket, recorded->level, recorded->name, value), recorded->set);
}

#define OF_SOCKET(name) APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_##name
#define OF_IP(name) APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_##name
#define OF_IPV6(name) APM_SOCKET_OPTION_LEVEL_IPV6, APM_SOCKET_OPTION_NAME_##name
#define OF_TCP(name) APM_SOCKET_OPTION_LEVEL_TCP, APM_SOCKET_OPTION_NAME_##name
#define NO APM_ERROR_PROTOCOL_OPTION
#define NONE APM_ERROR_OPERATION_NOT_SUPPORTED
#define OK APM_ERROR_SUCCESS

TEST(every_option_name_gives_what_net_gives_on_a_tcp_socket)
{
    static const struct recorded options[] = {
        {OF_SOCKET(ACCEPT_CONNECTION), OK, 0, NO},
        {OF_SOCKET(REUSE_ADDRESS), OK, 0, OK},
        {OF_SOCKET(KEEP_ALIVE), OK, 0, OK},
        {OF_SOCKET(DONT_ROUTE), OK, 0, OK},
        {OF_SOCKET(BROADCAST), OK, 0, OK},
        {OF_SOCKET(USE_LOOPBACK), NONE, 0, OK},
        {OF_SOCKET(OUT_OF_BAND_INLINE), OK, 0, OK},
        {OF_SOCKET(DONT_LINGER), NONE, 0, OK},
        {OF_SOCKET(EXCLUSIVE_ADDRESS_USE), OK, 1, OK},
        {OF_SOCKET(SEND_BUFFER), OK, -1, OK},
        {OF_SOCKET(RECEIVE_BUFFER), OK, -1, OK},
        {OF_SOCKET(SEND_LOW_WATER), OK, 1, NO},
        {OF_SOCKET(RECEIVE_LOW_WATER), OK, 1, OK},
        {OF_SOCKET(SEND_TIMEOUT), OK, 0, OK},
        {OF_SOCKET(RECEIVE_TIMEOUT), OK, 0, OK},
        {OF_SOCKET(ERROR), OK, 0, NO},
        {OF_SOCKET(TYPE), OK, APM_SOCKET_TYPE_STREAM, NO},
        {OF_SOCKET(REUSE_UNICAST_PORT), NONE, 0, OK},
        {OF_SOCKET(UPDATE_ACCEPT_CONTEXT), NONE, 0, OK},
        {OF_SOCKET(UPDATE_CONNECT_CONTEXT), NONE, 0, OK},
        {OF_SOCKET(MAX_CONNECTIONS), NONE, 0, OK},
        {OF_IP(IP_OPTIONS), OK, 0, OK},
        {OF_IP(HEADER_INCLUDED), OK, 0, NO},
        {OF_IP(TYPE_OF_SERVICE), OK, 0, OK},
        {OF_IP(IP_TIME_TO_LIVE), OK, 64, OK},
        {OF_IP(MULTICAST_INTERFACE), OK, 0, APM_ERROR_INVALID_ARGUMENT},
        {OF_IP(MULTICAST_TIME_TO_LIVE), OK, 1, APM_ERROR_INVALID_ARGUMENT},
        {OF_IP(MULTICAST_LOOPBACK), OK, 1, OK},
        {OF_IP(ADD_MEMBERSHIP), NO, 0, OK},
        {OF_IP(DROP_MEMBERSHIP), NO, 0, OK},
        {OF_IP(DONT_FRAGMENT), OK, 0, OK},
        {OF_IP(ADD_SOURCE_MEMBERSHIP), NO, 0, OK},
        {OF_IP(DROP_SOURCE_MEMBERSHIP), NO, 0, OK},
        {OF_IP(BLOCK_SOURCE), NO, 0, OK},
        {OF_IP(UNBLOCK_SOURCE), NO, 0, OK},
        {OF_IP(PACKET_INFORMATION), OK, 0, OK},
        {OF_TCP(NO_DELAY), OK, 0, OK},
        {OF_TCP(BSD_URGENT), NONE, 0, OK},
        {OF_TCP(FAST_OPEN), OK, 0, OK},
        {(apm_socket_option_level)99, APM_SOCKET_OPTION_NAME_DEBUG, NONE, 0, OK},
    };
    apm_socket socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK);

    for (size_t i = 0; i < COUNT_OF(options); i++)
        check_recorded(socket, &options[i]);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(every_option_name_of_ipv6_gives_what_net_gives)
{
    static const struct recorded options[] = {
        {OF_IPV6(HOP_LIMIT), NO, 0, OK},
        {OF_IPV6(IP_PROTECTION_LEVEL), NONE, 0, OK},
        {OF_IPV6(IPV6_ONLY), OK, 1, OK},
        {OF_IPV6(IP_TIME_TO_LIVE), OK, 64, OK},
        {OF_IPV6(MULTICAST_INTERFACE), OK, 0, APM_ERROR_PROTOCOL_OPTION},
        {OF_IPV6(MULTICAST_TIME_TO_LIVE), OK, 1, APM_ERROR_PROTOCOL_OPTION},
        {OF_IPV6(MULTICAST_LOOPBACK), OK, 1, OK},
        {OF_IPV6(PACKET_INFORMATION), OK, 0, OK},
        {OF_IPV6(TYPE_OF_SERVICE), NONE, 0, OK},
        {OF_IPV6(ADD_MEMBERSHIP), NO, 0, OK},
        {OF_IPV6(DROP_MEMBERSHIP), NO, 0, OK},
        {OF_IP(IP_TIME_TO_LIVE), OK, 64, OK},
        {OF_IP(TYPE_OF_SERVICE), OK, 0, OK},
    };
    apm_socket socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6);

    for (size_t i = 0; i < COUNT_OF(options); i++)
        check_recorded(socket, &options[i]);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(options_with_a_number_of_their_own_are_set_and_read_back)
{
    static const struct recorded options[] = {
        {OF_SOCKET(DONT_ROUTE), OK, 1, OK},
        {OF_SOCKET(OUT_OF_BAND_INLINE), OK, 1, OK},
        {OF_SOCKET(RECEIVE_LOW_WATER), OK, 5, OK},
        {OF_SOCKET(REUSE_ADDRESS), OK, 1, OK},
        {OF_SOCKET(RECEIVE_TIMEOUT), OK, 700, OK},
        {OF_SOCKET(SEND_TIMEOUT), OK, 800, OK},
        {OF_IP(TYPE_OF_SERVICE), OK, 16, OK},
        {OF_IP(PACKET_INFORMATION), OK, 1, OK},
        {OF_IP(DONT_FRAGMENT), OK, 1, OK},
        {OF_IP(IP_TIME_TO_LIVE), OK, 9, OK},
        {OF_TCP(FAST_OPEN), OK, 5, OK},
        {OF_TCP(NO_DELAY), OK, 1, OK},
    };
    apm_socket socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    bool flag;
    int number;

    for (size_t i = 0; i < COUNT_OF(options); i++) {
        CHECK_SUCCESS(apm_socket_set_socket_option(socket, options[i].level, options[i].name, options[i].value));
        CHECK_EQ(option_of(socket, options[i].level, options[i].name), options[i].value);
    }
    /* The same as the properties. */
    CHECK_SUCCESS(apm_socket_receive_timeout(socket, &number));
    CHECK_EQ(number, 700);
    CHECK_SUCCESS(apm_socket_send_timeout(socket, &number));
    CHECK_EQ(number, 800);
    CHECK_SUCCESS(apm_socket_reuse_address(socket, &flag));
    CHECK(flag);
    CHECK_ERROR(apm_socket_set_socket_option(socket, OF_SOCKET(RECEIVE_TIMEOUT), -1), APM_ERROR_INVALID_ARGUMENT);
    CHECK_ERROR(apm_socket_set_socket_option(socket, OF_SOCKET(LINGER), 1), APM_ERROR_INVALID_ARGUMENT);
    CHECK_ERROR(apm_socket_get_socket_option(socket, OF_SOCKET(LINGER), NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(ipv6_only_and_dual_mode_are_one)
{
    apm_socket socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
    int value = 0;
    bool dual_mode = false;

    CHECK_SUCCESS(apm_socket_set_socket_option(socket, OF_IPV6(IPV6_ONLY), 0));
    CHECK_SUCCESS(apm_socket_dual_mode(socket, &dual_mode));
    CHECK(dual_mode);
    CHECK_SUCCESS(apm_socket_set_dual_mode(socket, false));
    CHECK_EQ(option_of(socket, OF_IPV6(IPV6_ONLY)), 1);
    CHECK_SUCCESS(apm_socket_set_raw_socket_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, &value, sizeof value));
    CHECK_SUCCESS(apm_socket_dual_mode(socket, &dual_mode));
    CHECK(dual_mode);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(options_as_bytes_and_as_linger)
{
    apm_socket socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    apm_linger_option linger = {.enabled = true, .linger_time = 5};
    int bytes[2] = {1, 5};
    size_t size = sizeof bytes;
    unsigned char byte = 99;
    bool flag = false;

    CHECK_SUCCESS(apm_socket_set_socket_option_linger(socket, OF_SOCKET(LINGER), linger));
    linger = (apm_linger_option){0};
    CHECK_SUCCESS(apm_socket_get_socket_option_linger(socket, OF_SOCKET(LINGER), &linger));
    CHECK(linger.enabled && linger.linger_time == 5);
    CHECK_ERROR(apm_socket_set_socket_option_linger(socket, OF_SOCKET(KEEP_ALIVE), linger), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_get_socket_option_linger(socket, OF_SOCKET(KEEP_ALIVE), &linger), APM_ERROR_ARGUMENT);
    linger = (apm_linger_option){.enabled = true, .linger_time = 70000};
    CHECK_ERROR(apm_socket_set_socket_option_linger(socket, OF_SOCKET(LINGER), linger), APM_ERROR_ARGUMENT);

    CHECK_SUCCESS(apm_socket_get_socket_option_bytes(socket, OF_SOCKET(LINGER), bytes, &size));
    CHECK_EQ(size, sizeof bytes);
    CHECK(bytes[0] == 1 && bytes[1] == 5);
    bytes[1] = 6;
    CHECK_SUCCESS(apm_socket_set_socket_option_bytes(socket, OF_SOCKET(LINGER), bytes, sizeof bytes));
    CHECK_SUCCESS(apm_socket_linger_state(socket, &linger));
    CHECK_EQ(linger.linger_time, 6);
    CHECK_ERROR(apm_socket_set_socket_option_bytes(socket, OF_SOCKET(LINGER), bytes, 4), APM_ERROR_INVALID_ARGUMENT);

    size = 1;
    CHECK_SUCCESS(apm_socket_get_socket_option_bytes(socket, OF_TCP(NO_DELAY), &byte, &size));
    CHECK(size == 1 && byte == 0);
    CHECK_ERROR(apm_socket_set_socket_option_bytes(socket, OF_TCP(NO_DELAY), &byte, 1), APM_ERROR_INVALID_ARGUMENT);
    CHECK_SUCCESS(apm_socket_set_socket_option_bytes(socket, OF_TCP(NO_DELAY), bytes, 4));
    CHECK_SUCCESS(apm_socket_no_delay(socket, &flag));
    CHECK(flag);
    size = 2;
    CHECK_ERROR(apm_socket_get_socket_option_bytes(socket, OF_SOCKET(REUSE_ADDRESS), bytes, &size),
                APM_ERROR_INVALID_ARGUMENT);
    CHECK_EQ(size, 0);
    CHECK_ERROR(apm_socket_set_socket_option_bytes(socket, OF_SOCKET(REUSE_ADDRESS), bytes, 2),
                APM_ERROR_INVALID_ARGUMENT);
    CHECK_ERROR(apm_socket_set_socket_option_bytes(socket, OF_SOCKET(DONT_LINGER), bytes, 4), NONE);
    CHECK_ERROR(apm_socket_set_socket_option_bytes(socket, OF_SOCKET(LINGER), NULL, 8), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(raw_options_are_the_systems_opt_033)
{
    apm_socket socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    int one = 1;
    int value = 5;
    size_t size = sizeof value;
    unsigned char bytes[8] = {9, 9};

    CHECK_SUCCESS(apm_socket_set_raw_socket_option(socket, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one));
    CHECK_EQ(raw_option_of(socket, SOL_SOCKET, SO_KEEPALIVE), 1);
    CHECK_ERROR(apm_socket_get_raw_socket_option(socket, SOL_SOCKET, 9999, &value, &size), APM_ERROR_PROTOCOL_OPTION);
    CHECK_EQ(size, 0);
    CHECK_SUCCESS(apm_socket_set_raw_socket_option(socket, IPPROTO_TCP, TCP_DEFER_ACCEPT, &value, sizeof value));
    CHECK(raw_option_of(socket, IPPROTO_TCP, TCP_DEFER_ACCEPT) >= 5); /* the kernel rounds it to its retries */
    size = sizeof bytes;
    CHECK_SUCCESS(apm_socket_get_raw_socket_option(socket, SOL_SOCKET, SO_TYPE, bytes, &size));
    CHECK_EQ(size, 4);
    size = 2;
    CHECK_SUCCESS(apm_socket_get_raw_socket_option(socket, SOL_SOCKET, SO_TYPE, bytes, &size));
    CHECK_EQ(size, 2);
    CHECK_ERROR(apm_socket_get_raw_socket_option(socket, SOL_SOCKET, SO_TYPE, NULL, &size), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_get_raw_socket_option(socket, SOL_SOCKET, SO_TYPE, bytes, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_set_raw_socket_option(socket, SOL_SOCKET, SO_KEEPALIVE, NULL, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(options_stay_with_a_socket_that_is_disconnected_for_reuse)
{
    peered_socket pair = peered_socket_create();
    intptr_t before;
    intptr_t after;
    int ttl;

    CHECK_SUCCESS(apm_socket_set_ttl(pair.socket, 33));
    CHECK_SUCCESS(apm_socket_set_socket_option(pair.socket, OF_SOCKET(KEEP_ALIVE), 1));
    CHECK_SUCCESS(apm_socket_set_socket_option(pair.socket, OF_TCP(TCP_KEEP_ALIVE_TIME), 44));
    CHECK_SUCCESS(apm_socket_handle(pair.socket, &before));
    CHECK_SUCCESS(apm_socket_disconnect(pair.socket, true));
    CHECK_SUCCESS(apm_socket_handle(pair.socket, &after));
    CHECK_EQ(before, after);
    CHECK_SUCCESS(apm_socket_ttl(pair.socket, &ttl));
    CHECK_EQ(ttl, 33);
    CHECK_EQ(option_of(pair.socket, OF_SOCKET(KEEP_ALIVE)), 1);
    CHECK_EQ(option_of(pair.socket, OF_TCP(TCP_KEEP_ALIVE_TIME)), 44);
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
