/*
 * Fibers: threads without a scheduler. One real thread, the carrier, runs them in turn.
 *
 * A fiber has a stack of its own, and the thread-local variables of a real thread that does nothing but sleep: they are
 * the ones that the compiler and the C library mean, at an address that is this fiber's. So whatever names a thread by
 * the address of such a variable, or keeps something for each thread, works as it does without simulation. Switching is
 * an exchange of the stack pointer and the thread pointer.
 */
#ifndef APM_TESTS_SIM_FIBER_H
#define APM_TESTS_SIM_FIBER_H

#include <stddef.h>

enum { FIBER_STACK_SIZE = 256 * 1024 };

struct fiber {
    void *stack_pointer;  /* while it does not run */
    void *thread_pointer; /* of the real thread that sleeps */
    unsigned char *stack;
    unsigned char *thread_locals; /* the program's own, of that thread */
};

/* Makes `count` fibers, and `carrier` of the calling thread. Once a process; their addresses are always the same. */
void fiber_create_all(struct fiber *carrier, struct fiber *fibers, size_t count);

/* Has the fiber begin at `body`, which never returns, with thread-local variables as a new thread has them. */
void fiber_prepare(struct fiber *fiber, void (*body)(void));

/* Leaves `from`, which runs, for `to`; returns when something switches back. */
void fiber_switch(struct fiber *from, struct fiber *to);

#endif
