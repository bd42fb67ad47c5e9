/*
 * What is sent otherwise than as one buffer: lists of buffers, and files.
 */
#include <errno.h>
#include <stdio.h>

#include "torture.h"

/* -- Buffers -- */

static void scattered(void)
{
    apm_socket listener;
    apm_endpoint local;
    socket_pair pair;
    char first[4];
    char second[8];
    char said[] = "abcdefgh";
    apm_array_segment out[] = {{said, 3}, {said + 3, 5}};
    apm_array_segment in[] = {{first, sizeof first}, {second, sizeof second}};
    size_t sent;
    size_t received;
    size_t available;
    if (!torture_listen(&listener, &local))
        return;
    if (torture_connect(listener, local, &pair)) {
        if (OK(apm_socket_send_buffers(pair.client, out, 2, APM_SOCKET_FLAGS_NONE, &sent)) &&
            OK(apm_socket_receive_buffers(pair.server, in, 2, APM_SOCKET_FLAGS_NONE, &received)))
            CHECK(received > 0);
        if (OK(apm_socket_send(pair.server, "x", 1, APM_SOCKET_FLAGS_NONE, NULL)) &&
            OK(apm_socket_receive(pair.client, first, 0, APM_SOCKET_FLAGS_NONE, NULL)) &&
            OK(apm_socket_available(pair.client, &available)))
            CHECK_EQ(available, 1);
        torture_close(pair.client);
        torture_close(pair.server);
    }
    torture_close(listener);
}

TORTURE(sends_and_receives_of_buffers_bear_every_failing_call, scattered)

/* -- Files -- */

static void send_a_file(void)
{
    static uint8_t bytes[TORTURE_FILE_SIZE + 16];
    apm_socket listener;
    apm_endpoint local;
    socket_pair pair;
    struct operation send;
    uint64_t sent = 0;
    if (!torture_listen(&listener, &local))
        return;
    if (torture_connect(listener, local, &pair)) {
        if (OK(apm_socket_begin_send_file_with_buffers(pair.client, torture_file(), "head", 4, "tail", 4,
                                                       APM_TRANSMIT_FILE_OPTIONS_USE_DEFAULT_WORKER_THREAD,
                                                       ON_COMPLETION(&send)))) {
            size_t total = 0;
            size_t received = 1;
            AWAIT(&send); /* it fits into the buffers of the connection */
            if (OK(apm_socket_end_send_file(pair.client, send.result, &sent))) {
                CHECK_EQ(sent, TORTURE_FILE_SIZE + 8);
                while (total < sent && received > 0 &&
                       OK(apm_socket_receive(pair.server, bytes + total, sizeof bytes - total, APM_SOCKET_FLAGS_NONE,
                                             &received)))
                    total += received;
                if (total == sent)
                    pattern_check(bytes + 4, TORTURE_FILE_SIZE, 0);
            }
        }
        torture_close(pair.client);
        torture_close(pair.server);
    }
    torture_close(listener);
}

TORTURE(sending_a_file_bears_every_failing_call, send_a_file)
TORTURE(sending_a_file_through_memory_bears_every_failing_call, send_a_file,
        .condition = {"apm__os_socket_send_file", "sendfile64", EINVAL})

TORTURE(sending_a_file_to_nobody_bears_every_failing_call, send_a_file,
        .condition = {"apm__os_socket_send_file", "sendfile64", EPIPE})

static void send_a_descriptor_and_a_range(void)
{
    apm_socket listener;
    apm_endpoint local;
    socket_pair pair;
    uint64_t sent;
    FILE *file = fopen(torture_file(), "r");
    CHECK(file);
    if (torture_listen(&listener, &local)) {
        if (torture_connect(listener, local, &pair)) {
            /* Of a connection that has been found broken nothing can be sent any more. */
            if (OK(apm_socket_send_file_descriptor(pair.client, fileno(file), (apm_file_range){100, 1000}, &sent)))
                OK(apm_socket_send_file_range(pair.client, torture_file(), (apm_file_range){19000, 1000}, &sent));
            torture_close(pair.client);
            torture_close(pair.server);
        }
        torture_close(listener);
    }
    fclose(file);
}

TORTURE(sending_parts_of_files_bears_every_failing_call, send_a_descriptor_and_a_range)
