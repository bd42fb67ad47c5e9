/*
 * Readiness without an operation: Poll and Select.
 *
 * What they say is of one moment: another thread, or an operation that is pending on the socket, may be quicker. A wait
 * on a pool thread stops neither I/O nor other callbacks.
 */
#ifndef APM_SOCKET_SELECT_H
#define APM_SOCKET_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/* .NET's SelectMode, with its numbers. */
typedef enum apm_select_mode {
    APM_SELECT_MODE_SELECT_READ = 0,  /* a receive or an accept would not wait; or the connection has ended */
    APM_SELECT_MODE_SELECT_WRITE = 1, /* a send would not wait; or a connect has ended */
    APM_SELECT_MODE_SELECT_ERROR = 2  /* a connect has failed, the connection has been reset, or urgent data is there */
} apm_select_mode;

/* The most sockets that a list of apm_socket_select can have. */
#define APM_SOCKET_SELECT_LIMIT 65536

/*
 * Whether the socket is ready, waiting for it for `micro_seconds` at most: -1 is without limit, and other numbers above
 * -1000 are 0. *ready is also true if the socket is closed meanwhile, and false for a mode that is none. The wait ends
 * early, with false, when the socket gets ready for something else that cannot be waited away: an error, or an end.
 *
 * Threads  any.
 * Blocks   as said.
 * Errors   APM_ERROR_ARGUMENT_NULL `ready` is NULL, or a null handle; APM_ERROR_ARGUMENT, APM_ERROR_OBJECT_DISPOSED,
 *          APM_ERROR_INVALID_OPERATION of the handle; APM_ERROR_INVALID_ARGUMENT `micro_seconds` is -1000 or below;
 *          APM_ERROR_OUT_OF_MEMORY, APM_ERROR_NO_BUFFER_SPACE_AVAILABLE the system cannot watch the socket.
 * .NET     Socket.Poll(int, SelectMode), Socket.Poll(TimeSpan, SelectMode)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_poll(apm_socket socket, int64_t micro_seconds, apm_select_mode mode,
                                                 bool *ready);

/*
 * Waits until at least one of the sockets is ready for what its list is for, as apm_socket_poll does, and reduces each
 * list to those that are, in their order: *check_read_count and so on are first how many there are, and then how many
 * are left. A socket may be in several lists, and several times in one. A list, `check_read`, `check_write` or
 * `check_error`, may be NULL if its count is 0; `check_read_count`, `check_write_count` and `check_error_count` may be
 * NULL for 0.
 *
 * Failure  the lists are as they were.
 * Threads  any.
 * Blocks   for `micro_seconds` at most, which are those of apm_socket_poll.
 * Errors   APM_ERROR_ARGUMENT_NULL there is no socket in any list, or a list is NULL that has a count;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE a list has more than APM_SOCKET_SELECT_LIMIT; APM_ERROR_ARGUMENT one of the
 *          handles is null or was never issued; APM_ERROR_OBJECT_DISPOSED one of the sockets is closed; others as
 *          apm_socket_poll.
 * .NET     Socket.Select(IList, IList, IList, int), Socket.Select(IList, IList, IList, TimeSpan)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_select(apm_socket *check_read, size_t *check_read_count,
                                                   apm_socket *check_write, size_t *check_write_count,
                                                   apm_socket *check_error, size_t *check_error_count,
                                                   int64_t micro_seconds);

APM_END_DECLARATIONS

#endif
