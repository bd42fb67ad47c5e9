/*
 * The calls of a program that take results, streams, events, timers and waits.
 */
#include <stdlib.h>
#include <string.h>

#include "api.h"

/* -- Results ------------------------------------------------------------------------------------------------------- */

static void end_what_has_completed(struct api_program *program)
{
    struct api_operation *operation = api_any_operation(program);

    if (operation != NULL && apm_async_result_is_completed(operation->result)) {
        api_end_operation(program, operation);
    }
}

/* An End of another kind, or of another socket, leaves the result as it was. */
static void end_wrongly(struct api_program *program)
{
    struct api_operation *operation = api_any_operation(program);
    uint8_t choice = fuzz_byte(&program->input);
    apm_async_result made_up = {fuzz_word(&program->input) | UINT64_C(0xffff) << 48};
    apm_error error;

    error = api_end((enum api_kind)(choice % API_KINDS), program->sockets[0].bits, made_up, NULL);
    FUZZ_CHECK(error != APM_ERROR_SUCCESS);
    if (operation == NULL) {
        return;
    }
    error = api_end(operation->kind, operation->owner ^ 1, operation->result, NULL);
    FUZZ_CHECK(error == APM_ERROR_ARGUMENT || error == APM_ERROR_INVALID_OPERATION);
}

static void cancel(struct api_program *program)
{
    struct api_operation *operation = api_any_operation(program);
    uint8_t choice = fuzz_byte(&program->input);
    apm_error error;

    if (operation == NULL) {
        return;
    }
    if (choice % 2 == 0) {
        error = apm_async_result_cancel(operation->result);
    } else {
        error = apm_async_result_cancel_after(operation->result, choice % 5 - 1);
    }
    FUZZ_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_INVALID_OPERATION);
}

static void wait_for_results(struct api_program *program)
{
    apm_wait_handle handles[3];
    size_t index;
    size_t count = 0;
    apm_error error;

    for (; count < 3; count++) {
        struct api_operation *operation = api_any_operation(program);

        if (operation == NULL) {
            return;
        }
        handles[count] = apm_async_result_async_wait_handle(operation->result);
    }
    if (fuzz_byte(&program->input) % 2 == 0) {
        error = apm_wait_handle_wait_any(handles, count, api_timeout_ms(program), &index);
        FUZZ_CHECK(error != APM_ERROR_SUCCESS || index < count);
    } else {
        error = apm_wait_handle_wait_all(handles, count, api_timeout_ms(program));
    }
    FUZZ_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_WAIT_TIMEOUT || error == APM_ERROR_ARGUMENT ||
               error == APM_ERROR_ARGUMENT_OUT_OF_RANGE);
}

/* -- Streams ------------------------------------------------------------------------------------------------------- */

static void create_stream(struct api_program *program)
{
    apm_stream *place = &program->streams[api_object(program)];
    apm_stream stream;
    uint8_t choice = fuzz_byte(&program->input);
    apm_error error;

    if (choice % 3 == 0) {
        error = apm_memory_stream_create(choice, &stream);
    } else {
        error = apm_network_stream_create(api_socket(program), APM_FILE_ACCESS_READ_WRITE, choice % 2 == 0, &stream);
    }
    if (error == APM_ERROR_SUCCESS) {
        if (!apm_stream_is_null(*place)) {
            FUZZ_SUCCESS(apm_stream_close(*place));
        }
        *place = stream;
    }
}

static void close_stream(struct api_program *program)
{
    apm_error error = apm_stream_close(program->streams[api_object(program)]);

    (void)error;
}

static void begin_on_stream(struct api_program *program, enum api_kind kind)
{
    apm_stream stream = program->streams[api_object(program)];
    apm_stream other = program->streams[api_object(program)];
    struct api_operation *operation = api_prepare(program, kind, stream.bits, api_size(program));
    apm_error error;

    if (operation == NULL) {
        return;
    }
    operation->result.bits = 1;
    if (kind == API_READ) {
        error = apm_stream_begin_read(stream, operation->buffer, operation->size, api_callback(operation), operation,
                                      &operation->result);
    } else if (kind == API_WRITE) {
        error = apm_stream_begin_write(stream, operation->buffer, operation->size, api_callback(operation), operation,
                                       &operation->result);
    } else {
        error = apm_stream_begin_copy_to(stream, other, 1 + (int)(operation->size % 100), api_callback(operation),
                                         operation, &operation->result);
    }
    api_begun(program, operation, error);
}

static void begin_read(struct api_program *program)
{
    begin_on_stream(program, API_READ);
}

static void begin_write(struct api_program *program)
{
    begin_on_stream(program, API_WRITE);
}

static void begin_copy(struct api_program *program)
{
    begin_on_stream(program, API_COPY);
}

/* -- Events, timers and registered waits --------------------------------------------------------------------------- */

static void use_event(struct api_program *program)
{
    apm_manual_reset_event *event = &program->events[api_object(program)];
    apm_error error;

    switch (fuzz_byte(&program->input) % 5) {
    case 0:
        if (apm_manual_reset_event_is_null(*event)) {
            FUZZ_SUCCESS(apm_manual_reset_event_create(false, event));
        }
        return;
    case 1: error = apm_manual_reset_event_set(*event); break;
    case 2: error = apm_manual_reset_event_reset(*event); break;
    case 3: error = apm_manual_reset_event_wait_one(*event, api_timeout_ms(program)); break;
    default:
        error = apm_manual_reset_event_close(*event);
        *event = (apm_manual_reset_event)APM_NULL_HANDLE;
        break;
    }
    (void)error;
}

static void use_semaphore(struct api_program *program)
{
    apm_semaphore *semaphore = &program->semaphores[api_object(program)];
    int before;
    apm_error error;

    switch (fuzz_byte(&program->input) % 4) {
    case 0:
        if (apm_semaphore_is_null(*semaphore)) {
            FUZZ_SUCCESS(apm_semaphore_create(0, 5, semaphore));
        }
        return;
    case 1: error = apm_semaphore_release(*semaphore, api_timeout_ms(program), &before); break;
    case 2: error = apm_semaphore_wait_one(*semaphore, api_timeout_ms(program)); break;
    default:
        error = apm_semaphore_close(*semaphore);
        *semaphore = (apm_semaphore)APM_NULL_HANDLE;
        break;
    }
    (void)error;
}

/* What timers and waits call: there is nothing to do, and nobody counts. */
static void fire(void *state)
{
    (void)state;
}

static void be_released(void *state, bool timed_out)
{
    (void)state;
    (void)timed_out;
}

static void use_timer(struct api_program *program)
{
    apm_timer *timer = &program->timers[api_object(program)];
    int due_ms = api_timeout_ms(program);
    uint8_t choice = fuzz_byte(&program->input);
    apm_error error;

    if (choice % 3 == 0 && apm_timer_is_null(*timer)) {
        error = apm_timer_create(program->pool, fire, program, due_ms, choice % 4, timer);
    } else if (choice % 3 == 1) {
        error = apm_timer_change(*timer, due_ms, choice % 4);
    } else {
        error = apm_timer_close(*timer);
        *timer = (apm_timer)APM_NULL_HANDLE;
    }
    (void)error;
}

static void register_wait(struct api_program *program)
{
    apm_registered_wait_handle *wait = &program->waits[api_object(program)];
    apm_manual_reset_event event = program->events[api_object(program)];
    apm_semaphore semaphore = program->semaphores[api_object(program)];
    uint8_t choice = fuzz_byte(&program->input);
    apm_wait_handle handle = choice % 2 == 0 ? apm_manual_reset_event_to_wait_handle(event)
                                             : apm_semaphore_to_wait_handle(semaphore);
    apm_error error;

    if (apm_registered_wait_handle_is_null(*wait)) {
        error = apm_thread_pool_register_wait_for_single_object(program->pool, handle, be_released, program,
                                                                api_timeout_ms(program), choice % 4 < 2, wait);
    } else {
        error = apm_registered_wait_handle_unregister(*wait, (apm_wait_handle)APM_NULL_HANDLE);
        *wait = (apm_registered_wait_handle)APM_NULL_HANDLE;
    }
    (void)error;
}

/* -- Pools --------------------------------------------------------------------------------------------------------- */

static void *invoke_nothing(void *argument)
{
    return argument;
}

/* The record's End names another function, which is an error of the program that leaves the result to be ended. */
static void begin_invoke(struct api_program *program)
{
    struct api_operation *operation = api_prepare(program, API_DELEGATE, 0, 0);
    apm_error error;
    void *value;

    if (operation == NULL) {
        return;
    }
    operation->mode = API_NO_CALLBACK;
    operation->result.bits = 1;
    error = apm_delegate_begin_invoke(program->pool, invoke_nothing, program, NULL, NULL, &operation->result);
    if (error == APM_ERROR_SUCCESS) {
        FUZZ_SUCCESS(apm_delegate_end_invoke(invoke_nothing, operation->result, &value));
        FUZZ_CHECK(value == program);
    }
    free(operation->buffer);
    operation->buffer = NULL;
}

static void use_pool(struct api_program *program)
{
    uint8_t choice = fuzz_byte(&program->input);

    if (apm_thread_pool_is_null(program->pool) && choice % 4 == 0) {
        FUZZ_SUCCESS(apm_thread_pool_create(1, 1 + choice % 3, &program->pool));
    } else {
        FUZZ_SUCCESS(apm_thread_pool_queue_user_work_item(program->pool, fire, program, choice % 2 == 0));
    }
}

api_call *const api_object_calls[] = {end_what_has_completed,
                                      end_what_has_completed,
                                      end_wrongly,
                                      cancel,
                                      cancel,
                                      wait_for_results,
                                      create_stream,
                                      close_stream,
                                      begin_read,
                                      begin_write,
                                      begin_copy,
                                      use_event,
                                      use_semaphore,
                                      use_timer,
                                      register_wait,
                                      begin_invoke,
                                      use_pool};
const size_t api_object_call_count = sizeof api_object_calls / sizeof api_object_calls[0];
