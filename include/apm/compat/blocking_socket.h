/*
 * CSocket in C: an asynchronous socket whose calls wait, and pump the queue of their thread while they do.
 *
 * A blocking socket is an apm_async_socket, `base`, with other ways to connect, accept, receive and send: they never
 * fail with WSAEWOULDBLOCK. All other members are those of `base`, with the same owner. While a call waits
 *   - messages of the queue that are not sockets' are dispatched, so that the program stays alive; on_message_pending
 *     sees each of them first, and may keep it;
 *   - notifications of sockets, this one's included, stay in the queue in their order, and come when it is pumped
 *   again:
 *     handlers are not called in the middle of a blocking call. on_send and on_connect come not at all for what a call
 *     has waited for;
 *   - a handler that is dispatched may cancel the call (apm_blocking_socket_cancel_blocking_call) or close the socket;
 *     then it ends with WSAEINTR. Another blocking call on the same object is WSAEINPROGRESS.
 *
 * What async_socket.h says of results, errors, owner and Threads holds here.
 */
#ifndef APM_COMPAT_BLOCKING_SOCKET_H
#define APM_COMPAT_BLOCKING_SOCKET_H

#include "apm/compat/async_socket.h"

APM_BEGIN_DECLARATIONS

typedef struct apm_blocking_socket apm_blocking_socket;

/* CSocket's OnMessagePending: true if it has done with the message, which is not dispatched then. */
typedef bool apm_blocking_socket_message_handler(apm_blocking_socket *socket, const apm_event_message *message);

/* The object. `on_message_pending` is the program's, NULL at first; all else but base.state is the library's. */
struct apm_blocking_socket {
    apm_async_socket base;
    apm_blocking_socket_message_handler *on_message_pending;
};

/* Makes an empty object, as apm_async_socket_initialize does: CSocket::CSocket; and ends it: CSocket::~CSocket */
APM_API void apm_blocking_socket_initialize(apm_blocking_socket *socket, apm_event_queue queue,
                                            const apm_async_socket_handlers *handlers, void *state);
APM_API void apm_blocking_socket_destroy(apm_blocking_socket *socket);

/*
 * Creates the socket, with all events. MFC's defaults are 0, APM_SOCKET_TYPE_STREAM, NULL.
 *
 * Errors   those of apm_async_socket_create.
 * MFC      CSocket::Create
 */
APM_API bool apm_blocking_socket_create(apm_blocking_socket *socket, int port, apm_socket_type type,
                                        const char *address);

/* apm_async_socket_attach with all events: CSocket::Attach */
APM_API bool apm_blocking_socket_attach(apm_blocking_socket *socket, apm_socket handle);

/* The object that has the socket; NULL if there is none, or it is not a blocking one. CSocket::FromHandle */
APM_API apm_blocking_socket *apm_blocking_socket_from_handle(apm_event_queue queue, apm_socket handle);

/* Whether a call of the object waits: CSocket::IsBlocking */
APM_API bool apm_blocking_socket_is_blocking(const apm_blocking_socket *socket);

/*
 * Has the call that waits end with WSAEINTR, as soon as the handler that calls this has returned. What the call was
 * about goes on, so that nothing but close is certain to be of use then. Nothing if no call waits.
 *
 * MFC      CSocket::CancelBlockingCall
 */
APM_API void apm_blocking_socket_cancel_blocking_call(apm_blocking_socket *socket);

/* Closes the socket; a call that waits ends with WSAEINTR. CSocket::Close */
APM_API void apm_blocking_socket_close(apm_blocking_socket *socket);

/*
 * Connects and waits for it.
 *
 * Blocks   until it has ended.
 * Errors   those of apm_async_socket_connect but WSAEWOULDBLOCK; WSAECONNREFUSED, WSAETIMEDOUT, WSAHOST_NOT_FOUND and
 *          the others that on_connect would have; WSAEINTR; WSAEINPROGRESS.
 * MFC      CSocket::Connect, by ConnectHelper
 */
APM_API bool apm_blocking_socket_connect(apm_blocking_socket *socket, const char *host, int port);
APM_API bool apm_blocking_socket_connect_endpoint(apm_blocking_socket *socket, apm_endpoint remote);

/*
 * Waits for a connection, and accepts it into an empty object. *peer may be NULL.
 *
 * Errors   those of apm_async_socket_accept but WSAEWOULDBLOCK; WSAEINTR; WSAEINPROGRESS.
 * MFC      CSocket::Accept
 */
APM_API bool apm_blocking_socket_accept(apm_blocking_socket *socket, apm_blocking_socket *connected,
                                        apm_endpoint *peer);

/*
 * Waits until there is something, and receives up to `size` bytes; 0 is the end of the stream.
 *
 * Errors   those of apm_async_socket_receive but WSAEWOULDBLOCK; WSAEINTR; WSAEINPROGRESS.
 * MFC      CSocket::Receive, ReceiveFrom
 */
APM_API int apm_blocking_socket_receive(apm_blocking_socket *socket, void *buffer, int size, int flags);
APM_API int apm_blocking_socket_receive_from(apm_blocking_socket *socket, void *buffer, int size, apm_endpoint *sender,
                                             int flags);

/*
 * Sends all of `size` bytes, which is the result, and waits for that.
 *
 * Failure  how much has been sent is not known.
 * Errors   those of apm_async_socket_send but WSAEWOULDBLOCK; WSAEINTR; WSAEINPROGRESS.
 * MFC      CSocket::Send, SendTo
 */
APM_API int apm_blocking_socket_send(apm_blocking_socket *socket, const void *buffer, int size, int flags);
APM_API int apm_blocking_socket_send_to(apm_blocking_socket *socket, const void *buffer, int size, int port,
                                        const char *host, int flags);
APM_API int apm_blocking_socket_send_to_endpoint(apm_blocking_socket *socket, const void *buffer, int size,
                                                 apm_endpoint remote, int flags);

APM_END_DECLARATIONS

#endif
