/*
 * Unix domain sockets for the tests: endpoints that nobody else uses, and sockets of the library.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static char directory[64];
static pid_t owner; /* a child does not remove its parent's directory */

static void remove_directory(void)
{
    DIR *files = getpid() == owner ? opendir(directory) : NULL;
    struct dirent *file;

    if (!files)
        return;
    while ((file = readdir(files)) != NULL) {
        unlinkat(dirfd(files), file->d_name, 0);
    }
    closedir(files);
    rmdir(directory);
}

apm_endpoint unix_endpoint(const char *name)
{
    char path[APM_UNIX_DOMAIN_SOCKET_PATH_SIZE];
    apm_endpoint endpoint;

    if (directory[0] == '\0') {
        snprintf(directory, sizeof directory, "/tmp/apm-test-XXXXXX");
        CHECK(mkdtemp(directory) != NULL);
        owner = getpid();
        CHECK_EQ(atexit(remove_directory), 0);
    }
    snprintf(path, sizeof path, "%s/%s", directory, name);
    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_create(path, &endpoint));
    return endpoint;
}

apm_endpoint unix_abstract_endpoint(void)
{
    static unsigned count;
    char name[64] = "";
    apm_endpoint endpoint;
    int size = snprintf(name + 1, sizeof name - 1, "apm test %d, %u", (int)getpid(), count++);

    /* With a zero inside, which ends a path, but no name. */
    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_from_bytes(name, (size_t)size + 2, &endpoint));
    return endpoint;
}

bool unix_file_exists(apm_endpoint endpoint)
{
    char path[APM_ENDPOINT_TEXT_SIZE];
    struct stat found;

    CHECK_SUCCESS(apm_endpoint_format(endpoint, path, sizeof path));
    return lstat(path, &found) == 0;
}

apm_socket unix_create(void)
{
    apm_socket socket;

    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_UNIX, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_UNSPECIFIED, &socket));
    return socket;
}

apm_socket unix_listen(apm_endpoint local, int backlog)
{
    apm_socket listener = unix_create();

    CHECK_SUCCESS(apm_socket_bind(listener, local));
    CHECK_SUCCESS(apm_socket_listen(listener, backlog));
    return listener;
}

socket_pair unix_pair_create(void)
{
    apm_endpoint local = unix_abstract_endpoint();
    apm_socket listener = unix_listen(local, 4);
    socket_pair pair = {.client = unix_create()};

    CHECK_SUCCESS(apm_socket_connect(pair.client, local));
    CHECK_SUCCESS(apm_socket_accept(listener, &pair.server));
    CHECK_SUCCESS(apm_socket_close(listener));
    return pair;
}
