/*
 * A worker's ring: first in, first out, and nothing lost or doubled when others steal.
 */
#include <pthread.h>

#include "harness.h"
#include "ring.h"

static struct apm__entry word(uint64_t word)
{
    return (struct apm__entry){word, ~word};
}

TEST(entries_come_out_in_the_order_they_went_in)
{
    static struct apm__ring ring;
    struct apm__entry entry;
    CHECK(!apm__ring_take(&ring, &entry));
    for (uint64_t round = 0; round < 10; round++) {
        for (uint64_t i = 1; i <= APM__RING_SIZE; i++)
            CHECK(apm__ring_push(&ring, word(round * 1000 + i)));
        CHECK(!apm__ring_push(&ring, word(1)));
        CHECK_EQ(apm__ring_count(&ring), APM__RING_SIZE);
        for (uint64_t i = 1; i <= APM__RING_SIZE; i++) {
            CHECK(apm__ring_take(&ring, &entry));
            CHECK_EQ(entry.first, round * 1000 + i);
        }
        CHECK(!apm__ring_take(&ring, &entry));
    }
}

TEST(the_counters_may_go_round)
{
    static struct apm__ring ring;
    struct apm__entry entry;
    apm__atomic_store(&ring.head, UINT32_MAX - 2, APM__RELAXED);
    apm__atomic_store(&ring.tail, UINT32_MAX - 2, APM__RELAXED);
    for (uint64_t i = 1; i <= 8; i++)
        CHECK(apm__ring_push(&ring, word(i)));
    CHECK_EQ(apm__ring_count(&ring), 8);
    for (uint64_t i = 1; i <= 8; i++) {
        CHECK(apm__ring_take(&ring, &entry));
        CHECK_EQ(entry.first, i);
    }
    CHECK(!apm__ring_take(&ring, &entry));
}

enum { THIEVES = 3, ENTRIES = 200000 };

static struct apm__ring stolen_from;
static _Atomic uint32_t taken[ENTRIES + 1];
static _Atomic uint32_t finished;

static void take_one(void)
{
    struct apm__entry entry;
    if (!apm__ring_take(&stolen_from, &entry))
        return;
    CHECK(entry.first >= 1 && entry.first <= ENTRIES && entry.second == ~entry.first);
    atomic_fetch_add(&taken[entry.first], 1);
}

static void *steal(void *unused)
{
    while (!atomic_load(&finished))
        take_one();
    return unused;
}

TEST(owner_and_thieves_take_each_entry_exactly_once)
{
    pthread_t threads[THIEVES];
    for (int i = 0; i < THIEVES; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, steal, NULL), 0);
    for (uint64_t i = 1; i <= ENTRIES; i++) {
        while (!apm__ring_push(&stolen_from, word(i)))
            take_one();
        if (i % 3 == 0)
            take_one();
    }
    while (apm__ring_count(&stolen_from) > 0)
        take_one();
    atomic_store(&finished, 1);
    for (int i = 0; i < THIEVES; i++)
        pthread_join(threads[i], NULL);
    for (uint64_t i = 1; i <= ENTRIES; i++)
        CHECK_EQ(atomic_load(&taken[i]), 1);
}

/* -- What an entry points to: a plain write, which ThreadSanitizer follows ---------------------------------------- */

enum { PAYLOADS = 1000 };

static struct apm__ring pointed_from;
static uint32_t payloads[PAYLOADS];

static void *take_payloads(void *unused)
{
    for (uint32_t i = 0; i < PAYLOADS;) {
        struct apm__entry entries[APM__RING_SIZE];
        uint32_t count = apm__ring_take_half(&pointed_from, entries, APM__RING_SIZE);
        for (uint32_t j = 0; j < count; j++, i++)
            CHECK_EQ(payloads[entries[j].first], i + 1);
    }
    return unused;
}

TEST(who_takes_an_entry_sees_what_was_written_before_it_went_in)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, take_payloads, NULL), 0);
    for (uint32_t i = 0; i < PAYLOADS; i++) {
        payloads[i] = i + 1;
        while (!apm__ring_push(&pointed_from, word(i)))
            continue;
    }
    pthread_join(thread, NULL);
}

TEST_MAIN()
