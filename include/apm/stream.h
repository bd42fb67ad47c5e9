/*
 * Streams: System.IO.Stream in the Begin/End style, with its synchronous twins. A stream is a handle in front of
 * something that bytes are read from or written to: a socket (network_stream.h), memory (memory_stream.h), a file
 * (file_stream.h), or whatever a program supplies in a table of methods (apm_stream_create).
 *
 * Every function may be called on any thread, and a Begin never blocks. Unless a function says otherwise its errors
 * include APM_ERROR_ARGUMENT_NULL for a null handle or a NULL pointer that is needed, APM_ERROR_ARGUMENT for a handle
 * that was never issued, APM_ERROR_OBJECT_DISPOSED for a stream that is closed, APM_ERROR_OUT_OF_MEMORY, and
 * APM_ERROR_INVALID_OPERATION in a child process after fork and while apm_cleanup runs. A read from a stream that
 * cannot be read, or a write to one that cannot be written, is APM_ERROR_NOT_SUPPORTED, and for a network stream
 * APM_ERROR_INVALID_OPERATION, as in .NET.
 *
 * What socket.h says of all Begins and Ends holds for those of streams, with the stream in the place of the socket:
 * results, callbacks, waits, cancel and deadlines are the same. One thing is added: once the stream is closed, an
 * operation that the close has cut off ends with APM_ERROR_OBJECT_DISPOSED in the place of APM_ERROR_OPERATION_ABORTED.
 */
#ifndef APM_STREAM_H
#define APM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/async_result.h"
#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/* .NET's SeekOrigin, with its numbers. */
typedef enum apm_seek_origin {
    APM_SEEK_ORIGIN_BEGIN = 0,
    APM_SEEK_ORIGIN_CURRENT = 1,
    APM_SEEK_ORIGIN_END = 2
} apm_seek_origin;

/* .NET's FileAccess, with its numbers. */
typedef enum apm_file_access {
    APM_FILE_ACCESS_READ = 1,
    APM_FILE_ACCESS_WRITE = 2,
    APM_FILE_ACCESS_READ_WRITE = 3
} apm_file_access;

/* The size of the buffer that .NET's CopyTo takes if it is given none. */
#define APM_STREAM_COPY_BUFFER_SIZE 81920

/* -- Streams of the program's own ---------------------------------------------------------------------------------- */

/*
 * What a stream of the program's own does: what one derived from System.IO.Stream overrides. A method that is NULL is
 * one that the stream does not have: it can be read if it has `read` or `begin_read`, written if it has `write` or
 * `begin_write`, and sought if it has `seek`.
 *
 * When they are called. Reads and writes come from pool threads, and from the thread that makes a synchronous call.
 * At a time the library has one read and one write in progress; of a stream that has `seek`, because both move its
 * position, only one of the two. What is begun meanwhile waits for its turn. The other methods may be called at any
 * time, several at once, but `close`. No lock of the library is held. A method may call any function of the library
 * that a callback may, and like a callback it must return.
 */
typedef struct apm_stream_methods {
    /*
     * Reads at least one byte and at most `size`, waiting for it, into `buffer`; *read is the number, 0 at the end of
     * the stream. A `size` of 0 is passed on.
     */
    apm_error (*read)(void *context, void *buffer, size_t size, size_t *read);

    /* Writes all of it, waiting for that. */
    apm_error (*write)(void *context, const void *buffer, size_t size);

    /*
     * The same without waiting: starts it, and has apm_stream_complete called for `operation` once, on any thread, in
     * the method itself or later. If the method returns an error, that is the outcome, and nothing else may complete
     * the operation. They are used in the place of `read` and `write` for operations; synchronous calls use `read` and
     * `write`, or these and wait, if there is nothing else.
     */
    apm_error (*begin_read)(void *context, void *buffer, size_t size, apm_async_result operation);
    apm_error (*begin_write)(void *context, const void *buffer, size_t size, apm_async_result operation);

    /*
     * Asks for a read or write in progress to end soon, because of a cancel, a deadline or a close; on a pool thread,
     * or on that which closes the stream. `operation` says which one, and is the null handle for synchronous calls.
     *
     * Of those that were begun, `begin_read` or `begin_write` has returned by then. A `read` or `write` may not have
     * come to its wait yet: before each wait it asks apm_stream_is_cancellation_requested, under the lock under which
     * this method wakes it, and so it misses nothing. Either may also have ended by itself; but the next one of that
     * direction is not begun before this has returned.
     *
     * An operation that ends with APM_ERROR_OPERATION_ABORTED after that gets the reason, such as APM_ERROR_TIMED_OUT,
     * in its place; any other outcome stands. Without this method what is in progress goes on.
     */
    void (*cancel)(void *context, apm_async_result operation);

    /* Hands on what has been written and is still buffered. Without it apm_stream_flush does nothing. */
    apm_error (*flush)(void *context);

    apm_error (*length)(void *context, int64_t *length);
    apm_error (*set_length)(void *context, int64_t length);

    /* Moves the position; *position, counted from the beginning, is where it is then. `origin` is a valid one. */
    apm_error (*seek)(void *context, int64_t offset, apm_seek_origin origin, int64_t *position);

    /* Time-outs of synchronous reads and writes, which the stream itself heeds; -1 is none. It has all four or none. */
    apm_error (*read_timeout)(void *context, int *timeout_ms);
    apm_error (*set_read_timeout)(void *context, int timeout_ms);
    apm_error (*write_timeout)(void *context, int *timeout_ms);
    apm_error (*set_write_timeout)(void *context, int timeout_ms);

    /*
     * The end of the stream: called once, when it has been closed and none of its methods runs or will run: so
     * `context` may be freed. That is within apm_stream_close if nothing is in progress, and otherwise on the thread on
     * which the last of it ends.
     */
    void (*close)(void *context);
} apm_stream_methods;

/*
 * Creates a stream that does what `methods` say, with `context` passed on to each.
 *
 * Success  *stream is the handle; apm_stream_close ends it.
 * Failure  *stream is the null handle, and no method is called.
 * Borrows  context, until methods->close is called. `methods` is copied.
 * Errors   APM_ERROR_ARGUMENT no pool, or `methods` has some of the time-outs and not all.
 * .NET     a class derived from Stream
 */
APM_API APM_MUST_CHECK apm_error apm_stream_create(apm_thread_pool pool, const apm_stream_methods *methods,
                                                   void *context, apm_stream *stream);

/*
 * Completes an operation that a begin_read or begin_write was called for: with an error, or with the number of bytes
 * that a read has read; of a write the number is not looked at.
 *
 * Blocks   never; the callback runs on a pool thread.
 * Errors   APM_ERROR_ARGUMENT no operation of a stream of the program's own; APM_ERROR_ARGUMENT_OUT_OF_RANGE more bytes
 *          than the buffer holds, and the operation goes on; APM_ERROR_INVALID_OPERATION it has completed already, or
 *          was not handed to a method.
 */
APM_API APM_MUST_CHECK apm_error apm_stream_complete(apm_async_result operation, apm_error error, size_t transferred);

/*
 * Whether the read or write whose method runs on the calling thread has been asked to end: then the method `cancel` is
 * called, or has been. A stream without that method may ask from time to time. False outside of those methods.
 *
 * Threads  any; it may be called under a lock that `cancel` takes too.
 * .NET     CancellationToken.IsCancellationRequested, of the token that ReadAsync and WriteAsync are called with
 */
APM_API bool apm_stream_is_cancellation_requested(void);

/* -- Closing and properties ---------------------------------------------------------------------------------------- */

/*
 * Closes the stream. Its handle is refused from then on, but for Ends; each operation that waits for its turn completes
 * with APM_ERROR_OBJECT_DISPOSED, and those in progress are asked to end. A network stream that owns its socket closes
 * it; one that does not leaves its operations to the socket, and they go on. Closing again succeeds and does nothing.
 *
 * Threads  any, callbacks and methods of the stream included.
 * Blocks   for as long as the stream's `cancel` and `close` take.
 * Errors   APM_ERROR_ARGUMENT_NULL, APM_ERROR_ARGUMENT.
 * .NET     Stream.Close(), Stream.Dispose()
 */
APM_API apm_error apm_stream_close(apm_stream stream);

/*
 * What the stream can do; false for anything that is not an open stream.
 *
 * .NET     Stream.CanRead, CanWrite, CanSeek, CanTimeout
 */
APM_API bool apm_stream_can_read(apm_stream stream);
APM_API bool apm_stream_can_write(apm_stream stream);
APM_API bool apm_stream_can_seek(apm_stream stream);
APM_API bool apm_stream_can_timeout(apm_stream stream);

/*
 * Length and position, in bytes. `position` may be NULL for seek.
 *
 * Errors   APM_ERROR_NOT_SUPPORTED the stream has none; APM_ERROR_ARGUMENT_OUT_OF_RANGE setting a negative one; for
 *          seek: APM_ERROR_IO to before the beginning, APM_ERROR_ARGUMENT `origin` is no such value.
 * .NET     Stream.Length, SetLength(long), Position, Seek(long, SeekOrigin)
 */
APM_API APM_MUST_CHECK apm_error apm_stream_length(apm_stream stream, int64_t *length);
APM_API APM_MUST_CHECK apm_error apm_stream_set_length(apm_stream stream, int64_t length);
APM_API APM_MUST_CHECK apm_error apm_stream_position(apm_stream stream, int64_t *position);
APM_API APM_MUST_CHECK apm_error apm_stream_set_position(apm_stream stream, int64_t position);
APM_API APM_MUST_CHECK apm_error apm_stream_seek(apm_stream stream, int64_t offset, apm_seek_origin origin,
                                                 int64_t *position);

/*
 * How long the synchronous read and write wait, in milliseconds; -1, as at first, is without limit. Operations do not
 * look at it: they have apm_async_result_cancel_after.
 *
 * Errors   APM_ERROR_INVALID_OPERATION the stream has no time-outs; APM_ERROR_ARGUMENT_OUT_OF_RANGE 0, or below -1.
 * .NET     Stream.ReadTimeout, Stream.WriteTimeout
 */
APM_API APM_MUST_CHECK apm_error apm_stream_read_timeout(apm_stream stream, int *timeout_ms);
APM_API APM_MUST_CHECK apm_error apm_stream_set_read_timeout(apm_stream stream, int timeout_ms);
APM_API APM_MUST_CHECK apm_error apm_stream_write_timeout(apm_stream stream, int *timeout_ms);
APM_API APM_MUST_CHECK apm_error apm_stream_set_write_timeout(apm_stream stream, int timeout_ms);

/* -- Reading ------------------------------------------------------------------------------------------------------- */

/*
 * Starts reading up to `size` bytes into `buffer`. Several reads may be pending; they are served in the order begun.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is above INT_MAX.
 * .NET     Stream.BeginRead(byte[], int, int, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_stream_begin_read(apm_stream stream, void *buffer, size_t size,
                                                       apm_async_callback *callback, void *state,
                                                       apm_async_result *result);

/*
 * Ends a read: *read is the number of bytes, 0 at the end of the stream.
 *
 * Errors   what the stream fails with; of a network stream those of apm_socket_end_receive.
 * .NET     Stream.EndRead(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_stream_end_read(apm_stream stream, apm_async_result result, size_t *read);

/*
 * Reads and waits for it, no longer than the read time-out; behind the reads that are pending.
 *
 * Errors   those of Begin and End; of a network stream APM_ERROR_TIMED_OUT, and APM_ERROR_CONNECTION_ABORTED if it is
 *          closed meanwhile.
 * .NET     Stream.Read(byte[], int, int)
 */
APM_API APM_MUST_CHECK apm_error apm_stream_read(apm_stream stream, void *buffer, size_t size, size_t *read);

/*
 * Reads one byte and waits for it: *byte is from 0 to 255, or -1 at the end of the stream.
 *
 * Errors   as apm_stream_read.
 * .NET     Stream.ReadByte()
 */
APM_API APM_MUST_CHECK apm_error apm_stream_read_byte(apm_stream stream, int *byte);

/*
 * Starts reading exactly `size` bytes, by as many reads as it takes. Other reads that are pending meanwhile take what
 * comes in their turn.
 *
 * Errors   those of apm_stream_begin_read.
 * .NET     Stream.ReadExactlyAsync, which has no Begin and End there
 */
APM_API APM_MUST_CHECK apm_error apm_stream_begin_read_exactly(apm_stream stream, void *buffer, size_t size,
                                                               apm_async_callback *callback, void *state,
                                                               apm_async_result *result);

/*
 * Ends it: *read is `size`, or with an error what had been read before.
 *
 * Errors   APM_ERROR_END_OF_STREAM the stream ended before; those of apm_stream_end_read.
 */
APM_API APM_MUST_CHECK apm_error apm_stream_end_read_exactly(apm_stream stream, apm_async_result result, size_t *read);

/*
 * Reads exactly `size` bytes, or at least `minimum` of them, and waits for it. At the end of the stream the second one
 * fails only if `throw_on_end_of_stream`; *read, which may be NULL, is what has been read in any case.
 *
 * Errors   those of apm_stream_read; APM_ERROR_END_OF_STREAM; APM_ERROR_ARGUMENT_OUT_OF_RANGE `minimum` is above
 *          `size`.
 * .NET     Stream.ReadExactly(byte[], int, int), Stream.ReadAtLeast(Span<byte>, int, bool)
 */
APM_API APM_MUST_CHECK apm_error apm_stream_read_exactly(apm_stream stream, void *buffer, size_t size);
APM_API APM_MUST_CHECK apm_error apm_stream_read_at_least(apm_stream stream, void *buffer, size_t size, size_t minimum,
                                                          bool throw_on_end_of_stream, size_t *read);

/* -- Writing ------------------------------------------------------------------------------------------------------- */

/*
 * Starts writing `size` bytes, all of them. Several writes may be pending; they are served in the order begun.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is above INT_MAX.
 * .NET     Stream.BeginWrite(byte[], int, int, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_stream_begin_write(apm_stream stream, const void *buffer, size_t size,
                                                        apm_async_callback *callback, void *state,
                                                        apm_async_result *result);

/*
 * Ends a write.
 *
 * Errors   what the stream fails with; of a network stream those of apm_socket_end_send.
 * .NET     Stream.EndWrite(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_stream_end_write(apm_stream stream, apm_async_result result);

/*
 * Writes all of it, or one byte, and waits for it.
 *
 * Errors   those of apm_stream_begin_write and apm_stream_end_write; others as apm_stream_read.
 * .NET     Stream.Write, Stream.WriteByte
 */
APM_API APM_MUST_CHECK apm_error apm_stream_write(apm_stream stream, const void *buffer, size_t size);
APM_API APM_MUST_CHECK apm_error apm_stream_write_byte(apm_stream stream, uint8_t byte);

/* Hands on what is buffered. Errors: what the stream fails with. .NET: Stream.Flush() */
APM_API APM_MUST_CHECK apm_error apm_stream_flush(apm_stream stream);

/* -- Copying ------------------------------------------------------------------------------------------------------- */

/*
 * Starts copying what `source` has, to its end, to `destination`, through a buffer of `buffer_size` bytes.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE `buffer_size` is below 1; those of either stream.
 * .NET     Stream.CopyToAsync(Stream, int), which has no Begin and End there
 */
APM_API APM_MUST_CHECK apm_error apm_stream_begin_copy_to(apm_stream source, apm_stream destination, int buffer_size,
                                                          apm_async_callback *callback, void *state,
                                                          apm_async_result *result);

/*
 * Ends it: *copied is the number of bytes that were written, with an error, too.
 *
 * Errors   those of apm_stream_end_read and apm_stream_end_write.
 */
APM_API APM_MUST_CHECK apm_error apm_stream_end_copy_to(apm_stream source, apm_async_result result, size_t *copied);

/*
 * Copies and waits for it.
 *
 * Errors   those of apm_stream_begin_copy_to, apm_stream_read and apm_stream_write.
 * .NET     Stream.CopyTo(Stream, int)
 */
APM_API APM_MUST_CHECK apm_error apm_stream_copy_to(apm_stream source, apm_stream destination, int buffer_size);

APM_END_DECLARATIONS

#endif
