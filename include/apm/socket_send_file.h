/*
 * Sending files. What apm/socket.h says of every Begin and End holds here, too.
 *
 * A file is sent as one send: its bytes, and those of the buffers before and after it, are contiguous in the stream, in
 * the order of the Begins of the socket's sends. How many bytes of the file are sent is settled by Begin, from the
 * length that it has then: what is appended later is not sent. Of a file that has become shorter by the time it is
 * read, what is left is sent, with success; End says how many bytes went.
 */
#ifndef APM_SOCKET_SEND_FILE_H
#define APM_SOCKET_SEND_FILE_H

#include <stdint.h>

#include "apm/socket.h"

APM_BEGIN_DECLARATIONS

/* .NET's TransmitFileOptions, with its numbers; they combine by |. */
typedef enum apm_transmit_file_options {
    APM_TRANSMIT_FILE_OPTIONS_USE_DEFAULT_WORKER_THREAD = 0,
    APM_TRANSMIT_FILE_OPTIONS_DISCONNECT = 1,   /* disconnect after the last byte */
    APM_TRANSMIT_FILE_OPTIONS_REUSE_SOCKET = 2, /* the same, and the socket can connect again */
    APM_TRANSMIT_FILE_OPTIONS_WRITE_BEHIND = 4, /* this one and those below are ignored */
    APM_TRANSMIT_FILE_OPTIONS_USE_SYSTEM_THREAD = 0x10,
    APM_TRANSMIT_FILE_OPTIONS_USE_KERNEL_APC = 0x20
} apm_transmit_file_options;

/* Up to the end of the file. */
#define APM_FILE_RANGE_TO_END UINT64_MAX

/* `count` bytes of a file from `offset` on; fewer if the file ends before. */
typedef struct apm_file_range {
    uint64_t offset;
    uint64_t count;
} apm_file_range;

/*
 * Starts sending a whole file. To be ended by apm_socket_end_send_file.
 *
 * The file is opened by Begin, and closed when the send has completed. Its name is copied; `file_name` may be NULL,
 * which is no file and sends nothing.
 *
 * Blocks   not for the peer; the file system may take its time to open the file, and the disk to read it.
 * Errors   APM_ERROR_NOT_SUPPORTED the socket is not connected, or its sending direction has been shut down, or the
 *          file has no bytes at places that can be named (a pipe, a socket, a terminal); APM_ERROR_FILE_NOT_FOUND;
 *          APM_ERROR_ACCESS_DENIED it may not be read, or is a directory; APM_ERROR_ARGUMENT an empty name;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE a name that is too long; APM_ERROR_TOO_MANY_OPEN_SOCKETS no descriptor is
 *          left; APM_ERROR_WOULD_BLOCK the socket's water marks (apm/serving.h) are reached.
 * .NET     Socket.BeginSendFile(string, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_send_file(apm_socket socket, const char *file_name,
                                                            apm_async_callback *callback, void *state,
                                                            apm_async_result *result);

/*
 * Starts sending the bytes of `pre_buffer`, the file, and the bytes of `post_buffer`. `file_name` may be NULL for none,
 * and so may the buffers. With one of the options for it the socket is disconnected once all has been accepted by the
 * system.
 *
 * Borrows  both buffers, until the callback is invoked or a wait on the result returns.
 * Errors   those of apm_socket_begin_send_file; APM_ERROR_ARGUMENT_NULL a buffer is NULL whose size is not 0;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE a size is above INT_MAX.
 * .NET     Socket.BeginSendFile(string, byte[], byte[], TransmitFileOptions, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_send_file_with_buffers(apm_socket socket, const char *file_name,
                                                                         const void *pre_buffer, size_t pre_size,
                                                                         const void *post_buffer, size_t post_size,
                                                                         apm_transmit_file_options options,
                                                                         apm_async_callback *callback, void *state,
                                                                         apm_async_result *result);

/*
 * Starts sending a part of a file. A range that begins at the end of the file or behind it has no bytes.
 *
 * Errors   those of apm_socket_begin_send_file; APM_ERROR_ARGUMENT_NULL the name is NULL.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_send_file_range(apm_socket socket, const char *file_name,
                                                                  apm_file_range range, apm_async_callback *callback,
                                                                  void *state, apm_async_result *result);

/*
 * Starts sending a part of a file that is open already. Begin makes a descriptor of its own of it, so the caller may
 * close his at once; the place at which the descriptor reads is neither used nor moved.
 *
 * Errors   those of apm_socket_begin_send_file that fit; APM_ERROR_ARGUMENT `descriptor` is not open;
 *          APM_ERROR_ACCESS_DENIED it is not open for reading.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_send_file_descriptor(apm_socket socket, int descriptor,
                                                                       apm_file_range range,
                                                                       apm_async_callback *callback, void *state,
                                                                       apm_async_result *result);

/*
 * Ends the sending of a file, of any form: *sent is the number of bytes, buffers included, that the system has
 * accepted, also with an error.
 *
 * Errors   those of apm_socket_end_send; APM_ERROR_SOCKET_ERROR the file could not be read: apm_native_error_code has
 *          the reason.
 * .NET     Socket.EndSendFile(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_send_file(apm_socket socket, apm_async_result result, uint64_t *sent);

/*
 * Sends a file and waits for it, no longer than the send time-out; behind the sends that are pending. Each form is as
 * its Begin.
 *
 * Errors   those of Begin and End; APM_ERROR_TIMED_OUT, with *sent as apm_socket_end_send_file;
 *          APM_ERROR_CONNECTION_ABORTED the socket was closed meanwhile; APM_ERROR_NOT_SUPPORTED `options` is not 0: as
 *          in .NET these are for the Begin only.
 * .NET     Socket.SendFile(string), Socket.SendFile(string, byte[], byte[], TransmitFileOptions)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_send_file(apm_socket socket, const char *file_name, uint64_t *sent);
APM_API APM_MUST_CHECK apm_error apm_socket_send_file_with_buffers(apm_socket socket, const char *file_name,
                                                                   const void *pre_buffer, size_t pre_size,
                                                                   const void *post_buffer, size_t post_size,
                                                                   apm_transmit_file_options options, uint64_t *sent);
APM_API APM_MUST_CHECK apm_error apm_socket_send_file_range(apm_socket socket, const char *file_name,
                                                            apm_file_range range, uint64_t *sent);
APM_API APM_MUST_CHECK apm_error apm_socket_send_file_descriptor(apm_socket socket, int descriptor,
                                                                 apm_file_range range, uint64_t *sent);

APM_END_DECLARATIONS

#endif
