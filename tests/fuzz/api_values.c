/*
 * Values that the bytes of a program choose, and the records of its operations.
 *
 * Lock: `lock` guards nothing but the sleep of api_finish_operations; callbacks take it to end that.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* -- Values -------------------------------------------------------------------------------------------------------- */

apm_socket *api_socket_place(struct api_program *program)
{
    return &program->sockets[fuzz_byte(&program->input) % API_SOCKETS];
}

apm_socket api_socket(struct api_program *program)
{
    uint8_t choice = fuzz_byte(&program->input);
    apm_socket made_up = {0};

    if (choice == 255) {
        made_up.bits = fuzz_word(&program->input);
        return made_up;
    }
    return program->sockets[choice % API_SOCKETS];
}

size_t api_object(struct api_program *program)
{
    return fuzz_byte(&program->input) % API_OBJECTS;
}

apm_endpoint api_endpoint(struct api_program *program)
{
    uint8_t choice = fuzz_byte(&program->input);
    apm_endpoint endpoint = {.port = 0};
    apm_error error = APM_ERROR_ARGUMENT;

    if (choice < 8 * API_SOCKETS) {
        error = apm_socket_local_endpoint(program->sockets[choice % API_SOCKETS], &endpoint);
    }
    /* Nobody listens there, as a rule, and it does not matter. */
    if (error != APM_ERROR_SUCCESS || endpoint.address.family == APM_ADDRESS_FAMILY_UNIX) {
        apm_ip_address address = choice % 2 == 0 ? apm_ip_address_loopback() : apm_ip_address_ipv6_loopback();

        FUZZ_SUCCESS(apm_endpoint_create(address, choice % 4 < 2 ? 0 : 1, &endpoint));
    }
    if (!apm_endpoint_is_null(endpoint) && !apm_ip_address_is_loopback(apm_ip_address_map_to_ipv4(endpoint.address)) &&
        !apm_ip_address_is_loopback(endpoint.address)) {
        return (apm_endpoint){.port = 0};
    }
    return choice == 254 ? (apm_endpoint){.port = 0} : endpoint;
}

apm_socket_flags api_flags(struct api_program *program)
{
    uint8_t choice = fuzz_byte(&program->input);

    /* Mostly none; else any of those that there are, and some that there are not. */
    return choice < 192 ? APM_SOCKET_FLAGS_NONE : (apm_socket_flags)(choice & 15);
}

int api_timeout_ms(struct api_program *program)
{
    int choice = fuzz_byte(&program->input) % 6;

    return choice == 5 ? -2 : choice;
}

size_t api_size(struct api_program *program)
{
    return fuzz_number(&program->input) % API_BUFFER_LIMIT;
}

struct api_operation *api_any_operation(struct api_program *program)
{
    uint8_t choice = fuzz_byte(&program->input);

    return program->count == 0 ? NULL : &program->operations[choice % program->count];
}

void api_put_socket(apm_socket *place, apm_socket socket)
{
    FUZZ_CHECK(!apm_socket_is_null(socket));
    if (!apm_socket_is_null(*place)) {
        FUZZ_SUCCESS(apm_socket_close(*place));
    }
    *place = socket;
    FUZZ_SUCCESS(apm_socket_set_receive_timeout(socket, 1));
    FUZZ_SUCCESS(apm_socket_set_send_timeout(socket, 1));
}

/* -- Records ------------------------------------------------------------------------------------------------------- */

struct api_operation *api_prepare(struct api_program *program, enum api_kind kind, uint64_t owner, size_t size)
{
    uint8_t mode = fuzz_byte(&program->input);
    struct api_operation *operation;

    if (program->count == API_OPERATIONS) {
        return NULL;
    }
    operation = &program->operations[program->count];
    operation->kind = kind;
    operation->owner = owner;
    operation->mode = (enum api_mode)(mode % 3);
    operation->size = size;
    operation->buffer = malloc(size + (size == 0));
    operation->ended = false;
    atomic_store(&operation->callbacks, 0);
    FUZZ_CHECK(operation->buffer != NULL);
    memset(operation->buffer, mode, size);
    return operation;
}

static void on_completion(apm_async_result result)
{
    struct api_operation *operation = apm_async_result_async_state(result);

    FUZZ_CHECK(operation != NULL && apm_async_result_is_completed(result));
    FUZZ_CHECK(apm_async_result_equals(result, operation->result));
    if (operation->mode == API_CALLBACK_ENDS) {
        apm_error error = api_end(operation->kind, operation->owner, result, NULL);

        FUZZ_CHECK(error != APM_ERROR_ARGUMENT_NULL);
        free(operation->buffer);
        operation->buffer = NULL;
    }
    pthread_mutex_lock(&lock);
    atomic_fetch_add(&operation->callbacks, 1);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

apm_async_callback *api_callback(const struct api_operation *operation)
{
    return operation->mode == API_NO_CALLBACK ? NULL : on_completion;
}

void api_begun(struct api_program *program, struct api_operation *operation, apm_error error)
{
    if (error == APM_ERROR_SUCCESS) {
        FUZZ_CHECK(!apm_async_result_is_null(operation->result));
        program->count++;
    } else {
        FUZZ_CHECK(apm_async_result_is_null(operation->result));
        free(operation->buffer);
        operation->buffer = NULL;
    }
}

/* -- Ends ---------------------------------------------------------------------------------------------------------- */

static void keep_or_close(apm_error error, apm_socket accepted, apm_socket *place)
{
    FUZZ_CHECK((error == APM_ERROR_SUCCESS) != apm_socket_is_null(accepted));
    if (error == APM_ERROR_SUCCESS && place != NULL) {
        api_put_socket(place, accepted);
    } else if (error == APM_ERROR_SUCCESS) {
        FUZZ_SUCCESS(apm_socket_close(accepted));
    }
}

static apm_error end_datagram(enum api_kind kind, apm_socket socket, apm_async_result result)
{
    apm_ip_packet_information information;
    apm_socket_flags flags;
    apm_endpoint remote;
    size_t count;

    switch (kind) {
    case API_RECEIVE_FROM: return apm_socket_end_receive_from(socket, result, &remote, &count);
    case API_SEND_TO: return apm_socket_end_send_to(socket, result, &count);
    default: return apm_socket_end_receive_message_from(socket, result, &flags, &remote, &information, &count);
    }
}

static void *invoke_nothing(void *argument)
{
    return argument;
}

apm_error api_end(enum api_kind kind, uint64_t owner, apm_async_result result, apm_socket *place)
{
    apm_socket socket = {owner};
    apm_stream stream = {owner};
    apm_socket accepted;
    apm_error error;
    uint64_t sent;
    size_t count;
    void *value;

    switch (kind) {
    case API_ACCEPT:
        error = apm_socket_end_accept(socket, result, &accepted);
        keep_or_close(error, accepted, place);
        return error;
    case API_ACCEPT_RECEIVE:
        error = apm_socket_end_accept_receive(socket, result, &accepted, &count);
        keep_or_close(error, accepted, place);
        return error;
    case API_CONNECT: return apm_socket_end_connect(socket, result);
    case API_DISCONNECT: return apm_socket_end_disconnect(socket, result);
    case API_RECEIVE: return apm_socket_end_receive(socket, result, &count);
    case API_SEND: return apm_socket_end_send(socket, result, &count);
    case API_SEND_FILE: return apm_socket_end_send_file(socket, result, &sent);
    case API_POST: return apm_socket_end_post(socket, result);
    case API_WAIT_SENDABLE: return apm_socket_end_wait_sendable(socket, result);
    case API_DRAIN: return apm_socket_end_drain(socket, result, &count);
    case API_DELEGATE: return apm_delegate_end_invoke(invoke_nothing, result, &value);
    case API_READ: return apm_stream_end_read(stream, result, &count);
    case API_WRITE: return apm_stream_end_write(stream, result);
    case API_COPY: return apm_stream_end_copy_to(stream, result, &count);
    default: return end_datagram(kind, socket, result);
    }
}

void api_end_operation(struct api_program *program, struct api_operation *operation)
{
    apm_error error;

    (void)program;
    if (operation->ended || operation->mode == API_CALLBACK_ENDS) {
        error = api_end(operation->kind, operation->owner, operation->result, NULL);
        FUZZ_CHECK(!operation->ended || error == APM_ERROR_INVALID_OPERATION);
        return;
    }
    error = api_end(operation->kind, operation->owner, operation->result, NULL);
    FUZZ_CHECK(error != APM_ERROR_ARGUMENT && error != APM_ERROR_ARGUMENT_NULL);
    FUZZ_CHECK(apm_async_result_is_completed(operation->result));
    operation->ended = true;
    free(operation->buffer);
    operation->buffer = NULL;
}

/* Waits until the callback has run; one that never does is a find. */
static void await_callback(struct api_operation *operation)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += API_PATIENCE_MS / 1000;
    pthread_mutex_lock(&lock);
    while (atomic_load(&operation->callbacks) == 0) {
        FUZZ_CHECK(pthread_cond_timedwait(&changed, &lock, &end) == 0);
    }
    pthread_mutex_unlock(&lock);
}

void api_finish_operations(struct api_program *program)
{
    for (size_t i = 0; i < program->count; i++) {
        struct api_operation *operation = &program->operations[i];

        if (operation->mode != API_NO_CALLBACK) {
            await_callback(operation);
        }
        if (operation->mode != API_CALLBACK_ENDS && !operation->ended) {
            api_end_operation(program, operation);
        }
    }
    for (size_t i = 0; i < program->count; i++) {
        struct api_operation *operation = &program->operations[i];

        FUZZ_CHECK(operation->buffer == NULL);
        FUZZ_CHECK(atomic_load(&operation->callbacks) == (operation->mode == API_NO_CALLBACK ? 0 : 1));
        FUZZ_CHECK(api_end(operation->kind, operation->owner, operation->result, NULL) == APM_ERROR_INVALID_OPERATION);
    }
}
