/*
 * Connecting by name to several addresses: cancel, close and deadline in the middle, and what the winner inherits.
 */
#include <string.h>

#include "support.h"

/* -- Ends in the middle ------------------------------------------------------------------------------------------ */

/* Two attempts under way that get no answer. */
struct stuck_scene {
    struct connect_scene scene;
    struct black_hole six;
    struct black_hole four;
};

static void stuck_create(struct stuck_scene *stuck)
{
    uint16_t port = 0;

    enter_private_network_with_names();
    stuck->four = black_hole_create("127.0.0.1", &port);
    stuck->six = black_hole_create("::1", &port);
    stuck->scene.socket = tcp_create_dual_mode();
    CHECK_SUCCESS(apm_socket_set_connect_attempt_delay(stuck->scene.socket, 10));
    connect_scene_begin(&stuck->scene, "dual.example", port);
    await_connects_in_progress(2);
}

/* The socket is as new: it connects somewhere else, and nothing is left of what it was at. */
static void stuck_connect_elsewhere(struct stuck_scene *stuck)
{
    uint16_t port = 0;
    int elsewhere = raw_listen_at("127.0.0.3", &port, 4);
    apm_endpoint remote = {.address = address_of("127.0.0.3"), .port = port};

    await_connects_in_progress(0);
    CHECK_SUCCESS(apm_socket_connect(stuck->scene.socket, remote));
    CHECK_SUCCESS(apm_socket_close(stuck->scene.socket));
    raw_close(elsewhere);
    black_hole_close(&stuck->four);
    black_hole_close(&stuck->six);
}

CONTRACT_TEST(cancel_ends_all_attempts_of_a_race)
{
    struct stuck_scene stuck;

    stuck_create(&stuck);
    CHECK_SUCCESS(apm_async_result_cancel(stuck.scene.connect.result));
    CHECK_ERROR(finish_connect(stuck.scene.socket, &stuck.scene.connect), APM_ERROR_OPERATION_ABORTED);
    connect_scene_check_no_attempt_left(&stuck.scene);
    stuck_connect_elsewhere(&stuck);
}

CONTRACT_TEST(close_ends_all_attempts_of_a_race)
{
    struct stuck_scene stuck;

    stuck_create(&stuck);
    CHECK_SUCCESS(apm_socket_close(stuck.scene.socket));
    CHECK_ERROR(finish_connect(stuck.scene.socket, &stuck.scene.connect), APM_ERROR_OPERATION_ABORTED);
    stuck.scene.descriptors--;
    connect_scene_check_no_attempt_left(&stuck.scene);
    black_hole_close(&stuck.four);
    black_hole_close(&stuck.six);
}

TEST(a_deadline_ends_all_attempts_of_a_race)
{
    struct stuck_scene stuck;

    stuck_create(&stuck);
    CHECK_SUCCESS(apm_async_result_cancel_after(stuck.scene.connect.result, 1));
    CHECK_ERROR(finish_connect(stuck.scene.socket, &stuck.scene.connect), APM_ERROR_TIMED_OUT);
    connect_scene_check_no_attempt_left(&stuck.scene);
    stuck_connect_elsewhere(&stuck);
}

TEST(cancel_before_the_second_attempt_leaves_no_alarm_that_fires)
{
    struct connect_scene scene;
    struct black_hole six;
    uint16_t port = 0;

    enter_private_network_with_names();
    six = black_hole_create("::1", &port);
    scene.socket = tcp_create_dual_mode();
    connect_scene_begin(&scene, "dual.example", port);
    await_connects_in_progress(1);
    CHECK_SUCCESS(apm_async_result_cancel(scene.connect.result));
    CHECK_ERROR(finish_connect(scene.socket, &scene.connect), APM_ERROR_OPERATION_ABORTED);
    connect_scene_check_no_attempt_left(&scene);

    /* Its time comes while the socket is at something else, which it must not touch. */
    connect_scene_begin(&scene, "dual.example", port);
    await_connects_in_progress(1);
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    CHECK_ERROR(finish_connect(scene.socket, &scene.connect), APM_ERROR_OPERATION_ABORTED);
    black_hole_close(&six);
}

/* -- What the winner inherits ------------------------------------------------------------------------------------ */

TEST(the_winner_has_the_options_of_the_socket_also_those_set_during_the_race)
{
    struct connect_scene scene;
    struct black_hole six;
    uint16_t port = 0;
    apm_linger_option linger = {.enabled = true, .linger_time = 7};
    int before;
    int after;
    bool no_delay = false;
    int four;

    enter_private_network_with_names();
    four = raw_listen_at("127.0.0.1", &port, 4);
    six = black_hole_create("::1", &port);
    scene.socket = tcp_create_dual_mode();
    CHECK_SUCCESS(apm_socket_set_receive_buffer_size(scene.socket, 20000));
    CHECK_SUCCESS(apm_socket_receive_buffer_size(scene.socket, &before));
    connect_scene_begin(&scene, "dual.example", port);
    await_connects_in_progress(1);
    CHECK_SUCCESS(apm_socket_set_no_delay(scene.socket, true));
    CHECK_SUCCESS(apm_socket_set_linger_state(scene.socket, linger));
    CHECK_SUCCESS(finish_connect(scene.socket, &scene.connect));

    CHECK_SUCCESS(apm_socket_receive_buffer_size(scene.socket, &after));
    CHECK_EQ(after, before);
    CHECK_SUCCESS(apm_socket_no_delay(scene.socket, &no_delay));
    CHECK(no_delay);
    linger = (apm_linger_option){.enabled = false};
    CHECK_SUCCESS(apm_socket_linger_state(scene.socket, &linger));
    CHECK(linger.enabled);
    CHECK_EQ(linger.linger_time, 7);
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    black_hole_close(&six);
    raw_close(four);
}

CONTRACT_TEST(what_was_begun_during_a_race_goes_to_the_winner)
{
    struct connect_scene scene;
    struct black_hole six;
    struct operation receive;
    struct operation send;
    uint16_t port = 0;
    uint8_t buffer[4];
    uint8_t seen[4];
    size_t count;
    apm_endpoint local;
    int four;
    int peer;

    enter_private_network_with_names();
    four = raw_listen_at("127.0.0.1", &port, 4);
    six = black_hole_create("::1", &port);
    scene.socket = tcp_create_dual_mode();
    CHECK_SUCCESS(apm_socket_set_connect_attempt_delay(scene.socket, SHORT_WHILE_MS));
    connect_scene_begin(&scene, "dual.example", port);
    CHECK_SUCCESS(apm_socket_begin_receive(scene.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_socket_begin_send(scene.socket, "ping", 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_SUCCESS(finish_connect(scene.socket, &scene.connect));
    CHECK_SUCCESS(finish_send(scene.socket, &send, &count));
    CHECK_EQ(count, 4);
    peer = raw_accept(four);
    raw_read_exactly(peer, seen, 4);
    CHECK_EQ(memcmp(seen, "ping", 4), 0);
    raw_write(peer, "pong", 4);
    CHECK_SUCCESS(finish_receive(scene.socket, &receive, &count));
    CHECK_EQ(count, 4);
    CHECK_EQ(memcmp(buffer, "pong", 4), 0);
    CHECK_SUCCESS(apm_socket_local_endpoint(scene.socket, &local));
    CHECK(local.port != 0);
    CHECK_SUCCESS(apm_socket_close(scene.socket));
    CHECK_ORDERLY_END(peer, 0);
    raw_close(peer);
    black_hole_close(&six);
    raw_close(four);
}

LIBRARY_TEST_MAIN()
