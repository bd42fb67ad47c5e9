/*
 * Latches, threads, operations and sockets of the library.
 */
#include "support.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

/* -- Latches ----------------------------------------------------------------------------------------------------- */

void latch_init(struct latch *latch)
{
    pthread_mutex_init(&latch->mutex, NULL);
    pthread_cond_init(&latch->changed, NULL);
    latch->count = 0;
}

void latch_add(struct latch *latch, size_t amount)
{
    /* Unlocking comes last, so that who sees the count may free the latch. */
    pthread_mutex_lock(&latch->mutex);
    latch->count += amount;
    pthread_cond_broadcast(&latch->changed);
    pthread_mutex_unlock(&latch->mutex);
}

size_t latch_count(struct latch *latch)
{
    size_t count;

    pthread_mutex_lock(&latch->mutex);
    count = latch->count;
    pthread_mutex_unlock(&latch->mutex);
    return count;
}

bool latch_wait(struct latch *latch, size_t count, int timeout_ms)
{
    struct timespec deadline;
    bool reached;
    int error = 0;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&latch->mutex);
    while (latch->count < count && error == 0) {
        error = pthread_cond_clockwait(&latch->changed, &latch->mutex, CLOCK_MONOTONIC, &deadline);
    }
    reached = latch->count >= count;
    pthread_mutex_unlock(&latch->mutex);
    return reached;
}

/* -- Threads ----------------------------------------------------------------------------------------------------- */

static void *thread_main(void *argument)
{
    struct thread *self = argument;

    self->body(self->argument);
    return NULL;
}

void thread_start(struct thread *thread, void (*body)(void *argument), void *argument)
{
    thread->body = body;
    thread->argument = argument;
    CHECK_EQ(pthread_create(&thread->handle, NULL, thread_main, thread), 0);
}

void thread_join(struct thread *thread)
{
    CHECK_EQ(pthread_join(thread->handle, NULL), 0);
}

/* -- Operations -------------------------------------------------------------------------------------------------- */

static void on_completion(apm_async_result result)
{
    struct operation *completed = apm_async_result_async_state(result);

    CHECK(completed != NULL);
    CHECK(apm_thread_pool_is_pool_thread());
    CHECK(apm_async_result_is_completed(result));
    CHECK(!apm_async_result_completed_synchronously(result));
    completed->seen = result;
    latch_add(&completed->called, 1);
}

apm_async_callback *operation_start_callback(struct operation *operation)
{
    apm_async_result none = APM_NULL_HANDLE;

    operation->result = none;
    operation->seen = none;
    latch_init(&operation->called);
    return on_completion;
}

apm_async_callback *operation_start(struct operation *operation)
{
    apm_async_callback *callback = operation_start_callback(operation);

    return harness_get_flavour() == HARNESS_FLAVOUR_CALLBACK ? callback : NULL;
}

static bool wait_for_callback(struct operation *operation, int timeout_ms)
{
    if (!latch_wait(&operation->called, 1, timeout_ms)) {
        return false;
    }
    CHECK_EQ(latch_count(&operation->called), 1);
    CHECK_EQ(operation->seen.bits, operation->result.bits);
    return true;
}

static bool wait_by_polling(const struct operation *operation, int timeout_ms)
{
    int64_t deadline = harness_now_ms() + timeout_ms;

    while (!apm_async_result_is_completed(operation->result)) {
        if (harness_now_ms() >= deadline) {
            return false;
        }
        poll(NULL, 0, 1);
    }
    return true;
}

bool operation_wait(struct operation *operation, int timeout_ms)
{
    apm_error error;

    switch (harness_get_flavour()) {
    case HARNESS_FLAVOUR_WAIT:
        error = apm_wait_handle_wait_one(apm_async_result_async_wait_handle(operation->result), timeout_ms);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_WAIT_TIMEOUT);
        return error == APM_ERROR_SUCCESS;
    case HARNESS_FLAVOUR_POLL: return wait_by_polling(operation, timeout_ms);
    case HARNESS_FLAVOUR_CALLBACK:
    case HARNESS_FLAVOUR_COUNT:
    default: return wait_for_callback(operation, timeout_ms);
    }
}

apm_error finish_receive(apm_socket socket, struct operation *operation, size_t *received)
{
    AWAIT(operation);
    return apm_socket_end_receive(socket, operation->result, received);
}

apm_error finish_send(apm_socket socket, struct operation *operation, size_t *sent)
{
    AWAIT(operation);
    return apm_socket_end_send(socket, operation->result, sent);
}

apm_error finish_connect(apm_socket socket, struct operation *operation)
{
    AWAIT(operation);
    return apm_socket_end_connect(socket, operation->result);
}

apm_error finish_disconnect(apm_socket socket, struct operation *operation)
{
    AWAIT(operation);
    return apm_socket_end_disconnect(socket, operation->result);
}

apm_error finish_accept(apm_socket listener, struct operation *operation, apm_socket *accepted)
{
    AWAIT(operation);
    return apm_socket_end_accept(listener, operation->result, accepted);
}

/* -- Sockets of the library -------------------------------------------------------------------------------------- */

apm_endpoint loopback_endpoint(uint16_t port)
{
    apm_endpoint endpoint;

    CHECK_SUCCESS(apm_endpoint_create(apm_ip_address_loopback(), port, &endpoint));
    return endpoint;
}

apm_endpoint endpoint_of(const char *text)
{
    apm_endpoint endpoint;

    CHECK_SUCCESS(apm_endpoint_parse(text, &endpoint));
    return endpoint;
}

apm_ip_address address_of(const char *text)
{
    apm_ip_address address;

    CHECK_SUCCESS(apm_ip_address_parse(text, &address));
    return address;
}

apm_endpoint closed_endpoint(void)
{
    apm_endpoint local;
    int listener = raw_listen(1, &local);

    raw_close(listener);
    return local;
}

apm_socket tcp_create_ipv6(void)
{
    apm_socket socket;

    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket));
    return socket;
}

apm_socket tcp_create_dual_mode(void)
{
    apm_socket socket;

    CHECK_SUCCESS(apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket));
    return socket;
}

apm_socket tcp_create(void)
{
    apm_socket socket;

    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket));
    CHECK(!apm_socket_is_null(socket));
    return socket;
}

apm_socket tcp_listen(apm_endpoint *local)
{
    apm_socket listener = tcp_create();

    CHECK_SUCCESS(apm_socket_bind(listener, loopback_endpoint(0)));
    CHECK_SUCCESS(apm_socket_listen(listener, 1024));
    CHECK_SUCCESS(apm_socket_local_endpoint(listener, local));
    return listener;
}

uint16_t local_port(apm_socket socket)
{
    apm_endpoint local;

    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &local));
    return local.port;
}

socket_pair socket_pair_create(void)
{
    socket_pair pair;
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);

    pair.client = tcp_create();
    CHECK_SUCCESS(apm_socket_connect(pair.client, local));
    CHECK_SUCCESS(apm_socket_accept(listener, &pair.server));
    CHECK_SUCCESS(apm_socket_close(listener));
    return pair;
}

void socket_pair_close(socket_pair pair)
{
    CHECK_SUCCESS(apm_socket_close(pair.client));
    CHECK_SUCCESS(apm_socket_close(pair.server));
}

peered_socket peered_socket_create(void)
{
    peered_socket pair;
    apm_endpoint local;
    int listener = raw_listen(16, &local);

    pair.socket = tcp_create();
    CHECK_SUCCESS(apm_socket_connect(pair.socket, local));
    pair.peer = raw_accept(listener);
    raw_close(listener);
    return pair;
}

void peered_socket_close(peered_socket pair)
{
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    raw_close(pair.peer);
}

void await_available(apm_socket socket, size_t size)
{
    int64_t deadline = harness_now_ms() + PATIENCE_MS;
    size_t available;

    for (;;) {
        CHECK_SUCCESS(apm_socket_available(socket, &available));
        if (available >= size) {
            return;
        }
        CHECK(harness_now_ms() < deadline);
        poll(NULL, 0, 1);
    }
}

void receive_exactly(apm_socket socket, void *buffer, size_t size)
{
    uint8_t *next = buffer;

    while (size > 0) {
        size_t received;

        CHECK_SUCCESS(apm_socket_receive(socket, next, size, APM_SOCKET_FLAGS_NONE, &received));
        CHECK(received > 0 && received <= size);
        next += received;
        size -= received;
    }
}

void send_all(apm_socket socket, const void *buffer, size_t size)
{
    size_t sent;

    CHECK_SUCCESS(apm_socket_send(socket, buffer, size, APM_SOCKET_FLAGS_NONE, &sent));
    CHECK_EQ(sent, size);
}

uint8_t *big_block_create(void)
{
    uint8_t *block = calloc(1, BIG_BLOCK_SIZE);

    CHECK(block != NULL);
    return block;
}
