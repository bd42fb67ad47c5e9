/*
 * CAsyncSocket in C: sockets whose events come as calls of handlers on one thread, on top of Begin and End.
 *
 * An object is the program's memory, on the stack or the heap, or the first member of a structure of its own. It is
 * constructed in two stages: apm_async_socket_initialize makes an empty object, apm_async_socket_create the socket. It
 * belongs to an event queue and so to that queue's owner: each function is called on that thread, and handlers run on
 * it while it pumps. An object may not be moved while it has a socket.
 *
 * What is common to all members. A function that returns bool returns true if it succeeds; one that returns an int
 * gives a number of bytes, or APM_SOCKET_ERROR_RESULT. What went wrong is said by apm_async_socket_get_last_error, in
 * Windows' numbers; beside those that a function names they are WSAEFAULT a NULL that is needed, WSAENOTSOCK the object
 * is empty, WSAEINVAL the thread is not the queue's owner, WSAENOBUFS no memory. No function blocks but where it says
 * so.
 *
 * Notifications, as Windows has them. Each comes once, and is enabled anew by a call:
 *   on_receive             there is data; again after a receive, receive_from or async_select, if there is data then
 *   on_out_of_band_data    there is urgent data; again after a receive with APM_SOCKET_FLAGS_OUT_OF_BAND
 *   on_send                the socket can send: after connect, accept and create of a datagram socket; again when a
 *                          send that failed with WSAEWOULDBLOCK would succeed
 *   on_accept              a connection waits; again after accept
 *   on_connect             the attempt to connect has ended
 *   on_close               the connection has ended, orderly or with an error: once, and not before all that was
 *                          received has been read
 * Their argument is 0 or Windows' number of an error. A handler may call every function, apm_async_socket_close of its
 * own object included; after that no handler of the object is called.
 */
#ifndef APM_COMPAT_ASYNC_SOCKET_H
#define APM_COMPAT_ASYNC_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "apm/compat/event_queue.h"
#include "apm/compat/wsa.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/ip_address.h"
#include "apm/socket.h"

APM_BEGIN_DECLARATIONS

/* The message by which a queue brings a notification: its target is the socket's, for apm_event_queue_dispatch. */
enum { APM_EVENT_MESSAGE_SOCKET_NOTIFY = 0x0373 };

typedef struct apm_async_socket apm_async_socket;

/* A notification; `error` is 0 or Windows' number. */
typedef void apm_async_socket_handler(apm_async_socket *socket, int error);

/* CAsyncSocket's overridable members; NULL does nothing. */
typedef struct apm_async_socket_handlers {
    apm_async_socket_handler *on_receive;
    apm_async_socket_handler *on_send;
    apm_async_socket_handler *on_out_of_band_data;
    apm_async_socket_handler *on_accept;
    apm_async_socket_handler *on_connect;
    apm_async_socket_handler *on_close;
} apm_async_socket_handlers;

/* The object. `state` is the program's; all else is the library's. */
struct apm_async_socket {
    void *state;
    const apm_async_socket_handlers *handlers;
    apm_event_queue queue;
    struct apm__async_socket *core;
};

/* -- Construction ------------------------------------------------------------------------------------------------ */

/*
 * Makes an empty object: the constructor. `handlers` may be NULL for none, and must live as long as the object.
 *
 * MFC      CAsyncSocket::CAsyncSocket
 */
APM_API void apm_async_socket_initialize(apm_async_socket *socket, apm_event_queue queue,
                                         const apm_async_socket_handlers *handlers, void *state);

/* Closes the socket, if there is one: the destructor. CAsyncSocket::~CAsyncSocket */
APM_API void apm_async_socket_destroy(apm_async_socket *socket);

/*
 * Creates the socket and binds it: `port` 0 leaves the port to the system, `address` NULL is every address of the
 * machine. The socket is IPv4, or IPv6 if the address is. MFC's defaults are 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL,
 * NULL.
 *
 * Errors   WSAEINVAL the object has a socket, the text is no address, or the port not from 0 to 65535;
 *          WSAESOCKTNOSUPPORT, WSAEPROTONOSUPPORT there is no such type; WSAEADDRINUSE, WSAEADDRNOTAVAIL, WSAEACCES as
 *          apm_async_socket_bind; WSAEMFILE.
 * MFC      CAsyncSocket::Create
 */
APM_API bool apm_async_socket_create(apm_async_socket *socket, int port, apm_socket_type type, long events,
                                     const char *address);

/* The same with an endpoint, of whatever family: CAsyncSocket::CreateEx */
APM_API bool apm_async_socket_create_endpoint(apm_async_socket *socket, apm_socket_type type, long events,
                                              apm_endpoint local);

/*
 * Creates the socket without binding it. `protocol` may be APM_PROTOCOL_TYPE_UNSPECIFIED.
 *
 * Errors   those of apm_async_socket_create; WSAEAFNOSUPPORT.
 * MFC      CAsyncSocket::Socket
 */
APM_API bool apm_async_socket_socket(apm_async_socket *socket, apm_socket_type type, long events,
                                     apm_protocol_type protocol, apm_address_family family);

/*
 * Gives a socket of the library to the object, which closes it from now on. No operation may be pending on it.
 *
 * Errors   WSAEINVAL the object has a socket; WSAENOTSOCK the handle is none.
 * MFC      CAsyncSocket::Attach
 */
APM_API bool apm_async_socket_attach(apm_async_socket *socket, apm_socket handle, long events);

/*
 * Takes the socket away from the object, which is empty then; no notification of it comes any more. The handle is the
 * caller's, and blocks again. A connection that waits to be accepted is closed. The null handle if there is none.
 *
 * MFC      CAsyncSocket::Detach
 */
APM_API apm_socket apm_async_socket_detach(apm_async_socket *socket);

/* The socket; the null handle of an empty object. It stays the object's. CAsyncSocket::operator SOCKET */
APM_API apm_socket apm_async_socket_handle(const apm_async_socket *socket);

/*
 * The object of the queue that has the socket; NULL if there is none. Owner only.
 *
 * MFC      CAsyncSocket::FromHandle
 */
APM_API apm_async_socket *apm_async_socket_from_handle(apm_event_queue queue, apm_socket handle);

/* -- Attributes -------------------------------------------------------------------------------------------------- */

/* The error of the calling thread's last failed call: CAsyncSocket::GetLastError */
APM_API int apm_async_socket_get_last_error(void);

/*
 * The peer's and the own endpoint. For text: apm_ip_address_format, apm_endpoint_format.
 *
 * Errors   WSAENOTCONN not connected; WSAEINVAL not bound.
 * MFC      CAsyncSocket::GetPeerName, GetPeerNameEx, GetSockName, GetSockNameEx
 */
APM_API bool apm_async_socket_get_peer_name(apm_async_socket *socket, apm_endpoint *peer);
APM_API bool apm_async_socket_get_sock_name(apm_async_socket *socket, apm_endpoint *local);

/*
 * Reads or sets an option by Windows' level and name, which are apm_socket_option_level's and
 * apm_socket_option_name's. The value is an int; for APM_SOCKET_OPTION_NAME_LINGER two uint16_t, whether and how many
 * seconds. *size is the room, and then what was written.
 *
 * Errors   WSAEFAULT a NULL, or a size too small; WSAENOPROTOOPT no such option; WSAEINVAL no such value.
 * MFC      CAsyncSocket::GetSockOpt, SetSockOpt
 */
APM_API bool apm_async_socket_get_sock_opt(apm_async_socket *socket, int name, void *value, int *size, int level);
APM_API bool apm_async_socket_set_sock_opt(apm_async_socket *socket, int name, const void *value, int size, int level);

/* Windows' commands of apm_async_socket_io_ctl. */
#define APM_FIONBIO 0x8004667el
#define APM_FIONREAD 0x4004667fl
#define APM_SIOCATMARK 0x40047307l

/*
 * Controls the mode: APM_FIONBIO whether the socket does not block, which can be turned off only if no event is asked
 * for; APM_FIONREAD how many bytes can be read; APM_SIOCATMARK nonzero if no urgent data is ahead.
 *
 * Errors   WSAEINVAL blocking, while events are asked for; WSAEOPNOTSUPP any other command.
 * MFC      CAsyncSocket::IOCtl
 */
APM_API bool apm_async_socket_io_ctl(apm_async_socket *socket, long command, uint32_t *argument);

/* -- Operations -------------------------------------------------------------------------------------------------- */

/*
 * Binds to a port and an address of this machine; NULL is every one.
 *
 * Errors   WSAEADDRINUSE; WSAEADDRNOTAVAIL; WSAEACCES; WSAEINVAL it is bound, or the text is no address, or the port
 *          not from 0 to 65535; WSAEAFNOSUPPORT the address is of another family.
 * MFC      CAsyncSocket::Bind
 */
APM_API bool apm_async_socket_bind(apm_async_socket *socket, int port, const char *address);
APM_API bool apm_async_socket_bind_endpoint(apm_async_socket *socket, apm_endpoint local);

/*
 * Connects. A stream that begins to connect is a failure with WSAEWOULDBLOCK, and on_connect says how it ended; a
 * datagram socket succeeds at once. A name is looked up; of a stream in the background, so that on_connect has its
 * error; of a datagram socket at once, which may block.
 *
 * Errors   WSAEWOULDBLOCK it has begun; WSAEALREADY it is connecting; WSAEISCONN; WSAEINVAL it listens, or the port is
 *          not from 0 to 65535; WSAEAFNOSUPPORT; of a datagram socket also WSAHOST_NOT_FOUND and the like.
 * MFC      CAsyncSocket::Connect
 */
APM_API bool apm_async_socket_connect(apm_async_socket *socket, const char *host, int port);
APM_API bool apm_async_socket_connect_endpoint(apm_async_socket *socket, apm_endpoint remote);

/*
 * Listens for connections. MFC's default of `backlog` is 5; the system's largest is a negative one.
 *
 * Errors   WSAEADDRINUSE; WSAEINVAL not bound; WSAEISCONN it is connected; WSAEOPNOTSUPP a datagram socket.
 * MFC      CAsyncSocket::Listen
 */
APM_API bool apm_async_socket_listen(apm_async_socket *socket, int backlog);

/*
 * Accepts a connection into an empty object, which gets the listener's events, and whose own queue the calling thread
 * owns. *peer, which may be NULL, is its peer.
 *
 * Errors   WSAEWOULDBLOCK there is none; WSAEINVAL not listening, or `connected` has a socket; WSAEMFILE.
 * MFC      CAsyncSocket::Accept
 */
APM_API bool apm_async_socket_accept(apm_async_socket *socket, apm_async_socket *connected, apm_endpoint *peer);

/*
 * Receives up to `size` bytes; 0 is the end of the stream. `flags` are apm_socket_flags, whose numbers are Windows'.
 *
 * Errors   WSAEWOULDBLOCK there is nothing, on_receive will say; WSAENOTCONN; WSAECONNRESET; WSAEINVAL a negative size,
 *          or no urgent data; WSAEOPNOTSUPP unknown flags; WSAEMSGSIZE a datagram was larger than the buffer, which has
 *          its beginning.
 * MFC      CAsyncSocket::Receive
 */
APM_API int apm_async_socket_receive(apm_async_socket *socket, void *buffer, int size, int flags);

/*
 * Receives a datagram and where it came from; *sender may be NULL.
 *
 * Errors   those of apm_async_socket_receive; WSAEINVAL not bound.
 * MFC      CAsyncSocket::ReceiveFrom, ReceiveFromEx
 */
APM_API int apm_async_socket_receive_from(apm_async_socket *socket, void *buffer, int size, apm_endpoint *sender,
                                          int flags);

/*
 * Sends; the result is how many bytes were taken, which may be less than `size`. What has been taken is sent although
 * the socket is closed.
 *
 * Errors   WSAEWOULDBLOCK nothing was taken, on_send will say when; WSAENOTCONN; WSAESHUTDOWN; WSAECONNRESET;
 *          WSAECONNABORTED; WSAEINVAL a negative size; WSAEOPNOTSUPP unknown flags.
 * MFC      CAsyncSocket::Send
 */
APM_API int apm_async_socket_send(apm_async_socket *socket, const void *buffer, int size, int flags);

/*
 * Sends a datagram to a host, a name of which is looked up and may block; `host` NULL is the broadcast address.
 *
 * Errors   those of apm_async_socket_send; WSAEMSGSIZE too large; WSAEACCES broadcast is not allowed; WSAEINVAL the
 *          port is not from 1 to 65535; WSAHOST_NOT_FOUND and the like; WSAEAFNOSUPPORT, WSAENETUNREACH.
 * MFC      CAsyncSocket::SendTo, SendToEx
 */
APM_API int apm_async_socket_send_to(apm_async_socket *socket, const void *buffer, int size, int port, const char *host,
                                     int flags);
APM_API int apm_async_socket_send_to_endpoint(apm_async_socket *socket, const void *buffer, int size,
                                              apm_endpoint remote, int flags);

/*
 * Ends one or both directions. What send has taken is sent first. MFC's default is APM_SOCKET_SHUTDOWN_SEND.
 *
 * Errors   WSAENOTCONN; WSAEINVAL no such direction.
 * MFC      CAsyncSocket::ShutDown
 */
APM_API bool apm_async_socket_shut_down(apm_async_socket *socket, int how);

/*
 * Closes the socket, if there is one; the object is empty then and may be created anew. What send has taken is still
 * sent. No notification comes afterwards, also not one that was in the queue.
 *
 * MFC      CAsyncSocket::Close
 */
APM_API void apm_async_socket_close(apm_async_socket *socket);

/*
 * Asks for other events than before; those that apply at once, as data that waits, are notified again. MFC's default is
 * APM_FD_ALL.
 *
 * MFC      CAsyncSocket::AsyncSelect
 */
APM_API bool apm_async_socket_async_select(apm_async_socket *socket, long events);

APM_END_DECLARATIONS

#endif
