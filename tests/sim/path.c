/*
 * Unix domain sockets of the simulated system. See network.h. A path is there from the bind until somebody removes it,
 * whether its socket is still open or not. A connect is done at once, or refused; a datagram is at the receiver's at
 * once, in order, and is neither lost nor doubled.
 */
#include <errno.h>
#include <string.h>

#include "apm/socket.h"
#include "machine.h"
#include "memory.h"
#include "network.h"
#include "os_posix_error.h"

enum { MAX_PATHS = 128, QUEUE_LIMIT = 5 };

struct path {
    struct sim_file *socket; /* NULL: free */
    apm_endpoint endpoint;
};

/* What bind gives for the path: the place in the table, and whose it was. */
struct apm__os_socket_file {
    struct path *path;
    struct sim_file *socket;
};

static struct path paths[MAX_PATHS];

int sim_paths_left(void)
{
    int count = 0;
    for (int i = 0; i < MAX_PATHS; i++)
        count += paths[i].socket != NULL;
    return count;
}

static struct path *find(apm_endpoint endpoint)
{
    for (int i = 0; i < MAX_PATHS; i++)
        if (paths[i].socket && apm_endpoint_equals(paths[i].endpoint, endpoint))
            return &paths[i];
    return NULL;
}

bool sim_is_of_paths(const struct sim_file *file)
{
    return file->family == APM_ADDRESS_FAMILY_UNIX;
}

/* -- Binding ------------------------------------------------------------------------------------------------------- */

int sim_path_bind(struct sim_file *file, apm_endpoint local)
{
    if (local.address.family != APM_ADDRESS_FAMILY_UNIX || local.path_size == 0 || local.path[0] == '\0')
        return EINVAL; /* names without a file are not simulated */
    if (file->local.path_size > 0)
        return EINVAL;
    if (find(local))
        return EADDRINUSE;
    int place = 0;
    while (place < MAX_PATHS && paths[place].socket)
        place++;
    SIM_CHECK(place < MAX_PATHS);
    paths[place] = (struct path){.socket = file, .endpoint = local};
    file->local = local;
    return 0;
}

apm_error apm__os_socket_bind_file(apm__os_socket socket, apm_endpoint local, struct apm__os_socket_file **file)
{
    *file = NULL;
    bool has_file = local.address.family == APM_ADDRESS_FAMILY_UNIX;
    if (has_file && !(*file = apm__os_allocate(sizeof **file)))
        return APM_ERROR_OUT_OF_MEMORY;
    apm_error error = apm__os_socket_bind(socket, local);
    if (!has_file)
        return error;
    if (error == APM_ERROR_SUCCESS) {
        **file = (struct apm__os_socket_file){.path = find(local), .socket = sim_socket_of(socket)};
        return APM_ERROR_SUCCESS;
    }
    apm__os_free(*file);
    *file = NULL;
    return error;
}

void apm__os_socket_file_remove(struct apm__os_socket_file *file)
{
    SIM_POINT();
    if (!file)
        return;
    if (file->path->socket == file->socket) /* or it is another one's by now */
        file->path->socket = NULL;
    apm__os_free(file);
}

/* -- Streams ------------------------------------------------------------------------------------------------------- */

int sim_path_connect(struct sim_file *socket, apm_endpoint remote)
{
    if (socket->state != SIM_UNCONNECTED)
        return EISCONN;
    const struct path *path = find(remote);
    if (!path)
        return ENOENT;
    struct sim_file *listener = path->socket;
    if (listener->kind != SIM_STREAM)
        return EPROTOTYPE;
    if (listener->descriptors == 0 || listener->state != SIM_LISTENING)
        return ECONNREFUSED;
    if (listener->backlog_count >= listener->backlog_limit)
        return EAGAIN;
    socket->remote = remote;
    sim_stream_come(socket, listener);
    socket->state = SIM_CONNECTED;
    return 0;
}

/* -- Datagrams ----------------------------------------------------------------------------------------------------- */

static bool is_full(const struct sim_file *receiver)
{
    return receiver->descriptors > 0 && receiver->count >= QUEUE_LIMIT;
}

int sim_path_connect_datagrams(struct sim_file *socket, apm_endpoint remote)
{
    const struct path *path = find(remote);
    if (!path)
        return ENOENT;
    if (path->socket->descriptors == 0)
        return ECONNREFUSED;
    if (path->socket->kind != SIM_DATAGRAM)
        return EPROTOTYPE;
    socket->peer = path->socket;
    socket->remote = remote;
    socket->state = SIM_CONNECTED;
    return 0;
}

bool sim_path_is_writable(const struct sim_file *socket)
{
    return !sim_is_of_paths(socket) || !(socket->state == SIM_CONNECTED && is_full(socket->peer));
}

void sim_path_has_room(struct sim_file *receiver)
{
    if (!sim_is_of_paths(receiver))
        return;
    for (struct sim_file *socket = sim_next_socket(NULL); socket; socket = sim_next_socket(socket))
        if (socket->kind == SIM_DATAGRAM && socket->peer == receiver && socket->descriptors > 0)
            sim_changed(socket, APM__OS_READY_OUT);
}

/* Where it goes, or NULL and what is wrong. */
static struct sim_file *find_receiver(struct sim_file *socket, apm_endpoint to, int *error)
{
    bool is_named = to.address.family == APM_ADDRESS_FAMILY_UNIX;
    const struct path *path = is_named ? find(to) : NULL;
    *error = is_named ? ENOENT : ENOTCONN;
    struct sim_file *receiver = path ? path->socket : !is_named && socket->state == SIM_CONNECTED ? socket->peer : NULL;
    if (!receiver)
        return NULL;
    *error = 0;
    if (receiver->kind != SIM_DATAGRAM)
        *error = EPROTOTYPE;
    else if (receiver->descriptors == 0)
        *error = ECONNREFUSED;
    else if (receiver->receive_ended)
        *error = EPIPE;
    else if (is_full(receiver))
        *error = EAGAIN;
    return *error ? NULL : receiver;
}

int sim_path_send(struct sim_file *socket, const void *buffer, size_t size, apm_endpoint to)
{
    int error;
    if (socket->send_ended)
        return EPIPE;
    if (size > SIM_DATAGRAM_SIZE)
        return EMSGSIZE;
    struct sim_file *receiver = find_receiver(socket, to, &error);
    if (!receiver)
        return error;
    struct sim_datagram *datagram = sim_memory_allocate(sizeof(uint64_t), sizeof *datagram);
    datagram->sender = socket;
    datagram->from = socket->local;
    datagram->from.address.family = APM_ADDRESS_FAMILY_UNIX;
    datagram->size = size;
    memcpy(datagram->bytes, buffer, size);
    receiver->count++;
    *receiver->last = datagram;
    receiver->last = &datagram->next;
    sim_changed(receiver, APM__OS_READY_IN);
    return 0;
}

apm_error apm__os_socket_receive_from_path(apm__os_socket socket, apm__os_datagram *datagram, int flags,
                                           apm_endpoint *sender)
{
    apm_endpoint to;
    bool truncated;
    SIM_POINT();
    struct sim_file *file = sim_socket_of(socket);
    if ((flags & ~APM_SOCKET_FLAGS_PEEK) != 0)
        return apm__os_translate(EOPNOTSUPP);
    int error = sim_datagram_receive(file, datagram->buffer, datagram->size, flags != 0, &datagram->transferred, sender,
                                     &to, &truncated);
    sim_trace("receives a datagram of %zu bytes from descriptor %d: %d", datagram->transferred, socket, error);
    datagram->flags = truncated ? APM_SOCKET_FLAGS_TRUNCATED : APM_SOCKET_FLAGS_NONE;
    return apm__os_translate(error);
}

/* As the port for POSIX: it waits only for what will be told. */
apm_error apm__os_socket_send_to_path(apm__os_socket socket, const void *buffer, size_t size, int flags,
                                      const apm_endpoint *remote, size_t *sent)
{
    *sent = 0;
    if (flags != 0)
        return apm__os_translate(EOPNOTSUPP);
    for (int attempts = 0; attempts < 2; attempts++) {
        SIM_POINT();
        struct sim_file *file = sim_socket_of(socket);
        int error = sim_path_send(file, buffer, size, *remote);
        sim_trace("sends %zu bytes to a path over descriptor %d: %d", size, socket, error);
        if (error == 0)
            *sent = size;
        if (error != EAGAIN)
            return apm__os_translate(error);
        SIM_POINT();
        if (!sim_path_is_writable(file))
            return APM_ERROR_WOULD_BLOCK;
    }
    return APM_ERROR_TRY_AGAIN;
}
