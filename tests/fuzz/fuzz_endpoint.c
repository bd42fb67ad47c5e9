/*
 * Endpoints: two lines are read as two of them, and as paths of unix domain sockets. What is read is written so that it
 * is read as the same, and the order of endpoints is one.
 */
#include <string.h>

#include "fuzz.h"

static apm_endpoint read_endpoint(const struct fuzz_text *text)
{
    apm_endpoint endpoint;
    apm_endpoint other;
    apm_error error = apm_endpoint_parse_span(text->exact, text->length, &endpoint);

    FUZZ_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_FORMAT);
    FUZZ_CHECK(apm_endpoint_is_null(endpoint) == (error != APM_ERROR_SUCCESS));
    FUZZ_CHECK(apm_endpoint_try_parse_span(text->exact, text->length, &other) == (error == APM_ERROR_SUCCESS));
    FUZZ_CHECK(apm_endpoint_equals(endpoint, other));
    if (fuzz_text_is_plain(text)) {
        FUZZ_CHECK(apm_endpoint_parse(text->terminated, &other) == error);
        FUZZ_CHECK(apm_endpoint_equals(endpoint, other));
    }
    return endpoint;
}

/* Also where the address alone is read, the endpoint is that address without a port. */
static void check_address(const struct fuzz_text *text, apm_endpoint endpoint)
{
    apm_ip_address address;

    if (memchr(text->exact, '[', text->length) == NULL &&
        apm_ip_address_try_parse_span(text->exact, text->length, &address)) {
        FUZZ_CHECK(apm_ip_address_equals(endpoint.address, address) && endpoint.port == 0);
    }
}

static void check_format(apm_endpoint endpoint)
{
    char text[APM_ENDPOINT_TEXT_SIZE];
    char short_text[APM_ENDPOINT_TEXT_SIZE];
    apm_endpoint again;
    size_t length;

    FUZZ_SUCCESS(apm_endpoint_format(endpoint, text, sizeof text));
    length = strlen(text);
    FUZZ_SUCCESS(apm_endpoint_format(endpoint, short_text, length + 1));
    FUZZ_CHECK(apm_endpoint_format(endpoint, short_text, length) == APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    FUZZ_CHECK(length == 0 || short_text[0] == '\0');
    if (endpoint.address.family != APM_ADDRESS_FAMILY_UNIX) {
        FUZZ_SUCCESS(apm_endpoint_parse(text, &again));
        FUZZ_CHECK(apm_endpoint_equals(endpoint, again));
        FUZZ_SUCCESS(apm_endpoint_create(endpoint.address, endpoint.port, &again));
        FUZZ_CHECK(apm_endpoint_equals(endpoint, again));
    } else if (endpoint.path_size > 0 && endpoint.path[0] != '\0') {
        FUZZ_SUCCESS(apm_unix_domain_socket_endpoint_create(text, &again));
        FUZZ_CHECK(apm_endpoint_equals(endpoint, again));
    }
}

static apm_endpoint read_path(const struct fuzz_text *text)
{
    apm_endpoint endpoint;
    apm_endpoint other;
    apm_error error = apm_unix_domain_socket_endpoint_from_bytes(text->exact, text->length, &endpoint);
    bool is_name = text->length > 0 && text->exact[0] == '\0';
    size_t limit = is_name ? APM_UNIX_DOMAIN_SOCKET_PATH_SIZE : APM_UNIX_DOMAIN_SOCKET_PATH_SIZE - 1;

    if (text->length == 0 || text->length > limit) {
        FUZZ_CHECK(error == APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    } else if (!is_name && !fuzz_text_is_plain(text)) {
        FUZZ_CHECK(error == APM_ERROR_ARGUMENT);
    } else {
        FUZZ_CHECK(error == APM_ERROR_SUCCESS && endpoint.path_size == text->length);
        FUZZ_CHECK(memcmp(endpoint.path, text->exact, text->length) == 0);
    }
    FUZZ_CHECK(apm_endpoint_is_null(endpoint) == (error != APM_ERROR_SUCCESS));
    if (fuzz_text_is_plain(text)) {
        FUZZ_CHECK(apm_unix_domain_socket_endpoint_create(text->terminated, &other) == error);
        FUZZ_CHECK(apm_endpoint_equals(endpoint, other));
    }
    return endpoint;
}

static void check_pair(apm_endpoint left, apm_endpoint right)
{
    int order = apm_endpoint_compare(left, right);
    int reverse = apm_endpoint_compare(right, left);

    FUZZ_CHECK((order > 0) == (reverse < 0) && (order == 0) == (reverse == 0));
    FUZZ_CHECK((order == 0) == apm_endpoint_equals(left, right));
    FUZZ_CHECK(order != 0 || apm_endpoint_get_hash_code(left) == apm_endpoint_get_hash_code(right));
}

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    enum { LINES = 2, ENDPOINTS = 2 * LINES };
    struct fuzz_input input = {bytes, size};
    apm_endpoint endpoints[ENDPOINTS];

    for (size_t i = 0; i < LINES; i++) {
        struct fuzz_text text = fuzz_text_take(&input);

        endpoints[2 * i] = read_endpoint(&text);
        endpoints[2 * i + 1] = read_path(&text);
        check_address(&text, endpoints[2 * i]);
        fuzz_text_free(&text);
    }
    for (size_t i = 0; i < ENDPOINTS; i++) {
        if (!apm_endpoint_is_null(endpoints[i])) {
            check_format(endpoints[i]);
        }
        for (size_t j = 0; j < ENDPOINTS; j++) {
            check_pair(endpoints[i], endpoints[j]);
        }
    }
    return 0;
}
