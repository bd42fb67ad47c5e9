/*
 * An actor that closes sockets while others use them: each call meets the socket or is refused, and none meets another
 * one, although the numbers of descriptors and the slots are used again at once.
 */
#include "workload.h"

enum { USERS = 3, MOST_SOCKETS = 6, MOST_PENDING = 4 };

struct target {
    apm_socket socket;
    apm_endpoint local;
    bool closed; /* or about to be */
    int busy;
};

static apm_error end_send_to(struct actor_operation *operation)
{
    return apm_socket_end_send_to(operation->socket, operation->result, &operation->transferred);
}

static apm_error end_receive_from(struct actor_operation *operation)
{
    return apm_socket_end_receive_from(operation->socket, operation->result, &operation->remote,
                                       &operation->transferred);
}

/* Begins an operation, which the close may end. */
static apm_error operate(struct target *target, struct actor_operation **begun)
{
    bool sends = sim_one_in(2);
    struct actor_operation *operation = actor_operation(sends ? end_send_to : end_receive_from, target->socket,
                                                        1 + sim_random(40));
    apm_async_callback *callback = actor_callback(operation);
    apm_error error =
        sends ? apm_socket_begin_send_to(target->socket, operation->buffer, operation->size, APM_SOCKET_FLAGS_NONE,
                                         target->local, callback, operation, &operation->result)
              : apm_socket_begin_receive_from(target->socket, operation->buffer, operation->size, APM_SOCKET_FLAGS_NONE,
                                              callback, operation, &operation->result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    drawer_put(operation);
    *begun = operation;
    return APM_ERROR_SUCCESS;
}

static apm_error ask(const struct target *target)
{
    apm_endpoint local;
    size_t available;
    apm_error error = apm_socket_local_endpoint(target->socket, &local);
    if (error == APM_ERROR_SUCCESS) { /* of this socket, and of no other one */
        SIM_CHECK(local.port == target->local.port);
        error = apm_socket_available(target->socket, &available);
    }
    return error;
}

static void check_end(const struct target *target, const struct actor_operation *operation)
{
    SIM_CHECK(operation->error == APM_ERROR_SUCCESS || operation->error == APM_ERROR_MESSAGE_SIZE ||
              (actor_is_disturbance(operation->error) && (operation->disturbed || target->closed)));
    if (operation->error == APM_ERROR_SUCCESS && operation->end == end_receive_from)
        SIM_CHECK(operation->remote.port == target->local.port);
}

static void use(void *argument)
{
    struct target *target = argument;
    struct actor_operation *pending[MOST_PENDING];
    uint32_t begun = 0;
    apm_error error = APM_ERROR_SUCCESS;
    while (error == APM_ERROR_SUCCESS) {
        if (begun < MOST_PENDING && sim_one_in(2)) {
            error = operate(target, &pending[begun]);
            begun += error == APM_ERROR_SUCCESS;
        } else {
            error = ask(target);
        }
        if (begun == MOST_PENDING)
            actor_pause(50);
    }
    SIM_CHECK(error == APM_ERROR_OBJECT_DISPOSED && target->closed);
    for (uint32_t i = 0; i < begun; i++) {
        actor_finish(pending[i]);
        check_end(target, pending[i]);
    }
    target->busy--;
    sim_wake_all(target);
}

void actor_closing(void *unused)
{
    (void)unused;
    for (uint32_t sockets = 1 + sim_random(MOST_SOCKETS); sockets > 0; sockets--) {
        struct target *target = actor_allocate(sizeof *target);
        apm_error error = apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_DGRAM,
                                            APM_PROTOCOL_TYPE_UDP, &target->socket);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        error = apm_socket_bind(target->socket, (apm_endpoint){.address = apm_ip_address_loopback()});
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        error = apm_socket_local_endpoint(target->socket, &target->local);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        target->busy = 1 + (int)sim_random(USERS);
        int threads[USERS];
        int count = target->busy;
        for (int i = 0; i < count; i++)
            threads[i] = sim_thread_start("user", use, target);
        actor_pause(sim_one_in(2) ? 10 : 500);
        target->closed = true;
        if (sim_one_in(2))
            error = apm_socket_close(target->socket);
        else
            error = apm_socket_close_and_wait(target->socket, 60000);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        for (int i = 0; i < count; i++)
            sim_thread_join(threads[i]);
    }
}
