/*
 * Unix domain sockets as in .NET: the cases uds-* of its recorded behaviour; and what goes beyond them.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static void path_of(apm_endpoint endpoint, char path[APM_ENDPOINT_TEXT_SIZE])
{
    CHECK_SUCCESS(apm_endpoint_format(endpoint, path, APM_ENDPOINT_TEXT_SIZE));
}

static void make_plain_file(apm_endpoint endpoint)
{
    char path[APM_ENDPOINT_TEXT_SIZE];

    path_of(endpoint, path);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    close(file);
}

static void check_endpoint(apm_error error, apm_endpoint endpoint, const char *expected)
{
    char text[APM_ENDPOINT_TEXT_SIZE];

    CHECK_SUCCESS(error);
    CHECK_EQ(endpoint.address.family, APM_ADDRESS_FAMILY_UNIX);
    path_of(endpoint, text);
    CHECK_STR(text, expected);
}

static void check_echo_at(apm_endpoint local)
{
    apm_socket listener = unix_listen(local, 4);
    apm_socket client = unix_create();
    apm_socket server;
    struct operation accept;
    struct operation receive;
    apm_endpoint endpoint;
    char path[APM_ENDPOINT_TEXT_SIZE];
    char buffer[8] = "";
    size_t received;

    path_of(local, path);
    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&accept)));
    CHECK_SUCCESS(tcp_connect(client, local));
    CHECK_SUCCESS(finish_accept(listener, &accept, &server));
    CHECK_SUCCESS(apm_socket_begin_receive(server, buffer, sizeof buffer, 0, ON_CALLBACK(&receive)));
    send_all(client, "hello", 5);
    CHECK_SUCCESS(finish_receive(server, &receive, &received));
    CHECK_EQ(received, 5);
    send_all(server, buffer, 3);
    await_available(client, 3);
    receive_exactly(client, buffer, 3);

    check_endpoint(apm_socket_local_endpoint(client, &endpoint), endpoint, "");
    check_endpoint(apm_socket_remote_endpoint(client, &endpoint), endpoint, path);
    CHECK(apm_endpoint_equals(endpoint, local));
    check_endpoint(apm_socket_remote_endpoint(server, &endpoint), endpoint, "");
    check_endpoint(apm_socket_local_endpoint(server, &endpoint), endpoint, path);
    CHECK_SUCCESS(apm_socket_close(client));
    CHECK_SUCCESS(apm_socket_close(server));
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(a_unix_domain_socket_echoes_and_knows_its_endpoints_uds_001_iar_019)
{
    check_echo_at(unix_endpoint("echo"));
}

TEST(an_abstract_name_with_a_zero_inside_connects_and_is_shown)
{
    check_echo_at(unix_abstract_endpoint());
}

TEST(the_longest_path_and_the_longest_name_can_be_bound_and_connected)
{
    char name[APM_UNIX_DOMAIN_SOCKET_PATH_SIZE];
    apm_endpoint longest = unix_endpoint("");
    size_t prefix = longest.path_size;

    memset(name, 'x', sizeof name);
    memcpy(name, longest.path, prefix);
    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_from_bytes(name, sizeof name - 1, &longest));
    check_echo_at(longest);
    name[0] = '\0';
    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_from_bytes(name, sizeof name, &longest));
    check_echo_at(longest);
}

/* -- Files ------------------------------------------------------------------------------------------------------- */

TEST(bind_makes_the_file_refuses_one_that_is_there_and_close_removes_it_uds_002)
{
    apm_endpoint local = unix_endpoint("bound");
    apm_endpoint plain = unix_endpoint("plain");
    apm_socket first = unix_create();
    apm_socket second = unix_create();

    CHECK_SUCCESS(apm_socket_bind(first, local));
    CHECK(unix_file_exists(local));
    CHECK_ERROR(apm_socket_bind(second, local), APM_ERROR_ADDRESS_ALREADY_IN_USE);
    make_plain_file(plain);
    CHECK_ERROR(apm_socket_bind(second, plain), APM_ERROR_ADDRESS_ALREADY_IN_USE);
    CHECK_SUCCESS(apm_socket_close(second));
    CHECK(unix_file_exists(local));
    CHECK(unix_file_exists(plain));
    CHECK_SUCCESS(apm_socket_close(first));
    CHECK(!unix_file_exists(local));
}

TEST(close_removes_the_file_after_the_program_has_gone_to_another_directory)
{
    apm_endpoint absolute = unix_endpoint("relative");
    char path[APM_ENDPOINT_TEXT_SIZE];
    apm_endpoint relative;
    apm_socket socket = unix_create();

    path_of(absolute, path);
    *strrchr(path, '/') = '\0';
    CHECK_EQ(chdir(path), 0);
    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_create("relative", &relative));
    CHECK_SUCCESS(apm_socket_bind(socket, relative));
    CHECK(unix_file_exists(absolute));
    CHECK_EQ(chdir("/"), 0);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK(!unix_file_exists(absolute));
}

TEST(close_leaves_the_file_that_another_socket_has_bound_to_the_path_meanwhile)
{
    apm_endpoint local = unix_endpoint("taken over");
    char path[APM_ENDPOINT_TEXT_SIZE];
    apm_socket old = unix_create();
    apm_socket successor = unix_create();

    path_of(local, path);
    CHECK_SUCCESS(apm_socket_bind(old, local));
    CHECK_EQ(unlink(path), 0);
    CHECK_SUCCESS(apm_socket_bind(successor, local));
    CHECK_SUCCESS(apm_socket_close(old));
    CHECK(unix_file_exists(local));
    CHECK_SUCCESS(apm_socket_close(successor));
    CHECK(!unix_file_exists(local));
}

TEST(cleanup_removes_the_file_of_a_socket_that_was_never_closed)
{
    apm_endpoint local = unix_endpoint("forgotten");

    CHECK_SUCCESS(apm_socket_bind(unix_create(), local));
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK(!unix_file_exists(local));
}

/* -- Failing connects -------------------------------------------------------------------------------------------- */

TEST(a_connect_without_a_listener_says_what_is_at_the_path_uds_003)
{
    apm_endpoint plain = unix_endpoint("plain");
    apm_endpoint bound = unix_endpoint("bound");
    apm_socket socket = unix_create();
    apm_socket client = unix_create();

    make_plain_file(plain);
    CHECK_SUCCESS(apm_socket_bind(socket, bound));
    CHECK_ERROR(tcp_connect(client, unix_endpoint("missing")), APM_ERROR_ADDRESS_NOT_AVAILABLE);
    CHECK_ERROR(tcp_connect(client, plain), APM_ERROR_CONNECTION_REFUSED);
    CHECK_ERROR(tcp_connect(client, bound), APM_ERROR_CONNECTION_REFUSED);
    CHECK(!apm_socket_connected(client));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(client));
}

TEST(endpoints_of_another_family_are_refused)
{
    apm_socket unix_socket = unix_create();
    apm_socket tcp = tcp_create();
    apm_endpoint path = unix_endpoint("path");
    struct operation connect;

    CHECK_ERROR(apm_socket_bind(unix_socket, loopback_endpoint(0)), APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_bind(tcp, path), APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_begin_connect(unix_socket, loopback_endpoint(1), ON_CALLBACK(&connect)),
                APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_begin_connect(tcp, path, ON_CALLBACK(&connect)), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_close(unix_socket));
    CHECK_SUCCESS(apm_socket_close(tcp));
}

TEST(a_full_backlog_ends_the_connect_with_would_block_and_a_later_one_succeeds_uds_005)
{
    apm_endpoint local = unix_endpoint("full");
    apm_socket listener = unix_listen(local, 0);
    apm_socket first = unix_create();
    apm_socket second = unix_create();
    apm_socket accepted;

    CHECK_SUCCESS(tcp_connect(first, local));
    CHECK_ERROR(tcp_connect(second, local), APM_ERROR_WOULD_BLOCK);
    CHECK_SUCCESS(apm_socket_accept(listener, &accepted));
    CHECK_SUCCESS(tcp_connect(second, local));
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(first));
    CHECK_SUCCESS(apm_socket_close(second));
    CHECK_SUCCESS(apm_socket_close(listener));
}

/* -- Ends -------------------------------------------------------------------------------------------------------- */

TEST(close_ends_the_stream_and_unread_data_resets_it_uds_006)
{
    socket_pair pair = unix_pair_create();
    char byte;
    size_t count = 99;

    CHECK_SUCCESS(apm_socket_close(pair.server));
    CHECK_SUCCESS(apm_socket_receive(pair.client, &byte, 1, 0, &count));
    CHECK_EQ(count, 0);
    CHECK_ERROR(apm_socket_send(pair.client, "x", 1, 0, &count), APM_ERROR_SHUTDOWN);
    CHECK_SUCCESS(apm_socket_close(pair.client));

    pair = unix_pair_create();
    send_all(pair.client, "unread", 6);
    CHECK_SUCCESS(apm_socket_close(pair.server));
    CHECK_ERROR(apm_socket_receive(pair.client, &byte, 1, 0, &count), APM_ERROR_CONNECTION_RESET);
    CHECK_SUCCESS(apm_socket_close(pair.client));
}

TEST(shutdown_and_disconnect_work_on_a_unix_domain_socket_uds_009)
{
    apm_endpoint local = unix_endpoint("again");
    apm_socket listener = unix_listen(local, 4);
    socket_pair pair = {.client = unix_create()};
    apm_linger_option linger = {.enabled = true};
    apm_socket again;
    char byte;
    size_t count = 99;

    CHECK_SUCCESS(apm_socket_connect(pair.client, local));
    CHECK_SUCCESS(apm_socket_accept(listener, &pair.server));
    CHECK_SUCCESS(apm_socket_linger_state(pair.client, &linger));
    CHECK(!linger.enabled);
    CHECK_ERROR(apm_socket_set_no_delay(pair.client, true), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_shutdown(pair.client, APM_SOCKET_SHUTDOWN_SEND));
    CHECK_SUCCESS(apm_socket_receive(pair.server, &byte, 1, 0, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_socket_disconnect(pair.client, true));
    CHECK_SUCCESS(apm_socket_connect(pair.client, local));
    CHECK_SUCCESS(apm_socket_accept(listener, &again));
    CHECK_SUCCESS(apm_socket_close(again));
    socket_pair_close(pair);
    CHECK_SUCCESS(apm_socket_close(listener));
}

/* -- Endpoints --------------------------------------------------------------------------------------------------- */

TEST(paths_have_1_to_107_bytes_and_abstract_names_begin_with_an_at_sign_uds_004)
{
    char path[APM_UNIX_DOMAIN_SOCKET_PATH_SIZE + 2];
    char text[APM_ENDPOINT_TEXT_SIZE];
    apm_endpoint endpoint = loopback_endpoint(1);

    CHECK_ERROR(apm_unix_domain_socket_endpoint_create(NULL, &endpoint), APM_ERROR_ARGUMENT_NULL);
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_ERROR(apm_unix_domain_socket_endpoint_create("x", NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_unix_domain_socket_endpoint_create("", &endpoint), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    memset(path, 'x', sizeof path);
    for (size_t size = 107; size <= 109; size++) {
        path[size] = '\0';
        apm_error expected = size == 107 ? APM_ERROR_SUCCESS : APM_ERROR_ARGUMENT_OUT_OF_RANGE;
        CHECK_ERROR(apm_unix_domain_socket_endpoint_create(path, &endpoint), expected);
        CHECK_EQ(apm_endpoint_is_null(endpoint), size != 107);
        if (size == 107) {
            CHECK_SUCCESS(apm_endpoint_format(endpoint, text, sizeof text));
            CHECK_STR(text, path);
        }
        path[size] = 'x';
    }
    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_from_bytes("\0dnb", 4, &endpoint));
    CHECK_SUCCESS(apm_endpoint_format(endpoint, text, sizeof text));
    CHECK_STR(text, "@dnb");
    CHECK_ERROR(apm_endpoint_format(endpoint, text, 4), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_STR(text, "");
}

TEST(names_of_bytes_are_checked)
{
    char name[APM_UNIX_DOMAIN_SOCKET_PATH_SIZE + 1] = "";
    apm_endpoint endpoint;

    CHECK_ERROR(apm_unix_domain_socket_endpoint_from_bytes(NULL, 1, &endpoint), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_unix_domain_socket_endpoint_from_bytes("x", 1, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_unix_domain_socket_endpoint_from_bytes("x", 0, &endpoint), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_unix_domain_socket_endpoint_from_bytes("a\0b", 3, &endpoint), APM_ERROR_ARGUMENT);
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_from_bytes(name, sizeof name - 1, &endpoint));
    CHECK_ERROR(apm_unix_domain_socket_endpoint_from_bytes(name, sizeof name, &endpoint),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
}

TEST(paths_are_equal_and_ordered_by_their_bytes)
{
    apm_endpoint short_path;
    apm_endpoint long_path;
    apm_endpoint other;

    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_create("/a", &short_path));
    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_create("/ab", &long_path));
    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_create("/b", &other));
    CHECK(apm_endpoint_equals(short_path, short_path));
    CHECK(!apm_endpoint_equals(short_path, long_path));
    CHECK(apm_endpoint_compare(short_path, long_path) < 0);
    CHECK(apm_endpoint_compare(long_path, short_path) > 0);
    CHECK(apm_endpoint_compare(long_path, other) < 0);
    CHECK(apm_endpoint_compare(short_path, loopback_endpoint(1)) != 0);
    other.path_size = 255; /* a value that nobody has made is no reason to read beyond it */
    CHECK(apm_endpoint_compare(other, short_path) > 0);
}

TEST(endpoints_as_text_and_their_equality_opt_038)
{
    static const struct {
        const char *address;
        int port;
        const char *text;
    } endpoints[] = {
        {"127.0.0.1", 80, "127.0.0.1:80"}, {"::1", 80, "[::1]:80"}, {"::ffff:127.0.0.1", 80, "[::ffff:127.0.0.1]:80"}};
    char text[APM_ENDPOINT_TEXT_SIZE];
    apm_endpoint made[3];
    apm_endpoint path;

    for (int i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_endpoint_create(address_of(endpoints[i].address), endpoints[i].port, &made[i]));
        CHECK_SUCCESS(apm_endpoint_format(made[i], text, sizeof text));
        CHECK_STR(text, endpoints[i].text);
        CHECK(apm_endpoint_equals(made[i], endpoint_of(endpoints[i].text)));
    }
    CHECK(!apm_endpoint_equals(made[0], made[2]));
    CHECK_ERROR(apm_endpoint_create(address_of("127.0.0.1"), -1, &path), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_endpoint_create(address_of("127.0.0.1"), 65536, &path), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_create("rel/x", &path));
    CHECK_SUCCESS(apm_endpoint_format(path, text, sizeof text));
    CHECK_STR(text, "rel/x");
}

LIBRARY_TEST_MAIN()
