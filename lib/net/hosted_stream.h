/*
 * Hosted streams: the operations (hosted_stream.c, which has the invariants), and the rest (stream_host.c).
 */
#ifndef APM__HOSTED_STREAM_H
#define APM__HOSTED_STREAM_H

#include "stream.h"

/* The class's functions: see struct apm__stream_class. */
apm_error apm__hosted_begin_read(struct apm__stream *stream, void *buffer, size_t size, apm_async_callback *callback,
                                 void *state, apm_async_result *result);
apm_error apm__hosted_begin_write(struct apm__stream *stream, const void *buffer, size_t size,
                                  apm_async_callback *callback, void *state, apm_async_result *result);
apm_error apm__hosted_read(struct apm__stream *stream, void *buffer, size_t size, size_t *read);
apm_error apm__hosted_write(struct apm__stream *stream, const void *buffer, size_t size);
void apm__hosted_close(struct apm__stream *stream);

/* The `cancel` of its operations. */
void apm__hosted_cancel(struct apm__operation *operation, apm_error reason);

/*
 * Keeps the context from being closed while a method that is neither a read nor a write is called; false if the stream
 * has been closed. What leaves last after that calls the method `close`.
 */
bool apm__hosted_enter(struct apm__stream *stream);
void apm__hosted_leave(struct apm__stream *stream);

#endif
