/*
 * The listing of what is pending on standard error: where it is asked for, at the end of a cleanup that has waited, and
 * what cleanup says was forgotten.
 */
#include <stdio.h>
#include <stdlib.h>

#include "support_diagnostics.h"

TEST(without_a_function_the_lines_go_to_standard_error)
{
    apm_socket socket = tcp_create();
    struct redirection redirection = redirect_standard_error();
    char text[LINE_SIZE];
    char expected[LINE_SIZE];

    CHECK_SUCCESS(apm_diagnostics_write_pending(NULL, NULL));
    read_and_restore(&redirection, text, sizeof text);
    snprintf(expected, sizeof expected, "apm: pending: socket %016llx: open", (unsigned long long)socket.bits);
    check_says(text, expected);
    CHECK_SUCCESS(apm_socket_close(socket));
}

static void time_cleanup_out(char *text, size_t size)
{
    struct guest guest = GUEST_INITIALIZER;
    struct redirection redirection;

    queue_item(guest_stay, &guest);
    LATCH_AWAIT(&guest.entered, 1);
    redirection = redirect_standard_error();
    CHECK_ERROR(apm_cleanup(0), APM_ERROR_TIMED_OUT);
    read_and_restore(&redirection, text, size);
    guest_let_go(&guest);
}

TEST(a_cleanup_that_times_out_lists_what_it_has_waited_for_if_the_environment_asks)
{
    char text[LINE_SIZE];

    time_cleanup_out(text, sizeof text);
    CHECK_STR(text, "");
    CHECK_EQ(setenv("APM_DIAGNOSTICS", "pending", 1), 0);
    time_cleanup_out(text, sizeof text);
    check_says(text, "apm: pending: worker ");
}

TEST(cleanup_lists_sockets_that_were_not_closed_and_results_that_were_not_ended)
{
    peered_socket pair = peered_socket_create();
    apm_async_result receive;
    struct redirection redirection;
    char text[4 * LINE_SIZE];
    char expected[LINE_SIZE];
    uint8_t buffer[1];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &receive));
    redirection = redirect_standard_error();
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    read_and_restore(&redirection, text, sizeof text);
    snprintf(expected, sizeof expected,
             "apm: cleanup: socket %016llx 127.0.0.1:", (unsigned long long)pair.socket.bits);
    check_says(text, expected);
    snprintf(expected, sizeof expected, "apm: cleanup: receive of socket %016llx was begun ",
             (unsigned long long)pair.socket.bits);
    check_says(text, expected);
    check_says(text, " ms ago and not ended");
#ifdef APM_DEBUG
    check_says(text, "apm: cleanup:   it was begun at ");
#endif
    raw_close(pair.peer);
}

LIBRARY_TEST_MAIN()
