/*
 * Sending files by sendfile, which moves them from the page cache to the socket without copying. Any thread.
 *
 * Unlike send, sendfile raises SIGPIPE where the connection has been broken. The signal is kept from the thread while
 * the call is made, and taken away if it came. It may come with a success, too: a connection that breaks after the
 * first part of what is sent gives the number of bytes, and raises the signal for the rest.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os.h"
#include "os_posix_error.h"

/* What the thread had of the signal before. */
struct pipe_signal {
    sigset_t mask;
    bool was_pending;
};

static void hold_back(struct pipe_signal *held)
{
    sigset_t set;
    sigset_t pending;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, &held->mask);
    sigpending(&pending);
    held->was_pending = sigismember(&pending, SIGPIPE) == 1;
}

static void let_go(const struct pipe_signal *held, bool may_be_raised)
{
    if (may_be_raised && !held->was_pending) {
        const struct timespec at_once = {0};
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        /* The raw call, since the library's is a point at which a thread can be cancelled. */
        while (syscall(SYS_rt_sigtimedwait, &set, NULL, &at_once, (size_t)(_NSIG / 8)) < 0 && errno == EINTR)
            ;
    }
    pthread_sigmask(SIG_SETMASK, &held->mask, NULL);
}

apm_error apm__os_socket_send_file(apm__os_socket socket, apm__os_file file, uint64_t offset, size_t count,
                                   size_t *sent)
{
    *sent = 0;
    if (offset > INT64_MAX)
        return APM_ERROR_SUCCESS; /* behind the end of any file */
    struct pipe_signal held;
    hold_back(&held);
    off_t place = (off_t)offset;
    ssize_t size;
    do
        size = sendfile(socket, file, &place, count);
    while (size < 0 && errno == EINTR);
    int code = size < 0 ? errno : 0;
    let_go(&held, code == EPIPE || (size >= 0 && (size_t)size < count));
    if (code == EINVAL || code == ENOSYS) /* what the file is on has no short way; or the place is wrong for it */
        return apm__os_socket_send_file_copy(socket, file, offset, count, sent);
    if (code != 0)
        return apm__os_translate(code);
    *sent = (size_t)size;
    return APM_ERROR_SUCCESS;
}
