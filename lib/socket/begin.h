/*
 * What all Begins and Ends of sockets share.
 */
#ifndef APM__BEGIN_H
#define APM__BEGIN_H

#include "apm/socket.h"
#include "channel.h"
#include "engine.h"
#include "operation.h"

/*
 * The first half of a Begin: finds and locks the socket's channel and allocates the operation, with *result set. The
 * caller then checks the state and its arguments, fills in the request, and either starts the operation with
 * apm__engine_start_and_unlock or takes it back with apm__begin_discard_and_unlock. On failure *result is the null
 * handle and nothing is locked.
 */
apm_error apm__begin(apm_socket socket, enum apm__operation_kind kind, apm_async_callback *callback, void *state,
                     apm_async_result *result, struct apm__channel **channel, struct apm__operation **operation);

/* The same for an operation that belongs to another object, such as a stream over the socket: its End names that. */
apm_error apm__begin_for(uint64_t owner, apm_socket socket, enum apm__operation_kind kind, apm_async_callback *callback,
                         void *state, apm_async_result *result, struct apm__channel **channel,
                         struct apm__operation **operation);

/* Begins for an owner what apm_socket_begin_receive, _send and _accept do for the socket, with no flags. */
apm_error apm__begin_receive_for(uint64_t owner, apm_socket socket, void *buffer, size_t size,
                                 apm_async_callback *callback, void *state, apm_async_result *result);
apm_error apm__begin_send_for(uint64_t owner, apm_socket socket, const void *buffer, size_t size,
                              apm_async_callback *callback, void *state, apm_async_result *result);
apm_error apm__begin_accept_for(uint64_t owner, apm_socket socket, apm_async_callback *callback, void *state,
                                apm_async_result *result);

/* Undoes apm__begin and returns `error`. */
apm_error apm__begin_discard_and_unlock(struct apm__channel *channel, struct apm__operation *operation,
                                        apm_async_result *result, apm_error error);

enum apm__way { APM__WAY_IN, APM__WAY_OUT };

/*
 * How long a synchronous call may wait: the receive or send time-out, 0 for no limit, or APM__DO_NOT_WAIT where the
 * socket does not block. In that case the next operation of the direction is attempted whatever was seen before, for
 * the program may know better, from apm_socket_poll. The errors of a handle.
 */
apm_error apm__begin_synchronous(apm_socket socket, enum apm__way way, int *timeout_ms);

/*
 * The error of an End that has not got the result. The bits of the socket, stream, client or listener are only
 * compared, so that End works after close; where they are no handle at all, that is what is wrong.
 */
apm_error apm__end_refusal(uint64_t owner, apm_error error);

/* An End that has nothing to give but the error. */
apm_error apm__end(apm_socket socket, apm_async_result result, enum apm__operation_kind kind);

/* The same for a synchronous call: at most `timeout_ms` (0: no limit); `closed` replaces OPERATION_ABORTED. */
apm_error apm__end_within(apm_socket socket, apm_async_result result, enum apm__operation_kind kind, int timeout_ms,
                          apm_error closed);

/* An End that also gives the number of bytes; for a synchronous call as above, with `timeout_ms` and `closed`. */
apm_error apm__end_transfer(apm_socket socket, apm_async_result result, enum apm__operation_kind kind, int timeout_ms,
                            apm_error closed, size_t *transferred);

#endif
