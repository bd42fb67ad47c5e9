/*
 * The library's functions as a program that the bytes stand for: which calls, on which handles, with which values. In
 * any program each operation completes once, each callback runs once, End gives each outcome once, no memory of the
 * program is touched after that, and all of it ends when everything is closed.
 */
#include <string.h>

#include "api.h"

/* A listener in the first place, so that a short program can have connections. */
static void start(struct api_program *program)
{
    apm_endpoint endpoint;
    apm_socket listener;

    FUZZ_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &listener));
    api_put_socket(&program->sockets[0], listener);
    FUZZ_SUCCESS(apm_endpoint_create(apm_ip_address_loopback(), 0, &endpoint));
    FUZZ_SUCCESS(apm_socket_bind(listener, endpoint));
    FUZZ_SUCCESS(apm_socket_listen(listener, 16));
}

/* Waits until what was asked to end has ended; with the pool that it was on it may have been ended before. */
static void await_end(apm_error error, apm_manual_reset_event ended, bool pool_is_destroyed)
{
    if (error == APM_ERROR_OBJECT_DISPOSED && pool_is_destroyed) {
        return;
    }
    FUZZ_SUCCESS(error);
    FUZZ_SUCCESS(apm_manual_reset_event_wait_one(ended, API_PATIENCE_MS));
    FUZZ_SUCCESS(apm_manual_reset_event_reset(ended));
}

/* Ends what may fire, and waits until nothing of it runs. */
static void finish_objects(struct api_program *program, bool pool_is_destroyed)
{
    apm_manual_reset_event ended;
    apm_wait_handle handle;

    FUZZ_SUCCESS(apm_manual_reset_event_create(false, &ended));
    handle = apm_manual_reset_event_to_wait_handle(ended);
    for (size_t i = 0; i < API_OBJECTS; i++) {
        apm_error error;

        if (!apm_timer_is_null(program->timers[i])) {
            await_end(apm_timer_close_and_signal(program->timers[i], handle), ended, pool_is_destroyed);
        }
        if (!apm_registered_wait_handle_is_null(program->waits[i])) {
            await_end(apm_registered_wait_handle_unregister(program->waits[i], handle), ended, pool_is_destroyed);
        }
        error = apm_manual_reset_event_close(program->events[i]);
        error = apm_semaphore_close(program->semaphores[i]);
        error = apm_stream_close(program->streams[i]);
        (void)error;
    }
    FUZZ_SUCCESS(apm_manual_reset_event_close(ended));
}

static void finish(struct api_program *program, bool destroys_pool_first)
{
    if (destroys_pool_first && !apm_thread_pool_is_null(program->pool)) {
        FUZZ_SUCCESS(apm_thread_pool_destroy(program->pool, API_PATIENCE_MS));
    }
    for (size_t i = 0; i < API_SOCKETS; i++) {
        apm_error error = apm_socket_close(program->sockets[i]);

        FUZZ_CHECK(error == APM_ERROR_SUCCESS || apm_socket_is_null(program->sockets[i]) || destroys_pool_first);
    }
    finish_objects(program, destroys_pool_first && !apm_thread_pool_is_null(program->pool));
    api_finish_operations(program);
    if (!destroys_pool_first && !apm_thread_pool_is_null(program->pool)) {
        FUZZ_SUCCESS(apm_thread_pool_destroy(program->pool, API_PATIENCE_MS));
    }
}

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    static struct api_program program;
    bool destroys_pool_first;

    memset(&program, 0, sizeof program);
    program.input = (struct fuzz_input){bytes, size};
    destroys_pool_first = fuzz_byte(&program.input) % 2 == 0;
    start(&program);
    for (size_t i = 0; i < API_CALLS && program.input.left > 0; i++) {
        uint8_t call = fuzz_byte(&program.input);

        if (call < 160) {
            api_socket_calls[call % api_socket_call_count](&program);
        } else {
            api_object_calls[call % api_object_call_count](&program);
        }
    }
    finish(&program, destroys_pool_first);
    return 0;
}
