/*
 * What a peer of the file benchmark supplies: it connects to a port of 127.0.0.1, sends the file, and ends the stream.
 */
#ifndef BENCH_SEND_FILE_H
#define BENCH_SEND_FILE_H

#include <stdint.h>

extern const char *const send_file_name;

/* The number of bytes sent; fewer than the file has if something failed, which is printed. */
uint64_t send_file_to(uint16_t port, const char *file_name, uint64_t size);

#endif
