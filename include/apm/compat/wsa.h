/*
 * Windows Sockets' numbers, for the porting layers: error codes, events, and the order of bytes.
 *
 * Define APM_WINSOCK_NAMES before including this to have the events and errors by their own names, FD_READ and
 * WSAEWOULDBLOCK, too, so that code which is ported can keep them.
 */
#ifndef APM_COMPAT_WSA_H
#define APM_COMPAT_WSA_H

#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"

APM_BEGIN_DECLARATIONS

/* Events, which combine by |. */
enum {
    APM_FD_READ = 0x01,
    APM_FD_WRITE = 0x02,
    APM_FD_OOB = 0x04,
    APM_FD_ACCEPT = 0x08,
    APM_FD_CONNECT = 0x10,
    APM_FD_CLOSE = 0x20,
    APM_FD_ALL = 0x3f /* what CAsyncSocket asks for if it is not told otherwise */
};

/* What a function returns that gives a number of bytes and has failed: SOCKET_ERROR. */
#define APM_SOCKET_ERROR_RESULT (-1)

enum {
    APM_WSAEINTR = 10004,
    APM_WSAEACCES = 10013,
    APM_WSAEFAULT = 10014,
    APM_WSAEINVAL = 10022,
    APM_WSAEMFILE = 10024,
    APM_WSAEWOULDBLOCK = 10035,
    APM_WSAEINPROGRESS = 10036,
    APM_WSAEALREADY = 10037,
    APM_WSAENOTSOCK = 10038,
    APM_WSAEDESTADDRREQ = 10039,
    APM_WSAEMSGSIZE = 10040,
    APM_WSAEPROTOTYPE = 10041,
    APM_WSAENOPROTOOPT = 10042,
    APM_WSAEPROTONOSUPPORT = 10043,
    APM_WSAESOCKTNOSUPPORT = 10044,
    APM_WSAEOPNOTSUPP = 10045,
    APM_WSAEAFNOSUPPORT = 10047,
    APM_WSAEADDRINUSE = 10048,
    APM_WSAEADDRNOTAVAIL = 10049,
    APM_WSAENETDOWN = 10050,
    APM_WSAENETUNREACH = 10051,
    APM_WSAENETRESET = 10052,
    APM_WSAECONNABORTED = 10053,
    APM_WSAECONNRESET = 10054,
    APM_WSAENOBUFS = 10055,
    APM_WSAEISCONN = 10056,
    APM_WSAENOTCONN = 10057,
    APM_WSAESHUTDOWN = 10058,
    APM_WSAETIMEDOUT = 10060,
    APM_WSAECONNREFUSED = 10061,
    APM_WSAEHOSTUNREACH = 10065,
    APM_WSANOTINITIALISED = 10093,
    APM_WSAHOST_NOT_FOUND = 11001,
    APM_WSATRY_AGAIN = 11002,
    APM_WSANO_RECOVERY = 11003,
    APM_WSANO_DATA = 11004
};

/*
 * Windows' number of an error of the library: its own where it is one of .NET's SocketError, and the nearest otherwise:
 * WSAEFAULT for a NULL, WSAENOTSOCK for what is closed or was never issued, WSAENOBUFS for a lack of memory, WSAEINVAL
 * for all else. 0 is success.
 *
 * Threads  any.
 */
APM_API int apm_wsa_error(apm_error error);

/* The error of the calling thread's last failed call of a porting layer: WSAGetLastError; and how to set it. */
APM_API int apm_wsa_get_last_error(void);
APM_API void apm_wsa_set_last_error(int error);

/* htons, htonl, ntohs and ntohl. */
APM_API uint16_t apm_wsa_htons(uint16_t host);
APM_API uint32_t apm_wsa_htonl(uint32_t host);
APM_API uint16_t apm_wsa_ntohs(uint16_t network);
APM_API uint32_t apm_wsa_ntohl(uint32_t network);

#ifdef APM_WINSOCK_NAMES
#define FD_READ APM_FD_READ
#define FD_WRITE APM_FD_WRITE
#define FD_OOB APM_FD_OOB
#define FD_ACCEPT APM_FD_ACCEPT
#define FD_CONNECT APM_FD_CONNECT
#define FD_CLOSE APM_FD_CLOSE
#define SOCKET_ERROR APM_SOCKET_ERROR_RESULT
#define WSAEINTR APM_WSAEINTR
#define WSAEINVAL APM_WSAEINVAL
#define WSAEWOULDBLOCK APM_WSAEWOULDBLOCK
#define WSAEINPROGRESS APM_WSAEINPROGRESS
#define WSAEALREADY APM_WSAEALREADY
#define WSAENOTSOCK APM_WSAENOTSOCK
#define WSAEMSGSIZE APM_WSAEMSGSIZE
#define WSAEADDRINUSE APM_WSAEADDRINUSE
#define WSAECONNABORTED APM_WSAECONNABORTED
#define WSAECONNRESET APM_WSAECONNRESET
#define WSAENOBUFS APM_WSAENOBUFS
#define WSAEISCONN APM_WSAEISCONN
#define WSAENOTCONN APM_WSAENOTCONN
#define WSAESHUTDOWN APM_WSAESHUTDOWN
#define WSAETIMEDOUT APM_WSAETIMEDOUT
#define WSAECONNREFUSED APM_WSAECONNREFUSED
#define WSAHOST_NOT_FOUND APM_WSAHOST_NOT_FOUND
#endif

APM_END_DECLARATIONS

#endif
