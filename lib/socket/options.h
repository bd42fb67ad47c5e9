/*
 * What the files about options share. All take the channel's lock as held.
 */
#ifndef APM__OPTIONS_H
#define APM__OPTIONS_H

#include "channel.h"

/* Reads or sets an option that is a number, by .NET's level and name. */
apm_error apm__option_get_locked(struct apm__channel *channel, int level, int name, int *value);
apm_error apm__option_set_locked(struct apm__channel *channel, int level, int name, int value);

/* Looks at the options on which the library relies, and which have been set without its looking on. */
void apm__option_refresh_locked(struct apm__channel *channel);

#endif
