/*
 * A network of the test's own, with routes on which connects fail in every way; and host files of its own.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A route to the loopback device for what is not local swallows packets: they come back and belong to nobody. */
static const char *const network_commands[] = {
    "ip link set lo up",
    "ip route add 203.0.113.0/24 dev lo",
    "ip route add unreachable 198.51.100.0/25",
    "ip route add prohibit 198.51.100.128/26",
    "ip route add blackhole 198.51.100.192/26",
    "ip -6 route add unreachable 2001:db8:1::/64",
};

static void write_file(const char *path, const char *text)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (descriptor < 0) {
        SKIP("%s cannot be written: %s", path, strerror(errno));
    }
    CHECK_EQ(write(descriptor, text, strlen(text)), strlen(text));
    CHECK_EQ(close(descriptor), 0);
}

void enter_private_network(void)
{
    if (unshare(CLONE_NEWNET) != 0) {
        SKIP("no network namespace can be made: %s", strerror(errno));
    }
    for (size_t i = 0; i < sizeof network_commands / sizeof network_commands[0]; i++) {
        if (system(network_commands[i]) != 0) {
            SKIP("the command failed: %s", network_commands[i]);
        }
    }
    write_file("/proc/sys/net/ipv4/tcp_syn_retries", "1");
}

/* Shows another file under `path`, to this process and its children only. */
static void replace_file(const char *path, const char *text)
{
    char temporary[] = "/tmp/apm_test_XXXXXX";
    int descriptor = mkstemp(temporary);

    CHECK(descriptor >= 0);
    CHECK_EQ(close(descriptor), 0);
    write_file(temporary, text);
    CHECK_EQ(chmod(temporary, 0644), 0);
    if (mount(temporary, path, NULL, MS_BIND, NULL) != 0) {
        unlink(temporary);
        SKIP("%s cannot be replaced: %s", path, strerror(errno));
    }
    CHECK_EQ(unlink(temporary), 0);
}

/* -- The name server's process ----------------------------------------------------------------------------------- */

static void answer_later(int server, const struct sockaddr_in *client, const uint8_t *answer, size_t size, int delay_ms)
{
    pid_t helper = fork();

    /* The delay is what the tests of slow answers are about. */
    if (helper == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        poll(NULL, 0, delay_ms);
        sendto(server, answer, size, 0, (const struct sockaddr *)client, sizeof *client);
        _exit(0);
    }
}

static int serve_names(void *argument)
{
    int server = *(int *)argument;
    struct sigaction ignored = {.sa_handler = SIG_IGN};

    sigaction(SIGCHLD, &ignored, NULL);
    for (;;) {
        uint8_t query[512];
        uint8_t answer[1024];
        struct sockaddr_in client;
        socklen_t client_size = sizeof client;
        int delay_ms = 0;
        ssize_t size = recvfrom(server, query, sizeof query, 0, (struct sockaddr *)&client, &client_size);
        size_t answer_size = size < 0 ? 0 : names_answer(query, (size_t)size, answer, sizeof answer, &delay_ms);

        if (answer_size > 0 && delay_ms > 0) {
            answer_later(server, &client, answer, answer_size, delay_ms);
        } else if (answer_size > 0) {
            sendto(server, answer, answer_size, 0, (struct sockaddr *)&client, client_size);
        }
    }
    return 0;
}

static void start_name_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};
    int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(server >= 0);
    CHECK_EQ(bind(server, (struct sockaddr *)&address, sizeof address), 0);

    /* The socket is bound before the child exists, so that the first query finds it. */
    fork_child(serve_names, &server);
    CHECK_EQ(close(server), 0);
}

void enter_private_network_with_names(void)
{
    enter_private_network();
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        SKIP("no mount namespace can be made: %s", strerror(errno));
    }
    replace_file("/etc/hosts", "127.0.0.1 localhost\n");
    replace_file("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:3 attempts:1\n");
    replace_file("/etc/nsswitch.conf", "hosts: files dns\n");
    start_name_server();
}
