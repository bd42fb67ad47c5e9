/*
 * An idle pool: what its monitor does while nothing happens, which is nothing. How often a thread has gone to sleep of
 * its own accord, the kernel counts; a thread that wakes up for whatever reason goes to sleep again.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_diagnostics.h"

enum {
    HOUR_MS = 3600000,
    SETTLED_MS = 200, /* while nothing happens, after which all has come to rest */
    IDLE_MS = 1000,   /* as scaled by APM_TEST_SCALE, up to */
    MOST_IDLE_MS = 10000,
    RECEIVES = 8
};

/* Reads a file of the thread's folder in the system's listing of threads; false if the thread is gone. */
static bool read_of_thread(const char *number, const char *file, char *text, size_t size)
{
    char path[300];
    size_t length;
    FILE *stream;

    snprintf(path, sizeof path, "/proc/self/task/%s/%s", number, file);
    stream = fopen(path, "r");
    if (!stream) {
        return false;
    }
    length = fread(text, 1, size - 1, stream);
    text[length] = '\0';
    fclose(stream);
    return length > 0;
}

struct sleeps {
    size_t monitors;
    long long count; /* of the times that they have gone to sleep */
};

static struct sleeps count_sleeps(void)
{
    struct sleeps sleeps = {0};
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;
    char text[4096];

    CHECK(folder != NULL);
    while ((entry = readdir(folder)) != NULL) {
        if (!read_of_thread(entry->d_name, "comm", text, sizeof text) || strcmp(text, "apm monitor\n") != 0) {
            continue;
        }
        CHECK(read_of_thread(entry->d_name, "status", text, sizeof text));
        sleeps.monitors++;
        sleeps.count += number_after(text, "\nvoluntary_ctxt_switches:");
    }
    closedir(folder);
    return sleeps;
}

static void let_time_pass(int duration_ms)
{
    struct latch nothing = LATCH_INITIALIZER;

    CHECK(!latch_wait(&nothing, 1, duration_ms));
}

/* Waits until the monitors rest, and then fails if one of them wakes up. */
static void check_rest(size_t monitors)
{
    int64_t end_ms = harness_now_ms() + PATIENCE_MS;
    size_t idle_ms = harness_scaled(IDLE_MS);
    struct sleeps before;
    struct sleeps after = count_sleeps();

    do {
        CHECK(harness_now_ms() < end_ms && "the monitors have come to rest"[0]);
        before = after;
        let_time_pass(SETTLED_MS);
        after = count_sleeps();
    } while (after.count != before.count || after.monitors != monitors);
    let_time_pass((int)(idle_ms < MOST_IDLE_MS ? idle_ms : MOST_IDLE_MS));
    after = count_sleeps();
    CHECK_EQ(after.count, before.count);
}

TEST(the_monitor_does_not_wake_up_while_nothing_is_there)
{
    struct latch done = LATCH_INITIALIZER;

    queue_item(count_latch, &done);
    LATCH_AWAIT(&done, 1);
    check_rest(1);
}

static void ignore_fire(void *state)
{
    (void)state;
}

static void ignore_signal(void *state, bool timed_out)
{
    (void)state;
    (void)timed_out;
}

TEST(timers_deadlines_receives_and_waits_that_are_not_due_do_not_wake_the_monitor)
{
    const apm_thread_pool pool = APM_NULL_HANDLE;
    peered_socket pairs[RECEIVES];
    apm_async_result receives[RECEIVES];
    uint8_t bytes[RECEIVES];
    struct guest guest = GUEST_INITIALIZER;
    apm_registered_wait_handle registered;
    apm_timer timer;
    size_t received;

    for (size_t i = 0; i < RECEIVES; i++) {
        pairs[i] = peered_socket_create();
        CHECK_SUCCESS(
            apm_socket_begin_receive(pairs[i].socket, &bytes[i], 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &receives[i]));
        CHECK_SUCCESS(apm_async_result_cancel_after(receives[i], HOUR_MS));
    }
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &guest.event));
    CHECK_SUCCESS(apm_timer_create(pool, ignore_fire, NULL, HOUR_MS, HOUR_MS, &timer));
    CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(
        pool, apm_manual_reset_event_to_wait_handle(guest.event), ignore_signal, NULL, HOUR_MS, false, &registered));
    queue_item(guest_stay_in_a_wait, &guest);
    LATCH_AWAIT(&guest.entered, 1);
    check_rest(1);

    CHECK_SUCCESS(apm_registered_wait_handle_unregister(registered, (apm_wait_handle)APM_NULL_HANDLE));
    CHECK_SUCCESS(apm_manual_reset_event_set(guest.event));
    LATCH_AWAIT(&guest.left, 1);
    CHECK_SUCCESS(apm_timer_close(timer));
    for (size_t i = 0; i < RECEIVES; i++) {
        CHECK_SUCCESS(apm_async_result_cancel(receives[i]));
        CHECK_ERROR(apm_socket_end_receive(pairs[i].socket, receives[i], &received), APM_ERROR_OPERATION_ABORTED);
        peered_socket_close(pairs[i]);
    }
    CHECK_SUCCESS(apm_manual_reset_event_close(guest.event));
}

TEST(the_monitors_of_two_pools_do_not_wake_up_after_a_burst_of_work)
{
    enum { ITEMS = 1000 };
    apm_thread_pool pool;
    struct latch done = LATCH_INITIALIZER;

    CHECK_SUCCESS(apm_thread_pool_create(2, 4, &pool));
    for (int i = 0; i < ITEMS; i++) {
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, count_latch, &done, false));
        queue_item(count_latch, &done);
    }
    LATCH_AWAIT(&done, 2 * ITEMS);
    check_rest(2);
    CHECK_SUCCESS(apm_thread_pool_destroy(pool, PATIENCE_MS));
}

LIBRARY_TEST_MAIN()
