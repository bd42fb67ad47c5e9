/*
 * Reading the name out of a client's first message. See client_hello.h.
 *
 * The bytes are the peer's, so nothing of them is believed: each length is compared with what is there.
 */
#include "client_hello.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    RECORD_HEAD = 5,
    RECORD_HANDSHAKE = 22,
    RECORD_MAX = 16384,
    MESSAGE_HEAD = 4,
    MESSAGE_CLIENT_HELLO = 1,
    MESSAGE_MAX = 16384,
    EXTENSION_SERVER_NAME = 0,
    NAME_HOST = 0
};

/* Bytes that are read from the front. What is not there is 0, and leaves `broken`. */
struct reader {
    const uint8_t *next;
    size_t left;
    bool broken;
};

static const uint8_t *take(struct reader *reader, size_t size)
{
    if (size > reader->left) {
        reader->broken = true;
        reader->left = 0;
        return NULL;
    }
    const uint8_t *taken = reader->next;
    reader->next += size;
    reader->left -= size;
    return taken;
}

static size_t take_number(struct reader *reader, size_t bytes)
{
    const uint8_t *taken = take(reader, bytes);
    size_t number = 0;
    for (size_t i = 0; taken && i < bytes; i++)
        number = number << 8 | taken[i];
    return number;
}

/* A part with its length before it, in that many bytes. */
static struct reader take_part(struct reader *reader, size_t bytes)
{
    size_t size = take_number(reader, bytes);
    const uint8_t *taken = take(reader, size);
    return (struct reader){taken, taken ? size : 0, taken == NULL};
}

/* The message without the heads of its records, which are as long as it needs. */
static enum apm__client_hello unpack(const uint8_t *bytes, size_t size, uint8_t *message, size_t *length)
{
    struct reader records = {bytes, size, false};
    size_t whole = MESSAGE_HEAD;
    *length = 0;
    while (*length < whole) {
        if (records.left > 0 && records.next[0] != RECORD_HANDSHAKE)
            return APM__CLIENT_HELLO_WRONG;
        if (records.left < RECORD_HEAD)
            return APM__CLIENT_HELLO_SHORT;
        (void)take(&records, 3);
        size_t part = take_number(&records, 2);
        if (part == 0 || part > RECORD_MAX || *length + part > MESSAGE_MAX)
            return APM__CLIENT_HELLO_WRONG;
        if (records.left < part)
            return APM__CLIENT_HELLO_SHORT;
        memcpy(message + *length, take(&records, part), part);
        *length += part;
        if (message[0] != MESSAGE_CLIENT_HELLO)
            return APM__CLIENT_HELLO_WRONG;
        if (*length >= MESSAGE_HEAD)
            whole = MESSAGE_HEAD + ((size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3]);
        if (whole > MESSAGE_MAX)
            return APM__CLIENT_HELLO_WRONG;
    }
    return APM__CLIENT_HELLO_READ;
}

/* The first host name of the extension. */
static void read_names(struct reader extension, char name[APM__HOST_NAME_SIZE])
{
    struct reader list = take_part(&extension, 2);
    while (list.left > 0) {
        size_t type = take_number(&list, 1);
        struct reader entry = take_part(&list, 2);
        if (type != NAME_HOST || entry.left == 0 || entry.left >= APM__HOST_NAME_SIZE ||
            memchr(entry.next, '\0', entry.left))
            continue;
        memcpy(name, entry.next, entry.left);
        name[entry.left] = '\0';
        return;
    }
}

enum apm__client_hello apm__client_hello_name(const void *bytes, size_t size, char name[APM__HOST_NAME_SIZE])
{
    uint8_t message[MESSAGE_MAX];
    size_t length;
    name[0] = '\0';
    enum apm__client_hello outcome = unpack(bytes, size, message, &length);
    if (outcome != APM__CLIENT_HELLO_READ)
        return outcome;
    struct reader hello = {message, length, false};
    (void)take(&hello, MESSAGE_HEAD + 2 + 32); /* the version and the random bytes */
    (void)take_part(&hello, 1);                /* the session */
    (void)take_part(&hello, 2);                /* the suites */
    (void)take_part(&hello, 1);                /* the ways to compress */
    struct reader extensions = take_part(&hello, 2);
    while (extensions.left > 0) {
        size_t type = take_number(&extensions, 2);
        struct reader extension = take_part(&extensions, 2);
        if (type == EXTENSION_SERVER_NAME && !extension.broken)
            read_names(extension, name);
    }
    return APM__CLIENT_HELLO_READ;
}
