/*
 * What the scenarios share: connections and conversations, each step of which may fail.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "torture.h"

void torture_close(apm_socket socket)
{
    if (!apm_socket_is_null(socket))
        OK(apm_socket_close(socket));
}

bool torture_listen(apm_socket *listener, apm_endpoint *local)
{
    if (!OK(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                              listener)))
        return false;
    if (OK(apm_socket_bind(*listener, loopback_endpoint(0))) && OK(apm_socket_listen(*listener, 8)) &&
        OK(apm_socket_local_endpoint(*listener, local)))
        return true;
    torture_close(*listener);
    return false;
}

bool torture_connect(apm_socket listener, apm_endpoint remote, socket_pair *pair)
{
    struct operation accept;
    struct operation connect;
    bool connected = false;
    *pair = (socket_pair){APM_NULL_HANDLE, APM_NULL_HANDLE};
    if (!OK(apm_socket_create(remote.address.family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_UNSPECIFIED,
                              &pair->client)))
        return false;
    if (!OK(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)))) {
        torture_close(pair->client);
        return false;
    }
    connected = OK(apm_socket_begin_connect(pair->client, remote, ON_COMPLETION(&connect))) &&
                OK(finish_connect(pair->client, &connect));
    if (!connected)
        OK(apm_async_result_cancel(accept.result));
    if (!OK(finish_accept(listener, &accept, &pair->server)) || !connected) {
        torture_close(pair->client);
        torture_close(pair->server);
        return false;
    }
    return true;
}

/* One side says something, and the other hears all of it. */
static bool say(apm_socket from, apm_socket to)
{
    struct operation send;
    struct operation receive;
    char heard[16] = "";
    size_t sent = 0;
    size_t received = 0;
    if (!OK(apm_socket_begin_receive(to, heard, sizeof heard, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive))))
        return false;
    bool said = OK(apm_socket_begin_send(from, "hello, world", 12, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send))) &&
                OK(finish_send(from, &send, &sent));
    if (!said)
        OK(apm_async_result_cancel(receive.result));
    if (!OK(finish_receive(to, &receive, &received)) || !said)
        return false;
    CHECK_EQ(sent, 12);
    CHECK_EQ(received, 12);
    CHECK(memcmp(heard, "hello, world", 12) == 0);
    return true;
}

bool torture_converse(apm_socket from, apm_socket to)
{
    for (int i = 0; i < 3; i++)
        if (!say(from, to) || !say(to, from)) {
            torture_close(from);
            torture_close(to);
            return false;
        }
    return true;
}

static char file_path[64];
static pid_t file_owner;

static void remove_file(void)
{
    if (getpid() == file_owner)
        unlink(file_path);
}

const char *torture_file(void)
{
    if (file_path[0] == '\0') {
        static uint8_t bytes[TORTURE_FILE_SIZE];
        snprintf(file_path, sizeof file_path, "/tmp/apm-torture-XXXXXX");
        int file = mkstemp(file_path);
        CHECK(file >= 0);
        file_owner = getpid();
        CHECK_EQ(atexit(remove_file), 0);
        pattern_fill(bytes, sizeof bytes, 0);
        CHECK_EQ(write(file, bytes, sizeof bytes), (ssize_t)sizeof bytes);
        close(file);
    }
    return file_path;
}
