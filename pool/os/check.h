/*
 * Assertions. CHECK stays in every build and guards what would corrupt memory inside the library; ASSERT is for debug
 * builds. Neither is for what a caller may do wrong: that gets an error.
 */
#ifndef APM__CHECK_H
#define APM__CHECK_H

#include "os.h"

#define APM__CHECK(fact) ((fact) ? (void)0 : apm__os_fail(__FILE__, __LINE__, #fact))

#ifdef APM_DEBUG
#define APM__ASSERT(fact) APM__CHECK(fact)
#else
#define APM__ASSERT(fact) ((void)sizeof(!(fact)))
#endif

#endif
