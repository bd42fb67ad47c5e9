/*
 * SocketTools' Inet functions, those around InetAsyncConnectEx, in C: sockets that block with a time-out, or that post
 * their events to a target of an event queue. They are on top of Begin and End, and of TLS.
 *
 * The functions have names of this library; apm/compat/inet_names.h, which this header includes unless
 * APM_INET_NO_NAMES is defined, gives them, their types and their numbers the original's names: InetConnectEx, SOCKET,
 * DWORD, LPCTSTR, INET_OPTION_SECURE. docs/porting/sockettools.md has both side by side, and says what the original
 * leaves to Windows.
 *
 * A function that takes text has two forms: `_a` takes UTF-8, `_w` wchar_t. What is said of one holds for both.
 *
 * What is common. A function that gives an apm_inet gives APM_INET_INVALID_SOCKET if it fails, one that gives an int
 * for a number APM_INET_ERROR, and one that says yes or no 0. The calling thread's apm_inet_get_last_error is then the
 * reason; a function that succeeds leaves it as it was. Beside those that a function names, the errors of all functions
 * are APM_INET_E_NOT_INITIALIZED apm_inet_initialize_a has not been called; APM_INET_E_INVALID_HANDLE the handle was
 * never issued, or is closed; APM_INET_E_NOT_HANDLE_OWNER another thread owns the handle; APM_INET_E_INVALID_PARAMETER
 * a NULL that is needed, or a number out of range; APM_INET_E_OUT_OF_MEMORY.
 *
 * Threads. A handle belongs to the thread that has made it, and only that may use it, until apm_inet_attach_thread.
 * With APM_INET_OPTION_FREETHREAD any thread may, but only one at a time.
 *
 * Blocking. A handle made by a function without `async` in its name blocks: a call waits for at most the time-out, in
 * seconds, which is that of the connect or what apm_inet_set_timeout has set. Messages are not pumped meanwhile. With
 * events enabled nothing blocks: what would have to wait is APM_INET_E_WOULD_BLOCK.
 *
 * Events come as messages to the target that the handle was made with: `message` is the number that the program chose,
 * w_param the handle, the low word of l_param the event, and its high word the low word of the error's number, 0 if
 * there is none (apm_inet_event, apm_inet_event_error). A message is at the same time the socket's: none comes out of
 * the queue when apm_inet_disconnect has returned on the queue's owner.
 *   CONNECT     the attempt to connect has ended, with its handshake if it is secure; so has that of a secure accept.
 *               An accept that is not secure has none
 *   DISCONNECT  the peer has ended the connection, or it is broken. It comes when all that was received has been read
 *   READ        there is something to read. It comes once; again after a read, if there still is something then. A
 *               program that reads without waiting for it may find nothing when it comes
 *   WRITE       the socket can write: after the connect, and when a write that would have blocked no longer would
 *   ACCEPT      a connection waits to be accepted. It comes once, and again after an accept
 */
#ifndef APM_COMPAT_INET_H
#define APM_COMPAT_INET_H

#include <stddef.h>
#include <stdint.h>

#include "apm/compat/event_queue.h"
#include "apm/export.h"

APM_BEGIN_DECLARATIONS

/* A socket: a number, as Windows' SOCKET is. */
typedef uintptr_t apm_inet;

#define APM_INET_INVALID_SOCKET (~(apm_inet)0)
#define APM_INET_ERROR (-1)

enum {
    APM_INET_PROTOCOL_TCP = 6,
    APM_INET_PROTOCOL_UDP = 17,
    APM_INET_TIMEOUT = 20 /* seconds: what a time-out of 0 stands for in a connect */
};

/* Options of connect, listen and accept, which combine by |. Whether an option is refused stands beside it. */
#define APM_INET_OPTION_NONE 0u
#define APM_INET_OPTION_BROADCAST 0x1u          /* datagrams may go to broadcast addresses; not of TCP */
#define APM_INET_OPTION_DONTROUTE 0x2u          /* nothing goes to another network */
#define APM_INET_OPTION_KEEPALIVE 0x4u          /* an idle connection is probed; not of UDP */
#define APM_INET_OPTION_REUSEADDRESS 0x8u       /* several sockets may have the local address */
#define APM_INET_OPTION_NODELAY 0x10u           /* small writes go out at once; nothing for UDP */
#define APM_INET_OPTION_INLINE 0x20u            /* urgent data is read among the other */
#define APM_INET_OPTION_RESERVEDPORT 0x40u      /* the local port is one from 512 to 1023; not with a local port */
#define APM_INET_OPTION_NOINHERIT 0x80u         /* a program that is executed does not get the socket; always so */
#define APM_INET_OPTION_TRUSTEDSITE 0x800u      /* whatever certificate the peer has is accepted, for this handle */
#define APM_INET_OPTION_SECURE 0x1000u          /* TLS; not of UDP */
#define APM_INET_OPTION_SECURE_FALLBACK 0x8000u /* also TLS 1.2's weaker suites: see docs/porting/sockettools.md */
#define APM_INET_OPTION_PREFER_IPV6 0x40000u    /* of a name with both kinds of addresses those of IPv6 are taken */
#define APM_INET_OPTION_FREETHREAD 0x80000000u  /* any thread may use the handle */

enum {
    APM_INET_EVENT_CONNECT = 1,
    APM_INET_EVENT_DISCONNECT = 2,
    APM_INET_EVENT_READ = 3,
    APM_INET_EVENT_WRITE = 4,
    APM_INET_EVENT_ACCEPT = 5,
    APM_INET_EVENT_TIMEOUT = 6 /* for a registered callback only: a call has come to its time-out */
};

/* Errors: 0x80040000 and Windows Sockets' number, or the original's own number. Those of apm_wsa_error occur, too. */
#define APM_INET_E_NOT_HANDLE_OWNER 0x80042711u
#define APM_INET_E_FILE_NOT_FOUND 0x80042712u
#define APM_INET_E_OPERATION_CANCELED 0x80042714u
#define APM_INET_E_OUT_OF_MEMORY 0x8004271cu
#define APM_INET_E_ACCESS_DENIED 0x8004271du
#define APM_INET_E_INVALID_PARAMETER 0x80042726u
#define APM_INET_E_WOULD_BLOCK 0x80042733u
#define APM_INET_E_INVALID_HANDLE 0x80042736u
#define APM_INET_E_INVALID_SIZE 0x80042738u
#define APM_INET_E_INVALID_PROTOCOL 0x8004273bu
#define APM_INET_E_INVALID_OPTION 0x8004273au
#define APM_INET_E_NOT_SUPPORTED 0x8004273du
#define APM_INET_E_ADDRESS_IN_USE 0x80042740u
#define APM_INET_E_ADDRESS_UNAVAILABLE 0x80042741u
#define APM_INET_E_CONNECTION_ABORTED 0x80042745u
#define APM_INET_E_CONNECTION_RESET 0x80042746u
#define APM_INET_E_NOT_CONNECTED 0x80042749u
#define APM_INET_E_TIMED_OUT 0x8004274cu
#define APM_INET_E_CONNECTION_REFUSED 0x8004274du
#define APM_INET_E_NOT_INITIALIZED 0x8004276du
#define APM_INET_E_HOST_NOT_FOUND 0x80042af9u
#define APM_INET_E_INVALID_CERTIFICATE 0x80042f01u /* the handshake: the peers disagree, or a certificate is refused */
#define APM_INET_E_INVALID_CREDENTIALS 0x80042f02u /* no certificate, no key, or not the one that is named */

/* An address: 4 or 16 bytes in network order. */
enum { APM_INET_ADDRESS_UNKNOWN = 0, APM_INET_ADDRESS_IPV4 = 1, APM_INET_ADDRESS_IPV6 = 2 };

typedef struct apm_inet_address {
    int ipFamily;
    uint8_t ipNumber[16];
} apm_inet_address;

/*
 * What a secure handle shows of itself, with the original's names. dwSize is the size of the structure. A client may
 * leave all else zero; a server needs a certificate. lpszCertStore is a file in PEM, whose first certificate is taken;
 * lpszCertName is part of its subject, or empty; lpszKeyFile the key's file, or NULL for a key in the certificate's,
 * lpszPassword the key's password. lpszHostName is the name that the peer's certificate has to be for, where it is not
 * the host's.
 */
typedef struct apm_inet_credentials_a {
    uint32_t dwSize;
    uint32_t dwProtocol; /* APM_INET_SECURITY_PROTOCOL_..., combined by | */
    uint32_t dwOptions;  /* ignored */
    uint32_t dwReserved;
    const char *lpszHostName;
    const char *lpszUserName; /* ignored */
    const char *lpszPassword;
    const char *lpszCertStore;
    const char *lpszCertName;
    const char *lpszKeyFile;
} apm_inet_credentials_a;

typedef struct apm_inet_credentials_w {
    uint32_t dwSize;
    uint32_t dwProtocol;
    uint32_t dwOptions;
    uint32_t dwReserved;
    const wchar_t *lpszHostName;
    const wchar_t *lpszUserName;
    const wchar_t *lpszPassword;
    const wchar_t *lpszCertStore;
    const wchar_t *lpszCertName;
    const wchar_t *lpszKeyFile;
} apm_inet_credentials_w;

/* Older protocols than these are not there any more: a mask of nothing else is refused. */
enum {
    APM_INET_SECURITY_PROTOCOL_DEFAULT = 0, /* TLS 1.2 and 1.3 */
    APM_INET_SECURITY_PROTOCOL_TLS12 = 0x10,
    APM_INET_SECURITY_PROTOCOL_TLS13 = 0x20
};

/* What is called for an event; `error` is 0 or an APM_INET_E_... */
typedef void apm_inet_event_procedure(apm_inet socket, unsigned event, uint32_t error, uintptr_t parameter);

/* -- The library, and its errors ----------------------------------------------------------------------------------- */

/*
 * Has to come first. `license_key` and `data` are not looked at, and may be NULL. Each call has to be matched by one of
 * apm_inet_uninitialize, whose last one closes all handles.
 *
 * Threads  any.
 */
APM_API int apm_inet_initialize_a(const char *license_key, void *data);
APM_API int apm_inet_initialize_w(const wchar_t *license_key, void *data);
APM_API void apm_inet_uninitialize(void);

/* The error of the calling thread's last function that failed; and how to set it. */
APM_API uint32_t apm_inet_get_last_error(void);
APM_API void apm_inet_set_last_error(uint32_t error);

/*
 * The text of an error, 0 being the calling thread's last: written with a zero, cut off where `size` characters end.
 * The result is its length.
 */
APM_API int apm_inet_get_error_string_a(uint32_t error, char *text, int size);
APM_API int apm_inet_get_error_string_w(uint32_t error, wchar_t *text, int size);

/* -- Connecting ---------------------------------------------------------------------------------------------------- */

/*
 * Connects, and waits for it: no longer than `timeout_s` seconds, 0 being APM_INET_TIMEOUT. That is the handle's
 * time-out, too. For UDP nothing is sent; the host is where writes go to, and what comes from anybody is read. The host
 * may be NULL or empty then: a write answers whoever sent what was read last. `local_address` NULL and `local_port` 0
 * leave the choice to the system. `credentials` are for APM_INET_OPTION_SECURE, and may be NULL. The certificate has to
 * be one that the system trusts, and for the host.
 *
 * Errors   APM_INET_E_INVALID_PROTOCOL; APM_INET_E_INVALID_OPTION the option is not for that protocol;
 *          APM_INET_E_INVALID_CREDENTIALS; APM_INET_E_FILE_NOT_FOUND; APM_INET_E_NOT_SUPPORTED no protocol of those
 *          asked for is there, or no TLS; APM_INET_E_HOST_NOT_FOUND; APM_INET_E_TIMED_OUT;
 *          APM_INET_E_CONNECTION_REFUSED; APM_INET_E_ADDRESS_IN_USE and APM_INET_E_ADDRESS_UNAVAILABLE of the local
 *          address; APM_INET_E_ACCESS_DENIED the local port is a reserved one; APM_INET_E_INVALID_CERTIFICATE; others
 *          of the network.
 */
APM_API apm_inet apm_inet_connect_ex_a(const char *host, unsigned port, unsigned protocol, unsigned timeout_s,
                                       uint32_t options, const char *local_address, unsigned local_port,
                                       const apm_inet_credentials_a *credentials);
APM_API apm_inet apm_inet_connect_ex_w(const wchar_t *host, unsigned port, unsigned protocol, unsigned timeout_s,
                                       uint32_t options, const wchar_t *local_address, unsigned local_port,
                                       const apm_inet_credentials_w *credentials);

/* The same from any local address. */
APM_API apm_inet apm_inet_connect_a(const char *host, unsigned port, unsigned protocol, unsigned timeout_s,
                                    uint32_t options, const apm_inet_credentials_a *credentials);
APM_API apm_inet apm_inet_connect_w(const wchar_t *host, unsigned port, unsigned protocol, unsigned timeout_s,
                                    uint32_t options, const apm_inet_credentials_w *credentials);

/*
 * The same without waiting: the event CONNECT says how it has ended. What is wrong with the arguments is said at once.
 * `message` has to be above APM_EVENT_MESSAGE_USER.
 *
 * Errors   also APM_INET_E_INVALID_PARAMETER the target is none, or closed.
 */
APM_API apm_inet apm_inet_async_connect_ex_a(const char *host, unsigned port, unsigned protocol, unsigned timeout_s,
                                             uint32_t options, const char *local_address, unsigned local_port,
                                             const apm_inet_credentials_a *credentials, apm_event_target target,
                                             unsigned message);
APM_API apm_inet apm_inet_async_connect_ex_w(const wchar_t *host, unsigned port, unsigned protocol, unsigned timeout_s,
                                             uint32_t options, const wchar_t *local_address, unsigned local_port,
                                             const apm_inet_credentials_w *credentials, apm_event_target target,
                                             unsigned message);

/* The same from any local address. */
APM_API apm_inet apm_inet_async_connect_a(const char *host, unsigned port, unsigned protocol, unsigned timeout_s,
                                          uint32_t options, const apm_inet_credentials_a *credentials,
                                          apm_event_target target, unsigned message);
APM_API apm_inet apm_inet_async_connect_w(const wchar_t *host, unsigned port, unsigned protocol, unsigned timeout_s,
                                          uint32_t options, const apm_inet_credentials_w *credentials,
                                          apm_event_target target, unsigned message);

/*
 * Closes the handle. What has been written goes out first, behind the caller's back, for no longer than the time-out;
 * what has not been read is dropped.
 */
APM_API int apm_inet_disconnect(apm_inet socket);

/* -- Listening ----------------------------------------------------------------------------------------------------- */

/*
 * Listens on a local address, NULL or empty being all of IPv4, and a port, which here may be 0 for one of the system's
 * choice. `backlog` 0 is the system's largest. The options are REUSEADDRESS, NODELAY, KEEPALIVE, INLINE, NOINHERIT and
 * FREETHREAD.
 *
 * Errors   APM_INET_E_INVALID_OPTION; APM_INET_E_ADDRESS_IN_USE; APM_INET_E_ADDRESS_UNAVAILABLE;
 *          APM_INET_E_ACCESS_DENIED.
 */
APM_API apm_inet apm_inet_listen_ex_a(const char *local_address, unsigned local_port, unsigned backlog,
                                      uint32_t options);
APM_API apm_inet apm_inet_listen_ex_w(const wchar_t *local_address, unsigned local_port, unsigned backlog,
                                      uint32_t options);
APM_API apm_inet apm_inet_listen_a(const char *local_address, unsigned local_port);
APM_API apm_inet apm_inet_listen_w(const wchar_t *local_address, unsigned local_port);

/* The same with events: ACCEPT. */
APM_API apm_inet apm_inet_async_listen_ex_a(const char *local_address, unsigned local_port, unsigned backlog,
                                            uint32_t options, apm_event_target target, unsigned message);
APM_API apm_inet apm_inet_async_listen_ex_w(const wchar_t *local_address, unsigned local_port, unsigned backlog,
                                            uint32_t options, apm_event_target target, unsigned message);
APM_API apm_inet apm_inet_async_listen_a(const char *local_address, unsigned local_port, apm_event_target target,
                                         unsigned message);
APM_API apm_inet apm_inet_async_listen_w(const wchar_t *local_address, unsigned local_port, apm_event_target target,
                                         unsigned message);

/*
 * Accepts a connection as a handle of its own, which belongs to the calling thread. On a listener that blocks it waits
 * for one, no longer than `timeout_s` seconds, 0 being APM_INET_TIMEOUT, and for the handshake if it is secure, which
 * needs `credentials` with a certificate. The options are those of a connection.
 *
 * Errors   APM_INET_E_WOULD_BLOCK, APM_INET_E_TIMED_OUT there is none; APM_INET_E_NOT_SUPPORTED the handle is no
 *          listener; APM_INET_E_INVALID_CREDENTIALS, APM_INET_E_INVALID_CERTIFICATE and others of
 *          apm_inet_connect_ex_a.
 */
APM_API apm_inet apm_inet_accept_ex_a(apm_inet listener, unsigned timeout_s, uint32_t options,
                                      const apm_inet_credentials_a *credentials);
APM_API apm_inet apm_inet_accept_ex_w(apm_inet listener, unsigned timeout_s, uint32_t options,
                                      const apm_inet_credentials_w *credentials);
APM_API apm_inet apm_inet_accept(apm_inet listener, unsigned timeout_s);

/* The same for a handle with events, of which a secure one begins with CONNECT, when its handshake has ended. */
APM_API apm_inet apm_inet_async_accept_ex_a(apm_inet listener, unsigned timeout_s, uint32_t options,
                                            const apm_inet_credentials_a *credentials, apm_event_target target,
                                            unsigned message);
APM_API apm_inet apm_inet_async_accept_ex_w(apm_inet listener, unsigned timeout_s, uint32_t options,
                                            const apm_inet_credentials_w *credentials, apm_event_target target,
                                            unsigned message);
APM_API apm_inet apm_inet_async_accept(apm_inet listener, apm_event_target target, unsigned message);

/*
 * Refuses the connection that waits to be accepted: its peer sees it reset. It never waits. The result is 0.
 *
 * Errors   APM_INET_E_WOULD_BLOCK there is none; APM_INET_E_NOT_SUPPORTED the handle is no listener.
 */
APM_API int apm_inet_reject(apm_inet listener);

/* -- Reading and writing ------------------------------------------------------------------------------------------- */

/*
 * Reads what there is, `size` bytes at most and one at least; 0 is the end of the connection. Of UDP it is one
 * datagram, whose rest is lost if it is larger.
 *
 * Errors   APM_INET_E_NOT_CONNECTED; APM_INET_E_WOULD_BLOCK; APM_INET_E_TIMED_OUT; APM_INET_E_INVALID_SIZE the datagram
 *          was larger, and the buffer is full; how the connection has broken.
 */
APM_API int apm_inet_read(apm_inet socket, void *buffer, int size);

/* The same, and who has sent it; `address` and `port` may be NULL. */
APM_API int apm_inet_read_ex(apm_inet socket, void *buffer, int size, apm_inet_address *address, unsigned *port);

/* As apm_inet_read, but it takes nothing away, and gives 0 where there is nothing: it never waits. */
APM_API int apm_inet_peek(apm_inet socket, void *buffer, int size);

/*
 * Writes. A handle that blocks writes all of it, and with events as much as there is room for, at least a byte; the
 * result is how much. Of UDP it is one datagram. When it returns the system need not have sent it; that a datagram
 * could not be sent is, with events, the next write's error.
 *
 * Errors   APM_INET_E_NOT_CONNECTED, of UDP also that there is nobody to write to; APM_INET_E_WOULD_BLOCK;
 *          APM_INET_E_TIMED_OUT a part may have been written; APM_INET_E_INVALID_SIZE the datagram is too large; how
 *          the connection has broken.
 */
APM_API int apm_inet_write(apm_inet socket, const void *buffer, int size);

/* The same to an address, of UDP. Errors: also APM_INET_E_NOT_SUPPORTED of TCP. */
APM_API int apm_inet_write_ex(apm_inet socket, const void *buffer, int size, const apm_inet_address *address,
                              unsigned port);

/*
 * Reads a line of text, without its end, into room for *length characters, the zero among them; *length is then how
 * many characters came, without it. LF ends a line; CR and zeros are left out. What does not fit is the next line, and
 * the last line need not have an end. The wide form takes UTF-8. It waits for the whole line, no longer than the
 * time-out, on a handle with events, too. It gives 0 if it fails; what has come until then is in `text` all the same.
 *
 * Errors   APM_INET_E_INVALID_PARAMETER also *length is below 2; APM_INET_E_NOT_CONNECTED, also at the end of the
 *          connection; APM_INET_E_TIMED_OUT; APM_INET_E_NOT_SUPPORTED of UDP; how the connection has broken.
 */
APM_API int apm_inet_read_line_a(apm_inet socket, char *text, int *length);
APM_API int apm_inet_read_line_w(apm_inet socket, wchar_t *text, int *length);

/*
 * Writes a line of text with CR LF at its end, whether it has CR, LF, both or none. *length, which may be NULL, is how
 * many bytes that were, 0 if it fails. It waits until all is written, no longer than the time-out, on a handle with
 * events, too. It gives 0 if it fails.
 *
 * Errors   those of apm_inet_write of a handle that blocks; APM_INET_E_NOT_SUPPORTED of UDP.
 */
APM_API int apm_inet_write_line_a(apm_inet socket, const char *text, int *length);
APM_API int apm_inet_write_line_w(apm_inet socket, const wchar_t *text, int *length);

/*
 * Has the call that waits on the handle give up with APM_INET_E_OPERATION_CANCELED; nothing is lost by it. If none
 * waits it does nothing. The result is 0.
 *
 * Threads  any: the owner is the one that waits.
 */
APM_API int apm_inet_cancel(apm_inet socket);

/*
 * Ends the sending direction: the peer reads the end, and this side goes on reading. The result is 0.
 *
 * Errors   APM_INET_E_NOT_CONNECTED; APM_INET_E_NOT_SUPPORTED of UDP; APM_INET_E_WOULD_BLOCK something is still being
 *          written, and WRITE comes when that has ended; APM_INET_E_TIMED_OUT the same of a handle that blocks.
 */
APM_API int apm_inet_shutdown(apm_inet socket);

/* -- How a handle stands ------------------------------------------------------------------------------------------- */

/* Whether it is connected: not while it connects, nor when all has been read and the peer has ended. UDP: always. */
APM_API int apm_inet_is_connected(apm_inet socket);

/*
 * Whether a read, or an accept, would not wait; at most `timeout_s` seconds are waited for that, and none with 0.
 * *available, which may be NULL, is how many bytes a read gives, of those that the library has received.
 */
APM_API int apm_inet_is_readable(apm_inet socket, int timeout_s, uint32_t *available);

/* Whether a write would not wait; likewise. */
APM_API int apm_inet_is_writable(apm_inet socket, int timeout_s);

/* The addresses of both ends; of UDP the peer is who has sent what was read last. `port` may be NULL. It gives 0. */
APM_API int apm_inet_get_local_address(apm_inet socket, apm_inet_address *address, unsigned *port);
APM_API int apm_inet_get_peer_address(apm_inet socket, apm_inet_address *address, unsigned *port);

/* An address as text, and back; the results are the length, and 0. */
APM_API int apm_inet_format_address_a(const apm_inet_address *address, char *text, int size);
APM_API int apm_inet_format_address_w(const apm_inet_address *address, wchar_t *text, int size);
APM_API int apm_inet_get_address_a(const char *text, apm_inet_address *address);
APM_API int apm_inet_get_address_w(const wchar_t *text, apm_inet_address *address);

/* The time-out of calls that wait, in seconds. Setting it gives 0; it is 1 or more. */
APM_API int apm_inet_get_timeout(apm_inet socket);
APM_API int apm_inet_set_timeout(apm_inet socket, unsigned timeout_s);

/* -- Events -------------------------------------------------------------------------------------------------------- */

/*
 * Has the handle post its events from now on, and not block: WRITE, and READ, DISCONNECT or ACCEPT if it stands so,
 * come at once, and so does CONNECT if the attempt to connect has failed. The result is 0. Disabling stops events,
 * those under way included, and has it block again.
 *
 * Errors   APM_INET_E_INVALID_PARAMETER as apm_inet_async_connect_ex_a.
 */
APM_API int apm_inet_enable_events(apm_inet socket, apm_event_target target, unsigned message);
APM_API int apm_inet_disable_events(apm_inet socket);

/*
 * Holds events back, if `freeze` is not 0, or posts those that have been held back, each kind once. A message that is
 * in the queue already is held back when it is dispatched. The result is 0.
 */
APM_API int apm_inet_freeze_events(apm_inet socket, int freeze);

/*
 * Has a function called for an event instead of the message, on the queue's owner when the message is dispatched; NULL
 * has the message come again. That for TIMEOUT is called by the call whose time-out it is. The result is 0.
 */
APM_API int apm_inet_register_event(apm_inet socket, unsigned event, apm_inet_event_procedure *procedure,
                                    uintptr_t parameter);

/* What is in a message's l_param: LOWORD and HIWORD. */
static inline unsigned apm_inet_event(intptr_t l_param)
{
    return (unsigned)((uintptr_t)l_param & 0xffffu);
}

static inline unsigned apm_inet_event_error(intptr_t l_param)
{
    return (unsigned)((uintptr_t)l_param >> 16 & 0xffffu);
}

/*
 * Makes a thread the handle's owner: the one of that number, 0 being the calling one. The result is the number of the
 * former owner; 0 if it fails.
 *
 * Threads  any, but not while the owner is in a call with the handle.
 */
APM_API uint32_t apm_inet_attach_thread(apm_inet socket, uint32_t thread);

/* The calling thread's number: GetCurrentThreadId. */
APM_API uint32_t apm_inet_current_thread(void);

APM_END_DECLARATIONS

#ifndef APM_INET_NO_NAMES
#include "apm/compat/inet_names.h"
#endif

#endif
