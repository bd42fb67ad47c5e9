/*
 * See support_diagnostics.h.
 */
#include "support_diagnostics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

/* -- Work that stays until it may go ----------------------------------------------------------------------------- */

void guest_stay(void *state)
{
    struct guest *guest = state;

    latch_add(&guest->entered, 1);
    LATCH_AWAIT(&guest->released, 1);
    latch_add(&guest->left, 1);
}

void guest_stay_with_hint(void *state)
{
    apm_thread_pool_blocking_begin();
    guest_stay(state);
    apm_thread_pool_blocking_end();
}

void guest_stay_in_a_wait(void *state)
{
    struct guest *guest = state;

    latch_add(&guest->entered, 1);
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(guest->event, -1));
    latch_add(&guest->left, 1);
}

void guest_stay_busy(void *state)
{
    struct guest *guest = state;

    latch_add(&guest->entered, 1);
    while (latch_count(&guest->released) == 0) {}
    latch_add(&guest->left, 1);
}

void guest_let_go(struct guest *guest)
{
    latch_add(&guest->released, 1);
    LATCH_AWAIT(&guest->left, 1);
}

void set_threads(int min_threads, int max_threads)
{
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, min_threads));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, max_threads));
}

void queue_item(apm_wait_callback *callback, void *state)
{
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, callback, state, false));
}

void count_latch(void *latch)
{
    latch_add(latch, 1);
}

/* -- Snapshots --------------------------------------------------------------------------------------------------- */

struct apm_thread_pool_statistics statistics_now(void)
{
    struct apm_thread_pool_statistics statistics;

    CHECK_SUCCESS(apm_thread_pool_statistics(default_pool, &statistics));
    CHECK_EQ(statistics.threads, statistics.threads_running + statistics.threads_idle + statistics.threads_waiting +
                                     statistics.threads_blocking);
    return statistics;
}

bool pause_before(int64_t end_ms)
{
    struct latch pause = LATCH_INITIALIZER;

    latch_wait(&pause, 1, 1);
    return harness_now_ms() < end_ms;
}

/* -- Listings ---------------------------------------------------------------------------------------------------- */

static void keep(const char *line, void *state)
{
    struct listing *listing = state;

    CHECK(listing->count < LISTING_LINES);
    snprintf(listing->lines[listing->count++], LINE_SIZE, "%s", line);
}

void list_pending(struct listing *listing)
{
    listing->count = 0;
    CHECK_SUCCESS(apm_diagnostics_write_pending(keep, listing));
}

void print_listing(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        fprintf(stderr, "  %s\n", listing->lines[i]);
    }
}

size_t find_lines(struct listing *listing, const char *beginning, const char **found)
{
    size_t count = 0;

    for (size_t i = 0; i < listing->count; i++) {
        if (strncmp(listing->lines[i], beginning, strlen(beginning)) == 0) {
            *found = listing->lines[i];
            count++;
        }
    }
    return count;
}

const char *line_that_begins(struct listing *listing, const char *beginning)
{
    const char *found = NULL;

    if (find_lines(listing, beginning, &found) != 1) {
        print_listing(listing);
        harness_fail(__FILE__, __LINE__, "not one line begins with \"%s\"", beginning);
    }
    return found;
}

const char *line_of_handle(struct listing *listing, const char *what, uint64_t bits, const char *after)
{
    char beginning[128];

    snprintf(beginning, sizeof beginning, "%s %016llx%s", what, (unsigned long long)bits, after);
    return line_that_begins(listing, beginning);
}

void check_says(const char *line, const char *text)
{
    if (!strstr(line, text)) {
        harness_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", line, text);
    }
}

void check_says_address(const char *line, const char *before, const void *address)
{
    char text[64];

    snprintf(text, sizeof text, "%s0x%llx", before, (unsigned long long)(uintptr_t)address);
    check_says(line, text);
}

long long number_after(const char *line, const char *text)
{
    check_says(line, text);
    return strtoll(strstr(line, text) + strlen(text), NULL, 10);
}

const char *await_line(struct listing *listing, const char *beginning, const char *text)
{
    int64_t end_ms = harness_now_ms() + PATIENCE_MS;
    const char *found = NULL;

    for (;;) {
        list_pending(listing);
        if (find_lines(listing, beginning, &found) == 1 && strstr(found, text)) {
            return found;
        }
        if (!pause_before(end_ms)) {
            print_listing(listing);
            harness_fail(__FILE__, __LINE__, "no line \"%s\" says \"%s\"", beginning, text);
        }
    }
}

static bool says(const struct listing *listing, const char *text)
{
    bool found = false;

    for (size_t i = 0; i < listing->count; i++) {
        found = found || strstr(listing->lines[i], text);
    }
    return found;
}

void await_text(struct listing *listing, const char *text)
{
    int64_t end_ms = harness_now_ms() + PATIENCE_MS;

    for (list_pending(listing); !says(listing, text); list_pending(listing)) {
        if (!pause_before(end_ms)) {
            print_listing(listing);
            harness_fail(__FILE__, __LINE__, "no line says \"%s\"", text);
        }
    }
}

void await_nothing(struct listing *listing)
{
    int64_t end_ms = harness_now_ms() + PATIENCE_MS;

    for (list_pending(listing); listing->count > 0; list_pending(listing)) {
        if (!pause_before(end_ms)) {
            print_listing(listing);
            harness_fail(__FILE__, __LINE__, "this is still listed");
        }
    }
}

/* -- Standard error as text -------------------------------------------------------------------------------------- */

struct redirection redirect_standard_error(void)
{
    struct redirection redirection;
    int ends[2];

    CHECK_EQ(pipe(ends), 0);
    redirection.saved = dup(STDERR_FILENO);
    CHECK(redirection.saved >= 0);
    CHECK_EQ(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    raw_close(ends[1]);
    redirection.reader = ends[0];
    return redirection;
}

void read_and_restore(struct redirection *redirection, char *text, size_t size)
{
    size_t used = 0;
    ssize_t count;

    CHECK_EQ(dup2(redirection->saved, STDERR_FILENO), STDERR_FILENO);
    raw_close(redirection->saved);
    while (used + 1 < size && (count = read(redirection->reader, text + used, size - 1 - used)) > 0) {
        used += (size_t)count;
    }
    text[used] = '\0';
    raw_close(redirection->reader);
}
