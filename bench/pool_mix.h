/*
 * The cell `mix`: an open loop of short items with a few long ones among them, at 60 % load.
 */
#ifndef BENCH_POOL_MIX_H
#define BENCH_POOL_MIX_H

/* Prints how long short items waited from being queued until they started. */
void pool_mix(int workers, double seconds);

#endif
