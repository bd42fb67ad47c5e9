/*
 * What clang's -Wthread-safety is told of locks: .ci/static asks it. Other compilers see nothing of this.
 *
 * A lock is a capability: a function that takes or gives one back on some of its ways only is reported, as is giving
 * back what is not held, and taking what is held already. Where a lock goes from one function to another, as that of a
 * channel does, depends on what they return, which the analysis does not follow in C: .ci/static lists those files.
 */
#ifndef APM__THREAD_SAFETY_H
#define APM__THREAD_SAFETY_H

#if defined(__clang__)
#define APM__THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define APM__THREAD_SAFETY(attribute)
#endif

#define APM__CAPABILITY APM__THREAD_SAFETY(capability("mutex"))

/* The function returns with the lock; it is called with it and returns without; it is called with it and keeps it. */
#define APM__ACQUIRES(lock) APM__THREAD_SAFETY(acquire_capability(lock))
#define APM__RELEASES(lock) APM__THREAD_SAFETY(release_capability(lock))
#define APM__REQUIRES(lock) APM__THREAD_SAFETY(requires_capability(lock))

/* What the function does with locks is not looked at; it is what they are made of, or says why. */
#define APM__UNCHECKED_LOCKS APM__THREAD_SAFETY(no_thread_safety_analysis)

#endif
