/*
 * Parts of memory, as lists of buffers are made of them. .NET: ArraySegment<byte>
 */
#ifndef APM_ARRAY_SEGMENT_H
#define APM_ARRAY_SEGMENT_H

#include <stddef.h>

#include "apm/export.h"

APM_BEGIN_DECLARATIONS

/* `size` bytes from `buffer` on, which is not NULL, also if there are none. What is sent is not written to. */
typedef struct apm_array_segment {
    void *buffer;
    size_t size;
} apm_array_segment;

APM_END_DECLARATIONS

#endif
