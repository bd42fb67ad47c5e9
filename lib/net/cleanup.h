/*
 * The end of everything: what a layer above has to do with it.
 */
#ifndef APM__CLEANUP_H
#define APM__CLEANUP_H

/* Closes what the program has left of the layer's objects, and reports it. No stream and no operation is left. */
typedef void apm__cleanup_step(void);

/* Has the step run at the end of each cleanup that succeeds from now on; there is one. Any thread, again and again. */
void apm__cleanup_set_last_step(apm__cleanup_step *step);

#endif
