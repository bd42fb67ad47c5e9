/*
 * CSocketFile in C: a blocking socket as the file of an archive, or by itself.
 *
 *     apm_socket_file file;
 *     apm_socket_file_initialize(&file, &socket, true);
 *     apm_archive_file for_archive = apm_socket_file_archive_file(&file);
 *     error = apm_archive_create(&for_archive, APM_ARCHIVE_LOAD, 0, &archive);
 *
 * The file and its archives live on the socket's owner thread, and end before the socket.
 */
#ifndef APM_COMPAT_SOCKET_FILE_H
#define APM_COMPAT_SOCKET_FILE_H

#include "apm/compat/archive.h"
#include "apm/compat/blocking_socket.h"

APM_BEGIN_DECLARATIONS

/* The file; its fields are the library's. */
typedef struct apm_socket_file {
    apm_blocking_socket *socket;
    bool archive_compatible;
} apm_socket_file;

/*
 * Makes a file of a socket, which it borrows. A file that is compatible with archives reads what there is, at least one
 * byte, as the buffer of an archive needs; one that is not reads until all has come, or the end.
 *
 * MFC      CSocketFile::CSocketFile
 */
APM_API void apm_socket_file_initialize(apm_socket_file *file, apm_blocking_socket *socket, bool archive_compatible);

/*
 * Reads up to `size` bytes, as said above; *read is 0 at the end. Writes all. Both wait as blocking sockets do.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL; APM_ERROR_NOT_SOCKET the file is closed; Windows' errors of
 *          apm_blocking_socket_receive and apm_blocking_socket_send, whose numbers are apm_error's.
 * MFC      CSocketFile::Read, Write (CFile's, which Close, Flush and Abort are, too)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_file_read(apm_socket_file *file, void *buffer, size_t size, size_t *read);
APM_API APM_MUST_CHECK apm_error apm_socket_file_write(apm_socket_file *file, const void *buffer, size_t size);

/* Lets the socket go, and leaves it open: CSocketFile::Close */
APM_API void apm_socket_file_close(apm_socket_file *file);

/*
 * What a socket does not have: CSocketFile::Seek, GetLength, SetLength, LockRange, UnlockRange, Duplicate and
 * GetPosition throw CNotSupportedException.
 *
 * Errors   APM_ERROR_NOT_SUPPORTED, always.
 */
APM_API apm_error apm_socket_file_seek(apm_socket_file *file, int64_t offset, int origin);
APM_API apm_error apm_socket_file_get_length(apm_socket_file *file, uint64_t *length);
APM_API apm_error apm_socket_file_set_length(apm_socket_file *file, uint64_t length);

/* The file for apm_archive_create. */
APM_API apm_archive_file apm_socket_file_archive_file(apm_socket_file *file);

APM_END_DECLARATIONS

#endif
