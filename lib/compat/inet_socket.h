/*
 * The socket behind an apm_inet.
 *
 * Reading is reading ahead: one Begin fills `in` whenever that is empty, and calls of the program take from it. So a
 * call waits for the same thing whatever the transport is, TCP, TLS or UDP, gives up waiting without losing anything,
 * and looks without taking; and the end of a connection is found only when all before it has been read. Listeners read
 * connections ahead, one. Writing is copying into `out`, which one Begin takes at a time.
 *
 * Invariants
 *   1. Each operation holds a reference on the socket, from its Begin until its callback returns. The slot's first
 *      reference is the handle's, which close gives back. No operation begins, and nothing that close would have to
 *      close is stored, once `closed` is set.
 *   2. `reading` and `writing` are set under the lock by whoever is about to begin, and cleared under it by the
 *      callback, or by who began if there is none. The buffer belongs to the operation in between.
 *   3. The chain of a connect - look-up, connect, handshake - is one operation after the other; it alone writes `stage`
 *      after creation, and ends it exactly once. While it lasts `socket` and `stream` change under the lock only.
 *   4. Who changes what a call may wait for sets `wake`, after it has given the lock back. One thread waits at a time:
 *      the owner, or whoever the program lets use a free-threaded handle. So none is slept over.
 *   5. The lock is a leaf: nothing is begun, posted, set or closed under it.
 *   6. A message is a node of the subscription, not of the socket: one for each event, in the queue once at most, by
 *      its bit in `posted`. A node in the queue holds a reference on its subscription and none on the socket; its
 *      message names the socket by the handle. Closing, and disabling, close the subscription's target.
 *   7. Whether an event is posted, and to which subscription, is decided under the lock that covered the change it
 *      tells of (apm__inet_notice_locked). So enabling finds each change either told to the subscription before, or
 *      standing; and freezing holds back all that it precedes. A message that is under way when events are frozen is
 *      held back when it is dispatched.
 *   8. What ends a wait is looked at before what gives it up: a call whose data is there is neither timed out nor
 *      cancelled.
 */
#ifndef APM__INET_SOCKET_H
#define APM__INET_SOCKET_H

#include "apm/async_result.h"
#include "apm/ssl_context.h"
#include "apm/stream.h"
#define APM_INET_NO_NAMES
#include "apm/compat/inet.h"
#include "apm/compat/wsa.h"
#include "apm/socket.h"
#include "check.h"
#include "event_queue.h"

enum {
    APM__INET_HOST_SIZE = 256,
    APM__INET_EVENTS = APM_INET_EVENT_TIMEOUT + 1,
#ifdef APM_DEBUG
    APM__INET_BUFFER_SIZE = 1000,
#else
    APM__INET_BUFFER_SIZE = 16384,
#endif
    APM__INET_DATAGRAM_SIZE = 65536
};

enum apm__inet_stage {
    APM__INET_CONNECTING,
    APM__INET_OPEN,
    APM__INET_FAILED /* `error` is why */
};

enum apm__inet_kind { APM__INET_STREAM, APM__INET_DATAGRAM, APM__INET_LISTENER };

/* A socket's place in a queue, for as long as events are enabled. */
struct apm__inet_events {
    _Atomic uint32_t references; /* the socket's, those who post, and one for each node in the queue */
    _Atomic uint32_t posted;     /* by event: its node is in the queue */

    /* immutable */
    struct apm__event_queue *queue;
    apm_event_target own;     /* of the messages: closing it drops them */
    apm_event_target program; /* where they go on to */
    struct apm__event_node nodes[APM__INET_EVENTS];
};

struct apm__inet {
    struct apm__slot slot;
    _Atomic uint32_t owner; /* the number of the thread; 0: any */

    /* immutable once published */
    apm_auto_reset_event wake;
    enum apm__inet_kind kind;
    uint32_t options;
    unsigned port;
    unsigned local_port;
    char host[APM__INET_HOST_SIZE];  /* what is looked up; empty: none */
    char name[APM__INET_HOST_SIZE];  /* what the peer's certificate has to be for */
    char local[APM__INET_HOST_SIZE]; /* empty: any */
    uint64_t deadline_ns;            /* of the chain */
    apm_ssl_context context;         /* null: not secure */
    bool serves;                     /* the handshake is a server's */
    uint8_t *in;
    uint8_t *out;
    size_t capacity; /* of each */

    apm__os_mutex lock; /* a leaf */

    /* guarded by lock */
    enum apm__inet_stage stage;
    apm_error error;
    apm_error limit_error; /* why the chain could not be given a deadline, and has been cancelled */
    bool closed;
    bool blocks;
    bool frozen;
    bool waiting;   /* a call waits */
    bool cancelled; /* and shall give up: set by apm_inet_cancel, only while one waits */
    unsigned timeout_s;
    apm_socket socket;
    apm_stream stream; /* null: datagrams, listeners */
    bool reading;
    bool full;  /* there is something in `in`, or `arrived` */
    bool told;  /* and READ or ACCEPT has been posted for it */
    bool ended; /* nothing more will come, in_error being why */
    bool writing;
    bool want_write;
    bool lingers;            /* closed while writing: the callback closes the rest */
    size_t in_start, in_end; /* of `in`, if it is full */
    apm_error in_error;
    apm_error out_error;
    apm_async_result out_result; /* while `writing`, once it is known; see apm__inet_close */
    apm_socket arrived;
    apm_endpoint peer;   /* where datagrams go to; null: to nobody in particular */
    apm_endpoint from;   /* who has sent what is in `in` */
    apm_endpoint sender; /* who has sent what was read last */
    struct apm__inet_events *events;
    uint32_t due; /* by event: to be posted when it is no longer frozen */
    apm_inet_event_procedure *procedures[APM__INET_EVENTS];
    uintptr_t parameters[APM__INET_EVENTS];
};

/* What a function returns that has failed: sets the last error. */
int apm__inet_fail(apm_error error);
int apm__inet_fail_as(uint32_t error);
apm_inet apm__inet_fail_socket(apm_error error);
uint32_t apm__inet_error(apm_error error);

/* -- Handles (inet.c) ---------------------------------------------------------------------------------------------- */

/* A socket that the calling thread may use, with a reference; NULL with the last error set. */
struct apm__inet *apm__inet_enter(apm_inet socket);
struct apm__inet *apm__inet_find(apm_inet socket); /* without a look at the thread or at the last error; NULL */
void apm__inet_retain(struct apm__inet *inet);
void apm__inet_release(struct apm__inet *inet);
bool apm__inet_is_initialized(void); /* or the last error is set */

/*
 * A new one with its buffers, not published: apm__inet_publish does, with a reference for the caller, or
 * apm__inet_discard. NULL: no memory. It may be closed as soon as it is published.
 */
struct apm__inet *apm__inet_create(enum apm__inet_kind kind, uint32_t options, unsigned timeout_s);
apm_inet apm__inet_publish(struct apm__inet *inet);
void apm__inet_discard(struct apm__inet *inet);
apm_inet apm__inet_handle(const struct apm__inet *inet);
apm_error apm__inet_close(apm_inet socket);

/* Waits until `done`, which runs under the lock; TIMED_OUT, or OPERATION_ABORTED. A negative time is without limit. */
typedef bool apm__inet_condition(const struct apm__inet *inet);
apm_error apm__inet_wait(struct apm__inet *inet, apm__inet_condition *done, int64_t timeout_ms);
void apm__inet_wake(struct apm__inet *inet);
bool apm__inet_is_settled(const struct apm__inet *inet); /* not connecting */

/* -- Connecting (inet_connect.c, inet_listen.c, inet_security.c) --------------------------------------------------- */

/* Sets the options that a socket of the system has. */
apm_error apm__inet_apply_options(apm_socket socket, uint32_t options);
/* Makes what has been connected or accepted a stream, and goes on to the handshake, or to apm__inet_settle. */
void apm__inet_secure(struct apm__inet *inet);
/* The end of the chain, with whose reference it does away. */
void apm__inet_settle(struct apm__inet *inet, apm_error error);
/* Milliseconds until the chain's deadline, 0 at least. */
int apm__inet_left_ms(const struct apm__inet *inet);
/* The handle, or for one that blocks the outcome of the chain. */
apm_inet apm__inet_await(struct apm__inet *inet, apm_inet handle);
/* The context of a secure handle; its error in the original's numbers, 0 for success. */
uint32_t apm__inet_context(const apm_inet_credentials_a *credentials, uint32_t options, bool serves,
                           apm_ssl_context *context);

/* -- Transfer (inet_transfer.c) ------------------------------------------------------------------------------------ */

/* Reads ahead, if there is room and nothing else does. */
void apm__inet_read_ahead(struct apm__inet *inet);

/* Conditions of a wait. */
bool apm__inet_can_read(const struct apm__inet *inet);
bool apm__inet_can_write(const struct apm__inet *inet);

/* The error of a socket that is not connected; success for one that is. */
apm_error apm__inet_check_open_locked(const struct apm__inet *inet);
/* After `in` has been read from: READ if there is more, which the caller posts; and reading ahead if there is not. */
struct apm__inet_notice apm__inet_taken_locked(struct apm__inet *inet);
void apm__inet_go_on(struct apm__inet *inet, const struct apm__inet_notice *notice);

/* Writes all of it to a stream, and waits until it is written, whether the handle blocks or not. */
apm_error apm__inet_write_all(struct apm__inet *inet, const uint8_t *bytes, size_t size, apm_endpoint remote,
                              int64_t timeout_ms);

/* -- Events (inet_events.c) ---------------------------------------------------------------------------------------- */

/* Has a new socket post its events, and not block; the error of a target, or that the socket is closed. */
apm_error apm__inet_subscribe(struct apm__inet *inet, apm_event_target target, unsigned message);
void apm__inet_events_close(struct apm__inet_events *events); /* with the socket's reference; NULL does nothing */

/* What is to be posted once the lock has been given back; with a reference on the subscription. */
struct apm__inet_notice {
    struct apm__inet_events *events; /* NULL: nothing */
    uint32_t which;                  /* by event */
    apm_error connect_error;
    apm_error end_error;
};

/* Of the events in `which`, those that somebody wants now; the others are kept while events are frozen. */
struct apm__inet_notice apm__inet_notice_locked(struct apm__inet *inet, uint32_t which);
void apm__inet_post(const struct apm__inet_notice *notice);

/* -- Text (inet_text.c) -------------------------------------------------------------------------------------------- */

/* A wide text as UTF-8 in memory of its own, NULL for NULL; false: no memory. */
bool apm__inet_narrow(const wchar_t *wide, char **narrow);
/* The wide form of UTF-8 with its zero, in room for `size`; what does not fit is left out. The length. */
size_t apm__inet_widen(const char *narrow, wchar_t *wide, size_t size);
apm_error apm__inet_endpoint_of(const apm_inet_address *address, unsigned port, apm_endpoint *endpoint);
void apm__inet_address_of(const apm_endpoint *endpoint, apm_inet_address *address, unsigned *port);

#endif
