/*
 * Connect plans: what a connect is to try, and in which order. Any thread; a plan has one owner at a time.
 *
 * A plan is one block, the operation's from the moment that it is given one until the operation is freed. Its endpoints
 * are immutable once it has been admitted; what says how far it has got belongs to whoever performs the connect, and to
 * the holder of the channel's lock while nobody does.
 *
 * Two ways through the list. One after another, on the socket's own descriptor: what .NET does, and what the program
 * asks for by giving addresses itself. Or as a race, RFC 8305's Happy Eyeballs, for the answer to a name look-up; see
 * connect_race.h in lib/engine, to which all but the order belongs.
 */
#ifndef APM__CONNECT_PLAN_H
#define APM__CONNECT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/ip_address.h"
#include "deadline.h"
#include "os.h"

/* One descriptor on which endpoints of a race are tried, one at a time. */
struct apm__connect_attempt {
    apm__os_socket descriptor; /* its own; that of the first is the channel's, and not here */
    size_t endpoint;           /* the one that is being tried, while pending */
    bool pending;              /* the kernel is at it */
    bool watched;              /* registered with the poller, under the channel's key */
    uint32_t poller_place;     /* the poller's own */
};

struct apm__connect_race {
    struct apm__deadline alarm; /* an alarm for next_ns, under the channel's lock; its askings hold the operation */
    struct apm__operation *operation;
    uint64_t delay_ns;
    uint64_t next_ns;     /* from when on another endpoint may be tried beside those that are pending */
    size_t next;          /* the first endpoint that has not been tried */
    size_t last;          /* the endpoint that the resolver has named last: its error is that of the whole */
    size_t winner;        /* the attempt that has connected, once one has */
    size_t attempt_count; /* the first is on the channel's own descriptor */
    apm_error error;      /* that of `last`, once it has failed */
    int32_t native_error;
    struct apm__connect_attempt *attempts; /* room for one an endpoint, in the plan's block */
};

struct apm__connect_plan {
    size_t count;
    size_t next;                    /* one after another: the endpoint that is being tried */
    bool issued;                    /* the kernel has been asked to connect the channel's own descriptor */
    bool unattended;                /* its End gives the outcome to nobody, so the channel keeps the error */
    bool unresolved;                /* the name look-up has not answered yet: there is nothing to try */
    struct apm__connect_race *race; /* in this block; NULL: one after another */
    apm_endpoint endpoints[];
};

/* A plan of no endpoints yet, with room for so many, and for their race if there may be one; NULL without memory. */
struct apm__connect_plan *apm__connect_plan_create(size_t capacity, bool with_race);

/*
 * Puts the endpoints into the order of a race: the families in turn, beginning with that of the first, and within a
 * family as they were.
 */
void apm__connect_plan_interleave(struct apm__connect_plan *plan);

#endif
