/*
 * Asynchronous sockets that are closed while their operations complete: nothing comes afterwards, nothing leaks.
 */
#include "support_compat.h"

#include <stdlib.h>

TEST(close_races_with_every_notification)
{
    size_t rounds = harness_scaled(150);
    uint64_t random = harness_seed();
    apm_event_queue queue;

    CHECK_SUCCESS(apm_event_queue_create(0, &queue));
    for (size_t i = 0; i < rounds; i++) {
        struct counted *objects = calloc(3, sizeof *objects);
        struct counted *listener = objects, *client = objects + 1, *server = objects + 2;
        apm_endpoint local;
        size_t steps = harness_random(&random) % 8;

        CHECK(objects != NULL);
        for (int k = 0; k < 3; k++) {
            counted_initialize(&objects[k], queue);
            objects[k].reads = harness_random(&random) % 2;
        }
        local = counted_listen(listener);
        CHECK(apm_async_socket_create(&client->socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, NULL));
        CHECK_WSA(apm_async_socket_connect_endpoint(&client->socket, local), APM_WSAEWOULDBLOCK);
        for (size_t step = 0; step < steps; step++) {
            static char block[100000];

            CHECK(apm_event_queue_pump(queue, harness_random(&random) % 2 ? 1 : 0, NULL) != APM_ERROR_ARGUMENT);
            if (listener->accept > 0) {
                (void)apm_async_socket_accept(&listener->socket, &server->socket, NULL);
            }
            (void)apm_async_socket_send(&client->socket, block, (int)(harness_random(&random) % sizeof block), 0);
            if (server->socket.core) {
                (void)apm_async_socket_send(&server->socket, block, 1, APM_SOCKET_FLAGS_OUT_OF_BAND);
            }
        }
        for (int k = 0; k < 3; k++) {
            size_t which = (harness_random(&random) % 3 + (size_t)k) % 3;

            apm_async_socket_close(&objects[which].socket);
        }
        for (int k = 0; k < 3; k++) {
            apm_async_socket_destroy(&objects[k].socket);
        }
        free(objects); /* a callback that touched it would be seen by a sanitizer */
    }
    while (apm_event_queue_pump(queue, SHORT_WHILE_MS, NULL) == APM_ERROR_SUCCESS) {
    }
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

LIBRARY_TEST_MAIN()
