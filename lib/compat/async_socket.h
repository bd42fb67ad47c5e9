/*
 * The socket behind an apm_async_socket: its core, which outlives the object while operations are pending.
 *
 * Invariants
 *   1. All of a core but what is marked otherwise is the owner's, the thread of its queue; there is no lock. What an
 *      operation has found out reaches the owner by the queue: its callback, on a pool thread, ends the operation,
 *      writes the outcome into the watch, and posts the watch's node.
 *   2. A watch is `pending` from its Begin until its message is dispatched or absorbed, both by the owner. So its node
 *      is in the queue once at most, and its fields are written by one thread at a time: by the owner before the Begin,
 *      by the callback, and by the owner again, ordered by the Begin and by the queue's lock.
 *   3. A pending watch holds a reference on its core: the callback gives it to the node, or back if the core is closed
 *      or the queue is; the queue gives it back when it has taken or dropped the node. The object holds another one. A
 *      callback touches nothing but the core, so the object's memory is the program's again after close.
 *   4. Close closes the target first: from then on no message of the core is given out. Messages on their way are
 *      dropped.
 *   5. At most one receive of no bytes is pending. It completes within its Begin if there is data, so that a receive of
 *      the program's has the direction for itself, or there is nothing; or its message is on its way.
 *   6. Bytes that a send has taken but the system has not are in `out`, one operation's buffer, which the core owns
 *      until that has completed. Whoever comes second of the operation's end and the close, by `out_state`, closes the
 *      socket.
 *   7. The receive that watches is ended by whoever releases its node, after the message has been taken or dropped; or
 *      before by a receive of the program's that found the end of the stream and so has to know whether it was one: the
 *      system gives an error once, and the receive that watches may have it. Its callback only posts.
 */
#ifndef APM__ASYNC_SOCKET_H
#define APM__ASYNC_SOCKET_H

#include "apm/async_result.h"
#include "apm/compat/async_socket.h"
#include "apm/thread_pool.h"
#include "event_queue.h"

enum {
    APM__MESSAGE_SOCKET_SENT = APM_EVENT_MESSAGE_SOCKET_NOTIFY + 1, /* `out` has gone: no event of Windows' */
#ifdef APM_DEBUG
    APM__OUT_LIMIT = 1000,
#else
    APM__OUT_LIMIT = 65536,
#endif
    APM__DATAGRAM_LIMIT = 65536
};

enum apm__out_state {
    APM__OUT_IDLE,
    APM__OUT_SENDING, /* an operation has the buffer */
    APM__OUT_DONE,    /* its callback has run */
    APM__OUT_LINGER   /* the socket has been closed meanwhile: the callback closes it in the end */
};

struct apm__async_watch {
    struct apm__event_node node;
    struct apm__async_socket *core; /* immutable */
    apm_async_result result;        /* of the operation; the owner's */
    apm_error error;                /* see invariant 2 */
    bool pending;                   /* the owner's */
};

struct apm__async_socket {
    _Atomic uint32_t references;
    _Atomic uint32_t out_state; /* enum apm__out_state */
    _Atomic uint64_t arrived;   /* a connection on its way: see apm__async_take_arrived */
    _Atomic bool closed;        /* written by the owner; a callback that sees it posts nothing */

    /* immutable */
    struct apm__event_queue *queue;
    apm_event_target target;
    apm_socket socket;
    apm_socket_type type;

    /* the owner's */
    apm_async_socket *object; /* NULL once it is closed or detached */
    bool object_blocks;       /* it is an apm_blocking_socket */
    bool waiting;             /* one of its calls waits */
    bool cancelled;           /* and is to end */
    struct apm__async_socket *next;
    struct apm__async_socket **link;
    long events;
    apm_error failure;      /* how receiving has ended, if not orderly */
    apm_error send_failure; /* how sending has ended behind the program's back */
    apm_socket accepted;    /* a connection that waits for accept */
    apm_error accept_error;
    apm_error early_error; /* of the receive that watches, if `ended_early` */
    bool ended_early;
    void *out;
    bool out_remote; /* the operation that has `out` is a send to an endpoint */
    bool connecting;
    bool connected;
    bool listening;
    bool bound;
    bool ended;      /* the end has been seen: nothing is watched any more */
    bool want_write; /* a send has failed with WSAEWOULDBLOCK */
    bool shut;       /* no further send */
    bool shut_later; /* the sending direction ends when `out` has gone */
    struct apm__async_watch read, write, sent, accept, connect, urgent;
    apm_thread_pool_work_item urgent_item;
    uint8_t nothing; /* where receives of no bytes point */
};

/* The core of an object on its owner's thread; NULL with the last error set. */
struct apm__async_socket *apm__async_socket_core(const apm_async_socket *socket);

/* Sets the last error and returns false. */
bool apm__wsa_fail(apm_error error);

/* Gives the object a core with nothing watched yet, for a socket that it owns from then on; or the queue's error. */
apm_error apm__async_socket_make(apm_async_socket *socket, apm_socket handle, apm_socket_type type, long events);
void apm__async_socket_release(struct apm__async_socket *core);

/* Watches (async_socket_watch.c): each begins if it can and is asked for. The handler of the core's target. */
void apm__async_watch_read(struct apm__async_socket *core, bool asked);
void apm__async_watch_accept(struct apm__async_socket *core, bool asked);
void apm__async_watch_urgent(struct apm__async_socket *core);
void apm__async_watch_all(struct apm__async_socket *core);
void apm__async_notify_write(struct apm__async_socket *core);
apm_error apm__async_begin_connect(struct apm__async_socket *core, const char *host, int port, apm_endpoint remote);
apm_error apm__async_begin_out(struct apm__async_socket *core, const void *bytes, size_t size, int flags,
                               const apm_endpoint *remote);
void apm__async_dispatch(const apm_event_message *message, void *context);

/*
 * Takes the connection that an accept has brought, once; the null handle if there is none. The callback stores it and
 * then looks whether the socket is closed; who closes sets that and then takes it: so one of them does.
 */
apm_socket apm__async_take_arrived(struct apm__async_socket *core);

/* Ends the receive that watches, and gives its error: at once, if it has completed. */
apm_error apm__async_end_read(struct apm__async_socket *core, apm_async_result result);

/* The watch that a message of the core's target is about; NULL if none. */
struct apm__async_watch *apm__async_watch_of(struct apm__async_socket *core, const apm_event_message *message);

/* Takes a message in without calling a handler, for a call that has waited for it; returns the event's error. */
apm_error apm__async_absorb(struct apm__async_socket *core, const apm_event_message *message);

/* Has no receive of the core's own be pending in the socket, for a moment. */
void apm__async_quiet_read(struct apm__async_socket *core);

/* The endpoint of a text and a port; INVALID_ARGUMENT. NULL is the family's any address. */
apm_error apm__async_endpoint(const char *address, int port, apm_address_family family, apm_endpoint *endpoint);

/* The address of a host of the socket's family, looked up if it is a name. */
apm_error apm__async_lookup(struct apm__async_socket *core, const char *host, int port, apm_endpoint *endpoint);

#endif
