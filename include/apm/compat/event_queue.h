/*
 * Event queues: what the message queue of a thread with windows is to notification APIs, for the porting layers and for
 * programs that want events on a thread of their own.
 *
 * A queue belongs to one thread, at first the one that has created it. Any thread posts; the owner gets. A target is
 * what a window is: a function with a context, to which messages are posted and dispatched on the owner's thread.
 * Messages come out in the order in which they were posted; that holds for all of them, and so for those of one target
 * or socket. A message whose target has been closed is never given out after the close has returned on the owner's
 * thread.
 *
 * Unless a function says otherwise its errors include APM_ERROR_ARGUMENT_NULL for a null handle or a NULL pointer that
 * is needed, APM_ERROR_ARGUMENT for a handle that was never issued, APM_ERROR_OBJECT_DISPOSED for a queue or target
 * that is closed, and APM_ERROR_INVALID_OPERATION in a child process after fork. "Threads: owner" means that the
 * function is APM_ERROR_INVALID_OPERATION on any other thread.
 *
 * No lock is held while a handler runs: it may post, get, pump, and close its own target and queue.
 */
#ifndef APM_COMPAT_EVENT_QUEUE_H
#define APM_COMPAT_EVENT_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

APM_DECLARE_HANDLE(apm_event_queue);
APM_DECLARE_HANDLE(apm_event_target);

enum {
    APM_EVENT_MESSAGE_QUIT = 0x0012, /* WM_QUIT; w_param is the exit code */
    APM_EVENT_MESSAGE_USER = 0x0400  /* WM_USER: the program's own messages are from here on */
};

/* A message as it comes out of a queue: what MSG is. */
typedef struct apm_event_message {
    apm_event_target target; /* null: posted to the queue itself */
    uint32_t message;
    uintptr_t w_param;
    intptr_t l_param;
} apm_event_message;

/* What a target does with its messages: on the queue's owner, one at a time unless it pumps itself. */
typedef void apm_event_handler(const apm_event_message *message, void *context);

/* -- Queues ------------------------------------------------------------------------------------------------------ */

/*
 * Creates a queue, whose owner is the calling thread. It holds at most `capacity` posted messages; 0 is without limit.
 * Notifications of sockets have room of their own and are never refused.
 *
 * Success  *queue is the handle; apm_event_queue_close ends it.
 * Failure  *queue is the null handle.
 * Errors   APM_ERROR_OUT_OF_MEMORY.
 */
APM_API APM_MUST_CHECK apm_error apm_event_queue_create(size_t capacity, apm_event_queue *queue);

/*
 * Closes the queue: its messages are dropped, its targets get none any more, a get in progress returns
 * APM_ERROR_OBJECT_DISPOSED. Sockets that notify the queue are not closed. Closing again succeeds and does nothing.
 *
 * Threads  any.
 * Blocks   never.
 */
APM_API apm_error apm_event_queue_close(apm_event_queue queue);

/*
 * Makes the calling thread the owner.
 *
 * Errors   also APM_ERROR_INVALID_OPERATION the present owner waits in a get.
 */
APM_API APM_MUST_CHECK apm_error apm_event_queue_attach_thread(apm_event_queue queue);

/*
 * Posts a message to the queue itself: what PostThreadMessage is. Only a get gives it to anybody.
 *
 * Threads  any.
 * Blocks   never.
 * Errors   APM_ERROR_WOULD_BLOCK the queue is full; APM_ERROR_OUT_OF_MEMORY.
 */
APM_API APM_MUST_CHECK apm_error apm_event_queue_post(apm_event_queue queue, uint32_t message, uintptr_t w_param,
                                                      intptr_t l_param);

/*
 * Has a message APM_EVENT_MESSAGE_QUIT come out, once, when there is no other one: what PostQuitMessage does.
 *
 * Threads  any.
 */
APM_API apm_error apm_event_queue_post_quit(apm_event_queue queue, int exit_code);

/*
 * Takes the oldest message and waits for one if there is none: GetMessage, or PeekMessage with PM_REMOVE where the
 * time-out is 0. On a pool thread it waits as apm_wait_handle_wait_one does.
 *
 * Failure  *message is all zero.
 * Threads  owner.
 * Blocks   at most `timeout_ms` milliseconds; -1 without limit.
 * Errors   APM_ERROR_WAIT_TIMEOUT there was none; APM_ERROR_ARGUMENT_OUT_OF_RANGE `timeout_ms` is below -1;
 *          APM_ERROR_DEADLOCK as apm_wait_handle_wait_one.
 */
APM_API APM_MUST_CHECK apm_error apm_event_queue_get(apm_event_queue queue, int timeout_ms, apm_event_message *message);

/*
 * Looks at the oldest message and leaves it: PeekMessage with PM_NOREMOVE.
 *
 * Failure  *message is all zero.
 * Threads  owner.
 * Blocks   never.
 * Errors   APM_ERROR_WAIT_TIMEOUT there is none.
 */
APM_API APM_MUST_CHECK apm_error apm_event_queue_peek(apm_event_queue queue, apm_event_message *message);

/*
 * Calls the handler of the message's target: DispatchMessage. A message without a target does nothing.
 *
 * Threads  owner of the target's queue.
 * Errors   APM_ERROR_OBJECT_DISPOSED the target has been closed since: nothing is called.
 */
APM_API apm_error apm_event_queue_dispatch(const apm_event_message *message);

/*
 * Waits for a message, and dispatches those that are there: as many as there were at that moment, so that it returns
 * although handlers post. *dispatched, which may be NULL, is their number. Messages without a target are dropped.
 *
 * Threads  owner.
 * Blocks   at most `timeout_ms` milliseconds for the first message; -1 without limit; and as long as handlers take.
 * Errors   those of apm_event_queue_get; APM_ERROR_OPERATION_ABORTED there was none, and quit has been posted, which is
 *          left for apm_event_queue_get or apm_event_queue_run.
 */
APM_API APM_MUST_CHECK apm_error apm_event_queue_pump(apm_event_queue queue, int timeout_ms, size_t *dispatched);

/*
 * Gets and dispatches until quit is posted, whose exit code is in *exit_code, which may be NULL: the message loop of a
 * thread.
 *
 * Threads  owner.
 * Errors   those of apm_event_queue_get.
 */
APM_API APM_MUST_CHECK apm_error apm_event_queue_run(apm_event_queue queue, int *exit_code);

/*
 * A descriptor that is readable while there are messages, for an event loop of another make: whenever it is readable,
 * call apm_event_queue_pump with a time-out of 0 on the owner's thread. Only a get, pump or peek that finds no message
 * makes it silent, so it may be readable once more than necessary. It is the queue's: not to be read, written or
 * closed, and gone when the queue is closed.
 *
 * Failure  *descriptor is -1.
 * Threads  any.
 * Errors   APM_ERROR_TOO_MANY_OPEN_SOCKETS and others of the system.
 */
APM_API APM_MUST_CHECK apm_error apm_event_queue_descriptor(apm_event_queue queue, intptr_t *descriptor);

/* The number of messages in the queue, those of closed targets included that have not been passed yet. */
APM_API APM_MUST_CHECK apm_error apm_event_queue_count(apm_event_queue queue, size_t *count);

/* -- Targets ----------------------------------------------------------------------------------------------------- */

/*
 * Creates a target on the queue: a window without anything to see. `context` is handed to the handler, and must live
 * until the target is closed on the owner's thread.
 *
 * Failure  *target is the null handle.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL also `handler` is NULL; APM_ERROR_OUT_OF_MEMORY.
 */
APM_API APM_MUST_CHECK apm_error apm_event_target_create(apm_event_queue queue, apm_event_handler *handler,
                                                         void *context, apm_event_target *target);

/*
 * Closes the target. Called on the owner's thread, no message of it is given out or dispatched after it returns; called
 * on another one, a handler may be running. Closing again succeeds and does nothing.
 *
 * Threads  any, the target's own handler included.
 * Blocks   never.
 */
APM_API apm_error apm_event_target_close(apm_event_target target);

/*
 * Posts a message to the target: PostMessage.
 *
 * Threads  any.
 * Blocks   never.
 * Errors   APM_ERROR_WOULD_BLOCK the queue is full; APM_ERROR_OUT_OF_MEMORY.
 */
APM_API APM_MUST_CHECK apm_error apm_event_target_post(apm_event_target target, uint32_t message, uintptr_t w_param,
                                                       intptr_t l_param);

APM_END_DECLARATIONS

#endif
