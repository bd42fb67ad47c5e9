/*
 * The pool's queue (pool/work.h): whoever puts an entry needs no lock; those who take one have a lock among them. Each
 * entry is taken once, those of one thread in their order, and a count of 0 means that nothing is there.
 */
#include "model.h"
#include "work.h"

enum { ENTRIES = 4 };

static apm__os_mutex taking;
static struct apm__queue queue = APM__QUEUE_INITIALIZER(queue);
static struct apm__work works[ENTRIES];
static int times_taken[ENTRIES];
static int last_taken[2] = {-1, -1}; /* by who has put it: entries 0 and 1, and entries 2 and 3 */
static bool recycled;                /* an entry has been put in again, after those that came later */

static bool take(void)
{
    apm__os_mutex_lock(&taking);
    struct apm__work *work = apm__queue_take_locked(&queue);
    if (work) {
        apm__queue_forget(&queue, 1);
        int entry = (int)(work - works);
        MODEL_CHECK(entry >= 0 && entry < ENTRIES);
        MODEL_CHECK(++times_taken[entry] == 1);
        MODEL_CHECK(recycled || last_taken[entry / 2] < entry);
        last_taken[entry / 2] = entry;
    }
    apm__os_mutex_unlock(&taking);
    return work != NULL;
}

/* Puts its entries in. Whoever finds the count at 0 afterwards may sleep: then they have been taken. */
static void put(int first, int count)
{
    for (int i = first; i < first + count; i++)
        apm__queue_put(&queue, &works[i]);
    if (apm__queue_count(&queue) == 0 && !recycled) {
        apm__os_mutex_lock(&taking);
        for (int i = first; i < first + count; i++)
            MODEL_CHECK(times_taken[i] == 1);
        apm__os_mutex_unlock(&taking);
    }
}

static void producer_of_two(void)
{
    put(0, 2);
}

static void another_producer(void)
{
    put(2, 1);
}

static void consumer(void)
{
    take();
    take();
}

/* Puts the entry that it takes in again at once. */
static void recycler(void)
{
    if (!take())
        return;
    int entry = times_taken[0] ? 0 : 1;
    times_taken[entry] = 0;
    recycled = true;
    apm__queue_put(&queue, &works[entry]);
}

static void check(void)
{
    while (take())
        continue;
    for (int i = 0; i < 3; i++)
        MODEL_CHECK(times_taken[i] == 1);
    MODEL_CHECK(apm__queue_count(&queue) == 0);
}

static void check_recycled(void)
{
    while (take())
        continue;
    MODEL_CHECK(times_taken[0] == 1 && times_taken[1] == 1);
}

static const struct model models[] = {
    {
        .name = "each_entry_is_taken_once_and_in_order",
        .threads = {MODEL_THREAD(producer_of_two), MODEL_THREAD(another_producer), MODEL_THREAD(consumer)},
        .check = check,
    },
    {
        .name = "two_consumers_take_each_entry_once",
        .threads = {MODEL_THREAD(producer_of_two), MODEL_THREAD(another_producer), MODEL_THREAD(consumer),
                    MODEL_THREAD(consumer)},
        .check = check,
    },
    {
        .name = "an_entry_may_be_put_in_again_once_it_has_been_taken",
        .threads = {MODEL_THREAD(producer_of_two), MODEL_THREAD(recycler)},
        .check = check_recycled,
    },
};

MODEL_MAIN(models)
