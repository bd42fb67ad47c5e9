/*
 * An event queue in a foreign event loop, by its descriptor: GLib's and libuv's. A loop whose library was not there
 * when this was built is skipped.
 */
#include "apm/compat/event_queue.h"

#include "support.h"

#ifdef HAVE_GLIB
#include <glib-unix.h>
#endif
#ifdef HAVE_LIBUV
#include <uv.h>
#endif

#if defined(HAVE_GLIB) || defined(HAVE_LIBUV)

enum { AMOUNT = 2000 };

struct loop {
    apm_event_queue queue;
    apm_event_target target;
    size_t got;
    void *foreign;
    void (*stop)(void *foreign);
};

static void count_until_all(const apm_event_message *message, void *context)
{
    struct loop *loop = context;

    CHECK_EQ(message->w_param, loop->got);
    if (++loop->got == AMOUNT) {
        loop->stop(loop->foreign);
    }
}

static void *post_all(void *argument)
{
    struct loop *loop = argument;

    for (size_t i = 0; i < AMOUNT; i++) {
        CHECK_SUCCESS(apm_event_target_post(loop->target, APM_EVENT_MESSAGE_USER, i, 0));
    }
    return NULL;
}

static intptr_t loop_start(struct loop *loop, pthread_t *thread)
{
    intptr_t descriptor;

    CHECK_SUCCESS(apm_event_queue_create(0, &loop->queue));
    CHECK_SUCCESS(apm_event_queue_descriptor(loop->queue, &descriptor));
    CHECK_SUCCESS(apm_event_target_create(loop->queue, count_until_all, loop, &loop->target));
    CHECK_EQ(pthread_create(thread, NULL, post_all, loop), 0);
    return descriptor;
}

static void loop_pump(struct loop *loop)
{
    apm_error error = apm_event_queue_pump(loop->queue, 0, NULL);

    CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_WAIT_TIMEOUT);
}

static void loop_finish(struct loop *loop, pthread_t thread)
{
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(loop->got, AMOUNT);
    CHECK_SUCCESS(apm_event_target_close(loop->target));
    CHECK_SUCCESS(apm_event_queue_close(loop->queue));
}

#endif

#ifdef HAVE_GLIB
static gboolean on_glib_readable(gint descriptor, GIOCondition condition, gpointer data)
{
    (void)descriptor;
    (void)condition;
    loop_pump(data);
    return G_SOURCE_CONTINUE;
}

static void stop_glib(void *foreign)
{
    g_main_loop_quit(foreign);
}
#endif

TEST(queue_is_pumped_by_glibs_main_loop)
{
#ifdef HAVE_GLIB
    struct loop loop = {.stop = stop_glib, .foreign = g_main_loop_new(NULL, FALSE)};
    pthread_t thread;
    guint source = g_unix_fd_add((gint)loop_start(&loop, &thread), G_IO_IN, on_glib_readable, &loop);

    g_main_loop_run(loop.foreign);
    g_source_remove(source);
    g_main_loop_unref(loop.foreign);
    /* GLib keeps the descriptor of its default context, which this process has not had before. */
    loop_finish(&loop, thread);
    g_main_context_unref(g_main_context_default());
#else
    SKIP("GLib was not installed when this was built");
#endif
}

#ifdef HAVE_LIBUV
static void on_uv_readable(uv_poll_t *poll, int status, int events)
{
    CHECK_EQ(status, 0);
    (void)events;
    loop_pump(poll->data);
}

static void stop_uv(void *foreign)
{
    uv_close(foreign, NULL);
}
#endif

TEST(queue_is_pumped_by_libuvs_loop)
{
#ifdef HAVE_LIBUV
    uv_loop_t uv;
    uv_poll_t poll;
    struct loop loop = {.stop = stop_uv, .foreign = &poll};
    pthread_t thread;

    CHECK_EQ(uv_loop_init(&uv), 0);
    CHECK_EQ(uv_poll_init(&uv, &poll, (int)loop_start(&loop, &thread)), 0);
    poll.data = &loop;
    CHECK_EQ(uv_poll_start(&poll, UV_READABLE, on_uv_readable), 0);
    CHECK_EQ(uv_run(&uv, UV_RUN_DEFAULT), 0);
    CHECK_EQ(uv_loop_close(&uv), 0);
    uv_library_shutdown();
    loop_finish(&loop, thread);
#else
    SKIP("libuv was not installed when this was built");
#endif
}

LIBRARY_TEST_MAIN()
