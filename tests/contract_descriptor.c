/*
 * Sockets of descriptors from elsewhere, descriptors of sockets, and sockets that go from one process to another.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

static apm_socket adopt(int descriptor)
{
    apm_socket socket;

    CHECK(descriptor >= 0);
    CHECK_SUCCESS(apm_socket_create_from_handle(descriptor, &socket));
    return socket;
}

static void check_kind(apm_socket socket, apm_address_family expected_family, apm_protocol_type expected_protocol)
{
    apm_address_family family;
    apm_socket_type type;
    apm_protocol_type protocol;

    CHECK_SUCCESS(apm_socket_address_family(socket, &family));
    CHECK_EQ(family, expected_family);
    CHECK_SUCCESS(apm_socket_socket_type(socket, &type));
    CHECK_EQ(type, APM_SOCKET_TYPE_STREAM);
    CHECK_SUCCESS(apm_socket_protocol_type(socket, &protocol));
    CHECK_EQ(protocol, expected_protocol);
}

static bool is_open(int descriptor)
{
    return fcntl(descriptor, F_GETFD) >= 0;
}

/* -- Adopting ------------------------------------------------------------------------------------------------------ */

TEST(a_connected_descriptor_becomes_a_connected_socket_opt_035)
{
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    int client = raw_connect(local);
    int peer = raw_accept(listener);
    apm_endpoint remote;
    bool blocking = false;
    char bytes[3];

    apm_socket socket = adopt(client);
    check_kind(socket, APM_ADDRESS_FAMILY_INTER_NETWORK, APM_PROTOCOL_TYPE_TCP);
    CHECK(apm_socket_connected(socket));
    CHECK(apm_socket_is_bound(socket));
    CHECK_SUCCESS(apm_socket_blocking(socket, &blocking));
    CHECK(blocking);
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK(apm_endpoint_equals(remote, local));
    send_all(socket, "abc", 3);
    raw_read_exactly(peer, bytes, 3);
    raw_write(peer, "abc", 3);
    receive_exactly(socket, bytes, 3);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK(!is_open(client));
    CHECK_ORDERLY_END(peer, 0);
    raw_close(peer);
    raw_close(listener);
}

TEST(a_listening_descriptor_becomes_a_listener)
{
    apm_endpoint local;
    apm_socket listener = adopt(raw_listen(4, &local));
    struct operation accept;
    apm_socket accepted;

    CHECK(apm_socket_is_bound(listener) && !apm_socket_connected(listener));
    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&accept)));
    int peer = raw_connect(local);
    CHECK_SUCCESS(finish_accept(listener, &accept, &accepted));
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

TEST(a_fresh_descriptor_becomes_a_fresh_socket_with_its_options)
{
    int six = socket(AF_INET6, SOCK_STREAM, 0);
    int zero = 0;
    struct linger linger = {.l_onoff = 1, .l_linger = 7};
    apm_linger_option found;
    apm_endpoint local;
    bool dual_mode = false;

    CHECK_EQ(setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero), 0);
    CHECK_EQ(setsockopt(six, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    apm_socket adopted = adopt(six);
    check_kind(adopted, APM_ADDRESS_FAMILY_INTER_NETWORK_V6, APM_PROTOCOL_TYPE_TCP);
    CHECK(!apm_socket_connected(adopted));
    CHECK(!apm_socket_is_bound(adopted));
    CHECK_SUCCESS(apm_socket_dual_mode(adopted, &dual_mode));
    CHECK(dual_mode);
    CHECK_SUCCESS(apm_socket_linger_state(adopted, &found));
    CHECK(found.enabled && found.linger_time == 7);
    CHECK_EQ(fcntl(six, F_GETFD), FD_CLOEXEC);
    int listener = raw_listen(4, &local);
    CHECK_SUCCESS(apm_socket_connect(adopted, local));
    CHECK_SUCCESS(apm_socket_close(adopted));
    raw_close(listener);

    adopted = adopt(socket(AF_UNIX, SOCK_STREAM, 0));
    check_kind(adopted, APM_ADDRESS_FAMILY_UNIX, APM_PROTOCOL_TYPE_UNSPECIFIED);
    CHECK(!apm_socket_is_bound(adopted));
    CHECK_SUCCESS(apm_socket_close(adopted));
}

TEST(what_is_no_socket_is_refused_and_stays_the_callers_opt_035)
{
    apm_socket socket_ = {1};
    int pipe_ends[2];
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);

    CHECK_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
    CHECK_ERROR(apm_socket_create_from_handle(-1, &socket_), APM_ERROR_ARGUMENT);
    CHECK(apm_socket_is_null(socket_));
    CHECK_ERROR(apm_socket_create_from_handle(INT64_C(1) << 40, &socket_), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_create_from_handle(pipe_ends[0], NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_create_from_handle(pipe_ends[0], &socket_), APM_ERROR_NOT_SOCKET);
    CHECK_EQ(apm_native_error_code(), 88); /* ENOTSOCK */
    CHECK(is_open(pipe_ends[0]));
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    CHECK_ERROR(apm_socket_create_from_handle(pipe_ends[0], &socket_), APM_ERROR_NOT_SOCKET);
    if (netlink >= 0) {
        CHECK_ERROR(apm_socket_create_from_handle(netlink, &socket_), APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED);
        CHECK(is_open(netlink));
        close(netlink);
    }
    apm_thread_pool none = {12345};
    CHECK_ERROR(apm_socket_create_from_handle_on_pool(none, 0, &socket_), APM_ERROR_ARGUMENT);
}

/* -- Duplicating and releasing ------------------------------------------------------------------------------------- */

TEST(a_duplicate_outlives_the_socket)
{
    peered_socket pair = peered_socket_create();
    intptr_t duplicate;
    char byte;

    CHECK_ERROR(apm_socket_duplicate_handle(pair.socket, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_duplicate_handle(pair.socket, &duplicate));
    CHECK_EQ(fcntl((int)duplicate, F_GETFD), FD_CLOEXEC);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    apm_socket again = adopt((int)duplicate);
    raw_write(pair.peer, "x", 1);
    receive_exactly(again, &byte, 1);
    CHECK_SUCCESS(apm_socket_close(again));
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
    CHECK_ERROR(apm_socket_duplicate_handle(pair.socket, &duplicate), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(duplicate, -1);
}

TEST(no_descriptor_is_given_of_what_is_no_socket)
{
    const apm_socket null = APM_NULL_HANDLE;
    const apm_socket random = {UINT64_C(0x123456789abcdef)};
    intptr_t handle = 5;

    CHECK_ERROR(apm_socket_duplicate_handle(null, &handle), APM_ERROR_ARGUMENT_NULL);
    CHECK_EQ(handle, -1);
    CHECK_ERROR(apm_socket_duplicate_handle(random, &handle), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_release_handle(null, &handle), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_release_handle(random, &handle), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_release_handle(random, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_EQ(handle, -1);
}

TEST(a_released_socket_ends_its_operations_and_leaves_the_connection_alone)
{
    peered_socket pair = peered_socket_create();
    apm_linger_option linger = {.enabled = true, .linger_time = 7};
    struct operation receive;
    struct linger found;
    socklen_t size = sizeof found;
    intptr_t released;
    char bytes[2];
    size_t received;

    CHECK_SUCCESS(apm_socket_set_linger_state(pair.socket, linger));
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, bytes, 2, 0, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(apm_socket_release_handle(pair.socket, &released));
    CHECK_ERROR(finish_receive(pair.socket, &receive, &received), APM_ERROR_OPERATION_ABORTED);
    CHECK_ERROR(apm_socket_release_handle(pair.socket, &(intptr_t){0}), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(getsockopt((int)released, SOL_SOCKET, SO_LINGER, &found, &size), 0);
    CHECK(found.l_onoff != 0 && found.l_linger == 7);
    apm_socket again = adopt((int)released);
    CHECK_SUCCESS(apm_socket_begin_receive(again, bytes, 2, 0, ON_CALLBACK(&receive)));
    raw_write(pair.peer, "ab", 2);
    CHECK_SUCCESS(finish_receive(again, &receive, &received));
    CHECK_EQ(received, 2);
    CHECK_SUCCESS(apm_socket_close(again));
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

TEST(a_released_listener_keeps_its_file)
{
    apm_endpoint local = unix_endpoint("released");
    intptr_t released;

    CHECK_SUCCESS(apm_socket_release_handle(unix_listen(local, 4), &released));
    CHECK(unix_file_exists(local));
    apm_socket listener = adopt((int)released);
    apm_socket client = unix_create();
    CHECK_SUCCESS(apm_socket_connect(client, local));
    CHECK_SUCCESS(apm_socket_close(client));
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK(unix_file_exists(local)); /* who has adopted it has not made it */
}

/* -- To another process -------------------------------------------------------------------------------------------- */

/* The other process: takes over a connection, and then a listener, by the unix domain socket that it adopts. */
static int take_over_and_serve(void *argument)
{
    const int *ends = argument;
    close(ends[0]); /* the parent's */
    apm_socket over = adopt(ends[1]);
    apm_socket connection;
    apm_socket listener;
    apm_socket accepted;
    char bytes[4];

    CHECK_SUCCESS(apm_socket_set_receive_timeout(over, PATIENCE_MS));
    CHECK_SUCCESS(apm_socket_take_over(over, &connection));
    CHECK(apm_socket_connected(connection));
    receive_exactly(connection, bytes, 4);
    send_all(connection, bytes, 4);
    CHECK_SUCCESS(apm_socket_take_over(over, &listener));
    CHECK_SUCCESS(apm_socket_accept(listener, &accepted));
    send_all(accepted, "hello", 5);
    CHECK_ERROR(apm_socket_take_over(over, &connection), APM_ERROR_NO_DATA); /* "!" */
    CHECK_ERROR(apm_socket_take_over(over, &connection), APM_ERROR_NOT_CONNECTED);
    CHECK(apm_socket_is_null(connection));
    return 0;
}

TEST(a_connection_and_a_listener_are_handed_to_another_process_and_served_there)
{
    int ends[2];
    char bytes[8];
    apm_endpoint local;

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pid_t child = fork_child(take_over_and_serve, ends); /* before this process has used the library */
    close(ends[1]);

    apm_socket over = adopt(ends[0]);
    peered_socket pair = peered_socket_create();
    CHECK_ERROR(apm_socket_hand_over(over, over), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_hand_over(over, pair.socket), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_hand_over(pair.socket, over));
    CHECK_ERROR(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_BOTH), APM_ERROR_OBJECT_DISPOSED);
    raw_write(pair.peer, "abcd", 4);
    raw_read_exactly(pair.peer, bytes, 4);
    CHECK(memcmp(bytes, "abcd", 4) == 0);
    raw_close(pair.peer);

    CHECK_SUCCESS(apm_socket_hand_over(tcp_listen(&local), over));
    int client = raw_connect(local);
    raw_read_exactly(client, bytes, 5);
    raw_close(client);
    send_all(over, "!", 1);
    CHECK_SUCCESS(apm_socket_close(over));
    join_child(child);
}

TEST(taking_over_waits_no_longer_than_its_time_out)
{
    socket_pair pair = unix_pair_create();
    apm_socket taken = {1};
    apm_socket tcp = tcp_create();

    CHECK_SUCCESS(apm_socket_set_receive_timeout(pair.server, 50));
    CHECK_ERROR(apm_socket_take_over(pair.server, &taken), APM_ERROR_TIMED_OUT);
    CHECK(apm_socket_is_null(taken));
    CHECK_SUCCESS(apm_socket_set_blocking(pair.server, false));
    CHECK_ERROR(apm_socket_take_over(pair.server, &taken), APM_ERROR_WOULD_BLOCK);
    CHECK_ERROR(apm_socket_take_over(tcp, &taken), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_take_over(tcp, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(tcp));
    socket_pair_close(pair);
}

/* Sends as another process might: a message of `size` bytes with `count` copies of the descriptor. */
static void send_descriptors(int over, int descriptor, size_t count, size_t size)
{
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(3 * sizeof(int))];
    } control;
    char data[4] = {0};
    struct iovec bytes = {.iov_base = data, .iov_len = size};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};

    memset(&control, 0, sizeof control);
    CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
    CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
    CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < count; i++) {
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)) + i * sizeof(int), &descriptor, sizeof(int));
    }
    CHECK_EQ(sendmsg(over, &message, MSG_NOSIGNAL), size);
}

/* A peer that sends what the library never does leaves no descriptor open, which the harness counts. */
TEST(of_several_descriptors_in_one_message_one_is_taken_over_and_none_stays_open)
{
    for (size_t count = 1; count <= 3; count++) {
        int ends[2];
        apm_socket taken;

        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        apm_socket over = adopt(ends[1]);
        send_descriptors(ends[0], ends[0], count, 1);
        CHECK_SUCCESS(apm_socket_take_over(over, &taken));
        CHECK_SUCCESS(apm_socket_close_and_wait(taken, PATIENCE_MS));
        CHECK_SUCCESS(apm_socket_close_and_wait(over, PATIENCE_MS));
        close(ends[0]);
    }
}

/* -- From a service manager ---------------------------------------------------------------------------------------- */

static void check_activated(void)
{
    char name[16];
    apm_socket listener;
    apm_socket unix_listener;
    apm_socket taken;

    CHECK_EQ(apm_socket_activation_count(), 3);
    CHECK_SUCCESS(apm_socket_activation_name(0, name, sizeof name));
    CHECK_STR(name, "web");
    CHECK_SUCCESS(apm_socket_activation_name(1, name, sizeof name));
    CHECK_STR(name, "");
    CHECK_SUCCESS(apm_socket_activation_name(2, name, sizeof name));
    CHECK_STR(name, "unknown");
    CHECK_ERROR(apm_socket_activation_name(2, name, 4), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_STR(name, "");
    CHECK_ERROR(apm_socket_activation_name(3, name, sizeof name), APM_ERROR_ARGUMENT_OUT_OF_RANGE);

    CHECK_SUCCESS(apm_socket_activation_take(0, &listener));
    check_kind(listener, APM_ADDRESS_FAMILY_INTER_NETWORK, APM_PROTOCOL_TYPE_TCP);
    CHECK_ERROR(apm_socket_activation_take(0, &taken), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_socket_activation_take(1, &unix_listener));
    CHECK_ERROR(apm_socket_activation_take(2, &taken), APM_ERROR_NOT_SOCKET);
    CHECK_ERROR(apm_socket_activation_take(2, &taken), APM_ERROR_NOT_SOCKET); /* it may be tried again */
    CHECK_ERROR(apm_socket_activation_take(3, &taken), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_activation_take(0, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_accept(listener, &taken));
    send_all(taken, "web", 3);
    CHECK_SUCCESS(apm_socket_close(taken));
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_SUCCESS(apm_socket_close(unix_listener));
    CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0); /* the harness counts: two that were there are gone */
    CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

/* Also the program that the next test executes, with an environment as a service manager makes it. */
TEST(without_a_service_manager_there_are_no_descriptors_to_take)
{
    char name[8] = "left";
    apm_socket taken;

    if (getenv("APM_TEST_ACTIVATED")) {
        check_activated();
        return;
    }
    CHECK_EQ(setenv("LISTEN_FDS", "1", 1), 0);
    CHECK_EQ(setenv("LISTEN_PID", "1", 1), 0); /* meant for another process */
    CHECK_EQ(apm_socket_activation_count(), 0);
    CHECK_ERROR(apm_socket_activation_name(0, name, sizeof name), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_STR(name, "");
    CHECK_ERROR(apm_socket_activation_take(0, &taken), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_EQ(setenv("LISTEN_PID", "12x", 1), 0);
    CHECK_EQ(apm_socket_activation_count(), 0);
}

struct inherited {
    int tcp;
    int unix_socket;
    int file;
};

static int execute_activated(void *argument)
{
    const struct inherited *inherited = argument;
    int sources[3] = {fcntl(inherited->tcp, F_DUPFD, 10), fcntl(inherited->unix_socket, F_DUPFD, 10),
                      fcntl(inherited->file, F_DUPFD, 10)};
    char pid[16];

    for (int i = 0; i < 3; i++)
        if (dup2(sources[i], 3 + i) != 3 + i)
            return 1;
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "3", 1);
    setenv("LISTEN_FDNAMES", "web:", 1);
    setenv("APM_TEST_ACTIVATED", "1", 1);
    execl("/proc/self/exe", "contract_descriptor", "--run",
          "without_a_service_manager_there_are_no_descriptors_to_take", (char *)NULL);
    return 1;
}

TEST(the_listeners_of_a_service_manager_are_taken_over_by_the_program_that_it_executes)
{
    apm_endpoint local;
    struct inherited inherited = {.tcp = raw_listen(4, &local),
                                  .unix_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                                  .file = open("/dev/null", O_RDONLY | O_CLOEXEC)};
    char bytes[3];

    pid_t child = fork_child(execute_activated, &inherited);
    raw_close(inherited.unix_socket);
    close(inherited.file);
    int client = raw_connect(local);
    raw_read_exactly(client, bytes, 3);
    CHECK(memcmp(bytes, "web", 3) == 0);
    raw_close(client);
    raw_close(inherited.tcp);
    join_child(child);
}

LIBRARY_TEST_MAIN()
