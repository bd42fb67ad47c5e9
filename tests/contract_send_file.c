/*
 * Sending files: what arrives, in which order among other sends, files that change meanwhile, what ends early.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

/* A file for one test, in a directory of its own. */
struct file {
    char folder[32];
    char name[48];
};

static void file_remove(const struct file *file)
{
    CHECK_EQ(unlink(file->name), 0);
    CHECK_EQ(rmdir(file->folder), 0);
}

/* A file of that size: zeros that take no room on the disk, and at its head the pattern, at most a mebibyte of it. */
static struct file file_create(uint64_t size)
{
    static const char template[] = "/tmp/apm-send-file-XXXXXX";
    struct file file;
    size_t head = size < (1 << 20) ? (size_t)size : 1 << 20;
    uint8_t *pattern = malloc(head + 1);

    memcpy(file.folder, template, sizeof template);
    CHECK(mkdtemp(file.folder) != NULL);
    snprintf(file.name, sizeof file.name, "%s/file", file.folder);
    int descriptor = open(file.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(descriptor >= 0);
    pattern_fill(pattern, head, 0);
    CHECK_EQ(write(descriptor, pattern, head), (ssize_t)head);
    CHECK_EQ(ftruncate(descriptor, (off_t)size), 0);
    CHECK_EQ(close(descriptor), 0);
    free(pattern);
    return file;
}

static void file_resize(const struct file *file, uint64_t size)
{
    CHECK_EQ(truncate(file->name, (off_t)size), 0);
}

static apm_error finish_file(apm_socket socket, struct operation *operation, uint64_t *sent)
{
    AWAIT(operation);
    return apm_socket_end_send_file(socket, operation->result, sent);
}

/* Reads the bytes that a file has from `offset` on, all of them in the pattern. */
static void read_pattern(int peer, size_t size, uint64_t offset)
{
    uint8_t *bytes = malloc(size);

    raw_read_exactly(peer, bytes, size);
    pattern_check(bytes, size, offset);
    free(bytes);
}

enum { BIG = 64 << 20 };

static void die_of_broken_pipes(void)
{
    const struct sigaction by_default = {.sa_handler = SIG_DFL};

    CHECK_EQ(sigaction(SIGPIPE, &by_default, NULL), 0);
}

/* -- What arrives ------------------------------------------------------------------------------------------------ */

CONTRACT_TEST(a_file_arrives_whole_and_end_says_how_many_bytes_went)
{
    enum { SIZE = 700001 };
    peered_socket pair = peered_socket_create();
    struct file file = file_create(SIZE);
    struct operation send;
    uint64_t sent = 0;

    CHECK_SUCCESS(apm_socket_begin_send_file(pair.socket, file.name, ON_COMPLETION(&send)));
    read_pattern(pair.peer, SIZE, 0);
    CHECK_SUCCESS(finish_file(pair.socket, &send, &sent));
    CHECK_EQ(sent, SIZE);
    file_remove(&file);
    peered_socket_close(pair);
}

CONTRACT_TEST(the_parts_of_a_file_and_other_sends_are_contiguous_in_the_order_begun)
{
    enum { SIZE = 300000 };
    peered_socket pair = peered_socket_create();
    struct file file = file_create(SIZE);
    struct operation sends[4];
    char text[5];
    const apm_file_range range = {100000, 50000};
    uint64_t sent = 0;

    CHECK_SUCCESS(apm_socket_set_send_buffer_size(pair.socket, 30001));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, "<", 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&sends[0])));
    CHECK_SUCCESS(
        apm_socket_begin_send_file_with_buffers(pair.socket, file.name, "ab", 2, "cd", 2, 0, ON_COMPLETION(&sends[1])));
    CHECK_SUCCESS(apm_socket_begin_send_file_range(pair.socket, file.name, range, ON_COMPLETION(&sends[2])));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, ">", 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&sends[3])));
    CHECK_PENDING(&sends[3]);
    raw_read_exactly(pair.peer, text, 3);
    CHECK_EQ(memcmp(text, "<ab", 3), 0);
    read_pattern(pair.peer, SIZE, 0);
    raw_read_exactly(pair.peer, text, 2);
    CHECK_EQ(memcmp(text, "cd", 2), 0);
    read_pattern(pair.peer, 50000, 100000);
    raw_read_exactly(pair.peer, text, 1);
    CHECK_EQ(text[0], '>');
    CHECK_SUCCESS(finish_send(pair.socket, &sends[0], NULL));
    CHECK_SUCCESS(finish_file(pair.socket, &sends[1], &sent));
    CHECK_EQ(sent, SIZE + 4);
    CHECK_SUCCESS(finish_file(pair.socket, &sends[2], &sent));
    CHECK_EQ(sent, 50000);
    CHECK_SUCCESS(finish_send(pair.socket, &sends[3], NULL));
    file_remove(&file);
    peered_socket_close(pair);
}

CONTRACT_TEST(a_range_ends_with_the_file_and_may_lie_behind_it)
{
    peered_socket pair = peered_socket_create();
    struct file file = file_create(1000);
    const apm_file_range ranges[] = {{900, 500}, {990, APM_FILE_RANGE_TO_END}, {1000, 1}, {UINT64_MAX, UINT64_MAX}};
    const uint64_t counts[] = {100, 10, 0, 0};

    for (size_t i = 0; i < 4; i++) {
        struct operation send;
        uint64_t sent = 99;

        CHECK_SUCCESS(apm_socket_begin_send_file_range(pair.socket, file.name, ranges[i], ON_COMPLETION(&send)));
        CHECK_SUCCESS(finish_file(pair.socket, &send, &sent));
        CHECK_EQ(sent, counts[i]);
    }
    read_pattern(pair.peer, 100, 900);
    read_pattern(pair.peer, 10, 990);
    file_remove(&file);
    peered_socket_close(pair);
}

CONTRACT_TEST(a_descriptor_may_be_closed_after_begin_and_is_not_moved)
{
    peered_socket pair = peered_socket_create();
    struct file file = file_create(BIG);
    const apm_file_range range = {10, 1000};
    const apm_file_range rest = {0, APM_FILE_RANGE_TO_END};
    struct operation send;
    uint64_t sent;
    int descriptor = open(file.name, O_RDONLY | O_CLOEXEC);

    CHECK_EQ(lseek(descriptor, 77, SEEK_SET), 77);
    CHECK_SUCCESS(apm_socket_begin_send_file_descriptor(pair.socket, descriptor, range, ON_COMPLETION(&send)));
    CHECK_SUCCESS(finish_file(pair.socket, &send, &sent));
    CHECK_EQ(sent, 1000);
    CHECK_EQ(lseek(descriptor, 0, SEEK_CUR), 77);
    read_pattern(pair.peer, 1000, 10);

    CHECK_SUCCESS(apm_socket_begin_send_file_descriptor(pair.socket, descriptor, rest, ON_COMPLETION(&send)));
    CHECK_EQ(close(descriptor), 0);
    read_pattern(pair.peer, 1 << 20, 0);
    raw_read_zeros(pair.peer, BIG - (1 << 20));
    CHECK_SUCCESS(finish_file(pair.socket, &send, &sent));
    CHECK_EQ(sent, BIG);
    file_remove(&file);
    peered_socket_close(pair);
}

/* -- Files that change ------------------------------------------------------------------------------------------- */

CONTRACT_TEST(of_a_file_that_becomes_shorter_what_is_left_is_sent)
{
    enum { LEFT = 20 << 20 };
    peered_socket pair = peered_socket_create();
    struct file file = file_create(BIG);
    struct operation send;
    uint64_t sent;
    char text[3];

    CHECK_SUCCESS(
        apm_socket_begin_send_file_with_buffers(pair.socket, file.name, NULL, 0, "end", 3, 0, ON_COMPLETION(&send)));
    CHECK_PENDING(&send);
    file_resize(&file, LEFT);
    read_pattern(pair.peer, 1 << 20, 0);
    raw_read_zeros(pair.peer, LEFT - (1 << 20));
    raw_read_exactly(pair.peer, text, 3);
    CHECK_EQ(memcmp(text, "end", 3), 0);
    CHECK_SUCCESS(finish_file(pair.socket, &send, &sent));
    CHECK_EQ(sent, LEFT + 3);
    file_remove(&file);
    peered_socket_close(pair);
}

CONTRACT_TEST(what_a_file_gains_meanwhile_is_not_sent)
{
    peered_socket pair = peered_socket_create();
    struct file file = file_create(BIG);
    struct operation send;
    uint64_t sent;

    CHECK_SUCCESS(apm_socket_begin_send_file(pair.socket, file.name, ON_COMPLETION(&send)));
    CHECK_PENDING(&send);
    file_resize(&file, BIG + 5000);
    read_pattern(pair.peer, 1 << 20, 0);
    raw_read_zeros(pair.peer, BIG - (1 << 20));
    CHECK_SUCCESS(finish_file(pair.socket, &send, &sent));
    CHECK_EQ(sent, BIG);
    file_remove(&file);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

CONTRACT_TEST(a_file_that_is_removed_meanwhile_is_sent_all_the_same)
{
    peered_socket pair = peered_socket_create();
    struct file file = file_create(BIG);
    struct operation send;

    CHECK_SUCCESS(apm_socket_begin_send_file(pair.socket, file.name, ON_COMPLETION(&send)));
    file_remove(&file);
    read_pattern(pair.peer, 1 << 20, 0);
    raw_read_zeros(pair.peer, BIG - (1 << 20));
    CHECK_SUCCESS(finish_file(pair.socket, &send, NULL));
    peered_socket_close(pair);
}

/* -- Early ends -------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(cancelling_a_file_after_some_of_its_bytes_says_how_many_went_and_ends_the_stream)
{
    peered_socket pair = peered_socket_create();
    struct file file = file_create(BIG);
    struct operation send;
    struct operation behind;
    uint64_t sent = 0;

    CHECK_SUCCESS(apm_socket_begin_send_file(pair.socket, file.name, ON_COMPLETION(&send)));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, "x", 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&behind)));
    CHECK_PENDING(&send);
    CHECK_SUCCESS(apm_async_result_cancel(send.result));
    CHECK_ERROR(finish_file(pair.socket, &send, &sent), APM_ERROR_OPERATION_ABORTED);
    CHECK(sent > 0 && sent < BIG);
    CHECK_ERROR(finish_send(pair.socket, &behind, NULL), APM_ERROR_SHUTDOWN);
    file_remove(&file);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK(raw_read_to_end(pair.peer).reset);
    raw_close(pair.peer);
}

CONTRACT_TEST(close_and_a_reset_by_the_peer_end_a_file)
{
    struct file file = file_create(BIG);
    struct operation send;

    for (int i = 0; i < 2; i++) {
        peered_socket pair = peered_socket_create();

        CHECK_SUCCESS(apm_socket_begin_send_file(pair.socket, file.name, ON_COMPLETION(&send)));
        CHECK_PENDING(&send);
        if (i == 0) {
            CHECK_SUCCESS(apm_socket_close(pair.socket));
            raw_close(pair.peer);
        } else {
            raw_reset(pair.peer);
        }
        CHECK_ERROR(finish_file(pair.socket, &send, NULL),
                    i == 0 ? APM_ERROR_OPERATION_ABORTED : APM_ERROR_CONNECTION_RESET);
        CHECK_SUCCESS(apm_socket_close(pair.socket));
    }
    file_remove(&file);
}

CONTRACT_TEST(a_file_on_a_broken_connection_raises_no_signal)
{
    peered_socket pair = peered_socket_create();
    struct file file = file_create(1000);
    struct operation send;
    sigset_t pending;

    die_of_broken_pipes();
    raw_reset(pair.peer);
    for (int i = 0; i < 2; i++) {
        /* The first meets the reset, which ends the connection for the second, or the one after. */
        apm_error begun = apm_socket_begin_send_file(pair.socket, file.name, ON_COMPLETION(&send));
        if (begun == APM_ERROR_SUCCESS)
            CHECK(finish_file(pair.socket, &send, NULL) != APM_ERROR_SUCCESS);
        else
            CHECK_ERROR(begun, APM_ERROR_NOT_SUPPORTED);
    }
    CHECK_EQ(sigpending(&pending), 0);
    CHECK_EQ(sigismember(&pending, SIGPIPE), 0);
    file_remove(&file);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

/* The second of two files is performed on the thread of the shutdown, where EPIPE is met. */
/*
 * The reset that answers the first part comes while the system sends the next: the call has sent something, and has
 * raised the signal all the same.
 */
CONTRACT_TEST(a_file_whose_connection_breaks_after_its_first_part_raises_no_signal)
{
    enum { SIZE = 1 << 20 };
    struct file file = file_create(SIZE);

    die_of_broken_pipes();
    for (int i = 0; i < 20; i++) {
        peered_socket pair = peered_socket_create();
        struct operation send;
        uint64_t sent = SIZE + 1;
        bool ended = false;

        raw_close(pair.peer);
        CHECK_SUCCESS(apm_socket_poll(pair.socket, PATIENCE_MS * 1000, APM_SELECT_MODE_SELECT_READ, &ended));
        CHECK(ended);
        CHECK_SUCCESS(apm_socket_begin_send_file(pair.socket, file.name, ON_COMPLETION(&send)));
        CHECK(finish_file(pair.socket, &send, &sent) != APM_ERROR_SUCCESS);
        CHECK(sent < SIZE);
        CHECK_SUCCESS(apm_socket_close(pair.socket));
    }
    file_remove(&file);
}

CONTRACT_TEST(shutdown_ends_a_pending_file_with_shutdown_and_raises_no_signal)
{
    peered_socket pair = peered_socket_create();
    struct file file = file_create(BIG);
    struct operation send;

    die_of_broken_pipes();
    CHECK_SUCCESS(apm_socket_begin_send_file(pair.socket, file.name, ON_COMPLETION(&send)));
    CHECK_PENDING(&send);
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_SEND));
    CHECK_ERROR(finish_file(pair.socket, &send, NULL), APM_ERROR_SHUTDOWN);
    file_remove(&file);
    peered_socket_close(pair);
}

/* -- Options ----------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(the_option_disconnect_ends_the_connection_after_the_last_byte)
{
    peered_socket pair = peered_socket_create();
    struct file file = file_create(5000);
    struct operation send;
    uint64_t sent;

    CHECK_SUCCESS(apm_socket_begin_send_file_with_buffers(pair.socket, file.name, NULL, 0, NULL, 0,
                                                          APM_TRANSMIT_FILE_OPTIONS_DISCONNECT, ON_COMPLETION(&send)));
    CHECK_SUCCESS(finish_file(pair.socket, &send, &sent));
    CHECK_EQ(sent, 5000);
    CHECK(!apm_socket_connected(pair.socket));
    CHECK_ORDERLY_END(pair.peer, 5000);
    file_remove(&file);
    peered_socket_close(pair);
}

CONTRACT_TEST(the_option_reuse_socket_lets_receives_end_and_the_socket_connect_again)
{
    peered_socket pair = peered_socket_create();
    struct file file = file_create(5000);
    struct operation receive;
    struct operation send;
    struct operation connect;
    apm_endpoint local;
    uint8_t byte;
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_socket_begin_send_file_with_buffers(
        pair.socket, file.name, NULL, 0, NULL, 0, APM_TRANSMIT_FILE_OPTIONS_REUSE_SOCKET, ON_COMPLETION(&send)));
    CHECK_SUCCESS(finish_file(pair.socket, &send, NULL));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 0);
    CHECK_ORDERLY_END(pair.peer, 5000);
    int listener = raw_listen(1, &local);
    CHECK_SUCCESS(apm_socket_begin_connect(pair.socket, local, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(finish_connect(pair.socket, &connect));
    raw_close(listener);
    file_remove(&file);
    peered_socket_close(pair);
}

/* -- What is refused --------------------------------------------------------------------------------------------- */

CONTRACT_TEST(what_cannot_be_sent_is_refused_by_begin)
{
    static char too_long[5000];
    peered_socket pair = peered_socket_create();
    struct file file = file_create(10);
    const apm_file_range all = {0, APM_FILE_RANGE_TO_END};
    apm_socket unconnected = tcp_create();
    struct operation send;
    int pipe_ends[2];
    char name[80];

    memset(too_long, 'a', sizeof too_long - 1);
    CHECK_ERROR(apm_socket_begin_send_file(unconnected, "/no/such/file", ON_COMPLETION(&send)),
                APM_ERROR_NOT_SUPPORTED);
    CHECK(apm_async_result_is_null(send.result));
    CHECK_ERROR(apm_socket_begin_send_file(pair.socket, "/no/such/file", ON_COMPLETION(&send)),
                APM_ERROR_FILE_NOT_FOUND);
    CHECK(apm_async_result_is_null(send.result));
    snprintf(name, sizeof name, "%s/in-a-file", file.name);
    CHECK_ERROR(apm_socket_begin_send_file(pair.socket, name, ON_COMPLETION(&send)), APM_ERROR_FILE_NOT_FOUND);
    CHECK_ERROR(apm_socket_begin_send_file(pair.socket, "", ON_COMPLETION(&send)), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_begin_send_file(pair.socket, too_long, ON_COMPLETION(&send)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_send_file(pair.socket, file.folder, ON_COMPLETION(&send)), APM_ERROR_ACCESS_DENIED);
    CHECK_ERROR(apm_socket_begin_send_file_range(pair.socket, NULL, all, ON_COMPLETION(&send)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(
        apm_socket_begin_send_file_with_buffers(pair.socket, file.name, NULL, 1, NULL, 0, 0, ON_COMPLETION(&send)),
        APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(
        apm_socket_begin_send_file_with_buffers(pair.socket, file.name, "", 0, "", SIZE_MAX, 0, ON_COMPLETION(&send)),
        APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_send_file_descriptor(pair.socket, -1, all, ON_COMPLETION(&send)), APM_ERROR_ARGUMENT);
    CHECK_EQ(pipe(pipe_ends), 0);
    CHECK_ERROR(apm_socket_begin_send_file_descriptor(pair.socket, pipe_ends[0], all, ON_COMPLETION(&send)),
                APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_begin_send_file_descriptor(pair.socket, pipe_ends[1], all, ON_COMPLETION(&send)),
                APM_ERROR_ACCESS_DENIED);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    snprintf(name, sizeof name, "%s/fifo", file.folder);
    CHECK_EQ(mkfifo(name, 0600), 0);
    CHECK_ERROR(apm_socket_begin_send_file(pair.socket, name, ON_COMPLETION(&send)), APM_ERROR_NOT_SUPPORTED);
    CHECK_EQ(unlink(name), 0);
    CHECK_SUCCESS(apm_socket_close(unconnected));
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(apm_socket_begin_send_file(pair.socket, file.name, ON_COMPLETION(&send)), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
    file_remove(&file);
}

CONTRACT_TEST(the_synchronous_twins_send_files_and_keep_the_time_out)
{
    peered_socket pair = peered_socket_create();
    struct file file = file_create(BIG);
    const apm_file_range range = {5, 10};
    uint64_t sent = 99;
    char text[4];

    CHECK_SUCCESS(apm_socket_send_file_range(pair.socket, file.name, range, &sent));
    CHECK_EQ(sent, 10);
    read_pattern(pair.peer, 10, 5);
    CHECK_SUCCESS(apm_socket_send_file_with_buffers(pair.socket, NULL, "ab", 2, "cd", 2, 0, &sent));
    CHECK_EQ(sent, 4);
    raw_read_exactly(pair.peer, text, 4);
    CHECK_EQ(memcmp(text, "abcd", 4), 0);
    CHECK_ERROR(apm_socket_send_file_with_buffers(pair.socket, file.name, NULL, 0, NULL, 0,
                                                  APM_TRANSMIT_FILE_OPTIONS_DISCONNECT, &sent),
                APM_ERROR_NOT_SUPPORTED);
    CHECK_EQ(sent, 0);
    CHECK_SUCCESS(apm_socket_set_send_timeout(pair.socket, 20));
    CHECK_ERROR(apm_socket_send_file(pair.socket, file.name, &sent), APM_ERROR_TIMED_OUT);
    CHECK(sent > 0 && sent < BIG);
    file_remove(&file);
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
