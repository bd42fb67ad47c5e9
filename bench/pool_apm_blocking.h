/*
 * The blocking cells of the library's program.
 */
#ifndef BENCH_POOL_APM_BLOCKING_H
#define BENCH_POOL_APM_BLOCKING_H

/*
 * Prints how soon a pool with this minimum, and without a maximum that matters, starts what comes while its workers are
 * blocked. No part of it takes longer than the limit.
 */
void pool_apm_blocking(int workers, double limit_s);

#endif
