/*
 * UDP of the simulated system. See network.h.
 */
#include <errno.h>
#include <string.h>

#include "machine.h"
#include "memory.h"
#include "network.h"

enum { QUEUE_LIMIT = 12 };

static bool is_drawn;
static uint32_t loss_odds; /* 0: none is lost */
static uint32_t duplicate_odds;
static uint32_t stuffed_odds;

static void draw(void)
{
    if (is_drawn)
        return;
    is_drawn = true;
    loss_odds = sim_one_in(2) ? 0 : 3 + sim_random(20);
    duplicate_odds = sim_one_in(2) ? 0 : 3 + sim_random(20);
    stuffed_odds = sim_one_in(2) ? 0 : 3 + sim_random(20);
}

uint32_t sim_datagram_ready(struct sim_file *socket)
{
    uint32_t ready = socket->error ? APM__OS_READY_FAILURE | APM__OS_READY_IN : 0;
    if (socket->first || socket->receive_ended)
        ready |= APM__OS_READY_IN;
    if (socket->receive_ended && socket->send_ended)
        ready |= APM__OS_READY_HANG_UP;
    if (sim_now_ns() >= socket->stuffed_until_ns && sim_path_is_writable(socket))
        ready |= APM__OS_READY_OUT;
    return ready;
}

static void be_refused(void *object, uint64_t unused)
{
    struct sim_file *socket = object;
    (void)unused;
    if (socket->descriptors == 0 || socket->state != SIM_CONNECTED)
        return;
    socket->error = ECONNREFUSED;
    sim_changed(socket, APM__OS_READY_FAILURE | APM__OS_READY_IN);
}

static struct sim_file *find_receiver(const struct sim_datagram *datagram)
{
    struct sim_file *found = NULL;
    for (struct sim_file *socket = sim_next_socket(NULL); socket; socket = sim_next_socket(socket)) {
        if (socket->kind != SIM_DATAGRAM || !sim_is_at(socket, datagram->to))
            continue;
        if (socket->state == SIM_CONNECTED &&
            !apm_endpoint_equals(sim_plain(socket->remote), sim_plain(datagram->from)))
            continue;
        found = socket;
    }
    return found;
}

static void arrive(void *object, uint64_t unused)
{
    struct sim_datagram *datagram = object;
    struct sim_file *socket = find_receiver(datagram);
    (void)unused;
    if (!socket) {
        sim_at(sim_arrival_ns(), be_refused, datagram->sender, 0);
        return;
    }
    if (socket->count == QUEUE_LIMIT)
        return;
    socket->count++;
    *socket->last = datagram;
    socket->last = &datagram->next;
    sim_trace("socket %u has a datagram of %zu bytes", socket->serial, datagram->size);
    sim_changed(socket, APM__OS_READY_IN);
}

static void have_room(void *object, uint64_t unused)
{
    struct sim_file *socket = object;
    (void)unused;
    if (socket->wants_room && sim_now_ns() >= socket->stuffed_until_ns) {
        socket->wants_room = false;
        sim_changed(socket, APM__OS_READY_OUT);
    }
}

static void address_of_sender(struct sim_file *socket, apm_endpoint to)
{
    if (socket->local.port != 0)
        return;
    apm_endpoint any = {.address = socket->family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6 ? apm_ip_address_ipv6_any()
                                                                                         : apm_ip_address_any()};
    (void)to;
    int error = sim_bind(socket, any);
    SIM_CHECK(error == 0);
}

/* What the other side sees of where a datagram comes from. */
static apm_endpoint source(const struct sim_file *socket, apm_endpoint to)
{
    apm_endpoint from = socket->local;
    from.address = to.address;
    return sim_plain(from); /* everything is on this machine, so the address is the one that it is sent to */
}

int sim_datagram_connect(struct sim_file *socket, apm_endpoint remote)
{
    if (sim_is_of_paths(socket))
        return sim_path_connect_datagrams(socket, remote);
    address_of_sender(socket, remote);
    socket->remote = remote;
    socket->state = SIM_CONNECTED;
    return 0;
}

static void send_copy(struct sim_file *socket, const void *buffer, size_t size, apm_endpoint to)
{
    struct sim_datagram *datagram = sim_memory_allocate(sizeof(uint64_t), sizeof *datagram);
    datagram->sender = socket;
    datagram->size = size;
    datagram->to = sim_plain(to);
    datagram->from = source(socket, to);
    memcpy(datagram->bytes, buffer, size);
    sim_at(sim_arrival_ns(), arrive, datagram, 0);
}

int sim_datagram_send(struct sim_file *socket, const void *buffer, size_t size, apm_endpoint to)
{
    draw();
    if (sim_is_of_paths(socket))
        return sim_path_send(socket, buffer, size, to);
    if (socket->error) {
        int error = socket->error;
        socket->error = 0;
        return error;
    }
    if (socket->send_ended)
        return EPIPE;
    if (to.port == 0) {
        if (socket->state != SIM_CONNECTED)
            return EDESTADDRREQ;
        to = socket->remote;
    }
    if (size > SIM_DATAGRAM_SIZE)
        return EMSGSIZE;
    if (sim_now_ns() < socket->stuffed_until_ns || (stuffed_odds > 0 && sim_one_in(stuffed_odds))) {
        socket->wants_room = true;
        if (sim_now_ns() >= socket->stuffed_until_ns)
            socket->stuffed_until_ns = sim_arrival_ns() + 1;
        sim_at(socket->stuffed_until_ns, have_room, socket, 0);
        return EAGAIN;
    }
    address_of_sender(socket, to);
    if (sim_is_silent(to) || (loss_odds > 0 && sim_one_in(loss_odds)))
        return 0;
    send_copy(socket, buffer, size, to);
    if (duplicate_odds > 0 && sim_one_in(duplicate_odds))
        send_copy(socket, buffer, size, to);
    return 0;
}

int sim_datagram_receive(struct sim_file *socket, void *buffer, size_t size, bool peek, size_t *received,
                         apm_endpoint *from, apm_endpoint *to, bool *truncated)
{
    struct sim_datagram *datagram = socket->first;
    *received = 0;
    *truncated = false;
    if (socket->error) {
        int error = socket->error;
        socket->error = 0;
        return error;
    }
    if (!datagram && socket->receive_ended)
        return 0;
    if (!datagram)
        return EAGAIN;
    *received = size < datagram->size ? size : datagram->size;
    *truncated = size < datagram->size;
    memcpy(buffer, datagram->bytes, *received);
    *from = sim_in_family(socket, datagram->from);
    *to = sim_in_family(socket, datagram->to);
    if (!peek) {
        socket->count--;
        socket->first = datagram->next;
        if (!socket->first)
            socket->last = &socket->first;
        sim_path_has_room(socket);
    }
    return 0;
}
