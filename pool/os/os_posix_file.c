/*
 * The files of unix domain sockets: a socket that is bound to a path makes a file, which whoever bound it has to
 * remove. Any thread.
 *
 * The path is made absolute when the socket is bound, since the program may go to another directory; and the file's
 * identity is kept, since by the time the socket is closed the path may be that of another server's.
 */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os.h"
#include "os_posix_error.h"

struct apm__os_socket_file {
    dev_t device;
    ino_t number;
    char path[]; /* absolute */
};

/* Allocates it for the endpoint's path. */
static apm_error create(const apm_endpoint *local, struct apm__os_socket_file **file)
{
    char directory[PATH_MAX] = "";
    const char *separator = "";
    if (local->path[0] != '/') {
        if (!getcwd(directory, sizeof directory))
            return apm__os_translate(errno);
        separator = "/";
    }
    int path_size = local->path_size < sizeof local->path ? local->path_size : (int)sizeof local->path;
    size_t size = strlen(directory) + 1 + (size_t)path_size + 1;
    *file = apm__os_allocate(sizeof **file + size);
    if (!*file)
        return APM_ERROR_OUT_OF_MEMORY;
    snprintf((*file)->path, size, "%s%s%.*s", directory, separator, path_size, local->path);
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_bind_file(apm__os_socket socket, apm_endpoint local, struct apm__os_socket_file **file)
{
    *file = NULL;
    bool has_file = local.address.family == APM_ADDRESS_FAMILY_UNIX && local.path_size > 0 && local.path[0] != '\0';
    apm_error error = has_file ? create(&local, file) : APM_ERROR_SUCCESS;
    if (error == APM_ERROR_SUCCESS)
        error = apm__os_socket_bind(socket, local);
    if (!*file)
        return error;
    struct stat found;
    if (error == APM_ERROR_SUCCESS && lstat((*file)->path, &found) == 0) {
        (*file)->device = found.st_dev;
        (*file)->number = found.st_ino;
        return APM_ERROR_SUCCESS;
    }
    apm__os_free(*file); /* not bound, or somebody has removed the file already */
    *file = NULL;
    return error;
}

void apm__os_socket_file_remove(struct apm__os_socket_file *file)
{
    struct stat found;
    if (!file)
        return;
    if (lstat(file->path, &found) == 0 && found.st_dev == file->device && found.st_ino == file->number)
        unlink(file->path); /* what forbids it is nothing that a close could tell */
    apm__os_free(file);
}
