/*
 * Descriptors that are handed over: another process, here the bytes of the input, sends over a unix domain socket what
 * it likes, any number of descriptors of any kind with any number of bytes. Taking over gives a socket or an error, and
 * no descriptor stays open.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

enum { MESSAGE_LIMIT = 8, DESCRIPTOR_LIMIT = 4, BYTE_LIMIT = 4 };

static size_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    FUZZ_CHECK(folder != NULL);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

/* A descriptor of some kind; the library can have those of sockets that it knows. */
static int open_something(uint8_t kind)
{
    switch (kind % 6) {
    case 0: return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case 1: return socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    case 2: return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case 3: return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    case 4: return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    default: return open("/dev/null", O_RDWR | O_CLOEXEC);
    }
}

/* Sends a message as the input says; what does not go through is nobody's loss. */
static void send_message(int over, struct fuzz_input *input)
{
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(DESCRIPTOR_LIMIT * sizeof(int))];
    } control;
    char data[BYTE_LIMIT] = {0};
    int descriptors[DESCRIPTOR_LIMIT];
    size_t count = fuzz_byte(input) % (DESCRIPTOR_LIMIT + 1);
    struct iovec bytes = {.iov_base = data, .iov_len = fuzz_byte(input) % (BYTE_LIMIT + 1)};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

    memset(&control, 0, sizeof control);
    for (size_t i = 0; i < count; i++) {
        descriptors[i] = open_something(fuzz_byte(input));
        FUZZ_CHECK(descriptors[i] >= 0);
    }
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
        CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
        CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), descriptors, count * sizeof(int));
    }
    (void)sendmsg(over, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    for (size_t i = 0; i < count; i++) {
        close(descriptors[i]);
    }
}

/* Takes one over; false if there is nothing left. */
static bool take_over(apm_socket over)
{
    apm_socket taken;
    apm_error error = apm_socket_take_over(over, &taken);

    FUZZ_CHECK((error == APM_ERROR_SUCCESS) != apm_socket_is_null(taken));
    switch ((int)error) {
    case APM_ERROR_SUCCESS: FUZZ_SUCCESS(apm_socket_close_and_wait(taken, 10000)); return true;
    case APM_ERROR_NO_DATA:
    case APM_ERROR_NOT_SOCKET:
    case APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED:
    case APM_ERROR_SOCKET_NOT_SUPPORTED: return true;
    case APM_ERROR_NOT_SUPPORTED: /* datagrams bring none */
    case APM_ERROR_NOT_CONNECTED:
    case APM_ERROR_WOULD_BLOCK: return false;
    default: FUZZ_SUCCESS(error); return false;
    }
}

/* Opens the descriptors that the library keeps for itself. */
static void start_library(void)
{
    apm_socket socket;

    FUZZ_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket));
    FUZZ_SUCCESS(apm_socket_close_and_wait(socket, 10000));
}

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    /* Of the others the library has no sockets. */
    static const int types[] = {SOCK_STREAM, SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    struct fuzz_input input = {bytes, size};
    int ends[2];
    apm_socket over;
    size_t before;

    start_library();
    before = count_descriptors();
    FUZZ_CHECK(socketpair(AF_UNIX, types[fuzz_byte(&input) % 5] | SOCK_CLOEXEC, 0, ends) == 0);
    if (apm_socket_create_from_handle(ends[1], &over) != APM_ERROR_SUCCESS) {
        close(ends[0]);
        close(ends[1]);
        return 0;
    }
    FUZZ_SUCCESS(apm_socket_set_blocking(over, false));
    for (size_t i = 0; i < MESSAGE_LIMIT && input.left > 0; i++) {
        send_message(ends[0], &input);
    }
    if (fuzz_byte(&input) % 2 == 0) {
        close(ends[0]);
        ends[0] = -1;
    }
    for (size_t i = 0; i < MESSAGE_LIMIT * (BYTE_LIMIT + 1) && take_over(over); i++) {}
    if (ends[0] >= 0) {
        close(ends[0]);
    }
    FUZZ_SUCCESS(apm_socket_close_and_wait(over, 10000));
    FUZZ_CHECK(count_descriptors() == before);
    return 0;
}
