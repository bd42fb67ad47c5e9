/*
 * Unix domain sockets, and descriptors that come and go.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
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
    if (adopt(ends[0], &over.client) & adopt(ends[1], &over.server)) {
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
