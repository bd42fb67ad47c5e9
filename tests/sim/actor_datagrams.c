/*
 * An actor of datagrams: each that is received was sent, as it is, by whom the receive says; none is received more
 * often than the network has it; and while a receive is pending, none stays with the system.
 */
#include "workload.h"

#include <stdio.h>
#include <string.h>

enum { MOST_PENDING = 6, MOST_DATAGRAMS = 60, HEAD = 8 };

struct post {
    apm_socket sender;
    apm_socket receiver;
    apm_endpoint from;
    apm_endpoint to;
    bool hostile;
    bool by_path;      /* unix domain sockets: none is lost or doubled, but a send may find no room */
    bool is_connected; /* the sender is, and so its sends wait for room */
    bool closed;
    bool has_sent_all;
    uint32_t sent;
    uint32_t sizes[MOST_DATAGRAMS];
    uint32_t received[MOST_DATAGRAMS];
    bool is_sent[MOST_DATAGRAMS]; /* its send says so */
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

static bool may_fail(const struct post *post, const struct actor_operation *operation)
{
    return actor_is_disturbance(operation->error) && (operation->disturbed || post->closed);
}

/* -- Sending ------------------------------------------------------------------------------------------------------- */

static void fill(struct post *post, struct actor_operation *operation)
{
    uint32_t number = post->sent++;
    post->sizes[number] = (uint32_t)operation->size;
    for (size_t i = 0; i < operation->size; i++)
        operation->buffer[i] = (unsigned char)(number + i);
    memcpy(operation->buffer, &number, sizeof number);
}

/* What the outcome of a send may be. */
static void check_sent(struct post *post, const struct actor_operation *operation)
{
    apm_error error = operation->error;
    uint32_t number;
    memcpy(&number, operation->buffer, sizeof number);
    post->is_sent[number] = error == APM_ERROR_SUCCESS;
    SIM_CHECK(operation->transferred == (error == APM_ERROR_SUCCESS ? operation->size : 0));
    if (error == APM_ERROR_SUCCESS || may_fail(post, operation))
        return;
    bool has_no_room = error == APM_ERROR_WOULD_BLOCK && !post->is_connected;
    bool has_no_receiver = (error == APM_ERROR_CONNECTION_REFUSED || error == APM_ERROR_ADDRESS_NOT_AVAILABLE) &&
                           post->closed;
    SIM_CHECK(post->by_path && (has_no_room || has_no_receiver));
}

static void send_all(void *argument)
{
    struct post *post = argument;
    while (post->sent < MOST_DATAGRAMS) {
        struct actor_operation *pending[MOST_PENDING];
        uint32_t begun = 0;
        for (uint32_t count = 1 + sim_random(MOST_PENDING); begun < count && post->sent < MOST_DATAGRAMS;) {
            struct actor_operation *operation = actor_operation(end_send_to, post->sender, HEAD + sim_random(100));
            apm_async_callback *callback = actor_callback(operation);
            fill(post, operation);
            apm_error error = apm_socket_begin_send_to(post->sender, operation->buffer, operation->size,
                                                       APM_SOCKET_FLAGS_NONE, post->to, callback, operation,
                                                       &operation->result);
            SIM_CHECK(error == APM_ERROR_SUCCESS);
            if (post->hostile)
                drawer_put(operation);
            pending[begun++] = operation;
        }
        for (uint32_t i = 0; i < begun; i++) {
            actor_finish(pending[i]);
            check_sent(post, pending[i]);
        }
        if (sim_one_in(2))
            actor_pause(3000);
        if (sim_one_in(30))
            break;
    }
    post->has_sent_all = true;
    post->busy--;
    sim_wake_all(post);
}

/* -- Receiving ----------------------------------------------------------------------------------------------------- */

static void check_datagram(struct post *post, const struct actor_operation *operation)
{
    uint32_t number;
    SIM_CHECK(operation->transferred >= HEAD);
    memcpy(&number, operation->buffer, sizeof number);
    SIM_CHECK(number < post->sent && post->sizes[number] == operation->transferred);
    for (size_t i = sizeof number; i < operation->transferred; i++)
        SIM_CHECK(operation->buffer[i] == (unsigned char)(number + i));
    SIM_CHECK(post->by_path
                  ? apm_endpoint_equals(operation->remote, post->from)
                  : operation->remote.port == post->from.port && apm_ip_address_is_loopback(operation->remote.address));
    SIM_CHECK(++post->received[number] <= (post->by_path ? 1 : 2)); /* the network doubles, once */
}

static void receive_all(void *argument)
{
    struct post *post = argument;
    bool goes_on = true;
    while (goes_on) {
        struct actor_operation *pending[MOST_PENDING];
        uint32_t begun = 0;
        for (uint32_t count = 1 + sim_random(MOST_PENDING); begun < count && goes_on;) {
            struct actor_operation *operation = actor_operation(end_receive_from, post->receiver, 200);
            apm_async_callback *callback = actor_callback(operation);
            apm_error error = apm_socket_begin_receive_from(post->receiver, operation->buffer, operation->size,
                                                            APM_SOCKET_FLAGS_NONE, callback, operation,
                                                            &operation->result);
            goes_on = error == APM_ERROR_SUCCESS;
            SIM_CHECK(goes_on || (error == APM_ERROR_OBJECT_DISPOSED && post->closed));
            if (!goes_on)
                break;
            if (post->hostile)
                drawer_put(operation);
            pending[begun++] = operation;
        }
        for (uint32_t i = 0; i < begun; i++)
            actor_finish(pending[i]);
        for (uint32_t i = 0; i < begun; i++) {
            if (pending[i]->error == APM_ERROR_SUCCESS)
                check_datagram(post, pending[i]);
            else
                SIM_CHECK(may_fail(post, pending[i]));
        }
        if (sim_one_in(4))
            actor_pause(5000);
    }
    post->busy--;
    sim_wake_all(post);
}

/* -- Both ---------------------------------------------------------------------------------------------------------- */

static void create_socket(bool by_path, apm_socket *socket, apm_endpoint *local)
{
    static int number;
    char path[32];
    apm_error error;
    *local = (apm_endpoint){.address = apm_ip_address_loopback()};
    if (by_path) {
        snprintf(path, sizeof path, "/run/post.%d", number++);
        error = apm_unix_domain_socket_endpoint_create(path, local);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
    }
    error = apm_socket_create(local->address.family, APM_SOCKET_TYPE_DGRAM,
                              by_path ? APM_PROTOCOL_TYPE_UNSPECIFIED : APM_PROTOCOL_TYPE_UDP, socket);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_socket_bind(*socket, *local);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_socket_local_endpoint(*socket, local);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
}

/* By a path everything arrives that its send has told of. */
static void check_all_arrived(const struct post *post)
{
    for (uint32_t i = 0; i < post->sent && post->by_path; i++)
        SIM_CHECK(post->received[i] == post->is_sent[i]);
}

void actor_datagrams(void *unused)
{
    bool was_closed = false;
    struct post *post = actor_allocate(sizeof *post);
    (void)unused;
    post->hostile = sim_one_in(2);
    post->by_path = sim_one_in(3);
    create_socket(post->by_path, &post->sender, &post->from);
    create_socket(post->by_path, &post->receiver, &post->to);
    if (post->by_path && sim_one_in(2)) {
        apm_error error = apm_socket_connect(post->sender, post->to);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        post->is_connected = true;
    }
    post->busy = 2;
    actor_start("poster", send_all, post);
    actor_start("receiver", receive_all, post);
    if (post->hostile && sim_one_in(3)) {
        actor_pause(30000);
        post->closed = was_closed = true;
        apm_socket_close(post->receiver);
    }
    while (!post->has_sent_all)
        actor_await(post, "the sends");
    if (!post->closed) { /* whatever is under way arrives, and is taken */
        size_t available = 1;
        for (int looks = 0; available > 0 && looks < 100; looks++) {
            sim_sleep(&post->sent, sim_now_ns() + 20 * SIM_MS, "for what is under way");
            apm_error error = apm_socket_available(post->receiver, &available);
            SIM_CHECK(error == APM_ERROR_SUCCESS);
        }
        SIM_CHECK(available == 0);
    }
    post->closed = true;
    apm_socket_close(post->receiver);
    while (post->busy > 0)
        actor_await(post, "the receives");
    apm_socket_close(post->sender);
    if (!was_closed)
        check_all_arrived(post);
}
