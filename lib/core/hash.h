/*
 * Hash codes of values: FNV-1a over what makes two of them equal. The same in every process, unlike .NET's.
 */
#ifndef APM__HASH_H
#define APM__HASH_H

#include <stddef.h>
#include <stdint.h>

#define APM__HASH_BEGIN 2166136261u

static inline uint32_t apm__hash_byte(uint32_t hash, uint8_t byte)
{
    return (hash ^ byte) * 16777619u;
}

static inline uint32_t apm__hash_bytes(uint32_t hash, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = apm__hash_byte(hash, bytes[i]);
    return hash;
}

static inline uint32_t apm__hash_number(uint32_t hash, uint32_t number)
{
    for (int shift = 0; shift < 32; shift += 8)
        hash = apm__hash_byte(hash, (uint8_t)(number >> shift));
    return hash;
}

#endif
