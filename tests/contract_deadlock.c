/*
 * What is said of a deadlock of the pool: who waits for what, and since when.
 */
#include <stdio.h>
#include <string.h>

#include "support_diagnostics.h"

enum { TEXT_SIZE = 1 << 15 };

/* -- Two that wait ----------------------------------------------------------------------------------------------- */

/* An item waits for the event, a callback for all the others; only an item that no thread can run would set them. */
struct tangle {
    apm_manual_reset_event event;
    apm_auto_reset_event first;
    apm_manual_reset_event second;
    _Atomic unsigned deadlocks;
    struct latch left;
};

static void note_end(struct tangle *tangle, apm_error error)
{
    if (error == APM_ERROR_DEADLOCK) {
        tangle->deadlocks++;
    } else {
        CHECK_SUCCESS(error);
    }
    latch_add(&tangle->left, 1);
}

static void wait_for_the_event(void *state)
{
    struct tangle *tangle = state;

    note_end(tangle, apm_manual_reset_event_wait_one(tangle->event, -1));
}

static void wait_for_the_others(apm_async_result result)
{
    struct tangle *tangle = apm_async_result_async_state(result);
    apm_wait_handle handles[] = {apm_auto_reset_event_to_wait_handle(tangle->first),
                                 apm_manual_reset_event_to_wait_handle(tangle->second)};

    note_end(tangle, apm_wait_handle_wait_all(handles, 2, -1));
}

static void set_all(void *state)
{
    struct tangle *tangle = state;

    CHECK_SUCCESS(apm_manual_reset_event_set(tangle->event));
    CHECK_SUCCESS(apm_auto_reset_event_set(tangle->first));
    CHECK_SUCCESS(apm_manual_reset_event_set(tangle->second));
}

/* The line of the text in which `what` stands. */
static void find_line(const char *text, const char *what, char *line)
{
    const char *found = strstr(text, what);
    const char *begin = found;
    size_t length;

    if (!found) {
        harness_fail(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", what, text);
    }
    while (begin > text && begin[-1] != '\n') {
        begin--;
    }
    length = strcspn(begin, "\n");
    CHECK(length < LINE_SIZE);
    memcpy(line, begin, length);
    line[length] = '\0';
}

static void check_item(const char *text, const struct tangle *tangle)
{
    char line[LINE_SIZE];
    char expected[LINE_SIZE];

    snprintf(expected, sizeof expected, ": work item 0x%llx with state 0x%llx, running for ",
             (unsigned long long)(uintptr_t)wait_for_the_event, (unsigned long long)(uintptr_t)tangle);
    find_line(text, expected, line);
    check_says(line, "apm: deadlock: worker ");
    snprintf(expected, sizeof expected, " ms for manual-reset event %016llx", (unsigned long long)tangle->event.bits);
    check_says(line, expected);
    CHECK(number_after(line, "waiting in the library for ") >= 900);
}

static void check_callback(const char *text, const struct tangle *tangle, apm_socket socket)
{
    char line[LINE_SIZE];
    char expected[LINE_SIZE];

    snprintf(expected, sizeof expected, ": callback 0x%llx of receive of socket %016llx, running for ",
             (unsigned long long)(uintptr_t)wait_for_the_others, (unsigned long long)socket.bits);
    find_line(text, expected, line);
    check_says(line, "apm: deadlock: worker ");
    snprintf(expected, sizeof expected, " ms for 2 objects, the first of them auto-reset event %016llx",
             (unsigned long long)tangle->first.bits);
    check_says(line, expected);
    CHECK(number_after(line, "waiting in the library for ") >= 900);
}

/* The listing has the lines that were written, and says when. */
static void check_kept(const char *text, size_t lines)
{
    static struct listing listing;
    const char *found;

    list_pending(&listing);
    CHECK_EQ(find_lines(&listing, "deadlock, ", &found), lines);
    for (size_t i = 0; i < listing.count; i++) {
        const char *said = strstr(listing.lines[i], " ms ago: ");

        if (strncmp(listing.lines[i], "deadlock, ", strlen("deadlock, ")) == 0) {
            CHECK(said);
            check_says(text, said + strlen(" ms ago: "));
        }
    }
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    list_pending(&listing);
    CHECK_EQ(find_lines(&listing, "deadlock, ", &found), 0);
}

TEST(a_deadlock_at_the_maximum_says_who_waits_for_what)
{
    static struct tangle tangle = {.left = LATCH_INITIALIZER};
    peered_socket pair = peered_socket_create();
    struct apm_thread_pool_statistics now;
    struct redirection redirection;
    apm_async_result receive;
    size_t received;
    uint8_t buffer[1];
    char text[TEXT_SIZE];
    char line[LINE_SIZE];

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &tangle.event));
    CHECK_SUCCESS(apm_auto_reset_event_create(false, &tangle.first));
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &tangle.second));
    set_threads(2, 2);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, wait_for_the_others, &tangle,
                                           &receive));
    raw_write(pair.peer, "x", 1);
    queue_item(wait_for_the_event, &tangle);
    AWAIT_STATISTICS(now, now.threads_waiting == 2);

    redirection = redirect_standard_error();
    queue_item(set_all, &tangle);
    LATCH_AWAIT(&tangle.left, 2);
    read_and_restore(&redirection, text, sizeof text);
    CHECK_EQ(tangle.deadlocks, 1);
    find_line(text, "1 callbacks and work items wait for a thread, and all threads that there may be wait", line);
    check_says(line, "; the wait of worker ");
    check_item(text, &tangle);
    check_callback(text, &tangle, pair.socket);

    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive, &received));
    CHECK_SUCCESS(apm_manual_reset_event_close(tangle.event));
    CHECK_SUCCESS(apm_auto_reset_event_close(tangle.first));
    CHECK_SUCCESS(apm_manual_reset_event_close(tangle.second));
    peered_socket_close(pair);
    check_kept(text, 3);
}

/* -- Many that wait ---------------------------------------------------------------------------------------------- */

TEST(a_deadlock_of_many_names_some_and_counts_the_rest)
{
    enum { MANY = 40, NAMED = 32 };
    static struct tangle tangle = {.left = LATCH_INITIALIZER};
    apm_thread_pool pool;
    struct apm_thread_pool_statistics now;
    struct redirection redirection;
    char text[TEXT_SIZE];
    char expected[LINE_SIZE];

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &tangle.event));
    CHECK_SUCCESS(apm_auto_reset_event_create(false, &tangle.first));
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &tangle.second));
    CHECK_SUCCESS(apm_thread_pool_create(1, MANY, &pool));
    for (int i = 0; i < MANY; i++) {
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, wait_for_the_event, &tangle, false));
    }
    do {
        CHECK_SUCCESS(apm_thread_pool_statistics(pool, &now));
    } while (now.threads_waiting < MANY);

    redirection = redirect_standard_error();
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, set_all, &tangle, false));
    LATCH_AWAIT(&tangle.left, MANY);
    read_and_restore(&redirection, text, sizeof text);
    CHECK_EQ(tangle.deadlocks, 1);
    snprintf(expected, sizeof expected, " wait for a thread of pool %016llx, and ", (unsigned long long)pool.bits);
    check_says(text, expected);
    snprintf(expected, sizeof expected, "apm: deadlock: and %d workers more\n", MANY - NAMED);
    check_says(text, expected);

    CHECK_SUCCESS(apm_thread_pool_destroy(pool, PATIENCE_MS));
    CHECK_SUCCESS(apm_manual_reset_event_close(tangle.event));
    CHECK_SUCCESS(apm_auto_reset_event_close(tangle.first));
    CHECK_SUCCESS(apm_manual_reset_event_close(tangle.second));
    check_kept(text, NAMED + 2);
}

LIBRARY_TEST_MAIN()
