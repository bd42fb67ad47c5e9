/*
 * Files beyond 4 GiB: a range across that place, and a file as large as APM_TEST_SCALE allows. They are sparse.
 */
#include <stdlib.h>
#include <string.h>
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

enum { MARK_SIZE = 64, MARKS = 7 };

/* Where a file of that size has marks: at both ends, and across the places where counts of some size end. */
static uint64_t mark_place(uint64_t size, size_t index)
{
    const uint64_t places[MARKS] = {0,
                                    mebibyte - MARK_SIZE / 2,
                                    16 * mebibyte + 1,
                                    2048 * mebibyte - MARK_SIZE / 2,
                                    4095 * mebibyte + 7,
                                    4096 * mebibyte - MARK_SIZE / 2,
                                    size - MARK_SIZE};

    return places[index];
}

static void write_marks(int file, uint64_t size)
{
    for (size_t i = 0; i < MARKS; i++) {
        uint64_t place = mark_place(size, i);
        uint8_t mark[MARK_SIZE];

        pattern_fill(mark, sizeof mark, place);
        if (place + MARK_SIZE <= size) {
            CHECK_EQ(pwrite(file, mark, sizeof mark, (off_t)place), MARK_SIZE);
        }
    }
}

/* Reads the file from the connection: zeros, but for the marks, each in its place. */
static void read_marked(int peer, uint64_t size)
{
    static uint8_t block[1 << 20];
    uint64_t at = 0;

    while (at < size) {
        uint64_t left = size - at;
        size_t count = left < sizeof block ? (size_t)left : sizeof block;

        raw_read_exactly(peer, block, count);
        for (size_t i = 0; i < MARKS; i++) {
            uint64_t place = mark_place(size, i);
            uint8_t mark[MARK_SIZE];

            if (place + MARK_SIZE > size || place + MARK_SIZE <= at || place >= at + count) {
                continue;
            }
            pattern_fill(mark, sizeof mark, place);
            size_t from = place < at ? (size_t)(at - place) : 0;
            size_t to = place + MARK_SIZE > at + count ? (size_t)(at + count - place) : MARK_SIZE;
            CHECK_EQ(memcmp(block + (place + from - at), mark + from, to - from), 0);
            memset(block + (place + from - at), 0, to - from);
        }
        CHECK_EQ(block[0], 0);
        CHECK_EQ(memcmp(block, block + 1, count - 1), 0);
        at += count;
    }
}

static void send_range(int file, apm_file_range range, uint64_t expected)
{
    peered_socket pair = peered_socket_create();
    struct operation send;
    uint64_t sent = 0;

    CHECK_SUCCESS(apm_socket_begin_send_file_descriptor(pair.socket, file, range, ON_CALLBACK(&send)));
    if (range.offset == 0) {
        read_marked(pair.peer, expected);
    } else {
        raw_read_zeros(pair.peer, expected);
    }
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
    write_marks(file, size);
    send_range(file, whole, size);
    close(file);
}

LIBRARY_TEST_MAIN()
