/*
 * Linkage of the public headers: which names the shared library exports, and what a C++ compiler must be told.
 */
#ifndef APM_EXPORT_H
#define APM_EXPORT_H

#if defined(__GNUC__) || defined(__clang__)
#define APM_API __attribute__((visibility("default")))
#define APM_MUST_CHECK __attribute__((warn_unused_result))
#else
#define APM_API
#define APM_MUST_CHECK
#endif

#ifdef __cplusplus
#define APM_BEGIN_DECLARATIONS extern "C" {
#define APM_END_DECLARATIONS }
#else
#define APM_BEGIN_DECLARATIONS
#define APM_END_DECLARATIONS
#endif

#endif
