/*
 * Owns the syntax of targets.
 */
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"

#define HTTP_PORT 80
#define HTTPS_PORT 443

static bool take_prefix(const char **text, const char *prefix)
{
    size_t size = strlen(prefix);

    if (strncmp(*text, prefix, size) != 0)
        return false;
    *text += size;
    return true;
}

/* The same where the prefix is one of two, of which the second one asks for TLS. */
static bool take_scheme(struct target *target, const char **text, const char *plain, const char *secure)
{
    target->is_tls = take_prefix(text, secure);
    return target->is_tls || take_prefix(text, plain);
}

static int parse_port(const char *whole, const char *text, size_t size, bool is_server)
{
    char *end;
    long port = size == 0 ? -1 : strtol(text, &end, 10);

    if (port < (is_server ? 0 : 1) || port > 65535 || end != text + size || text[0] == '+' || text[0] == ' ')
        command_line_refuse("'%s': '%.*s' is no port", whole, (int)size, text);
    return (int)port;
}

/* Reads HOST:PORT of `size` characters; a missing port is `default_port`, or an error if that is -1. */
static void parse_host(struct target *target, const char *whole, const char *text, size_t size, int default_port,
                       bool is_server)
{
    const char *end = text + size;
    const char *host = text;
    const char *host_end;
    const char *port;

    if (size > 0 && *text == '[') {
        host++;
        host_end = memchr(host, ']', (size_t)(end - host));
        if (host_end == NULL)
            command_line_refuse("'%s': the bracket is not closed", whole);
        port = host_end + 1;
    } else {
        host_end = memchr(text, ':', size);
        if (host_end == NULL)
            host_end = end;
        port = host_end;
        if (port < end && memchr(port + 1, ':', (size_t)(end - port - 1)) != NULL)
            command_line_refuse("'%s': an IPv6 address stands in brackets, as in [::1]:7000", whole);
    }
    if (port < end && *port != ':')
        command_line_refuse("'%s': after the address comes a colon and the port", whole);
    if (port == end && default_port < 0)
        command_line_refuse("'%s': the port is missing, as in 127.0.0.1:7000", whole);
    target->port = port == end ? default_port : parse_port(whole, port + 1, (size_t)(end - port - 1), is_server);
    if ((size_t)(host_end - host) >= sizeof target->host)
        command_line_refuse("'%s': the name is too long", whole);
    memcpy(target->host, host, (size_t)(host_end - host));
    if (host == host_end)
        snprintf(target->host, sizeof target->host, "127.0.0.1");
}

static void parse_name(struct target *target, const char *whole, const char *text, size_t size)
{
    char name[APM_UNIX_DOMAIN_SOCKET_PATH_SIZE + 1] = "";

    if (size < sizeof name)
        memcpy(name, text, size);
    if (name[0] == '@')
        name[0] = '\0';
    if (size >= sizeof name ||
        apm_unix_domain_socket_endpoint_from_bytes(name, size, &target->name) != APM_ERROR_SUCCESS)
        command_line_refuse("'%s': the path of a unix domain socket has 1 to 107 bytes", whole);
    target->transport = TRANSPORT_UNIX;
}

struct target target_parse(const char *text, bool is_server)
{
    struct target target = {.transport = TRANSPORT_TCP, .path = "/"};
    const char *rest = text;

    if (take_scheme(&target, &rest, "http://", "https://")) {
        size_t size = strcspn(rest, "/?#");
        target.is_http = true;
        parse_host(&target, text, rest, size, target.is_tls ? HTTPS_PORT : HTTP_PORT, is_server);
        if (rest[size] == '/')
            target.path = rest + size;
        else if (rest[size] != '\0')
            command_line_refuse("'%s': a path comes before the query, as in http://host/?a=b", text);
    } else if (take_scheme(&target, &rest, "http+unix:", "https+unix:")) {
        const char *path = strchr(rest, ':');
        target.is_http = true;
        parse_name(&target, text, rest, path == NULL ? strlen(rest) : (size_t)(path - rest));
        if (path != NULL && path[1] == '/')
            target.path = path + 1;
        else if (path != NULL)
            command_line_refuse("'%s': the path behind the socket begins with a slash", text);
    } else if (take_scheme(&target, &rest, "unix:", "tls+unix:")) {
        parse_name(&target, text, rest, strlen(rest));
    } else {
        if (take_prefix(&rest, "udp://"))
            target.transport = TRANSPORT_UDP;
        else if (!take_scheme(&target, &rest, "tcp://", "tls://") && strstr(rest, "://") != NULL)
            command_line_refuse("'%s': there are tcp://, tls://, udp://, unix:, tls+unix:, http://, https://, "
                                "http+unix: and https+unix:",
                                text);
        parse_host(&target, text, rest, strlen(rest), -1, is_server);
    }
    return target;
}

size_t target_resolve(const struct target *target, apm_endpoint *endpoints, size_t most)
{
    apm_host_entry *entry;
    apm_error error;
    size_t count = 0;

    if (target->transport == TRANSPORT_UNIX) {
        endpoints[0] = target->name;
        return 1;
    }
    error = apm_dns_get_host_addresses(target->host, &entry);
    if (error != APM_ERROR_SUCCESS)
        command_line_fail("%s: %s (%s)", target->host, apm_error_message(error), apm_error_name(error));
    for (size_t i = 0; i < entry->address_count && count < most; i++)
        if (apm_endpoint_create(entry->address_list[i], target->port, &endpoints[count]) == APM_ERROR_SUCCESS)
            count++;
    apm_host_entry_free(entry);
    if (count == 0)
        command_line_fail("%s: it has no address", target->host);
    return count;
}

void target_secure(struct target *target, const char *text)
{
    if (target->transport == TRANSPORT_UDP)
        command_line_refuse("'%s': TLS does not go with udp://", text);
    target->is_tls = true;
}

void target_format(const struct target *target, apm_endpoint endpoint, char *text)
{
    static const char *const prefixes[][2] = {
        [TRANSPORT_TCP] = {"tcp://", "tls://"},
        [TRANSPORT_UDP] = {"udp://", "udp://"},
        [TRANSPORT_UNIX] = {"unix:", "tls+unix:"},
    };
    char address[APM_ENDPOINT_TEXT_SIZE];

    if (apm_endpoint_format(endpoint, address, sizeof address) != APM_ERROR_SUCCESS)
        snprintf(address, sizeof address, "?");
    snprintf(text, TARGET_TEXT_SIZE, "%s%s", prefixes[target->transport][target->is_tls], address);
}

apm_error target_socket(enum transport transport, apm_endpoint endpoint, apm_socket *socket)
{
    bool is_udp = transport == TRANSPORT_UDP;
    apm_protocol_type protocol = transport == TRANSPORT_TCP ? APM_PROTOCOL_TYPE_TCP
                                 : is_udp                   ? APM_PROTOCOL_TYPE_UDP
                                                            : APM_PROTOCOL_TYPE_UNSPECIFIED;
    apm_error error = apm_socket_create(endpoint.address.family,
                                        is_udp ? APM_SOCKET_TYPE_DGRAM : APM_SOCKET_TYPE_STREAM, protocol, socket);

    if (error == APM_ERROR_SUCCESS && transport == TRANSPORT_TCP)
        error = apm_socket_set_no_delay(*socket, true);
    return error;
}
