/*
 * Windows Sockets' numbers. Any thread; the last error is the calling thread's.
 */
#include "apm/compat/wsa.h"

#include <string.h>

#include "os.h"

static APM__THREAD_LOCAL int last_error;

int apm_wsa_error(apm_error error)
{
    switch (error) {
    case APM_ERROR_SUCCESS: return 0;
    case APM_ERROR_ARGUMENT_NULL: return APM_WSAEFAULT;
    case APM_ERROR_OBJECT_DISPOSED:
    case APM_ERROR_ARGUMENT: return APM_WSAENOTSOCK;
    case APM_ERROR_OUT_OF_MEMORY: return APM_WSAENOBUFS;
    case APM_ERROR_OPERATION_ABORTED: return APM_WSAEINTR;
    case APM_ERROR_DISCONNECTING: return APM_WSAECONNABORTED;
    default: return (int)error > 10000 && (int)error < 12000 ? (int)error : APM_WSAEINVAL;
    }
}

int apm_wsa_get_last_error(void)
{
    return last_error;
}

void apm_wsa_set_last_error(int error)
{
    last_error = error;
}

uint16_t apm_wsa_htons(uint16_t host)
{
    uint8_t bytes[2] = {(uint8_t)(host >> 8), (uint8_t)host};
    uint16_t network;
    memcpy(&network, bytes, sizeof network);
    return network;
}

uint32_t apm_wsa_htonl(uint32_t host)
{
    uint8_t bytes[4] = {(uint8_t)(host >> 24), (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host};
    uint32_t network;
    memcpy(&network, bytes, sizeof network);
    return network;
}

/* Reversing is its own inverse, and so is leaving as it is. */
uint16_t apm_wsa_ntohs(uint16_t network)
{
    return apm_wsa_htons(network);
}

uint32_t apm_wsa_ntohl(uint32_t network)
{
    return apm_wsa_htonl(network);
}
