/*
 * Memory that runs out in the porting layers: the call that needed it says so, and all else goes on. This program is
 * linked so that its own function stands in for the system's.
 */
#include "apm/compat/archive.h"
#include "apm/compat/blocking_socket.h"

#include <stdlib.h>

#include "support_compat.h"

/* How many allocations still succeed; -1 is any number. Those of other threads count, too. */
static _Atomic int left = -1;

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool runs_out(void)
{
    int now = atomic_load(&left);

    return now == 0 || (now > 0 && atomic_fetch_sub(&left, 1) <= 0);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return runs_out() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return runs_out() ? NULL : __real_realloc(memory, size);
}

/* One try of everything that allocates; whether nothing failed. */
static bool try_sockets(apm_event_queue queue, apm_endpoint *local)
{
    struct counted listener, client;
    bool done;

    counted_initialize(&listener, queue);
    counted_initialize(&client, queue);
    done = apm_async_socket_create(&listener.socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, "127.0.0.1") &&
           apm_async_socket_listen(&listener.socket, 5) && apm_async_socket_get_sock_name(&listener.socket, local) &&
           apm_async_socket_create(&client.socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, NULL) &&
           !apm_async_socket_connect_endpoint(&client.socket, *local) &&
           apm_async_socket_get_last_error() == APM_WSAEWOULDBLOCK;
    for (int i = 0; i < 8 && done; i++) {
        done = apm_event_queue_post(queue, APM_EVENT_MESSAGE_USER, 0, 0) == APM_ERROR_SUCCESS;
    }
    atomic_store(&left, -1);
    if (done) {
        PUMP_UNTIL(queue, client.connect == 1 && listener.accept == 1);
    }
    apm_async_socket_destroy(&client.socket);
    apm_async_socket_destroy(&listener.socket);
    return done;
}

TEST(sockets_and_queues_for_which_there_is_no_memory_are_refused_and_nothing_leaks)
{
    bool done = false;

    for (int i = 0; i < 60; i++) {
        apm_event_queue queue;
        apm_endpoint local;

        atomic_store(&left, i);
        if (apm_event_queue_create(0, &queue) != APM_ERROR_SUCCESS) {
            atomic_store(&left, -1);
            CHECK(apm_event_queue_is_null(queue));
            continue;
        }
        done = try_sockets(queue, &local);
        CHECK_SUCCESS(apm_event_queue_close(queue));
    }
    CHECK(done);
}

TEST(archive_for_which_there_is_no_memory_fails_with_that_cause)
{
    static char text[200000];
    bool stored = false;

    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 40; i++) {
        apm_archive_memory memory = {.bytes = NULL};
        apm_archive_file file = apm_archive_memory_file(&memory);
        apm_archive *archive = NULL;
        apm_archive_cause cause = APM_ARCHIVE_OUT_OF_MEMORY;
        char *back = NULL;

        atomic_store(&left, i);
        if (apm_archive_create(&file, APM_ARCHIVE_STORE, 0, &archive) == APM_ERROR_SUCCESS) {
            apm_archive_write_string(archive, text);
            cause = apm_archive_close(archive);
        }
        stored = cause == APM_ARCHIVE_NONE;
        CHECK(stored || cause == APM_ARCHIVE_OUT_OF_MEMORY || cause == APM_ARCHIVE_FILE);
        if (stored && apm_archive_create(&file, APM_ARCHIVE_LOAD, 0, &archive) == APM_ERROR_SUCCESS) {
            cause = apm_archive_read_string(archive, &back, NULL);
            CHECK(cause == APM_ARCHIVE_NONE || cause == APM_ARCHIVE_OUT_OF_MEMORY);
            CHECK((cause == APM_ARCHIVE_NONE) == (back != NULL));
            apm_archive_abort(archive);
        }
        atomic_store(&left, -1);
        apm_archive_free(back);
        apm_archive_memory_free(&memory);
    }
    CHECK(stored);
}

LIBRARY_TEST_MAIN()
