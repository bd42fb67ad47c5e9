/*
 * The inventory: walks over the tables of sockets, operations and waitables, for the end of everything and for
 * listings, and what is said of an object there. (Timers and registered waits have their tables to themselves.)
 *
 * A walk goes by place, 0 at first, and meets every object that is there from its beginning to its end; one that comes
 * or goes meanwhile is met or not. It holds no lock from one object to the next, and no more of an object than it gives
 * to the caller. Any thread, and several at once.
 */
#ifndef APM__INVENTORY_H
#define APM__INVENTORY_H

#include <stdint.h>

#include "channel.h"
#include "operation.h"
#include "slot.h"
#include "statistics.h"

/* The next operation, with a reference for the caller; NULL at the end. */
struct apm__operation *apm__inventory_next_operation(uint32_t *place);

/* The next open socket's channel, locked; NULL at the end. */
struct apm__channel *apm__inventory_next_socket(uint32_t *place);

/* The next object of a table that is in use, and its handle's bits; nothing is held. 0 at the end. */
uint64_t apm__inventory_next_handle(struct apm__slot_table *table, uint32_t *place);

/* The operation whose callback this work is, with a reference for the caller, if it is one and still there; or NULL. */
struct apm__operation *apm__inventory_find_operation(uint64_t work);

/* The objects that are waited for and closed, and what they are called. */
struct apm__waitable_kind {
    struct apm__slot_table *table;
    const char *name;
};

enum { APM__WAITABLE_KINDS = 6 };

extern const struct apm__waitable_kind apm__waitable_kinds[APM__WAITABLE_KINDS];

/* -- What is said of it -- */

/* A line that is being written. What does not fit is left out. */
struct apm__line {
    char text[480];
    size_t used;
};

void apm__line_begin(struct apm__line *line);
void apm__line_add(struct apm__line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Such as `receive of socket 0000000100000041`. */
void apm__line_add_operation(struct apm__line *line, struct apm__operation *operation);

/* Where it was begun: in debug builds, and where the system can tell. */
void apm__line_add_callers(struct apm__line *line, struct apm__operation *operation);

/* Such as `manual-reset event 0000000100000003`. */
void apm__line_add_object(struct apm__line *line, uint64_t bits);

/* Such as `127.0.0.1:7000 -> 127.0.0.1:40312`, as far as the socket has endpoints. The channel is locked. */
void apm__line_add_endpoints_locked(struct apm__line *line, struct apm__channel *channel);

/* What a worker runs and since when; and, if it waits, for what, and since when. */
void apm__line_add_worker(struct apm__line *line, const struct apm__pool *pool, const struct apm__worker_view *view,
                          uint64_t now_ns);

/* How long ago a time of the monotonic clock was, which may be a coarse one. */
static inline unsigned long long apm__age_ms(uint64_t now_ns, uint64_t then_ns)
{
    return now_ns > then_ns ? (now_ns - then_ns) / 1000000 : 0;
}

#endif
