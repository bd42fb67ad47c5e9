/*
 * What the ways to connect share: by endpoints and addresses (connect.c), and by name (connect_host.c).
 */
#ifndef APM__CONNECT_H
#define APM__CONNECT_H

#include <stdbool.h>
#include <stddef.h>

#include "apm/ip_address.h"
#include "channel.h"
#include "operation.h"

/* What is to be connected to: `count` endpoints, or `count` addresses with one port. Borrowed from the caller. */
struct apm__connect_targets {
    const apm_endpoint *endpoints;
    const apm_ip_address *addresses;
    size_t count;
    int port;                           /* for addresses */
    bool may_race;                      /* whether the plan has room for a race */
    apm_error misfit;                   /* what it is if none is of the socket's family */
    struct apm__operation **unattended; /* if not NULL, gets the operation, with a reference, which nobody waits for */
};

bool apm__connect_is_port(int port);

/* What forbids a connect in the channel's present state; success if nothing does. */
apm_error apm__connect_check_state_locked(const struct apm__channel *channel);

/* The plan of those targets that fit the socket. OUT_OF_MEMORY, or `misfit`. */
apm_error apm__connect_make_plan_locked(const struct apm__channel *channel, const struct apm__connect_targets *targets,
                                        struct apm__connect_plan **plan);

/* Starts the connect, or completes it if another one is pending. */
void apm__connect_start_and_unlock(struct apm__channel *channel, struct apm__operation *operation);

#endif
