/*
 * Owns the connections over UDP: a connected socket each, with as many messages in flight as the depth allows.
 *
 * A datagram begins with a head as that of a request (frame.h): the number tells which message an answer belongs to, so
 * answers may come in any order, twice, late, or not at all. Of an echo every byte is compared with what was sent; of a
 * response every byte with what it must be. A message that has no answer when the time-out is over is lost, and its
 * place is free again; an answer that comes later is counted under its own name.
 *
 * The places of messages and those of receives belong to the connection and are guarded by its lock. A message's bytes
 * are borrowed by its send: its place is taken again only when the send's callback has come.
 */
#include <string.h>

#include "clock.h"
#include "frame.h"
#include "load.h"
#include "load_figures.h"
#include "pattern.h"

#define DATAGRAM_MOST 65535u

/* So many receives are pending at most: what comes together is received by one call of the system. */
#define RECEIVES_MOST 16u

struct message {
    struct peer *peer;
    bool is_in_flight;
    bool is_sending;
    uint64_t number;
    uint64_t intended_ns; /* from when its latency counts */
    uint64_t sent_ns;
    uint8_t *bytes;
};

struct receipt {
    struct peer *peer;
    uint8_t *bytes;
};

struct peer {
    struct connection base; /* whose lock guards all of this, but for what is immutable */
    apm_socket socket;
    uint64_t next_number;
    struct message *messages; /* `depth` of them; number N is in place N modulo the depth, or nowhere */
    struct receipt *receipts;
    uint32_t receipt_count;
};

static struct peer *peer_of(struct connection *connection)
{
    return (struct peer *)connection;
}

/* -- Sending ------------------------------------------------------------------------------------------------------ */

static void lose_locked(struct message *message, const char *operation, const char *name, uint64_t now_ns)
{
    figures_add_error(operation, name, 1);
    figures_add_unanswered(message->intended_ns, now_ns);
    message->is_in_flight = false;
    message->peer->base.in_flight--;
}

static void on_sent(apm_async_result result)
{
    struct message *message = apm_async_result_async_state(result);
    struct peer *peer = message->peer;
    size_t sent;
    apm_error error = apm_socket_end_send(peer->socket, result, &sent);

    figures_add_sent(sent);
    pthread_mutex_lock(&peer->base.lock);
    peer->base.operations--;
    message->is_sending = false;
    if (error != APM_ERROR_SUCCESS && message->is_in_flight && peer->base.is_open)
        lose_locked(message, "send", apm_error_name(error), clock_now_ns());
    pthread_mutex_unlock(&peer->base.lock);
}

static void send_locked(struct message *message, uint64_t now_ns)
{
    struct peer *peer = message->peer;
    apm_error error = apm_socket_begin_send(peer->socket, message->bytes, load.options.size, APM_SOCKET_FLAGS_NONE,
                                            on_sent, message, NULL);

    if (error == APM_ERROR_SUCCESS) {
        message->is_sending = true;
        peer->base.operations++;
    } else {
        lose_locked(message, "send", apm_error_name(error), now_ns);
    }
}

/* A place that is not free, since its message is late, holds up those after it: the window slides, as a stream's. */
static void issue_locked(struct peer *peer, uint64_t now_ns)
{
    uint32_t depth = load.options.depth;
    uint64_t intended_ns;

    if (!peer->base.is_open)
        return;
    for (uint32_t i = 0; i < depth; i++) {
        struct message *message = &peer->messages[peer->next_number % depth];
        struct frame frame = {load.options.size, load.options.reply_bytes,
                              (uint64_t)peer->base.index << 40 | peer->next_number};
        if (message->is_in_flight || message->is_sending || !load_take_message(&peer->base, now_ns, &intended_ns))
            return;
        frame_write(frame, message->bytes);
        message->number = frame.number;
        message->intended_ns = intended_ns;
        message->sent_ns = now_ns;
        message->is_in_flight = true;
        peer->base.in_flight++;
        peer->next_number++;
        send_locked(message, now_ns);
    }
}

/* -- Receiving ---------------------------------------------------------------------------------------------------- */

/* Returns NULL for the answer to a message in flight, else what it is. *message is set in the former case. */
static const char *check_locked(struct peer *peer, const uint8_t *bytes, size_t size, struct message **message)
{
    bool is_echo = load.options.kind == LOAD_ECHO;
    uint8_t head[FRAME_HEAD_BYTES] = {0};
    uint64_t number;

    if (size != (is_echo ? load.options.size : load.options.reply_bytes))
        return "wrong_size";
    /* A response begins with its number alone. */
    memcpy(is_echo ? head : head + FRAME_HEAD_BYTES - FRAME_REPLY_LEAST, bytes,
           is_echo ? FRAME_HEAD_BYTES : FRAME_REPLY_LEAST);
    number = frame_read(head).number;
    *message = &peer->messages[(number & ((UINT64_C(1) << 40) - 1)) % load.options.depth];
    if (number >> 40 != peer->base.index || number > (*message)->number)
        return "wrong_bytes";
    if ((*message)->number != number || !(*message)->is_in_flight)
        return "late_or_double";
    if (is_echo ? memcmp(bytes, (*message)->bytes, size) != 0 : !frame_is_reply(number, 0, bytes, size))
        return "wrong_bytes";
    return NULL;
}

static void on_received(apm_async_result result);

static void begin_receive_locked(struct receipt *receipt)
{
    struct peer *peer = receipt->peer;
    apm_error error = apm_socket_begin_receive(peer->socket, receipt->bytes, DATAGRAM_MOST, APM_SOCKET_FLAGS_NONE,
                                               on_received, receipt, NULL);

    if (error == APM_ERROR_SUCCESS)
        peer->base.operations++;
    else if (peer->base.is_open)
        figures_add_error("receive", apm_error_name(error), 1);
}

static void on_received(apm_async_result result)
{
    struct receipt *receipt = apm_async_result_async_state(result);
    struct peer *peer = receipt->peer;
    size_t size;
    apm_error error = apm_socket_end_receive(peer->socket, result, &size);
    uint64_t now_ns = clock_now_ns();

    figures_add_received(size);
    pthread_mutex_lock(&peer->base.lock);
    peer->base.operations--;
    if (peer->base.is_open && error != APM_ERROR_SUCCESS) {
        figures_add_error("receive", apm_error_name(error), 1);
        begin_receive_locked(receipt);
    } else if (peer->base.is_open) {
        struct message *message;
        const char *wrong = check_locked(peer, receipt->bytes, size, &message);
        if (wrong != NULL) {
            figures_add_error("receive", wrong, 1);
        } else {
            figures_add_answer(message->intended_ns, now_ns);
            message->is_in_flight = false;
            peer->base.in_flight--;
            issue_locked(peer, now_ns);
        }
        begin_receive_locked(receipt);
    }
    pthread_mutex_unlock(&peer->base.lock);
}

/* -- What the main thread asks for -------------------------------------------------------------------------------- */

static void prepare(struct connection *connection)
{
    const struct load_options *options = &load.options;
    struct peer *peer = peer_of(connection);

    peer->receipt_count = options->depth < RECEIVES_MOST ? options->depth : RECEIVES_MOST;
    peer->receipts = load_allocate(peer->receipt_count, sizeof *peer->receipts);
    for (uint32_t i = 0; i < peer->receipt_count; i++)
        peer->receipts[i] = (struct receipt){peer, load_allocate(1, DATAGRAM_MOST)};
    peer->messages = load_allocate(options->depth, sizeof *peer->messages);
    for (uint32_t i = 0; i < options->depth; i++) {
        struct message *message = &peer->messages[i];
        message->peer = peer;
        message->number = (uint64_t)connection->index << 40;
        message->bytes = load_allocate(1, options->size);
        memcpy(message->bytes, pattern_at(connection->index, i), options->size);
    }
}

static void open(struct connection *connection)
{
    struct peer *peer = peer_of(connection);
    apm_error error = target_socket(TRANSPORT_UDP, load.remote, &peer->socket);

    pthread_mutex_lock(&connection->lock);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_connect(peer->socket, load.remote);
    if (error != APM_ERROR_SUCCESS) {
        figures_add_error("connect", apm_error_name(error), 1);
    } else {
        connection->is_open = true;
        for (uint32_t i = 0; i < peer->receipt_count; i++)
            begin_receive_locked(&peer->receipts[i]);
    }
    pthread_mutex_unlock(&connection->lock);
}

static void issue(struct connection *connection, uint64_t now_ns)
{
    pthread_mutex_lock(&connection->lock);
    issue_locked(peer_of(connection), now_ns);
    pthread_mutex_unlock(&connection->lock);
}

static void tend(struct connection *connection, uint64_t now_ns)
{
    struct peer *peer = peer_of(connection);

    pthread_mutex_lock(&connection->lock);
    for (uint32_t i = 0; i < load.options.depth && connection->in_flight > 0; i++) {
        struct message *message = &peer->messages[i];
        if (message->is_in_flight && now_ns > message->sent_ns + load.options.timeout_ns)
            lose_locked(message, "receive", "lost", now_ns);
    }
    issue_locked(peer, now_ns);
    pthread_mutex_unlock(&connection->lock);
}

static void close_last(struct connection *connection)
{
    struct peer *peer = peer_of(connection);

    pthread_mutex_lock(&connection->lock);
    for (uint32_t i = 0; i < load.options.depth && connection->in_flight > 0; i++)
        if (peer->messages[i].is_in_flight)
            lose_locked(&peer->messages[i], "receive", "lost", clock_now_ns());
    connection->is_open = false;
    if (!apm_socket_is_null(peer->socket))
        apm_socket_close(peer->socket);
    pthread_mutex_unlock(&connection->lock);
}

const struct load_driver load_datagram_driver = {
    .connection_bytes = sizeof(struct peer),
    .prepare = prepare,
    .open = open,
    .issue = issue,
    .tend = tend,
    .close = close_last,
};
