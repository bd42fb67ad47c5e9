/*
 * The first message of a client, as a server reads it before it has an engine: it is read, too short, or wrong; nothing
 * beyond it is looked at; and more bytes behind a message do not change what has been said of it.
 */
#include "client_hello.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    char name[APM__HOST_NAME_SIZE];
    char again[APM__HOST_NAME_SIZE];
    enum apm__client_hello outcome;

    memset(name, 'x', sizeof name);
    outcome = apm__client_hello_name(bytes, size, name);
    FUZZ_CHECK(memchr(name, '\0', sizeof name) != NULL);
    FUZZ_CHECK(outcome == APM__CLIENT_HELLO_READ || name[0] == '\0');
    for (size_t part = 0; part < size; part++) {
        /* In memory of its own size, so that a sanitizer sees each read beyond it. */
        uint8_t *exact = malloc(part + 1);

        FUZZ_CHECK(exact != NULL);
        memcpy(exact + 1, bytes, part);
        enum apm__client_hello earlier = apm__client_hello_name(exact + 1, part, again);
        FUZZ_CHECK(earlier == APM__CLIENT_HELLO_SHORT || (earlier == outcome && strcmp(name, again) == 0));
        free(exact);
    }
    return 0;
}
