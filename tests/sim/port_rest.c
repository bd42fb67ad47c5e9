/*
 * The rest of the port to the simulated machine that there is: endpoints, options and names.
 */
#include <errno.h>
#include <string.h>

#include "machine.h"
#include "network.h"
#include "os.h"
#include "os_posix_error.h"
#include "shortage.h"

/* -- Endpoints and options -- */

apm_error apm__os_socket_local_endpoint(apm__os_socket socket, apm_endpoint *endpoint)
{
    SIM_POINT();
    const struct sim_file *file = sim_socket_of(socket);
    *endpoint = file->local;
    endpoint->address.family = file->family;
    if (file->local.port == 0 && !sim_is_of_paths(file)) /* of its family's any address */
        endpoint->address = file->family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6 ? apm_ip_address_ipv6_any()
                                                                                : apm_ip_address_any();
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_remote_endpoint(apm__os_socket socket, apm_endpoint *endpoint)
{
    SIM_POINT();
    const struct sim_file *file = sim_socket_of(socket);
    *endpoint = file->state == SIM_CONNECTED ? file->remote : (apm_endpoint){0};
    return file->state == SIM_CONNECTED ? APM_ERROR_SUCCESS : apm__os_translate(ENOTCONN);
}

apm_error apm__os_socket_available(apm__os_socket socket, size_t *available)
{
    SIM_POINT();
    const struct sim_file *file = sim_socket_of(socket);
    *available = 0;
    if (file->state == SIM_LISTENING)
        return apm__os_translate(EINVAL);
    if (file->kind == SIM_DATAGRAM)
        *available = file->first ? file->first->size : 0;
    else if (file->in)
        *available = (size_t)(file->in->arrived - file->in->taken);
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_option(apm__os_socket socket, apm__os_option option, int *value)
{
    SIM_POINT();
    *value = sim_socket_of(socket)->options[option];
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_set_option(apm__os_socket socket, apm__os_option option, int value)
{
    SIM_POINT();
    sim_socket_of(socket)->options[option] = value;
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_take_error(apm__os_socket socket, apm_error *pending)
{
    SIM_POINT();
    struct sim_file *file = sim_socket_of(socket);
    *pending = apm__os_translate(file->error);
    file->error = 0;
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_describe(apm__os_socket socket, apm__os_description *description)
{
    SIM_POINT();
    const struct sim_file *file = sim_socket_of(socket);
    *description = (apm__os_description){.family = file->family,
                                         .type = file->kind == SIM_STREAM ? 1 : 2,
                                         .protocol = file->protocol,
                                         .bound = file->local.port != 0 || file->local.path_size > 0,
                                         .connected = file->state == SIM_CONNECTED,
                                         .listening = file->state == SIM_LISTENING};
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_prepare(apm__os_socket socket)
{
    (void)sim_socket_of(socket);
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_duplicate(apm__os_socket socket, apm__os_socket *duplicate)
{
    SIM_POINT();
    *duplicate = sim_runs_out(SIM_DESCRIPTORS) ? -1 : sim_descriptor_open(sim_socket_of(socket));
    return *duplicate < 0 ? apm__os_translate(EMFILE) : APM_ERROR_SUCCESS;
}

void apm__os_socket_copy_options(apm__os_socket from, apm__os_socket to)
{
    (void)sim_socket_of(from);
    (void)sim_socket_of(to);
}

/* -- Names -- */

static const struct {
    const char *name;
    const char *addresses[3];
    uint32_t limit_ms; /* what the look-up takes at most */
    apm_error error;
} names[] = {
    {"one.test", {"127.0.0.1"}, 3, APM_ERROR_SUCCESS},
    {"six.test", {"::1"}, 3, APM_ERROR_SUCCESS},
    {"both.test", {"::1", "127.0.0.1"}, 30, APM_ERROR_SUCCESS},
    {"far.test", {"10.9.9.9", "127.0.0.1"}, 3, APM_ERROR_SUCCESS},
    {"slow.test", {"127.0.0.1"}, 4000, APM_ERROR_SUCCESS},
    {"again.test", {NULL}, 500, APM_ERROR_TRY_AGAIN},
    {"none.test", {NULL}, 50, APM_ERROR_HOST_NOT_FOUND},
};

enum { NAMES = sizeof names / sizeof names[0], LAST_NAME = NAMES - 1 };

apm_error apm__os_resolve(const char *name, apm_address_family family, char *canonical_name, size_t name_size,
                          apm_ip_address **addresses, size_t *count)
{
    size_t found = 0;
    *addresses = NULL;
    *count = 0;
    while (found < LAST_NAME && strcmp(names[found].name, name) != 0)
        found++;
    sim_trace("looks %s up", name);
    sim_sleep(name, sim_now_ns() + sim_random(names[found].limit_ms * (uint32_t)SIM_MS), "for the resolver");
    if (names[found].error != APM_ERROR_SUCCESS)
        return names[found].error;
    *addresses = apm__os_allocate(3 * sizeof **addresses);
    if (!*addresses)
        return APM_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; i < 3 && names[found].addresses[i]; i++) {
        apm_ip_address address;
        bool parsed = apm_ip_address_try_parse(names[found].addresses[i], &address);
        SIM_CHECK(parsed);
        if (family == APM_ADDRESS_FAMILY_UNSPECIFIED || address.family == family)
            (*addresses)[(*count)++] = address;
    }
    if (*count == 0) {
        apm__os_free(*addresses);
        *addresses = NULL;
        return APM_ERROR_HOST_NOT_FOUND;
    }
    if (canonical_name && name_size > strlen(name))
        memcpy(canonical_name, name, strlen(name) + 1);
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_resolve_address(apm_ip_address address, char *name, size_t name_size)
{
    sim_sleep(name, sim_now_ns() + sim_random(3 * (uint32_t)SIM_MS), "for the resolver");
    if (!apm_ip_address_equals(address, apm_ip_address_loopback()) || name_size < sizeof "one.test")
        return APM_ERROR_HOST_NOT_FOUND;
    memcpy(name, "one.test", sizeof "one.test");
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_host_name(char *buffer, size_t size)
{
    if (!buffer || size < sizeof "machine")
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    memcpy(buffer, "machine", sizeof "machine");
    return APM_ERROR_SUCCESS;
}

uint32_t apm__os_interface_index(const char *name)
{
    return strcmp(name, "lo") == 0 ? 1 : 0;
}
