/*
 * What the generated tests of arguments share: see tools/argument_tests.py, which writes a `subject` for every public
 * function, and a test that runs it.
 *
 * A subject makes good arguments, changes one of them, makes the call, and knows what the documentation says of the
 * outcome. All objects that arguments name are kept in one list, which belongs to the test's thread, and are closed
 * after each call.
 */
#ifndef APM_TESTS_ARGUMENTS_H
#define APM_TESTS_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support.h"

enum {
    ARGUMENTS_MEMORY_SIZE = 4096,
    ARGUMENTS_ARRAY_SIZE = 100, /* more than any function takes at once */
    ARGUMENTS_GOOD_SIZE = 256
};

/* What a function may make of an argument. */
enum arguments_outcome {
    ARGUMENTS_EXACTLY, /* `expected` and nothing else */
    ARGUMENTS_REFUSED, /* one of the errors that the documentation names */
    ARGUMENTS_ALLOWED, /* the same, or success */
    ARGUMENTS_NEVER    /* anything that is allowed but `expected`: the value is within the range that is documented */
};

enum arguments_result { ARGUMENTS_ERROR, ARGUMENTS_BOOL, ARGUMENTS_NOTHING };

/* A change of one argument. The first of a subject's variants changes nothing. */
struct arguments_variant {
    const char *what;
    enum arguments_outcome outcome;
    int expected;
};

struct arguments_subject {
    const char *name;
    void (*make)(int way);
    void (*vary)(int variant);
    int (*call)(void);
    void (*finish)(int outcome); /* ends what a call has begun; closes what it has made; NULL if there is nothing */
    enum arguments_result result;
    int ways;      /* in how many ways the arguments can be made: the states of a socket, and the like */
    bool may_wait; /* the call may wait for a peer, so somebody has to close the socket after a while */
    const struct arguments_variant *variants;
    size_t variant_count;
    size_t handle_variant_count; /* those about handles come first, counted with the one that changes nothing */
    const apm_error *documented;
    size_t documented_count;
};

void arguments_run(const struct arguments_subject *subject);

/* -- Good arguments ---------------------------------------------------------------------------------------------- */

/* The states of a socket in which a call is tried: the ways to make arguments where one of them is a socket. */
enum arguments_state {
    ARGUMENTS_STATE_CONNECTED, /* with data that can be received */
    ARGUMENTS_STATE_LISTENING, /* with a connection that waits */
    ARGUMENTS_STATE_FRESH,
    ARGUMENTS_STATE_FRESH_IPV6,
    ARGUMENTS_STATE_BOUND,
    ARGUMENTS_STATE_PEER_CLOSED,
    ARGUMENTS_STATE_PEER_RESET,
    ARGUMENTS_STATE_SHUT_DOWN,
    ARGUMENTS_STATE_DISCONNECTED,
    ARGUMENTS_STATE_CONNECT_FAILED,
    ARGUMENTS_STATE_DATAGRAMS,    /* bound, with a datagram that can be received */
    ARGUMENTS_STATE_GROUP_MEMBER, /* the same, and a member of groups where there are some: see arguments_run */
    ARGUMENTS_STATE_UNIX,         /* connected */
    ARGUMENTS_STATE_COUNT
};

apm_socket arguments_socket(enum arguments_state state);

/* An endpoint at which connections are accepted by the system, and its port. */
apm_endpoint arguments_endpoint(void);
int arguments_port(void);

/* The memory that a receive of a train wants. */
void *arguments_train(void);

/* The descriptor of a file, open for reading. */
int arguments_file(void);

/*
 * Of these states. `with_socket`: the other end has handed a socket over. To enter a network of the test's own is for
 * tests whose calls join groups, before anything else.
 */
apm_socket arguments_datagram_socket(bool member);
apm_socket arguments_unix_socket(bool with_socket);
void arguments_enter_private_network(void);

/* The groups that these are members of: 3 of any source, 4 of the loopback address. */
apm_multicast_option arguments_group(int number);

/* Has a client bound, in the groups of the good arguments, and a datagram waiting if it has no peer. */
void arguments_prepare_udp_client(apm_udp_client client);

/* A descriptor that the library may take over, and the index of one that a service manager might have opened. */
intptr_t arguments_descriptor_of_a_socket(void);
size_t arguments_activated_index(void);

/* A list with as many sockets as no function takes, and a count, of 1. */
apm_socket *arguments_sockets(void);
size_t *arguments_socket_count(void);

/* Has the object closed after the call. Those that were kept last are closed first. */
void arguments_keep(uint64_t bits, void (*close)(uint64_t bits));

int arguments_keep_descriptor(int descriptor);

/* Closes what is kept. */
void arguments_close_all(void);

/* Bits that were never issued: another value for each number. */
uint64_t arguments_random_bits(void);

/* Bits of a live object of another kind than any argument but those of its own type: a socket's, and a barrier's. */
uint64_t arguments_bits_of_a_socket(void);
uint64_t arguments_bits_of_a_barrier(void);

/* A result that is pending, and one that has been ended; each of a receive. */
apm_async_result arguments_pending_result(void);
apm_async_result arguments_ended_result(void);

/* An address as the system writes it, and room for one that is changed. */
apm_socket_address arguments_socket_address(void);
apm_ip_address *arguments_address_to_change(apm_ip_address address);

/* A stream of the program's own that can do everything, with what it borrows. */
const apm_stream_methods *arguments_stream_methods(void);
void *arguments_stream_context(void);

/* A read that the method of a stream has begun, for apm_stream_complete. */
apm_async_result arguments_begun_operation(void);

/* A certificate in PEM, and its size; options of TLS contexts, which say no more than they have to. */
const void *arguments_certificate(void);
size_t arguments_certificate_size(void);
const apm_ssl_client_authentication_options *arguments_client_options(void);
const apm_ssl_server_authentication_options *arguments_server_options(void);

/* A stream of TLS that has shaken hands, as the client. */
apm_stream arguments_ssl_stream(void);

/* Starts a listener, and has a connection wait to be accepted. */
void arguments_start_listener(apm_tcp_listener listener);

/* The callback of every Begin: says which result it was given. */
void arguments_on_completion(apm_async_result result);
apm_async_result arguments_await_completion(void);

/* Fails the test unless the outcome of an End is success or one of the errors that its documentation names. */
void arguments_check_end(const char *name, apm_error error, const apm_error *documented, size_t count);

#endif
