/*
 * The messages of "request and response by size": what apm-load sends to, and gets from, the service `reply` of
 * apm-echo.
 *
 * A request is a head of 16 bytes, the lowest byte last: its size, head included, in 4 bytes; the size of the response
 * that it wants in 4; its number in 8. The rest of it is any bytes. The response is its request's number in 8 bytes,
 * and then the bytes of pattern_at for that number. So it proves whose answer it is, and that nothing is out of place.
 */
#ifndef BENCH_TOOLS_FRAME_H
#define BENCH_TOOLS_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_HEAD_BYTES 16u
#define FRAME_REPLY_LEAST 8u
#define FRAME_MOST (1u << 28)

struct frame {
    uint32_t request_bytes;
    uint32_t reply_bytes;
    uint64_t number;
};

void frame_write(struct frame frame, uint8_t *head);

/* The sizes may be anything; see frame_is_valid. */
struct frame frame_read(const uint8_t *head);

static inline int frame_is_valid(struct frame frame)
{
    return frame.request_bytes >= FRAME_HEAD_BYTES && frame.request_bytes <= FRAME_MOST &&
           frame.reply_bytes >= FRAME_REPLY_LEAST && frame.reply_bytes <= FRAME_MOST;
}

/* Writes `size` bytes of the response with this number from `offset` on. pattern_init has been called. */
void frame_reply(uint64_t number, size_t offset, uint8_t *bytes, size_t size);

/* Whether they are these bytes. */
int frame_is_reply(uint64_t number, size_t offset, const uint8_t *bytes, size_t size);

#endif
