/*
 * Inet sockets: the functions that take wide text make it UTF-8, and call the others. Any thread.
 */
#include "inet_socket.h"

/* The narrow forms of what a function has been given, which lives until it returns. */
struct narrowed {
    char *texts[8];
    size_t count;
    bool failed;
    apm_inet_credentials_a credentials;
    const apm_inet_credentials_a *given; /* NULL if there are none */
};

static const char *narrow(struct narrowed *narrowed, const wchar_t *wide)
{
    char *text;
    if (!apm__inet_narrow(wide, &text))
        narrowed->failed = true;
    narrowed->texts[narrowed->count++] = text;
    return text;
}

static void narrow_credentials(struct narrowed *narrowed, const apm_inet_credentials_w *wide)
{
    if (!wide)
        return;
    narrowed->credentials = (apm_inet_credentials_a){
        .dwSize = wide->dwSize, /* both forms have one size, or a wrong one stays wrong */
        .dwProtocol = wide->dwProtocol,
        .dwOptions = wide->dwOptions,
        .dwReserved = wide->dwReserved,
        .lpszHostName = narrow(narrowed, wide->lpszHostName),
        .lpszUserName = NULL,
        .lpszPassword = narrow(narrowed, wide->lpszPassword),
        .lpszCertStore = narrow(narrowed, wide->lpszCertStore),
        .lpszCertName = narrow(narrowed, wide->lpszCertName),
        .lpszKeyFile = narrow(narrowed, wide->lpszKeyFile),
    };
    narrowed->given = &narrowed->credentials;
}

_Static_assert(sizeof(apm_inet_credentials_a) == sizeof(apm_inet_credentials_w), "both forms have one size");

/* Wipes what may have been a password, and frees. */
static apm_inet finish(struct narrowed *narrowed, apm_inet result)
{
    for (size_t i = 0; i < narrowed->count; i++) {
        for (volatile char *at = narrowed->texts[i]; at && *at != '\0'; at++)
            *at = '\0';
        apm__os_free(narrowed->texts[i]);
    }
    return narrowed->failed ? apm__inet_fail_socket(APM_ERROR_OUT_OF_MEMORY) : result;
}

apm_inet apm_inet_connect_ex_w(const wchar_t *host, unsigned port, unsigned protocol, unsigned timeout_s,
                               uint32_t options, const wchar_t *local_address, unsigned local_port,
                               const apm_inet_credentials_w *credentials)
{
    struct narrowed narrowed = {.count = 0};
    apm_inet result = APM_INET_INVALID_SOCKET;
    const char *to = narrow(&narrowed, host);
    const char *from = narrow(&narrowed, local_address);
    narrow_credentials(&narrowed, credentials);
    if (!narrowed.failed)
        result = apm_inet_connect_ex_a(to, port, protocol, timeout_s, options, from, local_port, narrowed.given);
    return finish(&narrowed, result);
}

apm_inet apm_inet_connect_w(const wchar_t *host, unsigned port, unsigned protocol, unsigned timeout_s, uint32_t options,
                            const apm_inet_credentials_w *credentials)
{
    return apm_inet_connect_ex_w(host, port, protocol, timeout_s, options, NULL, 0, credentials);
}

apm_inet apm_inet_async_connect_ex_w(const wchar_t *host, unsigned port, unsigned protocol, unsigned timeout_s,
                                     uint32_t options, const wchar_t *local_address, unsigned local_port,
                                     const apm_inet_credentials_w *credentials, apm_event_target target,
                                     unsigned message)
{
    struct narrowed narrowed = {.count = 0};
    apm_inet result = APM_INET_INVALID_SOCKET;
    const char *to = narrow(&narrowed, host);
    const char *from = narrow(&narrowed, local_address);
    narrow_credentials(&narrowed, credentials);
    if (!narrowed.failed)
        result = apm_inet_async_connect_ex_a(to, port, protocol, timeout_s, options, from, local_port, narrowed.given,
                                             target, message);
    return finish(&narrowed, result);
}

apm_inet apm_inet_async_connect_w(const wchar_t *host, unsigned port, unsigned protocol, unsigned timeout_s,
                                  uint32_t options, const apm_inet_credentials_w *credentials, apm_event_target target,
                                  unsigned message)
{
    return apm_inet_async_connect_ex_w(host, port, protocol, timeout_s, options, NULL, 0, credentials, target, message);
}

apm_inet apm_inet_listen_ex_w(const wchar_t *local_address, unsigned local_port, unsigned backlog, uint32_t options)
{
    struct narrowed narrowed = {.count = 0};
    apm_inet result = APM_INET_INVALID_SOCKET;
    const char *from = narrow(&narrowed, local_address);
    if (!narrowed.failed)
        result = apm_inet_listen_ex_a(from, local_port, backlog, options);
    return finish(&narrowed, result);
}

apm_inet apm_inet_listen_w(const wchar_t *local_address, unsigned local_port)
{
    return apm_inet_listen_ex_w(local_address, local_port, 0, APM_INET_OPTION_NONE);
}

apm_inet apm_inet_async_listen_ex_w(const wchar_t *local_address, unsigned local_port, unsigned backlog,
                                    uint32_t options, apm_event_target target, unsigned message)
{
    struct narrowed narrowed = {.count = 0};
    apm_inet result = APM_INET_INVALID_SOCKET;
    const char *from = narrow(&narrowed, local_address);
    if (!narrowed.failed)
        result = apm_inet_async_listen_ex_a(from, local_port, backlog, options, target, message);
    return finish(&narrowed, result);
}

apm_inet apm_inet_async_listen_w(const wchar_t *local_address, unsigned local_port, apm_event_target target,
                                 unsigned message)
{
    return apm_inet_async_listen_ex_w(local_address, local_port, 0, APM_INET_OPTION_NONE, target, message);
}

apm_inet apm_inet_accept_ex_w(apm_inet listener, unsigned timeout_s, uint32_t options,
                              const apm_inet_credentials_w *credentials)
{
    struct narrowed narrowed = {.count = 0};
    apm_inet result = APM_INET_INVALID_SOCKET;
    narrow_credentials(&narrowed, credentials);
    if (!narrowed.failed)
        result = apm_inet_accept_ex_a(listener, timeout_s, options, narrowed.given);
    return finish(&narrowed, result);
}

apm_inet apm_inet_async_accept_ex_w(apm_inet listener, unsigned timeout_s, uint32_t options,
                                    const apm_inet_credentials_w *credentials, apm_event_target target,
                                    unsigned message)
{
    struct narrowed narrowed = {.count = 0};
    apm_inet result = APM_INET_INVALID_SOCKET;
    narrow_credentials(&narrowed, credentials);
    if (!narrowed.failed)
        result = apm_inet_async_accept_ex_a(listener, timeout_s, options, narrowed.given, target, message);
    return finish(&narrowed, result);
}
