/*
 * Owns endpoints: an address with a port, or the path of a unix domain socket, as .NET's IPEndPoint and
 * UnixDomainSocketEndPoint make, compare, read and write them.
 *
 * No state and no locks; any thread. Knows nothing of an address's text but how a port stands behind it.
 */
#include <stdio.h>
#include <string.h>

#include "apm/ip_address.h"
#include "hash.h"
#include "ip_address_text.h"

static bool is_address(apm_ip_address address)
{
    return address.family == APM_ADDRESS_FAMILY_INTER_NETWORK || address.family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
}

apm_error apm_endpoint_create(apm_ip_address address, int port, apm_endpoint *endpoint)
{
    if (endpoint == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *endpoint = (apm_endpoint){.port = 0};
    if (!is_address(address)) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    if (port < APM_ENDPOINT_MIN_PORT || port > APM_ENDPOINT_MAX_PORT) {
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    }
    *endpoint = (apm_endpoint){.address = address, .port = (uint16_t)port};
    return APM_ERROR_SUCCESS;
}

apm_error apm_endpoint_from_number(int64_t address, int port, apm_endpoint *endpoint)
{
    if (endpoint == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *endpoint = (apm_endpoint){.port = 0};
    apm_ip_address made;
    apm_error error = apm_ip_address_from_number(address, &made);
    return error == APM_ERROR_SUCCESS ? apm_endpoint_create(made, port, endpoint) : error;
}

/* -- Unix domain sockets ------------------------------------------------------------------------------------------- */

static bool is_unix(apm_endpoint endpoint)
{
    return endpoint.address.family == APM_ADDRESS_FAMILY_UNIX;
}

apm_error apm_unix_domain_socket_endpoint_create(const char *path, apm_endpoint *endpoint)
{
    if (path == NULL && endpoint != NULL) {
        *endpoint = (apm_endpoint){.port = 0};
    }
    if (path == NULL || endpoint == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    return apm_unix_domain_socket_endpoint_from_bytes(path, strlen(path), endpoint);
}

apm_error apm_unix_domain_socket_endpoint_from_bytes(const void *bytes, size_t size, apm_endpoint *endpoint)
{
    if (endpoint == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *endpoint = (apm_endpoint){.port = 0};
    if (bytes == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    if (size == 0) {
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    }
    bool is_abstract = *(const char *)bytes == '\0';
    size_t room = is_abstract ? APM_UNIX_DOMAIN_SOCKET_PATH_SIZE : APM_UNIX_DOMAIN_SOCKET_PATH_SIZE - 1;
    if (size > room) {
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    }
    if (!is_abstract && memchr(bytes, '\0', size) != NULL) {
        return APM_ERROR_ARGUMENT;
    }
    endpoint->address.family = APM_ADDRESS_FAMILY_UNIX;
    endpoint->path_size = (uint8_t)size;
    memcpy(endpoint->path, bytes, size);
    return APM_ERROR_SUCCESS;
}

/* The path, of at most as many bytes as there are, whatever the caller's value says. */
static size_t path_size(const apm_endpoint *endpoint)
{
    return endpoint->path_size < sizeof endpoint->path ? endpoint->path_size : sizeof endpoint->path;
}

static apm_error format_path(const apm_endpoint *endpoint, char *buffer, size_t size)
{
    char text[APM_ENDPOINT_TEXT_SIZE];
    size_t length = path_size(endpoint);
    for (size_t i = 0; i < length; i++) {
        text[i] = endpoint->path[i] == '\0' ? '@' : endpoint->path[i];
    }
    text[length] = '\0';
    return apm__text_deliver(text, length, buffer, size);
}

static int compare_paths(const apm_endpoint *left, const apm_endpoint *right)
{
    size_t left_size = path_size(left);
    size_t right_size = path_size(right);
    int order = memcmp(left->path, right->path, left_size < right_size ? left_size : right_size);
    if (order != 0 || left_size == right_size) {
        return order;
    }
    return left_size < right_size ? -1 : 1;
}

/* -- Text ---------------------------------------------------------------------------------------------------------- */

/*
 * Returns the length of the address in front of the last colon, or of the whole text if that colon belongs to the
 * address: a port stands behind a bracket, or behind the only colon.
 */
static size_t find_address_length(const char *text, size_t length)
{
    size_t last = length;
    while (last > 0 && text[last - 1] != ':') {
        last--;
    }
    if (last <= 1) {
        return length; /* there is none, or nothing in front of it */
    }
    last--;
    bool behind_bracket = text[last - 1] == ']';
    bool only_colon = memchr(text, ':', length) == text + last;
    return behind_bracket || only_colon ? last : length;
}

apm_error apm_endpoint_parse_span(const char *text, size_t length, apm_endpoint *endpoint)
{
    if (endpoint == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *endpoint = (apm_endpoint){.port = 0};
    if (text == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    size_t address_length = find_address_length(text, length);
    apm_endpoint read = {.port = 0};
    if (address_length < length) {
        unsigned port;
        if (!apm__text_read_number(text + address_length + 1, length - address_length - 1, APM_ENDPOINT_MAX_PORT,
                                   &port)) {
            return APM_ERROR_FORMAT;
        }
        read.port = (uint16_t)port;
    }
    if (!apm__ip_address_read(text, address_length, &read.address)) {
        return APM_ERROR_FORMAT;
    }
    *endpoint = read;
    return APM_ERROR_SUCCESS;
}

apm_error apm_endpoint_parse(const char *text, apm_endpoint *endpoint)
{
    return apm_endpoint_parse_span(text, text == NULL ? 0 : strlen(text), endpoint);
}

bool apm_endpoint_try_parse(const char *text, apm_endpoint *endpoint)
{
    return apm_endpoint_parse(text, endpoint) == APM_ERROR_SUCCESS;
}

bool apm_endpoint_try_parse_span(const char *text, size_t length, apm_endpoint *endpoint)
{
    return apm_endpoint_parse_span(text, length, endpoint) == APM_ERROR_SUCCESS;
}

apm_error apm_endpoint_format(apm_endpoint endpoint, char *buffer, size_t size)
{
    if (buffer == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    if (size > 0) {
        buffer[0] = '\0';
    }
    if (is_unix(endpoint)) {
        return format_path(&endpoint, buffer, size);
    }
    char address[APM_IP_ADDRESS_TEXT_SIZE];
    apm_error error = apm_ip_address_format(endpoint.address, address, sizeof address);
    if (error != APM_ERROR_SUCCESS) {
        return error;
    }
    bool bracketed = endpoint.address.family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
    char text[APM_ENDPOINT_TEXT_SIZE];
    int length = snprintf(text, sizeof text, "%s%s%s:%u", bracketed ? "[" : "", address, bracketed ? "]" : "",
                          (unsigned)endpoint.port);
    return apm__text_deliver(text, (size_t)length, buffer, size);
}

int apm_endpoint_compare(apm_endpoint left, apm_endpoint right)
{
    int order = apm_ip_address_compare(left.address, right.address);
    if (order != 0) {
        return order;
    }
    if (is_unix(left)) {
        return compare_paths(&left, &right);
    }
    if (left.port == right.port) {
        return 0;
    }
    return left.port < right.port ? -1 : 1;
}

bool apm_endpoint_equals(apm_endpoint left, apm_endpoint right)
{
    return apm_endpoint_compare(left, right) == 0;
}

uint32_t apm_endpoint_get_hash_code(apm_endpoint endpoint)
{
    return apm__hash_number(apm_ip_address_get_hash_code(endpoint.address), endpoint.port);
}
