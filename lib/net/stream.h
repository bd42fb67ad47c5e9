/*
 * Streams: what a stream's handle names, and what each class of streams supplies.
 *
 * A stream is a slot with a class: the public functions (stream.c, stream_copy.c) find it, check what all streams have
 * in common, and call the class. There are two: network streams (network_stream.c), whose operations are those of their
 * socket, and hosted ones (hosted_stream.c), which do what a table of methods says: those of the program, and those in
 * memory and files. A layer above has another one beside them: streams of TLS.
 *
 * The slot's references: one for the open stream, which close drops; one for each call that has resolved the handle,
 * until it returns; and those that the class takes, for its operations and for what it calls. The flag CLOSED refuses
 * the handle; who sets it closes, once. Ends do not resolve the handle: an operation has the stream's bits as its
 * owner.
 *
 * Lock: `lock` is the class's, and comes where a channel's does; no other stream's lock, no channel's, and no method of
 * the program is called under it.
 */
#ifndef APM__STREAM_H
#define APM__STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "apm/handle.h"
#include "apm/stream.h"
#include "operation.h"
#include "os.h"
#include "pool.h"
#include "slot.h"

enum { APM__STREAM_CAN_READ = 1, APM__STREAM_CAN_WRITE = 2, APM__STREAM_CAN_SEEK = 4, APM__STREAM_CAN_TIMEOUT = 8 };

struct apm__stream;

/*
 * What a class does. The caller holds a reference and no lock, and has checked that the stream can do it, where there
 * is a flag for that; buffers and sizes are the class's to check. Length and position belong to CAN_SEEK.
 */
struct apm__stream_class {
    apm_error misuse; /* what a read or write is that the stream is not for */
    uint32_t (*abilities)(const struct apm__stream *stream);
    apm_error (*begin_read)(struct apm__stream *stream, void *buffer, size_t size, apm_async_callback *callback,
                            void *state, apm_async_result *result);
    apm_error (*begin_write)(struct apm__stream *stream, const void *buffer, size_t size, apm_async_callback *callback,
                             void *state, apm_async_result *result);
    apm_error (*read)(struct apm__stream *stream, void *buffer, size_t size, size_t *read);
    apm_error (*write)(struct apm__stream *stream, const void *buffer, size_t size);
    apm_error (*flush)(struct apm__stream *stream);
    apm_error (*length)(struct apm__stream *stream, int64_t *length);
    apm_error (*set_length)(struct apm__stream *stream, int64_t length);
    apm_error (*seek)(struct apm__stream *stream, int64_t offset, apm_seek_origin origin, int64_t *position);
    apm_error (*timeout)(struct apm__stream *stream, bool of_writes, int *timeout_ms);
    apm_error (*set_timeout)(struct apm__stream *stream, bool of_writes, int timeout_ms);
    void (*close)(struct apm__stream *stream); /* once, after CLOSED has been set */
    void (*free)(struct apm__stream *stream);  /* when the last reference is gone; or NULL */
};

/* One direction of a hosted stream, or both of one that has a position. Guarded by the stream's lock. */
struct apm__stream_lane {
    struct apm__operation *head; /* QUEUED, in the order begun */
    struct apm__operation *tail;
    struct apm__operation *current; /* RUNNING; NULL if a synchronous call is in progress, or nothing */
    bool busy;                      /* a read or write is in progress, or a cancel of one */
    bool cancelling;                /* a call of the method `cancel` is on its way or in progress */
};

struct apm__stream {
    struct apm__slot slot; /* first: the table's view */
    apm__os_mutex lock;    /* initialised once for the slot */

    /* atomic: another stream closes it, so that cleanup does not report it */
    _Atomic uint32_t owned;

    /* immutable from creation on */
    const struct apm__stream_class *type;
    struct apm__pool *pool;
    union {
        struct {
            apm_socket socket;
            bool owns_socket;
            apm_file_access access;
        } network;
        struct {
            /* immutable from creation on */
            apm_stream_methods methods;
            void *context;
            bool blocks; /* reads and writes may wait: the pool is told, so that another worker takes over */

            /* guarded by lock */
            struct apm__stream_lane lanes[2]; /* reads and writes; the first is for both if there is `seek` */
            uint32_t users;                   /* of the context: busy lanes, and other methods in progress */
            bool closed;
            bool ended; /* the method `close` has been called, or is about to be */
        } hosted;
        void *own; /* of a class of a layer above */
    };
};

extern struct apm__slot_table apm__streams;

/* A stream that no handle names yet; NULL if there is no memory. The caller fills in its class's part. */
struct apm__stream *apm__stream_allocate(const struct apm__stream_class *type, struct apm__pool *pool);

/*
 * Gives the stream its handle. INVALID_OPERATION if its pool has ended meanwhile: then the stream has been closed, and
 * *handle is the null handle.
 */
apm_error apm__stream_open(struct apm__stream *stream, apm_stream *handle);

/* Finds an open stream and takes a reference to it, for apm__stream_release. Errors as apm__slot_acquire. */
apm_error apm__stream_hold(apm_stream handle, struct apm__stream **stream);
void apm__stream_release(struct apm__stream *stream);

/* The same for one that can read (`ability` is CAN_READ), or write. */
apm_error apm__stream_hold_able(apm_stream handle, uint32_t ability, struct apm__stream **stream);

/* Whether the stream has been closed, as far as its handle tells. */
bool apm__stream_is_closed(apm_stream handle);

/* Closes each open stream of the pool, and reports it if asked to. */
void apm__stream_close_all(const struct apm__pool *pool, bool report);

/*
 * Makes a hosted stream: apm_stream_create with a pool that the caller has resolved. For streams of the library's own.
 * `blocks`: its reads and writes may wait. On failure no method is called: the context is the caller's as it was.
 */
apm_error apm__stream_host(struct apm__pool *pool, const apm_stream_methods *methods, void *context, bool blocks,
                           apm_stream *handle);

/*
 * Calls `use`, as if it were a method, with the context of an open hosted stream whose method `length` is this one, by
 * which the streams of one kind know each other. ARGUMENT for any other stream.
 */
apm_error apm__stream_use(apm_stream handle, apm_error (*length)(void *context, int64_t *length),
                          apm_error (*use)(void *context, void *argument), void *argument);

#endif
