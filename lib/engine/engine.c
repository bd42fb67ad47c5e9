/*
 * The choice of an engine, and the pool's start with it. Any thread.
 */
#include "engine.h"

#include <string.h>

#include "process.h"
#include "watcher.h"

/* Makes the poller that APM_ENGINE names: epoll where there is one, poll otherwise. */
static apm_error create_poller(struct apm__poller **poller)
{
    const char *name = apm__os_environment("APM_ENGINE");
    if (name && strcmp(name, "poll") == 0)
        return apm__poll_create(poller);
    if (name && name[0] != '\0' && strcmp(name, "epoll") != 0) {
        apm__os_log("apm: APM_ENGINE=%s is not known; epoll and poll are", name);
        return APM_ERROR_NOT_SUPPORTED;
    }
    apm_error error = apm__epoll_create(poller);
    return error == APM_ERROR_NOT_SUPPORTED ? apm__poll_create(poller) : error;
}

apm_error apm__engine_start_pool(struct apm__pool *pool)
{
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    if (apm__pool_is_open(pool))
        return APM_ERROR_SUCCESS;
    apm__pool_share_cache_of(&apm__operations);
    apm__pool_share_cache_of(&apm__channels);
    return apm__pool_start(pool, create_poller);
}
