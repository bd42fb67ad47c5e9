/*
 * Saying who waits for what when a wait ends as a deadlock: on standard error, and in the listing of what is pending
 * until everything has ended, or the next deadlock has come.
 *
 * It is said by the thread whose wait ends, before it leaves the wait: so the others are still in theirs, the listing
 * is there before the program gets the error, and the monitor never writes anything. What a view names may be gone or
 * another's before its line is written, as in every listing.
 *
 * Lock: that of the last deadlock's lines, a leaf. Nothing is written to standard error under it.
 */
#include "deadlock.h"

#include "os.h"
#include "pool.h"

enum {
    MOST_WORKERS = 32, /* the others are counted */
    MOST_LINES = MOST_WORKERS + 2
};

static struct {
    apm__os_mutex lock;

    /* guarded by lock */
    uint64_t number; /* of the deadlock, from 1 on */
    uint64_t ended_ns;
    size_t count; /* of its lines */
    struct apm__line lines[MOST_LINES];
} last = {.lock = APM__OS_MUTEX_INITIALIZER};

/* -- The deadlock -- */

/* The place of the deadlock before is this one's. */
static uint64_t begin(uint64_t now_ns)
{
    apm__os_mutex_lock(&last.lock);
    uint64_t number = ++last.number;
    last.ended_ns = now_ns;
    last.count = 0;
    apm__os_mutex_unlock(&last.lock);
    return number;
}

/* Keeps the line, unless another deadlock has taken the place, and writes it. */
static void say(uint64_t number, const struct apm__line *line)
{
    apm__os_mutex_lock(&last.lock);
    if (last.number == number && last.count < MOST_LINES)
        last.lines[last.count++] = *line;
    apm__os_mutex_unlock(&last.lock);
    apm__os_log("apm: deadlock: %s", line->text);
}

static void say_what_ends(uint64_t number, struct apm__pool *pool, uint32_t worker)
{
    struct apm__line line;
    apm__line_begin(&line);
    apm__line_add(&line, "%llu callbacks and work items wait for a thread",
                  (unsigned long long)apm__pool_pending(pool));
    if (pool->slot)
        apm__line_add(&line, " of pool %016llx", (unsigned long long)apm__slot_handle(pool->slot));
    apm__line_add(&line, ", and all threads that there may be wait for something; the wait of worker %u ends", worker);
    say(number, &line);
}

void apm__deadlock_report(struct apm__pool *pool, uint32_t worker)
{
    struct apm__worker_view views[MOST_WORKERS];
    struct apm__line line;
    size_t threads;
    size_t count = apm__pool_view_workers(pool, UINT32_MAX, views, MOST_WORKERS, &threads);
    uint64_t now_ns = apm__os_monotonic_ns();
    uint64_t number = begin(now_ns);
    say_what_ends(number, pool, worker);
    for (size_t i = 0; i < count; i++) {
        apm__line_begin(&line);
        apm__line_add_worker(&line, pool, &views[i], now_ns);
        say(number, &line);
    }
    if (count == threads)
        return;
    apm__line_begin(&line);
    apm__line_add(&line, "and %zu workers more", threads - count);
    say(number, &line);
}

/* -- Afterwards -- */

bool apm__deadlock_next_line(struct apm__deadlock_place *place, struct apm__line *line)
{
    uint64_t now_ns = apm__os_monotonic_ns();
    apm__os_mutex_lock(&last.lock);
    if (place->line == 0)
        place->number = last.number;
    bool found = place->number == last.number && place->line < last.count;
    if (found) {
        apm__line_begin(line);
        apm__line_add(line, "deadlock, %llu ms ago: %s", apm__age_ms(now_ns, last.ended_ns),
                      last.lines[place->line++].text);
    }
    apm__os_mutex_unlock(&last.lock);
    return found;
}

void apm__deadlock_forget(void)
{
    apm__os_mutex_lock(&last.lock);
    last.number++;
    last.count = 0;
    apm__os_mutex_unlock(&last.lock);
}
