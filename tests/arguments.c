/*
 * Runs the subjects of the generated tests of arguments: see arguments.h.
 *
 * A call that would wait for ever is ended by a timer, which closes all objects of the fixture: what a synchronous call
 * says then is documented, too. The list of what is kept is the test thread's but for that; the timer is over before it
 * is touched again.
 */
#include "arguments.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { KEPT_MAX = 64, WATCH_MS = 30 };

static struct {
    struct {
        uint64_t bits;
        void (*close)(uint64_t bits);
    } kept[KEPT_MAX];
    size_t kept_count;
    int descriptors[KEPT_MAX];
    size_t descriptor_count;
    apm_endpoint endpoint; /* null until it is asked for */
    apm_async_result completed;
    struct latch completions;
    size_t completions_taken;
    uint64_t random;
} fixture = {.completions = LATCH_INITIALIZER};

/* -- Good arguments ---------------------------------------------------------------------------------------------- */

void arguments_keep(uint64_t bits, void (*close)(uint64_t bits))
{
    CHECK(fixture.kept_count < KEPT_MAX);
    fixture.kept[fixture.kept_count].bits = bits;
    fixture.kept[fixture.kept_count].close = close;
    fixture.kept_count++;
}

int arguments_keep_descriptor(int descriptor)
{
    CHECK(fixture.descriptor_count < KEPT_MAX);
    fixture.descriptors[fixture.descriptor_count++] = descriptor;
    return descriptor;
}

static void close_socket(uint64_t bits)
{
    (void)apm_socket_close((apm_socket){bits});
}

static void close_barrier(uint64_t bits)
{
    (void)apm_barrier_close((apm_barrier){bits});
}

void arguments_close_all(void)
{
    while (fixture.kept_count > 0) {
        fixture.kept_count--;
        fixture.kept[fixture.kept_count].close(fixture.kept[fixture.kept_count].bits);
    }
    while (fixture.descriptor_count > 0) {
        raw_close(fixture.descriptors[--fixture.descriptor_count]);
    }
    fixture.endpoint = (apm_endpoint){0};
}

apm_endpoint arguments_endpoint(void)
{
    if (apm_endpoint_is_null(fixture.endpoint)) {
        arguments_keep_descriptor(raw_listen(64, &fixture.endpoint));
    }
    return fixture.endpoint;
}

int arguments_port(void)
{
    return arguments_endpoint().port;
}

void *arguments_train(void)
{
    static uint8_t train[APM_DATAGRAM_TRAIN_SIZE];

    return train;
}

int arguments_file(void)
{
    return arguments_keep_descriptor(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

/* A connected socket; what the peer has done with the connection depends on the state. */
static void connect_socket(apm_socket socket, enum arguments_state state)
{
    apm_endpoint remote;
    int listener = raw_listen(1, &remote);
    int peer;

    CHECK_SUCCESS(apm_socket_connect(socket, remote));
    peer = raw_accept(listener);
    raw_close(listener);
    if (state == ARGUMENTS_STATE_PEER_CLOSED) {
        raw_close(peer);
        return;
    }
    if (state == ARGUMENTS_STATE_PEER_RESET) {
        raw_reset(peer);
        return;
    }
    arguments_keep_descriptor(peer);
    if (state == ARGUMENTS_STATE_SHUT_DOWN) {
        CHECK_SUCCESS(apm_socket_shutdown(socket, APM_SOCKET_SHUTDOWN_BOTH));
    } else if (state == ARGUMENTS_STATE_DISCONNECTED) {
        CHECK_SUCCESS(apm_socket_disconnect(socket, true));
    } else {
        uint8_t data[2 * ARGUMENTS_GOOD_SIZE] = {0};

        raw_write(peer, data, sizeof data);
        await_available(socket, sizeof data);
    }
}

apm_socket arguments_socket(enum arguments_state state)
{
    apm_socket socket;
    apm_endpoint local;
    apm_error refused;

    if (state == ARGUMENTS_STATE_UNIX) {
        return arguments_unix_socket(false);
    }
    if (state == ARGUMENTS_STATE_DATAGRAMS || state == ARGUMENTS_STATE_GROUP_MEMBER) {
        return arguments_datagram_socket(state == ARGUMENTS_STATE_GROUP_MEMBER);
    }
    if (state == ARGUMENTS_STATE_FRESH_IPV6) {
        CHECK_SUCCESS(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6, APM_SOCKET_TYPE_STREAM,
                                        APM_PROTOCOL_TYPE_TCP, &socket));
    } else {
        socket = tcp_create();
    }
    arguments_keep(socket.bits, close_socket);
    switch (state) {
    case ARGUMENTS_STATE_FRESH:
    case ARGUMENTS_STATE_FRESH_IPV6: break;
    case ARGUMENTS_STATE_BOUND: CHECK_SUCCESS(apm_socket_bind(socket, loopback_endpoint(0))); break;
    case ARGUMENTS_STATE_LISTENING:
        CHECK_SUCCESS(apm_socket_bind(socket, loopback_endpoint(0)));
        CHECK_SUCCESS(apm_socket_listen(socket, 8));
        CHECK_SUCCESS(apm_socket_local_endpoint(socket, &local));
        arguments_keep_descriptor(raw_connect(local));
        break;
    case ARGUMENTS_STATE_CONNECT_FAILED:
        refused = apm_socket_connect(socket, closed_endpoint());
        CHECK_ERROR(refused, APM_ERROR_CONNECTION_REFUSED);
        break;
    default: connect_socket(socket, state);
    }
    return socket;
}

uint64_t arguments_random_bits(void)
{
    if (fixture.random == 0) {
        fixture.random = harness_seed();
    }
    return harness_random(&fixture.random) | 1;
}

uint64_t arguments_bits_of_a_socket(void)
{
    return arguments_socket(ARGUMENTS_STATE_FRESH).bits;
}

uint64_t arguments_bits_of_a_barrier(void)
{
    apm_barrier barrier;

    CHECK_SUCCESS(apm_barrier_create(1, NULL, NULL, &barrier));
    arguments_keep(barrier.bits, close_barrier);
    return barrier.bits;
}

static uint8_t received_data[4];

static void end_receive(uint64_t bits)
{
    apm_async_result result = {bits};
    apm_socket socket = apm_async_result_socket(result);
    apm_error error = apm_async_result_cancel(result);

    /* The call that was tried may have ended it. */
    if (error == APM_ERROR_SUCCESS) {
        error = apm_socket_end_receive(socket, result, NULL);
    }
    (void)error;
}

apm_async_result arguments_pending_result(void)
{
    apm_socket socket = arguments_socket(ARGUMENTS_STATE_CONNECTED);
    apm_async_result result;
    size_t available;

    /* Everything is received, so that the next receive has to wait. */
    CHECK_SUCCESS(apm_socket_available(socket, &available));
    while (available > 0) {
        uint8_t data[2 * ARGUMENTS_GOOD_SIZE];

        receive_exactly(socket, data, available);
        CHECK_SUCCESS(apm_socket_available(socket, &available));
    }
    CHECK_SUCCESS(apm_socket_begin_receive(socket, received_data, sizeof received_data, APM_SOCKET_FLAGS_NONE, NULL,
                                           NULL, &result));
    arguments_keep(result.bits, end_receive);
    return result;
}

apm_async_result arguments_ended_result(void)
{
    apm_async_result result = arguments_pending_result();

    end_receive(result.bits);
    return result;
}

apm_socket_address arguments_socket_address(void)
{
    apm_socket_address address;

    CHECK_SUCCESS(apm_endpoint_serialize(loopback_endpoint(1), &address));
    return address;
}

apm_ip_address *arguments_address_to_change(apm_ip_address address)
{
    static apm_ip_address changed;

    changed = address;
    return &changed;
}

void arguments_on_completion(apm_async_result result)
{
    fixture.completed = result;
    latch_add(&fixture.completions, 1);
}

apm_async_result arguments_await_completion(void)
{
    fixture.completions_taken++;
    LATCH_AWAIT(&fixture.completions, fixture.completions_taken);
    return fixture.completed;
}

/* -- Running ----------------------------------------------------------------------------------------------------- */

static bool is_documented(const apm_error *documented, size_t count, int error)
{
    for (size_t i = 0; i < count; i++) {
        if ((int)documented[i] == error) {
            return true;
        }
    }
    return false;
}

void arguments_check_end(const char *name, apm_error error, const apm_error *documented, size_t count)
{
    if (error != APM_ERROR_SUCCESS && !is_documented(documented, count, (int)error)) {
        harness_fail(__FILE__, __LINE__, "%s: %s is not among its documented errors", name, apm_error_name(error));
    }
}

static const char *text_of(const struct arguments_subject *subject, int outcome)
{
    if (subject->result == ARGUMENTS_ERROR) {
        return apm_error_name((apm_error)outcome);
    }
    return outcome ? "true" : "false";
}

static void check_outcome(const struct arguments_subject *subject, int way, const struct arguments_variant *variant,
                          int outcome)
{
    bool documented = is_documented(subject->documented, subject->documented_count, outcome);
    bool succeeded = outcome == APM_ERROR_SUCCESS;
    bool right = true;

    if (variant->outcome == ARGUMENTS_EXACTLY) {
        right = outcome == variant->expected && (succeeded || documented || subject->result != ARGUMENTS_ERROR);
    } else if (subject->result == ARGUMENTS_ERROR) {
        right = documented || (succeeded && variant->outcome != ARGUMENTS_REFUSED);
        right = right && (variant->outcome != ARGUMENTS_NEVER || outcome != variant->expected);
    }
    if (!right) {
        const char *expected = variant->outcome == ARGUMENTS_REFUSED   ? "a documented error"
                               : variant->outcome == ARGUMENTS_ALLOWED ? "success or a documented error"
                                                                       : text_of(subject, variant->expected);

        harness_fail(__FILE__, __LINE__, "%s, %s (way %d): %s, which is %s; expected %s%s", subject->name,
                     variant->what, way, text_of(subject, outcome),
                     documented || succeeded ? "documented" : "not documented",
                     variant->outcome == ARGUMENTS_NEVER ? "anything but " : "", expected);
    }
}

static void close_kept(void *state)
{
    (void)state;
    for (size_t i = fixture.kept_count; i > 0; i--) {
        fixture.kept[i - 1].close(fixture.kept[i - 1].bits);
    }
}

/* Makes the call; one that waits is ended by the timer, which no longer runs when this returns. */
static int call_watched(const struct arguments_subject *subject)
{
    static const apm_thread_pool default_pool = APM_NULL_HANDLE;
    apm_manual_reset_event over;
    apm_timer timer;
    int outcome;

    if (!subject->may_wait) {
        return subject->call();
    }
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &over));
    CHECK_SUCCESS(apm_timer_create(default_pool, close_kept, NULL, WATCH_MS, -1, &timer));
    outcome = subject->call();
    CHECK_SUCCESS(apm_timer_close_and_signal(timer, apm_manual_reset_event_to_wait_handle(over)));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(over, PATIENCE_MS));
    CHECK_SUCCESS(apm_manual_reset_event_close(over));
    return outcome;
}

static int run_once(const struct arguments_subject *subject, int way, int variant)
{
    int outcome;

    subject->make(way);
    subject->vary(variant);
    outcome = call_watched(subject);
    check_outcome(subject, way, &subject->variants[variant], outcome);
    if (subject->finish) {
        subject->finish(outcome);
    }
    arguments_close_all();
    return outcome;
}

/* Whether the good arguments are good: what is wrong with one of them can be seen only then. */
static bool is_good(const struct arguments_subject *subject, int outcome)
{
    /* The outcome of an operation is as good as any other for its End, which does not look at handles. */
    bool is_outcome = outcome == APM_ERROR_DESTINATION_ADDRESS_REQUIRED || outcome == (int)APM_ERROR_OBJECT_DISPOSED;

    if (is_outcome && strstr(subject->name, "apm_udp_client_end_") == subject->name) {
        return true;
    }
    /* An operation that is ended here has been cancelled before, so that its End does not wait. */
    return subject->result != ARGUMENTS_ERROR || outcome == APM_ERROR_SUCCESS || outcome == APM_ERROR_WAIT_TIMEOUT ||
           outcome == APM_ERROR_OPERATION_ABORTED;
}

void arguments_run(const struct arguments_subject *subject)
{
    int good = -1;

    if (strstr(subject->name, "membership") || strstr(subject->name, "multicast_group")) {
        arguments_enter_private_network();
    }
    for (int way = 0; way < subject->ways; way++) {
        int outcome = run_once(subject, way, 0);

        if (good < 0 && is_good(subject, outcome)) {
            good = way;
        }
    }
    /* Wrong handles are noticed first, so these errors do not hide behind others. */
    for (size_t variant = 1; variant < (good < 0 ? subject->handle_variant_count : subject->variant_count); variant++) {
        run_once(subject, good < 0 ? 0 : good, (int)variant);
    }
    if (good < 0) {
        SKIP("no good arguments of %s are known, so only handles are tried: see GOOD in tools/argument_cases.py",
             subject->name);
    }
}
