/*
 * Making connect plans, and the order of a race. Any thread; no locks. See connect_plan.h.
 */
#include "connect_plan.h"

#include <stdalign.h>
#include <string.h>

static size_t align(size_t size)
{
    const size_t alignment = alignof(max_align_t);
    return (size + alignment - 1) / alignment * alignment;
}

struct apm__connect_plan *apm__connect_plan_create(size_t capacity, bool with_race)
{
    size_t race_at = align(sizeof(struct apm__connect_plan) + capacity * sizeof(apm_endpoint));
    size_t attempts_at = race_at + align(sizeof(struct apm__connect_race));
    size_t size = with_race ? attempts_at + capacity * sizeof(struct apm__connect_attempt) : race_at;
    unsigned char *block = apm__os_allocate(size);
    if (!block)
        return NULL;
    struct apm__connect_plan *plan = (struct apm__connect_plan *)(void *)block;
    if (with_race) {
        plan->race = (struct apm__connect_race *)(void *)(block + race_at);
        plan->race->attempts = (struct apm__connect_attempt *)(void *)(block + attempts_at);
    }
    return plan;
}

/* The place, from `start` on, of the first endpoint that is of the family, or is not; `count` if there is none. */
static size_t find(const struct apm__connect_plan *plan, size_t start, apm_address_family family, bool is_of_it)
{
    size_t place = start;
    while (place < plan->count && (plan->endpoints[place].address.family == family) != is_of_it)
        place++;
    return place;
}

void apm__connect_plan_interleave(struct apm__connect_plan *plan)
{
    if (plan->count == 0)
        return;
    size_t last = plan->count - 1;
    apm_address_family first_family = plan->endpoints[0].address.family;
    for (size_t i = 1; i < plan->count; i++) {
        size_t from = find(plan, i, first_family, i % 2 == 0);
        if (from == plan->count)
            break; /* only one family is left, and in order */
        apm_endpoint moved = plan->endpoints[from];
        memmove(&plan->endpoints[i + 1], &plan->endpoints[i], (from - i) * sizeof moved);
        plan->endpoints[i] = moved;
        if (from == last)
            last = i;
        else if (i <= last && last < from)
            last++;
    }
    if (plan->race)
        plan->race->last = last;
}
