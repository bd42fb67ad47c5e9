/*
 * What concerns the process as a whole: whether this is a child made by fork, in which the library's threads do not
 * exist and its locks may be held for ever.
 */
#ifndef APM__PROCESS_H
#define APM__PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "atomic.h"

/*
 * Has forks noticed from now on; to be called before the first thread is started. Any thread, any number of times.
 * False if there is no memory for it: then nothing may be started, or a child would wait for threads that it does not
 * have.
 */
bool apm__process_watch_forks(void);

extern _Atomic uint32_t apm__process_forked; /* set in the child, before fork returns there */

/* Whether this is a forked child of a process that had used the library; false again only after exec. Any thread. */
static inline bool apm__process_is_forked_child(void)
{
    return apm__atomic_load(&apm__process_forked, APM__RELAXED) != 0;
}

#endif
