/*
 * What concerns the process as a whole: whether this is a child made by fork, in which the library's threads do not
 * exist and its locks may be held for ever.
 */
#ifndef APM__PROCESS_H
#define APM__PROCESS_H

#include <stdbool.h>

/* Has forks noticed from now on; to be called before the first thread is started. Any thread, any number of times. */
void apm__process_watch_forks(void);

/* Whether this is a forked child of a process that had used the library; false again only after exec. Any thread. */
bool apm__process_is_forked_child(void);

#endif
