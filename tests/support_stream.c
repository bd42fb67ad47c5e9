/*
 * Streams for tests. See support_stream.h.
 */
#include "support_stream.h"

#include <string.h>

apm_error finish_read(apm_stream stream, struct operation *operation, size_t *read)
{
    AWAIT(operation);
    return apm_stream_end_read(stream, operation->result, read);
}

apm_error finish_write(apm_stream stream, struct operation *operation)
{
    AWAIT(operation);
    return apm_stream_end_write(stream, operation->result);
}

/* -- A network stream -------------------------------------------------------------------------------------------- */

struct peered_stream peered_stream_create(void)
{
    peered_socket pair = peered_socket_create();
    struct peered_stream made = {.socket = pair.socket, .peer = pair.peer};

    CHECK_SUCCESS(apm_network_stream_create(pair.socket, APM_FILE_ACCESS_READ_WRITE, true, &made.stream));
    return made;
}

void peered_stream_close(struct peered_stream pair)
{
    CHECK_SUCCESS(apm_stream_close(pair.stream));
    raw_close(pair.peer);
}

/* -- A pipe ------------------------------------------------------------------------------------------------------ */

void pipe_init(struct pipe *pipe)
{
    memset(pipe, 0, sizeof *pipe);
    CHECK_EQ(pthread_mutex_init(&pipe->mutex, NULL), 0);
    CHECK_EQ(pthread_cond_init(&pipe->changed, NULL), 0);
    latch_init(&pipe->read_entered);
    latch_init(&pipe->cancelling);
    latch_init(&pipe->closed);
}

intmax_t pipe_unlock_after(struct pipe *pipe, intmax_t value)
{
    pthread_mutex_unlock(&pipe->mutex);
    return value;
}

static size_t take_locked(struct pipe *pipe, uint8_t *buffer, size_t size)
{
    size_t taken = size < pipe->count ? size : pipe->count;

    memcpy(buffer, pipe->bytes, taken);
    memmove(pipe->bytes, pipe->bytes + taken, pipe->count - taken);
    pipe->count -= taken;
    return taken;
}

static void note_locked(struct pipe *pipe)
{
    unsigned most = pipe->in_reads > pipe->in_writes ? pipe->in_reads : pipe->in_writes;

    if (most > pipe->most_at_once) {
        pipe->most_at_once = most;
    }
}

static void enter_read(struct pipe *pipe)
{
    latch_add(&pipe->read_entered, 1);
    if (pipe->gate != NULL) {
        LATCH_AWAIT(pipe->gate, 1);
    }
}

static apm_error read_pipe(void *context, void *buffer, size_t size, size_t *read)
{
    struct pipe *pipe = context;
    apm_error error = APM_ERROR_SUCCESS;

    enter_read(pipe);
    pthread_mutex_lock(&pipe->mutex);
    pipe->in_reads++;
    pipe->read_on_pool_thread = apm_thread_pool_is_pool_thread();
    note_locked(pipe);
    while (pipe->count == 0 && !pipe->ended && !(pipe->gives_up && apm_stream_is_cancellation_requested())) {
        pthread_cond_wait(&pipe->changed, &pipe->mutex);
    }
    *read = take_locked(pipe, buffer, size);
    if (*read == 0 && !pipe->ended) {
        error = APM_ERROR_OPERATION_ABORTED;
    }
    pipe->in_reads--;
    pthread_mutex_unlock(&pipe->mutex);
    return error;
}

static apm_error write_pipe(void *context, const void *buffer, size_t size)
{
    struct pipe *pipe = context;

    pthread_mutex_lock(&pipe->mutex);
    pipe->in_writes++;
    note_locked(pipe);
    pthread_mutex_unlock(&pipe->mutex);
    pipe_put(pipe, buffer, size);
    pthread_mutex_lock(&pipe->mutex);
    pipe->in_writes--;
    pthread_mutex_unlock(&pipe->mutex);
    return APM_ERROR_SUCCESS;
}

/* Completes the read that waits, if there is something for it. */
static void serve(struct pipe *pipe)
{
    struct pipe_read served = {.buffer = NULL};
    size_t taken = 0;

    pthread_mutex_lock(&pipe->mutex);
    if (pipe->reading.buffer != NULL && (pipe->count > 0 || pipe->ended)) {
        served = pipe->reading;
        pipe->reading.buffer = NULL;
        taken = take_locked(pipe, served.buffer, served.size);
    }
    pthread_mutex_unlock(&pipe->mutex);
    if (served.buffer != NULL) {
        CHECK_SUCCESS(apm_stream_complete(served.operation, APM_ERROR_SUCCESS, taken));
    }
}

static apm_error begin_read_pipe(void *context, void *buffer, size_t size, apm_async_result operation)
{
    struct pipe *pipe = context;

    enter_read(pipe);
    pthread_mutex_lock(&pipe->mutex);
    CHECK(pipe->reading.buffer == NULL);
    pipe->reading = (struct pipe_read){operation, buffer, size};
    pthread_mutex_unlock(&pipe->mutex);
    serve(pipe);
    return APM_ERROR_SUCCESS;
}

static apm_error begin_write_pipe(void *context, const void *buffer, size_t size, apm_async_result operation)
{
    pipe_put(context, buffer, size);
    return apm_stream_complete(operation, APM_ERROR_SUCCESS, 0);
}

static void cancel_pipe(void *context, apm_async_result operation)
{
    struct pipe *pipe = context;
    bool gives_up;

    pthread_mutex_lock(&pipe->mutex);
    pipe->cancels++;
    pipe->cancelled = operation;
    gives_up = pipe->reading.buffer != NULL && pipe->reading.operation.bits == operation.bits;
    if (gives_up) {
        pipe->reading.buffer = NULL;
    }
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->mutex);
    latch_add(&pipe->cancelling, 1);
    if (gives_up) {
        CHECK_SUCCESS(apm_stream_complete(operation, APM_ERROR_OPERATION_ABORTED, 0));
    }
}

static void close_pipe(void *context)
{
    struct pipe *pipe = context;

    pthread_mutex_lock(&pipe->mutex);
    CHECK_EQ(pipe->in_reads, 0);
    CHECK_EQ(pipe->in_writes, 0);
    pthread_mutex_unlock(&pipe->mutex);
    latch_add(&pipe->closed, 1);
}

apm_stream pipe_stream(struct pipe *pipe, bool begins, bool cancels)
{
    apm_thread_pool pool = APM_NULL_HANDLE;
    apm_stream_methods methods = {.close = close_pipe};
    apm_stream stream;

    if (begins) {
        methods.begin_read = begin_read_pipe;
        methods.begin_write = begin_write_pipe;
    } else {
        methods.read = read_pipe;
        methods.write = write_pipe;
    }
    pipe->gives_up = cancels;
    if (cancels) {
        methods.cancel = cancel_pipe;
    }
    CHECK_SUCCESS(apm_stream_create(pool, &methods, pipe, &stream));
    CHECK(!apm_stream_is_null(stream));
    return stream;
}

void pipe_put(struct pipe *pipe, const void *bytes, size_t size)
{
    pthread_mutex_lock(&pipe->mutex);
    CHECK(pipe->count + size <= PIPE_CAPACITY);
    memcpy(pipe->bytes + pipe->count, bytes, size);
    pipe->count += size;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->mutex);
    serve(pipe);
}

void pipe_end(struct pipe *pipe)
{
    pthread_mutex_lock(&pipe->mutex);
    pipe->ended = true;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->mutex);
    serve(pipe);
}
