/*
 * Owns the layout of requests and responses. Stateless.
 */
#include "frame.h"

#include <string.h>

#include "pattern.h"

static void put(uint8_t *bytes, size_t size, uint64_t value)
{
    while (size-- > 0) {
        bytes[size] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t get(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

void frame_write(struct frame frame, uint8_t *head)
{
    put(head, 4, frame.request_bytes);
    put(head + 4, 4, frame.reply_bytes);
    put(head + 8, 8, frame.number);
}

struct frame frame_read(const uint8_t *head)
{
    return (struct frame){(uint32_t)get(head, 4), (uint32_t)get(head + 4, 4), get(head + 8, 8)};
}

/* The bytes from `offset` on, and how many of them lie in one piece; `number_bytes` is room for the first of them. */
static const uint8_t *piece(uint64_t number, size_t offset, uint8_t *number_bytes, size_t *available)
{
    if (offset < FRAME_REPLY_LEAST) {
        put(number_bytes, FRAME_REPLY_LEAST, number);
        *available = FRAME_REPLY_LEAST - offset;
        return number_bytes + offset;
    }
    *available = PATTERN_RUN;
    return pattern_at(number, offset);
}

void frame_reply(uint64_t number, size_t offset, uint8_t *bytes, size_t size)
{
    while (size > 0) {
        uint8_t number_bytes[FRAME_REPLY_LEAST];
        size_t available;
        const uint8_t *from = piece(number, offset, number_bytes, &available);
        size_t part = size < available ? size : available;
        memcpy(bytes, from, part);
        bytes += part;
        offset += part;
        size -= part;
    }
}

int frame_is_reply(uint64_t number, size_t offset, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        uint8_t number_bytes[FRAME_REPLY_LEAST];
        size_t available;
        const uint8_t *expected = piece(number, offset, number_bytes, &available);
        size_t part = size < available ? size : available;
        if (memcmp(bytes, expected, part) != 0)
            return 0;
        bytes += part;
        offset += part;
        size -= part;
    }
    return 1;
}
