/*
 * The choice of an engine. Any thread.
 */
#include <string.h>

#include "watcher.h"

/* Makes the poller that APM_ENGINE names: epoll where there is one, poll otherwise. */
apm_error apm__poller_create(struct apm__poller **poller)
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
