/*
 * Races: connecting to the addresses of a name by RFC 8305, "Happy Eyeballs". The next address is tried when the last
 * one has failed, or when it has had the attempt delay (250 ms) and has not answered, beside those before. The first
 * that connects is the connection; the others end. There is nothing to wait for before the first attempt (the RFC's
 * resolution delay), because the system's resolver answers for both families at once.
 *
 * Descriptors. A socket that connects has one already, so the first attempt is on that. Each further one that runs
 * beside others gets a descriptor of its own, with the options of the socket's. One whose address has failed goes on to
 * the next address. If a further one wins it takes the place of the channel's, by one step of the system (dup3): the
 * number stays, and a thread that uses it just then meets the old socket or the new one.
 *
 * Invariants.
 *  1. Who owns what. The further descriptors, and all of the race but the alarm, belong to the performer of the connect
 *     while that is RUNNING, and otherwise to the holder of the channel's lock. Nobody else knows of them. They end in
 *     apm__connect_race_end_locked, which whoever detaches the operation calls under the same lock: so a connect that
 *     has completed, been cancelled or been closed has left none behind. The one that wins is the channel's from then
 *     on.
 *  2. Nothing is missed. A report for any descriptor of the race carries the channel's key, and counts as one of its
 *     direction `out`: whoever performs looks at all attempts, and again if a report came meanwhile. Where reports have
 *     to be asked for anew, that is done for all pending attempts before the performer stops.
 *  3. While addresses are left and an attempt is pending, the alarm is placed for next_ns or before, or its expiry is
 *     on the way to the channel's lock, where it stirs the direction as a report does. Its place in the heap is
 *     reserved when the race is prepared, so that placing it cannot fail, and is given back when it ends. Each asking
 *     holds a reference to the operation, and so the plan.
 *  4. The outcome of a race that nobody wins is the error of the address that the resolver has named last, which is
 *     what one would get by trying one after another.
 *
 * A socket takes part if it is a stream socket, is not bound, and has an attempt delay. One that is bound cannot: what
 * its attempts would share is the one thing that they must not, a local port. If there is no memory for the alarm, or
 * no descriptor for a further attempt, the addresses are tried one after another.
 *
 * Locks: the channel's, and under it the poller's and the heap's. Runs on workers, on the monitor (expiry), on the
 * resolver's threads, and on those that cancel or close.
 */
#ifndef APM__CONNECT_RACE_H
#define APM__CONNECT_RACE_H

#include "channel.h"
#include "operation.h"

/* Prepares the plan that a look-up has brought: for a race, or else to be gone through one after another. */
APM__COLD void apm__connect_race_prepare_locked(struct apm__channel *channel, struct apm__operation *operation);

/* Makes a descriptor for the next attempt, if it is time for one beside those that are pending. */
APM__COLD void apm__connect_race_extend_locked(struct apm__channel *channel, struct apm__operation *operation);

/* Goes on with all attempts, outside the lock. `own` is the channel's descriptor. As apm__perform. */
APM__COLD apm_error apm__connect_race_perform(struct apm__operation *operation, apm__os_socket own, bool is_ipv6);

/* Whether the kernel is connecting the channel's own descriptor, which only then is to be watched. */
static inline bool apm__connect_race_uses_own(const struct apm__connect_race *race)
{
    return race->attempts[0].pending;
}

/* Has the further attempts and the time for the next one reported. */
APM__COLD apm_error apm__connect_race_wait_locked(struct apm__channel *channel, struct apm__operation *operation);

/*
 * Ends the race of an operation that has just been detached with its outcome, which this makes an error if the winner
 * cannot be put in its place. plan->issued tells whether the kernel goes on connecting the channel's own descriptor.
 */
APM__COLD void apm__connect_race_end_locked(struct apm__channel *channel, struct apm__operation *operation);

#endif
