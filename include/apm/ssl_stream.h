/*
 * TLS over any stream: .NET's SslStream. The stream that apm_ssl_stream_create gives is read, written and closed by the
 * functions of apm/stream.h, once one of the two handshakes of this header has succeeded.
 *
 * What stream.h says of errors, Begins and Ends holds here, with what is said below. One read and one write may be
 * pending together; a second of a kind completes at once, with APM_ERROR_NOT_SUPPORTED. Before the handshake has
 * succeeded reads and writes are APM_ERROR_INVALID_OPERATION; after one that has failed they are what it failed with.
 * A read of 0 bytes completes when there is something to read. The end of the stream is the peer's close_notify; a
 * stream that ends without it was cut off, and a read says APM_ERROR_IO, as it does for records that are not the
 * peer's. A stream that is no stream of TLS is APM_ERROR_ARGUMENT for the functions of this header.
 *
 * Closing the stream sends close_notify, if no write was cut short; it closes the inner stream when that is sent, or
 * after two seconds, and never waits for it itself. See docs/tls.md.
 */
#ifndef APM_SSL_STREAM_H
#define APM_SSL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/async_result.h"
#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/ssl_context.h"
#include "apm/stream.h"

APM_BEGIN_DECLARATIONS

/*
 * Makes a stream of TLS over `inner_stream`, which belongs to it from then on: nobody else may read from it or write to
 * it. Closing the stream closes it, too, unless `leave_inner_stream_open`.
 *
 * Success  *created is the handle; apm_stream_close ends it.
 * Errors   APM_ERROR_ARGUMENT `inner_stream` cannot be read, or not written.
 * .NET     new SslStream(Stream, bool)
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_create(apm_stream inner_stream, bool leave_inner_stream_open,
                                                       apm_stream *created);

/* -- The handshake ------------------------------------------------------------------------------------------------- */

/*
 * Starts the handshake as a client. `target_host` is the name, or the IP address, that the server's certificate has to
 * be for; it is copied. If it is NULL or empty, the server is asked for no name, and no certificate is for it. A null
 * `context` is that of all zero options. After a handshake that has succeeded, another one is accepted and does
 * nothing; while one is pending, a second one completes with APM_ERROR_INVALID_OPERATION.
 *
 * `target_host` may be NULL.
 *
 * Errors   APM_ERROR_ARGUMENT `target_host` is longer than 255 bytes, or the context is one for servers;
 *          APM_ERROR_NOT_SUPPORTED the library was built without TLS; an earlier handshake's error, if one has failed:
 *          APM_ERROR_AUTHENTICATION, APM_ERROR_IO, APM_ERROR_OPERATION_ABORTED.
 * .NET     SslStream.BeginAuthenticateAsClient
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_begin_authenticate_as_client(apm_stream stream, apm_ssl_context context,
                                                                             const char *target_host,
                                                                             apm_async_callback *callback, void *state,
                                                                             apm_async_result *result);

/*
 * Ends it.
 *
 * Errors   APM_ERROR_AUTHENTICATION the peers do not agree, or one does not accept the other's certificate:
 *          apm_ssl_stream_error_text says why; APM_ERROR_IO the stream ended meanwhile; APM_ERROR_INVALID_OPERATION
 *          another handshake was pending; what the inner stream fails with; APM_ERROR_OPERATION_ABORTED.
 * .NET     SslStream.EndAuthenticateAsClient
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_end_authenticate_as_client(apm_stream stream, apm_async_result result);

/*
 * The same as a server; `context` may not be null.
 *
 * Errors   APM_ERROR_ARGUMENT the context is one for clients; APM_ERROR_NOT_SUPPORTED the library was built without
 *          TLS; an earlier handshake's error, if one has failed: APM_ERROR_AUTHENTICATION, APM_ERROR_IO,
 *          APM_ERROR_OPERATION_ABORTED.
 * .NET     SslStream.BeginAuthenticateAsServer
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_begin_authenticate_as_server(apm_stream stream, apm_ssl_context context,
                                                                             apm_async_callback *callback, void *state,
                                                                             apm_async_result *result);

/*
 * Ends it.
 *
 * Errors   as apm_ssl_stream_end_authenticate_as_client.
 * .NET     SslStream.EndAuthenticateAsServer
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_end_authenticate_as_server(apm_stream stream, apm_async_result result);

/*
 * Does the handshake and waits for it. `target_host` may be NULL.
 *
 * Errors   those of Begin and End.
 * .NET     SslStream.AuthenticateAsClient, SslStream.AuthenticateAsServer
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_authenticate_as_client(apm_stream stream, apm_ssl_context context,
                                                                       const char *target_host);
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_authenticate_as_server(apm_stream stream, apm_ssl_context context);

/* -- The end ------------------------------------------------------------------------------------------------------- */

/*
 * Starts telling the peer, by close_notify, that nothing more will be written; it follows a write that is pending.
 * Later writes complete with APM_ERROR_INVALID_OPERATION; reads go on until the peer's close_notify. It may be
 * repeated, and does nothing then.
 *
 * Errors   APM_ERROR_AUTHENTICATION, APM_ERROR_IO, APM_ERROR_OPERATION_ABORTED the handshake has failed so.
 * .NET     SslStream.ShutdownAsync, which has no Begin and End there
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_begin_shutdown(apm_stream stream, apm_async_callback *callback,
                                                               void *state, apm_async_result *result);

/*
 * Ends it: close_notify has been written to the inner stream.
 *
 * Errors   APM_ERROR_NOT_SUPPORTED another one was pending; APM_ERROR_SHUTDOWN a write was cut short; what the inner
 *          stream fails with; APM_ERROR_OPERATION_ABORTED; APM_ERROR_OBJECT_DISPOSED.
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_end_shutdown(apm_stream stream, apm_async_result result);

/* Does it and waits for it. Errors: those of Begin and End. .NET: SslStream.ShutdownAsync */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_shutdown(apm_stream stream);

/* -- What has come of it ------------------------------------------------------------------------------------------- */

/*
 * How the stream stands; false for anything that is not an open stream of TLS. All but the second are false until the
 * handshake has succeeded.
 *
 * .NET     SslStream.IsAuthenticated, IsServer, IsMutuallyAuthenticated
 */
APM_API bool apm_ssl_stream_is_authenticated(apm_stream stream);
APM_API bool apm_ssl_stream_is_server(apm_stream stream);
APM_API bool apm_ssl_stream_is_mutually_authenticated(apm_stream stream);

/* Whether the handshake resumed an earlier session; has no counterpart in .NET. */
APM_API bool apm_ssl_stream_is_resumed(apm_stream stream);

/*
 * What was agreed on: the protocol, and the suite by its registered number.
 *
 * Errors   APM_ERROR_INVALID_OPERATION no handshake has succeeded.
 * .NET     SslStream.SslProtocol, SslStream.NegotiatedCipherSuite
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_ssl_protocol(apm_stream stream, apm_ssl_protocols *protocol);
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_negotiated_cipher_suite(apm_stream stream, uint16_t *suite);

/*
 * Texts: the protocol that ALPN has chosen, empty if none; the name that the client asked for, empty if none; the
 * registered name of the suite. *size is the length; no more than `capacity` bytes are copied, and no zero byte after
 * them. `text` may be NULL if `capacity` is 0.
 *
 * Errors   APM_ERROR_INVALID_OPERATION no handshake has succeeded; APM_ERROR_ARGUMENT_NULL.
 * .NET     SslStream.NegotiatedApplicationProtocol, SslStream.TargetHostName
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_negotiated_application_protocol(apm_stream stream, char *text,
                                                                                size_t capacity, size_t *size);
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_target_host_name(apm_stream stream, char *text, size_t capacity,
                                                                 size_t *size);
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_negotiated_cipher_suite_name(apm_stream stream, char *text,
                                                                             size_t capacity, size_t *size);

/*
 * The certificate of the peer with those that it sent, and one's own: a handle that the caller has to close, the null
 * handle if there is none.
 *
 * Errors   APM_ERROR_INVALID_OPERATION no handshake has succeeded.
 * .NET     SslStream.RemoteCertificate, SslStream.LocalCertificate
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_remote_certificate(apm_stream stream,
                                                                   apm_x509_certificate *certificate);
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_local_certificate(apm_stream stream, apm_x509_certificate *certificate);

/*
 * What was wrong with the peer's certificate, whether it was accepted or not. `chain_status` may be NULL.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL `errors` is NULL.
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_policy_errors(apm_stream stream, apm_ssl_policy_errors *errors,
                                                              apm_x509_chain_status_flags *chain_status);

/*
 * What the stream failed with, for logs: a sentence in English, empty if nothing has failed. As the texts above, but
 * at any time until the stream is closed.
 *
 * `text` may be NULL if `capacity` is 0.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL.
 * .NET     AuthenticationException.Message
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_stream_error_text(apm_stream stream, char *text, size_t capacity,
                                                           size_t *size);

APM_END_DECLARATIONS

#endif
