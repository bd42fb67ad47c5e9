/*
 * Races of work items: however they are queued, and whatever workers do meanwhile, each runs exactly once.
 */
#include <sched.h>
#include <stdlib.h>

#include "support.h"

enum { PRODUCERS = 3 };

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

/* -- Queue against cleanup and restart --------------------------------------------------------------------------- */

/* A thread that queues items of every kind while another one ends the library again and again. */
struct producer {
    struct thread thread;
    uint64_t random;
    _Atomic bool *over;
    size_t queued; /* owned by the producer */
    _Atomic size_t ran;
};

struct intrusive {
    apm_thread_pool_work_item item; /* first */
    _Atomic bool busy;
    struct producer *producer;
};

static void count_call(void *state)
{
    struct producer *producer = state;

    atomic_fetch_add(&producer->ran, 1);
}

static void count_intrusive(apm_thread_pool_work_item *item)
{
    struct intrusive *intrusive = (struct intrusive *)item;
    struct producer *producer = intrusive->producer;

    atomic_store(&intrusive->busy, false);
    atomic_fetch_add(&producer->ran, 1); /* from here on the item may be gone */
}

static void produce_against_cleanup(void *argument)
{
    struct producer *producer = argument;
    struct intrusive intrusive = {.item.execute = count_intrusive, .producer = producer};

    while (!atomic_load(producer->over)) {
        apm_error error;

        if (harness_random(&producer->random) % 2 == 0) {
            error = apm_thread_pool_queue_user_work_item(default_pool, count_call, producer, false);
        } else {
            while (atomic_load(&intrusive.busy))
                sched_yield();
            atomic_store(&intrusive.busy, true);
            error = apm_thread_pool_queue_work_item(default_pool, &intrusive.item, false);
            if (error != APM_ERROR_SUCCESS)
                atomic_store(&intrusive.busy, false);
        }
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_INVALID_OPERATION);
        producer->queued += error == APM_ERROR_SUCCESS;
        if (harness_random(&producer->random) % 64 == 0)
            sched_yield();
    }
    while (atomic_load(&producer->ran) < producer->queued)
        sched_yield();
}

TEST(what_is_queued_against_cleanup_is_refused_or_runs_once)
{
    static struct producer producers[PRODUCERS];
    static _Atomic bool over;
    int64_t deadline_ms = race_deadline_ms();
    size_t cleanups = 0;

    for (size_t i = 0; i < PRODUCERS; i++) {
        producers[i].random = harness_seed() + i;
        producers[i].over = &over;
        thread_start(&producers[i].thread, produce_against_cleanup, &producers[i]);
    }
    while (harness_now_ms() < deadline_ms) {
        CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
        cleanups++;
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < PRODUCERS; i++) {
        thread_join(&producers[i].thread);
        CHECK(producers[i].queued > 0);
        CHECK_EQ(atomic_load(&producers[i].ran), producers[i].queued);
    }
    CHECK(cleanups > 0);
}

/* -- Items that wait for each other -------------------------------------------------------------------------------- */

/* Items that all wait in the library until the last of them has started, and one that blocks elsewhere. */
struct gathering {
    apm_manual_reset_event complete;
    size_t expected;
    _Atomic size_t arrived;
    struct latch left;
    struct latch opened;
};

static void gather(void *state)
{
    struct gathering *gathering = state;

    if (atomic_fetch_add(&gathering->arrived, 1) + 1 == gathering->expected)
        CHECK_SUCCESS(apm_manual_reset_event_set(gathering->complete));
    else
        CHECK_SUCCESS(apm_manual_reset_event_wait_one(gathering->complete, PATIENCE_MS));
    latch_add(&gathering->left, 1);
}

static void block_elsewhere(void *state)
{
    struct gathering *gathering = state;

    LATCH_AWAIT(&gathering->opened, 1);
    latch_add(&gathering->left, 1);
}

/* Has a worker take a share of items that wait for each other, one of which may be queued by another item. */
static void queue_gathering(void *state)
{
    struct gathering *gathering = state;

    for (size_t i = 1; i < gathering->expected; i++)
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, gather, gathering, i % 3 == 0));
    gather(gathering);
}

static void gathering_start(struct gathering *gathering, size_t expected, bool from_inside)
{
    CHECK_SUCCESS(apm_manual_reset_event_reset(gathering->complete));
    gathering->expected = expected;
    atomic_store(&gathering->arrived, 0);
    latch_init(&gathering->left);
    latch_init(&gathering->opened);
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, block_elsewhere, gathering, false));
    if (from_inside)
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, queue_gathering, gathering, false));
    for (size_t i = 0; !from_inside && i < expected; i++)
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, gather, gathering, false));
}

TEST(items_that_wait_for_each_other_all_start_however_they_were_shared_out)
{
    enum { GATHERINGS = 64 };
    static struct gathering gatherings[GATHERINGS]; /* some items of the one before may be about to return */
    uint64_t random = harness_seed();
    int64_t deadline_ms = race_deadline_ms();

    for (size_t i = 0; i < GATHERINGS; i++)
        CHECK_SUCCESS(apm_manual_reset_event_create(false, &gatherings[i].complete));
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 2));
    for (size_t round = 0; harness_now_ms() < deadline_ms; round++) {
        struct gathering *gathering = &gatherings[round % GATHERINGS];
        size_t expected = 2 + harness_random(&random) % 12;

        gathering_start(gathering, expected, round % 2 == 0);
        LATCH_AWAIT(&gathering->left, expected);
        latch_add(&gathering->opened, 1);
        LATCH_AWAIT(&gathering->left, expected + 1);
    }
    for (size_t i = 0; i < GATHERINGS; i++)
        CHECK_SUCCESS(apm_manual_reset_event_close(gatherings[i].complete));
}

/* -- Items of every kind ------------------------------------------------------------------------------------------- */

enum { WAVE = 300 };

/* What an item does when it runs; children are queued by others, with preference. */
enum deed { RETURNS, YIELDS, BLOCKS, BLOCKS_WITH_HINT, WAITS, QUEUES_A_CALL, QUEUES_AN_ITEM, DEEDS };

struct various {
    apm_thread_pool_work_item item; /* first */
    _Atomic unsigned runs;
    enum deed deed;
    struct wave *wave;
};

/* Items and the children of those that have one, of one producer. */
struct wave {
    struct thread thread;
    uint64_t random;
    int64_t deadline_ms;
    size_t waves;
    struct various items[WAVE];
    struct various children[WAVE];
    _Atomic size_t ran;
};

static struct wave waves[PRODUCERS];
static struct latch never = LATCH_INITIALIZER;
static apm_manual_reset_event never_set;

static void run_various(struct various *various);

static void call_various(void *state)
{
    run_various(state);
}

static void execute_various(apm_thread_pool_work_item *item)
{
    run_various((struct various *)item);
}

static struct various *child_of(struct various *various)
{
    struct various *child = &various->wave->children[various - various->wave->items];

    child->deed = RETURNS;
    return child;
}

static void do_deed(struct various *various)
{
    switch (various->deed) {
    case RETURNS: break;
    case YIELDS: sched_yield(); break;
    case BLOCKS: CHECK(!latch_wait(&never, 1, 1)); break;
    case BLOCKS_WITH_HINT:
        apm_thread_pool_blocking_begin();
        CHECK(!latch_wait(&never, 1, 1));
        apm_thread_pool_blocking_end();
        break;
    case WAITS: CHECK_ERROR(apm_manual_reset_event_wait_one(never_set, 1), APM_ERROR_WAIT_TIMEOUT); break;
    case QUEUES_A_CALL:
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, call_various, child_of(various), true));
        break;
    default: CHECK_SUCCESS(apm_thread_pool_queue_work_item(default_pool, &child_of(various)->item, true)); break;
    }
}

static void run_various(struct various *various)
{
    CHECK_EQ(atomic_fetch_add(&various->runs, 1), 0);
    do_deed(various);
    atomic_fetch_add(&various->wave->ran, 1);
}

/* Queues a wave, and waits until all of it has run. */
static void run_wave(struct wave *wave)
{
    size_t expected = WAVE;
    int64_t patience_ms = harness_now_ms() + PATIENCE_MS;

    atomic_store(&wave->ran, 0);
    for (size_t i = 0; i < WAVE; i++) {
        struct various *various = &wave->items[i];
        /* One in eight blocks or waits, or else nothing but that would happen. */
        bool is_slow = harness_random(&wave->random) % 8 == 0;

        *various = (struct various){.item.execute = execute_various, .wave = wave};
        wave->children[i] = *various;
        various->deed = (enum deed)(harness_random(&wave->random) % DEEDS);
        if (!is_slow && various->deed >= BLOCKS && various->deed <= WAITS)
            various->deed = RETURNS;
        expected += various->deed >= QUEUES_A_CALL;
        if (harness_random(&wave->random) % 2 == 0)
            CHECK_SUCCESS(apm_thread_pool_queue_work_item(default_pool, &various->item, i % 2 == 0));
        else
            CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, call_various, various, i % 2 == 0));
    }
    while (atomic_load(&wave->ran) < expected) {
        CHECK(harness_now_ms() < patience_ms);
        sched_yield();
    }
    CHECK_EQ(atomic_load(&wave->ran), expected);
    wave->waves++;
}

static void run_waves(void *argument)
{
    struct wave *wave = argument;

    while (harness_now_ms() < wave->deadline_ms)
        run_wave(wave);
}

TEST(items_of_every_kind_run_once_whatever_items_do_and_limits_change_to)
{
    uint64_t random = harness_seed();
    int64_t deadline_ms = race_deadline_ms();

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &never_set));
    for (size_t i = 0; i < PRODUCERS; i++) {
        waves[i].random = random + i;
        waves[i].deadline_ms = deadline_ms;
        thread_start(&waves[i].thread, run_waves, &waves[i]);
    }
    while (harness_now_ms() < deadline_ms) {
        CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 1 + (int)(harness_random(&random) % 4)));
        CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, 4 + (int)(harness_random(&random) % 12)));
        sched_yield();
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        thread_join(&waves[i].thread);
        CHECK(waves[i].waves > 0);
    }
    CHECK_SUCCESS(apm_manual_reset_event_close(never_set));
}

/* -- Steal against take -------------------------------------------------------------------------------------------- */

/* A tree whose nodes queue their children locally: the owner takes the newest while the others steal the oldest. */
struct tree {
    _Atomic size_t leaves;
    _Atomic size_t nodes;
};

struct node {
    struct tree *tree;
    unsigned depth;
};

static void grow(void *state)
{
    struct node *node = state;

    for (size_t i = 0; node->depth > 0 && i < 2; i++) {
        struct node *child = malloc(sizeof *child);

        CHECK(child != NULL);
        *child = (struct node){node->tree, node->depth - 1};
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, grow, child, true));
    }
    if (node->depth == 0)
        atomic_fetch_add(&node->tree->leaves, 1);
    if (node->depth == 3)
        sched_yield();
    atomic_fetch_add(&node->tree->nodes, 1);
    free(node);
}

TEST(a_tree_of_local_items_runs_whole_while_others_steal_from_it)
{
    enum { DEPTH = 10, TREES = 2 };
    static struct tree trees[TREES];
    int64_t deadline_ms = race_deadline_ms();

    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 4));
    while (harness_now_ms() < deadline_ms) {
        int64_t patience_ms = harness_now_ms() + PATIENCE_MS;

        for (size_t i = 0; i < TREES; i++) {
            struct node *root = malloc(sizeof *root);

            CHECK(root != NULL);
            *root = (struct node){&trees[i], DEPTH};
            atomic_store(&trees[i].leaves, 0);
            atomic_store(&trees[i].nodes, 0);
            CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, grow, root, false));
        }
        for (size_t i = 0; i < TREES; i++) {
            while (atomic_load(&trees[i].nodes) < (2u << DEPTH) - 1) {
                CHECK(harness_now_ms() < patience_ms);
                sched_yield();
            }
            CHECK_EQ(atomic_load(&trees[i].leaves), 1u << DEPTH);
            CHECK_EQ(atomic_load(&trees[i].nodes), (2u << DEPTH) - 1);
        }
    }
}

LIBRARY_TEST_MAIN()
