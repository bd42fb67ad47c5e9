/*
 * Transfers that are more than one buffer: lists of segments, and files. What the operation needs of them is one block,
 * which it owns (operation->buffer, with operation->form), made by Begin and freed with the operation. Whoever owns the
 * operation may change the block: its performer, as the transfer goes on.
 */
#ifndef APM__TRANSFER_H
#define APM__TRANSFER_H

#include "apm/array_segment.h"
#include "operation.h"

struct apm__segment_list {
    size_t count;
    size_t first;   /* send: the first segment that has not been sent in full; what was sent of it is taken off it */
    bool is_stream; /* of a stream, where one call may go on where another has ended; immutable */
    apm_array_segment segments[];
};

/* A file, and the buffers before and after it. A transfer goes from the first to the last; each shrinks as it goes. */
struct apm__file_transfer {
    const unsigned char *head;
    size_t head_size;
    apm__os_file file; /* APM__OS_NO_FILE for none; closed when the operation completes */
    uint64_t offset;
    uint64_t remaining;
    const unsigned char *tail;
    size_t tail_size;
    bool disconnects;  /* when all has been sent; immutable */
    bool disconnected; /* that has been done */
    bool paused;       /* the attempt has stopped although it could have gone on: to be continued by a worker */
};

static inline struct apm__file_transfer *apm__file_transfer_of(const struct apm__operation *operation)
{
    return operation->form == APM__FORM_FILE ? operation->buffer : NULL;
}

/* The attempts, as apm__perform. */
APM__APART apm_error apm__transfer_receive_segments(struct apm__operation *operation, apm__os_socket descriptor);
APM__APART apm_error apm__transfer_send_segments(struct apm__operation *operation, apm__os_socket descriptor);
apm_error apm__transfer_send_file(struct apm__operation *operation, apm__os_socket descriptor);

/* Whether something of the operation's file is left to be sent. */
bool apm__transfer_is_unfinished(const struct apm__operation *operation);

/* Closes what the operation holds of the system, before it completes. */
void apm__transfer_close(struct apm__operation *operation);

#endif
