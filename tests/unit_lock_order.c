/*
 * The check of the order of locks, which debug builds have: what it lets through, and what it ends the process for.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "os.h"

enum { MOST = 3 };

/* Locks of these ranks are taken one after another, by a process of its own. */
static int status_of_taking(const enum apm__lock_rank *ranks, size_t count)
{
    int status;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        apm__os_mutex locks[MOST];

        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        for (size_t i = 0; i < count; i++) {
            apm__os_mutex_initialise(&locks[i]);
            apm__os_mutex_set_rank(&locks[i], ranks[i]);
            apm__os_mutex_lock(&locks[i]);
        }
        for (size_t i = 0; i < count; i++)
            apm__os_mutex_unlock(&locks[i]);
        _exit(apm__lock_order_is_clear() ? 0 : 1);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    return status;
}

static void check_right(enum apm__lock_rank first, enum apm__lock_rank second)
{
    CHECK_EQ(status_of_taking((enum apm__lock_rank[]){first, second}, 2), 0);
}

static void check_wrong(enum apm__lock_rank first, enum apm__lock_rank second)
{
    int status = status_of_taking((enum apm__lock_rank[]){first, second}, 2);

    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGABRT);
}

TEST(a_lock_is_taken_under_those_before_it_in_the_order)
{
    check_right(APM__RANK_CLEANUP, APM__RANK_START);
    check_right(APM__RANK_START, APM__RANK_POOL);
    check_right(APM__RANK_OBJECT, APM__RANK_POOL);
    check_right(APM__RANK_POOL, APM__RANK_LEAF);
    check_right(APM__RANK_OBJECT, APM__RANK_WAIT);
}

TEST(a_lock_is_not_taken_under_one_that_comes_later_or_is_of_its_rank)
{
    check_wrong(APM__RANK_POOL, APM__RANK_OBJECT);
    check_wrong(APM__RANK_POOL, APM__RANK_POOL);
    check_wrong(APM__RANK_OBJECT, APM__RANK_OBJECT);
    check_wrong(APM__RANK_START, APM__RANK_CLEANUP);
    check_wrong(APM__RANK_WAIT, APM__RANK_GATE);
}

TEST(nothing_is_taken_under_a_leaf_and_no_leaf_under_a_wait_lock)
{
    check_wrong(APM__RANK_LEAF, APM__RANK_POOL);
    check_wrong(APM__RANK_LEAF, APM__RANK_WAIT);
    check_wrong(APM__RANK_LEAF, APM__RANK_LEAF);
    check_wrong(APM__RANK_WAIT, APM__RANK_LEAF);
    check_wrong(APM__RANK_GATE, APM__RANK_LEAF);
}

TEST(two_wait_locks_are_taken_under_the_gate_only)
{
    enum apm__lock_rank ranks[] = {APM__RANK_GATE, APM__RANK_WAIT, APM__RANK_WAIT};

    CHECK_EQ(status_of_taking(ranks, 3), 0);
    check_wrong(APM__RANK_WAIT, APM__RANK_WAIT);
}

TEST_MAIN()
