/*
 * CSocket: calls that wait and pump their thread's queue; and archives over sockets.
 */
#include "apm/compat/blocking_socket.h"
#include "apm/compat/socket_file.h"

#include <stdlib.h>

#include "support_compat.h"

static apm_event_queue queue;
static apm_blocking_socket listener, client, server;
static apm_endpoint local;

static void listen_blocking(void)
{
    CHECK_SUCCESS(apm_event_queue_create(0, &queue));
    apm_blocking_socket_initialize(&listener, queue, NULL, NULL);
    apm_blocking_socket_initialize(&client, queue, NULL, NULL);
    apm_blocking_socket_initialize(&server, queue, NULL, NULL);
    CHECK(apm_blocking_socket_create(&listener, 0, APM_SOCKET_TYPE_STREAM, "127.0.0.1"));
    CHECK(apm_async_socket_listen(&listener.base, 5));
    CHECK(apm_async_socket_get_sock_name(&listener.base, &local));
}

static void connect_pair(void)
{
    apm_endpoint peer;

    listen_blocking();
    CHECK(apm_blocking_socket_create(&client, 0, APM_SOCKET_TYPE_STREAM, NULL));
    CHECK(apm_blocking_socket_connect(&client, "127.0.0.1", local.port));
    CHECK(apm_blocking_socket_accept(&listener, &server, &peer));
    CHECK(apm_ip_address_is_loopback(peer.address));
}

static void finish(void)
{
    apm_blocking_socket_destroy(&client);
    apm_blocking_socket_destroy(&server);
    apm_blocking_socket_destroy(&listener);
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

/* A thread that does something to the raw peer of a socket after the program has begun to wait. */
struct later {
    apm_event_target target;
    int peer;
    pthread_t thread;
};

TEST(connect_accept_send_and_receive_wait)
{
    char buffer[16];

    connect_pair();
    CHECK_EQ(apm_blocking_socket_send(&client, "hello", 5, 0), 5);
    CHECK_EQ(apm_blocking_socket_receive(&server, buffer, sizeof buffer, 0), 5);
    CHECK_EQ(memcmp(buffer, "hello", 5), 0);
    CHECK(apm_blocking_socket_from_handle(queue, apm_async_socket_handle(&server.base)) == &server);
    CHECK(!apm_blocking_socket_is_blocking(&server));
    apm_blocking_socket_close(&client);
    CHECK_EQ(apm_blocking_socket_receive(&server, buffer, sizeof buffer, 0), 0);
    finish();
}

TEST(failed_connect_gives_its_error)
{
    apm_endpoint closed = closed_endpoint();

    listen_blocking();
    CHECK(apm_blocking_socket_create(&client, 0, APM_SOCKET_TYPE_STREAM, NULL));
    CHECK_WSA(apm_blocking_socket_connect_endpoint(&client, closed), APM_WSAECONNREFUSED);
    CHECK(apm_blocking_socket_connect_endpoint(&client, local));
    CHECK_WSA(apm_blocking_socket_connect_endpoint(&client, local), APM_WSAEISCONN);
    CHECK_WSA(apm_blocking_socket_connect(&client, NULL, 1), APM_WSAEFAULT);
    finish();
}

static void *write_later(void *argument)
{
    struct later *later = argument;

    /* The target's message is dispatched by the call that waits. */
    CHECK_SUCCESS(apm_event_target_post(later->target, APM_EVENT_MESSAGE_USER, 0, 0));
    return NULL;
}

static void write_to_peer(const apm_event_message *message, void *context)
{
    struct later *later = context;

    (void)message;
    CHECK(apm_blocking_socket_is_blocking(&server));
    raw_write(later->peer, "x", 1);
}

/* A raw peer of `server`, and a target whose handler runs while a call waits. */
static void start_later(struct later *later, apm_event_handler *handler)
{
    listen_blocking();
    later->peer = raw_connect(local);
    CHECK(apm_blocking_socket_accept(&listener, &server, NULL));
    CHECK_SUCCESS(apm_event_target_create(queue, handler, later, &later->target));
    CHECK_EQ(pthread_create(&later->thread, NULL, write_later, later), 0);
}

static void finish_later(struct later *later)
{
    CHECK_EQ(pthread_join(later->thread, NULL), 0);
    CHECK_SUCCESS(apm_event_target_close(later->target));
    raw_close(later->peer);
    finish();
}

TEST(call_that_waits_dispatches_messages_that_are_no_sockets)
{
    struct later later;
    char byte = 0;

    start_later(&later, write_to_peer);
    CHECK_EQ(apm_blocking_socket_receive(&server, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'x');
    finish_later(&later);
}

static bool take_message(apm_blocking_socket *socket, const apm_event_message *message)
{
    struct later *later = socket->base.state;

    CHECK(apm_event_target_equals(message->target, later->target));
    raw_write(later->peer, "y", 1);
    return true;
}

static void never(const apm_event_message *message, void *context)
{
    (void)message;
    (void)context;
    CHECK(false);
}

TEST(on_message_pending_sees_messages_first_and_may_keep_them)
{
    struct later later;
    char byte = 0;

    start_later(&later, never);
    server.base.state = &later;
    server.on_message_pending = take_message;
    CHECK_EQ(apm_blocking_socket_receive(&server, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'y');
    finish_later(&later);
}

static void cancel(const apm_event_message *message, void *context)
{
    char byte;

    (void)message;
    (void)context;
    CHECK_WSA_RESULT(apm_blocking_socket_receive(&server, &byte, 1, 0), APM_WSAEINPROGRESS);
    CHECK_WSA_RESULT(apm_blocking_socket_send(&server, "a", 1, 0), APM_WSAEINPROGRESS);
    apm_blocking_socket_cancel_blocking_call(&server);
}

TEST(cancelled_call_ends_with_intr_and_a_second_one_is_in_progress)
{
    struct later later;
    char byte = 0;

    start_later(&later, cancel);
    CHECK_WSA_RESULT(apm_blocking_socket_receive(&server, &byte, 1, 0), APM_WSAEINTR);
    CHECK(!apm_blocking_socket_is_blocking(&server));
    apm_blocking_socket_cancel_blocking_call(&server); /* nothing waits: nothing happens */
    raw_write(later.peer, "z", 1);
    CHECK_EQ(apm_blocking_socket_receive(&server, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'z');
    finish_later(&later);
}

static void close_socket(const apm_event_message *message, void *context)
{
    (void)message;
    (void)context;
    apm_blocking_socket_close(&server);
    memset(&server, 0xee, sizeof server); /* the object's memory is the program's */
}

TEST(call_on_a_socket_that_is_closed_meanwhile_ends_with_intr)
{
    struct later later;
    char byte = 0;

    start_later(&later, close_socket);
    CHECK_WSA_RESULT(apm_blocking_socket_receive(&server, &byte, 1, 0), APM_WSAEINTR);
    apm_blocking_socket_initialize(&server, queue, NULL, NULL);
    finish_later(&later);
}

static void cancel_accept(const apm_event_message *message, void *context)
{
    (void)message;
    (void)context;
    apm_blocking_socket_cancel_blocking_call(&listener);
}

TEST(accept_can_be_cancelled_and_goes_on_afterwards)
{
    apm_event_target target;
    int peer;

    listen_blocking();
    CHECK_SUCCESS(apm_event_target_create(queue, cancel_accept, NULL, &target));
    CHECK_SUCCESS(apm_event_target_post(target, APM_EVENT_MESSAGE_USER, 0, 0));
    CHECK_WSA(apm_blocking_socket_accept(&listener, &server, NULL), APM_WSAEINTR);
    peer = raw_connect(local);
    CHECK(apm_blocking_socket_accept(&listener, &server, NULL));
    CHECK_WSA(apm_blocking_socket_accept(&listener, &server, NULL), APM_WSAEINVAL);
    CHECK_WSA(apm_blocking_socket_accept(&listener, NULL, NULL), APM_WSAEFAULT);
    raw_close(peer);
    CHECK_SUCCESS(apm_event_target_close(target));
    finish();
}

/* -- Notifications beside blocking calls --------------------------------------------------------------------------- */

static int other_received;

static void on_other_receive(apm_async_socket *socket, int error)
{
    char byte;

    CHECK_EQ(error, 0);
    CHECK_EQ(apm_async_socket_receive(socket, &byte, 1, 0), 1);
    other_received++;
}

TEST(notifications_of_other_sockets_wait_until_the_call_has_ended)
{
    static const apm_async_socket_handlers handlers = {.on_receive = on_other_receive};
    apm_async_socket other;
    char byte;
    int peer, second;

    listen_blocking();
    peer = raw_connect(local);
    CHECK(apm_blocking_socket_accept(&listener, &server, NULL));
    second = raw_connect(local);
    apm_async_socket_initialize(&other, queue, &handlers, NULL);
    while (!apm_async_socket_accept(&listener.base, &other, NULL)) {
        CHECK_SUCCESS(apm_event_queue_pump(queue, PATIENCE_MS, NULL));
    }
    raw_write(second, "a", 1);
    raw_write(peer, "b", 1);
    CHECK_EQ(apm_blocking_socket_receive(&server, &byte, 1, 0), 1);
    CHECK_EQ(other_received, 0);
    PUMP_UNTIL(queue, other_received == 1);
    raw_close(peer);
    raw_close(second);
    apm_async_socket_destroy(&other);
    finish();
}

/* -- Sends ------------------------------------------------------------------------------------------------------- */

enum { LARGE = 8 << 20 };

static void *read_all(void *argument)
{
    raw_read_zeros(*(int *)argument, LARGE);
    return NULL;
}

TEST(send_sends_all_however_much_it_is)
{
    static uint8_t block[LARGE];
    pthread_t reader;
    int peer;

    listen_blocking();
    peer = raw_connect(local);
    CHECK(apm_blocking_socket_accept(&listener, &server, NULL));
    CHECK_EQ(pthread_create(&reader, NULL, read_all, &peer), 0);
    CHECK_EQ(apm_blocking_socket_send(&server, block, LARGE, 0), LARGE);
    CHECK_EQ(pthread_join(reader, NULL), 0);
    raw_close(peer);
    finish();
}

TEST(reset_is_the_error_of_the_call_that_waits)
{
    struct later later;
    char byte;

    start_later(&later, write_to_peer);
    CHECK_EQ(apm_blocking_socket_receive(&server, &byte, 1, 0), 1);
    raw_reset(later.peer);
    CHECK_WSA_RESULT(apm_blocking_socket_receive(&server, &byte, 1, 0), APM_WSAECONNRESET);
    CHECK_WSA_RESULT(apm_blocking_socket_receive(&server, &byte, 1, 0), APM_WSAECONNRESET);
    later.peer = raw_connect(local);
    finish_later(&later);
}

TEST(datagrams_are_waited_for_too)
{
    apm_endpoint to, from;
    char buffer[8];

    listen_blocking();
    CHECK(apm_blocking_socket_create(&client, 0, APM_SOCKET_TYPE_DGRAM, "127.0.0.1"));
    CHECK(apm_blocking_socket_create(&server, 0, APM_SOCKET_TYPE_DGRAM, "127.0.0.1"));
    CHECK(apm_async_socket_get_sock_name(&server.base, &to));
    CHECK_EQ(apm_blocking_socket_send_to(&client, "abc", 3, to.port, "127.0.0.1", 0), 3);
    CHECK_EQ(apm_blocking_socket_send_to_endpoint(&client, "de", 2, to, 0), 2);
    CHECK_EQ(apm_blocking_socket_receive_from(&server, buffer, sizeof buffer, &from, 0), 3);
    CHECK_EQ(apm_blocking_socket_receive(&server, buffer, sizeof buffer, 0), 2);
    CHECK_WSA_RESULT(apm_blocking_socket_send_to(&client, "abc", 3, 0, "127.0.0.1", 0), APM_WSAEINVAL);
    finish();
}

TEST(empty_object_is_refused)
{
    char byte = 0;

    listen_blocking();
    CHECK_WSA(apm_blocking_socket_connect_endpoint(&client, local), APM_WSAENOTSOCK);
    CHECK_WSA(apm_blocking_socket_accept(&client, &server, NULL), APM_WSAENOTSOCK);
    CHECK_WSA_RESULT(apm_blocking_socket_receive(&client, &byte, 1, 0), APM_WSAENOTSOCK);
    CHECK_WSA_RESULT(apm_blocking_socket_receive_from(NULL, &byte, 1, NULL, 0), APM_WSAEFAULT);
    CHECK_WSA_RESULT(apm_blocking_socket_send(&client, &byte, 1, 0), APM_WSAENOTSOCK);
    CHECK_WSA_RESULT(apm_blocking_socket_send_to(&client, &byte, 1, 1, "127.0.0.1", 0), APM_WSAENOTSOCK);
    CHECK_WSA(apm_blocking_socket_create(NULL, 0, APM_SOCKET_TYPE_STREAM, NULL), APM_WSAEFAULT);
    CHECK_WSA(apm_blocking_socket_attach(&client, (apm_socket){77}), APM_WSAENOTSOCK);
    CHECK(!apm_blocking_socket_is_blocking(NULL) && !apm_blocking_socket_is_blocking(&client));
    apm_blocking_socket_cancel_blocking_call(NULL);
    apm_blocking_socket_close(NULL);
    apm_blocking_socket_destroy(NULL);
    apm_blocking_socket_initialize(NULL, queue, NULL, NULL);
    finish();
}

TEST(attached_socket_blocks_likewise)
{
    socket_pair pair = socket_pair_create();
    char byte;

    listen_blocking();
    CHECK(apm_blocking_socket_attach(&client, pair.client));
    send_all(pair.server, "q", 1);
    CHECK_EQ(apm_blocking_socket_receive(&client, &byte, 1, 0), 1);
    CHECK_SUCCESS(apm_socket_close(pair.server));
    finish();
}

/* -- Files and archives ------------------------------------------------------------------------------------------ */

TEST(archives_over_two_sockets_exchange_what_they_store)
{
    apm_socket_file client_file, server_file;
    apm_archive_file out_file, in_file;
    apm_archive *out, *in;
    char *text;
    void *blob;
    uint8_t *large = calloc(1, 100000);
    uint32_t number;
    size_t size;

    connect_pair();
    apm_socket_file_initialize(&client_file, &client, true);
    apm_socket_file_initialize(&server_file, &server, true);
    out_file = apm_socket_file_archive_file(&client_file);
    in_file = apm_socket_file_archive_file(&server_file);
    CHECK_SUCCESS(apm_archive_create(&out_file, APM_ARCHIVE_STORE, 0, &out));
    CHECK_SUCCESS(apm_archive_create(&in_file, APM_ARCHIVE_LOAD, 0, &in));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(apm_archive_write_dword(out, 42), APM_ARCHIVE_NONE);
        CHECK_EQ(apm_archive_write_string(out, "gr\xc3\xbc\xc3\x9f"), APM_ARCHIVE_NONE);
        CHECK_EQ(apm_archive_write_blob(out, large, 100000), APM_ARCHIVE_NONE);
        CHECK_EQ(apm_archive_flush(out), APM_ARCHIVE_NONE);
        CHECK_EQ(apm_archive_read_dword(in, &number), APM_ARCHIVE_NONE);
        CHECK_EQ(number, 42);
        CHECK_EQ(apm_archive_read_string(in, &text, NULL), APM_ARCHIVE_NONE);
        CHECK_STR(text, "gr\xc3\xbc\xc3\x9f");
        CHECK_EQ(apm_archive_read_blob(in, &blob, &size), APM_ARCHIVE_NONE);
        CHECK_EQ(size, 100000);
        apm_archive_free(text);
        apm_archive_free(blob);
    }
    CHECK_EQ(apm_archive_write_word(out, 1), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_close(out), APM_ARCHIVE_NONE);
    apm_blocking_socket_close(&client);
    CHECK_EQ(apm_archive_read_dword(in, &number), APM_ARCHIVE_SHORT_DATA);
    CHECK_EQ(apm_archive_close(in), APM_ARCHIVE_SHORT_DATA);
    free(large);
    finish();
}

TEST(file_reads_what_there_is_or_all_that_is_asked_for)
{
    apm_socket_file file;
    apm_archive_file for_archive;
    apm_archive *archive;
    char buffer[8];
    uint64_t length;
    size_t read;
    uint8_t byte;

    connect_pair();
    apm_socket_file_initialize(&file, &client, false);
    CHECK_SUCCESS(apm_socket_file_write(&file, "abc", 3));
    apm_socket_file_initialize(&file, &server, true);
    CHECK_SUCCESS(apm_socket_file_read(&file, buffer, sizeof buffer, &read));
    CHECK_EQ(read, 3);
    CHECK_EQ(apm_blocking_socket_send(&client, "defgh", 5, 0), 5);
    apm_blocking_socket_close(&client);
    apm_socket_file_initialize(&file, &server, false);
    CHECK_SUCCESS(apm_socket_file_read(&file, buffer, 4, &read));
    CHECK_EQ(read, 4);
    CHECK_SUCCESS(apm_socket_file_read(&file, buffer, 4, &read));
    CHECK_EQ(read, 1);
    CHECK_ERROR(apm_socket_file_read(&file, NULL, 4, &read), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_file_read(&file, buffer, 4, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_file_write(&file, NULL, 4), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_file_seek(&file, 0, 0), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_file_get_length(&file, &length), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_file_set_length(&file, 1), APM_ERROR_NOT_SUPPORTED);
    apm_socket_file_close(&file);
    CHECK_ERROR(apm_socket_file_read(&file, buffer, 4, &read), APM_ERROR_NOT_SOCKET);
    CHECK_ERROR(apm_socket_file_write(&file, buffer, 4), APM_ERROR_NOT_SOCKET);
    for_archive = apm_socket_file_archive_file(&file);
    CHECK_SUCCESS(apm_archive_create(&for_archive, APM_ARCHIVE_LOAD, 0, &archive));
    CHECK_EQ(apm_archive_read_byte(archive, &byte), APM_ARCHIVE_FILE);
    CHECK_ERROR(apm_archive_file_error(archive), APM_ERROR_NOT_SOCKET);
    apm_archive_abort(archive);
    finish();
}

LIBRARY_TEST_MAIN()
