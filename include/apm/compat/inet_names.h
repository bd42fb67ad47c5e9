/*
 * The original's names for apm/compat/inet.h, and those of Windows' types that they need. With UNICODE defined the
 * names without A or W are those of the wide forms, and TCHAR is wchar_t; without it those of the narrow ones, and
 * char.
 *
 * HWND is a target of an event queue, WM_USER + n a message to it.
 */
#ifndef APM_COMPAT_INET_NAMES_H
#define APM_COMPAT_INET_NAMES_H

#include "apm/compat/inet.h"

/* -- Windows' types ------------------------------------------------------------------------------------------------ */

typedef int BOOL;
typedef int INT;
typedef unsigned UINT;
typedef uint8_t BYTE;
typedef BYTE *LPBYTE;
typedef uint16_t WORD;
typedef uint32_t DWORD;
typedef DWORD *LPDWORD;
typedef uintptr_t DWORD_PTR;
typedef uintptr_t UINT_PTR;
typedef uintptr_t WPARAM;
typedef intptr_t LPARAM;
typedef char CHAR;
typedef wchar_t WCHAR;
typedef char *LPSTR;
typedef const char *LPCSTR;
typedef wchar_t *LPWSTR;
typedef const wchar_t *LPCWSTR;
typedef void *LPVOID;
typedef INT *LPINT;
typedef void *LPINITDATA;
typedef apm_event_target HWND;
typedef apm_inet SOCKET;

#ifndef VOID
#define VOID void
#endif
#define WINAPI
#define CALLBACK
#ifndef TRUE
#define TRUE 1
#define FALSE 0
#endif
#define WM_USER APM_EVENT_MESSAGE_USER
#define LOWORD(value) ((WORD)((uintptr_t)(value)&0xffffu))
#define HIWORD(value) ((WORD)((uintptr_t)(value) >> 16 & 0xffffu))
#define MAKELPARAM(low, high) ((LPARAM)((uintptr_t)(WORD)(low) | (uintptr_t)(WORD)(high) << 16))

#ifdef UNICODE
typedef WCHAR TCHAR;
#define APM_INET_WIDE_TEXT(text) L##text
#define TEXT(text) APM_INET_WIDE_TEXT(text)
#else
typedef CHAR TCHAR;
#define TEXT(text) text
#endif
#ifndef _T
#define _T(text) TEXT(text)
#endif
typedef TCHAR *LPTSTR;
typedef const TCHAR *LPCTSTR;

/* -- The original's types ------------------------------------------------------------------------------------------ */

typedef apm_inet_address INTERNET_ADDRESS;
typedef apm_inet_address *LPINTERNET_ADDRESS;
typedef apm_inet_credentials_a SECURITYCREDENTIALSA;
typedef const apm_inet_credentials_a *LPSECURITYCREDENTIALSA;
typedef apm_inet_credentials_w SECURITYCREDENTIALSW;
typedef const apm_inet_credentials_w *LPSECURITYCREDENTIALSW;
typedef apm_inet_event_procedure *INETEVENTPROC;
#ifdef UNICODE
typedef SECURITYCREDENTIALSW SECURITYCREDENTIALS;
typedef LPSECURITYCREDENTIALSW LPSECURITYCREDENTIALS;
#else
typedef SECURITYCREDENTIALSA SECURITYCREDENTIALS;
typedef LPSECURITYCREDENTIALSA LPSECURITYCREDENTIALS;
#endif

/* -- Numbers ------------------------------------------------------------------------------------------------------- */

#define INVALID_SOCKET APM_INET_INVALID_SOCKET
#define INET_ERROR APM_INET_ERROR
#define INET_PROTOCOL_TCP APM_INET_PROTOCOL_TCP
#define INET_PROTOCOL_UDP APM_INET_PROTOCOL_UDP
#define INET_TIMEOUT APM_INET_TIMEOUT
#define INET_OPTION_NONE APM_INET_OPTION_NONE
#define INET_OPTION_BROADCAST APM_INET_OPTION_BROADCAST
#define INET_OPTION_DONTROUTE APM_INET_OPTION_DONTROUTE
#define INET_OPTION_KEEPALIVE APM_INET_OPTION_KEEPALIVE
#define INET_OPTION_REUSEADDRESS APM_INET_OPTION_REUSEADDRESS
#define INET_OPTION_NODELAY APM_INET_OPTION_NODELAY
#define INET_OPTION_INLINE APM_INET_OPTION_INLINE
#define INET_OPTION_RESERVEDPORT APM_INET_OPTION_RESERVEDPORT
#define INET_OPTION_NOINHERIT APM_INET_OPTION_NOINHERIT
#define INET_OPTION_TRUSTEDSITE APM_INET_OPTION_TRUSTEDSITE
#define INET_OPTION_SECURE APM_INET_OPTION_SECURE
#define INET_OPTION_SECURE_FALLBACK APM_INET_OPTION_SECURE_FALLBACK
#define INET_OPTION_PREFER_IPV6 APM_INET_OPTION_PREFER_IPV6
#define INET_OPTION_FREETHREAD APM_INET_OPTION_FREETHREAD
#define INET_OPTION_DEFAULT APM_INET_OPTION_NONE
#define INET_EVENT_CONNECT APM_INET_EVENT_CONNECT
#define INET_EVENT_DISCONNECT APM_INET_EVENT_DISCONNECT
#define INET_EVENT_READ APM_INET_EVENT_READ
#define INET_EVENT_WRITE APM_INET_EVENT_WRITE
#define INET_EVENT_ACCEPT APM_INET_EVENT_ACCEPT
#define INET_EVENT_TIMEOUT APM_INET_EVENT_TIMEOUT
#define INET_ADDRESS_UNKNOWN APM_INET_ADDRESS_UNKNOWN
#define INET_ADDRESS_IPV4 APM_INET_ADDRESS_IPV4
#define INET_ADDRESS_IPV6 APM_INET_ADDRESS_IPV6
#define SECURITY_PROTOCOL_DEFAULT APM_INET_SECURITY_PROTOCOL_DEFAULT
#define SECURITY_PROTOCOL_TLS12 APM_INET_SECURITY_PROTOCOL_TLS12
#define SECURITY_PROTOCOL_TLS13 APM_INET_SECURITY_PROTOCOL_TLS13

#define ST_ERROR_NOT_HANDLE_OWNER APM_INET_E_NOT_HANDLE_OWNER
#define ST_ERROR_FILE_NOT_FOUND APM_INET_E_FILE_NOT_FOUND
#define ST_ERROR_OPERATION_CANCELED APM_INET_E_OPERATION_CANCELED
#define ST_ERROR_OUT_OF_MEMORY APM_INET_E_OUT_OF_MEMORY
#define ST_ERROR_ACCESS_DENIED APM_INET_E_ACCESS_DENIED
#define ST_ERROR_INVALID_PARAMETER APM_INET_E_INVALID_PARAMETER
#define ST_ERROR_OPERATION_WOULD_BLOCK APM_INET_E_WOULD_BLOCK
#define ST_ERROR_INVALID_HANDLE APM_INET_E_INVALID_HANDLE
#define ST_ERROR_INVALID_SIZE APM_INET_E_INVALID_SIZE
#define ST_ERROR_INVALID_PROTOCOL APM_INET_E_INVALID_PROTOCOL
#define ST_ERROR_INVALID_OPTION APM_INET_E_INVALID_OPTION
#define ST_ERROR_OPERATION_NOT_SUPPORTED APM_INET_E_NOT_SUPPORTED
#define ST_ERROR_ADDRESS_IN_USE APM_INET_E_ADDRESS_IN_USE
#define ST_ERROR_ADDRESS_UNAVAILABLE APM_INET_E_ADDRESS_UNAVAILABLE
#define ST_ERROR_CONNECTION_ABORTED APM_INET_E_CONNECTION_ABORTED
#define ST_ERROR_CONNECTION_RESET APM_INET_E_CONNECTION_RESET
#define ST_ERROR_NOT_CONNECTED APM_INET_E_NOT_CONNECTED
#define ST_ERROR_OPERATION_TIMEOUT APM_INET_E_TIMED_OUT
#define ST_ERROR_CONNECTION_REFUSED APM_INET_E_CONNECTION_REFUSED
#define ST_ERROR_NETWORK_NOT_INITIALIZED APM_INET_E_NOT_INITIALIZED
#define ST_ERROR_HOST_NAME_NOT_FOUND APM_INET_E_HOST_NOT_FOUND
#define ST_ERROR_INVALID_CERTIFICATE APM_INET_E_INVALID_CERTIFICATE
#define ST_ERROR_INVALID_CREDENTIALS APM_INET_E_INVALID_CREDENTIALS

/* -- Functions ----------------------------------------------------------------------------------------------------- */

#define InetUninitialize apm_inet_uninitialize
#define InetGetLastError apm_inet_get_last_error
#define InetSetLastError apm_inet_set_last_error
#define InetDisconnect apm_inet_disconnect
#define InetAccept apm_inet_accept
#define InetAsyncAccept apm_inet_async_accept
#define InetReject apm_inet_reject
#define InetCancel apm_inet_cancel
#define InetRead apm_inet_read
#define InetReadEx apm_inet_read_ex
#define InetPeek apm_inet_peek
#define InetWrite apm_inet_write
#define InetWriteEx apm_inet_write_ex
#define INET_SHUTDOWN_WRITE 1
#define InetShutdown(socket, how)                                  \
    ((how) == INET_SHUTDOWN_WRITE ? apm_inet_shutdown(socket)      \
                                  : (apm_inet_set_last_error(APM_INET_E_NOT_SUPPORTED), APM_INET_ERROR))
#define InetIsConnected apm_inet_is_connected
#define InetIsReadable apm_inet_is_readable
#define InetIsWritable apm_inet_is_writable
#define InetGetLocalAddress apm_inet_get_local_address
#define InetGetPeerAddress apm_inet_get_peer_address
#define InetGetTimeout apm_inet_get_timeout
#define InetSetTimeout apm_inet_set_timeout
#define InetEnableEvents apm_inet_enable_events
#define InetDisableEvents apm_inet_disable_events
#define InetFreezeEvents apm_inet_freeze_events
#define InetRegisterEvent apm_inet_register_event
#define InetAttachThread apm_inet_attach_thread
#define GetCurrentThreadId apm_inet_current_thread

#define InetInitializeA apm_inet_initialize_a
#define InetGetErrorStringA apm_inet_get_error_string_a
#define InetConnectA apm_inet_connect_a
#define InetConnectExA apm_inet_connect_ex_a
#define InetAsyncConnectA apm_inet_async_connect_a
#define InetAsyncConnectExA apm_inet_async_connect_ex_a
#define InetListenA apm_inet_listen_a
#define InetListenExA apm_inet_listen_ex_a
#define InetAsyncListenA apm_inet_async_listen_a
#define InetAsyncListenExA apm_inet_async_listen_ex_a
#define InetAcceptExA apm_inet_accept_ex_a
#define InetAsyncAcceptExA apm_inet_async_accept_ex_a
#define InetFormatAddressA apm_inet_format_address_a
#define InetGetAddressA apm_inet_get_address_a
#define InetReadLineA apm_inet_read_line_a
#define InetWriteLineA apm_inet_write_line_a
#define InetInitializeW apm_inet_initialize_w
#define InetGetErrorStringW apm_inet_get_error_string_w
#define InetConnectW apm_inet_connect_w
#define InetConnectExW apm_inet_connect_ex_w
#define InetAsyncConnectW apm_inet_async_connect_w
#define InetAsyncConnectExW apm_inet_async_connect_ex_w
#define InetListenW apm_inet_listen_w
#define InetListenExW apm_inet_listen_ex_w
#define InetAsyncListenW apm_inet_async_listen_w
#define InetAsyncListenExW apm_inet_async_listen_ex_w
#define InetAcceptExW apm_inet_accept_ex_w
#define InetAsyncAcceptExW apm_inet_async_accept_ex_w
#define InetFormatAddressW apm_inet_format_address_w
#define InetGetAddressW apm_inet_get_address_w
#define InetReadLineW apm_inet_read_line_w
#define InetWriteLineW apm_inet_write_line_w

#ifdef UNICODE
#define InetInitialize InetInitializeW
#define InetGetErrorString InetGetErrorStringW
#define InetConnect InetConnectW
#define InetConnectEx InetConnectExW
#define InetAsyncConnect InetAsyncConnectW
#define InetAsyncConnectEx InetAsyncConnectExW
#define InetListen InetListenW
#define InetListenEx InetListenExW
#define InetAsyncListen InetAsyncListenW
#define InetAsyncListenEx InetAsyncListenExW
#define InetAcceptEx InetAcceptExW
#define InetAsyncAcceptEx InetAsyncAcceptExW
#define InetFormatAddress InetFormatAddressW
#define InetGetAddress InetGetAddressW
#define InetReadLine InetReadLineW
#define InetWriteLine InetWriteLineW
#else
#define InetInitialize InetInitializeA
#define InetGetErrorString InetGetErrorStringA
#define InetConnect InetConnectA
#define InetConnectEx InetConnectExA
#define InetAsyncConnect InetAsyncConnectA
#define InetAsyncConnectEx InetAsyncConnectExA
#define InetListen InetListenA
#define InetListenEx InetListenExA
#define InetAsyncListen InetAsyncListenA
#define InetAsyncListenEx InetAsyncListenExA
#define InetAcceptEx InetAcceptExA
#define InetAsyncAcceptEx InetAsyncAcceptExA
#define InetFormatAddress InetFormatAddressA
#define InetGetAddress InetGetAddressA
#define InetReadLine InetReadLineA
#define InetWriteLine InetWriteLineA
#endif

#endif
