/*
 * The agreement between the load generator's --stuck and the servers that can block: a server started with the
 * environment variable STUCK_VARIABLE set to 1 sleeps for STUCK_MILLISECONDS in its receive callback, before it echoes,
 * whenever the received bytes begin with STUCK_MARK.
 */
#ifndef BENCH_STUCK_H
#define BENCH_STUCK_H

#define STUCK_VARIABLE "ECHO_STUCK"
#define STUCK_MARK "STUCK"
#define STUCK_MARK_BYTES (sizeof STUCK_MARK - 1)
#define STUCK_MILLISECONDS 1000

#endif
