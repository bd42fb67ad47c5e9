/*
 * Boost.Asio's thread_pool. From outside an item is posted. From inside it is deferred: a deferred handler waits in a
 * queue of the thread's own until the present one has returned, and only then goes to the common queue, with one lock
 * for all that the handler has deferred; post takes the lock for each. There is no stealing, and no local queue beyond
 * that. Asio keeps the memory of a finished handler for the next one of the thread.
 */
#include "pool_peer.h"

#include <boost/asio.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>

namespace asio = boost::asio;

namespace {

/* Never destroyed: the process ends while its threads wait. */
asio::thread_pool *pool;

[[noreturn]] void fail(const std::exception &error)
{
    std::fprintf(stderr, "pool_asio: %s\n", error.what());
    std::exit(1);
}

} // namespace

extern "C" const struct pool_peer pool_peer = {"pool_asio", false, false, true, nullptr};

extern "C" void pool_start(int workers, bool)
try {
    pool = new asio::thread_pool(static_cast<std::size_t>(workers));
} catch (const std::exception &error) {
    fail(error);
}

extern "C" void pool_queue(pool_work *work, void *state, bool local)
try {
    if (local)
        asio::defer(*pool, [work, state] { work(state); });
    else
        asio::post(*pool, [work, state] { work(state); });
} catch (const std::exception &error) {
    fail(error);
}

extern "C" void pool_drain(void)
{
}
