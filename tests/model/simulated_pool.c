/*
 * The simulated pool. While a run is on, work runs on threads; in set_up and `check`, on the caller's.
 */
#include "simulated_pool.h"

#include "model.h"

enum { ALL = 100 };

static struct apm__pool the_pool;

struct apm__pool *apm__pool_default(void)
{
    return &the_pool;
}

void model_pool_create(void)
{
    apm__deadline_heap_initialise(&the_pool.deadlines);
    model_name(&the_pool, sizeof the_pool, "the pool's");
}

void model_pool_pass_ms(uint32_t duration_ms)
{
    model_pass_time((uint64_t)duration_ms * 1000000);
    apm__deadline_expire(&the_pool.deadlines, apm__os_monotonic_ns(), ALL);
}

bool model_pool_has_no_deadlines(void)
{
    return the_pool.deadlines.count == 0 && the_pool.deadlines.promised == 0;
}

/* -- Work: its link is not NULL while it is in the pool's hands ---------------------------------------------------- */

static void run(void *argument)
{
    struct apm__work *work = argument;
    apm__atomic_store(&work->next, NULL, APM__SEQ_CST);
    work->run(work);
}

void apm__pool_submit(struct apm__pool *pool, struct apm__work *work)
{
    apm__os_thread thread;
    MODEL_CHECK(pool == &the_pool);
    MODEL_CHECK(apm__atomic_exchange(&work->next, work, APM__SEQ_CST) == NULL);
    if (model_self() == MODEL_MAX_THREADS)
        run(work);
    else if (apm__os_thread_create(&thread, "worker", run, NULL, work) != APM_ERROR_SUCCESS)
        apm__os_fail(__FILE__, __LINE__, "the model needs no more than MODEL_MAX_THREADS threads");
}

/* -- Deadlines ----------------------------------------------------------------------------------------------------- */

apm_error apm__pool_set_deadline(struct apm__pool *pool, struct apm__deadline *deadline, uint64_t due_ns,
                                 bool *was_armed)
{
    bool is_first;
    return apm__deadline_set(&pool->deadlines, deadline, due_ns, was_armed, &is_first);
}

bool apm__pool_clear_deadline(struct apm__pool *pool, struct apm__deadline *deadline)
{
    return apm__deadline_clear(&pool->deadlines, deadline);
}

/* -- Life: it is open, and stays so -------------------------------------------------------------------------------- */

void apm__pool_initialise(struct apm__pool *pool, struct apm__slot *slot, int min_threads, int max_threads)
{
    (void)pool;
    (void)slot;
    (void)min_threads;
    (void)max_threads;
    apm__os_fail(__FILE__, __LINE__, "there is one pool");
}

apm_error apm__pool_start(struct apm__pool *pool)
{
    (void)pool;
    return APM_ERROR_SUCCESS;
}

bool apm__pool_is_still_open(struct apm__pool *pool)
{
    (void)pool;
    return true;
}

bool apm__pool_is_abandoning(void)
{
    return false;
}

/* -- Waits, which are those of threads that are no workers --------------------------------------------------------- */

bool apm__pool_is_worker_thread(void)
{
    return false;
}

bool apm__pool_is_deadlocked(void)
{
    return false;
}

void apm__pool_report_deadlock(void)
{
}

void apm__pool_begin_wait(bool breakable)
{
    (void)breakable;
}

void apm__pool_note_wait(uint64_t bits, size_t count)
{
    (void)bits;
    (void)count;
}

void apm__pool_park(struct apm__parker *parker, int64_t timeout_ns)
{
    apm__parker_park(parker, timeout_ns);
}

void apm__pool_end_wait(void)
{
}
