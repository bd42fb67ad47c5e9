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
#include "connect_plan.h"
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
    APM__OPERATION_STREAM_READ, /* of a stream that is no socket's; those of one are receives and sends */
    APM__OPERATION_STREAM_WRITE,
    APM__OPERATION_STREAM_READ_EXACTLY,
    APM__OPERATION_STREAM_COPY,
    APM__OPERATION_SEND_FILE,
    APM__OPERATION_ACCEPT_RECEIVE,
    APM__OPERATION_POST,
    APM__OPERATION_WAIT_SENDABLE,
    APM__OPERATION_DRAIN,
    APM__OPERATION_AUTHENTICATE_AS_CLIENT, /* of streams of TLS */
    APM__OPERATION_AUTHENTICATE_AS_SERVER,
    APM__OPERATION_SHUTDOWN,
    APM__OPERATION_RECEIVE_FROM, /* this one and those below have `datagram` */
    APM__OPERATION_RECEIVE_MESSAGE_FROM,
    APM__OPERATION_RECEIVE_DATAGRAM, /* into memory of the operation's own: UdpClient */
    APM__OPERATION_SEND_TO,
    APM__OPERATION_RECEIVE_TRAIN,
    APM__OPERATION_SEND_TRAIN /* the last; sets of kinds are words of 32 bits */
};

_Static_assert(APM__OPERATION_SEND_TRAIN < 32, "a kind is a bit of a word");

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

/* What `buffer` of an operation points to: the program's memory, or a block that is freed with the operation. */
enum apm__operation_form {
    APM__FORM_PLAIN,    /* the program's buffer */
    APM__FORM_OWN,      /* bytes; NULL once End has given them to the program */
    APM__FORM_SEGMENTS, /* struct apm__segment_list */
    APM__FORM_FILE,     /* struct apm__file_transfer; from here on there is more to do when it completes */
    APM__FORM_ACCEPT    /* struct apm__accept_request */
};

enum { APM__OPERATION_HOT_SIZE = 3 * APM__LINE_SIZE }; /* of struct apm__operation: what a receive or send needs */

enum { APM__CALLERS = 5 }; /* how many calls a debug build keeps of those that led to an operation */

/* A train of datagrams: see apm/datagram_train.h. */
struct apm__datagram_train {
    uint32_t datagram_size; /* of each but the last; of a send immutable from Begin on, else part of the outcome */
    bool cuts;              /* send: the system may cut it; its performer's */
};

/*
 * What the operations of datagrams need besides a buffer; it takes the place of what other kinds need, so that no slot
 * is larger for it. Zero in a free slot.
 */
struct apm__datagram_request {
    apm__os_address address; /* where a send goes to, immutable from Begin on; or the sender, part of the outcome */
    apm__os_packet packet;   /* part of the outcome */
    apm_endpoint *path;      /* of a unix domain socket: in the place of `address`; a block, freed with it; or NULL */
    struct apm__datagram_train train;
};

/*
 * Grouped by who may touch the fields, and within that so that what a receive or send needs lies in the first three
 * lines of the cache. What comes after `rare` is as in a free slot, NULL or zero, unless the kind of operation uses it.
 */
struct apm__operation {
    struct apm__slot slot; /* first: the table's view */
    struct apm__work work; /* hands the callback to the pool */

    /* immutable from Begin on. `owner` and `kind` are read before the reader has made sure of the generation. */
    _Atomic uint64_t owner; /* bits of the socket, stream, client or listener, or of a delegate; 0 for none */
    _Atomic uint32_t kind;  /* enum apm__operation_kind */
    int32_t flags;          /* of a receive or send; the outcome of RECEIVE_MESSAGE_FROM replaces them */
    void *state;
    apm_async_callback *callback;
    struct apm__pool *pool;
    void *place_owner; /* the channel; for `cancel` and `finished` */
    void *buffer;      /* receive, and send, which does not write to it; see `form` */
    size_t size;

    /* guarded by the lock of the place */
    struct apm__operation *next;
    struct apm__operation *previous;
    apm_error wish; /* the reason of the first cancel that came too late to unlink it; 0 is none */
    uint8_t place;  /* enum apm__operation_place */

    /* guarded by the lock of place_owner, a channel; it is not `place`, which may be another channel's by then */
    bool ready; /* it has completed, and its callback waits for its turn */

    /* immutable once admitted, but for `more_follow`, which is part of the outcome */
    uint8_t form;          /* enum apm__operation_form */
    bool reuse_socket : 1; /* disconnect */
    bool dissolves : 1;    /* disconnect, of datagrams: the peer is forgotten, and nothing ends */
    bool in_turn : 1;      /* its callback waits for its turn in the strand of place_owner, a channel */
    bool more_follow : 1;  /* receive: others completed with it, whose callbacks come after its own */

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
    struct apm__operation *also; /* of channels: what is to be completed after it, linked by `next`; or NULL */
    union {
        struct {
            struct apm__connect_plan *plan;     /* connect */
            void *reserved;                     /* accept: the connection's channel; NULL once it has got it */
            struct apm__invocation *invocation; /* delegates */
            uint64_t accepted;                  /* accept: bits of the new socket */
            struct apm_host_entry *entry;       /* name look-ups: the answer, until End takes it */
            void *request;             /* streams and TCP clients: what it is made of, one block, freed with it */
            apm__os_socket descriptor; /* accept: the connection, between the system call and the channel */
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

/*
 * Completes an operation whose outcome is set. The caller owns it, holds no lock, and may not touch it afterwards.
 * `publish` is the first half: from then on everybody but the callback knows; who calls it alone submits `work`.
 */
void apm__operation_complete(struct apm__operation *operation);
void apm__operation_publish(struct apm__operation *operation);

/* The run function of an operation's work: calls the callback, and drops the runtime's reference. */
void apm__operation_run_callback(struct apm__work *work);

/* The bits of the object that an operation is of, if that is of the kind; or 0. */
uint64_t apm__operation_owner(const struct apm__operation *operation, enum apm__slot_kind kind);

/* The socket that an operation is of; the null handle if it is not of one. */
apm_socket apm__operation_socket(const struct apm__operation *operation);

/* Asks for the operation to end for `reason`, as apm_async_result_cancel does; the result may be any. */
apm_error apm__operation_cancel(apm_async_result result, apm_error reason);

/* Drops a reference. */
void apm__operation_release(struct apm__operation *operation);

/*
 * Claims the result for this End, waits until it has completed, and gives the operation, whose user's reference is the
 * caller's now: apm__operation_release. The errors are those that all Ends share.
 */
apm_error apm__operation_end(apm_async_result result, enum apm__operation_kind kind, uint64_t owner,
                             struct apm__operation **operation);

enum { APM__DO_NOT_WAIT = -1 };

/*
 * The same for a synchronous call, which waits no longer than `timeout_ms` (0: no limit) and then cancels. With
 * APM__DO_NOT_WAIT it cancels at once, and the outcome is WOULD_BLOCK.
 */
apm_error apm__operation_end_within(apm_async_result result, enum apm__operation_kind kind, uint64_t owner,
                                    int timeout_ms, struct apm__operation **operation);

/* Whether the operation's kind is one that has `datagram`, instead of what shares its place. */
static inline bool apm__operation_is_of_datagrams(const struct apm__operation *operation)
{
    return apm__atomic_load(&operation->kind, APM__RELAXED) >= APM__OPERATION_RECEIVE_FROM;
}

/* Whether it has been ended and its callback has returned, if it has one: nobody waits for anything of it any more. */
bool apm__operation_is_over(const struct apm__operation *operation);

/* The operation whose callback the calling thread runs, or NULL. */
struct apm__operation *apm__operation_current(void);

#endif
