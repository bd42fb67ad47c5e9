/*
 * What Begin refuses, and results that are begun and forgotten.
 */
#include "support.h"

TEST(begin_without_callback_and_result_is_refused)
{
    peered_socket pair = peered_socket_create();
    uint8_t buffer[4];

    CHECK_ERROR(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL, NULL, NULL),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_send(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL, NULL, NULL),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_disconnect(pair.socket, false, NULL, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_dns_begin_get_host_entry("localhost", NULL, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_dns_begin_get_host_addresses("127.0.0.1", NULL, NULL, NULL), APM_ERROR_ARGUMENT_NULL);

    /* Nothing was sent. */
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

CONTRACT_TEST(a_begin_that_fails_leaves_the_null_handle_and_calls_nobody)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    struct operation send;
    uint8_t buffer[4];

    CHECK_ERROR(apm_socket_begin_receive(pair.socket, NULL, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK(apm_async_result_is_null(receive.result));
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    receive.result.bits = 1;
    CHECK_ERROR(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK(apm_async_result_is_null(receive.result));
    CHECK_ERROR(apm_socket_begin_send(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK(apm_async_result_is_null(send.result));
    CHECK(!latch_wait(&receive.called, 1, SHORT_WHILE_MS));
    CHECK_EQ(latch_count(&send.called), 0);
    raw_close(pair.peer);
}

TEST(a_result_that_is_never_ended_does_not_keep_cleanup_from_succeeding)
{
    peered_socket pair = peered_socket_create();
    static uint8_t buffer[4];
    apm_async_result result;

    /* The harness calls apm_cleanup, which lists the result and the socket, and finds that nothing stayed open. */
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result));
    raw_close(pair.peer);
}

LIBRARY_TEST_MAIN()
