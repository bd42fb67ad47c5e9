/*
 * Channels: the library's side of a socket, and the object that a socket's handle names.
 *
 * A channel has two directions. Each has a queue of operations, of which only the head is performed, by one thread at a
 * time: so bytes are contiguous and operations complete in the order begun. The thread that performs
 * (direction.running) makes its system calls outside the lock, and is a user of the descriptor meanwhile.
 *
 * Closing. `closed` is set under the lock that admission takes: an operation is either refused or among those that
 * close completes. The descriptor is closed by the last of: close itself, and the users. So a number that the system
 * has given to something else is never used.
 *
 * The slot's references: one for the open socket, one for each operation until its callback has returned, and one for
 * each close_waiter. The handle is stale for every call once `closed` is set (the slot's CLOSED says the same to those
 * who do not hold the lock); the slot is free when the last reference is gone.
 *
 * Lock order: a channel's lock before the poller's and the pool's; never two channels'; no completion under it.
 */
#ifndef APM__CHANNEL_H
#define APM__CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "apm/socket.h"
#include "operation.h"
#include "os.h"
#include "slot.h"

struct apm__group;
struct apm__serving;

/* What a connection has from the socket that accepted it. */
struct apm__inheritance {
    struct apm__group *group; /* which the connection has joined; NULL for none */
    bool lingers;             /* the kernel hands the option on */
    bool dual_mode;
    bool reuse_address;
    bool non_blocking; /* as .NET does, though not the kernel */
};

struct apm__direction {
    /* guarded by the channel's lock; who only wants it in the cache looks at `head` without */
    _Atomic(struct apm__operation *) head;
    struct apm__operation *tail;
    uint32_t edges; /* goes up with each report of readiness, so that one during an attempt is not missed */
    bool running;   /* a thread performs the head, or is about to; it will look again before it stops */
    bool deferred;  /* `running`, but nobody performs yet: what a batch of callbacks begins is gathered */
    bool drained;   /* the last attempt showed that there is nothing to do before the next report */
};

/* Ordered so that what an operation needs lies in few lines of the cache. */
struct apm__channel {
    struct apm__slot slot; /* first: the table's view */
    apm__os_mutex lock;    /* initialised once for the slot */

    /* guarded by lock */
    uint64_t key; /* the handle's bits, while open; 0 otherwise */
    struct apm__direction in;
    struct apm__direction out;
    apm__os_socket descriptor;
    uint32_t watched; /* APM__OS_READY_ bits that the poller watches the descriptor for; 0: it is not registered */
    uint32_t users;   /* threads that use the descriptor outside the lock */
    struct apm__select_link *selects; /* threads that wait for readiness; see select.h */
    struct apm__os_socket_file *file; /* of a bound unix domain socket, until it is closed; NULL: there is none */
    bool closed;
    bool connecting; /* a connect is queued: receives wait for its outcome */
    bool connected;
    bool dual_mode;
    bool reuse_address;
    bool must_try : 1;  /* an end, an error or urgent data has been reported: a short read does not show "drained" */
    bool cut_short : 1; /* a send ended after some of its bytes: nothing may follow, and close resets */
    bool has_peer : 1;  /* connected once, even if the connection is broken by now */
    bool renewing : 1;  /* a disconnect has ended the connection, and waits for receives to let go of it */
    bool bound : 1;
    bool listening : 1;
    bool send_ended : 1; /* by this side's shutdown */
    bool receive_ended : 1;
    bool lingers : 1;            /* a linger time may be set: close must not wait for it */
    bool receive_buffer_set : 1; /* by the user: a descriptor that takes this one's place gets it, too */
    bool send_buffer_set : 1;
    bool serialised : 1;    /* operations that are begun from now on have their callbacks in turn: strand.h */
    bool draining : 1;      /* a listener that is, or was, drained: see serving.h */
    bool drain_untold : 1;  /* its group is being drained: the next receive that finds nothing says so */
    bool wants_packets : 1; /* the system has been asked for packet information */
    bool joins : 1;         /* the system joins datagrams to trains: no receive is queued but those of trains */
    bool asked_to_cut : 1;  /* the system has been asked for the next one */
    bool cuts : 1;          /* the system cuts trains into datagrams */
    bool non_blocking : 1;  /* the synchronous calls do not wait; nothing else takes notice of it */
    bool is_udp_client : 1; /* its bits are those of a UdpClient's handle, too; stays so from the first time on */
    uint32_t poller_place;  /* the poller's own */
    uint32_t close_waiters; /* threads that wait for the operations of the closed channel; each has a reference */
    int32_t receive_timeout_ms;
    int32_t send_timeout_ms;
    struct apm__serving *serving;     /* what only servers ask for; NULL before */
    struct apm__group *group;         /* that of the listener which has accepted it; NULL for others, and once closed */
    int32_t connect_attempt_delay_ms; /* -1: addresses are tried one after another */
    apm_error unread_error;  /* what an accept that receives has met on this connection, for the next receive */
    apm_error connect_error; /* of a connect that nobody ends, until the program has taken it */

    /* immutable from creation on */
    apm_address_family family;
    apm_socket_type type;
    apm_protocol_type protocol;
    struct apm__pool *pool;
};

_Static_assert(sizeof(struct apm__channel) <= 192, "three lines of the cache");

extern struct apm__slot_table apm__channels;

/*
 * A channel without a descriptor, which no handle names yet; NULL if there is no memory. It is either opened, or
 * discarded. The caller may set the fields that are not set here.
 */
struct apm__channel *apm__channel_create(struct apm__pool *pool, apm_address_family family, apm_socket_type type,
                                         apm_protocol_type protocol);
void apm__channel_discard(struct apm__channel *channel);

/* Makes the channel a socket: gives it its descriptor, which it owns from then on, and its handle, channel->key. */
void apm__channel_open(struct apm__channel *channel, apm__os_socket descriptor);
void apm__channel_open_locked(struct apm__channel *channel, apm__os_socket descriptor);

/* What a connection that the listener has just accepted has from it; the connection joins the listener's group. */
struct apm__inheritance apm__channel_bequeath_locked(struct apm__channel *listener);

/* Makes the channel a connection that was accepted. Its lock is held, or nobody has been shown it yet. */
void apm__channel_inherit_locked(struct apm__channel *connection, const struct apm__inheritance *inheritance);

/*
 * Finds the channel of a handle and locks it. ARGUMENT_NULL, ARGUMENT, OBJECT_DISPOSED, and INVALID_OPERATION after
 * fork; then nothing is locked.
 */
apm_error apm__channel_lock(uint64_t bits, struct apm__channel **channel);

/* Unchecked, because the lock was taken in a function that may have failed instead. */
static inline void apm__channel_unlock(struct apm__channel *channel) APM__UNCHECKED_LOCKS
{
    apm__os_mutex_unlock(&channel->lock);
}

/* Drops a reference to the slot: an operation's, or that of the open socket. */
void apm__channel_release(struct apm__channel *channel);

/*
 * Waits until no operation of the closed channel is left, callbacks included; at most `timeout_ms` (-1: no limit). The
 * caller holds a reference of its own, which this drops, and no lock. WAIT_TIMEOUT, DEADLOCK.
 */
apm_error apm__channel_wait(struct apm__channel *channel, int timeout_ms);

#endif
