/*
 * Properties and options of sockets, and asking what they are ready for.
 */
#include "torture.h"

static void options(apm_socket socket)
{
    int value;
    size_t size = sizeof value;
    bool flag;
    apm_linger_option linger;
    OK(apm_socket_no_delay(socket, &flag));
    OK(apm_socket_set_no_delay(socket, true));
    OK(apm_socket_set_receive_buffer_size(socket, 20000));
    OK(apm_socket_linger_state(socket, &linger));
    OK(apm_socket_ttl(socket, &value));
    OK(apm_socket_set_ttl(socket, 64));
    OK(apm_socket_dont_fragment(socket, &flag));
    OK(apm_socket_set_dont_fragment(socket, true));
    OK(apm_socket_get_socket_option(socket, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_ERROR, &value));
    OK(apm_socket_get_socket_option(socket, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_TYPE, &value));
    OK(apm_socket_get_raw_socket_option(socket, 1, 3, &value, &size));
    value = 0;
    OK(apm_socket_set_socket_option(socket, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_KEEP_ALIVE, 1));
}

static void properties(void)
{
    apm_socket listener;
    apm_endpoint local;
    apm_endpoint remote;
    socket_pair pair;
    size_t written;
    int value;
    bool ready;
    if (!torture_listen(&listener, &local))
        return;
    if (torture_connect(listener, local, &pair)) {
        options(pair.client);
        OK(apm_socket_remote_endpoint(pair.client, &remote));
        OK(apm_socket_io_control(pair.client, APM_IO_CONTROL_CODE_DATA_TO_READ, NULL, 0, &value, sizeof value,
                                 &written));
        OK(apm_socket_io_control(pair.client, APM_IO_CONTROL_CODE_OOB_DATA_READ, NULL, 0, &value, sizeof value,
                                 &written));
        OK(apm_socket_poll(pair.client, 0, APM_SELECT_MODE_SELECT_WRITE, &ready));
        apm_socket sockets[] = {pair.client, pair.server};
        size_t count = 2;
        OK(apm_socket_select(NULL, NULL, sockets, &count, NULL, NULL, 0));
        torture_close(pair.client);
        torture_close(pair.server);
    }
    torture_close(listener);
}

TORTURE(properties_bear_every_failing_call, properties)

static void listing(void)
{
    apm_socket listener;
    apm_endpoint local;
    if (torture_listen(&listener, &local)) {
        OK(apm_diagnostics_write_pending(NULL, NULL));
        torture_close(listener);
    }
}

/* The endpoint of a socket that has none is left out of a line. */
TORTURE(the_listing_of_what_is_pending_bears_every_failing_call, listing,
        .borne = "apm__os_socket_local_endpoint apm__os_socket_remote_endpoint")

/* The name of an interface, which is looked up where an address has it. */
static void scopes(void)
{
    apm_ip_address address;
    OK(apm_ip_address_parse("fe80::1%lo", &address));
}

TORTURE(scopes_bear_every_failing_call, scopes)
