/*
 * The clock, and what happens at a time. See machine.h.
 */
#include "machine_parts.h"

enum {
    MAX_EVENTS = 8192,
    POINT_NS = 25 /* what passes with a point */
};

#define LIMIT_NS (600 * SIM_SECOND) /* of a run's virtual time */
#define LIMIT_POINTS UINT64_C(20000000)

struct event {
    uint64_t time_ns;
    uint64_t order;
    void (*happen)(void *, uint64_t);
    void *object;
    uint64_t value;
};

static struct event events[MAX_EVENTS];
static size_t event_count;
static uint64_t event_order;
uint64_t sim_skipped_ns;
uint64_t sim_next_ns = SIM_NEVER;

uint64_t sim_now_ns(void)
{
    return SIM_SECOND + sim_skipped_ns + sim_points * POINT_NS;
}

uint64_t sim_until(int64_t duration_ns)
{
    return duration_ns < 0 ? SIM_NEVER : sim_now_ns() + (uint64_t)duration_ns;
}

static bool is_before(const struct event *left, const struct event *right)
{
    return left->time_ns != right->time_ns ? left->time_ns < right->time_ns : left->order < right->order;
}

static void put_event(size_t place, struct event event)
{
    while (place > 0 && is_before(&event, &events[(place - 1) / 2])) {
        events[place] = events[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    for (size_t child = 2 * place + 1; child < event_count; child = 2 * place + 1) {
        if (child + 1 < event_count && is_before(&events[child + 1], &events[child]))
            child++;
        if (!is_before(&events[child], &event))
            break;
        events[place] = events[child];
        place = child;
    }
    events[place] = event;
}

void sim_at(uint64_t time_ns, void (*happen)(void *object, uint64_t value), void *object, uint64_t value)
{
    if (event_count == MAX_EVENTS)
        sim_fail("no more than %d things are under way", MAX_EVENTS);
    event_count++;
    put_event(event_count - 1, (struct event){time_ns, event_order++, happen, object, value});
    if (time_ns < sim_next_ns)
        sim_next_ns = time_ns;
}

/* Has everything happen whose time has come. */
void sim_catch_up(void)
{
    uint64_t now_ns = sim_now_ns();
    if (now_ns > LIMIT_NS)
        sim_fail("the run does not end: %llu s of virtual time are up", (unsigned long long)(LIMIT_NS / SIM_SECOND));
    if (sim_points > LIMIT_POINTS)
        sim_fail("the run does not end: %llu points", (unsigned long long)sim_points);
    if (now_ns < sim_next_ns)
        return;
    while (event_count > 0 && events[0].time_ns <= now_ns) {
        struct event event = events[0];
        event_count--;
        if (event_count > 0)
            put_event(0, events[event_count]);
        event.happen(event.object, event.value);
    }
    sim_next_ns = event_count > 0 ? events[0].time_ns : SIM_NEVER;
    for (int i = 0; i < SIM_MAX_THREADS; i++) {
        struct sim_thread *thread = &sim_threads[i];
        if (thread->state != SIM_ASLEEP)
            continue;
        if (thread->until_ns <= now_ns)
            sim_thread_wake(thread, true);
        else if (thread->until_ns < sim_next_ns)
            sim_next_ns = thread->until_ns;
    }
}
