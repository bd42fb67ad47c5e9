/*
 * What the example programs share: a growing buffer for text, .NET's StringBuilder, and the reading of numbers.
 *
 * A text_buffer belongs to one thread at a time: in these programs to the operation that is under way, or to whoever
 * holds the lock that guards it.
 */
#ifndef APM_EXAMPLES_EXAMPLE_H
#define APM_EXAMPLES_EXAMPLE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Any bytes, zeros included; not terminated. All zero is an empty buffer. */
typedef struct text_buffer {
    char *bytes;
    size_t size;
    size_t capacity;
} text_buffer;

/* False if memory is exhausted; the buffer is then as it was. */
static inline bool text_buffer_append(text_buffer *text, const void *bytes, size_t size)
{
    if (size > text->capacity - text->size) {
        size_t capacity = text->capacity == 0 ? 256 : text->capacity;
        char *grown;

        /* Doubling makes the cost of a byte constant, however small the pieces are in which a message arrives. */
        while (capacity - text->size < size) {
            if (capacity > SIZE_MAX / 2) {
                return false;
            }
            capacity *= 2;
        }
        grown = realloc(text->bytes, capacity);
        if (grown == NULL) {
            return false;
        }
        text->bytes = grown;
        text->capacity = capacity;
    }
    if (size > 0) {
        memcpy(text->bytes + text->size, bytes, size);
        text->size += size;
    }
    return true;
}

static inline void text_buffer_free(text_buffer *text)
{
    free(text->bytes);
    *text = (text_buffer){0};
}

/* Room for what text_buffer_preview writes. */
#define TEXT_PREVIEW_SIZE 41

/*
 * Writes what a person wants to see of a message: all of it up to 40 bytes, else its first 20 and its last 15. What is
 * not printable ASCII is shown as a question mark; messages may come from anybody, terminals obey what they are sent.
 */
static inline const char *text_buffer_preview(const text_buffer *text, char preview[TEXT_PREVIEW_SIZE])
{
    size_t size = 0;

    for (size_t i = 0; i < text->size; i++) {
        if (text->size > 40 && i == 20) {
            memcpy(preview + size, "...", 3);
            size += 3;
            i = text->size - 15;
        }
        preview[size++] = text->bytes[i] >= ' ' && text->bytes[i] <= '~' ? text->bytes[i] : '?';
    }
    preview[size] = '\0';
    return preview;
}

/* Reads a decimal number from `least` to `most` that is the whole of `text`. */
static inline bool parse_number(const char *text, long least, long most, long *number)
{
    char *end;

    errno = 0;
    *number = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *number >= least && *number <= most;
}

#endif
