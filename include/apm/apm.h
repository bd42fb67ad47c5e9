/*
 * apm: .NET's asynchronous programming model (Begin/End) for C. This header includes all the others.
 */
#ifndef APM_APM_H
#define APM_APM_H

#include "apm/array_segment.h"
#include "apm/async_result.h"
#include "apm/barrier.h"
#include "apm/countdown_event.h"
#include "apm/datagram.h"
#include "apm/datagram_train.h"
#include "apm/delegate.h"
#include "apm/diagnostics.h"
#include "apm/dns.h"
#include "apm/dns_endpoint.h"
#include "apm/error.h"
#include "apm/file_stream.h"
#include "apm/handle.h"
#include "apm/ip_address.h"
#include "apm/ip_network.h"
#include "apm/memory_stream.h"
#include "apm/multicast.h"
#include "apm/mutex.h"
#include "apm/network_stream.h"
#include "apm/registered_wait.h"
#include "apm/semaphore.h"
#include "apm/serving.h"
#include "apm/socket.h"
#include "apm/socket_accept.h"
#include "apm/socket_address.h"
#include "apm/socket_buffers.h"
#include "apm/socket_connect.h"
#include "apm/socket_handle.h"
#include "apm/socket_options.h"
#include "apm/socket_select.h"
#include "apm/socket_send_file.h"
#include "apm/ssl_context.h"
#include "apm/ssl_stream.h"
#include "apm/stream.h"
#include "apm/tcp_client.h"
#include "apm/tcp_listener.h"
#include "apm/thread_pool.h"
#include "apm/timer.h"
#include "apm/udp_client.h"
#include "apm/version.h"
#include "apm/wait_handle.h"
#include "apm/x509_certificate.h"

#include "apm/export.h"

APM_BEGIN_DECLARATIONS

/*
 * Closes every socket, waits until every callback has returned, stops the threads and gives back what the library
 * holds, but for the memory of its handles, which any later call may still look at. What the program forgot is listed
 * on standard error: results not ended, with kind, socket and age, and sockets and events not closed. The library may
 * be used again afterwards; handles from before stay stale.
 *
 * A program that returns from main need not call it.
 *
 * Threads  any but a pool thread, and one at a time.
 * Blocks   at most `timeout_ms` milliseconds; -1 without limit.
 * Errors   APM_ERROR_TIMED_OUT a callback, a wait of another thread, or the system's resolver has not returned: nothing
 *          that it can reach is freed, sockets are closed, and the call may be made again; APM_ERROR_INVALID_OPERATION
 *          called on a pool thread or in a child after fork; APM_ERROR_ARGUMENT_OUT_OF_RANGE `timeout_ms` is below -1.
 */
APM_API APM_MUST_CHECK apm_error apm_cleanup(int timeout_ms);

APM_END_DECLARATIONS

#endif
