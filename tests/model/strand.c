/*
 * The hand-over of turns in a strand (lib/engine/strand.c): of "the operation is ready" and "the callback before has
 * returned", whoever comes second submits. Each callback runs once, after its outcome is published, one at a time, and
 * in the order in which the outcomes were settled.
 *
 * The pool is a simulated one: each callback that is submitted has a thread of its own.
 */
#include "strand.h"

#include "channel.h"
#include "model.h"
#include "serving.h"
#include "simulated_pool.h"

enum { OPERATIONS = 3 };

static struct apm__channel channel;
static struct apm__serving serving;
static struct apm__operation operations[OPERATIONS];
static _Atomic uint32_t published[OPERATIONS];
static _Atomic uint32_t running;
static struct apm__operation *settled[OPERATIONS]; /* in their order; guarded by the channel's lock */
static int settled_count;
static struct apm__operation *ran[OPERATIONS]; /* written by whose turn it is */
static int ran_count;
static bool chains; /* the first callback brings the last operation to its end */

static void settle(int number)
{
    apm__os_mutex_lock(&channel.lock);
    operations[number].place = APM__PLACE_DETACHED;
    settled[settled_count++] = &operations[number];
    apm__strand_enter_locked(&serving.strand, &operations[number]);
    apm__os_mutex_unlock(&channel.lock);
}

static void complete(int number)
{
    apm__atomic_store(&published[number], 1, APM__SEQ_CST);
    apm__strand_complete(&channel, &operations[number]);
}

static void run(struct apm__work *work)
{
    struct apm__operation *operation =
        (struct apm__operation *)(void *)((unsigned char *)work - offsetof(struct apm__operation, work));
    int number = (int)(operation - operations);
    MODEL_CHECK(apm__atomic_exchange(&running, 1, APM__SEQ_CST) == 0);
    MODEL_CHECK(apm__atomic_load(&published[number], APM__SEQ_CST) == 1);
    MODEL_CHECK(ran_count < OPERATIONS);
    ran[ran_count++] = operation;
    if (chains && number == 0) {
        settle(OPERATIONS - 1);
        complete(OPERATIONS - 1);
    }
    apm__atomic_store(&running, 0, APM__SEQ_CST);
    apm__strand_return(&channel);
}

static void set_up(void)
{
    model_pool_create();
    apm__os_mutex_initialise(&channel.lock);
    channel.serving = &serving;
    for (int i = 0; i < OPERATIONS; i++) {
        operations[i].pool = apm__pool_default();
        operations[i].work.run = run;
    }
    model_name(&channel.lock, sizeof channel.lock, "the channel's lock");
}

static void set_up_settled(void)
{
    set_up();
    settle(0);
    settle(1);
}

static void set_up_chain(void)
{
    set_up();
    chains = true;
}

/* -- What threads do -- */

static void end_the_first(void)
{
    settle(0);
    complete(0);
}

static void end_the_second(void)
{
    settle(1);
    complete(1);
}

static void end_the_first_and_the_last(void)
{
    end_the_first();
    settle(2);
    complete(2);
}

static void complete_the_first(void)
{
    complete(0);
}

static void complete_the_second(void)
{
    complete(1);
}

static void check(void)
{
    MODEL_CHECK(ran_count == settled_count && settled_count > 0);
    for (int i = 0; i < ran_count; i++)
        MODEL_CHECK(ran[i] == settled[i]);
    MODEL_CHECK(!serving.strand.busy && !serving.strand.head && !serving.strand.tail);
}

static const struct model models[] = {
    {
        .name = "callbacks_have_their_turns_in_the_order_of_the_outcomes",
        .set_up = set_up,
        .threads = {MODEL_THREAD(end_the_first_and_the_last), MODEL_THREAD(end_the_second)},
        .check = check,
    },
    {
        .name = "an_operation_that_is_ready_waits_for_the_one_before",
        .set_up = set_up_settled,
        .threads = {MODEL_THREAD(complete_the_first), MODEL_THREAD(complete_the_second)},
        .check = check,
    },
    {
        .name = "what_a_callback_brings_to_its_end_has_a_later_turn",
        .set_up = set_up_chain,
        .threads = {MODEL_THREAD(end_the_first), MODEL_THREAD(end_the_second)},
        .check = check,
    },
};

MODEL_MAIN(models)
