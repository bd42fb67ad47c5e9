/*
 * Probes: places in the library that a tracer can hook into while the program runs (USDT). docs/diagnostics.md has
 * their names and arguments, and shows how to use them.
 *
 * Where <sys/sdt.h> was there when the library was built, a probe is one instruction that does nothing, and a note in
 * the program that says where its arguments are; elsewhere it is nothing at all. So arguments are what the code has at
 * hand anyway, and evaluating them has no effect.
 */
#ifndef APM__PROBE_H
#define APM__PROBE_H

#ifdef APM_PROBES
#include <sys/sdt.h>
#ifdef __clang__ /* what the header makes of three arguments is an extension, which it says of each use */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif
#define APM__PROBE1(name, a) DTRACE_PROBE1(apm, name, a)
#define APM__PROBE2(name, a, b) DTRACE_PROBE2(apm, name, a, b)
#define APM__PROBE3(name, a, b, c) DTRACE_PROBE3(apm, name, a, b, c)
#else
#define APM__PROBE1(name, a) ((void)sizeof(a))
#define APM__PROBE2(name, a, b) ((void)sizeof(a), (void)sizeof(b))
#define APM__PROBE3(name, a, b, c) ((void)sizeof(a), (void)sizeof(b), (void)sizeof(c))
#endif

#endif
