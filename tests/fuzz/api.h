/*
 * What the files of the target fuzz_api share: a program that a few bytes stand for.
 *
 * A program has places for handles of each kind, and calls that take a handle from some place, closed, stale and null
 * ones included, and values that the bytes choose. Of each operation that it begins a record says how it shall be ended
 * and how often its callback has run. At its end the program closes all, and then every record has to be in order.
 *
 * Only loopback addresses are used, and nothing waits for longer than some milliseconds.
 */
#ifndef APM_TESTS_FUZZ_API_H
#define APM_TESTS_FUZZ_API_H

#include <stdatomic.h>

#include "fuzz.h"

enum {
    API_SOCKETS = 8,
    API_OBJECTS = 4,
    API_OPERATIONS = 64,
    API_CALLS = 120, /* that one program makes at most */
    API_BUFFER_LIMIT = 20000,
    API_SEGMENTS = 3,
    API_PATIENCE_MS = 30000
};

/* What an operation is; there is an End for each. */
enum api_kind {
    API_ACCEPT,
    API_ACCEPT_RECEIVE,
    API_CONNECT,
    API_DISCONNECT,
    API_RECEIVE,
    API_SEND,
    API_RECEIVE_FROM,
    API_SEND_TO,
    API_RECEIVE_MESSAGE_FROM,
    API_SEND_FILE,
    API_POST,
    API_WAIT_SENDABLE,
    API_DRAIN,
    API_DELEGATE,
    API_READ,
    API_WRITE,
    API_COPY,
    API_KINDS
};

/* Who ends an operation. */
enum api_mode {
    API_NO_CALLBACK,    /* the program */
    API_CALLBACK_ENDS,  /* its callback */
    API_CALLBACK_COUNTS /* the program, beside the callback or after it */
};

/* One operation. Written by the program before its Begin, and then by its callback as far as they are atomic. */
struct api_operation {
    enum api_kind kind;
    enum api_mode mode;
    uint64_t owner; /* the bits of the socket, stream or listener that it was begun on */
    apm_async_result result;
    void *buffer; /* of exactly the size that the call was given; freed as soon as the operation is ended */
    size_t size;
    _Atomic int callbacks;
    bool ended; /* by the program */
};

struct api_program {
    struct fuzz_input input;
    apm_socket sockets[API_SOCKETS];
    apm_stream streams[API_OBJECTS];
    apm_manual_reset_event events[API_OBJECTS];
    apm_semaphore semaphores[API_OBJECTS];
    apm_timer timers[API_OBJECTS];
    apm_registered_wait_handle waits[API_OBJECTS];
    apm_thread_pool pool; /* the default one, or the program's own */
    struct api_operation operations[API_OPERATIONS];
    size_t count;
};

/* -- Values: api_values.c ------------------------------------------------------------------------------------------ */

/* A place for a socket, and a socket from one of them: at times none, or one that was never issued. */
apm_socket *api_socket_place(struct api_program *program);
apm_socket api_socket(struct api_program *program);
size_t api_object(struct api_program *program); /* an index of one of the other places */

/* Where one of the sockets is, or nothing at all is, or no endpoint; always a loopback address. */
apm_endpoint api_endpoint(struct api_program *program);
apm_socket_flags api_flags(struct api_program *program);
int api_timeout_ms(struct api_program *program); /* from -2 to a few milliseconds; never without limit */
size_t api_size(struct api_program *program);
struct api_operation *api_any_operation(struct api_program *program); /* NULL if there is none */

/* Puts a new socket into its place, closing the one that was there, and bounds its synchronous calls. */
void api_put_socket(apm_socket *place, apm_socket socket);

/* -- Operations: api_values.c -------------------------------------------------------------------------------------- */

/* A record for the operation that is begun next, with a buffer of `size` bytes; NULL: there have been enough. */
struct api_operation *api_prepare(struct api_program *program, enum api_kind kind, uint64_t owner, size_t size);

/* The callback and its state as arguments of Begin. */
apm_async_callback *api_callback(const struct api_operation *operation);

/* What Begin has said: the operation is the program's from now on, or its record is given back. */
void api_begun(struct api_program *program, struct api_operation *operation, apm_error error);

/* The End that belongs to a kind. A connection that it gives is put into `place`, or closed if that is NULL. */
apm_error api_end(enum api_kind kind, uint64_t owner, apm_async_result result, apm_socket *place);

/* Ends an operation of the program and looks at what it says. */
void api_end_operation(struct api_program *program, struct api_operation *operation);

/* Waits for what has been begun, once all is closed, and looks at every record. */
void api_finish_operations(struct api_program *program);

/* -- Calls --------------------------------------------------------------------------------------------------------- */

typedef void api_call(struct api_program *program);

extern api_call *const api_socket_calls[]; /* api_sockets.c */
extern const size_t api_socket_call_count;
extern api_call *const api_object_calls[]; /* api_calls.c */
extern const size_t api_object_call_count;

#endif
