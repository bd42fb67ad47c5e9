/*
 * Connecting by name to several addresses, as RFC 8305 has it: the pace, the winner, and the end of the others.
 */
#include <poll.h>
#include <sys/resource.h>

#include "support.h"

enum { DELAY_MS = 250, NEVER_MS = 100000 };

static void check_remote(apm_socket socket, const char *expected)
{
    apm_endpoint remote;

    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK(apm_ip_address_equals(remote.address, address_of(expected)));
}

/* -- The pace and the winner ------------------------------------------------------------------------------------- */

CONTRACT_TEST(an_ipv6_address_without_an_answer_lets_ipv4_be_tried_250_ms_later)
{
    struct connect_scene scene;
    struct black_hole six;
    uint16_t port = 0;
    int64_t start_ms;
    int64_t elapsed_ms;
    int four;

    enter_private_network_with_names();
    four = raw_listen_at("127.0.0.1", &port, 4);
    six = black_hole_create("::1", &port);
    scene.socket = tcp_create_dual_mode();
    start_ms = harness_now_ms();
    connect_scene_begin(&scene, "dual.example", port);
    CHECK_SUCCESS(finish_connect(scene.socket, &scene.connect));
    elapsed_ms = harness_now_ms() - start_ms;
    CHECK(elapsed_ms >= DELAY_MS);
    CHECK(elapsed_ms < 10 * DELAY_MS); /* IPv6 gives up after 3 s */
    check_remote(scene.socket, "::ffff:127.0.0.1");
    connect_scene_check_no_attempt_left(&scene);
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    black_hole_close(&six);
    raw_close(four);
}

CONTRACT_TEST(an_ipv6_address_that_refuses_lets_ipv4_be_tried_at_once)
{
    struct connect_scene scene;
    uint16_t port = 0;
    int four;

    enter_private_network_with_names();
    four = raw_listen_at("127.0.0.1", &port, 4);
    scene.socket = tcp_create_dual_mode();
    CHECK_SUCCESS(apm_socket_set_connect_attempt_delay(scene.socket, NEVER_MS));
    connect_scene_begin(&scene, "dual.example", port);
    CHECK_SUCCESS(finish_connect(scene.socket, &scene.connect));
    check_remote(scene.socket, "::ffff:127.0.0.1");
    connect_scene_check_no_attempt_left(&scene);
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    raw_close(four);
}

TEST(an_address_that_answers_is_the_only_one_tried)
{
    struct connect_scene scene;
    uint16_t port = 0;
    int four;
    int six;

    enter_private_network_with_names();
    four = raw_listen_at("127.0.0.1", &port, 4);
    six = raw_listen_at("::1", &port, 4);
    scene.socket = tcp_create_dual_mode();
    connect_scene_begin(&scene, "dual.example", port);
    CHECK_SUCCESS(finish_connect(scene.socket, &scene.connect));
    check_remote(scene.socket, "::1");
    CHECK(raw_readable(six, PATIENCE_MS));
    CHECK(!raw_readable(four, DELAY_MS + SHORT_WHILE_MS));
    connect_scene_check_no_attempt_left(&scene);
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    raw_close(four);
    raw_close(six);
}

TEST(an_earlier_attempt_may_win_while_a_later_one_is_pending)
{
    struct connect_scene scene;
    struct black_hole six;
    struct black_hole four;
    uint16_t port = 0;

    enter_private_network_with_names();
    four = black_hole_create("127.0.0.1", &port);
    six = black_hole_create("::1", &port);
    scene.socket = tcp_create_dual_mode();
    CHECK_SUCCESS(apm_socket_set_connect_attempt_delay(scene.socket, 10));
    connect_scene_begin(&scene, "dual.example", port);
    await_connects_in_progress(2);
    black_hole_open(&six);
    CHECK_SUCCESS(finish_connect(scene.socket, &scene.connect));
    check_remote(scene.socket, "::1");
    await_connects_in_progress(0);
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    black_hole_close(&four);
    black_hole_close(&six);
}

TEST(the_addresses_of_one_family_race_too)
{
    struct connect_scene scene;
    struct black_hole first;
    uint16_t port = 0;
    int second;

    enter_private_network_with_names();
    second = raw_listen_at("127.0.0.2", &port, 4);
    first = black_hole_create("127.0.0.1", &port);
    scene.socket = tcp_create();
    CHECK_SUCCESS(apm_socket_set_connect_attempt_delay(scene.socket, 10));
    connect_scene_begin(&scene, "multi.example", port);
    CHECK_SUCCESS(finish_connect(scene.socket, &scene.connect));
    check_remote(scene.socket, "127.0.0.2");
    connect_scene_check_no_attempt_left(&scene);
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    black_hole_close(&first);
    raw_close(second);
}

TEST(the_synchronous_connect_races_too)
{
    struct black_hole six;
    apm_socket socket;
    uint16_t port = 0;
    int four;

    enter_private_network_with_names();
    four = raw_listen_at("127.0.0.1", &port, 4);
    six = black_hole_create("::1", &port);
    socket = tcp_create_dual_mode();
    CHECK_SUCCESS(apm_socket_connect_host(socket, "dual.example", port));
    check_remote(socket, "::ffff:127.0.0.1");
    CHECK_SUCCESS(apm_socket_close(socket));
    black_hole_close(&six);
    raw_close(four);
}

/* -- Failure ----------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(when_all_addresses_fail_the_error_is_that_of_the_last_in_the_list)
{
    struct connect_scene scene;

    enter_private_network_with_names();
    scene.socket = tcp_create_dual_mode();
    connect_scene_begin(&scene, "dual.example", 1);
    CHECK_ERROR(finish_connect(scene.socket, &scene.connect), APM_ERROR_CONNECTION_REFUSED);
    connect_scene_check_no_attempt_left(&scene);

    /* 127.0.0.1, which refuses, and 198.51.100.1, which is unreachable. */
    connect_scene_begin(&scene, "mixed.example", 1);
    CHECK_ERROR(finish_connect(scene.socket, &scene.connect), APM_ERROR_HOST_UNREACHABLE);
    CHECK_EQ(apm_native_error_code(), 113);
    connect_scene_check_no_attempt_left(&scene);
    CHECK_SUCCESS(apm_socket_close(scene.socket));
}

TEST(the_error_is_that_of_the_last_in_the_list_also_if_another_one_fails_later)
{
    struct connect_scene scene;
    struct black_hole six;
    uint16_t port = 0;

    enter_private_network_with_names();
    six = black_hole_create("::1", &port);
    scene.socket = tcp_create_dual_mode();
    connect_scene_begin(&scene, "dual.example", port);
    CHECK_ERROR(finish_connect(scene.socket, &scene.connect), APM_ERROR_CONNECTION_REFUSED);
    connect_scene_check_no_attempt_left(&scene);
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    black_hole_close(&six);
}

TEST(after_a_failed_race_the_socket_may_try_again)
{
    struct connect_scene scene;
    uint16_t port = 0;
    int four;

    enter_private_network_with_names();
    four = raw_listen_at("127.0.0.1", &port, 4);
    scene.socket = tcp_create_dual_mode();
    connect_scene_begin(&scene, "dual.example", 1);
    CHECK_ERROR(finish_connect(scene.socket, &scene.connect), APM_ERROR_CONNECTION_REFUSED);
    connect_scene_begin(&scene, "dual.example", port);
    CHECK_SUCCESS(finish_connect(scene.socket, &scene.connect));
    connect_scene_check_no_attempt_left(&scene);
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    raw_close(four);
}

/* -- One after another ------------------------------------------------------------------------------------------- */

TEST(without_an_attempt_delay_the_addresses_are_tried_one_after_another)
{
    struct connect_scene scene;
    struct black_hole six;
    uint16_t port = 0;
    int four;

    enter_private_network_with_names();
    four = raw_listen_at("127.0.0.1", &port, 4);
    six = black_hole_create("::1", &port);
    scene.socket = tcp_create_dual_mode();
    CHECK_SUCCESS(apm_socket_set_connect_attempt_delay(scene.socket, -1));
    connect_scene_begin(&scene, "dual.example", port);
    CHECK(!operation_wait(&scene.connect, 2 * DELAY_MS));
    CHECK_EQ(connects_in_progress(), 1);
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    CHECK_ERROR(finish_connect(scene.socket, &scene.connect), APM_ERROR_OPERATION_ABORTED);
    black_hole_close(&six);
    raw_close(four);
}

TEST(a_bound_socket_keeps_its_port_and_tries_one_after_another)
{
    struct connect_scene scene;
    apm_endpoint bound = endpoint_of("127.0.0.1:0");
    apm_endpoint local;
    uint16_t port = 0;
    int second;

    enter_private_network_with_names();
    second = raw_listen_at("127.0.0.2", &port, 4);
    scene.socket = tcp_create();
    bound.port = port == 5001 ? 5002 : 5001; /* one that the system has chosen it takes back when the first one fails */
    CHECK_SUCCESS(apm_socket_bind(scene.socket, bound));
    connect_scene_begin(&scene, "multi.example", port);
    CHECK_SUCCESS(finish_connect(scene.socket, &scene.connect));
    CHECK_SUCCESS(apm_socket_local_endpoint(scene.socket, &local));
    CHECK_EQ(local.port, bound.port);
    check_remote(scene.socket, "127.0.0.2");
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    raw_close(second);
}

/* Waits until an attempt is under way; where the machine is busy there may be two already. */
static void await_first_connect(void)
{
    int64_t end_ms = harness_now_ms() + PATIENCE_MS;

    while (connects_in_progress() == 0) {
        CHECK(harness_now_ms() < end_ms);
        poll(NULL, 0, 1); /* nothing reports it */
    }
}

TEST(a_further_attempt_for_which_no_descriptor_is_left_is_begun_when_there_is_one)
{
    struct connect_scene scene;
    struct black_hole six;
    struct rlimit limit;
    uint16_t port = 0;
    int64_t start_ms;
    bool late;
    bool pending;
    int four;

    enter_private_network_with_names();
    four = raw_listen_at("127.0.0.1", &port, 4);
    six = black_hole_create("::1", &port);
    scene.socket = tcp_create_dual_mode();
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    start_ms = harness_now_ms();
    connect_scene_begin(&scene, "dual.example", port);
    await_first_connect();
    limit.rlim_cur = 3;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    late = harness_now_ms() - start_ms >= DELAY_MS;
    pending = !operation_wait(&scene.connect, 2 * DELAY_MS);
    limit.rlim_cur = limit.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (late) {
        SKIP("the machine was busy: the further attempt had its descriptor before the limit came");
    }
    CHECK(pending);
    CHECK_SUCCESS(finish_connect(scene.socket, &scene.connect));
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    black_hole_close(&six);
    raw_close(four);
}

TEST(the_attempt_delay_is_250_ms_at_first_and_not_below_10)
{
    apm_socket socket = tcp_create();
    int delay_ms = 0;

    CHECK_SUCCESS(apm_socket_connect_attempt_delay(socket, &delay_ms));
    CHECK_EQ(delay_ms, 250);
    CHECK_SUCCESS(apm_socket_set_connect_attempt_delay(socket, 10));
    CHECK_SUCCESS(apm_socket_connect_attempt_delay(socket, &delay_ms));
    CHECK_EQ(delay_ms, 10);
    CHECK_SUCCESS(apm_socket_set_connect_attempt_delay(socket, -1));
    CHECK_SUCCESS(apm_socket_connect_attempt_delay(socket, &delay_ms));
    CHECK_EQ(delay_ms, -1);
    CHECK_ERROR(apm_socket_set_connect_attempt_delay(socket, 9), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_set_connect_attempt_delay(socket, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_connect_attempt_delay(socket, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(apm_socket_set_connect_attempt_delay(socket, 10), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_connect_attempt_delay(socket, &delay_ms), APM_ERROR_OBJECT_DISPOSED);
}

LIBRARY_TEST_MAIN()
