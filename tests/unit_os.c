/*
 * The porting contract, as a port has to keep it.
 */
#include <string.h>

#include "apm/socket.h"
#include "harness.h"
#include "os.h"

static _Atomic uint32_t word;
static _Atomic uint32_t started;

static void wait_until_changed(void *unused)
{
    (void)unused;
    apm__atomic_store(&started, 1, APM__SEQ_CST);
    while (apm__atomic_load(&word, APM__SEQ_CST) == 0)
        apm__os_wait_on_address(&word, 0, -1);
}

TEST(wait_on_address_returns_when_the_word_has_changed_and_is_woken)
{
    apm__os_thread thread;
    CHECK_EQ(apm__os_thread_create(&thread, "waiter", wait_until_changed, NULL, NULL), APM_ERROR_SUCCESS);
    while (apm__atomic_load(&started, APM__SEQ_CST) == 0)
        apm__os_spin_pause();
    apm__atomic_store(&word, 1, APM__SEQ_CST);
    apm__os_wake_by_address(&word);
    apm__os_thread_join(thread);
}

TEST(wait_on_address_does_not_wait_for_a_word_that_differs)
{
    apm__atomic_store(&word, 5, APM__SEQ_CST);
    CHECK(apm__os_wait_on_address(&word, 4, -1));
}

TEST(wait_on_address_ends_when_the_time_is_up)
{
    uint64_t before_ns = apm__os_monotonic_ns();
    apm__atomic_store(&word, 5, APM__SEQ_CST);
    while (apm__os_wait_on_address(&word, 5, 20000000))
        continue; /* it may return for no reason */
    CHECK(apm__os_monotonic_ns() - before_ns >= 19000000);
}

TEST(allocated_memory_is_zero)
{
    unsigned char *memory = apm__os_allocate(1000);
    CHECK(memory != NULL);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(memory[i], 0);
    apm__os_free(memory);
}

TEST(a_bell_rings_until_it_is_cleared)
{
    int bell;
    CHECK_EQ(apm__os_bell_create(&bell), APM_ERROR_SUCCESS);
    apm__os_poll_entry entry = {.socket = bell, .interest = APM__OS_READY_IN};
    CHECK_EQ(apm__os_poll(&entry, 1, 0), 0);
    apm__os_bell_ring(bell);
    apm__os_bell_ring(bell);
    CHECK_EQ(apm__os_poll(&entry, 1, -1), 1);
    CHECK_EQ(entry.ready, APM__OS_READY_IN);
    apm__os_bell_clear(bell);
    CHECK_EQ(apm__os_poll(&entry, 1, 0), 0);
    apm__os_bell_destroy(bell);
}

TEST(epoll_reports_a_descriptor_that_is_ready_when_it_is_added_and_then_its_edges)
{
    int epoll;
    int bell;
    apm__os_ready ready[4];
    CHECK_EQ(apm__os_epoll_create(&epoll), APM_ERROR_SUCCESS);
    CHECK_EQ(apm__os_bell_create(&bell), APM_ERROR_SUCCESS);
    apm__os_bell_ring(bell);
    CHECK_EQ(apm__os_epoll_add(epoll, bell, APM__OS_READY_IN, 42), APM_ERROR_SUCCESS);
    CHECK_EQ(apm__os_epoll_wait(epoll, ready, 4, -1), 1);
    CHECK_EQ(ready[0].key, 42);
    CHECK_EQ(ready[0].ready, APM__OS_READY_IN);
    CHECK_EQ(apm__os_epoll_wait(epoll, ready, 4, 0), 0);
    apm__os_bell_clear(bell);
    apm__os_bell_ring(bell);
    CHECK_EQ(apm__os_epoll_wait(epoll, ready, 4, -1), 1);
    apm__os_epoll_remove(epoll, bell);
    apm__os_bell_clear(bell);
    apm__os_bell_ring(bell);
    CHECK_EQ(apm__os_epoll_wait(epoll, ready, 4, 0), 0);
    apm__os_bell_destroy(bell);
    apm__os_epoll_destroy(epoll);
}

TEST(sockets_do_not_block_and_their_errors_are_translated)
{
    apm__os_socket descriptor;
    size_t count;
    char byte = 0;
    CHECK_EQ(apm__os_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, 0, &descriptor),
             APM_ERROR_SUCCESS);
    CHECK_EQ(apm__os_socket_receive(descriptor, &byte, 1, 0, &count), APM_ERROR_NOT_CONNECTED);
    CHECK(apm__os_native_error() != 0);
    CHECK_EQ(apm__os_socket_send(descriptor, &byte, 1, 0, &count), APM_ERROR_SHUTDOWN);
    CHECK_EQ(apm__os_socket_send(descriptor, &byte, 1, APM_SOCKET_FLAGS_PARTIAL, &count),
             APM_ERROR_OPERATION_NOT_SUPPORTED);
    apm_endpoint any = {.address = apm_ip_address_loopback(), .port = 0};
    CHECK_EQ(apm__os_socket_bind(descriptor, any), APM_ERROR_SUCCESS);
    CHECK_EQ(apm__os_socket_listen(descriptor, 1), APM_ERROR_SUCCESS);
    apm__os_socket accepted;
    CHECK_EQ(apm__os_socket_accept(descriptor, &accepted), APM_ERROR_WOULD_BLOCK);
    apm__os_socket_close(descriptor);
}

TEST(the_clock_goes_forward)
{
    uint64_t before_ns = apm__os_monotonic_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now_ns = apm__os_monotonic_ns();
        CHECK(now_ns >= before_ns);
        before_ns = now_ns;
    }
    CHECK(apm__os_processor_count() >= 1);
}

/* -- Threads -- */

static _Atomic uint32_t number;
static _Atomic uint32_t go_on;

static void sleep_then_compute(void *unused)
{
    (void)unused;
    apm__atomic_store(&number, apm__os_thread_number(), APM__SEQ_CST);
    while (apm__atomic_load(&go_on, APM__SEQ_CST) == 0)
        apm__os_wait_on_address(&go_on, 0, -1);
    while (apm__atomic_load(&go_on, APM__SEQ_CST) == 1)
        apm__os_spin_pause();
}

static void await_ready(bool ready)
{
    while (apm__os_thread_is_ready(apm__atomic_load(&number, APM__SEQ_CST)) != ready)
        apm__os_spin_pause();
}

TEST(a_thread_is_ready_while_it_computes_and_not_while_it_sleeps_and_joined_when_it_is_gone)
{
    apm__os_thread thread;
    CHECK_EQ(apm__os_thread_create(&thread, "a) R (b", sleep_then_compute, NULL, NULL), APM_ERROR_SUCCESS);
    while (apm__atomic_load(&number, APM__SEQ_CST) == 0)
        apm__os_spin_pause();
    await_ready(false);
    CHECK(!apm__os_thread_try_join(thread));
    apm__atomic_store(&go_on, 1, APM__SEQ_CST);
    apm__os_wake_by_address(&go_on);
    await_ready(true);
    CHECK(!apm__os_thread_try_join(thread));
    apm__atomic_store(&go_on, 2, APM__SEQ_CST);
    while (!apm__os_thread_try_join(thread))
        apm__os_spin_pause();
    await_ready(false); /* the system takes a moment to forget it */
}

TEST_MAIN()
