/*
 * Files beyond 4 GiB: a range across that place, and a file as large as APM_TEST_SCALE allows. They are sparse.
 */
#include <stdlib.h>
#include <unistd.h>

#include "support.h"

static const uint64_t mebibyte = 1 << 20;

/* A file of that many zeros, open and without a name. */
static int create_file(uint64_t size)
{
    char name[] = "/tmp/apm-load-XXXXXX";
    int file = mkstemp(name);

    CHECK(file >= 0);
    CHECK_EQ(unlink(name), 0);
    CHECK_EQ(ftruncate(file, (off_t)size), 0);
    return file;
}

static void send_range(int file, apm_file_range range, uint64_t expected)
{
    peered_socket pair = peered_socket_create();
    struct operation send;
    uint64_t sent = 0;

    CHECK_SUCCESS(apm_socket_begin_send_file_descriptor(pair.socket, file, range, ON_CALLBACK(&send)));
    raw_read_zeros(pair.peer, expected);
    AWAIT(&send);
    CHECK_SUCCESS(apm_socket_end_send_file(pair.socket, send.result, &sent));
    CHECK_EQ(sent, expected);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

TEST_WITH_TIMEOUT(a_range_across_4_gib_arrives_whole, 120)
{
    uint64_t boundary = 4096 * mebibyte;
    int file = create_file(boundary + 8 * mebibyte);
    const apm_file_range range = {boundary - 8 * mebibyte, APM_FILE_RANGE_TO_END};
    const uint8_t mark = 0;

    CHECK_EQ(pwrite(file, &mark, 1, (off_t)boundary), 1);
    send_range(file, range, 16 * mebibyte);
    close(file);
}

/* 64 MiB as a rule; more than 4 GiB where the long tests are run. */
TEST_WITH_TIMEOUT(a_large_sparse_file_arrives_whole, 600)
{
    uint64_t size = (harness_scaled(1) >= 10 ? 4097 : 64) * mebibyte;
    const apm_file_range whole = {0, APM_FILE_RANGE_TO_END};

    int file = create_file(size);
    send_range(file, whole, size);
    close(file);
}

LIBRARY_TEST_MAIN()
