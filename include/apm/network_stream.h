/*
 * Network streams: a connected socket as a stream. For everything but what is below see stream.h.
 *
 * Operations are the socket's own: they cost and behave as apm_socket_begin_receive and apm_socket_begin_send, and are
 * served in one order with those of the socket. A write is all of it; one that is cut short after some of its bytes
 * makes further writes fail, as sends do. Time-outs are the socket's receive and send time-outs.
 */
#ifndef APM_NETWORK_STREAM_H
#define APM_NETWORK_STREAM_H

#include <stdbool.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/stream.h"

APM_BEGIN_DECLARATIONS

/*
 * Makes a stream of a connected stream socket. If it owns the socket, closing the stream closes that; if not, the
 * socket goes on, and so do the operations of the stream that are pending. Closing the socket leaves the stream open,
 * with APM_ERROR_OBJECT_DISPOSED for all that needs the socket. Where .NET is told nothing else its stream does not own
 * the socket, and both reads and writes.
 *
 * Success  *stream is the handle; apm_stream_close ends it.
 * Failure  *stream is the null handle, and the socket is the caller's as it was.
 * Errors   APM_ERROR_IO the socket is not connected, not of type stream, or does not block
 *          (apm_socket_set_blocking); APM_ERROR_ARGUMENT_OUT_OF_RANGE `access` is
 *          no such value.
 * .NET     NetworkStream(Socket, FileAccess, bool)
 */
APM_API APM_MUST_CHECK apm_error apm_network_stream_create(apm_socket socket, apm_file_access access, bool owns_socket,
                                                           apm_stream *stream);

/*
 * Whether a read would give bytes without waiting.
 *
 * Errors   APM_ERROR_ARGUMENT no network stream.
 * .NET     NetworkStream.DataAvailable
 */
APM_API APM_MUST_CHECK apm_error apm_network_stream_data_available(apm_stream stream, bool *data_available);

/* The socket of the stream. Errors: APM_ERROR_ARGUMENT no network stream. .NET: NetworkStream.Socket */
APM_API APM_MUST_CHECK apm_error apm_network_stream_socket(apm_stream stream, apm_socket *socket);

/*
 * Closes the stream, as apm_stream_close. The time is what .NET waits for data to be sent; here close never waits for
 * it, and the system goes on sending in the background.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE `timeout_ms` is below -1; APM_ERROR_ARGUMENT no network stream.
 * .NET     NetworkStream.Close(int)
 */
APM_API apm_error apm_network_stream_close(apm_stream stream, int timeout_ms);

APM_END_DECLARATIONS

#endif
