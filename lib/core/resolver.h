/*
 * The resolver: name look-ups on a few threads of their own, because the system's resolver blocks, and no pool worker
 * shall. A look-up works on a copy of the name, and gives its answer by a function that runs on the resolver's thread.
 */
#ifndef APM__RESOLVER_H
#define APM__RESOLVER_H

#include <stdbool.h>
#include <stddef.h>

#include "apm/dns.h"
#include "apm/error.h"

/* What is asked of a name. They differ in what an address as text stands for. */
enum apm__resolver_query {
    APM__RESOLVER_ADDRESSES, /* its addresses, `host_name` being the name as it was given; an address is its own */
    APM__RESOLVER_ENTRY,     /* also its canonical name; an address is looked up backwards first, and has to be found */
    APM__RESOLVER_RESOLVE,   /* the same; an address that is not found is an entry of itself */
    APM__RESOLVER_BY_NAME    /* the same without looking backwards: an address is an entry of itself */
};

/* Borrowed from the caller of submit, which copies it. */
struct apm__resolver_question {
    const char *name; /* at most APM_DNS_MAX_NAME_LENGTH bytes; the empty name is this machine's */
    enum apm__resolver_query query;
    apm_address_family family; /* the only one of which addresses are wanted; UNSPECIFIED: all */
};

/* The answer: `entry` is the receiver's, to be freed by apm_host_entry_free; NULL if `error` is not success. */
typedef void apm__resolver_answer(void *context, apm_error error, apm_host_entry *entry);

/* Queues a look-up. `answer` is called once. OUT_OF_MEMORY: nothing was queued. */
apm_error apm__resolver_submit(const struct apm__resolver_question *question, apm__resolver_answer *answer,
                               void *context);

/* Ends the threads, when no look-up is left; at most until `end_ns` on the monotonic clock. False if the time is up. */
bool apm__resolver_stop(uint64_t end_ns);

/* How many threads are in the system's resolver, or about to be. */
size_t apm__resolver_busy(void);

/* Makes an entry as one block, with copies of all it is given; NULL if there is no memory. */
apm_host_entry *apm__host_entry_create(const char *host_name, const apm_ip_address *addresses, size_t count);

#endif
