/*
 * Owns the datagrams of apm-echo: each socket has a number of places, which take turns with receiving. A place is one
 * chain of operations for as long as the socket is open, and is freed when the socket is closed.
 */
#include <stdlib.h>

#include "echo.h"
#include "frame.h"

#define DATAGRAM_MOST 65535u
#define REPLY_MOST 65507u

struct place {
    apm_socket socket;
    apm_timer timer; /* of the delay service, else null */
    apm_endpoint remote;
    size_t size;
    size_t line;     /* of chargen's text, that comes next */
    uint8_t *output; /* of the reply service, else null */
    uint8_t input[];
};

static void begin_receive(struct place *place);

static void free_place(struct place *place)
{
    if (!apm_timer_is_null(place->timer))
        apm_timer_close(place->timer);
    free(place->output);
    free(place);
}

/* An answer that cannot be sent is lost, as datagrams are; the place goes on with the next. */
static void on_sent(apm_async_result result)
{
    struct place *place = apm_async_result_async_state(result);
    size_t sent;

    if (apm_socket_end_send_to(place->socket, result, &sent) == APM_ERROR_SUCCESS)
        atomic_fetch_add_explicit(&echo_counts.sent_bytes, sent, memory_order_relaxed);
    begin_receive(place);
}

static void begin_send(struct place *place, const void *bytes, size_t size)
{
    if (apm_socket_begin_send_to(place->socket, bytes, size, APM_SOCKET_FLAGS_NONE, place->remote, on_sent, place,
                                 NULL) != APM_ERROR_SUCCESS)
        begin_receive(place);
}

static void on_delay(void *state)
{
    struct place *place = state;

    begin_send(place, place->input, place->size);
}

static void reply(struct place *place)
{
    struct frame frame = {0};

    if (place->size >= FRAME_HEAD_BYTES)
        frame = frame_read(place->input);
    if (!frame_is_valid(frame) || frame.request_bytes != place->size || frame.reply_bytes > REPLY_MOST) {
        begin_receive(place);
        return;
    }
    frame_reply(frame.number, 0, place->output, frame.reply_bytes);
    begin_send(place, place->output, frame.reply_bytes);
}

static void on_received(apm_async_result result)
{
    struct place *place = apm_async_result_async_state(result);
    apm_error error = apm_socket_end_receive_from(place->socket, result, &place->remote, &place->size);

    if (error != APM_ERROR_SUCCESS) {
        begin_receive(place);
        return;
    }
    atomic_fetch_add_explicit(&echo_counts.received_bytes, place->size, memory_order_relaxed);
    switch (echo_settings.service) {
    case ECHO_ECHO: begin_send(place, place->input, place->size); break;
    case ECHO_DISCARD: begin_receive(place); break;
    case ECHO_REPLY: reply(place); break;
    case ECHO_CHARGEN: begin_send(place, echo_text() + place->line, ECHO_TEXT_LINE); break;
    case ECHO_DELAY:
        if (apm_timer_change(place->timer, echo_settings.delay_ms, APM_TIMEOUT_INFINITE) != APM_ERROR_SUCCESS)
            begin_receive(place);
        break;
    }
}

/* Refused only where the socket is closed, which ends the chain, or memory is short, which costs a place. */
static void begin_receive(struct place *place)
{
    place->line = (place->line + ECHO_TEXT_LINE) % ECHO_TEXT_BYTES;
    if (apm_socket_begin_receive_from(place->socket, place->input, DATAGRAM_MOST, APM_SOCKET_FLAGS_NONE, on_received,
                                      place, NULL) != APM_ERROR_SUCCESS)
        free_place(place);
}

void echo_datagram_serve(apm_socket socket)
{
    for (unsigned i = 0; i < echo_settings.datagrams; i++) {
        struct place *place = calloc(1, sizeof *place + DATAGRAM_MOST);
        if (place != NULL && echo_settings.service == ECHO_REPLY)
            place->output = malloc(REPLY_MOST);
        if (place == NULL || (echo_settings.service == ECHO_REPLY && place->output == NULL))
            echo_check(APM_ERROR_OUT_OF_MEMORY, "memory");
        place->socket = socket;
        if (echo_settings.service == ECHO_DELAY)
            echo_check(apm_timer_create((apm_thread_pool)APM_NULL_HANDLE, on_delay, place, APM_TIMEOUT_INFINITE,
                                        APM_TIMEOUT_INFINITE, &place->timer),
                       "timer");
        begin_receive(place);
    }
}
