/*
 * The library's part in the file benchmark: one Begin, and an End when the callback has come.
 */
#include <stdio.h>

#include "apm/apm.h"
#include "send_file.h"

const char *const send_file_name = "apm";

static void on_sent(apm_async_result result)
{
    apm_manual_reset_event *done = apm_async_result_async_state(result);

    apm_manual_reset_event_set(*done);
}

static apm_error send_and_wait(apm_socket socket, const char *file_name, uint64_t *sent)
{
    apm_manual_reset_event done;
    apm_async_result result;
    apm_error error = apm_manual_reset_event_create(false, &done);

    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm_socket_begin_send_file(socket, file_name, on_sent, &done, &result);
    if (error == APM_ERROR_SUCCESS) {
        error = apm_manual_reset_event_wait_one(done, APM_TIMEOUT_INFINITE);
        apm_error ended = apm_socket_end_send_file(socket, result, sent);
        error = error == APM_ERROR_SUCCESS ? ended : error;
    }
    apm_manual_reset_event_close(done);
    return error;
}

uint64_t send_file_to(uint16_t port, const char *file_name, uint64_t size)
{
    apm_socket socket;
    uint64_t sent = 0;
    apm_error error = apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                                        &socket);

    (void)size;
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_connect_address(socket, apm_ip_address_loopback(), port);
    if (error == APM_ERROR_SUCCESS)
        error = send_and_wait(socket, file_name, &sent);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_close_and_wait(socket, 10000);
    if (error != APM_ERROR_SUCCESS)
        fprintf(stderr, "send_file_apm: %s\n", apm_error_name(error));
    return sent;
}
