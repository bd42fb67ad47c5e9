/*
 * Receives and sends of several buffers, and files that are sent, by POSIX. Any thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os.h"
#include "os_posix_error.h"
#include "os_posix_flags.h"
#include "os_posix_system_call.h"

/* -- Several buffers -- */

/* A segment is what the system wants to see, so a list of them is passed as it is. */
_Static_assert(sizeof(apm_array_segment) == sizeof(struct iovec), "the same size");
_Static_assert(offsetof(apm_array_segment, buffer) == offsetof(struct iovec, iov_base), "the same place");
_Static_assert(offsetof(apm_array_segment, size) == offsetof(struct iovec, iov_len), "the same place");
#ifdef IOV_MAX
_Static_assert(APM__OS_SEGMENT_LIMIT <= IOV_MAX, "the system takes as many");
#endif

/* The raw calls where there are such: see os_posix_system_call.h. */
#if defined(SYS_recvmsg) && defined(SYS_sendmsg) && !defined(__SANITIZE_THREAD__)

static ssize_t call_receive(int socket, struct msghdr *message, int flags)
{
    return syscall(SYS_recvmsg, socket, message, flags);
}

static ssize_t call_send(int socket, const struct msghdr *message, int flags)
{
    return syscall(SYS_sendmsg, socket, message, flags);
}

#else

static ssize_t call_receive(int socket, struct msghdr *message, int flags)
{
    return recvmsg(socket, message, flags);
}

static ssize_t call_send(int socket, const struct msghdr *message, int flags)
{
    return sendmsg(socket, message, flags);
}

#endif

static struct msghdr message_of(const apm_array_segment *segments, size_t count)
{
    return (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)segments, .msg_iovlen = count};
}

apm_error apm__os_socket_receive_segments(apm__os_socket socket, const apm_array_segment *segments, size_t count,
                                          int flags, size_t *received)
{
    int system_flags;
    *received = 0;
    if (!apm__os_flags_to_system(flags, &system_flags))
        return apm__os_translate(EOPNOTSUPP);
    struct msghdr message = message_of(segments, count);
    ssize_t size;
    do
        size = call_receive(socket, &message, system_flags);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return apm__os_translate(errno);
    *received = (size_t)size;
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_send_segments(apm__os_socket socket, const apm_array_segment *segments, size_t count,
                                       int flags, size_t *sent)
{
    int system_flags;
    *sent = 0;
    if (!apm__os_flags_to_system(flags, &system_flags))
        return apm__os_translate(EOPNOTSUPP);
    const struct msghdr message = message_of(segments, count);
    ssize_t size;
    do
        size = call_send(socket, &message, system_flags | MSG_NOSIGNAL);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return apm__os_translate(errno);
    *sent = (size_t)size;
    return APM_ERROR_SUCCESS;
}

/* -- Files -- */

/* Keeps a descriptor that is a file of the right kind, and closes any other. */
static apm_error keep(int descriptor, apm__os_file *file)
{
    struct stat status;
    apm_error error = apm__os_outcome(fstat(descriptor, &status));
    if (error == APM_ERROR_SUCCESS && S_ISDIR(status.st_mode))
        error = APM_ERROR_ACCESS_DENIED; /* as .NET says */
    else if (error == APM_ERROR_SUCCESS && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)))
        error = APM_ERROR_NOT_SUPPORTED;
    else if (error == APM_ERROR_SUCCESS && lseek(descriptor, 0, SEEK_CUR) < 0)
        error = APM_ERROR_NOT_SUPPORTED;
    if (error == APM_ERROR_SUCCESS)
        *file = descriptor;
    else
        system_close(descriptor);
    return error;
}

apm_error apm__os_file_open_to_send(const char *name, apm__os_file *file)
{
    *file = APM__OS_NO_FILE;
    int descriptor;
    do /* a FIFO is not waited for */
        descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (descriptor < 0 && errno == EINTR);
    if (descriptor >= 0)
        return keep(descriptor, file);
    apm_error error = apm__os_translate(errno);
    switch (apm__os_native_error()) {
    case ENOENT:
    case ENOTDIR: return APM_ERROR_FILE_NOT_FOUND;
    case ENAMETOOLONG: return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    case ENXIO: return APM_ERROR_NOT_SUPPORTED; /* a socket's file */
    default: return error;
    }
}

apm_error apm__os_file_duplicate_to_send(int descriptor, apm__os_file *file)
{
    *file = APM__OS_NO_FILE;
    int mode = fcntl(descriptor, F_GETFL);
    if (mode < 0) {
        apm_error error = apm__os_translate(errno);
        return apm__os_native_error() == EBADF ? APM_ERROR_ARGUMENT : error;
    }
    if ((mode & O_ACCMODE) == O_WRONLY) {
        apm__os_set_native_error(0);
        return APM_ERROR_ACCESS_DENIED;
    }
    int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? apm__os_translate(errno) : keep(copy, file);
}

apm_error apm__os_socket_send_file_copy(apm__os_socket socket, apm__os_file file, uint64_t offset, size_t count,
                                        size_t *sent)
{
    unsigned char bytes[16384]; /* what the socket does not take is read again */
    *sent = 0;
    ssize_t size;
    do
        size = pread(file, bytes, count < sizeof bytes ? count : sizeof bytes, (off_t)offset);
    while (size < 0 && errno == EINTR);
    if (size < 0) {
        apm_error error = apm__os_translate(errno);
        return error == APM_ERROR_WOULD_BLOCK ? APM_ERROR_SOCKET_ERROR : error; /* it is not the socket that waits */
    }
    if (size == 0)
        return APM_ERROR_SUCCESS;
    return apm__os_socket_send(socket, bytes, (size_t)size, 0, sent);
}
