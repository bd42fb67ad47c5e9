/*
 * Noticing forks. The flag is set on the only thread that a forked child has, before fork returns there.
 */
#include "process.h"

#include "os.h"

static _Atomic uint32_t watching;
static _Atomic uint32_t forked;

static void forked_in_child(void)
{
    apm__atomic_store(&forked, 1, APM__RELAXED);
}

void apm__process_watch_forks(void)
{
    if (apm__atomic_load(&watching, APM__RELAXED) == 0 && apm__atomic_exchange(&watching, 1, APM__RELAXED) == 0)
        apm__os_at_fork_in_child(forked_in_child);
}

bool apm__process_is_forked_child(void)
{
    return apm__atomic_load(&forked, APM__RELAXED) != 0;
}
