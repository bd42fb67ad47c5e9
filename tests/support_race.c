/*
 * Races: two threads that do something at the same moment, with a little chance in it.
 */
#include <sched.h>
#include <stdio.h>

#include "support.h"

enum { RACE_MS = 700, MOST_SPINS = 3000 };

void meeting_init(struct meeting *meeting, unsigned parties)
{
    meeting->parties = parties;
    atomic_init(&meeting->arrived, 0);
}

void meeting_attend(struct meeting *meeting)
{
    unsigned ticket = atomic_fetch_add(&meeting->arrived, 1);
    unsigned complete = (ticket / meeting->parties + 1) * meeting->parties;

    /* Spinning, because a wake-up would take longer than what is raced for. */
    while (atomic_load(&meeting->arrived) < complete) {
        sched_yield();
    }
}

static void spin_for_a_random_time(uint64_t *random)
{
    volatile unsigned spins = (unsigned)(harness_random(random) % MOST_SPINS);

    /* Half of the rounds start together, the others a little apart. */
    if (spins % 2 == 0) {
        while (spins > 0) {
            spins--;
        }
    }
}

int64_t race_deadline_ms(void)
{
    return harness_now_ms() + (int64_t)harness_scaled(RACE_MS);
}

static void run_the_rival(void *argument)
{
    struct race *race = argument;

    for (;;) {
        meeting_attend(&race->clash);
        if (atomic_load(&race->over)) {
            return;
        }
        spin_for_a_random_time(&race->rival_random);
        race->rival(race->argument);
        meeting_attend(&race->settlement);
    }
}

void race_start(struct race *race, void (*rival)(void *argument), void *argument)
{
    race->rival = rival;
    race->argument = argument;
    meeting_init(&race->clash, 2);
    meeting_init(&race->settlement, 2);
    atomic_init(&race->over, false);
    race->random = harness_seed();
    race->rival_random = ~race->random;
    race->deadline_ms = race_deadline_ms();
    race->rounds = 0;
    thread_start(&race->thread, run_the_rival, race);
}

bool race_goes_on(struct race *race)
{
    return harness_now_ms() < race->deadline_ms;
}

void race_clash(struct race *race)
{
    race->rounds++;
    meeting_attend(&race->clash);
    spin_for_a_random_time(&race->random);
}

void race_settle(struct race *race)
{
    meeting_attend(&race->settlement);
}

void race_stop(struct race *race)
{
    atomic_store(&race->over, true);
    meeting_attend(&race->clash);
    thread_join(&race->thread);
    printf("%zu rounds\n", race->rounds);
}
