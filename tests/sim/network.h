/*
 * The simulated system's sockets: descriptors, readiness, TCP, UDP, unix domain sockets. What they do is modelled on
 * Linux.
 *
 * A connection is two pipes. What is written to one arrives some time later, in pieces; what is read gives room to the
 * writer some time later. The end of a stream comes behind its bytes, a reset overtakes what has not arrived. A
 * datagram is lost, duplicated or overtaken as the run has drawn. Names of the network's:
 *
 *   127.0.0.1, ::1        this machine; what nobody listens at refuses
 *   10.9.9.9              never answers
 *   one.test, six.test, both.test, far.test (never answers, then this machine), none.test, again.test, slow.test
 *
 * Nothing here sleeps but the waits of epoll and poll. A call with a descriptor that is not open fails the run: the
 * library has used one that might have been somebody else's.
 */
#ifndef APM_TESTS_SIM_NETWORK_H
#define APM_TESTS_SIM_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/ip_address.h"
#include "os.h"

enum sim_kind { SIM_STREAM, SIM_DATAGRAM, SIM_EPOLL, SIM_BELL, SIM_FILE };

enum sim_state {
    SIM_UNCONNECTED,
    SIM_LISTENING,
    SIM_CONNECTING,
    SIM_CONNECTED,
    SIM_RESET /* was connected */
};

/* Beside APM__OS_READY_: the peer has ended its stream. epoll says so, as HANG_UP; poll does not. */
enum { SIM_READY_PEER_ENDED = 1 << 8 };

enum { SIM_MAX_BACKLOG = 16, SIM_DATAGRAM_SIZE = 2048, SIM_FILE_SIZE = 1 << 14 };

/* One direction of a connection; places count from its beginning. */
struct sim_pipe {
    unsigned char *bytes; /* a ring */
    uint64_t capacity;
    uint64_t written;
    uint64_t arrived;
    uint64_t taken;
    uint64_t acknowledged; /* the writer has room for what lies before this */
    bool ends;             /* nothing is written any more */
    bool end_arrived;
    bool under_way;  /* something is to arrive */
    bool wants_room; /* the writer is to be told */
};

struct sim_datagram {
    struct sim_datagram *next;
    struct sim_file *sender;
    apm_endpoint from;
    apm_endpoint to;
    size_t size;
    unsigned char bytes[SIM_DATAGRAM_SIZE];
};

/* What a descriptor names. It stays until the run ends, since something may be under way to it. */
struct sim_file {
    enum sim_kind kind;
    int descriptors; /* that name it; 0: it is closed, or has not been accepted yet */
    bool is_closed;
    uint32_t serial;
    /* sockets */
    apm_address_family family;
    int protocol;
    enum sim_state state;
    apm_endpoint local; /* port 0: not bound */
    apm_endpoint remote;
    int error;          /* errno, to be reported once */
    bool connect_ended; /* and its outcome is to be told by the next connect */
    bool receive_ended; /* by this side */
    bool send_ended;
    int options[8]; /* by enum apm__os_option */
    /* streams */
    struct sim_pipe *in;
    struct sim_pipe *out;
    struct sim_file *peer;
    struct sim_file *backlog[SIM_MAX_BACKLOG];
    int backlog_count;
    int backlog_limit;
    /* datagrams; those of paths also have a peer */
    struct sim_datagram *first;
    struct sim_datagram **last;
    int count;
    uint64_t stuffed_until_ns;
    bool wants_room;
    /* the bell */
    bool rings;
};

/* -- Descriptors and readiness (network.c) ------------------------------------------------------------------------- */

/* Draws what the network is like in this run. */
void sim_network_begin(void);

struct sim_file *sim_file_create(enum sim_kind kind);
int sim_descriptor_open(struct sim_file *file); /* the lowest that is free; -1: none is */
struct sim_file *sim_file_of(int descriptor);   /* fails the run if it is not open */
struct sim_file *sim_socket_of(int descriptor);
void sim_descriptor_close(int descriptor);
void sim_descriptor_replace(int old, int renewed); /* as dup3 */
int sim_descriptors_open(void);

/* Something has happened that makes it ready for `ready`, or may have. */
void sim_changed(struct sim_file *file, uint32_t ready);

/* A time from now at which what is sent now arrives. */
uint64_t sim_arrival_ns(void);

/* The sockets that there are, one after another; NULL first and at the end. */
struct sim_file *sim_next_socket(struct sim_file *before);

/* What it is bound to has that port, and takes what is sent to that address. */
bool sim_is_at(const struct sim_file *file, apm_endpoint endpoint);
apm_endpoint sim_plain(apm_endpoint endpoint); /* IPv4 that is mapped to IPv6 as IPv4 */
apm_endpoint sim_in_family(const struct sim_file *file, apm_endpoint endpoint);
int sim_bind(struct sim_file *file, apm_endpoint local); /* errno */
bool sim_is_silent(apm_endpoint endpoint);

/* -- Streams (stream.c); errno, or 0 ------------------------------------------------------------------------------- */

uint32_t sim_stream_ready(struct sim_file *socket);
int sim_stream_listen(struct sim_file *socket, int backlog);
int sim_stream_accept(struct sim_file *socket, struct sim_file **accepted);
int sim_stream_connect(struct sim_file *socket, apm_endpoint remote);
int sim_stream_receive(struct sim_file *socket, void *buffer, size_t size, bool peek, size_t *received);
int sim_stream_send(struct sim_file *socket, const void *buffer, size_t size, size_t *sent);
int sim_stream_shutdown(struct sim_file *socket, bool receive, bool send);
void sim_stream_close(struct sim_file *socket);
/* Makes the pair of connected sockets, of which the other one is in the listener's queue. */
struct sim_file *sim_stream_come(struct sim_file *socket, struct sim_file *listener);

/* -- Datagrams (datagram.c) ---------------------------------------------------------------------------------------- */

uint32_t sim_datagram_ready(struct sim_file *socket);
int sim_datagram_connect(struct sim_file *socket, apm_endpoint remote);
int sim_datagram_send(struct sim_file *socket, const void *buffer, size_t size, apm_endpoint to);
int sim_datagram_receive(struct sim_file *socket, void *buffer, size_t size, bool peek, size_t *received,
                         apm_endpoint *from, apm_endpoint *to, bool *truncated);

/* -- Files (port_file.c) ------------------------------------------------------------------------------------------- */

unsigned char sim_file_byte(uint64_t place); /* of "book.test", which has SIM_FILE_SIZE bytes */

/* -- Unix domain sockets (path.c); errno, or 0 --------------------------------------------------------------------- */

bool sim_is_of_paths(const struct sim_file *file);
int sim_path_bind(struct sim_file *file, apm_endpoint local);
int sim_path_connect(struct sim_file *socket, apm_endpoint remote);
int sim_path_connect_datagrams(struct sim_file *socket, apm_endpoint remote);
int sim_path_send(struct sim_file *socket, const void *buffer, size_t size, apm_endpoint to); /* null: to its peer */
bool sim_path_is_writable(const struct sim_file *socket);
void sim_path_has_room(struct sim_file *receiver); /* now, so that its senders may go on */
int sim_paths_left(void);                          /* files that nobody has removed */

#endif
