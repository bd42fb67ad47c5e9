/*
 * Any 64-bit value is safe to pass to any function: random ones, stale ones, and real ones with bits flipped.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* -- Every function that takes a handle -------------------------------------------------------------------------- */

static bool values_are_random;

/*
 * Refusals are all that a value that names nothing can get: what the value is must not be found out by trying. Close of
 * a stale handle succeeds.
 */
static void check_refused(apm_error error, uint64_t bits)
{
    if (values_are_random) {
        /* A value out of so many was never issued. */
        CHECK_ERROR(error, bits == 0 ? APM_ERROR_ARGUMENT_NULL : APM_ERROR_ARGUMENT);
        return;
    }
    if (error != APM_ERROR_ARGUMENT && error != APM_ERROR_ARGUMENT_NULL && error != APM_ERROR_OBJECT_DISPOSED &&
        error != APM_ERROR_INVALID_OPERATION) {
        harness_fail(__FILE__, __LINE__, "handle %llx was not refused but got %s", (unsigned long long)bits,
                     apm_error_name(error));
    }
}

static void check_closed_or_refused(apm_error error, uint64_t bits)
{
    if (error != APM_ERROR_SUCCESS || values_are_random) {
        check_refused(error, bits);
    }
}

static void try_as_socket_to_begin(uint64_t bits)
{
    apm_socket socket = {bits};
    apm_ip_address address = apm_ip_address_loopback();
    apm_endpoint endpoint = {.address = address, .port = 1};
    apm_async_result result;
    uint8_t buffer[4];
    size_t count;

    check_refused(apm_socket_begin_accept(socket, NULL, NULL, &result), bits);
    check_refused(apm_socket_begin_connect(socket, endpoint, NULL, NULL, &result), bits);
    check_refused(apm_socket_begin_connect_host(socket, "127.0.0.1", 1, NULL, NULL, &result), bits);
    check_refused(apm_socket_begin_connect_addresses(socket, &address, 1, 1, NULL, NULL, &result), bits);
    check_refused(apm_socket_begin_connect_endpoints(socket, &endpoint, 1, NULL, NULL, &result), bits);
    check_refused(apm_socket_begin_disconnect(socket, true, NULL, NULL, &result), bits);
    check_refused(apm_socket_begin_receive(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result), bits);
    check_refused(apm_socket_begin_send(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result), bits);
    CHECK(apm_async_result_is_null(result));
    check_refused(apm_socket_accept(socket, &socket), bits);
    socket.bits = bits;
    check_refused(apm_socket_connect(socket, endpoint), bits);
    check_refused(apm_socket_connect_host(socket, "127.0.0.1", 1), bits);
    check_refused(apm_socket_connect_addresses(socket, &address, 1, 1), bits);
    check_refused(apm_socket_disconnect(socket, true), bits);
    check_refused(apm_socket_receive(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &count), bits);
    check_refused(apm_socket_send(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &count), bits);
}

static void try_as_socket(uint64_t bits)
{
    apm_socket socket = {bits};
    apm_endpoint endpoint = {.address = apm_ip_address_loopback()};
    apm_address_family family;
    apm_socket_type type;
    apm_protocol_type protocol;
    apm_linger_option linger = {false, 0};
    size_t count;
    int number;
    bool flag;

    check_closed_or_refused(apm_socket_close(socket), bits);
    check_closed_or_refused(apm_socket_close_and_wait(socket, 0), bits);
    check_refused(apm_socket_bind(socket, endpoint), bits);
    check_refused(apm_socket_listen(socket, 1), bits);
    check_refused(apm_socket_shutdown(socket, APM_SOCKET_SHUTDOWN_BOTH), bits);
    check_refused(apm_socket_local_endpoint(socket, &endpoint), bits);
    check_refused(apm_socket_remote_endpoint(socket, &endpoint), bits);
    CHECK(!apm_socket_connected(socket));
    CHECK(!apm_socket_is_bound(socket));
    check_refused(apm_socket_available(socket, &count), bits);
    check_refused(apm_socket_address_family(socket, &family), bits);
    check_refused(apm_socket_socket_type(socket, &type), bits);
    check_refused(apm_socket_protocol_type(socket, &protocol), bits);
    check_refused(apm_socket_no_delay(socket, &flag), bits);
    check_refused(apm_socket_set_no_delay(socket, true), bits);
    check_refused(apm_socket_receive_buffer_size(socket, &number), bits);
    check_refused(apm_socket_set_receive_buffer_size(socket, 4096), bits);
    check_refused(apm_socket_send_buffer_size(socket, &number), bits);
    check_refused(apm_socket_set_send_buffer_size(socket, 4096), bits);
    check_refused(apm_socket_linger_state(socket, &linger), bits);
    check_refused(apm_socket_set_linger_state(socket, linger), bits);
    check_refused(apm_socket_reuse_address(socket, &flag), bits);
    check_refused(apm_socket_set_reuse_address(socket, true), bits);
    check_refused(apm_socket_dual_mode(socket, &flag), bits);
    check_refused(apm_socket_set_dual_mode(socket, true), bits);
    check_refused(apm_socket_receive_timeout(socket, &number), bits);
    check_refused(apm_socket_set_receive_timeout(socket, 1), bits);
    check_refused(apm_socket_send_timeout(socket, &number), bits);
    check_refused(apm_socket_set_send_timeout(socket, 1), bits);
}

static void try_as_result(uint64_t bits, apm_socket real)
{
    apm_async_result result = {bits};
    apm_socket same_bits = {bits};
    apm_socket sockets[2] = {real, same_bits};
    apm_socket accepted;
    apm_host_entry *entry;
    size_t count;

    for (size_t i = 0; i < 2; i++) {
        check_refused(apm_socket_end_accept(sockets[i], result, &accepted), bits);
        check_refused(apm_socket_end_connect(sockets[i], result), bits);
        check_refused(apm_socket_end_disconnect(sockets[i], result), bits);
        check_refused(apm_socket_end_receive(sockets[i], result, &count), bits);
        check_refused(apm_socket_end_send(sockets[i], result, &count), bits);
    }
    check_refused(apm_dns_end_get_host_entry(result, &entry), bits);
    check_refused(apm_dns_end_get_host_addresses(result, &entry), bits);
    check_refused(apm_async_result_cancel(result), bits);
    check_refused(apm_async_result_cancel_after(result, 0), bits);
    CHECK(apm_async_result_is_completed(result));
    CHECK(!apm_async_result_completed_synchronously(result));
    CHECK(apm_async_result_async_state(result) == NULL);
    CHECK(apm_socket_is_null(apm_async_result_socket(result)));
    (void)apm_async_result_async_wait_handle(result);
}

static void try_as_wait_handle(uint64_t bits)
{
    apm_wait_handle handle = {bits};
    apm_manual_reset_event manual = {bits};
    apm_auto_reset_event automatic = {bits};
    size_t index;

    /* A result that was ended is a handle that is signalled for ever, so that a wait may succeed. */
    check_closed_or_refused(apm_wait_handle_wait_one(handle, 0), bits);
    check_closed_or_refused(apm_wait_handle_wait_any(&handle, 1, 0, &index), bits);
    check_closed_or_refused(apm_wait_handle_wait_all(&handle, 1, 0), bits);
    check_refused(apm_manual_reset_event_set(manual), bits);
    check_refused(apm_manual_reset_event_reset(manual), bits);
    check_refused(apm_manual_reset_event_wait_one(manual, 0), bits);
    check_closed_or_refused(apm_manual_reset_event_close(manual), bits);
    check_refused(apm_auto_reset_event_set(automatic), bits);
    check_refused(apm_auto_reset_event_reset(automatic), bits);
    check_refused(apm_auto_reset_event_wait_one(automatic, 0), bits);
    check_closed_or_refused(apm_auto_reset_event_close(automatic), bits);
}

static void try_as_pool(uint64_t bits)
{
    apm_thread_pool pool = {bits};
    int threads;

    check_refused(apm_thread_pool_set_min_threads(pool, 2), bits);
    check_refused(apm_thread_pool_set_max_threads(pool, 200), bits);
    check_refused(apm_thread_pool_min_threads(pool, &threads), bits);
    check_refused(apm_thread_pool_max_threads(pool, &threads), bits);
    check_refused(apm_thread_pool_thread_count(pool, &threads), bits);
}

static void ignore_timer(void *state)
{
    (void)state;
}

static void ignore_wait(void *state, bool timed_out)
{
    (void)state;
    (void)timed_out;
}

static void try_as_timer_or_registered_wait(uint64_t bits)
{
    static const apm_thread_pool default_pool = APM_NULL_HANDLE;
    apm_thread_pool pool = {bits};
    apm_timer timer = {bits};
    apm_registered_wait_handle registered = {bits};
    apm_wait_handle handle = {bits};

    check_refused(apm_timer_change(timer, 1, 1), bits);
    check_closed_or_refused(apm_timer_close(timer), bits);
    check_refused(apm_timer_close_and_signal(timer, handle), bits);
    check_refused(apm_registered_wait_handle_unregister(registered, handle), bits);
    if (bits != 0) { /* the default pool's handle */
        check_refused(apm_timer_create(pool, ignore_timer, NULL, 1, 1, &timer), bits);
        CHECK(apm_timer_is_null(timer));
    }
    if (values_are_random) { /* or else it may be a result that was ended */
        check_refused(apm_thread_pool_register_wait_for_single_object(default_pool, handle, ignore_wait, NULL, -1, true,
                                                                      &registered),
                      bits);
        CHECK(apm_registered_wait_handle_is_null(registered));
    }
}

static void try_as_everything(uint64_t bits, apm_socket real)
{
    try_as_socket(bits);
    try_as_socket_to_begin(bits);
    try_as_result(bits, real);
    try_as_wait_handle(bits);
    try_as_timer_or_registered_wait(bits);
    if (bits != 0) {
        try_as_pool(bits);
    }
}

/* -- Real handles ------------------------------------------------------------------------------------------------ */

enum { REAL_COUNT = 7 };

/* One live object of each kind, whose handles no other value may reach. */
struct real_objects {
    apm_endpoint local;
    apm_socket listener;
    struct operation accept;
    struct operation ended;
    apm_manual_reset_event manual;
    apm_auto_reset_event automatic;
    apm_timer timer;
    apm_registered_wait_handle registered;
    uint64_t handles[REAL_COUNT];
};

static void real_objects_create(struct real_objects *real)
{
    static const apm_thread_pool default_pool = APM_NULL_HANDLE;
    apm_socket none;

    real->listener = tcp_listen(&real->local);
    CHECK_SUCCESS(apm_socket_begin_accept(real->listener, ON_CALLBACK(&real->accept)));
    CHECK_SUCCESS(apm_socket_begin_accept(real->listener, ON_CALLBACK(&real->ended)));
    CHECK_SUCCESS(apm_async_result_cancel(real->ended.result));
    CHECK_ERROR(finish_accept(real->listener, &real->ended, &none), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &real->manual));
    CHECK_SUCCESS(apm_auto_reset_event_create(false, &real->automatic));
    CHECK_SUCCESS(apm_timer_create(default_pool, ignore_timer, NULL, 1000000, -1, &real->timer));
    CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(default_pool,
                                                                  apm_manual_reset_event_to_wait_handle(real->manual),
                                                                  ignore_wait, NULL, -1, true, &real->registered));
    real->handles[0] = real->listener.bits;
    real->handles[1] = real->accept.result.bits;
    real->handles[2] = real->ended.result.bits;
    real->handles[3] = real->manual.bits;
    real->handles[4] = real->automatic.bits;
    real->handles[5] = real->timer.bits;
    real->handles[6] = real->registered.bits;
}

static bool is_real(const struct real_objects *real, uint64_t bits)
{
    for (size_t i = 0; i < REAL_COUNT; i++) {
        if (real->handles[i] == bits) {
            return true;
        }
    }
    return false;
}

/* Every one of them still is what it was. */
static void real_objects_close(struct real_objects *real)
{
    static const apm_wait_handle no_event = APM_NULL_HANDLE;
    apm_socket accepted;
    int peer;

    CHECK_EQ(apm_timer_active_count(), 1);
    CHECK_SUCCESS(apm_timer_close(real->timer));
    CHECK_SUCCESS(apm_registered_wait_handle_unregister(real->registered, no_event));
    CHECK(!apm_async_result_is_completed(real->accept.result));
    peer = raw_connect(real->local);
    CHECK_SUCCESS(finish_accept(real->listener, &real->accept, &accepted));
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(real->listener));
    CHECK_ERROR(apm_manual_reset_event_wait_one(real->manual, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_ERROR(apm_auto_reset_event_wait_one(real->automatic, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_manual_reset_event_close(real->manual));
    CHECK_SUCCESS(apm_auto_reset_event_close(real->automatic));
    raw_close(peer);
}

/* -- The tests --------------------------------------------------------------------------------------------------- */

TEST_WITH_TIMEOUT(a_million_random_values_are_refused_by_every_function, 600)
{
    struct real_objects real;
    uint64_t random = harness_seed();

    values_are_random = true;
    real_objects_create(&real);
    for (size_t i = 0; i < harness_scaled(1000000); i++) {
        uint64_t bits = harness_random(&random);

        if (!is_real(&real, bits)) {
            try_as_everything(bits, real.listener);
        }
    }
    real_objects_close(&real);
}

TEST_WITH_TIMEOUT(small_values_are_refused_by_every_function, 600)
{
    struct real_objects real;

    /* Small numbers in either half, as slots and generations have them. */
    real_objects_create(&real);
    for (uint64_t high = 0; high < 100; high++) {
        for (uint64_t low = 0; low < 100; low++) {
            uint64_t values[3] = {high << 32 | low, high << 48 | low, high << 56 | low << 32 | high};

            for (size_t i = 0; i < 3; i++) {
                if (!is_real(&real, values[i])) {
                    try_as_everything(values[i], real.listener);
                }
            }
        }
    }
    real_objects_close(&real);
}

TEST_WITH_TIMEOUT(bit_flips_of_real_handles_are_refused_by_every_function, 600)
{
    struct real_objects real;

    real_objects_create(&real);
    for (size_t i = 0; i < REAL_COUNT; i++) {
        for (int first = 0; first < 64; first++) {
            for (int second = 0; second <= first; second++) {
                uint64_t flips = UINT64_C(1) << first | UINT64_C(1) << second;
                uint64_t bits = real.handles[i] ^ flips;

                if (!is_real(&real, bits)) {
                    try_as_everything(bits, real.listener);
                }
            }
        }
    }
    real_objects_close(&real);
}

TEST(handles_of_one_kind_are_refused_as_any_other)
{
    struct real_objects real;
    apm_manual_reset_event event;

    real_objects_create(&real);
    for (size_t i = 0; i < REAL_COUNT; i++) {
        uint64_t bits = real.handles[i];

        if (bits != real.listener.bits) {
            try_as_socket(bits);
            try_as_socket_to_begin(bits);
        }
        if (bits != real.accept.result.bits && bits != real.ended.result.bits) {
            try_as_result(bits, real.listener);
        }
        event.bits = bits;
        if (bits != real.manual.bits) {
            check_refused(apm_manual_reset_event_set(event), bits);
        }
        if (bits != real.timer.bits && bits != real.registered.bits) {
            try_as_timer_or_registered_wait(bits);
        }
        try_as_pool(bits);
    }
    real_objects_close(&real);
}

LIBRARY_TEST_MAIN()
