/*
 * Operations: what an asynchronous result's handle names, from Begin to End.
 *
 * Life. Begin allocates it with two references: the user's, which End drops, and the runtime's, dropped when the
 * callback has returned, or at completion if there is none. Waits, cancels and deadlines hold further ones. When the
 * last is gone the slot is free and the handle stale.
 *
 * Completing. Whoever detaches the operation from where it waits (its place) owns it, sets the outcome, and calls
 * apm__operation_complete: once, under no lock. That sets SIGNALLED, releases waiters, then hands the callback to the
 * pool. Nothing is allocated, so nothing can fail.
 *
 * Ending. The first End sets CLOSED, in one step with the check of the generation; any other is refused. It waits for
 * SIGNALLED, reads the outcome and drops the user's reference.
 */
#ifndef APM__OPERATION_H
#define APM__OPERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/async_result.h"
#include "apm/error.h"
#include "apm/handle.h"
#include "apm/ip_address.h"
#include "deadline.h"
#include "pool.h"
#include "slot.h"

enum apm__operation_kind {
    APM__OPERATION_ACCEPT = 1,
    APM__OPERATION_CONNECT,
    APM__OPERATION_DISCONNECT,
    APM__OPERATION_RECEIVE,
    APM__OPERATION_SEND,
    APM__OPERATION_GET_HOST_ENTRY,
    APM__OPERATION_GET_HOST_ADDRESSES,
    APM__OPERATION_INVOKE,
    APM__OPERATION_RECEIVE_FROM,
    APM__OPERATION_RECEIVE_MESSAGE_FROM,
    APM__OPERATION_RECEIVE_DATAGRAM, /* into memory of the operation's own: UdpClient */
    APM__OPERATION_SEND_TO
};

enum {
    APM__OPERATION_HAS_DEADLINE = APM__SLOT_USER_FLAG, /* a deadline may be armed: completion has to look */
    APM__OPERATION_RETURNED = APM__SLOT_USER_FLAG << 1 /* the runtime has dropped its reference */
};

/* Where the operation is. Guarded by the lock of that place: its channel's, or the resolver's. */
enum apm__operation_place {
    APM__PLACE_NOWHERE, /* not admitted yet */
    APM__PLACE_QUEUED,  /* in a queue of its channel, or of the resolver; whoever unlinks it owns it */
    APM__PLACE_RUNNING, /* a thread performs it outside the lock; a wish is recorded, and that thread decides */
    APM__PLACE_DETACHED /* somebody owns it and completes it */
};

enum { APM__CALLERS = 5 }; /* how many calls a debug build keeps of those that led to an operation */

/* What is to be connected to; one block, owned by the operation until it is freed. */
struct apm__connect_plan {
    size_t count;
    size_t next;              /* the endpoint that is being tried */
    bool issued;              /* that attempt has been started */
    bool unresolved;          /* the name look-up has not answered yet: there is nothing to try */
    apm_endpoint endpoints[]; /* immutable once resolved */
};

/*
 * What the operations of datagrams need besides a buffer; it takes the place of what other kinds need, so that no slot
 * is larger for it. Zero in a free slot.
 */
struct apm__datagram_request {
    apm__os_address address; /* where a send goes to, immutable from Begin on; or the sender, part of the outcome */
    apm__os_packet packet;   /* part of the outcome */
};

/*
 * Grouped by who may touch the fields, and within that so that what a receive or send needs lies in the first three
 * lines of the cache. What comes after `rare` is as in a free slot, NULL or zero, unless the kind of operation uses it.
 */
struct apm__operation {
    struct apm__slot slot; /* first: the table's view */
    struct apm__work work; /* hands the callback to the pool */

    /* immutable from Begin on. `owner` and `kind` are read before the reader has made sure of the generation. */
    _Atomic uint64_t owner; /* bits of the socket, or of a delegate; 0 for none */
    _Atomic uint32_t kind;  /* enum apm__operation_kind */
    int32_t flags;          /* of a receive or send; the outcome of RECEIVE_MESSAGE_FROM replaces them */
    void *state;
    apm_async_callback *callback;
    struct apm__pool *pool;
    void *place_owner; /* the channel; for `cancel` and `finished` */
    void *buffer;      /* receive, and send, which does not write to it */
    size_t size;

    /* guarded by the lock of the place */
    struct apm__operation *next;
    struct apm__operation *previous;
    apm_error wish; /* the reason of the first cancel that came too late to unlink it; 0 is none */
    uint8_t place;  /* enum apm__operation_place */

    bool reuse_socket; /* disconnect; immutable once admitted */
    bool dissolves;    /* disconnect, of datagrams: the peer is forgotten, and nothing ends; immutable once admitted */
    bool more_follow;  /* receive: others completed with it, whose callbacks come after its own; part of the outcome */

    /* the outcome: written by whoever owns the operation, read after SIGNALLED */
    apm_error error;
    int32_t native_error;
    size_t transferred; /* bytes so far */

    /* immutable from Begin on: asks for an early end, the way to the place's lock */
    void (*cancel)(struct apm__operation *operation, apm_error reason);

    /* Called once the callback has returned, and for an operation without one once it has completed; or NULL. */
    void (*finished)(struct apm__operation *operation);

    uint64_t begun_ns; /* coarse; immutable from Begin on */
#ifdef APM_DEBUG
    void *begun_at[APM__CALLERS]; /* the calls that led to it, innermost first; NULL after the last */
#endif

    /* rare: guarded by the lock of the place until the operation is detached, then its owner's */
    union {
        struct {
            struct apm__connect_plan *plan;     /* connect */
            void *reserved;                     /* accept: the connection's channel; NULL once it has got it */
            uint64_t accepted;                  /* accept: bits of the new socket */
            struct apm__invocation *invocation; /* delegates */
            struct apm_host_entry *entry;       /* name look-ups: the answer, until End takes it */
            apm__os_socket descriptor;          /* accept: the connection, between the system call and the channel */
        };
        struct apm__datagram_request datagram; /* those of datagrams; apm__operation_is_of_datagrams */
    };

    /* guarded by the pool's deadline heap */
    struct apm__deadline deadline;
};

extern struct apm__slot_table apm__operations;

/* What an operation is of: immutable from Begin on. See struct apm__operation. */
struct apm__operation_origin {
    enum apm__operation_kind kind;
    uint64_t owner;
    struct apm__pool *pool;
    void *place_owner;
    void (*cancel)(struct apm__operation *operation, apm_error reason);
};

/*
 * Allocates an operation. `finished` and the request are the caller's to set before it admits it; or it calls
 * apm__operation_discard. ARGUMENT_NULL if there is neither callback nor result; INVALID_OPERATION if the pool does not
 * take any; OUT_OF_MEMORY.
 */
apm_error apm__operation_create(const struct apm__operation_origin *origin, apm_async_callback *callback, void *state,
                                apm_async_result *result, struct apm__operation **operation);

/* Frees an operation that was not admitted, and takes its handle back from the caller. */
void apm__operation_discard(struct apm__operation *operation, apm_async_result *result);

/* The handle of an operation to which the caller holds a reference. */
apm_async_result apm__operation_handle(struct apm__operation *operation);

/* Completes an operation whose outcome is set. The caller owns it, holds no lock, and may not touch it afterwards. */
void apm__operation_complete(struct apm__operation *operation);

/* The socket that an operation is of; the null handle if it is not of one. */
apm_socket apm__operation_socket(const struct apm__operation *operation);

/* Drops a reference. */
void apm__operation_release(struct apm__operation *operation);

/*
 * Claims the result for this End, waits until it has completed, and gives the operation, whose user's reference is the
 * caller's now: apm__operation_release. The errors are those that all Ends share.
 */
apm_error apm__operation_end(apm_async_result result, enum apm__operation_kind kind, uint64_t owner,
                             struct apm__operation **operation);

/* The same for a synchronous call, which waits no longer than `timeout_ms` (0: no limit) and then cancels. */
apm_error apm__operation_end_within(apm_async_result result, enum apm__operation_kind kind, uint64_t owner,
                                    int timeout_ms, struct apm__operation **operation);

/* Whether the operation's kind is one that has `datagram`, instead of what shares its place. */
static inline bool apm__operation_is_of_datagrams(const struct apm__operation *operation)
{
    return apm__atomic_load(&operation->kind, APM__RELAXED) >= APM__OPERATION_RECEIVE_FROM;
}

/* The operation whose callback the calling thread runs, or NULL. */
struct apm__operation *apm__operation_current(void);

#endif
