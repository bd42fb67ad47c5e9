/*
 * Descriptors, readiness, epoll, poll and the bell of the simulated system. See network.h.
 */
#include "network.h"

#include <errno.h>
#include <string.h>

#include "machine.h"
#include "memory.h"
#include "shortage.h"

enum { MAX_DESCRIPTORS = 256, MAX_REGISTRATIONS = 512, MAX_SOCKETS = 512, FIRST_DESCRIPTOR = 3 };

/* epoll knows a file under the number that it was added by. */
struct registration {
    struct sim_file *epoll; /* NULL: free */
    struct sim_file *file;
    int descriptor;
    uint32_t interest;
    uint64_t key;
    uint64_t queued; /* in the order of these; 0: it is not among those to be looked at */
};

static struct sim_file *descriptors[MAX_DESCRIPTORS];
static struct registration registrations[MAX_REGISTRATIONS];
static struct sim_file *sockets[MAX_SOCKETS];
static int socket_count;
static uint32_t serials;
static uint64_t queue_order;
static int next_port;
static char pollers; /* an address to sleep on */

static uint32_t delay_limit_ns;
static uint32_t interrupt_odds;
static uint32_t shuffle_odds;

static const uint32_t unasked = APM__OS_READY_HANG_UP | APM__OS_READY_FAILURE | APM__OS_READY_URGENT;

void sim_network_begin(void)
{
    static const uint32_t delays_us[] = {1, 20, 300, 3000};
    delay_limit_ns = 1000 * delays_us[sim_random(4)];
    interrupt_odds = sim_one_in(2) ? 0 : 10;
    shuffle_odds = sim_random(4);
    next_port = 40000;
}

uint64_t sim_arrival_ns(void)
{
    return sim_now_ns() + sim_random(delay_limit_ns);
}

/* -- Descriptors --------------------------------------------------------------------------------------------------- */

struct sim_file *sim_file_create(enum sim_kind kind)
{
    struct sim_file *file = sim_memory_allocate(sizeof(uint64_t), sizeof *file);
    file->kind = kind;
    file->serial = ++serials;
    file->last = &file->first;
    file->options[APM__OS_OPTION_LINGER] = -1;
    if (kind == SIM_STREAM || kind == SIM_DATAGRAM) {
        SIM_CHECK(socket_count < MAX_SOCKETS);
        sockets[socket_count++] = file;
    }
    return file;
}

struct sim_file *sim_next_socket(struct sim_file *before)
{
    int i = 0;
    while (before && sockets[i++] != before)
        continue;
    return i < socket_count ? sockets[i] : NULL;
}

int sim_descriptor_open(struct sim_file *file)
{
    int number = FIRST_DESCRIPTOR;
    while (number < MAX_DESCRIPTORS && descriptors[number])
        number++;
    if (number == MAX_DESCRIPTORS)
        return -1;
    descriptors[number] = file;
    file->descriptors++;
    return number;
}

struct sim_file *sim_file_of(int descriptor)
{
    if (descriptor < FIRST_DESCRIPTOR || descriptor >= MAX_DESCRIPTORS || !descriptors[descriptor])
        sim_fail("descriptor %d is used, and not open", descriptor);
    return descriptors[descriptor];
}

struct sim_file *sim_socket_of(int descriptor)
{
    struct sim_file *file = sim_file_of(descriptor);
    if (file->kind != SIM_STREAM && file->kind != SIM_DATAGRAM)
        sim_fail("descriptor %d is used as a socket, and is none", descriptor);
    return file;
}

int sim_descriptors_open(void)
{
    int count = 0;
    for (int i = 0; i < MAX_DESCRIPTORS; i++)
        count += descriptors[i] != NULL;
    return count;
}

/* A file that is closed for good is registered nowhere; one that has another descriptor stays as it was. */
static void let_go(struct sim_file *file)
{
    if (--file->descriptors > 0)
        return;
    for (int i = 0; i < MAX_REGISTRATIONS; i++)
        if (registrations[i].file == file || registrations[i].epoll == file)
            registrations[i].epoll = NULL;
    if (file->kind == SIM_STREAM)
        sim_stream_close(file);
    else if (file->kind == SIM_DATAGRAM)
        sim_path_has_room(file); /* or rather none any more: who waits for it hears so */
}

void sim_descriptor_close(int descriptor)
{
    struct sim_file *file = sim_file_of(descriptor);
    descriptors[descriptor] = NULL;
    let_go(file);
}

void sim_descriptor_replace(int old, int renewed)
{
    struct sim_file *before = sim_file_of(old);
    struct sim_file *file = sim_file_of(renewed);
    descriptors[old] = file;
    file->descriptors++;
    let_go(before);
}

/* -- Addresses ----------------------------------------------------------------------------------------------------- */

apm_endpoint sim_plain(apm_endpoint endpoint)
{
    if (apm_ip_address_is_ipv4_mapped_to_ipv6(endpoint.address))
        endpoint.address = apm_ip_address_map_to_ipv4(endpoint.address);
    return endpoint;
}

apm_endpoint sim_in_family(const struct sim_file *file, apm_endpoint endpoint)
{
    if (file->family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6 &&
        endpoint.address.family == APM_ADDRESS_FAMILY_INTER_NETWORK)
        endpoint.address = apm_ip_address_map_to_ipv6(endpoint.address);
    return endpoint;
}

static bool is_any(apm_ip_address address)
{
    return apm_ip_address_equals(address, apm_ip_address_any()) ||
           apm_ip_address_equals(address, apm_ip_address_ipv6_any());
}

bool sim_is_silent(apm_endpoint endpoint)
{
    apm_endpoint plain = sim_plain(endpoint);
    return plain.address.family == APM_ADDRESS_FAMILY_INTER_NETWORK && plain.address.bytes[0] == 10;
}

bool sim_is_at(const struct sim_file *file, apm_endpoint endpoint)
{
    apm_endpoint to = sim_plain(endpoint);
    if (file->descriptors == 0 || file->local.port != to.port || to.port == 0)
        return false;
    if (file->family != to.address.family &&
        (file->family == APM_ADDRESS_FAMILY_INTER_NETWORK || file->options[APM__OS_OPTION_IPV6_ONLY]))
        return false;
    return is_any(file->local.address) || apm_ip_address_equals(sim_plain(file->local).address, to.address);
}

int sim_bind(struct sim_file *file, apm_endpoint local)
{
    if (sim_is_of_paths(file))
        return sim_path_bind(file, local);
    if (file->local.port != 0)
        return EINVAL;
    if (local.address.family != file->family)
        return local.address.family == APM_ADDRESS_FAMILY_UNSPECIFIED ? EAFNOSUPPORT : EINVAL;
    if (local.port == 0)
        local.port = (uint16_t)next_port++;
    for (struct sim_file *other = sim_next_socket(NULL); other; other = sim_next_socket(other))
        if (other->kind == file->kind && other->descriptors > 0 && other->local.port == local.port &&
            (other->state == SIM_LISTENING || other->kind == SIM_DATAGRAM))
            return EADDRINUSE;
    file->local = local;
    return 0;
}

/* -- Readiness ----------------------------------------------------------------------------------------------------- */

static uint32_t ready_of(struct sim_file *file)
{
    switch (file->kind) {
    case SIM_STREAM: return sim_stream_ready(file);
    case SIM_DATAGRAM: return sim_datagram_ready(file);
    case SIM_BELL: return file->rings ? APM__OS_READY_IN : 0;
    default: return 0;
    }
}

/* What epoll says of it. */
static uint32_t ready_for(const struct registration *registration)
{
    uint32_t ready = ready_of(registration->file);
    if (ready & SIM_READY_PEER_ENDED)
        ready = (ready & ~(uint32_t)SIM_READY_PEER_ENDED) | APM__OS_READY_HANG_UP;
    return ready & (registration->interest | unasked);
}

static void queue(struct registration *registration)
{
    if (registration->queued == 0)
        registration->queued = ++queue_order;
    sim_wake_one(registration->epoll);
}

void sim_changed(struct sim_file *file, uint32_t ready)
{
    for (int i = 0; i < MAX_REGISTRATIONS; i++) {
        struct registration *registration = &registrations[i];
        if (registration->epoll && registration->file == file && (ready & (registration->interest | unasked)))
            queue(registration);
    }
    sim_wake_all(&pollers);
}

static struct registration *find(const struct sim_file *epoll, int descriptor)
{
    const struct sim_file *file = sim_file_of(descriptor);
    for (int i = 0; i < MAX_REGISTRATIONS; i++)
        if (registrations[i].epoll == epoll && registrations[i].file == file &&
            registrations[i].descriptor == descriptor)
            return &registrations[i];
    return NULL;
}

apm_error apm__os_epoll_create(int *epoll)
{
    SIM_POINT();
    *epoll = sim_runs_out(SIM_DESCRIPTORS) ? -1 : sim_descriptor_open(sim_file_create(SIM_EPOLL));
    return *epoll < 0 ? APM_ERROR_TOO_MANY_OPEN_SOCKETS : APM_ERROR_SUCCESS;
}

void apm__os_epoll_destroy(int epoll)
{
    SIM_POINT();
    sim_descriptor_close(epoll);
}

static void watch(struct registration *registration, uint32_t interest, uint64_t key)
{
    registration->interest = interest;
    registration->key = key;
    if (ready_for(registration))
        queue(registration);
}

apm_error apm__os_epoll_add(int epoll, apm__os_socket socket, uint32_t interest, uint64_t key)
{
    SIM_POINT();
    struct sim_file *file = sim_file_of(epoll);
    SIM_CHECK(!find(file, socket));
    if (sim_runs_out(SIM_REGISTRATIONS))
        return APM_ERROR_NO_BUFFER_SPACE_AVAILABLE;
    int place = 0;
    while (place < MAX_REGISTRATIONS && registrations[place].epoll)
        place++;
    SIM_CHECK(place < MAX_REGISTRATIONS);
    registrations[place] = (struct registration){.epoll = file, .file = sim_file_of(socket), .descriptor = socket};
    watch(&registrations[place], interest, key);
    sim_trace("watches %d for %u", socket, interest);
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_epoll_modify(int epoll, apm__os_socket socket, uint32_t interest, uint64_t key)
{
    SIM_POINT();
    struct registration *registration = find(sim_file_of(epoll), socket);
    SIM_CHECK(registration);
    watch(registration, interest, key);
    sim_trace("watches %d for %u now", socket, interest);
    return APM_ERROR_SUCCESS;
}

void apm__os_epoll_remove(int epoll, apm__os_socket socket)
{
    SIM_POINT();
    struct registration *registration = find(sim_file_of(epoll), socket);
    if (registration)
        registration->epoll = NULL;
}

/* The one that has been queued for longest, or any if they are to be shuffled. */
static struct registration *take_queued(const struct sim_file *epoll)
{
    struct registration *first = NULL;
    for (int i = 0; i < MAX_REGISTRATIONS; i++) {
        struct registration *registration = &registrations[i];
        if (registration->epoll != epoll || registration->queued == 0)
            continue;
        if (!first || registration->queued < first->queued || (shuffle_odds > 0 && sim_one_in(1 + shuffle_odds)))
            first = registration;
    }
    if (first)
        first->queued = 0;
    return first;
}

size_t apm__os_epoll_wait(int epoll, apm__os_ready *ready, size_t capacity, int64_t timeout_ns)
{
    uint64_t until_ns = sim_until(timeout_ns);
    for (;;) {
        size_t count = 0;
        struct registration *registration;
        SIM_POINT();
        struct sim_file *file = sim_file_of(epoll);
        while (count < capacity && (registration = take_queued(file)) != NULL) {
            uint32_t found = ready_for(registration);
            if (found != 0) {
                sim_trace("%d is ready for %u", registration->descriptor, found);
                ready[count++] = (apm__os_ready){.key = registration->key, .ready = found};
            }
        }
        if (count > 0 || timeout_ns == 0 || (interrupt_odds > 0 && sim_one_in(interrupt_odds)) ||
            !sim_sleep(file, until_ns, "in epoll"))
            return count;
    }
}

apm_error apm__os_poll_all(apm__os_poll_entry *entries, size_t count, int64_t timeout_ns, size_t *ready)
{
    uint64_t until_ns = sim_until(timeout_ns);
    *ready = 0;
    for (;;) {
        SIM_POINT();
        for (size_t i = 0; i < count; i++) {
            bool is_open = entries[i].socket >= 0 && entries[i].socket < MAX_DESCRIPTORS &&
                           descriptors[entries[i].socket] != NULL;
            /* A descriptor that has been closed since is reported as such, and means nothing. */
            entries[i].ready = is_open ? ready_of(descriptors[entries[i].socket]) &
                                             (entries[i].interest | APM__OS_READY_HANG_UP | APM__OS_READY_FAILURE)
                                       : (uint32_t)APM__OS_READY_FAILURE;
            *ready += entries[i].ready != 0;
        }
        if (*ready > 0 || timeout_ns == 0 || (interrupt_odds > 0 && sim_one_in(interrupt_odds)) ||
            !sim_sleep(&pollers, until_ns, "in poll"))
            return APM_ERROR_SUCCESS;
    }
}

size_t apm__os_poll(apm__os_poll_entry *entries, size_t count, int64_t timeout_ns)
{
    size_t ready;
    apm_error error = apm__os_poll_all(entries, count, timeout_ns, &ready);
    return error == APM_ERROR_SUCCESS ? ready : 0;
}

/* -- The bell -- */

apm_error apm__os_bell_create(int *bell)
{
    SIM_POINT();
    *bell = sim_runs_out(SIM_DESCRIPTORS) ? -1 : sim_descriptor_open(sim_file_create(SIM_BELL));
    return *bell < 0 ? APM_ERROR_TOO_MANY_OPEN_SOCKETS : APM_ERROR_SUCCESS;
}

void apm__os_bell_destroy(int bell)
{
    SIM_POINT();
    sim_descriptor_close(bell);
}

void apm__os_bell_ring(int bell)
{
    SIM_POINT();
    struct sim_file *file = sim_file_of(bell);
    file->rings = true;
    sim_trace("rings");
    sim_changed(file, APM__OS_READY_IN);
}

void apm__os_bell_clear(int bell)
{
    SIM_POINT();
    sim_file_of(bell)->rings = false;
}
