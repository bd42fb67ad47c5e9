/*
 * Streams of files: System.IO.FileStream. For everything but what is below see stream.h.
 *
 * Nothing is buffered: each read and write is one of the system's, on a pool thread or on that of a synchronous call.
 * One that is in progress is not interrupted by a cancel. A file that cannot be sought, such as a pipe, has no
 * position: it may be read and written at the same time. Writing to a pipe that nobody reads any more is APM_ERROR_IO.
 */
#ifndef APM_FILE_STREAM_H
#define APM_FILE_STREAM_H

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/stream.h"

APM_BEGIN_DECLARATIONS

/* .NET's FileMode, with its numbers. */
typedef enum apm_file_mode {
    APM_FILE_MODE_CREATE_NEW = 1, /* fails if the file is there */
    APM_FILE_MODE_CREATE = 2,     /* empties it if it is */
    APM_FILE_MODE_OPEN = 3,
    APM_FILE_MODE_OPEN_OR_CREATE = 4,
    APM_FILE_MODE_TRUNCATE = 5, /* opens and empties it */
    APM_FILE_MODE_APPEND = 6    /* opens or creates it; it is written from its present end on */
} apm_file_mode;

/*
 * Opens a file.
 *
 * Success  *stream is the handle; apm_stream_close ends it.
 * Failure  *stream is the null handle.
 * Blocks   while the system opens the file: for a named pipe until the other side is there.
 * Errors   APM_ERROR_FILE_NOT_FOUND; APM_ERROR_ACCESS_DENIED, also for a directory; APM_ERROR_IO others of the system,
 *          among them a file that is there and shall be new; APM_ERROR_ARGUMENT an empty path, a mode that creates or
 *          empties without access to write, or appending with access to read; APM_ERROR_ARGUMENT_OUT_OF_RANGE `mode` or
 *          `access` is no such value; APM_ERROR_TOO_MANY_OPEN_SOCKETS no descriptor is left.
 * .NET     FileStream(string, FileMode, FileAccess)
 */
APM_API APM_MUST_CHECK apm_error apm_file_stream_create(const char *path, apm_file_mode mode, apm_file_access access,
                                                        apm_stream *stream);

APM_END_DECLARATIONS

#endif
