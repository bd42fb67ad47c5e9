/*
 * Poll and Select, as in .NET: the cases pol-* of its recorded behaviour, but for those about sockets that do not
 * block, which are in behaviour_blocking.c.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "support.h"

static bool poll_now(apm_socket socket, apm_select_mode mode)
{
    bool ready = false;

    CHECK_SUCCESS(apm_socket_poll(socket, 0, mode, &ready));
    return ready;
}

#define CHECK_POLL(socket, read, write, error)                           \
    do {                                                                 \
        CHECK_EQ(poll_now(socket, APM_SELECT_MODE_SELECT_READ), read);   \
        CHECK_EQ(poll_now(socket, APM_SELECT_MODE_SELECT_WRITE), write); \
        CHECK_EQ(poll_now(socket, APM_SELECT_MODE_SELECT_ERROR), error); \
    } while (0)

/* Waits until the socket is ready, as long as that may take. */
static void await_ready(apm_socket socket, apm_select_mode mode)
{
    bool ready;

    CHECK_SUCCESS(apm_socket_poll(socket, PATIENCE_MS * 1000LL, mode, &ready));
    CHECK(ready);
}

static void set_blocking(apm_socket socket, bool blocking)
{
    CHECK_SUCCESS(apm_socket_set_blocking(socket, blocking));
}

/* -- What Poll says ---------------------------------------------------------------------------------------------- */

TEST(poll_of_sockets_that_are_not_connected_pol_001)
{
    apm_endpoint local;
    apm_socket fresh = tcp_create();
    apm_socket bound = tcp_create();
    apm_socket listener = tcp_listen(&local);

    CHECK_POLL(fresh, true, true, false);
    CHECK_SUCCESS(apm_socket_bind(bound, loopback_endpoint(0)));
    CHECK_POLL(bound, true, true, false);
    CHECK_POLL(listener, false, false, false);
    int peer = raw_connect(local);
    await_ready(listener, APM_SELECT_MODE_SELECT_READ);
    CHECK_POLL(listener, true, false, false);
    raw_close(peer);
    CHECK_SUCCESS(apm_socket_close(fresh));
    CHECK_SUCCESS(apm_socket_close(bound));
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(poll_of_connections_in_every_state_pol_002)
{
    peered_socket pair = peered_socket_create();

    CHECK_POLL(pair.socket, false, true, false);
    raw_write(pair.peer, "x", 1);
    await_ready(pair.socket, APM_SELECT_MODE_SELECT_READ);
    CHECK_POLL(pair.socket, true, true, false);
    peered_socket_close(pair);

    pair = peered_socket_create();
    raw_close(pair.peer);
    await_ready(pair.socket, APM_SELECT_MODE_SELECT_READ);
    CHECK_POLL(pair.socket, true, true, false);
    CHECK_SUCCESS(apm_socket_close(pair.socket));

    pair = peered_socket_create();
    raw_reset(pair.peer);
    await_ready(pair.socket, APM_SELECT_MODE_SELECT_ERROR);
    CHECK_POLL(pair.socket, true, true, true);
    CHECK_SUCCESS(apm_socket_close(pair.socket));

    pair = peered_socket_create();
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_SEND));
    CHECK_POLL(pair.socket, false, true, false);
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_BOTH));
    CHECK_POLL(pair.socket, true, true, false);
    peered_socket_close(pair);

    pair = peered_socket_create();
    CHECK_EQ(send(pair.peer, "!", 1, MSG_OOB), 1);
    await_ready(pair.socket, APM_SELECT_MODE_SELECT_ERROR);
    CHECK_POLL(pair.socket, false, true, true);
    peered_socket_close(pair);
}

TEST(poll_of_a_socket_whose_buffers_are_full_pol_002)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    size_t sent = 0;

    set_blocking(pair.socket, false);
    CHECK_SUCCESS(apm_socket_send(pair.socket, block, BIG_BLOCK_SIZE, 0, &sent));
    while (apm_socket_send(pair.socket, block, BIG_BLOCK_SIZE, 0, NULL) == APM_ERROR_SUCCESS)
        continue; /* until the peer's buffer is full, too */
    CHECK_POLL(pair.socket, false, false, false);
    free(block);
    peered_socket_close(pair);
}

TEST(poll_of_a_connect_that_nobody_waits_for_pol_003_con_031)
{
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();
    bool blocking = true;

    set_blocking(socket, false);
    CHECK_SUCCESS(apm_socket_blocking(socket, &blocking));
    CHECK(!blocking);
    apm_error error = apm_socket_connect(socket, local);
    CHECK(error == APM_ERROR_WOULD_BLOCK || error == APM_ERROR_SUCCESS); /* the loopback device may be quick */
    await_ready(socket, APM_SELECT_MODE_SELECT_WRITE);
    CHECK(apm_socket_connected(socket));
    CHECK_ERROR(apm_socket_connect(socket, local), APM_ERROR_IS_CONNECTED);
    send_all(socket, "x", 1);
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

static int error_option(apm_socket socket)
{
    int value = -7;

    CHECK_SUCCESS(
        apm_socket_get_socket_option(socket, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_ERROR, &value));
    return value;
}

TEST(a_connect_that_nobody_waits_for_leaves_its_error_to_be_read_con_032)
{
    apm_socket socket = tcp_create();

    set_blocking(socket, false);
    apm_error error = apm_socket_connect(socket, closed_endpoint());
    await_ready(socket, APM_SELECT_MODE_SELECT_WRITE);
    if (error == APM_ERROR_WOULD_BLOCK) {
        CHECK_POLL(socket, true, true, true);
        CHECK_EQ(error_option(socket), APM_ERROR_CONNECTION_REFUSED);
    } else {
        CHECK_ERROR(error, APM_ERROR_CONNECTION_REFUSED); /* known at once, so nothing is left to be read */
    }
    CHECK_EQ(error_option(socket), 0);
    CHECK(!poll_now(socket, APM_SELECT_MODE_SELECT_ERROR));
    CHECK(!apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(a_connect_that_is_waited_for_leaves_no_error_behind)
{
    peered_socket pair = peered_socket_create();
    apm_socket socket = tcp_create();
    char byte;

    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(apm_socket_receive(pair.socket, &byte, 1, APM_SOCKET_FLAGS_PEEK, NULL)); /* used before the connect */
    CHECK_ERROR(apm_socket_connect(socket, closed_endpoint()), APM_ERROR_CONNECTION_REFUSED);
    CHECK_EQ(error_option(socket), 0);
    CHECK(!poll_now(socket, APM_SELECT_MODE_SELECT_ERROR));
    CHECK_SUCCESS(apm_socket_close(socket));
    peered_socket_close(pair);
}

TEST(poll_of_a_connect_in_progress_is_false_pol_003)
{
    apm_socket socket;

    enter_private_network();
    socket = tcp_create();
    set_blocking(socket, false);
    CHECK_ERROR(apm_socket_connect(socket, endpoint_of("203.0.113.5:80")), APM_ERROR_WOULD_BLOCK);
    CHECK_POLL(socket, false, false, false);
    await_ready(socket, APM_SELECT_MODE_SELECT_ERROR); /* timed out, after about 3 s */
    CHECK_POLL(socket, true, true, true);
    CHECK_EQ(error_option(socket), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_socket_close(socket));
}

/* -- How long Poll waits ----------------------------------------------------------------------------------------- */

static void write_later(void *descriptor)
{
    struct timespec pause = {.tv_nsec = 50000000};

    nanosleep(&pause, NULL); /* so that the other side is waiting by now; nothing depends on it */
    raw_write(*(int *)descriptor, "x", 1);
}

TEST(a_synchronous_receive_waits_although_the_descriptor_does_not_block_io_041)
{
    peered_socket pair = peered_socket_create();
    struct thread writer;
    intptr_t handle;
    bool blocking = false;

    CHECK_SUCCESS(apm_socket_blocking(pair.socket, &blocking));
    CHECK(blocking);
    CHECK_SUCCESS(apm_socket_handle(pair.socket, &handle));
    CHECK(fcntl((int)handle, F_GETFL) & O_NONBLOCK);
    thread_start(&writer, write_later, &pair.peer);
    receive_exactly(pair.socket, &(char){0}, 1);
    thread_join(&writer);
    peered_socket_close(pair);
}

TEST(poll_waits_as_long_as_it_is_told_pol_004)
{
    peered_socket pair = peered_socket_create();
    struct thread writer;
    bool ready = true;

    int64_t before_ms = harness_now_ms();
    CHECK_SUCCESS(apm_socket_poll(pair.socket, 50000, APM_SELECT_MODE_SELECT_READ, &ready));
    CHECK(!ready);
    CHECK(harness_now_ms() - before_ms >= 49);
    before_ms = harness_now_ms();
    CHECK_SUCCESS(apm_socket_poll(pair.socket, -5, APM_SELECT_MODE_SELECT_READ, &ready));
    CHECK(!ready);
    CHECK_SUCCESS(apm_socket_poll(pair.socket, 500, APM_SELECT_MODE_SELECT_READ, &ready));
    CHECK(!ready);
    CHECK_SUCCESS(apm_socket_poll(pair.socket, -1, (apm_select_mode)7, &ready));
    CHECK(!ready);
    CHECK(harness_now_ms() - before_ms < PATIENCE_MS);
    CHECK_ERROR(apm_socket_poll(pair.socket, -2000000, APM_SELECT_MODE_SELECT_READ, &ready),
                APM_ERROR_INVALID_ARGUMENT);
    CHECK_ERROR(apm_socket_poll(pair.socket, 0, APM_SELECT_MODE_SELECT_READ, NULL), APM_ERROR_ARGUMENT_NULL);
    const int64_t long_times[] = {-1, INT64_MAX};
    for (int i = 0; i < 2; i++) {
        thread_start(&writer, write_later, &pair.peer);
        CHECK_SUCCESS(apm_socket_poll(pair.socket, long_times[i], APM_SELECT_MODE_SELECT_READ, &ready));
        CHECK(ready);
        thread_join(&writer);
        receive_exactly(pair.socket, &(char){0}, 1);
    }
    peered_socket_close(pair);
}

static void close_later(void *socket)
{
    struct timespec pause = {.tv_nsec = 50000000};

    nanosleep(&pause, NULL);
    CHECK_SUCCESS(apm_socket_close(*(apm_socket *)socket));
}

TEST(close_ends_a_poll_that_waits_with_true_pol_006)
{
    for (int mode = APM_SELECT_MODE_SELECT_READ; mode <= APM_SELECT_MODE_SELECT_ERROR; mode += 2) {
        peered_socket pair = peered_socket_create();
        struct thread closer;
        bool ready = false;

        thread_start(&closer, close_later, &pair.socket);
        CHECK_SUCCESS(apm_socket_poll(pair.socket, -1, (apm_select_mode)mode, &ready));
        CHECK(ready);
        thread_join(&closer);
        CHECK_ERROR(apm_socket_poll(pair.socket, 0, APM_SELECT_MODE_SELECT_READ, &ready), APM_ERROR_OBJECT_DISPOSED);
        CHECK(!ready);
        raw_close(pair.peer);
    }
}

static void shutdown_later(void *socket)
{
    struct timespec pause = {.tv_nsec = 50000000};

    nanosleep(&pause, NULL);
    CHECK_SUCCESS(apm_socket_shutdown(*(apm_socket *)socket, APM_SOCKET_SHUTDOWN_BOTH));
}

TEST(shutdown_ends_a_poll_that_waits)
{
    peered_socket pair = peered_socket_create();
    struct thread closer;
    bool ready = false;

    thread_start(&closer, shutdown_later, &pair.socket);
    CHECK_SUCCESS(apm_socket_poll(pair.socket, -1, APM_SELECT_MODE_SELECT_READ, &ready));
    CHECK(ready);
    thread_join(&closer);
    peered_socket_close(pair);
}

/* -- Workers ----------------------------------------------------------------------------------------------------- */

static const apm_thread_pool default_pool = APM_NULL_HANDLE;
static struct latch polled = LATCH_INITIALIZER;

static void poll_in_callback(void *socket)
{
    bool ready;

    CHECK_SUCCESS(apm_socket_poll(*(apm_socket *)socket, -1, APM_SELECT_MODE_SELECT_READ, &ready));
    CHECK(ready);
    latch_add(&polled, 1);
}

TEST(a_poll_on_the_only_worker_stops_neither_io_nor_its_own_end)
{
    peered_socket waited = peered_socket_create();
    peered_socket other = peered_socket_create();
    struct operation receive;
    char byte;
    size_t received;

    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 1));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, 1));
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, poll_in_callback, &waited.socket, false));
    CHECK_SUCCESS(apm_socket_begin_receive(other.socket, &byte, 1, 0, NULL, NULL, &receive.result));
    raw_write(other.peer, "x", 1);
    CHECK_SUCCESS(apm_socket_end_receive(other.socket, receive.result, &received));
    CHECK_EQ(received, 1);
    raw_write(waited.peer, "x", 1);
    LATCH_AWAIT(&polled, 1);
    peered_socket_close(waited);
    peered_socket_close(other);
}

/* -- Select -------------------------------------------------------------------------------------------------------- */

TEST(select_reduces_its_lists_to_what_is_ready_pol_007)
{
    peered_socket pairs[3];
    apm_socket read[3];
    apm_socket write[3];
    apm_socket error[3];
    size_t counts[3] = {3, 3, 3};

    for (int i = 0; i < 3; i++) {
        pairs[i] = peered_socket_create();
        read[i] = write[i] = error[i] = pairs[i].socket;
    }
    raw_write(pairs[1].peer, "x", 1);
    await_available(pairs[1].socket, 1);
    CHECK_SUCCESS(apm_socket_select(read, &counts[0], write, &counts[1], error, &counts[2], -1));
    CHECK_EQ(counts[0], 1);
    CHECK_EQ(read[0].bits, pairs[1].socket.bits);
    CHECK_EQ(counts[1], 3);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(write[i].bits, pairs[i].socket.bits);
    CHECK_EQ(counts[2], 0);

    size_t none = 0;
    CHECK_ERROR(apm_socket_select(NULL, NULL, NULL, NULL, NULL, NULL, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_select(read, &none, write, &none, NULL, NULL, 0), APM_ERROR_ARGUMENT_NULL);
    for (int i = 0; i < 3; i++)
        peered_socket_close(pairs[i]);
}

TEST(select_times_out_with_empty_lists_and_refuses_what_is_no_socket_pol_008)
{
    peered_socket pair = peered_socket_create();
    struct thread writer;
    apm_socket list[2] = {pair.socket, pair.socket};
    size_t count = 1;

    int64_t before_ms = harness_now_ms();
    CHECK_SUCCESS(apm_socket_select(list, &count, NULL, NULL, NULL, NULL, 50000));
    CHECK_EQ(count, 0);
    CHECK(harness_now_ms() - before_ms >= 49);

    count = 2;
    thread_start(&writer, write_later, &pair.peer);
    CHECK_SUCCESS(apm_socket_select(list, &count, NULL, NULL, NULL, NULL, -1));
    CHECK_EQ(count, 2);
    thread_join(&writer);

    CHECK_ERROR(apm_socket_select(list, &count, NULL, NULL, NULL, NULL, -2000000), APM_ERROR_INVALID_ARGUMENT);
    list[1] = (apm_socket)APM_NULL_HANDLE;
    CHECK_ERROR(apm_socket_select(list, &count, NULL, NULL, NULL, NULL, 0), APM_ERROR_ARGUMENT);
    CHECK_EQ(count, 2);
    count = APM_SOCKET_SELECT_LIMIT + 1;
    CHECK_ERROR(apm_socket_select(list, &count, NULL, NULL, NULL, NULL, 0), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    count = 2;
    CHECK_ERROR(apm_socket_select(NULL, &count, NULL, NULL, NULL, NULL, 0), APM_ERROR_ARGUMENT_NULL);
    list[1] = tcp_create();
    CHECK_SUCCESS(apm_socket_close(list[1]));
    CHECK_ERROR(apm_socket_select(list, &count, NULL, NULL, NULL, NULL, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(count, 2);
    CHECK_EQ(list[0].bits, pair.socket.bits);
    peered_socket_close(pair);
}

TEST(select_over_many_sockets_finds_the_one_that_gets_ready)
{
    enum { MANY = 300 };
    static apm_socket list[MANY];
    static peered_socket pairs[MANY];
    struct thread writer;
    size_t count = MANY;

    for (int i = 0; i < MANY; i++) {
        pairs[i] = peered_socket_create();
        list[i] = pairs[i].socket;
    }
    thread_start(&writer, write_later, &pairs[MANY - 1].peer);
    CHECK_SUCCESS(apm_socket_select(list, &count, NULL, NULL, NULL, NULL, -1));
    CHECK_EQ(count, 1);
    CHECK_EQ(list[0].bits, pairs[MANY - 1].socket.bits);
    thread_join(&writer);
    for (int i = 0; i < MANY; i++)
        peered_socket_close(pairs[i]);
}

TEST(close_ends_a_select_that_waits_and_leaves_the_socket_in_its_list)
{
    peered_socket pair = peered_socket_create();
    apm_socket list[1] = {pair.socket};
    struct thread closer;
    size_t count = 1;

    thread_start(&closer, close_later, &pair.socket);
    CHECK_SUCCESS(apm_socket_select(list, &count, NULL, NULL, NULL, NULL, PATIENCE_MS * 1000LL));
    CHECK_EQ(count, 1);
    thread_join(&closer);
    raw_close(pair.peer);
}

LIBRARY_TEST_MAIN()
