/*
 * The first message of a client, as far as a server has to know it before it begins: the name that the client asks for,
 * by which a certificate is selected. No state, any thread.
 */
#ifndef APM__CLIENT_HELLO_H
#define APM__CLIENT_HELLO_H

#include <stddef.h>

#include "host_name.h"

enum apm__client_hello {
    APM__CLIENT_HELLO_READ,  /* `name` is what the client asks for, "" for none */
    APM__CLIENT_HELLO_SHORT, /* there has to be more of it */
    APM__CLIENT_HELLO_WRONG  /* it is none; the engine will say so */
};

/* Looks at the first bytes of a connection, whose message may be cut into several records. */
enum apm__client_hello apm__client_hello_name(const void *bytes, size_t size, char name[APM__HOST_NAME_SIZE]);

#endif
