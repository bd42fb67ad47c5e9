/*
 * The pump of a stream of TLS: moves bytes between operations, the engine and the inner stream. See ssl_stream.h.
 *
 * Runs on the thread that stirs, or on a worker. No lock is held but where a function says so.
 */
#include <string.h>

#include "apm/network_stream.h"
#include "apm/socket.h"
#include "ssl_stream.h"

enum { TURNS_AT_ONCE = 8 };

/* -- Reads, writes and shutdown of an open stream ------------------------------------------------------------------ */

static void complete(struct apm__ssl_turn *turn, enum apm__ssl_task task, apm_error outcome)
{
    turn->done[task] = true;
    turn->outcome[task] = outcome;
}

/* The engine has failed: so has the stream. */
static apm_error engine_failed(struct apm__ssl *ssl)
{
    const char *text;
    apm_error error = apm__tls_engine_error(ssl->engine, &text);
    apm__ssl_fail(ssl, error, text);
    return error;
}

/* Whether all that the engine has made has been accepted by the inner stream. */
static bool is_flushed(const struct apm__ssl *ssl, const struct apm__ssl_turn *turn)
{
    return !turn->writing && !apm__tls_engine_has_records(ssl->engine);
}

static void do_read(struct apm__ssl *ssl, struct apm__ssl_turn *turn)
{
    struct apm__operation *operation = turn->taken[APM__SSL_READ];
    size_t size;
    if (!operation)
        return;
    switch (apm__tls_engine_read(ssl->engine, operation->buffer, operation->size, &size)) {
    case APM__TLS_DONE:
        operation->transferred = size;
        complete(turn, APM__SSL_READ, APM_ERROR_SUCCESS);
        break;
    case APM__TLS_ENDED:
        ssl->peer_ended = true;
        complete(turn, APM__SSL_READ, APM_ERROR_SUCCESS);
        break;
    case APM__TLS_NEEDS_INPUT:
        if (turn->input_error != APM_ERROR_SUCCESS)
            complete(turn, APM__SSL_READ, turn->input_error);
        else
            turn->wants_input = true;
        break;
    case APM__TLS_NEEDS_ROOM: break; /* a write of the inner stream makes it */
    case APM__TLS_FAILED: complete(turn, APM__SSL_READ, engine_failed(ssl)); break;
    }
}

static void do_write(struct apm__ssl *ssl, struct apm__ssl_turn *turn)
{
    struct apm__operation *operation = turn->taken[APM__SSL_WRITE];
    if (!operation)
        return;
    if (turn->output_error != APM_ERROR_SUCCESS) {
        complete(turn, APM__SSL_WRITE, turn->output_error);
        return;
    }
    const unsigned char *bytes = operation->buffer;
    enum apm__tls_progress progress = APM__TLS_DONE;
    while (operation->transferred < operation->size && progress == APM__TLS_DONE) {
        size_t part;
        progress = apm__tls_engine_write(ssl->engine, bytes + operation->transferred,
                                         operation->size - operation->transferred, &part);
        operation->transferred += part;
    }
    if (progress == APM__TLS_NEEDS_INPUT)
        turn->wants_input = true;
    if (progress == APM__TLS_FAILED)
        complete(turn, APM__SSL_WRITE, engine_failed(ssl));
    else if (operation->transferred == operation->size && is_flushed(ssl, turn))
        complete(turn, APM__SSL_WRITE, APM_ERROR_SUCCESS);
}

/* Has the engine make close_notify, once; false while it cannot, or if it has failed. */
static bool notify(struct apm__ssl *ssl)
{
    if (!ssl->notified)
        ssl->notified = apm__tls_engine_close_notify(ssl->engine) == APM__TLS_DONE;
    return ssl->notified;
}

static void do_shutdown(struct apm__ssl *ssl, struct apm__ssl_turn *turn)
{
    bool write_pending = turn->taken[APM__SSL_WRITE] && !turn->done[APM__SSL_WRITE];
    if (!turn->taken[APM__SSL_SHUTDOWN] || write_pending)
        return;
    if (turn->output_error != APM_ERROR_SUCCESS)
        complete(turn, APM__SSL_SHUTDOWN, turn->output_error);
    else if (turn->cut_short)
        complete(turn, APM__SSL_SHUTDOWN, APM_ERROR_SHUTDOWN);
    else if (notify(ssl) && is_flushed(ssl, turn))
        complete(turn, APM__SSL_SHUTDOWN, APM_ERROR_SUCCESS);
}

/* Whether all records of the operation are made: then it ends as the inner stream's writing of them does. */
static bool is_made(const struct apm__ssl *ssl, const struct apm__operation *operation, enum apm__ssl_task task)
{
    return (task == APM__SSL_WRITE && operation->transferred == operation->size) ||
           (task == APM__SSL_SHUTDOWN && ssl->notified);
}

/* Whatever is pending fails as the stream has, but for what has been handed over before that. */
static void do_failed(struct apm__ssl *ssl, struct apm__ssl_turn *turn)
{
    for (int i = 0; i < APM__SSL_TASKS; i++) {
        enum apm__ssl_task task = (enum apm__ssl_task)i;
        if (!turn->taken[task] || turn->done[task])
            continue;
        if (!ssl->engine || !is_made(ssl, turn->taken[task], task))
            complete(turn, task, ssl->failure);
        else if (turn->output_error != APM_ERROR_SUCCESS)
            complete(turn, task, turn->output_error);
        else if (is_flushed(ssl, turn))
            complete(turn, task, APM_ERROR_SUCCESS);
    }
}

/* -- Closing ------------------------------------------------------------------------------------------------------- */

/* Shuts the inner socket down for sending, if there is one and it is the stream's: then its end can be waited for. */
static bool linger(struct apm__ssl *ssl)
{
    apm_socket socket;
    return !ssl->leave_open && apm_network_stream_socket(ssl->inner, &socket) == APM_ERROR_SUCCESS &&
           apm_socket_shutdown(socket, APM_SOCKET_SHUTDOWN_SEND) == APM_ERROR_SUCCESS;
}

static void end_stream(struct apm__ssl *ssl)
{
    ssl->ended = true;
    if (!ssl->leave_open)
        apm_stream_close(ssl->inner);
    apm__os_mutex_lock(&ssl->stream->lock);
    apm_async_result results[] = {ssl->transport_read, ssl->transport_write};
    apm__os_mutex_unlock(&ssl->stream->lock);
    for (int i = 0; i < 2; i++) {
        apm_error error = apm_async_result_cancel(results[i]);
        (void)error; /* it has completed */
    }
    apm__stream_release(ssl->stream); /* the stream's own; the pump has another one */
}

/*
 * Closing, one step a turn: close_notify if the peer may believe it; then until that is sent; then, of a socket, until
 * its end has come, since data that nobody has read would make the system reset the connection, and with it lose what
 * was sent last. All of that within the time for it.
 */
static void close_step(struct apm__ssl *ssl, struct apm__ssl_turn *turn)
{
    if (ssl->ended)
        return;
    if (ssl->close_deadline_ns == 0) {
        ssl->close_deadline_ns = apm__os_monotonic_ns() + (uint64_t)APM__SSL_CLOSE_TIMEOUT_MS * 1000000;
        apm__ssl_limit_transport(ssl);
    }
    bool broken = !ssl->engine || turn->cut_short || turn->output_error != APM_ERROR_SUCCESS;
    if (!broken && turn->phase == APM__SSL_OPEN)
        broken = !notify(ssl) && is_flushed(ssl, turn); /* it never will */
    if (!broken && !is_flushed(ssl, turn))
        return; /* until the inner stream has taken it, or its time is up */
    bool over = broken || ssl->peer_ended || turn->input_ended || turn->input_error != APM_ERROR_SUCCESS ||
                apm__ssl_time_left_ms(ssl) == 0;
    if (!over && !ssl->lingering) {
        ssl->lingering = linger(ssl);
        over = !ssl->lingering;
    }
    turn->wants_input = !over;
    if (over)
        end_stream(ssl);
}

/* -- Turns --------------------------------------------------------------------------------------------------------- */

static void begin_turn_locked(struct apm__ssl *ssl, struct apm__ssl_turn *turn)
{
    *turn = (struct apm__ssl_turn){.phase = ssl->phase,
                                   .closed = ssl->closed,
                                   .shut_down = ssl->shut_down,
                                   .cut_short = ssl->cut_short,
                                   .reading = ssl->reading,
                                   .writing = ssl->writing,
                                   .input_ended = ssl->input_ended,
                                   .arrived = ssl->arrived,
                                   .input_error = ssl->input_error,
                                   .output_error = ssl->output_error};
    if (ssl->arrived > 0)
        ssl->filled = ssl->arrived == ssl->asked;
    ssl->arrived = 0;
    for (int task = 0; task < APM__SSL_TASKS; task++) {
        turn->taken[task] = ssl->operations[task];
        if (turn->taken[task])
            turn->taken[task]->place = APM__PLACE_RUNNING;
    }
}

/* Puts back what has not completed; gives the list of what has, linked by `next`. */
static struct apm__operation *end_turn_locked(struct apm__ssl *ssl, struct apm__ssl_turn *turn)
{
    struct apm__operation *completed = NULL;
    for (int task = 0; task < APM__SSL_TASKS; task++) {
        struct apm__operation *operation = turn->taken[task];
        if (!operation)
            continue;
        if (!turn->done[task] && operation->wish == APM_ERROR_SUCCESS) {
            operation->place = APM__PLACE_QUEUED;
            continue;
        }
        if (!turn->done[task]) {
            turn->outcome[task] = operation->wish;
            apm__ssl_give_up_locked(ssl, (enum apm__ssl_task)task, operation, operation->wish);
        }
        ssl->operations[task] = NULL;
        operation->place = APM__PLACE_DETACHED;
        operation->error = turn->outcome[task];
        operation->next = completed;
        completed = operation;
    }
    return completed;
}

static void complete_all(struct apm__operation *completed)
{
    while (completed) {
        struct apm__operation *next = completed->next;
        apm__operation_complete(completed);
        completed = next;
    }
}

static void work_turn(struct apm__ssl *ssl, struct apm__ssl_turn *turn)
{
    if (turn->closed && ssl->lingering) { /* what comes is not looked at */
        close_step(ssl, turn);
    } else {
        if (ssl->engine && !turn->writing)
            apm__tls_engine_give_back_records(ssl->engine);
        if (ssl->engine && turn->arrived > 0)
            apm__tls_engine_put_records(ssl->engine, ssl->input, turn->arrived);
        if (ssl->engine && turn->input_ended)
            apm__tls_engine_end_records(ssl->engine);
        if (turn->phase == APM__SSL_HANDSHAKE)
            apm__ssl_shake_hands(ssl, turn);
        if (turn->phase == APM__SSL_OPEN && ssl->engine) {
            do_read(ssl, turn);
            do_write(ssl, turn);
            do_shutdown(ssl, turn);
        }
        if (turn->phase == APM__SSL_FAILED)
            do_failed(ssl, turn);
        if (turn->closed)
            close_step(ssl, turn);
    }
    if (ssl->ended)
        return;
    if (ssl->engine && !turn->writing && turn->output_error == APM_ERROR_SUCCESS &&
        apm__tls_engine_has_records(ssl->engine))
        apm__ssl_begin_transport_write(ssl);
    /* Where records are left, the engine has to be given room first. */
    bool can_read = !turn->reading && !turn->input_ended && turn->input_error == APM_ERROR_SUCCESS;
    if (turn->wants_input && can_read && (!ssl->engine || ssl->lingering || apm__tls_engine_unread(ssl->engine) == 0))
        apm__ssl_begin_transport_read(ssl);
}

/* Pumps until there is nothing to do; the caller has set `pumping`, and holds a reference. */
static void pump(struct apm__ssl *ssl, bool on_work_item)
{
    for (int turns = 0;; turns++) {
        struct apm__ssl_turn turn;
        apm__os_mutex_lock(&ssl->stream->lock);
        /* A handshake is for work items; and nobody works for others without end. */
        if ((ssl->phase == APM__SSL_HANDSHAKE && !on_work_item) || turns >= TURNS_AT_ONCE) {
            apm__os_mutex_unlock(&ssl->stream->lock);
            apm__slot_retain(&ssl->stream->slot); /* the work item's */
            apm__pool_submit(ssl->stream->pool, &ssl->work);
            return;
        }
        ssl->again = false;
        begin_turn_locked(ssl, &turn);
        apm__os_mutex_unlock(&ssl->stream->lock);
        work_turn(ssl, &turn);
        apm__os_mutex_lock(&ssl->stream->lock);
        struct apm__operation *completed = end_turn_locked(ssl, &turn);
        bool again = ssl->again;
        ssl->pumping = again;
        apm__os_mutex_unlock(&ssl->stream->lock);
        complete_all(completed);
        if (!again)
            return;
    }
}

void apm__ssl_stir(struct apm__ssl *ssl)
{
    apm__os_mutex_lock(&ssl->stream->lock);
    bool pumps = !ssl->pumping;
    ssl->pumping = true;
    ssl->again = true;
    apm__os_mutex_unlock(&ssl->stream->lock);
    if (!pumps)
        return;
    apm__slot_retain(&ssl->stream->slot); /* the pump's */
    pump(ssl, false);
    apm__stream_release(ssl->stream);
}

/* The callback of the program has ended its thread: the engine is where it was, and cannot be used any more. */
static void abandon(struct apm__ssl *ssl)
{
    struct apm__operation *completed = NULL;
    apm__os_mutex_lock(&ssl->stream->lock);
    apm__ssl_fail_locked(ssl, APM_ERROR_OPERATION_ABORTED, "The validation callback has ended its thread");
    for (int task = 0; task < APM__SSL_TASKS; task++) {
        struct apm__operation *operation = ssl->operations[task];
        if (!operation)
            continue;
        ssl->operations[task] = NULL;
        operation->place = APM__PLACE_DETACHED;
        operation->error = APM_ERROR_OPERATION_ABORTED;
        operation->next = completed;
        completed = operation;
    }
    ssl->pumping = false;
    bool closed = ssl->closed;
    apm__os_mutex_unlock(&ssl->stream->lock);
    complete_all(completed);
    if (closed)
        apm__ssl_stir(ssl);
}

void apm__ssl_pump(struct apm__work *work)
{
    struct apm__ssl *ssl = (struct apm__ssl *)(void *)work;
    if (apm__pool_is_abandoning())
        abandon(ssl);
    else
        pump(ssl, true);
    apm__stream_release(ssl->stream); /* the work item's */
}
