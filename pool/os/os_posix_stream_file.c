/*
 * The files of file streams. Any thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os.h"
#include "os_posix_system_call.h"

/* .NET's FileMode and FileAccess. */
enum { CREATE_NEW = 1, CREATE = 2, OPEN = 3, OPEN_OR_CREATE = 4, TRUNCATE = 5, APPEND = 6 };
enum { READ = 1, WRITE = 2 };

/* The error of .NET's exception for the code, which is kept as the native error. */
static apm_error translate(int code)
{
    apm__os_set_native_error(code);
    switch (code) {
    case ENOENT:
    case ENOTDIR: return APM_ERROR_FILE_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EISDIR:
    case EROFS: return APM_ERROR_ACCESS_DENIED;
    case ENOMEM: return APM_ERROR_OUT_OF_MEMORY;
    case EMFILE:
    case ENFILE: return APM_ERROR_TOO_MANY_OPEN_SOCKETS;
    default: return APM_ERROR_IO;
    }
}

static int flags_of(int mode, int access)
{
    static const int of_mode[] = {
        [CREATE_NEW] = O_CREAT | O_EXCL, [CREATE] = O_CREAT | O_TRUNC, [OPEN] = 0,
        [OPEN_OR_CREATE] = O_CREAT,      [TRUNCATE] = O_TRUNC,         [APPEND] = O_CREAT,
    };
    int of_access = access == READ ? O_RDONLY : access == WRITE ? O_WRONLY : O_RDWR;
    return of_mode[mode] | of_access | O_CLOEXEC;
}

apm_error apm__os_file_open(const char *path, int mode, int access, apm__os_file *file, bool *seekable)
{
    struct stat status;
    do {
        *file = open(path, flags_of(mode, access), 0666);
    } while (*file < 0 && errno == EINTR);
    if (*file < 0)
        return translate(errno);
    int code = fstat(*file, &status) != 0 ? errno : S_ISDIR(status.st_mode) ? EISDIR : 0;
    if (code != 0) {
        close(*file);
        return translate(code);
    }
    *seekable = lseek(*file, 0, SEEK_CUR) >= 0;
    return APM_ERROR_SUCCESS;
}

void apm__os_file_close(apm__os_file file)
{
    if (file != APM__OS_NO_FILE)
        system_close(file);
}

apm_error apm__os_file_read(apm__os_file file, bool seekable, int64_t offset, void *buffer, size_t size,
                            size_t *read_size)
{
    ssize_t count;
    *read_size = 0;
    do {
        count = seekable ? pread(file, buffer, size, offset) : read(file, buffer, size);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return translate(errno);
    *read_size = (size_t)count;
    return APM_ERROR_SUCCESS;
}

/* A write to what is not sought, such as a pipe, without the signal that comes if nobody reads it any more. */
static ssize_t write_quietly(int file, const void *buffer, size_t size)
{
    sigset_t broken_pipe;
    sigset_t before;
    sigset_t pending;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
    sigpending(&pending);
    ssize_t count = write(file, buffer, size);
    int code = errno;
    /* It comes with a success, too, if the last reader goes when a part has been written. */
    bool may_be_raised = count < 0 ? code == EPIPE : (size_t)count < size;
    if (may_be_raised && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&broken_pipe, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return count;
}

apm_error apm__os_file_write(apm__os_file file, bool seekable, int64_t offset, const void *buffer, size_t size)
{
    const char *next = buffer;
    while (size > 0) {
        ssize_t count = seekable ? pwrite(file, next, size, offset) : write_quietly(file, next, size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return translate(errno);
        next += count;
        offset += count;
        size -= (size_t)count;
    }
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_file_length(apm__os_file file, int64_t *length)
{
    struct stat status;
    if (fstat(file, &status) != 0)
        return translate(errno);
    *length = status.st_size;
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_file_set_length(apm__os_file file, int64_t length)
{
    int failed;
    do {
        failed = ftruncate(file, length);
    } while (failed && errno == EINTR);
    return failed ? translate(errno) : APM_ERROR_SUCCESS;
}
