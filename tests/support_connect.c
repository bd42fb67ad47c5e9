/*
 * Addresses of the test's own network at which somebody listens, or nobody answers; and what the system is connecting.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

static socklen_t to_system(apm_endpoint endpoint, struct sockaddr_storage *storage)
{
    struct sockaddr_in *four = (struct sockaddr_in *)storage;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)storage;

    memset(storage, 0, sizeof *storage);
    if (endpoint.address.family == APM_ADDRESS_FAMILY_INTER_NETWORK) {
        four->sin_family = AF_INET;
        four->sin_port = htons(endpoint.port);
        memcpy(&four->sin_addr, endpoint.address.bytes, 4);
        return sizeof *four;
    }
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(endpoint.port);
    memcpy(&six->sin6_addr, endpoint.address.bytes, 16);
    return sizeof *six;
}

int raw_listen_at(const char *address, uint16_t *port, int backlog)
{
    struct sockaddr_storage storage;
    apm_endpoint endpoint = {.address = address_of(address), .port = *port};
    socklen_t size = to_system(endpoint, &storage);
    int listener = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;

    CHECK(listener >= 0);
    if (storage.ss_family == AF_INET6) {
        CHECK_EQ(setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), 0);
    }
    CHECK_EQ(bind(listener, (struct sockaddr *)&storage, size), 0);
    CHECK_EQ(listen(listener, backlog), 0);
    CHECK_EQ(getsockname(listener, (struct sockaddr *)&storage, &size), 0);
    *port = ntohs(storage.ss_family == AF_INET ? ((struct sockaddr_in *)&storage)->sin_port
                                               : ((struct sockaddr_in6 *)&storage)->sin6_port);
    return listener;
}

struct black_hole black_hole_create(const char *address, uint16_t *port)
{
    struct black_hole hole = {.listener = raw_listen_at(address, port, 0)};
    struct sockaddr_storage storage;
    apm_endpoint endpoint = {.address = address_of(address), .port = *port};
    socklen_t size = to_system(endpoint, &storage);

    hole.filler = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(hole.filler >= 0);
    CHECK_EQ(connect(hole.filler, (struct sockaddr *)&storage, size), 0);
    return hole;
}

void black_hole_open(struct black_hole *hole)
{
    int accepted = accept(hole->listener, NULL, NULL);

    CHECK(accepted >= 0);
    raw_close(accepted);
}

void black_hole_close(struct black_hole *hole)
{
    raw_close(hole->filler);
    raw_close(hole->listener);
}

/* Counts the lines of a table of sockets whose state, the fourth column, is SYN_SENT. */
static size_t count_in_table(const char *path)
{
    FILE *table = fopen(path, "re");
    char line[512];
    size_t count = 0;

    CHECK(table != NULL);
    while (fgets(line, sizeof line, table) != NULL) {
        char state[8];

        if (sscanf(line, "%*s %*s %*s %7s", state) == 1 && strcmp(state, "02") == 0) {
            count++;
        }
    }
    CHECK_EQ(fclose(table), 0);
    return count;
}

size_t connects_in_progress(void)
{
    return count_in_table("/proc/self/net/tcp") + count_in_table("/proc/self/net/tcp6");
}

void await_connects_in_progress(size_t count)
{
    int64_t end_ms = harness_now_ms() + PATIENCE_MS;

    while (connects_in_progress() != count) {
        CHECK(harness_now_ms() < end_ms);
        poll(NULL, 0, 1); /* nothing reports it */
    }
}

apm_error tcp_connect(apm_socket socket, apm_endpoint remote)
{
    struct operation connect;

    CHECK_SUCCESS(apm_socket_begin_connect(socket, remote, ON_CALLBACK(&connect)));
    return finish_connect(socket, &connect);
}

void check_unconnected_and_close(apm_socket socket)
{
    CHECK(!apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
}

void connect_scene_begin(struct connect_scene *scene, const char *host, uint16_t port)
{
    scene->descriptors = harness_open_descriptors();
    CHECK_SUCCESS(apm_socket_begin_connect_host(scene->socket, host, port, ON_COMPLETION(&scene->connect)));
}

void connect_scene_check_no_attempt_left(const struct connect_scene *scene)
{
    CHECK_EQ(harness_open_descriptors(), scene->descriptors);
    await_connects_in_progress(0);
}
