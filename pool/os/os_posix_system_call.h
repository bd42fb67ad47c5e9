/*
 * The system calls of the hot path, for the os_*.c files only.
 *
 * The C library's functions of these names are points at which a thread can be cancelled, which costs two atomic
 * steps a call, and would lose the locks and operations that the thread holds. The raw calls are no such points.
 * Where the library's function is what a tool looks at (ThreadSanitizer), or the raw call does not exist, the
 * function is used.
 */
#ifndef APM__OS_POSIX_SYSTEM_CALL_H
#define APM__OS_POSIX_SYSTEM_CALL_H

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(SYS_recvfrom) && defined(SYS_sendto) && defined(SYS_accept4) && defined(SYS_recvmmsg) && \
    defined(SYS_sendmmsg) && !defined(__SANITIZE_THREAD__)

static inline ssize_t system_receive(int socket, void *buffer, size_t size, int flags)
{
    return syscall(SYS_recvfrom, socket, buffer, size, flags, NULL, NULL);
}

static inline ssize_t system_send(int socket, const void *buffer, size_t size, int flags)
{
    return syscall(SYS_sendto, socket, buffer, size, flags, NULL, 0);
}

static inline ssize_t system_receive_message(int socket, struct msghdr *message, int flags)
{
    return syscall(SYS_recvmsg, socket, message, flags);
}

static inline ssize_t system_send_message(int socket, const struct msghdr *message, int flags)
{
    return syscall(SYS_sendmsg, socket, message, flags);
}

static inline ssize_t system_send_to(int socket, const void *buffer, size_t size, int flags,
                                     const struct sockaddr *address, socklen_t address_size)
{
    return syscall(SYS_sendto, socket, buffer, size, flags, address, address_size);
}

static inline int system_receive_messages(int socket, struct mmsghdr *messages, unsigned count, int flags)
{
    return (int)syscall(SYS_recvmmsg, socket, messages, count, flags, NULL);
}

static inline int system_send_messages(int socket, struct mmsghdr *messages, unsigned count, int flags)
{
    return (int)syscall(SYS_sendmmsg, socket, messages, count, flags);
}

static inline int system_accept(int socket)
{
    return (int)syscall(SYS_accept4, socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline void system_close(int descriptor)
{
    syscall(SYS_close, descriptor);
}

#else

static inline ssize_t system_receive(int socket, void *buffer, size_t size, int flags)
{
    return recv(socket, buffer, size, flags);
}

static inline ssize_t system_send(int socket, const void *buffer, size_t size, int flags)
{
    return send(socket, buffer, size, flags);
}

static inline ssize_t system_receive_message(int socket, struct msghdr *message, int flags)
{
    return recvmsg(socket, message, flags);
}

static inline ssize_t system_send_message(int socket, const struct msghdr *message, int flags)
{
    return sendmsg(socket, message, flags);
}

static inline ssize_t system_send_to(int socket, const void *buffer, size_t size, int flags,
                                     const struct sockaddr *address, socklen_t address_size)
{
    return sendto(socket, buffer, size, flags, address, address_size);
}

static inline int system_receive_messages(int socket, struct mmsghdr *messages, unsigned count, int flags)
{
    return recvmmsg(socket, messages, count, flags, NULL);
}

static inline int system_send_messages(int socket, struct mmsghdr *messages, unsigned count, int flags)
{
    return sendmmsg(socket, messages, count, flags);
}

static inline int system_accept(int socket)
{
    return accept4(socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline void system_close(int descriptor)
{
    close(descriptor);
}

#endif

#endif
