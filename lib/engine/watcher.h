/*
 * Watchers: how the readiness engine learns that descriptors are ready. epoll and poll supply one each.
 */
#ifndef APM__WATCHER_H
#define APM__WATCHER_H

#include "apm/error.h"
#include "channel.h"
#include "poller.h"

struct apm__watcher {
    struct apm__poller poller; /* first: the pool's view */

    /*
     * Has the channel's readiness reported for `interest`, besides what it is watched for already (channel->watched):
     * once at least if it is ready now, and whenever it becomes ready; reports may repeat. The channel's lock is held.
     */
    apm_error (*watch_locked)(struct apm__watcher *watcher, struct apm__channel *channel, uint32_t interest);

    /* Ends that; late reports are recognised by their stale key. The channel's lock is held. */
    void (*unwatch_locked)(struct apm__watcher *watcher, struct apm__channel *channel);

    /*
     * The same for a further descriptor of the channel, on which it tries to connect: reports that it is writable, or
     * has failed, as the channel's own readiness. Where the poller does not keep watching, it is called again for each
     * further report. `watched` and `poller_place` of the attempt are the poller's meanwhile.
     */
    apm_error (*watch_attempt_locked)(struct apm__watcher *watcher, struct apm__channel *channel,
                                      struct apm__connect_attempt *attempt);
    void (*unwatch_attempt_locked)(struct apm__watcher *watcher, struct apm__connect_attempt *attempt);

    /*
     * Whether a report comes by itself each time the channel becomes ready (an edge), so that watching once is enough;
     * otherwise interest ends with each report, and is to be renewed.
     */
    bool keeps_watching;
};

apm_error apm__epoll_create(struct apm__poller **poller);
apm_error apm__poll_create(struct apm__poller **poller);

/* A report of readiness as the pool's event: the channel's key, with APM__OS_READY_ bits in the place of its kind. */
static inline uint64_t apm__watcher_event(uint64_t key, uint32_t ready)
{
    return (key & ~(uint64_t)63) | (ready & 63);
}

/* Has the first receive of the next event's channel in the cache, and the channel of the one after: `expect`. */
void apm__readiness_expect(uint64_t next, uint64_t after);

/* Handles such an event: the poller's dispatch. */
void apm__readiness_dispatch(struct apm__poller *poller, uint64_t event);

/* Performs what the calling worker has put off: the poller's catch_up. */
void apm__readiness_catch_up(struct apm__poller *poller);

#endif
