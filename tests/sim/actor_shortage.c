/*
 * An actor while things run out (shortage.h): a call that does not get what it needs says so, and gives nothing; what
 * was begun ends, at the worst so; what has been refused may be tried again, and works in the end. Nothing is left over
 * of what was refused, which the end of the run shows.
 */
#include "shortage.h"

#include "actor_transfers.h"
#include "network.h"
#include "workload.h"

enum { MOST_ITEMS = 12, MOST_BYTES = 600 };

/* Tries until it works. */
#define PERSIST(call)                                                                                           \
    do {                                                                                                        \
        apm_error persist_error = (call);                                                                       \
        if (persist_error == APM_ERROR_SUCCESS)                                                                 \
            break;                                                                                              \
        if (!actor_is_shortage(persist_error))                                                                  \
            sim_fail("%s:%d: a call does not fail with %s", __FILE__, __LINE__, apm_error_name(persist_error)); \
        actor_pause(500);                                                                                       \
    } while (true)

/* -- The pool ------------------------------------------------------------------------------------------------------ */

struct heap {
    uint32_t run;
    uint32_t fired;
    uint32_t called;
    apm_manual_reset_event event;
    apm_timer timer;
    apm_registered_wait_handle registered;
};

static void run_item(void *state)
{
    struct heap *heap = state;
    SIM_POINT();
    heap->run++;
    if (sim_one_in(4))
        actor_pause(3000);
    sim_wake_all(heap);
}

static void fire(void *state)
{
    struct heap *heap = state;
    SIM_POINT();
    heap->fired++;
    sim_wake_all(heap);
}

static void called(void *state, bool timed_out)
{
    struct heap *heap = state;
    SIM_POINT();
    SIM_CHECK(!timed_out);
    heap->called++;
    sim_wake_all(heap);
}

static void *increase(void *argument)
{
    return (unsigned char *)argument + 1;
}

static apm_error end_invoke(struct actor_operation *operation)
{
    void *value;
    apm_error error = apm_delegate_end_invoke(increase, operation->result, &value);
    SIM_CHECK(error != APM_ERROR_SUCCESS || value == operation->buffer + 1);
    return error;
}

static void use_pool(void)
{
    struct heap *heap = actor_allocate(sizeof *heap);
    uint32_t items = 1 + sim_random(MOST_ITEMS);
    struct actor_operation *operation = actor_operation(end_invoke, (apm_socket){0}, 1);
    apm_async_callback *callback = actor_callback(operation);
    for (uint32_t i = 0; i < items; i++)
        PERSIST(apm_thread_pool_queue_user_work_item((apm_thread_pool){0}, run_item, heap, sim_one_in(2)));
    PERSIST(apm_delegate_begin_invoke((apm_thread_pool){0}, increase, operation->buffer, callback, operation,
                                      &operation->result));
    PERSIST(apm_timer_create((apm_thread_pool){0}, fire, heap, (int64_t)sim_random(10), -1, &heap->timer));
    PERSIST(apm_manual_reset_event_create(false, &heap->event));
    PERSIST(apm_thread_pool_register_wait_for_single_object((apm_thread_pool){0}, (apm_wait_handle){heap->event.bits},
                                                            called, heap, -1, true, &heap->registered));
    apm_error error = apm_manual_reset_event_set(heap->event);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    while (heap->run < items || heap->fired == 0 || heap->called == 0)
        actor_await(heap, "what the pool has taken on");
    actor_finish(operation);
    SIM_CHECK(operation->error == APM_ERROR_SUCCESS || operation->disturbed);
    SIM_CHECK(heap->run == items && heap->fired == 1 && heap->called == 1);
    error = apm_registered_wait_handle_unregister(heap->registered, (apm_wait_handle){0});
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    apm_timer_close(heap->timer);
    apm_manual_reset_event_close(heap->event);
}

static void use_own_pool(void)
{
    struct heap *heap = actor_allocate(sizeof *heap);
    apm_thread_pool pool;
    uint32_t items = sim_random(MOST_ITEMS);
    PERSIST(apm_thread_pool_create((int)sim_random(3), 4 + (int)sim_random(8), &pool));
    for (uint32_t i = 0; i < items; i++)
        PERSIST(apm_thread_pool_queue_user_work_item(pool, run_item, heap, sim_one_in(2)));
    apm_error error = apm_thread_pool_destroy(pool, -1);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    SIM_CHECK(heap->run == items);
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

static void check_outcome(const struct actor_operation *operation)
{
    if (operation->error != APM_ERROR_SUCCESS && !actor_is_shortage(operation->error))
        sim_fail("an operation does not end with %s", apm_error_name(operation->error));
}

/* Connects by name or address, until that works; each time with a socket of its own. */
static apm_socket connect_to(int port)
{
    for (;;) {
        apm_socket socket;
        PERSIST(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                                  &socket));
        struct actor_operation *connect = actor_operation(end_connect, socket, 0);
        apm_async_callback *callback = actor_callback(connect);
        apm_endpoint remote = {.address = apm_ip_address_loopback(), .port = (uint16_t)port};
        if (sim_one_in(2))
            PERSIST(apm_socket_begin_connect_host(socket, "one.test", port, callback, connect, &connect->result));
        else
            PERSIST(apm_socket_begin_connect(socket, remote, callback, connect, &connect->result));
        actor_finish(connect);
        check_outcome(connect);
        if (connect->error == APM_ERROR_SUCCESS)
            return socket;
        apm_socket_close(socket);
    }
}

static apm_socket accept_one(apm_socket listener)
{
    for (;;) {
        struct actor_operation *accept = actor_operation(end_accept, listener, 0);
        apm_async_callback *callback = actor_callback(accept);
        PERSIST(apm_socket_begin_accept(listener, callback, accept, &accept->result));
        actor_finish(accept);
        check_outcome(accept);
        SIM_CHECK((accept->error == APM_ERROR_SUCCESS) == !apm_socket_is_null(accept->accepted));
        if (accept->error == APM_ERROR_SUCCESS)
            return accept->accepted;
    }
}

/*
 * All of the flow; a send or receive that has failed is begun again behind what it has transferred. False if that is
 * not possible: nothing follows the part of a send that has been cut short; or the other side has gone away, because of
 * that, or because it could not have its connect watched.
 */
static bool transfer(apm_socket socket, uint32_t bytes, bool sends)
{
    for (uint32_t place = 0; place < bytes;) {
        struct actor_operation *operation = sends ? transfer_send_operation(socket, bytes - place)
                                                  : transfer_receive_operation(socket, bytes - place);
        PERSIST(sends ? transfer_begin_send(operation, place) : transfer_begin_receive(operation));
        actor_finish(operation);
        bool has_ended = operation->error == APM_ERROR_SUCCESS && operation->transferred == 0;
        if (has_ended || operation->error == APM_ERROR_CONNECTION_RESET || operation->error == APM_ERROR_SHUTDOWN)
            return false;
        check_outcome(operation);
        for (size_t i = 0; i < operation->transferred && !sends; i++)
            SIM_CHECK(operation->buffer[i] == sim_file_byte(place + i));
        place += (uint32_t)operation->transferred;
    }
    return true;
}

struct visitor {
    int port;
    uint32_t bytes;
};

static void visit(void *argument)
{
    const struct visitor *visitor = argument;
    bool is_served = false;
    while (!is_served) {
        apm_socket socket = connect_to(visitor->port);
        is_served = transfer(socket, visitor->bytes, true) && transfer(socket, visitor->bytes, false);
        apm_socket_close(socket);
    }
}

static void use_connection(void)
{
    apm_socket listener;
    apm_endpoint local = {.address = apm_ip_address_loopback()};
    PERSIST(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &listener));
    PERSIST(apm_socket_bind(listener, local));
    PERSIST(apm_socket_listen(listener, 5));
    PERSIST(apm_socket_local_endpoint(listener, &local));
    struct visitor *visitor = actor_allocate(sizeof *visitor);
    *visitor = (struct visitor){.port = local.port, .bytes = 1 + sim_random(MOST_BYTES)};
    int thread = sim_thread_start("visitor", visit, visitor);
    bool is_served = false;
    while (!is_served) {
        apm_socket served = accept_one(listener);
        is_served = transfer(served, visitor->bytes, false) && transfer(served, visitor->bytes, true);
        apm_socket_close(served);
    }
    sim_thread_join(thread);
    apm_socket_close(listener);
}

/* -- Look-ups ------------------------------------------------------------------------------------------------------ */

static apm_error end_addresses(struct actor_operation *operation)
{
    apm_host_entry *entry;
    apm_error error = apm_dns_end_get_host_addresses(operation->result, &entry);
    SIM_CHECK((error == APM_ERROR_SUCCESS) == (entry != NULL));
    if (entry)
        apm_host_entry_free(entry);
    return error;
}

static void look_up(void)
{
    struct actor_operation *operation;
    do {
        operation = actor_operation(end_addresses, (apm_socket){0}, 0);
        apm_async_callback *callback = actor_callback(operation);
        PERSIST(apm_dns_begin_get_host_addresses("both.test", callback, operation, &operation->result));
        actor_finish(operation);
        check_outcome(operation);
    } while (operation->error != APM_ERROR_SUCCESS);
}

void actor_shortage(void *unused)
{
    static void (*const uses[])(void) = {use_pool, use_own_pool, use_connection, look_up};
    (void)unused;
    for (uint32_t round = 1 + sim_random(6); round > 0; round--)
        uses[sim_random(sizeof uses / sizeof uses[0])]();
}
