/*
 * Lists, files, accepts that receive, and datagrams, on sockets that have water marks or are serialised.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "support_datagram.h"
#include "support_diagnostics.h"

/* -- Water marks ------------------------------------------------------------------------------------------------- */

enum { FULL_SIZE = 2 << 20 }; /* far more than the buffers of such a connection hold */

/* A connection that takes nothing more, with one send of a block pending, and a high mark that it reaches. */
static peered_socket full_create(uint8_t *block, struct operation *send)
{
    const int little = 128 << 10;
    const apm_array_segment halves[] = {{block, FULL_SIZE / 2}, {block + FULL_SIZE / 2, FULL_SIZE / 2}};
    peered_socket pair = peered_socket_create();

    CHECK_SUCCESS(apm_socket_set_send_buffer_size(pair.socket, little));
    CHECK_EQ(setsockopt(pair.peer, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
    CHECK_SUCCESS(apm_socket_set_send_water_marks(pair.socket, (apm_send_water_marks){.high_bytes = FULL_SIZE}));
    CHECK_SUCCESS(apm_socket_begin_send_buffers(pair.socket, halves, 2, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(send)));
    return pair;
}

static void check_pending(apm_socket socket, size_t bytes, size_t sends)
{
    size_t found_bytes = 1;
    size_t found_sends = 1;

    CHECK_SUCCESS(apm_socket_pending_sends(socket, &found_bytes, &found_sends));
    CHECK_EQ(found_bytes, bytes);
    CHECK_EQ(found_sends, sends);
}

CONTRACT_TEST(lists_and_files_are_refused_from_the_high_mark_on)
{
    uint8_t *block = calloc(1, FULL_SIZE);
    const apm_array_segment one = {block, 1};
    struct operation send;
    struct operation refused;
    struct operation wait;
    size_t sent;

    CHECK(block != NULL);
    peered_socket pair = full_create(block, &send);
    check_pending(pair.socket, FULL_SIZE, 1);
    CHECK_ERROR(apm_socket_begin_send_buffers(pair.socket, &one, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&refused)),
                APM_ERROR_WOULD_BLOCK);
    CHECK(apm_async_result_is_null(refused.result));
    CHECK_ERROR(apm_socket_begin_send_file(pair.socket, "/etc/passwd", ON_COMPLETION(&refused)), APM_ERROR_WOULD_BLOCK);
    CHECK(apm_async_result_is_null(refused.result));
    check_pending(pair.socket, FULL_SIZE, 1);
    CHECK_SUCCESS(apm_socket_begin_wait_sendable(pair.socket, ON_COMPLETION(&wait)));
    CHECK_PENDING(&wait);
    raw_read_zeros(pair.peer, FULL_SIZE);
    CHECK_SUCCESS(finish_send(pair.socket, &send, &sent));
    CHECK_EQ(sent, FULL_SIZE);
    AWAIT(&wait);
    CHECK_SUCCESS(apm_socket_end_wait_sendable(pair.socket, wait.result));
    CHECK_SUCCESS(apm_socket_send_buffers(pair.socket, &one, 1, APM_SOCKET_FLAGS_NONE, NULL));
    check_pending(pair.socket, 0, 0);
    peered_socket_close(pair);
    free(block);
}

CONTRACT_TEST(a_file_counts_with_all_its_bytes_and_synchronous_ones_are_let_through)
{
    uint8_t *block = calloc(1, FULL_SIZE);
    const uint8_t around[3] = {0};
    struct operation send;
    struct operation file;
    uint64_t sent = 0;

    CHECK(block != NULL);
    peered_socket pair = full_create(block, &send);
    CHECK_SUCCESS(apm_socket_set_send_water_marks(pair.socket, (apm_send_water_marks){.high_bytes = FULL_SIZE + 1}));
    CHECK_SUCCESS(
        apm_socket_begin_send_file_with_buffers(pair.socket, NULL, around, 3, around, 2, 0, ON_COMPLETION(&file)));
    check_pending(pair.socket, FULL_SIZE + 5, 2);
    CHECK_SUCCESS(apm_socket_set_send_timeout(pair.socket, SHORT_WHILE_MS));
    CHECK_ERROR(apm_socket_send_file(pair.socket, NULL, &sent), APM_ERROR_TIMED_OUT);
    CHECK_EQ(sent, 0);
    check_pending(pair.socket, FULL_SIZE + 5, 2);
    CHECK_SUCCESS(apm_async_result_cancel(file.result));
    AWAIT(&file);
    CHECK_ERROR(apm_socket_end_send_file(pair.socket, file.result, &sent), APM_ERROR_OPERATION_ABORTED);
    check_pending(pair.socket, FULL_SIZE, 1);
    raw_read_zeros(pair.peer, FULL_SIZE);
    CHECK_SUCCESS(finish_send(pair.socket, &send, NULL));
    check_pending(pair.socket, 0, 0);
    peered_socket_close(pair);
    free(block);
}

/* -- Datagrams --------------------------------------------------------------------------------------------------- */

struct turn {
    apm_socket socket;
    struct latch entered;
    struct latch leave;
};

static void hold_the_turn(apm_async_result result)
{
    struct turn *turn = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_post(turn->socket, result));
    latch_add(&turn->entered, 1);
    LATCH_AWAIT(&turn->leave, 1);
}

TEST(datagrams_count_and_are_refused_from_the_high_mark_on)
{
    static struct turn turn = {.entered = LATCH_INITIALIZER, .leave = LATCH_INITIALIZER};
    struct operation send;
    struct operation refused;
    apm_endpoint local;

    turn.socket = udp_bind(&local);
    CHECK_SUCCESS(apm_socket_set_serialised(turn.socket, true));
    CHECK_SUCCESS(apm_socket_set_send_water_marks(turn.socket, (apm_send_water_marks){.high_sends = 1}));
    CHECK_SUCCESS(apm_socket_begin_post(turn.socket, hold_the_turn, &turn, NULL));
    LATCH_AWAIT(&turn.entered, 1);
    CHECK_SUCCESS(apm_socket_begin_send_to(turn.socket, "abc", 3, APM_SOCKET_FLAGS_NONE, local, ON_CALLBACK(&send)));
    check_pending(turn.socket, 3, 1); /* sent, but its callback has not had its turn */
    CHECK_ERROR(apm_socket_begin_send_to(turn.socket, "d", 1, APM_SOCKET_FLAGS_NONE, local, ON_CALLBACK(&refused)),
                APM_ERROR_WOULD_BLOCK);
    CHECK_SUCCESS(apm_socket_send_to(turn.socket, "e", 1, APM_SOCKET_FLAGS_NONE, local, NULL));
    latch_add(&turn.leave, 1);
    CHECK_SUCCESS(finish_send_to(turn.socket, &send, NULL));
    check_pending(turn.socket, 0, 0);
    expect_text(turn.socket, "abc");
    expect_text(turn.socket, "e");
    CHECK_SUCCESS(apm_socket_close(turn.socket));
}

CONTRACT_TEST(a_list_takes_its_turn_among_receives_of_datagrams)
{
    enum { RECEIVES = 5 };
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    struct operation receives[RECEIVES];
    char bytes[RECEIVES][4] = {{0}};
    const apm_array_segment halves[] = {{&bytes[2][0], 1}, {&bytes[2][1], 3}};
    size_t received;

    for (size_t i = 0; i < RECEIVES; i++) {
        if (i == 2) {
            CHECK_SUCCESS(apm_socket_begin_receive_buffers(socket, halves, 2, APM_SOCKET_FLAGS_NONE,
                                                           ON_COMPLETION(&receives[i])));
        } else {
            CHECK_SUCCESS(
                apm_socket_begin_receive(socket, bytes[i], 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receives[i])));
        }
    }
    for (size_t i = 0; i < RECEIVES; i++) {
        const char text[] = {'a', (char)('0' + i), '\0'};

        send_text_to(local, text);
    }
    for (size_t i = 0; i < RECEIVES; i++) {
        CHECK_SUCCESS(finish_receive(socket, &receives[i], &received));
        CHECK_EQ(received, 2);
        CHECK_EQ(bytes[i][0], 'a');
        CHECK_EQ(bytes[i][1], (char)('0' + i));
    }
    CHECK_SUCCESS(apm_socket_close(socket));
}

LIBRARY_TEST_MAIN()
