/*
 * Streams in memory: the bytes are a program of reads, writes and moves, and after each the stream is what an array
 * with a length and a position is.
 */
#include <limits.h>
#include <string.h>

#include "fuzz.h"

enum { ROOM = 16384, STEP_LIMIT = 200, PIECE = 700 };

/* What the stream has to be. */
struct model {
    uint8_t bytes[ROOM];
    size_t length;
    size_t position;
    size_t capacity; /* ROOM for one that grows */
};

static uint8_t source[PIECE];
static uint8_t target[ROOM];

static void do_read(apm_stream stream, struct model *model, size_t size)
{
    size_t left = model->position < model->length ? model->length - model->position : 0;
    size_t expected = size < left ? size : left;
    size_t read = 0;

    if (size % 2 == 0) {
        FUZZ_SUCCESS(apm_stream_read(stream, target, size, &read));
    } else {
        apm_error error = apm_stream_read_at_least(stream, target, size, size, true, &read);

        FUZZ_CHECK(error == (expected < size ? APM_ERROR_END_OF_STREAM : APM_ERROR_SUCCESS));
    }
    FUZZ_CHECK(read == expected);
    FUZZ_CHECK(read == 0 || memcmp(target, model->bytes + model->position, read) == 0);
    model->position += read;
}

static void do_write(apm_stream stream, struct model *model, size_t size, uint8_t value)
{
    size_t end = model->position + size;
    apm_async_result result;
    apm_error error;

    memset(source, value, size);
    if (end > ROOM) {
        return;
    }
    FUZZ_SUCCESS(apm_stream_begin_write(stream, source, size, NULL, NULL, &result));
    error = apm_stream_end_write(stream, result);
    if (size > 0 && end > model->capacity) {
        FUZZ_CHECK(error == APM_ERROR_NOT_SUPPORTED);
        return;
    }
    FUZZ_SUCCESS(error);
    if (size > 0 && end > model->length) {
        memset(model->bytes + model->length, 0, end - model->length);
        model->length = end;
    }
    memcpy(model->bytes + model->position, source, size);
    model->position = end;
}

static void do_set_length(apm_stream stream, struct model *model, size_t length)
{
    apm_error error = apm_stream_set_length(stream, (int64_t)length);

    if (length > model->capacity) {
        FUZZ_CHECK(error == APM_ERROR_NOT_SUPPORTED);
        return;
    }
    FUZZ_SUCCESS(error);
    if (length > model->length) {
        memset(model->bytes + model->length, 0, length - model->length);
    }
    model->length = length;
    if (model->position > length) {
        model->position = length;
    }
}

static void do_seek(apm_stream stream, struct model *model, int64_t offset, uint8_t origin)
{
    int64_t from = origin == APM_SEEK_ORIGIN_BEGIN     ? 0
                   : origin == APM_SEEK_ORIGIN_CURRENT ? (int64_t)model->position
                                                       : (int64_t)model->length;
    int64_t position = -1;
    apm_error error = apm_stream_seek(stream, offset, (apm_seek_origin)origin, &position);

    if (origin > APM_SEEK_ORIGIN_END) {
        FUZZ_CHECK(error == APM_ERROR_ARGUMENT);
    } else if (from + offset < 0) {
        FUZZ_CHECK(error == APM_ERROR_IO);
    } else {
        FUZZ_SUCCESS(error);
        FUZZ_CHECK(position == from + offset);
        model->position = (size_t)position;
    }
}

static void check_state(apm_stream stream, const struct model *model)
{
    int64_t length;
    int64_t position;
    size_t size;

    FUZZ_SUCCESS(apm_stream_length(stream, &length));
    FUZZ_SUCCESS(apm_stream_position(stream, &position));
    FUZZ_CHECK(length == (int64_t)model->length && position == (int64_t)model->position);
    FUZZ_SUCCESS(apm_memory_stream_to_array(stream, target, sizeof target, &size));
    FUZZ_CHECK(size == model->length && memcmp(target, model->bytes, size) == 0);
}

static void do_step(apm_stream stream, struct model *model, struct fuzz_input *input)
{
    uint8_t step = fuzz_byte(input);

    switch (step % 5) {
    case 0: do_read(stream, model, fuzz_number(input) % PIECE); break;
    case 1: do_write(stream, model, fuzz_number(input) % PIECE, step); break;
    case 2: do_set_length(stream, model, fuzz_number(input) % ROOM); break;
    case 3: do_seek(stream, model, (int64_t)(fuzz_number(input) % ROOM) - ROOM / 2, step / 5 % 4); break;
    default:
        FUZZ_CHECK(apm_stream_set_position(stream, -1 - (int64_t)fuzz_byte(input)) == APM_ERROR_ARGUMENT_OUT_OF_RANGE);
        break;
    }
    check_state(stream, model);
}

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    static uint8_t memory[ROOM];
    static struct model model;
    struct fuzz_input input = {bytes, size};
    apm_stream stream;
    size_t read;

    memset(&model, 0, sizeof model);
    if (fuzz_byte(&input) % 2 == 0) {
        model.capacity = ROOM;
        FUZZ_SUCCESS(apm_memory_stream_create(fuzz_number(&input) % ROOM, &stream));
    } else {
        model.length = model.capacity = fuzz_number(&input) % ROOM;
        memset(memory, 0, sizeof memory);
        FUZZ_SUCCESS(apm_memory_stream_create_buffer(memory, model.length, true, &stream));
    }
    for (size_t i = 0; i < STEP_LIMIT && input.left > 0; i++) {
        do_step(stream, &model, &input);
    }
    FUZZ_SUCCESS(apm_stream_close(stream));
    FUZZ_CHECK(apm_stream_read(stream, target, 1, &read) == APM_ERROR_OBJECT_DISPOSED);
    return 0;
}
