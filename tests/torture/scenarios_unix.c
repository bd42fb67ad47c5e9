/*
 * Unix domain sockets, and descriptors that come and go.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "torture.h"

/* A listener at a path of the working directory, which is the one of temporary files. */
static void by_path(void)
{
    char path[32];
    apm_endpoint local;
    apm_socket listener;
    socket_pair pair;
    snprintf(path, sizeof path, "apm-torture-%d", (int)getpid());
    CHECK_EQ(chdir("/tmp"), 0);
    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_create(path, &local));
    unlink(path); /* what could not be removed is left */
    if (OK(apm_socket_create(APM_ADDRESS_FAMILY_UNIX, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_UNSPECIFIED,
                             &listener))) {
        if (OK(apm_socket_bind(listener, local)) && OK(apm_socket_listen(listener, 4)) &&
            torture_connect(listener, local, &pair) && torture_converse(pair.client, pair.server)) {
            torture_close(pair.client);
            torture_close(pair.server);
        }
        torture_close(listener);
    }
    unlink(path);
}

TORTURE(unix_domain_sockets_bear_every_failing_call, by_path)

/* -- Datagrams -- */

static bool open_datagrams(const char *path, apm_socket *socket, apm_endpoint *local)
{
    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_create(path, local));
    unlink(path);
    if (!OK(apm_socket_create(APM_ADDRESS_FAMILY_UNIX, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UNSPECIFIED, socket)))
        return false;
    if (OK(apm_socket_bind(*socket, *local)) && OK(apm_socket_set_receive_timeout(*socket, PATIENCE_MS)))
        return true;
    torture_close(*socket);
    return false;
}

/* Has the socket at the path receive until it has no room, by none of the library's sockets. */
static void fill(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(descriptor >= 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    while (sendto(descriptor, "", 1, MSG_DONTWAIT, (const struct sockaddr *)&address, sizeof address) == 1) {
    }
    close(descriptor);
}

static void datagrams_by_path(void)
{
    char paths[2][40];
    char bytes[8];
    size_t count;
    apm_socket one;
    apm_socket other;
    apm_endpoint one_local;
    apm_endpoint other_local;
    apm_endpoint remote;
    CHECK_EQ(chdir("/tmp"), 0);
    for (int i = 0; i < 2; i++)
        snprintf(paths[i], sizeof paths[i], "apm-torture-%d-%d", (int)getpid(), i);
    if (open_datagrams(paths[0], &one, &one_local)) {
        if (open_datagrams(paths[1], &other, &other_local)) {
            if (OK(apm_socket_send_to(one, "hello", 5, APM_SOCKET_FLAGS_NONE, other_local, &count)) &&
                OK(apm_socket_receive_from(other, bytes, sizeof bytes, APM_SOCKET_FLAGS_NONE, &remote, &count)))
                CHECK(count == 5 && apm_endpoint_equals(remote, one_local));
            fill(paths[1]);
            apm_error error = apm_socket_send_to(one, "hello", 5, APM_SOCKET_FLAGS_NONE, other_local, &count);
            if (error != APM_ERROR_WOULD_BLOCK)
                OK(error);
            torture_close(other);
        }
        torture_close(one);
    }
    unlink(paths[0]);
    unlink(paths[1]);
}

/* Behind the interruption is what is expected there: no room. */
TORTURE(datagrams_of_unix_domain_sockets_bear_every_failing_call, datagrams_by_path,
        .borne = "apm__os_socket_send_to_path:EINTR")

/* -- Descriptors -- */

/* Makes a socket of the library of one end of a pair; the other end is closed if that fails, too. */
static bool adopt(int descriptor, apm_socket *socket)
{
    if (OK(apm_socket_create_from_handle(descriptor, socket)))
        return true;
    close(descriptor);
    return false;
}

static void hand_over(void)
{
    int ends[2];
    int others[2];
    socket_pair over = {APM_NULL_HANDLE, APM_NULL_HANDLE};
    apm_socket handed;
    apm_socket taken;
    intptr_t handle;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, others), 0);
    bool has_client = adopt(ends[0], &over.client);
    bool has_server = adopt(ends[1], &over.server);
    if (has_client && has_server) {
        if (adopt(others[0], &handed)) {
            if (OK(apm_socket_duplicate_handle(handed, &handle)))
                close((int)handle);
            if (OK(apm_socket_hand_over(handed, over.client))) {
                OK(apm_socket_set_receive_timeout(over.server, PATIENCE_MS));
                if (OK(apm_socket_take_over(over.server, &taken)))
                    torture_close(taken);
            } else {
                torture_close(handed);
            }
        }
    } else {
        close(others[0]);
    }
    torture_close(over.client);
    torture_close(over.server);
    close(others[1]);
}

/* What is not known of a descriptor from elsewhere is taken as a new socket has it. */
TORTURE(sockets_that_are_handed_over_bear_every_failing_call, hand_over, .borne = "apm__os_socket_option")
