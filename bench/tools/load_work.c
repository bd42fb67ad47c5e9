/*
 * Owns the bytes of requests and the checks of responses, of all kinds of load over streams. Nothing here waits or
 * locks: the caller holds the connection's lock.
 */
#include <stdio.h>
#include <string.h>

#include "frame.h"
#include "load_figures.h"
#include "load_stream.h"
#include "pattern.h"

/* Immutable after work_init. */
static uint8_t *body;     /* reply: the bytes of a request after its head, or NULL */
static uint8_t *requests; /* text and HTTP: as many requests, one after another, as may be in flight */

static uint64_t number_of(const struct stream *stream, uint64_t message)
{
    return stream->life << 32 | (message & UINT32_MAX);
}

void work_init(void)
{
    const struct load_options *options = &load.options;

    if (options->kind == LOAD_REPLY && options->size > FRAME_HEAD_BYTES)
        body = load_allocate(1, options->size - FRAME_HEAD_BYTES);
    if (options->kind == LOAD_TEXT || options->kind == LOAD_HTTP) {
        requests = load_allocate(options->depth, options->size);
        for (uint32_t i = 0; i < options->depth; i++)
            memcpy(requests + (size_t)i * options->size, options->request, options->size);
    }
}

size_t work_input_bytes(void)
{
    return load.options.connections <= 1000 ? PATTERN_RUN : PATTERN_RUN / 8;
}

void work_prepare(struct stream *stream)
{
    const struct load_options *options = &load.options;

    stream->input = load_allocate(1, work_input_bytes());
    if (options->kind == LOAD_REPLY)
        stream->heads = load_allocate(options->depth, FRAME_HEAD_BYTES);
    if (options->kind == LOAD_HTTP) {
        stream->http = load_allocate(1, sizeof *stream->http);
        stream->http->expected = options->expected;
        stream->http->expected_bytes = options->expected_bytes;
    }
}

void work_start(struct stream *stream)
{
    stream->received_bytes = 0;
    if (stream->http != NULL) {
        http_start(stream->http);
        stream->http->is_last = false;
    }
}

/* -- Sending ------------------------------------------------------------------------------------------------------ */

static void send_pattern(struct stream *stream, uint64_t offset, uint64_t size)
{
    while (size > 0) {
        size_t part = size < PATTERN_RUN ? (size_t)size : PATTERN_RUN;
        stream_send(stream, pattern_at(stream->life, offset), part);
        offset += part;
        size -= part;
    }
}

void work_send(struct stream *stream, uint64_t first, uint64_t count)
{
    const struct load_options *options = &load.options;

    if (options->kind == LOAD_ECHO) {
        send_pattern(stream, first * options->size, count * options->size);
    } else if (options->kind == LOAD_REPLY) {
        for (uint64_t i = first; i < first + count; i++) {
            uint8_t *head = stream->heads + (i % options->depth) * FRAME_HEAD_BYTES;
            struct frame frame = {options->size, options->reply_bytes, number_of(stream, i)};
            frame_write(frame, head);
            if (body == NULL)
                stream_send(stream, head, FRAME_HEAD_BYTES);
            else
                stream_send_two(stream, head, FRAME_HEAD_BYTES, body, options->size - FRAME_HEAD_BYTES);
        }
    } else {
        stream_send(stream, requests, (size_t)(count * options->size));
    }
}

/* -- Receiving ---------------------------------------------------------------------------------------------------- */

/* Says where the first wrong byte of a run is; the others are only counted. */
static void complain(const struct stream *stream, uint64_t offset, uint8_t expected, uint8_t received)
{
    static atomic_flag has_complained = ATOMIC_FLAG_INIT;

    if (!atomic_flag_test_and_set(&has_complained))
        fprintf(stderr, "apm-load: connection %u: byte %llu of the %s should be 0x%02x and is 0x%02x\n",
                stream->base.index, (unsigned long long)offset, load.options.kind == LOAD_ECHO ? "stream" : "response",
                expected, received);
}

static bool is_right(const struct stream *stream, uint64_t offset, const uint8_t *expected, const uint8_t *bytes,
                     size_t size)
{
    if (memcmp(expected, bytes, size) == 0)
        return true;
    for (size_t i = 0; i < size; i++) {
        if (expected[i] != bytes[i]) {
            complain(stream, offset + i, expected[i], bytes[i]);
            break;
        }
    }
    return false;
}

static const char *receive_echo(struct stream *stream, const uint8_t *bytes, size_t size, uint64_t now_ns)
{
    uint64_t message = load.options.size;

    if (stream->received_bytes + size > stream->issued * message)
        return "more_than_was_sent";
    /* A receive is never larger than what the pattern has in one piece. */
    if (!is_right(stream, stream->received_bytes, pattern_at(stream->life, stream->received_bytes), bytes, size))
        return "wrong_bytes";
    stream->received_bytes += size;
    while (stream->received_bytes >= (stream->answered + 1) * message)
        stream_answered(stream, now_ns);
    return NULL;
}

/* Responses of a known size. */
static const char *receive_sized(struct stream *stream, const uint8_t *bytes, size_t size, uint64_t now_ns)
{
    const struct load_options *options = &load.options;
    size_t whole = options->expected != NULL ? options->expected_bytes : options->reply_bytes;

    while (size > 0) {
        size_t offset = (size_t)stream->received_bytes;
        size_t part = size < whole - offset ? size : whole - offset;
        if (stream->answered == stream->issued)
            return "more_than_was_asked_for";
        if (options->kind == LOAD_REPLY
                ? !frame_is_reply(number_of(stream, stream->answered), offset, bytes, part)
                : options->expected != NULL &&
                      !is_right(stream, offset, (const uint8_t *)options->expected + offset, bytes, part))
            return "wrong_bytes";
        bytes += part;
        size -= part;
        stream->received_bytes += part;
        if (stream->received_bytes == whole) {
            stream->received_bytes = 0;
            stream_answered(stream, now_ns);
        }
    }
    return NULL;
}

static void answer_http(struct stream *stream, uint64_t now_ns)
{
    if (stream->http->status >= 400)
        figures_add_error("http", http_status_name(stream->http->status), 1);
    stream_answered(stream, now_ns);
}

static const char *receive_http(struct stream *stream, const uint8_t *bytes, size_t size, uint64_t now_ns)
{
    while (size > 0) {
        size_t taken;
        enum http_outcome outcome;
        if (stream->answered == stream->issued)
            return work_is_last(stream) ? NULL : "more_than_was_asked_for";
        outcome = http_parse(stream->http, (const char *)bytes, size, &taken);
        if (outcome == HTTP_WRONG)
            return stream->http->wrong;
        if (outcome == HTTP_DONE) {
            answer_http(stream, now_ns);
            if (stream->http->is_last)
                return NULL;
        }
        bytes += taken;
        size -= taken;
    }
    return NULL;
}

const char *work_receive(struct stream *stream, const uint8_t *bytes, size_t size, uint64_t now_ns)
{
    switch (load.options.kind) {
    case LOAD_ECHO: return receive_echo(stream, bytes, size, now_ns);
    case LOAD_HTTP: return receive_http(stream, bytes, size, now_ns);
    default: return receive_sized(stream, bytes, size, now_ns);
    }
}

const char *work_end(struct stream *stream, uint64_t now_ns)
{
    if (stream->base.in_flight == 0)
        return NULL;
    if (load.options.kind != LOAD_HTTP)
        return "closed_by_server";
    if (http_end(stream->http) != HTTP_DONE)
        return stream->http->wrong;
    answer_http(stream, now_ns);
    return NULL;
}

/* The parser keeps what it read of the response before until the next one begins. */
bool work_is_last(const struct stream *stream)
{
    return stream->http != NULL && stream->http->is_last && stream->http->state == HTTP_STATUS;
}
