/*
 * What the tests of the porting layers share: a queue that is pumped until something holds.
 */
#ifndef APM_TESTS_SUPPORT_COMPAT_H
#define APM_TESTS_SUPPORT_COMPAT_H

#include <string.h>

#include "apm/compat/async_socket.h"
#include "support.h"

/* Pumps until `condition` holds, and fails the test if nothing comes for long. */
#define PUMP_UNTIL(queue, condition)                                          \
    do {                                                                      \
        while (!(condition)) {                                                \
            CHECK_SUCCESS(apm_event_queue_pump((queue), PATIENCE_MS, NULL));  \
        }                                                                     \
    } while (0)

/* Pumps for a short while, in which what should not come would have come. */
static inline void pump_a_while(apm_event_queue queue)
{
    while (apm_event_queue_pump(queue, SHORT_WHILE_MS, NULL) == APM_ERROR_SUCCESS) {
    }
}

/* That a call has failed with Windows' number. */
#define CHECK_WSA(call, expected)                                             \
    do {                                                                      \
        apm_wsa_set_last_error(0);                                            \
        CHECK(!(call));                                                       \
        CHECK_EQ(apm_async_socket_get_last_error(), expected);                \
    } while (0)

#define CHECK_WSA_RESULT(call, expected) CHECK_WSA((call) != APM_SOCKET_ERROR_RESULT, expected)

/* An object whose notifications are counted, with the last error of each. */
struct counted {
    apm_async_socket socket; /* first, so that a handler finds the rest */
    int receive, send, urgent, accept, connect, close;
    int connect_error, close_error;
    size_t received;
    bool reads;            /* on_receive takes what there is, with `buffer_size` bytes a time */
    int buffer_size;
    size_t received_at_close;
};

extern const apm_async_socket_handlers counted_handlers;

void counted_initialize(struct counted *counted, apm_event_queue queue);

/* A listener of the library on loopback, a connected pair over it; each of its own object. */
apm_endpoint counted_listen(struct counted *listener);
void counted_pair(struct counted *client, struct counted *server, apm_event_queue queue);

#endif
