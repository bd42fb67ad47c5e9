/*
 * Noticing forks. The flag is set on the only thread that a forked child has, before fork returns there.
 */
#include "process.h"

#include "os.h"

static _Atomic uint32_t watching;
_Atomic uint32_t apm__process_forked;

static void forked_in_child(void)
{
    apm__atomic_store(&apm__process_forked, 1, APM__RELAXED);
}

bool apm__process_watch_forks(void)
{
    if (apm__atomic_load(&watching, APM__RELAXED) != 0 || apm__atomic_exchange(&watching, 1, APM__RELAXED) != 0)
        return true;
    if (apm__os_at_fork_in_child(forked_in_child))
        return true;
    apm__atomic_store(&watching, 0, APM__RELAXED); /* the next one tries again */
    return false;
}
