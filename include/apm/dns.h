/*
 * Name look-ups: System.Net.Dns.
 *
 * They run on a few threads of their own, never on a pool worker. A look-up that is cancelled, or whose deadline comes,
 * completes at once; the system's resolver finishes on a copy that nobody sees.
 */
#ifndef APM_DNS_H
#define APM_DNS_H

#include <stddef.h>

#include "apm/async_result.h"
#include "apm/error.h"
#include "apm/export.h"
#include "apm/ip_address.h"

APM_BEGIN_DECLARATIONS

/* The longest name that is looked up, in bytes without its terminating zero. */
#define APM_DNS_MAX_NAME_LENGTH 255

/*
 * A host's name and addresses: System.Net.IPHostEntry. `aliases` stays empty, as in .NET on Linux. The entry and all it
 * points to is one block: apm_host_entry_free.
 */
typedef struct apm_host_entry {
    const char *host_name;
    const apm_ip_address *address_list;
    size_t address_count;
    const char *const *aliases;
    size_t alias_count;
} apm_host_entry;

/* Frees an entry; NULL is let through. */
APM_API void apm_host_entry_free(apm_host_entry *entry);

/*
 * Writes this machine's host name with its terminating zero.
 *
 * Failure  buffer[0] is zero if there is any room.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE the name does not fit.
 * .NET     Dns.GetHostName()
 */
APM_API APM_MUST_CHECK apm_error apm_dns_get_host_name(char *buffer, size_t size);

/*
 * Starts looking up the canonical name and the addresses of a host. An address as text is looked up backwards first,
 * and then the name that this gives; a name that is found in this way and has no addresses is an entry without any. The
 * empty name is this machine's.
 *
 * The Begin and End contract is that of apm/socket.h.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL `host_name_or_address` is NULL; APM_ERROR_ARGUMENT it is 0.0.0.0 or ::;
 *          APM_ERROR_OUT_OF_MEMORY; APM_ERROR_NOT_SUPPORTED the environment's APM_ENGINE names no engine.
 * .NET     Dns.BeginGetHostEntry(string, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_dns_begin_get_host_entry(const char *host_name_or_address,
                                                              apm_async_callback *callback, void *state,
                                                              apm_async_result *result);

/*
 * The same for an address.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL the value is no address; the others are those of apm_dns_begin_get_host_entry.
 * .NET     Dns.BeginGetHostEntry(IPAddress, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_dns_begin_get_host_entry_ip_address(apm_ip_address address,
                                                                         apm_async_callback *callback, void *state,
                                                                         apm_async_result *result);

/*
 * Ends it: *entry is the caller's, to be freed by apm_host_entry_free; NULL on failure.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL `entry` is NULL, which leaves the result to be ended; APM_ERROR_HOST_NOT_FOUND;
 *          APM_ERROR_TRY_AGAIN the name server failed, refused or did not answer; APM_ERROR_ARGUMENT_OUT_OF_RANGE the
 *          name is longer than 255 bytes; APM_ERROR_OUT_OF_MEMORY; APM_ERROR_OPERATION_ABORTED; APM_ERROR_TIMED_OUT.
 * .NET     Dns.EndGetHostEntry(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_dns_end_get_host_entry(apm_async_result result, apm_host_entry **entry);

/*
 * The same for the addresses only; an address as text is its own answer, without a look-up.
 *
 * *entry has host_name as it was asked for.
 *
 * .NET     Dns.BeginGetHostAddresses(string, AsyncCallback, object), Dns.EndGetHostAddresses(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_dns_begin_get_host_addresses(const char *host_name_or_address,
                                                                  apm_async_callback *callback, void *state,
                                                                  apm_async_result *result);
APM_API APM_MUST_CHECK apm_error apm_dns_end_get_host_addresses(apm_async_result result, apm_host_entry **entry);

/*
 * Looks up and waits for it. With a family the addresses of that one only; an address as text that is of another one is
 * an entry without addresses.
 *
 * Errors   those of Begin and End; APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED a name, and a family that is none of
 *          unspecified, IPv4 and IPv6.
 * .NET     Dns.GetHostEntry(string), Dns.GetHostEntry(string, AddressFamily), Dns.GetHostEntry(IPAddress),
 *          Dns.GetHostAddresses(string), Dns.GetHostAddresses(string, AddressFamily)
 */
APM_API APM_MUST_CHECK apm_error apm_dns_get_host_entry(const char *host_name_or_address, apm_host_entry **entry);
APM_API APM_MUST_CHECK apm_error apm_dns_get_host_entry_family(const char *host_name_or_address,
                                                               apm_address_family family, apm_host_entry **entry);
APM_API APM_MUST_CHECK apm_error apm_dns_get_host_entry_ip_address(apm_ip_address address, apm_host_entry **entry);
APM_API APM_MUST_CHECK apm_error apm_dns_get_host_addresses(const char *host_name_or_address, apm_host_entry **entry);
APM_API APM_MUST_CHECK apm_error apm_dns_get_host_addresses_family(const char *host_name_or_address,
                                                                   apm_address_family family, apm_host_entry **entry);

/* -- The obsolete members, for code that has them. New code takes those above. ------------------------------------ */

/*
 * As get_host_entry, but an address as text is not looked up: it is an entry of itself.
 *
 * Errors   those of apm_dns_get_host_entry; 0.0.0.0 and :: are refused by Begin only.
 * .NET     Dns.BeginGetHostByName(string, AsyncCallback, object), Dns.EndGetHostByName(IAsyncResult),
 *          Dns.GetHostByName(string)
 */
APM_API APM_MUST_CHECK apm_error apm_dns_begin_get_host_by_name(const char *host_name, apm_async_callback *callback,
                                                                void *state, apm_async_result *result);
APM_API APM_MUST_CHECK apm_error apm_dns_end_get_host_by_name(apm_async_result result, apm_host_entry **entry);
APM_API APM_MUST_CHECK apm_error apm_dns_get_host_by_name(const char *host_name, apm_host_entry **entry);

/*
 * As get_host_entry, but an address as text of which backwards no name is found is an entry of itself, also if it is
 * 0.0.0.0 or ::.
 *
 * Errors   those of apm_dns_get_host_entry.
 * .NET     Dns.BeginResolve(string, AsyncCallback, object), Dns.EndResolve(IAsyncResult), Dns.Resolve(string)
 */
APM_API APM_MUST_CHECK apm_error apm_dns_begin_resolve(const char *host_name, apm_async_callback *callback,
                                                       void *state, apm_async_result *result);
APM_API APM_MUST_CHECK apm_error apm_dns_end_resolve(apm_async_result result, apm_host_entry **entry);
APM_API APM_MUST_CHECK apm_error apm_dns_resolve(const char *host_name, apm_host_entry **entry);

/*
 * Looks an address up backwards, and then the name that this gives.
 *
 * Errors   those of apm_dns_get_host_entry, but 0.0.0.0 and :: are looked up; APM_ERROR_ARGUMENT_NULL `address` is
 *          NULL, or no address; APM_ERROR_FORMAT the text is no address.
 * .NET     Dns.GetHostByAddress(string), Dns.GetHostByAddress(IPAddress)
 */
APM_API APM_MUST_CHECK apm_error apm_dns_get_host_by_address(const char *address, apm_host_entry **entry);
APM_API APM_MUST_CHECK apm_error apm_dns_get_host_by_address_ip_address(apm_ip_address address, apm_host_entry **entry);

APM_END_DECLARATIONS

#endif
