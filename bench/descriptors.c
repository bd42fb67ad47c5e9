/*
 * Owns nothing; changes the process's RLIMIT_NOFILE. Call before other threads start.
 */
#define _GNU_SOURCE 1
#include "descriptors.h"

#include <sys/resource.h>

#define WANTED_DESCRIPTORS 131072u

uint64_t descriptors_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_max < WANTED_DESCRIPTORS) {
        /* Only a privileged user may raise the hard limit; for others this fails and changes nothing. */
        struct rlimit higher = {.rlim_cur = WANTED_DESCRIPTORS, .rlim_max = WANTED_DESCRIPTORS};
        if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
            return WANTED_DESCRIPTORS;
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}
