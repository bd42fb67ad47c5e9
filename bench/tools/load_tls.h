/*
 * TLS under a connection of load_stream.c: the handshake, and what is written.
 *
 * A stream of TLS takes one write at a time, so what is to be sent is queued, and the next write is begun when the one
 * before has ended. Small pieces that wait together are gathered, so that they share a record.
 */
#ifndef BENCH_TOOLS_LOAD_TLS_H
#define BENCH_TOOLS_LOAD_TLS_H

#include <apm/apm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Guarded by the lock of its connection. */
struct tls {
    apm_stream stream; /* null before the handshake is begun; changes only while there is no operation */
    bool is_handshaking;
    size_t writing; /* bytes of the pending write; 0: there is none */

    /* What waits to be written: `count` pieces from `first` on, which are borrowed. */
    apm_array_segment *queue;
    size_t first;
    size_t count;
    size_t capacity;

    uint8_t *record; /* pieces that have been gathered, borrowed by the pending write */
};

/* Makes the context that all connections share, with the sessions that they resume. Exits with a message on failure. */
void tls_init(void);

/* Once for each connection. */
struct tls *tls_create(void);

/* -- All of these are called with the connection's lock held. ------------------------------------------------------ */

/* The connection has a new life. */
void tls_start(struct tls *tls);

/* Begins the handshake over a socket that is connected. Where it fails, what there is is still closed by tls_close. */
apm_error tls_begin_handshake(struct tls *tls, apm_socket socket, apm_async_callback *callback, void *state);

/*
 * The handshake has ended with `error`, and the connection has not been closed meanwhile. Counts it and returns NULL,
 * or returns what went wrong, by a text that lives as long as the program; the first time in a run it is said in words.
 */
const char *tls_finish_handshake(struct tls *tls, apm_error error, uint32_t connection);

/* Puts bytes at the end of the queue. They are borrowed until they are written. */
void tls_queue(struct tls *tls, const void *bytes, size_t size);

/* Begins to write what waits, if something does and no write is pending; *has_begun says whether. */
apm_error tls_begin_write(struct tls *tls, apm_async_callback *callback, void *state, bool *has_begun);

/* Closes the stream, if there is one, and with it the socket; false if the socket is still the caller's to close. */
bool tls_close(struct tls *tls);

/* -- Any thread ---------------------------------------------------------------------------------------------------- */

/* What the first handshake agreed on, such as "TLS 1.2, ECDHE-RSA-AES256-GCM-SHA384"; "" if there was none. Static. */
const char *tls_agreement(void);

#endif
