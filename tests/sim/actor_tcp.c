/*
 * An actor of connections: what is sent arrives, once and in order, and an end is orderly only if everything has.
 *
 * Each direction of a connection has a thread that sends and one that receives. Where nobody disturbs, nothing may
 * fail. Where somebody does, operations are cancelled and sockets closed at any time; but what has arrived is what the
 * outcomes of the sends say was sent, or the beginning of it; and who sees the stream end in order has seen all of it.
 */
#include "workload.h"

#include <stdio.h>
#include <string.h>

#include "actor_transfers.h"

enum { MOST_PENDING = 5, WIRE = 1 << 14 };

struct connection {
    apm_socket sides[2];
    bool hostile;
    bool closed;    /* somebody has closed one of the sockets, or is about to */
    bool broken[2]; /* an operation of that side's has seen that the connection is broken */
};

struct flow {
    struct connection *connection;
    int sender; /* the side */
    apm_socket from;
    apm_socket to;
    uint32_t limit; /* bytes, about */
    bool is_cut;    /* a send has ended after some of its bytes */
    bool is_ended;  /* the receiver has seen an orderly end */
    unsigned char *wire;
    size_t wire_size; /* what the outcomes of the sends say */
    unsigned char *got;
    size_t got_size;
    uint32_t number; /* of the next byte */
    int busy;        /* threads that have not ended */
};

static bool is_breakdown(apm_error error)
{
    return actor_is_disturbance(error) || error == APM_ERROR_CONNECTION_RESET ||
           error == APM_ERROR_CONNECTION_ABORTED || error == APM_ERROR_SHUTDOWN || error == APM_ERROR_OBJECT_DISPOSED ||
           error == APM_ERROR_NOT_CONNECTED || error == APM_ERROR_INTERRUPTED ||
           error == APM_ERROR_NOT_SUPPORTED; /* what the send of a file says of a socket that is not connected */
}

/* Whether the flow may go on after that outcome; what must not be fails the run. */
static bool check_outcome(const struct flow *flow, int side, apm_error error, bool disturbed)
{
    if (error == APM_ERROR_SUCCESS)
        return true;
    if (!actor_is_disturbance(error))
        flow->connection->broken[side] = true;
    if (!flow->connection->hostile || !is_breakdown(error))
        sim_fail("a transfer does not end with %s", apm_error_name(error));
    if (error == APM_ERROR_TIMED_OUT && !disturbed)
        sim_fail("nothing has a deadline, and times out");
    if (error == APM_ERROR_OPERATION_ABORTED && !disturbed && !flow->connection->closed)
        sim_fail("nobody has cancelled what is aborted");
    return disturbed && actor_is_disturbance(error);
}

/* -- Sending ------------------------------------------------------------------------------------------------------- */

static void note_sent(struct flow *flow, const unsigned char *bytes, size_t size, size_t sent, apm_error error)
{
    SIM_CHECK(sent <= size && (error != APM_ERROR_SUCCESS || sent == size));
    SIM_CHECK(!flow->is_cut || sent == 0); /* nothing follows a part of a message */
    SIM_CHECK(flow->wire_size + sent <= WIRE);
    memcpy(flow->wire + flow->wire_size, bytes, sent);
    flow->wire_size += sent;
    if (sent > 0 && sent < size)
        flow->is_cut = true;
}

static bool send_synchronously(struct flow *flow)
{
    unsigned char bytes[300];
    size_t size = 1 + sim_random(sizeof bytes);
    size_t sent;
    apm_error error = transfer_send(flow->from, bytes, size, flow->number, &sent);
    flow->number += (uint32_t)size;
    note_sent(flow, bytes, size, sent, error);
    return check_outcome(flow, flow->sender, error, false);
}

static bool send_some(struct flow *flow)
{
    struct actor_operation *pending[MOST_PENDING];
    uint32_t count = 1 + sim_random(MOST_PENDING);
    bool goes_on = true;
    uint32_t begun = 0;
    while (begun < count && goes_on) {
        struct actor_operation *operation = transfer_send_operation(flow->from, 1 + sim_random(900));
        apm_error error = transfer_begin_send(operation, flow->number);
        flow->number += (uint32_t)operation->size;
        goes_on = check_outcome(flow, flow->sender, error, false);
        if (!goes_on) {
            SIM_CHECK(apm_async_result_is_null(operation->result));
            break;
        }
        if (flow->connection->hostile)
            drawer_put(operation);
        pending[begun++] = operation;
    }
    for (uint32_t i = 0; i < begun; i++)
        actor_finish(pending[i]);
    for (uint32_t i = 0; i < begun; i++) {
        note_sent(flow, pending[i]->buffer, pending[i]->size, pending[i]->transferred, pending[i]->error);
        goes_on = check_outcome(flow, flow->sender, pending[i]->error, pending[i]->disturbed) && goes_on;
    }
    return goes_on;
}

static void send_all(void *argument)
{
    struct flow *flow = argument;
    bool goes_on = true;
    while (goes_on && flow->number < flow->limit) {
        goes_on = sim_one_in(5) ? send_synchronously(flow) : send_some(flow);
        goes_on = goes_on && !flow->is_cut;
        if (sim_one_in(4))
            actor_pause(2000);
    }
    if (goes_on) {
        apm_error error = apm_socket_shutdown(flow->from, APM_SOCKET_SHUTDOWN_SEND);
        if (error != APM_ERROR_SUCCESS)
            SIM_CHECK(flow->connection->hostile && is_breakdown(error));
    } else { /* or the other side would wait for an end */
        flow->connection->closed = true;
        apm_socket_close(flow->from);
    }
    flow->busy--;
    sim_wake_all(flow);
}

/* -- Receiving ----------------------------------------------------------------------------------------------------- */

static bool note_received(struct flow *flow, const unsigned char *bytes, size_t received, apm_error error,
                          bool disturbed)
{
    SIM_CHECK(error == APM_ERROR_SUCCESS || received == 0);
    SIM_CHECK(!flow->is_ended || received == 0);
    SIM_CHECK(flow->got_size + received <= WIRE);
    memcpy(flow->got + flow->got_size, bytes, received);
    flow->got_size += received;
    if (error == APM_ERROR_SUCCESS && received == 0)
        flow->is_ended = true;
    return check_outcome(flow, !flow->sender, error, disturbed) && !flow->is_ended;
}

static bool receive_synchronously(struct flow *flow)
{
    unsigned char bytes[300];
    size_t received;
    apm_error error = transfer_receive(flow->to, bytes, 1 + sim_random(sizeof bytes), &received);
    return note_received(flow, bytes, received, error, false);
}

static bool receive_some(struct flow *flow)
{
    struct actor_operation *pending[MOST_PENDING];
    uint32_t count = 1 + sim_random(MOST_PENDING);
    bool goes_on = true;
    uint32_t begun = 0;
    while (begun < count && goes_on) {
        struct actor_operation *operation = transfer_receive_operation(flow->to, 1 + sim_random(900));
        apm_error error = transfer_begin_receive(operation);
        goes_on = check_outcome(flow, !flow->sender, error, false);
        if (!goes_on)
            break;
        if (flow->connection->hostile)
            drawer_put(operation);
        pending[begun++] = operation;
    }
    for (uint32_t i = 0; i < begun; i++)
        actor_finish(pending[i]);
    for (uint32_t i = 0; i < begun; i++) {
        struct actor_operation *operation = pending[i];
        goes_on = note_received(flow, operation->buffer, operation->transferred, operation->error,
                                operation->disturbed) &&
                  goes_on;
    }
    return goes_on;
}

static void receive_all(void *argument)
{
    struct flow *flow = argument;
    bool goes_on = true;
    while (goes_on) {
        goes_on = sim_one_in(5) ? receive_synchronously(flow) : receive_some(flow);
        if (sim_one_in(4))
            actor_pause(2000);
    }
    if (!flow->is_ended) { /* or the other side would wait for room */
        flow->connection->closed = true;
        apm_socket_close(flow->to);
    }
    flow->busy--;
    sim_wake_all(flow);
}

/* -- Connections --------------------------------------------------------------------------------------------------- */

static apm_error end_accept(struct actor_operation *operation)
{
    return apm_socket_end_accept(operation->socket, operation->result, &operation->accepted);
}

static apm_error end_connect(struct actor_operation *operation)
{
    return apm_socket_end_connect(operation->socket, operation->result);
}

/* An endpoint to bind to: a port of this machine, or a path that nobody else has. */
static apm_endpoint free_endpoint(bool by_path)
{
    static int number;
    char path[32];
    apm_endpoint endpoint = {.address = apm_ip_address_loopback()};
    if (by_path) {
        snprintf(path, sizeof path, "/run/%d", number++);
        apm_error error = apm_unix_domain_socket_endpoint_create(path, &endpoint);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
    }
    return endpoint;
}

static void connect_both(apm_socket *client, apm_socket *server)
{
    apm_socket listener;
    apm_endpoint local = free_endpoint(sim_one_in(4));
    apm_address_family family = local.address.family;
    apm_error error = apm_socket_create(family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_UNSPECIFIED, &listener);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_socket_bind(listener, local);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_socket_listen(listener, (int)sim_random(4));
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_socket_local_endpoint(listener, &local);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_socket_create(family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_UNSPECIFIED, client);
    SIM_CHECK(error == APM_ERROR_SUCCESS);

    struct actor_operation *accept = actor_operation(end_accept, listener, 0);
    struct actor_operation *connect = actor_operation(end_connect, *client, 0);
    bool accepts_first = sim_one_in(2);
    for (int i = 0; i < 2; i++) {
        struct actor_operation *operation = accepts_first == (i == 0) ? accept : connect;
        apm_async_callback *callback = actor_callback(operation);
        error = operation == accept ? apm_socket_begin_accept(listener, callback, accept, &accept->result)
                                    : apm_socket_begin_connect(*client, local, callback, connect, &connect->result);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
    }
    actor_finish(connect);
    actor_finish(accept);
    SIM_CHECK(connect->error == APM_ERROR_SUCCESS && accept->error == APM_ERROR_SUCCESS);
    *server = accept->accepted;
    apm_socket_close(listener);
}

static struct flow *start_flow(struct connection *connection, int sender)
{
    struct flow *flow = actor_allocate(sizeof *flow);
    *flow = (struct flow){.connection = connection,
                          .sender = sender,
                          .from = connection->sides[sender],
                          .to = connection->sides[!sender],
                          .limit = sim_random(sim_one_in(8) ? 11500 : 2500)};
    flow->wire = actor_allocate(WIRE);
    flow->got = actor_allocate(WIRE);
    flow->busy = 2;
    actor_start("sender", send_all, flow);
    actor_start("receiver", receive_all, flow);
    return flow;
}

/*
 * The system tells once that a connection is broken, and it may be a send that it tells; to receives the stream just
 * ends then, as in .NET.
 */
static void check_flow(const struct flow *flow)
{
    bool in_order = flow->is_ended && !flow->connection->broken[!flow->sender];
    SIM_CHECK(flow->got_size <= flow->wire_size);
    SIM_CHECK(memcmp(flow->got, flow->wire, flow->got_size) == 0);
    SIM_CHECK(!in_order || flow->got_size == flow->wire_size);
    SIM_CHECK(!in_order || !flow->is_cut);
    SIM_CHECK(flow->connection->hostile || in_order);
}

static void close_one(apm_socket socket)
{
    apm_error error = APM_ERROR_SUCCESS;
    size_t available;
    if (sim_one_in(2))
        apm_socket_close(socket);
    else
        error = apm_socket_close_and_wait(socket, 60000);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_socket_available(socket, &available);
    SIM_CHECK(error == APM_ERROR_OBJECT_DISPOSED);
}

void actor_tcp(void *unused)
{
    struct connection *connection = actor_allocate(sizeof *connection);
    struct flow *flows[2];
    (void)unused;
    connection->hostile = sim_one_in(2);
    connect_both(&connection->sides[0], &connection->sides[1]);
    if (sim_one_in(6)) {
        apm_error error = apm_socket_set_serialised(connection->sides[1], true);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
    }
    for (int i = 0; i < 2; i++)
        flows[i] = start_flow(connection, i);
    if (connection->hostile && sim_one_in(2)) {
        actor_pause(sim_one_in(2) ? 300 : 20000);
        connection->closed = true;
        close_one(connection->sides[sim_random(2)]);
    }
    for (int i = 0; i < 2; i++)
        while (flows[i]->busy > 0)
            actor_await(flows[i], "the end of a stream");
    connection->closed = true;
    for (int i = 0; i < 2; i++)
        close_one(connection->sides[i]);
    for (int i = 0; i < 2; i++)
        check_flow(flows[i]);
}
