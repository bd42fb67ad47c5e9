/*
 * CArchive in C: numbers, strings, blobs and objects in MFC's format, which is little-endian on every machine. What an
 * MFC program has stored is loaded here, and the other way round; docs/porting/mfc.md describes the format and says
 * where that is known from.
 *
 * An archive stores to, or loads from, a file: a socket file (socket_file.h), memory, or functions of the program's. It
 * belongs to one thread at a time. Where CArchive throws, a function returns the cause; an archive that has failed
 * stays so, and each further call returns the same cause, so that a program may look once at the end.
 *
 * A peer cannot make it allocate what it likes: an item of more bytes than the limit is refused before anything is
 * allocated for it, and below that the memory grows as bytes come, to at most twice of what has come; as UTF-8 a string
 * may take three bytes for one.
 */
#ifndef APM_COMPAT_ARCHIVE_H
#define APM_COMPAT_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/compat/text.h"
#include "apm/error.h"
#include "apm/export.h"

APM_BEGIN_DECLARATIONS

/* Why an archive has failed: CArchiveException's causes with their numbers, and what the library tells apart beside. */
typedef enum apm_archive_cause {
    APM_ARCHIVE_NONE = 0,
    APM_ARCHIVE_GENERIC = 1,
    APM_ARCHIVE_READ_ONLY = 2,    /* storing to an archive that loads */
    APM_ARCHIVE_END_OF_FILE = 3,  /* the file ended before the item began */
    APM_ARCHIVE_WRITE_ONLY = 4,   /* loading from an archive that stores */
    APM_ARCHIVE_BAD_INDEX = 5,    /* a reference to an object or a class that has not come */
    APM_ARCHIVE_BAD_CLASS = 6,    /* an object of another class than those that are expected */
    APM_ARCHIVE_BAD_SCHEMA = 7,   /* an object of another version of its class */
    APM_ARCHIVE_BUFFER_FULL = 8,  /* a line or text does not fit the caller's room */
    APM_ARCHIVE_SHORT_DATA = 100, /* the file ended within an item */
    APM_ARCHIVE_LIMIT = 101,      /* an item is larger than the archive's limit */
    APM_ARCHIVE_FILE = 102,       /* the file failed: apm_archive_file_error */
    APM_ARCHIVE_ENCODING = 103,   /* a text is not UTF-8, or the code page is not supported */
    APM_ARCHIVE_OUT_OF_MEMORY = 104,
    APM_ARCHIVE_ARGUMENT = 105 /* NULL where something is needed, or a closed archive */
} apm_archive_cause;

/*
 * What an archive stores to and loads from. `read` gives at least one byte, or 0 at the end; `write` writes all. An
 * error of either is the archive's apm_archive_file_error.
 */
typedef struct apm_archive_file {
    void *context;
    apm_error (*read)(void *context, void *buffer, size_t size, size_t *read);
    apm_error (*write)(void *context, const void *buffer, size_t size);
} apm_archive_file;

typedef enum apm_archive_mode { APM_ARCHIVE_LOAD, APM_ARCHIVE_STORE } apm_archive_mode;

typedef struct apm_archive apm_archive;

enum { APM_ARCHIVE_DEFAULT_BUFFER = 4096, APM_ARCHIVE_DEFAULT_LIMIT = 16 << 20 };

/* -- Life -------------------------------------------------------------------------------------------------------- */

/*
 * Creates an archive over a file, which must live as long. `buffer_size` 0 is MFC's 4096.
 *
 * Success  *archive is ended by apm_archive_close or apm_archive_abort.
 * Failure  *archive is NULL.
 * Errors   APM_ERROR_ARGUMENT_NULL a pointer is NULL, or the function that the mode needs; APM_ERROR_ARGUMENT no such
 *          mode; APM_ERROR_OUT_OF_MEMORY.
 * MFC      CArchive::CArchive
 */
APM_API APM_MUST_CHECK apm_error apm_archive_create(const apm_archive_file *file, apm_archive_mode mode,
                                                    size_t buffer_size, apm_archive **archive);

/* Writes what is in the buffer: CArchive::Flush */
APM_API apm_archive_cause apm_archive_flush(apm_archive *archive);

/* Flushes and frees the archive; the cause is that of the flush, or of an earlier failure. CArchive::Close */
APM_API apm_archive_cause apm_archive_close(apm_archive *archive);

/* Frees the archive without writing anything more: CArchive::Abort */
APM_API void apm_archive_abort(apm_archive *archive);

/* CArchive::IsLoading, IsStoring, IsBufferEmpty */
APM_API bool apm_archive_is_loading(const apm_archive *archive);
APM_API bool apm_archive_is_storing(const apm_archive *archive);
APM_API bool apm_archive_is_buffer_empty(const apm_archive *archive);

/* Why the archive has failed, APM_ARCHIVE_NONE if it has not; and the file's error where that was the reason. */
APM_API apm_archive_cause apm_archive_failure(const apm_archive *archive);
APM_API apm_error apm_archive_file_error(const apm_archive *archive);

/*
 * The most bytes that a string, a blob or a name that is loaded may have; and how strings are stored, and those that
 * are not marked as Unicode loaded: a code page, or APM_CODE_PAGE_UTF16, as at first, which stores as a Unicode program
 * does and loads what is not marked by APM_CODE_PAGE_WESTERN. The second is APM_ARCHIVE_ENCODING for a page that there
 * is not, and APM_ARCHIVE_OUT_OF_MEMORY where one of East Asia is not in memory yet and has no room. The archive goes
 * on with the page that it has then.
 */
APM_API apm_archive_cause apm_archive_set_limit(apm_archive *archive, size_t limit);
APM_API apm_archive_cause apm_archive_set_code_page(apm_archive *archive, unsigned code_page);

/* -- Bytes and numbers ------------------------------------------------------------------------------------------- */

/*
 * Stores bytes as they are; loads exactly as many, or as many as come before the end: then *loaded is fewer, and that
 * is no failure. CArchive::Write, Read
 */
APM_API apm_archive_cause apm_archive_write(apm_archive *archive, const void *bytes, size_t size);
APM_API apm_archive_cause apm_archive_read(apm_archive *archive, void *bytes, size_t size, size_t *loaded);

/* CArchive's operators for BYTE, WORD, DWORD and ULONGLONG; char, short, int, LONG and LONGLONG; bool; float, double */
APM_API apm_archive_cause apm_archive_write_byte(apm_archive *archive, uint8_t value);
APM_API apm_archive_cause apm_archive_write_word(apm_archive *archive, uint16_t value);
APM_API apm_archive_cause apm_archive_write_dword(apm_archive *archive, uint32_t value);
APM_API apm_archive_cause apm_archive_write_ulonglong(apm_archive *archive, uint64_t value);
APM_API apm_archive_cause apm_archive_write_char(apm_archive *archive, int8_t value);
APM_API apm_archive_cause apm_archive_write_short(apm_archive *archive, int16_t value);
APM_API apm_archive_cause apm_archive_write_int(apm_archive *archive, int32_t value);
APM_API apm_archive_cause apm_archive_write_long(apm_archive *archive, int32_t value);
APM_API apm_archive_cause apm_archive_write_longlong(apm_archive *archive, int64_t value);
APM_API apm_archive_cause apm_archive_write_bool(apm_archive *archive, bool value);
APM_API apm_archive_cause apm_archive_write_float(apm_archive *archive, float value);
APM_API apm_archive_cause apm_archive_write_double(apm_archive *archive, double value);

/* The same for loading; *value is 0 after a failure. */
APM_API apm_archive_cause apm_archive_read_byte(apm_archive *archive, uint8_t *value);
APM_API apm_archive_cause apm_archive_read_word(apm_archive *archive, uint16_t *value);
APM_API apm_archive_cause apm_archive_read_dword(apm_archive *archive, uint32_t *value);
APM_API apm_archive_cause apm_archive_read_ulonglong(apm_archive *archive, uint64_t *value);
APM_API apm_archive_cause apm_archive_read_char(apm_archive *archive, int8_t *value);
APM_API apm_archive_cause apm_archive_read_short(apm_archive *archive, int16_t *value);
APM_API apm_archive_cause apm_archive_read_int(apm_archive *archive, int32_t *value);
APM_API apm_archive_cause apm_archive_read_long(apm_archive *archive, int32_t *value);
APM_API apm_archive_cause apm_archive_read_longlong(apm_archive *archive, int64_t *value);
APM_API apm_archive_cause apm_archive_read_bool(apm_archive *archive, bool *value);
APM_API apm_archive_cause apm_archive_read_float(apm_archive *archive, float *value);
APM_API apm_archive_cause apm_archive_read_double(apm_archive *archive, double *value);

/* A number of elements: CArchive::WriteCount, ReadCount */
APM_API apm_archive_cause apm_archive_write_count(apm_archive *archive, uint64_t count);
APM_API apm_archive_cause apm_archive_read_count(apm_archive *archive, uint64_t *count);

/* -- Strings and blobs ------------------------------------------------------------------------------------------- */

/*
 * Stores a CString, from UTF-8: to its zero, or `size` bytes with any zeros. Loads one of either form as UTF-8 with a
 * zero at its end, which apm_archive_free frees; *size, which may be NULL, is without that zero. *text is NULL after a
 * failure.
 *
 * MFC      operator<<(CArchive&, const CString&), operator>>
 */
APM_API apm_archive_cause apm_archive_write_string(apm_archive *archive, const char *text);
APM_API apm_archive_cause apm_archive_write_string_span(apm_archive *archive, const char *text, size_t size);
APM_API apm_archive_cause apm_archive_read_string(apm_archive *archive, char **text, size_t *size);

/*
 * Text without a head, as a program stores it that writes lines: the units of the text and nothing else, no zero and no
 * line end. Loads a line as UTF-8 without its end, which apm_archive_free frees; LF ends it, or CR, which takes the
 * unit behind it along, whatever that is. The units are UTF-16 or the code page's (apm_archive_set_code_page). At the
 * end of the file it is END_OF_FILE, which is no failure of the archive: the last line need not have an end.
 *
 * MFC      CArchive::WriteString, ReadString
 */
APM_API apm_archive_cause apm_archive_write_text(apm_archive *archive, const char *text);
APM_API apm_archive_cause apm_archive_read_line(apm_archive *archive, char **text, size_t *size);

/* A count and so many bytes, as CByteArray serialises itself; what is loaded is freed by apm_archive_free. */
APM_API apm_archive_cause apm_archive_write_blob(apm_archive *archive, const void *bytes, size_t size);
APM_API apm_archive_cause apm_archive_read_blob(apm_archive *archive, void **bytes, size_t *size);

/* Frees what a read has given; NULL is let through. */
APM_API void apm_archive_free(void *memory);

/* -- Objects ----------------------------------------------------------------------------------------------------- */

/*
 * A class with its schema: what IMPLEMENT_SERIAL says. `create` and `load` are for loading, `store` for storing; each
 * cause but APM_ARCHIVE_NONE fails the archive. A versionable class takes objects of any schema (VERSIONABLE_SCHEMA),
 * and asks apm_archive_object_schema. The name has 1 to 63 ASCII characters.
 */
typedef struct apm_archive_class {
    const char *name;
    uint16_t schema;
    bool versionable;
    void *(*create)(void);
    apm_archive_cause (*store)(apm_archive *archive, const void *object);
    apm_archive_cause (*load)(apm_archive *archive, void *object);
} apm_archive_class;

/*
 * Stores an object with its class, or a reference if it has been stored already; NULL is an object, too. Loads one of
 * `count` classes; an object that several references name is loaded once, and is the program's. The classes must live
 * as long as the archive.
 *
 * Failure  *object is NULL; objects that were begun stay the program's, as `create` has made them.
 * MFC      CArchive::WriteObject, ReadObject
 */
APM_API apm_archive_cause apm_archive_write_object(apm_archive *archive, const apm_archive_class *type,
                                                   const void *object);
APM_API apm_archive_cause apm_archive_read_object(apm_archive *archive, const apm_archive_class *const *classes,
                                                  size_t count, void **object);

/* The schema of the object that `load` is about: CArchive::GetObjectSchema */
APM_API unsigned apm_archive_object_schema(const apm_archive *archive);

/* -- Memory as a file -------------------------------------------------------------------------------------------- */

/* What CMemFile is: bytes that grow as they are written, and are read from `position` on. All zero is empty. */
typedef struct apm_archive_memory {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    size_t position;
} apm_archive_memory;

/* The memory as a file; and frees its bytes. */
APM_API apm_archive_file apm_archive_memory_file(apm_archive_memory *memory);
APM_API void apm_archive_memory_free(apm_archive_memory *memory);

APM_END_DECLARATIONS

#endif
