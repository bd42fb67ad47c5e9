/*
 * What servers want of a channel besides its operations: the strand of a serialised one, the water marks of its sends,
 * and a listener's group and drain. Made when the first of these is asked for, and freed with the channel, so that the
 * channels of those who ask for nothing stay small; a channel without it costs its operations one branch each.
 *
 * Waits. Operations that wait for the channel, and not for its descriptor, queue in a direction of their own, which
 * nobody performs: for the sends to fall to the low mark, or for the group to be empty. Cancel and close find them
 * there as in any other. Whoever settles the operation that ends such waits detaches them in the same step, links them
 * to it (`also`), and completes them after it: so no wait is missed, and none is completed under the lock.
 *
 * Marks. Pending is a send, of whatever form, from its admission until its callback is about to be called, or until it
 * is settled if it has none; with its whole size: that is what the program has to keep in memory, also where sends
 * complete sooner than workers come to their callbacks. Not until the callback has returned, since the callback may
 * begin the next send. What ends it is work.run of the operation, put in the place of the usual one and taken away
 * again before that is called: so it is done once, also if the callback ends its thread. Beyond the high mark no send
 * is admitted; a wait ends at the low mark, which is below the high one, so that a send is admitted then.
 */
#ifndef APM__SERVING_H
#define APM__SERVING_H

#include <stdbool.h>
#include <stddef.h>

#include "apm/serving.h"
#include "channel.h"
#include "group.h"
#include "strand.h"

/* Guarded by the channel's lock. */
struct apm__serving {
    struct apm__strand strand;
    struct apm__direction waits; /* only its queue is used */
    apm_send_water_marks marks;
    size_t pending_bytes; /* once `counts` */
    size_t pending_sends;
    bool counts;                      /* marks have been set once */
    struct apm__group *group;         /* a listener's; the slot's reference */
    struct apm__operation *receiving; /* a listener's: see accept_receive.h */
};

/* What an accepted socket has from its listener, as it is when the accept begins. */
struct apm__serving_settings {
    bool serialised;
    apm_send_water_marks marks;
};

/* Makes the channel's, if it has none. OUT_OF_MEMORY. */
apm_error apm__serving_make_locked(struct apm__channel *channel);

/* The same for a listener's group, which whatever makes a channel listen has to call. */
apm_error apm__serving_make_group_locked(struct apm__channel *channel);

/* Frees it. The channel's last reference is gone. */
void apm__serving_free(struct apm__channel *channel);

struct apm__serving_settings apm__serving_settings_locked(const struct apm__channel *channel);

/* Gives them to a channel that nobody has seen yet. OUT_OF_MEMORY. */
apm_error apm__serving_inherit(struct apm__channel *channel, const struct apm__serving_settings *settings);

/* Sets the marks. Gives the waits that end with it, linked by `next` and settled, to be completed outside the lock. */
struct apm__operation *apm__serving_set_marks_locked(struct apm__channel *channel, apm_send_water_marks marks);

/* How many bytes and sends are pending. */
void apm__serving_count_sends_locked(const struct apm__channel *channel, size_t *bytes, size_t *sends);

/* Whether a further send is admitted, and whether a wait for that ends. */
bool apm__serving_admits_send_locked(const struct apm__channel *channel);
bool apm__serving_is_sendable_locked(const struct apm__channel *channel);

/* The operation has been put into its queue, or taken out of it with its outcome; the channel has its serving. */
void apm__serving_admitted_locked(struct apm__channel *channel, struct apm__operation *operation);
void apm__serving_settled_locked(struct apm__channel *channel, struct apm__operation *operation, bool by_wish);

/* Begins the drain of a listener: `operation` is its, and waits. What is left to do for the accepts is to stir. */
void apm__serving_drain_locked(struct apm__channel *channel, struct apm__operation *operation);

/* Settles the drain of a listener if nothing is left to wait for; the drain is the caller's to complete, or NULL. */
struct apm__operation *apm__serving_finish_drain_locked(struct apm__channel *channel);

/* The end of a drain, whatever its outcome: the listener takes no more connections. */
void apm__serving_drain_settled_locked(struct apm__channel *channel, const struct apm__operation *operation);

/*
 * An accepted connection has been opened: if its group is being drained, it shall know. The connection's lock is held
 * from the opening on, and released: so either this sees the drain, or the drain's walk sees the connection.
 */
void apm__serving_opened_and_unlock(struct apm__channel *connection);

/* Has the connection's program learn of the drain. The lock is held, and released. */
void apm__serving_tell_and_unlock(struct apm__channel *channel);

#endif
