/*
 * The flags of receives and sends, for the os_*.c files only.
 */
#ifndef APM__OS_POSIX_FLAGS_H
#define APM__OS_POSIX_FLAGS_H

#include <stdbool.h>

/* Translates SocketFlags to the system's; false for those that it does not know. */
bool apm__os_flags_to_system(int flags, int *system_flags);

#endif
