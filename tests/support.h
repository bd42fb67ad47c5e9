/*
 * What the tests of the whole library share: operations in each flavour of completion, latches and threads, sockets and
 * raw POSIX peers, private networks and a name server.
 *
 * All helpers fail the test themselves, and all waits have a bound.
 */
#ifndef APM_TESTS_SUPPORT_H
#define APM_TESTS_SUPPORT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/apm.h"
#include "harness.h"

enum {
    /* More than anything that is sure to come takes, even under a sanitizer on a busy machine. */
    PATIENCE_MS = 20000,
    /* Long enough that what should not happen would have happened. */
    SHORT_WHILE_MS = 50,
    /* More than a connection's buffers hold. */
    BIG_BLOCK_SIZE = 64 << 20
};

/* -- Latches: a count that threads add to and wait for, made of pthreads: tests do not lean on what they test ------ */

struct latch {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t count; /* guarded by mutex */
};

#define LATCH_INITIALIZER                                      \
    {                                                          \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 \
    }

void latch_init(struct latch *latch);
void latch_add(struct latch *latch, size_t amount);
size_t latch_count(struct latch *latch);

/* Waits until the count is `count` or more; false after `timeout_ms`. */
bool latch_wait(struct latch *latch, size_t count, int timeout_ms);

#define LATCH_AWAIT(latch, count) CHECK(latch_wait(latch, count, PATIENCE_MS))

/* -- Threads ----------------------------------------------------------------------------------------------------- */

struct thread {
    pthread_t handle;
    void (*body)(void *argument);
    void *argument;
};

void thread_start(struct thread *thread, void (*body)(void *argument), void *argument);
void thread_join(struct thread *thread);

/* -- Races ------------------------------------------------------------------------------------------------------- */

/* A place where `parties` threads wait for each other, again and again, to go on at the same moment. */
struct meeting {
    unsigned parties;
    _Atomic unsigned arrived;
};

void meeting_init(struct meeting *meeting, unsigned parties);
void meeting_attend(struct meeting *meeting);

/*
 * Two sides that do something at the same moment, round after round, for some seven tenths of a second as scaled by
 * APM_TEST_SCALE: the rival runs in a thread of its own, the other side is the test.
 *
 *     race_start(&race, rival, argument);
 *     while (race_goes_on(&race)) {
 *         ... prepare the round ...
 *         race_clash(&race);
 *         ... this side ...
 *         race_settle(&race);       the rival has returned
 *         ... check the round ...
 *     }
 *     race_stop(&race);
 */
struct race {
    void (*rival)(void *argument);
    void *argument;
    struct meeting clash;
    struct meeting settlement;
    _Atomic bool over;
    uint64_t random;       /* owned by the test's side */
    uint64_t rival_random; /* owned by the rival */
    int64_t deadline_ms;
    size_t rounds;
    struct thread thread;
};

void race_start(struct race *race, void (*rival)(void *argument), void *argument);
bool race_goes_on(struct race *race);
void race_clash(struct race *race);
void race_settle(struct race *race);
void race_stop(struct race *race);

/* When tests that run for a time, scaled by APM_TEST_SCALE, are to stop. */
int64_t race_deadline_ms(void);

/* -- Operations -------------------------------------------------------------------------------------------------- */

/*
 * An operation as a contract test drives it. It may be used again after its End.
 *
 *     struct operation receive;
 *     CHECK_SUCCESS(apm_socket_begin_receive(socket, buffer, size, 0, ON_COMPLETION(&receive)));
 *     AWAIT(&receive);
 *     CHECK_SUCCESS(apm_socket_end_receive(socket, receive.result, &received));
 */
struct operation {
    apm_async_result result; /* written by Begin */
    apm_async_result seen;   /* what the callback was given; published by `called` */
    struct latch called;     /* one for each run of the callback */
};

/* The last three arguments of a Begin: the callback of the test's flavour, the state and the result. */
#define ON_COMPLETION(operation) operation_start(operation), (operation), &(operation)->result

/* The same with a callback in every flavour. */
#define ON_CALLBACK(operation) operation_start_callback(operation), (operation), &(operation)->result

apm_async_callback *operation_start(struct operation *operation);
apm_async_callback *operation_start_callback(struct operation *operation);

/* Whether the operation completed within the time; learnt in the test's flavour. */
bool operation_wait(struct operation *operation, int timeout_ms);

/* Waits for the completion; in the callback flavour also until the callback is about to return. */
#define AWAIT(operation) CHECK(operation_wait(operation, PATIENCE_MS))

/* Looks for a short while that the operation does not complete. */
#define CHECK_PENDING(operation) CHECK(!operation_wait(operation, SHORT_WHILE_MS))

/* Waits, ends the operation and returns how it ended. */
apm_error finish_receive(apm_socket socket, struct operation *operation, size_t *received);
apm_error finish_send(apm_socket socket, struct operation *operation, size_t *sent);
apm_error finish_connect(apm_socket socket, struct operation *operation);
apm_error finish_disconnect(apm_socket socket, struct operation *operation);
apm_error finish_accept(apm_socket listener, struct operation *operation, apm_socket *accepted);

/* -- Sockets of the library -------------------------------------------------------------------------------------- */

apm_endpoint loopback_endpoint(uint16_t port);
apm_endpoint endpoint_of(const char *text);
apm_ip_address address_of(const char *text);

/* A loopback endpoint on which nobody listens. */
apm_endpoint closed_endpoint(void);

apm_socket tcp_create(void);
apm_socket tcp_create_ipv6(void);
apm_socket tcp_create_dual_mode(void);
apm_socket tcp_listen(apm_endpoint *local);
uint16_t local_port(apm_socket socket);

/* Connects by Begin and End. */
apm_error tcp_connect(apm_socket socket, apm_endpoint remote);
void check_unconnected_and_close(apm_socket socket);

/* Two sockets of the library, connected. */
typedef struct socket_pair {
    apm_socket client;
    apm_socket server;
} socket_pair;

socket_pair socket_pair_create(void);
void socket_pair_close(socket_pair pair);

/* A socket of the library and its peer, a blocking descriptor whose calls give up after PATIENCE_MS. */
typedef struct peered_socket {
    apm_socket socket;
    int peer;
} peered_socket;

peered_socket peered_socket_create(void);
void peered_socket_close(peered_socket pair);

/* Waits until `size` bytes can be read at once. */
void await_available(apm_socket socket, size_t size);

/* Receives exactly `size` bytes, sends all of them. */
void receive_exactly(apm_socket socket, void *buffer, size_t size);
void send_all(apm_socket socket, const void *buffer, size_t size);

/* As many zeros as no pair of system buffers takes, so that a send of them waits for a reader; to be freed. */
uint8_t *big_block_create(void);

/* -- Unix domain sockets ----------------------------------------------------------------------------------------- */

/* A path in a directory of the test's own, which is removed when the test ends in order. */
apm_endpoint unix_endpoint(const char *name);

/* An abstract name that no other test has. */
apm_endpoint unix_abstract_endpoint(void);

/* Whether the endpoint's file exists. */
bool unix_file_exists(apm_endpoint endpoint);

apm_socket unix_create(void);
apm_socket unix_listen(apm_endpoint local, int backlog);
socket_pair unix_pair_create(void);

/* -- Raw peers --------------------------------------------------------------------------------------------------- */

int raw_connect(apm_endpoint remote);
int raw_listen(int backlog, apm_endpoint *local);
int raw_accept(int listener);
void raw_close(int descriptor);

/* Closes so that the other end sees a reset. */
void raw_reset(int descriptor);

void raw_write(int descriptor, const void *data, size_t size);
void raw_read_exactly(int descriptor, void *buffer, size_t size);

/* Reads that many bytes, which are all zero, as a big block has them. */
void raw_read_zeros(int descriptor, size_t size);

/* How a stream ended, as its reader saw it. */
typedef struct stream_end {
    size_t bytes;
    bool reset; /* by a reset, rather than in order */
} stream_end;

/* Reads until the stream ends. */
stream_end raw_read_to_end(int descriptor);

#define CHECK_ORDERLY_END(descriptor, expected_bytes)         \
    do {                                                      \
        stream_end orderly_end = raw_read_to_end(descriptor); \
        CHECK(!orderly_end.reset);                            \
        CHECK_EQ(orderly_end.bytes, expected_bytes);          \
    } while (0)

/* Whether the descriptor has something to read within the time. */
bool raw_readable(int descriptor, int timeout_ms);

/* Forks, runs `body` in the child and ends it with what `body` returns. */
pid_t fork_child(int (*body)(void *argument), void *argument);

/* Waits for the child to end with status 0. */
void join_child(pid_t child);

/* -- Data ----------------------------------------------------------------------------------------------------- */

/* Fills the buffer with the bytes that a stream has from `offset` on, and checks them. */
void pattern_fill(uint8_t *buffer, size_t size, uint64_t offset);
void pattern_check(const uint8_t *buffer, size_t size, uint64_t offset);

/* -- Private networks ---------------------------------------------------------------------------------------------- */

/*
 * Moves this process, before it has threads, into a network of its own that has a loopback device only, or skips the
 * test if that is not allowed. Nothing that is sent there leaves the machine. Connects to 203.0.113.0/24 get no answer
 * (for about 3 s, then they time out), 198.51.100.0/25 is unreachable, 198.51.100.128/26 prohibited, 198.51.100.192/26
 * a black hole, 2001:db8:1::/64 unreachable; all else has no route.
 */
void enter_private_network(void);

/*
 * The same with host files of its own and a name server on the loopback device that knows: ok.example 127.0.0.1;
 * dual.example ::1 and 127.0.0.1; multi.example 127.0.0.1 and 127.0.0.2; mixed.example 127.0.0.1 and 198.51.100.1, in
 * this order; six.example ::1; alias.example, another name of ok.example;
 * nodata.example, which has no address; servfail.example and refused.example, which fail; timeout.example, never
 * answered; slow.example 127.0.0.1 after 0.9 s; 127.0.0.9 backwards is ok.example,
 * and 127.0.0.10 nobody.example. All other names do not exist. The
 * hosts file knows localhost as 127.0.0.1 only.
 */
void enter_private_network_with_names(void);

/* Listens at an address, on *port, or on one that the system chooses if that is 0. IPv6 does not take IPv4. */
int raw_listen_at(const char *address, uint16_t *port, int backlog);

/*
 * An address and port that give no answer: somebody listens, and the queue is full. Opening it makes room, and what
 * tries to connect is answered when it tries again, a second after it began.
 */
struct black_hole {
    int listener;
    int filler;
};

struct black_hole black_hole_create(const char *address, uint16_t *port);
void black_hole_open(struct black_hole *hole);
void black_hole_close(struct black_hole *hole);

/* How many sockets of this network the system is connecting, and waiting until it is so many. */
size_t connects_in_progress(void);
void await_connects_in_progress(size_t count);

/* A socket that connects by name, in a network in which the name has several addresses. */
struct connect_scene {
    apm_socket socket;
    size_t descriptors; /* with the socket, before anything is connected */
    struct operation connect;
};

void connect_scene_begin(struct connect_scene *scene, const char *host, uint16_t port);

/*
 * Checks that no attempt is left: neither a descriptor, nor a connect in the system. A thread in poll() holds the
 * sockets it was given until it returns, which it was told to do when they were closed.
 */
void connect_scene_check_no_attempt_left(const struct connect_scene *scene);

/* The server's part, which the former starts: answers one query of `size` bytes, returns the answer's size or 0. */
size_t names_answer(const uint8_t *query, size_t size, uint8_t *answer, size_t capacity, int *delay_ms);

#endif
