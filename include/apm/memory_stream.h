/*
 * Streams in memory: System.IO.MemoryStream. For everything but what is below see stream.h.
 */
#ifndef APM_MEMORY_STREAM_H
#define APM_MEMORY_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/*
 * Creates an empty stream that grows as it is written, with room for `capacity` bytes at first; or one over memory of
 * the program's, which has the length `size`, does not grow, and is only read unless `writable`.
 *
 * Success  *stream is the handle; apm_stream_close ends it.
 * Failure  *stream is the null handle.
 * Borrows  buffer, until the stream is closed and none of its operations is pending.
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE a size is above INT_MAX. Writing beyond the end of memory that does not grow
 *          is APM_ERROR_NOT_SUPPORTED.
 * .NET     MemoryStream(int), MemoryStream(byte[], bool)
 */
APM_API APM_MUST_CHECK apm_error apm_memory_stream_create(size_t capacity, apm_stream *stream);
APM_API APM_MUST_CHECK apm_error apm_memory_stream_create_buffer(void *buffer, size_t size, bool writable,
                                                                 apm_stream *stream);

/*
 * Copies what the stream holds, from its beginning, wherever its position is; *size is the length of it all, and no
 * more than `capacity` bytes are copied. `buffer` may be NULL if `capacity` is 0.
 *
 * Errors   APM_ERROR_ARGUMENT no stream in memory.
 * .NET     MemoryStream.ToArray()
 */
APM_API APM_MUST_CHECK apm_error apm_memory_stream_to_array(apm_stream stream, void *buffer, size_t capacity,
                                                            size_t *size);

APM_END_DECLARATIONS

#endif
