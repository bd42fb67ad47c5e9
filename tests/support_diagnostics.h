/*
 * What the tests of counters and listings share: work that stays until it may go, snapshots that are waited for, and
 * the lines of a listing.
 */
#ifndef APM_TESTS_SUPPORT_DIAGNOSTICS_H
#define APM_TESTS_SUPPORT_DIAGNOSTICS_H

#include "support.h"

/* -- Work that stays until it may go ----------------------------------------------------------------------------- */

struct guest {
    struct latch entered;
    struct latch released;
    struct latch left;
    apm_manual_reset_event event; /* for guest_stay_in_a_wait, which it releases */
};

#define GUEST_INITIALIZER                                                        \
    {                                                                            \
        LATCH_INITIALIZER, LATCH_INITIALIZER, LATCH_INITIALIZER, APM_NULL_HANDLE \
    }

/* Work items, with a guest as their state: blocking elsewhere, with the hint, in a wait of the library, computing. */
void guest_stay(void *guest);
void guest_stay_with_hint(void *guest);
void guest_stay_in_a_wait(void *guest);
void guest_stay_busy(void *guest);

/* Lets the work go, and waits until it is about to return. */
void guest_let_go(struct guest *guest);

void set_threads(int min_threads, int max_threads);
void queue_item(apm_wait_callback *callback, void *state);

/* A work item that adds one to the latch that is its state. */
void count_latch(void *latch);

/* -- Snapshots --------------------------------------------------------------------------------------------------- */

/* A snapshot of the default pool, whose threads add up. */
struct apm_thread_pool_statistics statistics_now(void);

/* Looks again and again until the condition, in which `now` is the last snapshot, holds. */
#define AWAIT_STATISTICS(now, condition)                                               \
    do {                                                                               \
        int64_t await_end_ms = harness_now_ms() + PATIENCE_MS;                         \
        for ((now) = statistics_now(); !(condition); (now) = statistics_now()) {       \
            CHECK(pause_before(await_end_ms) && "statistics in which " #condition[0]); \
        }                                                                              \
    } while (0)

/* Lets a moment pass; false if the time is up. */
bool pause_before(int64_t end_ms);

/* -- Listings ---------------------------------------------------------------------------------------------------- */

enum { LISTING_LINES = 64, LINE_SIZE = 512 };

struct listing {
    size_t count;
    char lines[LISTING_LINES][LINE_SIZE];
};

/* Lists what is pending. */
void list_pending(struct listing *listing);
void print_listing(struct listing *listing);

/* How many lines begin with the text; *found is the last of them. */
size_t find_lines(struct listing *listing, const char *beginning, const char **found);

/* The one line that begins so, or with the text and the handle. */
const char *line_that_begins(struct listing *listing, const char *beginning);
const char *line_of_handle(struct listing *listing, const char *what, uint64_t bits, const char *after);

void check_says(const char *line, const char *text);
void check_says_address(const char *line, const char *before, const void *address);

/* The number that comes after the text. */
long long number_after(const char *line, const char *text);

/* Lists until there is one line that begins so, and it says that. */
const char *await_line(struct listing *listing, const char *beginning, const char *text);

/* Lists until some line says that. */
void await_text(struct listing *listing, const char *text);

/* Lists until there is nothing. */
void await_nothing(struct listing *listing);

/* -- Standard error as text -------------------------------------------------------------------------------------- */

struct redirection {
    int saved;
    int reader;
};

/* What is written to standard error from now on is kept, as far as a pipe has room for it. */
struct redirection redirect_standard_error(void);

/* Gives what has been written, and has standard error go where it went before. */
void read_and_restore(struct redirection *redirection, char *text, size_t size);

#endif
