/*
 * The search. See search.h for what it does. No concurrency of its own.
 */
#include "search.h"

#include <string.h>

/* -- Which steps depend on each other ------------------------------------------------------------------------------ */

static bool is_dependent(const struct search_operation *a, const struct search_operation *b)
{
    unsigned either = a->access | b->access;
    unsigned both = a->access & b->access;
    if ((either & SEARCH_MOVES_CLOCK) && (a->access & (SEARCH_READS_CLOCK | SEARCH_MOVES_CLOCK)) &&
        (b->access & (SEARCH_READS_CLOCK | SEARCH_MOVES_CLOCK)))
        return true;
    if (a->object >= b->object + b->size || b->object >= a->object + a->size)
        return false;
    return (both & SEARCH_QUEUES) || ((either & SEARCH_WRITES) && (a->access & (SEARCH_READS | SEARCH_WRITES)) &&
                                      (b->access & (SEARCH_READS | SEARCH_WRITES)));
}

/* Whether `later` was possible just before `earlier`, with which it is dependent. */
static bool is_reversible(const struct search_operation *earlier, const struct search_operation *later)
{
    if (later->kind == MODEL_LOCK)
        return earlier->kind != MODEL_UNLOCK;
    return later->kind != MODEL_SPIN || earlier->value != later->expected;
}

static bool is_before(const struct search_step *step, const uint16_t *clock)
{
    return clock[step->thread] >= step->number;
}

static void join(uint16_t *clock, const uint16_t *other)
{
    for (int i = 0; i < MODEL_MAX_THREADS; i++)
        if (clock[i] < other[i])
            clock[i] = other[i];
}

/* -- Races --------------------------------------------------------------------------------------------------------- */

/*
 * The threads with which the opposite order of a race may begin. The race is between the step at `place` and
 * `operation`, which `thread` takes next; the opposite order is the steps after `place` that do not come after it by
 * necessity, and then `operation`. It may begin with any thread whose first step in that has none before it.
 */
static uint32_t find_initials(const struct search *search, size_t place, int thread,
                              const struct search_operation *operation)
{
    uint32_t initials = 0;
    uint16_t first[MODEL_MAX_THREADS] = {0}; /* the number of each thread's first step in the sequence */
    bool is_free = true;                     /* nothing in the sequence comes before `operation` */
    for (size_t i = place + 1; i < search->depth; i++) {
        const struct search_step *step = &search->steps[i];
        if (is_before(&search->steps[place], step->clock))
            continue;
        bool has_none_before = first[step->thread] == 0;
        for (int other = 0; other < MODEL_MAX_THREADS; other++)
            if (first[other] && step->clock[other] >= first[other])
                has_none_before = false;
        if (has_none_before)
            initials |= 1u << step->thread;
        if (!first[step->thread])
            first[step->thread] = step->number;
        if (is_before(step, search->clocks[thread]) || is_dependent(&step->operation, operation))
            is_free = false;
    }
    return is_free ? initials | 1u << thread : initials;
}

/* Has the thread tried at a place, or whatever may lead to it. */
static void try_at(struct search_step *step, int thread)
{
    step->backtrack |= step->enabled & 1u << thread ? 1u << thread : step->enabled;
}

/* Where the thread that runs at `place` has begun to run. */
static size_t find_switch(const struct search *search, size_t place)
{
    while (place > 0 && search->steps[place - 1].thread == search->steps[place].thread)
        place--;
    return place;
}

/* Has the opposite order tried for each race of the operation that `thread` is about to perform. */
static void find_races(struct search *search, int thread, const struct search_operation *operation)
{
    uint16_t covered[MODEL_MAX_THREADS] = {0}; /* what comes before a step that has been found already */
    for (size_t i = search->depth; i-- > 0;) {
        struct search_step *step = &search->steps[i];
        if (step->thread == thread || is_before(step, search->clocks[thread]) || is_before(step, covered) ||
            !is_dependent(&step->operation, operation) || !is_reversible(&step->operation, operation))
            continue;
        join(covered, step->clock);
        if (search->preemptions > 0) {
            try_at(step, thread);
            try_at(&search->steps[find_switch(search, i)], thread);
            continue;
        }
        uint32_t initials = find_initials(search, i, thread, operation);
        if (initials & (step->backtrack | step->sleep))
            continue; /* it is tried already, or has been */
        initials &= step->enabled;
        if (!initials)
            step->backtrack |= step->enabled;
        else if (initials & 1u << thread)
            step->backtrack |= 1u << thread;
        else
            step->backtrack |= initials & -initials;
    }
}

/* -- Runs ---------------------------------------------------------------------------------------------------------- */

void search_begin(struct search *search)
{
    search->depth = 0;
    search->sleep = 0;
    memset(search->clocks, 0, sizeof search->clocks);
}

static int lowest(uint32_t threads)
{
    return __builtin_ctz(threads);
}

/* Whether the thread before could have made the step of this thread's. */
static bool is_preemption(const struct search *search, size_t place, int thread)
{
    if (place == 0)
        return false;
    const struct search_step *before = &search->steps[place - 1];
    return before->thread != thread && (search->steps[place].enabled & 1u << before->thread);
}

/* Whether the number of preemptions allows it. */
static bool is_allowed(const struct search *search, size_t place, int thread)
{
    unsigned before = place > 0 ? search->steps[place - 1].preemptions : 0;
    return search->preemptions == 0 || before + is_preemption(search, place, thread) <= search->preemptions;
}

/* The thread itself, if it is one of those, or else the one after it. */
static int next_in_turn(uint32_t threads, int thread)
{
    uint32_t from_here = threads >> thread << thread;
    return lowest(from_here ? from_here : threads);
}

/* What the step at the end of the schedule is, where nothing is given. False if there is none to try. */
static bool open_step(struct search *search, struct search_step *step, const struct search_operation *next,
                      uint32_t enabled, int running)
{
    uint32_t awake = enabled & ~search->sleep;
    *step = (struct search_step){.enabled = enabled, .sleep = search->sleep};
    if (!awake)
        return false;
    step->thread = next_in_turn(awake, running < 0 ? 0 : running);
    step->backtrack = search->tries_everything ? enabled : 1u << step->thread;
    for (uint32_t left = search->tries_everything && search->preemptions == 0 ? enabled : 0; left; left &= left - 1) {
        if (next[lowest(left)].access == 0) { /* it may as well be now */
            step->thread = lowest(left);
            step->backtrack = 1u << step->thread;
        }
    }
    return true;
}

int search_choose(struct search *search, const struct search_operation *next, uint32_t enabled, int running)
{
    if (!enabled)
        return SEARCH_NOBODY;
    if (search->depth == SEARCH_MAX_STEPS)
        return SEARCH_TOO_LONG;
    struct search_step *step = &search->steps[search->depth];
    const struct search_step *before = search->depth > 0 ? step - 1 : NULL;
    if (search->preemptions > 0 && before && before->on_end >= SEARCH_SLICE && enabled != 1u << before->thread)
        enabled = 1u << next_in_turn(enabled & ~(1u << before->thread), before->thread);
    if (search->depth >= search->prefix) {
        if (!open_step(search, step, next, enabled, running))
            return SEARCH_NOBODY;
    } else if (search->is_script) {
        step->enabled = enabled;
        if (!(enabled & 1u << step->thread))
            apm__os_fail(__FILE__, __LINE__, "the schedule is one of this model");
    } else if (step->enabled != enabled) {
        apm__os_fail(__FILE__, __LINE__, "the model does the same when the schedule is the same");
    }

    int thread = step->thread;
    step->operation = next[thread];
    step->preemptions = (before ? before->preemptions : 0) + is_preemption(search, search->depth, thread);
    step->on_end = before && before->thread == thread ? before->on_end + 1 : 1;
    if (search->depth + 1 >= search->prefix && !search->tries_everything)
        find_races(search, thread, &step->operation);

    uint16_t *clock = search->clocks[thread];
    for (size_t i = 0; i < search->depth; i++) {
        const struct search_step *earlier = &search->steps[i];
        if (!is_before(earlier, clock) && is_dependent(&earlier->operation, &step->operation))
            join(clock, earlier->clock);
    }
    step->number = ++clock[thread];
    memcpy(step->clock, clock, sizeof step->clock);

    search->sleep = 0;
    uint32_t sleepers = search->tries_everything || search->preemptions > 0
                            ? 0
                            : (step->sleep | step->done) & ~(1u << thread);
    for (; sleepers; sleepers &= sleepers - 1)
        if (!is_dependent(&next[lowest(sleepers)], &step->operation))
            search->sleep |= sleepers & -sleepers;
    search->depth++;
    return thread;
}

unsigned search_outcome(const struct search *search)
{
    return search->steps[search->depth - 1].choice;
}

void search_order(struct search *search, int thread)
{
    join(search->clocks[thread], search->steps[search->depth - 1].clock);
}

void search_order_after(struct search *search, int thread, int before)
{
    join(search->clocks[thread], search->clocks[before]);
}

void search_prevented(struct search *search, int thread, const struct search_operation *operation)
{
    if (!search->tries_everything)
        find_races(search, thread, operation);
}

bool search_next(struct search *search)
{
    while (search->depth > 0) {
        struct search_step *step = &search->steps[search->depth - 1];
        if (step->choice + 1 < step->operation.choices) {
            step->choice++;
            search->prefix = search->depth;
            return true;
        }
        step->done |= 1u << step->thread;
        for (uint32_t left = step->backtrack & ~step->done & ~step->sleep; left; left &= left - 1) {
            if (!is_allowed(search, search->depth - 1, lowest(left)))
                continue;
            step->thread = lowest(left);
            step->choice = 0;
            search->prefix = search->depth;
            return true;
        }
        search->depth--;
    }
    return false;
}
