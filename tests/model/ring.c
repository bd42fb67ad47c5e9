/*
 * A worker's queues against thieves: the ring (pool/ring.h), where all take the oldest, and the deque (pool/deque.h),
 * where the owner takes the newest. Each entry is taken exactly once, and nobody takes what was never put in.
 *
 * The counters begin just below where they go round. In the models of full queues the owner puts an entry into the
 * place of the one that a thief may be taking.
 */
#include "ring.h"
#include "deque.h"
#include "model.h"

enum { ENTRIES = 16 };

static struct apm__ring ring;
static struct apm__deque deque;

/* Not atomic: each is used by the one who takes it, or the model fails. */
static uint32_t added = 1;
static int times_taken[ENTRIES + 1];

static struct apm__entry entry_of(uint32_t number)
{
    return (struct apm__entry){number, ~(uint64_t)number};
}

static void count_taken(struct apm__entry taken)
{
    uint64_t entry = taken.first;
    MODEL_CHECK(entry >= 1 && entry < added && taken.second == ~entry);
    times_taken[entry]++;
    MODEL_CHECK(times_taken[entry] == 1);
}

/* -- The ring -- */

static void push(void)
{
    if (apm__ring_push(&ring, entry_of(added++)))
        return;
    added--;
}

static uint64_t take(void)
{
    struct apm__entry entry;
    if (!apm__ring_take(&ring, &entry))
        return 0;
    count_taken(entry);
    return entry.first;
}

static void set_up_ring(void)
{
    apm__atomic_store(&ring.head, UINT32_MAX - 1, APM__RELAXED);
    apm__atomic_store(&ring.tail, UINT32_MAX - 1, APM__RELAXED);
}

static void fill_ring(void)
{
    set_up_ring();
    for (int i = 0; i < APM__RING_SIZE; i++)
        push();
}

static void ring_owner(void)
{
    push();
    push();
    take();
    push();
    take();
}

static void full_ring_owner(void)
{
    take();
    push();
    push();
}

static void ring_thief(void)
{
    uint64_t first = take();
    uint64_t second = take();
    MODEL_CHECK(second == 0 || second > first); /* first in, first out */
}

static void half_thief(void)
{
    struct apm__entry entries[APM__RING_SIZE];
    uint32_t count = apm__ring_take_half(&ring, entries, APM__RING_SIZE);
    for (uint32_t i = 0; i < count; i++)
        count_taken(entries[i]);
}

static void check_ring(void)
{
    while (take() != 0)
        continue;
    for (uint32_t i = 1; i < added; i++)
        MODEL_CHECK(times_taken[i] == 1);
}

/* -- The deque -- */

static void put(void)
{
    if (apm__deque_put(&deque, entry_of(added++)))
        return;
    added--;
}

static void take_newest(void)
{
    struct apm__entry entry;
    if (apm__deque_take(&deque, &entry))
        count_taken(entry);
}

static bool steal(void)
{
    struct apm__entry entry;
    bool stolen = apm__deque_steal(&deque, &entry);
    if (stolen)
        count_taken(entry);
    return stolen;
}

static void set_up_deque(void)
{
    apm__atomic_store(&deque.top, UINT32_MAX - 1, APM__RELAXED);
    apm__atomic_store(&deque.bottom, UINT32_MAX - 1, APM__RELAXED);
}

static void fill_deque(void)
{
    set_up_deque();
    for (int i = 0; i < APM__DEQUE_SIZE; i++)
        put();
}

static void deque_owner(void)
{
    put();
    put();
    take_newest();
    take_newest();
    put();
    take_newest();
}

static void full_deque_owner(void)
{
    put();
    take_newest();
    put();
    put();
}

static void deque_thief(void)
{
    steal();
    steal();
}

static void single_deque_thief(void)
{
    steal();
}

static void check_deque(void)
{
    while (steal())
        continue;
    for (uint32_t i = 1; i < added; i++)
        MODEL_CHECK(times_taken[i] == 1);
}

static const struct model models[] = {
    {
        .name = "owner_and_thief_take_each_entry_of_a_ring_once",
        .set_up = set_up_ring,
        .threads = {MODEL_THREAD(ring_owner), MODEL_THREAD(ring_thief)},
        .check = check_ring,
        .spurious = 1,
    },
    {
        .name = "two_thieves_and_the_owner_take_each_entry_of_a_ring_once",
        .set_up = set_up_ring,
        .threads = {MODEL_THREAD(ring_owner), MODEL_THREAD(ring_thief), MODEL_THREAD(half_thief)},
        .check = check_ring,
    },
    {
        .name = "a_full_ring_is_not_overwritten_under_a_thief",
        .set_up = fill_ring,
        .threads = {MODEL_THREAD(full_ring_owner), MODEL_THREAD(ring_thief), MODEL_THREAD(half_thief)},
        .check = check_ring,
    },
    {
        .name = "owner_and_thieves_take_each_entry_of_a_deque_once",
        .set_up = set_up_deque,
        .threads = {MODEL_THREAD(deque_owner), MODEL_THREAD(deque_thief), MODEL_THREAD(single_deque_thief)},
        .check = check_deque,
    },
    {
        .name = "a_full_deque_is_not_overwritten_under_a_thief",
        .set_up = fill_deque,
        .threads = {MODEL_THREAD(full_deque_owner), MODEL_THREAD(deque_thief), MODEL_THREAD(single_deque_thief)},
        .check = check_deque,
    },
};

MODEL_MAIN(models)
