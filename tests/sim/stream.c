/*
 * TCP of the simulated system. See network.h. What a call does at once happens here; what it does to the other side
 * happens later, by sim_at.
 */
#include <errno.h>
#include <string.h>

#include "machine.h"
#include "memory.h"
#include "network.h"

#define CONNECT_RETRY_NS SIM_SECOND
#define CONNECT_LIMIT_NS (20 * SIM_SECOND)

static const uint32_t anything = APM__OS_READY_IN | APM__OS_READY_OUT | APM__OS_READY_HANG_UP | APM__OS_READY_FAILURE;

static uint64_t room(const struct sim_pipe *pipe)
{
    return pipe->capacity - (pipe->written - pipe->acknowledged);
}

/* As Linux has it: a third must be free. A send takes less, too. */
static bool is_roomy(const struct sim_pipe *pipe)
{
    return 3 * room(pipe) >= pipe->capacity;
}

uint32_t sim_stream_ready(struct sim_file *socket)
{
    uint32_t ready = socket->error ? APM__OS_READY_FAILURE : 0;
    switch (socket->state) {
    case SIM_LISTENING: return socket->backlog_count > 0 ? APM__OS_READY_IN : 0;
    case SIM_CONNECTING: return ready;
    case SIM_UNCONNECTED: return ready | APM__OS_READY_HANG_UP | APM__OS_READY_OUT;
    case SIM_RESET: return ready | APM__OS_READY_HANG_UP | APM__OS_READY_IN | APM__OS_READY_OUT;
    default: break;
    }
    bool is_ended = socket->in->end_arrived || socket->receive_ended;
    if (socket->in->arrived > socket->in->taken)
        ready |= APM__OS_READY_IN;
    if (is_ended)
        ready |= APM__OS_READY_IN | SIM_READY_PEER_ENDED;
    if (is_ended && socket->send_ended)
        ready |= APM__OS_READY_HANG_UP;
    if (socket->send_ended || is_roomy(socket->out))
        ready |= APM__OS_READY_OUT;
    else
        socket->out->wants_room = true;
    return ready;
}

/* -- What comes from the other side -------------------------------------------------------------------------------- */

static void be_reset(void *object, uint64_t unused)
{
    struct sim_file *socket = object;
    (void)unused;
    if (socket->state != SIM_CONNECTED && socket->state != SIM_CONNECTING)
        return;
    sim_trace("socket %u is reset", socket->serial);
    socket->error = socket->state == SIM_CONNECTING ? ECONNREFUSED : socket->in->end_arrived ? EPIPE : ECONNRESET;
    socket->state = socket->state == SIM_CONNECTING ? SIM_UNCONNECTED : SIM_RESET;
    socket->connect_ended = socket->connect_ended || socket->state == SIM_UNCONNECTED;
    sim_changed(socket, anything);
}

static void reset_peer(struct sim_file *socket)
{
    if (socket->peer)
        sim_at(sim_arrival_ns(), be_reset, socket->peer, 0);
}

static void be_established(void *object, uint64_t unused)
{
    struct sim_file *socket = object;
    (void)unused;
    if (socket->is_closed) { /* meanwhile */
        reset_peer(socket);
        return;
    }
    if (socket->state != SIM_CONNECTING || !socket->in) /* given up, and perhaps begun again */
        return;
    sim_trace("socket %u is connected", socket->serial);
    socket->state = SIM_CONNECTED;
    socket->connect_ended = true;
    sim_changed(socket, APM__OS_READY_OUT);
}

static void arrive(void *object, uint64_t unused);

static void have_arrive(struct sim_file *receiver)
{
    if (receiver->in->under_way)
        return;
    receiver->in->under_way = true;
    sim_at(sim_arrival_ns(), arrive, receiver, 0);
}

/* Some of what is under way to the socket is there now. */
static void arrive(void *object, uint64_t unused)
{
    struct sim_file *socket = object;
    struct sim_pipe *pipe = socket->in;
    (void)unused;
    if (!pipe)
        return;
    pipe->under_way = false;
    if (socket->state == SIM_CONNECTING)
        be_established(socket, 0);
    if (socket->state != SIM_CONNECTED)
        return;
    uint64_t size = pipe->written - pipe->arrived;
    if (size > 0) {
        if (socket->is_closed) { /* nobody will read it */
            reset_peer(socket);
            return;
        }
        pipe->arrived += 1 + sim_random((uint32_t)size);
        sim_trace("socket %u has %llu bytes", socket->serial, (unsigned long long)(pipe->arrived - pipe->taken));
        sim_changed(socket, APM__OS_READY_IN);
    } else if (pipe->ends && !pipe->end_arrived) {
        pipe->end_arrived = true;
        sim_trace("the stream to socket %u ends", socket->serial);
        sim_changed(socket, APM__OS_READY_IN | APM__OS_READY_HANG_UP);
    }
    if (pipe->arrived < pipe->written || (pipe->ends && !pipe->end_arrived))
        have_arrive(socket);
}

static void acknowledge(void *object, uint64_t place)
{
    struct sim_file *writer = object;
    if (!writer || !writer->out)
        return;
    if (place > writer->out->acknowledged)
        writer->out->acknowledged = place;
    if (writer->out->wants_room && is_roomy(writer->out)) {
        writer->out->wants_room = false;
        sim_changed(writer, APM__OS_READY_OUT);
    }
}

/* -- Connecting ---------------------------------------------------------------------------------------------------- */

static struct sim_pipe *create_pipe(void)
{
    static const uint32_t capacities[] = {7, 64, 500, 4096, 16384};
    struct sim_pipe *pipe = sim_memory_allocate(sizeof(uint64_t), sizeof *pipe);
    pipe->capacity = capacities[sim_random(5)];
    pipe->bytes = sim_memory_allocate(1, (size_t)pipe->capacity);
    return pipe;
}

static struct sim_file *find_listener(apm_endpoint endpoint)
{
    for (struct sim_file *socket = sim_next_socket(NULL); socket; socket = sim_next_socket(socket))
        if (socket->kind == SIM_STREAM && socket->state == SIM_LISTENING && sim_is_at(socket, endpoint))
            return socket;
    return NULL;
}

static void give_up(void *object, uint64_t attempt)
{
    struct sim_file *socket = object;
    if (socket->state != SIM_CONNECTING || socket->remote.port != attempt)
        return;
    socket->state = SIM_UNCONNECTED;
    socket->error = ETIMEDOUT;
    socket->connect_ended = true;
    sim_changed(socket, anything);
}

struct sim_file *sim_stream_come(struct sim_file *socket, struct sim_file *listener)
{
    struct sim_file *other = sim_file_create(SIM_STREAM);
    other->family = listener->family;
    other->protocol = listener->protocol;
    other->state = SIM_CONNECTED;
    other->local = sim_in_family(listener, sim_plain(socket->remote));
    other->remote = sim_in_family(listener, sim_plain(socket->local));
    other->remote.address.family = listener->family; /* that of a unix domain socket may have no name */
    other->in = socket->out = create_pipe();
    other->out = socket->in = create_pipe();
    other->peer = socket;
    socket->peer = other;
    memcpy(other->options, listener->options, sizeof other->options);
    listener->backlog[listener->backlog_count++] = other;
    sim_trace("socket %u comes to listener %u, as %u", socket->serial, listener->serial, other->serial);
    sim_changed(listener, APM__OS_READY_IN);
    return other;
}

/* The socket asks for a connection, and the other side hears it. */
static void ask(void *object, uint64_t unused)
{
    struct sim_file *socket = object;
    (void)unused;
    if (socket->is_closed || socket->state != SIM_CONNECTING)
        return;
    struct sim_file *listener = find_listener(socket->remote);
    if (!listener) {
        sim_at(sim_arrival_ns(), be_reset, socket, 0);
        return;
    }
    if (listener->backlog_count >= listener->backlog_limit) {
        sim_at(sim_now_ns() + CONNECT_RETRY_NS, ask, socket, 0);
        return;
    }
    sim_stream_come(socket, listener);
    sim_at(sim_arrival_ns(), be_established, socket, 0);
}

int sim_stream_connect(struct sim_file *socket, apm_endpoint remote)
{
    if (sim_is_of_paths(socket))
        return sim_path_connect(socket, remote);
    if (socket->state == SIM_CONNECTING)
        return EALREADY;
    if (socket->connect_ended) { /* its outcome, once */
        int error = socket->error;
        socket->connect_ended = false;
        socket->error = 0;
        if (socket->state == SIM_CONNECTED)
            return 0;
        socket->state = SIM_UNCONNECTED; /* as new, even if it was connected for a moment */
        socket->peer = NULL;
        socket->in = socket->out = NULL;
        return error ? error : ECONNABORTED;
    }
    if (socket->state != SIM_UNCONNECTED)
        return EISCONN;
    if (socket->local.port == 0) {
        apm_endpoint local = {.address = socket->family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6
                                             ? apm_ip_address_ipv6_any()
                                             : apm_ip_address_any()};
        int error = sim_bind(socket, local);
        if (error)
            return error;
    }
    socket->remote = remote;
    socket->local.address = apm_ip_address_is_ipv4_mapped_to_ipv6(remote.address) ||
                                    remote.address.family == APM_ADDRESS_FAMILY_INTER_NETWORK
                                ? sim_in_family(socket, (apm_endpoint){.address = apm_ip_address_loopback()}).address
                                : apm_ip_address_ipv6_loopback();
    socket->state = SIM_CONNECTING;
    if (sim_is_silent(remote)) {
        sim_at(sim_now_ns() + CONNECT_LIMIT_NS, give_up, socket, remote.port);
        return EINPROGRESS;
    }
    sim_at(sim_arrival_ns(), ask, socket, 0);
    return EINPROGRESS;
}

int sim_stream_listen(struct sim_file *socket, int backlog)
{
    if (socket->state != SIM_UNCONNECTED && socket->state != SIM_LISTENING)
        return EINVAL;
    if (socket->local.port == 0 && socket->local.path_size == 0)
        return EINVAL; /* the system would choose a port; the library binds before */
    socket->state = SIM_LISTENING;
    socket->backlog_limit = backlog < 1 ? 1 : backlog > SIM_MAX_BACKLOG ? SIM_MAX_BACKLOG : backlog;
    return 0;
}

int sim_stream_accept(struct sim_file *socket, struct sim_file **accepted)
{
    if (socket->state != SIM_LISTENING)
        return EINVAL;
    if (socket->backlog_count == 0)
        return EAGAIN;
    *accepted = socket->backlog[0];
    socket->backlog_count--;
    memmove(socket->backlog, socket->backlog + 1, (size_t)socket->backlog_count * sizeof *socket->backlog);
    return 0;
}

/* -- Data ---------------------------------------------------------------------------------------------------------- */

static int take_error(struct sim_file *socket)
{
    int error = socket->error;
    socket->error = 0;
    return error;
}

int sim_stream_receive(struct sim_file *socket, void *buffer, size_t size, bool peek, size_t *received)
{
    *received = 0;
    if (socket->state == SIM_LISTENING)
        return ENOTCONN;
    uint64_t there = socket->in ? socket->in->arrived - socket->in->taken : 0;
    if (there > 0 && size > 0) {
        struct sim_pipe *pipe = socket->in;
        *received = there < size ? (size_t)there : size;
        for (size_t i = 0; i < *received; i++)
            ((unsigned char *)buffer)[i] = pipe->bytes[(pipe->taken + i) % pipe->capacity];
        if (!peek) {
            pipe->taken += *received;
            sim_at(sim_arrival_ns(), acknowledge, socket->peer, pipe->taken);
        }
        return 0;
    }
    if (socket->error)
        return take_error(socket);
    if (socket->receive_ended || socket->state == SIM_RESET || (socket->in && socket->in->end_arrived))
        return 0;
    if (socket->state == SIM_UNCONNECTED)
        return ENOTCONN;
    return size == 0 && socket->state == SIM_CONNECTED ? 0 : EAGAIN;
}

int sim_stream_send(struct sim_file *socket, const void *buffer, size_t size, size_t *sent)
{
    *sent = 0;
    if (socket->state == SIM_CONNECTING)
        return EAGAIN;
    if (socket->error)
        return take_error(socket);
    if (socket->state != SIM_CONNECTED || socket->send_ended)
        return EPIPE;
    struct sim_pipe *pipe = socket->out;
    uint64_t free = room(pipe);
    size_t taken = size < free ? size : (size_t)free;
    if (taken < size)
        pipe->wants_room = true;
    if (taken == 0 && size > 0)
        return EAGAIN;
    for (size_t i = 0; i < taken; i++)
        pipe->bytes[(pipe->written + i) % pipe->capacity] = ((const unsigned char *)buffer)[i];
    pipe->written += taken;
    *sent = taken;
    if (taken > 0)
        have_arrive(socket->peer);
    return 0;
}

/* -- The end ------------------------------------------------------------------------------------------------------- */

static void end_output(struct sim_file *socket)
{
    if (socket->out->ends)
        return;
    socket->out->ends = true;
    have_arrive(socket->peer);
}

static void reset_backlog(struct sim_file *socket)
{
    for (int i = 0; i < socket->backlog_count; i++) {
        reset_peer(socket->backlog[i]);
        socket->backlog[i]->state = SIM_RESET;
        socket->backlog[i]->is_closed = true;
    }
    socket->backlog_count = 0;
}

int sim_stream_shutdown(struct sim_file *socket, bool receive, bool send)
{
    if (socket->state == SIM_CONNECTING || (socket->state == SIM_LISTENING && receive)) {
        reset_backlog(socket);
        socket->state = SIM_UNCONNECTED;
        sim_changed(socket, anything);
        return 0;
    }
    if (socket->state == SIM_LISTENING)
        return 0;
    if (socket->state != SIM_CONNECTED)
        return ENOTCONN;
    if (receive)
        socket->receive_ended = true;
    if (send && !socket->send_ended) {
        socket->send_ended = true;
        end_output(socket);
    }
    sim_changed(socket, anything);
    return 0;
}

void sim_stream_close(struct sim_file *socket)
{
    socket->is_closed = true;
    reset_backlog(socket);
    if (socket->state == SIM_CONNECTED) {
        bool is_unread = socket->in->arrived > socket->in->taken;
        if (is_unread || socket->options[APM__OS_OPTION_LINGER] == 0) {
            socket->state = SIM_RESET;
            reset_peer(socket);
        } else {
            end_output(socket);
        }
    } else if (socket->state == SIM_CONNECTING && socket->peer) {
        reset_peer(socket);
    }
    sim_trace("socket %u is closed", socket->serial);
}
