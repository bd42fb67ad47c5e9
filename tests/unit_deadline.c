/*
 * The heap of deadlines, against a plain list as the model.
 */
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "harness.h"

enum { COUNT = 300 };

struct item {
    struct apm__deadline deadline;
    uint64_t model_due_ns; /* 0: not armed */
    bool expired;
};

static struct apm__deadline_heap heap;
static struct item items[COUNT];
static uint64_t last_expired_ns;

static void expire(struct apm__deadline *deadline)
{
    struct item *item = (struct item *)(void *)deadline;
    CHECK(item->model_due_ns != 0);
    CHECK_EQ(item->model_due_ns, deadline->due_ns);
    CHECK(deadline->due_ns >= last_expired_ns);
    last_expired_ns = deadline->due_ns;
    item->model_due_ns = 0;
    item->expired = true;
}

static uint64_t model_next(void)
{
    uint64_t next = APM__DEADLINE_NEVER;
    for (int i = 0; i < COUNT; i++)
        if (items[i].model_due_ns != 0 && items[i].model_due_ns < next)
            next = items[i].model_due_ns;
    return next;
}

static void arm(struct item *item, uint64_t due_ns)
{
    bool was_armed;
    bool is_first;
    item->deadline.expire = expire;
    CHECK_EQ(apm__deadline_set(&heap, &item->deadline, due_ns, &was_armed, &is_first), APM_ERROR_SUCCESS);
    CHECK_EQ(was_armed, item->model_due_ns != 0);
    item->model_due_ns = due_ns;
    if (is_first)
        CHECK_EQ(model_next(), due_ns);
}

TEST(deadlines_expire_in_order_and_only_when_due)
{
    uint64_t seed = harness_seed();
    srand((unsigned)seed);
    apm__deadline_heap_initialise(&heap);
    uint64_t now_ns = 1;
    for (int step = 0; step < 20000; step++) {
        struct item *item = &items[rand() % COUNT];
        switch (rand() % 4) {
        case 0:
        case 1: arm(item, now_ns + 1 + (uint64_t)(rand() % 1000)); break;
        case 2:
            CHECK_EQ(apm__deadline_clear(&heap, &item->deadline), item->model_due_ns != 0);
            item->model_due_ns = 0;
            break;
        default:
            now_ns += (uint64_t)(rand() % 50);
            last_expired_ns = 0;
            apm__deadline_expire(&heap, now_ns, UINT32_MAX);
            CHECK(model_next() > now_ns);
            break;
        }
        CHECK_EQ(apm__deadline_next(&heap), model_next());
    }
    for (int i = 0; i < COUNT; i++)
        apm__deadline_clear(&heap, &items[i].deadline);
    CHECK_EQ(apm__deadline_next(&heap), APM__DEADLINE_NEVER);
    apm__deadline_heap_finish(&heap);
}

TEST(a_later_time_for_the_first_deadline_makes_another_the_first)
{
    apm__deadline_heap_initialise(&heap);
    arm(&items[0], 10);
    arm(&items[1], 20);
    CHECK_EQ(apm__deadline_next(&heap), 10);
    arm(&items[0], 30);
    CHECK_EQ(apm__deadline_next(&heap), 20);
    apm__deadline_expire(&heap, 25, UINT32_MAX);
    CHECK(items[1].expired && !items[0].expired);
    CHECK(apm__deadline_clear(&heap, &items[0].deadline));
    apm__deadline_heap_finish(&heap);
}

TEST(no_more_deadlines_expire_at_once_than_were_asked_for)
{
    apm__deadline_heap_initialise(&heap);
    for (int i = 0; i < 10; i++)
        arm(&items[i], 10 + (uint64_t)i);
    apm__deadline_expire(&heap, 100, 4);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(items[i].expired, i < 4);
    apm__deadline_expire(&heap, 100, 100);
    CHECK_EQ(apm__deadline_next(&heap), APM__DEADLINE_NEVER);
    apm__deadline_heap_finish(&heap);
}

TEST(a_reserved_deadline_is_armed_without_memory_whatever_else_has_been_armed)
{
    bool was_armed;
    bool is_first;
    apm__deadline_heap_initialise(&heap);
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(apm__deadline_reserve(&heap, &items[i].deadline), APM_ERROR_SUCCESS);
    struct apm__deadline_entry *entries = heap.entries;
    struct apm__deadline others[COUNT] = {{0}};
    for (uint32_t i = 0; heap.promised < heap.capacity; i++)
        CHECK_EQ(apm__deadline_set(&heap, &others[i], 1 + i, &was_armed, &is_first), APM_ERROR_SUCCESS);
    for (int i = 0; i < COUNT; i++)
        arm(&items[i], 1000 + (uint64_t)i);
    CHECK_EQ(heap.count, heap.capacity);
    CHECK(heap.entries == entries); /* it is full, and nothing had to grow */
    for (int i = 0; i < COUNT; i++)
        if (others[i].position != 0)
            CHECK(apm__deadline_clear(&heap, &others[i]));
    CHECK_EQ(heap.promised, COUNT);
    apm__deadline_expire(&heap, 2000, UINT32_MAX);
    CHECK_EQ(heap.promised, COUNT); /* the places stay theirs */
    for (int i = 0; i < COUNT; i++)
        apm__deadline_unreserve(&heap, &items[i].deadline);
    apm__deadline_heap_finish(&heap);
}

TEST_MAIN()
