/*
 * What the tests of streams share: a pipe of the program's own, as a stream of methods that wait or of methods that
 * begin, and a network stream with its raw peer.
 */
#ifndef APM_TESTS_SUPPORT_STREAM_H
#define APM_TESTS_SUPPORT_STREAM_H

#include "support.h"

/* Waits, ends the operation and returns how it ended. */
apm_error finish_read(apm_stream stream, struct operation *operation, size_t *read);
apm_error finish_write(apm_stream stream, struct operation *operation);

/* -- A network stream, which owns its socket, and its peer -- */

struct peered_stream {
    apm_stream stream;
    apm_socket socket;
    int peer;
};

struct peered_stream peered_stream_create(void);
void peered_stream_close(struct peered_stream pair);

/* -- A pipe: what is written can be read, in the same order -- */

enum { PIPE_CAPACITY = 64 };

/* A read that a method has begun and that has found nothing yet. */
struct pipe_read {
    apm_async_result operation;
    uint8_t *buffer;
    size_t size;
};

struct pipe {
    pthread_mutex_t mutex;
    pthread_cond_t changed;

    /* guarded by mutex */
    uint8_t bytes[PIPE_CAPACITY];
    size_t count;
    struct pipe_read reading; /* of a stream whose methods begin; no buffer: none */
    bool ended;               /* reads find the end of the stream */
    unsigned in_reads;        /* methods in progress */
    unsigned in_writes;
    unsigned most_at_once; /* the most reads, or writes, that were in progress together */
    unsigned cancels;
    apm_async_result cancelled; /* what `cancel` was called with last */
    bool read_on_pool_thread;

    bool gives_up;             /* reads that wait end if a cancellation is requested; of a stream with `cancel` */
    struct latch *gate;        /* not NULL: a read method that has been entered waits for it before anything else */
    struct latch read_entered; /* calls of the read method */
    struct latch cancelling;   /* calls of `cancel` */
    struct latch closed;       /* calls of `close` */
};

void pipe_init(struct pipe *pipe);

/* A stream that waits for data in its method, or one that begins; `cancels`: with the method to break that off. */
apm_stream pipe_stream(struct pipe *pipe, bool begins, bool cancels);

/* Puts bytes into the pipe, or its end. */
void pipe_put(struct pipe *pipe, const void *bytes, size_t size);
void pipe_end(struct pipe *pipe);

/* What a field is at this moment. */
#define PIPE_LOOK(pipe, field) (pthread_mutex_lock(&(pipe)->mutex), pipe_unlock_after(pipe, (intmax_t)(pipe)->field))
intmax_t pipe_unlock_after(struct pipe *pipe, intmax_t value);

#endif
