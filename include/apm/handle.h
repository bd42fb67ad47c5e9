/*
 * Handles: one-member structs around 64 bits, passed by value.
 *
 * The bits name a slot and the slot's generation, so a handle that outlives its object is recognised and refused;
 * distinct struct types make handing over the wrong kind a compile error. Any 64-bit value is safe to pass to any
 * function. All bits zero is the null handle, which names nothing.
 */
#ifndef APM_HANDLE_H
#define APM_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

/* Initialiser of a null handle of any type: `apm_socket listener = APM_NULL_HANDLE;` */
#define APM_NULL_HANDLE \
    {                   \
        0               \
    }

/* Declares handle type `type` with type_is_null() and type_equals(). */
#define APM_DECLARE_HANDLE(type)                            \
    typedef struct type {                                   \
        uint64_t bits;                                      \
    } type;                                                 \
    static inline bool type##_is_null(type handle)          \
    {                                                       \
        return handle.bits == 0;                            \
    }                                                       \
    static inline bool type##_equals(type left, type right) \
    {                                                       \
        return left.bits == right.bits;                     \
    }                                                       \
    struct type

APM_DECLARE_HANDLE(apm_socket);
APM_DECLARE_HANDLE(apm_async_result);
APM_DECLARE_HANDLE(apm_wait_handle);
APM_DECLARE_HANDLE(apm_manual_reset_event);
APM_DECLARE_HANDLE(apm_auto_reset_event);
APM_DECLARE_HANDLE(apm_semaphore);
APM_DECLARE_HANDLE(apm_mutex);
APM_DECLARE_HANDLE(apm_countdown_event);
APM_DECLARE_HANDLE(apm_barrier);
APM_DECLARE_HANDLE(apm_thread_pool);
APM_DECLARE_HANDLE(apm_timer);
APM_DECLARE_HANDLE(apm_registered_wait_handle);
APM_DECLARE_HANDLE(apm_stream);
APM_DECLARE_HANDLE(apm_tcp_client);
APM_DECLARE_HANDLE(apm_tcp_listener);
APM_DECLARE_HANDLE(apm_udp_client);
APM_DECLARE_HANDLE(apm_x509_certificate);
APM_DECLARE_HANDLE(apm_ssl_context);

#endif
