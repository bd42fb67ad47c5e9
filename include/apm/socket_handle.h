/*
 * Sockets and descriptors: making a socket of a descriptor that there is already, giving one up, handing a socket to
 * another process, and taking those that a service manager has opened for this one.
 *
 * A descriptor's blocking mode belongs to all its duplicates, in this process and in others. The library's are never
 * blocking; that is how it works, and no sign of what Socket.Blocking is.
 */
#ifndef APM_SOCKET_HANDLE_H
#define APM_SOCKET_HANDLE_H

#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/socket.h"

APM_BEGIN_DECLARATIONS

/*
 * Makes a socket of a descriptor, on the default pool or another. Its family, type and protocol, whether it is bound,
 * connected or listening, and its options are found out. The descriptor is made non-blocking and close-on-exec.
 *
 * Success  *socket is the handle; the descriptor is the library's, which closes it with the socket.
 * Failure  *socket is the null handle, and the descriptor the caller's, as it was.
 * Threads  any.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL `socket` is NULL; APM_ERROR_ARGUMENT `handle` is negative, or there is no such pool;
 *          APM_ERROR_NOT_SOCKET it is no open descriptor, or not a socket's; APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED,
 *          APM_ERROR_SOCKET_NOT_SUPPORTED it is of a family or type that apm_socket_create does not have;
 *          APM_ERROR_OBJECT_DISPOSED the pool has been destroyed; APM_ERROR_OUT_OF_MEMORY; APM_ERROR_INVALID_OPERATION
 *          in a child process after fork and while apm_cleanup runs; APM_ERROR_OPERATION_ABORTED the pool has been
 *          ended meanwhile: then the descriptor is closed.
 * .NET     Socket(SafeSocketHandle)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_create_from_handle(intptr_t handle, apm_socket *socket);
APM_API APM_MUST_CHECK apm_error apm_socket_create_from_handle_on_pool(apm_thread_pool pool, intptr_t handle,
                                                                       apm_socket *socket);

/*
 * Makes another descriptor of the socket, close-on-exec and the caller's. The socket goes on.
 *
 * Failure  *handle is -1.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL a null socket, or `handle` is NULL; APM_ERROR_ARGUMENT no socket that was ever
 *          issued; APM_ERROR_OBJECT_DISPOSED it is closed; APM_ERROR_TOO_MANY_OPEN_SOCKETS; APM_ERROR_INVALID_OPERATION
 *          in a child process after fork.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_duplicate_handle(apm_socket socket, intptr_t *handle);

/*
 * Closes the socket, but not what it stands for: the caller gets a descriptor of it, close-on-exec and non-blocking.
 * Pending operations complete with APM_ERROR_OPERATION_ABORTED. The file of a unix domain socket stays.
 *
 * Failure  *handle is -1, and the socket as it was.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL a null socket, or `handle` is NULL; APM_ERROR_ARGUMENT no socket that was ever
 *          issued; APM_ERROR_OBJECT_DISPOSED it is closed; APM_ERROR_TOO_MANY_OPEN_SOCKETS; APM_ERROR_INVALID_OPERATION
 *          in a child process after fork.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_release_handle(apm_socket socket, intptr_t *handle);

/*
 * Hands the socket to the process at the other end of `over`, a connected unix domain socket, and closes it here as
 * apm_socket_release_handle does. Receives and sends that are pending on `over` are not waited for; a byte goes through
 * it.
 *
 * Failure  the socket is as it was.
 * Threads  any.
 * Blocks   no longer than the send time-out of `over`.
 * Errors   APM_ERROR_ARGUMENT_NULL, APM_ERROR_ARGUMENT, APM_ERROR_OBJECT_DISPOSED, APM_ERROR_INVALID_OPERATION as
 *          apm_socket_release_handle, of either handle; APM_ERROR_NOT_SUPPORTED `over` is no stream of the unix domain;
 *          APM_ERROR_NOT_CONNECTED, APM_ERROR_SHUTDOWN it is not connected; APM_ERROR_TIMED_OUT; APM_ERROR_WOULD_BLOCK
 *          `over` does not block, and has no room; APM_ERROR_ARGUMENT both are the same.
 * .NET     Socket.DuplicateAndClose(int), which is for Windows
 */
APM_API APM_MUST_CHECK apm_error apm_socket_hand_over(apm_socket socket, apm_socket over);

/*
 * Takes over the next socket that the process at the other end of `over` hands over, on the pool of `over`.
 *
 * Success  *socket is the handle; apm_socket_close ends it.
 * Failure  *socket is the null handle.
 * Threads  any.
 * Blocks   no longer than the receive time-out of `over`.
 * Errors   APM_ERROR_ARGUMENT_NULL, APM_ERROR_ARGUMENT, APM_ERROR_OBJECT_DISPOSED, APM_ERROR_INVALID_OPERATION as
 *          apm_socket_release_handle; APM_ERROR_NOT_SUPPORTED `over` is no stream of the unix domain;
 *          APM_ERROR_NOT_CONNECTED it is not connected, or its peer has closed it; APM_ERROR_NO_DATA the next byte is
 *          of ordinary data, and is gone; APM_ERROR_TIMED_OUT; APM_ERROR_WOULD_BLOCK `over` does not block, and nothing
 *          has come; those of apm_socket_create_from_handle.
 * .NET     Socket(SocketInformation), which is for Windows
 */
APM_API APM_MUST_CHECK apm_error apm_socket_take_over(apm_socket over, apm_socket *socket);

/*
 * How many descriptors a service manager has opened for this process: LISTEN_FDS, if LISTEN_PID is this process.
 *
 * Threads  any that does not change the environment meanwhile.
 */
APM_API size_t apm_socket_activation_count(void);

/*
 * The name that the service manager has given to one of them: that part of LISTEN_FDNAMES, or "unknown".
 *
 * Failure  buffer[0] is zero if there is any room.
 * Threads  as apm_socket_activation_count.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE there is no such descriptor, or
 *          the name does not fit.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_activation_name(size_t index, char *buffer, size_t size);

/*
 * Makes a socket of one of them, as apm_socket_create_from_handle does; each can be taken once.
 *
 * Failure  *socket is the null handle; it may be tried again.
 * Threads  as apm_socket_activation_count.
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE there is no such descriptor; APM_ERROR_INVALID_OPERATION it has been taken;
 *          those of apm_socket_create_from_handle.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_activation_take(size_t index, apm_socket *socket);

APM_END_DECLARATIONS

#endif
