/*
 * The porting contract: all that the library needs of an operating system. No other file of the library calls it.
 *
 * A port supplies these functions: os_posix_*.c what POSIX has, os_linux.c the rest for Linux. Unless a comment says
 * otherwise a function may be called on any thread, does not block, and does not raise signals. Functions that can fail
 * return an apm_error and leave the system's own code in apm__os_native_error().
 */
#ifndef APM__OS_H
#define APM__OS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/array_segment.h"
#include "apm/error.h"
#include "apm/ip_address.h"
#include "atomic.h"
#include "lock_order.h"
#include "thread_safety.h"

/* A variable of which each thread has its own, zero at first. A simulation of threads defines this as it needs it. */
#ifndef APM__THREAD_LOCAL
#define APM__THREAD_LOCAL _Thread_local
#endif

/*
 * Where code lies. Between two system calls of a message the kernel has taken the near caches: what counts is how many
 * lines of code, and instructions, a message runs through. See docs/performance.md.
 *
 *     HOT       a function of each message, which link-time optimisation may put in line though it is not small
 *     APART     what belongs to another path: never in line, so that the function it is called from stays short
 *     COLD      the same for what seldom happens in any program
 *     UNLIKELY  a condition that seldom holds on the way of a message: what it leads to lies behind the rest
 */
#ifdef __clang__ /* which allows no static function in a function that is in line and not static itself */
#define APM__HOT
#else
#define APM__HOT inline
#endif
#define APM__APART __attribute__((noinline))
#define APM__COLD __attribute__((cold, noinline))
#define APM__UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* -- Failure ------------------------------------------------------------------------------------------------------ */

/* Reports a broken invariant and ends the process. */
_Noreturn void apm__os_fail(const char *file, int line, const char *fact);

/* Writes one line to standard error, in one piece. */
void apm__os_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Where the calling thread is: the addresses in the functions that have called the caller, innermost first; how many.
 * For debug builds, since it takes microseconds. 0 where the system cannot tell.
 */
size_t apm__os_callers(void **addresses, size_t capacity);

/* Writes an address as the system names it, such as `program(+0x1234) [0x55d0c0de1234]`, for addr2line. */
void apm__os_describe_address(void *address, char *text, size_t size);

/* The system's code of the calling thread's last failed call; 0 if the last error was the library's own. */
int32_t apm__os_native_error(void);
void apm__os_set_native_error(int32_t code);

/* -- Memory ------------------------------------------------------------------------------------------------------- */

/* Memory aligned for any object; NULL if there is none. `allocate` gives it zeroed. */
void *apm__os_allocate(size_t size);
void *apm__os_allocate_aligned(size_t alignment, size_t size); /* the same, at a multiple of a power of two */
void *apm__os_resize(void *memory, size_t size);
void apm__os_free(void *memory);

/* -- Threads and locks -------------------------------------------------------------------------------------------- */

/*
 * A lock that is not recursive: one word, taken and given back without a call where nobody else wants it. Sockets are
 * many, and each has one; a pthread_mutex_t is ten times the size and twice the instructions. It need not be destroyed.
 */
typedef struct APM__CAPABILITY apm__os_mutex {
    _Atomic uint32_t state; /* 0: free; 1: taken; 2: taken, and threads may sleep on the word */
#ifdef APM__LOCK_ORDER
    enum apm__lock_rank rank; /* immutable once it is used */
#endif
} apm__os_mutex;

/* A leaf, and one of another rank. */
#define APM__OS_MUTEX_INITIALIZER \
    {                             \
        0                         \
    }
#ifdef APM__LOCK_ORDER
#define APM__OS_MUTEX_OF_RANK(lock_rank) \
    {                                    \
        .rank = (lock_rank)              \
    }
#else
#define APM__OS_MUTEX_OF_RANK(lock_rank) APM__OS_MUTEX_INITIALIZER
#endif

/* Makes it a leaf. */
void apm__os_mutex_initialise(apm__os_mutex *mutex);

/* Gives it another rank, before it is used. */
static inline void apm__os_mutex_set_rank(apm__os_mutex *mutex, enum apm__lock_rank rank)
{
#ifdef APM__LOCK_ORDER
    mutex->rank = rank;
#else
    (void)mutex;
    (void)rank;
#endif
}

/* The slow halves: they wait on the word, and wake by it. */
APM__COLD void apm__os_mutex_lock_contended(apm__os_mutex *mutex);
APM__COLD void apm__os_mutex_wake(apm__os_mutex *mutex);

static inline void apm__os_mutex_lock(apm__os_mutex *mutex) APM__ACQUIRES(*mutex) APM__UNCHECKED_LOCKS
{
#ifdef APM__LOCK_ORDER
    apm__lock_order_enter(mutex->rank);
#endif
    uint32_t free = 0;
    /* Acquire pairs with the release in unlock. */
    if (!apm__atomic_replace_strongly(&mutex->state, &free, 1, APM__ACQUIRE))
        apm__os_mutex_lock_contended(mutex);
}

static inline void apm__os_mutex_unlock(apm__os_mutex *mutex) APM__RELEASES(*mutex) APM__UNCHECKED_LOCKS
{
#ifdef APM__LOCK_ORDER
    apm__lock_order_leave(mutex->rank);
#endif
    if (apm__atomic_exchange(&mutex->state, 0, APM__RELEASE) == 2)
        apm__os_mutex_wake(mutex);
}

typedef struct apm__os_thread {
    pthread_t thread;
} apm__os_thread;

/*
 * Starts a thread with all asynchronous signals blocked. `body` may leave by returning only; if it ends by pthread_exit
 * instead, `exited`, if it is not NULL, runs on the thread before it is gone.
 */
apm_error apm__os_thread_create(apm__os_thread *thread, const char *name, void (*body)(void *), void (*exited)(void *),
                                void *argument);
void apm__os_thread_join(apm__os_thread thread);     /* blocks until the thread is gone */
bool apm__os_thread_try_join(apm__os_thread thread); /* the same if it is gone, or else false */

/* The processor time that the thread has used, in ns; the thread may not be gone. 0 if it cannot be told. */
uint64_t apm__os_thread_cpu_ns(apm__os_thread thread);
apm__os_thread apm__os_thread_current(void);

/*
 * The calling thread's number in the system; never 0. And whether the thread of that number runs, or would if it had a
 * processor; false also if it cannot be told. That takes some microseconds.
 */
uint32_t apm__os_thread_number(void);
bool apm__os_thread_is_ready(uint32_t number);

/* The number of processors that the process may use, at least 1. */
int apm__os_processor_count(void);

/* Has `hook` run in the child after each fork. False if it cannot be registered. */
bool apm__os_at_fork_in_child(void (*hook)(void));

/*
 * Has `hook` called when the calling thread ends (not when the process does). False if it cannot be promised. A hook
 * that has been called may be set again, also by what runs while the thread ends. Setting it twice is setting it once;
 * a thread has room for a few different ones, which are called in no particular order.
 */
bool apm__os_at_thread_exit(void (*hook)(void));

/*
 * Blocks while *word holds `expected`, until a wake of the same address, or `timeout_ns` nanoseconds (negative: no
 * limit). It may also return for no reason. False if the time is up.
 */
bool apm__os_wait_on_address(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns);
void apm__os_wake_by_address(_Atomic uint32_t *word); /* wakes one; the address need not be valid any more */

/* Tells the processor that the thread spins. */
void apm__os_spin_pause(void);

/* -- Clock and environment ---------------------------------------------------------------------------------------- */

/* Nanoseconds of a clock that never jumps. The coarse one is cheaper and some milliseconds behind. */
uint64_t apm__os_monotonic_ns(void);
uint64_t apm__os_monotonic_coarse_ns(void);

/* This process's number. */
uint64_t apm__os_process_id(void);

/* The environment variable, or NULL; the string is the environment's. */
const char *apm__os_environment(const char *name);

/* -- Sockets ------------------------------------------------------------------------------------------------------ */

typedef int apm__os_socket;

#define APM__OS_NO_SOCKET (-1)

/* Sockets do not block (a call that would gives APM_ERROR_WOULD_BLOCK) and are not inherited by a program executed. */
apm_error apm__os_socket_create(apm_address_family family, int type, int protocol, apm__os_socket *created);
/*
 * Closes the old socket and gives its number to the other one, in one step, so that a call with the number meets the
 * one or the other. The other one's own number is closed, also on failure, which leaves the old socket as it was.
 */
apm_error apm__os_socket_replace(apm__os_socket old, apm__os_socket renewed);
void apm__os_socket_close(apm__os_socket socket); /* blocks if a linger time above 0 is set and data is unsent */
apm_error apm__os_socket_bind(apm__os_socket socket, apm_endpoint local);

/* Binds, and says which file that has made, if any: NULL for what is no path of a unix domain socket. */
struct apm__os_socket_file;
apm_error apm__os_socket_bind_file(apm__os_socket socket, apm_endpoint local, struct apm__os_socket_file **file);
/* Removes the file, if it is still the one that bind has made, and frees the note of it; NULL is none. */
void apm__os_socket_file_remove(struct apm__os_socket_file *file);

apm_error apm__os_socket_listen(apm__os_socket socket, int backlog);
apm_error apm__os_socket_accept(apm__os_socket socket, apm__os_socket *accepted);
apm_error apm__os_socket_shutdown(apm__os_socket socket, int how);

/*
 * Starts or continues a connect: called again after WOULD_BLOCK, once the socket is writable, it gives the outcome.
 * An IPv4 endpoint is mapped to IPv6 if `map_to_ipv6`. APM_ERROR_TRY_AGAIN: nothing has been started, and nothing will
 * report when it could be.
 */
apm_error apm__os_socket_connect(apm__os_socket socket, apm_endpoint remote, bool map_to_ipv6);

/* `flags` is apm_socket_flags; what the call does not know is APM_ERROR_OPERATION_NOT_SUPPORTED. */
apm_error apm__os_socket_receive(apm__os_socket socket, void *buffer, size_t size, int flags, size_t *received);
apm_error apm__os_socket_send(apm__os_socket socket, const void *buffer, size_t size, int flags, size_t *sent);

/*
 * The same for several buffers in one call, APM__OS_SEGMENT_LIMIT of them at most. The segments are not written to.
 */
enum { APM__OS_SEGMENT_LIMIT = 1024 };

apm_error apm__os_socket_receive_segments(apm__os_socket socket, const apm_array_segment *segments, size_t count,
                                          int flags, size_t *received);
apm_error apm__os_socket_send_segments(apm__os_socket socket, const apm_array_segment *segments, size_t count,
                                       int flags, size_t *sent);

/* What a descriptor from elsewhere is. `type` and `protocol` are the system's numbers, which are .NET's, too. */
typedef struct apm__os_description {
    apm_address_family family;
    int type;
    int protocol;
    bool bound;
    bool connected;
    bool listening;
} apm__os_description;

/* NOT_SOCKET if it is none; ADDRESS_FAMILY_NOT_SUPPORTED for a family that the library does not have. */
apm_error apm__os_socket_describe(apm__os_socket socket, apm__os_description *description);

/* Makes a descriptor from elsewhere as those that the library creates: non-blocking, close-on-exec. */
apm_error apm__os_socket_prepare(apm__os_socket socket);

apm_error apm__os_socket_duplicate(apm__os_socket socket, apm__os_socket *duplicate);

/* A descriptor beside one byte of a unix domain socket's stream; none received is APM__OS_NO_SOCKET. */
apm_error apm__os_socket_send_descriptor(apm__os_socket over, apm__os_socket descriptor);
apm_error apm__os_socket_receive_descriptor(apm__os_socket over, apm__os_socket *descriptor, bool *ended);

/* Whether a receive would not wait: APM_ERROR_SUCCESS, APM_ERROR_WOULD_BLOCK, or the socket's pending error. */
apm_error apm__os_socket_readable(apm__os_socket socket);

apm_error apm__os_socket_local_endpoint(apm__os_socket socket, apm_endpoint *endpoint);
apm_error apm__os_socket_remote_endpoint(apm__os_socket socket, apm_endpoint *endpoint);
apm_error apm__os_socket_available(apm__os_socket socket, size_t *available);

typedef enum apm__os_option {
    APM__OS_OPTION_NO_DELAY,
    APM__OS_OPTION_RECEIVE_BUFFER_SIZE,
    APM__OS_OPTION_SEND_BUFFER_SIZE,
    APM__OS_OPTION_REUSE_ADDRESS, /* take over an address in TIME_WAIT */
    APM__OS_OPTION_REUSE_PORT,    /* share an address with others that ask for it */
    APM__OS_OPTION_IPV6_ONLY,
    APM__OS_OPTION_LINGER /* seconds, or -1 for off */
} apm__os_option;

apm_error apm__os_socket_option(apm__os_socket socket, apm__os_option option, int *value);
apm_error apm__os_socket_set_option(apm__os_socket socket, apm__os_option option, int value);

/* -- Addresses as bytes ------------------------------------------------------------------------------------------- */

/* Writes the system's number of a family where an address has it; false if there is none. */
bool apm__os_address_set_family(uint8_t *bytes, apm_address_family family);

/* The family of an address that has one at least; UNSPECIFIED also if the library does not know it. */
apm_address_family apm__os_address_family(const uint8_t *bytes);

/* The size of the family's addresses; 0 if it has none of its own. */
size_t apm__os_address_size(apm_address_family family);

/* An endpoint as the system writes it, and how many bytes that are, of which none takes more; and back. */
enum { APM__OS_ADDRESS_SIZE = 128 };
size_t apm__os_address_write(uint8_t bytes[APM__OS_ADDRESS_SIZE], apm_endpoint endpoint);
void apm__os_address_read(const uint8_t *bytes, size_t size, apm_endpoint *endpoint);

/* The system's numbers of an option of .NET's; false if it has none, with the native error that says so. */
bool apm__os_option_of(int level, int name, int *system_level, int *system_name);

/* Any option by the system's numbers; *size is the room, and then what was written. */
apm_error apm__os_socket_raw_option(apm__os_socket socket, int level, int name, void *value, size_t *size);
apm_error apm__os_socket_set_raw_option(apm__os_socket socket, int level, int name, const void *value, size_t size);

apm_error apm__os_socket_dont_fragment(apm__os_socket socket, bool *dont_fragment);
apm_error apm__os_socket_set_dont_fragment(apm__os_socket socket, bool dont_fragment);

/* Takes the socket's pending error; success is none. */
apm_error apm__os_socket_take_error(apm__os_socket socket, apm_error *pending);

/* Whether the next byte of the stream is the one behind the urgent one. */
apm_error apm__os_socket_at_mark(apm__os_socket socket, bool *at_mark);

/* Gives a new socket the options that the user may have set on an old one by number. */
void apm__os_socket_copy_options(apm__os_socket from, apm__os_socket to);

/* -- Datagrams ---------------------------------------------------------------------------------------------------- */

/* An endpoint in the system's own form; of no family if it is all zero. */
typedef struct apm__os_address {
    uint32_t words[7];
} apm__os_address;

/* Of an IP endpoint; `map_to_ipv6`: an IPv4 address is written as ::ffff:a.b.c.d. `any` is with port 0. */
apm__os_address apm__os_address_of(const apm_endpoint *endpoint, bool map_to_ipv6);
apm__os_address apm__os_address_any(apm_address_family family);

/* The bytes that are used of it; the endpoint. 0 and the null endpoint for no family. */
size_t apm__os_address_length(const apm__os_address *address);
void apm__os_address_endpoint(const apm__os_address *address, apm_endpoint *endpoint);

/* Where a datagram came in: the address that it was sent to, in the form of the sender's family, and the interface. */
typedef struct apm__os_packet {
    uint8_t address[16];
    uint32_t interface;
} apm__os_packet;

/* One datagram of a system call that moves several. */
typedef struct apm__os_datagram {
    void *buffer; /* a send does not write to it */
    size_t size;
    apm__os_address *address; /* where it goes to; or where the sender is written, if there is one; may be NULL */
    apm__os_packet *packet;   /* receive: where that is written; NULL: not wanted */
    uint32_t *datagram_size;  /* receive: where the size of each of a train is written, 0 for one; NULL: not wanted */
    size_t transferred;       /* out */
    int flags;                /* out, receive: apm_socket_flags, whether something was cut off */
} apm__os_datagram;

enum { /* how many one call moves at most */
#ifdef APM_DEBUG
    APM__OS_DATAGRAM_LIMIT = 4
#else
    APM__OS_DATAGRAM_LIMIT = 32
#endif
};

/*
 * Receives, or sends, up to `count` datagrams; *done is how many, from the first on. Fails only if that is none.
 * `flags` is apm_socket_flags; what the call does not know is APM_ERROR_OPERATION_NOT_SUPPORTED.
 */
apm_error apm__os_socket_receive_datagrams(apm__os_socket socket, apm__os_datagram *datagrams, size_t count, int flags,
                                           size_t *done);
apm_error apm__os_socket_send_datagrams(apm__os_socket socket, apm__os_datagram *datagrams, size_t count, int flags,
                                        size_t *done);

/*
 * One datagram of a unix domain socket, whose addresses are too large for apm__os_address. *sender has no name if the
 * socket that sent it has none. To send: APM_ERROR_TRY_AGAIN if the receiver has no room, and nothing will tell when
 * it has.
 */
apm_error apm__os_socket_receive_from_path(apm__os_socket socket, apm__os_datagram *datagram, int flags,
                                           apm_endpoint *sender);
apm_error apm__os_socket_send_to_path(apm__os_socket socket, const void *buffer, size_t size, int flags,
                                      const apm_endpoint *remote, size_t *sent);

/* Has apm__os_packet filled in from now on. */
apm_error apm__os_socket_want_packets(apm__os_socket socket, apm_address_family family);

/* Whether the system cuts what the socket sends, see below. */
bool apm__os_socket_cuts(apm__os_socket socket);

/*
 * Sends the first of a train of datagrams, of `datagram_size` bytes each and the last with the rest; *sent is their
 * bytes. With *cuts the system may cut them; *cuts becomes false where it does not, for this destination.
 */
apm_error apm__os_socket_send_train(apm__os_socket socket, const apm__os_datagram *train, size_t datagram_size,
                                    bool *cuts, size_t *sent);

/* Has the system join what the socket receives to trains, if it can; and whether it does. */
apm_error apm__os_socket_join(apm__os_socket socket);
bool apm__os_socket_joins(apm__os_socket socket);

/* Takes back the connect of a datagram socket. */
apm_error apm__os_socket_dissolve(apm__os_socket socket);

/* A membership of a multicast group: by interface, or for IPv4 by its address; from one source only, if that is set. */
typedef struct apm__os_membership {
    apm_ip_address group;
    apm_ip_address source;
    apm_ip_address local;
    uint32_t interface;
} apm__os_membership;

apm_error apm__os_socket_set_membership(apm__os_socket socket, const apm__os_membership *membership, bool member);

typedef enum apm__os_multicast_option {
    APM__OS_MULTICAST_HOPS,
    APM__OS_MULTICAST_INTERFACE
} apm__os_multicast_option;

apm_error apm__os_socket_multicast_option(apm__os_socket socket, apm_address_family family,
                                          apm__os_multicast_option option, int *value);
apm_error apm__os_socket_set_multicast_option(apm__os_socket socket, apm_address_family family,
                                              apm__os_multicast_option option, int value);

/* IPv4: the interface of that address sends multicast; the any address leaves it to the system. */
apm_error apm__os_socket_set_multicast_address(apm__os_socket socket, apm_ip_address local);

/* -- Readiness ---------------------------------------------------------------------------------------------------- */

/* What a socket is ready for, or is watched for. HANG_UP and FAILURE come unasked. */
enum {
    APM__OS_READY_IN = 1,
    APM__OS_READY_OUT = 2,
    APM__OS_READY_HANG_UP = 4, /* the peer ends its stream, or both have ended */
    APM__OS_READY_FAILURE = 8,
    APM__OS_READY_URGENT = 16
};

typedef struct apm__os_ready {
    uint64_t key;
    uint32_t ready;
} apm__os_ready;

/* Edge-triggered readiness of many sockets; ports without it return APM_ERROR_NOT_SUPPORTED from create. */
apm_error apm__os_epoll_create(int *epoll);
void apm__os_epoll_destroy(int epoll);
apm_error apm__os_epoll_add(int epoll, apm__os_socket socket, uint32_t interest, uint64_t key);
apm_error apm__os_epoll_modify(int epoll, apm__os_socket socket, uint32_t interest, uint64_t key);
void apm__os_epoll_remove(int epoll, apm__os_socket socket);
/* Blocks at most `timeout_ns` (negative: no limit); the number of entries written, 0 also after an interruption. */
size_t apm__os_epoll_wait(int epoll, apm__os_ready *ready, size_t capacity, int64_t timeout_ns);

typedef struct apm__os_poll_entry {
    apm__os_socket socket;
    uint32_t interest;
    uint32_t ready;
} apm__os_poll_entry;

/*
 * Level-triggered readiness of the sockets listed. Blocks as apm__os_epoll_wait; the number of ready entries. Without
 * memory for all of them the first function fails, and the second leaves out those at the end.
 */
apm_error apm__os_poll_all(apm__os_poll_entry *entries, size_t count, int64_t timeout_ns, size_t *ready);
size_t apm__os_poll(apm__os_poll_entry *entries, size_t count, int64_t timeout_ns);

/* A descriptor that becomes readable when it is rung, by any thread, and silent when it is cleared. */
apm_error apm__os_bell_create(int *bell);
void apm__os_bell_destroy(int bell);
void apm__os_bell_ring(int bell);
void apm__os_bell_clear(int bell);

/* -- Files -------------------------------------------------------------------------------------------------------- */

typedef int apm__os_file;

#define APM__OS_NO_FILE (-1)

/*
 * Files for streams, by .NET's FileMode and FileAccess as numbers; a directory is ACCESS_DENIED. Calls wait for the
 * medium. Reads and writes are at `offset`, or where the file is if it cannot be sought (`offset` is not looked at
 * then). Errors are those of .NET's exceptions: IO, FILE_NOT_FOUND, ACCESS_DENIED.
 */
apm_error apm__os_file_open(const char *path, int mode, int access, apm__os_file *file, bool *seekable);
void apm__os_file_close(apm__os_file file); /* or of none */
apm_error apm__os_file_read(apm__os_file file, bool seekable, int64_t offset, void *buffer, size_t size, size_t *read);
apm_error apm__os_file_write(apm__os_file file, bool seekable, int64_t offset, const void *buffer, size_t size);
apm_error apm__os_file_length(apm__os_file file, int64_t *length);
apm_error apm__os_file_set_length(apm__os_file file, int64_t length);

/*
 * A file that is to be sent, for reading at any place, which blocks as long as the file system takes. FILE_NOT_FOUND;
 * ACCESS_DENIED, also for a directory; NOT_SUPPORTED for what has no places, such as a pipe; ARGUMENT_OUT_OF_RANGE for
 * a name that is too long. The second makes a descriptor of its own of one that is the program's; ARGUMENT if that is
 * none.
 */
apm_error apm__os_file_open_to_send(const char *name, apm__os_file *file);
apm_error apm__os_file_duplicate_to_send(int descriptor, apm__os_file *file);

/*
 * Sends up to `count` bytes of the file from `offset` on; *sent is 0 at its end. WOULD_BLOCK is the socket's: the disk
 * is waited for. The second goes through memory, and serves files and systems for which the first has no short way.
 */
apm_error apm__os_socket_send_file(apm__os_socket socket, apm__os_file file, uint64_t offset, size_t count,
                                   size_t *sent);
apm_error apm__os_socket_send_file_copy(apm__os_socket socket, apm__os_file file, uint64_t offset, size_t count,
                                        size_t *sent);

/* -- Names -------------------------------------------------------------------------------------------------------- */

/*
 * Look-ups by the system's resolver; they block for as long as that takes. `addresses` is one block for apm__os_free.
 * `canonical_name`, if not NULL, has room for `name_size` bytes. UNSPECIFIED is the addresses of all families.
 */
apm_error apm__os_resolve(const char *name, apm_address_family family, char *canonical_name, size_t name_size,
                          apm_ip_address **addresses, size_t *count);
apm_error apm__os_resolve_address(apm_ip_address address, char *name, size_t name_size);
apm_error apm__os_host_name(char *buffer, size_t size);

/* The index of a network interface, 0 if there is none of that name. */
uint32_t apm__os_interface_index(const char *name);

/* -- Code pages --------------------------------------------------------------------------------------------------- */

enum { APM__OS_CODE_LIMIT = 0x10000 };

/*
 * The characters of a code page that has one or two bytes a character, by Windows' number and as the system knows it:
 * APM__OS_CODE_LIMIT units of UTF-16 by the byte, or by the pair of bytes with the first one in the upper half; 0 where
 * there is none. It takes some ten milliseconds and reads files. NOT_SUPPORTED: the system does not have the page.
 */
apm_error apm__os_code_page_characters(unsigned code_page, uint16_t *characters);

#endif
