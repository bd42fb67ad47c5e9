/*
 * The listing of what is pending: that it names what is there, and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_diagnostics.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

/* The same as part of an object of the program's. */
struct intrusive {
    apm_thread_pool_work_item item;
    struct guest *guest;
};

struct self_lister {
    struct listing listing;
    struct latch done;
};

static void stay_in_callback(apm_async_result result)
{
    struct guest *guest = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    guest_stay(guest);
}

/* -- Nothing ----------------------------------------------------------------------------------------------------- */

TEST(where_nothing_is_pending_nothing_is_listed)
{
    struct listing listing;
    socket_pair pair;

    list_pending(&listing);
    CHECK_EQ(listing.count, 0);
    pair = socket_pair_create();
    send_all(pair.client, "x", 1);
    socket_pair_close(pair);
    list_pending(&listing);
    CHECK_EQ(listing.count, 0);
}

static void fail_to_write(const char *line, void *state)
{
    (void)state;
    harness_fail(__FILE__, __LINE__, "\"%s\" was listed", line);
}

static int list_in_child(void *argument)
{
    return apm_diagnostics_write_pending(fail_to_write, argument) == APM_ERROR_INVALID_OPERATION ? 0 : 1;
}

TEST(a_forked_child_is_refused)
{
    apm_socket socket = tcp_create();

    join_child(fork_child(list_in_child, NULL));
    CHECK_SUCCESS(apm_socket_close(socket));
}

/* -- Operations -------------------------------------------------------------------------------------------------- */

static void end_receive(apm_async_result result)
{
    CHECK_ERROR(apm_socket_end_receive(apm_async_result_socket(result), result, NULL), APM_ERROR_OPERATION_ABORTED);
    latch_add(apm_async_result_async_state(result), 1);
}

TEST(each_pending_operation_is_listed_with_its_socket_result_age_and_callback)
{
    peered_socket pair = peered_socket_create();
    struct latch called = LATCH_INITIALIZER;
    struct latch pause = LATCH_INITIALIZER;
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_async_result accept;
    apm_async_result receive;
    struct listing listing;
    const char *line;
    char endpoint[64];
    uint8_t buffer[1];

    CHECK_SUCCESS(apm_socket_begin_accept(listener, NULL, NULL, &accept));
    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, end_receive, &called, &receive));
    CHECK(!latch_wait(&pause, 1, SHORT_WHILE_MS));
    list_pending(&listing);
    if (listing.count != 4) {
        print_listing(&listing);
    }
    CHECK_EQ(listing.count, 4);

    CHECK_SUCCESS(apm_endpoint_format(local, endpoint, sizeof endpoint));
    line = line_of_handle(&listing, "socket", listener.bits, ": listening");
    check_says(line, endpoint);
    line = line_of_handle(&listing, "socket", pair.socket.bits, ": connected");
    check_says(line, " -> 127.0.0.1:");
    line = line_of_handle(&listing, "accept of socket", listener.bits, ": result ");
    check_says(line, ", queued");
    CHECK(!strstr(line, "callback"));
    line = line_of_handle(&listing, "receive of socket", pair.socket.bits, ": result ");
    CHECK_EQ(strtoull(strstr(line, "result ") + strlen("result "), NULL, 16), receive.bits);
    check_says_address(line, ", callback ", (const void *)(uintptr_t)end_receive);
    /* The beginning is noted by a clock that is some milliseconds behind, so it was no later than that. */
    CHECK(number_after(line, "begun ") >= SHORT_WHILE_MS - 1);

    peered_socket_close(pair);
    LATCH_AWAIT(&called, 1);
    CHECK_SUCCESS(apm_socket_close(listener));
    list_pending(&listing);
    line = line_of_handle(&listing, "accept of socket", listener.bits, ": result ");
    check_says(line, "completed and not ended");
    CHECK_ERROR(apm_socket_end_accept(listener, accept, &listener), APM_ERROR_OPERATION_ABORTED);
    await_nothing(&listing);
}

static void end_in_thread(void *argument)
{
    struct operation *receive = argument;

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(receive->result), receive->result, NULL));
}

TEST(an_end_that_waits_and_a_callback_that_has_not_returned_are_said_of_their_operation)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    struct guest guest = GUEST_INITIALIZER;
    struct listing listing;
    struct thread thread;
    const char *line;
    uint8_t buffer[1];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &receive.result));
    thread_start(&thread, end_in_thread, &receive);
    await_line(&listing, "receive of socket", ", a thread waits in its End");
    raw_write(pair.peer, "x", 1);
    thread_join(&thread);

    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, stay_in_callback, &guest, NULL));
    raw_write(pair.peer, "x", 1);
    LATCH_AWAIT(&guest.entered, 1);
    list_pending(&listing);
    line = line_of_handle(&listing, "receive of socket", pair.socket.bits, ": result ");
    check_says(line, ", completed, its callback has not returned");
    line = line_that_begins(&listing, "worker ");
    check_says_address(line, ": callback ", (const void *)(uintptr_t)stay_in_callback);
    check_says(line, " of receive of socket ");
    guest_let_go(&guest);
    peered_socket_close(pair);
    await_nothing(&listing);
}

TEST(a_name_that_is_being_looked_up_is_with_the_resolver)
{
    struct listing listing;
    apm_async_result look_up;
    apm_host_entry *entry;
    const char *line;

    enter_private_network_with_names();
    CHECK_SUCCESS(apm_dns_begin_get_host_entry("slow.example", NULL, NULL, &look_up));
    list_pending(&listing);
    line = line_that_begins(&listing, "get_host_entry: result ");
    check_says(line, ", with the resolver");
    line_that_begins(&listing, "resolver: ");
    CHECK_SUCCESS(apm_dns_end_get_host_entry(look_up, &entry));
    apm_host_entry_free(entry);
    await_nothing(&listing);
}

/* -- Work -------------------------------------------------------------------------------------------------------- */

static void check_says_what_is_waited_for(struct listing *listing, apm_manual_reset_event event)
{
    char text[128];
    size_t found = 0;

    snprintf(text, sizeof text, " ms for manual-reset event %016llx", (unsigned long long)event.bits);
    for (size_t i = 0; i < listing->count; i++) {
        found += strstr(listing->lines[i], text) != NULL;
    }
    CHECK_EQ(found, 1);
}

TEST(each_item_that_runs_is_listed_with_what_it_does_and_those_that_wait_are_counted)
{
    struct guest stuck = GUEST_INITIALIZER;
    struct guest hinted = GUEST_INITIALIZER;
    struct guest waiting = GUEST_INITIALIZER;
    struct listing listing;
    const char *line;

    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 3));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, 3));
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &waiting.event));
    queue_item(guest_stay, &stuck);
    queue_item(guest_stay_with_hint, &hinted);
    queue_item(guest_stay_in_a_wait, &waiting);
    LATCH_AWAIT(&stuck.entered, 1);
    LATCH_AWAIT(&hinted.entered, 1);
    LATCH_AWAIT(&waiting.entered, 1);
    queue_item(guest_stay, &stuck);
    await_line(&listing, "manual-reset event", ": waits for it: 1");

    for (size_t i = 0; i < listing.count; i++) {
        line = listing.lines[i];
        if (strstr(line, "worker ") != line) {
            continue;
        }
        if (strstr(line, ", blocking elsewhere for ")) {
            check_says_address(line, ": work item ", (const void *)(uintptr_t)guest_stay_with_hint);
            check_says_address(line, " with state ", &hinted);
        } else if (strstr(line, ", waiting in the library for ")) {
            check_says_address(line, ": work item ", (const void *)(uintptr_t)guest_stay_in_a_wait);
            check_says_address(line, " with state ", &waiting);
        } else {
            check_says_address(line, ": work item ", (const void *)(uintptr_t)guest_stay);
            check_says_address(line, " with state ", &stuck);
        }
    }
    CHECK_EQ(find_lines(&listing, "worker ", &line), 3);
    check_says_what_is_waited_for(&listing, waiting.event);
    line_of_handle(&listing, "manual-reset event", waiting.event.bits, ": waits for it: 1");
    line_that_begins(&listing, "queue: 1 callbacks and work items wait for a thread");
    CHECK_EQ(listing.count, 5);
    guest_let_go(&hinted);
    CHECK_SUCCESS(apm_manual_reset_event_set(waiting.event));
    LATCH_AWAIT(&waiting.left, 1);
    latch_add(&stuck.released, 1);
    LATCH_AWAIT(&stuck.left, 2);
    CHECK_SUCCESS(apm_manual_reset_event_close(waiting.event));
    await_nothing(&listing);
}

TEST(an_item_that_blocks_is_found_out_and_its_age_grows)
{
    struct guest guest = GUEST_INITIALIZER;
    struct listing listing;
    const char *line;
    int64_t begun_ms = harness_now_ms();

    queue_item(guest_stay, &guest);
    LATCH_AWAIT(&guest.entered, 1);
    line = await_line(&listing, "worker ", ", blocked");
    while (number_after(line, "running for ") < SHORT_WHILE_MS) {
        line = await_line(&listing, "worker ", ", blocked");
    }
    CHECK(harness_now_ms() - begun_ms >= SHORT_WHILE_MS / 2); /* the clock of such times is some milliseconds behind */
    guest_let_go(&guest);
    await_nothing(&listing);
}

static void execute(apm_thread_pool_work_item *item)
{
    guest_stay(((struct intrusive *)(void *)item)->guest);
}

TEST(an_intrusive_item_is_listed_by_its_place)
{
    struct guest guest = GUEST_INITIALIZER;
    struct intrusive item = {.item.execute = execute, .guest = &guest};
    struct listing listing;

    CHECK_SUCCESS(apm_thread_pool_queue_work_item(default_pool, &item.item, false));
    LATCH_AWAIT(&guest.entered, 1);
    list_pending(&listing);
    check_says_address(line_that_begins(&listing, "worker "), ": work item at ", &item);
    guest_let_go(&guest);
    await_nothing(&listing);
}

/* -- The function that gets the lines ---------------------------------------------------------------------------- */

static void close_the_socket(const char *line, void *state)
{
    apm_socket *socket = state;

    if (strstr(line, "socket ") == line) {
        CHECK_SUCCESS(apm_socket_close(*socket));
    }
}

TEST(the_function_that_gets_the_lines_may_call_the_library)
{
    apm_socket socket = tcp_create();
    struct listing listing;

    CHECK_SUCCESS(apm_diagnostics_write_pending(close_the_socket, &socket));
    await_nothing(&listing);
}

static void list_in_callback(void *state)
{
    struct self_lister *lister = state;

    list_pending(&lister->listing);
    latch_add(&lister->done, 1);
}

TEST(an_item_may_list_and_finds_itself)
{
    struct self_lister lister = {.done = LATCH_INITIALIZER};

    queue_item(list_in_callback, &lister);
    LATCH_AWAIT(&lister.done, 1);
    check_says_address(line_that_begins(&lister.listing, "worker "), ": work item ",
                       (const void *)(uintptr_t)list_in_callback);
}

LIBRARY_TEST_MAIN()
