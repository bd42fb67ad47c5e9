/*
 * Streams of TLS: an engine (tls_engine.h) between the operations of a stream and an inner stream. ssl_stream.c has
 * what begins and ends operations, ssl_pump.c what moves bytes, ssl_handshake.c how two ends come to terms.
 *
 *      operations  --->  pump  --->  engine  --->  pump  --->  reads and writes of the inner stream
 *
 * The pump. Whatever happens to a stream, a Begin, a cancel, a close, the completion of a read or write of the
 * inner stream, ends in apm__ssl_stir: if nobody pumps, the caller does; otherwise it leaves word (`again`), and
 * who pumps goes round once more. So the engine belongs to one thread at a time without a lock being held while it
 * works, or while it asks the program about a certificate. Who has gone round a few times hands on to a work item,
 * so that a Begin does not work for others. During the handshake the pump is a work item only: that is where code
 * of the program runs, and what takes long; and the code may end its thread.
 *
 * Invariants, under the stream's lock:
 * 1. `pumping` is set by one thread or work item, which owns the engine and the buffers until it resets it; before
 *    it does, it has seen every `again`.
 * 2. An operation is QUEUED in `operations`, RUNNING while a turn of the pump has it, then DETACHED and not in
 *    `operations` any more. Who takes it out of QUEUED, or the pump out of RUNNING, completes it. A cancel of one
 *    that is RUNNING records its wish, which the end of the turn looks at: what the turn has completed stands.
 * 3. The input buffer is the inner stream's while `reading`, and else the pump's; the records that the engine has
 *    given are the inner stream's while `writing`. At most one of each is pending, begun by the pump only.
 * 4. After `closed` no operation is admitted. The pump ends the stream in steps (close_step in ssl_pump.c), the
 *    last of which gives the reference back that the stream has had since it was made.
 *
 * References are those of the stream's slot: one of the stream that is not closed to the end, one for each
 * operation until its callback has returned, one for each read or write of the inner stream, and one for the work
 * item while it is queued. With the last one the structure is freed. Beginning a read or write of the inner stream
 * takes memory, and may fail: that is then how the stream has failed. The lock is a leaf: nothing is called under
 * it.
 */
#ifndef APM__SSL_STREAM_H
#define APM__SSL_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "apm/ssl_stream.h"
#include "host_name.h"
#include "ssl_context.h"
#include "stream.h"
#include "tls_engine.h"

enum apm__ssl_phase {
    APM__SSL_FRESH,     /* no handshake has begun */
    APM__SSL_HANDSHAKE, /* one is in progress */
    APM__SSL_OPEN,      /* it has succeeded */
    APM__SSL_FAILED     /* `failure` says how; nothing but that can be had any more */
};

/* What operations there are; one of each can be pending. */
enum apm__ssl_task { APM__SSL_AUTHENTICATE, APM__SSL_READ, APM__SSL_WRITE, APM__SSL_SHUTDOWN, APM__SSL_TASKS };

enum {
    APM__SSL_INPUT_SIZE = 16384 + 512, /* a record fits */
    APM__SSL_SHORT_INPUT_SIZE = 4096,  /* until a read has filled it */
    APM__SSL_TEXT_SIZE = 256,
    APM__SSL_CLOSE_TIMEOUT_MS = 2000
};

struct apm__ssl {
    struct apm__work work; /* a pump; queued only by who owns the pump */

    /* immutable from creation on */
    struct apm__stream *stream;
    apm_stream inner;
    bool leave_open;

    /* guarded by the stream's lock */
    enum apm__ssl_phase phase;
    bool is_server;
    bool opened; /* it has been OPEN */
    bool pumping;
    bool again;
    bool closed;
    bool shut_down; /* close_notify has been asked for, or is to be sent: no write any more */
    bool cut_short; /* a write has ended after a part of it was encrypted: no write any more, and no close_notify */
    struct apm__operation *operations[APM__SSL_TASKS];
    bool reading; /* of the inner stream */
    bool writing;
    apm_async_result transport_read;  /* may be stale */
    apm_async_result transport_write; /* may be stale */
    size_t arrived;                   /* bytes in `input` that the pump has not looked at */
    bool input_ended;
    apm_error input_error;
    apm_error output_error;
    apm_error failure;
    char text[APM__SSL_TEXT_SIZE];
    int timeouts_ms[2]; /* of synchronous reads and writes */
    apm_ssl_policy_errors errors;
    apm_x509_chain_status_flags chain_status;

    /* written before OPEN, immutable afterwards */
    struct apm__tls_agreement agreement; /* its verdict's certificate is `remote` */
    char application_protocol[256];
    char host[APM__HOST_NAME_SIZE];
    struct apm__tls_certificate *remote; /* or NULL */
    struct apm__tls_certificate *local;  /* or NULL */

    /* owned by the pump; `context` and `host` are written by the Begin that makes the phase HANDSHAKE */
    struct apm__ssl_context *context; /* NULL: the default one, until the pump needs it */
    struct apm__tls_engine *engine;   /* NULL before the handshake */
    size_t held;                      /* bytes in `input` that are kept until the client's first message is whole */
    bool shaken;                      /* the engine has done the handshake; what it has made may not be sent yet */
    bool notified;                    /* the engine has made close_notify */
    bool peer_ended;                  /* the peer's close_notify has been read */
    bool lingering;                   /* the inner socket has been shut down for sending, and its end is awaited */
    bool ended;                       /* the last step of closing has been done */
    uint64_t close_deadline_ns;       /* 0: closing has not begun */
    unsigned char *input;             /* of `input_size` bytes; grows between reads */
    size_t input_size;
    size_t asked; /* bytes that the last read of the inner stream could give */
    bool filled;  /* and it has given as many */
};

/* What a turn of the pump has to do, and what has come of it. */
struct apm__ssl_turn {
    struct apm__operation *taken[APM__SSL_TASKS]; /* RUNNING */
    bool done[APM__SSL_TASKS];                    /* completes, with this: */
    apm_error outcome[APM__SSL_TASKS];
    bool wants_input; /* something waits for records */

    /* as they were when the turn began */
    enum apm__ssl_phase phase;
    bool closed;
    bool shut_down;
    bool cut_short;
    bool reading;
    bool writing;
    bool input_ended;
    size_t arrived;
    apm_error input_error;
    apm_error output_error;
};

/* An open stream of TLS, with a reference for the caller. ARGUMENT for another stream, and the errors of a handle. */
apm_error apm__ssl_hold(apm_stream handle, struct apm__stream **stream);

/* What a handshake begins with; of other operations nothing is looked at. */
struct apm__ssl_beginning {
    enum apm__operation_kind kind;
    void *buffer;
    size_t size;
    struct apm__ssl_context *context; /* or NULL; the caller's reference is taken if *used */
    const char *host;
    bool used;
};

/* Begins an operation of the stream. */
apm_error apm__ssl_begin(struct apm__stream *stream, struct apm__ssl_beginning *beginning, apm_async_callback *callback,
                         void *state, apm_async_result *result);

/*
 * Begins a read or write of the inner stream, whose end stirs. For the pump, that sees that none is pending. How it has
 * failed is left in `input_error` or `output_error`.
 */
void apm__ssl_begin_transport_read(struct apm__ssl *ssl);
void apm__ssl_begin_transport_write(struct apm__ssl *ssl);

/* What is left of the time for closing; and has those that are pending end within it. */
uint64_t apm__ssl_time_left_ms(const struct apm__ssl *ssl);
void apm__ssl_limit_transport(struct apm__ssl *ssl);

/* Has the pump look at the stream. No lock is held; the caller has a reference. */
void apm__ssl_stir(struct apm__ssl *ssl);

/* The run function of the pump as a work item. */
void apm__ssl_pump(struct apm__work *work);

/* Goes on with the handshake in a turn. */
void apm__ssl_shake_hands(struct apm__ssl *ssl, struct apm__ssl_turn *turn);

/* Fails the stream for good; the first failure counts. The text may be NULL. */
void apm__ssl_fail_locked(struct apm__ssl *ssl, apm_error error, const char *text);
void apm__ssl_fail(struct apm__ssl *ssl, apm_error error, const char *text);

/* What the end of an operation without success means for the stream: a handshake, or a write that is cut short. */
void apm__ssl_give_up_locked(struct apm__ssl *ssl, enum apm__ssl_task task, struct apm__operation *operation,
                             apm_error error);

/* Which of the tasks an operation is. */
enum apm__ssl_task apm__ssl_task_of(const struct apm__operation *operation);

#endif
