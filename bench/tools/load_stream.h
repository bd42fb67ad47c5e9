/*
 * A connection over a stream socket, and the work that it does: which bytes it sends, and what must come back.
 */
#ifndef BENCH_TOOLS_LOAD_STREAM_H
#define BENCH_TOOLS_LOAD_STREAM_H

#include "load.h"
#include "load_http.h"
#include "load_tls.h"

struct stream {
    struct connection base; /* whose lock guards all of this */
    apm_socket socket;      /* changes only while there is no operation */
    struct tls *tls;        /* immutable: NULL if the connection has no TLS */
    bool is_closing;        /* closed, and callbacks are still to come */
    apm_error send_error;   /* of a Begin that failed while messages were sent */

    uint64_t life; /* which of all connections of the run this is: selects the bytes */
    uint64_t issued;
    uint64_t answered;
    uint64_t *times;      /* from when the latency of message i counts, at i modulo the depth, while it is in flight */
    uint64_t opened_ns;   /* when its connect was begun */
    uint64_t progress_ns; /* when it was opened, last answered, or sent into silence: time-outs count from here */
    uint64_t retry_ns;    /* closed: not opened before this */

    /* Owned by load_work.c. */
    uint64_t received_bytes; /* echo: of this life; otherwise of the answer that is being received */
    struct http_parser *http;
    uint8_t *heads; /* reply: the head of message i at i modulo the depth, borrowed by its send */
    uint8_t *input; /* borrowed by the pending receive */
};

/*
 * The rest of the connection's life, for load_send.c. The caller holds the lock.
 *
 * A callback of an operation has come: false if its connection has been closed meanwhile.
 */
bool stream_return_locked(struct stream *stream, uint64_t now_ns);

/* Counts the error for each message in flight, which is lost, and closes the connection. */
void stream_fail_locked(struct stream *stream, const char *operation, const char *name, uint64_t now_ns);

/* With TLS: begins to write what has been sent, unless a write is pending, which goes on with it. */
apm_error stream_write_locked(struct stream *stream);

/* Begins to send. A failure is kept in send_error. The bytes are borrowed until the message is answered. */
void stream_send(struct stream *stream, const void *bytes, size_t size);
void stream_send_two(struct stream *stream, const void *first, size_t first_size, const void *second,
                     size_t second_size);

/* The oldest message in flight has been answered. */
void stream_answered(struct stream *stream, uint64_t now_ns);

/* Once for all connections, and once for each. */
void work_init(void);
void work_prepare(struct stream *stream);

/* The connection has a new life. */
void work_start(struct stream *stream);

/*
 * The most that is received at once: large responses cost much less through 64 KiB than through 16, but the buffers
 * of very many connections are better small. Never more than the pattern has in one piece.
 */
size_t work_input_bytes(void);

/* Sends messages `first` to `first + count - 1`. */
void work_send(struct stream *stream, uint64_t first, uint64_t count);

/* Checks what was received and reports answers. Returns NULL, or what is wrong. */
const char *work_receive(struct stream *stream, const uint8_t *bytes, size_t size, uint64_t now_ns);

/* The stream has ended. Returns NULL if that was in order, or what is wrong. */
const char *work_end(struct stream *stream, uint64_t now_ns);

/* Whether the server has announced that it will close the connection. */
bool work_is_last(const struct stream *stream);

#endif
